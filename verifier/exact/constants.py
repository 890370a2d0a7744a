"""Which well-known constant a number is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import floor, gcd
from typing import Any

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.circuit.expressions import table_program
from verifier.circuit.program import Program, significant_digits
from verifier.exact import derivatives
from verifier.language.formats import Format

# Functions, because a ball is computed at the precision of the moment.
_BASES: dict[str, Callable[[], Any]] = {
    "1": lambda: arb(1),
    "sqrt(2)": lambda: arb(2).sqrt(),
    "sqrt(3)": lambda: arb(3).sqrt(),
    "pi": arb.pi,
    "sqrt(pi)": lambda: arb.pi().sqrt(),
    "sqrt(2*pi)": lambda: arb.sqrt(2 * arb.pi()),
    "pi**2": lambda: arb.pi() ** 2,
    "log(2)": arb.const_log2,
    "log(10)": arb.const_log10,
    "e": arb.const_e,
}
_INVERTED: dict[str, Callable[[], Any]] = {
    "1/sqrt(pi)": lambda: 1 / arb.pi().sqrt(),
    "1/pi": lambda: 1 / arb.pi(),
    "sqrt(2/pi)": lambda: arb.sqrt(2 / arb.pi()),
    "1/sqrt(2*pi)": lambda: 1 / (2 * arb.pi()).sqrt(),
    "1/log(2)": lambda: 1 / arb.const_log2(),
    "1/log(10)": lambda: 1 / arb.const_log10(),
    "1/e": lambda: 1 / arb.const_e(),
    "sqrt(pi/2)": lambda: arb.sqrt(arb.pi() / 2),
}
_LARGEST = 12  # of the numerator and the denominator of a rational factor


@cache
def _table(bits: int) -> tuple[tuple[str, Any], ...]:
    with balls.precision(bits):
        factors = sorted(
            (Fraction(p, q) for p in range(1, _LARGEST + 1) for q in range(1, _LARGEST + 1) if gcd(p, q) == 1), key=lambda f: f.numerator + f.denominator
        )
        rows = []
        for factor in factors:
            for name, value in (*_BASES.items(), *_INVERTED.items()):
                if name == "1" and factor == 1:
                    rows.append(("1", arb(1)))
                    continue
                rows.append((_product(factor, name), value() * arb(fmpq(factor.numerator, factor.denominator))))
        return tuple(rows)


def _product(factor: Fraction, name: str) -> str:
    if name == "1":
        return str(factor)
    if factor == 1:
        return name
    top = "" if factor.numerator == 1 else f"{factor.numerator}*"
    if name.startswith("1/"):
        return f"{factor.numerator}/{name[2:]}" if factor.denominator == 1 else f"{factor.numerator}/({factor.denominator}*{name[2:]})"
    return f"{top}{name}" if factor.denominator == 1 else f"{top}{name}/{factor.denominator}"


def identify(value: Any, *, bits: int = 128) -> str | None:
    """The name of the constant inside a narrow ball: a small rational times one of a few roots, powers and logarithms; None if there is none."""
    if not value.is_finite() or value.contains(0):
        return None
    positive = value > 0
    magnitude = abs(value)
    for name, constant in _table(bits):
        if magnitude.overlaps(constant):
            return name if positive else f"-{name}"
    return _decimal(value)


def _decimal(value: Any) -> str | None:
    """A short decimal or a simple fraction inside the ball."""
    middle = value.mid()
    mantissa, exponent = middle.man_exp()
    exact = Fraction(int(mantissa)) * Fraction(2) ** int(exponent) if abs(int(exponent)) < 4000 else None
    if exact is None:
        return None
    simple = exact.limit_denominator(10**6)
    if simple == 0 or not value.contains(fmpq(simple.numerator, simple.denominator)):
        return None
    text = repr(float(simple))
    return text if Fraction(text) == simple else str(simple)


def is_decimal(name: str) -> bool:
    """Whether a name of `identify` is a plain number rather than a constant."""
    return name.lstrip("-").replace(".", "", 1).replace("/", "", 1).replace("e-", "", 1).isdigit()


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
        found = [_spelt(f, name) for name in CONSTANTS if (f := _factor(interval / _value(name), name)) is not None]
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


def _spelt(factor: Fraction, name: str) -> str:
    if name == "1":
        return str(factor)
    top = name if factor.numerator == 1 else f"{factor.numerator}*{name}" if not name.startswith("1/") else f"{factor.numerator}{name[1:]}"
    return top if factor.denominator == 1 else f"{top}/{factor.denominator}"


@cache
def program(text: str) -> Program:
    """A reading as a program of primitives."""
    return derivatives.primitive(table_program("reading", text, ()))


@cache
def _value(name: str) -> Any:
    return balls.run(program(name), [], bits=BITS, strict=False)[-1][0]
