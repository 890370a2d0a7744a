"""The verdict where the exact gradient is beyond the largest number of the format, and beyond the range of balls as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb

from verifier.arithmetic import balls, beyond
from verifier.arithmetic.beyond import Span
from verifier.arithmetic.types import RealValue
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.language.verdict import Verdict

REASON = "the exact gradient is beyond the largest number"


@dataclass(frozen=True)
class OverflowRuns:
    """Both sides at a point in numbers beyond the range of balls, each run once for all gradients."""

    check: Check
    point: tuple[float, ...]
    bits: int

    @cached_property
    def exact(self) -> list[Span | RealValue]:
        """Every step of the exact gradient."""
        return beyond.run(self.check.truth.gradient.program, self.point, bits=self.bits, strict=True)

    @cached_property
    def computed(self) -> list[Span | RealValue]:
        """Every step of the computed one over the reals."""
        return beyond.run(self.check.subject.exact[0], self.point, bits=self.bits, strict=False, upstream=self.check.upstream)


def judge_beyond(blank: Discrepancy, runs: OverflowRuns, component: int | None) -> Discrepancy | None:
    """The discrepancy where the gradient is certainly so large; None where that is not known.

    An implementation that is not so large over the reals, or has the other sign, is more than one ulp away. One that is
    as large is judged by its float.
    """
    check = runs.check
    if component is None or check.upstream == 0:
        return None
    truth, exact = check.truth.gradient, runs.exact
    with balls.precision(blank.bits):
        g = _times(beyond.span(exact[component]), check.upstream)
        sign = _sign(g, 2 * arb(check.format.largest))
        if g is None or sign == 0 or beyond.span(exact[truth.value]) is None:
            return None
        real = beyond.span(runs.computed[check.subject.index(blank.name)])
        if real is None:
            return None
        rounded = check.format.overflow(sign)
        least = g.low if sign > 0 else -g.high
        if (real.high if sign > 0 else -real.low) < least / 2:  # an ulp of g is less than a half of it
            return replace(blank, verdict=Verdict.WRONG, rounded=rounded, reason=f"{REASON}, and over the reals the computed one is less than half as large")
        if _sign(real, arb(check.format.largest)) != sign:
            return None
    same = blank.computed == rounded or (blank.computed != blank.computed and rounded != rounded)  # noqa: PLR0124 - NaN
    return replace(blank, verdict=Verdict.CORRECT if same else Verdict.NONFINITE, rounded=rounded, reason=REASON)


def _times(g: Span | None, upstream: float) -> Span | None:
    if g is None:
        return None
    ends = (g.low * arb(upstream), g.high * arb(upstream))
    return Span(*ends) if upstream > 0 else Span(*reversed(ends))


def _sign(value: Span | None, threshold: arb) -> int:
    """1 where a number is certainly above the threshold, -1 where it is below its negative, else 0."""
    if value is None:
        return 0
    return 1 if value.low > threshold else -1 if value.high < -threshold else 0
