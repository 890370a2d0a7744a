"""Explains a gradient that is wrong at one point and right beside it: at a kink, on a boundary between branches, at a singularity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball, Balls, RealValue
from verifier.blame.formula.adjoint_values import BITS, agrees
from verifier.blame.formula.diagnose import Diagnosis
from verifier.blame.formula.trial_points import neighbours
from verifier.case.case import Draft
from verifier.circuit.program import Program
from verifier.exact import derivatives, one_sided
from verifier.language.formats import Format
from verifier.language.gates import GATES, is_operator

LARGEST_WHOLE_NUMBER = 10**6  # smaller whole numbers are shown with all their digits


@dataclass(frozen=True)
class PointMistake:
    """The statement that gives a gradient its wrong value at one point, with a diagnosis where there is one."""

    line: int
    diagnosis: Diagnosis | None
    is_right_beside: bool = False  # certified at points near this one


def point_mistake(draft: Draft, name: str, point: tuple[float, ...], *, fmt: Format, upstream: float) -> PointMistake | None:
    """What makes a gradient wrong at one point: the first step without a real value; else a `where` that takes the wrong branch; else the gradient's own statement."""
    program = draft.whole
    if program is None or any(s.gate == "diff" for s in program.steps):
        return None
    with balls.precision(BITS):
        whole, places = derivatives.primitive_with_places(program)
        values = balls.at(whole, point, places, strict=False, upstream=upstream)
        live = _live(program, values, program.names[name])
        lost = next((i for i in live if i >= program.backward_start and not _is_real(values[i])), None)
        if lost is not None:
            return _point_mistake(program, lost, f"{_text(program, lost)} has no real value here: {_why(program, values, lost)}")
        position = program.inputs.index(next(variable for variable, n in draft.claims if n == name))
        exact = one_sided.derivative(derivatives.primitive(draft.forward), [Fraction(x) for x in point], position, bits=BITS)
        if not isinstance(exact, one_sided.Finite):
            return PointMistake(program.steps[program.names[name]].line, None)
        for i in live:
            if i >= program.backward_start and program.steps[i].gate == "where":
                other = values[program.steps[i].args[2 if values[program.steps[i].args[0]] else 1]]
                if _is_real(other) and agrees([_changed(program, values, live, i, other)], [exact.ball * arb(upstream)], fmt):
                    return _point_mistake(program, i, f"the wrong branch is taken here: the other one of {_text(program, i)} is right")
        beside = _is_right(draft, whole, places[program.names[name]], position, neighbours([point]), fmt=fmt, upstream=upstream)
    return PointMistake(program.steps[program.names[name]].line, None, beside)


def _is_right(draft: Draft, whole: Program, output: int, position: int, points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> bool:
    """Whether a gradient certainly is the exact one at all of some points."""
    for point in points:
        exact = one_sided.derivative(derivatives.primitive(draft.forward), [Fraction(x) for x in point], position, bits=BITS)
        value = balls.run(whole, [[arb(x)] for x in point], bits=BITS, strict=False, upstream=arb(upstream))[output][0]
        if not isinstance(exact, one_sided.Finite) or not _is_real(value) or not agrees([value], [exact.ball * arb(upstream)], fmt):
            return False
    return True


def _is_real(value: RealValue) -> bool:
    return isinstance(value, bool) or (isinstance(value, arb) and bool(value.is_finite()))


def _live(program: Program, values: Sequence[Ball], output: int) -> list[int]:
    """The steps that a value is computed from, in order; of a `where` only the branch that it takes."""
    found: set[int] = set()
    pending = [output]
    while pending:
        i = pending.pop()
        if i in found:
            continue
        found.add(i)
        args = program.steps[i].args
        if program.steps[i].gate == "where" and isinstance(values[args[0]], bool):
            args = (args[0], args[1] if values[args[0]] else args[2])
        pending.extend(args)
    return sorted(found)


def _changed(program: Program, values: Sequence[Ball], live: Sequence[int], at: int, value: Ball) -> Ball:
    """The value of the last live step, which is computed from all others, after the step `at` is given another value."""
    changed: dict[int, Balls] = {at: [value]}
    for i in live:
        step = program.steps[i]
        if i > at and any(a in changed for a in step.args):
            changed[i] = reals.value_of(program, step, [changed.get(a, [values[a]]) for a in step.args])
    return changed[live[-1]][0]


def _why(program: Program, values: Sequence[Ball], at: int) -> str:
    """A gate with the values of its operands, such as `0/0` or `log(-1)`."""
    step = program.steps[at]
    args = [_short(values[a]) for a in step.args]
    return GATES[step.gate].symbol.join(args) if is_operator(step.gate) and len(args) == 2 else f"{step.gate}({', '.join(args)})"


def _short(value: RealValue) -> str:
    if isinstance(value, bool) or not isinstance(value, arb):
        return str(value)
    whole = balls.integer(value)
    return str(whole) if whole is not None and abs(whole) < LARGEST_WHOLE_NUMBER else str(value.str(6, radius=False))


def _text(program: Program, at: int) -> str:
    step = program.steps[at]
    line = program.lines[step.line]
    if line.source is None:
        return f"`{line.text}`"
    text = line.source.text[step.start : step.end] if step.end > step.start else line.text
    return f"`{text.partition('=')[2].strip() if step.start == line.start and step.end == line.end else text}`"


def _point_mistake(program: Program, at: int, words: str) -> PointMistake:
    step = program.steps[at]
    return PointMistake(step.line, Diagnosis(words, step.line, step.start, step.end))
