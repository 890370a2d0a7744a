"""The law of few bits for every decision over the reals: *a ball may say unknown*. What 8, 16 and 24 bits decide is what theory says, and with many bits everything is decided."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from flint import arb, fmpq

from tests.exact import test_field, test_one_sided
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import adjoints, bound, coefficients, derivatives, expansions, prove, series
from verifier.exact.identities import field, signs
from verifier.exact.one_sided import CarefulRun, Derivative, Finite, Infinite, Kink, Nowhere, Unknown
from verifier.exact.series import NoExpansion, Series, Short, Undecided, Undefined
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS

FEW = (8, 16, 24)
MANY = 640
FLOAT64 = FORMATS["float64"]
Point = tuple[Fraction, ...]


def primitive(text: str, *inputs: str) -> Program:
    return derivatives.primitive(expression(text, *inputs))


def by_mpmath(text: str, digits: int = 60) -> arb:
    """A number as mpmath has it, in a ball of the width of its last digits."""
    with mpmath.workdps(digits + 40):
        names = {n: getattr(mpmath, n) for n in ("sqrt", "log", "exp", "sin", "cos", "tan", "pi", "e", "inf", "gamma", "atan", "asin")}
        value = eval(text, {"__builtins__": {}}, {**names, "q": lambda a, b=1: mpmath.mpf(a) / b})
        if mpmath.isinf(value):
            return arb.pos_inf() if value > 0 else arb.neg_inf()
        with balls.precision(MANY):
            number = arb(mpmath.nstr(mpmath.mpf(value), digits + 5))
            return number + arb(0, (1 + abs(number)) * arb(10) ** -digits)


# ---------------------------------------------------------------- derivatives at points where something ties, ends or turns

# Numbers that are equal by an identity, or nearly equal: 355/113 - pi = 2.7e-7, 22/7 - pi = 1.3e-3, exp(pi) - pi = 19.99909998, e**(pi sqrt(163)) = 640320**3 + 744 - 7.5e-13.
# The derivatives by hand: a number; two, the one-sided ones; "inf"; or None, where there is none.
DERIVATIVES: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("abs(sin(x) - sin(1))", "1", ("-cos(1)", "cos(1)")), ("max(exp(x), e)", "1", ("0", "e")), ("min(exp(x), e)", "1", ("0", "e")), ("max(x*log(4), x*2*log(2))", "3", ("log(4)",)), ("max(x*log(4), 6*log(2))", "3", ("0", "log(4)")),
    ("where(sqrt(2)*sqrt(3) == sqrt(6), x*x, 5*x)", "2", ("4",)), ("where(sqrt(2)*sqrt(3) != sqrt(6), x*x, 5*x)", "2", ("5",)), ("where(sqrt(2)*sqrt(3) < sqrt(6), x*x, 5*x)", "2", ("5",)), ("where(sqrt(2)*sqrt(3) >= sqrt(6), x*x, 5*x)", "2", ("4",)),
    ("abs(x - sqrt(2)*sqrt(2))", "2", ("-1", "1")), ("abs(x - sqrt(2)*sqrt(2))*(x - 2)", "2", ("0",)), ("floor(x*log(8)/log(2))", "1", None), ("ceil(x*log(8)/log(2))", "1", None), ("(x - 1)*floor(x*log(8)/log(2))", "1", ("2", "3")), ("(x - 1)*ceil(x*log(8)/log(2))", "1", ("3", "4")),
    ("abs(x)*pi + x*3", "0", ("3 - pi", "3 + pi")), ("max(pi*x, 3*x)", "0", ("3", "pi")), ("max(x*pi, x*355/113)", "0", ("pi", "q(355, 113)")), ("min(x*pi, x*355/113)", "1", ("pi",)), ("max(x*pi, x*355/113)", "1", ("q(355, 113)",)), ("max(x*pi, x*355/113)", "-1", ("pi",)),
    ("sqrt(abs(x))*sqrt(2)", "0", ("-inf", "inf")), ("cbrt(x)*pi", "0", ("inf",)), ("-cbrt(x)*pi", "0", ("-inf",)), ("sqrt(x)*(3 - pi)", "0", ("-inf",)), ("sqrt(x)*(355/113 - pi)", "0", ("inf",)), ("sqrt(x)*(pi - 355/113)", "0", ("-inf",)), ("sqrt(x)*(log(4) - 2*log(2)) + x", "0", ("1",)),
    ("log(x - sqrt(2)*sqrt(2))", "2", None), ("sqrt(x - sqrt(2)*sqrt(2))", "2", ("inf",)), ("1/(x - sqrt(2)*sqrt(2))", "2", None), ("(x - 2)**2/(x - sqrt(2)*sqrt(2))", "2", ("1",)), ("sin(pi*x)/(x - 1)", "1", ("0",)), ("(exp(x) - e)/(x - 1)", "1", ("e/2",)), ("(log(x) - log(2))/(x - 2)", "2", ("q(-1, 8)",)),
    ("where(x < pi, x, 2*x)", "3", ("1",)), ("where(x < pi, x, 2*x)", "355/113", ("2",)), ("where(x < pi, x, 2*x)", "22/7", ("2",)), ("where(x > pi, x, 2*x)", "355/113", ("1",)), ("where(x <= pi, x, 2*x)", "103993/33102", ("1",)), ("where(x == pi, 7, 2*x)", "355/113", ("2",)), ("where(x != pi, 7*x, 2*x)", "355/113", ("7",)),
    ("abs(x - pi)", "355/113", ("1",)), ("abs(x - pi)", "103993/33102", ("-1",)), ("sign(x - pi)*x", "355/113", ("1",)), ("sign(x - pi)*x", "103993/33102", ("-1",)), ("floor(x - pi)*x", "355/113", ("0",)), ("floor(x - pi)*x", "103993/33102", ("-1",)), ("ceil(x - pi)*x", "355/113", ("1",)), ("ceil(x - pi)*x", "103993/33102", ("0",)),
    ("sqrt(x - pi)", "355/113", ("1/(2*sqrt(q(355, 113) - pi))",)), ("sqrt(x - pi)", "103993/33102", None), ("log(pi - x)", "355/113", None), ("log(x - pi)", "355/113", ("1/(q(355, 113) - pi)",)), ("sign(sin(x))*x", "22/7", ("-1",)), ("sign(sin(x))*x", "355/113", ("-1",)), ("abs(sin(x))", "355/113", ("-cos(q(355, 113))",)), ("abs(sin(x))", "3", ("cos(3)",)),
    ("asin(x*355/(113*pi))", "1", None), ("asin(x*333/(106*pi))", "1", ("q(333, 106)/pi/sqrt(1 - (q(333, 106)/pi)**2)",)), ("x**(log(4)/log(2))", "-3", ("-6",)), ("x**(log(8)/log(2))", "-3", ("27",)), ("x**(log(2)/log(4))", "-3", None), ("x**999999", "-1", ("q(999999)",)), ("(x**x)**0 + x**3", "-1/2", None), ("x**pi", "-3", None),
    ("where(exp(pi) - pi < 20, x, 2*x)", "1", ("1",)), ("where(exp(pi*sqrt(163)) < 262537412640768744, x, 2*x)", "1", ("1",)), ("where(exp(pi*sqrt(163)) >= 262537412640768744, x, 2*x)", "1", ("2",)), ("where(exp(pi*sqrt(163)) > 262537412640768743, x, 2*x)", "1", ("1",)),
    ("where(x > -1, x, exp(1/x))", "0", ("1",)), ("where(x < -1, exp(1/x), 3*x)", "0", ("3",)), ("where(x > -1 or exp(1/x) > 2, x, 5)", "0", ("1",)), ("where(x < -1 and exp(1/x) > 2, x, 5*x)", "0", ("5",)),
    ("where(x < 1, x, 1) + where(sqrt(2)**2 <= 2, 0, 5)", "1", ("0", "1")), ("where(x < 1 and pi < 355/113, x, 1)", "1", ("0", "1")), ("where(x < 1 or pi < 355/113, x, 1)", "1", ("1",)), ("where(not x < pi, x, 2*x)", "355/113", ("1",)),
    ("atan2(x - 1, log(4) - 2*log(2) - 1)", "1", None), ("atan2(x - 1, pi - 355/113)", "1", None), ("atan2(x - 1, 355/113 - pi)", "1", ("1/(q(355, 113) - pi)",)), ("atan2(x, 3 - pi)", "1", ("(3 - pi)/(1 + (3 - pi)**2)",)),
)  # fmt: skip


def is_as_said(found: Derivative, expected: tuple[str, ...] | None) -> bool:
    """Whether a derivative is the one that theory says."""
    if expected is None:
        return isinstance(found, Nowhere)
    values = [by_mpmath(text) for text in expected]
    if len(values) == 2:
        return isinstance(found, Kink) and all(a == b if not b.is_finite() else bool(a.overlaps(b)) for a, b in zip((found.low, found.high), values, strict=True))
    if not values[0].is_finite():
        return found == Infinite(1 if values[0] > 0 else -1)
    return isinstance(found, Finite) and bool(found.ball.overlaps(values[0]))


@pytest.mark.parametrize(("text", "at", "expected"), DERIVATIVES, ids=[f"{t} at {a}" for t, a, _ in DERIVATIVES])
def test_a_derivative_is_the_same_or_unknown_with_few_bits(text: str, at: str, expected: tuple[str, ...] | None) -> None:
    program = primitive(text, "x")
    for bits in (*FEW, 53, 113):
        found = CarefulRun(program, [Fraction(at)], bits).derivative(0)
        assert isinstance(found, Unknown) or is_as_said(found, expected), (bits, found)
    with balls.precision(MANY):
        found = CarefulRun(program, [Fraction(at)], MANY).derivative(0)
        assert is_as_said(found, expected), found
        for enclosure in (found.ball,) if isinstance(found, Finite) else (found.low, found.high) if isinstance(found, Kink) else ():
            assert not enclosure.is_finite() or enclosure.rad() < arb(10) ** -100


# what needs no rounding is decided with 8 bits: the points of the tables of one-sided derivatives are rationals
RATIONAL: tuple[tuple[str, tuple[str, ...], Point, int], ...] = (
    *((text, ("x",), (Fraction(at),), 0) for text, at in test_one_sided.ONE_SIDED),
    *((text, ("x", "y"), (Fraction(0), Fraction(0)), 0) for text, _, _ in test_one_sided.INFINITE),
    *((text, ("x", "y"), (Fraction(0), Fraction(2)), position) for text, position, _ in test_one_sided.WRITTEN),
    *((text, ("x", "y"), (Fraction(0), Fraction(y)), position) for text, y, position, _ in test_one_sided.POWERS),
)


@pytest.mark.parametrize(("text", "inputs", "point", "position"), RATIONAL, ids=[f"{t} {position} {k}" for k, (t, _, _, position) in enumerate(RATIONAL)])
def test_what_is_rational_is_decided_with_8_bits(text: str, inputs: tuple[str, ...], point: Point, position: int) -> None:
    program = primitive(text, *inputs)
    few, many = (CarefulRun(program, point, bits).derivative(position) for bits in (8, MANY))
    assert type(few) is type(many)
    if isinstance(few, Finite) and isinstance(many, Finite):
        assert few.ball.overlaps(many.ball)
    elif isinstance(few, Kink) and isinstance(many, Kink):
        assert all(bool(a.overlaps(b)) or a == b for a, b in ((few.low, many.low), (few.high, many.high)))
    else:
        assert few == many


# ---------------------------------------------------------------- what is said of a point

# text, x, y: whether the derivative by x is steady (nothing turns where x alone moves), whether it is continuous in x by its gates alone, and whether it has no value all around; by the definitions
PLACES: tuple[tuple[str, str, str, bool, bool, bool], ...] = (
    ("x*y", "1", "2", True, True, False), ("abs(x)", "0", "0", False, True, False), ("abs(x)", "1", "0", True, True, False), ("abs(y)*x", "1", "0", True, True, False), ("max(x, y)", "1", "1", False, True, False), ("max(x, y)", "1", "2", True, True, False),
    ("where(x > y, x, 2*x)", "1", "1", False, False, False), ("where(x > y, x, 2*x)", "2", "1", True, False, False), ("where(y > 1, x, 2*x)", "2", "1", True, False, False), ("floor(x)*y", "1", "1", False, False, False), ("floor(y)*x", "1", "1", True, True, False),
    ("log(x)", "-1", "0", False, True, True), ("log(x)", "0", "0", False, True, False), ("log(x)", "1", "0", True, True, False), ("sqrt(x*y)", "-1", "2", False, True, True), ("log(x - x - y)", "1", "1", False, True, True), ("log(abs(x) - 1)", "0", "1", False, True, False),
    ("where(x > pi, x, 2*x)", "355/113", "0", True, False, False), ("log(pi - x)", "355/113", "0", False, True, True), ("log(x - pi)", "355/113", "0", True, True, False), ("sign(x)*y", "0", "1", False, False, False), ("gamma(x)*y", "1", "1", True, False, False), ("atan(x)/y", "1", "0", False, True, False),
    ("diff(abs(x)**3, x)*y", "1", "2", False, False, False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "x", "y", "is_steady", "is_continuous", "is_outside"), PLACES, ids=[f"{t} at {x}, {y}" for t, x, y, *_ in PLACES])
def test_what_is_claimed_of_a_point_holds_with_few_bits(text: str, x: str, y: str, is_steady: bool, is_continuous: bool, is_outside: bool) -> None:
    program = primitive(text, "x", "y")
    for bits in (*FEW, MANY):
        place = CarefulRun(program, [Fraction(x), Fraction(y)], bits)
        component = program.output
        assert place.is_steady_along(0, component) in (is_steady, is_steady and bits == MANY)
        assert place.is_continuous_along(0) is is_continuous
        assert place.is_outside_all_around in (is_outside, is_outside and bits == MANY)
        value = place.value(program.output)
        if is_outside and bits == MANY:
            assert isinstance(value, Undefined)
            assert program.steps[value.step].gate in ("log", "pow", "sqrt")


# values at points: by mpmath; None where there is no real one
VALUES: tuple[tuple[str, str, str | None], ...] = (
    ("sqrt(x - pi)", "355/113", "sqrt(q(355, 113) - pi)"), ("sqrt(pi - x)", "355/113", None), ("log(x)", "0", None), ("1/(x - sqrt(2)**2)", "2", None), ("sin(x)/x", "0", None), ("where(x == 0, 1, sin(x)/x)", "0", "q(1)"), ("floor(x - pi)", "355/113", "q(0)"), ("ceil(x - pi)", "355/113", "q(1)"), ("floor(pi - x)", "355/113", "q(-1)"),
    ("floor(log(8)/log(2)*x)", "1", "q(3)"), ("floor(-log(8)/log(2)*x)", "1", "q(-3)"), ("sign(x - pi)", "355/113", "q(1)"), ("sign(x - sqrt(2)**2)", "2", "q(0)"), ("max(x, pi)", "355/113", "q(355, 113)"), ("min(x, pi)", "355/113", "pi"), ("x**x", "0", "q(1)"), ("x**pi", "0", "q(0)"), ("x**-pi", "0", None), ("x**0.5", "-1", None), ("x**pi", "-1", None), ("x**3", "-2", "q(-8)"),
    ("cbrt(x)", "-8", "q(-2)"), ("abs(x - pi)", "3", "pi - 3"), ("where(x < inf, 2, 3)", "0", "q(2)"), ("where(x > -inf, 2, 3)", "0", "q(2)"), ("x*inf", "0", None), ("gamma(x)", "-1", None), ("gamma(x)", "1/3", "gamma(q(1, 3))"), ("atan2(x, x - 1)", "0", "pi"), ("atan2(x, x)", "0", None), ("atan2(-x, -x - 1)", "0", "pi"), ("asin(x)", "1", "pi/2"), ("asin(x)", "3/2", None),
    ("log(x)*0", "-1", None), ("where(x > 0, log(x), 5)", "-1", "q(5)"), ("exp(log(x)) - x", "3", "q(0)"), ("x/(log(4) - 2*log(2))", "1", None), ("x**(log(4)/log(2))", "-3", "q(9)"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "at", "expected"), VALUES, ids=[f"{t} at {a}" for t, a, _ in VALUES])
def test_a_value_is_the_same_or_unknown_with_few_bits(text: str, at: str, expected: str | None) -> None:
    program = primitive(text, "x")
    for bits in (*FEW, 53, MANY):
        found = CarefulRun(program, [Fraction(at)], bits).value(program.output)
        if found is None:
            assert bits < MANY
        elif expected is None:
            assert isinstance(found, Undefined)
        else:
            assert not isinstance(found, Undefined)
            assert found.overlaps(by_mpmath(expected)), (bits, found)


# ---------------------------------------------------------------- domains

# gate, point: whether it is outside the domain, and outside together with all points near it; by the table of NIST's DLMF
DOMAINS: tuple[tuple[str, str, bool, bool], ...] = (
    ("log", "0", True, False), ("log", "-1/1000000", True, True), ("log", "1/1000000", False, False), ("sqrt", "0", False, False), ("sqrt", "-1/1000000", True, True), ("asin", "1", False, False), ("asin", "1000001/1000000", True, True), ("asin", "-1000001/1000000", True, True), ("asin", "999999/1000000", False, False),
    ("acosh", "1", False, False), ("acosh", "999999/1000000", True, True), ("atanh", "1", True, False), ("atanh", "-1", True, False), ("atanh", "1000001/1000000", True, True), ("atanh", "999999/1000000", False, False), ("log1p", "-1", True, False), ("log1p", "-2", True, True), ("exp", "-5", False, False), ("cbrt", "-8", False, False),
)  # fmt: skip


@pytest.mark.parametrize(("gate", "point", "outside", "all_around"), DOMAINS, ids=[f"{g} {p}" for g, p, *_ in DOMAINS])
def test_outside_of_a_domain_is_said_of_a_ball_only_where_all_of_it_is(gate: str, point: str, outside: bool, all_around: bool) -> None:
    q = fmpq(*Fraction(point).as_integer_ratio())
    for bits in (*FEW, 53):
        with balls.precision(bits):
            for strict, expected in ((False, outside), (True, all_around)):
                assert expansions.is_outside(gate, [arb(q)], strict=strict) in (expected, False)
                wide = arb(q) + arb(0, 1)
                assert not expansions.is_outside(gate, [wide], strict=strict) or (expected and point == "-2")
    with balls.precision(200):
        assert expansions.is_outside(gate, [arb(q)]) is outside
        assert expansions.is_outside(gate, [arb(q)], strict=True) is all_around


# ---------------------------------------------------------------- coefficients: zeros, signs, short rationals

# gates over gates of rationals, and their sign by mpmath at 60 digits
NUMBERS: tuple[tuple[Any, int], ...] = (
    (("sub", ("mul", ("sqrt", 2), ("sqrt", 3)), ("sqrt", 6)), 0), (("sub", ("log", 8), ("mul", 3, ("log", 2))), 0), (("sub", ("mul", 4, ("atan", 1)), "pi"), 0), (("sub", ("exp", ("log", 7)), 7), 0), (("sub", ("sqrt", 2), Fraction(3, 2)), -1), (("sub", "pi", Fraction(355, 113)), -1), (("sub", Fraction(355, 113), "pi"), 1),
    (("sub", "pi", Fraction(103993, 33102)), 1), (("mul", 0, "pi"), 0), (("neg", ("sub", "pi", 3)), -1), (("div", ("sub", ("log", 4), ("mul", 2, ("log", 2))), "pi"), 0), (("sub", ("exp", ("mul", "pi", ("sqrt", 163))), 262537412640768744), -1), (("sub", ("exp", ("mul", "pi", ("sqrt", 163))), 262537412640768743), 1),
    (("sub", ("add", ("mul", ("sin", 1), ("sin", 1)), ("mul", ("cos", 1), ("cos", 1))), 1), 0), (("sub", ("pow", ("sqrt", 5), 2), 5), 0), (("add", ("log", 2), ("log", Fraction(1, 2))), 0), (("sub", ("tanh", Fraction(1, 2)), Fraction(46, 100)), 1), (Fraction(1, 3), 1), (0, 0), (-2, -1),
)  # fmt: skip


def made(number: Any) -> coefficients.Coefficient:
    """A number at flint's precision, with what it is the value of."""
    if isinstance(number, tuple):
        return coefficients.apply(number[0], *(made(a) for a in number[1:]))
    return coefficients.constant(number) if isinstance(number, str) else fmpq(*Fraction(number).as_integer_ratio())


@pytest.mark.parametrize(("number", "sign"), NUMBERS, ids=[str(n) for n, _ in NUMBERS])
def test_a_zero_and_a_sign_are_those_of_the_number(number: Any, sign: int) -> None:
    for bits in (*FEW, 53, 113, MANY):
        with balls.precision(bits):
            c = made(number)
            assert coefficients.is_zero(c) in (sign == 0, False)
            try:
                found = series.sign_of(c)
            except Undecided:
                assert bits < MANY
            else:
                assert found == sign
            if bits == MANY:
                assert coefficients.is_zero(c) is (sign == 0)


@pytest.mark.parametrize("number", [Fraction(1, 3), Fraction(7), Fraction(-5, 8), Fraction(2**70 + 1), Fraction(1, 2**200), Fraction(-3 * 2**300)], ids=str)
@pytest.mark.parametrize("bits", [8, 64, 127, 128, 129, 300])
def test_a_short_dyadic_number_in_a_narrow_ball_is_found_and_nothing_else(number: Fraction, bits: int) -> None:
    """A number of at most 64 bits, whole or a fraction by a power of two; the ball has to be narrower than twice as many bits tell."""
    with balls.precision(800):
        ball = arb(fmpq(*number.as_integer_ratio())) * (1 + arb(0, arb(2) ** -bits))
        found = coefficients.simple(ball)
        is_short = number.denominator & (number.denominator - 1) == 0 and (abs(number.numerator) / (number.numerator & -number.numerator)).is_integer() and (abs(number.numerator) // (number.numerator & -number.numerator)).bit_length() <= 64
        assert found is None or (is_short and found == arb(fmpq(*number.as_integer_ratio())) and found.is_exact())
        assert (found is not None) is (is_short and bits >= 129) or bits in (127, 128)
        assert coefficients.simple(arb(fmpq(*number.as_integer_ratio()).p)) is None, "what is exact already"
        assert coefficients.simple(arb("inf")) is None


@pytest.mark.parametrize("number", [Fraction(7), Fraction(-5, 8), Fraction(2**64 - 1), Fraction(-(2**63) - 1), Fraction(3, 2**200)], ids=str)
@pytest.mark.parametrize("beside", [-300, 300])
def test_a_short_dyadic_number_is_found_in_a_ball_around_its_neighbour(number: Fraction, beside: int) -> None:
    """The middle is above or below it by one part in 2**300, the ball one in 2**200 wide."""
    with balls.precision(800):
        exact_ = arb(fmpq(*number.as_integer_ratio()))
        middle = exact_ * (1 + (arb(2) ** -abs(beside)) * (1 if beside > 0 else -1))
        assert coefficients.simple(middle * (1 + arb(0, arb(2) ** -200))) == exact_
        assert coefficients.simple(exact_ * (1 + arb(2) ** -150) * (1 + arb(0, arb(2) ** -200))) is None


# ---------------------------------------------------------------- identities

CLOSE = (  # what is decided by constants alone, and is no identity; by mpmath
    ("where(pi > 355/113, x, y)", "x"), ("where(exp(pi) - pi >= 20, x, y)", "x"), ("where(exp(pi*sqrt(163)) >= 262537412640768744, x, y)", "x"), ("where(exp(pi*sqrt(163)) < 262537412640768743, x, y)", "x"), ("where(pi*x > 355/113*x, x, y)", "where(x > 0, x, y)"), ("abs((pi - 355/113)*x)", "(pi - 355/113)*abs(x)"), ("sqrt((pi - 355/113)**2)", "pi - 355/113"),
)  # fmt: skip
DECIDED = (  # and what is one
    ("where(pi > 355/113, x, y)", "y"), ("where(exp(pi) - pi >= 20, x, y)", "y"), ("where(exp(pi*sqrt(163)) >= 262537412640768744, x, y)", "y"), ("where(exp(pi*sqrt(163)) < 262537412640768743, x, y)", "y"), ("where(pi*x > 355/113*x, x, y)", "where(x < 0, x, y)"), ("abs((pi - 355/113)*x)", "(355/113 - pi)*abs(x)"), ("sqrt((pi - 355/113)**2)", "355/113 - pi"),
)  # fmt: skip


def same(a: str, b: str) -> prove.Proof | None:
    return prove.prove_same(primitive(a, "x", "y", "z"), primitive(b, "x", "y", "z"), fmt=FLOAT64)


@pytest.mark.parametrize(("a", "b"), [*test_field.DIFFERENT, *CLOSE])
def test_what_is_no_identity_is_none_with_few_bits(a: str, b: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert same(a, b) is None
    for bits in FEW:
        monkeypatch.setattr(signs, "CONSTANT_BITS", bits)
        assert same(a, b) is None


@pytest.mark.parametrize(("a", "b"), [*test_field.IDENTITIES, *DECIDED])
def test_an_identity_is_proved_alike_or_not_at_all_with_few_bits(a: str, b: str, monkeypatch: pytest.MonkeyPatch) -> None:
    many = same(a, b)
    assert many is not None
    for bits in FEW:
        monkeypatch.setattr(signs, "CONSTANT_BITS", bits)
        few = same(a, b)
        assert few in (None, many)


@pytest.mark.parametrize(("text", "expected"), test_field.SIGNS, ids=[t for t, _ in test_field.SIGNS])
def test_a_sign_of_an_element_is_the_same_or_unknown_with_few_bits(text: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    program = primitive(text, "x", "y", "z")
    for bits in FEW:
        monkeypatch.setattr(signs, "CONSTANT_BITS", bits)
        over = field.Field(("x", "y", "z"), field.Plan())
        try:
            value = field.value(over, program, program.output)
        except field.GiveUp:
            continue
        assert signs.known_sign(over, value) in (expected, None)


# ---------------------------------------------------------------- bounds and adjoints


@pytest.mark.parametrize("threshold", [20, 36, 37, 40, 60])
@pytest.mark.parametrize("bits", [*FEW, 53, 128])
def test_a_bound_with_few_bits_is_larger_or_none(threshold: int, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of where(x > t, 1, sigmoid(x)) the distance is largest at t: 1 - sigmoid(t) = 1/(1 + exp(t)), in ulps of the number below 1, of 2**-53; at t = 36 it is 2.1, at 37 it is 0.77."""
    program = primitive(f"where(x > {threshold}, 1, sigmoid(x))", "x")
    monkeypatch.setattr(bound, "BITS", bits)
    monkeypatch.setattr(Subject, "index", lambda *_: program.output)
    found = bound.bound(truth_of(expression("softplus(x)", "x")), Subject(program, (("x", "dx"),)), ("x", "dx"), fmt=FLOAT64, upstream=1.0, domain=None)
    exact = 2.0**53 / (1 + math.exp(threshold))
    assert found is None or found >= exact * (1 - 1e-9)
    if bits >= 53:
        assert (found is not None) is (exact < 1)
        assert found is None or found < (1.1 * exact if threshold <= 40 else 1), "a bound over boxes is a little larger, and no box is cut where it is less than one ulp"


ADJOINTS = ("exp(sin(x))/x", "sqrt(x - 355/113 + 1e-9)*x", "x**3 - x**x", "abs(x - pi)*x", "max(x, pi)", "where(x > pi, x*x, 3*x)", "gamma(x)*log(x)", "atan2(x, 3 - x)", "cbrt(x - 4)")


@pytest.mark.parametrize("text", ADJOINTS)
@pytest.mark.parametrize("at", [Fraction(355, 113), Fraction(5, 4), Fraction(3)], ids=str)
@pytest.mark.parametrize("strict", [True, False])
def test_an_adjoint_with_few_bits_encloses_or_is_none(text: str, at: Fraction, strict: bool) -> None:
    program = primitive(text, "x")

    def run(bits: int) -> arb:
        with balls.precision(bits):
            values = [v[0] for v in balls.run(program, [[arb(fmpq(*at.as_integer_ratio()))]], bits=bits, strict=False)]
            return adjoints.at(program, dict(enumerate(values)), program.output, strict=strict).get(0, balls.NAN)

    many = run(MANY)
    for bits in (*FEW, 53):
        few = run(bits)
        assert not few.is_finite() or (many.is_finite() and few.overlaps(many))
    exact = CarefulRun(program, [at], MANY).derivative(0)
    assert not many.is_finite() or (isinstance(exact, Finite) and many.overlaps(exact.ball))


# ---------------------------------------------------------------- the twin: each check above sees an engine that decides by the middle of a ball


def _by_the_middle(right: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(c: Any) -> int:
        if isinstance(c, coefficients.Real) and c.ball.is_finite():
            middle = c.ball.mid()
            return int(middle > 0) - int(middle < 0)
        return int(right(c))

    return wrong


def test_signs_by_the_middle_of_a_ball_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "sign_of", _by_the_middle(series.sign_of))
    broken = 0
    for text, at, expected in DERIVATIVES:
        for bits in FEW:
            try:
                found = CarefulRun(primitive(text, "x"), [Fraction(at)], bits).derivative(0)
            except (Undecided, Short, NoExpansion):
                continue
            broken += not (isinstance(found, Unknown) or is_as_said(found, expected))
    assert broken > 10


def test_an_expansion_with_few_bits_overlaps_that_with_many() -> None:
    """The coefficients of exp(x)/(pi - x) at 3, cos(x)*log(x) at 2 and x**pi at 1."""
    for text, at in (("exp(x)/(pi - x)", 3), ("cos(x)*log(x)", 2), ("x**pi", 1), ("gamma(x)", 2)):
        program = primitive(text, "x")

        def run(bits: int, program: Program = program, at: int = at) -> Series:
            with balls.precision(bits):
                x = series.add(series.number(fmpq(at)), Series({(1, 0): fmpq(1)}))
                found = expansions.run(program, [x], 4)[program.output]
                assert isinstance(found, Series)
                return found

        many = run(MANY)
        for bits in FEW:
            few = run(bits)
            with balls.precision(MANY):
                assert all(coefficients.ball(few.terms.get(k, fmpq(0))).overlaps(coefficients.ball(many.terms.get(k, fmpq(0)))) for k in {*few.terms, *many.terms} if k[0] < min(few.order, many.order))


@pytest.mark.parametrize("exponent", ["1000001", "1e300", "2e5*log(32)/log(2) + 2"])
def test_a_large_power_of_a_negative_number_is_not_said_to_have_no_value(exponent: str) -> None:
    """It has one, which is no work for an expansion."""
    assert isinstance(CarefulRun(primitive(f"x**({exponent})", "x"), [Fraction(-3)], MANY).derivative(0), Unknown | Finite)
