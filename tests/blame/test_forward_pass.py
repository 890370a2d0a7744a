"""A forward pass that is not the function: the point, the figures, the edit, and which wrong gradients are those of that forward pass. Values by Python's fractions and math."""

from __future__ import annotations

import math

import pytest

from verifier import load_text
from verifier.blame.formula.forward_pass import ForwardError, forward_error, right_for_its_forward
from verifier.case.case import Draft
from verifier.circuit.program import Program
from verifier.language.formats import FORMATS

FLOAT64 = FORMATS["float64"]
POINTS = ((0.5, 2.0), (-1.5, 3.0))


def pass_of(function: str, *lines: str, backward: tuple[str, ...] = ("dx = dout", "dy = dout"), points: tuple[tuple[float, ...], ...] = POINTS) -> tuple[Program, Draft]:
    given = ", ".join(f"{{x: {x}, y: {y}}}" for x, y in points)
    text = f"function: {function}\npoints: [{given}]\nimplementations:\n  it:\n    forward: |\n" + "".join(f"      {line}\n" for line in lines) + "    backward: |\n" + "".join(f"      {line}\n" for line in backward)
    (case,) = load_text(text).cases
    return case.programs.truth, case.programs.drafts[0]


def error_of(function: str, *lines: str, fmt: str = "float64", points: tuple[tuple[float, ...], ...] = POINTS) -> ForwardError | None:
    truth, draft = pass_of(function, *lines, points=points)
    return forward_error(truth, draft.forward, points, fmt=FORMATS[fmt])


# function, forward lines, the words, and the value that is found at the first point where it is another; both by hand at (1/2, 2) or (-3/2, 3)
WRONG = (
    ("x*y + 1", ("t = x*y", "out = t - 1"), "`-` where `+` is meant in `t - 1`", (0.5, 2.0), 0.0, 2.0), ("x**2*y", ("t = x*y", "out = t*x*x"), "the factor `x` is superfluous in `t*x*x`", (0.5, 2.0), 0.25, 0.5), ("exp(x)*y", ("out = exp(y)*y",), "`y` where `x` is meant in `exp(y)`", (0.5, 2.0), 2 * math.exp(2), 2 * math.exp(0.5)),
    ("abs(x)*y", ("out = x*y",), "the sign is flipped", (-1.5, 3.0), -4.5, 4.5), ("x - y", ("out = y - x",), "the sign is flipped", (0.5, 2.0), 1.5, -1.5),
)  # fmt: skip


@pytest.mark.parametrize(("function", "lines", "words", "point", "computed", "exact"), WRONG, ids=["; ".join(w[1]) for w in WRONG])
def test_the_point_the_values_and_the_edit_are_said(function: str, lines: tuple[str, ...], words: str, point: tuple[float, ...], computed: float, exact: float) -> None:
    found = error_of(function, *lines)
    assert found is not None
    assert found.point == point
    assert float(found.computed) == pytest.approx(computed, rel=1e-15)
    assert float(found.exact) == pytest.approx(exact, rel=1e-15)
    assert float(found.ulps) == pytest.approx(abs(computed - exact) / math.ulp(exact), rel=1e-5)
    assert found.diagnosis is not None
    assert found.diagnosis.words == words


@pytest.mark.parametrize("lines", [("out = y*x + 1",), ("t = x*y", "out = 1 + t"), ("out = x*y + 1 + 2**-54",), ("out = (x*y + 1)*(1 + 2**-53)",)])
def test_a_forward_pass_within_an_ulp_is_the_function(lines: tuple[str, ...]) -> None:
    """2**-54 is less than the ulp of 2 and of -3.5, 2**-52 and 2**-51."""
    assert error_of("x*y + 1", *lines) is None


@pytest.mark.parametrize(("size", "is_off"), [(-49, True), (-50, True), (-51, False), (-53, False)])
def test_more_than_an_ulp_is_another_function(size: int, is_off: bool) -> None:
    """At (1/2, 2) the value is 2, and its ulp 2**-51."""
    found = error_of("x*y + 1", f"out = x*y + 1 + 2**{size}", points=((0.5, 2.0),))
    assert (found is not None) is is_off
    assert found is None or float(found.ulps) == 2.0 ** (size + 51)


def test_in_a_narrow_format_an_ulp_is_more() -> None:
    assert error_of("x*y + 1", "out = x*y + 1 + 2**-40") is not None
    assert error_of("x*y + 1", "out = x*y + 1 + 2**-40", fmt="float32") is None


def test_where_one_of_the_two_has_no_value_nothing_is_compared() -> None:
    assert error_of("log(x)*y", "out = log(x)*y*2", points=((-1.0, 2.0),)) is None
    found = error_of("log(x)*y", "out = log(x)*y*2", points=((-1.0, 2.0), (3.0, 1.0)))
    assert found is not None
    assert found.point == (3.0, 1.0)


def gradients(function: str, lines: tuple[str, ...], backward: tuple[str, ...], names: tuple[str, ...] = ("dx", "dy")) -> list[str]:
    truth, draft = pass_of(function, *lines, backward=backward)
    found = forward_error(truth, draft.forward, POINTS, fmt=FLOAT64)
    assert found is not None
    return right_for_its_forward(draft, truth, found, names, POINTS, fmt=FLOAT64, upstream=1.0)


def test_gradients_that_are_those_of_the_wrong_forward_pass_have_that_to_blame() -> None:
    """The function x y + x; the pass has x y - x: its gradients are y - 1 and x."""
    pass_, right = ("t = x*y", "out = t - x"), ("dx = (y - 1)*dout", "dy = x*dout")
    assert gradients("x*y + x", pass_, right) == ["dx", "dy"]
    assert gradients("x*y + x", pass_, right, ("dx",)) == ["dx"]
    assert gradients("x*y + x", pass_, ("dx = (y - 2)*dout", right[1])) == ["dy"]
    assert gradients("x*y + x", pass_, ("dx = 7*dout", "dy = 3*dout")) == []


def test_gradients_that_come_right_with_the_edit_of_the_pass_have_that_to_blame() -> None:
    """The function exp(x)*y; the pass has exp(-x)*y, of which the backward pass reads the value: dx = out is right with it."""
    assert gradients("exp(x)*y", ("out = exp(-x)*y",), ("dx = out*dout", "dy = exp(-x)*dout")) == ["dx", "dy"]
    assert gradients("exp(x)*y", ("out = exp(-x)*y",), ("dx = 2*out*dout", "dy = exp(x)*dout")) == ["dy"]
    assert gradients("exp(x)*y", ("out = exp(-x)*y",), ("dx = 2*out*dout", "dy = 3*exp(x)*dout")) == []


def test_an_edit_of_the_pass_that_is_tried_at_few_points_mends_no_gradient() -> None:
    """The function has exp(x), the pass exp(-x). A term 0*sqrt(x - 0.49) leaves the function without a value at a point beside 1/2: what is tried at fewer points than asked for says nothing."""
    for term, expected in (("", ["dx"]), (" + 0*sqrt(x - 0.49)", [])):
        truth, draft = pass_of(f"exp(x) + y{term}", "t = exp(-x)", "out = t + y", backward=("dx = t*dout", "dy = 2*dout"), points=((0.5, 2.0), (3.0, 2.0)))
        found = forward_error(truth, draft.forward, ((0.5, 2.0),), fmt=FLOAT64)
        assert found is not None
        assert found.diagnosis is not None
        assert right_for_its_forward(draft, truth, found, ("dx", "dy"), ((3.0, 2.0),), fmt=FLOAT64, upstream=1.0) == expected
