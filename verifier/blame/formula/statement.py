"""A wrong statement, ready for repairs to be tried on it: its steps, their values over the reals, and the names in scope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

from flint import arb

from verifier.arithmetic import reals
from verifier.arithmetic.types import Balls
from verifier.blame.formula.adjoint_values import agrees, same
from verifier.blame.formula.contributions import definitions
from verifier.blame.formula.locate import IsolatedRun, Mistake, cone, recompute
from verifier.circuit.program import TOTAL, Program
from verifier.circuit.values import Known
from verifier.language.formats import Format
from verifier.language.gates import GATES

MAX_CONE = 200  # repairs are tried on statements of at most so many steps, with the temporaries they read
WORDS = re.compile(r"\w+")
NOTHING: Mapping[int, Balls] = MappingProxyType({})
MIN_TELLING = 4  # points that must tell factors
FIRST_POINTS = 2  # a repair that fails at one of so many is tried at no other
ONE = "1"  # what flows into the sum of all outputs, in the place of a name
MAX_ATOMS = 60  # at most so many names are tried as operands and factors


def forward_text(program: Program, step: int) -> str:
    """The text of a step's forward line; only the step's own part of it where the function is one formula."""
    record = program.steps[step]
    if record.line < 0:
        return record.gate
    line = program.lines[record.line]
    if line.source is not None and "=" not in line.text and record.end > record.start:
        return line.source.text[record.start : record.end].strip()
    return line.text.strip()


def parameter_name(program: Program, step: int) -> str:
    """The name that stands where a step has a number: that of a parameter whose value the case gives; empty where the number itself stands there."""
    record = program.steps[step]
    if record.gate != "number":
        return ""
    if record.line < 0:
        return next((name for name in program.inputs if program.names.get(name) == step), "")
    source = program.lines[record.line].source
    read = set(WORDS.findall(source.text[record.start : record.end])) if source is not None else set()
    found = [name for name in program.inputs if name in read and (known := whole_parameter(program, name)) is not None and str(known) == record.text]
    return found[0] if len(found) == 1 else ""


def whole_parameter(program: Program, name: str) -> int | None:
    """The value of a parameter that is a whole number, which the case gives; None of any other name."""
    known = program.values.get(name)
    return known.value if isinstance(known, Known) and type(known.value) is int else None


class RepairTarget:
    """The steps that compute a contribution, with the temporaries that it reads. A repair gives one of them another value."""

    def __init__(self, program: Program, isolated: IsolatedRun, mistake: Mistake, fmt: Format) -> None:
        self.program, self.isolated, self.mistake, self.fmt = program, isolated, mistake, fmt
        self.steps = program.steps
        self.root = mistake.contribution
        bare = self.steps[self.root].line != mistake.line or self.root < program.backward_start  # `dx += du`: the name itself is the contribution
        self.cone = [self.root] if bare else cone(program, isolated.operands, self.root)
        self.bare = bare
        fixed = {i for end in mistake.right for i in cone(program, isolated.operands, end)}
        self.cone = [i for i in self.cone if i not in fixed]
        self.values: dict[int, Balls] = {}
        self._moved: dict[tuple[int, ...], list[int]] = {}  # no more than pairs of the steps of a statement
        for i in self.cone if len(self.cone) <= MAX_CONE else ():
            self.values[i] = isolated.values[i] if bare else self._recompute(i)
        self.atoms = self._atoms()
        self.conditions = self._conditions()
        self.twins = self._twins()

    def _recompute(self, i: int) -> Balls:
        step = self.steps[i]
        if i not in self.isolated.operands and all(self.value(a) is self.isolated.values[a] for a in step.args):
            return self.isolated.values[i]
        return self.isolated.reference.value_of(step, [self.value(a) for a in step.args], self.fmt)

    def value(self, i: int) -> Balls:
        """The value of a step on exact operands."""
        return self.values.get(i, self.isolated.values[i])

    def args(self, k: int) -> tuple[int, ...]:
        """The operands of a step; none where the statement is a bare name, in which nothing can be edited."""
        return () if self.bare else self.steps[k].args

    def with_changed(self, changes: dict[int, Balls], *, count: int | None = None, scaled: Mapping[int, Balls] = NOTHING) -> Balls:
        """The value of the statement after some of its steps are given other values, or are multiplied by some; at the first `count` points only."""
        changed = {i: column[:count] for i, column in changes.items()}
        for i in self._moved_by((*changes, *scaled)):
            if i not in changed and any(a in changed for a in self.args(i)):
                changed[i] = reals.value_of(self.program, self.steps[i], [changed[a] if a in changed else self.value(a)[:count] for a in self.steps[i].args])
            if i in scaled:
                changed[i] = [v * f for v, f in zip(changed.get(i, self.value(i)), scaled[i], strict=False)]
        return changed.get(self.root, self.value(self.root)[:count])

    def _moved_by(self, changes: tuple[int, ...]) -> list[int]:
        """Some steps of the statement, and those that are computed from them, in order."""
        if changes not in self._moved:
            reached = set(changes)
            for i in self.cone:
                if any(a in reached for a in self.args(i)):
                    reached.add(i)
            self._moved[changes] = [i for i in self.cone if i in reached]
        return self._moved[changes]

    def is_read_here(self, k: int) -> bool:
        """Whether a step is another line's whole value, which the statement reads: where it is wrong as a whole, the line that reads it is as likely to be."""
        return bool(self.steps[k].name) and self.steps[k].line != self.mistake.line

    def inside(self, k: int) -> set[int]:
        """The steps of the statement that a step is computed from."""
        found: set[int] = set()
        for i in reversed(self.cone):
            if i == k or i in found:
                found.update(a for a in self.args(i) if a in self.values)
        return found

    def is_repaired_by(self, k: int, column: Balls) -> bool:
        """Whether the statement is right once step k, or every step that is the same expression, has this value."""
        if not all(isinstance(c, arb) and c.is_finite() for c in column) and not all(isinstance(c, bool) for c in column):
            return False
        twins = self.twins.get(k, ())
        likely = [c for c in ([k], twins) if c and agrees(self.with_changed(dict.fromkeys(c, column), count=FIRST_POINTS), self.mistake.needed[:FIRST_POINTS], self.fmt)]
        return any(agrees(self.with_changed(dict.fromkeys(changed, column)), self.mistake.needed, self.fmt) and self._spares_others(changed, column) for changed in likely)

    def _spares_others(self, changed: Sequence[int], column: Balls) -> bool:
        """Whether the other adjoints computed from a changed step are right after the change."""
        touched = [end for end, steps in self._others.items() if not steps.isdisjoint(changed)]
        return all(agrees(recompute(self.program, self.isolated.values, sorted(self._others[end]), dict.fromkeys(changed, column)), self.isolated.values[end], self.fmt) for end in touched)

    @cached_property
    def _others(self) -> dict[int, set[int]]:
        """The steps that every other adjoint is computed from."""
        ends = {d.last: d.versions for d in definitions(self.program) if d.last in self.isolated.meaning and d.last != self.mistake.definition}
        ends_here = self.isolated.operands | {self.mistake.definition}  # through the statement itself every reader gets the value that is needed
        return {end: set(cone(self.program, ends_here, end, versions)) - {self.mistake.definition} for end, versions in ends.items()}

    def where_it_tells(self) -> RepairTarget | None:
        """The same statement at the points where it is not 0 and should not be, which may tell factors; None where they are too few."""
        pairs = zip(self.value(self.root), self.mistake.needed, strict=True)
        chosen = [at for at, (v, n) in enumerate(pairs) if all(isinstance(x, arb) and x.is_finite() and not x.contains(0) for x in (v, n))]
        if len(chosen) == self.isolated.reference.count:
            return self
        if len(chosen) < MIN_TELLING:
            return None

        def of(column: Balls) -> Balls:
            return [column[at] for at in chosen]

        reference = self.isolated.reference
        isolated = replace(self.isolated, reference=reference.at(chosen, first=sum(at < reference.first for at in chosen)), values=tuple(map(of, self.isolated.values)), actual=())
        return RepairTarget(self.program, isolated, replace(self.mistake, needed=of(self.mistake.needed), computed=of(self.mistake.computed)), self.fmt)

    def _atoms(self) -> list[tuple[str, Balls]]:
        """The names in scope at the statement that hold numbers, the nearest first."""
        atoms: dict[str, Balls] = {}
        own = [i for i in self.cone if self.steps[i].line == self.mistake.line]
        start = own[0] if own else max((i for i, step in enumerate(self.steps) if step.line == self.mistake.line), default=self.root)
        for i in range(max(start, self.root) - 1, -1, -1):
            step = self.steps[i]
            name = step.name or (step.text if step.gate in ("input", "upstream") else "")
            if name in ("", TOTAL) or not all(isinstance(v, arb) and v.is_finite() for v in self.value(i)):
                continue
            if name not in atoms:
                atoms[name] = self._given(name) or self.value(i)
            elif step.gate not in ("input", "upstream") and not same(self.value(i), atoms[name]):
                atoms.setdefault(f"{name} before it was reassigned", self.value(i))
            if len(atoms) >= MAX_ATOMS:
                break
        flows_in = self.isolated.reference.upstream
        if self.program.output_name != TOTAL:
            atoms.setdefault("upstream", flows_in)
        elif all(v == 1 for v in flows_in):  # into the sum of all outputs, which nobody wrote
            atoms.setdefault(ONE, flows_in)
        return list(atoms.items())

    @cached_property
    def constants(self) -> list[tuple[str, Balls]]:
        """The expressions before the statement that have the same value at all test points, such as `hi - lo` of two parameters."""
        found: dict[str, Balls] = {}
        for i in range(self.root):
            step = self.steps[i]
            source = self.program.lines[step.line].source if 0 <= step.line < len(self.program.lines) else None
            column = self.value(i) if step.args and not step.name and source is not None and step.end > step.start else []
            if source is not None and column and all(isinstance(v, arb) and v.is_finite() and v.overlaps(column[0]) for v in column) and len(found) < MAX_ATOMS:
                found.setdefault(source.text[step.start : step.end], column)
        return list(found.items())

    def _given(self, name: str) -> Balls:
        """The number that stands for a parameter wherever it is read; nothing for any other name."""
        at = self.program.names.get(name, -1)
        if self.steps[at].gate == "number" and at >= 0:
            return self.value(at)
        known = whole_parameter(self.program, name) if name in self.program.inputs else None
        return [] if known is None else [arb(known)] * self.isolated.reference.count

    def is_upstream(self, name: str) -> bool:
        """Whether a name holds the gradient that flows in, or the 1 that stands for it."""
        return name in ("upstream", "dout", ONE, f"d{self.program.output_name}")

    def text(self, i: int) -> str:
        """The source text of a step."""
        step = self.steps[i]
        if step.name and (i not in self.values or self.bare or step.line != self.mistake.line):
            return step.name
        if not 0 <= step.line < len(self.program.lines):
            return step.name or parameter_name(self.program, i) or step.text
        line = self.program.lines[step.line]
        if step.gate == "number":  # the number of terms in a mean stands nowhere
            return parameter_name(self.program, i) or step.text
        if line.source is None:
            return step.name or line.text
        text = line.source.text[step.start : step.end]
        if step.start == line.start and step.end == line.end:
            text = text.partition("=")[2]
        return text.strip() or step.name or step.text

    def _twins(self) -> dict[int, list[int]]:
        """For each step the steps that are the same expression: they are repaired together, since a mistake in one is a mistake in all."""
        groups: dict[tuple[str, tuple[int, ...], str], list[int]] = {}
        merged: dict[int, int] = {}
        for i in self.cone:
            step = self.steps[i]
            group = groups.setdefault((step.gate, tuple(merged.get(a, a) for a in step.args), step.text), [])
            group.append(i)
            merged[i] = group[0]
        return {i: group for group in groups.values() if len(group) > 1 for i in group}

    def _conditions(self) -> set[int]:
        """The steps that only serve to choose a branch."""
        found = {i for i in self.cone if i != self.root and self.steps[i].gate in GATES and GATES[self.steps[i].gate].boolean}
        users: dict[int, set[int]] = {}
        for i in self.cone:
            for a in self.args(i):
                users.setdefault(a, set()).add(i)
        for i in reversed(self.cone):
            if users.get(i) and users[i] <= found:
                found.add(i)
        return found
