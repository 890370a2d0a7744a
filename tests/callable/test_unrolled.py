"""Iterations whose rounds a loop of Python writes out, with a rule that is the derivative of what they converge to: in JAX, PyTorch and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check as check_numpy

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
jax = pytest.importorskip("jax", reason="JAX is not installed here")

from verifier.jax import check as check_jax  # noqa: E402
from verifier.torch import check as check_torch  # noqa: E402

W = np.array([[0.2, -0.1], [0.3, 0.1]])


def root_in_jax(rounds, divisor=2.0):
    @jax.custom_vjp
    def root(a):
        y = a
        for _ in range(rounds):
            y = 0.5 * (y + a / y)
        return y

    def forward(a):
        y = root(a)
        return y, y

    root.defvjp(forward, lambda y, g: (g / (divisor * y),))
    return lambda: check_jax(root, 2.5)


def root_in_torch(rounds, divisor=2.0):
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            y = a
            for _ in range(rounds):
                y = (y + a / y) / 2
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g / (divisor * y)

    return lambda: check_torch(Root.apply, torch.tensor([2.5, 3.0], dtype=torch.float64))


def equilibrium(x):
    """z = tanh(W z + x)."""
    z = np.zeros(2)
    for _ in range(12):
        z = np.tanh(W @ z + x)
    return z


def fixed_point(factor):
    """By the implicit function theorem; the backward pass iterates once more."""

    def backward(dout, x):
        z = np.zeros(2)
        for _ in range(12):
            z = np.tanh(W @ z + x)
        slope = np.diag(1 - z * z)
        return factor * (slope @ np.linalg.solve((np.eye(2) - slope @ W).T, dout))

    return lambda: check_numpy(equilibrium, np.array([0.3, -0.4]), backward=backward)


def cosines(factor):
    def forward(x):
        y = x
        for _ in range(40):
            y = np.cos(y) * x
        return y

    def backward(dout, x):
        y = forward(x)
        return factor * dout * np.cos(y) / (1 + x * np.sin(y))

    return lambda: check_numpy(forward, 0.5, backward=backward)


@pytest.mark.parametrize(
    "report",
    [root_in_jax(4), root_in_jax(5), root_in_jax(8), root_in_torch(4), root_in_torch(6), root_in_torch(9), fixed_point(1), cosines(1)],
    ids=["JAX, early", "JAX", "JAX, late", "PyTorch, early", "PyTorch", "PyTorch, late", "NumPy, a fixed point", "NumPy"],
)
def test_the_derivative_of_the_limit_is_not_called_wrong(report):
    found = report()
    assert found.status == "passed", found
    assert any("the iteration" in n and "which is not differentiated itself" in n for n in found.notes)


@pytest.mark.parametrize("report", [root_in_jax(6, 2.1), root_in_torch(6, 2.01), fixed_point(1.01), cosines(1.001)], ids=["JAX", "PyTorch", "NumPy, a fixed point", "NumPy"])
def test_another_factor_is(report):
    found = report()
    assert found.status == "failed"
    assert any(f.code == "V101" for f in found.findings)


def test_a_loop_that_converges_to_nothing_is_no_excuse():
    def powers(x):
        for _ in range(4):
            x = x * x
        return x

    assert check_numpy(powers, 1.1, backward=lambda dout, x: dout * 16 * x**15).status == "passed"
    assert check_numpy(powers, 1.1, backward=lambda dout, x: dout * 15 * x**15).status == "failed"


def test_a_right_derivative_of_a_loop_is_proved_for_all_inputs():
    def halved(x):
        y = x
        for _ in range(4):
            y = 0.5 * (y + np.sin(x))
        return y

    report = check_numpy(halved, 0.7, backward=lambda dout, x: dout * (0.0625 + 0.9375 * np.cos(x)))
    assert report.proofs["halved"]["dx"] == "proved"
    assert report.notes == (f"computed by NumPy {np.__version__}",)
