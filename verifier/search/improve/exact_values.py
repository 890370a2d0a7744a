"""The exact values that formulas are measured against: of the gradient from the case's function, of other statements from what they compute over the reals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flint import arb

from verifier.arithmetic import balls, reals
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.double_double.number import exactly, is_known, mul
from verifier.arithmetic.types import Ball
from verifier.case.points import FloatPoint
from verifier.circuit.program import Program, ancestors
from verifier.compare.check import Check
from verifier.search.improve.measure import BITS, ENOUGH_BITS, Exact, exact_in, exact_of

FEWEST = 32  # points for which columns of double-doubles are quicker than balls
MOST_WITHOUT_VALUE = 20  # points that are tried with more bits though nothing is known of them with fewer


def exact_gradient(check: Check, gradient: str, points: Sequence[FloatPoint]) -> Exact:
    """The exact gradient at points; not known where the function has no value."""
    variable = next(v for v, name in check.subject.claims if name == gradient)
    truth = check.truth.gradient
    component = truth.adjoint.get(check.subject.position(variable))
    if component is None:
        return exact_of([None] * len(points), check.format)

    def at(columns: list[list[Ball]]) -> list[Ball | None]:
        with_gradient = balls.run(truth.program, columns, [component, truth.value], strict=False)
        found, function = ([c[0]] * len(columns[0]) if len(c) == 1 else c for c in with_gradient)
        seed = arb(check.upstream)
        return [g * seed if f.is_finite() else None for g, f in zip(found, function, strict=True)]

    found = _by_double_doubles(truth.program, (component, truth.value), points, check)
    left = np.flatnonzero(~found.known).tolist()
    rest = _enclosed(at, [points[k] for k in left], check)
    for whole, part in ((found.high, rest.high), (found.low, rest.low), (found.known, rest.known)):
        whole[left] = part
    return exact_in(found.high, found.low, found.known, check.format)


def _by_double_doubles(program: Program, steps: tuple[int, int], points: Sequence[FloatPoint], check: Check) -> Exact:
    """A gradient and the function, at points where double-doubles enclose both, and the gradient with as many bits as are enough; elsewhere it is not known."""
    count = len(points)
    high, low, known = np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool)
    if count >= FEWEST and double_doubles.is_bounded(program, steps):
        with np.errstate(all="ignore"):
            gradient, function = double_doubles.numbers(program, [np.array(c) for c in zip(*points, strict=True)], steps, strict=False)
            g = mul(gradient, exactly(np.float64(check.upstream)))
            is_exact = (g.hi == 0) & (g.err == 0)
            known[:] = is_known(g) & is_known(function) & ((g.err <= np.abs(g.hi) * 2.0**-ENOUGH_BITS) | is_exact) & (np.abs(g.hi) <= check.format.largest)
        high[known], low[known] = (np.broadcast_to(part, (count,))[known] for part in (g.hi, g.lo))
    return exact_in(high, low, known, check.format)


def exact_step(check: Check, step: int, points: Sequence[FloatPoint]) -> Exact:
    """What a step of the implementation is over the reals at points."""
    program = check.subject.program
    needed = sorted(ancestors(program, step))

    def at(columns: list[list[Ball]]) -> list[Ball | None]:
        found = reals.run(program, columns, upstream=arb(check.upstream), needed=needed)[step]
        return [v if reals.is_known(v) else None for v in found]

    return _enclosed(at, points, check)


def _enclosed(at: Callable[[list[list[Ball]]], list[Ball | None]], points: Sequence[FloatPoint], check: Check) -> Exact:
    """Values at points, with as many bits as each needs."""
    found: list[Ball | None] = [None] * len(points)
    pending = list(range(len(points)))
    for bits in BITS:
        if not pending:
            break
        columns = [[arb(points[k][i]) for k in pending] for i in range(len(check.subject.program.inputs))]
        with balls.precision(bits):
            values = at(columns)
        left, finite = [], []
        for k, v in zip(pending, values, strict=True):
            is_finite = v is not None and v.is_finite()
            if v is not None and is_finite and (v.rel_accuracy_bits() >= ENOUGH_BITS or v.is_zero()):
                found[k] = v
                continue
            left.append(k)
            if is_finite:
                finite.append(k)
        if len(left) == len(pending) and bits > BITS[0]:  # where nothing is finite, more bits seldom help: most have no value
            left = finite or left[:MOST_WITHOUT_VALUE]
        pending = left
    return exact_of(found, check.format)
