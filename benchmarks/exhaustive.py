"""How long do all inputs take? Every one-input gate in float16 and bfloat16; float32 of the activations on a slice of its 2^32 inputs.

The slice is every 64th chunk of consecutive inputs, so tails, middle and subnormals are in it as often as in the whole; the time
of the whole is the slice's times 64, and said to be that. `balls` is the share of points that intervals, breaks and ranges left to
Arb. Times are processor time of one process, without imports; the gates are taken once before, as SymPy's derivatives are kept.
The numbers after the file's name are that 64, and the gates' names if only some are asked for. `each NAME` judges every float32 input of one gate, chunk by chunk, and tells the slowest
chunks, which a slice may miss.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from machine import describe

from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.compare.check import Check
from verifier.compare.sweep import columns, sweep, tally
from verifier.compare.sweep.sample import everything
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, consecutive, first_place, format_named, last_place, numbers
from verifier.language.gates import GATES
from verifier.language.source import Source

PIECE = sweep.PIECE
CLAIMS = (("x", "dx"),)
BY_MPMATH = ("zeta",)
ACTIVATIONS = ("sigmoid", "tanh", "gelu", "gelu_tanh", "softplus", "logsigmoid", "silu", "mish", "elu", "exp", "log1p", "erf", "softsign", "sin", "log_ndtr", "lgamma")


def work_on(text: str, form: str) -> Check:
    program, _ = build_expression(Source(text, "benchmark", 1, 1, text), ("x",))
    assert program is not None
    return Check(text, truth_of(program), Subject(with_backward(program, CLAIMS), CLAIMS), format_named(form))


class Counted:
    """How many points are left to balls."""

    def __init__(self) -> None:
        self.points, self.inner = 0, columns.SLOW[0]
        columns.SLOW[0] = self

    def __call__(self, work: Check, inputs: list[Any], computed: list[Any], found: list[Any]) -> None:
        self.points += len(inputs[0])
        self.inner(work, inputs, computed, found)


def sixteen_bits(counted: Counted, names: list[str]) -> None:
    names = names or [g.name for g in GATES.values() if len(g.parameters) - len(g.defaults) == 1 and not g.boolean and g.group != "casts" and g.name not in BY_MPMATH]
    rows = []
    for name in names:
        for form in ("float16", "bfloat16"):
            work = work_on(f"{name}(x)", form)
            columns.judge_columns(work, [np.array([0.3, 0.7])], method="points")
            before, start = counted.points, time.process_time()
            (found,) = sweep.sweep(work, everything(work.format, [(-np.inf, np.inf)]))
            rows.append((time.process_time() - start, name, form, (counted.points - before) / found.tally.points))
            print(f"  {name:<17} {form:<9} {rows[-1][0]:6.2f} s   {100 * rows[-1][3]:5.1f} % to balls", flush=True)
    rows.sort(reverse=True)
    slow = [r for r in rows if r[0] >= 1]
    print(f"{len(rows)} sweeps of all 16-bit inputs ({len(rows) // 2} gates): {len(rows) - len(slow)} under 1 s, median {rows[len(rows) // 2][0]:.2f} s; the others:")
    for seconds, name, form, share in slow:
        print(f"  {name:<17} {form:<9} {seconds:6.1f} s   {100 * share:5.1f} % to balls")
    without = sum(r[3] == 0 for r in rows)
    print(f"{without} need no ball; {sum(r[3] < 0.001 for r in rows)} need less than 0.1 %. Left out, as their floats alone take minutes (mpmath): {', '.join(BY_MPMATH)}")


def thirty_two_bits(counted: Counted, every: int) -> None:
    fmt = FORMATS["float32"]
    first, last = first_place(fmt), last_place(fmt)
    for name in ACTIVATIONS:
        work = sweep.with_proofs(work_on(f"{name}(x)", "float32"))
        columns.judge_columns(work, [numbers(fmt, np.arange(-100, 100))])  # tables and proofs are made once
        sample = [consecutive(fmt, place, PIECE) for place in range(first, last + 1 - PIECE, PIECE * every)]
        alone = time.process_time()
        for column in sample:
            columns.computed_columns(work, [column])
        alone = (time.process_time() - alone) / (len(sample) * PIECE)
        before, start, tallies = counted.points, time.process_time(), []
        for place in range(first, last + 1 - PIECE, PIECE * every):
            column = consecutive(fmt, place, PIECE)
            tallies.append(tally.tally(columns.judge_columns(work, [column])[0], [column], place, runs=True))
        seconds, total = time.process_time() - start, tally.joined(tallies)
        share = (counted.points - before) / total.points
        verdicts = ", ".join(f"{g.verdict.value} {100 * g.count / total.points:.2f} %" for g in total.groups)
        whole = seconds * (last - first + 1) / total.points
        print(f"{name:<11} {total.points:,} float32 inputs in {seconds:.1f} s on one core: {1e9 * seconds / total.points:.0f} ns each, {seconds / total.points / alone:.1f} times the floats alone, {100 * share:.4f} % to balls")
        print(f"            extrapolated to all {last - first + 1:,}: {whole:.0f} s on one core, {whole / 2:.0f} s on two; {verdicts}", flush=True)


def every_chunk(counted: Counted, name: str) -> None:
    """All float32 inputs of a gate: the time of all, and the chunks that take longest."""
    fmt = FORMATS["float32"]
    first, last = first_place(fmt), last_place(fmt)
    work = sweep.with_proofs(work_on(f"{name}(x)", "float32"))
    columns.judge_columns(work, [numbers(fmt, np.arange(-100, 100))])
    rows, tallies = [], []
    for place in range(first, last + 1, PIECE):
        column, before, start = consecutive(fmt, place, min(PIECE, last + 1 - place)), counted.points, time.process_time()
        tallies.append(tally.tally(columns.judge_columns(work, [column])[0], [column], place, runs=True))
        rows.append((time.process_time() - start, float(column[0]), float(column[-1]), counted.points - before))
    total = tally.joined(tallies)
    print(f"{name}: all {total.points:,} float32 inputs in {sum(r[0] for r in rows):.0f} s of one core, {sum(r[3] for r in rows):,} to balls; " + ", ".join(f"{g.verdict.value} {g.count:,}" for g in total.groups))
    for seconds, low, high, left in sorted(rows, reverse=True)[:5]:
        print(f"  {seconds:6.2f} s   from {low!r} to {high!r}   {left:,} to balls")


if __name__ == "__main__":
    print(describe())
    counted = Counted()
    if sys.argv[1:2] == ["each"]:
        every_chunk(counted, sys.argv[2])
        sys.exit()
    sixteen_bits(counted, sys.argv[2:])
    if len(sys.argv) <= 2:
        thirty_two_bits(counted, int(sys.argv[1]) if len(sys.argv) > 1 else 64)
