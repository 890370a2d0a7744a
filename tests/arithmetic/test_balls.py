"""The balls of the primitives against mpmath at 60 digits, an implementation of its own, and against themselves at two precisions."""

from __future__ import annotations

import itertools
import math
import operator
import random
import subprocess
import sys
from fractions import Fraction

import pytest
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st
from mpmath import MPContext

from verifier.arithmetic import balls
from verifier.language.formats import FORMATS, round_exact
from verifier.language.gates import GATES

mp = MPContext()
mp.dps = 60

ORDINARY = (0.3, 0.11, 0.83, 1.7, 2.9, 7.25, 41.5, -0.7, -2.3, -7.5)
HARD = (5e-324, 1e-300, 1e-17, -1e-17, 1 - 2**-53, 1 + 2**-52, -1 + 2**-53, 26.5, -26.5, 150.0, 0.0, 1.0, -1.0, 0.5, 1e6)
# Each function as mpmath has it; gates of several parameters with their orders set.
UNARY = {
    "exp": mp.exp, "expm1": mp.expm1, "log": mp.log, "log1p": mp.log1p, "sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "asin": mp.asin, "acos": mp.acos, "atan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "asinh": mp.asinh, "acosh": mp.acosh,
    "atanh": mp.atanh, "erf": mp.erf, "erfc": mp.erfc, "erfi": mp.erfi, "gamma": mp.gamma, "rgamma": mp.rgamma, "digamma": mp.digamma,
    "erfcx": lambda a: mp.exp(a * a) * mp.erfc(a), "dawson": lambda a: mp.sqrt(mp.pi) / 2 * mp.exp(-a * a) * mp.erfi(a),
    "log_ndtr": lambda a: mp.log(mp.erfc(-a / mp.sqrt(2)) / 2) if a < 0 else mp.log1p(-mp.erfc(a / mp.sqrt(2)) / 2), "lambertw": mp.lambertw, "zeta": mp.zeta,
    "airyai": mp.airyai, "airybi": mp.airybi, "airyaiprime": lambda a: mp.airyai(a, derivative=1), "airybiprime": lambda a: mp.airybi(a, derivative=1),
    "expi": mp.ei, "si": mp.si, "ci": mp.ci, "shi": mp.shi, "chi": mp.chi, "fresnels": mp.fresnels, "fresnelc": mp.fresnelc,
    "sinpi": mp.sinpi, "cospi": mp.cospi, "spence": lambda a: mp.polylog(2, 1 - a),
    "cbrt": lambda a: mp.sign(a) * mp.cbrt(abs(a)), "lgamma": lambda a: mp.log(abs(mp.gamma(a))),
}  # fmt: skip
WITH_ORDERS = {
    ("besselj", (1,)): lambda a: mp.besselj(1, a), ("bessely", (2,)): lambda a: mp.bessely(2, a), ("besseli", (2.5,)): lambda a: mp.besseli(2.5, a),
    ("besselk", (1,)): lambda a: mp.besselk(1, a), ("ive", (1,)): lambda a: mp.exp(-abs(a)) * mp.besseli(1, a), ("kve", (0.5,)): lambda a: mp.exp(a) * mp.besselk(0.5, a),
    ("gammainc", (2.5,)): lambda a: mp.gammainc(2.5, 0, a, regularized=True), ("gammaincc", (3,)): lambda a: mp.gammainc(3, a, mp.inf, regularized=True),
    ("betainc", (2, 3.5)): lambda a: mp.betainc(2, 3.5, 0, a, regularized=True), ("expn", (2,)): lambda a: mp.expint(2, a), ("polygamma", (2,)): lambda a: mp.polygamma(2, a),
    ("hyp2f1", (0.5, 0.5, 1)): lambda a: mp.hyp2f1(0.5, 0.5, 1, a), ("hyp0f1", (1.5,)): lambda a: mp.hyp0f1(1.5, a), ("zetaderiv", (1,)): lambda a: mp.zeta(a, 1, 1),
    ("hurwitz", (2.5,)): lambda a: mp.zeta(2.5, a) if a > 0 else mp.nan,
}  # fmt: skip
CASES = [*(((name, ()), f) for name, f in UNARY.items()), *WITH_ORDERS.items()]
SLOW_IN_MPMATH = {"hurwitz", "zetaderiv", "zeta", "gammainc", "betainc", "gammaincc"}  # or wrong there, far out: ordinary points only


def enclose(name: str, *args: object, bits: int) -> object:
    with balls.precision(bits):
        return balls.PRIMITIVES[name](*args)


def reference(function: object, x: float) -> object | None:
    """mpmath's value where it is real, as a ball of relative radius 1e-50; computed with digits to spare for what cancels."""
    mp.dps = 700 if abs(x) < 1e-3 else 160
    try:
        value = function(mp.mpf(x))
    except (ValueError, ZeroDivisionError, OverflowError, mp.NoConvergence):
        return None
    finally:
        mp.dps = 60
    if value != value or mp.isinf(value) or abs(mp.im(value)) > 0:  # noqa: PLR0124
        return None
    value = +mp.re(value)
    with balls.precision(240):
        middle = arb(mp.nstr(value, 70)) if value else arb(0)
        return middle + arb(0, abs(middle) * arb("1e-50"))


@pytest.mark.parametrize(("named", "function"), CASES, ids=[f"{n}{list(o)}" for (n, o), _ in CASES])
def test_a_ball_holds_the_value_that_mpmath_computes(named: tuple[str, tuple[float, ...]], function: object) -> None:
    name, orders = named
    compared = 0
    for x in ORDINARY if name in SLOW_IN_MPMATH else (*ORDINARY, *HARD):
        expected = reference(function, x)
        bits = 4200 if 0 < abs(x) < 1e-200 else 1400
        ball = enclose(name, *map(arb, orders), arb(x), bits=bits)
        if expected is None or not ball.is_finite():
            continue
        compared += 1
        with balls.precision(bits):
            assert ball.overlaps(expected), (x, ball, expected)
            assert not (ball * (1 + arb("1e-30"))).overlaps(expected) or expected == 0, (x, "the ball is too wide to tell")
    assert compared >= 3


def arguments(name: str) -> list[tuple[float, ...]]:
    gate, draw = GATES[name], random.Random(name)
    points = []
    for _ in range(30):
        row = [draw.choice((-1, 1, 1)) * 10 ** draw.uniform(-4, 2.5) for _ in gate.parameters]
        for i in gate.orders:
            row[i] = float(draw.choice((1, 2, 3)))
        points.append(tuple(row))
    return points


REAL = [name for name, gate in GATES.items() if gate.means is None and not gate.boolean and not gate.conditions]


@pytest.mark.parametrize("name", REAL)
def test_a_ball_holds_the_ball_of_more_bits(name: str) -> None:
    orders, held = GATES[name].orders, 0
    for point in arguments(name):
        sharp = enclose(name, *map(arb, point), bits=256)
        wide = [arb(v) if i in orders else arb(v, abs(v) * 2**-40) for i, v in enumerate(point)]
        for coarse in (enclose(name, *map(arb, point), bits=64), enclose(name, *wide, bits=64)):
            if coarse.is_finite() and sharp.is_finite():
                held += 1
                assert coarse.overlaps(sharp), point
                with balls.precision(256):
                    assert abs(coarse.mid() - sharp.mid()) <= coarse.rad() + sharp.rad(), point
    assert held >= 10


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, -5e-324, 0.0, -1.0, 1.0, -3.0])
def test_a_ball_never_raises(name: str, value: float) -> None:
    gate = GATES[name]
    row = [arb(2) if i in gate.orders else arb(value) for i in range(len(gate.parameters))]
    for bits in (64, 1100, 4000):
        for strict in (False, True):
            with balls.precision(bits):
                assert isinstance(balls.function_of(name, strict=strict)(*row), arb)


@pytest.mark.parametrize("parameters", [(0.5, 0.5, 1), (1.5, 1.5, 3), (1.5, 2.5, 3), (2.5, 3.5, 4)])
def test_hyp2f1_of_an_interval_below_1_holds_its_ends(parameters):
    """Arb itself takes seconds for these; mpmath gives the values at both ends."""
    with balls.precision(300), mp.workprec(900):
        centre, radius = mp.mpf(1) - mp.mpf(2) ** -200, mp.mpf(2) ** -260
        wide = arb(1) - arb(2) ** -200 + arb(0, arb(2) ** -260)
        found = balls.PRIMITIVES["hyp2f1"](*map(arb, parameters), wide)
        for x in (centre - radius, centre, centre + radius):
            exact = mp.hyp2f1(*parameters, x)
            assert found.contains(arb(mp.nstr(exact, 200)))
        assert found.rel_accuracy_bits() > 50


# ---------------------------------------------------------------- what a ball decides


RELATIONS = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne}
INTERVALS = [(low, high) for low in range(4) for high in range(low, 4)]


def members(interval: tuple[int, int]) -> list[Fraction]:
    """Halves in an interval with whole ends: enough to tell how two of them lie. Arb rounds a radius up, so that a ball goes on a little beyond its ends."""
    low, high = interval
    beyond = [low - Fraction(1, 8), high + Fraction(1, 8)] if low < high else []
    return [*beyond, *(Fraction(k, 2) for k in range(2 * low, 2 * high + 1))]


def ball_of(interval: tuple[int, int]) -> arb:
    return arb(sum(interval) / 2, (interval[1] - interval[0]) / 2)


def holds(ball: arb, value: Fraction) -> bool:
    """Whether a ball holds a number; the eighth beyond an end stands for anything beyond it."""
    return bool(ball.contains(fmpq(value.numerator, value.denominator))) or value.denominator == 8


def common(answers: set[object]) -> object:
    """What all of them say; None where they differ."""
    return next(iter(answers)) if len(answers) == 1 else None


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("bits", [8, 64])
def test_a_comparison_of_balls_says_what_all_their_numbers_say_or_nothing(name: str, bits: int) -> None:
    with balls.precision(bits):
        for a, b in itertools.product(INTERVALS, repeat=2):
            answers = {RELATIONS[name](x, y) for x in members(a) for y in members(b)}
            assert balls.function_of(name, strict=False)(ball_of(a), ball_of(b)) is common(answers), (a, b)
            meets = any(x == y for x in members(a) for y in members(b))
            assert balls.function_of(name, strict=True)(ball_of(a), ball_of(b)) is (None if meets else common(answers)), (a, b)


@pytest.mark.parametrize("bits", [8, 53, 300])
def test_whether_two_numbers_that_are_equal_are_equal_is_not_known_to_balls(bits: int) -> None:
    with balls.precision(bits):
        half = balls.PRIMITIVES["sin"](arb.pi() / 6)
        for name in RELATIONS:
            assert balls.function_of(name, strict=False)(half, arb("0.5")) is None


@pytest.mark.parametrize(("name", "connective"), [("and", all), ("or", any)])
def test_a_connective_says_what_it_says_whatever_the_unknown_is(name: str, connective: object) -> None:
    """Kleene's three-valued logic."""
    for a, b in itertools.product((True, False, None), repeat=2):
        answers = {connective((p, q)) for p in ((a,) if a is not None else (True, False)) for q in ((b,) if b is not None else (True, False))}
        assert balls.PRIMITIVES[name](a, b) is common(answers), (a, b)
    assert [balls.PRIMITIVES["not"](a) for a in (True, False, None)] == [False, True, None]


STEPS = {"abs": abs, "sign": lambda x: (x > 0) - (x < 0), "floor": lambda x: x // 1, "ceil": lambda x: -(-x // 1)}


@pytest.mark.parametrize("name", STEPS)
def test_a_kinked_function_of_a_ball_holds_its_values_and_nothing_on_the_kink(name: str) -> None:
    for a in [(low - 2, high - 2) for low, high in INTERVALS]:
        values = {Fraction(STEPS[name](x)) for x in members(a)}
        found = balls.function_of(name, strict=False)(ball_of(a))
        assert all(holds(found, v) for v in values) or not found.is_finite(), a
        assert found.is_finite() or len(values) > 1, a
        on_kink = (a[0] <= 0 <= a[1]) if name in ("abs", "sign") else True  # whole ends: every such interval holds an integer
        assert balls.function_of(name, strict=True)(ball_of(a)).is_finite() is not on_kink, a


@pytest.mark.parametrize(("name", "choose"), [("max", max), ("min", min)])
def test_the_larger_and_the_smaller_of_two_balls_hold_those_of_their_numbers(name: str, choose: object) -> None:
    for a, b in itertools.product(INTERVALS, repeat=2):
        values = [choose(x, y) for x in members(a) for y in members(b)]
        found = balls.function_of(name, strict=False)(ball_of(a), ball_of(b))
        assert all(holds(found, v) for v in values), (a, b)
        meets = any(x == y for x in members(a) for y in members(b))
        strict = balls.function_of(name, strict=True)(ball_of(a), ball_of(b))
        assert strict.is_finite() is not meets, (a, b)
        assert meets or all(holds(strict, v) for v in values), (a, b)


@given(st.integers(-40, 40), st.integers(0, 6), st.sampled_from((8, 16, 24)))
def test_a_choice_is_made_where_the_condition_is_known(middle: int, radius: int, bits: int) -> None:
    with balls.precision(bits):
        one, two = arb(middle, radius), arb(-middle, radius)
        assert balls.PRIMITIVES["where"](True, one, two) is one
        assert balls.PRIMITIVES["where"](False, one, two) is two
        assert not balls.PRIMITIVES["where"](None, one, two).is_finite()


# the angle of (x, y); None where it has no value, or none on both sides (Abramowitz & Stegun 4.4: cut along the negative axis)
@pytest.mark.parametrize(
    ("y", "x", "plain", "strict"),
    [(0, 1, 0.0, 0.0), (0, 0.5, 0.0, 0.0), (0, 2.0**-60, 0.0, 0.0), (0, 0, None, None), (0, -1, math.pi, None), (1, 0, math.pi / 2, math.pi / 2), (-1, 0, -math.pi / 2, -math.pi / 2), (1, -1, 3 * math.pi / 4, 3 * math.pi / 4), (-1, -1, -3 * math.pi / 4, -3 * math.pi / 4), (2.0**-60, -1, math.pi, math.pi)],
)
def test_the_angle_is_cut_along_the_negative_axis(y: float, x: float, plain: float | None, strict: float | None) -> None:
    for is_strict, expected in ((False, plain), (True, strict)):
        found = balls.function_of("atan2", strict=is_strict)(arb(y), arb(x))
        assert found.is_finite() is (expected is not None)
        assert expected is None or abs(float(found) - expected) < 1e-15
    wide = balls.function_of("atan2", strict=True)(arb(0, 0.25), arb(0.5))
    assert wide.is_finite()
    assert not balls.function_of("atan2", strict=True)(arb(0, 0.25), arb(-0.5)).is_finite()


# a literal, and the reals that it may have been rounded from: half an ulp on both sides of its float, or half a unit of its last digit, by fractions
@pytest.mark.parametrize(
    ("text", "form", "kind"),
    [
        ("3.141592653589793", "float64", "both"), ("3.14159265358979", "float64", "both"), ("3.1415926535898", "float64", "ulp"), ("3.141592653591", "float64", "exact"), ("0.75", "float64", "exact"), ("0.9999999999999998", "float64", "both"), ("0.1", "float64", "exact"), ("0", "float64", "exact"), ("3.14159265358979324", "float64", "both"), ("0.6666666666666666", "float64", "both"), ("1.4142135623730951", "float64", "both"),
        ("1.00000000000000000", "float64", "exact"), ("0.50000000000000000", "float64", "exact"), ("3.1415927", "float32", "both"), ("3.14159274", "float32", "both"), ("3.14159", "float32", "ulp"), ("3.1416", "float32", "exact"), ("-0.3333333333333333", "float64", "both"), ("-0.333333333333333", "float64", "both"), ("-0.33333333333333", "float64", "ulp"), ("6.283185307179586e-20", "float64", "ulp"), ("123456789.12345679", "float64", "both"),
    ],
)  # fmt: skip
def test_a_literal_holds_the_reals_that_it_may_stand_for(text: str, form: str, kind: str) -> None:
    fmt = FORMATS[form]
    value = Fraction(text)
    with balls.precision(400):
        found = balls.literal(text, fmt)
        assert balls.literal(text).contains(fmpq(value.numerator, value.denominator))
        if kind == "exact":
            assert found.contains(fmpq(value.numerator, value.denominator))
            assert found.rel_accuracy_bits() > 390
            return
        near = Fraction(round_exact(fmt, value))
        unit = Fraction(2) ** (math.frexp(abs(near))[1] - fmt.precision)
        ends = [near - unit / 2, near + unit / 2]
        if kind == "both":
            mantissa, _, exponent = text.partition("e")
            half = Fraction(10) ** (int(exponent or 0) - len(mantissa.partition(".")[2])) / 2
            ends = [min(ends[0], value - half), max(ends[1], value + half)]
        inner = [ends[0] + unit / 1000, ends[1] - unit / 1000]
        outer = [ends[0] - unit / 1000, ends[1] + unit / 1000]
        assert all(found.contains(fmpq(e.numerator, e.denominator)) for e in inner)
        assert not any(found.contains(fmpq(e.numerator, e.denominator)) for e in outer)


@pytest.mark.parametrize(("name", "value"), [("pi", mp.pi), ("tau", 2 * mp.pi), ("e", mp.e), ("euler_gamma", mp.euler)])
def test_a_constant_is_what_mpmath_says_at_the_working_precision(name: str, value: object) -> None:
    for bits in (30, 150):
        with balls.precision(bits):
            found = balls.constant(name)
            assert abs(found - arb(mp.nstr(+value, 60))) < arb(2) ** (5 - bits)
        assert found.rel_accuracy_bits() < bits + 3
    assert balls.constant("inf") == arb("inf")
    assert not balls.constant("nan").is_finite()


EXTREME_BALLS = """
import itertools
import sys
from flint import arb
from verifier.arithmetic import balls
from verifier.language.gates import GATES

infinity = arb("inf")
middles = [arb(0), arb(1), arb(-1), arb(2.5), arb(10) ** 300, -(arb(10) ** 300), infinity, -infinity, arb("nan")]
found = [arb(m, r) for m in middles for r in (arb(0), arb(1), infinity)] + [arb(infinity, infinity), -arb(infinity, infinity)]
for gate in sys.argv[1:]:
    function, count = balls.PRIMITIVES[gate], len(GATES[gate].parameters)
    some = found if count < 3 else found[::4]
    for bits in (64, 192):
        with balls.precision(bits):
            for args in itertools.product([True, False, None] if gate in ("and", "or", "not") else some, repeat=count):
                print(gate, args, file=sys.stderr, flush=True)
                if gate != "where":
                    function(*args)
"""


def test_no_ball_ends_the_process() -> None:
    """In a process of its own: what calls itself without end in C ends Python. FLINT's arb_pow does so for [inf +/- inf]."""
    gates = [g for g in balls.PRIMITIVES if g in GATES]
    assert "pow" in gates
    ran = subprocess.run([sys.executable, "-c", EXTREME_BALLS, *gates], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-500:]
