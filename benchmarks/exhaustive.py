"""How long do all inputs take? Every one-input gate in float16 and bfloat16; float32 of three activations on a slice of its 2^32 inputs.

The slice is every 64th chunk of consecutive inputs, so tails, middle and subnormals are in it as often as in the whole; the time
of the whole is the slice's times 64, and said to be that. `arb` is the share of points that intervals and ranges left to balls.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from machine import describe

from verifier import columns, exhaustive, sweep
from verifier.arithmetic import intervals
from verifier.backprop import with_backward
from verifier.build import build_expression
from verifier.case import Source
from verifier.columns import Work
from verifier.formats import FORMATS, first_place, format_named, last_place, numbers
from verifier.gates import GATES
from verifier.subject import Subject, truth_of

EVERY = int(sys.argv[1]) if len(sys.argv) > 1 else 64
PIECE = 1 << 18
CLAIMS = (("x", "dx"),)


def work_on(text: str, form: str) -> Work:
    program, _ = build_expression(Source(text, "benchmark", 1, 1, text), ("x",))
    assert program is not None
    return Work(truth_of(program), Subject(with_backward(program, CLAIMS), CLAIMS), format_named(form))


class Counted:
    """How many points are left to balls."""

    def __init__(self) -> None:
        self.points, self.inner = 0, columns._by_balls  # noqa: SLF001
        columns._by_balls = self  # type: ignore[assignment] # noqa: SLF001

    def __call__(self, work: Work, inputs: list[Any], computed: list[Any], found: list[Any]) -> None:
        self.points += len(inputs[0])
        self.inner(work, inputs, computed, found)


def sixteen_bits(counted: Counted) -> None:
    """Gates whose functions all have an enclosure in float64; the others would go to balls, point by point, and are only named."""
    names = [g.name for g in GATES.values() if len(g.parameters) - len(g.defaults) == 1 and not g.boolean and g.group != "casts"]
    rows, others = [], {}
    for name in names:
        for form in ("float16", "bfloat16"):
            work = work_on(f"{name}(x)", form)
            gradient = work.truth.gradient
            slope = gradient.wrt(0)
            if not intervals.is_bounded(gradient.program, [gradient.value, *([] if slope is None else [slope])]):
                others[name] = None
                continue
            before, start = counted.points, time.perf_counter()
            (found,) = exhaustive.run(work, [(-np.inf, np.inf)])
            rows.append((time.perf_counter() - start, name, form, (counted.points - before) / found.tally.points))
    slow = [r for r in sorted(rows, reverse=True) if r[0] >= 1]
    print(f"{len(rows)} sweeps of all 16-bit inputs ({len(rows) // 2} gates): {len(rows) - len(slow)} under 1 s, median {sorted(rows)[len(rows) // 2][0]:.2f} s; the others:")
    for seconds, name, form, share in slow:
        print(f"  {name:<17} {form:<9} {seconds:6.1f} s   {100 * share:5.1f} % to balls")
    print(f"not measured, {len(others)} gates without an enclosure in float64: {', '.join(others)}")


def thirty_two_bits(counted: Counted) -> None:
    fmt = FORMATS["float32"]
    first, last = first_place(fmt), last_place(fmt)
    starts = range(first, last + 1 - PIECE, PIECE * EVERY)
    for text in ("sigmoid(x)", "tanh(x)", "gelu(x)"):
        work = sweep.with_proofs(work_on(text, "float32"))
        before, start, tallies = counted.points, time.perf_counter(), []
        for place in starts:
            column = numbers(fmt, np.arange(place, place + PIECE))
            tallies.append(sweep.tally(columns.judge(work, [column])[0], [column], place))
        seconds, total = time.perf_counter() - start, sweep.joined(tallies)
        share = (counted.points - before) / total.points
        verdicts = ", ".join(f"{g.verdict.value} {100 * g.count / total.points:.2f} %" for g in total.groups)
        whole = seconds * (last - first + 1) / total.points
        print(f"{text:<11} {total.points:,} float32 inputs in {seconds:.1f} s on one core: {1e9 * seconds / total.points:.0f} ns each, {100 * share:.4f} % to balls")
        print(f"            extrapolated to all {last - first + 1:,}: {whole:.0f} s on one core, {whole / 2:.0f} s on two; {verdicts}")


if __name__ == "__main__":
    print(describe())
    counted = Counted()
    sixteen_bits(counted)
    thirty_two_bits(counted)
