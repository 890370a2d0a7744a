"""Gates of which floats give one thing at 0.0 and another at -0.0, over boxes: what they are there, and how far the sides are apart.

Where an operand is a zero that may be either, no real value says what the floats give: nothing is known. Where it is computed, and its sign may be the
other one than over the reals, the floats may be off by the distance of the two sides.
"""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.intervals.angles import atan2
from verifier.arithmetic.intervals.choices import absolute
from verifier.arithmetic.intervals.interval import Interval, known, up
from verifier.arithmetic.types import Doubles

OF_SIGNED_ZERO = {"copysign": 1, "atan2": 0}  # and the operand whose sign decides
ABOVE_PI = 3.1415926535897936


def copysign(a: Interval, b: Interval, *, is_off: bool) -> tuple[Interval, Doubles | None]:
    """|a| with the sign of b, and what the floats may be off because b has another sign; `is_off`: b is not the real value."""
    size = absolute(a)
    low = np.where(b.low > 0, size.low, -size.high)
    high = np.where(b.high < 0, -size.low, size.high)
    found = Interval(low, high)
    apart = (b.low > 0) | (b.high < 0)
    if is_off:
        return known(found, ~np.isnan(b.low)), np.where(apart, 0.0, up(2 * size.high))
    return known(found, apart), None


def angle(a: Interval, b: Interval, *, is_off: bool) -> tuple[Interval, Doubles | None]:
    """atan2(a, b), and what the floats may be off because a has another sign to the left of 0."""
    found = atan2(a, b)
    apart = (b.low > 0) | (a.low > 0) | (a.high < 0)
    left = (b.high < 0) & ~apart
    if is_off:
        around = Interval(np.where(left, -ABOVE_PI, found.low), np.where(left, ABOVE_PI, found.high))
        return around, np.where(left, 2 * ABOVE_PI, 0.0)
    return known(found, apart), None
