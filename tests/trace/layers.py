"""Layers as people write them in NumPy, right and wrong: the code that the tests of the door trace."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(g, x):
    s = sigmoid(x)
    slope = s * (1 - s)
    return slope * g


def sigmoid_of_one_row(g, x):
    return sigmoid_backward(g, x)[0]


def sigmoid_plus(g, x):
    s = sigmoid(x)
    slope = s * (1 + s)
    return slope * g


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def affine_mean(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.mean(dout, axis=0)
    return dx, dw, db


def conv_forward(x, w, b):
    padded = np.pad(x, ((1, 1), (1, 1)))
    out = np.zeros((x.shape[0] + 3 - w.shape[0], x.shape[1] + 3 - w.shape[1]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(padded[i : i + w.shape[0], j : j + w.shape[1]] * w) + b
    return out, (x, w, padded)


def conv_backward(dout, cache):
    _, w, padded = cache
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            dw += dout[i, j] * padded[i : i + w.shape[0], j : j + w.shape[1]]
            dpadded[i : i + w.shape[0], j : j + w.shape[1]] += dout[i, j] * w
    return dpadded[1:-1, 1:-1], dw, dout.sum()


def conv_overwritten(dout, cache):
    _, w, padded = cache
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            dw += dout[i, j] * padded[i : i + w.shape[0], j : j + w.shape[1]]
            dpadded[i : i + w.shape[0], j : j + w.shape[1]] = dout[i, j] * w
    return dpadded[1:-1, 1:-1], dw, dout.sum()


def batchnorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    centred = x - mu
    std = np.sqrt((centred**2).mean(axis=0) + 1e-5)
    normed = centred / std
    return gamma * normed + beta, (normed, gamma, std)


def batchnorm_backward(dout, cache):
    normed, gamma, std = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * normed).sum(axis=0)
    dnormed = dout * gamma
    dx = (dnormed - dnormed.mean(axis=0) - normed * (dnormed * normed).mean(axis=0)) / std
    return dx, dgamma, dbeta


def batchnorm_without_mean(dout, cache):
    normed, gamma, std = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * normed).sum(axis=0)
    dnormed = dout * gamma
    dx = (dnormed - normed * (dnormed * normed).mean(axis=0)) / std
    return dx, dgamma, dbeta


def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    n = x.shape[0]
    loss = -np.sum(logs[np.arange(n), y]) / n
    dx = np.exp(logs)
    dx[np.arange(n), y] -= 1
    dx /= n
    return loss, dx


def softmax_loss_of_the_sum(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    n = x.shape[0]
    loss = -np.sum(logs[np.arange(n), y]) / n
    dx = np.exp(logs)
    dx[np.arange(n), y] -= 1
    return loss, dx


def hinge_loss(x, y):
    n = x.shape[0]
    margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1.0)
    margins[np.arange(n), y] = 0
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(n), y] -= np.sum(margins > 0, axis=1)
    dx /= n
    return np.sum(margins) / n, dx


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    dx = dout.copy()
    dx[cache <= 0] = 0
    return dx


def relu_backward_by_loop(dout, cache):
    dx = np.empty(dout.shape)
    for i in range(len(dx)):
        dx[i] = dout[i] if cache[i] > 0 else 0.0
    return dx


class Linear:
    def __init__(self):
        self.W = np.array([[0.5, -1.25], [2.0, 0.75], [-0.375, 1.5]])
        self.b = np.array([0.25, -0.5])

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class LinearWithoutTranspose(Linear):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T * 2


def by_sign(x):
    if x > 0:
        return x * x
    return math.exp(x)


def by_sign_backward(g, x):
    if x > 0:
        return 2 * x * g
    return math.exp(x) * g


def by_sign_wrong_on_the_left(g, x):
    if x > 0:
        return 2 * x * g
    return math.exp(x) * x * g


def tanh_forward(x):
    return math.tanh(x)


def tanh_cancelling(g, x):
    return g * (1 - math.tanh(x) ** 2)


def doubling(x):
    x *= 2
    return x.copy()


def doubling_backward(g, _):
    return 2 * g


class TwoLayerNet:
    def __init__(self):
        self.params = {"W1": np.array([[0.5, -1.25], [2.0, 0.75], [-0.375, 1.5]]), "W2": np.array([[0.25, -0.5, 1.0], [-1.5, 0.375, 0.625]])}

    def loss(self, x, y):
        grads = {}
        h = np.maximum(0, x @ self.params["W1"])
        scores = h @ self.params["W2"]
        loss, dscores = softmax_loss(scores, y)
        grads["W2"] = h.T @ dscores
        dh = dscores @ self.params["W2"].T
        dh[h <= 0] = 0
        grads["W1"] = x.T @ dh
        return loss, grads


def log_forward(x):
    return math.log(x)


def log_backward(g, x):
    math.log(x)
    return g / x
