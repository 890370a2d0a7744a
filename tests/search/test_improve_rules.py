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

POWERS = {"a > 0", "c > 0"}  # conditions under which the prover reads a power with any exponent
REAL = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sqrt": mpmath.sqrt, "hypot": mpmath.hypot, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan,
    "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "erf": mpmath.erf, "erfc": mpmath.erfc, "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), "max": max, "min": min, "abs": abs, "fma": lambda a, b, c: a * b + c,
}  # fmt: skip


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
    return proof is not None and set(proof.conditions) <= POWERS and (not proof.gaps or bool(rule.condition))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.text)
def test_a_rule_is_proved(rule: RewriteRule) -> None:
    assert holds(rule)


@pytest.mark.parametrize(
    "row",
    ["sqrt(a*a) -> a", "log(a*b) -> log(a) + log(b)", "a - sqrt(b) -> (a*a + b)/(a + sqrt(b))", "1 - tanh(a)*tanh(a) -> 2/(cosh(a)*cosh(a))", "sqrt(a/b) -> sqrt(a)/sqrt(b)", "exp(a)*exp(b) -> exp(a*b)"],
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
                left, right = (eval(side, dict(REAL), at) for side in (rule.left, rule.right))
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
    assert [text_of(t, {}) for t in rewriter.neighbours(pool.read("3*(1 - tanh(2*x)**2)"))] == ["3*(1/cosh(2*x)**2)"]
    assert [text_of(t, {}) for t in rewriter.neighbours(pool.read("log(y + 1)"))] == ["log1p(y)"]
    assert list(rewriter.neighbours(pool.read("1 - tanh(x)*tanh(y)"))) == []


@pytest.mark.parametrize(("text", "simple"), [("b*b - (b*b - 4*c)", "4*c"), ("(x + y) - x", "y"), ("(x - y) - (x - z)", "z - y"), ("x + y", "x + y"), ("x - y + x", "x - y + x")])
def test_terms_of_a_sum_cancel(text: str, simple: str) -> None:
    pool = Pool()
    assert cancelled(pool, pool.read(text)) is pool.read(simple)


@pytest.mark.parametrize("text", ["a - (b - c)", "(a - b) - c", "a/(b/c)", "a/b/c", "-(a + b)*c", "-(a**2)", "(a + b)**2*c", "2**a**b", "where(a < b, -c, exp(-(a - b)))", "a - -2", "a*(b*c)", "a + (b + c)"])
def test_the_text_of_a_term_is_read_as_that_term(text: str) -> None:
    pool = Pool()
    term = pool.read(text)
    assert pool.read(text_of(term, {})) is term
