"""The simplest point that shows what a drawn one shows, and the region around it: along every input by probes, bisection and the shortest decimal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from verifier.case.points import FloatPoint, from_ordinal, ordinal
from verifier.language.formats import Format, round_exact
from verifier.language.numeral import exact
from verifier.search.fuzz.draw_points import CUTS, Bounds, cut
from verifier.search.hunt import simplest
from verifier.search.thresholds import SPECIAL

PROBES = 12  # to each side along an input: as many uniform over the floats as over the reals
ROUNDS = 3  # over all inputs
STEPS = 25  # of a way between two points
WIDEST_GAP = 3  # probes in a row that may miss in a region of rounding errors, which come and go from float to float

Shows = Callable[[Sequence[FloatPoint]], list[bool]]  # which of some points show it


def simplified(point: FloatPoint, bounds: Sequence[Bounds], shows: Shows, *, is_same: Callable[[FloatPoint], bool], fmt: Format, gap: int = 0) -> tuple[FloatPoint, tuple[Bounds, ...]]:
    """The point moved to the shortest decimals, one input after the other, without leaving its region; and the region's bounds through it, along each input.

    `shows` holds at the point; where the point is moved to, `is_same` must hold, too. A region goes on over at most `gap`
    probes in a row at which it does not.
    """
    for _ in range(ROUNDS):
        before = point
        for i in range(len(point)):
            point = _moved(point, i, bounds[i], shows, is_same, fmt, gap)
        if point == before:
            break
    return point, tuple(_extent(point, i, bounds[i], shows, fmt, gap) for i in range(len(point)))


def are_joined(a: FloatPoint, b: FloatPoint, shows: Shows, *, fmt: Format, gap: int = 0) -> bool:
    """Whether one of six ways from a to b stays in the region: straight, or one input after the other, from the first or from the last; over the floats, or over the reals.

    So what lies between two regions must be more than a line at which both end, such as that of the points where a gradient is 0.
    """
    n = len(a)
    corners = [[a, b], *([[(*b[:i], *a[i:]) for i in range(n + 1)], [(*a[:i], *b[i:]) for i in range(n, -1, -1)]] if n > 1 else [])]
    ways = ([p for x, y in pairwise(c) if x != y for p in between(x, y, max(4, STEPS // (len(c) - 1)), fmt)] for c in corners for between in (_by_place, _by_value))
    return any(_longest_gap(shows(way)) <= gap for way in ways)


def _by_place(a: FloatPoint, b: FloatPoint, steps: int, fmt: Format) -> list[FloatPoint]:
    """Points on the way from a to b, uniform over the floats."""
    return [_rounded(tuple(from_ordinal(ordinal(x) + (ordinal(y) - ordinal(x)) * k // steps) for x, y in zip(a, b, strict=True)), fmt) for k in range(1, steps)]


def _by_value(a: FloatPoint, b: FloatPoint, steps: int, fmt: Format) -> list[FloatPoint]:
    """The same, uniform over the reals."""
    return [_rounded(tuple(x * (1 - k / steps) + y * (k / steps) for x, y in zip(a, b, strict=True)), fmt) for k in range(1, steps)]


def _rounded(point: FloatPoint, fmt: Format) -> FloatPoint:
    return point if fmt.precision == 53 else tuple(round_exact(fmt, exact(repr(x))) for x in point)


def _longest_gap(shown: Sequence[bool]) -> int:
    longest = run = 0
    for shows in shown:
        run = 0 if shows else run + 1
        longest = max(longest, run)
    return longest


# ---------------------------------------------------------------- along one input


def _with(point: FloatPoint, i: int, x: float) -> FloatPoint:
    return (*point[:i], x, *point[i + 1 :])


def _moved(point: FloatPoint, i: int, bounds: Bounds, shows: Shows, is_same: Callable[[FloatPoint], bool], fmt: Format, gap: int) -> FloatPoint:
    """The point with the shortest decimal of its region along one input."""
    x = point[i]
    (low, below), (high, above) = _sides(point, i, bounds, shows, fmt, gap)
    shortest = simplest(low, high, fmt)
    if shortest in (0.0, x):
        moved = _with(point, i, shortest)
        if shortest == x or (shows([moved])[0] and is_same(moved)):
            return moved
    low, high = _edge(point, i, low, below, shows, fmt), _edge(point, i, high, above, shows, fmt)
    shorter = dict.fromkeys([simplest(low, high, fmt), *(y for way in CUTS if low <= (y := cut(x, way, fmt, bounds)) <= high)])
    candidates = [_with(point, i, y) for y in shorter if y != x]
    return next((p for p, good in zip(candidates, shows(candidates), strict=True) if good and is_same(p)), point)


def _extent(point: FloatPoint, i: int, bounds: Bounds, shows: Shows, fmt: Format, gap: int) -> Bounds:
    (low, below), (high, above) = _sides(point, i, bounds, shows, fmt, gap)
    return _edge(point, i, low, below, shows, fmt), _edge(point, i, high, above, shows, fmt)


def _sides(point: FloatPoint, i: int, bounds: Bounds, shows: Shows, fmt: Format, gap: int) -> list[tuple[float, float | None]]:
    """To both sides of a point the last probe of its region, and the first one outside (None: there is none)."""
    x = point[i]
    ends = [(x,) if end == x else (*(p[0] for between in (_by_place, _by_value) for p in between((x,), (end,), PROBES, fmt)), end) for end in bounds]
    short = [_rounded((s,), fmt)[0] for s in SPECIAL]
    probes = sorted({y for side in ends for y in side} | {s for s in short if bounds[0] <= s <= bounds[1]})
    shown = dict(zip(probes, shows([_with(point, i, y) for y in probes]), strict=True))
    found: list[tuple[float, float | None]] = []
    for side in ([y for y in reversed(probes) if y < x], [y for y in probes if y > x]):
        last, outside, missed = x, None, 0
        for y in side:
            if shown[y]:
                last, outside, missed = y, None, 0
            else:
                outside = y if outside is None else outside
                missed += 1
                if missed > gap:
                    break
        found.append((last, outside))
    return found


def _edge(point: FloatPoint, i: int, inside: float, outside: float | None, shows: Shows, fmt: Format) -> float:
    """The last number of the region between one inside it and one outside, by bisection over the floats."""
    if outside is None:
        return inside
    a, b = ordinal(inside), ordinal(outside)
    while abs(b - a) > 1 << (53 - fmt.precision):
        x = _rounded((from_ordinal((a + b) // 2),), fmt)[0]
        m = ordinal(x)
        if m in (a, b):
            break
        a, b = (m, b) if shows([_with(point, i, x)])[0] else (a, m)
    return from_ordinal(a)
