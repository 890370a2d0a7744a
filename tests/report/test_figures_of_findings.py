"""The figures under a finding are those of the point that it names; a name that is claimed twice counts once; `show` measures a wrong gradient from the exact one."""

from __future__ import annotations

import pytest

from tests.texts import check
from verifier.cli import main

TWO = """
function: {function}
points: [{points}]
implementations:
  mine: {{backward: "{backward}"}}
"""
WRONG = (
    ("-2 * atan2(x, r)", "{r: 0.6, x: 0.3}, {r: 0.7, x: 0}", "dr = 2 / x * dout; dx = -2*r/(r*r+x*x)*dout"),
    ("x**2 * y", "{x: 1, y: 2}, {x: 5, y: 3}, {x: 2, y: 1}", "dx = 3*x*y*dout; dy = x*x*dout"),
    ("x**2 * y", "{x: 5, y: 3}, {x: 1, y: 2}", "dx = 2*x*y*y*dout; dy = x*x*dout"),
)


@pytest.mark.parametrize(("function", "points", "backward"), WRONG)
def test_the_figures_of_a_finding_are_those_of_its_point_which_is_the_worst(function: str, points: str, backward: str) -> None:
    report = check(TWO.format(function=function, points=points, backward=backward))
    (found,) = report.findings
    results = [r for r in report.results if r.gradient == found.gradient and r.verdict.value == "wrong"]
    worst = max(results, key=lambda r: r.error)
    assert found.point == worst.point
    rows = dict(line.split(None, 1) for line in found.details)
    assert rows["exact"].strip() == worst.exact
    assert rows["computed"].strip() == worst.computed
    explained = [line for line in found.details if line.startswith("explained at ")]
    assert bool(explained) is (found.point != results[0].point), "the figures of the line are those of the first point"
    assert ("needed" in rows) is not bool(explained)


def test_a_name_that_is_claimed_for_two_inputs_is_wrong_at_one_point_not_at_two() -> None:
    text = "function: (x + r)**2\npoints: [{x: 1, r: 2}%s]\nimplementations:\n  mine: {backward: 'dh = 3*(x + r)*dout', gradients: {x: dh, r: dh}}\n"
    (once,) = check(text % "").findings
    assert "of" not in once.message.partition("(at")[2], "one point is not counted"
    (twice,) = check(text % ", {x: 2, r: 2}").findings
    assert twice.message.endswith("(at 2 of 2 points)")


@pytest.mark.parametrize(("backward", "words"), [("dx = 3*x*dout", "+2.252e+15"), ("dx = x*dout", "-2.252e+15"), ("dx = 2*x*dout", None)])
def test_show_measures_a_wrong_gradient_from_the_exact_one(backward: str, words: str | None, tmp_path, capsys) -> None:
    """At x = 1 the gradient of x**2 is 2, of which an ulp is 2**-51: a gradient off by 1 is 2**51 = 2.2518e15 of them off."""
    path = tmp_path / "case.yaml"
    path.write_text(f"function: x**2\npoints: [{{x: 1}}]\nimplementations:\n  mine: {{backward: '{backward}'}}\n", encoding="utf-8")
    main(["show", str(path)])
    shown = capsys.readouterr().out
    (line,) = (row for row in shown.splitlines() if row.strip().startswith(backward))
    assert line.partition(backward)[2].split()[1] == "2.0", "the exact gradient, not what the line is over the reals"
    assert (words in line) if words else "e+15" not in line
