"""Run a Program over the real numbers in vectors of float64 intervals: fast, certified, and often unknown.

A step's value is an `Interval` of two arrays that enclose the exact value at every point; NaN in both where it is not known
(or undefined). Every operation is rounded outward. The kernels of NumPy and SciPy are widened by a bound of their error that is
several times the worst ever seen (`tests/arithmetic/test_intervals_of_gates.py` holds it against Arb); outside the bound's domain, and for a function
without one, nothing is known. As in `arithmetic.balls`, with `strict` everything *at* a kink or on a boundary counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic import vectors
from verifier.arithmetic.intervals import choices
from verifier.arithmetic.intervals.angles import atan2, atan2_strict
from verifier.arithmetic.intervals.choices import CHOICES
from verifier.arithmetic.intervals.elementary import ELEMENTARY, KERNELS
from verifier.arithmetic.intervals.interval import UNKNOWN, Interval, exactly
from verifier.arithmetic.intervals.special_functions import SPECIAL
from verifier.arithmetic.types import Ball, Truths
from verifier.circuit.program import Program
from verifier.language.formats import Format

FUNCTIONS: dict[str, Callable[..., Interval | Truths]] = {**ELEMENTARY, "atan2": atan2, **SPECIAL, **CHOICES}
STRICT: dict[str, Callable[..., Interval | Truths]] = {**choices.STRICT, "atan2": atan2_strict}


def run(
    program: Program, columns: Sequence[NDArray[np.float64]], outputs: Sequence[int] | None = None, *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Interval | Truths]:
    """The enclosures of some steps (default: all). `columns` has one array of float64 per input; `program` must consist of primitives."""
    return vectors.run(VECTORS, program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)


def quick(
    program: Program, columns: Sequence[NDArray[np.float64]], outputs: Sequence[int] | None = None, *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Interval | Truths]:
    """`run` by kernels alone, whatever is installed: some ulps wider, which a sweep of a narrow format does not notice."""
    return vectors.run(BY_KERNELS, program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)


def is_bounded(program: Program, outputs: Sequence[int]) -> bool:
    """Whether every gate that the outputs depend on has an enclosure here."""
    return vectors.is_bounded(VECTORS, program, outputs)


def constants(program: Program, *, strict: bool, rounded_in: Format | None) -> Mapping[int, Interval | Truths]:
    """The enclosures of the steps that depend on no input, by step."""
    return vectors.constants(VECTORS, program, strict=strict, rounded_in=rounded_in)


def _from_ball(ball: Ball) -> Interval:
    low, high = float(ball.lower()), float(ball.upper())
    if low == high and ball.is_exact() and ball == low:
        return exactly(np.float64(low))
    return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))


VECTORS = vectors.Vectors("intervals", FUNCTIONS, STRICT, UNKNOWN, exactly, _from_ball, lambda a, never: a._replace(never=never))
BY_KERNELS = VECTORS._replace(functions={**FUNCTIONS, **KERNELS})

__all__ = ["FUNCTIONS", "STRICT", "Interval", "constants", "exactly", "is_bounded", "quick", "run"]
