"""Words that compute: sums, means, extremes, norms, softmax, products of matrices."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import ArrayError
from verifier.circuit.values import Known, Value, array, whole, wholes
from verifier.circuit.words import NONE, Word, axis_of, integer, word

if TYPE_CHECKING:
    from verifier.circuit.program import Builder


# ---------------------------------------------------------------- reductions


@word("sum")
def _sum(b: Builder, a: Value, axis: Value = NONE, keepdims: Value = NONE) -> Value:
    return arrays.total(b, array(b, a), axis_of(b, axis), keepdims=bool(whole(b, keepdims)))


@word("mean", "average")
def _mean(b: Builder, a: Value, axis: Value = NONE, keepdims: Value = NONE) -> Value:
    return arrays.mean(b, array(b, a), axis_of(b, axis), keepdims=bool(whole(b, keepdims)))


@word("var")
def _var(b: Builder, a: Value, axis: Value = NONE, ddof: Value = NONE, keepdims: Value = NONE, unbiased: Value | None = None, correction: Value | None = None) -> Value:
    less = whole(b, ddof if correction is None else correction) or 0
    if unbiased is not None:
        less = int(bool(whole(b, unbiased)))
    return arrays.var(b, array(b, a), axis_of(b, axis), ddof=less, keepdims=bool(whole(b, keepdims)))


@word("std")
def _std(b: Builder, a: Value, axis: Value = NONE, **others: Value) -> Value:
    return arrays.elementwise(b, "sqrt", array(b, _var(b, a, axis, **others)))


def _extreme(gate: str) -> Word:
    def reduce(b: Builder, a: Value, axis: Value = NONE, keepdims: Value = NONE) -> Value:
        known = wholes(b, a) if isinstance(a, Known) else None
        if known is not None:
            function = np.max if gate == "maximum" else np.min
            return Known(function(known, axis=axis_of(b, axis), keepdims=bool(whole(b, keepdims))))
        return arrays.fold(b, gate, array(b, a), axis_of(b, axis), keepdims=bool(whole(b, keepdims)))

    return reduce


for _name, _gate in (("max", "maximum"), ("amax", "maximum"), ("min", "minimum"), ("amin", "minimum")):
    word(_name)(_extreme(_gate))


@word("prod")
def _prod(b: Builder, a: Value, axis: Value = NONE, keepdims: Value = NONE) -> Value:
    if isinstance(a, tuple) and all(isinstance(v, Known) for v in a):  # np.prod(x.shape[1:])
        return Known(prod(integer(b, v, "a length") for v in a))
    return arrays.fold(b, "mul", array(b, a), axis_of(b, axis), keepdims=bool(whole(b, keepdims)), empty="1")


@word("cumsum")
def _cumsum(b: Builder, a: Value, axis: Value = NONE) -> Value:
    return arrays.cumulative(b, "add", array(b, a), axis_of(b, axis))  # type: ignore[arg-type]


@word("cumprod")
def _cumprod(b: Builder, a: Value, axis: Value = NONE) -> Value:
    return arrays.cumulative(b, "mul", array(b, a), axis_of(b, axis))  # type: ignore[arg-type]


@word("norm")
def _norm(b: Builder, a: Value, ord: Value = NONE, axis: Value = NONE, keepdims: Value = NONE, p: Value | None = None) -> Value:  # noqa: A002
    wanted = ord if p is None else p
    order = wanted.value if isinstance(wanted, Known) and isinstance(wanted.value, str) else whole(b, wanted)
    return arrays.norm(b, array(b, a), order, axis_of(b, axis), keepdims=bool(whole(b, keepdims)))


@word("trace")
def _trace(b: Builder, a: Value) -> Value:
    return arrays.total(b, np.diagonal(array(b, a)), -1)


@word("softmax")
def _softmax(b: Builder, a: Value, axis: Value | None = None) -> Value:
    return arrays.softmax(b, array(b, a), -1 if axis is None else axis_of(b, axis))


@word("log_softmax")
def _log_softmax(b: Builder, a: Value, axis: Value | None = None) -> Value:
    return arrays.log_softmax(b, array(b, a), -1 if axis is None else axis_of(b, axis))


@word("logsumexp")
def _logsumexp(b: Builder, a: Value, axis: Value = NONE, keepdims: Value = NONE) -> Value:
    return arrays.logsumexp(b, array(b, a), axis_of(b, axis), keepdims=bool(whole(b, keepdims)))


# ---------------------------------------------------------------- products


@word("dot", "inner", "vdot")
def _dot(b: Builder, a: Value, other: Value) -> Value:
    return arrays.dot(b, array(b, a), array(b, other))


@word("matmul", "mm", "bmm", "mv")
def _matmul(b: Builder, a: Value, other: Value) -> Value:
    return arrays.matmul(b, array(b, a), array(b, other), name="matmul")


@word("outer", "ger")
def _outer(b: Builder, a: Value, other: Value) -> Value:
    return arrays.elementwise(b, "mul", array(b, a).reshape(-1, 1), array(b, other).reshape(1, -1))


@word("einsum", method=False)
def _einsum(b: Builder, subscripts: Value, *operands: Value) -> Value:
    if not (isinstance(subscripts, Known) and isinstance(subscripts.value, str)):
        raise ArrayError("einsum begins with its letters, as in einsum('ij,jk->ik', a, b)")
    return arrays.einsum(b, subscripts.value, *(array(b, o) for o in operands))


@word("tensordot", method=False)
def _tensordot(b: Builder, a: Value, other: Value, axes: Value | None = None) -> Value:
    pairs: Any = 2
    if isinstance(axes, tuple | list):
        pairs = tuple(n if isinstance(n := axis_of(b, v), tuple) else (n,) for v in axes)
    elif axes is not None:
        pairs = integer(b, axes, "'axes'")
    return arrays.tensordot(b, array(b, a), array(b, other), pairs)
