"""What is written where the lines are backprop's: a new implementation beside the generated one, once, and nothing else of the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search.test_improve_arrays import BUDGET
from verifier.adopt import adopt
from verifier.case.load import load
from verifier.many import verify_all
from verifier.report.outcome import CaseReport

TEXT = """\
# the softplus of a course
name: softplus
function: log(1 + exp(x))   # as written
domain: {x: [-800, 800]}
points: [{x: 750}, {x: -3}]
implementations:
  staged: {}      # by backprop

  # the next one is right, and is left alone
  right:
    backward: |
      dx = dout/(1 + exp(-x))
accept: {ulps: 1e30}
"""
ADDED = "  staged_better:\n    backward: |\n      dx = "


def improved_in(path: Path) -> CaseReport:
    from dataclasses import replace

    loaded = load(str(path))
    assert loaded.complaints == ()
    (report,) = verify_all([replace(c, improve=replace(BUDGET, implementation="staged")) for c in loaded.cases]).cases
    return report


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_new_implementation_is_added_and_all_else_stays(tmp_path: Path, end: str) -> None:
    path = tmp_path / "softplus.yaml"
    path.write_bytes(TEXT.replace("\n", end).encode())
    report = improved_in(path)
    (found,) = report.suggestions or ()
    assert found.patch
    assert found.why_no_patch == ""
    outcome = adopt([report])
    assert outcome.files == (str(path),)
    assert "added staged_better beside staged" in outcome.lines[0]
    text = path.read_bytes().decode()
    assert text.count(end) == text.count("\n")
    lines, before = text.split(end), TEXT.split("\n")
    assert end.join([*lines[:7], *lines[10:]]) == end.join(before), "three lines are new, behind the entry of the generated one"
    assert end.join(lines[7:10]).startswith(ADDED.replace("\n", end))
    after = improved_in(path)
    assert {r.verdict.value for r in after.results if r.implementation == "staged_better"} <= {"correct", "rounding"}
    (again,) = after.suggestions or ()
    assert (again.patch, again.digest) == ("", "")
    assert again.why_no_patch.startswith("the case has staged_better already")
    adopt([after])
    assert path.read_bytes().decode() == text, "it is written once"


@pytest.mark.parametrize("text", [TEXT.replace("  staged: {}      # by backprop\n\n", "").replace("implementations:\n", "implementations: {staged: {}}\n").partition("  # the next")[0], TEXT.partition("implementations:")[0]])
def test_where_the_entry_has_no_lines_of_its_own_the_text_is_shown_and_there_is_no_patch(tmp_path: Path, text: str) -> None:
    path = tmp_path / "softplus.yaml"
    path.write_text(text)
    (found,) = improved_in(path).suggestions or ()
    assert (found.patch, found.digest, found.added) == ("", "", "")
    assert found.why_no_patch.startswith("this line is backprop's")
    assert found.pass_text.startswith("staged:\n  backward: |\n")


def test_the_better_lines_of_several_gradients_make_one_implementation(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("name: it\nfunction: 1 - 1/(1 + exp(-(x - y)))\ndomain: {x: [-300, 300], y: [-300, 300]}\npoints: [{x: 90, y: 1}]\nimplementations:\n  staged: {}\n")
    report = improved_in(path)
    found = report.suggestions or ()
    assert {s.gradient for s in found} == {"dx", "dy"}
    assert len({s.pass_text for s in found}) == 1
    assert all(s.replacement in s.pass_text for s in found)
    adopt([report])
    after = improved_in(path)
    assert {r.verdict.value for r in after.results if r.implementation == "staged_better"} <= {"correct", "rounding"}
