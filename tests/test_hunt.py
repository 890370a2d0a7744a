"""The hunt finds, with no point given, where a gradient goes wrong."""

import math

import pytest

from verifier.formats import FORMATS
from verifier.hunt import simplest
from verifier.load import load_text
from verifier.verify import verify

FLOAT64 = FORMATS["float64"]


def hunted(function, backward, *, extra=""):
    text = f"name: hunted\nfunction: {function}\nhunt: true\n{extra}implementations:\n  a:\n    backward: |\n"
    text += "".join(f"      {line}\n" for line in backward.split("; "))
    loaded = load_text(text)
    assert loaded.complaints == ()
    return verify(loaded.cases[0])


def regions(report, verdict):
    return [r for r in report.regions if r.verdict.value == verdict]


@pytest.mark.parametrize(
    ("function", "backward", "verdict"),
    [  # each is right nearly everywhere; the bug shows in a corner (facts of the trackers named in cases/museum)
        ("where(x == 0, 0, x * log(y))", "dx = where(x == 0, 0, log(y)); dy = x / y", "wrong"),
        ("x * 2.0**y", "dx = where(x == 0, 0, 2.0**y); dy = x * 2.0**y * log(2)", "wrong"),
        ("min(max((x + 3) / 6, 0), 1)", "dx = where(x < 3, where(x > -3, 1 / 6, 0), 1)", "wrong"),
        ("where(3*x > 1, x, log1p(exp(3*x)) / 3)", "dx = where(log1p(exp(3*x)) > 1, 1, exp(3*x) / (exp(3*x) + 1))", "wrong"),
        ("where(x == 0, 1, sin(pi*x) / (pi*x))", "dx = where(x == 0, 0, (pi*x*cos(pi*x) - sin(pi*x)) / (pi*x*x))", "nonfinite"),
        ("log(1 + exp(x))", "dx = exp(x) / (1 + exp(x))", "nonfinite"),
        ("tanh(x)", "dx = 1 - tanh(x)**2", "vanished"),
        ("sin(x)", "dx = where(x > 31.25, sin(x), cos(x))", "wrong"),
        ("x**3", "dx = where(x == 7.5, 0, 3 * x**2)", "wrong"),
    ],
)
def test_a_bug_in_a_corner_is_found_without_a_point(function, backward, verdict):
    assert regions(hunted(function, backward), verdict)


@pytest.mark.parametrize(
    ("function", "backward"),
    [("tanh(x)", "dx = (1 / cosh(x))**2"), ("sin(x)", "dx = cos(x)"), ("log(1 + exp(x))", "dx = where(x > 0, 1 / (1 + exp(-x)), exp(x) / (1 + exp(x)))")],
)
def test_a_right_gradient_has_no_bad_region_in_a_sensible_domain(function, backward):
    report = hunted(function, backward, extra="domain: {x: [-300, 300]}\n")
    assert [r for r in report.regions if r.verdict.fails] == []
    assert report.status == "passed"


def test_the_border_of_a_region_is_the_float_at_which_the_verdict_changes():
    # 1 - tanh(x)**2 is 0 in float64 from the x on whose tanh rounds to 1: 1 - tanh(x) < 2**-54, x > 19.0615
    vanished = regions(hunted("tanh(x)", "dx = 1 - tanh(x)**2"), "vanished")
    low = min(abs(float(r.low)) for r in vanished if float(r.low) > 0)
    assert low == pytest.approx(19.061547465398498, abs=1e-12)
    assert math.tanh(low) == 1.0
    assert math.tanh(math.nextafter(low, 0)) < 1.0


def test_the_same_case_is_hunted_to_the_same_points():
    first, second = (hunted("x / (x + 1)", "f2 = -x / (x + 1)**2; dx = 1 / (x + 1) + f2") for _ in range(2))
    assert first == second


def test_the_budget_bounds_the_points_that_are_judged():
    (case,) = load_text("function: tanh(x)\nhunt: true\n").cases
    from dataclasses import replace

    report = verify(replace(case, budget=10))
    assert len(report.results) <= 10


@pytest.mark.parametrize(
    ("low", "high", "simple"),
    [(3.0, 1.7e308, 3.0), (-1e308, -3.0, -3.0), (19.06, 373.0, 20.0), (-1.0, 2.0, 0.0), (0.18, 0.33, 0.2), (0.1234567, 0.1234569, 0.1234568), (5e-324, 5e-324, 5e-324)],
)
def test_the_simplest_point_has_the_fewest_digits(low, high, simple):
    assert simplest(low, high, FLOAT64) == simple
