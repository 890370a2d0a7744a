"""What does the ledger cost? The first network of the cs231n notes, all five gradients, at points drawn at random.

For every gradient: the exact contributions of all its steps, in balls, summing to computed − real. Beside it, in the same
run, `compare` (verdicts, exact gradients, condition numbers) without the ledger, and first-order shares for a long program.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from machine import best, describe

from verifier.blame.rounding import ledger, sensitivity
from verifier.case.load import load
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact.truth import subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source

NEURON = Path(__file__).parent.parent / "cases" / "cs231n" / "neuron.yaml"
FLOAT64 = FORMATS["float64"]
POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 500
LONG = "sin(x * 0.1)", " + sin(x * 0.{})"  # a sum of many sines: its steps grow with the number of terms


def long_sum(terms: int) -> tuple[int, float]:
    """Steps of a long program with its backward pass, and the seconds of its first-order ledger."""
    text = LONG[0] + "".join(LONG[1].format(i) for i in range(2, terms))
    program, _ = build_expression(Source(text, "long", 1, 1, text), ("x",))
    assert program is not None
    whole = with_backward(program, [("x", "dx")])
    planned = ledger.plan(whole, ["dx"])
    sensitivity.first_order(planned, (1.25,), fmt=FLOAT64)
    return len(whole), best(lambda: sensitivity.first_order(planned, (1.25,), fmt=FLOAT64), 2)


def main() -> None:
    source = random.Random(231)
    points = [tuple(source.uniform(-2, 2) for _ in range(5)) for _ in range(POINTS)]
    case = load(str(NEURON)).cases[0]
    truth = truth_of(case.programs.truth)
    print(describe())
    for draft in case.programs.drafts:
        tested = subject(draft)
        planned = ledger.plan(tested.program, [name for _, name in tested.claims])
        gradients = POINTS * len(tested.claims)
        compare(Check("it", truth, tested, FLOAT64), points[:2])  # SymPy's derivatives are cached
        ledgers = best(lambda p=planned: ledger.ledgers(p, points, fmt=FLOAT64))  # type: ignore[misc]
        compared = best(lambda t=tested: compare(Check("it", truth, t, FLOAT64), points))  # type: ignore[misc]
        entries = sum(len(found.entries) for row in ledger.ledgers(planned, points, fmt=FLOAT64) for found in row if isinstance(found, ledger.Ledger))
        print(f"\n{draft.implementation.name}: {len(tested.program)} steps, {gradients} gradients, {entries / gradients:.1f} steps that rounded in each")
        print(f"  ledger                        {gradients / ledgers:>9,.0f} gradients/s")
        print(f"  compare without ledger        {gradients / compared:>9,.0f} gradients/s")
        print(f"  compare with ledger / without {1 + ledgers / compared:>9.2f}")
    print("\nfirst-order shares of one gradient")
    for terms in (100, 1000, 5000):
        steps, seconds = long_sum(terms)
        print(f"  {steps:>7,} steps                 {seconds:>9.3f} s   {1e6 * seconds / steps:.1f} µs a step")


if __name__ == "__main__":
    main()
