"""What products lose below the normal numbers: nothing where their operands are multiples of large enough powers of two; and cosines are never so small."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from tests.compare.errors_at_points import Domain, bounds_of, errors, everything, plan_of, question
from tests.compare.test_boxes import violations
from tests.compare.test_certify_boxes import bounds
from verifier.compare.boxes.enclosures import LEAST_COS, ForwardBoxes

SPHERE: tuple[str, Domain] = ("x + r*sin(lat)*cos(lon)", {"x": (-10, 10), "r": (0, 10), "lat": (-1.5, 1.5), "lon": (-3.14, 3.14)})
SHIFT = 1300  # bits of pi/2 after the point: as many as 2^971 needs, and more
PRODUCTS: list[tuple[str, Domain]] = [
    SPHERE,
    ("(x - 1)*(y - 1)*x", {"x": (0.5, 2), "y": (0.5, 2)}),
    ("x*y*y*0.25", {"x": (-1, 1), "y": (-1, 1)}),
    ("(x - y)*x*(x + y)", {"x": (-1, 1), "y": (-1, 1)}),
    ("cos(x)*y*y", {"x": (-9, 9), "y": (-1, 1)}),
    ("(x - 0.5)*y*1e-3", {"x": (0.25, 1), "y": (-0.01, 0.01)}),
]


def test_no_float64_has_a_cosine_as_small_as_assumed() -> None:
    """For x = m 2^e the distance of x from the multiples of pi/2 is at least that of the last convergent of 2^e / (pi/2) with a denominator below 2^53."""
    with mp.workprec(1400):
        half_pi = int(mp.floor(mp.pi / 2 * mp.mpf(2) ** SHIFT))
        least = min(_least_distance(2**SHIFT << e if e >= 0 else 2**SHIFT >> -e, half_pi) for e in range(-53, 972)) / mp.mpf(2) ** SHIFT
        assert mp.sin(least) > mp.mpf(2) ** LEAST_COS
        worst = abs(mp.cos(mp.mpf(6381956970095103) * mp.mpf(2) ** 797))  # the float64 that is nearest to a multiple of pi/2, as the book has it
        assert float(least) == pytest.approx(float(worst), rel=1e-9)


def _least_distance(a: int, b: int) -> int:
    """The least of |q a - p b| over all q below 2^53 and p above 0: that of a convergent of a / b."""
    best, upper, lower, (p0, q0), (p, q) = a + b, a, b, (0, 1), (1, 0)
    while lower:
        whole, rest = divmod(upper, lower)
        upper, lower = lower, rest
        (p0, q0), (p, q) = (p, q), (whole * p + p0, whole * q + q0)
        if q >= 2**53:
            break
        if p:  # near the multiple 0 cosines are 1
            best = min(best, abs(q * a - p * b))
    return best


def test_a_product_with_a_cosine_has_no_ulps_that_only_subnormal_numbers_would_have() -> None:
    found = bounds(*SPHERE, budget=3.0)["dlat"]
    assert found.outcome == "proved"
    assert found.bound is not None
    assert found.bound < 8  # r*cos(lat)*cos(lon): 2.2 for each cosine, 1 for each product, at most by the ratio of an ulp to half of it


def test_a_product_of_differences_has_a_bound_of_some_ulps_where_both_are_0() -> None:
    (found,) = [b for b in bounds("(x - 1)*(y - 1)*z", {"x": (0.5, 2), "y": (0.5, 2), "z": (1, 2)}, budget=1.0).values() if b.gradient == "dz"]
    assert found.bound is not None
    assert found.bound < 3.01  # differences of such numbers are exact below 1, so is the product with 1, and two roundings are left where they are not


@pytest.mark.parametrize("form", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
def test_no_number_in_a_random_box_of_products_is_further_off_than_its_bound(form: str) -> None:
    for seed, (function, domain) in enumerate(PRODUCTS):
        assert violations(*question(function, domain, form), seed=seed, boxes=40, each=60) == 0, function


@pytest.mark.parametrize("function", ["x*x*x*0.125", "(x - 0.5)*(x - 0.5)*x", "x*x*(x - 0.25)*1e-2"])
def test_no_float16_is_further_off_than_the_bound_of_its_neighbourhood(function: str) -> None:
    assert beyond(function) == 0


def test_the_check_catches_products_that_are_thought_to_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    step_of = ForwardBoxes.step_of
    monkeypatch.setattr(ForwardBoxes, "step_of", lambda self, k: step_of(self, k) + 24)
    assert beyond("x*x*x*0.125") > 0


def beyond(function: str) -> int:
    """How many float16 numbers have an error in ulps above the bound of the box of 64 neighbours in which they are."""
    check, box = question(function, {"x": (-1, 1)}, "float16")
    numbers = everything(check, box)
    low, high = numbers[::64], numbers[63::64]
    low = low[: len(high)]
    seen = errors(check, numbers)[0][1][: 64 * len(high)].reshape(-1, 64).max(axis=1)
    return int((seen > bounds_of(check, plan_of(check), low, high, "ulp")[:, 0]).sum())


def test_the_multiples_that_are_found_are_multiples() -> None:
    check, box = question("(x - 0.5)*(x - 0.25)*x", {"x": (0.125, 1)}, "float16")
    plan = plan_of(check)
    numbers = everything(check, box)[:, 0]
    with np.errstate(all="ignore"):
        forward, at_points = ForwardBoxes(plan, [np.array([numbers[0]])], [np.array([numbers[-1]])]), ForwardBoxes(plan, [numbers], [numbers])
    at = [k for k, o in enumerate(plan.done.operations) if o.gate == "mul"]
    assert at
    for k in at:
        points = at_points.number(k)
        step = int(np.max(forward.step_of(k)))
        floats = np.float16((points.low + points.high) / 2).astype(float)
        assert all(Fraction(x) % Fraction(2) ** step == 0 for x in floats.tolist())
