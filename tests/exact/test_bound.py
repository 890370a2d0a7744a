"""Boxes, and values over boxes, of the bound of a threshold. Expected values by hand, and by mpmath at both ends of an interval where a function increases."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.case.points import from_ordinal, ordinal
from verifier.circuit.program import Program
from verifier.exact import bound, derivatives
from verifier.exact.identities import field
from verifier.exact.identities.elements import Element, Field, Plan
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS

FLOAT64 = FORMATS["float64"]


@pytest.fixture(autouse=True)
def _precise():
    with balls.precision(bound.BITS):
        yield


def primitive(text: str) -> Program:
    return derivatives.primitive(expression(text, "x", "y"))


def box_of(*ends: tuple[float, float]) -> bound.BoxOrdinals:
    return tuple((ordinal(a), ordinal(b)) for a, b in ends)


def floats_of(box: bound.BoxOrdinals) -> list[tuple[float, float]]:
    return [(from_ordinal(a), from_ordinal(b)) for a, b in box]


# ---------------------------------------------------------------- boxes


def test_the_halves_of_a_box_are_cut_across_the_side_with_the_most_floats() -> None:
    """From 0 to 1 there are more floats than from 1 to 1e300: 1023 * 2**52 against 997 * 2**52."""
    box = box_of((1.0, 1e300), (0.0, 1.0))
    first, second = bound._halves(box, [0, 1], by_size=False)
    assert first[0] == second[0] == box[0]
    assert (first[1][0], second[1][1]) == box[1]
    assert second[1][0] == first[1][1] + 1
    assert first[1][1] - first[1][0] in (second[1][1] - second[1][0], second[1][1] - second[1][0] + 1)
    assert [half[1] for half in bound._halves(box, [0], by_size=False)] == [box[1], box[1]], "only across the sides that matter"


def test_by_size_the_side_is_cut_that_is_longest_on_the_scale_of_logarithms_and_in_its_middle_there() -> None:
    """log1p(1e300) = 690.8 is more than log1p(1e100) = 230.3; sign(x) log1p|x| of -(e**2 - 1) and e**4 - 1 are -2 and 4: their middle is e - 1."""
    (first, second) = bound._halves(box_of((0.0, 1e100), (0.0, 1e300)), [0, 1], by_size=True)
    assert floats_of(first)[0] == (0.0, 1e100)
    assert floats_of(first)[1][1] == pytest.approx(math.expm1(math.log1p(1e300) / 2), rel=1e-12)
    assert ordinal(floats_of(second)[1][0]) == ordinal(floats_of(first)[1][1]) + 1
    (first, second) = bound._halves(box_of((-math.expm1(2), math.expm1(4))), [0], by_size=True)
    assert floats_of(first)[0][1] == pytest.approx(math.e - 1, rel=1e-14)
    largest = float(FLOAT64.largest)
    assert floats_of(bound._halves(box_of((-largest, largest)), [0], by_size=True)[0])[0][1] == 0


@pytest.mark.parametrize("by_size", [False, True])
def test_a_point_has_no_halves_and_two_neighbours_are_two_points(by_size: bool) -> None:
    assert bound._halves(box_of((1.5, 1.5)), [0], by_size=by_size) == []
    assert bound._halves(box_of((1.5, 1.5), (2.0, 2.0)), [0, 1], by_size=by_size) == []
    near = math.nextafter(1.5, 2)
    assert bound._halves(box_of((1.5, near)), [0], by_size=by_size) == [box_of((1.5, 1.5)), box_of((near, near))]


def test_a_side_of_no_size_leaves_the_cut_to_the_floats() -> None:
    """5e-324 and 1e-323 have one logarithm of 1 + x; both sides together have no length on that scale, and two floats."""
    assert bound._halves(box_of((5e-324, 1e-323)), [0], by_size=True) == [box_of((5e-324, 5e-324)), box_of((1e-323, 1e-323))]


@pytest.mark.parametrize("x", [0.0, 1.0, -1.0, 1e-300, -1e300, 12.5])
def test_the_size_of_a_number_and_back(x: float) -> None:
    assert bound._of_size(bound._size(x)) == pytest.approx(x, rel=1e-12)
    assert bound._size(x) == pytest.approx(math.copysign(float(mpmath.log1p(abs(mpmath.mpf(x)))), x), rel=1e-15)
    assert math.isfinite(bound._of_size(1e9))


# ---------------------------------------------------------------- values over a box

QUOTIENTS = (  # a quotient over x from 1 to 2 and y from 1 to 3 with a denominator above 0, below 0, or neither; the ends by hand
    ("1/(x + y)", (1 / 5, 1 / 2)), ("1/(x + y + 9)", (1 / 14, 1 / 11)), ("1/(x - y - 9)", (-1 / 8, -1 / 11)), ("1/(-x - y)", (-1 / 2, -1 / 5)), ("y/(x - 4)", (-3 / 2, -1 / 3)), ("1/(x - y)", None), ("1/(x - 1.5)", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "ends"), QUOTIENTS, ids=[t for t, _ in QUOTIENTS])
def test_a_quotient_has_ends_where_its_denominator_has_a_sign(text: str, ends: tuple[float, float] | None) -> None:
    (found,) = ends_of(text, ((1.0, 2.0), (1.0, 3.0)))
    if ends is None:
        assert found is None
    else:
        assert found is not None
        assert [float(e) for e in found] == pytest.approx(sorted(ends), rel=1e-12)


BOXES = (((0.5, 2.0), (1.0, 3.0)), ((-2.0, -0.5), (1.0, 3.0)), ((-1.0, 2.0), (-3.0, -1.0)), ((0.0, 0.0), (2.0, 2.0)))
# a text that is enclosed over a box, by mpmath at points of it; with a flag where the ends of its enclosure are values of it (it increases or decreases in each of its terms alone)
ENCLOSED: tuple[tuple[str, Callable[..., object]], ...] = (
    ("x + y", lambda x, y: x + y), ("x*y", lambda x, y: x * y), ("3 - x*x*y", lambda x, y: 3 - x * x * y), ("exp(x)", lambda x, _: mpmath.exp(x)), ("exp(-2*x)*y", lambda x, y: mpmath.exp(-2 * x) * y), ("1/(1 + exp(x))", lambda x, _: 1 / (1 + mpmath.exp(x))), ("y/exp(x)", lambda x, y: y / mpmath.exp(x)),
    ("1/y", lambda _, y: 1 / y), ("x/y**2", lambda x, y: x / y**2), ("erf(x)*y", lambda x, y: mpmath.erf(x) * y), ("atan(x*y)", lambda x, y: mpmath.atan(x * y)), ("pi*x", lambda x, _: mpmath.pi * x), ("(x + y)/(2 + exp(x))", lambda x, y: (x + y) / (2 + mpmath.exp(x))), ("sqrt(y*y)", lambda _, y: abs(y)), ("log(1 + exp(x))", lambda x, _: mpmath.log(1 + mpmath.exp(x))), ("x/3", lambda x, _: x / 3), ("asinh(x)", lambda x, _: mpmath.asinh(x)),
)  # fmt: skip


def ends_of(text: str, box: tuple[tuple[float, float], ...]) -> list[bound.Ends | None]:
    """The enclosures of a text over a box, in all branches of signs that it has there."""
    found: list[bound.Ends | None] = []
    program = primitive(text)

    def look(over: Field) -> bool:
        element = field.value(over, program, program.output)
        if isinstance(element, Element):
            places = {i: (arb(a), arb(b)) for i, (a, b) in enumerate(box)}
            if not any(bound._has_sign(over, p, -s, places) for p, s in over.assumptions.values()):
                found.append(bound._value(over, element, dict(places)))
        return True

    field.holds(("x", "y"), look)
    return found


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize(("text", "function"), ENCLOSED, ids=[t for t, _ in ENCLOSED])
def test_the_values_over_a_box_lie_between_the_ends(text: str, function: Callable[..., object], box: tuple[tuple[float, float], ...]) -> None:
    found = ends_of(text, box)
    with mpmath.workdps(40):
        for (a, b), (c, d) in [box]:
            values = [arb(mpmath.nstr(function(mpmath.mpf(a) + (b - a) * i / 8, mpmath.mpf(c) + (d - c) * k / 8), 38)) for i in range(9) for k in range(9)]
    tight = text not in ("(x + y)/(2 + exp(x))", "log(1 + exp(x))", "3 - x*x*y")
    for ends in found:
        if ends is None:
            continue
        assert ends[0] <= ends[1]
        low, high = min(values, key=lambda v: float(v.mid())), max(values, key=lambda v: float(v.mid()))
        assert ends[0] <= low + arb(10) ** -30 * (1 + abs(low))
        assert ends[1] >= high - arb(10) ** -30 * (1 + abs(high))
        if tight:
            assert abs(ends[0] - low) <= arb(10) ** -30 * (1 + abs(low))
            assert abs(ends[1] - high) <= arb(10) ** -30 * (1 + abs(high))
    if text not in ("sqrt(y*y)", "asinh(x)"):
        assert len(found) == 1
        assert found[0] is not None


@pytest.mark.parametrize("text", ["sin(x)", "cos(x)*y", "tan(x)", "1/x", "x/(x - y)", "gamma(y)", "besselj(1, x)", "1/sin(x)", "y + 1/x", "exp(sin(x))", "1/log(y + 2)"])
def test_what_turns_between_the_ends_has_no_enclosure(text: str) -> None:
    """1/x over [-1, 2], 1/log(y + 2) over y from -1.5 to 1; the others are no kernels that increase."""
    assert set(ends_of(text, ((-1.0, 2.0), (-1.5, 1.0)))) <= {None}


def test_exponentials_of_any_size_have_ends() -> None:
    far = arb(bound.FAR)
    low, high = bound._exp([-far * 2, arb(0)])
    assert low == 0
    assert high == 1
    low, high = bound._exp([-far * 2, -far * 4])
    assert low == 0
    assert 0 < high <= arb(-bound.FAR).exp().upper()
    assert arb(2) ** -1100 > high
    low, high = bound._exp([arb(0), far * 2])
    assert low == 1
    assert not high.is_finite()
    low, high = bound._exp([arb("nan")])
    assert not low.is_finite()
    assert not high.is_finite()
    low, high = bound._exp([arb(1), arb(2)])
    assert low <= arb(1).exp()
    assert arb(2).exp() <= high < arb("7.3890561")


def test_the_hull_holds_all_values_and_nothing_more() -> None:
    assert bound._hull([arb(3), arb(-1), arb(2)]) == (-1, 3)
    assert bound._hull([arb(3)]) == (3, 3)
    low, high = bound._hull([arb(3), arb("nan")])
    assert (low, high) == (arb.neg_inf(), arb.pos_inf())
    low, high = bound._hull([arb(1, 0.5), arb(0, 0.25)])
    assert -0.2500001 < low <= -0.25
    assert 1.5 <= high < 1.5000001


# ---------------------------------------------------------------- whole bounds


def bound_of(function: str, dx: str, *, domain: object = None, inputs: tuple[str, ...] = ("x", "y"), upstream: float = 1.0) -> arb | None:
    program = derivatives.primitive(expression(dx, *inputs))
    subject = Subject(program, (("x", "dx"),))
    object.__setattr__(program, "names", {"dx": program.output})
    return bound.bound(truth_of(expression(function, *inputs)), subject, ("x", "dx"), fmt=FLOAT64, upstream=upstream, domain=domain)  # type: ignore[arg-type]


TAIL = 2.0**53 / (1 + math.exp(40))  # of sigmoid at 40, in ulps of the number below 1


@pytest.mark.parametrize(
    ("function", "dx", "least"),
    [
        ("softplus(x)", "where(x > 40, 1, sigmoid(x))", TAIL), ("softplus(x)*y", "where(x > 40, y, sigmoid(x)*y)", TAIL), ("softplus(x) + y", "where(x > 40, 1, where(y > 3, sigmoid(x), sigmoid(x)))", TAIL),
        ("softplus(x)", "where(x > 40, 1, where(x < -750, exp(x), sigmoid(x)))", TAIL), ("x*y", "where(x > 1, y*(1 + 2**-60), y)", 2.0**-7), ("x*y", "where(x > 1, y*(1 - 2**-60), y)", 2.0**-8),
    ],
)  # fmt: skip
def test_a_bound_is_at_least_the_distance_and_at_most_twice(function: str, dx: str, least: float) -> None:
    """2**-60 of a number is between 2**-8 and 2**-7 of its ulp, which is 2**-53 to 2**-52 of it; the bound takes the smallest ulp."""
    found = bound_of(function, dx)
    assert found is not None
    assert least * 0.99 <= float(found) <= 2.1 * least


@pytest.mark.parametrize(
    ("function", "dx"),
    [
        ("softplus(x)", "sigmoid(x)"), ("softplus(x)", "where(x > 40, exp(x)/(1 + exp(x)), sigmoid(x))"), ("softplus(x)", "where(x > 40, 1, 2*sigmoid(x))"), ("x + y", "where(x > 1, 1 + sin(x)*exp(-60), 1)"), ("sin(x) + 3*x", "where(x > 1, cos(x) + 3 + exp(-60), cos(x) + 3)"), ("y", "where(x > 1, exp(-60), 0)"), ("x*x", "where(x > 1, 2*x + 2**-40, 2*x)"),
    ],
)  # fmt: skip
def test_where_both_are_equal_differ_too_much_or_turn_there_is_no_bound(function: str, dx: str) -> None:
    """Equal everywhere: nothing to bound. Twice as much. A sine in the difference, or in the exact side, has no enclosure here. A gradient that is 0. An absolute error of 2**-40 at large numbers only where it is less than an ulp."""
    assert bound_of(function, dx) is None


def test_a_domain_limits_the_boxes_and_many_inputs_have_no_bound() -> None:
    early = "where(x > 30, 1, sigmoid(x))"
    assert bound_of("softplus(x)", early) is None
    assert bound_of("softplus(x)", early, domain=[(-100.0, 29.0), None]) == 0, "where the threshold is not reached nothing is off"
    found = bound_of("softplus(x)", early, domain=[(37.0, 100.0), None])
    assert found is not None
    assert float(found) == pytest.approx(2.0**53 / (1 + math.exp(37)), rel=0.1)
    late = "where(x > 40, 1, sigmoid(x))"
    assert bound_of("softplus(x) + 0*(y + z)", late, inputs=("x", "y", "z")) is not None
    assert bound_of("softplus(x) + 0*(y + z + w)", late, inputs=("x", "y", "z", "w")) is None


def test_a_gradient_that_flows_in_multiplies_the_exact_side() -> None:
    assert bound_of("softplus(x)", "where(x > 40, 3, 3*sigmoid(x))", upstream=3.0) is not None
    assert bound_of("softplus(x)", "where(x > 40, 3, 3*sigmoid(x))", upstream=2.0) is None


def test_the_inputs_that_matter_are_those_of_the_relative_distance() -> None:
    """Of y*(1 - sigmoid(x)) over y*sigmoid(x) it is x alone, and those of the assumptions."""
    over = Field(("x", "y"), Plan())
    x, y = over.generator(0), over.generator(1)
    tail = over.div(over.one, over.add(over.one, over.kernel("exp", x)))
    ratio = over.div(over.mul(y, tail), y)
    piece = bound._Piece(((x.num, 1),), over.mul(y, tail), y, ratio)
    assert bound._sides(over, piece) == {0}
    assert bound._sides(over, bound._Piece(((x.num, 1),), over.mul(y, tail), y, None)) == {0, 1}
    assert bound._sides(over, bound._Piece(((y.num, 1),), over.mul(y, tail), y, ratio)) == {0, 1}
