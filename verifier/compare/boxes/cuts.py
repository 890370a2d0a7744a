"""Which operations are cut into slices: arguments of exponentials, in which many inputs come together; and gradients of many inputs that pass 0, near which there is no bound in ulps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verifier.arithmetic.intervals.interval import Interval
from verifier.compare.boxes.bounds import Box
from verifier.compare.boxes.enclosures import ForwardBoxes, RoundingPlan
from verifier.compare.boxes.operations import Operations

CURVED = frozenset(("exp", "expm1", "tanh", "sinh", "cosh", "erf", "erfc", "sin", "cos", "atan", "exp2"))
MOST_CUTS = 3
FEW_INPUTS = 2  # boxes of so few are small enough near the zeros
POINTS = 500  # at which a sign is looked for


def cuts_of(done: Operations, box: Box) -> tuple[int, ...]:
    """The operations, of two inputs at least that are not fixed, which a curved function reads, without its sign."""
    inputs = _moving_inputs(done, box)
    found: dict[int, None] = {}
    for k, o in enumerate(done.operations):
        if o.gate in CURVED and len(inputs[k]) > 1:
            a = o.args[0]
            while done.operations[a].gate == "neg":
                a = done.operations[a].args[0]
            found[a] = None
    return tuple(sorted(found)[:MOST_CUTS])


def crossing(plan: RoundingPlan, box: Box, outputs: Sequence[int]) -> tuple[int, ...]:
    """The only output of more than a few inputs that has both signs at numbers of a box: slices of one do not help another, and take the time of its boxes."""
    inputs = _moving_inputs(plan.done, box)
    many = [k for k in dict.fromkeys(outputs) if len(inputs[k]) > FEW_INPUTS and k not in plan.cuts]
    if not many:
        return ()
    part = np.random.default_rng(23).random((POINTS, len(box.low)))
    points = np.array(box.low) * (1 - part) + np.array(box.high) * part
    columns = [np.ascontiguousarray(c) for c in points.T]
    with np.errstate(all="ignore"):
        forward = ForwardBoxes(plan, columns, columns, is_real=True)
    found = []
    for k in many:
        value = forward.exact[k]
        if isinstance(value, Interval) and np.any(value.low > 0) and np.any(value.high < 0):
            found.append(k)
    return tuple(found) if len(found) == 1 and len(plan.cuts) < MOST_CUTS else ()


def _moving_inputs(done: Operations, box: Box) -> list[frozenset[str]]:
    """Per operation the inputs that it depends on and that are not fixed."""
    moving = {name for name, low, high in zip(box.inputs, box.low, box.high, strict=True) if low < high}
    inputs: list[frozenset[str]] = []
    for o in done.operations:
        inputs.append(frozenset((o.text,)) & moving if o.gate == "input" else frozenset().union(*(inputs[a] for a in o.args)))
    return inputs
