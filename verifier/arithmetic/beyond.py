"""Bounds of numbers beyond the range of balls: exp(exp(exp(10))) has no ball here, but it is certainly larger than every float.

A step is a ball where that is finite, else a Span, whose upper or lower end may be infinite; the number itself is real. None
is a step of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flint import arb

from verifier.arithmetic import ball_gates, balls
from verifier.arithmetic.types import Ball, RealValue, Truth3
from verifier.circuit.program import Program

INFINITY = arb.pos_inf()
EXPONENT = arb(2) ** 1000  # exp of what is larger is bounded by 2 to that power
ENORMOUS = arb((1, 2**1000))
FROM = arb(7)  # from there on gamma(a) is larger than 2**a: it is 720 there, and more than doubles from a to a + 1


class Span(NamedTuple):
    """A real number between two exact bounds, which may be infinite."""

    low: Ball
    high: Ball


def run(program: Program, point: Sequence[float], *, bits: int, strict: bool, upstream: float = 1.0) -> list[Span | RealValue]:
    """The ball, the Span or the truth value of every step of a program of primitives at a point; None where nothing is known."""
    known = balls.at(program, point, strict=strict, upstream=upstream, bits=bits)
    values: list[Span | RealValue] = []
    with balls.precision(bits):
        for i, step in enumerate(program.steps):
            value: RealValue = known[i]
            is_open = not isinstance(value, bool) and (value is None or not value.is_finite())
            values.append(_bounds(step.gate, [values[a] for a in step.args], strict=strict) if is_open else value)
    return values


def span(value: Span | RealValue) -> Span | None:
    """A ball as a Span; None where nothing is known."""
    if value is None or isinstance(value, Span | bool):
        return value if isinstance(value, Span) else None
    return Span(value.lower(), value.upper())


def _bounds(gate: str, args: list[Span | RealValue], *, strict: bool) -> Span | RealValue:
    if gate == "where":
        return args[1 if args[0] else 2] if isinstance(args[0], bool) else None
    if gate in ("and", "or", "not"):
        return balls.PRIMITIVES[gate](*args) if all(a is None or isinstance(a, bool) for a in args) else None
    spans = [span(a) for a in args]
    if gate not in RULES or not spans or any(s is None for s in spans):
        return None
    found = RULES[gate](*spans)
    if isinstance(found, Span):
        return None if found.low.is_nan() or found.high.is_nan() or (found.low == -INFINITY and found.high == INFINITY and strict) else found
    return found


def _exp_end(x: Ball, *, lower: bool) -> Ball:
    if x > EXPONENT:
        return ENORMOUS if lower else INFINITY
    if x < -EXPONENT:
        return arb(0) if lower else ball_gates.UNDERFLOW.upper()
    value: Ball = balls.PRIMITIVES["exp"](x)
    return value.lower() if lower else value.upper()


def _exp(a: Span) -> Span:
    return Span(_exp_end(a.low, lower=True), _exp_end(a.high, lower=False))


def _add(a: Span, b: Span) -> Span:
    return Span((a.low + b.low).lower(), (a.high + b.high).upper())


def _neg(a: Span) -> Span:
    return Span(-a.high, -a.low)


def _mul(a: Span, b: Span) -> Span:
    corners = [arb(0) if x.is_zero() or y.is_zero() else x * y for x in a for y in b]
    low, high = corners[0].lower(), corners[0].upper()
    for c in corners[1:]:
        low, high = low.min(c.lower()).lower(), high.max(c.upper()).upper()
    return Span(low, high)


def _div(a: Span, b: Span) -> Span | None:
    if not (b.low > 0 or b.high < 0):
        return None
    return _mul(a, Span((1 / b.high).lower() if b.high.is_finite() else arb(0), (1 / b.low).upper() if b.low.is_finite() else arb(0)))


def _log(a: Span) -> Span | None:
    return Span(a.low.log().lower(), INFINITY if a.high == INFINITY else a.high.log().upper()) if a.low > 0 else None


def _sqrt(a: Span) -> Span | None:
    return Span(a.low.sqrt().lower(), INFINITY if a.high == INFINITY else a.high.sqrt().upper()) if a.low >= 0 else None


def _pow(a: Span, b: Span) -> Span | None:
    logarithm = _log(a)
    return None if logarithm is None else _exp(_mul(logarithm, b))


def _abs(a: Span) -> Span:
    return a if a.low >= 0 else _neg(a) if a.high <= 0 else Span(arb(0), (-a.low).max(a.high).upper())


def _cosh(a: Span) -> Span:
    return _mul(_add(_exp(a), _exp(_neg(a))), HALF)


def _sinh(a: Span) -> Span:
    return _mul(_add(_exp(a), _neg(_exp(_neg(a)))), HALF)


def _gamma(a: Span) -> Span | None:
    return Span(_exp_end((a.low * arb.const_log2()).lower(), lower=True), INFINITY) if a.low > FROM else None


def _less(a: Span, b: Span) -> Truth3:
    return True if a.high < b.low else False if a.low > b.high else None


HALF = Span(arb(0.5), arb(0.5))
ONE = Span(arb(1), arb(1))
RULES: dict[str, Callable[..., Span | Truth3]] = {
    "exp": _exp,
    "expm1": lambda a: _add(_exp(a), _neg(ONE)),
    "add": _add,
    "sub": lambda a, b: _add(a, _neg(b)),
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "log": _log,
    "log1p": lambda a: _log(_add(a, ONE)),
    "sqrt": _sqrt,
    "pow": _pow,
    "abs": _abs,
    "cosh": _cosh,
    "sinh": _sinh,
    "gamma": _gamma,
    "max": lambda a, b: Span(a.low.max(b.low).lower(), a.high.max(b.high).upper()),
    "min": lambda a, b: Span(a.low.min(b.low).lower(), a.high.min(b.high).upper()),
    "lt": _less,
    "le": _less,
    "gt": lambda a, b: _less(b, a),
    "ge": lambda a, b: _less(b, a),
}
