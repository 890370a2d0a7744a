"""Turns enclosures into verdicts at a column of points; where a verdict is not certain the point stays open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.types import DoubleArray, Doubles, Mask, MaskArray
from verifier.compare.check import Check, exceeds_column, is_limited
from verifier.language.formats import Format, round_array
from verifier.language.verdict import Verdict

VERDICTS = tuple(Verdict)
CODE = {verdict: i for i, verdict in enumerate(VERDICTS)}
CORRECT, ROUNDING, VANISHED, NONFINITE, WRONG = (np.int8(CODE[v]) for v in (Verdict.CORRECT, Verdict.ROUNDING, Verdict.VANISHED, Verdict.NONFINITE, Verdict.WRONG))
LIMITED = np.array([is_limited(v) for v in VERDICTS])  # by code
OPEN = -1  # a verdict that is not known yet
NEGLIGIBLE_ULPS = 2.0**-10  # an error below it is recorded as 0
STEPS_PER_BINADE = 512  # errors are rounded up to one of so many values between two powers of two
STEP_OFFSET = 0.382  # these values lie so many steps above the multiples of a step: errors that are short binary numbers are then never on the border between two of them


@dataclass
class VerdictColumn:
    """One gradient at a column of points: the codes of its verdicts, its errors in ulps as `edge` rounds them (NaN where there are none), whether they are above the limit."""

    verdict: NDArray[np.int8]
    error: DoubleArray
    over: MaskArray

    @property
    def open(self) -> MaskArray:
        """The points that are not judged yet."""
        found: MaskArray = self.verdict == OPEN
        return found


def all_open(count: int) -> VerdictColumn:
    """The state in which all of so many points are open."""
    return VerdictColumn(np.full(count, OPEN, np.int8), np.full(count, np.nan), np.zeros(count, bool))


def part_of(found: Sequence[VerdictColumn], at: slice | NDArray[np.intp]) -> list[VerdictColumn]:
    """The verdicts at some places: of a slice views, so that what is written there is written in `found`."""
    return [VerdictColumn(j.verdict[at], j.error[at], j.over[at]) for j in found]


def write_part(found: Sequence[VerdictColumn], at: NDArray[np.intp], part: Sequence[VerdictColumn]) -> None:
    """Put the verdicts at some places back."""
    for j, p in zip(found, part, strict=True):
        j.verdict[at], j.error[at], j.over[at] = p.verdict, p.error, p.over


STEP_BITS = 44  # of a float64 below those that tell the step within a binade
OFFSET = round(STEP_OFFSET * 2**STEP_BITS)
LARGEST_EDGE = float(np.ldexp((STEPS_PER_BINADE - 1 + STEP_OFFSET) / STEPS_PER_BINADE, 1024))  # what is larger is recorded as infinite


def edge(ulps: Doubles) -> Doubles:
    """Errors rounded up to one of STEPS_PER_BINADE / 2 values between two powers of two; 0 below NEGLIGIBLE_ULPS. Two methods that enclose an error differently nearly always round it alike.

    The bits of positive floats, read as integers, are in the order of the floats, and the steps are at equal distances in them: rounding up is a division.
    """
    steps = np.ascontiguousarray(ulps).view(np.int64) + ((1 << STEP_BITS) - 1 - OFFSET)
    steps >>= STEP_BITS
    steps <<= STEP_BITS
    steps += OFFSET
    found = steps.view(np.float64).reshape(np.shape(ulps))
    np.copyto(found, 0.0, where=ulps <= NEGLIGIBLE_ULPS)
    usual = ulps <= LARGEST_EDGE
    return found if np.all(usual) else np.where(usual, found, ulps + np.inf)


@dataclass
class Enclosed:
    """The bounds of one gradient at a column of points: g rounded (NaN: not known), bounds of the error in ulps, where the formula is right, where it is certainly wrong."""

    computed: DoubleArray
    rounded: DoubleArray
    is_rounded: MaskArray
    ulps_low: DoubleArray
    ulps_high: DoubleArray
    right: MaskArray
    wrong: MaskArray


def classify(check: Check, e: Enclosed, found: VerdictColumn, *, gradient: str) -> MaskArray:
    """Write the verdicts that are certain. The result marks the points at which only the condition number is missing."""
    c, r = e.computed, e.rounded
    low = edge(e.ulps_low)
    is_edge = e.ulps_high <= np.maximum(low, NEGLIGIBLE_ULPS)  # the upper bound is rounded up to the same value
    has_ulps = np.isfinite(c)
    limit = check.limit_for(gradient)
    if limit is not None:
        over, is_known = exceeds_column(limit, e.ulps_low, e.ulps_high)
        is_edge &= is_known
    is_edge |= ~has_ulps
    settled = e.is_rounded & (e.right | e.wrong) & is_edge & found.open
    same = c == r
    nonfinite = ~(has_ulps & np.isfinite(r))
    if nonfinite.any():
        same |= np.isnan(c) & np.isnan(r)
    bound = check.format.rounding_limit
    verdict = np.full(len(c), OPEN, np.int8)
    np.copyto(verdict, ROUNDING, where=e.ulps_high <= bound)
    np.copyto(verdict, VANISHED, where=(r != 0) & (c == 0))
    np.copyto(verdict, NONFINITE, where=nonfinite)
    np.copyto(verdict, CORRECT, where=same)
    unstable: MaskArray = settled & (verdict == OPEN) & (e.ulps_low > bound) & ~e.wrong
    np.copyto(verdict, WRONG, where=e.wrong)
    ready = settled & (verdict != OPEN)
    np.copyto(found.verdict, verdict, where=ready)
    fill = ready | unstable
    np.copyto(found.error, low if has_ulps.all() else np.where(has_ulps, low, np.nan), where=fill)
    if limit is not None:
        np.copyto(found.over, has_ulps & over & (unstable | LIMITED[verdict]), where=fill)
    return unstable


def from_ends(check: Check, c: DoubleArray, low: DoubleArray, high: DoubleArray) -> tuple[Enclosed, tuple[DoubleArray, DoubleArray], tuple[DoubleArray, DoubleArray]]:
    """The bounds that follow in a narrow format from float64 ends of g; also the bounds of its ulp (NaN where not known) and of |computed - g|."""
    fmt = check.format
    first, last = round_array(fmt, low), round_array(fmt, high)
    is_rounded: MaskArray = first == last
    known: Mask = np.True_
    if not is_rounded.all():
        known = ~(np.isnan(low) | np.isnan(high))
        is_rounded = known & (is_rounded | (np.isnan(first) & np.isnan(last) & ((low > 0) | (high < 0))))  # NaN: too large on one side
    small, large = _units(fmt, low, high, known)
    least, most = _distances(c, low, high)
    none = np.zeros(len(c), bool)
    return Enclosed(c, first if is_rounded.all() else np.where(is_rounded, first, np.nan), is_rounded, least / large, most / small, none, none), (small, large), (least, most)


EXPONENT = np.int64(0x7FF << 52)  # the bits of a float64 that are those of its power of two
FRACTION = np.int64(2**52 - 1)  # those that are 0 in powers of two and in 0
EXTRA = 2.0**-50  # for a rounding or two of float64


def _units(fmt: Format, low: DoubleArray, high: DoubleArray, known: Mask) -> tuple[DoubleArray, DoubleArray]:
    """The smallest and the largest ulp of the numbers between two ends, NaN where they are not known: powers of two, all exact."""
    one, other = (np.maximum((np.ascontiguousarray(end).view(np.int64) & EXPONENT).view(np.float64), 2.0**fmt.emin) * 2.0 ** (1 - fmt.precision) for end in (low, high))
    small, large = one, other
    if not np.array_equal(one, other):
        small, large = np.minimum(one, other), np.maximum(one, other)
    both_signs = (low < 0) & (high > 0)
    if both_signs.any():
        small = np.where(both_signs, 2.0 ** (fmt.emin - fmt.precision + 1), small)
    if not np.all(known):
        small, large = np.where(known, small, np.nan), np.where(known, large, np.nan)
    return small, large


NEARER, FARTHER = 1 - 2.0**-51, 1 + 2.0**-51


def _distances(c: DoubleArray, low: DoubleArray, high: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """The least and the largest distance of c from the numbers between two ends.

    A difference of floats is off by 2^-53 of itself, and exact where it is subnormal; so is a maximum of such differences. The product with NEARER or FARTHER, itself rounded by
    2^-53, or by 2^-1075 which is as little of a normal number, more than makes up for that. A subnormal number stays as it is. Where the ends are one, and the difference
    is exact (Knuth's two-sum tells it), both distances are it.
    """
    above = c - high
    if low is high:
        below, least = above, np.abs(above)
        most = least * FARTHER
        least = least * NEARER
        thin = np.arange(len(c))
    else:
        below = c - low
        least = np.maximum(np.maximum(above, -below), 0.0)
        most = np.maximum(np.abs(above), np.abs(below))
        least *= NEARER
        most *= FARTHER
        thin = np.flatnonzero(low == high)
    if len(thin):
        x, y, total = c[thin], high[thin], above[thin]
        part = total - x
        exact = thin[(x - (total - part)) + (-y - part) == 0]
        least[exact] = most[exact] = np.abs(above[exact])
    return least, most
