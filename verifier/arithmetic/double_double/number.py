"""A vector of double-doubles with bounds: each stands for the real numbers within `err` of `hi + lo`.

The bound has two parts, `fixed + rel |hi|`: products, quotients and exponentials make errors that are relative, and one number `rel` for all points spares the passes over memory
that a bound for each of them takes. Where operands have a fixed part, or numbers cancel, the bound is one for each point. A bound without a fixed part belongs to numbers above
SMALL, and to sums, which are exact where they are smaller: so `rel |hi|` loses nothing that counts where it underflows.

`hi` is the float64 nearest to `hi + lo`. A bound that is NaN or infinite says that nothing is known: so do overflow and domains.
The operations and their errors are those of Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
double-word arithmetic" (ACM TOMS 44, 2017), with u = 2^-53: a sum (their algorithm 6) is off by 3u², a product (algorithm 10) by 7u², a quotient
(algorithm 17) by 15u², each relative to the result. Their root is Fukushima's and Karp's step with one more term, bounded in `sqrt`.
They hold where nothing underflows. A sum of two floats is exact also among subnormals; a product of two floats (Dekker's) whose size is
under 2^-968 is off by less than 2^-1073: `TINY`, which is larger, is added to the bound of everything that a product or a quotient makes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verifier.arithmetic.types import Doubles, Mask

SPLITTER = 134217729.0  # 2^27 + 1
SUM, PRODUCT, QUOTIENT, ROOT = 2.0**-103, 2.0**-102, 2.0**-101, 2.0**-101  # at least twice the relative errors above: what the bound's own roundings take is in it
SLACK, LESS = 1 + 2.0**-48, 1 - 2.0**-48  # for the few roundings of a bound, and of what is at least there
TINY = 2.0**-1060
HUGE, SMALL = 2.0**990, 2.0**-950  # between them neither Dekker's product nor a quotient's residual leaves the normal numbers


RELATIVE = 2.0**-40  # the largest relative error that is carried as one for all points
MORE = 1 + 2.0**-38  # for the products of two relative errors under RELATIVE, and for hi in the place of the number
UNDER = 2.0**-109  # TINY as a part of what is larger than SMALL, twice


class DoubleDouble(NamedTuple):
    """Columns (arrays, or scalars for what is the same at every point); `never` marks where there is certainly no real value, None is nowhere."""

    hi: Doubles
    lo: Doubles
    fixed: Doubles
    never: Mask | None = None
    rel: float = 0.0

    @property
    def err(self) -> Doubles:
        """The bound at every point."""
        if self.rel == 0.0:
            return self.fixed
        relative = np.abs(self.hi) * (self.rel * SLACK)
        return relative if self.fixed is NOTHING else (relative + self.fixed) * SLACK


NOTHING = np.float64(0.0)  # the lower half, or the bound, of what has none: known by its identity, it spares the operations with it


def exactly(value: Doubles) -> DoubleDouble:
    """The floats themselves."""
    return DoubleDouble(value, NOTHING, NOTHING)


UNKNOWN = DoubleDouble(np.float64("nan"), NOTHING, np.float64("nan"))
ZERO = exactly(np.float64(0.0))
ONE = exactly(np.float64(1.0))


def known(a: DoubleDouble, where: Mask) -> DoubleDouble:
    """Nothing is known where a condition does not hold."""
    return a if np.all(where) else DoubleDouble(np.where(where, a.hi, np.nan), a.lo, np.where(where, a.fixed, np.nan), a.never, a.rel)


def is_known(a: DoubleDouble) -> Mask:
    """Where there is a bound."""
    return np.isfinite(a.hi) if a.fixed is NOTHING and a.rel < 1 else np.isfinite(a.hi) & np.isfinite(a.err)


def _is_relative(a: DoubleDouble) -> bool:
    """Whether the bound is a relative one for all points."""
    return a.fixed is NOTHING and a.rel < RELATIVE


# ---------------------------------------------------------------- pairs of floats, without bounds


def two_sum(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """The rounded sum of two floats and its error, exactly (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def fast_two_sum(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """The same where |a| >= |b| or a is 0 (Dekker)."""
    total = a + b
    return total, b - (total - a)


def _halves(a: Doubles) -> tuple[Doubles, Doubles]:
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def two_product(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """The rounded product of two floats and its error, exactly where its size is from 2^-968 to 2^990 and theirs is under 2^990 (Dekker, Veltkamp)."""
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


FloatPair = tuple[Doubles, Doubles]


def sum_of(a: FloatPair, b: FloatPair) -> FloatPair:
    """Algorithm 6 (AccurateDWPlusDW)."""
    s, e = two_sum(a[0], b[0])
    t, f = two_sum(a[1], b[1])
    s, e = fast_two_sum(s, e + t)
    return fast_two_sum(s, e + f)


def sum_with_float(a: FloatPair, b: Doubles) -> FloatPair:
    """Algorithm 4 (DWPlusFP), off by 2u²."""
    s, e = two_sum(a[0], b)
    return fast_two_sum(s, e + a[1])


def product_of(a: FloatPair, b: FloatPair) -> FloatPair:
    """Algorithm 10 (DWTimesDW1)."""
    p, e = two_product(a[0], b[0])
    return fast_two_sum(p, e + (a[0] * b[1] + a[1] * b[0]))


def product_with_float(a: FloatPair, b: Doubles) -> FloatPair:
    """Algorithm 7 (DWTimesFP1), off by 2u²."""
    p, e = two_product(a[0], b)
    s, t = fast_two_sum(p, a[1] * b)
    return fast_two_sum(s, t + e)


def quotient_of(a: FloatPair, b: FloatPair) -> FloatPair:
    """Algorithm 17 (DWDivDW2)."""
    q = a[0] / b[0]
    r = product_with_float(b, q)
    return fast_two_sum(q, ((a[0] - r[0]) + (a[1] - r[1])) / b[0])


# ---------------------------------------------------------------- with bounds


def add(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a + b. Where the result is 0 or so small that a float could not hold the error, the sum is exact: all are multiples of the smallest float."""
    if a.lo is NOTHING and b.lo is NOTHING and a.rel == b.rel == 0.0:
        hi, lo = two_sum(a.hi, b.hi)
        return DoubleDouble(hi, lo, a.err if b.err is NOTHING else b.err if a.err is NOTHING else (a.err + b.err) * SLACK)
    hi, lo = sum_with_float(a[:2], b.hi) if b.lo is NOTHING else sum_with_float(b[:2], a.hi) if a.lo is NOTHING else sum_of(a[:2], b[:2])
    worst = max(a.rel, b.rel)
    if a.fixed is NOTHING and b.fixed is NOTHING and (worst == 0.0 or (worst < RELATIVE and _same_sign(a.hi, b.hi))):
        return DoubleDouble(hi, lo, NOTHING, None, worst * MORE + SUM)  # where nothing cancels |a| + |b| is |a + b|
    err = np.abs(hi) * SUM
    for x in (a, b):
        if x.rel or x.fixed is not NOTHING:
            err = err + x.err
    return DoubleDouble(hi, lo, err * SLACK)


def _same_sign(a: Doubles, b: Doubles) -> bool:
    """Whether no two of the numbers have different signs."""
    return bool((np.min(a) >= 0 and np.min(b) >= 0) or (np.max(a) <= 0 and np.max(b) <= 0))


def neg(a: DoubleDouble) -> DoubleDouble:
    """-a."""
    return DoubleDouble(-a.hi, NOTHING if a.lo is NOTHING else -a.lo, a.fixed, a.never, a.rel)


def sub(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a - b."""
    return add(a, neg(b))


def is_single(a: DoubleDouble) -> bool:
    """Whether it is one number, the same at every point, without an error."""
    return np.ndim(a.hi) == 0 and bool(a.err == 0)


def is_zero(a: DoubleDouble) -> Mask:
    """Where it is exactly 0."""
    return np.logical_and(np.equal(a.hi, 0), np.equal(a.err, 0), dtype=np.bool_)


def scaled(a: DoubleDouble, factor: float) -> DoubleDouble:
    """a times a power of two: exact where nothing underflows or overflows."""
    if abs(factor) == 1:
        return a if factor == 1 else neg(a)
    if _is_relative(a):
        hi = a.hi * factor
        size = np.abs(hi)
        if np.min(np.abs(a.hi)) > SMALL and np.min(size) > SMALL and np.max(size) < HUGE:
            lo = a.lo if a.lo is NOTHING else a.lo * factor
            return DoubleDouble(hi, lo, NOTHING, a.never, 0.0 if a.rel == 0.0 and a.lo is NOTHING else a.rel + UNDER)  # a lower half that underflows loses less than TINY
    hi, lo, err = a.hi * factor, a.lo * factor, a.err * abs(factor)
    is_exact = (hi / factor == a.hi) & (lo / factor == a.lo) & (err / abs(factor) == a.err)
    whole = a.lo is NOTHING and a.err is NOTHING
    return DoubleDouble(hi, NOTHING if whole else lo, (NOTHING if whole else err) if np.all(is_exact) else np.where(is_exact, err, err + TINY), a.never)


def mul(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a * b; exactly 0 where one of them is."""
    for x, y in ((a, b), (b, a)):
        if is_single(x) and x.lo == 0 and abs(np.frexp(x.hi)[0]) == 0.5:
            return scaled(y, float(x.hi))
    if a.lo is NOTHING and b.lo is NOTHING:
        hi, lo = fast_two_sum(*two_product(a.hi, b.hi))  # the sum changes nothing, but is NaN where a half overflowed
        rounding = 0.0
    else:
        hi, lo = product_with_float(a[:2], b.hi) if b.lo is NOTHING else product_with_float(b[:2], a.hi) if a.lo is NOTHING else product_of(a[:2], b[:2])
        rounding = PRODUCT
    size = np.abs(hi)
    least = np.min(size)
    if _is_relative(a) and _is_relative(b):
        rel = (a.rel + b.rel) * MORE + rounding
        if least > SMALL:
            return DoubleDouble(hi, lo, NOTHING, None, rel + UNDER if rel else 0.0)
        result = DoubleDouble(hi, lo, np.float64(TINY), None, rel)
    else:
        err: Doubles = size * rounding + TINY
        for x, y in ((a, b), (b, a)):
            if y.rel or y.fixed is not NOTHING:
                err = err + (np.abs(x.hi) + (x.err if x is b else 0.0)) * y.err
        result = DoubleDouble(hi, lo, err * SLACK)
    if least > 0:
        return result
    zero = is_zero(a) & is_known(b) | is_zero(b) & is_known(a)
    return result._replace(fixed=np.where(zero, 0.0, result.fixed)) if np.any(zero) else result


def div(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a / b; not known where b may be 0 or a size is extreme, and there is certainly no value where b is exactly 0. Where a or the result is tiny it is enclosed with 0."""
    if is_single(b) and b.lo == 0 and abs(np.frexp(b.hi)[0]) == 0.5 and 1 / HUGE < abs(float(b.hi)) < HUGE:
        return scaled(a, float(1 / b.hi))
    hi, lo = quotient_of(a[:2], b[:2])
    size, ratio, top = np.abs(b.hi), np.abs(hi), np.abs(a.hi)
    if _is_relative(a) and _is_relative(b) and min(np.min(size), np.min(top), np.min(ratio)) > SMALL and max(np.max(size), np.max(top)) < HUGE:
        return DoubleDouble(hi, lo, NOTHING, None, (a.rel + b.rel) * MORE + (QUOTIENT + UNDER))
    least = size * LESS - b.err
    err = (ratio * QUOTIENT + (a.err + ratio * SLACK * b.err) / least) * SLACK + TINY
    inside = (np.minimum(np.minimum(size, top), ratio) > SMALL) & (np.maximum(size, top) < HUGE) & (least > 0)
    if not np.all(inside):
        zero = is_zero(a) & (least > 0)
        tiny = ~inside & ~zero & (size > SMALL) & (np.maximum(size, top) < HUGE) & (least > 0)
        inside = inside | zero | tiny
        hi, lo, err = np.where(zero | tiny, 0.0, hi), np.where(zero | tiny, 0.0, lo), np.where(zero, 0.0, err)
        err = np.where(tiny, (top + np.abs(a.lo) + a.err) / least * SLACK + TINY, err)
    result = known(DoubleDouble(hi, lo, err), inside)
    if np.all(b.hi):
        return result
    return result._replace(never=is_zero(b) & is_known(a))


def sqrt(a: DoubleDouble) -> DoubleDouble:
    """The square root: s, the float's root, and s + (a - s²) / (2s), which is off by (a - s²)² / (8s³), under u²s/2, besides its three roundings, of a correction of size us, each under 2u of it."""
    s = np.sqrt(np.abs(a.hi))
    p, e = two_product(s, s)
    hi, lo = fast_two_sum(s, ((a.hi - p) - e + a.lo) / (2 * s))
    err = (np.abs(hi) * ROOT + a.err / s) * SLACK + TINY
    zero = is_zero(a)
    if np.any(zero):
        hi, lo, err = np.where(zero, 0.0, hi), np.where(zero, 0.0, lo), np.where(zero, 0.0, err)
    result = known(DoubleDouble(hi, lo, err), (a.hi > SMALL) & (a.hi < HUGE) & (a.err < a.hi / 4) | zero)
    below = is_below(a, ZERO)
    return result._replace(never=below) if np.any(below) else result


def absolute(a: DoubleDouble) -> DoubleDouble:
    """|a|."""
    return DoubleDouble(np.abs(a.hi), NOTHING if a.lo is NOTHING else np.where(a.hi < 0, -a.lo, a.lo), a.fixed, a.never, a.rel)


def choose(where: Mask, a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a where a condition holds, else b."""
    return DoubleDouble(np.where(where, a.hi, b.hi), np.where(where, a.lo, b.lo), np.where(where, a.err, b.err))


def is_below(a: DoubleDouble, b: DoubleDouble) -> Mask:
    """Where a < b for certain."""
    d = sub(a, b)
    below: Mask = np.less(d.err * SLACK, -d.hi)
    return below  # |lo| is at most u |hi|, which the slack covers


def with_error(a: DoubleDouble, more: Doubles) -> DoubleDouble:
    """The same numbers with a larger bound."""
    return DoubleDouble(a.hi, a.lo, a.err + more, a.never)
