"""Rows of aten's decompositions that no finite algorithm gives, and of what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.complex_pairs import Pair
from verifier.trace.matrices import each, is_symmetric, least_squares, pseudoinverse, symmetric_here, symmetric_part, unit
from verifier.trace.newton import are_apart, complex_pair, near_this_point, singular, symmetric
from verifier.trace.record import Floats, Refusal
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import COMPLEX, ONE_TRIANGLE, Tracer, row

TERMS = 24  # of the exponential's series, of a matrix of norm 1/4 at most: the rest is below 1e-38


# ---------------------------------------------------------------- symmetric matrices


@row("_linalg_eigh")
def _eigh(t: Tracer, a: torch.Tensor, uplo: str = "L", compute_v: bool = True) -> list[Any]:
    values = floats_in(a)
    own = floats_in(t.out[1]) if compute_v and t.out[1].numel() else np.broadcast_to(np.eye(a.shape[-1]), values.shape)
    steps = t(a)
    if is_symmetric(t.builder.steps, steps) or not symmetric_here(t, steps, values, torch.finfo(a.dtype).eps):  # one triangle is read
        steps, values = _triangle(t, steps, values, is_lower=uplo.upper() == "L", name="eigh")
    else:  # torch's gradient is that of a matrix that stays symmetric
        steps = symmetric_part(t, steps)
    near_this_point(t, steps, values)

    eigenvalues, eigenvectors = each(lambda m, v, o: symmetric(t, m, v, o), steps, values, own)
    return [eigenvalues, eigenvectors if compute_v and t.out[1].numel() else None]


def _triangle(t: Tracer, steps: Array, values: Floats, *, is_lower: bool, name: str) -> tuple[Array, Floats]:
    """Symmetric matrices of which one triangle is read."""
    if not is_symmetric(t.builder.steps, steps):
        t.note(ONE_TRIANGLE.format(name))
    keep = np.tril(np.ones(values.shape[-2:], dtype=bool))
    keep = keep if is_lower else keep.T
    return np.where(keep, steps, np.swapaxes(steps, -1, -2)), np.where(keep, values, np.swapaxes(values, -1, -2))


# ---------------------------------------------------------------- singular values


@row("_linalg_svd")
def _svd(t: Tracer, a: torch.Tensor, full_matrices: bool = False, compute_uv: bool = True, driver: Any = None) -> list[Any]:
    del driver
    is_wide = compute_uv and t.out[0].numel() > 0
    if is_wide and full_matrices and a.shape[-1] != a.shape[-2]:
        raise Refusal("linalg.svd with full_matrices=True", t.recorder.place(), "use full_matrices=False: the further vectors have no derivative")
    values = floats_in(a)
    own = floats_in(t.out[0]) if is_wide else np.linalg.svd(values, full_matrices=False)[0]
    near_this_point(t, t(a), values)

    u, s, vh = each(lambda m, v, o: singular(t, m, v, o), t(a), values, own)
    return [u, s, vh] if is_wide else [None, s, None]


# ---------------------------------------------------------------- matrices that are not symmetric


@row("linalg_eig", "_linalg_eigvals", "linalg_eigvals", table=COMPLEX)
def _eig(t: Tracer, a: torch.Tensor) -> Any:
    both = t.pair(a)
    number = a.detach().resolve_conj().cpu().to(torch.complex128)
    only = isinstance(t.out, torch.Tensor)
    near_this_point(t, both.re, np.real(number.numpy()))
    near_this_point(t, both.im, np.imag(number.numpy()))
    near, vectors = (v.numpy() for v in torch.linalg.eig(number if a.dtype.is_complex else number.real))
    if not only:
        own_values, own = (v.detach().cpu().to(torch.complex128).numpy() for v in t.out)
    else:
        own_values, own = t.out.detach().cpu().to(torch.complex128).numpy(), vectors

    def pairs(re: Array, im: Array, numbers: Any, values: Any, columns: Any, wanted: Any, wanted_columns: Any) -> tuple[Array, Array, Array, Array]:
        are_apart(t, values.ravel())
        found = []
        for k, w in enumerate(wanted.ravel()):
            at = int(np.argmin(np.abs(values.ravel() - w)))  # in the order of torch's own run
            turn = np.vdot(columns[:, at], wanted_columns[:, k])
            found.append(complex_pair(t, re, im, numbers, values.ravel()[at], columns[:, at] * (turn / abs(turn) if turn else 1)))
        n = len(re)
        return (
            np.array([f[2 * n] for f in found])[:, None], np.array([f[2 * n + 1] for f in found])[:, None],
            np.stack([f[:n] for f in found], axis=1), np.stack([f[n : 2 * n] for f in found], axis=1),
        )  # fmt: skip

    wr, wi, vr, vi = each(pairs, both.re, both.im, number.numpy(), near[..., None], vectors, own_values[..., None], own)
    found = Pair(wr[..., 0], wi[..., 0])
    return found if only else [found, Pair(vr, vi)]


# ---------------------------------------------------------------- least squares, the pseudoinverse, the exponential


@row("linalg_pinv", "pinverse")
def _pinv(t: Tracer, a: torch.Tensor, *rest: Any, hermitian: bool = False, **_: Any) -> Array:
    steps, values = t(a), floats_in(a)
    hermitian = hermitian or rest[1:] == (True,)  # behind rcond
    if hermitian and (is_symmetric(t.builder.steps, steps) or not symmetric_here(t, steps, values, torch.finfo(a.dtype).eps)):
        steps, values = _triangle(t, steps, values, is_lower=True, name="pinv(hermitian=True)")
    elif hermitian:
        steps = symmetric_part(t, steps)
    return each(lambda m, v: pseudoinverse(t, m, v), steps, values)


@row("linalg_lstsq")
def _lstsq(t: Tracer, a: torch.Tensor, b: torch.Tensor, *_: Any, **__: Any) -> list[Any]:
    is_vector = t.out[0].ndim < a.ndim
    right = t(b)[..., None] if is_vector else t(b)
    residuals = t.out[1]

    def left_over(m: Array, r: Array, x: Array) -> Array:
        apart = t.gate("sub", arrays.matmul(t.builder, m, x), r)
        return arrays.total(t.builder, t.gate("square", apart), 0)[None, :]

    found = each(lambda m, v, r: least_squares(t, m, v, r), t(a), floats_in(a), right)
    rest = each(left_over, t(a), right, found)[..., 0, :].reshape(tuple(residuals.shape)) if residuals.numel() else None
    return [found[..., 0] if is_vector else found, rest, None, None]


@row("linalg_matrix_exp", "matrix_exp")
def _matrix_exp(t: Tracer, a: torch.Tensor) -> Array:
    """The series of A / 2**s, squared s times: of matrices whose columns are no larger than those of this one, but for a factor of less than two."""

    def exponential(m: Array, numbers: Floats) -> Array:
        size = float(np.abs(numbers).sum(axis=0).max()) if numbers.size else 0.0
        halvings = max(0, int(np.ceil(np.log2(size * 4)))) if size > 0.25 else 0
        for one in t.gate("le", arrays.total(t.builder, t.gate("abs", m), 0), 2.0**halvings / 4).tolist() if numbers.size else ():
            t.recorder.branch(one, holds=True)
        small = m if halvings == 0 else t.gate("div", m, 2**halvings)
        one = unit(t, len(m))
        found = t.gate("add", one, t.gate("div", small, TERMS))
        for k in range(TERMS - 1, 0, -1):  # Horner's scheme
            product = arrays.matmul(t.builder, small, found)
            found = t.gate("add", one, product if k == 1 else t.gate("div", product, k))
        for _ in range(halvings):
            found = arrays.matmul(t.builder, found, found)
        return found

    return each(exponential, t(a), floats_in(a))

