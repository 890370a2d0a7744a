"""A formula that is wrong away from the points of its case, and that nothing is proved of, has a witness all the same; and no verdict depends on how much time there was."""

from __future__ import annotations

import math

import pytest

from tests.compare.errors_at_points import question
from verifier.case.load import case_of
from verifier.compare import agreement, challenge
from verifier.compare.boxes.witness import at_point
from verifier.report import proofs
from verifier.verify import verify

# (function, a right gradient, one that is wrong in a piece that no point of the case shows, the piece): a step is constant between the integers, so that its zeros fill an interval.
PIECES = [
    ("where(sinh(floor(x)) >= 0, x**2, x)", "where(sinh(floor(x)) >= 0, 2*x, 1)", "where(sinh(floor(x)) > 0, 2*x, 1)", (0, 1)),
    ("x*sign(tanh(round(x)))", "sign(tanh(round(x)))", "where(tanh(round(x)) > 0, 1, -1)", (-0.5, 0.5)),
    ("where(erf(ceil(x)) <= 0, exp(x), x)", "where(erf(ceil(x)) <= 0, exp(x), 1)", "where(erf(ceil(x)) < 0, exp(x), 1)", (-1, 0)),
    ("where(2**floor(x) >= 8, sin(x), x)", "where(2**floor(x) >= 8, cos(x), 1)", "where(2**floor(x) > 8, cos(x), 1)", (3, 4)),
    ("where(x > 100, x*ceil(floor(x)), x)", "where(x > 100, ceil(floor(x)), 1)", "where(x > 100, 1 + floor(floor(x)), 1)", (100, float("inf"))),
    ("where(x > 100, min(x, inf), x)", "where(x > 100, 1, 1)", "where(x > 100, 17, 1)", (100, float("inf"))),
    ("clip(x, -inf, 40)**2", "where(x < 40, 2*x, 0)", "2*x", (40, float("inf"))),
]


def text(function: str, gradients: str, *, points: str = "{x: 20.25}", more: str = "") -> str:
    return f"function: {function}\npoints: [{points}]\nimplementations: {{it: {{backward: '{gradients}'}}}}\n{more}"


@pytest.mark.parametrize(("function", "right", "wrong", "piece"), PIECES, ids=[row[0] for row in PIECES])
def test_a_formula_that_is_wrong_in_a_piece_far_from_the_points_is_refuted_there(function: str, right: str, wrong: str, piece: tuple[float, float]) -> None:
    report = verify(case_of(text(function, f"dx = ({wrong})*dout")))
    assert [f.code for f in report.findings] == ["V107"]
    assert piece[0] <= float(dict(report.findings[0].point)["x"]) <= piece[1]
    assert verify(case_of(text(function, f"dx = ({right})*dout"))).status == "passed"


@pytest.mark.parametrize("said", ["scope: points", "domain: {x: [20, 30]}", "domain: {x: {20.25, 21.5}}", "given: x > 8"])
def test_what_is_not_meant_there_is_not_refuted_there(said: str) -> None:
    function, _, wrong, _ = PIECES[0]
    assert verify(case_of(text(function, f"dx = ({wrong})*dout", more=said + "\n"))).status == "passed"


def test_a_gap_in_the_domain_is_a_finding_and_no_silent_refutation() -> None:
    """sqrt(x y) exists where both are negative; there sqrt(y)/(2 sqrt(x)) has no real value."""
    gap = "dx = sqrt(y)/(2*sqrt(x))*dout; dy = sqrt(x)/(2*sqrt(y))*dout"
    report = verify(case_of(text("sqrt(x*y)", gap, points="{x: 1.5, y: 2.5}")))
    assert report.status == "failed"
    assert [(f.code, f.gradient) for f in report.findings] == [("V107", "dx"), ("V107", "dy")]
    for found in report.findings:
        assert all(float(v) < 0 for _, v in found.point)
        assert "without a value at x = -" in found.message
        assert "where the exact gradient has one" in found.message
    assert verify(case_of(text("sqrt(x*y)", gap, points="{x: 1.5, y: 2.5}", more="domain: {x: [0.1, 9], y: [0.1, 9]}\n"))).status == "passed"
    whole = "dx = y/(2*sqrt(x*y))*dout; dy = x/(2*sqrt(x*y))*dout"
    assert verify(case_of(text("sqrt(x*y)", whole, points="{x: 1.5, y: 2.5}"))).status == "passed"


# (function, gradient, points): each is refuted by a witness on a border or in a gap, where a proof holds elsewhere.
BORDERS = [
    ("x*x", "dx = (2*x + ceil(x) - floor(x) - 1)*dout", "{x: 2.5}"),
    ("x**3", "dx = (3*x**2 + where(x == 3, 1, 0))*dout", "{x: 2.5}"),
    ("log(x*x)", "dx = 2*exp(-log(x))*dout", "{x: 2.5}"),
    ("sqrt(x*y)", "dx = sqrt(y)/(2*sqrt(x))*dout; dy = x/(2*sqrt(x*y))*dout", "{x: 1.5, y: 2.5}"),
]


@pytest.mark.parametrize(("function", "gradients", "points"), BORDERS, ids=[row[0] for row in BORDERS])
def test_a_witness_does_not_depend_on_the_time_for_proofs(function: str, gradients: str, points: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(text(function, gradients, points=points))
    usual = verify(case)
    monkeypatch.setattr(proofs, "PROVING_SHARE", -1.0)  # no time for any proof,
    unproved = verify(case)
    monkeypatch.setattr(agreement, "outcomes", _too_slow)  # and not even for the first comparison
    nothing = verify(case)
    for report in (usual, unproved, nothing):  # the witness may be another one
        assert report.status == "failed"
        assert [f.code for f in report.findings] == ["V107"]
        assert [(f.code, f.gradient) for f in report.findings] == [(f.code, f.gradient) for f in usual.findings]


def _too_slow(*_: object, **__: object) -> None:
    raise TimeoutError("planted")


def test_a_large_program_is_not_challenged_without_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    function, _, wrong, _ = PIECES[0]
    monkeypatch.setattr(challenge, "MOST_WORK", 100)
    assert verify(case_of(text(function, f"dx = ({wrong})*dout"))).status == "passed"


# ---------------------------------------------------------------- what the report says of it


@pytest.mark.parametrize(
    ("backward", "expected"),
    [("dh = y**2*dout", "refuted"), ("dh = 2*x*y*dout", "refuted")],  # right for x, and for y, everywhere; for both where y = 2 x
)
def test_one_name_that_is_claimed_for_two_inputs_is_proved_for_both_or_not_at_all(backward: str, expected: str) -> None:
    claimed = "function: {}\npoints: [{{x: 2, y: 4}}]\nimplementations: {{it: {{backward: '{}', gradients: {{x: dh, y: dh}}}}}}\n"
    report = verify(case_of(claimed.format("x*y**2", backward)))
    assert report.proofs["it"]["dh"] == expected
    assert [f.code for f in report.findings] == ["V107"]
    assert not any("fault of this tool" in note for note in (*report.notes, report.findings[0].message))
    assert verify(case_of(claimed.format("exp(x + y)", "dh = exp(x + y)*dout"))).proofs["it"]["dh"] == "proved"


def test_a_tie_on_an_interval_is_judged_there() -> None:
    """tanh(ceil(x)) < tanh(1) holds for ceil(x) < 1; on (0, 1] both sides are the same number, which no enclosure shows."""
    function = "where(tanh(ceil(x)) < tanh(1), x**2, x)"
    report = verify(case_of(text(function, "dx = where(tanh(ceil(x)) <= tanh(1), 2*x, 1)*dout", points="{x: 2.5}")))
    assert [f.code for f in report.findings] == ["V107"]
    assert 0 < float(dict(report.findings[0].point)["x"]) <= 1
    assert verify(case_of(text(function, "dx = where(ceil(x) < 1, 2*x, 1)*dout", points="{x: 2.5}"))).status == "passed"


def test_a_gradient_that_is_undecided_at_a_point_is_not_said_to_be_right_there() -> None:
    """asin(sin(x)) is x up to pi/2, where max of both is a tie that nobody proves; below -pi/2 it is -pi - x, which is larger."""
    report = verify(case_of(text("max(asin(sin(x)), x)", "dx = dout", points="{x: 0.5}, {x: 2}")))
    (found,) = (f for f in report.findings if f.code == "V107")
    assert "it.dx is not refuted at the points of the case and wrong at x = -" in found.message


# A gradient that is wrong at every point, though the search for the line has nothing to hold it against, is not said to be right beside its point; one that is, is.
@pytest.mark.parametrize(
    ("function", "gradient", "is_right_beside"),
    [
        ("x*sign(floor(x) + ceil(-x))", "1 + floor(x) + ceil(-x)", False),
        ("where(sqrt(2)*sqrt(3) >= sqrt(6), x**2, x)", "1", False),
        ("x*remainder(floor(x), 1)", "remainder(x, 1)", False),
        ("where(x == 20.25, x**2, x*x)", "2*x + where(x == 20.25, x, 0)*x", True),
    ],
)
def test_a_line_is_said_to_be_right_beside_a_point_only_where_it_is(function: str, gradient: str, is_right_beside: bool) -> None:
    (found,) = (f for f in verify(case_of(text(function, f"dx = ({gradient})*dout"))).findings if f.code == "V101")
    assert ("right beside it" in found.message) <= is_right_beside
    assert "this line is wrong at this point" in found.message or is_right_beside


def test_numbers_that_differ_are_shown_with_the_digits_in_which_they_do() -> None:
    """0.5 at a tie of two exponentials, against the second float after it."""
    report = verify(case_of(text("log(exp(x) + exp(y))", "dx = 0.5000000000000002*dout; dy = exp(y)/(exp(x) + exp(y))*dout", points="{x: 1.5, y: 1.5}")))
    (found,) = (f for f in report.findings if f.code == "V101")
    assert "it gives 0.5000000000000002 where 0.5000000000000000" in found.message
    assert not any("1 + 0e" in line or "1 - 0e" in line for line in found.details)


def test_outside_its_domain_a_gate_is_said_to_be_so() -> None:
    """The beta function is meant for positive parameters (DLMF 5.12.1)."""
    report = verify(case_of("function: betaln(x, y)\npoints: [{x: -0.5, y: 2}]\n"))
    assert {f.code for f in report.findings} == {"V204"}
    assert all("outside the domain" in f.message for f in report.findings)


def test_limits_are_looked_for_first_where_the_branch_that_is_taken_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of 20 choices between x and x has the gradient 20 at all its borders; there is time for the limits of five of them."""
    monkeypatch.setattr(challenge, "FEWEST_LIMITS", 5)
    monkeypatch.setattr(challenge, "MOST_LIMITS", 5)
    function = " + ".join(f"where(x > {k}, x, x)" for k in range(1, 21))
    report = verify(case_of(text(function, "dx = (20 + where(x == 13, 1, 0))*dout", points="{x: 0.3}")))
    assert [(f.code, dict(f.point)) for f in report.findings] == [("V107", {"x": "13.0"})]


@pytest.mark.parametrize("computed", [math.inf, math.nan])
def test_a_gradient_without_a_float_is_beyond_every_bound(computed: float) -> None:
    check, _ = question("x*x", {"x": (1, 2)})
    seen = at_point(check, 0, "ulp", (1.5,), computed)
    assert seen is not None
    assert seen.error == math.inf
