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
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.check import Check, exceeds
from verifier.compare.compare import compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.balls import NARROW, by_balls
from verifier.compare.sweep.classify import CODE, NEGLIGIBLE_ULPS, VerdictColumn, all_open, edge, part_of, write_part
from verifier.compare.sweep.double_doubles import by_double_doubles
from verifier.compare.sweep.doubles import by_doubles
from verifier.compare.sweep.intervals import by_intervals
from verifier.compare.sweep.jumps import by_breaks
from verifier.compare.sweep.ranges import FEWEST, by_ranges, in_order, is_constant, is_in_order, judge_range
from verifier.language.verdict import Verdict
from verifier.run.freed_memory import keep_freed_memory

BLOCK = 1 << 16  # points in one pass of NumPy: what stays in the cache
IN_COLUMNS = ("any", "columns")  # the methods that begin with intervals
FEWEST_TO_KEEP = 1 << 13  # points from which columns are so large that the system gives their memory page by page
EDGE_BITS = 32  # of an error that is known well enough to be rounded to one of STEPS_PER_BINADE / 2 numbers
FEWEST_IN_DOUBLES = 128  # points for which operations of NumPy, some dozens for every gate, take less time than balls: between 90 and 250 for most functions
FEWEST_IN_COLUMNS = 4  # points for which columns of balls are worth the one program that is made of both sides


def by_points(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge each gradient at its open points, one by one."""
    del computed
    points = list(zip(*(c.tolist() for c in columns), strict=True))
    left = [(i, k) for k, j in enumerate(found) for i in np.flatnonzero(j.open).tolist()]
    wide = []
    for (i, k), d in zip(left, compare_some(check, [(points[i], k) for i, k in left], detail=False), strict=True):
        found[k].verdict[i], found[k].error[i], found[k].over[i] = CODE[d.verdict], _edge(d), exceeds(check.limit_for(d.name), d)
        if d.ulps is not None and d.ulps.rel_accuracy_bits() < EDGE_BITS and d.ulps.abs_upper() > NEGLIGIBLE_ULPS:
            wide.append((i, k))
    for (i, k), d in zip(wide, compare_some(check, [(points[i], k) for i, k in wide], conditions=False), strict=True):  # what decides a verdict may tell little of the error
        found[k].error[i] = _edge(d)


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
    if count > FEWEST_TO_KEEP:
        keep_freed_memory()
    cuts = [slice(i, min(i + BLOCK, count)) for i in range(0, count, BLOCK)]
    with np.errstate(all="ignore"):  # what overflows here is an end of an interval
        if len(cuts) > 1 and _may_be_tail(check, columns, method):
            return _one_input(check, list(columns), cuts)
        parts = [_block(check, [c[cut] for c in columns], method) for cut in cuts]
    if len(parts) == 1:
        return parts[0]
    return [VerdictColumn(*(np.concatenate([getattr(p[k], name) for p in parts]) for name in ("verdict", "error", "over"))) for k in range(len(check.subject.claims))]


def _one_input(check: Check, columns: list[DoubleArray], cuts: list[slice]) -> list[VerdictColumn]:
    """Many points of one input in a narrow format: a tail is judged at once, and what the intervals of all blocks leave open is judged together, as it is little."""
    blocks = [computed_columns(check, [c[cut] for c in columns]) for cut in cuts]
    if all(map(is_constant, blocks)) and is_constant([np.array([b[k][0] for b in blocks]) for k in range(len(check.subject.claims))]) and is_in_order(columns[0]):
        found = _tail(check, columns[0], [c[:1] for c in blocks[0]])
        if found is not None:
            return found
    computed = [np.concatenate(c) for c in zip(*blocks, strict=True)]
    found = _all_open(check, columns)
    for cut in cuts:
        _at_once(check, [c[cut] for c in columns], [c[cut] for c in computed], part_of(found, cut), "any")
    left = np.flatnonzero(_any_open(found))
    for at in cuts if len(left) > BLOCK else [left] if len(left) else []:
        part, given, floats_there = part_of(found, at), [c[at] for c in columns], [c[at] for c in computed]
        _where_open(by_intervals, check, given, floats_there, part)
        _slowly(check, given, floats_there, part, "any")
        if not isinstance(at, slice):
            write_part(found, at, part)
    return found


def _tail(check: Check, column: DoubleArray, computed: list[DoubleArray]) -> list[VerdictColumn] | None:
    """The verdicts of points in order at which the floats do not change, each written once for all of them; None where that is not certain."""
    ends = column[[0, -1]]
    found = _all_open(check, [ends])
    if not judge_range(check, np.arange(2), ends, computed, found):
        return None
    whole = (len(column),)
    return [VerdictColumn(np.broadcast_to(j.verdict[:1], whole), np.broadcast_to(j.error[:1], whole), np.broadcast_to(j.over[:1], whole)) for j in found]


def _may_be_tail(check: Check, columns: Sequence[DoubleArray], method: str) -> bool:
    """Whether ranges of one input may decide all of these points."""
    return method == "any" and check.format.precision <= NARROW and len(columns) == 1 and len(columns[0]) >= FEWEST and bool(check.subject.claims)


def _all_open(check: Check, columns: Sequence[DoubleArray]) -> list[VerdictColumn]:
    return [all_open(len(columns[0])) for _ in check.subject.claims]


def _block(check: Check, columns: list[DoubleArray], method: str) -> list[VerdictColumn]:
    found, computed = _all_open(check, columns), computed_columns(check, columns)
    if method in IN_COLUMNS and check.format.precision <= NARROW:
        _at_once(check, columns, computed, found, method)
        _where_open(partial(by_intervals, conditions=method != "columns"), check, columns, computed, found)
    _slowly(check, columns, computed, found, method)
    return found


def _at_once(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], method: str) -> None:
    """Judge a block in a narrow format by what holds at all of its points: as a range where it is a tail, else by doubles with one bound."""
    if not (_may_be_tail(check, columns, method) and is_constant(computed) and judge_range(check, in_order(columns[0]), columns[0], computed, found)):
        by_doubles(check, columns, computed, found)


def _where_open(step: Method, check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge what is open by one way."""
    is_open = _any_open(found)
    left = np.flatnonzero(is_open)
    if len(left) == len(is_open):
        step(check, columns, computed, found)
    elif len(left):
        part = part_of(found, left)
        step(check, [c[left] for c in columns], [c[left] for c in computed], part)
        write_part(found, left, part)


def _slowly(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn], method: str) -> None:
    """Judge what is open by the other ways, one after the other."""
    conditions = method != "columns"
    if method in IN_COLUMNS and check.format.precision <= NARROW:
        if not _any_open(found).any():
            return
        by_breaks(check, columns, computed, found)
        if conditions and len(columns) == 1:
            by_ranges(check, columns[0], computed, found)
    in_columns = partial(by_double_doubles, conditions=conditions)
    methods: dict[str, list[Method]] = {"any": [in_columns, *SLOW], "columns": [in_columns], "balls": SLOW, "points": SLOW[-1:]}
    fewest = {in_columns: FEWEST_IN_DOUBLES, by_balls: FEWEST_IN_COLUMNS} if method == "any" else {}  # points for which a method is worth its preparations, where others follow
    for step in methods[method]:
        if step in fewest and np.count_nonzero(_any_open(found)) < fewest[step]:
            continue
        _where_open(step, check, columns, computed, found)


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
