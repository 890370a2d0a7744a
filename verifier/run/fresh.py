"""A process for every chunk, started by the thread that asks for it and ended as soon as its outcomes are here: for work that runs the code of others.

No pool and no thread stands between: all that there is of the executor is in this thread, so that a process is never forked while another thread may
hold a lock. A process that dies costs its own chunk only.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from verifier.run.chunks import BEAT, GRACE, Work, identity, serve
from verifier.run.local import end_process, end_with_the_driver, start_method


class ProcessDied(Exception):
    """A process has ended without an answer."""


@dataclass(frozen=True)
class _Started:
    process: Any  # multiprocessing's, of any way to start one
    answer: connection.Connection
    latest: float  # when it is ended, by the monotonic clock


class FreshProcesses:
    """The executor of a Run (a ChunkExecutor): a process for each chunk, at most `jobs` of them at a time, each with so many MiB of `memory` (0: no limit)."""

    def __init__(self, jobs: int, *, memory: int) -> None:
        self.width = self.window = jobs
        self.memory = memory
        self._started: dict[Future[Any], _Started] = {}

    def submit(self, work: Work, items: Sequence[Any], limit: float) -> Future[Any]:
        """Start a process for a chunk; each item may take `limit` seconds."""
        context = start_method()
        answer, sender = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(sender, identity(), self.memory, limit, pickle.dumps((work, items))))  # type: ignore[attr-defined]
        process.start()
        sender.close()  # where the process has the only other one, its end is the end of the answer
        future: Future[Any] = Future()
        self._started[future] = _Started(process, answer, time.monotonic() + len(items) * limit + GRACE)
        return future

    def wait(self, futures: Collection[Future[Any]], timeout: float) -> set[Future[Any]]:
        """Those of some futures that have ended within so many seconds: none, or at least one."""
        end = time.monotonic() + timeout
        while not (ended := {f for f in futures if f.done()}):
            seconds = min(BEAT, end - time.monotonic(), *(s.latest - time.monotonic() for s in self._started.values()))
            ready = connection.wait([s.answer for s in self._started.values()], timeout=max(0.0, seconds))
            for future, started in list(self._started.items()):
                if started.answer in ready or not started.process.is_alive() or time.monotonic() > started.latest:
                    self._settle(future, started)
            if time.monotonic() >= end and not any(f.done() for f in futures):
                return set()
        return ended

    def _settle(self, future: Future[Any], started: _Started) -> None:
        """Take the answer of a process, if there is one, and end it: what ran in it may have left threads that never end."""
        found = None
        with suppress(EOFError, OSError):
            if started.answer.poll():
                found = started.answer.recv_bytes()
        self._end(future)
        if found is None:
            future.set_exception(ProcessDied())
        else:
            future.set_result(found)

    def _end(self, future: Future[Any]) -> None:
        started = self._started.pop(future)
        end_process(started.process)
        started.process.join()
        started.process.close()
        started.answer.close()

    def outcomes(self, future: Future[Any]) -> list[Any]:
        """The outcome of every item of a chunk that has ended."""
        return pickle.loads(future.result())  # type: ignore[no-any-return]  # noqa: S301 - from our own process

    def reopen(self) -> None:
        """Nothing: every chunk has another process in any case."""

    greet = watch = end_overdue = reopen  # `wait` sees what ends, and ends what is overdue

    def close(self, *, at_once: bool = True) -> None:
        """End the processes that are still there, at once: nobody waits for them."""
        del at_once
        for future in list(self._started):
            self._end(future)


def _answer(sender: connection.Connection, driver: tuple[str, int], memory: int, limit: float, packed: bytes) -> None:
    """In the process: work through the chunk, and send the outcomes."""
    end_with_the_driver()
    try:
        with suppress(Exception):  # what cannot be sent is no answer
            sender.send_bytes(serve(driver, "", memory, limit, packed))
    finally:
        sender.close()
