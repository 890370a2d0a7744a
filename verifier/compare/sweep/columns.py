"""Judges columns of points: every point gets the verdict that `compare` gives it, decided for many points at once where that is possible.

Six methods are tried in turn, each on the points that the ones before left open: vectors of double-doubles (float64) or of float64 intervals (formats of
32 bits and less), certain jumps and poles, ranges of one input in which the floats do not change, columns of balls, and `compare` point by point.
Every method decides only what it can certify, so no two of them can contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.check import Check, exceeds
from verifier.compare.compare import compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.balls import NARROW, by_balls
from verifier.compare.sweep.classify import CODE, VerdictColumn, all_open, edge
from verifier.compare.sweep.double_doubles import by_double_doubles
from verifier.compare.sweep.intervals import by_intervals
from verifier.compare.sweep.jumps import by_breaks
from verifier.compare.sweep.ranges import FEWEST, by_ranges, in_order, is_constant, judge_range
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


SLOW = [by_balls, by_points]


def judge_columns(check: Check, columns: Sequence[DoubleArray], *, method: str = "any") -> list[VerdictColumn]:
    """Every claimed gradient at every point. `columns` has one array of float64 per input; `method` starts with `balls` or `points` instead of intervals."""
    count = len(columns[0])
    blocks = [[c[i : i + BLOCK] for c in columns] for i in range(0, count, BLOCK)]
    with np.errstate(all="ignore"):  # what overflows here is an end of an interval
        if len(blocks) > 1 and _may_be_tail(check, columns, method):  # judged at once where it is one
            computed = [computed_columns(check, b) for b in blocks]
            if is_constant([np.concatenate([c[k][[0, -1]] for c in computed]) for k in range(len(check.subject.claims))]):
                found, whole = _all_open(check, columns), [np.concatenate(c) for c in zip(*computed, strict=True)]
                if is_constant(whole) and judge_range(check, in_order(columns[0]), columns[0], whole, found):
                    return found
            parts = [_block(check, b, c, method) for b, c in zip(blocks, computed, strict=True)]
        else:
            parts = [_block(check, b, computed_columns(check, b), method) for b in blocks]
    if len(parts) == 1:
        return parts[0]
    return [VerdictColumn(*(np.concatenate([getattr(p[k], name) for p in parts]) for name in ("verdict", "error", "over"))) for k in range(len(check.subject.claims))]


def _may_be_tail(check: Check, columns: Sequence[DoubleArray], method: str) -> bool:
    """Whether ranges of one input may decide all of these points."""
    return method == "any" and check.format.precision <= NARROW and len(columns) == 1 and len(columns[0]) >= FEWEST and bool(check.subject.claims)


def _all_open(check: Check, columns: Sequence[DoubleArray]) -> list[VerdictColumn]:
    return [all_open(len(columns[0])) for _ in check.subject.claims]


def _block(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], method: str) -> list[VerdictColumn]:
    found = _all_open(check, columns)
    _judge(check, columns, computed, found, method)
    return found


def _judge(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], method: str) -> None:
    if method == "any" and check.format.precision <= NARROW:
        if _may_be_tail(check, columns, method) and is_constant(computed) and judge_range(check, in_order(columns[0]), columns[0], computed, found):
            return
        by_intervals(check, columns, computed, found)
        by_breaks(check, columns, computed, found)
        if len(columns) == 1:
            by_ranges(check, columns[0], computed, found)
    steps = {"any": [by_double_doubles, *SLOW], "balls": SLOW, "points": SLOW[-1:]}[method]
    for step in steps:
        is_open = _any_open(found)
        if found and is_open.all() and (step is not by_balls or method == "balls" or len(is_open) >= FEWEST_IN_COLUMNS):
            step(check, columns, computed, found)
            continue
        left = np.flatnonzero(is_open)
        if len(left) and (step is not by_balls or method == "balls" or len(left) >= FEWEST_IN_COLUMNS):
            part = [VerdictColumn(j.verdict[left], j.error[left], j.over[left]) for j in found]
            step(check, [c[left] for c in columns], [c[left] for c in computed], part)
            for j, p in zip(found, part, strict=True):
                j.verdict[left], j.error[left], j.over[left] = p.verdict, p.error, p.over


def _any_open(found: list[VerdictColumn]) -> MaskArray:
    """The points at which some gradient is open."""
    result = found[0].open if found else np.zeros(0, bool)
    for j in found[1:]:
        result |= j.open
    return result


def computed_columns(check: Check, columns: Sequence[DoubleArray]) -> list[DoubleArray]:
    """The computed gradients, as arrays of float64: by the floats of the program, or by whoever else computes them."""
    if check.computed is not None:
        rows = check.computed(list(zip(*(np.asarray(c).tolist() for c in columns), strict=True)))
        return [np.asarray(rows[name], dtype=np.float64) for _, name in check.subject.claims]
    names = check.subject.program.names
    run = floats.arrays(check.subject.program, columns, [names[name] for _, name in check.subject.claims], fmt=check.format, upstream=check.upstream)
    return [c.astype(np.float64, copy=False) for c in run]
