"""Functions written for HIPS autograd: the backward pass is autograd's, and a rule of the user's own that is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verifier.numpy import check

anp = pytest.importorskip("autograd.numpy", reason="autograd is not installed")
extend = pytest.importorskip("autograd.extend", reason="autograd is not installed")
X = np.array([0.3, -1.2, 0.8])


@extend.primitive
def softplus(x):
    return np.log1p(np.exp(x))


extend.defvjp(softplus, lambda ans, x: lambda g: g * np.exp(x) / (1 - np.exp(x)))  # noqa: ARG005 - autograd passes both


def scaled(x, w):
    return anp.tanh(anp.dot(w, x)) * anp.sum(x**2)


def with_a_wrong_rule(x):
    return softplus(x) * 2


def test_a_function_of_autograd_needs_no_backward_pass():
    report = check(scaled, X, np.array([[0.5, -1.25, 2.0], [0.75, -0.375, 1.5]]))
    assert (report.status, report.basis) == ("passed", "traced")
    assert len(report.results) == 9
    assert report.computed_by.startswith("autograd on NumPy")


def test_a_wrong_rule_is_named_in_the_users_file():
    (found,) = check(with_a_wrong_rule, X).findings
    assert found.place.file == __file__
    assert "defvjp" in Path(__file__).read_text(encoding="utf-8").splitlines()[found.place.line - 1]
    assert "`-` where `+` is meant in `1 - np.exp(x)`" in found.message


W, B = np.array([[0.5, -1.25], [0.75, -0.375], [2.0, 1.5]]), np.array([0.25, -0.5])


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda w, b: anp.sum((anp.dot(X, w) + b) ** 2), id="a traced array beside a box"),
        pytest.param(lambda w, b: anp.sum(anp.tanh(w - b) * (b * w)), id="broadcasting"),
        pytest.param(lambda w, b: anp.sum((w @ b) ** 2), id="matmul"),
        pytest.param(lambda w, b: anp.sum(anp.einsum("ij,j->i", w, b) ** 2), id="einsum"),
        pytest.param(lambda w, b: anp.sum(anp.maximum(w, b)), id="a ufunc of two"),
        pytest.param(lambda w, b: anp.sum((1 - 2 * b) / w), id="numbers on the left"),
    ],
)
def test_operations_of_several_inputs_are_traced(function):
    report = check(function, W, B)
    assert (report.status, report.basis) == ("passed", "traced"), report.notes


def test_a_broadcast_rule_that_forgets_its_sum_is_wrong():
    @extend.primitive
    def shifted(w, b):
        return w + b

    extend.defvjp(shifted, lambda ans, w, b: lambda g: g, lambda ans, w, b: lambda g: g[0])  # noqa: ARG005 - autograd passes them
    report = check(lambda w, b: anp.sum(shifted(w, b) ** 2), W, B)
    assert {f.gradient.partition("[")[0] for f in report.findings if f.code == "V101"} == {"db"}
