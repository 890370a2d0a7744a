"""Lines through the input space: one input moves, or several move together so that they tie or cancel; the others stay at a base point."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case.components import base
from verifier.case.points import places_of
from verifier.circuit.program import Program
from verifier.language.formats import Format, numbers

BASES = ((0.5, -1.5, 2.5, 0.75), (2.0, 3.0, 0.5, 1.5), (0.0, 1.0, 2.0, -1.0), (30.0, 0.25, -20.0, 1e-3), (1.0, 0.0, 0.0, 0.0))
DISTINCT_BASES = 2  # in the first base points no two inputs are equal: where the four numbers repeat, each repetition is shifted
REPETITION_SHIFT = 0.125
EXTREME_EXPONENT_SHARE = 0.65  # of the exponent range: the squares of such numbers overflow and underflow
RANDOM_BASES = 2
MOST_AXES = 64  # inputs that are moved from the first base point, one by one
MOST_INPUTS = 6  # inputs that are moved from each of the others; with more, a random choice
MOST_PAIRS = 10  # pairs of inputs that move together
MANY = 10  # inputs; with so many each point is judged for many gradients, and their paths are alike: a hunt looks at a third of them
InputRanges = Sequence[tuple[float, float]]


def is_in(point: Sequence[float], box: InputRanges) -> bool:
    """Whether every coordinate of a point lies in its range."""
    return all(low <= x <= high for x, (low, high) in zip(point, box, strict=True))


class Move(Enum):
    """What an input is while the number t runs along a path."""

    SAME = "{}"
    OPPOSITE = "-{}"
    NEXT = "{} + 1 ulp"


@dataclass(frozen=True)
class Path:
    """The points at which the moving inputs follow a number t; the first of them is t itself."""

    base: tuple[float, ...]
    moves: tuple[tuple[int, Move], ...]
    low: float  # t stays between these numbers of the format, and every input in its domain
    high: float

    @property
    def input(self) -> int:
        """The input that is t."""
        return self.moves[0][0]

    def columns(self, ts: Sequence[float] | DoubleArray, fmt: Format) -> list[list[float]]:
        """The inputs at some values of t, one column each."""
        moved = {i: column.tolist() for (i, _), column in zip(self.moves, self.moved(ts, fmt), strict=True)}
        return [moved[i] if i in moved else [x] * len(ts) for i, x in enumerate(self.base)]

    def moved(self, ts: Sequence[float] | DoubleArray, fmt: Format) -> list[DoubleArray]:
        """The inputs that move at some values of t, one column each."""
        return [_moved(np.asarray(ts, dtype=np.float64), move, fmt) for _, move in self.moves]

    def point(self, t: float, fmt: Format) -> tuple[float, ...]:
        """The inputs at one value of t."""
        return tuple(column[0] for column in self.columns([t], fmt))

    def words(self, inputs: Sequence[str]) -> str:
        """How the other moving inputs follow, such as `y = -x`; empty where only one moves.

        >>> Path((0.0, 0.0), ((0, Move.SAME), (1, Move.OPPOSITE)), -1.0, 1.0).words(("x", "y"))
        'y = -x'
        """
        return ", ".join(f"{inputs[i]} = {move.value.format(inputs[self.input])}" for i, move in self.moves[1:])


def _moved(ts: DoubleArray, move: Move, fmt: Format) -> DoubleArray:
    if move is Move.OPPOSITE:
        return 0.0 - ts
    return numbers(fmt, places_of(fmt, ts) + 1) if move is Move.NEXT else ts


def paths(program: Program, domain: InputRanges, fmt: Format, source: random.Random) -> Iterator[Path]:
    """The paths of a hunt, the most productive first: every input alone, inputs together, then every input from other base points."""
    count = len(domain)
    first, *others = bases(domain, fmt, source)
    if count == 1:
        yield axis(first, 0, domain)
        return
    if count <= MOST_AXES:
        yield from (axis(first, i, domain) for i in range(count))
        yield from _together(program, first, domain, fmt)
    else:  # where a hunt may have to end early, inputs of every array and inputs together come first
        moving = [i for i in spread(program.inputs) if domain[i][0] < domain[i][1]]
        alone = [axis(first, i, domain) for i in moving[:MOST_AXES]]
        arrays = len({base(program.inputs[i]) for i in moving})
        yield from alone[:arrays]
        yield from _together(program, first, domain, fmt)
        yield from alone[arrays:]
    most = of_many(MOST_INPUTS, count)
    for other in others:
        chosen = range(count) if count <= most else sorted(source.sample(range(count), most))
        yield from (axis(other, i, domain) for i in chosen)


def spread(inputs: Sequence[str]) -> list[int]:
    """The positions of inputs, in turn one of every array; of each array the elements that are far apart come first.

    >>> spread(["x[0]", "x[1]", "x[2]", "x[3]", "w[0]", "w[1]"])
    [0, 4, 2, 5, 1, 3]
    """
    arrays: dict[str, list[int]] = {}
    for i, name in enumerate(inputs):
        arrays.setdefault(base(name), []).append(i)
    ordered = [[elements[k] for k in sorted(range(len(elements)), key=bits_reversed)] for elements in arrays.values()]
    return [row[k] for k in range(max(map(len, ordered))) for row in ordered if k < len(row)]


def bits_reversed(k: int) -> int:
    """A key by which whole numbers are ordered so that those that are far apart come first: 0, 4, 2, 6, 1, 5, 3, 7."""
    return int(f"{k:032b}"[::-1], 2)


def of_many(most: int, inputs: int) -> int:
    """A number of inputs, pairs or borders to look at, where there are so many inputs."""
    return most if inputs < MANY else most // 3


def axis(start: tuple[float, ...], i: int, domain: InputRanges) -> Path:
    """The path on which one input moves through its domain."""
    return Path(start, ((i, Move.SAME),), *domain[i])


def bases(domain: InputRanges, fmt: Format, source: random.Random) -> list[tuple[float, ...]]:
    """The base points: short numbers, extreme ones whose products leave the format, random ones."""
    count = len(domain)
    extremes = (2.0 ** round(EXTREME_EXPONENT_SHARE * fmt.emin), 2.0 ** round(EXTREME_EXPONENT_SHARE * fmt.emax))
    rows = [[four[i % len(four)] + (i // len(four) * REPETITION_SHIFT if k < DISTINCT_BASES else 0.0) for i in range(count)] for k, four in enumerate(BASES)] + [[x] * count for x in extremes]
    rows += [[round(source.gauss(0, 2), 1) for _ in range(count)] for _ in range(RANDOM_BASES)]
    columns = [numbers(fmt, places_of(fmt, [min(max(row[i], low), high) for row in rows])).tolist() for i, (low, high) in enumerate(domain)]
    return list(dict.fromkeys(tuple(row) for row in zip(*columns, strict=True)))


def _together(program: Program, start: tuple[float, ...], domain: InputRanges, fmt: Format) -> Iterator[Path]:
    """Pairs that meet in a step are equal, opposite or neighbours; then all inputs are equal, and of alternating sign."""
    count = len(domain)
    several = [((i, Move.SAME), (j, move)) for i, j in islice(meetings(program), of_many(MOST_PAIRS, count)) for move in Move]
    if count > 2:
        several += [tuple((i, Move.SAME) for i in range(count)), tuple((i, (Move.SAME, Move.OPPOSITE)[i % 2]) for i in range(count))]  # type: ignore[list-item]
    for moves in several:
        low, high = _common(moves, domain, fmt)
        if low < high:
            yield Path(start, moves, low, high)


def _common(moves: Sequence[tuple[int, Move]], domain: InputRanges, fmt: Format) -> tuple[float, float]:
    """The values of t that keep every moving input in its domain."""
    lows, highs = [], []
    for i, move in moves:
        low, high = domain[i]
        if move is Move.NEXT:
            low, high = numbers(fmt, places_of(fmt, [low, high]) - 1).tolist()
        lows.append(-high if move is Move.OPPOSITE else low)
        highs.append(-low if move is Move.OPPOSITE else high)
    return max(lows), min(highs)


def meetings(program: Program) -> Iterator[tuple[int, int]]:
    """Pairs of inputs that meet in a step of two operands, those first that depend on the fewest others.

    >>> from verifier.build import build_expression
    >>> from verifier.case import Source
    >>> text = "a*b + exp(c)"
    >>> list(meetings(build_expression(Source(text, "t", 1, 1, text), ("a", "b", "c"))[0]))
    [(0, 1), (0, 2)]
    """
    inputs = len(program.inputs)
    depends: list[int] = []
    found: dict[tuple[int, int], int] = {}
    for k, step in enumerate(program.steps):
        depends.append(1 << k if k < inputs else 0)
        for a in step.args:
            depends[k] |= depends[a]
        if len(step.args) == 2:
            left, right = (depends[a] for a in step.args)
            i, j = _first(left & ~right or left), _first(right & ~left or right)
            pair = (min(i, j), max(i, j))
            weight = left.bit_count() + right.bit_count()
            if -1 < i != j > -1 and weight < found.get(pair, weight + 1):
                found[pair] = weight
    yield from sorted(found, key=lambda pair: (found[pair], pair))


def _first(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
