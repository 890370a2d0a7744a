"""A column of floats may say unknown: what a sweep decides of a gradient, from ends in float64 or from balls, is what the table says in rational numbers, or nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from tests.compare import by_rationals
from tests.compare.by_rationals import CHOSEN, Gradient, enclosed, floats_around, gradients
from verifier.arithmetic import balls
from verifier.arithmetic.double_double import run as double_doubles
from verifier.case.load import case_of
from verifier.compare.check import Check, checks_of
from verifier.compare.sweep import balls as of_balls
from verifier.compare.sweep import double_doubles as of_pairs
from verifier.compare.sweep.classify import (
    CODE,
    NEGLIGIBLE_ULPS,
    OPEN,
    STEPS_PER_BINADE,
    VERDICTS,
    Enclosed,
    all_open,
    classify,
    edge,
    from_ends,
)
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS, Format
from verifier.language.verdict import Verdict

FLOAT64 = FORMATS["float64"]
NARROW = [f for f in CHOSEN if f.precision <= of_balls.NARROW]
LIMIT = 1.25  # ulps that the case accepts


@cache
def check_in(fmt: Format) -> Check:
    case = case_of(f"name: any\nfunction: x*x\npoints: [{{x: 1}}]\nformats: [{fmt.name}]\nimplementations:\n  mine: {{backward: dx = 2*x*dout}}\n")
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return replace(check, limit=LIMIT)


def judged(x: Gradient, e: Enclosed) -> tuple[int, bool, Any]:
    """The code of the verdict from these bounds, with what is known of the formula; whether only the condition number is missing; the column."""
    e.right, e.wrong = np.array([x.formula <= 1]), np.array([x.formula > 1])
    found = all_open(1)
    unstable = classify(check_in(x.format), e, found, gradient="dx")
    return int(found.verdict[0]), bool(unstable[0]), found


def require(x: Gradient, e: Enclosed, *, decided: bool) -> None:
    """The verdict is that of the table or open; errors are rounded up by less than a step; a limit counts for what is limited."""
    expected = by_rationals.verdict(x.format, x.computed, x.exact, x.formula)
    code, is_unstable, found = judged(x, e)
    assert code in (OPEN, CODE[expected])
    assert not is_unstable or expected is Verdict.UNSTABLE
    if decided:
        assert is_unstable or code != OPEN
    if code == OPEN and not is_unstable:
        assert np.isnan(found.error[0])
        assert not found.over[0]
        return
    if not math.isfinite(x.computed):
        assert np.isnan(found.error[0])
        assert not found.over[0]
        return
    ulps = x.ulps
    if ulps <= NEGLIGIBLE_ULPS:
        assert found.error[0] == 0
    elif np.isinf(found.error[0]):
        assert ulps > FLOAT64.largest / 2
    else:
        assert ulps <= Fraction(float(found.error[0])) <= ulps * (1 + Fraction(2, STEPS_PER_BINADE))
    limited = expected.passes or expected.warns
    assert bool(found.over[0]) is (limited and ulps > Fraction(LIMIT))


def require_bounds(x: Gradient, e: Enclosed, unit: Any) -> None:
    small, large = unit
    if not np.isnan(small[0]):
        assert Fraction(float(small[0])) <= x.ulp <= Fraction(float(large[0]))
    if math.isfinite(x.computed) and not np.isnan(e.ulps_low[0]) and not np.isnan(small[0]):
        assert x.ulps > FLOAT64.largest if np.isinf(e.ulps_low[0]) else Fraction(float(e.ulps_low[0])) <= x.ulps
        assert not np.isfinite(e.ulps_high[0]) or x.ulps <= Fraction(float(e.ulps_high[0]))
    if e.is_rounded[0]:
        rounded = by_rationals.by_mpfr(x.format, x.exact)
        assert e.rounded[0] == rounded or (np.isnan(e.rounded[0]) and math.isnan(rounded))


def is_generic(x: Gradient) -> bool:
    """Whether float64 tells on which side of every border a narrow format's gradient lies: it is no tie, no end of a binade, and its error on no edge."""
    near = Fraction(1, 2**20)
    borders = [x.ulp * k / 2 for k in (math.floor(x.exact / x.ulp * 2), math.ceil(x.exact / x.ulp * 2))] if x.ulp else []
    return all(abs(x.exact - b) > near * x.ulp for b in borders) and abs(x.exact) < Fraction(x.format.largest)


@given(gradients(NARROW), st.sampled_from((Fraction(0), Fraction(0), Fraction(1, 2**30), Fraction(1, 2**10), Fraction(1, 3), Fraction(3), Fraction(10**6))))
def test_ends_in_float64_say_what_rationals_say_or_nothing(x: Gradient, width: Fraction) -> None:
    with np.errstate(all="ignore"):
        low, high = floats_around(x.exact - width * x.ulp)[0], floats_around(x.exact + width * x.ulp)[1]
        e, unit, error = from_ends(check_in(x.format), np.array([x.computed]), np.array([low]), np.array([high]))
        require_bounds(x, e, unit)
        if math.isfinite(x.computed):
            assert Fraction(float(error[0][0])) <= abs(Fraction(x.computed) - x.exact) <= Fraction(float(error[1][0]))
        require(x, e, decided=False)


@given(gradients(NARROW))
def test_ends_that_are_next_to_each_other_decide_nearly_always(x: Gradient) -> None:
    with np.errstate(all="ignore"):
        low, high = floats_around(x.exact)
        e, _, _ = from_ends(check_in(x.format), np.array([x.computed]), np.array([low]), np.array([high]))
        limit = by_rationals.within_a_third
        clear = not math.isfinite(x.computed) or limit(x.format, x.ulps * (1 - Fraction(1, 2**20))) == limit(x.format, x.ulps * (1 + Fraction(1, 2**20)))
        settled = not math.isfinite(x.computed) or edge(e.ulps_low)[0] == edge(e.ulps_high)[0]
        require(x, e, decided=(is_generic(x) or low == high) and clear and settled)


@given(gradients([FLOAT64]), st.sampled_from((128, 640, 60, 200)))
def test_balls_in_float64_say_what_rationals_say_or_nothing(x: Gradient, bits: int) -> None:
    with np.errstate(all="ignore"), balls.precision(bits):
        e, unit = of_balls._from_balls(check_in(FLOAT64), np.array([x.computed]), [enclosed(x.exact)])
        require_bounds(x, e, unit)
        require(x, e, decided=False)


@given(gradients([FLOAT64]))
def test_balls_of_128_bits_decide_nearly_always_in_float64(x: Gradient) -> None:
    with np.errstate(all="ignore"), balls.precision(128):
        e, _ = of_balls._from_balls(check_in(FLOAT64), np.array([x.computed]), [enclosed(x.exact)])
        normal = 2.0**-400 < abs(x.exact) < 2.0**1000 and abs(x.computed) < 2.0**40 * abs(x.exact)
        clear = not math.isfinite(x.computed) or all(abs(x.ulps - t) > Fraction(1, 2**30) for t in (Fraction(1, 2), Fraction(1), Fraction(LIMIT), Fraction(3, 2)))
        settled = math.isfinite(x.computed) and edge(e.ulps_low)[0] == edge(e.ulps_high)[0]
        require(x, e, decided=is_generic(x) and normal and clear and settled)


@given(gradients(NARROW), st.sampled_from((8, 16, 24, 53, 128)))
def test_balls_in_narrow_formats_say_what_rationals_say_or_nothing(x: Gradient, bits: int) -> None:
    with np.errstate(all="ignore"), balls.precision(bits):
        e, unit = of_balls._from_wide_balls(check_in(x.format), np.array([x.computed]), [enclosed(x.exact)])
        require_bounds(x, e, unit)
        require(x, e, decided=False)


def pair_of(x: Fraction, bits: int) -> of_pairs.Columns:
    """A double-double that holds a rational number, with a bound of so many bits more than what is left; none where it is exact."""
    hi = float(x) if abs(x) < Fraction(FLOAT64.largest) else math.inf if x > 0 else -math.inf
    lo = float(x - Fraction(hi)) if math.isfinite(hi) else 0.0
    left = abs(x - Fraction(hi) - Fraction(lo)) if math.isfinite(hi) else Fraction(0)
    wider = left + abs(x) / 2**bits if left or bits < 200 else Fraction(0)
    err = math.nextafter(float(wider), math.inf) if wider else 0.0
    return of_pairs.Columns(*(np.array([v]) for v in (hi, lo, err)))


@given(gradients([FLOAT64]), st.sampled_from((200, 100, 80, 56, 53, 40, 10)))
def test_double_doubles_in_float64_say_what_rationals_say_or_nothing(x: Gradient, bits: int) -> None:
    with np.errstate(all="ignore"):
        e, unit, error = of_pairs._enclosed(check_in(FLOAT64), np.array([x.computed]), pair_of(x.exact, bits))
        require_bounds(x, e, unit)
        if math.isfinite(x.computed) and not np.isnan(unit[0][0]):
            assert Fraction(float(error[0][0])) <= abs(Fraction(x.computed) - x.exact)
            assert not np.isfinite(error[1][0]) or abs(Fraction(x.computed) - x.exact) <= Fraction(float(error[1][0]))
        require(x, e, decided=False)


@given(gradients([FLOAT64]))
def test_double_doubles_of_100_bits_decide_nearly_always_in_float64(x: Gradient) -> None:
    with np.errstate(all="ignore"):
        e, unit, error = of_pairs._enclosed(check_in(FLOAT64), np.array([x.computed]), pair_of(x.exact, 100))
        normal = 2.0**-400 < abs(x.exact) < 2.0**1000 and math.isfinite(x.computed) and abs(x.computed) < 2.0**40 * abs(x.exact)
        clear = normal and all(abs(x.ulps - t) > Fraction(1, 2**30) for t in (Fraction(1, 2), Fraction(1), Fraction(LIMIT), Fraction(3, 2)))
        settled = normal and edge(e.ulps_low)[0] == edge(e.ulps_high)[0]
        if normal and is_generic(x):
            assert unit[0][0] == unit[1][0] == x.ulp
            off = abs(Fraction(x.computed) - x.exact)
            near = abs(x.exact) / 2**99
            assert off * (1 - Fraction(1, 2**49)) - near <= Fraction(float(error[0][0]))
            assert Fraction(float(error[1][0])) <= off * (1 + Fraction(1, 2**49)) + near
        require(x, e, decided=is_generic(x) and clear and settled)


@given(gradients(NARROW), st.sampled_from((200, 100, 60, 40, 20, 8)))
def test_double_doubles_in_narrow_formats_say_what_rationals_say_or_nothing(x: Gradient, bits: int) -> None:
    with np.errstate(all="ignore"):
        e, unit, _ = of_pairs._from_ends(check_in(x.format), np.array([x.computed]), pair_of(x.exact, bits))
        require_bounds(x, e, unit)
        require(x, e, decided=False)


@given(gradients(NARROW))
def test_double_doubles_of_100_bits_decide_nearly_always_in_narrow_formats(x: Gradient) -> None:
    with np.errstate(all="ignore"):
        e, _, _ = of_pairs._from_ends(check_in(x.format), np.array([x.computed]), pair_of(x.exact, 100))
        limit = by_rationals.within_a_third
        clear = not math.isfinite(x.computed) or limit(x.format, x.ulps * (1 - Fraction(1, 2**20))) == limit(x.format, x.ulps * (1 + Fraction(1, 2**20)))
        settled = not math.isfinite(x.computed) or edge(e.ulps_low)[0] == edge(e.ulps_high)[0]
        require(x, e, decided=is_generic(x) and clear and settled)


@pytest.mark.parametrize("upstream", [1.0, -2.0])
@pytest.mark.parametrize("x", [1.0, -0.75, 3.0])
@pytest.mark.parametrize(("part", "expected"), [((1 - 2.0**-40, 1 - 2.0**-40), Verdict.ILL_CONDITIONED), ((1 + 2.0**-40, 1 + 2.0**-40), Verdict.UNSTABLE), ((1 - 2.0**-40, 1 + 2.0**-40), None), ((1.0, 1.0), None), ((0.0, 1 - 2.0**-40), Verdict.ILL_CONDITIONED), ((1 + 2.0**-40, 9.0), Verdict.UNSTABLE)])
def test_the_condition_number_decides_where_an_error_is_certainly_above_or_below_its_bound(upstream: float, x: float, part: tuple[float, float], expected: Verdict | None) -> None:
    """Of x*x: g = 2x times what flows in, and x g' as much: an error of 8 u (|g| + |x g'|) = 32 u |x upstream| is explained."""
    check = replace(check_in(FLOAT64), upstream=upstream)
    limit = 8 * 2.0**-53 * 4 * abs(x * upstream)
    for g_err, is_known in ((0.0, True), (abs(x), False), (9.0 * abs(x * upstream), False)):
        g = of_pairs.Columns(np.array([2 * x * upstream]), np.array([0.0]), np.array([g_err]))
        found = of_pairs._conditioned(check, 0, [np.array([x])], g, np.array([limit * part[0]]), np.array([limit * part[1]]), double_doubles.numbers)
        if is_known:
            assert found[0] == (OPEN if expected is None else CODE[expected])
        else:
            assert found[0] in (OPEN, *([] if expected is None else [CODE[expected]])), "a wide g may leave it open"
    nothing = of_pairs.Columns(np.array([2 * x * upstream]), np.array([0.0]), np.array([1.01 * abs(x * upstream)]))
    assert of_pairs._conditioned(check, 0, [np.array([x])], nothing, np.array([1e9]), np.array([1e9]), double_doubles.numbers)[0] == OPEN, "g may be half as large or less"
    zero = of_pairs.Columns(np.array([0.0]), np.array([0.0]), np.array([0.0]))
    assert of_pairs._conditioned(check, 0, [np.array([0.0])], zero, np.array([1e-300]), np.array([1e-300]), double_doubles.numbers)[0] == CODE[Verdict.UNSTABLE]


def test_the_slacks_are_those_of_a_few_roundings() -> None:
    """A product of a float and 1 more or less rounds once, a sum once more: twice that, and no more than four times."""
    u = 2.0**-53
    assert 2 * 2 * u <= of_balls.EXTRA < 2 * 4 * u
    assert 2 * 2 * u < of_pairs.EXTRA < 4 * 4 * u


# a float64, the rest of g and its bound in units of 2^-53 of its size, and the size of the float that g rounds to with the ulp: None where it is open
BESIDE = (
    ((1.25, 0.0, 0.0), 1.25, (2.0**-52, 2.0**-52)), ((1.25, 0.5, 0.25), 1.25, (2.0**-52, 2.0**-52)), ((1.25, 0.5, 0.5), None, (2.0**-52, 2.0**-52)), ((1.25, 0.5, 0.29), 1.25, (2.0**-52, 2.0**-52)), ((1.25, -0.5, 0.31), None, (2.0**-52, 2.0**-52)),
    ((1.0, 0.0, 0.0), 1.0, (2.0**-52, 2.0**-52)), ((1.0, 0.25, 0.125), 1.0, (2.0**-52, 2.0**-52)), ((1.0, -0.25, 0.125), 1.0, (2.0**-53, 2.0**-53)), ((1.0, 0.25, 0.375), None, (2.0**-53, 2.0**-52)), ((1.0, -0.25, 0.25), None, (2.0**-53, 2.0**-52)), ((1.0, 0.0, 0.125), 1.0, (2.0**-53, 2.0**-52)), ((-1.0, -0.25, 0.125), 1.0, (2.0**-52, 2.0**-52)), ((-1.0, 0.25, 0.125), 1.0, (2.0**-53, 2.0**-53)),
    ((0.0, 0.0, 0.0), 0.0, (2.0**-1074, 2.0**-1074)), ((2.0**-1070, 0.0, 0.0), None, (2.0**-1074, 2.0**-1074)), ((1.5 * 2.0**1023, 0.0, 0.0), None, None), ((0.999 * 2.0**1023, 0.0, 0.0), 0.999 * 2.0**1023, (2.0**970, 2.0**970)), ((math.inf, 0.0, 0.0), None, None), ((math.nan, 0.0, 0.0), None, None), ((1.0, 0.0, math.inf), None, None),
)  # fmt: skip


@pytest.mark.parametrize(("given_pair", "rounded", "unit"), BESIDE, ids=[str(g) for g, *_ in BESIDE])
def test_what_a_double_double_tells_of_the_float_and_of_the_ulp(given_pair: tuple[float, float, float], rounded: float | None, unit: tuple[float, float] | None) -> None:
    """Of g = s + rest: its float is s where the rest is certainly less than half an ulp of g; below a power of two an ulp is half as large."""
    s, rest, err = given_pair
    with np.errstate(all="ignore"):
        size = abs(s) * 2.0**-53
        pair = of_pairs.Columns(*(np.array([v]) for v in (s, rest * size if rest else 0.0, err * size if err else 0.0)))
        e, (small, large), _ = of_pairs._enclosed(check_in(FLOAT64), np.array([1.0]), pair)
    assert bool(e.is_rounded[0]) is (rounded is not None)
    assert rounded is None or abs(e.rounded[0]) == rounded
    assert bool(np.isnan(small[0])) is (unit is None)
    assert unit is None or (small[0], large[0]) == unit


@pytest.mark.parametrize(
    ("low", "high", "unit"),
    [(1.0, 1.5, (2.0**-10, 2.0**-10)), (0.75, 1.5, (2.0**-11, 2.0**-10)), (-1.5, -1.0, (2.0**-10, 2.0**-10)), (-0.5, 0.25, (2.0**-24, 2.0**-11)), (0.0, 0.0, (2.0**-24, 2.0**-24)), (2.0**-20, 2.0**-15, (2.0**-24, 2.0**-24)), (0.0, 4.0, (2.0**-24, 2.0**-8)), (math.nan, 1.0, (math.nan, math.nan)), (1.0, math.nan, (math.nan, math.nan))],
)
def test_the_ulp_between_two_ends_is_that_of_the_definition(low: float, high: float, unit: tuple[float, float]) -> None:
    """float16: 2^(max(floor(log2 |x|), -14) - 10)."""
    with np.errstate(all="ignore"):
        _, (small, large), _ = from_ends(check_in(FORMATS["float16"]), np.array([1.0]), np.array([low]), np.array([high]))
    assert np.array_equal([small[0], large[0]], unit, equal_nan=True)


def test_an_edge_is_a_step_above_or_nothing() -> None:
    """The edges are (k + 0.382)/512 times a power of two, for k = 256 ... 511: no short binary number is one."""
    drawn = np.random.default_rng(7).uniform(-9, 30, 2000)
    for u in [float(2.0**d) for d in drawn] + [1.0, 2.0, 0.5, 1.5, 3.0, math.nextafter(1.0, 0), math.nextafter(2.0, 3)]:
        found = float(edge(np.float64(u)))
        exponent = math.frexp(found)[1]
        k = found / 2.0**exponent * STEPS_PER_BINADE - 0.382
        assert u <= found
        assert abs(k - round(k)) < 1e-9
        assert found - u <= 2.0**exponent / STEPS_PER_BINADE * (1 + 1e-9)
    assert float(edge(np.float64(NEGLIGIBLE_ULPS))) == 0
    assert float(edge(np.float64(0.0))) == 0
    assert float(edge(np.nextafter(NEGLIGIBLE_ULPS, 1))) > NEGLIGIBLE_ULPS


def test_a_verdict_that_is_known_is_not_written_again() -> None:
    x = Gradient(FLOAT64, 1.0, Fraction(1), Fraction(1))
    e, _ = of_balls._from_balls(check_in(FLOAT64), np.array([1.0, 1.0]), [arb(1), arb(1)])
    e.right, e.wrong = np.array([True, True]), np.array([False, False])
    found = all_open(2)
    found.verdict[0] = CODE[Verdict.UNDEFINED]
    assert not classify(check_in(x.format), e, found, gradient="dx").any()
    assert [VERDICTS[v] for v in found.verdict] == [Verdict.UNDEFINED, Verdict.CORRECT]
    assert np.isnan(found.error[0])
    assert found.open.tolist() == [False, False]


def test_of_two_enclosures_of_one_number_the_narrower_is_taken() -> None:
    """The first where the second is wider or not known; not known where the first is not."""
    a, b = (of_pairs.DoubleDouble(np.array(hi), np.zeros(4), np.array(err)) for hi, err in (([1.0, 1.0, 1.0, math.nan], [0.5, 0.25, 0.5, 0.5]), ([1.25, 1.25, math.nan, 1.25], [0.25, 0.5, 0.25, 0.25])))
    found = of_pairs._meet(a, b)
    assert found.hi[:3].tolist() == [1.25, 1.0, 1.0]
    assert found.err[:3].tolist() == [0.25, 0.25, 0.5]
    assert np.isnan(found.hi[3])


def test_an_error_on_an_edge_is_recorded_as_it_is() -> None:
    errors = 0.5 + np.random.default_rng(5).exponential(3.0, 500)
    assert np.array_equal(edge(edge(errors)), edge(errors))
    assert np.all(edge(errors) >= errors)
