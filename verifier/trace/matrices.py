"""What is done to matrices of steps by finite algorithms: elimination, substitution, Cholesky's and Gram and Schmidt's ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.circuit.program import Step
from verifier.trace.record import Floats, Refusal
from verifier.trace.recorder import Recorder

COMMUTATIVE = frozenset(("add", "mul"))


class Gates(Protocol):
    """Who makes steps: a tracer, or `Steps` on its own."""

    @property
    def recorder(self) -> Recorder:
        """What records the steps."""

    @property
    def builder(self) -> Any:
        """The Builder of the steps."""

    def __call__(self, value: Any) -> Array:
        """The steps of a number or of an array."""

    def gate(self, name: str, *operands: Any) -> Array:
        """A gate of the table on every component, shapes broadcast."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Makes steps with a recorder; arrays are steps already."""

    recorder: Recorder

    @property
    def builder(self) -> Any:
        """The Builder of the steps."""
        return self.recorder.builder

    def __call__(self, value: Any) -> Array:
        """The steps of a number or of an array."""
        if isinstance(value, np.ndarray | np.integer):
            return np.asarray(value)
        if isinstance(value, int):
            return np.array(arrays.literal(self.builder, str(int(value))), dtype=np.int64)
        return np.array(self.recorder.number(float(value)), dtype=np.int64)

    def gate(self, name: str, *operands: Any) -> Array:
        """A gate of the table on every component, shapes broadcast."""
        return arrays.elementwise(self.builder, name, *(self(o) for o in operands))


def each(function: Callable[..., Any], *stacks: Any) -> Any:
    """A function of matrices, for every matrix of the stacks (broadcast); its results stacked again."""
    shape = np.broadcast_shapes(*(s.shape[:-2] for s in stacks))
    spread = [np.broadcast_to(s, (*shape, *s.shape[-2:])).reshape((prod(shape), *s.shape[-2:])) for s in stacks]
    results = [function(*parts) for parts in zip(*spread, strict=True)]
    if not results:
        raise Refusal("a stack that contains no matrix", None, "leave it out")
    if isinstance(results[0], tuple):
        return tuple(np.stack(r).reshape((*shape, *np.shape(r[0]))) for r in zip(*results, strict=True))
    return np.stack(results).reshape((*shape, *np.shape(results[0])))


def unit(t: Gates, rows: int, columns: int | None = None) -> Array:
    """The unit matrix."""
    return t.recorder.constants(np.eye(rows, columns, dtype=np.int64))


def permutation(pivots: Any, n: int) -> list[int]:
    """The order of n rows after the swaps of the pivots, counted from 0."""
    order = list(range(n))
    for k, other in enumerate(np.ravel(pivots).tolist()):
        order[k], order[other] = order[other], order[k]
    return order


def pivots_of(numbers: Floats) -> Any:
    """The pivots, counted from 0, that elimination with the largest of each column chooses for these numbers."""
    left = np.array(numbers, dtype=np.float64)
    found = []
    for k in range(min(left.shape)):
        at = k + int(np.argmax(np.abs(left[k:, k])))
        left[[k, at]] = left[[at, k]]
        found.append(at)
        if left[k, k]:
            left[k + 1 :] -= left[k + 1 :, k : k + 1] / left[k, k] * left[k]
    return np.array(found)


def eliminated(t: Gates, a: Array, pivots: Any) -> Array:
    """The factors of a matrix in one: below the diagonal L, on and above it U. Of a matrix for which another pivot is much larger the kernel computes them in another order."""
    found = a[permutation(pivots, len(a))].copy()
    for k in range(min(a.shape)):
        if k + 1 < len(found):
            t.recorder.pivots.append(tuple(found[k:, k].tolist()))
            found[k + 1 :, k] = t.gate("div", found[k + 1 :, k], found[k, k : k + 1])
            if k + 1 < found.shape[1]:
                found[k + 1 :, k + 1 :] = t.gate("sub", found[k + 1 :, k + 1 :], t.gate("mul", found[k + 1 :, k : k + 1], found[k : k + 1, k + 1 :]))
    return found


def substituted(t: Gates, a: Array, b: Array, *, upper: bool, unit: bool) -> Array:
    """The solution of a x = b for a triangular matrix."""
    n = len(a)
    found = b.copy()
    for i in range(n - 1, -1, -1) if upper else range(n):
        rest = range(i + 1, n) if upper else range(i)
        value = found[i]
        for j in rest:
            value = t.gate("sub", value, t.gate("mul", a[i, j : j + 1], found[j]))
        found[i] = value if unit else t.gate("div", value, a[i, i : i + 1])
    return found


def lu_solved(t: Gates, lu: Array, pivots: Any, b: Array, *, adjoint: bool = False) -> Array:
    """The solution of a x = b, or of a' x = b, from the factors of a."""
    order = permutation(pivots, len(lu))
    if adjoint:
        inner = substituted(t, lu.T, b, upper=False, unit=False)
        inner = substituted(t, lu.T, inner, upper=True, unit=True)
        found = np.empty_like(inner)
        found[order] = inner
        return found
    inner = substituted(t, lu, b[order], upper=False, unit=True)
    return substituted(t, lu, inner, upper=True, unit=False)


def solved_by(t: Gates, a: Array, numbers: Floats, b: Array) -> Array:
    """The solution of a x = b by elimination, with the pivots that these numbers of `a` ask for."""
    pivots = pivots_of(numbers)
    return lu_solved(t, eliminated(t, a, pivots), pivots, b)


def determinant(t: Gates, lu: Array, pivots: Any) -> tuple[Array, int]:
    """The product of the diagonal, and the sign of the permutation."""
    return arrays.fold(t.builder, "mul", np.diagonal(lu), 0, empty="1"), turn(pivots)


def turn(pivots: Any) -> int:
    """The sign of the permutation that these swaps make."""
    return -1 if sum(int(p) != k for k, p in enumerate(np.ravel(pivots).tolist())) % 2 else 1


def symmetric_here(t: Gates, steps: Array, values: Floats, rounding: float) -> bool:
    """Whether matrices are symmetric at this point, those that are computed but for their `rounding`, the distance of 1 from the next number; the program then holds where they are."""
    other, flipped = np.swapaxes(steps, -1, -2), np.swapaxes(values, -1, -2)
    upper = np.broadcast_to(np.triu(np.ones(steps.shape[-2:], dtype=bool), 1), steps.shape)
    given = {int(i) for found in t.recorder.inputs.values() for i in found.ravel()}
    limit = 0.0
    if given.isdisjoint(steps[upper].tolist()):
        limit = 2.0 ** np.ceil(np.log2(np.abs(values).max(initial=2.0**-1000))) * rounding * steps.shape[-1]
    if not (np.abs(values - flipped) <= limit).all():
        return False
    same = t.gate("le", t.gate("abs", t.gate("sub", steps[upper], other[upper])), limit) if limit else t.gate("eq", steps[upper], other[upper])
    for one in np.unique(same).tolist():
        t.recorder.branch(one, holds=True)
    return True


def symmetric_part(t: Gates, steps: Array) -> Array:
    """Half of the sum of matrices and their transposes; each pair of entries is one step."""
    upper = np.broadcast_to(np.triu(np.ones(steps.shape[-2:], dtype=bool), 1), steps.shape)
    means = t.gate("div", t.gate("add", steps[upper], np.swapaxes(steps, -1, -2)[upper]), 2)
    found = steps.copy()
    found[upper] = means
    np.swapaxes(found, -1, -2)[upper] = means
    return found


def is_symmetric(made: Sequence[Step], steps: Array) -> bool:
    """Whether matrices are symmetric whatever the inputs are: both sides are the same steps, or the same gates of the same operands in another order."""
    pairs = [(a, b) for a, b in zip(steps.ravel().tolist(), np.swapaxes(steps, -1, -2).ravel().tolist(), strict=True) if a < b]
    if not pairs:
        return True
    forms: dict[Any, int] = {}
    form: list[int] = []
    for k, one in enumerate(made[: max(b for _, b in pairs) + 1]):
        args = [form[a] for a in one.args]
        key = (k,) if one.gate in ("input", "upstream") else (one.gate, one.text, *(sorted(args) if one.gate in COMMUTATIVE else args))
        form.append(forms.setdefault(key, k))
    return all(form[a] == form[b] for a, b in pairs)


def cholesky(t: Gates, m: Array, *, upper: bool = False) -> Array:
    """Cholesky's factor of a symmetric matrix, of which one triangle is read."""
    n, zero = len(m), int(t(0))
    found = np.full((n, n), zero, dtype=np.int64)
    for j in range(n):
        for i in range(j, n):
            value = np.array(m[j, i] if upper else m[i, j])
            for k in range(j):
                value = t.gate("sub", value, t.gate("mul", np.array(found[i, k]), np.array(found[j, k])))
            found[i, j] = int(t.gate("sqrt", value)) if i == j else int(t.gate("div", value, np.array(found[j, j])))
    return found.T if upper else found


def balanced(t: Gates, m: Array) -> Array:
    """The factor L of m = L U where U has the diagonal of L: Cholesky's factor where the matrix is symmetric."""
    factors = eliminated(t, m, np.arange(len(m)))
    roots = t.gate("sqrt", np.diagonal(factors))
    found = np.full(m.shape, int(t(0)), dtype=np.int64)
    below = np.tril(np.ones(m.shape, dtype=bool), -1)
    if below.any():
        found[below] = t.gate("mul", factors, roots[None, :])[below]
    np.fill_diagonal(found, roots)
    return found


def orthonormal(t: Gates, m: Array, signs: Sequence[float]) -> tuple[Array, Array]:
    """Q and R by Gram and Schmidt's way, with these signs of R's diagonal: the factors are unique but for them."""
    rows, columns = m.shape
    count, zero = min(rows, columns), int(t(0))
    q, r = np.full((rows, count), zero, dtype=np.int64), np.full((count, columns), zero, dtype=np.int64)
    for j in range(columns):
        rest = m[:, j]
        for i in range(min(j, count)):
            r[i, j] = int(arrays.total(t.builder, t.gate("mul", q[:, i], m[:, j])))
            rest = t.gate("sub", rest, t.gate("mul", np.array([r[i, j]]), q[:, i]))
        if j < count:
            size = t.gate("sqrt", arrays.total(t.builder, t.gate("square", rest)))
            size = size if signs[j] >= 0 else t.gate("neg", size)
            r[j, j] = int(size)
            q[:, j] = t.gate("div", rest, size.reshape(1))
    return q, r


def pseudoinverse(t: Gates, a: Array, numbers: Floats) -> Array:
    """Of a matrix of full rank, by its normal equations."""
    full_rank(t, numbers)
    if a.shape[0] == a.shape[1]:
        return solved_by(t, a, numbers, unit(t, len(a)))
    tall, values = (a, numbers) if a.shape[0] > a.shape[1] else (a.T, numbers.T)
    found = solved_by(t, arrays.matmul(t.builder, tall.T, tall), values.T @ values, tall.T)
    return found if a.shape[0] > a.shape[1] else found.T


def least_squares(t: Gates, m: Array, numbers: Floats, b: Array) -> Array:
    """The x of least norm for which |m x - b| is least, for a matrix of full rank."""
    full_rank(t, numbers)
    if m.shape[0] < m.shape[1]:
        return arrays.matmul(t.builder, m.T, solved_by(t, arrays.matmul(t.builder, m, m.T), numbers @ numbers.T, b))
    return solved_by(t, arrays.matmul(t.builder, m.T, m), numbers.T @ numbers, arrays.matmul(t.builder, m.T, b))


def full_rank(t: Gates, numbers: Floats) -> None:
    """Refuse a matrix that has not its full rank."""
    if np.linalg.matrix_rank(numbers) < min(numbers.shape):
        raise Refusal("a least squares problem whose matrix does not have full rank", t.recorder.place(), "check it at a point where it has")
