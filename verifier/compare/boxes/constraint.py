"""What a domain leaves out of a box: all but the listed values of an input, and the points at which `given` does not hold.

A bound for all of a box holds for the points of the domain in it. So a box is left out where it has certainly no such point, and a point is taken where it is
certainly one.
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
from verifier.compare.meant import Meant, meant_in, satisfied
from verifier.language.formats import Format

MOST_ONE_BY_ONE = 500  # points that intervals leave open, and that are looked at in balls


@dataclass(frozen=True)
class Constraint:
    """Which points of a box are meant: per input of the box its only values (none: all numbers of the interval), and the condition with the positions of its inputs in the box."""

    values: tuple[tuple[float, ...], ...] = ()
    meant: Meant | None = None  # the condition is its own
    order: tuple[int, ...] = ()

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
    return Constraint(values, None if given is None else meant, () if given is None else tuple(inputs.index(name) for name in given.inputs))


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
