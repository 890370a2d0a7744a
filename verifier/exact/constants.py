"""Find the well-known constant that a number is, a rational multiple of one in the table: from a ball, or from the digits of a literal."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.rounding import round_ball, ulp
from verifier.arithmetic.types import Ball
from verifier.circuit.expressions import table_program
from verifier.circuit.program import Program, significant_digits
from verifier.exact import derivatives
from verifier.language.formats import Format, round_exact
from verifier.language.numeral import exact

BITS = 256
LARGEST_FACTOR = 24  # numerator and denominator of a rational factor of a constant
LARGEST_FRACTION = 1000  # of a fraction by itself; its denominator may also be that of a short series, up to its square
LARGEST_WRITTEN = 12  # numerator and denominator of a number that is written as a fraction rather than in decimals
LARGEST_WHOLE = 10**16  # smaller whole numbers are written with all their digits, as Python prints them
MOST_ULPS = 2  # by which a constant with all its digits is mistyped at most: more than that is a wrong gradient
FLOAT_MARGIN = 1e-14  # more than the relative error of a constant times a fraction in float64
MOST_EXPONENT = 4000  # of a number that is looked at as a fraction

# No two of them have a rational quotient, so a literal is read in at most one way for each.
CONSTANTS = (
    "1", "sqrt(2)", "sqrt(3)", "pi", "sqrt(pi)", "sqrt(2*pi)", "pi**2", "log(2)", "log(10)", "e",
    "1/sqrt(pi)", "1/pi", "sqrt(2/pi)", "1/log(2)", "1/log(10)", "1/e", "sqrt(e)", "1/sqrt(e)",
    "euler_gamma", "exp(euler_gamma)", "exp(-euler_gamma)", "sqrt(5)", "sqrt(6)", "sqrt(7)", "sqrt(10)", "(1 + sqrt(5))", "cbrt(2)", "cbrt(3)",
    "sqrt(3)*pi", "sqrt(3)/pi", "sqrt(2)*pi", "1/(sqrt(2)*pi)", "log(3)", "log(5)", "1/log(3)", "log(2)/log(10)", "log(10)/log(2)",
    "log(pi)", "log(2*pi)", "sqrt(log(2))",
)  # fmt: skip
HALVES = {"sqrt(2*pi)": "sqrt(pi/2)", "sqrt(2/pi)": "1/sqrt(2*pi)"}  # what half of a constant is better known as
DEGREES = (Fraction(1, 180), Fraction(1, 360), Fraction(180), Fraction(360), Fraction(90))
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]\d+)?(/\d+)?")
FRACTION_BAR = re.compile(r"/(?![^(]*\))")  # outside of parentheses


def identify(value: Ball) -> str | None:
    """The name of the constant inside a narrow ball, of either sign: the simplest one, a plain number where none fits; None if there is none."""
    if not value.is_finite() or value.contains(0):
        return None
    positive = value > 0
    fitting = [(f, name) for f, name in _fitting(abs(value)) if name != "1" or max(f.numerator, f.denominator) <= LARGEST_WRITTEN]
    if not fitting:
        return _decimal(value)
    name = product(*min(fitting, key=lambda row: row[0].numerator + row[0].denominator))
    return name if positive else f"-{name}"


def reading(text: str, fmt: Format) -> str | None:
    """The constant, in the language of the case files, that a literal with all the digits of a format was rounded from; None where none or several fit."""
    if significant_digits(text) < fmt.digits:
        return None
    with balls.precision(BITS):
        interval = balls.literal(text, fmt)
        fitting = [] if interval.is_exact() else list(_fitting(interval))
    return product(*fitting[0]) if len(fitting) == 1 else None


@cache
def near(text: str, fmt: Format) -> tuple[str, int] | None:
    """The constant that a literal with all the digits of a format was probably meant to be, where it rounds to another number beside it, and how many ulp it is off.

    None where it is a constant as it stands, or none is so near.
    """
    if significant_digits(text) < fmt.digits:
        return None
    value = Fraction(exact(text))
    written = round_exact(fmt, value)
    if value <= 0 or not math.isfinite(written) or written == 0:
        return None
    with balls.precision(BITS):
        interval = balls.literal(text, fmt)
        if interval.is_exact() or any(name != "1" or _is_plain(f, name) for f, name in _fitting(interval)):
            return None
        unit = ulp(fmt, arb(written))[1]
        around = arb(written, ((MOST_ULPS + 1) * unit).upper())
        fitting = [(f, name) for f, name in _fitting(around) if _is_plain(f, name)]
        if len(fitting) != 1:
            return None
        factor, name = fitting[0]
        meant = round_ball(fmt, arb(fmpq(factor.numerator, factor.denominator)) * value_of(name))
        off = None if meant is None else (abs(arb(meant) - arb(written)) / unit).unique_fmpz()
    return (product(factor, name), int(off)) if off is not None and 0 < off <= MOST_ULPS else None


def _is_plain(factor: Fraction, name: str) -> bool:
    """Whether a constant is so simple that a number beside it is none by chance."""
    return max(factor.numerator, factor.denominator) <= LARGEST_WRITTEN or (name != "1" and factor in DEGREES)


def is_decimal(name: str) -> bool:
    """Whether a name of `identify` is a plain number rather than a constant."""
    return NUMBER.fullmatch(name) is not None


def product(factor: Fraction, constant: str) -> str:
    """`factor * constant` as it is written in one fraction: `2/(3*sqrt(pi))`, `sqrt(3)*pi/4` with the factor in front where there is one."""
    half = HALVES.get(constant)
    if half is not None and factor.denominator % 2 == 0:
        return product(2 * factor, half)
    over, _, under = FRACTION_BAR.sub("|", constant, count=1).partition("|")
    top = "*".join(t for t in (str(factor.numerator), over) if t != "1") or "1"
    if factor.denominator == 1:
        return f"{top}/{under}" if under else top
    if not under:
        return f"{top}/{factor.denominator}"
    inner = under[1:-1] if under.startswith("(") else under
    return f"{top}/({factor.denominator}*{inner})"


def _fitting(interval: Ball) -> Iterator[tuple[Fraction, str]]:
    """Every constant of which a positive interval holds a small rational multiple, with the simplest factor."""
    possible = _possible(interval)
    for name in CONSTANTS:
        factor = _simplest(interval / value_of(name)) if name in possible else None
        if factor is not None and factor > 0 and _is_small(factor, name):
            yield factor, name


def _possible(interval: Ball) -> set[str]:
    """The constants of which a small multiple may lie in a positive interval, found among their multiples in float64; `1` is always one of them."""
    values, names = _multiples()
    low, high = float(interval.lower()) * (1 - FLOAT_MARGIN), float(interval.upper()) * (1 + FLOAT_MARGIN)
    return {"1", *names[bisect_left(values, low) : bisect_right(values, high)]}


@cache
def _multiples() -> tuple[list[float], list[str]]:
    """All small multiples of the constants in order, and of which constant each is one."""
    sizes = range(1, LARGEST_FACTOR + 1)
    factors = {*(Fraction(p, q) for p in sizes for q in sizes), *DEGREES}
    rows = sorted((float(value_of(name)) * float(factor), name) for name in CONSTANTS[1:] for factor in factors)
    return [value for value, _ in rows], [name for _, name in rows]


def _is_small(factor: Fraction, name: str) -> bool:
    """Whether a rational factor has a numerator and a denominator small enough to be one that a person writes."""
    if name == "1":
        return factor.numerator <= LARGEST_FRACTION and factor.denominator <= LARGEST_FRACTION**2
    return max(factor.numerator, factor.denominator) <= LARGEST_FACTOR or factor in DEGREES


def _simplest(interval: Ball) -> Fraction | None:
    """The first convergent of the middle that lies in the interval."""
    middle = _middle(interval)
    if middle is None:
        return None
    top, bottom = middle.as_integer_ratio()
    h, k, h0, k0 = 1, 0, 0, 1
    while bottom:
        quotient, rest = divmod(top, bottom)
        h, k, h0, k0 = quotient * h + h0, quotient * k + k0, h, k
        if k > LARGEST_FRACTION**2:
            return None
        if interval.contains(fmpq(h, k)):
            return Fraction(h, k)
        top, bottom = bottom, rest
    return None


def _middle(interval: Ball) -> Fraction | None:
    """The middle of a ball; None where it is too large or too small to be looked at as a fraction."""
    mantissa, exponent = interval.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent) if abs(int(exponent)) < MOST_EXPONENT else None


def _decimal(value: Ball) -> str | None:
    """A short decimal or a simple fraction inside the ball."""
    exact = _middle(value)
    if exact is None:
        return None
    simple = exact.limit_denominator(LARGEST_FRACTION**2)
    if simple == 0 or not value.contains(fmpq(simple.numerator, simple.denominator)):
        return None
    if simple.denominator == 1 and abs(simple) < LARGEST_WHOLE:
        return str(simple)
    text = repr(float(simple))
    return text if Fraction(text) == simple else str(simple)


@cache
def program(text: str) -> Program:
    """A text that `reading` returned, as a program of primitives."""
    return derivatives.primitive(table_program("reading", text, ()))


def value_of(name: str) -> Ball:
    """A constant of the table as a ball, at the working precision."""
    return _value_at(name, max(BITS, balls.current_precision()))


@cache
def _value_at(name: str, bits: int) -> Ball:
    value: Ball = balls.at(program(name), (), strict=False, bits=bits)[-1]
    return value
