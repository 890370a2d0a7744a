"""Mistakes planted in known formulas, as people make them: the line that is named, and the words. `benchmarks/guilty_lines.py` tries all of them."""

from __future__ import annotations

import re

import pytest

from tests.planted_lines import FORMULAS, planted
from tests.texts import check
from verifier import load_text
from verifier.verify import verify

PLANTS = tuple(planted())
TRIED = PLANTS[::3]
CODES = ("V101", "V105")


def findings(text):
    (case,) = load_text(text).cases
    return [f for f in verify(case).findings if f.code in CODES]


def test_there_are_enough_mistakes():
    assert len(PLANTS) >= 150
    assert len({p.formula.name for p in TRIED}) == len(FORMULAS)


@pytest.mark.parametrize("formula", FORMULAS, ids=[f.name for f in FORMULAS])
def test_the_right_formula_accuses_nobody(formula):
    assert findings(formula.case()) == []


@pytest.mark.parametrize("plant", TRIED, ids=[p.name for p in TRIED])
def test_the_wrong_line_is_named_alone_and_the_mistake_is_said(plant):
    found = findings(plant.text)
    assert {f.statement for f in found} == set(plant.guilty)
    assert [f.message for f in found if not re.search(plant.words, f.message)] == []


def test_a_helper_with_which_one_reader_is_right_is_not_to_blame_for_two_wrong_ones():
    text = "function: x*exp(-w*y)\npoints: [{x: 0.7, y: 1.2, w: 0.9}]\nimplementations:\n  it:\n    backward: |\n      t = exp(-w*y)\n      dx = t*dout\n      dy = x*w*t*dout\n      dw = x*y*t*dout\n"
    assert sorted(f.statement for f in findings(text)) == ["dw = x*y*t*dout", "dy = x*w*t*dout"]


def test_a_diagnosis_holds_for_another_gradient_that_flows_in():
    """At upstream 1 the name `dout` would do for the 1 that is meant; at x = 1 so would x."""
    (finding,) = findings("function: sin(x)*y\npoints: [{x: 1, y: 2}]\nimplementations: {it: {backward: 'dx = y*cos(x)*y*dout; dy = sin(x)*dout'}}")
    assert "`y` is superfluous" in finding.message


def test_a_wrong_sign_of_an_approximation_is_said_to_be_one():
    """The slope of erf by a formula that is right to two digits, and its sign flipped."""
    text = "function: x*0.5*(1 + erf(x/sqrt(2)))\npoints: [{x: 0.5}]\nimplementations: {it: {backward: 'dx = -sigmoid(1.702*x)*(1 + 1.702*x*(1 - sigmoid(1.702*x)))*dout'}}"
    (finding,) = findings(text)
    assert "the sign is flipped; without that the line, an approximation, would be right to" in finding.message


def test_what_no_edit_explains_is_said_with_both_values():
    (finding,) = findings("function: sin(x)*y\npoints: [{x: 0.7, y: -1.3}]\nimplementations: {it: {backward: 'dx = (x**3 + 0.3*y - erf(x) + atan(y))*dout; dy = sin(x)*dout'}}")
    assert re.search(r"it gives -1\.6399\d+ where -0\.99429\d+ is needed", finding.message)  # 0.343 - 0.39 - erf(0.7) - atan(1.3); -1.3*cos(0.7)


def test_the_expected_formula_names_no_inner_steps():
    found = check("function: log(1 + exp(x*y))*y\npoints: [{x: 0.7, y: -1.3}]\nimplementations: {it: {backward: 'dz = 2*exp(x*y)/(1 + exp(x*y))*y*dout; dx = y*dz; dy = x*dz + log(1 + exp(x*y))*dout'}}").findings
    expected = [d for f in found for d in f.details if d.startswith("expected")]
    assert not any(re.search(r"\bt\d+\b|nameless", d) for d in expected)
