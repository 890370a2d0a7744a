"""`improve` from the command line: what it says, what it writes, and what it refuses to write."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from verifier import load
from verifier.adopt import Adopted, adopt
from verifier.case.case import ImproveRequest
from verifier.cli import main
from verifier.many import verify_all
from verifier.report import suggestions as of_report
from verifier.report.outcome import CaseReport, Replacement
from verifier.report.report_schema import report_schema
from verifier.search.improve.suggestion import Suggestion

OLD = "dx = (1 - out**2) * dout"
CASE = f"# keep this\nname: it\nfunction: tanh(x)   # and this\ndomain: {{x: [-30, 30]}}\npoints:\n  - {{x: 20}}\nimplementations:\n  mine:\n    backward: |\n      {OLD}   # and this, too\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("it.yaml").write_text(CASE, encoding="utf-8")


def text() -> str:
    return Path("it.yaml").read_text(encoding="utf-8")


def suggested(capsys: pytest.CaptureFixture[str], *words: str, command: str = "improve", status: int = 0) -> list[dict[str, object]]:
    """The suggestions in the JSON of a run."""
    assert main([command, "it.yaml", *words, "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)["cases"][0]["suggestions"]  # type: ignore[no-any-return]


def test_a_gradient_that_vanishes_gets_a_better_line_with_all_that_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = suggested(capsys)
    assert (found["implementation"], found["gradient"], found["line"], found["original"], found["proof"]) == ("mine", "dx", 10, OLD, "proved")
    before, after = found["before"], found["after"]
    assert float(before["worst_ulps"]) > 1e15  # type: ignore[index]
    assert float(after["worst_ulps"]) < 16  # type: ignore[index]
    assert float(before["mean_bits"]) - float(after["mean_bits"]) >= 1  # type: ignore[index]
    assert found["patch"] == f"--- a/it.yaml\n+++ b/it.yaml\n@@ -7,4 +7,4 @@\n implementations:\n   mine:\n     backward: |\n-      {OLD}   # and this, too\n+      {found['replacement']}   # and this, too\n"
    assert {"regions", "cost", "proof_text", "verdict_before", "verdict_after", "file", "format", "candidates"} <= set(found)
    assert text() == CASE, "nothing is written without --write"


def test_the_report_is_valid_by_its_schema_and_without_the_replacement_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    assert main(["improve", "it.yaml", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cases"][0]["suggestions"]
    validator = jsonschema.Draft7Validator(report_schema())
    assert list(validator.iter_errors(found)) == []
    del found["cases"][0]["suggestions"][0]["replacement"]
    assert len(list(validator.iter_errors(found))) == 1


def test_check_has_suggestions_only_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(suggested(capsys, "--improve", command="check")) == 1
    assert main(["check", "it.yaml", "--format", "json"]) == 0
    assert "suggestions" not in json.loads(capsys.readouterr().out)["cases"][0]


def test_the_text_shows_both_lines_the_proof_and_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["improve", "it.yaml"]) == 0
    shown = capsys.readouterr().out
    for part in ("better    mine.dx", "--> it.yaml:10:7", f"- {OLD}", "+ dx = ", "=  proof     proved: ", "=  worst ", "=  median ", "=  bits ", "=  verdict   vanished -> ", "=  cost "):
        assert part in shown


def test_what_passes_is_not_improved(capsys: pytest.CaptureFixture[str]) -> None:
    Path("it.yaml").write_text("name: it\nfunction: x*x\npoints: [{x: 3}]\n", encoding="utf-8")
    assert main(["improve", "it.yaml", "--write"]) == 0
    found = capsys.readouterr()
    assert "nothing to improve" in found.out
    assert "better  " not in found.out
    assert found.err == "verifier: nothing is written: there is no better arrangement\n"


def test_writing_changes_one_statement_and_the_case_passes_afterwards_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = suggested(capsys, "--write")
    assert text() == CASE.replace(OLD, str(found["replacement"]))
    (report,) = verify_all(load("it.yaml").cases).cases
    assert (report.status, report.findings) == ("passed", ())
    assert suggested(capsys) == [], "a line that is good is left as it is"


def test_the_names_of_an_implementation_and_a_gradient_narrow_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    Path("it.yaml").write_text(f"{CASE}  other:\n    backward: |\n      {OLD}\n", encoding="utf-8")
    assert [s["implementation"] for s in suggested(capsys, "--implementation", "other")] == ["other"]
    assert [s["gradient"] for s in suggested(capsys, "--gradient", "dx")] == ["dx", "dx"]
    for words, message in ((("--implementation", "othr"), "there is no implementation 'othr'; did you mean 'other'?"), (("--gradient", "dy"), "there is no gradient 'dy'; there are dx")):
        assert main(["improve", "it.yaml", *words]) == 2
        assert message in capsys.readouterr().err


def reports() -> tuple[CaseReport, ...]:
    cases = [replace(c, improve=ImproveRequest(10.0)) for c in load("it.yaml").cases]
    return verify_all(cases).cases


def with_replacement(report: CaseReport, new: str) -> CaseReport:
    (s,) = report.suggestions or ()
    return replace(report, suggestions=(replace(s, replacement=new),))


def test_a_file_that_changed_in_between_is_left_alone() -> None:
    found = reports()
    changed = CASE.replace("keep this", "changed")
    Path("it.yaml").write_text(changed, encoding="utf-8")
    outcome = adopt(found)
    assert outcome.lines == ("it.yaml: not written: it has changed since it was read; run it again",)
    assert outcome.is_refused
    assert text() == changed


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("dx = (1 + out**2) * dout", "would have a new finding: V101"),  # another function: 1 + tanh**2
        ("dx = (1 - out**2) * dout * exp(800) * exp(-800)", "would have a new finding: V102"),  # inf * 0
        ("dx = (1 - out**2", "with the replacement it cannot be read: "),
    ],
)
def test_a_replacement_that_makes_a_case_worse_is_never_written(new: str, why: str) -> None:
    outcome = adopt([with_replacement(r, new) for r in reports()])
    assert why in outcome.lines[0]
    assert outcome.is_refused
    assert not outcome.files
    assert text() == CASE


def test_a_case_that_expects_the_loss_of_digits_is_left_alone() -> None:
    expecting = f"{CASE}expect:\n  mine.dx: vanished\n"
    Path("it.yaml").write_text(expecting, encoding="utf-8")
    outcome = adopt(reports())
    assert "would have a new finding: V303" in outcome.lines[0]
    assert text() == expecting


def test_a_file_that_is_read_only_is_not_written_and_others_are() -> None:
    Path("other.yaml").write_text(CASE.replace("name: it", "name: other"), encoding="utf-8")
    Path("it.yaml").chmod(0o444)
    outcome = adopt(verify_all([replace(c, improve=ImproveRequest(10.0)) for c in load("it.yaml", "other.yaml").cases]).cases)
    assert outcome.lines[0] == "it.yaml: not written: it is read-only"
    assert outcome.files == ("other.yaml",)
    assert outcome.is_refused
    assert text() == CASE


def test_a_file_that_cannot_be_written_is_named_and_others_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("zz.yaml").write_text(CASE.replace("name: it", "name: other"), encoding="utf-8")
    found = verify_all([replace(c, improve=ImproveRequest(10.0)) for c in load("it.yaml", "zz.yaml").cases]).cases
    real = tempfile.mkstemp

    def full(**words: Any) -> tuple[int, str]:
        if words["prefix"].startswith(".it"):
            raise OSError(28, "No space left on device")
        return real(**words)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    outcome = adopt(found)
    assert outcome.lines[0] == "it.yaml: not written: 'it.yaml' cannot be written: No space left on device"
    assert outcome.files == ("zz.yaml",)
    assert outcome.is_refused
    assert text() == CASE


def test_what_standard_input_is_redirected_from_is_not_written() -> None:
    outcome = adopt([replace(r, suggestions=tuple(replace(s, file="/dev/stdin") for s in r.suggestions or ())) for r in reports()])
    assert outcome.lines == ("/dev/stdin: not written: it was open already when it was read: give the path of the file",)


def test_a_link_stays_a_link_and_its_file_keeps_its_mode() -> None:
    Path("real").mkdir()
    Path("it.yaml").rename("real/it.yaml")
    Path("real/it.yaml").chmod(0o640)
    Path("it.yaml").symlink_to("real/it.yaml")
    outcome = adopt(reports())
    assert outcome.files == ("it.yaml",)
    assert Path("it.yaml").is_symlink()
    assert OLD not in Path("real/it.yaml").read_text(encoding="utf-8")
    assert Path("real/it.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in Path("real").iterdir()) == ["it.yaml"], "nothing is left behind"


def test_of_two_cases_of_one_name_each_is_held_against_itself() -> None:
    """The second one expects its loss of digits, the first does not; the statement of the first has two lines and becomes one."""
    first = CASE.replace(OLD, "dx = (1 -\n        out**2) * dout")
    second = f"{CASE}expect:\n  mine.dx: vanished\n"
    Path("it.yaml").write_text(f"{first}---\n{second}", encoding="utf-8")
    outcome = adopt(reports())
    assert "wrote line 10; checked again: 2 of 2 cases passed; not line 22: it would have a new finding: V303" in outcome.lines[0]
    assert text().endswith(f"---\n{second}")
    assert OLD not in text().partition("---")[0]


def test_what_harms_is_left_out_and_the_rest_is_written() -> None:
    both = f"{CASE}  other:\n    backward: |\n      {OLD}\nexpect:\n  other.dx: vanished\n"
    Path("it.yaml").write_text(both, encoding="utf-8")
    outcome = adopt(reports())
    assert "wrote line 10; checked again: 1 of 1 case passed; not line 13: it would have a new finding: V303" in outcome.lines[0]
    assert not outcome.is_refused
    assert text() == both.replace(OLD, next(s.replacement for r in [*reports()] for s in r.suggestions or () if s.implementation == "other"), 1)


TWO_LOSSES = """name: cross entropy of the second class
domain: {z: [-800, 800]}
points: [{z: [750, 2, 1]}]
forward: |
  loss = logsumexp(z) - z[1]
implementations:
  mine:
    forward: |
      e = exp(z)
      p = e / sum(e)
      loss = -log(p[1])
    backward: |
      dz = p.copy()
      dz[1] -= 1
      dz *= dloss
"""


def test_a_line_whose_loss_shows_only_when_another_is_better_is_written_in_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Where exp overflows nothing is left of the difference that cancels: only with the first line written the second is worth another form."""
    Path("it.yaml").write_text(TWO_LOSSES, encoding="utf-8")
    assert len(suggested(capsys, status=1)) == 1
    assert main(["improve", "it.yaml", "--write"]) == 0, "it failed before, and passes now"
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("verifier: it.yaml: wrote line 9; ")
    assert second.startswith("verifier: once more: it.yaml: wrote line 14; ")
    assert text() == TWO_LOSSES.replace("exp(z)\n", "exp(z - max(z))\n").replace("dz[1] -= 1", "dz[1] = 0\n      dz[1] = -sum(dz)")


def test_what_fails_after_a_further_run_is_told_of_its_files_alone() -> None:
    first = Adopted(("a: wrote line 1", "b: wrote line 2"), ("a", "b"), is_refused=False, failing=frozenset("abc"))
    assert first.followed_by(Adopted(("a: wrote line 3",), ("a",), is_refused=False, failing=frozenset())) == Adopted(
        ("a: wrote line 1", "b: wrote line 2", "once more: a: wrote line 3"), ("a", "b"), is_refused=False, failing=frozenset("bc"),
    )  # fmt: skip
    assert first.followed_by(Adopted(("nothing is written",), (), is_refused=False, failing=frozenset())) == first


def test_of_two_replacements_of_one_statement_the_first_is_written() -> None:
    (report,) = reports()
    (s,) = report.suggestions or ()
    outcome = adopt([replace(report, suggestions=(s, replace(s, replacement="dx = 0 * dout")))])
    assert "1 of the same statements are left for the next run" in outcome.lines[0]
    assert text() == CASE.replace(OLD, s.replacement)


def test_python_files_are_not_written() -> None:
    (report,) = reports()
    (s,) = report.suggestions or ()
    outcome = adopt([replace(report, suggestions=(replace(s, file="layers.py"),))])
    assert "this is no case file but your code" in outcome.lines[0]


@pytest.mark.parametrize("failure", [ZeroDivisionError("planted"), RecursionError("planted"), AssertionError("planted")])
def test_a_search_that_fails_costs_a_note_and_no_verdict(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> tuple[Suggestion, ...]:
        raise failure

    (sound,) = verify_all(load("it.yaml").cases).cases
    monkeypatch.setattr(of_report, "improve", fails)
    (report,) = reports()
    assert report.suggestions == ()
    assert any("better arrangements of mine in float64" in note and "the verdicts do not depend on it" in note for note in report.notes)
    assert (report.status, report.results, report.findings) == (sound.status, sound.results, sound.findings)


def test_a_search_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> tuple[Suggestion, ...]:
        while True:
            pass

    monkeypatch.setattr(of_report, "improve", endless)
    monkeypatch.setattr("verifier.case.case.SPARE_SECONDS", 0.1)
    (report,) = verify_all([replace(c, improve=ImproveRequest(0.1)) for c in load("it.yaml").cases]).cases
    assert report.status == "passed"
    assert any("it took more than" in note for note in report.notes)


def test_what_is_suggested_is_the_same_in_another_process(capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.yaml").write_text(CASE.replace("name: it", "name: more"), encoding="utf-8")

    def found(jobs: str) -> list[Replacement]:
        assert main(["improve", "it.yaml", "more.yaml", "--jobs", jobs, "--format", "json"]) == 0
        cases = json.loads(capsys.readouterr().out)["cases"]
        return [{k: v for k, v in s.items() if k != "cost"} for c in cases for s in c["suggestions"]]  # type: ignore[misc]

    assert found("1") == found("2")
