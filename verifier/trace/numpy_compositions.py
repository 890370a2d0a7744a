"""NumPy's functions that are made of others of NumPy's, on traced arrays: differences, convolutions, choices among several, loops over an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from verifier.circuit import arrays
from verifier.trace.numpy import ADVICE, FUNCTIONS, Traced, frozen, lift, wrap
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder


def _row(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def put(work: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[function] = work
        return work

    return put


def _refuse(r: Recorder, what: str) -> Refusal:
    return Refusal(what, r.place(), ADVICE, r.forward())


def _array(r: Recorder, value: Any) -> Any:
    """A traced array that NumPy's functions may be called with, whatever their types say."""
    return lift(r, value)


# ---------------------------------------------------------------- sums and products


@_row(np.diff)
def _diff(r: Recorder, a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:  # noqa: SLF001 - NumPy's own mark
    if prepend is not np._NoValue or append is not np._NoValue:  # noqa: SLF001 - the same
        raise _refuse(r, "np.diff with prepend= or append=")
    part: Any = np.moveaxis(_array(r, a), axis, -1)
    for _ in range(n):
        part = part[..., 1:] - part[..., :-1]
    return np.moveaxis(part, -1, axis)


@_row(np.trapezoid)
def _trapezoid(r: Recorder, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    part: Any = np.moveaxis(_array(r, y), axis, -1)
    if x is None:
        apart: Any = dx
    else:
        at = _array(r, x)
        apart = np.diff(at if at.ndim == 1 else np.moveaxis(at, axis, -1), axis=-1)
    return (apart * (part[..., 1:] + part[..., :-1]) / 2.0).sum(axis=-1)


@_row(np.gradient)
def _gradient(r: Recorder, f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    part: Any = _array(r, f)
    axes = range(part.ndim) if axis is None else [a % part.ndim for a in np.ravel(axis).tolist()]
    apart = list(spacing) * len(axes) if len(spacing) == 1 else list(spacing) or [1.0] * len(axes)
    if edge_order != 1 or any(np.ndim(h) for h in apart):
        raise _refuse(r, "np.gradient with edge_order=2 or with coordinates")
    found = []
    for number, h in zip(axes, apart, strict=True):
        v = np.moveaxis(part, number, 0)
        inner = (v[2:] - v[:-2]) / (2.0 * h)
        found.append(np.moveaxis(np.concatenate([(v[1:2] - v[:1]) / h, inner, (v[-1:] - v[-2:-1]) / h]), 0, number))
    return found[0] if len(found) == 1 else tuple(found)


@_row(np.linspace)
def _linspace(r: Recorder, start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0, **_: object) -> Any:
    if retstep or dtype is not None or axis:
        raise _refuse(r, "np.linspace with retstep=, dtype= or axis=")
    low, high = _array(r, start), _array(r, stop)
    step = (high - low) / max(int(num) - 1 if endpoint else int(num), 1)
    count = np.arange(int(num)).reshape((-1,) + (1,) * step.ndim)
    found = count * step + low
    return np.concatenate([found[:-1], np.broadcast_to(high, found[-1:].shape)]) if endpoint and int(num) > 1 else found


def _without_nan(function: Any, empty: float) -> Callable[..., Any]:
    """A reduction that passes over the components that are no numbers at this point."""

    def call(r: Recorder, a: Any, axis: Any = None, **keywords: Any) -> Any:
        part = _array(r, a)
        given = {k: v for k, v in keywords.items() if v is not None and v is not np._NoValue}  # noqa: SLF001 - NumPy's own mark
        return function(np.where(np.isnan(part.value), empty, part), axis=axis, **given)

    return call


nansum = FUNCTIONS[np.nansum] = _without_nan(np.sum, 0.0)
FUNCTIONS[np.nanprod] = _without_nan(np.prod, 1.0)
FUNCTIONS[np.nanmax], FUNCTIONS[np.nanmin] = _without_nan(np.max, -math.inf), _without_nan(np.min, math.inf)


@_row(np.nanmean)
def _nanmean(r: Recorder, a: Any, axis: Any = None, **keywords: Any) -> Any:
    known = ~np.isnan(_array(r, a).value)
    return nansum(r, a, axis=axis, **keywords) / known.sum(axis=axis, keepdims=keywords.get("keepdims") is True)


@_row(np.kron)
def _kron(r: Recorder, a: Any, b: Any) -> Any:
    left, right = lift(r, a), lift(r, b)
    most = max(left.ndim, right.ndim)
    left, right = (p.reshape((1,) * (most - p.ndim) + p.shape) for p in (left, right))
    spread = left.reshape(tuple(n for s in left.shape for n in (s, 1))) * right.reshape(tuple(n for s in right.shape for n in (1, s)))
    return spread.reshape(tuple(x * y for x, y in zip(left.shape, right.shape, strict=True)))


@_row(np.cross)
def _cross(r: Recorder, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    left, right = lift(r, a), lift(r, b)
    if (axisa, axisb, axisc, axis) != (-1, -1, -1, None) or left.shape[-1] != 3 or right.shape[-1] != 3:
        raise _refuse(r, "np.cross of other than vectors of three along the last axis")
    (x, y, z), (u, v, w) = ([p[..., k] for k in range(3)] for p in (left, right))
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


@_row(np.cov)
def _cov(r: Recorder, m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None, **_: object) -> Any:
    if y is not None or fweights is not None or aweights is not None:
        raise _refuse(r, "np.cov with a second array or weights")
    part = np.atleast_2d(lift(r, m))
    part = part if rowvar or part.shape[0] == 1 else part.T
    centred = part - part.mean(axis=1, keepdims=True)
    return np.squeeze(centred @ centred.T / (part.shape[1] - ((0 if bias else 1) if ddof is None else ddof)))


@_row(np.average)
def _average(r: Recorder, a: Any, axis: Any = None, weights: Any = None, returned: bool = False, **_: object) -> Any:
    part = _array(r, a)
    if returned:
        raise _refuse(r, "np.average with returned=True")
    if weights is None:
        return part.mean(axis=axis)
    factor = _array(r, weights)
    if factor.shape != part.shape:
        if axis is None or isinstance(axis, tuple):
            raise _refuse(r, "np.average with weights of another shape")
        factor = np.broadcast_to(np.moveaxis(factor.reshape((1,) * (part.ndim - 1) + factor.shape), -1, axis), part.shape)
    return (part * factor).sum(axis=axis) / factor.sum(axis=axis)


@_row(np.polyval)
def _polyval(r: Recorder, p: Any, x: Any) -> Any:
    at = lift(r, x)
    total: Any = np.zeros_like(at)
    for coefficient in p:
        total = total * at + coefficient
    return total


def _convolved(r: Recorder, a: Any, v: Any, mode: Any, *, turned: bool) -> Traced:
    """Both as sums of products in the order of the first array; `turned` is the correlation."""
    left, right = lift(r, a), lift(r, v)
    name, value = ("correlate", np.correlate(left.value, right.value, mode)) if turned else ("convolve", np.convolve(left.value, right.value, mode))
    if turned and mode == "same" and right.size > left.size:
        raise _refuse(r, "np.correlate with mode='same' and a second array that is longer")
    steps, other = arrays.as_numbers(r.builder, left.steps), arrays.as_numbers(r.builder, right.steps)
    other = other[::-1] if turned else other
    n, m = left.size, right.size
    full = []
    for k in range(n + m - 1):
        here = range(max(0, k - m + 1), min(n, k + 1))
        full.append(int(arrays.dot(r.builder, steps[here.start : here.stop], other[[k - i for i in here]])))
    first = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
    return wrap(r, np.array(full, dtype=np.int64)[first : first + value.size], value, f"np.{name}")


FUNCTIONS[np.convolve] = lambda r, a, v, mode="full": _convolved(r, a, v, mode, turned=False)
FUNCTIONS[np.correlate] = lambda r, a, v, mode="valid": _convolved(r, a, v, mode, turned=True)


@_row(np.bincount)
def _bincount(r: Recorder, x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    if isinstance(x, Traced) or not isinstance(weights, Traced):
        raise _refuse(r, "np.bincount of traced numbers")
    length = max(int(minlength), int(np.max(x)) + 1)
    found = Traced(r.constants(np.zeros(length)), np.zeros(length), r)
    np.add.at(found, np.asarray(x), weights)
    return found


@_row(np.sinc)
def _sinc(r: Recorder, x: Any) -> Any:
    part = lift(r, x)
    y = math.pi * np.where(part == 0, 1.0e-20, part)
    return np.sin(y) / y


# ---------------------------------------------------------------- choices


@_row(np.ptp)
def _ptp(r: Recorder, a: Any, axis: Any = None, keepdims: Any = False, **_: object) -> Any:
    part, kept = lift(r, a), keepdims is True
    return part.max(axis=axis, keepdims=kept) - part.min(axis=axis, keepdims=kept)


@_row(np.median)
def _median(r: Recorder, a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False, **_: object) -> Any:
    del overwrite_input
    part = _array(r, a)
    if isinstance(axis, tuple) or keepdims:
        raise _refuse(r, "np.median of several axes or with keepdims=True")
    ordered = np.sort(part.reshape(-1) if axis is None else np.moveaxis(part, axis, -1), axis=-1)
    half = ordered.shape[-1] // 2
    return ordered[..., half] if ordered.shape[-1] % 2 else (ordered[..., half - 1] + ordered[..., half]) / 2


@_row(np.select)
def _select(_: Recorder, condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    found = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = np.where(condition, choice, found)
    return found


@_row(np.piecewise)
def _piecewise(r: Recorder, x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **keywords: Any) -> Any:
    part = lift(r, x)
    listed = [np.asarray(frozen(c) if isinstance(c, Traced) else c, dtype=bool) for c in (condlist if isinstance(condlist, list | tuple) or np.ndim(condlist) > part.ndim else [condlist])]
    if len(funclist) == len(listed) + 1:
        listed.append(~np.any(listed, axis=0))
    found = np.zeros_like(part)
    for mask, function in zip(listed, funclist, strict=True):
        if np.any(mask):
            found[mask] = function(part[mask], *args, **keywords) if callable(function) else function
    return found


@_row(np.nan_to_num)
def _nan_to_num(r: Recorder, x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    part = lift(r, x)
    if not copy:
        raise _refuse(r, "np.nan_to_num with copy=False")
    value = np.nan_to_num(part.value, nan=nan, posinf=posinf, neginf=neginf)
    return Traced(np.where(np.isfinite(part.value), arrays.as_numbers(r.builder, part.steps), r.constants(value)), value, r)


@_row(np.interp)
def _interp(r: Recorder, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if isinstance(xp, Traced) or period is not None:
        raise _refuse(r, "np.interp with traced places or a period")
    part, at, heights = lift(r, x), np.asarray(xp, dtype=np.float64), lift(r, fp)
    found = np.where(part < at[0], heights[0] if left is None else left, heights[len(at) - 1] if right is None else right)
    for k in reversed(range(len(at) - 1)):
        slope = (heights[k + 1] - heights[k]) / (at[k + 1] - at[k])
        found = np.where((part >= at[k]) & (part < at[k + 1]), heights[k] + slope * (part - at[k]), found)
    return found


def _count_nonzero(_: Recorder, a: Any, axis: Any = None, **__: object) -> Any:
    return np.sum(a if a.dtype == bool else a != 0, axis=axis)


FUNCTIONS[np.count_nonzero] = _count_nonzero
FUNCTIONS[np.flatnonzero] = lambda _, a: np.flatnonzero(frozen(a))
FUNCTIONS[np.argwhere] = lambda _, a: np.argwhere(frozen(a))


# ---------------------------------------------------------------- arrangements


@_row(np.block)
def _block(r: Recorder, nested: Any) -> Traced:
    def each(value: Any, name: str) -> Any:
        return [each(v, name) for v in value] if isinstance(value, list) else getattr(lift(r, value), name)

    return Traced(np.block(each(nested, "steps")), np.block(each(nested, "value")), r)


@_row(np.insert)
def _insert(r: Recorder, arr: Any, obj: Any, values: Any, axis: Any = None) -> Traced:
    part, new = lift(r, arr), lift(r, values)
    steps = (arrays.as_numbers(r.builder, p.steps) for p in (part, new))
    first, second = steps
    return Traced(np.insert(first, obj, second, axis), np.insert(part.value, obj, new.value, axis), r)


@_row(np.apply_along_axis)
def _apply_along_axis(r: Recorder, func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **keywords: Any) -> Any:
    part = np.moveaxis(_array(r, arr), axis, -1)
    parts = [lift(r, func1d(part[i], *args, **keywords)) for i in np.ndindex(*part.shape[:-1])]
    found = np.stack(parts).reshape(part.shape[:-1] + parts[0].shape)
    return np.moveaxis(found, range(part.ndim - 1, found.ndim), range(axis % part.ndim, axis % part.ndim + parts[0].ndim)) if parts[0].ndim else found


def vectorized(r: Recorder, function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """`np.vectorize(function)(*args)`, where an argument is traced: the function on every component."""
    parts = [lift(r, a) for a in args]
    shape = np.broadcast_shapes(*(p.shape for p in parts))
    spread = [np.broadcast_to(p, shape) for p in parts]
    found = [function(*(p[i] for p in spread), **keywords) for i in np.ndindex(*shape)]
    return np.stack([lift(r, v) for v in found]).reshape(shape)


def in_rows(r: Recorder, parts: Any) -> Any:
    """`np.r_[...]` of arrays and numbers. Raises Refusal for slices and texts."""
    return np.concatenate([np.atleast_1d(p) for p in _listed(r, parts)])


def in_columns(r: Recorder, parts: Any) -> Any:
    """`np.c_[...]` of arrays. Raises Refusal for slices and texts."""
    return np.concatenate([p.reshape(-1, 1) if p.ndim < 2 else p for p in _listed(r, parts)], axis=-1)


def _listed(r: Recorder, parts: Any) -> list[Any]:
    listed = parts if isinstance(parts, tuple) else (parts,)
    if any(isinstance(p, slice | str) for p in listed):
        raise _refuse(r, "a slice or a text in np.r_ or np.c_")
    return [lift(r, p) for p in listed]


__all__ = ["in_columns", "in_rows", "vectorized"]
