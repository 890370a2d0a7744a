"""The primitives of JAX that move components, sort them, or scatter them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Context, JaxArray, moved, row

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

DATA = {  # primitive -> how many operands are moved (None: all); the others are indices
    "broadcast_in_dim": 1, "reshape": 1, "transpose": 1, "squeeze": 1, "expand_dims": 1, "slice": 1, "rev": 1, "split": 1, "dynamic_slice": 1, "dynamic_update_slice": 2,
    "concatenate": None, "pad": None, "stack": None, "tile": 1, "unstack": 1,
}  # fmt: skip
SCATTERS = {"scatter-add": "add", "scatter_add": "add", "scatter-sub": "sub", "scatter_sub": "sub", "scatter-mul": "mul", "scatter_mul": "mul", "scatter-min": "minimum", "scatter_min": "minimum", "scatter-max": "maximum", "scatter_max": "maximum"}


@row(*DATA)
def _move(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Any:
    count = DATA[eqn.primitive.name]
    data = operands if count is None else operands[:count]
    rest = [c.frozen(v) for v in operands[len(data) :]]
    return moved(eqn.primitive, [c.steps(v) for v in data], rest, **eqn.params)


@row("gather")
def _gather(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    found: Array = moved(eqn.primitive, [c.steps(operands[0])], [c.frozen(operands[1])], **{**eqn.params, "fill_value": -1})
    if (found < 0).any():  # an index out of bounds
        fill = eqn.params.get("fill_value")
        found[found < 0] = c.recorder.number(float("nan") if fill is None else float(fill))
    return found


@row("scatter")
def _scatter(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    operand, indices, updates = operands
    base, new = c.steps(operand).copy().reshape(-1), c.steps(updates).ravel()
    for at, step in zip(_destinations(c, eqn, operands, c.frozen(indices)), new.tolist(), strict=True):
        if at >= 0:
            base[at] = step
    return base.reshape(operand.array.shape)


@row(*SCATTERS)
def _scatter_by(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    """One update after the other."""
    operand, indices, updates = operands
    gate = SCATTERS[eqn.primitive.name]
    base, new = c.steps(operand).copy().reshape(-1), arrays.as_numbers(c.builder, c.steps(updates)).ravel()
    for at, step in zip(_destinations(c, eqn, operands, c.frozen(indices)), new.tolist(), strict=True):
        if at >= 0:
            (base[at],) = c.builder.append_all(gate, [(int(base[at]), step)], 1)
    return base.reshape(operand.array.shape)


def _destinations(c: Context, eqn: JaxprEqn, operands: list[JaxArray], indices: Any) -> list[int]:
    """Where each component of the updates goes in the flat operand; -1 where it is dropped. It is the gradient of a scatter that adds."""
    shape = operands[0].array.shape
    size = int(np.prod(shape, dtype=np.int64))
    if size >= 2**24:
        raise c.refusal(f"a scatter into {size} elements")
    params = {k: eqn.params[k] for k in ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")}

    def added(updates: Any) -> Any:
        return lax.scatter_add(jnp.zeros(shape, jnp.float32), indices, updates, params["dimension_numbers"], indices_are_sorted=False, unique_indices=False, mode=params["mode"])

    _, pull = jax.vjp(added, jnp.zeros(operands[2].array.shape, jnp.float32))
    (found,) = pull((jnp.arange(size, dtype=jnp.float32) + 1).reshape(shape))
    return [round(v) - 1 for v in np.asarray(found).ravel().tolist()]


@row("sort")
def _sort(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any]:
    """The order is that of the point."""
    axis, keys = eqn.params["dimension"], eqn.params["num_keys"]
    shape = operands[0].array.shape
    order = np.broadcast_to(np.arange(shape[axis]).reshape([-1 if n == axis else 1 for n in range(len(shape))]), shape)
    found = lax.sort([*(v.array for v in operands), jnp.asarray(order)], dimension=axis, is_stable=True, num_keys=keys)
    places = np.asarray(found[-1])
    results = [JaxArray(f) if v.steps is None else JaxArray(f, np.take_along_axis(v.steps, places, axis)) for v, f in zip(operands, found, strict=False)]
    if results[0].steps is not None:
        for line in np.moveaxis(results[0].steps, axis, -1).reshape(-1, shape[axis]).tolist():
            ordered(c, line)
    return results


def ordered(c: Context, line: list[int]) -> None:
    """Each of these steps is at most the next one: a condition of the path."""
    for a, b in pairwise(line):
        if a != b:
            c.recorder.branch(int(c.apply("le", np.array(a), np.array(b))), holds=True)


@row("top_k")
def _top_k(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[JaxArray]:
    values, indices = eqn.primitive.bind(operands[0].array, **eqn.params)
    axis = eqn.params.get("axis", -1)
    steps = np.take_along_axis(c.steps(operands[0]), np.asarray(indices), axis)
    everything = np.argsort(-np.asarray(operands[0].array, dtype=np.float64), axis=axis, kind="stable")
    lines = np.moveaxis(np.take_along_axis(c.steps(operands[0]), everything, axis), axis, -1)
    for line in lines.reshape(-1, lines.shape[-1]).tolist():
        ordered(c, line[::-1])
    return [JaxArray(values, steps), JaxArray(indices)]


@row("argmax", "argmin")
def _argmax(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> JaxArray:
    """The place is that of the point."""
    found = eqn.primitive.bind(operands[0].array, **eqn.params)
    (axis,) = eqn.params["axes"]
    steps = np.moveaxis(c.steps(operands[0]), axis, -1)
    gate = "ge" if eqn.primitive.name == "argmax" else "le"
    for line, best in zip(steps.reshape(-1, steps.shape[-1]).tolist(), np.asarray(found).ravel().tolist(), strict=True):
        for other in line:
            if other != line[best]:
                c.recorder.branch(int(c.apply(gate, np.array(line[best]), np.array(other))), holds=True)
    return JaxArray(found)
