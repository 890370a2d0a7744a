"""Orders the layers of a circuit and finds the heights in them: barycentres with the fewest crossings kept, then least squares under the distances that boxes need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from verifier.report.diagram import CircuitGate
from verifier.report.metrics import Metrics
from verifier.report.wire_labels import GateTexts

SWEEPS = 12  # over all layers, for the order
HEIGHT_SWEEPS = 16  # and for the heights
STRAIGHT = 4.0  # how much more a wire that passes a layer wants to be straight
MOST_CROSSINGS_COUNTED = 20_000  # wires between layers; of larger pictures the last order is taken


@dataclass
class Vertex:
    """A gate with its labels, or a dummy where a wire passes a layer. Sizes are relative to the point at which the wires leave."""

    gate: CircuitGate | None
    layer: int
    lines: GateTexts | None = None
    half_width: float = 0.0
    left: float = 0.0
    right: float = 0.0
    above: float = 0.0
    below: float = 0.0
    y: float = 0.0
    order: float = 0.0
    before: list[tuple[int, float]] = field(default_factory=list)  # neighbours in the layer before, and how far from this vertex the wire ends
    after: list[tuple[int, float]] = field(default_factory=list)  # neighbours in the next layer, and how far from them it ends


# ---------------------------------------------------------------- order


def sort_layers(vertices: list[Vertex], layers: list[list[int]]) -> None:
    """Sort each layer by the barycentres of neighbours, to and fro; the order with the fewest crossings is kept."""
    _first_order(vertices, layers)
    wires = sum(len(v.after) for v in vertices)
    best, fewest = [list(layer) for layer in layers], _crossings(vertices, layers) if wires <= MOST_CROSSINGS_COUNTED else 0
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        for layer in layers[1:] if forwards else layers[-2::-1]:
            for k in layer:
                near = vertices[k].before if forwards else vertices[k].after
                if near:
                    vertices[k].order = sum(vertices[n].order + 0.3 * _sign(offset) for n, offset in near) / len(near)
            layer.sort(key=lambda k: vertices[k].order)
            for place, k in enumerate(layer):
                vertices[k].order = place
        if wires <= MOST_CROSSINGS_COUNTED:
            crossings = _crossings(vertices, layers)
            if crossings < fewest:
                best, fewest = [list(layer) for layer in layers], crossings
        else:
            best = [list(layer) for layer in layers]
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order
        for place, k in enumerate(layer):
            vertices[k].order = place


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)


def _first_order(vertices: list[Vertex], layers: list[list[int]]) -> None:
    """From the outputs backwards, depth first: what belongs to one gate stands together."""
    seen: set[int] = set()
    placed: list[list[int]] = [[] for _ in layers]
    for root in [k for k in range(len(vertices)) if not vertices[k].after]:
        pending = [root]
        while pending:
            k = pending.pop()
            if k in seen:
                continue
            seen.add(k)
            placed[vertices[k].layer].append(k)
            pending.extend(n for n, _ in reversed(vertices[k].before))
    for layer, order in zip(layers, placed, strict=True):
        layer[:] = order
        for place, k in enumerate(layer):
            vertices[k].order = place


def _crossings(vertices: Sequence[Vertex], layers: Sequence[Sequence[int]]) -> int:
    """How many pairs of wires cross between neighbouring layers, counted with a Fenwick tree."""
    total = 0
    for k, layer in enumerate(layers[:-1]):
        size = len(layers[k + 1])
        tree = [0] * (size + 1)
        count = 0
        for a in layer:
            ends = sorted(int(vertices[b].order) for b, _ in vertices[a].after)
            for end in ends:
                at, less = end + 1, 0
                while at:
                    less += tree[at]
                    at &= at - 1
                total += count - less
            for end in ends:
                at = end + 1
                while at <= size:
                    tree[at] += 1
                    at += at & -at
                count += 1
    return total


# ---------------------------------------------------------------- heights


def set_heights(vertices: Sequence[Vertex], layers: Sequence[Sequence[int]], m: Metrics) -> None:
    """The height of each vertex: near that of its neighbours, with room for all boxes."""
    for layer in layers:
        at = 0.0
        for k in layer:
            at += vertices[k].above
            vertices[k].y = at
            at += vertices[k].below + m.between
    for sweep in range(HEIGHT_SWEEPS):
        both = sweep >= HEIGHT_SWEEPS - 4
        forwards = sweep % 2 == 0
        for layer in layers if forwards else layers[::-1]:
            wanted: list[tuple[float, float]] = []
            for k in layer:
                v = vertices[k]
                near = [(vertices[n].y - (e if v.gate is not None else 0.0) + 0.0, n) for n, e in v.before] if forwards or both else []
                near += [(vertices[n].y + e, n) for n, e in v.after] if not forwards or both or not near else []
                weights = [STRAIGHT if v.gate is None and vertices[n].gate is None else 2.0 if v.gate is None or len(near) == 1 else 1.0 for _, n in near]
                weight = sum(weights)
                wanted.append((sum(y * w for (y, _), w in zip(near, weights, strict=True)) / weight, weight) if near else (v.y, 0.01))
            for k, y in zip(layer, _spread(wanted, [vertices[k] for k in layer], m), strict=True):
                vertices[k].y = y
    _straighten(vertices, layers, m)
    if m.is_grid:
        for layer in layers:
            least = -1e9
            for k in layer:
                v = vertices[k]
                v.y = max(float(round(v.y)), float(ceil(least + v.above)))
                least = v.y + v.below + m.between - 1


def _straighten(vertices: Sequence[Vertex], layers: Sequence[Sequence[int]], m: Metrics) -> None:
    """Make level what is nearly so, where there is room: wires of a single reader, and those that pass a layer."""
    for layer in layers[1:]:
        for place, k in enumerate(layer):
            v = vertices[k]
            if len(v.before) != 1:
                continue
            (n, offset), = v.before
            y = vertices[n].y - offset
            if abs(y - v.y) > 2 * m.line:
                continue
            over, under = layer[place - 1] if place else None, layer[place + 1] if place + 1 < len(layer) else None
            low = vertices[over].y + vertices[over].below + m.between + v.above if over is not None else float("-inf")
            high = vertices[under].y - vertices[under].above - m.between - v.below if under is not None else float("inf")
            if low <= y <= high:
                v.y = y


def _spread(wanted: Sequence[tuple[float, float]], column: Sequence[Vertex], m: Metrics) -> list[float]:
    """The heights nearest to those wanted, by weighted squares, at which no two boxes overlap: pool adjacent violators."""
    offsets, at = [], 0.0
    for k, v in enumerate(column):
        at += v.above if k else 0.0
        offsets.append(at)
        at += v.below + m.between
    pools: list[list[float]] = []  # sum of weight * place, weight, count
    for (y, weight), offset in zip(wanted, offsets, strict=True):
        pools.append([(y - offset) * weight, weight, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, w, n = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + w, pools[-1][2] + n]
    places = [total / w for total, w, n in pools for _ in range(int(n))]
    return [p + o for p, o in zip(places, offsets, strict=True)]
