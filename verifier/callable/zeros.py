"""Gradients that are exactly 0 while the computed ones are the roundings of the terms that cancel: a note, as there is no unit in which such a number is far off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flint import arb, fmpq

from verifier.arithmetic import balls, rounding
from verifier.compare.check import Check, exceeds
from verifier.compare.checked import Checked
from verifier.compare.conditioning import CONDITION_FACTOR, PointRuns, rounded_terms
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport

BITS = 192  # at which the terms are enclosed
UNSTABLE = "V201"


def with_zeros(report: CaseReport, check: Check, checked: Checked) -> CaseReport:
    """The report with a note in place of each finding of an unstable gradient that is 0 wherever it is unstable, and off by its roundings alone."""
    found = [f for f in report.findings if f.code == UNSTABLE]
    if not found:
        return report
    notes: dict[str, str] = {}
    left = []
    for f in report.findings:
        own = [d for d in _unstable(checked) if d.name in (f.gradients or (f.gradient,))] if f.code == UNSTABLE else []
        ratios = [_ratio(check, d) for d in own]
        if not own or any(r is None for r in ratios):
            left.append(f)
            continue
        worst = max(range(len(own)), key=lambda k: abs(own[k].computed))
        name = own[worst].name
        more = f" (and {len(own) - 1} more like it)" if len(own) > 1 else ""
        notes[name] = f"{name}: the exact gradient is 0, as nearly as {own[worst].bits} bits tell, and the computed one is {own[worst].computed!r}{more}: {ratios[worst]} times what one rounding of every term of its sums may add up to"
    return report if not notes else replace(report, findings=tuple(left), notes=(*report.notes, *notes.values()))


def _unstable(checked: Checked) -> Iterator[Discrepancy]:
    rows = [*checked.rows, *(found for s in checked.swept for group, found in s.examples if group.verdict is Verdict.UNSTABLE)]
    return (d for row in rows for d in row if d.verdict is Verdict.UNSTABLE)


def _ratio(check: Check, d: Discrepancy) -> str | None:
    """How many times the roundings of its terms a computed gradient is that should be 0; None where it is not 0, or not explained by them, or above what is accepted."""
    if not isinstance(d.exact, one_sided.Finite) or not d.exact.ball.contains(0) or d.residual is None or exceeds(check.limit_for(d.name), d):
        return None
    with balls.precision(BITS):
        unit = arb(fmpq(check.format.unit_roundoff.numerator, check.format.unit_roundoff.denominator))
        terms = rounded_terms(check, d, PointRuns(check, d.point), BITS) * unit
        if not (terms > 0 and abs(d.residual) <= CONDITION_FACTOR * terms):
            return None
        return rounding.significant(abs(d.residual) / terms, 2)
