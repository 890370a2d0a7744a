"""Run a Program over ranges of real numbers whose ends are exact balls: for the tails, where float64 overflows.

An exponential of 1e30 has no float64 and no ball that keeps its lower end, but it has two ends in Arb. A value is a
`Range`, or None where it is not known over the whole range (undefined somewhere, not monotonic, a choice not decided).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball, Truth3
from verifier.circuit.program import Program
from verifier.language.formats import Format
from verifier.language.gates import GATES

BITS = 192


class Range(NamedTuple):
    """The lower and the upper end, exact."""

    low: Ball
    high: Ball


ZERO = Range(balls.ZERO, balls.ZERO)


def times(a: Range | None, factor: float) -> Range | None:
    """The range of a times a float."""
    if a is None:
        return None
    with balls.precision(BITS):
        return _ends(a.low * arb(factor), a.high * arb(factor))


def meet(a: Range | None, b: Range | None) -> Range | None:
    """The intersection of two enclosures of the same range; the first where the second is not known, and None where the first is not."""
    return a if a is None or b is None else Range(a.low.max(b.low), a.high.min(b.high))


def run(
    program: Program, columns: Sequence[tuple[float, float]], outputs: Sequence[int] | None = None, *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Range | Truth3]:
    """The ranges of some steps (default: all). `columns` has the ends of a closed interval per input; `program` must consist of primitives."""
    values: list[Range | Truth3] = []
    with balls.precision(BITS):
        for i, step in enumerate(program.steps):
            if step.gate == "input":
                values.append(Range(*map(arb, columns[i])))
            elif step.args:
                arguments = [values[a] for a in step.args]
                function = FUNCTIONS.get(step.gate)
                known = function is not None and (step.gate == "where" or all(a is not None for a in arguments))
                values.append(_finite(function(*arguments) if known and function is not None else None))
                if strict and step.gate in GATES and GATES[step.gate].kinks and not _is_strict(arguments):
                    values[-1] = None
            else:
                leaf = arb(upstream) if step.gate == "upstream" else balls.constant(step.text) if step.gate == "constant" else balls.literal(step.text, rounded_in)
                values.append(_finite(_ends(leaf)))
    return values if outputs is None else [values[i] for i in outputs]


def _ends(*results: Ball) -> Range | None:
    if not all(r.is_finite() for r in results):
        return None
    low, high = results[0].lower(), results[0].upper()
    for r in results[1:]:
        low, high = (min(low, r.lower())), (max(high, r.upper()))
    return Range(low, high)


def _finite(value: Range | Truth3) -> Range | Truth3:
    return value if not isinstance(value, Range) or (value.low.is_finite() and value.high.is_finite()) else None


def _is_strict(arguments: Sequence[Range | Truth3]) -> bool:
    """Off every kink and boundary: the operands never meet."""
    operands = [a for a in arguments if isinstance(a, Range)]
    if len(operands) < len(arguments):
        return False
    a, b = (*operands, ZERO)[:2]
    return bool(a.low > b.high) or bool(a.high < b.low)


def _corners(function: Callable[[Ball, Ball], Ball]) -> Callable[[Range, Range], Range | None]:
    return lambda a, b: _ends(*(function(x, y) for x in a for y in b))


def _div(a: Range, b: Range) -> Range | None:
    return _ends(*(x / y for x in a for y in b)) if b.low > 0 or b.high < 0 else None


def _monotonic(name: str) -> Callable[[Range], Range | None]:
    function = balls.PRIMITIVES[name]
    return lambda a: _ends(function(a.low), function(a.high))


def _even(name: str) -> Callable[[Range], Range | None]:
    function = balls.PRIMITIVES[name]
    return lambda a: _ends(function(a.low), function(a.high)) if a.low >= 0 or a.high <= 0 else None


def _pow(a: Range, b: Range) -> Range | None:
    power = balls.PRIMITIVES["pow"]
    n = balls.integer(b.low) if b.low == b.high else None
    if not a.low > 0 and (n is None or n < 0 or not (n % 2 or a.high <= 0)):
        return None
    return _ends(*(power(x, y) for x in a for y in b))


def _decided(true: Truth3, false: Truth3) -> Truth3:
    return True if true else False if false else None


def _where(c: Truth3, a: Range | None, b: Range | None) -> Range | None:
    return None if c is None else a if c else b


def _not(a: Truth3) -> Truth3:
    return None if a is None else not a


_TRUTHS: dict[str, Callable[..., Truth3]] = {
    "lt": lambda a, b: _decided(a.high < b.low, a.low >= b.high),
    "gt": lambda a, b: _decided(a.low > b.high, a.high <= b.low),
    "le": lambda a, b: _decided(a.high <= b.low, a.low > b.high),
    "ge": lambda a, b: _decided(a.low >= b.high, a.high < b.low),
    "eq": lambda a, b: _decided(a.low == a.high == b.low == b.high, a.low > b.high or a.high < b.low),
    "ne": lambda a, b: _decided(a.low > b.high or a.high < b.low, a.low == a.high == b.low == b.high),
    "and": lambda a, b: _decided(a and b, a is False or b is False),
    "or": lambda a, b: _decided(a or b, a is False and b is False),
    "not": _not,
}
MONOTONIC = [name for name, gate in GATES.items() if gate.rises and name in balls.PRIMITIVES]
FUNCTIONS: dict[str, Callable[..., Range | Truth3]] = {
    "add": lambda a, b: _ends(a.low + b.low, a.high + b.high),
    "sub": lambda a, b: _ends(a.low - b.high, a.high - b.low),
    "mul": _corners(lambda x, y: x * y),
    "div": _div,
    "neg": lambda a: Range(-a.high, -a.low),
    "copy": lambda a: a,
    "pow": _pow,
    "cosh": _even("cosh"),
    "abs": _even("abs"),
    "sign": lambda a: _ends(a.low.sgn()) if a.low > 0 or a.high < 0 else None,
    "max": lambda a, b: Range(a.low.max(b.low), a.high.max(b.high)),
    "min": lambda a, b: Range(a.low.min(b.low), a.high.min(b.high)),
    "where": _where,
    **{name: _monotonic(name) for name in MONOTONIC},
    **_TRUTHS,
}
