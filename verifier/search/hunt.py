"""Finds, without given points, the regions of the inputs in which a gradient is not right, from the structure of its program.

Along lines through the inputs (`paths`) a program is run on a grid that is uniform over the floats. Between two neighbours of
the grid at which any step behaves differently there is a border (`changes`). The gradients are judged on both sides of every
border and at some points between them; a run of points with one verdict is a region.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from verifier.blame.rounding.region_cause import region_cause
from verifier.case.components import base
from verifier.case.points import places_of
from verifier.compare.check import Check
from verifier.compare.compare import compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.linearity import other_upstream
from verifier.compare.meant import Meant, satisfied
from verifier.language.formats import Format, floor_log2, numbers, places, round_exact
from verifier.language.user_files import seed_of
from verifier.language.verdict import Verdict
from verifier.search import thresholds, work
from verifier.search.judge_many import BY_COLUMNS, FEW_CLAIMS, is_left_out, judge_many
from verifier.search.paths import InputRanges, Path, axis, bases, of_many, paths

BAD = tuple(sorted((v for v in Verdict if v.fails or v.warns), key=lambda v: -v.rank))  # the worst first
BETWEEN = 5  # points that are judged between two borders, beside both ends
SPARSE = 2  # the same, on paths that do not start at the first base point
CORNERS = 4  # borders of the first paths from which the other inputs are moved as well
HARD_BASES = 2  # base points from which `hard_points` looks
HARD_INPUTS = 6  # inputs that it moves
OTHER_SHARE = 8  # the part of the budget for another gradient that flows in is one over this
MOST_BITS = 4096  # at which a point is judged during the search; the points that are told are judged with all there are
MOST_REGIONS = 3  # of one gradient and verdict, each with another cause
MOST_TRIES = 8  # runs of points that are looked at for them
WIDE = 100  # formats with larger exponents are hunted up to a quarter of their largest number
NOT_MEANT = "'given' does not hold here"
FAITHFUL_ULPS = 0.5  # what no rounded number is off by more than: such an error is not worth a point
GROUP = 16  # paths whose points are judged in the same columns, where there are many gradients
BORDERS_SHARE, POINTS_SHARE, REGIONS_SHARE = 0.35, 0.5, 0.15  # of the work: finding borders, judging points, finding the ends of regions
FEWEST_AFFORDABLE = 4  # points of a group of paths that is looked at
OUTSKIRTS = 4.0  # where a sum of two or three inputs overflows, whatever the formula


@dataclass(frozen=True)
class Region:
    """A stretch of a path in which a gradient has one verdict, its simplest point, and why."""

    gradient: str
    verdict: Verdict
    input: str
    low: float  # of the input
    high: float
    point: tuple[float, ...]
    ulps: float
    along: str = ""  # how other inputs move with it; all others are as in `point`
    cause: str = ""
    ends: tuple[tuple[float, ...], ...] = ()  # the points at low and at high
    everywhere: bool = False  # it fills its path: the input does not matter


def hunt(check: Check, domain: InputRanges, *, seed: str, budget: int, verdicts: Sequence[Verdict] = BAD, meant: Meant | None = None, sharp: bool = True, within: int = thresholds.MOST_WITHIN) -> list[Region]:
    """The regions in which a gradient is not right, worst first; then the point with the most ulps of every gradient, or one point where all are right.

    `domain` has the lowest and highest value of each input; `budget` bounds the number of points that are judged.
    Only regions of the `verdicts` are told, and where a constraint of `meant` holds. The ends of a region are its last numbers; where they need not be `sharp`, its last points that were judged. Between two
    neighbours of a grid so many borders are found as `within` says.
    """
    return search(check, domain, seed=seed, budget=budget, verdicts=verdicts, meant=meant, sharp=sharp, within=within).regions


@dataclass(frozen=True)
class Hunted:
    """What a hunt found, and in words what it did not look at."""

    regions: list[Region]
    unseen: str = ""


def search(check: Check, domain: InputRanges, *, seed: str, budget: int, verdicts: Sequence[Verdict] = BAD, meant: Meant | None = None, sharp: bool = True, within: int = thresholds.MOST_WITHIN) -> Hunted:
    """`hunt`, with what its budget did not suffice for."""
    scan, fmt = _Scan(check, budget, meant, sharp=sharp, within=within), check.format
    inside = [_inside(fmt, *bounds) for bounds in domain]
    source = random.Random(seed_of(seed))  # noqa: S311 - a choice of points, not a secret
    first = bases(inside, fmt, random.Random(0))[0]  # noqa: S311
    scan.along([(path, BETWEEN if path.base == first else SPARSE) for path in paths(check.subject.program, inside, fmt, source)])
    moved = range(min(len(inside), of_many(HARD_INPUTS, len(inside))))
    scan.along([(axis(corner, i, inside), SPARSE) for corner in scan.corners(len(inside)) for i in moved])
    return Hunted(scan.regions(verdicts), scan.unseen())


def hunted_in(check: Check, boxes: Sequence[InputRanges], *, seed: str, budget: int, meant: Meant) -> Hunted:
    """The regions in each of the boxes, one for every combination of listed values; they share the budget."""
    found = [search(check, box, seed=seed, budget=max(1, budget // len(boxes)), meant=meant) for box in boxes]
    return Hunted([r for f in found for r in f.regions], next((f.unseen for f in found if f.unseen), ""))


def worth_a_point(hunted: Sequence[tuple[Check, Region]]) -> list[tuple[Check, Region]]:
    """The regions found for several implementations; those that only show that all is right count where there are no others."""
    return [(c, r) for c, r in hunted if not r.verdict.passes or r.ulps > FAITHFUL_ULPS] or list(hunted)


def hunted_for_another(checks: Sequence[Check], boxes: Sequence[InputRanges], *, seed: str, budget: int, meant: Meant) -> list[tuple[float, ...]]:
    """Points at which a gradient is wrong for another gradient that flows in: it is not linear in it, or ignores it."""
    found = []
    for check in checks:
        turned = replace(check, upstream=other_upstream(check.upstream, seed=seed))
        for box in boxes:
            regions = hunt(turned, box, seed=seed, budget=max(1, budget // (OTHER_SHARE * len(boxes))), verdicts=(Verdict.WRONG,), meant=meant)
            found += [r.point for r in regions if r.verdict is Verdict.WRONG]
    return found


def with_regions(listed: Sequence[tuple[float, ...]], regions: Iterable[Region]) -> list[tuple[float, ...]]:
    """The listed points and those of the regions, each once; those that could not be decided are left out."""
    return with_points(listed, [r.point for r in regions if r.verdict is not Verdict.UNDECIDED])


def with_points(listed: Sequence[tuple[float, ...]], others: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The listed points and others, each once."""
    return list(dict.fromkeys([*listed, *others]))


def hard_points(check: Check, domain: InputRanges, *, within: int = thresholds.MOST_WITHIN) -> list[tuple[float, ...]]:
    """Both sides of every border along the first inputs, from the first base points; nothing is judged."""
    scan, fmt = _Scan(check, 0, within=within), check.format
    inside = [_inside(fmt, *bounds) for bounds in domain]
    found: dict[tuple[float, ...], None] = {}
    for start in bases(inside, fmt, random.Random(0))[: 1 if len(domain) == 1 else HARD_BASES]:  # noqa: S311
        for i in range(min(len(domain), HARD_INPUTS)):
            path = axis(start, i, inside)
            found.update(dict.fromkeys(path.point(t, fmt) for t in sorted(scan.watch(path, within=within)[1])))
    return list(found)


def _inside(fmt: Format, low: float, high: float) -> tuple[float, float]:
    """The least and the largest number of the format in an interval; without bounds, up to the largest number of a wide format divided by OUTSKIRTS."""
    largest = fmt.largest / (OUTSKIRTS if fmt.emax > WIDE else 1)
    first, last = places(fmt, max(low, -largest), min(high, largest)) if math.isinf(low) or math.isinf(high) else places(fmt, low, high)
    if first > last:
        return low, high
    a, b = numbers(fmt, np.array([first, last])).tolist()
    return a + 0.0, b + 0.0


class _Scan:
    """What was judged so far: on each path, the discrepancies by position."""

    def __init__(self, check: Check, budget: int, meant: Meant | None = None, *, sharp: bool = True, within: int = thresholds.MOST_WITHIN) -> None:
        self.meant, self.sharp, self.within = meant, sharp, within
        self.check, self.program, self.claims, self.fmt, self.budget = check, check.subject.program, check.subject.claims, check.format, budget
        self.known: dict[tuple[float, ...], list[Discrepancy]] = {}
        self.lines: list[tuple[Path, dict[float, list[Discrepancy]]]] = []
        self.edges: list[tuple[float, ...]] = []  # the points at borders, of the paths along which one input moves
        self.for_borders, self.work, self.for_regions = (share * work.allowed(budget) for share in (BORDERS_SHARE, POINTS_SHARE, REGIONS_SHARE))
        self.paths_left = self.points_left = self.gradients_left = 0  # not looked at, for want of work

    @property
    def has_many(self) -> bool:
        """Whether so many gradients are claimed that columns of points are judged at once."""
        return len(self.claims) > FEW_CLAIMS and self.check.computed is None

    def along(self, several: Iterable[tuple[Path, int]]) -> None:
        """Watch paths; judge both sides of every border, and so many points between borders."""
        pending = list(several)
        size = GROUP if self.has_many else 1
        for start in range(0, len(pending), size):
            group: list[tuple[Path, list[float]]] = []
            for path, between in pending[start : start + size]:
                if self.budget <= sum(len(ts) for _, ts in group):
                    break
                if self.for_borders <= 0 or self.work <= 0:
                    self.paths_left += 1
                    continue
                group.append((path, _evenly(self.chosen(path, between), self.budget - sum(len(ts) for _, ts in group))))
            group = self.affordable(group)
            self.learn([path.point(t, self.fmt) for path, ts in group for t in ts])
            self.lines += [(path, self.judge(path, ts)) for path, ts in group]

    def affordable(self, group: list[tuple[Path, list[float]]]) -> list[tuple[Path, list[float]]]:
        """The positions of several paths, of each the same part, evenly spread, where all would take more work than there is."""
        count = sum(len(ts) for _, ts in group)
        most = max(FEWEST_AFFORDABLE, int(self.work / (work.of_columns(self.check, count) / max(1, count) if self.has_many else work.of_point(self.check))))
        if count <= most:
            return group
        self.points_left += count - most
        return [(path, [ts[k * len(ts) // part] for k in range(part)]) for path, ts in group for part in [max(1, len(ts) * most // count)]]

    def unseen(self) -> str:
        """What was not looked at, in words."""
        lacking = (self.paths_left, "further lines"), (self.points_left, "further points on these lines"), (self.gradients_left, "gradients at these points")
        words = [f"{count:,} {what}" for count, what in lacking if count]
        return f"the hunt looked at {len(self.known):,} points on {len(self.lines):,} lines; its budget did not suffice for {' and '.join(words)}" if words else ""

    def chosen(self, path: Path, between: int) -> list[float]:
        """The positions of a path that are judged."""
        ordered, edges, first = self.watch(path, within=self.within if between == BETWEEN else 1)
        special = set(thresholds.special(path, self.program)) if between == BETWEEN else {0.0}
        cuts = sorted({*edges, ordered[0], ordered[-1]})
        chosen = {x for x in ordered if x in special} | {*cuts}
        for left, right in pairwise(cuts):
            inner = [x for x in ordered if left < x < right]
            chosen.update(inner[k * (len(inner) - 1) // max(1, between - 1)] for k in range(between) if inner)
            if not inner:  # both borders lie between two neighbours of the grid
                chosen.add(self._middle(left, right))
        if len(path.moves) == 1:
            self.edges += [path.point(t, self.fmt) for t in first]
        return sorted(chosen)

    def _middle(self, left: float, right: float) -> float:
        """The number in the middle of two others, counted in floats."""
        return float(numbers(self.fmt, np.array([sum(places_of(self.fmt, [left, right]).tolist()) // 2]))[0]) + 0.0

    def watch(self, path: Path, *, within: int) -> tuple[list[float], set[float], set[float]]:
        """The grid of a path, and both sides of its borders with one neighbour more: of all, `within` at most between two neighbours of the grid, and of the first ones there."""
        ordered = thresholds.grid(path, self.program, self.fmt)
        part = thresholds.moving_part(path, self.check)
        self.for_borders -= work.of_watching(part)
        seen = thresholds.behaviour(path, self.check, ordered, part=part)
        found = thresholds.narrowed(path, self.check, ordered, seen, within=within, part=part)
        return ordered, self._sides(path, [pair for pairs in found for pair in pairs]), self._sides(path, [pairs[0] for pairs in found])

    def _sides(self, path: Path, borders: Sequence[tuple[float, float]]) -> set[float]:
        """Both sides of some borders, with one neighbour more."""
        around = places_of(self.fmt, [x for pair in borders for x in pair])
        near = numbers(self.fmt, np.concatenate([around, around - 1, around + 1])) + 0.0
        return set(near[(near >= path.low) & (near <= path.high)].tolist())

    def judge(self, path: Path, ts: Sequence[float]) -> dict[float, list[Discrepancy]]:
        """The discrepancies at some positions; what is known is not judged again, and costs nothing."""
        points = {t: path.point(t, self.fmt) for t in ts}
        self.learn(list(points.values()))
        return {t: self.known[p] for t, p in points.items()}

    def learn(self, points: Iterable[tuple[float, ...]]) -> None:
        """Judge the points that are not known."""
        new = list(dict.fromkeys(p for p in points if p not in self.known))
        if not new:
            return
        self.budget -= len(new)
        found = judge_many(self.check, new, most_bits=MOST_BITS, most_work=self.work)
        self.work -= found.work
        self.gradients_left += found.left_out
        self.known.update(zip(new, map(self.meant_row, new, found.rows), strict=True))

    def meant_row(self, point: tuple[float, ...], row: list[Discrepancy]) -> list[Discrepancy]:
        """The discrepancies of a point; where the inputs are not meant nothing is claimed."""
        if self.meant is None or self.meant.given is None or satisfied(self.meant, [point])[0]:
            return row
        return [replace(d, verdict=Verdict.UNDEFINED, reason=NOT_MEANT) for d in row]

    def in_full(self, c: int, point: tuple[float, ...]) -> Discrepancy:
        """A gradient at a point as `compare` judges it, whatever is known of it."""
        (found,) = self.meant_row(point, compare_some(self.check, [(point, c)], detail=False, most_bits=MOST_BITS))
        return found

    def corners(self, count: int) -> list[tuple[float, ...]]:
        """Some of the points at borders, spread over those that were found: from there other inputs move to where two borders meet."""
        distinct = list(dict.fromkeys(self.edges)) if count > 1 else []
        return [distinct[k * len(distinct) // CORNERS] for k in range(min(CORNERS, len(distinct)))]

    # ------------------------------------------------------------ regions

    def regions(self, verdicts: Sequence[Verdict]) -> list[Region]:
        """The regions of every gradient and verdict, simplest first and each cause once, and the worst point of every gradient."""
        chosen: list[Region] = []
        at = self._lines_with(verdicts)
        for verdict in verdicts:
            shown: list[list[Discrepancy]] = []
            of_array: dict[str, set[str]] = {}  # the causes that are reported of each array, where there are many gradients
            for c, (_, name) in enumerate(self.claims):
                causes = of_array.setdefault(base(name), set()) if self.has_many else set()
                if (verdict, c) not in at or len(causes) >= MOST_REGIONS or (causes and self.for_regions <= 0):
                    continue
                if len(self.claims) <= FEW_CLAIMS or not any(row[c].verdict is verdict for row in shown):
                    reported = self._reported(c, verdict, causes, at[verdict, c])
                    causes.update(r.cause for r in reported)
                    shown += [self.known[r.point] for r in reported]
                    chosen += reported
        return [*chosen, *self._worst()] or list(self._simplest_right())

    def _lines_with(self, verdicts: Sequence[Verdict]) -> dict[tuple[Verdict, int], list[int]]:
        """For each verdict and gradient the paths on which it occurs."""
        found: dict[tuple[Verdict, int], list[int]] = {}
        for k, (_, judged) in enumerate(self.lines):
            here = {(d.verdict, c) for row in judged.values() for c, d in enumerate(row) if d.verdict in verdicts}
            for pair in here:
                found.setdefault(pair, []).append(k)
        return found

    def _reported(self, c: int, verdict: Verdict, known: AbstractSet[str], lines: Sequence[int]) -> list[Region]:
        """The regions of one gradient and verdict that are reported: one of each cause that is not known. It occurs on these `lines`."""
        found = [
            (plainness(point), k, low, high)
            for k in lines
            for path, judged in [self.lines[k]]
            for low, high in _runs(judged, c, verdict, self.fmt)
            for point in [path.point(_plainest([t for t in judged if low <= t <= high]), self.fmt)]
        ]
        reported: dict[str, tuple[Path, dict[float, list[Discrepancy]], float, float]] = {}
        for _, k, low, high in sorted(found)[:MOST_TRIES]:
            path, judged = self.lines[k]
            if (cause := self._cause(path, judged, c, low, high)) not in known:
                reported.setdefault(cause, (path, judged, low, high))
            if len(reported) + len(known) == MOST_REGIONS or (self.has_many and self.for_regions <= 0):
                break
        return sorted((self._region(*where, c=c) for where in reported.values()), key=lambda r: plainness(r.point))

    def _cause(self, path: Path, judged: dict[float, list[Discrepancy]], c: int, low: float, high: float, at: float | None = None) -> str:
        """What happens in a run of positions with one verdict, at its plainest or at a given one."""
        t = _plainest([x for x in judged if low <= x <= high]) if at is None else at
        beside = next((path.point(x, self.fmt) for x in _around(judged, low, high, c) if x is not None), None) or self._passing(c)
        d = self.judge(path, [t])[t][c]
        self.for_regions -= work.of_one(self.check)
        return region_cause(self.check, self.in_full(c, d.point) if d.exact is BY_COLUMNS else d, beside)

    def _passing(self, c: int) -> tuple[float, ...] | None:
        """Some point at which a gradient is right: what a run that fills its path is compared with."""
        return next((row[c].point for _, judged in self.lines for row in judged.values() if row[c].verdict.passes), None)

    def _region(self, path: Path, judged: dict[float, list[Discrepancy]], low: float, high: float, *, c: int) -> Region:
        verdict = judged[low][c].verdict
        before, after = _around(judged, low, high, c)
        left = low if before is None or not self.sharp else self._edge(path, c, before, low)
        right = high if after is None or not self.sharp else self._edge(path, c, after, high)
        simple = simplest(left, right, self.fmt)
        t = simple if self.judge(path, [simple])[simple][c].verdict is verdict else _plainest([x for x in judged if low <= x <= high])
        d = self.judge(path, [t])[t][c]
        d = self.in_full(c, d.point) if self.has_many else d
        inputs = self.program.inputs
        return Region(
            d.name,
            d.verdict,
            inputs[path.input],
            left,
            right,
            d.point,
            _error(d, math.inf),
            along=path.words(inputs),
            cause=self._cause(path, judged, c, low, high, at=t),
            ends=(path.point(left, self.fmt), path.point(right, self.fmt)),
            everywhere=before is None and after is None and left != right,
        )

    def _edge(self, path: Path, c: int, outside: float, inside: float) -> float:
        """The last position of a region on the way to a point outside it, by bisection over the places."""
        verdict = self.judge(path, [inside])[inside][c].verdict
        b, a = places_of(self.fmt, [inside, outside]).tolist()
        while abs(b - a) > 1 and self.budget > 0 and self.for_regions > 0:
            middle = (a + b) // 2
            point = path.point(float(numbers(self.fmt, np.array([middle]))[0]) + 0.0, self.fmt)
            self.budget, self.for_regions = self.budget - 1, self.for_regions - (work.of_one(self.check) if self.has_many else work.of_point(self.check))
            (found,) = self.meant_row(point, compare_some(self.check, [(point, c)], detail=False, most_bits=MOST_BITS, conditions=not self.has_many))
            if found.verdict is verdict:
                b = middle
            else:
                a = middle
        return float(numbers(self.fmt, np.array([b]))[0]) + 0.0

    def _worst(self) -> Iterator[Region]:
        """The point with the most ulps of every gradient that passes somewhere."""
        if self.has_many:
            yield from self._worst_of_arrays()
            return
        for c, (_, name) in enumerate(self.claims):
            worst: Region | None = None
            for path, judged in self.lines:
                for t, row in judged.items():
                    error = _error(row[c], 0.0)
                    if row[c].verdict.passes and error > (FAITHFUL_ULPS if worst is None else worst.ulps):
                        worst = Region(name, row[c].verdict, self.program.inputs[path.input], t, t, row[c].point, error, ends=(row[c].point,))
            if worst is not None:
                yield worst

    def _worst_of_arrays(self) -> Iterator[Region]:
        """The same for many gradients, those of an array as one; points at which all were judged go first."""
        worst: dict[str, tuple[bool, float, int, Path, float]] = {}
        for path, judged in self.lines:
            for t, row in judged.items():
                whole = not any(is_left_out(d) or d.exact is not BY_COLUMNS for d in row)
                for c, d in enumerate(row):
                    error = _error(d, 0.0)
                    if d.verdict.passes and error > FAITHFUL_ULPS and (whole, error) > worst.get(base(d.name), (False, 0.0))[:2]:
                        worst[base(d.name)] = (whole, error, c, path, t)
        for _, _, c, path, t in worst.values():
            d = self.in_full(c, path.point(t, self.fmt))
            if d.verdict.passes and _error(d, 0.0) > FAITHFUL_ULPS:
                yield Region(d.name, d.verdict, self.program.inputs[path.input], t, t, d.point, _error(d, 0.0), ends=(d.point,))

    def _simplest_right(self) -> Iterator[Region]:
        """The simplest point at which every gradient is right, so that a report has a point where none is off anywhere."""
        right = [(plainness(row[0].point), k, t) for k, (_, judged) in enumerate(self.lines) for t, row in judged.items() if row and all(d.verdict.passes for d in row)]
        for _, k, t in sorted(right)[:1]:
            path, judged = self.lines[k]
            for d in judged[t]:
                yield Region(d.name, d.verdict, self.program.inputs[path.input], t, t, d.point, _error(d, 0.0), ends=(d.point,))


def _evenly(ts: list[float], most: int) -> list[float]:
    """Some numbers of all, evenly spread, where there are more than a budget allows."""
    return ts if len(ts) <= most else [ts[(2 * k + 1) * len(ts) // (2 * most)] for k in range(most)]


def _error(d: Discrepancy, otherwise: float) -> float:
    return float(d.ulps.abs_upper()) if d.ulps is not None and d.ulps.is_finite() else otherwise


def _runs(judged: dict[float, list[Discrepancy]], c: int, verdict: Verdict, fmt: Format) -> Iterator[tuple[float, float]]:
    """The first and the last of neighbouring positions with a verdict; the infinities of a gradient that is nearly one itself are no region."""
    start: float | None = None
    last = math.nan
    for t in sorted(t for t in judged if not is_left_out(judged[t][c])):
        if judged[t][c].verdict is verdict and not _nearly_infinite(judged[t][c], fmt):
            start, last = (t if start is None else start), t
        elif start is not None:
            yield start, last
            start = None
    if start is not None:
        yield start, last


def _around(judged: dict[float, list[Discrepancy]], low: float, high: float, c: int) -> tuple[float | None, float | None]:
    """The positions next to a run at which its gradient was judged."""
    others = [t for t, row in judged.items() if not low <= t <= high and not is_left_out(row[c])]
    return max((t for t in others if t < low), default=None), min((t for t in others if t > high), default=None)


def _nearly_infinite(d: Discrepancy, fmt: Format) -> bool:
    return d.verdict is Verdict.NONFINITE and d.rounded is not None and abs(d.rounded) > fmt.largest / OUTSKIRTS


def _plainest(ts: Iterable[float]) -> float:
    return min(ts, key=lambda t: plainness((t,)))


def plainness(point: Sequence[float]) -> tuple[int, float]:
    """How long a point is to write, then how large it is: simple points come first."""
    return sum(len(repr(x).removesuffix(".0")) for x in point), sum(abs(x) for x in point)


def simplest(low: float, high: float, fmt: Format) -> float:
    """The number of the format with the fewest decimal digits in an interval; of those the smallest in size."""
    if low <= 0 <= high:
        return 0.0
    sign = -1 if high < 0 else 1
    a, b = (low, high) if sign > 0 else (-high, -low)
    if math.isinf(b):
        b = (2 - 2.0 ** (1 - fmt.precision)) * 2.0**fmt.emax
    lower, upper = Fraction(a), Fraction(b)
    first, last = _decimal_exponent(lower), _decimal_exponent(upper)
    nearest = sorted({first, last, *(e for e in (-1, 0, 1, 2) if first <= e <= last)}, key=abs)
    for count in range(1, 18):
        for e in nearest:
            unit = Fraction(10) ** (e - count + 1)
            multiple = max(math.ceil(lower / unit), 10 ** (count - 1))
            value = round_exact(fmt, multiple * unit)
            if multiple * unit <= upper and a <= value <= b:
                return sign * value
    return sign * a


def _decimal_exponent(x: Fraction) -> int:
    """floor(log10 x) of a positive rational."""
    e = math.floor(floor_log2(x) * 0.30102999566398119)
    return e + 1 if Fraction(10) ** (e + 1) <= x else e
