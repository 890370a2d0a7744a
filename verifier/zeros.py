"""Whether a step of a program is zero for all inputs, by an identity: more precision never tells an exact zero from a small number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from verifier.arithmetic import field
from verifier.arithmetic.elements import Field, GiveUp
from verifier.program import Program, Step

MAX_TEXT = 120  # digits of an input that is put into an identity


def is_zero(program: Program, output: int) -> bool:
    """Whether a step of a program of primitives is provably zero wherever it is defined."""

    def claim(over: Field) -> bool | None:
        result = field.value(over, program, output, strict=True, upstream=over.generator(len(program.inputs)))
        return None if result is None else bool(result.num.is_zero())

    try:
        holding = field.holds((*program.inputs, "upstream"), claim)
    except GiveUp:
        return False
    return holding is not None and not holding.conditions


def is_zero_at(program: Program, output: int, point: Sequence[float]) -> bool:
    """Whether a step is provably zero at one point: the identity between the numbers that the inputs are there."""
    texts = [f"{Decimal(x):f}" for x in point]
    if any(len(t) > MAX_TEXT for t in texts):
        return False
    steps = tuple(_number(s, texts[i]) if s.gate == "input" else s for i, s in enumerate(program.steps))
    return is_zero(Program(steps, (), {}, output), output)


def _number(step: Step, text: str) -> Step:
    """The input as the number it is."""
    return step._replace(gate="number", text=text)
