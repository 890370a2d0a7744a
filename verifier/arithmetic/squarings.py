"""Whole powers of enclosures by squarings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LARGEST_POWER = 64  # whole powers up to it are products


def by_squarings(base: T, exponent: int, mul: Callable[[T, T], T]) -> T:
    """The power of a positive exponent, from the lowest bit of the exponent on."""
    result: T | None = None
    while exponent:
        if exponent & 1:
            result = base if result is None else mul(result, base)
        exponent >>= 1
        if exponent:
            base = mul(base, base)
    assert result is not None
    return result
