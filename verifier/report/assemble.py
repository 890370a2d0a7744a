"""Puts the report of a case together: its judged results, its findings, its status."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case.case import Case
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.sweep.sweep import Gap, Unfinished
from verifier.exact.truth import Truth
from verifier.language.source import Complaint
from verifier.report import attribution, error_bounds, figures, findings, joint, passes, proofs, sweeps
from verifier.report.attempts import attempts_for
from verifier.report.outcome import CaseReport, Finding, Result
from verifier.report.results import Rating, judged, region_text
from verifier.report.suggestions import suggestions
from verifier.run.cache import NO_CACHE, Cache
from verifier.run.later import later
from verifier.search.hunt import Region


def report(case: Case, truth: Truth, found: Sequence[Checked], regions: Sequence[tuple[Check, Region]] = (), unseen: Sequence[str] = (), *, strict: bool, debug: bool = False, cache: Cache = NO_CACHE, is_read_later: bool = False) -> CaseReport:
    """The report of a case: of what was found in answer to its checks, and the regions that a hunt found; `unseen` says what it did not look at.

    What stands beside the verdicts and fails costs a note; with `debug` the failure is raised. `cache` has the proofs and diagnoses of earlier runs.
    With `is_read_later` the texts of the results, and their shares, are made when somebody reads them.
    """
    attempts = attempts_for(case, raises=debug, cache=cache)
    listed = [judged(case, checked, d, strict=strict, is_listed=True) for checked in found for row in checked.rows for d in row]

    def of_sweeps() -> list[Rating]:
        return [j for checked in found for j in sweeps.sampled(case, checked, strict=strict)]

    says_nothing = is_read_later and not case.expect and not any(j.severity for j in listed) and all(s.passes for checked in found for s in checked.swept)
    sampled = [] if says_nothing else of_sweeps()

    def results() -> tuple[Result, ...]:
        with_shares = attempts.make("the shares of the statements in the rounding errors", lambda: attribution.with_blame(listed), listed)
        return tuple(j.result for j in with_shares)

    texts = later(results) if is_read_later else results()
    outcomes = proofs.outcomes(case, found, attempts)
    bounds = attempts.check("the bounds in the whole domain", lambda: list(error_bounds.bounds_of(case, found, outcomes)))
    residuals = attempts.check("residuals", lambda: figures.residuals(case, found))
    published = figures.published(case, found)
    forward = attempts.check("the forward passes", lambda: passes.forward_findings(case, found, [*listed, *sampled], attempts))
    at_kinks = joint.points_at_kinks(found)
    reported = [
        *forward,
        *passes.shape_findings(case, attempts),
        *findings.verdict_findings(case, truth, [*listed, *sampled], attempts, forward),
        *proofs.proof_findings(case, found, outcomes, [*listed, *sampled], attempts),
        *attempts.check("other gradients that flow in", lambda: passes.upstream_findings(case, found)),
        *(attempts.make("the gradients at a kink together", lambda: joint.joint_findings(case, at_kinks, strict=strict), list[Finding]()) if at_kinks else ()),
        *figures.residual_findings(case, residuals),
        *figures.published_findings(case, published),
        *error_bounds.bound_findings(case, bounds, strict=strict),
        *findings.expectation_findings(case, [*listed, *sampled], bounds),
    ]
    remarks = passes.notes(case, truth, found, outcomes, reported, attempts)
    better = suggestions(case, found, regions, attempts)
    reported += attempts.findings
    failed = any(f.severity == "error" and not f.expected for f in reported)
    return CaseReport(
        case.name,
        case.file,
        case.place.line,
        "failed" if failed else "passed",
        proofs={name: {gradient: o.kind for gradient, o in by_name.items()} for name, by_name in outcomes.items()},
        proof_notes={name: {gradient: o.note for gradient, o in by_name.items()} for name, by_name in outcomes.items()},
        results=texts,
        sweeps=later(lambda: sweeps.sweeps(case, found, sampled or of_sweeps())) if is_read_later else tuple(sweeps.sweeps(case, found, sampled)),
        residuals=tuple(residuals),
        published=tuple(published),
        findings=tuple(reported),
        notes=(*unseen, *remarks, *attempts.notes),
        bounds=tuple(bounds),
        regions=tuple(region_text(case, check, region) for check, region in regions),
        suggestions=better,
    )


def unusable(case: Case, message: str) -> CaseReport:
    """The report of a case that could not be checked."""
    finding = Finding("V002", "unusable-case", "error", message, case.place)
    return CaseReport(case.name, case.file, case.place.line, "error", findings=(finding,))


def unfinished(case: Case, *reasons: str) -> CaseReport:
    """The report of a case that was not checked completely."""
    findings = tuple(Finding("V003", "unfinished-case", "error", f"not checked completely: {reason}", case.place) for reason in reasons)
    return CaseReport(case.name, case.file, case.place.line, "error", findings=findings)


def unfinished_sweep(case: Case, error: Unfinished) -> CaseReport:
    """The report of a case some of whose many points could not be judged."""
    return unfinished(case, *(_where(case, gap) for gap in error.gaps))


def _where(case: Case, gap: Gap) -> str:
    """The points that could not be judged, and why."""
    first, last = (", ".join(f"{name}={value!r}" for name, value in zip(case.inputs, point, strict=True)) for point in (gap.first, gap.last))
    return f"{gap.reason} at {first}" if gap.count == 1 else f"{gap.reason} at one of the {gap.count:,} points from {first} to {last}"


def unreadable(file: str, complaints: Sequence[Complaint]) -> CaseReport:
    """The report of a file's documents that could not be read."""
    findings = tuple(Finding("V001", "unreadable-case", "error", c.message, c.place, statement=c.line_text.strip(), source_line=c.line_text, width=1) for c in complaints)
    return CaseReport(file, file, complaints[0].place.line, "error", findings=findings)
