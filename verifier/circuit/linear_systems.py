"""Words of `np.linalg`: determinants, inverses, solutions of linear systems by minors, Cholesky's factor, and what is sorted by minima and maxima.

Where a case is read no numbers are known by which a pivot could be chosen; minors need none. In floats they lose no more digits than
elimination for the few rows that stand in a case file, and their bits are not those of LAPACK.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array, ArrayError
from verifier.circuit.values import Known, Value, array, settled, whole
from verifier.circuit.words import NONE, axis_of, integer, word

if TYPE_CHECKING:
    from verifier.circuit.program import Builder

MOST_ROWS = 6  # of a matrix: there are up to 924 minors
MOST_SORTED = 16  # numbers of a row: minima and maxima of 120 pairs


@word("det")
def _det(b: Builder, a: Value) -> Value:
    return _each(array(b, a), lambda m: np.array(_Minors(b, m).determinant), "det")


@word("logdet")
def _logdet(b: Builder, a: Value) -> Value:
    return arrays.elementwise(b, "log", array(b, _det(b, a)))


@word("slogdet")
def _slogdet(b: Builder, a: Value) -> Value:
    found = array(b, _det(b, a))
    return settled(arrays.elementwise(b, "sign", found)), settled(arrays.elementwise(b, "log", arrays.elementwise(b, "abs", found)))


@word("inv", "inverse")
def _inv(b: Builder, a: Value) -> Value:
    return _inverses(b, array(b, a), "inv")


@word("solve", method=False)
def _solve(b: Builder, a: Value, other: Value) -> Value:
    return arrays.matmul(b, _inverses(b, array(b, a), "solve"), array(b, other), name="solve")


@word("solve_triangular", method=False)
def _solve_triangular(b: Builder, a: Value, other: Value, lower: Value = NONE, upper: Value | None = None, trans: Value = NONE, unit_diagonal: Value = NONE) -> Value:
    matrix, right = array(b, a), array(b, other)
    is_lower = not whole(b, upper) if upper is not None else bool(whole(b, lower))
    if trans is not NONE and not (isinstance(trans, Known) and trans.value in (0, "N")):
        matrix, is_lower = np.swapaxes(matrix, -1, -2), not is_lower
    _square(matrix, "solve_triangular")
    columns = right[:, None] if right.ndim == 1 else right
    if matrix.ndim != 2 or columns.ndim != 2:
        raise ArrayError("'solve_triangular' is for one matrix: write a loop over the stack")
    found = _substituted(b, matrix, columns, is_lower=is_lower, is_unit=bool(whole(b, unit_diagonal)))
    return found[:, 0] if right.ndim == 1 else found


@word("cholesky")
def _cholesky(b: Builder, a: Value, upper: Value = NONE) -> Value:
    found = _each(array(b, a), lambda m: _factor(b, m), "cholesky")
    return np.swapaxes(found, -1, -2) if whole(b, upper) else found


@word("sort", method=False)
def _sort(b: Builder, a: Value, axis: Value = Known(-1)) -> Value:  # noqa: B008
    x = array(b, a)
    along = axis_of(b, axis)
    rows = arrays.as_numbers(b, x.reshape(-1) if along is None else np.moveaxis(x, integer(b, axis, "an axis"), -1)).copy()
    n = rows.shape[-1] if rows.ndim else 0
    if not 0 < n <= MOST_SORTED:
        raise ArrayError(f"'sort' is for rows of 1 to {MOST_SORTED} numbers, not for an array of shape {x.shape}")
    for last in range(n - 1, 0, -1):
        for k in range(last):
            less, more = (arrays.elementwise(b, gate, rows[..., k], rows[..., k + 1]) for gate in ("minimum", "maximum"))
            rows[..., k], rows[..., k + 1] = less, more
    return rows if along is None else np.moveaxis(rows, -1, integer(b, axis, "an axis"))


@word("cross", method=False)
def _cross(b: Builder, a: Value, other: Value, axis: Value = Known(-1)) -> Value:  # noqa: B008
    along = integer(b, axis, "an axis")
    first, second = (np.moveaxis(array(b, v), along, -1) for v in (a, other))
    if first.shape[-1] != 3 or second.shape[-1] != 3:
        raise ArrayError(f"'cross' is for vectors of 3 numbers, not for arrays of shape {first.shape} and {second.shape}")
    parts = []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        parts.append(arrays.elementwise(b, "sub", arrays.elementwise(b, "mul", first[..., i], second[..., j]), arrays.elementwise(b, "mul", first[..., j], second[..., i])))
    return np.moveaxis(np.stack(parts, axis=-1), -1, along)


# ---------------------------------------------------------------- matrices


class _Minors:
    """The minors of a square matrix, each made once."""

    def __init__(self, b: Builder, matrix: Array) -> None:
        self.b, self.matrix = b, arrays.as_numbers(b, matrix)
        self.known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}

    @property
    def determinant(self) -> int:
        """The step of the determinant."""
        rows = tuple(range(len(self.matrix)))
        return self.of(rows, rows)

    def of(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> int:
        """The step of the determinant of these rows and columns, by its first row."""
        if len(rows) == 1:
            return int(self.matrix[rows[0], columns[0]])
        if (rows, columns) not in self.known:
            total = -1
            for k, column in enumerate(columns):
                term = self.b.append_here("mul", int(self.matrix[rows[0], column]), self.of(rows[1:], columns[:k] + columns[k + 1 :]))
                total = term if total < 0 else self.b.append_here("sub" if k % 2 else "add", total, term)
            self.known[rows, columns] = total
        return self.known[rows, columns]

    def inverse(self) -> Array:
        """The steps of the cofactors, transposed, over the determinant."""
        n = len(self.matrix)
        found = np.empty((n, n), dtype=np.int64)
        for i in range(n):
            for j in range(n):
                rows, columns = (tuple(k for k in range(n) if k != gone) for gone in (j, i))
                cofactor = self.of(rows, columns) if n > 1 else int(arrays.literal(self.b, "1"))
                found[i, j] = self.b.append_here("neg", cofactor) if (i + j) % 2 else cofactor
        return arrays.elementwise(self.b, "div", found, np.array(self.determinant))


def _square(matrix: Array, name: str) -> None:
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ArrayError(f"'{name}' needs a square matrix, not an array of shape {matrix.shape}")


def _each(stack: Array, function: Callable[[Array], Array], name: str) -> Array:
    """A function of a square matrix, for each of a stack of them."""
    _square(stack, name)
    if stack.shape[-1] > MOST_ROWS:
        raise ArrayError(f"'{name}' is for matrices of at most {MOST_ROWS} rows: a mistake shows in a small one as well")
    flat = stack.reshape((prod(stack.shape[:-2]), *stack.shape[-2:]))
    if not len(flat):
        raise ArrayError(f"'{name}' needs a matrix, not an empty stack of them")
    results = [function(m) for m in flat]
    return np.stack(results).reshape((*stack.shape[:-2], *results[0].shape))


def _inverses(b: Builder, stack: Array, name: str) -> Array:
    return _each(stack, lambda m: _Minors(b, m).inverse(), name)


def _substituted(b: Builder, matrix: Array, columns: Array, *, is_lower: bool, is_unit: bool) -> Array:
    """The solution of a triangular system, row by row."""
    n = len(matrix)
    found = arrays.as_numbers(b, columns).copy()
    for i in range(n) if is_lower else range(n - 1, -1, -1):
        for j in range(i) if is_lower else range(i + 1, n):
            found[i] = arrays.elementwise(b, "sub", found[i], arrays.elementwise(b, "mul", matrix[i, j : j + 1], found[j]))
        if not is_unit:
            found[i] = arrays.elementwise(b, "div", found[i], matrix[i, i : i + 1])
    return found


def _factor(b: Builder, matrix: Array) -> Array:
    """Cholesky's factor of the symmetric part of a matrix: its gradient is symmetric, as PyTorch, JAX and TensorFlow have it."""
    n = len(matrix)
    own = arrays.as_numbers(b, matrix)
    found = arrays.full((n, n), arrays.literal(b, "0"))
    half = arrays.literal(b, "2")
    for j in range(n):
        for i in range(j, n):
            upper, lower = int(own[j, i]), int(own[i, j])
            value = lower if upper == lower else b.append_here("div", b.append_here("add", lower, upper), half)
            for k in range(j):
                value = b.append_here("sub", value, b.append_here("mul", int(found[i, k]), int(found[j, k])))
            found[i, j] = b.append_here("sqrt", value) if i == j else b.append_here("div", value, int(found[j, j]))
    return found
