"""Points that could not be judged: the process that tried died, or took too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from verifier.chunks import Lost

MOST_GAPS = 5  # before the sweep ends


@dataclass(frozen=True)
class Gap:
    """So many points in a row, from the first to the last, and why they could not be judged."""

    first: tuple[float, ...]
    last: tuple[float, ...]
    count: int
    reason: str


class Unfinished(Exception):
    """A sweep with gaps."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        self.gaps = tuple(gaps)
        super().__init__("; ".join(f"{g.count} points from {g.first} to {g.last}: {g.reason}" for g in gaps))


def without_gaps(outcomes: Iterable[list[Any]], gap: Callable[[Lost], Gap]) -> Iterator[list[Any]]:
    """What came of each item, until one is lost. The others are computed all the same (a state keeps them), then Unfinished is raised."""
    gaps: list[Gap] = []
    for found in outcomes:
        gaps += [gap(f) for f in found if isinstance(f, Lost)]
        if len(gaps) >= MOST_GAPS:
            break
        if not gaps:
            yield found
    if gaps:
        raise Unfinished(gaps)
