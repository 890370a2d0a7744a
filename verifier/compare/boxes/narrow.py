"""Narrow the real values of operations, backwards, where the real value of one that is made of them is within limits."""

from __future__ import annotations

import numpy as np

from verifier.arithmetic.intervals.interval import Interval, add, div, neg, sub
from verifier.compare.boxes.enclosures import ForwardBoxes, Limits


def narrowed(forward: ForwardBoxes, limits: Limits) -> dict[int, Interval]:
    """The limits, and what follows from them for the operations and inputs before, through sums, products and signs.

    Every operation's real value is in its enclosure, so a sum's operand is within the limits less the other one.
    """
    found: dict[int, Interval] = {}
    pending = dict(limits)
    for k in range(max(limits), -1, -1):
        if k not in pending:
            continue
        here = found[k] = _meet(pending[k], forward.number(k))
        o = forward.plan.done.operations[k]
        if o.gate == "neg":
            _add(pending, o.args[0], neg(here))
        elif o.gate in ("add", "sub", "mul") and o.args[0] != o.args[1]:
            a, b = (forward.number(x) for x in o.args)
            first, second = _operands(o.gate, here, a, b)
            _add(pending, o.args[0], first)
            _add(pending, o.args[1], second)
    return {k: v for k, v in found.items() if not forward.plan.done.operations[k].is_leaf or k in forward.plan.inputs}


def _operands(gate: str, result: Interval, a: Interval, b: Interval) -> tuple[Interval, Interval]:
    """What the operands of a sum, a difference or a product can be, from the result and the other one; not known where that may be a factor 0."""
    if gate == "add":
        return sub(result, b), sub(result, a)
    return (add(result, b), sub(a, result)) if gate == "sub" else (div(result, b), div(result, a))


def _add(pending: dict[int, Interval], k: int, limit: Interval) -> None:
    pending[k] = _meet(pending[k], limit) if k in pending else limit


def _meet(a: Interval, b: Interval) -> Interval:
    """What both have in common; the one that is known where the other is not. The ends are in the wrong order where there is nothing."""
    return Interval(np.fmax(a.low, b.low), np.fmin(a.high, b.high))
