"""A case asked about one point at a time: its truth and its programs are built once, its gradients judged wherever one likes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from verifier.case.case import Case, Point
from verifier.case.shapes import components, flat
from verifier.compare.check import Check, checks_of
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.truth import Truth, truth_of
from verifier.language.formats import Format, round_exact
from verifier.language.numeral import exact

MOST_CASES = 64  # that are kept ready


Values = Mapping[str, Any]  # input -> number, or the numbers of a vector


@dataclass(frozen=True)
class Oracle:
    """What is needed to judge any point of a case."""

    case: Case
    truth: Truth

    @cached_property
    def _checks(self) -> dict[str, list[Check]]:
        return {fmt.name: checks for fmt, checks in checks_of(self.case, self.truth)}

    def checks(self, fmt: Format) -> list[Check]:
        """The checks of the implementations in a format, which need not be one of the case; their subjects are the same in all."""
        if fmt.name not in self._checks:
            upstream = round_exact(fmt, exact(self.case.upstream))
            self._checks[fmt.name] = [replace(c, format=fmt, upstream=upstream) for c in self._checks[self.case.formats[0]]]
        return self._checks[fmt.name]


def judged_at(check: Check, point: tuple[float, ...]) -> list[Discrepancy]:
    """The discrepancies of the gradients at a point of numbers of the format, with no more than a verdict needs."""
    return compare(check, [point], detail=False)[0]


@dataclass(frozen=True, eq=False)
class _Same:
    """A case, equal to itself only: to compare all its texts would cost more than to ask it."""

    case: Case

    def __hash__(self) -> int:
        return id(self.case)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.case is other.case


def oracle(case: Case) -> Oracle:
    """The case, ready to be asked. Raises derivatives.NotDifferentiable."""
    return _oracle(_Same(case))


@lru_cache(maxsize=MOST_CASES)
def _oracle(same: _Same) -> Oracle:
    return Oracle(same.case, truth_of(same.case.programs.truth))


def in_order(case: Case, point: Values) -> tuple[float, ...]:
    """The values of a point in the order of the inputs. Raises ValueError where they are not those of the case."""
    given: dict[str, Any] = {}
    shapes = dict(case.shapes)
    for name, value in point.items():
        shape = shapes.get(name, ())
        given.update(zip(components(name, shape), flat(value), strict=True) if shape else {name: value})
    strange = sorted({*given} ^ {*case.inputs})
    if strange:
        raise ValueError(f"a point of {case.name} has values for {', '.join(case.inputs)}; look at {', '.join(strange)}")
    values = tuple(float(given[name]) for name in case.inputs)
    if not all(map(math.isfinite, values)):
        raise ValueError(f"a point has finite values, not {values}")
    return values


def at(case: Case, values: Sequence[float]) -> Case:
    """The case at this point only."""
    point = Point(tuple(zip(case.inputs, map(repr, values), strict=True)), case.place)
    programs = replace(case.programs, residuals=())
    return replace(case, points=(point,), sample=0, exhaustive=False, hunt=False, residuals=(), published=(), expect=(), programs=programs)
