"""All inputs of a format: every number once, whatever the processes; interrupted it says what was seen; resumed it does nothing twice."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from tests.compare.test_sweep import work_on
from tests.texts import check, complaints
from verifier import load_text
from verifier.cli import main
from verifier.compare.check import Check
from verifier.compare.sweep import sample, sweep
from verifier.compare.sweep.classify import CODE
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sample import Enumeration, everything
from verifier.compare.sweep.tally import Tally
from verifier.language.formats import FORMATS, first_place, last_place, numbers
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report.draw.progress import progress_on
from verifier.run.workers import Workers
from verifier.verify import verify

EVERYTHING = [(-math.inf, math.inf)]
FUSED = "dx = (1 - out) * out * dout"


def swept(work: Check, domain: list = EVERYTHING, **options: object) -> list[sweep.Swept]:
    """All inputs inside a domain, summed up."""
    return sweep.sweep(work, everything(work.format, domain), **options)


def test_every_finite_number_is_looked_at_once() -> None:
    for form, count in (("float16", 63_488), ("bfloat16", 65_280), ("float8_e4m3fn", 254), ("float8_e5m2", 248), ("float8_e4m3fnuz", 255)):
        (found,) = swept(work_on("x * x", form=form))
        assert (found.tally.points, found.total) == (count, count)  # 2^16 - 2 * 1024; 2^16 - 2 * 128; OCP OFP8: 256 less NaNs and infinities


def test_pairs_of_8_bit_numbers_are_all_there() -> None:
    work = work_on("x * y", "x y", "float8_e5m2")
    dx, dy = swept(work, [*EVERYTHING, *EVERYTHING])
    assert dx.tally.points == 248**2
    assert {g.verdict for g in dx.tally.groups} == {Verdict.CORRECT}, "the other factor, exactly"
    assert dy.tally.count(Verdict.CORRECT) == 248**2
    columns = Enumeration(work.format, [(-2, 1), (0, 2)], 0, 12).columns
    smallest = float(work.format.smallest)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == [(x, y) for x in (-smallest, -0.0, 0.0, smallest) for y in (0.0, smallest, 2 * smallest)]


def test_where_the_gradient_vanishes_is_where_theory_puts_it() -> None:
    """(1 - s) s in float16 is 0 once s rounds to 1: exp(-x) < 2^-12, and its exact value rounds to 0 beyond log 2^25 = 17.329."""
    (found,) = swept(work_on("sigmoid(x)", form="float16", backward=FUSED), [(1.0, math.inf)])
    (run,) = [r for r in found.tally.runs if r.verdict is Verdict.VANISHED]
    assert run.low == pytest.approx(7.624, abs=0.02)  # log(2^11 - 1) = 7.624: half an ulp below 1
    assert run.high == 17.328125
    assert run.count == run.last - run.first + 1


def test_processes_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_on("tanh(x)", form="bfloat16")
    whole = swept(work)
    monkeypatch.setattr(sample, "CHUNK", 5000)
    for jobs in (1, 2):
        with Workers(jobs) as workers:
            assert [s.tally for s in swept(work, workers=workers)] == [s.tally for s in whole]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_done_is_not_done_again(tmp_path: object, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    monkeypatch.setattr(sample, "CHUNK", 4000)
    work = work_on("sigmoid(x)", form="float16")
    whole = swept(work)
    folder = str(tmp_path)
    with Workers(1, state=folder) as workers:
        part = swept(work, workers=workers, most=20_000)
    assert part[0].tally.points == 20_000 < part[0].total == 63_488
    done: list[int] = []
    inner = sweep._part

    def counted(work: Check, method: str, part: Enumeration) -> list[Tally]:
        done.append(part.start)
        return inner(work, method, part)

    if jobs == 1:
        monkeypatch.setattr(sweep, "_part", counted)
    with Workers(jobs, state=folder) as workers:
        again = swept(work, workers=workers)
    assert again[0].tally == whole[0].tally
    assert jobs == 2 or done == list(range(20_000, 63_488, 4000))
    done.clear()
    with Workers(jobs, state=folder) as workers:
        swept(work, workers=workers)
    assert done == []


def test_other_work_does_not_read_the_state(tmp_path: object) -> None:
    right, bent = (work_on("sigmoid(x)", form="float8_e5m2", backward=b) for b in (FUSED, "dx = (1 - out) * out * dout * 2"))
    with Workers(1, state=str(tmp_path)) as workers:
        found = [swept(work, workers=workers)[0].tally for work in (right, bent, right)]
    assert found[0] == found[2] != found[1]
    assert found[1].count(Verdict.WRONG) > 0


def test_an_interrupt_leaves_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "CHUNK", 4000)
    seen: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 12_000:
            raise KeyboardInterrupt

    (found,) = swept(work_on("tanh(x)", form="float16"), progress=interrupt)
    assert (found.tally.points, found.total) == (12_000, 63_488)
    assert seen == [(4000, 63_488), (8000, 63_488), (12_000, 63_488)]


CASE = """\
name: fused
function: sigmoid(x)
formats: [float16]
exhaustive: true
implementations: {fused: {backward: dx = (1 - out) * out * dout}}
"""


def test_the_report_says_it_in_a_sentence_with_its_regions() -> None:
    report = check(CASE.replace("exhaustive", "domain: {x: [-10, 20]}\nexhaustive"))
    (found,) = report.sweeps
    assert found.is_exhaustive
    assert found.statement.startswith(f"for every one of the {found.points:,} finite float16 inputs with x in [-10, 20] fused.dx is within ")
    assert "where it vanishes: 7.625 <= x <= 17.33" in found.statement
    assert [(r.low, r.high, r.mixed) for r in found.regions if r.verdict is Verdict.VANISHED] == [("7.625", "17.33", False)]
    assert any(f.code == "V203" for f in report.findings)


def test_the_figure_in_the_sentence_is_an_upper_bound_that_is_nearly_reached() -> None:
    report = check("name: t\nfunction: tanh(x)\nformats: [float16]\nexhaustive: true\n")
    (found,) = report.sweeps
    shown = float(found.statement.partition("within ")[2].partition(" ulp")[0])
    assert found.worst is not None
    assert float(found.worst.ulps) <= shown < float(found.worst.ulps) * 1.01
    assert "except" not in found.statement


def test_an_interrupted_report_says_so_and_the_exit_status_is_that_of_an_interrupt(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sample, "CHUNK", 4000)
    inner = sweep._part

    def interrupted(work: Check, method: str, part: Enumeration) -> list[Tally]:
        if part.start >= 8000:
            raise KeyboardInterrupt
        return inner(work, method, part)

    monkeypatch.setattr(sweep, "_part", interrupted)
    path = tmp_path / "case.yaml"  # type: ignore[operator]
    path.write_text(CASE)
    assert main(["check", str(path), "--jobs", "1"]) == 130
    out = capsys.readouterr()
    assert "for the 8,000 of the 63,488 finite float16 inputs that were checked before the interruption" in " ".join(out.out.split())
    assert out.out.startswith("STOPPED fused")
    assert out.err == "", "no progress in a pipe"


def test_after_an_interrupt_the_next_sweep_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> list[Tally]:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "_part", interrupted)
    cases = load_text(f"{CASE}---\n{CASE}".replace("[float16]", "[float16, bfloat16]"), file="t.yaml").cases
    report = verify_all(cases)
    assert [[(s.points, s.total) for s in c.sweeps] for c in report.cases] == [[(0, 63_488)]]
    assert report.unchecked == 1
    assert report.is_interrupted


def test_progress_is_drawn_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = iter([0.0, 1.0, 2.0, 3.0]).__next__
    stream = Terminal()
    bar = progress_on(stream, clock)
    assert bar is not None
    bar(1_000_000, 4_000_000)
    bar(2_000_000, 4_000_000)
    bar(4_000_000, 4_000_000)
    drawn = stream.getvalue().split("\r\x1b[K")
    assert drawn[1:] == ["[######                  ] 25 %  1,000,000 of 4,000,000  1,000,000/s  3 s left", "[############            ] 50 %  2,000,000 of 4,000,000  1,000,000/s  2 s left", ""]
    assert progress_on(io.StringIO()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function: x * x\nexhaustive: true", "2:1: there are too many float64 numbers to look at all of them; 'exhaustive' is for formats of 8, 16 and 32 bits"),
        ("function: x * y\nformats: [float16]\nexhaustive: true", "3:1: 'exhaustive' looks at all float16 numbers of one input, and the case has 2; use 'sample'"),
        ("function: x * y * z\nformats: [float8_e5m2]\nexhaustive: true", "3:1: 'exhaustive' looks at all float8_e5m2 numbers of one or two inputs, and the case has 3; use 'sample'"),
        ("function: x\npoints: [{x: 1}]\nformats: [float16]\nexhaustive: maybe", "4:13: exhaustive is 'maybe'; it must be true or false"),
        ("function: x * x\nformats: [float16]\ndomain: {x: [0, 1]}\nsample: 5\nexhaustive: true", "4:1: 'exhaustive' looks at all inputs already; remove 'sample'"),
    ],
)
def test_what_cannot_be_looked_at_is_said(text: str, expected: str) -> None:
    assert complaints(text) == [expected]
    assert complaints("function: x * x\nformats: [float16, float8_e5m2, float32->bfloat16]\nexhaustive: true") == []


def test_points_may_be_listed_beside() -> None:
    (case,) = load_text("function: x * x\npoints: [{x: 3}]\nformats: [float8_e5m2]\nexhaustive: true\n", file="t.yaml").cases
    report = verify(case)
    assert [r.computed for r in report.results] == ["6.0"]
    assert report.sweeps[0].points == 248


def test_a_slice_of_float32_is_judged_as_by_balls() -> None:
    fmt = FORMATS["float32"]
    work = sweep.with_proofs(work_on("gelu(x)", form="float32"))
    draw = np.random.Generator(np.random.PCG64(1))
    for start in draw.integers(first_place(fmt), last_place(fmt) - 300, 12).tolist():
        column = numbers(fmt, np.arange(start, start + 300))
        ours, theirs = judge_columns(work, [column])[0], judge_columns(work, [column], method="balls")[0]
        assert np.array_equal(ours.verdict, theirs.verdict)
        assert np.array_equal(ours.error, theirs.error, equal_nan=True)
        assert set(ours.verdict.tolist()) <= {CODE[Verdict.CORRECT], CODE[Verdict.ROUNDING]}
