"""What does the exact gradient cost as the function grows? A composition of n gates, n = 10 to 100,000.

Measured: text to program, the gradient program, its enclosure at 128 bits at one point. Beside it `sympy.diff` of the same
expression (the derivative only: nothing is evaluated), each in a process of its own that is stopped after 60 s.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time

from flint import arb
from machine import best, describe

from verifier.arithmetic import balls
from verifier.circuit.statements import build_program
from verifier.exact.derivatives import gradient
from verifier.language.source import Source
from verifier.run.collector import RARE

SIZES = (10, 100, 1_000, 10_000, 100_000)
PATIENCE = 60.0
BITS = 128


def chain(n: int) -> str:
    """n gates; x enters every second of them, so that neither the value nor the derivative dies out."""
    return "\n".join(["t0 = x", *(f"t{i + 1} = " + (f"sin(t{i})" if i % 2 == 0 else f"t{i} * x") for i in range(n))])


def exact_gradient(n: int) -> None:
    """Text to an enclosure of the derivative."""
    text = chain(n)
    program, complaints = build_program(Source(text, "chain", 1, 1, text), ("x",))
    assert program is not None, complaints
    found = gradient(program)
    step = found.wrt(0)
    assert step is not None
    with balls.precision(BITS):
        value = balls.run(found.program, [[arb(1.5)]], bits=BITS, strict=True)[step][0]
    assert value.is_finite()


def sympy_diff(n: int) -> None:
    """The derivative of the composed expression."""
    import sympy

    sys.setrecursionlimit(1_000_000)
    x = sympy.Symbol("x", real=True)
    values = [x]
    for i in range(n):
        values.append(sympy.sin(values[i]) if i % 2 == 0 else values[i] * x)
    sympy.diff(values[-1], x)


def in_a_process(n: int) -> str:
    """Seconds of `sympy_diff`, or why there are none."""
    process = multiprocessing.get_context("spawn").Process(target=sympy_diff, args=(n,))
    start = time.monotonic()
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.terminate()
        process.join()
        return f"more than {PATIENCE:.0f} s"
    return f"{time.monotonic() - start:.2f} s" if process.exitcode == 0 else f"failed (exit status {process.exitcode})"


def main() -> None:
    gc.set_threshold(*RARE)  # as the command line does
    exact_gradient(10)  # SymPy's derivatives of the gates are asked for once in a run
    print(describe())
    print(f"{'gates':>7} {'exact gradient':>15} {'per gate':>10} {'against a tenth of the size':>28}   sympy.diff (import included)")
    before, patient = 0.0, True
    for n in SIZES:
        taken = best(lambda n=n: exact_gradient(n), 5 if n <= 10_000 else 2)  # type: ignore[misc]
        theirs = in_a_process(n) if patient else "not tried"
        patient = patient and theirs.endswith(" s") and not theirs.startswith("more")
        growth = f"{taken / before:.2f} = {taken / before / 10:.2f} per decade" if before else ""
        print(f"{n:>7} {taken * 1000:>12.2f} ms {taken / n * 1e6:>7.1f} us {growth:>28}   {theirs}", flush=True)
        before = taken


if __name__ == "__main__":
    main()
