"""The inner step that spoils a value: what overflows, underflows, saturates or absorbs, however deep in a gate it stands."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from tests.texts import check, expression, smooth_expressions
from verifier.blame.rounding import statements
from verifier.blame.rounding.origin import first_failure
from verifier.language.formats import FORMATS


def told(text: str) -> tuple[str, str, list[str]]:
    """Verdict, message and details of the only finding."""
    report = check(text)
    (finding,) = report.findings
    return report.results[0].verdict.value, finding.message, list(finding.details)


@pytest.mark.parametrize(
    ("function", "x", "form", "words"),
    [
        ("sigmoid(x)", "-11.5", "float16", "`exp(-x)` in `sigmoid(x)` overflows"),  # e^11.5 = 98716, and 65504 is the largest
        ("mish(x)", "-11.5", "float16", "`exp(-x)` in `sigmoid(x)` overflows"),
        ("x * silu(x)", "-12", "float16", "`exp(-x)` overflows"),
        ("gelu_tanh(x)", "-5", "float16", "`exp(-sqrt(8 / pi) * (x + 0.044715 * x**3))` overflows"),  # e^16.9
        ("sqrt(x * x + 1)", "1e200", "float64", "`x * x` overflows"),
        ("exp(x) * 1e300", "-800", "float64", "`exp(x)` underflows"),
    ],
)
def test_the_inner_step_that_leaves_the_range_is_in_the_headline(function: str, x: str, form: str, words: str) -> None:
    _, message, details = told(f"function: {function}\npoints: [{{x: {x}}}]\nformats: [{form}]\n")
    assert message.endswith(": " + words)
    assert f"inside    {words}" in details


@pytest.mark.parametrize(
    ("function", "x", "form", "words"),
    [
        ("sigmoid(x)", "-11.5", "float16", "first     `exp(-x)` in `sigmoid(x)` is inf here"),
        ("log(1 + exp(x))", "800", "float64", "first     `exp(x)` is inf here"),
        ("sigmoid(x * x + 30)", "3", "float64", "first     `1 - out` is 0.0 here"),
    ],
)
def test_the_first_float_that_fails_is_told_with_the_expression_that_it_is_of(function: str, x: str, form: str, words: str) -> None:
    verdict, _, details = told(f"function: {function}\npoints: [{{x: {x}}}]\nformats: [{form}]\n")
    assert verdict in ("vanished", "nonfinite")
    assert words in details


def test_a_float_that_is_merely_small_has_not_failed() -> None:
    """exp(-17) = 4.1e-8 is more than half of the smallest float16, exp(-18) is less."""
    program = expression("exp(x)", "x")
    assert first_failure(program, program.output, (-17.0,), FORMATS["float16"]) is None
    assert str(first_failure(program, program.output, (-18.0,), FORMATS["float16"])) == "`exp(x)` is 0.0"


def test_what_a_sum_absorbs_and_where_a_function_is_flat_is_said() -> None:
    _, _, details = told("function: tanh(x)\npoints: [{x: 20}]\nimplementations:\n  it:\n    backward: |\n      t = tanh(x)\n      dx = (1 - t * t) * dout\n")
    assert "inside    `tanh(x)` rounds to 1.0" in details
    _, _, details = told("function: sigmoid(x)\npoints: [{x: 40}]\n")
    assert "inside    `1 + exp(-x)` in `sigmoid(x)` absorbs `exp(-x)`" in details


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
    again = expression(statements.expression_text(program, program.output), "x", "y")
    assert tree(again, again.output) == tree(program, program.output)


def tree(program: object, at: int) -> tuple[object, ...]:
    step = program.steps[at]  # type: ignore[attr-defined]
    if step.gate == "copy":
        return tree(program, step.args[0])
    return (step.gate, step.text, *(tree(program, a) for a in step.args))
