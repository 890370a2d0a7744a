"""Which well-known constant a number is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import gcd
from typing import Any

from flint import arb, fmpq

from verifier.arithmetic import balls

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
