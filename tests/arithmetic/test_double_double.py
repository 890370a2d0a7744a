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
from verifier.arithmetic.double_double import comparisons, error_functions, exponential, number, tables
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
    return [arb(h) + arb(low) + arb(e) * arb(draw.choice([-1.0, 0.0, 1.0, draw.uniform(-1, 1)])) for h, low, e in zip(*(np.broadcast_to(c, np.shape(a.hi)).tolist() for c in (a.hi, a.lo, a.err)), strict=True)]


def relative(source: np.random.Generator, count: int, *, widest: int) -> DoubleDouble:
    """Numbers of up to so many binades above and below 1, of one sign or of both, with one relative bound."""
    signs = source.choice([[1, 1], [-1, -1], [1, -1]])
    hi = np.ldexp(source.uniform(1, 2, count), source.integers(-widest, widest + 1, count)) * source.choice(signs, count)
    lo = number.NOTHING if source.random() < 0.3 else hi * source.uniform(-1, 1, count) * 2.0**-54
    return DoubleDouble(hi, lo, number.NOTHING, None, float(source.choice([0.0, 2.0 ** -float(source.integers(45, 106))])))


def violations(
    name: str, function: Callable[..., DoubleDouble], arity: int, *, seed: int, count: int = POINTS, draws: Callable[[np.random.Generator, int], DoubleDouble] | None = None
) -> tuple[int, int, list[Any]]:
    """How many values are known, how many have a value, and the points at which the enclosure does not hold it."""
    source, draw = np.random.default_rng(seed), random.Random(seed)
    given = [draws(source, count) if draws else drawn(source, count, near=name in UNIT) for _ in range(arity)]
    with np.errstate(all="ignore"):
        found = function(*given)
    hi, lo, err, known = (np.broadcast_to(c, (count,)) for c in (found.hi, found.lo, found.err, is_known(found)))
    never = np.broadcast_to(False if found.never is None else found.never, (count,))
    bad, defined = [], 0
    with balls.precision(400):
        for i, values in enumerate(zip(*(inside(g, draw) for g in given), strict=True)):
            true = balls.PRIMITIVES[name](*values)
            defined += true.is_finite()
            holds = not known[i] or (true.is_finite() and bool(abs(true - arb(float(hi[i])) - arb(float(lo[i]))) <= arb(float(err[i]))))
            if not holds or (never[i] and true.is_finite()):
                bad.append((name, [tuple(np.broadcast_to(c, (count,))[i] for c in (g.hi, g.lo, g.err)) for g in given], (hi[i], lo[i], err[i])))
    return int(known.sum()), defined, bad


@pytest.mark.parametrize("name", [*ONE_ARGUMENT, *TWO_ARGUMENTS])
def test_every_function_encloses_the_value_that_arb_gives(name: str) -> None:
    known, defined, bad = violations(name, comparisons.FUNCTIONS[name], 2 if name in TWO_ARGUMENTS else 1, seed=sum(map(ord, name)))
    assert not bad, bad[:3]
    assert known > 0.4 * defined, "the law must not hold because nothing is known"


RELATIVE = {"add": (2, 40), "sub": (2, 40), "mul": (2, 300), "div": (2, 300), "neg": (1, 900), "abs": (1, 900), "exp": (1, 8), "sqrt": (1, 300), "tanh": (1, 4), "cosh": (1, 8), "log": (1, 300)}  # operands, and their binades


@pytest.mark.parametrize("name", RELATIVE)
def test_every_function_of_numbers_with_one_relative_bound_encloses_what_arb_gives(name: str) -> None:
    arity, widest = RELATIVE[name]
    totals = [0, 0]
    for seed in range(40):
        known, defined, bad = violations(name, comparisons.FUNCTIONS[name], arity, seed=seed, count=60, draws=lambda s, n: relative(s, n, widest=widest))
        assert not bad, bad[:3]
        totals = [totals[0] + known, totals[1] + defined]
    assert totals[0] > 0.9 * totals[1], "the law must not hold because nothing is known"


@pytest.mark.parametrize("name", ["add", "mul", "div", "exp"])
def test_the_law_sees_a_relative_bound_that_is_too_small_by_a_quarter(name: str) -> None:
    """The operands have no bound wider than that of the last rounding, so that theirs is what is missed."""
    arity, _ = RELATIVE[name]

    def spoiled(*given: DoubleDouble) -> DoubleDouble:
        found = comparisons.FUNCTIONS[name](*given)
        return DoubleDouble(found.hi, found.lo, found.err * 0.75)

    def wide(source: np.random.Generator, count: int) -> DoubleDouble:
        return DoubleDouble(source.uniform(1, 2, count), number.NOTHING, number.NOTHING, None, 2.0**-60)

    assert violations(name, spoiled, arity, seed=1, count=400, draws=wide)[2]


def test_products_quotients_and_exponentials_keep_one_relative_bound_and_so_do_sums_in_which_nothing_cancels() -> None:
    a, b = (DoubleDouble(np.random.default_rng(k).uniform(1, 2, 50), number.NOTHING, number.NOTHING, None, 2.0**-100) for k in (1, 2))
    for found in (number.mul(a, b), number.div(a, b), exponential.exp(a), number.add(a, b), number.neg(a), number.scaled(a, -0.25)):
        assert found.fixed is number.NOTHING
        assert 2.0**-101 < found.rel < 2.0**-97
    assert number.sub(a, b).rel == 0.0, "here they cancel"
    assert np.all(number.sub(a, b).err >= (a.hi + b.hi) * 2.0**-100)


def test_a_relative_bound_of_what_is_tiny_has_a_fixed_part_as_well() -> None:
    tiny = DoubleDouble(np.array([2.0**-600, 1.0]), number.NOTHING, number.NOTHING, None, 2.0**-100)
    assert np.all(number.mul(tiny, tiny).err >= number.TINY)
    assert np.all(number.mul(tiny, DoubleDouble(np.array([0.0, 1.0]), number.NOTHING, number.NOTHING)).err[0] == 0)


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
    assert violations("exp", lambda a: exponential.exp(a._replace(fixed=a.err / 4, rel=0.0)), 1, seed=6)[2]


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


def test_a_product_of_floats_of_which_one_is_too_large_to_be_split_is_not_known() -> None:
    """2^27 + 1 times 1e305 is beyond the range, so the error of the product is not had, though the product is."""
    with np.errstate(all="ignore"):
        assert not np.any(is_known(number.mul(exactly(np.array([1e305, -1e306])), exactly(np.array([3e-10, 7e-9])))))


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


# ---------------------------------------------------------------- how tight, how far, and what is said at borders


def test_the_constants_of_the_bounds_are_twice_the_proved_errors_rounded_up_to_a_power_of_two() -> None:
    """Joldes, Muller and Popescu: 3 u², 7 u² and 15 u² for a sum, a product and a quotient, u = 2^-53."""
    for constant, proved in ((number.SUM, 3), (number.PRODUCT, 7), (number.QUOTIENT, 15)):
        assert 2 * proved <= constant * 2.0**106 < 4 * proved
        assert np.frexp(constant)[0] == 0.5
    assert 2 * 6.5 <= number.ROOT * 2.0**106 <= 32  # three roundings of 2u of the correction, and u²/2
    assert number.SPLITTER == 2.0**27 + 1
    assert number.TINY == 2.0**-1060 > 2.0**-1073
    u = 2.0**-53
    assert 16 * u < number.SLACK - 1 < 64 * u, "a bound takes about ten roundings"
    assert 16 * u < 1 - number.LESS < 64 * u


TIGHT = {  # bits of the relative bound of floats from 0.01 to 0.99 (acosh: from 1.01), and from 2 to 20; None where there is no value
    "sqrt": (100.9, 100.9), "exp": (99.9, 99.9), "expm1": (93.4, 99.6), "log": (92.3, 97.2), "log1p": (92.4, 97.3), "cbrt": (101.5, 101.5), "sin": (97.1, 96.9), "cos": (97.9, 97.0), "tan": (96.4, 96.3), "asin": (96.3, None), "acos": (96.6, None),
    "atan": (96.4, 98.3), "sinh": (93.4, 99.3), "cosh": (99.2, 99.2), "tanh": (94.4, 100.1), "asinh": (92.4, 97.4), "acosh": (95.9, 97.4), "atanh": (93.0, None), "erf": (97.7, 100.6), "erfc": (98.8, 93.1), "erfcx": (100.1, 100.7),
}  # fmt: skip


@pytest.mark.parametrize("name", TIGHT)
def test_a_bound_is_no_wider_than_it_was_found_to_be(name: str) -> None:
    """Measured when the functions were written: a constant that is twice as large as it needs to be is seen."""
    for bits, low, high in ((TIGHT[name][0], 0.01, 0.99), (TIGHT[name][1], 2, 20)):
        if bits is None:
            continue
        found = comparisons.FUNCTIONS[name](exactly(np.random.default_rng(3).uniform(low, high, 500) + (1 if name == "acosh" and low < 1 else 0)))
        assert np.all(is_known(found))
        assert np.all(found.err <= np.abs(found.hi) * 2.0**-bits)


def test_a_sine_is_as_tight_far_from_0() -> None:
    """In [1000, 1020] there are seven zeros, near which the bound is that of the reduced argument; measured when the function was written."""
    found = comparisons.FUNCTIONS["sin"](exactly(np.random.default_rng(3).uniform(1000, 1020, 500)))
    assert np.all(found.err <= np.abs(found.hi) * 2.0**-96.9)


def test_a_ball_as_a_double_double_is_exact_where_it_is_a_sum_of_two_floats() -> None:
    with balls.precision(200):
        both = double_doubles.from_ball(arb(1.5) + arb(2.0**-70))
    assert (float(both.hi), float(both.lo), float(both.err)) == (1.5, 2.0**-70, 0.0)
    with balls.precision(200):
        tenth = double_doubles.from_ball(arb("0.1"))
        off = abs(arb("0.1") - arb(float(tenth.hi)) - arb(float(tenth.lo)))
    assert 0 < off.lower() <= float(tenth.err) < 2.0**-105


TIGHT_NEAR_0 = {  # the same of floats from 2^-40 to 2^-9.5, of the logarithm and acosh 1 more
    "expm1": 99.9, "log1p": 97.9, "sinh": 99.4, "tanh": 91.4, "asinh": 97.9, "atanh": 97.8, "sin": 97.8, "tan": 96.8, "atan": 96.8, "asin": 96.6, "erf": 97.8, "sqrt": 100.9, "cbrt": 101.5, "exp": 99.9, "cos": 97.9, "cosh": 99.2, "erfc": 102.9, "acos": 97.4, "log": 98.4, "acosh": 92.1, "erfcx": 100.9,
}  # fmt: skip


@pytest.mark.parametrize("name", TIGHT_NEAR_0)
def test_a_bound_is_as_tight_near_0(name: str) -> None:
    """Nothing cancels there: exp(x) - 1 of 2^-40 keeps its 100 bits."""
    x = np.exp2(np.random.default_rng(5).uniform(-40, -9.5, 500)) + (1 if name in ("acosh", "log") else 0)
    found = comparisons.FUNCTIONS[name](exactly(x))
    assert np.all(is_known(found))
    assert np.all(found.err <= np.abs(found.hi) * 2.0 ** -TIGHT_NEAR_0[name])


SLOPES = {  # derivatives, from the calculus; what a bound may add to them is 6 percent; the root's is twice its slope, and for the error functions it is their largest slope 2/sqrt(pi) = 1.1284
    "sqrt": lambda x: 1 / np.sqrt(x), "exp": np.exp, "expm1": np.exp, "log": lambda x: 1 / x, "log1p": lambda x: 1 / (1 + x), "cbrt": lambda x: np.cbrt(x) / (3 * x), "sin": np.ones_like, "cos": np.ones_like, "asinh": lambda x: 1 / np.sqrt(1 + x * x),
    "atan": lambda x: 1 / (1 + x * x), "tanh": lambda x: 1 / np.cosh(x) ** 2, "erf": lambda x: np.full_like(x, 1.13),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_an_error_of_the_argument_is_carried_on_by_the_slope(name: str) -> None:
    x = np.random.default_rng(9).uniform(0.1, 0.9, 300)
    given = 2.0**-40
    found = comparisons.FUNCTIONS[name](DoubleDouble(x, np.float64(0.0), np.full(300, given)))
    slope = SLOPES[name](x) * (6 if name in ("asinh", "atan", "tanh") else 1)  # compositions carry it on more than once
    assert np.all(found.err <= 1.06 * slope * given)
    if name in ("sqrt", "exp", "expm1", "log", "log1p", "cbrt"):
        assert np.all(found.err >= slope * given)


# where a function is known: arguments just inside and just outside of its range
REACH = (
    ("exp", 685.9, 686.1), ("exp", -617.4, None), ("exp", -700.0, None), ("sin", 29999.0, 30001.0), ("cos", -29999.0, -30001.0), ("tan", 29999.0, 30001.0), ("sqrt", 2.0**989.9, 2.0**990.1), ("sqrt", 2.0**-949.9, 2.0**-950.1), ("log", 2.0**989.9, 2.0**990.1), ("log", 2.0**-949.9, 2.0**-950.1), ("cbrt", 2.0**989.9, 2.0**990.1), ("cbrt", -(2.0**-800), -(2.0**-950.1)),
    ("acosh", 1.5, 0.5), ("atanh", 0.99, 1.0), ("atanh", -0.99, -1.5), ("asin", 0.99, 1.01), ("acos", -0.99, -1.01), ("log", 1.0, 0.0), ("log", 1.0, -1.0), ("log1p", -0.5, -1.0), ("log1p", -0.5, -1.5), ("sqrt", 0.0, -1.0), ("erfcx", 26.9, 27.2), ("erfcx", 0.0, -0.1), ("erfc", 30.0, None), ("erfc", -30.0, None), ("erf", 30.0, None), ("erf", -30.0, None),
)  # fmt: skip


@pytest.mark.parametrize(("name", "inside", "outside"), REACH, ids=[f"{n} {a} {b}" for n, a, b in REACH])
def test_a_function_is_known_as_far_as_its_range(name: str, inside: float, outside: float | None) -> None:
    with np.errstate(all="ignore"):
        assert np.all(is_known(comparisons.FUNCTIONS[name](exactly(np.array([inside, inside])))))
        assert outside is None or not np.any(is_known(comparisons.FUNCTIONS[name](exactly(np.array([outside, outside])))))
        both = is_known(comparisons.FUNCTIONS[name](exactly(np.array([inside, inside if outside is None else outside]))))
        assert np.broadcast_to(both, (2,)).tolist() == [True, outside is None]


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "sin", "cos", "erf", "erfcx"])
def test_an_error_of_the_argument_of_more_than_a_millionth_is_too_wide(name: str) -> None:
    for x in (1.0, 0.002):
        size = {"log": x, "log1p": 1 + x}.get(name, 1.0) if x == 1 or name == "log" else 1.0  # that of the number of which the logarithm is taken
        for part, expected in ((0.9, True), (1.1, False)):
            found = comparisons.FUNCTIONS[name](DoubleDouble(np.array([x, x]), np.float64(0.0), np.full(2, part * exponential.WIDEST * size)))
            assert bool(np.all(is_known(found))) is expected


# certainly without a value: over the reals
NEVER = (("log", (0.0, -1.0, 1.0, -1e-300)), ("log1p", (-1.0, -1.5, -0.5, 1.0)), ("sqrt", (-1.0, 0.0, 1.0, -1e-300)), ("acosh", (1.0, 0.5, 2.0, -3.0)), ("atanh", (1.0, -1.0, 0.5, -2.0)), ("asin", (1.0, 1.5, -1.5, 0.2)), ("acos", (1.0, 1.5, -1.5, 0.2)))


@pytest.mark.parametrize(("name", "values"), NEVER)
def test_where_there_is_certainly_no_value_that_is_said(name: str, values: tuple[float, ...]) -> None:
    with np.errstate(all="ignore"):
        found = comparisons.FUNCTIONS[name](exactly(np.array(values)))
    with balls.precision(100):
        exact = [not balls.PRIMITIVES[name](arb(v)).is_finite() for v in values]
    assert found.never is not None
    assert np.broadcast_to(found.never, (len(values),)).tolist() == exact


# a pair of numbers, the first with a bound, and what is certain: 1 true, 0 false, -1 open; strict in the second place
COMPARED = (
    ((1.0, 0.0), 2.0, {"lt": (1, 1), "gt": (0, 0), "le": (1, 1), "ge": (0, 0), "eq": (0, 0), "ne": (1, 1)}), ((2.0, 0.0), 1.0, {"lt": (0, 0), "gt": (1, 1), "le": (0, 0), "ge": (1, 1), "eq": (0, 0), "ne": (1, 1)}),
    ((1.0, 0.0), 1.0, {"lt": (0, -1), "gt": (0, -1), "le": (1, -1), "ge": (1, -1), "eq": (1, -1), "ne": (0, -1)}), ((1.0, 1e-9), 1.0, dict.fromkeys(("lt", "gt", "le", "ge", "eq", "ne"), (-1, -1))), ((1.0, 0.9), 2.0, {"lt": (1, 1), "gt": (0, 0), "le": (1, 1), "ge": (0, 0), "eq": (0, 0), "ne": (1, 1)}), ((1.0, 1.1), 2.0, dict.fromkeys(("lt", "gt", "le", "ge", "eq", "ne"), (-1, -1))),
)  # fmt: skip


@pytest.mark.parametrize(("a", "b", "expected"), COMPARED, ids=map(str, range(len(COMPARED))))
def test_a_comparison_is_decided_where_the_bounds_tell(a: tuple[float, float], b: float, expected: dict[str, tuple[int, int]]) -> None:
    first, second = DoubleDouble(np.array([a[0]]), np.array([0.0]), np.array([a[1]])), exactly(np.array([b]))
    for name, (plain, strict) in expected.items():
        for table, truth in ((comparisons.FUNCTIONS, plain), (comparisons.STRICT, strict)):
            found = np.asarray(table[name](first, second))
            assert (1 if found[0] == 1 else 0 if found[0] == 0 else -1) == truth, (name, found)


# a step, a number with its lower half and bound, its value, and that of the strict one; None where it is not known
STEPS = (
    ("floor", (2.5, 0.0, 0.0), 2, 2), ("floor", (3.0, 0.0, 0.0), 3, None), ("floor", (3.0, -1e-20, 0.0), 2, 2), ("floor", (3.0, 1e-20, 0.0), 3, 3), ("floor", (3.0, 0.0, 1e-20), None, None), ("floor", (2.5, 0.0, 0.4), 2, 2), ("floor", (2.5, 0.0, 0.6), None, None), ("floor", (-2.5, 0.0, 0.0), -3, -3), ("floor", (2.0**51 + 0.5, 0.0, 0.0), 2.0**51, 2.0**51), ("floor", (2.0**53, 0.0, 0.0), None, None), ("floor", (2.0**52, 0.0, 0.0), None, None), ("floor", (2.0**52 - 1, 0.25, 0.0), 2.0**52 - 1, 2.0**52 - 1),
    ("ceil", (2.5, 0.0, 0.0), 3, 3), ("ceil", (3.0, 0.0, 0.0), 3, None), ("ceil", (3.0, 1e-20, 0.0), 4, 4), ("ceil", (-2.5, 0.0, 0.6), None, None), ("ceil", (-2.5, 0.0, 0.0), -2, -2), ("sign", (2.5, 0.0, 0.0), 1, 1), ("sign", (-2.5, 0.0, 2.0), -1, -1), ("sign", (0.0, 0.0, 0.0), 0, None), ("sign", (0.0, 0.0, 1e-300), None, None), ("sign", (1.0, 0.0, 1.1), None, None),
    ("abs", (-2.5, 0.0, 0.0), 2.5, 2.5), ("abs", (0.0, 0.0, 0.0), 0, None), ("abs", (-1.0, 0.0, 1.1), 1, None),
)  # fmt: skip


@pytest.mark.parametrize(("name", "given", "plain", "strict"), STEPS, ids=[f"{n} {g}" for n, g, *_ in STEPS])
def test_a_step_is_known_where_the_bounds_tell(name: str, given: tuple[float, float, float], plain: float | None, strict: float | None) -> None:
    a = DoubleDouble(*(np.array([x]) for x in given))
    for table, expected in ((comparisons.FUNCTIONS, plain), (comparisons.STRICT, strict)):
        found = table[name](a)
        assert isinstance(found, DoubleDouble)
        assert bool(is_known(found)[0]) is (expected is not None)
        assert expected is None or found.hi[0] == expected


def test_the_larger_of_two_that_the_bounds_do_not_tell_apart_holds_both() -> None:
    a, b = DoubleDouble(np.array([1.0, 1.0]), np.zeros(2), np.array([0.5, 0.25])), DoubleDouble(np.array([1.25, 3.0]), np.zeros(2), np.array([0.125, 0.5]))
    for name, first, second in (("max", (1.0, 1.375), (2.5, 3.5)), ("min", (0.5, 1.25), (0.75, 1.25))):
        found = comparisons.FUNCTIONS[name](a, b)
        for k, (low, high) in enumerate((first, second)):
            assert found.hi[k] - found.err[k] <= low
            assert found.hi[k] + found.err[k] >= high
            assert found.err[k] <= (1.5 if k == 0 else 0.5)
        assert is_known(comparisons.STRICT[name](a, b)).tolist() == [False, True]


@pytest.mark.parametrize("exponent", [-3.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.5, 7.0, 64.0, 65.0, -64.0, 0.3])
def test_a_power_is_that_of_arb_and_known_where_it_has_a_value(exponent: float) -> None:
    """A whole one of any base, another one of positive bases; of a whole one over 64 the logarithm is taken, of positive bases only."""
    x = np.array([0.5, 1.75, 2.0, -0.75, -2.5, 3.0])
    with np.errstate(all="ignore"):
        found = comparisons.power(exactly(x), exactly(np.float64(exponent)))
    known = np.broadcast_to(is_known(found), x.shape)
    whole = exponent == int(exponent) and abs(exponent) <= 64
    assert known.tolist() == [bool(v > 0 or whole) for v in x]
    with balls.precision(300):
        for k, v in enumerate(x.tolist()):
            exact = arb(v) ** arb(exponent)
            if known[k]:
                assert abs(exact - arb(float(found.hi[k])) - arb(float(np.broadcast_to(found.lo, x.shape)[k]))) <= arb(float(np.broadcast_to(found.err, x.shape)[k]))
                assert np.broadcast_to(found.err, x.shape)[k] <= abs(found.hi[k]) * 2.0**-90
    if exponent != int(exponent):
        assert found.never is not None
        assert found.never.tolist() == [bool(v < 0) for v in x]


@pytest.mark.parametrize("name", ["sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "expm1", "log1p", "cbrt", "sqrt", "log", "acosh"])
@pytest.mark.parametrize("others", [(), (0.5,), (0.75, 0.001)])
def test_a_function_is_exactly_0_where_it_is(name: str, others: tuple[float, ...]) -> None:
    """At 0, or at 1: a gradient that is 0 is told from one that is small."""
    zero = 1.0 if name in ("log", "acosh") else 0.0
    with np.errstate(all="ignore"):
        found = comparisons.FUNCTIONS[name](exactly(np.array([zero, *(zero + x for x in others), zero])))
        one = comparisons.FUNCTIONS[name](DoubleDouble(np.array([zero]), np.array([0.0]), np.array([2.0**-80])))
    assert np.broadcast_to(number.is_zero(found), (2 + len(others),)).tolist() == [True, *(False for _ in others), True]
    assert not np.any(number.is_zero(one)), "not where there is a bound"


@pytest.mark.parametrize("name", ["erf", "erfcx"])
def test_a_table_holds_at_the_ends_of_its_cells(name: str) -> None:
    """Where the terms that are left out are largest; the values are Arb's at 400 bits."""
    table = getattr(tables, name)()
    middles = np.arange(len(table.bound)) * table.width
    x = np.concatenate([middles + part * table.width for part in (-0.499999, -0.25, 0.25, 0.499999)])
    x = x[(x > 0) & (x <= middles[-1])]
    found = error_functions._expanded(table, exactly(x), 1.13)
    with balls.precision(400):
        for value, hi, lo, err in zip(x.tolist(), found.hi.tolist(), found.lo.tolist(), found.err.tolist(), strict=True):
            true = balls.PRIMITIVES[name](arb(value))
            assert abs(true - arb(hi) - arb(lo)) <= arb(err)


def test_a_sum_of_floats_has_the_sum_of_their_bounds() -> None:
    """Of floats without a lower half the sum itself is exact."""
    x, y, e, f = (np.array([v]) for v in (1.5, 2.0**-60, 2.0**-70, 2.0**-71))
    plain, other = exactly(x), exactly(y)
    for a, b, bound in ((plain._replace(fixed=e), other._replace(fixed=f), e + f), (plain._replace(fixed=e), other, e), (plain, other._replace(fixed=f), f), (plain, other, 0 * e)):
        for found, sign in ((number.add(a, b), 1), (number.sub(a, b), -1)):
            assert found.hi[0] + 0.0 == 1.5
            assert found.lo[0] == sign * 2.0**-60
            assert bound[0] <= np.broadcast_to(found.err, (1,))[0] <= bound[0] * (1 + 2.0**-40)


def test_the_coefficients_of_erfcx_are_known_to_three_times_the_bits_of_a_pair() -> None:
    """A pair is off by 2^-106 of a coefficient only if the ball is that narrow."""
    with balls.precision(tables.WIDE):
        for center in (0.0, 6.5, 13.0, 20.0, 27.0):
            for c in tables._coefficients(lambda x: (x * x).exp() * x.erfc(), arb(center), tables.COUNT + 1):
                assert c.rel_accuracy_bits() > 318


@pytest.mark.parametrize("exponent", [0.5, 2.5, 5.5])
def test_half_of_an_odd_power_of_0_is_exactly_0(exponent: float) -> None:
    with np.errstate(all="ignore"):
        found = comparisons.FUNCTIONS["pow"](exactly(np.array([0.0, 4.0])), exactly(np.float64(exponent)))
    assert (found.hi[0], found.err[0], found.hi[1]) == (0.0, 0.0, 2 ** (2 * exponent))
