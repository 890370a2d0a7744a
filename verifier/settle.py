"""A case's report: what was computed, judged; its findings; its status."""

from __future__ import annotations

from collections.abc import Sequence

from verifier import attribution, figures, findings, results
from verifier.case import Case
from verifier.drafts import Programs
from verifier.outcome import CaseReport, HuntedRegion
from verifier.results import Check, Judged, judged
from verifier.subject import Truth


def report(case: Case, programs: Programs, truth: Truth, checks: Sequence[Check], *, strict: bool, regions: Sequence[HuntedRegion] = ()) -> CaseReport:
    """The report of a case."""
    accepted = {i.name: i.accept_ulps if i.accept_ulps is not None else case.accept_ulps for i in case.implementations}
    listed: list[Judged] = []
    sampled: list[Judged] = []
    for check in checks:
        limit = accepted[check.implementation]
        listed.extend(judged(case, check, d, limit, strict=strict, is_listed=True) for row in check.listed for d in row)
        sampled.extend(results.sampled(case, check, limit, strict=strict))
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
        sweeps=tuple(results.sweeps(case, checks, sampled)),
        residuals=tuple(residuals),
        published=tuple(published),
        findings=tuple(told),
        notes=tuple(findings.notes(case, programs, truth, told)),
        regions=tuple(regions),
    )
