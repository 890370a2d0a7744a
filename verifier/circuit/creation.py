"""Words that make new arrays, and those that pick elements by value, which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import ArrayError
from verifier.circuit.values import WHOLES, Known, Value, array, wholes
from verifier.circuit.words import Word, integer, shape_of, word

if TYPE_CHECKING:
    from verifier.circuit.program import Builder


def _filled(text: str) -> Word:
    def fill(b: Builder, *shape: Value, size: Value | None = None) -> Value:
        given = (size,) if size is not None else shape
        return arrays.full(shape_of(b, *given), arrays.literal(b, text))

    return fill


def _filled_like(text: str) -> Word:
    def fill(b: Builder, a: Value) -> Value:
        return arrays.full(array(b, a).shape, arrays.literal(b, text))

    return fill


for _names, _text in ((("zeros", "empty"), "0"), (("ones",), "1")):
    word(*_names, method=False)(_filled(_text))
    word(*(f"{n}_like" for n in _names), *(f"new_{n}" for n in _names), method=False)(_filled_like(_text))


@word("full", method=False)
def _full(b: Builder, shape: Value, fill_value: Value) -> Value:
    return arrays.full(shape_of(b, shape), int(array(b, fill_value)))


@word("full_like", method=False)
def _full_like(b: Builder, a: Value, fill_value: Value) -> Value:
    return arrays.full(array(b, a).shape, int(array(b, fill_value)))


@word("arange", method=False)
def _arange(b: Builder, *ends: Value) -> Value:
    numbers = [integer(b, v, "an end of 'arange'") for v in ends]
    rounds = range(*numbers)
    if len(rounds) > arrays.MAX_ELEMENTS:
        raise ArrayError(f"'arange' makes more than {arrays.MAX_ELEMENTS} elements")
    return Known(np.arange(rounds.start, rounds.stop, rounds.step, dtype=np.int64))


@word("eye", "identity", method=False)
def _eye(b: Builder, n: Value, m: Value | None = None) -> Value:
    shape = shape_of(b, n, n if m is None else m)
    return arrays.numbers(b, np.eye(*shape, dtype=np.int64))


@word("one_hot", method=False)
def _one_hot(b: Builder, a: Value, num_classes: Value) -> Value:
    labels = wholes(b, a)
    if labels is None:
        raise ArrayError(f"the labels of 'one_hot' must be {WHOLES}")
    return Known((labels[..., None] == np.arange(integer(b, num_classes, "a number of classes"))).astype(np.int64))


@word("argmax", "argmin", "argsort", "torch.sort", "topk", "searchsorted", "unique", "nonzero", "median", "quantile", "percentile")
def _by_value(*_: Value, **__: Value) -> Value:
    raise ArrayError("which element this picks depends on the values of the inputs; give the indices as whole numbers under 'parameters', or write max or where")


@word("any", "all", "count_nonzero", "isnan", "isfinite", "allclose", "isclose", "array_equal")
def _tests(*_: Value, **__: Value) -> Value:
    raise ArrayError("a test of values is not part of a program: remove it, or write where(condition, a, b)")
