"""Balls to floats and digits: both ends must agree, and what is printed is certified."""

from __future__ import annotations

import decimal
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from flint import arb, fmpq
from hypothesis import example, given
from hypothesis import strategies as st

from tests.arithmetic.test_floats import bits
from tests.language.test_formats import EVERY, by_mpfr, rationals
from verifier.arithmetic import balls, rounding
from verifier.language.formats import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def _precise() -> Iterator[None]:
    """The ends of a ball are read off at flint's working precision, which must be the ball's own."""
    with balls.precision(3000):
        yield


def ball(value: Fraction, precision: int = 3000) -> arb:
    with balls.precision(precision):
        return arb(fmpq(value.numerator, value.denominator))


@EVERY
@given(value=rationals)
def test_a_narrow_ball_rounds_as_mpfr_rounds_the_number(fmt: Format, value: Fraction) -> None:
    rounded = rounding.round_ball(fmt, ball(value))
    assert rounded is not None
    assert bits(rounded) == bits(by_mpfr(fmt, value))


@EVERY
def test_a_ball_around_a_tie_is_not_rounded(fmt: Format) -> None:
    for tie in (1 + Fraction(1, 2**fmt.precision), fmt.smallest / 2, fmt.smallest * Fraction(3, 2)):
        wide = ball(tie) + arb(0, arb(2) ** -1400)
        assert rounding.round_ball(fmt, wide) is None
        assert rounding.round_ball(fmt, ball(tie)) == by_mpfr(fmt, tie), "the tie itself is known exactly"


@EVERY
def test_a_ball_across_the_overflow_threshold_is_not_rounded(fmt: Format) -> None:
    half = Fraction(2) ** (fmt.emax - fmt.precision)
    threshold = Fraction(fmt.largest) + half
    beyond = rounding.round_ball(fmt, ball(threshold + half / 2))
    assert beyond is not None
    assert math.isinf(beyond) if fmt.infinite else math.isnan(beyond)
    assert not fmt.infinite or fmt.name == "float8_e4m3fn" or rounding.round_ball(fmt, ball(threshold)) == math.inf, "the tie is even"
    assert rounding.round_ball(fmt, ball(threshold) + arb(0, arb(2) ** -1000)) is None
    assert rounding.round_ball(fmt, -ball(threshold) + arb(0, arb(2) ** -1000)) is None
    for one_side in (ball(threshold) * arb(2, 1.5), -ball(threshold) * arb(2, 1.5)):
        assert rounding.round_ball(fmt, one_side) is None, "from half of it to 3.5 times it"
    assert rounding.round_ball(fmt, ball(threshold - half / 2)) == fmt.largest
    assert rounding.round_ball(fmt, arb(0, 1) * ball(16 * threshold)) is None, "beyond the range on both sides is not known"


def test_the_midpoint_alone_would_be_a_guess() -> None:
    with balls.precision(53):
        third = arb(fmpq(1, 3)) + arb(0, 2.0**-50)
    assert math.isfinite(float(third)), "python-flint converts the midpoint"
    assert rounding.round_ball(FORMATS["float64"], third) is None


@EVERY
@given(value=rationals)
def test_an_ulp_of_a_ball_is_that_of_the_number(fmt: Format, value: Fraction) -> None:
    from verifier.language.formats import floor_log2, ulp_exponent

    low, high = rounding.ulp(fmt, ball(value))
    expected = Fraction(2) ** ulp_exponent(fmt, floor_log2(value))
    assert rounding.rational(low) <= expected <= rounding.rational(high)
    assert low == high or math.log2(abs(value)).is_integer()


def test_the_ulp_of_zero_is_the_smallest_subnormal() -> None:
    for fmt in FORMATS.values():
        low, high = rounding.ulp(fmt, arb(0))
        assert rounding.rational(low) == rounding.rational(high) == fmt.smallest


@given(rationals, st.integers(1, 40))
@example(Fraction(999999, 1), 3)
@example(Fraction(-1, 8), 2)
@example(Fraction(25, 10), 1)
@example(Fraction(35, 10), 1)
@example(Fraction(1, 10**20), 5)
def test_a_decimal_is_that_of_pythons_decimal_module(value: Fraction, count: int) -> None:
    context = decimal.Context(prec=count, rounding=decimal.ROUND_HALF_EVEN, Emin=-99999, Emax=99999)
    expected = context.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
    assert Fraction(rounding.decimal(value, count)) == Fraction(expected)
    mantissa = rounding.decimal(value, count).partition("e")[0].replace("-", "").replace(".", "")
    assert len(mantissa.lstrip("0")) == count


@given(rationals, st.integers(1, 300))
def test_every_printed_digit_is_certified(value: Fraction, precision: int) -> None:
    enclosure = ball(value, max(2, precision))
    printed = rounding.digits(enclosure, 25)
    if printed is None:
        assert enclosure.rel_accuracy_bits() < 200, "25 digits are 83 bits; more than 100 further ones do not lie on a boundary"
    else:
        magnitude = math.floor(math.log10(abs(value.numerator)) - math.log10(value.denominator))
        assert abs(Fraction(printed) - value) <= Fraction(10) ** (magnitude - 24 + 1) / 2


def test_digits_that_are_not_certain_are_not_printed() -> None:
    with balls.precision(60):
        assert rounding.digits(arb.pi(), 25) is None
    with balls.precision(120):
        assert rounding.digits(arb.pi(), 25) == "3.141592653589793238462643"  # OEIS A000796
    assert rounding.digits(arb("nan"), 25) is None
    assert rounding.digits(arb(0, 1), 25) is None


@pytest.mark.parametrize(("value", "printed"), [(0.5, "0.5"), (-2.0, "-2.0"), (0.0, "0"), (1e22, "10000000000000000000000.0"), (2.0**-60, "8.67361737988403547205962240695953369140625e-19")])
def test_a_short_exact_number_is_written_in_full(value: float, printed: str) -> None:
    assert rounding.digits(arb(value), 60) == printed


@pytest.mark.parametrize(("value", "expected"), [
    (arb(1) / 3, "0.333333"), (arb(0), "0"), (arb("inf"), "inf"), (arb("nan"), "inf"), (arb(1, 0.5), "1.50000"), (-arb(4), "4.00000"),
    (arb(2) ** 1_000_000, "9.90066e+301029"), (arb(2) ** -1_000_000, "1.01003e-301030"), (arb(2) ** 2_000_000, "inf"), (arb(2) ** -2_000_000, "0"),
])  # fmt: skip
def test_a_figure_is_the_upper_end_in_six_digits(value: arb, expected: str) -> None:
    """2^1000000 by mpmath: nstr(mpf(2)**1000000, 8) = 9.9006562e+301029."""
    assert rounding.significant(value) == expected


def test_a_figure_has_as_many_digits_as_are_wanted_and_a_half_goes_to_even() -> None:
    assert [rounding.significant(arb(2.5), n) for n in (1, 2, 3)] == ["2", "2.5", "2.50"]
    assert rounding.significant(arb(3.5), 1) == "4"


@pytest.mark.parametrize("exponent", [1_099_000, -1_099_000])
def test_a_number_far_out_is_a_rational_and_one_beyond_that_is_none(exponent: int) -> None:
    """A long mantissa does not count: where the number lies does."""
    with balls.precision(3000):
        long = arb(2) ** exponent * (1 + arb(2) ** -2500)
    assert rounding.rational(long) == Fraction(2) ** exponent * (1 + Fraction(1, 2**2500))
    assert rounding.digits(arb(2) ** exponent, 3) is not None
    with pytest.raises(ValueError, match="exponent out of range"):
        rounding.rational(long * arb(2) ** (1000 if exponent > 0 else -1000))
    assert rounding.digits(arb(2) ** (2 * exponent), 3) is None


def test_the_ulp_of_a_ball_is_between_those_of_its_ends() -> None:
    """In float16, by the definition: 2^-10 from 1 to 2, 2^-11 below 1; 2^-24 below 2^-14."""
    half = FORMATS["float16"]
    for ball_, low, high in ((arb(1.5, 0.25), -10, -10), (arb(1, 0.25), -11, -10), (arb(-1, 0.25), -11, -10), (arb(0, 0.25), -24, -12), (arb(0, 2.0**-30), -24, -24), (arb(3, 1.5), -10, -8)):
        assert rounding.ulp(half, ball_) == (arb(2) ** low, arb(2) ** high)
        assert rounding.has_one_ulp(half, ball_) is (low == high)
