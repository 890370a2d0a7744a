"""The table of the report's formats: what `--format` offers is what it lists, and a row is all that a new one needs."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests import ROOT
from verifier import load_text
from verifier.cli import main
from verifier.many import verify_all
from verifier.report import draw
from verifier.report.draw.paint import Paint

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.report.outcome import Report

CASE = "name: bent\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
PLAIN = Paint(enabled=False)


@pytest.mark.parametrize("name", draw.FORMATS)
def test_every_format_draws_a_report(name: str) -> None:
    drawn = draw.drawn(name, verify_all(load_text(CASE).cases), paint=PLAIN)
    assert "bent" in drawn
    assert "wrong-gradient" in drawn
    assert drawn.endswith("\n")


def test_json_is_the_same_whatever_the_colours_and_text_is_not() -> None:
    report = verify_all(load_text(CASE).cases)
    assert len({draw.drawn("json", report, paint=Paint(enabled), quiet=enabled) for enabled in (False, True)}) == 1
    assert len({draw.drawn("text", report, paint=Paint(enabled)) for enabled in (False, True)}) == 2


def _count(report: Report) -> str:
    return f"{len(report.cases)} of {report.failed}\n"


def test_a_format_is_a_function_of_the_report_and_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And a command offers it only where it has something to draw."""
    path = tmp_path / "case.yaml"
    path.write_text(CASE)
    module = ModuleType("verifier.report.draw.count")
    module.render = _count  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(SystemExit):
        main(["check", str(path), "--format", "count"])
    monkeypatch.setitem(draw.FORMATS, "count", draw.Renderer("count.render"))
    capsys.readouterr()
    for command in ("check", "hunt"):
        assert main([command, str(path), "--format", "count"]) == 1
        assert capsys.readouterr().out == "1 of 1\n"
    with pytest.raises(SystemExit):
        main(["mutate", str(path), "--format", "count"])


def test_only_the_table_says_which_formats_there_are() -> None:
    """The twin of the test above: a list of them in the command line would be a second table."""
    source = "".join((ROOT / "verifier" / name).read_text(encoding="utf-8") for name in ("cli.py", "options.py", "report/draw/destinations.py"))
    assert [name for name in draw.FORMATS if f'"{name}"' in source] == []


def test_the_edits_are_drawn_case_by_case_as_text_and_at_once_as_json() -> None:
    cases = [("a", "a.yaml", []), ("b", "b.yaml", [])]
    assert len(list(draw.drawn_edits("text", cases, every=False))) == 3
    (whole,) = draw.drawn_edits("json", cases, every=False)
    assert [c["name"] for c in json.loads(whole)["cases"]] == ["a", "b"]


def test_the_text_says_why_a_gradient_that_agrees_has_no_proof_and_sampled_rows_have_theirs() -> None:
    from verifier.report.draw import text
    from verifier.report.outcome import CaseReport

    notes = {"dw[0,0]": "to 30 digits at 9 points; the time for proofs is spent", "dw[0,1]": "for all inputs", "dx": "to 30 digits at 9 points"}
    report = CaseReport("bent", "case.yaml", 1, "passed", proofs={"mine": {"dw[0,0]": "agrees", "dw[0,1]": "proved", "dx": "agrees"}}, proof_notes={"mine": notes})
    assert text._without_proof(report) == ["mine.dw[0,0]: the time for proofs is spent"]
    (case,) = load_text("name: drawn\nfunction: sin(x)\ndomain: {x: [0, 1]}\nsample: 5\n").cases
    (row,) = text.rows(verify_all([case]).cases[0], PLAIN)
    assert "proved" in row
