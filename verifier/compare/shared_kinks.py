"""Gradients at a kink that several inputs share: each of them may lie between its own one-sided derivatives while together they are no subgradient.

At x = y both one-sided derivatives of max(x, y) along x are 0 and 1, and so are those along y; where both inputs grow alike there is one slope, 1. So 1 for each
of them is too much, and 0 for each too little. Clarke's subgradients are means of the gradients that the branches of a kink have (Optimization and Nonsmooth
Analysis, 1983, theorem 2.5.1), so what they have in a direction lies in an interval, which one pass of tangents encloses: a tangent is a ball, and where a branch is not decided
one that holds the tangents of both.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb

from verifier.arithmetic import balls, reals, rounding
from verifier.arithmetic.types import NAN, ZERO, Ball, RealValue
from verifier.circuit.program import SHIFT, Program, Step
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import marks, one_sided
from verifier.exact.derivatives import STEPS, TRUTHS, local_gradient
from verifier.language.verdict import Verdict

BITS = 256
MOST_WORK = 400_000  # steps times groups of inputs
EXTREMES = frozenset(("max", "min"))


@dataclass(frozen=True)
class Apart:
    """Gradients at a kink that are no subgradient together: their discrepancies, what they add up to over the reals, and the slopes that the function has where their inputs grow alike."""

    found: tuple[Discrepancy, ...]
    computed: Ball
    slopes: Ball


def apart(check: Check, row: Sequence[Discrepancy]) -> list[Apart]:
    """The groups of such gradients among those of a point."""
    at = {position: d for position, d in zip(check.positions, row, strict=True) if d.verdict is Verdict.SUBGRADIENT and isinstance(d.exact, one_sided.Kink) and d.real_value is not None}
    if len(at) < 2 or check.has_literals:
        return []
    program = check.truth.function
    if any(map(marks.is_derivative, program.steps)):  # a derivative of its own, which is another one on a border
        return []
    with balls.precision(BITS):
        values = [column[0] for column in balls.run(program, [[arb(x)] for x in row[0].point], strict=False)]
        decided = _decided(program, values)
        groups = _groups(program, decided, set(at))
        if len(groups) * len(program) > MOST_WORK:
            return []
        found = [_held(check, tuple(at[i] for i in group), _tangent(program, values, decided, group)) for group in groups]
    return [f for f in found if f is not None]


def _held(check: Check, found: tuple[Discrepancy, ...], tangent: Ball) -> Apart | None:
    """The gradients of inputs that grow alike against the slopes of the function there; None where some subgradient may be an ulp of each away from them."""
    slopes, computed, allowed = tangent * arb(check.upstream), ZERO, ZERO
    for d in found:
        assert isinstance(d.exact, one_sided.Kink)
        assert d.real_value is not None
        computed += d.real_value
        allowed += max((rounding.ulp(check.format, b)[1] for b in (d.exact.low, d.exact.high) if b.is_finite()), default=NAN)
    return Apart(found, computed, slopes) if abs(computed - slopes) > allowed else None


def _decided(program: Program, values: Sequence[RealValue]) -> list[bool]:
    """Of every step whether it is decided at the point and beside it which branch it takes; those without branches are."""
    found: list[bool] = []
    truths: list[RealValue] = []  # conditions, None where they turn
    for step, value in zip(program.steps, values, strict=True):
        truth = value
        if step.text == SHIFT:  # a maximum on which the output does not depend
            truth = True
        elif step.gate in balls.KINKED and not balls.is_with_itself(step):
            truth = balls.function_of(step.gate, strict=True)(*[values[a] for a in step.args])
        elif step.args and step.gate in TRUTHS:  # and, or, not
            truth = balls.function_of(step.gate, strict=True)(*[truths[a] for a in step.args])
        truths.append(truth)
        found.append(reals.is_known(truths[step.args[0]]) if step.gate == "where" else step.gate not in balls.KINKED or reals.is_known(truth))
    return found


def _groups(program: Program, decided: Sequence[bool], kinked: set[int]) -> list[frozenset[int]]:
    """The inputs among `kinked` that meet in a step that is not decided, those that meet one another by several steps together; two of them at least."""
    order = sorted(kinked)
    above: list[int] = []  # the inputs that each step is computed from, as bits
    groups: list[int] = []
    for i, step in enumerate(program.steps):
        own = 1 << order.index(i) if i in kinked else 0
        for a in step.args:
            own |= above[a]
        above.append(own)
        if not decided[i] and own.bit_count() > 1:
            meeting = [g for g in groups if g & own]
            for g in meeting:
                own |= g
            groups = [*(g for g in groups if g not in meeting), own]
    return [frozenset(i for k, i in enumerate(order) if g >> k & 1) for g in groups]


def _tangent(program: Program, values: Sequence[RealValue], decided: Sequence[bool], moved: frozenset[int]) -> Ball:
    """What holds the slopes of the output, whatever branches are taken, where these inputs grow alike and no other one does."""
    tangents: list[Ball | None] = []  # None: it does not move
    for i, step in enumerate(program.steps):
        own = [tangents[a] for a in step.args]
        if i in moved:
            tangents.append(balls.ONE)
        elif step.text == SHIFT or all(t is None for t in own) or step.gate in TRUTHS:
            tangents.append(None)
        else:
            tangents.append(_of_step(step, [values[a] for a in step.args], [ZERO if t is None else t for t in own], is_decided=decided[i]))
    found = tangents[program.output]
    return ZERO if found is None else found


def _of_step(step: Step, values: Sequence[Any], tangents: Sequence[Ball], *, is_decided: bool) -> Ball:
    """The tangent of one step by those of its operands; NaN where nothing is known."""
    if step.gate == "where":
        _, taken, other = tangents
        return taken.union(other) if not is_decided else taken if values[0] else other
    if step.gate in EXTREMES:
        first, second = tangents
        return first.union(second) if not is_decided else first if operator.gt(*values) is (step.gate == "max") else second
    if step.gate == "abs":
        (own,) = tangents
        return own.union(-own) if not is_decided else own if operator.gt(values[0], ZERO) else -own
    if step.gate in STEPS:
        return ZERO if is_decided else NAN
    found = ZERO
    for tangent, partial in zip(tangents, local_gradient(step.gate, (None,) * len(step.args)), strict=True):
        if not tangent.is_zero():
            found += NAN if partial is None else tangent * balls.at(partial, values, [partial.output], strict=True)[0]
    return found


__all__ = ["Apart", "apart"]
