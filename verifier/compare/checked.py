"""What was found of a Check: its listed points with their discrepancies, and its sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from verifier.arithmetic import floats
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.sweep import Swept


@dataclass(frozen=True)
class Checked:
    """A question with its answers: `rows` has the discrepancies of every claimed gradient at each of the points."""

    check: Check
    points: Sequence[tuple[float, ...]]
    rows: Sequence[Sequence[Discrepancy]]
    swept: Sequence[Swept] = ()

    @cached_property
    def values(self) -> list[Any]:
        """The column of every step at the listed points."""
        program = self.check.subject.program
        columns = [[p[i] for p in self.points] for i in range(len(program.inputs))]
        return floats.run(program, columns, fmt=self.check.format, upstream=self.check.upstream)

    @cached_property
    def ledgers(self) -> dict[Any, Any]:
        """The plan of its ledgers and the ledgers made so far: a report needs them several times."""
        return {}

    def value(self, name: str, point: int) -> float | None:
        """The float that a name holds at a listed point; None where there is no such name."""
        index = self.check.subject.program.names.get(name)
        return None if index is None else float(self.values[index][point])


def is_interrupted(found: Sequence[Checked]) -> bool:
    """Whether a sweep ended before all its points were seen."""
    return any(s.tally.points < s.total for c in found for s in c.swept)
