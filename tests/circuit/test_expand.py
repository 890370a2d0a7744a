"""What a program means over the reals: logarithms of sums whose terms are -inf, or have kinks."""

from __future__ import annotations

import pytest

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import derivatives


def meant(text: str) -> Program:
    return derivatives.primitive_with_places(expression(text, "x", "y"), as_smooth=True)[0]


@pytest.mark.parametrize("gate", ["logaddexp", "logaddexp2"])
@pytest.mark.parametrize("pair", ["-inf, -inf", "x - inf, y - inf", "-inf + x, -(inf - y)", "{0}(x - inf, -inf), y - inf", "-inf, -inf - inf"])
def test_the_sum_of_two_logarithms_of_zero_is_one(gate: str, pair: str) -> None:
    program = meant(f"{gate}({pair.format(gate)})")
    assert balls.at(program, (0.5, 2.0), strict=True)[program.output] == balls.constant("inf") * -1


@pytest.mark.parametrize("pair", ["inf, -inf", "x - inf, y", "x - inf, inf - inf", "-inf, inf - x", "0*inf, -inf"])
def test_other_infinities_have_no_rule_of_their_own(pair: str) -> None:
    assert "log" in {s.gate for s in meant(f"logaddexp({pair})").steps}


SMOOTH = (
    "max(x, y) + log1p(exp(-abs(x - y)))", "max(x, y) + log1p(exp(-abs(y - x)))", "max(y, x) + log1p(exp(-abs(x - y)))", "log1p(exp(-abs(x - y))) + max(x, y)", "maximum(x, y) + log1p(exp(-abs(x - y)))",
    "max(x, 0) + log1p(exp(-abs(x)))", "relu(x) + log1p(exp(-abs(x)))", "max(0, x) + log1p(exp(-abs(x)))", "max(x, x) + log1p(exp(-abs(x - x)))",
)  # fmt: skip
KINKED = (
    "max(x, y) - log1p(exp(-abs(x - y)))", "min(x, y) + log1p(exp(-abs(x - y)))", "max(x, y) + log1p(exp(-abs(x + y)))", "max(x, y) + log1p(exp(abs(x - y)))", "max(x, y) + log1p(exp(-abs(x)))",
    "max(x, 0) + log1p(exp(-abs(y)))", "max(x, y) + exp(-abs(x - y))", "max(x, y)*log1p(exp(-abs(x - y)))", "max(x, 1) + log1p(exp(-abs(x)))", "x + log1p(exp(-abs(x)))",
)  # fmt: skip


@pytest.mark.parametrize("text", SMOOTH)
def test_a_sum_of_kinks_that_is_smooth_is_written_without_them(text: str) -> None:
    program = meant(text)
    needed = {program.steps[i].gate for i in program.needed}
    assert needed.isdisjoint(("max", "abs"))
    for point in ((0.3, -1.2), (0.7, 0.7), (-5.0, 0.25)):
        plain = derivatives.primitive(expression(text, "x", "y"))
        assert balls.at(program, point, strict=False)[program.output].overlaps(balls.at(plain, point, strict=False)[plain.output])


@pytest.mark.parametrize("text", KINKED)
def test_other_sums_keep_theirs(text: str) -> None:
    program = meant(text)
    assert not {program.steps[i].gate for i in program.needed}.isdisjoint(("max", "min", "abs"))
