"""Points from structure: the inputs at which some step overflows, underflows, saturates, cancels, ties or meets a pole, and the regions around them.

Along each input, from several base points, a program is run on a grid that is uniform over the floats. Between two
neighbours of the grid at which any step behaves differently there is a border: it is found by bisection over the floats.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from verifier.arithmetic import floats
from verifier.compare import compare
from verifier.discrepancy import Discrepancy
from verifier.formats import Format, floor_log2, round_exact, ulp_exponent
from verifier.points import from_ordinal, ordinal
from verifier.subject import Subject, Truth
from verifier.verdict import Verdict

GRID = 160  # points of a scan, uniform over the floats
MOST_INPUTS = 6  # inputs that are scanned one by one; with more, a random choice
MOST_BORDERS = 60  # borders that are bisected in one scan
CANCELLED_BITS = 16  # a loss of so many leading bits in a sum is another behaviour
SPECIAL = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 10.0, -10.0, 0.1, -0.1, 20.0, -20.0, 40.0, -40.0, 100.0, -100.0, 1e-3, 1e-5, 1e-8, -1e-8, 1e-20)
BASES = ((0.5, -1.5, 2.5, 0.75), (2.0, 3.0, 0.5, 1.5), (0.0, 1.0, 2.0, -1.0), (30.0, 0.25, -20.0, 1e-3), (1.0, 0.0, 0.0, 0.0), (1e-200, 1e-200, 1e-200, 1e-200))
BAD = (Verdict.WRONG, Verdict.NONFINITE, Verdict.UNDECIDED, Verdict.VANISHED, Verdict.UNSTABLE, Verdict.ILL_CONDITIONED)
HARD_BASES = 2  # base points from which `hard_points` looks
MOST_REGIONS = 2  # of one gradient and verdict


@dataclass(frozen=True)
class Region:
    """An interval of one input (the others fixed) in which a gradient has one verdict, and its simplest point."""

    gradient: str
    verdict: Verdict
    input: str
    low: float
    high: float
    point: tuple[float, ...]
    ulps: float


def hunt(truth: Truth, subject: Subject, domain: Sequence[tuple[float, float]], *, fmt: Format, upstream: float, seed: str, budget: int) -> list[Region]:
    """The regions in which a gradient is not right, worst first; then the point with the most ulps of every gradient.

    `domain` has the lowest and highest value of each input; `budget` bounds the number of points that are judged.
    """
    scan = _Scan(truth, subject, [(_inside(fmt, low, up=True), _inside(fmt, high, up=False)) for low, high in domain], fmt, upstream, budget)
    source = random.Random(zlib.crc32(seed.encode()))  # noqa: S311 - a choice of points, not a secret
    inputs = list(range(len(domain)))
    if len(inputs) > MOST_INPUTS:
        inputs = sorted(source.sample(inputs, MOST_INPUTS))
    for base in _bases(len(domain), scan.domain, source):
        for i in inputs:
            if scan.budget <= 0:
                break
            scan.along(i, base)
        if len(domain) == 1:
            break
    return scan.regions()


def hard_points(truth: Truth, subject: Subject, domain: Sequence[tuple[float, float]], *, fmt: Format, upstream: float) -> list[tuple[float, ...]]:
    """Both sides of every border along the first inputs, from the first base points; nothing is judged."""
    scan = _Scan(truth, subject, [(_inside(fmt, low, up=True), _inside(fmt, high, up=False)) for low, high in domain], fmt, upstream, 0)
    found: dict[tuple[float, ...], None] = {}
    for base in list(_bases(len(domain), scan.domain, random.Random(0)))[: 1 if len(domain) == 1 else HARD_BASES]:  # noqa: S311
        for i in range(min(len(domain), MOST_INPUTS)):
            found.update(dict.fromkeys((*base[:i], x, *base[i + 1 :]) for x in sorted(scan.borders(i, base))))
    return list(found)


def _inside(fmt: Format, bound: float, *, up: bool) -> float:
    """A bound as a number of the format, moved inside."""
    if math.isinf(bound):
        largest = (2 - 2.0 ** (1 - fmt.precision)) * 2.0**fmt.emax
        return math.copysign(largest, bound)
    value = round_exact(fmt, Fraction(bound))
    if up and value < bound:
        return _next(fmt, value, 1)
    return _next(fmt, value, -1) if not up and value > bound else value


def _next(fmt: Format, x: float, direction: int) -> float:
    """The neighbour of a number of the format; the number itself past the largest."""
    exact = Fraction(x)
    quantum = fmt.smallest if x == 0 else Fraction(2) ** ulp_exponent(fmt, floor_log2(exact))
    for step in (quantum / 2, quantum):  # below a power of two the spacing is half as wide
        y = round_exact(fmt, exact + direction * step)
        if y != x and math.isfinite(y):
            return y
    return x


def _bases(count: int, domain: Sequence[tuple[float, float]], source: random.Random) -> Iterable[tuple[float, ...]]:
    for base in BASES:
        yield tuple(min(max(base[i % len(base)], domain[i][0]), domain[i][1]) for i in range(count))
    for _ in range(2):
        yield tuple(min(max(source.gauss(0, 2), low), high) for low, high in domain)


class _Scan:
    """What was judged so far: along each line, the discrepancies by position."""

    def __init__(self, truth: Truth, subject: Subject, domain: list[tuple[float, float]], fmt: Format, upstream: float, budget: int) -> None:
        self.truth, self.subject, self.domain, self.fmt, self.upstream, self.budget = truth, subject, domain, fmt, upstream, budget
        self.lines: list[tuple[int, tuple[float, ...], dict[float, list[Discrepancy]]]] = []

    def along(self, i: int, base: tuple[float, ...]) -> None:
        """Scan one input; judge the grid, the special values and both sides of every border."""
        chosen = sorted({*self.grid(i, base), *self.borders(i, base)})[: max(0, self.budget)]
        self.budget -= len(chosen)
        judged: dict[float, list[Discrepancy]] = {}
        self.lines.append((i, base, judged))
        self._judge(i, base, chosen, judged)

    def grid(self, i: int, base: tuple[float, ...]) -> list[float]:
        """The positions along one input at which the program is watched."""
        low, high = self.domain[i]
        grid = {from_ordinal(ordinal(low) + (ordinal(high) - ordinal(low)) * k // GRID) for k in range(GRID + 1)}
        grid |= {s for s in SPECIAL if low <= s <= high} | {b for b in (*base, *(-b for b in base)) if low <= b <= high}
        grid |= {low * (1 - k / 24) + high * (k / 24) for k in range(25) if math.isfinite(high - low)}
        ordered = sorted({round_exact(self.fmt, Fraction(x)) + 0.0 for x in grid})
        return [x for x in ordered if low <= x <= high]

    def borders(self, i: int, base: tuple[float, ...]) -> set[float]:
        """Both sides of every border along one input."""
        ordered = self.grid(i, base)
        behaviours = self._behaviours(i, base, ordered)
        borders: set[float] = set()
        for left, right, a, b in zip(ordered, ordered[1:], behaviours, behaviours[1:], strict=False):
            if a != b and len(borders) < 2 * MOST_BORDERS:
                borders.update(self._border(i, base, left, right, a))
        return borders

    def _judge(self, i: int, base: tuple[float, ...], chosen: Sequence[float], judged: dict[float, list[Discrepancy]]) -> None:
        points = [self._point(i, base, x) for x in chosen]
        for x, row in zip(chosen, compare(self.truth, self.subject, points, fmt=self.fmt, upstream=self.upstream, detail=False), strict=True):
            judged[x] = row

    def _point(self, i: int, base: tuple[float, ...], x: float) -> tuple[float, ...]:
        return (*base[:i], x, *base[i + 1 :])

    def _behaviours(self, i: int, base: tuple[float, ...], xs: Sequence[float]) -> list[bytes]:
        """How each step behaves at each position: its class, whether its operands tie, how many bits its sum loses."""
        program = self.subject.program
        columns = [list(xs) if j == i else [b] * len(xs) for j, b in enumerate(base)]
        run = [np.asarray(c, dtype=np.float64 if not _truths(c) else bool) for c in floats.run(program, columns, self.fmt, upstream=self.upstream)]
        rows = []
        with np.errstate(all="ignore"):
            for step, value in zip(program.steps, run, strict=True):
                if not step.args:
                    continue
                rows.append(_class_of(value, self.fmt))
                args = [run[a] for a in step.args]
                if len(args) == 2 and args[0].dtype != bool and args[1].dtype != bool:
                    rows.append((np.sign(np.nan_to_num(args[0] - args[1])) if step.gate in _TIES else _lost_bits(value, args) if step.gate in ("add", "sub") else np.zeros(len(xs))).astype(np.int8))
                elif step.gate in ("abs", "sign", "relu"):
                    rows.append(np.sign(np.nan_to_num(args[0])).astype(np.int8))
        return [column.tobytes() for column in np.array(rows, dtype=np.int8).T] if rows else [b""] * len(xs)

    def _border(self, i: int, base: tuple[float, ...], left: float, right: float, behaviour: bytes) -> tuple[float, ...]:
        """The last position that behaves as the left one, the first that does not, and their neighbours."""
        a, b = ordinal(left), ordinal(right)
        step = 1 << (53 - self.fmt.precision)
        while b - a > step:
            middle = round_exact(self.fmt, Fraction(from_ordinal((a + b) // 2)))
            m = ordinal(middle)
            if not a < m < b:
                break
            if self._behaviours(i, base, [middle])[0] == behaviour:
                a = m
            else:
                b = m
        low, high = self.domain[i]
        found = (from_ordinal(a), from_ordinal(b), _next(self.fmt, from_ordinal(b), 1), _next(self.fmt, from_ordinal(a), -1))
        return tuple(x + 0.0 for x in found if low <= x <= high and math.isfinite(x))

    # ------------------------------------------------------------ regions

    def regions(self) -> list[Region]:
        """The regions of every gradient and verdict, simplest first, and the worst point of every gradient."""
        found: dict[tuple[str, Verdict], list[Region]] = {}
        worst: dict[str, Region] = {}
        for i, base, judged in self.lines:
            ordered = sorted(judged)
            for c, (_, name) in enumerate(self.subject.claims):
                for low, high in _runs(ordered, lambda x, c=c, judged=judged: judged[x][c].verdict):  # type: ignore[misc]
                    verdict = judged[low][c].verdict
                    if verdict in BAD:
                        found.setdefault((name, verdict), []).append(self._region(i, base, c, low, high, verdict, judged))
                for x in ordered:
                    d = judged[x][c]
                    error = float(d.ulps.abs_upper()) if d.ulps is not None and d.ulps.is_finite() else 0.0
                    if d.verdict.passes and error > (worst[name].ulps if name in worst else 0.5):
                        worst[name] = Region(name, d.verdict, self.subject.program.inputs[i], x, x, self._point(i, base, x), error)
        chosen = []
        for (_, verdict), regions in sorted(found.items(), key=lambda item: BAD.index(item[0][1])):
            del verdict
            chosen += sorted(regions, key=_plainness)[:MOST_REGIONS]
        return [*chosen, *worst.values()]

    def _region(self, i: int, base: tuple[float, ...], c: int, low: float, high: float, verdict: Verdict, judged: dict[float, list[Discrepancy]]) -> Region:
        ordered = sorted(judged)
        before = [x for x in ordered if x < low]
        after = [x for x in ordered if x > high]
        left = self._edge(i, base, c, before[-1], low, verdict) if before else low
        right = self._edge(i, base, c, after[0], high, verdict) if after else high
        simple = simplest(left, right, self.fmt)
        if simple not in judged:
            self._judge(i, base, [simple], judged)
        x = simple if judged[simple][c].verdict is verdict else min((y for y in ordered if low <= y <= high), key=lambda y: (len(repr(y)), abs(y)))
        d = judged[x][c]
        error = float(d.ulps.abs_upper()) if d.ulps is not None and d.ulps.is_finite() else math.inf
        return Region(self.subject.claims[c][1], verdict, self.subject.program.inputs[i], left, right, self._point(i, base, x), error)

    def _edge(self, i: int, base: tuple[float, ...], c: int, outside: float, inside: float, verdict: Verdict) -> float:
        """The border of a region between a point outside it and one inside, by bisection over the floats."""
        a, b = ordinal(outside), ordinal(inside)
        while abs(b - a) > 1 << (53 - self.fmt.precision) and self.budget > 0:
            middle = round_exact(self.fmt, Fraction(from_ordinal((a + b) // 2)))
            m = ordinal(middle)
            if m in (a, b):
                break
            self.budget -= 1
            row = compare(self.truth, self.subject, [self._point(i, base, middle)], fmt=self.fmt, upstream=self.upstream, detail=False)[0]
            if row[c].verdict is verdict:
                b = m
            else:
                a = m
        return from_ordinal(b)


_TIES = frozenset(("lt", "le", "gt", "ge", "eq", "ne", "max", "min", "maximum", "minimum"))


def _truths(column: Any) -> bool:
    return len(column) > 0 and isinstance(column[0], bool | np.bool_)


def _class_of(value: Any, fmt: Format) -> Any:
    """0 NaN, else the sign times: 1 zero (0), 2 subnormal, 3 normal, 4 infinite; truth values as they are."""
    if value.dtype == bool:
        return value.astype(np.int8)
    size = np.abs(value)
    kind = np.where(size == 0, 0, np.where(size < 2.0**fmt.emin, 2, np.where(np.isinf(size), 4, 3)))
    return np.where(np.isnan(value), 9, kind * np.where(value < 0, -1, 1)).astype(np.int8)


def _lost_bits(value: Any, args: Sequence[Any]) -> Any:
    """How many times 16 leading bits a sum loses; 100 where one operand is absorbed."""
    largest = np.maximum(np.abs(args[0]), np.abs(args[1]))
    ratio = np.where((value != 0) & np.isfinite(value) & np.isfinite(largest), largest / np.where(value == 0, 1, np.abs(value)), 1.0)
    lost = np.minimum(np.log2(np.maximum(ratio, 1.0)) // CANCELLED_BITS, 50)
    absorbed = ((value == args[0]) & (args[1] != 0)) | ((np.abs(value) == np.abs(args[1])) & (args[0] != 0))
    return np.where(absorbed, 100, lost)


def _runs(ordered: Sequence[float], key: Callable[[float], Verdict]) -> Iterable[tuple[float, float]]:
    start = 0
    for k in range(1, len(ordered) + 1):
        if k == len(ordered) or key(ordered[k]) is not key(ordered[start]):
            yield ordered[start], ordered[k - 1]
            start = k


def _plainness(region: Region) -> tuple[int, float]:
    return sum(len(repr(x)) for x in region.point), abs(region.point[0])


def simplest(low: float, high: float, fmt: Format) -> float:
    """The number of the format with the fewest decimal digits in an interval; of those the smallest in size."""
    if low <= 0 <= high:
        return 0.0
    sign = -1 if high < 0 else 1
    a, b = (low, high) if sign > 0 else (-high, -low)
    if math.isinf(b):
        b = (2 - 2.0 ** (1 - fmt.precision)) * 2.0**fmt.emax
    lower, upper = Fraction(a), Fraction(b)
    first, last = _decimal_exponent(lower), _decimal_exponent(upper)
    nearest = sorted({first, last, *(e for e in (-1, 0, 1, 2) if first <= e <= last)}, key=abs)
    for count in range(1, 18):
        for e in nearest:
            unit = Fraction(10) ** (e - count + 1)
            multiple = max(math.ceil(lower / unit), 10 ** (count - 1))
            value = round_exact(fmt, multiple * unit)
            if multiple * unit <= upper and a <= value <= b:
                return sign * value
    return sign * a


def _decimal_exponent(x: Fraction) -> int:
    """floor(log10 x) of a positive rational."""
    e = math.floor(floor_log2(x) * 0.30102999566398119)
    return e + 1 if Fraction(10) ** (e + 1) <= x else e
