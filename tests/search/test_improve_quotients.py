"""Terms are written as one quotient in lowest terms, and that is the same function: our own prover says so."""

from __future__ import annotations

import pytest

from verifier.circuit.expressions import build_expression
from verifier.exact.derivatives import primitive
from verifier.exact.prove import prove_same
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.search.improve.lowest_terms import in_lowest_terms
from verifier.search.improve.terms import Pool, text_of

TERMS = [
    "1/x - 1/(x + 1)",
    "2/x/x - 1/(x + 1)/(x + 1) - 1/(x - 1)/(x - 1)",
    "(exp(2*x) - 1)/(exp(x) - 1)",
    "exp(x) - exp(-x)",
    "exp(x)/(exp(x) - 1) - exp(x)/(exp(x) - 1)/(exp(x) - 1)*exp(x)",
    "(y/sqrt(y*y - 4*x) - 1)/(2*x)",
    "1/(sqrt(y*y - 4*x)*x) - (sqrt(y*y - 4*x) - y)/(2*x*x)*3",
    "0.5/sqrt(x + 1) - 0.5/sqrt(x)",
    "tanh(x)/(1 + tanh(x)) - 1/(1 - tanh(x)*tanh(x))",
    "exp(cosh(exp(x))) - exp(x)*2",
    "(y - sqrt(y*y - x))/(y*y) - x/(2*y*sqrt(y*y - x))",
    "(1/hypot(1, x + 1))*(1/hypot(1, x + 1)) - (1/hypot(1, x))*(1/hypot(1, x))",
    "x/(x*y + y*sqrt(y*y - x*y) - y*y)",
]


def same(left: str, right: str) -> bool:
    sides = []
    for text in (left, right):
        program, complaints = build_expression(Source(text, "", 1, 1, text), ("x", "y"))
        assert program is not None, complaints
        sides.append(primitive(program))
    return prove_same(*sides, fmt=FORMATS["float64"]) is not None


@pytest.mark.parametrize("text", TERMS)
def test_a_term_in_lowest_terms_is_the_same_function(text: str) -> None:
    pool = Pool()
    found = in_lowest_terms(pool, pool.read(text))
    assert found
    assert all(same(text, text_of(t, {})) for t in found)


def test_what_is_no_such_term_is_not_the_same_function() -> None:
    assert not same("1/x - 1/(x + 1)", "2/(x*(x + 1))"), "the twin"


@pytest.mark.parametrize(
    ("text", "simple"), [("(x*x - y*y)/(x - y)", "x + y"), ("1/x - 1/(x + 1)", "1/(x*(1 + x))"), ("(exp(2*x) - 1)/(exp(x) - 1)", "1 + exp(x)"), ("(sqrt(x)*sqrt(x) - 1)/(x - 1) + 1", "2")]
)
def test_what_is_common_above_and_below_has_gone(text: str, simple: str) -> None:
    """By school algebra."""
    pool = Pool()
    assert pool.read(simple) in in_lowest_terms(pool, pool.read(text))


@pytest.mark.parametrize("text", ["x*y", "sin(x)", "x - x", "(x + y + sin(x) + cos(x) + tan(x) + exp(y) + log(x) + z)/x"])
def test_what_is_no_sum_or_quotient_or_too_large_is_left_alone(text: str) -> None:
    pool = Pool()
    assert in_lowest_terms(pool, pool.read(text)) == []


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("b*b/(a*c + b*sqrt(b*b - a*c) - b*b)", "b*b/(sqrt(b*b - a*c)*(b - sqrt(b*b - a*c)))"),  # a*c is b*b - s*s
        ("(c/(b + sqrt(b*b - c)))*(c/(b + sqrt(b*b - c)))/c", "c/((b + sqrt(b*b - c))*(b + sqrt(b*b - c)))"),  # the root is left alone
        ("1/(hypot(1, x)*hypot(1, x)) - 1", "-(x*x/(1 + x*x))"),  # hypot is a root as well
        ("2*x/3/5 + x/15", "x/5"),  # no number is common above and below
    ],
)
def test_roots_are_written_in_all_three_ways(text: str, simple: str) -> None:
    """By school algebra."""
    pool = Pool()
    assert pool.read(simple) in in_lowest_terms(pool, pool.read(text))


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a*c + a*d + b*c + b*d + e", "e + (a + b)*(c + d)"),
        ("u*x + v*y - u*y - v*x + z*(u - 2*z)", "(u - v)*(x - y) - z*(2*z - u)"),
    ],
)
def test_four_products_in_a_sum_are_the_product_of_two_sums(text: str, grouped: str) -> None:
    """By school algebra."""
    pool = Pool()
    wanted = pool.read(grouped)
    assert wanted in in_lowest_terms(pool, pool.read(text))


def test_products_that_are_no_product_of_sums_are_left() -> None:
    pool = Pool()
    assert not any(")*(" in text_of(t, {}) for t in in_lowest_terms(pool, pool.read("a*c + a*d + b*c - b*d + e")))
