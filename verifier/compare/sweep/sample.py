"""Where the points of a sweep come from: a sample, as columns, or all numbers of a format in their order. Both can be cut into parts."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case import points
from verifier.case.case import Case
from verifier.compare.meant import meant_in, satisfied
from verifier.language.formats import Format, consecutive, numbers, places

PART = 1 << 16  # points of a sample in one item of work
CHUNK = 1 << 21  # consecutive numbers in one item of work: some tenths of a second


@dataclass(frozen=True, eq=False)
class Sample:
    """Points as columns, one array of float64 for each input; `start` is the place of the first one in the whole sample."""

    columns: Sequence[DoubleArray]
    start: int = 0

    is_exhaustive = False

    @property
    def count(self) -> int:
        """How many points."""
        return len(self.columns[0])

    @property
    def size(self) -> int:
        """The points of one item of work."""
        return PART

    @property
    def plain(self) -> tuple[object, ...]:
        """What identifies it, as plain data."""
        return "sweep", self.start, hashlib.sha256(b"".join(c.tobytes() for c in self.columns)).hexdigest()

    def cut(self, start: int, stop: int) -> Sample:
        """A part of it."""
        return Sample([c[start:stop] for c in self.columns], self.start + start)


@dataclass(frozen=True)
class Enumeration:
    """The numbers of a format between two places of each input (`spans`), from the `start`-th on, before the `stop`-th: the last input changes fastest."""

    format: Format
    spans: Sequence[tuple[int, int]]
    start: int
    stop: int

    is_exhaustive = True

    @property
    def count(self) -> int:
        """How many points."""
        return self.stop - self.start

    @property
    def size(self) -> int:
        """The points of one item of work."""
        return CHUNK

    @property
    def plain(self) -> tuple[object, ...]:
        """What identifies it, as plain data."""
        return "exhaustive", list(self.spans), self.start, self.stop

    @property
    def columns(self) -> list[DoubleArray]:
        """The points, one array for each input."""
        if len(self.spans) == 1:
            return [consecutive(self.format, self.spans[0][0] + self.start, self.count)]
        index = np.arange(self.start, self.stop, dtype=np.int64)
        found = []
        for first, last in reversed(self.spans):
            found.append(numbers(self.format, first + index % (last - first + 1)))
            index = index // (last - first + 1)
        return found[::-1]

    def cut(self, start: int, stop: int) -> Enumeration:
        """A part of it."""
        return replace(self, start=self.start + start, stop=self.start + stop)


PointSource = Sample | Enumeration


def everything(fmt: Format, domain: Sequence[tuple[float, float]]) -> Enumeration:
    """All inputs of a format inside a domain."""
    spans = [places(fmt, low, high) for low, high in domain]
    total = 1
    for first, last in spans:
        total *= max(0, last - first + 1)
    return Enumeration(fmt, spans, 0, total)


def source_of(case: Case, fmt: Format) -> PointSource | None:
    """The many points of a case; None where it asks for none. Raises PointError."""
    if case.exhaustive:
        return everything(fmt, points.domain_of(case, fmt))
    if not case.sample:
        return None
    of, format_name, last = _last_sample[0]
    if of() is case and format_name == fmt.name and last is not None:
        return last
    meant = meant_in(case, fmt)
    found = Sample(points.sample_columns(case, fmt, None if meant.given is None else partial(satisfied, meant)))
    _last_sample[0] = (weakref.ref(case), fmt.name, found)
    return found


_last_sample: list[tuple[Callable[[], Case | None], str, Sample | None]] = [(lambda: None, "", None)]  # drawn once for the sums, the proofs and the report of a case


def halves(source: PointSource) -> list[PointSource]:
    """Both halves; nothing where it is one point."""
    middle = source.count // 2
    return [source.cut(0, middle), source.cut(middle, source.count)] if middle else []
