"""A Program in which equal steps are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verifier.circuit.program import Program, Step


@dataclass
class Dag:
    """Steps with every distinct one written once; products with 1, sums with 0 and the like are folded, exactly."""

    inputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    index: dict[tuple[str, tuple[int, ...], str], int] = field(default_factory=dict)

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

    def leaf(self, gate: str, text: str) -> int:
        """The step of a constant or of the upstream gradient."""
        return self._add(gate, (), text)

    def is_number(self, at: int, text: str) -> bool:
        """Whether a step is this literal."""
        step = self.steps[at]
        return step.gate == "number" and step.text == text

    def is_zero(self, at: int) -> bool:
        """Whether a step is a literal of value 0."""
        step = self.steps[at]
        return step.gate == "number" and float(step.text) == 0

    def gate(self, name: str, *args: int) -> int:
        """The step of a gate, folded where the result is one of its operands or a number."""
        a, b = (*args, -1, -1)[:2]
        if name == "mul":
            if self.is_number(a, "0") or self.is_number(b, "0"):
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
        elif name == "sub" and a == b:
            return self.number("0")
        elif name == "neg":
            if self.is_number(a, "0"):
                return a
            if self.steps[a].gate == "neg":
                return self.steps[a].args[0]
        elif name == "copy":
            return a
        return self._add(name, args)

    def splice(self, program: Program, args: Sequence[int]) -> list[int]:
        """Write a program of primitives with its inputs replaced by steps; where each of its steps came to stand."""
        at: list[int] = []
        for step in program.steps:
            if step.gate == "input":
                at.append(args[len(at)])
            elif step.args:
                at.append(self.gate(step.gate, *(at[a] for a in step.args)))
            else:
                at.append(self._add(step.gate, (), step.text))
        return at
