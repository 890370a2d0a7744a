"""NumPy's functions that write into an array that they are given: what they write are steps, in the elements that they choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from verifier.circuit import arrays
from verifier.trace.numpy import ADVICE, FUNCTIONS, Traced, frozen, lift, written_argument
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder


def _fixed(index: Any) -> Any:
    return frozen(index) if isinstance(index, Traced) else index


def put_along_axis(r: Recorder, array: Any, indices: Any, values: Any, axis: Any = -1, **_: object) -> None:
    """`np.put_along_axis`."""
    target, new, at = written_argument(r, array), lift(r, values), _fixed(indices)
    np.put_along_axis(target.steps, at, arrays.as_numbers(r.builder, new.steps), axis)
    np.put_along_axis(target.value, at, new.value, axis)


def put(r: Recorder, array: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """`np.put`."""
    target, new, at = written_argument(r, array), lift(r, v), _fixed(ind)
    np.put(target.steps, at, arrays.as_numbers(r.builder, new.steps), mode)
    np.put(target.value, at, new.value, mode)


def copyto(r: Recorder, dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """`np.copyto`: everywhere, or where a mask holds."""
    del casting
    target, new = written_argument(r, dst), lift(r, src)
    value = np.where(where.value if isinstance(where, Traced) else where, new.value, target.value)
    mask = where.steps if isinstance(where, Traced) else np.asarray(where, dtype=bool)
    target.steps[...] = arrays.choose(r.builder, np.broadcast_to(mask, target.shape), np.broadcast_to(arrays.as_numbers(r.builder, new.steps), target.shape), target.steps)
    target.value[...] = value


def putmask(r: Recorder, a: Any, mask: Any, values: Any) -> None:
    """`np.putmask`, of one number or of an array of the same shape."""
    target, new = written_argument(r, a), lift(r, values)
    if new.size != 1 and new.shape != target.shape:
        raise Refusal("np.putmask with values of another shape than the array", r.place(), ADVICE, r.forward())
    copyto(r, target, new.reshape(()) if new.size == 1 else new, where=mask)


def place(r: Recorder, arr: Any, mask: Any, vals: Any) -> None:
    """`np.place`: the mask is as it is at this point."""
    target, new, chosen = written_argument(r, arr), lift(r, vals).reshape(-1), np.asarray(_fixed(mask), dtype=bool)
    np.place(target.steps, chosen, arrays.as_numbers(r.builder, new.steps))
    np.place(target.value, chosen, new.value)


def fill_diagonal(r: Recorder, a: Any, val: Any, wrap: bool = False) -> None:
    """`np.fill_diagonal`."""
    target, new = written_argument(r, a), lift(r, val)
    np.fill_diagonal(target.steps, arrays.as_numbers(r.builder, new.steps), wrap)
    np.fill_diagonal(target.value, new.value, wrap)


FUNCTIONS.update({np.put_along_axis: put_along_axis, np.put: put, np.copyto: copyto, np.putmask: putmask, np.place: place, np.fill_diagonal: fill_diagonal})
