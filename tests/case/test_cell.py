"""A cell of a notebook is split where its first gradient is set; its inputs are what it reads, and what cannot be told is said and not guessed."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pytest

from verifier.case.cell import case_of_cell
from verifier.language.source import CaseError
from verifier.verify import verify

NEURON = """
W = [2,-3,-3] # assume some random weights and data
X = [-1, -2]

# Forward pass
dot = W[0]*X[0] + W[1]*X[1] + W[2]
f = 1.0 / (1 + math.exp(-dot)) # sigmoid function

# Backprop
df = 1
ddot = (1 - f) * f * df
dw0 = X[0] * ddot
dx0 = W[0] * ddot
dw1 = X[1] * ddot
dx1 = W[1] * ddot
dw2 = ddot

print dw0, dw1
"""


def cell(text: str, values=None, **options):
    return case_of_cell(textwrap.dedent(text), values or {}, **options)


def complaints(text: str, values=None, **options) -> str:
    with pytest.raises(CaseError) as error:
        cell(text, values, **options)
    return str(error.value)


def verdicts(case) -> dict[str, str]:
    return {r.gradient: r.verdict.value for r in verify(case).results}


def test_the_lines_of_a_cell_are_split_at_the_first_gradient_and_inputs_are_what_has_one():
    case, reading = cell(NEURON)
    (one,) = case.implementations
    assert case.inputs == ("W[0]", "W[1]", "W[2]", "X[0]", "X[1]")
    assert dict(case.points[0].values) == {"W[0]": "2", "W[1]": "-3", "W[2]": "-3", "X[0]": "-1", "X[1]": "-2"}
    assert [(c.input, c.name) for c in one.gradients] == [("W[0]", "dw0"), ("W[1]", "dw1"), ("W[2]", "dw2"), ("X[0]", "dx0"), ("X[1]", "dx1")]
    assert one.forward.text.rstrip().endswith("# Backprop"), "`dot` begins with d and is no gradient: nothing is called `ot`"
    assert one.backward.text.startswith("df = 1")
    assert reading == ("forward pass down to line 7, its output is f; backward pass from line 10 to line 16",)
    assert set(verdicts(case).values()) <= {"correct", "rounding"}


def test_a_wrong_line_of_a_cell_is_named_with_its_own_line_and_column():
    case, _ = cell(NEURON.replace("dx1 = W[1]", "dx1 = W[0]"))
    (finding,) = (f for f in verify(case).findings if f.severity == "error")
    assert (finding.code, finding.place.line, finding.place.column, finding.source_line) == ("V101", 15, 7, "dx1 = W[0] * ddot")
    shifted, _ = cell(NEURON.replace("dx1 = W[1]", "dx1 = W[0]"), line=2)
    assert next(f.place.line for f in verify(shifted).findings if f.severity == "error") == 16


def test_values_come_from_the_cell_first_and_otherwise_from_the_notebook():
    text = """
        x = 3
        f = x * y
        dx = y
        dy = x
    """
    case, _ = cell(text, {"x": 7.0, "y": 0.5})
    assert case.points[0].values == (("x", "3"), ("y", "0.5"))
    assert "'x' has a value here and one on the line of %%verify" in complaints(text, {"x": 7.0, "y": 0.5}, stated=("x",))


def test_arrays_of_the_notebook_are_inputs_with_their_shape_and_their_format():
    text = """
        out = x @ w
        dx = dout @ w.T
        dw = x.T @ dout
    """
    values = {"x": np.array([[1, 2], [3, 4]], dtype=np.float32), "w": np.array([[0.5], [-1.0]], dtype=np.float32)}
    case, _ = cell(text, values)
    assert case.formats == ("float32",)
    assert dict(case.shapes)["x"] == (2, 2)
    assert set(verdicts(case).values()) == {"correct"}
    wide, _ = cell(text, {**values, "w": values["w"].astype(np.float64)})
    assert wide.formats == ("float64",)
    chosen, _ = cell(text, values, formats=("bfloat16",))
    assert chosen.formats == ("bfloat16",)


def test_what_flows_in_is_what_the_notebook_has_under_that_name():
    case, _ = cell("f = x * x\ndx = 2 * x * dout", {"x": 3.0, "dout": -0.25})
    (result,) = verify(case).results
    assert (case.upstream, float(result.computed)) == ("-0.25", -1.5)
    array, _ = cell("out = x * x\ndx = 2 * x * dout", {"x": [1.0, 2.0], "dout": [3.0, 5.0]})
    assert [float(r.computed) for r in verify(array).results] == [6.0, 20.0]


def test_what_has_no_gradient_is_a_constant_and_that_is_said():
    case, reading = cell("f = (x - y)**2\ndx = 2 * (x - y)", {"x": 3.0, "y": 1.0})
    assert case.parameters == ("y",)
    assert "no line sets dy: y is taken as constant, and its gradient is not checked" in reading
    _, reading = cell("f = w[0]*w[1]\ndw0 = w[1]", {"w": [1.0, 2.0]})
    assert any("no line sets the gradient of w[1]" in note for note in reading)


def test_a_number_of_the_cell_that_has_no_gradient_is_a_line_like_any_other():
    case, reading = cell("eps = 1e-5\nf = 1 / (x*x + eps)\ndx = -2 * x * f * f", {"x": 3.0})
    assert case.inputs == ("x",)
    assert len(reading) == 1
    assert set(verdicts(case).values()) <= {"correct", "rounding"}


def test_a_name_of_the_notebook_that_is_called_like_a_constant_is_the_notebooks():
    case, _ = cell("f = e * x\ndx = e", {"x": 3.0, "e": 7.0})
    assert float(verify(case).results[0].computed) == 7.0
    bare, _ = cell("f = e * x\ndx = e", {"x": 3.0})
    assert verify(bare).results[0].computed.startswith("2.718")


def test_a_function_of_the_notebook_is_not_taken_for_a_gate_of_its_name():
    def sigmoid(a):
        return a

    sigmoid.__module__ = "__main__"
    text = "f = sigmoid(x)\ndx = f * (1 - f)"
    assert "'sigmoid' is a function of the notebook: copy its definition into the cell" in complaints(text, {"x": 1.0, "sigmoid": sigmoid})
    case, _ = cell("def sigmoid(a):\n    return a * a\nf = sigmoid(x)\ndx = 2 * x", {"x": 1.0, "sigmoid": sigmoid})
    assert verdicts(case) == {"dx": "correct"}
    assert verdicts(cell(text, {"x": 1.0})[0])["dx"] in ("correct", "rounding")


def test_a_line_that_may_be_of_either_pass_is_asked_about():
    text = "s = (x - y)**2\ndist = sqrt(s)\ndx = (x - y) / dist\ndy = (y - x) / dist"
    values = {"x": 3.0, "y": 1.0}
    assert "'dist' may be the output of the forward pass or the first name of the backward pass" in complaints(text, values)
    case, reading = cell(text, values, output="dist")
    assert reading[0].startswith("forward pass down to line 2, its output is dist")
    assert set(verdicts(case).values()) <= {"correct", "rounding"}


@pytest.mark.parametrize("text", ["t = 3\ndt = 0.1\nf = t * dt", "t = 3\ns = 2 * t\ndt = 0.1\nf = sin(t * dt) * s", "x = 2.0\ndx = 2 * x"])
def test_a_step_called_dt_is_not_taken_for_a_gradient(text):
    assert "it is not certain that the backward pass begins here, with 'd" in complaints(text)


def test_modules_of_the_notebook_are_no_inputs():
    case, _ = cell("f = np.sum(np.exp(x))\ndx = np.exp(x) * df", {"x": [0.5, 1.0], "np": np, "math": math})
    assert case.inputs == ("x[0]", "x[1]")
    assert set(verdicts(case).values()) <= {"correct", "rounding"}


def test_an_update_below_the_backward_pass_is_no_reason_to_ask():
    case, _ = cell("f = x * x\ndx = 2 * x\nx -= lr * dx", {"x": 3.0, "lr": 0.1})
    assert verdicts(case) == {"dx": "correct"}


def test_what_the_cell_does_not_read_is_not_looked_at():
    class Heavy:
        shape = ()

        def tolist(self):
            raise AssertionError

    case, _ = cell("f = x * x\ndx = 2 * x", {"x": 3.0, "other": Heavy()})
    assert case.inputs == ("x",)


@pytest.mark.parametrize(
    ("text", "values", "options", "message"),
    [
        ("f = (x * m).sum()\ndx = m", {"x": np.ones(3), "m": np.array([True, False, True])}, {}, "'m' is of the type ndarray of bool"),
        ("f = x.sum()\ndx = 1", {"x": np.zeros((1000, 101))}, {}, "more than 100,000 numbers are too many"),
        ("f = x * x\ndx = 2 * x", {"x": float("nan")}, {}, "'x' is of the type float: the lines of the cell may read real numbers"),
        ("f = x * x", {"x": 1.0}, {}, "the cell sets no gradient"),
        ("", {}, {}, "the cell sets no gradient"),
        ("dx = 2 * x", {"x": 1.0}, {}, "no gradient"),
        ("df = 1\ndx = 2 * x", {"x": 1.0}, {}, "no gradient"),
        ("f = x * y\ndf = 1\ndfoo = 2", {"x": 1.0, "y": 2.0}, {}, "no line sets the gradient of an input"),
        ("f = x * z\ndx = z", {"x": 1.0}, {}, "'z' has no value: set it in the notebook"),
        ("f = x * z\ndx = z", {"x": 1.0, "z": "text"}, {}, "'z' is of the type str"),
        ("f = x * z\ndx = z", {"x": 1.0, "z": [[1.0], [1.0, 2.0]]}, {}, "'z' is of the type list"),
        ("f = x * x\ndx = 2 *", {"x": 1.0}, {}, "cell:2:"),
        ("while x: pass\ndx = 2", {"x": 1.0}, {}, "'while' is not part of the language"),
        ("f = x * x\ndx = 2 * x", {"x": 1.0}, {"output": "g"}, "no line sets 'g'"),
        ("f = x * x\ndx = 2 * x", {"x": 1.0}, {"output": "dx"}, "the backward pass is missing"),
    ],
)
def test_a_cell_that_cannot_be_checked_says_why(text, values, options, message):
    assert message in complaints(text, values, **options)
