"""The gradients of the layer are right: of its input and of its weights."""

import numpy as np
import pytest
from numpy_layer import Dense

from verifier.numpy import assert_gradient, check

X = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])
W = [[0.5, -1.0], [0.25, 0.75], [-0.5, 1.25]]


def test_the_gradients_of_the_layer_are_right():
    assert_gradient(Dense(W, [0.125, -0.5]), X)


def test_each_weight_is_judged_by_its_name():
    report = check(Dense(W, [0.125, -0.5]), X)
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dx", "dw", "db"}


class WithoutTheSlope(Dense):
    def backward(self, dout):
        self.dw = self.x.T @ dout  # forgets 1 - tanh**2
        self.db = dout.sum(axis=0)
        return dout @ self.w.T


def test_a_slope_that_is_forgotten_is_found_in_its_line():
    with pytest.raises(AssertionError, match="wrong-gradient"):
        assert_gradient(WithoutTheSlope(W, [0.125, -0.5]), X)
