"""Float64 sweeps: points a second certified to correct rounding, and the share of the time that is not spent in Arb.

The two networks of the cs231n notes at random points, all gradients. Ours: the whole verdict (computed in float64, compared with
the exact gradient, its formula judged), of which correct rounding is a part; and the exact gradient alone, correctly rounded.
Beside them SymPy's gradient by lambdify in mpmath at 113 bits, which certifies nothing, and in mpmath.iv at 113 bits, whose
intervals are rounded at both ends.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import mpmath
import numpy as np
import sympy
from certified_gradients import certified
from flint import arb
from machine import best, describe

from verifier import columns, sweep
from verifier.arithmetic import balls, expressions
from verifier.backprop import with_backward
from verifier.case import Source
from verifier.columns import Work
from verifier.compare import SWEEP_BITS, Subject, truth_of
from verifier.formats import FORMATS
from verifier.program import Program, build_expression
from verifier.symbolic import primitive

POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
NETWORKS = {"neuron": ("1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))", ("w0", "x0", "w1", "x1", "w2")), "two sigmoids": ("(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)", ("x", "y"))}
FLOAT64 = FORMATS["float64"]


def in_arb(work: Work, inputs: list[list[Any]]) -> float:
    """Seconds of the functions of Arb alone: every step of the program in balls, as columns, with nothing around it."""
    program = work.shared.program if work.shared is not None else work.truth.gradient.program
    return best(lambda: balls.run(program, inputs, bits=SWEEP_BITS, strict=True))


def lambdified(program: Program, module: str) -> Any:
    symbols = sympy.symbols(program.inputs, real=True)
    exact = primitive(program)
    whole = expressions.run(exact, list(symbols))[exact.output]
    return sympy.lambdify(symbols, [sympy.diff(whole, s) for s in symbols], module, cse=True)


def main() -> None:
    print(describe())
    draw = random.Random(231)
    for name, (text, inputs) in NETWORKS.items():
        program, _ = build_expression(Source(text, name, 1, 1, text), inputs)
        assert program is not None
        claims = tuple((i, f"d{i}") for i in inputs)
        work = Work(truth_of(program), Subject(with_backward(program, claims), claims), FLOAT64)
        points = [tuple(draw.uniform(-10, 10) for _ in inputs) for _ in range(POINTS)]
        given = [np.array(c) for c in zip(*points, strict=True)]
        columns.judge(work, [c[:50] for c in given])
        plain, interval = lambdified(program, "mpmath"), lambdified(program, "mpmath")
        mpmath.mp.prec = mpmath.iv.prec = 113
        mpf, mpi = mpmath.mp.mpf, mpmath.iv.mpf
        interval.__globals__.update({n: getattr(mpmath.iv, n) for n in ("exp", "mpf")})
        seconds = {
            "verdicts": best(lambda: columns.judge(work, given)),
            "gradients": best(lambda: certified(program, points)) if len(inputs) == 2 else None,
            "mpmath": best(lambda: [[float(v) for v in plain(*map(mpf, p))] for p in points], 2),
            "mpmath.iv": best(lambda: [[(float(v.a), float(v.b)) for v in interval(*map(mpi, p))] for p in points], 2),
        }
        arbs = [[arb(v) for v in c.tolist()] for c in given]
        start = time.process_time()
        inside = in_arb(work, arbs)
        del start
        print(f"\n{name}: {POINTS} points, {len(inputs)} gradients each")
        for label, s in seconds.items():
            if s is not None:
                print(f"  {label:<10} {POINTS / s:>9,.0f} points/s   {seconds['mpmath'] / s:5.2f} x mpmath   {seconds['mpmath.iv'] / s:5.2f} x mpmath.iv")
        found = sweep.run(work, given)
        left = sum(g.count for t in found for g in t.groups)
        print(f"  the steps in Arb alone: {POINTS / inside:,.0f} points/s; outside them {100 * (1 - inside / seconds['verdicts']):.0f} % of the time of a verdict; {left} verdicts")


if __name__ == "__main__":
    main()
