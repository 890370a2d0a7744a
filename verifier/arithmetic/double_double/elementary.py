"""Elementary functions of vectors of double-doubles, with bounds.

Each reduces its argument by whole numbers of a constant that is known to more bits, looks the rest up in a table made by Arb, and adds a polynomial. What a
polynomial leaves out is in its function's docstring. The propagated error of the argument is a bound of the derivative times the argument's. The laws in
`tests/arithmetic/test_double_double.py` hold every function against Arb over all binades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.double_double import tables
from verifier.arithmetic.double_double.number import (
    HUGE,
    ONE,
    SLACK,
    SMALL,
    TINY,
    ZERO,
    DoubleDouble,
    Pair,
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

LOG2 = 0.6931471805599453
WIDEST = 1e-6  # a larger error of an argument is not propagated by derivatives


def signed(function: Callable[[DoubleDouble], DoubleDouble]) -> Callable[[DoubleDouble], DoubleDouble]:
    """An odd function, from one that is right from 0 on."""

    def odd(a: DoubleDouble) -> DoubleDouble:
        minus = a.hi < 0
        value = function(absolute(a))
        return DoubleDouble(np.where(minus, -value.hi, value.hi), np.where(minus, -value.lo, value.lo), value.err, value.never)

    return odd


# ---------------------------------------------------------------- exponentials


def _reduced(a: DoubleDouble) -> tuple[Doubles, Pair, Doubles]:
    """The n and s with a = n ln(2)/128 + s and |s| < 0.0028, and a bound of the error of s: the first two products are exact, the third is off by 2^-113, and the lower half rounds a few times."""
    first, second, third = tables.constant("ln2/128")
    n = np.rint(a.hi * (128 / LOG2))
    s, e = two_sum(a.hi, -n * first)
    s, f = two_sum(s, -n * second)
    rest = a.lo - n * third
    lower = (e + f) + rest
    return n, fast_two_sum(s, lower), (np.abs(e) + np.abs(f) + np.abs(a.lo) + 2.0**-59) * 2.0**-51 + 2.0**-112


def _expm1_small(s: Pair) -> Pair:
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


def exp(a: DoubleDouble) -> DoubleDouble:
    """exp(a); what is under 2^-890 is enclosed with 0, and what is over 2^990 is not known."""
    x = np.clip(a.hi, -618.0, 686.0)
    n, s, slip = _reduced(a._replace(hi=x))
    table = tables.powers_of_two()
    at = np.where(np.isnan(n), 0.0, n).astype(np.int64)
    row = (table[0][at & 127], table[1][at & 127])
    hi, lo = sum_of(row, product_of(row, _expm1_small(s)))
    scale = at >> 7
    hi, lo = np.ldexp(hi, scale), np.ldexp(lo, scale)
    wide = a.err + slip
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


def _log1p_small(f: Pair) -> Pair:
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


# ---------------------------------------------------------------- waves

FARTHEST = 30000.0  # of the arguments of sine and cosine


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


def _small_waves(s: Pair) -> tuple[Pair, Pair]:
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


def _minus(a: Pair) -> Pair:
    return -a[0], -a[1]


def sin(a: DoubleDouble) -> DoubleDouble:
    """sin(a), to |a| = 30000."""
    zero = is_zero(a)
    value = _sincos(a)[0]
    return value._replace(err=np.where(zero, 0.0, value.err)) if np.any(zero) else value


def cos(a: DoubleDouble) -> DoubleDouble:
    """cos(a), to |a| = 30000."""
    return _sincos(a)[1]


def tan(a: DoubleDouble) -> DoubleDouble:
    """tan(a), to |a| = 30000."""
    return div(sin(a), cos(a))


# ---------------------------------------------------------------- hyperbolic


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


# ---------------------------------------------------------------- inverse functions


def _pi(name: str) -> DoubleDouble:
    hi, lo = tables.constant(name)
    return DoubleDouble(np.float64(hi), np.float64(lo), np.float64(2.0**-105))


def atan(a: DoubleDouble) -> DoubleDouble:
    """atan(a) = y + d - d³/3 + ..., where y is the float's, and d = (a cos y - sin y) / (cos y + a sin y) the tangent of what is missing."""
    y = exactly(np.arctan(a.hi))
    s, c = _sincos(y)
    d = div(sub(mul(a, c), s), add(c, mul(a, s)))
    value = add(y, d)
    zero = is_zero(a)
    found = known(with_error(value, np.abs(d.hi) ** 3), (np.abs(d.hi) + d.err < 2.0**-40) & (np.abs(a.hi) < HUGE))
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
    return _without(atan(div(a, sqrt(mul(sub(ONE, a), add(ONE, a))))), is_below(ONE, absolute(a)))


def acos(a: DoubleDouble) -> DoubleDouble:
    """acos(a), as 2 atan(sqrt((1 - a) / (1 + a)))."""
    return _without(scaled(atan(sqrt(div(sub(ONE, a), add(ONE, a)))), 2.0), is_below(ONE, absolute(a)))


def _without(value: DoubleDouble, never: Mask) -> DoubleDouble:
    """A value with the places where there is certainly none."""
    return known(value, ~never)._replace(never=never) if np.any(never) else value._replace(never=None)


def asinh(a: DoubleDouble) -> DoubleDouble:
    """asinh(a), as log1p(a + a² / (1 + sqrt(1 + a²)))."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        square = mul(x, x)
        return log1p(add(x, div(square, add(ONE, sqrt(add(ONE, square))))))

    return signed(positive)(a)


def acosh(a: DoubleDouble) -> DoubleDouble:
    """acosh(a), as log1p(t + sqrt(t (t + 2))) with t = a - 1."""
    t = sub(a, ONE)
    return _without(log1p(add(t, sqrt(mul(t, add(t, scaled(ONE, 2.0)))))), is_below(a, ONE))


def atanh(a: DoubleDouble) -> DoubleDouble:
    """atanh(a), as log1p(2a / (1 - a)) / 2."""

    def positive(x: DoubleDouble) -> DoubleDouble:
        return scaled(log1p(div(scaled(x, 2.0), sub(ONE, x))), 0.5)

    beyond = is_below(ONE, absolute(a)) | is_zero(sub(ONE, absolute(a)))
    return _without(signed(positive)(a), beyond)


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


# ---------------------------------------------------------------- error functions


def _expanded(e: tables.Expansions, a: DoubleDouble, slope: float) -> DoubleDouble:
    """A tabled function; `slope` is at least the size of its derivative near the arguments. Not known outside the table."""
    cell = np.rint(a.hi / e.width)
    inside = (cell >= 0) & (cell < len(e.bound)) & (a.err < WIDEST)
    cell = np.where(inside, cell, 0.0)
    s = sum_with_float((a.hi, a.lo), -cell * e.width)
    at = cell.astype(np.int64)
    x = s[0]
    tail: Doubles = e.tail[-1][at]
    for column in e.tail[-2::-1]:
        tail = column[at] + x * tail
    p = sum_of((e.rest[-1][0][at], e.rest[-1][1][at]), two_product(x, tail))
    for high, low in e.rest[-2::-1]:
        p = sum_of((high[at], low[at]), product_of(s, p))
    hi, lo = sum_of((e.first[0][at], e.first[1][at]), product_of(s, p))
    err = (np.abs(hi) * 2.0**-101 + np.abs(x) * e.bound[at] + a.err * slope) * SLACK + TINY
    return known(DoubleDouble(hi, lo, err), inside)


BODY = 2.0  # up to it erf comes from its own table, beyond it from erfc's


def _tail(x: DoubleDouble) -> DoubleDouble:
    """erfc(x) from 1/2 on, as exp(-x²) erfcx(x); what is under 2^-889, certainly from 25 on, is enclosed with 0."""
    far = x.hi > 26
    x = choose(far, exactly(np.float64(26.0)), choose(x.hi < 0.5, exactly(np.float64(0.5)), x))
    return mul(exp(neg(mul(x, x))), erfcx(x))


def _erf(x: DoubleDouble) -> DoubleDouble:
    near = x.hi <= BODY
    if not np.all(near):
        value = sub(ONE, _tail(x))
        return choose(near, _expanded(tables.erf(), x, 1.13), value) if np.any(near) else value
    value, zero = _expanded(tables.erf(), x, 1.13), is_zero(x)
    return value._replace(err=np.where(zero, 0.0, value.err)) if np.any(zero) else value


erf = signed(_erf)


def erfcx(a: DoubleDouble) -> DoubleDouble:
    """exp(a²) erfc(a), from 0 to 27."""
    return known(_expanded(tables.erfcx(), a, 1.13), a.hi >= 0)


def erfc(a: DoubleDouble) -> DoubleDouble:
    """erfc(a): from 1/2 on its tail; below, 1 - erf(a)."""
    right, left = a.hi > 0.5, a.hi < -BODY
    body = sub(ONE, erf(a)) if not np.all(right) else a
    if np.any(left):
        body = choose(left, sub(scaled(ONE, 2.0), _tail(absolute(a))), body)
    return choose(right, _tail(a), body) if np.any(right) else body
