"""Findings about gradients at a kink that pass one by one and are no subgradient together."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.arithmetic import rounding
from verifier.arithmetic.types import Ball
from verifier.case.case import Case
from verifier.case.components import base
from verifier.case.points import point_text
from verifier.compare.checked import Checked
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.shared_kinks import Apart, apart
from verifier.language.verdict import Verdict
from verifier.report import by_array
from verifier.report.catalogue import finding
from verifier.report.findings import statement_of
from verifier.report.outcome import Finding

MOST_POINTS = 50  # of an implementation that are looked at
DIGITS = 6


def points_at_kinks(found: Sequence[Checked]) -> list[tuple[Checked, Sequence[Discrepancy]]]:
    """The points at which several gradients of an implementation are at a kink, some of each of them."""
    return [(c, row) for c in found for row in c.rows[:MOST_POINTS] if sum(d.verdict is Verdict.SUBGRADIENT for d in row) > 1]


def joint_findings(case: Case, at_kinks: Sequence[tuple[Checked, Sequence[Discrepancy]]], *, strict: bool) -> list[Finding]:
    """One finding for the gradients, or the components of the same arrays, of an implementation that are no subgradient together: of the first of such groups."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[Checked, Apart]]] = {}
    for checked, row in at_kinks:
        for group in apart(checked.check, row):
            groups.setdefault((checked.check.implementation, tuple(dict.fromkeys(base(d.name) for d in group.found))), []).append((checked, group))
    return [_finding(case, *several[0], len(several) - 1, strict=strict) for several in groups.values()]


def _finding(case: Case, checked: Checked, group: Apart, further: int, *, strict: bool) -> Finding:
    check, names = checked.check, tuple(d.name for d in group.found)
    draft = next(d for d in case.programs.drafts if d.implementation.name == check.implementation)
    statement, place = statement_of(check.subject.program, names[0])
    more = f" (and {further:,} more {'groups' if further > 1 else 'group'} like these)" if further else ""
    each = by_array.listed("", names, by_array.arrays(name for _, name in draft.claims))
    inputs = [d.input for d in group.found]
    return finding(
        "V207",
        f"{check.implementation}: {each}{more} each lie between the one-sided derivatives, and are no subgradient together: where {', '.join(inputs[:-1])} and {inputs[-1]} grow alike they add up to {_text(group.computed)}, and the function has {_slopes(group.slopes)}",
        place or draft.implementation.place,
        severity="error" if strict else "warning",
        implementation=check.implementation,
        gradient=names[0],
        gradients=names,
        statement=statement,
        point=point_text(case, check.format, group.found[0].point),
        details=tuple(f"{d.name}  {d.computed!r}" for d in group.found[:DIGITS]),
    )


def _slopes(slopes: Ball) -> str:
    low, high = _text(slopes.lower()), _text(slopes.upper())
    return f"the slope {low} there" if low == high else f"slopes between {low} and {high} there"


def _text(value: Ball) -> str:
    digits = rounding.significant(value, DIGITS)
    digits = digits if "e" in digits or "." not in digits else digits.rstrip("0").rstrip(".")
    return f"-{digits}" if value < 0 and digits != "0" else digits
