"""A callable whose lines are not known: its floats in several formats against the exact gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from verifier.callable.cases import inputs_of, stated, truth_of_function, without_bounds
from verifier.callable.computed import Calls
from verifier.callable.question import Question, split
from verifier.case.case import POINTS, Draft, Implementation, Programs
from verifier.circuit.program import Program
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.ladder import ladder
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS, Format, round_exact
from verifier.language.verdict import Verdict
from verifier.report import assemble
from verifier.report.catalogue import finding
from verifier.report.outcome import CaseReport
from verifier.trace.record import Refusal
from verifier.trace.recorder import components

LADDER = ("float16", "float32", "float64")  # in which a callable that is not traced is run
MOST_RAISED = 3  # points at which the callable raises that are named


def why(refusal: Refusal) -> str:
    """Why a callable is not traced: the operation, where it stands, what to do."""
    return f"not traced: {refusal}"


def sampled(question: Question, fmt: Format, forward: Program | None, here: Sequence[tuple[float, ...]], reason: str) -> CaseReport:
    """The report of a callable whose lines are not known, at points at which `forward` is what it computes: its floats in several formats against the exact gradient."""
    callee = question.callee
    inputs = inputs_of(callee)
    function = None
    if question.function is not None:
        function, truth_program = truth_of_function(question, inputs)
    elif forward is not None:
        truth_program = replace(forward, parameters=inputs.parameters)
    else:
        found = finding("V112", f"{callee.name} could not be checked: {reason}", callee.place, implementation=callee.name)
        return CaseReport(callee.name, callee.place.file, callee.place.line, "error", findings=(found,), basis="sampled", computed_by=callee.framework)
    ran = callee.run(*split(callee, here[0]), fmt)
    claims = tuple((c, f"d{c}") for v in ran.gradients for c in components(v, callee.inputs[v]))
    implementation = Implementation(callee.name, callee.place)
    case = stated(without_bounds(question, "the lines of the callable are not known"), truth_program, here[0], Programs(truth_program, (Draft(implementation, truth_program, None, claims),)), (implementation,), function, fmt, scope=POINTS)
    truth = truth_of(truth_program)
    ((_, (own,)),) = checks_of(case, truth)
    calls = Calls(callee, claims, inputs.inputs, fmt)
    check = replace(own, computed=calls)
    rows = _inferred(question, own, compare(check, here), fmt)
    report = assemble.report(case, truth, [Checked(check, list(here), rows)], strict=question.strict, cache=question.cache)
    findings = tuple(replace(f, statement="", place=callee.place, source_line="", width=0) if f.code != "V105" else f for f in report.findings)  # the lines of the truth's own backward pass are nobody's
    return replace(report, basis="sampled", findings=findings, proofs={}, proof_notes={}, notes=(*report.notes, reason, *calls.notes[:MOST_RAISED]))


def _inferred(question: Question, own: Check, rows: list[list[Discrepancy]], fmt: Format) -> list[list[Discrepancy]]:
    """The discrepancies, those that the ladder of formats shows to be of a wrong formula as `wrong`: inferred, not certified."""
    result = []
    for row in rows:
        doubtful = [d for d in row if d.verdict in (Verdict.UNSTABLE, Verdict.ILL_CONDITIONED, Verdict.VANISHED)]
        errors: dict[str, dict[str, float]] = {d.name: {fmt.name: _relative(d)} for d in doubtful}
        for name in LADDER if doubtful else ():
            other = FORMATS[name]
            if name == fmt.name:
                continue
            point = tuple(round_exact(other, Fraction(x)) for x in row[0].point)
            if not all(map(math.isfinite, point)):
                continue
            again = compare(replace(own, format=other, computed=Calls(question.callee, own.subject.claims, own.subject.program.inputs, other)), [point], detail=False)[0]
            for d in again:
                if d.name in errors:
                    errors[d.name][name] = _relative(d)
        result.append([_as_wrong(d, errors[d.name]) if d.name in errors else d for d in row])
    return result


def _as_wrong(d: Discrepancy, errors: Mapping[str, float]) -> Discrepancy:
    found = ladder(errors)
    if not found.is_wrong:
        return d
    reason = f"inferred, not certified: its relative error does not shrink in wider formats as that of rounding does ({found.text})"
    return replace(d, verdict=Verdict.WRONG, reason=reason)


def _relative(d: Discrepancy) -> float:
    if d.rounded in (None, 0.0) or not math.isfinite(d.computed):
        return math.nan
    return abs(float(d.residual.mid()) / float(d.rounded or 1.0)) if d.residual is not None else 0.0
