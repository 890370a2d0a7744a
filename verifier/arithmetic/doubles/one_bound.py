"""Run a Program over the real numbers in columns of float64 with one bound for all points: known where that says enough.

As in `arithmetic.balls`, with `strict` everything *at* a kink or on a boundary counts as unknown. A gate without a function here, and a column for which one decision does not hold
at all points, are unknown too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flint import arb

from verifier.arithmetic import vectors
from verifier.arithmetic.doubles import smooth
from verifier.arithmetic.doubles.double import (
    LARGER,
    ONE,
    TINY,
    UNKNOWN,
    ZERO,
    Double,
    absolute,
    add,
    div,
    exactly,
    is_apart,
    is_below,
    is_zero,
    mul,
    neg,
    sqrt,
    sub,
)
from verifier.arithmetic.intervals.choices import TRUTHS, decided
from verifier.arithmetic.types import Ball, DoubleArray, Truths
from verifier.circuit.program import Program
from verifier.language.formats import Format

UNDECIDED, TRUE, FALSE = np.int8(-1), np.int8(1), np.int8(0)


def numbers(
    program: Program, columns: Sequence[DoubleArray], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Double]:
    """The enclosures of steps that are numbers. `columns` has one array of float64 per input; `program` must consist of primitives."""
    found = vectors.run(VECTORS, program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)
    return [a if isinstance(a, Double) else UNKNOWN for a in found]


def is_bounded(program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    return vectors.is_bounded(VECTORS, program, outputs)


# ---------------------------------------------------------------- kinks and choices


def _strictly(function: Callable[[Double], Double]) -> Callable[[Double], Double]:
    """The same off 0 only."""
    return lambda a: function(a) if is_apart(a) else UNKNOWN


def _sign(a: Double) -> Double:
    if is_zero(a):
        return ZERO
    return ONE if is_below(ZERO, a) else neg(ONE) if is_below(a, ZERO) else UNKNOWN


def _max(a: Double, b: Double) -> Double:
    return b if is_below(a, b) else a if is_below(b, a) else UNKNOWN


def _min(a: Double, b: Double) -> Double:
    return a if is_below(a, b) else b if is_below(b, a) else UNKNOWN


def _compared(a: Double, b: Double, *, strict: bool) -> tuple[Truths, Truths, Truths]:
    """Whether a is below, equal to, above b. Strictly, equality is a border, and not known."""
    if is_below(a, b):
        return TRUE, FALSE, FALSE
    if is_below(b, a):
        return FALSE, FALSE, TRUE
    if not (a.is_exact and b.is_exact):
        return UNDECIDED, UNDECIDED, UNDECIDED
    below, above = np.less(a.value, b.value), np.greater(a.value, b.value)
    if strict:
        return decided(below, above), decided(np.False_, below | above), decided(above, below)
    return below.astype(np.int8), np.equal(a.value, b.value).astype(np.int8), above.astype(np.int8)


def _negated(c: Truths) -> Truths:
    return TRUTHS["not"](c)


def _comparison(which: int, *, negate: bool, strict: bool) -> Callable[[Double, Double], Truths]:
    return lambda a, b: _negated(_compared(a, b, strict=strict)[which]) if negate else _compared(a, b, strict=strict)[which]


def _comparisons(*, strict: bool) -> dict[str, Callable[[Double, Double], Truths]]:
    rows = (("lt", 0, False), ("ge", 0, True), ("gt", 2, False), ("le", 2, True), ("eq", 1, False), ("ne", 1, True))
    return {name: _comparison(which, negate=negate, strict=strict) for name, which, negate in rows}


def _where(c: Truths, a: Double, b: Double) -> Double:
    least, most = np.min(c), np.max(c)
    if least < 0:
        return UNKNOWN
    if least == most:
        return a if least else b
    if not (a.is_known and b.is_known):
        return UNKNOWN
    return Double(np.where(c == 1, a.value, b.value), min(a.low, b.low), max(a.high, b.high), max(a.rel, b.rel), max(a.fixed, b.fixed))


# ---------------------------------------------------------------- the tables


def _from_ball(ball: Ball) -> Double:
    """A ball as the float next to it."""
    value = float(ball)
    left = float(abs(ball - arb(value)).abs_upper())
    return Double(np.float64(value), value, value, 0.0, left * LARGER + TINY if left else 0.0)


FUNCTIONS: dict[str, Callable[..., Double | Truths]] = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "copy": lambda a: a, "sqrt": sqrt, "pow": smooth.power,
    "abs": absolute, "sign": _sign, "max": _max, "min": _min, "where": _where,
    **{name: getattr(smooth, name) for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "atan", "erf", "erfc")},
    **_comparisons(strict=False),
    **{name: TRUTHS[name] for name in ("and", "or", "not")},
}  # fmt: skip
STRICT: dict[str, Callable[..., Double | Truths]] = {"abs": _strictly(absolute), "sign": _strictly(_sign), **_comparisons(strict=True)}
VECTORS = vectors.Vectors("doubles", FUNCTIONS, STRICT, UNKNOWN, exactly, _from_ball, lambda a, never: a._replace(never=never))
