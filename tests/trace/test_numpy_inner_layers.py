"""Weights that an object holds in what it holds: judged by their path, and put back afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check

DRAW = np.random.RandomState(0).randn
X = DRAW(2, 3)


class Affine:
    def __init__(self, rows, columns):
        self.W, self.b, self.x = DRAW(rows, columns), DRAW(columns), None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        self.dx = dout @ self.W.T
        return self.dx


class Halved(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout / len(dout)
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Adding(Affine):
    def __init__(self, rows, columns):
        super().__init__(rows, columns)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


class Silent(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1 - self.out * self.out)


class Listed:
    """Parameters and gradients in two lists, the gradients written in place."""

    def __init__(self, rows, columns):
        self.params, self.grads = [DRAW(rows, columns)], [np.zeros((rows, columns))]

    def forward(self, x):
        self.x = x
        return x @ self.params[0]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        return dout @ self.params[0].T


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None


class OfParameters:
    def __init__(self, rows, columns):
        self.w = Parameter(DRAW(rows, columns))

    def forward(self, x):
        self.x = x
        return x @ self.w.data

    def backward(self, dout):
        self.w.grad = self.x.T @ dout
        return dout @ self.w.data.T


class Net:
    def __init__(self, *layers):
        self.layers, self.calls = list(layers), []

    def forward(self, x):
        self.calls.append(len(self.calls))
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class Named:
    def __init__(self, kind=Affine):
        self.fc1, self.parts = kind(3, 3), {"last": kind(3, 2)}

    def forward(self, x):
        return self.parts["last"].forward(np.tanh(self.fc1.forward(x)))

    def backward(self, dout):
        inner = self.parts["last"].backward(dout)
        return self.fc1.backward(inner * (1 - np.tanh(self.fc1.forward(self.fc1.x)) ** 2))


class Tied:
    """One array in two layers, each of which sets the gradient of its own use."""

    def __init__(self):
        self.first, self.second = Affine(3, 3), Affine(3, 3)
        self.second.W = self.first.W

    forward = lambda self, x: self.second.forward(self.first.forward(x))  # noqa: E731
    backward = lambda self, dout: self.first.backward(self.second.backward(dout))  # noqa: E731


def judged(report):
    return sorted({r.gradient.partition("[")[0] for r in report.results})


NETS = {
    "in a list": (lambda: Net(Affine(3, 4), Tanh(), Affine(4, 2)), ["dlayers_0_W", "dlayers_0_b", "dlayers_2_W", "dlayers_2_b", "dx"]),
    "by name": (Named, ["dfc1_W", "dfc1_b", "dparts_last_W", "dparts_last_b", "dx"]),
    "lists of parameters": (lambda: Net(Listed(3, 2), Listed(2, 2)), ["dlayers_0_params_0", "dlayers_1_params_0", "dx"]),
    "one layer with lists": (lambda: Listed(3, 2), ["dparams_0", "dx"]),
    "objects of parameters": (lambda: Net(OfParameters(3, 2)), ["dlayers_0_w_data", "dx"]),
    "gradients that are added to": (lambda: Net(Adding(3, 2), Adding(2, 2)), ["dlayers_0_W", "dlayers_0_b", "dlayers_1_W", "dlayers_1_b", "dx"]),
    "tied": (Tied, ["dfirst_W", "dfirst_b", "dsecond_b", "dx"]),
}


@pytest.mark.parametrize("name", NETS)
def test_weights_of_inner_layers_are_judged_by_their_path(name):
    make, gradients = NETS[name]
    report = check(make(), X)
    assert (report.status, report.basis, judged(report)) == ("passed", "traced", gradients), report


def test_a_wrong_gradient_of_an_inner_layer_is_found_in_its_line():
    report = check(Net(Affine(3, 4), Tanh(), Halved(4, 2)), X)
    (found,) = report.findings
    assert (found.code, found.gradients) == ("V101", ("dlayers_2_W",))
    assert "self.dW = self.x.T @ dout / len(dout)" in found.source_line


def test_a_gradient_that_an_inner_layer_never_sets_is_noted():
    report = check(Net(Silent(3, 2)), X)
    assert any("no gradient is returned of layers_0_b" in n for n in report.notes)
    assert not any("no gradient" in n for n in check(Net(Affine(3, 2)), X).notes)


@pytest.mark.parametrize("kind", [Affine, Adding])
def test_what_is_held_within_is_as_it_was(kind):
    net = Net(kind(3, 4), Tanh(), kind(4, 2))
    new = [dict(vars(layer)) for layer in net.layers]
    assert check(net, X).status == "passed"
    assert [dict(vars(layer)).keys() for layer in net.layers] == [n.keys() for n in new]
    assert net.calls == []
    net.forward(X)
    net.backward(np.ones((2, 2)))
    before = [{k: (v, np.copy(v)) for k, v in vars(layer).items()} for layer in net.layers]
    assert check(net, X).status == "passed", "also after it was used, with gradients and inputs of then"
    assert net.calls == [0]
    for layer, held in zip(net.layers, before, strict=True):
        assert vars(layer).keys() == held.keys()
        assert all(vars(layer)[k] is v and np.array_equal(v, c) for k, (v, c) in held.items())


def test_a_running_average_of_the_layer_itself_is_no_input():
    class Normed:
        def __init__(self):
            self.running, self.gamma = np.zeros(3), np.ones(3)

        def forward(self, x):
            self.running = 0.9 * self.running + 0.1 * x.mean(axis=0)
            self.centred = x - x.mean(axis=0)
            return self.gamma * self.centred

        def backward(self, dout):
            self.dgamma = (dout * self.centred).sum(axis=0)
            return dout * self.gamma - (dout * self.gamma).mean(axis=0)

    report = check(Normed(), X)
    assert (report.status, judged(report)) == ("passed", ["dgamma", "dx"])
    assert not any("running" in n for n in report.notes)
