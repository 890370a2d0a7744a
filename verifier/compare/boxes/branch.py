"""Branch and bound: boxes are split until each claim is proved on all of them, or time is up; all gradients share the boxes.

A claim without limit is met within a few per cent of what the same bound comes to at one point: no splitting can get below that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.intervals.interval import Interval
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.boxes import effects
from verifier.compare.boxes.bounds import ErrorClaim
from verifier.compare.boxes.by_balls import BY_BALLS
from verifier.compare.boxes.constraint import (
    EVERYWHERE,
    Constraint,
    are_empty,
    are_meant,
    moved_to_equalities,
    narrow_to_equalities,
    to_listed,
)
from verifier.compare.boxes.enclosures import ForwardBoxes, RoundingPlan
from verifier.compare.boxes.narrow import narrowed
from verifier.compare.boxes.split import halves, nearest_numbers, stored
from verifier.language.formats import Format

MOST_BATCH = 4096  # boxes in one pass of NumPy
MOST_BY_BALLS = 256  # where balls may have to enclose some of them, one by one
MOST_VALUES = 2_000_000  # operations times boxes in one pass: what fits into the memory
NEAR = 1.04  # a bound within so much of that at a point is as good as it gets
MOST_BOXES = 400_000  # that wait; beyond, the smallest are left open
POINTS = 256  # at which the bound is taken, at a time
HALF = 0.5
LEAST_SCORE = 1e-6
LEAST_CAP = 64.0  # ulps, in formats of few digits: a bound up to there is looked for, and in others up to the limit beyond which a gradient counts as unstable
LARGE = 1e300  # a gain that is as good as any
UNBOUNDED, MOST_EXCESS = 1e200, 1e100  # without a bound the largest come first, before all that have one, and what has no volume, such as a face, last
LITTLE = 0.02  # of a bound: a gain that is none
NARROWEST = 2.0**-40  # of a slice
SAMPLED = 1000  # points from which the share of boxes with slices is estimated
WIDEST_STEP = 1e300


@dataclass
class Boxes:
    """A column of boxes: the ends of every dimension (inputs, then slices), the share of the volume, bounds per gradient, and what splitting each dimension last gained."""

    low: DoubleArray  # (boxes, dimensions)
    high: DoubleArray
    volume: DoubleArray
    bound: DoubleArray  # (boxes, gradients)
    gain: DoubleArray  # (boxes, dimensions)
    splits: DoubleArray  # (boxes, dimensions)

    def take(self, which: NDArray[np.intp] | MaskArray) -> Boxes:
        """Some of them."""
        return Boxes(self.low[which], self.high[which], self.volume[which], self.bound[which], self.gain[which], self.splits[which])

    def __len__(self) -> int:
        return len(self.volume)


def joined_boxes(parts: Sequence[Boxes]) -> Boxes:
    """Several columns as one."""
    return Boxes(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("low", "high", "volume", "bound", "gain", "splits")))


@dataclass
class Standing:
    """How the search stands for one gradient."""

    claim: ErrorClaim
    cap: float  # beyond which a bound without limit is not looked for
    point: float = 0.0  # the largest bound at a point
    point_at: DoubleArray | None = None
    settled: float = -np.inf  # the largest bound of boxes that need no splitting
    settled_at: tuple[DoubleArray, DoubleArray] | None = None
    stopped: bool = False  # refuted: no further search

    @property
    def target(self) -> float:
        """A box with no larger bound needs no splitting."""
        if self.claim.limit is not None:
            return self.claim.limit
        return min(max(self.point * NEAR, 0.0), self.cap)

    @property
    def by_volume(self) -> bool:
        """Whether the largest boxes come first, not those with the largest bound."""
        return self.claim.limit is not None or self.point * NEAR >= self.cap


@dataclass
class BoxSearch:
    """The boxes that wait, those that cannot be split, and how each gradient stands."""

    plan: RoundingPlan
    outputs: Sequence[int]
    format: Format
    standing: list[Standing]
    waiting: Boxes
    final: Boxes
    domain_low: DoubleArray  # per input
    domain_high: DoubleArray
    constraint: Constraint = EVERYWHERE
    looked_at: int = 0
    seconds: float = 0.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(17))

    @property
    def batch(self) -> int:
        """Boxes in one pass."""
        most = MOST_BY_BALLS if any(s.gate in BY_BALLS for s in self.plan.done.reals.steps) else MOST_BATCH
        return max(16, min(most, MOST_VALUES // len(self.plan.done.operations)))

    def unsettled(self, boxes: Boxes) -> MaskArray:
        """Per box and gradient, whether its bound is above the target."""
        targets = np.array([np.inf if s.stopped else s.target for s in self.standing])
        return boxes.bound > targets


def evaluate(search: BoxSearch, low: DoubleArray, high: DoubleArray, *, slices: bool = True) -> tuple[DoubleArray, ForwardBoxes]:
    """The bounds of some boxes per gradient, and their forward pass."""
    inputs = len(search.plan.inputs)
    columns = [np.ascontiguousarray(low[:, i]) for i in range(low.shape[1])]
    others = [np.ascontiguousarray(high[:, i]) for i in range(low.shape[1])]
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(search.plan, columns[:inputs], others[:inputs])
        if slices and search.plan.cuts:
            limits = {k: Interval(first, last) for k, first, last in zip(search.plan.cuts, columns[inputs:], others[inputs:], strict=True)}
            forward = ForwardBoxes(search.plan, columns[:inputs], others[:inputs], narrowed(forward, limits))
        found = np.empty((len(low), len(search.outputs)))
        for j, output in enumerate(search.outputs):
            if search.standing[j].stopped:
                found[:, j] = -np.inf
                continue
            measure = effects.in_ulps if search.standing[j].claim.unit == "ulp" else effects.absolute
            found[:, j] = measure(forward, output).bound
            forward.adjoints.clear()  # of many gradients they do not fit into the memory
        if not search.constraint.is_everywhere:
            found[are_empty(search.constraint, low[:, :inputs], high[:, :inputs])] = -np.inf
    return found, forward


def begin(plan: RoundingPlan, outputs: Sequence[int], fmt: Format, claims: Sequence[ErrorClaim], pieces: tuple[DoubleArray, DoubleArray], constraint: Constraint = EVERYWHERE) -> BoxSearch:
    """A search over some boxes, which together are all of the domain."""
    dimensions = len(plan.inputs) + len(plan.cuts)
    cap = max(fmt.rounding_limit, LEAST_CAP)
    standing = [Standing(c, cap if c.unit == "ulp" else np.inf) for c in claims]
    none = Boxes(np.empty((0, dimensions)), np.empty((0, dimensions)), np.empty(0), np.empty((0, len(claims))), np.empty((0, dimensions)), np.empty((0, dimensions)))
    low, high = pieces
    outside = narrow_to_equalities(constraint, fmt, low, high)
    low, high = low[~outside], high[~outside]
    if not len(low):
        return BoxSearch(plan, outputs, fmt, standing, none, none, pieces[0].min(axis=0), pieces[1].max(axis=0), constraint)
    search = BoxSearch(plan, outputs, fmt, standing, none, none, low.min(axis=0), high.max(axis=0), constraint)
    count = len(low)
    low = np.hstack([low, np.full((count, len(plan.cuts)), -np.inf)])
    high = np.hstack([high, np.full((count, len(plan.cuts)), np.inf)])
    bound, forward = evaluate(search, low, high)
    _clip(search, forward, low, high)
    inputs = slice(0, len(plan.inputs))
    total = search.domain_high / 2 - search.domain_low / 2
    width = np.where(total > 0, (high / 2 - low / 2)[:, inputs] / np.where(total > 0, total, 1.0), 1.0)
    for i, values in enumerate(constraint.values):
        if values:  # they have no width: each counts as much as another
            width[:, i] = np.searchsorted(values, high[:, i], side="right") - np.searchsorted(values, low[:, i])
            width[:, i] /= len(values)
    shape = (count, dimensions)
    search.waiting = Boxes(low, high, np.prod(width, axis=1), bound, np.zeros(shape), np.zeros(shape))
    search.looked_at = count
    return search


def _clip(search: BoxSearch, forward: ForwardBoxes, low: DoubleArray, high: DoubleArray) -> None:
    """Slices no wider than the values that the boxes have."""
    for j, k in enumerate(search.plan.cuts, len(search.plan.inputs)):
        first, last = (np.broadcast_to(end, (len(low),)) for end in forward.limits[k][:2])
        good = (first <= last) & np.isfinite(first) & np.isfinite(last)
        low[:, j], high[:, j] = np.where(good, first, low[:, j]), np.where(good, last, high[:, j])


def run(search: BoxSearch, budget: float, *, meanwhile: Callable[[BoxSearch], None] | None = None) -> None:
    """Split boxes until every claim is settled or so many seconds of the processor are used."""
    started = time.process_time()
    _at_points(search, _random_points(search))
    rounds = 0
    while len(search.waiting) and time.process_time() - started < budget:
        if not _one_round(search):
            break
        rounds += 1
        if meanwhile is not None and rounds & (rounds - 1) == 0:
            meanwhile(search)
    _settle(search)
    search.seconds += time.process_time() - started


def _settle(search: BoxSearch) -> MaskArray:
    """Take the boxes out that no gradient needs split; which gradients need those that stay."""
    needed = search.unsettled(search.waiting)
    keep: MaskArray = np.any(needed, axis=1)
    _note_settled(search, search.waiting, ~needed)
    search.waiting = search.waiting.take(keep)
    return needed[keep]


def _note_settled(search: BoxSearch, boxes: Boxes, settled: MaskArray) -> None:
    for j, s in enumerate(search.standing):
        at = np.flatnonzero(settled[:, j])
        if len(at):
            best = at[np.argmax(boxes.bound[at, j])]
            if boxes.bound[best, j] > s.settled:
                s.settled, s.settled_at = float(boxes.bound[best, j]), (boxes.low[best], boxes.high[best])


def _one_round(search: BoxSearch) -> bool:
    """Split the boxes that come first; False where none can be split."""
    needed = _settle(search)
    if not len(search.waiting):
        return False
    chosen = _first(search, needed)
    parents = search.waiting.take(chosen)
    rest = np.ones(len(search.waiting), bool)
    rest[chosen] = False
    search.waiting = search.waiting.take(rest)
    _at_points(search, _points_in(search, parents))
    children, fixed = _split(search, parents)
    if len(fixed):
        search.final = joined_boxes([search.final, fixed])
    if len(children):
        search.waiting = joined_boxes([search.waiting, children])
    if len(search.waiting) > MOST_BOXES:
        order = np.argsort(-search.waiting.volume, kind="stable")
        search.final = joined_boxes([search.final, search.waiting.take(order[MOST_BOXES:])])
        search.waiting = search.waiting.take(order[:MOST_BOXES])
    return True


def _first(search: BoxSearch, needed: MaskArray) -> NDArray[np.intp]:
    """The boxes to split: those with the largest bound over the target, and where a limit is to be proved those of the largest volume."""
    count = len(search.waiting)
    batch = max(1, search.batch // (search.waiting.low.shape[1] * max(1, len(search.outputs) // 4)))  # a round ends soon, however many gradients there are
    if count <= batch:
        return np.arange(count)
    chosen: list[NDArray[np.intp]] = []
    by_volume = np.array([s.by_volume for s in search.standing])
    groups = [g for g in (by_volume, ~by_volume) if needed[:, g].any()]
    for group in groups:
        want = max(1, batch // len(groups))
        rows = needed[:, group].any(axis=1)
        if group is groups[0] and by_volume[group].all():
            key = np.where(rows, search.waiting.volume, -1.0)
        else:
            excess = _excess(search, search.waiting, group)
            key = np.where(rows, np.where(np.isinf(excess), UNBOUNDED * search.waiting.volume, np.minimum(excess, MOST_EXCESS)), -1.0)
        chosen.append(np.argpartition(-key, want)[:want])
    return np.unique(np.concatenate(chosen))


def _excess(search: BoxSearch, boxes: Boxes, group: MaskArray | None = None) -> DoubleArray:
    """The largest bound of each box over its target."""
    targets = np.array([np.inf if s.stopped else max(s.target, 1e-300) for s in search.standing])
    with np.errstate(all="ignore"):
        ratio = boxes.bound / targets
    ratio = np.where(np.isnan(ratio), 0.0, ratio)
    found: DoubleArray = (ratio if group is None else ratio[:, group]).max(axis=1)
    return found


def _split(search: BoxSearch, parents: Boxes) -> tuple[Boxes, Boxes]:
    """The halves of some boxes, and the boxes that cannot be split."""
    may = _splittable(search, parents)
    can: MaskArray = np.any(may, axis=1)
    fixed, parents, may = parents.take(~can), parents.take(can), may[can]
    dimensions = parents.low.shape[1]
    if not len(parents):
        return parents, fixed
    tries: MaskArray = (parents.splits.sum(axis=1) % max(1, dimensions // 2) == 0) & (may.sum(axis=1) > 1)
    found = []
    if tries.any():
        found.append(_tried(search, parents.take(tries), may[tries]))
    if not tries.all():
        rest = parents.take(~tries)
        found.append(_halved(search, rest, _axis(search, rest, may[~tries])))
    children = joined_boxes(found)
    inhabited: MaskArray = ~np.all(np.isneginf(children.bound), axis=1)
    return children.take(inhabited), fixed


def _splittable(search: BoxSearch, boxes: Boxes) -> MaskArray:
    """Per box and dimension whether there is something to split; a slice of a few numbers is as narrow as it gets."""
    found: MaskArray = boxes.high > boxes.low
    for j in range(len(search.plan.inputs), boxes.low.shape[1]):
        width = boxes.high[:, j] - boxes.low[:, j]
        size = np.maximum(np.abs(boxes.high[:, j]), np.abs(boxes.low[:, j]))
        found[:, j] &= (width > size * NARROWEST) & np.isfinite(width)
    return found


def _axis(search: BoxSearch, boxes: Boxes, may: MaskArray) -> NDArray[np.intp]:
    """The dimension to split: the one that gained most when it was tried last, else the one that was split least."""
    excess = _excess(search, boxes)
    scale = np.where(np.isfinite(excess), excess, 1.0)
    least = np.exp2(-boxes.splits)
    useful = np.where(np.isfinite(excess), boxes.gain.max(axis=1) > LITTLE * scale, boxes.gain.max(axis=1) > 0)  # without a bound a gain is that a half has one
    score = np.where(useful[:, None], np.minimum(boxes.gain, LARGE) + LEAST_SCORE * scale[:, None] * least, least)
    best: NDArray[np.intp] = np.argmax(np.where(may, score, -1.0), axis=1)
    return best


def _halved(search: BoxSearch, parents: Boxes, axis: NDArray[np.intp]) -> Boxes:
    """The halves of boxes along a dimension each, all lower ones first."""
    rows, count = np.arange(len(parents)), len(parents)
    first, second = halves(search.format, parents.low[rows, axis], parents.high[rows, axis], is_input=axis < len(search.plan.inputs))
    low, high = np.vstack([parents.low, parents.low]), np.vstack([parents.high, parents.high])
    high[rows, axis] = first
    low[rows + count, axis] = second
    with np.errstate(all="ignore"):
        width = parents.high[rows, axis] / 2 - parents.low[rows, axis] / 2
        part = np.concatenate([(first / 2 - parents.low[rows, axis] / 2) / width, (parents.high[rows, axis] / 2 - second / 2) / width])
    share = np.concatenate([parents.volume, parents.volume]) * np.where(np.isfinite(part), part, HALF)
    outside = narrow_to_equalities(search.constraint, search.format, low[:, : len(search.plan.inputs)], high[:, : len(search.plan.inputs)])
    bounds = []
    for start in range(0, 2 * count, search.batch):
        cut = slice(start, start + search.batch)
        found, forward = evaluate(search, low[cut], high[cut])
        _clip(search, forward, low[cut], high[cut])
        bounds.append(found)
    bound = np.minimum(np.vstack(bounds), np.vstack([parents.bound, parents.bound]))  # what holds in a box holds in its parts
    bound[outside] = -np.inf
    search.looked_at += 2 * count
    gain, splits = np.vstack([parents.gain, parents.gain]), np.vstack([parents.splits, parents.splits])
    children = Boxes(low, high, share, bound, gain, splits)
    gained = _gained(search, parents, children)
    both, axes = np.concatenate([rows, rows + count]), np.concatenate([axis, axis])
    gain[both, axes] = HALF * np.concatenate([gained, gained])
    splits[both, axes] += 1
    return children


def _gained(search: BoxSearch, parents: Boxes, children: Boxes) -> DoubleArray:
    """By how much the worse half of each box is better than the box."""
    before, after = _excess(search, parents), _excess(search, children)
    first, second = after[: len(parents)], after[len(parents) :]
    with np.errstate(all="ignore"):
        now = np.maximum(first, second)
        gained = np.where(np.isfinite(before), before - now, np.where(np.isfinite(now), LARGE, np.where(np.isfinite(np.minimum(first, second)), 1.0, 0.0)))
    return np.maximum(gained, 0.0)


def _tried(search: BoxSearch, parents: Boxes, may: MaskArray) -> Boxes:
    """The halves of boxes along the dimension that gains most, of all that are tried; every box has one that may be split."""
    rows, axes = np.nonzero(may)
    every = parents.take(rows)
    children = _halved(search, every, axes)
    gains = np.full(may.shape, -1.0)
    gains[rows, axes] = _gained(search, every, children)
    with np.errstate(all="ignore"):
        too_little = ~(gains.max(axis=1) > LITTLE * _excess(search, parents))
    best = np.where(too_little, np.argmax(np.where(may, np.exp2(-parents.splits), -1.0), axis=1), np.argmax(gains, axis=1))  # no single split helps: the longest side
    chosen = best[rows] == axes
    found = children.take(np.concatenate([chosen, chosen]))
    known = np.maximum(gains[rows[chosen]], 0.0)
    known[np.arange(len(known)), axes[chosen]] *= HALF
    found.gain[:] = np.concatenate([known, known])
    return found


def share_of(search: BoxSearch, boxes: Boxes) -> float:
    """The share of the domain that is in some boxes. Where boxes have slices: of random points, as no volume is known of these, and not less than one half of a point."""
    if not len(boxes) or not search.plan.cuts:
        return min(1.0, float(boxes.volume.sum()))
    inputs = len(search.plan.inputs)
    points = between(search.domain_low, search.domain_high, search.random.random((SAMPLED, inputs)))
    _, forward = evaluate(search, points, points, slices=False)
    low = np.column_stack([points, *(np.broadcast_to(forward.number(k).low, len(points)) for k in search.plan.cuts)])
    high = np.column_stack([points, *(np.broadcast_to(forward.number(k).high, len(points)) for k in search.plan.cuts)])
    inside = 0
    for first, last in zip(low, high, strict=True):
        inside += bool(np.any(np.all((boxes.low <= last) & (boxes.high >= first), axis=1)))
    return max(inside, HALF) / SAMPLED


# ---------------------------------------------------------------- at points


def _random_points(search: BoxSearch) -> DoubleArray:
    """Points all over the domain, in it and at its corners."""
    low, high = search.domain_low, search.domain_high
    inputs = len(low)
    inside = between(low, high, search.random.random((4 * POINTS, inputs)))
    corners = np.where(search.random.random((POINTS, inputs)) < HALF, low, high)
    return np.vstack([inside, corners])


def between(low: DoubleArray, high: DoubleArray, part: DoubleArray) -> DoubleArray:
    """Points that are so far on the way from one end to the other."""
    return low * (1 - part) + high * part


def meant_points(search: BoxSearch, points: DoubleArray) -> DoubleArray:
    """Points of the domain near to some points; those where `given` does not certainly hold are left out."""
    points = to_listed(search.constraint, nearest_numbers(search.format, np.clip(points, search.domain_low, search.domain_high)))
    points = moved_to_equalities(search.constraint, stored(search.format), points, search.random)
    points = points[np.all((points >= search.domain_low) & (points <= search.domain_high), axis=1)]
    return points[are_meant(search.constraint, points)]


def _points_in(search: BoxSearch, boxes: Boxes) -> DoubleArray:
    """Points in the boxes with the largest bounds, and near the points with the largest bounds so far."""
    inputs = len(search.plan.inputs)
    excess = _excess(search, boxes)
    order = np.argsort(-excess, kind="stable")[: POINTS // 2]
    low, high = boxes.low[order][:, :inputs], boxes.high[order][:, :inputs]
    found = [between(low, high, search.random.random(low.shape)), np.where(search.random.random(low.shape) < HALF, low, high)]
    for s in search.standing:
        if s.point_at is not None:
            width = np.minimum(search.domain_high / 2 - search.domain_low / 2, WIDEST_STEP)
            size = np.exp2(-search.random.integers(1, 40, (POINTS // 4, 1)))
            found.append(s.point_at + width * size * search.random.standard_normal((POINTS // 4, inputs)) * (search.random.random((POINTS // 4, inputs)) < HALF))
    return np.vstack(found)


def _at_points(search: BoxSearch, points: DoubleArray) -> None:
    """Note the largest bounds at points, which are moved into the domain and to numbers of the format."""
    points = meant_points(search, points)
    if not len(points):
        return
    bound, _ = evaluate(search, points, points, slices=False)
    for j, s in enumerate(search.standing):
        finite = np.where(np.isfinite(bound[:, j]), bound[:, j], -1.0)
        best = int(np.argmax(finite))
        if finite[best] > s.point:
            s.point, s.point_at = float(finite[best]), points[best]
