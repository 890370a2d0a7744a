"""Finds the points of a path at which a step starts to behave differently: to overflow, underflow, saturate, cancel, tie or meet a pole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.floats import columns, literal
from verifier.arithmetic.types import DoubleArray
from verifier.case.points import places_of
from verifier.circuit.expressions import kinks
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.language.formats import FORMATS, Format, numbers, round_array
from verifier.language.gates import COMPARISONS, SUMS
from verifier.search.moving import MovingPart, moving
from verifier.search.paths import MOST_AXES, Path, of_many

GRID = 160  # places of a path, uniform over the floats, at which the program is watched
EVENLY = 24  # intervals of the same length between the ends
MOST_BORDERS = 60  # that are narrowed down on one path
FEW_BORDERS = 12  # the same, where there are many inputs
MOST_WITHIN = 4  # borders that are narrowed down between two neighbours of the grid
PARTS = 8  # an interval is cut into so many at once
MANY_PARTS = 64  # the same where there are many inputs: then it is the number of runs that costs
CANCELLED_BITS = 16  # a loss of so many leading bits in a sum is another behaviour
SPECIAL = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 10.0, -10.0, 0.1, -0.1, 20.0, -20.0, 40.0, -40.0, 100.0, -100.0, 1e-3, 1e-5, 1e-8, -1e-8, 1e-20)
MOST_OWN = 6  # coordinates of the base point, and constants of the program, that are special as well
MOST_CHANGES = 4096  # that are kept: on a path the same ones come again and again
FEWEST = 3  # short numbers that are special where there are many inputs


def grid(path: Path, program: Program, fmt: Format) -> list[float]:
    """The numbers t of a path at which the program is run, in order."""
    first, last = places_of(fmt, [path.low, path.high]).tolist()
    uniform = numbers(fmt, np.array([first + (last - first) * k // GRID for k in range(GRID + 1)]))
    evenly = [path.low * (1 - k / EVENLY) + path.high * (k / EVENLY) for k in range(EVENLY + 1)]
    chosen = round_array(fmt, np.array([*special(path, program), *evenly]))
    every = np.concatenate([uniform, chosen]) + 0.0
    return sorted(set(every[(every >= path.low) & (every <= path.high)].tolist()))


def special(path: Path, program: Program) -> list[float]:
    """Short numbers, the coordinates of the base point and the program's own constants, with both signs."""
    literals = dict.fromkeys(literal(s.text, FORMATS["float64"]) for s in program.steps if s.gate == "number")
    own = [*path.base[:MOST_OWN], *list(literals)[:MOST_OWN]]
    return [*SPECIAL[: len(SPECIAL) if len(path.base) <= MOST_OWN else FEWEST], *own, *(-x for x in own)]


def narrowed(path: Path, check: Check, ts: Sequence[float], behaviours: Sequence[bytes], *, within: int = MOST_WITHIN, part: MovingPart | None = None) -> list[list[tuple[float, float]]]:
    """The borders between neighbours of a grid that behave differently: the last number that behaves as the left one, and the first that does not.

    They are grouped by neighbours, between which there may be several: the first is found, and one of each other kind, `within` at most. A border is of a kind by what changes there.
    """
    fmt = check.format
    part = moving_part(path, check) if part is None else part
    most = MOST_BORDERS if len(path.base) <= MOST_OWN else of_many(FEW_BORDERS, len(path.base))
    parts = MANY_PARTS if len(path.base) > MOST_AXES else PARTS
    chosen = _rarest(behaviours)[:most]
    low, high = (places_of(fmt, [ts[k + shift] for k in chosen]).tolist() for shift in (0, 1))
    groups = [[_Gap(a, b, behaviours[k], behaviours[k + 1])] for a, b, k in zip(low, high, chosen, strict=True)]
    while any(gap.is_wide for gaps in groups for gap in gaps):
        cuts = [place for gaps in groups for gap in gaps for place in gap.cuts(parts)]
        seen = dict(zip(cuts, behaviour(path, check, numbers(fmt, np.array(cuts)), part=part), strict=True))
        groups = [_of_each_kind([piece for gap in gaps for piece in gap.pieces(parts, seen)], within) for gaps in groups]
    return [[(a + 0.0, b + 0.0) for a, b in numbers(fmt, np.array([(gap.low, gap.high) for gap in gaps])).tolist()] for gaps in groups]


@dataclass(frozen=True, slots=True)
class _Gap:
    """Two places of the floats that behave differently."""

    low: int
    high: int
    before: bytes
    after: bytes

    @property
    def is_wide(self) -> bool:
        return self.high - self.low > 1

    def cuts(self, parts: int) -> list[int]:
        """The places at which it is cut into equal parts."""
        return sorted({self.low + (self.high - self.low) * m // parts for m in range(1, parts)} - {self.low, self.high})

    @property
    def kind(self) -> tuple[int, ...]:
        """What changes in it."""
        return _changed(self.before, self.after)

    def pieces(self, parts: int, seen: Mapping[int, bytes]) -> list[_Gap]:
        """The parts at whose ends the behaviour differs: one at least."""
        places = [(self.low, self.before), *((place, seen[place]) for place in self.cuts(parts)), (self.high, self.after)]
        return [_Gap(a, b, before, after) for (a, before), (b, after) in pairwise(places) if before != after]


def _of_each_kind(gaps: Sequence[_Gap], most: int) -> list[_Gap]:
    """The first of some gaps, and the first of each other kind of change, up to a number."""
    if len(gaps) < 2:
        return list(gaps)
    found: dict[tuple[int, ...], _Gap] = {}
    for gap in gaps:
        found.setdefault(gap.kind, gap)
    return list(found.values())[:most]


def _rarest(behaviours: Sequence[bytes]) -> list[int]:
    """The places where neighbours behave differently, the rarest changes first: one tie matters more than the hundredth change of a sine's sign."""
    changed = {k: _changed(a, b) for k, (a, b) in enumerate(pairwise(behaviours)) if a != b}
    count = Counter(changed.values())
    return sorted(changed, key=lambda k: (count[changed[k]], k))


@lru_cache(maxsize=MOST_CHANGES)
def _changed(before: bytes, after: bytes) -> tuple[int, ...]:
    return tuple([i for i, (x, y) in enumerate(zip(before, after, strict=True)) if x != y])


def moving_part(path: Path, check: Check) -> MovingPart:
    """The part of the computed gradients that moves along a path: what its borders are looked for in."""
    return moving(check.subject.program, path, check.format, upstream=check.upstream)


def behaviour(path: Path, check: Check, ts: Sequence[float] | DoubleArray, *, part: MovingPart | None = None) -> list[bytes]:
    """How each step that moves behaves at each t: its class, whether its operands tie, how many bits its sum loses."""
    part = moving_part(path, check) if part is None else part
    program, fmt, run = part.program, check.format, part.run(ts)
    values: list[NDArray[Any]] = []  # of the steps that are numbers
    truths: list[NDArray[Any]] = []
    sums: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
    rows: list[NDArray[np.int8]] = []
    with np.errstate(all="ignore"):
        for step, value in zip(program.steps, run, strict=True):
            if not step.args:
                continue
            (truths if value.dtype == bool else values).append(value)
            args = [run[a] for a in step.args]
            if any(a.dtype == bool for a in args):
                continue
            if step.gate in SUMS:
                sums.append((value, args[0], args[1]))
            rows.extend(_sides(step.gate, args, fmt))
        found = [np.array(kind, dtype=np.int8) for kind in (truths, rows) if kind]
        if values:
            found.append(_class_of(np.array(values), fmt))
        if sums:
            found.append(_lost_bits(*(np.array(column) for column in zip(*sums, strict=True))).astype(np.int8))
    return [column.tobytes() for column in np.concatenate(found).T] if found else [b""] * len(ts)


def _sides(gate: str, args: Sequence[NDArray[Any]], fmt: Format) -> list[NDArray[np.int8]]:
    """On which side of each of its kinks a gate is: the sign of the difference in every comparison of the kinks' formula."""
    places = kinks(gate)
    if places is None:
        return []
    values = columns(places, args, fmt, 1.0)
    compared = [[values[a] for a in step.args] for step in places.steps if step.gate in COMPARISONS]
    return [np.sign(np.nan_to_num(a - b)).astype(np.int8) for a, b in compared]


def _class_of(value: DoubleArray, fmt: Format) -> NDArray[np.int8]:
    """9 NaN, else the sign times: 1 normal, 2 subnormal, 4 infinite, 0 zero."""
    size = np.abs(value)
    kind = np.where(size < 2.0**fmt.emin, 2, np.where(np.isinf(size), 4, 1)) * np.sign(value)
    return np.where(np.isnan(value), 9, kind).astype(np.int8)


def _lost_bits(value: DoubleArray, a: DoubleArray, b: DoubleArray) -> DoubleArray:
    """How many times 16 leading bits a sum loses; 100 where one operand is absorbed."""
    largest = np.maximum(np.abs(a), np.abs(b))
    ratio = np.where((value != 0) & np.isfinite(value) & np.isfinite(largest), largest / np.where(value == 0, 1, np.abs(value)), 1.0)
    lost = np.minimum(np.log2(np.maximum(ratio, 1.0)) // CANCELLED_BITS, 50)
    absorbed = ((value == a) & (b != 0)) | ((np.abs(value) == np.abs(b)) & (a != 0))
    return np.where(absorbed, 100, lost)
