"""Judges columns of points: every point gets the verdict that `compare` gives it, decided for many points at once where that is possible.

Six methods are tried in turn, each on the points that the ones before left open: vectors of double-doubles (float64) or of float64 intervals (formats of
32 bits and less), certain jumps and poles, ranges of one input in which the floats do not change, columns of balls, and `compare` point by point.
Every method decides only what it can certify, so no two of them can contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray
from verifier.compare.check import Check, exceeds
from verifier.compare.compare import compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.balls import NARROW, by_balls
from verifier.compare.sweep.classify import CODE, VerdictColumn, all_open, edge
from verifier.compare.sweep.double_doubles import by_double_doubles
from verifier.compare.sweep.intervals import by_intervals
from verifier.compare.sweep.jumps import by_breaks
from verifier.compare.sweep.ranges import FEWEST, by_ranges, is_constant, judge_range
from verifier.language.verdict import Verdict

BLOCK = 1 << 15  # points in one pass of NumPy: what stays in the cache
FEWEST_IN_COLUMNS = 4  # points for which columns of balls are worth the one program that is made of both sides


def by_points(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge each gradient at its open points, one by one."""
    del computed
    points = list(zip(*(c.tolist() for c in columns), strict=True))
    left = [(i, k) for k, j in enumerate(found) for i in np.flatnonzero(j.open).tolist()]
    for (i, k), d in zip(left, compare_some(check, [(points[i], k) for i, k in left], detail=False), strict=True):
        found[k].verdict[i], found[k].error[i], found[k].over[i] = CODE[d.verdict], _edge(d), exceeds(check.limit_for(d.name), d)


def _edge(d: Discrepancy) -> float:
    """The error in ulps, rounded as `edge` does; NaN where there are no ulps."""
    if d.ulps is None:
        return 0.0 if d.verdict in (Verdict.CORRECT, Verdict.ROUNDING) and np.isfinite(d.computed) and _is_finite(d) else np.nan
    return float(edge(np.float64(float(d.ulps.abs_upper()))))


def _is_finite(d: Discrepancy) -> bool:
    return d.rounded is not None and bool(np.isfinite(d.rounded))


Method: TypeAlias = Callable[[Check, list[DoubleArray], list[DoubleArray], list[VerdictColumn]], None]
SLOW: list[Method] = [by_balls, by_points]


def judge_columns(check: Check, columns: Sequence[DoubleArray], *, method: str = "any") -> list[VerdictColumn]:
    """Every claimed gradient at every point. `columns` has one array of float64 per input; `method` starts with `balls` or `points` instead of intervals; `columns` ends with double-doubles, leaves
    open what they do, and computes no condition number: what is unstable or ill-conditioned is called unstable.
    """
    count = len(columns[0])
    parts = [_block(check, [c[i : i + BLOCK] for c in columns], method) for i in range(0, count, BLOCK)]
    if len(parts) == 1:
        return parts[0]
    return [VerdictColumn(*(np.concatenate([getattr(p[k], name) for p in parts]) for name in ("verdict", "error", "over"))) for k in range(len(check.subject.claims))]


def _block(check: Check, columns: list[DoubleArray], method: str) -> list[VerdictColumn]:
    found = [all_open(len(columns[0])) for _ in check.subject.claims]
    with np.errstate(all="ignore"):  # what overflows here is an end of an interval
        _judge(check, columns, computed_columns(check, columns), found, method)
    return found


def _judge(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], method: str) -> None:
    count = len(columns[0])
    conditions = method != "columns"
    if method in ("any", "columns") and check.format.precision <= NARROW:
        if conditions and len(columns) == 1 and count >= FEWEST and is_constant(computed) and judge_range(check, np.argsort(columns[0], kind="stable"), columns[0], computed, found):
            return
        by_intervals(check, columns, computed, found, conditions=conditions)
        by_breaks(check, columns, computed, found)
        if conditions and len(columns) == 1:
            by_ranges(check, columns[0], computed, found)
    in_columns = partial(by_double_doubles, conditions=conditions)
    methods: dict[str, list[Method]] = {"any": [in_columns, *SLOW], "columns": [in_columns], "balls": SLOW, "points": SLOW[-1:]}
    for step in methods[method]:
        left = np.flatnonzero(np.any([j.open for j in found], axis=0)) if found else np.zeros(0, int)
        if len(left) and (step is not by_balls or method == "balls" or len(left) >= FEWEST_IN_COLUMNS):
            part = [VerdictColumn(j.verdict[left], j.error[left], j.over[left]) for j in found]
            step(check, [c[left] for c in columns], [c[left] for c in computed], part)
            for j, p in zip(found, part, strict=True):
                j.verdict[left], j.error[left], j.over[left] = p.verdict, p.error, p.over


def computed_columns(check: Check, columns: Sequence[DoubleArray]) -> list[DoubleArray]:
    """The computed gradients, as arrays of float64: by the floats of the program, or by whoever else computes them."""
    if check.computed is not None:
        rows = check.computed(list(zip(*(np.asarray(c).tolist() for c in columns), strict=True)))
        return [np.asarray(rows[name], dtype=np.float64) for _, name in check.subject.claims]
    names = check.subject.program.names
    run = floats.arrays(check.subject.program, columns, [names[name] for _, name in check.subject.claims], fmt=check.format, upstream=check.upstream)
    return [c.astype(np.float64) for c in run]
