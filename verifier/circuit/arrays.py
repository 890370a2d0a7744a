"""What NumPy's functions mean for arrays of steps: from a Builder and ndarrays of step numbers to ndarrays of step numbers.

Whatever only moves elements (slices, transposes, reshapes) is NumPy's own and makes no step. Sums and products run left
to right in C order of the axes that go; products of matrices are dot products. Truth values are steps of comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from math import prod as product_of
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from verifier.circuit.program import Builder, Step
from verifier.language.gates import GATES

Array: TypeAlias = npt.NDArray[np.int64]
Axis: TypeAlias = int | tuple[int, ...] | None

MAX_ELEMENTS = 10_000_000
_BOOLEAN = frozenset(name for name, gate in GATES.items() if gate.boolean)
_UNSURE = _BOOLEAN | {"copy", "input"}  # steps that may be truth values
_SUBSCRIPTS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ArrayError(Exception):
    """Shapes that do not fit, or what an array of steps cannot do; the text says it all but the place."""


def literal(b: Builder, text: str) -> int:
    """The step of a number, which may be negative."""
    index = b.append_here("number", text=text.lstrip("-"))
    return b.append_here("neg", index) if text.startswith("-") else index


def full(shape: tuple[int, ...], step: int) -> Array:
    """An array every component of which is the same step. Raises ArrayError where it is too large."""
    if any(n < 0 for n in shape):
        raise ArrayError(f"the shape {shape} has a negative length")
    if product_of(shape) > MAX_ELEMENTS:
        raise ArrayError(f"an array of shape {shape} has more than {MAX_ELEMENTS} elements")
    return np.full(shape, step, dtype=np.int64)


def numbers(b: Builder, known: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Array:
    """Whole numbers (or truth values, as 1 and 0) that are known, as literal steps: one for each distinct value."""
    values, inverse = np.unique(known.astype(np.int64), return_inverse=True)
    steps = np.array([literal(b, str(v)) for v in values.tolist()], dtype=np.int64)
    return steps[inverse].reshape(known.shape)


# ---------------------------------------------------------------- elementwise


def broadcast(name: str, arrays: Sequence[Any]) -> list[Array]:
    """The arrays in their common shape. Raises ArrayError with all shapes."""
    first = arrays[0].shape
    if all(a.shape == first for a in arrays) and product_of(first) <= MAX_ELEMENTS:
        return list(arrays)
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = " and ".join(str(a.shape) for a in arrays)
        raise ArrayError(f"the shapes {shapes} do not fit together in '{name}': counted from the last axis, lengths must be equal or 1") from None
    if product_of(shape) > MAX_ELEMENTS:
        raise ArrayError(f"an array of shape {shape} has more than {MAX_ELEMENTS} elements")
    return [np.broadcast_to(a, shape) for a in arrays]


def elementwise(b: Builder, name: str, *operands: Array, shown: str = "") -> Array:
    """A gate of the table on every component, shapes broadcast; `shown` is how the case wrote it."""
    gate = GATES[name]
    if all(o.size == 1 and o.shape == operands[0].shape for o in operands) and not gate.conditions:
        return _one(b, name, operands)
    arrays = broadcast(shown or name, operands)
    b.reserve(arrays[0].size)
    columns = []
    for position, array in enumerate(arrays):
        small = as_truths(b, operands[position]) if position in gate.conditions else as_numbers(b, operands[position])
        columns.append((small if small.shape == array.shape else np.broadcast_to(small, array.shape)).ravel().tolist())
    steps = b.append_all(name, zip(*columns, strict=True), arrays[0].size)
    found = np.arange(steps.start, steps.stop, dtype=np.int64).reshape(arrays[0].shape)
    return found if all(a.flags.c_contiguous for a in operands) else _laid_out(found, operands)


def _one(b: Builder, name: str, operands: Sequence[Array]) -> Array:
    """A gate of numbers, on arrays of one component."""
    args = tuple([o.item() for o in operands])
    if not _UNSURE.isdisjoint([b.steps[i].gate for i in args]):
        args = tuple([as_numbers(b, o).item() for o in operands])
    return np.array(b.append_here(name, *args), dtype=np.int64).reshape(operands[0].shape)


def _laid_out(found: Array, operands: Sequence[Array]) -> Array:
    """A result in the memory order in which NumPy would leave it: whether a later `ravel` is a view depends on that."""
    like = operands[0]
    for other in operands[1:]:
        like = np.add(like, other)
    result = np.positive(like)
    result[...] = found
    return result


def truths(b: Builder, a: Array) -> Array | None:
    """Which components are truth values, as a mask; None where none is."""
    flat = a.ravel().tolist()
    steps = b.steps
    if a.size > len(steps):
        flat = np.unique(a).tolist()
        if not any(b.boolean(i) for i in flat):
            return None
        flat = a.ravel().tolist()
    if _UNSURE.isdisjoint({steps[i].gate for i in flat}):
        return None
    found = np.array([steps[i].gate in _UNSURE and b.boolean(i) for i in flat], dtype=bool)
    return found.reshape(a.shape) if found.any() else None


def as_numbers(b: Builder, a: Array) -> Array:
    """Truth values as 1 and 0; numbers as they are."""
    mask = truths(b, a)
    if mask is None:
        return a
    one, zero = literal(b, "1"), literal(b, "0")
    found = a.copy()
    steps = b.append_all("where", zip(a[mask].tolist(), repeat(one), repeat(zero)), int(mask.sum()))
    found[mask] = steps
    return found


def as_truths(b: Builder, a: Array) -> Array:
    """Numbers as the truth of `a != 0`; truth values as they are."""
    mask = truths(b, a)
    if mask is not None and mask.all():
        return a
    wanted = np.ones(a.shape, dtype=bool) if mask is None else ~mask
    zero = literal(b, "0")
    found = a.copy()
    found[wanted] = b.append_all("ne", zip(a[wanted].tolist(), repeat(zero)), int(wanted.sum()))
    return found


def choose(b: Builder, mask: Array | npt.NDArray[np.bool_], a: Array, other: Array) -> Array:
    """`where`: steps where the mask depends on inputs, a selection where it is known."""
    if mask.dtype == np.bool_:
        known, first, second = broadcast("where", [mask, as_numbers(b, a), as_numbers(b, other)])
        return np.where(known, first, second)
    return elementwise(b, "where", mask.astype(np.int64, copy=False), a, other)


# ---------------------------------------------------------------- reductions


def axes_of(a: Array, axis: Axis) -> tuple[int, ...]:
    """The axes that go, none negative. Raises ArrayError where there is no such axis."""
    given = tuple(range(a.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    for n in given:
        if not -a.ndim <= n < a.ndim:
            raise ArrayError(f"an array of shape {a.shape} has no axis {n}")
    found = tuple(n % a.ndim for n in given)
    if len(set(found)) < len(found):
        raise ArrayError(f"an axis is named twice in {given}")
    return found


def _rows(a: Array, axes: tuple[int, ...]) -> tuple[list[list[int]], tuple[int, ...]]:
    """For every component of the result the steps that are reduced, in C order; the shape of the result."""
    others = [n for n in range(a.ndim) if n not in axes]
    shape = tuple(a.shape[n] for n in others)
    length = product_of(a.shape[n] for n in sorted(axes))
    return a.transpose(*others, *sorted(axes)).reshape(product_of(shape), length).tolist(), shape


def fold(b: Builder, gate: str, a: Array, axis: Axis = None, *, keepdims: bool = False, empty: str | None = None) -> Array:
    """A gate of two operands over some axes, left to right; `empty` is the literal of an empty sum or product."""
    axes = axes_of(a, axis)
    rows, shape = _rows(as_numbers(b, a), axes)
    count = max(0, a.size - len(rows))
    b.reserve(count)
    line, start, end = b.place
    steps, found = b.steps, []
    for row in rows:
        if not row:
            if empty is None:
                raise ArrayError(f"an array of shape {a.shape} has no elements to reduce")
            found.append(literal(b, empty))
            continue
        total = row[0]
        for value in row[1:]:
            steps.append(Step(gate, (total, value), "", "", line, start, end))
            total = len(steps) - 1
        found.append(total)
    result = _shaped(np.array(found, dtype=np.int64).reshape(shape), axes, keepdims=keepdims)
    if result.ndim > 1 and not a.flags.c_contiguous:
        like: Array = np.sum(a, axis=axes, keepdims=keepdims)
        like[...] = result
        return like
    return result


def _shaped(a: Array, axes: tuple[int, ...], *, keepdims: bool) -> Array:
    return np.expand_dims(a, tuple(sorted(axes))) if keepdims else a


def total(b: Builder, a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """`np.sum`."""
    return fold(b, "add", a, axis, keepdims=keepdims, empty="0")


def mean(b: Builder, a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """`np.mean`: the sum, divided by the number of terms."""
    count = product_of(a.shape[n] for n in axes_of(a, axis))
    return elementwise(b, "div", total(b, a, axis, keepdims=keepdims), np.array(literal(b, str(count))))


def var(b: Builder, a: Array, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
    """`np.var`: the mean of the squared distances from the mean, over N - ddof."""
    count = product_of(a.shape[n] for n in axes_of(a, axis)) - ddof
    centred = elementwise(b, "sub", a, mean(b, a, axis, keepdims=True))
    return elementwise(b, "div", total(b, elementwise(b, "mul", centred, centred), axis, keepdims=keepdims), np.array(literal(b, str(count))))


def norm(b: Builder, a: Array, order: str | int | None = None, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """`np.linalg.norm` of vectors, and of matrices where it is that of their elements."""
    if order in (None, 2, "fro") and (order != 2 or axis is not None or a.ndim == 1):
        return elementwise(b, "sqrt", total(b, elementwise(b, "mul", a, a), axis, keepdims=keepdims))
    if order == 1 and (axis is not None or a.ndim == 1):
        return total(b, elementwise(b, "abs", a), axis, keepdims=keepdims)
    raise ArrayError("this norm is not part of the language; write it with sum, abs, max and sqrt")


def cumulative(b: Builder, gate: str, a: Array, axis: int | None = None) -> Array:
    """`np.cumsum` (gate `add`) and `np.cumprod` (gate `mul`)."""
    flat = a.reshape(-1) if axis is None else a
    (n,) = axes_of(flat, 0 if axis is None else axis)
    found = as_numbers(b, flat).copy()
    moved = np.moveaxis(found, n, 0)
    for k in range(1, len(moved)):
        moved[k] = elementwise(b, gate, moved[k - 1], moved[k])
    return found


def softmax(b: Builder, a: Array, axis: Axis = -1) -> Array:
    """exp(x - max(x)) over its sum."""
    powers = elementwise(b, "exp", elementwise(b, "sub", a, fold(b, "maximum", a, axis, keepdims=True)))
    return elementwise(b, "div", powers, total(b, powers, axis, keepdims=True))


def logsumexp(b: Builder, a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """max(x) + log(sum(exp(x - max(x))))."""
    most = fold(b, "maximum", a, axis, keepdims=True)
    logs = elementwise(b, "log", total(b, elementwise(b, "exp", elementwise(b, "sub", a, most)), axis, keepdims=keepdims))
    return elementwise(b, "add", logs, most.reshape(logs.shape))


def log_softmax(b: Builder, a: Array, axis: Axis = -1) -> Array:
    """x - max(x) - log(sum(exp(x - max(x))))."""
    shifted = elementwise(b, "sub", a, fold(b, "maximum", a, axis, keepdims=True))
    return elementwise(b, "sub", shifted, elementwise(b, "log", total(b, elementwise(b, "exp", shifted), axis, keepdims=True)))


# ---------------------------------------------------------------- products of matrices


def _dots(b: Builder, left: Sequence[Sequence[int]], right: Sequence[Sequence[int]], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The dot products of rows of both sides, each left to right."""
    line, start, end = b.place
    b.reserve(len(pairs) * max(1, 2 * (len(left[0]) if left else 0) - 1))
    steps, found = b.steps, []
    for i, j in pairs:
        total_ = -1
        for x, y in zip(left[i], right[j], strict=True):
            steps.append(Step("mul", (x, y), "", "", line, start, end))
            if total_ >= 0:
                steps.append(Step("add", (total_, len(steps) - 1), "", "", line, start, end))
            total_ = len(steps) - 1
        found.append(total_ if total_ >= 0 else literal(b, "0"))
    return found


def matmul(b: Builder, left: Array, right: Array, *, name: str = "@") -> Array:
    """`left @ right`, stacks of matrices broadcast."""
    if left.ndim == 0 or right.ndim == 0:
        raise ArrayError(f"'{name}' needs arrays on both sides; write '*' for a product with a number")
    first = left[None, :] if left.ndim == 1 else left
    second = right[:, None] if right.ndim == 1 else right
    if first.shape[-1] != second.shape[-2]:
        raise ArrayError(f"the shapes {left.shape} and {right.shape} do not fit in '{name}': {first.shape[-1]} columns meet {second.shape[-2]} rows")
    try:
        stack = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    except ValueError:
        raise ArrayError(f"the shapes {left.shape} and {right.shape} do not fit in '{name}': the stacks of matrices differ") from None
    n, m, inner = first.shape[-2], second.shape[-1], first.shape[-1]
    b.reserve(product_of((*stack, n, m, max(1, 2 * inner - 1))))
    first, second = as_numbers(b, first), as_numbers(b, second)
    count = product_of(stack)
    lefts = np.broadcast_to(first, (*stack, *first.shape[-2:])).reshape(count, n, inner)
    rights = np.broadcast_to(second, (*stack, *second.shape[-2:])).reshape(count, inner, m)
    pairs = [(i, j) for i in range(n) for j in range(m)]
    found = [_dots(b, x.tolist(), y.T.tolist(), pairs) for x, y in zip(lefts, rights, strict=True)]
    result = np.array(found, dtype=np.int64).reshape(*stack, n, m)
    if left.ndim == 1:
        result = result[..., 0, :]
    return result[..., 0] if right.ndim == 1 else result


def dot(b: Builder, left: Array, right: Array) -> Array:
    """`np.dot`: the last axis of the left with the last but one of the right."""
    if left.ndim == 0 or right.ndim == 0:
        return elementwise(b, "mul", left, right)
    if right.ndim <= 2 and left.ndim <= 2:
        return matmul(b, left, right, name="dot")
    return tensordot(b, left, right, ((left.ndim - 1,), (max(0, right.ndim - 2),)))


def tensordot(b: Builder, left: Array, right: Array, axes: int | tuple[tuple[int, ...], tuple[int, ...]] = 2) -> Array:
    """`np.tensordot`."""
    if isinstance(axes, int):
        axes = (tuple(range(left.ndim - axes, left.ndim)), tuple(range(axes)))
    first, second = axes_of(left, axes[0]), axes_of(right, axes[1])
    if [left.shape[n] for n in first] != [right.shape[n] for n in second]:
        raise ArrayError(f"the shapes {left.shape} and {right.shape} do not fit in 'tensordot' over the axes {axes}")
    of_left, of_right = [n for n in range(left.ndim) if n not in first], [n for n in range(right.ndim) if n not in second]
    inner = product_of(left.shape[n] for n in first)
    rows = left.transpose(*of_left, *first).reshape(-1, inner)
    columns = right.transpose(*second, *of_right).reshape(inner, -1)
    shape = (*(left.shape[n] for n in of_left), *(right.shape[n] for n in of_right))
    return matmul(b, rows, columns, name="tensordot").reshape(shape)


def einsum(b: Builder, subscripts: str, *operands: Array) -> Array:
    """`np.einsum`: products left to right, summed over the letters that go, in the order in which they are written."""
    inputs, arrow, output = "".join(subscripts.split()).partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ArrayError(f"einsum '{subscripts}' names {len(terms)} arrays, not {len(operands)}")
    spare = "".join(c for c in _SUBSCRIPTS if c not in inputs)
    widest = max((a.ndim - len(t.replace("...", "")) for t, a in zip(terms, operands, strict=True) if "..." in t), default=0)
    if widest > len(spare):
        raise ArrayError(f"einsum '{subscripts}' has too many axes")
    terms = [t.replace("...", spare[max(0, widest - a.ndim + len(t.replace("...", ""))) : widest]) for t, a in zip(terms, operands, strict=True)]
    if not arrow:
        output = ("..." if "..." in inputs else "") + "".join(sorted(c for c in set(inputs) - set(",.") if inputs.count(c) == 1))
    output = output.replace("...", spare[:widest])
    lengths: dict[str, int] = {}
    for term, array in zip(terms, operands, strict=True):
        if len(term) != array.ndim:
            raise ArrayError(f"einsum '{subscripts}': '{term}' does not fit an array of shape {array.shape}")
        for letter, length in zip(term, array.shape, strict=True):
            if lengths.setdefault(letter, length) not in (length, 1) and length != 1:
                raise ArrayError(f"einsum '{subscripts}': '{letter}' is {lengths[letter]} long in one array and {length} in another")
            lengths[letter] = max(lengths[letter], length) if length != 0 else 0
    if not set(output) <= set(lengths) or len(set(output)) < len(output):
        raise ArrayError(f"einsum '{subscripts}': the letters after '->' must stand once each, and before it")
    letters = [*output, *dict.fromkeys(c for term in terms for c in term if c not in output)]
    shape = tuple(lengths[c] for c in letters)
    b.reserve(product_of(shape) * max(1, len(operands)))
    spread = []
    for term, array in zip(terms, operands, strict=True):
        once = "".join(dict.fromkeys(term))
        view = np.einsum(array, [letters.index(c) for c in term], [letters.index(c) for c in once])  # a diagonal where a letter stands twice
        view = view.transpose(*(once.index(c) for c in letters if c in once))
        view = view.reshape(tuple(view.shape[[c for c in letters if c in once].index(c)] if c in once else 1 for c in letters))
        spread.append(np.broadcast_to(as_numbers(b, view), shape).reshape(product_of(shape[: len(output)]), -1))
    if len(spread) == 2:
        rows = range(len(spread[0]))
        found = np.array(_dots(b, spread[0].tolist(), spread[1].tolist(), [(i, i) for i in rows]), dtype=np.int64)
    else:
        terms_ = spread[0]
        for other in spread[1:]:
            terms_ = elementwise(b, "mul", terms_, other)
        found = total(b, terms_, 1)
    return found.reshape(shape[: len(output)])
