"""From balls to floats: a ball rounded once to a format, the ulp of its number, its certified digits. Both ends of a ball must give the same; its midpoint proves nothing."""

from __future__ import annotations

import math
from fractions import Fraction

from flint import arb

from verifier.arithmetic.balls import precision
from verifier.arithmetic.types import Ball
from verifier.language.formats import Format, round_exact, ulp_exponent

LOWEST = -1_100_000  # binary exponents beyond which a number is not converted to a rational
HIGHEST = 1_100_000
LOG10_2 = 0.30102999566398119


def rational(exact: Ball) -> Fraction:
    """The value of an exact ball. ValueError where its exponent is absurd."""
    if not LOWEST < _exponent(exact) < HIGHEST:
        raise ValueError("exponent out of range")
    return Fraction(*_ratio(exact))


def _ratio(exact: Ball) -> tuple[int, int]:
    """Numerator and denominator of an exact ball."""
    mantissa, exponent = exact.man_exp()
    m, e = int(mantissa), int(exponent)
    return (m << e, 1) if e >= 0 else (m, 1 << -e)


def round_end(fmt: Format, exact: Ball) -> float:
    """An exact ball rounded once to the format."""
    if fmt.precision == 53:  # python-flint converts an exact ball correctly, subnormals and overflow included
        return float(exact)
    approximate = float(exact)
    if math.isinf(approximate):
        return fmt.overflow(approximate)
    if approximate == 0 or math.isnan(approximate):
        return approximate
    return round_exact(fmt, rational(exact))


def round_ball(fmt: Format, ball: Ball) -> float | None:
    """The enclosed number rounded to the format; None where the ball does not decide it."""
    low = round_end(fmt, ball.lower())
    high = round_end(fmt, ball.upper())
    if low == high:
        return low or (-0.0 if ball < 0 and fmt.signed_zero else 0.0)
    beyond = math.isnan(low) and math.isnan(high) and ball != 0  # the range of a format without infinities, on one side
    return low if beyond else None


def exponents(ball: Ball) -> tuple[int, int] | None:
    """floor(log2 |x|) at the smallest and the largest |x| of a ball; None where it contains 0."""
    low, high = ball.abs_lower(), ball.abs_upper()
    if low.is_zero():
        return None
    return _exponent(low), _exponent(high)


def _exponent(exact: Ball) -> int:
    mantissa, exponent = exact.man_exp()
    return int(mantissa).bit_length() - 1 + int(exponent)


def ulp(fmt: Format, ball: Ball) -> tuple[Ball, Ball]:
    """Bounds of ulp(x) over a ball, as exact balls; the smallest subnormal at 0."""
    bounds = exponents(ball)
    low, high = bounds if bounds is not None else (fmt.emin, _exponent(ball.abs_upper()) if not ball.is_zero() else fmt.emin)
    small = arb(2) ** ulp_exponent(fmt, low)
    return small, small if low == high else arb(2) ** ulp_exponent(fmt, high)


def has_one_ulp(fmt: Format, ball: Ball) -> bool:
    """Whether all numbers of a ball have the same ulp: no power of two is inside."""
    small, large = ulp(fmt, ball)
    return bool(small == large)


def digits(ball: Ball, count: int) -> str | None:
    """The number in scientific decimal notation, rounded to `count` significant digits, all certified; None where the ball is too wide.

    A number that is exact and short is written in full.
    """
    if not ball.is_finite():
        return None
    if ball.is_zero():
        return "0"
    bounds = exponents(ball)
    if bounds is None or not LOWEST < bounds[0] <= bounds[1] < HIGHEST:
        return None
    low, high = _ratio(ball.lower()), _ratio(ball.upper())
    first = _decimal(*low, count)
    if first != _decimal(*high, count):
        return None
    return _shortened(first, Fraction(*low)) if low == high else first


def decimal(value: Fraction, count: int) -> str:
    """A rational rounded to `count` significant decimal digits (ties to even)."""
    return _decimal(value.numerator, value.denominator, count)


def _decimal(numerator: int, d: int, count: int) -> str:
    """The same of a numerator and a denominator."""
    if numerator == 0:
        return "0"
    n = abs(numerator)
    e = math.floor((n.bit_length() - d.bit_length() - 1) * LOG10_2)  # the exponent, or one or two less
    while True:
        shift = count - 1 - e
        top, bottom = (n * 10**shift, d) if shift >= 0 else (n, d * 10**-shift)
        whole, rest = divmod(top, bottom)
        if whole >= 10**count:
            e += 1
            continue
        whole += 2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1)
        if whole == 10**count:
            whole, e = whole // 10, e + 1
        return _layout(("-" if numerator < 0 else ""), str(whole), e)


def _layout(sign: str, digits_: str, e: int) -> str:
    """Positional where that is short, else scientific."""
    if 0 <= e < len(digits_):
        return f"{sign}{digits_[: e + 1]}.{digits_[e + 1 :]}".rstrip(".")
    if -5 < e < 0:  # as repr does for floats
        return f"{sign}0.{'0' * (-e - 1)}{digits_}"
    return f"{sign}{digits_[0]}.{digits_[1:]}e{e:+03d}".replace(".e", "e")


def _shortened(text: str, value: Fraction) -> str:
    """The digits without trailing zeros, where the rest is the exact value."""
    mantissa, mark, exponent = text.partition("e")
    if "." not in mantissa:
        return text
    short = mantissa.rstrip("0")
    short += "0" if short.endswith(".") else ""
    return short + mark + exponent if Fraction(short + mark + exponent) == value else text


def significant(ball: Ball, count: int = 6) -> str:
    """A few digits of a figure that is no certificate (an ulp count, a condition number): of the ball's upper end."""
    if not ball.is_finite():
        return "inf"
    with precision(128):
        upper = ball.abs_upper()
    if upper.is_zero():
        return "0"
    exponent = _exponent(upper)
    if not LOWEST < exponent < HIGHEST:
        return "inf" if exponent > 0 else "0"
    return decimal(rational(upper), count)
