"""The pieces of a box between the borders of a program's branches that are numbers: a split by halves would never meet these."""

from __future__ import annotations

from itertools import product

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.compare.boxes.bounds import Box
from verifier.compare.boxes.constraint import EVERYWHERE, Constraint
from verifier.compare.boxes.enclosures import leaf_float
from verifier.compare.boxes.operations import Operations
from verifier.compare.boxes.split import after, nearest_numbers, not_above
from verifier.language.formats import Format
from verifier.language.gates import COMPARISONS

MOST_PIECES = 4096
AT_ZERO = {"abs": (0,), "sign": (0,), "copysign": (0, 1), "atan2": (0, 1)}  # and the operands whose sign matters
AGAINST = COMPARISONS | {"max", "min"}


def pieces(done: Operations, box: Box, fmt: Format, constraint: Constraint = EVERYWHERE) -> tuple[DoubleArray, DoubleArray]:
    """The lowest and the highest numbers of the pieces, a row each; of an input with listed values each of these is one."""
    parts = [_between(low, high, borders, fmt) for low, high, borders in zip(box.low, box.high, _borders(done, box), strict=True)]
    parts = [[(v, v) for v in values] or part for part, values in zip(parts, constraint.values or [()] * len(parts), strict=True)]
    while np.prod([float(len(p)) for p in parts]) > MOST_PIECES:
        longest = max(range(len(parts)), key=lambda i: len(parts[i]))
        parts[longest] = [(parts[longest][0][0], parts[longest][-1][1])]
    rows = list(product(*parts))
    return np.array([[p[0] for p in row] for row in rows], dtype=np.float64), np.array([[p[1] for p in row] for row in rows], dtype=np.float64)


def _borders(done: Operations, box: Box) -> list[set[float]]:
    """Per input the numbers that it is compared with, itself or its absolute value."""
    found: list[set[float]] = [set() for _ in box.inputs]
    of: dict[int, tuple[int, bool]] = {}  # operations that are an input but for the sign
    for k, o in enumerate(done.operations):
        if o.gate == "input":
            of[k] = (box.inputs.index(o.text), False)
        elif o.gate in ("neg", "abs") and o.args[0] in of:
            of[k] = (of[o.args[0]][0], True)
        for a in (o.args[i] for i in AT_ZERO.get(o.gate, ())):
            if a in of:
                found[of[a][0]].add(0.0)
        if o.gate in AGAINST:
            for a, b in (o.args, o.args[::-1]):
                if a in of and done.operations[b].gate in ("number", "constant"):
                    value = leaf_float(done.operations[b])
                    if np.isfinite(value):
                        found[of[a][0]].update((value, -value) if of[a][1] else (value,))
    return found


def _between(low: float, high: float, borders: set[float], fmt: Format) -> list[tuple[float, float]]:
    """The pieces of an interval: the borders themselves, and what lies between them."""
    found = []
    begin = low
    for border in sorted(borders):
        if not low <= border <= high:
            continue
        here = np.array([border])
        below = float(not_above(fmt, np.array([np.nextafter(border, -np.inf)]))[0])
        if begin <= below:
            found.append((begin, below))
        begin = max(begin, border) if float(nearest_numbers(fmt, here)[0]) == border else begin
        if begin == border:
            found.append((border, border))
            begin = float(after(fmt, here)[0])
        elif begin <= below:
            begin = float(after(fmt, np.array([below]))[0])
    if begin <= high:
        found.append((begin, high))
    return found or [(low, high)]
