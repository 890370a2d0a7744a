"""Where a written derivative is the formula of one piece only: on the borders of choices and steps, at kinks.

There the derivative is the limit of the derivatives beside it, if the function is continuous (the mean value theorem), and
else there is none. A branch that holds at a single point has a derivative of its own, which says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq

from verifier.circuit.program import Program, Step, ancestors
from verifier.exact.marks import KINKED, depends, is_derivative, variable_of
from verifier.exact.series import ZERO_KEY, Endless, Series, Short, Undecided, Undefined, add, number, sign, sign_of, sub

LIMITS = (2, 4, 7)  # orders of t tried one after the other
Run = Callable[[Program, list[Series], int], list[Any]]


def is_on_border(steps: Sequence[Step], index: int, values: Sequence[Any], difference: Callable[[Any, Any], int], floor: Callable[[Series], Series]) -> bool:
    """Whether the function of a written derivative is on a border all along a ray. Raises Undecided where that is not known."""
    function, variable = steps[index].args[2], variable_of(steps[index])
    moves = depends(steps, function, variable)
    seen, pending = {function}, [function]
    while pending:
        at = pending.pop()
        step, reads = steps[at], list(steps[at].args)
        if not moves[at]:
            continue
        if step.gate in KINKED:
            operands = [values[a] for a in reads]
            if not all(isinstance(v, Series | Endless) for v in operands):
                raise Undecided("a border")
            if _ties(step, operands, difference, floor):
                return True
        if step.gate == "where" and not is_derivative(step):
            if not isinstance(values[reads[0]], bool):
                raise Undecided("a border")
            reads = [reads[0], reads[1 if values[reads[0]] else 2]]
        elif step.gate in ("max", "min"):
            reads = [a for a in reads if values[a] is values[at]]
        pending += [a for a in reads if a not in seen]
        seen.update(reads)
    return False


def _ties(step: Step, operands: list[Any], difference: Callable[[Any, Any], int], floor: Callable[[Series], Series]) -> bool:
    a, b = (*operands, None)[:2]
    if step.gate in ("floor", "ceil"):
        return sign(sub(a, floor(a))) == 0
    if step.gate in ("abs", "sign"):
        return difference(a, number(fmpq(0))) == 0
    if step.gate == "ive":
        return sign(b) == 0
    if step.gate == "atan2":
        return sign(a) == 0 and sign(b) <= 0
    return step.args[0] != step.args[1] and difference(a, b) == 0


def on_border(program: Program, index: int, inputs: Sequence[Series], values: Sequence[Any], run: Run) -> Series | Undefined:
    """A written derivative at a point on a border of its function: the limit of the derivatives beside it. Raises Undecided where it is not known."""
    step = program.steps[index]
    function, variable = step.args[2], variable_of(step)
    here = values[function]
    if isinstance(here, Undefined):
        return here
    read = ancestors(program, function)
    inputs = [x if i in read else Series({}) for i, x in enumerate(inputs)]
    if not isinstance(here, Series) or variable < 0 or not all(x.is_constant for x in inputs):
        raise Undecided("the derivative of a choice along its border")
    part = Program(program.steps[: index + 1], program.inputs, {}, index)
    slopes = []
    for direction in (1, -1):
        side = _beside(part, function, inputs, variable, direction, run)
        if isinstance(side, Undefined):
            continue  # the function ends here
        value, slope = side
        if sign_of(value.constant - here.constant) or _grows(value):
            return Undefined("a jump: the function is not continuous here", index)
        if _grows(slope):
            return Undefined("an infinite slope", index)
        slopes.append(slope.constant)
    if not slopes:
        raise Undecided("the derivative of a choice with no function beside it")
    if any(sign_of(s - slopes[0]) for s in slopes[1:]):
        return Undefined("a kink: the function has no derivative here", index)
    return number(slopes[0])


def _beside(part: Program, function: int, inputs: Sequence[Series], variable: int, direction: int, run: Run) -> tuple[Series, Series] | Undefined:
    """The function and its written derivative at x ± t, as t → 0+."""
    moved = list(inputs)
    moved[variable] = add(moved[variable], Series({(Fraction(1), 0): fmpq(direction)}))
    for limit in LIMITS:
        try:
            found = run(part, moved, limit)
        except Short:
            continue
        value, slope = found[function], found[part.output]
        if isinstance(value, Undefined):
            return value
        if not isinstance(value, Series) or not isinstance(slope, Series):
            raise Undecided("the derivative of a choice beside its border")
        if value.order > 0 and slope.order > 0:
            return value, slope
    raise Undecided("the derivative of a choice beside its border")


def _grows(side: Series) -> bool:
    """Whether an expansion has no finite limit."""
    return any((k[0] < 0 or (k[0] == 0 and k[1] > 0)) and sign_of(c) for k, c in side.terms.items() if k != ZERO_KEY)
