"""Derivatives at kinks, boundaries, removable singularities and domain edges: one-sided limits by SymPy and by hand."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import pytest
import sympy
from flint import arb, fmpq

from tests.laws import seconds
from tests.laws.law import case_in
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import coefficients, derivatives, series, sympy_gates
from verifier.exact import one_sided as limits

BITS = 640  # two limits are taken for one where they agree to 500 bits


def derivative(text: str, at: str | Fraction, *others: Fraction) -> limits.Derivative:
    inputs = ("x", "y")[: 1 + len(others)]
    return limits.derivative(derivatives.primitive(expression(text, *inputs)), [Fraction(at), *others], 0, bits=BITS)


# text, point, and the one-sided derivatives at it, from the limit of the difference quotient by SymPy
ONE_SIDED = (
    ("abs(x)", "0"), ("max(x, 0)", "0"), ("max(x, 2*x)", "0"), ("min(x, x**2)", "1"), ("abs(x)**3", "0"), ("x * abs(x)", "0"), ("abs(sin(x))", "0"),
    ("max(x, 0) + log1p(exp(-abs(x)))", "0"), ("where(x > 0, x, exp(x) - 1)", "0"), ("where(x > 0, x, 2 * (exp(x) - 1))", "0"),
    ("x / (1 + abs(x))", "0"), ("sqrt(x)", "0"), ("cbrt(x)", "0"), ("abs(x)**1.5", "0"), ("sqrt(abs(x))", "0"), ("exp(-abs(x))", "0"),
    ("min(max(x, -1), 1)", "1"), ("min(max(x, -1), 1)", "-1"), ("where(x < 1, x**2, 2*x - 1)", "1"), ("where(x < 1, x**2, 3*x - 2)", "1"),
)  # fmt: skip


def one_sided(text: str, at: str) -> tuple[sympy.Expr, sympy.Expr | None]:
    """The limits of (f(a ± t) - f(a)) / ±t as t tends to 0 from above, by SymPy; None where f is not real on that side."""
    from verifier.exact import sympy_gates

    program = derivatives.primitive(expression(text, "x"))
    t = sympy.Symbol("t", positive=True)
    a = sympy.Rational(at)
    here = sympy_gates.run(program, [a])[program.output]
    sides = []
    for direction in (1, -1):
        # small: so that SymPy decides the comparisons and the signs
        small = sympy.Symbol("t", positive=True)
        value = sympy_gates.run(program, [a + direction * small])[program.output]
        value = _decided(value, small)
        if value.has(sympy.I):
            sides.append(None)
            continue
        sides.append(sympy.limit((value - here) / (direction * t), t, 0, "+"))
    return sides[0], sides[1]


def _decided(e: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    """With Piecewise, Max, Min, Abs and sign decided as they are at t = 1e-9."""
    near = sympy.Rational(1, 10**9)
    e = e.replace(sympy.Piecewise, lambda *branches: next(b for b, c in branches if c == True or c.subs(t, near) == True))  # noqa: E712 - SymPy's true
    e = e.replace(sympy.Max, lambda *args: max(args, key=lambda a: a.subs(t, near).evalf(30)))
    e = e.replace(sympy.Min, lambda *args: min(args, key=lambda a: a.subs(t, near).evalf(30)))
    e = e.replace(sympy.Abs, lambda a: a if a.subs(t, near).evalf(30) >= 0 else -a)
    return e.replace(sympy.sign, lambda a: sympy.sign(a.subs(t, near)))


@pytest.mark.parametrize(("text", "at"), ONE_SIDED)
def test_one_sided_derivatives_are_sympys_limits(text: str, at: str) -> None:
    right, left = one_sided(text, at)
    found = derivative(text, at)
    if left is None or right == left:
        if right.is_infinite:
            assert found == limits.Infinite(1 if right > 0 else -1)
        else:
            assert isinstance(found, limits.Finite)
            assert encloses(found.ball, right)
    else:
        assert isinstance(found, limits.Kink)
        low, high = sorted((left, right))
        assert encloses(found.low, low)
        assert encloses(found.high, high)


def encloses(ball: arb, value: sympy.Expr) -> bool:
    if value.is_infinite:
        return not ball.is_finite() and bool((ball > 0) == (value > 0))
    with balls.precision(BITS):
        return abs(ball - arb(str(sympy.N(value, 70)))) < arb(10) ** -60


def test_the_table_has_kinks_smooth_points_and_infinities() -> None:
    kinds = {type(derivative(text, at)) for text, at in ONE_SIDED}
    assert kinds == {limits.Finite, limits.Infinite, limits.Kink}, "each branch of the test above is taken"


@pytest.mark.parametrize(
    ("text", "value"),
    [  # Taylor coefficients, by hand
        ("where(x == 0, 1, sin(x) / x)", "0"), ("where(x == 0, 1, (exp(x) - 1) / x)", "1/2"), ("(1 - cos(x)) / x", "1/2"), ("log1p(x) / x", "-1/2"),
        ("x / (exp(x) - 1)", "-1/2"), ("(x - sin(x)) / x**2", "1/6"), ("sin(x)**2 / x", "1"), ("sinc(x)", "0"),
    ],
)  # fmt: skip
def test_a_removable_singularity_is_removed(text: str, value: str) -> None:
    found = derivative(text, "0")
    assert isinstance(found, limits.Finite), found
    assert encloses(found.ball, sympy.Rational(value))


def test_a_derivative_at_an_ordinary_point_is_that_of_mpmath() -> None:
    context = mpmath.MPContext()
    context.dps = 60
    for text, function in (
        ("exp(sin(x)) / x", lambda x: context.exp(context.sin(x)) / x),
        ("gamma(x) * log(x)", lambda x: context.gamma(x) * context.log(x)),
        ("abs(x - 3) * atan(x)", lambda x: abs(x - 3) * context.atan(x)),
    ):
        found = derivative(text, "1.25")
        assert isinstance(found, limits.Finite)
        with balls.precision(BITS):
            assert abs(found.ball - arb(context.nstr(context.diff(function, context.mpf("1.25")), 45))) < arb(10) ** -25


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("1 / x", "0", "division by zero"), ("log(x)", "-1", "the logarithm of a negative number"), ("where(x > 0, 1, 0)", "0", "a jump: the function is not continuous here"),
        ("sqrt(x)", "-2", "a fractional power of a negative number"), ("1 / x**2", "0", "division by zero"), ("floor(x)", "3", "a jump: the function is not continuous here"),
    ],
)  # fmt: skip
def test_where_there_is_no_derivative_the_reason_is_given(text: str, at: str, reason: str) -> None:
    found = derivative(text, at)
    assert isinstance(found, limits.Nowhere)
    assert found.reason == reason


@pytest.mark.parametrize("text", ["where(x == 0, 5, sin(x) / x)", "where(x < 0, 0, 1 + x)", "sign(x)"])
def test_a_value_that_is_not_the_limit_is_a_jump(text: str) -> None:
    assert isinstance(derivative(text, "0"), limits.Nowhere)


def test_a_tie_is_exact_at_a_rational_point_and_undecided_where_it_is_transcendental() -> None:
    assert isinstance(derivative("max(3 * x, x + 2)", "1"), limits.Kink)
    assert isinstance(derivative("where(sin(x)**2 + cos(x)**2 >= 1, x, 2 * x)", "1"), limits.Unknown)


def test_the_other_inputs_stand_still() -> None:
    found = derivative("max(x, y)", "2", Fraction(2))
    assert isinstance(found, limits.Kink)
    assert (found.low, found.high) == (arb(0), arb(1))
    assert isinstance(derivative("max(x, y)", "2", Fraction(5, 2)), limits.Finite)


# Functions of two variables at the origin, where they have no value; on the axes they tend to 0. By their values on other lines
# (Gelbaum and Olmsted, Counterexamples in Analysis, chapter 9): y = m x gives m/(1 + m^2), 1/(1 + m), and a pole on y = 9x/7.
@pytest.mark.parametrize("text", ["x*y/(x**2 + y**2)", "x*abs(y)/(abs(x)*abs(x) + y*y)", "x**3/(9*x - 7*y)", "x**3/(9*x + 7*y)"])
def test_a_function_with_other_limits_on_other_lines_has_no_derivative_there(text: str) -> None:
    assert isinstance(derivative(text, "0", Fraction(0)), limits.Nowhere)


@pytest.mark.parametrize(("text", "expected"), [("x**2*y/(x**2 + y**2)", 0), ("sin(x)/x + y", 0), ("x + y**3/(x**2 + y**2)", 1)])
def test_a_function_with_one_limit_on_all_lines_has_that_of_its_extension(text: str, expected: int) -> None:
    """x**2 y / (x**2 + y**2) and y**3 / (x**2 + y**2) are continuous at 0, as |f| <= |y|, and 0 on the axis y = 0."""
    found = derivative(text, "0", Fraction(0))
    assert isinstance(found, limits.Finite)
    assert found.ball.contains(expected)


# text, and the one-sided derivatives in x at (0, 0) that are those of the text with the infinity left out: min(a, inf) is a, a < inf holds
INFINITE = (
    ("x*clip(x, y, inf)", 0, 0), ("clip(x, y, inf)", 0, 1), ("clip(x, -inf, y)", 0, 1), ("max(x, -inf)*2 + abs(x)", 1, 3), ("where(x < inf, abs(x), 5)", -1, 1), ("where(-inf >= x, 5, x)", 1, 1),
    ("where(inf == inf, abs(x), 5)", -1, 1), ("min(min(inf, inf - 3), 2*x)", 2, 2), ("where(x < -2*inf, 5, x)", 1, 1), ("where(1/abs(x - 1) < inf, x, 5)", 1, 1), ("diff(x*clip(x, y, inf), x)", 0, 2),
)  # fmt: skip


@pytest.mark.parametrize(("text", "low", "high"), INFINITE)
def test_what_has_an_expansion_is_smaller_than_infinity(text: str, low: int, high: int) -> None:
    found = derivative(text, "0", Fraction(0))
    if low == high:
        assert found == limits.Finite(arb(low))
    else:
        assert isinstance(found, limits.Kink)
        assert (found.low, found.high) == (arb(low), arb(high))


@pytest.mark.parametrize("text", ["max(x, inf)", "x + inf", "0*inf + x", "where(inf - inf < 1, x, x)", "x*clip(x, inf, inf)"])
def test_a_result_of_arithmetic_with_infinity_is_no_real_number(text: str) -> None:
    found = derivative(text, "0", Fraction(0))
    assert isinstance(found, limits.Nowhere)
    assert found.reason == "infinity is no real number"


# A derivative written in the function, at x = 0 on a border of its function; by the difference quotient of the derivative beside 0, by hand.
WRITTEN = (
    ("diff(where(x == 0, 1, (exp(x) - 1)/x), x)", 0, "1/3"),  # the derivative is 1/2 + x/3 + ...
    ("diff(where(x == 0, y, (exp(x*y) - 1)/x), x)", 0, "8/3"),  # y^2/2 + x y^3/3 + ..., at y = 2
    ("x*diff(where(x == 0, 1, (exp(x) - 1)/x), x)", 0, "1/2"),
    ("diff(diff(where(x == 0, 1, (exp(x) - 1)/x), x), x)", 0, "1/4"),  # 1/3 + x/4 + ...
    ("diff(abs(x)**3, x)", 0, "0"),
    ("diff(where(y == 2, x**2, x**3), x)", 0, "2"),  # the branch is taken for all x
    ("diff(where(x == 0, 0, x), x)*y", 1, "1"),
    ("diff(where(x == 0, 1, sin(x)/x), x)*y + diff(x**y, x)", 1, "0"),
)


@pytest.mark.parametrize(("text", "position", "expected"), WRITTEN)
def test_the_derivative_of_a_choice_at_its_border_is_the_limit_of_those_beside_it(text: str, position: int, expected: str) -> None:
    found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(2)], position, bits=BITS)
    assert isinstance(found, limits.Finite)
    with balls.precision(BITS):
        assert found.ball.overlaps(arb(fmpq(*Fraction(expected).as_integer_ratio())))
        assert found.ball.rad() < arb(2) ** -500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("diff(x + where(x == 0, 5, 0), x)", "a jump: the function is not continuous here"), ("diff(floor(x)*y, x)", "a jump: the function is not continuous here"),
        ("diff(abs(x)*y, x)", "a kink: the function has no derivative here"), ("diff(max(x, 0)*y, x)", "a kink: the function has no derivative here"), ("diff(cbrt(abs(x))*y, x)", "an infinite slope"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("position", [0, 1])
def test_a_choice_without_a_derivative_at_its_border_has_no_second_one(text: str, reason: str, position: int) -> None:
    found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(2)], position, bits=BITS)
    assert isinstance(found, limits.Nowhere)
    assert found.reason == reason


@pytest.mark.parametrize(("text", "right"), [("diff(xlogy(x, exp(y)), x)", 1), ("diff(where(x == 0, y, (exp(x*y) - 1)/x), x)", 2), ("diff(max(x, 0)*x*y, x)", 0)])
def test_along_a_border_no_false_second_derivative_is_said(text: str, right: int) -> None:
    """The derivatives by x at 0 are y, y**2/2 and 0."""
    found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(2)], 1, bits=BITS)
    assert isinstance(found, limits.Finite)
    assert found.ball.contains(right)


# By hand. Along x at y fixed, and along y at x = 0: with f = x**y the derivative by x is 0 (y > 1), 1 (y = 1), infinite (0 < y < 1) and 0 (y = 0, f is 1 there) at x = 0, and none for
# y < 0; the derivative by y is 0 for y > 0 (f is 0 there), none at y = 0 (f jumps from 1 to 0), and x**y*log(x) beside x = 0, whose slope at 0 is 0 (y > 1) or minus infinity.
POWERS = (
    ("diff(x**y, x)", "0", 0, "0"), ("diff(x**y, x)", "0", 1, "none"), ("diff(x**y, x)", "1", 0, "0"), ("diff(x**y, x)", "1", 1, "none"),
    ("diff(x**y, x)", "2", 0, "2"), ("diff(x**y, x)", "2", 1, "0"), ("diff(x**y, x)", "1/2", 0, "none"), ("diff(x**y, x)", "1/2", 1, "none"), ("diff(x**y, x)", "3/2", 0, "inf"),
    ("diff(x**y, y)", "0", 0, "none"), ("diff(x**y, y)", "0", 1, "none"), ("diff(x**y, y)", "1", 0, "-inf"), ("diff(x**y, y)", "1", 1, "0"),
    ("diff(x**y, y)", "2", 0, "0"), ("diff(x**y, y)", "2", 1, "0"), ("diff(x**y, y)", "1/2", 0, "-inf"), ("diff(x**y, y)", "1/2", 1, "0"),
    ("diff(x**y, x)*y", "2", 1, "0"), ("diff(x**y, x)*y", "3/2", 1, "0"), ("diff(x**y + x, x)*y", "2", 1, "1"), ("diff((3*x)**y, x)*y", "3", 1, "0"), ("diff(x**y, x)*y", "1/2", 1, "none"),
    ("diff(abs(x)**y, x)*y", "2", 0, "4"), ("diff(abs(x)**y, x)*y", "2", 1, "0"), ("diff(abs(x)**y, x)*y", "1/2", 1, "none"), ("diff((x*x)**y, x)*y", "3", 1, "0"), ("diff(abs(x)**y, x)*y", "1", 1, "none"),
    ("diff(cbrt(x)**3*y, x)", "2", 0, "0"), ("diff(cbrt(x)**3*y, x)", "2", 1, "1"), ("diff(sqrt(x)**4*y, x)", "2", 0, "4"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "y", "position", "expected"), POWERS)
def test_the_derivatives_of_a_power_have_derivatives_at_0_where_the_limits_exist(text: str, y: str, position: int, expected: str) -> None:
    found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(y)], position, bits=BITS)
    if expected == "none":
        assert isinstance(found, limits.Nowhere)
    elif "inf" in expected:
        assert found == limits.Infinite(-1 if expected[0] == "-" else 1)
    else:
        assert isinstance(found, limits.Finite)
        assert found.ball == int(expected)


def test_along_the_border_of_a_choice_every_second_derivative_of_the_law_is_decided() -> None:
    """300 functions with a choice, step or kink on a line, differentiated along it and across it; what is said of them is held against difference quotients by the law."""
    drawn = [seconds.drawn(random.Random(number)) for number in range(300)]
    found = [limits.derivative(derivatives.primitive(case_in(t).programs.truth), seconds.point_in(t), i, bits=BITS) for t in drawn for i in (0, 1)]
    assert not [(drawn[k // 2], f) for k, f in enumerate(found) if isinstance(f, limits.Unknown)]


def test_the_slope_of_a_choice_that_moves_along_its_border_is_an_expansion_of_its_own() -> None:
    """sin(u)/u with u = x (y + 3), written as a choice at u = 0: its slope by x is 0 for all y; that of exp(u) - 1 over x is (y + 3)**2/2, with the slope y + 3 at y = 2."""
    for text, expected in (("diff(where(x*(y + 3) == 0, 1, sin(x*(y + 3))/(x*(y + 3))), x)", 0), ("diff(where(x == 0, y + 3, (exp(x*(y + 3)) - 1)/x), x)", 5), ("diff(where(x == 0, y + 4, (exp(x*(y + 3)) - 1)/x), x)", None)):
        found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(2)], 1, bits=BITS)
        assert isinstance(found, limits.Nowhere) if expected is None else isinstance(found, limits.Finite) and found.ball.contains(expected)


def test_a_zero_is_not_asked_of_sympy_where_it_would_write_out_huge_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """2**490000 has 490,000 bits, and SymPy takes seconds for each sum; 2**1e200 and its inverse are beyond any memory, and beyond a ball's exponents; atan(1) - pi/4 is still its to tell."""
    asked: list[Program] = []
    plain = sympy_gates.run

    def run(program: Program, values: list[sympy.Expr]) -> list[sympy.Expr]:
        asked.append(program)
        return plain(program, values)

    monkeypatch.setattr(sympy_gates, "run", run)
    for text, times in (("2**(700*700) + atan(1) - pi/4 - 2**490000", 0), ("2**(1e100*1e100) - 2**1e200", 0), ("2**-(1e100*1e100) + atan(1) - pi/4", 0), ("atan(1) - pi/4", 1)):
        program = derivatives.primitive(expression(f"x*0 + {text}", "x"))
        steps = tuple(s._replace(gate="number", text="0") if s.gate == "input" else s for s in program.steps)
        found = coefficients._evaluates_to_zero(Program(steps, (), {}, program.output))
        assert (len(asked), found) == (times, times == 1)


# Where a quotient is rounded to an integer, fmod and remainder have no value at y = 0 (IEEE 754-2019, 5.3.1 and 9.2: an invalid operation), and jump infinitely often beside it: no limit removes that.
# li(x) is ei(log(x)), for x > 0 (DLMF 6.2.8): at 0 there is one side only.
@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("fmod(x, 0)", (1.5,)), ("fmod(1.5, x)", (0,)), ("fmod(-2, x)*3 + x", (0,)), ("remainder(1.5, x)", (0,)), ("exp(1)*remainder(x, 0)", (1,)), ("x**3*floor(1/x)", (0,)), ("2 - x*ceil(1/x)", (0,)),
        ("li(x)", (0,)), ("x*li(x)", (0,)), ("li(x)", (1,)), ("li(x)", (-1,)), ("x*log(x)", (0,)), ("fmod(x, y)", (0, 0)), ("fmod(y, x)", (0, 0)), ("remainder(y, x)", (0, 0)), ("y**2*floor(x/y)", (0, 0)),
        ("x*where(x > -1, floor(1/x), 2)", (0,)), ("where(x > 5, 1, x**2*ceil(1/x))", (0,)), ("-(x**3*floor(1/x))", (0,)),
    ],
)  # fmt: skip
def test_what_has_no_value_and_jumps_all_around_has_no_derivative(text: str, point: tuple[int, ...]) -> None:
    program = derivatives.primitive(expression(text, *("x", "y")[: len(point)]))
    assert isinstance(limits.derivative(program, [Fraction(v) for v in point], 0, bits=200), limits.Nowhere)


# The jumps end before the point, or a limit removes what is left: nothing of the sort is said.
@pytest.mark.parametrize(("text", "value"), [("sin(x)/x", 0), ("floor(sin(x)/x + 0.5)*x", 1), ("floor(2*sin(x)/x + 0.5)*x", 2), ("x*floor(cos(x)/2) + y*sin(x)/x", 0)])
def test_a_removable_gap_beside_a_step_keeps_its_derivative(text: str, value: int) -> None:
    found = limits.derivative(derivatives.primitive(expression(text, "x", "y")), [Fraction(0), Fraction(1)], 0, bits=200)
    assert isinstance(found, limits.Finite)
    assert found.ball.contains(value)


@pytest.mark.parametrize("text", ["min(floor(1/x**2), 3)*x", "where(x == 0, 0, x**3*floor(1/x))", "(floor(1/x) - floor(1/x))*x"])
def test_jumps_that_may_cancel_or_end_are_not_said_to_have_none(text: str) -> None:
    assert isinstance(limits.derivative(derivatives.primitive(expression(text, "x")), [Fraction(0)], 0, bits=200), limits.Unknown | limits.Finite)


# What is cut off only beyond the point is equal to what is not, and the choice between the two is neither: PPO's clipped objective.
@pytest.mark.parametrize(("x", "inside"), [("1/8", True), ("3", False)])
@pytest.mark.parametrize("choice", ["min(exp(x)*y, {}*y)", "where(exp(x)*y <= {}*y, exp(x)*y, {}*y)", "max(-exp(x)*y, -{}*y)*-1"])
def test_a_choice_between_two_that_are_one_around_the_point_has_its_derivative(choice: str, x: str, inside: bool) -> None:
    clipped = "min(max(exp(x), 1/2), 2)"
    found = derivative(choice.replace("{}", clipped), x, Fraction(3, 2))
    assert isinstance(found, limits.Finite)
    assert found.ball.overlaps((arb(fmpq(*Fraction(x).as_integer_ratio())).exp() if inside else arb(0)) * arb("1.5"))


@pytest.mark.parametrize("error", [series.Short, series.NoExpansion, series.Undecided])
def test_what_is_unknown_has_a_reason(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise error("a reason") if error is not series.Short else error

    monkeypatch.setattr(limits, "_derivative", fails)
    found = derivative("x**2", "1")
    assert isinstance(found, limits.Unknown)
    assert found.reason == ("the expansion is too short" if error is series.Short else "a reason")
