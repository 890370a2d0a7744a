"""The mark of a derivative that is written in a function (`diff`): a step of its own, which reads the formula of the derivative and the function."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.circuit.program import Step, ancestors_among
from verifier.language.gates import of_kind

DERIVATIVE = "derivative by "  # the text of the step where(0 == 0, formula, function) that a written derivative is; then comes the number of the input, or -1 for another step
KINKED = frozenset((*of_kind("comparison"), "max", "min", "abs", "sign", "floor", "ceil", "atan2", "ive"))  # primitives with borders of their own

ROOTS = frozenset(("sqrt", "cbrt"))


def is_derivative(step: Step) -> bool:
    """Whether a step is a written derivative of a function with borders."""
    return step.gate == "where" and step.text.startswith(DERIVATIVE)


def mark(variable: int, inputs: int) -> str:
    """The text of the step of a derivative with respect to an input; an input beyond `inputs` (another step) is written as -1."""
    return f"{DERIVATIVE}{variable if variable < inputs else -1}"


def has_borders(steps: Sequence[Step], function: int, variable: int) -> bool:
    """Whether a function has choices, steps or kinks that depend on a variable."""
    moves = depends(steps, function, variable)
    return any(steps[i].gate in KINKED for i in ancestors_among(steps, function) if moves[i])


def has_roots(steps: Sequence[Step], function: int, variable: int) -> bool:
    """Whether a function has a root or a power that depends on a variable: where its base is 0, the formula of its derivative may divide by 0 though there is a derivative."""
    moves = depends(steps, function, variable)
    return any(moves[i] and (steps[i].gate in ROOTS or (steps[i].gate == "pow" and not _is_whole(steps[steps[i].args[1]]))) for i in ancestors_among(steps, function))


def _is_whole(exponent: Step) -> bool:
    return exponent.gate == "number" and exponent.text.isdigit()


def depends(steps: Sequence[Step], last: int, variable: int) -> list[bool]:
    """For each step up to `last` whether it depends on a variable; for the variable -1, which is not known, every step may."""
    found: list[bool] = []
    for i in range(last + 1):
        found.append(i == variable or variable < 0 or any(found[a] for a in steps[i].args))
    return found


def variable_of(step: Step) -> int:
    """The index of the input with respect to which a written derivative is taken; -1 where it is none."""
    return int(step.text.removeprefix(DERIVATIVE))
