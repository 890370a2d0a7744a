"""Double-doubles with bounds: every function holds the value that Arb gives at 400 bits, over all binades; planted faults are seen."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.arithmetic.double_double import comparisons, exponential, number, tables
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.double_double.number import DoubleDouble, exactly, is_known
from verifier.circuit.program import Program
from verifier.exact import derivatives

POINTS = 1500
ONE_ARGUMENT = ("sqrt", "exp", "expm1", "log", "log1p", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfcx", "abs")
TWO_ARGUMENTS = ("add", "sub", "mul", "div", "atan2", "max", "min", "pow")
UNIT = {"asin", "acos", "atanh"}  # with values between -1 and 1


def primitive(text: str, *inputs: str) -> Program:
    return derivatives.primitive(expression(text, *inputs))


def drawn(source: np.random.Generator, count: int, *, near: bool = False) -> DoubleDouble:
    """Numbers of all binades and of moderate size, some with a lower half, some with a bound."""
    every = np.ldexp(source.uniform(1, 2, count), source.integers(-1074, 1024, count)) * source.choice([-1, 1], count)
    middle = np.ldexp(source.uniform(1, 2, count), source.integers(-60, 12, count)) * source.choice([-1, 1], count)
    kind = source.integers(0, 4, count)
    hi = np.choose(kind, [every, source.uniform(-30, 30, count), source.uniform(-2, 2, count), middle])
    hi = np.where(source.random(count) < 0.02, source.choice([0.0, 1.0, -1.0, 0.5, 2.0, 700.0, -745.0], count), hi)
    if near:
        hi = np.where(np.abs(hi) > 1.2, source.uniform(-1.2, 1.2, count), hi)
    lo = np.where(source.random(count) < 0.5, 0.0, hi * source.uniform(-1, 1, count) * 2.0**-54)
    hi, lo = number.fast_two_sum(hi, lo)
    err = np.where(source.random(count) < 0.5, 0.0, np.abs(hi) * np.exp2(-source.integers(20, 106, count).astype(float)))
    return DoubleDouble(hi, lo, err)


def inside(a: DoubleDouble, draw: random.Random) -> list[arb]:
    """A number of each enclosure, at one of its ends or between them."""
    return [arb(h) + arb(low) + arb(e) * arb(draw.choice([-1.0, 0.0, 1.0, draw.uniform(-1, 1)])) for h, low, e in zip(*(c.tolist() for c in a[:3]), strict=True)]


def violations(name: str, function: Callable[..., DoubleDouble], arity: int, *, seed: int, count: int = POINTS) -> tuple[int, int, list[Any]]:
    """How many values are known, how many have a value, and the points at which the enclosure does not hold it."""
    source, draw = np.random.default_rng(seed), random.Random(seed)
    given = [drawn(source, count, near=name in UNIT) for _ in range(arity)]
    with np.errstate(all="ignore"):
        found = function(*given)
    hi, lo, err, known = (np.broadcast_to(c, (count,)) for c in (*found[:3], is_known(found)))
    never = np.broadcast_to(False if found.never is None else found.never, (count,))
    bad, defined = [], 0
    with balls.precision(400):
        for i, values in enumerate(zip(*(inside(g, draw) for g in given), strict=True)):
            true = balls.PRIMITIVES[name](*values)
            defined += true.is_finite()
            holds = not known[i] or (true.is_finite() and bool(abs(true - arb(float(hi[i])) - arb(float(lo[i]))) <= arb(float(err[i]))))
            if not holds or (never[i] and true.is_finite()):
                bad.append((name, [(g.hi[i], g.lo[i], g.err[i]) for g in given], (hi[i], lo[i], err[i])))
    return int(known.sum()), defined, bad


@pytest.mark.parametrize("name", [*ONE_ARGUMENT, *TWO_ARGUMENTS])
def test_every_function_encloses_the_value_that_arb_gives(name: str) -> None:
    known, defined, bad = violations(name, comparisons.FUNCTIONS[name], 2 if name in TWO_ARGUMENTS else 1, seed=sum(map(ord, name)))
    assert not bad, bad[:3]
    assert known > 0.4 * defined, "the law must not hold because nothing is known"


@pytest.mark.parametrize("name", [n for n in ONE_ARGUMENT if n not in ("abs", "erfcx")])
def test_a_float_of_moderate_size_is_enclosed_to_85_bits(name: str) -> None:
    x = exactly(np.random.default_rng(3).uniform(0.01, 0.99, 500) + (1 if name == "acosh" else 0))
    found = comparisons.FUNCTIONS[name](x)
    assert np.all(found.err <= np.abs(found.hi) * 2.0**-85)


@pytest.mark.parametrize("name", ["exp", "log", "sin", "erf", "mul", "div", "add", "sqrt"])
def test_the_law_sees_a_value_that_is_off_by_four_bounds(name: str) -> None:
    def spoiled(*given: DoubleDouble) -> DoubleDouble:
        found = comparisons.FUNCTIONS[name](*given)
        return found._replace(lo=found.lo + 4 * found.err)

    assert violations(name, spoiled, 2 if name in TWO_ARGUMENTS else 1, seed=5)[2]


def test_the_law_sees_an_error_of_the_argument_that_is_not_carried_on() -> None:
    assert violations("exp", lambda a: exponential.exp(a._replace(err=a.err / 4)), 1, seed=6)[2]


def test_the_law_sees_a_table_that_is_off_by_two_to_the_minus_90(monkeypatch: pytest.MonkeyPatch) -> None:
    hi, lo = tables.powers_of_two()
    monkeypatch.setattr(tables, "powers_of_two", lambda: (hi, lo + 2.0**-90))
    assert violations("exp", exponential.exp, 1, seed=7)[2]


def test_products_that_underflow_and_overflow_are_seen() -> None:
    tiny, huge = exactly(np.array([1e-200, 1e-160])), exactly(np.array([1e200, 1e308]))
    product = number.mul(tiny, tiny)
    assert np.all(product.err > 0)
    with np.errstate(all="ignore"):
        assert not np.any(is_known(number.mul(huge, huge)))


def test_zero_times_anything_known_is_exactly_zero_and_times_the_unknown_unknown() -> None:
    zero = exactly(np.zeros(2))
    assert np.all(number.is_zero(number.mul(zero, exactly(np.array([3.0, -1e300])))))
    with np.errstate(all="ignore"):
        assert not np.any(is_known(number.mul(zero, exponential.log(exactly(np.array([-1.0, 0.0]))))))


def test_a_program_runs_as_in_balls() -> None:
    program = primitive("where(x > y, max(x, y)**3, abs(x) * log(y)) + floor(x / y)", "x", "y")
    source = np.random.default_rng(8)
    x, y = source.uniform(-3, 3, 400), source.uniform(0.1, 3, 400)
    (found,) = double_doubles.run(program, [x, y], [program.output], strict=True)
    with balls.precision(200):
        (exact,) = balls.run(program, [list(map(arb, x.tolist())), list(map(arb, y.tolist()))], [program.output], strict=True)
        held = [bool(abs(e - arb(h) - arb(low)) <= arb(r)) for e, h, low, r, k in zip(exact, found.hi.tolist(), found.lo.tolist(), found.err.tolist(), is_known(found).tolist(), strict=True) if k]
    assert all(held)
    assert len(held) > 390


def test_a_gate_without_a_function_here_is_not_known_and_said_to_be_unbounded() -> None:
    program = primitive("gamma(x)", "x")
    assert not double_doubles.is_bounded(program, [program.output])
    (found,) = double_doubles.run(program, [np.array([2.5])], [program.output], strict=True)
    assert not np.any(is_known(found))
