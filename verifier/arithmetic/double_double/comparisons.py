"""Powers, kinks, steps, comparisons and choices of vectors of double-doubles; at a kink or on a boundary the strict ones know nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.double_double import error_functions, exponential, trigonometric
from verifier.arithmetic.double_double.number import (
    ONE,
    ZERO,
    DoubleDouble,
    absolute,
    add,
    choose,
    div,
    exactly,
    is_below,
    is_known,
    is_single,
    is_zero,
    known,
    mul,
    neg,
    sqrt,
    sub,
)
from verifier.arithmetic.intervals.choices import decided, never_of_choice
from verifier.arithmetic.squarings import LARGEST_POWER, by_squarings
from verifier.arithmetic.types import Mask, Truths


def power(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a ** b: by products where b is one whole number, with a root where it is a half of one, else exp(b log(a))."""
    if is_single(b) and b.lo == 0:
        n = float(b.hi)
        if n == int(n) and abs(n) <= LARGEST_POWER:
            return _whole_power(a, int(n))
        if 2 * n == int(2 * n) and abs(n) <= LARGEST_POWER:
            whole, root = _whole_power(a, int(abs(n))), sqrt(a)
            found = mul(whole, root)._replace(never=root.never)
            return found if n > 0 else div(ONE, found)._replace(never=root.never)
        if n != int(n):
            found = exponential.exp(mul(b, exponential.log(a)))
            below = is_below(a, ZERO)
            return found._replace(never=below) if np.any(below) else found
    return known(exponential.exp(mul(b, exponential.log(a))), a.hi > 0)


def _whole_power(a: DoubleDouble, n: int) -> DoubleDouble:
    if n < 0:
        return div(ONE, _whole_power(a, -n))
    if n == 0:
        return known(DoubleDouble(np.ones_like(a.hi), np.zeros_like(a.hi), np.zeros_like(a.hi)), is_known(a))
    return by_squarings(a, n, mul)


def _apart(a: DoubleDouble, b: DoubleDouble) -> Mask:
    return is_below(a, b) | is_below(b, a)


def _absolute_strict(a: DoubleDouble) -> DoubleDouble:
    return known(absolute(a), _apart(a, ZERO))


def _sign(a: DoubleDouble) -> DoubleDouble:
    return known(exactly(np.sign(a.hi)), _apart(a, ZERO) | is_zero(a))


def _sign_strict(a: DoubleDouble) -> DoubleDouble:
    return known(exactly(np.sign(a.hi)), _apart(a, ZERO))


def _floor(*, strict: bool) -> Callable[[DoubleDouble], DoubleDouble]:
    def floor(a: DoubleDouble) -> DoubleDouble:
        """The largest whole number not above a, where that is certain."""
        whole = np.floor(a.hi)
        whole = np.where((whole == a.hi) & (a.lo < 0), whole - 1, whole)
        below = exactly(whole)
        inside = is_below(below, a) if strict else is_below(below, a) | is_zero(sub(a, below))
        return known(below, inside & is_below(a, exactly(whole + 1)) & (np.abs(whole) < 2.0**52))

    return floor


def _ceil(*, strict: bool) -> Callable[[DoubleDouble], DoubleDouble]:
    floor = _floor(strict=strict)
    return lambda a: neg(floor(neg(a)))


def _max(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """Where it is open which is the larger one, the bound holds both."""
    value = choose(is_below(b, a), a, b)
    clear = _apart(a, b)
    if np.all(clear):
        return value
    both = sub(a, b)
    return DoubleDouble(value.hi, value.lo, np.where(clear, value.err, np.maximum(a.err, b.err) + np.abs(both.hi) * 1.01 + both.err), value.never)


def _min(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    return neg(_max(neg(a), neg(b)))


def _when_apart(function: Callable[[DoubleDouble, DoubleDouble], DoubleDouble]) -> Callable[[DoubleDouble, DoubleDouble], DoubleDouble]:
    return lambda a, b: known(function(a, b), _apart(a, b))


def _where(c: Truths, a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    return known(choose(c == 1, a, b), c >= 0)._replace(never=never_of_choice(c, a.never, b.never))


def _equal(a: DoubleDouble, b: DoubleDouble) -> Truths:
    return decided(is_zero(sub(a, b)), _apart(a, b))


def _at_least(a: DoubleDouble, b: DoubleDouble) -> Mask:
    return is_below(b, a) | is_zero(sub(a, b))


FUNCTIONS: dict[str, Callable[..., DoubleDouble | Truths]] = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "copy": lambda a: a, "sqrt": sqrt, "pow": power,
    "abs": absolute, "sign": _sign, "floor": _floor(strict=False), "ceil": _ceil(strict=False), "max": _max, "min": _min, "where": _where,
    **{name: getattr(exponential, name) for name in ("exp", "expm1", "log", "log1p", "cbrt", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{name: getattr(trigonometric, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2")},
    **{name: getattr(error_functions, name) for name in ("erf", "erfc", "erfcx")},
    "lt": lambda a, b: decided(is_below(a, b), _at_least(a, b)),
    "gt": lambda a, b: decided(is_below(b, a), _at_least(b, a)),
    "le": lambda a, b: decided(_at_least(b, a), is_below(b, a)),
    "ge": lambda a, b: decided(_at_least(a, b), is_below(a, b)),
    "eq": _equal,
    "ne": lambda a, b: decided(_apart(a, b), is_zero(sub(a, b))),
}  # fmt: skip
STRICT: dict[str, Callable[..., DoubleDouble | Truths]] = {
    "abs": _absolute_strict, "sign": _sign_strict, "floor": _floor(strict=True), "ceil": _ceil(strict=True), "max": _when_apart(_max), "min": _when_apart(_min),
    "lt": lambda a, b: decided(is_below(a, b), is_below(b, a)),
    "gt": lambda a, b: decided(is_below(b, a), is_below(a, b)),
    "le": lambda a, b: decided(is_below(a, b), is_below(b, a)),
    "ge": lambda a, b: decided(is_below(b, a), is_below(a, b)),
    "eq": lambda a, b: decided(np.False_, _apart(a, b)),
    "ne": lambda a, b: decided(_apart(a, b), np.False_),
}  # fmt: skip
