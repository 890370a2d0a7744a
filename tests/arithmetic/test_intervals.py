"""Vectors of intervals: every one encloses what Arb encloses; kernels are bounded with room to spare; nothing is known at a kink."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.arithmetic.intervals import elementary, interval, run
from verifier.arithmetic.intervals.choices import CHOICES
from verifier.arithmetic.intervals.elementary import ELEMENTARY
from verifier.exact import derivatives
from verifier.language.formats import FORMATS

if TYPE_CHECKING:
    from verifier.circuit.program import Program

BITS = 1300  # sin(1e300) has digits at this precision
UNARY = sorted(g for g in (*ELEMENTARY, *CHOICES) if g not in (
    "add", "sub", "mul", "div", "pow", "max", "min", "where", "copy", "and", "or", "not", "lt", "gt", "le", "ge", "eq", "ne"))  # fmt: skip


def primitive(text: str, *inputs: str) -> Program:
    return derivatives.primitive(expression(text, *inputs))


def spread(seed: int, count: int = 4000) -> np.ndarray:
    """Numbers of all magnitudes and both signs, more of them where functions bend, and the hard ones."""
    draw = np.random.Generator(np.random.PCG64(seed))
    sign = draw.choice([-1.0, 1.0], count)
    every = sign * np.exp2(draw.uniform(-1074, 1023.9, count))
    usual = sign * np.exp2(draw.uniform(-60, 10, count))
    near_one = sign * (1 + draw.uniform(-1, 1, count) * np.exp2(draw.uniform(-52, 0, count)))
    hard = np.array([0.0, -0.0, 1.0, -1.0, 0.5, math.pi, math.pi / 2, 709.7, -745.0, 1e308, -1e308, 5e-324, 2.0**-1022, 26.5, -26.5, 0.3275])
    return np.concatenate([every, usual, near_one, hard])


def misses(program: Program, columns: list[np.ndarray], *, strict: bool = False) -> list[tuple[float, ...]]:
    """The points at which an interval is known and does not contain Arb's enclosure, or known where there is no value."""
    found = run.run(program, columns, [program.output], strict=strict)[0]
    low, high = (np.broadcast_to(end, columns[0].shape).tolist() for end in (found.low, found.high))
    with balls.precision(BITS):
        exact = balls.run(program, [[arb(v) for v in c.tolist()] for c in columns], bits=BITS, strict=strict)[program.output]
        bad = []
        for i, (a, b, ball) in enumerate(zip(low, high, exact, strict=True)):
            if math.isnan(a) and math.isnan(b):
                continue
            if math.isnan(a) or math.isnan(b) or not ball.is_finite() or ball.upper() < a or ball.lower() > b:  # at this precision a ball is a point
                bad.append(tuple(float(c[i]) for c in columns))
    return bad


@pytest.mark.parametrize("gate", UNARY)
@pytest.mark.parametrize("strict", [False, True])
def test_a_function_encloses_what_arb_encloses(gate: str, strict: bool) -> None:
    program = primitive(f"{gate}(x)", "x")
    points = spread(1)
    assert misses(program, [points], strict=strict) == []
    low, high = run.run(program, [points], [program.output], strict=strict)[0][:2]
    known = ~np.isnan(np.broadcast_to(low, points.shape))
    assert known.mean() > 0.15
    with np.errstate(all="ignore"):
        normal = known & (np.abs(low) > 1e-290) & (np.abs(high) < 1e290)
        assert np.median((np.abs(high - low) / np.abs(low))[normal]) < 2.0**-44, "narrow enough to decide float32"


@pytest.mark.parametrize("gate", [g for g in UNARY if g not in ("abs", "sign", "floor", "ceil")])
def test_a_kernel_is_several_times_better_than_its_bound(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own error with the bound divided by 4: the bound holds with room for another CPU and another release."""
    monkeypatch.setattr(elementary, "tight", lambda: None)
    monkeypatch.setattr(interval, "EPSILON", interval.EPSILON / (1 if gate == "sqrt" else 4))
    assert misses(primitive(f"{gate}(x)", "x"), [spread(2, 2000)]) == []


@pytest.mark.parametrize("gate", ["exp", "tanh", "erfc", "cosh"])
def test_a_bound_that_is_too_small_is_caught(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementary, "tight", lambda: None)
    monkeypatch.setattr(interval, "EPSILON", interval.EPSILON / 4096)
    assert misses(primitive(f"{gate}(x)", "x"), [spread(3)])


@pytest.mark.skipif(elementary.tight() is None, reason="the package crival is not installed")
@pytest.mark.parametrize("gate", [g for g in UNARY if g not in ("abs", "sign", "floor", "ceil", "sqrt", "tan")])
def test_the_library_of_tight_intervals_encloses_and_is_nowhere_wider(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, points = primitive(f"{gate}(x)", "x"), spread(7, 2000)
    assert misses(program, [points]) == []
    tight = run.run(program, [points], [program.output], strict=False)[0]
    monkeypatch.setattr(elementary, "tight", lambda: None)
    own = run.run(program, [points], [program.output], strict=False)[0]
    known = ~np.isnan(own.low)
    assert (np.isnan(tight.low) == np.isnan(own.low)).all()
    assert (tight.low >= own.low)[known].all()
    assert (tight.high <= own.high)[known].all()


@pytest.mark.parametrize("text", ["x + y", "x - y", "x * y", "x / y", "x * x", "x**y", "x**2", "x**3", "x**-1", "x**-2", "x**0.5", "x**-1.5", "x**0", "max(x, y)", "min(x, y)", "where(x < y, x, y)"])
def test_arithmetic_encloses_what_arb_encloses(text: str) -> None:
    x, y = spread(4), np.random.Generator(np.random.PCG64(5)).permutation(spread(6))
    assert misses(primitive(text, "x", "y"), [x, y]) == []


_texts = st.recursive(
    st.sampled_from(("x", "y", "x", "0.1", "2", "pi")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("+", "-", "*", "/", "**")), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from([g for g in UNARY if g not in ("floor", "ceil", "sign")]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"where({t[0]} < {t[1]}, {t[2]}, {t[0]})"),
    ),
    max_leaves=9,
)
POOL = np.array([0.3, 0.61, 1.7, 2.9, 7.25, 41.5, 1500.0, -0.7, -2.3, -38.5, 1e-3, -1e-5, 3e-7, 0.0, -0.0, 1.0, -1.0, 1e30, -1e200, 1e-300, 745.2, -745.2])


@given(_texts)
def test_what_is_wide_stays_enclosed_through_whole_programs(text: str) -> None:
    program = primitive(text, "x", "y")
    x, y = (a.ravel() for a in np.meshgrid(POOL, POOL))
    found = run.run(program, [x, y], [program.output], strict=False)[0]
    low, high = np.broadcast_to(found.low, x.shape), np.broadcast_to(found.high, x.shape)
    with balls.precision(BITS):
        exact = balls.run(program, [[arb(v) for v in c.tolist()] for c in (x, y)], bits=BITS, strict=False)[program.output]
        for a, b, ball in zip(low.tolist(), high.tolist(), exact, strict=True):
            assert math.isnan(a) == math.isnan(b)
            if not math.isnan(a) and ball.is_finite():  # where Arb's ball is wide, or has no value it could enclose, they meet at least
                assert not ball < arb(a)
                assert not ball > arb(b)


def test_at_a_kink_nothing_is_known_in_strict_runs_and_off_it_everything_is() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    for text in ("abs(x)", "sign(x)", "max(x, 0)", "where(x < 0, 1, 2)", "floor(x + 0.0)"):
        strict = np.broadcast_to(run.run(primitive(text, "x"), [x], [primitive(text, "x").output], strict=True)[0].low, (3,))
        assert math.isnan(strict[1]), text
        if "floor" not in text:
            assert not np.isnan(strict[[0, 2]]).any(), text


def test_where_there_is_certainly_no_value_is_said() -> None:
    x = np.array([-2.0, -1e-300, 0.0, 1.0, 3.0])
    for text, expected in (("log(x)", [1, 1, 0, 0, 0]), ("sqrt(x) + 1", [1, 1, 0, 0, 0]), ("1 / x", [0, 0, 0, 0, 0]), ("where(x < 0, 5, log(x))", [0] * 5), ("asin(x)", [1, 0, 0, 0, 1])):
        program = primitive(text, "x")
        never = run.run(program, [x], [program.output], strict=False)[0].never
        assert np.broadcast_to(False if never is None else never, (5,)).tolist() == [bool(v) for v in expected], text


def test_a_literal_is_the_interval_of_the_constants_it_may_have_been_rounded_from() -> None:
    program = primitive("0.7978846 * x", "x")
    one = np.array([1.0])
    exact = run.run(program, [one], [program.output], strict=False)[0]
    rounded = run.run(program, [one], [program.output], strict=False, rounded_in=FORMATS["float32"])[0]
    assert exact.high[0] - exact.low[0] < 1e-15
    assert rounded.low[0] <= 0.79788455 < math.sqrt(2 / math.pi) < 0.79788465 <= rounded.high[0], "half a unit of the last digit"
    assert rounded.high[0] - rounded.low[0] < 1.0001e-7


def test_a_function_without_a_bound_is_not_known() -> None:
    program = primitive("zeta(x) + x", "x")
    assert math.isnan(float(np.max(run.run(program, [np.array([2.0])], [program.output], strict=False)[0].low)))
    assert not run.is_bounded(program, [program.output])
    assert run.is_bounded(primitive("gelu(x)", "x"), [primitive("gelu(x)", "x").output])


@pytest.mark.parametrize("gate", [g for g in UNARY if g not in ("floor", "ceil", "sign")])
def test_a_sweep_takes_the_kernels_with_their_bounds_whatever_is_installed(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws above hold these against Arb."""
    program, points = primitive(f"{gate}(x)", "x"), spread(9, 300)
    quick = run.quick(program, [points], [program.output], strict=False)[0]
    monkeypatch.setattr(elementary, "tight", lambda: None)
    own = run.run(program, [points], [program.output], strict=False)[0]
    assert np.array_equal(quick.low, own.low, equal_nan=True)
    assert np.array_equal(quick.high, own.high, equal_nan=True)


@pytest.mark.parametrize("n", range(3, 10))
def test_whole_powers_enclose_also_where_a_product_underflows_or_overflows_on_the_way(n: int) -> None:
    points = np.concatenate([spread(10, 400), np.exp2(np.linspace(-1074 / n - 40, -1074 / n + 60, 200)), -np.exp2(np.linspace(1024 / n - 5, 1024 / n, 200)), np.array([1e160, -1e200, 1e-170])])
    assert misses(primitive(f"x**{n}", "x"), [points]) == []
