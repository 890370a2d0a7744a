"""Draws a circuit with characters, in the same layout as the SVG: on each wire the forward value above and the gradient below."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from verifier.report.diagram import Diagram
from verifier.report.draw.paint import Paint
from verifier.report.layout import CHARACTERS, Layout, Placed, Route, laid_out

DIGITS = (12, 6, 4, 3)  # of figures: the first with which the circuit is no wider than the terminal
LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
_LINES = {0: " ", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", UP: "│", DOWN: "│", UP | DOWN: "│", LEFT | UP: "┘", RIGHT | UP: "└", LEFT | RIGHT | UP: "┴", LEFT | DOWN: "┐", RIGHT | DOWN: "┌", LEFT | RIGHT | DOWN: "┬", LEFT | UP | DOWN: "┤", RIGHT | UP | DOWN: "├", LEFT | RIGHT | UP | DOWN: "┼"}  # fmt: skip
_ASCII = {"─": "-", "│": "|", **dict.fromkeys("┘└┴┐┌┬┤├┼", "+"), "…": "~", "∇": "d", "±": "+-"}
COLOURS = {"value": "green", "gradient": "red", "contribution": "red", "exact_gradient": "red", "exact_contribution": "red", "ulps": "dim", "name": "dim", "guilt": "red", "cut": "dim"}
BOLD = frozenset(("guilt",))


def render(diagram: Diagram, *, paint: Paint, ulps: bool = False, encoding: str = "utf-8") -> str:
    """The picture, with so many digits that it fits the terminal; where it does not even with a few, in bands. Lines are ASCII where the encoding has no others."""
    layout = laid_out(diagram, metrics=CHARACTERS, digits=DIGITS[0], ulps=ulps)
    for digits in DIGITS[1:]:
        if not paint.columns or layout.width <= paint.columns:
            break
        layout = laid_out(diagram, metrics=CHARACTERS, digits=digits, ulps=ulps, width=paint.columns if digits == DIGITS[-1] else 0)
    text = "\n".join([paint(diagram.title, bold=True), "", *drawn(layout, paint), "", _legend(diagram, paint), *diagram.notes]) + "\n"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_ASCII.get(c, c) for c in text)
    return text


def drawn(layout: Layout, paint: Paint) -> list[str]:
    """The lines of a circuit whose places are known."""
    canvas = _Canvas(round(layout.height) + 2)
    channels = _channels(layout.routes)
    for route in layout.routes:
        _route(canvas, route, channels)
    for p in layout.gates:
        _gate(canvas, p)
    for label in layout.labels:
        canvas.write(round(label.box.left), round((label.box.top + label.box.bottom) / 2), label.text, COLOURS[label.kind], is_bold=label.kind in BOLD)
    return canvas.lines(paint)


class _Canvas:
    """Cells with a character and its colour; and wires, which join in a cell if they have one owner."""

    def __init__(self, height: int) -> None:
        self.height = height
        self.cells: dict[tuple[int, int], tuple[str, str, bool]] = {}
        self.wires: dict[tuple[int, int], dict[str, int]] = {}
        self.guilty: set[tuple[int, int]] = set()

    def write(self, x: int, y: int, text: str, colour: str = "", *, is_bold: bool = False) -> None:
        """Put a text there."""
        for k, c in enumerate(text):
            self.cells[y, x + k] = (c, colour, is_bold)

    def add(self, x: int, y: int, directions: int, owner: str, *, is_guilty: bool) -> None:
        """Let a wire pass a cell in some directions."""
        owners = self.wires.setdefault((y, x), {})
        owners[owner] = owners.get(owner, 0) | directions
        if is_guilty:
            self.guilty.add((y, x))

    def lines(self, paint: Paint) -> list[str]:
        """The text, in colours."""
        for at, owners in self.wires.items():
            if at not in self.cells:
                level = [m for m in owners.values() if m & (LEFT | RIGHT)]
                mask = next(iter(owners.values())) if len(owners) == 1 else max(level or owners.values(), key=lambda m: (m & 3 == 3, m.bit_count()))  # where two cross, the level one is seen
                self.cells[at] = (_LINES[mask], "red" if at in self.guilty else "dim", at in self.guilty)
        rows: dict[int, dict[int, tuple[str, str, bool]]] = {}
        for (y, x), cell in self.cells.items():
            rows.setdefault(y, {})[x] = cell
        found = []
        for y in range(min(rows, default=0), max(rows, default=-1) + 1):
            row = rows.get(y, {})
            found.append(_painted([row.get(x, (" ", "", False)) for x in range(max(row, default=-1) + 1)], paint))
        return found


def _painted(row: Iterable[tuple[str, str, bool]], paint: Paint) -> str:
    parts: list[tuple[str, str, bool]] = []
    for c, colour, is_bold in row:
        if parts and parts[-1][1:] == (colour, is_bold):
            parts[-1] = (parts[-1][0] + c, colour, is_bold)
        else:
            parts.append((c, colour, is_bold))
    return "".join(paint(text, colour, bold=is_bold) if text.strip() else text for text, colour, is_bold in parts).rstrip()


def _gate(canvas: _Canvas, p: Placed) -> None:
    g, x, y, half = p.gate, round(p.x), round(p.y), round(p.half_width)
    symbol = g.symbol if len(g.symbol) <= 24 else g.symbol[:23] + "…"
    if g.kind in ("input", "output"):
        canvas.write(x - half + (1 if g.kind == "output" else 2 * half - 1 - len(symbol) + 1), y, symbol, "red" if g.is_guilty else "", is_bold=True)
        return
    opening, closing = "!!" if g.is_guilty else "[]" if g.kind == "fold" else "()"
    canvas.write(x - half, y, (opening + symbol + closing).ljust(2 * half + 1, "─"), "red" if g.is_guilty else "", is_bold=True)


def _channels(routes: Iterable[Route]) -> dict[tuple[float, float, str], int]:
    """The column in which each source climbs, in each gap: one for each, so that none run into each other."""
    climbing: dict[float, dict[str, None]] = {}
    for r in routes:
        for points in r.pieces:
            for (x0, y0), (x1, y1) in pairwise(points[:-1]):
                if y0 != y1 and x0 != x1:
                    climbing.setdefault(x0, {})[f"{r.wire.source} {y0}"] = None
    return {(x0, 0.0, owner): round(x0) + 1 + k for x0, owners in climbing.items() for k, owner in enumerate(owners)}


def _route(canvas: _Canvas, r: Route, channels: dict[tuple[float, float, str], int]) -> None:
    owner, w = r.wire.source, r.wire
    for k, points in enumerate(r.pieces):
        is_last = k == len(r.pieces) - 1
        for n, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            a, b = (round(x0), round(y0)), (round(x1), round(y1))
            if is_last and n == len(points) - 2:  # from the port to the circle
                _fan(canvas, a, b, w.target, is_guilty=w.is_guilty)
            elif a[1] == b[1]:
                _level(canvas, a[0], b[0], a[1], owner, is_guilty=w.is_guilty)
            else:
                middle = channels.get((x0, 0.0, f"{owner} {y0}"), (a[0] + b[0]) // 2)
                _level(canvas, a[0], middle, a[1], owner, is_guilty=w.is_guilty)
                _climb(canvas, middle, a[1], b[1], owner, is_guilty=w.is_guilty)
                _level(canvas, middle, b[0], b[1], owner, is_guilty=w.is_guilty)


def _level(canvas: _Canvas, start: int, end: int, y: int, owner: str, *, is_guilty: bool) -> None:
    for x in range(start, end + 1):
        canvas.add(x, y, (LEFT if x > start else 0) | (RIGHT if x < end else 0), owner, is_guilty=is_guilty)


def _climb(canvas: _Canvas, x: int, start: int, end: int, owner: str, *, is_guilty: bool) -> None:
    low, high = min(start, end), max(start, end)
    for y in range(low, high + 1):
        canvas.add(x, y, (UP if y > low else 0) | (DOWN if y < high else 0), owner, is_guilty=is_guilty)


def _fan(canvas: _Canvas, port: tuple[int, int], circle: tuple[int, int], owner: str, *, is_guilty: bool) -> None:
    """The last cells: from the port up or down to the height of the circle."""
    x, y = port
    canvas.add(x, y, LEFT, owner, is_guilty=is_guilty)
    _climb(canvas, x, y, circle[1], owner, is_guilty=is_guilty)
    _level(canvas, x, circle[0], circle[1], owner, is_guilty=is_guilty)


def _legend(d: Diagram, paint: Paint) -> str:
    words = paint("above a wire its value", "green") + ", " + paint("below it the gradient of the output", "red")
    has_exact = any(g.gradient.is_known and not g.gradient.is_computed for g in d.gates) or any(w.gradient.is_known and not w.gradient.is_computed for w in d.wires)
    return words + ("; in brackets: exact, not computed here" if has_exact else "")
