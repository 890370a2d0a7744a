"""Who does the work of a run: this process, a pool of processes, or somebody else's executor; with limits, and a state on the disk."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Self

from verifier.language.source import CampaignError
from verifier.run.chunks import Refused, Run, Split, Work, attempt, identity, serve
from verifier.run.fresh import FreshProcesses
from verifier.run.local import end, finished, has_lost_a_worker, physical_memory, pool, stop
from verifier.run.named import THREADS, ExecutorError, opened

if TYPE_CHECKING:
    from verifier.run.state import State

WORTH_A_PROCESS = 40  # items that pay for starting a process
CHUNKS = 4  # per process: small enough to share the work evenly, large enough to cost little
MOST_ITEMS = 32  # of a chunk: what is lost at most where the driver is killed
WINDOW = 4  # chunks per process that are handed out in advance
PATIENCE = 3600.0  # seconds that an item may take in a pool, where no other limit is given
GREETINGS = 3  # before an executor is given up
ANSWER = 120.0  # seconds in which a worker must answer
NO_LIMIT = float("inf")


def cores() -> int:
    """The cores of this machine."""
    return os.cpu_count() or 1


def automatic(items: int) -> int:
    """The number of processes to start for so many items: one for every WORTH_A_PROCESS items, at most one per core."""
    return max(1, min(cores(), items // WORTH_A_PROCESS))


class Workers:
    """Runs items in this process for `jobs` 1, on so many processes, or on the executor that `module:factory` gives; `jobs` 0: as many as pay.

    `timeout` is the seconds that an item may take, `memory` the MiB that a worker may have. By default a pool gives an hour and all memory of
    the machine, an executor of others no limit; with either given, at least one other process is started. `state` is the folder in which results
    are stored, and `note` a message about it for the user. With `debug` all work is done in this process, and its errors are raised here.
    A context: what was opened is closed at its end. Raises ExecutorError, StateError, CampaignError.
    """

    def __init__(self, jobs: int = 0, *, executor: str = "", timeout: float | None = None, memory: int | None = None, state: str | None = None, debug: bool = False) -> None:
        if debug and (jobs > 1 or executor or any(limit is not None for limit in (timeout, memory, state))):
            raise CampaignError("--debug does all work in this process and reuses no results: it cannot be combined with --jobs, --executor, --timeout, --memory and --state")
        self.debug = debug
        self.jobs, self.executor, self.timeout, self.memory = jobs, executor, timeout, memory
        self._limited: _LimitedExecutor | None = None
        self._state: State | None = None
        if state is not None:
            from verifier.run.state import State

            self._state = State(state)
        self.note = "" if self._state is None else self._state.note

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._limited is not None:
            self._limited.close(at_once=kind is not None)
        if self._state is not None:
            self._state.close()

    def run(
        self, work: Work, items: Sequence[Any], *, worth: int = 1, size: int = 1, key: Callable[[Any], str] | None = None, kind: Any = None, split: Split | None = None
    ) -> Iterator[list[Any]]:
        """What came of each item, in order: `[work(item)]`, or the results of its parts where it was split; Lost stands for what has none.

        `work` is a function of a module (or a partial of one) and depends on nothing but the item. `worth` is how many processes pay, `size` the most
        items of a chunk. Where `key` names an item for the state, `kind` is the type of its result. `split` gives the halves of an item, or nothing.
        """
        executor = self._limited_for(worth)
        run = Run(executor, work, items, executor.size(size, len(items)), executor.limit, split)
        if self._state is not None and key is not None:
            from verifier.run.state import UNKNOWN

            state = self._state
            names = [key(item) for item in items]

            def known(index: int) -> list[Any] | None:
                value = state.get(names[index], list[kind])
                return None if value is UNKNOWN else value

            run.known = known
            run.done = lambda found: state.keep((names[index], results) for index, results in found)
        return run.results()

    def run_apart(self, work: Work, groups: Sequence[Sequence[Any]], *, limit: float, stands: Callable[[list[Any]], list[bool]]) -> Iterator[Any]:
        """The result of each item of some groups, or Lost, in order: the items of a group in a fresh process, each in so many seconds, by as many processes as there are jobs.

        Items of a group of several whose outcome does not stand beside the others are worked on again, each in a process of its own.
        """
        items = [item for group in groups for item in group]
        if self.executor:  # whose processes are fresh where it is
            for group in groups:
                found = self._on_another(work, group, limit)
                standing = stands(found) if len(group) > 1 else [True]
                yield from (outcome if holds else self._on_another(work, [item], limit)[0] for item, outcome, holds in zip(group, found, standing, strict=True))
            return
        self.release()  # a process is forked more safely while there is no pool
        ends = list(accumulate((len(group) for group in groups), initial=0))
        executor = FreshProcesses(self.jobs or min(cores(), len(groups)), memory=physical_memory() if self.memory is None else self.memory)
        chunks = [list(range(*pair)) for pair in pairwise(ends)]
        yield from (found for (found,) in Run(executor, work, items, max(map(len, chunks), default=1), limit, chunks=chunks, stands=stands).results())

    def _on_another(self, work: Work, items: Sequence[Any], limit: float) -> list[Any]:
        """What comes of some items on an executor of the same name that is opened for them."""
        with Workers(1, executor=self.executor, timeout=limit, memory=self.memory) as own:
            found = [outcome for (outcome,) in own.run(work, items, size=MOST_ITEMS)]
            own.abandon()
        return found

    def release(self) -> None:
        """End the pool, if there is one; the next work opens another. An executor of others stays as it is."""
        if self._limited is not None and not self.executor:
            self._limited.close()

    def abandon(self) -> None:
        """End the processes at once: what ran in them may have left threads that never end."""
        if self._limited is not None:
            self._limited.close(at_once=True)

    def _limited_for(self, worth: int) -> _LimitedExecutor:
        width = 1 if self.debug else self.jobs or (cores() if self.executor else worth)
        is_here = not self.executor and width <= 1 and self.timeout is None and self.memory is None
        if self._limited is None or (self._limited.width, self._limited.is_here) != (width, is_here):
            if self._limited is not None:
                self._limited.close()
            self._limited = _LimitedExecutor(self, width, is_here=is_here)
        return self._limited


class _LimitedExecutor:
    """An executor with its limits, opened when the first chunk is handed out, and again where it broke."""

    def __init__(self, workers: Workers, width: int, *, is_here: bool) -> None:
        self.name, self.jobs, self.width, self.is_here, self.debug = workers.executor, workers.jobs, width, is_here, workers.debug
        self.window = 1 if is_here else WINDOW * width
        if is_here:
            self.limit, self.memory = NO_LIMIT, 0
        else:
            self.limit = workers.timeout if workers.timeout is not None else NO_LIMIT if self.name else PATIENCE
            self.memory = workers.memory if workers.memory is not None else 0 if self.name else physical_memory()
        self._executor: Executor | None = None
        self._is_maimed = False
        self._stack = ExitStack()

    def size(self, most: int, items: int) -> int:
        """The items of a chunk."""
        return 1 if self.is_here else max(1, min(most, -(-items // (self.width * CHUNKS))))

    def submit(self, work: Work, items: Sequence[Any], limit: float) -> Future[Any]:
        """Hand out a chunk; each item may take `limit` seconds."""
        if self.is_here:
            return finished([work(item) for item in items] if self.debug else attempt(work, items))
        if self._executor is None:
            self.reopen()
            if self.name:
                self.greet()  # is there anybody, and are they like us?
        return self._submit(work, items, limit)

    def _submit(self, work: Work, items: Sequence[Any], limit: float) -> Future[Any]:
        if self._executor is None:
            raise BrokenExecutor
        print_ = ""
        if self.name:
            from verifier.run.environment import fingerprint

            print_ = fingerprint()
        packed = pickle.dumps((work, items))
        try:
            return self._executor.submit(serve, identity(), print_, self.memory, limit, packed)
        except BrokenExecutor:
            raise
        except Exception as error:
            if isinstance(error, OSError) and isinstance(self._executor, ProcessPoolExecutor):  # Python's own pool, which has just lost a process and closes its pipes
                raise BrokenExecutor(str(error)) from error
            raise ExecutorError(f"{self}: it takes no more work ({type(error).__name__}: {error})") from error

    def wait(self, futures: Collection[Future[Any]], timeout: float) -> set[Future[Any]]:
        """Those of some futures that have ended within so many seconds: none, or at least one."""
        return wait(futures, timeout=timeout, return_when=FIRST_COMPLETED).done

    def outcomes(self, future: Future[Any]) -> list[Any]:
        """The outcome of every item of a chunk that has ended. Raises ExecutorError where the worker cannot take part."""
        found = future.result() if self.is_here else pickle.loads(future.result())  # noqa: S301 - from our own worker
        if isinstance(found, Refused):
            raise ExecutorError(f"--executor {self.name}: {found.reason}; {THREADS if 'thread' in found.reason else 'every worker must have the versions that this process has'}")
        return found  # type: ignore[no-any-return]

    def reopen(self) -> None:
        """Another executor in place of a broken one."""
        self.close()
        self._is_maimed = False
        self._executor = opened(self.name, self.jobs, self._stack) if self.name else pool(self.width)

    def greet(self) -> None:
        """Check that a worker answers. Raises ExecutorError."""
        if self.is_here:
            return
        if self._executor is None:
            self.reopen()
        for attempts_left in reversed(range(GREETINGS)):
            try:
                future = self._submit(_hello, [None], NO_LIMIT)
                if not wait([future], timeout=ANSWER).done:
                    raise ExecutorError(f"{self}: no worker answered within {ANSWER:g} s")  # noqa: TRY301
                self.outcomes(future)
            except ExecutorError:
                raise
            except Exception as error:
                if not attempts_left:
                    died = "they die before they do anything" if isinstance(error, BrokenExecutor) else f"{type(error).__name__}: {error}"
                    raise ExecutorError(f"{self}: its workers cannot be used ({died})") from error
                if isinstance(error, BrokenExecutor):
                    self.reopen()
            else:
                return

    def watch(self) -> None:
        """End a pool that lost a process and has not noticed it after a while."""
        if isinstance(self._executor, ProcessPoolExecutor) and not self.name:
            if self._is_maimed:
                end(self._executor)
            self._is_maimed = has_lost_a_worker(self._executor)

    def end_overdue(self) -> None:
        """End a pool whose limit has passed."""
        if isinstance(self._executor, ProcessPoolExecutor) and not self.name:
            end(self._executor)

    def __str__(self) -> str:
        return f"--executor {self.name}" if self.name else f"--jobs {self.width} --memory {self.memory}"

    def close(self, *, at_once: bool = False) -> None:
        """Release what was opened; `at_once` without waiting for what is running."""
        if self._executor is not None and (at_once or not self.name):
            stop(self._executor, at_once=at_once)
        self._executor = None
        self._stack.close()


def _hello(_: None) -> tuple[str, int]:
    return identity()


__all__ = ["THREADS", "ExecutorError", "Workers", "automatic", "cores"]
