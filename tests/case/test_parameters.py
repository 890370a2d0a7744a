"""Parameters whose values stand in the case file are read like literals of a formula; those that are only named are rounded with the point."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest

from verifier.case.load import load_text
from verifier.report.outcome import Result
from verifier.search.fuzz.campaign import campaign
from verifier.testing import case_of
from verifier.verify import verify

DIVERGENCE = """forward: |
  q = np.exp(z) / np.sum(np.exp(z))
  loss = np.sum(p * np.log(p / q))
implementations: {mine: {backward: 'dz = dloss*(q - p)'}}
"""
Z = (0.5, -1.25, 2.0, 0.25)


def divergence(p: str) -> str:
    return f"parameters: {{p: {p}}}\npoints: [{{z: {list(Z)}}}]\n{DIVERGENCE}"


def test_values_that_add_up_to_one_as_decimals_do() -> None:
    report = verify(case_of(divergence("[0.1, 0.2, 0.3, 0.4]")))
    assert report.status == "passed"
    assert {r.verdict.value for r in report.results} <= {"correct", "rounding"}
    assert set(report.proofs["mine"].values()) == {"proved"}
    with mpmath.workdps(40):  # dz = q * sum(p) - p, the decimals as they are written
        total = mpmath.fsum(mpmath.exp(z) for z in Z)
        for r, z, p in zip(report.results, Z, ("0.1", "0.2", "0.3", "0.4"), strict=True):
            assert mpmath.almosteq(mpmath.mpf(exact(r)), mpmath.exp(z) / total - mpmath.mpf(p), rel_eps=mpmath.mpf(10) ** -24)


def exact(result: Result) -> str:
    assert result.exact is not None
    return result.exact


def test_values_that_do_not_add_up_to_one_make_the_same_gradient_wrong() -> None:
    report = verify(case_of(divergence("[0.1, 0.2, 0.3, 0.5]")))  # dz = 1.1*q - p
    assert {r.verdict.value for r in report.results} == {"wrong"}


def test_values_of_the_points_are_rounded_with_them() -> None:
    rounded = [Fraction(v) for v in (0.1, 0.2, 0.7)]
    assert sum(rounded) != 1  # 1 - 2**-54, so q - p is off by as much of q
    report = verify(case_of(f"parameters: [p]\npoints: [{{z: [0.5, -1.25, 2.0], p: [0.1, 0.2, 0.7]}}]\n{DIVERGENCE}"))
    with mpmath.workdps(40):
        total = mpmath.fsum(mpmath.exp(z) for z in Z[:3])
        sum_ = mpmath.mpf(sum(rounded).numerator) / sum(rounded).denominator
        for r, z, p in zip(report.results, Z, rounded, strict=False):
            assert mpmath.almosteq(mpmath.mpf(exact(r)), mpmath.exp(z) / total * sum_ - mpmath.mpf(p.numerator) / p.denominator, rel_eps=mpmath.mpf(10) ** -24)


@pytest.mark.parametrize("value", ["0.1", "-0.3", "1e-5", "0.0625", "+2.5"])
@pytest.mark.parametrize("fmt", ["float64", "float16"])
def test_a_fixed_value_is_the_literal_of_the_same_text(value: str, fmt: str) -> None:
    points = f"points: [{{x: 1.375}}]\nformats: [{fmt}]\n"
    fixed = verify(case_of(f"function: x * x * c + exp(c)\nparameters: {{c: {value}}}\n{points}")).results[0]
    written = verify(case_of(f"function: x * x * ({value}) + exp({value})\n{points}")).results[0]
    assert (fixed.computed, fixed.exact, fixed.ulps, fixed.verdict) == (written.computed, written.exact, written.ulps, written.verdict)


def test_a_value_of_as_many_digits_as_the_format_holds_is_a_rounded_constant() -> None:
    text = "function: c * x\nparameters: {{c: {}}}\npoints: [{{x: 3}}]\nimplementations: {{mine: {{backward: 'dx = dout * pi'}}}}\n"
    assert verify(case_of(text.format("3.141592653589793"))).results[0].verdict.value in ("correct", "rounding")
    assert verify(case_of(text.format("3.141592653589739"))).results[0].verdict.value == "wrong"
    assert verify(case_of(text.format("3.1416"))).results[0].verdict.value == "wrong"


def test_the_rounding_of_a_fixed_value_is_blamed_on_the_line_that_reads_it() -> None:
    result = verify(case_of("parameters: {c: 0.1}\npoints: [{x: 3}]\nforward: f = c * x\nimplementations: {mine: {backward: 'dx = df * c'}}\n")).results[0]
    assert result.ulps is not None
    error = abs(Fraction(0.1) - Fraction(1, 10)) / Fraction(2) ** -56  # ulp(0.1) is 2**-56
    assert abs(Fraction(result.ulps) - error) < Fraction(1, 100)


def test_samples_hunts_and_the_constraint_take_the_decimal() -> None:
    text = "function: x * (p[0] + p[1] + p[2])\nparameters: {p: [0.1, 0.2, 0.7]}\ndomain: {x: [1, 2]}\nsample: 20\ngiven: x > 10 * p[0]\nimplementations: {mine: {backward: 'dx = dout'}}\n"
    report = verify(case_of(text))  # as floats the three do not add up to 1
    assert report.status == "passed"
    assert report.sweeps[0].points == 20
    hunted = verify(case_of(text.replace("sample: 20", "hunt: true")))
    assert not [f for f in hunted.findings if f.severity == "error"]


def test_the_point_of_a_report_has_the_value_as_it_is_written() -> None:
    case = case_of("function: x * c\nparameters: {c: 0.123456}\npoints: [{x: 0.123456}]\nformats: [float16]\n")
    assert dict(verify(case).results[0].point) == {"x": "0.1235", "c": "0.123456"}  # 0.1235 is the shortest text of the nearest float16


def test_a_pasted_line_may_repeat_a_fixed_value_and_give_no_other() -> None:
    text = "parameters: {{c: 0.1, w: [0.5, 0.25]}}\npoints: [{{x: 3}}]\nforward: |\n  c = {}\n  w = [0.5, 0.25]\n  f = c * x * w[1]\nimplementations: {{mine: {{backward: 'dx = df * c * w[1]'}}}}\n"
    assert verify(case_of(text.format("0.1"))).status == "passed"
    assert "no point has this value" in load_text(text.format("0.2")).complaints[0].message


def test_a_find_keeps_fixed_values_where_they_were() -> None:
    text = "function: x * c\nparameters: {c: 0.1}\ndomain: {x: [1, 2]}\nsample: 10\nimplementations: {mine: {backward: 'dx = dout * 0.1001'}}\n"
    finds = campaign(case_of(text), max_examples=50).finds
    kept = case_of(finds[0].text)
    assert (kept.fixed, [dict(p.values)["c"] for p in kept.points][:1]) == (("c",), ["0.1"])
    assert verify(kept).status == "passed"  # it expects what it shows


@pytest.mark.parametrize(("p", "verdicts"), [("[0.1, 0.2, 0.3, 0.4]", {"correct", "rounding"}), ("[0.1, 0.2, 0.3, 0.5]", {"wrong", "subgradient", "rounding", "correct"})])
def test_a_maximum_that_is_taken_twice_is_smooth_where_the_values_add_up_to_one(p: str, verdicts: set[str]) -> None:
    """Softmax takes the maximum away, which changes nothing: where sum(p) = 1 the loss is smooth in it, else it has a kink where two logits are the largest."""
    forward = "  s = z - z.max()\n  logq = s - np.log(np.exp(s).sum())\n  loss = (p * (np.log(p) - logq)).sum()\n"
    case = case_of(f"parameters: {{p: {p}}}\npoints: [{{z: [-0.22, 1.33, -1.14, 1.33]}}]\nforward: |\n{forward}implementations: {{mine: {{backward: 'dz = dloss*(np.exp(logq) - p)'}}}}\n")
    found = {r.verdict.value for r in verify(case).results}
    assert found <= verdicts
    assert ("wrong" in found) == ("wrong" in verdicts)
