"""The step that spoils a value: where floats overflow, underflow, saturate or absorb a term, down into gates that run as several."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb

from verifier import account, ledger, symbolic
from verifier.arithmetic import balls, floats
from verifier.build import definition
from verifier.formats import Format, computing
from verifier.gates import GATES
from verifier.ledger import Ledger
from verifier.program import Program, ancestors

BITS = 1024
MOST_CHARACTERS = 24  # of an operand that is written into the formula of a gate
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*\s*=(?!=)\s*")  # `+=` adds to what is there: the statement is the step


@dataclass(frozen=True, slots=True)
class Culprit:
    """A step as it is written, the gate whose formula it stands in (empty: a statement's own step), and what its float is."""

    text: str
    within: str
    value: float
    what: str  # empty where it merely rounds

    def __str__(self) -> str:
        return f"`{self.text}`{f' in `{self.within}`' if self.within else ''} {self.what}".rstrip()


def culprit(program: Program, step: int, computed: Sequence[Any], fmt: Format) -> Culprit:
    """A step that did harm; inside a gate that runs as several steps, the one of them with the largest effect on its value."""
    inner = _definition(program.steps[step].gate, fmt)
    operands = [computed[a] for a in program.steps[step].args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        values = _run(inner, operands, fmt)
        (found,) = ledger.ledgers(ledger.Plan(inner, [("", inner.output)]), [operands], fmt=computing(fmt), computed=[[v] for v in values])[0]
        at = found.step if not isinstance(found, Ledger) else account.worst_entry(found.entries).step if found.entries else -1
        if at >= 0:
            return _lifted(culprit(inner, at, values, fmt), program, step)
    return Culprit(_text(program, step), "", float(computed[step]), _what(program, step, computed))


def first_failure(program: Program, output: int, point: Sequence[float], fmt: Format, *, upstream: float = 1.0) -> Culprit | None:
    """`failing_step`, in words; where it is a gate that runs as several steps, the first of them that fails."""
    found = failing_step(program, output, point, fmt, upstream=upstream)
    if found is None:
        return None
    i, computed = found
    step = program.steps[i]
    inner, operands = _definition(step.gate, fmt), [computed[a] for a in step.args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        deeper = first_failure(inner, inner.output, operands, computing(fmt))
        if deeper is not None:
            return _lifted(deeper, program, i)
    return Culprit(_text(program, i), "", computed[i], f"is {computed[i]!r}")


def failing_step(program: Program, output: int, point: Sequence[float], fmt: Format, *, upstream: float = 1.0) -> tuple[int, Sequence[Any]] | None:
    """The first step on the way to a value whose float is not finite, or is 0, where the real value is a nonzero number; and the floats of all steps."""
    primitive, places = symbolic.primitive_with_places(program)
    computed = ledger.native(program, [column[0] for column in floats.run(program, [[x] for x in point], fmt, upstream=upstream)])
    real = balls.run(primitive, [[arb(x)] for x in point], bits=BITS, strict=False, upstream=arb(upstream))
    needed = ancestors(program, output)
    for i, step in enumerate(program.steps):
        if i not in needed or not step.args:
            continue
        value, exact = computed[i], real[places[i]][0]
        if isinstance(exact, arb) and exact.is_finite() and exact != 0 and (value == 0 or value - value != 0):
            return i, computed
    return None


def _definition(gate: str, fmt: Format) -> Program | None:
    """What floats run for a gate that has no kernel in a format."""
    entry = GATES.get(gate)
    if entry is None or (entry.float64 if computing(fmt).name == "float64" else entry.arrays) is not None:
        return None
    return definition(gate)


def _run(program: Program, operands: Sequence[float], fmt: Format) -> tuple[Any, ...]:
    return ledger.native(program, [column[0] for column in floats.run(program, [[v] for v in operands], computing(fmt))])


def _lifted(found: Culprit, program: Program, step: int) -> Culprit:
    """A step of a gate's formula, with the gate's operands written in place of its parameters, where they are short."""
    s = program.steps[step]
    operands = dict(zip(GATES[s.gate].parameters, (_operand(program, a) for a in s.args), strict=True))

    def put(match: re.Match[str]) -> str:
        operand = operands.get(match.group(), "")
        if not operand or len(operand) > MOST_CHARACTERS:
            return match.group()
        return operand if operand.isidentifier() or operand.replace(".", "").isdigit() else f"({operand})"

    def written(text: str) -> str:
        return re.sub(r"\b[A-Za-z_]\w*\b", put, text)

    return replace(found, text=written(found.text), within=written(found.within) or _text(program, step), what=written(found.what))


def _text(program: Program, step: int) -> str:
    """The expression of a step, without the name that it is assigned to."""
    return ASSIGNMENT.sub("", account.step_text(program, step))


def _operand(program: Program, step: int) -> str:
    """A step as it is read: its name, where it has one."""
    return program.steps[step].name or program.steps[step].text or _text(program, step)


def _what(program: Program, step: int, computed: Sequence[Any]) -> str:
    """What is special about a float: not finite, 0, a term that is gone, a bound that is reached; empty where it merely rounds."""
    s, value = program.steps[step], computed[step]
    operands = [computed[a] for a in s.args]
    if isinstance(value, bool) or not operands or any(isinstance(v, bool) for v in operands):
        return ""
    if math.isinf(value) and all(map(math.isfinite, operands)):
        return "divides by zero" if s.gate == "div" and operands[1] == 0 else "overflows"
    if value - value != 0:
        return f"is {value!r}"
    with balls.precision(BITS):
        exact = ledger.real_function(s.gate)(*map(arb, operands))
        if not exact.is_finite() or exact == value:
            return ""
        if value == 0 and exact != 0:
            return "underflows"
    if s.gate in ("add", "sub") and abs(value) in map(abs, operands):
        small = min(s.args, key=lambda a: abs(computed[a]))
        return f"absorbs `{_operand(program, small)}`"
    return f"rounds to {value!r}" if abs(value) == 1 and s.gate not in account.BINDING else ""
