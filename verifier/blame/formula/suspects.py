"""The statements that a mistake can stand in: those that wrong gradients are computed by from what is right. Loops are looked at round by round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from verifier.arithmetic import floats
from verifier.blame.formula.adjoint_values import Reference
from verifier.circuit.program import Program
from verifier.language.formats import FORMATS

DIGITS = 10  # that a float shares with the exact adjoint that it is taken for


def suspects(program: Program, reference: Reference, wrong: Iterable[str], *, upstream: float) -> list[int]:
    """Where the statements begin, the likely ones first, that compute wrong gradients at the first point of `reference` from adjoints that are right.

    A mistake behind all wrong gradients stands in what all of them are computed by: these statements come first, in the order in which they are executed.
    """
    values = [c[0] for c in map(floats.as_list, floats.run(program, [[x] for x in reference.points[0]], fmt=FORMATS["float64"], upstream=upstream))]
    right = {_key(float(x.mid())) for column in reference.adjoints for x in column[:1] if x.is_finite()}
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    groups: dict[str, list[int]] = {}
    for name in wrong:
        groups.setdefault(name.partition("[")[0], []).append(program.names[name])
    for steps in groups.values():
        lines: set[int] = set()
        for i in _cone(program, steps, values, right):
            line = program.steps[i].line
            if line >= 0 and program.lines[line].backward:
                lines.add(line)
                first[line] = min(i, first.get(line, i))
        for line in lines:
            counts[line] = counts.get(line, 0) + 1
    order = sorted(first, key=lambda line: (-counts[line], first[line]))
    return list(dict.fromkeys(program.lines[line].start for line in order))


def _cone(program: Program, wrong: Sequence[int], values: Sequence[float], right: frozenset[str] | set[str]) -> set[int]:
    """The backward steps that wrong ones are computed from, up to those whose value is an exact adjoint."""
    found, pending = set(wrong), list(wrong)
    while pending:
        for a in program.steps[pending.pop()].args:
            if a >= program.backward_start and a not in found and program.steps[a].args and _key(values[a]) not in right:
                found.add(a)
                pending.append(a)
    return found


def _key(value: float) -> str:
    return f"{value:.{DIGITS}e}" if isinstance(value, float) and math.isfinite(value) else str(value)
