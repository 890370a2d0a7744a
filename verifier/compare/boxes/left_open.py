"""The boxes that a search leaves open: in one dimension gathered to a few intervals, in more those that touch made one; and the absolute bound that holds in all of them."""

from __future__ import annotations

import math

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.compare.boxes import effects
from verifier.compare.boxes.branch import Boxes, BoxSearch
from verifier.compare.boxes.enclosures import ForwardBoxes
from verifier.compare.boxes.split import after
from verifier.language.formats import Format

MOST_INTERVALS = 8
APART = 2.0**-20  # of the distance of the first open box from the last: what is nearer to each other is one interval
PARTS = 64  # of an interval, for its bound
MOST_HULLS = 4096


def gathered(search: BoxSearch, boxes: Boxes) -> tuple[DoubleArray, DoubleArray]:
    """The ends of open boxes per input, the largest first: in one dimension those of few intervals that have all of them, else of boxes that together are the open ones."""
    inputs = len(search.plan.inputs)
    low, high = boxes.low[:, :inputs], boxes.high[:, :inputs]
    moving = np.flatnonzero(search.domain_high > search.domain_low)
    if len(boxes) > 1 and len(moving) == 1:
        low, high = _intervals(low, high, int(moving[0]))
        order = np.argsort(low[:, moving[0]] / 2 - high[:, moving[0]] / 2, kind="stable")
    else:
        low, high = _joined(search.format, low, high)
        total = search.domain_high[moving] / 2 - search.domain_low[moving] / 2
        order = np.argsort(-np.prod((high / 2 - low / 2)[:, moving] / total, axis=1), kind="stable")
    return low[order], high[order]


def _joined(fmt: Format, low: DoubleArray, high: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """The same numbers in fewer boxes: two that differ in one input only, and of which one begins where the other ends, are one."""
    inputs, before = low.shape[1], len(low) + 1
    while 1 < len(low) < before:
        before = len(low)
        for axis in range(inputs):
            others = [i for i in range(inputs) if i != axis]
            order = np.lexsort((low[:, axis], *(end[:, i] for i in others for end in (low, high))))
            low, high = low[order], high[order]
            alike = np.all((low[1:, others] == low[:-1, others]) & (high[1:, others] == high[:-1, others]), axis=1)
            first = np.concatenate([[0], np.flatnonzero(~(alike & (low[1:, axis] <= after(fmt, high[:-1, axis])))) + 1])
            last = np.maximum.reduceat(high[:, axis], first)
            low, high = low[first], high[first]
            high[:, axis] = last
    return low, high


def _intervals(low: DoubleArray, high: DoubleArray, axis: int) -> tuple[DoubleArray, DoubleArray]:
    """Intervals that together have all boxes, which differ in one input only."""
    order = np.argsort(low[:, axis], kind="stable")
    low, high = low[order], high[order]
    reach = np.maximum.accumulate(high[:, axis])
    gaps = low[1:, axis] / 2 - reach[:-1] / 2
    least = APART * (reach[-1] / 2 - low[0, axis] / 2)
    widest = np.argsort(-gaps, kind="stable")[: MOST_INTERVALS - 1]
    cuts = np.sort(widest[gaps[widest] > least])
    first, last = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [len(low) - 1]])
    ends = high[last].copy()
    ends[:, axis] = reach[last]
    return low[first], ends


def absolute_bound(search: BoxSearch, output: int, low: DoubleArray, high: DoubleArray) -> float | None:
    """A bound of |float - real| that holds in all of some boxes; None where none is known."""
    if len(low) > MOST_HULLS:
        low, high = _hulls(low, high)
    elif len(low) <= MOST_INTERVALS:
        low, high = _parts(low, high)
    largest = 0.0
    for start in range(0, len(low), search.batch):
        rows = slice(start, start + search.batch)
        with np.errstate(all="ignore"):
            forward = ForwardBoxes(search.plan, [np.ascontiguousarray(c) for c in low[rows].T], [np.ascontiguousarray(c) for c in high[rows].T])
            largest = max(largest, float(np.max(effects.absolute(forward, output).bound)))
        if not math.isfinite(largest):
            return None
    return largest


def _hulls(low: DoubleArray, high: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Fewer boxes, each around neighbours along the first input."""
    order = np.lexsort(low.T[::-1])
    starts = np.linspace(0, len(low), MOST_HULLS, endpoint=False).astype(np.intp)
    return np.minimum.reduceat(low[order], starts, axis=0), np.maximum.reduceat(high[order], starts, axis=0)


def _parts(low: DoubleArray, high: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Boxes cut along their widest input into parts whose ends touch."""
    width = high / 2 - low / 2
    axis = np.argmax(width, axis=1)
    rows = np.arange(len(low))
    share = np.linspace(0.0, 1.0, PARTS + 1)
    first, last = low[rows, axis][:, None], high[rows, axis][:, None]
    at = np.clip(first * (1 - share) + last * share, first, last)
    at[:, 0], at[:, -1] = first[:, 0], last[:, 0]
    at = np.maximum.accumulate(at, axis=1)
    many = np.repeat(rows, PARTS)
    lower, upper = low[many].copy(), high[many].copy()
    lower[np.arange(len(many)), axis[many]], upper[np.arange(len(many)), axis[many]] = at[:, :-1].ravel(), at[:, 1:].ravel()
    return lower, upper
