"""Turns enclosures into verdicts at a column of points; where a verdict is not certain the point stays open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.intervals.interval import down, up
from verifier.arithmetic.types import DoubleArray, Doubles, MaskArray
from verifier.compare.check import Check, exceeds_column, is_limited
from verifier.language.formats import Format, round_array
from verifier.language.verdict import Verdict

VERDICTS = tuple(Verdict)
CODE = {verdict: i for i, verdict in enumerate(VERDICTS)}
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


def edge(ulps: Doubles) -> Doubles:
    """Errors rounded up to one of STEPS_PER_BINADE values between two powers of two; 0 below NEGLIGIBLE_ULPS. Two methods that enclose an error differently nearly always round it alike."""
    mantissa, exponent = np.frexp(ulps)
    step = np.ceil(mantissa * STEPS_PER_BINADE - STEP_OFFSET)
    top = step == STEPS_PER_BINADE  # as near below a power of two as the first step above it begins
    return np.where(ulps <= NEGLIGIBLE_ULPS, 0.0, np.ldexp((np.where(top, STEPS_PER_BINADE / 2, step) + STEP_OFFSET) / STEPS_PER_BINADE, exponent + top))


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
    is_edge = e.ulps_high <= np.where(low == 0, NEGLIGIBLE_ULPS, low)  # the upper bound is rounded up to the same value
    has_ulps = np.isfinite(c)
    over, is_known = exceeds_column(check.limit_for(gradient), e.ulps_low, e.ulps_high)
    sure = ~has_ulps | (is_edge & is_known)
    settled = e.is_rounded & (e.right | e.wrong) & sure & found.open
    same = (c == r) | (np.isnan(c) & np.isnan(r))
    nonfinite = ~has_ulps | ~np.isfinite(r)
    bound = check.format.rounding_limit
    verdict = np.full(len(c), OPEN, np.int8)
    verdict[e.ulps_high <= bound] = CODE[Verdict.ROUNDING]
    verdict[same] = CODE[Verdict.CORRECT]
    verdict[(r != 0) & (c == 0)] = CODE[Verdict.VANISHED]
    verdict[nonfinite] = np.where(same, CODE[Verdict.CORRECT], CODE[Verdict.NONFINITE])[nonfinite]
    unstable: MaskArray = settled & (verdict == OPEN) & (e.ulps_low > bound) & ~e.wrong
    verdict[e.wrong] = CODE[Verdict.WRONG]
    ready = settled & (verdict != OPEN)
    found.verdict[ready] = verdict[ready]
    fill = ready | unstable
    found.error[fill] = np.where(has_ulps, low, np.nan)[fill]
    found.over[fill] = (has_ulps & over & (unstable | LIMITED[verdict]))[fill]
    return unstable


def from_ends(check: Check, c: DoubleArray, low: DoubleArray, high: DoubleArray) -> tuple[Enclosed, tuple[DoubleArray, DoubleArray], tuple[DoubleArray, DoubleArray]]:
    """The bounds that follow in a narrow format from float64 ends of g; also the bounds of its ulp (NaN where not known) and of |computed - g|."""
    fmt = check.format
    first, last = round_array(fmt, low), round_array(fmt, high)
    known = ~(np.isnan(low) | np.isnan(high))
    is_rounded = known & ((first == last) | (np.isnan(first) & np.isnan(last) & ((low > 0) | (high < 0))))  # NaN: too large on one side
    one, other = _exponent(fmt, low), _exponent(fmt, high)
    smaller = np.where((low < 0) & (high > 0), fmt.emin, np.minimum(one, other))
    small, large = (np.where(known, np.ldexp(1.0, e - fmt.precision + 1), np.nan) for e in (smaller, np.maximum(one, other)))
    above, below = c - high, c - low
    part = above - c  # Knuth's two-sum: is the difference exact?
    exact = (low == high) & ((c - (above - part)) + (-high - part) == 0)
    d_low = np.where(exact, above, down(above))
    d_high = np.where(exact, below, up(below))
    least = np.maximum(np.maximum(d_low, -d_high), 0.0)
    most = np.maximum(np.abs(d_low), np.abs(d_high))
    none = np.zeros(len(c), bool)
    return Enclosed(c, np.where(is_rounded, first, np.nan), is_rounded, least / large, most / small, none, none), (small, large), (least, most)


def _exponent(fmt: Format, x: DoubleArray) -> NDArray[np.int32]:
    return np.where(x == 0, fmt.emin, np.maximum(np.frexp(x)[1] - 1, fmt.emin))
