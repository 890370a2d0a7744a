"""Enclosures of the angle of points in the plane, atan2."""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.intervals.interval import Interval, down, everywhere, is_thin, known, up

ANGLE = 8.0  # units of 2^-52 that a kernel may be off: glibc's is within 0.3 wherever it was compared, those of vector libraries within 4 by their own account


def atan2(a: Interval, b: Interval) -> Interval:
    """The angle of the points of rectangles, which is largest and least at corners; not known across the half line a = 0, b <= 0, where it jumps, and at 0."""
    if is_thin(a) and is_thin(b):
        low = high = np.arctan2(a.low + 0.0, b.low + 0.0)
    else:
        corners = [np.arctan2(y + 0.0, x + 0.0) for y in (a.low, a.high) for x in (b.low, b.high)]
        low = np.minimum(np.minimum(corners[0], corners[1]), np.minimum(corners[2], corners[3]))
        high = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    apart = (b.low > 0) | (a.low > 0) | (a.high < 0) | ((a.low == 0) & (b.high < 0))
    found = Interval(down(low, ANGLE), up(high, ANGLE))
    return found if everywhere(apart) else known(found, apart)


def atan2_strict(a: Interval, b: Interval) -> Interval:
    """The same, not known on the half line either."""
    return known(atan2(a, b), (b.low > 0) | (a.low > 0) | (a.high < 0))
