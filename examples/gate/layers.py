"""The backward passes of a project."""

import numpy as np


def affine_forward(x, w):
    return x @ w, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, x):
    return dout * (x > 0)


def mse_loss(x, target):
    difference = x - target
    n = x.shape[0]
    return (difference**2).sum() / n, 2 * difference / n
