"""Explains a wrong forward pass: the point where it is not the function, the edit that repairs it, and the wrong gradients that it explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from verifier.arithmetic import balls, reals, rounding
from verifier.blame.formula import diagnose, locate
from verifier.blame.formula.adjoint_values import BITS, Reference, agrees, reference_values
from verifier.blame.formula.attempt import Attempt, at_once
from verifier.blame.formula.diagnose import Diagnosis
from verifier.blame.formula.trial_points import MAX_POINTS, neighbours
from verifier.blame.formula.values_shown import digits
from verifier.case.case import Draft
from verifier.circuit.program import Program
from verifier.compare import judge
from verifier.exact import derivatives
from verifier.language.formats import Format


@dataclass(frozen=True)
class ForwardError:
    """A forward pass that is not the function: a point, the two values, their distance in ulps, and a diagnosis where there is one."""

    point: tuple[float, ...]
    computed: str
    exact: str
    ulps: str
    diagnosis: Diagnosis | None


def forward_error(function: Program, forward: Program, points: Sequence[tuple[float, ...]], *, fmt: Format, attempt: Attempt = at_once) -> ForwardError | None:
    """The first point at which a forward pass, run over the reals, is off the function by more than one ulp; None if there is none."""
    exact_function, exact_forward = derivatives.primitive(function), derivatives.primitive(forward)
    for bits in (judge.FIRST_BITS, 1024, 4096):
        with balls.precision(bits):
            columns = [[arb(p[i]) for p in points] for i in range(len(function.inputs))]
            exact = balls.run(exact_function, columns, strict=False, rounded_in=fmt)[exact_function.output]
            found = balls.run(exact_forward, columns, strict=False, rounded_in=fmt)[exact_forward.output]
            for at, (f, r) in enumerate(zip(exact, found, strict=True)):
                if not f.is_finite() or not r.is_finite():
                    continue
                unit = rounding.ulp(fmt, f)[1]
                if abs(r - f) > unit:
                    off = rounding.significant(abs(r - f) / unit, 6)
                    found_edit = attempt("the diagnosis of the forward pass", lambda at=at: _forward_diagnosis(exact_function, forward, points[at], fmt), None)
                    return ForwardError(points[at], digits(r), digits(f), off, found_edit)
    return None


def right_for_its_forward(draft: Draft, function: Program, error: ForwardError, names: Sequence[str], points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> list[str]:
    """The wrong gradients that only a wrong forward pass is to blame for: they are those of that forward pass, or come right with it."""
    program = draft.whole
    if program is None:
        return []
    own = reference_values(program, points[:MAX_POINTS], upstream=upstream)
    edited = [error.point, *neighbours([error.point])]
    truth = reference_values(function, edited, upstream=upstream)
    found = []
    with balls.precision(max(own.bits, truth.bits)):
        actual = locate.run_over_reals(program, own, {}, fmt)
        change = error.diagnosis
        mended = None
        if change is not None and len(change.column) == len(edited) == truth.count:
            mended = reals.run(program, [[arb(p[i]) for p in edited] for i in range(len(program.inputs))], upstream=arb(upstream), rounded_in=fmt, replaced={change.step: change.column})
        for variable, name in draft.claims:
            position, step = program.inputs.index(variable), program.names[name]
            is_own = own.count > 0 and agrees(actual[step], own.adjoints[position], fmt)
            if name in names and (is_own or (mended is not None and agrees(mended[step], truth.adjoints[position], fmt))):
                found.append(name)
    return found


def _forward_diagnosis(function: Program, forward: Program, point: tuple[float, ...], fmt: Format) -> Diagnosis | None:
    """The single edit of the forward pass's last line that turns it into the function."""
    points = [point, *neighbours([point])]
    with balls.precision(BITS):
        columns = [[arb(p[i]) for p in points] for i in range(len(forward.inputs))]
        needed = balls.run(function, columns, strict=False)[function.output]
        good = [at for at, v in enumerate(needed) if v.is_finite()]
        start = len(forward.inputs)
        whole = Program(forward.steps, forward.inputs, forward.names, forward.output, forward.lines, forward.output_name, start)
        finite = tuple(points[at] for at in good)
        inputs = tuple([c[at] for at in good] for c in columns)
        reference = Reference(whole, finite, inputs, (), (), [arb(1)] * len(finite), len(finite), BITS)
        values = locate.run_over_reals(whole, reference, {}, fmt)
        isolated = locate.IsolatedRun(reference, values, values, {}, (), ())
        line = next((s.line for s in (forward.steps[forward.output],)), -1)
        mistake = locate.Mistake(forward.output_name, line, "wrong", forward.output, [needed[at] for at in good], values[forward.output])
        return diagnose.diagnose(whole, isolated, mistake, fmt=fmt)
