"""Work that ends its process, and executors whose workers, or whose driver, do: for test_campaigns.py and benchmarks/faults.py."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from verifier.run.local import end_with_the_driver, lead_a_group, start_method

DEADLY, HANGING, HUNGRY, RAISING = 7, 12, 15, 17
GIB = 1 << 30


def square(n: int) -> int:
    return n * n


def faulty(n: int) -> int:
    """The square, but of some numbers."""
    if n == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    while n == HANGING:
        pass
    if n == HUNGRY:
        return len(np.zeros(3 * GIB, np.uint8))
    if n == RAISING:
        raise ValueError("a bug")
    return n * n


def total(span: tuple[int, int]) -> int:
    """The sum of a range that must not contain the deadly number."""
    if span[0] <= DEADLY < span[1]:
        os._exit(1)
    return sum(range(*span))


def halves(span: tuple[int, int]) -> list[tuple[int, int]]:
    middle = sum(span) // 2
    return [(span[0], middle), (middle, span[1])] if span[0] < middle else []


def killed(n: int, *, folder: str, times: int) -> int:
    """The square; the first processes that come to 3 are killed as if from outside."""
    if n == 3 and _is_one_of(times, folder):
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def cut_short(n: int, *, folder: str, times: int) -> int:
    """The square; the first processes that come to 3 are killed in the middle of writing a result, as the kernel may do."""
    if n == 3 and _is_one_of(times, folder):
        frame: Any = sys._getframe()
        while "result_queue" not in frame.f_locals:
            frame = frame.f_back
        os.write(frame.f_locals["result_queue"]._writer.fileno(), b"\0\0\x10\0and no more")
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def _is_one_of(times: int, folder: str) -> bool:
    """Whether this is one of the first calls, in any process."""
    count = len(list(Path(folder).iterdir()))
    if count < times:
        Path(folder, str(count)).touch()
    return count < times


def slow(n: int) -> int:
    time.sleep(0.2)  # for several threads to meet
    return n


# ---------------------------------------------------------------- executors


def processes(jobs: int = 2) -> Executor:
    return ProcessPoolExecutor(jobs, mp_context=start_method())


def not_an_executor(jobs: int = 0) -> list[int]:
    return [jobs]


def failing(jobs: int = 0) -> Executor:
    raise OSError(f"no machine for {jobs} workers")


def deadly(jobs: int = 2) -> Executor:
    """Processes that die of a case named 'deadly', and of the point 1.5 of an exhaustive sweep."""
    return ProcessPoolExecutor(jobs, mp_context=start_method(), initializer=_bend)


def _bend() -> None:
    from verifier import many
    from verifier.compare.sweep import sweep

    check, judge = many.verify, sweep.judge_columns

    def verify_or_die(case: Any, **options: Any) -> Any:
        if case.name == "deadly":
            os._exit(1)
        return check(case, **options)

    def judge_or_die(work: Any, columns: Any, **options: Any) -> Any:
        if (columns[0] == 1.5).any():
            os._exit(1)
        return judge(work, columns, **options)

    many.verify = verify_or_die
    sweep.judge_columns = judge_or_die


def dying(jobs: int = 2) -> Executor:
    """Processes that end before they do anything."""
    return ProcessPoolExecutor(jobs, mp_context=start_method(), initializer=os._exit, initargs=(1,))


class Fatal(ProcessPoolExecutor):
    """Processes whose driver is killed, as by `kill -9`, when it hands out its tenth chunk."""

    handed_out = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
        self.handed_out += 1
        if self.handed_out == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().submit(*args, **kwargs)


def fatal(jobs: int = 2) -> Executor:
    return Fatal(jobs, initializer=end_with_the_driver)


class _Local(Executor):
    """Runs what is submitted in the driver's own process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def in_the_driver(jobs: int = 0) -> Executor:
    del jobs
    return _Local()


@contextmanager
def several_threads(jobs: int = 0) -> Any:
    """A dask worker with four threads."""
    del jobs
    from distributed import Client

    from verifier.run.dask import Tasks

    with Client(n_workers=1, threads_per_worker=4, dashboard_address="127.0.0.1:0", silence_logs=50) as client:
        yield Tasks(client)


def scheduler() -> None:
    """A scheduler and two workers in processes of their own: prints the address, and ends with its standard input."""
    import dask
    from distributed import LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    scheduler()


# ---------------------------------------------------------------- in processes of their own


def with_its_process(n: int) -> tuple[int, int]:
    return n, os.getpid()


def counted(n: int, *, folder: str) -> int:
    """The square; a file for each time that a number comes. One is deadly."""
    if n == DEADLY:
        os._exit(1)
    (Path(folder) / f"{n}.{os.getpid()}").touch()
    return n * n if n > 1 else n


def meets_another(n: int, *, folder: str) -> tuple[float, float]:
    """When it ran; each number waits until its neighbour runs as well."""
    start = time.monotonic()
    (Path(folder) / str(n)).touch()
    while not (Path(folder) / str(n ^ 1)).exists():
        time.sleep(0.001)
    return start, time.monotonic()


def starts_another(n: int, *, folder: str) -> int:
    """0 at once; others never end, nor does what they start: both are named by files."""
    if n:
        lead_a_group()
        child = os.fork()
        (Path(folder) / str(os.getpid())).touch()
        while True:
            time.sleep(1000 if child else 999)
    return n


def leaves_another(n: int, *, folder: str, dies: bool) -> int:
    """The number, or the end of the process; a process that it has started goes on, named by a file."""
    lead_a_group()
    if not (child := os.fork()):
        while True:
            time.sleep(1000)
    (Path(folder) / str(child)).touch()
    if dies:
        os._exit(3)
    return n


def breaks_python(n: int) -> int:
    """The number; 1 leaves a Python behind that cannot send anything."""
    if n == 1:
        builtins.len = lambda _: "no length"  # type: ignore[assignment, misc]
    return n


def answers_half(n: int) -> int:
    """The number; 1 sends the beginning of an answer, and no more."""
    if n == 1:
        frame: Any = sys._getframe()
        while "sender" not in frame.f_locals:
            frame = frame.f_back
        os.write(frame.f_locals["sender"].fileno(), b"\0\0\x10\0and no more")
        os.close(frame.f_locals["sender"].fileno())
        signal.pause()
    return n


def aborts(n: int) -> int:
    """The number; 1 ends its process as a failed assertion of a library does."""
    if n == 1:
        os.abort()
    return n


def is_running(pid: int) -> bool:
    """Whether a process runs: one that has ended may wait for somebody to ask how."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text(encoding="utf-8")
