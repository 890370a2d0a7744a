"""Points that no search has seen, and a hunt from them, for inputs at which a replacement is worse than the line it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.language.formats import round_array
from verifier.search.improve.acceptance import are_as_bad_beside, computed_at, is_worse, judged
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.guilty import LOST_ULPS
from verifier.search.improve.measure import DEEPEST, Exact, drawn_columns
from verifier.search.paths import InputRanges, is_in

FURTHER_POINTS = 12000
EVENLY = 400  # of the same distance along each input: a narrow range of bad inputs may lie between two borders that a hunt sees
MOST_JUDGED = 200  # of the points of one kind, the worst
MOST_CHANCES = 40  # of them that a hunt found, and beside which the line is looked at
HUNT_ROUNDS = 6
HUNT_POINTS = 240  # of each round
PARENTS = 32  # points from which a round makes others
OFTEN = 0.005  # of the points
RARE = 0.03  # of the points: the search has seen too few of them
SAME = 1.0  # bits: an error that is larger by less is as good as the same

Inside = Callable[[list[FloatPoint]], list[FloatPoint]]


@dataclass(frozen=True)
class Against:
    """The points that speak against a replacement: those at which its verdict is worse, and, where they are not rare, those at which it is a loss and off by more than before, by a bit and more; and, where they are rare, those at which it is a loss."""

    worse: tuple[FloatPoint, ...] = ()
    further_off: tuple[FloatPoint, ...] = ()
    left: tuple[FloatPoint, ...] = ()


@dataclass(frozen=True)
class _Floats:
    """A gradient at points: its errors in ulps, and how bad each is: a loss beyond the limit of rounding counts 1, a zero in the place of a number 2, no number 3."""

    errors: DoubleArray
    badness: DoubleArray

    def at(self, chosen: Sequence[int]) -> _Floats:
        """The same at some of the points."""
        return _Floats(self.errors[list(chosen)], self.badness[list(chosen)])


@dataclass(frozen=True)
class _Compared:
    """Points, and a gradient there before and after."""

    points: list[FloatPoint]
    before: _Floats
    after: _Floats

    @cached_property
    def gap(self) -> DoubleArray:
        """How many bits more are lost afterwards; what is no loss counts as none."""
        found: DoubleArray = np.log2(np.maximum(self.after.errors, LOST_ULPS)) - np.log2(np.maximum(self.before.errors, LOST_ULPS))
        return found

    @cached_property
    def order(self) -> list[int]:
        """The points, those first at which it has become worse in kind, then those with the largest gaps, then those with the largest errors."""
        found: list[int] = np.lexsort((-self.after.errors, -self.gap, self.after.badness <= self.before.badness)).tolist()
        return found

    def at(self, chosen: Sequence[int]) -> _Compared:
        """The same at some of the points."""
        return _Compared([self.points[k] for k in chosen], self.before.at(chosen), self.after.at(chosen))

    def and_(self, other: _Compared) -> _Compared:
        """Both."""
        both = (_Floats(np.concatenate([a.errors, b.errors]), np.concatenate([a.badness, b.badness])) for a, b in ((self.before, other.before), (self.after, other.after)))
        return _Compared([*self.points, *other.points], *both)


@dataclass(frozen=True)
class FurtherPoints:
    """A line at further points of the domain: the exact gradient there, and the errors."""

    check: Check
    gradient: str
    boxes: Sequence[InputRanges]
    inside: Inside  # those of some points at which inputs are meant
    points: list[FloatPoint]
    exact: Exact
    before: _Floats

    @classmethod
    def of(cls, check: Check, gradient: str, boxes: Sequence[InputRanges], inside: Inside) -> FurtherPoints:
        """Those of a gradient: a sample of the boxes, and points at even distances."""
        found = list(zip(*(c.tolist() for c in drawn_columns(boxes, check.format, count=FURTHER_POINTS, seed=3)), strict=True))
        found = inside(list(dict.fromkeys([*found, *_evenly(found, boxes, check)])))
        exact = exact_gradient(check, gradient, found)
        return cls(check, gradient, boxes, inside, found, exact, _floats(check, gradient, found, exact))

    def against(self, new: Check) -> Against:
        """What speaks against a replacement: at these points, and at those that a hunt from the worst of them finds."""
        if not self.points:
            return Against()
        sampled = _Compared(self.points, self.before, _floats(new, self.gradient, self.points, self.exact))
        hunted = self._hunted(new, sampled)
        most = max(float(c.before.errors.max(initial=0.0)) for c in (sampled, hunted))
        worse = dict[FloatPoint, None]()
        for found in (sampled, hunted):
            order = found.order[:MOST_JUDGED]
            worse.update(dict.fromkeys(self._worse(new, [found.points[k] for k in order if found.after.badness[k] and (found.gap[k] > 0 or found.after.badness[k] > found.before.badness[k])], chance_counts=found is sampled)))
            worse.update(dict.fromkeys(found.points[k] for k in order if is_larger(float(found.after.errors[k]), most)))
        is_often = (sampled.gap > SAME).mean() > OFTEN
        is_loss = sampled.after.errors > LOST_ULPS
        left: list[int] = np.flatnonzero(is_loss)[np.argsort(-sampled.after.errors[is_loss], kind="stable")].tolist() if is_loss.mean() < RARE else []
        return Against(tuple(worse), tuple(sampled.points[k] for k in sampled.order[:MOST_JUDGED] if sampled.gap[k] > SAME) if is_often else (), tuple(sampled.points[k] for k in left[:MOST_JUDGED]))

    def _worse(self, new: Check, points: list[FloatPoint], *, chance_counts: bool) -> list[FloatPoint]:
        """Those of some points at which the verdict is worse than before; where chance does not count, the line must not be as bad within a few floats of them."""
        old = self.check.alone(self.gradient)
        verdicts = zip(points, judged(new.alone(self.gradient), points), judged(old, points), strict=True)
        worse = [(p, after) for p, after, before in verdicts if is_worse(after, before)]
        if chance_counts or not worse:
            return [p for p, _ in worse]
        worse = worse[:MOST_CHANCES]
        return [p for (p, _), is_chance in zip(worse, are_as_bad_beside(old, [v for _, v in worse], [p for p, _ in worse]), strict=True) if not is_chance]

    def _hunted(self, new: Check, seen: _Compared) -> _Compared:
        """Points near those at which the replacement is worse than the line, and near what is found so, round by round."""
        source = np.random.default_rng(11)
        found, parents = seen.at([]), seen.at(seen.order[:PARENTS])
        for _ in range(HUNT_ROUNDS):
            made = [p for p in self.inside(_beside(parents.points, source, self.boxes, self.check)) if any(is_in(p, box) for box in self.boxes)]
            if not made:
                break
            exact = exact_gradient(self.check, self.gradient, made)
            now = _Compared(made, *(_floats(c, self.gradient, made, exact) for c in (self.check, new)))
            found, both = found.and_(now), parents.and_(now)
            parents = both.at(both.order[:PARENTS])
            if not (parents.gap > 0).any():
                break  # nothing to be followed
        return found


def is_larger(error: float, others: float) -> bool:
    """Whether an error is a loss, and larger than the largest of others by a bit and more."""
    return error > LOST_ULPS and error > 2**SAME * others


def _floats(check: Check, gradient: str, points: Sequence[FloatPoint], exact: Exact) -> _Floats:
    """A gradient at points; without an error where nothing is known."""
    values = computed_at(check, gradient, points)
    errors = exact.errors(values)
    badness = np.select([~exact.known, ~np.isfinite(values), (values == 0) & (exact.high != 0), errors > check.format.rounding_limit], [0.0, 3.0, 2.0, 1.0], 0.0)
    return _Floats(errors, badness)


def _beside(points: Sequence[FloatPoint], source: np.random.Generator, boxes: Sequence[InputRanges], check: Check) -> list[FloatPoint]:
    """Points made of others: some coordinates a little larger or smaller, one nearly that of another input or its opposite, some of another point, or between two."""
    table = np.array(points)
    first, second = (table[source.integers(len(table), size=HUNT_POINTS)] for _ in range(2))
    rows, inputs = np.arange(HUNT_POINTS), table.shape[1]

    def nearly_one() -> DoubleArray:
        found: DoubleArray = 1 + source.choice((-1.0, 0.0, 1.0), size=first.shape) * np.ldexp(source.uniform(0.5, 1.0, size=first.shape), -source.integers(0, DEEPEST, size=first.shape))
        return found

    chosen = source.random(first.shape) < 0.5
    chosen[rows, source.integers(inputs, size=HUNT_POINTS)] = True
    near = np.where(chosen, first * nearly_one(), first)
    equal = first.copy()
    i, shift = source.integers(inputs, size=HUNT_POINTS), source.integers(1, max(2, inputs), size=HUNT_POINTS)
    equal[rows, i] = source.choice((-1.0, 1.0), size=HUNT_POINTS) * first[rows, (i + shift) % inputs] * nearly_one()[:, 0]
    mixed = np.where(chosen, second, first)
    between = first + (second - first) * source.random((HUNT_POINTS, 1))
    kind = source.integers(4, size=HUNT_POINTS)
    made = round_array(check.format, np.choose(kind[:, None], [near, equal, mixed, between]))
    low, high = (np.array(ends) for ends in zip(*boxes[0], strict=True))
    if len(boxes) == 1:
        made = np.clip(made, low, high)
    return list(dict.fromkeys(tuple(row) for row in (made + 0.0).tolist() if np.isfinite(row).all()))


def _evenly(points: Sequence[FloatPoint], boxes: Sequence[InputRanges], check: Check) -> list[FloatPoint]:
    """Points with one coordinate at even distances between its ends, the others as in some of the points."""
    found, table = [], np.array(points).reshape(len(points), len(boxes[0]))
    for box in boxes:
        low_ends, high_ends = (np.array(ends) for ends in zip(*box, strict=True))
        inside = [points[k] for k in np.flatnonzero(((low_ends <= table) & (table <= high_ends)).all(axis=1)).tolist()]
        for i, (low, high) in enumerate(box if inside else ()):
            column = round_array(check.format, np.linspace(low, high, EVENLY) if np.isfinite(high - low) else np.zeros(0))
            found += [(*p[:i], x, *p[i + 1 :]) for p, x in zip(cycle(inside), column.tolist(), strict=False) if low <= x <= high]
    return found
