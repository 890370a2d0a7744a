"""Programs of each element alone: a lane is what belongs to one element, and all lanes are one small program at many points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from verifier.case.points import FloatPoint
from verifier.circuit.program import Program, Step
from verifier.exact.truth import Subject, Truth, truth_of

FEWEST = 4  # lanes that are worth it
NEUTRAL, TOTAL = -1, -2  # a step that depends on no input; one that adds up the lanes


@dataclass(frozen=True, eq=False)
class Lanes:
    """Both sides of the first lane; the positions of the inputs of every lane, and the numbers of its claims, in the order of those of the first."""

    truth: Truth
    subject: Subject
    inputs: tuple[tuple[int, ...], ...]
    claims: tuple[tuple[int, ...], ...]

    def points(self, point: Sequence[float]) -> list[FloatPoint]:
        """A point of the whole as one of the first lane for every lane."""
        return [tuple([point[i] for i in own]) for own in self.inputs]


def lanes_of(truth: Truth, subject: Subject) -> Lanes | None:
    """The lanes of both sides; None where some element depends on another, or is not computed as the first one is."""
    if len(subject.claims) < FEWEST or len({name for _, name in subject.claims}) < len(subject.claims):
        return None
    program, source = subject.program, truth.source
    is_shared = source.output == program.output and source.steps == program.steps[: len(source)]  # a forward pass, which stands in the whole program
    whole = _split(program, len(source) if is_shared else 0)
    exact = whole if is_shared else whole and _split(source)
    if not whole or not exact or (exact is not whole and [lane.inputs for lane in whole] != [lane.inputs for lane in exact]):
        return None
    home = {step: (k, own) for k, lane in enumerate(whole) for step, own in lane.at.items()}
    claims: list[list[int]] = [[] for _ in whole]
    seen: list[list[tuple[int, int]]] = [[] for _ in whole]
    for number, (variable, name) in enumerate(subject.claims):
        k, step = home.get(program.names[name], (NEUTRAL, 0))
        other, place = home[subject.position(variable)]
        if k != other:  # a gradient of another lane, or a constant
            return None
        claims[k].append(number)
        seen[k].append((place, step))
    if any(s != seen[0] for s in seen):
        return None
    names = {subject.claims[number][1]: step for number, (_, step) in zip(claims[0], seen[0], strict=True)}
    own = Subject(replace(_program(program, whole[0]), names=names), tuple(subject.claims[number] for number in claims[0]))
    return Lanes(truth_of(_program(source, exact[0], exact[0].count if is_shared else None)), own, tuple(tuple(lane.inputs) for lane in whole), tuple(map(tuple, claims)))


@dataclass(eq=False)
class _Lane:
    """The steps of one lane: where each stands in it, and what they are there, without names; those of its inputs, and the step that goes into the sum."""

    at: dict[int, int] = field(default_factory=dict)
    form: list[tuple[str, tuple[int, ...], str]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    output: int = NEUTRAL
    count: int = 0  # of its steps that stand before a place in the program


def _split(program: Program, before: int = 0) -> list[_Lane]:
    """The lanes of a program whose output is the sum of them, one term each; none where they are not all alike. The steps `before` a place are counted in each."""
    steps = program.steps
    sums, terms = _terms(program)
    if len(terms) < FEWEST:
        return []
    groups = _groups(steps, sums)
    if groups is None:
        return []
    lanes: dict[int, _Lane] = {}
    for i, step in enumerate(steps):
        if i == before:
            for lane in lanes.values():
                lane.count = len(lane.form)
        group = groups[i]
        if group < 0:
            continue
        if group not in lanes:
            lanes[group] = _Lane()
        lane = lanes[group]
        if step.gate == "input":
            lane.inputs.append(i)
            lane.form.append(("input", (), ""))
        else:
            for a in step.args:
                if a not in lane.at:
                    _take(lane, steps, a)
            lane.form.append((step.gate, tuple([lane.at[a] for a in step.args]), step.text))
        lane.at[i] = len(lane.form) - 1
    found = list(lanes.values())
    for term in terms:
        group = groups[term]
        if group < 0 or lanes[group].output != NEUTRAL:
            return []
        lanes[group].output = lanes[group].at[term]
    first = found[0]
    return found if all(lane.output == first.output and len(lane.inputs) == len(first.inputs) and lane.form == first.form for lane in found) else []


def _terms(program: Program) -> tuple[set[int], list[int]]:
    """The steps that add up the terms of the output, from left to right, and the terms."""
    sums: set[int] = set()
    terms: list[int] = []
    at = program.output
    while program.steps[at].gate == "add":
        sums.add(at)
        at, last = program.steps[at].args
        terms.append(last)
    return sums, [at, *reversed(terms)]


def _groups(steps: Sequence[Step], sums: set[int]) -> list[int] | None:
    """The lane of each step, by the first input of it; None where the sum of the lanes is read once more."""
    above: dict[int, int] = {}  # an input -> one of the same lane before it

    def root(i: int) -> int:
        while (up := above.get(i, i)) != i:
            i = up
        return i

    groups: list[int] = []
    for i, step in enumerate(steps):
        group = i if step.gate == "input" else NEUTRAL
        if i in sums:
            group = TOTAL
        else:
            for a in step.args:
                other = groups[a]
                if other == TOTAL:
                    return None
                if other in (NEUTRAL, group):
                    continue
                other = root(other)
                if group == NEUTRAL:
                    group = other
                elif (own := root(group)) != other:
                    group, later = min(own, other), max(own, other)
                    above[later] = group
        groups.append(group)
    return [root(g) if g >= 0 else g for g in groups]


def _take(lane: _Lane, steps: Sequence[Step], step: int) -> None:
    """A step that depends on no input into a lane, with all that it reads."""
    pending = [step]
    while pending:
        at = pending[-1]
        missing = [a for a in steps[at].args if a not in lane.at]
        if missing:
            pending += missing
            continue
        pending.pop()
        if at not in lane.at:
            lane.form.append((steps[at].gate, tuple([lane.at[a] for a in steps[at].args]), steps[at].text))
            lane.at[at] = len(lane.form) - 1


def _program(program: Program, lane: _Lane, count: int | None = None) -> Program:
    """A lane as a program of its own (its first steps, where a count is given), with the places that its steps have in the whole."""
    places = zip(lane.at, lane.form, strict=True)
    steps = tuple(program.steps[i]._replace(args=args) for i, (_, args, _) in islice(places, count))
    inputs = tuple(program.inputs[i] for i in lane.inputs)
    return Program(steps, inputs, {}, lane.output, program.lines, program.output_name, parameters=program.parameters & set(inputs))
