"""Draws error curves as SVG: points and the largest error of each column of pixels, coloured by verdict. No maximum is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.types import DoubleArray
from verifier.language.verdict import Verdict
from verifier.report.bound_words import upward
from verifier.report.plot import Curve

WIDTH, HEIGHT = 920, 300  # of one panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 46, 44
PixelScale = Callable[[Any], Any]  # a value, or an array of them, to pixels
COLUMNS = 420  # each keeps the largest error of every verdict in it, and one point beside it
CLEAR = 13  # pixels between two lines of text
TICKS = 14
NARROW, SMALLEST = 1e-6, 1e-290  # an interval, beside its ends or as it is, that has ticks at its ends only
LEAST = 2.0**-10  # ulps: what is below lies on the lowest line
BOUND = "#202124"
COLOURS = {  # told apart by the colour-blind, too: a test simulates them
    Verdict.CORRECT: "#279a62", Verdict.ROUNDING: "#45c4f5", Verdict.SUBGRADIENT: "#b3ea8a", Verdict.ILL_CONDITIONED: "#feb025",
    Verdict.UNSTABLE: "#cc2f00", Verdict.VANISHED: "#9d40da", Verdict.NONFINITE: "#dd57a8", Verdict.WRONG: "#640b0a",
    Verdict.UNDEFINED: "#ddc9be", Verdict.UNDECIDED: "#30113f",
}  # fmt: skip


HEAD = 34  # pixels above the panels, for the title


def render(curves: Sequence[Curve], *, title: str, is_titled: bool = True, columns: int = COLUMNS) -> str:
    """One panel for each curve, under each other; the title is above them unless it stands elsewhere. `columns` says how fine they are."""
    head = HEAD if is_titled else 0
    height = HEIGHT * len(curves) + head
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *([f'<text x="{LEFT}" y="22" font-size="15" font-weight="600" fill="#202124">{escape(title)}</text>'] if is_titled else []),
        *(f'<g transform="translate(0 {head + i * HEIGHT})">{_panel(c, columns)}</g>' for i, c in enumerate(curves)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(c: Curve, columns: int) -> str:
    x = _scale_x(c)
    position = x(c.values)
    column = np.clip(((position - LEFT) / (WIDTH - LEFT - RIGHT) * columns).astype(int), 0, columns - 1)
    finite = c.errors[np.isfinite(c.errors)]
    top = max(4.0, float(finite.max()) if len(finite) else 4.0, c.bound or 0.0)
    top = 2.0 ** math.ceil(math.log2(top) + 0.3)

    def y(error: float) -> float:
        share = (math.log2(max(error, LEAST)) - math.log2(LEAST)) / (math.log2(top) - math.log2(LEAST))
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    return "".join(
        [_head(c), _bands(c, column, columns), _regions(c, x), _grid(c, x, y, top), _envelope(c, column, columns, y), _points(c, position, column, y), _bound(c, y)]
    )


def _bound(c: Curve, y: Callable[[float], float]) -> str:
    """A dashed line at the certified bound of the whole domain."""
    if c.bound is None:
        return ""
    at = y(c.bound)
    text = f"at most {upward(repr(c.bound))} ulp in the whole domain: certified"
    return f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="{BOUND}" stroke-dasharray="6 4" fill="none"/><text x="{WIDTH - RIGHT - 4}" y="{at - 4}" text-anchor="end" fill="{BOUND}">{text}</text>'

def _scale_x(c: Curve) -> PixelScale:
    """Pixels of values: linear, or with every power of two as wide as the others (symmetric around 0)."""
    nonzero = np.abs(c.values[c.values != 0])
    least = float(np.frexp(nonzero.min())[1]) if len(nonzero) else 0.0

    def place(values: DoubleArray) -> DoubleArray:
        return _place(values, least) if c.by_place else values

    low, high = float(place(c.values[:1])[0]), float(place(c.values[-1:])[0])
    span = (high - low) or 1.0
    return lambda values: LEFT + (place(np.asarray(values, dtype=np.float64)) - low) / span * (WIDTH - LEFT - RIGHT)


def _place(values: DoubleArray, least: float) -> DoubleArray:
    """The approximate place of a number among the floats: its sign times its logarithm, with 0 in the middle and the smallest number (of exponent `least`) beside it."""
    mantissa, exponent = np.frexp(np.abs(values))
    return np.sign(values) * np.where(values == 0, 0.0, np.maximum(exponent + 2 * mantissa - least, 0.0))


def _head(c: Curve) -> str:
    counts: dict[Verdict, int] = {}
    for v in c.verdicts:
        counts[v] = counts.get(v, 0) + 1
    others = ", ".join(f"{n} = {v}" for n, v in c.fixed)
    what = f"{c.implementation}.{c.gradient}, {c.format}" + (f", {others}" if others else "") + f": {'all ' if c.is_complete else ''}{len(c.values):,} {'input' if len(c.values) == 1 else 'inputs'}"
    parts = [f'<text x="{LEFT}" y="16" font-weight="600" fill="#202124">{escape(what)}</text>']
    at = LEFT
    for v in sorted(counts, key=lambda v: v.rank):
        label = f"{v.value.replace('_', '-')} {counts[v]:,}"
        parts.append(f'<circle cx="{at + 5}" cy="31" r="4" fill="{COLOURS[v]}"/><text x="{at + 13}" y="35" fill="#3c4043">{label}</text>')
        at += 26 + round(6.8 * len(label))
    return "".join(parts)


def _bands(c: Curve, column: NDArray[np.intp], columns: int) -> str:
    """Coloured stretches that show the worst verdict of each column of pixels where that is not a pass."""
    worst = np.zeros(columns, int)
    np.maximum.at(worst, column, np.array([v.rank for v in c.verdicts]))
    by_rank = {v.rank: v for v in Verdict}
    width = (WIDTH - LEFT - RIGHT) / columns
    parts, start = [], 0
    for i in range(1, columns + 1):
        if i == columns or worst[i] != worst[start]:
            v = by_rank[int(worst[start])]
            if not v.passes:
                parts.append(f'<rect x="{LEFT + start * width:.1f}" y="{TOP}" width="{(i - start) * width:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="{COLOURS[v]}" fill-opacity="0.14"/>')
            start = i
    return "".join(parts)


def _regions(c: Curve, x: PixelScale) -> str:
    """The regions that a hunt found: shaded, with a strip along the upper edge, at least a pixel wide."""
    parts = []
    low, high = float(c.values[0]), float(c.values[-1])
    for v, first, last in c.regions:
        if last < low or first > high:
            continue
        left, right = (float(x(np.array([min(max(value, low), high)]))[0]) for value in (first, last))
        at, width = f'x="{left:.1f}"', f'width="{max(1.0, right - left):.1f}"'
        words = escape(f"{v.value.replace('_', '-')}: {c.input} from {_number(first)} to {_number(last)}")
        parts.append(f'<g><title>{words}</title><rect {at} y="{TOP}" {width} height="{HEIGHT - TOP - BOTTOM}" fill="{COLOURS[v]}" fill-opacity="0.1"/><rect {at} y="{TOP}" {width} height="5" fill="{COLOURS[v]}"/></g>')
    return "".join(parts)


def _grid(c: Curve, x: PixelScale, y: PixelScale, top: float) -> str:
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" stroke="#9aa0a6"/>']
    last = y(0.5)
    parts.append(_level(last, "½", dashed=True))
    decades = range(math.ceil(math.log10(LEAST)), math.floor(math.log10(top)) + 1)
    step = max(1, math.ceil(len(decades) / 7))
    for power in (p for p in decades if p % step == 0):
        at = y(10.0**power)
        if abs(at - last) >= CLEAR and abs(at - y(LEAST)) >= CLEAR:
            parts.append(_level(at, _power(power)))
    parts.append(_level(y(LEAST), "≤ 0.001"))
    parts.append(f'<text transform="translate(14 {(HEIGHT + TOP - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#3c4043">error in ulps</text>')
    taken: list[tuple[float, float]] = []
    for value in sorted(_ticks(c), key=lambda tick: -math.inf if tick == 0 else -abs(tick)):  # near 0 there may be no room
        at, label = round(float(x(np.array([value]))[0]), 1), _number(value)
        half = 3.6 * len(label)
        centre = round(min(max(at, half + 2), WIDTH - half - 2), 1)
        if all(abs(centre - other) > half + wide + 6 for other, wide in taken):
            taken.append((centre, half))
            parts.append(f'<line x1="{at}" x2="{at}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}" stroke="#9aa0a6"/>')
            parts.append(f'<text x="{centre}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#5f6368">{label}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="#3c4043">{escape(c.input)}{" (every power of two as wide as the others)" if c.by_place else ""}</text>')
    return "".join(parts)


def _level(at: float, label: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}" stroke="{"#9aa0a6" if dashed else "#e4e6e9"}"{dashes}/><text x="{LEFT - 6}" y="{at + 4}" text-anchor="end" fill="#5f6368">{label}</text>'


def _power(power: int) -> str:
    """A power of ten, short."""
    return f"{10**power:,}" if 0 <= power <= 4 else f"{10.0**power:.{-power}f}" if -4 <= power < 0 else f"1e{power}"


def _number(value: float) -> str:
    """A tick: plain where that is short, with a true minus."""
    text = f"{value:.6g}"
    text = text if float(text) == value else repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def _ticks(c: Curve) -> list[float]:
    low, high = float(c.values[0]), float(c.values[-1])
    if not c.by_place:
        span = high - low
        if span <= NARROW * max(abs(low), abs(high)) or span < SMALLEST:
            return list(dict.fromkeys((low, high)))
        step = 10.0 ** math.floor(math.log10(span))
        step *= next(m for m in (0.1, 0.2, 0.5, 1.0, 2.0) if span / (step * m) <= 12)
        return [float(f"{k * step:.10g}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    sizes = np.abs(c.values[c.values != 0])
    first, last = (math.floor(math.log10(float(s))) for s in (sizes.min(), sizes.max())) if len(sizes) else (0, 0)
    both = 2 if low < 0 < high else 1
    step = next(m for m in (1, 2, 5, 10, 20, 50, 100, 200) if both * (last - first + 1) / m <= TICKS)
    magnitudes = [10.0**e for e in range(first, last + 1) if e % step == 0]
    return sorted([m for m in magnitudes if low <= m <= high] + [-m for m in magnitudes if low <= -m <= high] + ([0.0] if low <= 0 <= high else []))


def _envelope(c: Curve, column: NDArray[np.intp], columns: int, y: PixelScale) -> str:
    """The largest error of every column of pixels, as a line."""
    errors = np.where(np.isfinite(c.errors), c.errors, -1.0)
    largest = np.full(columns, -1.0)
    np.maximum.at(largest, column, errors)
    width = (WIDTH - LEFT - RIGHT) / columns
    path, pen = [], "M"
    for i, error in enumerate(largest.tolist()):
        if error < 0:
            pen = "M"
            continue
        path.append(f"{pen}{LEFT + (i + 0.5) * width:.1f} {y(error)}")
        pen = "L"
    return f'<path d="{"".join(path)}" fill="none" stroke="#202124" stroke-opacity="0.45"/>'


def _points(c: Curve, position: DoubleArray, column: NDArray[np.intp], y: PixelScale) -> str:
    """For each column and verdict the point with the largest error and one from the middle; a point without an error is a mark at the upper edge."""
    codes = np.array([v.rank for v in c.verdicts])
    dots_of: dict[int, list[int]] = {}
    order = np.lexsort((np.nan_to_num(c.errors, nan=np.inf), codes, column))
    keys = column[order] * 16 + codes[order]
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True))
    starts = np.concatenate([[0], ends[:-1] + 1])
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        dots_of.setdefault(int(codes[order[b]]), []).extend({int(order[b]), int(order[(a + b) // 2])})
    by_rank = {v.rank: v for v in Verdict}
    parts = []
    for code in sorted(dots_of):
        v, dots = by_rank[code], []
        for i in sorted(dots_of[code]):
            error = float(c.errors[i])
            height = y(error) if math.isfinite(error) else TOP + 3
            dots.append(f"M{position[i]:.1f} {height}h0")
        parts.append(f'<path d="{"".join(dots)}" stroke="{COLOURS[v]}" stroke-width="3.2" stroke-linecap="round" fill="none"/>')
    return "".join(parts)
