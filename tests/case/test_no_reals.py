"""`inf` and `nan` in points and domains: a point without a real number has no gradient; an interval may have no end."""

from __future__ import annotations

import math

import pytest

from tests.texts import check
from verifier.case.load import load_text
from verifier.case.points import sampled
from verifier.language.formats import FORMATS

EXP = "function: exp(-x)*y\npoints: [{x: 1, y: 2}, {x: %s, y: 2}]\n"


@pytest.mark.parametrize(("text", "value"), [("inf", "inf"), ("-inf", "-inf"), (".inf", "inf"), ("+Inf", "inf"), ("nan", "nan"), (".NaN", "nan")])
def test_a_point_with_an_infinity_or_nan_is_run_and_has_no_gradient(text: str, value: str) -> None:
    """The computed figures are CPython's: -exp(-inf)*2 is -0.0, -exp(inf)*2 is -inf, of NaN it is NaN."""
    report = check(EXP % text)
    found = [(r.gradient, dict(r.point)["x"], r.verdict.value) for r in report.results]
    assert found == [("dx", "1.0", "correct"), ("dy", "1.0", "correct"), ("dx", value, "undefined"), ("dy", value, "undefined")]
    expected = {"inf": -0.0, "-inf": -math.inf, "nan": math.nan}[value]
    assert report.results[2].computed == repr(expected)
    assert report.status == "passed"
    assert {f.code for f in report.findings} == {"V204"}
    assert f"x = {value} is no real number" in report.findings[0].message


def test_beside_it_a_wrong_gradient_is_still_wrong() -> None:
    report = check((EXP % "inf") + "implementations: {mine: {backward: 'dx = exp(-x)*y*dout; dy = exp(-x)*dout'}}\n")
    assert [r.verdict.value for r in report.results] == ["wrong", "correct", "undefined", "undefined"]
    assert report.status == "failed"


def test_all_points_may_be_without_real_numbers() -> None:
    report = check("function: exp(x)\npoints: [{x: nan}]")
    assert [(r.verdict.value, r.computed) for r in report.results] == [("undefined", "nan")]


def test_a_parameter_of_the_points_may_be_infinite_and_leaves_no_gradient() -> None:
    report = check("function: max(x, a)\nparameters: [a]\npoints: [{x: 1, a: -inf}, {x: 1, a: 0}]")
    assert [r.verdict.value for r in report.results] == ["correct", "undefined"]


@pytest.mark.parametrize(("interval", "low", "high"), [("[0, inf]", 0.0, math.inf), ("[-inf, 3]", -math.inf, 3.0), ("[-.inf, .inf]", -math.inf, math.inf)])
@pytest.mark.parametrize("form", ["float64", "float16"])
def test_an_interval_of_a_domain_may_have_no_end(interval: str, low: float, high: float, form: str) -> None:
    loaded = load_text(f"function: x**2\ndomain: {{x: {interval}}}\nsample: 300\nformats: [{form}]\n")
    assert not loaded.complaints
    drawn = [x for (x,) in sampled(loaded.cases[0], FORMATS[form])]
    assert all(math.isfinite(x) and low <= x <= high for x in drawn)
    assert max(map(abs, drawn)) > float(FORMATS[form].largest) / 2**10, "as far as the format reaches"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("function: x\ndomain: {x: [inf, 0]}\nsample: 3", "is empty"), ("function: x\ndomain: {x: [inf, inf]}\nsample: 3", "is empty"), ("function: x\ndomain: {x: [nan, 3]}\nsample: 3", "not a finite number"),
        ("function: x\ndomain: {x: {0, inf}}\nsample: 3", "not a finite number"), ("function: x*c\nparameters: {c: inf}\npoints: [{x: 1}]", "not a finite number"),
        ("function: x\nupstream: inf\npoints: [{x: 1}]", "not a finite number"), ("function: x\npoints: [{x: 1}]\npublished: {staged.dx: nan}", "not a finite number"),
    ],
)  # fmt: skip
def test_where_a_number_must_be_finite_others_are_refused(text: str, words: str) -> None:
    (complaint,) = load_text(text).complaints
    assert words in complaint.message
