"""How far a search over boxes gets in several dimensions: the exact gradient's range by a centred form, slices of a gradient that passes 0; and both hold at points."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compare.errors_at_points import Domain, plan_of, points_in, question, random_boxes
from tests.compare.test_boxes import violations
from tests.compare.test_certify_boxes import bounds
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.intervals.interval import ONE, Interval
from verifier.compare.boxes import centred, effects
from verifier.compare.boxes.cuts import crossing
from verifier.compare.boxes.enclosures import ForwardBoxes
from verifier.compare.boxes.left_open import _joined
from verifier.compare.boxes.roundings import sizes
from verifier.language.formats import FORMATS, numbers, places

TURBINE: tuple[str, Domain] = ("3 + 2/(r*r) - ((0.125*(3 - 2*v))*(((w*w)*r)*r))/(1 - v) - 4.5", {"v": (-4.5, -0.3), "w": (0.4, 0.9), "r": (3.8, 7.8)})
LINEAR: tuple[str, Domain] = ("-x2*x3 - x1*x4 + x2*x5 + x3*x6 - x5*x6 + x1*(-x1 + x2 + x3 - x4 + x5 + x6)", {f"x{k}": (4, 6.3504) for k in range(1, 7)})
SMOOTH: list[tuple[str, Domain]] = [
    TURBINE,
    ("x*x*y - y*y*x + 3*x", {"x": (-2, 2), "y": (-2, 2)}),
    ("sin(x)*exp(y) - x*y", {"x": (-2, 2), "y": (-2, 2)}),
    ("(x - y)*(x + y)/(1 + x*x)", {"x": (-2, 2), "y": (-2, 2)}),
    ("log(x)*x - sqrt(x)", {"x": (0.1, 5)}),
    ("tanh(x*y)*y", {"x": (-2, 2), "y": (-2, 2)}),
]


def exact_values_outside(function: str, domain: Domain, seed: int) -> tuple[int, float]:
    """How many exact gradients at random points of random boxes are outside of the centred enclosure; and how much narrower it is at best."""
    check, box = question(function, domain)
    plan = plan_of(check)
    random = np.random.default_rng(seed)
    low, high = random_boxes(check.format, box, 200, random)
    points = points_in(check.format, low, high, 20, random)
    columns = [np.ascontiguousarray(points[:, :, i].ravel()) for i in range(points.shape[2])]
    outside, ratios = 0, []
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, list(low.T), list(high.T))
        for output, (_, name) in zip(plan.done.outputs, check.subject.claims, strict=True):
            effects._absolute(forward, output)
            found = centred.narrower(forward, output, forward.adjoints[output])
            before = forward.exact[output]
            assert isinstance(before, Interval)
            real = double_doubles.numbers(check.subject.exact[0], columns, [check.subject.index(name)], strict=False, upstream=1.0)[0]
            hi, err = ((np.asarray(part) + np.zeros(len(columns[0]))).reshape(200, 20) for part in (real.hi + real.lo, real.err + np.abs(real.hi) * 2.0**-52))
            outside += int(np.sum((hi + err < np.reshape(found.low, (-1, 1))) | (hi - err > np.reshape(found.high, (-1, 1)))))
            ratios.append(np.nanmin((found.high - found.low + np.zeros(200)) / (before.high - before.low)))
    return outside, float(np.min(ratios))


@pytest.mark.parametrize(("function", "domain"), SMOOTH)
def test_a_centred_form_holds_the_exact_gradient_and_is_narrower(function: str, domain: Domain) -> None:
    outside, ratio = exact_values_outside(function, domain, 6)
    assert outside == 0
    assert ratio < 0.8


def test_an_input_whose_effect_is_forgotten_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = centred.narrower
    monkeypatch.setattr(centred, "narrower", lambda forward, output, adjoints: original(forward, output, {k: a for k, a in adjoints.items() if k != forward.plan.inputs[0]}))
    assert sum(exact_values_outside(function, domain, 6)[0] > 0 for function, domain in SMOOTH) >= 4


def test_nothing_is_narrowed_where_a_step_may_jump() -> None:
    check, _ = question("floor(x)*x*x + x", {"x": (0, 3)})
    plan = plan_of(check)
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, [np.array([0.5])], [np.array([1.5])])
    output = plan.done.outputs[0]
    found = centred.narrower(forward, output, {plan.inputs[0]: ONE})
    assert sizes(found)[0].min() == sizes(forward.exact[output])[0].min()  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["float64", "float32", "float16", "float32->bfloat16"])
def test_no_number_is_beyond_a_bound_with_a_centred_form(form: str) -> None:
    for seed, (function, domain) in enumerate(SMOOTH):
        assert violations(*question(function, domain, form), seed=seed) == 0, function


def test_a_gradient_that_cancels_and_is_nowhere_0_is_bounded_in_three_dimensions() -> None:
    found = bounds(*TURBINE, budget=6.0)["dv"]  # -(3 - 2v) + 2 (1 - v) is -1: what is left of 12 - 11 at v = -4.5
    assert found.outcome == "proved"
    assert found.bound is not None
    assert found.bound < 100


def test_of_a_gradient_of_six_inputs_that_passes_0_little_is_open() -> None:
    check, box = question(*LINEAR)
    plan = plan_of(check)
    assert crossing(plan, box, plan.done.outputs) == (plan.done.outputs[[name for _, name in check.subject.claims].index("dx1")],)
    found = bounds(*LINEAR, budget=3.0)["dx1"]
    assert found.outcome == "open"
    assert found.open_share < 0.1
    assert crossing(plan_of(question(*TURBINE)[0]), question(*TURBINE)[1], plan_of(question(*TURBINE)[0]).done.outputs) == ()


def test_a_slice_of_a_value_that_is_the_same_everywhere_has_a_share() -> None:
    found = bounds("x*y", {"x": (-3, 0), "y": (-1, 1)}, form="float16", budget=0.2, forward="out = x*y", backward="dx = x\ndy = exp((x*y) - (x*y))/(x + y)")
    assert found["dx"].outcome == "proved"
    assert found["dy"].outcome == "open", "there is a pole along x = -y"
    assert 0 < found["dy"].open_share <= 1


@pytest.mark.parametrize("form", ["float64", "float16"])
def test_open_boxes_that_touch_are_joined_and_have_the_same_numbers(form: str) -> None:
    fmt = FORMATS[form]
    random = np.random.default_rng(2)
    ends = numbers(fmt, places(fmt, 1.0, 1.5)[0] + np.arange(0, 9))  # begins of cells of one number each, in two inputs
    taken = random.random((8, 8)) < 0.7
    taken[3, :] = True  # a row and a column that are full
    taken[:, 5] = True
    at = np.argwhere(taken)
    random.shuffle(at)
    low, high = _joined(fmt, ends[at], ends[at])
    assert len(low) < len(at) / 2
    inside = [np.all((ends[:8, None] >= a[0]) & (ends[:8, None] <= b[0]), axis=1)[:, None] & np.all((ends[:8, None] >= a[1]) & (ends[:8, None] <= b[1]), axis=1)[None, :] for a, b in zip(low, high, strict=True)]
    assert (np.sum(inside, axis=0) == taken).all(), "every number that was in a box is in one, and in one only"
