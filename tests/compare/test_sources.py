"""Where the points of a sweep come from, and how verdicts are summed up: against plain Python loops."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from verifier.case.load import case_of
from verifier.compare.sweep import tally as tallies
from verifier.compare.sweep.classify import CODE, VERDICTS, VerdictColumn
from verifier.compare.sweep.sample import CHUNK, PART, Enumeration, Sample, everything, halves, source_of
from verifier.compare.sweep.tally import CANDIDATES, FIRST, NONE, Group, Tally, joined, tally
from verifier.language.formats import FORMATS, numbers
from verifier.language.verdict import Verdict

FLOAT8 = FORMATS["float8_e5m2"]


def points_of(source: Sample | Enumeration) -> list[tuple[float, ...]]:
    return list(zip(*(c.tolist() for c in source.columns), strict=True))


def test_an_enumeration_is_the_product_of_its_spans_and_the_last_input_changes_fastest() -> None:
    spans = ((-2, 3), (5, 6), (0, 3))
    whole = Enumeration(FLOAT8, spans, 0, 6 * 2 * 4)
    expected = list(itertools.product(*(numbers(FLOAT8, np.arange(a, b + 1)).tolist() for a, b in spans)))
    assert points_of(whole) == expected
    assert whole.count == 48
    for start, stop in ((0, 48), (0, 0), (3, 17), (40, 48)):
        part = whole.cut(start, stop)
        assert points_of(part) == expected[start:stop]
        assert part.count == stop - start
        assert points_of(part.cut(1, 3)) == expected[start:stop][1:3] or stop == start
    assert [points_of(h) for h in halves(whole.cut(5, 10))] == [expected[5:7], expected[7:10]]
    assert halves(whole.cut(5, 6)) == []
    assert (whole.is_exhaustive, whole.size, whole.plain) == (True, CHUNK, ("exhaustive", [*spans], 0, 48))


def test_everything_is_every_number_of_the_format_in_the_domain() -> None:
    """float8_e5m2 has 0.25, 0.3125, 0.375, 0.4375 and 0.5 from a quarter to a half; -0.0 and 0.0 are two numbers."""
    assert points_of(everything(FLOAT8, [(0.25, 0.5)])) == [(0.25,), (0.3125,), (0.375,), (0.4375,), (0.5,)]
    assert everything(FLOAT8, [(0.25, 0.5), (0.25, 0.375)]).count == 15
    assert everything(FLOAT8, [(0.26, 0.3), (0.25, 0.5)]).count == 0
    assert everything(FLOAT8, [(0.5, 0.25)]).count == 0
    assert everything(FLOAT8, [(-math.inf, math.inf)]).count == 2 * 124  # 31 exponents of 4 numbers on either side


def test_a_sample_is_cut_with_its_place_and_known_by_its_numbers() -> None:
    whole = Sample([np.arange(10.0), np.arange(10.0, 20.0)])
    part = whole.cut(3, 7).cut(1, 3)
    assert (part.start, part.count, points_of(part)) == (4, 2, [(4.0, 14.0), (5.0, 15.0)])
    assert (whole.is_exhaustive, whole.size) == (False, PART)
    plain = {whole.plain, part.plain, Sample(part.columns).plain, Sample([np.arange(10.0), np.arange(10.0, 20.0) * 2]).plain}
    assert len(plain) == 4
    assert Sample([np.arange(10.0), np.arange(10.0, 20.0)]).plain == whole.plain


@pytest.mark.parametrize(("more", "kind"), [("", None), ("sample: 50\ndomain: {x: [0, 1]}\n", Sample), ("exhaustive: true\nformats: [float8_e5m2]\ndomain: {x: [0.25, 0.5]}\n", Enumeration)])
def test_a_case_has_the_source_that_it_asks_for(more: str, kind: type | None) -> None:
    case = case_of(f"name: any\nfunction: x*x\npoints: [{{x: 1}}]\n{more}implementations: {{mine: {{}}}}\n")
    found = source_of(case, FORMATS[case.formats[0]])
    assert (found is None) if kind is None else isinstance(found, kind)
    assert found is None or found.count == (50 if kind is Sample else 5)


def test_a_sample_holds_the_constraint_of_its_case() -> None:
    case = case_of("name: any\nfunction: x*y\npoints: [{x: 1, y: 2}]\nsample: 60\ndomain: {x: [0, 1], y: [0, 1]}\ngiven: x < y\nimplementations: {mine: {}}\n")
    found = source_of(case, FORMATS["float64"])
    assert found is not None
    assert all(x < y for x, y in points_of(found))


# ---------------------------------------------------------------- sums


def column(draw: np.random.Generator, count: int) -> VerdictColumn:
    """Verdicts with errors of few values, as sweeps have them, some above a limit."""
    verdict = draw.choice([CODE[v] for v in (Verdict.CORRECT, Verdict.ROUNDING, Verdict.UNSTABLE, Verdict.WRONG, Verdict.UNDEFINED, Verdict.NONFINITE)], count).astype(np.int8)
    error = draw.choice([0.0, 0.5, 3.0, 17.0, math.inf, math.nan], count)
    error[verdict == CODE[Verdict.UNDEFINED]] = math.nan
    return VerdictColumn(verdict, error, (error > 2) & (verdict == CODE[Verdict.UNSTABLE]))


def group_by_hand(verdict: Verdict, over: bool, points: list[tuple[float, ...]], errors: list[float]) -> Group:
    largest = max(errors)
    worst = [p for p, e in zip(points, errors, strict=True) if e == largest]
    return Group(verdict, over, len(points), tuple(points[:FIRST]), largest, len(worst), tuple(worst[:CANDIDATES]))


@pytest.mark.parametrize("seed", range(6))
def test_a_tally_is_what_a_loop_counts_in_any_parts(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 400))
    judged, columns = column(draw, count), [np.arange(float(count)), draw.uniform(size=count)]
    points = list(zip(*(c.tolist() for c in columns), strict=True))
    errors = []
    for code, e in zip(judged.verdict, judged.error, strict=True):
        errors.append((math.inf if VERDICTS[code].fails else NONE) if math.isnan(e) else float(e))
    groups = []
    for verdict in VERDICTS:
        for over in (False, True):
            at = [i for i in range(count) if VERDICTS[judged.verdict[i]] is verdict and bool(judged.over[i]) is over]
            if at:
                groups.append(group_by_hand(verdict, over, [points[i] for i in at], [errors[i] for i in at]))
    expected = Tally(count, tuple(groups), dict(Counter(e for e in errors if e != NONE and math.isfinite(e))))
    found = tally(judged, columns)
    assert found == expected
    cuts = sorted({0, count, *draw.integers(0, count, 3).tolist()})
    parts = [tally(VerdictColumn(judged.verdict[a:b], judged.error[a:b], judged.over[a:b]), [c[a:b] for c in columns], a) for a, b in itertools.pairwise(cuts)]
    assert joined(parts) == expected
    assert joined([Tally(), *parts]) == expected
    assert expected.count(Verdict.WRONG, Verdict.CORRECT) == sum(VERDICTS[c] in (Verdict.WRONG, Verdict.CORRECT) for c in judged.verdict)
    known = sorted(e for e in errors if e != NONE and math.isfinite(e))
    for share in (0.0001, 0.25, 0.5, 0.9, 1.0):
        assert expected.quantile(share) == (known[math.ceil(share * len(known)) - 1] if known else None)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_of_a_verdict_are_those_of_a_loop_in_any_parts(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = 200
    verdict = np.repeat(draw.choice([CODE[v] for v in (Verdict.CORRECT, Verdict.WRONG, Verdict.VANISHED)], count // 4), 4).astype(np.int8)
    judged = VerdictColumn(verdict, np.full(count, math.nan), np.zeros(count, bool))
    values = np.arange(float(count)) * 3
    expected = []
    for v in (Verdict.VANISHED, Verdict.WRONG):
        for code, group in itertools.groupby(range(count), key=lambda i: int(verdict[i])):
            at = list(group)
            if code == CODE[v]:
                expected.append((v, 7 + at[0], 7 + at[-1], 3.0 * at[0], 3.0 * at[-1], len(at)))
    found = tally(judged, [values], 7, runs=True).runs
    assert sorted(tuple(r) for r in map(_plain, found)) == sorted((v.name, *rest) for v, *rest in expected)
    cuts = [0, 3, 77, 150, 200]
    parts = [tally(VerdictColumn(verdict[a:b], judged.error[a:b], judged.over[a:b]), [values[a:b]], 7 + a, runs=True) for a, b in itertools.pairwise(cuts)]
    assert joined(parts).runs == found
    assert tally(judged, [values], 7).runs == ()


def _plain(run: tallies.VerdictRun) -> tuple[object, ...]:
    return run.verdict.name, run.first, run.last, run.low, run.high, run.count
