"""A constant that the code has as an array in one place and as a number in another is one constant: each stands for the float and for the decimal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from verifier.numpy import check

WRITTEN = (0.587, -0.114)  # none is a binary fraction
DATA = {t: np.array(WRITTEN, dtype=t) for t in ("float64", "float32")}

FORMS = {
    "data": lambda x: DATA[x.dtype.name],
    "an array that the code makes": lambda x: np.array([0.587, -0.114], dtype=x.dtype),
    "elements of data": lambda x: [DATA[x.dtype.name][i] for i in range(2)],
    "numbers of NumPy": lambda x: [x.dtype.type(v) for v in WRITTEN],
    "numbers": lambda _: list(WRITTEN),
}


def luminance(form):
    def forward(x):
        w = form(x)
        s = sum(w[i] * x[i] for i in range(2)) if isinstance(w, list) else (w * x).sum()
        return s * s, x

    return forward


def slope(form, factor=2):
    def backward(dout, x):
        w = form(x)
        s = sum(w[i] * x[i] for i in range(2))
        dx = np.zeros_like(x)
        for i in range(2):
            dx[i] = factor * s * w[i] * dout
        return dx

    return backward


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("here", "there"), [p for p in itertools.permutations(FORMS, 2) if "data" in p or "numbers" in p])
def test_a_constant_as_an_array_and_as_numbers_is_one_constant(here, there, dtype):
    x = np.array([1.0, 0.587 / 0.114], dtype=dtype)  # where the sum cancels, half an ulp of a constant is as large as the sum
    report = check(luminance(FORMS[here]), x, backward=slope(FORMS[there]))
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


@pytest.mark.parametrize(("dtype", "factor"), [("float64", 2.00000000000001), ("float32", 2.00001)])
def test_and_another_constant_is_wrong_all_the_same(dtype, factor):
    report = check(luminance(FORMS["data"]), np.array([1.0, 2.0], dtype=dtype), backward=slope(FORMS["numbers"], factor))
    assert {f.code for f in report.findings} == {"V101"}


def test_numbers_of_numpy_in_the_format_of_the_run_are_decimals_as_python_s_are():
    def forward(x):
        return np.float32(0.1) * x, None

    def backward(dout, _):
        return dout * np.float32(0.3) / np.float32(3)

    report = check(forward, np.array([1.5, -0.25], dtype=np.float32), backward=backward)
    assert {kind for proofs in report.proofs.values() for kind in proofs.values()} == {"proved"}, report.findings


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_so_it_is_in_torch(dtype):
    torch = pytest.importorskip("torch")
    door = pytest.importorskip("verifier.torch")
    kind = getattr(torch, dtype)

    def backward(g, x):
        s = 0.587 * x[0] - 0.114 * x[1]
        return 2 * s * g * torch.tensor(WRITTEN, dtype=kind)

    report = door.check(lambda x: (torch.tensor(WRITTEN, dtype=kind) * x).sum() ** 2, torch.tensor([1.0, 0.587 / 0.114], dtype=kind), backward=backward)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_so_it_is_in_jax(dtype):
    jax = pytest.importorskip("jax")
    door = pytest.importorskip("verifier.jax")
    jnp = jax.numpy

    def backward(g, x):
        s = 0.587 * x[0] - 0.114 * x[1]
        return 2 * s * g * jnp.array(WRITTEN, dtype=x.dtype)

    report = door.check(lambda x: jnp.sum(jnp.array(WRITTEN, dtype=x.dtype) * x) ** 2, np.array([1.0, 0.587 / 0.114], dtype=dtype), backward=backward)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
