"""What a row says of its gate's shape, held against its meaning: where it has kinks, of what kind it is, whether it is ever rounded."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache
from itertools import product

import pytest
from flint import arb

from tests.language.test_gates import columns_of, evaluate, fraction, inside, orders_of, program_of, sample
from verifier.arithmetic import balls, floats
from verifier.circuit.expressions import add_expression
from verifier.circuit.program import Builder
from verifier.exact import derivatives
from verifier.language.formats import FORMATS, round_exact
from verifier.language.gates import GATES, kernel

BITS = 900
H = arb(2) ** -200  # the distance of a neighbour: a smooth function moves by no more than the root of it, and its slope, too
GAP = arb(2) ** -30  # beyond it two values, or two slopes, differ
SHORT = (-6.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0)
FEW = (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0)  # for gates of three numbers
RANDOM = 20
NUMERIC = [name for name, gate in GATES.items() if gate.kind != "logic"]


def free_of(name: str) -> list[int]:
    """The parameters that can move."""
    return [i for i in range(len(GATES[name].parameters)) if i not in GATES[name].orders and i not in GATES[name].conditions]


def points_of(name: str) -> list[tuple[object, ...]]:
    """Short numbers in all combinations, where kinks are, and random ones, where they are not; the orders of the table's tests, and 0."""
    gate, free, draw = GATES[name], free_of(name), random.Random(name)
    orders = [tuple(map(float, map(Fraction, row))) for row in orders_of(gate)] + ([(0.0,)] if len(gate.orders) == 1 else [])
    rows = [*product(SHORT if len(free) < 3 else FEW, repeat=len(free)), *(tuple(draw.uniform(-width, width) for _ in free) for width in (1, 7) for _ in range(RANDOM))]
    found = []
    for row, order, truths in product(rows, orders, product((False, True), repeat=len(gate.conditions))):
        point: list[object] = [None] * len(gate.parameters)
        for positions, values in ((free, row), (gate.orders, order), (gate.conditions, truths)):
            for i, value in zip(positions, values, strict=True):
                point[i] = value
        found.append(tuple(point))
    return found


def values_of(name: str, rows: list[tuple[object, ...]]) -> list[object]:
    """The meaning of the gate, enclosed; None where it has no value, or is not known."""
    gate = GATES[name]
    builder = Builder(gate.parameters, truths=set(gate.conditions), is_table=True)
    program = derivatives.primitive(builder.program(builder.append(name, tuple(range(len(gate.parameters))))))
    values = balls.run(program, [[v if isinstance(v, bool) else arb(v) for v in column] for column in zip(*rows, strict=True)], bits=BITS, strict=False)[program.output]
    return [arb(v) if isinstance(v, bool) else None if v is None or not v.is_finite() or v.rad() > H**2 else v for v in values]


@cache
def observed(name: str) -> dict[tuple[object, ...], bool]:
    """The points whose neighbours on both sides have values, in some direction, and whether the value jumps there or its slopes differ."""
    free, points = free_of(name), points_of(name)
    shifted = [(p, i, side) for p in points for i in free for side in (-1, 1)]
    with balls.precision(BITS):
        near = [tuple(arb(v) + side * H if k == i else v for k, v in enumerate(p)) for p, i, side in shifted]
        here = dict(zip(points, values_of(name, points), strict=True))
        values = values_of(name, near)
        defined = [inside(name, p) is not False for p in near] if GATES[name].where else [True] * len(near)
        found: dict[tuple[object, ...], bool] = {}
        for k in range(0, len(shifted), 2):
            point, middle, (left, right) = shifted[k][0], here[shifted[k][0]], values[k : k + 2]
            if None in (middle, left, right) or not all(defined[k : k + 2]) or inside(name, point) is False:
                continue
            rising = ((middle - left) / H, (right - middle) / H)
            jumps = abs(middle - left) > GAP or abs(right - middle) > GAP
            bends = abs(rising[0] - rising[1]) > GAP * (1 + abs(rising[0]) + abs(rising[1]))
            found[point] = found.get(point, False) or bool(jumps or bends)
    return found


def stated(name: str, formula: str, points: list[tuple[object, ...]]) -> list[bool]:
    """Whether a formula of kinks holds at each point."""
    if not formula:
        return [False] * len(points)
    builder = Builder(GATES[name].parameters, is_table=True)
    program = derivatives.primitive(builder.program(add_expression(builder, formula)))
    return balls.run(program, columns_of(points, list(range(len(points[0])))), bits=BITS, strict=False)[program.output]


def mistakes(name: str, formula: str) -> list[tuple[object, ...]]:
    """The points at which a formula is wrong about the gate's kinks."""
    found = observed(name)
    return [p for p, says in zip(found, stated(name, formula, list(found)), strict=True) if says is not found[p]]


@pytest.mark.parametrize("name", NUMERIC)
def test_the_kinks_of_a_gate_are_where_its_slope_or_its_value_jumps(name: str) -> None:
    assert mistakes(name, GATES[name].kinks) == []
    assert len(observed(name)) >= 10
    assert any(observed(name).values()) == bool(GATES[name].kinks)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("abs", ""), ("abs", "a == 1"), ("abs", "a == 0 or a == 1"), ("elu", ""), ("elu", "a == 0"), ("sin", "a == 0"), ("cbrt", "a == 0"), ("lt", ""),
        ("fmod", "a / b == floor(a / b)"), ("clip", "a == lo or a == hi"), ("softshrink", "abs(a) == threshold"), ("leaky_relu", "a == 0"), ("ive", "a == 0"), ("trunc", "a == floor(a)"),
        ("atan2", "a == 0"), ("hypot", "a == 0"), ("round", "a == floor(a)"), ("where", "a == b"), ("copysign", "a == 0"), ("add", "a == b"),
    ],
)  # fmt: skip
def test_a_false_formula_of_kinks_is_caught(name: str, formula: str) -> None:
    assert mistakes(name, formula) != []


def flat(name: str) -> bool:
    """Whether the gate does not move with its first parameter, off its kinks."""
    points, first = [p for p, kink in observed(name).items() if not kink], free_of(name)[0]
    with balls.precision(BITS):
        moved = [(*p[:first], arb(p[first]) + H, *p[first + 1 :]) for p in points]
        return all(a is None or b is None or a.overlaps(b) for a, b in zip(values_of(name, points), values_of(name, moved), strict=True))


@pytest.mark.parametrize("name", [name for name in NUMERIC if not GATES[name].conditions])
def test_a_step_is_what_is_flat_between_its_jumps(name: str) -> None:
    assert flat(name) == (GATES[name].kind in ("step", "comparison"))


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.kind == "comparison"])
def test_a_comparison_holds_for_the_signs_of_its_row(name: str) -> None:
    """Python's operators are the independent word."""
    for a, b in product((-1.0, 0.0, 2.5), repeat=2):
        assert kernel(GATES[name].float64)(a, b) == ((a > b) - (a < b) in GATES[name].holds)


def rounds(name: str) -> bool:
    """Whether some float that the gate gives, of floats of the format, is not the exact value."""
    for orders in orders_of(GATES[name]):
        program, free = program_of(GATES[name], orders)
        for fmt in (FORMATS["float64"], FORMATS["float32"]):
            points = [tuple(v if isinstance(v, bool) else round_exact(fmt, Fraction(v)) for v in p) for p in sample(name, orders)]
            computed = floats.run(program, [[p[i] for p in points] for i in free], fmt=fmt)[program.output]
            exact = evaluate(program, columns_of(points, free), bits=BITS)
            if any(bool(c) is not e if isinstance(e, bool) else not e.is_exact() or Fraction(float(c)) != fraction(e) for c, e in zip(computed, exact, strict=True)):
                return True
    return False


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.group != "casts"])
def test_a_gate_is_exact_where_no_float_of_it_is_rounded(name: str) -> None:
    assert rounds(name) is not GATES[name].exact


def changes_when_swapped(name: str) -> bool:
    """Whether two numbers that the gate takes may not change places."""
    points = [p for p in points_of(name) if p[0] != p[1]]
    with balls.precision(BITS):
        both = zip(values_of(name, points), values_of(name, [p[::-1] for p in points]), strict=True)
        return any(a is not None and b is not None and not a.overlaps(b) for a, b in both)


@pytest.mark.parametrize("name", [name for name in NUMERIC if len(GATES[name].parameters) == 2 and not GATES[name].orders])
def test_a_gate_commutes_where_its_operands_may_change_places(name: str) -> None:
    assert changes_when_swapped(name) is not GATES[name].commutes
