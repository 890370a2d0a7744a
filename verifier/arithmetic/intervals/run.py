"""Run a Program over the real numbers in vectors of float64 intervals: fast, certified, and often unknown.

A step's value is an `Interval` of two arrays that enclose the exact value at every point; NaN in both where it is not known
(or undefined). Every operation is rounded outward. The kernels of NumPy and SciPy are widened by a bound of their error that is
several times the worst ever seen (`tests/arithmetic/test_intervals_of_gates.py` holds it against Arb); outside the bound's domain, and for a function
without one, nothing is known. As in `arithmetic.balls`, with `strict` everything *at* a kink or on a boundary counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic import balls
from verifier.arithmetic.intervals.choices import CHOICES, STRICT
from verifier.arithmetic.intervals.elementary import ELEMENTARY
from verifier.arithmetic.intervals.interval import UNKNOWN, Interval, exactly
from verifier.arithmetic.intervals.special import SPECIAL
from verifier.arithmetic.types import Ball, Truth3, Truths
from verifier.circuit.program import Program, Step
from verifier.language.formats import Format

CONSTANT_BITS = 128
FUNCTIONS: dict[str, Callable[..., Interval | Truths]] = {**ELEMENTARY, **SPECIAL, **CHOICES}


def run(
    program: Program, columns: Sequence[NDArray[np.float64]], outputs: Sequence[int] | None = None, *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Interval | Truths]:
    """The enclosures of some steps (default: all). `columns` has one array of float64 per input; `program` must consist of primitives."""
    steps = program.steps
    outputs = range(len(steps)) if outputs is None else outputs
    last = _last_uses(steps, outputs)
    known = constants(program, strict=strict, rounded_in=rounded_in)
    values: dict[int, Interval | Truths] = {}
    with np.errstate(all="ignore"):
        for i, step in enumerate(steps):
            if last[i] < 0:
                continue
            if step.gate == "input":
                values[i] = exactly(columns[i])
            elif i in known:
                values[i] = known[i]
            elif step.gate == "upstream":
                values[i] = exactly(np.float64(upstream))
            else:
                values[i] = _apply(step.gate, [values[a] for a in step.args], strict=strict)
                for a in step.args:
                    if last[a] == i:
                        values.pop(a, None)
    return [values[i] for i in outputs]


def _apply(gate: str, arguments: list[Interval | Truths], *, strict: bool) -> Interval | Truths:
    function = (STRICT.get(gate) if strict else None) or FUNCTIONS.get(gate)
    value = UNKNOWN if function is None else function(*arguments)
    return value if gate == "where" or not isinstance(value, Interval) else _with_never(value, arguments)


def is_bounded(program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    last = _last_uses(program.steps, outputs)
    return all(last[i] < 0 or not s.args or s.gate in FUNCTIONS for i, s in enumerate(program.steps))


def _last_uses(steps: Sequence[Step], outputs: Sequence[int]) -> list[int]:
    """Per step, the last step that reads it; the number of steps for an output, -1 for a step that nothing needs."""
    last = [-1] * len(steps)
    for i in outputs:
        last[i] = len(steps)
    for i in range(len(steps) - 1, -1, -1):
        if last[i] >= 0:
            for a in steps[i].args:
                last[a] = max(last[a], i)
    return last


def constants(program: Program, *, strict: bool, rounded_in: Format | None) -> dict[int, Interval | Truths]:
    """The enclosures of the steps that depend on no input, by step: literals, constants, and what is computed from them; made in balls, then rounded outward."""
    found: dict[int, Ball | Truth3] = {}
    with balls.precision(CONSTANT_BITS):
        for i, step in enumerate(program.steps):
            if step.gate in ("number", "constant"):
                found[i] = balls.constant(step.text) if step.gate == "constant" else balls.literal(step.text, rounded_in)
            elif step.args and all(a in found for a in step.args):
                found[i] = balls.function_of(step.gate, strict=strict)(*(found[a] for a in step.args))
        return {i: _from_ball(ball) for i, ball in found.items()}


def _from_ball(ball: Ball | Truth3) -> Interval | Truths:
    if ball is None or isinstance(ball, bool):
        return np.int8(-1 if ball is None else ball)
    if not ball.is_finite():
        return UNKNOWN
    low, high = float(ball.lower()), float(ball.upper())
    if low == high and ball.is_exact() and ball == low:
        return exactly(np.float64(low))
    return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))


def _with_never(value: Interval, arguments: Sequence[Interval | Truths]) -> Interval:
    masks = [m for m in (value.never, *(a.never for a in arguments if isinstance(a, Interval))) if m is not None]
    if not masks:
        return value
    never = masks[0]
    for mask in masks[1:]:
        never = never | mask
    return Interval(value.low, value.high, never)


__all__ = ["FUNCTIONS", "STRICT", "Interval", "constants", "exactly", "is_bounded", "run"]
