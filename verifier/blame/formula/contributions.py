"""The contributions that a backward pass adds to an adjoint, matched to the edges of the forward graph that they should come through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from flint import arb

from verifier.arithmetic.types import Ball, Balls
from verifier.blame.formula.adjoint_values import Reference, agrees
from verifier.circuit.program import Program
from verifier.exact.adjoints import contribution
from verifier.language.formats import Format
from verifier.language.gates import SUMS

MAX_EDGES = 12  # at a fork of more edges each contribution is matched to one edge only
MAX_EDGES_PER_CONTRIBUTION = 6  # one contribution may be the sum over so many edges


@dataclass(frozen=True)
class Definition:
    """One value of a backward name: its `=` and the `+=` that follow it, as the steps of its versions, in order."""

    name: str
    versions: tuple[int, ...]
    reads_itself: bool  # its `=` reads an earlier definition of the same name, as in `dh = dh * mask`

    @property
    def last(self) -> int:
        """The step that holds the whole sum."""
        return self.versions[-1]


def definitions(program: Program) -> list[Definition]:
    """The definitions of the backward pass, in the order of their last versions."""
    steps = program.steps
    current: dict[str, Definition] = {}
    done: list[Definition] = []
    for i in range(program.backward_start, len(steps)):
        name = steps[i].name
        if not name:
            continue
        before = current.get(name)
        if before is not None and _accumulates(program, i, before.last):
            current[name] = Definition(name, (*before.versions, i), before.reads_itself)
            continue
        if before is not None:
            done.append(before)
        current[name] = Definition(name, (i,), before is not None and before.last in statement_operands(program, i))
    return sorted([*done, *current.values()], key=lambda d: d.last)


def _accumulates(program: Program, index: int, before: int) -> bool:
    step = program.steps[index]
    return step.gate in SUMS and step.args.count(before) == 1 and not (step.gate == "sub" and step.args[1] == before)


def statement_operands(program: Program, index: int) -> set[int]:
    """The steps that a statement reads: steps with a name, and steps of other lines."""
    steps = program.steps
    found: set[int] = set()
    pending = list(steps[index].args)
    while pending:
        i = pending.pop()
        if steps[i].name or steps[i].line != steps[index].line or i < program.backward_start:
            found.add(i)
        else:
            pending.extend(steps[i].args)
    return found


@dataclass(frozen=True, eq=False)  # two of them may have one value
class Contribution:
    """One contribution to an adjoint: the step whose value it is, with the sign it is added with, and its line."""

    line: int
    step: int
    sign: int
    value: Balls


@dataclass(frozen=True, eq=False)
class Edge:
    """A use of a forward step: the step that uses it, and the exact contribution to the adjoint that comes through it."""

    user: int
    value: Balls


def contributions_of(program: Program, definition: Definition, values: Sequence[Balls]) -> list[Contribution]:
    """The contributions of a definition, one per statement."""
    parts = []
    for before, at in zip((None, *definition.versions), definition.versions, strict=False):
        step = program.steps[at]
        if before is None:
            parts.append(Contribution(step.line, at, 1, values[at]))
            continue
        other = step.args[1] if step.args[0] == before else step.args[0]
        sign = -1 if step.gate == "sub" else 1
        parts.append(Contribution(own_line(program, other, step.line), other, sign, [v * sign for v in values[other]]))
    return parts


def own_line(program: Program, index: int, line: int) -> int:
    """The line of a contribution that is read in another line without having a name: that in which it was computed."""
    step = program.steps[index]
    return step.line if not step.name and step.line >= 0 and index >= program.backward_start else line


def terms_of(program: Program, part: Contribution, values: Sequence[Balls]) -> list[Contribution]:
    """The terms of a contribution that is written as a sum."""
    terms: list[Contribution] = []
    pending = [(part.step, part.sign)]
    while pending:
        i, sign = pending.pop()
        step = program.steps[i]
        own = step.line == part.line and (i == part.step or not step.name)
        if own and step.gate in SUMS:
            pending += [(step.args[0], sign), (step.args[1], -sign if step.gate == "sub" else sign)]
        elif own and step.gate == "neg":
            pending.append((step.args[0], -sign))
        else:
            terms.append(Contribution(part.line, i, sign, [v * sign for v in values[i]] if all(isinstance(v, arb) for v in values[i]) else values[i]))
    return terms[::-1]


def edges_of(reference: Reference, forward: int) -> list[Edge]:
    """The uses of a forward step through which a contribution comes that is not zero at every test point."""
    found = []
    for index, position in reference.uses.get(forward, ()):
        step = reference.program.steps[index]
        value = contribution(step.gate, position, [reference.values[a] for a in step.args], reference.adjoints[index], strict=True)
        if value is not None and not all(x.is_zero() for x in value):
            found.append(Edge(index, value))
    return found


def total(columns: Sequence[Balls], count: int) -> Balls:
    """The sum of columns."""
    result: list[Ball] = [arb(0)] * count
    for column in columns:
        result = [t + c for t, c in zip(result, column, strict=True)]
    return result


@dataclass(frozen=True)
class EdgeMatching:
    """Contributions that match no set of edges, edges that no contribution matches, and the matches."""

    wrong: tuple[Contribution, ...]
    missing: tuple[Edge, ...]
    carried: tuple[tuple[Contribution, tuple[Edge, ...]], ...]


def match(parts: Sequence[Contribution], edges: Sequence[Edge], count: int, fmt: Format) -> EdgeMatching:
    """Match contributions to sets of edges with the same sum, the smallest sets first."""
    left_parts, left = list(parts), list(edges)
    carried: list[tuple[Contribution, tuple[Edge, ...]]] = []
    for size in range(1, min(len(edges), MAX_EDGES_PER_CONTRIBUTION if len(edges) <= MAX_EDGES else 1) + 1):
        for part in list(left_parts):
            for chosen in combinations(left, size):
                if agrees(part.value, total([e.value for e in chosen], count), fmt):
                    left_parts.remove(part)
                    left = [e for e in left if e not in chosen]
                    carried.append((part, chosen))
                    break
    for edge in list(left):  # x*x uses x twice: a contribution that carries one of the two is wrong, not the other missing
        half = next((pair for pair in carried if any(e.user == edge.user for e in pair[1])), None)
        if half is not None:
            carried.remove(half)
            left_parts.append(half[0])
            left += half[1]
    telling = [p for p in left_parts if not _is_nothing(p.value)]
    if telling or not left:
        left_parts = telling  # a contribution that is zero at these points may be right elsewhere
    return EdgeMatching(tuple(p for p in parts if p in left_parts), tuple(left), tuple(carried))


def _is_nothing(column: Balls) -> bool:
    return all(isinstance(x, arb) and bool(x.contains(0)) for x in column)


def pair_by_value(wrong: Sequence[Contribution], missing: Sequence[Edge]) -> list[tuple[Contribution, Edge | None]]:
    """Each wrong contribution with the edge it was most likely written for: the one nearest in value at the first test point."""
    left = list(missing)
    pairs: list[tuple[Contribution, Edge | None]] = []
    for part in wrong:
        here = part.value[0]
        best = min(left, key=lambda e: _distance(here, e.value[0]), default=None)
        if best is not None:
            left.remove(best)
        pairs.append((part, best))
    return pairs


def _distance(a: Ball, b: Ball) -> float:
    if not isinstance(a, arb) or not a.is_finite() or not b.is_finite():
        return float("inf")
    scale = abs(a) + abs(b)
    return float((abs(abs(a) - abs(b)) / scale).mid()) if scale > 0 else 0.0
