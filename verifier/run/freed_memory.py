"""Keeps the memory of columns that were freed for the next columns, instead of giving it back to the system between any two of them."""

from __future__ import annotations

from functools import cache

LARGEST = 31 << 20  # bytes, just under glibc's DEFAULT_MMAP_THRESHOLD_MAX of 32 MiB: what is larger teaches it nothing


@cache
def keep_freed_memory() -> None:
    """Free one large array, once for a process.

    glibc takes memory of 128 KiB and more from the system anew, page by page, until such a block is freed; then it raises that
    threshold to the size of the block, and the size of free memory that it gives back to twice that (mallopt(3), M_MMAP_THRESHOLD). A column of 32,768 float64
    is 256 KiB, and its pages cost five times as long as a product of two columns. The array is never written to, so it takes no pages itself. Elsewhere this does nothing.
    """
    import numpy as np

    np.empty(LARGEST, np.uint8)
