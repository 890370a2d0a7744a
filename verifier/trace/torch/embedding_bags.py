"""Rows of aten operations on bags of the rows of a table: their sum or mean, the sum of their multiples, the largest of every column."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from verifier.circuit.arrays import Array
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import Tracer, row
from verifier.trace.torch.moves import linear
from verifier.trace.torch.products import Places, bilinear

SUM, LARGEST = 0, 2  # the modes


def _read(indices: torch.Tensor, bags: torch.Tensor, padding: int) -> tuple[Places, Places, Places]:
    """What is read, in order: its place among the indices, the row of the table, the bag. Without the row that stands for nothing."""
    rows, bag = indices.cpu().numpy(), bags.cpu().numpy()
    places = np.nonzero(rows != padding)[0]
    return places, rows[places], bag[places]


def _bag_of_each(offsets: torch.Tensor, count: int) -> torch.Tensor:
    """The bag of every index; empty ones begin where the next one does."""
    return torch.searchsorted(offsets, torch.arange(count, dtype=offsets.dtype), right=True) - 1


def _triples(at: Places, places: Places, bag: Places, width: int) -> tuple[Places, Places, Places]:
    """The (row of the table, place, bag) of every product, an element of the width at a time, as places in flattened arrays."""
    columns = np.arange(width)
    return ((at[:, None] * width + columns).ravel(), np.repeat(places, width), (bag[:, None] * width + columns).ravel())


@row("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(
    t: Tracer,
    table: torch.Tensor,
    indices: torch.Tensor,
    offsets: torch.Tensor,
    scale: bool = False,
    mode: int = SUM,
    sparse: bool = False,
    weights: torch.Tensor | None = None,
    include_last: bool = False,
    padding: int = -1,
) -> Any:
    if mode == LARGEST:
        return _largest(t, table, indices, offsets, padding)
    if weights is None:
        return linear("_embedding_bag")(t, table, indices, offsets, scale, mode, sparse, weights, include_last, padding)
    places, at, bag = _read(indices, _bag_of_each(offsets, len(indices)), padding)
    rows, multiples, outs = _triples(at, places, bag, table.shape[1])
    shape = tuple(t.out[0].shape)
    return [bilinear(t, t(table).ravel(), t(weights).ravel(), int(np.prod(shape)), (outs, rows, multiples)).reshape(shape), None, None, None]


def _largest(t: Tracer, table: torch.Tensor, indices: torch.Tensor, offsets: torch.Tensor, padding: int) -> list[Array | None]:
    """The largest of every column of a bag; which one it is is followed at this point. An empty bag has zeros."""
    steps, floats = t(table), floats_in(table)
    _, at, bag = _read(indices, _bag_of_each(offsets, len(indices)), padding)
    found, chosen = np.full(tuple(t.out[0].shape), int(t(0)), dtype=np.int64), t.out[3].cpu().numpy()
    for k in np.unique(bag):
        own = at[bag == k]
        for column in range(steps.shape[1]):
            t.ordered(steps[own, column], floats[own, column])
            found[k, column] = steps[chosen[k, column], column]
    return [found, None, None, None]


@row("_embedding_bag_backward")
def _embedding_bag_backward(t: Tracer, flow: torch.Tensor, indices: torch.Tensor, offsets: torch.Tensor, bags: torch.Tensor, sizes: torch.Tensor, largest: torch.Tensor, count: int, *rest: Any) -> Any:
    scale, mode, sparse, weights, padding = (*rest, -1)[:5]
    if weights is None:
        return linear("_embedding_bag_backward")(t, flow, indices, offsets, bags, sizes, largest, count, scale, mode, sparse, weights, padding)
    places, at, bag = _read(indices, bags if len(bags) else _bag_of_each(offsets, len(indices)), padding)
    rows, multiples, outs = _triples(at, places, bag, flow.shape[1])
    return bilinear(t, t(flow).ravel(), t(weights).ravel(), count * flow.shape[1], (rows, outs, multiples)).reshape(count, flow.shape[1])


@row("_embedding_bag_per_sample_weights_backward")
def _multiples_backward(t: Tracer, flow: torch.Tensor, table: torch.Tensor, indices: torch.Tensor, offsets: torch.Tensor, bags: torch.Tensor, mode: int, padding: int = -1) -> Array:
    del mode
    places, at, bag = _read(indices, bags if len(bags) else _bag_of_each(offsets, len(indices)), padding)
    rows, multiples, outs = _triples(at, places, bag, table.shape[1])
    return bilinear(t, t(flow).ravel(), t(table).ravel(), len(indices), (multiples, outs, rows))
