"""Runs a Program over the real numbers in vectors of enclosures: what the arithmetics that have one function per gate share.

An enclosure is a tuple of columns with a field `never`, which marks the points where there is certainly no real value; a truth value is an int8 per point: 1 true, 0 false, -1 not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball, DoubleArray, Doubles, Mask, Truth3, Truths
from verifier.circuit.program import Program, Step
from verifier.language.formats import Format

CONSTANT_BITS = 256


Enclosure = TypeVar("Enclosure", bound=tuple[Any, ...])


class Vectors(NamedTuple, Generic[Enclosure]):
    """An arithmetic: the enclosures of its gates, those that know nothing at a kink or on a boundary, and how floats and balls are written in it."""

    name: str
    functions: Mapping[str, Callable[..., Enclosure | Truths]]
    strict: Mapping[str, Callable[..., Enclosure | Truths]]
    unknown: Enclosure
    exactly: Callable[[Doubles], Enclosure]
    from_ball: Callable[[Ball], Enclosure]
    marked: Callable[[Enclosure, Mask], Enclosure]  # the same with another `never`


def run(
    vectors: Vectors[Enclosure],
    program: Program,
    columns: Sequence[DoubleArray],
    outputs: Sequence[int] | None = None,
    *,
    strict: bool,
    upstream: float = 1.0,
    rounded_in: Format | None = None,
) -> list[Enclosure | Truths]:
    """The enclosures of some steps (default: all). `columns` has one array of float64 per input; `program` must consist of primitives."""
    steps = program.steps
    outputs = range(len(steps)) if outputs is None else outputs
    last = last_uses(steps, outputs)
    known = constants(vectors, program, strict=strict, rounded_in=rounded_in)
    values: dict[int, Enclosure | Truths] = {}
    with np.errstate(all="ignore"):
        for i, step in enumerate(steps):
            if last[i] < 0:
                continue
            if step.gate == "input":
                values[i] = vectors.exactly(columns[i])
            elif i in known:
                values[i] = known[i]
            elif step.gate == "upstream":
                values[i] = vectors.exactly(np.float64(upstream))
            else:
                values[i] = _apply(vectors, step.gate, [values[a] for a in step.args], strict=strict)
                for a in step.args:
                    if last[a] == i:
                        values.pop(a, None)
    return [values[i] for i in outputs]


def _apply(vectors: Vectors[Enclosure], gate: str, arguments: list[Enclosure | Truths], *, strict: bool) -> Enclosure | Truths:
    function = (vectors.strict.get(gate) if strict else None) or vectors.functions.get(gate)
    value = vectors.unknown if function is None else function(*arguments)
    return value if gate == "where" or not isinstance(value, tuple) else _with_never(vectors, value, arguments)


def is_bounded(vectors: Vectors[Enclosure], program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    last = last_uses(program.steps, outputs)
    return all(last[i] < 0 or not s.args or s.gate in vectors.functions for i, s in enumerate(program.steps))


def last_uses(steps: Sequence[Step], outputs: Sequence[int]) -> list[int]:
    """Per step, the last step that reads it; the number of steps for an output, -1 for a step that nothing needs."""
    last = [-1] * len(steps)
    for i in outputs:
        last[i] = len(steps)
    for i in range(len(steps) - 1, -1, -1):
        if last[i] >= 0:
            for a in steps[i].args:
                last[a] = max(last[a], i)
    return last


def constants(vectors: Vectors[Enclosure], program: Program, *, strict: bool, rounded_in: Format | None) -> Mapping[int, Enclosure | Truths]:
    """The enclosures of the steps that depend on no input, by step: literals, constants, and what is computed from them; made once for a program."""
    key = (vectors.name, strict, rounded_in)
    if key not in program.constants:
        program.constants[key] = _constants(vectors, program, strict=strict, rounded_in=rounded_in)
    return program.constants[key]


def _constants(vectors: Vectors[Enclosure], program: Program, *, strict: bool, rounded_in: Format | None) -> dict[int, Enclosure | Truths]:
    """The same made anew: in balls, then rounded outward."""
    found: dict[int, Ball | Truth3] = {}
    with balls.precision(CONSTANT_BITS):
        for i, step in enumerate(program.steps):
            if step.gate in ("number", "constant"):
                found[i] = balls.constant(step.text) if step.gate == "constant" else balls.literal(step.text, rounded_in)
            elif step.args and all(a in found for a in step.args):
                found[i] = balls.function_of(step.gate, strict=strict)(*(found[a] for a in step.args))
        return {i: _constant(vectors, ball) for i, ball in found.items()}


def _constant(vectors: Vectors[Enclosure], ball: Ball | Truth3) -> Enclosure | Truths:
    if ball is None or isinstance(ball, bool):
        return np.int8(-1 if ball is None else ball)
    return vectors.from_ball(ball) if ball.is_finite() else vectors.unknown


def _with_never(vectors: Vectors[Enclosure], value: Enclosure, arguments: Sequence[Enclosure | Truths]) -> Enclosure:
    masks = [m for m in (getattr(value, "never", None), *(getattr(a, "never", None) for a in arguments)) if m is not None]
    if not masks:
        return value
    never = masks[0]
    for mask in masks[1:]:
        never = never | mask
    return vectors.marked(value, never)
