"""Baselines: what is known does not fail, what is worse does, what is gone is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from verifier import load
from verifier.cli import main
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report.baseline import excused, of_finding, read, stale, updated, without_numbers, written
from verifier.report.worst import Worst

TEXT = """\
name: a
function: sin(x)
points: [{x: 1}]
formats: [FORMATS]
implementations:
  mine: {backward: "dx = LINE"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("(cos(x) + 1e-9) * dout")
    assert main(["a.yaml", "--baseline", "known.json", "--baseline-update"]) == 0
    return tmp_path


def write(line: str, formats: str = "float64", file: str = "a.yaml", before: str = "") -> None:
    Path(file).write_text(before + TEXT.replace("LINE", line).replace("FORMATS", formats), encoding="utf-8")


def gate(*words: str) -> int:
    return main(["a.yaml", "--baseline", "known.json", *words])


@pytest.mark.parametrize(
    ("line", "formats", "before", "status"),
    [
        ("(cos(x) + 1e-9) * dout", "float64", "", 0),
        ("(cos(x) + 1e-9) * dout", "float64", "# two lines\n# further down\n", 0),
        ("(cos(x) + 1.9e-9) * dout", "float64", "", 0),  # 1.9 times the error
        ("(cos(x) + 2.1e-9) * dout", "float64", "", 1),  # more than twice
        ("(cos(x) - 5e-10) * dout", "float64", "", 1),  # another line
        ("(cos(x) + 1e-9) * dout", "float64, float32", "", 0),  # in float32 the formula is right to within an ulp, so there is no finding
        ("(cos(x) + 1e-9) * dout + 0 * x", "float64", "", 1),
        ("cos(x) * dout", "float64", "", 0),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_only_what_is_worse_fails(line, formats, before, status):
    write(line, formats, before=before)
    assert gate() == status
    assert main(["a.yaml"]) == (0 if line == "cos(x) * dout" else 1), "the twin: without the baseline it fails"


@pytest.mark.usefixtures("folder")
def test_another_implementation_another_case_and_another_file_are_new():
    text = Path("a.yaml").read_text(encoding="utf-8")
    Path("a.yaml").write_text(text + '  other: {backward: "dx = (cos(x) + 1e-9) * dout"}\n', encoding="utf-8")
    assert gate() == 1
    Path("a.yaml").write_text(text.replace("name: a", "name: b"), encoding="utf-8")
    assert gate() == 1
    Path("a.yaml").write_text(text, encoding="utf-8")
    write("(cos(x) + 1e-9) * dout", file="b.yaml")
    assert main(["a.yaml", "b.yaml", "--baseline", "known.json"]) == 1
    assert gate() == 0


def test_the_file_is_found_from_anywhere(folder, monkeypatch, capsys):
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    capsys.readouterr()
    assert main(["../a.yaml", "--baseline", "../known.json"]) == 0
    assert capsys.readouterr().err.replace(os.sep, "/") == "verifier: ../known.json: 1 known finding, no worse than there\n"
    assert main(["../a.yaml"]) == 1


@pytest.mark.usefixtures("folder")
def test_the_line_of_a_case_tells_what_is_known_from_what_is_expected(capsys):
    capsys.readouterr()
    assert gate() == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert "1 known finding" in line
    assert "expected" not in line


def test_a_better_verdict_is_known_and_a_worse_one_says_what_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "name: a\nfunction: tanh(x)\npoints: [{x: 18}]\nimplementations: {it: {backward: 'dx = LINE'}}\n"
    Path("a.yaml").write_text(text.replace("LINE", "(1 - out**2) * dout + 0 * x + 1e-15"), encoding="utf-8")
    assert gate("--baseline-update") == 0
    Path("a.yaml").write_text(text.replace("LINE", "(1 - out**2) * dout"), encoding="utf-8")
    assert gate("--strict") == 0, "it was wrong, and is unstable"
    assert main(["a.yaml", "--strict"]) == 1
    assert gate("--strict", "--baseline-update") == 0
    Path("a.yaml").write_text(text.replace("LINE", "(1 - out**2) * dout + 1e-14"), encoding="utf-8")
    capsys.readouterr()
    assert gate("--strict") == 1
    assert "baseline  worse than known: it.dx float64 was " in capsys.readouterr().out


def test_what_is_gone_is_said_and_removed_by_an_update(folder, capsys):
    write("cos(x) * dout")
    capsys.readouterr()
    assert gate() == 0
    assert "known.json: no longer found: a.yaml: a: mine (gradients)\nverifier: known.json: --baseline-update removes it\n" in capsys.readouterr().err
    write("cos(x) * dout", file="b.yaml")
    assert main(["b.yaml", "--baseline", "known.json"]) == 0
    assert capsys.readouterr().err == "", "a.yaml was not checked, so nothing is known of it"
    main(["b.yaml", "--baseline", "known.json", "--baseline-update"])
    assert len(json.loads((folder / "known.json").read_text())["findings"]) == 1
    (folder / "a.yaml").unlink()
    main(["b.yaml", "--baseline", "known.json", "--baseline-update"])
    assert json.loads((folder / "known.json").read_text())["findings"] == []


@pytest.mark.usefixtures("folder")
def test_a_case_that_cannot_be_read_takes_nothing_out_of_the_baseline(capsys):
    before = Path("known.json").read_text(encoding="utf-8")
    Path("a.yaml").write_text("fucntion: 1\n", encoding="utf-8")
    assert gate("--baseline-update") == 2
    assert Path("known.json").read_text(encoding="utf-8") == before
    capsys.readouterr()
    assert gate() == 2
    assert "no longer found" not in capsys.readouterr().err


def test_what_is_left_out_by_its_code_is_not_gone(folder, capsys):
    capsys.readouterr()
    assert gate("--ignore", "V1") == 0
    assert "no longer found" not in capsys.readouterr().err
    assert folder.exists()


def test_a_figure_that_changes_is_not_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "name: a\nfunction: x * x\npoints: [{x: 3}]\nimplementations: {p: {backward: 'dx = 2*x*dout'}, q: {backward: 'dx = (x+x)*dout'}}\npublished: {p.dx: FIGURE}\n"
    Path("a.yaml").write_text(text.replace("FIGURE", "6.5"), encoding="utf-8")
    assert gate("--baseline-update") == 0
    assert gate() == 0
    Path("a.yaml").write_text(text.replace("FIGURE", "6.6"), encoding="utf-8")
    assert gate() == 1


def test_an_expected_finding_is_not_written_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("sin(x) * dout")
    with Path("a.yaml").open("a", encoding="utf-8") as file:
        file.write("expect: {mine.dx: wrong}\n")
    assert gate("--baseline-update") == 0
    assert json.loads(Path("known.json").read_text(encoding="utf-8"))["findings"] == []


def test_the_file_is_the_same_whatever_the_order_and_reads_back_as_it_was_written(folder):
    cases = verify_all(load("a.yaml").cases).cases
    known = read("known.json")
    assert read("known.json") == updated(cases, replace(known, known={}))
    assert written(known) == (folder / "known.json").read_text(encoding="utf-8")
    twice = replace(known, known=dict(reversed(list(known.known.items()))))
    assert written(twice) == written(known)
    assert stale(cases, known) == []
    assert [c.status for c in cases] == ["failed"]
    assert [excused(c, known).status for c in cases] == ["passed"]


@pytest.mark.usefixtures("folder")
def test_a_fingerprint_has_nothing_in_it_that_changes_with_figures_lines_or_points():
    def fingerprints() -> set[str]:
        return {of_finding(f, c, Path()).fingerprint for c in verify_all(load("a.yaml").cases).cases for f in c.findings}

    before = fingerprints()
    write("(cos(x) + 7e-3) * dout", before="# moved\n\n")
    text = Path("a.yaml").read_text(encoding="utf-8")
    Path("a.yaml").write_text(text.replace("x: 1", "x: 0.25"), encoding="utf-8")
    assert fingerprints() == before != set()
    Path("a.yaml").write_text(text.replace("mine", "other"), encoding="utf-8")
    assert fingerprints() != before


@pytest.mark.parametrize(
    ("now", "before", "is_worse"),
    [
        ((Verdict.UNSTABLE, 9.0), (Verdict.UNSTABLE, 5.0), False), ((Verdict.UNSTABLE, 10.1), (Verdict.UNSTABLE, 5.0), True), ((Verdict.VANISHED, 1.0), (Verdict.UNSTABLE, 5.0), True),
        ((Verdict.UNSTABLE, 1.0), (Verdict.VANISHED, 5.0), False), ((Verdict.ROUNDING, 0.6), (Verdict.CORRECT, 0.4), False), ((Verdict.ROUNDING, 0.9), (Verdict.CORRECT, 0.4), True),
        ((Verdict.CORRECT, 0.4), (Verdict.CORRECT, 0.0), False), ((Verdict.NONFINITE, float("inf")), (Verdict.NONFINITE, float("inf")), False),
    ],
)  # fmt: skip
def test_worse_is_a_worse_verdict_or_more_than_twice_the_ulps(now, before, is_worse):
    assert Worst(*now).is_worse_than(Worst(*before)) is is_worse


def test_names_keep_their_digits_where_numerals_lose_them():
    assert without_numbers("dx1 = 0.39_8*a2b  **2 + 1e-5/.5 - W[1, 0]*x.y") == "dx1 = #*a2b **# + #/# - W[#, #]*x.y"


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "is not a baseline"), ("[1]", "is not a baseline"), ('{"baseline": 1, "findings": [{}]}', "is not a baseline"), ('{"baseline": 2}', "a baseline of version 2"), (None, "there is no baseline")],
)  # fmt: skip
def test_what_is_no_baseline_is_said(folder, capsys, text, part):
    (folder / "known.json").unlink()
    if text is not None:
        (folder / "known.json").write_text(text, encoding="utf-8")
    assert gate() == 2
    assert part in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_an_update_needs_a_file_and_finds_it_in_the_configuration(capsys):
    assert main(["a.yaml", "--baseline-update"]) == 2
    assert "--baseline-update needs the file" in capsys.readouterr().err
    Path("pyproject.toml").write_text("[tool.verifier]\nbaseline = 'known.json'\n", encoding="utf-8")
    assert main(["a.yaml"]) == 0
    write("cos(x) * dout")
    assert main(["a.yaml", "--baseline-update"]) == 0
    assert main(["a.yaml"]) == 0
    assert json.loads(Path("known.json").read_text(encoding="utf-8"))["findings"] == []


@pytest.mark.usefixtures("folder")
def test_a_baseline_with_a_byte_order_mark_is_read():
    Path("known.json").write_text(Path("known.json").read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert main(["a.yaml", "--baseline", "known.json"]) == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name on this system")
def test_a_pipe_or_a_device_is_no_baseline(folder, capsys):
    os.mkfifo(folder / "pipe")
    for name, what in (("pipe", "a pipe"), (os.devnull, "a device")):
        for words in ((), ("--baseline-update",)):
            assert main(["a.yaml", "--baseline", name, *words]) == 2
            assert f"it is {what}, not a file" in capsys.readouterr().err


def test_a_baseline_in_no_folder_is_refused_before_the_run(capsys):
    assert main(["a.yaml", "--baseline", "nowhere/known.json", "--baseline-update"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no folder 'nowhere'" in err
