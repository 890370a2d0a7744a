"""Rows of aten's linear algebra by the textbook's algorithms; pivots are those that torch chose at the point."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.matrices import (
    cholesky,
    determinant,
    each,
    eliminated,
    is_symmetric,
    lu_solved,
    orthonormal,
    substituted,
    symmetric_here,
    symmetric_part,
    unit,
)
from verifier.trace.newton import near_this_point
from verifier.trace.record import Refusal
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import ONE_TRIANGLE, Tracer, row


def _pivots(tensor: torch.Tensor) -> Any:
    """Pivots as a stack of columns, counted from 0."""
    return tensor.cpu().numpy()[..., None] - 1


def _as_factored(t: Tracer, a: torch.Tensor) -> Array:
    """The matrices whose factors torch keeps for a determinant: transposed where they stand row by row in memory, as LAPACK reads them."""
    return t(a).swapaxes(-1, -2) if a.is_contiguous() else t(a)


@row("_linalg_det")
def _det(t: Tracer, a: torch.Tensor) -> list[Any]:
    lu = each(lambda m, p: eliminated(t, m, p), _as_factored(t, a), _pivots(t.out[2]))

    def value(m: Array, p: Any) -> Array:
        found, sign = determinant(t, m, p)
        return found if sign > 0 else t.gate("neg", found)

    return [each(value, lu, _pivots(t.out[2])), lu, None]


@row("_linalg_slogdet")
def _slogdet(t: Tracer, a: torch.Tensor) -> list[Any]:
    pivots = _pivots(t.out[3])
    lu = each(lambda m, p: eliminated(t, m, p), _as_factored(t, a), pivots)
    logs = each(lambda m: arrays.total(t.builder, t.gate("log", t.gate("abs", np.diagonal(m)))), lu)
    signs = each(lambda m, p: t.gate("mul", determinant(t, t.gate("sign", m), p)[0], determinant(t, m, p)[1]), lu, pivots)
    return [signs, logs, lu, None]


@row("linalg_lu_factor_ex", "_lu_with_info")
def _lu_factor(t: Tracer, a: torch.Tensor, pivot: bool = True, **_: Any) -> list[Any]:
    del pivot
    return [each(lambda m, p: eliminated(t, m, p), t(a), _pivots(t.out[1])), None, None]


@row("linalg_lu")
def _plu(t: Tracer, a: torch.Tensor, pivot: bool = True) -> list[Any]:
    del pivot
    where = t.out[0].detach().cpu().numpy()

    def factors(m: Array, p: Any) -> tuple[Array, Array]:
        order = p.argmax(axis=0).tolist()  # P is given: a = P L U
        rows = m[order]
        found = eliminated(t, rows, np.arange(min(m.shape)))
        n = min(m.shape)
        one, zero = int(t(1)), int(t(0))
        lower = np.where(np.tril(np.ones(m.shape, dtype=bool), -1), found, zero)[:, :n]
        np.fill_diagonal(lower, one)
        return lower, np.where(np.triu(np.ones(m.shape, dtype=bool)), found, zero)[:n]

    lower, upper = each(factors, t(a), where)
    return [None, lower, upper]


@row("linalg_lu_solve")
def _lu_solve(t: Tracer, lu: torch.Tensor, pivots: torch.Tensor, b: torch.Tensor, left: bool = True, adjoint: bool = False) -> Array:
    right = t(b) if left else t(b).swapaxes(-1, -2)
    found = each(lambda m, p, v: lu_solved(t, m, p, v, adjoint=adjoint if left else not adjoint), t(lu), _pivots(pivots), right)
    return found if left else found.swapaxes(-1, -2)


@row("_linalg_solve_ex")
def _solve(t: Tracer, a: torch.Tensor, b: torch.Tensor, left: bool = True, check_errors: bool = False) -> list[Any]:
    del check_errors
    pivots = _pivots(t.out[2])
    lu = each(lambda m, p: eliminated(t, m, p), t(a), pivots)
    is_vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    right = t(b)[..., None] if is_vector else t(b)
    right = right if left or is_vector else right.swapaxes(-1, -2)
    if left:
        found = each(lambda m, p, v: lu_solved(t, m, p, v), lu, pivots, right)
    else:
        found = each(lambda m, p, v: lu_solved(t, m, p, v, adjoint=True), lu, pivots, right)
    found = found[..., 0] if is_vector else found if left else found.swapaxes(-1, -2)
    return [found, lu if t.out[1].shape == a.shape else None, None, None]


@row("linalg_inv_ex")
def _inverse(t: Tracer, a: torch.Tensor, check_errors: bool = False) -> list[Any]:
    del check_errors
    pivots = _pivots(torch.linalg.lu_factor(a.detach())[1])

    def inverse(m: Array, p: Any) -> Array:
        one = unit(t, len(m))
        return lu_solved(t, eliminated(t, m, p), p, one)

    return [each(inverse, t(a), pivots), None]


@row("linalg_cholesky_ex", "cholesky")
def _cholesky(t: Tracer, a: torch.Tensor, upper: bool = False, check_errors: bool = False) -> Any:
    del check_errors
    steps = t(a)
    if not is_symmetric(t.builder.steps, steps):
        if symmetric_here(t, steps, floats_in(a), torch.finfo(a.dtype).eps):
            steps = symmetric_part(t, steps)
            t.note("torch's cholesky reads one triangle of a matrix that is symmetric here: torch's gradient is that of the function of (a + a.mT) / 2, and so it is checked")
        else:
            t.note(ONE_TRIANGLE.format("cholesky"))
    found = each(lambda m: cholesky(t, m, upper=upper), steps)
    return found if isinstance(t.out, torch.Tensor) else [found, None]


@row("linalg_solve_triangular")
def _solve_triangular(t: Tracer, a: torch.Tensor, b: torch.Tensor, upper: bool, left: bool = True, unitriangular: bool = False) -> Array:
    if left:
        return each(lambda m, v: substituted(t, m, v, upper=upper, unit=unitriangular), t(a), t(b))
    found = each(lambda m, v: substituted(t, m.T, v.T, upper=not upper, unit=unitriangular), t(a), t(b))
    return found.swapaxes(-1, -2)


@row("triangular_solve")
def _triangular_solve(t: Tracer, b: torch.Tensor, a: torch.Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> list[Any]:
    matrix = t(a).swapaxes(-1, -2) if transpose else t(a)
    found = each(lambda m, v: substituted(t, m, v, upper=upper != transpose, unit=unitriangular), matrix, t(b))
    return [found, t(a)]


@row("cholesky_solve", "_cholesky_solve_helper")
def _cholesky_solve(t: Tracer, b: torch.Tensor, factor: torch.Tensor, upper: bool = False) -> Array:
    return each(lambda m, v: _with_factor(t, m, v, upper, factor), t(factor), t(b))


@row("cholesky_inverse")
def _cholesky_inverse(t: Tracer, factor: torch.Tensor, upper: bool = False) -> Array:
    return each(lambda m: _with_factor(t, m, unit(t, len(m)), upper, factor), t(factor))


def _with_factor(t: Tracer, m: Array, b: Array, upper: bool, factor: torch.Tensor) -> Array:
    """The solution of m m' x = b. One triangle of m is read; where the other one is 0, torch's gradient is that of the product of the whole matrix with its transpose."""
    lower = m.T if upper else m
    if bool(((factor.tril(-1) if upper else factor.triu(1)) == 0).all()):
        order = np.arange(len(m))
        factors = eliminated(t, lower, order)
        return lu_solved(t, factors, order, lu_solved(t, factors, order, b), adjoint=True)
    t.note(
        f"torch solves with the {'upper' if upper else 'lower'} triangle of a factor only, and its gradient is that of the whole matrix times its transpose: "
        f"right where the other triangle is 0, which it is not here; give it a.{'triu' if upper else 'tril'}()"
    )
    return substituted(t, lower.T, substituted(t, lower, b, upper=False, unit=False), upper=True, unit=False)


@row("lu_unpack")
def _unpack(t: Tracer, lu: torch.Tensor, pivots: torch.Tensor, *_: Any) -> list[Any]:
    del pivots
    steps = t(lu)
    one, zero = int(t(1)), int(t(0))
    n = min(steps.shape[-2:])
    if t.out[1].numel() == 0:
        return [None, None, None]
    below = np.tril(np.ones(steps.shape[-2:], dtype=bool), -1)
    lower = np.where(below, steps, zero)[..., :n].copy()
    lower[..., range(n), range(n)] = one
    return [None, lower, np.where(below, zero, steps)[..., :n, :]]


@row("linalg_qr")
def _qr(t: Tracer, a: torch.Tensor, mode: str = "reduced") -> list[Any]:
    if mode != "reduced" and not (mode == "complete" and a.shape[-1] >= a.shape[-2]):
        raise Refusal(f"linalg.qr with mode '{mode}'", t.recorder.place(), "use mode='reduced'")
    signs = np.sign(np.diagonal(t.out[1].detach().cpu().numpy(), axis1=-2, axis2=-1))[..., None]

    near_this_point(t, t(a), floats_in(a))  # the signs are those of this point
    return list(each(lambda m, sign: orthonormal(t, m, sign[:, 0].tolist()), t(a), signs))


@row("linalg_householder_product")
def _householder(t: Tracer, a: torch.Tensor, tau: torch.Tensor) -> Array:
    def product(m: Array, scales: Array) -> Array:
        rows, columns = m.shape
        found = unit(t, rows, columns)
        for k in range(scales.shape[0] - 1, -1, -1):
            v = np.concatenate([np.full(k, int(t(0))), np.full(1, int(t(1))), m[k + 1 :, k]])
            inner = arrays.matmul(t.builder, v, found)
            found = t.gate("sub", found, t.gate("mul", scales[k], t.gate("mul", v[:, None], inner[None, :])))
        return found

    return each(product, t(a), t(tau)[..., None])


@row("ormqr")
def _ormqr(t: Tracer, a: torch.Tensor, tau: torch.Tensor, other: torch.Tensor, left: bool = True, transpose: bool = False) -> Array:
    def product(m: Array, scales: Array, c: Array) -> Array:
        found = c if left else c.T
        count = scales.shape[0]
        order = range(count) if transpose == left else range(count - 1, -1, -1)
        for k in order:
            v = np.concatenate([np.full(k, int(t(0))), np.full(1, int(t(1))), m[k + 1 :, k]])
            inner = arrays.matmul(t.builder, v, found)
            found = t.gate("sub", found, t.gate("mul", scales[k], t.gate("mul", v[:, None], inner[None, :])))
        return found if left else found.T

    return each(product, t(a), t(tau)[..., None], t(other))
