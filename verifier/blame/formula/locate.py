"""The guilty line: a backward statement that is wrong although everything it reads has been replaced by its exact value.

What follows from a guilty line is only propagated, so two independent mistakes are two findings. Where a forward name is
used several times, each contribution to its adjoint is matched to the edges of the forward graph that it should carry.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flint import arb

from verifier.arithmetic import balls
from verifier.blame.formula import contributions
from verifier.blame.formula.adjoint_values import Column, Terrain, agrees, by_key, forward_versions, terrain
from verifier.blame.formula.contributions import Definition, Part, definitions, edges_of, statement_operands, total
from verifier.case.case import Implementation
from verifier.circuit.program import Program, Step
from verifier.exact import derivatives
from verifier.language.formats import Format
from verifier.language.gates import GATES

MAX_LINES = 4000  # backward passes longer than this are not searched for the guilty line
MAX_ROUNDS = 6  # names that turn out to be no adjoints are given up one at a time


@dataclass(frozen=True)
class Guilt:
    """One guilty statement. `contribution` is the step whose value is wrong, `needed` its right value at the test points."""

    target: str
    line: int
    kind: str  # wrong, missing, doubled, overwritten, premature, extra
    contribution: int
    needed: Column
    computed: Column
    edges: tuple[int, ...] = ()  # the forward steps through which the contribution should have come
    forward: int = -1  # the forward step whose adjoint the target is
    definition: int = -1  # the last step of the definition that it makes wrong
    other: int = -1  # premature: the step that was read too early


@dataclass(frozen=True)
class Trial:
    """A backward pass over the reals at test points, with every adjoint that is read replaced by its exact value."""

    land: Terrain
    values: tuple[Column, ...]  # of all steps, operands replaced
    actual: tuple[Column, ...]  # of all steps as they are
    meaning: dict[int, int]  # last step of a definition -> forward step whose adjoint it is
    guilty: tuple[Guilt, ...]
    propagated: tuple[int, ...]  # lines that are wrong only because of what they read
    operands: frozenset[int] = frozenset()  # all versions of all adjoints: where a statement's own computation ends


def investigate(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], points: Sequence[tuple[float, ...]], *, beside: Sequence[tuple[float, ...]] = (), fmt: Format, upstream: float) -> Trial | None:
    """The guilty statements of a hand-written backward pass at points where it is wrong; None where nothing can be said.

    Those of the points `beside` at which it is right are looked at too: a repair must hold there.
    """
    start = program.backward_start
    if start < 0 or len(program.lines) > MAX_LINES or any(s.gate == "diff" for s in program.steps[start:]):
        return None
    right = _right(program, claims, terrain(program, beside, upstream=upstream), fmt) if beside else []
    land = terrain(program, points, right, upstream=upstream)
    if not land.first:
        return None
    found = definitions(program)
    with balls.precision(land.bits):
        actual = run_over_reals(program, land, {}, fmt)
        known = _meaning(program, implementation, claims, found, land, actual)
        claimed = {program.names[name] for _, name in claims}
        trial = _trial(program, land, found, known, actual, fmt)
        for _ in range(MAX_ROUNDS):
            if not trial.guilty or _repairs(program, trial, claims, fmt):
                break
            suspect = next((g.definition for g in trial.guilty if g.definition not in claimed), None)
            if suspect is None:
                break
            known = {step: forward for step, forward in known.items() if step != suspect}  # not an adjoint after all
            trial = _trial(program, land, found, known, actual, fmt)
    return trial


def _right(program: Program, claims: Sequence[tuple[str, str]], land: Terrain, fmt: Format) -> list[tuple[float, ...]]:
    """The points at which every claimed gradient is right."""
    with balls.precision(land.bits):
        actual = run_over_reals(program, land, {}, fmt)
        pairs = [(actual[program.names[name]], land.adjoints[program.inputs.index(variable)]) for variable, name in claims]
        return [p for at, p in enumerate(land.points) if all(agrees([c[at]], [x[at]], fmt) for c, x in pairs)]


def real_value(gate: str, args: Sequence[Column]) -> Column:
    """A gate over the reals, a column at a time."""
    if gate == "copy":
        return list(args[0])
    if GATES[gate].means is None:
        return list(map(balls.function_of(gate, strict=False), *args))
    meaning = derivatives.meaning_in_primitives(gate)
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


def _meaning(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], found: Sequence[Definition], land: Terrain, actual: Sequence[Column]) -> dict[int, int]:
    """What definitions stand for by name: a claimed gradient, the `adjoints` key, d + a forward name or d + a name that holds a forward value again."""
    keyed = by_key(implementation, program)
    claimed = {name: program.inputs.index(variable) for variable, name in claims}
    groups: dict[str, list[Definition]] = {}
    again: dict[str, int] = {}
    for d in found:
        groups.setdefault(d.name, []).append(d)
        if (step := land.step_of_value(actual[d.last])) is not None:
            again[d.name] = step
    meaning: dict[int, int] = {}
    for name, group in groups.items():
        versions = [keyed[name]] if name in keyed else forward_versions(name, program)
        if not versions and not claimed.get(name) and name.startswith("d") and name[1:] in again:
            versions = [again[name[1:]]]
        if name in claimed:
            meaning[group[-1].last] = claimed[name]
        elif len(group) == len(versions):  # the last value of a name is the first to be differentiated
            meaning.update(zip((d.last for d in group), versions[::-1], strict=True))
        elif versions:
            first = next((d for d, after in pairwise(group) if after.reads_itself), group[-1])  # then `dh = dh * mask`
            meaning[first.last] = versions[-1]
    return meaning


def _trial(program: Program, land: Terrain, found: Sequence[Definition], known: dict[int, int], actual: tuple[Column, ...], fmt: Format) -> Trial:
    values: list[Column] = list(land.values)
    meaning = dict(known)
    ends = {d.last: d for d in found}
    early = {v: d.last for d in found for v in d.versions[:-1]}
    guilty: list[Guilt] = []
    propagated: list[int] = []
    for index in range(len(values), len(program.steps)):
        step = program.steps[index]
        values.append(real_value(step.gate, [values[a] for a in step.args]) if step.args else leaf_value(step, land, fmt))
        d = ends.get(index)
        if d is None:
            continue
        forward = meaning.get(index)
        if forward is None:
            forward = land.step_of_adjoint(values[index])
        if forward is not None and agrees(values[index], exact := land.exact(forward, values[index], fmt), fmt):
            meaning[index] = forward
            if not agrees(actual[index], exact, fmt):
                propagated.append(step.line)
        elif (late := _premature(program, land, d, early, meaning, values, fmt)) is not None:
            guilty.append(late)
            forward = late.forward
            meaning[index] = forward
            exact = land.adjoints[forward]
        elif forward is not None:
            guilty += guilt_of(program, land, d, forward, [e for e in found if e.name == d.name and e.last < index], values, fmt)
        if forward is not None:
            values[index] = exact
    operands = frozenset(v for d in found if d.last in meaning for v in d.versions)
    return Trial(land, tuple(values), actual, meaning, tuple(guilty), tuple(propagated), operands)


def _premature(program: Program, land: Terrain, definition: Definition, early: dict[int, int], meaning: dict[int, int], values: Sequence[Column], fmt: Format) -> Guilt | None:
    """A statement that is right once a sum it reads is complete."""
    for version in definition.versions:
        for operand in sorted(statement_operands(program, version)):
            final = early.get(operand)
            if final is None or final not in meaning or operand in definition.versions or final < version:
                continue
            value = recomputed(program, values, cone(program, meaning, definition.last, definition.versions), {operand: land.adjoints[meaning[final]]})
            forward = meaning.get(definition.last)
            if forward is None:
                forward = land.step_of_adjoint(value)
            if forward is not None and agrees(value, land.adjoints[forward], fmt):
                line = program.steps[version].line
                return Guilt(definition.name, line, "premature", version, value, values[definition.last], (), forward, definition.last, final)
    return None


def cone(program: Program, operands: Container[int], root: int, own: Container[int] = ()) -> list[int]:
    """The backward steps that a value is computed by, in order, down to its operands: adjoints (but for its own versions) and forward values."""
    steps, start = program.steps, program.backward_start
    found, pending = set(), [root]
    while pending:
        i = pending.pop()
        if i in found or i < start or (i != root and i in operands and i not in own) or steps[i].gate == "upstream":
            continue
        found.add(i)
        pending.extend(steps[i].args)
    return sorted(found)


def recomputed(program: Program, values: Sequence[Column], inside: Sequence[int], changed: dict[int, Column]) -> Column:
    """The value of the last step of a cone when some steps have other values."""
    changed = dict(changed)
    for i in inside:
        step = program.steps[i]
        if i not in changed and any(a in changed for a in step.args):
            changed[i] = real_value(step.gate, [changed.get(a, values[a]) for a in step.args])
    return changed.get(inside[-1], values[inside[-1]])


def _repairs(program: Program, trial: Trial, claims: Sequence[tuple[str, str]], fmt: Format) -> bool:
    """Whether the exact values in place of the guilty statements make every claimed gradient right."""
    replaced = {g.definition: trial.land.adjoints[g.forward] for g in trial.guilty}
    values = run_over_reals(program, trial.land, replaced, fmt)
    return all(agrees(values[program.names[name]], trial.land.adjoints[program.inputs.index(variable)], fmt) for variable, name in claims)


def guilt_of(program: Program, land: Terrain, definition: Definition, forward: int, lost: Sequence[Definition], values: Sequence[Column], fmt: Format) -> list[Guilt]:
    """Which contributions of a definition are wrong, missing, doubled or overwritten."""
    parts = contributions.parts_of(program, definition, values)
    found = contributions.matched(parts, edges_of(land, forward), land.count, fmt)
    exact = land.adjoints[forward]
    blank = Guilt(definition.name, program.steps[definition.last].line, "wrong", definition.last, exact, values[definition.last], (), forward, definition.last)
    uses = tuple(dict.fromkeys(e.user for e in found.missing))
    if not found.wrong and found.missing:
        absent = total([e.value for e in found.missing], land.count)
        overwritten = [p for d in lost for p in contributions.parts_of(program, d, values)]
        if not definition.reads_itself and any(agrees(p.value, c, fmt) for p in overwritten for c in (absent, *(e.value for e in found.missing))):
            return [replace(blank, line=parts[0].line, kind="overwritten", edges=uses, contribution=parts[0].step)]
        return [replace(blank, kind="missing", edges=uses, needed=absent)]
    doubled = [p for p in found.wrong if any(agrees(p.value, total([e.value for e in edges], land.count), fmt) for _, edges in found.carried)]
    if doubled and not found.missing:
        return [replace(blank, line=p.line, kind="doubled", contribution=p.step, computed=p.value, needed=[arb(0)] * land.count) for p in doubled]
    if len(found.wrong) == 1:
        part = found.wrong[0]
        others = total([p.value for p in parts if p is not part], land.count)
        needed = [(x - o) * part.sign for x, o in zip(exact, others, strict=True)]
        return [_inside(program, land, part, replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=uses), found.missing, values, fmt)]
    guilty = []
    for part, edge in contributions.paired(found.wrong, found.missing):
        needed = [x * part.sign for x in edge.value] if edge is not None else [arb(0)] * land.count
        one = replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=(edge.user,) if edge is not None else ())
        guilty.append(one if edge is None else _inside(program, land, part, one, [edge], values, fmt))
    return guilty or [blank]


def _inside(program: Program, land: Terrain, part: Part, guilt: Guilt, missing: Sequence[contributions.Edge], values: Sequence[Column], fmt: Format) -> Guilt:
    """The same guilt, narrowed to the one term of the statement that is wrong, or to the edges that no term carries."""
    if all(x.is_zero() for x in guilt.needed):
        return replace(guilt, kind="extra")
    terms = contributions.terms_of(program, part, values)
    if len(terms) == 1 and len(missing) < 2:
        return guilt
    found = contributions.matched(terms, missing, land.count, fmt)
    uses = tuple(dict.fromkeys(e.user for e in found.missing))
    if not found.wrong and found.missing:
        return replace(guilt, kind="missing", edges=uses, needed=total([e.value for e in found.missing], land.count))
    if len(found.wrong) == 1 and found.carried:
        term = found.wrong[0]
        others = total([t.value for t in terms if t is not term], land.count)
        needed = [(n * part.sign - o) * term.sign for n, o in zip(guilt.needed, others, strict=True)]
        return replace(guilt, contribution=term.step, needed=needed, computed=values[term.step], edges=uses)
    return guilt
