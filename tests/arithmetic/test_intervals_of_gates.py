"""Special functions in float64 intervals: where one is known it encloses what Arb encloses, with room to spare, and it is known where it should be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.arithmetic.intervals import interval, run
from verifier.arithmetic.intervals.special_functions import ORDERED, SPECIAL
from verifier.exact import derivatives
from verifier.language.formats import FORMATS, first_place, last_place, numbers

if TYPE_CHECKING:
    from verifier.circuit.program import Program

BITS = 400
STRIDE = 61  # of all numbers of float16 and bfloat16
POINTS = 300  # of each kind of random numbers
TEXTS = sorted({f"{name}(x)" for name in SPECIAL if name not in ORDERED} | {f"{name}({', '.join(map(repr, orders))}, x)" for name, table in ORDERED.items() for orders in table})
COMPOSED = ("hyp", "expn(0", "ive(2", "ive(3", "kve(2", "kve(3", "sinpi", "cospi", "fresnel")  # of several operations, whose roundings have no room to spare


def arguments(stride: int = STRIDE, count: int = POINTS) -> np.ndarray:
    """Numbers of the 16-bit formats, random ones of all magnitudes, and the neighbourhoods of borders, poles and zeros."""
    draw = np.random.Generator(np.random.PCG64(17))
    sign = draw.choice([-1.0, 1.0], count)
    narrow = [numbers(fmt, np.arange(first_place(fmt), last_place(fmt) + 1, stride)) for fmt in (FORMATS["float16"], FORMATS["bfloat16"])]
    every = [sign * np.exp2(draw.uniform(low, high, count)) for low, high in ((-1000, 1000), (-60, 10), (-2, 2))]
    borders = np.array([0.25, 0.36, 0.5, 1, 2, 3, 26, 30, 37, 100, 256, 700, 2.0**20, 2.0**-20, 1.4616321449683623, 0.37250741078136663, 0.8935769662791675, 2.404825557695773])
    near = np.concatenate([s * borders * (1 + k * 2.0**-e) for s in (-1, 1) for k in (-1, 0, 1) for e in (52, 40, 20, 10)])
    x = np.concatenate([*narrow, *every, draw.uniform(-50, 50, count), near, 1 - np.exp2(draw.uniform(-53, 0, count))])
    return np.unique(x)


def primitive(text: str) -> Program:
    return derivatives.primitive(expression(text, "x"))


def ends(program: Program, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = run.run(program, [points], [program.output], strict=False)[0]
    return np.broadcast_to(found.low, points.shape), np.broadcast_to(found.high, points.shape)


def misses(program: Program, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[float]:
    """The points at which an interval is known that Arb's enclosure is outside of: a ball of 400 bits is as good as a point."""
    with balls.precision(BITS):
        exact = balls.run(program, [list(map(arb, points.tolist()))], bits=BITS, strict=False)[program.output]
        return [
            x
            for x, a, b, ball in zip(points.tolist(), low.tolist(), high.tolist(), exact, strict=True)
            if not math.isnan(a) and (math.isnan(b) or ball < arb(a) or ball > arb(b))
        ]


@pytest.mark.parametrize("text", TEXTS)
def test_a_special_function_encloses_what_arb_encloses(text: str) -> None:
    program, points = primitive(text), arguments()
    low, high = ends(program, points)
    assert misses(program, points, low, high) == []
    known = ~np.isnan(low)
    assert (np.isnan(low) == np.isnan(high)).all()
    assert known.mean() > 0.2
    usual = known & (np.abs(points) < 20) & (np.abs(points) > 1e-6) & (np.abs(low) > 1e-290) & (np.abs(high) < 1e290)
    width = (high[usual] - low[usual]) / np.abs(low[usual])
    assert np.median(width) < 2.0**-40, "narrow enough to decide float32"


@pytest.mark.parametrize("text", [t for t in TEXTS if not t.startswith(COMPOSED)])
def test_a_kernel_is_several_times_better_than_its_bound(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the right of 0 the bounds divided by 4 hold, too: there is room for another CPU and another release."""
    points = arguments()
    points = points[points > 0]
    monkeypatch.setattr(interval, "EPSILON", interval.EPSILON / 4)
    low, high = ends(primitive(text), points)
    assert misses(primitive(text), points, low, high) == []


@pytest.mark.parametrize("text", ["erfcx(x)", "besselj(1.0, x)", "airyai(x)", "polygamma(1.0, x)", "hyp2f1(0.5, 0.5, 1.0, x)", "lambertw(x)"])
def test_a_bound_that_is_too_small_is_caught(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = arguments()
    monkeypatch.setattr(interval, "EPSILON", interval.EPSILON / 4096)
    low, high = ends(primitive(text), points)
    assert misses(primitive(text), points, low, high)


@pytest.mark.parametrize("text", TEXTS)
def test_a_wide_argument_stays_enclosed(text: str) -> None:
    """An interval of arguments: the value at each of its ends and inside is in the result, or nothing is known."""
    draw = np.random.Generator(np.random.PCG64(23))
    middle = draw.choice([-1.0, 1.0], 600) * np.exp2(draw.uniform(-8, 8, 600))
    half = np.abs(middle) * np.exp2(draw.uniform(-50, 0.5, 600))
    low, high = middle - half, middle + half
    program = primitive(text)
    orders = [run.exactly(np.float64(o)) for o in eval_orders(text)]
    with np.errstate(all="ignore"):
        found = run.FUNCTIONS[text.partition("(")[0]](*orders, run.Interval(low, high))
    below, above = np.broadcast_to(found.low, low.shape), np.broadcast_to(found.high, low.shape)
    for share in (0.0, 0.25, 0.6, 1.0):
        points = np.clip(low + share * (high - low), low, high)
        assert misses(program, points, below, above) == []


def eval_orders(text: str) -> list[float]:
    return [float(o) for o in text.partition("(")[2].rstrip(")").split(",")[:-1]]


def test_outside_a_domain_there_is_no_value_and_at_a_pole_none_is_known() -> None:
    for text, outside, poles in (("erfinv(x)", [-2.0, 1.5], [-1.0, 1.0]), ("besselk(0, x)", [-1.0], [0.0]), ("lambertw(x)", [-1.0], []), ("gamma(x)", [], [0.0, -1.0, -7.0]), ("hyp2f1(0.5, 0.5, 1, x)", [1.5], [])):
        program = primitive(text)
        found = run.run(program, [np.array([*outside, *poles])], [program.output], strict=False)[0]
        never = np.broadcast_to(False if found.never is None else found.never, (len(outside) + len(poles),))
        assert never.tolist() == [True] * len(outside) + [False] * len(poles), text
        assert np.isnan(found.low).all(), text


def test_an_end_that_overflowed_is_not_reached() -> None:
    """0 * inf is 0 where an interval ends in infinity; what is not known stays so."""
    zero, far, lost = interval.exactly(np.zeros(2)), interval.Interval(np.full(2, 1e308), np.full(2, np.inf)), interval.exactly(np.array([np.nan, 1.0]))
    with np.errstate(invalid="ignore"):
        product, unknown = interval.mul(zero, far), interval.mul(far, lost)
    assert np.abs(product.low).max() < 1e-300
    assert np.abs(product.high).max() < 1e-300
    assert np.isnan(unknown.low).tolist() == np.isnan(unknown.high).tolist() == [True, False]
