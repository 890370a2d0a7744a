"""A process for every chunk, started by the thread that asks for it and ended as soon as its outcomes are here: for work that runs the code of others.

No pool and no thread stands between: all that there is of the executor is in this thread, so that a process is never forked while another thread may
hold a lock. A process that dies costs its own chunk only.
"""

from __future__ import annotations

import os
import pickle
import struct
import time
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from verifier.run.chunks import GRACE, Work, identity, serve
from verifier.run.last_words import ProcessDied, ending, last_place, listen
from verifier.run.local import end_process, end_with_the_driver, has_ended, start_method

HEAD = struct.Struct("<qL")  # of an answer: how many bytes it has, and their checksum
MOST_AT_ONCE = 1 << 20  # bytes of an answer that are read at a time
SOON = 0.5  # seconds in which a process that has closed its answer is seen to end
MOMENT = 0.01  # seconds between two looks
LOOK = 0.1  # seconds after which it is looked whether a process has ended that told nobody: what it has started may hold its pipes open


@dataclass(frozen=True)
class _Started:
    process: Any  # multiprocessing's, of any way to start one
    answer: connection.Connection
    words: connection.Connection  # where it stands at its end
    items: int
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
        words, speaker = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(sender, speaker, identity(), self.memory, limit, pickle.dumps((work, items))))  # type: ignore[attr-defined]
        process.start()
        sender.close()  # where the process has the only other one, its end is the end of the answer
        speaker.close()
        future: Future[Any] = Future()
        self._started[future] = _Started(process, answer, words, len(items), time.monotonic() + len(items) * limit + GRACE)
        return future

    def wait(self, futures: Collection[Future[Any]], timeout: float) -> set[Future[Any]]:
        """Those of some futures that have ended within so many seconds: none, or at least one."""
        end = time.monotonic() + timeout
        while not (ended := {f for f in futures if f.done()}):
            seconds = min(LOOK, end - time.monotonic(), *(s.latest - time.monotonic() for s in self._started.values()))
            ready = connection.wait([s.answer for s in self._started.values()], timeout=max(0.0, seconds))
            for future, started in list(self._started.items()):
                if started.answer in ready or has_ended(started.process) or time.monotonic() > started.latest:
                    self._settle(future, started)
            if time.monotonic() >= end and not any(f.done() for f in futures):
                return set()
        return ended

    def _settle(self, future: Future[Any], started: _Started) -> None:
        """Take the answer of a process, if there is one, and end it: what ran in it may have left threads that never end."""
        packed, soon = _received(started), time.monotonic() + SOON
        while packed is None and not (has_ended(started.process) or time.monotonic() > min(soon, started.latest)):
            time.sleep(MOMENT)
        is_ended, at = has_ended(started.process), last_place(started.words)
        status = self._end(future)
        how = ending(status if is_ended else None)
        try:
            found = None if packed is None else pickle.loads(packed)  # noqa: S301 - from our own process
        except Exception:  # noqa: BLE001 - the code that ran there may have changed Python itself
            found, how = None, "its process gave an answer that cannot be read: the code may have changed Python itself"
        if isinstance(found, list) and len(found) == started.items:
            future.set_result(found)
        else:
            future.set_exception(ProcessDied(how, at))

    def _end(self, future: Future[Any]) -> int | None:
        """End a process, with those that it has started; its exit status."""
        started = self._started.pop(future)
        end_process(started.process)
        started.process.join()
        status: int | None = started.process.exitcode
        started.process.close()
        started.answer.close()
        started.words.close()
        return status

    def outcomes(self, future: Future[Any]) -> list[Any]:
        """The outcome of every item of a chunk that has ended."""
        return future.result()  # type: ignore[no-any-return]

    def reopen(self) -> None:
        """Nothing: every chunk has another process in any case."""

    greet = watch = end_overdue = reopen  # `wait` sees what ends, and ends what is overdue

    def close(self, *, at_once: bool = True) -> None:
        """End the processes that are still there, at once: nobody waits for them."""
        del at_once
        for future in list(self._started):
            self._end(future)


def _received(started: _Started) -> bytes | None:
    """The whole answer of a process: its length, its bytes and their checksum; None where it has ended, or its time is over, before it has sent all."""
    answer, found = started.answer, b""
    with suppress(EOFError, OSError):
        while time.monotonic() < started.latest:
            ended = has_ended(started.process)  # what it has started may hold both of its pipes open
            if answer not in connection.wait([answer], timeout=0.0 if ended else MOMENT):
                if ended:
                    return None
                continue
            part = answer.recv_bytes() if os.name == "nt" else os.read(answer.fileno(), MOST_AT_ONCE)
            if not part:
                return None
            found += part
            size, check = HEAD.unpack_from(found) if len(found) >= HEAD.size else (-1, 0)
            if 0 <= size <= len(found) - HEAD.size:
                packed = found[HEAD.size : HEAD.size + size]
                return packed if zlib.crc32(packed) == check else None
    return None


def _answer(sender: connection.Connection, speaker: connection.Connection, driver: tuple[str, int], memory: int, limit: float, packed: bytes) -> None:
    """In the process: work through the chunk, and send the outcomes."""
    end_with_the_driver()
    listen(speaker, limit)
    try:
        with suppress(Exception):  # what cannot be sent is no answer
            found = serve(driver, "", memory, limit, packed)
            rest = memoryview(HEAD.pack(len(found), zlib.crc32(found)) + found)
            if os.name == "nt":
                sender.send_bytes(rest)
            while os.name != "nt" and rest:
                rest = rest[os.write(sender.fileno(), rest) :]
    finally:
        sender.close()
