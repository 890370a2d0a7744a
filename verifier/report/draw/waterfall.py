"""Draws waterfalls of ledgers as SVG: one bar per statement, from the exact gradient to the computed one, over the numbers of the format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from verifier.language import formats
from verifier.language.formats import format_named
from verifier.report.draw.svg import PixelScale
from verifier.report.legs import Leg, Waterfall, reach

WIDTH, LEFT, RIGHT = 920, 380, 90  # in pixels; statements stand on the left, effects on the right
ROW, HEAD, FOOT, GAP = 24, 62, 46, 14
CHARACTERS = 40  # of a statement
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
INK, QUIET, LINE, PALE = "#202124", "#5f6368", "#c4c7cc", "#e8eaed"
WORSE, BETTER, ROUNDED = "#d55e00", "#0072b2", "#e2f3ec"  # Okabe and Ito: told apart by the colour-blind
TIP = 5  # of an arrow
NARROWEST = 12  # pixels of an ulp in which floats are drawn
SHOWN_CONDITION = 4.0  # condition numbers of sums from here on are written


def render(paths: Sequence[Waterfall], *, title: str) -> str:
    """One panel for each path, under each other, over one axis."""
    scale, low, high = _scale(paths)
    heights = [HEAD + ROW * (len(p.legs) + 2) + GAP for p in paths]
    height = 34 + sum(heights) + FOOT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text x="20" y="26" font-size="15" font-weight="600" fill="{INK}">{escape(title)}</text>',
    ]
    top = 34
    for path, tall in zip(paths, heights, strict=True):
        parts.append(f'<g transform="translate(0 {top})">{_panel(path, scale, low, high)}</g>')
        top += tall
    parts += [_axis(scale, low, high, top), "</svg>"]
    return "\n".join(parts) + "\n"


def _scale(paths: Sequence[Waterfall]) -> tuple[PixelScale, float, float]:
    """Pixels of a place in ulps; all paths, and half an ulp around the exact value, are on it."""
    ends = [reach(p.legs) for p in paths]
    low, high = min(-0.5, *(e[0] for e in ends)), max(0.5, *(e[1] for e in ends))
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    return lambda u: round(LEFT + (u - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1), low, high


def _panel(p: Waterfall, x: PixelScale, low: float, high: float) -> str:
    bottom = HEAD + ROW * (len(p.legs) + 2)
    parts = [
        f'<text x="20" y="20" font-weight="600" font-size="13" fill="{INK}">{escape(p.implementation)}.{escape(p.gradient)}</text>',
        f'<text x="20" y="37" fill="{QUIET}">{p.verdict.value.replace("_", "-")}, {_ulps(p.end)}, {escape(p.format)}</text>',
        f'<rect x="{x(-0.5)}" y="{HEAD - 4}" width="{round(x(0.5) - x(-0.5), 1)}" height="{bottom - HEAD + 4}" fill="{ROUNDED}"/>',
        _floats(p, x, low, high, bottom),
        f'<line x1="{x(0)}" x2="{x(0)}" y1="{HEAD - 4}" y2="{bottom}" stroke="{INK}" stroke-dasharray="3 3"/>',
        _row(f"exact    {p.exact}", None, HEAD), f'<circle cx="{x(0)}" cy="{HEAD + ROW / 2}" r="4" fill="{INK}"/>',
    ]  # fmt: skip
    at = 0.0
    for k, leg in enumerate(p.legs, 1):
        parts.append(_leg(leg, at, p.end, x, HEAD + ROW * k))
        at += leg.ulps
    last = HEAD + ROW * (len(p.legs) + 1)
    parts += [
        _connector(x(at), last),
        _row(f"computed {formats.text(format_named(p.format), p.computed)}", None, last),
        f'<circle cx="{x(p.end)}" cy="{last + ROW / 2}" r="4.5" fill="{WORSE if p.computed != p.rounded else INK}"/>',
        _effect(p.end, last, bold=True),
    ]
    return "".join(parts)


def _floats(p: Waterfall, x: PixelScale, low: float, high: float, bottom: float) -> str:
    """The numbers of the format as lines, with their digits where there is room: first the computed and the rounded one."""
    fmt, parts = format_named(p.format), []
    taken: list[tuple[float, float]] = []
    inside = [(value, place) for value, place in p.floats if low <= place <= high and x(1) - x(0) >= NARROWEST]
    for value, place in sorted(inside, key=lambda f: (f[0] != p.computed, f[0] != p.rounded, abs(f[1]))):
        at, text = x(place), formats.text(fmt, value)
        parts.append(f'<line x1="{at}" x2="{at}" y1="{HEAD - 8}" y2="{bottom}" stroke="{LINE}" stroke-width="1.5"/>')
        half = 3.6 * len(text)
        centre = min(max(at, LEFT + half), WIDTH - half - 8)
        if all(abs(centre - other) >= half + wide + 10 for other, wide in taken):
            taken.append((centre, half))
            weight = ' font-weight="600"' if value == p.computed else ""
            parts.append(f'<text x="{round(centre, 1)}" y="{HEAD - 14}" text-anchor="middle" font-family="{MONO}" font-size="11.5"{weight} fill="{INK if value == p.computed else QUIET}">{text}</text>')
    return "".join(parts)


def _leg(leg: Leg, start: float, end: float, x: PixelScale, top: float) -> str:
    """A bar with the point where the path goes on."""
    a, b = x(start), x(start + leg.ulps)
    colour = WORSE if leg.ulps * end > 0 else BETTER
    tip = math.copysign(min(TIP, abs(b - a)), b - a)
    up, down, middle = top + 5, top + ROW - 5, top + ROW / 2
    shape = f'<path d="M{a} {up}L{round(b - tip, 1)} {up}L{b} {middle}L{round(b - tip, 1)} {down}L{a} {down}Z" fill="{colour}"/>' if abs(b - a) >= 1 else f'<line x1="{b}" x2="{b}" y1="{up}" y2="{down}" stroke="{QUIET}" stroke-width="1.5"/>'
    return _connector(a, top) + _row(leg.statement, leg.line, top) + shape + _condition(leg, max(a, b), min(a, b), top) + _effect(leg.ulps, top)


def _condition(leg: Leg, right: float, left: float, top: float) -> str:
    """The condition number of a sum, beside its bar."""
    if not leg.condition or float(leg.condition) < SHOWN_CONDITION:
        return ""
    beside = f'x="{right + 8}"' if right < WIDTH - RIGHT - 120 else f'x="{left - 8}" text-anchor="end"'
    return f'<text {beside} y="{top + 16}" font-size="11" fill="{QUIET}">condition {leg.condition}</text>'


def _connector(at: float, top: float) -> str:
    return f'<line x1="{at}" x2="{at}" y1="{top - 7}" y2="{top + 7}" stroke="{QUIET}"/>'


def _row(statement: str, line: int | None, top: float) -> str:
    shown = statement if len(statement) <= CHARACTERS else statement[: CHARACTERS - 1] + "…"
    place = "" if line is None else f'<text x="{LEFT - 12}" y="{top + 16}" text-anchor="end" font-size="11" fill="{QUIET}">line {line}</text>'
    return f'<text x="20" y="{top + 16}" font-family="{MONO}" font-size="11.5" fill="{INK}" xml:space="preserve">{escape(shown)}{f"<title>{escape(statement)}</title>" if shown != statement else ""}</text>{place}'


def _effect(ulps: float, top: float, *, bold: bool = False) -> str:
    return f'<text x="{WIDTH - 16}" y="{top + 16}" text-anchor="end" font-family="{MONO}" font-size="11.5"{" font-weight=" + chr(34) + "600" + chr(34) if bold else ""} fill="{INK}">{_figure(ulps)}</text>'


def _ulps(ulps: float) -> str:
    return f"{_figure(ulps)} ulp"


def _figure(ulps: float) -> str:
    """A number of ulps with its sign; the minus is the typographic one."""
    return (f"{ulps:+.4f}" if abs(ulps) < 1e4 else f"{ulps:+.3e}").replace("-", "−")


def _axis(x: PixelScale, low: float, high: float, top: float) -> str:
    """Ticks in ulps under all panels, and what the colours mean."""
    step = 10.0 ** math.floor(math.log10(high - low))
    step *= next(m for m in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if (high - low) / (step * m) <= 8)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    parts = [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top}" y2="{top}" stroke="{LINE}"/>']
    for tick in ticks:
        label = f"{tick:+.6g}".replace("-", "−") if abs(tick) > step / 2 else "0"
        parts.append(f'<line x1="{x(tick)}" x2="{x(tick)}" y1="{top}" y2="{top + 5}" stroke="{QUIET}"/><text x="{x(tick)}" y="{top + 18}" text-anchor="middle" fill="{QUIET}">{label}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{top + 36}" text-anchor="middle" fill="{QUIET}">ulps from the exact gradient</text>')
    at = 20
    for colour, words in ((WORSE, "makes the error"), (BETTER, "lessens it"), (ROUNDED, "within ½ ulp")):
        parts.append(f'<rect x="{at}" y="{top + 26}" width="12" height="12" fill="{colour}"/><text x="{at + 17}" y="{top + 36}" fill="{QUIET}">{words}</text>')
        at += 34 + round(6.1 * len(words))
    parts.append(f'<line x1="{at + 5}" x2="{at + 5}" y1="{top + 25}" y2="{top + 39}" stroke="{LINE}" stroke-width="1.5"/><text x="{at + 12}" y="{top + 36}" fill="{QUIET}">a float</text>')
    return "".join(parts)
