"""Arrays in case files: shapes and values of inputs, what flows into array outputs, claims, whole numbers, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.texts import complaints
from verifier.case import points
from verifier.case.components import bracketed, gathered, nested
from verifier.case.load import case_of, load_text
from verifier.case.outputs import patternless
from verifier.language.formats import FORMATS
from verifier.report.draw import drawn
from verifier.report.draw.paint import Paint
from verifier.report.outcome import Report
from verifier.verify import verify

X, W, B = [[1.0, 2.0], [3.0, 4.5], [-1.0, 0.25]], [[0.5, -1.0, 2.0, 4.0], [1.5, 0.25, -3.0, 1.0]], [1.0, 2.0, 3.0, 4.0]
AFFINE = f"""
function: x @ w + b
points: [{{x: {X}, w: {W}, b: {B}}}]
implementations:
  mine:
    backward: |
      dx = dout.dot(w.T)
      dw = x.T.dot(dout)
      db = np.sum(dout, axis=0)
"""


def test_a_nested_list_is_an_array_input() -> None:
    case = case_of(AFFINE)
    assert case.shapes[:3] == (("x", (3, 2)), ("w", (2, 4)), ("b", (4,)))
    assert case.inputs[:6] == ("x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]", "x[2,0]", "x[2,1]")


def test_what_flows_into_an_array_is_a_parameter_without_pattern() -> None:
    case = case_of(AFFINE)
    flowing = dict(case.points[0].values)
    names = [f"dout[{i},{j}]" for i in range(3) for j in range(4)]
    assert case.parameters == tuple(names)
    values = [float(flowing[n]) for n in names]
    assert len(set(map(abs, values))) == 12
    assert 0.0 not in values


def test_numbers_without_pattern_are_many_and_do_not_cancel() -> None:
    values = np.array(list(map(float, patternless(1024))))
    assert len(set(abs(values))) == 1024
    assert abs(values).min() >= 0.5
    table = values.reshape(32, 32)
    assert min(abs(table.sum(axis=0)).min(), abs(table.sum(axis=1)).min()) > 1e-3  # no row or column hides what is constant along it


def test_gradients_of_an_affine_layer_are_numpys() -> None:
    """The exact values by NumPy in long double."""
    case = case_of(AFFINE)
    flowing = dict(case.points[0].values)
    dout = np.array([float(flowing[f"dout[{i},{j}]"]) for i in range(3) for j in range(4)], dtype=np.longdouble).reshape(3, 4)
    wanted = {"dx": dout @ np.array(W, dtype=np.longdouble).T, "dw": np.array(X, dtype=np.longdouble).T @ dout, "db": dout.sum(axis=0)}
    results = {r.gradient: r for r in verify(case).results}
    for name, array in wanted.items():
        for index in np.ndindex(array.shape):
            assert float(results[f"{name}[{','.join(map(str, index))}]"].exact or "nan") == pytest.approx(float(array[index]), rel=1e-15)
    assert len(results) == sum(a.size for a in wanted.values())


@pytest.mark.parametrize(("line", "wrong"), [("dw = -x.T.dot(dout)", "dw"), ("db = np.sum(dout, axis=0) * 2", "db"), ("dx = dout.dot(w.T) + 1", "dx")])
def test_a_wrong_array_is_one_finding(line: str, wrong: str) -> None:
    old = next(row for row in AFFINE.splitlines() if row.strip().startswith(f"{wrong} ="))
    report = verify(case_of(AFFINE.replace(old, f"      {line}")))
    (found,) = report.findings
    assert (found.code, found.statement) == ("V101", line)
    assert {g.partition("[")[0] for g in found.gradients} == {wrong}
    assert f"all {len(found.gradients)} components, the worst at [" in found.message


def test_a_gradient_of_the_wrong_shape_says_both_and_the_others_are_judged() -> None:
    report = verify(case_of(AFFINE.replace("dout.dot(w.T)", "w.dot(dout.T)")))
    (found,) = report.findings
    assert (found.code, found.gradient, found.statement) == ("V108", "dx", "dx = w.dot(dout.T)")
    assert "dx is (2, 3), x is (3, 2)" in found.message
    assert report.status == "failed"
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dw", "db"}
    expected = verify(case_of(AFFINE.replace("dout.dot(w.T)", "w.dot(dout.T)") + "expect: {mine.dx: wrong}\n"))
    assert expected.status == "passed"


def test_a_number_where_an_array_is_wanted_is_a_wrong_shape_and_the_other_way_round() -> None:
    (found,) = verify(case_of(AFFINE.replace("np.sum(dout, axis=0)", "np.sum(dout)"))).findings
    assert "db is a number, b is (4,)" in found.message
    text = 'function: x * 2\npoints: [{x: 1}]\nimplementations: {mine: {backward: "dx = 2 * dout * np.ones(3)"}}\n'
    (found,) = verify(case_of(text)).findings
    assert "dx is (3,), x is a number" in found.message


def test_claims_are_made_by_array_or_by_component() -> None:
    renamed = AFFINE.replace("  mine:\n", "  mine:\n    gradients: {x: gx, 'b[1]': b1}\n").replace("dx =", "gx =").replace("db = np.sum(dout, axis=0)", "b1 = dout[:, 1].sum()")
    names = [r.gradient for r in verify(case_of(renamed)).results]
    assert names == [*(f"gx[{i},{j}]" for i in range(3) for j in range(2)), "b1"]


def test_the_upstream_of_an_array_is_a_list_or_one_number() -> None:
    text = "function: x * x\npoints: [{x: [1, 2, 3, 4]}]\n"
    assert [r.computed for r in verify(case_of(f"{text}upstream: [1, -1, 2, 0.5]\n")).results] == ["2.0", "-4.0", "12.0", "4.0"]
    assert [r.computed for r in verify(case_of(f"{text}upstream: 2\n")).results] == ["4.0", "8.0", "12.0", "16.0"]


def test_a_parameter_of_the_name_of_what_flows_in_is_what_flows_in() -> None:
    case = case_of("function: x * x\npoints: [{x: [1, 2], dout: [3, 5]}]\nparameters: [dout]\n")
    assert [r.computed for r in verify(case).results] == ["6.0", "20.0"]


LOSS = """
parameters: {{y: [0, 2], N: 2}}
forward: |
  p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
  loss = -np.log(p[np.arange(N), y]).sum() / N
points: [{{x: [[0.5, 1, -1], [2, 0.25, 0]]}}]
implementations:
  mine:
    backward: |
      dx = p.copy()
      {labels}
      dx *= dloss / N
"""


def test_whole_numbers_of_parameters_are_indices() -> None:
    report = verify(case_of(LOSS.format(labels="dx[np.arange(N), y] -= 1")))
    assert (report.status, {r.gradient for r in report.results}) == ("passed", {f"dx[{i},{j}]" for i in range(2) for j in range(3)})
    assert verify(case_of(LOSS.format(labels="pass"))).status == "failed"


def test_random_arrays_are_drawn_from_one_range() -> None:
    case = case_of("function: sum(x * w)\nshapes: {x: [3, 4], w: [4]}\ndomain: {x: [-1, 1], w: [2, 3]}\nsample: 12\n")
    rows = np.array(points.sampled(case, FORMATS["float64"]))
    assert rows.shape == (12, 16)
    assert abs(rows[:, :12]).max() <= 1
    assert rows[:, 12:].min() >= 2
    assert len(np.unique(rows)) > 150


def test_residuals_and_figures_of_arrays() -> None:
    text = AFFINE + "  staged: {}\nresiduals:\n  mine.db - staged.db: [0, 0, 0, 0]\n  mine.dw[1, 2] - staged.dw[1,2]: null\npublished:\n  mine.db: [9, 9, 9, 9]\n"
    report = verify(case_of(text))
    assert [r.expression for r in report.residuals] == [*(f"(mine.db - staged.db)[{i}]" for i in range(4)), "mine.dw[1, 2] - staged.dw[1,2]"]
    (found,) = [f for f in report.findings if f.code == "V302"]
    assert "4 components differ" in found.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function: sum(x)\npoints: [{x: [[1, 2], [3]]}]\n", "the rows of 'x' have different lengths: 2 before, 1 here"),
        ("function: sum(x)\npoints: [{x: [[1, 2], 3]}]\n", "'x' has numbers beside lists"),
        ("function: sum(x)\npoints: [{x: [[1, 2], []]}]\n", "the row of 'x' is empty"),
        ("function: sum(x)\npoints: [{x: [[1, 2]]}, {x: [1, 2]}]\n", "'x' is a vector of 2 here and an array of shape (1, 2) before"),
        ("function: sum(x)\nshapes: {x: [1000, 1000]}\ndomain: {x: [0, 1]}\nsample: 1\n", "more than 100,000 components"),
        ("function: sum(x)\nshapes: {x: [2, 0]}\ndomain: {x: [0, 1]}\nsample: 1\n", "whole numbers above 0"),
        ("function: sum(x)\nshapes: {x: [3]}\npoints: [{x: [1, 2]}]\n", "'x' is a vector of 3 here and a vector of 2 in the points"),
        ("function: x * 2\npoints: [{x: [1, 2]}]\nupstream: [1, 2, 3]\n", "what flows into 'out' is a vector of 3, and 'out' is a vector of 2"),
        ("function: sum(x)\npoints: [{x: [1, 2]}]\nupstream: [1, 2]\n", "upstream is a list, and the output is a number"),
        ("function: x * 2\npoints: [{x: [1, 2]}]\nimplementations: {a: {forward: 'y = x[0] * 2'}}\n", "the output 'y' is a scalar"),
        ("function: x * 2\npoints: [{x: [1, 2], dout: [3, 4, 5]}]\n", "'dout' is the name of the gradient that flows into 'out'"),
        ("function: sum(x)\npoints: [{x: [1, 2]}]\nimplementations: {a: {gradients: {x: 'g[0]'}}}\n", "its gradient 'g[0]'"),
        ("function: sum(x)\npoints: [{x: [1, 2]}]\nresiduals: {staged.dx - staged.dx: [1, 2, 3]}\n", "the expected value is a vector of 3"),
        ("function: sum(x)\npoints: [{x: [1, 2]}]\nexpect: {'staged.dx[2]': wrong}\n", "'dx[2]' in expect is not a gradient of 'staged'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text: str, expected: str) -> None:
    assert expected in "\n".join(complaints(text))


def test_components_are_told_together() -> None:
    assert gathered({"x[0,0]": 1, "x[0,1]": 2, "a": 3, "w[0]": 4}, {"x": (1, 2), "w": (1,)}) == {"x": ((1, 2),), "a": 3, "w": (4,)}
    assert nested(range(8), (2, 2, 2)) == (((0, 1), (2, 3)), ((4, 5), (6, 7)))
    assert bracketed(nested(range(100), (10, 10))) == "[0, ..., 99] (10x10)"


def test_a_large_layer_fits_a_screen_and_its_point_is_written_once() -> None:
    text = "function: x @ w\nshapes: {x: [6, 20], w: [20, 6]}\npoints: [{x: %s, w: %s}]\n" % tuple(np.arange(120.0).reshape(s).tolist() for s in ((6, 20), (20, 6)))  # noqa: UP031 - braces
    report = Report((verify(case_of(text)),), ())
    shown = drawn("text", report, paint=Paint(enabled=False))
    assert len(shown.splitlines()) < 10
    assert "staged.dx  6x20  " in shown
    case = json.loads(drawn("json", report, paint=Paint(enabled=False)))["cases"][0]
    assert (len(case["results"]), len(case["points"]), case["basis"]) == (240, 1, "exact")
    assert case["results"][0]["gradient"] == "dx[0,0]"
    assert case["results"][0]["point"] == {"see": "points", "number": 0}
    assert case["points"][0]["x"][5][19] == "119.0"


ACCEPTING = "points: [{x: [[0.1, 0.7, 2.9], [1.3, 5.5, 0.4]]}]\nforward: |\n  out = np.exp(x) * x\nimplementations: {it: {backward: dx = dout * (np.exp(x) * x + np.exp(x))}}\n"


def verdict_codes(text):
    (case,) = load_text(text).cases
    return {(f.code, f.gradient.partition("[")[0]) for f in verify(case).findings if f.code == "V104"}


def test_a_limit_may_be_for_one_array_or_one_component():
    assert verdict_codes(f"{ACCEPTING}accept: {{ulps: 100}}") == set()
    assert verdict_codes(f"{ACCEPTING}accept: {{ulps: 100, it.dx: 0}}") == {("V104", "dx")}
    assert verdict_codes(f"{ACCEPTING}accept: {{ulps: 0, it.dx: 100}}") == set()
    assert verdict_codes(f"{ACCEPTING}accept: {{it.dx: 0, 'it.dx[0, 0]': 100}}") == {("V104", "dx")}


def test_a_limit_for_a_gradient_that_is_not_claimed_is_refused():
    (complaint,) = load_text(f"{ACCEPTING}accept: {{it.dy: 3}}").complaints
    assert "'dy' in accept is not a gradient of 'it'" in complaint.message
    (complaint,) = load_text(f"{ACCEPTING}accept: {{it.dx: -3}}").complaints
    assert "never negative" in complaint.message


SEVERAL = "points: [{x: [0.3, -0.8], h: [0.6, 0.1]}]\noutputs: [a, b]\nforward: |\n  a = x * h\n  b = x + h\nimplementations:\n  it:\n    backward: |\n      dx = da * h + db\n      dh = da * x + db\n"


@pytest.mark.parametrize("name", ["dout", "upstream"])
def test_with_several_outputs_what_flows_in_has_no_common_name(name: str) -> None:
    assert verify(case_of(SEVERAL)).status == "passed"
    (complaint,) = load_text(SEVERAL.replace("dx = da *", f"dx = {name} *")).complaints
    assert f"unknown name '{name}'" in complaint.message
    assert "the gradients that flow in are called da and db" in complaint.message


def test_an_output_that_is_called_out_among_several_has_its_dout() -> None:
    text = SEVERAL.replace("[a, b]", "[out, b]").replace("a = x", "out = x").replace("da *", "dout *")
    assert verify(case_of(text)).status == "passed"


def test_upstream_is_what_flows_into_an_array() -> None:
    """Where one array is the output, `upstream` and `dout` are the same array."""
    text = "points: [{x: [0.3, -0.8], h: [0.6, 0.1]}]\nforward: out = x * h\nimplementations:\n  it:\n    backward: |\n      dx = upstream * h\n      dh = dout * x\n"
    assert verify(case_of(text)).status == "passed"
    assert verify(case_of(text.replace("dx = upstream", "dx = upstream[::-1]"))).status == "failed"


def test_an_array_of_any_length_has_one_row() -> None:
    text = "name: c\npoints: [{x: [0.3, -0.8], h: [[0.6]]}]\nforward: out = x * h\nimplementations:\n  it:\n    backward: |\n      dx = (dout * h).sum(axis=0)\n      dh = np.sum(dout * x, keepdims=True)\n"
    rows = [line.split() for line in drawn("text", Report((verify(case_of(text)),)), paint=Paint(enabled=False)).splitlines() if " it." in line]
    assert [row[:2] for row in rows] == [["it.dx", "2"], ["it.dh", "1x1"]]
