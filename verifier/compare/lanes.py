"""Programs of each element alone: a lane is what belongs to one element, and all lanes are one small program at many points."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, repeat

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
    if whole is None or exact is None or whole.inputs != exact.inputs:
        return None
    claims: list[list[int]] = [[] for _ in whole.inputs]
    seen: list[list[tuple[int, int]]] = [[] for _ in whole.inputs]
    for number, (variable, name) in enumerate(subject.claims):
        k, step = whole.home(program.names[name])
        other, place = whole.home(subject.position(variable))
        if k != other:  # a gradient of another lane, or a constant
            return None
        claims[k].append(number)
        seen[k].append((place, step))
    if any(s != seen[0] for s in seen):
        return None
    names = {subject.claims[number][1]: step for number, (_, step) in zip(claims[0], seen[0], strict=True)}
    own = Subject(replace(_program(program, whole), names=names), tuple(subject.claims[number] for number in claims[0]))
    return Lanes(truth_of(_program(source, exact, exact.lane.count if is_shared else None)), own, whole.inputs, tuple(map(tuple, claims)))


@dataclass(eq=False)
class _Lane:
    """The steps of one lane: where each stands in it, and what they are there, without names; those of its inputs, and the step that goes into the sum."""

    at: dict[int, int] = field(default_factory=dict)
    form: list[tuple[str, tuple[int, ...], str]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    output: int = NEUTRAL
    count: int = 0  # of its steps that stand before a place in the program

    def add(self, steps: Sequence[Step], i: int) -> None:
        """A step, and before it what it reads that depends on no input and is not there yet."""
        step = steps[i]
        if step.gate == "input":
            self.inputs.append(i)
            self.form.append(("input", (), ""))
        else:
            for a in step.args:
                if a not in self.at:
                    self._take(steps, a)
            self.form.append((step.gate, tuple([self.at[a] for a in step.args]), step.text))
        self.at[i] = len(self.form) - 1

    def _take(self, steps: Sequence[Step], step: int) -> None:
        """A step that depends on no input, with all that it reads."""
        pending = [step]
        while pending:
            at = pending[-1]
            missing = [a for a in steps[at].args if a not in self.at]
            if missing:
                pending += missing
                continue
            pending.pop()
            if at not in self.at:
                self.form.append((steps[at].gate, tuple([self.at[a] for a in steps[at].args]), steps[at].text))
                self.at[at] = len(self.form) - 1


@dataclass(frozen=True, eq=False)
class _Split:
    """A program as lanes that are all alike: the first one, the inputs of each, and of a step the lane that it belongs to, with its place there (NEUTRAL where it belongs to none)."""

    lane: _Lane
    inputs: tuple[tuple[int, ...], ...]
    home: Callable[[int], tuple[int, int]]


def _split(program: Program, before: int = 0) -> _Split | None:
    """The lanes of a program whose output is the sum of them, one term each; None where they are not all alike. The steps `before` a place are counted in each."""
    sums, terms = _terms(program)
    if len(terms) < FEWEST:
        return None
    return _in_runs(program, sums, terms, before) or _step_by_step(program, sums, terms, before)


def _in_runs(program: Program, sums: set[int], terms: Sequence[int], before: int) -> _Split | None:
    """The lanes where all of them have their steps one after the other, in order, as operations on whole arrays make them; None where they have not."""
    steps, count = program.steps, len(terms)
    lane, neutral, firsts, i = _Lane(), set[int](), list[int](), 0
    while i < len(steps):
        if i == before:
            lane.count = len(lane.form)
        step = steps[i]
        if i in sums:
            i += 1
            continue
        if step.gate != "input" and neutral.issuperset(step.args):
            neutral.add(i)
            i += 1
            continue
        run = steps[i : i + count]
        is_input = step.gate == "input"
        if len(run) < count or i < before < i + count or [s.gate for s in run].count(step.gate) < count or not (is_input or [s.text for s in run].count(step.text) == count):
            return None
        if not is_input:
            if not all(a in lane.at or a in neutral for a in step.args):  # what another lane reads
                return None
            if [s.args for s in run] != list(zip(*[repeat(a, count) if a in neutral else range(a, a + count) for a in step.args], strict=True)):
                return None
        lane.add(steps, i)
        firsts.append(i)
        i += count
    if terms[0] not in lane.at or terms[0] in neutral or list(terms) != list(range(terms[0], terms[0] + count)):
        return None
    lane.output = lane.at[terms[0]]

    def home(step: int) -> tuple[int, int]:
        first = firsts[bisect_right(firsts, step) - 1]
        return (step - first, lane.at[first]) if step - first < count else (NEUTRAL, 0)

    return _Split(lane, tuple(tuple([first + k for first in lane.inputs]) for k in range(count)), home)


def _step_by_step(program: Program, sums: set[int], terms: Sequence[int], before: int) -> _Split | None:
    """The lanes, whatever the order of their steps."""
    steps = program.steps
    groups = _groups(steps, sums)
    if groups is None:
        return None
    lanes: dict[int, _Lane] = {}
    for i, group in enumerate(groups):
        if i == before:
            for lane in lanes.values():
                lane.count = len(lane.form)
        if group >= 0:
            lanes.setdefault(group, _Lane()).add(steps, i)
    found = list(lanes.values())
    for term in terms:
        group = groups[term]
        if group < 0 or lanes[group].output != NEUTRAL:
            return None
        lanes[group].output = lanes[group].at[term]
    first = found[0]
    if not all(lane.output == first.output and len(lane.inputs) == len(first.inputs) and lane.form == first.form for lane in found):
        return None
    places = {step: (k, own) for k, lane in enumerate(found) for step, own in lane.at.items()}
    return _Split(first, tuple(tuple(lane.inputs) for lane in found), lambda step: places.get(step, (NEUTRAL, 0)))


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


def _program(program: Program, split: _Split, count: int | None = None) -> Program:
    """The first lane as a program of its own (its first steps, where a count is given), with the places that its steps have in the whole."""
    lane = split.lane
    places = zip(lane.at, lane.form, strict=True)
    steps = tuple(program.steps[i]._replace(args=args) for i, (_, args, _) in islice(places, count))
    inputs = tuple(program.inputs[i] for i in lane.inputs)
    return Program(steps, inputs, {}, lane.output, program.lines, program.output_name, parameters=program.parameters & set(inputs))
