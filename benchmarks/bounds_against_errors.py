"""Certified bounds held against errors of numbers: random boxes in float64, and every number of 16-bit and of float32 boxes.

    PYTHONPATH=. python benchmarks/bounds_against_errors.py                      the three tables
    PYTHONPATH=. python benchmarks/bounds_against_errors.py --only random --points 10000000
    PYTHONPATH=. python benchmarks/bounds_against_errors.py --only 16 --results build/narrow.jsonl --seconds 300      a part; again: the next one
    PYTHONPATH=. python benchmarks/bounds_against_errors.py --only float32 --binades 10 --results build/single.jsonl

An error is that of the floats against certain enclosures of the real value; where it seems to be above a bound, balls decide. `violations` must be 0. `bound / true` is
the bound over the largest error of all numbers, outside of what is left open. What has no bound is listed with the reason.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from certify import CORES, NETWORKS, question_of
from every_number import UNITS, Job, run_all
from machine import describe

from tests.compare.errors_at_points import bounds_of, errors, plan_of, points_in, question, random_boxes
from tests.compare.test_boxes import FUNCTIONS
from verifier.arithmetic.ball_functions import SPECIAL_FUNCTIONS
from verifier.case.case import Case
from verifier.case.load import load
from verifier.compare.boxes.bounds import Box, ErrorUnit, box_of
from verifier.compare.boxes.witness import at_point
from verifier.compare.check import Check, checks_of
from verifier.compare.sweep.columns import computed_columns
from verifier.exact.truth import Truth, truth_of
from verifier.language.numeral import special

BOXES = 400  # of a function, at a time,
EACH = 250  # with so many numbers
MOST_MOVING = 2  # inputs of a case, each of which moves once
NARROW = ("float16", "bfloat16")
OTHERWISE = (-10.0, 10.0)  # the domain of a case that has none
BOTH, POSITIVE = (-10.0, 10.0), (0.0, 10.0)
SINGLE = {
    "1/(1+exp(-x))": BOTH, "x/(1+x)": BOTH, "log(1+exp(x))": BOTH, "x/(1+exp(-x))": BOTH, "x - x**3/6.0": BOTH, "sqrt(x*x + 1)": BOTH, "x*x*x - 2*x": BOTH,
    "4.0*x/(1 + x/1.11)": BOTH, "exp(-x*x)": BOTH, "exp(x)/(x + 1)": BOTH, "log(x)*x": POSITIVE, "1/(x*x + 1)": BOTH, "x*sqrt(x)": POSITIVE, "sin(x)*x": BOTH, "cos(x) + x": BOTH,
    "tanh(x)*x": BOTH, "max(x*x, x)": BOTH, "abs(x - 1)*x": BOTH, "(x + 1)*(x + 1)/(x*x + 2)": BOTH, "log1p(x)/x": (-0.9, 10.0),
}  # fmt: skip


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


def narrow(paths: Sequence[str], formats: Sequence[str]) -> Iterator[tuple[str, Callable[[], Job | str]]]:
    """Every implementation of every case in every format, with one input that moves; where there are several, each of the first two in turn, and the others at numbers."""
    for case in sorted(load(*paths).cases, key=_effort):
        if not case.programs.drafts:
            yield f"{case.name}, no formula", lambda: "the case has no formula that is bounded: a callable, a table or a path"
            continue
        truth = truth_of(case.programs.truth)
        inputs = [name for name in case.inputs if name not in case.parameters]
        for name, form, draft in product(inputs[:MOST_MOVING], formats, dict.fromkeys(d.implementation.name for d in case.programs.drafts)):
            yield f"{case.place}, {case.name}, {draft}, {name}, {form}", partial(_narrow_job, case, truth, draft, name, form)


def _effort(case: Case) -> tuple[bool, bool]:
    """Cases of one input first, special functions last: they are enclosed by balls."""
    return len(case.inputs) - len(case.parameters) > 1, any(s.gate in SPECIAL_FUNCTIONS for s in case.programs.truth.steps)


def _narrow_job(case: Case, truth: Truth, draft: str, moving: str, form: str) -> Job | str:
    checks = [c for c in checks_of(case, truth, [form])[0][1] if c.implementation == draft]
    if not checks or not checks[0].subject.claims:
        return "the implementation does not run in this format, or claims no gradient"
    check, domain = checks[0], dict(case.domain)
    first = dict(case.points[0].values) if case.points else {}
    ends = {n: domain[n] if n in domain and not any("inf" in e for e in domain[n]) else tuple(map(repr, OTHERWISE)) for n in case.inputs if n not in case.parameters}
    fixed = {n: first.get(n, e[0]) for n, e in ends.items() if n != moving}
    fixed = {n: ends[n][0] if special(text) is not None else text for n, text in fixed.items()}
    box = box_of(replace(case, domain=tuple({**domain, **ends, **{n: (text, text) for n, text in fixed.items()}}.items())), check.subject.program.inputs, check.format)
    if isinstance(box, str):
        return box
    moves = [(low, high) for low, high in zip(box.low, box.high, strict=True) if low != high]
    if len(moves) != 1 or not all(map(math.isfinite, (*box.low, *box.high))):
        return "the domain has one number of this format, or ends beyond them"
    key = f"{case.place}, {case.name}, {draft}, {moving}, {form}"
    return Job(key, check, (box,), *moves[0])


def single(binades: int, texts: Mapping[str, tuple[float, float]]) -> Iterator[tuple[str, Callable[[], Job | str]]]:
    """Functions in float32: every number of the largest binades of their domains, on both sides of 0. Each binade is bounded by itself, and as a part of the domain."""
    for text, (low, high) in texts.items():
        check, box = question(text, {"x": (low, high)}, "float32")
        for sign, end in ((1.0, high), (-1.0, -low)):
            top = math.frexp(end)[1] if end > 0 else 0
            for exponent in range(top, top - binades, -1) if end > 0 else ():
                near, far = 2.0 ** (exponent - 1), min(end, 2.0**exponent)
                ends = sorted((sign * near, sign * far))
                key = f"{text}, [{ends[0]:g}, {ends[1]:g}], float32"
                yield key, partial(_single_job, key, check, box, *ends)


def _single_job(key: str, check: Check, box: Box, low: float, high: float) -> Job:
    part = replace(box, low=(float(np.float32(low)),), high=(float(np.float32(high)),))
    part = replace(part, low=(max(part.low[0], box.low[0]),), high=(min(part.high[0], box.high[0]),))
    return Job(key, check, (part, box), part.low[0], part.high[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("random", "16", "float32"), action="append")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--format", action="append", help="formats of the cases, of at most 16 bits; default: float16 and bfloat16")
    parser.add_argument("--binades", type=int, default=5, help="of float32, on each side of 0: a binade has 8,388,608 numbers")
    parser.add_argument("--function", action="append", help="only these of the float32 functions")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of the processor for the bounds of a box in one unit")
    parser.add_argument("--results", type=Path, help="a file of what is done: it is not done again, and the sums are of all of it")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin nothing new after so many seconds")
    parser.add_argument("paths", nargs="*", default=["cases"])
    options = parser.parse_args()
    wanted = options.only or ["random", "16", "float32"]
    print(describe(), flush=True)
    if "random" in wanted:
        random(options.points)
    if "16" in wanted:
        run_all("every number in narrow formats", narrow(options.paths, options.format or NARROW), budget=options.budget, results=options.results, seconds=options.seconds)
    if "float32" in wanted:
        texts = {f: ends for f, ends in SINGLE.items() if not options.function or f in options.function}
        run_all("every number of float32", single(options.binades, texts), budget=options.budget, results=options.results, seconds=options.seconds)


if __name__ == "__main__":
    main()
