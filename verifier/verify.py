"""The pipeline: START READING HERE. A Case becomes programs, the programs gradients, the gradients verdicts, the verdicts a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from verifier.case import points
from verifier.case.case import Case
from verifier.compare import check
from verifier.compare.compare import compare
from verifier.compare.sweep.pieces import is_heavy, programs_of, summed, sums_of, with_proofs, work_on
from verifier.compare.sweep.sweep import Unfinished
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import Subject, Truth, subject, truth_of
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.numeral import exact as exact_number
from verifier.language.source import Complaint
from verifier.language.verdict import Verdict
from verifier.report import assemble, results, sweeps
from verifier.report.assemble import _where, unfinished, unreadable, unusable
from verifier.report.outcome import CaseReport, HuntedRegion, Report
from verifier.run.chunks import Lost
from verifier.run.workers import MOST_ITEMS, Workers, automatic

if TYPE_CHECKING:
    from verifier.compare.sweep.columns import Work
    from verifier.compare.sweep.exhaustive import Progress
    from verifier.compare.sweep.pieces import Run
    from verifier.compare.sweep.sweep import Sums, Swept
    from verifier.search.hunt import Region


def verify(case: Case, *, strict: bool = False, sums: Mapping[Run, Sums] | None = None) -> CaseReport:
    """Check every claimed gradient of every implementation of a case, at every point, in every format.

    `sums` are what its many points came to, by implementation and format, where others have judged them; one that is missing was interrupted.
    """
    programs = programs_of(case)
    try:
        truth = truth_of(programs.truth)
        subjects = {d.implementation.name: subject(d) for d in programs.drafts}
        checks: list[check.Check] = []
        regions: list[HuntedRegion] = []
        for name in case.formats:
            fmt = format_named(name)
            upstream = round_exact(fmt, exact_number(case.upstream))
            listed = points.listed(case, fmt)
            if case.hunt:
                found_regions = _hunted(case, truth, subjects, fmt, upstream)
                listed = list(dict.fromkeys([*listed, *(r.point for _, r in found_regions if r.verdict is not Verdict.UNDECIDED)]))
                regions += [results.region_text(case, fmt, who, r) for who, r in found_regions]
            for implementation, tested in subjects.items():
                found = compare(truth, tested, listed, fmt=fmt, upstream=upstream)
                swept: list[Swept] = []
                if (case.sample or case.exhaustive) and not sweeps.interrupted(checks):
                    swept = _swept(case, work_on(case, (implementation, name), truth, tested), sums, (implementation, name))
                checks.append(check.Check(implementation, fmt, tested, listed, found, upstream, swept))
    except (points.PointError, NotDifferentiable) as error:
        return unusable(case, str(error))
    return assemble.report(case, programs, truth, checks, strict=strict, regions=regions)


def _hunted(case: Case, truth: Truth, subjects: dict[str, Subject], fmt: Format, upstream: float) -> list[tuple[str, Region]]:
    """The regions that a hunt finds for any of the implementations; every one is then judged at all their points (where it could not decide, nobody asked)."""
    from verifier.search.hunt import hunt

    domain = points.domain_of(case)
    return [(name, r) for name, s in subjects.items() for r in hunt(truth, s, domain, fmt=fmt, upstream=upstream, seed=case.name, budget=case.budget)]


def _swept(case: Case, work: Work, sums: Mapping[Run, Sums] | None, run: Run) -> list[Swept]:
    """The sampled points, or all inputs, summed up: as others did, or here and now."""
    from verifier.compare.sweep import sweep

    found = summed(case, with_proofs(case, work), Workers(1)) if sums is None else sums.get(run)
    return [] if found is None else sweep.swept(work, found)


def verify_all(
    cases: Iterable[Case], complaints: Sequence[Complaint] = (), *, strict: bool = False, jobs: int = 1, workers: Workers | None = None, progress: Progress | None = None
) -> Report:
    """Check many cases; a broken document or case is reported and never takes the others with it.

    `workers` do it (`jobs` is short for Workers(jobs)). An interrupt (KeyboardInterrupt) ends it with what is done.
    """
    if workers is None:
        with Workers(jobs) as own:
            return verify_all(cases, complaints, strict=strict, workers=own, progress=progress)
    listed = list(cases)
    in_parts = [is_heavy(c) or (workers.debug and c.sample > 0) for c in listed]  # a fault is raised by whoever hands out the parts
    reports: dict[int, CaseReport] = {}  # by the case's number
    try:
        light = [i for i in range(len(listed)) if not in_parts[i]]
        for i, found in zip(light, _light([listed[i] for i in light], workers, strict=strict), strict=True):
            reports[i] = found
        for i, case in enumerate(listed):
            if in_parts[i]:
                reports[i] = _heavy(case, workers, strict=strict, progress=progress)
                if reports[i].is_interrupted:
                    break
    except KeyboardInterrupt:
        pass  # what was seen is the result
    broken = [unreadable(file, list(group)) for file, group in groupby(complaints, key=lambda c: c.place.file)]
    return Report((*(reports[i] for i in sorted(reports)), *broken), tuple(complaints), unchecked=len(listed) - len(reports))


def _light(cases: Sequence[Case], workers: Workers, *, strict: bool) -> Iterator[CaseReport]:
    """Cases in chunks of several."""
    worth = automatic(len(cases))
    if worth > 1:
        import verifier.exact.sympy_gates  # noqa: F401 - SymPy, once for all processes
    for case, (found,) in zip(cases, workers.run(partial(verify if workers.debug else verify_safely, strict=strict), cases, worth=worth, size=MOST_ITEMS, key=partial(_named, strict), kind=CaseReport), strict=True):
        yield unfinished(case, found.reason) if isinstance(found, Lost) else found


def _heavy(case: Case, workers: Workers, *, strict: bool, progress: Progress | None) -> CaseReport:
    """A case in pieces."""
    sums: Mapping[Run, Sums] = {}
    try:
        sums = sums_of(case, workers, progress)
    except points.PointError:
        pass  # the case itself will tell
    except Unfinished as error:
        return unfinished(case, *(_where(case, g) for g in error.gaps))
    ((found,),) = workers.run(partial(verify if workers.debug else verify_safely, strict=strict, sums=sums), [case])
    return unfinished(case, found.reason) if isinstance(found, Lost) else found


def _named(strict: bool, case: Case) -> str:
    from verifier.run.state import key

    return key("check", strict, case)


def verify_safely(case: Case, *, strict: bool = False, sums: Mapping[Run, Sums] | None = None) -> CaseReport:
    """`verify`, with a failure of the tool itself reported as an error of this case alone."""
    try:
        return verify(case, strict=strict, sums=sums)
    except MemoryError:
        raise  # which may be that of the process, not of the case
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside is reported, and costs this case only
        return unusable(case, f"the tool failed on this case ({type(error).__name__}: {error}); please report it")


__all__ = ["subject", "verify", "verify_all", "verify_safely"]
