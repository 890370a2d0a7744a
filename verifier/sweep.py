"""Many points summed up: verdict counts, quantiles of the error, the worst point, the regions of one input where it does not pass.

Points are judged in parts of a fixed size and the sums are joined in order, so the result does not depend on the processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from verifier.chunks import Lost
from verifier.columns import CODE, VERDICTS, Judged, Work, judge
from verifier.compare import compare
from verifier.discrepancy import Discrepancy
from verifier.gaps import Gap, without_gaps
from verifier.proof import prove
from verifier.verdict import Verdict
from verifier.workers import Workers, cores

PART = 1 << 16  # points of one item of work
MANY = 20_000  # points from which a proof of the formula is worth its time
SEVERAL = 500_000  # points from which several processes pay
FIRST = 5  # examples kept of each group
CANDIDATES = 40  # points with the largest error that are looked at again, exactly
MOST_RUNS = 64  # intervals kept of one verdict: the largest gaps divide them
NONE = -1.0  # the largest error of a group that has none

Point = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The points of one verdict, above the accepted limit or not. `worst` are those with the largest error, in order, as far as kept."""

    verdict: Verdict
    over: bool
    count: int
    first: tuple[Point, ...]
    error: float  # the largest, rounded up; inf where a failure has no ulps, NONE where there is no error at all
    worst_count: int
    worst: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Run:
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
    runs: tuple[Run, ...] = ()

    def quantile(self, share: float) -> float | None:
        """The smallest error that at least this share of the points with an error does not exceed."""
        total = sum(self.histogram.values())
        reached = 0
        for error in sorted(self.histogram):
            reached += self.histogram[error]
            if reached >= math.ceil(share * total):
                return error
        return None

    def count(self, *verdicts: Verdict) -> int:
        """Points with one of these verdicts."""
        return sum(g.count for g in self.groups if g.verdict in verdicts)


@dataclass(frozen=True)
class Sums:
    """What the points of one implementation in one format came to: a tally for every claimed gradient."""

    tallies: tuple[Tally, ...]
    total: int  # points that were asked for; more than a tally has where it was interrupted
    is_exhaustive: bool = False
    places: tuple[int, int] | None = None  # the first and the last place of the format's numbers that were asked for, of one input


def run(work: Work, columns: Sequence[Any], *, workers: Workers | None = None, way: str = "any") -> list[Tally]:
    """The tally of every claimed gradient at the points of some columns (arrays of float64, one per input). Raises Unfinished."""
    if len(columns[0]) >= MANY and way == "any":
        work = with_proofs(work)
    return list(sums(work, columns, workers=workers or Workers(1), way=way).tallies)


def sums(work: Work, columns: Sequence[Any], *, workers: Workers, way: str = "any") -> Sums:
    """The same, of a work whose proofs are known where they are worth their time. Raises Unfinished."""
    count = len(columns[0])
    parts = [(_cut(columns, i, i + PART), i) for i in range(0, count, PART)]
    worth = cores() if count >= SEVERAL else 1
    outcomes = workers.run(partial(_part, task=work, way=way), parts, worth=worth, key=partial(_key, named(work), way), kind=list[Tally], split=_halves)
    found = [tallies for parts_of in without_gaps(outcomes, _gap) for tallies in parts_of]
    return Sums(tuple(joined([t[k] for t in found]) for k in range(len(work.subject.claims))), count)


def named(work: Work) -> str:
    """A hash of all that the verdicts of a work depend on."""
    programs = (work.truth.function.steps, work.subject.program.steps)
    steps = [[(s.gate, s.args, s.text, s.name) for s in p] for p in programs]
    plain = (work.format.name, work.upstream, work.limit, sorted(work.proved), work.subject.claims, steps)
    return hashlib.sha256(repr(plain).encode()).hexdigest()


def _cut(columns: Sequence[Any], start: int, stop: int) -> list[Any]:
    return [c[start:stop] for c in columns]


def _halves(part: tuple[list[Any], int]) -> list[tuple[list[Any], int]]:
    columns, start = part
    count = len(columns[0])
    return [(_cut(columns, 0, count // 2), start), (_cut(columns, count // 2, count), start + count // 2)] if count > 1 else []


def _gap(lost: Lost) -> Gap:
    columns, _ = lost.item
    return Gap(tuple(float(c[0]) for c in columns), tuple(float(c[-1]) for c in columns), len(columns[0]), lost.reason)


def _key(work: str, way: str, part: tuple[list[Any], int]) -> str:
    from verifier.state import key

    columns, start = part
    return key("sweep", work, way, start, hashlib.sha256(b"".join(c.tobytes() for c in columns)).hexdigest())


def with_proofs(work: Work) -> Work:
    """The same work, knowing which gradients have a formula that is proved for all inputs."""
    proved = set()
    for claim in work.subject.claims:
        proof = prove(work.truth, work.subject, claim, fmt=work.format, upstream=work.upstream)
        if proof is not None and not (proof.conditions or proof.gaps or proof.readings):
            proved.add(claim[1])
    return replace(work, proved=frozenset(proved))


def _part(part: tuple[list[Any], int], *, task: Work, way: str) -> list[Tally]:
    columns, start = part
    return [tally(j, columns, start) for j in judge(task, columns, way=way)]


def tally(judged: Judged, columns: Sequence[Any], start: int = 0, *, runs: bool = False) -> Tally:
    """The sum of a column of verdicts; `start` is the place of its first point in the order, `runs` asks for the intervals of one input."""
    error = np.where(np.isnan(judged.error), NONE, judged.error)
    fails = np.array([v.fails for v in VERDICTS])[judged.verdict]
    error = np.where(fails & (error == NONE), np.inf, error)
    groups = []
    for verdict in VERDICTS:
        here = judged.verdict == CODE[verdict]
        if not here.any():
            continue
        for over in (False, True):
            at = np.flatnonzero(here & (judged.over == over))
            if len(at):
                groups.append(_group(verdict, over, at, error, columns))
    known = error[(error != NONE) & np.isfinite(error)]
    edges, counts = np.unique(known, return_counts=True)
    return Tally(len(error), tuple(groups), dict(zip(edges.tolist(), counts.tolist(), strict=True)), _runs(judged.verdict, columns[0], start) if runs else ())


def _group(verdict: Verdict, over: bool, at: Any, error: Any, columns: Sequence[Any]) -> Group:
    largest = float(error[at].max())
    worst = at[error[at] == largest]
    return Group(verdict, over, len(at), _points(columns, at[:FIRST]), largest, len(worst), _points(columns, worst[:CANDIDATES]))


def _points(columns: Sequence[Any], at: Any) -> tuple[Point, ...]:
    return tuple(zip(*(c[at].tolist() for c in columns), strict=True))


def joined(tallies: Sequence[Tally]) -> Tally:
    """The sum of consecutive parts."""
    groups: dict[tuple[Verdict, bool], Group] = {}
    histogram: dict[float, int] = {}
    for t in tallies:
        for g in t.groups:
            before = groups.get((g.verdict, g.over))
            groups[g.verdict, g.over] = g if before is None else _joined_group(before, g)
        for error, count in t.histogram.items():
            histogram[error] = histogram.get(error, 0) + count
    order = sorted(groups, key=lambda key: (VERDICTS.index(key[0]), key[1]))
    return Tally(sum(t.points for t in tallies), tuple(groups[key] for key in order), histogram, _joined_runs([r for t in tallies for r in t.runs]))


def _joined_group(a: Group, b: Group) -> Group:
    first = (*a.first, *b.first)[:FIRST]
    if a.error == b.error:
        return Group(a.verdict, a.over, a.count + b.count, first, a.error, a.worst_count + b.worst_count, (*a.worst, *b.worst)[:CANDIDATES])
    top = a if a.error > b.error else b
    return Group(a.verdict, a.over, a.count + b.count, first, top.error, top.worst_count, top.worst)


# ---------------------------------------------------------------- intervals of one input


def _runs(verdict: Any, column: Any, start: int) -> tuple[Run, ...]:
    found = []
    for v in VERDICTS:
        if v.passes:
            continue
        at = np.flatnonzero(verdict == CODE[v])
        if not len(at):
            continue
        splits = np.flatnonzero(np.diff(at) > 1) + 1
        ends = np.concatenate([[0], splits, [len(at)]]).tolist()
        runs = [Run(v, start + int(at[a]), start + int(at[b - 1]), float(column[at[a]]), float(column[at[b - 1]]), b - a) for a, b in pairwise(ends)]
        found += _fewer(runs)
    return tuple(found)


def _joined_runs(runs: list[Run]) -> tuple[Run, ...]:
    result = []
    for verdict in VERDICTS:
        merged: list[Run] = []
        for r in (r for r in runs if r.verdict is verdict):
            if merged and merged[-1].last + 1 == r.first:
                merged[-1] = _hull(merged[-1], r)
            else:
                merged.append(r)
        result += _fewer(merged)
    return tuple(result)


def _hull(a: Run, b: Run) -> Run:
    return Run(a.verdict, a.first, b.last, a.low, b.high, a.count + b.count)


def _fewer(runs: list[Run]) -> list[Run]:
    """At most MOST_RUNS: neighbours with the smallest gaps become one, which then holds other verdicts, too."""
    if len(runs) <= MOST_RUNS:
        return runs
    gaps = [b.first - a.last for a, b in pairwise(runs)]
    kept = set(sorted(range(len(gaps)), key=lambda i: (-gaps[i], i))[: MOST_RUNS - 1])
    result = [runs[0]]
    for i, r in enumerate(runs[1:]):
        if i in kept:
            result.append(r)
        else:
            result[-1] = _hull(result[-1], r)
    return result


# ---------------------------------------------------------------- the worst points, looked at again


@dataclass(frozen=True)
class Swept:
    """The tally of one gradient, with the worst and the first points of each group compared in full (the worst first)."""

    name: str
    tally: Tally
    examples: tuple[tuple[Group, tuple[Discrepancy, ...]], ...]
    total: int  # points that were asked for; more than the tally has where it was interrupted
    is_exhaustive: bool = False
    places: tuple[int, int] | None = None  # the first and the last place of the format's numbers that were asked for, of one input


def swept(work: Work, sums: Sums) -> list[Swept]:
    """The tallies of all claimed gradients with their examples."""
    return [
        Swept(name, t, tuple((g, tuple(examples(work, k, g))) for g in t.groups), sums.total, sums.is_exhaustive, sums.places)
        for k, ((_, name), t) in enumerate(zip(work.subject.claims, sums.tallies, strict=True))
    ]


def worst_of(work: Work, claim: int, group: Group) -> Point:
    """The point of a group with the largest error: exactly where few come close to it, else the first that does."""
    if group.worst_count > CANDIDATES or len(group.worst) == 1:
        return group.worst[0]
    rows = compare(work.truth, work.subject, group.worst, fmt=work.format, upstream=work.upstream, detail=False)
    errors = [_error(row[claim]) for row in rows]
    return group.worst[errors.index(max(errors))]


def _error(d: Discrepancy) -> float:
    return math.inf if d.ulps is None or not d.ulps.is_finite() else float(d.ulps.abs_upper())


def examples(work: Work, claim: int, group: Group) -> list[Discrepancy]:
    """The worst point of a group and its first ones, compared in full, the worst first."""
    points = list(dict.fromkeys([worst_of(work, claim, group), *group.first]))
    rows = compare(work.truth, work.subject, points, fmt=work.format, upstream=work.upstream)
    return [row[claim] for row in rows]
