"""Every gate of the table that has numbers over boxes: it is bounded in a harmless one, and what its enclosures say holds at points, by Arb and by rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from tests.compare.errors_at_points import Domain, bounds_of, errors, plan_of, points_in, question
from tests.compare.test_boxes import CLOSE, violations
from tests.compare.test_certify_boxes import bounds
from verifier.arithmetic import balls
from verifier.arithmetic.intervals.angles import atan2
from verifier.arithmetic.intervals.interval import UNKNOWN, Interval, exactly
from verifier.compare.boxes import enclosures, witness
from verifier.compare.boxes.bounds import Assumptions
from verifier.compare.boxes.by_balls import BY_BALLS, enclosed
from verifier.compare.boxes.remainders import remainder
from verifier.compare.boxes.split import nearest_numbers
from verifier.language.gates import GATES

ENDS: dict[str, list[tuple[float, float]]] = {"acosh": [(1.3, 1.7)], "fmod": [(5.3, 5.7), (2.1, 2.2)], "remainder": [(5.3, 5.7), (2.1, 2.2)]}
USUAL = [(0.3, 0.4), (0.5, 0.6), (0.7, 0.8)]
ORDERS = {"polygamma": "1", "gammainc": "2", "gammaincc": "2", "betainc": "2 3", "hurwitz": "2", "zetaderiv": "1", "hyp2f1": "0.5 0.5 1", "hyp0f1": "2", "expn": "2"}
ROOMY = Assumptions(tuple((name, Fraction(10_000)) for name in GATES))  # no more than a test of the enclosures needs: SciPy's kernels lose thousands of ulps in places
NUMBERS = [name for name, gate in GATES.items() if gate.kind not in ("comparison", "logic") and gate.group != "casts"]


def call(name: str) -> tuple[str, Domain]:
    """A gate times z, over a box far from its poles and jumps."""
    gate = GATES[name]
    orders = iter(ORDERS.get(name, "1").split())
    args, domain = [], {}
    for i, parameter in enumerate(gate.parameters):
        if i in gate.orders:
            args.append(next(orders))
        elif i in gate.conditions:
            args.append("x0 > 0")
        else:
            ends = ENDS.get(name, USUAL)
            domain[parameter] = ends[len(domain) % len(ends)]
            args.append(parameter)
    return f"{name}({', '.join(args)})*z".replace("x0", args[-1]), {**domain, "z": (1.0, 2.0)}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_gate_has_a_bound_in_a_harmless_box_and_no_number_is_beyond_it(name: str) -> None:
    random = np.random.default_rng(4)
    for form in ("float64", "float32"):
        check, box = question(*call(name), form)
        plan = plan_of(check, assumptions=ROOMY)
        low, high = np.array(box.low), np.array(box.high)
        width = (high - low) * np.exp2(-random.integers(4, 30, (12, 1)).astype(float))
        first = nearest_numbers(check.format, low + (high - low - width) * random.random((12, len(low))))
        last = np.minimum(nearest_numbers(check.format, first + width), high)
        points = points_in(check.format, first, last, 4, random)
        seen = errors(check, points.reshape(-1, len(low)))
        for unit, which in (("absolute", 0), ("ulp", 1)):
            found = bounds_of(check, plan, first, last, unit)
            assert np.isfinite(found).all(), (form, unit)
            for j, both in enumerate(seen):
                assert (both[which].reshape(12, 4).max(axis=1) <= found[:, j] * CLOSE).all(), (form, unit)


def test_a_function_without_known_error_names_every_assumption_it_needs() -> None:
    found = bounds("besselj(1, x)*erfi(x)", {"x": (0.5, 0.6)}, budget=0.1)["dx"]
    assert (found.outcome, found.bound) == ("open", None)
    assert "besselj: 4 ulp" in found.reason
    assert "erfi: 4 ulp" in found.reason


# ---------------------------------------------------------------- jumps


JUMPING: list[tuple[str, Domain]] = [
    ("atan2(y, x)*x", {"x": (-2, 2), "y": (-2, 2)}),
    ("atan2(x*y - 1, x - 1.5)*x", {"x": (-2, 2), "y": (-2, 2)}),
    ("copysign(x, y)*x*y", {"x": (-2, 2), "y": (-2, 2)}),
    ("copysign(x*y - 0.3, x*y - 1.1)*x", {"x": (-2, 2), "y": (-2, 2)}),
    ("fmod(x*1.1, y - 0.3)*z", {"x": (-5, 5), "y": (0.5, 3), "z": (1, 2)}),
    ("remainder(x*1.1, y*z)*z", {"x": (-5, 5), "y": (-3, -0.2), "z": (1, 2)}),
    ("sinpi(x)*z + cospi(x*z)", {"x": (-5, 5), "z": (1, 2)}),
]


@pytest.mark.parametrize("form", ["float64", "float32", "float16"])
def test_no_number_is_beyond_the_bound_of_a_function_that_jumps(form: str) -> None:
    for seed, (function, domain) in enumerate(JUMPING):
        assert violations(*question(function, domain, form), seed=seed, boxes=60) == 0, function


@pytest.mark.parametrize(("function", "domain"), [("fmod(x*x, y)*z", {"x": (1, 3), "y": (0.5, 3), "z": (1, 2)}), ("copysign(z, x*x - y)", {"x": (1, 3), "y": (1, 9), "z": (1, 2)}), ("atan2(x*x - y, -z)*z", {"x": (1, 3), "y": (1, 9), "z": (1, 2)})])
def test_floats_on_the_other_side_of_a_jump_are_within_the_bound(function: str, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    check, box = question(function, domain, "float16")
    random = np.random.default_rng(8)
    order = [box.inputs.index(n) for n in ("x", "y", "z")]
    points = np.empty((20_000, 3))
    points[:, order[0]] = random.uniform(1, 3, len(points))
    points = nearest_numbers(check.format, points)
    x = points[:, order[0]]
    points[:, order[1]] = x * x if "fmod" not in function else x * x / np.rint(np.clip(x * x / random.uniform(0.5, 3, len(points)), 1, 9))
    points[:, order[2]] = random.uniform(1, 2, len(points))
    points = np.clip(nearest_numbers(check.format, points), box.low, box.high)
    dz = [name for _, name in check.subject.claims].index("dz")
    seen = errors(check, points)[dz][0]
    assert seen.max() > 0.4, "some floats do take the other side"
    assert (seen <= bounds_of(check, plan_of(check), points, points, "absolute")[:, dz] * CLOSE).all()
    original = enclosures.with_jump
    monkeypatch.setattr(enclosures, "with_jump", lambda found, jump: original(found, 0 * jump))
    assert not (seen <= bounds_of(check, plan_of(check), points, points, "absolute")[:, dz] * CLOSE).all()


def test_a_value_that_jumps_is_bounded_on_both_sides() -> None:
    found = bounds("fmod(x, 0.5)*z", {"x": (-3, 3), "z": (1, 2)}, "absolute", budget=1.0)
    assert found["dz"].outcome == "proved"
    assert found["dz"].bound == 0.0  # fmod is exact
    signed = bounds("copysign(z, x)*z", {"x": (-3, 3), "z": (1, 2)}, "absolute", budget=1.0)["dz"]
    at = signed.box.inputs.index("x")
    assert {(b.low[at], b.high[at]) for b in signed.open_boxes} == {(0.0, 0.0)}  # 0.0 or -0.0
    assert "the sign of a zero" in signed.reason
    turned = bounds("atan2(y, x)*z", {"x": (-3, 3), "y": (1, 2), "z": (1, 2)}, "absolute", budget=1.0)["dz"]
    assert turned.outcome == "proved"


# ---------------------------------------------------------------- laws


def rectangles(random: np.random.Generator, count: int) -> tuple[Interval, Interval]:
    """Intervals of all widths around numbers of many sizes, some of which begin or end in 0."""
    found = []
    for _ in range(2):
        middle = random.choice([-1.0, 1.0], count) * np.exp2(random.uniform(-30, 30, count))
        half = np.abs(middle) * np.exp2(random.uniform(-50, 1, count))
        ends = np.array([middle - half, middle + half])
        found.append(Interval(*np.where(random.random((2, count)) < 0.03, 0.0, ends)))
    return tuple(Interval(np.minimum(f.low, f.high), np.maximum(f.low, f.high)) for f in found)  # type: ignore[return-value]


def test_an_angle_is_where_arb_says() -> None:
    random = np.random.default_rng(11)
    y, x = rectangles(random, 3000)
    with np.errstate(all="ignore"):
        found = atan2(y, x)
    assert np.isfinite(found.low).mean() > 0.7
    for first, second in [(0, 0), (0, 1), (1, 0), (1, 1), (0.3, 0.6)]:
        for i in np.flatnonzero(np.isfinite(found.low)).tolist():
            a, b = (min(max(e.low[i] + s * (e.high[i] - e.low[i]), e.low[i]), e.high[i]) for e, s in ((y, first), (x, second)))
            with balls.precision(200):
                assert arb(found.low[i]) <= arb.atan2(arb(a), arb(b)) <= arb(found.high[i])
    across = atan2(Interval(np.array([-1.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])), Interval(np.array([-2.0, -2.0, 0.0]), np.array([-1.0, 1.0, 0.0])))
    assert np.isnan(across.low).all()


@pytest.mark.parametrize("gate", ["fmod", "remainder"])
def test_a_remainder_is_where_rationals_say(gate: str) -> None:
    random = np.random.default_rng(12)
    a, b = rectangles(random, 3000)
    with np.errstate(all="ignore"):
        found = remainder(gate, a, b)
    low, high = found.value.low, found.value.high
    assert np.isfinite(low).mean() > 0.5
    assert 0.1 < found.jumps.mean() < 0.99
    for first, second in [(0, 0), (0, 1), (1, 0), (1, 1), (0.3, 0.6)]:
        for i in np.flatnonzero(np.isfinite(low)).tolist():
            x, y = (Fraction(min(max(e.low[i] + s * (e.high[i] - e.low[i]), e.low[i]), e.high[i])) for e, s in ((a, first), (b, second)))
            whole = x // y
            if gate == "fmod" and whole < 0 and x % y != 0:
                whole += 1
            assert Fraction(low[i]) <= x - y * whole <= Fraction(high[i])
            assert np.isnan(found.quotient[i]) or found.quotient[i] == whole


@pytest.mark.parametrize("name", sorted(BY_BALLS))
def test_balls_enclose_a_function_of_wide_arguments(name: str) -> None:
    random = np.random.default_rng(13)
    middle = random.choice([-1.0, 1.0, 1.0], 150) * np.exp2(random.uniform(-4, 4, 150))
    half = np.abs(middle) * np.exp2(random.uniform(-40, 0, 150))
    a = Interval(middle - half, middle + half)
    orders = [exactly(np.float64(n)) for n in ORDERS.get(name, "1").split()][: len(GATES[name].orders)]
    found = enclosed(name, [*orders, a], UNKNOWN)
    known = np.flatnonzero(np.isfinite(found.low))
    assert len(known) > 20
    function = balls.function_of(name, strict=False)
    for share in (0.0, 0.4, 1.0):
        with balls.precision(300):
            for i in known.tolist():
                x = min(max(a.low[i] + share * (a.high[i] - a.low[i]), a.low[i]), a.high[i])
                exact = function(*(arb(float(n.low)) for n in orders), arb(x))
                assert exact.is_finite()
                assert arb(found.low[i]) <= exact.upper()
                assert exact.lower() <= arb(found.high[i])


# ---------------------------------------------------------------- what is seen


def test_errors_of_numbers_above_2_to_876_are_ranked() -> None:
    check, _ = question("x*y*1.1", {"x": (1e200, 1e201), "y": (1e100, 1e101)})
    random = np.random.default_rng(2)
    points = np.array([1e200, 1e100]) * random.uniform(1, 10, (2000, 2))
    seen = errors(check, points)
    found = witness.largest(check, 0, "ulp", points[:, [check.subject.program.inputs.index(n) for n in ("x", "y")]])
    assert found is not None
    assert found.error == pytest.approx(seen[0][1].max())
