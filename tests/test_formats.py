"""The formats: rounding, ulps and text, against MPFR with each format's own exponent range."""

from __future__ import annotations

import math
from fractions import Fraction

import gmpy2
import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_floats import bits, mpfr

from verifier.formats import FORMATS, Format, dtype, floor_log2, format_named, round_exact, text, ulp_exponent

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)
rationals = st.builds(
    lambda sign, n, d, e: sign * Fraction(n, d) * Fraction(2) ** e,
    st.sampled_from((1, -1)), st.integers(1, 2**70), st.integers(1, 2**70), st.integers(-1150, 1060),
)  # fmt: skip


def by_mpfr(fmt: Format, value: Fraction) -> float:
    with mpfr(fmt):
        return float(gmpy2.mpfr(gmpy2.mpq(value.numerator, value.denominator)))


@EVERY
@given(value=rationals)
def test_rounding_is_that_of_mpfr(fmt: Format, value: Fraction) -> None:
    assert bits(round_exact(fmt, value)) == bits(by_mpfr(fmt, value))


@EVERY
def test_ties_go_to_even_at_normal_and_subnormal_numbers_and_at_the_end_of_the_range(fmt: Format) -> None:
    p, smallest = fmt.precision, fmt.smallest
    largest = (2 - Fraction(2) ** (1 - p)) * Fraction(2) ** fmt.emax
    half = Fraction(2) ** (fmt.emax - p)  # half an ulp of the largest number
    expected = {
        1 + Fraction(1, 2**p): 1,  # a tie: to even
        1 + Fraction(3, 2**p): 1 + Fraction(4, 2**p),
        smallest / 2: 0,
        smallest / 2 * 3: 2 * smallest,
        smallest / 2 + Fraction(1, 2**2000): smallest,
        largest: largest,
        largest + half - Fraction(1, 2**2000): largest,
    }
    for value, rounded in expected.items():
        assert Fraction(round_exact(fmt, value)) == rounded
        assert bits(round_exact(fmt, value)) == bits(by_mpfr(fmt, value))
    assert round_exact(fmt, largest + half) == math.inf  # IEEE 754-2019, 4.3.1
    assert round_exact(fmt, -largest - half) == -math.inf


def test_the_minus_of_a_number_that_underflows_is_kept() -> None:
    for fmt in FORMATS.values():
        assert math.copysign(1, round_exact(fmt, -fmt.smallest / 3)) == -1.0


@EVERY
def test_precision_and_range_are_those_of_the_library_type(fmt: Format) -> None:
    info = ml_dtypes.finfo(dtype(fmt))
    assert fmt.precision == info.nmant + 1
    assert fmt.smallest == Fraction(float(info.smallest_subnormal))
    assert Fraction(2) ** fmt.emin == Fraction(float(info.smallest_normal))
    assert (2 - Fraction(2) ** (1 - fmt.precision)) * Fraction(2) ** fmt.emax == Fraction(float(info.max))
    assert fmt.digits == math.floor((fmt.precision - 1) * math.log10(2)) + (fmt.name != "float64" and fmt.precision > 8 or fmt.name == "bfloat16")


@EVERY
@given(data=st.data())
def test_an_ulp_is_the_distance_to_the_next_number(fmt: Format, data: st.DataObject) -> None:
    x = abs(round_exact(fmt, data.draw(rationals)))
    if x == 0 or math.isinf(x) or Fraction(x) == (2 - Fraction(2) ** (1 - fmt.precision)) * Fraction(2) ** fmt.emax:
        return
    kind = dtype(fmt)
    following = np.nextafter(np.array(x).astype(kind), np.array(np.inf).astype(kind))
    assert Fraction(2) ** ulp_exponent(fmt, floor_log2(Fraction(x))) == Fraction(float(following)) - Fraction(x)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
@example(5e-324)
@example(2.0**-1022)
@example(1.7976931348623157e308)
def test_a_float64_ulp_is_math_ulp(x: float) -> None:
    assert Fraction(2) ** ulp_exponent(FORMATS["float64"], floor_log2(Fraction(x))) == Fraction(math.ulp(x))


@EVERY
@given(data=st.data())
def test_text_reads_back_as_the_same_number_and_is_the_shortest(fmt: Format, data: st.DataObject) -> None:
    x = round_exact(fmt, data.draw(rationals))
    if math.isinf(x):
        return
    shown = text(fmt, x)
    assert bits(round_exact(fmt, Fraction(shown)) or math.copysign(0.0, x)) == bits(x)
    digits = len(shown.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0"))
    if digits > 1:
        assert all(round_exact(fmt, Fraction(f"{x:.{d - 1}e}")) != x for d in range(1, digits))


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="unknown format 'flot32'; did you mean 'float32'"):
        format_named("flot32")
