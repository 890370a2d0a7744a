"""All inputs of a format: every number of one input, or every pair of 8-bit numbers, in chunks of consecutive ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from verifier.compare.sweep import sweep, tally
from verifier.compare.sweep.columns import Work, judge
from verifier.compare.sweep.sweep import Gap, Sums, Swept, without_gaps
from verifier.compare.sweep.tally import Tally
from verifier.language.formats import Format, numbers, places
from verifier.run.chunks import Lost
from verifier.run.workers import Workers, cores

CHUNK = 1 << 21  # inputs of one chunk: some tenths of a second
PIECE = 1 << 17  # inputs that are judged and counted at a time: what stays in the cache

Progress = Callable[[int, int], None]  # points done, points in all
Chunk = tuple[int, int]  # the number of its first input and that after its last one


def run(work: Work, domain: Sequence[tuple[float, float]], *, workers: Workers | None = None, progress: Progress | None = None, most: int | None = None) -> list[Swept]:
    """All inputs inside the domain, summed up, with examples. Raises Unfinished."""
    if size(work.format, domain) >= sweep.MANY:
        work = sweep.with_proofs(work)
    return sweep.swept(work, sums(work, domain, workers=workers or Workers(1), progress=progress, most=most))


def size(fmt: Format, domain: Sequence[tuple[float, float]]) -> int:
    """How many inputs of a format are inside the domain."""
    total = 1
    for first, last in (places(fmt, low, high) for low, high in domain):
        total *= max(0, last - first + 1)
    return total


def sums(work: Work, domain: Sequence[tuple[float, float]], *, workers: Workers, progress: Progress | None = None, most: int | None = None) -> Sums:
    """The tallies of all inputs inside the domain. An interrupt (KeyboardInterrupt) ends it with what was seen; `most` does so after so many inputs.

    Raises Unfinished.
    """
    spans = [places(work.format, low, high) for low, high in domain]
    total = size(work.format, domain)
    tallies = [Tally()] * len(work.subject.claims)
    chunks = [(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]
    outcomes = workers.run(partial(_chunk, work, spans), chunks, worth=min(cores(), len(chunks)), key=partial(_key, sweep.named(work), spans), kind=list[Tally], split=_halves)
    try:
        for found, (_, stop) in zip(without_gaps(outcomes, partial(_gap, work.format, spans)), chunks, strict=False):
            tallies = [tally.joined(parts) for parts in zip(tallies, *found, strict=True)]
            if progress is not None:
                progress(stop, total)
            if most is not None and stop >= most:
                break
    except KeyboardInterrupt:
        pass  # what was seen is the result
    return Sums(tuple(tallies), total, is_exhaustive=True, places=spans[0] if len(spans) == 1 and total else None)


def columns_of(fmt: Format, spans: Sequence[tuple[int, int]], start: int, stop: int) -> list[Any]:
    """The inputs with these places in the order: the last input changes fastest."""
    index = np.arange(start, stop, dtype=np.int64)
    columns = []
    for first, last in reversed(spans):
        columns.append(numbers(fmt, first + index % (last - first + 1)))
        index = index // (last - first + 1)
    return columns[::-1]


def _chunk(work: Work, spans: Sequence[tuple[int, int]], chunk: Chunk) -> list[Tally]:
    start, stop = chunk
    pieces = [_piece(work, spans, (n, min(n + PIECE, stop))) for n in range(start, stop, PIECE)]
    return [tally.joined(parts) for parts in zip(*pieces, strict=True)]


def _piece(work: Work, spans: Sequence[tuple[int, int]], chunk: Chunk) -> list[Tally]:
    columns = columns_of(work.format, spans, *chunk)
    first = spans[0][0] + chunk[0] if len(spans) == 1 else chunk[0]
    return [tally.tally(j, columns, first, runs=len(spans) == 1) for j in judge(work, columns)]


def _halves(chunk: Chunk) -> list[Chunk]:
    start, stop = chunk
    middle = (start + stop) // 2
    return [(start, middle), (middle, stop)] if start < middle else []


def _gap(fmt: Format, spans: Sequence[tuple[int, int]], lost: Lost) -> Gap:
    start, stop = lost.item
    ends = [tuple(float(c[0]) for c in columns_of(fmt, spans, n, n + 1)) for n in (start, stop - 1)]
    return Gap(ends[0], ends[1], stop - start, lost.reason)


def _key(work: str, spans: Sequence[tuple[int, int]], chunk: Chunk) -> str:
    from verifier.run.state import key

    return key("exhaustive", work, list(spans), chunk)


__all__ = ["columns_of", "run", "size", "sums"]
