"""Float64 sweeps: verdicts a second, in the library and through the command, against peers in the same run; and what is left to slower ways, with the reason.

The two networks of the cs231n notes at random points, all gradients. Ours is the whole verdict: the floats, both sides over the reals, ulps, and the
condition number where a verdict needs it. Beside it SymPy's gradient by lambdify in mpmath at 113 bits, which certifies nothing, plain and with common
subexpressions shared; the latter in mpmath.iv; and the exact gradient alone in python-flint's balls at 128 bits, point by point. `python benchmarks/sweep.py 400000`
takes so many points; the peers are timed on a part of them, as their time for a point does not depend on how many there are.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import sympy
from flint import arb
from machine import best, describe

from verifier import load_text
from verifier.arithmetic import balls
from verifier.case import points
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.sweep import columns
from verifier.exact import sympy_gates
from verifier.exact.derivatives import gradient, primitive
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source

POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
FEW = 2000  # points that the peers are timed on
BITS = 128
NETWORKS = {"neuron": ("1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))", ("w0", "x0", "w1", "x1", "w2")), "two sigmoids": ("(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)", ("x", "y"))}
FLOAT64 = FORMATS["float64"]


def by_flint(program: Program, given: list[tuple[float, ...]]) -> None:
    """The exact gradient in balls, point by point, as one would write it with python-flint."""
    exact = gradient(program)
    steps = [s for i in range(len(program.inputs)) if (s := exact.wrt(i)) is not None]
    for point in given:
        for ball in balls.at(exact.program, point, steps, strict=True, bits=BITS):
            float(ball)


def lambdified(program: Program, *, shared: bool) -> Any:
    symbols = sympy.symbols(program.inputs, real=True)
    exact = primitive(program)
    whole = sympy_gates.run(exact, list(symbols))[exact.output]
    return sympy.lambdify(symbols, [sympy.diff(whole, s) for s in symbols], "mpmath", cse=shared)


class Counted:
    """A step of a sweep that counts the points it gets."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.points, self.reasons = inner, 0, Counter[str]()

    def __call__(self, check: Check, given: list[Any], computed: list[Any], found: list[Any]) -> None:
        self.points += len(given[0])
        was = [j.open.copy() for j in found]
        self.inner(check, given, computed, found)
        for c, before, j in zip(computed, was, found, strict=True):
            self.reasons.update(_reason(float(x)) for x in c[before & ~j.open])


def _reason(computed: float) -> str:
    size = abs(computed)
    if not np.isfinite(size):
        return "infinite or not a number"
    if size == 0:
        return "computed as 0"
    if size < 2.0**-940:
        return "under 2^-940"
    if size > 2.0**980:
        return "over 2^980"
    near = 2.0 ** round(np.log2(size))
    return "beside a power of two" if abs(size / near - 1) < 2.0**-50 else "other"


def left_over(work: Check, given: list[Any]) -> None:
    """What double-doubles leave to balls, and balls to `compare`, per gradient."""
    before = list(columns.SLOW)
    counted = [Counted(step) for step in before]
    columns.SLOW[:] = counted
    try:
        columns.judge_columns(work, given)
    finally:
        columns.SLOW[:] = before
    for name, c in zip(("balls by columns", "compare, point by point"), counted, strict=True):
        reasons = ", ".join(f"{reason} {n}" for reason, n in c.reasons.most_common()) or "none"
        print(f"  left to {name:<24} {c.points:>7} of {len(given[0])} points, {100 * c.points / len(given[0]):.3f} %; gradients decided there: {reasons}")


def through_the_command(text: str, inputs: tuple[str, ...]) -> float:
    """Seconds of the processor of `python -m verifier` on a sample of so many points, less those of a sample of one."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, POINTS):
            path = Path(folder) / f"case{count}.yaml"
            path.write_text(f"name: sweep\nfunction: {text}\ndomain: {{{', '.join(f'{i}: [-10, 10]' for i in inputs)}}}\nsample: {count}\n", encoding="utf-8")
            runs = []
            for _ in range(3):
                start = _children()
                subprocess.run([sys.executable, "-m", "verifier", str(path), "--format", "json", "--no-cache"], check=False, stdout=subprocess.DEVNULL)
                runs.append(_children() - start)
            times.append(min(runs))
    return times[1] - times[0]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name: str, text: str, inputs: tuple[str, ...]) -> None:
    draw = random.Random(231)
    program, _ = build_expression(Source(text, name, 1, 1, text), inputs)
    assert program is not None
    claims = tuple((i, f"d{i}") for i in inputs)
    work = Check("staged", truth_of(program), Subject(with_backward(program, claims), claims), FLOAT64)
    rows = [tuple(draw.uniform(-10, 10) for _ in inputs) for _ in range(POINTS)]
    given, few = [np.array(c) for c in zip(*rows, strict=True)], rows[:FEW]
    columns.judge_columns(work, [c[:50] for c in given])
    plain, shared, interval = (lambdified(program, shared=cse) for cse in (False, True, True))
    mpmath.mp.prec = mpmath.iv.prec = 113
    mpf, mpi = mpmath.mp.mpf, mpmath.iv.mpf
    interval.__globals__.update({n: getattr(mpmath.iv, n) for n in ("exp", "mpf")})
    with balls.precision(BITS):
        for x in few[0]:
            arb(x)
    seconds = {  # a point
        "verdicts, in the library": best(lambda: columns.judge_columns(work, given)) / POINTS,
        "verdicts, by balls": best(lambda: columns.judge_columns(work, [c[:FEW] for c in given], method="balls")) / FEW,
        "python-flint, a loop": best(lambda: by_flint(program, few)) / FEW,
        "mpmath": best(lambda: [[float(v) for v in plain(*map(mpf, p))] for p in few]) / FEW,
        "mpmath, shared": best(lambda: [[float(v) for v in shared(*map(mpf, p))] for p in few]) / FEW,
        "mpmath.iv, shared": best(lambda: [[(float(v.a), float(v.b)) for v in interval(*map(mpi, p))] for p in few]) / FEW,
        "verdicts, the command": through_the_command(text, inputs) / POINTS,
    }
    print(f"\n{name}: {POINTS} points, {len(inputs)} gradients each")
    for label, s in seconds.items():
        print(f"  {label:<28} {1 / s:>11,.0f} points/s   {seconds['mpmath, shared'] / s:6.2f} x mpmath, shared   {seconds['python-flint, a loop'] / s:6.2f} x python-flint")
    left_over(work, given)
    (case,) = load_text(f"name: sweep\nfunction: {text}\ndomain: {{{', '.join(f'{i}: [-10, 10]' for i in inputs)}}}\nsample: {POINTS}\n", file="sweep.yaml").cases
    print("  as `sample` draws them:")
    left_over(work, points.sample_columns(case, FLOAT64))


def main() -> None:
    print(describe())
    for name, (text, inputs) in NETWORKS.items():
        measure(name, text, inputs)


if __name__ == "__main__":
    main()
