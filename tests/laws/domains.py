"""The law of domains: at a random point outside the domain that the table of gates states, the exact side has neither a value nor a gradient.

The domain is read by Python itself, in exact rationals; the exact side never reads that text but where a meaning is wider than its gate.
"""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

import mpmath
from hypothesis import strategies as st

from tests.laws.law import case_in, require
from verifier.circuit.program import Program
from verifier.exact import one_sided
from verifier.exact.derivatives import primitive
from verifier.exact.series import Undefined
from verifier.language.gates import GATES

LIMITED = tuple(name for name, gate in GATES.items() if gate.where)
BITS = 200
MOST_TRIES = 200  # random points until one is outside
AT_EDGES = frozenset(("fmod", "remainder", "mod", "li"))  # at 0 there may be a limit (fmod(0, b) is 0 for all b), or one that is not known


def texts() -> st.SearchStrategy[str]:
    """A gate, and a point outside its domain."""
    return st.integers(0, 2**40).map(lambda number: drawn(random.Random(number)))


def drawn(draw: random.Random) -> str:
    """A text drawn at random."""
    name = draw.choice(LIMITED)
    gate = GATES[name]
    names = [f"x{i}" for i in range(len(gate.parameters))]
    for _ in range(MOST_TRIES):
        point = [_number(draw, is_order=i in gate.orders) for i in range(len(names))]
        if not is_inside(name, point):
            break
    else:
        raise AssertionError(f"no point outside the domain of {name} was found")
    values = ", ".join(f"{n}: {float(x)!r}" for n, x in zip(names, point, strict=True))
    orders = ", ".join(n for i, n in enumerate(names) if i in gate.orders)
    parameters = f"parameters: [{orders}]\n" if orders else ""
    return f"function: {name}({', '.join(names)})\n{parameters}points: [{{{values}}}]\n"


def _number(draw: random.Random, *, is_order: bool) -> Fraction:
    if is_order:
        return Fraction(draw.randint(0, 5))
    return Fraction(draw.choice((0, draw.randint(-6, 6), Fraction(draw.randint(-12, 12), 2), Fraction(round(draw.uniform(-8, 8) * 1024), 1024))))


def is_inside(name: str, point: list[Fraction]) -> bool:
    """Whether a point is in the domain of the table, by Python."""
    gate = GATES[name]
    names = {"floor": floor, "exp": mpmath.exp, "__builtins__": {}}
    values = [mpmath.mpf(x.numerator) / x.denominator if "exp" in gate.where else x for x in point]
    return bool(eval(gate.where, names, dict(zip(gate.parameters, values, strict=True))))


def outside_there_is_nothing(text: str) -> int:
    """No value and no derivative; the balls alone may not tell."""
    case = case_in(text)
    program: Program = primitive(case.programs.truth)
    point = [Fraction(t) for _, t in case.points[0].values]
    (value,) = one_sided.value_at(program, point, [program.output], bits=BITS)
    require(value is None or isinstance(value, Undefined), lambda: f"outside its domain its value is {value}")
    for position, name in enumerate(case.inputs):
        if name in program.parameters or (0 in point and any(text.startswith(f"function: {n}(") for n in AT_EDGES)):
            continue
        found = one_sided.derivative(program, point, position, bits=BITS)
        require(isinstance(found, one_sided.Nowhere), lambda f=found, n=name: f"outside its domain its derivative by {n} is {f}")  # type: ignore[misc]
    return len(point)
