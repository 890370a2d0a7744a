"""The inner step that spoils a value: what overflows, underflows, saturates or absorbs, however deep in a gate it stands."""

from __future__ import annotations

import math

import mpmath
import pytest
from flint import arb
from hypothesis import example, given

from tests.texts import check, expression, smooth_expressions
from verifier.arithmetic import balls, floats, reals
from verifier.blame.rounding import by_statement
from verifier.blame.rounding.origin import largest_inside, origin
from verifier.blame.rounding.region_cause import FloatsAndReals, _cancelled, _changed, _saturated, _tied, region_cause
from verifier.case.load import load_text
from verifier.circuit.backprop import with_backward
from verifier.circuit.program import Builder
from verifier.compare.check import checks_of
from verifier.compare.compare import compare
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS


def told(text: str) -> tuple[str, str, list[str]]:
    """Verdict, message and details of the only finding."""
    report = check(text)
    (finding,) = report.findings
    return report.results[0].verdict.value, finding.message, list(finding.details)


# function, x, format, and the step with which its gradient is lost: by IEEE 754, the largest and the smallest numbers of the formats, and exp(-t) < 2**-54 for t > 37.5
LOST = (
    ("sigmoid(x)", -11.5, "float16", "`exp(-x)` in `sigmoid(x)` overflows"),  # e^11.5 = 98716, and 65504 is the largest
    ("x * silu(x)", -12.0, "float16", "`exp(-x)` overflows, and `(1 + x / (1 + exp(x))) / (1 + exp(-x))` is 0"),
    ("sqrt(x * x + 1)", 1e200, "float64", "`x * x` overflows, and `0.5 / out` is 0"),
    ("exp(x) * 1e300", -800.0, "float64", "`exp(x)` underflows"),
    ("log(1 + exp(x))", 800.0, "float64", "`exp(x)` overflows"),
    ("exp(x) / (exp(x) + 1)", 1000.0, "float64", "`exp(x)` overflows"),
    ("exp(x**2) / exp(x**2 + 1)", 27.0, "float64", "`exp(t1)` overflows"),  # e^729; the other exponential comes after it
    ("x * exp(-x) / (1 + exp(-x))", -750.0, "float64", "`exp(t1)` overflows"),
    ("sin(x) / x", 1e-200, "float64", "`cos(x)` rounds to 1.0, and `dx += cos(x) * dt1` is 0"),  # -x/3 is left of cos(x)/x - sin(x)/x**2
    ("sigmoid(x)", 40.0, "float64", "`1 + exp(-x)` in `sigmoid(x)` absorbs `exp(-x)`, and `1 - out` is 0"),
    ("sigmoid(x * x + 30)", 3.0, "float64", "`1 + exp(-t2)` in `sigmoid(t2)` absorbs `exp(-t2)`, and `1 - out` is 0"),
    ("sqrt(x * x)", 1e-200, "float64", "`x * x` underflows, and `0.5 / out` divides by zero"),
    ("log(1 - exp(-x))", 1e-18, "float64", "`exp(t1)` rounds to 1.0, and `1 / t3` divides by zero"),
    ("exp(-x * x) + log(x * x)", 1e160, "float64", "`x * x` overflows, and `1 / t4` is 0"),  # exp(-inf) is 0, as it should be: no harm there
    ("atan(exp(x))", 400.0, "float64", "`(1 / hypot(1, t1))**2` underflows"),
    ("erfc(x) * exp(x * x)", 28.0, "float64", "`exp(t2)` overflows"),  # that erfc(28) underflows loses one term of the gradient, not all of it
    ("1 / (1 + exp(-x))", -720.0, "float64", "`exp(t1)` overflows"),
    ("abs(x - 0.1)", 0.1, "float64", "`0.1` is no number of float64, and `x - 0.1` is 0"),
)  # fmt: skip


@pytest.mark.parametrize(("function", "x", "form", "words"), LOST)
def test_a_finding_and_a_hunt_name_the_step_with_which_a_gradient_is_lost(function: str, x: float, form: str, words: str) -> None:
    text = f"function: {function}\npoints: [{{x: {x!r}}}]\nformats: [{form}]\n"
    verdict, message, details = told(text)
    assert verdict in ("vanished", "nonfinite")
    assert message.endswith(": " + words)
    assert f"first     {words}" in details
    (case,) = load_text(text, file="t.yaml").cases
    ((_, (question,)),) = checks_of(case, truth_of(case.programs.truth))
    ((found,),) = compare(question, [(x,)])
    assert region_cause(question, found, None) == words


@pytest.mark.parametrize(("function", "x"), [("sqrt(x * x + 1)", 1e200), ("exp(x) * 1e300", -800.0), ("log(1 + exp(x))", 800.0), ("tanh(x) * 1e300", 25.0)])
def test_before_the_step_the_value_can_be_saved_and_after_it_it_cannot(function: str, x: float) -> None:
    """The definition, step by step: floats up to a step, real numbers of 1,000 bits after it."""
    program = with_backward(expression(function, "x"), (("x", "dx"),))
    output = program.names["dx"]
    found = origin(program, output, (x,), FORMATS["float64"], upstream=1.0)
    if function.startswith("tanh"):  # its gradient by 1/cosh(x)**2 is right
        assert found is None
        return
    assert found is not None
    computed = [column[0] for column in floats.run(program, [[x]], fmt=FORMATS["float64"])]
    with balls.precision(1000):
        for last, holds in ((found.step - 1, True), (found.step, False)):
            known = {i: arb(computed[i]) for i in range(last + 1)}
            value = reals.at(program, (x,), replaced=known, otherwise={i: arb(v) for i, v in enumerate(computed)})[output]
            assert (value.is_finite() and arb(2) ** -1075 < abs(value) < arb(2) ** 1024) is holds


def test_a_step_that_does_not_read_the_lost_one_does_not_show_the_loss() -> None:
    """x * x is 1e-400, which is 0 in float64; exp(y), which overflows before the division, adds 1e-4343 to it, which is 0 as well."""
    program = expression("x / (x * x + 1 / exp(y))", "x", "y")
    assert str(origin(program, program.output, (1e-200, 1e4), FORMATS["float64"], upstream=1.0)) == "`x * x` underflows, and `x / (x * x + 1 / exp(y))` divides by zero"


def test_what_is_0_in_the_format_itself_is_not_lost() -> None:
    """exp(-17) = 4.1e-8 is more than half of the smallest float16; exp(-18) is less, and rounds to 0 as it should."""
    program = expression("exp(x)", "x")
    assert origin(program, program.output, (-17.0,), FORMATS["float16"], upstream=1.0) is None
    assert origin(program, program.output, (-18.0,), FORMATS["float16"], upstream=1.0) is None
    lost = expression("exp(x) * 4", "x")
    assert str(origin(lost, lost.output, (-18.0,), FORMATS["float16"], upstream=1.0)) == "`exp(x)` underflows"


def test_a_formula_without_a_value_is_blamed_at_the_first_step_that_has_none() -> None:
    program = expression("2 * x * (x / x) + 1", "x")
    assert str(origin(program, program.output, (0.0,), FORMATS["float64"], upstream=1.0)) == "`x / x` divides by zero"
    program = expression("exp(log(x)) + 1 / x", "x")
    assert str(origin(program, program.output, (0.0,), FORMATS["float64"], upstream=1.0)) == "`log(x)` meets a pole"


def test_what_a_sum_absorbs_and_where_a_function_is_flat_is_said() -> None:
    _, _, details = told("function: tanh(x)\npoints: [{x: 20}]\nimplementations:\n  it:\n    backward: |\n      t = tanh(x)\n      dx = (1 - t * t) * dout\n")
    assert "first     `tanh(x)` rounds to 1.0, and `1 - t * t` is 0" in details
    _, _, details = told("function: sigmoid(x)\npoints: [{x: 40}]\n")
    assert "first     `1 + exp(-x)` in `sigmoid(x)` absorbs `exp(-x)`, and `1 - out` is 0" in details


def test_a_step_that_merely_rounds_has_no_such_line() -> None:
    _, _, details = told("function: sin(x + y)\npoints: [{x: 1e10, y: 3.3e-6}]\nimplementations:\n  it: {gradients: {x: dx}, backward: dx = cos(x + y) * dout}\n")
    assert any(d.startswith("worst     `dx = cos(x + y) * dout`") for d in details)
    assert not any(d.startswith("inside") for d in details)


def test_an_input_far_away_is_not_called_near() -> None:
    """The slope of sin(x)/x at 1e-8 is off by more than itself: no input nearby has it, whatever the first order says."""
    report = check("function: (1 - cos(x)) / x**2\npoints: [{x: 1e-5}]\n")
    (finding,) = report.findings
    assert float(report.results[0].backward_error_ulps) > 2.0**53
    assert not any(d.startswith("nearest") for d in finding.details)


@given(smooth_expressions(leaves=10))
@example("(-((x - (y - 2)) * 3)**3) / (x * (y / x)) - (-(x))")
@example("(x**3)**3 * (-(x**3)) - (x * y) * -y")
def test_a_step_is_written_so_that_it_reads_back_as_itself(text: str) -> None:
    program = expression(text, "x", "y")
    again = expression(by_statement.expression_text(program, program.output), "x", "y")
    assert tree(again, again.output) == tree(program, program.output)


@pytest.mark.parametrize("text", ["x - y - 1", "x - (y - 1)", "x / y / 2", "x / (y / 2)", "x * y / 2", "x * (y / 2)", "x**y**2", "(x**y)**2", "-x - -y", "-(x + y)", "(x + y) * 2", "x + y * 2", "x + (y + 1)", "-x**2", "(-x)**2", "2**(-x)"])
def test_a_step_has_parentheses_only_where_its_operands_bind_less(text: str) -> None:
    program = expression(text, "x", "y")
    assert by_statement.expression_text(program, program.output) == text


def test_a_step_that_many_others_share_is_written_in_bounded_length() -> None:
    """Every step is read twice by the next one: written out, the last one would have 2**80 names."""
    builder = Builder(("x",))
    last = 0
    for _ in range(80):
        last = builder.append("add", (last, last))
    text = by_statement.expression_text(builder.program(last), last)
    assert "..." in text
    assert len(text) < 1_000


def test_a_step_without_operands_is_written_as_it_stands() -> None:
    program = expression("x * 2.50 + pi", "x")
    assert [by_statement.step_text(program, i) for i, step in enumerate(program.steps) if not step.args] == ["x", "2.50", "pi"]


def tree(program: object, at: int) -> tuple[object, ...]:
    step = program.steps[at]  # type: ignore[attr-defined]
    if step.gate == "copy":
        return tree(program, step.args[0])
    return (step.gate, step.text, *(tree(program, a) for a in step.args))


# values in floats, and over the reals, of two sums: how many leading bits each loses, by log2 of the quotient
@pytest.mark.parametrize(
    ("first", "second", "exact", "words"),
    [
        ((1.0, -0.5, 0.5), (2.0, 1.0, 3.0), (0.5, 3.0), ""),
        ((1.0, -0.9375, 0.0625), (2.0, 1.0, 3.0), (0.0625, 3.0), ""),  # 4 bits: not more than four
        ((1.0, -(1 - 2.0**-9), 2.0**-9), (2.0, 1.0, 3.0), (2.0**-9, 3.0), "`a + b` cancels 9 leading bits"),
        ((1.0, -(1 - 2.0**-9), 2.0**-9), (8.0, -8.0 + 2.0**-20, 2.0**-20), (2.0**-9, 2.0**-20), "`c + d` cancels 23 leading bits"),
        ((1.0, -1.0, 0.0), (2.0, 1.0, 3.0), (2.0**-60, 3.0), "`a + b` cancels all leading bits"),
        ((1.0, -1.0, 0.0), (2.0, 1.0, 3.0), (0.0, 3.0), ""),  # it is 0: nothing is lost
        ((1.0, -(1 - 2.0**-9), 2.0**-9), (2.0, 1.0, 3.0), (2.0**-9 + 2.0**-40, 3.0), "`a + b` cancels 9 leading bits"),
    ],
)  # fmt: skip
def test_the_sum_that_loses_the_most_leading_bits_is_named(first: tuple[float, ...], second: tuple[float, ...], exact: tuple[float, ...], words: str) -> None:
    program = expression("(a + b)*(c + d)", "a", "b", "c", "d")
    sums = [i for i, s in enumerate(program.steps) if s.gate == "add"]
    values: list[float] = [first[0], first[1], second[0], second[1], *[1.0] * (len(program.steps) - 4)]
    reals: list[object] = [arb(v) for v in values]
    for at, floating, real in zip(sums, (first[2], second[2]), exact, strict=True):
        values[at], reals[at] = floating, arb(real)
    run = FloatsAndReals(program, values, reals, 2.0**-1022)
    assert _cancelled(run, program.output) == words


# ---------------------------------------------------------------- what stands out at a point of a region


def run_of(text: str, x: float, y: float) -> FloatsAndReals:
    """Floats, and balls of 300 bits."""
    program = expression(text, "x", "y")
    values = [column[0] for column in floats.run(program, [[x], [y]], fmt=FORMATS["float64"])]
    with balls.precision(300):
        found = reals.at(program, (x, y))
    return FloatsAndReals(program, values, [found[i] for i in range(len(values))], 2.0**-1022)


@pytest.mark.parametrize(
    ("text", "here", "beside", "words"),
    [
        ("max(x, y) * 2", (1, 2), (1, 3), ""), ("max(x, y) * 2", (2, 1), (3, 1), ""), ("max(x, y) * 2", (1, 2), (3, 1), "`max(x, y)` takes its other operand here"), ("max(x, y) * 2", (2, 1), (1, 3), "`max(x, y)` takes its other operand here"), ("max(x, y) * 2", (1, 1), (2, 1), "`max(x, y)` takes its other operand here"),
        ("min(x, y) * 2", (1, 2), (3, 1), "`min(x, y)` takes its other operand here"), ("min(x, y) * 2", (1, 2), (1, 3), ""), ("where(x > y, x, 3*y)", (2, 1), (1, 2), "`x > y` is true here"), ("where(x > y, x, 3*y)", (1, 2), (2, 1), "`x > y` is false here"), ("where(x > y, x, 3*y)", (1, 2), (0, 2), ""),
        ("where(x > 0, x, max(x, y))", (1, 2), (3, 2), ""), ("where(x > 0, x, max(x, y))", (-1, -2), (-2, -1), "`max(x, y)` takes its other operand here"), ("x * y", (1, 2), (2, 1), ""),
    ],
)  # fmt: skip
def test_a_choice_that_comes_out_differently_beside_a_point_is_named(text: str, here: tuple[float, float], beside: tuple[float, float], words: str) -> None:
    run = run_of(text, *here)
    assert _changed(run, run_of(text, *beside), run.program.output) == words


@pytest.mark.parametrize(
    ("text", "point", "words"),
    [
        ("max(x, y) * 2", (1, 1), "`max(x, y)` ties"), ("max(x, y) * 2", (1, 2), ""), ("abs(x - y)", (1, 1), "`abs(x - y)` ties"), ("abs(x - y)", (1, 2), ""), ("where(x > y, x, 3*y)", (2, 2), "`x > y` ties"), ("where(x > y, x, 3*y)", (2, 1), ""), ("floor(x) * y", (3, 1), "`floor(x)` ties"), ("floor(x) * y", (3.5, 1), ""),
        ("where(x > 0, x, abs(y))", (1, 0), ""), ("where(x > 0, x, abs(y))", (-1, 0), "`abs(y)` ties"), ("where(x > 0, abs(y), x)", (-1, 0), ""), ("where((x > 0) & (y > 0), x, y)", (0, 1), "`x > 0` ties"),
    ],
)  # fmt: skip
def test_the_border_of_a_choice_is_named(text: str, point: tuple[float, float], words: str) -> None:
    run = run_of(text, *point)
    assert _tied(run, run.program.output) == words


@pytest.mark.parametrize(("text", "point", "words"), [("tanh(x) * y", (25, 3), "`tanh(x)` saturates at 1"), ("tanh(x) * y", (-25, 3), "`tanh(x)` saturates at -1"), ("tanh(x) * y", (3, 3), ""), ("(x / y) * 2", (1, 1), ""), ("cos(x) * y", (0, 2), ""), ("cos(x) * y", (1e-9, 2), "`cos(x)` saturates at 1"), ("where(x > 0, y, tanh(x))", (30, 2), ""), ("1 + x**2 / y", (1e-9, 1), "")])
def test_a_function_that_is_1_before_its_real_value_is_saturates(text: str, point: tuple[float, float], words: str) -> None:
    """1 - tanh(25) = 4e-22, 1 - cos(1e-9) = 5e-19: less than half an ulp; what is rational is no such function."""
    run = run_of(text, *point)
    assert _saturated(run, run.program.output) == words


@pytest.mark.parametrize(
    ("text", "point", "words"),
    [
        ("x * y", (2.0**-1000, 2.0**-30), "`x * y` is subnormal"), ("x * y", (2.0**-1000, 2.0**-22), ""), ("x * y", (0, 3), ""), ("x - y", (1.0, 1.0 - 2.0**-4), ""), ("x - y", (1.0, 1.0 - 2.0**-5), "`x - y` cancels 5 leading bits"), ("(x - y) * 2", (3.0, 3.0), ""), ("(x + 1) - x * y", (2.0**60, 1.0), "`(x + 1) - x * y` cancels all leading bits"),
        ("where(x > 0, y, x - y)", (1.0, 1.0), ""), ("x + y", (1e308, 1e308), ""),
    ],
)  # fmt: skip
def test_what_a_sum_loses_at_a_point_is_said(text: str, point: tuple[float, float], words: str) -> None:
    run = run_of(text, *point)
    assert _cancelled(run, run.program.output) == words


@pytest.mark.parametrize(("value", "real", "expected"), [(1.0, arb(2), True), (1.0, arb(1), False), (1.0, arb(1, 0.5), False), (1.0, arb("inf"), False), (1.0, arb("nan"), False), (math.inf, arb(1), False), (1.0, True, False)])
def test_a_float_differs_from_a_real_value_that_there_is(value: float, real: object, expected: bool) -> None:
    assert FloatsAndReals(expression("x", "x"), [value], [real], 2.0**-1022).differs(0) is expected  # type: ignore[list-item]


@pytest.mark.parametrize("x", [-3.0, 30.0, 0.3, 1.7, -0.9, 5.5, 2.25, -7.125])
def test_the_step_inside_a_gate_with_the_largest_effect_is_named(x: float) -> None:
    """Of 1/(1 + exp(-x)): each float minus its exact value on floats, times the slope of the result by it, in mpmath with 40 digits."""
    program = expression("sigmoid(x)", "x")
    e, d = math.exp(-x), 1 + math.exp(-x)
    with mpmath.workdps(40):
        slope = -1 / (1 + mpmath.exp(-mpmath.mpf(x))) ** 2
        effects = {"exp(-x)": (e - mpmath.exp(-mpmath.mpf(x))) * slope, "1 + exp(-x)": (mpmath.mpf(d) - 1 - mpmath.mpf(e)) * slope, "1 / (1 + exp(-x))": mpmath.mpf(1 / d) - 1 / mpmath.mpf(d)}
    found = largest_inside(program, program.output, [x, 1 / d], FORMATS["float64"])
    assert (found.text, found.within) == (max(effects, key=lambda k: abs(effects[k])), "sigmoid(x)")


@pytest.mark.parametrize(("text", "x", "form", "words"), [("tanh(x)", 0.3, "float64", "`tanh(x)`"), ("sigmoid(x)", math.inf, "float64", "`sigmoid(x)`"), ("sigmoid(x)", 0.0, "float64", "`sigmoid(x)`"), ("x + 1", 0.1, "float64", "`x + 1`")])
def test_a_gate_that_is_one_step_or_rounds_nowhere_is_named_itself(text: str, x: float, form: str, words: str) -> None:
    """sigmoid(0) = 1/2, of which every step is exact."""
    program = expression(text, "x")
    values = [column[0] for column in floats.run(program, [[x]], fmt=FORMATS[form])]
    assert str(largest_inside(program, program.output, values, FORMATS[form])) == words


@pytest.mark.parametrize(("beside", "words"), [((0.5,), "`x > 1` is true here"), ((3.0,), ""), (None, "")])
def test_a_wrong_branch_is_named_where_the_other_is_taken_beside_the_region(beside: tuple[float, ...] | None, words: str) -> None:
    (case,) = load_text("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = where(x > 1, 3*x, 2*x)*dout'}}\n", file="t.yaml").cases
    ((_, (question,)),) = checks_of(case, truth_of(case.programs.truth))
    ((found,),) = compare(question, [(2.0,)])
    assert found.verdict.value == "wrong"
    assert region_cause(question, found, beside) == words


def test_of_an_unstable_gradient_the_sum_that_cancels_is_named() -> None:
    """1 - cos(1e-5) = 5e-11 = 2**-34.2 of 1."""
    (case,) = load_text("function: x - sin(x)\npoints: [{x: 1e-5}]\nimplementations: {a: {backward: 'dx = (1 - cos(x))*dout'}}\n", file="t.yaml").cases
    ((_, (question,)),) = checks_of(case, truth_of(case.programs.truth))
    ((found,),) = compare(question, [(1e-5,)])
    assert found.verdict.value == "unstable"
    assert region_cause(question, found, None) == "`1 - cos(x)` cancels 34 leading bits"
