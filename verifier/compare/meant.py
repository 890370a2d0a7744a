"""The points that a case speaks of: its domain, the values that it lists, and the constraint `given`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from verifier.arithmetic import balls, rationals
from verifier.arithmetic.types import is_true
from verifier.case import points
from verifier.case.case import DOMAIN, Case
from verifier.circuit.program import Program
from verifier.compare.mask_numbers import larger_than_masks
from verifier.exact import derivatives
from verifier.language.formats import Format, round_exact

BITS = 1200  # sums of two float64 numbers with all their exponents take 2,100 bits; of numbers that people write, far fewer
MODERATE = 2.0  # the size of the coordinates of a moderate point, where the domain has such
GOLDEN = 0.6180339887498949  # the multiples of the golden ratio, less their whole numbers, fill an interval evenly


@dataclass(frozen=True)
class Meant:
    """Where the gradients of a case are claimed, in one format."""

    domain: tuple[tuple[float, float], ...]  # lowest and highest value of each input
    choices: tuple[tuple[float, ...], ...]  # the only values of an input; empty where it has all of its domain
    given: Program | None = None  # in primitives; its output is a truth value
    is_anywhere: bool = True  # not only at the listed points


def meant_in(case: Case, fmt: Format) -> Meant:
    """Where the gradients of a case are claimed in a format: without a domain and a constraint only where no score is below what stands for minus infinity in its function."""
    given = case.programs.given
    stated = None if given is None else derivatives.primitive(given)
    is_open = stated is None and all(low == high for _, (low, high) in case.domain)  # of parameters with one value
    condition = larger_than_masks(case.programs.truth) if is_open else stated
    return Meant(tuple(points.domain_of(case, fmt)), tuple(points.choices_of(case, fmt)), condition, case.scope == DOMAIN)


def meant_of_lanes(meant: Meant, inputs: Sequence[Sequence[int]]) -> Meant | None:
    """Where the gradients of the first of several lanes, each with its inputs, are claimed. None where another one is claimed elsewhere, but for inputs that have one value each, or where a constraint binds them."""
    if meant.given is not None:
        return None
    for first, *others in zip(*inputs, strict=True):
        if any((meant.domain[i], meant.choices[i]) != (meant.domain[first], meant.choices[first]) for i in others) and any(len(meant.choices[i]) != 1 for i in (first, *others)):
            return None
    return Meant(tuple(meant.domain[i] for i in inputs[0]), tuple(meant.choices[i] for i in inputs[0]), None, meant.is_anywhere)


def intervals(meant: Meant | None) -> list[tuple[float, float] | None] | None:
    """The interval of each input, None for one that has no bounds."""
    return None if meant is None else [bounds if math.isfinite(bounds[1] - bounds[0]) else None for bounds in meant.domain]


def satisfied(meant: Meant, found: Sequence[tuple[float, ...]]) -> list[bool]:
    """Whether the constraint certainly holds at each of the points, as numbers of the format and over the reals."""
    if meant.given is None or not found:
        return [True] * len(found)
    columns = [[arb(x) for x in column] for column in zip(*found, strict=True)]
    values = balls.run(meant.given, columns, bits=BITS, strict=False)[meant.given.output]
    if len(values) != len(found):
        return [is_true(values[0]) or (values[0] is None and rationals.is_true(meant.given, found[0]))] * len(found)
    return [is_true(v) or (v is None and rationals.is_true(meant.given, p)) for v, p in zip(values, found, strict=True)]


def where_satisfied(meant: Meant | None, points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Those of the points at which the constraint certainly holds; all where there is none."""
    return points if meant is None or meant.given is None else [p for p, holds in zip(points, satisfied(meant, points), strict=True) if holds]


def listed_values(meant: Meant, point: tuple[float, ...]) -> tuple[float, ...]:
    """The point with the nearest of the listed values, where an input has only these."""
    if not any(meant.choices):
        return point
    return tuple(min(choices, key=lambda c: abs(c - x)) if choices else x for x, choices in zip(point, meant.choices, strict=True))


def moderate_point(meant: Meant, fmt: Format) -> list[tuple[float, ...]]:
    """A point of moderate numbers without pattern at which the gradients are claimed; none where this one does not satisfy the constraint."""
    found = []
    for number, ((low, high), choices) in enumerate(zip(meant.domain, meant.choices, strict=True)):
        share = (0.5 + GOLDEN * number) % 1
        near = (max(low, -MODERATE), min(high, MODERATE))
        least, most = near if near[0] < near[1] else (low, high)
        value = choices[int(share * len(choices))] if choices else round_exact(fmt, Fraction(least + (0.1 + 0.8 * share) * (most - least)))
        found.append(value if math.isfinite(value) and low <= value <= high else low)
    return [tuple(found)] if all(map(math.isfinite, found)) and is_meant(meant, found) else []


def is_meant(meant: Meant, point: Sequence[float]) -> bool:
    """Whether the gradients are claimed at a point that is not listed."""
    inside = all(low <= x <= high and (not choices or x in choices) for x, (low, high), choices in zip(point, meant.domain, meant.choices, strict=True))
    return meant.is_anywhere and inside and satisfied(meant, [tuple(point)])[0]
