"""Decompositions of matrices by their algorithms, gate by gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Context, JaxArray, in_double, row
from verifier.trace.matrices import Steps, balanced, each, is_symmetric, symmetric_here

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

BALANCED = (
    "JAX's cholesky reads one triangle of a matrix that is symmetric here (symmetrize_input=False, or jax.scipy.linalg), and its rule is the derivative of the factor L of a = L U whose U has the diagonal of L: "
    "the same function where a is symmetric, and so it is checked; of the gradients of a[i,j] and a[j,i] only their sum says what a change does that keeps the matrix symmetric"
)
ONE_TRIANGLE = (
    "JAX's {} reads one triangle only of a matrix that is not symmetric here (symmetrize_input=False, or jax.scipy.linalg): "
    "its gradient is right for changes that keep the matrix symmetric, not for a change of one entry alone; give it (a + a.T) / 2"
)


def _dot(c: Context, left: list[int], right: list[int]) -> Array:
    return arrays.total(c.builder, c.apply("mul", np.array(left, dtype=np.int64), np.array(right, dtype=np.int64)))


@row("cholesky")
def _cholesky(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    """Cholesky's algorithm, row by row, on the lower half; where a matrix is symmetric at the point alone, the function whose derivative JAX's rule is."""
    del eqn
    steps, array, work = c.steps(operands[0]), operands[0].array, Steps(c.recorder)
    place = c.recorder.place()
    at = f"{place}: " if place is not None else ""
    if not is_symmetric(c.builder.steps, steps):
        if symmetric_here(work, steps, in_double(array), float(jnp.finfo(array.dtype).eps)):
            c.recorder.notes.append(f"{at}{BALANCED}")
            return each(lambda m: np.where(np.tril(np.ones(m.shape, dtype=bool)), balanced(work, m), m), steps)  # type: ignore[no-any-return]
        c.recorder.notes.append(f"{at}{ONE_TRIANGLE.format('cholesky')}")
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
