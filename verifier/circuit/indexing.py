"""Parts of arrays and lists: reading them, writing into them in place, masks. Slices are views, as NumPy's are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import ArrayError
from verifier.circuit.values import (
    MASK_ADVICE,
    WHOLE,
    Known,
    Selected,
    Value,
    array,
    described,
    found_instead,
    is_array,
    same_steps,
    settled,
    whole,
    wholes,
)

if TYPE_CHECKING:
    from verifier.circuit.arrays import Array
    from verifier.circuit.program import Builder


def index_of(b: Builder, value: Value) -> Any:
    """A subscript as NumPy takes it: whole numbers, slices, None, masks that are known. Raises ArrayError."""
    if isinstance(value, tuple):
        return tuple(index_of(b, v) for v in value)
    if isinstance(value, slice):
        return value
    if isinstance(value, Known) and not isinstance(value.value, str | range):
        return value.value
    if (number := whole(b, value)) is not None:
        return number
    known = wholes(b, value) if not isinstance(value, str) else None
    if known is not None:
        return known
    if is_array(value) and arrays.truths(b, value) is not None:
        raise ArrayError(MASK_ADVICE)
    raise ArrayError(f"a subscript must be {WHOLE}, not {found_instead(b, value)}")


def mask_of(b: Builder, value: Value) -> Array | None:
    """A subscript that is a mask of comparisons; None where it is none."""
    if is_array(value) and value.size:
        found = arrays.truths(b, value)
        if found is not None and found.all() and wholes(b, value) is None:
            return value
    return None


def part(b: Builder, base: Value, subscript: Value) -> Value:
    """`base[subscript]`."""
    if isinstance(base, dict):
        key = _key(b, subscript)
        if key not in base:
            raise ArrayError(f"the dictionary has no key {key!r}; it has {', '.join(map(repr, base)) or 'none'}")
        return base[key]
    if isinstance(base, list | tuple):
        index = index_of(b, subscript)
        if not isinstance(index, int | slice):
            raise ArrayError(f"a {'list' if isinstance(base, list) else 'tuple'} is read at a whole number, as in cache[0], not {found_instead(b, subscript)}")
        if isinstance(index, int) and not -len(base) <= index < len(base):
            raise ArrayError(f"there is no element {index}: the {'list' if isinstance(base, list) else 'tuple'} has {len(base)}")
        return base[index]
    if is_array(base) and (mask := mask_of(b, subscript)) is not None and mask.shape == base.shape:
        return Selected(base.copy(), mask.copy())
    index = index_of(b, subscript)
    if isinstance(base, Known) and isinstance(base.value, range) and isinstance(index, int | slice):
        return Known(base.value[index])
    source = base.value if isinstance(base, Known) else base
    if not is_array(source):
        raise ArrayError(f"{described(base)} has no subscript")
    try:
        found = source[index]
    except (IndexError, ValueError, TypeError):
        raise ArrayError(_outside(source.shape, index)) from None
    if isinstance(found, np.ndarray) and found.size > arrays.MAX_ELEMENTS:
        raise ArrayError(f"the part has more than {arrays.MAX_ELEMENTS} elements")
    if isinstance(base, Known):
        return settled(Known(found.item() if isinstance(found, np.generic) else found))
    return settled(found if isinstance(found, np.ndarray) else int(found))


def _key(b: Builder, subscript: Value) -> str | int:
    """A key of a dictionary."""
    found = subscript.value if isinstance(subscript, Known) else whole(b, subscript)
    if not isinstance(found, str | int):
        raise ArrayError(f"a key of a dictionary is a text or a whole number, as in cache['x'], not {found_instead(b, subscript)}")
    return found


def _outside(shape: tuple[int, ...], index: Any) -> str:
    listed = index if isinstance(index, tuple) else (index,)
    shown = ", ".join("..." if i is Ellipsis else _slice_text(i) if isinstance(i, slice) else f"an array of shape {i.shape}" if is_array(i) else str(i) for i in listed)
    return f"an array of shape {shape} has no part [{shown}]"


def _slice_text(s: slice) -> str:
    return f"{'' if s.start is None else s.start}:{'' if s.stop is None else s.stop}{'' if s.step is None else f':{s.step}'}"


def put(b: Builder, base: Value, subscript: Value, value: Value) -> list[tuple[str, int]]:
    """`base[subscript] = value`, in place; the components that changed, `[1,2]`, and their steps."""
    if isinstance(base, dict):
        base[_key(b, subscript)] = value
        return []
    if isinstance(base, list):
        index = index_of(b, subscript)
        if not isinstance(index, int) or not -len(base) <= index < len(base):
            raise ArrayError(f"there is no element {index} to assign to: the list has {len(base)}; write append")
        base[index] = value
        return []
    if isinstance(base, Known) and is_array(base.value):
        known = wholes(b, value)
        if known is None:
            raise ArrayError("an array of whole numbers takes whole numbers only: begin with zeros(...)")
        try:
            base.value[index_of(b, subscript)] = known
        except (IndexError, ValueError):
            raise ArrayError(_outside(base.value.shape, index_of(b, subscript))) from None
        return []
    if not is_array(base):
        raise ArrayError(f"{described(base)} has no part to assign to")
    target: Array = base
    mask = mask_of(b, subscript)
    if mask is not None:
        if isinstance(value, Selected):
            if not same_steps(b, mask, value.mask):
                raise ArrayError("the values that are assigned were selected with another mask than the elements they go to: " + MASK_ADVICE)
            target[...] = arrays.elementwise(b, "where", mask, value.whole, target)
            return changed(target, ...)
        return _put_where(b, target, mask, array(b, value))
    index = index_of(b, subscript)
    new = array(b, value)
    try:
        old = target[index]
    except (IndexError, ValueError, TypeError):
        raise ArrayError(_outside(target.shape, index)) from None
    try:
        target[index] = new
    except ValueError:
        raise ArrayError(f"{described(value)} does not fit into a part of shape {np.shape(old)}") from None
    return changed(target, index)


def _put_where(b: Builder, target: Array, mask: Array, new: Array) -> list[tuple[str, int]]:
    if mask.shape != target.shape[: mask.ndim]:
        raise ArrayError(f"a mask of shape {mask.shape} does not fit an array of shape {target.shape}")
    if new.ndim > target.ndim - mask.ndim:
        raise ArrayError(MASK_ADVICE)
    spread = np.broadcast_to(mask.reshape(mask.shape + (1,) * (target.ndim - mask.ndim)), target.shape)
    target[...] = arrays.elementwise(b, "where", spread, np.broadcast_to(new, target.shape), target)
    return changed(target, ...)


def add_at(b: Builder, target: Array, subscript: Value, value: Value, *, gate: str = "add") -> None:
    """`np.add.at`: in place, an index that stands twice is added to twice."""
    index = index_of(b, subscript)
    flat = _grid(target.shape)[index]
    new = np.broadcast_to(array(b, value), flat.shape) if array(b, value).ndim <= flat.ndim else array(b, value)
    view = target.reshape(-1)
    shared = np.shares_memory(view, target)
    for k, step in zip(flat.ravel().tolist(), new.ravel().tolist(), strict=True):
        view[k] = b.append_here(gate, int(view[k]), step)
    if not shared:
        target[...] = view.reshape(target.shape)


@cache
def _grid(shape: tuple[int, ...]) -> Array:
    """The numbers of the components in C order."""
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)


def changed(target: Array, index: Any) -> list[tuple[str, int]]:
    """The components of a part, as `[1,2]`, and their steps."""
    if isinstance(index, int):
        index = (index,)
    if isinstance(index, tuple) and len(index) == target.ndim and all(type(i) is int for i in index):
        at = tuple(i % n for i, n in zip(index, target.shape, strict=True))
        return [(f"[{','.join(map(str, at))}]", int(target[at]))]
    places = _grid(target.shape)[index].ravel()
    columns = [c.tolist() for c in np.unravel_index(places, target.shape)] if target.ndim else []
    steps = target.reshape(-1)[places].tolist()
    return [(f"[{','.join(map(str, at))}]", step) for at, step in zip(zip(*columns, strict=True), steps, strict=True)]
