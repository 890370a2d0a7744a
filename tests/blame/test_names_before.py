"""Names such as `dz` that hold the gradient of what `z` is computed from, as cells are often written: they are no mistakes."""

from __future__ import annotations

import numpy as np

from verifier.numpy import check


def gates_forward(x, h, u):
    z = 1 / (1 + np.exp(-(x + h * u)))
    n = np.tanh(x * h)
    return (1 - z) * n + z * h, (x, h, u, z, n)


def gates_backward(dout, cache):
    x, h, u, z, n = cache
    dn = dout * (1 - z) * (1 - n * n)
    dz = dout * (h - n) * z * (1 - z)
    dx = dz + dn * h
    dh = dz * u + dn * x  # without dout * z
    du = dz * h
    return dx, dh, du


def test_the_line_of_the_mistake_is_the_only_one_that_is_named():
    report = check(gates_forward, np.array([0.3, -0.7]), np.array([1.1, 0.4]), np.array([0.6, -0.9]), backward=gates_backward)
    found = [f for f in report.findings if f.code == "V101"]
    assert {f.place.line - gates_backward.__code__.co_firstlineno for f in found} == {5}
    assert any("z * h" in f.message or "dout * z" in f.message for f in found)


def slope_forward(x, w):
    a = x * w
    z = np.tanh(a)
    return z * z, (x, w, z)


def slope_backward(dout, cache):
    x, w, z = cache
    dz = dout * 2 * z
    da = dz  # without 1 - z * z
    return da * w, da * x


def test_a_local_gradient_that_is_missing_is_still_found_where_it_is_missing():
    """`da` holds the gradient of what is computed from `a`, not of what `a` is computed from."""
    report = check(slope_forward, np.array([0.3, -0.7]), np.array([1.1, 0.4]), backward=slope_backward)
    assert {f.place.line - slope_backward.__code__.co_firstlineno for f in report.findings if f.code == "V101"} == {3}
