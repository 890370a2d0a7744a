"""Steps of which a careful run finds no exact value: what is said of them before it, held against the run itself."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program, Step
from verifier.exact import derivatives
from verifier.exact.inexact_steps import inexact_steps
from verifier.exact.one_sided import CarefulRun

BITS = 192
GATES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "exp": 1, "log": 1, "log1p": 1, "sin": 1, "cos": 1, "atan": 1, "tanh": 1, "abs": 1, "max": 2, "copy": 1, "sqrt": 1}


def claimed(program: Program, point: tuple[float, ...]) -> list[bool]:
    run = balls.run(program, [[arb(x)] for x in point], bits=BITS, strict=False)
    return inexact_steps(program, lambda step: run[step][0])


def is_exact(program: Program, point: tuple[float, ...], step: int) -> bool:
    value = CarefulRun(program, [Fraction(x) for x in point], BITS).value(step)
    return isinstance(value, arb) and value.is_exact()


def drawn(draw: random.Random) -> Program:
    """A program of these gates; a power has a whole number as its exponent."""
    steps = [Step("input", (), "x"), Step("input", (), "y"), Step("number", (), "0"), Step("number", (), "1"), Step("number", (), draw.choice(["2", "0.1", "3", "0.5"]))]
    for _ in range(12):
        gate = draw.choice([*GATES, "pow"])
        count = len(steps)
        steps.append(Step(gate, (draw.randrange(count), draw.choice([2, 3, 4])) if gate == "pow" else tuple(draw.randrange(count) for _ in range(GATES[gate]))))
    return Program(tuple(steps), ("x", "y"), {}, len(steps) - 1)


def test_what_is_said_to_be_inexact_never_is_exact() -> None:
    said = 0
    for seed in range(400):
        draw = random.Random(seed)
        program, point = drawn(draw), (draw.choice([0.0, 1.0, -1.0, 0.5, 2.0**-300]), draw.choice([0.0, 1.0, 3.0, -0.25]))
        for step, inexact in enumerate(claimed(program, point)):
            if inexact:
                said += 1
                assert not is_exact(program, point, step), (seed, step, program.steps, point)
    assert said > 300, "else nothing is tested"


@pytest.mark.parametrize(
    ("text", "point", "inexact"),
    [
        ("1 / (1 + exp(-x))", 1e-200, True),  # a number a little above 1/2
        ("1 / (1 + exp(-x))", 0.0, False),  # exactly 1/2
        ("exp(x) / exp(x)", 0.5, False),  # exactly 1
        ("exp(x) * (x - 0.5)", 0.5, False),  # exactly 0
        ("exp(x) ** 0", 0.5, False),  # exactly 1
        ("log(x) * 3", 1.0, False),  # exactly 0
        ("x + atan(x)", 2.0**-400, True),
        ("max(exp(x), 5)", 1.0, False),  # exactly 5
    ],
)  # Lindemann: exp(a), log(1 + a) and atan(a) are transcendental for algebraic a != 0
def test_the_value_of_a_transcendental_function_makes_a_result_inexact(text: str, point: float, inexact: bool) -> None:
    program = derivatives.primitive(expression(text, "x"))
    assert claimed(program, (point,))[program.output] is inexact
    assert inexact or is_exact(program, (point,), program.output)
