"""Puts the report of a case together: its judged results, its findings, its status."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case.case import Case, Programs
from verifier.compare.check import Check
from verifier.compare.sweep.sweep import Gap
from verifier.exact.truth import Truth
from verifier.language.source import Complaint
from verifier.report import attribution, figures, findings, sweeps
from verifier.report.outcome import CaseReport, Finding, HuntedRegion
from verifier.report.results import Judged, judged


def report(case: Case, programs: Programs, truth: Truth, checks: Sequence[Check], *, strict: bool, regions: Sequence[HuntedRegion] = ()) -> CaseReport:
    """The report of a case."""
    accepted = {i.name: i.accept_ulps if i.accept_ulps is not None else case.accept_ulps for i in case.implementations}
    listed: list[Judged] = []
    sampled: list[Judged] = []
    for check in checks:
        limit = accepted[check.implementation]
        listed.extend(judged(case, check, d, limit, strict=strict, is_listed=True) for row in check.listed for d in row)
        sampled.extend(sweeps.sampled(case, check, limit, strict=strict))
    listed = attribution.with_blame(listed)
    proofs = findings.proofs(case, truth, checks)
    residuals = figures.residuals(case, programs, checks)
    published = figures.published(case, checks)
    told = [
        *findings.forward_findings(case, programs, checks),
        *findings.verdict_findings(case, programs, truth, [*listed, *sampled]),
        *findings.proof_findings(case, programs, checks, proofs, [*listed, *sampled]),
        *findings.upstream_findings(case, programs, truth, checks),
        *figures.residual_findings(case, residuals),
        *figures.published_findings(case, published),
        *findings.expectation_findings(case, [*listed, *sampled]),
    ]
    failed = any(f.severity == "error" and not f.expected for f in told)
    return CaseReport(
        case.name,
        case.file,
        case.place.line,
        "failed" if failed else "passed",
        proofs={name: {gradient: o.kind for gradient, o in found.items()} for name, found in proofs.items()},
        proof_notes={name: {gradient: o.note for gradient, o in found.items()} for name, found in proofs.items()},
        results=tuple(j.result for j in listed),
        sweeps=tuple(sweeps.sweeps(case, checks, sampled)),
        residuals=tuple(residuals),
        published=tuple(published),
        findings=tuple(told),
        notes=tuple(findings.notes(case, programs, truth, told)),
        regions=tuple(regions),
    )


def unusable(case: Case, message: str) -> CaseReport:
    """The report of a case that could not be checked."""
    finding = Finding("V002", "unusable-case", "error", message, case.place)
    return CaseReport(case.name, case.file, case.place.line, "error", findings=(finding,))


def unfinished(case: Case, *reasons: str) -> CaseReport:
    """The report of a case that was not checked completely."""
    findings = tuple(Finding("V003", "unfinished-case", "error", f"not checked completely: {reason}", case.place) for reason in reasons)
    return CaseReport(case.name, case.file, case.place.line, "error", findings=findings)


def _where(case: Case, gap: Gap) -> str:
    """The points that could not be judged, and why."""
    first, last = (", ".join(f"{name}={value!r}" for name, value in zip(case.inputs, point, strict=True)) for point in (gap.first, gap.last))
    return f"{gap.reason} at {first}" if gap.count == 1 else f"{gap.reason} at one of the {gap.count:,} points from {first} to {last}"


def unreadable(file: str, complaints: Sequence[Complaint]) -> CaseReport:
    """The report of a file's documents that could not be read."""
    findings = tuple(Finding("V001", "unreadable-case", "error", c.message, c.place, statement=c.line_text.strip()) for c in complaints)
    return CaseReport(file, file, complaints[0].place.line, "error", findings=findings)
