"""Figures that a case states: residuals between implementations, and what its source printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

from verifier.arithmetic import balls, floats
from verifier.blame.rounding import by_statement
from verifier.case.case import Case, Published, Residual
from verifier.case.components import base
from verifier.case.points import point_text
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program, only_for
from verifier.compare.checked import Checked
from verifier.exact import derivatives
from verifier.exact.identities.field import is_zero, is_zero_at
from verifier.language import formats
from verifier.language.source import Place
from verifier.report import attribution
from verifier.report.catalogue import finding
from verifier.report.outcome import Finding, PublishedResult, ResidualResult
from verifier.report.results import difference_of, digits

RESIDUAL_BITS = (192, 768, 3072)  # at which a residual over the reals is tried
MOST_LEDGERS = 20  # points at which the ledgers behind a residual are laid side by side


def residuals(case: Case, found: Sequence[Checked]) -> list[ResidualResult]:
    """Every residual at every listed point, in the first format in which all its implementations run."""
    results = []
    for residual, program in case.programs.residuals if case.residuals else ():
        names = {name.partition(".")[0] for name in program.inputs}
        groups = [{c.check.implementation: c for c in found if c.check.format.name == name} for name in case.formats]
        by_name = next((g for g in groups if g and names <= set(g)), {})
        for at, point in enumerate(next(iter(by_name.values())).points if by_name else ()):
            results.append(_residual(case, residual, program, by_name, at, point))
    return results


def _residual(case: Case, stated: Residual, program: Program, checks: dict[str, Checked], at: int, point: tuple[float, ...]) -> ResidualResult:
    text, expected = stated.text, stated.expected
    references = [name.partition(".") for name in program.inputs]
    values = [checks[impl].value(name, at) for impl, _, name in references]
    fmt = next(iter(checks.values())).check.format
    shown = point_text(case, fmt, point)
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        missing = program.inputs[values.index(None)]
        return ResidualResult(text, shown, f"'{missing}' does not exist", None, expected, False if expected is not None else None)
    computed = float(floats.at(program, known, fmt=fmt)[program.output])
    met = None if expected is None else computed == float(expected)
    sides = difference(program, checks, point) if at < MOST_LEDGERS and not stated.component else []
    return ResidualResult(text, shown, formats.text(fmt, computed), _exact_residual(program, checks, point), expected, met, tuple(map(difference_of, sides)))


def difference(program: Program, checks: dict[str, Checked], point: tuple[float, ...]) -> list[by_statement.SharedRow]:
    """The two ledgers behind a residual of the form `a.x - b.y`; empty for any other."""
    last = program.steps[program.output]
    if last.gate != "sub" or set(last.args) != {0, 1}:
        return []
    (first, _, name), (second, _, other) = (program.inputs[a].partition(".") for a in last.args)
    return attribution.difference((checks[first], name), (checks[second], other), point)


def _exact_residual(program: Program, checks: dict[str, Checked], point: tuple[float, ...]) -> str | None:
    """The residual over the reals: `0` where that is proved, for all inputs or at the point; None where no digits are certain."""
    whole, read = _together(program, checks)
    upstream = next(iter(checks.values())).check.upstream
    values = tuple(point[i] for i in read)
    for bits in RESIDUAL_BITS:
        with balls.precision(bits):
            (value,) = balls.at(whole, values, [whole.output], strict=False, upstream=upstream)
            if (text := digits(value)) is not None:
                return text
            if value.is_finite() and value.contains(0) and (is_zero(whole, whole.output) or is_zero_at(whole, whole.output, values)):
                return "0"
    return None


def _together(program: Program, checks: dict[str, Checked]) -> tuple[Program, list[int]]:
    """What the names of a residual depend on, over the reals, in one graph in which equal steps are one, and the residual of them; the inputs that it reads."""
    parts: list[Program] = []
    read: dict[str, int] = {}
    for reference in program.inputs:
        implementation, _, name = reference.partition(".")
        subject = checks[implementation].check.subject
        parts.append(only_for(subject.exact[0], subject.index(name)))
        read.update({x: subject.position(x) for x in parts[-1].inputs})
    at = {name: i for i, name in enumerate(read)}
    dag = Dag(tuple(read))
    references = [dag.splice(part, [at[name] for name in part.inputs])[part.output] for part in parts]
    output = dag.splice(residual := derivatives.primitive(program), references)[residual.output]
    return Program(tuple(dag.steps), tuple(read), {}, output), list(read.values())


def residual_findings(case: Case, results: Sequence[ResidualResult]) -> list[Finding]:
    """A residual must have its expected value at some point."""
    findings = []
    by_text: dict[str, list[ResidualResult]] = {}
    for r in results:
        by_text.setdefault(r.expression, []).append(r)
    unmet: dict[tuple[str, Place], list[Residual]] = {}
    for residual in case.residuals:
        if residual.expected is not None and not any(r.met for r in by_text.get(residual.text, [])):
            unmet.setdefault((residual.expression.text, residual.place), []).append(residual)
    for group in unmet.values():  # one, or the components of a difference of arrays
        seen = [(r, row[0] if (row := by_text.get(r.text, [])) else None) for r in group]
        residual, result = max(seen, key=lambda pair: _distance(pair[1], pair[0].expected))
        computed = result.computed if result is not None else "not computed"
        more = f" ({len(group):,} components differ, this one the most)" if len(group) > 1 else ""
        findings.append(finding("V301", f"residual {residual.text} is {computed}, expected {residual.expected}{more}", residual.place, point=result.point if result is not None else ()))
    return findings


def _distance(found: ResidualResult | None, expected: str | None) -> float:
    try:
        return abs(float(found.computed) - float(expected)) if found is not None and expected is not None else math.inf
    except ValueError:
        return math.inf


def published(case: Case, found: Sequence[Checked]) -> list[PublishedResult]:
    """Every published figure at every listed point."""
    results = []
    for figure in case.published:
        checked = next((c for c in found if c.check.implementation == figure.implementation), None)
        if checked is None:
            continue
        for at, point in enumerate(checked.points):
            value = checked.value(figure.name, at)
            computed = "no such name" if value is None else formats.text(checked.check.format, value)
            shown = point_text(case, checked.check.format, point)
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


def published_findings(case: Case, results: Sequence[PublishedResult]) -> list[Finding]:
    """A published figure must be what was computed at some point."""
    findings = []
    by_name: dict[tuple[str, str], list[PublishedResult]] = {}
    for r in results:
        by_name.setdefault((r.name, r.published), []).append(r)
    unmet: dict[tuple[str, str, Place], list[Published]] = {}
    for figure in case.published:
        if not any(r.met for r in by_name.get((f"{figure.implementation}.{figure.name}", figure.text), [])):
            unmet.setdefault((figure.implementation, base(figure.name), figure.place), []).append(figure)
    for group in unmet.values():  # one, or the components of an array
        figure = group[0]
        rows = by_name.get((f"{figure.implementation}.{figure.name}", figure.text), [])
        seen = rows[0].computed if rows else "not computed"
        more = f" ({len(group):,} components differ, this one is the first)" if len(group) > 1 else ""
        findings.append(finding("V302", f"{figure.implementation}.{figure.name} is {seen}, published as {figure.text}{more}", figure.place, implementation=figure.implementation, gradient=figure.name, point=rows[0].point if rows else ()))
    return findings
