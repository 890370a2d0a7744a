"""A narrower enclosure of the exact gradient over boxes, from its value at a corner and its partial derivatives by the inputs (a centred form).

By the mean value theorem g(x) = g(c) + sum of D_i * (x_i - c_i), with every D_i somewhere between c and x, so in the enclosure over the box. Where D_i has
one sign, c is at that end of the box where g is nearest to 0, and nothing is lost; else it is in the middle. Intervals alone lose the more, the more often an input occurs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from verifier.arithmetic.intervals.interval import Interval, add, exactly, mul, sub
from verifier.arithmetic.types import DoubleArray
from verifier.compare.boxes.enclosures import ForwardBoxes
from verifier.compare.boxes.roundings import sizes

WORTH = 1.25  # a smaller ratio of the largest to the least size is not worth another pass


def narrower(forward: ForwardBoxes, output: int, adjoints: Mapping[int, Interval]) -> Interval:
    """What an operation's real value can be, from the adjoints of all inputs: the enclosure of the forward pass, or a part of it."""
    plan = forward.plan
    g = forward.exact[output]
    assert isinstance(g, Interval)
    least, most = sizes(g)
    rows = np.flatnonzero(np.broadcast_to(most > WORTH * least, forward.empty.shape))
    if not len(rows) or not plan.is_smooth:
        return g
    below, above = (np.broadcast_to(end, forward.empty.shape)[rows] for end in (g.low, g.high))
    is_above = below / 2 + above / 2 >= 0
    at: list[DoubleArray] = []
    changes = exactly(np.zeros(len(rows)))
    for k in plan.inputs:
        here = forward.number(k)
        low, high = (np.broadcast_to(end, forward.empty.shape)[rows] for end in (here.low, here.high))
        slope = adjoints.get(k)
        if slope is None:
            at.append(low)
            continue
        slope = Interval(np.broadcast_to(slope.low, forward.empty.shape)[rows], np.broadcast_to(slope.high, forward.empty.shape)[rows])
        point = np.where(slope.low >= 0, np.where(is_above, low, high), np.where(slope.high <= 0, np.where(is_above, high, low), np.clip(low / 2 + high / 2, low, high)))
        at.append(point)
        part = mul(slope, sub(Interval(low, high), exactly(point)))
        still = low == high
        changes = add(changes, Interval(np.where(still, 0.0, part.low), np.where(still, 0.0, part.high)))
    there = ForwardBoxes(plan, at, at, is_real=True).exact[output]
    assert isinstance(there, Interval)
    found = add(there, changes)
    low, high = (np.array(np.broadcast_to(end, forward.empty.shape)) for end in (g.low, g.high))
    low[rows], high[rows] = np.fmax(below, found.low), np.fmin(above, found.high)
    return Interval(np.minimum(low, high), np.maximum(low, high))
