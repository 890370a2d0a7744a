"""The series of better arrangements: their coefficients, and that they are as near to their formulas as the certificate says."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import mpmath
import pytest
from flint import fmpq

from verifier.language.formats import FORMATS
from verifier.search.improve.taylor import LARGEST_ULPS, certified, certified_at_infinity, model, of_inverse, relative_error, ulps
from verifier.search.improve.terms import Pool, text_of

FLOAT64, FLOAT32 = FORMATS["float64"], FORMATS["float32"]
REAL = {name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "expm1", "log1p", "pi")}
FORMULAS = ["(cos(x) - sin(x)/x)/x", "exp(x)/x - (exp(x) - 1)/(x*x)", "sin(x)/(x*x) - 2*(1 - cos(x))/(x*x*x)", "1/(sin(x)*sin(x)) - 1/(x*x)", "(pi*x*cos(pi*x) - sin(pi*x))/(pi*x*x)", "log1p(-x)/log1p(x)", "(x - sin(x))/(x - tan(x))", "1/x - 1/tanh(x)", "((1 + x)**(5/2) - 1)/x - 5/2", "1/(1 - (1 + x)**(-3)) - 1/(3*x)"]


def exactly(text: str, x: mpmath.mpf) -> mpmath.mpf:
    """A formula of the language in mpmath; a quotient of whole numbers is exact."""
    import re

    return eval(re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e-?\d+)?)", r"mpf('\1')", text), {**REAL, "mpf": mpmath.mpf}, {"x": x})


@pytest.mark.parametrize("text", FORMULAS)
def test_a_series_is_as_near_as_its_certificate_says(text: str) -> None:
    pool = Pool()
    found = certified(pool, pool.read(text), pool.leaf("name", "x"), FLOAT64)
    assert found
    with mpmath.workdps(120):
        for series in found:
            for share in (1, 0.999, -0.73, 0.31, -0.05, 1e-3, -1e-7):
                x = mpmath.mpf(series.largest) * mpmath.mpf(share)
                value = exactly(text, x)
                assert abs(exactly(text_of(series.term, {}), x) - value) <= mpmath.mpf(LARGEST_ULPS) * abs(value) * mpmath.mpf(2) ** -52


def test_a_series_is_not_certified_where_it_is_off() -> None:
    """The twin: exp with five terms is off by x**5/120, which is more than 0.3 ulp from x = 0.002 on."""
    pool = Pool()
    x = pool.leaf("name", "x")
    five = next(s for s in certified(pool, pool.read("exp(x)"), x, FLOAT64) if s.count == 5)
    assert five.largest**5 / 120 * 2**53 < LARGEST_ULPS
    whole = model(pool.read("exp(x)"), x, 0.01)
    assert whole is not None
    assert ulps(whole, 5, 0.01, FLOAT64) > 0.01**5 / 120 * 2**53 * 0.98 > LARGEST_ULPS
    assert relative_error(whole, 5, 0.01) * 2**24 < LARGEST_ULPS, "it is near enough for float32"
    assert ulps(whole, 5, 0.01, FLOAT32) < LARGEST_ULPS


def test_the_coefficients_are_those_of_theory() -> None:
    """d/dx (exp(x) - 1)/x = sum of k/(k+1)! x**(k-1); d/dx sin(x)/x = sum of (-1)**k 2k/(2k+1)! x**(2k-1)."""
    pool = Pool()
    x = pool.leaf("name", "x")
    first = model(pool.read("exp(x)/x - (exp(x) - 1)/(x*x)"), x, 0.5)
    assert first is not None
    assert first.valuation == 0
    assert [Fraction(str(c)) for c in first.coefficients[:8]] == [Fraction(k, factorial(k + 1)) for k in range(1, 9)]
    second = model(pool.read("(cos(x) - sin(x)/x)/x"), x, 0.5)
    assert second is not None
    assert second.valuation == 1
    assert [Fraction(str(c)) for c in second.coefficients[:8:2]] == [Fraction((-1) ** k * 2 * k, factorial(2 * k + 1)) for k in range(1, 5)]
    assert second.coefficients[1] == fmpq(0)


@pytest.mark.parametrize("text", ["abs(x)", "log(x)", "sqrt(x)", "exp(1/x)", "x - x*y", "where(x < 0, x, x*x)", "1/(x - x)", "exp(1 + x)"])
def test_what_has_no_such_series_has_none(text: str) -> None:
    pool = Pool()
    assert model(pool.read(text), pool.leaf("name", "x"), 0.1) is None


def test_no_series_is_had_across_a_pole() -> None:
    pool = Pool()
    term, x = pool.read("1/(1 - x)"), pool.leaf("name", "x")
    assert model(term, x, 1.5) is None
    assert model(term, x, 0.5) is not None


@pytest.mark.parametrize("text", ["log((x + 1)/x) - 1/(x + 1)", "sin(1/x) - cos(1/x)/x", "exp(1/x) - 1 - exp(1/x)/x", "1/(x + 1) - 2/x + 1/(x - 1)", "x*(1/tan(pi/x) - x/pi)"])
def test_a_series_at_infinity_is_as_near_as_its_certificate_says(text: str) -> None:
    pool = Pool()
    found = certified_at_infinity(pool, pool.read(text), pool.leaf("name", "x"), FLOAT64)
    assert found
    with mpmath.workdps(120):
        for series in found:
            assert series.at_infinity
            for factor in (1, -1.001, 1.7, -30, 1e5):
                x = mpmath.mpf(factor) / mpmath.mpf(series.largest)
                value = exactly(text, x)
                assert abs(exactly(text_of(series.term, {}), x) - value) <= mpmath.mpf(LARGEST_ULPS) * abs(value) * mpmath.mpf(2) ** -52


def test_a_series_at_infinity_is_not_certified_nearer_than_it_holds() -> None:
    """The twin: exp(1/x) with five terms is off by 1/(120 x**5), more than 0.3 ulp for x < 400."""
    pool = Pool()
    term, x = pool.read("exp(1/x)"), pool.leaf("name", "x")
    five = next(s for s in certified_at_infinity(pool, term, x, FLOAT64) if s.count == 5)
    assert five.largest**5 / 120 * 2**53 < LARGEST_ULPS
    whole = model(of_inverse(pool, term, x), x, 1 / 100)
    assert whole is not None
    assert ulps(whole, 5, 1 / 100, FLOAT64) > LARGEST_ULPS


@pytest.mark.parametrize("text", ["exp(x)", "sqrt(x)", "sin(x)/x", "log(x)", "abs(1/x)"])
def test_what_has_no_series_in_1_over_x_has_none(text: str) -> None:
    pool = Pool()
    assert certified_at_infinity(pool, pool.read(text), pool.leaf("name", "x"), FLOAT64) == []
