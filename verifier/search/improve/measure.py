"""Measures formulas: the floats of a term at a column of points, and how far they are from the exact values."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import arb

from verifier.arithmetic import balls, floats
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.case.points import FloatPoint
from verifier.circuit.expressions import definition
from verifier.language.formats import Format, computing, dtype, numbers, places
from verifier.language.gates import GATES, kernel
from verifier.search.improve.suggestion import Errors
from verifier.search.improve.terms import Term
from verifier.search.paths import InputRanges

MOST_ULPS = 2.0**64  # a larger error, or no number at all, counts as so many
BITS = (128, 512, 2048, 8192)  # at which exact values are enclosed, in turn
ENOUGH_BITS = 80  # of an exact value
SIZES = (1.0, 40.0, 700.0, 1e4, math.inf)  # nested ranges: where functions bend, where exponentials end, all the rest
DOUBLE = 53  # the precision of float64
MODERATE = 10.0  # the size of every fourth coordinate
DEEPEST = 52  # of the halvings towards an end, and of the relative distances of two inputs


@dataclass(frozen=True)
class Exact:
    """Exact values at a column of points: the nearest float64, what is left, and an ulp of the format; `known` are the points at which there is a value that the format can hold.

    At the others, where `wanted` is something, it says which values do: any number (0), or that infinity; NaN says nothing.
    """

    high: DoubleArray
    low: DoubleArray
    ulp: DoubleArray
    known: MaskArray
    wanted: DoubleArray | None = None

    def errors(self, values: Any) -> DoubleArray:
        """How far values are off, in ulps, at most MOST_ULPS; 0 where nothing is known or wanted."""
        computed = np.asarray(values, dtype=np.float64)
        with np.errstate(all="ignore"):
            found = np.abs((computed - self.high) - self.low) / self.ulp
        found = np.where(found <= MOST_ULPS, found, MOST_ULPS)  # NaN as well
        off: DoubleArray = np.where(self.known, found, 0.0)
        if self.wanted is not None:
            does = np.isnan(self.wanted) | np.where(self.wanted == 0, np.isfinite(computed), computed == self.wanted)
            off = np.where(self.known | does, off, MOST_ULPS)
        return off

    def at(self, chosen: Any) -> Exact:
        """The same at some of the points."""
        return Exact(self.high[chosen], self.low[chosen], self.ulp[chosen], self.known[chosen], None if self.wanted is None else self.wanted[chosen])


def exact_of(values: Sequence[arb | None], fmt: Format) -> Exact:
    """Enclosures as exact values; None, and what is not enclosed narrowly, is not known."""
    high, low = np.zeros(len(values)), np.zeros(len(values))
    known = np.zeros(len(values), dtype=bool)
    with balls.precision(BITS[0]):
        for k, v in enumerate(values):
            if v is None or not v.is_finite():
                continue
            h = float(v.mid())
            if abs(h) <= fmt.largest:
                high[k], low[k], known[k] = h, float((v - arb(h)).mid()), True
    _, exponent = np.frexp(high)
    ulp = np.ldexp(1.0, np.maximum(np.where(high == 0, fmt.emin + 1, exponent) - 1, fmt.emin) - fmt.precision + 1)
    return Exact(high, low, ulp, known)


def bits(errors: DoubleArray) -> DoubleArray:
    """Errors in ulps as bits that are lost; half an ulp is none."""
    found: DoubleArray = np.log2(1 + np.maximum(errors - 0.5, 0.0))
    return found


def summary(errors: DoubleArray) -> Errors:
    """The figures of a column of errors."""
    if not len(errors):
        return Errors(0, 0.0, 0.0, 0.0)
    return Errors(len(errors), float(errors.max()), float(statistics.median(errors.tolist())), float(bits(errors).mean()))


@dataclass
class TermFloats:
    """The floats of terms at a column of points: every part is computed once."""

    format: Format
    values: dict[Term, Any] = field(default_factory=dict)
    count: int = 0

    def of(self, term: Term) -> Any:
        """The values of a term."""
        with np.errstate(all="ignore"):
            for part in term.parts:
                if part not in self.values:
                    self.values[part] = self._value(part)
        return self.values[term]

    def _value(self, term: Term) -> Any:
        kind = dtype(computing(self.format))
        if term.op == "number":
            return np.full(self.count, floats.literal(term.text, computing(self.format))).astype(kind)
        if term.op == "constant":
            return np.full(self.count, floats.CONSTANT_VALUES[term.text]).astype(kind)
        if term.op == "name":
            raise KeyError(term.text)
        args = [self.values[a] for a in term.args]
        gate = GATES[term.op]
        if term.op in ("max", "min"):
            return (np.maximum if term.op == "max" else np.minimum)(*args)
        if gate.arrays is not None:
            return kernel(gate.arrays)(*args)
        inner = definition(term.op) if gate.float64 is None else None
        if inner is not None:
            return np.asarray(floats.run(inner, args, [inner.output], fmt=computing(self.format))[0]).astype(kind)
        function = kernel(gate.float64 or "")
        return np.array([_safe(function, row) for row in zip(*(np.asarray(a, dtype=np.float64).tolist() for a in args), strict=True)]).astype(kind)


def _safe(function: Any, row: Sequence[float]) -> float:
    try:
        return float(function(*row))
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.nan


# ---------------------------------------------------------------- points


def drawn(boxes: Sequence[InputRanges], fmt: Format, *, count: int, seed: int) -> list[FloatPoint]:
    """Points of the boxes: uniform, of all magnitudes, of all floats, towards the ends; where there are several inputs also some that are nearly equal or opposite."""
    source = random.Random(seed)  # noqa: S311 - a sample, not a secret
    found: dict[FloatPoint, None] = {}
    for k in range(count):
        box = boxes[k % len(boxes)]
        size = SIZES[k % len(SIZES)] if k % 2 else math.inf
        point = [_coordinate(source, low, high, size) for low, high in box]
        if len(point) > 1 and k % 5 == 4:
            i, j = source.sample(range(len(point)), 2)
            low, high = box[j]
            near = point[i] * source.choice((1, -1)) * (1 + source.choice((1, -1, 0)) * 2.0 ** -source.randrange(1, DEEPEST))
            point[j] = near if low <= near <= high else point[j]
        rounded = tuple(_rounded(x, bounds, fmt) for x, bounds in zip(point, box, strict=True))
        found[rounded] = None
    return list(found)


def _coordinate(source: random.Random, low: float, high: float, size: float) -> float:
    low, high = max(low, -1e300), min(high, 1e300)
    if low == high:
        return low
    if max(low, -size) < min(high, size):
        low, high = max(low, -size), min(high, size)
    kind = source.randrange(4)
    if kind == 0:
        return source.uniform(low, high)
    if kind == 1:  # all magnitudes
        sign = source.choice((1, -1)) if low < 0 < high else 1 if high > 0 else -1
        most, least = (high, max(low, 0.0)) if sign > 0 else (-low, max(-high, 0.0))
        bottom = math.log(max(least, most * 1e-18))
        return sign * math.exp(source.uniform(bottom, math.log(most))) if most > 0 else low
    if kind == 2:  # towards an end, or towards 0
        end, other = source.choice(((low, high), (high, low), (0.0, high), (0.0, low))) if low < 0 < high else source.choice(((low, high), (high, low)))
        return end + (other - end) * math.ldexp(source.uniform(0.5, 1.0), -source.randrange(DEEPEST))
    return source.uniform(max(low, -MODERATE), min(high, MODERATE)) if low < MODERATE and high > -MODERATE else source.uniform(low, high)


def _rounded(x: float, bounds: tuple[float, float], fmt: Format) -> float:
    low, high = max(bounds[0], -fmt.largest), min(bounds[1], fmt.largest)
    if fmt.precision == DOUBLE:  # every bound and every coordinate is a number of the format
        return min(max(x, low), high) + 0.0
    first, last = places(fmt, min(max(x, low), high), high)
    return float(numbers(fmt, np.array([min(first, last)]))[0]) + 0.0
