"""Better arrangements of the statements that lose a gradient's digits, as the report has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier.case import points
from verifier.case.case import Case, Draft, ImproveRequest
from verifier.case.components import base
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.meant import meant_in
from verifier.report.attempts import Attempts
from verifier.report.new_entry import entry_patch
from verifier.report.outcome import ErrorFigures, Replacement, ReplacementRegion
from verifier.report.patch import FilePatch, patch_of
from verifier.search.hunt import Region
from verifier.search.improve.each_component import improve_components
from verifier.search.improve.improve import improve
from verifier.search.improve.suggestion import Errors, ImprovedRegion, Suggestion
from verifier.search.improve.whole_arrays import improve_arrays

FEW_COMPONENTS = 8  # of an array whose components are looked at one by one
MOST_POINTS = 200  # points at which a gradient does not pass that the search is given


def suggestions(case: Case, found: Sequence[Checked], regions: Sequence[tuple[Check, Region]], attempts: Attempts) -> tuple[Replacement, ...] | None:
    """The better arrangements of a case; None where nobody asked for them. What fails or takes too long costs a note."""
    wish = case.improve
    if wish is None:
        return None
    limited = Attempts(attempts.place, wish.limit, attempts.raises, notes=attempts.notes, findings=attempts.findings)
    reported: dict[tuple[str, str], Replacement] = {}
    for checked in found:
        check = checked.check
        if wish.implementation not in ("", check.implementation):
            continue
        known = {gradient for name, gradient in reported if name == check.implementation}
        new = limited.of(f"{check.implementation} {check.format.name}").make(
            f"better arrangements of {check.implementation} in {check.format.name}", lambda c=checked, k=known: [*_of(case, c, regions, wish, k)], list[Replacement]()  # type: ignore[misc]
        )
        reported.update({(s.implementation, s.gradient): s for s in new})
    return tuple(reported.values())


def _of(case: Case, checked: Checked, regions: Sequence[tuple[Check, Region]], wish: ImproveRequest, known: set[str]) -> Iterator[Replacement]:
    """The better arrangements of one implementation in one format, for gradients that have none yet."""
    check = checked.check
    draft = next((d for d in case.programs.drafts if d.implementation.name == check.implementation), None)
    claimed = dict.fromkeys(name for _, g in check.subject.claims for name in (base(g), g))  # arrays as a whole, and their components
    wanted = [g for g in claimed if wish.gradient in ("", g, base(g)) and g not in known]
    if draft is None or not wanted:
        return
    if any(g == wish.gradient for _, g in check.subject.claims):
        check = check.alone(wish.gradient)
    suggested = _suggested(case, check, draft, wish, _points(checked, regions))
    for found in suggested:
        if found.gradient in wanted:
            if draft.whole is not None or found.new_pass is None:
                yield reported(check, found, patch_of(case, found.source, found.start, found.end, found.replacement))
            else:
                patch, added, text = entry_patch(case, draft, found.new_pass)
                yield replace(reported(check, found, patch, pass_text=text), added=added)


def _suggested(case: Case, check: Check, draft: Draft, wish: ImproveRequest, bad: Sequence[FloatPoint]) -> tuple[Suggestion, ...]:
    """The suggestions for one implementation: for statements that are one formula of each component, for others about arrays, for those about single numbers."""
    boxes, meant = points.boxes(case, check.format), meant_in(case, check.format)
    has_lines = draft.whole is None and draft.implementation.forward is not None  # that backprop differentiates
    found = improve_arrays(case, check, draft, boxes, budget=wish.seconds, meant=meant, bad=bad) if has_lines else ()
    if not found and case.programs.outputs:
        found = improve_components(case, check, draft, budget=wish.seconds, bad=bad)
    if not found and case.shapes and not has_lines:
        found = improve_arrays(case, check, draft, boxes, budget=wish.seconds, meant=meant, bad=bad)
    if not found and (not case.programs.outputs or len(check.subject.claims) <= FEW_COMPONENTS):
        found = improve(check, draft, boxes, budget=wish.seconds, meant=meant, points=bad)
    return found


def _points(checked: Checked, regions: Sequence[tuple[Check, Region]]) -> tuple[tuple[float, ...], ...]:
    """The points of a run at which a gradient of the implementation does not pass: listed ones, examples of a sweep, those of a hunt."""
    listed = [point for point, row in zip(checked.points, checked.rows, strict=False) if any(not d.verdict.passes for d in row)]
    swept = [d.point for s in checked.swept for group, examples in s.examples if not group.verdict.passes for d in examples if not d.verdict.passes]
    hunted = [r.point for check, r in regions if check.implementation == checked.check.implementation and check.format == checked.check.format]
    return tuple(dict.fromkeys([*listed, *hunted, *swept]))[:MOST_POINTS]


def reported(check: Check, found: Suggestion, patch: FilePatch, *, pass_text: str = "") -> Replacement:
    """A suggestion as text, with the change of the file, or with the implementation to be written in it."""
    place = found.source.place(0 if pass_text else found.start)
    return Replacement(
        found.implementation,
        found.gradient,
        check.format.name,
        place.file,
        place.line,
        place.column,
        found.original,
        found.replacement,
        found.proof,
        found.proof_text,
        _figures(found.before),
        _figures(found.after),
        tuple(_region(r) for r in found.regions),
        f"{found.cost:.2g}",
        found.verdict_before,
        found.verdict_after,
        found.candidates,
        patch.diff,
        patch.problem,
        patch.span,
        patch.digest,
        pass_text,
        patch.written,
    )


def _figures(errors: Errors) -> ErrorFigures:
    return ErrorFigures(errors.points, f"{errors.worst_ulps:.4g}", f"{errors.median_ulps:.4g}", f"{errors.mean_bits:.2f}")


def _region(region: ImprovedRegion) -> ReplacementRegion:
    return ReplacementRegion(region.condition, region.formula, _figures(region.before), _figures(region.after))
