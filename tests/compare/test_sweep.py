"""Sweeps: the same verdicts, quantiles and worst point whatever method found them and however many processes did it."""

from __future__ import annotations

import math
import textwrap
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings

from tests.texts import check, expression, smooth_expressions
from verifier import load_text
from verifier.arithmetic import balls, floats, ranges
from verifier.case import points
from verifier.circuit.backprop import with_backward
from verifier.compare import compare as compare_module
from verifier.compare.check import Check, exceeds
from verifier.compare.compare import compare
from verifier.compare.sweep import columns, jumps, sample, sweep
from verifier.compare.sweep import ranges as range_sweep
from verifier.compare.sweep.balls import by_balls
from verifier.compare.sweep.classify import CODE, NEGLIGIBLE_ULPS, OPEN, VERDICTS, VerdictColumn, all_open, edge
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sample import Sample
from verifier.compare.sweep.tally import MOST_RUNS, _histogram, joined, tally
from verifier.exact.derivatives import primitive
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, Format, first_place, format_named, last_place, numbers, places, round_array, round_exact
from verifier.language.verdict import Verdict
from verifier.run.workers import Workers

FUNCTIONS = (
    ("sigmoid(x)", "x"), ("(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)", "x y"), ("relu(x) * y", "x y"), ("log(x) * y", "x y"), ("x / y", "x y"),
    ("sqrt(x * y)", "x y"), ("x**3 - y * x", "x y"), ("where(x > y, exp(x), sin(y))", "x y"), ("abs(x) + max(x, y)", "x y"), ("0.1234567 * x", "x"),
    ("exp(x) / (1 + exp(x))", "x"), ("erfc(x) + cosh(x)", "x"), ("lgamma(x)", "x"),
)  # fmt: skip
FORMS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2fnuz", "float32->bfloat16")


def work_on(text: str, names: str = "x", form: str = "float64", *, limit: float | None = None, upstream: float = 1.0, backward: str | None = None) -> Check:
    inputs = tuple(names.split())
    claims = tuple((i, f"d{i}") for i in inputs)
    if backward is not None:
        (case,) = load_text(f"function: {text}\npoints: [{{x: 1}}]\nimplementations: {{it: {{backward: '{backward}'}}}}", file="t.yaml").cases
        (draft,) = case.programs.drafts
        return Check("it", truth_of(case.programs.truth), Subject(draft.whole, draft.claims), format_named(form), upstream, limit)
    program = expression(text, *inputs)
    return Check("it", truth_of(program), Subject(with_backward(program, claims), claims), format_named(form), upstream, limit)


def sums_of(work: Check, columns: list, **options: object) -> tuple:
    """The tallies of a sample."""
    return sweep.sums(sweep.prepared(work, Sample(columns)), Sample(columns), **options).tallies


def hard_columns(fmt: Format, count: int, seed: int, size: int) -> list[np.ndarray]:
    """Numbers of the format: all magnitudes, small ones, whole ones, uniform ones, zeros."""
    draw = np.random.Generator(np.random.PCG64(seed))
    result = []
    for _ in range(count):
        sign, kind = draw.choice([-1.0, 1.0], size), np.arange(size) % 5
        drawn = np.select(
            [kind == 0, kind == 1, kind == 2, kind == 3],
            [sign * np.exp2(draw.uniform(-1074, 1023, size)), sign * np.exp2(draw.uniform(-30, 6, size)), np.round(sign * draw.uniform(0, 20, size)), draw.uniform(-40, 40, size)],
            numbers(fmt, draw.integers(first_place(fmt), last_place(fmt), size)),
        )
        rounded = round_array(fmt, drawn)
        result.append(np.where(np.isfinite(rounded), rounded, 1.0))
    return result


def same(a: VerdictColumn, b: VerdictColumn) -> bool:
    return bool(np.array_equal(a.verdict, b.verdict) and np.array_equal(a.error, b.error, equal_nan=True) and np.array_equal(a.over, b.over))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("text", "names"), FUNCTIONS)
def test_every_way_comes_to_the_verdicts_of_compare(text: str, names: str, form: str) -> None:
    for limit, upstream in ((None, 1.0), (0.75, -1.5)):
        work = work_on(text, names, form, limit=limit, upstream=upstream)
        columns = hard_columns(work.format, len(names.split()), 7, 150 if "gamma" not in text else 25)
        one_by_one = judge_columns(work, columns, method="points")
        for other in (judge_columns(work, columns), judge_columns(work, columns, method="balls"), judge_columns(sweep.with_proofs(work), columns)):
            assert all(same(a, b) for a, b in zip(other, one_by_one, strict=True))


@settings(max_examples=25)
@given(smooth_expressions(leaves=5))
def test_every_way_comes_to_the_same_on_random_functions(text: str) -> None:
    for form in ("float32", "float16"):
        work = work_on(text, "x y", form)
        columns = [c[:40] for c in hard_columns(work.format, 2, 3, 200)]
        for a, b in zip(judge_columns(work, columns), judge_columns(work, columns, method="points"), strict=True):
            decided = (a.verdict != CODE[Verdict.UNDECIDED]) & (b.verdict != CODE[Verdict.UNDECIDED])
            assert np.array_equal(a.verdict[decided], b.verdict[decided])


@pytest.mark.parametrize("text", ["x * atan(x)", "2 * sin(x * x / 8)", "sin(x)"])
def test_gradients_beside_the_middle_of_two_floats_are_decided_by_columns_of_balls(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.75 times a float near 0 is half way between two floats for every other odd one: which of them is nearest is told by terms 2000 bits below."""
    work, x = work_on(text, upstream=0.75), np.ldexp(np.arange(3, 35, dtype=np.float64) / 16 + 1 / (1 << 52), -np.arange(20, 340, 10))
    by_one = judge_columns(work, [x], method="points")
    monkeypatch.setattr(columns, "SLOW", columns.SLOW[:1])
    by_columns = judge_columns(work, [x])
    decided = ~by_columns[0].open
    assert decided.sum() >= 0.9 * len(x)
    assert np.array_equal(by_columns[0].verdict[decided], by_one[0].verdict[decided])


def test_a_residual_below_all_floats_is_no_exact_gradient() -> None:
    """(1 + 2**-52)**2 * 2**-1000 is 2**-1104 from its float: in float64 that distance is 0."""
    work, near = work_on("x * y * z", "x y z", limit=0.0), np.array([(1 + 2.0**-52) * 2.0**-500])
    found = judge_columns(work, [np.array([1.0]), near, near], method="balls")
    assert same(found[0], judge_columns(work, [np.array([1.0]), near, near], method="points")[0])
    assert found[0].over[0], "not exactly equal"


def test_a_wrong_formula_is_wrong_in_every_way() -> None:
    for form in ("float64", "float32", "float16"):
        work = work_on("tanh(x)", form=form, backward="dx = (1 - out) * dout")
        columns = hard_columns(work.format, 1, 5, 200)
        found = judge_columns(work, columns)[0]
        assert same(found, judge_columns(work, columns, method="points")[0])
        assert (found.verdict == CODE[Verdict.WRONG]).mean() > 0.3


def test_all_16_bit_sigmoid_gradients_are_judged_by_intervals_and_ranges_as_by_balls() -> None:
    for form in ("float16", "bfloat16"):
        work = sweep.with_proofs(work_on("sigmoid(x)", form=form))
        column = numbers(work.format, np.arange(first_place(work.format), last_place(work.format) + 1, 3))
        assert same(judge_columns(work, [column])[0], judge_columns(work, [column], method="balls")[0])


def test_nothing_stays_open() -> None:
    work = work_on("x * log(x) + abs(x)", form="float16")
    assert not (judge_columns(work, hard_columns(work.format, 1, 11, 500))[0].verdict == OPEN).any()


# ---------------------------------------------------------------- errors


def test_an_edge_is_an_upper_bound_within_a_256th_and_never_falls() -> None:
    ulps = np.sort(np.exp2(np.random.Generator(np.random.PCG64(1)).uniform(-9.9, 60, 100_000)))
    edges = edge(ulps)
    assert (edges >= ulps).all()
    assert (edges <= ulps * (1 + 2 / 256)).all()
    assert (np.diff(edges) >= 0).all()
    assert edge(np.array([0.0, NEGLIGIBLE_ULPS])).tolist() == [0.0, 0.0]


def test_quantiles_are_those_of_mpmath_to_the_resolution_of_an_edge() -> None:
    work = work_on("sigmoid(x)", form="float32")
    column = np.unique(round_array(work.format, np.random.Generator(np.random.PCG64(2)).uniform(-10, 10, 400)))
    tally = sums_of(work, [column])[0]
    errors = []
    with mpmath.workprec(200):
        computed = judge_computed(work, column)
        for x, c in zip(column.tolist(), computed, strict=True):
            g = 1 / (2 + mpmath.exp(x) + mpmath.exp(-mpmath.mpf(x)))
            errors.append(float(abs(c - g) / mpmath.mpf(2) ** (math.floor(mpmath.log(g, 2)) - 23)))
    errors.sort()
    for share in (0.5, 0.9, 0.99, 1.0):
        true = errors[math.ceil(share * len(errors)) - 1]
        assert true <= tally.quantile(share) <= true * (1 + 2 / 256)
    assert sum(g.count for g in tally.groups) == tally.points == len(column)


def judge_computed(work: Check, column: np.ndarray) -> list[float]:
    from verifier.compare.sweep.columns import computed_columns

    return computed_columns(work, [column])[0].tolist()


def test_a_point_that_is_worst_for_many_gradients_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve gradients of a product of twelve inputs, sampled at two points: both are run together, not once for each gradient and verdict."""
    names = [f"x{k}" for k in range(12)]
    work = work_on(" * ".join(names), " ".join(names))
    columns = list(np.random.Generator(np.random.PCG64(7)).uniform(1, 2, (12, 2)))
    sums = sweep.sums(work, Sample(columns))
    runs = []
    run = balls.run
    monkeypatch.setattr(balls, "run", lambda program, *args, **options: runs.append(program) or run(program, *args, **options))
    found = sweep.swept(work, sums)
    assert len([p for p in runs if work.joined is not None and p is work.joined[0]]) <= 2  # one precision, or two
    shown = {(s.name, d.point): d for s in found for _, several in s.examples for d in several}
    assert len(shown) == 24
    monkeypatch.undo()
    for point in zip(*(c.tolist() for c in columns), strict=True):
        for d in compare(work, [point])[0]:
            again = shown[d.name, point]
            assert (again.verdict, again.computed, again.bits) == (d.verdict, d.computed, d.bits)
            assert [str(b) for b in (again.ulps, again.condition, again.program_condition)] == [str(b) for b in (d.ulps, d.condition, d.program_condition)]


def test_gradients_that_are_compared_here_and_there_are_those_of_all() -> None:
    """In any order, with one twice, however few points are run at a time."""
    work = work_on("x**3 - y * x + exp(x - y)", "x y")
    points = [(1.5, 2.0), (1e-3, 7.0), (-2.25, 0.125), (30.0, 30.0)]
    rows = compare(work, points)
    wanted = [(2, 1), (0, 0), (3, 1), (0, 1), (2, 1), (3, 0)]
    for size in (1, compare_module.MOST_VALUES):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compare_module, "MOST_VALUES", size)
            found = compare_module.compare_some(work, [(points[p], c) for p, c in wanted])
        assert [(d.name, d.point, d.verdict, d.computed, str(d.ulps), str(d.condition)) for d in found] == [
            (d.name, d.point, d.verdict, d.computed, str(d.ulps), str(d.condition)) for d in (rows[p][c] for p, c in wanted)
        ]


def test_a_few_points_are_judged_without_the_program_that_is_made_for_many() -> None:
    """That of both sides, for columns of balls: three points get the same verdicts without it, four are worth it."""
    column = np.array([0.25, 1.5, 7.0, 30.0])
    for count in (3, 4):
        work = work_on("x * exp(-x) - log(x)")
        (quick,) = judge_columns(work, [column[:count]])
        assert ("shared" in vars(work)) == (count == 4)
        for method in ("balls", "points"):
            assert same(quick, judge_columns(work, [column[:count]], method=method)[0])


def test_the_worst_point_is_the_worst_of_all() -> None:
    work = work_on("x * exp(-x) - log(x)", form="float32")
    column = np.unique(round_array(work.format, np.random.Generator(np.random.PCG64(4)).uniform(0.1, 30, 1000)))
    (swept,) = sweep.swept(work, sweep.sums(work, Sample([column])))
    rows = compare(work, [(x,) for x in column.tolist()], detail=False)
    worst = max(rows, key=lambda row: float(row[0].ulps.abs_upper()))[0]
    shown = max((d for _, found in swept.examples for d in found), key=lambda d: float(d.ulps.abs_upper()))
    assert shown.point == worst.point
    assert shown.verdict is worst.verdict


def test_errors_near_the_middle_between_two_floats_are_told_apart_with_few_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of 0.375 sin(x^2) is 0.75 x (1 - x^4 / 2 + ...): for small x with an odd last bit half way between two floats, but for x^5."""
    flat = work_on("0.375 * sin(x * x)")
    points = [((1 + 2.0**-52) * 2.0**-k,) for k in (40, 90, 200)]
    bits = []
    some = sweep.compare_some

    def spy(check: Check, wanted: list, **options: object) -> list:
        bits.append(options.get("most_bits", math.inf) if wanted else 0)
        return some(check, wanted, **options)

    monkeypatch.setattr(sweep, "compare_some", spy)
    found = sweep._errors(flat, [(p, 0) for p in points])
    assert max(bits) <= sweep.ERROR_BITS
    full = [float(some(flat, [(p, 0)], detail=False)[0].ulps.abs_upper()) for p in points]
    assert found == pytest.approx(full, abs=1e-15)
    assert some(flat, [(points[2], 0)], detail=False)[0].bits > sweep.ERROR_BITS  # a verdict takes more


def test_errors_that_few_bits_do_not_tell_are_found_with_more() -> None:
    """1 + 2**-300 less 1 is 0 in 256 bits."""
    work = work_on("log(exp(x))", backward="dx = ((1 + x) - 1) / x")
    wanted = [((2.0**-300,), 0), ((2.0**-40,), 0)]
    full = [sweep._error(d) for d in sweep.compare_some(work, wanted, detail=False)]
    assert sweep._errors(work, wanted) == full


def test_an_error_beside_a_power_of_two_is_counted_in_the_ulp_of_the_right_side() -> None:
    """1 - 3 x^2 for x = 2**-300 is below 1, where an ulp is 2**-53: 1 + 2**-52 is off by 2 ulp. 256 bits do not tell on which side of 1 it is."""
    work = replace(work_on("x - x**3"), computed=lambda points: {"dx": [1 + 2.0**-52 for _ in points]})
    assert sweep._errors(work, [((2.0**-300,), 0), ((2.0**-60,), 0)]) == pytest.approx([2.0, 2.0], rel=1e-6)


# ---------------------------------------------------------------- sums


def test_the_result_does_not_depend_on_the_processes_nor_on_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_on("sigmoid(x) * y", "x y", "float16")
    columns = hard_columns(work.format, 2, 13, 3000)
    whole = sums_of(work, columns)
    assert sums_of(work, columns, method="balls") == whole
    monkeypatch.setattr(sample, "PART", 700)
    assert sums_of(work, columns) == whole
    with Workers(2) as workers:
        assert sums_of(work, columns, workers=workers) == whole


def test_a_tally_that_lost_a_point_is_another_one() -> None:
    work = work_on("sigmoid(x)", form="float16")
    (column,) = hard_columns(work.format, 1, 13, 100)
    assert sums_of(work, [column]) != sums_of(work, [column[1:]])


def test_intervals_of_one_verdict_are_maximal_and_joined_across_parts() -> None:
    codes = np.array([CODE[v] for v in (Verdict.CORRECT, Verdict.VANISHED, Verdict.VANISHED, Verdict.CORRECT, Verdict.WRONG, Verdict.VANISHED, Verdict.VANISHED)], np.int8)
    judged = VerdictColumn(codes, np.zeros(7), np.zeros(7, bool))
    column = np.arange(7.0)
    whole = tally(judged, [column], 10, runs=True)
    halves = [tally(VerdictColumn(codes[a:b], np.zeros(b - a), np.zeros(b - a, bool)), [column[a:b]], 10 + a, runs=True) for a, b in ((0, 2), (2, 6), (6, 7))]
    assert joined(halves).runs == whole.runs
    assert [(r.verdict, r.first, r.last, r.low, r.high, r.count) for r in whole.runs] == [
        (Verdict.VANISHED, 11, 12, 1.0, 2.0, 2),
        (Verdict.VANISHED, 15, 16, 5.0, 6.0, 2),
        (Verdict.WRONG, 14, 14, 4.0, 4.0, 1),
    ]


def test_many_intervals_become_few_at_their_smallest_gaps() -> None:
    codes = np.tile(np.array([CODE[Verdict.VANISHED], CODE[Verdict.CORRECT]], np.int8), 1000)
    codes[1000:1100] = CODE[Verdict.CORRECT]
    runs = tally(VerdictColumn(codes, np.zeros(2000), np.zeros(2000, bool)), [np.arange(2000.0)], runs=True).runs
    assert len(runs) == MOST_RUNS
    assert sum(r.count for r in runs) == 950
    assert any(r.last == 998 for r in runs), "the largest gap divides them"


# ---------------------------------------------------------------- ranges


def test_a_range_encloses_every_point_of_it() -> None:
    draw = np.random.Generator(np.random.PCG64(8))
    for text in ("1 / (1 + exp(-x))", "x * exp(-x * x)", "tanh(x) / cosh(x)", "where(x > 3, log(abs(x)), x**3)", "max(x, 1) - min(x, 2)", "erfc(x) * sqrt(x * x + 1)"):
        program = primitive(expression(text, "x"))
        for _ in range(40):
            a, b = sorted((draw.choice([-1, 1]) * np.exp2(draw.uniform(-9, 9, 2))).tolist())
            (found,) = ranges.run(program, [(a, b)], [program.output], strict=False)
            if found is None:
                continue
            with balls.precision(300):
                inside = [arb(a), arb(b), *(arb(float(v)) for v in draw.uniform(a, b, 8))]
                exact = balls.run(program, [inside], bits=300, strict=False)[program.output]
                assert all(not (v < found.low or v > found.high) for v in exact), (text, a, b)


def test_a_range_knows_the_tails_that_have_no_float64() -> None:
    program = primitive(expression("exp(-x) * (1 / (1 + exp(-x)))**2", "x"))
    (found,) = ranges.run(program, [(1e30, 1e38)], [program.output], strict=True)
    assert found is not None
    assert 0 <= found.low <= found.high < arb(2) ** -100_000
    assert ranges.run(primitive(expression("log(x)", "x")), [(-1.0, 1.0)], [1], strict=True) == [None]


# ---------------------------------------------------------------- samples, reports


@pytest.mark.parametrize("form", FORMATS)
def test_places_count_the_numbers_of_a_format_in_order(form: str) -> None:
    fmt = FORMATS[form]
    ends = [*range(first_place(fmt), first_place(fmt) + 3), -2, -1, 0, 1, 2, last_place(fmt)]
    values = numbers(fmt, np.array(ends, dtype=np.int64)).tolist()
    assert values == sorted(values)
    assert (values[0], values[-1]) == (-fmt.largest, fmt.largest)
    assert Fraction(values[6]) == fmt.smallest
    assert math.copysign(1, values[4]) == -1.0
    first, last = places(fmt, -1.0, 0.3)
    assert float(numbers(fmt, np.array([first]))[0]) == -1.0
    below, above = numbers(fmt, np.array([last, last + 1])).tolist()
    assert below <= 0.3 < above


@pytest.mark.parametrize("form", FORMATS)
def test_the_places_between_two_bounds_are_those_of_the_numbers_between_them(form: str) -> None:
    fmt = FORMATS[form]
    tiny, huge = float(fmt.smallest), float(fmt.largest)
    for bound in (0.0, tiny / 2, tiny, 1.5 * tiny, 0.1, 1.0, 3.3, 0.999 * huge, huge, math.inf):
        for low, high in ((bound, math.inf), (-bound, math.inf), (-math.inf, bound), (-math.inf, -bound)):
            first, last = places(fmt, low, high)
            if first <= last_place(fmt):
                assert low <= float(numbers(fmt, np.array([first]))[0])
            if first > first_place(fmt) and low:
                assert float(numbers(fmt, np.array([first - 1]))[0]) < low
            if last >= first_place(fmt):
                assert float(numbers(fmt, np.array([last]))[0]) <= high
            if last < last_place(fmt) and high:
                assert float(numbers(fmt, np.array([last + 1]))[0]) > high


@pytest.mark.parametrize("form", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"])
def test_a_sample_is_of_the_format_inside_the_domain_and_the_same_every_time(form: str) -> None:
    text = "name: s\nfunction: x + y\ndomain: {x: [-10, 10], y: [0.1, 1e6]}\nsample: 600\n"
    (case,) = load_text(text, file="t.yaml").cases
    fmt = FORMATS[form]
    x, y = points.sample_columns(case, fmt)
    assert [c.tolist() for c in points.sample_columns(case, fmt)] == [x.tolist(), y.tolist()]
    assert (np.abs(x) <= 10).all()
    assert Fraction(float(y.min())) >= Fraction("0.1")
    assert (y <= 1e6).all()
    for v in (*x.tolist(), *y.tolist()):
        assert round_exact(fmt, Fraction(v)) == v
    assert 0.3 < (x < 0).mean() < 0.7
    if fmt.precision > 8:
        assert (np.abs(x[0::3]) < 1e-2).mean() > 0.3, "uniform over the floats: most are small"
        assert 5e-6 < np.median(np.abs(x[1::3])) < 0.5, "uniform over the magnitudes"
        assert 3 < np.median(np.abs(x[2::3])) < 7, "uniform over the reals"


def test_a_sweep_in_a_report_has_its_counts_its_worst_point_and_its_findings() -> None:
    report = check(textwrap.dedent("""\
        name: squares
        function: tanh(x)
        domain: {x: [-30, 30]}
        sample: 3000
        formats: [float32]
        implementations: {squares: {backward: dx = 1 - tanh(x)**2}}
        """))
    (found,) = report.sweeps
    assert sum(found.verdicts.values()) == found.points == 3000
    assert {"vanished", "correct", "rounding"} <= set(found.verdicts)
    assert report.results == ()
    vanished = next(f for f in report.findings if f.code == "V203")
    assert f"(at {found.verdicts['vanished']:,} of 3,000 points)" in vanished.message
    assert found.worst is not None
    assert float(found.worst.ulps) == pytest.approx(float(found.maximum), rel=1e-5)
    assert float(found.median) <= float(found.p99) <= float(found.maximum)


def test_an_accepted_limit_holds_for_sampled_points() -> None:
    text = "name: s\nfunction: sigmoid(x)\ndomain: {x: [-5, 5]}\nsample: 500\nformats: [float32]\naccept: {ulps: %s}\n"
    strict = check(text % "0.6")
    assert strict.status == "failed"
    above = sum(j.over.sum() for j in judge_columns(work_on("sigmoid(x)", form="float32", limit=0.6), points.sample_columns(load_text(text % "0.6", file="t.yaml").cases[0], FORMATS["float32"])))
    assert any(f.code == "V104" and f"(at {above:,} of 500 points)" in f.message for f in strict.findings)
    assert check(text % "200").status == "passed"


LIMITED = (
    ("sigmoid(x)", None), ("tanh(x)", "dx = (1 - out) * dout"), ("exp(x) / (1 + exp(x))", None), ("tanh(x)", "dx = (1 - out * out) * dout"), ("x * x", "dx = exp(x) * x / exp(x) * 2 * dout"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "backward"), LIMITED)
@pytest.mark.parametrize("form", ["float64", "float32", "float16"])
def test_every_way_counts_above_the_limit_what_one_point_counts(text: str, backward: str | None, form: str) -> None:
    """A wrong gradient, or one that is not finite, is told as such, however far it is off: it is no gradient above its limit."""
    for limit in (0.25, 3.0):
        work = work_on(text, form=form, limit=limit, backward=backward)
        columns = hard_columns(work.format, 1, 29, 200)
        rows = compare(work, [(x,) for x in columns[0].tolist()], detail=False)
        expected = [exceeds(limit, row[0]) for row in rows]
        for method in ("any", "balls", "points"):
            assert judge_columns(work, columns, method=method)[0].over.tolist() == expected, method
        for row, over in zip(rows, expected, strict=True):
            assert not (over and row[0].verdict.fails)


def test_verdicts_have_a_code_each() -> None:
    assert [VERDICTS[CODE[v]] for v in Verdict] == list(Verdict)


# ---------------------------------------------------------------- jumps, poles, special functions

BREAKS = (
    "floor(x)", "ceil(x)", "trunc(x)", "round(x)", "sign(x)", "fmod(x, 3)", "heaviside(x)", "gamma(x)", "lgamma(-x)", "digamma(x)", "1 / floor(x)", "1 / x", "x * floor(x)",
    "floor(x) - floor(x)", "floor(x) + ceil(x)", "floor(sqrt(x))", "sqrt(x) + where(x < 0, 1, 0)", "where(x < 2, 1, x - 1)", "where(x == 3, 0, 1)", "where(x < 0, 1 / x, x)",
    "1 / gamma(x)", "gamma(x) * floor(x)", "exp(floor(x))", "abs(floor(x) + 0.5)", "floor(abs(x))", "floor(x * x)", "floor(-x / 2)", "1 / where(x == 1, 0, 1)", "x**floor(3.5)", "floor(cos(x))",
)  # fmt: skip


@pytest.mark.parametrize("text", BREAKS)
def test_a_break_that_is_certain_is_one(text: str) -> None:
    work = work_on(text, form="float32")
    column = np.concatenate([np.arange(-8.0, 9.0), np.arange(-3.0, 4.0, 0.25) / 2, [1e10, -1e10, 2.0**70, -(2.0**70), 1e-20, -1e-20]])
    found = judge_columns(work, [column])[0]
    assert same(found, judge_columns(work, [column], method="points")[0])
    certain = jumps.has_break(work.truth.function, [column], 0)
    assert (found.verdict[certain] == CODE[Verdict.UNDEFINED]).all()


SAME_ON_BOTH_SIDES = ("floor(1 + x) - floor(x + 1)", "floor(1 - x) - floor(-(x - 1))", "floor(x * -2) - floor(-(2 * x))", "where(x < 2*x, 0, where(x > 0, 5, 0))", "where(-x > -2*x, 0, where(x > 0, 5, 0))")  # 0 everywhere: each limit of one is that of the other


def test_jumps_and_poles_of_gates_are_certain() -> None:
    column = np.array([-3.0, -0.5, 0.0, 2.0, 2.5])
    for text, expected in (("floor(x)", [1, 0, 1, 1, 0]), ("trunc(x)", [1, 0, 0, 1, 0]), ("round(x)", [0, 1, 0, 0, 1]), ("gamma(x)", [1, 0, 1, 0, 0]), ("floor(sqrt(x))", [0] * 5), ("floor(x * -2)", [1] * 5), ("floor(2 * x)", [1] * 5), *((same, [0] * 5) for same in SAME_ON_BOTH_SIDES)):
        assert jumps.has_break(primitive(expression(text, "x")), [column], 0).tolist() == [bool(e) for e in expected], text
    assert jumps.has_break(primitive(expression("trunc(x)", "x")), [np.array([2.0**70, -(2.0**70)])], 0).all(), "2**70 - 1 is no float"


def test_two_numbers_that_move_together_are_compared_by_how_fast_they_do() -> None:
    """At x = 0 both sides of a comparison move the same way, one twice as fast; the function is 0 everywhere."""
    program = primitive(expression("where(x*y < 2*x*y, 0, where(x*y > 0, 5, 0))", "x", "y"))
    assert not jumps.has_break(program, [np.zeros(4), np.array([1.0, 2.0, -1.0, -3.0])], 0).any()
    jumping = primitive(expression("where(x*y < 0, 0, 5)", "x", "y"))
    assert jumps.has_break(jumping, [np.zeros(4), np.array([1.0, 2.0, -1.0, -3.0])], 0).all()


SPECIAL = (
    "j0(x)", "y1(x)", "i0e(x)", "k1(x)", "kve(2, x)", "airyai(x)", "airybiprime(x)", "gamma(x)", "trigamma(x)", "rgamma(x)", "erfcx(x)", "dawson(x)", "log_ndtr(x)", "ellipk(x)",
    "ellipd(x)", "spence(x)", "exp1(x)", "li(x)", "si(x)", "chi(x)", "fresnels(x)", "lambertw(x)", "ndtri(x)", "erfi(x)", "sinc(x)", "besselj(2, x)", "softplus(x)",
)  # fmt: skip


def test_the_ends_of_a_range_as_floats_are_outside_of_it() -> None:
    for value in (Fraction(1, 3), Fraction(-1, 3), Fraction(1, 10), Fraction(7, 5)):
        with balls.precision(200):
            end = arb(fmpq(value.numerator, value.denominator))
            low, high = range_sweep._float_ends(ranges.Range(end.lower(), end.upper()))
        assert Fraction(low) < value < Fraction(high)


@pytest.mark.parametrize("text", ["lgamma(x)", "j0(x)"])
def test_balls_call_a_wrong_formula_wrong_and_leave_nothing(text: str) -> None:
    """The derivatives are digamma(x) and -j1(x) (DLMF 5.2.2, 10.6.3), and 0 at none of these points."""
    right = {"lgamma(x)": "digamma(x)", "j0(x)": "-j1(x)"}[text]
    work = work_on(text, backward=f"dx = {right}*1.001*dout")
    column = np.linspace(1.6, 3.4, 40)
    (claim,) = work.subject.claims
    (computed,) = floats.run(work.subject.program, [column], [work.subject.program.names[claim[1]]], fmt=work.format)
    found = all_open(len(column))
    by_balls(work, [column], [np.array(computed)], [found])
    assert (found.verdict == CODE[Verdict.WRONG]).all()


@pytest.mark.parametrize("text", SPECIAL)
def test_special_functions_come_to_the_same_by_intervals_and_by_balls(text: str) -> None:
    for form in ("float32", "bfloat16"):
        work = work_on(text, form=form)
        columns = hard_columns(work.format, 1, 19, 60)
        quick, slow = judge_columns(work, columns)[0], judge_columns(work, columns, method="balls")[0]
        assert same(quick, slow)


# ---------------------------------------------------------------- tails


def float32_between(low: float, high: float, count: int) -> np.ndarray:
    """Neighbouring numbers of float32, spread evenly over those between two."""
    first, last = places(FORMATS["float32"], low, high)
    return numbers(FORMATS["float32"], np.unique(np.linspace(first, last, count).astype(np.int64)))


@pytest.mark.parametrize("text", ["sigmoid(x)", "logsigmoid(x)", "softplus(x)", "tanh(x)", "gelu(x)"])
def test_tails_of_activations_need_no_point_by_point(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where float64 overflows or underflows, out to the largest numbers; of logsigmoid and softplus the proof leaves out the kink at 0 of their own stable lines."""
    work = sweep.with_proofs(work_on(text, form="float32"))
    monkeypatch.setattr(columns, "SLOW", [])
    for low, high in ((-3e38, -1000.0), (1000.0, 3e38)):
        column = float32_between(low, high, 100_000)
        (found,) = judge_columns(work, [column])
        assert not found.open.any(), (text, low)
        assert {VERDICTS[v] for v in found.verdict.tolist()} == {Verdict.CORRECT}  # 0, 1, -1 or x itself is the rounded gradient there


def test_a_tail_is_judged_at_once_as_it_is_block_by_block() -> None:
    work = sweep.with_proofs(work_on("sigmoid(x)", form="float32"))
    for low, high in ((80.0, 2000.0), (-200.0, -80.0), (1e5, 1e30)):
        column = float32_between(low, high, 3 * columns.BLOCK)
        (whole,) = judge_columns(work, [column])
        parts = [judge_columns(work, [column[i : i + 5000]])[0] for i in range(0, len(column), 5000)]
        assert same(whole, VerdictColumn(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("verdict", "error", "over"))))


def test_a_proof_off_a_kink_of_the_computed_side_says_nothing_on_it() -> None:
    """The lines are right everywhere but at 0, where they say 5 instead of 1/2."""
    work = sweep.with_proofs(work_on("softplus(x)", form="float32", backward="dx = where(x == 0, 5, 1 / (1 + exp(-x))) * dout"))
    assert work.proved_apart == {"dx"}
    (found,) = judge_columns(work, [float32_between(-1e-44, 1e-44, 101)])
    assert not found.open.any()
    assert VERDICTS[found.verdict[np.flatnonzero(float32_between(-1e-44, 1e-44, 101) == 0)[0]]] is Verdict.WRONG
    assert sum(VERDICTS[v] is Verdict.WRONG for v in found.verdict.tolist()) <= 2, "0 and -0.0"


def test_errors_are_counted_as_by_sorting_them() -> None:
    source = np.random.default_rng(11)
    usual = edge(np.exp2(source.uniform(-12, 40, 3000)))
    for error in (usual, np.where(source.random(3000) < 0.3, -1.0, usual), np.where(source.random(3000) < 0.3, np.inf, usual), source.uniform(1, 1.001, 200), np.exp2(source.uniform(-900, 900, 300)), np.zeros(5), np.full(4, -1.0)):
        counted = {float(e): int(n) for e, n in zip(*np.unique(error[(error >= 0) & np.isfinite(error)], return_counts=True), strict=True)}
        assert _histogram(error) == counted


def test_errors_beyond_all_edges_are_infinite_or_unknown() -> None:
    found = edge(np.array([np.inf, np.nan, 1.7976931348623157e308, 2.0**1023, 0.0, -0.0]))
    assert found[0] == np.inf
    assert np.isnan(found[1])
    assert found[2] == np.inf
    assert 2.0**1023 < found[3] < 2.0**1023 * 1.01
    assert found[4:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("text", "low", "high"), [("gelu_tanh(x)", -11.5, -3.0), ("1 - tanh(x)**2", 5.0, 40.0), ("x * (1 + erf(x))", -9.0, -3.0)])
def test_what_cancels_in_a_tail_is_left_neither_to_balls_nor_to_single_points(text: str, low: float, high: float) -> None:
    """Beyond 10 the square of tanh is 1 to 24 bits, beyond 37 to 106. gelu_tanh also has a literal of six digits, which float32 may have rounded: where both sides agree with it as it is written nothing else is asked."""
    work, fmt = work_on(text, form="float32"), FORMATS["float32"]
    first, last = places(fmt, low, high)
    given = [numbers(fmt, np.linspace(first, last, 400).astype(np.int64))]
    (found,) = judge_columns(work, given, method="columns")
    (alone,) = judge_columns(work, given, method="points")
    assert not found.open.any()
    explained = np.isin(alone.verdict, [CODE[Verdict.UNSTABLE], CODE[Verdict.ILL_CONDITIONED]])  # columns end without condition numbers
    assert np.array_equal(found.verdict, np.where(explained, CODE[Verdict.UNSTABLE], alone.verdict))
    assert np.array_equal(found.error, alone.error, equal_nan=True)


def test_a_literal_is_taken_as_it_is_written_where_both_sides_agree() -> None:
    """1.442695 has the digits of a rounded constant in bfloat16. Where exp(-x) is nothing the gradient of softplus(1.442695 x) is it, 0.33504 ulp (of 2^-7) below the computed 1.4453125, everywhere."""
    work = sweep.with_proofs(work_on("softplus(x * 1.442695)", form="bfloat16"))
    given = np.full(300, 2.0**100) * np.linspace(1, 2, 300)
    (found,) = judge_columns(work, [round_array(work.format, given)])
    expected = float(edge(np.float64((1.4453125 - 1.442695) * 2**7)))
    assert found.error.tolist() == [expected] * 300


def test_balls_decide_what_is_computed_as_no_number() -> None:
    work = work_on("x * x")
    found = [all_open(3)]
    by_balls(work, [np.array([1.5, 2.5, 3.5])], [np.array([np.nan, np.inf, 7.0])], found)
    assert [VERDICTS[v] for v in found[0].verdict] == [Verdict.NONFINITE, Verdict.NONFINITE, Verdict.CORRECT]
