"""Double-doubles times powers of two hold the value that Arb gives, from the smallest numbers to the largest and beyond both; planted faults are seen."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpz

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.arithmetic.double_double import number, shifted
from verifier.arithmetic.double_double.number import DoubleDouble
from verifier.arithmetic.double_double.shifted import Shifted
from verifier.exact import derivatives

POINTS = 800
ONE = ("neg", "abs", "sqrt", "exp", "log", "tanh")
TWO = ("add", "sub", "mul", "div")
PRECISION = 6000  # bits that hold sums of numbers 4,000 binades apart


def drawn(source: np.random.Generator, *, widest: int) -> Shifted:
    """Numbers of up to so many binades from 1, some of them exactly 0, some with a lower half, some with a bound."""
    hi = source.uniform(1, 2, POINTS) * source.choice([-1, 1], POINTS) * np.exp2(source.integers(-250, 250, POINTS))
    hi = np.where(source.random(POINTS) < 0.05, 0.0, hi)
    lo = np.where(source.random(POINTS) < 0.5, 0.0, hi * source.uniform(-1, 1, POINTS) * 2.0**-54)
    hi, lo = number.fast_two_sum(hi, lo)
    err = np.where(source.random(POINTS) < 0.5, 0.0, np.abs(hi) * np.exp2(-source.integers(30, 106, POINTS).astype(float)))
    near = source.random() < 0.3  # operands of nearly the same size cancel
    return Shifted(DoubleDouble(hi, lo, err), source.integers(-3, 4, POINTS) if near else source.integers(-widest, widest + 1, POINTS))


def real(x: float, shift: int) -> arb:
    """x 2^-shift, exactly."""
    return arb(x).mul_2exp(fmpz(-shift)) if hasattr(arb, "mul_2exp") else arb(x) * arb(2) ** (-shift)


def inside(a: Shifted, draw: random.Random) -> list[arb]:
    """A number of each enclosure."""
    parts = [np.broadcast_to(x, (POINTS,)).tolist() for x in (a.value.hi, a.value.lo, a.value.err, a.shift)]
    return [real(h, s) + real(low, s) + real(e, s) * arb(draw.choice([-1.0, 0.0, 1.0, draw.uniform(-1, 1)])) for h, low, e, s in zip(*parts, strict=True)]


def violations(name: str, function: Any, *, seed: int, widest: int = 1500) -> tuple[int, list[Any]]:
    """How many values are known, and the points at which an enclosure does not hold the value."""
    source, draw = np.random.default_rng(seed), random.Random(seed)
    given = [drawn(source, widest=widest) for _ in range(2 if name in TWO else 1)]
    with np.errstate(all="ignore"):
        found = function(*given)
    known = np.broadcast_to(number.is_known(found.value), (POINTS,))
    parts = [np.broadcast_to(x, (POINTS,)).tolist() for x in (found.value.hi, found.value.lo, found.value.err, found.shift)]
    bad: list[Any] = []
    with balls.precision(PRECISION):
        for is_known, h, low, e, s, *arguments in zip(known.tolist(), *parts, *(inside(g, draw) for g in given), strict=True):
            if is_known:
                true = balls.PRIMITIVES[name](*arguments)
                if not (true.is_finite() and abs(true - real(h, s) - real(low, s)) <= real(e, s)):
                    bad.append((name, arguments, h, low, e, s))
    return int(known.sum()), bad


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_every_function_encloses_the_value_that_arb_gives(name: str, seed: int) -> None:
    known, bad = violations(name, shifted.FUNCTIONS[name], seed=seed, widest=700 if name in ("exp", "log", "sqrt", "tanh") else 1500)
    assert not bad, bad[:2]
    assert known > (10 if name in ("exp", "log", "sqrt", "tanh") else 0.9 * POINTS * (0.9 if name == "div" else 1))


@pytest.mark.parametrize("name", TWO)
def test_the_law_sees_a_shift_that_is_off_by_one(name: str) -> None:
    assert violations(name, lambda *given: (found := shifted.FUNCTIONS[name](*given))._replace(shift=found.shift + 1), seed=4)[1]


def test_the_law_sees_a_bound_that_is_left_out() -> None:
    def spoiled(a: Shifted, b: Shifted) -> Shifted:
        found = shifted.mul(a, b)
        return found._replace(value=DoubleDouble(found.value.hi, found.value.lo, found.value.err * 0.5))

    assert violations("mul", spoiled, seed=5)[1]


def test_a_product_of_tiny_numbers_keeps_its_bits_and_comes_back_as_a_float() -> None:
    x = np.array([5e-324, 3e-310, 1e-300, 2.0**-1022])
    square = shifted.mul(shifted.exactly(x), shifted.exactly(x))
    assert np.all(square.value.err <= np.abs(square.value.hi) * 2.0**-90)
    back = shifted.flat(shifted.div(square, shifted.exactly(x)))
    assert back.hi.tolist() == x.tolist()
    assert np.all(np.abs(shifted.flat(square).hi) <= shifted.flat(square).err), "as a double-double it is 0 within its bound"


def test_a_program_runs_as_in_balls() -> None:
    program = derivatives.primitive(expression("where(x > y, x * y, x - y)**3 * exp(-abs(y)) / (1 + x * x)", "x", "y"))
    source = np.random.default_rng(8)
    x, y = (np.ldexp(source.uniform(-1, 1, 300), source.integers(-1060, 5, 300)) for _ in range(2))
    (found,) = shifted.numbers(program, [x, y], [program.output], strict=True)
    known = np.broadcast_to(number.is_known(found.value), x.shape)
    assert known.sum() > 290
    with balls.precision(PRECISION):
        (exact,) = balls.run(program, [list(map(arb, x.tolist())), list(map(arb, y.tolist()))], [program.output], strict=True)
        for e, h, low, r, s, k in zip(exact, *(np.broadcast_to(a, x.shape).tolist() for a in (found.value.hi, found.value.lo, found.value.err, found.shift)), known.tolist(), strict=True):
            assert not k or abs(e - real(h, s) - real(low, s)) <= real(r, s)
