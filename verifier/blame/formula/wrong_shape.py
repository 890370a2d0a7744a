"""What turns a gradient of the wrong shape into the exact one: another axis in its line, a transpose, a sum over the axes of a broadcast, another shape; certified over the reals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, permutations
from typing import Any, TypeAlias

from verifier.arithmetic import balls, reals
from verifier.blame.formula.adjoint_values import Reference, agrees, reference_values
from verifier.blame.formula.array_repairs import needed_for
from verifier.blame.formula.shape_edits import OF_AXES, OTHERS, shape_edit
from verifier.case.case import Draft, Misshapen
from verifier.case.components import Shape, components
from verifier.circuit.program import Program
from verifier.language.formats import Format

MOST_STEPS = 100_000  # of a program that is run over the reals for this
MOST_AXES = 5

Objects: TypeAlias = Any  # an ndarray of balls
ShapeMove: TypeAlias = tuple[Callable[[Objects], Objects], str]  # what is done to an array, and that in words


def remedy(draft: Draft, m: Misshapen, points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> str:
    """What is wrong with a gradient but its shape, in words; empty where nothing is certain. `points` are some at which the formula must hold."""
    program = draft.whole
    if program is None or len(program.steps) > MOST_STEPS or max(len(m.shape), len(m.wanted)) > MOST_AXES:
        return ""
    held = [program.names.get(name) for name in components(m.gradient, m.shape)]
    variables = components(m.input, m.wanted)
    if None in held or not set(variables) <= set(program.inputs):
        return ""
    reference = reference_values(program, points, upstream=upstream)
    if reference.count < 2:
        return ""
    if words := shape_edit(draft, m, points, reference, OF_AXES, fmt=fmt, upstream=upstream):
        return words
    computed = _computed(program, reference, [step for step in held if step is not None], m.shape, fmt)
    exact = _arrays([reference.adjoints[program.inputs.index(v)] for v in variables], m.wanted, reference.count)
    with balls.precision(reference.bits):
        for move, words in _moves(m):
            if _are_equal([move(a) for a in computed], exact, fmt):
                return words
        for move, words in _lost(m):
            if _are_equal(computed, [move(a) for a in exact], fmt):
                return words
    return shape_edit(draft, m, points, reference, OTHERS, fmt=fmt, upstream=upstream)


def _computed(program: Program, reference: Reference, held: Sequence[int], shape: Shape, fmt: Format) -> list[Objects]:
    """A gradient at every point."""
    forward = dict(enumerate(reference.values))
    with balls.precision(reference.bits):
        flowing = {i: reference.upstream for i in range(program.backward_start, len(program.steps)) if program.steps[i].gate == "upstream"}
        values = reals.run(program, reference.values[: len(program.inputs)], rounded_in=fmt, replaced={**forward, **flowing}, needed=sorted({*forward, *needed_for(program.steps, held)}))
    return _arrays([values[step] for step in held], shape, reference.count)


def _arrays(columns: Sequence[Sequence[object]], shape: Shape, count: int) -> list[Objects]:
    import numpy as np

    found = []
    for k in range(count):
        array = np.empty(len(columns), dtype=object)
        for i, column in enumerate(columns):
            array[i] = column[k]
        found.append(array.reshape(shape))
    return found


def _are_equal(found: Sequence[Objects], exact: Sequence[Objects], fmt: Format) -> bool:
    import numpy as np

    if any(np.shape(f) != np.shape(x) for f, x in zip(found, exact, strict=True)):
        return False
    flat = [np.asarray(a, dtype=object).ravel().tolist() for a in (*found, *exact)]
    mine, theirs = flat[: len(found)], flat[len(found) :]
    return all(agrees(list(c), list(x), fmt) for c, x in zip(zip(*mine, strict=True), zip(*theirs, strict=True), strict=True))


def _moves(m: Misshapen) -> Iterator[ShapeMove]:
    """What may have to be done to the gradient, to get the shape of its input."""
    name, shape, wanted = m.gradient, m.shape, m.wanted
    if shape and len(shape) == len(wanted):
        for order in permutations(range(len(shape))):
            if tuple(shape[k] for k in order) == wanted and order != tuple(range(len(shape))):
                yield partial(_transposed, order=order), f"a transpose is missing: `{name}.T` is the exact gradient" if len(shape) == 2 else f"the axes are in another order: `{name}.transpose{order}` is the exact gradient"
    for axes in _axes(len(shape)):
        for keeps in (False, True):
            if _left(shape, axes, keeps=keeps) == wanted:
                written = f"axis={axes[0] if len(axes) == 1 else axes}" if len(axes) < len(shape) or keeps else ""
                call = f"{name}.sum({written}{', keepdims=True' if keeps else ''})"
                because = f", along which `{m.input}` is broadcast," if any(shape[k] > 1 for k in axes) else ""
                yield partial(_summed, axes=axes, keeps=keeps), f"the sum over {_named(axes)}{because} is missing: `{call}` is the exact gradient"
    if [k for k in shape if k > 1] == [k for k in wanted if k > 1] and shape and wanted:
        yield partial(_reshaped, shape=wanted), f"the values are exact: `{name}.reshape({m.input}.shape)` is the exact gradient"


def _lost(m: Misshapen) -> Iterator[ShapeMove]:
    """What may have been done to the exact gradient, so that it has another shape."""
    for axes in _axes(len(m.wanted)):
        for keeps in (False, True):
            if _left(m.wanted, axes, keeps=keeps) == m.shape:
                yield partial(_summed, axes=axes, keeps=keeps), f"it is the exact gradient summed over {_named(axes)} of `{m.input}` as well: leave that sum out"


def _transposed(array: Objects, order: tuple[int, ...]) -> Objects:
    return array.transpose(order)


def _summed(array: Objects, axes: tuple[int, ...], *, keeps: bool) -> Objects:
    return array.sum(axis=axes, keepdims=keeps)


def _reshaped(array: Objects, shape: Shape) -> Objects:
    return array.reshape(shape)


def _named(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {', '.join(map(str, axes[:-1]))} and {axes[-1]}"


def _axes(count: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, count + 1):
        yield from combinations(range(count), size)


def _left(shape: Shape, axes: tuple[int, ...], *, keeps: bool) -> Shape:
    """The shape of a sum."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape) if keeps or k not in axes)
