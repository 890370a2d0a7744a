"""Columns of float64 with one bound: every function holds the value that Arb gives at 400 bits, also among subnormal numbers and near overflow; planted faults are seen."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.arithmetic.doubles import double, one_bound, smooth
from verifier.arithmetic.doubles.double import Double, U, exactly
from verifier.arithmetic.types import DoubleArray
from verifier.exact import derivatives

COUNT = 12  # points of a column
TWO = ("add", "sub", "mul", "div", "max", "min")
ONE = ("neg", "sqrt", "abs", "sign", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "atan", "erf", "erfc")
SIZES = {  # binades in which the operands lie; the others' are those of moderate numbers
    "add": (-1074, 1023), "sub": (-1074, 1023), "mul": (-600, 600), "div": (-600, 600), "max": (-1074, 1023), "min": (-1074, 1023), "neg": (-1074, 1023), "abs": (-1074, 1023), "sqrt": (-1074, 1023), "log": (-1074, 1023),
    "sign": (-1074, 1023),
}  # fmt: skip


def columns_near_each_other(source: np.random.Generator, low: int, high: int) -> Double:
    """Numbers of a narrow range or of a few binades, of one sign or of both, exact or with a bound of either kind."""
    scale = 2.0 ** float(source.integers(low, high + 1))
    values = scale * source.uniform(1, 1 + 2.0 ** -float(source.integers(0, 30)), COUNT) * source.choice([1.0, -1.0])
    kind = source.integers(0, 12)
    if kind == 0:
        values = values * source.choice([1.0, -1.0], COUNT)
    elif kind == 1:
        values = values * np.exp2(source.integers(-3, 1, COUNT))
    elif kind == 2:
        values[0] = 0.0
    elif kind == 3:
        values = values[:1]
    elif kind == 4:
        values = np.zeros(COUNT)
    column = exactly(np.float64(values[0]) if kind == 3 else values)
    rel = float(source.choice([0.0, 0.0, 2.0 ** -float(source.integers(20, 54))]))
    fixed = float(source.choice([0.0, 0.0, scale * 2.0 ** -float(source.integers(22, 60)), max(scale * 2.0**-300, 2.0**-1070)]))
    return column._replace(rel=rel, fixed=fixed)


def inside(a: Double, draw: random.Random) -> list[arb]:
    """A number that each value may stand for, at an end of the bound or between."""
    return [arb(v) + (arb(a.rel) * abs(arb(v)) + arb(a.fixed)) * arb(draw.choice([-1.0, 0.0, 1.0, draw.uniform(-1, 1)])) for v in np.broadcast_to(a.value, COUNT).tolist()]


def violations(name: str, function: Callable[..., Double], *, seeds: int = 160, draws: Callable[[np.random.Generator], Double] | None = None) -> tuple[int, list[Any]]:
    """How many columns are known, and the points at which a bound does not hold the value, or the ends a float."""
    known, bad = 0, list[Any]()
    for seed in range(seeds):
        source, draw = np.random.default_rng([seed, len(name)]), random.Random(seed)
        given = [draws(source) if draws else columns_near_each_other(source, *SIZES.get(name, (-40, 9))) for _ in range(2 if name in TWO else 1)]
        with np.errstate(all="ignore"):
            found = function(*given)
        known += found.is_known
        values = np.broadcast_to(found.value, COUNT)
        if found.is_known and not (np.all(values >= found.low) and np.all(values <= found.high)):
            bad.append((name, seed, "ends"))
        with balls.precision(400):
            for v, arguments in zip(values.tolist(), zip(*(inside(g, draw) for g in given), strict=True), strict=True):
                true = balls.PRIMITIVES[name](*arguments)
                holds = not found.is_known or (true.is_finite() and bool(abs(true - arb(v)) <= arb(found.rel) * abs(arb(v)) + arb(found.fixed)))
                if not holds or (found.never is not None and bool(np.all(found.never)) and true.is_finite()):
                    bad.append((name, seed, arguments, v, found.rel, found.fixed))
    return known, bad


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_every_function_encloses_the_value_that_arb_gives(name: str) -> None:
    known, bad = violations(name, one_bound.FUNCTIONS[name])
    assert not bad, bad[:3]
    assert known > 40, "the law must not hold because nothing is known"


@pytest.mark.parametrize("name", ["add", "mul", "div", "sqrt", "exp"])
def test_the_law_sees_a_bound_that_is_too_small(name: str) -> None:
    def spoiled(*given: Double) -> Double:
        found = one_bound.FUNCTIONS[name](*given)
        return found._replace(rel=found.rel * 0.3, fixed=found.fixed * 0.3)

    assert violations(name, spoiled, seeds=60)[1]


def test_the_law_sees_a_product_that_underflows_and_does_not_say_so() -> None:
    def draws(source: np.random.Generator) -> Double:
        return exactly(2.0**-530 * source.uniform(1, 2, COUNT))

    assert violations("mul", double.mul, seeds=5, draws=draws)[1] == []
    assert violations("mul", lambda a, b: double.mul(a, b)._replace(fixed=0.0), seeds=5, draws=draws)[1]


def arguments_of_exp() -> DoubleArray:
    """Numbers from -690 to 700, tiny ones, and those at the borders of the table's cells."""
    source = np.random.default_rng(2)
    cells = np.arange(-127000, 129000, 257) * math.log(2) / 128
    return np.concatenate([source.uniform(-690, 700, 6000), source.uniform(-2, 2, 4000), np.ldexp(source.uniform(-1, 1, 1000), source.integers(-1070, 0, 1000)), cells, cells + math.log(2) / 256, [0.0, -690.0, 700.0]])


def test_the_exponential_is_off_by_less_than_its_proof_says() -> None:
    """2.1 U by the proof, 2.5 U by the bound; more than half of it occurs."""
    x = arguments_of_exp()
    with balls.precision(200):
        errors = [float(abs(arb(y) / arb(v).exp() - 1)) for v, y in zip(x.tolist(), smooth.exponential(x).tolist(), strict=True)]
    assert 1.05 * U < max(errors) < 2.1 * U
    assert smooth.EXP == 2.5 * U


def test_the_law_of_the_exponential_sees_a_table_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    table, first, second = smooth._powers()
    monkeypatch.setattr(smooth, "_powers", lambda: (table * (1 + 4 * U), first, second))
    x = arguments_of_exp()[:200]
    with balls.precision(200):
        assert max(float(abs(arb(y) / arb(v).exp() - 1)) for v, y in zip(x.tolist(), smooth.exponential(x).tolist(), strict=True)) > smooth.EXP


@pytest.mark.parametrize("exponent", [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0, 64.0, 65.0, 0.3])
def test_a_power_is_that_of_arb_and_known_where_it_has_products(exponent: float) -> None:
    for x in (np.linspace(0.5, 0.75, COUNT), np.linspace(-2.5, -2.25, COUNT)):
        found = smooth.power(exactly(x), exactly(np.float64(exponent)))
        halves = 2 * exponent == int(2 * exponent) and abs(exponent) <= 64
        assert found.is_known == bool(halves and (x[0] > 0 or exponent == int(exponent)))
        if found.is_known:
            with balls.precision(300):
                for v, y in zip(x.tolist(), np.broadcast_to(found.value, COUNT).tolist(), strict=True):
                    assert abs(arb(v) ** arb(exponent) - arb(y)) <= arb(found.rel) * abs(arb(y)) + arb(found.fixed)


def test_what_may_be_zero_divides_nothing_and_zero_has_no_quotient() -> None:
    one, both, zero = exactly(np.array([1.0, 2.0])), exactly(np.array([-1.0, 1.0])), exactly(np.zeros(2))
    with np.errstate(all="ignore"):
        assert not double.div(one, both).is_known
        assert double.div(one, both).never is None
        assert double.div(one, zero).never is not None
        assert not double.div(one, exactly(np.array([1.0, 2.0]))._replace(fixed=1.0)).is_known
        assert not double.exactly(np.array([1.0, np.nan])).is_known
        assert not double.mul(exactly(np.array([1e300])), exactly(np.array([1e300]))).is_known


@pytest.mark.parametrize("strict", [False, True])
def test_comparisons_are_decided_where_they_hold_at_all_points_or_the_floats_are_exact(*, strict: bool) -> None:
    table = {**one_bound.FUNCTIONS, **(one_bound.STRICT if strict else {})}
    a, b = exactly(np.array([1.0, 2.0, 3.0])), exactly(np.array([2.0, 2.0, 2.0]))
    tie = -1 if strict else None
    for name, expected in {"lt": [1, 0, 0], "le": [1, 1, 0], "gt": [0, 0, 1], "ge": [0, 1, 1], "eq": [0, 1, 0], "ne": [1, 0, 1]}.items():
        assert table[name](a, b).tolist() == [expected[0], expected[1] if tie is None else tie, expected[2]], name
        assert int(table[name](a, exactly(np.float64(9.0)))) == (name in ("lt", "le", "ne"))
        assert int(table[name](a._replace(fixed=0.1), b)) == -1
    kink = exactly(np.array([-1.0, 1.0]))
    assert table["abs"](kink).is_known is not strict
    assert table["sign"](exactly(np.zeros(2))).is_known is not strict
    assert float(table["sign"](exactly(np.array([-1.0, -2.0]))).value) == -1


def test_a_choice_takes_the_side_of_each_point_and_nothing_where_one_is_open() -> None:
    a, b = exactly(np.array([1.0, 2.0])), exactly(np.array([5.0, 6.0]))._replace(rel=2.0**-50)
    found = one_bound.FUNCTIONS["where"](np.array([1, 0], np.int8), a, b)
    assert found.value.tolist() == [1.0, 6.0]
    assert (found.low, found.high, found.rel) == (1.0, 6.0, 2.0**-50)
    assert one_bound.FUNCTIONS["where"](np.int8(1), a, b) is a
    assert not one_bound.FUNCTIONS["where"](np.array([1, -1], np.int8), a, b).is_known


def test_a_program_runs_as_in_balls() -> None:
    program = derivatives.primitive(expression("where(x > 2, max(x, 1)**3 * exp(-x), abs(x) * log(x)) + erfc(x / sqrt(2)) / x", "x"))
    for start in (0.7, 1.9999999, 3.0):
        x = start + np.arange(100) * 2.0**-24
        (found,) = one_bound.numbers(program, [x], [program.output], strict=True)
        assert found.is_known
        assert found.relative < 2.0**-40
        with balls.precision(200):
            (exact,) = balls.run(program, [list(map(arb, x.tolist()))], [program.output], strict=True)
            assert all(abs(e - arb(v)) <= arb(found.rel) * abs(arb(v)) + arb(found.fixed) for e, v in zip(exact, found.value.tolist(), strict=True))
    lost = derivatives.primitive(expression("gamma(x)", "x"))
    assert not one_bound.is_bounded(lost, [lost.output])
