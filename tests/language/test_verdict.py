"""Each verdict of the table, at a point where theory says that it must occur, with a twin where it must not."""

from __future__ import annotations

import math

import mpmath
import pytest

from tests.texts import check, judge
from verifier.case.case import VERDICTS
from verifier.language.formats import FORMATS
from verifier.language.verdict import ROWS, Verdict

# verdict, then function, point, backward pass, and why
TABLE = (
    # sigma'(1) = 0.196611933241481852537...: cs231n's fused form gives the nearest double
    ("correct", "sigmoid(x)", "1", "(1 - out) * out * dout"),
    ("correct", "x**2", "0.1", "2 * x"),
    # staged, by way of exp: +0.945 ulp (design, section 5)
    ("rounding", "sigmoid(x)", "1", "e = exp(-x)\np = 1 + e\nf = 1 / p\ndx = e * (f * f)"),
    # 1 - f has absolute error 2^-54 where it is about e^-30 = 9.4e-14: half the digits; kappa is |x sigma''/sigma'| < 31
    ("unstable", "sigmoid(x)", "30", "(1 - out) * out * dout"),
    ("correct", "sigmoid(x)", "-30", "(1 - out) * out * dout"),
    # t/(t+1) as t * r: two contributions of about 1/t cancel to 1/t^2
    ("rounding", "x / (x + 1)", "999", None),
    # cos(x*x) has condition 2 x^2 tan(x^2): the rounding of x*x alone, half an ulp of 1.5e13, is 1e-3
    ("ill_conditioned", "sin(x * x)", "3906250.1", None),
    # tanh(20) rounds to 1: 1 - 1 = 0, and the true derivative is 1.7e-17
    ("vanished", "tanh(x)", "20", "(1 - out**2) * dout"),
    ("correct", "tanh(x)", "20", "(1 / cosh(x))**2"),
    # inf / inf from log(2^1024) = 709.78 on; before it the same formula is fine
    ("nonfinite", "log(1 + exp(x))", "710", "exp(x) / (1 + exp(x))"),
    ("correct", "log(1 + exp(x))", "709", "exp(x) / (1 + exp(x))"),
    # an infinity where the gradient, 1e600, rounds to infinity is right; a number there is not
    ("correct", "x**3 * 1e300", "1e150", "3 * x**2 * 1e300"),
    # x * 1.764 * 1.255 lies above the overflow threshold 2^1024 (1 - 2^-54), its product in floats is the largest double
    ("nonfinite", "1.764 * 1.255 / 2 * x**2", "0x1.ce8c8489ec3eap+1022", "(1.764 * 1.255) * x"),
    ("wrong", "sin(x)", "1", "sin(x)"),
    ("wrong", "sin(x)", "1", "cos(x) * (1 + 1e-15)"),
    # never an absolute floor: a wrong sign of 1e-20
    ("wrong", "1e-20 * x", "1", "-1e-20"),
    # 0/0 where the derivative exists
    ("wrong", "where(x == 0, 1, sin(x) / x)", "0", "(cos(x) - out) / x"),
    ("correct", "where(x == 0, 1, sin(x) / x)", "0", "where(x == 0, 0, (cos(x) - out) / x)"),
    ("subgradient", "abs(x)", "0", "0.3 * dout"),
    ("subgradient", "max(x, 0)", "0", "0 * dout"),
    ("wrong", "abs(x)", "0", "1.5 * dout"),
    ("wrong", "max(x, 0)", "0", "-1e-30 * dout"),
    ("undefined", "1 / x", "0", None),
    ("undefined", "log(x)", "-1", "1 / x"),
    ("undefined", "where(x > 0, 1, 0) + x", "0", "dout"),
    # the square root's derivative at 0 is +inf
    ("correct", "sqrt(x)", "0", "0.5 / out"),
    ("wrong", "sqrt(x)", "0", "0 * out"),
    ("wrong", "cbrt(x)", "0", "-1 / (3 * out * out)"),
    # softplus written with kinks is smooth: 1/2 at 0, and what an autodiff of the formula returns there is 0 or 1
    ("correct", "max(x, 0) + log1p(exp(-abs(x)))", "0", "1 / (1 + exp(-x))"),
    ("wrong", "max(x, 0) + log1p(exp(-abs(x)))", "0", "where(x > 0, 1, 0) - sign(x) * exp(-abs(x)) / (1 + exp(-abs(x)))"),
)


@pytest.mark.parametrize(("verdict", "function", "x", "dx"), TABLE)
def test_a_verdict_occurs_where_theory_says(verdict: str, function: str, x: str, dx: str | None) -> None:
    assert judge(function, x, dx).verdict.value == verdict


def test_undecided_is_said_of_a_tie_between_transcendental_numbers() -> None:
    # sin^2 + cos^2 >= 1 is an equality; no precision tells it, and no rule of the engine knows the identity
    result = judge("where(sin(x)**2 + cos(x)**2 >= 1, x, 2 * x)", "1", "dout")
    assert result.verdict is Verdict.UNDECIDED
    assert "the exact gradient is not known" in result.reason


def test_every_verdict_of_the_design_is_in_the_table_of_tests() -> None:
    assert {row[0] for row in TABLE} | {"undecided"} == set(VERDICTS) == {v.value for v in Verdict}


def test_every_verdict_has_a_row_with_its_meaning_and_one_side_of_the_gate() -> None:
    assert set(ROWS) == set(Verdict)
    assert sorted(v.rank for v in Verdict) == list(range(len(Verdict))), "no two are equally bad"
    for verdict in Verdict:
        assert verdict.meaning
        assert bool(verdict.code) == bool(verdict.clause) == (not verdict.passes), "what does not pass has a finding and a clause"
        assert verdict.passes + verdict.warns + verdict.fails == (0 if verdict is Verdict.UNDEFINED else 1)


# ---------------------------------------------------------------- the border between rounding and more


@pytest.mark.parametrize(("k", "verdict"), [(0, Verdict.ROUNDING), (16, Verdict.ROUNDING), (19, Verdict.UNSTABLE), (30, Verdict.UNSTABLE)])
def test_a_third_of_the_digits_is_the_border_of_rounding(k: int, verdict: Verdict) -> None:
    # 1/3 + 2^k is rounded to a multiple of 2^(k-52); the double 1/3 lies 1/3 of that from one: 2^(k+2) / 3 of its ulps 2^-54
    result = judge("x**2 / 2", "0.3333333333333333148296162562473909929395", f"(x + {2**k}) - {2**k}")
    assert result.verdict is verdict
    assert result.ulps is not None
    assert float(result.ulps) == pytest.approx(2 ** (k + 2) / 3, rel=1e-5, abs=0.4)


def test_the_borders_are_those_of_the_design() -> None:
    expected = {"float64": 208064, "float32": 256, "float16": 13, "bfloat16": 6}
    assert {name: round(FORMATS[name].rounding_limit) for name in expected} == expected


def test_correct_means_equal_to_the_rounded_gradient_not_near_it() -> None:
    assert judge("x / 10", "1", "0.1 * dout").verdict is Verdict.CORRECT
    # ulp(0.1) = 2^-56. Over the reals a quarter of it too much, and rounded away; then two of them
    assert judge("x / 10", "1", "0.1 * dout + 2**-58").verdict is Verdict.CORRECT
    assert judge("x / 10", "1", "0.1 * dout + 2**-55").verdict is Verdict.WRONG
    # right over the reals, one ulp off in floats, by an error of 0.6 ulp: 0.1 is the double above 1/10, 0.4 ulp off
    below = judge("x / 10", "1", "(0.1 * dout - 2**-57) + 2**-57 - 2**-110 + 2**-110")
    assert below.verdict in (Verdict.CORRECT, Verdict.ROUNDING)
    assert (below.verdict is Verdict.CORRECT) == (below.computed == below.rounded)


# ---------------------------------------------------------------- formulas that are approximate on purpose


def test_a_formula_that_is_right_within_an_ulp_is_approximate_and_no_fault() -> None:
    # sin'(x) = 1 - x^2/2 + x^4/24 - ..., at 1e-3 the first two terms are off by x^4/24 = 4e-14 = 375 ulp(2^-53), at 1e-5 by 4e-22
    good = judge("sin(x)", "1e-5", "1 - x**2 / 2")
    assert good.verdict is Verdict.CORRECT
    assert 0 < float(good.formula_error_ulps) < 1  # type: ignore[arg-type]
    assert float(good.formula_error_ulps) == pytest.approx(1e-20 / 24 / 2**-53, rel=1e-4)  # type: ignore[arg-type]
    bad = judge("sin(x)", "1e-3", "1 - x**2 / 2")
    assert bad.verdict is Verdict.WRONG
    assert float(bad.formula_error_ulps) == pytest.approx(1e-12 / 24 / 2**-53, rel=1e-4)  # type: ignore[arg-type]


def test_what_is_wrong_in_float64_may_be_approximate_in_float32() -> None:
    assert judge("sin(x)", "1e-3", "1 - x**2 / 2").verdict is Verdict.WRONG
    assert judge("sin(x)", "1e-3", "1 - x**2 / 2", form="float32").verdict.passes


@pytest.mark.parametrize(
    ("constant", "function", "verdict"),
    [  # design, section 3: a literal with as many digits as the format holds was rounded when it was written
        ("0.7978845608028654", "sqrt(2 / pi) * x", "pass"), ("0.797884560802865", "sqrt(2 / pi) * x", "pass"), ("0.7978845608028653559", "sqrt(2 / pi) * x", "pass"),
        ("0.7978845608028645", "sqrt(2 / pi) * x", "wrong"), ("0.7978", "sqrt(2 / pi) * x", "wrong"), ("0.79788456080286", "sqrt(2 / pi) * x", "wrong"),
        ("3.141592653589793", "pi * x", "pass"), ("3.1415926535897962", "pi * x", "wrong"), ("3.14159265358979", "pi * x", "pass"), ("3.1415926535898", "pi * x", "wrong"),
    ],
)  # fmt: skip
def test_a_rounded_constant_is_no_false_alarm_and_a_wrong_one_is_caught(constant: str, function: str, verdict: str) -> None:
    found = judge(function, "1", f"{constant} * dout").verdict
    assert ("pass" if found.passes else found.value) == verdict


def test_a_short_literal_is_exactly_that_decimal() -> None:
    assert judge("0.044715 * x", "1", "0.044715 * dout").formula_error_ulps == "0"
    assert judge("0.044715 * x", "1", "0.0447150000000001 * dout").verdict is Verdict.WRONG


# ---------------------------------------------------------------- exact zeros


def test_an_exact_zero_has_no_ulps_but_units_of_the_smallest_subnormal() -> None:
    assert judge("cos(x) * 0 + y", "1", "0 * dout", more=", y: 2").verdict is Verdict.CORRECT
    tiny = judge("y * y", "1", "4e-324 * dout", more=", y: 2")  # 0.81 * 2^-1074, which rounds to 2^-1074
    assert (tiny.verdict, tiny.computed, tiny.exact, tiny.ulps, tiny.subnormals) == (Verdict.ROUNDING, "5e-324", "0", None, "1.00000")
    wrong = judge("y * y", "1", "1e-320 * dout", more=", y: 2")
    assert (wrong.verdict, wrong.subnormals) == (Verdict.WRONG, "2024.00")  # 1e-320 rounds to 2024 times 2^-1074


def test_an_input_that_the_output_does_not_depend_on_has_gradient_zero() -> None:
    report = check("function: x * 2\npoints: [{x: 1, y: 5}]\n")
    assert [(r.gradient, r.computed, r.exact, r.verdict.value) for r in report.results] == [("dx", "2.0", "2.0", "correct"), ("dy", "0.0", "0", "correct")]


def test_a_cancellation_to_zero_is_rounding_or_wrong_never_a_division_by_zero() -> None:
    result = judge("(x - 1)**2", "1", "2 * x - 2")
    assert (result.verdict, result.computed, result.exact) == (Verdict.CORRECT, "0.0", "0")


# ---------------------------------------------------------------- figures


def test_the_ulps_of_the_reference_example_are_those_of_the_design() -> None:
    staged = judge("1 / (1 + exp(-x))", "1", "e = exp(-x)\np = 1 + e\nf = 1 / p\ndp = -1 * (f * f)\ndx = -1 * (e * dp)")
    assert staged.computed == "0.19661193324148188"
    assert staged.ulps is not None
    assert float(staged.ulps) == pytest.approx(0.945336, abs=1e-6)
    fused = judge("1 / (1 + exp(-x))", "1", "(1 - out) * out * dout")
    assert fused.computed == "0.19661193324148185"
    assert fused.ulps is not None
    assert float(fused.ulps) == pytest.approx(0.0547, abs=1e-4)
    context = mpmath.MPContext()
    context.dps = 40
    assert fused.exact == context.nstr(context.e / (1 + context.e) ** 2, 30)


def test_the_condition_number_is_that_of_calculus() -> None:
    # kappa = 1 + |x f''/f'|: for x^3 1 + 2 = 3, for exp(x) 1 + |x|
    for function, x, kappa in (("x**3", "5", 3.0), ("exp(x)", "2.5", 3.5), ("x**2", "7", 2.0), ("sin(x)", "1", 1 + math.tan(1))):
        found = judge(function, x).condition
        assert found is not None
        assert float(found) == pytest.approx(kappa, rel=1e-5)
