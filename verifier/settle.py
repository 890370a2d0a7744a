"""From discrepancies to a case's report: results as text, findings, residuals, published figures, expectations, the status."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from typing import Any

from verifier import formats, limits, rounding, symbolic
from verifier.arithmetic import balls, floats
from verifier.case import Case, Claim, Implementation
from verifier.catalogue import CATALOGUE
from verifier.compare import FEWEST_DIGITS, Discrepancy, Subject, Truth
from verifier.errors import Place
from verifier.formats import Format
from verifier.outcome import CaseReport, Finding, PointText, PublishedResult, ResidualResult, Result, Sweep
from verifier.program import Program, Programs
from verifier.verdict import Verdict

DIGIT_COUNTS = (30, 28, 27, 26, FEWEST_DIGITS)
RESIDUAL_COUNTS = (20, 17, 14, 11, 8, 5, 2)
CODES = {
    Verdict.WRONG: "V101",
    Verdict.NONFINITE: "V102",
    Verdict.UNDECIDED: "V103",
    Verdict.UNSTABLE: "V201",
    Verdict.ILL_CONDITIONED: "V202",
    Verdict.VANISHED: "V203",
    Verdict.UNDEFINED: "V204",
}


@dataclass(frozen=True)
class Check:
    """What was computed of one implementation in one format."""

    implementation: str
    format: Format
    subject: Subject
    points: Sequence[tuple[float, ...]]
    listed: list[list[Discrepancy]]
    sampled: list[list[Discrepancy]]
    upstream: float

    @cached_property
    def values(self) -> list[Any]:
        """The column of every step at the listed points."""
        columns = [[p[i] for p in self.points] for i in range(len(self.subject.program.inputs))]
        return floats.run(self.subject.program, columns, self.format, upstream=self.upstream)

    def value(self, name: str, point: int) -> float | None:
        """The float that a name holds at a listed point; None where there is no such name."""
        index = self.subject.program.names.get(name)
        return None if index is None else float(self.values[index][point])


@dataclass(frozen=True)
class Judged:
    """A discrepancy with its place in the run, and whether the case accepts it."""

    check: Check
    discrepancy: Discrepancy
    result: Result
    severity: str  # "", warning, error
    code: str
    expected: bool
    is_listed: bool = True


def report(case: Case, programs: Programs, truth: Truth, checks: Sequence[Check], *, strict: bool) -> CaseReport:
    """The report of a case."""
    del truth
    limits_by_name = {i.name: i.accept_ulps if i.accept_ulps is not None else case.accept_ulps for i in case.implementations}
    judged: list[Judged] = []
    sampled: list[Judged] = []
    for check in checks:
        for rows, kept in ((check.listed, judged), (check.sampled, sampled)):
            kept.extend(_judged(case, check, d, limits_by_name[check.implementation], strict=strict, is_listed=kept is judged) for row in rows for d in row)
    residuals = _residuals(case, programs, checks)
    published = _published(case, checks)
    findings = [
        *_verdict_findings(case, judged, sampled),
        *_residual_findings(case, residuals),
        *_published_findings(case, published),
        *_expectation_findings(case, [*judged, *sampled]),
    ]
    failed = any(f.severity == "error" and not f.expected for f in findings)
    return CaseReport(
        case.name,
        case.file,
        case.place.line,
        "failed" if failed else "passed",
        results=tuple(j.result for j in judged),
        sweeps=tuple(_sweeps(checks, sampled)),
        residuals=tuple(residuals),
        published=tuple(published),
        findings=tuple(findings),
    )


# ---------------------------------------------------------------- results


def point_text(case: Case, fmt: Format, values: Sequence[float]) -> PointText:
    """A point as text, vectors gathered."""
    texts = dict(zip(case.inputs, (formats.text(fmt, v) for v in values), strict=True))
    lengths = dict(case.vectors)
    gathered: dict[str, str | tuple[str, ...]] = {}
    for name, text in texts.items():
        vector = name.partition("[")[0]
        if vector in lengths:
            gathered[vector] = tuple(texts[f"{vector}[{i}]"] for i in range(lengths[vector]))
        else:
            gathered[name] = text
    return tuple(gathered.items())


def result_of(case: Case, check: Check, d: Discrepancy) -> Result:
    """A discrepancy as text."""
    fmt = check.format
    with balls.precision(max(d.bits, 192)):
        exact = d.exact
        text = _exact_text(exact)
        bounds = (_bound_text(exact.low), _bound_text(exact.high)) if isinstance(exact, limits.Kink) else None
        return Result(
            check.implementation,
            d.name,
            fmt.name,
            point_text(case, fmt, d.point),
            formats.text(fmt, d.computed),
            text,
            None if d.rounded is None else formats.text(fmt, d.rounded),
            _signed_digits(d.residual),
            _formula_text(d.formula_error),
            None if d.ulps is None else rounding.significant(d.ulps, 6),
            None if d.condition is None else rounding.significant(d.condition, 6),
            None if d.program_condition is None else rounding.significant(d.program_condition, 6),
            d.verdict,
            d.reason,
            bounds,
            _as_float(d),
        )


def _as_float(d: Discrepancy) -> float:
    if d.ulps is not None:
        return float(d.ulps.abs_upper()) if d.ulps.is_finite() else math.inf
    return math.inf if d.verdict.fails else 0.0


def _exact_text(exact: limits.Derivative) -> str | None:
    if isinstance(exact, limits.Infinite):
        return "inf" if exact.sign > 0 else "-inf"
    return _digits(exact.ball, DIGIT_COUNTS) if isinstance(exact, limits.Finite) else None


def _digits(ball: Any, counts: Iterable[int]) -> str | None:
    return next((text for count in counts if (text := rounding.digits(ball, count)) is not None), None)


def _bound_text(bound: Any) -> str:
    if not bound.is_finite():
        return "inf" if bound > 0 else "-inf"
    return _digits(bound, DIGIT_COUNTS) or bound.str(FEWEST_DIGITS)


def _signed_digits(residual: Any) -> str | None:
    return None if residual is None else _digits(residual, RESIDUAL_COUNTS)


def _formula_text(error: Any) -> str | None:
    if error is None:
        return None
    return "0" if error.is_zero() else rounding.significant(error, 6)


def _judged(case: Case, check: Check, d: Discrepancy, limit: str | None, *, strict: bool, is_listed: bool) -> Judged:
    expected = any(
        e.implementation == check.implementation and e.gradient == d.name and e.verdict == d.verdict.value for e in case.expect
    )
    severity, code = "", CODES.get(d.verdict, "")
    if d.verdict.fails:
        severity = "error"
    elif d.verdict.warns:
        severity = "error" if strict else "warning"
    elif d.verdict is Verdict.UNDEFINED:
        severity = "warning"
    if limit is not None and d.ulps is not None and (d.verdict.passes or d.verdict.warns):
        over = not d.ulps <= float(limit)
        if over:
            severity, code = "error", "V104" if d.verdict.passes else code
        elif d.verdict.warns:
            severity = ""  # within what the case accepts
    return Judged(check, d, result_of(case, check, d), severity, code, expected, is_listed)


def _sweeps(checks: Sequence[Check], sampled: Sequence[Judged]) -> list[Sweep]:
    sweeps = []
    for check in checks:
        for _, name in check.subject.claims if check.sampled else ():
            rows = [j for j in sampled if j.check is check and j.discrepancy.name == name]
            counts: dict[str, int] = {}
            for verdict in Verdict:
                if number := sum(j.discrepancy.verdict is verdict for j in rows):
                    counts[verdict.value] = number
            errors = sorted(j.result.error for j in rows if j.result.ulps is not None)
            worst = max(rows, key=lambda j: (j.discrepancy.verdict.fails, j.result.error), default=None)
            sweeps.append(
                Sweep(
                    check.implementation,
                    name,
                    check.format.name,
                    len(rows),
                    counts,
                    worst.result if worst else None,
                    _quantile(errors, 0.5),
                    _quantile(errors, 0.99),
                    _quantile(errors, 1.0),
                )
            )
    return sweeps


def _quantile(ordered: Sequence[float], share: float) -> str | None:
    """The smallest value that at least this share of the values does not exceed."""
    return f"{ordered[max(0, math.ceil(share * len(ordered)) - 1)]:.6g}" if ordered else None


# ---------------------------------------------------------------- findings


def _finding(code: str, message: str, place: Place, **fields: Any) -> Finding:
    entry = CATALOGUE[code]
    return Finding(code, entry.name, fields.pop("severity", entry.severity), message, place, **fields)


def statement_of(program: Program, name: str) -> tuple[str, Place | None]:
    """The text and the place of the statement that gives a name its last value."""
    index = program.names.get(name)
    step = program.steps[index] if index is not None else None
    if step is None or step.line < 0:
        return "", None
    line = program.lines[step.line]
    return line.text, line.source.place(line.start) if line.source is not None and line.backward else None


def _verdict_findings(case: Case, judged: Sequence[Judged], sampled: Sequence[Judged]) -> list[Finding]:
    """One finding per implementation, gradient, format and kind; it names the worst point and counts the others."""
    groups: dict[tuple[str, str, str, str, str], list[Judged]] = {}
    for j in (*judged, *sampled):
        if j.severity:
            groups.setdefault((j.result.implementation, j.result.gradient, j.result.format, j.code, j.severity), []).append(j)
    totals: dict[tuple[str, str, str], int] = {}
    for j in (*judged, *sampled):
        key = (j.result.implementation, j.result.gradient, j.result.format)
        totals[key] = totals.get(key, 0) + 1
    findings = []
    for (implementation, gradient, fmt, code, severity), group in groups.items():
        worst = max([j for j in group if j.is_listed] or group, key=lambda j: j.result.error)
        statement, place = statement_of(worst.check.subject.program, gradient)
        count = totals[(implementation, gradient, fmt)]
        many = f" (at {len(group)} of {count} points)" if count > 1 else ""
        findings.append(
            _finding(
                code,
                f"{_headline(code, worst)}{many}",
                place or _place_of(case, implementation, gradient),
                severity=severity,
                implementation=implementation,
                gradient=gradient,
                statement=statement,
                point=worst.result.point,
                expected=all(j.expected for j in group),
                details=_figures(worst.result),
            )
        )
    return findings


def _place_of(case: Case, implementation: str, gradient: str) -> Place:
    found: Implementation | None = next((i for i in case.implementations if i.name == implementation), None)
    if found is None:
        return case.place
    claim: Claim | None = next((c for c in found.gradients or () if c.name == gradient), None)
    return claim.place if claim is not None else found.place


def _headline(code: str, worst: Judged) -> str:
    r, d = worst.result, worst.discrepancy
    who = f"{r.implementation}.{r.gradient}"
    reason = f": {d.reason}" if d.reason else ""
    off = f"{r.ulps} ulp off" if r.ulps is not None else "no number"
    return {
        "V101": f"wrong gradient: {who}{reason}",
        "V102": f"{who} is {r.computed} where the exact gradient is {r.rounded}{reason}",
        "V103": f"{who} could not be decided{reason}",
        "V104": f"{who} is {off}, more than the case accepts",
        "V201": f"{who} is {off}, more than the conditioning explains ({r.condition})",
        "V202": f"{who} is {off}, as the condition number {r.condition} explains",
        "V203": f"{who} vanished: it is 0 where the exact gradient is {r.rounded}",
        "V204": f"{who} is not defined here{reason}",
    }[code]


def _figures(r: Result) -> tuple[str, ...]:
    """The numbers under a finding: exact and computed on consecutive lines, nothing cut."""
    rows = [("exact", r.exact if r.bounds is None else f"between {r.bounds[0]} and {r.bounds[1]}"), ("computed", r.computed)]
    if r.residual is not None:
        rows.append(("residual", r.residual + (f"   {r.ulps} ulp" if r.ulps else "")))
    return tuple(f"{label:<9} {value}" for label, value in _aligned(rows))


def _aligned(rows: Sequence[tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Values padded so that their decimal points stand in one column."""
    kept = [(label, value) for label, value in rows if value is not None]
    before = max((len(v.partition(".")[0]) for _, v in kept if v[:1].isdigit() or v[:1] == "-"), default=0)
    return [(label, " " * max(0, before - len(v.partition(".")[0])) + v if v[:1].isdigit() or v[:1] == "-" else v) for label, v in kept]


def _residuals(case: Case, programs: Programs, checks: Sequence[Check]) -> list[ResidualResult]:
    results = []
    fmt_checks = [c for c in checks if c.format is checks[0].format] if checks else []
    by_name = {c.implementation: c for c in fmt_checks}
    for residual, program in zip(case.residuals, programs.residuals, strict=True):
        for at, point in enumerate(fmt_checks[0].points if fmt_checks else ()):
            results.append(_residual(case, residual.expression.text.strip(), residual.expected, program, by_name, at, point))
    return results


def _residual(case: Case, text: str, expected: str | None, program: Program, checks: dict[str, Check], at: int, point: tuple[float, ...]) -> ResidualResult:
    references = [name.partition(".") for name in program.inputs]
    values = [checks[impl].value(name, at) for impl, _, name in references]
    fmt = next(iter(checks.values())).format
    shown = point_text(case, fmt, point)
    if any(v is None for v in values):
        missing = program.inputs[values.index(None)]
        return ResidualResult(text, shown, f"'{missing}' does not exist", None, expected, False if expected is not None else None)
    computed = float(floats.run(program, [[v] for v in values], fmt)[program.output][0])
    met = None if expected is None else computed == float(expected)
    return ResidualResult(text, shown, formats.text(fmt, computed), _exact_residual(program, checks, at), expected, met)


def _exact_residual(program: Program, checks: dict[str, Check], at: int) -> str | None:
    """The residual over the reals, where every reference is a checked gradient; equal inputs' gradients are one number."""
    dag = symbolic.Dag(())
    sources: dict[str, Any] = {}
    steps = []
    for reference in program.inputs:
        implementation, _, name = reference.partition(".")
        found = next((d for d in checks[implementation].listed[at] if d.name == name), None)
        if found is None or not isinstance(found.exact, limits.Finite):
            return None
        steps.append(dag.leaf("input", found.input))
        sources[found.input] = found.exact.ball
    output = dag.splice(symbolic.primitive(program), steps)[symbolic.primitive(program).output]
    inputs = tuple(s.text for s in dag.steps if s.gate == "input")
    order = sorted(range(len(dag.steps)), key=lambda i: dag.steps[i].gate != "input")
    moved = {old: new for new, old in enumerate(order)}
    exact = Program(tuple(dag.steps[i]._replace(args=tuple(moved[a] for a in dag.steps[i].args)) for i in order), inputs, {}, moved[output])
    value = balls.run(exact, [[sources[name]] for name in inputs], bits=192, strict=False)[exact.output][0]
    with balls.precision(192):
        return _digits(value, DIGIT_COUNTS)


def _residual_findings(case: Case, results: Sequence[ResidualResult]) -> list[Finding]:
    """A residual must have its expected value at some point."""
    findings = []
    for residual in case.residuals:
        rows = [r for r in results if r.expression == residual.expression.text.strip()]
        if residual.expected is None or any(r.met for r in rows):
            continue
        seen = rows[0].computed if rows else "not computed"
        findings.append(
            _finding("V301", f"residual {residual.expression.text.strip()} is {seen}, expected {residual.expected}", residual.place, point=rows[0].point if rows else ())
        )
    return findings


def _published(case: Case, checks: Sequence[Check]) -> list[PublishedResult]:
    results = []
    for figure in case.published:
        check = next((c for c in checks if c.implementation == figure.implementation), None)
        for at, point in enumerate(check.points if check is not None else ()):
            value = check.value(figure.name, at) if check is not None else None
            computed = "no such name" if value is None else formats.text(check.format, value) if check is not None else ""
            shown = point_text(case, check.format, point) if check is not None else ()
            results.append(PublishedResult(f"{figure.implementation}.{figure.name}", shown, computed, figure.text, value is not None and agrees(value, figure.text)))
    return results


def agrees(value: float, printed: str) -> bool:
    """Whether a float, rounded to as many decimal places as a printed figure has, is that figure."""
    if not math.isfinite(value):
        return value == float(printed) if printed.lstrip("+-").lower() in ("inf", "nan") else False
    figure = Decimal(printed)
    exponent = figure.as_tuple().exponent
    if not isinstance(exponent, int):
        return False
    quantum = Decimal(1).scaleb(exponent)
    return Decimal(value).quantize(quantum, rounding=ROUND_HALF_EVEN, context=Context(prec=1200, Emin=-10000, Emax=10000)) == figure


def _published_findings(case: Case, results: Sequence[PublishedResult]) -> list[Finding]:
    findings = []
    for figure in case.published:
        rows = [r for r in results if r.name == f"{figure.implementation}.{figure.name}" and r.published == figure.text]
        if any(r.met for r in rows):
            continue
        seen = rows[0].computed if rows else "not computed"
        findings.append(_finding("V302", f"{figure.implementation}.{figure.name} is {seen}, published as {figure.text}", figure.place, implementation=figure.implementation, gradient=figure.name, point=rows[0].point if rows else ()))
    return findings


def _expectation_findings(case: Case, judged: Sequence[Judged]) -> list[Finding]:
    findings = []
    for e in case.expect:
        if any(j.result.implementation == e.implementation and j.result.gradient == e.gradient and j.result.verdict.value == e.verdict for j in judged):
            continue
        seen = ", ".join(sorted({j.result.verdict.value for j in judged if j.result.implementation == e.implementation and j.result.gradient == e.gradient}))
        findings.append(_finding("V303", f"expected {e.implementation}.{e.gradient} to be {e.verdict} at some point; it is {seen or 'never checked'}", e.place, implementation=e.implementation, gradient=e.gradient))
    return findings
