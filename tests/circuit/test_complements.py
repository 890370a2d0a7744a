"""Complements such as 1 - tanh(a), written without cancellation: the same real numbers, with all digits, and nothing else is written in another way."""

from __future__ import annotations

import pytest

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.complements import without_cancellation
from verifier.exact.derivatives import primitive

BITS = 128
POINTS = (-300.5, -40.25, -1.5, 0.0, 0.75, 23.0, 300.0)
WRITTEN = (
    "1 + tanh(x)", "tanh(x) + 1", "1 - tanh(x)", "tanh(x) - 1", "1 - tanh(x)**2", "tanh(x) * tanh(x) - 1", "1 - exp(x)", "exp(x) - 1", "1 + erf(x)", "1 - erf(x)", "erf(x) - 1",
    "1 - 1 / (1 + exp(-x))", "1 - 1 / (exp(x) + 1)", "3 * x * (1.0 - tanh(2 * x))",
)  # fmt: skip
KEPT = ("2 - tanh(x)", "1 - x", "tanh(x) - tanh(1)", "1 + exp(x)", "1 + tanh(x)**2", "1 - tanh(x)**3", "1 - 2 / (1 + exp(x))", "tanh(x) * 1")


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_is_the_same_number_with_all_its_digits(text: str) -> None:
    program = primitive(expression(text, "x"))
    found = without_cancellation(program)
    assert found is not None
    written, places = found
    for x in POINTS:
        (value,) = balls.at(written, (x,), [places[program.output]], strict=True, bits=BITS)
        (same,) = balls.at(program, (x,), [program.output], strict=True, bits=8192)  # 1 - tanh(300) is 2^-864
        assert value.overlaps(same)
        if abs(x) < 50:
            assert value.is_zero() or value.rel_accuracy_bits() > BITS - 16 or (x == 0 and value.contains(0))


@pytest.mark.parametrize("text", KEPT)
def test_where_nothing_cancels_nothing_is_written(text: str) -> None:
    assert without_cancellation(primitive(expression(text, "x"))) is None


def test_every_step_has_its_place() -> None:
    program = primitive(expression("(1 - tanh(x)) * y + exp(x)", "x", "y"))
    found = without_cancellation(program)
    assert found is not None
    written, places = found
    assert written.inputs == program.inputs
    given = balls.at(program, (0.75, 2.0), strict=False, bits=BITS)
    again = balls.at(written, (0.75, 2.0), strict=False, bits=BITS)
    assert all(a.overlaps(again[p]) for a, p in zip(given, places, strict=True))
