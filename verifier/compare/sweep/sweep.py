"""Many points summed up: verdict counts, quantiles of the error, the worst point, the regions of one input where it does not pass.

Points are judged in parts of a fixed size and the sums are joined in order, so the result does not depend on the processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.columns import Work, judge
from verifier.compare.sweep.tally import CANDIDATES, Group, Point, Tally, joined, tally
from verifier.exact.prove import prove
from verifier.run.chunks import Lost
from verifier.run.workers import Workers, cores

PART = 1 << 16  # points of one item of work
MANY = 20_000  # points from which a proof of the formula is worth its time
SEVERAL = 500_000  # points from which several processes pay


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
    from verifier.run.state import key

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


# ---------------------------------------------------------------- intervals of one input


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


MOST_GAPS = 5  # before the sweep ends


@dataclass(frozen=True)
class Gap:
    """So many points in a row, from the first to the last, and why they could not be judged."""

    first: tuple[float, ...]
    last: tuple[float, ...]
    count: int
    reason: str


class Unfinished(Exception):
    """A sweep with gaps."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        self.gaps = tuple(gaps)
        super().__init__("; ".join(f"{g.count} points from {g.first} to {g.last}: {g.reason}" for g in gaps))


def without_gaps(outcomes: Iterable[list[Any]], gap: Callable[[Lost], Gap]) -> Iterator[list[Any]]:
    """What came of each item, until one is lost. The others are computed all the same (a state keeps them), then Unfinished is raised."""
    gaps: list[Gap] = []
    for found in outcomes:
        gaps += [gap(f) for f in found if isinstance(f, Lost)]
        if len(gaps) >= MOST_GAPS:
            break
        if not gaps:
            yield found
    if gaps:
        raise Unfinished(gaps)
