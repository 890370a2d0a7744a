"""Check many cases, and take from the cache the reports of those that are as they were when they were checked before.

No case of a file that has not changed is even read. A case with callables is always checked: the code that they run may change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.case.files import case_files
from verifier.language.source import Complaint
from verifier.report.outcome import CaseReport, Report
from verifier.run.cache import UNKNOWN, Cache, name_of

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.run.workers import Workers

Digests = Mapping[str, str]  # of the contents of case files
ReportsOfFiles = Mapping[str, tuple[CaseReport, ...]]  # the reports of the cases of files

UNREADABLE = "V001"  # the code of what could not be read
LASTING = ("passed", "failed")  # an error may be gone the next time


def digests_of(paths: Sequence[str], cache: Cache, *, in_folders: Callable[[str], bool] | None = None) -> Digests:
    """The case files at some paths, in order, with hashes of what is in them; none where something else than a readable file is among them."""
    found: dict[str, str] = {}
    for file in case_files(*paths, in_folders=in_folders) if cache.secret is not None else ():
        digest = "" if isinstance(file, Complaint) else _digest(file)
        if not digest or isinstance(file, Complaint):
            return {}
        found[file] = digest
    return found


def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).is_file() else ""
    except OSError:
        return ""


def unchanged(digests: Digests, cache: Cache, *, what: tuple[object, ...]) -> ReportsOfFiles:
    """The reports of the cases of each file of which the cache has them all; `what` is done with them and how."""
    found: dict[str, tuple[CaseReport, ...]] = {}
    for file, digest in digests.items():
        names = cache.get(_name_of_file(file, digest, what), tuple[str, ...])
        reports = [_cached(cache, name) for name in names] if names is not UNKNOWN else []
        if reports and all(r is not None for r in reports):
            found[file] = tuple(r for r in reports if r is not None)
    return found


class InOrder:
    """Gives the reports of changed files as they come, those of `known` files at their places among them; what could not be read comes last."""

    def __init__(self, files: Iterable[str], known: ReportsOfFiles, give: Callable[[CaseReport], None]) -> None:
        self.place = {file: k for k, file in enumerate(files)}
        self.known, self.waiting, self.given = known, [file for file in self.place if file in known], list[CaseReport]()
        self._give = give

    def give(self, report: CaseReport) -> None:
        """One report, after those of the known files before it."""
        self.give_before(None if any(f.code == UNREADABLE for f in report.findings) else report.file)
        self._one(report)

    def give_before(self, file: str | None) -> None:
        """The reports of the known files before a file; without one, of all."""
        end = len(self.place) if file is None else self.place.get(file, len(self.place))
        while self.waiting and self.place[self.waiting[0]] < end:
            for report in self.known[self.waiting.pop(0)]:
                self._one(report)

    def _one(self, report: CaseReport) -> None:
        self.given.append(report)
        self._give(report)


def remember(digests: Digests, cache: Cache, *, what: tuple[object, ...], cases: Sequence[Case], complaints: Sequence[Complaint], strict: bool, details: bool = False) -> None:
    """Note for each file that is still as it was when `digests` were taken under which names the cache has the reports of its cases."""
    names: dict[str, list[str]] = {}
    for case, name in zip(cases, _names(cases, cache, strict=strict, details=details), strict=True):
        names.setdefault(case.file, []).append(name)
    spoilt = {c.place.file for c in complaints}
    for file, digest in digests.items():
        of_file = names.get(file, [])
        if of_file and all(of_file) and file not in spoilt and _digest(file) == digest:
            cache.keep(_name_of_file(file, digest, what), tuple(of_file))


def _name_of_file(file: str, digest: str, what: tuple[object, ...]) -> str:
    return name_of("file", what, file, digest)


def _names(cases: Sequence[Case], cache: Cache, *, strict: bool, details: bool) -> list[str]:
    """The names of their reports in the cache, other ones with details than without; empty where there is no cache, or a case has callables."""
    from verifier.case.case import calls_of

    return ["" if calls_of(case) or cache.secret is None else name_of("check", strict, details, case) for case in cases]


def verify_changed(
    cases: Sequence[Case],
    complaints: Sequence[Complaint],
    *,
    cache: Cache,
    strict: bool,
    workers: Callable[[], Workers],
    progress: Callable[[int, int], None] | None = None,
    each: Callable[[CaseReport], None] = lambda _: None,
    details: bool = False,
) -> Report:
    """`verify_all` of the cases that the cache does not know, and the reports that it has of the others, in the order of the cases.

    `workers` are opened only where there is work.
    """
    names = _names(cases, cache, strict=strict, details=details)
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

        entries = "" if cache.secret is None else str(cache.folder.absolute())
        with workers() as own:
            unchecked = verify_all([cases[i] for i in pending], strict=strict, workers=own, progress=progress, each=given, details=details, entries=entries).unchecked
        give_known(len(cases))  # those behind an interruption
        for report in verify_all((), complaints).cases:
            give(report)
    return Report(tuple(reports), tuple(complaints), unchecked=unchecked)


def _cached(cache: Cache, name: str) -> CaseReport | None:
    found = cache.get(name, CaseReport) if name else None
    return replace(found, is_cached=True) if isinstance(found, CaseReport) else None
