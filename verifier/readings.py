"""Which constant a rounded literal stands for: 0.7978845608028654 is sqrt(2/pi), if nothing else as simple is as near."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

from flint import fmpq

from verifier import symbolic
from verifier.arithmetic import balls
from verifier.build import table_program
from verifier.formats import Format
from verifier.program import Program, significant_digits

BITS = 256
LARGEST_FACTOR = 24  # numerator and denominator of a rational factor of a constant
LARGEST_FRACTION = 1000  # of a fraction by itself; its denominator may also be that of a short series, up to its square
# No two of them have a rational quotient, so a literal is read in at most one way for each.
CONSTANTS = (
    "1", "pi", "1/pi", "pi**2", "e", "1/e", "sqrt(e)", "1/sqrt(e)", "euler_gamma", "exp(euler_gamma)", "exp(-euler_gamma)",
    "sqrt(2)", "sqrt(3)", "sqrt(5)", "sqrt(6)", "sqrt(7)", "sqrt(10)", "(1 + sqrt(5))", "cbrt(2)", "cbrt(3)",
    "sqrt(pi)", "1/sqrt(pi)", "sqrt(2*pi)", "sqrt(2/pi)", "sqrt(3)*pi", "sqrt(3)/pi", "sqrt(2)*pi", "1/(sqrt(2)*pi)",
    "log(2)", "log(3)", "log(5)", "log(10)", "1/log(2)", "1/log(3)", "1/log(10)", "log(2)/log(10)", "log(10)/log(2)", "log(pi)", "log(2*pi)", "sqrt(log(2))",
)  # fmt: skip
_DEGREES = (Fraction(1, 180), Fraction(1, 360), Fraction(180), Fraction(360), Fraction(90))


def reading(text: str, fmt: Format) -> str | None:
    """The constant, in the language of the case files, that a literal with all the digits of a format was rounded from; None where none or several fit."""
    if significant_digits(text) < fmt.digits:
        return None
    with balls.precision(BITS):
        interval = balls.literal(text, fmt)
        if interval.is_exact():
            return None
        found = [_product(f, name) for name in CONSTANTS if (f := _factor(interval / _value(name), name)) is not None]
    return found[0] if len(found) == 1 else None


def _factor(interval: Any, name: str) -> Fraction | None:
    """The simplest rational in an interval, small enough to be meant."""
    simplest = _simplest(interval)
    if simplest is None or simplest <= 0:
        return None
    if name == "1":
        small = simplest.numerator <= LARGEST_FRACTION and simplest.denominator <= LARGEST_FRACTION**2
    else:
        small = (simplest.numerator <= LARGEST_FACTOR and simplest.denominator <= LARGEST_FACTOR) or simplest in _DEGREES
    return simplest if small else None


def _simplest(interval: Any) -> Fraction | None:
    """The first convergent of the middle that lies in the interval."""
    middle = interval.mid()
    mantissa, exponent = middle.man_exp()
    if abs(int(exponent)) > 4 * BITS:
        return None
    rest = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    h, k, h0, k0 = floor(rest), 1, 1, 0
    while k <= LARGEST_FRACTION**2:
        if interval.contains(fmpq(h, k)):
            return Fraction(h, k)
        rest -= floor(rest)
        if rest == 0:
            return None
        rest = 1 / rest
        h, k, h0, k0 = floor(rest) * h + h0, floor(rest) * k + k0, h, k
    return None


def _product(factor: Fraction, name: str) -> str:
    if name == "1":
        return str(factor)
    top = name if factor.numerator == 1 else f"{factor.numerator}*{name}" if not name.startswith("1/") else f"{factor.numerator}{name[1:]}"
    return top if factor.denominator == 1 else f"{top}/{factor.denominator}"


@cache
def program(text: str) -> Program:
    """A reading as a program of primitives."""
    return symbolic.primitive(table_program("reading", text, ()))


@cache
def _value(name: str) -> Any:
    return balls.run(program(name), [], bits=BITS, strict=False)[-1][0]
