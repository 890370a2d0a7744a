"""flint's working precision, in bits: it is global to the process, so it is set for blocks only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flint import ctx


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Set flint's working precision, which is global to the process, for a block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def current_precision() -> int:
    """flint's working precision in bits."""
    return int(ctx.prec)
