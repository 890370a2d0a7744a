"""Eigenvalues and singular values of matrices of steps, which no finite algorithm gives, by Newton's steps from the numbers at the point.

A decomposition is the solution y of equations F(y, A) = 0. Steps y - C F(y, A) with a fixed C near the inverse of F's
Jacobian go from the numbers that a library found to that solution and shrink the distance by about the machine epsilon
each, and that of the derivatives too: after ROUNDS of them both are right to some 40 digits, which is what the program says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.matrices import Gates
from verifier.trace.record import Floats, Refusal

ROUNDS = 3
NEAREST = 1e-6  # of two eigenvalues or singular values, in units of the largest: what is nearer counts as a multiple one
NEAR = 2.0**-40  # of the largest element: how far the steps are right to so many digits
NOTE = "a matrix decomposition is computed by Newton's method from the numbers at the point, with their signs and order: its result is right to some 40 digits"


def refined(t: Gates, start: Floats, equations: Callable[[Array], list[Array]], jacobian: Floats) -> Array:
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


def near_this_point(t: Gates, steps: Array, values: Floats) -> None:
    """The program holds at matrices that are this one but for roundings."""
    size = float(np.abs(values).max(initial=0.0))
    if not size or not np.isfinite(size):
        return
    limit = t(2.0 ** np.ceil(np.log2(size)) * NEAR)
    far = t.gate("abs", t.gate("sub", steps, t.recorder.constants(values)))
    for one in np.unique(t.gate("le", far, limit)).tolist():
        t.recorder.branch(one, holds=True)


def _multiple(t: Gates) -> Refusal:
    return Refusal("a decomposition where two eigenvalues or singular values are equal, or one is 0", t.recorder.place(), "its vectors have no derivative there: check it at another point")


def are_apart(t: Gates, values: Floats, *, zero: bool = False) -> None:
    """Refuse values of which two are equal; with `zero`, one that is 0 as well."""
    seen = [*values.tolist(), *([0.0] if zero else [])]
    size = max((abs(v) for v in seen), default=0.0)
    if any(abs(a - b) <= NEAREST * size for k, a in enumerate(seen) for b in seen[:k]):
        raise _multiple(t)


def _dots(t: Gates, matrix: Array, vector: Array) -> list[Array]:
    return [arrays.total(t.builder, t.gate("mul", r, vector)) for r in matrix]


def _half_norm(t: Gates, *vectors: Array) -> Array:
    """Half of the sum of the squares, less half of the number of vectors."""
    total = arrays.total(t.builder, np.concatenate([t.gate("mul", v, v) for v in vectors]))
    return t.gate("div", t.gate("sub", total, len(vectors)), 2)


def symmetric(t: Gates, m: Array, numbers: Floats, vectors: Floats | None = None) -> tuple[Array, Array]:
    """Eigenvalues, the smallest first, and unit eigenvectors in columns, with the signs of these ones. An antisymmetric change of the matrix changes them as A v = w v says."""
    near, exact = np.linalg.eigh(numbers)
    are_apart(t, near)
    found = [_eigenpair(t, m, numbers, near[k], exact[:, k] * _sign(exact[:, k], vectors[:, k] if vectors is not None else exact[:, k])) for k in range(len(near))]
    return np.array([f[-1] for f in found]), np.stack([f[:-1] for f in found], axis=1)


def singular(t: Gates, m: Array, numbers: Floats, vectors: Floats | None = None) -> tuple[Array, Array, Array]:
    """U, the singular values, the largest first, and V', with the signs that these first vectors have."""
    left, near, right = np.linalg.svd(numbers, full_matrices=False)
    are_apart(t, near, zero=True)
    signs = [_sign(left[:, k], vectors[:, k]) if vectors is not None else 1.0 for k in range(len(near))]
    found = [_triplet(t, m, numbers, near[k], left[:, k] * signs[k], right[k] * signs[k]) for k in range(len(near))]
    rows = len(m)
    return np.stack([f[:rows] for f in found], axis=1), np.array([f[-1] for f in found]), np.stack([f[rows:-1] for f in found])


def _sign(exact: Floats, vector: Floats) -> float:
    return -1.0 if float(np.dot(exact, vector)) < 0 else 1.0


def _eigenpair(t: Gates, a: Array, numbers: Floats, value: float, vector: Floats) -> Array:
    """A unit vector and its eigenvalue: A v = w v, v'v = 1."""
    n = len(vector)

    def equations(y: Array) -> list[Array]:
        v, w = y[:n], y[n]
        return [*(t.gate("sub", d, t.gate("mul", w, c)) for d, c in zip(_dots(t, a, v), v, strict=True)), _half_norm(t, v)]

    jacobian = np.block([[numbers - value * np.eye(n), -vector[:, None]], [vector[None, :], np.zeros((1, 1))]])
    return refined(t, np.append(vector, value), equations, jacobian)


def _triplet(t: Gates, a: Array, numbers: Floats, value: float, left: Floats, right: Floats) -> Array:
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


def complex_pair(t: Gates, re: Array, im: Array, numbers: Any, value: complex, vector: Any) -> Array:
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
