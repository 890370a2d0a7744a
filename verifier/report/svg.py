"""Curves of errors as SVG, plain text: points, the largest error of each column of pixels, verdicts as colours, maxima always kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np

from verifier.plot import Curve
from verifier.verdict import Verdict

WIDTH, HEIGHT = 920, 300  # of one panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 46, 44
Scale = Callable[[Any], Any]  # a value, or an array of them, to pixels
COLUMNS = 420  # each keeps the largest error of every verdict in it, and one point beside it
LEAST = 2.0**-10  # ulps: what is below lies on the lowest line
COLOURS = {
    Verdict.CORRECT: "#2a9d5c", Verdict.ROUNDING: "#3b76c4", Verdict.SUBGRADIENT: "#7a9c2a", Verdict.ILL_CONDITIONED: "#c9a227",
    Verdict.UNSTABLE: "#e07b1f", Verdict.VANISHED: "#9b4fc0", Verdict.NONFINITE: "#d6336c", Verdict.WRONG: "#c92a2a",
    Verdict.UNDEFINED: "#9aa0a6", Verdict.UNDECIDED: "#444444",
}  # fmt: skip
SEVERITY = {v: i for i, v in enumerate((Verdict.CORRECT, Verdict.ROUNDING, Verdict.SUBGRADIENT, Verdict.UNDEFINED, Verdict.ILL_CONDITIONED, Verdict.UNSTABLE, Verdict.VANISHED, Verdict.NONFINITE, Verdict.UNDECIDED, Verdict.WRONG))}


def render(curves: Sequence[Curve], *, title: str) -> str:
    """One panel for each curve, under each other."""
    height = HEIGHT * len(curves) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="600" fill="#202124">{escape(title)}</text>',
        *(f'<g transform="translate(0 {34 + i * HEIGHT})">{_panel(c)}</g>' for i, c in enumerate(curves)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(c: Curve) -> str:
    x = _scale_x(c)
    position = x(c.values)
    column = np.clip(((position - LEFT) / (WIDTH - LEFT - RIGHT) * COLUMNS).astype(int), 0, COLUMNS - 1)
    finite = c.errors[np.isfinite(c.errors)]
    top = max(4.0, float(finite.max()) if len(finite) else 4.0)
    top = 2.0 ** math.ceil(math.log2(top) + 0.3)

    def y(error: float) -> float:
        share = (math.log2(max(error, LEAST)) - math.log2(LEAST)) / (math.log2(top) - math.log2(LEAST))
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    return "".join([_head(c), _bands(c, column), _grid(c, x, y, top), _envelope(c, column, y), _points(c, position, column, y)])


def _scale_x(c: Curve) -> Scale:
    """Pixels of values: linear, or with every power of two as wide as the others (symmetric around 0)."""
    nonzero = np.abs(c.values[c.values != 0])
    least = float(np.frexp(nonzero.min())[1]) if len(nonzero) else 0.0

    def place(values: Any) -> Any:
        return _place(values, least) if c.by_place else values

    low, high = float(place(c.values[:1])[0]), float(place(c.values[-1:])[0])
    span = (high - low) or 1.0
    return lambda values: LEFT + (place(np.asarray(values, dtype=np.float64)) - low) / span * (WIDTH - LEFT - RIGHT)


def _place(values: Any, least: float) -> Any:
    """The place among the floats, nearly: sign times the logarithm, 0 in the middle, the smallest number (of exponent `least`) beside it."""
    mantissa, exponent = np.frexp(np.abs(values))
    return np.sign(values) * np.where(values == 0, 0.0, np.maximum(exponent + 2 * mantissa - least, 0.0))


def _head(c: Curve) -> str:
    counts: dict[Verdict, int] = {}
    for v in c.verdicts:
        counts[v] = counts.get(v, 0) + 1
    others = ", ".join(f"{n} = {v}" for n, v in c.fixed)
    what = f"{c.implementation}.{c.gradient}, {c.format}" + (f", {others}" if others else "") + f": {'all ' if c.is_complete else ''}{len(c.values):,} inputs"
    parts = [f'<text x="{LEFT}" y="16" font-weight="600" fill="#202124">{escape(what)}</text>']
    at = LEFT
    for v in sorted(counts, key=SEVERITY.__getitem__):
        label = f"{v.value.replace('_', '-')} {counts[v]:,}"
        parts.append(f'<circle cx="{at + 5}" cy="31" r="4" fill="{COLOURS[v]}"/><text x="{at + 13}" y="35" fill="#3c4043">{label}</text>')
        at += 26 + round(6.8 * len(label))
    return "".join(parts)


def _bands(c: Curve, column: Any) -> str:
    """The worst verdict of each column of pixels, where it is no pass, as a coloured stretch."""
    worst = np.zeros(COLUMNS, int)
    np.maximum.at(worst, column, np.array([SEVERITY[v] for v in c.verdicts]))
    by_severity = {s: v for v, s in SEVERITY.items()}
    width = (WIDTH - LEFT - RIGHT) / COLUMNS
    parts, start = [], 0
    for i in range(1, COLUMNS + 1):
        if i == COLUMNS or worst[i] != worst[start]:
            v = by_severity[int(worst[start])]
            if not v.passes:
                parts.append(f'<rect x="{LEFT + start * width:.1f}" y="{TOP}" width="{(i - start) * width:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="{COLOURS[v]}" fill-opacity="0.14"/>')
            start = i
    return "".join(parts)


def _grid(c: Curve, x: Scale, y: Scale, top: float) -> str:
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" stroke="#9aa0a6"/>']
    powers = range(round(math.log2(LEAST)), round(math.log2(top)) + 1)
    step = max(1, math.ceil(len(powers) / 7))
    marks = sorted({0.5, 1.0} | {2.0**p for p in powers if p % step == 0})
    last = math.inf
    for mark in marks:
        at = y(mark)
        if last - at >= 13 or mark == 0.5:
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}" stroke="#dadce0"{" stroke-dasharray=" + chr(34) + "4 3" + chr(34) if mark == 0.5 else ""}/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at + 4}" text-anchor="end" fill="#5f6368">{"&lt;0.001" if mark == LEAST else _figure(mark)}</text>')
            last = at
    parts.append(f'<text transform="translate(14 {(HEIGHT + TOP - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#3c4043">error in ulps</text>')
    for value in _ticks(c):
        at = round(float(x(np.array([value]))[0]), 1)
        parts.append(f'<line x1="{at}" x2="{at}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}" stroke="#9aa0a6"/><text x="{at}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#5f6368">{value:.6g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="#3c4043">{escape(c.input)}{" (every power of two as wide as the others)" if c.by_place else ""}</text>')
    return "".join(parts)


def _figure(mark: float) -> str:
    """A power of two, short."""
    return f"{mark:.3g}" if mark < 1000 else f"{mark:,.0f}" if mark < 1e6 else f"{mark:.2g}".replace("e+0", "e").replace("e+", "e")


def _ticks(c: Curve) -> list[float]:
    low, high = float(c.values[0]), float(c.values[-1])
    if not c.by_place:
        step = 10.0 ** math.floor(math.log10((high - low) or 1.0))
        step *= next(m for m in (0.1, 0.2, 0.5, 1.0, 2.0) if (high - low) / (step * m) <= 12)
        return [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    exponents = [math.log10(abs(v)) for v in (low, high) if v != 0]
    smallest = min((abs(v) for v in c.values[c.values != 0]), default=1.0)
    first, last = math.ceil(math.log10(float(smallest))), math.floor(max(exponents, default=0.0))
    step = max(1, math.ceil((last - first + 1) / 6))
    magnitudes = [10.0**e for e in range(last, first - 1, -step)]
    ticks = [m for m in magnitudes if m <= high] + [-m for m in magnitudes if -m >= low]
    return sorted([*ticks, 0.0]) if low <= 0 <= high else sorted(ticks)


def _envelope(c: Curve, column: Any, y: Scale) -> str:
    """The largest error of every column of pixels, as a line."""
    errors = np.where(np.isfinite(c.errors), c.errors, -1.0)
    largest = np.full(COLUMNS, -1.0)
    np.maximum.at(largest, column, errors)
    width = (WIDTH - LEFT - RIGHT) / COLUMNS
    path, pen = [], "M"
    for i, error in enumerate(largest.tolist()):
        if error < 0:
            pen = "M"
            continue
        path.append(f"{pen}{LEFT + (i + 0.5) * width:.1f} {y(error)}")
        pen = "L"
    return f'<path d="{"".join(path)}" fill="none" stroke="#202124" stroke-opacity="0.45"/>'


def _points(c: Curve, position: Any, column: Any, y: Scale) -> str:
    """Per column and verdict the point with the largest error and one from the middle; without an error, a mark at the upper edge."""
    codes = np.array([SEVERITY[v] for v in c.verdicts])
    kept: dict[int, list[int]] = {}
    order = np.lexsort((np.nan_to_num(c.errors, nan=np.inf), codes, column))
    keys = column[order] * 16 + codes[order]
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True))
    starts = np.concatenate([[0], ends[:-1] + 1])
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        kept.setdefault(int(codes[order[b]]), []).extend({int(order[b]), int(order[(a + b) // 2])})
    by_severity = {s: v for v, s in SEVERITY.items()}
    parts = []
    for code in sorted(kept):
        v, dots = by_severity[code], []
        for i in sorted(kept[code]):
            error = float(c.errors[i])
            height = y(error) if math.isfinite(error) else TOP + 3
            dots.append(f"M{position[i]:.1f} {height}h0")
        parts.append(f'<path d="{"".join(dots)}" stroke="{COLOURS[v]}" stroke-width="3.2" stroke-linecap="round" fill="none"/>')
    return "".join(parts)
