"""Split intervals of numbers of a format: every number is in exactly one half. And the borders at which a program's branches meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.language.formats import FORMATS, Format, dtype, numbers, round_array

WIDE = 2.0**12  # an interval whose ends are so far apart is split by its exponents,
WIDEST = 2.0**60  # unless one of them is as good as 0


def stored(fmt: Format) -> Format:
    """The format in which inputs are."""
    return FORMATS[fmt.stored_in]


def nearest_numbers(fmt: Format, values: DoubleArray) -> DoubleArray:
    """The nearest numbers of the format."""
    return round_array(stored(fmt), values)


def places_of(fmt: Format, values: DoubleArray) -> NDArray[np.int64]:
    """The places of numbers of a format in its order (see `formats.numbers`)."""
    kind = dtype(fmt)
    size = np.abs(values).astype(kind).view(f"uint{8 * kind.itemsize}").astype(np.int64)
    return np.where(values < 0, -size - (1 if fmt.signed_zero else 0), size)


def after(fmt: Format, values: DoubleArray) -> DoubleArray:
    """The next larger numbers of the format."""
    if fmt.stored_in == "float64":
        return np.nextafter(values, np.inf)
    inner = stored(fmt)
    return numbers(inner, places_of(inner, values) + 1) + 0.0


def not_above(fmt: Format, values: DoubleArray) -> DoubleArray:
    """The largest numbers of the format that are not above some values."""
    if fmt.stored_in == "float64":
        return values
    near = nearest_numbers(fmt, values)
    inner = stored(fmt)
    before = numbers(inner, places_of(inner, near) - np.where((near == 0) & inner.signed_zero, 2, 1))  # -0.0 stands between
    return np.where(near > values, before, near) + 0.0


def halves(fmt: Format, low: DoubleArray, high: DoubleArray, *, is_input: MaskArray) -> tuple[DoubleArray, DoubleArray]:
    """The end of the lower half and the beginning of the upper one. Inputs are numbers of the format, so the upper half begins one further; slices meet."""
    with np.errstate(all="ignore"):
        middle = low / 2 + high / 2
        smaller, larger = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
        apart = (low > 0) | (high < 0)
        apart &= (larger > WIDE * smaller) & (larger < WIDEST * smaller)
        middle = np.where(apart, np.sign(high) * np.sqrt(smaller) * np.sqrt(larger), middle)
    middle = np.clip(middle, low, high)
    lower = np.where(is_input, not_above(fmt, middle), middle)
    lower = np.where(is_input & ((lower >= high) | (lower < low)), low, lower)
    return lower, np.where(is_input, after(fmt, lower), lower)
