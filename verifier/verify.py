"""The pipeline: START READING HERE. A Case becomes programs, the programs gradients, the gradients verdicts, the verdicts a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from verifier import points, results, settle
from verifier.backprop import differentiated, with_backward
from verifier.case import Case
from verifier.compare import compare
from verifier.drafts import Draft, Programs
from verifier.errors import Complaint
from verifier.formats import Format, format_named, round_exact
from verifier.formats import exact as exact_number
from verifier.outcome import CaseReport, Finding, HuntedRegion, Report
from verifier.processes import WORTH_A_PROCESS, in_processes
from verifier.subject import Subject, Truth, truth_of
from verifier.symbolic import NotDifferentiable

if TYPE_CHECKING:
    from verifier.exhaustive import Progress
    from verifier.hunt import Region
    from verifier.sweep import Swept

MANY_POINTS = 100_000  # of a sample


def verify(case: Case, *, strict: bool = False, jobs: int = 1, state: str | None = None, progress: Progress | None = None) -> CaseReport:
    """Check every claimed gradient of every implementation of a case, at every point, in every format.

    `jobs` processes share a sweep; `state` is the folder in which an exhaustive one keeps what is done, `progress` is told of it.
    """
    programs = _programs(case)
    try:
        truth = truth_of(programs.truth)
        subjects = {d.implementation.name: subject(d) for d in programs.drafts}
        checks: list[results.Check] = []
        regions: list[HuntedRegion] = []
        for name in case.formats:
            fmt = format_named(name)
            upstream = round_exact(fmt, exact_number(case.upstream))
            listed = points.listed(case, fmt)
            if case.hunt:
                found_regions = _hunted(case, truth, subjects, fmt, upstream)
                listed = list(dict.fromkeys([*listed, *(r.point for _, r in found_regions)]))
                regions += [results.region_text(case, fmt, who, r) for who, r in found_regions]
            for implementation, tested in subjects.items():
                found = compare(truth, tested, listed, fmt=fmt, upstream=upstream)
                swept = _swept(case, truth, tested, fmt, upstream, implementation, jobs=jobs, state=state, progress=progress) if (case.sample or case.exhaustive) and not results.interrupted(checks) else []
                checks.append(results.Check(implementation, fmt, tested, listed, found, upstream, swept))
    except (points.PointError, NotDifferentiable) as error:
        return unusable(case, str(error))
    return settle.report(case, programs, truth, checks, strict=strict, regions=regions)


def _hunted(case: Case, truth: Truth, subjects: dict[str, Subject], fmt: Format, upstream: float) -> list[tuple[str, Region]]:
    """The regions that a hunt finds for any of the implementations; every one is then judged at all their points."""
    from verifier.hunt import hunt

    domain = points.domain_of(case)
    return [(name, r) for name, s in subjects.items() for r in hunt(truth, s, domain, fmt=fmt, upstream=upstream, seed=case.name, budget=case.budget)]


def _swept(
    case: Case, truth: Truth, tested: Subject, fmt: Format, upstream: float, implementation: str, *, jobs: int, state: str | None, progress: Progress | None
) -> list[Swept]:
    """The sampled points, or all inputs, summed up."""
    from verifier import exhaustive, sweep
    from verifier.columns import Work

    work = Work(truth, tested, fmt, upstream, _limit(case, implementation))
    if case.exhaustive:
        return exhaustive.run(work, points.domain_of(case), jobs=jobs, state=state, progress=progress)
    return sweep.swept(work, sweep.run(work, points.sample_columns(case, work.format), jobs=jobs), total=case.sample)


def _limit(case: Case, implementation: str) -> float | None:
    """The error in ulps that the case accepts of an implementation."""
    own = next(i.accept_ulps for i in case.implementations if i.name == implementation)
    text = own if own is not None else case.accept_ulps
    return None if text is None else float(text)


def subject(draft: Draft) -> Subject:
    """An implementation's whole program: the written backward pass, or the one that backprop generates."""
    whole = draft.whole if draft.whole is not None else with_backward(draft.forward, draft.claims)
    return Subject(differentiated(whole), draft.claims)


def verify_all(
    cases: Iterable[Case], complaints: Sequence[Complaint] = (), *, strict: bool = False, jobs: int = 1, state: str | None = None, progress: Progress | None = None
) -> Report:
    """Check many cases; a broken document or case is reported and never takes the others with it."""
    listed = list(cases)
    if len(listed) > WORTH_A_PROCESS:
        import verifier.arithmetic.expressions  # noqa: F401 - SymPy, once for all processes
    light = [c for c in listed if not is_heavy(c)]
    quick = iter(in_processes(verify_safely, light, strict=strict, jobs=jobs))
    reports: list[CaseReport] = []
    for case in listed:
        if not is_heavy(case):
            reports.append(next(quick))
        elif not any(r.is_interrupted for r in reports):  # Ctrl-C ends what is long, and what is done is still told
            reports.append(verify_safely(case, strict=strict, jobs=jobs, state=state, progress=progress))
    broken = [unreadable(file, list(group)) for file, group in groupby(complaints, key=lambda c: c.place.file)]
    return Report((*reports, *broken), tuple(complaints))


def is_heavy(case: Case) -> bool:
    """Whether a case is worth several processes of its own."""
    return case.exhaustive or case.sample >= MANY_POINTS


def verify_safely(case: Case, *, strict: bool = False, jobs: int = 1, state: str | None = None, progress: Progress | None = None) -> CaseReport:
    """`verify`, with a failure of the tool itself reported as an error of this case alone."""
    try:
        return verify(case, strict=strict, jobs=jobs, state=state, progress=progress)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside is reported, and costs this case only
        return unusable(case, f"the tool failed on this case ({type(error).__name__}: {error}); please report it")


def unusable(case: Case, message: str) -> CaseReport:
    """The report of a case that could not be checked."""
    finding = Finding("V002", "unusable-case", "error", message, case.place)
    return CaseReport(case.name, case.file, case.place.line, "error", findings=(finding,))


def unreadable(file: str, complaints: Sequence[Complaint]) -> CaseReport:
    """The report of a file's documents that could not be read."""
    findings = tuple(Finding("V001", "unreadable-case", "error", c.message, c.place, statement=c.line_text.strip()) for c in complaints)
    return CaseReport(file, file, complaints[0].place.line, "error", findings=findings)


def _programs(case: Case) -> Programs:
    if case.programs is None:
        raise ValueError(f"{case.name}: load cases with verifier.load: this one has no programs")
    return case.programs

