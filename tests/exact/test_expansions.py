"""An expansion is the function up to its O(t^order), and infinities are those of the extended real numbers. The values are mpmath's, at small t."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from flint import fmpq

from tests.exact.test_series import BITS, expand
from tests.laws import by_mpmath
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.exact import coefficients, derivatives, expansions, series
from verifier.exact.coefficients import PROOF_BITS
from verifier.exact.expansions import is_outside
from verifier.exact.series import INFINITE, NoExpansion, Series, Short, Undecided, Undefined

SMALL = ("1e-5", "1e-9", "1e-14")
FACTOR = 1e8  # of the remainder, over t^order: coefficients beyond the order, and powers of the logarithm

# function of x, the point it is expanded at, the sides
EXPANDED: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("x**3", "2", (1, -1)), ("x**9", "1/2", (1, -1)), ("x**-2", "3", (1, -1)), ("x**-1", "0", (1, -1)), ("x**-3", "0", (1, -1)), ("x**0.5", "0", (1,)), ("x**-0.5", "0", (1,)), ("x**1.5", "2", (1, -1)), ("x**2.25", "0", (1,)), ("x**0.123", "1", (1, -1)),
    ("x**x", "0", (1,)), ("x**x", "2", (1, -1)), ("2**x", "0", (1, -1)), ("(1 + x)**(1/3)", "0", (1, -1)), ("x**70", "1", (1, -1)), ("x**-65", "1", (1, -1)), ("x**0.00001", "1", (1, -1)), ("3**0.00001*x", "1", (1,)), ("3**1000001/3**1000000*x", "0", (1,)), ("(x - x)**2 + x", "0", (1,)), ("0**x + x", "1", (1,)),
    ("sqrt(x)", "0", (1,)), ("sqrt(x)", "4", (1, -1)), ("sqrt(x*x)", "0", (1, -1)), ("cbrt(x)", "0", (1, -1)), ("cbrt(x)", "-8", (1, -1)), ("cbrt(x)", "2", (1, -1)), ("sqrt(x + x*x)", "0", (1,)), ("sqrt(1 - cos(x))", "0", (1, -1)),
    ("exp(x)", "1", (1, -1)), ("exp(log(x)/2)", "0", (1,)), ("exp(2*log(x) + x)", "0", (1,)), ("exp(-1/x)", "0", (1,)), ("log(x)", "0", (1,)), ("log(x)", "3", (1, -1)), ("log(x*x)", "0", (1, -1)), ("x*log(x)**2", "0", (1,)), ("log1p(x)", "0", (1, -1)), ("log(sin(x))", "0", (1,)),
    ("1/x", "0", (1, -1)), ("1/(x*x - x)", "0", (1, -1)), ("x/sin(x)", "0", (1, -1)), ("(x - x)/x", "0", (1,)), ("x/x", "0", (1, -1)), ("1/(1 + x)", "0", (1, -1)), ("1/log(2 + x)", "0", (1, -1)),
    ("abs(x)", "0", (1, -1)), ("abs(x)*x", "-2", (1, -1)), ("sign(x)*x", "0", (1, -1)), ("sign(x*x)", "0", (1, -1)), ("max(x, x*x)", "0", (1, -1)), ("min(x, x*x)", "0", (1, -1)), ("max(x, x*x)", "1", (1, -1)), ("min(x, 2 - x)", "1", (1, -1)),
    ("floor(x)", "0", (1, -1)), ("floor(x)", "5/2", (1, -1)), ("floor(-x)", "3", (1, -1)), ("ceil(x)", "0", (1, -1)), ("ceil(x)", "7/2", (1, -1)), ("floor(sqrt(2) + x)", "0", (1, -1)), ("floor(x*x)", "0", (1, -1)), ("floor(-x*x)", "0", (1, -1)), ("ceil(pi*x)", "0", (1, -1)), ("floor(2 + 0*x)", "0", (1,)),
    ("atan2(x, 1)", "0", (1, -1)), ("atan2(1, x)", "0", (1, -1)), ("atan2(x, -1)", "0", (1, -1)), ("atan2(x, x - 1)", "0", (1, -1)), ("atan2(0*x, x)", "-1", (1, -1)), ("atan2(0*x, x)", "2", (1, -1)), ("atan2(x, x)", "1", (1, -1)), ("atan2(-x, x*x - 3)", "0", (1, -1)), ("atan2(-1, x)", "0", (1, -1)), ("atan2(x - 1, -2)", "0", (1, -1)),
    ("sin(x)/x", "0", (1, -1)), ("tan(x)", "1/4", (1, -1)), ("asin(x)", "1/2", (1, -1)), ("atan(x)", "0", (1, -1)), ("erf(x)", "0", (1, -1)), ("gamma(x)", "3", (1, -1)), ("tanh(x)*x", "1", (1, -1)), ("besselj(1, x)", "2", (1, -1)), ("sinh(x) - x", "0", (1, -1)), ("expm1(x)/x", "0", (1, -1)), ("lgamma(x)", "5/2", (1, -1)),
    ("where(x > 0, x, -x*x)", "0", (1, -1)), ("where(x >= 0 and x < 1, exp(x), 2*x)", "0", (1, -1)), ("where(x > 0 or x < -1, exp(x), 2*x)", "0", (1, -1)), ("where(not x > 0, exp(x), 2*x)", "0", (1, -1)), ("where(x != 0, 1, 2)", "0", (1, -1)), ("where(x == 0, 1, 2)", "0", (1, -1)), ("where(x*x == x**2, 1, 2)", "0", (1, -1)), ("where(x <= 0, log(-x), log(x))", "0", (1, -1)),
    ("exp(where(x != 0, x, -inf)) + x", "0", (1, -1)),
)  # fmt: skip


def of_mpmath(text: str, at: Fraction, direction: int, t: mpmath.mpf) -> mpmath.mpf:
    program = derivatives.primitive(expression(text, "x"))
    return by_mpmath.run(program, mpmath, [mpmath.mpf(at.numerator) / at.denominator + direction * t])[program.output]


def summed(found: Series, t: mpmath.mpf) -> mpmath.mpf:
    """The terms of an expansion at t, without its O."""
    total = mpmath.mpf(0)
    for (e, l), c in found.terms.items():
        value = coefficients.ball(c)
        total += mpmath.mpf(value.mid().str(90, radius=False)) * t ** (mpmath.mpf(e.numerator) / e.denominator) * mpmath.log(t) ** l
    return total


@pytest.mark.parametrize(("text", "at", "direction"), [(t, at, d) for t, at, ds in EXPANDED for d in ds])
def test_an_expansion_is_the_function_up_to_its_order(text: str, at: str, direction: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_mpmath, "MODERATE", mpmath.inf)
    found = expand(text, Fraction(at), direction=direction)
    assert isinstance(found, Series)
    assert found.order == INFINITE or found.order > 3, "long enough to be of use"
    with mpmath.workdps(100), balls.precision(BITS):
        for small in SMALL:
            t = mpmath.mpf(small)
            value = of_mpmath(text, Fraction(at), direction, t)
            assert value is not None
            error = abs(value - summed(found, t))
            bound = mpmath.mpf(10) ** -75 * (1 + abs(value)) + (FACTOR * t ** (mpmath.mpf(found.order.numerator) / found.order.denominator) * abs(mpmath.log(t)) ** 3 if found.order != INFINITE else 0)
            assert error <= bound, (small, error, bound)
            if found.order == INFINITE:
                assert len(found.terms) <= 10


LIMITED = (("x**0.5", "0", -1), ("log(x)", "0", -1), ("asin(x)", "3/2", 1), ("acosh(x)", "1/2", 1), ("(x - x)**-1", "0", 1), ("1/(x - x)", "0", 1), ("x**x", "-1/2", 1), ("gamma(x - x)", "0", 1), ("0**(x - 2)", "1", 1), ("log(x - x)", "1", 1), ("sqrt(-1 - x*x)", "0", 1), ("atan2(x - x, 0)", "1", 1))


@pytest.mark.parametrize(("text", "at", "direction"), LIMITED)
def test_outside_of_a_domain_there_is_no_value(text: str, at: str, direction: int) -> None:
    assert isinstance(expand(text, Fraction(at), direction=direction), Undefined)


@pytest.mark.parametrize(("text", "direction", "expected"), [("floor(2*sin(pi/6) + x)", 1, 1), ("floor(2*sin(pi/6) + x)", -1, 0), ("ceil(2*sin(pi/6) + x)", 1, 2), ("ceil(2*sin(pi/6) + x)", -1, 1), ("floor(exp(log(3)) + x*x)", 1, 3), ("floor(exp(log(3)) - x*x)", 1, 2), ("floor(-sqrt(2)*sqrt(2))", 1, -2)])
def test_a_step_at_a_number_that_is_proved_to_be_an_integer_is_taken_from_the_side(text: str, direction: int, expected: int) -> None:
    """2 sin(pi/6) = 1, exp(log 3) = 3, sqrt(2)**2 = 2; at few bits that is not known."""
    program = derivatives.primitive(expression(text, "x"))
    with balls.precision(PROOF_BITS):
        found = expansions.run(program, [Series({(Fraction(1), 0): fmpq(direction)})], 6)[program.output]
        assert found == series.number(fmpq(expected))
    with pytest.raises(Undecided):
        expand(text, Fraction(0), direction=direction)


def test_the_first_step_without_a_value_is_named() -> None:
    """log(x - 5) at 3: the step of the logarithm, whatever reads it."""
    program = derivatives.primitive(expression("(log(x - 5) + 1)*sqrt(-x)", "x"))
    found = expand("(log(x - 5) + 1)*sqrt(-x)", Fraction(3))
    assert isinstance(found, Undefined)
    assert program.steps[found.step].gate == "log"


@pytest.mark.parametrize(("text", "at", "direction"), [("exp(1/x)", "0", 1), ("floor(1/x)", "0", 1), ("sin(1/x)", "0", 1), ("atan(log(x))", "0", 1), ("floor(log(x))", "0", 1), ("exp(log(x)**2)", "0", 1)])
def test_what_has_no_expansion_has_none(text: str, at: str, direction: int) -> None:
    with pytest.raises((NoExpansion, Short, Undecided)):
        expand(text, Fraction(at), direction=direction)


# infinities: what the extended real numbers say; None where they say nothing, or where no real number is meant
ENDLESS: tuple[tuple[str, int | None], ...] = (
    ("inf", 1), ("-inf", -1), ("-(-inf)", 1), ("inf + x", 1), ("x + inf", 1), ("x - inf", -1), ("inf - x", 1), ("-inf + x", -1), ("-inf - x", -1), ("x - (-inf)", 1), ("-inf - inf", -1), ("inf + inf", 1), ("inf - inf", None), ("-inf + inf", None), ("inf - (-inf)", 1),
    ("inf*2", 1), ("2*inf", 1), ("inf*(-x)", -1), ("-x*inf", -1), ("inf*inf", 1), ("inf*(-inf)", -1), ("0*inf", None), ("(x - x)*inf", None), ("inf*0", None), ("inf/2", None), ("exp(inf)", None), ("inf**2", None), ("sqrt(inf)", None), ("abs(inf)", 1), ("abs(x - inf)", 1),
    ("max(inf, x)", 1), ("max(x, inf)", 1), ("min(-inf, x)", -1), ("min(x, -inf)", -1), ("max(-inf, inf)", 1), ("min(inf, -inf)", -1), ("nan", None), ("nan + inf", None), ("max(nan, x)", None), ("min(x, nan)", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "same"), [("exp(-inf) + x", "x"), ("exp(-inf - x) + 2*x", "2*x"), ("x*tanh(inf) + tanh(-inf)", "x - 1"), ("x + 1/inf", "x"), ("2*x/(-inf - x) + x*x", "x*x"), ("exp(where(x > 5, x, -inf))*x", "0*x")])
def test_what_has_a_limit_at_a_written_infinity_is_that_limit(text: str, same: str) -> None:
    found, expected = (expand(t, Fraction(3)) for t in (text, same))
    assert isinstance(found, Series)
    assert isinstance(expected, Series)
    assert {k: coefficients.ball(c) for k, c in found.terms.items() if c != 0} == {k: coefficients.ball(c) for k, c in expected.terms.items() if c != 0}


@pytest.mark.parametrize(("text", "sign"), ENDLESS, ids=[t for t, _ in ENDLESS])
def test_infinities_are_those_of_the_extended_numbers(text: str, sign: int | None) -> None:
    for side, taken in (("> 1e300", 1), ("< -1e300", -1)):
        found = expand(f"where({text} {side}, 5, 7)", Fraction(3))
        if sign is None:
            assert isinstance(found, Undefined)
        else:
            assert isinstance(found, Series)
            assert found.constant == (5 if sign == taken else 7)
    assert isinstance(expand(text, Fraction(3)), Undefined), "as a value it is no real number"


@pytest.mark.parametrize(("text", "expected"), [("min(inf, x)", 3), ("max(-inf, x)", 3), ("min(x, inf)", 3), ("max(x, -inf)", 3), ("where(inf > -inf, x, 1)", 3), ("where(inf == inf, x, 1)", 3), ("where(inf < inf, x, 1)", 1), ("where(inf <= inf, x, 1)", 3), ("where(x < inf, x, 1)", 3), ("where(x > inf, x, 1)", 1), ("where(x > 0, x, inf)", 3), ("where(x > 0, x, nan)", 3), ("clip(x, -inf, inf)", 3), ("clip(x, 5, inf)", 5)])
def test_what_an_infinity_only_bounds_has_a_value(text: str, expected: int) -> None:
    found = expand(text, Fraction(3))
    assert isinstance(found, Series)
    assert found.constant == expected


@pytest.mark.parametrize(("text", "expected"), [("x > 2 or log(x - 5) > 0", True), ("x < 2 and log(x - 5) > 0", False), ("log(x - 5) > 0 or x > 2", True), ("log(x - 5) > 0 and x < 2", False), ("x > 2 and log(x - 5) > 0", None), ("x < 2 or log(x - 5) > 0", None), ("not log(x - 5) > 0", None), ("x > 2 and x > 1", True), ("x > 2 and x > 4", False), ("x > 4 or x > 2", True), ("x > 4 or x > 5", False)])
def test_a_side_that_decides_needs_no_value_of_the_other(text: str, expected: bool | None) -> None:
    found = expand(f"where({text}, 5, 7)", Fraction(3))
    if expected is None:
        assert isinstance(found, Undefined)
    else:
        assert isinstance(found, Series)
        assert found.constant == (5 if expected else 7)


# the domains of the table at and beside their ends
@pytest.mark.parametrize(("gate", "point", "outside"), [("log", 0, True), ("log", "1e-300", False), ("sqrt", 0, False), ("sqrt", "-1e-300", True), ("asin", 1, False), ("asin", "1.0000001", True), ("acosh", 1, False), ("acosh", "0.9999", True), ("atanh", 1, True), ("gamma", -2, True), ("gamma", "-2.5", False), ("exp", 5, False), ("log1p", -1, True), ("log1p", "-0.999", False)])
def test_a_point_is_outside_where_the_table_says_so(gate: str, point: str | int, outside: bool) -> None:
    with balls.precision(100):
        assert is_outside(gate, [balls.literal(str(point)) if not isinstance(point, int) else balls.ONE * point]) is outside


def test_derivative_and_integral_undo_one_another() -> None:
    """d/dt of t^e L^l is e t^(e-1) L^l + l t^(e-1) L^(l-1)."""
    with balls.precision(BITS):
        a = Series({(Fraction(5, 2), 0): fmpq(3), (Fraction(2), 1): fmpq(1, 2), (Fraction(1), 2): fmpq(-4)}, Fraction(7))
        slope = series.derivative(a)
        assert slope == Series({(Fraction(3, 2), 0): fmpq(15, 2), (Fraction(1), 1): fmpq(1), (Fraction(1), 0): fmpq(1, 2), (Fraction(0), 2): fmpq(-4), (Fraction(0), 1): fmpq(-8)}, Fraction(6))
        back = series.integral(slope)
        assert back.order == 7
        assert {k: c for k, c in back.terms.items() if c != 0} == a.terms
        assert series.derivative(Series({(Fraction(0), 0): fmpq(9)})) == Series({})


def test_literals_are_exact_and_those_that_were_rounded_are_not() -> None:
    from verifier.language.formats import FORMATS

    with balls.precision(200):
        assert expansions._literal("0.1", None) == fmpq(1, 10)
        assert expansions._literal("0.1", FORMATS["float64"]) == fmpq(1, 10)
        assert not isinstance(expansions._literal("3.141592653589793", FORMATS["float64"]), fmpq)
        assert expansions._literal("3.141592653589793", FORMATS["float64"]).contains(balls.constant("pi"))


def test_a_number_that_moves_is_a_program_of_what_it_moves_with() -> None:
    """5 + 7 t, and its square, at t = 3: 26 and 676."""
    along = series.add(series.number(fmpq(5)), Series({(Fraction(1), 0): fmpq(7)}))
    with balls.precision(100):
        moving = coefficients.Moving(along, "ray", (fmpq(5), fmpq(7)), expansions.moving_gate(4))
        for c, expected in ((moving, 26), (coefficients.combine("mul", moving, moving), 676), (coefficients.combine("sub", moving, 1), 25)):
            program = coefficients._program(c)
            assert program is not None
            assert balls.run(program, [[balls.ONE * 3]], bits=100, strict=False)[program.output][0] == expected
