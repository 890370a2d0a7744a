"""Bounds over boxes are never below an error at a number: random boxes and points in all formats, every number of narrow ones; and planted faults are caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb

from tests.compare.errors_at_points import Domain, bounds_of, errors, everything, plan_of, points_in, question, random_boxes
from tests.texts import expression
from verifier.arithmetic import balls, floats
from verifier.arithmetic.intervals.interval import Interval
from verifier.compare.boxes import branch, effects, enclosures, pieces, roundings
from verifier.compare.boxes.bounds import Assumptions, ErrorClaim
from verifier.compare.boxes.certify import certify
from verifier.compare.boxes.cuts import cuts_of
from verifier.compare.boxes.enclosures import ForwardBoxes
from verifier.compare.boxes.narrow import narrowed
from verifier.compare.boxes.operations import operations
from verifier.compare.check import Check
from verifier.exact.derivatives import primitive
from verifier.language.formats import FORMATS as ALL

WIDE: Domain = {"x": (-10, 10)}
FUNCTIONS: list[tuple[str, Domain]] = [
    ("1/(1+exp(-x))", WIDE),
    ("sigmoid(x)", WIDE),
    ("t/(t+1)", {"t": (0, 999)}),
    ("log(1+exp(x))", WIDE),
    ("x/(1+exp(-x))", WIDE),
    ("tanh(x)", WIDE),
    ("(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)", {"x": (-10, 10), "y": (-10, 10)}),
    ("1/(1+exp(-(w0*x0+w1*x1+w2)))", dict.fromkeys(("w0", "x0", "w1", "x1", "w2"), (-5, 5))),
    ("-(331.4 + 0.6*T)*v/((331.4+0.6*T+u)*(331.4+0.6*T+u))", {"u": (-100, 100), "v": (20, 20000), "T": (-30, 50)}),
    ("relu(x)*x - abs(x-1)", {"x": (-3, 3)}),
    ("where(x > 0.1, x*x, x)", {"x": (-3, 3)}),
    ("max(x*y, x+y)*exp(x-y)", {"x": (-3, 3), "y": (-3, 3)}),
    ("abs(x-y)*x", {"x": (-3, 3), "y": (-3, 3)}),
    ("hypot(x, y)*sin(x)", {"x": (-5, 5), "y": (-5, 5)}),
    ("x**3 - 2*x + x**0.5", {"x": (0.01, 4)}),
    ("log2(x)*log1p(x)+cbrt(x)", {"x": (0.01, 40)}),
    ("sinh(x)/cosh(x)*expm1(x)", {"x": (-3, 3)}),
    ("atan2(y, x)", {"x": (1, 3), "y": (-3, 3)}),
    ("sin(x)*cos(y)+tan(x*0.1)", {"x": (-9, 9), "y": (-9, 9)}),
    ("(x-y)*(x-y)/(x+y)", {"x": (1, 2), "y": (1, 2)}),
    ("x*1e-300*y", {"x": (-1, 1), "y": (-1, 1)}),
    ("x*x*x*x*1e-30", {"x": (-1, 1)}),
    ("x - x**3/6.0 + x**5/120.0 - x**7/5040.0", {"x": (-1.5, 1.5)}),
    ("x**y", {"x": (0.1, 5), "y": (-3, 3)}),
    ("floor(x)*x + sign(y)*y", {"x": (-3, 3), "y": (-1, 1)}),
    ("(x > y)*x + y", {"x": (-3, 3), "y": (-1, 1)}),
    ("asin(x)+acos(x)*acosh(2+x)", {"x": (-0.9, 0.9)}),
    ("fma(x, y, x)", {"x": (-3, 3), "y": (-3, 3)}),
    ("float32(x*y)*float16(y) + x", {"x": (-3, 3), "y": (-3, 3)}),
]
FORMATS = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float32->bfloat16", "float64->float32")
CLOSE = 1 + 2.0**-30  # double-doubles, and their difference from a float, are rounded, too


def violations(check: Check, box: Any, *, boxes: int = 25, each: int = 60, seed: int = 1) -> int:
    """How many random boxes have a number with an error above a bound of theirs."""
    random = np.random.default_rng(seed)
    low, high = random_boxes(check.format, box, boxes, random)
    points = points_in(check.format, low, high, each, random)
    seen = errors(check, points.reshape(-1, low.shape[1]))
    plan = plan_of(check)
    found = 0
    for unit, which in (("absolute", 0), ("ulp", 1)):
        bound = bounds_of(check, plan, low, high, unit)
        for j, both in enumerate(seen):
            found += int((both[which].reshape(boxes, each).max(axis=1) > bound[:, j] * CLOSE).sum())
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_no_number_in_a_random_box_is_further_off_than_its_bound(form: str) -> None:
    for seed, (function, domain) in enumerate(FUNCTIONS):
        assert violations(*question(function, domain, form), seed=seed) == 0, function


def test_a_backward_pass_written_by_hand_is_bounded_as_it_is() -> None:
    check, box = question("x*sigmoid(x)", WIDE, forward="s = 1/(1+exp(-x))\nout = x*s", backward="ds = x*dout\ndx = s*dout\ndx += (1-s)*s*ds")
    assert violations(check, box, boxes=100) == 0


# ---------------------------------------------------------------- planted faults


def _halved(function: Callable[..., roundings.LargestRounding]) -> Callable[..., roundings.LargestRounding]:
    def call(*args: Any, **options: Any) -> roundings.LargestRounding:
        found = function(*args, **options)
        return roundings.LargestRounding(found.error / 2, found.relative / 2, found.besides / 2)

    return call


def _found(functions: slice = slice(0, 9)) -> int:
    return sum(violations(*question(f, d), seed=s) > 0 for s, (f, d) in enumerate(FUNCTIONS[functions]))


def test_half_of_a_rounding_is_too_little_and_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosures, "to_nearest", _halved(roundings.to_nearest))
    assert _found() >= 6


def test_an_adjoint_that_is_dropped_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ForwardBoxes.slope

    def without(self: ForwardBoxes, k: int, position: int) -> Interval | None:
        return None if self.plan.done.operations[k].gate == "div" and position == 1 else original(self, k, position)

    monkeypatch.setattr(ForwardBoxes, "slope", without)
    assert _found() >= 4


def test_a_relative_effect_that_is_dropped_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ForwardBoxes.elasticity

    def without(self: ForwardBoxes, k: int, position: int) -> Interval | None:
        return Interval(np.float64(0.0), np.float64(0.0)) if self.plan.done.operations[k].gate == "mul" and position == 0 else original(self, k, position)

    monkeypatch.setattr(ForwardBoxes, "elasticity", without)
    assert _found() >= 4


def test_underflow_that_is_not_counted_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = roundings.to_nearest

    def without(*args: Any, **options: Any) -> roundings.LargestRounding:
        return original(*args, **options)._replace(besides=np.float64(0.0))

    check, box = question("x*y*1e-22", {"x": (1e-3, 2e-3), "y": (1e-19, 1e-18)}, "float32")  # dx is subnormal
    assert violations(check, box, boxes=200) == 0
    monkeypatch.setattr(enclosures, "to_nearest", without)
    absolute = effects._absolute
    monkeypatch.setattr(effects, "_absolute", lambda *args: (np.float64(np.inf), absolute(*args)[1]))  # the relative bound alone
    assert violations(check, box, boxes=200) > 0


# ---------------------------------------------------------------- slices


def outside_of_slices(seed: int) -> tuple[int, int]:
    """Points whose float at the operation that is cut, or whose error, is outside of what their slice says; and points at all."""
    check, box = question("1/(1+exp(-(w0*x0+w1*x1+w2)))", dict.fromkeys(("w0", "x0", "w1", "x1", "w2"), (-5, 5)))
    done = plan_of(check).done
    cuts = cuts_of(done, box)
    assert len(cuts) == 1
    plan = plan_of(check, cuts=cuts)
    random = np.random.default_rng(seed)
    low, high = random_boxes(check.format, box, 2000, random)
    points = points_in(check.format, low, high, 1, random)[:, 0, :]
    order = [check.subject.program.inputs.index(n) for n in ("w0", "x0", "w1", "x1", "w2")]
    a, b, c, d, e = order
    points[:, e] = np.clip(0.1 * random.random(len(points)) - points[:, a] * points[:, b] - points[:, c] * points[:, d], -5, 5)  # the sum is small, its roundings are not
    low[:, e], high[:, e] = np.minimum(low[:, e], points[:, e]), np.maximum(high[:, e], points[:, e])
    columns = [points[:, i] for i in range(5)]
    origin = done.operations[cuts[0]].origin
    w0, x0, w1, x1, w2 = (np.asarray(columns[i], dtype=np.longdouble) for i in order)
    real = w0 * x0 + w1 * x1 + w2  # in 64 bits: its own roundings are a thousandth of those of float64
    width = np.exp2(-random.integers(30, 56, len(points)).astype(float))
    ends = np.asarray(real - width * random.random(len(points)), float), np.asarray(real + width * random.random(len(points)), float)
    inside = (ends[0] <= real) & (real <= ends[1])
    with np.errstate(all="ignore"):
        sides = [low[:, i] for i in range(5)], [high[:, i] for i in range(5)]
        forward = ForwardBoxes(plan, *sides, narrowed(ForwardBoxes(plan, *sides), {cuts[0]: Interval(*ends)}))
        value = forward.number(cuts[0])
        computed = np.asarray(floats.run(check.subject.program, columns, [origin], fmt=check.format)[0])
        bad = inside & ~((value.low <= computed) & (computed <= value.high))
        seen = errors(check, points)
        for j, output in enumerate(done.outputs):
            bad |= inside & ((seen[j][1] > effects.in_ulps(forward, output).bound * CLOSE) | (seen[j][0] > effects.absolute(forward, output).bound * CLOSE))
    return int(bad.sum()), int(inside.sum())


def test_slices_hold_the_floats_whose_real_values_they_hold() -> None:
    bad, tried = outside_of_slices(3)
    assert bad == 0
    assert tried > 500


def test_a_slice_that_is_not_widened_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ForwardBoxes._limited
    monkeypatch.setattr(ForwardBoxes, "_limited", lambda self, k, raw, _: original(self, k, raw, np.float64(0.0)))
    assert outside_of_slices(3)[0] > 10


# ---------------------------------------------------------------- every number

NARROW: list[tuple[str, Domain]] = [
    ("1/(1+exp(-x))", {"x": (-6, 6)}),
    ("t/(t+1)", {"t": (0, 99)}),
    ("log(1+exp(x))", {"x": (-5, 5)}),
    ("x/(1+exp(-x))", {"x": (-4, 4)}),
    ("sqrt(x*x + 1)", {"x": (-30, 30)}),
    ("x - x**3/6.0", {"x": (-0.5, 1)}),
    ("max(x*x, x)", {"x": (-2, 3)}),
]


@pytest.mark.parametrize("form", ["float16", "bfloat16"])
def test_no_bound_is_below_the_largest_error_of_all_numbers(form: str) -> None:
    for function, domain in NARROW:
        check, box = question(function, domain, form)
        points = everything(check, box)
        for unit, which in (("ulp", 1), ("absolute", 0)):
            for found, both in zip(certify(check, box, {name: ErrorClaim(unit) for _, name in check.subject.claims}, assumptions=Assumptions(), budget=0.3), errors(check, points), strict=True):  # type: ignore[arg-type]
                inside = np.ones(len(points), bool)
                for left in found.open_boxes:
                    inside &= ~((points[:, 0] >= left.low[0]) & (points[:, 0] <= left.high[0]))
                if found.bound is None or found.open_count > len(found.open_boxes):
                    continue
                most = float(both[which][inside].max())
                assert most <= found.bound, (function, unit)
                assert found.seen is None or found.seen <= max(0.0, both[which].max()) * CLOSE


def test_half_of_a_subnormal_number_is_rounded() -> None:
    """The subnormal numbers of float16 are the whole multiples of 2^-24: half of an odd one is off by 2^-25."""
    check, box = question("0.25*x*x", {"x": (0, 2.0**-14)}, "float16", forward="out = 0.25*x*x", backward="dx = 0.5*x*dout")
    (found,) = certify(check, box, {"dx": ErrorClaim("absolute")}, assumptions=Assumptions(), budget=0.3)
    assert found.bound is not None
    assert found.bound >= 2.0**-25 == float(errors(check, everything(check, box))[0][0].max())


def test_a_border_between_two_numbers_of_the_format_is_in_neither_piece() -> None:
    """The numbers of bfloat16 from 2^-4 to 2^-3 are whole multiples of 2^-11; 0.1 is 204.8 of them."""
    assert pieces._between(0.0, 1.0, {0.1}, ALL["bfloat16"]) == [(0.0, 204 * 2.0**-11), (205 * 2.0**-11, 1.0)]
    assert pieces._between(0.0, 1.0, {0.5}, ALL["bfloat16"]) == [(0.0, 255 / 512), (0.5, 0.5), (129 / 256, 1.0)]


def test_what_is_chosen_has_the_slope_1_and_what_is_not_has_0() -> None:
    condition = np.array([1, 0, -1], np.int8)
    for position, low, high in ((1, [1, 0, 0], [1, 0, 1]), (2, [0, 1, 0], [0, 1, 1])):
        found = enclosures._chosen(condition, position)
        assert (found.low.tolist(), found.high.tolist()) == (low, high)


def test_a_slice_at_an_inner_step_has_a_smaller_bound_than_its_box() -> None:
    """exp(-(x + y)) over the box has arguments from -20 to 20; over the slice from 0 to 0.1."""
    check, box = question("1/(1 + exp(-(x + y)))", {"x": (-10, 10), "y": (-10, 10)})
    cuts = cuts_of(plan_of(check).done, box)
    plan = plan_of(check, cuts=cuts)
    search = branch.begin(plan, plan.done.outputs, check.format, [ErrorClaim("absolute", None) for _ in plan.done.outputs], (np.array([box.low]), np.array([box.high])))
    low, high = np.array([[*box.low, *[0.0 for _ in cuts]]]), np.array([[*box.high, *[0.1 for _ in cuts]]])
    assert np.all(branch.evaluate(search, low, high)[0] < branch.evaluate(search, low, high, slices=False)[0] / 2)


@pytest.mark.parametrize("function", ["x*y*exp(x - y) - x", "sigmoid(x)*y", "hypot(x, y)*sin(x)"])
def test_the_terms_of_a_bound_add_up_to_it(function: str) -> None:
    """The smaller one of two bounds is taken, and its terms with it: of the relative one they add up to first order."""
    check, box = question(function, {"x": (0.5, 3), "y": (0.5, 3)})
    plan = plan_of(check)
    low, high = random_boxes(check.format, box, 200, np.random.default_rng(4))
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, list(np.ascontiguousarray(low.T)), list(np.ascontiguousarray(high.T)))
    for output in plan.done.outputs:
        found = effects.in_ulps(forward, output, keeps_terms=True)
        known = (found.bound > 0) & (found.bound < 1000)
        assert known.any()
        assert np.abs(np.sum([t[known] for t in found.terms.values()], axis=0) / found.bound[known] - 1).max() < 1e-6


@pytest.mark.parametrize(("gate", "first", "second"), [("sub", (1.2, 2.0), (-1.0, -0.2)), ("add", (2 / 3, 6 / 7), (1 / 7, 1 / 3))])
def test_the_share_of_an_operand_in_a_sum_is_that_of_the_corners(gate: str, first: tuple[float, float], second: tuple[float, float]) -> None:
    """d log(x - y) / d log(x) = x/(x - y), by y -y/(x - y), for x in [2, 3] and y in [1/2, 1]; of the sum x/(x + y) and y/(x + y)."""
    check, _ = question(f"sin(x {'-' if gate == 'sub' else '+'} y)", {"x": (2, 3), "y": (0.5, 1)})
    plan = plan_of(check)
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, [np.array([2.0]), np.array([0.5])], [np.array([3.0]), np.array([1.0])])
    (k,) = (k for k, o in enumerate(plan.done.operations) if o.gate == gate)
    for position, (low, high) in enumerate((first, second)):
        found = forward.elasticity(k, position)
        assert found is not None
        assert low - 1e-12 < found.low[0] <= low < high <= found.high[0] < high + 1e-12


@pytest.mark.parametrize(("gate", "y"), [("sub", (1.0, 2.5)), ("add", (-2.5, -1.0))])
def test_the_share_of_an_operand_is_not_known_where_the_sum_may_be_0(gate: str, y: tuple[float, float]) -> None:
    check, _ = question(f"sin(x {'-' if gate == 'sub' else '+'} y)", {"x": (2, 3), "y": y})
    plan = plan_of(check)
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, [np.array([2.0]), np.array([y[0]])], [np.array([3.0]), np.array([y[1]])])
    (k,) = (k for k, o in enumerate(plan.done.operations) if o.gate == gate)
    for position in range(2):
        found = forward.elasticity(k, position)
        assert found is None or not np.isfinite(found.low[0]) or not np.isfinite(found.high[0])


def test_a_constant_that_is_rounded_has_a_relative_error() -> None:
    """pi * y: two relative errors of 2^-24 at most are four ulp at most, however far the ends of the box are from one another."""
    check, box = question("pi*x*y", {"x": (1, 2), "y": (0.001, 1000)}, "float32", forward="out = pi*x*y", backward="dx = pi*y*dout\ndy = pi*x*dout")
    plan = plan_of(check)
    assert 0.5 < bounds_of(check, plan, np.array([box.low]), np.array([box.high]), "ulp")[0, 0] < 4.1


def test_an_ulp_of_a_result_that_may_be_1_is_that_of_1() -> None:
    """exp(x) for x from -1 to 0 is within an ulp of its value: 2^-52 at 1, 2^-53 below."""
    check, box = question("exp(x)", {"x": (-1, 0)})
    assert bounds_of(check, plan_of(check), np.array([box.low]), np.array([box.high]), "absolute")[0, 0] >= 2.0**-52


def test_a_normal_result_of_a_library_has_no_error_but_its_ulps() -> None:
    found = roundings.of_library(np.array([0.5]), np.array([0.75]), roundings.bits(ALL["float32"]), 1.0)
    assert found.besides.tolist() == [0.0]
    assert 2.0**-24 <= np.ldexp(found.error[0], -roundings.SCALE) < 1.01 * 2.0**-24


def test_a_long_search_is_looked_at_meanwhile() -> None:
    """At its first round, and at those whose number is a power of two."""
    check, box = question("x*y*exp(x - y) - x", {"x": (-3, 3), "y": (-3, 3)})
    plan = plan_of(check)
    search = branch.begin(plan, plan.done.outputs, check.format, [ErrorClaim("ulp", None) for _ in plan.done.outputs], (np.array([box.low]), np.array([box.high])))
    rounds: list[int] = []
    branch.run(search, 1.0, meanwhile=lambda s: rounds.append(len(s.waiting)))
    assert len(rounds) >= 2


def test_the_slope_of_a_power_has_the_number_that_its_exponent_became() -> None:
    """0.3 is 77/256 in bfloat16, whose significand has 8 bits; d(x^y)/dx = y x^(y - 1) by mpmath."""
    program = primitive(expression("x**0.3", "x"))
    done = operations(program, [program.output], ALL["bfloat16"])
    (power,) = (k for k, o in enumerate(done.operations) if o.gate == "pow")
    base, exponent = done.operations[power].args
    values = {base: 3.0, exponent: 77 / 256}
    node = done.partials[power][0]
    assert node is not None
    found = balls.run(done.reals, [[arb(values.get(k, 1.0))] for k in range(len(done.operations))], bits=100, strict=True)[node][0]
    assert abs(found - float(mpmath.mpf(77) / 256 * mpmath.mpf(3) ** (mpmath.mpf(77) / 256 - 1))) < 1e-15
