"""What a domain leaves out of a box: all but the listed values of an input, and the points at which `given` does not hold.

A bound for all of a box holds for the points of the domain in it. So a box is left out where it has certainly no such point, and a point is taken where it is
certainly one. A box ends where an equality of the condition can no longer hold, and points are moved to where it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifier.arithmetic import vectors
from verifier.arithmetic.intervals.interval import Interval, exactly
from verifier.arithmetic.intervals.run import VECTORS
from verifier.arithmetic.types import DoubleArray, Doubles, MaskArray, Truths
from verifier.case.case import Case
from verifier.compare.boxes.equality import Solution, solutions_of
from verifier.compare.boxes.split import nearest_numbers, not_above
from verifier.compare.meant import Meant, meant_in, satisfied
from verifier.language.formats import Format

MOST_ONE_BY_ONE = 500  # points that intervals leave open, and that are looked at in balls
AS_THEY_ARE = 0.25  # of the points of an equality: the share that keeps all digits


@dataclass(frozen=True)
class Constraint:
    """Which points of a box are meant: per input of the box its only values (none: all numbers of the interval), and the condition with the positions of its inputs in the box.

    `equalities` are those without which the condition does not hold, each solved for some of its inputs.
    """

    values: tuple[tuple[float, ...], ...] = ()
    meant: Meant | None = None  # the condition is its own
    order: tuple[int, ...] = ()
    equalities: tuple[tuple[Solution, ...], ...] = ()

    @property
    def is_everywhere(self) -> bool:
        """Whether nothing is left out."""
        return self.meant is None and not any(self.values)


EVERYWHERE = Constraint()


def constraint_of(case: Case, inputs: Sequence[str], fmt: Format) -> Constraint:
    """What the domain of a case leaves out of its box, for the inputs of a program."""
    meant = meant_in(case, fmt)
    listed = dict(zip(case.inputs, meant.choices, strict=True))
    values = tuple(tuple(sorted(v + 0.0 for v in listed.get(name, ()))) if len(listed.get(name, ())) > 1 else () for name in inputs)
    given = meant.given
    if given is None:
        return Constraint(values)
    return Constraint(values, meant, tuple(inputs.index(name) for name in given.inputs), solutions_of(given))


def to_listed(constraint: Constraint, points: DoubleArray) -> DoubleArray:
    """Points (a row each) with the nearest of the listed values, where an input has only these."""
    if not any(constraint.values):
        return points
    found = points.copy()
    for i, values in enumerate(constraint.values):
        if values:
            ends = np.array(values)
            after = np.clip(np.searchsorted(ends, points[:, i]), 1, len(ends) - 1)
            below, above = ends[after - 1], ends[after]
            found[:, i] = np.where(points[:, i] - below <= above - points[:, i], below, above)
    return found


def are_meant(constraint: Constraint, points: DoubleArray) -> MaskArray:
    """Which points, of listed values, certainly satisfy the condition."""
    if constraint.meant is None or not len(points):
        return np.ones(len(points), bool)
    truth = _truth(constraint, points, points)
    holds: MaskArray = truth == 1
    left = np.flatnonzero(truth == -1)[:MOST_ONE_BY_ONE]
    if len(left):
        holds[left] = satisfied(constraint.meant, [tuple(points[i, list(constraint.order)].tolist()) for i in left])
    return holds


def are_empty(constraint: Constraint, low: DoubleArray, high: DoubleArray) -> MaskArray:
    """Which boxes have certainly no point that is meant."""
    empty = np.zeros(len(low), bool)
    for i, values in enumerate(constraint.values):
        if values:
            ends = np.array(values)
            empty |= np.searchsorted(ends, low[:, i], side="left") == np.searchsorted(ends, high[:, i], side="right")
    return empty if constraint.meant is None else empty | (_truth(constraint, low, high) == 0)


def narrow_to_equalities(constraint: Constraint, fmt: Format, low: DoubleArray, high: DoubleArray) -> MaskArray:
    """Move the ends of boxes to where the equalities can hold, in place; the boxes in which one cannot, which stay as they are."""
    empty = np.zeros(len(low), bool)
    for solution in (s for equality in constraint.equalities for s in equality):
        i = constraint.order[solution.input]
        found = _solved(constraint, solution, low, high)
        above = ~(found.low <= high[:, i]) & ~np.isnan(found.low)
        below = ~(found.high >= low[:, i]) & ~np.isnan(found.high)
        first = -not_above(fmt, -np.clip(np.fmax(found.low, low[:, i]), low[:, i], high[:, i]))
        last = not_above(fmt, np.clip(np.fmin(found.high, high[:, i]), low[:, i], high[:, i]))
        outside = above | below | (first > last)
        low[:, i], high[:, i] = np.where(outside, low[:, i], first + 0.0), np.where(outside, high[:, i], last + 0.0)
        empty |= outside
    return empty


def moved_to_equalities(constraint: Constraint, fmt: Format, points: DoubleArray, random: np.random.Generator) -> DoubleArray:
    """Points at which the equalities hold as far as rounding allows; most of them have few digits, so that sums and products of them are numbers of the format."""
    if not constraint.equalities or not len(points):
        return points
    size = np.exp2(np.ceil(np.log2(np.maximum(np.abs(points), 2.0**-900))))
    step = size * np.exp2(-random.integers(1, max(2, fmt.precision // 2), (len(points), 1)).astype(float))
    found = nearest_numbers(fmt, np.where(random.random((len(points), 1)) < AS_THEY_ARE, points, np.rint(points / step) * step))
    chosen: list[Solution] = []
    for equality in constraint.equalities:
        taken = {s.input for s in chosen}
        free = [s for s in equality if s.input not in taken and not (constraint.values and constraint.values[constraint.order[s.input]])]
        if free:
            chosen.append(free[int(random.integers(len(free)))])
    for _ in range(len(chosen)):  # one may read an input that another one moves
        for solution in chosen:
            value = _solved(constraint, solution, found, found)
            middle = value.low / 2 + value.high / 2
            i = constraint.order[solution.input]
            found[:, i] = np.where(np.isfinite(middle), nearest_numbers(fmt, np.where(np.isfinite(middle), middle, 0.0)), found[:, i])
    return found


def _solved(constraint: Constraint, solution: Solution, low: DoubleArray, high: DoubleArray) -> Interval:
    """What an input is in all of each box, from the others; NaN where that is not known."""
    columns = [Interval(np.ascontiguousarray(low[:, i]), np.ascontiguousarray(high[:, i])) for i in constraint.order]
    found = vectors.run(BOXES, solution.program, columns, [solution.value], strict=False)[0]  # type: ignore[arg-type]
    assert isinstance(found, Interval)
    return Interval(np.broadcast_to(found.low, (len(low),)), np.broadcast_to(found.high, (len(low),)))


def _truth(constraint: Constraint, low: DoubleArray, high: DoubleArray) -> Truths:
    """What the condition is in all of each box: 1 or 0, and -1 where that is not known."""
    assert constraint.meant is not None
    given = constraint.meant.given
    assert given is not None
    columns = [Interval(np.ascontiguousarray(low[:, i]), np.ascontiguousarray(high[:, i])) for i in constraint.order]
    found = vectors.run(BOXES, given, columns, [given.output], strict=False)[0]  # type: ignore[arg-type]
    assert not isinstance(found, Interval)
    return np.broadcast_to(found, (len(low),))


def _interval(column: Interval | Doubles) -> Interval:
    return column if isinstance(column, Interval) else exactly(column)


BOXES = VECTORS._replace(exactly=_interval)  # a column has an interval for each box
