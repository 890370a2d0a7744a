"""Why more precision does not tell: gates that are enclosed with few bits only, or not at all, because Arb would take seconds or minutes for more."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.arithmetic.ball_functions import most_bits
from verifier.arithmetic.types import Balls
from verifier.circuit.program import Program
from verifier.language.gates import GATES


def why_limited(sides: Sequence[tuple[Program, Sequence[Balls]]], at: int, bits: int) -> str:
    """What is said of a gradient that is undecided at a precision where gates of its programs have fewer bits; empty where none has. `sides` are programs of primitives with their runs."""
    found: dict[str, int] = {}
    for program, run in sides:
        for step in program.steps:
            if step.gate in GATES and GATES[step.gate].orders:
                most = most_bits(step.gate, [run[a][at] for a in step.args])
                if most < bits:
                    found[step.gate] = min(most, found.get(step.gate, most))
    none, few = (", ".join(g for g, most in found.items() if (most == 0) is is_none) for is_none in (True, False))
    texts = [f"no enclosure of {none} at orders so large, or so near to 0"] if none else []
    return "; ".join([*texts, f"{few} at such arguments with {min(filter(None, found.values()))} bits at most: more would take too long"] if few else texts)
