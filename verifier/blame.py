"""The guilty line: a backward statement that is wrong although everything it reads has been replaced by its exact value.

What follows from a guilty line is only propagated, so two independent mistakes are two findings. Where a forward name is
used several times, each contribution to its adjoint is matched to the edges of the forward graph that it should carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any

from flint import arb

from verifier import symbolic
from verifier.adjoints import BITS, Column, Terrain, by_key, by_name, by_value, same, terrain
from verifier.arithmetic import balls
from verifier.case import Implementation
from verifier.formats import Format
from verifier.gates import GATES
from verifier.program import Program, Step

MAX_EDGES = 12  # forks of more edges are matched one edge at a time only
MAX_LINES = 4000  # backward passes longer than this are not searched for the guilty line


@dataclass(frozen=True)
class Guilt:
    """One guilty statement. `contribution` is the step whose value is wrong, `needed` its right value at the test points."""

    target: str
    line: int
    kind: str  # wrong, missing, doubled, overwritten, premature
    contribution: int
    needed: Column
    computed: Column
    edges: tuple[int, ...] = ()  # the forward steps through which the contribution should have come
    forward: int = -1  # the forward step whose adjoint the target is


@dataclass(frozen=True)
class Trial:
    """A backward pass over the reals at test points, with every adjoint that is read replaced by its exact value."""

    land: Terrain
    values: tuple[Column, ...]  # of all steps, operands replaced
    actual: tuple[Column, ...]  # of all steps as they are
    meaning: dict[str, int]  # adjoint name -> forward step
    guilty: tuple[Guilt, ...]
    propagated: tuple[int, ...]  # lines that are wrong only because of what they read


def investigate(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> Trial | None:
    """The guilty statements of a hand-written backward pass at points where it is wrong; None where nothing can be said."""
    if program.backward_start < 0 or len(program.lines) > MAX_LINES or any(s.gate == "diff" for s in program.steps):
        return None
    land = terrain(program, points, upstream=upstream)
    if not land.count:
        return None
    with balls.precision(BITS):
        actual = run_over_reals(program, land, {}, fmt)
        meaning = _meaning(program, implementation, claims, land, actual)
        claimed = {name for _, name in claims}
        for _ in range(len(meaning) + 1):
            trial = _trial(program, land, meaning, actual, fmt)
            if not trial.guilty or _repairs(program, trial, claims, fmt):
                return trial
            suspect = next((g.target for g in trial.guilty if g.target not in claimed), None)
            if suspect is None:
                return trial
            meaning = {name: index for name, index in meaning.items() if name != suspect}  # not an adjoint after all
        return trial


def real_value(gate: str, args: Sequence[Column]) -> Column:
    """A gate over the reals, a column at a time."""
    if gate == "copy":
        return list(args[0])
    if GATES[gate].means is None:
        return list(map(balls.function_of(gate, strict=False), *args))
    meaning = symbolic.meaning_in_primitives(gate)
    return list(balls.run(meaning, list(args), bits=balls.current_precision(), strict=False)[meaning.output])


def leaf_value(step: Step, land: Terrain, fmt: Format) -> Column:
    """A literal, a constant or the upstream gradient."""
    value = land.upstream if step.gate == "upstream" else balls.constant(step.text) if step.gate == "constant" else balls.literal(step.text, fmt)
    return [value] * land.count


def run_over_reals(program: Program, land: Terrain, replaced: dict[int, Column], fmt: Format) -> tuple[Column, ...]:
    """All steps over the reals, some of them replaced."""
    values: list[Column] = list(land.values)
    for index in range(len(values), len(program.steps)):
        step = program.steps[index]
        if index in replaced:
            values.append(replaced[index])
        elif step.args:
            values.append(real_value(step.gate, [values[a] for a in step.args]))
        else:
            values.append(leaf_value(step, land, fmt))
    return tuple(values)


def _meaning(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], land: Terrain, actual: Sequence[Column]) -> dict[str, int]:
    """What each backward name stands for."""
    keyed = by_key(implementation, program)
    found: dict[str, int] = {}
    for name, index in _last_versions(program).items():
        place = by_name(name, program, claims) if name not in keyed else keyed[name]
        if place is None:
            place = by_value(actual[index], land)
        if place is not None:
            found[name] = place
    return found


def _last_versions(program: Program) -> dict[str, int]:
    return {program.steps[i].name: i for i in range(program.backward_start, len(program.steps)) if program.steps[i].name}


def _right(computed: Column, exact: Column, fmt: Format) -> bool:
    """Within one ulp of the format over the reals, at every test point where the exact value exists."""
    unit = arb(2) ** (1 - fmt.precision)
    for c, x in zip(computed, exact, strict=True):
        if not x.is_finite():
            continue
        if not isinstance(c, arb) or not c.is_finite():
            return False
        if abs(c - x) > abs(x) * unit and not c.overlaps(x):
            return False
    return True


def _trial(program: Program, land: Terrain, meaning: dict[str, int], actual: tuple[Column, ...], fmt: Format) -> Trial:
    values: list[Column] = list(land.values)
    last = _last_versions(program)
    guilty: list[Guilt] = []
    propagated: list[int] = []
    for index in range(len(values), len(program.steps)):
        step = program.steps[index]
        values.append(real_value(step.gate, [values[a] for a in step.args]) if step.args else leaf_value(step, land, fmt))
        if not step.name or step.name not in meaning or last[step.name] != index:
            continue
        exact = land.adjoints[meaning[step.name]]
        if not _right(values[index], exact, fmt):
            guilty += _guilt(program, land, step.name, index, meaning[step.name], values, fmt)
        elif not _right(actual[index], exact, fmt):
            propagated.append(step.line)
        values[index] = exact
    return Trial(land, tuple(values), actual, meaning, tuple(guilty), tuple(propagated))


def _repairs(program: Program, trial: Trial, claims: Sequence[tuple[str, str]], fmt: Format) -> bool:
    """Whether the exact values in place of the guilty statements make every claimed gradient right."""
    last = _last_versions(program)
    replaced = {last[g.target]: trial.land.adjoints[g.forward] for g in trial.guilty}
    values = run_over_reals(program, trial.land, replaced, fmt)
    return all(_right(values[program.names[name]], trial.land.adjoints[program.inputs.index(variable)], fmt) for variable, name in claims)


# ---------------------------------------------------------------- contributions and edges


@dataclass(frozen=True)
class _Part:
    """One statement's contribution to an adjoint."""

    line: int
    step: int  # the step whose value is the contribution
    sign: int
    value: Column


def _parts(program: Program, index: int, values: Sequence[Column]) -> tuple[list[_Part], list[_Part]]:
    """The contributions that make up a version of a name, and those that a later `=` overwrote."""
    name = program.steps[index].name
    parts: list[_Part] = []
    at = index
    while True:
        step = program.steps[at]
        before = next((a for a in step.args if program.steps[a].name == name and a >= program.backward_start), None)
        if step.gate in ("add", "sub") and before is not None and step.args.count(before) == 1 and not (step.gate == "sub" and step.args[1] == before):
            other = step.args[1] if step.args[0] == before else step.args[0]
            sign = -1 if step.gate == "sub" else 1
            parts.append(_Part(step.line, other, sign, [v * sign for v in values[other]]))
            at = before
            continue
        parts.append(_Part(step.line, at, 1, values[at]))
        break
    lost: list[_Part] = []
    earlier = max((i for i in range(program.backward_start, at) if program.steps[i].name == name), default=None)
    if earlier is not None:
        inner, outer = _parts(program, earlier, values)
        lost = inner + outer
    return parts[::-1], lost


@cache
def _local(gate: str) -> symbolic.Gradient:
    parameters = GATES[gate].parameters
    steps = tuple(Step("input", (), p) for p in parameters)
    return symbolic.gradient(Program((*steps, Step(gate, tuple(range(len(parameters))))), parameters, {}, len(parameters)))


def local_partial(gate: str, position: int, args: Sequence[Column]) -> Column | None:
    """The exact partial derivative of a gate, a column at a time; None where it has none (a condition)."""
    if gate == "copy":
        return [arb(1)] * len(args[0])
    if position in GATES[gate].conditions or position in GATES[gate].orders or GATES[gate].boolean:
        return None
    if gate == "where":
        return [arb(1 if (c is True) == (position == 1) else 0) for c in args[0]]
    local = _local(gate)
    step = local.adjoint.get(position)
    if step is None:
        return [arb(0)] * len(args[0])
    return list(balls.run(local.program, list(args), bits=balls.current_precision(), strict=True)[step])


def edges_of(land: Terrain, forward: int) -> list[tuple[int, Column]]:
    """The uses of a forward step: the step that uses it, and the exact contribution that comes back through it."""
    found = []
    for index in range(land.program.backward_start):
        step = land.program.steps[index]
        for position, arg in enumerate(step.args):
            if arg != forward:
                continue
            partial = local_partial(step.gate, position, [land.values[a] for a in step.args])
            if partial is not None:
                found.append((index, [p * a for p, a in zip(partial, land.adjoints[index], strict=True)]))
    return found


def _total(columns: Sequence[Column], count: int) -> Column:
    total = [arb(0)] * count
    for column in columns:
        total = [t + c for t, c in zip(total, column, strict=True)]
    return total


def _matched(parts: Sequence[_Part], edges: list[tuple[int, Column]], count: int) -> tuple[list[_Part], list[tuple[int, Column]], dict[int, tuple[int, ...]]]:
    """Parts that carry no set of edges, edges that nothing carries, and which edges each part carries."""
    left_parts, left = list(parts), list(range(len(edges)))
    carried: dict[int, tuple[int, ...]] = {}
    for size in range(1, min(len(edges), 6 if len(edges) <= MAX_EDGES else 1) + 1):
        for part in list(left_parts):
            for chosen in combinations(left, size):
                if same(part.value, _total([edges[j][1] for j in chosen], count)):
                    left_parts.remove(part)
                    left = [j for j in left if j not in chosen]
                    carried[part.step] = chosen
                    break
    return left_parts, [edges[j] for j in left], carried


def _guilt(program: Program, land: Terrain, target: str, index: int, forward: int, values: Sequence[Column], fmt: Format) -> list[Guilt]:
    parts, lost = _parts(program, index, values)
    edges = edges_of(land, forward)
    zero_edges = [e for e in edges if all(x.is_zero() for x in e[1])]
    edges = [e for e in edges if e not in zero_edges]
    wrong, missing, carried = _matched(parts, edges, land.count)
    exact = land.adjoints[forward]
    blank = Guilt(target, program.steps[index].line, "wrong", index, exact, values[index], (), forward)
    uses = tuple(e[0] for e in missing)
    if not wrong and missing:
        unmatched_lost = [p for p in lost if any(same(p.value, e[1]) for e in missing) or same(p.value, _total([e[1] for e in missing], land.count))]
        if unmatched_lost:
            return [replace(blank, line=parts[0].line, kind="overwritten", edges=uses, contribution=parts[0].step)]
        return [replace(blank, kind="missing", edges=uses, needed=_total([e[1] for e in missing], land.count))]
    doubled = [p for p in wrong if any(same(p.value, e[1]) for e in edges)]
    if doubled and not missing:
        return [replace(blank, line=p.line, kind="doubled", contribution=p.step, computed=p.value, needed=[arb(0)] * land.count) for p in doubled]
    if len(wrong) == 1:
        part = wrong[0]
        others = _total([p.value for p in parts if p is not part], land.count)
        needed = [(x - o) * part.sign for x, o in zip(exact, others, strict=True)]
        return [replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=uses)]
    found = []
    for part, edge in _paired(wrong, missing):
        needed = [x * part.sign for x in edge[1]] if edge is not None else [arb(0)] * land.count
        found.append(replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=(edge[0],) if edge is not None else ()))
    return found or [blank]


def _paired(wrong: Sequence[_Part], missing: Sequence[tuple[int, Column]]) -> list[tuple[_Part, tuple[int, Column] | None]]:
    """Each wrong contribution with the edge it most likely means: the nearest in value at the first test point."""
    left = list(missing)
    pairs: list[tuple[_Part, tuple[int, Column] | None]] = []
    for part in wrong:
        here = part.value[0]
        best = min(left, key=lambda e: _distance(here, e[1][0]), default=None)
        if best is not None:
            left.remove(best)
        pairs.append((part, best))
    return pairs


def _distance(a: Any, b: Any) -> float:
    if not isinstance(a, arb) or not a.is_finite() or not b.is_finite():
        return float("inf")
    scale = abs(a) + abs(b)
    return float((abs(abs(a) - abs(b)) / scale).mid()) if scale > 0 else 0.0
