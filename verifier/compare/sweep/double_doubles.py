"""Verdicts by columns of double-doubles: nearly all points of float64, and in narrower formats what intervals leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.double_double.number import SLACK, ZERO, DoubleDouble, choose, exactly, is_known, mul, sub, two_sum
from verifier.arithmetic.types import DoubleArray, Doubles, MaskArray
from verifier.compare.check import Check
from verifier.compare.sweep.balls import NARROW
from verifier.compare.sweep.classify import (
    CODE,
    EXPONENT,
    EXTRA,
    FRACTION,
    Enclosed,
    VerdictColumn,
    classify,
    from_ends,
    part_of,
    write_part,
)
from verifier.compare.sweep.explained import explained
from verifier.compare.sweep.extremes import by_shifted
from verifier.compare.sweep.sides import Runner, both_sides, rewritten
from verifier.language.verdict import Verdict

BLOCK = 1 << 13  # points in one pass of NumPy: what stays in the cache
FEWEST = 4  # points from which it is quicker than balls one by one
FEWEST_SHIFTED = 64  # points from which double-doubles times powers of two are quicker than columns of balls
EndColumns: TypeAlias = tuple[DoubleArray, DoubleArray]
RunOfPairs: TypeAlias = Callable[..., Sequence[DoubleDouble]]  # the enclosures of some steps of a program


def by_double_doubles(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], *, conditions: bool = True) -> None:
    """Judge what is open and certain. Without `conditions` what is unstable or ill-conditioned is called unstable."""
    count = len(columns[0])
    if count < FEWEST or not _is_bounded(check):
        return
    for start in range(0, count, BLOCK):
        cut = slice(start, min(start + BLOCK, count))
        _block(check, double_doubles.numbers, [c[cut] for c in columns], [c[cut] for c in computed], part_of(found, cut), conditions=conditions)
    if check.cancels:
        _where_open(partial(_block, check, rewritten(check, double_doubles.numbers), conditions=conditions), columns, computed, found)
    if check.format.precision > NARROW:
        _where_open(partial(by_shifted, check), columns, computed, found, fewest=FEWEST_SHIFTED if conditions else FEWEST)  # columns of balls come next, except without conditions


Columnwise: TypeAlias = Callable[[list[DoubleArray], list[DoubleArray], list[VerdictColumn]], None]  # inputs, computed gradients, verdicts


def _where_open(step: Columnwise, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], *, fewest: int = FEWEST) -> None:
    """Judge what is open in one block after the other, where it is at least so many points."""
    left = np.flatnonzero(np.any([j.open for j in found], axis=0))
    for at in (left[start : start + BLOCK] for start in range(0, len(left), BLOCK)):
        if len(at) >= fewest:
            part = part_of(found, at)
            step([c[at] for c in columns], [c[at] for c in computed], part)
            write_part(found, at, part)


def _is_bounded(check: Check) -> bool:
    """Whether the function, without which nothing is decided, has only gates that are enclosed."""
    function = check.truth.gradient
    return double_doubles.is_bounded(function.program, [function.value])


class Columns(NamedTuple):
    """A DoubleDouble with an entry for every point."""

    hi: DoubleArray
    lo: DoubleArray
    err: DoubleArray

    @property
    def is_known(self) -> MaskArray:
        """Where there is a bound."""
        return np.isfinite(self.hi) & np.isfinite(self.err)

    @property
    def is_zero(self) -> MaskArray:
        """Where it is exactly 0."""
        zero: MaskArray = (self.hi == 0) & (self.err == 0)
        return zero


def _block(check: Check, run: RunOfPairs, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], *, conditions: bool) -> None:
    count = len(columns[0])

    def full(a: DoubleDouble) -> Columns:
        return Columns(*(np.broadcast_to(c, (count,)) if np.ndim(c) == 0 else np.asarray(c) for c in (a.hi, a.lo, a.err)))

    seed = exactly(np.float64(check.upstream))
    value, exact, real, same = both_sides(check, Runner(run, columns, ZERO, lambda g: mul(g, seed), _meet))
    never = None if value.never is None else np.broadcast_to(value.never, (count,))
    has_value = is_known(value)
    for k, j in enumerate(found):
        if never is not None:
            j.verdict[never] = CODE[Verdict.UNDEFINED]
        g = full(exact[k])
        e, unit, error = (_enclosed if check.format.precision > NARROW else _from_ends)(check, computed[k], g)
        e.is_rounded = e.is_rounded & has_value
        if same[k] or check.subject.claims[k][1] in check.proved:
            e.right = np.broadcast_to(is_known(real[k]), (count,))
        elif _is_near(real[k], exact[k], unit[0]):
            e.right = np.ones(count, bool)
        else:
            distance = sub(real[k], exact[k])
            e.right = (np.abs(distance.hi) + distance.err) * (1 + EXTRA) <= unit[0]
            if not check.has_literals:
                e.wrong = (np.abs(distance.hi) * (1 - EXTRA) - distance.err) * (1 - EXTRA) > unit[1]
        unstable = classify(check, e, j, gradient=check.subject.claims[k][1])
        if unstable.any():
            at = np.flatnonzero(unstable)
            j.verdict[at] = _conditioned(check, k, [c[at] for c in columns], Columns(g.hi[at], g.lo[at], g.err[at]), error[0][at], error[1][at], run) if conditions else CODE[Verdict.UNSTABLE]


def _is_near(a: DoubleDouble, b: DoubleDouble, unit: DoubleArray) -> bool:
    """Whether two numbers are certainly within `unit` of each other at every point, by the differences of both halves, each rounded once."""
    distance = np.abs(a.hi - b.hi)
    distance += np.abs(a.lo - b.lo)
    distance += a.err
    distance += b.err
    distance *= 1 + EXTRA
    return bool(np.all(distance <= unit))


def _meet(g: DoubleDouble, r: DoubleDouble) -> DoubleDouble:
    """The one with the smaller bound of two that enclose the same number; the first where the second is not known, and not known where the first is not."""
    return choose(is_known(g) & is_known(r) & (r.err < g.err), r, g)._replace(never=g.never)


def _enclosed(check: Check, c: DoubleArray, g: Columns) -> tuple[Enclosed, EndColumns, EndColumns]:
    """The bounds that follow for float64; also the bounds of g's ulp (NaN where not known) and of |computed - g|.

    The float nearest to g is `g.hi` where what is left is certainly less than half an ulp. Where |g.hi| is a power of two and it is open on which
    side of it g lies, the ulp is known up to a factor of 2, which matters only where computed and g differ.
    """
    fmt = check.format
    near, size = g.hi, np.abs(g.hi)
    residual, slack, least, most = _distance(c, g)
    unknown = None if np.max(size) <= fmt.largest / 2 and np.max(slack) < np.inf else ~g.is_known | (size > fmt.largest / 2)
    bits = np.ascontiguousarray(near).view(np.int64)
    small = np.maximum((bits & EXPONENT).view(np.float64), 2.0**-1022) * 2.0**-52  # the ulp
    large, zero = small, None
    powers = np.flatnonzero((bits & FRACTION) == 0)
    if len(powers):
        zero = size == 0
        small, large, lo, err = small.copy(), small.copy(), np.where(near < 0, -g.lo, g.lo)[powers], g.err[powers]  # lo above 0: |g| > |near|
        small[powers] *= np.where((lo > err) | ((lo == 0) & (err == 0)) | zero[powers], 1.0, 0.5)
        large[powers] *= np.where((lo < -err) & ~zero[powers], 0.5, 1.0)
        if zero.any():
            unknown = (zero & (g.err != 0)) if unknown is None else unknown | (zero & (g.err != 0))
            zero = zero & (g.err == 0)
    if unknown is not None:
        small, large = np.where(unknown, np.nan, small), np.where(unknown, np.nan, large)
    low, high = least / large, most / small
    is_rounded = (np.abs(g.lo) + slack) * (1 + EXTRA) < small / 2
    if zero is not None and zero.any():
        low, high = np.where(zero, residual / small, low), np.where(zero, residual / small, high)
        is_rounded |= zero
    if unknown is not None:
        is_rounded &= ~unknown
    none = np.zeros(len(c), bool)
    return Enclosed(c, near if is_rounded.all() else np.where(is_rounded, near, np.nan), is_rounded, low, high, none, none), (small, large), (least, most)


def _distance(c: DoubleArray, g: Columns) -> tuple[DoubleArray, DoubleArray, DoubleArray, DoubleArray]:
    """|computed - g|, the bound of g's error, and the bounds of that distance."""
    s, e = two_sum(c if np.all(np.isfinite(c)) else np.where(np.isfinite(c), c, 0.0), -g.hi)
    e -= g.lo
    e += s
    residual = np.abs(e, out=e)
    slack = g.err * SLACK
    least, most = residual * (1 - EXTRA), residual * (1 + EXTRA)
    least -= slack
    most += slack
    return residual, slack, np.maximum(least, 0.0, out=least), most


def _from_ends(check: Check, c: DoubleArray, g: Columns) -> tuple[Enclosed, EndColumns, EndColumns]:
    """What follows for a narrow format, from float64 ends of g: two floats beyond its bound, one for the lower half and one for the rounding. The distance from the computed one is that of both halves."""
    thin = (g.lo == 0) & (g.err == 0)
    low, high = g.hi - g.err, g.hi + g.err
    for _ in range(2):
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    low, high = (np.where(~g.is_known, np.nan, np.where(thin, g.hi, end)) for end in (low, high))
    e, unit, (nearest, farthest) = from_ends(check, c, low, high)
    _, _, least, most = _distance(c, g)
    least, most = np.fmax(least, nearest), np.fmin(most, farthest)
    e.ulps_low, e.ulps_high = least / unit[1], most / unit[0]
    return e, unit, (least, most)


def _conditioned(check: Check, claim: int, columns: list[DoubleArray], g: Columns, least: DoubleArray, most: DoubleArray, run: RunOfPairs) -> NDArray[np.int8]:
    """`unstable` or `ill_conditioned` where the condition number decides it."""
    return explained(check, claim, columns, _size(g), (np.abs(g.hi) > g.err * 2) | g.is_zero, (least, most), lambda *given: map(_size, run(*given, strict=False)))


def _size(a: DoubleDouble | Columns) -> tuple[Doubles, Doubles]:
    size = np.abs(a.hi)
    return np.maximum(size - a.err, 0.0), size + a.err
