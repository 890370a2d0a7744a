"""What a primitive needs beside its row, and where each thing stands: one look at everything that a new gate lacks."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.language.gates import GATES, kernel

NEEDED = {  # of every gate without `means`
    "the function of balls": "verifier.arithmetic.ball_gates.PRIMITIVES",
    "the SymPy meaning": "verifier.exact.sympy_gates.PRIMITIVES",
}
HELPFUL = {  # without them a gate is slower, or less is proved about it
    "the function of intervals": "verifier.arithmetic.intervals.run.FUNCTIONS",
    "the function of ranges": "verifier.arithmetic.ranges.FUNCTIONS",
    "the derivative, where SymPy's is no formula of gates": "verifier.exact.derivatives.DERIVATIVES",
    "the rule of identities": "verifier.exact.identities.special.RULES",
    "the rule of expansions": "verifier.exact.expansions.RULES",
}


class IncompleteGate(LookupError):
    """A gate of the table without something that it needs: a bug of ours, never of a case file."""


class NoGate(Exception):
    """A SymPy function that no gate of the table stands for."""


@dataclass(frozen=True)
class Missing:
    """What a gate lacks, each with its place: what it cannot do without, and what it can."""

    needed: tuple[str, ...]
    helpful: tuple[str, ...]


def missing(name: str) -> Missing:
    """Everything that a gate of the table lacks; nothing for one whose `means` says all."""
    gate = GATES[name]
    columns = []
    if not gate.boolean and len(gate.partials) != len(gate.parameters):
        columns.append(f"a partial for each of {', '.join(gate.parameters)} (column `partials`; None where it has no derivative)")
    if gate.means is not None:
        return Missing(tuple(columns), ())
    columns += [
        f"the kernel for {words} (column `{column}`, or `runs` instead)"
        for column, words in (("float64", "float64"), ("arrays", "the narrower formats"))
        if getattr(gate, column) is None and gate.runs is None
    ]
    needed, helpful = ([f"{what} ({where})" for what, where in places.items() if name not in kernel(where)] for places in (NEEDED, HELPFUL))  # type: ignore[operator]
    return Missing((*columns, *needed), tuple(helpful))


def incomplete(name: str) -> IncompleteGate:
    """The error for a gate that is not found in one of its places: it lists all of them, so that one look is enough."""
    if name not in GATES:
        return IncompleteGate(f"the table has no gate '{name}'")
    found = missing(name)
    lines = [f"the gate '{name}' has no `means`, so it is a primitive, and lacks:", *(f"  - {what}" for what in found.needed)]
    if found.helpful:
        lines += ["it does without, but slower and with fewer proofs:", *(f"  - {what}" for what in found.helpful)]
    return IncompleteGate("\n".join(lines))
