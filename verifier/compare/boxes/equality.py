"""Equalities of a condition, such as `x + y == 1`, solved for an input that occurs in them once: what the other inputs say of it.

Over a box the solution encloses all values of the input at which the equality can hold, so the box ends there; at a point it is the value to take.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from verifier.circuit.program import Program, Step

INVERSE = {"exp": "log", "log": "exp", "neg": "neg"}


class Solution(NamedTuple):
    """The value of an input, by its position among those of the condition; `value` is the step of the program that has it."""

    input: int
    program: Program
    value: int


def solutions_of(given: Program) -> tuple[tuple[Solution, ...], ...]:
    """Of every equality that must hold where the condition does, its solutions; equalities without one are left out."""
    return tuple(found for k in _required(given) if (found := tuple(_solutions(given, k))))


def _required(given: Program) -> Iterator[int]:
    """The equalities without which the condition does not hold."""
    pending = [given.output]
    while pending:
        k = pending.pop()
        if given.steps[k].gate == "and":
            pending += given.steps[k].args
        elif given.steps[k].gate == "eq":
            yield k


def _solutions(given: Program, equality: int) -> Iterator[Solution]:
    ways = np.zeros(equality + 1, dtype=object)  # from the equality to each step, whole numbers of any size
    ways[equality] = 1
    for k in range(equality, -1, -1):
        for a in given.steps[k].args:
            ways[a] += ways[k]
    for i in range(len(given.inputs)):
        if i < equality and ways[i] == 1 and (found := _solved(given, equality, i)) is not None:
            yield found


def _solved(given: Program, equality: int, i: int) -> Solution | None:
    """The equality, solved for an input to which one way leads; None where a step of it has no inverse."""
    steps = list(given.steps)

    def write(gate: str, *args: int) -> int:
        steps.append(Step(gate, args))
        return len(steps) - 1

    leads = {i}
    for k in range(len(given.inputs), equality):
        if leads.intersection(given.steps[k].args):
            leads.add(k)
    first, second = given.steps[equality].args
    at, target = (first, second) if first in leads else (second, first)
    while at != i:
        gate, args = given.steps[at].gate, given.steps[at].args
        position = next(p for p, a in enumerate(args) if a in leads)
        other = args[1 - position] if len(args) == 2 else -1
        if gate in INVERSE:
            target = write(INVERSE[gate], target)
        elif gate == "sqrt":
            target = write("mul", target, target)
        elif gate == "add":
            target = write("sub", target, other)
        elif gate == "sub":
            target = write("add", target, other) if position == 0 else write("sub", other, target)
        elif gate == "mul":
            target = write("div", target, other)
        elif gate == "div":
            target = write("mul", target, other) if position == 0 else write("div", other, target)
        else:
            return None
        at = args[position]
    return Solution(i, Program(tuple(steps), given.inputs, {}, target), target)
