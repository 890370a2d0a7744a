"""Single edits of backward passes: each a program, each a real change, each caught; and the points that a case lacks."""

import json

import pytest

from verifier.case.load import load_text
from verifier.cli import main
from verifier.report.draw.mutants import yaml_point
from verifier.search.mutate import edits, mutants

NETWORK = """\
name: network
function: (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)
points: [{x: 3, y: -4}]
implementations:
  by_hand:
    forward: |
      sigy = 1.0 / (1 + math.exp(-y))
      num = x + sigy
      sigx = 1.0 / (1 + math.exp(-x))
      xpy = x + y
      den = sigx + xpy**2
      f = num / den
    backward: |
      dnum = df / den
      dden = -f / den * df
      dxpy = 2 * xpy * dden
      dx = dxpy
      dy = dxpy
      dx += dnum
      dx += (1 - sigx) * sigx * dden
      dy += (1 - sigy) * sigy * dnum
"""


def test_every_edit_of_the_network_is_caught_named_and_diagnosed():
    (case,) = load_text(NETWORK).cases
    found = mutants(case)
    assert len(found) > 50
    assert [m.edit.what for m in found if not m.caught] == []
    assert [m.edit.what for m in found if not m.line_named] == []
    assert sum(bool(m.diagnosed) for m in found) >= 0.95 * len(found)


def test_the_kinds_of_edits_are_those_that_people_make():
    text = "h = x*x\ndy = a*dout - h\ndx = where(x > 0, 2.5 * sin(x), y)\ndx += a * b\ndz = y*dout"
    kinds = {e.kind.partition(" 1e")[0] for e in edits(text, ["x", "y", "a", "b"], claims=["dx", "dy", "dz"])}
    assert {"factor dropped", "sign of a term", "helper", "exchanged", "upstream", "sign", "factor", "dropped +=", "doubled +=", "overwritten", "operator", "operand", "constant", "function", "branch"} <= kinds


def test_an_edit_that_changes_nothing_is_no_mutant():
    # at x = 1 the operand x is as good as x*x, and both branches of the where are equal: only the real changes are left
    (case,) = load_text("function: x\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = where(x > 0, 1, 1) * dout'}}").cases
    assert "branch" not in {m.edit.kind for m in mutants(case)}


def test_an_implementation_that_is_wrong_already_is_not_edited():
    (case,) = load_text("function: sin(x)\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = sin(x) * dout'}}").cases
    assert mutants(case) == []


SHARP = NETWORK.replace("[{x: 3, y: -4}]", "[{x: 3, y: -4}, {x: 2, y: 0}]\nupstream: 3")
WEAK = """\
name: weak
function: where(x > 0, x*y, y) + x**3
points: [{x: 1, y: 1}]
domain: {x: [-10, 10], y: [-3, 3]}
implementations:
  a: {backward: "dx = (where(x > 0, y, 0) + 3*x**2)*dout; dy = where(x > 0, x, 1)*dout"}
"""


def survivors(text):
    (case,) = load_text(text).cases
    return [m for m in mutants(case, survivors=True) if not m.caught]


def test_a_survivor_comes_with_a_point_that_tells_it_apart():
    # pasted into the case, the suggestions leave no survivor: each is checked by the case's own points this time
    found = survivors(WEAK)
    assert len(found) > 8
    assert {m.fate for m in found} == {"survived"}
    lines = dict.fromkeys(yaml_point(m.point) for m in found)
    assert not any(m.upstream for m in found)  # a gradient that is not linear in what flows in is a finding
    assert survivors(WEAK.replace("{x: 1, y: 1}", ", ".join(["{x: 1, y: 1}", *lines]))) == []


def test_a_suggested_point_lies_in_the_domain_and_is_short():
    for m in survivors(WEAK):
        x, y = (float(value) for _, value in m.point)
        assert -10 <= x <= 10
        assert -3 <= y <= 3
        assert len(yaml_point(m.point)) <= len("{x: 0.0001, y: 1}")


def test_a_gradient_that_never_reads_what_flows_in_shows_only_where_that_is_not_1():
    found = survivors("function: x*x\npoints: [{x: 3}]\nimplementations: {a: {backward: 'dx = 2*x*dout'}}")
    assert [(m.edit.what, m.upstream) for m in found] == [("dout forgotten", "3"), ("* dout dropped", "3")]


def test_an_edit_that_is_proved_to_change_nothing_is_no_survivor():
    (case,) = load_text("function: x*x\npoints: [{x: 3}]\nupstream: 3\nimplementations: {a: {backward: 'unused = 2*x; dx = 2*x*dout'}}").cases
    fates = {m.fate for m in mutants(case, survivors=True) if m.statement.startswith("unused = -") or "unused = 2*(" in m.statement}
    assert fates == {"equivalent"}


def test_an_edit_that_no_point_tells_apart_is_said_to_be_that_and_no_more():
    # 6 digits of 1/6 decide nothing: in the domain the term is less than an ulp of the gradient
    text = "function: sin(x)\npoints: [{x: 1e-9}]\ndomain: {x: [1e-10, 1e-8]}\nupstream: 3\nimplementations: {a: {backward: 'dx = (1 - x*x/2)*dout'}}"
    assert "unknown" in {m.fate for m in survivors(text)}


def test_every_format_of_a_case_tells_edits_apart():
    # 1 + 1e-3 is within an ulp of 1 in bfloat16 (2^-8 at 1 is 4e-3), and far off in float64
    text = "function: x\npoints: [{{x: 1}}]\nformats: [{}]\nupstream: 3\nimplementations: {{a: {{backward: 'dx = 1*dout'}}}}"
    caught = {formats: {m.edit.what: m.caught for m in mutants(load_text(text.format(formats)).cases[0], survivors=True)} for formats in ("bfloat16", "bfloat16, float64")}
    (what,) = (w for w in caught["bfloat16"] if w.startswith("1 off by"))
    assert not caught["bfloat16"][what]
    assert caught["bfloat16, float64"][what]


def test_a_hunted_case_catches_by_its_hunt():
    (case,) = load_text("function: tanh(x)\nhunt: true\ndomain: {x: [-5, 5]}\nupstream: 3\nimplementations: {a: {backward: 'dx = (1 / cosh(x))**2 * dout'}}").cases
    found = mutants(case, survivors=True)
    assert len(found) > 5
    assert {m.fate for m in found} == {"caught"}


@pytest.mark.parametrize(("text", "status"), [(SHARP, 0), (NETWORK, 1), ("function: [", 2)])
def test_the_command_tells_by_its_exit_status(tmp_path, capsys, text, status):
    path = tmp_path / "case.yaml"
    path.write_text(text)
    assert main(["mutate", str(path)]) == status
    told = capsys.readouterr().out
    assert ("all edits" in told) == (status < 2)
    assert ("points that the case lacks" in told) == (status == 1)


def test_the_edits_as_json_are_those_of_the_text(tmp_path, capsys):
    path = tmp_path / "case.yaml"
    path.write_text(WEAK)
    assert main(["mutate", str(path), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (case,) = told["cases"]
    assert (case["name"], case["file"]) == ("weak", str(path))
    assert told["summary"]["edits"] == len(case["edits"]) == sum(told["summary"][fate] for fate in ("caught", "survived", "equivalent", "unknown"))
    main(["mutate", str(path)])
    text = capsys.readouterr().out
    assert f"{told['summary']['edits']} edits, caught by the case's points: {told['summary']['caught']} " in text
    for edit in case["edits"]:
        if edit["fate"] == "survived":
            assert edit["statement"] in text
            assert edit["upstream"] or edit["point"].keys() == {"x", "y"}


def test_mistakes_of_array_code_are_planted_caught_and_said():
    text = "points: [{x: [[0.31, -1.24, 0.85], [-0.66, 0.92, 1.37], [1.13, 0.54, -0.39]], w: [[0.7, -0.4, 1.1], [0.25, 0.9, -0.6], [-1.3, 0.35, 0.8]]}]\nforward: |\n  out = x @ w\nimplementations: {it: {backward: 'dx = dout @ w.T; dw = x.T @ dout'}}"
    (case,) = load_text(text).cases
    found = [m for m in mutants(case) if m.edit.kind == "transpose"]
    assert {"dx = dout @ w.T became dx = dout @ w", "dw = x.T @ dout became dw = x @ dout"} <= {m.edit.what for m in found}
    assert all(m.caught and m.line_named for m in found)
    assert next(m.diagnosed for m in found if m.edit.what.endswith("dx = dout @ w")) == "`w` where `w.T` is meant"


def test_scalar_code_gets_no_mistakes_of_arrays():
    assert not {"axis", "transpose", "slice", "array function", "term"} & {e.kind for e in edits("dx = dout*cos(x); dx += y*dout", ("x", "y"))}


GIVEN = """\
name: given
function: x*y
points: [{{x: 0.5, y: 0.5}}]
domain: {{x: [0.5, 4], y: [0.5, 4]}}
{}implementations:
  a: {{backward: "dx = y*dout; dy = x*dout"}}
"""


def test_an_edit_is_looked_for_only_where_the_inputs_are_meant():
    """`y` became `x` is no mistake where x is y; elsewhere a point with x other than y tells."""
    anywhere, given = ({m.edit.what: m for m in survivors(GIVEN.format(said))} for said in ("", "given: x == y\n"))
    assert {anywhere[w].fate for w in ("y became x", "dx and dy exchanged")} == {"survived"}
    for x, y in (m.point for m in anywhere.values() if m.point and not m.upstream):
        assert x != y
    assert {given[w].fate for w in ("y became x", "dx and dy exchanged")} == {"unknown"}
    assert all(x[1] == y[1] for x, y in (m.point for m in given.values() if m.point))


def test_the_other_upstream_of_an_edit_is_another_than_that_of_the_case():
    """`upstream: 3` and -1.375 are numbers that the search itself would take."""
    for own in ("3", "-1.375", "0.75"):
        found = survivors(f"function: x*x\nupstream: {own}\npoints: [{{x: 3}}]\nimplementations: {{a: {{backward: 'dx = 2*x*dout*dout/({own})'}}}}")
        assert not [m for m in found if m.upstream in (own, "")  and m.fate == "survived" and not m.point]
        (case,) = load_text(f"function: x*x\nupstream: {own}\npoints: [{{x: 3}}]\nimplementations: {{a: {{backward: 'dx = 2*x*dout'}}}}").cases
        fates = {m.edit.what: m.caught for m in mutants(case, survivors=True)}
        assert fates["dout forgotten"], "1 in place of what flows in is wrong for the case's own points"
