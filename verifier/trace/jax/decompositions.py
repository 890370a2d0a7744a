"""The primitives of JAX that decompose matrices where no finite algorithm does, or where the factors' signs are free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Context, JaxArray, in_double, row
from verifier.trace.jax.linear_algebra import ONE_TRIANGLE
from verifier.trace.matrices import Steps, each, is_symmetric, orthonormal
from verifier.trace.newton import near_this_point, singular, symmetric

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn


@row("eigh")
def _eigh(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Array]:
    """Vectors and values; of a matrix that is not symmetric one triangle is read."""
    if eqn.params.get("subset_by_index") is not None or not eqn.params.get("sort_eigenvalues", True):
        raise c.refusal("eigh of a part of the eigenvalues, or unsorted")
    vectors, _ = eqn.primitive.bind(operands[0].array, **eqn.params)
    steps, numbers = c.steps(operands[0]), in_double(operands[0].array)
    if not np.array_equal(numbers, np.swapaxes(numbers, -1, -2)):
        kept = np.tril(np.ones(numbers.shape[-2:], dtype=bool))
        kept = kept if eqn.params["lower"] else kept.T
        steps, numbers = (np.where(kept, v, np.swapaxes(v, -1, -2)) for v in (steps, numbers))
        if not is_symmetric(c.builder.steps, c.steps(operands[0])):
            place = c.recorder.place()
            c.recorder.notes.append(f"{f'{place}: ' if place is not None else ''}{ONE_TRIANGLE.format('eigh')}")
    work = Steps(c.recorder)
    near_this_point(work, steps, numbers)
    values, found = each(lambda m, v, o: symmetric(work, m, v, o), steps, numbers, in_double(vectors))
    return [found, values]


@row("svd")
def _svd(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Array]:
    p = eqn.params
    computed = eqn.primitive.bind(operands[0].array, **p)
    steps, numbers = c.steps(operands[0]), in_double(operands[0].array)
    if p.get("subset_by_index") is not None or (p["compute_uv"] and p["full_matrices"] and numbers.shape[-1] != numbers.shape[-2]):
        raise c.refusal("svd with full_matrices=True, or of a part of the singular values")
    work = Steps(c.recorder)
    near_this_point(work, steps, numbers)
    own = in_double(computed[1]) if p["compute_uv"] else np.linalg.svd(numbers, full_matrices=False)[0]
    u, s, vh = each(lambda m, v, o: singular(work, m, v, o), steps, numbers, own)
    return [s, u, vh] if p["compute_uv"] else [s]


@row("qr")
def _qr(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Array]:
    p = eqn.params
    computed = eqn.primitive.bind(operands[0].array, **p)
    rows, columns = operands[0].array.shape[-2:]
    if p.get("pivoting") or (p["full_matrices"] and rows > columns):
        raise c.refusal("qr with pivoting or with more columns than the matrix has")
    work = Steps(c.recorder)
    near_this_point(work, c.steps(operands[0]), in_double(operands[0].array))  # the signs are those of this point
    signs = np.diagonal(in_double(computed[1]), axis1=-2, axis2=-1)[..., None]
    return list(each(lambda m, sign: orthonormal(work, m, sign[:, 0].tolist()), c.steps(operands[0]), signs))
