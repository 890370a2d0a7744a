"""Verdicts by columns of float64 with one bound for all points: most blocks of consecutive inputs of formats of 32 bits and less."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from verifier.arithmetic.doubles import one_bound
from verifier.arithmetic.doubles.double import ZERO, Double, column, exactly, mul, sub, tightened
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.check import Check
from verifier.compare.sweep.classify import (
    CODE,
    CORRECT,
    EXPONENT,
    NEGLIGIBLE_ULPS,
    ROUNDING,
    VANISHED,
    VerdictColumn,
    classify,
    edge,
    from_ends,
)
from verifier.compare.sweep.sides import Runner, both_sides, rewritten
from verifier.language.verdict import Verdict

WORTH = 2.0**-36  # of a format's bits, a relative bound below which nearly all points are decided
MARGIN = 1 + 2.0**-40  # for the roundings of a bound
EXACT = 2.0**-50  # for those of an error in ulps: a difference, products with powers of two, a sum
FRACTION_BITS = 52
SMALLEST = 2.0**-800  # of float64, far from its subnormal numbers: what is smaller is looked at in another way


def by_doubles(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge a block of which nothing is judged yet, where that is certain."""
    function = check.truth.gradient
    if not one_bound.is_bounded(function.program, [function.value]):
        return
    count = len(columns[0])
    seed = exactly(np.float64(check.upstream))
    value, exact, real, same = both_sides(check, Runner(rewritten(check, one_bound.numbers), columns, ZERO, lambda g: mul(g, seed), _meet))
    if value.never is not None and np.all(value.never):
        for j in found:
            j.verdict[:] = CODE[Verdict.UNDEFINED]
        return
    if not value.is_known:
        return
    for k, j in enumerate(found):
        g = tightened(exact[k])
        least = _least(g)
        relative = (g.rel + g.fixed / least) * MARGIN if least else math.inf
        if not relative < WORTH:
            continue
        is_proved = same[k] or check.subject.claims[k][1] in check.proved
        if is_proved and not real[k].is_known:
            continue
        gradient = check.subject.claims[k][1]
        if is_proved and check.computed is None and check.limit_for(gradient) is None and _is_usual(check, computed[k], g, least):
            _quickly(check, computed[k], g, relative, least, j)
        else:
            _carefully(check, computed[k], g, np.arange(count), None if is_proved else (real[k], exact[k]), j, gradient=gradient)


def _meet(g: Double, r: Double) -> Double:
    """The one with the smaller relative bound of two that enclose the same numbers; the first where it is not known."""
    return r._replace(never=g.never) if g.is_known and r.is_known and tightened(r).relative < tightened(g).relative else g


def _least(g: Double) -> float:
    """The smallest absolute value, also of values of both signs; 0 where a bound could hold nothing else."""
    if g.least or not g.is_known or np.ndim(g.value) == 0:
        return g.least
    return float(np.min(np.abs(g.value)))


def _is_usual(check: Check, c: DoubleArray, g: Double, least: float) -> bool:
    """Whether the exact and the computed gradients are finite, the former not 0 and smaller than half the largest number of the format."""
    fmt = check.format
    return least > SMALLEST and g.size < fmt.largest / 2 and np.ndim(g.value) == 1 and bool(np.isfinite(c.sum()))


def _quickly(check: Check, c: DoubleArray, g: Double, relative: float, smallest: float, found: VerdictColumn) -> None:
    """Judge gradients whose formula is right, and that are `_is_usual`.

    Let v = g.value, of a size of at least `smallest`, g off by at most r |v|, r = `relative`, u the ulp of v, b the power of two at or below |v|, and d = r |v| / u, which is at most r 2^p; the error e = |c - v| / u, computed with a few roundings of itself,
    is that of c in ulps of g to within d, where v (1 - r) and v (1 + r) are in one binade. There, if e + d < 1/2, c is g rounded, unless c is smaller than b: below b the floats are nearer to
    each other. If e - d > 1/2 it is not. A binade that ends within r of v, and a c below b, are left to `_carefully`. If c is 0 and e - d > 1/2, g is not rounded to 0, also where it is
    smaller than all numbers of the format, and c has vanished.
    """
    fmt, v = check.format, g.value
    d = relative * 2.0**fmt.precision * MARGIN
    first = fmt.emin + 1023 << FRACTION_BITS  # the power of two of subnormal numbers, as bits of a float64
    least, most = smallest * (1 - relative * MARGIN), g.size * (1 + relative * MARGIN)
    error = np.abs(c - v)
    vanished = None if np.all(c) else c == 0
    border: MaskArray | None = None
    has_one_sign = g.low > 0 or g.high < 0
    if has_one_sign and (most < 2.0**fmt.emin or (least >= 2.0**fmt.emin and math.frexp(least)[1] == math.frexp(most)[1])):  # all in one binade
        power = max(math.frexp(least)[1] - 1, fmt.emin)
        error *= 2.0 ** (fmt.precision - 1 - power)
        if power > fmt.emin and not (np.min(c) if g.low > 0 else -np.max(c)) >= 2.0**power:
            border = _between(c if g.low > 0 else -c, 2.0**power, vanished)
    else:
        bits = np.ascontiguousarray(v).view(np.int64)
        near = math.ceil(relative * 2.0 ** (FRACTION_BITS + 1)) + 1
        border = ((bits + near) & ((1 << FRACTION_BITS) - 1)) <= 2 * near
        powers = np.maximum(bits & EXPONENT, first)
        border |= _between(np.abs(c), powers.view(np.float64), vanished)
        error *= ((2046 << FRACTION_BITS) - powers).view(np.float64)
        error *= 2.0 ** (fmt.precision - 1)
    low, high = error * (1 - EXACT), error * (1 + EXACT)
    low -= d
    high += d
    np.maximum(low, 0.0, out=low)
    rounded = edge(low)
    settled = high <= np.maximum(rounded, NEGLIGIBLE_ULPS)  # both bounds are rounded up to the same value
    if border is not None:
        settled &= ~border
    is_correct = high < 0.5
    is_settled = is_correct | (low > 0.5)
    if vanished is None:
        is_settled &= high <= fmt.rounding_limit
    else:
        is_settled &= vanished | (high <= fmt.rounding_limit)
    settled &= is_settled
    verdict = np.where(is_correct, CORRECT, ROUNDING if vanished is None else np.where(vanished, VANISHED, ROUNDING))
    if settled.all():
        found.verdict[:], found.error[:] = verdict, rounded
        return
    np.copyto(found.verdict, verdict, where=settled)
    np.copyto(found.error, rounded, where=settled)
    left = np.flatnonzero(~settled)
    _carefully(check, c, g, left, None, found, gradient="")


def _between(c: DoubleArray, power: DoubleArray | float, vanished: MaskArray | None) -> MaskArray:
    """Where a computed gradient that has not vanished is smaller than the power of two at or below the exact one."""
    below: MaskArray = c < power
    return below if vanished is None else below & ~vanished


def _carefully(check: Check, c: DoubleArray, g: Double, at: np.ndarray, sides: tuple[Double, Double] | None, found: VerdictColumn, *, gradient: str) -> None:
    """Judge the gradients at some places by the ends of what is known; `sides` are the computed formula and the exact one, where they are not proved to be the same."""
    count = len(c)
    whole = len(at) == count
    v, computed = (a if whole else a[at] for a in (column(g.value, count), c))
    bound = np.abs(v) * (g.rel * MARGIN) + g.fixed
    low, high = v - bound, v + bound
    if not g.is_exact:
        low, high = np.nextafter(np.nextafter(low, -np.inf), -np.inf), np.nextafter(np.nextafter(high, np.inf), np.inf)
    else:
        high = low
    e, unit, _ = from_ends(check, computed, low, high)
    if sides is None:
        e.right = np.ones(len(at), bool)
    else:
        distance = sub(*sides)
        away = column(np.abs(distance.value), count)
        away = away if whole else away[at]
        off = away * (distance.rel + EXACT) + distance.fixed
        e.right = (away + off) * (1 + EXACT) <= unit[0]
        if not check.has_literals:
            e.wrong = (away - off) * (1 - EXACT) - off * EXACT > unit[1]
    part = found if whole else replace(found, verdict=found.verdict[at], error=found.error[at], over=found.over[at])
    classify(check, e, part, gradient=gradient)
    if not whole:
        found.verdict[at], found.error[at], found.over[at] = part.verdict, part.error, part.over


__all__ = ["by_doubles"]
