"""The primitives of JAX that reduce, accumulate, multiply matrices, convolve and look through windows."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Context, JaxArray, row

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn, Var

FOLDS = {"reduce_sum": ("add", "0"), "reduce_prod": ("mul", "1"), "reduce_max": ("maximum", None), "reduce_min": ("minimum", None)}
CUMULATIVE = {"cumsum": "add", "cumprod": "mul", "cummax": "maximum", "cummin": "minimum", "cumlogsumexp": "logaddexp"}
WINDOWS = {"reduce_window_sum": "add", "reduce_window_max": "maximum", "reduce_window_min": "minimum"}


@row(*FOLDS)
def _fold(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    gate, empty = FOLDS[eqn.primitive.name]
    return arrays.fold(c.builder, gate, c.steps(operands[0]), tuple(eqn.params["axes"]), empty=empty)


@row("reduce_and", "reduce_or")
def _logic(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    axes = tuple(eqn.params["axes"])
    steps = arrays.as_truths(c.builder, c.steps(operands[0]))
    kept = [n for n in range(steps.ndim) if n not in axes]
    rows = steps.transpose(*kept, *axes).reshape(*(steps.shape[n] for n in kept), -1)
    total = rows[..., 0]
    for k in range(1, rows.shape[-1]):
        total = c.apply("and" if eqn.primitive.name == "reduce_and" else "or", total, rows[..., k])
    return total


@row(*CUMULATIVE)
def _cumulative(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    axis, steps = eqn.params["axis"], c.steps(operands[0])
    turned = np.flip(steps, axis) if eqn.params["reverse"] else steps
    found = arrays.cumulative(c.builder, CUMULATIVE[eqn.primitive.name], turned, axis)
    return np.flip(found, axis) if eqn.params["reverse"] else found


@row("dot_general")
def _dot_general(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    (summed_left, summed_right), (stacked_left, stacked_right) = eqn.params["dimension_numbers"]
    left, right = (c.steps(v) for v in operands)
    kept_left = [n for n in range(left.ndim) if n not in (*summed_left, *stacked_left)]
    kept_right = [n for n in range(right.ndim) if n not in (*summed_right, *stacked_right)]
    stack = tuple(left.shape[n] for n in stacked_left)
    inner = int(np.prod([left.shape[n] for n in summed_left], dtype=np.int64))
    first = left.transpose(*stacked_left, *kept_left, *summed_left).reshape(*stack, -1, inner) if inner else None
    second = right.transpose(*stacked_right, *summed_right, *kept_right).reshape(*stack, inner, -1) if inner else None
    shape = (*stack, *(left.shape[n] for n in kept_left), *(right.shape[n] for n in kept_right))
    if first is None or second is None:
        return arrays.full(shape, int(c.number("0")))
    return arrays.matmul(c.builder, first, second).reshape(shape)


def _spread(steps: Array, axes: tuple[int, ...], dilation: Any, padding: Any, filler: int) -> Array:
    """An array with `filler` between its components and around it, along some axes."""
    for axis, apart, (before, after) in zip(axes, dilation, padding, strict=True):
        length = steps.shape[axis]
        wide = max(0, (length - 1) * apart + 1)
        found = np.full((*steps.shape[:axis], max(0, before) + wide + max(0, after), *steps.shape[axis + 1 :]), filler, dtype=np.int64)
        view = np.moveaxis(found, axis, 0)
        view[max(0, before) : max(0, before) + wide : apart] = np.moveaxis(steps, axis, 0)
        view = view[-before if before < 0 else 0 : len(view) + after if after < 0 else len(view)]
        steps = np.moveaxis(view, 0, axis)
    return steps


@row("conv_general_dilated")
def _convolution(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    p, numbers = eqn.params, eqn.params["dimension_numbers"]
    left = arrays.as_numbers(c.builder, c.steps(operands[0])).transpose(*numbers.lhs_spec)  # batch, feature, space
    right = arrays.as_numbers(c.builder, c.steps(operands[1])).transpose(*numbers.rhs_spec)  # out feature, in feature, space
    space = tuple(range(2, left.ndim))
    left = _spread(left, space, p["lhs_dilation"], p["padding"], -1)
    right = _spread(right, space, p["rhs_dilation"], [(0, 0)] * len(space), -1)
    sizes = tuple((left.shape[a] - right.shape[a]) // s + 1 for a, s in zip(space, p["window_strides"], strict=True))
    features, batches = p["feature_group_count"], p["batch_group_count"]
    rows, outs, each = left.shape[0] // batches, right.shape[0], right.shape[1]
    found = np.empty((rows, outs, *sizes), dtype=np.int64)
    zero = int(c.number("0"))
    for out in range(outs):
        kernel = right[out].ravel().tolist()
        for n, at in product(range(rows), product(*(range(s) for s in sizes))):
            batch = n + rows * (out * batches // outs)
            first = each * (out * features // outs)
            window = tuple(slice(i * s, i * s + right.shape[a]) for i, s, a in zip(at, p["window_strides"], space, strict=True))
            patch = left[(batch, slice(first, first + each), *window)].ravel().tolist()
            pairs = [(a, b) for a, b in zip(patch, kernel, strict=True) if a >= 0 and b >= 0]
            terms = np.array(list(c.builder.append_all("mul", pairs, len(pairs))), dtype=np.int64)
            found[(n, out, *at)] = int(arrays.total(c.builder, terms)) if pairs else zero
    return found.transpose(*np.argsort(numbers.out_spec))


def _windows(shape: Array, p: Any) -> list[list[int]]:
    """The steps that each window sees, in C order of the windows."""
    axes = tuple(range(shape.ndim))
    ones = (1,) * shape.ndim
    wide = _spread(shape, axes, p.get("base_dilation") or ones, p["padding"], -1)
    apart = p.get("window_dilation") or ones
    lengths = p["window_dimensions"]
    sizes = [(wide.shape[a] - ((lengths[a] - 1) * apart[a] + 1)) // p["window_strides"][a] + 1 for a in axes]
    found = []
    for at in product(*(range(s) for s in sizes)):
        window = tuple(slice(i * s, i * s + (n - 1) * d + 1, d) for i, s, n, d in zip(at, p["window_strides"], lengths, apart, strict=True))
        found.append([v for v in wide[window].ravel().tolist() if v >= 0])
    return found


@row(*WINDOWS)
def _window(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    return _reduced_windows(c, eqn, WINDOWS[eqn.primitive.name], c.steps(operands[0]))


def _reduced_windows(c: Context, eqn: JaxprEqn, gate: str, steps: Array) -> Array:
    found = []
    for seen in _windows(steps, eqn.params):
        if not seen:
            found.append(int(c.number("0")) if gate == "add" else c.recorder.number(float("-inf") if gate == "maximum" else float("inf")))
            continue
        found.append(int(arrays.fold(c.builder, gate, np.array(seen, dtype=np.int64))))
    return np.array(found, dtype=np.int64).reshape(shape_of(eqn.outvars[0]))


@row("reduce_window")
def _general_window(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Array]:
    names = [e.primitive.name for e in eqn.params["jaxpr"].eqns]
    gates = {"add": "add", "max": "maximum", "min": "minimum", "mul": "mul"}
    if len(names) != 1 or names[0] not in gates or len(operands) != 2:
        raise c.refusal(f"a window that is reduced by {', '.join(names)}")
    return [_reduced_windows(c, eqn, gates[names[0]], c.steps(operands[0]))]


def _chosen(c: Context, eqn: JaxprEqn, steps: Array, array: Any) -> list[int]:
    """The component of each window that is the largest (or smallest) at the point, as its place in the flat operand."""
    gate = "ge" if "ge" in str(eqn.params["select_prim"]) else "le"
    values, flat = np.asarray(array).ravel().astype(np.float64), steps.ravel()
    found = []
    for seen in _windows(np.arange(steps.size).reshape(steps.shape), eqn.params):
        if not seen:
            found.append(-1)
            continue
        best = max(seen, key=lambda k: values[k]) if gate == "ge" else min(seen, key=lambda k: values[k])
        for other in seen:
            if flat[other] != flat[best]:
                c.recorder.branch(int(c.apply(gate, np.array(flat[best]), np.array(flat[other]))), holds=True)
        found.append(best)
    return found


@row("select_and_scatter_add")
def _select_and_scatter(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    source, operand = operands
    places = _chosen(c, eqn, c.steps(operand), operand.array)
    base = arrays.full(operand.array.shape, int(c.number("0"))).ravel()
    first = set()
    for at, step in zip(places, c.steps(source).ravel().tolist(), strict=True):
        if at < 0:
            continue
        base[at] = step if at not in first else int(c.apply("add", np.array(base[at]), np.array(step)))
        first.add(at)
    return base.reshape(operand.array.shape)


@row("select_and_gather_add")
def _select_and_gather(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    tangents, operand = operands
    flat = c.steps(tangents).ravel()
    zero = int(c.number("0"))
    found = [int(flat[at]) if at >= 0 else zero for at in _chosen(c, eqn, c.steps(operand), operand.array)]
    return np.array(found, dtype=np.int64).reshape(shape_of(eqn.outvars[0]))


def shape_of(variable: Var) -> tuple[int, ...]:
    """The shape of a variable of a jaxpr, which is an array."""
    kind: Any = variable.aval
    return tuple(kind.shape)
