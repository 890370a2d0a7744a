"""dask.distributed as an executor: `--executor verifier.executors.dask:local` or `:cluster`; needs `pip install 'backprop-verifier[dask]'`.

A worker has one thread: flint's precision is global to a process. A task whose worker dies fails at once (dask itself would try it three
times more): it is tried again, alone, by our own rules.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from verifier.errors import CampaignError

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # dask's own name for it
LOGGERS = ()
FAILURES = "distributed.scheduler.allowed-failures"


@contextmanager
def local(jobs: int = 0) -> Iterator[Executor]:
    """A cluster on this machine: so many worker processes of one thread each (0: one per core)."""
    with (
        _quiet(),
        dask.config.set({FAILURES: 0}),
        LocalCluster(n_workers=jobs or os.cpu_count() or 1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.INFO) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor(retries=0)


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
        yield client.get_executor(retries=0)


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
