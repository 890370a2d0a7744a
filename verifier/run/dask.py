"""dask.distributed as an executor: `--executor verifier.run.dask:local` or `:cluster`; needs `pip install 'backprop-verifier[dask]'`.

A worker has one thread: flint's precision is global to a process. A task whose worker dies fails at once (dask itself would try it three
times more): it is tried again, alone, by our own rules.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import dask
from distributed import Client, LocalCluster

from verifier.language.source import CampaignError

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # dask's own name for it
LOGGERS = ("distributed", "tornado.application", "asyncio")


@contextmanager
def local(jobs: int = 0) -> Iterator[Executor]:
    """A cluster on this machine: so many worker processes of one thread each (0: one per core)."""
    with (
        _quiet(),
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=jobs or os.cpu_count() or 1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL) as cluster,
        Client(cluster) as client,
    ):
        yield Tasks(client)


@contextmanager
def cluster(jobs: int = 0) -> Iterator[Executor]:
    """The cluster whose scheduler listens at DASK_SCHEDULER_ADDRESS; `jobs` says only how much work to keep under way.

    Start its workers with `--nthreads 1`, and its scheduler with `distributed.scheduler.allowed-failures` 0.
    """
    del jobs
    address = os.environ.get(ADDRESS)
    if not address:
        raise CampaignError(f"set {ADDRESS} to the scheduler's address, such as tcp://10.0.0.1:8786")
    with _quiet(), Client(address) as client:
        yield Tasks(client)


class Tasks(Executor):
    """A dask client as an executor.

    A future of dask's own `get_executor` never ends where the worker that holds its result dies (distributed 2026.8).
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that ends when the task does; it raises distributed.KilledWorker where the task's worker died."""
        ours: Future[Any] = Future()
        theirs = self.client.submit(fn, *args, pure=False, retries=0, **kwargs)
        ours.add_done_callback(lambda future: theirs.cancel() if future.cancelled() else None)
        theirs.add_done_callback(partial(_hand_over, ours))
        return ours


def _hand_over(ours: Future[Any], theirs: Any) -> None:
    if not ours.set_running_or_notify_cancel():
        return
    try:
        ours.set_result(theirs.result())
    except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever waits
        ours.set_exception(error)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what dask logs about tasks that were cancelled and workers that died: we say it."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
