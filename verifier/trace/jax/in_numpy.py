"""A jaxpr evaluated by NumPy: near what JAX gives, and without its compiler, which takes longer for one operation of a new shape than NumPy for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

NumpyOperation: TypeAlias = Callable[..., Any]  # (operands..., parameters of the primitive) -> the result

ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in "exp log log1p expm1 sin cos tan tanh sinh cosh sqrt cbrt square sign floor ceil abs exp2".split()},
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "max": np.maximum, "min": np.minimum, "pow": np.power, "atan2": np.arctan2, "atan": np.arctan, "asin": np.arcsin, "acos": np.arccos,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "and": np.bitwise_and, "or": np.bitwise_or, "not": np.invert, "xor": np.bitwise_xor,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "is_finite": np.isfinite,
}


def _div(a: Any, b: Any) -> Any:
    return np.divide(a, b) if np.issubdtype(a.dtype, np.inexact) else np.trunc(np.divide(a, b))


def _broadcast(a: Any, *_: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int], **__: Any) -> Any:
    form = [1] * len(shape)
    for length, axis in zip(a.shape, broadcast_dimensions, strict=True):
        form[axis] = length
    return np.broadcast_to(a.reshape(form), shape)


def _dot(a: Any, b: Any, *, dimension_numbers: Any, **_: Any) -> Any:
    """A product over the axes that are contracted; those of a batch come first in the result, then those that are left of either."""
    (left, right), (of_a, of_b) = dimension_numbers
    free_a, free_b = ([k for k in range(x.ndim) if k not in (*used, *batch)] for x, used, batch in ((a, left, of_a), (b, right, of_b)))
    shape = [a.shape[k] for k in of_a]
    summed, count = math.prod(a.shape[k] for k in left), math.prod(shape)
    first = a.transpose(*of_a, *free_a, *left).reshape(count, -1, summed)
    second = b.transpose(*of_b, *right, *free_b).reshape(count, summed, -1)
    return (first @ second).reshape([*shape, *(a.shape[k] for k in free_a), *(b.shape[k] for k in free_b)])


def _select(which: Any, *cases: Any, **_: Any) -> Any:
    return np.where(which, cases[1], cases[0]) if len(cases) == 2 and which.dtype == np.bool_ else np.choose(which, cases)


def _cumulative(function: Callable[..., Any]) -> NumpyOperation:
    def run(a: Any, *, axis: int, reverse: bool, **_: Any) -> Any:
        return np.flip(function(np.flip(a, axis), axis), axis) if reverse else function(a, axis)

    return run


def _reduced(function: Callable[..., Any]) -> NumpyOperation:
    return lambda a, *, axes, **_: function(a, axis=tuple(axes))


MOVES: Mapping[str, NumpyOperation] = {
    "div": lambda a, b, **_: _div(a, b),
    "integer_pow": lambda a, *, y, **_: a**y if y >= 0 else 1 / a**-y,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda a, *_, new_sizes, **__: a.reshape(new_sizes),
    "transpose": lambda a, *, permutation, **_: a.transpose(permutation),
    "squeeze": lambda a, *, dimensions, **_: a.squeeze(tuple(dimensions)),
    "expand_dims": lambda a, *, dimensions, **_: np.expand_dims(a, tuple(dimensions)),
    "rev": lambda a, *, dimensions, **_: np.flip(a, tuple(dimensions)),
    "concatenate": lambda *parts, dimension, **_: np.concatenate(parts, dimension),
    "slice": lambda a, *, start_indices, limit_indices, strides, **_: a[tuple(map(slice, start_indices, limit_indices, strides or (1,) * a.ndim))],
    "split": lambda a, *, sizes, axis, **_: np.split(a, np.cumsum(sizes)[:-1], axis),
    "convert_element_type": lambda a, *, new_dtype, **_: a.astype(new_dtype),
    "iota": lambda *_, dtype, shape, dimension, **__: _broadcast(np.arange(shape[dimension], dtype=dtype), shape=shape, broadcast_dimensions=(dimension,)),
    "dot_general": _dot,
    "select_n": _select,
    "reduce_sum": _reduced(np.sum),
    "reduce_max": _reduced(np.max),
    "reduce_min": _reduced(np.min),
    "reduce_prod": _reduced(np.prod),
    "cumsum": _cumulative(np.cumsum),
    "cumprod": _cumulative(np.cumprod),
    **dict.fromkeys(("stop_gradient", "copy", "copy_p", "name", "optimization_barrier"), lambda a, **_: a),
}  # fmt: skip
PLAIN = frozenset(map(np.dtype, ("float64", "float32", "int64", "int32", "uint32", "bool")))  # the types that NumPy computes with as JAX does
CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # the parameters in which a primitive holds the jaxpr that it calls
CALLED = frozenset(("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call"))


def evaluated(jaxpr: Any, consts: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """The results of a jaxpr for these arrays. Primitives that are not in the tables are run by JAX."""
    env: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *operands), strict=True))
    with np.errstate(all="ignore"):
        for eqn in jaxpr.eqns:
            given = [v.val if hasattr(v, "val") else env[v] for v in eqn.invars]
            found = _of(eqn, given)
            env.update(zip(eqn.outvars, found, strict=True))
    return [v.val if hasattr(v, "val") else env[v] for v in jaxpr.outvars]


def _of(eqn: Any, given: Sequence[Any]) -> list[Any]:
    """The results of an equation."""
    name = eqn.primitive.name
    inner = next((eqn.params[p] for p in CALLS if name in CALLED and p in eqn.params), None)
    if inner is not None:
        return evaluated(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), given)
    kinds = [v.aval for v in eqn.outvars]
    if (name in ELEMENTWISE or name in MOVES) and all(getattr(k, "dtype", None) in PLAIN for k in kinds):
        arrays = [np.asarray(v) for v in given]
        found = ELEMENTWISE[name](*arrays) if name in ELEMENTWISE else MOVES[name](*arrays, **eqn.params)
        return [np.asarray(f, dtype=k.dtype) for f, k in zip(found if eqn.primitive.multiple_results else [found], kinds, strict=True)]
    found = eqn.primitive.bind(*given, **eqn.primitive.get_bind_params(eqn.params) if hasattr(eqn.primitive, "get_bind_params") else eqn.params)
    return list(found) if eqn.primitive.multiple_results else [found]


__all__ = ["evaluated"]
