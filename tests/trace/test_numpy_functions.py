"""Every function of NumPy that is traced gives NumPy's own values, and its steps are believed at every float that NumPy computed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from verifier.compare.trust import disagreements
from verifier.language.formats import FORMATS
from verifier.numpy import check
from verifier.trace import numpy_functions  # noqa: F401 - it fills the table of functions
from verifier.trace.numpy import Traced, lift
from verifier.trace.patches import patched
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

X = np.array([[0.3, -1.2, 0.8], [1.7, 0.4, -0.6]])
CODE = {
    "arithmetic": lambda x: (x + 1) * x - x / 3 + 2 ** (x * x) - (-x) ** 2,
    "right operands": lambda x: 1 - x + 2 / (3 + x) + np.array([1.0, 2.0, 3.0]) * x,
    "functions": lambda x: np.exp(x) + np.sin(x) * np.arctan(x) + np.log1p(x * x) + np.sqrt(np.abs(x)) + np.hypot(x, 2.0),
    "clip, sign, floor": lambda x: np.clip(x, -0.5, 0.5) + np.sign(x) * np.floor(x) + np.maximum(x, 0.1),
    "floor division": lambda x: x // 0.3,
    "sum": lambda x: np.sum(x, axis=1, keepdims=True) + x.sum(axis=0) + x.sum(),
    "mean, var, std": lambda x: x.mean(axis=1) + np.var(x, axis=1, ddof=1) + x.std(axis=1),
    "max, min, prod": lambda x: x.max(axis=0) + np.min(x) + np.prod(x, axis=0),
    "cumsum, cumprod": lambda x: np.cumsum(x, axis=1) + x.cumprod(axis=0),
    "matmul": lambda x: x @ x.T + np.dot(x, x.T) + np.matmul(x, x.T) + np.inner(x, x),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x) + np.tensordot(x, x, axes=([1], [1])),
    "outer": lambda x: np.outer(x[0], x[1]) + np.add.outer(x[0], x[1]),
    "norm, trace": lambda x: np.linalg.norm(x, axis=1) + np.trace(x) + np.linalg.norm(x),
    "where": lambda x: np.where(x > 0, x, 0.1 * x) + np.where(np.array([True, False, True]), x, -x),
    "masks": lambda x: (x > 0) * x + ((x > -1) & (x < 0.5)) * 2.0 + (~(x > 0)).astype(float),
    "any, all": lambda x: x * np.any(x > 1) + x * (x > 0).all(axis=0),
    "moves": lambda x: x.T.reshape(2, 3) + np.transpose(x).ravel().reshape(x.shape) + np.roll(x, 1, axis=1) + np.flip(x, 0),
    "joins": lambda x: np.concatenate([x, np.ones((1, 3))]) + np.vstack([x[0], x]) + np.stack([x[0], x[1], x[0]]),
    "parts": lambda x: np.split(x, 3, axis=1)[1] + x[:, 1:2] + x[[0, 1], [2, 0]][:, None] + np.take(x, [0], axis=1),
    "pad, tril, diag": lambda x: np.pad(x, ((1, 0), (0, 0)))[:3, :3] + np.tril(np.ones((3, 3)) * x[0]) + np.diag(x[1]),
    "argmax, sort": lambda x: np.sort(x, axis=1) + x[np.arange(2), np.argmax(x, axis=1)][:, None],
    "like": lambda x: np.zeros_like(x) + np.ones_like(x) * x + np.full_like(x, 0.5),
    "repeat, tile": lambda x: np.repeat(x, 2, axis=0)[:2] + np.tile(x, (2, 1))[1:3],
    "casts": lambda x: x.astype(np.float32).astype(np.float64) * 2,
    "axes in any way": lambda x: x.transpose(1, 0).reshape(2, 3) + x.transpose((0, 1)) + x.transpose().T,
    "differences": lambda x: np.diff(x, axis=0) + np.diff(x, 2)[:, :1],
    "convolutions": lambda x: np.convolve(x[0], x[1]) + np.convolve(x[0], x[1, :2], "same")[0] + np.correlate(x[0], x[1], "full") + np.correlate(x[0], x[1, :2]).sum(),
    "kron, cross": lambda x: np.kron(x, x[:, :1])[:2] + np.cross(x, x[::-1]),
    "cov, average": lambda x: np.cov(x.T) + np.average(x, axis=0, weights=[0.25, 0.75]) + np.average(x),
    "ptp, median": lambda x: np.ptp(x, axis=1)[:, None] + np.median(x, axis=0) + np.median(x),
    "select, piecewise": lambda x: np.select([x > 0.5, x < -0.5], [x * 2, x * x], 0.25) + np.piecewise(x, [x < 0, x > 1], [lambda v: -v, 2.0, lambda v: v * v]),
    "interp, polyval, sinc": lambda x: np.interp(x, [-2.0, 0.0, 2.0], [1.0, 0.0, 3.0]) + np.polyval([2.0, -1.0, 0.5], x) + np.sinc(x),
    "blocks": lambda x: np.block([[x, x * 2], [np.eye(2), np.ones((2, 4))]])[1:3, :3] + np.insert(x, 1, 0.5, axis=1)[:, :3],
    "rows, columns": lambda x: np.r_[x[0], 1.0, x[1, :1]][1:4] + np.c_[x[:, 0], x][:, :3] + np.c_[x[0], x[1]].T,
    "along an axis": lambda x: np.apply_along_axis(lambda row: row / row.sum(), 1, x) + np.apply_along_axis(np.prod, 1, x)[:, None] + np.apply_along_axis(lambda c: c * c[0], 0, x),
    "vectorize": lambda x: np.vectorize(lambda v, w: v * w if v > 0 else -v)(x, x[0]),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)[:, :, 0] * x[:, 1:],
    "strides": lambda x: np.lib.stride_tricks.as_strided(x, (2, 2, 2), (*x.strides, x.strides[1])).sum(axis=2) + np.lib.stride_tricks.as_strided(x[:, 1:], (2, 2), x.strides) * x.T.strides[0],
    "bincount": lambda x: np.bincount([2, 0, 2], weights=x[0]) * x,
    "one by one": lambda x: np.array([v * v for v in np.nditer(x)]) + np.array([v * sum(i) for i, v in np.ndenumerate(x)]),
    "lists": lambda x: ([[x[0, 0], x[1, 1] * 2, 0.0], [1, 2, 3]] - x) * np.maximum([x[0], x[0]], x) + np.array(x.tolist()) * x + np.array([float(v) for v in x[0]]),
    "counts": lambda x: x / np.count_nonzero(x > 0) + x[0, np.flatnonzero(x[0] > 0)].sum(),
    "atleast, squeeze": lambda x: np.squeeze(np.expand_dims(x, 0), 0) + np.atleast_2d(x) + np.broadcast_to(x[0], x.shape),
}


def written_into(x):
    y = np.zeros(x.shape)
    y[0] = x[1]
    y[1, :2] += 2 * x[0, 1:]
    view = y[:, 1]
    view *= 3
    y[y > 1] = 0.5
    np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[0])
    z = np.empty((2, 3))
    z.fill(0.25)
    z -= y
    return z


def written_by_functions(x):
    y, z = np.zeros(x.shape), np.empty_like(x)
    np.put_along_axis(y, np.argmax(x, axis=1)[:, None], x[:, :1], 1)
    np.copyto(y, 2 * x, where=x > 0.5)
    np.putmask(y, x < -1, 0.25)
    np.place(y, x == 0.8, [7.0])
    np.put(y, [0, 5], x[0, :2])
    np.multiply(x, 3, out=z, where=np.ones_like(x, dtype=bool))
    np.multiply(x, 5, out=z, where=x > 0)
    np.sum(x, axis=0, out=z[1])
    square = np.dot(x, x.T)
    np.dot(x, x.T, out=square)
    np.fill_diagonal(square, x[0, :2])
    square.flat[1] = x[1, 1]
    square.flat = square.ravel() * 2
    y[x > 0] = z[x > 0] * 2
    z.shape = (3, 2)
    return y + (z @ square).reshape(2, 3)


CODE["in place"] = written_into
CODE["written by functions"] = written_by_functions


@pytest.mark.parametrize("name", CODE)
def test_values_are_numpys_own_and_the_steps_are_believed(name):
    function = CODE[name]
    r = Recorder({"x": X.shape}, {"out": ()})
    with patched(r, [function.__globals__]):
        found = lift(r, function(Traced(r.inputs["x"].copy(), X.copy(), r)))
    assert np.array_equal(found.value, function(X))
    r.end_forward({"out": np.asarray(found.steps.ravel()[0])})
    r.backward_start = len(r.builder.steps)
    zero = np.full(X.shape, r.number(0.0))
    trace = r.trace({"x": zero}, (*X.ravel().tolist(), 1.0), computed={"x": np.zeros(X.shape)}, outputs={"out": found.value.ravel()[0]})
    assert disagreements(trace, FORMATS["float64"]) == []
    run = _values(trace, found)
    assert run == pytest.approx(found.value.ravel().tolist(), rel=1e-6), "the steps that were returned, not only those that were read"


def _values(trace, found):
    from verifier.arithmetic import floats

    run = floats.run(trace.program, [[v] for v in trace.point], fmt=FORMATS["float64"])
    return [float(run[i][0]) for i in found.steps.ravel().tolist()]


@pytest.mark.parametrize("code", [lambda x: np.random.default_rng(0).permutation(x), np.linalg.svd, lambda x: np.exp(x, where=x > 0), np.frexp])
def test_what_is_not_traced_is_refused_with_its_line(code):
    r = Recorder({"x": X.shape}, {"out": ()})
    with patched(r), pytest.raises(Refusal) as refused:
        code(Traced(r.inputs["x"].copy(), X.copy(), r))
    assert refused.value.place.file == __file__
    assert refused.value.advice


def rows_by_whole_numbers(x):
    return x * x[0][(x[0] * 2).astype(int).clip(0, 2)]


def backward_of_rows(g, x):
    rows = (x[0] * 2).astype(int).clip(0, 2)
    dx = g * x[0][rows]
    np.add.at(dx[0], rows, (g * x).sum(axis=0))
    return dx


NUMBERS = {  # code that takes numbers out of its arrays: is its trace that of the function, or is it refused?
    "a text": (lambda x: x * x if f"{x.sum():.3f} {float(x[0, 0])} %.2f" % x[0, 0] else x, lambda g, x: 2 * g * x, "traced"),
    "an index": (lambda x: x * x[0, int(x[0, 2])], lambda g, x: g * x[0, 0] + np.eye(2, 3) * (np.eye(1, 3) * (g * x).sum()) * [[1.0], [0.0]], "traced"),
    "a number": (lambda x: x * math.floor(x[0, 0] * 10) if f"{x[0, 0]:f}" else x, lambda g, x: g * math.floor(x[0, 0] * 10), "traced"),
    "a factor": (lambda x: x * memoryview(x[0, 0].__float__().hex().encode()).nbytes, lambda g, x: g * memoryview(x[0, 0].__float__().hex().encode()).nbytes, "traced"),
    "a value": (lambda x: x * x[0, 0].__float__(), lambda g, x: g * x[0, 0] + np.eye(2, 3) * [[1.0], [0.0]] * np.eye(1, 3) * (g * x).sum(), "sampled"),
    "whole numbers": (rows_by_whole_numbers, backward_of_rows, "traced"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_leave_the_arrays_are_followed_at_the_point_or_refused_where_something_depends_on_them(name):
    fn, backward, basis = NUMBERS[name]
    report = check(fn, X, backward=backward)
    assert report.basis == basis
    assert (report.status == "passed") is (basis == "traced")
    assert check(fn, X, backward=lambda g, x: 2 * backward(g, x)).status != "passed", "the twin"


def test_the_method_dot_of_data_is_followed():
    data = np.ones((3, 2))
    assert check(lambda x: x.dot(data), X, backward=lambda g, _: data.dot(g.T).T).basis == "traced"


MATRIX = np.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]])
TALL = np.array([[1.2, 0.3], [0.5, -1.4], [-0.9, 0.6]])
linalg = np.linalg


def _eigenvalues(g, a):
    v = linalg.eigh(a)[1]
    return (v * g) @ v.T


def _singular_values(g, a):
    u, _, v = linalg.svd(a, full_matrices=False)
    return (u * g) @ v


def _least_squares(g, a, b):
    x, h = linalg.lstsq(a, b, rcond=None)[0], linalg.solve(a.T @ a, g)
    return np.outer(b - a @ x, h) - np.outer(a @ h, x), a @ h


LINEAR_ALGEBRA = {  # the function, its gradient (Giles, Collected matrix derivative results, 2008), the inputs
    "det": (linalg.det, lambda g, a: g * linalg.det(a) * linalg.inv(a).T, (MATRIX + 0.1 * np.tril(MATRIX),)),
    "inv": (linalg.inv, lambda g, a: -linalg.inv(a).T @ g @ linalg.inv(a).T, (MATRIX,)),
    "slogdet": (lambda a: linalg.slogdet(a)[1], lambda g, a: g * linalg.inv(a).T, (MATRIX,)),
    "solve": (linalg.solve, lambda g, a, b: (-np.outer(linalg.solve(a.T, g), linalg.solve(a, b)), linalg.solve(a.T, g)), (MATRIX, MATRIX[0] + 1)),
    "eigvalsh": (lambda a: linalg.eigvalsh((a + a.T) / 2), _eigenvalues, (MATRIX,)),
    "svd": (lambda a: linalg.svd(a, compute_uv=False), _singular_values, (TALL,)),
    "lstsq": (lambda a, b: linalg.lstsq(a, b, rcond=None)[0], _least_squares, (TALL, MATRIX[0])),
    "matrix_power": (lambda a: linalg.matrix_power(a, 2), lambda g, a: g @ a.T + a.T @ g, (MATRIX,)),
}


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_linear_algebra_is_had_by_its_algorithms(name):
    fn, backward, inputs = LINEAR_ALGEBRA[name]
    report = check(fn, *inputs, backward=backward)
    assert (report.status, report.basis) == ("passed", "traced")
    twin = check(fn, *inputs, backward=lambda *given: _doubled(backward(*given)))
    assert "wrong" in {r.verdict.value for r in twin.results}


def _doubled(found):
    return tuple(2 * f for f in found) if isinstance(found, tuple) else 2 * found


SYMMETRIC = np.array([[2.0, 0.3, 0.1], [0.3, 1.7, 0.4], [0.1, 0.4, 2.5]])


def factor(a):
    lower = np.linalg.cholesky(a)
    return lower, lower


def adjoint_of_factor(g, lower, share=0.5):
    """Murray, Differentiation of the Cholesky decomposition (2016), with A kept symmetric."""
    inner = np.tril(lower.T @ g)
    inner[np.diag_indices(len(lower))] *= share
    both = np.linalg.solve(lower.T, np.linalg.solve(lower.T, inner.T).T)
    return 0.5 * (both + both.T)


def of_one_triangle(g, lower):
    """The same as the gradient of the function that NumPy computes, which reads the lower triangle."""
    whole = adjoint_of_factor(g, lower)
    return np.tril(whole + whole.T) - np.diag(np.diag(whole))


def test_the_gradient_of_a_symmetric_matrix_may_be_symmetric_or_that_of_one_triangle():
    for backward in (adjoint_of_factor, of_one_triangle):
        report = check(factor, SYMMETRIC, backward=backward)
        assert (report.status, report.basis) == ("passed", "traced")
    assert any("reads one triangle" in n for n in check(factor, SYMMETRIC, backward=adjoint_of_factor).notes)


def test_a_wrong_gradient_of_a_symmetric_matrix_is_wrong():
    assert check(factor, SYMMETRIC, backward=lambda g, lower: adjoint_of_factor(g, lower, share=1.0)).status == "failed"
    assert check(factor, SYMMETRIC, backward=lambda g, lower: 2 * of_one_triangle(g, lower)).status == "failed"
    skew = SYMMETRIC + np.triu(np.ones((3, 3)), 1)
    assert check(factor, skew, backward=adjoint_of_factor).status == "failed"
