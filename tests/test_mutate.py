"""Single edits of backward passes: each a program, each a real change, each caught."""

import pytest

from verifier.cli import main
from verifier.load import load_text
from verifier.mutate import edits, mutants

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
    kinds = {e.kind.partition(" 1e")[0] for e in edits("dx = where(x > 0, 2.5 * sin(x), y)\ndx += a * b", ["x", "y", "a", "b"])}
    assert {"sign", "factor", "dropped +=", "doubled +=", "overwritten", "operator", "operand", "constant", "function", "branch"} <= kinds


def test_an_edit_that_changes_nothing_is_no_mutant():
    # at x = 1 the operand x is as good as x*x, and both branches of the where are equal: only the real changes are left
    (case,) = load_text("function: x\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = where(x > 0, 1, 1) * dout'}}").cases
    assert "branch" not in {m.edit.kind for m in mutants(case)}


def test_an_implementation_that_is_wrong_already_is_not_edited():
    (case,) = load_text("function: sin(x)\npoints: [{x: 1}]\nimplementations: {a: {backward: 'dx = sin(x) * dout'}}").cases
    assert mutants(case) == []


@pytest.mark.parametrize(("text", "status"), [(NETWORK, 0), ("function: [", 2)])
def test_the_command_tells_by_its_exit_status(tmp_path, capsys, text, status):
    path = tmp_path / "case.yaml"
    path.write_text(text)
    assert main(["mutate", str(path)]) == status
    assert ("all edits" in capsys.readouterr().out) == (status == 0)
