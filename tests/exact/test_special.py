"""The rules of the special functions: each identity of the table proves the one that the NIST Digital Library of Mathematical Functions (DLMF) has, and none that is bent."""

from __future__ import annotations

import pytest

from tests.exact.test_field import same

# by section of the DLMF
IDENTITIES = (
    # 5.5.1, 5.4, 5.5.3: the gamma function
    ("gamma(x + 3)", "(x + 2)*(x + 1)*x*gamma(x)"), ("gamma(x - 2)", "gamma(x)/((x - 1)*(x - 2))"), ("gamma(4)", "6"), ("gamma(1)", "1"), ("gamma(2)", "1"), ("gamma(5/2)", "3*sqrt(pi)/4"), ("gamma(-1/2)", "-2*sqrt(pi)"), ("gamma(-3/2)", "4*sqrt(pi)/3"), ("gamma(1/3 + 2)", "4/9*gamma(1/3)"),
    ("gamma(-x)*gamma(1 + x)", "-pi/sin(pi*x)"), ("gamma(17)", "20922789888000"), ("gamma(x/2 + 1)", "x/2*gamma(x/2)"), ("gamma((x + 2*y)/y)", "(x + y)*x/y**2*gamma(x/y)"), ("lgamma(x + 1)", "lgamma(x) + log(abs(x))"), ("rgamma(x)", "1/gamma(x)"),
    # 5.15.5, 5.15.6, 5.4.12: its logarithmic derivatives
    ("polygamma(1, x + 1)", "polygamma(1, x) - 1/x**2"), ("polygamma(2, x + 1)", "polygamma(2, x) + 2/x**3"), ("polygamma(3, x + 1)", "polygamma(3, x) - 6/x**4"), ("polygamma(1, x - 1)", "polygamma(1, x) + 1/(x - 1)**2"), ("polygamma(2, x - 2)", "polygamma(2, x) - 2/(x - 1)**3 - 2/(x - 2)**3"), ("polygamma(0, x)", "digamma(x)"),
    ("digamma(1 - x)", "digamma(x) + pi*cos(pi*x)/sin(pi*x)"), ("polygamma(1, 1 - x)", "pi**2/sin(pi*x)**2 - polygamma(1, x)"), ("polygamma(2, 1 - x)", "polygamma(2, x) + 2*pi**3*cos(pi*x)/sin(pi*x)**3"), ("digamma(3)", "3/2 - euler_gamma"), ("digamma(x - 1)", "digamma(x) - 1/(x - 1)"), ("trigamma(x)", "polygamma(1, x)"), ("digamma(-x)", "digamma(x) + 1/x + pi/tan(pi*x)"),
    # 10.6.1, 10.29.1, 10.4.1, 10.11, 10.27
    ("bessely(2, x)", "2/x*bessely(1, x) - bessely(0, x)"), ("besseli(2, x)", "besseli(0, x) - 2/x*besseli(1, x)"), ("besselk(2, x)", "besselk(0, x) + 2/x*besselk(1, x)"), ("besselj(3, x)", "(8/x**2 - 1)*besselj(1, x) - 4/x*besselj(0, x)"), ("besselj(-2, x)", "besselj(2, x)"), ("besselj(-3, x)", "-besselj(3, x)"), ("besseli(-1, x)", "besseli(1, x)"),
    ("besseli(-2, x)", "besseli(2, x)"), ("besselk(-1, x)", "besselk(1, x)"), ("besselk(-2, x)", "besselk(2, x)"), ("bessely(-1, x)", "-bessely(1, x)"), ("bessely(-2, x)", "bessely(2, x)"), ("besselj(1, -x)", "-besselj(1, x)"), ("besselj(2, -x)", "besselj(2, x)"), ("besseli(1, -x)", "-besseli(1, x)"), ("besseli(0, -x)", "besseli(0, x)"), ("besselj(3/2, x)", "besselj(1/2, x)/x - besselj(-1/2, x)"),
    ("besselj(5/2, x)", "3/x*besselj(3/2, x) - besselj(1/2, x)"), ("besselk(3/2, x)", "besselk(1/2, x)/x + besselk(-1/2, x)"), ("kve(1, x)", "exp(x)*besselk(1, x)"), ("ive(1, x)", "exp(-abs(x))*besseli(1, x)"), ("i0(x)", "besseli(0, x)"), ("j1(-x)", "-j1(x)"), ("k1(x)", "besselk(1, x)"),
    # 8.19.12, 8.19.1
    ("expn(2, x)", "exp(-x) - x*expn(1, x)"), ("expn(0, x)", "exp(-x)/x"), ("expn(-1, x)", "exp(-x)*(1 + x)/x**2"), ("expn(-2, x)", "exp(-x)*(x**2 + 2*x + 2)/x**3"), ("expn(4, x)", "(exp(-x) - x*expn(3, x))/3"), ("expn(3, x)", "(exp(-x)*(1 - x) + x*x*expn(1, x))/2"),
    # 15.8.1, 15.4.1, 10.16.9, 15.2.1
    ("hyp2f1(2, 2, 3, x)", "hyp2f1(1, 1, 3, x)/(1 - x)"), ("hyp2f1(1, 2, 4, x)", "hyp2f1(2, 1, 4, x)"), ("hyp2f1(1, 1, 2, x - x)", "1"), ("hyp2f1(1, 1, 2, -x)", "log(1 + x)/x"), ("hyp0f1(3/2, -x*x/4)", "sin(x)/x"), ("hyp0f1(3/2, x*x/4)", "sinh(x)/x"), ("hyp0f1(2, x - x)", "1"), ("hyp0f1(3/2, -x*x)", "sin(2*x)/(2*x)"), ("hyp0f1(3/2, -4*x**2*y**2)", "sin(4*x*y)/(4*x*y)"),
    # what no rule applies to stays as it is
    ("hyp2f1(y, 1, 2, x)*2", "hyp2f1(y, 1, 2, x) + hyp2f1(y, 1, 2, x)"), ("hyp2f1(1/3, 1, 5/2, x)*2", "hyp2f1(1/3, 1, 5/2, x) + hyp2f1(1, 1/3, 5/2, x)"), ("hyp0f1(y, x)*2", "hyp0f1(y, x) + hyp0f1(y, x)"), ("hyp0f1(3/2, x)*2", "hyp0f1(3/2, x) + hyp0f1(3/2, x)"), ("expn(y, x)*2", "expn(y, x) + expn(y, x)"), ("expn(1/2, x)*2", "expn(1/2, x) + expn(1/2, x)"),
    ("besselj(y, x)*2", "besselj(y, x) + besselj(y, x)"), ("bessely(y, x)*2", "bessely(y, x) + bessely(y, x)"), ("besseli(y, x)*2", "besseli(y, x) + besseli(y, x)"), ("besselk(y, x)*2", "besselk(y, x) + besselk(y, x)"), ("kve(y, x)*exp(-x)", "besselk(y, x)"), ("lgamma(x*y)*2", "lgamma(x*y) + lgamma(x*y)"), ("zeta(x)*2", "zeta(x) + zeta(x)"),
    # 7.4, 7.2, 7.17
    ("erfc(-x)", "2 - erfc(x)"), ("erfcx(x)", "exp(x*x)*(1 - erf(x))"), ("dawson(x)", "sqrt(pi)/2*exp(-x*x)*erfi(x)"), ("dawson(-x)", "-dawson(x)"), ("erfinv(-x)", "-erfinv(x)"), ("log_ndtr(x)", "log(erfc(-x/sqrt(2))/2)"), ("erfi(-x)", "-erfi(x)"), ("erfcinv(x)", "erfinv(1 - x)"), ("erf(x - y)", "-erf(y - x)"), ("erf(x - x)", "0"),
    # integers below and above
    ("floor(x + 3)", "floor(x) + 3"), ("floor(-x)", "-1 - floor(x)"), ("ceil(x)", "floor(x) + 1"), ("floor(7/2)", "3"), ("floor(-7/2)", "-4"), ("ceil(7/2)", "4"), ("floor(3)", "3"), ("floor(floor(x) + 5/2)", "floor(x) + 2"), ("ceil(floor(x) - 5/2)", "floor(x) - 2"), ("floor(2*floor(x))", "2*floor(x)"), ("floor(floor(x)*floor(y))", "floor(x)*floor(y)"), ("floor(x + 1/2)", "floor(x - 1/2) + 1"),
    ("floor(ceil(x))", "ceil(x)"), ("floor(floor(x)*3 - 1/2)", "3*floor(x) - 1"), ("floor(1 - exp(x))", "-floor(exp(x))"),
    # 4.23, 4.35
    ("acos(-x)", "pi - acos(x)"), ("acos(x)", "pi/2 - asin(x)"), ("tan(x)", "sin(x)/cos(x)"), ("cospi(x)", "cos(pi*x)"), ("sinpi(x + 1)", "-sin(pi*x)"), ("max(x, x + 1)", "x + 1"), ("min(x, x + 1)", "x"), ("min(x, x)", "x"), ("asin(-x)", "-asin(x)"), ("atan(x - x)", "0"), ("tanh(-x)", "-tanh(x)"), ("si(-x)", "-si(x)"), ("shi(-x)", "-shi(x)"),
)  # fmt: skip
BENT = (
    ("gamma(x + 2)", "x*gamma(x)"), ("gamma(x - 1)", "x*gamma(x)"), ("gamma(1/2)", "pi"), ("gamma(-x)*gamma(1 + x)", "pi/sin(pi*x)"), ("gamma(-1)*0 + x", "x"), ("polygamma(1, x + 1)", "polygamma(1, x) + 1/x**2"), ("polygamma(2, x + 1)", "polygamma(2, x) - 2/x**3"), ("polygamma(1, 1 - x)", "pi**2/sin(pi*x)**2 + polygamma(1, x)"), ("polygamma(3, -x)", "-polygamma(3, x)"), ("polygamma(1, x)", "digamma(x)"), ("digamma(2)", "-euler_gamma"),
    ("floor(-x)", "-floor(x)"), ("ceil(x)", "floor(x)"), ("floor(x/2)*2", "floor(x)"), ("floor(floor(x)/2)*2", "floor(x)"), ("floor(floor(x)*y)", "floor(x)*y"), ("floor(x + 1/2)", "floor(x)"), ("floor(-floor(x))", "-1 - floor(x)"), ("besselj(-1, x)", "besselj(1, x)"), ("bessely(1, -x)", "-bessely(1, x)"), ("besselk(1, -x)", "besselk(1, x)"), ("besselk(2, x)", "besselk(0, x) - 2/x*besselk(1, x)"),
    ("besselj(-1/2, x)", "besselj(1/2, x)"), ("besselj(-1/2, -x)", "besselj(-1/2, x)"), ("expn(2, x)", "exp(-x) + x*expn(1, x)"), ("expn(1/2, x)", "expn(1, x)"), ("erfc(-x)", "erfc(x)"), ("hyp0f1(3/2, -x*x/4)", "sinh(x)/x"), ("hyp0f1(3/2, x/4)", "sinh(x)/x"), ("hyp0f1(5/2, -x*x/4)", "sin(x)/x"), ("hyp2f1(1, 1, 3, x)", "-log(1 - x)/x"), ("hyp2f1(2, 2, 3, x)", "hyp2f1(1, 1, 3, x)"), ("hyp2f1(x, 1, 2, y)", "hyp2f1(1, 1, 2, y)"),
    ("acos(-x)", "-acos(x)"), ("max(x, x + 1)", "x"), ("min(x, x + 1)", "x + 1"), ("erf(x - y)", "erf(y - x)"), ("ive(1, x)", "exp(-x)*besseli(1, x)"), ("dawson(-x)", "dawson(x)"),
)  # fmt: skip


@pytest.mark.parametrize(("a", "b"), IDENTITIES)
def test_an_identity_of_a_special_function_is_proved(a: str, b: str) -> None:
    found = same(a, b)
    assert found is not None
    assert found.conditions == ()
    assert found.gaps == ()


@pytest.mark.parametrize(("a", "b"), BENT)
def test_a_bent_identity_of_a_special_function_is_not_proved(a: str, b: str) -> None:
    assert same(a, b) is None
