"""Run a Program over the real numbers in vectors of float64 intervals: fast, certified, and often unknown.

A step's value is an `Interval` of two arrays that enclose the exact value at every point; NaN in both where it is not known
(or undefined). Every operation is rounded outward. A function of the kernels of NumPy and SciPy is widened by a bound of their
error that is several times the worst ever seen (`tests/test_intervals.py` holds it against Arb); a function without a bound
is not known. As in `arithmetic.balls`, with `strict` everything *at* a kink or on a boundary counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from verifier.arithmetic import balls
from verifier.formats import Format
from verifier.program import Program

EPSILON = 2.0**-52  # |x| * EPSILON is at least one ulp of a normal x
TINY = 2.0**-1022  # at least any error below the normal numbers
LARGEST = 1.7976931348623157e308
LITERAL_BITS = 128


class Interval(NamedTuple):
    """Lower and upper ends (arrays, or scalars for what is the same at every point; one object where they are equal).

    `never` marks the points where there is certainly no real value, not even nearby; None is nowhere.
    """

    low: Any
    high: Any
    never: Any = None


Truth = Any  # an array (or scalar) of int8: 1 true, 0 false, -1 not known


def run(
    program: Program, columns: Sequence[Any], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Interval]:
    """The enclosures of some steps. `columns` has one array of float64 per input; `program` must consist of primitives."""
    last = _last_uses(program, outputs)
    values: list[Any] = [None] * len(program.steps)
    with np.errstate(all="ignore"):
        for i, step in enumerate(program.steps):
            if last[i] < 0:
                continue
            if step.gate == "input":
                values[i] = Interval(columns[i], columns[i])
            elif step.gate == "upstream":
                values[i] = _exactly(np.float64(upstream))
            elif not step.args:
                values[i] = _leaf(step.gate, step.text, rounded_in)
            else:
                values[i] = _apply(step.gate, [values[a] for a in step.args], strict=strict)
                for a in step.args:
                    if last[a] == i:
                        values[a] = None
    return [values[i] for i in outputs]


def _apply(gate: str, arguments: list[Any], *, strict: bool) -> Any:
    function = (STRICT.get(gate) if strict else None) or FUNCTIONS.get(gate)
    value = UNKNOWN if function is None else function(*arguments)
    return value if gate in _TRUTHS or gate == "where" else _with_never(value, arguments)


def is_bounded(program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    last = _last_uses(program, outputs)
    return all(last[i] < 0 or not s.args or s.gate in FUNCTIONS for i, s in enumerate(program.steps))


def _last_uses(program: Program, outputs: Sequence[int]) -> list[int]:
    """Per step, the last step that reads it; the number of steps for an output, -1 for a step that nothing needs."""
    last = [-1] * len(program.steps)
    for i in outputs:
        last[i] = len(program.steps)
    for i in range(len(program.steps) - 1, -1, -1):
        if last[i] >= 0:
            for a in program.steps[i].args:
                last[a] = max(last[a], i)
    return last


def _exactly(value: Any) -> Interval:
    return Interval(value, value)


@cache
def _leaf(gate: str, text: str, rounded_in: Format | None) -> Interval:
    with balls.precision(LITERAL_BITS):
        ball = balls.constant(text) if gate == "constant" else balls.literal(text, rounded_in)
        if not ball.is_finite():
            return UNKNOWN
        low, high = float(ball.lower()), float(ball.upper())
        if low == high and ball.is_exact() and ball == low:
            return _exactly(np.float64(low))
        return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))


def _with_never(value: Interval, arguments: Sequence[Any]) -> Interval:
    masks = [m for m in (value.never, *(a.never for a in arguments if isinstance(a, Interval))) if m is not None]
    if not masks:
        return value
    never = masks[0]
    for mask in masks[1:]:
        never = never | mask
    return Interval(value.low, value.high, never)


UNKNOWN = Interval(np.float64("nan"), np.float64("nan"))


# ---------------------------------------------------------------- outward rounding


def down(x: Any, ulps: Any = 1.0) -> Any:
    """A lower bound of every number that rounds to x, or is within so many ulps of it."""
    x = np.minimum(x, LARGEST)  # a lower end that overflowed is still a lower end
    slack = np.abs(x)
    slack *= ulps * EPSILON
    slack += TINY
    return np.subtract(x, slack, out=slack) if isinstance(slack, np.ndarray) else x - slack


def up(x: Any, ulps: Any = 1.0) -> Any:
    """An upper bound of every number that rounds to x, or is within so many ulps of it."""
    x = np.maximum(x, -LARGEST)
    slack = np.abs(x)
    slack *= ulps * EPSILON
    slack += TINY
    return np.add(x, slack, out=slack) if isinstance(slack, np.ndarray) else x + slack


def _around(low: Any, high: Any, ulps: Any = 1.0) -> Interval:
    return Interval(down(low, ulps), up(high, ulps))


def _is_thin(a: Interval) -> bool:
    return a.low is a.high


def _all(condition: Any) -> bool:
    return bool(np.all(condition))


# ---------------------------------------------------------------- arithmetic


def _add(a: Interval, b: Interval) -> Interval:
    low = a.low + b.low
    return _around(low, low if _is_thin(a) and _is_thin(b) else a.high + b.high)


def _neg(a: Interval) -> Interval:
    low = -a.high
    return Interval(low, low if _is_thin(a) else -a.low)


def _sub(a: Interval, b: Interval) -> Interval:
    low = a.low - b.high
    return _around(low, low if _is_thin(a) and _is_thin(b) else a.high - b.low)


def _is_one(a: Interval) -> bool:
    return _is_thin(a) and np.ndim(a.low) == 0 and bool(a.low == 1)


def _mul(a: Interval, b: Interval) -> Interval:
    if _is_one(a) or _is_one(b):
        return b if _is_one(a) else a
    if _is_thin(a) and _is_thin(b):
        product = a.low * b.low
        return _around(product, product)
    if a.low is b.low and a.high is b.high:
        return _square(a)
    for x, y in ((a, b), (b, a)):
        if _all(x.low >= 0):
            if _all(y.low >= 0):
                return _both(x.low * y.low, x.high * y.high)
            if _all(y.high <= 0):
                return _both(x.high * y.low, x.low * y.high)
            low = np.where(y.low < 0, x.high, x.low) * y.low
            return _both(low, np.where(y.high < 0, x.low, x.high) * y.high)
    if _all(a.high <= 0) and _all(b.high <= 0):
        return _both(a.high * b.high, a.low * b.low)
    corners = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    return _hull(corners)


def _both(low: Any, high: Any) -> Interval:
    """Not known where an end is 0 * inf: no operation may see one end that is known and one that is not."""
    if np.isnan(np.max(high)) or np.isnan(np.max(low)):
        lost = np.isnan(low) | np.isnan(high)
        low, high = np.where(lost, np.nan, low), np.where(lost, np.nan, high)
    return _around(low, high)


def _hull(corners: Sequence[Any]) -> Interval:
    """0 * inf is 0 at an end that is not reached: fmin and fmax pass over its NaN."""
    low = np.fmin(np.fmin(corners[0], corners[1]), np.fmin(corners[2], corners[3]))
    high = np.fmax(np.fmax(corners[0], corners[1]), np.fmax(corners[2], corners[3]))
    return _around(low, high)


def _square(a: Interval) -> Interval:
    if _all(a.low >= 0):
        return _around(a.low * a.low, a.high * a.high)
    if _all(a.high <= 0):
        return _around(a.high * a.high, a.low * a.low)
    low, high = np.abs(a.low), np.abs(a.high)
    inside = (a.low <= 0) & (a.high >= 0)
    smaller, larger = np.minimum(low, high), np.maximum(low, high)
    return Interval(np.where(inside, 0.0, down(smaller * smaller)), up(larger * larger))


def _div(a: Interval, b: Interval) -> Interval:
    if _is_thin(a) and _is_thin(b):
        quotient = np.where(b.low == 0, np.nan, a.low / b.low)
        return _around(quotient, quotient)
    if _all(b.low > 0):
        if _is_thin(a) and np.ndim(a.low) == 0:
            ends = (a.low / b.high, a.low / b.low)
            return _around(*(ends if a.low >= 0 else ends[::-1]))
        if _all(a.low >= 0):
            return _around(a.low / b.high, a.high / b.low)
    result = _hull((a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high))
    safe = (b.low > 0) | (b.high < 0)
    return result if _all(safe) else _known(result, safe)


def _known(a: Interval, where: Any) -> Interval:
    """NaN where a condition does not hold."""
    return Interval(np.where(where, a.low, np.nan), np.where(where, a.high, np.nan), a.never)


# ---------------------------------------------------------------- functions


def _increasing(kernel: Callable[[Any], Any], ulps: float, *, low: float | None = None, high: float | None = None) -> Callable[[Interval], Interval]:
    """An increasing function with values in [low, high]."""

    def enclose(a: Interval) -> Interval:
        first = kernel(a.low)
        second = first if _is_thin(a) else kernel(a.high)
        below, above = down(first, ulps), up(second, ulps)
        return Interval(below if low is None else np.maximum(below, low), above if high is None else np.minimum(above, high))

    return enclose


def _decreasing(kernel: Callable[[Any], Any], ulps: float, *, low: float | None = None, high: float | None = None) -> Callable[[Interval], Interval]:
    mirrored = _increasing(kernel, ulps, low=low, high=high)
    return lambda a: mirrored(a if _is_thin(a) else Interval(a.high, a.low))


def _on(function: Callable[[Interval], Interval], low: float, high: float, *, poles: bool = False) -> Callable[[Interval], Interval]:
    """A function whose domain is the interval [low, high], without its finite ends where these are poles.

    Outside there is no value; across the border it is not known.
    """
    least = np.nextafter(low, np.inf) if poles else low
    most = np.nextafter(high, -np.inf) if poles and np.isfinite(high) else high

    def enclose(a: Interval) -> Interval:
        result = function(a)
        if _all(a.low >= least) and _all(a.high <= most):
            return result
        never = (a.high < low) | (a.low > high)
        return Interval(*_known(result, (a.low >= least) & (a.high <= most))[:2], never)

    return enclose


def _wave(kernel: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """sin and cos: they change by no more than their argument."""

    def enclose(a: Interval) -> Interval:
        value = kernel(a.low)
        if _is_thin(a):
            return Interval(np.maximum(down(value, 4.0), -1.0), np.minimum(up(value, 4.0), 1.0))
        width = up(a.high - a.low)
        return Interval(np.maximum(down(value - width, 4.0), -1.0), np.minimum(up(value + width, 4.0), 1.0))

    return enclose


def _cosh(a: Interval) -> Interval:
    least, most = _magnitude(a)
    return Interval(np.maximum(down(np.cosh(least), 4.0), 1.0), up(np.cosh(most), 4.0))


def _magnitude(a: Interval) -> tuple[Any, Any]:
    low, high = np.abs(a.low), np.abs(a.high)
    if _is_thin(a):
        return low, low
    return np.where((a.low <= 0) & (a.high >= 0), 0.0, np.minimum(low, high)), np.maximum(low, high)


def _scipy(name: str) -> Callable[[Any], Any]:
    def call(a: Any) -> Any:
        from scipy import special

        return getattr(special, name)(a)

    return call


def _erfc(a: Interval) -> Interval:
    kernel = _scipy("erfc")  # it squares its argument: an ulp of the square is that many ulps of the result

    def slack(x: Any) -> Any:
        return 40.0 + 2.0 * np.minimum(x * x, 1e4)

    first, second = kernel(a.high), kernel(a.low)
    return Interval(np.maximum(down(first, slack(a.high)), 0.0), np.minimum(up(second, slack(a.low)), 2.0))


def _pow(a: Interval, b: Interval) -> Interval:
    if _is_thin(b) and np.ndim(b.low) == 0:
        n = float(b.low)
        if n == int(n) and abs(n) < 2**31:
            return _integer_power(a, int(n))
        positive = a.low > 0 if n < 0 else a.low >= 0
        low, high = np.power(a.low, n), np.power(a.high, n)
        result = _around(high, low, 4.0) if n < 0 else _around(low, high, 4.0)
        floor = Interval(np.maximum(result.low, 0.0), result.high)
        return floor if _all(positive) else Interval(*_known(floor, positive)[:2], a.high < 0)
    result = _hull((np.power(a.low, b.low), np.power(a.low, b.high), np.power(a.high, b.low), np.power(a.high, b.high)))
    wide = Interval(np.maximum(down(result.low, 4.0), 0.0), up(result.high, 4.0))
    return _known(wide, a.low > 0)


def _integer_power(a: Interval, n: int) -> Interval:
    if n == 0:
        return _known(Interval(np.where(True, 1.0, a.low), np.where(True, 1.0, a.low)), ~np.isnan(a.low))
    if n < 0:
        return _div(_exactly(np.float64(1.0)), _integer_power(a, -n))
    if n == 1:
        return a
    if n % 2:
        return _around(np.power(a.low, n), np.power(a.high, n), 4.0)
    least, most = _magnitude(a)
    return Interval(np.maximum(down(np.power(least, n), 4.0), 0.0), up(np.power(most, n), 4.0))


# ---------------------------------------------------------------- kinks and choices


def _abs(a: Interval) -> Interval:
    least, most = _magnitude(a)
    return Interval(least, most)


def _abs_strict(a: Interval) -> Interval:
    return _known(_abs(a), (a.low > 0) | (a.high < 0))


def _sign(a: Interval) -> Interval:
    sign = np.sign(a.low)
    return _known(_exactly(sign), (a.low > 0) | (a.high < 0) | ((a.low == 0) & (a.high == 0)))


def _sign_strict(a: Interval) -> Interval:
    return _known(_exactly(np.sign(a.low)), (a.low > 0) | (a.high < 0))


def _whole(kernel: Callable[[Any], Any], *, strict: bool) -> Callable[[Interval], Interval]:
    def enclose(a: Interval) -> Interval:
        below = kernel(a.low)
        constant = below == kernel(a.high)
        inside = (np.ceil(a.low) > a.high) if strict else True
        return _known(_exactly(below), constant & inside & np.isfinite(below))

    return enclose


def _max(a: Interval, b: Interval) -> Interval:
    return Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high))


def _min(a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high))


def _apart(function: Callable[[Interval, Interval], Interval]) -> Callable[[Interval, Interval], Interval]:
    return lambda a, b: _known(function(a, b), (a.low > b.high) | (a.high < b.low))


def _decided(true: Any, false: Any) -> Truth:
    return np.where(true, np.int8(1), np.where(false, np.int8(0), np.int8(-1)))


def _equal(a: Interval, b: Interval) -> Truth:
    return _decided((a.low == a.high) & (b.low == b.high) & (a.low == b.low), (a.low > b.high) | (a.high < b.low))


def _not(a: Truth) -> Truth:
    return np.where(a < 0, a, np.int8(1) - a)


def _and(a: Truth, b: Truth) -> Truth:
    return np.where((a == 0) | (b == 0), np.int8(0), np.where((a < 0) | (b < 0), np.int8(-1), np.int8(1)))


def _or(a: Truth, b: Truth) -> Truth:
    return np.where((a == 1) | (b == 1), np.int8(1), np.where((a < 0) | (b < 0), np.int8(-1), np.int8(0)))


def _where(c: Truth, a: Interval, b: Interval) -> Interval:
    never = None
    if a.never is not None or b.never is not None:
        first = a.never if a.never is not None else np.False_
        second = b.never if b.never is not None else np.False_
        never = np.where(c == 1, first, np.where(c == 0, second, first & second))
    low = np.where(c == 1, a.low, np.where(c == 0, b.low, np.nan))
    return Interval(low, np.where(c == 1, a.high, np.where(c == 0, b.high, np.nan)), never)


_TRUTHS: dict[str, Callable[..., Truth]] = {
    "lt": lambda a, b: _decided(a.high < b.low, a.low >= b.high),
    "gt": lambda a, b: _decided(a.low > b.high, a.high <= b.low),
    "le": lambda a, b: _decided(a.high <= b.low, a.low > b.high),
    "ge": lambda a, b: _decided(a.low >= b.high, a.high < b.low),
    "eq": _equal,
    "ne": lambda a, b: _not(_equal(a, b)),
    "and": _and,
    "or": _or,
    "not": _not,
}
# The number is the bound of the kernel's error, in units of 2^-52 of the result; the worst ever seen is below a quarter of it.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "copy": lambda a: a,
    "pow": _pow,
    "exp": _increasing(np.exp, 4, low=0.0),
    "expm1": _increasing(np.expm1, 4, low=-1.0),
    "log": _on(_increasing(np.log, 4), 0.0, np.inf, poles=True),
    "log1p": _on(_increasing(np.log1p, 4), -1.0, np.inf, poles=True),
    "sqrt": _on(_increasing(np.sqrt, 1, low=0.0), 0.0, np.inf),
    "cbrt": _increasing(np.cbrt, 4),
    "sin": _wave(np.sin),
    "cos": _wave(np.cos),
    "tan": lambda a: _div(FUNCTIONS["sin"](a), FUNCTIONS["cos"](a)),
    "asin": _on(_increasing(np.arcsin, 4), -1.0, 1.0),
    "acos": _on(_decreasing(np.arccos, 4, low=0.0), -1.0, 1.0),
    "atan": _increasing(np.arctan, 4),
    "sinh": _increasing(np.sinh, 4),
    "cosh": _cosh,
    "tanh": _increasing(np.tanh, 4, low=-1.0, high=1.0),
    "asinh": _increasing(np.arcsinh, 4),
    "acosh": _on(_increasing(np.arccosh, 4, low=0.0), 1.0, np.inf),
    "atanh": _on(_increasing(np.arctanh, 4), -1.0, 1.0, poles=True),
    "erf": _increasing(_scipy("erf"), 8, low=-1.0, high=1.0),
    "erfc": _erfc,
    "abs": _abs,
    "sign": _sign,
    "floor": _whole(np.floor, strict=False),
    "ceil": _whole(np.ceil, strict=False),
    "max": _max,
    "min": _min,
    "where": _where,
    **_TRUTHS,
}
STRICT: dict[str, Callable[..., Any]] = {
    "abs": _abs_strict,
    "sign": _sign_strict,
    "floor": _whole(np.floor, strict=True),
    "ceil": _whole(np.ceil, strict=True),
    "max": _apart(_max),
    "min": _apart(_min),
    "lt": lambda a, b: _decided(a.high < b.low, a.low > b.high),
    "gt": lambda a, b: _decided(a.low > b.high, a.high < b.low),
    "le": lambda a, b: _decided(a.high < b.low, a.low > b.high),
    "ge": lambda a, b: _decided(a.low > b.high, a.high < b.low),
    "eq": lambda a, b: _decided(np.False_, (a.low > b.high) | (a.high < b.low)),
    "ne": lambda a, b: _decided((a.low > b.high) | (a.high < b.low), np.False_),
}
