"""A better line as a fix of SARIF: who applies it as the standard says has the file that the patch makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_formats import sarif_problems
from verifier import load
from verifier.case.case import ImproveRequest
from verifier.many import verify_all
from verifier.report.draw import sarif
from verifier.report.outcome import Report

OLD = "dx = (1 - out**2) * dout"
BLOCK = f"name: \U0001d538\nfunction: tanh(x)\ndomain: {{x: [-30, 30]}}\npoints:\n  - {{x: 20}}\nimplementations:\n  mine:\n    backward: |\n      {OLD}   # \u03ba\n"
LINE = f"{{name: \U0001d538, function: tanh(x), domain: {{x: [-30, 30]}}, points: [{{x: 20}}], implementations: {{mine: {{backward: '{OLD}'}}}}}}\n"
CONTENTS = {"block": BLOCK, "carriage returns": BLOCK.replace("\n", "\r\n"), "one line": LINE, "byte order mark": "\ufeff" + LINE}


def run_of(content: str) -> tuple[Report, dict[str, Any]]:
    """The report of a file with such a content, and its run as SARIF."""
    Path("it.yaml").write_bytes(content.encode("utf-8"))
    loaded = load("it.yaml")
    assert loaded.complaints == ()
    report = verify_all([replace(c, improve=ImproveRequest(10.0, "", "")) for c in loaded.cases])
    return report, as_sarif(report)


def as_sarif(report: Report) -> dict[str, Any]:
    drawn = sarif.render(report)
    assert sarif_problems(drawn) == []
    return json.loads(drawn)["runs"][0]  # type: ignore[no-any-return]


def fixed(content: str, fix: dict[str, Any]) -> str:
    """A content with a fix applied, by sections 3.30 and 3.57 of the standard: lines end with a line feed, columns are code points from 1, a byte order mark is none of them."""
    ((change,), mark) = fix["artifactChanges"], content.startswith("\ufeff")
    assert change["artifactLocation"]["uri"] == "it.yaml"
    lines = content[mark:].split("\n")
    (one,) = change["replacements"]
    region = one["deletedRegion"]
    assert region["startLine"] == region["endLine"]
    line, start, end = lines[region["startLine"] - 1], region["startColumn"] - 1, region["endColumn"] - 1
    assert line[start:end] == region["snippet"]["text"] == OLD
    lines[region["startLine"] - 1] = line[:start] + one["insertedContent"]["text"] + line[end:]
    return content[:mark] + "\n".join(lines)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_fix_changes_the_statement_and_nothing_else(content: str) -> None:
    report, run = run_of(content)
    (suggested,) = report.cases[0].suggestions or ()
    (result,) = [r for r in run["results"] if "fixes" in r]
    assert result["ruleId"] == "V203"
    (fix,) = result["fixes"]
    assert fixed(content, fix) == content.replace(OLD, suggested.replacement)
    assert suggested.proof in fix["description"]["text"]
    assert [a["hashes"]["sha-256"] for a in run["artifacts"]] == [suggested.digest]


def test_a_file_that_has_changed_has_no_fix() -> None:
    report, _ = run_of(BLOCK)
    Path("it.yaml").write_text("# a line more\n" + BLOCK, encoding="utf-8")
    run = as_sarif(report)
    assert run["results"]
    assert not any("fixes" in r for r in run["results"])
    assert "artifacts" not in run
    Path("it.yaml").write_text(BLOCK, encoding="utf-8")
    assert any("fixes" in r for r in as_sarif(report)["results"]), "the twin: it is as it was"


def test_a_fix_stands_with_the_gradient_it_is_for_only() -> None:
    report, _ = run_of(BLOCK)
    other = replace(report, cases=tuple(replace(c, suggestions=tuple(replace(s, gradient="dy") for s in c.suggestions or ())) for c in report.cases))
    assert not any("fixes" in r for r in as_sarif(other)["results"])
