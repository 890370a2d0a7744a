"""Partials and adjoints over the reals. Expected values: difference quotients in mpmath, and the calculus named beside them."""

from __future__ import annotations

import mpmath
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls, reals
from verifier.exact import adjoints, derivatives

BITS = 160
ABOVE, BELOW = 1, -1


def slope(function, at, side):
    """The limit of the difference quotient from one side, by mpmath at 40 digits."""
    with mpmath.workdps(40):
        return mpmath.limit(lambda n: (function(at + side / n) - function(at)) * n * side, mpmath.inf)


def partial(gate, position, *operands, strict=True):
    with balls.precision(BITS):
        (found,) = adjoints.partial(gate, position, [[x if isinstance(x, bool) or x is None else arb(x)] for x in operands], strict=strict)
    return found


def adjoints_at(text, names, point, *, strict):
    program = expression(text, *names)
    with balls.precision(BITS):
        values = reals.at(program, point)
        return program, adjoints.at(program, values, program.output, strict=strict)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_powers_with_whole_exponents_are_smooth_at_0(n):
    function = lambda x: mpmath.mpf(x) ** n  # noqa: E731 - 0**0 is 1 in mpmath, as in IEEE 754 and here
    above, below = slope(function, 0, ABOVE), slope(function, 0, BELOW)
    assert mpmath.almosteq(above, below, abs_eps=1e-20)
    assert float(partial("pow", 0, 0.0, float(n))) == pytest.approx(float(above), abs=1e-15)
    assert partial("pow", 0, 0.0, float(n)) == (1 if n == 1 else 0)


def test_0_to_a_positive_power_does_not_move_with_the_exponent():
    assert slope(lambda y: mpmath.mpf(0) ** y, mpmath.mpf("1.5"), ABOVE) == 0
    assert partial("pow", 1, 0.0, 1.5) == 0
    assert partial("pow", 1, 0.0, 1e-300) == 0


@pytest.mark.parametrize(("position", "base", "exponent"), [(0, 0.0, 0.5), (0, 0.0, -1.0), (1, 0.0, 0.0), (1, 0.0, -1.0), (1, -2.0, 3.0)])
def test_a_power_has_no_partial_where_its_limit_is_infinite_or_it_has_no_values(position, base, exponent):
    """x**0.5 rises vertically at 0, 1/x has a pole, 0**y jumps from 1 to 0 at y = 0 and is infinite below, (-2)**y is real at single points only."""
    assert not partial("pow", position, base, exponent).is_finite()


def test_a_power_of_a_number_that_does_not_exist_has_no_partial():
    assert not partial("pow", 0, float("nan"), 0.0).is_finite()


@pytest.mark.parametrize(("base", "exponent"), [(2.5, 1.75), (0.5, -3.0), (3.0, 0.0)])
def test_partials_of_powers_are_those_of_the_textbook(base, exponent):
    with mpmath.workdps(40):
        a, b = mpmath.mpf(base), mpmath.mpf(exponent)
        by_base, by_exponent = mpmath.diff(lambda x: x**b, a), mpmath.diff(lambda y: a**y, b)
    assert float(partial("pow", 0, base, exponent)) == pytest.approx(float(by_base), rel=1e-14)
    assert float(partial("pow", 1, base, exponent)) == pytest.approx(float(by_exponent), rel=1e-14)


def test_a_choice_carries_to_the_branch_taken_only_and_to_none_where_it_is_not_decided():
    assert (partial("where", 1, True, 2.0, 3.0), partial("where", 2, True, 2.0, 3.0)) == (1, 0)
    assert (partial("where", 1, False, 2.0, 3.0), partial("where", 2, False, 2.0, 3.0)) == (0, 1)
    assert all(partial("where", position, None, 2.0, 3.0).is_nan() for position in (1, 2))
    with balls.precision(BITS):
        assert adjoints.partial("where", 0, [[True], [arb(2)], [arb(3)]], strict=True) is None  # a condition


def test_at_a_kink_strict_partials_do_not_exist_and_others_lie_inside_the_jump():
    """|x| at 0 has the one-sided slopes -1 and 1, max(x, y) at x = y has 0 and 1."""
    assert partial("abs", 0, 0.0).is_nan()
    assert partial("max", 0, 1.0, 1.0).is_nan()
    assert -1 <= partial("abs", 0, 0.0, strict=False) <= 1
    assert 0 <= partial("max", 0, 1.0, 1.0, strict=False) <= 1
    assert partial("abs", 0, -2.0) == -1  # off the kink both are the slope
    assert partial("abs", 0, -2.0, strict=False) == -1


@pytest.mark.parametrize("strict", [True, False])
def test_adjoints_are_those_of_the_gradient_program(strict):
    names, point = ("x", "y"), (1.7, 0.9)
    text = "sigmoid(x * y) / (1 + exp(-x)) + max(x, y) * abs(y) + where(x > y, x**0.5, y**3) + x**y"
    program, found = adjoints_at(text, names, point, strict=strict)
    gradient = derivatives.gradient(program)
    with balls.precision(BITS):
        run = balls.run(gradient.program, [[arb(v)] for v in point], bits=BITS, strict=True)
        for i in range(2):
            assert found[i].overlaps(run[gradient.wrt(i)][0])
            assert found[i].rel_accuracy_bits() > 120


def test_equal_steps_have_adjoints_of_their_own():
    program, found = adjoints_at("exp(x) * 2 + exp(x) * 3", ("x",), (0.0,), strict=True)
    exponentials = [i for i, s in enumerate(program.steps) if s.gate == "exp"]
    assert sorted(float(found[i]) for i in exponentials) == [2.0, 3.0]
    assert found[0] == 5


def test_a_branch_that_is_not_taken_has_no_adjoint_also_behind_a_pole():
    """1/w has no derivative at w = 0; the branch that was not taken is read by nobody all the same."""
    program, found = adjoints_at("1 / where(x < 1, x, y)", ("x", "y"), (0.0, 5.0), strict=True)
    assert not found[0].is_finite()
    assert 1 not in found
    assert program.inputs == ("x", "y")


def test_a_slope_of_0_before_a_step_without_derivative_is_not_taken_for_a_derivative_of_0():
    """sqrt(x*x) is |x|: d(x*x)/dx is 0 at 0, and the derivative there does not exist."""
    _, found = adjoints_at("sqrt(x * x)", ("x",), (0.0,), strict=False)
    assert not found[0].is_finite()


def test_steps_without_adjoint_are_left_out_and_the_others_stay():
    program = expression("x**3", "x")
    number = next(i for i, s in enumerate(program.steps) if s.gate == "number")
    with balls.precision(BITS):
        values = reals.at(program, (2.0,))
        assert number in adjoints.at(program, values, program.output, strict=True)
        found = adjoints.at(program, values, program.output, strict=True, without={number})
    assert number not in found
    assert found[0] == 12
