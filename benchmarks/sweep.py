"""Float64 sweeps: points a second certified to correct rounding, and the share of the time that is not spent in Arb.

The two networks of the cs231n notes at random points, all gradients. Ours: the whole verdict (computed in float64, compared with
the exact gradient, its formula judged), of which correct rounding is a part; and the exact gradient alone, correctly rounded.
Beside them SymPy's gradient by lambdify in mpmath at 113 bits, which certifies nothing, plain and with common subexpressions
shared, and the latter in mpmath.iv at 113 bits, whose intervals are rounded at both ends. "Outside Arb" is what a verdict takes
more than the calls of Arb that it makes.
"""

from __future__ import annotations

import operator
import random
import sys
from typing import Any

import mpmath
import numpy as np
import sympy
from flint import arb
from machine import best, describe

from verifier.arithmetic import balls
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.compare import SWEEP_BITS
from verifier.compare.sweep import columns
from verifier.exact import sympy_gates
from verifier.exact.derivatives import gradient, primitive
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source

FIRST_BITS = 96
POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
NETWORKS = {"neuron": ("1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))", ("w0", "x0", "w1", "x1", "w2")), "two sigmoids": ("(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)", ("x", "y"))}
FLOAT64 = FORMATS["float64"]


def in_arb(work: Check, given: list[Any]) -> None:
    """What a sweep asks of Arb, and nothing else: inputs to balls, the program, midpoints, radii, residuals, distances."""
    assert work.shared is not None
    inputs = [list(map(arb, c.tolist())) for c in given]
    run = balls.run(work.shared.program, inputs, bits=SWEEP_BITS, strict=True)
    with balls.precision(SWEEP_BITS):
        list(map(arb.is_finite, run[work.shared.value]))
        for g, r in zip(work.shared.exact, work.shared.real, strict=True):
            near = list(map(float, run[g]))
            list(map(float, map(arb.rad, run[g])))
            list(map(float, map(operator.sub, map(arb, near), run[g])))
            if g != r:
                list(map(float, map(arb.abs_upper, map(operator.sub, run[r], run[g]))))


def certified(program: Program, given: list[Any]) -> list[list[float]]:
    """All components of the exact gradient at all points, correctly rounded: both ends of every ball round to it."""
    exact = gradient(program)
    steps = [s for i in range(len(program.inputs)) if (s := exact.wrt(i)) is not None]
    results = [[0.0] * len(given[0]) for _ in steps]
    pending, bits = list(range(len(given[0]))), FIRST_BITS
    while pending:
        with balls.precision(bits):
            run = balls.run(exact.program, [[arb(float(c[p])) for p in pending] for c in given], bits=bits, strict=True)
            left = set()
            for k, s in enumerate(steps):
                low, high = (list(map(float, map(end, run[s]))) for end in (arb.lower, arb.upper))
                for p, a, b in zip(pending, low, high, strict=True):
                    results[k][p] = a
                    if a != b:
                        left.add(p)
        pending, bits = sorted(left), 2 * bits
    return results


def lambdified(program: Program, *, shared: bool) -> Any:
    symbols = sympy.symbols(program.inputs, real=True)
    exact = primitive(program)
    whole = sympy_gates.run(exact, list(symbols))[exact.output]
    return sympy.lambdify(symbols, [sympy.diff(whole, s) for s in symbols], "mpmath", cse=shared)


def measure(name: str, text: str, inputs: tuple[str, ...]) -> None:
    draw = random.Random(231)
    program, _ = build_expression(Source(text, name, 1, 1, text), inputs)
    assert program is not None
    claims = tuple((i, f"d{i}") for i in inputs)
    work = Check("staged", truth_of(program), Subject(with_backward(program, claims), claims), FLOAT64)
    points = [tuple(draw.uniform(-10, 10) for _ in inputs) for _ in range(POINTS)]
    given = [np.array(c) for c in zip(*points, strict=True)]
    columns.judge_columns(work, [c[:50] for c in given])
    plain, shared, interval = (lambdified(program, shared=cse) for cse in (False, True, True))
    mpmath.mp.prec = mpmath.iv.prec = 113
    mpf, mpi = mpmath.mp.mpf, mpmath.iv.mpf
    interval.__globals__.update({n: getattr(mpmath.iv, n) for n in ("exp", "mpf")})
    seconds = {
        "correct rounding (verifier)": best(lambda: certified(program, given)),
        "verdicts (verifier)": best(lambda: columns.judge_columns(work, given)),
        "mpmath": best(lambda: [[float(v) for v in plain(*map(mpf, p))] for p in points], 2),
        "mpmath, shared": best(lambda: [[float(v) for v in shared(*map(mpf, p))] for p in points], 2),
        "mpmath.iv, shared": best(lambda: [[(float(v.a), float(v.b)) for v in interval(*map(mpi, p))] for p in points], 2),
    }
    print(f"\n{name}: {POINTS} points, {len(inputs)} gradients each")
    for label, s in seconds.items():
        print(f"  {label:<28} {POINTS / s:>9,.0f} points/s   {seconds['mpmath'] / s:6.2f} x mpmath   {seconds['mpmath.iv, shared'] / s:6.2f} x mpmath.iv")
    ours = list(zip(*certified(program, given), strict=True))
    different = sum(a != float(b) for p, row in zip(points, ours, strict=True) for a, b in zip(row, plain(*map(mpf, p)), strict=True))
    share = 1 - best(lambda: in_arb(work, given)) / seconds["verdicts (verifier)"]
    print(f"  outside Arb: {100 * share:.0f} % of the time of a verdict; mpmath at 113 bits is wrongly rounded in {different} of {POINTS * len(inputs)} gradients")


def main() -> None:
    print(describe())
    for name, (text, inputs) in NETWORKS.items():
        measure(name, text, inputs)


if __name__ == "__main__":
    main()
