"""Quotients whose factors and square roots cancel are numbers wherever they have a value; SymPy says which do, over the reals."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

from tests.texts import expression
from verifier import load_text
from verifier.arithmetic import balls
from verifier.circuit.monomials import constant_quotient
from verifier.exact import derivatives
from verifier.verify import verify


def quotient(text: str) -> Fraction | None:
    program = derivatives.primitive(expression(text, "x", "y"))
    steps = program.steps if program.steps[program.output].gate == "div" else program.steps[: [s.gate for s in program.steps].index("add", 2)]
    at = max((i for i, s in enumerate(steps) if s.gate == "div"), default=-1)
    return constant_quotient(steps, at, {}) if at >= 0 else None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x / sqrt(x) / sqrt(x)", Fraction(1)),
        ("-x / (sqrt(x) * sqrt(x))", Fraction(-1)),
        ("(x / 3) / sqrt(x / 3) / sqrt(x / 3)", Fraction(1)),
        ("(4 * x) / sqrt(x) / sqrt(4 * x)", Fraction(2)),
        ("sqrt(x) * sqrt(y) / (sqrt(y) * sqrt(x))", Fraction(1)),
        ("x / sqrt(x) / sqrt(y)", None),
        ("sqrt(x * x) / x", None),  # the sign of x
        ("sqrt(x * y) / sqrt(x) / sqrt(y)", None),
        ("(x * y) / sqrt(x * x) / sqrt(y * y)", None),
        ("x / x", None),  # left as it is: no square root
    ],
)
def test_what_cancels_is_known_and_nothing_else(text: str, value: Fraction | None) -> None:
    assert quotient(text) == value
    x, y = sympy.symbols("x y", positive=True)
    if value is not None:
        assert sympy.simplify(sympy.sympify(text, locals={"x": x, "y": y}) - sympy.Rational(value.numerator, value.denominator)) == 0


def test_the_domain_stays() -> None:
    program = derivatives.primitive(expression("x / sqrt(x) / sqrt(x)", "x"))
    (inside,) = balls.at(program, [2.0], [program.output], strict=False)
    assert inside == 1
    assert inside.is_exact()
    for x in (0.0, -1.0):
        (outside,) = balls.at(program, [x], [program.output], strict=False)
        assert not outside.is_finite()


CORRELATION = """points: [{x: [1.0, 2.5, -0.5]}]
forward: |
  c = x - x.mean()
  v = (c * c).sum() / 2
  r = v / np.sqrt(v) / np.sqrt(v)
  out = np.clip(r, -1, 1) * x.sum()
implementations:
  right: {backward: "dx = dout * np.clip(r, -1, 1) * np.ones_like(x)"}
  wrong: {backward: "dx = dout * np.clip(r, -1, 1) * 1.001 * np.ones_like(x)"}
"""


def test_a_correlation_with_itself_that_is_clipped_at_1_is_decided() -> None:
    report = verify(load_text(CORRELATION).cases[0])
    assert set(report.proofs["right"].values()) == {"proved"}
    assert {r.verdict.value for r in report.results if r.implementation == "right"} <= {"correct", "rounding"}
    assert {r.verdict.value for r in report.results if r.implementation == "wrong"} == {"wrong"}
