"""The table of verdicts (docs/verdicts.md) in rational numbers, written from the table alone: what every decision that balls make must come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, fmpq
from hypothesis import strategies as st

from tests.language.test_formats import by_mpfr
from verifier.arithmetic import balls
from verifier.language.formats import FORMATS, Format
from verifier.language.verdict import Verdict

CHOSEN = [FORMATS[name] for name in ("float64", "float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz")]
TINY = Fraction(1, 3 * 2**60)


def floor_log2(x: Fraction) -> int:
    """The exponent e with 2^e <= |x| < 2^(e + 1)."""
    e = abs(x.numerator).bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= abs(x) else e - 1


def ulp(fmt: Format, x: Fraction) -> Fraction:
    """2^(max(floor(log2 |x|), emin) - p + 1); the smallest subnormal at 0 (Muller et al., Handbook of Floating-Point Arithmetic, section 2.3)."""
    return fmt.smallest if x == 0 else Fraction(2) ** (max(floor_log2(x), fmt.emin) - fmt.precision + 1)


def within_a_third(fmt: Format, ulps: Fraction) -> bool:
    """Whether an error is at most 2^(p/3) ulp: its cube at most 2^p."""
    return ulps**3 <= 2**fmt.precision


def verdict(fmt: Format, computed: float, g: Fraction, formula: Fraction) -> Verdict:
    """The verdict on a gradient whose exact value is g, and whose formula is off by so many ulp. `unstable` stands for `ill_conditioned`, too."""
    if formula > 1:
        return Verdict.WRONG
    rounded = by_mpfr(fmt, g)
    if not math.isfinite(computed) or not math.isfinite(rounded):
        return Verdict.CORRECT if computed == rounded or (math.isnan(computed) and math.isnan(rounded)) else Verdict.NONFINITE
    if computed == 0 and rounded != 0:
        return Verdict.VANISHED
    if computed == rounded:
        return Verdict.CORRECT
    return Verdict.ROUNDING if within_a_third(fmt, abs(Fraction(computed) - g) / ulp(fmt, g)) else Verdict.UNSTABLE


def verdict_at_a_kink(fmt: Format, computed: float, low: Fraction, high: Fraction, real: Fraction) -> Verdict:
    """The verdict where the one-sided derivatives are low <= high, and the backward pass over the reals gives `real`."""
    if low - real > ulp(fmt, low) or real - high > ulp(fmt, high):
        return Verdict.WRONG
    first, last = (math.copysign(math.inf, v) if math.isnan(by_mpfr(fmt, v)) else by_mpfr(fmt, v) for v in (low, high))
    if first <= computed <= last or (math.isnan(computed) and not fmt.infinite and (math.isinf(first) or math.isinf(last))):
        return Verdict.SUBGRADIENT
    if not math.isfinite(computed):
        return Verdict.NONFINITE
    end = low if computed < first else high
    return Verdict.ROUNDING if within_a_third(fmt, abs(Fraction(computed) - end) / ulp(fmt, end)) else Verdict.UNSTABLE


# ---------------------------------------------------------------- draws

OFFSETS = [Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1, 2) + TINY, Fraction(1, 2) - TINY, Fraction(2, 3), TINY, Fraction(1, 7)]  # in ulps, from a number of the format


@st.composite
def exact_gradients(draw: st.DrawFn, fmt: Format) -> Fraction:
    """Numbers at, beside and half way between numbers of the format, powers of two, the largest and the smallest ones among them; 0."""
    exponent = draw(st.one_of(st.integers(-4, 4), st.sampled_from((fmt.emin - fmt.precision, fmt.emin - 2, fmt.emin, fmt.emax - 1, fmt.emax))))
    mantissa = draw(st.one_of(st.just(1), st.sampled_from((0, 1, 2**fmt.precision - 1)).map(lambda k: 1 + Fraction(k, 2**fmt.precision)), st.integers(0, 2**fmt.precision).map(lambda k: 1 + Fraction(k, 2**fmt.precision))))
    x = Fraction(mantissa) * Fraction(2) ** exponent if draw(st.integers(0, 15)) else Fraction(0)
    moved = x + ulp(fmt, x) * draw(st.sampled_from(OFFSETS)) * draw(st.sampled_from((1, -1)))
    moved = moved * Fraction(2) ** draw(st.sampled_from((0, 0, 0, 1 - fmt.precision)))
    return moved * draw(st.sampled_from((1, -1)))


@st.composite
def computed_gradients(draw: st.DrawFn, fmt: Format, g: Fraction) -> float:
    """Numbers of the format at every distance from a gradient, 0 and what is no number among them."""
    special = draw(st.sampled_from((None,) * 12 + (0.0, -0.0, math.inf, -math.inf, math.nan, float(fmt.largest))))
    if special is not None:
        return special if fmt.infinite or not math.isinf(special) else math.nan
    third = math.floor(fmt.rounding_limit)
    steps = draw(st.one_of(st.sampled_from((0, 0, 0, 1, 2, third - 1, third, third + 1, third // 2, third // 2 + 1, 2 * third, 2 * third + 1)), st.integers(0, 2 * third + 2)))
    return by_mpfr(fmt, g + steps * draw(st.sampled_from((1, -1))) * ulp(fmt, g))


FORMULA_ERRORS = [Fraction(n) for n in (0, 0, 0, 0, "1/3", "-1/3", "2/3", "999/1000", "1001/1000", "-1001/1000", "3", "-2", "1000001/3")] + [TINY, -TINY, 1 + TINY, 1 - TINY, TINY**3]


@dataclass(frozen=True)
class Gradient:
    """One gradient: computed, exact, and over the reals by its formula."""

    format: Format
    computed: float
    exact: Fraction
    real: Fraction

    @property
    def ulp(self) -> Fraction:
        """The ulp of the exact one."""
        return ulp(self.format, self.exact)

    @property
    def ulps(self) -> Fraction:
        """The error of the computed one, which must be a number."""
        return abs(Fraction(self.computed) - self.exact) / self.ulp

    @property
    def formula(self) -> Fraction:
        """The error of the formula in ulps."""
        return abs(self.real - self.exact) / self.ulp


@st.composite
def gradients(draw: st.DrawFn, formats: Sequence[Format] = CHOSEN) -> Gradient:
    """Gradients of some formats, right and wrong."""
    fmt = draw(st.sampled_from(formats))
    g = draw(exact_gradients(fmt))
    return Gradient(fmt, draw(computed_gradients(fmt, g)), g, g + draw(st.sampled_from(FORMULA_ERRORS)) * ulp(fmt, g))


def floats_around(value: Fraction) -> tuple[float, float]:
    """The float64 numbers next to a rational that is none, below and above; the same number twice where it is one."""
    near = by_mpfr(FORMATS["float64"], value)
    if math.isfinite(near) and Fraction(near) == value:
        return near, near
    return (near, math.nextafter(near, math.inf)) if near < value else (math.nextafter(near, -math.inf), near)


def enclosed(value: Fraction) -> arb:
    """A rational as a ball, at the working precision."""
    return arb(fmpq(value.numerator, value.denominator))


def holds(ball: arb, value: Fraction) -> bool:
    """Whether a rational is in a ball."""
    with balls.precision(4000):
        return bool(ball.contains(enclosed(value)))
