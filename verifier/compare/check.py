"""What was computed of one implementation in one format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from verifier.arithmetic import floats
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.sweep import Swept
from verifier.exact.truth import Subject
from verifier.language.formats import Format


@dataclass(frozen=True)
class Check:
    """What was computed of one implementation in one format."""

    implementation: str
    format: Format
    subject: Subject
    points: Sequence[tuple[float, ...]]
    listed: list[list[Discrepancy]]
    upstream: float
    swept: Sequence[Swept] = ()

    @cached_property
    def values(self) -> list[Any]:
        """The column of every step at the listed points."""
        columns = [[p[i] for p in self.points] for i in range(len(self.subject.program.inputs))]
        return floats.run(self.subject.program, columns, self.format, upstream=self.upstream)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What others have made of it and will want again (the ledgers of the report)."""
        return {}

    def value(self, name: str, point: int) -> float | None:
        """The float that a name holds at a listed point; None where there is no such name."""
        index = self.subject.program.names.get(name)
        return None if index is None else float(self.values[index][point])


def exceeds(d: Discrepancy, limit: str) -> bool:
    """Whether a gradient whose formula is right is further off than a case accepts."""
    return d.ulps is not None and (d.verdict.passes or d.verdict.warns) and not d.ulps <= float(limit)
