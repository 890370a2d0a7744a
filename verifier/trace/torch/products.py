"""Rows of aten operations that multiply: matrices, convolutions, attention, bilinear forms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.torch.mode import Tracer, row

Places = npt.NDArray[np.int64]


@row("mm", "bmm", "mv", "dot", "matmul", "vdot")
def _product(t: Tracer, a: Any, b: Any, *_: Any) -> Array:
    return _multiplied(t, t(a), t(b))


def _multiplied(t: Tracer, a: Array, b: Array) -> Array:
    """The product of matrices; 0 where there is nothing to sum."""
    if 0 in a.shape or 0 in b.shape:
        return np.broadcast_to(t(0), tuple(t.out.shape))
    return arrays.matmul(t.builder, a, b, name=t.name)


@row("addmm", "addmv", "baddbmm")
def _with_sum(t: Tracer, c: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Array:
    return _scaled(t, c, _multiplied(t, t(a), t(b)), beta, alpha)


@row("addbmm")
def _addbmm(t: Tracer, c: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Array:
    return _scaled(t, c, arrays.total(t.builder, arrays.matmul(t.builder, t(a), t(b), name=t.name), 0), beta, alpha)


@row("addr")
def _addr(t: Tracer, c: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Array:
    return _scaled(t, c, t.gate("mul", t(a)[:, None], t(b)[None, :]), beta, alpha)


def _scaled(t: Tracer, c: Any, found: Array, beta: Any, alpha: Any) -> Array:
    if alpha != 1:
        found = t.gate("mul", alpha, found)
    return found if beta == 0 else t.gate("add", c if beta == 1 else t.gate("mul", beta, c), found)


@row("linear", "mkldnn_linear", "_addmm_activation_none")
def _linear(t: Tracer, a: Any, weight: Any, bias: Any = None) -> Array:
    found = _multiplied(t, np.atleast_2d(t(a)), np.atleast_2d(t(weight)).T).reshape(tuple(t.out.shape))
    return found if bias is None else t.gate("add", found, bias)


def bilinear(t: Tracer, left: Array, right: Array, size: int, triples: tuple[Places, Places, Places]) -> Array:
    """For each of `size` results the sum of left[i] * right[j] over its (result, i, j)."""
    outs, firsts, seconds = triples
    order = np.argsort(outs, kind="stable")
    outs = outs[order]
    products = t.gate("mul", left[firsts[order]], right[seconds[order]])
    bounds = np.searchsorted(outs, np.arange(size + 1))
    found = np.zeros(size, dtype=np.int64)
    for k in range(size):
        terms = products[bounds[k] : bounds[k + 1]]
        found[k] = int(t(0)) if not len(terms) else int(arrays.total(t.builder, terms))
    return found


def _convolved(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: int) -> tuple[Places, Places, Places]:
    """For a convolution y = x * w the places (y, x, w) of all products; w is (out channels, in channels of a group, ...)."""
    n, channels, *lengths = x
    filters, per_group, *kernel = w
    outs, firsts, seconds = [], [], []
    at_x, at_w, at_y = (np.arange(int(np.prod(s))).reshape(s) for s in (x, w, y))
    for offset in product(*(range(k) for k in kernel)):
        rows = []
        for length, count, k, s, p, d in zip(lengths, y[2:], offset, stride, padding, dilation, strict=True):
            positions = np.arange(count) * s - p + k * d
            inside = (positions >= 0) & (positions < length)
            rows.append((np.nonzero(inside)[0], positions[inside]))
        if any(not len(r[0]) for r in rows):
            continue
        for f, c in product(range(filters), range(per_group)):
            channel = f // (filters // groups) * per_group + c
            grid_y = at_y[_grid(n, f, [r[0] for r in rows])].ravel()
            outs.append(grid_y)
            firsts.append(at_x[_grid(n, channel, [r[1] for r in rows])].ravel())
            seconds.append(np.full(len(grid_y), at_w[(f, c, *offset)]))
    del channels
    empty = [np.zeros(0, dtype=np.int64)]
    return np.concatenate(outs or empty), np.concatenate(firsts or empty), np.concatenate(seconds or empty)


def _grid(n: int, channel: int, positions: Sequence[Places]) -> Any:
    """The index of one channel of all examples at these positions along the other axes."""
    return np.ix_(np.arange(n), np.array([channel]), *positions)


def _places(x: Any, w: Any, y: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, groups: int) -> tuple[Places, Places, Places]:
    """The places (y, x, w) of all products of a convolution, transposed or not."""
    count = len(w) - 2
    stride, padding, dilation = (list(v) * count if len(v) == 1 else list(v) for v in (stride, padding, dilation))
    if not transposed:
        return _convolved(tuple(x), tuple(w), tuple(y), stride, padding, dilation, groups)
    back = _convolved(tuple(y), tuple(w), tuple(x), stride, padding, dilation, groups)  # the roles of x and y change
    return back[1], back[0], back[2]


@row("convolution", "_convolution", "mkldnn_convolution", "_slow_conv2d_forward", "slow_conv3d_forward", "conv_depthwise3d", "_conv_depthwise2d", "convolution_overrideable")
def _convolution(t: Tracer, a: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int, *_: Any) -> Array:
    del output_padding
    shape = tuple(t.out.shape)
    triples = _places(a.shape, weight.shape, shape, stride, padding, dilation, transposed, groups)
    found = bilinear(t, t(a).ravel(), t(weight).ravel(), int(np.prod(shape)), triples).reshape(shape)
    return found if bias is None else t.gate("add", found, t(bias).reshape(1, -1, *(1,) * (len(shape) - 2)))


@row("convolution_backward")
def _convolution_backward(t: Tracer, g: Any, a: Any, weight: Any, sizes: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int, mask: Any) -> list[Array | None]:
    del output_padding, sizes
    y, x, w = _places(a.shape, weight.shape, g.shape, stride, padding, dilation, transposed, groups)
    flow = t(g)
    found: list[Array | None] = [None, None, None]
    if mask[0]:
        found[0] = bilinear(t, flow.ravel(), t(weight).ravel(), a.numel(), (x, y, w)).reshape(tuple(a.shape))
    if mask[1]:
        found[1] = bilinear(t, flow.ravel(), t(a).ravel(), weight.numel(), (w, y, x)).reshape(tuple(weight.shape))
    if mask[2]:
        found[2] = arrays.total(t.builder, flow, (0, *range(2, flow.ndim)))
    return found


@row("_trilinear")
def _trilinear(t: Tracer, a: Any, b: Any, c: Any, first: Any, second: Any, third: Any, sums: Any, unroll: int = 1) -> Array:
    del unroll
    spread = []
    for steps, new in ((t(a), first), (t(b), second), (t(c), third)):
        grown = steps
        for axis in sorted(new):
            grown = np.expand_dims(grown, axis)
        spread.append(grown)
    return arrays.total(t.builder, t.gate("mul", t.gate("mul", spread[0], spread[1]), spread[2]), tuple(sums))


@row("_scaled_dot_product_flash_attention_for_cpu")
def _attention(t: Tracer, q: Any, k: Any, v: Any, dropout: float = 0.0, causal: bool = False, attn_mask: Any = None, scale: float | None = None) -> list[Array]:
    del dropout
    scores = _scores(t, q, k, causal, attn_mask, scale)
    most = arrays.logsumexp(t.builder, scores, -1)
    weights = arrays.softmax(t.builder, scores, -1)
    return [arrays.matmul(t.builder, weights, _for_all_heads(t(v), q)), most]


def _for_all_heads(steps: Array, q: Any) -> Array:
    """Keys or values, once for every head of the queries: several heads in a row may share one of them (grouped queries)."""
    return np.repeat(steps, q.shape[-3] // steps.shape[-3], axis=-3)


def _of_shared_heads(t: Tracer, found: Array, shared: Any) -> Array:
    """The gradient of keys or values, summed over the heads that share one."""
    groups = found.reshape(*found.shape[:-3], shared.shape[-3], -1, *found.shape[-2:])
    return groups[..., 0, :, :] if groups.shape[-3] == 1 else arrays.total(t.builder, groups, groups.ndim - 3)


def _scores(t: Tracer, q: Any, k: Any, causal: bool, mask: Any, scale: float | None) -> Array:
    factor = t.gate("rsqrt", q.shape[-1]) if scale is None else t(scale)
    scores = t.gate("mul", arrays.matmul(t.builder, t(q), _for_all_heads(t(k), q).swapaxes(-1, -2)), factor)
    if mask is not None:
        scores = t.gate("add", scores, mask)
    if causal:
        seen = np.tril(np.ones(scores.shape[-2:], dtype=bool))
        scores = np.where(seen, scores, t(float("-inf")))
    return scores


@row("_scaled_dot_product_flash_attention_for_cpu_backward")
def _attention_backward(
    t: Tracer, g: Any, q: Any, k: Any, v: Any, out: Any, most: Any, dropout: float, causal: bool, attn_mask: Any = None, scale: float | None = None
) -> list[Array]:
    del dropout
    b = t.builder
    weights = t.gate("exp", t.gate("sub", _scores(t, q, k, causal, attn_mask, scale), t(most)[..., None]))
    flow = t(g)
    dv = arrays.matmul(b, weights.swapaxes(-1, -2), flow)
    total = arrays.total(b, t.gate("mul", flow, out), -1, keepdims=True)
    slopes = t.gate("mul", weights, t.gate("sub", arrays.matmul(b, flow, _for_all_heads(t(v), q).swapaxes(-1, -2)), total))
    factor = t.gate("rsqrt", q.shape[-1]) if scale is None else t(scale)
    dq = t.gate("mul", arrays.matmul(b, slopes, _for_all_heads(t(k), q)), factor)
    dk = t.gate("mul", arrays.matmul(b, slopes.swapaxes(-1, -2), t(q)), factor)
    return [dq, _of_shared_heads(t, dk, k), _of_shared_heads(t, dv, v)]


@row("linalg_cross")
def _cross(t: Tracer, a: torch.Tensor, b: torch.Tensor, dim: int = -1) -> Array:
    x, y = np.broadcast_arrays(t(a), t(b))
    x, y = np.moveaxis(x, dim, 0), np.moveaxis(y, dim, 0)
    parts = [t.gate("sub", t.gate("mul", x[i], y[j]), t.gate("mul", x[j], y[i])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.moveaxis(np.stack(parts), 0, dim)


@row("ger", "outer")
def _outer(t: Tracer, a: Any, b: Any) -> Array:
    return t.gate("mul", t(a)[:, None], t(b)[None, :])
