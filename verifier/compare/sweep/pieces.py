"""A case with very many points, in pieces: its programs, its points in parts, and at last the case with their sums."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from verifier.case import points
from verifier.case.case import Case, Programs
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import Subject, Truth, subject, truth_of
from verifier.language.formats import format_named, round_exact
from verifier.language.numeral import exact
from verifier.run.chunks import Lost
from verifier.run.workers import Workers

if TYPE_CHECKING:
    from verifier.compare.sweep.columns import Work
    from verifier.compare.sweep.exhaustive import Progress
    from verifier.compare.sweep.sweep import Sums

MANY_POINTS = 100_000  # of a sample
Run = tuple[str, str]  # an implementation and a format


def is_heavy(case: Case) -> bool:
    """Whether a case is worth several processes of its own."""
    return case.exhaustive or case.sample >= MANY_POINTS


def programs_of(case: Case) -> Programs:
    """The programs that a case was loaded with."""
    if case.programs is None:
        raise ValueError(f"{case.name}: load cases with verifier.load: this one has no programs")
    return case.programs


def work_on(case: Case, run: Run, truth: Truth, tested: Subject) -> Work:
    """What is judged of an implementation in a format."""
    from verifier.compare.sweep.columns import Work

    name, form = run
    own = next(i.accept_ulps for i in case.implementations if i.name == name)
    limit = own if own is not None else case.accept_ulps
    fmt = format_named(form)
    return Work(truth, tested, fmt, round_exact(fmt, exact(case.upstream)), None if limit is None else float(limit))


def summed(case: Case, work: Work, workers: Workers, progress: Progress | None = None) -> Sums:
    """The points of a case judged in parts. Raises PointError, Unfinished."""
    from verifier.compare.sweep import exhaustive, sweep

    if case.exhaustive:
        return exhaustive.sums(work, points.domain_of(case), workers=workers, progress=progress)
    return sweep.sums(work, points.sample_columns(case, work.format), workers=workers)


def with_proofs(case: Case, work: Work) -> Work:
    """The work, with proofs where there are so many points that they are worth their time."""
    from verifier.compare.sweep import exhaustive, sweep

    count = exhaustive.size(work.format, points.domain_of(case)) if case.exhaustive else case.sample
    return sweep.with_proofs(work) if count >= sweep.MANY else work


def sums_of(case: Case, workers: Workers, progress: Progress | None = None) -> dict[Run, Sums]:
    """The sums of all implementations in all formats; the last ones are missing where it was interrupted. Raises PointError, Unfinished."""
    found: dict[Run, Sums] = {}
    runs = [(d.implementation.name, form) for form in case.formats for d in programs_of(case).drafts]
    for run, (work,) in zip(runs, workers.run(partial(_prepared, case), runs), strict=True):
        if work is None or isinstance(work, Lost):
            break  # the case itself will tell
        found[run] = summed(case, work, workers, progress)
        if any(t.points < found[run].total for t in found[run].tallies):
            break
    return found


def _prepared(case: Case, run: Run) -> Any:
    """The work of a run with its proofs; None where the case cannot be computed."""
    try:
        programs = programs_of(case)
        draft = next(d for d in programs.drafts if d.implementation.name == run[0])
        return with_proofs(case, work_on(case, run, truth_of(programs.truth), subject(draft)))
    except (points.PointError, NotDifferentiable):
        return None
