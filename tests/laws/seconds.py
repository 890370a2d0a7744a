"""The law of second derivatives at ties: a choice or a kink under `diff`, at its border, against difference quotients by mpmath.

The oracle reads the text of the function with mpmath's own functions; the derivative inside is a difference quotient of its own,
at four scales and from both sides, and nothing is expected where they do not agree.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import mpmath
from hypothesis import strategies as st

from tests.laws.law import case_in, require
from verifier.exact import one_sided
from verifier.exact.derivatives import primitive

DIGITS = 400
INNER = 100  # digits of the step of the inner quotient
OUTER = 25
SAME = {INNER: mpmath.mpf("1e-70"), OUTER: mpmath.mpf("1e-15")}  # to which the quotients of both sides and scales agree where there is a derivative
BITS = 512


def texts() -> st.SearchStrategy[str]:
    """Functions with a `diff` over a choice, and a point on its border."""
    return st.integers(0, 2**40).map(lambda number: drawn(random.Random(number)))


def drawn(draw: random.Random) -> str:
    """A text drawn at random."""
    a, b = draw.choice((0, 0, 0, 1, -1, 2)), draw.choice((0, 1, 2, -1))
    u = draw.choice((f"(x - {a})", f"(x - {a})", f"(x + y - {a + b})", f"(x - {a})*(y + 3)")).replace("- -", "+ ")
    inner = draw.choice((
        f"where({u} == 0, {{p}}, {{q}})", f"where({u} == 0, 1, sin({u})/({u}))", f"where({u} == 0, y, (exp(y*{u}) - 1)/({u}))", f"where({u} == 0, {{p}}, {{p}} + {u}**{draw.choice((1, 2, 3))})",
        f"where({u} > 0, {{p}}, {{p}} + {u}**{draw.choice((1, 2, 3))})", f"where({u} >= 0, {{p}}, {{q}})", f"where({u} != 0, {{p}} + y*{u}**2, {{p}})", f"abs({u})*{{p}}", f"max({u}, 0)*{u}*{{p}}",
        f"floor({u})*{{p}}", f"{{p}} + where({u} == 0, 5, 0)", f"xlogy({u}, exp(y + {u}))", f"min({{p}}, {{p}} + {u}**3)", f"sign({u})*{u}**2*{{p}}", f"clip({u}, 0, inf)*{u}**2*{{p}}", f"abs({u})**3*{{p}}",
        f"where({u} < inf, {{p}}*{u}, 0)", f"where({u} == 0, {{p}}*{u}, {{p}}*(exp({u}) - 1))",
    ))  # fmt: skip
    pieces = ("x*y", "(1 + x*x)", "exp(x)", "sin(x + y)", "(x + y**2)", "(2*x - y)", "1", "cos(x*y)")
    text = inner.replace("{p}", draw.choice(pieces)).replace("{q}", draw.choice(pieces))
    by = draw.choice(("x", "x", "y"))
    return f"about: {by}\nfunction: diff({text}, {by}) + 0*(x + y)\npoints: [{{x: {a}, y: {b}}}]\n"


def second_derivatives_are_limits(text: str) -> int:
    """A finite second derivative, in both inputs, is the limit of difference quotients; and what has one is not said to have none."""
    case, count = case_in(text), 0
    body = text.split("function: ")[1].split("\n", maxsplit=1)[0].removeprefix("diff(").rsplit(", ", 1)[0]
    point = point_in(text)
    program = primitive(case.programs.truth)
    for position in (0, 1):
        found = one_sided.derivative(program, point, position, bits=BITS)
        expected = _second(body, point, case.about == "y", position)
        if isinstance(found, one_sided.Finite):
            require(expected is not None and abs(expected - mpmath.mpf(found.ball.mid().str(30, radius=False))) <= SAME[OUTER] * (1 + abs(expected)), lambda e=expected, f=found, p=position: f"the derivative by input {p} is {f}, the quotients tend to {e}")  # type: ignore[misc]
            count += 1
        elif isinstance(found, one_sided.Nowhere | one_sided.Kink):
            require(expected is None, lambda e=expected, f=found, p=position: f"the derivative by input {p} is said to be {f}, the quotients tend to {e}")  # type: ignore[misc]
            count += 1
    return count


def point_in(text: str) -> list[Fraction]:
    """The point of a drawn text."""
    return [Fraction(v) for v in text.split("points: [{x: ")[1].rstrip("]}\n").split(", y: ")]


def _second(body: str, point: list[Fraction], by: bool, position: int) -> Any:
    """The derivative of the inner derivative, where all quotients agree; else None."""
    with mpmath.workdps(DIGITS):
        x = [mpmath.mpf(v.numerator) / v.denominator for v in point]
        here = _quotients(lambda v: _value(body, v), x, int(by), INNER)
        return None if here is None else _quotients(lambda v: _quotients(lambda w: _value(body, w), v, int(by), INNER), x, position, OUTER)


def _quotients(function: Any, x: list[Any], position: int, digits: int) -> Any:
    here, found = function(x), []
    if here is None:
        return None
    for step in (mpmath.mpf(10) ** -digits, -(mpmath.mpf(10) ** -digits), mpmath.mpf(10) ** -(digits + 3), -(mpmath.mpf(10) ** -(digits + 3))):
        beside = function([v + step if i == position else v for i, v in enumerate(x)])
        if beside is None:
            return None
        found.append((beside - here) / step)
    return found[0] if all(abs(f - found[0]) <= SAME[digits] * (1 + abs(found[0])) for f in found) else None


def _value(body: str, x: list[Any]) -> Any:
    m = mpmath
    names = {
        "where": lambda c, a, b: a() if c else b(), "xlogy": lambda a, b: a * m.log(b), "clip": lambda a, low, high: min(max(a, low), high), "inf": m.inf, "x": x[0], "y": x[1],
        "sin": m.sin, "cos": m.cos, "exp": m.exp, "abs": abs, "max": max, "min": min, "floor": m.floor, "sign": m.sign,
    }  # fmt: skip
    return eval(_lazy(body), {"__builtins__": {}, **names})


def _lazy(body: str) -> str:
    """The branches of `where` as functions without arguments: the other one may have no value."""
    at = body.find("where(")
    if at < 0:
        return body
    depth, parts, start = 0, [], at + len("where(")
    for i in range(start, len(body)):
        depth += {"(": 1, ")": -1}.get(body[i], 0)
        if depth < 0 or (depth == 0 and body[i] == ","):
            parts.append(body[start:i])
            start = i + 1
        if depth < 0:
            c, a, b = parts
            return f"{body[:at]}where({c}, lambda: {a}, lambda: {b}){_lazy(body[i + 1:])}"
    raise ValueError(body)
