"""Run one function over many items, in this process or in several (never threads: flint's precision is global)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

WORTH_A_PROCESS = 40  # items that pay for starting a process
CHUNKS = 4  # per process: small enough to share the work evenly, large enough to cost little


def automatic(items: int) -> int:
    """How many processes so many items are worth, at most one per core."""
    return max(1, min(os.cpu_count() or 1, items // WORTH_A_PROCESS))


def in_processes(work: Callable[..., Any], items: Sequence[Any], *, jobs: int, **options: Any) -> list[Any]:
    """`[work(item, **options) for item in items]`, in order, on `jobs` processes; `jobs` 0: as many as pay.

    What the workers need should be imported before: processes that are forked share it.
    """
    jobs = jobs or automatic(len(items))
    if jobs <= 1 or len(items) <= 1:
        return [work(item, **options) for item in items]
    from concurrent.futures import ProcessPoolExecutor

    size = -(-len(items) // (jobs * CHUNKS))
    chunks = [items[i : i + size] for i in range(0, len(items), size)]
    with ProcessPoolExecutor(max_workers=min(jobs, len(chunks))) as pool:
        futures = [pool.submit(_chunk, work, chunk, options) for chunk in chunks]
        return [result for future in futures for result in future.result()]


def _chunk(work: Callable[..., Any], items: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    return [work(item, **options) for item in items]
