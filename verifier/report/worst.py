"""The worst verdict and the largest error of each gradient of a case: what a baseline and the difference of two reports compare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

from verifier.case.components import base
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport

MORE = 2.0  # times the ulps of before is worse: less is what another library or processor does
RIGHT = 0.5  # ulps of a correctly rounded gradient: up to here none is worse than another


class GradientName(NamedTuple):
    """A gradient of an implementation in a format; of an array all components together."""

    implementation: str
    gradient: str
    format: str

    def __str__(self) -> str:
        return f"{self.implementation}.{self.gradient} {self.format}"


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst verdict at any point, and the most ulps at any point (inf where there are none to speak of, as for NaN)."""

    verdict: Verdict
    ulps: float

    def joined(self, other: Worst) -> Worst:
        """The worse of both, of each figure."""
        return Worst(max(self.verdict, other.verdict, key=lambda v: v.rank), max(self.ulps, other.ulps))

    def is_worse_than(self, before: Worst) -> bool:
        """A worse verdict that is no pass, or more than twice the ulps."""
        return (self.verdict.rank > before.verdict.rank and not self.verdict.passes) or self.ulps > max(MORE * before.ulps, RIGHT)

    def __str__(self) -> str:
        return f"{self.verdict.value} {self.ulps:.4g} ulp"


def worst_of(case: CaseReport) -> dict[GradientName, Worst]:
    """The worst of each gradient: at the listed points, at sampled ones, and in regions that were hunted."""
    rows = [(r.implementation, r.gradient, r.format, r.verdict, r.error) for r in case.results]
    rows += [(s.implementation, s.gradient, s.format, s.worst.verdict, s.worst.error) for s in case.sweeps if s.worst is not None]
    rows += [(s.implementation, s.gradient, s.format, Verdict(v), 0.0) for s in case.sweeps for v, count in s.verdicts.items() if count]
    rows += [(r.implementation, r.gradient, r.format, r.verdict, 0.0) for r in case.regions]
    return together((GradientName(name, base(gradient), fmt), Worst(verdict, ulps)) for name, gradient, fmt, verdict, ulps in rows)


class Joinable(Protocol):
    """What of several rows the worse figures can be taken."""

    def joined(self, other: Self, /) -> Self:
        """The worse of both."""


Named = TypeVar("Named")
Joined = TypeVar("Joined", bound=Joinable)


def together(rows: Iterable[tuple[Named, Joined]]) -> dict[Named, Joined]:
    """The worst of the rows of each name."""
    found: dict[Named, Joined] = {}
    for name, row in rows:
        found[name] = row.joined(found[name]) if name in found else row
    return found
