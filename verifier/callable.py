"""The story of one callable: traced to a Program, its floats computed by the framework itself, judged like an implementation of a case."""

from __future__ import annotations

import ast
import linecache
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from verifier.arithmetic import floats
from verifier.blame.formula.code import repair
from verifier.blame.formula.explain import UNEXPLAINED
from verifier.case import points
from verifier.case.case import DOMAIN, POINTS, Case, Draft, Implementation, Point, Programs
from verifier.case.outputs import UPSTREAMS, patternless
from verifier.circuit import arrays
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Builder, Program
from verifier.circuit.statements import build_program
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.ladder import ladder
from verifier.compare.meant import meant_in
from verifier.compare.sweep.classify import CODE, VerdictColumn
from verifier.compare.sweep.sweep import Sums, Swept, swept
from verifier.compare.sweep.tally import tally
from verifier.compare.trust import Disagreement, disagreements
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS, Format, dtype, format_named, round_exact
from verifier.language.source import CaseError, Place, Source
from verifier.language.verdict import Verdict
from verifier.report import assemble
from verifier.report.catalogue import finding
from verifier.report.outcome import CaseReport, Finding
from verifier.search.hunt import hunted_in, with_regions
from verifier.trace.record import Callee, Floats, Refusal, Trace, Values, flat
from verifier.trace.recorder import TOTAL, components, upstream_name

LADDER = ("float16", "float32", "float64")  # in which a callable that is not traced is run
MOST_PATHS = 16  # that the values of the points may take through the code
MOST_RAISED = 3  # points at which the callable raises that are named
BUDGET = 2_000  # points that a hunt of a callable may judge


@dataclass(frozen=True)
class Question:
    """What is asked about a callable: where, in which formats, against which truth."""

    callee: Callee
    values: Values
    upstream: Values
    formats: tuple[str, ...]
    function: str | None = None
    domain: Mapping[str, tuple[float, float]] | None = None
    sample: int = 0
    hunt: bool = False
    accept: float | None = None
    strict: bool = False


def report_of(question: Question) -> CaseReport:
    """The report of a callable: of every format, and of every path that the points take through its code."""
    reports: list[CaseReport] = []
    faults = tuple(finding(code, f"{question.callee.name} {text}", question.callee.place, implementation=question.callee.name) for code, text in question.callee.faults)
    for name in question.formats if question.callee.is_steady else ():  # what changes from call to call cannot be judged
        try:
            reports += _traced(question, format_named(name))
        except (points.PointError, NotDifferentiable, CaseError) as error:
            return assemble.unusable(_bare(question, name), str(error))
    return _merged(question, reports, faults)


# ---------------------------------------------------------------- values


def rounded(values: Any, fmt: Format) -> Floats:
    """An array, each number rounded once to the format."""
    found = [round_exact(fmt, Fraction(v)) or v for v in flat(values)]
    return np.array(found, dtype=np.float64).reshape(np.shape(values))


def pattern(shape: tuple[int, ...], position: int = 0) -> Floats:
    """The gradient that flows into an output, the `position`-th: the numbers without pattern that a case has."""
    texts = patternless(math.prod(shape), position) if shape else (UPSTREAMS[position % len(UPSTREAMS)],)
    return np.array([float(t) for t in texts], dtype=np.float64).reshape(shape)


def _split(callee: Callee, point: Sequence[float]) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """The values of the inputs, and the gradients that flow in, of a point of the program."""
    values: dict[str, Floats] = {}
    flows: dict[str, Floats] = {}
    at = 0
    for target, shapes in ((values, callee.inputs), (flows, callee.upstreams)):
        for name, shape in shapes.items():
            size = math.prod(shape)
            target[name] = np.array(point[at : at + size], dtype=np.float64).reshape(shape)
            at += size
    return values, flows


# ---------------------------------------------------------------- a traced callable


def _traced(question: Question, fmt: Format) -> list[CaseReport]:
    callee = question.callee
    values = {n: rounded(v, fmt) for n, v in question.values.items()}
    flows = {n: rounded(v, fmt) for n, v in question.upstream.items()}
    first = tuple(x for group in (values, flows) for v in group.values() for x in flat(v))
    pending: list[tuple[float, ...]] = [first]
    reports: list[CaseReport] = []
    drawn = False
    failed: dict[str, None] = {}
    while pending and len(reports) < MOST_PATHS:
        start = pending[0]
        try:
            trace = callee.trace(*_split(callee, start), fmt)
        except Exception as error:
            if not isinstance(error, Refusal):
                if start == first:
                    raise
                failed[f"{callee.name} raises {type(error).__name__} on another path: nothing is said of it there"] = None
                pending = pending[1:]
                continue
            refusal = error
            return [*reports, _sampled(question, fmt, refusal.forward, [*pending], _why(refusal))]
        doubts = disagreements(trace, fmt)
        if doubts and not all(d.explains(fmt) for d in doubts):
            return [*reports, _sampled(question, fmt, trace.program.forward_part(), [*pending], _doubt(trace, doubts, callee))]
        case = case_of(question, trace, fmt)
        if not drawn:
            pending += points.sampled(case, fmt) if question.sample else []
        here = [p for p, same in zip(pending, _same_path(trace, pending, fmt), strict=True) if same or p == start]
        report, more = _judged(question, case, trace, fmt, here, listed=1 if not drawn else 0, hunt=question.hunt)
        drawn = True
        pending = [p for p in dict.fromkeys([*pending, *more]) if p not in set(here)]
        reports.append(replace(report, notes=(*report.notes, *_kernel_notes(trace, doubts, callee))))
    reports[-1] = replace(reports[-1], notes=(*reports[-1].notes, *failed))
    if pending:
        reports[-1] = replace(reports[-1], notes=(*reports[-1].notes, f"{len(pending)} points take other paths through the code and were not looked at"))
    return reports


def _same_path(trace: Trace, found: Sequence[tuple[float, ...]], fmt: Format) -> list[bool]:
    """At which points the code goes the way of the trace."""
    if not trace.branches or not found:
        return [True] * len(found)
    columns = [[p[i] for p in found] for i in range(len(trace.point))]
    run = floats.run(trace.program.forward_part() if all(b.step < trace.program.backward_start for b in trace.branches) else trace.program, columns, fmt=fmt)
    kept = [b for b in trace.branches if b.step >= 0]
    return [all(bool(run[b.step][k] if len(run[b.step]) == len(found) else run[b.step][0]) is b.holds for b in kept) for k in range(len(found))]


def _judged(question: Question, case: Case, trace: Trace, fmt: Format, here: list[tuple[float, ...]], *, listed: int, hunt: bool) -> tuple[CaseReport, list[tuple[float, ...]]]:
    """The report of one path, and the points of its hunt that take another one."""
    truth = truth_of(case.programs.truth)
    ((_, (own,)),) = checks_of(case, truth)
    raised: dict[str, None] = {}
    check = replace(own, computed=computed_by(question.callee, trace, fmt, raised))
    named, many = here[: max(listed, 1)], here[max(listed, 1) :]
    regions, others = [], []
    if hunt:
        regions = [(check, r) for r in hunted_in(check, points.boxes(case, fmt), seed=case.name, budget=BUDGET, meant=meant_in(case, fmt))]
        hunted = with_regions([], [r for _, r in regions])
        same = _same_path(trace, hunted, fmt)
        others = [p for p, s in zip(hunted, same, strict=True) if not s]
        regions = [pair for pair in regions if pair[1].point not in set(others)]
        named = list(dict.fromkeys([*named, *(p for p, s in zip(hunted, same, strict=True) if s)]))
    rows = compare(check, named)
    checked = Checked(check, named, rows, _swept(check, many))
    report = assemble.report(case, truth, [checked], regions, strict=question.strict)
    report = _with_repair(question, report, check, checked, trace, fmt)
    report = replace(report, notes=(*report.notes, *list(raised)[:MOST_RAISED]))
    return _with_kernels(report, own, checked, question.callee), others


def _swept(check: Check, many: Sequence[tuple[float, ...]]) -> list[Swept]:
    """The sums of many points."""
    if not many:
        return []
    rows = compare(check, many, detail=False)
    columns = [np.array(c) for c in zip(*many, strict=True)]
    tallies = []
    for k in range(len(check.subject.claims)):
        found = [row[k] for row in rows]
        error = np.array([float(d.ulps.abs_upper()) if d.ulps is not None and d.ulps.is_finite() else math.nan for d in found])
        over = np.array([check.limit is not None and e > check.limit for e in error])
        tallies.append(tally(VerdictColumn(np.array([CODE[d.verdict] for d in found]), error, over), columns))
    return swept(check, Sums(tuple(tallies), len(many)))


def computed_by(callee: Callee, trace: Trace, fmt: Format, raised: dict[str, None]) -> Any:
    """The framework's gradients at points of the program; those that it computed already are known. Where the callable raises they are NaN, which `raised` says."""
    names = [name for _, name in trace.claims]
    known = {trace.point: trace.computed}

    def computed(found: Sequence[tuple[float, ...]]) -> dict[str, list[float]]:
        rows = []
        for p in found:
            if p not in known:
                try:
                    ran = callee.run(*_split(callee, p), fmt)
                    known[p] = tuple(x for name in dict.fromkeys(c.partition("[")[0] for c, _ in trace.claims) for x in flat(ran.gradients[name]))
                except Exception as error:  # noqa: BLE001 - whatever the user's code raises, it has no gradient there
                    at = ", ".join(f"{n}={x!r}" for n, x in zip(trace.program.inputs[:4], p, strict=False))
                    raised[f"{callee.name} raises {type(error).__name__} at {at}{', ...' if len(p) > 4 else ''}: its gradients count as NaN there"] = None
                    known[p] = (math.nan,) * len(names)
            rows.append(known[p])
        return {name: [row[k] for row in rows] for k, name in enumerate(names)}

    return computed


# ---------------------------------------------------------------- cases


def _bare(question: Question, fmt: str) -> Case:
    program = Program((), (), {}, -1)
    return Case(question.callee.name, question.callee.place.file, question.callee.place, (), (), (), Programs(program, ()), formats=(fmt,))


def case_of(question: Question, trace: Trace, fmt: Format) -> Case:
    """The traced callable as a case with one implementation."""
    callee, program = question.callee, trace.program
    function, truth = None, replace(program.forward_part(), parameters=program.parameters)
    if question.function is not None:
        function, truth = function_of(question.function, program, callee)
    implementation = Implementation(callee.name, callee.place)
    forward = truth if function is None else replace(program.forward_part(), parameters=program.parameters)
    draft = Draft(implementation, forward, program, trace.claims)
    return _stated(question, trace.program, trace.point, Programs(truth, (draft,)), (implementation,), function, fmt, scope=POINTS if trace.branches else DOMAIN)


def _stated(question: Question, program: Program, point: tuple[float, ...], programs: Programs, implementations: tuple[Implementation, ...], function: Source | None, fmt: Format, scope: str) -> Case:
    callee = question.callee
    flows = {c for o, s in callee.upstreams.items() for c in components(upstream_name(o), s)}
    texts = tuple((n, repr(x)) for n, x in zip(program.inputs, point, strict=True))
    domain = {c: tuple(repr(float(b)) for b in bounds) for name, bounds in (question.domain or {}).items() for c in components(name, callee.inputs[name])}
    fixed = {n: t for n, t in texts if n in flows}
    return Case(
        callee.name,
        callee.place.file,
        callee.place,
        program.inputs,
        (Point(texts, callee.place),),
        implementations,
        programs,
        function=function,
        shapes=tuple((n, s) for n, s in program.shapes.items() if components(n, s) and components(n, s)[0] in program.inputs),
        domain=tuple((n, (domain[n][0], domain[n][1]) if n in domain else (fixed[n], fixed[n])) for n in program.inputs if n in domain or n in fixed) if domain or question.sample else (),
        choices=tuple((n, (t,)) for n, t in fixed.items()),
        parameters=tuple(sorted(program.parameters)),
        outputs=tuple(callee.outputs),
        scope=scope,
        sample=question.sample,
        hunt=question.hunt,
        formats=(fmt.name,),
        accept_ulps=None if question.accept is None else repr(float(question.accept)),
    )


def function_of(text: str, program: Program, callee: Callee) -> tuple[Source, Program]:
    """`function` in the language of the case files as a program over the inputs of a traced one: its outputs, each times what flows in. Raises CaseError."""
    source = Source(text, "function", 1, 1, text, "function")
    built, complaints = (build_expression if _is_expression(text) else build_program)(source, program.inputs)
    if built is None:
        raise CaseError(complaints)
    b = Builder(built.inputs, list(built.steps), dict(built.names), list(built.lines))
    terms = []
    outputs = callee.outputs
    for name, shape in outputs.items():
        value = built.values.get(name if len(outputs) > 1 else built.output_name)
        steps = np.asarray(value if value is not None else built.names[name if len(outputs) > 1 else built.output_name], dtype=np.int64)
        if steps.shape != shape:
            raise CaseError([source.complaint(0, f"the function has the shape {steps.shape}, the output '{name}' of the callable {shape}")])
        if name not in callee.upstreams:
            terms.append(steps.ravel())
            continue
        flow = np.array([program.inputs.index(c) for c in components(upstream_name(name), shape)], dtype=np.int64)
        terms.append(arrays.elementwise(b, "mul", flow, steps.ravel()))
    total = int(arrays.total(b, np.concatenate(terms)))
    return source, replace(b.program(total, output_name=TOTAL), parameters=program.parameters, shapes=dict(program.shapes))


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return True


# ---------------------------------------------------------------- kernels and doubts


def _doubt(trace: Trace, doubts: Sequence[Disagreement], callee: Callee) -> str:
    worst = min(doubts, key=lambda d: d.bits)
    place = _place_of(trace, worst.step)
    at = f" at {place}" if place is not None else ""
    return f"the trace is not believed: {callee.framework} computes {worst.framework!r} for {worst.what or 'a step'}{at}, the traced lines give {worst.trace!r}; please report it"


def _place_of(trace: Trace, step: int) -> Place | None:
    one = trace.program.steps[step]
    line = trace.program.lines[one.line] if one.line >= 0 else None
    return line.source.place(one.start) if line is not None and line.source is not None else None


def _kernel_notes(trace: Trace, doubts: Sequence[Disagreement], callee: Callee) -> tuple[str, ...]:
    notes = [f"{callee.framework}: {d.what or 'a kernel'} at {_place_of(trace, d.step)} gives {d.framework!r}, the real value is near {d.trace!r}: its kernel loses digits" for d in doubts[:3]]
    if trace.branches:
        said = dict.fromkeys(f"{b.place.line}: {b.text.strip()}" for b in trace.branches)
        notes.append(f"the code branches on values ({'; '.join(list(said)[:3])}): what is said holds on the path of these points only")
    return (*notes, *trace.notes)


def _with_kernels(report: CaseReport, own: Check, checked: Checked, callee: Callee) -> CaseReport:
    """The report, with what the same lines give in IEEE arithmetic where the framework's gradient is much worse."""
    bad: list[tuple[int, Discrepancy]] = [(k, d) for k, row in enumerate(checked.rows) for d in row if not d.verdict.passes and d.verdict not in (Verdict.WRONG, Verdict.UNDEFINED, Verdict.UNDECIDED)]
    notes = []
    for k in dict.fromkeys(k for k, _ in bad):
        mine = {d.name: d for d in compare(own, [checked.points[k]])[0]}
        for _, d in (pair for pair in bad if pair[0] == k):
            other = mine[d.name]
            if other.verdict.passes:
                loses = f"loses {float(d.ulps):.3g} ulp" if d.ulps is not None else f"gives {d.computed!r}"
                notes.append(f"{d.name}: the kernel of {callee.framework} {loses}; the same lines in IEEE arithmetic {float(other.ulps or 0):.2g} ulp")
    return replace(report, notes=(*report.notes, *dict.fromkeys(notes)))


def _with_repair(question: Question, report: CaseReport, check: Check, checked: Checked, trace: Trace, fmt: Format) -> CaseReport:
    """The report with the one edit of the user's code that repairs it, in place of what is said of the wrong lines."""
    callee, wrong = question.callee, [f for f in report.findings if f.code == "V101"]
    at = next((k for k, row in enumerate(checked.rows) if checked.points[k] == trace.point and any(d.verdict is Verdict.WRONG for d in row)), None)
    is_clear = len(wrong) == 1 and UNEXPLAINED not in wrong[0].message and not any(callee.inputs.values()) and not any(callee.outputs.values())
    if not wrong or at is None or is_clear or not callee.functions or question.function is not None:
        return report
    names = list(dict.fromkeys(c.partition("[")[0] for c, _ in trace.claims))

    def run() -> dict[str, float]:
        ran = callee.run(*_split(callee, trace.point), fmt)
        if any(not np.array_equal(v, trace.outputs[o], equal_nan=True) for o, v in ran.outputs.items()):
            raise ValueError("the edit changes the function itself")
        return dict(zip((n for _, n in trace.claims), (x for name in names for x in flat(ran.gradients[name])), strict=True))

    found = repair(
        check,
        checked.rows[at],
        callee.functions,
        [f.place.line for f in wrong if f.place.line > 0],
        run=run,
        trace=lambda: callee.trace(*_split(callee, trace.point), fmt),
        elsewhere=len(wrong) > 1 or UNEXPLAINED in wrong[0].message,
    )
    if found is None:
        return report
    gradients = tuple(dict.fromkeys(g.partition("[")[0] for f in wrong for g in (f.gradients or (f.gradient,))))
    details = (f"diagnosis {found.words}", "after this edit every gradient is certified to be the exact one", *(d for d in wrong[0].details if d.startswith(("exact", "computed", "residual"))))
    one = replace(
        wrong[0],
        message=f"wrong gradient: {', '.join(f'{callee.name}.{g}' for g in gradients)}: {found.words}",
        place=found.place,
        statement=found.statement,
        gradients=gradients,
        details=details,
        source_line=linecache.getline(found.place.file, found.place.line).rstrip("\n"),
        width=len(found.statement.partition("\n")[0]),
    )
    return replace(report, findings=tuple(one if f is wrong[0] else f for f in report.findings if f is wrong[0] or f.code != "V101"))


# ---------------------------------------------------------------- a callable that cannot be traced


def _why(refusal: Refusal) -> str:
    where = f"{refusal.place}: " if refusal.place is not None else ""
    return f"not traced: {where}{refusal.what}" + (f"; {refusal.advice}" if refusal.advice else "")


def _sampled(question: Question, fmt: Format, forward: Program | None, listed: list[tuple[float, ...]], why: str) -> CaseReport:
    """The report of a callable whose lines are not known: its floats in several formats against the exact gradient."""
    callee = question.callee
    inputs = tuple(c for group in (callee.inputs, {upstream_name(o): s for o, s in callee.upstreams.items()}) for n, s in group.items() for c in components(n, s))
    flows = frozenset(c for o, s in callee.upstreams.items() for c in components(upstream_name(o), s))
    function = None
    if question.function is not None:
        function, truth_program = function_of(question.function, Program((), inputs, {}, -1, parameters=flows), callee)
    elif forward is not None:
        truth_program = replace(forward, parameters=flows)
    else:
        found = finding("V112", f"{callee.name} could not be checked: {why}", callee.place, implementation=callee.name)
        return CaseReport(callee.name, callee.place.file, callee.place.line, "error", findings=(found,), basis="sampled", computed_by=callee.framework)
    ran = callee.run(*_split(callee, listed[0]), fmt)
    claims = tuple((c, f"d{c}") for v in ran.gradients for c in components(v, callee.inputs[v]))
    implementation = Implementation(callee.name, callee.place)
    case = _stated(question, truth_program, listed[0], Programs(truth_program, (Draft(implementation, truth_program, None, claims),)), (implementation,), function, fmt, scope=POINTS)
    truth = truth_of(truth_program)
    ((_, (own,)),) = checks_of(case, truth)
    check = replace(own, computed=_opaque(callee, claims, fmt))
    listed = list(dict.fromkeys([*listed, *(points.sampled(case, fmt) if question.sample else [])]))
    rows = _inferred(question, own, compare(check, listed), fmt)
    report = assemble.report(case, truth, [Checked(check, listed, rows)], strict=question.strict)
    findings = tuple(replace(f, statement="", place=callee.place, source_line="", width=0) if f.code != "V105" else f for f in report.findings)  # the lines of the truth's own backward pass are nobody's
    return replace(report, basis="sampled", findings=findings, proofs={}, proof_notes={}, notes=(*report.notes, why))


def _opaque(callee: Callee, claims: Sequence[tuple[str, str]], fmt: Format) -> Any:
    def computed(found: Sequence[tuple[float, ...]]) -> dict[str, list[float]]:
        rows = [[x for v in callee.run(*_split(callee, p), fmt).gradients.values() for x in flat(v)] for p in found]
        return {name: [row[k] for row in rows] for k, (_, name) in enumerate(claims)}

    return computed


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
            again = compare(replace(own, format=other, computed=_opaque(question.callee, own.subject.claims, other)), [point], detail=False)[0]
            for d in again:
                if d.name in errors:
                    errors[d.name][name] = _relative(d)
        result.append([_as_wrong(d, errors[d.name]) if d.name in errors else d for d in row])
    return result


def _as_wrong(d: Discrepancy, errors: Mapping[str, float]) -> Discrepancy:
    found = ladder(errors)
    if not found.is_wrong:
        return d
    reason = f"inferred, not certified: its relative error does not shrink with the format as that of rounding does ({found.text})"
    return replace(d, verdict=Verdict.WRONG, reason=reason)


def _relative(d: Discrepancy) -> float:
    if d.rounded in (None, 0.0) or not math.isfinite(d.computed):
        return math.nan
    return abs(float(d.residual.mid()) / float(d.rounded or 1.0)) if d.residual is not None else 0.0


# ---------------------------------------------------------------- one report


def _merged(question: Question, reports: Sequence[CaseReport], faults: tuple[Finding, ...]) -> CaseReport:
    """The reports of all formats and paths as one."""
    callee = question.callee
    findings = tuple(dict.fromkeys([*faults, *(f for r in reports for f in r.findings)]))
    status = "error" if any(r.status == "error" for r in reports) else "failed" if any(r.status == "failed" for r in reports) or any(f.severity == "error" for f in faults) else "passed"
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
        results=tuple(r for report in reports for r in report.results),
        sweeps=tuple(s for report in reports for s in report.sweeps),
        findings=findings,
        notes=tuple(dict.fromkeys([*(n for r in reports for n in r.notes), *callee.notes, f"computed by {callee.framework}"])),
        regions=tuple(g for r in reports for g in r.regions),
        basis="sampled" if any(r.basis == "sampled" for r in reports) else "traced",
        computed_by=callee.framework,
    )


__all__ = ["Question", "case_of", "computed_by", "dtype", "function_of", "pattern", "report_of", "rounded"]
