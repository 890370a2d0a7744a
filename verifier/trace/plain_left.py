"""`data.dot(x)` of a plain array and a traced one: NumPy's compiled code gets objects that it multiplies and adds, and what comes out is traced."""

from __future__ import annotations

from typing import Any

import numpy as np

from verifier.trace.record import Refusal

MOST_FACTORS = 100_000  # of one `data.dot(x)`


class Factor:
    """An element of a traced array in `data.dot(x)`: NumPy multiplies it by a number of the data and adds up. The last sum is the dot product of these numbers and the column, traced."""

    def __init__(self, column: Any, numbers: tuple[Any, ...] = ()) -> None:
        self.column, self.numbers = column, numbers

    def __rmul__(self, number: Any) -> Any:
        return self._sum((number,))

    def __add__(self, other: Factor) -> Any:
        return self._sum((*self.numbers, *other.numbers))

    def _sum(self, numbers: tuple[Any, ...]) -> Any:
        if len(numbers) < len(self.column):
            return Factor(self.column, numbers)
        kind = self.column.dtype
        row = np.array(numbers)
        narrow = row.astype(kind)
        return np.dot(narrow if row.dtype.kind in "biu" or np.array_equal(narrow, row, equal_nan=True) else row, self.column)


class Products(np.ndarray[Any, Any]):
    """The result of `data.dot(x)`: an array of traced numbers, which is the traced array wherever it is used."""

    __array_priority__ = 2000.0

    def __array_finalize__(self, _: Any) -> None:
        object.__setattr__(self, "joined", None)

    def __getattribute__(self, name: str) -> Any:
        if name in ("joined", "__array_ufunc__", "__array_function__", "__array_finalize__", "__class__", "__array_priority__"):
            return object.__getattribute__(self, name)
        return getattr(settled(self), name)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        return getattr(ufunc, method)(*map(settled, operands), **keywords | ({} if out is None else {"out": tuple(map(settled, out))}))

    def __array_function__(self, function: Any, _: Any, args: Any, keywords: Any) -> Any:
        return function(*map(_inside, args), **{k: _inside(v) for k, v in keywords.items()})

    def __getitem__(self, index: Any) -> Any:
        return settled(self)[settled(index)]

    def __setitem__(self, index: Any, new: Any) -> None:
        settled(self)[settled(index)] = new

    def __len__(self) -> int:
        return len(settled(self))

    def __iter__(self) -> Any:
        return iter(settled(self))

    def __bool__(self) -> bool:
        return bool(settled(self))

    def __float__(self) -> float:
        return float(settled(self))

    def __repr__(self) -> str:
        return repr(settled(self))


def settled(value: Any) -> Any:
    """The traced array that the result of `data.dot(x)` is; anything else as it is."""
    if type(value) is not Products:
        return value
    joined = object.__getattribute__(value, "joined")
    if joined is None:
        bare = np.ndarray.view(value, np.ndarray)
        joined = np.stack(list(bare.flat)).reshape(bare.shape)
        object.__setattr__(value, "joined", joined)
    return joined


def _inside(value: Any) -> Any:
    return type(value)(map(_inside, value)) if type(value) in (list, tuple) else settled(value)


def factors(array: Any) -> Any:
    """A traced array as what `data.dot` multiplies by its numbers. Raises Refusal where there are too many."""
    if array.size > MOST_FACTORS:
        raise Refusal("the method .dot of an array that is data, with so many numbers", array.recorder.place(), "write `a @ b` or np.dot(a, b)", array.recorder.forward())
    found = np.empty(array.shape, dtype=object)
    columns: dict[tuple[int, ...], Any] = {}
    for index in np.ndindex(*array.shape):
        other = index[:-2] + index[-1:] if array.ndim > 1 else ()
        if other not in columns:
            columns[other] = array[(*other[:-1], slice(None), *other[-1:])]
        found[index] = Factor(columns[other])
    return found.view(Products)


__all__ = ["Products", "factors", "settled"]
