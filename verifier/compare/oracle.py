"""A case asked about one point at a time: its truth and its programs are built once, its gradients judged wherever one likes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from verifier.case.case import Case, Draft, Point
from verifier.compare.check import exceeds
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.truth import Subject, Truth, subject, truth_of
from verifier.language.formats import Format, round_exact
from verifier.language.numeral import exact
from verifier.language.source import suggestion

MOST_CASES = 64  # that are kept ready


Values = Mapping[str, Any]  # input -> number, or the numbers of a vector


@dataclass(frozen=True)
class Oracle:
    """What is needed to judge any point of a case."""

    case: Case
    truth: Truth
    drafts: tuple[Draft, ...]
    subjects: tuple[Subject, ...]

    def judge(self, draft: int, point: tuple[float, ...], *, fmt: Format) -> list[Discrepancy]:
        """The discrepancies of an implementation's gradients at a point of numbers of the format."""
        return self.judge_all(draft, [point], fmt=fmt)[0]

    def judge_all(self, draft: int, points: Sequence[tuple[float, ...]], *, fmt: Format, gradient: str = "") -> list[list[Discrepancy]]:
        """The same at many points at once; of one gradient only, where it is named."""
        return compare(self.truth, self.alone[draft, gradient] if gradient else self.subjects[draft], points, fmt=fmt, upstream=self.upstream(fmt), detail=False)

    @cached_property
    def alone(self) -> dict[tuple[int, str], Subject]:
        """The implementations with one gradient each."""
        return {(k, claim[1]): Subject(s.program, (claim,)) for k, s in enumerate(self.subjects) for claim in s.claims}

    def upstream(self, fmt: Format) -> float:
        """The gradient that flows into the output."""
        return round_exact(fmt, exact(self.case.upstream))

    def exceeds(self, draft: int, d: Discrepancy) -> bool:
        """Whether a gradient of an implementation is right, and further off than the case accepts."""
        limit = self.limit(draft)
        return limit is not None and exceeds(d, limit)

    def limit(self, draft: int) -> str | None:
        """What the case accepts of an implementation, in ulps."""
        own = self.drafts[draft].implementation.accept_ulps
        return own if own is not None else self.case.accept_ulps


@dataclass(frozen=True, eq=False)
class _Same:
    """A case, equal to itself only: to compare all its texts would cost more than to ask it."""

    case: Case

    def __hash__(self) -> int:
        return id(self.case)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.case is other.case


def oracle(case: Case) -> Oracle:
    """The case, ready to be asked. Raises symbolic.NotDifferentiable."""
    return _oracle(_Same(case))


@lru_cache(maxsize=MOST_CASES)
def _oracle(same: _Same) -> Oracle:
    programs = same.case.programs
    if programs is None:
        raise ValueError(f"{same.case.name}: load cases with verifier.load: this one has no programs")
    return Oracle(same.case, truth_of(programs.truth), programs.drafts, tuple(subject(d) for d in programs.drafts))


@lru_cache(maxsize=MOST_CASES)
def _narrowed(same: _Same, implementation: str) -> Case:
    case = same.case
    names = [i.name for i in case.implementations]
    if implementation not in names:
        raise ValueError(f"{case.name} has no implementation '{implementation}'{suggestion(implementation, names)}")
    chosen = tuple(i for i in case.implementations if i.name == implementation)
    programs = case.programs and replace(case.programs, drafts=tuple(d for d in case.programs.drafts if d.implementation.name == implementation), residuals=())
    return replace(case, implementations=chosen, programs=programs, residuals=(), published=(), expect=())


def narrowed(case: Case, implementation: str | None) -> Case:
    """The case with only one of its implementations. Raises ValueError where it has none of that name."""
    return case if implementation is None else _narrowed(_Same(case), implementation)


def in_order(case: Case, point: Values) -> tuple[float, ...]:
    """The values of a point in the order of the inputs. Raises ValueError where they are not those of the case."""
    given: dict[str, Any] = {}
    for name, value in point.items():
        vector = dict(case.vectors).get(name)
        given.update({name: value} if vector is None else {f"{name}[{i}]": v for i, v in enumerate(value)})
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
    programs = case.programs and replace(case.programs, residuals=())
    return replace(case, points=(point,), sample=0, exhaustive=False, hunt=False, residuals=(), published=(), expect=(), programs=programs)
