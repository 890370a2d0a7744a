"""Remainders over boxes: between the jumps of the quotient a linear function, whose ends are at corners; across a jump within the divisor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verifier.arithmetic.intervals.interval import Interval, down, exactly, up
from verifier.arithmetic.types import Doubles, Mask

REMAINDERS = frozenset(("fmod", "remainder"))
MOST = 2.0**50  # quotients up to there are found as they are


class Remainder(NamedTuple):
    """The remainders of a column of boxes, and the whole quotient, which is NaN where it is not the same at all points."""

    value: Interval
    quotient: Doubles

    @property
    def jumps(self) -> Mask:
        """Where there may be a jump."""
        return np.isnan(self.quotient)


def remainder(gate: str, a: Interval, b: Interval) -> Remainder:
    """a less a whole multiple of b, with the sign of a (`fmod`) or of b (`remainder`); not known where b may be 0, or something is not finite."""
    corners = [_at_point(gate, x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    rests, wholes = [r for r, _ in corners], [n for _, n in corners]
    low, high = np.minimum.reduce(rests), np.maximum.reduce(rests)
    if gate == "remainder":  # its corners are rounded
        low, high = np.maximum(down(low), np.minimum(b.low, 0.0)), np.minimum(up(high), np.maximum(b.high, 0.0))
    same = (np.minimum.reduce(wholes) == np.maximum.reduce(wholes)) & (np.abs(wholes[0]) < MOST)
    if gate == "fmod":
        size = np.minimum(np.maximum(np.abs(a.low), np.abs(a.high)), np.maximum(np.abs(b.low), np.abs(b.high)))
        widest = np.where(a.low >= 0, 0.0, -size), np.where(a.high <= 0, 0.0, size)
    else:
        widest = np.minimum(b.low, 0.0), np.maximum(b.high, 0.0)
    good = ((b.low > 0) | (b.high < 0)) & np.isfinite(a.low) & np.isfinite(a.high) & np.isfinite(b.low) & np.isfinite(b.high)
    value = Interval(*(np.where(good, np.where(same, near, far), np.nan) for near, far in ((low, widest[0]), (high, widest[1]))))
    return Remainder(value, np.where(good & same, wholes[0], np.nan))


def _at_point(gate: str, a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """The remainder of two numbers, exact (`fmod`) or rounded once, and the whole quotient."""
    rest = np.fmod(a, b)  # exact
    whole = np.rint((a - rest) / b)
    if gate == "remainder":
        turned = (rest != 0) & ((rest < 0) != (b < 0))
        rest, whole = np.where(turned, rest + b, rest), np.where(turned, whole - 1.0, whole)
    return rest, whole


def slope_of(found: Remainder, position: int) -> Interval:
    """The partial derivative by the dividend (0) or the divisor (1); 0 where the quotient may jump: the jump is an error that has all of the difference."""
    return exactly(np.where(found.jumps, 0.0, 1.0 if position == 0 else -found.quotient))
