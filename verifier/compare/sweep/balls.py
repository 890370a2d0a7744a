"""Verdicts by columns of balls: float64, and what intervals left open."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np
from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball, Balls, DoubleArray, MaskArray
from verifier.compare.check import Check
from verifier.compare.compare import SWEEP_BITS, worthwhile_bits
from verifier.compare.sweep.classify import Enclosed, VerdictColumn, classify, from_ends, part_of, write_part
from verifier.compare.sweep.sides import Runner, both_sides

NARROW = 24  # bits: intervals of float64 decide formats of that precision and less
PRECISIONS = (SWEEP_BITS, 640, 4096)  # 2^128 squared cancels 256 bits, its sine's argument as many; 0.75 * cos(x * x) * x lies 4000 bits from the middle of two floats at 1e-300
EXTRA = 2.0**-51  # for a rounding or two of float64; its square for those of 128 bits
SMALL, SHIFT, UNITS = 2.0**-700, 600, arb(2) ** 600  # errors of a gradient that is smaller are taken in units of 2^-SHIFT
BEYOND = arb(2) ** 1024  # what is not smaller rounds to an infinity
HALF = 0.5  # ulps: what is closer is the number rounded


def by_balls(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge what is open; where that is a finite gradient not known well enough, at the next precision."""
    left = np.arange(len(columns[0]))
    for bits in (b for b in PRECISIONS if b <= max(worthwhile_bits(check), PRECISIONS[0])):
        part = part_of(found, left)
        hopeful = _level(check, [c[left] for c in columns], [c[left] for c in computed], part, bits)
        write_part(found, left, part)
        left = left[hopeful]
        if not len(left):
            break


def _level(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], bits: int) -> MaskArray:
    """Judge what this precision decides; the points that a higher one may."""
    lists = [list(map(arb, c.tolist())) for c in columns]
    seed, hopeful = arb(check.upstream), np.zeros(len(lists[0]), bool)

    with balls.precision(bits):
        runner: Runner[Balls, Balls] = Runner(balls.run, lists, [balls.ZERO] * len(lists[0]), lambda column: [g * seed for g in column], _meet)
        value, exact, real, same = both_sides(check, runner)
        has_value = np.fromiter(map(arb.is_finite, value), bool, len(value))
        for k, j in enumerate(found):
            at = np.flatnonzero(j.open)
            if not len(at):
                continue
            places, part = at.tolist(), VerdictColumn(j.verdict[at], j.error[at], j.over[at])
            g, r = ([column[i] for i in places] for column in (exact[k], real[k]))
            e, unit = (_from_balls if check.format.precision > NARROW else _from_wide_balls)(check, computed[k][at], g)
            e.is_rounded = e.is_rounded & has_value[at]
            if same[k]:
                e.right = has_value[at]
            elif check.subject.claims[k][1] in check.proved:
                e.right = np.fromiter(map(arb.is_finite, r), bool, len(at))
            else:
                distance = list(map(operator.sub, r, g))
                e.right = np.nextafter(_floats(map(arb.abs_upper, distance)), np.inf) <= unit[0]
                if not check.has_literals and not e.right.all():
                    apart = np.flatnonzero(~e.right)
                    e.wrong = np.zeros(len(at), bool)
                    e.wrong[apart] = np.nextafter(_floats(distance[i].abs_lower() for i in apart.tolist()), 0.0) > unit[1][apart]
            classify(check, e, part, gradient=check.subject.claims[k][1])
            j.verdict[at], j.error[at], j.over[at] = part.verdict, part.error, part.over
            if bits < PRECISIONS[-1]:
                for i in np.flatnonzero(part.open & has_value[at] & ~e.is_rounded & ~hopeful[at]).tolist():
                    hopeful[places[i]] = g[i].is_finite() and not g[i].is_exact() and r[i].is_finite()
    return hopeful


def _meet(g: Sequence[Ball], r: Sequence[Ball]) -> list[Ball]:
    """The smaller one of two balls that enclose the same number."""
    return [b if a.is_finite() and b.is_finite() and b.rad() < a.rad() else a for a, b in zip(g, r, strict=True)]


def _floats(values: Iterable[Ball]) -> DoubleArray:
    return np.array(list(map(float, values)), dtype=np.float64)


def _from_wide_balls(check: Check, c: DoubleArray, g: Sequence[Ball]) -> tuple[Enclosed, tuple[DoubleArray, DoubleArray]]:
    """What balls tell in a narrow format: their ends in float64."""
    low, high = _floats(map(arb.lower, g)), _floats(map(arb.upper, g))
    thin = low == high
    thin[thin] = [g[i] == low[i] for i in np.flatnonzero(thin).tolist()]
    return from_ends(check, c, np.where(thin, low, np.nextafter(low, -np.inf)), np.where(thin, high, np.nextafter(high, np.inf)))[:2]


def _from_balls(check: Check, c: DoubleArray, g: Sequence[Ball]) -> tuple[Enclosed, tuple[DoubleArray, DoubleArray]]:
    """What balls tell in float64, from the residual in balls, its radius, and the float next to g's midpoint.

    That float is g rounded where g is certainly less than half an ulp away. Where the computed one is more than that away it is
    not the rounded one, whichever that is.
    """
    fmt = check.format
    near, radius = _floats(g), _floats(map(arb.rad, g))
    finite = np.where(np.isfinite(c), c, 0.0)
    residual = np.abs(_floats(map(operator.sub, map(arb, finite.tolist()), g)))
    shift, size = np.where(np.abs(near) < SMALL, SHIFT, 0), np.abs(near)
    for i in np.flatnonzero(shift).tolist():  # in units so small that no float underflows
        radius[i], residual[i], size[i] = float(g[i].rad() * UNITS), float(abs(arb(finite[i]) - g[i]) * UNITS), float(abs(g[i]) * UNITS)
    slack = np.nextafter(radius * (1 + EXTRA) + (size + residual) * EXTRA**2, np.inf)
    least, most = np.maximum(residual * (1 - EXTRA) - slack, 0.0), np.nextafter(residual * (1 + EXTRA) + slack, np.inf)
    mantissa, exponent = np.frexp(near)
    is_infinite = np.isinf(near)
    unknown = ~np.isfinite(near) | (np.abs(near) > fmt.largest / 2) | np.isnan(radius)
    inner, outer = exponent.copy(), exponent.copy()
    for i in np.flatnonzero(np.abs(mantissa) == 0.5).tolist():  # a power of two: is g on it, above, or below? Where that is open its ulp is known up to a factor of 2
        if not abs(g[i]) >= abs(near[i]):
            inner[i] -= 1
        if abs(g[i]) < abs(near[i]):
            outer[i] -= 1
    zero = near == 0
    for i in np.flatnonzero(zero).tolist():
        zero[i] = g[i].is_zero()
    for i in np.flatnonzero(is_infinite).tolist():
        is_infinite[i] = abs(g[i]) >= BEYOND and not np.isfinite(c[i])
    inner, outer = (np.where(near == 0, fmt.emin, np.maximum(e - 1, fmt.emin)) - fmt.precision + 1 for e in (inner, outer))
    unit, larger = (np.where(unknown, np.nan, np.ldexp(1.0, e)) for e in (inner, outer))
    ulps_low, ulps_high = np.ldexp(least, -outer - shift), np.ldexp(most, -inner - shift)
    exact = (radius == 0) & (residual == 0)
    for i in np.flatnonzero(exact).tolist():
        exact[i] = g[i] == c[i]  # not only nearer than any float64
    ulps_low, ulps_high = (np.where(zero | exact, np.ldexp(residual, -inner - shift), u) for u in (ulps_low, ulps_high))
    is_rounded = ~unknown & (slack < np.ldexp(0.25, inner + shift)) & (zero | np.where(c == near, ulps_high < HALF, ulps_low > HALF)) & np.isfinite(c) | is_infinite
    for i in np.flatnonzero(~is_rounded & ~unknown).tolist():  # too near to the middle of two floats for float64 to tell on which side, or computed as no number
        rounded = rounding.round_ball(fmt, g[i])
        if rounded is not None:
            near[i], is_rounded[i] = rounded, True
    none = np.zeros(len(c), bool)
    return Enclosed(c, np.where(is_rounded, near, np.nan), is_rounded, ulps_low, ulps_high, none, none), (unit, larger)
