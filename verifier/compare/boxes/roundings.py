"""The largest rounding of an operation over a box, absolute and relative, from the enclosure of its exact result.

Absolute errors are counted in units of 2^-200, so that those of the smallest float64 are numbers, too. All figures are upper bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verifier.arithmetic.intervals.interval import Interval
from verifier.arithmetic.types import Doubles, Mask
from verifier.language.formats import Format

SCALE = 200  # the unit of absolute errors is 2^-SCALE
SLACK = 1 + 2.0**-50  # covers a few roundings of these computations


class FormatFigures(NamedTuple):
    """What is needed of a format."""

    precision: int
    emin: int
    largest: float
    unit: float  # 2^-p
    least: float  # the smallest subnormal

    @property
    def tiny(self) -> float:
        """Half the smallest subnormal, in units of 2^-SCALE: the largest error below the normal numbers."""
        return float(np.ldexp(1.0, self.emin - self.precision + SCALE))

    @property
    def normal(self) -> float:
        """The smallest normal number."""
        return float(np.ldexp(1.0, self.emin))


def bits(fmt: Format) -> FormatFigures:
    """The figures of a format."""
    return FormatFigures(fmt.precision, fmt.emin, fmt.largest, 2.0**-fmt.precision, float(fmt.smallest))


class LargestRounding(NamedTuple):
    """Of one operation: `error` bounds |float - exact|; but for `besides`, which is absolute, |float - exact| is at most `relative` |exact|; 0 is no rounding."""

    error: Doubles
    relative: Doubles
    besides: Doubles

    @property
    def may_overflow(self) -> Mask:
        """Where the exact result may be beyond the largest number, or is not known."""
        return np.isinf(self.relative)


ZERO = np.float64(0.0)
NONE = LargestRounding(ZERO, ZERO, ZERO)


def sizes(a: Interval) -> tuple[Doubles, Doubles]:
    """The least and the largest absolute value of the numbers of an interval; NaN where nothing is known."""
    if a.low is a.high:
        size = np.abs(a.low)
        return size, size
    return np.maximum(np.maximum(a.low, -a.high), 0.0), np.maximum(np.abs(a.low), np.abs(a.high))


def half_ulp(size: Doubles, b: FormatFigures) -> Doubles:
    """Half an ulp of a number, in units of 2^-SCALE."""
    exponent = np.where(size == 0, b.emin, np.maximum(np.frexp(size)[1] - 1, b.emin))
    return np.ldexp(1.0, exponent - b.precision + SCALE)  # type: ignore[no-any-return]


def ulp_of(size: Doubles, b: FormatFigures) -> Doubles:
    """The ulp of a number, as it is: one above 2^875 is too large for the unit of errors."""
    exponent = np.where(size == 0, b.emin, np.maximum(np.frexp(size)[1] - 1, b.emin))
    return np.ldexp(1.0, exponent - b.precision + 1)  # type: ignore[no-any-return]


def to_nearest(least: Doubles, most: Doubles, b: FormatFigures, *, may_underflow: bool) -> LargestRounding:
    """Of an operation that is rounded to the nearest number, for exact results of sizes from `least` to `most`."""
    exponent = np.frexp(most)[1] - 1
    half = np.ldexp(1.0, np.maximum(exponent, b.emin) - b.precision + SCALE)
    above = np.ldexp(most - np.ldexp(1.0, exponent), SCALE)  # just above a power of two, which is a number, the error is no more than the distance to it
    error = np.where(exponent > b.emin, np.maximum(half / 2, np.minimum(half, above)), half)
    error = np.where(most == 0, 0.0, error)
    return _both(error, least, most, b, np.float64(b.unit), b.tiny if may_underflow else 0.0)


def of_library(least: Doubles, most: Doubles, b: FormatFigures, ulps: float) -> LargestRounding:
    """Of a function that is within so many ulps of the exact value."""
    error = half_ulp(most, b) * (2 * ulps * SLACK)
    return _both(error, least, most, b, np.float64(2 * ulps * b.unit * SLACK), 2 * ulps * b.tiny * SLACK)


def _both(error: Doubles, least: Doubles, most: Doubles, b: FormatFigures, unit: Doubles, tiny: float) -> LargestRounding:
    """With the relative bound: that of all normal numbers, or the absolute one over the least size."""
    scaled = np.ldexp(least, SCALE)
    by_size = np.where(np.isinf(scaled), np.inf, error / scaled * SLACK)  # inf where 0 is among the results, and where the unit is too small
    relative = np.where(error == 0, 0.0, np.fmin(unit, by_size))
    besides = np.where((least < b.normal) & (error != 0), tiny, 0.0) if tiny else ZERO
    lost = ~(most <= b.largest)  # what may overflow, and what is not known
    if np.any(lost):
        error, relative, besides = np.where(lost, np.inf, error), np.where(lost, np.inf, relative), np.where(lost, np.inf, besides)
    return LargestRounding(error, relative, besides)


def at_most(rounding: LargestRounding, limit: Doubles) -> LargestRounding:
    """The same, where the absolute error is known to be within another limit, too (in units of 2^-SCALE); 0 is exact. What may overflow has no limit."""
    error = np.where(rounding.may_overflow, np.inf, np.minimum(rounding.error, limit))
    exact = error == 0
    return LargestRounding(error, np.where(exact, 0.0, rounding.relative), np.where(exact, 0.0, rounding.besides))


def with_jump(rounding: LargestRounding, jump: Doubles) -> LargestRounding:
    """With an error that is no rounding: the distance of the branches, where the floats may take another one."""
    scaled = np.ldexp(jump, SCALE) * SLACK
    return LargestRounding((rounding.error + scaled) * SLACK, rounding.relative, (rounding.besides + scaled) * SLACK)
