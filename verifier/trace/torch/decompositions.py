"""Rows of aten's decompositions that no finite algorithm gives: eigenvalues and singular values by Newton's steps, and what is made of them.

What such a decomposition returns is the solution y of equations F(y, A) = 0. Steps y - C F(y, A) with a fixed C near the
inverse of F's Jacobian go from torch's own numbers to that solution and shrink the distance by about the machine epsilon
each, and that of the derivatives too: after ROUNDS of them both are right to some 40 digits, which is what the program says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.record import Floats, Refusal
from verifier.trace.torch.linear_algebra import each, solved_by
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import COMPLEX, Pair, Tracer, row

ROUNDS = 3
NEAREST = 1e-6  # of two eigenvalues or singular values, in units of the largest: what is nearer counts as a multiple one
TERMS = 24  # of the exponential's series, of a matrix of norm 1/4 at most: the rest is below 1e-38
NEAR = 2.0**-40  # of the largest element: how far the steps are right to so many digits
NOTE = "its decomposition is followed by Newton's steps from PyTorch's own, whose signs and order it has: it is right to some 40 digits"


def refined(t: Tracer, start: Floats, equations: Callable[[Array], list[Array]], jacobian: Floats) -> Array:
    """The solution of the equations near these numbers, by steps with the inverse of this Jacobian."""
    try:
        inverse = np.linalg.inv(jacobian)
    except np.linalg.LinAlgError:
        raise _multiple(t) from None
    if not np.isfinite(inverse).all():
        raise _multiple(t)
    weights, used = t.recorder.constants(inverse), inverse != 0
    found = t.recorder.constants(start)
    for _ in range(ROUNDS):
        off = np.array([int(f) for f in equations(found)], dtype=np.int64)
        change = [arrays.total(t.builder, t.gate("mul", weights[k][used[k]], off[used[k]])) for k in range(len(off))]
        found = t.gate("sub", found, np.array([int(c) for c in change], dtype=np.int64))
    if NOTE not in t.recorder.notes:
        t.recorder.notes.append(NOTE)
    return found


def _near_this_point(t: Tracer, steps: Array, values: Floats) -> None:
    """The program holds at matrices that are this one but for roundings."""
    size = float(np.abs(values).max(initial=0.0))
    if not size or not np.isfinite(size):
        return
    limit = t(2.0 ** np.ceil(np.log2(size)) * NEAR)
    far = t.gate("abs", t.gate("sub", steps, t.recorder.constants(values)))
    for one in np.unique(t.gate("le", far, limit)).tolist():
        t.recorder.branch(one, holds=True)


def _multiple(t: Tracer) -> Refusal:
    return Refusal(f"aten.{t.name} where two eigenvalues or singular values are equal, or one is 0", t.recorder.place(), "its vectors have no derivative there: judge it elsewhere")


def _are_apart(t: Tracer, values: Floats, *, zero: bool = False) -> None:
    """Refuse values of which two are equal; with `zero`, one that is 0 as well."""
    seen = [*values.tolist(), *([0.0] if zero else [])]
    size = max((abs(v) for v in seen), default=0.0)
    if any(abs(a - b) <= NEAREST * size for k, a in enumerate(seen) for b in seen[:k]):
        raise _multiple(t)


def _dots(t: Tracer, matrix: Array, vector: Array) -> list[Array]:
    return [arrays.total(t.builder, t.gate("mul", r, vector)) for r in matrix]


def _half_norm(t: Tracer, *vectors: Array) -> Array:
    """Half of the sum of the squares, less half of the number of vectors."""
    total = arrays.total(t.builder, np.concatenate([t.gate("mul", v, v) for v in vectors]))
    return t.gate("div", t.gate("sub", total, len(vectors)), 2)


# ---------------------------------------------------------------- symmetric matrices


@row("_linalg_eigh")
def _eigh(t: Tracer, a: torch.Tensor, uplo: str = "L", compute_v: bool = True) -> list[Any]:
    values = floats_in(a)
    own = floats_in(t.out[1]) if compute_v and t.out[1].numel() else np.broadcast_to(np.eye(a.shape[-1]), values.shape)
    steps = t(a)
    if not np.array_equal(values, np.swapaxes(values, -1, -2)):  # one triangle is read
        lower = np.tril(np.ones(values.shape[-2:], dtype=bool))
        keep = lower if uplo.upper() == "L" else lower.T
        steps = np.where(keep, steps, np.swapaxes(steps, -1, -2))
        values = np.where(keep, values, np.swapaxes(values, -1, -2))
    else:  # torch's gradient is that of a matrix that stays symmetric
        steps = t.gate("div", t.gate("add", steps, np.swapaxes(steps, -1, -2)), 2)
    _near_this_point(t, steps, values)

    def pairs(m: Array, numbers: Floats, vectors: Floats) -> tuple[Array, Array]:
        near, exact = np.linalg.eigh(numbers)
        _are_apart(t, near)
        found = [_eigenpair(t, m, numbers, near[k], exact[:, k] * _sign(exact[:, k], vectors[:, k])) for k in range(len(near))]
        return np.array([f[-1] for f in found]), np.stack([f[:-1] for f in found], axis=1)

    eigenvalues, eigenvectors = each(pairs, steps, values, own)
    return [eigenvalues, eigenvectors if compute_v and t.out[1].numel() else None]


def _sign(exact: Floats, vector: Floats) -> float:
    return -1.0 if float(np.dot(exact, vector)) < 0 else 1.0


def _eigenpair(t: Tracer, a: Array, numbers: Floats, value: float, vector: Floats) -> Array:
    """A unit vector and its eigenvalue: A v = w v, v'v = 1."""
    n = len(vector)

    def equations(y: Array) -> list[Array]:
        v, w = y[:n], y[n]
        return [*(t.gate("sub", d, t.gate("mul", w, c)) for d, c in zip(_dots(t, a, v), v, strict=True)), _half_norm(t, v)]

    jacobian = np.block([[numbers - value * np.eye(n), -vector[:, None]], [vector[None, :], np.zeros((1, 1))]])
    return refined(t, np.append(vector, value), equations, jacobian)


# ---------------------------------------------------------------- singular values


@row("_linalg_svd")
def _svd(t: Tracer, a: torch.Tensor, full_matrices: bool = False, compute_uv: bool = True, driver: Any = None) -> list[Any]:
    del driver
    is_wide = compute_uv and t.out[0].numel() > 0
    if is_wide and full_matrices and a.shape[-1] != a.shape[-2]:
        raise Refusal("linalg.svd with full_matrices=True", t.recorder.place(), "use full_matrices=False: the further vectors have no derivative")
    values = floats_in(a)
    own = floats_in(t.out[0]) if is_wide else np.linalg.svd(values, full_matrices=False)[0]
    _near_this_point(t, t(a), values)

    def triplets(m: Array, numbers: Floats, vectors: Floats) -> tuple[Array, Array, Array]:
        left, near, right = np.linalg.svd(numbers, full_matrices=False)
        _are_apart(t, near, zero=True)
        signs = [_sign(left[:, k], vectors[:, k]) for k in range(len(near))]
        found = [_triplet(t, m, numbers, near[k], left[:, k] * signs[k], right[k] * signs[k]) for k in range(len(near))]
        rows = len(m)
        return np.stack([f[:rows] for f in found], axis=1), np.array([f[-1] for f in found]), np.stack([f[rows:-1] for f in found])

    u, s, vh = each(triplets, t(a), values, own)
    return [u, s, vh] if is_wide else [None, s, None]


def _triplet(t: Tracer, a: Array, numbers: Floats, value: float, left: Floats, right: Floats) -> Array:
    """Unit vectors and their singular value: A v = s u, A'u = s v, (u'u + v'v) / 2 = 1."""
    rows, columns = numbers.shape

    def equations(y: Array) -> list[Array]:
        u, v, s = y[:rows], y[rows:-1], y[-1]
        first = [t.gate("sub", d, t.gate("mul", s, c)) for d, c in zip(_dots(t, a, v), u, strict=True)]
        second = [t.gate("sub", d, t.gate("mul", s, c)) for d, c in zip(_dots(t, a.T, u), v, strict=True)]
        return [*first, *second, _half_norm(t, u, v)]

    jacobian = np.block([
        [-value * np.eye(rows), numbers, -left[:, None]],
        [numbers.T, -value * np.eye(columns), -right[:, None]],
        [left[None, :], right[None, :], np.zeros((1, 1))],
    ])
    return refined(t, np.concatenate([left, right, [value]]), equations, jacobian)


# ---------------------------------------------------------------- matrices that are not symmetric


@row("linalg_eig", "_linalg_eigvals", "linalg_eigvals", table=COMPLEX)
def _eig(t: Tracer, a: torch.Tensor) -> Any:
    both = t.pair(a)
    number = a.detach().resolve_conj().cpu().to(torch.complex128)
    only = isinstance(t.out, torch.Tensor)
    _near_this_point(t, both.re, np.real(number.numpy()))
    _near_this_point(t, both.im, np.imag(number.numpy()))
    near, vectors = (v.numpy() for v in torch.linalg.eig(number if a.dtype.is_complex else number.real))
    if not only:
        own_values, own = (v.detach().cpu().to(torch.complex128).numpy() for v in t.out)
    else:
        own_values, own = t.out.detach().cpu().to(torch.complex128).numpy(), vectors

    def pairs(re: Array, im: Array, numbers: Any, values: Any, columns: Any, wanted: Any, wanted_columns: Any) -> tuple[Array, Array, Array, Array]:
        _are_apart(t, values.ravel())
        found = []
        for k, w in enumerate(wanted.ravel()):
            at = int(np.argmin(np.abs(values.ravel() - w)))  # in the order of torch's own run
            turn = np.vdot(columns[:, at], wanted_columns[:, k])
            found.append(_complex_pair(t, re, im, numbers, values.ravel()[at], columns[:, at] * (turn / abs(turn) if turn else 1)))
        n = len(re)
        return (
            np.array([f[2 * n] for f in found])[:, None], np.array([f[2 * n + 1] for f in found])[:, None],
            np.stack([f[:n] for f in found], axis=1), np.stack([f[n : 2 * n] for f in found], axis=1),
        )  # fmt: skip

    wr, wi, vr, vi = each(pairs, both.re, both.im, number.numpy(), near[..., None], vectors, own_values[..., None], own)
    found = Pair(wr[..., 0], wi[..., 0])
    return found if only else [found, Pair(vr, vi)]


def _complex_pair(t: Tracer, re: Array, im: Array, numbers: Any, value: complex, vector: Any) -> Array:
    """A unit vector and its eigenvalue, real and imaginary parts: A v = w v, v*v = 1, and the phase that it has at this point."""
    n = len(vector)
    is_real = not np.imag(numbers).any()
    start_re, start_im = t.recorder.constants(np.real(vector)), t.recorder.constants(np.imag(vector))

    def equations(y: Array) -> list[Array]:
        x, z, wr, wi = y[:n], y[n : 2 * n], y[2 * n], y[2 * n + 1]
        real, imaginary = _dots(t, re, x), _dots(t, re, z)
        if not is_real:
            real = [t.gate("sub", r, c) for r, c in zip(real, _dots(t, im, z), strict=True)]
            imaginary = [t.gate("add", r, c) for r, c in zip(imaginary, _dots(t, im, x), strict=True)]
        first = [t.gate("sub", r, t.gate("sub", t.gate("mul", wr, p), t.gate("mul", wi, q))) for r, p, q in zip(real, x, z, strict=True)]
        second = [t.gate("sub", r, t.gate("add", t.gate("mul", wr, q), t.gate("mul", wi, p))) for r, p, q in zip(imaginary, x, z, strict=True)]
        norm = t.gate("div", t.gate("sub", arrays.total(t.builder, np.concatenate([t.gate("mul", x, x), t.gate("mul", z, z)])), 1), 2)
        phase = arrays.total(t.builder, np.concatenate([t.gate("mul", start_re, z), t.gate("neg", t.gate("mul", start_im, x))]))
        return [*first, *second, norm, phase]

    shifted = numbers - value * np.eye(n)
    x, z = np.real(vector), np.imag(vector)
    zero = np.zeros((1, 1))
    jacobian = np.block([
        [np.real(shifted), -np.imag(shifted), -x[:, None], z[:, None]],
        [np.imag(shifted), np.real(shifted), -z[:, None], -x[:, None]],
        [x[None, :], z[None, :], zero, zero],
        [-z[None, :], x[None, :], zero, zero],
    ])
    return refined(t, np.concatenate([x, z, [value.real, value.imag]]), equations, jacobian)


# ---------------------------------------------------------------- least squares, the pseudoinverse, the exponential


def _pseudoinverse(t: Tracer, a: Array, numbers: Floats) -> Array:
    """Of a matrix of full rank, by its normal equations."""
    if np.linalg.matrix_rank(numbers) < min(a.shape):
        raise Refusal(f"aten.{t.name} of a matrix that has not its full rank", t.recorder.place(), "judge it where it has")
    if a.shape[0] == a.shape[1]:
        return solved_by(t, a, numbers, t.recorder.constants(np.eye(len(a), dtype=np.int64)))
    tall = a if a.shape[0] > a.shape[1] else a.T
    values = numbers if tall is a else numbers.T
    found = solved_by(t, arrays.matmul(t.builder, tall.T, tall), values.T @ values, tall.T)
    return found if tall is a else found.T


@row("linalg_pinv", "pinverse")
def _pinv(t: Tracer, a: torch.Tensor, *_: Any, **__: Any) -> Array:
    return each(lambda m, v: _pseudoinverse(t, m, v), t(a), floats_in(a))


@row("linalg_lstsq")
def _lstsq(t: Tracer, a: torch.Tensor, b: torch.Tensor, *_: Any, **__: Any) -> list[Any]:
    is_vector = t.out[0].ndim < a.ndim
    right = t(b)[..., None] if is_vector else t(b)
    residuals = t.out[1]

    def solution(m: Array, v: Floats, r: Array) -> Array:
        if np.linalg.matrix_rank(v) < min(m.shape):
            raise Refusal("linalg.lstsq of a matrix that has not its full rank", t.recorder.place(), "judge it where it has")
        if m.shape[0] < m.shape[1]:
            return arrays.matmul(t.builder, m.T, solved_by(t, arrays.matmul(t.builder, m, m.T), v @ v.T, r))
        return solved_by(t, arrays.matmul(t.builder, m.T, m), v.T @ v, arrays.matmul(t.builder, m.T, r))

    def left_over(m: Array, r: Array, x: Array) -> Array:
        apart = t.gate("sub", arrays.matmul(t.builder, m, x), r)
        return arrays.total(t.builder, t.gate("square", apart), 0)[None, :]

    found = each(solution, t(a), floats_in(a), right)
    rest = each(left_over, t(a), right, found)[..., 0, :].reshape(tuple(residuals.shape)) if residuals.numel() else None
    return [found[..., 0] if is_vector else found, rest, None, None]


@row("linalg_matrix_exp", "matrix_exp")
def _matrix_exp(t: Tracer, a: torch.Tensor) -> Array:
    """The series of A / 2**s, squared s times."""

    def exponential(m: Array, numbers: Floats) -> Array:
        size = float(np.abs(numbers).sum(axis=0).max()) if numbers.size else 0.0
        halvings = max(0, int(np.ceil(np.log2(size * 4)))) if size > 0.25 else 0
        small = m if halvings == 0 else t.gate("div", m, 2**halvings)
        unit = t.recorder.constants(np.eye(len(m), dtype=np.int64))
        found = t.gate("add", unit, t.gate("div", small, TERMS))
        for k in range(TERMS - 1, 0, -1):  # Horner's scheme
            product = arrays.matmul(t.builder, small, found)
            found = t.gate("add", unit, product if k == 1 else t.gate("div", product, k))
        for _ in range(halvings):
            found = arrays.matmul(t.builder, found, found)
        return found

    return each(exponential, t(a), floats_in(a))

