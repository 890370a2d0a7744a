"""The error over one input: columns of points judged as in a sweep, ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case import points
from verifier.case.case import Case
from verifier.compare.check import checks_of
from verifier.compare.sweep.classify import VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sweep import with_proofs
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import Format, numbers, places, round_exact
from verifier.language.numeral import exact as exact_number
from verifier.language.verdict import Verdict
from verifier.report.error_bounds import proved_ulps

MOST = 120_000  # points of a plot in formats of 32 bits and less
DECADES = 1000  # an interval of one sign whose ends differ by more than this factor is drawn over the places of its floats
MOST_WIDE = 12_000  # in float64


@dataclass(frozen=True)
class Curve:
    """One gradient over the chosen input: sorted values, their verdicts, errors in ulps (NaN where there are none)."""

    implementation: str
    gradient: str
    format: str
    input: str
    values: DoubleArray
    verdicts: Sequence[Verdict]
    errors: DoubleArray
    by_place: bool  # drawn over the place among all floats, not over the value
    fixed: tuple[tuple[str, str], ...]  # the other inputs
    is_complete: bool  # every number of the format in the interval is there
    bound: float | None = None  # ulps: the bound of the whole domain that the case claims, where one is proved
    regions: tuple[tuple[Verdict, float, float], ...] = ()  # that a hunt found: the verdict between two values


def curves(
    case: Case, *, over: str, implementation: str | None = None, gradient: str | None = None, form: str | None = None, point: int = 1, most: int | None = None
) -> list[Curve]:
    """The error curves of every implementation, or of one, for the gradient with respect to `over` or the one named. `most` bounds the points of a curve. ValueError names what the case does not have."""
    if over not in case.inputs:
        raise ValueError(f"{case.name} has no input '{over}'; it has {', '.join(case.inputs)}")
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), [form or case.formats[0]])
    others = _others(case, fmt, over, point)
    position = case.inputs.index(over)
    low, high = points.domain_of(case)[position]
    by_place = over not in dict(case.domain) or (low * high > 0 and max(low / high, high / low) > DECADES)
    column, is_complete = _column(fmt, low, high, by_place=by_place, most=most)
    columns = [column if name == over else np.full(len(column), others[name]) for name in case.inputs]
    found = []
    for check in checks:
        name = check.implementation
        claims = [c for c in check.subject.claims if (c[1] == gradient if gradient is not None else c[0] == over)]
        if not claims or implementation not in (None, name):
            continue
        plotted = with_proofs(replace(check, subject=Subject(check.subject.program, tuple(claims)), limit=None))
        bounds = proved_ulps(case, plotted)
        fixed = tuple((other, str(value)) for other, value in others.items())
        for (_, claimed), judged in zip(claims, judge_columns(plotted, columns), strict=True):
            verdicts = [VERDICTS[v] for v in judged.verdict.tolist()]
            found.append(Curve(name, claimed, fmt.name, over, column, verdicts, judged.error, by_place, fixed, is_complete, bounds.get(claimed)))
    if not found:
        raise ValueError(f"no implementation of {case.name} computes {f'the gradient {gradient!r}' if gradient else f'a gradient with respect to {over!r}'}")
    return found


def _others(case: Case, fmt: Format, over: str, point: int) -> dict[str, float]:
    """The other inputs: those of a listed point, else the middle of the domain."""
    listed = points.listed(case, fmt)
    if listed:
        if not 1 <= point <= len(listed):
            raise ValueError(f"{case.name} has {len(listed)} {'point' if len(listed) == 1 else 'points'}, not {point}")
        return {n: v for n, v in zip(case.inputs, listed[point - 1], strict=True) if n != over}
    middle = [(low + high) / 2 if math.isfinite(low + high) else 1.0 for low, high in points.domain_of(case)]
    return {n: round_exact(fmt, exact_number(repr(v))) for n, v in zip(case.inputs, middle, strict=True) if n != over}


def _column(fmt: Format, low: float, high: float, *, by_place: bool, most: int | None = None) -> tuple[DoubleArray, bool]:
    first, last = places(fmt, low, high)
    if first > last:
        raise ValueError(f"there is no {fmt.stored_in} number in [{low!r}, {high!r}]")
    most = min(MOST if fmt.precision <= 24 else MOST_WIDE, most or MOST)
    if last - first < most:
        return numbers(fmt, np.arange(first, last + 1)), True
    spread = np.unique(np.array([first + (last - first) * k // most for k in range(most)] + [last], dtype=np.int64))
    column = numbers(fmt, spread)
    if not by_place:  # half of the points evenly over the interval that is drawn
        from verifier.language.formats import round_array

        column = np.unique(np.concatenate([column[::2], round_array(fmt, np.linspace(max(low, -fmt.largest), min(high, fmt.largest), most // 2))]))
    return column, False
