"""No gate takes long for one number: neither its ball at any precision, nor its float; and what bounds it keeps its value."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time

import pytest
from flint import arb
from mpmath import MPContext

from verifier.arithmetic import balls
from verifier.arithmetic.ball_functions import SPECIAL, most_bits
from verifier.case.load import case_of
from verifier.language.gates import GATES, kernel
from verifier.language.verdict import Verdict
from verifier.verify import verify

mp = MPContext()
SECONDS = 20.0  # of the processor, for one number: a hundred times what is expected. What goes on in C is ended by the system alone
EXTREME = (
    0.0, 0.5, 1.0, 2.0, 3.0, 0.1, 12.3, 37.5, 99.5, 1e3, 1e5, 1e8, 1e16, 1e30, 1e150, 1e300, 1.7e308, 1e-5, 1e-17, 1e-300, 5e-324, 1 - 2**-53, 1 + 2**-52, 0.99, 0.36787944117144233, 7.25, 2 + 2**-51,
)  # fmt: skip
ORDERS = (0.0, 1.0, 2.0, 3.0, 10.0, 0.5, 1.5, 2.3, 50.5, 100.0, 1e3, 1e4, 1e8, 1e10, 1e300, 1e-300, 1e-17)
PRECISIONS = (64, 128, 192, 384, 768, 1536, 6144, 65536)
REAL = [name for name, gate in GATES.items() if gate.means is None and not gate.boolean and not gate.conditions]


def drawn(draw: random.Random, name: str) -> list[float]:
    """Arguments of a gate, its orders among them."""
    gate = GATES[name]
    return [draw.choice((1.0, 1.0, -1.0)) * draw.choice(ORDERS if i in gate.orders else EXTREME) for i in range(len(gate.parameters))]


def enclose_extremes(seed: int, count: int) -> None:
    """Balls of special functions at extreme arguments, exact and inexact ones; the one that is computed is named before."""
    draw = random.Random(seed)
    for name in itertools.islice(itertools.cycle([n for n in REAL if n in SPECIAL or n == "polygamma"]), count):
        args, bits = drawn(draw, name), draw.choice(PRECISIONS)
        known = draw.choice((None, bits - 4, 40, 10))
        if bits > 6144 and not GATES[name].orders:
            bits = 6144
        print(name, args, f"{bits} bits, the last argument to", known, flush=True)
        with balls.precision(bits):
            last = arb(args[-1]) if known is None else arb(args[-1]) * (1 + arb(0, arb(2) ** -known))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            balls.PRIMITIVES[name](*map(arb, args[:-1]), last)


def compute_extremes(seed: int, count: int) -> None:
    """Floats of all gates with kernels at extreme arguments."""
    draw = random.Random(seed)
    for name in itertools.islice(itertools.cycle([n for n, g in GATES.items() if g.float64 and not g.conditions]), count):
        args = drawn(draw, name)
        print(name, args, flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        with contextlib.suppress(OverflowError, ZeroDivisionError, ValueError):
            kernel(str(GATES[name].float64))(*args)


def judge_extremes(seed: int, count: int) -> None:
    """Verdicts on random functions with special gates at extreme points, each with a limit of its own: it is made of many balls."""
    draw = random.Random(seed)
    special = sorted(SPECIAL)
    for _ in range(count):
        inner, outer = draw.choice(special), draw.choice(special)
        texts = []
        for name, argument in ((inner, "x"), (outer, draw.choice(("x", "y", "x*y", "x/y")))):
            args = drawn(draw, name)
            texts.append(f"{name}({', '.join([*(repr(a) for a in args[:-1]), argument])})" if GATES[name].orders else f"{name}({argument})")
        x, y = (draw.choice((1.0, -1.0)) * draw.choice(EXTREME) for _ in range(2))
        text = f"function: {texts[0]}*{texts[1]} + y\npoints: [{{x: {x!r}, y: {y!r}}}]\n"
        print(text, flush=True)
        signal.setitimer(signal.ITIMER_PROF, 6 * SECONDS)
        verify(case_of(text))


@pytest.mark.skipif(not hasattr(signal, "ITIMER_PROF"), reason="the system has no timer that ends a process")
@pytest.mark.parametrize(("work", "seed", "count"), [("enclose", 1, 500), ("compute", 1, 1000), ("judge", 1, 6)])
def test_no_gate_takes_long_at_extreme_arguments(work: str, seed: int, count: int) -> None:
    """Arb took minutes for K_1 of an inexact 100 at 800 bits, for E_1(1000) at 8192 bits, for 2F1 at 65,536 bits: nothing that runs in Python ends that."""
    child = f"from tests.arithmetic import test_bounded_gates as t; t.{work}_extremes({seed}, {count})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", child], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (f"status {done.returncode} at", done.stdout.strip().splitlines()[-3:], done.stderr[-600:])


def test_a_limit_of_time_ends_what_is_bounded_soon_after() -> None:
    """The largest orders and precisions that are allowed at all, one by one: each gives back control, so that limits of time are kept."""
    for name in (n for n in SPECIAL if GATES[n].orders):
        row = [arb(64.0)] * len(GATES[name].orders)
        with balls.precision(1 << 16):
            started = time.process_time()
            assert balls.PRIMITIVES[name](*row, arb(0.7)) is not None
            assert time.process_time() - started < SECONDS


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("name", "orders", "function", "x"),
    [
        ("besselk", (1,), lambda a: mp.besselk(1, a), 2.0**21), ("besselk", (2.5,), lambda a: mp.besselk(2.5, a), 2.0**21), ("besseli", (1,), lambda a: mp.besseli(1, a), 2.0**21),
        ("besseli", (1,), lambda a: mp.besseli(1, a), -(2.0**21)), ("expn", (1,), lambda a: mp.expint(1, a), 2.0**21), ("expn", (2.5,), lambda a: mp.expint(2.5, a), 2.0**21),
        ("gammaincc", (2.5,), lambda a: mp.gammainc(2.5, a, mp.inf, regularized=True), 2.0**21), ("gammaincc", (3,), lambda a: mp.exp(-a) * (1 + a + a * a / 2), 2.0**21),
        ("besselk", (1,), lambda a: mp.besselk(1, a), 37.5), ("kve", (1,), lambda a: mp.exp(a) * mp.besselk(1, a), 99.5),
        ("betainc", (2, 3.5), lambda a: mp.betainc(2, 3.5, 0, a, regularized=True), 0.9), ("betainc", (2, 30), lambda a: mp.betainc(2, 30, 0, a, regularized=True), 0.1),
        ("gammainc", (100,), lambda a: 1 - mp.gammainc(100, a, mp.inf, regularized=True), 100.0), ("gammainc", (100,), lambda a: mp.gammainc(100, 0, a, regularized=True), 60.0),
        ("hurwitz", (1e5,), lambda a: a**-100000 * (1 + (a / (a + 1)) ** 100000), 7.25), ("hurwitz", (1e5,), lambda a: a**-100000 * (1 + (a / (a + 1)) ** 100000), 0.3),
    ],
)  # fmt: skip
def test_what_is_computed_in_another_way_has_the_value_of_mpmath(name: str, orders: tuple[float, ...], function: object, x: float) -> None:
    """mpmath's functions at 90 digits. For hurwitz the sum of two terms, the third being 1.1^-100000 of the second."""
    mp.dps = 90
    expected = function(mp.mpf(x))
    with balls.precision(260):
        value = arb(mp.nstr(expected, 75))
        for known in (None, 200, 60):
            a = arb(x) if known is None else arb(x) * (1 + arb(0, arb(2) ** -known))
            found = balls.PRIMITIVES[name](*map(arb, orders), a)
            assert found.is_finite()
            assert found.overlaps(value * (1 + arb(0, 1e-70))), (known, found, value)
            if known is None:
                assert found.rel_accuracy_bits() > 180, found


@pytest.mark.parametrize("name", [n for n in (*SPECIAL, "polygamma") if GATES[n].orders])
def test_a_bounded_ball_holds_that_of_fewer_bits_and_is_the_same_at_all_higher_precisions(name: str) -> None:
    draw, compared = random.Random(name), 0
    for _ in range(12):
        args = [float(draw.choice((1, 2, 3, 70, 100))) if i in GATES[name].orders else draw.choice((0.3, 0.7, 1.7)) for i in range(len(GATES[name].parameters))]
        most = most_bits(name, [arb(a) for a in args])
        found = []
        for bits in (128, most + 200, most + 5000):
            with balls.precision(bits):
                found.append(balls.PRIMITIVES[name](*map(arb, args)))
        few, more, most_of_all = found
        assert str(more) == str(most_of_all)
        if few.is_finite() and more.is_finite():
            compared += 1
            assert few.overlaps(more)
            with balls.precision(1 << 13):
                assert abs(few.mid() - more.mid()) <= few.rad() + more.rad()
    assert compared >= 4


@pytest.mark.parametrize(("orders", "is_enclosed"), [((1e8, 3.0, 2.5), True), ((1e8, 1e8, 2.5), False), ((1e-300, 1.0, 2.0), False), ((0.0, 1.0, 2.0), True), ((1e-15, 1.0, 2.0), True)])
def test_orders_that_are_too_large_or_too_near_to_0_are_not_enclosed_and_the_verdict_says_why(orders: tuple[float, ...], is_enclosed: bool) -> None:
    args = [arb(o) for o in orders]
    assert (most_bits("hyp2f1", [*args, arb(0.25)]) > 0) is is_enclosed
    if not is_enclosed:
        assert balls.PRIMITIVES["hyp2f1"](*args, arb(0.25)).is_nan()
        report = verify(case_of(f"function: hyp2f1({', '.join(map(repr, orders))}, x)\npoints: [{{x: 0.25}}]\n"))
        (result,) = report.results
        assert result.verdict is Verdict.UNDECIDED
        assert any("no enclosure of hyp2f1 at orders so large, or so near to 0" in f.message for f in report.findings), report.findings
