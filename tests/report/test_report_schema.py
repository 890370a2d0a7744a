"""The schema of the report: what `--format json` writes is valid by it, whatever the report is of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests import ROOT
from verifier import load, load_text
from verifier.cli import main
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report.draw.json import render
from verifier.report.glossary import PROOF_WORDS
from verifier.report.outcome import Report
from verifier.report.report_schema import BASES, PROOFS, STATUSES, VERSION, report_schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
VALIDATOR = jsonschema.Draft7Validator(report_schema())

TEXTS = {
    "wrong": "function: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n",
    "broken": "fucntion: sin(x)\npoints: [{x: 1}]\n",
    "unusable": "function: x*x\npoints: [{x: 1e6}]\nformats: [float16]\n",
    "kink": "function: abs(x)\npoints: [{x: 0}]\n",
    "pole": "function: log(x)\npoints: [{x: -1}, {x: 0}]\n",
    "infinite": "function: exp(x)\npoints: [{x: inf}, {x: nan}, {x: 710}]\n",
    "lossy": "function: tanh(x)\npoints: [{x: 20}]\nimplementations: {it: {backward: dx = 1 - out**2}}\n",
    "sampled": "function: x*y\ndomain: {x: [0, 1], y: [-1, 1]}\nsample: 20\n",
    "swept": "function: exp(x) - 1\nexhaustive: true\nformats: [float8_e4m3fn]\nimplementations: {it: {backward: dx = (out + 1) * dout}}\n",
    "hunted": "function: exp(x) / (1 + exp(x))\nhunt: true\ndomain: {x: [600, 800]}\n",
    "certified": "function: x*x\ndomain: {x: [1, 2]}\ncertify: {ulps: 1}\n",
    "refuted": "function: exp(x)*x\ndomain: {x: [1, 2]}\ncertify: {ulps: 0.1}\n",
    "open": "function: gamma(x)\ndomain: {x: [1, 2]}\ncertify: best\n",
    "residuals": "function: x*y\npoints: [{x: 1, y: 2}]\nimplementations: {a: {}, b: {backward: 'dx = y * dout + x - x\n\n      dy = x * dout'}}\nresiduals: {a.dx - b.dx: 1}\npublished: {a.dx: 2.5}\n",
    "long": "forward: s = sum(x * x)\nshapes: {x: 300}\nsample: 1\ndomain: {x: [0, 1]}\npoints: [{x: [" + ", ".join(["1"] * 300) + "]}]\n",
}


def problems(report: Report) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message}" for e in VALIDATOR.iter_errors(json.loads(render(report)))]


def test_the_schema_is_one_and_its_words_are_those_of_the_code() -> None:
    jsonschema.Draft7Validator.check_schema(report_schema())
    assert report_schema()["definitions"]["verdict"]["enum"] == [v.value for v in Verdict]
    assert set(PROOF_WORDS) <= set(PROOFS)
    assert set(STATUSES) == {"passed", "failed", "error", "skipped"}
    assert set(BASES) == {"exact", "traced", "sampled"}


def test_the_cases_of_the_lectures_have_a_valid_report_of_this_version() -> None:
    loaded = load(str(ROOT / "cases" / "cs231n"))
    report = verify_all(loaded.cases, loaded.complaints)
    assert problems(report) == []
    assert json.loads(render(report))["schema"] == VERSION


@pytest.mark.parametrize("name", TEXTS)
def test_whatever_becomes_of_a_case_its_report_is_valid(name: str) -> None:
    loaded = load_text(TEXTS[name], file=f"{name}.yaml")
    assert problems(verify_all(loaded.cases, loaded.complaints)) == []


def edited(content: Any, *path: Any, value: Any) -> Any:
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "2.0"), (("summary", "cases"), -1), (("cases", 0, "status"), "fine"), (("cases", 0, "results", 0, "computed"), 0.84), (("cases", 0, "results", 0, "verdict"), "good"),
        (("cases", 0, "findings", 0, "code"), "V999"), (("cases", 0, "findings", 0, "line"), 0), (("cases", 0, "proofs"), {"mine": {"dx": "maybe"}}),
    ],
)  # fmt: skip
def test_a_report_that_is_not_one_is_refused(path: tuple[Any, ...], value: Any) -> None:
    """The twin: a schema that took everything would show nothing."""
    content = json.loads(render(verify_all(load_text(TEXTS["wrong"]).cases)))
    assert VALIDATOR.is_valid(content)
    assert not VALIDATOR.is_valid(edited(content, *path, value=value))


def test_every_key_that_is_written_is_in_the_schema() -> None:
    """A further key is no break for readers, but it must be described."""
    strict = json.loads(json.dumps(report_schema()).replace('"required":', '"additionalProperties": false, "required":'))
    loaded = [load_text(text, file=f"{name}.yaml") for name, text in TEXTS.items()]
    report = verify_all([c for found in loaded for c in found.cases], [c for found in loaded for c in found.complaints])
    content = json.loads(render(replace(report, unchecked=1)))
    assert [f"{list(e.absolute_path)}: {e.message[:200]}" for e in jsonschema.Draft7Validator(strict).iter_errors(content)] == []


def test_the_command_prints_the_schema_of_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--report"]) == 0
    assert json.loads(capsys.readouterr().out) == report_schema()
