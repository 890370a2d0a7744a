"""A ball may say unknown: every decision of one gradient, run at 8 to 6144 bits, is that of the table in rational numbers or none; with many bits it is made."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from flint import arb
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.compare import by_rationals
from tests.compare.by_rationals import Gradient, enclosed, gradients, holds
from verifier.arithmetic import balls, rounding
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import INVISIBLE, judge
from verifier.exact import one_sided
from verifier.exact.series import Undefined
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

FEW = (8, 16, 24, 40, 64, 100)
ENOUGH = 640  # bits: more than any of the numbers drawn here needs
FLOAT16 = FORMATS["float16"]


def blank(x: Gradient, exact: one_sided.Derivative, bits: int) -> Discrepancy:
    return Discrepancy("x", "dx", (1.0,), x.computed, Verdict.UNDECIDED, exact, bits=bits)


def judged(x: Gradient, bits: int, *, last: bool, detail: bool, widths: tuple[Fraction, Fraction] | None = None) -> Discrepancy | None:
    """The verdict from balls of so many bits; `widths`, in ulps, are those of the hulls for all choices of rounded constants."""
    with balls.precision(bits):
        g, real = enclosed(x.exact), enclosed(x.real)
        hulls = None if widths is None else tuple(enclosed(v - w * x.ulp).union(enclosed(v + w * x.ulp)) for v, w in zip((x.exact, x.real), widths, strict=True))
        return judge(blank(x, one_sided.Finite(g), bits), real, hulls=hulls, fmt=x.format, last=last, detail=detail)


def require_figures(x: Gradient, found: Discrepancy, *, has_hulls: bool = False) -> None:
    """Enclosures hold the numbers that they are said to enclose, or are lower bounds where the ulp is not known."""
    with balls.precision(4000):
        g = enclosed(x.exact)
        assert isinstance(found.exact, one_sided.Finite)
        one_ulp = rounding.has_one_ulp(x.format, found.exact.ball)
        if found.residual is not None:
            assert holds(found.residual, Fraction(x.computed) - x.exact)
        if found.ulps is not None:
            error = x.ulps
            assert holds(found.ulps, error) if one_ulp and not found.ulps.is_zero() else found.ulps.lower() <= enclosed(error)
            assert not found.ulps.is_zero() or enclosed(error) < 2 * INVISIBLE
        if found.formula_error is not None and not found.formula_error.is_zero():
            assert holds(found.formula_error, x.formula) if one_ulp and not has_hulls else found.formula_error.lower() <= enclosed(x.formula)
        assert found.exact.ball.contains(g)


@given(gradients(), st.booleans(), st.booleans())
def test_few_bits_say_what_rationals_say_or_nothing(x: Gradient, last: bool, detail: bool) -> None:
    expected = by_rationals.verdict(x.format, x.computed, x.exact, x.formula)
    for bits in FEW:
        found = judged(x, bits, last=last, detail=detail)
        assert found is not None or not last
        if found is not None:
            assert found.verdict in (expected, Verdict.UNDECIDED)
            assert last or found.verdict is not Verdict.UNDECIDED
            assert found.rounded is None or found.rounded == by_rationals.by_mpfr(x.format, x.exact) or math.isnan(found.rounded)
            require_figures(x, found)


@given(gradients(), st.booleans(), st.booleans())
def test_many_bits_decide(x: Gradient, last: bool, detail: bool) -> None:
    assume(x.formula != 1)
    found = judged(x, ENOUGH, last=last, detail=detail)
    assert found is not None
    assert found.verdict is by_rationals.verdict(x.format, x.computed, x.exact, x.formula)
    rounded = by_rationals.by_mpfr(x.format, x.exact)
    assert found.rounded == rounded or (math.isnan(rounded) and found.rounded is not None and math.isnan(found.rounded))
    assert found.formula_error is not None
    assert found.formula_error.is_zero() == (x.formula == 0)
    assert (found.ulps is None) == (not math.isfinite(x.computed))
    assert (found.residual is None) == (not math.isfinite(x.computed)) or Fraction(x.computed) == x.exact
    require_figures(x, found)


@pytest.mark.parametrize("beside", [-by_rationals.TINY, Fraction(0), by_rationals.TINY])
def test_at_the_end_of_the_range_a_number_is_right_or_not_as_the_exact_gradient_is_one_or_infinite(beside: Fraction) -> None:
    """Half an ulp above the largest number the rounded gradient becomes infinite (IEEE 754-2019, 4.3.1); 5 ulp below are few."""
    threshold = Fraction(65504) + 16
    x = Gradient(FLOAT16, 65504.0 - 5 * 32, threshold + beside, threshold + beside)
    for bits in (8, 12, 16, 24, 40):
        found = judged(x, bits, last=True, detail=False)
        assert found is not None
        assert found.verdict in (Verdict.UNDECIDED, by_rationals.verdict(x.format, x.computed, x.exact, Fraction(0)))


WIDTHS = [Fraction(n) for n in (0, "1/3", "1/2", 1, 2, 5)]


@given(gradients(), st.sampled_from(WIDTHS), st.sampled_from(WIDTHS), st.booleans(), st.booleans())
def test_a_formula_with_rounded_constants_is_wrong_only_where_it_is_for_every_choice(x: Gradient, first: Fraction, second: Fraction, last: bool, detail: bool) -> None:
    """The hulls of g and R are so many ulp wide on both sides of them: the least distance is |R - g| less both widths."""
    least = max(Fraction(0), abs(x.real - x.exact) / x.ulp - first - second)
    assume(x.formula != 1 and least != 1)
    expected = by_rationals.verdict(x.format, x.computed, x.exact, min(x.formula, least))
    for bits in (*FEW, ENOUGH):
        found = judged(x, bits, last=last, detail=detail, widths=(first, second))
        assert (found is not None and found.verdict is not Verdict.UNDECIDED) or bits < ENOUGH
        if found is not None:
            assert found.verdict in (expected, Verdict.UNDECIDED)
            require_figures(x, found, has_hulls=True)
            if bits == ENOUGH and found.verdict is not Verdict.WRONG:
                with balls.precision(700):
                    assert found.formula_error < enclosed(least) + arb(2) ** -500


@st.composite
def kinks(draw: st.DrawFn) -> tuple[Gradient, Fraction]:
    """A gradient with the lower one-sided derivative as its exact value, and the upper one."""
    x = draw(gradients())
    other = draw(st.sampled_from((x.exact, x.exact + 2 * x.ulp, abs(x.exact) * 3, -x.exact, x.exact + 100 * x.ulp)))
    low, high = min(x.exact, other), max(x.exact, other)
    end = draw(st.sampled_from((low, high)))
    real = draw(st.sampled_from((x.real, end + (x.real - x.exact) / x.ulp * by_rationals.ulp(x.format, end), (low + high) / 2)))
    return Gradient(x.format, draw(by_rationals.computed_gradients(x.format, end)), low, real), high


def judged_at_a_kink(x: Gradient, high: Fraction, bits: int, *, last: bool) -> Discrepancy | None:
    with balls.precision(bits):
        exact = one_sided.Kink(enclosed(x.exact), enclosed(high))
        return judge(blank(x, exact, bits), enclosed(x.real), hulls=None, fmt=x.format, last=last, detail=True)


@given(kinks(), st.booleans())
def test_at_a_kink_few_bits_say_what_rationals_say_or_nothing_and_many_decide(drawn: tuple[Gradient, Fraction], last: bool) -> None:
    x, high = drawn
    low, fmt = x.exact, x.format
    assume(low - x.real != by_rationals.ulp(fmt, low) and x.real - high != by_rationals.ulp(fmt, high))
    expected = by_rationals.verdict_at_a_kink(fmt, x.computed, low, high, x.real)
    for bits in (*FEW, ENOUGH):
        found = judged_at_a_kink(x, high, bits, last=last)
        assert found is not None or (not last and bits < ENOUGH)
        if found is not None:
            assert found.verdict is expected or (found.verdict is Verdict.UNDECIDED and last and bits < ENOUGH)
            if found.residual is not None:
                assert expected in (Verdict.ROUNDING, Verdict.UNSTABLE)
                end = low if Fraction(x.computed) < low else high
                assert holds(found.residual, Fraction(x.computed) - end)
                error = abs(Fraction(x.computed) - end) / by_rationals.ulp(fmt, end)
                with balls.precision(bits):
                    one_ulp = rounding.has_one_ulp(fmt, enclosed(end))
                with balls.precision(4000):
                    assert holds(found.ulps, error) if one_ulp else found.ulps.lower() <= enclosed(error)
            else:
                assert found.ulps is None


@given(kinks(), st.sampled_from(WIDTHS), st.sampled_from(WIDTHS), st.booleans())
def test_at_a_kink_a_formula_with_rounded_constants_is_wrong_only_where_it_is_for_every_choice(drawn: tuple[Gradient, Fraction], first: Fraction, second: Fraction, last: bool) -> None:
    """The bounds are `first` ulp of theirs wide on both sides, R is `second` ulp of the lower one."""
    x, high = drawn
    low, fmt = x.exact, x.format
    units = by_rationals.ulp(fmt, low), by_rationals.ulp(fmt, high)
    beyond = low - x.real, x.real - high
    least = [b - first * u - second * units[0] for b, u in zip(beyond, units, strict=True)]
    assume(all(u not in (b, part) for b, part, u in zip(beyond, least, units, strict=True)))
    is_wrong = any(b > u for b, u in zip(beyond, units, strict=True)) and any(part > u for part, u in zip(least, units, strict=True))
    expected = Verdict.WRONG if is_wrong else by_rationals.verdict_at_a_kink(fmt, x.computed, low, high, max(low, min(high, x.real)))
    for bits in (*FEW, ENOUGH):
        with balls.precision(bits):
            ends = [enclosed(e - first * u).union(enclosed(e + first * u)) for e, u in zip((low, high), units, strict=True)]
            real_hull = enclosed(x.real - second * units[0]).union(enclosed(x.real + second * units[0]))
            exact = one_sided.Kink(enclosed(low), enclosed(high))
            found = judge(blank(x, exact, bits), enclosed(x.real), hulls=(one_sided.Kink(*ends), real_hull), fmt=fmt, last=last, detail=True)
        assert (found is not None and found.verdict is not Verdict.UNDECIDED) or bits < ENOUGH
        assert found is None or found.verdict in (expected, Verdict.UNDECIDED)


INFINITE = arb("inf")


@pytest.mark.parametrize(
    ("low", "high", "computed", "real", "expected"),
    [
        (-INFINITE, arb(1), 0.5, arb("0.5"), Verdict.SUBGRADIENT),
        (-INFINITE, arb(1), -math.inf, arb("0.5"), Verdict.SUBGRADIENT),
        (-INFINITE, arb(1), 2.0, arb("0.5"), Verdict.UNSTABLE),
        (-INFINITE, arb(1), math.inf, arb("0.5"), Verdict.NONFINITE),
        (-INFINITE, arb(1), math.nan, arb("0.5"), Verdict.NONFINITE),
        (-INFINITE, arb(1), 0.5, arb("1.5"), Verdict.WRONG),
        (arb(1), INFINITE, 0.5, arb("1.5"), Verdict.UNSTABLE),
        (arb(1), INFINITE, 2.0, arb("1.5"), Verdict.SUBGRADIENT),
        (arb(1), INFINITE, 2.0, arb("0.5"), Verdict.WRONG),
        (-INFINITE, INFINITE, 2.0, arb("0.5"), Verdict.SUBGRADIENT),
        (-INFINITE, INFINITE, math.nan, arb("0.5"), Verdict.NONFINITE),
        (-INFINITE, INFINITE, 2.0, Undefined("planted"), Verdict.WRONG),
        (arb(-1), arb(1), 0.5, None, Verdict.UNDECIDED),
        (arb(-1, 1e-3), arb(1), 0.5, arb("0.5"), Verdict.UNDECIDED),
        (arb(-1), arb(1, 1e-3), 0.5, arb("0.5"), Verdict.UNDECIDED),
        (arb(-1), arb(1), 0.5, arb(0, 4), Verdict.UNDECIDED),  # the formula may be off by 3
        (arb(-1), arb(1), 0.5, arb(0, 0.5), Verdict.SUBGRADIENT),
        (arb(-1), arb(1), 0.5, arb(7, 4), Verdict.WRONG),
        (arb(1.5), arb(1024), 2.0, arb(1.5 - 2.0**-10, 2.0**-20), Verdict.UNDECIDED),  # an ulp of the nearer end below it, or more
        (arb(-1024), arb(-1.5), -2.0, arb(-1.5 + 2.0**-10, 2.0**-20), Verdict.UNDECIDED),
        (arb(1.5), arb(1024), 2.0, arb(1.5 - 2.0**-11, 2.0**-20), Verdict.SUBGRADIENT),
        (arb(1.5), arb(1024), 2.0, arb(1.5 - 2.0**-9, 2.0**-20), Verdict.WRONG),
    ],
)
def test_a_kink_of_given_enclosures(low: arb, high: arb, computed: float, real: Any, expected: Verdict) -> None:
    with balls.precision(128):
        for last in (True, False):
            found = judge(blank(Gradient(FLOAT16, computed, Fraction(0), Fraction(0)), one_sided.Kink(low, high), 128), real, hulls=None, fmt=FLOAT16, last=last, detail=True)
            if expected is Verdict.UNDECIDED and not last:
                assert found is None
            else:
                assert found is not None
                assert found.verdict is expected


@pytest.mark.parametrize(("low", "high", "computed", "expected"), [(133, 1733, 128.0, Verdict.SUBGRADIENT), (133, 1733, math.nan, Verdict.SUBGRADIENT), (-1733, 133, math.nan, Verdict.SUBGRADIENT), (133, 1733, 112.0, Verdict.ROUNDING), (133, 300, math.nan, Verdict.NONFINITE), (500, 1733, 448.0, Verdict.ROUNDING), (500, 1733, 416.0, Verdict.UNSTABLE)])
def test_a_bound_beyond_the_range_of_a_format_without_infinities_is_infinite_all_the_same(low: int, high: int, computed: float, expected: Verdict) -> None:
    """float8_e4m3fn ends at 448; above it, up to 512, an ulp is 32."""
    x = Gradient(FORMATS["float8_e4m3fn"], computed, Fraction(low), Fraction(low))
    found = judged_at_a_kink(x, Fraction(high), 100, last=False)
    assert found is not None
    assert found.verdict is expected


@pytest.mark.parametrize("widths", [None, (Fraction(0), Fraction(0))])
def test_a_formula_that_is_off_by_a_hair_more_than_an_ulp_is_not_rounded_down_to_one(widths: tuple[Fraction, Fraction] | None) -> None:
    """At 64 bits the lower end of the distance, rounded down, is an ulp."""
    x = Gradient(FLOAT16, 0.0, Fraction(0), FLOAT16.smallest * (1 + by_rationals.TINY))
    for bits in (40, 60, 62, 63, 64, 65, 66, 80, 128):
        found = judged(x, bits, last=True, detail=False, widths=widths)
        assert found is not None
        assert found.verdict is Verdict.WRONG if bits > 100 else found.verdict in (Verdict.WRONG, Verdict.UNDECIDED)


@pytest.mark.parametrize(
    ("name", "sign", "computed", "expected"),
    [
        ("float64", 1, math.inf, Verdict.CORRECT), ("float64", -1, -math.inf, Verdict.CORRECT), ("float64", 1, -math.inf, Verdict.WRONG), ("float64", 1, 1.0, Verdict.WRONG), ("float64", 1, math.nan, Verdict.WRONG),
        ("float8_e4m3fn", 1, math.nan, Verdict.CORRECT), ("float8_e4m3fn", -1, 448.0, Verdict.WRONG),
    ],
)  # fmt: skip
def test_an_infinite_derivative_is_that_infinity_or_what_the_format_has_in_its_place(name: str, sign: int, computed: float, expected: Verdict) -> None:
    x = Gradient(FORMATS[name], computed, Fraction(0), Fraction(0))
    found = judge(blank(x, one_sided.Infinite(sign), 128), arb(0), hulls=None, fmt=x.format, last=False, detail=True)
    assert found is not None
    assert found.verdict is expected
    assert bool(found.reason) == (expected is Verdict.WRONG)


def test_what_is_not_known_waits_for_more_bits_until_none_are_left_or_more_will_not_tell() -> None:
    x = Gradient(FLOAT16, 1.0, Fraction(1), Fraction(1))

    def verdict(exact: one_sided.Derivative, real: Any, bits: int, *, last: bool) -> Verdict | None:
        with balls.precision(bits):
            found = judge(blank(x, exact, bits), real, hulls=None, fmt=FLOAT16, last=last, detail=True)
        return None if found is None else found.verdict

    one = one_sided.Finite(arb(1))
    for bits, last, expected in ((128, False, None), (128, True, Verdict.UNDECIDED), (6143, False, None), (6144, False, Verdict.UNDECIDED), (7000, False, Verdict.UNDECIDED)):
        assert verdict(one_sided.Unknown("planted"), arb(1), bits, last=last) is expected
        assert verdict(one, None, bits, last=last) is expected
    assert verdict(one_sided.Nowhere("planted"), arb(1), 128, last=False) is Verdict.UNDEFINED
    assert verdict(one, Undefined("planted"), 128, last=False) is Verdict.WRONG
