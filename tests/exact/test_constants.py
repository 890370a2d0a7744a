"""Which well-known constant a number is."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import mpmath
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import check
from verifier.arithmetic import balls
from verifier.exact import constants
from verifier.exact.constants import CONSTANTS, identify, is_decimal, near, product, reading
from verifier.language.formats import FORMATS

KNOWN = (
    "sqrt(2)", "sqrt(3)", "pi", "sqrt(pi)", "sqrt(2*pi)", "pi**2", "log(2)", "log(10)", "e",
    "1/sqrt(pi)", "1/pi", "sqrt(2/pi)", "1/sqrt(2*pi)", "1/log(2)", "1/log(10)", "1/e", "sqrt(pi/2)",
    "2/sqrt(pi)", "2*pi", "pi/2", "sqrt(2)/2", "log(2)/2", "3*pi/4",
)  # fmt: skip


def value(text):
    """A constant as mpmath has it, to 40 digits, in a ball of that width."""
    with mpmath.workdps(50):
        names = {n: getattr(mpmath, n) for n in ("sqrt", "cbrt", "log", "exp")}
        number = eval(text, {"__builtins__": {}}, {**names, "pi": +mpmath.pi, "e": +mpmath.e, "euler_gamma": +mpmath.euler})
        return arb(mpmath.nstr(number, 45)) + arb(0, arb(10) ** -40)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_constant_is_named(name):
    with balls.precision(200):
        found = identify(value(name))
        assert found is not None
        assert value(found).overlaps(value(name))
        assert not is_decimal(found)


@pytest.mark.parametrize("name", KNOWN)
def test_a_constant_off_by_1e_minus_30_is_not_named(name):
    with balls.precision(200):
        assert identify(value(name) * (1 + arb(10) ** -30)) is None


def test_a_negative_constant_keeps_its_sign():
    with balls.precision(200):
        assert identify(-value("pi")) == "-pi"


@given(st.integers(min_value=-999, max_value=999).filter(bool), st.integers(min_value=1, max_value=999))
def test_a_simple_fraction_is_named_exactly(p, q):
    with balls.precision(200):
        found = identify(arb(p) / q)
        numerator, _, denominator = found.partition("/")
        assert is_decimal(found)
        assert abs(arb(numerator) / arb(denominator or "1") - arb(p) / q) < arb(10) ** -15


@pytest.mark.parametrize(("p", "q", "name"), [(1, 40320, "1/40320"), (1, 362880, "1/362880"), (8943, 200000, "0.044715"), (-1, 999999, "-1/999999"), (1, 1000000, "1e-06"), (1, 1000001, None), (1, 3628800, None), (691, 32760, "691/32760"), (5, 2000001, None)])
def test_a_denominator_is_that_of_a_short_series_at_most(p, q, name):
    """8! and 9! are less than 1000**2, 10! is more; -691/32760 is a Bernoulli number over 12."""
    with balls.precision(200):
        assert identify(arb(p) / q) == name


@pytest.mark.parametrize(
    ("whole", "name"),
    [(1, "1"), (-2, "-2"), (12, "12"), (13, "13"), (-100, "-100"), (1000, "1000"), (123456789, "123456789"), (10**16 - 1, "9999999999999999"), (10**22, "1e+22"), (-(2**80), "-1208925819614629174706176")],
)
def test_a_whole_number_is_written_without_a_point(whole, name):
    """As it would be written in a formula: 100, not 100.0; from 10**16 on as short as Python prints it, where that is the same number."""
    with balls.precision(200):
        assert identify(arb(whole)) == identify(arb(whole, arb(2) ** -100)) == name
    assert is_decimal(name)


def test_what_is_no_constant_has_no_name():
    with balls.precision(200):
        assert identify(value("pi") ** 7 + value("sqrt(2)")) is None
        assert identify(arb("nan")) is None
        assert identify(arb(0)) is None


@pytest.mark.parametrize(("middle", "radius"), [("0.1", 0.2), ("-0.1", 0.2), ("3", 3.5), ("0", 1e-30), ("1e-20", 1e-19)])
def test_what_may_be_0_has_no_name(middle, radius):
    with balls.precision(200):
        assert identify(arb(middle, radius)) is None


def test_decimals_are_told_from_constants():
    assert is_decimal("0.044715")
    assert is_decimal("-1/3")
    assert is_decimal("1e-05")
    assert not is_decimal("sqrt(2)/2")
    assert not is_decimal("pi")


FACTORS = (Fraction(1), Fraction(3), Fraction(1, 2), Fraction(2, 3), Fraction(23, 24), Fraction(1, 180))
IRRATIONAL = tuple(name for name in CONSTANTS if name != "1")


@pytest.mark.parametrize("factor", FACTORS, ids=str)
@pytest.mark.parametrize("name", IRRATIONAL)
def test_the_diagnosis_and_the_proofs_read_the_same_constants(name, factor):
    """From its ball, and from its decimals as mpmath prints them, a constant has one name; and that is its value."""
    spelt = product(factor, name)
    with balls.precision(200):
        exact = value(name) * factor.numerator / factor.denominator
        assert value(spelt).overlaps(exact)
        assert identify(exact) == spelt
        digits = exact.mid().str(17, radius=False)
    assert reading(digits, FORMATS["float64"]) == spelt


@pytest.mark.parametrize(
    ("factor", "name", "spelt"),
    [
        (Fraction(1, 2), "sqrt(2/pi)", "1/sqrt(2*pi)"),  # of the normal distribution
        (Fraction(3, 2), "sqrt(2/pi)", "3/sqrt(2*pi)"),
        (Fraction(1, 2), "sqrt(2*pi)", "sqrt(pi/2)"),
        (Fraction(2), "sqrt(2/pi)", "2*sqrt(2/pi)"),
        (Fraction(2, 3), "1/sqrt(pi)", "2/(3*sqrt(pi))"),
        (Fraction(1, 2), "1/(sqrt(2)*pi)", "1/(2*sqrt(2)*pi)"),
        (Fraction(1, 2), "(1 + sqrt(5))", "(1 + sqrt(5))/2"),
        (Fraction(3, 4), "log(2)/log(10)", "3*log(2)/(4*log(10))"),
        (Fraction(3, 4), "1", "3/4"),
        (Fraction(1), "1", "1"),
    ],
)
def test_a_factor_and_a_constant_are_one_fraction(factor, name, spelt):
    assert product(factor, name) == spelt
    assert value(spelt).overlaps(value(name) * factor.numerator / factor.denominator)


@pytest.mark.parametrize("name", IRRATIONAL)
def test_a_typing_mistake_in_a_late_digit_is_named_in_words(name):
    """The digits of the constant as mpmath has them, the sixteenth wrong: 1.0986122886681089 for log(3) = 1.0986122886681098."""
    with balls.precision(200):
        digits = value(name).mid().str(17, radius=False)
    wrong = digits[:-2] + str((int(digits[-2]) + 5) % 10) + digits[-1]
    text = "function: {0}*x\npoints: [{{x: 0.7}}]\nimplementations:\n  it:\n    backward: dx = {1} * dout\n"
    (finding,) = check(text.format(name, wrong)).findings
    assert f"`{wrong}` has a relative error of" in finding.message
    assert f"the constant looks like {name} to " in finding.message
    assert check(text.format(name, digits)).findings == ()


# ---------------------------------------------------------------- a constant that is an ulp off


@pytest.mark.parametrize("name", ["sqrt(pi)/2", "pi", "1/sqrt(2*pi)", "log(2)", "1/3", "3/10", "sqrt(2)/2"])
@pytest.mark.parametrize("steps", [-2, -1, 1, 2])
def test_a_constant_one_or_two_ulp_off_is_named(name, steps):
    """The neighbours of the float of a constant, by the standard library."""
    with balls.precision(200):
        number = Fraction(value(name).mid().str(30, radius=False))
    meant = written = float(number)
    for _ in range(abs(steps)):
        written = math.nextafter(written, math.copysign(math.inf, steps))
    found = near(repr(written), FORMATS["float64"])
    if abs(Fraction(repr(written)) - number) <= Fraction(1, 2 * 10 ** len(repr(written).partition(".")[2])):
        assert found is None, "a text such as 0.7071067811865475 is the constant, cut off: it is within half a unit of its last digit"
        return
    assert found is not None
    assert found[1] == abs(steps)
    with balls.precision(200):
        assert value(found[0]).overlaps(value(name))
    assert near(repr(meant), FORMATS["float64"]) is None, "the constant itself"


def test_a_constant_three_ulp_off_and_a_number_without_pattern_are_not_named():
    far = math.nextafter(math.nextafter(math.nextafter(math.pi, 4), 4), 4)
    assert near(repr(far), FORMATS["float64"]) is None
    draw = random.Random(0)
    assert [near(repr(draw.uniform(0, 5)), FORMATS["float64"]) for _ in range(1000)] == [None] * 1000


@pytest.mark.parametrize(("text", "is_off"), [("0.8862269254527579", True), ("0.886226925452758", False)])  # sqrt(pi)/2 = 0.88622692545275801364...
def test_a_constant_one_ulp_off_is_worth_a_word_and_no_failure(text, is_off):
    report = check(f"function: sqrt(pi)/2*x*x\npoints: [{{x: 0.3}}, {{x: 1.1}}]\nimplementations:\n  mine: {{backward: 'dx = 2*x*dout*{text}'}}")
    assert report.status == "passed"
    assert any("sqrt(pi)/2" in note and text in note and "1 ulp" in note for note in report.notes) is is_off
    assert report.proofs["mine"]["dx"] == ("approximates" if is_off else "proved")


@pytest.mark.parametrize(
    ("factor", "name", "is_small"),
    [
        (Fraction(1000), "1", True), (Fraction(1001), "1", False), (Fraction(1, 1000**2), "1", True), (Fraction(1, 1000**2 + 1), "1", False), (Fraction(1000, 1000**2 - 1), "1", True), (Fraction(1001, 1000), "1", False),
        (Fraction(24), "pi", True), (Fraction(25), "pi", False), (Fraction(1, 24), "pi", True), (Fraction(1, 25), "pi", False), (Fraction(23, 24), "pi", True), (Fraction(1, 180), "pi", True), (Fraction(180), "pi", True), (Fraction(1, 181), "pi", False), (Fraction(90), "pi", True), (Fraction(1, 90), "pi", False),
    ],
)  # fmt: skip
def test_a_factor_is_small_up_to_the_limits(factor, name, is_small):
    assert constants._is_small(factor, name) is is_small


@pytest.mark.parametrize(("factor", "name", "is_plain"), [(Fraction(12), "1", True), (Fraction(13), "1", False), (Fraction(1, 12), "pi", True), (Fraction(1, 13), "pi", False), (Fraction(1, 180), "pi", True), (Fraction(1, 180), "1", False), (Fraction(11, 12), "1", True)])
def test_a_plain_factor_is_a_short_one_or_one_of_degrees(factor, name, is_plain):
    assert constants._is_plain(factor, name) is is_plain


@pytest.mark.parametrize(("value_", "expected"), [("0.5", Fraction(1, 2)), ("0.333", Fraction(333, 1000)), ("3.14159265", None), ("1e-7", None)])
def test_the_simplest_fraction_is_the_first_convergent_that_fits(value_, expected):
    """By the continued fraction of Python's Fraction.limit_denominator; none with a denominator beyond a million."""
    with balls.precision(100):
        found = constants._simplest(arb(value_) + arb(0, arb(10) ** -20))
        assert found == expected if expected is not None else found is None or found.denominator <= 10**6
        assert constants._simplest(arb.pi() + arb(0, "2e-3")) == Fraction(22, 7)
        assert constants._simplest(arb.pi() + arb(0, "1e-6")) == Fraction(355, 113)


@pytest.mark.parametrize("size", [5000, -5000])
def test_what_is_too_large_or_too_small_to_be_a_fraction_is_no_constant(size: int) -> None:
    """2**5000 is 1.4e1505."""
    with balls.precision(100):
        assert list(constants._fitting(arb(2) ** size)) == []
        assert constants._simplest(arb(2) ** size) is None


def test_a_fraction_may_have_the_denominator_of_a_short_series() -> None:
    """Up to a million."""
    with balls.precision(200):
        assert constants._decimal(arb(7) / 1009) == "7/1009"
        assert constants._decimal(arb(7) / 999983) == "7/999983"
        assert constants._decimal(arb(7) / 1000003) is None
