"""A gradient of the wrong shape: what turns it into the exact one is said, and nothing where that is not certain. The formulas of a linear layer are those of every textbook."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from verifier import load_text
from verifier.blame.formula import wrong_shape
from verifier.case.case import Misshapen
from verifier.language.formats import FORMATS
from verifier.language.source import Place
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
        (DB, "db = dout.sum(axis=0, keepdims=True)", "; `keepdims` is superfluous in `dout.sum(axis=0, keepdims=True)`"),
        (DB, "db = dout.sum()", "db is a number, b is (3,); `axis=0` is missing in `dout.sum()`"),
        (DB, "db = np.einsum('ij->', dout)", "db is a number, b is (3,); it is the exact gradient summed over axis 0 of `b` as well: leave that sum out"),
    ],
)
def test_what_is_missing_is_said(right, wrong, words):
    (message,) = of_shapes(LINEAR.replace(right, wrong))
    assert words in message


TALL = """points: [{x: [[1, 2], [3, 4], [5, 7], [-1, 0.5]], w: [[0.5, -1, 2], [1, 0.25, -3]], b: [0.1, 0.2, 0.3], s: [[1.5], [2], [-1], [3]]}]
forward: out = s * (x @ w + b)
implementations:
  it:
    backward: |
      dx = (s * dout) @ w.T
      dw = x.T @ (s * dout)
      db = np.sum(s * dout, axis=0)
      ds = (dout * (x @ w + b)).sum(axis=1, keepdims=True)
"""
OF_B, OF_S = "np.sum(s * dout, axis=0)", "(dout * (x @ w + b)).sum(axis=1, keepdims=True)"


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (OF_B, "np.sum(s * dout, axis=1)", "db is (4,), b is (3,); `axis=1` where `axis=0` is meant in `np.sum(s * dout, axis=1)`"),
        (OF_B, "(s * dout).sum(1)", "db is (4,), b is (3,); `axis=1` where `axis=0` is meant in `(s * dout).sum(1)`"),
        (OF_S, "(dout * (x @ w + b)).sum(axis=1)", "ds is (4,), s is (4, 1); `keepdims=True` is missing in `(dout * (x @ w + b)).sum(axis=1)`"),
        (OF_S, "(dout * (x @ w + b)).sum(axis=0, keepdims=True)", "ds is (1, 3), s is (4, 1); `axis=0` where `axis=1` is meant"),
        (OF_S, "(dout * (x @ w + b)).sum()", "ds is a number, s is (4, 1); `axis=1, keepdims=True` is missing"),
        ("x.T @ (s * dout)", "(s * dout).T @ x", "dw is (3, 2), w is (2, 3); a transpose is missing: `dw.T` is the exact gradient"),
        ("x.T @ (s * dout)", "np.dot((s * dout).T, x)[:, :, None]", ""),
    ],
)
def test_the_edit_of_the_line_is_said(right, wrong, words):
    (message,) = of_shapes(TALL.replace(right, wrong))
    assert words in message
    assert (";" in message) is bool(words)


@pytest.mark.parametrize(("right", "wrong"), [(OF_B, "np.sum(dout, axis=1)"), (OF_B, "2 * np.sum(s * dout, axis=1)"), (OF_S, "(dout * (x @ w)).sum(axis=1)")])
def test_no_edit_is_said_after_which_the_gradient_is_still_wrong(right, wrong):
    """The twin: the shape would be right, and the values are not."""
    (message,) = of_shapes(TALL.replace(right, wrong))
    assert ";" not in message


def test_the_line_of_a_loop_is_edited_in_its_place():
    text = """points: [{x: [[1, 2, 3], [4, 5, 6.5]], b: [0.5, 0.25, -1]}]
forward: out = (x + b)**2
implementations:
  it:
    backward: |
      dx = 2 * (x + b) * dout
      parts = []
      for k in range(1):
          d = dx * (k + 1)
          db = d.sum(axis=1)
"""
    (message,) = of_shapes(text)
    assert "db is (2,), b is (3,); `axis=1` where `axis=0` is meant in `d.sum(axis=1)`" in message


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


SHAPES = ((2, 3), (3, 2), (2, 2), (3,), (2,), (1,), (), (1, 3), (3, 1), (2, 3, 4), (4, 2, 3), (1, 2, 3), (2, 1, 3), (2, 3, 1, 4), (1, 1), (3, 3, 3))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("wanted", SHAPES, ids=str)
def test_the_call_that_is_said_is_what_was_tried_and_has_the_shape_of_the_input(shape, wanted):
    """NumPy makes of the gradient what the words say; which axes are broadcast follows from its rules."""
    m = Misshapen("x", "dx", wanted, shape, Place("a.yaml", 1, 1))
    array, x = np.arange(1.0, 1 + math.prod(shape)).reshape(shape), np.zeros(wanted)
    seen = set()
    for move, words in wrong_shape._moves(m):
        call = words.rpartition(": `")[2].partition("`")[0]
        made = eval(call, {"dx": array, "x": x})
        assert made.shape == wanted
        assert np.array_equal(move(array), made)
        assert call not in seen
        seen.add(call)
        assert words.startswith("a transpose") is (call == "dx.T")
        if "broadcast" in words:
            axes = [int(k) for k in re.findall(r"\d+", words.partition(", along")[0])]
            assert any(shape[k] > 1 for k in axes)
    orders = {o for o in itertools.permutations(range(len(shape))) if len(shape) == len(wanted) and tuple(shape[k] for k in o) == wanted} - {tuple(range(len(shape)))}
    assert sum("T`" in w or "transpose(" in w for _, w in wrong_shape._moves(m)) == len(orders)
    sums = {(axes, keeps) for n in range(1, len(shape) + 1) for axes in itertools.combinations(range(len(shape)), n) for keeps in (False, True) if array.sum(axis=axes, keepdims=keeps).shape == wanted}
    assert sum(".sum(" in w for _, w in wrong_shape._moves(m)) == len(sums)
    assert any("reshape" in w for _, w in wrong_shape._moves(m)) is (bool(shape) and bool(wanted) and [n for n in shape if n > 1] == [n for n in wanted if n > 1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("wanted", SHAPES, ids=str)
def test_a_sum_that_is_said_to_be_too_many_gives_the_shape_of_the_gradient(shape, wanted):
    m = Misshapen("x", "dx", wanted, shape, Place("a.yaml", 1, 1))
    array = np.arange(1.0, 1 + math.prod(wanted)).reshape(wanted)
    found = list(wrong_shape._lost(m))
    for move, words in found:
        axes = tuple(int(k) for k in re.findall(r"\d+", words))
        assert any(np.array_equal(move(array), array.sum(axis=axes, keepdims=k)) and move(array).shape == shape for k in (False, True))
    assert len(found) == sum(array.sum(axis=axes, keepdims=k).shape == shape for n in range(1, len(wanted) + 1) for axes in itertools.combinations(range(len(wanted)), n) for k in (False, True))


def test_of_many_axes_and_without_a_program_nothing_is_said():
    (case,) = load_text(LINEAR).cases
    six = Misshapen("x", "dx", (1, 1, 1, 1, 3, 2), (3, 2), Place("t.yaml", 1, 1))
    for draft, misshapen in ((case.programs.drafts[0], six), (SimpleNamespace(whole=None), replace(six, wanted=(2, 3)))):
        assert wrong_shape.remedy(draft, misshapen, [], fmt=FORMATS["float64"], upstream=1.0) == ""
