"""The one edit of a line after which a gradient of the wrong shape has the right one and is exact: an axis, `keepdims`, a transpose; certified over the reals."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Sequence

from verifier.arithmetic import balls, reals
from verifier.blame.formula.adjoint_values import Reference, agrees
from verifier.blame.formula.array_repairs import needed_for, readable_names
from verifier.blame.formula.float_trials import set_by
from verifier.blame.formula.rerun import Rerun, statements_in
from verifier.case.case import Draft, Misshapen
from verifier.case.components import components
from verifier.language.formats import Format
from verifier.language.trees import span
from verifier.trace.edit_rows import EditRow, axes, exchanges, operators, superfluous, transposes
from verifier.trace.edits import changes

NEAR = 2.0**-20  # of the largest component: floats that are further off need no run over the reals
SECONDS = 1.0  # of the processor, for all edits of one gradient
OF_AXES: tuple[EditRow, ...] = (axes,)
OTHERS: tuple[EditRow, ...] = (transposes, superfluous, operators, exchanges)


def shape_edit(draft: Draft, m: Misshapen, points: Sequence[tuple[float, ...]], reference: Reference, rows: Sequence[EditRow], *, fmt: Format, upstream: float) -> str:
    """The mistake in words, where one edit of these kinds of a line that sets the gradient gives the exact one; empty where none does. `points` are those of the reference."""
    if draft.implementation.backward is None:
        return ""
    rerun = Rerun(draft, points, upstream)
    if not rerun.begin():
        return ""
    end = time.process_time() + SECONDS
    for number in reversed(range(len(rerun.units))):
        if m.gradient not in rerun.units[number].sets:
            continue
        for words, text in _tries(rerun, number, m.gradient, rows):
            if time.process_time() > end:
                return ""
            if rerun.run(number, {number: text}) and _is_exact(rerun, m, reference, fmt):
                return words
    return ""


def _tries(rerun: Rerun, number: int, gradient: str, rows: Sequence[EditRow]) -> Iterator[tuple[str, str]]:
    """The edits of the statements of a unit that set the gradient: the mistake in words, and the text of the unit after the edit."""
    unit, scope = rerun.units[number], readable_names(rerun, number)
    for tree in reversed(statements_in(unit)):
        if gradient not in set_by(tree):
            continue
        start, end = (k - unit.start for k in span(tree))
        before, after = (unit.text[:start], unit.text[end:]) if tree is not unit.tree else ("", "")
        for edit in changes(tree, scope, rows):
            yield edit.words, before + ast.unparse(edit.statement) + after


def _is_exact(rerun: Rerun, m: Misshapen, reference: Reference, fmt: Format) -> bool:
    """Whether the gradient has the shape of its input after the edit that was executed last, and is exact at all points."""
    held, program = rerun.holds(m.gradient), rerun.program()
    if held is None or held.shape != m.wanted:
        return False
    exact = [reference.adjoints[program.inputs.index(v)] for v in components(m.input, m.wanted)]
    if not _is_near([rerun.values[step] for step in held.steps], [[float(x.mid()) for x in column] for column in exact]):
        return False
    with balls.precision(reference.bits):
        known = {**dict(enumerate(reference.values)), rerun.seed: reference.upstream}
        values = reals.run(program, reference.values[: len(program.inputs)], rounded_in=fmt, replaced=known, needed=sorted({*range(len(reference.values)), *needed_for(program.steps, held.steps)}))
        return all(agrees(values[step], column, fmt) for step, column in zip(held.steps, exact, strict=True))


def _is_near(computed: Sequence[Sequence[float]], exact: Sequence[Sequence[float]]) -> bool:
    """Whether floats are near the exact values; also where there are values at some of the points only."""
    size = max((abs(x) for column in exact for x in column), default=0.0)
    pairs = [(c, x) for a, b in zip(computed, exact, strict=True) if len(a) == len(b) for c, x in zip(a, b, strict=True)]
    return all(abs(c - x) <= NEAR * size for c, x in pairs)
