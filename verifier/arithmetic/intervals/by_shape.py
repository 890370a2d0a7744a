"""From a kernel of points with a bound of its error to an enclosure of intervals, by the shape of the function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.intervals import interval
from verifier.arithmetic.intervals.interval import Interval, down, everywhere, exactly, is_thin, known, magnitude, up
from verifier.arithmetic.types import Doubles

ColumnFunction = Callable[[Doubles], Doubles]
IntervalFunction = Callable[[Interval], Interval]
Slack = float | Callable[[Doubles], Doubles]  # the bound of a kernel's error in units of 2^-52 of its result, or that bound at an argument


def _slack(slack: Slack, x: Doubles) -> Doubles | float:
    return slack(x) if callable(slack) else slack


def increasing(kernel: ColumnFunction, slack: Slack, *, low: float | None = None, high: float | None = None) -> IntervalFunction:
    """An increasing function with values in [low, high]."""

    def enclose(a: Interval) -> Interval:
        first = kernel(a.low)
        second = first if is_thin(a) else kernel(a.high)
        below, above = down(first, _slack(slack, a.low)), up(second, _slack(slack, a.high))
        return Interval(below if low is None else np.maximum(below, low), above if high is None else np.minimum(above, high))

    return enclose


def decreasing(kernel: ColumnFunction, slack: Slack, *, low: float | None = None, high: float | None = None) -> IntervalFunction:
    """A decreasing function with values in [low, high]."""
    mirrored = increasing(kernel, slack, low=low, high=high)
    return lambda a: mirrored(a if is_thin(a) else Interval(a.high, a.low))


def even(function: IntervalFunction) -> IntervalFunction:
    """A function of |a|, given to the right of 0."""
    return lambda a: function(exactly(np.abs(a.low)) if is_thin(a) else Interval(*magnitude(a)))


def moving(kernel: ColumnFunction, slack: Slack, *, absolute: float = 0.0, slope: float | None = None) -> IntervalFunction:
    """An enclosure of a function that is neither monotonic nor has one extreme: the kernel at points, widened by its error in units of 2^-52; at intervals, too, where `slope` bounds the size of the derivative."""

    def enclose(a: Interval) -> Interval:
        value = kernel(a.low)
        extra: Doubles = np.float64(absolute * interval.EPSILON)
        if not is_thin(a):
            extra = extra + np.where(a.low == a.high, 0.0, np.nan if slope is None else up(slope * up(a.high - a.low)))
        below, above = down(value, _slack(slack, a.low)), up(value, _slack(slack, a.low))
        return Interval(below, above) if np.ndim(extra) == 0 and extra == 0.0 else Interval(down(below - extra), up(above + extra))

    return enclose


def valley(kernel: ColumnFunction, slack: Slack, *, bottom: tuple[float, float], least: float, absolute: float = 0.0) -> IntervalFunction:
    """An enclosure of a function that decreases up to a point in the interval `bottom` and increases from there."""

    def enclose(a: Interval) -> Interval:
        extra = absolute * interval.EPSILON
        first = kernel(a.low)
        second = first if is_thin(a) else kernel(a.high)
        below = np.minimum(down(first, _slack(slack, a.low)), down(second, _slack(slack, a.high)))
        above = np.maximum(up(first, _slack(slack, a.low)), up(second, _slack(slack, a.high)))
        over = not is_thin(a) and (a.low < bottom[1]) & (a.high > bottom[0])
        if extra:
            below, above = down(below - extra), up(above + extra)
        return Interval(np.where(over, np.minimum(below, least), below), above)

    return enclose


def on(function: IntervalFunction, low: float, high: float, *, poles: bool = False) -> IntervalFunction:
    """A function whose domain is the interval [low, high], without its finite ends where these are poles.

    Outside there is no value; across the border it is not known.
    """
    least = np.nextafter(low, np.inf) if poles and np.isfinite(low) else low
    most = np.nextafter(high, -np.inf) if poles and np.isfinite(high) else high

    def enclose(a: Interval) -> Interval:
        result = function(a)
        if everywhere(a.low >= least) and everywhere(a.high <= most):
            return result
        never = (a.high < low) | (a.low > high)
        if result.never is not None:
            never = never | result.never
        return Interval(*known(result, (a.low >= least) & (a.high <= most))[:2], never)

    return enclose


def within(function: IntervalFunction, low: float, high: float) -> IntervalFunction:
    """An enclosure whose error bound holds for arguments in [low, high]; unknown elsewhere."""

    def enclose(a: Interval) -> Interval:
        inside = (a.low >= low) & (a.high <= high)
        return function(a) if everywhere(inside) else known(function(a), inside)

    return enclose


def pieces(*parts: tuple[float, IntervalFunction], last: IntervalFunction) -> IntervalFunction:
    """`parts` are (border, what holds at and below it), in order, `last` holds above; an interval across a border is not known.

    The `never` of the pieces is dropped: a domain has to be put around the result (`on`).
    """

    def enclose(a: Interval) -> Interval:
        low, high = np.atleast_1d(a.low), np.atleast_1d(a.high)
        below, above = np.full(low.shape, np.nan), np.full(low.shape, np.nan)
        floor = -np.inf
        for border, function in (*parts, (np.inf, last)):
            inside = (low > floor) & (high <= border)
            floor = border
            if everywhere(inside):
                return function(a)
            at = np.flatnonzero(inside)
            if len(at):
                part = function(exactly(low[at]) if is_thin(a) else Interval(low[at], high[at]))
                below[at], above[at] = part.low, part.high
        return Interval(below.reshape(np.shape(a.low)), above.reshape(np.shape(a.low)))

    return enclose


def wave(kernel: ColumnFunction) -> IntervalFunction:
    """sin and cos: they change by no more than their argument."""
    moved = moving(kernel, 4.0, slope=1.0)

    def enclose(a: Interval) -> Interval:
        value = moved(a)
        return Interval(np.maximum(value.low, -1.0), np.minimum(value.high, 1.0))

    return enclose
