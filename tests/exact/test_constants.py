"""Which well-known constant a number is."""

from __future__ import annotations

import mpmath
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from verifier.arithmetic import balls
from verifier.exact.constants import identify, is_decimal

KNOWN = (
    "sqrt(2)", "sqrt(3)", "pi", "sqrt(pi)", "sqrt(2*pi)", "pi**2", "log(2)", "log(10)", "e",
    "1/sqrt(pi)", "1/pi", "sqrt(2/pi)", "1/sqrt(2*pi)", "1/log(2)", "1/log(10)", "1/e", "sqrt(pi/2)",
    "2/sqrt(pi)", "2*pi", "pi/2", "sqrt(2)/2", "log(2)/2", "3*pi/4",
)  # fmt: skip


def value(text):
    """A constant as mpmath has it, to 40 digits, in a ball of that width."""
    with mpmath.workdps(50):
        names = {n: getattr(mpmath, n) for n in ("pi", "e", "sqrt", "log")}
        number = eval(text, {"__builtins__": {}}, {**names, "pi": +mpmath.pi, "e": +mpmath.e})
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


def test_what_is_no_constant_has_no_name():
    with balls.precision(200):
        assert identify(value("pi") ** 7 + value("sqrt(2)")) is None
        assert identify(arb("nan")) is None
        assert identify(arb(0)) is None


def test_decimals_are_told_from_constants():
    assert is_decimal("0.044715")
    assert is_decimal("-1/3")
    assert is_decimal("1e-05")
    assert not is_decimal("sqrt(2)/2")
    assert not is_decimal("pi")
