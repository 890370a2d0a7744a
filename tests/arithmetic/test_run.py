"""One program, four arithmetics, one way to run it. Expected values: exact rationals by hand."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls, floats, ranges
from verifier.arithmetic.intervals import run as intervals
from verifier.circuit.program import Program, Step
from verifier.exact.derivatives import primitive
from verifier.language.formats import FORMATS

FLOAT64 = FORMATS["float64"]
PROGRAM = expression("(x + y) * (x - y)", "x", "y")  # steps 0 to 4: x, y, x + y, x - y and their product
POINT = (3.0, 1.0)
STEPS = [3.0, 1.0, 4.0, 2.0, 8.0]


@pytest.mark.parametrize("module", [balls, floats, intervals, ranges], ids=lambda m: m.__name__.removeprefix("verifier.arithmetic."))
def test_every_arithmetic_takes_a_program_its_columns_and_the_outputs(module):
    parameters = inspect.signature(module.run).parameters
    assert list(parameters)[:3] == ["program", "columns", "outputs"]
    assert parameters["outputs"].default is None
    options = {n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    own = {floats: {"fmt"}, balls: {"bits", "known"}}.get(module, set())
    common = {"upstream"} if module is floats else {"strict", "upstream", "rounded_in"}  # floats have no kinks that are undecided, and read literals in their format
    assert options == common | own


def test_all_steps_are_had_by_default_and_those_asked_for_in_their_order():
    columns = [[x] for x in POINT]
    assert [c[0] for c in floats.run(PROGRAM, columns, fmt=FLOAT64)] == STEPS
    assert floats.run(PROGRAM, columns, (4, 2), fmt=FLOAT64) == [[8.0], [4.0]]
    assert [c[0] for c in balls.run(PROGRAM, [[arb(x)] for x in POINT], strict=True)] == STEPS
    assert balls.run(PROGRAM, [[arb(x)] for x in POINT], (4, 2), strict=True) == [[8], [4]]
    arrays = [np.array([x]) for x in POINT]
    assert all(i.low[0] <= s <= i.high[0] for i, s in zip(intervals.run(PROGRAM, arrays, strict=True), STEPS, strict=True))
    assert ranges.run(PROGRAM, [(x, x) for x in POINT], strict=True) == [(x, x) for x in STEPS]


def test_a_run_at_one_point_is_the_run_of_columns_of_one():
    assert floats.at(PROGRAM, POINT, fmt=FLOAT64) == STEPS
    assert floats.at(PROGRAM, POINT, [4], fmt=FLOAT64) == [8.0]
    assert balls.at(PROGRAM, POINT, strict=True) == STEPS
    assert balls.at(PROGRAM, [arb(3), 1.0], [4, 3], strict=True) == [8, 2]
    chosen = expression("where(x < y, x, y)", "x", "y")
    assert balls.at(chosen, POINT, [chosen.steps[chosen.output].args[0]], strict=True) == [False]


def test_an_input_may_be_a_truth_value_or_one_that_is_not_known():
    chosen = expression("where(x < y, x, y)", "x", "y")
    steps = tuple(s._replace(gate="input", args=(), text="c") if s.gate == "lt" else s for s in chosen.steps)
    program = type(chosen)(steps, ("x", "y", "c"), {}, chosen.output)
    assert balls.at(program, (1.0, 3.0, False), [program.output], strict=False) == [3]
    assert balls.at(program, (1.0, 3.0, True), [program.output], strict=False) == [1]
    (either,) = balls.at(program, (1.0, 3.0, None), [program.output], strict=False)
    assert not either.is_finite() or (either.contains(1) and either.contains(3))


def test_the_precision_is_the_working_one_unless_it_is_given():
    third = expression("x / y", "x", "y")
    with balls.precision(80):
        (at_80,) = balls.at(third, (1.0, 3.0), [third.output], strict=True)
        (at_200,) = balls.at(third, (1.0, 3.0), [third.output], strict=True, bits=200)
    assert at_80.rel_accuracy_bits() < 90
    assert at_200.rel_accuracy_bits() > 190


def test_the_gradient_that_flows_in_may_be_a_float_or_a_ball():
    builder = expression("x * y", "x", "y")
    flowing = builder.steps[0]._replace(gate="upstream", text="")
    program = type(builder)((*builder.steps, flowing), builder.inputs, {}, len(builder.steps))
    assert balls.at(program, POINT, [program.output], strict=True, upstream=2.5) == [2.5]
    assert balls.at(program, POINT, [program.output], strict=True, upstream=arb(2.5)) == [2.5]
    assert floats.at(program, POINT, [program.output], fmt=FLOAT64, upstream=2.5) == [2.5]


@pytest.mark.parametrize("strict", [False, True])
def test_many_points_in_balls_are_each_as_alone(strict):
    """Kinks, a comparison of a step with itself, a literal and what flows in, at points on borders and beside them; `known` steps first, too."""
    program = check_program()
    columns = [[arb(x) for x in (0.0, 1.0, -2.5, 1.0)], [arb(x) for x in (0.0, 1.0, 3.0, -1e300)]]
    together = balls.run(program, columns, strict=strict, upstream=3.0, bits=80)
    for k in range(4):
        alone = balls.run(program, [[c[k]] for c in columns], strict=strict, upstream=3.0, bits=80)
        assert [repr(c[k]) for c in together] == [repr(v) for (v,) in alone]
        half = len(program) // 2
        again = balls.run(program, [[c[k]] for c in columns], strict=strict, upstream=3.0, bits=80, known=alone[:half])
        assert [repr(v) for v in again] == [repr(v) for v in alone]


def check_program():
    """Steps of all kinds: expression("where(x == x, abs(x), y) * max(x, y) + 0.1*log(y)") with the gradient that flows in."""
    written = expression("where(x == x, abs(x), y) * max(x, y) + 0.1*log(y) + x**2 - clip(x, y, 2)", "x", "y")
    exact = primitive(written)
    steps = (*exact.steps, Step("upstream", ()), Step("mul", (exact.output, len(exact.steps))))
    return Program(steps, exact.inputs, {}, len(steps) - 1)


def test_operators_of_python_and_others_run_alike_where_they_overflow():
    """1e300*1e300, 1/0, log(-1) and 0**-1 among ordinary numbers: IEEE 754's inf and nan, and the numbers of the math module."""
    found = floats.run(expression("log(x) + x*1e300/y + y**x", "x", "y"), [[1e300, 1.0, -1.0, 2.0], [1.0, 0.0, 1.0, 3.0]], fmt=FLOAT64)[-1]
    assert found[0] == math.inf
    assert found[1] == math.inf
    assert math.isnan(found[2])
    assert found[3] == math.log(2.0) + 2.0 * 1e300 / 3.0 + 3.0**2.0
