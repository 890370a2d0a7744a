"""Where the floats leave the reals: the step from which on a value is lost, however exactly the rest is computed.

A finding and a hunt name the same step. Where a gate runs as several steps, the one inside it is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb

from verifier.arithmetic import balls, floats, reals
from verifier.arithmetic.types import Ball
from verifier.blame.rounding import by_statement, ledger
from verifier.blame.rounding.ledger import Ledger
from verifier.circuit.expressions import definition
from verifier.circuit.program import Program, ancestors
from verifier.language.formats import Format, computing
from verifier.language.gates import GATES, SUMS, is_operator

BITS = 1024
MOST_BITS = 8192  # where something has no value with fewer
MOST_CHARACTERS = 24  # of an operand that is written into the formula of a gate
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*\s*=(?!=)\s*")  # `+=` adds to what is there: the statement is the step


@dataclass(frozen=True, slots=True)
class StepInWords:
    """A step as it is written, the gate in whose formula it stands (empty for a statement's own step), its float, and what is special about that."""

    text: str
    within: str
    value: float
    what: str  # empty where it merely rounds

    def __str__(self) -> str:
        return f"`{self.text}`{f' in `{self.within}`' if self.within else ''} {self.what}".rstrip()


def largest_inside(program: Program, step: int, computed: Sequence[float], fmt: Format) -> StepInWords:
    """A step in words; of a gate that runs as several steps, the one inside it with the largest effect on its value."""
    inner = _definition(program.steps[step].gate, fmt)
    operands = [computed[a] for a in program.steps[step].args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        values = _run(inner, operands, fmt)
        (found,) = ledger.ledgers(ledger.LedgerPlan(inner, [("", inner.output)]), [operands], fmt=computing(fmt), computed=[[v] for v in values])[0]
        at = found.step if not isinstance(found, Ledger) else by_statement.worst_entry(found.entries).step if found.entries else -1
        if at >= 0:
            return _lifted(largest_inside(inner, at, values, fmt), program, step)
    return StepInWords(_text(program, step), "", float(computed[step]), _what(program, step, computed))


@dataclass(frozen=True, slots=True)
class Origin:
    """The step from which on a value is lost, and the first step after it whose own float shows that; None where it is the same."""

    step: int
    lost: StepInWords
    shown: StepInWords | None = None

    def __str__(self) -> str:
        what = self.lost.what or (f"rounds to {self.lost.value!r}" if math.isfinite(self.lost.value) else "is not finite")
        first = str(replace(self.lost, what=what))
        return first if self.shown is None else f"{first}, and {self.shown}"


def origin(program: Program, output: int, point: Sequence[float], fmt: Format, *, upstream: float) -> Origin | None:
    """The step at which a value whose float is not finite, or is 0, was lost; None where the exact value is the same in this format.

    With the steps before it in floats and all others over the reals the value still is a number of the format (not 0, where
    its float is 0); with the step itself in floats it is not. Where the formula has no value over the reals, it is the first step without one.
    """
    computed = ledger.native(program, floats.at(program, point, fmt=fmt, upstream=upstream))
    is_lost = _loss(computed[output], fmt)
    if is_lost is None:
        return None
    mixed = _Mixed(program, output, computed, upstream)
    for bits in (BITS, MOST_BITS):
        with balls.precision(bits):
            real = reals.at(program, point, upstream=arb(upstream), needed=mixed.needed)
            unknown = next((i for i in mixed.needed if not reals.is_known(real[i])), None)
            if unknown is not None and bits < MOST_BITS:
                continue
            if not is_lost(mixed.value(0)):
                step = mixed.first(is_lost)
                return Origin(step, _inside(mixed, step, fmt, is_lost), _shown(mixed, step))
            break
    if unknown is None:
        return None
    return Origin(unknown, StepInWords(_text(program, unknown), "", computed[unknown], _what(program, unknown, computed)))


def _loss(computed: float, fmt: Format) -> Callable[[Ball], bool] | None:
    """A test of real values: is the computed float, which is not finite or is 0, the best that the format has for them? None where the float is an ordinary number."""
    if computed - computed != 0:
        return lambda value: not value.is_finite() or bool(abs(value) > fmt.largest)
    if computed == 0:
        smallest = arb(2) ** (fmt.emin - fmt.precision)  # half of the smallest subnormal
        return lambda value: not value.is_finite() or bool(abs(value) <= smallest)
    return None


class _Mixed:
    """A value of a program with its first steps in floats and the rest over the reals; a step without a real value is what the floats make of it: 1/inf is 0."""

    def __init__(self, program: Program, output: int, computed: Sequence[float], upstream: float) -> None:
        self.program, self.output, self.computed = program, output, computed
        self.upstream = arb(upstream)
        self.needed = sorted(ancestors(program, output))
        self.floats: dict[int, Any] = {i: computed[i] if isinstance(computed[i], bool) else arb(computed[i]) for i in self.needed}

    def values(self, first: int) -> dict[int, Ball]:
        """All needed steps, the first ones in floats."""
        point = self.computed[: len(self.program.inputs)]
        return reals.at(self.program, point, upstream=self.upstream, replaced={i: self.floats[i] for i in self.needed[:first]}, otherwise=self.floats, needed=self.needed)

    def value(self, first: int) -> Ball:
        """The output, with so many of the needed steps in floats."""
        return self.values(first)[self.output]

    def given(self, step: int, value: Ball) -> Ball:
        """The output, with the steps before one in floats, that one given, and the rest over the reals."""
        before = {i: self.floats[i] for i in self.needed if i < step}
        point = self.computed[: len(self.program.inputs)]
        return reals.at(self.program, point, upstream=self.upstream, replaced={**before, step: value}, otherwise=self.floats, needed=self.needed)[self.output]

    def first(self, is_lost: Callable[[Ball], bool]) -> int:
        """A step with which the output is lost and without which it is not, by bisection."""
        low, high = 0, len(self.needed)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_lost(self.value(middle)) else (middle, high)
        return self.needed[low]


def _inside(mixed: _Mixed, step: int, fmt: Format, is_lost: Callable[[Ball], bool]) -> StepInWords:
    """The step at which a value is lost, in words; of a gate that runs as several steps, the one inside it."""
    program, computed = mixed.program, mixed.computed
    inner, operands = _definition(program.steps[step].gate, fmt), [computed[a] for a in program.steps[step].args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        within = _Mixed(inner, inner.output, _run(inner, operands, fmt), 1.0)

        def is_lost_by(value: Ball) -> bool:
            return is_lost(mixed.given(step, value))

        if is_lost_by(within.floats[inner.output]) and not is_lost_by(within.value(0)):
            return _lifted(_inside(within, within.first(is_lost_by), computing(fmt), is_lost_by), program, step)
    what = f"is no number of {fmt.name}" if program.steps[step].gate == "number" else _what(program, step, computed)
    return StepInWords(_text(program, step), "", float(computed[step]), what)


def _shown(mixed: _Mixed, step: int) -> StepInWords | None:
    """The first step after one whose float is not finite, or 0, as the output is."""
    program, computed, real = mixed.program, mixed.computed, mixed.values(0)
    is_zero = computed[mixed.output] == 0

    def shows(i: int) -> bool:
        value = computed[i]
        return not isinstance(value, bool) and (value == 0 and real[i] != 0 if is_zero else value - value != 0)

    if shows(step):
        return None
    at = next(i for i in mixed.needed if i > step and (i == mixed.output or (shows(i) and step in ancestors(program, i))))
    return StepInWords(_text(program, at), "", computed[at], "is 0" if is_zero else _what(program, at, computed))


def _definition(gate: str, fmt: Format) -> Program | None:
    """What floats run for a gate that has no kernel in a format."""
    entry = GATES.get(gate)
    if entry is None or (entry.float64 if computing(fmt).name == "float64" else entry.arrays) is not None:
        return None
    return definition(gate)


def _run(program: Program, operands: Sequence[float], fmt: Format) -> tuple[float, ...]:
    return ledger.native(program, floats.at(program, operands, fmt=computing(fmt)))


def _lifted(found: StepInWords, program: Program, step: int) -> StepInWords:
    """A step of a gate's formula, with the gate's operands written in place of its parameters, where they are short."""
    s = program.steps[step]
    operands = dict(zip(GATES[s.gate].parameters, (_operand(program, a) for a in s.args), strict=True))

    def operand_for(match: re.Match[str]) -> str:
        operand = operands.get(match.group(), "")
        if not operand or len(operand) > MOST_CHARACTERS:
            return match.group()
        return operand if operand.isidentifier() or operand.replace(".", "").isdigit() else f"({operand})"

    def with_operands(text: str) -> str:
        return re.sub(r"\b[A-Za-z_]\w*\b", operand_for, text)

    return replace(found, text=with_operands(found.text), within=with_operands(found.within) or _text(program, step), what=with_operands(found.what))


def _text(program: Program, step: int) -> str:
    """The expression of a step, without the name that it is assigned to."""
    return ASSIGNMENT.sub("", by_statement.step_text(program, step))


def _operand(program: Program, step: int) -> str:
    """A step as it is read: its name, where it has one."""
    return program.steps[step].name or program.steps[step].text or _text(program, step)


def _what(program: Program, step: int, computed: Sequence[float]) -> str:
    """What is special about a float: not finite, 0, a term that is gone, a bound that is reached; empty where it merely rounds."""
    s, value = program.steps[step], computed[step]
    operands = [computed[a] for a in s.args]
    if isinstance(value, bool) or not operands or any(isinstance(v, bool) for v in operands):
        return ""
    if s.gate == "div" and operands[1] == 0 and math.isfinite(operands[0]):
        return "divides by zero"
    if math.isinf(value) and all(map(math.isfinite, operands)):
        with balls.precision(BITS):
            return "meets a pole" if reals.function(s.gate)(*map(arb, operands)).is_nan() else "overflows"
    if value - value != 0:
        return f"is {value!r}"
    with balls.precision(BITS):
        exact = reals.function(s.gate)(*map(arb, operands))
        if not exact.is_finite() or exact == value:
            return ""
        if value == 0 and exact != 0:
            return "underflows"
    if s.gate in SUMS and abs(value) in map(abs, operands):
        small = min(s.args, key=lambda a: abs(computed[a]))
        return f"absorbs `{_operand(program, small)}`"
    return f"rounds to {value!r}" if abs(value) == 1 and not is_operator(s.gate) else ""
