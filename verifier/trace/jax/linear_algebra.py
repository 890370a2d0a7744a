"""Decompositions of matrices by their algorithms, gate by gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Context, JaxArray, row

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

COMMUTATIVE = ("add", "mul")


def _dot(c: Context, left: list[int], right: list[int]) -> Array:
    return arrays.total(c.builder, c.apply("mul", np.array(left, dtype=np.int64), np.array(right, dtype=np.int64)))


@row("cholesky")
def _cholesky(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    """Cholesky's algorithm, row by row, on the lower half."""
    del eqn
    steps = c.steps(operands[0])
    if not _is_symmetric(c, steps):
        c.recorder.notes.append(
            f"{f'{place}: ' if (place := c.recorder.place()) is not None else ''}JAX's cholesky reads one triangle only of its matrix here (symmetrize_input=False, or jax.scipy.linalg): "
            "its gradient is right for changes that keep the matrix symmetric, not for a change of one entry alone; give it (a + a.T) / 2"
        )
    n = steps.shape[-1]
    found = steps.copy().reshape(-1, n, n)  # what stands above the diagonal stays
    for low, a in zip(found, steps.reshape(-1, n, n), strict=True):
        for i in range(n):
            for j in range(i + 1):
                value: Array = np.array(a[i, j])
                if j:
                    value = c.apply("sub", value, _dot(c, low[i, :j].tolist(), low[j, :j].tolist()))
                low[i, j] = int(c.apply("sqrt", value) if i == j else c.apply("div", value, np.array(low[j, j])))
    return found.reshape(steps.shape)


def _is_symmetric(c: Context, steps: Array) -> bool:
    """Whether a matrix is symmetric whatever its entries are: the same steps on both sides, or the same gate of the same operands."""

    def form(step: int, depth: int = 2) -> Any:
        found = c.builder.steps[step]
        if not found.args or not depth:
            return (step,)
        parts = [form(a, depth - 1) for a in found.args]
        return (found.gate, found.text, *(sorted(parts, key=repr) if found.gate in COMMUTATIVE else parts))

    pairs = zip(steps.ravel().tolist(), np.swapaxes(steps, -1, -2).ravel().tolist(), strict=True)
    return all(one == other or form(one) == form(other) for one, other in pairs)


@row("triangular_solve")
def _triangular_solve(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    """Substitution, one unknown after the other."""
    p = eqn.params
    a, b = (c.steps(v) for v in operands)
    lower = p["lower"]
    if p["transpose_a"]:
        a, lower = np.swapaxes(a, -1, -2), not lower
    if not p["left_side"]:  # X A = B is A' X' = B'
        a, b, lower = np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2), not lower
    n, width = b.shape[-2:]
    found = np.empty((b.size // max(1, n * width), n, width), dtype=np.int64)
    for x, matrix, right in zip(found, a.reshape(-1, n, n), b.reshape(-1, n, width), strict=True):
        order = range(n) if lower else range(n - 1, -1, -1)
        for i in order:
            before = list(range(i)) if lower else list(range(i + 1, n))
            for k in range(width):
                value: Array = np.array(right[i, k])
                if before:
                    value = c.apply("sub", value, _dot(c, matrix[i, before].tolist(), x[before, k].tolist()))
                x[i, k] = int(value if p["unit_diagonal"] else c.apply("div", value, np.array(matrix[i, i])))
    found = found.reshape(b.shape)
    return found if p["left_side"] else np.swapaxes(found, -1, -2)


@row("lu")
def _lu(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any]:
    """Elimination by columns; which rows change places is as at the point."""
    lu, pivots, permutation = eqn.primitive.bind(operands[0].array, **eqn.params)
    steps = c.steps(operands[0])
    rows, columns = steps.shape[-2:]
    found = steps.copy().reshape(-1, rows, columns)
    swaps = np.asarray(pivots).reshape(len(found), -1)
    for a, swapped in zip(found, swaps.tolist(), strict=True):
        for k, at in enumerate(swapped):
            a[[k, at]] = a[[at, k]]
            size = c.apply("abs", np.array(a[k, k])) if k + 1 < rows else None
            for i in range(k + 1, rows):
                assert size is not None
                if a[i, k] != a[k, k]:
                    c.recorder.branch(int(c.apply("ge", size, c.apply("abs", np.array(a[i, k])))), holds=True)
                a[i, k] = int(c.apply("div", np.array(a[i, k]), np.array(a[k, k])))
                if k + 1 < columns:
                    a[i, k + 1 :] = c.apply("sub", a[i, k + 1 :], c.apply("mul", np.array(a[i, k]), a[k, k + 1 :]))
    return [JaxArray(lu, found.reshape(steps.shape)), JaxArray(pivots), JaxArray(permutation)]
