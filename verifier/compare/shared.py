"""The exact and the computed gradients as one program, in which steps that both have are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.arithmetic.intervals import run as intervals
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program
from verifier.exact import derivatives
from verifier.exact.truth import Subject, Truth


@dataclass(frozen=True)
class Shared:
    """One program with the steps of the function's value, of the exact gradients and of the computed ones over the reals."""

    program: Program
    value: int
    exact: tuple[int, ...]
    real: tuple[int, ...]


def shared(truth: Truth, subject: Subject, positions: Sequence[int], *, upstream: float) -> Shared | None:
    """Both sides as one program; None where a kink decides: then the exact side is run strictly, and the other is not."""
    exact, computed = truth.gradient.program, subject.exact[0]
    if any(s.gate in intervals.STRICT for p in (exact, computed) for s in p.steps):
        return None
    dag = Dag(exact.inputs)
    left, right = derivatives.write(dag, exact), derivatives.write(dag, computed)
    seed = None if upstream == 1.0 else dag.leaf("upstream", "upstream")
    g = []
    for position in positions:
        at = truth.gradient.adjoint.get(position)
        step = dag.number("0") if at is None else left[at]
        g.append(step if seed is None else dag.gate("mul", step, seed))
    real = [right[subject.index(name)] for _, name in subject.claims]
    steps = tuple(s if s.gate != "upstream" or upstream != 1.0 else s._replace(gate="number", text="1") for s in dag.steps)
    return Shared(Program(steps, exact.inputs, {}, g[0] if g else 0), left[truth.gradient.value], tuple(g), tuple(real))
