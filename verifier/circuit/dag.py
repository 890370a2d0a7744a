"""A Program in which equal steps are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from verifier.circuit.monomials import Monomial, constant_quotient
from verifier.circuit.program import Program, Step
from verifier.language.gates import GATES
from verifier.language.numeral import exact

# Primitives without a domain in the table that have no value at some real operands all the same: poles that no rational operand meets
# (tan), and a Bessel function to the left of 0 or a hypergeometric one, which depend on their orders.
PARTIAL = frozenset(("tan", *(name for name, gate in GATES.items() if gate.orders)))


@dataclass
class Dag:
    """A list of steps without two equal ones; products with 1, sums with 0 and the like are folded, exactly.

    A fold that forgets an operand (`0 * x`, `x - x`) keeps the domain: it is made only where the operand has a value for all inputs.
    `c / sqrt(c) / sqrt(c)` becomes `0 * (c / sqrt(c) / sqrt(c)) + 1`, which has the same domain, and is 1 there exactly: no ball tells that otherwise.
    """

    inputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    index: dict[tuple[str, tuple[int, ...], str], int] = field(default_factory=dict)
    monomials: dict[int, Monomial] = field(default_factory=dict)  # of the steps for which they were needed
    everywhere: dict[int, bool] = field(default_factory=dict)  # whether a step has a value for all inputs, where that was needed

    def __post_init__(self) -> None:
        for name in self.inputs:
            self._add("input", (), name)

    def _add(self, gate: str, args: tuple[int, ...], text: str = "") -> int:
        key = (gate, args, text)
        at = self.index.get(key)
        if at is None:
            at = self.index[key] = len(self.steps)
            self.steps.append(Step(gate, args, text))
        return at

    def number(self, text: str) -> int:
        """The step of a literal."""
        return self._add("number", (), text)

    def rational(self, value: Fraction) -> int:
        """The step of a rational number: a literal, or a quotient of two, negated where it is negative."""
        top = self.gate("div", self.number(str(abs(value.numerator))), self.number(str(value.denominator)))
        return top if value >= 0 else self.gate("neg", top)

    def leaf(self, gate: str, text: str) -> int:
        """The step of a constant or of the upstream gradient."""
        return self._add(gate, (), text)

    def marked(self, name: str, args: tuple[int, ...], text: str) -> int:
        """The step of a gate with a text beside its operands; it is never folded."""
        return self._add(name, args, text)

    def is_number(self, at: int, text: str) -> bool:
        """Whether a step is this literal."""
        step = self.steps[at]
        return step.gate == "number" and step.text == text

    def is_zero(self, at: int) -> bool:
        """Whether a step is a literal of value 0."""
        step = self.steps[at]
        return step.gate == "number" and exact(step.text) == 0

    def exists_everywhere(self, at: int) -> bool:
        """Whether a step certainly has a real value for all inputs; that of a condition is a truth value."""
        pending = [at]
        while pending:
            index = pending[-1]
            missing = [a for a in self.steps[index].args if a not in self.everywhere]
            if index in self.everywhere or not missing:
                pending.pop()
                self.everywhere.setdefault(index, self._exists(self.steps[index]))
            else:
                pending.extend(missing)
        return self.everywhere[at]

    def _exists(self, step: Step) -> bool:
        if not step.args:
            return step.gate != "constant" or step.text not in ("inf", "nan")
        if not all(self.everywhere[a] for a in step.args):
            return False
        last = self.steps[step.args[-1]]
        if last.gate == "number" and step.gate in ("div", "pow"):
            value = exact(last.text)
            return value != 0 if step.gate == "div" else value >= 0 and value.denominator == 1
        return step.gate not in PARTIAL and step.gate in GATES and not GATES[step.gate].where

    def gate(self, name: str, *args: int, exist: bool = False) -> int:
        """The step of a gate, folded where the result is one of its operands or a number. `exist`: the operands are known to have values where it is needed."""
        a, b = args[0], args[-1]
        if name == "mul":
            if (self.is_number(a, "0") and (exist or self.exists_everywhere(b))) or (self.is_number(b, "0") and (exist or self.exists_everywhere(a))):
                return self.number("0")
            if self.is_number(a, "1"):
                return b
            if self.is_number(b, "1"):
                return a
        elif name == "add":
            if self.is_number(a, "0"):
                return b
            if self.is_number(b, "0"):
                return a
        elif name in ("sub", "div") and self.is_number(b, "0" if name == "sub" else "1"):
            return a
        elif name == "sub" and a == b and (exist or self.exists_everywhere(a)):
            return self.number("0")
        elif name == "neg":
            if self.is_number(a, "0"):
                return a
            if self.steps[a].gate == "neg":
                return self.steps[a].args[0]
        elif name == "copy":
            return a
        at = self._add(name, args)
        if name == "div" and (value := constant_quotient(self.steps, at, self.monomials)) is not None:
            return self._add("add", (self._add("mul", (self.number("0"), at)), self.rational(value)))
        return at

    def splice(self, program: Program, args: Sequence[int], *, exist: bool = False) -> list[int]:
        """Append a program of primitives whose inputs are the steps given; the index here of each of its steps."""
        at: list[int] = []
        for step in program.steps:
            if step.gate == "input":
                at.append(args[len(at)])
            elif step.args and step.text:
                at.append(self.marked(step.gate, tuple(at[a] for a in step.args), step.text))
            elif step.args:
                at.append(self.gate(step.gate, *(at[a] for a in step.args), exist=exist))
            else:
                at.append(self._add(step.gate, (), step.text))
        return at


def joined(programs: Sequence[Program]) -> tuple[Program, list[list[int]]]:
    """Programs over the same inputs as one, in which steps that several have stand once; where the steps of each came to stand."""
    steps: list[Step] = []
    index: dict[tuple[str, tuple[int, ...], str], int] = {}
    places = []
    for program in programs:
        at: list[int] = []
        for step in program.steps:
            key = (step.gate, tuple([at[a] for a in step.args]), step.text)
            if key not in index:
                index[key] = len(steps)
                steps.append(Step(*key))
            at.append(index[key])
        places.append(at)
    return Program(tuple(steps), programs[0].inputs, {}, places[0][programs[0].output]), places
