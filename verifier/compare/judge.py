"""The verdict on one computed gradient, from the enclosures of one precision; None where they are too wide."""

from __future__ import annotations

import math
from typing import TypedDict

from flint import arb, fmpq

from verifier.arithmetic import rounding
from verifier.arithmetic.types import Ball
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.exact.series import Undefined
from verifier.language.formats import Format
from verifier.language.verdict import Verdict

FIRST_BITS = 192  # 25 certified digits, 20 of the residual, and some bits to spare in one step
SETTLED_BITS = 130  # relative accuracy of g at which its digits and its distance from R are read off
FEWEST_DIGITS = 25  # digits of an exact value in a report, all certified
UNKNOWN_BITS = 6144  # where not even a one-sided limit is known at this precision, more will not tell
INVISIBLE = 2.0**-60  # in ulps: a residual below it that may be 0 is said to be 0
NARROW = 2.0**-10  # in ulps: two balls of so small a radius tell apart what is an ulp apart
TIE_BITS = 3000  # a gradient that is this near to the middle between two floats is taken to be there
FEWEST_TIE_BITS = 1024  # likewise where there are no more bits


def judge(blank: Discrepancy, real: Ball | Undefined | None, *, hulls: tuple[Ball, Ball] | None, fmt: Format, last: bool, detail: bool, is_given: bool = False) -> Discrepancy | None:
    """The discrepancy, or None where more precision is needed (never None at the last precision). `blank` has what is known without it.

    `real` is R, with the decimals as they are written; `hulls` encloses g and R for all constants that they may have been
    rounded from, where there are such; at a kink the first of them is a Kink, or nothing is known of it. `is_given`: the computed
    gradient is a framework's, which may go another way than the formula: without a value over the reals that is wrong only where the floats are.
    """
    exact, bits = blank.exact, blank.bits
    if isinstance(exact, one_sided.Unknown):
        hopeless = last or bits >= UNKNOWN_BITS
        return blank.but(reason=f"the exact gradient is not known: {exact.reason}") if hopeless else None
    if isinstance(exact, one_sided.Nowhere):
        return blank.but(verdict=Verdict.UNDEFINED, reason=exact.reason)
    if isinstance(exact, one_sided.Infinite):
        infinity = fmt.overflow(exact.sign)
        right = blank.computed == infinity or (math.isnan(infinity) and math.isnan(blank.computed))
        return blank.but(verdict=Verdict.CORRECT if right else Verdict.WRONG, rounded=infinity, reason="" if right else "the derivative is infinite here")
    if isinstance(exact, one_sided.Kink):
        return _judge_kink(blank, exact, real, hulls, fmt=fmt, last=last)
    return _judge_finite(blank, exact.ball, real, hulls, fmt=fmt, last=last, detail=detail, is_given=is_given)


def _judge_kink(blank: Discrepancy, exact: one_sided.Kink, real: Ball | Undefined | None, hulls: tuple[Ball, Ball] | None, *, fmt: Format, last: bool) -> Discrepancy | None:
    if isinstance(real, Undefined):
        return blank.but(verdict=Verdict.WRONG, reason=f"over the reals it has no value here: {real.reason}")
    low, high = _round_bound(fmt, exact.low), _round_bound(fmt, exact.high)
    if low is None or high is None or real is None:
        return blank.but(reason="the one-sided derivatives are not known well enough") if last else None
    ulps = [rounding.ulp(fmt, b) if b.is_finite() else (arb(0), arb(0)) for b in (exact.low, exact.high)]
    below, above = exact.low - real, real - exact.high
    if below > ulps[0][1] or above > ulps[1][1]:
        least = [below, above] if hulls is None else _least_beyond(exact, real, hulls)
        if least[0] > ulps[0][1] or least[1] > ulps[1][1]:
            return blank.but(verdict=Verdict.WRONG, reason="over the reals it lies outside the one-sided derivatives")
        is_inside = all(_is_sure(u[1], part, b, real) for u, part, b in zip(ulps, least, (exact.low, exact.high), strict=True) if b.is_finite())
    else:
        is_inside = bool(below <= ulps[0][0] and above <= ulps[1][0])
    if not is_inside:
        return blank.but(reason=_undecided_reason(real)) if last else None
    is_overflow = math.isnan(blank.computed) and not fmt.infinite and (low == -math.inf or high == math.inf)  # NaN stands for an infinity
    if low <= blank.computed <= high or is_overflow:
        return blank.but(verdict=Verdict.SUBGRADIENT)
    if not math.isfinite(blank.computed):
        return blank.but(verdict=Verdict.NONFINITE, reason="NaN or infinity at a kink")
    nearest, (small, large) = (exact.low, ulps[0]) if blank.computed < low else (exact.high, ulps[1])
    residual = arb(blank.computed) - nearest
    error = abs(residual) / large
    verdict = _by_size(_with_smaller_ulp(error, small, large), fmt)
    if verdict is Verdict.UNDECIDED and not last:
        return None
    return blank.but(verdict=verdict, ulps=error, residual=residual)


def _least_beyond(exact: one_sided.Kink, real: Ball, hulls: tuple[Ball, Ball]) -> list[Ball]:
    """How far R is below the lower and above the upper one-sided derivative, at least, for any choice of the rounded constants."""
    ends, spread = hulls[0] if isinstance(hulls[0], one_sided.Kink) else exact, hulls[1] if hulls[1].is_finite() else real
    return [(ends.low - spread).lower(), (spread - ends.high).lower()]


def _is_sure(large: Ball, least: Ball, *written: Ball) -> bool:
    """Whether it is the constants that are wide, not the balls, where the least distance for any choice of them is within an ulp."""
    return bool(max(ball.rad() for ball in written) < large * NARROW and least < large * (1 - 4 * NARROW))


def _round_bound(fmt: Format, bound: Ball) -> float | None:
    """A one-sided derivative rounded to the format, an infinity of its sign where it is beyond the range; None where its ball does not tell."""
    rounded = rounding.round_ball(fmt, bound) if bound.is_finite() else math.inf
    return rounded if rounded is None or math.isfinite(rounded) else math.inf if bound > 0 else -math.inf


def _judge_finite(blank: Discrepancy, g: Ball, real: Ball | Undefined | None, hulls: tuple[Ball, Ball] | None, *, fmt: Format, last: bool, detail: bool, is_given: bool) -> Discrepancy | None:
    bits, computed = blank.bits, blank.computed
    rounded = rounding.round_ball(fmt, g)
    small, large = rounding.ulp(fmt, g)
    formula = _formula_error(g, real, hulls, small, large, bits=bits, last=last)
    if formula is None:
        hopeless = last or (real is None and bits >= UNKNOWN_BITS)
        return None if not hopeless else blank.but(reason=_undecided_reason(real), rounded=rounded)
    if small != large and not last and bits < TIE_BITS:  # on which side of a power of two? a proof that it is one is tried with more bits
        return None
    certain_zero = g.is_zero()
    settled = certain_zero or (g.rel_accuracy_bits() >= SETTLED_BITS and rounding.digits(g, FEWEST_DIGITS) is not None if detail else rounded is not None)
    if not settled and not last and (rounded is None or bits < 4096):  # digits beyond what the verdict needs
        return None
    errors = _errors(computed, g, large)
    if isinstance(formula, str):
        return blank.but(verdict=_without_value(computed, rounded, errors.get("ulps"), fmt) if is_given else Verdict.WRONG, rounded=rounded, reason=formula, **errors)
    if rounded is None and not formula > 1 and not last and bits < TIE_BITS:
        return None
    ulps = errors.get("ulps")
    enclosed = None if ulps is None else _with_smaller_ulp(ulps, small, large)
    verdict, reason = _verdict(computed, g, rounded, formula, enclosed, fmt, is_tie=bits >= FEWEST_TIE_BITS)
    if verdict is Verdict.UNDECIDED and not last:
        return None
    if small != large and "ulps" in errors:
        reason = "; ".join(r for r in (reason, "the exact gradient may be a power of two, where the ulp doubles: the error is at least so many ulp") if r)
    return blank.but(verdict=verdict, rounded=rounded, formula_error=formula, reason=reason, **errors)


def _without_value(computed: float, rounded: float | None, ulps: Ball | None, fmt: Format) -> Verdict:
    """The verdict on a framework's gradient whose formula has no value over the reals: its floats may be right all the same, by way of an infinity, as exp(log(x)/2) is at 0; where they are nearly so nothing is proved."""
    if computed == rounded:
        return Verdict.CORRECT
    return Verdict.UNDECIDED if ulps is not None and _by_size(ulps, fmt) is Verdict.ROUNDING else Verdict.WRONG


def _verdict(computed: float, g: Ball, rounded: float | None, formula: Ball, ulps: Ball | None, fmt: Format, *, is_tie: bool) -> tuple[Verdict, str]:
    """The verdict on a gradient whose formula error is known, and a reason in words (empty where none is needed)."""
    if formula > 1:
        if g.is_zero():  # no ulp to speak of
            return Verdict.WRONG, f"over the reals it is off by {rounding.significant(formula * rounding.ulp(fmt, g)[1])} where the exact gradient is 0"
        return Verdict.WRONG, f"over the reals it is off by {rounding.significant(formula)} ulp"
    if rounded is None:
        return _either_way(computed, g, ulps, fmt, is_tie=is_tie), "the exact gradient is half way between two floats, as far as can be told"
    off = "" if formula.is_zero() else f"approximate formula: off by {rounding.significant(formula, 4)} ulp here"
    if not math.isfinite(computed) or not math.isfinite(rounded):
        same = computed == rounded or (math.isnan(computed) and math.isnan(rounded))  # too large for a format without infinities
        return Verdict.CORRECT if same else Verdict.NONFINITE, off
    if rounded != 0 and computed == 0:
        return Verdict.VANISHED, off
    if computed == rounded:
        return Verdict.CORRECT, off
    return _by_size(ulps, fmt), off


def _with_smaller_ulp(ulps: Ball, small: Ball, large: Ball) -> Ball:
    """An error in the larger of two ulps, enclosed for both."""
    return ulps if small == large else ulps.union(ulps * large / small)


def _by_size(ulps: Ball | None, fmt: Format) -> Verdict:
    """The verdict on an error of that size; undecided where its enclosure holds the limit."""
    if ulps is None or not (ulps <= fmt.rounding_limit or ulps > fmt.rounding_limit):
        return Verdict.UNDECIDED
    return Verdict.ROUNDING if ulps <= fmt.rounding_limit else Verdict.UNSTABLE  # or ill-conditioned: the condition number decides


def _either_way(computed: float, g: Ball, ulps: Ball | None, fmt: Format, *, is_tie: bool) -> Verdict:
    """The verdict where two neighbours may be the rounded gradient, if it is the same for both. `is_tie`: it is taken to be in their middle."""
    if not abs(g) < fmt.largest:  # one of the neighbours may be infinite
        return Verdict.UNDECIDED
    if not math.isfinite(computed):
        return Verdict.NONFINITE
    if computed == 0 and abs(g) > arb(fmpq(fmt.smallest.numerator, fmt.smallest.denominator)):
        return Verdict.VANISHED
    if not is_tie and not (ulps is not None and ulps > 1):  # the computed gradient may be the rounded one
        return Verdict.UNDECIDED
    return _by_size(ulps, fmt)


def _undecided_reason(real: Ball | Undefined | None) -> str:
    return "the backward pass could not be enclosed over the reals" if real is None else "the formula error could not be separated from one ulp"


class _Errors(TypedDict, total=False):
    residual: Ball
    ulps: Ball


def _errors(computed: float, g: Ball, large: Ball) -> _Errors:
    """The residual, and the error in ulps: where the ulp of g is not known (on which side of a power of two is it?) the least that it may be."""
    if not math.isfinite(computed):
        return {}
    residual = arb(computed) - g
    if not residual.is_exact() and residual.contains(0):  # equal as far as this precision sees
        return {"ulps": arb(0)} if abs(residual).upper() < large * INVISIBLE else {}
    return {"residual": residual, "ulps": abs(residual) / large}


def _formula_error(g: Ball, real: Ball | Undefined | None, hulls: tuple[Ball, Ball] | None, small: Ball, large: Ball, *, bits: int, last: bool) -> Ball | str | None:
    """|R - g| in ulps (exactly 0 where they overlap), a text where R has no real value, None where more precision is needed.

    Where literals may be rounded constants it is the least that it may be for any choice of these constants.
    """
    if isinstance(real, Undefined):
        return f"over the reals it has no value here: {real.reason}"
    if real is None:
        return None
    distance = abs(real - g)
    if distance > large:
        if hulls is not None and (least := _least_distance(g, real, hulls)) <= large:
            return least / large if _is_sure(large, least, g, real) else None
        off = distance / large
        return off if off > 1 else None
    overlap = not (real - g != 0)
    if distance <= small:
        if not overlap:
            return distance / large if hulls is None else _least_distance(g, real, hulls) / large
        tight = real.is_exact() or real.rel_accuracy_bits() >= SETTLED_BITS - 40 or abs(real).upper() < small / 2**40
        if tight or last or bits >= 1024:  # cancellation below an ulp: enough that they overlap far below it
            return arb(0)
    return None


def _least_distance(g: Ball, real: Ball, hulls: tuple[Ball, Ball]) -> Ball:
    """The least |R - g| for any choice of the rounded constants; where it is not enclosed for all of them, that of the decimals as they are written."""
    g_hull, real_hull = (hull if hull.is_finite() else written for hull, written in zip(hulls, (g, real), strict=True))
    difference = abs(real_hull - g_hull)
    return difference.lower() if difference.lower() > 0 else arb(0)
