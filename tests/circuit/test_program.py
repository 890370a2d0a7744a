"""Trees to programs: names, versions, places, and what a pasted cell may say about its inputs."""

from __future__ import annotations

import pytest

from tests.texts import check, complaints, expression, forward
from verifier.arithmetic import floats
from verifier.circuit.program import significant_digits
from verifier.language.formats import FORMATS

FLOAT64 = FORMATS["float64"]


def value(program: object, **inputs: float) -> float:
    run = floats.run(program, [[inputs[n]] for n in program.inputs], fmt=FLOAT64)  # type: ignore[attr-defined]
    return run[program.output][0]  # type: ignore[attr-defined]


def case(forward_lines: str, backward_lines: str = "", points: str = "{x: 3, y: -4}") -> str:
    block = "".join(f"      {line}\n" for line in forward_lines.split("\n"))
    text = f"function: x * y\npoints: [{points}]\nimplementations:\n  it:\n    forward: |\n{block}"
    if backward_lines:
        text += "    backward: |\n" + "".join(f"      {line}\n" for line in backward_lines.split("\n"))
    return text


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("f = sigmod(x)", "6:11: unknown gate 'sigmod' in implementations.it.forward; did you mean 'sigmoid'?"),
        ("prod = x * y\nf = prood", "7:11: unknown name 'prood' in implementations.it.forward; did you mean 'prod'?"),
        ("f = g\ng = x * y", "6:11: 'g' is read before it is set in implementations.it.forward"),
        ("f += x", "6:7: 'f' is read before it is set: 'f += ...' needs a value to start from in implementations.it.forward"),
        ("f = exp(x, y)", "6:11: 'exp' takes 1 argument (a), not 2 in implementations.it.forward"),
        ("f = leaky_relu(x, 1, 2)", "6:11: 'leaky_relu' takes 1 to 2 arguments (a, slope), not 3 in implementations.it.forward"),
        ("f = x[0] * y", "6:11: 'x' is a scalar and has no subscript in implementations.it.forward"),
        ("f = x < y", "6:7: the output 'f' is a comparison: it has no gradient in implementations.it.forward"),
        ("f = besselj(x, x * y)", "6:11: the order 'n' of 'besselj' must be a constant: there is no derivative with respect to it; if it is one, say so: parameters: [x] in implementations.it.forward"),
        ("f = exp()", "6:11: 'exp()' has no arguments in implementations.it.forward"),
        ("f = x, y", "6:7: the output 'f' is no number and no array of numbers in implementations.it.forward"),
        ("f = True", "6:7: the output 'f' is no number and no array of numbers in implementations.it.forward"),
        ("f = exp(x, q=2)", "6:11: 'exp' with q is not part of the language; it takes (a) in implementations.it.forward"),
        ("f = os.system(x)", "6:11: 'os.system' is not part of the language: only the prefixes math., np., numpy., torch., jnp. and scipy.special. are read in implementations.it.forward"),
        ("f = __import__('os')", "6:11: unknown gate '__import__' in implementations.it.forward"),
        ("f = x.__class__", "6:11: a number has no '.__class__' in implementations.it.forward"),
        ("f = x if x > 0 else ().__class__", "6:27: a tuple has no '.__class__' in implementations.it.forward"),
        ("f = diff(x * y, 2)", "6:11: 'diff' differentiates with respect to an input: diff(expr, x), or diff(expr, x, 2) for the second derivative in implementations.it.forward"),
        ("x = 2\nf = x * y", "6:7: 'x' is an input, and no point has this value: the values of inputs belong under 'points'; remove this line in implementations.it.forward"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(lines: str, expected: str) -> None:
    assert complaints(case(lines)) == [expected]


def test_all_mistakes_of_a_block_come_at_once() -> None:
    places = [c.partition(": ")[0] for c in complaints(case("a = expp(x)\nb = x +\nf = c * y"))]
    assert places == ["6:11", "7:14", "8:11"]


def test_a_backward_pass_that_never_sets_a_gradient_is_refused() -> None:
    assert complaints(case("f = x * y", "dx = y * df\ndyy = x * df")) == [
        "8:7: the backward pass never sets 'dy', the gradient with respect to 'y'; did you mean 'dyy'? then add gradients: {y: dyy} in implementations.it.backward"
    ]


def test_the_example_values_of_a_cell_are_skipped_where_a_point_has_them() -> None:
    assert complaints(case("x = 3 # example values\ny = -4\nf = x * y")) == []


def test_an_input_that_was_read_may_be_set_again() -> None:
    program = forward("t = x + 1\nx = 2 * t\nf = x + y", "x", "y")
    assert value(program, x=1.0, y=10.0) == 14.0


def test_an_augmented_assignment_makes_a_new_version() -> None:
    program = forward("a = x\nb = a\na += 2\na *= 3\na -= b\na /= 4\na **= 2\nf = a + 10 * b", "x")
    a = (((2.0 + 2) * 3) - 2) / 4  # 2.5
    assert value(program, x=2.0) == a**2 + 20.0


def test_every_assigned_name_is_a_step_of_its_own_even_for_a_bare_copy() -> None:
    program = forward("a = x\nb = a\nf = b", "x")
    assert len({program.names[n] for n in "abf"} | {0}) == 4


def test_truth_values_are_numbers_where_numbers_are_wanted() -> None:
    assert value(expression("(x > 0) * 5 + (x < 0) * 7", "x"), x=2.0) == 5.0
    assert value(expression("(x > 0) * 5 + (x < 0) * 7", "x"), x=-2.0) == 7.0
    assert value(expression("(x > 0) + (x > 1) + (x > 2)", "x"), x=2.0) == 2.0


def test_a_truth_value_keeps_its_kind_under_other_names() -> None:
    text = 'function: max(x, 0)\npoints: [{x: 1.5}, {x: -1}]\nimplementations:\n  mine: {backward: "m = x > 0\\nn = m\\ndx = n\\ndx *= dout"}\n  bare: {backward: dx = x > 0}\n'
    assert [r.computed for r in check(text).results] == ["1.0", "0.0"] * 2
    assert [r.verdict.value for r in check(text).results] == ["correct"] * 4
    assert value(forward("m = x > 1\nn = m\nf = n + n", "x"), x=2.0) == 2.0


def test_numbers_are_truth_values_where_truth_values_are_wanted() -> None:
    assert value(expression("where(x, 1, 2)", "x"), x=0.5) == 1.0
    assert value(expression("where(x, 1, 2)", "x"), x=0.0) == 2.0
    assert value(expression("where(not x and 1, 1, 2)", "x"), x=0.0) == 1.0


def test_a_vector_is_used_by_its_elements() -> None:
    text = "function: W[0] * x + W[1]\npoints: [{W: [2, -3], x: 5}]\n"
    assert [(r.gradient, r.computed) for r in check(text).results] == [("dW[0]", "5.0"), ("dW[1]", "1.0"), ("dx", "2.0")]
    assert [r.computed for r in check("function: sum(W * x)\npoints: [{W: [2, -3], x: 5}]\n").results] == ["5.0", "5.0", "-1.0"]


def test_max_of_several_is_a_chain() -> None:
    assert value(expression("max(x, y, 3, 1)", "x", "y"), x=2.0, y=5.0) == 5.0


def test_defaults_of_gates_are_filled_in() -> None:
    assert value(expression("leaky_relu(x)", "x"), x=-2.0) == -2.0 * 0.01
    assert value(expression("leaky_relu(x, 0.5)", "x"), x=-2.0) == -1.0


@pytest.mark.parametrize(
    ("text", "count"),
    [("0.0447150", 5), ("1.0", 1), ("0.7978845608028654", 16), ("1e300", 1), ("100", 1), ("3.14159", 6), ("1_000.5", 5), ("0", 0), ("12e-5", 2)],
)
def test_significant_digits_leave_out_zeros_at_both_ends(text: str, count: int) -> None:
    assert significant_digits(text) == count


def test_the_forward_part_is_what_stands_before_the_backward_pass() -> None:
    from verifier.circuit.backprop import with_backward

    program = with_backward(expression("exp(x) * y", "x", "y"), (("x", "dx"), ("y", "dy")))
    part = program.forward_part()
    assert part.steps == program.steps[: program.backward_start]
    assert part.names[part.output_name] == part.output
    assert "dx" in program.names
    assert "dx" not in part.names
