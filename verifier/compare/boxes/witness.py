"""The largest error at numbers of a box: many are computed and held against double-doubles, the worst are judged by balls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.types import Ball, DoubleArray
from verifier.compare.boxes.bounds import ErrorUnit
from verifier.compare.boxes.roundings import bits, ulp_of
from verifier.compare.check import Check
from verifier.compare.sweep.columns import computed_columns

FIRST_BITS = 256
MOST_BITS = 4096
WORST = 3  # points that are judged by balls, of many


class Seen(NamedTuple):
    """An error at a point: at least `error`, in the unit that was asked for."""

    error: float
    point: tuple[float, ...]


def largest(check: Check, claim: int, unit: ErrorUnit, points: DoubleArray) -> Seen | None:
    """The largest error of a claimed gradient at some points (rows of numbers of the format), as far as balls certify it; None where nothing is known."""
    if not len(points):
        return None
    columns = [np.ascontiguousarray(points[:, i]) for i in range(points.shape[1])]
    with np.errstate(all="ignore"):
        computed = computed_columns(check, columns)[claim]
        program = check.subject.exact[0]
        output = check.subject.index(check.subject.claims[claim][1])
        real = double_doubles.numbers(program, columns, [output], strict=False, upstream=check.upstream)[0]
        error = np.abs((computed - real.hi) - real.lo)
        if unit == "ulp":
            error = error / ulp_of(np.abs(real.hi), bits(check.format))
        error = np.where(np.isfinite(computed) & np.isfinite(real.hi), error, np.where(np.isfinite(real.hi), np.inf, -1.0)) + np.zeros(len(points))
    order = np.argsort(-error, kind="stable")[:WORST]
    found = [at_point(check, claim, unit, tuple(points[i].tolist()), float(computed[i])) for i in order]
    return max((f for f in found if f is not None), default=None, key=lambda f: f.error)


def at_point(check: Check, claim: int, unit: ErrorUnit, point: Sequence[float], computed: float) -> Seen | None:
    """The certified error at a point: a lower bound; None where there is no real value, or it is not known."""
    program = check.subject.exact[0]
    output = check.subject.index(check.subject.claims[claim][1])
    precision = FIRST_BITS
    while precision <= MOST_BITS:
        with balls.precision(precision):
            real = balls.run(program, [[arb(x)] for x in point], [output], strict=False, upstream=check.upstream)[0][0]
            if real.is_finite():
                if not math.isfinite(computed):
                    return Seen(math.inf, tuple(point))
                found = _error(check, unit, real, computed)
                if found is not None:
                    return Seen(found, tuple(point))
        precision *= 4
    return None


def _error(check: Check, unit: ErrorUnit, real: Ball, computed: float) -> float | None:
    """At least the error, where it is known to some digits."""
    off = abs(arb(computed) - real)
    if unit == "ulp":
        off = off / rounding.ulp(check.format, real)[1]
    if off.rel_accuracy_bits() < 40 and not off.is_zero() and not bool(off < 2.0**-40):
        return None
    return max(0.0, float(off.lower()))
