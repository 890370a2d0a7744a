"""Run a Program over the real numbers in vectors of double-doubles with bounds: certified to about 100 bits, for the elementary functions.

As in `arithmetic.balls`, with `strict` everything *at* a kink or on a boundary counts as unknown. What overflows, what is so small that a product loses
bits, and every gate without a function here is unknown, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb

from verifier.arithmetic import vectors
from verifier.arithmetic.double_double.comparisons import FUNCTIONS, STRICT
from verifier.arithmetic.double_double.number import NOTHING, SLACK, TINY, UNKNOWN, DoubleDouble, exactly
from verifier.arithmetic.intervals.choices import TRUTHS
from verifier.arithmetic.types import Ball, DoubleArray, Truths
from verifier.circuit.program import Program
from verifier.language.formats import Format


def run(
    program: Program, columns: Sequence[DoubleArray], outputs: Sequence[int] | None = None, *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[DoubleDouble | Truths]:
    """The enclosures of some steps (default: all). `columns` has one array of float64 per input; `program` must consist of primitives."""
    return vectors.run(VECTORS, program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)


def numbers(
    program: Program, columns: Sequence[DoubleArray], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[DoubleDouble]:
    """The enclosures of steps that are numbers."""
    found = run(program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)
    return [a if isinstance(a, DoubleDouble) else UNKNOWN for a in found]


def is_bounded(program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    return vectors.is_bounded(VECTORS, program, outputs)


def from_ball(ball: Ball) -> DoubleDouble:
    """A ball as a double-double."""
    hi = float(ball)
    rest = ball - arb(hi)
    lo = float(rest)
    left = abs(rest - arb(lo))
    err = NOTHING if left.is_zero() else np.float64(float(left.abs_upper()) * SLACK + TINY)
    return DoubleDouble(np.float64(hi), NOTHING if lo == 0 else np.float64(lo), err)


LOGIC = {name: TRUTHS[name] for name in ("and", "or", "not")}
VECTORS = vectors.Vectors("double_double", {**FUNCTIONS, **LOGIC}, STRICT, UNKNOWN, exactly, from_ball, lambda a, never: a._replace(never=never))

