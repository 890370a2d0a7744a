"""Words that only move elements: transposes, shapes, parts, copies, and several arrays joined or split."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import ArrayError
from verifier.circuit.values import WHOLES, Known, Value, array, is_array, is_wholes, wholes
from verifier.circuit.words import NONE, axis_of, integer, moved, shape_of, word

if TYPE_CHECKING:
    from verifier.circuit.arrays import Array
    from verifier.circuit.program import Builder


# ---------------------------------------------------------------- what moves elements only


@word("transpose", "permute", "permute_dims")
def _transpose(b: Builder, a: Value, *axes: Value, axis: Value | None = None, **others: Value) -> Value:
    given = axes or tuple(v for v in (axis, *others.values()) if v is not None)
    if not given or (isinstance(given[0], Known) and given[0].value is None):
        return moved(b, a, lambda x: x.T, "transpose")
    order = shape_of(b, *given)

    def move(x: Array) -> Array:
        return x.swapaxes(*order) if len(order) == 2 and x.ndim > 2 else x.transpose(order)  # torch's transpose swaps two axes

    return moved(b, a, move, "transpose")


@word("reshape", "view")
def _reshape(b: Builder, a: Value, *shape: Value, newshape: Value | None = None) -> Value:
    if newshape is not None:
        shape = (newshape,)
    wanted = shape_of(b, *shape)

    def move(x: Array) -> Array:
        try:
            return x.reshape(wanted)
        except ValueError:
            raise ArrayError(f"an array of shape {x.shape} has {x.size} elements and cannot have the shape {wanted}") from None

    return moved(b, a, move, "reshape")


@word("reshape_as", "view_as")
def _reshape_as(b: Builder, a: Value, other: Value) -> Value:
    return _reshape(b, a, tuple(Known(n) for n in array(b, other).shape))


def _axes_word(names: tuple[str, ...], move: Callable[..., Any], default: Value | None) -> None:
    def apply(b: Builder, a: Value, axis: Value | None = default, **others: Value) -> Value:
        if others:
            raise ArrayError(f"'{names[0]}' with {', '.join(others)} is not part of the language")
        wanted = axis_of(b, axis) if axis is not None else None
        return moved(b, a, lambda x: move(x, wanted), names[0])

    word(*names)(apply)


_axes_word(("squeeze",), np.squeeze, None)
_axes_word(("expand_dims", "unsqueeze"), np.expand_dims, None)
_axes_word(("flip",), np.flip, None)
_axes_word(("fliplr",), lambda x, _: np.fliplr(x), None)
_axes_word(("flipud",), lambda x, _: np.flipud(x), None)
_axes_word(("ravel",), lambda x, _: x.ravel(), None)
_axes_word(("t",), lambda x, _: x.T, None)
_axes_word(("diagonal",), lambda x, _: np.diagonal(x).copy(), None)
_axes_word(("atleast_1d",), lambda x, _: np.atleast_1d(x), None)
_axes_word(("atleast_2d",), lambda x, _: np.atleast_2d(x), None)


@word("flatten")
def _flatten(b: Builder, a: Value, start_dim: Value | None = None, end_dim: Value | None = None) -> Value:
    if start_dim is None and end_dim is None:
        return moved(b, a, lambda x: x.flatten(), "flatten")
    first = 0 if start_dim is None else integer(b, start_dim, "an axis")
    last = -1 if end_dim is None else integer(b, end_dim, "an axis")

    def move(x: Array) -> Array:
        i, j = first % x.ndim, last % x.ndim
        return x.reshape(*x.shape[:i], -1, *x.shape[j + 1 :])

    return moved(b, a, move, "flatten")


@word("swapaxes", "swapdims")
def _swapaxes(b: Builder, a: Value, first: Value, second: Value) -> Value:
    pair = integer(b, first, "an axis"), integer(b, second, "an axis")
    return moved(b, a, lambda x: x.swapaxes(*pair), "swapaxes")


@word("moveaxis", "movedim")
def _moveaxis(b: Builder, a: Value, source: Value, destination: Value) -> Value:
    pair = axis_of(b, source), axis_of(b, destination)
    return moved(b, a, lambda x: np.moveaxis(x, *pair), "moveaxis")  # type: ignore[arg-type]


@word("roll")
def _roll(b: Builder, a: Value, shift: Value | None = None, axis: Value = NONE, shifts: Value | None = None) -> Value:
    by, along = axis_of(b, shift if shift is not None else shifts if shifts is not None else Known(1)), axis_of(b, axis)
    return moved(b, a, lambda x: np.roll(x, by, along), "roll")  # type: ignore[arg-type]


@word("tile")
def _tile(b: Builder, a: Value, *times: Value, reps: Value | None = None) -> Value:
    count = shape_of(b, *(times or (reps,)))
    return _bounded(b, a, prod(count), lambda x: np.tile(x, count), "tile")


@word("repeat", "repeat_interleave")
def _repeat(b: Builder, a: Value, repeats: Value, axis: Value = NONE) -> Value:
    count = integer(b, repeats, "a number of repeats")
    along = axis_of(b, axis)
    return _bounded(b, a, count, lambda x: np.repeat(x, count, along), "repeat")  # type: ignore[arg-type]


def _bounded(b: Builder, a: Value, times: int, move: Callable[[Any], Any], what: str) -> Value:
    def bounded(x: Array) -> Array:
        if x.size * times > arrays.MAX_ELEMENTS:
            raise ArrayError(f"'{what}' makes more than {arrays.MAX_ELEMENTS} elements")
        found: Array = move(x)
        return found

    return moved(b, a, bounded, what)


@word("broadcast_to", "expand")
def _broadcast_to(b: Builder, a: Value, *shape: Value) -> Value:
    wanted = shape_of(b, *shape)

    def move(x: Array) -> Array:
        lengths = tuple(x.shape[k - len(wanted)] if n == -1 else n for k, n in enumerate(wanted))
        return np.broadcast_to(x, lengths).copy()

    return moved(b, a, move, "broadcast_to")


@word("pad")
def _pad(b: Builder, a: Value, pad_width: Value | None = None, mode: Value = Known("constant"), constant_values: Value | None = None, **torch: Value) -> Value:  # noqa: B008
    x = array(b, a)
    filling: dict[str, Any] = {}
    name: Any = mode.value if isinstance(mode, Known) else ""
    if name == "constant":
        filler = constant_values if constant_values is not None else torch.get("value")
        filling = {"constant_values": arrays.literal(b, "0") if filler is None else int(array(b, filler))}
    width = wholes(b, pad_width if pad_width is not None else torch.get("pad", NONE))
    if width is None or (width.size and (width.min() < 0 or x.size * (1 + int(width.max())) > 100 * arrays.MAX_ELEMENTS)):
        raise ArrayError(f"the widths of 'pad' must be 0 or more, and {WHOLES}")
    if (width.ndim == 1 and width.size > 2) or "pad" in torch:  # torch: the last axis first
        pairs = width.reshape(-1, 2)[::-1].tolist()
        width = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    return moved(b, x, lambda y: np.pad(y, width, mode=name, **filling), "pad")


@word("copy", "clone", "contiguous", "ascontiguousarray", "array", "asarray", "tensor", "as_tensor", "deepcopy")
def _copy(b: Builder, a: Value) -> Value:
    if isinstance(a, list | tuple):
        known = wholes(b, a) if _all_known(a) else None
        return array(b, a) if known is None else Known(known)
    if isinstance(a, dict):
        return dict(a)
    return a.copy() if is_array(a) else Known(a.value.copy()) if is_wholes(a) else a


def _all_known(value: Value) -> bool:
    return all(map(_all_known, value)) if isinstance(value, list | tuple) else isinstance(value, Known)


@word("astype", "float", "double", "type", "to", "float32", "float64", "float16")
def _number(b: Builder, a: Value, *_: Value) -> Value:
    return a if isinstance(a, Known) else arrays.as_numbers(b, array(b, a)).copy()


@word("int", "long", "int64", "int32")
def _integer(b: Builder, a: Value) -> Value:
    known = wholes(b, a)
    if known is None:
        raise ArrayError("a number that depends on inputs cannot be made a whole number; write floor(x) or trunc(x)")
    return Known(known.astype(np.int64))


@word("detach", "numpy", "cpu", "item", "block_until_ready")
def _itself(_: Builder, a: Value) -> Value:
    return a


# ---------------------------------------------------------------- several arrays


def _listed(b: Builder, a: Value) -> list[Array]:
    if isinstance(a, list | tuple):
        return [array(b, v) for v in a]
    return list(array(b, a))


def _joined(parts: list[Array], join: Callable[[list[Array]], Array], name: str) -> Array:
    if not parts:
        raise ArrayError(f"'{name}' needs at least one array")
    try:
        return join(parts)
    except (ValueError, IndexError):
        raise ArrayError(f"the shapes {' and '.join(str(p.shape) for p in parts[:6])} do not fit in '{name}'") from None


@word("concatenate", "cat", "concat", method=False)
def _concatenate(b: Builder, a: Value, axis: Value | None = None) -> Value:
    along = 0 if axis is None else axis_of(b, axis)
    return _joined(_listed(b, a), lambda p: np.concatenate([x.ravel() for x in p] if along is None else p, axis=along or 0), "concatenate")  # type: ignore[arg-type]


@word("stack", method=False)
def _stack(b: Builder, a: Value, axis: Value | None = None) -> Value:
    along = 0 if axis is None else integer(b, axis, "an axis")
    return _joined(_listed(b, a), lambda p: np.stack(p, axis=along), "stack")


@word("hstack", method=False)
def _hstack(b: Builder, a: Value) -> Value:
    return _joined(_listed(b, a), np.hstack, "hstack")


@word("vstack", "row_stack", method=False)
def _vstack(b: Builder, a: Value) -> Value:
    return _joined(_listed(b, a), np.vstack, "vstack")


@word("column_stack", method=False)
def _column_stack(b: Builder, a: Value) -> Value:
    return _joined(_listed(b, a), np.column_stack, "column_stack")


@word("split", "hsplit", "array_split", "chunk")
def _split(b: Builder, a: Value, sections: Value, axis: Value | None = None) -> Value:
    along = 0 if axis is None else integer(b, axis, "an axis")
    at = shape_of(b, sections) if isinstance(sections, list | tuple) else integer(b, sections, "a number of parts")
    return list(np.split(array(b, a), at, axis=along))


@word("torch.split", method=False)
def _torch_split(b: Builder, a: Value, sizes: Value, axis: Value | None = None) -> Value:
    x, along = array(b, a), 0 if axis is None else integer(b, axis, "an axis")
    if isinstance(sizes, list | tuple):
        ends = np.cumsum(shape_of(b, sizes))[:-1].tolist()
    else:
        ends = list(range(0, x.shape[along], max(1, integer(b, sizes, "a length"))))[1:]
    return list(np.split(x, ends, axis=along))


@word("diag")
def _diag(b: Builder, a: Value) -> Value:
    x = array(b, a)
    if x.ndim != 1:
        return np.diagonal(x).copy()
    found = arrays.full((x.size, x.size), arrays.literal(b, "0"))
    np.fill_diagonal(found, x)
    return found


@word("tril")
def _tril(b: Builder, a: Value, k: Value = Known(0)) -> Value:  # noqa: B008
    return _triangle(b, a, integer(b, k, "a diagonal"), lower=True)


@word("triu")
def _triu(b: Builder, a: Value, k: Value = Known(0)) -> Value:  # noqa: B008
    return _triangle(b, a, integer(b, k, "a diagonal"), lower=False)


def _triangle(b: Builder, a: Value, k: int, *, lower: bool) -> Value:
    known = wholes(b, a) if isinstance(a, Known) else None
    if known is not None:
        return Known(np.tril(known, k) if lower else np.triu(known, k))
    x = array(b, a)
    mask = np.tril(np.ones(x.shape, dtype=bool), k) if lower else np.triu(np.ones(x.shape, dtype=bool), k)
    return np.where(mask, x, arrays.literal(b, "0"))
