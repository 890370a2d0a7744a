"""The columns of a program in float64 are CPython's numbers bit for bit, whoever computes them."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from verifier.arithmetic import floats
from verifier.circuit.expressions import build_expression
from verifier.language.formats import FORMATS
from verifier.language.source import Source

NUMBERS = [0.0, -0.0, 1.0, -1.5, 3.7, 1e308, -1e308, 5e-324, 1e-300, 710.0, -745.2, math.inf, -math.inf, math.nan, 0.1, 2.0**53 + 2]
FORMULAS = ["x*y - x/y", "(x + y)*(x - y)/x", "exp(x)/(1 + exp(x))", "where(x > y, x*y, -y)", "where(not (x <= y) and y != 0, exp(-x), x**2)", "max(x, y) + abs(x)*y", "log(x/y) + sqrt(x)"]


def bits(x: float | bool) -> bytes | bool:
    """The bytes of a float; all NaN are one."""
    return x if isinstance(x, bool) else b"nan" if math.isnan(x) else struct.pack("<d", x)


@pytest.mark.parametrize("formula", FORMULAS)
def test_arrays_and_single_numbers_come_out_alike(formula: str) -> None:
    program = build_expression(Source(formula, "t", 1, 1, formula), ("x", "y"))[0]
    points = [(a, b) for a in NUMBERS for b in NUMBERS]
    found = floats.columns(program, [[p[i] for p in points] for i in range(2)], FORMATS["float64"], 1.0)
    for k, point in enumerate(points):
        alone = floats.at(program, point, fmt=FORMATS["float64"])
        assert [bits(c[k].item()) for c in found] == [bits(v) for v in alone]


def test_division_follows_ieee_754_where_cpython_raises() -> None:
    formula = "x / y"
    program = build_expression(Source(formula, "t", 1, 1, formula), ("x", "y"))[0]
    found = floats.run(program, [[1.0, -1.0, 0.0, 1.0, 6.0], [0.0, 0.0, 0.0, -0.0, 3.0]], fmt=FORMATS["float64"])[program.output]
    np.testing.assert_array_equal(found, [math.inf, -math.inf, math.nan, -math.inf, 2.0])  # IEEE 754-2019, section 7.3
