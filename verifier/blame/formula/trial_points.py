"""The points at which a wrong line and its repair are tried: near the given ones, of other signs and proportions, and ordinary ones."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from fractions import Fraction

from verifier.language.formats import Format, round_exact

MAX_POINTS = 3  # a wrong gradient is explained at so many points and their neighbours
RELATIVE_SHIFTS = (1 / 16, -1 / 32, 3 / 64)  # relative shifts of the neighbours (absolute where an input is 0)
INPUT_SIZES = (0.625, -1.375, 900.0, 0.0009765625)  # the first input's value at the ordinary points; the others are a little larger
OTHER_UPSTREAMS = (-1.375, 0.8125)  # a diagnosis must hold for these multiples of the gradient that flows in
TURN_SHIFT = 1 / 32  # a point of another sign is also moved by so much, times the number of the input
MAX_TURNED = 6  # so many inputs get the other sign, one at a time
PROPORTIONS = (0.75, 1.3125, 0.9375, 1.125, 0.8125)  # the inputs are multiplied by these


def neighbours(points: Sequence[tuple[float, ...]], *, fixed: Container[int] = ()) -> list[tuple[float, ...]]:
    """Points near the given ones, since different formulas may agree at a single point by coincidence. The inputs of `fixed` do not move."""
    return [tuple(x if i in fixed else x * (1 + shift * (1 + i % 3)) if x else shift for i, x in enumerate(p)) for p in points for shift in RELATIVE_SHIFTS]


def elsewhere(point: tuple[float, ...], fmt: Format, *, fixed: Container[int] = ()) -> list[tuple[float, ...]]:
    """Points of other signs and proportions, since a wrong repair may hold for those of one kind. The inputs of `fixed` do not move."""
    count = len(point)
    turned = [tuple(-x * (1 + TURN_SHIFT * (i + 1)) if i == k else x for i, x in enumerate(point)) for k in range(min(count, MAX_TURNED))]
    scaled = [tuple(x * PROPORTIONS[(i + k) % len(PROPORTIONS)] for i, x in enumerate(point)) for k in range(2)]
    rows = [*turned, tuple(-x * (1 - TURN_SHIFT * (i + 1) / count) for i, x in enumerate(point)), *scaled]
    rows = [tuple(y if i in fixed else x for i, (x, y) in enumerate(zip(row, point, strict=True))) for row in rows]
    return list(dict.fromkeys(tuple(round_exact(fmt, x) for x in map(Fraction, p)) for p in rows if all(map(math.isfinite, p))))


def ordinary(count: int) -> list[tuple[float, ...]]:
    """Points of several sizes and signs. A repair must not break the backward pass at those of them where it is right."""
    return [tuple(size * (1 + 0.17 * (i % 7)) for i in range(count)) for size in INPUT_SIZES]
