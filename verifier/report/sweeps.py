"""Sums up swept points for the report: counts and quantiles per gradient, a sentence about all inputs, and the regions that do not pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from verifier.case.case import Case
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.sweep.sweep import Swept
from verifier.compare.sweep.tally import VerdictRun
from verifier.language import formats
from verifier.language.verdict import Verdict
from verifier.report.outcome import Sweep, SweepRegion
from verifier.report.results import Rating, judged

MOST_SHOWN = 3  # regions of a verdict that the sentence names one by one


def sentence(case: Case, check: Check, swept: Swept) -> str:
    """The sentence: *for every one of the 63,488 finite float16 inputs staged.dx is within 1.9 ulp, except 12 % where it vanishes: x >= 17.34*."""
    tally = swept.tally
    pair = "pairs of " if len(case.inputs) > 1 else ""
    everything = f"{swept.total:,} {pair}finite {check.format.stored_in} {'inputs' if not pair else 'numbers'}{_domain(case)}"
    who = f"{check.implementation}.{swept.name}"
    start = f"for every one of the {everything}" if tally.points == swept.total else f"for the {tally.points:,} of the {everything} that were checked before the interruption"
    passing = sum(g.count for g in tally.groups if g.verdict.passes)
    if not passing:
        extent = f"{who} never passes"
    else:
        error = max((_exact(rows) for g, rows in swept.examples if g.verdict.passes), default=0.0)
        extent = f"{who} is within {_upward(error)} ulp" if error else f"{who} is correctly rounded"
    parts = []
    for verdict in sorted((v for v in Verdict if v.clause), key=lambda v: -v.rank):
        count = tally.count(verdict)
        if count:
            shown = regions(case, check, swept, verdict)
            where = f": {_listed(shown)}" if shown else ""
            parts.append(f"{_share(count, tally.points)} where it {verdict.clause}{where}")
    return f"{start} {extent}" + (f", except {'; '.join(parts)}" if parts and passing else f": {'; '.join(parts)}" if parts else "")


def _domain(case: Case) -> str:
    given = dict(case.domain)
    return " with " + " and ".join(f"{name} in [{given[name][0]}, {given[name][1]}]" for name in case.inputs if name in given) if given else ""


def _exact(rows: object) -> float:
    return max((float(d.ulps.abs_upper()) for d in rows if d.ulps is not None and d.ulps.is_finite()), default=0.0)  # type: ignore[attr-defined]


def _upward(error: float) -> str:
    """Three digits, rounded up, so that the sentence is true."""
    places = 2 - math.floor(math.log10(error))
    scale = 10.0**places
    shown = math.ceil(error * scale * (1 - 1e-12)) / scale
    return f"{shown:.3g}" if shown < 1000 else f"{shown:.3g}".replace("e+0", "e").replace("e+", "e")


def _share(count: int, total: int) -> str:
    share = 100 * count / total
    if share >= 1:
        return f"{share:.0f} %"
    return f"{share:.1g} %" if share >= 0.01 else f"{count:,}"


def _listed(found: tuple[SweepRegion, ...]) -> str:
    if len(found) <= MOST_SHOWN:
        return ", ".join(r.words for r in found)
    return f"in {len(found)} intervals from {found[0].low} to {found[-1].high}"


def regions(case: Case, check: Check, swept: Swept, *verdicts: Verdict) -> tuple[SweepRegion, ...]:
    """The regions of the only input, in order, of some verdicts (default: all that do not pass)."""
    if swept.places is None:
        return ()
    return tuple(_region(case.inputs[0], check, swept.places, r) for r in swept.tally.runs if not verdicts or r.verdict in verdicts)


def _region(name: str, check: Check, places: tuple[int, int], r: VerdictRun) -> SweepRegion:
    low, high = (formats.text(check.format, v) for v in (r.low, r.high))
    mixed = r.count < r.last - r.first + 1
    if r.first == r.last:
        words = f"{name} = {low}"
    elif (r.first, r.last) == places:
        words = "everywhere"
    elif r.last == places[1]:
        words = f"{name} >= {low}"
    elif r.first == places[0]:
        words = f"{name} <= {high}"
    else:
        words = f"{low} <= {name} <= {high}"
    inside = f" (at {_share(r.count, r.last - r.first + 1)} of these)" if mixed else ""
    return SweepRegion(r.verdict, low, high, r.count, mixed, words + inside)


def sampled(case: Case, checked: Checked, *, strict: bool) -> list[Rating]:
    """The judged examples of the swept points. The worst example of a group also counts for the points of the group that are no examples."""
    found = []
    for swept in checked.swept:
        for group, rows in swept.examples:
            for i, d in enumerate(rows):
                j = judged(case, checked, d, strict=strict, is_listed=False)
                found.append(j if i else replace(j, count=group.count - len(rows) + 1))
    return found


def sweeps(case: Case, found: Sequence[Checked], sampled: Sequence[Rating]) -> list[Sweep]:
    """The swept points, summed up per gradient."""
    examples: dict[tuple[int, str], list[Rating]] = {}
    for j in sampled:
        examples.setdefault((id(j.checked), j.discrepancy.name), []).append(j)
    return [_sweep(case, checked.check, swept, examples.get((id(checked), swept.name), [])) for checked in found for swept in checked.swept]


def _sweep(case: Case, check: Check, swept: Swept, examples: Sequence[Rating]) -> Sweep:
    counts: dict[str, int] = {}
    for group in swept.tally.groups:
        counts[group.verdict.value] = counts.get(group.verdict.value, 0) + group.count
    worst = max(examples, key=lambda j: (j.discrepancy.verdict.fails, j.error), default=None)
    largest = max((j.error for j in examples if math.isfinite(j.error) and j.discrepancy.ulps is not None), default=None)

    def quantile(share: float) -> str | None:
        error = swept.tally.quantile(share)
        return None if error is None or largest is None else f"{min(error, largest):.4g}"

    return Sweep(
        check.implementation,
        swept.name,
        check.format.name,
        swept.tally.points,
        counts,
        worst.result if worst else None,
        quantile(0.5),
        quantile(0.99),
        None if largest is None else f"{largest:.6g}",
        total=swept.total,
        is_exhaustive=swept.is_exhaustive,
        statement=sentence(case, check, swept) if swept.is_exhaustive else "",
        regions=regions(case, check, swept),
    )
