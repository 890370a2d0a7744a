"""Series at zeros of a gradient: they are as near to their formulas at all floats as the certificate says, and the search uses them."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from fractions import Fraction

import mpmath
import pytest

from tests.search.test_improve import question, suggested
from verifier.language.formats import FORMATS
from verifier.search.improve.near_zeros import LARGEST_ULPS, ZeroSeries, bound, bound_of, mirrored, near, series_at, zeros
from verifier.search.improve.terms import Pool, text_of

REAL = {**{name: getattr(mpmath, name) for name in ("sin", "cos", "exp", "erfc", "sqrt", "log", "pi", "sign")}, "abs": abs}
FORMULAS = {
    "cos(x)": 1.5707963267948966,  # pi/2
    "0.5*erfc(-x/sqrt(2)) + x*exp(-0.5*x*x)/sqrt(2*pi)": -0.7517915246935645,  # GELU's slope
    "(cos(x) - sin(x)/x)/x": 4.493409457909064,  # where tan(x) = x
    "log(x) + 1": 0.36787944117144233,  # 1/e
    "x*x - 2": 1.4142135623730951,
}


def exactly(text: str, x: float) -> mpmath.mpf:
    """A formula of the language in mpmath: every literal is its decimal value."""
    return eval(re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e-?\d+)?)", r"mpf('\1')", text), {**REAL, "mpf": mpmath.mpf}, {"x": mpmath.mpf(x)})


def off(text: str, series: ZeroSeries, at: list[float]) -> float:
    """The largest distance in ulps, over the reals, at some floats."""
    with mpmath.workdps(90):
        return max(float(abs(exactly(text_of(series.term, {}), x) / exactly(text, x) - 1) * 2**53) for x in at)


def floats_near(series: ZeroSeries) -> list[float]:
    """c, its neighbours, and floats at all distances up to the end of what is certified."""
    draw = random.Random(1)
    c = series.centre
    found = [c, math.nextafter(c, math.inf), math.nextafter(c, -math.inf), *(c + side * series.largest * 2.0 ** -draw.uniform(0, 52) for _ in range(150) for side in (1, -1))]
    return [x for x in found if abs(x - c) < series.largest]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_series_at_a_zero_is_as_near_at_all_floats_as_its_bound(text: str) -> None:
    pool = Pool()
    term = pool.read(text)
    found = series_at(pool, term, pool.leaf("name", "x"), FORMULAS[text])
    assert found is not None
    limit = bound(term, found, found.largest)
    assert limit <= LARGEST_ULPS
    assert off(text, found, floats_near(found)) <= limit


@pytest.mark.parametrize("change", ["offset", "first quotient", "another quotient"])
def test_the_bound_sees_a_series_that_is_off(change: str) -> None:
    """The twin: the zero moved by a hundredth of an ulp, or a coefficient by 1e-9."""
    pool = Pool()
    term = pool.read("cos(x)")
    found = series_at(pool, term, pool.leaf("name", "x"), FORMULAS["cos(x)"])
    assert found is not None
    moved = list(found.quotients)
    moved[{"first quotient": 0, "another quotient": 2}.get(change, 1)] += 0 if change == "offset" else Fraction(1, 10**9)
    other = replace(found, offset=found.offset + (Fraction(1, 10**18) if change == "offset" else 0), quotients=tuple(moved))
    assert bound(term, other, found.largest) > 1000 * LARGEST_ULPS


def test_further_off_than_it_is_certified_a_series_has_a_larger_bound() -> None:
    pool = Pool()
    term = pool.read("log(x) + 1")
    found = series_at(pool, term, pool.leaf("name", "x"), FORMULAS["log(x) + 1"])
    assert found is not None
    assert bound(term, found, 0.3) > LARGEST_ULPS
    assert bound(term, found, 0.5) == math.inf, "log has no value at 0"


@pytest.mark.parametrize(("text", "parity"), [("cos(x)", 1), ("cos(x)*x", -1), ("cos(x)*x*x + 1/10*(cos(x)*x)", None)])
def test_a_series_in_abs_x_stands_for_even_and_odd_formulas_only(text: str, parity: int | None) -> None:
    pool = Pool()
    term, x = pool.read(text), pool.leaf("name", "x")
    single = series_at(pool, term, x, 1.5707963267948966)
    assert single is not None
    found = mirrored(pool, term, single)
    assert (found.parity if found else None) == parity
    if found:
        assert bound_of(pool, term, found, found.largest) <= LARGEST_ULPS
        assert off(text, found, [side * x for x in floats_near(found)[:40] for side in (1, -1)]) <= LARGEST_ULPS


@pytest.mark.parametrize("text", ["x - 0.5", "x*x + 1", "abs(x) - 1/3", "(x - 1/3)*(x - 1/3)", "y - x", "1/(x - 1/3)", "1/(x - 1/3)/(x - 1/3)/(x - 1/3)", "sin(3*x - 1)/(3*x - 1)/(3*x - 1)"])
def test_a_zero_that_is_a_float_a_double_one_or_none_and_a_pole_have_no_series(text: str) -> None:
    pool = Pool()
    assert series_at(pool, pool.read(text), pool.leaf("name", "x"), 0.5 if "0.5" in text else 1 / 3) is None


def test_a_pole_next_to_0_has_no_series() -> None:
    """The Taylor coefficients of 1/x at 1e-310 are no floats."""
    pool = Pool()
    assert all(series_at(pool, pool.read("1/x"), pool.leaf("name", "x"), c) is None for c in (5e-324, 1e-310, 1e-200))


def test_zeros_are_found_between_points_of_different_signs() -> None:
    """d/dx sin(x) is 0 at pi/2 and 3/2 pi; the float next to pi/2 is that of math."""
    check, _, _ = question("sin(x)", "dx = cos(x)", {"x": (0.0, 6.0)})
    found = zeros(check, "dx", [(0.1 * k,) for k in range(60)])
    assert found == [math.pi / 2, 3 * math.pi / 2]
    assert zeros(check, "dx", [(0.1 * k,) for k in range(10)]) == []
    assert all(0 <= x <= 2 for (x,) in near(found, [(0.0, 2.0)]))


def test_near_the_minimum_of_gelu_no_digits_are_lost() -> None:
    """mpmath at floats around the zero of the slope: written as it is in the books, it is off by 10**4 ulp and more there."""
    domain = {"x": (-30.0, 30.0)}
    line = "dx = 0.5*(1 + erf(x/sqrt(2))) + x*exp(-0.5*x*x)/sqrt(2*pi)"
    (found,) = suggested("0.5*x*(1 + erf(x/sqrt(2)))", line, domain)
    assert found.proof == "approximates"
    assert "for all float64 numbers with abs(x + 0.7517915246935645) < " in found.proof_text
    assert "at the zero near it" in found.proof_text
    assert found.after.worst_ulps < 16


def test_other_formats_have_no_series_at_zeros() -> None:
    """x - c is exact near c for the floats of c's format."""
    assert FORMATS["float32"].name == "float32"
    found = suggested("sin(x) + x*x*x", "dx = cos(x) + 3*x*x - 0*x", {"x": (-3.0, 3.0)}, fmt="float32")
    assert not any("float64 numbers" in s.proof_text for s in found)
