"""The statements that a mistake can stand in: those that wrong gradients are computed by from what is right. Loops are looked at round by round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifier.arithmetic import floats
from verifier.blame.formula.adjoint_values import Reference
from verifier.case.components import base
from verifier.circuit.program import Program
from verifier.language.formats import FORMATS

DIGITS = 10  # that a float shares with the exact adjoint that it is taken for


@dataclass(frozen=True)
class Suspect:
    """A statement: where it begins, and the wrong gradients (arrays as a whole) that are computed by it."""

    start: int
    gradients: frozenset[str]


def suspects(program: Program, reference: Reference, wrong: Iterable[str], *, upstream: float) -> list[Suspect]:
    """The statements that compute wrong gradients at the first point of `reference` from adjoints that are right, the likely ones first.

    One mistake behind several wrong gradients stands in what all of them are computed by, and of that in what is executed first and is no part of a sum that goes on.
    """
    values = [floats.as_list(c)[0] for c in floats.run(program, [[x] for x in reference.points[0]], fmt=FORMATS["float64"], upstream=upstream)]
    right = {_key(float(x.mid())) for column in reference.adjoints for x in column[:1] if x.is_finite()}
    first: dict[int, int] = {}
    reached: dict[int, set[str]] = {}
    groups: dict[str, list[int]] = {}
    for name in wrong:
        groups.setdefault(base(name), []).append(program.names[name])
    for name, steps in groups.items():
        for i in _cone(program, steps, values, right):
            line = program.steps[i].line
            if line >= 0 and program.lines[line].backward:
                reached.setdefault(line, set()).add(name)
                first[line] = min(i, first.get(line, i))
    order = sorted(first, key=lambda line: (-len(reached[line]), first[line]))
    common = [line for line in order if len(reached[line]) == len(reached[order[0]])]
    sets: dict[int, set[str]] = {}
    for step in program.steps[program.backward_start :]:
        if step.name and step.line in first:
            sets.setdefault(step.line, set()).add(base(step.name))
    leading = next((line for k, line in enumerate(common) if not any(sets.get(line, set()) & sets.get(later, set()) for later in common[k + 1 :])), None)
    if leading is not None:
        order = [leading, *(line for line in order if line != leading)]
    return [Suspect(program.lines[line].start, frozenset(reached[line])) for line in order]


def _cone(program: Program, wrong: Sequence[int], values: Sequence[float], right: set[str]) -> set[int]:
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
