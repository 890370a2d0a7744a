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
from verifier.language.formats import Format, computing, dtype, numbers, places, round_array
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
LEAST_GAIN = 1.0  # bits, on the mean: what a better line must gain
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
            h = float(v)
            if abs(h) <= fmt.largest:
                high[k], low[k], known[k] = h, float(v - h), True
    return exact_in(high, low, known, fmt)


def exact_in(high: DoubleArray, low: DoubleArray, known: MaskArray, fmt: Format) -> Exact:
    """Exact values in two parts, with an ulp of the format at each."""
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
        if term.op == "fma":
            return floats.fma_column(*(np.asarray(a, dtype=np.float64) for a in args)).astype(kind)
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


def drawn_columns(boxes: Sequence[InputRanges], fmt: Format, *, count: int, seed: int) -> list[DoubleArray]:
    """The same kinds of points as those of `drawn`, one column for each input: for many points."""
    source = np.random.default_rng(seed)
    parts = [_columns_of(source, box, fmt, count // len(boxes)) for box in boxes]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _columns_of(source: np.random.Generator, box: InputRanges, fmt: Format, count: int) -> list[DoubleArray]:
    """Points of one box."""
    sizes = np.where(np.arange(count) % 2 == 1, np.array(SIZES)[np.arange(count) % len(SIZES)], math.inf)
    bounds = [(max(low, -fmt.largest), min(high, fmt.largest)) for low, high in box]
    found = [_column(source, low, high, sizes) for low, high in bounds]
    for i, (low, high) in enumerate(bounds if len(box) > 1 else ()):  # every fifth point has an input that is nearly another one, or its opposite
        rows = np.flatnonzero((np.arange(count) % 5 == 4) & (source.integers(len(box), size=count) == i))
        other = np.stack([c for k, c in enumerate(found) if k != i])[source.integers(len(box) - 1, size=len(rows)), rows]
        near = other * source.choice((1.0, -1.0), size=len(rows)) * (1 + source.choice((1.0, -1.0, 0.0), size=len(rows)) * np.ldexp(1.0, -source.integers(1, DEEPEST, size=len(rows))))
        found[i][rows] = np.where((near >= low) & (near <= high), near, found[i][rows])
    return [np.clip(round_array(fmt, c), low, high) + 0.0 for c, (low, high) in zip(found, bounds, strict=True)]


def _column(source: np.random.Generator, low: float, high: float, sizes: DoubleArray) -> DoubleArray:
    """One input of points: `_coordinate`, for each of so many sizes."""
    low, high, count = max(low, -1e300), min(high, 1e300), len(sizes)
    if low == high:
        return np.full(count, low)
    lows, highs = np.maximum(low, -sizes), np.minimum(high, sizes)
    lows, highs = np.where(lows < highs, lows, low), np.where(lows < highs, highs, high)
    sign = np.where((lows < 0) & (highs > 0), source.choice((1.0, -1.0), size=count), np.where(highs > 0, 1.0, -1.0))
    most, least = np.where(sign > 0, highs, -lows), np.where(sign > 0, np.maximum(lows, 0), np.maximum(-highs, 0))
    with np.errstate(all="ignore"):
        magnitudes = np.where(most > 0, sign * np.exp(source.uniform(np.log(np.maximum(least, most * 1e-18)), np.log(most))), lows)
    end, other = (np.where(source.random(count) < 0.5, a, b) for a, b in ((lows, highs), (highs, lows)))
    other = np.where(end == other, np.where(end == lows, highs, lows), other)
    end = np.where((lows < 0) & (highs > 0) & (source.random(count) < 0.5), 0.0, end)
    towards = end + (other - end) * np.ldexp(source.uniform(0.5, 1.0, size=count), -source.integers(DEEPEST, size=count))
    is_moderate = (lows < MODERATE) & (highs > -MODERATE)
    near = source.uniform(np.where(is_moderate, np.maximum(lows, -MODERATE), lows), np.where(is_moderate, np.minimum(highs, MODERATE), highs))
    found: DoubleArray = np.choose(source.integers(4, size=count), [lows + (highs - lows) * source.random(count), magnitudes, towards, near])
    return found


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
