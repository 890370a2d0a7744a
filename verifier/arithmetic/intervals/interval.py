"""A vector of float64 intervals and its arithmetic, every end rounded outward; what is exact stays a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from verifier.arithmetic.types import Doubles, Mask, Truths

EPSILON = 2.0**-52  # |x| * EPSILON is at least one ulp of a normal x
TINY = 2.0**-1022  # at least any error below the normal numbers
LARGEST = 1.7976931348623157e308


class Interval(NamedTuple):
    """Lower and upper ends (arrays, or scalars for what is the same at every point; one object where they are equal).

    `never` marks the points where there is certainly no real value, not even nearby; None is nowhere.
    """

    low: Doubles
    high: Doubles
    never: Mask | None = None


def exactly(value: Doubles) -> Interval:
    """The interval that is a point."""
    return Interval(value, value)


UNKNOWN = Interval(np.float64("nan"), np.float64("nan"))
ONE = exactly(np.float64(1.0))


def is_thin(a: Interval) -> bool:
    """Whether every interval of the vector is a point."""
    return a.low is a.high


def number(value: Interval | Truths) -> Interval:
    """A step's value that is known to be a number, no truth value."""
    assert isinstance(value, Interval), value
    return value


def everywhere(condition: Mask) -> bool:
    """Whether a condition holds at all points."""
    return bool(np.all(condition))


def known(a: Interval, where: Mask) -> Interval:
    """NaN where a condition does not hold."""
    return Interval(np.where(where, a.low, np.nan), np.where(where, a.high, np.nan), a.never)


def magnitude(a: Interval) -> tuple[Doubles, Doubles]:
    """The least and the largest absolute value."""
    low, high = np.abs(a.low), np.abs(a.high)
    if is_thin(a):
        return low, low
    return np.where((a.low <= 0) & (a.high >= 0), 0.0, np.minimum(low, high)), np.maximum(low, high)


# ---------------------------------------------------------------- outward rounding


def down(x: Doubles, ulps: Doubles | float = 1.0) -> Doubles:
    """A lower bound of every number that rounds to x, or is within so many ulps of it."""
    x = np.minimum(x, LARGEST)  # a lower end that overflowed is still a lower end
    slack = np.abs(x)
    slack *= ulps * EPSILON
    slack += TINY
    return np.subtract(x, slack, out=slack) if isinstance(slack, np.ndarray) else x - slack


def up(x: Doubles, ulps: Doubles | float = 1.0) -> Doubles:
    """An upper bound of every number that rounds to x, or is within so many ulps of it."""
    x = np.maximum(x, -LARGEST)
    slack = np.abs(x)
    slack *= ulps * EPSILON
    slack += TINY
    return np.add(x, slack, out=slack) if isinstance(slack, np.ndarray) else x + slack


def around(low: Doubles, high: Doubles, ulps: Doubles | float = 1.0) -> Interval:
    """The interval of two ends, each rounded outward."""
    return Interval(down(low, ulps), up(high, ulps))


# ---------------------------------------------------------------- sums


def add(a: Interval, b: Interval) -> Interval:
    """a + b."""
    return _thin_sum(a.low, b.low) if is_thin(a) and is_thin(b) else around(a.low + b.low, a.high + b.high)


def neg(a: Interval) -> Interval:
    """-a."""
    low = -a.high
    return Interval(low, low if is_thin(a) else -a.low)


def sub(a: Interval, b: Interval) -> Interval:
    """a - b."""
    return _thin_sum(a.low, -b.low) if is_thin(a) and is_thin(b) else around(a.low - b.high, a.high - b.low)


def _thin_sum(a: Doubles, b: Doubles) -> Interval:
    """The sum of two points: a point where it is exact (Knuth's two-sum gives the error of the rounding), else rounded outward."""
    total = a + b
    part = total - a
    exact = (a - (total - part)) + (b - part) == 0
    if everywhere(exact):
        return exactly(total)
    wide = around(total, total)
    return Interval(np.where(exact, total, wide.low), np.where(exact, total, wide.high)) if np.any(exact) else wide


# ---------------------------------------------------------------- products


def _is_one(a: Interval) -> bool:
    return is_thin(a) and np.ndim(a.low) == 0 and bool(a.low == 1)


def is_single(x: Doubles) -> bool:
    """Whether all values are numbers of float32, so that the product of two of them is exact in float64."""
    return everywhere(np.float32(x) == x) if np.ndim(x) == 0 else everywhere(x.astype(np.float32) == x)


def mul(a: Interval, b: Interval) -> Interval:
    """a * b; with a itself, its square."""
    if _is_one(a) or _is_one(b):
        return b if _is_one(a) else a
    if is_thin(a) and is_thin(b):
        product = a.low * b.low
        return exactly(product) if is_single(a.low) and (a.low is b.low or is_single(b.low)) and everywhere(np.isfinite(product)) else around(product, product)
    if a.low is b.low and a.high is b.high:
        return _square(a)
    for x, y in ((a, b), (b, a)):
        if everywhere(x.low >= 0):
            if everywhere(y.low >= 0):
                return _ends(x.low * y.low, x.high * y.high, a, b)
            if everywhere(y.high <= 0):
                return _ends(x.high * y.low, x.low * y.high, a, b)
            low = np.where(y.low < 0, x.high, x.low) * y.low
            return _ends(low, np.where(y.high < 0, x.low, x.high) * y.high, a, b)
    if everywhere(a.high <= 0) and everywhere(b.high <= 0):
        return _ends(a.high * b.high, a.low * b.low, a, b)
    return _hull((a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high))


def _ends(low: Doubles, high: Doubles, a: Interval, b: Interval) -> Interval:
    """Where both operands are known an end is NaN as 0 * inf only: 0, as an infinite end is not reached."""
    if np.isnan(np.max(high)) or np.isnan(np.max(low)):
        lost = np.isnan(a.low) | np.isnan(b.low)
        low, high = (np.where(lost, np.nan, np.where(np.isnan(end), 0.0, end)) for end in (low, high))
    return around(low, high)


def _hull(corners: Sequence[Doubles]) -> Interval:
    """0 * inf is 0 at an end that is not reached: fmin and fmax pass over its NaN."""
    low = np.fmin(np.fmin(corners[0], corners[1]), np.fmin(corners[2], corners[3]))
    high = np.fmax(np.fmax(corners[0], corners[1]), np.fmax(corners[2], corners[3]))
    return around(low, high)


def _square(a: Interval) -> Interval:
    if everywhere(a.low >= 0):
        return around(a.low * a.low, a.high * a.high)
    if everywhere(a.high <= 0):
        return around(a.high * a.high, a.low * a.low)
    low, high = np.abs(a.low), np.abs(a.high)
    inside = (a.low <= 0) & (a.high >= 0)
    smaller, larger = np.minimum(low, high), np.maximum(low, high)
    return Interval(np.where(inside, 0.0, down(smaller * smaller)), up(larger * larger))


def div(a: Interval, b: Interval) -> Interval:
    """a / b; not known where b may be 0."""
    if is_thin(a) and is_thin(b):
        quotient = np.where(b.low == 0, np.nan, a.low / b.low)
        return exactly(quotient) if _is_halved(a.low, b.low, quotient) else around(quotient, quotient)
    if everywhere(b.low > 0):
        if is_thin(a) and np.ndim(a.low) == 0:
            ends = (a.low / b.high, a.low / b.low)
            return around(*(ends if a.low >= 0 else ends[::-1]))
        if everywhere(a.low >= 0):
            return around(a.low / b.high, a.high / b.low)
    result = _hull((a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high))
    safe = (b.low > 0) | (b.high < 0)
    return result if everywhere(safe) else known(result, safe)


def _is_halved(a: Doubles, b: Doubles, quotient: Doubles) -> bool:
    """Whether a is divided by one power of two, and nothing is lost below the normal numbers."""
    if np.ndim(b) or abs(np.frexp(b)[0]) != 0.5:
        return False
    return everywhere(np.isfinite(quotient) & (quotient * b == a))


# ---------------------------------------------------------------- powers


def power(a: Interval, b: Interval) -> Interval:
    """a ** b, over the reals."""
    if is_thin(b) and np.ndim(b.low) == 0:
        n = float(b.low)
        if n == int(n) and abs(n) < 2**31:
            return _integer_power(a, int(n))
        positive = a.low > 0 if n < 0 else a.low >= 0
        low, high = np.power(a.low, n), np.power(a.high, n)
        result = around(high, low, 4.0) if n < 0 else around(low, high, 4.0)
        floor = Interval(np.maximum(result.low, 0.0), result.high)
        return floor if everywhere(positive) else Interval(*known(floor, positive)[:2], a.high < 0)
    result = _hull((np.power(a.low, b.low), np.power(a.low, b.high), np.power(a.high, b.low), np.power(a.high, b.high)))
    wide = Interval(np.maximum(down(result.low, 4.0), 0.0), up(result.high, 4.0))
    return known(wide, a.low > 0)


def _integer_power(a: Interval, n: int) -> Interval:
    if n == 0:
        return known(Interval(np.where(True, 1.0, a.low), np.where(True, 1.0, a.low)), ~np.isnan(a.low))
    if n < 0:
        return div(ONE, _integer_power(a, -n))
    if n == 1:
        return a
    if n == 2:
        result = mul(a, a)
        return result if is_thin(result) else Interval(np.maximum(result.low, 0.0), result.high, result.never)
    if n % 2:
        low = _raised(a.low, n)
        return around(low, low if is_thin(a) else _raised(a.high, n), 4.0)
    least, most = magnitude(a)
    low = _raised(least, n)
    return Interval(np.maximum(down(low, 4.0), 0.0), up(low if least is most else _raised(most, n), 4.0))


MOST_FACTORS = 8  # their 7 roundings of 2^-53 are less than 4 units of 2^-52


def _raised(x: Doubles, n: int) -> Doubles:
    """x to a whole power: by products where they are few, which is ten times as quick. What underflows on the way, in a product that only gets smaller, is under TINY."""
    if n > MOST_FACTORS:
        return np.power(x, n)
    result = x * x
    for _ in range(n - 2):
        result = result * x
    return result
