"""Rows of aten operations that reduce axes: sums, products, extremes, variances, norms, softmax, and their backward operations."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array, Axis
from verifier.trace.record import Refusal
from verifier.trace.torch.mode import Tracer, row


def axes(dim: Any) -> Axis:
    """torch's way to name axes: none, or an empty list, is all of them."""
    return None if dim is None or (isinstance(dim, list | tuple) and not dim) else tuple(dim) if isinstance(dim, list | tuple) else int(dim)


def _flat(steps: Array, dim: Any) -> tuple[Array, Axis]:
    """A number as an array of one, so that axes may be named."""
    return (steps.reshape(1), None) if steps.ndim == 0 else (steps, axes(dim))


def _as_out(t: Tracer, found: Array) -> Array:
    out = t.out if isinstance(t.out, torch.Tensor) else t.out[0]
    return found.reshape(tuple(out.shape))


@row("sum")
def _sum(t: Tracer, a: Any, dim: Any = None, keepdim: bool = False) -> Array:
    return _as_out(t, arrays.total(t.builder, *_flat(t(a), dim), keepdims=keepdim))


@row("nansum")
def _nansum(t: Tracer, a: torch.Tensor, dim: Any = None, keepdim: bool = False) -> Array:
    if torch.isnan(a).any():
        raise Refusal("nansum of NaN", t.recorder.place(), "check it at points where its operand has no NaN")
    return _sum(t, a, dim, keepdim)


@row("mean")
def _mean(t: Tracer, a: Any, dim: Any = None, keepdim: bool = False) -> Array:
    return _as_out(t, arrays.mean(t.builder, *_flat(t(a), dim), keepdims=keepdim))


@row("prod")
def _prod(t: Tracer, a: Any, dim: Any = None, keepdim: bool = False) -> Array:
    return _as_out(t, arrays.fold(t.builder, "mul", *_flat(t(a), dim), keepdims=keepdim, empty="1"))


@row("amax")
def _amax(t: Tracer, a: Any, dim: Any = (), keepdim: bool = False) -> Array:
    return _as_out(t, arrays.fold(t.builder, "maximum", *_flat(t(a), dim), keepdims=keepdim))


@row("amin")
def _amin(t: Tracer, a: Any, dim: Any = (), keepdim: bool = False) -> Array:
    return _as_out(t, arrays.fold(t.builder, "minimum", *_flat(t(a), dim), keepdims=keepdim))


@row("aminmax")
def _aminmax(t: Tracer, a: Any, dim: Any = None, keepdim: bool = False) -> list[Array]:
    steps, axis = _flat(t(a), dim)
    return [arrays.fold(t.builder, g, steps, axis, keepdims=keepdim).reshape(tuple(o.shape)) for g, o in zip(("minimum", "maximum"), t.out, strict=True)]


@row("any", "all", "_is_any_true", "_is_all_true")
def _truths(t: Tracer, a: Any, dim: Any = None, keepdim: bool = False) -> Array:
    steps, axis = _flat(arrays.as_truths(t.builder, t(a)), dim)
    gate = "or" if "any" in t.name else "and"
    del keepdim
    moved = steps.reshape(-1) if axis is None else np.moveaxis(steps, axis, 0)  # type: ignore[arg-type]
    found = moved[0]
    for other in moved[1:]:
        found = t.gate(gate, found, other)
    return _as_out(t, np.asarray(found))


def _moments(t: Tracer, a: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False, unbiased: bool | None = None) -> tuple[Array, Array]:
    if isinstance(dim, bool):  # var(a, unbiased)
        dim, unbiased = None, dim
    steps, axis = _flat(t(a), dim)
    less = (1 if correction is None else correction) if unbiased is None else int(unbiased)
    return arrays.var(t.builder, steps, axis, ddof=less, keepdims=keepdim), arrays.mean(t.builder, steps, axis, keepdims=keepdim)


@row("var")
def _var(t: Tracer, *args: Any, **kwargs: Any) -> Array:
    return _as_out(t, _moments(t, *args, **kwargs)[0])


@row("std")
def _std(t: Tracer, *args: Any, **kwargs: Any) -> Array:
    return _as_out(t, t.gate("sqrt", _moments(t, *args, **kwargs)[0]))


@row("var_mean")
def _var_mean(t: Tracer, *args: Any, **kwargs: Any) -> list[Array]:
    return [m.reshape(tuple(o.shape)) for m, o in zip(_moments(t, *args, **kwargs), t.out, strict=True)]


@row("std_mean")
def _std_mean(t: Tracer, *args: Any, **kwargs: Any) -> list[Array]:
    spread, middle = _moments(t, *args, **kwargs)
    return [m.reshape(tuple(o.shape)) for m, o in zip((t.gate("sqrt", spread), middle), t.out, strict=True)]


@row("norm", "linalg_vector_norm")
def _norm(t: Tracer, a: Any, order: Any = 2, dim: Any = None, keepdim: bool = False) -> Array:
    steps, axis = _flat(t(a), dim)
    order = 2 if order is None else order
    b = t.builder
    if order == 2:
        return _as_out(t, t.gate("sqrt", arrays.total(b, t.gate("square", steps), axis, keepdims=keepdim)))
    sizes = t.gate("abs", steps)
    if order in (float("inf"), float("-inf")):
        return _as_out(t, arrays.fold(b, "maximum" if order > 0 else "minimum", sizes, axis, keepdims=keepdim))
    if order == 1:
        return _as_out(t, arrays.total(b, sizes, axis, keepdims=keepdim))
    if order == 0:
        return _as_out(t, arrays.total(b, t.gate("ne", steps, 0), axis, keepdims=keepdim))
    powers = arrays.total(b, t.gate("pow", sizes, order), axis, keepdims=keepdim)
    return _as_out(t, t.gate("pow", powers, t.gate("div", 1, order)))


@row("logsumexp")
def _logsumexp(t: Tracer, a: Any, dim: Any, keepdim: bool = False) -> Array:
    return _as_out(t, arrays.logsumexp(t.builder, *_flat(t(a), dim), keepdims=keepdim))


@row("_softmax")
def _softmax(t: Tracer, a: Any, dim: int, *_: Any) -> Array:
    return _as_out(t, arrays.softmax(t.builder, *_flat(t(a), dim)))


@row("_log_softmax")
def _log_softmax(t: Tracer, a: Any, dim: int, *_: Any) -> Array:
    return _as_out(t, arrays.log_softmax(t.builder, *_flat(t(a), dim)))


@row("_softmax_backward_data")
def _softmax_backward(t: Tracer, g: Any, out: Any, dim: int, *_: Any) -> Array:
    products, axis = _flat(t.gate("mul", g, out), dim)
    total = arrays.total(t.builder, products, axis, keepdims=True)
    return _as_out(t, t.gate("sub", products, t.gate("mul", _flat(t(out), dim)[0], total)))


@row("_log_softmax_backward_data")
def _log_softmax_backward(t: Tracer, g: Any, out: Any, dim: int, *_: Any) -> Array:
    flow, axis = _flat(t(g), dim)
    total = arrays.total(t.builder, flow, axis, keepdims=True)
    return _as_out(t, t.gate("sub", flow, t.gate("mul", t.gate("exp", _flat(t(out), dim)[0]), total)))


@row("cumsum")
def _cumsum(t: Tracer, a: Any, dim: int) -> Array:
    return _as_out(t, arrays.cumulative(t.builder, "add", np.atleast_1d(t(a)), dim))


@row("cumprod")
def _cumprod(t: Tracer, a: Any, dim: int) -> Array:
    return _as_out(t, arrays.cumulative(t.builder, "mul", np.atleast_1d(t(a)), dim))


@row("logcumsumexp", "_logcumsumexp")
def _logcumsumexp(t: Tracer, a: Any, dim: int) -> Array:
    return _as_out(t, arrays.cumulative(t.builder, "logaddexp", np.atleast_1d(t(a)), dim))


@row("native_layer_norm")
def _layer_norm(t: Tracer, a: Any, shape: Any, weight: Any, bias: Any, eps: float) -> list[Array]:
    x = t(a)
    last = tuple(range(x.ndim - len(shape), x.ndim))
    return _normalised(t, x, last, weight, bias, eps)


def _normalised(t: Tracer, x: Array, over: tuple[int, ...], weight: Any, bias: Any, eps: float) -> list[Array]:
    middle, spread = arrays.mean(t.builder, x, over, keepdims=True), arrays.var(t.builder, x, over, keepdims=True)
    scale = t.gate("rsqrt", t.gate("add", spread, eps))
    found = t.gate("mul", t.gate("sub", x, middle), scale)
    if weight is not None:
        found = t.gate("mul", found, weight)
    return [found if bias is None else t.gate("add", found, bias), middle, scale]


@row("native_group_norm")
def _group_norm(t: Tracer, a: Any, weight: Any, bias: Any, n: int, channels: int, size: int, groups: int, eps: float) -> list[Array]:
    x = t(a)
    grouped = x.reshape(n, groups, channels // groups * size)
    found, middle, scale = _normalised(t, grouped, (2,), None, None, eps)
    shape = (1, channels, *(1,) * (x.ndim - 2))
    found = found.reshape(x.shape)
    if weight is not None:
        found = t.gate("mul", found, t(weight).reshape(shape))
    if bias is not None:
        found = t.gate("add", found, t(bias).reshape(shape))
    return [found, middle.reshape(n, groups), scale.reshape(n, groups)]


@row("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm", "_native_batch_norm_legit_functional", "_batch_norm_with_update", "_native_batch_norm_legit_no_training")
def _batch_norm(t: Tracer, a: Any, weight: Any, bias: Any, *rest: Any) -> list[Array | None]:
    if t.name == "_native_batch_norm_legit_no_training":
        rest = (*rest[:2], False, *rest[2:])
    averages: Any
    if t.name == "_batch_norm_with_update":
        rest = (*rest[:2], True, *rest[2:])
    if len(rest) == 5:
        averages, (training, momentum, eps) = rest[:2], rest[2:]
    else:
        averages, (training, momentum, eps) = (None, None), rest
    x = t(a)
    over = (0, *range(2, x.ndim))
    shape = (1, x.shape[1], *(1,) * (x.ndim - 2))
    small: list[Array | None]
    if training:
        count = prod(x.shape[n] for n in over)
        middle, spread = arrays.mean(t.builder, x, over), arrays.var(t.builder, x, over)
        scale = t.gate("rsqrt", t.gate("add", spread, eps))
        small = [middle, scale]
        for running, new in zip(averages, (middle, t.gate("mul", spread, t.gate("div", count, max(1, count - 1)))), strict=True):
            if running is not None:
                old = t.gate("mul", t.gate("sub", 1, momentum), running)
                t.memory.write(running, t.gate("add", t.gate("mul", momentum, new), old))
    else:
        middle, spread = t(averages[0]), t(averages[1])
        scale = t.gate("rsqrt", t.gate("add", spread, eps))
        small = [None, None]
    found = t.gate("mul", t.gate("sub", x, middle.reshape(shape)), scale.reshape(shape))
    if weight is not None:
        found = t.gate("mul", found, t(weight).reshape(shape))
    return [found if bias is None else t.gate("add", found, t(bias).reshape(shape)), *small]


@row("_cdist_forward")
def _cdist(t: Tracer, a: Any, b: Any, p: float, mode: Any = None) -> Array:
    del mode
    apart = t.gate("sub", t(a)[..., :, None, :], t(b)[..., None, :, :])
    return _distance(t, apart, p)


def _distance(t: Tracer, apart: Array, p: float) -> Array:
    if p == 2:
        return t.gate("sqrt", arrays.total(t.builder, t.gate("square", apart), -1))
    sizes = t.gate("abs", apart)
    if p == float("inf"):
        return arrays.fold(t.builder, "maximum", sizes, -1)
    if p == 0:
        return arrays.total(t.builder, t.gate("ne", apart, 0), -1)
    if p == 1:
        return arrays.total(t.builder, sizes, -1)
    return t.gate("pow", arrays.total(t.builder, t.gate("pow", sizes, p), -1), t.gate("div", 1, p))


def _distance_slope(t: Tracer, g: Array, apart: Array, p: float, d: Array) -> Array:
    """The gradient with respect to the differences, which have one axis more than g and d at their end."""
    flow, far = g[..., None], d[..., None]
    if p == 1:
        return t.gate("mul", flow, t.gate("sign", apart))
    if p == 2:
        return t.gate("where", t.gate("eq", far, 0), 0, t.gate("div", t.gate("mul", flow, apart), far))
    if p == 0:
        return np.broadcast_to(t(0), apart.shape)
    if p == float("inf"):
        return t.gate("mul", flow, t.gate("mul", t.gate("sign", apart), t.gate("eq", t.gate("abs", apart), far)))
    powers = t.gate("mul", apart, t.gate("pow", t.gate("abs", apart), p - 2))
    return t.gate("where", t.gate("eq", far, 0), 0, t.gate("div", t.gate("mul", flow, powers), t.gate("pow", far, p - 1)))


@row("_cdist_backward")
def _cdist_backward(t: Tracer, g: Any, a: Any, b: Any, p: float, d: Any) -> Array:
    apart = t.gate("sub", t(a)[..., :, None, :], t(b)[..., None, :, :])
    return arrays.total(t.builder, _distance_slope(t, t(g), apart, p, t(d)), -2)


def _pairs(n: int) -> tuple[list[int], list[int]]:
    first, second = np.triu_indices(n, 1)
    return first.tolist(), second.tolist()


@row("_pdist_forward")
def _pdist(t: Tracer, a: Any, p: float = 2) -> Array:
    x = t(a)
    first, second = _pairs(len(x))
    return _distance(t, t.gate("sub", x[first], x[second]), p)


@row("_pdist_backward")
def _pdist_backward(t: Tracer, g: Any, a: Any, p: float, d: Any) -> Array:
    x = t(a)
    first, second = _pairs(len(x))
    slopes = _distance_slope(t, t(g), t.gate("sub", x[first], x[second]), p, t(d))
    found = np.broadcast_to(t(0), x.shape).copy()
    for k, (i, j) in enumerate(zip(first, second, strict=True)):
        found[i], found[j] = t.gate("add", found[i], slopes[k]), t.gate("sub", found[j], slopes[k])
    return found


@row("_weight_norm_interface")
def _weight_norm(t: Tracer, v: Any, g: Any, dim: int = 0) -> list[Array]:
    x = t(v)
    over = tuple(n for n in range(x.ndim) if n != dim % x.ndim)
    size = t.gate("sqrt", arrays.total(t.builder, t.gate("square", x), over, keepdims=True))
    return [t.gate("mul", x, t.gate("div", g, size)), size.reshape(tuple(t.out[1].shape))]


@row("_weight_norm_interface_backward")
def _weight_norm_backward(t: Tracer, flow: Any, v: Any, g: Any, norms: Any, dim: int) -> list[Array]:
    x, gain, size = t(v), t(g), t(norms).reshape(tuple(g.shape))
    over = tuple(n for n in range(x.ndim) if n != dim % x.ndim)
    total = arrays.total(t.builder, t.gate("mul", flow, x), over, keepdims=True)
    ratio = t.gate("div", gain, size)
    back = t.gate("div", t.gate("mul", x, total), t.gate("mul", size, size))
    return [t.gate("mul", ratio, t.gate("sub", flow, back)), t.gate("div", total, size)]


def _shared(t: Tracer, g: Any, count: int, reduction: int) -> Array:
    """What flows into every term of a loss that torch averages (1), sums (2) or leaves as it is (0)."""
    return t.gate("div", g, count) if reduction == 1 else t(g)


@row("multi_margin_loss_backward")
def _multi_margin(t: Tracer, g: Any, a: torch.Tensor, target: torch.Tensor, p: Any, margin: Any, weight: Any = None, reduction: int = 1) -> Array:
    """Each class that comes nearer to the right one than the margin pushes it away."""
    x = np.atleast_2d(t(a))
    n, classes = x.shape
    flow = np.broadcast_to(_shared(t, g, n, reduction), (n,))
    found = np.full(x.shape, int(t(0)), dtype=np.int64)
    for k, right in enumerate(target.reshape(-1).tolist()):
        others = [c for c in range(classes) if c != right]
        near = t.gate("add", t.gate("sub", margin, x[k, right : right + 1]), x[k, others])
        slope = t.gate("where", t.gate("gt", near, 0), 1 if p == 1 else t.gate("mul", 2, near), 0)
        slope = t.gate("div", slope if weight is None else t.gate("mul", slope, t(weight)[right]), classes)
        found[k, others] = t.gate("mul", flow[k : k + 1], slope)
        found[k, right] = int(t.gate("neg", arrays.total(t.builder, found[k, others])))
    return found.reshape(tuple(a.shape))


def _right_classes(target: torch.Tensor, rows: int) -> list[list[int]]:
    """The right classes of each row: they stand first, and -1 ends them."""
    return [row_of[: row_of.index(-1)] if -1 in row_of else row_of for row_of in target.reshape(rows, -1).tolist()]


@row("multilabel_margin_loss_forward")
def _multilabel_margin_loss(t: Tracer, a: torch.Tensor, target: torch.Tensor, reduction: int) -> list[Array | None]:
    """Every right class should exceed every other one by 1; torch's own decomposition counts the first class once for every place that -1 leaves empty."""
    x = np.atleast_2d(t(a))
    n, classes = x.shape
    found = []
    for k, right in enumerate(_right_classes(target, n)):
        near = [t.gate("add", t.gate("sub", 1, np.array(x[k, j])), np.array(x[k, c])) for j in right for c in range(classes) if c not in right]
        found.append(t.gate("div", arrays.total(t.builder, np.array([int(t.gate("maximum", one, 0)) for one in near])), classes) if near else t(0))
    rows = np.array([int(r) for r in found])
    total = rows if reduction == 0 else arrays.total(t.builder, rows)
    return [np.asarray(t.gate("div", total, n) if reduction == 1 else total).reshape(tuple(t.out[0].shape)), None]


@row("multilabel_margin_loss_backward")
def _multilabel_margin(t: Tracer, g: Any, a: torch.Tensor, target: torch.Tensor, reduction: int, is_target: Any) -> Array:
    """Each class that is not right pushes every right one; the right ones stand first, and -1 ends them."""
    del is_target
    x = np.atleast_2d(t(a))
    n, classes = x.shape
    flow = np.broadcast_to(_shared(t, g, n, reduction), (n,))
    found = np.full(x.shape, int(t(0)), dtype=np.int64)
    for k, right in enumerate(_right_classes(target, n)):
        for j in right:
            for c in set(range(classes)) - set(right):
                near = t.gate("add", t.gate("sub", 1, np.array(x[k, j])), np.array(x[k, c]))
                push = t.gate("mul", flow[k], t.gate("div", t.gate("where", t.gate("gt", near, 0), 1, 0), classes))
                found[k, c] = int(t.gate("add", np.array(found[k, c]), push))
                found[k, j] = int(t.gate("sub", np.array(found[k, j]), push))
    return found.reshape(tuple(a.shape))
