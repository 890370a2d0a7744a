"""Bounds over boxes held against the error at every number of the boxes, of which one input moves.

The real values are enclosed by float64 intervals; by double-doubles where these know nothing, or may be beyond a bound; and by balls where that leaves it open.
So `least` and `most` of an error are certain, a violation is one, and what stays unknown is counted.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from tests.compare.errors_at_points import ulps_of
from verifier.arithmetic import balls
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.intervals import run as intervals
from verifier.arithmetic.intervals.interval import Interval
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.boxes.bounds import Assumptions, Box, ErrorBound, ErrorClaim, ErrorUnit, assumed
from verifier.compare.boxes.certify import certify
from verifier.compare.boxes.operations import operations
from verifier.compare.check import Check
from verifier.compare.sweep.columns import computed_columns
from verifier.exact.derivatives import NotDifferentiable
from verifier.language.formats import Format, numbers, places
from verifier.language.numeral import exact
from verifier.language.primitives import NoGate

UNITS: tuple[ErrorUnit, ErrorUnit] = ("absolute", "ulp")
BLOCK = 1 << 13  # numbers in one pass of NumPy: what stays in the cache
BITS = 200  # of a ball
MOST_BOUNDED = 100  # answers that are held for the next job
MOST_BY_BALLS = 5.0  # seconds of the processor for one gradient; what is left is counted as unknown
OTHERWISE = "8"  # ulps, of a library function of which nothing is assumed by default
ROUNDED = 2.0**-50  # of an error, by computing it in float64


@dataclass(frozen=True)
class Job:
    """A check, the boxes that are bounded, and the interval whose numbers are all tried (a part of each box, along the input that moves)."""

    key: str
    check: Check
    boxes: tuple[Box, ...]
    low: float
    high: float


class Errors(NamedTuple):
    """Of one gradient at some points: |computed - real| is between `least` and `most`, and so it is in ulps of the real value; NaN where that is not known."""

    least: tuple[DoubleArray, DoubleArray]  # per unit
    most: tuple[DoubleArray, DoubleArray]


# ---------------------------------------------------------------- errors between two bounds


def _errors(fmt: Format, least: DoubleArray, most: DoubleArray, smallest: DoubleArray, largest: DoubleArray) -> Errors:
    """With those in ulps, from the sizes that the real value may have."""
    return Errors((least, least / ulps_of(fmt, largest)), (most, most / ulps_of(fmt, smallest)))


def _sizes(low: DoubleArray, high: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    return np.maximum(np.maximum(low, -high), 0.0), np.maximum(np.abs(low), np.abs(high))


def by_intervals(check: Check, output: int, columns: list[DoubleArray], computed: DoubleArray) -> Errors:
    real = intervals.quick(check.subject.exact[0], columns, [output], strict=False, upstream=check.upstream)[0]
    if not isinstance(real, Interval):
        return _unknown(len(computed))
    low, high = (np.broadcast_to(end, computed.shape) for end in real[:2])
    is_known = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(is_known, low, np.nan), np.where(is_known, high, np.nan)
    least, most = np.maximum(np.maximum(low - computed, computed - high), 0.0) * (1 - ROUNDED), np.maximum(np.abs(computed - low), np.abs(computed - high)) * (1 + ROUNDED)
    return _errors(check.format, *_of_numbers(computed, is_known, least, most), *_sizes(low, high))


def by_double_doubles(check: Check, output: int, columns: list[DoubleArray], computed: DoubleArray) -> Errors:
    real = double_doubles.numbers(check.subject.exact[0], columns, [output], strict=False, upstream=check.upstream)[0]
    hi, lo, err = (np.broadcast_to(part, computed.shape) for part in (real.hi, real.lo, real.err))
    is_known = np.isfinite(hi) & np.isfinite(lo) & np.isfinite(err)
    off, slack = np.abs((computed - hi) - lo), err + 2.0**-1000
    least, most = np.maximum(off * (1 - ROUNDED) - slack, 0.0), off * (1 + ROUNDED) + slack
    spread = np.where(is_known, np.abs(lo) + slack, np.nan)
    return _errors(check.format, *_of_numbers(computed, is_known, least, most), *_sizes(np.where(is_known, hi, np.nan) - spread, np.where(is_known, hi, np.nan) + spread))


def by_balls(check: Check, output: int, columns: list[DoubleArray], computed: DoubleArray) -> Errors:
    count = len(computed)
    rows = np.full((4, count), np.nan)
    with balls.precision(BITS):
        real = balls.run(check.subject.exact[0], [[arb(x) for x in c.tolist()] for c in columns], [output], strict=False, upstream=check.upstream)[0]
        for i, value in enumerate(real):
            if value.is_finite():
                size = abs(value)
                off = abs(arb(float(computed[i])) - value) if np.isfinite(computed[i]) else None
                rows[:, i] = (np.inf, np.inf) * 2 if off is None else (float(off.lower()) * (1 - ROUNDED), float(off.upper()) * (1 + ROUNDED), float(size.lower()) * (1 - ROUNDED), float(size.upper()) * (1 + ROUNDED))
    return Errors(*(tuple(part) for part in (_errors(check.format, *np.maximum(rows, 0.0)))))  # type: ignore[arg-type]


def _of_numbers(computed: DoubleArray, is_known: MaskArray, least: DoubleArray, most: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """No bound holds where the float is no number, and the real value is one."""
    lost = is_known & ~np.isfinite(computed)
    return np.where(lost, np.inf, np.where(is_known, least, np.nan)), np.where(lost, np.inf, np.where(is_known, most, np.nan))


def _unknown(count: int) -> Errors:
    nothing = np.full(count, np.nan)
    return Errors((nothing, nothing), (nothing, nothing))


# ---------------------------------------------------------------- one job


_BOUNDED: dict[tuple[int, Box, ErrorUnit], tuple[Check, tuple[ErrorBound, ...]]] = {}


def bounded(check: Check, box: Box, unit: ErrorUnit, budget: float) -> tuple[ErrorBound, ...]:
    """The best bound of every claimed gradient; of the last boxes it is not looked for again."""
    key = (id(check), box, unit)
    if key not in _BOUNDED:
        if len(_BOUNDED) > MOST_BOUNDED:
            _BOUNDED.clear()
        _BOUNDED[key] = check, certify(check, box, {name: ErrorClaim(unit) for _, name in check.subject.claims}, assumptions=_assumptions(check), budget=budget)
    return _BOUNDED[key][1]


def _assumptions(check: Check) -> Assumptions:
    """Something of every function of which nothing is assumed otherwise."""
    try:
        done = operations(check.subject.program, [check.subject.program.names[name] for _, name in check.subject.claims], check.format).operations
    except (NotDifferentiable, NoGate):
        return Assumptions()
    lacking = {o.gate for o in done if o.rounding == "library" and assumed(o.gate, check.format, Assumptions()) is None}
    return Assumptions(tuple((gate, exact(OTHERWISE)) for gate in sorted(lacking)))


@dataclass
class _Tally:
    """What is found of one bound while numbers are tried."""

    bound: ErrorBound
    unit: int
    most: float = 0.0  # the largest error that is certain, outside of the open boxes
    compared: int = 0
    unknown: int = 0
    undecided: int = 0
    violations: int = 0
    witness: list[float] | None = None


def run(job: Job, budget: float) -> list[dict[str, Any]]:
    """A row for every box, gradient and unit."""
    tallies = [[[_Tally(b, unit) for b in bounded(job.check, box, UNITS[unit], budget)] for unit in range(len(UNITS))] for box in job.boxes]
    moving = next(i for i, (low, high) in enumerate(zip(job.boxes[0].low, job.boxes[0].high, strict=True)) if low != high)
    first, last = places(job.check.format, job.low, job.high)
    spent = [0.0 for _ in job.check.subject.claims]
    for start in range(first, last + 1, BLOCK):
        column = numbers(job.check.format, np.arange(start, min(start + BLOCK, last + 1)))
        columns = [column if i == moving else np.full(len(column), x) for i, x in enumerate(job.boxes[0].low)]
        with np.errstate(all="ignore"):
            computed = computed_columns(job.check, columns)
            for j in range(len(job.check.subject.claims)):
                _block(job, j, columns, column, computed[j] + np.zeros(len(column)), [t[u][j] for t in tallies for u in range(len(UNITS))], spent)
    return [_row(job, box, t, last - first + 1) for box, units in zip(job.boxes, tallies, strict=True) for of_unit in units for t in of_unit]


def _block(job: Job, j: int, columns: list[DoubleArray], column: DoubleArray, computed: DoubleArray, tallies: Sequence[_Tally], spent: list[float]) -> None:
    """Hold one gradient's errors at some numbers against all bounds of it."""
    closed = [_is_closed(t.bound, columns) for t in tallies]
    counted = [c if t.bound.bound is not None else np.zeros(len(column), bool) for t, c in zip(tallies, closed, strict=True)]
    limits = [np.inf if t.bound.bound is None else t.bound.bound for t in tallies]
    output = job.check.subject.index(job.check.subject.claims[j][1])
    least = [np.full(len(column), np.nan) for _ in UNITS]
    most = [np.full(len(column), np.nan) for _ in UNITS]
    rows = np.arange(len(column))
    for method in (by_intervals, by_double_doubles, by_balls):
        if method is by_balls and spent[j] > MOST_BY_BALLS:
            break
        started = time.process_time()
        found = method(job.check, output, [c[rows] for c in columns], computed[rows])
        spent[j] += time.process_time() - started if method is by_balls else 0.0
        for u in range(len(UNITS)):
            least[u][rows], most[u][rows] = np.fmax(least[u][rows], found.least[u]), np.fmin(most[u][rows], found.most[u])
        left = np.zeros(len(column), bool)
        for t, here, limit in zip(tallies, counted, limits, strict=True):
            left |= here & ~(most[t.unit] <= limit) & ~(least[t.unit] > limit)
        rows = np.flatnonzero(left)
        if not len(rows):
            break
    for t, here, limit in zip(tallies, counted, limits, strict=True):
        low, high = least[t.unit], most[t.unit]
        over = here & (low > limit)
        t.compared += int(here.sum())
        t.unknown += int((here & np.isnan(high)).sum())
        t.undecided += int((here & (high > limit) & ~over).sum())
        t.violations += int(over.sum())
        t.most = max(t.most, float(np.max(np.where(here & ~np.isnan(low), low, 0.0), initial=0.0)))
        if over.any() and t.witness is None:
            at = int(np.argmax(np.where(over, low, -1.0)))
            t.witness = [float(c[at]) for c in columns]


def _is_closed(b: ErrorBound, columns: Sequence[DoubleArray]) -> MaskArray:
    """Which points are not in an open box."""
    if b.open_count > len(b.open_boxes):
        return np.zeros(len(columns[0]), bool)
    closed = np.ones(len(columns[0]), bool)
    for box in b.open_boxes:
        inside = np.ones(len(columns[0]), bool)
        for c, low, high in zip(columns, box.low, box.high, strict=True):
            inside &= (c >= low) & (c <= high)
        closed &= ~inside
    return closed


def _row(job: Job, box: Box, t: _Tally, count: int) -> dict[str, Any]:
    b = t.bound
    ends = next((low, high) for low, high in zip(box.low, box.high, strict=True) if low != high)
    ratio = b.bound / t.most if b.bound is not None and t.most > 0 and t.compared else None
    return {
        "key": job.key, "format": b.format, "gradient": b.gradient, "unit": b.claim.unit, "box": ends, "numbers": count, "compared": t.compared, "bound": b.bound, "true": t.most, "ratio": ratio,
        "open": b.open_share, "unknown": t.unknown, "undecided": t.undecided, "violations": t.violations, "witness": t.witness, "reason": b.reason if b.bound is None else "",
    }  # fmt: skip


# ---------------------------------------------------------------- many jobs, in parts


HEAD = "| case | format | gradient | unit | box | numbers compared | bound | true | bound / true | open | unknown | violations |\n|---|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|"


def line(row: Mapping[str, Any]) -> str:
    bound = f"none: {row['reason'][:60]}" if row["bound"] is None else f"{row['bound']:.4g}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.3f}"
    unknown = row["unknown"] + row["undecided"]
    return f"| {row['key'].rpartition(', ')[0]} | {row['format']} | {row['gradient']} | {row['unit']} | [{row['box'][0]:g}, {row['box'][1]:g}] | {row['compared']:,} | {bound} | {row['true']:.4g} | {ratio} | {100 * row['open']:.2g} % | {unknown:,} | {row['violations']} |"


def run_all(title: str, jobs: Iterable[tuple[str, Callable[[], Job | str]]], *, budget: float, results: Path | None, seconds: float) -> None:
    """Run what is not among the results yet, for so many seconds, and sum up all of the results. A job that cannot be run is a text that says why."""
    done: dict[str, list[dict[str, Any]] | str] = {}
    if results is not None and results.exists():
        done = {key: rows for text in results.read_text(encoding="utf-8").splitlines() for key, rows in json.loads(text).items()}
    started, left, keys = time.monotonic(), 0, []
    print(f"\n{title}\n\n{HEAD}", flush=True)
    for key, make in jobs:
        keys.append(key)
        if key in done:
            continue
        if time.monotonic() - started > seconds:
            left += 1
            continue
        job = make()
        done[key] = job if isinstance(job, str) else run(job, budget)
        for row in done[key] if not isinstance(job, str) else ():
            print(line(row), flush=True)  # type: ignore[arg-type]
        if results is not None:
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps({key: done[key]}) + "\n")
    for text in summary(title, {key: done[key] for key in keys if key in done}, left):
        print(text, flush=True)


def summary(title: str, done: Mapping[str, list[dict[str, Any]] | str], left: int) -> Iterator[str]:
    rows = [row for found in done.values() if not isinstance(found, str) for row in found]
    bounds = [row for row in rows if row["bound"] is not None and row["compared"]]
    ratios = [row["ratio"] for row in bounds if row["ratio"] is not None]
    yield f"\n{title}: {len(done)} checks, {left} not yet run; {len(bounds)} bounds, {sum(r['compared'] for r in bounds):,} comparisons, {sum(r['violations'] for r in bounds)} violations, {sum(r['unknown'] + r['undecided'] for r in bounds):,} unknown"
    if ratios:
        yield f"bound / true: median {statistics.median(ratios):.3f}, least {min(ratios):.6f}, largest {max(ratios):.3g}; {len(bounds) - len(ratios)} where no error occurs"
    without: dict[str, int] = {}
    for row in rows:
        if row["bound"] is None or not row["compared"]:
            reason = row["reason"] or "all numbers are in boxes that are left open"
            without[reason] = without.get(reason, 0) + 1
    for found in done.values():
        if isinstance(found, str):
            without[found] = without.get(found, 0) + 1
    for reason, count in sorted(without.items(), key=lambda item: -item[1]):
        yield f"no bound: {count} times, {reason}"
    for row in rows:
        if row["violations"]:
            yield f"VIOLATION {row['key']} {row['gradient']} {row['unit']} at {row['witness']}: bound {row['bound']!r}, error {row['true']!r}"


__all__ = ["Job", "run_all"]
