"""Run one function over many items, in this process or in several (never threads: flint's precision is global)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def in_processes(work: Callable[..., Any], items: Sequence[Any], *, jobs: int, **options: Any) -> list[Any]:
    """`[work(item, **options) for item in items]`, in order, on `jobs` processes."""
    if jobs <= 1 or len(items) <= 1:
        return [work(item, **options) for item in items]
    with ProcessPoolExecutor(max_workers=min(jobs, len(items))) as pool:
        return [future.result() for future in [pool.submit(work, item, **options) for item in items]]
