"""Judges many points and sums them up: counts of verdicts, quantiles of the error, the worst points, the regions of one input that do not pass.

Points are judged in parts of a fixed size and the sums are joined in order, so the result does not depend on the processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from verifier.arithmetic import rounding
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.compare.compare import compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import FIRST_BITS
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sample import Enumeration, PointSource, halves
from verifier.compare.sweep.tally import CANDIDATES, Group, PointRows, Tally, joined, tally
from verifier.exact import one_sided
from verifier.exact.prove import prove
from verifier.run.chunks import Lost
from verifier.run.later import later
from verifier.run.workers import Workers, cores

PIECE = 1 << 19  # points that are judged and counted at a time: many, as some points of each are judged one by one
MANY = 20_000  # points from which a proof of the formula is worth its time
ERROR_BITS = FIRST_BITS  # at which errors that look alike are told apart: with more bits it would be tried to prove that such a gradient is the middle between two floats
NARROW = 2.0**-80  # in ulps: an error enclosed so narrowly is told, whatever more bits say
SEVERAL = 500_000  # points from which several processes pay

SweepKey = tuple[str, str]  # an implementation and a format
Progress = Callable[[int, int], None]  # points done, points in all


@dataclass(frozen=True)
class Sums:
    """The sums over the points of one implementation in one format: a tally for every claimed gradient."""

    tallies: tuple[Tally, ...]
    total: int  # points that were asked for; more than a tally has where it was interrupted
    is_exhaustive: bool = False
    places: tuple[int, int] | None = None  # the first and the last place of the format's numbers that were asked for, of one input


def sweep(check: Check, source: PointSource, *, workers: Workers | None = None, progress: Progress | None = None, most: int | None = None) -> list[Swept]:
    """Judge all points of a source; the tally of every claimed gradient, with examples. Raises Unfinished."""
    return swept(check, sums(prepared(check, source), source, workers=workers, progress=progress, most=most))


def sums(check: Check, source: PointSource, *, workers: Workers | None = None, progress: Progress | None = None, most: int | None = None, method: str = "any") -> Sums:
    """The tallies of many points; `check` knows its proofs where they are worth their time (`prepared`). Raises Unfinished.

    An interrupt (KeyboardInterrupt) ends a sweep of all inputs with what was seen; `most` does so after so many points.
    """
    total = source.count
    parts = [source.cut(start, min(start + source.size, total)) for start in range(0, total, source.size)]
    worth = min(cores(), len(parts)) if total >= SEVERAL else 1
    outcomes = (workers or Workers(1)).run(partial(_part, check, method), parts, worth=worth, key=partial(_key, named(check), method), kind=list[Tally], split=halves)
    tallies, done = [Tally()] * len(check.subject.claims), 0
    try:
        for found, part in zip(without_gaps(outcomes), parts, strict=False):
            tallies = [joined(several) for several in zip(tallies, *found, strict=True)]
            done += part.count
            if progress is not None and source.is_exhaustive:
                progress(done, total)
            if most is not None and done >= most:
                break
    except KeyboardInterrupt:
        if not source.is_exhaustive:
            raise
    return Sums(tuple(tallies), total, source.is_exhaustive, source.spans[0] if isinstance(source, Enumeration) and len(source.spans) == 1 and total else None)


def _part(check: Check, method: str, part: PointSource) -> list[Tally]:
    pieces = [_piece(check, method, part.cut(start, min(start + PIECE, part.count))) for start in range(0, part.count, PIECE)]
    return [joined(several) for several in zip(*pieces, strict=True)]


def _piece(check: Check, method: str, piece: PointSource) -> list[Tally]:
    columns = piece.columns
    has_runs = isinstance(piece, Enumeration) and len(piece.spans) == 1
    first = piece.start + (piece.spans[0][0] if isinstance(piece, Enumeration) and has_runs else 0)
    rows = PointRows(columns)
    return [tally(j, columns, first, runs=has_runs, rows=rows) for j in judge_columns(check, columns, method=method)]


def _key(check: str, method: str, part: PointSource) -> str:
    from verifier.run.state import key

    return key(*part.plain, check, method)


def prepared(check: Check, source: PointSource) -> Check:
    """The check, with proofs if it has so many points that proving saves time."""
    return with_proofs(check) if source.count >= MANY else check


def with_proofs(check: Check) -> Check:
    """The check with the names of those gradients whose formula is proved for all inputs, and of those for which kinks of the computed side are left out."""
    proved: set[str] = set()
    apart: set[str] = set()
    for claim in check.subject.claims:
        proof = prove(check.truth, check.subject, claim, fmt=check.format, upstream=check.upstream)
        if proof is not None and not (proof.conditions or proof.gaps or proof.readings):
            (apart if proof.own_borders else proved).add(claim[1])
    return replace(check, proved=frozenset(proved), proved_apart=frozenset(apart))


def named(check: Check) -> str:
    """A hash of all that the verdicts of a check depend on."""
    programs = (check.truth.function.steps, check.subject.program.steps)
    steps = [[(s.gate, s.args, s.text, s.name) for s in p] for p in programs]
    plain = (check.format.name, check.upstream, check.limit, check.limits, sorted(check.proved), sorted(check.proved_apart), check.subject.claims, steps)
    return hashlib.sha256(repr(plain).encode()).hexdigest()


# ---------------------------------------------------------------- the worst points, looked at again


@dataclass(frozen=True)
class Swept:
    """The tally of one gradient, with full comparisons at the worst point and the first points of each group, the worst first."""

    name: str
    tally: Tally
    examples: tuple[tuple[Group, tuple[Discrepancy, ...]], ...]
    total: int  # points that were asked for; more than the tally has where it was interrupted
    is_exhaustive: bool = False
    places: tuple[int, int] | None = None  # the first and the last place of the format's numbers that were asked for, of one input
    shown: tuple[FloatPoint, ...] = ()  # the points of all examples

    @property
    def passes(self) -> bool:
        """Whether every point passes."""
        return all(g.passes for g in self.tally.groups)


def swept(check: Check, sums: Sums | None, *, every: bool = True, later: bool = False) -> list[Swept]:
    """The tallies of all claimed gradients with their examples; none where there are no sums.

    Without `every` a group that passes has its worst point alone. With `later` the comparisons of such groups are made when they are first read, and their condition numbers as in `compare`.
    """
    if sums is None:
        return []
    groups = [(claim, group) for claim, t in enumerate(sums.tallies) for group in t.groups]
    points = example_points(check, groups, every=every)
    found = _compared_later(check, groups, points) if later else examples(check, groups, points)
    shown: list[list[tuple[Group, tuple[Discrepancy, ...]]]] = [[] for _ in sums.tallies]
    seen: list[dict[FloatPoint, None]] = [{} for _ in sums.tallies]
    for (claim, group), several, at in zip(groups, found, points, strict=True):
        shown[claim].append((group, several))
        seen[claim].update(dict.fromkeys(at))
    names = [name for _, name in check.subject.claims]
    return [Swept(name, t, tuple(e), sums.total, sums.is_exhaustive, sums.places, tuple(p)) for name, t, e, p in zip(names, sums.tallies, shown, seen, strict=True)]


def _compared_later(check: Check, groups: Sequence[tuple[int, Group]], points: Sequence[Sequence[FloatPoint]]) -> list[tuple[Discrepancy, ...]]:
    """The examples of groups: now where they do not pass, else when one of these is first read."""
    parts = [[k for k, (_, g) in enumerate(groups) if g.passes is passes] for passes in (False, True)]
    now, rest = ([groups[k] for k in part] for part in parts)
    found = dict(zip(parts[0], examples(check, now, [points[k] for k in parts[0]], later=True), strict=True))
    awaited = later(lambda: examples(check, rest, [points[k] for k in parts[1]], later=True))
    return [found[k] if k in found else later(partial(awaited.__getitem__, parts[1].index(k))) for k in range(len(groups))]


def worst_of(check: Check, groups: Sequence[tuple[int, Group]]) -> list[FloatPoint]:
    """The point with the largest error of each group of a claim. Where many points have the same rounded error, it is the first of them."""
    tied = [(p, claim) for claim, g in groups if _is_tied(g) for p in g.worst]
    errors = iter(_errors(check, tied))
    return [max([(next(errors), -n, p) for n, p in enumerate(g.worst)])[2] if _is_tied(g) else g.worst[0] for _, g in groups]


def _errors(check: Check, wanted: Sequence[tuple[FloatPoint, int]]) -> list[float]:
    """The errors in ulps; a verdict, which near the middle between two floats takes thousands of bits, is looked for only where few bits do not tell them."""
    found = [_error(d) if _is_narrow(d) and isinstance(d.exact, one_sided.Finite) and rounding.has_one_ulp(check.format, d.exact.ball) else None for d in compare_some(check, wanted, detail=False, first_bits=ERROR_BITS, most_bits=ERROR_BITS, conditions=False)]
    rest = iter(compare_some(check, [w for w, error in zip(wanted, found, strict=True) if error is None], detail=False))
    return [_error(next(rest)) if error is None else error for error in found]


def _is_tied(group: Group) -> bool:
    return len(group.worst) > 1 and group.worst_count <= CANDIDATES


def _is_narrow(d: Discrepancy) -> bool:
    return d.ulps is not None and bool(d.ulps.is_finite() and d.ulps.rad() < NARROW)


def _error(d: Discrepancy) -> float:
    if d.ulps is None or not d.ulps.is_finite():
        return math.inf
    return float(d.ulps.abs_upper())


def example_points(check: Check, groups: Sequence[tuple[int, Group]], *, every: bool = True) -> list[list[FloatPoint]]:
    """The worst point of every group and its first points (without `every` only of a group that does not pass), the worst first."""
    return [_distinct([worst, *(g.first if every or not g.passes else ())]) for (_, g), worst in zip(groups, worst_of(check, groups), strict=True)]


def examples(check: Check, groups: Sequence[tuple[int, Group]], points: Sequence[Sequence[FloatPoint]], *, later: bool = False) -> list[tuple[Discrepancy, ...]]:
    """Full comparisons of each claim at the points of its groups; every point is run once, however many claims have it."""
    found = iter(compare_some(check, [(p, claim) for (claim, _), several in zip(groups, points, strict=True) for p in several], later=later))
    return [tuple(next(found) for _ in several) for several in points]


def _distinct(points: Sequence[FloatPoint]) -> list[FloatPoint]:
    """The points, each once. The same objects are told at a glance: their coordinates, which may be many, are neither hashed nor compared."""
    found: list[FloatPoint] = []
    for p in points:
        if not any(p is q or p == q for q in found):
            found.append(p)
    return found


MAX_GAPS = 5  # a sweep with so many gaps is given up


@dataclass(frozen=True)
class Gap:
    """Consecutive points that could not be judged: the first, the last, how many, and the reason."""

    first: tuple[float, ...]
    last: tuple[float, ...]
    count: int
    reason: str


class Unfinished(Exception):
    """A sweep in which some points could not be judged; `gaps` says which."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        self.gaps = tuple(gaps)
        super().__init__("; ".join(f"{g.count} points from {g.first} to {g.last}: {g.reason}" for g in gaps))


def without_gaps(outcomes: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The outcomes of the items in order, up to the first one without a result. The items after it are computed and saved in the state, then Unfinished is raised."""
    gaps: list[Gap] = []
    for found in outcomes:
        gaps += [_gap(f) for f in found if isinstance(f, Lost)]
        if len(gaps) >= MAX_GAPS:
            break
        if not gaps:
            yield found
    if gaps:
        raise Unfinished(gaps)


def _gap(lost: Lost) -> Gap:
    part: PointSource = lost.item
    ends = [tuple(float(c[0]) for c in part.cut(n, n + 1).columns) for n in (0, part.count - 1)]
    return Gap(ends[0], ends[1], part.count, lost.reason)
