"""Verdicts by vectors of float64 intervals: nearly all points of the formats of 32 bits and less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.intervals import run as intervals
from verifier.arithmetic.intervals.choices import absolute
from verifier.arithmetic.intervals.interval import Interval, down, exactly, mul, number, up
from verifier.arithmetic.types import DoubleArray, Doubles
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.sweep.classify import CODE, VerdictColumn, classify, from_ends
from verifier.compare.sweep.explained import explained
from verifier.compare.sweep.sides import Runner, both_sides
from verifier.language.verdict import Verdict


def by_intervals(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], *, conditions: bool = True) -> None:
    """Judge what is open and certain. Without `conditions` what is unstable or ill-conditioned is called unstable."""
    count = len(columns[0])

    def full(a: Doubles) -> DoubleArray:
        return np.broadcast_to(a, (count,)) if np.ndim(a) == 0 else np.asarray(a)

    seed = exactly(np.float64(check.upstream))
    value, exact, real, same = both_sides(check, Runner(_numbers, columns, exactly(np.float64(0.0)), lambda g: mul(g, seed), _meet))
    never = None if value.never is None else np.broadcast_to(value.never, (count,))
    has_value = ~np.isnan(full(value.low))
    for k, j in enumerate(found):
        if never is not None:
            j.verdict[never] = CODE[Verdict.UNDEFINED]
        g, r = ([full(end) for end in a[k][:2]] for a in (exact, real))
        e, unit, error = from_ends(check, computed[k], g[0], g[1])
        e.is_rounded = e.is_rounded & has_value
        if same[k] or check.subject.claims[k][1] in check.proved:
            e.right = ~np.isnan(r[0])
        else:
            e.right = np.maximum(up(r[1] - g[0]), up(g[1] - r[0])) <= unit[0]
            if not check.has_literals:
                e.wrong = np.maximum(down(r[0] - g[1]), down(g[0] - r[1])) > unit[1]
        unstable = classify(check, e, j, gradient=check.subject.claims[k][1])
        if unstable.any():
            at = np.flatnonzero(unstable)
            j.verdict[at] = _conditioned(check, k, [c[at] for c in columns], g[0][at], g[1][at], error[0][at], error[1][at]) if conditions else CODE[Verdict.UNSTABLE]


def _numbers(program: Program, columns: Sequence[DoubleArray], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0) -> list[Interval]:
    """The enclosures of steps that are numbers."""
    return list(map(number, intervals.quick(program, columns, outputs, strict=strict, upstream=upstream)))


def _meet(g: Interval, r: Interval) -> Interval:
    known = ~np.isnan(g.low) & ~np.isnan(r.low)
    return Interval(np.where(known, np.maximum(g.low, r.low), g.low), np.where(known, np.minimum(g.high, r.high), g.high), g.never)


def _conditioned(check: Check, claim: int, columns: list[DoubleArray], low: DoubleArray, high: DoubleArray, least: DoubleArray, most: DoubleArray) -> NDArray[np.int8]:
    """`unstable` or `ill_conditioned` where the condition number decides it."""
    size = (np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high)))
    return explained(check, claim, columns, size, (low > 0) | (high < 0) | ((low == 0) & (high == 0)), (least, most), _sizes)


def _sizes(program: Program, columns: Sequence[DoubleArray], steps: Sequence[int]) -> list[tuple[Doubles, Doubles]]:
    return [absolute(a)[:2] for a in _numbers(program, columns, steps, strict=False)]
