"""Check many cases, and take from the cache the reports of those that are as they were when they were checked before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.case.case import Case, calls_of
from verifier.language.source import Complaint
from verifier.report.outcome import CaseReport, Report
from verifier.run.cache import UNKNOWN, Cache, name_of

if TYPE_CHECKING:
    from verifier.run.workers import Workers

LASTING = ("passed", "failed")  # an error may be gone the next time


def verify_changed(
    cases: Sequence[Case],
    complaints: Sequence[Complaint],
    *,
    cache: Cache,
    strict: bool,
    workers: Callable[[], Workers],
    progress: Callable[[int, int], None] | None = None,
    each: Callable[[CaseReport], None] = lambda _: None,
) -> Report:
    """`verify_all` of the cases that the cache does not know, and the reports that it has of the others, in the order of the cases.

    Cases with callables are always checked: the code that they run may change. `workers` are opened only where there is work.
    """
    names = ["" if calls_of(case) or cache.secret is None else name_of("check", strict, case) for case in cases]
    known = [_cached(cache, name) for name in names]
    pending = [i for i, report in enumerate(known) if report is None]
    reports: list[CaseReport] = []

    def give(report: CaseReport) -> None:
        reports.append(report)
        each(report)

    def give_known(before: int) -> None:
        while places and places[0] < before:
            report = known[places.pop(0)]
            if report is not None:
                give(report)

    def given(report: CaseReport) -> None:
        i = waiting.pop(0)
        if names[i] and report.status in LASTING and not report.is_interrupted:
            cache.keep(names[i], report)
        give_known(i)
        give(report)
        give_known(waiting[0] if waiting else len(cases))

    places, waiting = [i for i, report in enumerate(known) if report is not None], list(pending)
    give_known(pending[0] if pending else len(cases))
    unchecked = 0
    if pending or complaints:
        from verifier.many import verify_all

        with workers() as own:
            unchecked = verify_all([cases[i] for i in pending], strict=strict, workers=own, progress=progress, each=given).unchecked
        give_known(len(cases))  # those behind an interruption
        for report in verify_all((), complaints).cases:
            give(report)
    return Report(tuple(reports), tuple(complaints), unchecked=unchecked)


def _cached(cache: Cache, name: str) -> CaseReport | None:
    found = cache.get(name, CaseReport) if name else UNKNOWN
    return None if found is UNKNOWN else replace(found, is_cached=True)
