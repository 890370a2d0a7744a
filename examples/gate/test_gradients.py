"""The gate: no backward pass of the project is wrong. It stands in the project's tests, and runs with them."""

from pathlib import Path

import layers
import numpy as np
import pytest

import verifier
from verifier.numpy import assert_gradient

X = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])
W = np.array([[0.5, -1.0], [0.25, 0.75], [-0.5, 1.25]])

PASSES = {  # name -> forward, backward, inputs
    "affine": (layers.affine_forward, layers.affine_backward, (X, W)),
    "relu": (layers.relu_forward, layers.relu_backward, (X,)),
    "mse_loss": (layers.mse_loss, None, (X, np.array([[0.25, -1.0, 1.5], [1.0, 0.5, 0.0]]))),
}


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("format", ["float64", "float32"])
def test_no_backward_pass_is_wrong(name, format):
    forward, backward, inputs = PASSES[name]
    assert_gradient(forward, *inputs, backward=backward, formats=format, strict=True)


def test_every_backward_pass_is_in_the_table():
    assert {n.removesuffix("_backward") for n in vars(layers) if n.endswith(("_backward", "_loss"))} == set(PASSES)


def test_the_case_files_hold():
    loaded = verifier.load(Path(__file__).parent / "cases", allow_call=True)
    assert loaded.complaints == ()
    report = verifier.verify_all(loaded.cases)
    assert report.exit_status == 0, [f.message for c in report.cases for f in c.findings]
