"""A condition at a point in exact rational numbers: equalities of decimals, such as 0.1 + 0.2 + 0.7 == 1, which no ball decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flint import fmpq

from verifier.circuit.program import Program
from verifier.language.numeral import exact

MOST_BITS = 200_000  # of the operands of a gate, taken together; float64 numbers have at most 2,100 each

FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "div": operator.truediv,
        "neg": operator.neg,
        "abs": abs,
        "max": max,
        "min": min,
        "copy": lambda a: a,
        "lt": operator.lt,
        "le": operator.le,
        "gt": operator.gt,
        "ge": operator.ge,
        "eq": operator.eq,
        "ne": operator.ne,
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "not": operator.not_,
        "where": lambda c, a, b: a if c else b,
    }
)


def is_true(program: Program, point: Sequence[float]) -> bool:
    """Whether the output of a program certainly is true; False as well where something that it reads is no rational number.

    >>> from verifier.circuit.program import Builder
    >>> b = Builder(())
    >>> tenth, fifth, most, one = (b.append("number", (), text=t) for t in ("0.1", "0.2", "0.7", "1"))
    >>> total = b.append("add", (b.append("add", (tenth, fifth)), most))
    >>> is_true(b.program(b.append("eq", (total, one))), ())
    True
    """
    values: list[Any] = []
    inputs = iter(point)
    for step in program.steps[: program.output + 1]:
        args = [values[a] for a in step.args]
        if step.gate == "input":
            x = next(inputs)
            values.append(fmpq(*x.as_integer_ratio()) if math.isfinite(x) else None)
        elif step.gate == "number":
            value = exact(step.text)
            values.append(fmpq(value.numerator, value.denominator))
        elif any(a is None for a in args):
            values.append(None)
        else:
            values.append(_value(step.gate, args))
    return values[program.output] is True


def _value(gate: str, args: Sequence[Any]) -> Any:
    """The value of a gate of rational operands, None where it is none or where the gate is not known here."""
    bits = sum(a.height_bits() for a in args if isinstance(a, fmpq))
    if bits > MOST_BITS or (gate == "div" and args[1] == 0):
        return None
    if gate == "pow":
        base, exponent = args
        is_small = exponent.q == 1 and abs(exponent) * base.height_bits() <= MOST_BITS
        return base ** int(exponent.p) if is_small and (base != 0 or exponent > 0) else None
    function = FUNCTIONS.get(gate)
    return None if function is None else function(*args)
