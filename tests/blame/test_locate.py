"""The wrong line is named, what follows from it is not accused, and a right program accuses nobody."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests import ROOT
from tests.texts import check
from tests.wrong_lines import WRONG_LINES
from verifier import load, load_text
from verifier.blame.formula import explain, locate
from verifier.blame.formula.trial_points import neighbours
from verifier.case import points
from verifier.language.formats import FORMATS
from verifier.verify import verify

CASES = ROOT / "cases"
FLOAT64 = FORMATS["float64"]
NAMES = tuple(dict.fromkeys(name for name, _, _ in WRONG_LINES))


@functools.cache
def wrong_cases():
    loaded = load(str(CASES / "wrong"))
    assert loaded.complaints == ()
    return {c.name: c for c in loaded.cases}


@functools.cache
def report(name):
    return verify(wrong_cases()[name])


def explanations(text, name="dx", *, implementation=0):
    """The charges against an implementation whose gradient is taken to be wrong at the first point."""
    (case,) = load_text(text).cases
    draft = case.programs.drafts[implementation]
    wrong = [(name, p) for p in points.listed(case, FLOAT64)]
    return explain.explanations(draft, wrong, fmt=FLOAT64, upstream=float(case.upstream))


def wrong_statements(text):
    """The statements of the findings of an implementation without expectations, in the order of the file."""
    return [f.statement for f in sorted(check(text).findings, key=lambda f: f.place.line) if f.code == "V101"]


def two_lines(forward, backward, *, point="{x: 0.7, w: -1.3}"):
    def block(lines):
        return "".join(f"      {line}\n" for line in lines)

    return f"points: [{point}]\nimplementations:\n  it:\n    forward: |\n{block(forward)}    backward: |\n{block(backward)}"


def test_there_are_enough_mistakes_and_each_has_its_row():
    assert len(NAMES) >= 45
    assert sorted(NAMES) == sorted(wrong_cases())


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_lines_are_named_and_no_other(name):
    found = report(name)
    assert found.status == "passed"
    assert sorted(f.statement for f in found.findings) == sorted(s for n, s, _ in WRONG_LINES if n == name)
    assert {f.implementation for f in found.findings} == {"wrong"}


@pytest.mark.parametrize("name", NAMES)
def test_the_place_is_that_of_the_line(name):
    for f in report(name).findings:
        line = Path(f.place.file).read_text(encoding="utf-8").splitlines()[f.place.line - 1]
        assert f.statement in line
        assert 0 < f.width <= len(line) - f.place.column + 1


def right_implementations():
    for folder in ("cs231n", "hard", "museum", "wrong"):
        for case in load(str(CASES / folder)).cases:
            expected = {(e.implementation, e.gradient) for e in case.expect if e.verdict in ("wrong", "nonfinite")}
            for draft in case.programs.drafts:
                if draft.whole is not None and case.points and not any((draft.implementation.name, n) in expected for _, n in draft.claims):
                    yield case, draft


RIGHT = tuple(right_implementations())


@pytest.mark.parametrize(("case", "draft"), RIGHT, ids=[f"{c.name}: {d.implementation.name}" for c, d in RIGHT])
def test_a_right_program_accuses_nobody(case, draft):
    fmt = FORMATS[case.formats[0]]
    listed = points.listed(case, fmt)
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, [*listed, *neighbours(listed)], fmt=fmt, upstream=float(case.upstream))
    assert isolated is None or isolated.mistakes == ()


def test_enough_right_programs_are_tried():
    assert len(RIGHT) >= 100


def test_what_follows_from_a_wrong_line_is_propagated():
    text = two_lines(["z = w * x", "h = tanh(z)", "out = h * h"], ["dh = 3 * h * dout", "dz = (1 - h * h) * dh", "dx = w * dz", "dw = x * dz"])
    (finding,) = (f for f in check(text).findings if f.code == "V101")
    assert finding.statement == "dh = 3 * h * dout"
    assert finding.gradients == ("dx", "dw")
    assert "propagated to lines 10, 11, 12" in finding.details


def test_two_mistakes_are_two_findings():
    text = two_lines(["z = w * x", "h = tanh(z)", "out = h * h"], ["dh = 3 * h * dout", "dz = (1 - h * h) * dh", "dx = w * dz", "dw = z * dz"])
    assert wrong_statements(text) == ["dh = 3 * h * dout", "dw = z * dz"]


def test_a_temporary_that_is_no_adjoint_is_named_when_all_that_is_made_of_it_is_wrong():
    right = ["t = exp(-x * w)", "dx = -w * t * dout", "dw = -x * t * dout"]
    assert wrong_statements(two_lines(["out = exp(-x * w)"], right)) == []
    for wrong in ("t = exp(x * w)", "t = 2 * exp(-x * w)", "t = exp(-x * x)"):
        assert wrong_statements(two_lines(["out = exp(-x * w)"], [wrong, *right[1:]])) == [wrong]


def test_a_forward_value_that_is_computed_again_wrongly_is_named_although_one_line_reads_it():
    forward = ["h = tanh(x * w)", "out = h * h"]
    assert wrong_statements(two_lines(forward, ["t = tanh(x + w)", "dh = 2 * t * dout", "dz = (1 - h * h) * dh", "dx = w * dz", "dw = x * dz"])) == ["t = tanh(x + w)"]


def test_a_gradient_rewritten_in_place_is_followed():
    """`dh = dh * mask` turns the gradient of the output of a gate into that of its input: no overwriting."""
    forward = ["z = w * x", "h = tanh(z)", "out = h * h"]
    right = ["dh = 2 * h * dout", "dh = (1 - h * h) * dh", "dx = w * dh", "dw = x * dh"]
    assert wrong_statements(two_lines(forward, right)) == []
    assert wrong_statements(two_lines(forward, ["dh = 3 * h * dout", *right[1:]])) == ["dh = 3 * h * dout"]
    assert wrong_statements(two_lines(forward, [right[0], "dh = (1 - h) * dh", *right[2:]])) == ["dh = (1 - h) * dh"]


def test_a_name_that_has_several_values_in_the_forward_pass_has_as_many_adjoints():
    forward = ["h = x * w", "h = tanh(h)", "h = h * x", "out = h * w"]
    right = ["dh = w * dout", "dw = h * dout", "dx = tanh(x * w) * dh", "dh = x * dh", "dh = (1 - tanh(x * w)**2) * dh", "dw += x * dh", "dx += w * dh"]
    assert wrong_statements(two_lines(forward, right)) == []
    for at in (0, 1, 2, 3, 4):
        wrong = [*right[:at], right[at].replace("= ", "= 1.5 * ", 1), *right[at + 1 :]]
        assert wrong_statements(two_lines(forward, wrong)) == [wrong[at]]


def test_the_same_expression_written_twice_is_two_uses():
    forward = ["out = log(1 - x) * w + (1 - x)**2"]
    right = ["da = w * dout", "dx = -da / (1 - x)", "dx += -2 * (1 - x) * dout", "dw = log(1 - x) * dout"]
    assert wrong_statements(two_lines(forward, right, point="{x: 0.3, w: 0.9}")) == []
    assert wrong_statements(two_lines(forward, [*right[:1], "dx = da / (1 - x)", *right[2:]], point="{x: 0.3, w: 0.9}")) == ["dx = da / (1 - x)"]


def test_a_contribution_that_is_zero_at_the_points_is_no_suspect():
    forward = ["d = x - x", "out = sin(d * d) + x * w"]
    right = ["dd = 2 * d * cos(d * d) * dout", "dx = dd", "dx += -dd", "dx += w * dout", "dw = x * dout"]
    assert wrong_statements(two_lines(forward, right)) == []
    assert wrong_statements(two_lines(forward, [*right[:3], "dx += x * dout", right[4]])) == ["dx += x * dout"]


def test_a_power_at_zero_is_smooth_and_is_looked_at():
    text = two_lines(["y = (x - w)**2", "out = y + sin(x)"], ["dy = dout", "dw = -2 * (x - w) * dy", "dx = sin(x) * dout - dw"], point="{x: 0.5, w: 0.5}")
    assert wrong_statements(text) == ["dx = sin(x) * dout - dw"]
    assert wrong_statements(text.replace("dx = sin", "dx = cos")) == []


def test_literals_rounded_to_the_format_are_no_mistake():
    forward = ["out = tanh(sqrt(2 / pi) * x) * w"]
    right = ["t = tanh(sqrt(2 / pi) * x)", "dw = t * dout", "dx = (1 - t * t) * 0.7978845608028654 * w * dout"]
    assert wrong_statements(two_lines(forward, right)) == []
    assert wrong_statements(two_lines(forward, [*right[:1], "dw = -t * dout", right[2]])) == ["dw = -t * dout"]


@pytest.mark.parametrize(
    ("text", "statement", "words"),
    [
        ("function: sqrt(x*x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = x / out'}}", "dx = x / out", "0/0"),
        ("function: x*abs(x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x == 0, 1, 2*abs(x))'}}", "dx = where(x == 0, 1, 2*abs(x))", "wrong branch"),
        ("function: where(x < 1, x**2, 2*x - 1)\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = where(x < 1, 2*x, where(x == 1, 3, 2))'}}", "dx = where(x < 1, 2*x, where(x == 1, 3, 2))", "wrong branch"),
    ],
)  # fmt: skip
def test_a_gradient_that_is_wrong_at_a_kink_only_is_blamed_on_its_own_line(text, statement, words):
    (charge,) = explanations(text)
    assert charge.statement == statement
    assert words in charge.words


def test_a_gradient_that_is_right_at_a_kink_is_no_finding():
    assert check("function: sqrt(x*x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x == 0, 0, x / out)'}}").findings == ()


def test_several_wrong_implementations_of_one_case_have_a_finding_each():
    found = check("function: sin(x)\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = sin(x)'}, b: {backward: 'dx = -cos(x)'}, c: {backward: 'dx = cos(x) * dout'}}")
    assert [(f.implementation, f.statement) for f in found.findings] == [("a", "dx = sin(x)"), ("b", "dx = -cos(x)")]


@pytest.mark.parametrize("fmt", ["float16", "bfloat16", "float32"])
def test_narrow_formats_name_the_same_line_once(fmt):
    text = two_lines(["z = w * x", "out = sin(z)"], ["dz = sin(z) * dout", "dx = w * dz", "dw = x * dz"]) + f"formats: [float64, {fmt}]\n"
    assert wrong_statements(text) == ["dz = sin(z) * dout"]


def test_vectors_are_blamed_element_by_element():
    text = "function: W[0]*x + sin(W[1])\npoints: [{W: [0.5, -2], x: 3}]\nimplementations: {a: {backward: 'dW[0] = x\\ndW[1] = cos(W[0])\\ndx = W[0]'}}".replace("'dW", '"dout = 1\\ndW').replace("W[0]'", 'W[0]"')
    (finding,) = check(text).findings
    assert (finding.statement, finding.gradients) == ("dW[1] = cos(W[0])", ("dW[1]",))


@pytest.mark.parametrize("length", [40])
def test_a_long_program_is_searched_and_its_wrong_line_found(length):
    forward = ["h0 = tanh(w * x)", *(f"h{i} = tanh(w * h{i - 1} + x)" for i in range(1, length))]
    backward = ["dw = 0 * w", "dx = 0 * x"]
    for i in range(length - 1, 0, -1):
        backward += [f"dz{i} = (1 - h{i} * h{i}) * dh{i}", f"dw += h{i - 1} * dz{i}", f"dx += dz{i}", f"dh{i - 1} = w * dz{i}"]
    backward += ["dz0 = (1 - h0 * h0) * dh0", "dw += x * dz0", "dx += w * dz0"]
    assert wrong_statements(two_lines(forward, backward)) == []
    at = backward.index(f"dz{length - 3} = (1 - h{length - 3} * h{length - 3}) * dh{length - 3}")
    backward[at] = backward[at].replace("1 - ", "2 - ")
    assert wrong_statements(two_lines(forward, backward)) == [backward[at]]


# ---------------------------------------------------------------- the forward pass, and the gradient that flows in


FORWARD = """
function: (x + sigmoid(y)) / (1 + x**2)
points: [{{x: 0.5, y: -1}}]
implementations:
  it:
    forward: |
      s = 1 / (1 + exp(-y))
      num = {num}
      den = 1 + x**2
      out = num / den
"""


def test_a_wrong_forward_line_is_named():
    (finding,) = (f for f in check(FORWARD.format(num="x - s")).findings if f.code == "V105")
    assert finding.statement == "num = x - s"
    assert "`-` where `+`" in finding.message


def test_a_right_forward_pass_is_no_finding():
    assert check(FORWARD.format(num="x + s")).findings == ()


LINEAR = """
function: sin(x) * y
points: [{{x: 0.5, y: 1.5}}]
upstream: {upstream}
implementations: {{it: {{backward: "dx = cos(x) * y * {factor}\\ndy = sin(x) * dout"}}}}
"""


def test_a_backward_pass_that_is_not_linear_in_upstream_is_found_although_it_is_right_for_1():
    (finding,) = check(LINEAR.format(upstream=1, factor="dout**2")).findings
    assert (finding.code, finding.gradient, finding.statement) == ("V106", "dx", "dx = cos(x) * y * dout**2")


def test_a_linear_one_is_no_finding():
    assert check(LINEAR.format(upstream=1, factor="dout")).findings == ()
    assert check(LINEAR.format(upstream=-3, factor="dout")).findings == ()


def test_a_formula_that_is_off_by_less_than_an_ulp_is_linear_in_upstream():
    """0.9 of an ulp at 1 is more than one at all the gradients that it is tried with, relative as it is."""
    text = "function: 1 * x\npoints: [{x: 3}]\nimplementations: {it: {backward: dx = (1 + 1.9984e-16) * dout}}\n"
    report = check(text)
    assert report.findings == ()
    assert report.results[0].verdict.value == "rounding"


def test_a_backward_pass_that_sets_upstream_itself_gets_a_note_and_no_finding():
    text = "function: sin(x)\npoints: [{x: 0.5}]\nimplementations: {it: {backward: 'dout = 1; dx = cos(x)'}}\n"
    found = check(text)
    assert found.findings == ()
    assert found.notes == ("it sets the gradient that flows in itself, so it is right for upstream 1 only",)
    assert check(text.replace("dout = 1; dx = cos(x)", "dx = cos(x) * dout")).notes == ()


def test_where_the_case_gives_another_upstream_it_is_a_finding():
    (finding,) = check("function: sin(x)\npoints: [{x: 0.5}]\nupstream: 2\nimplementations: {it: {backward: 'dx = cos(x)'}}\n").findings
    assert (finding.code, finding.statement) == ("V101", "dx = cos(x)")
    assert "`upstream`, is ignored" in finding.message
