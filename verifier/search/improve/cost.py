"""What a replacement costs: its time over that of what it replaces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from verifier.arithmetic import floats
from verifier.case.points import FloatPoint
from verifier.circuit.program import LEAVES, Program, only_for
from verifier.compare.check import Check

REPEATS = 5  # of which the fastest counts


def cost_of(old: Check, new: Check, gradient: str, points: Sequence[FloatPoint]) -> float:
    """The time of a gradient with its backward pass afterwards, over what it took before; 1 where there is nothing to be measured."""
    if not points:
        return 1.0
    before, after = (_seconds(c, gradient, points) for c in (old, new))
    return after / before if before > 0 else 1.0


def steps_of(check: Check, gradient: str) -> int:
    """The gates from which a gradient is computed."""
    program = check.subject.program
    return sum(step.gate not in LEAVES for step in only_for(program, program.names[gradient]).steps)


def _seconds(check: Check, gradient: str, points: Sequence[FloatPoint]) -> float:
    whole = check.subject.program
    program = only_for(whole, whole.names[gradient])
    program = replace(program, steps=tuple(s._replace(gate="mul", args=s.args[:2]) if s.gate == "fma" else s for s in program.steps))  # one instruction, which only CPython must emulate
    columns = [np.array(c) for name, c in zip(whole.inputs, zip(*points, strict=True), strict=True) if name in program.inputs]
    return min(_run(program, columns, check) for _ in range(REPEATS))


def _run(program: Program, columns: Sequence[np.ndarray], check: Check) -> float:
    start = time.perf_counter()
    floats.arrays(program, columns, [program.output], fmt=check.format, upstream=check.upstream)
    return time.perf_counter() - start
