"""From enclosures to verdicts: what is certain of a gradient at a column of points, and what stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from verifier.arithmetic.intervals.interval import down, up
from verifier.compare.check import Check, exceeds_column, is_limited
from verifier.language.formats import Format, round_array
from verifier.language.verdict import Verdict

VERDICTS = tuple(Verdict)
CODE = {verdict: i for i, verdict in enumerate(VERDICTS)}
LIMITED = np.array([is_limited(v) for v in VERDICTS])  # by code
OPEN = -1  # a verdict that is not known yet
FAINT = 2.0**-10  # ulps; an error below it is as good as none
STEPS = 512  # an error is known to a 512th of its power of two, rounded up
OFFSET = 0.382  # errors are often short numbers themselves, which must not lie on the border between two steps


@dataclass
class Judged:
    """One gradient at a column of points: codes of verdicts, errors in ulps (see `edge`; NaN where there are none), and whether above the limit."""

    verdict: Any
    error: Any
    over: Any

    @property
    def open(self) -> Any:
        """The points that are not judged yet."""
        return self.verdict == OPEN


def all_open(count: int) -> Judged:
    """Nothing is known of so many points."""
    return Judged(np.full(count, OPEN, np.int8), np.full(count, np.nan), np.zeros(count, bool))


def edge(ulps: Any) -> Any:
    """Errors rounded up to nine bits and OFFSET, also next to a power of two; 0 below FAINT. Two ways that enclose an error by different intervals nearly always agree on it."""
    mantissa, exponent = np.frexp(ulps)
    step = np.ceil(mantissa * STEPS - OFFSET)
    top = step == STEPS  # as near below a power of two as the first step above it begins
    return np.where(ulps <= FAINT, 0.0, np.ldexp((np.where(top, STEPS / 2, step) + OFFSET) / STEPS, exponent + top))


@dataclass
class Enclosed:
    """What is known of one gradient: g rounded (NaN: not known), |computed - g| and its ulps, where the formula is right, where it is certainly wrong."""

    computed: Any
    rounded: Any
    is_rounded: Any
    ulps_low: Any
    ulps_high: Any
    right: Any
    wrong: Any


def classify(check: Check, e: Enclosed, found: Judged) -> Any:
    """Write the verdicts that are certain; the points where only the condition number is missing."""
    c, r = e.computed, e.rounded
    low, high = edge(e.ulps_low), edge(e.ulps_high)
    has_ulps = np.isfinite(c)
    over, is_known = exceeds_column(check.limit, e.ulps_low, e.ulps_high)
    sure = ~has_ulps | ((low == high) & is_known)
    settled = e.is_rounded & (e.right | e.wrong) & sure & found.open
    same = (c == r) | (np.isnan(c) & np.isnan(r))
    nonfinite = ~has_ulps | ~np.isfinite(r)
    bound = check.format.rounding_limit
    verdict = np.full(len(c), OPEN, np.int8)
    verdict[e.ulps_high <= bound] = CODE[Verdict.ROUNDING]
    verdict[same] = CODE[Verdict.CORRECT]
    verdict[(r != 0) & (c == 0)] = CODE[Verdict.VANISHED]
    verdict[nonfinite] = np.where(same, CODE[Verdict.CORRECT], CODE[Verdict.NONFINITE])[nonfinite]
    unstable = settled & (verdict == OPEN) & (e.ulps_low > bound) & ~e.wrong
    verdict[e.wrong] = CODE[Verdict.WRONG]
    ready = settled & (verdict != OPEN)
    found.verdict[ready] = verdict[ready]
    fill = ready | unstable
    found.error[fill] = np.where(has_ulps, low, np.nan)[fill]
    found.over[fill] = (has_ulps & over & (unstable | LIMITED[verdict]))[fill]
    return unstable


def from_ends(check: Check, c: Any, low: Any, high: Any) -> tuple[Enclosed, tuple[Any, Any], tuple[Any, Any]]:
    """What float64 ends of g tell in a narrow format; bounds of its ulp (NaN where it is not known), and of |computed - g|."""
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


def _exponent(fmt: Format, x: Any) -> Any:
    return np.where(x == 0, fmt.emin, np.maximum(np.frexp(x)[1] - 1, fmt.emin))
