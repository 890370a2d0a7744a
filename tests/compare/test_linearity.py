"""A gradient that is written as a multiple of the one that flows in is right for all of them or for none."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from fractions import Fraction

import mpmath
import pytest

from verifier.case.load import case_of
from verifier.circuit.program import Program, Step
from verifier.compare import linearity
from verifier.compare.check import checks_of
from verifier.compare.compare import compare
from verifier.exact.truth import truth_of
from verifier.verify import verify


def is_linear(backward: str) -> bool:
    case = case_of(f'name: a product\nfunction: x*y\npoints: [{{x: 2, y: 3}}]\nimplementations:\n  mine: {{backward: "{backward}"}}\n')
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return linearity.is_linear(check)


@pytest.mark.parametrize("backward", ["dx = y*dout; dy = x*dout", "dx = -(dout/2)*y + dout*y - 0; dy = where(x > 0, x*dout, 0)", "t = dout; dx = t*y; dy = (t - 2*t)*x"])
def test_a_multiple_of_the_gradient_that_flows_in_is_linear(backward: str) -> None:
    assert is_linear(backward)


@pytest.mark.parametrize("backward", ["dx = y; dy = x*dout", "dx = y*dout*dout; dy = x*dout", "dx = y*dout; dy = x*dout + 1", "dx = where(dout > 0, y*dout, 0); dy = x*dout", "dx = y/dout; dy = x*dout", "dx = exp(dout)*y; dy = x*dout"])
def test_anything_else_is_not_known_to_be_linear(backward: str) -> None:
    assert not is_linear(backward)


OPERATIONS: dict[str, Callable[..., Fraction]] = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg, "copy": lambda a: a, "where": lambda c, a, b: a if c else b}
LEAVES = (Step("input", (), "x"), Step("upstream", (), "upstream"), Step("number", (), "0"), Step("number", (), "2"))


def programs() -> list[tuple[Step, ...]]:
    """All programs of two operations on an input, the gradient that flows in, 0 and 2."""
    found = []
    for gate in ("add", "sub", "mul", "div", "neg", "copy"):
        count = 1 if gate in ("neg", "copy") else 2
        for args in itertools.product(range(4), repeat=count):
            first = (*LEAVES, Step(gate, args))
            found += [(*first, Step(second, pair)) for second in ("add", "mul", "div") for pair in ((4, 0), (4, 1), (4, 4), (1, 4), (3, 4))]
            found += [(*first, Step("where", (c, 4, b))) for c in (0, 1, 4) for b in range(4)]
    return found


def value(steps: tuple[Step, ...], flowing: int) -> Fraction | None:
    """The output in rationals, at x = 7; None where it has no value."""
    values: list[Fraction] = []
    for s in steps:
        leaf = {"input": Fraction(7), "upstream": Fraction(flowing)}.get(s.gate)
        try:
            values.append(leaf if leaf is not None else OPERATIONS[s.gate](*(values[a] for a in s.args)) if s.args else Fraction(s.text))
        except ZeroDivisionError:
            return None
    return values[-1]


def test_what_is_known_of_a_dependence_is_so_in_rational_numbers() -> None:
    """A free step is the same for all gradients that flow in, a linear one a multiple of them; the multiples that do not cancel are recognized."""
    known = 0
    for steps in programs():
        kind = linearity._dependence(Program(steps, ("x",), {}, len(steps) - 1))[-1]
        three, five, minus = (value(steps, u) for u in (3, 5, -3))
        if three is None or five is None or minus is None:
            continue
        is_multiple = three * 5 == five * 3 and minus == -three
        is_free = three == five == minus
        assert kind != linearity.FREE or is_free, steps
        assert kind != linearity.ZERO or three == 0, steps
        assert kind != linearity.LINEAR or is_multiple, steps
        known += is_multiple and kind != linearity.OTHER
    assert known >= 353, "the other 311 multiples cancel, or take one branch only: x * dout / dout * dout"


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e", "f", "g"])
def test_another_gradient_that_flows_in_is_drawn_from_the_others(seed: str) -> None:
    for upstream in (*linearity.UPSTREAMS, 1.0):
        other = linearity.other_upstream(upstream, seed=seed)
        assert other != upstream
        assert other in linearity.UPSTREAMS
        assert other == linearity.other_upstream(upstream, seed=seed)


CONSTANTS = ("log(2)/log(10)", "exp(-1)", "sqrt(2)", "pi/7", "2/sqrt(pi)", "log(3)", "sqrt(3)/9", "sqrt(2)/3")


def beside(text: str) -> list[str]:
    """A constant with 15 to 17 digits (mpmath), and the floats up to three beside it, as Python prints them and with 16 digits."""
    value = eval(text, {"log": mpmath.log, "exp": mpmath.exp, "sqrt": mpmath.sqrt, "pi": mpmath.pi})
    floats = [float(value)]
    for _ in range(3):
        floats = [math.nextafter(floats[0], 0.0), *floats, math.nextafter(floats[-1], 9.0)]
    return list(dict.fromkeys([*(mpmath.nstr(value, digits) for digits in (15, 16, 17)), *map(repr, floats), *(mpmath.nstr(mpmath.mpf(f), 16) for f in floats)]))


def found_for(constant: str, backward: str, other: float) -> list[str]:
    """The verdict for the upstream 1, and what is said to be not linear."""
    case = case_of(f'name: a constant\nfunction: x*({constant})\npoints: [{{x: 3}}]\nimplementations:\n  mine: {{backward: "dx = {backward}"}}\n')
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    rows = list(compare(check, [(3.0,)], detail=False))
    return [rows[0][0].verdict.value, *(d.name for d in linearity.not_linear(check, rows, other=other))]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_a_constant_beside_the_right_one_is_linear_whatever_flows_in(constant: str) -> None:
    """It may be within an ulp for one upstream and beyond it for another, whose product has a smaller ulp; a square is found."""
    with mpmath.workdps(60):
        literals = beside(constant)
    assert len(literals) >= 8
    right = 0
    for literal, other in itertools.product(literals, linearity.UPSTREAMS):
        verdict, *claimed = found_for(constant, f"{literal}*dout", other)
        assert claimed == [], (literal, other)
        right += verdict != "wrong"
        if other in (-1.375, 3.5) and verdict != "wrong":
            assert found_for(constant, f"{literal}*dout*dout", other)[1:] == ["dx"], (literal, other)
    assert right >= 12, "the constant itself, with 16 and with 17 digits"


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f"])
@pytest.mark.parametrize(("flow", "is_found"), [("max(dout, 0)", True), ("abs(dout)", True), ("where(dout > 0, dout, 0)", True), ("dout**3", True), ("where(dout > 0, dout, dout)", False), ("dout*sign(dout)**2", False), ("dout", False)])
def test_what_is_linear_for_one_sign_only_is_found_whichever_gradient_is_drawn(name: str, flow: str, is_found: bool) -> None:
    case = case_of(f'name: {name}\nfunction: x*y\npoints: [{{x: 2, y: 3}}]\nimplementations:\n  mine: {{backward: "dx = y*{flow}; dy = x*dout"}}\n')
    assert [f.gradient for f in verify(case).findings if f.code == "V106"] == ["dx"] * is_found
