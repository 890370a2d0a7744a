"""Better lines of callables that work on arrays: for layers whose components have one formula, tried in the code before they are suggested."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import mpmath
import numpy as np
import pytest

import verifier.numpy
from tests.callable.test_better import JAX, TORCH
from verifier.callable import better
from verifier.report.outcome import CaseReport

LAYERS = '''"""Somebody's layers."""
import numpy as np


def forward(x):
    return np.tanh(x), x


def backward(dout, cache):
    x = cache
    grad = (1 - np.tanh(x)**2) * dout
    return grad


def biased(x, b):
    return np.log(1 + np.exp(x + b)), (x, b)


def biased_back(dout, cache):
    x, b = cache
    dx = (1 - 1/(1 + np.exp(x + b))) * dout
    db = dx.sum(axis=0)
    return dx, db


def softmax(x):
    e = np.exp(x - np.max(x))
    p = e / np.sum(e)
    return p, p


def softmax_back(dout, p):
    dx = p * (dout - np.sum(p * dout))
    return dx


def turned(x):
    return np.tanh(x).T, x


def turned_back(dout, x):
    slope = 1 - np.tanh(x)**2
    return slope * dout.T
'''
OLD = "grad = (1 - np.tanh(x)**2) * dout"
X = np.array([[20.0, 1.0, -0.5], [3.0, -2.0, -17.0]])


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "layers_of_arrays.py").write_text(LAYERS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "layers_of_arrays", raising=False)
    found = importlib.import_module("layers_of_arrays")
    monkeypatch.delitem(sys.modules, "layers_of_arrays")
    return found


def improved(forward: object, backward: object, *inputs: np.ndarray, function: str | None = None) -> CaseReport:
    names = {"x": (-30.0, 30.0)} | ({"b": (-1.0, 1.0)} if len(inputs) > 1 else {})
    return verifier.numpy.check(forward, *inputs, backward=backward, function=function, domain=names, improve=60.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [None, "tanh(x)"])
def test_the_line_of_an_array_layer_is_replaced_by_one_of_arrays(layers: ModuleType, function: str | None) -> None:
    """The new line is run by NumPy on the array, and held against sech(x)**2 dout in mpmath."""
    (found,) = improved(layers.forward, layers.backward, X, function=function).suggestions or ()
    assert (found.gradient, found.line, found.original, found.proof, found.why_no_patch) == ("dx", 11, OLD, "proved", "")
    assert f"+    {found.replacement}" in found.patch
    namespace: dict[str, object] = {"np": np, "x": X, "dout": 0.75}
    exec(found.replacement, namespace)
    with mpmath.workdps(60):
        exact = np.array([[float(mpmath.sech(v) ** 2 * 0.75) for v in row] for row in X.tolist()])
    assert np.all(np.abs(namespace["grad"] - exact) <= 8 * np.spacing(exact))  # type: ignore[operator]
    exec(OLD, namespace)
    assert not np.all(np.abs(namespace["grad"] - exact) <= 8 * np.spacing(exact)), "the twin"  # type: ignore[operator]


def test_a_gradient_that_sums_over_components_does_not_keep_the_others_from_it(layers: ModuleType) -> None:
    found = improved(layers.biased, layers.biased_back, np.array([[-25.0, 1.0], [3.0, -29.0]]), np.array([0.5, -0.25])).suggestions or ()
    assert [s.gradient for s in found] == ["dx"]


@pytest.mark.parametrize("name", ["softmax", "turned"])
def test_components_that_read_others_are_left_alone(layers: ModuleType, name: str) -> None:
    assert improved(getattr(layers, name), getattr(layers, f"{name}_back"), X).suggestions == ()


@pytest.mark.parametrize("line", ["grad = dout.sum() / np.cosh(x)**2", "grad = dout / np.cosh(x[0, 0])**2 + 0 * x", "grad = 1 / np.cosh(x)**2", "grad = dout / np.cosh(x) @ x"])
def test_a_line_that_is_wrong_in_the_code_is_not_suggested(layers: ModuleType, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was proved of the formula: what the code computes with the line decides. The last one cannot even be run."""
    monkeypatch.setattr(better, "_new_line", lambda *_: (line, ""))
    found = improved(layers.forward, layers.backward, X).suggestions or ()
    assert line not in [s.replacement for s in found]
    assert all("np.exp" in s.replacement or "np.cosh" in s.replacement for s in found), "another line, tried as well"


def test_the_twin_of_these_is_suggested(layers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(better, "_new_line", lambda *_: ("grad = dout / np.cosh(x)**2", ""))
    (found,) = improved(layers.forward, layers.backward, X).suggestions or ()
    assert found.replacement == "grad = dout / np.cosh(x)**2"


def test_a_custom_function_of_pytorch_gets_a_line_that_was_tried_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = imported(tmp_path, monkeypatch, "own_torch", TORCH)
    report = importlib.import_module("verifier.torch").check(module.Tanh.apply, torch.tensor(X, dtype=torch.float64), domain={"x": (-30, 30)}, improve=60.0)
    (found,) = report.suggestions or ()
    assert (found.gradient, found.line, found.why_no_patch) == ("dx", 13, "")
    assert found.replacement.startswith("return ")


def test_a_rule_of_jax_gets_a_line_that_was_tried_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    module = imported(tmp_path, monkeypatch, "own_jax", JAX)
    report = importlib.import_module("verifier.jax").check(module.tanh, jax.numpy.array(X), domain={"x": (-30, 30)}, improve=60.0)
    (found,) = report.suggestions or ()
    assert (found.gradient, found.line, found.why_no_patch) == ("dx", 15, "")
    assert found.replacement.startswith("dx = g * ")


def test_code_that_cannot_be_tried_gets_a_line_without_a_patch(layers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(better, "is_known", lambda *_: False)
    monkeypatch.setattr(better, "better_array_lines", lambda *_: iter(()))
    (found,) = improved(layers.forward, layers.backward, X).suggestions or ()
    assert (found.gradient, found.patch, found.why_no_patch) == ("dx", "", better.NOT_TRIED)


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> ModuleType:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    found = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    return found
