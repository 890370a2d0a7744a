"""Implicit differentiation: an iteration whose derivative rule is that of what it converges to, not that of the rounds that it runs.

The function that such code computes is a finite iteration, and its own derivative is not quite that of the root or the fixed point. So where
the rule is not the derivative of the rounds that were run, both are held against each other after many more rounds over the reals: if they
agree there, the rule is right for the limit, and the computed gradient is held against the gradient of the iteration that went on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifier.callable.cases import case_of
from verifier.callable.computed import Calls
from verifier.callable.question import Question, split
from verifier.compare.check import checks_of
from verifier.compare.compare import compare
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import truth_of
from verifier.language.formats import Format
from verifier.language.verdict import Verdict
from verifier.report.catalogue import finding
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Iteration, Refusal, Trace
from verifier.trace.unrolled import Rounds, gone_on, iteration_of, rounds_in

TIMES = (1, 3, 15)  # as many rounds more: a fixed point to which each round brings a tenth, stopped at 1e-3, needs 6 times as many for float64
MOST_STEPS = 60_000  # of a trace that goes on
WRONG = "V101"
REFUTED = "V107"
UNDECIDED = "V103"
OF_THE_LIMIT = "the rule is that of what the iteration converges to"
ADVICE = "give function=, the formula as text, to hold it against that"


def in_the_limit(question: Question, trace: Trace, fmt: Format) -> tuple[Trace, str]:
    """The trace that is judged, and what is said of the iterations in it: that of the same code, or of more rounds where the rule is right for these alone."""
    if question.function is not None:
        return trace, ""
    unrolled = rounds_in(trace.program) if not trace.iterations else None
    if not trace.iterations and unrolled is None:
        return trace, ""
    iterations = trace.iterations if unrolled is None else (iteration_of(trace.program, unrolled),)
    rounds = max(i.rounds for i in iterations)
    what = _described(iterations)
    if not is_wrong_at(question, trace, fmt):
        return trace, "" if unrolled is not None else f"{what}, is compared as it is, with its {rounds} rounds, and at these points only; {ADVICE}"
    for times in TIMES[:1] if any(i.chooses for i in iterations) else TIMES:
        further = _further(question, trace, unrolled, fmt, times)
        if further is None:
            break
        if not is_wrong_at(question, further, fmt):
            said = f"{what}, stops after {rounds} rounds, and the derivative of these is not what the rule gives; after {rounds * times} more over the reals both agree: {OF_THE_LIMIT}, and the computed gradients are compared with that"
            return replace(further, readings=(), iterations=iterations), f"{said}; {ADVICE}"
    return trace, ""


def _described(iterations: Sequence[Iteration]) -> str:
    lines = ", ".join(dict.fromkeys(str(i.spot.line) for i in iterations if i.spot.line))
    return f"the iteration{f' in line {lines}' if lines else ''}, which is not differentiated itself as a derivative rule stands for it"


def _further(question: Question, trace: Trace, unrolled: Rounds | None, fmt: Format, times: int) -> Trace | None:
    """The trace in which iterations run so many times as many rounds more; None where there is none."""
    if len(trace.program.steps) * (1 + times) > MOST_STEPS:
        return None
    if unrolled is not None:
        return gone_on(trace, unrolled, times)
    try:
        return question.callee.go_on(*split(question.callee, trace.point), fmt, times) if question.callee.go_on is not None else None
    except Refusal:
        return None


def without_other_points(question: Question, report: CaseReport, trace: Trace, fmt: Format) -> CaseReport:
    """The report without what is wrong at other points than the given ones, where a rule stands for an iteration that a loop of Python writes out: a finite number of rounds is not its limit there either."""
    refuted = [f for f in report.findings if f.code == REFUTED]
    unrolled = rounds_in(trace.program) if refuted and question.function is None and not trace.iterations else None
    further = _further(question, trace, unrolled, fmt, TIMES[0]) if unrolled is not None else None
    if unrolled is None or further is None or is_wrong_at(question, further, fmt):
        return report
    said = f"{_described((iteration_of(trace.program, unrolled),))}, is compared as it is, with its {unrolled.count} rounds, and at these points only; {ADVICE}"
    return replace(report, findings=tuple(f for f in report.findings if f.code != REFUTED), proofs={}, proof_notes={}, notes=(*report.notes, said))


def with_limit(report: CaseReport, trace: Trace, said: str) -> CaseReport:
    """The report with what is said of iterations. Where one chooses between values, as bisection does, the derivative of its lines says nothing of what it converges to: then a rule that is not that is neither right nor wrong."""
    if said:
        return replace(report, notes=(*report.notes, said))
    chosen = [i for i in trace.iterations if i.chooses]
    if not chosen or not any(f.code == WRONG for f in report.findings):
        return report
    line = chosen[0].spot.line
    text = f"the iteration{f' in line {line}' if line else ''} chooses between values by a condition, as bisection does: the derivative of its lines need not be that of what it converges to, so the rule that stands for it could be shown neither right nor wrong; {ADVICE}"
    results = tuple(replace(r, verdict=Verdict.UNDECIDED, reason=text) if r.verdict is Verdict.WRONG else r for r in report.results)
    return replace(report, results=results, findings=tuple(_undecided(f, text) if f.code == WRONG else f for f in report.findings))


def is_of_a_limit(report: CaseReport) -> bool:
    """Whether gradients were compared with that of what an iteration converges to. One that stops is not quite linear in what flows in."""
    return any(OF_THE_LIMIT in note for note in report.notes)


def _undecided(found: Finding, text: str) -> Finding:
    own = finding(UNDECIDED, f"{found.implementation}.{found.gradient}: {text}", found.place, implementation=found.implementation)
    return replace(own, gradient=found.gradient, gradients=found.gradients, point=found.point, source_line=found.source_line, statement=found.statement, width=found.width)


def is_wrong_at(question: Question, trace: Trace, fmt: Format) -> bool:
    """Whether a gradient is wrong over the reals at the point of the trace."""
    case = case_of(question, trace, fmt)
    try:
        ((_, (own,)),) = checks_of(case, truth_of(case.programs.truth))
    except NotDifferentiable:
        return True
    calls = Calls(question.callee, trace.claims, trace.program.inputs, fmt, {trace.point: trace.computed})
    return any(d.verdict in (Verdict.WRONG, Verdict.UNDEFINED) for d in compare(replace(own, computed=calls), [trace.point], detail=False)[0])


__all__ = ["in_the_limit", "is_of_a_limit", "is_wrong_at", "with_limit", "without_other_points"]
