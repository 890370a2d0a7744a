"""Series in a product or quotient of inputs: they are the formula within what is certified, and gradients that need them get them."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import mpmath
import pytest

from tests.search.test_improve import question, suggested
from verifier.language.formats import FORMATS
from verifier.search.improve.acceptance import judged, replaced_check
from verifier.search.improve.compound import CompoundSeries, series_of, splits
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.guilty import replaceable
from verifier.search.improve.terms import Pool, Term, text_of

REAL = {name: getattr(mpmath, name) for name in ("exp", "log", "log1p", "expm1", "sqrt")}
FORMULAS = {  # the quantity, as it is written
    "x**y*log(x)/y - (x**y - 1)/(y*y)": "y*log(x)",  # Box and Cox
    "(1 + x)**y*log(1 + x)/y - ((1 + x)**y - 1)/(y*y)": "y*log1p(x)",  # Yeo and Johnson
    "(1 + x/y)**y*(log(1 + x/y) - x/y/(1 + x/y))": "x/y",  # compound interest, by the number of payments
    "(1 + x*x/(2*y))**(-y)*(x*x/(2*y)/(1 + x*x/(2*y)) - log(1 + x*x/(2*y)))": "x*x/(2*y)",  # the rational quadratic kernel
    "x*exp(y*x)/y - (exp(y*x) - 1)/(y*y)": "x*y",
    "1/(log(x) - log(y)) - (x - y)/(x*(log(x) - log(y))**2)": "(x - y)/y",  # the logarithmic mean
}


def exactly(text: str, **at: mpmath.mpf) -> mpmath.mpf:
    """A formula of the language in mpmath: every literal is its decimal value."""
    return eval(re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e-?\d+)?)", r"mpf('\1')", text), {**REAL, "mpf": mpmath.mpf}, at)


def longest(text: str) -> tuple[Pool, CompoundSeries]:
    pool = Pool()
    term = pool.read(text)
    (split,) = [s for s in splits(pool, term, [pool.leaf("name", "x"), pool.leaf("name", "y")]) if text_of(s.quantity, {}) == FORMULAS[text]]
    return pool, max(series_of(pool, split, FORMATS["float64"]), key=lambda s: s.largest)


def off(text: str, series: CompoundSeries, term: Term) -> float:
    """The largest distance of a term from a formula over the reals, in ulps, at random points at which the series may be used."""
    draw, worst, met = random.Random(text), mpmath.mpf(0), 0
    with mpmath.workdps(60):
        for k in range(800):
            at = {"x": mpmath.mpf(draw.uniform(0.2, 3)), "y": mpmath.mpf(10) ** draw.uniform(-6, 3)}
            at["y"] = at["x"] * (1 + mpmath.mpf(draw.uniform(-0.3, 0.3))) if k % 2 else at["y"]
            if 0 < abs(exactly(text_of(series.split.quantity, {}), **at)) < series.largest:
                met += 1
                worst = max(worst, abs(exactly(text_of(term, {}), **at) / exactly(text, **at) - 1) * 2**53)
    assert met > 40
    return float(worst)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_its_factor_and_the_rest(text: str) -> None:
    pool, series = longest(text)
    assert off(text, series, series.equal(pool)) < 1e-20


@pytest.mark.parametrize("text", FORMULAS)
def test_a_series_in_a_quantity_is_as_near_as_its_certificate_says(text: str) -> None:
    pool, series = longest(text)
    assert off(text, series, series.term(pool)) <= series.within <= 0.3


@pytest.mark.parametrize("text", FORMULAS)
def test_another_series_is_further_off(text: str) -> None:
    pool, series = longest(text)
    bent = replace(series, series=pool.make("mul", series.series, pool.leaf("number", "1.000000000000001")))
    assert off(text, bent, bent.term(pool)) > series.within


def test_a_formula_that_is_no_product_of_a_factor_in_one_quantity_is_not_split() -> None:
    pool = Pool()
    term = pool.read("log(1 + x/y) - x/(x + y) + x")
    assert not list(splits(pool, term, [pool.leaf("name", "x"), pool.leaf("name", "y")]))


def test_the_gradient_of_the_transform_of_box_and_cox_by_its_exponent_gets_a_series() -> None:
    line = "dp = x**p*log(x)/p - (x**p - 1)/(p*p)"
    domain = {"x": (0.01, 100.0), "p": (-3.0, 3.0)}
    (found,) = suggested("(x**p - 1)/p", line, domain)
    assert found.proof == "approximates"
    assert "abs(p*log(x)) < " in found.proof_text
    assert found.after.worst_ulps < 16
    check, draft, _ = question("(x**p - 1)/p", line, domain)
    (statement,) = replaceable(check.subject.program, draft.implementation.backward)
    new = replaced_check(check, draft, statement, found.replacement)
    assert new is not None
    points = [(x, p) for x in (0.01, 0.999999, 1.0, 1.0000001, 2.0, 100.0) for p in (-3.0, -1e-5, 1e-300, 1e-16, 1e-3, 0.2, 3.0)]
    assert all(v.passes for v in judged(new, points))  # also where the quantity is 0
    assert not all(v.passes for v in judged(check, points))


def test_a_value_that_needs_many_bits_is_known_beside_points_without_one() -> None:
    """1/sqrt(x*x + 1) - 1/x and its like: near 1e154 they cancel 1024 bits, and at 0 there is no value."""
    check, _, _ = question("sqrt(x*x + 1) - x + 1/x", "dx = x/sqrt(x*x + 1) - 1 - 1/(x*x)", {"x": (-1e200, 1e200)})
    exact = exact_gradient(check, "dx", [(0.0,), (1.3407807929942597e154,)])
    assert exact.known.tolist() == [False, True]
    with mpmath.workdps(700):
        x = mpmath.mpf(1.3407807929942597e154)
        assert exact.high[1] == float(x / mpmath.sqrt(x * x + 1) - 1 - 1 / (x * x)) != 0


@pytest.mark.parametrize(
    ("function", "line", "domain", "words"),
    [
        ("sqrt(x*x + 1) - x", "dx = x/sqrt(x*x + 1) - 1", {"x": (-1e200, 1e200)}, "hypot(x, 1)"),
        ("-(v + 1)/2*log(1 + x*x/v)", "dx = -(v + 1)*x/v/(1 + x*x/v)", {"x": (-1e200, 1e200), "v": (1.0, 100.0)}, "hypot"),
        ("(1 + sqrt(3)*r)*exp(-sqrt(3)*r)", "dr = sqrt(3)*exp(-sqrt(3)*r) - (1 + sqrt(3)*r)*sqrt(3)*exp(-sqrt(3)*r)", {"r": (0.0, 300.0)}, "fma"),
        ("lgamma(x + 1) - lgamma(x)", "dx = digamma(x + 1) - digamma(x)", {"x": (1e-10, 1e15)}, "1/x"),
        ("(1 - cos(x))/(x*x)", "dx = sin(x)/(x*x) - 2*(1 - cos(x))/(x*x*x)", {"x": (-20.0, 20.0)}, "where(abs(abs(x) - "),  # beside three zeros, and at 0
    ],
)
def test_kinds_of_the_literature_are_improved(function: str, line: str, domain: dict[str, tuple[float, float]], words: str) -> None:
    (found,) = suggested(function, line, domain)
    assert found.before.worst_ulps > 2.0**40
    assert found.after.worst_ulps < 16
    assert words in found.replacement


def test_where_two_inputs_are_nearly_equal_a_series_in_their_distance_is_used() -> None:
    line, domain = "dx = 1/(log(x) - log(y)) - (x - y)/(x*(log(x) - log(y))**2)", {"x": (1e-3, 1e3), "y": (1e-3, 1e3)}
    (found,) = suggested("(x - y)/(log(x) - log(y))", line, domain)
    assert "abs((x - y)/y) < " in found.proof_text
    assert found.after.mean_bits < 1 < found.before.mean_bits - 3
    check, draft, _ = question("(x - y)/(log(x) - log(y))", line, domain)
    (statement,) = replaceable(check.subject.program, draft.implementation.backward)
    new = replaced_check(check, draft, statement, found.replacement)
    assert new is not None
    points = [(y * (1 + d), y) for y in (0.01, 900.0) for d in (0.0, 2.0**-52, 1e-9, -1e-4, 0.05)]  # the limit is 1/2 where they are equal
    assert all(v.passes for v in judged(new, points))
    assert not any(v.passes for v in judged(check, points[:2]))
