"""`diff`: what got better and worse between two reports in JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.report.report_schema import VERSION

TEXT = "name: {name}\nfunction: sin(x)\npoints: [{{x: 1}}]\nformats: [{formats}]\nimplementations: {{mine: {{backward: 'dx = {line}'}}}}\n"
RIGHT, WRONG = "cos(x) * dout", "sin(x) * dout"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def report(capsys: pytest.CaptureFixture[str], file: str, *cases: tuple[str, str], formats: str = "float64") -> None:
    """The report of cases (name, line), in a file."""
    Path("a.yaml").write_text("---\n".join(TEXT.format(name=name, line=line, formats=formats) for name, line in cases), encoding="utf-8")
    main(["a.yaml", "--format", "json"])
    Path(file).write_text(capsys.readouterr().out, encoding="utf-8")


def difference(capsys: pytest.CaptureFixture[str], *, status: int) -> list[str]:
    assert main(["diff", "old.json", "new.json"]) == status
    return capsys.readouterr().out.splitlines()


def test_the_same_report_has_no_difference(capsys):
    report(capsys, "old.json", ("a", WRONG), ("b", RIGHT))
    report(capsys, "new.json", ("a", WRONG), ("b", RIGHT))
    assert difference(capsys, status=0) == ["0 worse, 0 better, 0 new, 0 gone; 2 gradients compared"]


def test_a_gradient_that_becomes_wrong_is_worse_and_one_that_is_repaired_better(capsys):
    report(capsys, "old.json", ("a", WRONG), ("b", RIGHT))
    report(capsys, "new.json", ("a", RIGHT), ("b", WRONG))
    found = difference(capsys, status=1)
    assert [line.split(": was ")[0] for line in found if line and "compared" not in line] == [
        "worse   a.yaml: b: mine.dx float64",
        "worse   a.yaml: b",
        "better  a.yaml: a: mine.dx float64",
        "better  a.yaml: a",
    ]
    assert "is wrong" in found[0]
    assert found[-1].startswith("2 worse, 2 better, 0 new, 0 gone")


@pytest.mark.parametrize(("line", "status"), [("(cos(x) + 1.9e-9) * dout", 0), ("(cos(x) + 2.1e-9) * dout", 1), ("(cos(x) + 1e-10) * dout", 0)])
def test_more_than_twice_the_ulps_is_worse(capsys, line, status):
    report(capsys, "old.json", ("a", "(cos(x) + 1e-9) * dout"))
    report(capsys, "new.json", ("a", line))
    difference(capsys, status=status)


def test_cases_and_gradients_that_are_new_or_gone_are_neither_better_nor_worse(capsys):
    report(capsys, "old.json", ("a", RIGHT), ("b", RIGHT), formats="float64, float32")
    report(capsys, "new.json", ("a", RIGHT), ("c", WRONG), formats="float64, float16")
    found = difference(capsys, status=0)
    assert [line.partition(": correct")[0].partition(": rounding")[0] for line in found[:4]] == ["new     a.yaml: a: mine.dx float16", "new     a.yaml: c: failed", "gone    a.yaml: a: mine.dx float32", "gone    a.yaml: b: was passed"]


def test_another_wrong_line_is_worse_although_the_error_is_not(capsys):
    report(capsys, "old.json", ("a", "(cos(x) + 1e-9) * dout"))
    report(capsys, "new.json", ("a", "(cos(x) - 1e-9) * dout"))
    assert difference(capsys, status=1)[0].startswith("worse   a.yaml: a: V101 ")


def test_cases_of_one_name_are_told_apart_by_their_order(capsys):
    report(capsys, "old.json", ("a", RIGHT), ("a", RIGHT))
    report(capsys, "new.json", ("a", RIGHT), ("a", WRONG))
    assert all("a (2)" in line for line in difference(capsys, status=1)[:2])


def test_a_report_of_another_version_of_the_schema_is_refused_and_one_with_a_further_key_is_read(capsys):
    report(capsys, "old.json", ("a", RIGHT))
    text = Path("old.json").read_text(encoding="utf-8")
    Path("new.json").write_text(text.replace(f'"schema": "{VERSION}"', '"schema": "1.7"'), encoding="utf-8")
    assert difference(capsys, status=0) == ["0 worse, 0 better, 0 new, 0 gone; 1 gradient compared"]
    Path("new.json").write_text(text.replace(f'"schema": "{VERSION}"', '"schema": "2.0"'), encoding="utf-8")
    assert main(["diff", "old.json", "new.json"]) == 2
    assert capsys.readouterr().err == f"verifier: 'new.json' is a report of version 2.0 of the schema, and this tool reads version {VERSION}; write it anew with this tool\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # what shells on Windows write behind >
def test_a_report_is_read_in_the_encoding_of_its_byte_order_mark(capsys, encoding):
    report(capsys, "old.json", ("κ", RIGHT))
    Path("new.json").write_text(Path("old.json").read_text(encoding="utf-8"), encoding=encoding)
    assert difference(capsys, status=0) == ["0 worse, 0 better, 0 new, 0 gone; 1 gradient compared"]


@pytest.mark.parametrize("text", ['{"cases": []}', "[" * 100_000, "", "[]", "{}", '{"cases": [{}]}', '{"cases": [{"file": "a", "name": "a", "status": "passed", "results": [{}], "sweeps": [], "findings": []}]}'])
def test_what_is_no_report_is_said(capsys, text):
    report(capsys, "old.json", ("a", RIGHT))
    Path("new.json").write_text(text, encoding="utf-8")
    assert main(["diff", "old.json", "new.json"]) == 2
    assert "'new.json' is not a report in JSON" in capsys.readouterr().err
    assert main(["diff", "old.json", "nowhere.json"]) == 2


BOUNDED = "name: s\nfunction: 1 / (1 + exp(-x))\ndomain: {x: [DOMAIN]}\ncertify: {ulps: best}\nimplementations:\n  mine:\n    backward: |\n      f = 1 / (1 + exp(-x))\n      dx = LINE * dout\n"


def bounded(capsys: pytest.CaptureFixture[str], file: str, line: str, domain: str = "-6, 6") -> None:
    Path("a.yaml").write_text(BOUNDED.replace("LINE", line).replace("DOMAIN", domain), encoding="utf-8")
    main(["a.yaml", "--format", "json"])
    Path(file).write_text(capsys.readouterr().out, encoding="utf-8")


def test_a_bound_that_is_more_than_twice_as_large_is_worse_and_one_of_another_box_is_not_compared(capsys):
    bounded(capsys, "old.json", "exp(-x) * f * f")
    bounded(capsys, "new.json", "(1 - f) * f")  # cancels where f is near 1
    found = difference(capsys, status=1)
    assert [line.partition(": was proved, at most ")[0] for line in found if line.startswith("worse")] == ["worse   a.yaml: s: mine.dx float64 for all x in [-6.0, 6.0]"]
    bounded(capsys, "new.json", "(f * exp(-x)) * f")
    assert not [line for line in difference(capsys, status=0) if line.startswith(("worse", "better"))]
    bounded(capsys, "new.json", "(1 - f) * f", "-6, 20")
    assert not [line for line in difference(capsys, status=0) if "for all" in line]
