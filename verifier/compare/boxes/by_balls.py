"""Special functions over boxes by balls, one box after the other, where the enclosures in columns know nothing: Arb encloses a function of an interval."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.ball_functions import SPECIAL_FUNCTIONS
from verifier.arithmetic.intervals.interval import Interval
from verifier.arithmetic.types import Ball

BY_BALLS = SPECIAL_FUNCTIONS
BITS = 80
MOST_SECONDS = 1.0  # for one function of one column of boxes; what is left is not known, and its boxes are split


def enclosed(gate: str, args: Sequence[Interval], found: Interval) -> Interval:
    """What is known of a function, and where that is nothing, what balls say of it."""
    ends = np.broadcast_arrays(found.low, found.high, *(end for a in args for end in (a.low, a.high)))
    low, high, *operands = (np.array(e, dtype=np.float64).ravel() for e in ends)
    rows = np.flatnonzero((np.isnan(low) | np.isnan(high)) & np.all(np.isfinite(operands), axis=0))
    if not len(rows):
        return found
    function = balls.function_of(gate, strict=False)
    started = time.process_time()
    with balls.precision(BITS):
        for i in rows.tolist():
            low[i], high[i] = _ends(function(*(_ball(float(a[i]), float(b[i])) for a, b in zip(operands[::2], operands[1::2], strict=True))))
            if time.process_time() - started > MOST_SECONDS:
                break
    shape = ends[0].shape
    return Interval(low.reshape(shape), high.reshape(shape))


def _ball(low: float, high: float) -> Ball:
    return arb(low) if low == high else arb(low).union(arb(high))


def _ends(ball: Ball) -> tuple[float, float]:
    """Two numbers, with everything of a ball between them; NaN where it is not finite."""
    if not ball.is_finite():
        return float("nan"), float("nan")
    return float(np.nextafter(float(ball.lower()), -np.inf)), float(np.nextafter(float(ball.upper()), np.inf))
