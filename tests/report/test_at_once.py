"""Reports are seen as soon as a case is done, and a case that passes takes one line."""

from __future__ import annotations

import io
import os
import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from verifier.case.load import load_text
from verifier.cli import main
from verifier.many import verify_all
from verifier.report import draw
from verifier.report.draw import deliver, text
from verifier.report.draw.destinations import write
from verifier.report.draw.paint import Paint, columns_of
from verifier.report.draw.progress import WIPE, Live, live, of_cases
from verifier.run.workers import Workers

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.report.outcome import CaseReport

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}, {x: 2}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
WARNS = "name: warns\nfunction: 1 - cos(x)\npoints: [{x: 1e-300}]\nimplementations: {mine: {forward: 'out = 1 - cos(x)', backward: 'dx = (1 - (1 - sin(x))) * dout'}}\n"
HEAVY = "name: heavy\nfunction: tanh(x)\nformats: [float16]\nexhaustive: true\ndomain: {x: [1, 1.01]}\n"
PLAIN = Paint(enabled=False)


def cases(*texts: str) -> list[CaseReport]:
    return list(verify_all(load_text("---\n".join(texts)).cases).cases)


def test_a_case_that_passes_is_one_line_and_with_verbose_a_table() -> None:
    (good,) = cases(GOOD)
    line = text.case(good, paint=PLAIN, verbose=False)
    assert re.fullmatch(r"PASS good  \S+:1  1 gradient, 2 points, worst 0\.\d+ ulp, proved\n", line), line
    assert text.case(good, paint=PLAIN).count("\n") > 2
    assert "staged.dx" in text.case(good, paint=PLAIN)


def test_a_case_that_fails_or_warns_shows_its_findings_in_full_in_both() -> None:
    for report in cases(BAD, WARNS):
        brief, whole = (text.case(report, paint=PLAIN, verbose=v) for v in (False, True))
        (finding,) = [f for f in report.findings if not f.expected]
        for shown in (brief, whole):
            assert finding.message in shown
            assert all(detail in shown for detail in finding.details)
    failed, warned = cases(BAD, WARNS)
    assert text.case(failed, paint=PLAIN, verbose=False) == text.case(failed, paint=PLAIN)
    assert "mine.dx  " not in text.case(warned, paint=PLAIN, verbose=False).partition("\n")[0]


def test_quiet_has_nothing_to_say_about_a_case_that_passes() -> None:
    assert [text.case(c, paint=PLAIN, quiet=True) == "" for c in cases(GOOD, BAD)] == [True, False]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", draw.FORMATS)
def test_what_is_written_case_by_case_is_the_whole_report(name: str, *, verbose: bool) -> None:
    report = verify_all(load_text(f"{GOOD}---\n{BAD}---\n{GOOD}").cases)
    parts = [draw.drawn_case(name, c, paint=PLAIN, verbose=verbose) for c in report.cases]
    assert "".join([*parts, draw.drawn_end(name, report, paint=PLAIN, verbose=verbose)]) == draw.drawn(name, report, paint=PLAIN, verbose=verbose)
    assert all(parts) == bool(draw.FORMATS[name].case)


def test_json_does_not_depend_on_what_is_shown_as_text() -> None:
    report = verify_all(load_text(GOOD).cases)
    assert draw.drawn("json", report, paint=PLAIN, verbose=False) == draw.drawn("json", report, paint=PLAIN, verbose=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_report_is_given_in_the_order_of_the_cases_whoever_checks_them(jobs: int) -> None:
    listed = load_text("---\n".join([GOOD, HEAVY, GOOD.replace("good", "last"), BAD])).cases
    seen: list[str] = []
    with Workers(jobs) as workers:
        report = verify_all(listed, workers=workers, each=lambda c: seen.append(c.name))
    assert seen == [c.name for c in report.cases] == ["good", "heavy", "last", "bad"]


def test_the_first_report_is_there_before_the_second_case_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    verify = verify_all.__globals__["verify_safely"]
    monkeypatch.setitem(verify_all.__globals__, "verify_safely", lambda case, **options: events.append(f"check {case.name}") or verify(case, **options))
    verify_all(load_text(f"{GOOD}---\n{BAD}").cases, each=lambda c: events.append(f"report {c.name}"))
    assert events == ["check good", "report good", "check bad", "report bad"]


def test_the_command_writes_each_case_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(f"{GOOD}---\n{BAD}", encoding="utf-8")
    parts: list[str] = []
    monkeypatch.setitem(write.__globals__, "deliver", lambda part: (parts.append(part), deliver.deliver(part)))
    assert main(["check", str(tmp_path / "a.yaml")]) == 1
    out = capsys.readouterr().out
    assert "".join(parts) == out
    assert [p.split()[0] for p in parts] == ["PASS", "FAIL", "2"]
    assert parts[0].count("\n") == 1
    main(["check", str(tmp_path / "a.yaml"), "--verbose"])
    assert "staged.dx" in capsys.readouterr().out


# ---------------------------------------------------------------- as wide as the terminal


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_finding_is_as_wide_as_the_terminal_and_no_word_is_cut(columns: int) -> None:
    (report,) = cases(BAD)
    narrow, free = (text.case(report, paint=Paint(False, width)) for width in (columns, 0))
    assert narrow.split() == free.split()
    assert any(len(line) > 80 for line in free.splitlines())
    wide = [line for line in narrow.splitlines() if len(line) > columns and "explain" not in line]  # the command is there to be copied
    assert all(len(line.strip(" =|->").split(maxsplit=1)[0]) + 20 > columns - 20 for line in wide), "only what has no place to break"


# ---------------------------------------------------------------- progress


class Terminal(io.StringIO):
    """A terminal with a number of its own, as `os.write` needs one."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.number


def test_the_line_is_drawn_after_half_a_second_wiped_before_other_text_and_absent_in_a_pipe() -> None:
    mine, theirs = os.pipe()
    times = iter([0.0, 0.0, 0.3, 1.5, 2.5, 3.5])
    shown = Live(["a", "b", "c"], Terminal(theirs), lambda: next(times))
    shown.draw()  # at 0.3 s: too early
    shown.draw()
    with shown.hidden():
        shown.draw()  # somebody else is writing
    shown.next()
    assert os.read(mine, 1000).decode() == f"{WIPE}0 of 3 cases  2 s  at a{WIPE}{WIPE}1 of 3 cases  4 s  at b"
    os.close(mine)
    os.close(theirs)
    quiet = Live(["a"], None, lambda: 100.0)
    quiet.draw()
    assert quiet.points is None


def test_the_line_is_no_longer_than_the_terminal_and_steers_nothing() -> None:
    assert of_cases(["a" * 100], 0, 5.0, 20) == "5 s  at " + "a" * 12
    assert "\x1b" not in of_cases(["\x1b[31m"], 0, 5.0, 80)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timer")
def test_the_timer_is_set_for_a_terminal_only_and_gone_afterwards() -> None:
    mine, theirs = os.pipe()
    before = signal.getsignal(signal.SIGALRM)
    with live(["a"], Terminal(theirs)) as shown:
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        assert shown.points is not None
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before
    with live(["a"], io.StringIO()):
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    os.close(mine)
    os.close(theirs)


def test_a_stream_without_a_terminal_has_no_columns() -> None:
    assert columns_of(io.StringIO()) == 0


def test_the_name_of_a_skipped_case_stands_beside_the_reason() -> None:
    (good,) = cases(GOOD)
    skipped = replace(good, status="skipped", results=(), proofs={}, notes=("mine was not checked: PyTorch is not installed",))
    assert text.case(skipped, paint=PLAIN, verbose=False).endswith("mine was not checked: PyTorch is not installed\n")
