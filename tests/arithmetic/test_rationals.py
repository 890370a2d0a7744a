"""Conditions in exact rational numbers, held against Python's Fraction."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.texts import expression
from verifier.arithmetic import rationals
from verifier.arithmetic.rationals import is_true
from verifier.exact import derivatives


def condition(text: str) -> object:
    """A program of primitives whose output is a truth value."""
    program = derivatives.primitive(expression(f"where({text}, x, y)", "x", "y"))
    return type(program)(program.steps, program.inputs, {}, program.steps[program.output].args[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2 + 0.7 + 0 * x == 1", True),
        ("0.1 + 0.2 + 0.7 + 0 * x != 1", False),
        ("0.1 * x + 0.3 * x == 0.4 * x", True),
        ("0.1 * x + 0.3 * x == 0.4000000000000001 * x", False),
        ("x / 3 + x / 3 + x / 3 == x and not x < y", True),
        ("x**-2 * x**2 == 1 or y > x", True),
        ("max(x, y) + min(x, y) == x + y", True),
        ("abs(y) == -y", True),
        ("where(x > y, 0.3 - 0.2 - 0.1, 1) == 0", True),
    ],
)
def test_a_condition_of_decimals_is_decided(text: str, expected: bool) -> None:
    assert is_true(condition(text), (0.7, -1.1)) is expected  # type: ignore[arg-type]


def test_floats_are_the_fractions_that_they_are() -> None:
    """Fraction(0.1) + Fraction(0.2) is not Fraction(0.3), whose float is one ulp away."""
    holds = condition("x + y == 0.3")
    for point in ((0.1, 0.2), (0.25, 0.05), (0.5, -0.2)):
        assert is_true(holds, point) is (sum(map(Fraction, point)) == Fraction("0.3"))  # type: ignore[arg-type]
    assert is_true(condition("x + y == 0.75"), (0.25, 0.5))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["exp(x) * exp(-x) == 1", "x / (y - y) == x / (y - y)", "x**0.5 == x**0.5", "0**-1 * x == 0"])
def test_what_is_no_rational_number_decides_nothing(text: str) -> None:
    assert not is_true(condition(text), (0.7, -1.1))  # type: ignore[arg-type]


def test_numbers_of_too_many_bits_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    product = condition("x**9 * y**9 == (x * y)**9")
    assert is_true(product, (0.7, -1.1))  # type: ignore[arg-type]
    monkeypatch.setattr(rationals, "MOST_BITS", 400)
    assert not is_true(product, (0.7, -1.1))  # type: ignore[arg-type]


def test_an_input_that_is_not_finite_decides_nothing() -> None:
    assert not is_true(condition("x == x + 0 * y"), (float("inf"), 1.0))  # type: ignore[arg-type]
