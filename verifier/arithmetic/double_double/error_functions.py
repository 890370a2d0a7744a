"""The error functions of vectors of double-doubles, with bounds, from Taylor polynomials in cells."""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.double_double import tables
from verifier.arithmetic.double_double.exponential import WIDEST, exp, signed
from verifier.arithmetic.double_double.number import (
    ONE,
    SLACK,
    TINY,
    DoubleDouble,
    absolute,
    choose,
    exactly,
    is_zero,
    known,
    mul,
    neg,
    product_of,
    scaled,
    sub,
    sum_of,
    sum_with_float,
    two_product,
)
from verifier.arithmetic.types import Doubles


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
    return DoubleDouble(value.hi, value.lo, np.where(zero, 0.0, value.err), value.never) if np.any(zero) else value


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
