"""Generated backward passes: right over the reals, written in the language, linear in the size of the forward pass."""

from __future__ import annotations

import re
import time

import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arithmetic.test_floats import bits
from tests.texts import expression, forward, smooth_expressions
from verifier.arithmetic import balls, floats
from verifier.circuit.backprop import differentiated, with_backward
from verifier.circuit.program import Program
from verifier.circuit.statements import add_backward, build_program
from verifier.exact import derivatives
from verifier.language.formats import FORMATS
from verifier.language.source import Source

FLOAT64 = FORMATS["float64"]
CLAIMS = (("x", "dx"), ("y", "dy"))
coordinates = st.floats(-3, 3).map(lambda v: round(v, 3) + 0.0)


def lines(program: Program, *, backward: bool) -> list[str]:
    return [line.text for line in program.lines if line.backward == backward]


def over_the_reals(program: Program, name: str, point: dict[str, float], digits: int = 256) -> arb:
    exact, places = derivatives.primitive_with_places(program)
    with balls.precision(digits):
        return balls.run(exact, [[arb(point[n])] for n in program.inputs], bits=digits, strict=False)[places[program.names[name]]][0]


def exact_gradient(program: Program, position: int, point: dict[str, float], digits: int = 256) -> arb:
    gradient = derivatives.gradient(program)
    step = gradient.wrt(position)
    with balls.precision(digits):
        return arb(0) if step is None else balls.run(gradient.program, [[arb(point[n])] for n in program.inputs], bits=digits, strict=True)[step][0]


@given(smooth_expressions(), coordinates, coordinates)
@settings(max_examples=60)
def test_a_generated_backward_pass_is_the_exact_gradient_over_the_reals(text: str, x: float, y: float) -> None:
    program = expression(text, "x", "y")
    whole = with_backward(program, CLAIMS)
    point = {"x": x, "y": y}
    for position, (_, name) in enumerate(CLAIMS):
        staged, exact = over_the_reals(whole, name, point), exact_gradient(program, position, point)
        assert staged.overlaps(exact)
        assert exact.is_zero() or exact.rel_accuracy_bits() > 100 or abs(exact).upper() < 1e-30, "an overlap of wide balls would say nothing"


def test_the_overlap_test_catches_a_bent_backward_pass() -> None:
    program = expression("exp(x) * y", "x", "y")
    point = {"x": 1.0, "y": 2.0}
    source = Source("dx = out * (1 + 1e-30) * dout\ndy = exp(x) * dout", "t", 1, 1, "x")
    wrong, complaints = add_backward(program, source, CLAIMS)
    assert wrong is not None, complaints
    assert not over_the_reals(wrong, "dx", point).overlaps(exact_gradient(program, 0, point))
    assert over_the_reals(wrong, "dy", point).overlaps(exact_gradient(program, 1, point))


@given(smooth_expressions(leaves=6), coordinates, coordinates)
@settings(max_examples=60)
def test_the_written_lines_read_back_as_the_same_program(text: str, x: float, y: float) -> None:
    whole = with_backward(expression(text, "x", "y"), CLAIMS)
    front = "\n".join(lines(whole, backward=False))
    again, complaints = build_program(Source(front, "t", 1, 1, front), ("x", "y"))
    assert again is not None, complaints
    back = "\n".join(lines(whole, backward=True))
    claimed = [c for c in CLAIMS if re.search(rf"^{c[1]}\b", back, re.MULTILINE)]
    both, complaints = add_backward(again, Source(back, "t", 1, 1, back), claimed)
    assert both is not None, complaints
    first = floats.run(whole, [[x], [y]], fmt=FLOAT64)
    second = floats.run(both, [[x], [y]], fmt=FLOAT64)
    for _, name in claimed:
        assert bits(first[whole.names[name]][0]) == bits(second[both.names[name]][0])


def test_the_lines_are_circuit_style_with_a_sum_at_a_fork() -> None:
    whole = with_backward(forward("den = x + y\nf = x / den", "x", "y"), CLAIMS)
    assert lines(whole, backward=True) == [
        "dx = 1 / den * df",
        "dden = -f / den * df",
        "dx += dden",
        "dy = dden",
    ]


def test_an_output_that_is_an_input_and_an_input_that_is_unused() -> None:
    whole = with_backward(forward("f = x", "x", "y"), CLAIMS)
    values = floats.run(whole, [[3.0], [4.0]], fmt=FLOAT64, upstream=2.5)
    assert (values[whole.names["dx"]][0], values[whole.names["dy"]][0]) == (2.5, 0.0)


def test_names_of_the_user_are_never_taken() -> None:
    whole = with_backward(forward("dx = x * 2\nt1 = dx + y\ndout = sin(t1) * dx\nf = dout + t1", "x", "y"), (("x", "gx"), ("y", "dy")))
    point = {"x": 0.5, "y": 0.25}
    program = forward("dx = x * 2\nt1 = dx + y\ndout = sin(t1) * dx\nf = dout + t1", "x", "y")
    assert over_the_reals(whole, "gx", point).overlaps(exact_gradient(program, 0, point))
    assert over_the_reals(whole, "dy", point).overlaps(exact_gradient(program, 1, point))
    targets = [line.split(" ")[0] for line in lines(whole, backward=True)]
    assert not {"dx", "t1", "dout"} & set(targets)


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [  # by hand: (x^3)'' = 6x, (sin x)'''' = sin x, d/dx (x d/dx x^2) = 4x
        ("diff(x**3, x, 2)", 2.0, "12"), ("diff(sin(x), x, 4) - sin(x)", 0.7, "0"), ("diff(x * diff(x**2, x), x)", 3.0, "12"), ("diff(x * y, x, y)", 3.0, "1"),
    ],
)  # fmt: skip
def test_a_derivative_inside_the_function_is_written_out(text: str, x: float, value: str) -> None:
    program = differentiated(expression(text, "x", "y"))
    assert not any(s.gate == "diff" for s in program.steps)
    assert over_the_reals(program, "out", {"x": x, "y": 2.0}).overlaps(arb(value))


def test_a_second_derivative_can_be_differentiated_again() -> None:
    program = differentiated(expression("diff(exp(2 * x) * y, x)", "x", "y"))
    whole = with_backward(program, CLAIMS)
    with balls.precision(200):
        assert over_the_reals(whole, "dx", {"x": 0.5, "y": 3.0}).overlaps(12 * arb(1).exp())
        assert over_the_reals(whole, "dy", {"x": 0.5, "y": 3.0}).overlaps(2 * arb(1).exp())


def chain(n: int) -> Program:
    """A composition of n gates in which every value is used twice."""
    return forward("\n".join(["t0 = x", *(f"t{i + 1} = sin(t{i}) * t{i}" for i in range(n))]), "x")


def test_the_backward_pass_is_linear_in_the_forward_pass() -> None:
    sizes = [len(with_backward(chain(n), (("x", "dx"),))) for n in (100, 200, 400)]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_ten_thousand_gates_take_seconds() -> None:
    start = time.process_time()
    whole = with_backward(chain(10_000), (("x", "dx"),))
    assert len(whole) > 40_000
    assert time.process_time() - start < 20
