"""Draws a circuit as SVG, as in the course notes: on each wire the forward value in green above and the gradient in red below; what is to blame is filled red."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from verifier.report.diagram import Diagram, Figure
from verifier.report.layout import PIXELS, Label, Layout, Placed, Route, laid_out

MARGIN = 16
HEAD = 30  # the title
TITLE = 8.6  # of its letters, more than they are wide
FOOT = 26  # what the colours mean
SIZE, SYMBOL_SIZE = 11.5, 14  # of the letters; PIXELS.character and PIXELS.symbol are their widths
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
FLAT = 0.05  # pixels: a wire that climbs less is level
WIDEST = 1500  # of a band, unless it is said otherwise
MOST_LISTED = 12  # numbers of an array, and statements of a fold, that a title lists

STYLE = """\
.circuit { --paper: #ffffff; --ink: #202124; --quiet: #5f6368; --wire: #80868b; --gate: #ffffff; --value: #137333; --gradient: #b3261e; --guilty: #c5221f; --on-guilty: #ffffff; }
@media (prefers-color-scheme: dark) { .circuit { --paper: #1b1c1e; --ink: #e8eaed; --quiet: #a7acb2; --wire: #80868b; --gate: #2a2c2f; --value: #81c995; --gradient: #f6aea9; --guilty: #d93025; --on-guilty: #ffffff; } }
.circuit text { font-family: MONO; font-size: SIZEpx; fill: var(--ink); white-space: pre; }
.circuit .paper { fill: var(--paper); }
.circuit .title { font-family: system-ui, sans-serif; font-size: 14px; font-weight: 600; }
.circuit .legend { font-family: system-ui, sans-serif; font-size: 11.5px; fill: var(--quiet); }
.circuit .symbol { font-size: SYMBOL_SIZEpx; text-anchor: middle; }
.circuit .wire path { fill: none; stroke: var(--wire); stroke-width: 1.4; }
.circuit .wire path.hit { stroke: transparent; stroke-width: 9; }
.circuit .gate circle, .circuit .gate rect { fill: var(--gate); stroke: var(--ink); stroke-width: 1.4; }
.circuit .fold rect { stroke-dasharray: 4 3; }
.circuit .end text.symbol { font-weight: 600; }
.circuit text.value { fill: var(--value); }
.circuit text.gradient, .circuit text.contribution { fill: var(--gradient); }
.circuit text.exact_gradient, .circuit text.exact_contribution { fill: var(--gradient); font-style: italic; }
.circuit text.ulps, .circuit text.name, .circuit text.cut { fill: var(--quiet); }
.circuit text.guilt { fill: var(--guilty); font-weight: 600; }
.circuit .guilty.wire path:not(.hit) { stroke: var(--guilty); stroke-width: 3.2; }
.circuit .guilty.gate circle, .circuit .guilty.gate rect { fill: var(--guilty); stroke: var(--guilty); }
.circuit .guilty.gate text.symbol { fill: var(--on-guilty); font-weight: 600; }
.circuit .guilty.end text.symbol { fill: var(--guilty); }
@media (prefers-color-scheme: dark) { .circuit text.guilt, .circuit .guilty.end text.symbol { fill: #f28b82; } }
""".replace("MONO", MONO).replace("SYMBOL_SIZE", str(SYMBOL_SIZE)).replace("SIZE", str(SIZE))


def svg(diagram: Diagram, *, standalone: bool = True, digits: int = 12, ulps: bool = False, width: float = WIDEST) -> str:
    """The picture. `standalone`: with its style, its title and what the colours mean; else a page has STYLE once, and only the circuit is drawn.

    `digits` is how many significant digits are written (all of them stand in the titles, which are shown when a pointer rests there), `ulps` adds a line for the errors;
    a circuit that is wider than `width` pixels goes on in a band below (0: it does not).
    """
    return drawn(laid_out(diagram, metrics=PIXELS, digits=digits, ulps=ulps, width=width), standalone=standalone)


def drawn(layout: Layout, *, standalone: bool = True) -> str:
    """A circuit whose places are known."""
    d = layout.diagram
    head = HEAD if standalone else 0
    title = _cut(d.title, max(60, int(layout.width / TITLE)))
    foot = (FOOT + 18 * len(d.notes)) if standalone else 0
    width = round(max(layout.width + 2 * MARGIN, (len(title) * TITLE + 2 * MARGIN) if standalone else 0, 560 if standalone else 0))
    height = round(layout.height + 2 * MARGIN + head + foot)
    owners: dict[str, list[Label]] = {}
    for label in layout.labels:
        owners.setdefault(label.owner, []).append(label)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit" role="img" aria-label="{escape(title)}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(d.title)}</title>",
        f"<desc>{escape(described(d))}</desc>",
    ]
    if standalone:
        parts += [f"<style>{STYLE}</style>", f'<rect class="paper" width="{width}" height="{height}" rx="6"/>', f'<text class="title" x="{MARGIN}" y="26">{escape(title)}</text>']
    parts.append(f'<g transform="translate({MARGIN} {MARGIN + head})">')
    parts += [_route(r, owners.get(r.wire.key, [])) for r in sorted(layout.routes, key=lambda r: r.wire.is_guilty)]
    parts += [_gate(p, owners.get(p.gate.key, [])) for p in layout.gates]
    parts.append("</g>")
    if standalone:
        parts.append(_legend(d, layout.height + 2 * MARGIN + head + 8))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def described(d: Diagram) -> str:
    """The circuit in words, for who does not see it: every gate with its value and gradient."""
    rows = []
    for g in d.gates[: 4 * MOST_LISTED]:
        what = {"input": "input", "output": "output"}.get(g.kind, "gate")
        known = [f"value {_number(g.value)}"] if g.value.is_known else []
        known += [f"gradient {_number(g.gradient)}{'' if g.gradient.is_computed else ' (exact, not computed)'}"] if g.gradient.is_known else []
        rows.append(f"{what} {g.symbol}{f' ({g.name})' if g.name and g.name != g.symbol else ''}: {', '.join(known) or 'no gradient'}{f'; to blame: {g.guilt}' if g.guilt else ''}")
    more = len(d.gates) - len(rows)
    return ". ".join([*rows, *([f"and {more} more gates"] if more > 0 else []), *d.notes]) + "."


def _number(f: Figure) -> str:
    from verifier.report.wire_labels import short

    return short(f, 17)


def _gate(p: Placed, labels: list[Label]) -> str:
    g = p.gate
    kind = {"input": "end input", "output": "end output"}.get(g.kind, f"gate {g.kind}" if g.kind != "gate" else "gate")
    shape = ""
    if g.kind not in ("input", "output"):
        if p.half_width <= p.half_height:
            shape = f'<circle cx="{_n(p.x)}" cy="{_n(p.y)}" r="{_n(p.half_height)}"/>'
        else:
            shape = f'<rect x="{_n(p.x - p.half_width)}" y="{_n(p.y - p.half_height)}" width="{_n(2 * p.half_width)}" height="{_n(2 * p.half_height)}" rx="{_n(p.half_height)}"/>'
    symbol = g.symbol if len(g.symbol) <= 24 else g.symbol[:23] + "…"
    texts = "".join(_text(label) for label in labels)
    return f'<g class="{kind}{" guilty" if g.is_guilty else ""}" id="{g.key}"><title>{escape(_gate_title(p))}</title>{shape}<text class="symbol" x="{_n(p.x)}" y="{_n(p.y + 5)}">{escape(symbol)}</text>{texts}</g>'


def _gate_title(p: Placed) -> str:
    g = p.gate
    rows = [f"{g.name} = {g.text}" if g.name and g.text else g.text or g.name or g.symbol]
    if g.line is not None:
        rows[0] += f"   (line {g.line})"
    if g.guilt:
        rows.append(g.guilt)
    if g.kind == "fold":
        rows = [f"{g.count:,} gates", *g.holds[:MOST_LISTED], *([f"and {len(g.holds) - MOST_LISTED} more statements"] if len(g.holds) > MOST_LISTED else [])]
    return "\n".join([*rows, *figure_rows("value", g.value), *figure_rows("gradient", g.gradient)])


def figure_rows(what: str, f: Figure) -> list[str]:
    """A figure in words: computed, exact, error; of an array number by number."""
    if not f.is_known:
        return []
    rows = []
    for k, (computed, exact, error) in enumerate(zip(f.computed[:MOST_LISTED], f.exact, f.ulps, strict=False)):
        index = f"[{k}]" if f.is_array else ""
        rows.append(f"{what}{index} {computed if computed is not None else 'not computed'}   exact {exact or '-'}" + (f"   {error} ulp" if error is not None else ""))
    return [*rows, *([f"... {len(f.computed) - MOST_LISTED:,} more numbers"] if len(f.computed) > MOST_LISTED else [])]


def _text(label: Label) -> str:
    # The baseline stands so that the letters fill their box.
    return f'<text class="{label.kind}" x="{_n(label.box.left)}" y="{_n(label.box.bottom - 3.5)}">{escape(label.text)}</text>'


def _route(r: Route, labels: list[Label]) -> str:
    """Level across the layers, curved between them."""
    path = []
    for k, points in enumerate(r.pieces):
        path.append(f"M{_n(points[0][0])} {_n(points[0][1])}")
        for n, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            is_end = k == len(r.pieces) - 1 and n == len(points) - 2
            if abs(y0 - y1) < FLAT:
                path.append(f"H{_n(x1)}")
            elif is_end:
                path.append(f"L{_n(x1)} {_n(y1)}")
            else:
                middle = (x0 + x1) / 2
                path.append(f"C{_n(middle)} {_n(y0)} {_n(middle)} {_n(y1)} {_n(x1)} {_n(y1)}")
    w = r.wire
    title = "\n".join([*([w.guilt] if w.guilt else []), *figure_rows("value", w.value), *figure_rows("gradient through this wire" if w.is_branch else "gradient", w.gradient), *([f"local gradient {w.local.exact[0]}"] if w.local.is_known else [])])
    drawing = "".join(path)
    return f'<g class="wire{" guilty" if w.is_guilty else ""}{" branch" if w.is_branch else ""}" id="{w.key}" data-source="{w.source}" data-target="{w.target}"><title>{escape(title)}</title><path class="hit" d="{drawing}"/><path d="{drawing}"/>{"".join(map(_text, labels))}</g>'


def _legend(d: Diagram, top: float) -> str:
    has_exact = any(g.gradient.is_known and not g.gradient.is_computed for g in d.gates) or any(w.gradient.is_known and not w.gradient.is_computed for w in d.wires)
    words = '<tspan fill="var(--value)">green: forward value</tspan>   <tspan fill="var(--gradient)">red: gradient of the output</tspan>'
    if has_exact:
        words += '   <tspan font-style="italic">(in brackets): exact, not computed here</tspan>'
    rows = [f'<text class="legend" x="{MARGIN}" y="{_n(top)}">{words}</text>']
    rows += [f'<text class="legend" x="{MARGIN}" y="{_n(top + 18 * k)}">{escape(note)}</text>' for k, note in enumerate(d.notes, 1)]
    return "".join(rows)


def _n(x: float) -> str:
    """A coordinate, short."""
    return f"{x:.1f}".rstrip("0").rstrip(".")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
