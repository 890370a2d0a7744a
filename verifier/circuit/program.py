"""A Program is the list of Steps, one gate each, in single-assignment form; a Builder appends them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from verifier.language.gates import GATES
from verifier.language.source import Source

LEAVES = frozenset(("input", "upstream", "number", "constant"))


class Step(NamedTuple):
    """One gate: its operands are indices of earlier steps; a leaf keeps its name or its literal in `text`."""

    gate: str
    args: tuple[int, ...]
    text: str = ""
    name: str = ""  # the name the statement assigns, where this step is the statement's value
    line: int = -1  # index into Program.lines
    start: int = 0  # the span in that line's source text
    end: int = 0


@dataclass(frozen=True)
class Line:
    """One statement as text: where it stands in the case file, or (source None) what a transform wrote."""

    text: str
    source: Source | None = None
    start: int = 0
    end: int = 0
    backward: bool = False


@dataclass(frozen=True)
class Program:
    """Steps in order; the first `len(inputs)` are the inputs. `names` maps every assigned name to its last version."""

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    names: dict[str, int]
    output: int
    lines: tuple[Line, ...] = ()
    output_name: str = "out"
    backward_start: int = -1  # index of the first backward step; -1 where there is none
    parameters: frozenset[str] = frozenset()  # inputs that are constants: no derivative with respect to them is asked for

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def longest_literal(self) -> int:
        """The most significant digits of any literal: tells whether one may be a constant rounded when written."""
        return max((significant_digits(s.text) for s in self.steps if s.gate == "number"), default=0)

    @cached_property
    def step_index(self) -> dict[tuple[str, tuple[int, ...], str], int]:
        """Where each distinct step stands (in a program whose equal steps are merged)."""
        return {(s.gate, s.args, s.text): i for i, s in enumerate(self.steps)}

    def forward_part(self) -> Program:
        """The program without its backward steps."""
        if self.backward_start < 0:
            return self
        end = self.backward_start
        return Program(self.steps[:end], self.inputs, {n: i for n, i in self.names.items() if i < end}, self.output, self.lines, self.output_name)


def ancestors(program: Program, step: int) -> set[int]:
    """The steps that a step depends on, itself included."""
    found = {step}
    pending = [step]
    while pending:
        for a in program.steps[pending.pop()].args:
            if a not in found:
                found.add(a)
                pending.append(a)
    return found


def reads_upstream(program: Program, outputs: Iterable[int]) -> bool:
    """Whether any of some steps depends on the gradient that flows in."""
    found = set(outputs)
    for i in range(max(found, default=-1), -1, -1):
        if i in found:
            if program.steps[i].gate == "upstream":
                return True
            found.update(program.steps[i].args)
    return False


def significant_digits(text: str) -> int:
    """How many significant digits a decimal literal has: `0.0447150` has 6, `1.0` has 2 but is exact all the same."""
    mantissa = text.lower().partition("e")[0].lstrip("+-").replace("_", "")
    if "." not in mantissa:
        return len(mantissa.strip("0"))
    return len(mantissa.replace(".", "").strip("0"))


@dataclass
class Builder:
    """Appends steps. `names` is the environment: what each name means at this moment."""

    inputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    truths: set[int] = field(default_factory=set)  # inputs that are truth values (the condition of `where`)
    is_table: bool = False  # a row of the gate table: the order of a Bessel function is a parameter there

    def __post_init__(self) -> None:
        if not self.steps:
            for name in self.inputs:
                self.names[name] = self.append("input", (), text=name)

    def append(self, gate: str, args: tuple[int, ...], *, text: str = "", name: str = "", line: int = -1, start: int = 0, end: int = 0) -> int:
        """Add a step; its index."""
        self.steps.append(Step(gate, args, text, name, line, start, end))
        return len(self.steps) - 1

    def program(self, output: int, *, output_name: str = "out", backward_start: int = -1) -> Program:
        """What was built so far."""
        return Program(tuple(self.steps), self.inputs, dict(self.names), output, tuple(self.lines), output_name, backward_start)

    def boolean(self, index: int) -> bool:
        """Whether a step's value is a truth value."""
        while self.steps[index].gate == "copy":
            index = self.steps[index].args[0]
        gate = GATES.get(self.steps[index].gate)
        return index in self.truths or (gate is not None and gate.boolean)
