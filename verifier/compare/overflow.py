"""The verdict where the exact gradient is beyond the largest number of the format, and beyond the range of balls as well."""

from __future__ import annotations

from dataclasses import replace

from flint import arb

from verifier.arithmetic import balls, beyond
from verifier.arithmetic.beyond import Span
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.language.verdict import Verdict

REASON = "the exact gradient is beyond the largest number"


def judge_beyond(blank: Discrepancy, check: Check, component: int | None) -> Discrepancy | None:
    """The discrepancy where the gradient is certainly so large; None where that is not known.

    An implementation that is not so large over the reals, or has the other sign, is more than one ulp away. One that is
    as large is judged by its float.
    """
    if component is None or check.upstream == 0:
        return None
    truth = check.truth.gradient
    exact = beyond.run(truth.program, blank.point, bits=blank.bits, strict=True)
    with balls.precision(blank.bits):
        g = _times(beyond.span(exact[component]), check.upstream)
        sign = _sign(g, 2 * arb(check.format.largest))
        if g is None or sign == 0 or beyond.span(exact[truth.value]) is None:
            return None
        program, _ = check.subject.exact
        real = beyond.span(beyond.run(program, blank.point, bits=blank.bits, strict=False, upstream=check.upstream)[check.subject.index(blank.name)])
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
