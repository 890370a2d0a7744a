"""How many points a second get a certified gradient? The second network of the cs231n notes at 10,000 points.

The verifier's work: both components of the exact gradient enclosed in balls, rounded to float64 with both ends of each ball
agreeing, points that are not decided taken again with twice the bits. Beside it the same symbolic gradient (SymPy's, by
lambdify) evaluated with mpmath at 113 bits, which certifies nothing; with and without common subexpressions taken out.
And the whole `compare`, which runs the floats and the backward pass over the reals as well and gives verdicts.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import mpmath
import sympy
from flint import arb
from machine import best, describe

from verifier.arithmetic import balls, rounding
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact import sympy_gates
from verifier.exact.derivatives import gradient, primitive
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source

if TYPE_CHECKING:
    from verifier.circuit.program import Program

TEXT = "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"
FLOAT64 = FORMATS["float64"]
POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
FIRST_BITS = 96


def certified(program: Program, points: list[tuple[float, float]]) -> list[list[float]]:
    """Both components at every point, correctly rounded."""
    exact = gradient(program)
    steps = [exact.wrt(i) for i in range(2)]
    results: list[list[float]] = [[0.0, 0.0] for _ in points]
    pending, bits = list(range(len(points))), FIRST_BITS
    while pending:
        with balls.precision(bits):
            run = balls.run(exact.program, [[arb(points[p][i]) for p in pending] for i in range(2)], bits=bits, strict=True)
            left = []
            for at, p in enumerate(pending):
                rounded = [rounding.round_ball(FLOAT64, run[s][at]) for s in steps if s is not None]
                if None in rounded:
                    left.append(p)
                else:
                    results[p] = rounded  # type: ignore[assignment]
        pending, bits = left, 2 * bits
    return results


def by_mpmath(program: Program, points: list[tuple[float, float]], *, shared: bool) -> list[list[float]]:
    """The same gradient at 113 bits, rounded to float64."""
    x, y = sympy.symbols("x y", real=True)
    exact = primitive(program)
    whole = sympy_gates.run(exact, [x, y])[exact.output]
    function = sympy.lambdify((x, y), [sympy.diff(whole, x), sympy.diff(whole, y)], "mpmath", cse=shared)
    mpmath.mp.prec = 113
    mpf = mpmath.mp.mpf
    return [[float(v) for v in function(mpf(a), mpf(b))] for a, b in points]


def main() -> None:
    source = random.Random(231)
    points = [(source.uniform(-10, 10), source.uniform(-10, 10)) for _ in range(POINTS)]
    program, _ = build_expression(Source(TEXT, "cs231n", 1, 1, TEXT), ("x", "y"))
    assert program is not None
    claims = (("x", "dx"), ("y", "dy"))
    subject, truth = Subject(with_backward(program, claims), claims), truth_of(program)
    certified(program, points[:10])  # SymPy's derivatives of the gates are cached: they are asked for once in a run
    times = {
        "certified": best(lambda: certified(program, points)),
        "mpmath": best(lambda: by_mpmath(program, points, shared=False), 2),
        "mpmath, shared": best(lambda: by_mpmath(program, points, shared=True), 2),
        "verdicts": best(lambda: compare(Check("it", truth, subject, FLOAT64), points, detail=False), 2),
    }
    ours, theirs = certified(program, points), by_mpmath(program, points, shared=False)
    different = sum(a != b for p, q in zip(ours, theirs, strict=True) for a, b in zip(p, q, strict=True))
    print(describe())
    print(f"second cs231n network, {POINTS} points, both components\n")
    labels = {
        "certified": "correct rounding decided (verifier)", "mpmath": "SymPy's gradient, mpmath, 113 bits",
        "mpmath, shared": "the same with common subexpressions", "verdicts": "whole comparison with verdicts (verifier)",
    }  # fmt: skip
    for name, label in labels.items():
        print(f"{label:<44} {POINTS / times[name]:>9,.0f} points/s   {times['mpmath'] / times[name]:5.2f} x")
    print(f"\nmpmath at 113 bits differs from the correctly rounded gradient in {different} of {2 * POINTS} components")


if __name__ == "__main__":
    main()
