"""The executors of one machine: this process, and a pool of processes (never threads: flint's precision is global to a process)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import connection
from multiprocessing.context import BaseContext
from typing import Any


def finished(result: Any) -> Future[Any]:
    """A future that is done: this process is the executor."""
    future: Future[Any] = Future()
    future.set_result(result)
    return future


THREADED = ("jax", "torch")  # libraries with threads of their own, whose locks a forked process would inherit without the threads that open them


def pool(jobs: int) -> ProcessPoolExecutor:
    """`jobs` processes, which end with this one."""
    return ProcessPoolExecutor(max_workers=jobs, mp_context=start_method(), initializer=end_with_the_driver)


def start_method() -> BaseContext:
    """How processes are started: as the system does by default, but forked from a fresh process where a library in this one may hold locks."""
    fresh = any(name in sys.modules for name in THREADED) and "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if fresh else None)


def stop(executor: Executor, *, at_once: bool) -> None:
    """Close an executor; `at_once` does not wait for what is running, and ends the processes of a pool."""
    if at_once and isinstance(executor, ProcessPoolExecutor):
        end(executor)
    executor.shutdown(wait=True, cancel_futures=True)


def has_lost_a_worker(executor: Executor | None) -> bool:
    """Whether a process of a pool has ended."""
    return isinstance(executor, ProcessPoolExecutor) and any(p.exitcode is not None for p in _processes(executor))


def end(executor: ProcessPoolExecutor) -> None:
    """Kill the processes of a pool: what is under way fails.

    A process that is killed in the middle of a result leaves the pool reading from a pipe whose other end it holds open itself, for ever; so it is closed.
    """
    for process in _processes(executor):
        end_process(process)
    queue = getattr(executor, "_result_queue", None)
    if queue is not None:
        queue._writer.close()  # noqa: SLF001


def has_ended(process: Any) -> bool:
    """Whether a process has ended. One of our own is not waited for yet: until then its number, which its group has as well, is given to no other."""
    if hasattr(os, "waitid"):
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return not process.is_alive()


def end_process(process: Any) -> None:
    """Kill a process, with those that it has started where it leads a group."""
    _end_group(process.pid)
    process.kill()


def lead_a_group() -> None:
    """In a worker that runs the code of others: the processes that it starts from now on end with it, when it is ended at once."""
    if hasattr(os, "setpgid") and multiprocessing.parent_process() is not None:
        os.setpgid(0, 0)


def _end_group(pid: int | None) -> None:
    """Kill the processes that a worker has started, where it leads a group."""
    if pid is None or not hasattr(os, "killpg"):
        return
    try:
        group = os.getpgid(pid)
    except ProcessLookupError:  # it was waited for, as the start of any process does: as long as its group has members, its number is given to no other
        group = pid
    with suppress(ProcessLookupError, PermissionError):
        if group == pid != os.getpgrp():
            os.killpg(pid, signal.SIGKILL)


def _processes(executor: ProcessPoolExecutor) -> list[Any]:
    return list((getattr(executor, "_processes", None) or {}).values())


def end_with_the_driver() -> None:
    """In a worker, at its start: Ctrl-C reaches all processes of a terminal, and the driver decides; a worker ends when the driver is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a program that forked us may have had other plans for it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.sentinel,), daemon=True).start()


def _outlive(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """The system ends this process when the block takes longer (inf: no limit), whatever holds the interpreter; not on Windows, which has no such timer."""
    if seconds == float("inf") or not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def limited_memory(memory: int) -> Iterator[None]:
    """At most so many MiB of address space for this process (0: no other limit than before), where the system knows such limits."""
    try:
        import resource
    except ImportError:  # Windows
        memory = 0
    if not memory:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = memory << 20 if hard == resource.RLIM_INFINITY else min(memory << 20, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def physical_memory() -> int:
    """The memory of this machine in MiB; 0 where that is not known."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
