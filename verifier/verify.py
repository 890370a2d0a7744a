"""The pipeline: START READING HERE. Every name that is imported is a room; a room imports only those below it."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.case import points
from verifier.case.case import Case, calls_of
from verifier.compare import linearity
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked, is_interrupted
from verifier.compare.compare import compare, without_reals
from verifier.compare.meant import meant_in
from verifier.compare.sweep.sample import source_of
from verifier.compare.sweep.sweep import Sums, SweepKey, sweep, swept
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import truth_of
from verifier.report import assemble
from verifier.report.outcome import CaseReport
from verifier.run.cache import NO_CACHE, Cache
from verifier.run.collector import rare_collections
from verifier.search.hunt import Region, hunted_for_another, hunted_in, with_points, with_regions, worth_a_point


@rare_collections()
def verify(case: Case, *, strict: bool = False, sums: Mapping[SweepKey, Sums] | None = None, debug: bool = False, cache: Cache = NO_CACHE) -> CaseReport:
    """Check every claimed gradient of every implementation of a case, at every point, in every format.

    `sums` are what its many points came to, by implementation and format, where others have swept them; one that is missing was interrupted.
    What fails beside the verdicts costs a note only, and with `debug` the run. `cache` has the proofs and diagnoses of earlier runs.
    """
    if calls := calls_of(case):
        return assemble.unusable(case, f"{', '.join(i.name for i in calls)}: callables are run by verify_all, in a process of their own, not by verify")
    found: list[Checked] = []
    regions: list[tuple[Check, Region]] = []
    unseen: list[str] = []  # by hunts whose budget did not suffice
    try:
        truth = truth_of(case.programs.truth)  # the exact gradient: SymPy's derivative of every gate, run in balls
        for form, checks in checks_of(case, truth):  # the implementations in one format
            listed, infinite = points.listed(case, form), points.without_reals(case, form)
            if case.hunt:  # for points that nobody listed: every implementation is then judged there
                hunts = [(c, hunted_in(c, points.boxes(case, form), seed=case.name, budget=case.budget, meant=meant_in(case, form))) for c in checks]
                unseen += [f"{c.implementation}: {h.unseen}" for c, h in hunts if h.unseen]
                hunted = worth_a_point([(c, r) for c, h in hunts for r in h.regions])
                regions += hunted
                listed = with_regions(listed, [r for _, r in hunted])
                others = [c for c in checks if linearity.may_ignore(case, c) and not linearity.is_linear(c)]
                listed = with_points(listed, hunted_for_another(others, points.boxes(case, form), seed=case.name, budget=case.budget, meant=meant_in(case, form)))
            many = source_of(case, form)  # a sample, or all numbers of the format
            for check in checks:
                rows = [*compare(check, listed), *without_reals(check, infinite)]  # computed - exact at every point, certified, with its verdict
                if many is None or is_interrupted(found):
                    found.append(Checked(check, listed, rows))
                else:
                    found.append(Checked(check, listed, rows, sweep(check, many) if sums is None else swept(check, sums.get((check.implementation, form.name)))))
    except (points.PointError, NotDifferentiable) as error:
        return assemble.unusable(case, str(error))
    if sums is None and is_interrupted(found):
        raise KeyboardInterrupt  # nobody else knows: what was not seen has not passed
    return assemble.report(case, truth, found, regions, unseen, strict=strict, debug=debug, cache=cache)  # blame, findings, proofs, status
