"""Computed against exact: certified, at the precision it takes, for many points and inputs at once."""

from __future__ import annotations

import math
import pickle
import random
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.texts import expression, judge, smooth_expressions
from verifier.arithmetic import balls, rounding
from verifier.case.load import case_of
from verifier.circuit.backprop import with_backward
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact import one_sided, sympy_gates
from verifier.exact.derivatives import primitive
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, round_exact
from verifier.language.verdict import Verdict
from verifier.numpy import check
from verifier.verify import verify

FLOAT64 = FORMATS["float64"]
SECOND = "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"
CLAIMS = (("x", "dx"), ("y", "dy"))


def compared(text: str, points: list[tuple[float, ...]], *, form: str = "float64", upstream: float = 1.0, detail: bool = True) -> list:
    program = expression(text, "x", "y")
    return compare(Check("it", truth_of(program), Subject(with_backward(program, CLAIMS), CLAIMS), FORMATS[form], upstream), points, detail=detail)


def second_by_mpmath(x: float, y: float) -> tuple[Fraction, Fraction]:
    """The gradient of the second network at 200 digits, by the formula that the course notes derive by hand."""
    c = mpmath.MPContext()
    c.dps = 200

    def sigma(t: object) -> object:
        return 1 / (1 + c.exp(-t))

    x, y = c.mpf(x), c.mpf(y)
    num, den = x + sigma(y), sigma(x) + (x + y) ** 2
    dx = (den - num * (sigma(x) * (1 - sigma(x)) + 2 * (x + y))) / den**2
    dy = (sigma(y) * (1 - sigma(y)) * den - num * 2 * (x + y)) / den**2
    return Fraction(c.nstr(dx, 150)), Fraction(c.nstr(dy, 150))


def test_the_second_network_is_correctly_rounded_at_every_point() -> None:
    source = random.Random(231)
    points = [(source.uniform(-10, 10), source.uniform(-10, 10)) for _ in range(200)]
    for point, row in zip(points, compared(SECOND, points), strict=True):
        for found, expected in zip(row, second_by_mpmath(*point), strict=True):
            assert found.rounded == round_exact(FLOAT64, expected)
            assert found.verdict is (Verdict.CORRECT if found.computed == found.rounded else Verdict.ROUNDING)
            ulp = Fraction(math.ulp(abs(found.rounded)))
            with balls.precision(400):
                assert float(found.ulps) == pytest.approx(float(abs(Fraction(found.computed) - expected) / ulp), rel=1e-9)


@given(smooth_expressions(leaves=5), st.sampled_from((0.5, -1.25, 2.0, 1e-7)), st.sampled_from((0.75, -0.375, 1.5)))
@settings(max_examples=40)
def test_what_is_generated_from_the_function_is_never_wrong(text: str, x: float, y: float) -> None:
    for form in ("float64", "float32", "bfloat16"):
        rounded = tuple(round_exact(FORMATS[form], Fraction(v)) for v in (x, y))
        for found in compared(text, [rounded], form=form)[0]:
            assert found.verdict not in (Verdict.WRONG, Verdict.UNDECIDED), found


@given(st.sampled_from(("x * exp(y)", "sin(x) * y**2", "sigmoid(x * y) + x", "log1p(x**2) / (1 + y**2)")), st.sampled_from((1.5, -0.25)), st.sampled_from((0.75, 3.0)), st.integers(-49, 40), st.booleans())
def test_a_bent_partial_is_wrong_however_little_it_is_bent(text: str, x: float, y: float, power: int, down: bool) -> None:
    """A factor 1 ± 2^k with k >= -49 moves the gradient by at least 4 ulp: certified, at every size, in both directions."""
    program = expression(text, "x", "y")
    bent = expression(f"diff({text}, x) * (1 {'-' if down else '+'} 2**{power})", "x", "y")
    from verifier.circuit.backprop import differentiated

    program_bent = differentiated(bent)
    names = {**program_bent.names, "dx": program_bent.output}
    subject = Subject(type(program_bent)(program_bent.steps, program_bent.inputs, names, program_bent.output, program_bent.lines), (("x", "dx"),))
    found = compare(Check("it", truth_of(program), subject, FLOAT64), [(x, y)])[0][0]
    assert found.verdict is Verdict.WRONG
    honest = compare(Check("it", truth_of(program), Subject(with_backward(program, CLAIMS), CLAIMS), FLOAT64), [(x, y)])[0][0]
    assert honest.verdict.passes


def test_the_residual_is_computed_minus_exact_with_its_sign() -> None:
    for found in compared(SECOND, [(3.0, -4.0)])[0]:
        with balls.precision(300):
            assert (found.residual + found.exact.ball).overlaps(arb(found.computed))
        assert (found.residual > 0) == (Fraction(found.computed) > second_by_mpmath(3.0, -4.0)[found.name == "dy"])


@pytest.mark.parametrize("upstream", [2.0, -0.5, 1e-300, 0.0])
def test_an_upstream_gradient_scales_the_exact_gradient(upstream: float) -> None:
    plain, scaled = compared(SECOND, [(3.0, -4.0)])[0], compared(SECOND, [(3.0, -4.0)], upstream=upstream)[0]
    for a, b in zip(plain, scaled, strict=True):
        with balls.precision(300):
            assert b.exact.ball.overlaps(a.exact.ball * arb(upstream))
        assert b.verdict.passes


def test_a_kink_with_a_negative_upstream_turns_its_bounds_round() -> None:
    (found, _) = compared("max(x, y)", [(1.0, 1.0)], upstream=-2.0)[0]
    assert isinstance(found.exact, one_sided.Kink)
    assert (float(found.exact.low), float(found.exact.high)) == (-2.0, 0.0)


def test_precision_grows_until_cancellation_is_resolved() -> None:
    # (x + 1e200) - 1e200 - x over the reals is 0: 665 bits cancel; SymPy's derivative is 1 everywhere
    found = judge("(x**3 + 1e200) - 1e200", "1e-50", "3 * x**2 * dout")
    assert found.verdict.passes
    assert found.exact is not None
    assert found.exact.startswith("3.000000000000000")


def test_a_forward_pass_that_overflows_is_no_obstacle_over_the_reals() -> None:
    found = judge("log(exp(x) + 1)", "1e5", "1 / (1 + exp(-x))")
    assert (found.verdict, found.exact, found.rounded) == (Verdict.CORRECT, "1.00000000000000000000000000000", "1.0") or found.verdict is Verdict.CORRECT


def test_the_gradients_of_a_thousand_inputs_are_compared() -> None:
    names = [f"x{i}" for i in range(1000)]
    program = expression(" + ".join(f"x{i} * x{(i + 1) % 1000}" for i in range(1000)), *names)
    claims = tuple((n, f"d{n}") for n in names)
    point = tuple(0.5 + i for i in range(1000))
    (row,) = compare(Check("it", truth_of(program), Subject(with_backward(program, claims), claims), FLOAT64), [point])
    assert [d.computed for d in row] == [point[i - 1] + point[(i + 1) % 1000] for i in range(1000)]
    assert all(d.verdict is Verdict.CORRECT for d in row)


def test_a_sweep_gives_the_verdicts_of_the_listed_points() -> None:
    source = random.Random(1)
    points = [(source.uniform(-5, 5), source.uniform(-5, 5)) for _ in range(60)]
    listed, swept = compared(SECOND, points), compared(SECOND, points, detail=False)
    assert [[(d.verdict, d.rounded, d.computed) for d in row] for row in listed] == [[(d.verdict, d.rounded, d.computed) for d in row] for row in swept]


def test_digits_of_the_exact_value_are_those_of_sympy() -> None:
    import sympy

    program = primitive(expression(SECOND, "x", "y"))
    x, y = sympy.symbols("x y", real=True)
    whole = sympy_gates.run(program, [x, y])[program.output]
    for found, symbol in zip(compared(SECOND, [(3.0, -4.0)])[0], (x, y), strict=True):
        with balls.precision(found.bits):
            printed = rounding.digits(found.exact.ball, 30)
        assert printed is not None
        digits = Decimal(printed).as_tuple()
        assert len(digits.digits) == 30
        expected = Decimal(str(sympy.N(sympy.diff(whole, symbol).subs({x: 3, y: -4}), 60)))
        assert abs(Decimal(printed) - expected) <= Decimal((0, (5,), int(digits.exponent) - 1)), "half a unit of the last digit"


# Zero by an identity: everywhere (Pythagoras, addition theorems), or at one point (by calculus: the minimum of exp(x) - e*x is at 1,
# that of x**2/2 - sqrt(2)*x at no float, sin(pi*x) has its extremum at 1/2).
ZEROS = (
    ("sin(x)**2 + cos(x)**2", 0.75), ("sin(x)**2 + cos(x)**2", 1e-200), ("cosh(x)**2 - sinh(x)**2", 1e-200), ("log(exp(x)) - x", -3.5),
    ("exp(x) - e*x", 1.0), ("sin(pi*x)", 0.5), ("x*log(x) - x*(1 + log(2))", 2.0),
)  # fmt: skip


@pytest.mark.parametrize(("text", "x"), ZEROS)
def test_a_gradient_that_is_zero_by_an_identity_is_exactly_zero(text: str, x: float) -> None:
    program = expression(text, "x")
    claims = (("x", "dx"),)
    zero = expression("0 * x", "x")
    for implementation in (with_backward(program, claims), type(zero)(zero.steps, zero.inputs, {"dx": zero.output}, zero.output, zero.lines)):
        ((found,),) = compare(Check("it", truth_of(program), Subject(implementation, claims), FLOAT64), [(x,)])
        assert found.exact.ball.is_zero()
        assert found.rounded == 0
        assert (found.verdict is Verdict.CORRECT) == (found.computed == 0)
        assert found.residual == found.computed
        assert found.condition is None, "the condition of a number that is 0 is not known"


@pytest.mark.parametrize(("text", "x"), [("exp(x) - 2.718281828459045*x", 1.0), ("sin(x)**2 + (1 + 1e-160)*cos(x)**2", 0.75), ("sin(3.1*x)", 0.5)])
def test_a_gradient_that_is_nearly_zero_is_not_zero(text: str, x: float) -> None:
    program = expression(text, "x")
    ((found,),) = compare(Check("it", truth_of(program), Subject(with_backward(program, (("x", "dx"),)), (("x", "dx"),)), FLOAT64), [(x,)])
    assert found.exact.ball != 0


def test_a_tie_of_other_inputs_is_no_kink_of_a_derivative() -> None:
    """max(x, y) + z**2 at x = y: the derivative by z is 2 z, that by x lies between 0 and 1. The kink of exp(-|x|) I0(x) at 0 is one of its derivative's formula alone."""
    text = "function: max(x, y) + z**2 + max(y, z)\npoints: [{x: 2, y: 2, z: 0.3}]\nimplementations: {mine: {}}\n"
    report = verify(case_of(text))
    assert {r.gradient: r.verdict.value for r in report.results} == {"dx": "subgradient", "dy": "subgradient", "dz": "correct"}
    report = verify(case_of("function: i0e(x) + max(y, z)\npoints: [{x: 0, y: 1, z: 1}]\nimplementations: {mine: {}}\n"))
    assert report.results[0].verdict.value == "subgradient"


def test_what_takes_more_bits_than_there_are_is_not_expanded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """At x = 1e70 the argument has 233 bits before the point: with fewer exp is hardly enclosed, its quotient not at all."""
    used: list[int] = []
    derivative = one_sided.CarefulRun.derivative

    def seen(run: one_sided.CarefulRun, position: int) -> one_sided.Derivative:
        used.append(run.bits)
        return derivative(run, position)

    monkeypatch.setattr(one_sided.CarefulRun, "derivative", seen)
    text = "1 / (1 + exp(-(x*y + 1)))"
    ((dx, dy),) = compared(text, [(-1e70, 0.3)])
    assert (dx.verdict, dx.rounded, dy.verdict, used) == (Verdict.NONFINITE, 0.0, Verdict.NONFINITE, [])  # inf/inf in floats, e**-3e69 over the reals
    assert dx.bits > 233
    ((at_kink, _),) = compared(f"abs(x) + {text}", [(0.0, 0.3)])  # the twin: where nothing needs more bits expansions tell
    assert used
    assert at_kink.verdict is Verdict.SUBGRADIENT


def test_a_tower_of_exponentials_is_not_waited_for() -> None:
    """exp(exp(1e4)) has more bits than any run: the cap is not climbed to for its sake."""
    ((dx, _),) = compared("exp(exp(x)) + 0*y", [(1e4, 1.0)], detail=False)
    assert dx.verdict in (Verdict.CORRECT, Verdict.NONFINITE)
    assert dx.bits <= 256


def test_a_limit_is_looked_for_once_whatever_is_compared_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slope of sin(x)/x at 0 is a limit: the second implementation is judged by the one that the first needed, and a truth that is sent to another process has none."""
    made: list[int] = []
    real = one_sided.CarefulRun.derivative
    monkeypatch.setattr(one_sided.CarefulRun, "derivative", lambda self, position: made.append(position) or real(self, position))
    truth = truth_of(expression("sin(x)/x", "x"))
    verdicts = []
    for text in ("x*x", "x*x/2"):
        check = Check("mine", truth, Subject(with_backward(expression(text, "x"), (("x", "dx"),)), (("x", "dx"),)), FLOAT64)
        verdicts.append(compare(check, [(0.0,)], detail=False)[0][0].verdict)
        assert len(made) == 1
    assert verdicts == [Verdict.CORRECT, Verdict.CORRECT]
    assert pickle.loads(pickle.dumps(truth)).limits == {}


@pytest.mark.parametrize(
    ("function", "slope", "verdict"),
    [
        ("x**1.5", "1.5*exp(log(x)/2)", "correct"),  # exp(-inf) is 0, the slope
        ("x**1.5", "1.5*x*exp(-log(x)/2)", "wrong"),  # 0 * inf is NaN
        ("x + x**1.5", "1 + 1.5*exp(log(x)/2)", "correct"),
        ("x + x**1.5", "1.5*exp(log(x)/2)", "wrong"),
        ("x + x**1.5", "1.000000000001 + 1.5*exp(log(x)/2)", "undecided"),  # so near that it may be rounding, and it is not
        ("x*x", "2*x + (log(x) - log(x))", "wrong"),
    ],
)
def test_floats_of_a_framework_that_are_right_by_way_of_an_infinity_are_right(function: str, slope: str, verdict: str) -> None:
    """Over the reals log(0) has no value; a float has one, and what is computed with it may be the gradient, to the last bit. As a formula of a case file it is wrong: it has no value where the gradient has one."""
    assert judge(function, "0", f"({slope})*dout").verdict == Verdict.WRONG
    names = {"exp": np.exp, "log": np.log}
    with np.errstate(all="ignore"):
        report = check(lambda x: eval(function, names, {"x": x}), np.float64(0.0), backward=lambda dout, x: eval(slope, names, {"x": x}) * dout, function=function)
    assert {r.verdict.value for r in report.results} == {verdict}
