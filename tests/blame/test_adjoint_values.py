"""Which forward step a backward name stands for."""

from __future__ import annotations

import pytest
from flint import arb

from tests import ROOT
from tests.texts import check
from verifier import load, load_text
from verifier.arithmetic import balls
from verifier.blame.formula import locate
from verifier.blame.formula.adjoint_values import Reference, agrees, by_key, forward_versions, reference_values, same
from verifier.blame.formula.trial_points import neighbours
from verifier.language.formats import FORMATS

CASES = ROOT / "cases"
FLOAT64 = FORMATS["float64"]


def draft_of(text, index=0):
    (case,) = load_text(text).cases
    return case.programs.drafts[index]


NEURON = """
points: [{w0: 2, w1: -3, w2: -3, x0: -1, x1: -2}]
implementations:
  it:
    forward: |
      dot = w0*x0 + w1*x1
      dotplusw2 = dot + w2
      minus_dot = (-1) * dotplusw2
      exp_dot = exp(minus_dot)
      f = 1.0 / (1 + exp_dot)
    backward: |
      df = 1
      dplusone = (-1)*(f*f)
      dexp = dplusone
      dminusone = exp_dot * dexp
      ddotplusw2 = (-1) * dminusone
      dw2 = ddotplusw2
      ddot = ddotplusw2
      dw0x0 = ddot
      dw1x1 = ddot
      dw0 = x0 * dw0x0
      dx0 = w0 * dw0x0
      dw1 = x1 * dw1x1
      dx1 = w1 * dw1x1
"""
MEANT = {
    "dplusone": "1 + exp_dot", "dexp": "1 + exp_dot", "dminusone": "minus_dot", "ddotplusw2": "dotplusw2", "ddot": "dot",
    "dw2": "w2", "dw0": "w0", "dw1": "w1", "dx0": "x0", "dx1": "x1",
}  # fmt: skip


def meanings(text, *, points=None):
    """Each backward name and the source text of the forward step that it stands for."""
    draft = draft_of(text)
    program = draft.whole
    listed = points or [(2.0, -3.0, -3.0, -1.0, -2.0)]
    isolated = locate.isolate(program, draft.implementation, draft.claims, [*listed, *neighbours(listed)], fmt=FLOAT64, upstream=1.0)
    found = {}
    for last, step in isolated.meaning.items():
        record = program.steps[step]
        line = program.lines[record.line] if record.line >= 0 else None
        found[program.steps[last].name] = record.name or record.text or line.source.text[record.start : record.end]
    return found


def test_the_names_of_the_notebook_are_recognised_without_any_key():
    found = meanings(NEURON)
    assert {name: found[name] for name in MEANT if name != "dexp"} == {k: v for k, v in MEANT.items() if k != "dexp"}
    assert found["dw0x0"] in ("w0*x0", "w1*x1", "dot", "dotplusw2")  # one adjoint for all: the gradient passes a sum unchanged
    assert found["dexp"] in ("exp_dot", "1 + exp_dot")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dplusone = (-1)*(f*f)", "dplusone = (-1)*(f)"),
        ("dminusone = exp_dot * dexp", "dminusone = minus_dot * dexp"),
        ("ddotplusw2 = (-1) * dminusone", "ddotplusw2 = dminusone"),
        ("dw0x0 = ddot", "dw0x0 = 2 * ddot"),
        ("dw1 = x1 * dw1x1", "dw1 = w1 * dw1x1"),
    ],
)
def test_a_mistake_in_a_line_of_the_notebook_is_found_in_that_line(old, new):
    assert [f.statement for f in check(NEURON.replace(old, new)).findings] == [new]


def test_the_notebook_as_it_stands_has_no_finding():
    assert check(NEURON).findings == ()


def test_grad_names_are_adjoints_like_d_names():
    text = """
    points: [{x: 0.4, w: 1.5}]
    implementations:
      it:
        forward: |
          z = w * x
          out = sin(z)
        backward: |
          grad_z = cos(z) * dout
          grad_x = w * grad_z
          grad_w = x * grad_z
        gradients: {x: grad_x, w: grad_w}
    """
    assert check(text).findings == ()
    assert [f.statement for f in check(text.replace("cos(z)", "sin(z)")).findings] == ["grad_z = sin(z) * dout"]


def test_the_adjoints_key_names_a_subexpression():
    draft = draft_of(NEURON + "    adjoints: {dplusone: 1 + exp_dot, dw0x0: w0*x0, dw1x1: x1*w1}\n")
    found = by_key(draft.implementation, draft.whole)
    program = draft.whole
    texts = {name: program.lines[program.steps[i].line].source.text[program.steps[i].start : program.steps[i].end] for name, i in found.items()}
    assert texts == {"dplusone": "1 + exp_dot", "dw0x0": "w0*x0"}  # x1*w1 is not written that way round


def test_the_adjoints_key_decides_where_nothing_else_does():
    """`g` is no name of an adjoint, and being wrong it has no adjoint's value: the key says what it should be."""
    text = "points: [{x: 0.4}]\nimplementations:\n  it:\n    forward: |\n      out = sin(x * x)\n    backward: |\n      g = sin(x * x) * dout\n      dx = 2 * x * g\n"
    assert [f.statement for f in check(text + "    adjoints: {g: x * x}\n").findings] == ["g = sin(x * x) * dout"]


def test_all_versions_of_a_reassigned_name_are_known():
    program = draft_of("points: [{x: 1}]\nimplementations:\n  it:\n    forward: |\n      h = exp(x)\n      h = h * h\n      out = sin(h)\n    backward: 'dx = 1'\n").whole
    assert [program.steps[i].gate for i in forward_versions("dh", program)] == ["exp", "mul"]
    assert forward_versions("dx", program) == [0]
    assert forward_versions("grad_h", program) == forward_versions("dh", program)
    assert forward_versions("delta", program) == []


def test_a_temporary_is_recognised_by_its_value():
    text = "points: [{x: 0.4, w: 1.5}]\nimplementations:\n  it:\n    forward: |\n      z = w * x\n      out = sin(z)\n    backward: |\n      error = cos(z) * dout\n      dx = w * error\n      dw = x * error\n"
    assert meanings(text, points=[(0.4, 1.5)])["error"] == "z"
    assert "error" not in meanings(text.replace("cos(z)", "tan(z)"), points=[(0.4, 1.5)])


# ---------------------------------------------------------------- exact values


def land_of(text, *points):
    return reference_values(draft_of(text).whole, points, upstream=1.0)


SIMPLE = "points: [{x: 0.5}]\nimplementations: {it: {forward: 'y = x * x\\nout = sin(y)', backward: 'dx = 2 * x * cos(y) * dout'}}".replace("'y", '"y').replace("(y)',", '(y)",')


def test_the_exact_adjoints_are_those_of_calculus():
    reference = land_of(SIMPLE, (0.5,), (2.0,))
    with balls.precision(reference.bits):
        for at, x in enumerate((arb(0.5), arb(2))):
            assert same([reference.adjoints[0][at]], [2 * x * (x * x).cos()])
            assert same([reference.adjoints[1][at]], [(x * x).cos()])
            assert not same([reference.adjoints[1][at]], [(x * x).sin()])


def test_what_the_output_does_not_depend_on_has_the_adjoint_0_beside_a_written_derivative_as_well():
    """f = d(x**3)/dx = 3*x**2, whose slope at 2 is 12; 7*x is not read."""
    program = draft_of("points: [{x: 2}]\nimplementations:\n  it:\n    forward: |\n      unused = 7 * x\n      f = diff(x**3, x)\n    backward: |\n      dx = 6 * x * df\n").whole
    reference = reference_values(program, [(2.0,)], upstream=1.0)
    assert reference.adjoints[0][0].contains(12)
    assert reference.adjoints[program.names["unused"]][0] == 0


def test_equal_values_at_one_point_identify_no_step():
    """x*x is 1/4 at 1/2, and so may be anything."""
    for points, expected in (((0.5,),), None), (((0.5,), (2.0,)), 1):
        reference = land_of(SIMPLE, *points)
        assert reference.step_of_value(reference.values[1]) == expected
        assert reference.step_of_adjoint(reference.adjoints[1]) == expected


def test_points_without_a_derivative_are_left_out():
    reference = land_of("points: [{x: 0}]\nimplementations: {it: {forward: 'out = abs(x)', backward: 'dx = sign(x)'}}", (0.0,), (1.0,))
    assert reference.points == ((1.0,),)


def test_a_gradient_that_cancels_is_computed_with_more_bits():
    text = "function: where(x == 0, 1, sin(x) / x)\npoints: [{x: 1}]\nimplementations: {it: {backward: 'dx = 1'}}"
    assert land_of(text, (1.0,)).bits < land_of(text, (1e-200,)).bits
    reference = land_of(text, (1e-200,))
    with balls.precision(reference.bits):
        assert abs(reference.adjoints[0][0] * 3 / arb(1e-200) + 1) < arb(10) ** -100  # sin(x)/x = 1 - x**2/6 + ...


def test_one_ulp_is_agreement_and_two_are_not():
    one = [arb(1)]
    assert agrees([arb(1) + arb(2) ** -52], one, FLOAT64)
    assert not agrees([arb(1) + arb(2) ** -51], one, FLOAT64)
    assert agrees([arb(1) + arb(2) ** -51], one, FORMATS["float32"])
    assert not agrees([arb("nan")], one, FLOAT64)


def test_a_wide_ball_agrees_with_nothing():
    assert not agrees([arb(1, 0.5)], [arb(1)], FLOAT64)
    assert not same([arb(1, 0.5)], [arb(1)])


def test_the_terrain_is_data():
    assert isinstance(land_of(SIMPLE, (0.5,)), Reference)
    assert load(str(CASES / "cs231n")).complaints == ()


@pytest.mark.parametrize("names", [(), (1,), (0, 3)], ids=str)
def test_a_name_holds_its_own_adjoint_and_those_of_the_nameless_steps_that_equal_it(names):
    """Four times the expression x*y, some of them with names: f = 2 a + 3 b + 5 c + 7 d, whose adjoints are 2, 3, 5 and 7."""
    factors = (2, 3, 5, 7)
    lines = [f"p{k} = x * y" for k in names]
    terms = [f"{factor} * " + (f"p{k}" if k in names else "(x * y)") for k, factor in enumerate(factors)]
    text = "\n".join(["points: [{x: 2, y: 3}]", "implementations:", "  it:", "    forward: |", *(f"      {line}" for line in [*lines, f"f = {' + '.join(terms)}"]), "    backward: |", "      dx = df * 17 * y", "      dy = df * 17 * x"])
    program = draft_of(text).whole
    with balls.precision(256):
        reference = reference_values(program, [(2.0, 3.0)], upstream=1.0)
    products = [i for i, s in enumerate(program.steps[: program.backward_start]) if s.gate == "mul" and {program.steps[a].text for a in s.args} == {"x", "y"}]
    nameless = sum(f for k, f in enumerate(factors) if k not in names)
    own = {f"p{k}": factors[k] for k in names}
    assert len(products) == 4
    assert [reference.totals[i][0] for i in products] == [nameless + own.get(program.steps[i].name, 0) for i in products]
