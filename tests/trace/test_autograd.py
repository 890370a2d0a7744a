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
