"""Kinks, steps, comparisons and choices of vectors of intervals; at a kink or on a boundary the strict ones know nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.intervals.interval import Interval, everywhere, exactly, is_thin, known, magnitude
from verifier.arithmetic.types import Doubles, Mask, Truths


def absolute(a: Interval) -> Interval:
    """|a|."""
    if is_thin(a):
        return exactly(np.abs(a.low))
    return Interval(*magnitude(a))


def _absolute_strict(a: Interval) -> Interval:
    return known(absolute(a), (a.low > 0) | (a.high < 0))


def _sign(a: Interval) -> Interval:
    return _point(np.sign(a.low), (a.low > 0) | (a.high < 0) | ((a.low == 0) & (a.high == 0)))


def _sign_strict(a: Interval) -> Interval:
    return _point(np.sign(a.low), (a.low > 0) | (a.high < 0))


def _whole(kernel: Callable[[Doubles], Doubles], *, strict: bool) -> Callable[[Interval], Interval]:
    def enclose(a: Interval) -> Interval:
        below = kernel(a.low)
        inside = (np.ceil(a.low) > a.high) if strict else True
        return _point(below, (below == kernel(a.high)) & inside & np.isfinite(below))

    return enclose


def _point(value: Doubles, where: Mask) -> Interval:
    """Intervals that are single points, unknown where a condition does not hold."""
    return exactly(value) if everywhere(where) else exactly(np.where(where, value, np.nan))


def _max(a: Interval, b: Interval) -> Interval:
    low = np.maximum(a.low, b.low)
    return Interval(low, low if is_thin(a) and is_thin(b) else np.maximum(a.high, b.high))


def _min(a: Interval, b: Interval) -> Interval:
    low = np.minimum(a.low, b.low)
    return Interval(low, low if is_thin(a) and is_thin(b) else np.minimum(a.high, b.high))


def _apart(function: Callable[[Interval, Interval], Interval]) -> Callable[[Interval, Interval], Interval]:
    return lambda a, b: known(function(a, b), (a.low > b.high) | (a.high < b.low))


def truths(value: Interval | Truths) -> Truths:
    """A step's value that is known to be a truth value."""
    assert not isinstance(value, Interval), value
    return value


def decided(true: Mask, false: Mask) -> Truths:
    """Truth values from where they are certainly true and where certainly false: 1, 0, or -1 for undecided."""
    return np.where(true, np.int8(1), np.where(false, np.int8(0), np.int8(-1)))


def _equal(a: Interval, b: Interval) -> Truths:
    return decided((a.low == a.high) & (b.low == b.high) & (a.low == b.low), (a.low > b.high) | (a.high < b.low))


def _not(a: Truths) -> Truths:
    return np.where(a < 0, a, np.int8(1) - a)


def _and(a: Truths, b: Truths) -> Truths:
    return np.where((a == 0) | (b == 0), np.int8(0), np.where((a < 0) | (b < 0), np.int8(-1), np.int8(1)))


def _or(a: Truths, b: Truths) -> Truths:
    return np.where((a == 1) | (b == 1), np.int8(1), np.where((a < 0) | (b < 0), np.int8(-1), np.int8(0)))


def never_of_choice(c: Truths, first: Mask | None, second: Mask | None) -> Mask | None:
    """Where the choice of a truth value has certainly no real value, if its branches have none there; None: nowhere."""
    if first is None and second is None:
        return None
    first, second = (np.False_ if x is None else x for x in (first, second))
    return np.where(c == 1, first, np.where(c == 0, second, first & second))


def where(c: Truths, a: Interval, b: Interval) -> Interval:
    """The interval that a truth value chooses; unknown where the truth value is undecided."""
    never = never_of_choice(c, a.never, b.never)
    low = np.where(c == 1, a.low, np.where(c == 0, b.low, np.nan))
    if is_thin(a) and is_thin(b):
        return Interval(low, low, never)
    return Interval(low, np.where(c == 1, a.high, np.where(c == 0, b.high, np.nan)), never)


TRUTHS: dict[str, Callable[..., Truths]] = {
    "lt": lambda a, b: decided(a.high < b.low, a.low >= b.high),
    "gt": lambda a, b: decided(a.low > b.high, a.high <= b.low),
    "le": lambda a, b: decided(a.high <= b.low, a.low > b.high),
    "ge": lambda a, b: decided(a.low >= b.high, a.high < b.low),
    "eq": _equal,
    "ne": lambda a, b: _not(_equal(a, b)),
    "and": _and,
    "or": _or,
    "not": _not,
}
CHOICES: dict[str, Callable[..., Interval | Truths]] = {
    "abs": absolute,
    "sign": _sign,
    "floor": _whole(np.floor, strict=False),
    "ceil": _whole(np.ceil, strict=False),
    "max": _max,
    "min": _min,
    "where": where,
    **TRUTHS,
}
STRICT: dict[str, Callable[..., Interval | Truths]] = {
    "abs": _absolute_strict,
    "sign": _sign_strict,
    "floor": _whole(np.floor, strict=True),
    "ceil": _whole(np.ceil, strict=True),
    "max": _apart(_max),
    "min": _apart(_min),
    "lt": lambda a, b: decided(a.high < b.low, a.low > b.high),
    "gt": lambda a, b: decided(a.low > b.high, a.high < b.low),
    "le": lambda a, b: decided(a.high < b.low, a.low > b.high),
    "ge": lambda a, b: decided(a.low > b.high, a.high < b.low),
    "eq": lambda a, b: decided(np.False_, (a.low > b.high) | (a.high < b.low)),
    "ne": lambda a, b: decided((a.low > b.high) | (a.high < b.low), np.False_),
}
