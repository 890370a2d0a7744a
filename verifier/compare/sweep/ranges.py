"""Verdicts of whole ranges of one input in which the floats do not change: the tails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic import ranges
from verifier.arithmetic.types import DoubleArray
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.sweep.classify import OPEN, VerdictColumn, all_open, classify, from_ends
from verifier.compare.sweep.sides import Runner, both_sides

FEWEST = 48  # points of a range; fewer are quicker one by one


def by_ranges(check: Check, column: DoubleArray, computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge ranges of the input in which all computed gradients stay the same: tails, where float64 overflows, in a few steps."""
    left = np.flatnonzero(np.any([j.open for j in found], axis=0))
    if len(left) < FEWEST:
        return
    left = left[in_order(column[left])]
    changes = np.zeros(len(left) - 1, bool)
    for c in computed:
        one, next_one = c[left[:-1]], c[left[1:]]
        changes |= (one != next_one) & ~(np.isnan(one) & np.isnan(next_one))
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(left)]])
    pending = [left[a:b] for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True) if b - a >= FEWEST]
    while pending:
        points = pending.pop()
        if not judge_range(check, points, column, computed, found) and len(points) >= 2 * FEWEST:
            pending += [points[: len(points) // 2], points[len(points) // 2 :]]


def in_order(column: DoubleArray) -> NDArray[np.intp]:
    """The places of a column in the order of its numbers; most columns are in order already."""
    return np.arange(len(column)) if is_in_order(column) else np.argsort(column, kind="stable")


def is_in_order(column: DoubleArray) -> bool:
    """Whether the numbers of a column do not fall."""
    return bool(np.all(column[1:] >= column[:-1]))


def is_constant(computed: list[DoubleArray]) -> bool:
    """Whether the computed gradients are the same at all points."""
    return all(bool(c.min() == c[0] == c.max()) or bool(np.isnan(c[0]) and np.isnan(c).all()) for c in computed)


def judge_range(check: Check, points: NDArray[np.intp], column: DoubleArray, computed: list[DoubleArray], found: list[VerdictColumn]) -> bool:
    """Whether every gradient is judged at all these points (indices, in the order of the input), between which the floats do not change."""
    first = points[:1]
    inputs = [(float(column[points[0]]), float(column[points[-1]]))]
    runner: Runner[tuple[float, float], ranges.Range | None] = Runner(_numbers, inputs, ranges.ZERO, lambda g: ranges.times(g, check.upstream), ranges.meet)
    value, exact, real, same = both_sides(check, runner, apart=True)
    settled = True
    for k, j in enumerate(found):
        g, r = (_float_ends(a) for a in (exact[k], real[k]))
        e, unit, _ = from_ends(check, computed[k][first], *(np.array([end]) for end in g))
        e.is_rounded = e.is_rounded & (value is not None)
        if same[k] or check.subject.claims[k][1] in check.proved:
            e.right = np.array([real[k] is not None])
        else:
            e.right = np.nextafter(np.maximum(r[1] - g[0], g[1] - r[0]), np.inf) <= unit[0]
        one = all_open(1)
        classify(check, e, one, gradient=check.subject.claims[k][1])
        if one.verdict[0] == OPEN:
            settled = False
        elif len(points) == len(column) and j.open.all():
            j.verdict[:], j.error[:], j.over[:] = one.verdict[0], one.error[0], one.over[0]
        else:
            at = points[j.verdict[points] == OPEN]
            j.verdict[at], j.error[at], j.over[at] = one.verdict[0], one.error[0], one.over[0]
    return settled


def _numbers(program: Program, columns: Sequence[tuple[float, float]], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0) -> list[ranges.Range | None]:
    """The ranges of steps that are numbers."""
    found = ranges.run(program, columns, outputs, strict=strict, upstream=upstream)
    return [a if isinstance(a, ranges.Range) else None for a in found]


def _float_ends(a: ranges.Range | None) -> tuple[float, float]:
    if a is None:
        return float("nan"), float("nan")
    low, high = float(a.low), float(a.high)
    if a.low == low and a.high == high:
        return low, high
    return float(np.nextafter(low, -np.inf)), float(np.nextafter(high, np.inf))
