"""Every rule of the table of better arrangements is the same over the reals on both sides, as far as it claims to be: our own prover says so, and mpmath."""

from __future__ import annotations

import random
import re

import mpmath
import pytest

from verifier.circuit.expressions import build_expression
from verifier.exact.derivatives import primitive
from verifier.exact.prove import Proof, prove_same
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.search.improve.matching import Rewriter, cancelled
from verifier.search.improve.rules import RewriteRule, all_rules, rules_of
from verifier.search.improve.terms import Pool, text_of

REAL = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sqrt": mpmath.sqrt, "hypot": mpmath.hypot, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan,
    "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "erf": mpmath.erf, "erfc": mpmath.erfc, "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x), "digamma": mpmath.digamma, "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))), "pi": mpmath.pi, "sinpi": mpmath.sinpi, "cospi": mpmath.cospi, "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), "max": max, "min": min, "abs": abs, "where": lambda c, a, b: a if c else b, "fma": lambda a, b, c: a * b + c,
}  # fmt: skip


POWERS = {"a > 0", "c > 0"}  # letters that are bases: the prover reads their powers so


def proof_of(rule: RewriteRule) -> Proof | None:
    names = tuple(v for v in "abcd" if re.search(rf"\b{v}\b", rule.left + " " + rule.right))
    sides = []
    for text in (rule.left, rule.right):
        program, complaints = build_expression(Source(text, "rule", 1, 1, text), names)
        assert program is not None, complaints
        sides.append(primitive(program))
    return prove_same(*sides, fmt=FORMATS["float64"])


def holds(rule: RewriteRule) -> bool:
    """Whether both sides are proved equal, and the right one has a value wherever the left one has, or the row says where it has one."""
    proof = proof_of(rule)
    return proof is not None and (not proof.gaps or bool(rule.condition)) and all(condition in POWERS or is_implied(condition, rule) for condition in proof.conditions)


def is_implied(condition: str, rule: RewriteRule) -> bool:
    """Whether what the prover assumes, that the base of a power is positive, holds where the row says that it does: at random points."""
    draw = random.Random(condition)
    points = [{v: draw.uniform(-3, 3) for v in "abcd"} for _ in range(400)]
    meant = [at for at in points if rule.condition and eval(rule.condition, {}, at)]
    return bool(meant) and condition.endswith("> 0") and all(eval(condition, {}, at) for at in meant)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.text)
def test_a_rule_is_proved(rule: RewriteRule) -> None:
    assert holds(rule)


@pytest.mark.parametrize(
    "row",
    ["sqrt(a*a) -> a", "log(a*b) -> log(a) + log(b)", "a - sqrt(b) -> (a*a + b)/(a + sqrt(b))", "1 - tanh(a)*tanh(a) -> 2/(cosh(a)*cosh(a))", "sqrt(a/b) -> sqrt(a)/sqrt(b)", "exp(a)*exp(b) -> exp(a*b)", "(1 + a)**b -> exp(b*log1p(a)) if a > -2"],
)
def test_a_rule_that_is_false_or_has_a_gap_is_not(row: str) -> None:
    (rule,) = rules_of(row)
    assert not holds(rule)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.text)
def test_both_sides_have_the_same_value_in_mpmath(rule: RewriteRule) -> None:
    """At random real points at which both sides are real, and the condition of the row holds."""
    draw = random.Random(rule.text)
    met = 0
    with mpmath.workdps(50):
        for _ in range(60):
            at = {v: mpmath.mpf(draw.uniform(-3, 3) if draw.random() < 0.4 else draw.uniform(0.05, 3)) for v in "abcd"}
            at["b"] = -at["b"] if draw.random() < 0.2 else at["b"]
            try:
                left, right = (eval(re.sub(r"(?<![\w.])(\d+)", r"number(\1)", side), {**REAL, "number": mpmath.mpf}, at) for side in (rule.left, rule.right))
                meant = not rule.condition or eval(rule.condition, {}, at)
            except (ZeroDivisionError, ValueError, TypeError, AttributeError):  # no real value here
                continue
            if meant and not isinstance(left, mpmath.mpc) and not isinstance(right, mpmath.mpc):
                met += 1
                assert abs(left - right) <= mpmath.mpf(10) ** -40 * (1 + abs(left))
    assert met >= 3


def test_a_rule_finds_its_formula_at_any_place_and_in_any_order() -> None:
    pool = Pool()
    rewriter = Rewriter(pool, rules_of("1 - tanh(a)*tanh(a) -> 1/(cosh(a)*cosh(a))\nlog(1 + a) -> log1p(a)"), with_quotients=False)
    assert [text_of(change.whole, {}) for change in rewriter.changes(pool.read("3*(1 - tanh(2*x)**2)"))] == ["3*(1/cosh(2*x)**2)"]
    assert [text_of(change.whole, {}) for change in rewriter.changes(pool.read("log(y + 1)"))] == ["log1p(y)"]
    assert list(rewriter.changes(pool.read("1 - tanh(x)*tanh(y)"))) == []


@pytest.mark.parametrize(("text", "simple"), [("b*b - (b*b - 4*c)", "4*c"), ("(x + y) - x", "y"), ("(x - y) - (x - z)", "z - y"), ("x + y", "x + y"), ("x - y + x", "x - y + x")])
def test_terms_of_a_sum_cancel(text: str, simple: str) -> None:
    pool = Pool()
    assert cancelled(pool, pool.read(text)) is pool.read(simple)


@pytest.mark.parametrize("text", ["a - (b - c)", "(a - b) - c", "a/(b/c)", "a/b/c", "-(a + b)*c", "-(a**2)", "(a + b)**2*c", "2**a**b", "where(a < b, -c, exp(-(a - b)))", "a - -2", "a*(b*c)", "a + (b + c)"])
def test_the_text_of_a_term_is_read_as_that_term(text: str) -> None:
    pool = Pool()
    term = pool.read(text)
    assert pool.read(text_of(term, {})) is term


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("tanh(2*x/2)", "tanh(x)"), ("log(1) - log1p(x)", "-log1p(x)"), ("4*(2*x)", "8*x"), ("2*x*0.5", "x"), ("(2*x)*4", "8*x"), ("0.5*(x*0.25)", "x/8"), ("(x/2)/2", "x/4"), ("3*(x/3)", "x"), ("2*x*(0.5*y)", "x*y"), ("6*x/(6*y)", "x/y"),
        ("where(1/3 == 0, x, y)", "y"), ("exp(0)*sqrt(1)*x", "x"),
    ],
)  # fmt: skip
def test_numbers_that_are_one_or_powers_of_two_are_multiplied_at_once(text: str, simple: str) -> None:
    pool = Pool()
    assert text_of(pool.read(text), {}) == simple


@pytest.mark.parametrize("text", ["2*(3*x)", "x*y/2", "6*x/4", "0.5*x*(4*y)", "where(x == 0, x, y)", "exp(x)"])
def test_numbers_whose_product_floats_may_round_or_make_overflow_are_left(text: str) -> None:
    """2**-1*x*(2**2*y) is not 2*(x*y) where x*y overflows and the other does not."""
    pool = Pool()
    assert text_of(pool.read(text), {}) == text
