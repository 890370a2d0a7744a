"""The formats: rounding, ulps and text, against MPFR with each format's own exponent range."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import gmpy2
import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.arithmetic.test_floats import bits, mpfr
from tests.texts import check, expression, forward
from verifier.arithmetic import floats
from verifier.language.formats import (
    FORMATS,
    REFUSED,
    SPELLINGS,
    Format,
    dtype,
    floor_log2,
    format_named,
    round_array,
    round_exact,
    text,
    ulp_exponent,
)

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)
rationals = st.builds(
    lambda sign, n, d, e: sign * Fraction(n, d) * Fraction(2) ** e,
    st.sampled_from((1, -1)), st.integers(1, 2**70), st.integers(1, 2**70), st.integers(-1150, 1060),
)  # fmt: skip


def by_mpfr(fmt: Format, value: Fraction) -> float:
    """MPFR's rounding, and beyond the range and at -0 what the format's name says: "fn" has no infinity, "uz" no negative zero."""
    with mpfr(fmt):
        result = float(gmpy2.mpfr(gmpy2.mpq(value.numerator, value.denominator)))
    special = fmt.name.rpartition("_")[2]
    if "fn" in special and abs(result) > LARGEST[fmt.name]:
        return math.nan
    return result + 0.0 if "uz" in special else result


# OCP 8-bit Floating Point Specification 1.0, table 1; ml_dtypes' README
LARGEST = {"float8_e4m3fn": 448, "float8_e4m3fnuz": 240, "float8_e5m2fnuz": 57344, "float8_e4m3b11fnuz": 30}


@EVERY
@given(value=rationals)
def test_rounding_is_that_of_mpfr(fmt: Format, value: Fraction) -> None:
    assert bits(round_exact(fmt, value)) == bits(by_mpfr(fmt, value))


@EVERY
def test_ties_go_to_even_at_normal_and_subnormal_numbers_and_at_the_end_of_the_range(fmt: Format) -> None:
    p, smallest = fmt.precision, fmt.smallest
    largest = Fraction(LARGEST.get(fmt.name, (2 - Fraction(2) ** (1 - p)) * Fraction(2) ** fmt.emax))
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
    if fmt.infinite:
        assert round_exact(fmt, largest + half) == math.inf  # IEEE 754-2019, 4.3.1
        assert round_exact(fmt, -largest - half) == -math.inf
    else:
        assert math.isnan(round_exact(fmt, largest + half + Fraction(1, 2**2000)))
        assert math.isnan(round_exact(fmt, Fraction(10) ** 400))


def test_the_minus_of_a_number_that_underflows_is_kept() -> None:
    for fmt in FORMATS.values():
        assert math.copysign(1, round_exact(fmt, -fmt.smallest / 3)) == (1.0 if fmt.name.endswith("uz") else -1.0)


@EVERY
def test_precision_and_range_are_those_of_the_library_type(fmt: Format) -> None:
    info = ml_dtypes.finfo(dtype(fmt))
    assert fmt.precision == info.nmant + 1
    assert fmt.smallest == Fraction(float(info.smallest_subnormal))
    assert Fraction(2) ** fmt.emin == Fraction(float(info.smallest_normal))
    assert fmt.largest == float(info.max)
    assert fmt.digits == math.floor((fmt.precision - 1) * math.log10(2)) + (fmt.name != "float64") or fmt.precision < 8
    assert fmt.digits >= 3, "0.5 is a half"


@EVERY
@given(data=st.data())
def test_an_ulp_is_the_distance_to_the_next_number(fmt: Format, data: st.DataObject) -> None:
    x = abs(round_exact(fmt, data.draw(rationals)))
    if x == 0 or not math.isfinite(x) or x == fmt.largest:
        return
    kind = dtype(fmt)
    following = np.nextafter(np.array(x).astype(kind), np.array(fmt.largest).astype(kind))
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
    if not math.isfinite(x):
        return
    shown = text(fmt, x)
    assert bits(round_exact(fmt, Fraction(shown)) or math.copysign(0.0, x)) == bits(x)
    digits = len(shown.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0"))
    if digits > 1 and fmt.precision > 5:
        assert all(round_exact(fmt, Fraction(f"{x:.{d - 1}e}")) != x for d in range(1, digits))


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="unknown format 'flot32'; did you mean 'float32'"):
        format_named("flot32")


@pytest.mark.parametrize(("name", "words"), [("half", "did you mean 'float16'"), ("bf16", "did you mean 'bfloat16'"), ("fp8", "did you mean 'float8_e4m3fn'"), ("float32->half", "did you mean 'float16'")])
def test_other_spellings_are_known(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        format_named(name)
    assert set(SPELLINGS.values()) <= set(FORMATS)
    assert not set(SPELLINGS) & set(FORMATS)


def test_every_float_of_ml_dtypes_is_a_format_or_refused_with_a_reason() -> None:
    library = {name for name in dir(ml_dtypes) if re.fullmatch(r"b?float\d+\w*", name)}
    assert len(library) >= 12
    assert library <= set(FORMATS) | set(REFUSED)
    for name in REFUSED:
        with pytest.raises(ValueError, match=f"'{name}' is no format here: "):
            format_named(name)
    with np.errstate(all="ignore"):  # the reasons are true
        for name in library & {n for n in REFUSED if n.startswith(("float4", "float6"))}:
            assert np.isfinite(np.array([math.inf, math.nan]).astype(getattr(ml_dtypes, name)).astype(np.float64)).all()
        assert np.isnan(np.array([0.0, -1.0]).astype(ml_dtypes.float8_e8m0fnu).astype(np.float64)).all()


# ---------------------------------------------------------------- against ml_dtypes and NumPy, every number

NARROW = pytest.mark.parametrize("fmt", [f for f in FORMATS.values() if f.precision < 24], ids=lambda f: f.name)


def every_number(fmt: Format) -> np.ndarray:
    """All finite numbers of an 8- or 16-bit format in order, as float64."""
    kind = dtype(fmt)
    values = np.arange(2 ** (8 * kind.itemsize), dtype=f"uint{8 * kind.itemsize}").view(kind).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


@NARROW
@np.errstate(all="ignore")
def test_casts_round_as_the_library_at_every_number_and_around_every_tie(fmt: Format) -> None:
    numbers = every_number(fmt)
    ties = (numbers[1:] + numbers[:-1]) / 2  # exact in float32: one bit more than the format
    overflow = np.array([fmt.largest + (numbers[-1] - numbers[-2]) / 2, -fmt.largest - (numbers[-1] - numbers[-2]), np.float32(3e38)])
    wanted = np.concatenate([numbers, ties, overflow]).astype(np.float32)
    wanted = np.concatenate([wanted, np.nextafter(wanted, np.float32(np.inf)), np.nextafter(wanted, np.float32(-np.inf))])
    wanted = wanted[np.isfinite(wanted)]
    library = wanted.astype(dtype(fmt)).astype(np.float64)
    ours = round_array(fmt, wanted.astype(np.float64))
    assert np.array_equal(ours, library, equal_nan=True)
    assert np.array_equal(np.signbit(ours) | np.isnan(ours), np.signbit(library) | np.isnan(library))
    for value, expected in list(zip(wanted.tolist(), library.tolist(), strict=True))[:: max(1, len(wanted) // 20_000)]:
        assert bits(round_exact(fmt, Fraction(value)) or math.copysign(0.0, value if fmt.signed_zero else 1.0)) == bits(expected)


@NARROW
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1 + 2.0**-8 + 2.0**-40)  # ml_dtypes casts it to bfloat16 by way of float32: 1, where 1.0078125 is nearest
def test_an_array_is_rounded_once_from_float64(fmt: Format, x: float) -> None:
    assert bits(float(round_array(fmt, np.array([x]))[0])) == bits(round_exact(fmt, Fraction(x)) or math.copysign(0.0, x if fmt.signed_zero else 1.0))


@NARROW
def test_a_cast_in_a_program_is_the_cast_of_the_library(fmt: Format) -> None:
    program = expression(f"{fmt.name}(x)", "x")
    xs = [0.3, -1e-9, 1.7, 300.0, 465.0, 1e6, 1e300]
    with np.errstate(all="ignore"):
        expected = np.array(xs).astype(dtype(fmt)).astype(np.float64).tolist()
        narrow = np.array(xs, dtype=np.float32).astype(dtype(fmt)).astype(np.float64).tolist()
    assert list(map(bits, floats.run(program, [xs], fmt=FORMATS["float64"])[program.output])) == list(map(bits, expected))
    run = floats.run(program, [xs], fmt=FORMATS["float32"])[program.output]
    assert run.dtype == np.float32, "the run goes on in its own format"
    assert list(map(bits, floats.as_floats(run))) == list(map(bits, narrow))


# ---------------------------------------------------------------- computed in one format, stored in another


@given(st.floats(-20, 20))
def test_what_has_a_name_is_stored_and_what_has_none_is_not(x: float) -> None:
    fmt = format_named("float32->bfloat16")
    x = round_exact(fmt, Fraction(x))
    program = forward("a = sqrt(x * x + 2) * 0.1\nf = (a + 1) / 3", "x")  # each operation correctly rounded by IEEE 754, whatever the library
    b, s = dtype(fmt), np.float32
    a = (np.sqrt(s(x) * s(x) + s(2)) * s(0.1)).astype(b).astype(s)
    f = ((a + s(1)) / s(3)).astype(b).astype(s)
    column = floats.run(program, [[x]], fmt=fmt)
    assert (float(column[program.names["a"]][0]), float(column[program.names["f"]][0])) == (float(a), float(f))
    assert (fmt.precision, fmt.emin, fmt.stored_in, fmt.computed_in) == (8, -126, "bfloat16", "float32")


def test_a_format_is_computed_in_one_that_holds_it() -> None:
    assert format_named("float32->float32") is FORMATS["float32"]
    assert format_named("float16->float8_e4m3fn").largest == 448
    for name in ("bfloat16->float32", "float16->bfloat16", "bfloat16->float16"):
        with pytest.raises(ValueError, match="which does not have every"):
            format_named(name)
    with pytest.raises(ValueError, match="unknown format 'bfloat'"):
        format_named("float32->bfloat")


def test_what_overflows_in_a_format_without_infinity_is_correct_as_nan() -> None:
    text = "function: x*x*x\npoints: [{x: 16}, {x: 8}]\nformats: [float8_e4m3fn]\nimplementations: {it: {backward: dx = 3*x*x*dout}}"
    report = check(text)
    assert [(r.computed, r.rounded, r.verdict.value) for r in report.results] == [("nan", "nan", "correct"), ("192.0", "192.0", "correct")]
