"""Verdicts and figures where nothing exists, where limits nearly agree, at powers of two and beyond the largest float. Expected values are known by hand; the source stands beside each."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from flint import arb, fmpq

from tests.laws import places
from tests.laws.law import Broken
from verifier.arithmetic import balls
from verifier.case.load import load_text
from verifier.exact import coefficients
from verifier.language.formats import FORMATS, text
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict
from verifier.report.outcome import Result
from verifier.verify import verify


def results(function: str, points: str, *, more: str = "") -> list[Result]:
    (case,) = load_text(f"function: {function}\npoints: [{points}]\n{more}").cases
    return list(verify(case).results)


def verdict(function: str, point: str, *, more: str = "") -> Verdict:
    return results(function, point, more=more)[0].verdict


# log, sqrt, asin, gamma and division have no real value at these points (DLMF 4.2, 4.23, 5.2).
@pytest.mark.parametrize(
    "function",
    ["x + 0*log(x - 1)", "x + (y - y)*log(x - 1)", "x + log(x - 1) - log(x - 1)", "x + 0/(y - y)", "asin(2)*0 + x", "x + log(x - 1)**0", "x + 0*gamma(y - 3)", "x + 0*floor(log(x - 1))", "diff(log(x - 1)*0 + x*x, x)", "0*sqrt(x - 2) + y", "x + 0*nan", "x + (nan - nan)", "x + 0*inf", "x + (inf - inf)"],
)
def test_what_reads_a_value_that_does_not_exist_does_not_exist(function: str) -> None:
    assert verdict(function, "{x: 0.5, y: 2}", more="implementations: {mine: {backward: 'dx = 1*dout; dy = 0*dout'}}\n") is Verdict.UNDEFINED


def test_a_branch_that_is_not_taken_needs_no_value() -> None:
    assert verdict("where(x > 0, x, 0*log(x - 5))", "{x: 0.5}") is Verdict.CORRECT


def test_a_gate_has_no_value_outside_the_domain_of_its_row() -> None:
    grid = [Fraction(k, 2) for k in range(-7, 8)]
    loose = []
    for gate in (g for g in GATES.values() if g.where and g.name not in ("poch", "binom")):  # these exist beyond where their partials hold
        inside = places_program(gate.name, f"where({gate.where}, 1, 0)")
        whole = places_program(gate.name, f"{gate.name}({', '.join(gate.parameters)})")
        for k in range(200):
            point = [arb(fmpq(x.numerator, x.denominator)) for x in (grid[(k * (3 + 2 * i) + i * k // 7) % len(grid)] for i in range(len(gate.parameters)))]
            ball = balls.run(whole, [[x] for x in point], bits=128, strict=False)[whole.output][0]
            is_in = balls.run(inside, [[x] for x in point], bits=128, strict=False)[inside.output][0]
            loose += [(gate.name, point)] if is_in.is_zero() and ball.is_finite() else []
    assert loose == []


def places_program(name: str, formula: str):
    from verifier.circuit.expressions import table_program
    from verifier.exact.derivatives import primitive

    return primitive(table_program(name, formula, GATES[name].parameters))


@pytest.mark.parametrize("size", [100, 150, 170, 500, 1500])
def test_a_jump_of_any_size_is_a_jump(size: int) -> None:
    assert verdict(f"where(x > 0, x + exp(1e-{size}) - 1, x)", "{x: 0}") is Verdict.UNDEFINED
    assert verdict(f"where(x > 0, x*exp(1e-{size}), x)", "{x: 0}") is Verdict.SUBGRADIENT


def test_equal_limits_are_proved_equal_and_others_stay_open() -> None:
    with balls.precision(600):
        three = coefficients.apply("exp", coefficients.apply("log", fmpq(3)))
        assert coefficients.is_zero(three - fmpq(3))
        assert not coefficients.is_zero(three - fmpq(10**200 + 1, 10**200) * 3)


@pytest.mark.parametrize(("function", "taken"), [("where(2*sin(pi/6) == 1, x, 3*x)", "1.0"), ("where(sqrt(2)*sqrt(3) < sqrt(6), 3*x, x)", "1.0"), ("x*floor(2*sin(pi/6))", "1.0"), ("where(exp(log(3)) > 3, 3*x, x)", "1.0")])
def test_ties_between_constants_are_decided(function: str, taken: str) -> None:
    assert results(function, "{x: 0.5}")[0].exact == taken


# exp(x)/(exp(x) + exp(y)) is 1/2 at every tie, x/x is 1, and acos(sin(x)) = pi/2 - x on [-pi/2, pi/2]
@pytest.mark.parametrize(
    ("function", "point", "backward", "ulps"),
    [
        ("log(exp(x) + exp(y))", "{x: 1, y: 1}", "dx = 1*dout; dy = 0*dout", 0.5 / 2**-53),
        ("log(exp(x) + exp(y))", "{x: 0, y: 0}", "dx = 1*dout; dy = 0*dout", 0.5 / 2**-53),
        ("x**3/x**2 + 0*y", "{x: 0.3, y: 1}", "dx = 1.5*dout; dy = 0*dout", 0.5 / 2**-52),
        ("acos(sin(x)) + x/x + 0*y", "{x: 0.37038839626197617, y: 1}", "dx = -0.5*dout; dy = 0*dout", 0.5 / 2**-52),
    ],
)
def test_the_ulp_of_a_power_of_two_is_its_own(function: str, point: str, backward: str, ulps: float) -> None:
    (found, _) = results(function, point, more=f"implementations: {{mine: {{backward: '{backward}'}}}}\n")
    assert float(found.ulps) == pytest.approx(ulps, rel=1e-5)


def test_where_the_gradient_is_0_the_conditioning_may_explain_the_error() -> None:
    mine = "implementations: {mine: {backward: 'da = {}*dout', gradients: {a: da}}}\n"
    assert verdict("a*sin(2*pi*x)", "{a: 1, x: 1}", more=mine.replace("{}", "sin(2*pi*x)", 1)) is Verdict.ILL_CONDITIONED  # 2.4e-16 <= 8 * 2**-53 * 2 pi
    assert verdict("a*sin(2*pi*x)", "{a: 1, x: 1}", more=mine.replace("{}", "(sin(2*pi*x) + ((x/3 + 1e3) - 1e3 - x/3))", 1)) is Verdict.UNSTABLE


@pytest.mark.parametrize("point", [10, 20, 300, 700])
def test_beyond_every_ball_is_beyond_the_largest_float(point: int) -> None:
    assert verdict("exp(exp(exp(x)))", f"{{x: {point}}}") is Verdict.CORRECT
    assert verdict("exp(exp(exp(x)))", f"{{x: {point}}}", more="implementations: {mine: {backward: 'dx = 1e300*dout'}}\n") is Verdict.WRONG
    assert verdict("exp(exp(exp(x)))", f"{{x: {point}}}", more="implementations: {mine: {backward: 'dx = -exp(exp(exp(x)))*dout'}}\n") is Verdict.WRONG


# what mpmath says of the constants, to 100 digits
@pytest.mark.parametrize("name", ["float64", "float32", "float16"])
def test_a_constant_as_a_format_prints_it_is_right_and_with_two_digits_swapped_it_is_wrong(name: str) -> None:
    fmt = FORMATS[name]
    with mpmath.workdps(100):
        for constant, value in (("sqrt(2/pi)", mpmath.sqrt(2 / mpmath.pi)), ("log(10)", mpmath.log(10)), ("7/13", mpmath.mpf(7) / 13)):
            written = text(fmt, places.round_exact(fmt, Fraction(mpmath.nstr(value, 90))))
            assert not verdict(f"x*({constant})", "{x: 1}", more=f"formats: [{name}]\nimplementations: {{mine: {{backward: 'dx = {written}*dout'}}}}\n").fails
            bent = written[:3] + str((int(written[3]) + 5) % 10) + written[4:]
            assert verdict(f"x*({constant})", "{x: 1}", more=f"formats: [{name}]\nimplementations: {{mine: {{backward: 'dx = {bent}*dout'}}}}\n") is Verdict.WRONG


# 21 times the relative rounding error of the written sqrt(2), 6.8e-17, is more than an ulp; its last digit two off is 21 times 1.6e-15
@pytest.mark.parametrize(
    ("function", "backward", "is_wrong"),
    [
        ("abs(x)*sqrt(2)**21", "where(x > 0, 1, -1)*1.4142135623730951**21*dout", False),
        ("abs(x)*1.4142135623730951**21", "where(x > 0, 1, -1)*sqrt(2)**21*dout", False),
        ("abs(x)*sqrt(2)**21", "where(x > 0, 1, -1)*1.4142135623730973**21*dout", True),
        ("abs(x)*1.4142135623730929**21", "where(x > 0, 1, -1)*sqrt(2)**21*dout", True),
        ("abs(x)*2**10.5", "where(x > 0, 1, -1)*(2**10.5 + 1e-9)*dout", True),
    ],
)
def test_a_constant_as_it_is_printed_is_right_at_a_kink_as_it_is_beside_it(function: str, backward: str, is_wrong: bool) -> None:
    for point in ("{x: 0}", "{x: 1}"):
        assert (verdict(function, point, more=f"implementations: {{mine: {{backward: 'dx = {backward}'}}}}\n") is Verdict.WRONG) is is_wrong


def test_the_law_of_places_would_see_another_answer() -> None:
    for text_ in (
        "about: undefined\nfunction: x + 0*log(x)\npoints: [{x: 2}]\n",
        "about: jump\nfunction: where(x > 0, x, x)\npoints: [{x: 0}]\n",
        "about: power:1\nfunction: log(exp(x) + exp(y))\npoints: [{x: 1, y: 1}]\nimplementations: {mine: {backward: 'dx = 1.5*dout; dy = 0*dout'}}\n",
    ):
        with pytest.raises(Broken):
            places.places_are_judged_rightly(text_)


