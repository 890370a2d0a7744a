"""The report of a callable: every format, and every path that the points take through its code."""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from verifier.arithmetic import floats
from verifier.blame.formula.explain import UNEXPLAINED
from verifier.callable.better import with_better_lines
from verifier.callable.cases import bare, case_of, drawn, refuse_scope
from verifier.callable.claimed_where import with_advice
from verifier.callable.computed import Calls, are_numbers
from verifier.callable.implicit import in_the_limit, is_of_a_limit, with_limit, without_other_points
from verifier.callable.kernel_errors import believed_forward, doubt, is_believed, kernel_notes, with_kernels
from verifier.callable.linear import not_linear, with_silence
from verifier.callable.nan_trap import with_nan_traps
from verifier.callable.one_finding import line_at
from verifier.callable.question import Question, points_of, split
from verifier.callable.repaired import with_exchange, with_repair
from verifier.callable.sampled import sampled, why
from verifier.callable.straight_through import with_stops
from verifier.callable.taken import not_frozen
from verifier.callable.zeros import with_zeros
from verifier.case import points
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.meant import meant_in
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sweep import Sums, Swept, swept
from verifier.compare.sweep.tally import PointRows, tally
from verifier.compare.trust import disagreements
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import remembered_subject, remembered_truth
from verifier.language.formats import Format
from verifier.language.source import CaseError, Place
from verifier.report import assemble
from verifier.report.catalogue import finding
from verifier.report.outcome import CaseReport, Finding, joined_suggestions
from verifier.run.collector import rare_collections
from verifier.run.later import later
from verifier.search.hunt import hunted_in, with_regions
from verifier.trace.record import MISSHAPEN, Callee, Refusal, Trace

UNMET = "V303"  # an expectation that is not met
MOST_PATHS = 16  # that the values of the points may take through the code
MOST_RAISED = 3  # points at which the callable raises that are named


@rare_collections()
def report_of(question: Question) -> CaseReport:
    """The report of a callable: of every format, and of every path that the points take through its code."""
    refuse_scope(question)
    reports: list[CaseReport] = []
    faults = tuple(finding(code, f"{question.callee.name}{':' if code == MISSHAPEN else ''} {text}", question.callee.place, implementation=question.callee.name) for code, text in question.callee.faults)
    text = not_linear(question, question.callee.format_named(question.formats[0])) if question.callee.can_be_judged else ""
    for name in question.formats if question.callee.can_be_judged else ():  # not what changes from call to call, nor gradients of other shapes
        try:
            reports += _in_format(question, question.callee.format_named(name))
        except (points.PointError, NotDifferentiable, CaseError) as error:
            return assemble.unusable(bare(question, question.callee.format_named(name)), str(error))
    if text and reports and any(map(is_of_a_limit, reports)):
        reports[0] = replace(reports[0], notes=(*reports[0].notes, f"{question.callee.name} {text}: as far as its iteration is from what it converges to"))
    elif text:
        faults = (*faults, finding("V111", f"{question.callee.name} {text}", question.callee.place, implementation=question.callee.name))
    return _merged(question, reports, faults)


# ---------------------------------------------------------------- one format


@dataclass
class _Pending:
    """The points of a format that are still to be judged, no two equal, those among them that are listed, and what is said of points that cannot be judged."""

    points: list[tuple[float, ...]]
    listed: frozenset[tuple[float, ...]]
    notes: dict[str, None] = field(default_factory=dict)

    def take(self, holds: Sequence[bool]) -> list[tuple[float, ...]]:
        """The points for which it holds, and the first in any case; they are pending no longer."""
        is_here = [same or not k for k, same in enumerate(holds)]
        here, self.points = _parted(self.points, is_here)
        return here

    def add(self, found: Iterable[tuple[float, ...]]) -> None:
        """Further points, in so far as they are new."""
        self.points = list(dict.fromkeys([*self.points, *found]))


def _parted(found: Sequence[tuple[float, ...]], holds: Sequence[bool]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """The points for which it holds, and the others."""
    pairs = list(zip(found, holds, strict=True))
    return [p for p, same in pairs if same], [p for p, same in pairs if not same]


def _in_format(question: Question, fmt: Format) -> list[CaseReport]:
    """A report for every path."""
    callee = question.callee
    listed = points_of(question, fmt)
    pending = _Pending(list(dict.fromkeys([*listed, *drawn(question, fmt)])), frozenset(listed))
    reports: list[CaseReport] = []
    while pending.points and len(reports) < MOST_PATHS:
        start = pending.points[0]
        try:
            trace = _trace_at(callee, start, fmt)
        except Refusal as refusal:
            reports.append(sampled(question, fmt, refusal.forward, pending.take(_same_forward(question, refusal, pending.points, fmt)), why(refusal)))
            if reports[-1].status == "error":
                return reports
            continue
        except Exception as error:
            if start == listed[0]:
                raise  # the call that the user makes: the error is theirs to read
            pending.notes[f"{callee.name} raises {type(error).__name__} at one or more points that take another path through the code; these were not checked"] = None
            pending.take([False] * len(pending.points))
            continue
        doubts = disagreements(trace, fmt)
        if is_believed(doubts, fmt):
            judged, said = in_the_limit(question, trace, fmt)
            report = with_limit(_on_path(question, judged, fmt, pending, is_limit=judged is not trace), trace, said)
            report = without_other_points(question, report, trace, fmt)
            reports.append(replace(report, notes=(*report.notes, *kernel_notes(trace, doubts, callee))))
        else:
            here = pending.take(_same_path(trace, pending.points, fmt))
            reports.append(sampled(question, fmt, believed_forward(trace, doubts, fmt), here, doubt(trace, doubts, callee)))
            if reports[-1].status == "error":
                return reports
    if pending.points:
        pending.notes[f"{len(pending.points)} points take other paths through the code and were not checked"] = None
    return [*reports[:-1], replace(reports[-1], notes=(*reports[-1].notes, *pending.notes))]


def _trace_at(callee: Callee, point: Sequence[float], fmt: Format) -> Trace:
    """The trace at a point. Raises Refusal where there is none, though the callable runs; else what the callable raises."""
    try:
        return not_frozen(callee, callee.trace(*split(callee, point), fmt), fmt)
    except Refusal:
        raise
    except Exception as error:
        callee.run(*split(callee, point), fmt)  # raises, where it is the callable's own error
        raise Refusal(f"the trace fails with {type(error).__name__}: {str(error)[:200]}; please report it", None, "give function=, the formula as text, so that the returned numbers can be checked without a trace") from error


def _same_path(trace: Trace, found: Sequence[tuple[float, ...]], fmt: Format) -> list[bool]:
    """At which points the code goes the way of the trace; where it takes numbers out of arrays, what it does with them is known at the point of the trace only."""
    if trace.taken:
        return [p == trace.point for p in found]
    if not trace.branches or not found:
        return [True] * len(found)
    columns = [[p[i] for p in found] for i in range(len(trace.point))]
    run = floats.run(trace.program.forward_part() if all(b.step < trace.program.backward_start for b in trace.branches) else trace.program, columns, fmt=fmt)
    kept = [b for b in trace.branches if b.step >= 0]
    return [all(bool(run[b.step][k] if len(run[b.step]) == len(found) else run[b.step][0]) is b.holds for b in kept) for k in range(len(found))]


def _same_forward(question: Question, refusal: Refusal, found: Sequence[tuple[float, ...]], fmt: Format) -> list[bool]:
    """At which points the forward pass of a callable that is not traced as a whole is the same program; everywhere, where the truth is stated."""
    if question.function is not None or refusal.forward is None:
        return [True] * len(found)
    holds = [True]
    for p in found[1:]:
        try:
            question.callee.trace(*split(question.callee, p), fmt)
            holds.append(False)  # traced as a whole: another path
        except Refusal as again:
            holds.append(again.forward is not None and again.forward.steps == refusal.forward.steps)
        except Exception:  # noqa: BLE001 - the user's code: whatever it raises there is said when its turn comes
            holds.append(False)
    return holds


def _on_path(question: Question, trace: Trace, fmt: Format, pending: _Pending, *, is_limit: bool = False) -> CaseReport:
    """The report of the path of a trace; `is_limit`: of one whose iterations run longer than the code's. Points of the hunt that take another one are added to those that are pending."""
    case = case_of(question, trace, fmt)
    here = pending.take(_same_path(trace, pending.points, fmt))
    named, many = _parted(here, [p in pending.listed or not k for k, p in enumerate(here)])
    truth = remembered_truth(case.programs.truth)
    ((_, (own,)),) = checks_of(case, truth, subject_of=remembered_subject)
    calls = Calls(question.callee, trace.claims, trace.program.inputs, fmt, {trace.point: trace.computed}, may_join=are_numbers(question.callee) and not trace.branches)
    own = replace(own, format=fmt)
    check = replace(own, computed=calls)
    regions, unseen = [], list[str]()
    if question.hunt:
        of_hunt = hunted_in(check, points.boxes(case, fmt), seed=case.name, budget=question.budget, meant=meant_in(case, fmt))
        found, unseen = of_hunt.regions, [of_hunt.unseen] if of_hunt.unseen else []
        hunted = with_regions([], found)
        on_path = {p for p, same in zip(hunted, _same_path(trace, hunted, fmt), strict=True) if same}
        regions = [(check, r) for r in found if r.point in on_path]
        named = list(dict.fromkeys([*named, *(p for p in hunted if p in on_path)]))
        pending.add(p for p in hunted if p not in on_path and p not in here)
    checked = Checked(check, named, compare(check, named, later=True), _swept(check, many, calls, every=question.function is not None))
    report = assemble.report(case, truth, [checked], regions, unseen, strict=question.strict, cache=question.cache, is_read_later=True)
    report = with_nan_traps(report, question.callee, trace, fmt)
    stopped = with_stops(question, report, trace, fmt)
    exchanged = stopped if stopped.findings != report.findings else with_exchange(stopped, check, checked)
    report = exchanged if exchanged.findings != report.findings else with_repair(question, stopped, check, checked, trace, fmt)
    report = with_advice(report, question.callee, question.values)
    report = with_zeros(report, check, checked)
    report = with_better_lines(question, report, case, checked, trace)
    report = with_silence(report, question.callee, trace.claims, trace.computed)
    report = replace(report, notes=(*report.notes, *calls.notes[: 1 + MOST_RAISED]))
    return replace(report, proofs={}, proof_notes={}) if is_limit else with_kernels(report, own, checked, question.callee)


def _swept(check: Check, many: Sequence[tuple[float, ...]], calls: Calls, *, every: bool) -> list[Swept]:
    """The sums of many points. Points that it shows are called one by one, whatever was run together. `every`: those of groups that pass have examples too, at which the forward pass is held against `function`."""
    if not many:
        return []
    columns = [np.array(c) for c in zip(*many, strict=True)]
    rows = PointRows(columns)
    found = swept(check, Sums(tuple(tally(j, columns, rows=rows) for j in judge_columns(check, columns)), len(many)), every=every, later=True)
    return found if calls.confirm(dict.fromkeys(p for s in found for p in s.shown)) else _swept(check, many, calls, every=every)


# ---------------------------------------------------------------- one report


def expectation_of(found: Finding) -> tuple[str, Place, str]:
    """Which expectation it is that a finding says is not met."""
    return found.implementation, found.place, found.message.partition(";")[0]


def _with_its_line(found: Finding) -> Finding:
    """A finding with the line of the user's file that it is about."""
    if found.source_line or not found.statement or found.place.line < 1:
        return found
    return replace(found, source_line=line_at(found.place))


def _somewhere(found: Finding, callee: Callee) -> Finding:
    """A finding about a gradient that no line computes, since the code returns what it was given: it stands where the backward pass of the user is defined, or the callable."""
    if found.place.line > 0:
        return found
    message = found.message.replace(f"{UNEXPLAINED} even where everything it reads is exact", "no line computes it")
    code = getattr(callee.functions[0], "__code__", None) if callee.functions else None
    if code is None:
        return replace(found, message=message, place=callee.place)
    line = code.co_firstlineno
    while linecache.getline(code.co_filename, line).lstrip().startswith("@"):  # decorators
        line += 1
    place = Place(code.co_filename, line, 1)
    return replace(found, message=message, place=place, source_line=line_at(place))


def _merged(question: Question, reports: Sequence[CaseReport], faults: tuple[Finding, ...]) -> CaseReport:
    """The reports of all formats and paths as one."""
    callee = question.callee
    unmet = [{expectation_of(f) for f in r.findings if f.code == UNMET} for r in reports]  # a verdict that is expected need only occur in one of them
    findings = tuple(dict.fromkeys([*faults, *(f for r in reports for f in r.findings if f.code != UNMET or all(expectation_of(f) in others for others in unmet))]))
    status = "error" if any(r.status == "error" for r in reports) else "failed" if any(f.severity == "error" and not f.expected for f in findings) else "passed"
    proofs: dict[str, dict[str, str]] = {}
    proof_notes: dict[str, dict[str, str]] = {}
    if len({r.proofs.get(callee.name) is not None for r in reports}) == 1 and reports and (len(reports) == 1 or not any("branches on values" in n for r in reports for n in r.notes)):
        proofs, proof_notes = reports[0].proofs, reports[0].proof_notes
    return CaseReport(
        callee.name,
        callee.place.file,
        callee.place.line,
        status,
        proofs=proofs,
        proof_notes=proof_notes,
        results=later(lambda: (r for report in reports for r in report.results)),
        sweeps=later(lambda: (s for report in reports for s in report.sweeps)),
        findings=tuple(_with_its_line(_somewhere(f, callee)) for f in findings),
        notes=tuple(dict.fromkeys([*(n for r in reports for n in r.notes), *callee.notes, f"computed by {callee.framework}"])),
        regions=tuple(g for r in reports for g in r.regions),
        bounds=tuple(dict.fromkeys(b for r in reports for b in r.bounds)),
        suggestions=joined_suggestions(reports),
        basis="sampled" if any(r.basis == "sampled" for r in reports) else "traced",
        computed_by=callee.framework,
    )
