"""Condition numbers against their definitions, by hand and by mpmath."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb

from tests.texts import expression
from verifier import load_text
from verifier.arithmetic import balls
from verifier.circuit.backprop import with_backward
from verifier.circuit.program import Program
from verifier.compare import conditioning
from verifier.compare.check import Check, checks_of
from verifier.compare.compare import compare
from verifier.compare.conditioning import PointRuns
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep import classify, columns
from verifier.compare.sweep.sweep import worst_of
from verifier.compare.sweep.tally import Group
from verifier.exact.adjoints import Slopes
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

FLOAT64 = FORMATS["float64"]


def of(function: str, by_hand: str, point: dict[str, float], *, upstream: float = 1.0) -> Discrepancy:
    """The first input's gradient, computed by the expression."""
    inputs = tuple(point)
    program = expression(by_hand, *inputs)
    subject = Subject(Program(program.steps, program.inputs, {"dx": program.output}, program.output, program.lines), ((inputs[0], "dx"),))
    return compare(Check("it", truth_of(expression(function, *inputs)), subject, FLOAT64, upstream), [tuple(point.values())])[0][0]


# Of the steps that round: K = sum |d(dx)/d(step) * step| / |dx|, by hand.
PROGRAMS = (
    ("exp(3*x)", "3*exp(3*x)", 2.0, 8),  # 3x for the product inside, 1 for the exponential, 1 for the product
    ("exp(3*x)", "3*exp(3*x)", -9.0, 29),
    ("x*exp(-x)", "exp(-x)*(1 - x)", 7.0, 3),  # 1 each: exponential, difference, product; the sign is exact
    ("x + 1/x", "(x*x - 1)/(x*x)", 1.5, "2.8"),  # 1/(x**2 - 1) for the square, 1 for the difference, 1 for the quotient
    ("x**2", "(x + x)", 3.0, 1),
)


@pytest.mark.parametrize(("function", "by_hand", "x", "expected"), PROGRAMS, ids=[p[1] + f" at {p[2]}" for p in PROGRAMS])
def test_the_condition_of_a_program_is_the_sum_over_its_roundings(function: str, by_hand: str, x: float, expected: int | str) -> None:
    found = of(function, by_hand, {"x": x})
    assert found.program_condition.overlaps(arb(expected))
    assert float(found.program_condition.rad()) < 1e-20


@pytest.mark.parametrize("upstream", [1.0, -0.25, 512.0])
@pytest.mark.parametrize("x", [2.0, -9.0, 0.0])
def test_the_condition_of_the_problem_is_that_of_the_second_derivatives(x: float, upstream: float) -> None:
    """For f = exp(3x + y) the gradient is 3 f, its derivatives 9 f and 3 f: kappa = 1 + |3x| + |y|."""
    program = expression("exp(3*x + y)", "x", "y")
    subject = Subject(with_backward(program, (("x", "dx"),)), (("x", "dx"),))
    ((found,),) = compare(Check("it", truth_of(program), subject, FLOAT64, upstream), [(x, 0.5)])
    assert found.condition.overlaps(arb(1 + 3 * abs(x)) + arb("0.5"))
    assert float(found.condition.rad()) < 1e-20


MANY = "sum((x - 3)**4) + prod(sin(x)) + max(x) * exp(x[0]) + where(x[1] > 0, x[1]**3, 0)"


def test_second_derivatives_at_a_point_are_those_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a function with many inputs they are found without a program for each; the oracle is mpmath's difference quotient of the gradient."""
    (case,) = load_text(f"function: {MANY}\npoints: [{{x: [0.5, -1.25, 2, 0.75]}}]\n").cases
    truth = truth_of(case.programs.truth)
    point = (0.5, -1.25, 2.0, 0.75)
    ((_, (check,)),) = checks_of(case, truth)
    found = {}
    for steps in (0, 10**9):
        monkeypatch.setattr(conditioning, "MANY_STEPS", steps)
        found[steps] = [conditioning.second_derivatives(check, i, PointRuns(check, point), 192) for i in range(4)]

    def f(*x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.fsum((v - 3) ** 4 for v in x) + mpmath.fprod(mpmath.sin(v) for v in x) + max(x) * mpmath.exp(x[0]) + (x[1] ** 3 if x[1] > 0 else 0)

    with mpmath.workdps(60):
        for i, j in itertools.product(range(4), repeat=2):
            orders = tuple((k == i) + (k == j) for k in range(4))
            expected = arb(mpmath.nstr(mpmath.diff(f, point, orders), 12))
            for row in found.values():
                assert abs(row[i].get(j, arb(0)) - expected) < 1e-8, (i, j)
            assert found[0][i].get(j, arb(0)).overlaps(found[10**9][i].get(j, arb(0)))


def test_a_parameter_has_no_second_derivative_and_0_times_what_has_no_value_is_not_known() -> None:
    program = expression("x*y + z*y", "x", "y", "z")
    slopes = Slopes(program, balls.at(program, (2.0, 3.0, 0.0), strict=False), {0, 2}, strict=False)
    assert {j: v for j, v in slopes.adjoints(program.output).items() if j < 3} == {0: arb(3), 2: arb(3)}
    root = expression("sqrt(x) * 0 + y", "x", "y")
    assert not Slopes(root, balls.at(root, (0.0, 1.0), strict=False), {0, 1}, strict=False).adjoints(root.output)[0].is_finite()


@pytest.mark.parametrize(("x", "y", "nearest"), [(2.0, 0.5, "x"), (0.125, 32.0, "y")])
def test_the_backward_error_is_the_residual_over_the_largest_effect_of_an_ulp(x: float, y: float, nearest: str) -> None:
    """For f = exp(3x + y): an ulp of x moves the gradient by 9 f ulp(x), one of y by 3 f ulp(y) (mpmath at 60 digits)."""
    found = of("exp(3*x + y)", "3*exp(3*x + y) + 1e-9", {"x": x, "y": y})
    m = mpmath.MPContext()
    m.dps = 60
    f = m.exp(3 * m.mpf(x) + y)
    residual = abs(m.mpf(found.computed) - 3 * f)
    reach = max(9 * f * m.mpf(2) ** (m.floor(m.log(x, 2)) - 52), 3 * f * m.mpf(2) ** (m.floor(m.log(y, 2)) - 52))
    with balls.precision(150):
        assert abs(found.backward_error - arb(m.nstr(residual / reach, 40))) < arb("1e-25") * (1 + found.backward_error)
    assert found.backward_input == nearest


@pytest.mark.parametrize("method", ["any", "balls", "points"])
def test_an_input_that_is_zero_explains_no_error(method: str) -> None:
    """For f = 0.0007 exp(x) at x = 0, kappa = 1 + |0 * f''| / |f'| = 1, whatever f'' is; 1 + 0.0007 keeps one digit of it in float16."""
    program = expression("(1 + 0.0007*exp(x)) - 1", "x")
    subject = Subject(Program(program.steps, program.inputs, {"dx": program.output}, program.output, program.lines), (("x", "dx"),))
    check = Check("it", truth_of(expression("0.0007*exp(x)", "x")), subject, FORMATS["float16"])
    (found,) = columns.judge_columns(check, [np.array([0.0])], method=method)
    assert classify.VERDICTS[int(found.verdict[0])] is Verdict.UNSTABLE


def test_the_worst_point_of_a_group_is_found_among_those_whose_rounded_errors_are_equal() -> None:
    """The errors of 3*x*x for (x**3)' at 1/3 and 1/5, by rationals; whichever is larger is the worst, in any order."""
    program = expression("3*x*x", "x")
    subject = Subject(Program(program.steps, program.inputs, {"dx": program.output}, program.output, program.lines), (("x", "dx"),))
    check = Check("it", truth_of(expression("x**3", "x")), subject, FLOAT64)
    points = [(1 / 3,), (1 / 5,), (0.7,)]

    def error(x: float) -> Fraction:
        exact = 3 * Fraction(x) ** 2
        return abs(Fraction(3 * x * x) - exact) / Fraction(math.ulp(float(exact)))

    worst = max(points, key=lambda p: error(*p))
    assert len({error(*p) for p in points}) == 3
    for order in itertools.permutations(points):
        group = Group(Verdict.ROUNDING, False, 3, order, 1.0, 3, order)
        assert worst_of(check, [(0, group)]) == [worst]


@pytest.mark.parametrize("factor", [7.0, 9.0])
@pytest.mark.parametrize("bits", [8, 16, 24, 192])
def test_whether_the_conditioning_explains_an_error_is_known_or_not_said(factor: float, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """x*x*x/3 at x = 3: g = 9, kappa = 1 + 3 * 6 / 9 = 3, so 8 kappa u |g| is 216 * 2^-11 in float16; an error of 27 u times `factor` is within it, or not."""
    from verifier.exact import one_sided

    monkeypatch.setattr(conditioning, "FEWEST_BITS", bits)
    monkeypatch.setattr(conditioning, "MOST_BITS", bits)
    program = expression("x*x*x/3", "x")
    check = Check("it", truth_of(program), Subject(with_backward(program, (("x", "dx"),)), (("x", "dx"),)), FORMATS["float16"])
    residual = arb(27 * factor) * arb(2) ** -11
    for radius in (0.0, 2.0**-3):
        with balls.precision(bits):
            found = conditioning.conditioned(check, Discrepancy("x", "dx", (3.0,), 9.0, Verdict.UNSTABLE, one_sided.Finite(arb(9, radius)), residual=residual, bits=bits), needed=False)
        if radius or bits < 20:
            assert found.is_explained in (None, factor < 8)
        else:
            assert found.is_explained is (factor < 8)
        assert (found.verdict is Verdict.ILL_CONDITIONED) is (found.is_explained is True)


def test_an_error_that_may_be_explained_or_not_is_not_said_to_be_unexplained() -> None:
    """The residual is 8 kappa u |g| as far as its ball tells."""
    from verifier.compare import conditioning
    from verifier.exact import one_sided

    program = expression("x*x*x/3", "x")
    check = Check("it", truth_of(program), Subject(with_backward(program, (("x", "dx"),)), (("x", "dx"),)), FORMATS["float16"])
    found = conditioning.conditioned(check, Discrepancy("x", "dx", (3.0,), 9.0, Verdict.UNSTABLE, one_sided.Finite(arb(9)), residual=arb(216, 1) * arb(2) ** -11, bits=192), needed=False)
    assert found.is_explained is None
    assert found.verdict is Verdict.UNSTABLE


@pytest.mark.parametrize("method", ["any", "balls", "points"])
def test_where_the_gradient_is_0_the_conditioning_explains_an_error_in_every_way(method: str) -> None:
    """For f = x (y - z) at y = z = 1 the gradient by x is 0, and 8 u (|y| + |z|) is 16 u; 0.1, subtracted and added again, leaves an error below u."""
    program = expression("((y - 0.1) - z) + 0.1 + 0*x", "x", "y", "z")
    subject = Subject(Program(program.steps, program.inputs, {"dx": program.output}, program.output, program.lines), (("x", "dx"),))
    check = Check("it", truth_of(expression("x*(y - z)", "x", "y", "z")), subject, FORMATS["float16"])
    (found,) = columns.judge_columns(check, [np.array([2.0]), np.array([1.0]), np.array([1.0])], method=method)
    assert classify.VERDICTS[int(found.verdict[0])] is Verdict.ILL_CONDITIONED


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("upstream", [1.0, -2.0])
def test_intervals_know_whether_the_conditioning_explains_an_error(sign: int, upstream: float) -> None:
    """f = x**3/3 + 0*y: g = x**2 and x f'' = 2 x**2, so the bound is 24 u x**2 times what flows in; at 3 in float16 216 * 2^-11."""
    from verifier.compare.sweep.intervals import _conditioned

    program = expression(f"{sign}*x*x*x/3 + 0*y", "x", "y")
    check = Check("it", truth_of(program), Subject(with_backward(program, (("x", "dx"),)), (("x", "dx"),)), FORMATS["float16"], upstream)
    g, bound = 9.0 * sign * upstream, 216 * 2.0**-11 * abs(upstream)
    rows = [  # ends of g, ends of the error
        ((g, g), (bound * 0.999, bound * 0.9999), Verdict.ILL_CONDITIONED), ((g, g), (bound * 1.0001, bound * 1.001), Verdict.UNSTABLE), ((g, g), (bound * 0.999, bound * 1.001), None), ((g, g), (bound, bound), None),
        (tuple(sorted((g, -g))), (bound * 0.1, bound * 0.1), None), (tuple(sorted((g, -g))), (bound * 9, bound * 9), None), (tuple(sorted((g / 2, g * 2))), (bound * 0.8, bound * 0.8), Verdict.ILL_CONDITIONED), (tuple(sorted((g / 2, g * 2))), (bound * 0.999, bound * 0.999), None),
        ((0.0, 0.0), (bound * 0.66, bound * 0.66), Verdict.ILL_CONDITIONED), ((0.0, 0.0), (bound * 0.67, bound * 0.67), Verdict.UNSTABLE),  # two thirds: |g| counts for one
    ]  # fmt: skip
    low, high, least, most = (np.array(c) for c in zip(*((*ends, *error) for ends, error, _ in rows), strict=True))
    with np.errstate(all="ignore"):
        found = _conditioned(check, 0, [np.full(len(rows), 3.0), np.zeros(len(rows))], low, high, least, most)
    for row, code in zip(rows, found.tolist(), strict=True):
        expected = row[2]
        if row[0][0] != row[0][1] and row[0][0] * row[0][1] > 0:
            assert code in (classify.OPEN, classify.CODE[Verdict.ILL_CONDITIONED]), row
        else:
            assert code == (classify.OPEN if expected is None else classify.CODE[expected]), row
