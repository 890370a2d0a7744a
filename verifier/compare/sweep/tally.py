"""Sums up many verdicts: their counts, the largest errors, and the intervals of inputs in which a verdict occurs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.case.points import FloatPoint
from verifier.compare.sweep.classify import CODE, NEGLIGIBLE_ULPS, OFFSET, STEP_BITS, VERDICTS, VerdictColumn
from verifier.language.verdict import Verdict

FIRST = 5  # examples kept of each group
CANDIDATES = 40  # points with the largest error that are looked at again, exactly


MOST_RUNS = 64  # intervals kept of one verdict: the largest gaps divide them
NONE = -1.0  # the largest error of a group that has none


class PointRows:
    """The points of columns, each made once for all that name it: a layer has many gradients, and its points many coordinates."""

    def __init__(self, columns: Sequence[DoubleArray]) -> None:
        self.columns = columns
        self._made: dict[int, FloatPoint] = {}

    def at(self, places: NDArray[np.intp]) -> tuple[FloatPoint, ...]:
        """The points at some places."""
        new = [i for i in dict.fromkeys(places.tolist()) if i not in self._made]
        if new:
            self._made.update(zip(new, zip(*(c[new].tolist() for c in self.columns), strict=True), strict=True))
        return tuple(self._made[i] for i in places.tolist())


@dataclass(frozen=True, slots=True)
class Group:
    """The points of one verdict, above the accepted limit or not. `worst` are those with the largest error, in order: at most CANDIDATES."""

    verdict: Verdict
    over: bool
    count: int
    first: tuple[FloatPoint, ...]
    error: float  # the largest, rounded up; inf where a failure has no ulps, NONE where there is no error at all
    worst_count: int
    worst: tuple[FloatPoint, ...]

    @property
    def passes(self) -> bool:
        """Whether its points pass: by their verdict, and within the accepted limit."""
        return self.verdict.passes and not self.over


@dataclass(frozen=True, slots=True)
class VerdictRun:
    """Points of one verdict among the inputs from `low` to `high`; `first` and `last` are their places in the order, `count` how many they are."""

    verdict: Verdict
    first: int
    last: int
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Tally:
    """The sum of one gradient over many points."""

    points: int = 0
    groups: tuple[Group, ...] = ()
    histogram: dict[float, int] = field(default_factory=dict)  # error, rounded up -> points
    runs: tuple[VerdictRun, ...] = ()

    def quantile(self, share: float) -> float | None:
        """The smallest error that at least this share of the points with an error does not exceed."""
        wanted, reached = math.ceil(share * sum(self.histogram.values())), 0
        for error in sorted(self.histogram):
            reached += self.histogram[error]
            if reached >= wanted:
                return error
        return None

    def count(self, *verdicts: Verdict) -> int:
        """Points with one of these verdicts."""
        return sum(g.count for g in self.groups if g.verdict in verdicts)


def tally(judged: VerdictColumn, columns: Sequence[DoubleArray], start: int = 0, *, runs: bool = False, rows: PointRows | None = None) -> Tally:
    """The sum of a column of verdicts; `start` is the place of its first point in the order, `runs` asks for the intervals of one input. `rows` are the points of `columns`, where several gradients share them."""
    rows = rows or PointRows(columns)
    if len(judged.verdict) > 1 and judged.verdict.strides == judged.error.strides == judged.over.strides == (0,):
        return _uniform(judged, columns[0], start, runs=runs, rows=rows)
    error, lacking = judged.error, np.isnan(judged.error)
    if lacking.any():
        error = np.where(lacking, NONE, error)
        fails = np.array([v.fails for v in VERDICTS])
        if fails[judged.verdict[lacking]].any():
            error = np.where(lacking & fails[judged.verdict], np.inf, error)
    is_over = bool(judged.over.any())
    groups = []
    counts = np.bincount(judged.verdict, minlength=len(VERDICTS)).tolist()
    for verdict in (v for v in VERDICTS if counts[CODE[v]]):
        here = judged.verdict == CODE[verdict]
        for over in (False, True) if is_over else (False,):
            part = here & (judged.over == over) if is_over else here
            if part.any():
                groups.append(_group(verdict, over, part, error, rows))
    return Tally(len(error), tuple(groups), _histogram(error), _runs(judged.verdict, columns[0], start) if runs else ())


def _uniform(judged: VerdictColumn, column: DoubleArray, start: int, *, runs: bool, rows: PointRows) -> Tally:
    """The sum of points with one verdict and one error, that of the first of them so many times."""
    count = len(judged.verdict)
    one = tally(VerdictColumn(judged.verdict[:1].copy(), judged.error[:1].copy(), judged.over[:1].copy()), [column[:1]])
    (group,) = one.groups
    first, worst = (rows.at(np.arange(min(n, count))) for n in (FIRST, CANDIDATES))
    group = Group(group.verdict, group.over, count, first, group.error, count, worst)
    whole = [] if group.verdict.passes or not runs else [VerdictRun(group.verdict, start, start + count - 1, float(column[0]), float(column[-1]), count)]
    return Tally(count, (group,), dict.fromkeys(one.histogram, count), tuple(whole))


def _group(verdict: Verdict, over: bool, part: MaskArray, error: DoubleArray, rows: PointRows) -> Group:
    """The points of a mask, of which there is one at least."""
    whole = bool(part.all())
    largest = float(error.max() if whole else _largest(error, part))
    worst = np.flatnonzero(error == largest if whole else (error == largest) & part)
    first = np.arange(FIRST)[: len(error)] if whole else _first(part)
    return Group(verdict, over, len(error) if whole else int(np.count_nonzero(part)), rows.at(first), largest, len(worst), rows.at(worst[:CANDIDATES]))


def _largest(error: DoubleArray, part: MaskArray) -> float:
    """The largest error of a mask: by a product, several times as quick as a choice, where that is above 0 and no infinity becomes NaN."""
    with np.errstate(invalid="ignore"):
        largest = float((error * part).max())
    return largest if largest > 0 else float(error.max(where=part, initial=-np.inf))


def _first(part: MaskArray) -> NDArray[np.intp]:
    """The first places of a mask, at most FIRST."""
    start = int(part.argmax())
    near = np.flatnonzero(part[start : start + 64 * FIRST])
    return (near + start if len(near) >= FIRST else np.flatnonzero(part))[:FIRST]


FEWEST_IN_TABLE = 1 << 8  # errors that are worth a table to count them in
WIDEST_COUNT = 1 << 16  # of that table
LEAST_EDGE = int(np.float64(NEGLIGIBLE_ULPS / 2).view(np.int64)) >> STEP_BITS  # the upper bits of a number that is smaller than all edges


def _histogram(error: DoubleArray) -> dict[float, int]:
    """How often each error occurs, without NONE and infinities. Errors are few different numbers (`edge`), told apart by their upper bits, by which they are counted; what else there may be is counted one by one."""
    if len(error) < FEWEST_IN_TABLE:
        return _counted(error[(error >= 0) & np.isfinite(error)])
    bits = np.ascontiguousarray(error).view(np.int64)
    is_edge = (bits & ((1 << STEP_BITS) - 1)) == OFFSET
    slots = (bits >> STEP_BITS) - (LEAST_EDGE - 1)
    is_usual = bool(is_edge.all())
    if not is_usual:
        slots *= is_edge  # what is no edge in the first slot
    if int(slots.min()) < 0 or int(slots.max()) >= WIDEST_COUNT:
        return _counted(error[(error >= 0) & np.isfinite(error)])
    counts = np.bincount(slots)
    counts[0] = 0
    at = np.flatnonzero(counts)
    edges = (((at.astype(np.int64) + (LEAST_EDGE - 1)) << STEP_BITS) + OFFSET).view(np.float64)
    found = {} if is_usual else _counted(error[~is_edge & (error >= 0) & np.isfinite(error)])
    return found | dict(zip(edges.tolist(), counts[at].tolist(), strict=True))


def _counted(error: DoubleArray) -> dict[float, int]:
    return dict(sorted(Counter((error + 0.0).tolist()).items()))  # no negative zeros


def joined(tallies: Sequence[Tally]) -> Tally:
    """The sum of consecutive parts."""
    several = [t for t in tallies if t.points]
    if len(several) == 1:
        return several[0]
    groups: dict[tuple[Verdict, bool], Group] = {}
    longest = max(range(len(tallies)), key=lambda i: len(tallies[i].histogram), default=0)
    histogram = dict(tallies[longest].histogram) if tallies else {}
    for i, t in enumerate(tallies):
        for g in t.groups:
            before = groups.get((g.verdict, g.over))
            groups[g.verdict, g.over] = g if before is None else _joined_group(before, g)
        for error, count in t.histogram.items() if i != longest else ():
            histogram[error] = histogram.get(error, 0) + count
    order = sorted(groups, key=lambda key: (VERDICTS.index(key[0]), key[1]))
    return Tally(sum(t.points for t in tallies), tuple(groups[key] for key in order), histogram, _joined_runs([r for t in tallies for r in t.runs]))


def _joined_group(a: Group, b: Group) -> Group:
    first = (*a.first, *b.first)[:FIRST]
    if a.error == b.error:
        return Group(a.verdict, a.over, a.count + b.count, first, a.error, a.worst_count + b.worst_count, (*a.worst, *b.worst)[:CANDIDATES])
    top = a if a.error > b.error else b
    return Group(a.verdict, a.over, a.count + b.count, first, top.error, top.worst_count, top.worst)


def _runs(verdict: NDArray[np.int8], column: DoubleArray, start: int) -> tuple[VerdictRun, ...]:
    found = []
    for v in VERDICTS:
        if v.passes:
            continue
        at = np.flatnonzero(verdict == CODE[v])
        if not len(at):
            continue
        splits = np.flatnonzero(np.diff(at) > 1) + 1
        ends = np.concatenate([[0], splits, [len(at)]]).tolist()
        runs = [VerdictRun(v, start + int(at[a]), start + int(at[b - 1]), float(column[at[a]]), float(column[at[b - 1]]), b - a) for a, b in pairwise(ends)]
        found += _fewer(runs)
    return tuple(found)


def _joined_runs(runs: list[VerdictRun]) -> tuple[VerdictRun, ...]:
    result = []
    for verdict in VERDICTS:
        merged: list[VerdictRun] = []
        for r in (r for r in runs if r.verdict is verdict):
            if merged and merged[-1].last + 1 == r.first:
                merged[-1] = _hull(merged[-1], r)
            else:
                merged.append(r)
        result += _fewer(merged)
    return tuple(result)


def _hull(a: VerdictRun, b: VerdictRun) -> VerdictRun:
    return VerdictRun(a.verdict, a.first, b.last, a.low, b.high, a.count + b.count)


def _fewer(runs: list[VerdictRun]) -> list[VerdictRun]:
    """At most MOST_RUNS intervals: neighbours with the smallest gaps are joined, so a joined interval contains other verdicts too."""
    if len(runs) <= MOST_RUNS:
        return runs
    gaps = [b.first - a.last for a, b in pairwise(runs)]
    widest = set(sorted(range(len(gaps)), key=lambda i: (-gaps[i], i))[: MOST_RUNS - 1])
    result = [runs[0]]
    for i, r in enumerate(runs[1:]):
        if i in widest:
            result.append(r)
        else:
            result[-1] = _hull(result[-1], r)
    return result
