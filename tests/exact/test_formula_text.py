"""Derivatives of SymPy in the words of the case files, or nothing: no text of the tool holds `Derivative(...)` or `Subs(...)`."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from verifier.circuit.expressions import build_expression
from verifier.exact.formula_text import formula_text
from verifier.language.source import Source
from verifier.numpy import check

X, Y = sympy.Symbol("x", real=True), sympy.Symbol("y", real=True)
SAID = {
    "max(x, y)": "where(x - y > 0, 1, where(x - y == 0, 1/2, 0))",
    "where(x > 0, x**2, 0)": "where(x > 0, 2*x, 0)",
    "lgamma(x)": "digamma(x)",
    "abs(x) * e": "e*sign(x)",
    "x * ceil(y)": "ceil(y)",
    "hyp2f1(1, 2, 3, x)": "2*hyp2f1(2, 3, 4, x)/3",
    "where(x > 0 and y < 1, x, 0)": "where((x > 0) and (y < 1), 1, 0)",
}
UNSAID = {"by its order": sympy.besselj(X, Y), "of a step": X * sympy.floor(X), "of a function without a rule": sympy.Function("hurwitz")(X, Y), "substituted": sympy.Function("f")(X**2 + Y)}


@pytest.mark.parametrize("function", SAID)
def test_a_derivative_is_written_in_the_language_and_is_read_there(function):
    from verifier.exact import derivatives, sympy_gates

    program, complaints = build_expression(Source(function, "a test", 1, 1, function), ("x", "y"))
    assert not complaints
    whole = derivatives.primitive(program)
    text = formula_text(sympy.diff(sympy_gates.run(whole, [X, Y])[whole.output], X))
    assert text == SAID[function]
    assert build_expression(Source(text, "a test", 1, 1, text), ("x", "y"))[1] == []


@pytest.mark.parametrize("name", UNSAID)
def test_nothing_is_said_of_a_derivative_that_sympy_leaves_as_it_is(name):
    assert "Derivative" in str(sympy.diff(UNSAID[name], X))
    assert formula_text(sympy.diff(UNSAID[name], X)) == ""


def bessel_order(n, x):
    from scipy.special import jv

    return np.sum(jv(n, x) * x)


CALLABLES = {
    "floor": (lambda x: np.sum(np.floor(x) * x), lambda d, x: d * (np.floor(x) + 1), (np.array([0.3, 1.7]),)),
    "round in a sum": (lambda x: np.sum(np.sin(np.round(x) * x)), lambda d, x: d * np.cos(np.round(x) * x), (np.array([0.3, 1.7]),)),
    "a sign": (lambda x: np.sum(np.sign(x) * np.exp(x)), lambda d, x: d * np.exp(x), (np.array([0.3, -1.7]),)),
    "a remainder": (lambda x: np.sum(np.mod(x, 0.5) ** 2), lambda d, x: d * np.mod(x, 0.5), (np.array([0.3, 1.7]),)),
    "an order": (bessel_order, lambda d, _n, x: (0.0, d * x), (0.5, np.array([0.3, 1.7]))),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_no_report_of_a_wrong_callable_holds_what_only_sympy_understands(name):
    pytest.importorskip("scipy", reason="SciPy is not installed here")
    forward, backward, inputs = CALLABLES[name]
    report = check(forward, *inputs, backward=backward)
    assert report.status == "failed"
    assert not any(word in str(report) or word in str(report.findings) for word in ("Subs(", "Derivative("))
