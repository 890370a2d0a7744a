"""Certified bounds held against errors of numbers: random boxes in float64, and every number of the 16-bit and of float32 boxes.

    PYTHONPATH=. python benchmarks/bounds_against_errors.py                      the three tables
    PYTHONPATH=. python benchmarks/bounds_against_errors.py --only random --points 10000000
    PYTHONPATH=. python benchmarks/bounds_against_errors.py --only float32 --binades 5

An error is that of the floats against double-doubles; where it seems to be above a bound, balls decide. `violations` must be 0. `bound / true` is the bound over
the largest error of all numbers, outside of what is left open.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np
from certify import CORES, NETWORKS, question_of
from machine import describe

from tests.compare.errors_at_points import bounds_of, errors, plan_of, points_in, question, random_boxes
from tests.compare.test_boxes import FUNCTIONS
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.case.load import load
from verifier.compare.boxes.bounds import Assumptions, Box, ErrorBound, ErrorClaim, ErrorUnit, box_of
from verifier.compare.boxes.certify import certify
from verifier.compare.boxes.witness import at_point
from verifier.compare.check import Check, checks_of
from verifier.compare.sweep.columns import computed_columns
from verifier.exact.truth import truth_of
from verifier.language.formats import numbers, places

UNITS: tuple[ErrorUnit, ErrorUnit] = ("absolute", "ulp")
BOXES = 400  # of a function, at a time,
EACH = 250  # with so many numbers
BLOCK = 1 << 18
NARROW = ("float16", "bfloat16")
OTHERWISE = (-10.0, 10.0)  # the domain of a case that has none
SINGLE = (
    "1/(1+exp(-x))", "x/(1+x)", "log(1+exp(x))", "x/(1+exp(-x))", "x - x**3/6.0", "sqrt(x*x + 1)", "x*x*x - 2*x", "4.0*x/(1 + x/1.11)", "exp(-x*x)", "exp(x)/(x + 1)",
    "log(x)*x", "1/(x*x + 1)", "x*sqrt(x)", "sin(x)*x", "cos(x) + x", "tanh(x)*x", "max(x*x, x)", "abs(x - 1)*x", "(x + 1)*(x + 1)/(x*x + 2)", "log1p(x)/x",
)  # fmt: skip


def beyond(check: Check, j: int, unit: ErrorUnit, point: Sequence[float], bound: float) -> bool:
    """Whether balls certify that the error at a point is above a bound."""
    computed = float(computed_columns(check, [np.array([x]) for x in point])[j][0])
    seen = at_point(check, j, unit, point, computed)
    return seen is not None and seen.error > bound


# ---------------------------------------------------------------- random boxes


def random(points: int) -> None:
    """Random boxes of every function, until so many numbers were tried."""
    asked = [*((name, question_of(name, *core)) for name, core in {**CORES, **NETWORKS}.items()), *((f, question(f, d)) for f, d in FUNCTIONS)]
    print(f"\nrandom boxes, float64: {len(asked)} functions\n", flush=True)
    tried = compared = near = bad = 0
    closest, seed, started = 0.0, 0, time.process_time()
    while tried < points:
        seed += 1
        for name, (check, box) in asked:
            generator = np.random.default_rng([seed, len(name)])
            low, high = random_boxes(check.format, box, BOXES, generator)
            numbers_ = points_in(check.format, low, high, EACH, generator).reshape(-1, low.shape[1])
            seen, plan = errors(check, numbers_), plan_of(check)
            tried += len(numbers_)
            for which, unit in enumerate(UNITS):
                bound = bounds_of(check, plan, low, high, unit)
                for j, both in enumerate(seen):
                    limit = np.repeat(bound[:, j], EACH)
                    with np.errstate(all="ignore"):
                        closest = max(closest, float(np.max(np.where((limit > 0) & (both[which] <= limit) & np.isfinite(limit), both[which] / limit, 0.0))))
                    over = np.flatnonzero(both[which] > limit)
                    compared, near = compared + len(numbers_), near + len(over)
                    for i in over.tolist():
                        if beyond(check, j, unit, tuple(numbers_[i].tolist()), float(limit[i])):
                            bad += 1
                            print(f"VIOLATION {name} {check.subject.claims[j][1]} {unit} at {numbers_[i].tolist()}: bound {limit[i]!r}", flush=True)
    print(f"{tried:,} numbers in {seed * len(asked) * BOXES:,} boxes, {compared:,} comparisons, {near} judged by balls, {bad} violations, closest {closest:.6f} of a bound, {time.process_time() - started:.0f} s", flush=True)


# ---------------------------------------------------------------- every number


def every_number(check: Check, box: Box) -> Iterator[DoubleArray]:
    """All numbers of a box of which one input moves, as points, in blocks."""
    moving = next(i for i, (low, high) in enumerate(zip(box.low, box.high, strict=True)) if low != high)
    first, last = places(check.format, box.low[moving], box.high[moving])
    for start in range(first, last + 1, BLOCK):
        column = numbers(check.format, np.arange(start, min(start + BLOCK, last + 1)))
        points = np.tile(np.array(box.low), (len(column), 1))
        points[:, moving] = column
        yield points


def against_every_number(name: str, check: Check, box: Box, budget: float) -> Iterator[tuple[float, int]]:
    """Of each claimed gradient and unit: the bound over the largest error of all numbers, and the violations; a line is printed for each."""
    found = {unit: certify(check, box, {n: ErrorClaim(unit) for _, n in check.subject.claims}, assumptions=Assumptions(), budget=budget) for unit in UNITS}
    most = {unit: [0.0] * len(check.subject.claims) for unit in UNITS}
    count, bad = 0, dict.fromkeys(UNITS, 0)
    for points in every_number(check, box):
        count += len(points)
        for j, both in enumerate(errors(check, points)):
            for which, unit in enumerate(UNITS):
                b = found[unit][j]
                off = np.where(is_closed(b, points), both[which], -1.0)
                at = int(np.argmax(off))
                most[unit][j] = max(most[unit][j], float(off[at]))
                if b.bound is not None and off[at] > b.bound:
                    bad[unit] += beyond(check, j, unit, tuple(points[at].tolist()), b.bound)
    for unit in UNITS:
        for b, error in zip(found[unit], most[unit], strict=True):
            if b.bound is None or b.open_count > len(b.open_boxes):
                continue
            ratio = b.bound / error if error > 0 else float("nan")
            print(f"| {name} | {check.format.name} | {b.gradient} | {unit} | {count:,} | {b.bound:.4g} | {error:.4g} | {ratio:.3f} | {100 * b.open_share:.2g} % | {bad[unit]} |", flush=True)
            yield ratio, bad[unit]


def is_closed(b: ErrorBound, points: DoubleArray) -> MaskArray:
    """Which points are not in an open box."""
    closed = np.ones(len(points), bool)
    for box in b.open_boxes:
        closed &= ~np.all((points >= np.array(box.low)) & (points <= np.array(box.high)), axis=1)
    return closed


HEAD = "| case | format | gradient | unit | numbers | bound | true | bound / true | open | violations |\n|---|---|---|---|---:|---:|---:|---:|---:|---:|"


def report(title: str, found: Sequence[tuple[float, int]]) -> None:
    ratios = [r for r, _ in found if r == r]  # noqa: PLR0124 - no NaN
    print(f"\n{title}: {len(found)} bounds, {sum(v for _, v in found)} violations, bound / true median {statistics.median(ratios):.3f}, least {min(ratios):.4f}, largest {max(ratios):.3g}", flush=True)


def sixteen_bits(paths: Sequence[str], budget: float) -> None:
    """Every case of which one input moves, in both formats."""
    print(f"\nevery number in 16 bits\n\n{HEAD}", flush=True)
    found: list[tuple[float, int]] = []
    for case in load(*paths).cases:
        if len(case.inputs) - len(case.parameters) != 1 or not case.programs.drafts or case.given is not None:
            continue
        for form in NARROW:
            for check in checks_of(case, truth_of(case.programs.truth), [form])[0][1]:
                box = box_for(case, check)
                if box is not None and check.subject.claims:
                    found += against_every_number(f"{case.name}, {check.implementation}", check, box, budget)
    report("16 bits", found)


def box_for(case: object, check: Check) -> Box | None:
    """The box of a case; of an input without a domain with two ends [-10, 10]."""
    from dataclasses import replace

    domain = dict(case.domain)  # type: ignore[attr-defined]
    ends = {n: domain[n] if n in domain and not any("inf" in e for e in domain[n]) else tuple(map(repr, OTHERWISE)) for n in case.inputs if n not in case.parameters}  # type: ignore[attr-defined]
    box = box_of(replace(case, domain=tuple({**domain, **ends}.items())), check.subject.program.inputs, check.format)  # type: ignore[type-var]
    return box if isinstance(box, Box) and sum(low != high for low, high in zip(box.low, box.high, strict=True)) == 1 else None


def single(binades: int, budget: float) -> None:
    """Twenty functions in float32, every number from 1/4 on in so many binades."""
    print(f"\nevery float32 of [0.25, {2.0 ** (binades - 2):g}]\n\n{HEAD}", flush=True)
    found: list[tuple[float, int]] = []
    for text in SINGLE:
        check, box = question(text, {"x": (0.25, 2.0 ** (binades - 2))}, "float32")
        found += against_every_number(text, check, box, budget)
    report("float32", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("random", "16", "float32"), action="append")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--binades", type=int, default=1, help="of float32: each has 8,388,608 numbers")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of the processor for the bounds of a case")
    parser.add_argument("paths", nargs="*", default=["cases"])
    options = parser.parse_args()
    wanted = options.only or ["random", "16", "float32"]
    print(describe(), flush=True)
    if "random" in wanted:
        random(options.points)
    if "16" in wanted:
        sixteen_bits(options.paths, options.budget)
    if "float32" in wanted:
        single(options.binades, options.budget)


if __name__ == "__main__":
    main()
