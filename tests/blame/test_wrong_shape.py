"""A gradient of the wrong shape: what turns it into the exact one is said, and nothing where that is not certain. The formulas of a linear layer are those of every textbook."""

from __future__ import annotations

import pytest

from verifier import load_text
from verifier.verify import verify

LINEAR = """points: [{x: [[1, 2], [3, 4], [5, 7]], w: [[0.5, -1, 2], [1, 0.25, -3]], b: [0.1, 0.2, 0.3]}]
forward: out = x @ w + b
implementations:
  it:
    backward: |
      dx = dout @ w.T
      dw = x.T @ dout
      db = dout.sum(axis=0)
"""
DW, DB = "dw = x.T @ dout", "db = dout.sum(axis=0)"


def of_shapes(text):
    (case,) = load_text(text).cases
    return [f.message for f in verify(case).findings if f.code == "V108"]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (DW, "dw = dout.T @ x", "dw is (3, 2), w is (2, 3); a transpose is missing: `dw.T` is the exact gradient"),
        (DB, "db = dout", "db is (3, 3), b is (3,); the sum over axis 0, along which `b` is broadcast, is missing: `db.sum(axis=0)` is the exact gradient"),
        (DB, "db = dout.sum(axis=0, keepdims=True)", "the sum over axis 0 is missing: `db.sum(axis=0)` is the exact gradient"),
        (DB, "db = dout.sum()", "db is a number, b is (3,); it is the exact gradient summed over axis 0 of `b` as well: leave that sum out"),
    ],
)
def test_what_is_missing_is_said(right, wrong, words):
    (message,) = of_shapes(LINEAR.replace(right, wrong))
    assert words in message


@pytest.mark.parametrize(("right", "wrong"), [(DW, "dw = 2 * dout.T @ x"), (DB, "db = dout * dout"), (DB, "db = dout.mean()")])
def test_nothing_is_said_of_a_gradient_that_is_wrong_besides(right, wrong):
    """The twin: after the transpose or the sum these are no exact gradients."""
    (message,) = of_shapes(LINEAR.replace(right, wrong))
    assert ";" not in message


def test_a_scalar_that_is_broadcast_wants_the_sum_over_all_axes():
    text = "points: [{x: [[1, 2], [3, 5]], a: 0.5}]\nforward: out = a * x\nimplementations:\n  it:\n    backward: |\n      dx = a * dout\n      da = x * dout\n"
    (message,) = of_shapes(text)
    assert "the sum over the axes 0 and 1, along which `a` is broadcast, is missing: `da.sum()` is the exact gradient" in message


def test_an_order_of_three_axes_is_said():
    text = "points: [{x: [[[1, 2, 4]], [[3, 5, -2]]]}]\nforward: out = x**2\nimplementations:\n  it:\n    backward: dx = (2 * x * dout).transpose(1, 2, 0)\n"
    (message,) = of_shapes(text)
    assert "dx is (1, 3, 2), x is (2, 1, 3); the axes are in another order: `dx.transpose(2, 0, 1)` is the exact gradient" in message


def test_a_right_layer_has_no_finding():
    assert of_shapes(LINEAR) == []
