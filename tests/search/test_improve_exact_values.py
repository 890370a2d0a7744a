"""The exact values that lines are measured against: by double-doubles where these are enough, by balls elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.test_improve import question
from verifier.search.improve import exact_values
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.measure import drawn

COUNT = 300
FUNCTIONS = {  # and the share of points, at least, that double-doubles know
    "tanh(x)": 0.5,
    "x*exp(-y)": 0.4,
    "sqrt(x*x + y*y)": 0.4,
    "log(x) + y": 0.3,  # has no value where x is negative
    "0.5*x*(1 + erf(x/sqrt(2))) + y": 0.1,
    "besselj(0, x) + y": 0.0,  # has no double-double
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("upstream", [1.0, -0.75])
def test_both_ways_know_the_same_values(function: str, upstream: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    check, _, boxes = question(function, "dx = x", {"x": (-1e300, 1e300), "y": (-700.0, 700.0)})
    check = replace(check, upstream=upstream)
    points = [*drawn(boxes, check.format, count=COUNT, seed=5), (0.0, 0.0), (1e300, 1.0)]
    found = exact_gradient(check, "dx", points)
    pairs = exact_values._by_double_doubles(check.truth.gradient.program, (check.truth.gradient.adjoint[0], check.truth.gradient.value), points, check)
    assert pairs.known.mean() >= FUNCTIONS[function]
    monkeypatch.setattr(exact_values, "FEWEST", len(points) + 1)
    balls = exact_gradient(check, "dx", points)
    np.testing.assert_array_equal(found.known, balls.known)
    np.testing.assert_array_equal(found.ulp[found.known], balls.ulp[found.known])
    assert (np.abs((found.high - balls.high) + (found.low - balls.low)) <= 2.0**-25 * balls.ulp).all(), "of one ulp: far below what an error is counted in"
