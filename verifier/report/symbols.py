"""What stands in the circle of a gate, as in the course notes: +, *, 1/x, exp, *-1, +1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from verifier.circuit.program import Program
from verifier.language.gates import GATES
from verifier.language.numeral import exact

SHORT = {"maximum": "max", "minimum": "min"}
LONGEST = 7  # characters of a number within a symbol
_CALL = re.compile(r"([A-Za-z_]\w*)\s*$")


def symbol(program: Program, index: int, values: Sequence[Any]) -> str:
    """The symbol of one step; a number that it reads stands in it. `values` are the floats of all steps."""
    step = program.steps[index]
    gate = GATES.get(step.gate)
    constants = [constant(program, a, values) for a in step.args]
    if gate is None:
        return step.gate
    if step.gate == "neg":
        return "*-1"
    if gate.symbol and len(step.args) == 2:
        a, b = constants
        mark = "^" if step.gate == "pow" else gate.symbol
        if a is None and b is None:
            return mark
        if b is not None:
            return f"{mark}{b}"
        return f"{mark}{a}" if gate.commutes else f"{a}{mark}x"
    name = SHORT.get(step.gate, step.gate)
    if any(c is not None for c in constants) and len(step.args) == 2:
        return f"{name} {next(c for c in constants if c is not None)}"
    return gate.symbol or name


def constant(program: Program, index: int, values: Sequence[Any]) -> str | None:
    """The number that a step is, short; None where it is none that is written there."""
    step = program.steps[index]
    while step.gate == "copy":
        step = program.steps[step.args[0]]
    if step.gate == "neg" and (inner := constant(program, step.args[0], values)) is not None:
        return inner[1:] if inner.startswith("-") else f"-{inner}"
    if step.gate == "constant":
        return step.text
    if step.gate != "number":
        return None if step.args == () or not _is_constant(program, index) else f"{float(values[index]):.4g}"
    if len(step.text) <= LONGEST:
        text = step.text.rstrip("0").rstrip(".") if "." in step.text and "e" not in step.text.lower() else step.text
        return text or "0"
    return f"{float(exact(step.text)):.4g}"


def _is_constant(program: Program, index: int) -> bool:
    pending = [index]
    while pending:
        step = program.steps[pending.pop()]
        if step.gate in ("input", "upstream"):
            return False
        pending += step.args
    return True


def operation(program: Program, steps: Sequence[int], text: str, values: Sequence[Any]) -> str:
    """The symbol of an operation on arrays: that of its steps where they are alike, else the function that is called."""
    found = {symbol(program, i, values) for i in steps}
    if len(found) == 1:
        return found.pop()
    if (name := called(text)) is not None:
        return name
    gates = {program.steps[i].gate for i in steps}
    if gates == {"mul", "add"}:
        return "@" if "@" in text else "sum *"
    if len(gates) == 1:
        only = next(iter(gates))
        return GATES[only].symbol or only if only in GATES else only
    return "f"


def called(text: str) -> str | None:
    """The function whose call an expression is; None where it is no call.

    >>> called("np.sum(np.exp(x), axis=1)"), called("x.T.dot(w)"), called("f(x) + g(x)")
    ('sum', 'dot', None)
    """
    if not text.endswith(")"):
        return None
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(text[i], 0)
        if depth == 0:
            match = _CALL.search(text[:i])
            if match is None or not re.fullmatch(r"[\w.\[\]() ,:=*'\-]*", text[: match.start()]) or _is_open(text[: match.start()]):
                return None
            return match.group(1)
    return None


def _is_open(text: str) -> bool:
    """Whether a text before a call is more than what the call is an attribute of: an operator at depth 0."""
    depth = 0
    for c in text:
        depth += {")": -1, "]": -1, "(": 1, "[": 1}.get(c, 0)
        if depth == 0 and c in "+-*/ @":
            return True
    return False
