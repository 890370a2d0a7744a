"""Rows of aten's grid samplers: an image read between its elements, at points that are inputs too. Which elements is as at the point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.record import Floats
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import Tracer, row

LINEAR, NEAREST, CUBIC = 0, 1, 2  # torch's numbers of the ways to read between elements
ZEROS, BORDER, REFLECTION = 0, 1, 2  # and of what stands outside
SHARPNESS = -0.75  # of the cubic kernel (R. Keys, IEEE Trans. ASSP 29, 1981, with a = -3/4), as torch has it


@dataclass(frozen=True, eq=False)
class _PlaceOnAxis:
    """Where along one axis a point lies: the step of its position, the factor of the position's derivative, the elements beside it with their weights and the derivatives of these."""

    position: Array
    slope: Array
    near: tuple[int, ...]
    weights: tuple[Array, ...]
    slopes: tuple[int | Array, ...]


def _position(t: Tracer, step: Array, value: float, size: int, padding: int, align: bool) -> tuple[Array, Array, float]:
    """The position in units of elements, its derivative, and its number."""
    one = t.gate("add", step, 1)
    if align:
        found, slope, number = t.gate("mul", t.gate("div", one, 2), size - 1), t.gate("div", size - 1, 2), (value + 1) / 2 * (size - 1)
    else:
        found, slope, number = t.gate("div", t.gate("sub", t.gate("mul", one, size), 1), 2), t.gate("div", size, 2), ((value + 1) * size - 1) / 2
    if padding == REFLECTION:
        found, slope, number = _reflected(t, found, slope, number, *((0.0, size - 1.0) if align else (-0.5, size - 0.5)))
    if padding != ZEROS:
        inside = t.gate("and", t.gate("gt", found, 0), t.gate("lt", found, size - 1))
        slope = t.gate("where", inside, slope, 0)
        found, number = t.gate("clip", found, 0, size - 1), min(max(number, 0.0), size - 1.0)
    return found, slope, number


def _reflected(t: Tracer, found: Array, slope: Array, number: float, low: float, high: float) -> tuple[Array, Array, float]:
    span = high - low
    if span == 0:
        return t(0), t(0), 0.0
    if number < low:
        found, slope, number = t.gate("sub", 2 * low, found), t.gate("neg", slope), 2 * low - number
        _holds(t, "ge", found, low)
    flips = int((number - low) // span)
    beyond = low + flips * span
    _between(t, found, beyond, beyond + span)
    if flips % 2 == 0:
        return t.gate("sub", found, flips * span), slope, number - flips * span
    return t.gate("sub", beyond + high, found), t.gate("neg", slope), beyond + high - number


def _holds(t: Tracer, gate: str, left: Array, right: float) -> None:
    t.recorder.branch(int(t.gate(gate, left, right)), holds=True)


def _between(t: Tracer, step: Array, low: float, high: float) -> None:
    _holds(t, "ge", step, low)
    _holds(t, "le", step, high)


def _axis(t: Tracer, step: Array, value: float, size: int, way: int, padding: int, align: bool) -> _PlaceOnAxis:
    position, slope, number = _position(t, step, value, size, padding, align)
    if way == NEAREST:
        at = int(np.rint(number))
        _between(t, position, at - 0.5, at + 0.5)
        return _PlaceOnAxis(position, t(0), (at,), (t(1),), (0,))
    low = int(np.floor(number))
    _between(t, position, low, low + 1)
    return _PlaceOnAxis(position, slope, (low, low + 1), (t.gate("sub", low + 1, position), t.gate("sub", position, low)), (-1, 1))


def _cubic_axis(t: Tracer, step: Array, value: float, size: int, padding: int, align: bool) -> _PlaceOnAxis:
    """Four elements; those that stand outside are taken as `padding` has it, one by one."""
    position, slope, number = _position(t, step, value, size, ZEROS, align)
    low = int(np.floor(number))
    _between(t, position, low, low + 1)
    a, weights, slopes = SHARPNESS, [], []
    for k in range(-1, 3):
        apart = t.gate("sub", position, low + k) if k < 1 else t.gate("sub", low + k, position)  # at least 0
        square = t.gate("mul", apart, apart)
        cube = (a + 2, -(a + 3), 0.0, 1.0) if k in (0, 1) else (a, -5 * a, 8 * a, -4 * a)
        terms = [t.gate("mul", c, p) for c, p in zip(cube, (t.gate("mul", square, apart), square, apart), strict=False) if c]
        weights.append(t.gate("add", arrays.total(t.builder, np.stack(terms)), cube[3]))
        inner = [t.gate("mul", n * c, p) if n > 1 else t(c) for n, c, p in zip((3, 2, 1), cube, (square, apart, square), strict=False) if c]
        found = arrays.total(t.builder, np.stack(inner))
        slopes.append(found if k < 1 else t.gate("neg", found))
    return _PlaceOnAxis(position, slope, tuple(_inside(low + k, size, padding, align) for k in range(-1, 3)), tuple(weights), tuple(slopes))


def _inside(at: int, size: int, padding: int, align: bool) -> int:
    """The place of an element that may stand outside: at the border, or reflected; as it is where what is outside is 0."""
    if padding == REFLECTION and size > 1 - (not align):
        span = size - 1 if align else size
        turns, rest = divmod(at if at >= 0 else -at - (not align), span)
        at = rest if turns % 2 == 0 else span - rest - (not align)
    return at if padding == ZEROS else min(max(at, 0), size - 1)


def _axes(t: Tracer, steps: Array, values: Floats, lengths: tuple[int, ...], way: int, padding: int, align: bool) -> list[_PlaceOnAxis]:
    """The axes of an image in its own order; the last one stands first in the grid."""
    count = len(lengths)
    if way == CUBIC:
        return [_cubic_axis(t, np.array(steps[count - 1 - k]), float(values[count - 1 - k]), lengths[k], padding, align) for k in range(count)]
    return [_axis(t, np.array(steps[count - 1 - k]), float(values[count - 1 - k]), lengths[k], way, padding, align) for k in range(count)]


def _corners(axes: list[_PlaceOnAxis], lengths: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The elements around a point that the image has, and which of its neighbours each is along every axis."""
    for which in product(*(range(len(a.near)) for a in axes)):
        at = tuple(a.near[w] for a, w in zip(axes, which, strict=True))
        if all(0 <= p < n for p, n in zip(at, lengths, strict=True)):
            yield at, which


def _sloping(t: Tracer, part: Array, slope: int | Array) -> Array:
    if isinstance(slope, int):
        return part if slope > 0 else t.gate("neg", part)
    return t.gate("mul", part, slope)


def _weight(t: Tracer, axes: list[_PlaceOnAxis], which: tuple[int, ...], left_out: int = -1) -> Array:
    found: Array | None = None
    for k, (axis, w) in enumerate(zip(axes, which, strict=True)):
        if k != left_out:
            found = axis.weights[w] if found is None else t.gate("mul", found, axis.weights[w])
    return t(1) if found is None else found


@row("grid_sampler_2d", "grid_sampler_3d", "cudnn_grid_sampler")
def _sampled(t: Tracer, a: torch.Tensor, grid: torch.Tensor, way: int = LINEAR, padding: int = ZEROS, align: bool = False) -> Array:
    image, places, values = t(a), t(grid), floats_in(grid)
    lengths = tuple(image.shape[2:])
    found = np.full(tuple(t.out.shape), int(t(0)), dtype=np.int64)
    for point in np.ndindex(*places.shape[:-1]):
        axes = _axes(t, places[point], values[point], lengths, way, padding, align)
        terms = [t.gate("mul", image[(point[0], slice(None), *at)], _weight(t, axes, which)) for at, which in _corners(axes, lengths)]
        if terms:
            found[(point[0], slice(None), *point[1:])] = arrays.total(t.builder, np.stack(terms), 0)
    return found


@row("grid_sampler_2d_backward", "grid_sampler_3d_backward")
def _sampled_backward(t: Tracer, g: torch.Tensor, a: torch.Tensor, grid: torch.Tensor, way: int, padding: int, align: bool, mask: Any) -> list[Array | None]:
    image, places, values, flow = t(a), t(grid), floats_in(grid), t(g)
    lengths = tuple(image.shape[2:])
    count, zero = len(lengths), int(t(0))
    terms: defaultdict[tuple[Any, ...], list[Array]] = defaultdict(list)
    slopes = np.full(places.shape, zero, dtype=np.int64)
    for point in np.ndindex(*places.shape[:-1]):
        axes = _axes(t, places[point], values[point], lengths, way, padding, align)
        own = flow[(point[0], slice(None), *point[1:])]
        along: list[list[Array]] = [[] for _ in range(count)]
        for at, which in _corners(axes, lengths):
            if mask[0]:
                terms[(point[0], *at)].append(t.gate("mul", _weight(t, axes, which), own))
            if mask[1] and way != NEAREST:
                height = arrays.total(t.builder, t.gate("mul", image[(point[0], slice(None), *at)], own))
                for k in range(count):
                    part = t.gate("mul", height, _weight(t, axes, which, k))
                    along[k].append(_sloping(t, part, axes[k].slopes[which[k]]))
        for k in range(count):
            if along[k]:
                slopes[(*point, count - 1 - k)] = int(t.gate("mul", axes[k].slope, arrays.total(t.builder, np.array([int(p) for p in along[k]]))))
    weighted = np.full(image.shape, zero, dtype=np.int64)
    for key, parts in terms.items():
        weighted[(key[0], slice(None), *key[1:])] = arrays.total(t.builder, np.stack(parts), 0)
    return [weighted if mask[0] else None, slopes if mask[1] else None]
