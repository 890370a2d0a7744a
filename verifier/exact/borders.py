"""The value of a derivative that a formula contains (`diff`), on a border of its function: where a `where` turns, a step jumps or a kink stands.

The formula of the derivative is that of one piece, and says nothing on the border. There the derivative is the slope of the function
beside the border, if the function is continuous and the slopes of both sides agree; else there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from flint import fmpq

from verifier.circuit.program import Program, Step, ancestors
from verifier.exact.coefficients import Coefficient, Moving, combine
from verifier.exact.marks import KINKED, depends, is_derivative, variable_of
from verifier.exact.series import INFINITE, ZERO_KEY, Endless, Series, Short, Undecided, Undefined, add, number, sign, sign_of, sub

LIMITS = (2, 4, 7)  # orders of t tried one after the other
SeriesRun = Callable[[Program, list[Series], int], list[Any]]


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


def on_border(program: Program, index: int, inputs: Sequence[Series], values: Sequence[Any], run: SeriesRun, gate: Callable[[int], Any]) -> Series | Undefined:
    """A written derivative on a border of its function, by its definition: the slope of the function beside it. Raises Undecided where it is not known.

    Along a ray x + t d on the border it is the slope in s of the function at x + t d ± s e: an expansion in s whose coefficients move with t (`gate`).
    """
    step = program.steps[index]
    function, variable = step.args[2], variable_of(step)
    if isinstance(values[function], Undefined):
        return values[function]  # type: ignore[no-any-return]
    read = ancestors(program, function)
    inputs = [x if i in read else Series({}) for i, x in enumerate(inputs)]
    if variable < 0 or not all(x.order == INFINITE and set(x.terms) <= {ZERO_KEY, (Fraction(1), 0)} for x in inputs):
        raise Undecided("the derivative of a choice along its border")
    part = Program(program.steps[: function + 1], program.inputs, {}, function)
    slopes = []
    for direction in (1, -1):
        side = _slope(part, inputs, variable, direction, run, gate)
        if side is None:
            continue  # the function ends here
        if isinstance(side, Undefined):
            return Undefined(side.reason, index)
        slopes.append(side)
    if not slopes:
        return Undefined("the function has no value beside this point", index)
    if any(sign_of(s - slopes[0]) for s in slopes[1:]):
        return Undefined("a kink: the function has no derivative here", index)
    return slopes[0].value if isinstance(slopes[0], Moving) else number(slopes[0])


def _slope(part: Program, inputs: Sequence[Series], variable: int, direction: int, run: SeriesRun, gate: Callable[[int], Any]) -> Coefficient | Undefined | None:
    """The slope of a function at x, from one side; None where the function has no value beside x."""
    for limit in LIMITS:
        start = [_start(x, gate(limit)) for x in inputs]
        moved = list(start)
        moved[variable] = add(moved[variable], Series({(Fraction(1), 0): fmpq(direction)}))
        try:
            if (slope := _slope_of_power(part, moved, limit, run)) is not None:
                return slope
            here, value = run(part, start, limit)[part.output], run(part, moved, limit)[part.output]
            if isinstance(value, Undefined):
                return None
            if not isinstance(value, Series) or not isinstance(here, Series):
                raise Undecided("the derivative of a choice beside its border")
            if value.order <= 0:
                continue
            below = {k: c for k, c in value.terms.items() if k != ZERO_KEY and (k[0], -k[1]) < (1, 0)}
            if sign_of(value.constant - here.constant) or any(sign_of(c) for k, c in below.items() if (k[0], -k[1]) < (0, 0)):
                return Undefined("a jump: the function is not continuous here")
            if any(sign_of(c) for c in below.values()):
                return Undefined("an infinite slope")
        except Short:
            continue
        if value.order > 1:
            return value.terms.get((Fraction(1), 0), fmpq(0)) * direction
    raise Undecided("the derivative of a choice beside its border")


def _slope_of_power(part: Program, moved: list[Series], limit: int, run: SeriesRun) -> Coefficient | Undefined | None:
    """The slope of b**c where b leaves 0 and c > 0 moves with t only: a power of s that no expansion has; None where it is none."""
    step = part.steps[part.output]
    if step.gate != "pow":
        return None
    base, exponent = (run(replace(part, output=a), moved, limit)[a] for a in step.args)
    if not isinstance(base, Series) or not isinstance(exponent, Series) or not exponent.is_constant or not isinstance(exponent.constant, Moving):
        return None
    if set(base.terms) != {(Fraction(1), 0)} or sign(base) <= 0 or sign_of(exponent.constant) <= 0:
        return None
    above = sign_of(combine("sub", exponent.constant, 1))
    return Undefined("an infinite slope") if above < 0 else fmpq(0) if above > 0 else None


def _start(x: Series, gate: Any) -> Series:
    """A number of an expansion in s; one that moves with t where it does on the ray."""
    return x if x.is_constant else Series({ZERO_KEY: Moving(x, "ray", (x.constant, x.terms[Fraction(1), 0]), gate)})


def jumps_accumulate(steps: Sequence[Step], index: int, along: Callable[[int], Any]) -> bool:
    """Whether a step certainly jumps infinitely often as t → 0: the point is then no isolated singularity that a limit could remove (fmod(1, y) at y = 0).

    `along` gives the expansion of a step in t, or None. False says nothing.
    """
    step = steps[index]
    if step.gate in ("floor", "ceil"):
        inside = along(step.args[0])
        return isinstance(inside, Series) and any((k[0], -k[1]) < (0, 0) and sign_of(c) for k, c in inside.terms.items())
    if step.gate == "where":
        condition = along(step.args[0])
        return isinstance(condition, bool) and jumps_accumulate(steps, step.args[1 if condition else 2], along)
    if step.gate in ("copy", "neg"):
        return jumps_accumulate(steps, step.args[0], along)
    if step.gate not in ("add", "sub", "mul", "div"):
        return False
    a, b = step.args
    smooth = along(b)
    if not isinstance(smooth, Series):
        a, b, smooth = b, a, along(a)
    if not isinstance(smooth, Series) or (step.gate in ("mul", "div") and not any(map(sign_of, smooth.terms.values()))):
        return False
    return jumps_accumulate(steps, a, along)
