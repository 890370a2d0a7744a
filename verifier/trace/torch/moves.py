"""Rows of aten operations that only move elements, or are linear with weights that do not depend on the inputs.

What such an operation does is asked of torch itself: run on the numbers 1, 2, 3, ... it says which element goes where; run
on the unit vectors it says with which weight. The operation as torch runs it is judged by its floats all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.record import Refusal
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import Tracer, row

MOVES = """
    clone contiguous cat stack hstack vstack index index_select gather take take_along_dim flip roll repeat tile slice_backward select_backward select_scatter slice_scatter diagonal_scatter
    as_strided_scatter diagonal_backward diagonal_copy masked_select masked_scatter tril triu diag_embed diag index_copy index_fill max_unpool2d max_unpool3d _unsafe_index
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle unfold_copy rot90 reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    im2col upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d embedding constant_pad_nd
    _pack_padded_sequence _pack_padded_sequence_backward
    _reshape_copy view_copy expand_copy permute_copy transpose_copy squeeze_copy unsqueeze_copy split_copy split_with_sizes_copy unbind_copy slice_copy select_copy repeat_interleave
    _unsafe_view _reshape_alias resolve_conj resolve_neg value_selecting_reduction_backward narrow_copy block_diag
    _unsafe_masked_index unfold
""".split()

LINEAR = """
    trace sum_to_size upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward _upsample_nearest_exact1d_backward _upsample_nearest_exact2d_backward _upsample_nearest_exact3d_backward
    avg_pool1d avg_pool2d avg_pool3d avg_pool2d_backward avg_pool3d_backward adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward
    reflection_pad1d_backward reflection_pad2d_backward reflection_pad3d_backward replication_pad1d_backward replication_pad2d_backward replication_pad3d_backward
    col2im unfold_backward embedding_dense_backward max_pool2d_with_indices_backward max_pool3d_with_indices_backward adaptive_max_pool2d_backward adaptive_max_pool3d_backward
    fractional_max_pool2d_backward fractional_max_pool3d_backward max_unpool2d_backward
    as_strided_backward _embedding_bag_dense_backward masked_scatter_backward index_add scatter_add
    _unsafe_masked_index_put_accumulate
""".split()

TRANSPOSED = "upsample_linear1d_backward upsample_bilinear2d_backward upsample_trilinear3d_backward upsample_bicubic2d_backward _upsample_bilinear2d_aa_backward _upsample_bicubic2d_aa_backward".split()

# operations whose other tensors of floats are no operands: aten name -> position of the only operand
ONLY = {
    "max_pool2d_with_indices_backward": 0, "max_pool3d_with_indices_backward": 0, "adaptive_max_pool2d_backward": 0, "adaptive_max_pool3d_backward": 0, "avg_pool2d_backward": 0,
    "avg_pool3d_backward": 0, "_adaptive_avg_pool2d_backward": 0, "_adaptive_avg_pool3d_backward": 0, "fractional_max_pool2d_backward": 0, "fractional_max_pool3d_backward": 0,
    "reflection_pad1d_backward": 0, "reflection_pad2d_backward": 0, "reflection_pad3d_backward": 0, "replication_pad1d_backward": 0, "replication_pad2d_backward": 0,
    "replication_pad3d_backward": 0, "_embedding_bag": 0, "_embedding_bag_dense_backward": 0, "_embedding_bag_backward": 0,
}  # fmt: skip
FIRST = 2**30  # the number of the first element: what is smaller is a number that the operation itself puts in
MOST_RUNS = 20_000  # elements of an operand whose weights are asked for one by one


def _replaced(value: Any, found: dict[int, torch.Tensor]) -> Any:
    """Arguments with some of the tensors replaced."""
    return tree_map(lambda v: found.get(id(v), v) if isinstance(v, torch.Tensor) else v, value)


def _operands(t: Tracer, name: str, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors of numbers among the arguments."""
    from torch.utils._pytree import tree_leaves

    if name in ONLY:
        return [args[ONLY[name]]]
    del t
    found = {id(v): v for v in tree_leaves((args, kwargs)) if isinstance(v, torch.Tensor) and (v.dtype.is_floating_point)}
    return list(found.values())


def _doubled(value: Any, operands: list[torch.Tensor]) -> Any:
    """The other tensors of floats as float64, so that types agree."""
    known = {id(o) for o in operands}
    return tree_map(lambda v: v.to(torch.float64) if isinstance(v, torch.Tensor) and v.dtype.is_floating_point and id(v) not in known else v, value)



def _moved(name: str) -> Callable[..., Any]:
    def apply(t: Tracer, *args: Any, **kwargs: Any) -> Any:
        operands = _operands(t, name, args, kwargs) or [a for a in args if isinstance(a, torch.Tensor)][:1]
        steps: list[Array] = []
        marked: dict[int, torch.Tensor] = {}
        first = FIRST
        for operand in operands:
            own = t(operand)
            marked[id(operand)] = torch.arange(first, first + own.size, dtype=torch.float64).reshape(operand.shape)
            steps.append(own.ravel())
            first += own.size
        out = _run(t, _replaced(args, marked), _replaced(kwargs, marked))
        table = np.concatenate(steps)
        found: list[Array | None] = []
        for result in [out] if isinstance(out, torch.Tensor) else out:
            if not isinstance(result, torch.Tensor) or not result.dtype.is_floating_point:
                found.append(None)
                continue
            seen = result.numpy()
            moved = (seen >= FIRST) & (seen < FIRST + len(table)) & (seen == np.floor(seen))
            own = np.zeros(seen.shape, dtype=np.int64)
            own[moved] = table[seen[moved].astype(np.int64) - FIRST]
            if (np.abs(seen[~moved]) >= FIRST).any():
                raise Refusal(f"aten.{name} does not only move elements here", t.recorder.place(), "give function=, the formula as text, so that the returned numbers can be checked without a trace")
            for value in np.unique(seen[~moved]).tolist():
                own[(seen == value) & ~moved] = int(t(value))
            if np.isnan(seen).any():
                own[np.isnan(seen)] = int(t(float("nan")))
            found.append(own)
        return found

    return apply


def _run(t: Tracer, args: Any, kwargs: Any) -> Any:
    return t.function(*args, **{k: v for k, v in kwargs.items() if k != "out"})


def linear(name: str) -> Callable[..., Any]:
    """The row of an operation that is linear in all of its operands."""

    def apply(t: Tracer, *args: Any, **kwargs: Any) -> Any:
        operands = _operands(t, name, args, kwargs)
        return weighted(t, operands, lambda marked: _run(t, _doubled(_replaced(args, marked), list(marked.values())), _doubled(_replaced(kwargs, marked), list(marked.values()))))

    return apply


def weighted(t: Tracer, operands: list[torch.Tensor], run: Callable[[dict[int, torch.Tensor]], Any]) -> Any:
    """A linear operation: its weights from unit vectors, its steps sums of products in the order of the operands' elements."""
    if sum(o.numel() for o in operands) > MOST_RUNS:
        raise Refusal(f"an operation with {sum(o.numel() for o in operands)} elements is too large to be traced", t.recorder.place(), "check it with smaller arrays")
    nothing = {id(o): torch.zeros(o.shape, dtype=torch.float64) for o in operands}
    base = _results(run(nothing))
    terms: list[list[list[tuple[int, float]]]] = [[[] for _ in range(r.numel())] for r in base if r is not None]
    for operand in operands:
        steps = t(operand).ravel().tolist()
        unit = torch.zeros(operand.shape, dtype=torch.float64)
        flat = unit.view(-1)
        for k, step in enumerate(steps):
            flat[k] = 1
            results = [r for r in _results(run({**nothing, id(operand): unit})) if r is not None]
            flat[k] = 0
            for own, result in zip(terms, results, strict=True):
                weights = result.reshape(-1)
                for place in torch.nonzero(weights).ravel().tolist():
                    own[place].append((step, float(weights[place])))
    found: list[Array | None] = []
    rest = iter(terms)
    for whole in base:
        if whole is None:
            found.append(None)
            continue
        if (whole != 0).any():
            raise Refusal("an operation that should be linear is not", t.recorder.place(), "give function=, the formula as text, so that the returned numbers can be checked without a trace")
        found.append(np.array([_sum(t, own) for own in next(rest)], dtype=np.int64).reshape(tuple(whole.shape)))
    return found


def _transposed(name: str) -> Callable[..., Any]:
    """The backward pass of an interpolation has the weights of its forward pass: those of its own kernel are the same products, rounded in another order."""

    def apply(t: Tracer, flow: torch.Tensor, output_size: Any, input_size: Any, *rest: Any, **kwargs: Any) -> Array:
        forward = getattr(torch.ops.aten, name.removesuffix("_backward")).default
        flows = t(flow).ravel().tolist()
        count = int(np.prod(input_size))
        if count > MOST_RUNS:
            raise Refusal(f"an operation with {count} elements is too large to be traced", t.recorder.place(), "check it with smaller arrays")
        unit = torch.zeros(tuple(input_size), dtype=torch.float64)
        found = []
        for k in range(count):
            unit.view(-1)[k] = 1
            weights = forward(unit, output_size, *rest, **kwargs).reshape(-1)
            unit.view(-1)[k] = 0
            found.append(_sum(t, [(flows[place], float(weights[place])) for place in torch.nonzero(weights).ravel().tolist()]))
        return np.array(found, dtype=np.int64).reshape(tuple(input_size))

    return apply


def _results(out: Any) -> list[torch.Tensor | None]:
    return [r if isinstance(r, torch.Tensor) and r.dtype.is_floating_point else None for r in ([out] if isinstance(out, torch.Tensor) else out)]


def _sum(t: Tracer, terms: list[tuple[int, float]]) -> int:
    total = -1
    for step, weight in terms:
        product = int(_times(t, step, weight))
        total = product if total < 0 else int(t.gate("add", np.array(total), np.array(product)))
    return total if total >= 0 else int(t(0))


def _times(t: Tracer, step: int, weight: float) -> int:
    one = np.array(step, dtype=np.int64)
    if weight == 1:
        return step
    if weight == -1:
        return int(t.gate("neg", one))
    ratio = Fraction(weight).limit_denominator(1000)
    if float(ratio) != weight:  # weights are quotients of lengths, rounded once or twice
        nearest = Fraction(weight).limit_denominator(100_000)
        ratio = nearest if abs(float(nearest) - weight) <= 4 * np.spacing(abs(weight)) and nearest.denominator < 100_000 else Fraction(weight)
    if ratio.denominator == 1:
        return int(t.gate("mul", one, ratio.numerator))
    if ratio.denominator > 100_000:
        return int(t.gate("mul", one, weight))
    scaled = one if ratio.numerator == 1 else t.gate("mul", one, ratio.numerator)
    return int(t.gate("div", scaled, ratio.denominator))


for _name in MOVES:
    row(_name)(_moved(_name))
for _name in LINEAR:
    row(_name)(linear(_name))
for _name in TRANSPOSED:
    row(_name)(_transposed(_name))


@row("embedding_dense_backward")
def _embedding_backward(t: Tracer, flow: torch.Tensor, indices: torch.Tensor, count: int, padding: int, by_frequency: bool) -> Any:
    """The rows of the gradient of an embedding, of which torch leaves out one, or divides them, where that is wanted."""
    if padding >= 0 and bool((indices == padding).any()):
        t.recorder.leave_out(f"padding_idx={padding} of the embedding", "leaves out the gradient of that row (give it other indices to check the rest)")
    if by_frequency:
        t.recorder.leave_out("scale_grad_by_freq of the embedding", "divides the gradient of each row by how often it is read")
    return linear("embedding_dense_backward")(t, flow, indices, count, padding, by_frequency)


@row("index_put", "_index_put_impl", "_unsafe_index_put")
def _index_put(t: Tracer, a: torch.Tensor, indices: Any, values: torch.Tensor, accumulate: bool = False, *rest: Any) -> Any:
    name = "index_put"
    if accumulate:
        return linear(name)(t, a, indices, values, accumulate, *rest)
    return _moved(name)(t, a, indices, values, accumulate, *rest)


@row("scatter")
def _scatter(t: Tracer, a: torch.Tensor, dim: int, index: torch.Tensor, src: Any, reduce: str | None = None) -> Any:
    if reduce is None:
        return _moved("scatter")(t, a, dim, index, src)
    source = src if isinstance(src, torch.Tensor) else torch.full(index.shape, src, dtype=a.dtype)
    return _scatter_reduce(t, a, dim, index, source, {"add": "sum", "multiply": "prod"}[reduce])


@row("put")
def _put(t: Tracer, a: torch.Tensor, index: torch.Tensor, source: torch.Tensor, accumulate: bool = False) -> Any:
    return (linear if accumulate else _moved)("put")(t, a, index, source, accumulate)


REDUCTIONS = {"sum": "add", "mean": "add", "prod": "mul", "amax": "maximum", "amin": "minimum"}


def _combined(t: Tracer, target: Array, pairs: list[tuple[tuple[int, ...], int]], how: str, *, include_self: bool) -> Array:
    """The array with further elements reduced into some of its places, in their order."""
    found = target.copy()
    count = np.full(found.shape, int(include_self), dtype=np.int64)
    for place, step in pairs:
        found[place] = step if count[place] == 0 else int(t.gate(REDUCTIONS[how], np.array(found[place]), np.array(step)))
        count[place] += 1
    if how == "mean":
        for place in zip(*np.nonzero(count > 1), strict=True):
            found[place] = int(t.gate("div", np.array(found[place]), int(count[place])))
    return found


@row("scatter_reduce")
def _scatter_reduce(t: Tracer, a: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor, reduce: str, include_self: bool = True) -> Array:
    target, source, places = np.atleast_1d(t(a)), np.atleast_1d(t(src)), np.atleast_1d(index.cpu().numpy())
    axis = dim % target.ndim
    pairs = [((*at[:axis], int(places[at]), *at[axis + 1 :]), int(source[at])) for at in np.ndindex(*places.shape)]
    return _combined(t, target, pairs, reduce, include_self=include_self).reshape(tuple(t.out.shape))


@row("index_reduce")
def _index_reduce(t: Tracer, a: torch.Tensor, dim: int, index: torch.Tensor, source: torch.Tensor, reduce: str, include_self: bool = True) -> Array:
    target, rows = np.atleast_1d(t(a)), np.atleast_1d(t(source))
    axis, places = dim % target.ndim, np.atleast_1d(index.cpu().numpy())
    pairs = [((*at[:axis], int(places[at[axis]]), *at[axis + 1 :]), int(rows[at])) for at in np.ndindex(*rows.shape)]
    return _combined(t, target, pairs, reduce, include_self=include_self).reshape(tuple(t.out.shape))


POSITIONS = {"sort": 0, "topk": 1, "kthvalue": 1, "mode": 0, "cummax": 0, "cummin": 0, "_cummax_helper": 2, "_cummin_helper": 2, "median": 0, "nanmedian": 0}  # of the axis among the further arguments


def _axis(name: str, args: Any, kwargs: Any) -> int:
    """The axis along which elements are picked."""
    if kwargs.get("dim") is not None:
        return int(kwargs["dim"])
    position = POSITIONS[name]
    return next((v for v in args[position : position + 1] if isinstance(v, int) and not isinstance(v, bool)), -1)


def _order(t: Tracer, a: torch.Tensor, args: Any, kwargs: Any) -> None:
    """What is picked depends on the order of the elements of each row."""
    steps, values = t(a), floats_in(a)
    if not steps.ndim:
        return
    if t.name in POSITIONS and not isinstance(t.out, torch.Tensor):
        axis = _axis(t.name, args, kwargs)
        steps, values = np.moveaxis(steps, axis, -1), np.moveaxis(values, axis, -1)
    elif "pool" in t.name:
        spatial = int(t.name.partition("pool")[2][0])
        steps, values = steps.reshape(*steps.shape[: steps.ndim - spatial], -1), values.reshape(*values.shape[: values.ndim - spatial], -1)
    elif t.name == "msort":
        steps, values = np.moveaxis(steps, 0, -1), np.moveaxis(values, 0, -1)
    else:
        steps, values = steps.reshape(1, -1), values.reshape(1, -1)
    for own, seen in zip(steps.reshape(-1, steps.shape[-1]), values.reshape(-1, steps.shape[-1]), strict=True):
        t.ordered(own, seen)


def _extreme(t: Tracer, gate: str, steps: Array, dim: int) -> list[Array]:
    """The largest or smallest of each row, and where it is: torch's own place, as long as it is there, else the first."""
    best = arrays.fold(t.builder, gate, steps, dim, keepdims=True)
    lines, own = np.moveaxis(steps, dim, -1), t.out[1].cpu().numpy().reshape(best.shape)
    tops, places = np.moveaxis(best, dim, -1), np.moveaxis(own, dim, -1)
    found = np.empty(tops.shape, dtype=np.int64)
    compare = "ge" if gate == "maximum" else "le"
    for at in np.ndindex(tops.shape):
        hits = t.gate(compare, lines[at[:-1]], np.array(tops[at]))
        first = int(places[at])
        step = t(first)
        for k in [*range(lines.shape[-1] - 1, -1, -1), first]:
            step = t.gate("where", hits[k], t(k), step)
        found[at] = int(step)
    shape = tuple(t.out[1].shape)
    return [best.reshape(shape), np.moveaxis(found, -1, dim).reshape(shape)]


def _of_equals(t: Tracer, tied: list[int], rank: int) -> int:
    """Of elements that are equal here the one of this rank, counted from the smallest: of two their minimum or maximum. Of more, none of which moves it alone, torch's gradient is that of their mean."""
    if len(tied) == 2:
        return int(t.gate("minimum" if rank == 0 else "maximum", np.array(tied[0]), np.array(tied[1])))
    return tied[0] if len(tied) == 1 else int(t.gate("div", arrays.total(t.builder, np.array(tied)), len(tied)))


@row("sort", "topk", "kthvalue", "mode", "cummax", "cummin", "_cummax_helper", "max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d", "fractional_max_pool2d", "fractional_max_pool3d", "median", "nanmedian", "max", "min", "msort")
def _picked(t: Tracer, a: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """Elements that are picked by their values; which ones is followed at this point."""
    name = t.name
    if name in ("max", "min"):
        gate = "maximum" if name == "max" else "minimum"
        if not args and not kwargs:
            return arrays.fold(t.builder, gate, t(a))
        if args and isinstance(args[0], torch.Tensor):
            return t.gate(gate, a, args[0])
        dim = args[0] if args else kwargs["dim"]
        return [t(a), None] if a.ndim == 0 else _extreme(t, gate, t(a), dim)
    steps = t(a)
    _order(t, a, args, kwargs)
    if isinstance(t.out, torch.Tensor) and t.out.ndim == 0:  # median(a)
        floats = floats_in(a).ravel()
        return _of_equals(t, steps.ravel()[floats == float(t.out)].tolist(), int((np.count_nonzero(~np.isnan(floats)) - 1) // 2 - np.count_nonzero(floats < float(t.out))))
    if isinstance(t.out, torch.Tensor):  # msort(a)
        return np.take_along_axis(steps, a.argsort(0).numpy(), 0)
    if not steps.ndim:
        return [steps, None]
    indices = t.out[1].cpu().numpy()
    if "pool" in name:
        spatial = int(name.partition("pool")[2][0])
        rows = steps.reshape(*steps.shape[: steps.ndim - spatial], -1)
        return [np.take_along_axis(rows, indices.reshape(*indices.shape[: indices.ndim - spatial], -1), -1).reshape(indices.shape), None]
    dim = _axis(name, args, kwargs)
    if indices.ndim < steps.ndim:
        return [np.take_along_axis(steps, np.expand_dims(indices, dim), dim).squeeze(dim), None]
    return [np.take_along_axis(steps, indices, dim), None]


__all__ = ["linear", "weighted"]
