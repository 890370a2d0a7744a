"""NumPy's functions of arrays on traced arrays: each row says what a function means for steps, its value is NumPy's own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from string import ascii_letters
from typing import Any, TypeAlias

import numpy as np

from verifier.circuit import arrays
from verifier.trace.numpy import ADVICE, FUNCTIONS, Traced, axis_of, bare, frozen, lift, wrap
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

Rows: TypeAlias = tuple[Any, ...]
NOT_GIVEN: Any = np._NoValue  # noqa: SLF001 - what NumPy passes on for an argument that was not given


def _row(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in functions:
            FUNCTIONS[name] = function
        return function

    return put


def _refuse(r: Recorder, what: str) -> Refusal:
    return Refusal(what, r.place(), ADVICE, r.forward())


def _no_out(r: Recorder, out: Any) -> None:
    if out is not None:
        raise Refusal("out as a positional argument", r.place(), "write out=", r.forward())


def _given(keywords: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in keywords.items() if v is not NOT_GIVEN and v is not None}


# ---------------------------------------------------------------- what only moves components

MOVES: Rows = (
    np.reshape, np.transpose, np.expand_dims, np.squeeze, np.ravel, np.swapaxes, np.moveaxis, np.rollaxis, np.broadcast_to, np.tile, np.repeat, np.roll, np.flip, np.fliplr,
    np.flipud, np.rot90, np.take, np.take_along_axis, np.diagonal, np.lib.stride_tricks.sliding_window_view, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.delete,
)  # fmt: skip
JOINS: Rows = (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.append)
PARTS: Rows = (np.split, np.array_split, np.hsplit, np.vsplit, np.broadcast_arrays)


def _moved(function: Any) -> Callable[..., Any]:
    def call(r: Recorder, array: Any, *args: Any, **keywords: Any) -> Any:
        part = lift(r, array)
        fixed = [frozen(a) if isinstance(a, Traced) else a for a in args]
        return Traced(np.asarray(function(part.steps, *fixed, **keywords)), np.asarray(function(part.value, *fixed, **keywords)), r)

    return call


def _joined(function: Any) -> Callable[..., Any]:
    appends = function is np.append  # asked here: while code is traced, NumPy's names are of functions that take lists as well

    def call(r: Recorder, group: Any, *args: Any, **keywords: Any) -> Any:
        listed = (group, *args[:1]) if appends else group
        rest = args[1:] if appends else args
        parts = [lift(r, a) for a in listed]
        steps = [arrays.as_numbers(r.builder, p.steps) if any(q.value.dtype != bool for q in parts) else p.steps for p in parts]
        if appends:
            return Traced(np.append(*steps, *rest, **keywords), np.append(*(p.value for p in parts), *rest, **keywords), r)
        return Traced(function(steps, *rest, **keywords), function([p.value for p in parts], *rest, **keywords), r)

    return call


def _parted(function: Any) -> Callable[..., Any]:
    takes_arrays = function is np.broadcast_arrays

    def call(r: Recorder, *args: Any, **keywords: Any) -> Any:
        parts = [lift(r, a) if isinstance(a, Traced) or takes_arrays else a for a in args]
        steps = function(*(p.steps if isinstance(p, Traced) else p for p in parts), **keywords)
        values = function(*(bare(p) for p in parts), **keywords)
        return [Traced(np.asarray(s), np.asarray(v), r) for s, v in zip(steps, values, strict=True)]

    return call


for _function in MOVES:
    FUNCTIONS[_function] = _moved(_function)
for _function in JOINS:
    FUNCTIONS[_function] = _joined(_function)
for _function in PARTS:
    FUNCTIONS[_function] = _parted(_function)


@_row(np.pad)
def _pad(r: Recorder, array: Any, width: Any, mode: Any = "constant", **keywords: Any) -> Traced:
    part = lift(r, array)
    if mode != "constant":
        return Traced(np.pad(part.steps, width, mode, **keywords), np.pad(part.value, width, mode, **keywords), r)
    fill = keywords.get("constant_values", 0)
    if not isinstance(fill, int | float):
        raise _refuse(r, "np.pad with several constants")
    steps = np.pad(arrays.as_numbers(r.builder, part.steps), width, constant_values=int(lift(r, fill).steps))
    return Traced(steps, np.pad(part.value, width, mode, **keywords), r)


def _triangle(function: Any) -> Callable[..., Any]:
    def call(r: Recorder, array: Any, k: int = 0) -> Traced:
        part = lift(r, array)
        kept = function(np.ones(part.shape, dtype=bool), k)
        zero = arrays.literal(r.builder, "0")
        return Traced(np.where(kept, arrays.as_numbers(r.builder, part.steps), zero), function(part.value, k), r)

    return call


FUNCTIONS[np.tril], FUNCTIONS[np.triu] = _triangle(np.tril), _triangle(np.triu)


@_row(np.diag)
def _diag(r: Recorder, array: Any, k: int = 0) -> Traced:
    part = lift(r, array)
    if part.ndim != 1:
        return Traced(np.diag(part.steps, k), np.diag(part.value, k), r)
    kept = np.diag(np.ones(part.size, dtype=bool), k)
    return Traced(np.where(kept, np.diag(arrays.as_numbers(r.builder, part.steps), k), arrays.literal(r.builder, "0")), np.diag(part.value, k), r)


# ---------------------------------------------------------------- new arrays


def _like(function: Any, text: str) -> Callable[..., Any]:
    takes_value = function is np.full_like

    def call(r: Recorder, array: Any, *args: Any, **keywords: Any) -> Traced:
        part = lift(r, array)
        fill = args[0] if takes_value else None
        rest = args[1:] if takes_value else args
        kept = {k: v for k, v in keywords.items() if k in ("dtype", "shape") and v is not None}
        if rest and rest[0] is not None:
            kept["dtype"] = rest[0]
        value = np.full_like(part.value, 0 if fill is None else bare(fill), **kept) if fill is not None else (np.ones_like if text == "1" else np.zeros_like)(part.value, **kept)
        steps = lift(r, fill).steps if fill is not None else np.array(arrays.literal(r.builder, text))
        found = np.empty_like(value, dtype=np.int64)
        found[...] = steps
        return Traced(found, value, r)

    return call


FUNCTIONS[np.zeros_like], FUNCTIONS[np.empty_like] = _like(np.zeros_like, "0"), _like(np.empty_like, "0")
FUNCTIONS[np.ones_like], FUNCTIONS[np.full_like] = _like(np.ones_like, "1"), _like(np.full_like, "")


# ---------------------------------------------------------------- reductions


def _reduction(function: Any, work: Callable[..., Any]) -> None:
    def call(r: Recorder, array: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **keywords: Any) -> Any:
        rest = _given(keywords)
        if out is not None or set(rest) - {"ddof"}:
            raise _refuse(r, f"np.{function.__name__} with {', '.join(sorted(rest)) or 'out='}")
        part = lift(r, array)
        kept = bool(keepdims) if keepdims is not NOT_GIVEN else False
        value = function(part.value, axis=axis, keepdims=kept, **rest, **({} if dtype is None else {"dtype": dtype}))
        return wrap(r, work(r.builder, arrays.as_numbers(r.builder, part.steps), axis_of(axis), keepdims=kept, **rest), value, f"np.{function.__name__}")

    FUNCTIONS[function] = call


def _std(b: Any, a: Any, axis: Any, *, keepdims: bool, ddof: int = 0) -> Any:
    return arrays.elementwise(b, "sqrt", arrays.var(b, a, axis, ddof=ddof, keepdims=keepdims))


_reduction(np.sum, arrays.total)
_reduction(np.mean, arrays.mean)
_reduction(np.var, arrays.var)
_reduction(np.std, _std)
_reduction(np.prod, lambda b, a, axis, *, keepdims: arrays.fold(b, "mul", a, axis, keepdims=keepdims, empty="1"))


def _extreme(function: Any, gate: str) -> Callable[..., Any]:
    def call(r: Recorder, array: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **keywords: Any) -> Any:
        if out is not None or _given(keywords):
            raise _refuse(r, f"np.{function.__name__} with out=, initial= or where=")
        part = lift(r, array)
        kept = bool(keepdims) if keepdims is not NOT_GIVEN else False
        return wrap(r, arrays.fold(r.builder, gate, part.steps, axis_of(axis), keepdims=kept), function(part.value, axis=axis, keepdims=kept), f"np.{function.__name__}")

    return call


for _function in (np.max, np.amax):
    FUNCTIONS[_function] = _extreme(_function, "maximum")
for _function in (np.min, np.amin):
    FUNCTIONS[_function] = _extreme(_function, "minimum")


def _truth(function: Any, ufunc: Any) -> Callable[..., Any]:
    def call(_: Recorder, array: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **__: Any) -> Any:
        del out
        return ufunc.reduce(array if axis is not None else array.reshape(-1), axis=0 if axis is None else axis, keepdims=keepdims is True)

    del function
    return call


FUNCTIONS[np.any], FUNCTIONS[np.all] = _truth(np.any, np.logical_or), _truth(np.all, np.logical_and)


def _running(function: Any, gate: str) -> Callable[..., Any]:
    def call(r: Recorder, array: Any, axis: Any = None, **_: Any) -> Traced:
        part = lift(r, array)
        return wrap(r, arrays.cumulative(r.builder, gate, part.steps, axis), function(part.value, axis=axis), f"np.{function.__name__}")

    return call


FUNCTIONS[np.cumsum], FUNCTIONS[np.cumprod] = _running(np.cumsum, "add"), _running(np.cumprod, "mul")


@_row(np.linalg.norm)
def _norm(r: Recorder, array: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Traced:  # noqa: A002 - NumPy's order
    part = lift(r, array)
    return wrap(r, arrays.norm(r.builder, part.steps, ord, axis_of(axis), keepdims=keepdims), np.linalg.norm(part.value, ord, axis, keepdims), "np.linalg.norm")


@_row(np.trace)
def _trace(r: Recorder, array: Any, *args: Any, **keywords: Any) -> Traced:
    part = lift(r, array)
    steps = np.diagonal(part.steps, *args, **keywords)
    return wrap(r, arrays.total(r.builder, steps, steps.ndim - 1), np.trace(part.value, *args, **keywords), "np.trace")


# ---------------------------------------------------------------- products


@_row(np.dot)
def _dot(r: Recorder, left: Any, right: Any, out: Any = None) -> Traced:
    _no_out(r, out)
    a, c = lift(r, left), lift(r, right)
    return wrap(r, arrays.dot(r.builder, a.steps, c.steps), np.dot(a.value, c.value), "np.dot")


@_row(np.inner)
def _inner(r: Recorder, left: Any, right: Any) -> Traced:
    a, c = lift(r, left), lift(r, right)
    steps = arrays.tensordot(r.builder, a.steps, c.steps, ((a.ndim - 1,), (c.ndim - 1,))) if a.ndim and c.ndim else arrays.elementwise(r.builder, "mul", a.steps, c.steps)
    return wrap(r, steps, np.inner(a.value, c.value), "np.inner")


@_row(np.vdot)
def _vdot(r: Recorder, left: Any, right: Any) -> Traced:
    a, c = lift(r, left), lift(r, right)
    return wrap(r, arrays.dot(r.builder, a.steps.reshape(-1), c.steps.reshape(-1)), np.vdot(a.value, c.value), "np.vdot")


@_row(np.outer)
def _outer(r: Recorder, left: Any, right: Any, out: Any = None) -> Traced:
    _no_out(r, out)
    a, c = lift(r, left), lift(r, right)
    return wrap(r, arrays.elementwise(r.builder, "mul", a.steps.reshape(-1, 1), c.steps.reshape(1, -1)), np.outer(a.value, c.value), "np.outer")


@_row(np.tensordot)
def _tensordot(r: Recorder, left: Any, right: Any, axes: Any = 2) -> Traced:
    a, c = lift(r, left), lift(r, right)
    pair = axes if isinstance(axes, int) else tuple((int(x),) if isinstance(x, int | np.integer) else tuple(int(i) for i in x) for x in axes)
    return wrap(r, arrays.tensordot(r.builder, a.steps, c.steps, pair), np.tensordot(a.value, c.value, axes), "np.tensordot")  # type: ignore[arg-type]


@_row(np.einsum)
def _einsum(r: Recorder, subscripts: Any, *operands: Any, **keywords: Any) -> Traced:
    if not isinstance(subscripts, str):  # operands, each before the list of its axes, and then the axes of the result
        given = (subscripts, *operands)
        axes = [*given[1::2], *(given[-1:] if len(given) % 2 else ())]
        letter = {a: ascii_letters[k] for k, a in enumerate(dict.fromkeys(a for group in axes for a in group if a is not ...))}
        words = ["".join("..." if a is ... else letter[a] for a in group) for group in axes]
        result = f"->{words.pop()}" if len(given) % 2 else "->" + "".join(sorted((w for w in letter.values() if sum(g.count(w) for g in words) == 1), key=lambda w: next(a for a, own in letter.items() if own == w)))
        subscripts, operands = ",".join(words) + result, given[0 : len(given) - len(given) % 2 : 2]
    parts = [lift(r, o) for o in operands]
    return wrap(r, arrays.einsum(r.builder, subscripts, *(p.steps for p in parts)), np.einsum(subscripts, *(p.value for p in parts), **keywords), "np.einsum")


# ---------------------------------------------------------------- choices


@_row(np.where)
def _where(r: Recorder, condition: Any, a: Any = None, other: Any = None) -> Any:
    if a is None and other is None:
        return np.where(frozen(condition))
    first, second = lift(r, a), lift(r, other)
    mask = condition.steps if isinstance(condition, Traced) else np.asarray(condition, dtype=bool)
    return wrap(r, arrays.choose(r.builder, mask, first.steps, second.steps), np.where(bare(condition), first.value, second.value), "np.where")


@_row(np.nonzero)
def _nonzero(_: Recorder, array: Any) -> Any:
    return np.nonzero(frozen(array))


@_row(np.clip)
def _clip(r: Recorder, array: Any, low: Any = None, high: Any = None, out: Any = None, **keywords: Any) -> Traced:
    _no_out(r, out)
    low, high = (keywords.get("min", low), keywords.get("max", high))
    part = lift(r, array)
    steps = part.steps
    for bound, gate in ((low, "maximum"), (high, "minimum")):
        if bound is not None:
            steps = arrays.elementwise(r.builder, gate, steps, lift(r, bound).steps)
    return wrap(r, steps, np.clip(part.value, bare(low), bare(high)), "np.clip")


@_row(np.round, np.around)
def _round(r: Recorder, array: Any, decimals: int = 0, out: Any = None) -> Traced:
    _no_out(r, out)
    if decimals:
        raise _refuse(r, "np.round to decimals")
    part = lift(r, array)
    return wrap(r, arrays.elementwise(r.builder, "round", part.steps), np.round(part.value), "np.round")


def _chosen(function: Any, gate: str = "") -> Callable[..., Any]:
    """Which component is the largest (`gate` is how it compares with the others), or the order of all: as it is at this point, said as a branch for every comparison that it stands on."""

    def call(r: Recorder, array: Any, axis: Any = None, **keywords: Any) -> Any:
        part = lift(r, array)
        found = function(part.value, axis=axis, **_given(keywords))
        place = r.place()
        note = f"np.{function.__name__}{'' if place is None else f' in line {place.line}'} is taken as fixed: the results hold for inputs at which it returns the same"
        r.notes += [note] if note not in r.notes else []
        lines, chosen = (part.steps.reshape(1, -1), np.reshape(found, (1, -1))) if axis is None else (_lines(part.steps, axis), _lines(found, axis) if not gate else np.reshape(found, (-1, 1)))
        for line, at in zip(lines, chosen, strict=True):
            others = [(int(line[at[0]]), int(i)) for k, i in enumerate(line) if k != at[0]] if gate else [(int(line[i]), int(line[j])) for i, j in pairwise(at)]
            for step in r.builder.append_all(gate or "le", others, len(others)):
                r.branch(step, holds=True)
        return found

    return call


def _lines(array: Any, axis: int) -> Any:
    """An array as rows along an axis."""
    return np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


FUNCTIONS[np.argmax], FUNCTIONS[np.argmin] = _chosen(np.argmax, "ge"), _chosen(np.argmin, "le")
ARGSORT = _chosen(np.argsort)


@_row(np.argsort)
def _argsort(r: Recorder, array: Any, axis: int | None = -1, **keywords: Any) -> Any:
    return ARGSORT(r, array, axis, **keywords)


@_row(np.sort)
def _sort(r: Recorder, array: Any, axis: int = -1, **_: Any) -> Traced:
    part = lift(r, array)
    order = _argsort(r, part, axis)
    return Traced(np.take_along_axis(part.steps, order, axis), np.take_along_axis(part.value, order, axis), r)


# ---------------------------------------------------------------- what is asked of an array


def _asked(function: Any) -> Callable[..., Any]:
    def call(_: Recorder, array: Any, *args: Any, **keywords: Any) -> Any:
        if function in READING:  # what the code does with the answer is followed at this point only
            for traced in [a for a in (array, *args) if isinstance(a, Traced)]:
                str(traced)
        return function(bare(array), *(bare(a) for a in args), **keywords)

    return call


READING: Rows = (np.array_equal, np.allclose, np.isclose, np.array_repr, np.array_str)  # those that read the numbers
ASKED: Rows = (
    np.shape, np.ndim, np.size, np.array_equal, np.allclose, np.isclose, np.result_type, np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory, np.array_repr, np.array_str,
    np.can_cast, np.min_scalar_type,
)  # fmt: skip
for _function in ASKED:
    FUNCTIONS[_function] = _asked(_function)


@_row(np.meshgrid)
def _meshgrid(r: Recorder, *axes: Any, **keywords: Any) -> list[Traced]:
    parts = [lift(r, a) for a in axes]
    steps, values = (np.meshgrid(*(getattr(p, name) for p in parts), **keywords) for name in ("steps", "value"))
    return [Traced(s, v, r) for s, v in zip(steps, values, strict=True)]


@_row(np.copy)
def _copy(r: Recorder, array: Any, order: Any = "K", subok: bool = False) -> Traced:
    del subok
    return lift(r, array).copy(order)


@_row(np.real)
def _real(r: Recorder, array: Any) -> Traced:
    return lift(r, array)


