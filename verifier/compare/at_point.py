"""A case judged at any point: its truth and its programs are built once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from verifier.case.case import Case, Point
from verifier.case.components import components, flat
from verifier.compare.check import Check, checks_of
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.truth import truth_of
from verifier.language.formats import Format, round_exact
from verifier.language.numeral import exact

MOST_CASES = 64  # whose checks stay in memory


NamedValues = Mapping[str, Any]  # input -> number, or the numbers of a vector


@dataclass(frozen=True, eq=False)
class _Same:
    """A case, equal to itself only: to compare all its texts would cost more than to judge a point."""

    case: Case

    def __hash__(self) -> int:
        return id(self.case)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.case is other.case


def checks_in(case: Case, fmt: Format) -> list[Check]:
    """The checks of a case in a format, which need not be one of the case: the same objects at every call. Raises derivatives.NotDifferentiable."""
    known = _checks(_Same(case))
    if fmt.name not in known:
        upstream = round_exact(fmt, exact(case.upstream))
        known[fmt.name] = [replace(c, format=fmt, upstream=upstream) for c in known[case.formats[0]]]
    return known[fmt.name]


@lru_cache(maxsize=MOST_CASES)
def _checks(same: _Same) -> dict[str, list[Check]]:
    """The checks in the formats of the case, by their names; the gradient is made here, so that the first of many points takes no longer than the others."""
    truth = truth_of(same.case.programs.truth)
    _ = truth.gradient
    return {fmt.name: checks for fmt, checks in checks_of(same.case, truth)}


def judged_at(check: Check, point: tuple[float, ...]) -> list[Discrepancy]:
    """The discrepancies of the gradients at a point of numbers of the format, with no more than a verdict needs."""
    return compare(check, [point], detail=False)[0]


def in_order(case: Case, point: NamedValues) -> tuple[float, ...]:
    """The values of a point in the order of the inputs. Raises ValueError where they are not those of the case."""
    given: dict[str, Any] = {}
    shapes = dict(case.shapes)
    for name, value in point.items():
        shape = shapes.get(name, ())
        given.update(zip(components(name, shape), flat(value), strict=True) if shape else {name: value})
    strange = sorted({*given} ^ {*case.inputs})
    if strange:
        raise ValueError(f"a point of {case.name} needs values for {', '.join(case.inputs)}; missing or unknown: {', '.join(strange)}")
    values = tuple(float(given[name]) for name in case.inputs)
    if not all(map(math.isfinite, values)):
        raise ValueError(f"the values of a point must be finite; they are {values}")
    return values


def at(case: Case, values: Sequence[float]) -> Case:
    """The case at this point only."""
    point = Point(tuple(zip(case.inputs, map(repr, values), strict=True)), case.place)
    programs = replace(case.programs, residuals=())
    return replace(case, points=(point,), sample=0, exhaustive=False, hunt=False, residuals=(), published=(), expect=(), programs=programs)
