"""All inputs of a format: every number of one input, or every pair of 8-bit numbers; interruptible, and resumable for 32 bits.

What is done is kept in chunks of consecutive inputs. With a state directory every finished chunk is on the disk at once, and
a later run of the same work begins where the last one ended.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np

from verifier import sweep
from verifier.columns import Work, judge
from verifier.formats import Format, numbers, places
from verifier.sweep import Group, Run, Swept, Tally
from verifier.verdict import Verdict

CHUNK = 1 << 21  # inputs of one chunk: some tenths of a second
WINDOW = 4  # chunks a process that are handed out in advance

Progress = Callable[[int, int], None]  # points done, points in all


def run(
    work: Work, domain: Sequence[tuple[float, float]], *, jobs: int = 1, state: str | None = None, progress: Progress | None = None, most: int | None = None
) -> list[Swept]:
    """All inputs inside the domain, summed up. An interrupt (KeyboardInterrupt) ends it with what was seen; `most` does so after so many inputs."""
    spans = [places(work.format, low, high) for low, high in domain]
    total = 1
    for first, last in spans:
        total *= max(0, last - first + 1)
    if total == 0:
        return sweep.swept(work, [Tally()] * len(work.subject.claims), total=0, is_exhaustive=True)
    if total >= sweep.MANY:
        work = sweep.with_proofs(work)
    chunks = [(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]
    store = _State(state, work, spans) if state is not None else None
    tallies = [Tally()] * len(work.subject.claims)
    jobs = jobs or (os.cpu_count() or 1)
    done = 0
    try:
        for (_, stop), found in _in_order(work, spans, chunks, jobs, store):
            tallies = [sweep.joined([a, b]) for a, b in zip(tallies, found, strict=True)]
            done = stop
            if progress is not None:
                progress(done, total)
            if most is not None and done >= most:
                break
    except KeyboardInterrupt:
        pass  # what was seen is the result
    finally:
        if store is not None:
            store.close()
    return sweep.swept(work, tallies, total=total, is_exhaustive=True, places=spans[0] if len(spans) == 1 else None)


def columns_of(fmt: Format, spans: Sequence[tuple[int, int]], start: int, stop: int) -> list[Any]:
    """The inputs with these places in the order: the last input changes fastest."""
    index = np.arange(start, stop, dtype=np.int64)
    columns = []
    for first, last in reversed(spans):
        columns.append(numbers(fmt, first + index % (last - first + 1)))
        index = index // (last - first + 1)
    return columns[::-1]


def _chunk(work: Work, spans: Sequence[tuple[int, int]], start: int, stop: int) -> list[Tally]:
    columns = columns_of(work.format, spans, start, stop)
    first = spans[0][0] + start if len(spans) == 1 else start
    return [sweep.tally(j, columns, first, runs=len(spans) == 1) for j in judge(work, columns)]


def _in_order(
    work: Work, spans: Sequence[tuple[int, int]], chunks: list[tuple[int, int]], jobs: int, store: _State | None
) -> Iterator[tuple[tuple[int, int], list[Tally]]]:
    """The tallies of all chunks, in order; what the state has is not done again."""
    known = store.known() if store is not None else {}
    if jobs <= 1 or len(chunks) == 1:
        for chunk in chunks:
            if chunk[0] in known:
                yield chunk, known[chunk[0]]
            else:
                found = _chunk(work, spans, *chunk)
                if store is not None:
                    store.keep(chunk[0], found)
                yield chunk, found
        return
    pool = ProcessPoolExecutor(max_workers=jobs, initializer=_serve)
    waiting: dict[int, Future[list[Tally]]] = {}
    try:
        ahead = iter([c for c in chunks if c[0] not in known])
        for chunk in chunks:
            while len(waiting) < WINDOW * jobs and (nxt := next(ahead, None)) is not None:
                waiting[nxt[0]] = pool.submit(_chunk, work, spans, *nxt)
            if chunk[0] in known:
                yield chunk, known[chunk[0]]
                continue
            found = waiting.pop(chunk[0]).result()
            if store is not None:
                store.keep(chunk[0], found)
            yield chunk, found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _serve() -> None:
    """Ctrl-C reaches all processes of a terminal, and the first one decides; a worker ends when that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.sentinel,), daemon=True).start()


def _outlive(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


# ---------------------------------------------------------------- the state on the disk


class _State:
    """The finished chunks of one work, in a SQLite file named by everything the result depends on."""

    def __init__(self, folder: str, work: Work, spans: Sequence[tuple[int, int]]) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(Path(folder) / f"{_name(work, spans)}.sqlite")
        with self.connection:
            self.connection.execute("CREATE TABLE IF NOT EXISTS chunk (start INTEGER PRIMARY KEY, tallies TEXT NOT NULL)")

    def known(self) -> dict[int, list[Tally]]:
        """The chunks that are done, by their start."""
        return {start: [_tally(t) for t in json.loads(text)] for start, text in self.connection.execute("SELECT start, tallies FROM chunk")}

    def close(self) -> None:
        """Release the file."""
        self.connection.close()

    def keep(self, start: int, tallies: list[Tally]) -> None:
        """Write a finished chunk; it is on the disk when this returns."""
        text = json.dumps([_plain(t) for t in tallies])
        with self.connection:
            self.connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (start, text))


def _name(work: Work, spans: Sequence[tuple[int, int]]) -> str:
    from verifier import __version__

    libraries = [version(n) for n in ("numpy", "scipy", "python-flint", "ml_dtypes")]
    parts = (__version__, libraries, work.format.name, work.upstream, work.limit, list(spans), CHUNK)
    programs = (work.truth.function.steps, work.subject.program.steps, work.subject.claims)
    plain = repr(parts) + repr([tuple((s.gate, s.args, s.text, s.name) for s in p) for p in programs[:2]]) + repr(programs[2])
    return f"{work.format.stored_in}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def _plain(t: Tally) -> dict[str, Any]:
    return {
        "points": t.points,
        "groups": [{**asdict(g), "verdict": g.verdict.value} for g in t.groups],
        "histogram": list(t.histogram.items()),
        "runs": [{**asdict(r), "verdict": r.verdict.value} for r in t.runs],
    }


def _tally(plain: dict[str, Any]) -> Tally:
    groups = [Group(**{**g, "verdict": Verdict(g["verdict"]), "first": _tuples(g["first"]), "worst": _tuples(g["worst"])}) for g in plain["groups"]]
    runs = [Run(**{**r, "verdict": Verdict(r["verdict"])}) for r in plain["runs"]]
    return Tally(plain["points"], tuple(groups), {float(e): c for e, c in plain["histogram"]}, tuple(runs))


def _tuples(points: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(p) for p in points)


__all__ = ["columns_of", "run"]
