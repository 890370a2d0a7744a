"""Sine, cosine, tangent and their inverse functions of vectors of double-doubles, with bounds."""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.double_double import tables
from verifier.arithmetic.double_double.exponential import WIDEST, without
from verifier.arithmetic.double_double.number import (
    HUGE,
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
    is_below,
    is_zero,
    known,
    mul,
    neg,
    product_of,
    scaled,
    sqrt,
    sub,
    sum_of,
    sum_with_float,
    two_product,
    two_sum,
    with_error,
)

FARTHEST = 30000.0  # of the arguments of sine and cosine
STRAIGHT, STRAIGHT_ERROR = 2.0**-56, 2.0**-110  # below it atan(a) is a but for a³/3, which is smaller than that times |a|, however wide a is


def _sincos(a: DoubleDouble) -> tuple[DoubleDouble, DoubleDouble]:
    """Sine and cosine of n pi/64 + s, |s| < 0.0246, by their theorems of addition: the first three products of n are exact, the fourth is off by 2^-140."""
    first, second, third, fourth = tables.constant("pi/64")
    x = np.where(np.abs(a.hi) < FARTHEST, a.hi, 0.0)
    n = np.rint(x * (64 / np.pi))
    s, e = two_sum(x, -n * first)
    s, f = two_sum(s, -n * second)
    t, g = two_sum(-n * third, np.where(x == a.hi, a.lo, 0.0))
    low, h = two_sum(f, t)
    lower = sum_of((low, h), (e, g - n * fourth))
    reduced = sum_of((s, np.zeros_like(s)), lower)
    slip = np.abs(reduced[0]) * 2.0**-101 + np.where(n == 0, 0.0, (np.abs(lower[0]) + np.abs(t)) * 2.0**-101 + 2.0**-135)
    at = np.where(np.isnan(n), 0.0, n).astype(np.int64) & 127
    sines, cosines = tables.waves()
    sin_n, cos_n = (sines[0][at], sines[1][at]), (cosines[0][at], cosines[1][at])
    sin_s, cos_s = _small_waves(reduced)
    wide = (a.err + slip) * 1.01
    sine = sum_of(product_of(sin_n, cos_s), product_of(cos_n, sin_s))
    cosine = sum_of(product_of(cos_n, cos_s), product_of((-sin_n[0], -sin_n[1]), sin_s))
    is_known_here = (x == a.hi) & (a.err < WIDEST)
    size = np.abs(sin_s[0])
    return tuple(
        known(DoubleDouble(*v, (np.abs(v[0]) * SUM_OF_PRODUCTS + (np.abs(p) + np.abs(q) * size) * SUM_OF_PRODUCTS + wide) * SLACK + TINY), is_known_here)
        for v, p, q in ((sine, sin_n[0], cos_n[0]), (cosine, cos_n[0], sin_n[0]))
    )  # type: ignore[return-value]


SUM_OF_PRODUCTS = 2.0**-99


def _small_waves(s: FloatPair) -> tuple[FloatPair, FloatPair]:
    """Sine, and cosine, off by 2^-100 of them for |s| < 0.0246: the terms from s^8 (cosine) and s^9 (sine) on in floats, under 2^-50 of 1 and s; those from s^16 and s^17 on left out, under 2^-125."""
    c = tables.inverse_factorials(17)
    v = product_of(s, s)
    x = v[0]
    found = []
    for first in (1, 0):
        tail = np.full_like(x, c[14 + first][0])
        for k in (12, 10, 8):
            tail = c[k + first][0] - x * tail
        high = product_of(v, sum_of(_minus(c[6 + first]), two_product(x, tail)))
        for k in (4, 2):
            high = product_of(v, sum_of(c[k + first] if k == 4 else _minus(c[k + first]), high))
        found.append(sum_of(s, product_of(s, high)) if first else sum_with_float(high, np.float64(1.0)))
    return found[0], found[1]


def _minus(a: FloatPair) -> FloatPair:
    return -a[0], -a[1]


def sin(a: DoubleDouble) -> DoubleDouble:
    """sin(a), to |a| = 30000."""
    zero = is_zero(a)
    value = _sincos(a)[0]
    return DoubleDouble(value.hi, value.lo, np.where(zero, 0.0, value.err), value.never) if np.any(zero) else value


def cos(a: DoubleDouble) -> DoubleDouble:
    """cos(a), to |a| = 30000."""
    return _sincos(a)[1]


def tan(a: DoubleDouble) -> DoubleDouble:
    """tan(a), to |a| = 30000."""
    return div(sin(a), cos(a))


# ---------------------------------------------------------------- inverse functions


def _pi(name: str) -> DoubleDouble:
    hi, lo = tables.constant(name)
    return DoubleDouble(np.float64(hi), np.float64(lo), np.float64(2.0**-105))


def atan(a: DoubleDouble) -> DoubleDouble:
    """atan(a) = y + d - d³/3 + ..., where y is the float's, and d = (a cos y - sin y) / (cos y + a sin y) the tangent of what is missing; a itself, off by less than |a|³/3, where that is tiny."""
    y = exactly(np.arctan(a.hi))
    s, c = _sincos(y)
    d = div(sub(mul(a, c), s), add(c, mul(a, s)))
    value = add(y, d)
    zero, size = is_zero(a), np.abs(a.hi)
    found = known(with_error(value, np.abs(d.hi) ** 3), (np.abs(d.hi) + d.err < 2.0**-40) & (size < HUGE))
    straight = (size < STRAIGHT) & (a.err < size)
    if np.any(straight):
        found = choose(straight, DoubleDouble(a.hi, a.lo, (a.err + size * STRAIGHT_ERROR + np.where(size < SMALL, TINY, 0.0)) * SLACK), found)
    return DoubleDouble(np.where(zero, 0.0, found.hi), np.where(zero, 0.0, found.lo), np.where(zero, 0.0, found.err)) if np.any(zero) else found


def atan2(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """The angle of the point (b, a); not known on the axes, but for the half where b > 0."""
    steep = np.abs(a.hi) > np.abs(b.hi)
    quotient = div(choose(steep, neg(b), a), choose(steep, a, b))
    turned = add(choose(a.hi > 0, _pi("pi/2"), neg(_pi("pi/2"))), atan(quotient))
    back = add(choose(a.hi > 0, _pi("pi"), neg(_pi("pi"))), atan(quotient))
    found = choose(steep, turned, choose(b.hi > 0, atan(quotient), back))
    side = is_below(ZERO, absolute(a)) & ((a.hi < 0) | (a.hi > 0))
    return known(found, np.where(steep, side, is_below(ZERO, b) | (is_below(b, ZERO) & side)))


def asin(a: DoubleDouble) -> DoubleDouble:
    """asin(a), as atan(a / sqrt((1 - a)(1 + a)))."""
    return without(atan(div(a, sqrt(mul(sub(ONE, a), add(ONE, a))))), is_below(ONE, absolute(a)))


def acos(a: DoubleDouble) -> DoubleDouble:
    """acos(a), as 2 atan(sqrt((1 - a) / (1 + a)))."""
    return without(scaled(atan(sqrt(div(sub(ONE, a), add(ONE, a)))), 2.0), is_below(ONE, absolute(a)))
