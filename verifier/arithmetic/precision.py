"""flint's working precision, in bits: it is global to the process, so it is set for blocks only."""

from __future__ import annotations

from flint import ctx


class precision:  # noqa: N801 - read as a word of the language: `with precision(bits)`
    """Set flint's working precision, which is global to the process, for a block. Entered so often that a generator would be seen in the time."""

    __slots__ = ("before", "bits")

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __enter__(self) -> None:
        self.before = ctx.prec
        ctx.prec = self.bits

    def __exit__(self, *_: object) -> None:
        ctx.prec = self.before


def current_precision() -> int:
    """flint's working precision in bits."""
    return int(ctx.prec)
