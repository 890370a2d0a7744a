"""Where backprop generates the backward pass, what is suggested is a text that can be written in its place, and that text is as good as it is said to be."""

from __future__ import annotations

import textwrap

import pytest

from tests.search.test_improve_arrays import improved, loaded
from verifier.many import verify_all
from verifier.report.outcome import CaseReport, Replacement

CASES = {
    "the function alone": "name: it\nfunction: 1/(1 + exp(-x))\ndomain: {x: [-800, 800]}\npoints: [{x: 40}, {x: -750}]\n",
    "names of its own": "name: it\nfunction: 1 - 1/(1 + exp(-(x - y)))\ndomain: {x: [-300, 300], y: [-300, 300]}\npoints: [{x: 90, y: 1}]\nimplementations:\n  staged: {gradients: {x: gx, y: gy}}\n",
    "its own forward pass": "name: it\ndomain: {x: [-30, 30]}\npoints: [{x: 20}]\nimplementations:\n  staged:\n    forward: |\n      a = exp(x)\n      b = exp(-x)\n      f = (a - b)/(a + b)\n",
    "a derivative in the function": "name: it\nfunction: diff(log(1 + exp(x)), x)\ndomain: {x: [-700, 700]}\npoints: [{x: 50}]\n",
    "a second input that needs the other lines": "name: it\nfunction: y*y*exp(y)*(exp(x) - exp(-x))/(exp(x) + exp(-x))\ndomain: {x: [-30, 30], y: [1, 2]}\npoints: [{x: 20, y: 1.5}]\n",
}


def pasted(text: str, found: Replacement) -> CaseReport:
    """The report of the case in which the text of a suggestion stands in the place of the generated pass."""
    head = text.partition("implementations:")[0]
    (report,) = verify_all([loaded(f"{head}sample: 400\nimplementations:\n{textwrap.indent(found.pass_text, '  ')}\n")]).cases
    return report


@pytest.mark.parametrize("name", CASES)
def test_the_text_that_is_suggested_can_be_pasted_and_loses_no_digits(name: str) -> None:
    before = improved(CASES[name])
    assert before.suggestions
    for s in before.suggestions:
        assert (s.implementation, s.patch, s.digest) == ("staged", "", ""), "the file has no such line"
        assert s.why_no_patch
        assert s.replacement in s.pass_text
        after = pasted(CASES[name], s)
        assert after.proofs["staged"][s.gradient] in ("proved", "agrees")
        assert {r.verdict.value for r in after.results if r.gradient == s.gradient} <= {"correct", "rounding"}
        assert {v for sweep in after.sweeps if sweep.gradient == s.gradient for v in sweep.verdicts} <= {"correct", "rounding"}
        assert float(s.after.worst_ulps) < 16 < float(s.before.worst_ulps), "the twin: what backprop generates loses them"


def test_lines_that_no_gradient_needs_any_more_are_left_out() -> None:
    (found,) = improved(CASES["the function alone"]).suggestions or ()
    assert "forward" not in found.pass_text
    assert "t2" not in found.pass_text
    both = next(s for s in improved(CASES["a second input that needs the other lines"]).suggestions or () if s.gradient == "dx")
    assert "forward: |" in both.pass_text, "the gradient for y reads the values of the forward pass"
    assert "dy" in both.pass_text


def test_a_generated_pass_that_loses_nothing_is_left_alone() -> None:
    assert improved("name: it\nfunction: x*exp(x)\ndomain: {x: [1, 2]}\npoints: [{x: 1}]\n").suggestions == ()


def test_where_the_function_holds_a_derivative_written_lines_are_replaced_as_well() -> None:
    text = "name: it\nfunction: diff(log(1 + exp(x)), x)\ndomain: {x: [-700, 700]}\npoints: [{x: 50}]\nimplementations:\n  mine:\n    backward: |\n      s = 1/(1 + exp(-x))\n      dx = s*(1 - s)*dout\n"
    (found,) = improved(text).suggestions or ()
    assert found.original in ("s = 1/(1 + exp(-x))", "dx = s*(1 - s)*dout"), "the whole statement, and no part of it"
    assert float(found.after.worst_ulps) < 16 < float(found.before.worst_ulps)
