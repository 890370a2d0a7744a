"""Steps of a program that certainly have no exact value at a point: what a careful run (`one_sided.CarefulRun`) cannot find, and need not be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flint import arb

from verifier.arithmetic.types import Ball
from verifier.circuit.program import Program, Step
from verifier.exact import marks
from verifier.language.numeral import exact

TRANSCENDENTAL: Mapping[str, int] = {"log": 1, **dict.fromkeys(("exp", "expm1", "log1p", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh"), 0)}  # gate -> the only algebraic number at which its value is one (Lindemann)
FACTORS: Mapping[str, Sequence[int]] = {"mul": (0, 1), "div": (0,)}  # gate -> the operands that make it exactly 0, whatever the other is
PASSED_ON = frozenset(("copy", "where", "abs", "max", "min"))  # gates whose value may be that of an operand


def inexact_steps(program: Program, enclosed: Callable[[int], Any]) -> list[bool]:
    """Whether each step of primitives certainly is no exact number where a careful run computes it; `enclosed` gives the balls of the steps at this point.

    A careful run keeps rationals exact, and a ball of an inexact operand stays one that is not exact, unless it is multiplied by 0: so nothing that is computed
    from the value of a transcendental function becomes exact again. False says nothing.
    """
    found: list[bool] = []
    for step in program.steps:
        found.append(bool(step.args) and not marks.is_derivative(step) and _is_inexact(program, step, found, enclosed))
    return found


def _is_inexact(program: Program, step: Step, found: Sequence[bool], enclosed: Callable[[int], Any]) -> bool:
    gate, args = step.gate, step.args
    if gate in TRANSCENDENTAL:
        return found[args[0]] or _differs(enclosed(args[0]), TRANSCENDENTAL[gate])
    if not any(found[a] for a in args):
        return False
    if gate in ("add", "sub", "neg"):
        return True
    if gate == "div" and (args[0] == args[1] or not PASSED_ON.isdisjoint([program.steps[a].gate for a in args])):
        return False  # of one number by itself
    if gate in FACTORS:
        return all(found[args[k]] or _differs(enclosed(args[k]), 0) for k in FACTORS[gate])
    return gate == "pow" and found[args[0]] and program.steps[args[1]].gate == "number" and exact(program.steps[args[1]].text) != 0


def _differs(value: Any, number: int) -> bool:
    """Whether an enclosure certainly is that of another number."""
    ball: Ball = value
    return isinstance(ball, arb) and ball.is_finite() and bool(ball != number)


__all__ = ["inexact_steps"]
