"""The points at which a proof is challenged: in and on the borders of every branch, step and domain of both programs, in the tails, at integers and halves.

The borders are found along lines on which one input moves: between two points at which a step is on different sides,
bisection over the floats ends at the two neighbours that the border separates.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import Any

from flint import arb

from verifier.arithmetic import balls
from verifier.case.points import FloatPoint, from_ordinal, ordinal
from verifier.circuit.dag import joined
from verifier.circuit.program import Program, Step, descendants
from verifier.language.formats import Format, round_exact
from verifier.language.gates import COMPARISONS, EXTREMES, GATES
from verifier.language.numeral import exact

PartialDomain = Sequence[tuple[float, float] | None] | None

SIDE_BITS = 64  # at which it is told on which side of a border a step is
COMPARED = COMPARISONS | EXTREMES
SIGNED = frozenset(name for name, gate in GATES.items() if gate.means is None and gate.kinks == GATES["abs"].kinks) | {"div"}  # of the last operand
STEPPED = frozenset(name for name, gate in GATES.items() if gate.kinks == GATES["floor"].kinks)
INTEGERS = (0, 1, 2, 3, 4, 5, 7, 10, 100)
OTHERS = (0.5, 1.5, 2.5, 0.25, 0.75, 1.25, 2.25, 3.5, 6.5, 150.5, 20.25, 40.5, 1e-3, 1e-8, 1e-30, 1e-200, 88.75, 710.5, 1000.25, 1e5 + 0.25, 1e10, 1e30, 1e200)
INSIDE = 12  # points at equal distances in a domain
MOST_BORDERS = 16  # along one line
MOST_LINES = 4
GENERIC = 48  # points without pattern on the line of an only input
ON_AXES = 0.7  # of the coordinates of random points: the others are without pattern
PARTS = 8  # of an interval, at every step of the search for a border
SECTIONS = 24  # steps from any float64 to any other
MOST_SCALARS = 256  # bounds of inputs whose numbers are remembered
LARGEST_STEP = 1 << 20  # of an integer step: beyond it a border is no isolated event


def places(programs: Sequence[Program], listed: Sequence[FloatPoint], *, fmt: Format, domain: PartialDomain, seed: int, most: int, both: Program | None = None) -> list[FloatPoint]:
    """At most `most` points of the format and the domain, no two equal; the borders first. `both` are the programs as one, where that was made."""
    count = len(programs[0].inputs)
    if not count:
        return [()]
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    allowed = [_FormatRange(fmt, domain[i] if domain is not None else None) for i in range(count)]
    literals = sorted({abs(float(exact(s.text))) for p in programs for s in p.steps if s.gate == "number" and len(s.text) < 30})[:INSIDE]
    scalars = [_scalars(fmt, domain[i] if domain is not None else None, tuple(literals)) for i in range(count)]
    bases = [*listed[:2], tuple(r.generic(draw) for r in allowed), tuple(r.generic(draw) for r in allowed)]
    moving = [i for i in range(count) if len(scalars[i]) > 1]  # an input with one value, such as the gradient that flows in, has no line
    lines = [(b, i) for b in bases[: 1 if len(moving) == 1 else None] for i in moving]
    draw.shuffle(lines)
    found: dict[FloatPoint, None] = {}
    program = joined(programs)[0] if both is None else both
    on_axes: list[list[float]] = [list(s) for s in scalars]
    for base, i in lines[:MOST_LINES]:
        ends = _borders(_line(program, base, i), scalars[i])
        near = sorted({y for pair in ends for x in pair for y in _around(fmt, x) if y in allowed[i]})
        middles = [m for a, b in pairwise([x for x, _ in ends]) if (m := _rounded(fmt, (a + b) / 2)) in allowed[i]]
        on_axes[i] += [*near, *middles]
        found.update(dict.fromkeys((*base[:i], x, *base[i + 1 :]) for x in (*near, *middles)))
    half = found if len(found) <= most // 2 else dict.fromkeys(draw.sample(list(found), most // 2))
    points = dict.fromkeys(half)
    for point in _beside(on_axes, scalars, bases, allowed, draw, most) if len(moving) != 1 else _along(bases[0], moving[0], on_axes[moving[0]], allowed[moving[0]], draw):
        if len(points) >= most:
            break
        points[point] = None
    return [*points][:most]


def _along(base: FloatPoint, moving: int, axis: Sequence[float], allowed: _FormatRange, draw: random.Random) -> Iterator[FloatPoint]:
    """Points on the line of the only input that moves: the numbers of its axis, and some without pattern."""
    for x in (*axis, *(allowed.generic(draw) for _ in range(GENERIC))):
        yield (*base[:moving], x, *base[moving + 1 :])


def _beside(on_axes: Sequence[Sequence[float]], scalars: Sequence[Sequence[float]], bases: Sequence[FloatPoint], allowed: Sequence[_FormatRange], draw: random.Random, most: int) -> Iterator[FloatPoint]:
    """Points beside the lines: every combination of signs, ties, and random ones of the numbers on the lines."""
    count = len(scalars)
    for signs in range(min(2**count, 16)):
        yield from (tuple(_turned(x, bool(signs >> i & 1), r) for i, (x, r) in enumerate(zip(b, allowed, strict=True))) for b in bases)
    for x in (0.0, 1.0, -1.0, 0.5, 2.0, -1.5):
        for turned in ((x,) * count, tuple(-x if i % 2 else x for i in range(count))):
            if all(y in r for y, r in zip(turned, allowed, strict=True)):
                yield turned
    sources = [[*zip(axes, allowed, strict=True)] for axes in (on_axes, scalars, scalars)]
    for k in range(most):
        yield tuple([_on_axis_or_between(axis, r, draw.random()) for axis, r in sources[k % 3]])


def _on_axis_or_between(axis: Sequence[float], allowed: _FormatRange, share: float) -> float:
    """A number of the axis, or else one without pattern, by a share of 1 that is drawn."""
    if axis and share < ON_AXES:
        return axis[int(share * len(axis) / ON_AXES)]
    return allowed.between((share - ON_AXES) / (1 - ON_AXES) if axis else share)


class _FormatRange:
    """The numbers of a format between two bounds."""

    def __init__(self, fmt: Format, bounds: tuple[float, float] | None) -> None:
        self.format = fmt
        largest = float(fmt.largest)
        self.low, self.high = bounds if bounds is not None else (-largest, largest)
        self.is_bounded = bounds is not None

    def __contains__(self, x: float) -> bool:
        return math.isfinite(x) and self.low <= x <= self.high

    def generic(self, draw: random.Random) -> float:
        """A number without pattern."""
        return self.between(draw.random())

    def between(self, share: float) -> float:
        """The number at such a share of the way from the lowest one to the highest: of a small range where there are no bounds."""
        low, high = (self.low, self.high) if self.is_bounded else (-3.0, 3.0)
        x = _rounded(self.format, low + (high - low) * share)
        return x if x in self else self.low


@lru_cache(maxsize=MOST_SCALARS)
def _scalars(fmt: Format, bounds: tuple[float, float] | None, literals: tuple[float, ...]) -> tuple[float, ...]:
    """Numbers of a format, between two bounds, at which formulas like to change, in order."""
    allowed = _FormatRange(fmt, bounds)
    numbers = [s * float(x) for x in (*INTEGERS, *OTHERS, *literals, *(c + d for c in literals for d in (1, -1, 0.25, -0.25))) for s in (1, -1)]
    if bounds is not None:
        numbers += [allowed.low + (allowed.high - allowed.low) * k / INSIDE for k in range(INSIDE + 1)]
    return tuple(sorted({y for x in numbers if (y := _rounded(fmt, x)) in allowed}))


def _turned(x: float, is_turned: bool, allowed: _FormatRange) -> float:
    return -x if is_turned and -x in allowed else x


def _rounded(fmt: Format, x: float) -> float:
    if fmt.name == "float64":
        return x + 0.0  # no negative zero
    return round_exact(fmt, Fraction(x)) if math.isfinite(x) else x


def _around(fmt: Format, x: float) -> set[float]:
    """The number of the format next to a float, its neighbours, and the integer or half that it may be meant for."""
    near = _rounded(fmt, x)
    step = max(abs(near) * float(fmt.unit_roundoff) * 2, float(fmt.smallest))
    halves = round(2 * x) / 2 if abs(x) < LARGEST_STEP else x
    return {near, _rounded(fmt, near + step), _rounded(fmt, near - step), *([halves] if abs(halves - x) <= 4 * step else [])}


# ---------------------------------------------------------------- borders along a line


@dataclass(frozen=True)
class _Restriction:
    """What of a program depends on the input that moves along a line, and has a border; everything else is a constant there, and stands as an input."""

    program: Program  # its first input is the one that moves
    constants: tuple[Any, ...]  # the values of its other inputs
    watched: tuple[int, ...]  # the steps with a border


def _line(program: Program, base: FloatPoint, moving: int) -> _Restriction:
    """The line through a point on which one input moves."""
    moves = descendants(program, [moving])
    watched = [i for i in moves if _has_border(program.steps[i])]
    needed, pending = set(watched), list(watched)
    moved = set(moves)
    while pending:
        new = [a for a in program.steps[pending.pop()].args if a not in needed]
        needed.update(new)
        pending += [a for a in new if a in moved]
    still = sorted(needed - moved)
    at = {old: new for new, old in enumerate([moving, *still, *sorted((needed & moved) - {moving})])}
    steps = [Step("input", (), f"x{new}") if new <= len(still) else Step(program.steps[old].gate, tuple([at[a] for a in program.steps[old].args]), program.steps[old].text) for old, new in at.items()]
    values = balls.run(program, [[arb(x)] for x in base], bits=SIDE_BITS, strict=False) if still else []
    names = tuple(s.text for s in steps[: len(still) + 1])
    return _Restriction(Program(tuple(steps), names, {}, len(steps) - 1), tuple(values[i][0] for i in still), tuple(at[i] for i in watched))


def _only(line: _Restriction, which: Sequence[int]) -> _Restriction:
    """The line with some of its watched steps, and with what these read."""
    steps, inputs = line.program.steps, len(line.program.inputs)
    needed = {line.watched[w] for w in which}
    for i in range(len(steps) - 1, inputs - 1, -1):
        if i in needed:
            needed.update(steps[i].args)
    at = {old: new for new, old in enumerate(sorted({*range(inputs), *needed}))}
    kept = tuple(steps[old]._replace(args=tuple(at[a] for a in steps[old].args)) for old in at)
    return _Restriction(Program(kept, line.program.inputs, {}, len(kept) - 1), line.constants, tuple(at[line.watched[w]] for w in which))


def _has_border(step: Step) -> bool:
    return bool(step.args) and (step.gate in COMPARED or step.gate in SIGNED or step.gate in STEPPED or bool(GATES[step.gate].where))


def _borders(line: _Restriction, scalars: Sequence[float]) -> list[tuple[float, float]]:
    """Neighbouring float64 numbers of the moving input between which a step changes sides, in order."""
    if len(scalars) < 2 or not line.watched:
        return []
    sides = _sides(line, scalars)
    brackets = [(scalars[k], scalars[k + 1], a, w) for k, (left, right) in enumerate(pairwise(sides)) for w, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    brackets = _fairly(brackets)
    changing = sorted({w for _, _, _, w in brackets})
    line, brackets = _only(line, changing), [(a, b, first, changing.index(w)) for a, b, first, w in brackets]
    ends = [(ordinal(a), ordinal(b)) for a, b, _, _ in brackets]
    for _ in range(SECTIONS):
        cuts = [(k, a + (b - a) * j // PARTS) for k, (a, b) in enumerate(ends) if b - a > 1 for j in range(1, PARTS)]
        if not cuts:
            break
        tried = list(dict.fromkeys(m for _, m in cuts))  # several steps often have one border
        found = dict(zip(tried, _sides(line, [from_ordinal(m) for m in tried]), strict=True))
        moved: set[int] = set()
        for k, m in cuts:
            if k in moved:
                continue
            _, _, first, which = brackets[k]
            if found[m][which] == first:
                ends[k] = (m, ends[k][1])
            else:
                ends[k] = (ends[k][0], m)
                moved.add(k)
    return sorted({(from_ordinal(a), from_ordinal(b)) for a, b in ends})


def _fairly(brackets: Sequence[tuple[float, float, Any, int]]) -> list[tuple[float, float, Any, int]]:
    """At most MOST_BORDERS of the brackets: of every watched step those nearest to 0 first, one after the other."""
    groups: dict[int, list[tuple[float, float, Any, int]]] = {}
    for bracket in sorted(brackets, key=lambda b: abs(b[0])):
        groups.setdefault(bracket[3], []).append(bracket)
    turns = zip_longest(*groups.values())
    return [b for turn in turns for b in turn if b is not None][:MOST_BORDERS]


def _sides(line: _Restriction, numbers: Sequence[float]) -> list[tuple[Any, ...]]:
    """On which side of its border each watched step is, for some numbers of the moving input."""
    columns = [[arb(x) for x in numbers], *([c] * len(numbers) for c in line.constants)]
    values = balls.run(line.program, columns, bits=SIDE_BITS, strict=False)
    rows: list[list[Any]] = []
    for i in line.watched:
        step = line.program.steps[i]
        operands = [values[a] for a in step.args]
        if step.gate in COMPARED:
            rows.append([_side(a - b) for a, b in zip(*operands, strict=True)])
        elif step.gate in SIGNED:
            rows.append([_side(a) for a in operands[-1]])
        elif step.gate in STEPPED:
            rows.append([_whole(a) for a in operands[0]])
        else:
            rows.append([bool(v.is_finite()) for v in values[i]])
    return list(zip(*rows, strict=True))


def _side(ball: Any) -> int | None:
    if not ball.is_finite():
        return None
    middle = ball.mid()
    return 1 if middle > 0 else -1 if middle < 0 else 0


def _whole(ball: Any) -> int | None:
    if not ball.is_finite() or abs(ball) > LARGEST_STEP:
        return None
    return math.floor(float(ball.mid()))
