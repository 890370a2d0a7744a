"""Where the gates, wires and labels of a circuit stand: a layered layout, with the boxes of all labels as part of it, so that none overlap.

After Sugiyama, Tagawa and Toda (1981): layers by longest paths, dummies where a wire passes a layer, orders by barycentres with the fewest crossings kept,
and heights by least squares under the distances that boxes need (pool adjacent violators). Deterministic, and about linear in gates and wires.

No library does it: Graphviz as a wheel is 112 MB, ELK 1.6 MB of JavaScript, and grandalf (0.8, "alpha", GPL or EPL) knows no labels and needs pyparsing. One unit is a pixel or a character: `Metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from verifier.report.diagram import CircuitGate, Diagram, Wire
from verifier.report.layered import Vertex, set_heights, sort_layers
from verifier.report.metrics import CHARACTERS, PIXELS, Metrics
from verifier.report.wire_labels import GateTexts, lines_of


@dataclass(frozen=True)
class Rectangle:
    """The room of a label or a gate; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rectangle) -> bool:
        """Whether two boxes have an inner point in common."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True)
class Label:
    """A text with its box. `kind` is value, gradient, contribution (to a gradient, at a fork), exact_gradient and exact_contribution (not computed), ulps, name, guilt, or cut (where a wire goes on in the next band)."""

    owner: str  # key of the gate or wire
    kind: str
    text: str
    box: Rectangle


@dataclass(frozen=True)
class Placed:
    """A gate: the centre of its circle, half its width and height, and the box of all that belongs to it."""

    gate: CircuitGate
    x: float
    y: float
    half_width: float
    half_height: float
    box: Rectangle
    end: float  # where its own part of the leaving wires ends


@dataclass(frozen=True)
class Route:
    """A wire as rows of points, level or across the gap between two layers; several where it goes on in the next band. The last point is at the circle of the target, the one before at its port."""

    wire: Wire
    pieces: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Layout:
    """A circuit with all places."""

    diagram: Diagram
    width: float
    height: float
    gates: tuple[Placed, ...]
    routes: tuple[Route, ...]
    labels: tuple[Label, ...]
    bands: int = 1  # rows into which a long circuit is cut


def laid_out(diagram: Diagram, *, metrics: Metrics = PIXELS, digits: int = 12, ulps: bool = False, wrap: int = 44, width: float = 0.0) -> Layout:
    """The circuit with all places: figures with so many significant digits, with or without a line for ulps, texts about what is wrong in lines of `wrap` characters.

    A circuit that is wider than `width` is cut into bands, one below the other; 0: it is not.
    """
    m = metrics
    layers_of = _layers(diagram)
    vertices: list[Vertex] = []
    index: dict[str, int] = {}
    for g in diagram.gates:
        index[g.key] = len(vertices)
        vertices.append(_vertex(diagram, g, layers_of[g.key], m, digits=digits, ulps=ulps, wrap=wrap))
    passing: dict[tuple[int, int], int] = {}
    chains = {w.key: _chain(w, index, vertices, passing, m) for w in diagram.wires}
    layers: list[list[int]] = [[] for _ in range(max((v.layer for v in vertices), default=0) + 1)]
    for k, v in enumerate(vertices):
        layers[v.layer].append(k)
    _connect(vertices, chains, {})
    sort_layers(vertices, layers)
    ports = _ports(diagram, index, vertices, chains, m)
    _connect(vertices, chains, ports)
    set_heights(vertices, layers, m)
    return _placed(diagram, vertices, index, layers, chains, ports, m, width)


# ---------------------------------------------------------------- layers


def _layers(diagram: Diagram) -> dict[str, int]:
    """The layer of each gate: inputs in the first, every gate after all that it reads, those with more readers than operands as late as possible, outputs in the last."""
    found: dict[str, int] = {}
    before: dict[str, list[str]] = {g.key: [] for g in diagram.gates}
    after: dict[str, list[str]] = {g.key: [] for g in diagram.gates}
    for w in diagram.wires:
        before[w.target].append(w.source)
        after[w.source].append(w.target)
    for g in diagram.gates:
        found[g.key] = max((found[s] + 1 for s in before[g.key]), default=0 if g.kind == "input" else 1)
    last = max(found.values(), default=0)
    for g in diagram.gates:
        if g.kind == "output":
            found[g.key] = last
    for g in reversed(diagram.gates):
        if g.kind not in ("input", "output") and after[g.key] and len(set(after[g.key])) > len(set(before[g.key])):
            found[g.key] = min(found[t] for t in after[g.key]) - 1
    return found


# ---------------------------------------------------------------- boxes


def _vertex(diagram: Diagram, g: CircuitGate, layer: int, m: Metrics, *, digits: int, ulps: bool, wrap: int) -> Vertex:
    """A gate with the sizes of its labels."""
    arriving = diagram.inputs_of(g.key)
    lines = lines_of(g, arriving, digits=digits, ulps=ulps, wrap=wrap)
    half = max(m.radius if g.kind not in ("input", "output") else 0.0, (len(lines.symbol) * m.symbol) / 2 + m.pad)
    if m.is_grid:
        half = float((len(lines.symbol) + 2) // 2)
    inside = max((len(t) for _, texts in lines.arriving for _, t in texts), default=0)
    fan = m.fan if m.is_grid or len(arriving) > 1 else m.fan / 2
    left = half + (fan if arriving else 0.0) + (inside * m.character + 2 * m.pad if inside else 0.0)
    label = max((len(t) for _, t in (*lines.above, *lines.below)), default=0)
    right = half + (label * m.character + 2 * m.pad if label else 0.0)
    half_height = m.radius or 0.5
    under = half_height + m.line * (len(lines.names) + len(lines.guilt)) if lines.guilt or lines.names else half_height
    under_labels = m.line * (len(lines.below) + (0.5 if m.is_grid else 0.25))
    ports = (len(arriving) - 1) / 2 * _port(lines, m)
    above = max(half_height, m.line * (len(lines.above) + (0.5 if m.is_grid else 0.25)), ports + m.line * 0.5)
    tallest = max((len(texts) for _, texts in lines.arriving), default=0)
    below = max(half_height, under_labels, ports + m.line * (tallest + 0.5))
    texts = [*lines.names, *lines.guilt]
    if lines.guilt:
        below = max(below + m.line * (len(texts) + 0.25), under)
    elif texts:
        below = max(below, under + m.line * 0.4) if _is_narrow(texts[0], half, len(arriving), m) else max(below + m.line * (len(texts) + 0.25), under)
    wide = max((len(t) for t in texts), default=0) * m.character / 2
    v = Vertex(g, layer, lines, half, max(left, wide), max(right, wide), above, below)
    if m.is_grid:
        v.half_width, v.left, v.right, v.above, v.below = float(ceil(half)), float(ceil(v.left)), float(ceil(v.right)), float(ceil(above - 0.5)) + 0.5, float(ceil(below - 0.5)) + 0.5
    return v


def _is_narrow(name: str, half_width: float, arriving: int, m: Metrics) -> bool:
    """Whether a name has room between the labels on both sides of a gate."""
    return (arriving < 2 and len(name) < 2 * half_width) if m.is_grid else len(name) * m.character / 2 <= half_width + m.pad


def _port(lines: GateTexts, m: Metrics) -> float:
    """The distance between two wires that lead to one gate."""
    tallest = max((len(texts) for _, texts in lines.arriving), default=0)
    need = m.line * (tallest + (0.0 if m.is_grid else 0.5)) + (1.0 if m.is_grid else m.between / 2)
    return float(2 * ceil(max(m.port, need) / 2)) if m.is_grid else max(m.port, need)


def _chain(w: Wire, index: dict[str, int], vertices: list[Vertex], passing: dict[tuple[int, int], int], m: Metrics) -> list[int]:
    """The vertices that a wire passes, both ends included. Where it passes a layer there is a dummy, one for all wires of a source."""
    source, target = index[w.source], index[w.target]
    chain = [source]
    for layer in range(vertices[source].layer + 1, vertices[target].layer):
        if (source, layer) not in passing:
            passing[source, layer] = len(vertices)
            vertices.append(Vertex(None, layer, above=m.passing / 2, below=m.passing / 2))
        chain.append(passing[source, layer])
    return [*chain, target]


def _connect(vertices: Sequence[Vertex], chains: dict[str, list[int]], ports: dict[str, float]) -> None:
    """Note the neighbours of every vertex, and how far from the middle of a gate a wire reaches it."""
    for v in vertices:
        v.before.clear()
        v.after.clear()
    seen: set[tuple[int, int]] = set()
    for key, chain in chains.items():
        for k, (a, b) in enumerate(pairwise(chain)):
            is_end = k == len(chain) - 2
            if is_end or (a, b) not in seen:
                seen.add((a, b))
                offset = ports.get(key, 0.0) if is_end else 0.0
                vertices[a].after.append((b, offset))
                vertices[b].before.append((a, offset))


def _ports(diagram: Diagram, index: dict[str, int], vertices: Sequence[Vertex], chains: dict[str, list[int]], m: Metrics) -> dict[str, float]:
    """How far from the middle of its target each wire ends: in the order of the operands where it matters, else as the wires come."""
    found: dict[str, float] = {}
    for g in diagram.gates:
        arriving = diagram.inputs_of(g.key)
        if not g.is_ordered:
            arriving.sort(key=lambda w: vertices[chains[w.key][-2]].order)
        lines = vertices[index[g.key]].lines
        distance = _port(lines, m) if lines is not None else m.port
        for place, w in enumerate(arriving):
            found[w.key] = (place - (len(arriving) - 1) / 2) * distance
    return found


# ---------------------------------------------------------------- places


@dataclass(frozen=True)
class _Band:
    """Layers that stand side by side, and how far they are moved from where one long row would have them."""

    first: int
    last: int
    right: float  # of its last layer, after the move
    across: float
    down: float


def _placed(diagram: Diagram, vertices: Sequence[Vertex], index: dict[str, int], layers: Sequence[Sequence[int]], chains: dict[str, list[int]], ports: dict[str, float], m: Metrics, width: float) -> Layout:
    columns: list[tuple[float, float]] = []
    centres: list[float] = []
    at = 0.0
    for k, layer in enumerate(layers):
        left = max((vertices[i].left for i in layer), default=0.0)
        right = max((vertices[i].right for i in layer), default=0.0)
        columns.append((at, at + left + right))
        centres.append(at + left)
        at += left + right + _gap(vertices, layer, m, is_last=k == len(layers) - 1)
    bands = _bands(vertices, layers, columns, width, m)
    band_of = {layer: b for b in bands for layer in range(b.first, b.last + 1)}
    for k, layer in enumerate(layers):
        band = band_of[k]
        columns[k] = (columns[k][0] + band.across, columns[k][1] + band.across)
        centres[k] += band.across
        for i in layer:
            vertices[i].y += band.down
    gates: list[Placed] = []
    labels: list[Label] = []
    for key, i in index.items():
        v = vertices[i]
        if v.gate is not None and v.lines is not None:
            x = centres[v.layer]
            gates.append(Placed(v.gate, x, v.y, v.half_width, m.radius or 0.5, Rectangle(x - v.left, v.y - v.above, x + v.right, v.y + v.below), columns[v.layer][1]))
            labels += _labels(key, v, x, ports, m)
    routes = []
    cuts: dict[int, str] = {}  # by the vertex before the cut: its wires are one there
    marked: set[Rectangle] = set()
    for w in diagram.wires:
        chain = chains[w.key]
        source, target = vertices[chain[0]], vertices[chain[-1]]
        pieces = [[(centres[source.layer] + source.half_width, source.y), (columns[source.layer][1], source.y)]]
        y = target.y + ports[w.key]
        for k in chain[1:]:
            v = vertices[k]
            here, before = band_of[v.layer], band_of[v.layer - 1]
            height = y if k == chain[-1] else v.y
            if here is not before:
                end = (before.right + m.cut / 4, pieces[-1][-1][1])
                pieces[-1].append(end)
                at_cut = chain[chain.index(k) - 1]
                ends = _cut_labels(w.key, cuts.setdefault(at_cut, str(len(cuts) + 1)), end, (m.cut * 0.75, height), m)
                labels += [e for e in ends if e.box not in marked]
                marked.update(e.box for e in ends)
                pieces.append([(m.cut * 0.75, height)])
            pieces[-1].append((columns[v.layer][0], height))
            if k != chain[-1]:
                pieces[-1].append((columns[v.layer][1], height))
        fan = _fan(target, m)
        pieces[-1] += [(centres[target.layer] - target.half_width - fan, y), (centres[target.layer] - target.half_width, target.y)]
        routes.append(Route(w, tuple(map(tuple, pieces))))
    height = max((v.y + v.below for v in vertices), default=0.0)
    right = max((b.right + (m.cut if len(bands) > 1 else 0.0) for b in bands), default=0.0)
    return Layout(diagram, right, height, tuple(gates), tuple(routes), tuple(labels), len(bands))


def _fan(v: Vertex, m: Metrics) -> float:
    """The distance between the ports of a gate and its circle."""
    return m.fan if m.is_grid or (v.lines is not None and len(v.lines.arriving) > 1) else m.fan / 2


def _bands(vertices: Sequence[Vertex], layers: Sequence[Sequence[int]], columns: Sequence[tuple[float, float]], width: float, m: Metrics) -> list[_Band]:
    """The layers in bands of about the same width, each with its own heights."""
    total = columns[-1][1] if columns else 0.0
    room = width - 2 * m.cut
    parts = ceil(total / room) if room > 0 and width < total else 1
    ends: list[int] = []
    start = 0.0
    for k in range(1, len(layers) if parts > 1 else 0):
        if all(v.gate is None or v.gate.kind == "output" for layer in layers[k:] for v in map(vertices.__getitem__, layer)):
            break  # names of outputs alone make no band
        before, after = columns[k - 1][1] - start, columns[k][1] - start
        if after > room or before + after > 2 * total / parts:  # without it the band is nearer to its share than with it
            ends.append(k - 1)
            start = columns[k][0]
    bands: list[_Band] = []
    first, down = 0, 0.0
    for last in [*ends, len(layers) - 1]:
        inside = [vertices[i] for layer in layers[first : last + 1] for i in layer]
        top = min((v.y - v.above for v in inside), default=0.0)
        across = (m.cut if first else 0.0) - (columns[first][0] if columns else 0.0)
        bands.append(_Band(first, last, (columns[last][1] if columns else 0.0) + across, across, down - top - (0.5 if m.is_grid else 0.0)))
        down += max((v.y + v.below for v in inside), default=0.0) - top + 2 * m.between
        first = last + 1
    return bands


def _cut_labels(owner: str, text: str, end: tuple[float, float], start: tuple[float, float], m: Metrics) -> list[Label]:
    """The same number where a wire ends in one band and where it begins in the next one."""
    wide = len(text) * m.character
    if m.is_grid:
        return [Label(owner, "cut", text, Rectangle(end[0] + 1, end[1] - 0.5, end[0] + 1 + wide, end[1] + 0.5)), Label(owner, "cut", text, Rectangle(start[0] - wide, start[1] - 0.5, start[0], start[1] + 0.5))]
    half = m.line / 2
    return [Label(owner, "cut", text, Rectangle(end[0] + 2, end[1] - half, end[0] + 2 + wide, end[1] + half)), Label(owner, "cut", text, Rectangle(start[0] - 2 - wide, start[1] - half, start[0] - 2, start[1] + half))]


def _gap(vertices: Sequence[Vertex], layer: Sequence[int], m: Metrics, *, is_last: bool) -> float:
    """The width to the next layer: more where wires climb far."""
    if is_last:
        return 0.0
    climbs = [abs(vertices[n].y + e - vertices[i].y) for i in layer for n, e in vertices[i].after]
    if m.is_grid:
        return m.gap + 2.0 * ceil(len({i for i in layer if any(vertices[n].y + e != vertices[i].y for n, e in vertices[i].after)}) / 2)
    return max(m.gap, min(3 * m.gap, 0.22 * max(climbs, default=0.0)))


def _labels(key: str, v: Vertex, x: float, ports: dict[str, float], m: Metrics) -> list[Label]:
    """The labels of a gate with their boxes: those of the wire that leaves, of the wires that arrive, and what stands below."""
    lines, found = v.lines, list[Label]()
    if lines is None:
        return found
    left = x + v.half_width + m.pad
    half = 0.5 if m.is_grid else 0.15
    for k, (kind, text) in enumerate(reversed(lines.above)):
        bottom = v.y - (half if m.is_grid else m.line * half) - k * m.line
        found.append(Label(key, kind, text, Rectangle(left, bottom - m.line, left + len(text) * m.character, bottom)))
    for k, (kind, text) in enumerate(lines.below):
        top = v.y + (half if m.is_grid else m.line * half) + k * m.line
        found.append(Label(key, kind, text, Rectangle(left, top, left + len(text) * m.character, top + m.line)))
    start = x - v.left
    end = x - v.half_width - _fan(v, m) - m.pad
    for w, texts in lines.arriving:
        for k, (kind, text) in enumerate(texts):
            top = v.y + ports[w] + (half if m.is_grid else m.line * half) + k * m.line
            found.append(Label(w, kind, text, Rectangle(end - len(text) * m.character, top, end, top + m.line)))
    texts_below = [("name", t) for t in lines.names] + [("guilt", t) for t in lines.guilt]
    top = v.y + v.below - m.line * len(texts_below) - (0 if m.is_grid else m.line * 0.1)
    if not lines.guilt and lines.names and _is_narrow(lines.names[0], v.half_width, len(lines.arriving), m):
        top = v.y + (m.radius + m.line * 0.2 if m.radius else 0.5)
    for k, (kind, text) in enumerate(texts_below):
        wide = len(text) * m.character
        at = max(start, x - wide / 2) if not m.is_grid else float(max(start, int(x - wide / 2)))
        found.append(Label(key, kind, text, Rectangle(at, top + k * m.line, at + wide, top + (k + 1) * m.line)))
    return found


__all__ = ["CHARACTERS", "PIXELS", "Label", "Layout", "Metrics", "Placed", "Rectangle", "Route", "laid_out"]
