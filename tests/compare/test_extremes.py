"""Gradients of extreme size in float64: double-doubles times powers of two decide what every point says on its own, and decide nearly all of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.texts import expression
from verifier.arithmetic.double_double.number import DoubleDouble
from verifier.arithmetic.double_double.shifted import Shifted
from verifier.circuit.backprop import with_backward
from verifier.compare.check import Check
from verifier.compare.sweep import columns
from verifier.compare.sweep.classify import OPEN, all_open
from verifier.compare.sweep.extremes import _enclosed, by_shifted
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS

COUNT = 60
FORMULAS = (("x * y * z", 0.9), ("sigmoid(x * y + z) * y", 0.9), ("x / y * z", 0.4), ("(x - y) * (x + z)", 0.9), ("where(x > y, x * z, y * y)", 0.9))


@pytest.mark.parametrize("lowest", [-1074, -1030, -600, -40])
@pytest.mark.parametrize(("text", "share"), FORMULAS)
def test_extreme_gradients_are_judged_as_at_each_point(text: str, share: float, lowest: int) -> None:
    claims = tuple((v, f"d{v}") for v in "xyz")
    program = expression(text, "x", "y", "z")
    check = Check(text, truth_of(program), Subject(with_backward(program, claims), claims), FORMATS["float64"])
    source = np.random.default_rng(-lowest)
    given = [np.ldexp(source.uniform(1, 2, COUNT) * source.choice([-1, 1], COUNT), source.integers(lowest, max(lowest + 60, -1000), COUNT)) for _ in range(3)]
    given[source.integers(0, 3)] = source.uniform(-3, 3, COUNT)
    found, computed = [all_open(COUNT) for _ in claims], columns.computed_columns(check, given)
    with np.errstate(all="ignore"):
        by_shifted(check, given, computed, found)
    alone = columns.judge_columns(check, given, method="points")
    decided = 0
    for j, expected in zip(found, alone, strict=True):
        settled = j.verdict != OPEN
        decided += int(settled.sum())
        assert np.array_equal(j.verdict[settled], expected.verdict[settled])
        assert np.array_equal(j.error[settled], expected.error[settled], equal_nan=True)
    assert decided > share * 3 * COUNT


@pytest.mark.parametrize("lower", [2.0**-60, -(2.0**-60), 2.0**-70, -(2.0**-70)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_below_the_normal_numbers_the_lower_half_tells_the_nearer_of_two_multiples(lower: float, sign: float) -> None:
    """(hi + lo) 2^-1020, where hi is an odd multiple of 2^-55: in the middle of two multiples of the smallest number, 2^-1074."""
    hi = sign * np.array([5510889797018575.0, 5510889797018577.0]) * 2.0**-55
    g = Shifted(DoubleDouble(hi, np.full(2, lower), np.full(2, 2.0**-100)), np.full(2, 1020))
    expected = [float(round((Fraction(x) + Fraction(lower)) * 2**54) * Fraction(1, 2**1074)) for x in hi.tolist()]
    e, unit, _ = _enclosed(np.array(expected), g)
    assert e.is_rounded.all()
    assert e.rounded.tolist() == expected
    assert unit.tolist() == [2.0**-54] * 2
