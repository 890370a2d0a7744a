"""NumPy's ufuncs on traced arrays: on every component, reduced, accumulated, written at indices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.language.gates import GATES, LOGIC, canonical
from verifier.trace.numpy import ADVICE, UFUNC_METHODS, Traced, axis_of, bare, lift, plain_index, wrap, written_argument
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

UFUNCS = {  # those whose name is not that of a gate
    "divide": "div", "true_divide": "div", "subtract": "sub", "multiply": "mul", "add": "add", "power": "pow", "float_power": "pow", "negative": "neg",
    "absolute": "abs", "fabs": "abs", "bitwise_and": "and", "bitwise_or": "or", "invert": "not", "fmax": "maximum", "fmin": "minimum", "psi": "digamma",
}  # fmt: skip
FOLDS = {"add": "0", "multiply": "1", "maximum": None, "minimum": None, "logical_and": None, "logical_or": None, "logaddexp": None, "logaddexp2": None, "hypot": None}


def gate_of(r: Recorder, ufunc: Any) -> str:
    """The gate that a ufunc of NumPy or SciPy is. Raises Refusal."""
    name = ufunc.__name__
    gate = UFUNCS.get(name) or canonical(name)
    if gate is None or len(GATES[gate].parameters) < ufunc.nin:
        raise Refusal(f"the function {name} has no counterpart in the language", r.place(), ADVICE, r.forward())
    return gate


def elementwise(r: Recorder, ufunc: Any, *given: Any, dtype: Any = None, **_: object) -> Any:
    """A ufunc on every component."""
    name = ufunc.__name__
    operands = [lift(r, o) if isinstance(o, list | tuple) else o for o in given]
    value = ufunc(*(bare(o) for o in operands), **({} if dtype is None else {"dtype": dtype}))
    b = r.builder
    if name == "matmul":
        left, right = (lift(r, o) for o in operands)
        return wrap(r, arrays.matmul(b, left.steps, right.steps), value, "np.matmul")
    if name in ("isnan", "isinf", "isfinite"):
        return value
    parts = [lift(r, o) for o in operands]
    if name in ("positive", "conjugate"):
        return wrap(r, parts[0].steps, value, f"np.{name}")
    if name in ("bitwise_and", "bitwise_or", "invert") and value.dtype != bool:
        raise Refusal(f"np.{name} of whole numbers", r.place(), ADVICE, r.forward())
    if name in ("equal", "not_equal") and any(p.value.dtype == bool for p in parts):
        parts = [Traced(arrays.as_numbers(b, p.steps), p.value, r) for p in parts]
    if name in ("floor_divide", "divmod"):
        if name == "divmod":
            raise Refusal("divmod", r.place(), ADVICE, r.forward())
        quotient = arrays.elementwise(b, "div", parts[0].steps, parts[1].steps)
        return wrap(r, arrays.elementwise(b, "floor", quotient), value, "np.floor_divide")
    return wrap(r, arrays.elementwise(b, gate_of(r, ufunc), *(p.steps for p in parts), shown=name), value, f"np.{name}")


def reduced(r: Recorder, ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, initial: Any = None, **_: object) -> Any:
    """`ufunc.reduce`."""
    name = ufunc.__name__
    if name not in FOLDS or (initial is not None and initial is not np._NoValue):  # noqa: SLF001 - NumPy's own mark
        raise Refusal(f"np.{name}.reduce", r.place(), ADVICE, r.forward())
    part = lift(r, array)
    value = ufunc.reduce(part.value, axis=axis, dtype=dtype, keepdims=keepdims)
    steps = part.steps
    gate = "and" if name == "logical_and" else "or" if name == "logical_or" else UFUNCS.get(name) or name
    if gate in LOGIC:
        return _logic(r, gate, arrays.as_truths(r.builder, steps), axis, value, keepdims=keepdims)
    return wrap(r, arrays.fold(r.builder, gate, steps, axis_of(axis), keepdims=keepdims, empty=FOLDS[name]), value, f"np.{name}.reduce")


def _logic(r: Recorder, gate: str, steps: Array, axis: Any, value: Any, *, keepdims: bool) -> Traced:
    """`any` and `all`: the fold of truth values."""
    axes = arrays.axes_of(steps, axis_of(axis))
    kept = [n for n in range(steps.ndim) if n not in axes]
    shape = tuple(steps.shape[n] for n in kept)
    rows = steps.transpose(*kept, *axes).reshape(int(np.prod(shape, dtype=np.int64)), -1)
    total = rows[:, 0]
    for k in range(1, rows.shape[1]):
        total = arrays.elementwise(r.builder, gate, total, rows[:, k])
    found = total.reshape(shape)
    return wrap(r, np.expand_dims(found, tuple(sorted(axes))) if keepdims else found, value)


def reduced_between(r: Recorder, ufunc: Any, array: Any, indices: Any, axis: int = 0, **_: object) -> Traced:
    """`ufunc.reduceat`: from each index to the next one; where that is not greater, the component alone."""
    part: Any = lift(r, array)
    starts = [operator.index(i) for i in plain_index(indices)]
    rows = np.moveaxis(part, axis, 0)
    ends = [*starts[1:], len(rows)]
    found: Any = np.stack([reduced(r, ufunc, rows[i : max(j, i + 1)], axis=0) for i, j in zip(starts, ends, strict=True)])
    return np.moveaxis(found, 0, axis)  # type: ignore[no-any-return]


def accumulated(r: Recorder, ufunc: Any, array: Any, axis: int = 0, **_: object) -> Traced:
    """`ufunc.accumulate`."""
    part = lift(r, array)
    gate = UFUNCS.get(ufunc.__name__) or ufunc.__name__
    return wrap(r, arrays.cumulative(r.builder, gate, part.steps, axis), ufunc.accumulate(part.value, axis=axis), f"np.{ufunc.__name__}.accumulate")


def written_at(r: Recorder, ufunc: Any, target: Any, index: Any, new: Any) -> None:
    """`ufunc.at`: one after the other."""
    if ufunc.__name__ not in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
        raise Refusal(f"np.{ufunc.__name__}.at", r.place(), ADVICE, r.forward())
    gate = UFUNCS.get(ufunc.__name__) or ufunc.__name__
    target = written_argument(r, target)
    other, index = lift(r, new), plain_index(index)
    grid = np.arange(target.size).reshape(target.shape)[index]
    steps, values = target.steps.copy().reshape(-1), arrays.as_numbers(r.builder, np.broadcast_to(other.steps, grid.shape))
    for at, step in zip(grid.ravel().tolist(), values.ravel().tolist(), strict=True):
        (steps[at],) = r.builder.append_all(gate, [(int(steps[at]), step)], 1)
    target.steps[...] = steps.reshape(target.shape)
    ufunc.at(target.value, index, other.value)
    r.done(target.steps, target.value, f"np.{ufunc.__name__}.at")


def outer(r: Recorder, ufunc: Any, left: Any, right: Any, **keywords: Any) -> Any:
    """`ufunc.outer`."""
    a, b = lift(r, left), lift(r, right)
    return elementwise(r, ufunc, a.reshape(a.shape + (1,) * b.ndim), b, **keywords)


UFUNC_METHODS.update({"__call__": elementwise, "reduce": reduced, "accumulate": accumulated, "reduceat": reduced_between, "outer": outer, "at": written_at})
