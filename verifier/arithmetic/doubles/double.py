"""A column of float64 that stands for real numbers, with one bound of the error for all points.

At every point the real number is within `rel |value| + fixed` of `value`, and `value` is in [`low`, `high`]. The numbers of a column that comes from consecutive inputs lie near each other,
so one bound loses little, and an operation takes one pass over memory where an interval takes eight. What a bound for all points cannot say is not known here:
a divisor that may be 0, a number on both sides of a kink. An infinite `rel` says that nothing is known.

IEEE 754 rounds each operation to nearest: it is off by at most U |result|, where the result is normal; a sum is exact where it is subnormal, and a product or a quotient is off by less than
TINY there. Rounding is monotonic, so the ends of a result, computed with the same operation from the ends of the operands, hold all its values without rounding them outward. The
bounds are computed in float64 with a few roundings of their own, each under 2^-52 of a bound: LARGER makes up for them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from verifier.arithmetic.types import DoubleArray, Doubles, Mask

U = 2.0**-53
LARGER = 1 + 2.0**-40
TINY = 2.0**-1074
SMALL = 2.0**-1000  # what is above it is normal, with room for every use here
MOST = 2.0**-10  # of a relative bound: then what underflows, times it, is within TINY
WIDEST = 2.0**-20  # a larger relative error of a divisor, a root's argument or a logarithm's is given up


class Double(NamedTuple):
    """A column, or one float64 that is the same at every point; `never` is true where there is certainly no real value."""

    value: Doubles
    low: float
    high: float
    rel: float = 0.0
    fixed: float = 0.0
    never: Mask | None = None

    @property
    def size(self) -> float:
        """The largest absolute value."""
        return max(-self.low, self.high)

    @property
    def least(self) -> float:
        """A number that no absolute value is below: 0 where values have both signs."""
        return max(self.low, -self.high, 0.0)

    @property
    def error(self) -> float:
        """The bound at all points."""
        return 0.0 if self.is_exact else (self.rel * self.size + self.fixed) * LARGER + TINY

    @property
    def floor(self) -> float:
        """A bound of the real numbers from below."""
        return self.low if self.is_exact else math.nextafter(self.low - self.error, -math.inf)

    @property
    def ceiling(self) -> float:
        """A bound of the real numbers from above."""
        return self.high if self.is_exact else math.nextafter(self.high + self.error, math.inf)

    @property
    def relative(self) -> float:
        """A bound relative to every value, infinite where a value may be 0."""
        if not self.fixed:
            return self.rel
        return (self.rel + self.fixed / self.least) * LARGER + TINY if self.least else math.inf

    @property
    def is_known(self) -> bool:
        """Whether there is a bound."""
        return self.rel < math.inf

    @property
    def is_exact(self) -> bool:
        """Whether the floats are the numbers themselves."""
        return not self.rel and not self.fixed


UNKNOWN = Double(np.float64("nan"), -math.inf, math.inf, math.inf)
NEVER = UNKNOWN._replace(never=np.True_)


def exactly(value: Doubles) -> Double:
    """The floats themselves."""
    low, high = float(np.min(value)), float(np.max(value))
    return Double(value, low, high) if math.isfinite(low) and math.isfinite(high) else UNKNOWN


ZERO, ONE = exactly(np.float64(0.0)), exactly(np.float64(1.0))


def bounded(value: Doubles, low: float, high: float, rel: float, fixed: float = 0.0) -> Double:
    """What is known of a result: nothing where it overflows, or where its error is a thousandth of it."""
    return Double(value, low, high, rel * LARGER, fixed * LARGER) if math.isfinite(low) and math.isfinite(high) and rel < MOST and fixed < math.inf else UNKNOWN


def tightened(a: Double) -> Double:
    """The same with the ends that the values have, where those that follow from the operands have both signs."""
    return a._replace(low=float(np.min(a.value)), high=float(np.max(a.value))) if a.low <= 0 <= a.high and a.is_known and np.ndim(a.value) else a


def is_zero(a: Double) -> bool:
    """Whether it is exactly 0 at all points."""
    return a.low == a.high == 0 and a.is_exact


def is_below(a: Double, b: Double) -> bool:
    """Whether a < b for certain, at all points."""
    return a.is_known and b.is_known and a.ceiling < b.floor


def add(a: Double, b: Double) -> Double:
    """a + b. Where no numbers have different signs |a| + |b| is |a + b|, and the larger of both relative bounds is one of the sum."""
    value, low, high = a.value + b.value, a.low + b.low, a.high + b.high
    if (a.low >= 0 and b.low >= 0) or (a.high <= 0 and b.high <= 0):
        return bounded(value, low, high, max(a.rel, b.rel) + U, a.fixed + b.fixed)
    return bounded(value, low, high, U, a.error + b.error)


def neg(a: Double) -> Double:
    """-a."""
    return Double(-a.value, -a.high, -a.low, a.rel, a.fixed, a.never)


def sub(a: Double, b: Double) -> Double:
    """a - b."""
    return add(a, neg(b))


def _corners(ends: tuple[float, ...]) -> tuple[float, float]:
    return (min(ends), max(ends)) if all(map(math.isfinite, ends)) else (-math.inf, math.inf)


def _lost(low: float, high: float) -> float:
    """What a product or a quotient may lose below the normal numbers."""
    return 0.0 if low > SMALL or high < -SMALL else TINY


def mul(a: Double, b: Double) -> Double:
    """a * b, off by |a| eb + |b| ea + ea eb and the rounding, where the operands are off by ea and eb."""
    for x, y in ((a, b), (b, a)):
        if x.is_exact and x.low == x.high and abs(x.low) == 1:
            return y if x.low == 1 else neg(y)
        if is_zero(x) and y.is_known:
            return ZERO
    value = a.value * b.value
    low, high = _corners((a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high))
    if a.value is b.value:
        low = max(low, 0.0)
    fixed = a.size * b.fixed * (1 + a.rel) + b.size * a.fixed * (1 + b.rel) + a.fixed * b.fixed + 4 * TINY if a.fixed or b.fixed else 0.0  # each product may underflow
    return bounded(value, low, high, a.rel + b.rel + a.rel * b.rel + U, fixed + _lost(low, high))


def div(a: Double, b: Double) -> Double:
    """a / b, off by (ea + |a / b| eb) / (|b| - eb) and the rounding; not known where b may be 0."""
    b = tightened(b)
    if is_zero(b):
        return NEVER if a.is_known else UNKNOWN
    off = b.relative
    if b.low <= 0 <= b.high or not off < WIDEST:
        return UNKNOWN
    low, high = _corners((a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high))
    fixed = a.fixed / (b.least * (1 - off)) + TINY if a.fixed else 0.0
    return bounded(a.value / b.value, low, high, (a.rel + off) / (1 - off) + U, fixed + (0.0 if is_zero(a) else _lost(low, high)))


def sqrt(a: Double) -> Double:
    """The square root: |sqrt(1 + d) - 1| <= |d| (1 + |d|) / 2 for |d| < 1/2."""
    a = tightened(a)
    off = a.relative
    if is_zero(a):
        return ZERO
    if is_below(a, ZERO):
        return NEVER
    if not (a.low > SMALL and off < WIDEST):
        return UNKNOWN
    return bounded(np.sqrt(a.value), math.sqrt(a.low), math.sqrt(a.high), off * (1 + off) / 2 + U)


def absolute(a: Double) -> Double:
    """|a|, which is no further from the float's than a is from the float."""
    if a.low >= 0:
        return a
    return neg(a) if a.high <= 0 else Double(np.abs(a.value), 0.0, a.size, a.rel, a.fixed, a.never)


def is_apart(a: Double, b: Double = ZERO) -> bool:
    """Whether two numbers differ for certain, in the same direction at all points."""
    return is_below(a, b) or is_below(b, a)


def column(value: Doubles, count: int) -> DoubleArray:
    """As an array of so many."""
    return np.broadcast_to(value, (count,)) if np.ndim(value) == 0 else np.asarray(value)
