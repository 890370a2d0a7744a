"""Verdicts at points where a gradient, or something on the way to it, is extremely small or large: by double-doubles times powers of two, in float64."""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.double_double import shifted
from verifier.arithmetic.double_double.number import SLACK, is_known, two_sum
from verifier.arithmetic.double_double.shifted import Shifted
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.check import Check
from verifier.compare.sweep.classify import CODE, EXPONENT, EXTRA, FRACTION, Enclosed, VerdictColumn, classify
from verifier.compare.sweep.sides import Runner, both_sides
from verifier.language.verdict import Verdict

LARGEST_EXPONENT = 1022  # of gradients that are judged here: what is larger may round to an infinity


def by_shifted(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge what is open and certain; where a condition number is needed the point stays open."""
    count = len(columns[0])
    seed = shifted.exactly(np.float64(check.upstream))
    value, exact, real, same = both_sides(check, Runner(shifted.numbers, columns, shifted.ZERO, lambda g: shifted.mul(g, seed), lambda g, _: g))
    has_value = np.broadcast_to(is_known(value.value), (count,))
    for k, j in enumerate(found):
        if value.never is not None:
            j.verdict[np.broadcast_to(value.never, (count,))] = CODE[Verdict.UNDEFINED]
        e, unit, shift = _enclosed(computed[k], exact[k])
        e.is_rounded = e.is_rounded & has_value
        if same[k] or check.subject.claims[k][1] in check.proved:
            e.right = np.broadcast_to(is_known(real[k].value), (count,))
        else:
            distance = shifted.add(real[k], shifted.neg(exact[k]))
            away = shifted.moved(distance.value, shift - distance.shift)
            e.right = (np.abs(away.hi) + away.err) * (1 + EXTRA) <= unit
        classify(check, e, j, gradient=check.subject.claims[k][1])


def _enclosed(c: DoubleArray, g: Shifted) -> tuple[Enclosed, DoubleArray, np.ndarray]:
    """What follows for float64, everything times 2^shift; also a lower bound of g's ulp, and the shift.

    Below the normal numbers the ulp is 2^-1074, and g rounded is the multiple of it that is nearest to hi + lo: both are exact here, as hi is under 2^52 ulps. The computed gradient times a
    power of two is exact, or is left open. Beside a power of two that hi is, it may be open on which side of it g lies: then the ulp is known up to a factor of 2.
    """
    count = len(c)
    hi, lo, err = (np.array(np.broadcast_to(x, (count,))) for x in (g.value.hi, g.value.lo, g.value.err))
    shift = np.broadcast_to(g.shift, (count,))
    near_shift, finite = np.clip(shift, -shifted.FARTHEST, shifted.FARTHEST), np.where(np.isfinite(c), c, 0.0)
    scaled = np.ldexp(finite, near_shift)
    size = np.abs(hi)
    known = np.isfinite(hi) & np.isfinite(err) & np.isfinite(scaled) & (np.ldexp(scaled, -shift) == finite)
    known &= np.frexp(size)[1] - shift <= LARGEST_EXPONENT
    smallest = np.ldexp(2.0**-1022, near_shift)
    power = (hi.view(np.int64) & EXPONENT).view(np.float64)
    is_normal = power >= smallest
    unit = np.maximum(power, smallest) * 2.0**-52
    near = np.rint(hi / unit) * unit
    rest = (hi - near) + lo
    near = np.where(is_normal, hi, near + np.where(np.abs(rest) > unit / 2, np.copysign(unit, rest), 0.0))  # hi may lie in the middle of two multiples, and lo tells the nearer one
    small, large = _units(unit, hi, lo, err, power > smallest)
    s, e = two_sum(scaled, -hi)
    residual = np.abs(s + (e - lo))
    slack = err * SLACK
    least, most = np.maximum(residual * (1 - EXTRA) - slack, 0.0), residual * (1 + EXTRA) + slack
    is_rounded = known & ((np.abs((hi - near) + lo) + slack) * (2 + EXTRA) < small) & ((hi != 0) | (err == 0))
    none = np.zeros(count, bool)
    low, high = (np.where(known, x, np.nan) for x in (least / large, most / small))
    return Enclosed(c, np.where(is_rounded, np.ldexp(near, -shift), np.nan), is_rounded, low, high, none, none), np.where(known, small, np.nan), shift


def _units(unit: DoubleArray, hi: DoubleArray, lo: DoubleArray, err: DoubleArray, above: MaskArray) -> tuple[DoubleArray, DoubleArray]:
    """The smallest and the largest ulp that g may have: half as much below a power of two that hi is, if that is `above` the smallest normal number."""
    outward = np.where(hi < 0, -lo, lo)
    power = above & ((hi.view(np.int64) & FRACTION) == 0)
    may_be_below = power & ~((outward > err) | ((outward == 0) & (err == 0)))
    is_below = power & (outward < -err)
    return np.where(may_be_below, unit / 2, unit), np.where(is_below, unit / 2, unit)
