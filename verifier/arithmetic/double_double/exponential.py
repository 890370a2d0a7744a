"""Exponentials, logarithms, hyperbolic functions and the cube root of vectors of double-doubles, with bounds.

Arguments are reduced by whole numbers of a constant that is known to more bits, the rest is looked up in a table made by Arb, and a polynomial is added. What
a polynomial leaves out is in its function's docstring. The propagated error of the argument is a bound of the derivative times the argument's. The laws in
`tests/arithmetic/test_double_double.py` hold every function against Arb over all binades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.double_double import tables
from verifier.arithmetic.double_double.number import (
    HUGE,
    NOTHING,
    ONE,
    SLACK,
    SMALL,
    TINY,
    ZERO,
    DoubleDouble,
    FloatPair,
    absolute,
    add,
    choose,
    div,
    exactly,
    fast_two_sum,
    is_below,
    is_zero,
    known,
    mul,
    neg,
    product_of,
    quotient_of,
    scaled,
    sqrt,
    sub,
    sum_of,
    sum_with_float,
    two_product,
    two_sum,
    with_error,
)
from verifier.arithmetic.types import Doubles, Mask

WIDEST = 1e-6  # a larger error of an argument is not propagated by derivatives
LOG2 = 0.6931471805599453


def signed(function: Callable[[DoubleDouble], DoubleDouble]) -> Callable[[DoubleDouble], DoubleDouble]:
    """An odd function, from one that is right from 0 on."""

    def odd(a: DoubleDouble) -> DoubleDouble:
        minus = a.hi < 0
        value = function(absolute(a))
        return DoubleDouble(np.where(minus, -value.hi, value.hi), np.where(minus, -value.lo, value.lo), value.err, value.never)

    return odd


# ---------------------------------------------------------------- exponentials


def _reduced(a: DoubleDouble) -> tuple[Doubles, FloatPair, Doubles]:
    """The n and s with a = n ln(2)/128 + s and |s| < 0.0028, and a bound of the error of s: the first two products are exact, the third is off by 2^-113, and the lower half rounds a few times."""
    first, second, third = tables.constant("ln2/128")
    n = np.rint(a.hi * (128 / LOG2))
    s, e = two_sum(a.hi, -n * first)
    s, f = two_sum(s, -n * second)
    rest = a.lo - n * third
    lower = (e + f) + rest
    return n, fast_two_sum(s, lower), (np.abs(e) + np.abs(f) + np.abs(a.lo) + 2.0**-59) * 2.0**-51 + 2.0**-112


def _expm1_small(s: FloatPair) -> FloatPair:
    """exp(s) - 1 for |s| < 0.0028, off by 2^-100 of it: the terms from s^6 on are taken in floats, under 2^-50 of the sum before them, those from s^12 on left out, under 2^-120."""
    c = tables.inverse_factorials(11)
    x = s[0]
    tail = np.full_like(x, c[11][0])
    for k in range(10, 5, -1):
        tail = c[k][0] + x * tail
    p = sum_of(c[5], two_product(x, tail))
    for k in (4, 3, 2):
        p = sum_of(c[k], product_of(s, p))
    return sum_of(s, product_of(product_of(s, s), p))


SMALL_EXPONENT = 2.0**-100
NARROW_ARGUMENT = 2.0**-90  # if no argument is wider, all have the bound of the widest


def exp(a: DoubleDouble) -> DoubleDouble:
    """exp(a); what is under 2^-890 is enclosed with 0, and what is over 2^990 is not known."""
    inside = bool(np.min(a.hi) > -617.0 and np.max(a.hi) < 686.0)
    n, s, slip = _reduced(a if inside else a._replace(hi=np.clip(a.hi, -618.0, 686.0)))
    table = tables.powers_of_two()
    at = (n if inside else np.where(np.isnan(n), 0.0, n)).astype(np.int64)
    row = (table[0][at & 127], table[1][at & 127])
    hi, lo = sum_of(row, product_of(row, _expm1_small(s)))
    scale = at >> 7
    hi, lo = np.ldexp(hi, scale), np.ldexp(lo, scale)
    wide = a.err + slip
    widest = float(np.max(wide))
    if inside and widest < NARROW_ARGUMENT:  # then exp(a) is over 2^-891, of which the 2^-1075 that lo may lose in the subnormals are nothing beside SMALL_EXPONENT
        return DoubleDouble(hi, lo, NOTHING, None, (widest * (1 + 2 * WIDEST) + SMALL_EXPONENT) * SLACK)
    err = hi * (wide * (1 + 2 * WIDEST) + SMALL_EXPONENT) * SLACK + TINY
    low = a.hi + a.err < -617.0
    if np.any(low):
        hi, lo, err = np.where(low, 0.0, hi), np.where(low, 0.0, lo), np.where(low, 2.0**-889, err)
    return known(DoubleDouble(hi, lo, err), low | ((a.hi > -617.5) & (a.hi < 686) & (a.err < WIDEST)))


def expm1(a: DoubleDouble) -> DoubleDouble:
    """exp(a) - 1, without cancellation near 0."""
    large = sub(exp(a), ONE)
    near = np.abs(a.hi) < 0.0026
    if not np.any(near):
        return large
    x = (np.where(near, a.hi, 0.0), np.where(near, a.lo, 0.0))
    hi, lo = _expm1_small(x)
    small = DoubleDouble(hi, lo, (np.abs(hi) * SMALL_EXPONENT + a.err * 1.01) * SLACK + np.where(is_zero(a), 0.0, TINY))
    return choose(near, known(small, a.err < WIDEST), large)


# ---------------------------------------------------------------- logarithms


def _log1p_small(f: FloatPair) -> FloatPair:
    """log(1 + f) for |f| < 0.009, off by 2^-99 of it: 2 (w + w³/3 + ...) with w = f / (2 + f); the terms from w^7 on in floats, those from w^17 on left out, under 2^-120."""
    w = quotient_of(f, sum_with_float(f, np.float64(2.0)))
    v = product_of(w, w)
    x = v[0]
    tail = np.full_like(x, 1 / 15)
    for n in (13, 11, 9, 7):
        tail = 1 / n + x * tail
    p = sum_of(tables.inverse(5), two_product(x, tail))
    p = sum_of(tables.inverse(3), product_of(v, p))
    return product_of((2 * w[0], 2 * w[1]), sum_with_float(product_of(v, p), np.float64(1.0)))


def log(a: DoubleDouble) -> DoubleDouble:
    """log(a) = e log(2) - log(c) + log(c m), where a = 2^e m, and c of nine bits makes c m almost 1."""
    safe = np.where((a.hi > SMALL) & (a.hi < HUGE), a.hi, 1.0)
    m, e = np.frexp(safe)
    lower = np.ldexp(np.where(safe == a.hi, a.lo, 0.0), -e)
    half = m < 0.70703125
    m, lower, e = np.where(half, 2 * m, m), np.where(half, 2 * lower, lower), np.where(half, e - 1, e)
    cells, logs = tables.reciprocals()
    at = (m * 256).astype(np.int64) - tables.FIRST_CELL
    c = cells[at]
    p, r = two_product(c, m)
    f = sum_of(fast_two_sum(p - 1.0, r), (c * lower, np.zeros_like(lower)))
    first, second, third = tables.constant("ln2")
    s = _log1p_small(f)
    table = sum_of((logs[0][at], logs[1][at]), s)
    whole = sum_of(fast_two_sum(e * first, e * second), (e * third, np.zeros_like(m)))
    hi, lo = sum_of(whole, table)
    parts = np.abs(s[0]) + np.where(c == 1, 0.0, 1.0) + np.abs(e)
    lost = parts * 2.0**-99 + a.err / safe * 1.01
    err = (np.abs(hi) * 2.0**-100 + lost) * SLACK + np.where((a.hi == 1) & (a.lo == 0) & (a.err == 0), 0.0, TINY)
    result = known(DoubleDouble(hi, lo, err), (safe == a.hi) & (a.err < WIDEST * safe))
    below = is_below(a, ZERO) | is_zero(a)
    return result._replace(never=below) if np.any(below) else result


def log1p(a: DoubleDouble) -> DoubleDouble:
    """log(1 + a), without cancellation near 0."""
    near = np.abs(a.hi) < 0.0089
    large = log(add(ONE, a))
    if not np.any(near):
        return large
    x = (np.where(near, a.hi, 0.0), np.where(near, a.lo, 0.0))
    hi, lo = _log1p_small(x)
    small = DoubleDouble(hi, lo, (np.abs(hi) * 2.0**-98 + a.err * 1.02) * SLACK + np.where(is_zero(a), 0.0, TINY))
    found = choose(near, known(small, (a.err < WIDEST) & ((np.abs(a.hi) > SMALL) | (a.hi == 0))), large)
    return found if large.never is None else found._replace(never=large.never & ~near)


def without(value: DoubleDouble, never: Mask) -> DoubleDouble:
    """A value with the places where there is certainly none."""
    return known(value, ~never)._replace(never=never) if np.any(never) else value._replace(never=None)


# ---------------------------------------------------------------- hyperbolic functions


def tanh(a: DoubleDouble) -> DoubleDouble:
    """tanh(a), as -t / (2 + t) with t = exp(-2a) - 1."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        t = expm1(scaled(x, -2.0))
        return div(neg(t), add(scaled(ONE, 2.0), t))

    return signed(positive)(a)


def sinh(a: DoubleDouble) -> DoubleDouble:
    """sinh(a), as (t + t / (1 + t)) / 2 with t = exp(a) - 1."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        t = expm1(x)
        return scaled(add(t, div(t, add(ONE, t))), 0.5)

    return signed(positive)(a)


def cosh(a: DoubleDouble) -> DoubleDouble:
    """cosh(a)."""
    t = exp(absolute(a))
    return scaled(add(t, div(ONE, t)), 0.5)


def asinh(a: DoubleDouble) -> DoubleDouble:
    """asinh(a), as log1p(a + a² / (1 + sqrt(1 + a²)))."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        square = mul(x, x)
        return log1p(add(x, div(square, add(ONE, sqrt(add(ONE, square))))))

    return signed(positive)(a)


def acosh(a: DoubleDouble) -> DoubleDouble:
    """acosh(a), as log1p(t + sqrt(t (t + 2))) with t = a - 1."""
    t = sub(a, ONE)
    return without(log1p(add(t, sqrt(mul(t, add(t, scaled(ONE, 2.0)))))), is_below(a, ONE))


def atanh(a: DoubleDouble) -> DoubleDouble:
    """atanh(a), as log1p(2a / (1 - a)) / 2."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        return scaled(log1p(div(scaled(x, 2.0), sub(ONE, x))), 0.5)

    beyond = is_below(ONE, absolute(a)) | is_zero(sub(ONE, absolute(a)))
    return without(signed(positive)(a), beyond)


# ---------------------------------------------------------------- roots


def cbrt(a: DoubleDouble) -> DoubleDouble:
    """The cube root y + d - d²/y with the float's y and d = (a - y³) / (3y²); what follows is under 2 d³/y²."""
    y = exactly(np.cbrt(a.hi))
    square = mul(y, y)
    d = div(sub(a, mul(square, y)), mul(exactly(np.float64(3.0)), square))
    ratio = np.abs(d.hi / y.hi)
    value = sub(add(y, d), div(mul(d, d), y))
    found = known(with_error(value, 4 * np.abs(d.hi) * ratio * ratio), (ratio + d.err / np.abs(y.hi) < 2.0**-30) & (np.abs(a.hi) < HUGE) & (np.abs(a.hi) > SMALL))
    zero = is_zero(a)
    return DoubleDouble(np.where(zero, 0.0, found.hi), np.where(zero, 0.0, found.lo), np.where(zero, 0.0, found.err)) if np.any(zero) else found
