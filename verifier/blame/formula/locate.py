"""Finds the wrong statements of a backward pass: those that are wrong although everything they read is replaced by its exact value.

A statement that is wrong only because of what it reads is "propagated", so two independent mistakes are two findings. Where a forward name is
used several times, each contribution to its adjoint is matched to the edges of the forward graph that it should carry.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

from flint import arb

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Balls
from verifier.blame.formula import contributions
from verifier.blame.formula.adjoint_values import Reference, Trial, agrees, by_key, forward_versions, reference_values
from verifier.blame.formula.contributions import Contribution, Definition, definitions, edges_of, statement_operands, total
from verifier.case.case import Implementation
from verifier.circuit.program import Program
from verifier.language.formats import Format
from verifier.language.gates import GATES

MOST_EXCHANGED = 40  # wrong statements of which any two may be exchanged
MAX_LINES = 4000  # backward passes longer than this are not searched for the wrong line


@dataclass(frozen=True)
class Mistake:
    """One wrong statement. `contribution` is the step whose value is wrong, `needed` the right value of it at the test points."""

    target: str
    line: int
    kind: str  # wrong, missing, doubled, overwritten, premature, extra (others carry the whole gradient), exchanged
    contribution: int
    needed: Balls
    computed: Balls
    edges: tuple[int, ...] = ()  # the forward steps through which the contribution should have come
    forward: int = -1  # the forward step whose adjoint the target is
    definition: int = -1  # the last step of the definition that it makes wrong
    other: int = -1  # premature: the step that completes the sum which is read too early; exchanged: the definition that holds this one's value
    right: tuple[int, ...] = ()  # temporaries that the statement reads and that need no repair


@dataclass(frozen=True)
class IsolatedRun:
    """A backward pass over the reals at test points, with every adjoint that is read replaced by its exact value."""

    reference: Reference
    values: tuple[Balls, ...]  # of all steps, operands replaced
    actual: tuple[Balls, ...]  # of all steps as they are
    meaning: dict[int, int]  # last step of a definition -> the forward step whose adjoint it holds
    mistakes: tuple[Mistake, ...]
    propagated: tuple[int, ...]  # lines that are wrong only because of what they read
    named: dict[int, int] = field(default_factory=dict)  # those of `meaning` that a name tells, the others were found by their values
    claimed: frozenset[int] = frozenset()  # the steps of the claimed gradients
    own: dict[int, Balls] = field(default_factory=dict)  # what the statements of the adjoints give on exact operands
    operands: frozenset[int] = frozenset()  # all versions of all adjoints: where a statement's own computation ends
    certain: frozenset[int] = frozenset()  # the definitions whose meaning is no guess: claimed gradients, entries of `adjoints`


def isolate(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], points: Sequence[tuple[float, ...]], *, beside: Sequence[tuple[float, ...]] = (), others: Sequence[Trial] = (), fmt: Format, upstream: float) -> IsolatedRun | None:
    """Run a hand-written backward pass statement by statement on exact operands; None where that is impossible.

    `points` are those at which it is wrong. The points of `beside` at which it is right are added, and those of `others`, with a gradient of
    their own that flows in, at which it takes the same branches: a repair must hold there too.
    """
    start = program.backward_start
    if start < 0 or len(program.lines) > MAX_LINES or any(s.gate == "diff" for s in program.steps[start:]):
        return None
    trials = [*((p, upstream) for p in points), *((p, upstream) for p in beside), *others]
    kinds = ["given"] * len(points) + ["beside"] * len(beside) + ["other"] * len(others)
    reference = _chosen(program, claims, reference_values(program, [p for p, _ in trials[: len(points)]], [p for p, _ in trials[len(points) :]], upstream=[u for _, u in trials]), dict(zip(trials, kinds, strict=True)), fmt)
    if not reference.first:
        return None
    found = definitions(program)
    with balls.precision(reference.bits):
        actual = run_over_reals(program, reference, {}, fmt)
        known = _meaning(program, implementation, claims, found, reference, actual)
        claimed = {program.names[name] for _, name in claims}
        told = {name for _, name in claims} | {target for target, _ in implementation.adjoints}
        isolated = _isolated(program, reference, found, known, actual, fmt, certain=frozenset(d.last for d in found if d.name in told))
    return replace(isolated, claimed=frozenset(claimed))


def without(program: Program, isolated: IsolatedRun, dropped: Container[int], fmt: Format) -> IsolatedRun:
    """The same run, where some definitions are taken to hold no adjoint."""
    known = {step: forward for step, forward in isolated.named.items() if step not in dropped}
    with balls.precision(isolated.reference.bits):
        found = _isolated(program, isolated.reference, definitions(program), known, isolated.actual, fmt, dropped, certain=isolated.certain)
    return replace(found, claimed=isolated.claimed)


def _chosen(program: Program, claims: Sequence[tuple[str, str]], reference: Reference, kinds: dict[Trial, str], fmt: Format) -> Reference:
    """The test points that count: all that are given; those beside them where every claimed gradient is right; others on the same branches, where the claimed gradients have values."""
    if reference.first == reference.count:
        return reference
    with balls.precision(reference.bits):
        actual = run_over_reals(program, reference, {}, fmt)
        pairs = [(actual[program.names[name]], reference.adjoints[program.inputs.index(variable)]) for variable, name in claims]
        taken = _branches(program, actual)
        known = {tuple(c[at] for c in taken) for at in range(reference.first)}
        wrong, right = list(range(reference.first)), []
        for at in range(reference.first, reference.count):
            if all(agrees([c[at]], [x[at]], fmt) for c, x in pairs):
                right.append(at)
            elif kinds.get((reference.points[at], float(reference.upstream[at])), "other") == "other" and tuple(c[at] for c in taken) in known and all(isinstance(c[at], arb) and c[at].is_finite() for c, _ in pairs):
                wrong.append(at)
        return reference.at([*wrong, *right], first=len(wrong))


def _branches(program: Program, values: Sequence[Balls]) -> list[list[object]]:
    """What every step that chooses between formulas chooses, at every point."""
    found: list[list[object]] = []
    for i, step in enumerate(program.steps):
        kind = GATES[step.gate].kind if step.gate in GATES else ""
        if step.gate in ("sign", "abs"):  # one formula holds for both signs
            continue
        if kind in ("comparison", "logic", "step"):
            found.append([str(v) for v in values[i]])
        elif kind == "choice":
            args = [values[a] for a in step.args if all(isinstance(v, arb) for v in values[a])]
            found.append([(tuple(bool(v > 0) for v in row), tuple(bool(v > row[0]) for v in row)) for row in zip(*args, strict=True)] if args else [()] * len(values[i]))
    return found


def run_over_reals(program: Program, reference: Reference, replaced: dict[int, Balls], fmt: Format) -> tuple[Balls, ...]:
    """The values of all steps over the reals, where some steps are given other values."""
    flowing = {i: reference.upstream for i, step in enumerate(program.steps) if step.gate == "upstream"}
    known = {**dict(enumerate(reference.values)), **flowing, **replaced}
    return tuple(reals.run(program, reference.values[: len(program.inputs)], rounded_in=fmt, replaced=known).values())


def _meaning(program: Program, implementation: Implementation, claims: Sequence[tuple[str, str]], found: Sequence[Definition], reference: Reference, actual: Sequence[Balls]) -> dict[int, int]:
    """The forward step whose adjoint each definition holds, by its name: a claimed gradient, an entry of `adjoints`, d + a forward name, or d + a name that holds a forward value again."""
    keyed = by_key(implementation, program)
    claimed = {name: program.inputs.index(variable) for variable, name in claims}
    groups: dict[str, list[Definition]] = {}
    again: dict[str, int] = {}
    for d in found:
        groups.setdefault(d.name, []).append(d)
        if (step := reference.step_of_value(actual[d.last])) is not None:
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


def _isolated(program: Program, reference: Reference, found: Sequence[Definition], known: dict[int, int], actual: tuple[Balls, ...], fmt: Format, dropped: Container[int] = (), *, certain: frozenset[int]) -> IsolatedRun:
    values: list[Balls] = list(reference.values)
    meaning = dict(known)
    ends = {d.last: d for d in found}
    early = {v: d.last for d in found for v in d.versions[:-1]}
    mistakes: list[Mistake] = []
    propagated: list[int] = []
    own: dict[int, Balls] = {}
    for index in range(len(values), len(program.steps)):
        step = program.steps[index]
        values.append(reference.value_of(step, [values[a] for a in step.args], fmt))
        d = ends.get(index)
        if d is None:
            continue
        forward = meaning.get(index)
        if forward is None and index not in dropped:
            forward = reference.step_of_adjoint(values[index])
        elif forward is not None and index not in certain:
            forward = meaning[index] = _before(program, reference, forward, values[index], fmt)
        if forward is not None and agrees(values[index], exact := reference.exact(forward, values[index], fmt), fmt):
            meaning[index] = forward
            if not agrees(actual[index], exact, fmt):
                propagated.append(step.line)
        elif (late := _premature(program, reference, d, early, meaning, values, fmt)) is not None:
            mistakes.append(late)
            forward = late.forward
            meaning[index] = forward
            exact = reference.adjoints[forward]
        elif forward is not None:
            mistakes += mistakes_of(program, reference, d, forward, [e for e in found if e.name == d.name and e.last < index], values, fmt)
        if forward is not None:
            own[index], values[index] = values[index], exact
    mistakes = _exchanged(program, reference, meaning, own, mistakes, fmt)
    operands = frozenset(v for d in found if d.last in meaning for v in d.versions)
    named = {end: forward for end, forward in known.items() if meaning[end] == forward}
    return IsolatedRun(reference, tuple(values), actual, meaning, tuple(mistakes), tuple(propagated), named, own=own, operands=operands, certain=certain)


def _before(program: Program, reference: Reference, forward: int, column: Balls, fmt: Format) -> int:
    """The forward step whose adjoint a name such as `dz` holds: that of `z`, or, where it holds that value, of what `z` is computed from (`z = tanh(a)`, `dz = dout * (1 - z*z)`)."""
    if agrees(column, reference.exact(forward, column, fmt), fmt):
        return forward
    other = reference.step_of_adjoint(column)
    pending, known = [forward], {forward}
    while other is not None and pending:
        new = [a for a in program.steps[pending.pop()].args if a >= other and a not in known]
        known.update(new)
        pending += new
    return other if other is not None and other in known else forward


def _exchanged(program: Program, reference: Reference, meaning: dict[int, int], own: dict[int, Balls], mistakes: list[Mistake], fmt: Format) -> list[Mistake]:
    """The mistakes; two wrong statements that have each other's right value become one pair that is exchanged."""
    wrong = list(dict.fromkeys(m.definition for m in mistakes if m.definition in own))
    if len(wrong) > MOST_EXCHANGED:  # the components of an array
        return mistakes
    for i, j in combinations(wrong, 2):
        a, b = (reference.adjoints[meaning[k]] for k in (i, j))
        if agrees(own[i], b, fmt) and agrees(own[j], a, fmt) and not agrees(a, b, fmt):
            mistakes = [m for m in mistakes if m.definition not in (i, j)]
            for at, other, needed in ((i, j, a), (j, i, b)):
                mistakes.append(Mistake(program.steps[at].name, program.steps[at].line, "exchanged", at, needed, own[at], (), meaning[at], at, other))
    return mistakes


def _premature(program: Program, reference: Reference, definition: Definition, early: dict[int, int], meaning: dict[int, int], values: Sequence[Balls], fmt: Format) -> Mistake | None:
    """The mistake of a statement that would be right if a sum it reads were complete; None where that is not the mistake."""
    for version in definition.versions:
        for operand in sorted(statement_operands(program, version)):
            final = early.get(operand)
            if final is None or final not in meaning or operand in definition.versions or final < version:
                continue
            value = recompute(program, values, cone(program, meaning, definition.last, definition.versions), {operand: reference.adjoints[meaning[final]]})
            forward = meaning.get(definition.last)
            if forward is None:
                forward = reference.step_of_adjoint(value)
            if forward is not None and agrees(value, reference.adjoints[forward], fmt):
                line = program.steps[version].line
                return Mistake(definition.name, line, "premature", version, value, values[definition.last], (), forward, definition.last, final)
    return None


def cone(program: Program, operands: Container[int], root: int, own: Container[int] = ()) -> list[int]:
    """The backward steps that compute a value, in order, down to its operands: forward values and adjoints (other than its own versions)."""
    steps, start = program.steps, program.backward_start
    found, pending = set(), [root]
    while pending:
        i = pending.pop()
        if i in found or i < start or (i != root and i in operands and i not in own) or steps[i].gate == "upstream":
            continue
        found.add(i)
        pending.extend(steps[i].args)
    return sorted(found)


def recompute(program: Program, values: Sequence[Balls], inside: Sequence[int], changed: dict[int, Balls]) -> Balls:
    """The value of the last step of a cone after some steps are given other values."""
    changed = dict(changed)
    for i in inside:
        step = program.steps[i]
        if i not in changed and any(a in changed for a in step.args):
            changed[i] = reals.value_of(program, step, [changed.get(a, values[a]) for a in step.args])
    return changed.get(inside[-1], values[inside[-1]])


def mistakes_of(program: Program, reference: Reference, definition: Definition, forward: int, lost: Sequence[Definition], values: Sequence[Balls], fmt: Format) -> list[Mistake]:
    """The mistakes of a definition: which of its contributions are wrong, missing, doubled or overwritten."""
    parts = contributions.contributions_of(program, definition, values)
    found = contributions.match(parts, edges_of(reference, forward), reference.count, fmt)
    exact = reference.adjoints[forward]
    blank = Mistake(definition.name, program.steps[definition.last].line, "wrong", definition.last, exact, values[definition.last], (), forward, definition.last)
    uses = tuple(dict.fromkeys(e.user for e in found.missing))
    if not found.wrong and found.missing:
        absent = total([e.value for e in found.missing], reference.count)
        overwritten = [p for d in lost for p in contributions.contributions_of(program, d, values)]
        if not definition.reads_itself and any(agrees(p.value, c, fmt) for p in overwritten for c in (absent, *(e.value for e in found.missing))):
            return [replace(blank, line=parts[0].line, kind="overwritten", edges=uses, contribution=parts[0].step)]
        return [replace(blank, kind="missing", edges=uses, needed=absent)]
    doubled = [p for p in found.wrong if any(agrees(p.value, total([e.value for e in edges], reference.count), fmt) for _, edges in found.carried)]
    if doubled and not found.missing:
        return [replace(blank, line=p.line, kind="doubled", contribution=p.step, computed=p.value, needed=[arb(0)] * reference.count) for p in doubled]
    if len(found.wrong) == 1:
        part = found.wrong[0]
        others = total([p.value for p in parts if p is not part], reference.count)
        if found.carried and not found.missing:
            return [replace(blank, line=part.line, kind="extra", contribution=part.step, needed=[arb(0)] * reference.count, computed=values[part.step])]
        needed = [(x - o) * part.sign for x, o in zip(exact, others, strict=True)]
        return [_inside(program, reference, part, replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=uses), found.missing, values, fmt)]
    mistakes = []
    for part, edge in contributions.pair_by_value(found.wrong, found.missing):
        needed = [x * part.sign for x in edge.value] if edge is not None else [arb(0)] * reference.count
        one = replace(blank, line=part.line, contribution=part.step, needed=needed, computed=values[part.step], edges=(edge.user,) if edge is not None else ())
        mistakes.append(one if edge is None else _inside(program, reference, part, one, [edge], values, fmt))
    return mistakes or [blank]


def _inside(program: Program, reference: Reference, part: Contribution, mistake: Mistake, missing: Sequence[contributions.Edge], values: Sequence[Balls], fmt: Format) -> Mistake:
    """The same mistake, narrowed to the one term of the statement that is wrong, or to the edges that no term matches."""
    if all(x.is_zero() for x in mistake.needed):
        return mistake
    terms = contributions.terms_of(program, part, values)
    if len(terms) == 1 and len(missing) < 2:
        return mistake
    found = contributions.match(terms, missing, reference.count, fmt)
    uses = tuple(dict.fromkeys(e.user for e in found.missing))
    if not found.wrong and found.missing:
        return replace(mistake, kind="missing", edges=uses, needed=total([e.value for e in found.missing], reference.count))
    if len(found.wrong) == 1 and found.carried:
        term = found.wrong[0]
        if not found.missing:  # the other terms carry all
            return replace(mistake, kind="extra", contribution=term.step, needed=[arb(0)] * reference.count, computed=values[term.step], edges=())
        others = total([t.value for t in terms if t is not term], reference.count)
        needed = [(n * part.sign - o) * term.sign for n, o in zip(mistake.needed, others, strict=True)]
        return replace(mistake, line=contributions.own_line(program, term.step, mistake.line), contribution=term.step, needed=needed, computed=values[term.step], edges=uses)
    return mistake
