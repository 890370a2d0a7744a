"""Derivatives that are written in a function, on borders of it: which steps have borders, where they are met, and the slope beside them. Expected values by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import arb, fmpq

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import borders, derivatives, expansions, marks, series
from verifier.exact import one_sided as limits
from verifier.exact.identities import field
from verifier.exact.identities.elements import Field, Plan
from verifier.exact.series import Series, Undecided

BITS = 640


def primitive(text: str, *inputs: str) -> Program:
    return derivatives.primitive(expression(text, *(inputs or ("x", "y"))))


def derivative(text: str, position: int, x: str = "0", y: str = "2") -> limits.Derivative:
    return limits.derivative(primitive(text), [Fraction(x), Fraction(y)], position, bits=BITS)


# what is beside the border: by the limits of value and slope from both sides
NO_DERIVATIVE = (
    ("diff(where(x == 0, 0, log(abs(x))), x)*y", "a jump: the function is not continuous here"), ("diff(where(x == 0, 0, 1/x), x)*y", "a jump: the function is not continuous here"), ("diff(where(x > 0, 1/sqrt(x), 0), x)*y", "a jump: the function is not continuous here"), ("diff(where(x > 0, x*log(x), 0), x)*y", "an infinite slope"),
    ("diff(sqrt(abs(x)), x)*y", "an infinite slope"), ("diff(where(x > 0, x, 2*x), x)*y", "a kink: the function has no derivative here"), ("diff(where(x < 0, x + 1e-30, x), x)*y", "a jump: the function is not continuous here"), ("diff(where(x < 0, x*(1 + 1e-30), x), x)*y", "a kink: the function has no derivative here"),
    ("diff(sign(x)*y, x)", "a jump: the function is not continuous here"), ("diff(ceil(x)*y, x)", "a jump: the function is not continuous here"), ("diff(max(x, 3*x)*y, x)", "a kink: the function has no derivative here"), ("diff(min(x, x*x)*y, x)", "a kink: the function has no derivative here"), ("diff(atan2(x, -y), x)", "a jump: the function is not continuous here"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), NO_DERIVATIVE, ids=[t for t, _ in NO_DERIVATIVE])
@pytest.mark.parametrize("position", [0, 1])
def test_the_reason_is_what_is_beside_the_border(text: str, reason: str, position: int) -> None:
    found = derivative(text, position)
    assert isinstance(found, limits.Nowhere)
    assert found.reason == reason


# text, and its derivatives by x and by y at (0, 2); None where there is none
SMOOTH = (
    ("diff(where(x > 0, x*x, 2*x*x), x)*y", None, "0"), ("diff(where(x > 0, x**3, 2*x**3), x)*y", "0", "0"), ("diff(x*abs(x)*y, x)", None, "0"), ("diff(where(x > 0, y*x, sin(x)*y), x)", "0", "1"), ("diff(max(x**3, 2*x**3)*y, x)", "0", "0"), ("diff(x**2*floor(y + 1/2), x)", "4", "0"), ("diff(x**2*floor(y), x)", "4", "0"),
    ("diff(sqrt(x)**4*y, x)", "4", "0"), ("diff(x**2*sign(x - x + 1), x)", "2", "0"), ("diff(x*where(y > 2, 1, 1), x)", "0", "0"), ("diff(where(x >= 0, exp(x), 1 + x)*y, x)", None, "1"), ("diff(where(x >= 0, exp(x), 1 + x + x*x/2)*y, x)", "2", "1"), ("diff(min(x, 5)*y, x)", "0", "1"), ("diff(max(min(x, 5), -5)*y*y, x)", "0", "4"), ("diff(atan2(x, y), x)", "0", "-1/4"),
    ("diff(where(x == 0, 1, sin(x)/x)*y, y)", "0", "0"), ("diff(abs(x)*y, y)", None, "0"), ("diff(abs(x*y), y)", None, "0"), ("diff(where(y > 2, x, 2*x)*y, x)", "0", None), ("diff(where(y > 2, x, x)*y, y)", "1", "0"),
    ("diff((x*abs(x) + x*floor(y + 1/2 - x))*y, x)", None, "2"), ("diff((x*abs(x) + x*floor(y - x))*y, x)", None, None), ("diff((x*abs(x) + x*where(x > 0, log(y - 3), y))*y, x)", "-4", "4"), ("diff(where(x > 0, sqrt(y - 3), x)*y, x)", "0", "1"), ("diff((x*abs(x) + x*where(x > 0, asin(y), y))*y, x)", "-4", "4"), ("diff((x*abs(x) + x*where(x > 0, lgamma(y - 2), y))*y, x)", "-4", "4"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "by_x", "by_y"), SMOOTH, ids=[t for t, *_ in SMOOTH])
def test_a_slope_on_a_border_is_that_of_both_sides(text: str, by_x: str | None, by_y: str | None) -> None:
    for position, expected in ((0, by_x), (1, by_y)):
        found = derivative(text, position)
        if expected is None:
            assert isinstance(found, limits.Nowhere | limits.Kink), (position, found)
        else:
            assert isinstance(found, limits.Finite), (position, found)
            assert found.ball.overlaps(arb(fmpq(*Fraction(expected).as_integer_ratio()))), (position, found)


# ---------------------------------------------------------------- which functions have borders and roots, and depend on what

MARKED = (  # text, and whether it has borders that depend on x, on y; and roots
    ("abs(x)*y", True, False, False, False), ("max(x, y)", True, True, False, False), ("sqrt(x)*y", False, False, True, False), ("cbrt(x*y)", False, False, True, True), ("x**3*y", False, False, False, False), ("x**y", False, False, True, True), ("x**0.5", False, False, True, False), ("x**-2", False, False, True, False), ("where(x > 0, y, 1)", True, False, False, False),
    ("where(y > 0, x, 1)", False, True, False, False), ("floor(y)*x", False, True, False, False), ("ceil(x)", True, False, False, False), ("sign(y)", False, True, False, False), ("atan2(x, 3)", True, False, False, False), ("exp(x)*y", False, False, False, False), ("min(y, 2)", False, True, False, False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "x_borders", "y_borders", "x_roots", "y_roots"), MARKED, ids=[m[0] for m in MARKED])
def test_borders_and_roots_are_those_that_depend_on_the_variable(text: str, x_borders: bool, y_borders: bool, x_roots: bool, y_roots: bool) -> None:
    program = primitive(text)
    for variable, borders_, roots in ((0, x_borders, x_roots), (1, y_borders, y_roots), (-1, x_borders or y_borders, x_roots or y_roots)):
        assert marks.has_borders(program.steps, program.output, variable) is borders_
        assert marks.has_roots(program.steps, program.output, variable) is roots


def test_what_the_mark_says_is_read_back() -> None:
    for text, variable in (("diff(abs(x)*y, x)", 0), ("diff(abs(y)*x, y)", 1)):
        program = primitive(text)
        (step,) = (s for s in program.steps if marks.is_derivative(s))
        assert marks.variable_of(step) == variable
    assert marks.mark(2, 2) == marks.mark(7, 2) == f"{marks.DERIVATIVE}-1"
    assert not any(marks.is_derivative(s) for s in primitive("where(x > 0, x, 1)").steps)


# ---------------------------------------------------------------- where a border is met: along the ray (x + t, y + 2 t)

MET = (  # the function, the point, and whether it is on a border all along the ray (None: not known); a border that x does not move is none
    ("abs(x)", "0", "2", False), ("abs(x - y/2)", "1", "2", True), ("abs(y)*x", "0", "0", False), ("max(2*x, y)", "1", "2", True), ("max(2*x, y)", "1", "3", False), ("max(x, x)*y", "1", "2", False), ("where(2*x > y, x, y)", "1", "2", True), ("where(2*x > y, x, y)", "1", "1", False), ("where(x > 50, abs(2*x - y), y*x)", "1", "2", False),
    ("where(x > 0, abs(2*x - y), y*x)", "1", "2", True), ("where(y > 0, x, abs(2*x - y))", "1", "2", False), ("max(x + 50, abs(2*x - y))", "1", "2", False), ("max(x - 50, abs(2*x - y))", "1", "2", True), ("min(x + 50, abs(2*x - y))", "1", "2", True), ("min(x - 50, abs(2*x - y))", "1", "2", False), ("floor(2*x - y)", "1", "2", True), ("floor(2*x - y)", "1", "1/2", False), ("ceil(2*x - y)*y", "2", "3", True),
    ("floor(x)", "1", "2", False), ("atan2(2*x - y, -x)", "1", "2", True), ("atan2(2*x - y, x)", "1", "2", False), ("atan2(2*x - y, -x)", "1", "3", False), ("sign(2*x - y)", "1", "2", True), ("sign(2*x - y)", "1", "2.5", False), ("x*y", "1", "2", False), ("log(abs(x)) + abs(2*x - y)", "1", "2", True), ("where(log(2*x - y) > 0, x, y)", "1", "2", None), ("abs(log(2*x - y))", "1", "2", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "x", "y", "expected"), MET, ids=[f"{t} at {x}, {y}" for t, x, y, _ in MET])
def test_a_border_is_met_where_a_step_that_matters_ties_all_along_the_ray(text: str, x: str, y: str, expected: bool | None) -> None:
    program = primitive(f"diff({text}, x)")
    index = next((i for i, s in enumerate(program.steps) if marks.is_derivative(s)), None)
    if index is None:
        assert text == "x*y" or expected is False
        return
    inputs = [series.add(series.number(fmpq(*Fraction(v).as_integer_ratio())), Series({(1, 0): fmpq(d)})) for v, d in ((x, 1), (y, 2))]
    with balls.precision(BITS):
        values = expansions.every_step(program, inputs, 4)
        if expected is None:
            with pytest.raises(Undecided):
                borders.is_on_border(program.steps, index, values, expansions._difference, expansions._floor)
        else:
            assert borders.is_on_border(program.steps, index, values, expansions._difference, expansions._floor) is expected


BESIDE = (  # the slope by x beside the border 2*x = y, along which x moves: the floor is 0 above it and -1 below it
    ("where(2*x >= y, floor(2*x - y), 0) + 3*x", 3), ("where(2*x < y, floor(2*x - y) + 1, 0) + 3*x", 3), ("where(2*x < y, ceil(2*x - y), 0) + 3*x", 3), ("where(2*x > y, ceil(2*x - y) - 1, 0) + 3*x", 3), ("where(2*x >= y, floor(sqrt(2)*sqrt(3)*2*x - sqrt(6)*y), 0) + 3*x", 3), ("where(2*x < y, floor(sqrt(2)*sqrt(3)*2*x - sqrt(6)*y) + 1, 0) + 3*x", 3), ("floor(2*x - y) + 3*x", None), ("where(2*x >= y, floor(2*x - y), -1) + 3*x", None), ("where(2*x < y, floor(2*x - y), 0) + 3*x", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "slope"), BESIDE)
def test_a_step_beside_a_border_along_which_it_moves_has_the_value_of_its_side(text: str, slope: int | None) -> None:
    program = primitive(f"diff({text}, x)")
    inputs = [series.add(series.number(fmpq(v)), Series({(1, 0): fmpq(d)})) for v, d in ((1, 1), (2, 2))]
    with balls.precision(BITS):
        found = expansions.every_step(program, inputs, 4)[program.output]
    if slope is None:
        assert isinstance(found, series.Undefined)
        assert found.reason == "a jump: the function is not continuous here"
    else:
        assert isinstance(found, Series)
        assert found.constant == slope


def test_a_power_of_what_stands_still_has_no_slope_however_small_the_exponent() -> None:
    """((x - y)*abs(x - y) + 2)**y at x = y = 1/2 + t: 2 + s**2 and 2 - s**2 to the power of y beside it."""
    program = primitive("diff(((x - y)*abs(x - y) + 2)**y, x)")
    inputs = [series.add(series.number(fmpq(1, 2)), Series({(1, 0): fmpq(1)})) for _ in "xy"]
    with balls.precision(BITS):
        found = expansions.every_step(program, inputs, 4)[program.output]
    assert isinstance(found, Series)
    assert not found.terms


# ---------------------------------------------------------------- jumps that accumulate: of floor(1/x) as x = t → 0, beside a y that is constant

JUMPS = (
    ("floor(1/x)*y", 1, True), ("y*floor(1/x)", -2, True), ("floor(1/x)*y", 0, False), ("y*floor(1/x)", 0, False), ("floor(1/x)/y", 3, True), ("floor(1/x) + y", 0, True), ("floor(1/x) + y", 1, True), ("y - ceil(1/x)", 0, True), ("-floor(1/x)", 0, True), ("floor(x) + y", 1, False), ("floor(y) + x", 1, False), ("exp(floor(1/x))", 0, False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "y", "expected"), JUMPS)
def test_jumps_accumulate_unless_they_are_multiplied_by_0(text: str, y: int, expected: bool) -> None:
    program = primitive(text)
    known = {}
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            known[i] = Series({(1, 0): fmpq(1)}) if i == 0 else series.number(fmpq(y))
        elif step.gate == "number":
            known[i] = series.number(fmpq(int(step.text)))
        elif step.gate == "div" and step.args[1] == 0:
            known[i] = Series({(-1, 0): fmpq(1)})
    assert borders.jumps_accumulate(program.steps, program.output, known.get) is expected


# ---------------------------------------------------------------- values that are given beforehand


def test_a_step_that_is_known_already_is_not_run() -> None:
    over = Field(("x", "y"), Plan())
    program = primitive("x*y + 1")
    assert field.value(over, program, 0, operands=[over.one, over.zero]) == over.one
    known = {program.output: over.zero}
    assert field.value(over, program, program.output, values=known) == over.zero
    assert set(known) == {program.output}
