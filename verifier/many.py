"""The same for many cases, on many processes: all cases of a run, their campaigns of fuzzing, the edits of their backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifier.case.case import Case, calls_of
from verifier.case.points import PointError
from verifier.compare.check import Check, checks_of
from verifier.compare.sweep.sample import PointSource, source_of
from verifier.compare.sweep.sweep import Progress, Sums, SweepKey, Unfinished, prepared, sums
from verifier.exact.derivatives import NotDifferentiable, derived_before
from verifier.exact.truth import truth_of
from verifier.language.source import Complaint
from verifier.report.assemble import unfinished, unfinished_sweep, unreadable, unusable
from verifier.report.outcome import CaseReport, Report
from verifier.run.cache import NO_CACHE, Cache, opened
from verifier.run.chunks import Lost
from verifier.run.local import lead_a_group
from verifier.run.workers import Workers, automatic, cores
from verifier.verify import verify

if TYPE_CHECKING:
    from verifier.search.fuzz.campaign import Campaign
    from verifier.search.mutate import Mutant

CALL_SECONDS = 60.0  # that a case with callables may take, where nothing else is said
MOST_CHANGED = 5  # names that a note lists
LIGHT_ITEMS = 4  # cases of a chunk: few enough that the first reports are seen at once
MANY_POINTS = 100_000  # of a sample: from here on its parts, not the case, are the items of work


def verify_all(
    cases: Iterable[Case],
    complaints: Sequence[Complaint] = (),
    *,
    strict: bool = False,
    jobs: int = 1,
    workers: Workers | None = None,
    progress: Progress | None = None,
    each: Callable[[CaseReport], None] = lambda _: None,
    details: bool = False,
    entries: str = "",
) -> Report:
    """Check many cases; a broken document or case is reported and never takes the others with it.

    `workers` do it (`jobs` is short for Workers(jobs)). `each` is called with every report, in the order of the cases, as soon as it is there.
    With `details` the reports have what the page shows of them; `entries` is the folder of a cache, with the proofs and diagnoses of earlier runs. An interrupt (KeyboardInterrupt) ends it with what is done.
    """
    if workers is None:
        with Workers(jobs) as own:
            return verify_all(cases, complaints, strict=strict, workers=own, progress=progress, each=each, details=details, entries=entries)
    listed, reports = list(cases), list[CaseReport]()
    try:
        for report in _reports(listed, workers, strict=strict, progress=progress, details=details, entries="" if workers.executor else entries):  # others have no share in this user's cache
            reports.append(report)
            each(report)
            if report.is_interrupted:
                break
    except KeyboardInterrupt:
        pass  # what was seen is the result
    broken = [unreadable(file, list(group)) for file, group in groupby(complaints, key=lambda c: c.place.file)]
    for report in broken:
        each(report)
    return Report((*reports, *broken), tuple(complaints), unchecked=len(listed) - len(reports))


def _reports(listed: Sequence[Case], workers: Workers, *, strict: bool, progress: Progress | None, details: bool, entries: str) -> Iterator[CaseReport]:
    """The report of each case, in order. Cases that follow each other and are checked in the same way share their processes."""
    ways = ["apart" if calls_of(c) else "in parts" if is_heavy(c) or (workers.debug and c.sample > 0) else "light" for c in listed]  # with debug a fault is raised by whoever hands out the parts
    worth = automatic(ways.count("light"))
    for way, group in groupby(zip(ways, listed, strict=True), key=lambda pair: pair[0]):
        members = [case for _, case in group]
        if way == "apart":  # callables: the code of others, in a process of its own
            yield from _apart(members, workers, strict=strict, details=details, entries=entries)
        elif way == "light":
            yield from _light(members, workers, strict=strict, worth=worth, details=details, entries=entries)
        else:
            yield from (_heavy(case, workers, strict=strict, progress=progress, details=details, entries=entries) for case in members)


def is_heavy(case: Case) -> bool:
    """Whether a case is worth several processes of its own."""
    return case.exhaustive or case.sample >= MANY_POINTS


def _checker(workers: Workers, *, details: bool, entries: str) -> Callable[..., CaseReport]:
    check: Callable[..., CaseReport] = partial(verify, debug=True) if workers.debug else partial(verify_safely, entries=entries) if entries else verify_safely
    return partial(_with_details, check) if details else check


def _with_details(check: Callable[..., CaseReport], case: Case, **options: Any) -> CaseReport:
    """The report of a case, with what the page shows of it."""
    from verifier.report.describe import described

    return described(check(case, **options), case)


def verify_safely(case: Case, *, strict: bool = False, sums: Mapping[SweepKey, Sums] | None = None, entries: str = "") -> CaseReport:
    """`verify`, with a failure of the tool itself reported as an error of this case alone; `entries` is the folder of a cache, which each process opens itself."""
    cache = opened(Path(entries)) if entries else NO_CACHE
    try:
        with derived_before(cache):
            return verify(case, strict=strict, sums=sums, cache=cache)
    except MemoryError:
        raise  # which may be that of the process, not of the case
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside is reported, and costs this case only
        return unusable(case, f"the tool failed on this case ({type(error).__name__}: {error}); please report it")


def _light(cases: Sequence[Case], workers: Workers, *, strict: bool, worth: int, details: bool, entries: str) -> Iterator[CaseReport]:
    """Cases in chunks of several."""
    if worth > 1 and not entries:  # else the cache may have all derivatives that are needed
        import verifier.exact.sympy_gates  # noqa: F401 - SymPy, once for all processes
    work, key = partial(_checker(workers, details=details, entries=entries), strict=strict), partial(_key, ("check", strict, details))
    for case, (found,) in zip(cases, workers.run(work, cases, worth=worth, size=LIGHT_ITEMS, key=key, kind=CaseReport), strict=True):
        yield unfinished(case, found.reason) if isinstance(found, Lost) else found


# ---------------------------------------------------------------- callables


def _apart(cases: Sequence[Case], workers: Workers, *, strict: bool, details: bool, entries: str) -> Iterator[CaseReport]:
    """Cases with callables, each in a fresh process. None of their results is kept, since their code may change; what was proved of a program that is traced again is.

    Where a framework takes seconds to be imported, those of a file share a process. What one has done to the others is then undone by
    running these again, alone: those that do not pass, and all where one has changed what they share.
    """
    work = partial(_with_calls, strict=strict, details=details, entries=entries)
    if workers.debug:
        yield from (work(case).report for case in cases)
        return
    if len(cases) > 1:
        import verifier.calls
        import verifier.numpy  # once for all processes
    if len(cases) > 1 and not entries:  # else the cache may have all derivatives that are needed
        import verifier.exact.sympy_gates  # noqa: F401
    searches = [c.improve.limit * len(c.implementations) * len(c.formats) for c in cases if c.improve is not None]  # beside the calls: what they find costs no verdict
    limit = workers.timeout if workers.timeout is not None else CALL_SECONDS + max(searches, default=0.0)
    cache = opened(Path(entries)) if entries else NO_CACHE
    groups = [group for file, several in groupby(cases, key=lambda case: case.file if _imports_slowly(case) else "") for group in ([list(several)] if file else [[case] for case in several])]
    for case, answer in zip(cases, workers.run_apart(work, groups, limit=limit, stands=_stand), strict=True):
        if isinstance(answer, Lost):
            yield unfinished(case, answer.reason)
            continue
        for name, value in answer.entries.items() if answer.is_clean else ():  # else its code may have changed what they were made with
            cache.keep(name, value)
        yield answer.report


@dataclass(frozen=True)
class CallAnswer:
    """The report of a case with callables, whether they have left what other cases in the same process share as it was, and what was proved for it."""

    report: CaseReport
    is_clean: bool
    entries: Mapping[str, Any]  # of the cache


def _imports_slowly(case: Case) -> bool:
    return any(i.call is not None and i.call.framework != "numpy" for i in calls_of(case))


def _stand(answers: Sequence[object]) -> list[bool]:
    """Which answers of cases that shared a process stand: where none of them has changed what they share, those that pass or have nothing to check."""
    is_clean = all(isinstance(a, CallAnswer) and a.is_clean for a in answers)
    return [is_clean and isinstance(a, CallAnswer) and a.report.status in ("passed", "skipped") for a in answers]


def _with_calls(case: Case, *, strict: bool, details: bool, entries: str = "") -> CallAnswer:
    """The report of a case with callables, in a process of its own."""
    from verifier.calls import shared_state, verify_with_calls

    lead_a_group()
    before = shared_state(case)
    cache = opened(Path(entries)) if entries else Cache(Path(), None)
    held = cache.hold()
    check = partial(verify_with_calls, cache=cache)
    try:
        with derived_before(cache):
            report = _with_details(check, case, strict=strict) if details else check(case, strict=strict)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside is reported, and costs this case only
        report = unusable(case, f"the tool failed on this case ({type(error).__name__}: {error}); please report it")
    after = shared_state(case)
    changed = [name for name, value in before.items() if after.get(name) != value]
    if changed:
        report = replace(report, notes=(*report.notes, f"the code changes what others in its process share: {', '.join(changed[:MOST_CHANGED])}{', ...' if len(changed) > MOST_CHANGED else ''}"))
    return CallAnswer(report, not changed, held)


def _heavy(case: Case, workers: Workers, *, strict: bool, progress: Progress | None, details: bool, entries: str) -> CaseReport:
    """A case in parts: first the sums of its many points, then the case with them."""
    swept: Mapping[SweepKey, Sums] = {}
    try:
        swept = sums_of(case, workers, progress)
    except PointError:
        pass  # the case itself will tell
    except Unfinished as error:
        return unfinished_sweep(case, error)
    ((found,),) = workers.run(partial(_checker(workers, details=details, entries=entries), strict=strict, sums=swept), [case])
    return unfinished(case, found.reason) if isinstance(found, Lost) else found


def sums_of(case: Case, workers: Workers, progress: Progress | None = None) -> dict[SweepKey, Sums]:
    """The sums of all implementations in all formats; the last ones are missing where it was interrupted. Raises PointError, Unfinished."""
    found: dict[SweepKey, Sums] = {}
    runs = [(d.implementation.name, form) for form in case.formats for d in case.programs.drafts if not d.implementation.formats or form in d.implementation.formats]
    for run, (check,) in zip(runs, workers.run(partial(_prepared, case), runs), strict=True):
        if check is None or isinstance(check, Lost):
            break  # the case itself will tell
        found[run] = sums(check, _source(case, check), workers=workers, progress=progress)
        if any(t.points < found[run].total for t in found[run].tallies):
            break
    return found


def _prepared(case: Case, run: SweepKey) -> Any:
    """The check of an implementation in a format, with its proofs; None where the case cannot be computed."""
    try:
        ((_, checks),) = checks_of(case, truth_of(case.programs.truth), run[1:])
        check = next(c for c in checks if c.implementation == run[0])
        return prepared(check, _source(case, check))
    except (PointError, NotDifferentiable):
        return None


def _source(case: Case, check: Check) -> PointSource:
    found = source_of(case, check.format)
    if found is None:
        raise ValueError(f"{case.name} has neither a sample nor all inputs to sweep")
    return found


# ---------------------------------------------------------------- searches, each case an item of work


def campaigns(cases: Sequence[Case], workers: Workers, *, max_examples: int, max_time: float, seed: int, strict: bool) -> Iterator[Campaign]:
    """The fuzzing campaign of each case, in order. One that did not come to its end has a `problem`."""
    from verifier.search.fuzz.campaign import Campaign, campaign

    work = partial(campaign, max_examples=max_examples, max_time=max_time, seed=seed, strict=strict)
    key = partial(_key, ("fuzz", max_examples, max_time, seed, strict))
    for case, (found,) in zip(cases, workers.run(work, cases, worth=min(cores(), len(cases)), key=key, kind=Campaign), strict=True):
        yield Campaign(case.name, problem=found.reason) if isinstance(found, Lost) else found


def mutations(cases: Sequence[Case], workers: Workers, *, most: int | None) -> Iterator[list[Mutant] | str]:
    """The edits of each case, survivors with a point, in order; why there are none where it did not come to its end."""
    from verifier.search.mutate import Mutant, mutants

    key = partial(_key, ("mutate", most))
    for (found,) in workers.run(partial(mutants, most=most, survivors=True), cases, worth=min(cores(), len(cases)), key=key, kind=list[Mutant]):
        yield found.reason if isinstance(found, Lost) else found


def _key(what: tuple[object, ...], case: Case) -> str:
    from verifier.run.state import key

    return key(*what, case)
