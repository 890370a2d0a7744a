"""np.linalg on traced arrays: each row says by which algorithm a function is had; its value is NumPy's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.matrices import (
    Steps,
    cholesky,
    determinant,
    each,
    eliminated,
    is_symmetric,
    least_squares,
    orthonormal,
    pivots_of,
    pseudoinverse,
    solved_by,
    symmetric_here,
    symmetric_part,
    turn,
    unit,
)
from verifier.trace.newton import near_this_point, singular, symmetric
from verifier.trace.numpy import ADVICE, FUNCTIONS, Traced, frozen, lift, wrap
from verifier.trace.record import Floats, Refusal
from verifier.trace.recorder import Recorder


def _row(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def put(work: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[function] = work
        return work

    return put


def _matrices(r: Recorder, a: Any) -> tuple[Steps, Array, Floats, Any]:
    """Who makes steps; the steps, the numbers and NumPy's own array of matrices."""
    part = lift(r, a)
    return Steps(r), arrays.as_numbers(r.builder, part.steps), np.asarray(part.value, dtype=np.float64), part.value


def _as_meant(r: Recorder, t: Steps, steps: Array, numbers: Floats, function: Any) -> Array:
    """The symmetric part of matrices of which one triangle is read, where they are symmetric at this point and the backward pass gives symmetric gradients: these are right for changes that keep them so."""
    if not r.has_symmetric_gradients or is_symmetric(t.builder.steps, steps) or not symmetric_here(t, steps, numbers, np.finfo(np.float64).eps):
        return steps
    r.notes.append(f"np.linalg.{function.__name__} reads one triangle of a matrix that is symmetric here, as its gradient is: that is checked as the gradient of the function of (a + a.T) / 2")
    return symmetric_part(t, steps)


def _stacked(array: Any) -> Any:
    """Numbers or vectors, one for each matrix, as matrices of one column."""
    return np.asarray(array)[..., None]


@_row(np.linalg.det)
def _det(r: Recorder, a: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)

    def one(m: Array, v: Floats) -> Array:
        pivots = pivots_of(v)
        found, sign = determinant(t, eliminated(t, m, pivots), pivots)
        return found if sign > 0 else t.gate("neg", found)

    return wrap(r, each(one, steps, numbers), np.linalg.det(value), "np.linalg.det")


@_row(np.linalg.slogdet)
def _slogdet(r: Recorder, a: Any) -> Any:
    t, steps, numbers, value = _matrices(r, a)
    sign, size = np.linalg.slogdet(value)

    def one(m: Array, v: Floats) -> tuple[Array, Array]:
        pivots = pivots_of(v)
        diagonal = np.diagonal(eliminated(t, m, pivots))
        found = arrays.fold(t.builder, "mul", t.gate("sign", diagonal), 0, empty="1")
        return (found if turn(pivots) > 0 else t.gate("neg", found)), arrays.total(t.builder, t.gate("log", t.gate("abs", diagonal)))

    signs, logs = each(one, steps, numbers)
    kind: Any = type(np.linalg.slogdet(np.eye(1)))
    return kind(wrap(r, signs, sign, "np.linalg.slogdet"), wrap(r, logs, size, "np.linalg.slogdet"))


@_row(np.linalg.inv)
def _inv(r: Recorder, a: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)
    return wrap(r, each(lambda m, v: solved_by(t, m, v, unit(t, len(m))), steps, numbers), np.linalg.inv(value), "np.linalg.inv")


@_row(np.linalg.solve)
def _solve(r: Recorder, a: Any, b: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)
    right = lift(r, b)
    own = arrays.as_numbers(r.builder, right.steps)
    is_vector = own.ndim == 1
    found = each(lambda m, v, x: solved_by(t, m, v, x), steps, numbers, _stacked(own) if is_vector else own)
    return wrap(r, found[..., 0] if is_vector else found, np.linalg.solve(value, right.value), "np.linalg.solve")


@_row(np.linalg.cholesky)
def _cholesky(r: Recorder, a: Any, **keywords: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)
    steps = _as_meant(r, t, steps, numbers, np.linalg.cholesky)
    upper = bool(keywords.get("upper", False))
    return wrap(r, each(lambda m: cholesky(t, m, upper=upper), steps), np.linalg.cholesky(value, **keywords), "np.linalg.cholesky")


@_row(np.linalg.qr)
def _qr(r: Recorder, a: Any, mode: str = "reduced") -> Any:
    t, steps, numbers, value = _matrices(r, a)
    rows, columns = steps.shape[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and columns >= rows):
        raise Refusal(f"np.linalg.qr with mode '{mode}'", r.place(), ADVICE, r.forward())
    q, upper = np.linalg.qr(value)
    near_this_point(t, steps, numbers)  # the signs are those of this point
    signs = _stacked(np.diagonal(np.asarray(upper, dtype=np.float64), axis1=-2, axis2=-1))
    found = each(lambda m, sign: orthonormal(t, m, sign[:, 0].tolist()), steps, signs)
    parts = [wrap(r, s, v, "np.linalg.qr") for s, v in zip(found, (q, upper), strict=True)]
    kind: Any = type(np.linalg.qr(np.eye(1)))
    return parts[1] if mode == "r" else kind(*parts)


@_row(np.linalg.eigh)
def _eigh(r: Recorder, a: Any, UPLO: Any = "L") -> Any:
    values, vectors = np.linalg.eigh(lift(r, a).value, UPLO)
    found = _symmetric(r, a, UPLO, np.asarray(vectors, dtype=np.float64))
    kind: Any = type(np.linalg.eigh(np.eye(1)))
    return kind(*(wrap(r, s, v, "np.linalg.eigh") for s, v in zip(found, (values, vectors), strict=True)))


@_row(np.linalg.eigvalsh)
def _eigvalsh(r: Recorder, a: Any, UPLO: Any = "L") -> Traced:
    value = lift(r, a).value
    return wrap(r, _symmetric(r, a, UPLO, np.linalg.eigh(np.asarray(value, dtype=np.float64), UPLO)[1])[0], np.linalg.eigvalsh(value, UPLO), "np.linalg.eigvalsh")


def _symmetric(r: Recorder, a: Any, triangle: Any, vectors: Floats) -> Any:
    """Values and vectors of symmetric matrices, of which one triangle is read."""
    t, steps, numbers, _ = _matrices(r, a)
    steps = _as_meant(r, t, steps, numbers, np.linalg.eigh)
    kept = np.tril(np.ones(numbers.shape[-2:], dtype=bool))
    kept = kept if triangle.upper() == "L" else kept.T
    steps, numbers = (np.where(kept, v, np.swapaxes(v, -1, -2)) for v in (steps, numbers))
    near_this_point(t, steps, numbers)
    return each(lambda m, v, o: symmetric(t, m, v, o), steps, numbers, vectors)


@_row(np.linalg.svd)
def _svd(r: Recorder, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    t, steps, numbers, value = _matrices(r, a)
    if hermitian or (compute_uv and full_matrices and steps.shape[-1] != steps.shape[-2]):
        raise Refusal("np.linalg.svd with full_matrices=True", r.place(), "give it full_matrices=False: the further vectors have no derivative", r.forward())
    near_this_point(t, steps, numbers)
    own = np.linalg.svd(value, full_matrices=False)
    found = each(lambda m, v, o: singular(t, m, v, o), steps, numbers, np.asarray(own[0], dtype=np.float64))
    if not compute_uv:
        return wrap(r, found[1], np.linalg.svd(value, compute_uv=False), "np.linalg.svd")
    kind: Any = type(own)
    return kind(*(wrap(r, s, v, "np.linalg.svd") for s, v in zip(found, own, strict=True)))


@_row(np.linalg.pinv)
def _pinv(r: Recorder, a: Any, *_: Any, **__: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)
    return wrap(r, each(lambda m, v: pseudoinverse(t, m, v), steps, numbers), np.linalg.pinv(value), "np.linalg.pinv")


@_row(np.linalg.lstsq)
def _lstsq(r: Recorder, a: Any, b: Any, rcond: Any = None) -> Any:
    t, steps, numbers, value = _matrices(r, a)
    right = lift(r, b)
    own = arrays.as_numbers(r.builder, right.steps)
    is_vector = own.ndim == 1
    computed = np.linalg.lstsq(value, right.value, rcond)
    columns = own[:, None] if is_vector else own
    found = least_squares(t, steps, numbers, columns)
    rest: Any = computed[1]
    if computed[1].size:
        apart = t.gate("sub", arrays.matmul(t.builder, steps, found), columns)
        rest = wrap(r, arrays.total(t.builder, t.gate("square", apart), 0), computed[1], "np.linalg.lstsq")
    return wrap(r, found[:, 0] if is_vector else found, computed[0], "np.linalg.lstsq"), rest, computed[2], computed[3]


@_row(np.linalg.matrix_power)
def _matrix_power(r: Recorder, a: Any, n: Any) -> Traced:
    t, steps, numbers, value = _matrices(r, a)
    count = int(frozen(n) if isinstance(n, Traced) else n)
    base = steps if count >= 0 else each(lambda m, v: solved_by(t, m, v, unit(t, len(m))), steps, numbers)
    found = base if count else each(lambda m: unit(t, len(m)), base)
    for _ in range(abs(count) - 1):
        found = arrays.matmul(t.builder, found, base)
    return wrap(r, found, np.linalg.matrix_power(value, count), "np.linalg.matrix_power")


@_row(np.linalg.multi_dot)
def _multi_dot(r: Recorder, parts: Any, **_: Any) -> Traced:
    given = [lift(r, p) for p in parts]
    found = arrays.as_numbers(r.builder, given[0].steps)
    for other in given[1:]:
        found = arrays.matmul(r.builder, found, arrays.as_numbers(r.builder, other.steps))
    return wrap(r, found, np.linalg.multi_dot([p.value for p in given]), "np.linalg.multi_dot")
