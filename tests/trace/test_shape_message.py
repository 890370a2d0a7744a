"""Gradients of another shape: which one by name, and what would give it the right shape."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check
from verifier.trace.shape_message import wrong_shape

REMEDIES = {  # (wanted, shape) -> what has the wanted shape
    ((2, 3), (3, 2)): "dw.T",
    ((3,), (4, 3)): "dw.sum(0)",
    ((1, 3), (4, 3)): "dw.sum(0).reshape(1, 3)",
    ((2, 1), (5, 2, 3)): "dw.sum((0, 2)).reshape(2, 1)",
    ((), (4,)): "dw.sum(0)",
    ((6,), (2, 3)): "dw.reshape(6,)",
}


@pytest.mark.parametrize(("wanted", "shape"), REMEDIES)
def test_the_remedy_has_the_wanted_shape(wanted, shape):
    words = wrong_shape("w", wanted, shape)
    remedy = REMEDIES[wanted, shape]
    assert remedy in words
    assert f"the gradient of w has the shape {shape}; w has {wanted}" in words
    assert eval(remedy, {"dw": np.ones(shape)}).shape == wanted


def test_shapes_that_nothing_usual_turns_into_one_another_have_no_remedy():
    assert wrong_shape("w", (2, 3), (5,)) == "the gradient of w has the shape (5,); w has (2, 3)"


X, W, B = np.full((4, 2), 0.5), np.full((2, 3), 0.25), np.ones(3)


def affine(x, w, b):
    return x @ w + b


def test_numpys_door_names_the_gradient_and_the_remedy():
    report = check(affine, X, W, B, backward=lambda g, x, w, _: (g @ w.T, x.T @ g, g))
    assert [(f.code, f.gradient) for f in report.findings] == [("V108", "db")]
    assert "db.sum(0)" in report.findings[0].message


def test_torchs_door_names_each_gradient_and_its_remedy():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    from verifier.torch import check as check_torch

    inputs = [torch.tensor(a) for a in (X, W, B)]
    report = check_torch(affine, *inputs, backward=lambda g, x, w, _: (g @ w.T, g.T @ x, g))
    assert [f.code for f in report.findings] == ["V108", "V108"]
    assert "dw.T" in report.findings[0].message
    assert "db.sum(0)" in report.findings[1].message
    assert check_torch(affine, *inputs, backward=lambda g, x, w, _: (g @ w.T, x.T @ g, g.sum(0))).status == "passed"


def test_jaxs_door_names_the_gradient_and_the_remedy():
    pytest.importorskip("jax", reason="JAX is not installed here")
    from verifier.jax import check as check_jax

    report = check_jax(affine, X, W, B, backward=lambda g, x, w, _: (g @ w.T, g.T @ x, g.sum(0)))
    assert [f.code for f in report.findings] == ["V108"]
    assert "dw.T" in report.findings[0].message


def test_two_gradients_in_each_others_place_are_said_to_be_so():
    x, w = np.ones((2, 3)), np.ones((3, 2))
    (found,) = check(lambda x, w: x @ w, x, w, backward=lambda dout, x, w: (x.T @ dout, dout @ w.T)).findings
    assert "the gradient of x has the shape of w, (3, 2), and that of w has the shape of x, (2, 3): they are returned in each other's place" in found.message
    (found,) = check(lambda x, w: x @ w, x, w, backward=lambda dout, x, w: ((dout @ w.T).T, x.T @ dout)).findings
    assert "dx.T: is a transpose missing" in found.message
