"""How often Python looks for objects that refer to each other in a circle and that nothing else refers to."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARE = (100_000, 50, 100)  # programs are tuples without cycles: at CPython's defaults a third to a half of the time of 100,000 steps goes into looking for some


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within the block, and in functions that it decorates, the collector looks only after so many new objects; it is left alone where the program has set it to look more rarely, or not at all."""
    before = gc.get_threshold()
    if 0 < before[0] < RARE[0]:
        gc.set_threshold(*RARE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


__all__ = ["RARE", "rare_collections"]
