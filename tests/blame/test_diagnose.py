"""What is said of a wrong line: the edit that repairs it, and never one that does not."""

from __future__ import annotations

import functools

import pytest

from tests import ROOT
from tests.texts import check
from tests.wrong_lines import WRONG_LINES
from verifier import load
from verifier.blame.formula import diagnose as diagnose_module
from verifier.verify import verify

CASES = ROOT / "cases" / "wrong"


@functools.cache
def messages(name):
    (case,) = (c for c in load(str(CASES)).cases if c.name == name)
    return {f.statement: f.message for f in verify(case).findings}


@pytest.mark.parametrize(("name", "statement", "words"), WRONG_LINES, ids=[f"{n}: {s}" for n, s, _ in WRONG_LINES])
def test_the_mistake_is_said_in_words(name, statement, words):
    assert words in messages(name)[statement]


def test_every_row_has_its_words():
    assert [row for row in WRONG_LINES if not row[2]] == []


def diagnosis(function, backward, point="x: 0.7, y: -1.3", claims="{x: dx}"):
    """The message about the only wrong line, from the words of the diagnosis on."""
    text = f"function: {function}\npoints: [{{{point}}}]\nimplementations:\n  it:\n    backward: |\n      {backward}\n    gradients: {claims}\n"
    (finding,) = check(text).findings
    return finding.message.partition("it.dx: ")[2]


# d(function)/dx with one mistake in it, and what is said: one row a kind of edit
KINDS = (
    ("sin(x) * y", "dx = -cos(x) * y", "the sign is flipped"),
    ("sin(x) * y", "dx = sin(x) * y", "`sin` where `cos` is meant in `sin(x)`"),
    ("x**3 * y", "dx = 3 * x**3 * y", "the exponent of `x**3` is 1 too high"),
    ("x**3 * y", "dx = x**2 * y", "the factor `3` is missing"),
    ("x**2 * y", "dx = 2 * x", "the factor `y` is missing"),
    ("x**2 / y", "dx = 2 * x", "a division by `y` is missing"),
    ("x * y", "dx = y * x", "the factor `x` is superfluous in `y * x`"),
    ("x / y", "dx = 1 * y", "`*` where `/` is meant in `1 * y`"),
    ("exp(x * y)", "dx = out + y", "`+` where `*` is meant"),
    ("atan2(y, x)", "dx = -x / (x*x + y*y)", "`x` where `y` is meant in `-x`"),
    ("log(x) * y", "dx = x / y", "the operands of `x / y` are swapped"),
    ("x * exp(y)", "dx = exp(x)", "`x` where `y` is meant in `exp(x)`"),
    ("tanh(x)", "dx = 1 - out", "`out` should be squared in `1 - out`"),
    ("(x + y)**2 / 2", "dx = exp(x + y)", "`exp` is superfluous"),
    ("sqrt(2 / pi) * x", "dx = 0.7978", "`0.7978` has a relative error of 0.00011: the constant looks like sqrt(2/pi) to 4 digits"),
    ("0.044715 * x**2", "dx = 2 * 0.044715000000044715 * x", "`0.044715000000044715` has a relative error of 1e-12: it should be 0.044715"),
    ("x**4 * y", "dx = 4.000004 * x**3 * y", "`4.000004` has a relative error of 1e-06: it should be 4"),
    ("x**4 * y", "dx = 4 * x**3.000003 * y", "`3.000003` has a relative error of 1e-06: it should be 3"),
    ("exp(-x**2)", "dx = -x * exp(-x**2)", "the factor `2` is missing"),
    ("relu(x) * y", "dx = where(x > 0, 0, y)", "branches"),
    ("log(exp(x) + exp(y))", "dx = exp(y) / (exp(x) + exp(y))", "`y` where `x` is meant in `exp(y)`"),
    ("log(1 + exp(3 * x))", "dx = 3 * exp(3 * y) / (1 + exp(3 * y))", "`y` where `x` is meant in `3 * y`"),
)  # fmt: skip


@pytest.mark.parametrize(("function", "backward", "words"), KINDS, ids=[f"{f} | {b}" for f, b, _ in KINDS])
def test_each_kind_of_edit_is_recognised(function, backward, words):
    assert words in diagnosis(function, backward)


def test_what_no_single_edit_explains_is_said_plainly():
    assert diagnosis("sin(x) * y", "dx = x**3 + 0.3 * y - erf(x)").startswith("this line is wrong even where everything it reads is exact")


def test_an_edit_that_repairs_one_point_only_is_none():
    """At x = 2 the term x is superfluous in x + x + x, which should be x**2; nowhere else."""
    assert "too much" not in diagnosis("x**3 / 3", "dx = x + x + x", point="x: 2, y: 0")


def test_the_span_is_that_of_the_wrong_subexpression():
    (finding,) = check("function: sin(x) * y\npoints: [{x: 1, y: 2}]\nimplementations:\n  it:\n    backward: |\n      dx = y * sin(x) * dout\n    gradients: {x: dx}\n").findings
    assert finding.source_line[finding.place.column - 1 :][: finding.width] == "sin(x)"


def test_the_right_local_gradient_is_shown_in_the_names_of_the_program():
    text = """
    points: [{x: 2, y: 3}]
    implementations:
      it:
        forward: |
          den = x + y**2
          invden = 1.0 / den
          out = x * invden
        backward: |
          dinvden = x * dout
          dden = (-1.0 / den) * dinvden
          dx = invden * dout + dden
          dy = 2 * y * dden
    """
    (finding,) = check(text).findings
    assert finding.statement == "dden = (-1.0 / den) * dinvden"
    (shown,) = (d for d in finding.details if d.startswith("expected  d(invden)/d(den) = ") and d.endswith(", from `invden = 1.0 / den`"))
    formula = shown.partition(" = ")[2].rpartition(", from ")[0]  # in whatever form SymPy prints it
    assert [eval(formula, {"den": den}) for den in (2.0, 11.0, -0.5)] == pytest.approx([-1 / 4, -1 / 121, -4])


@pytest.mark.parametrize("condition", ["x > x", "0.001 > 1e-3", "x != x"])
def test_a_tie_of_a_number_with_itself_hides_no_diagnosis(condition):
    """A condition on equal operands chooses one branch at all points; no ball tells that of two balls around 0.001."""
    assert diagnosis("log10(0.1 + atan(x*y)**2)", f"dx = (2*atan(x*y)*y/(1 + (x*y)**2)/((0.1 + atan(where({condition}, 7, x)*y)**2)*log(10)) - 1e-12)*dout").startswith("the term `1e-12` is superfluous")


@pytest.mark.parametrize(("backward", "is_said"), [("dx = y*tanh(x)*4/3 + y*tanh(x)/3", True), ("dx = y*tanh(x)*0.7 - y*tanh(x)*0.3", True), ("dx = y*tanh(x)*0.775 - y*tanh(x)*0.225", False)])
def test_a_flipped_sign_of_an_approximation_is_said_where_it_costs_more_than_half_of_the_gradient(backward, is_said):
    """y*tanh(x) is y*x/sqrt(1 + x*x) to 10 %. With the sign they are 5/3, 0.4 and 0.55 of it: off by 67, 60 and 45 %."""
    assert ("would be right to 1 digit" in diagnosis("sqrt(1 + x*x)*y", backward, point="x: 0.5, y: -1.3")) is is_said


def test_of_a_line_that_hands_on_a_name_a_missing_factor_is_said_before_another_name():
    """u is x*t: either would do."""
    assert diagnosis("x*x*y/2", "t = y*dout\n      u = x*t\n      dy = x*x/2*dout\n      dx = t", claims="{x: dx, y: dy}") == "the factor `x` is missing"


def test_of_a_contribution_that_is_a_bare_name_another_name_is_said_before_a_missing_factor():
    """The twin: here too u is x*t, and either would do."""
    lines = "t = y*dout\n      u = x*t\n      dy = x*x/2*dout\n      dx = cos(x)*dout\n      dx += t"
    assert diagnosis("x*x*y/2 + sin(x)", lines, claims="{x: dx, y: dy}") == "`t` where `u` is meant"


def test_what_is_said_of_a_missing_contribution_is_not_looked_for_in_other_mistakes(monkeypatch):
    """It takes longer than all other repairs, and was made for every mistake."""
    monkeypatch.setattr(diagnose_module, "_missing_term", lambda *_: 1 / 0)
    assert diagnosis("x**2 * y", "dx = 2 * x").startswith("the factor `y` is missing")
