"""The column `rises` of the gate table, against mpmath at points of the whole domain; and the sets of gates that follow from the table."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import pytest

from verifier.language.gates import EXTREMES, GATES, LOGIC, ORDERINGS, PRODUCTS, SUMS

# The functions by mpmath, which knows nothing of the table, and the ends of their domains (DLMF 4 and 7; shi: 6.2, lambertw: 4.13).
EVERYWHERE = (-40, 40)
FUNCTIONS = {
    "exp": (mpmath.exp, EVERYWHERE), "exp2": (lambda a: mpmath.mpf(2) ** a, EVERYWHERE), "expm1": (mpmath.expm1, EVERYWHERE), "exp10": (lambda a: mpmath.mpf(10) ** a, EVERYWHERE),
    "log": (mpmath.log, (0, 40)), "log2": (lambda a: mpmath.log(a, 2), (0, 40)), "log10": (mpmath.log10, (0, 40)), "log1p": (mpmath.log1p, (-1, 40)),
    "sqrt": (mpmath.sqrt, (0, 40)), "cbrt": (lambda a: mpmath.sign(a) * mpmath.cbrt(abs(a)), EVERYWHERE), "asin": (mpmath.asin, (-1, 1)), "acos": (mpmath.acos, (-1, 1)),
    "atan": (mpmath.atan, EVERYWHERE), "sinh": (mpmath.sinh, EVERYWHERE), "tanh": (mpmath.tanh, EVERYWHERE), "asinh": (mpmath.asinh, EVERYWHERE), "acosh": (mpmath.acosh, (1, 40)),
    "atanh": (mpmath.atanh, (-1, 1)), "erf": (mpmath.erf, (-8, 8)), "erfc": (mpmath.erfc, (-8, 8)), "erfi": (mpmath.erfi, (-8, 8)), "erfinv": (mpmath.erfinv, (-1, 1)),
    "erfcinv": (lambda a: mpmath.erfinv(1 - a), (0, 2)), "shi": (mpmath.shi, EVERYWHERE), "lambertw": (mpmath.lambertw, (-mpmath.exp(-1), 40)),
}  # fmt: skip
POINTS = 101


def direction(function, low, high):
    """1 where the function increases from each point to the next, -1 where it decreases, else 0."""
    with mpmath.workdps(60):
        inside = [low + (high - low) * mpmath.mpf(2 * k + 1) / (2 * POINTS) for k in range(POINTS)]
        values = [mpmath.re(function(a)) for a in inside]
    steps = {int(mpmath.sign(b - a)) for a, b in pairwise(values)}
    return steps.pop() if len(steps) == 1 else 0


def test_every_gate_that_is_said_to_rise_or_fall_is_tested_here():
    assert {name for name, gate in GATES.items() if gate.rises} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_gate_rises_or_falls_over_its_domain_as_its_row_says(name):
    function, (low, high) = FUNCTIONS[name]
    assert direction(function, low, high) == GATES[name].rises
    assert len(GATES[name].parameters) == 1


def test_the_twin_a_function_that_turns_has_no_direction():
    assert direction(mpmath.sin, *EVERYWHERE) == 0
    assert direction(mpmath.cosh, *EVERYWHERE) == 0
    assert GATES["cosh"].rises == GATES["gamma"].rises == 0


def test_sums_products_extremes_orderings_and_logic_follow_from_the_rows():
    assert sorted(SUMS) == ["add", "sub"]
    assert sorted(PRODUCTS) == ["div", "mul"]
    assert sorted(EXTREMES) == ["max", "maximum", "min", "minimum"]
    assert ORDERINGS == ("lt", "le", "gt", "ge")
    assert sorted(LOGIC) == ["and", "not", "or"]
