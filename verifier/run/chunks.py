"""Items in chunks through an executor: results in order, whoever computes them; an item that ends its process is found and costs only itself.

What fails with its process is run again, one item at a time, with nothing else under way. An item that can be split (a range of points) is
halved as long as it fails, down to a single point.
"""

from __future__ import annotations

import os
import pickle
import platform
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from verifier.run.last_words import ProcessDied
from verifier.run.local import limited_memory, limited_time

AHEAD = 1000  # results that may wait for an earlier one
AGAIN = 2  # attempts at an item alone, before it is given up
ONCE = 1  # the same where it took too long: alone it had the machine for itself
AFTER_DEATH = 5  # the same where its process died, which may have been killed for another's sake, and soon tells
MOST_LOST = 3  # of one item that is split; further parts that fail are not split again
BEAT = 2.0  # seconds after which it is seen to that the executor is alive
GRACE = 5.0  # seconds beyond the limit after which a worker that has not ended itself is ended: its code may ignore the signal
FLOOR = 60.0  # seconds that even a small part of an item may take

Work = Callable[[Any], Any]
Split = Callable[[Any], Sequence[Any]]


@dataclass(frozen=True)
class Lost:
    """An item that has no result, and why."""

    item: Any
    reason: str


@dataclass(frozen=True)
class Failed:
    """An attempt that failed, and how many more attempts the item gets, each with nothing else under way."""

    reason: str
    again: int


@dataclass(frozen=True)
class Refused:
    """A worker that cannot take part, and why."""

    reason: str


class ChunkExecutor(Protocol):
    """The interface between a Run and an executor with its limits."""

    width: int  # workers
    window: int  # chunks under way

    def submit(self, work: Work, items: Sequence[Any], limit: float) -> Future[Any]:
        """Hand out a chunk; each item may take `limit` seconds (inf: no limit)."""

    def wait(self, futures: Collection[Future[Any]], timeout: float) -> set[Future[Any]]:
        """Those of some futures that have ended within so many seconds: none, or at least one."""

    def outcomes(self, future: Future[Any]) -> list[Any]:
        """The outcome of every item of a chunk that has ended: its result or a Failed."""

    def reopen(self) -> None:
        """Another executor in place of a broken one."""

    def greet(self) -> None:
        """Check that the executor still answers; raises where it does not."""

    def watch(self) -> None:
        """Check that no worker was lost; called again and again while no chunk ends."""

    def end_overdue(self) -> None:
        """End the workers, where they are of this machine: the limit has passed, and they have not ended themselves."""

    def close(self, *, at_once: bool) -> None:
        """Release the executor; the next chunk opens another one."""


# ---------------------------------------------------------------- in the worker

_one_at_a_time = threading.Lock()


def identity() -> tuple[str, int]:
    """This process."""
    return platform.node(), os.getpid()


def serve(driver: tuple[str, int], print_: str, memory: int, limit: float, packed: bytes) -> bytes:
    """Work through a chunk in a worker: a pickled list of results and Failed, or Refused."""
    return pickle.dumps(_served(driver, print_, memory, limit, packed))


def _served(driver: tuple[str, int], print_: str, memory: int, limit: float, packed: bytes) -> list[Any] | Refused:
    if identity() == driver:
        return Refused("its workers are threads of this process")
    if not _one_at_a_time.acquire(blocking=False):
        return Refused("its workers have several threads each")
    try:
        if print_:
            from verifier.run.environment import environment, fingerprint

            if fingerprint() != print_:
                return Refused(f"a worker has another version of this tool, of a library or of the processor's kernels ({environment()})")
        work, items = pickle.loads(packed)  # noqa: S301 - from our own driver
        with limited_memory(memory):
            return attempt(work, items, limit)
    finally:
        _one_at_a_time.release()


def attempt(work: Work, items: Sequence[Any], limit: float = float("inf")) -> list[Any]:
    """The result of every item, Failed where the work raises; the process ends where an item takes longer than the limit."""
    found = []
    for item in items:
        with limited_time(limit):
            found.append(_attempt(work, item))
    return found


def _attempt(work: Work, item: Any) -> Any:
    try:
        return work(item)
    except MemoryError:
        return Failed("it takes more memory than a worker may have", AGAIN)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong costs this item only
        return Failed(f"the tool failed ({type(error).__name__}: {error}); please report it", 0)


# ---------------------------------------------------------------- in the driver


def _error(future: Future[Any]) -> BaseException | None:
    """The error that a future ended with; None where it has a result."""
    return CancelledError() if future.cancelled() else future.exception()


@dataclass
class Run:
    """One pass over some items. `known(index)` gives a result that needs no work; `done` is called with every new result as soon as it is there.

    `chunks` are the items that are worked on together, by their numbers in order; without them, each `size` that follow each other. `stands` tells which
    outcomes of a chunk of several are results: the others are worked on again, each in a chunk of its own, as is each item of such a chunk that fails as a whole.
    """

    executor: ChunkExecutor
    work: Work
    items: Sequence[Any]
    size: int
    limit: float = float("inf")
    split: Split | None = None
    known: Callable[[int], list[Any] | None] = lambda _: None
    done: Callable[[list[tuple[int, list[Any]]]], None] = lambda _: None
    chunks: Sequence[list[int]] = ()
    stands: Callable[[list[Any]], list[bool]] | None = None
    ready: dict[int, list[Any]] = field(default_factory=dict)
    queue: deque[list[int]] = field(default_factory=deque)
    flying: dict[Future[Any], list[int]] = field(default_factory=dict)  # in the order of submission
    retries: deque[int] = field(default_factory=deque)

    def results(self) -> Iterator[list[Any]]:
        """The results of each item, in order: one result or Lost, or one for each part of an item that was split."""
        self.queue.extend(self.chunks or (list(range(i, min(i + self.size, len(self.items)))) for i in range(0, len(self.items), self.size)))
        is_whole = False
        try:
            for head in range(len(self.items)):
                while head not in self.ready:
                    self._fill(head)
                    if self.flying:
                        self._collect()
                    elif self.retries:
                        self._try_alone(self.retries.popleft())
                yield self.ready.pop(head)
            is_whole = True
        finally:
            if not is_whole:  # nobody waits for the rest
                for future in self.flying:
                    future.cancel()
                self.executor.close(at_once=True)

    def _fill(self, head: int) -> None:
        while self.queue and not self.retries and len(self.flying) < self.executor.window and self.queue[0][0] <= head + AHEAD * self.size:
            chunk = []
            for index in self.queue.popleft():
                found = self.known(index)
                if found is None:
                    chunk.append(index)
                else:
                    self.ready[index] = found
            if chunk:
                self.flying[self._submitted([self.items[i] for i in chunk], self.limit)] = chunk
            elif head in self.ready:
                return

    def _submitted(self, items: Sequence[Any], limit: float) -> Future[Any]:
        try:
            return self.executor.submit(self.work, items, limit)
        except BrokenExecutor:
            if self.flying:  # what broke it is among them, and is seen there
                broken: Future[Any] = Future()
                broken.set_exception(BrokenExecutor())
                return broken
            self.executor.reopen()
            return self.executor.submit(self.work, items, limit)

    def _collect(self) -> None:
        """Take the outcomes of the futures that have ended. Where the executor broke, chunks that may have been running become suspects, the others wait again."""
        ended = self._ended(self.flying, self.limit)
        broken = any(isinstance(_error(f), BrokenExecutor) for f in ended)
        failed: list[list[int]] = []
        for future in list(self.flying) if broken else [f for f in self.flying if f in ended]:
            chunk = self.flying.pop(future)
            if broken:
                self._ended([future], self.limit)
            if _error(future) is None:
                self._received(chunk, self.executor.outcomes(future))
            else:
                failed.append(chunk)
        if broken:
            self.queue.extendleft(reversed(failed[self.executor.width :]))
            failed = failed[: self.executor.width]
            self.executor.reopen()
        for chunk in failed:
            if self.stands is not None and len(chunk) > 1:
                self._queue_each(chunk)
            else:
                self.retries.extend(chunk)

    def _ended(self, futures: Collection[Future[Any]], limit: float) -> set[Future[Any]]:
        """The futures that have ended, at least one."""
        latest = time.monotonic() + self.size * limit + GRACE
        while not (ended := self.executor.wait(futures, BEAT)):
            if time.monotonic() > latest:
                self.executor.end_overdue()
            self.executor.watch()
        return ended

    def _received(self, chunk: list[int], outcomes: list[Any]) -> None:
        finished, again = [], list[int]()
        standing = self.stands(outcomes) if self.stands is not None and len(chunk) > 1 else [True] * len(chunk)
        for index, outcome, stands in zip(chunk, outcomes, standing, strict=True):
            if not stands:
                again.append(index)
            elif not isinstance(outcome, Failed):
                finished.append((index, [outcome]))
                self.ready[index] = [outcome]
            elif not outcome.again and self.split is None:
                self.ready[index] = [Lost(self.items[index], outcome.reason)]
            else:
                self.retries.append(index)
        self._queue_each(again)
        if finished:
            self.done(finished)

    def _queue_each(self, indices: Sequence[int]) -> None:
        """Work on some items next, each in a chunk of its own."""
        self.queue.extendleft([index] for index in reversed(indices))

    def _try_alone(self, index: int) -> None:
        found = self._found(self.items[index], self.limit, [])
        self.ready[index] = found
        if not any(isinstance(f, Lost) for f in found):
            self.done([(index, found)])

    def _found(self, item: Any, limit: float, lost: list[Lost]) -> list[Any]:
        parts = self.split(item) if self.split is not None and len(lost) < MOST_LOST else ()
        tried = 0
        while isinstance(outcome := self._once(item, limit), Failed):
            tried += 1
            if parts or tried >= outcome.again:
                break
        else:
            return [outcome]
        if parts:
            shorter = max(limit / 2, min(limit, FLOOR))
            return [found for part in parts for found in self._found(part, shorter, lost)]
        lost.append(Lost(item, outcome.reason))
        return [lost[-1]]

    def _once(self, item: Any, limit: float) -> Any:
        """One attempt at one item, with nothing else under way."""
        self.executor.greet()  # a worker is there: what follows is the item's own time
        start = time.monotonic()
        future = self._submitted([item], limit)
        self._ended([future], limit)
        error = _error(future)
        if error is None:
            (outcome,) = self.executor.outcomes(future)
            return outcome
        if isinstance(error, BrokenExecutor):
            self.executor.reopen()
        died = error if isinstance(error, ProcessDied) else ProcessDied("its process died")
        at = f", at {died.at}" if died.at else ""
        if time.monotonic() - start >= limit:
            return Failed(f"it did not end within {limit:g} s{at}", ONCE)
        return Failed(f"{died}{at}", AFTER_DEATH)
