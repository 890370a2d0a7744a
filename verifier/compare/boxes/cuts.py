"""Which operations are cut into slices: arguments of exponentials, in which many inputs come together."""

from __future__ import annotations

from verifier.compare.boxes.bounds import Box
from verifier.compare.boxes.operations import Operations

CURVED = frozenset(("exp", "expm1", "tanh", "sinh", "cosh", "erf", "erfc", "sin", "cos", "atan", "exp2"))
MOST_CUTS = 3


def cuts_of(done: Operations, box: Box) -> tuple[int, ...]:
    """The operations, of two inputs at least that are not fixed, which a curved function reads, without its sign."""
    moving = {name for name, low, high in zip(box.inputs, box.low, box.high, strict=True) if low < high}
    inputs: list[frozenset[str]] = []
    found: dict[int, None] = {}
    for o in done.operations:
        inputs.append(frozenset((o.text,)) & moving if o.gate == "input" else frozenset().union(*(inputs[a] for a in o.args)))
        if o.gate in CURVED and len(inputs[-1]) > 1:
            a = o.args[0]
            while done.operations[a].gate == "neg":
                a = done.operations[a].args[0]
            found[a] = None
    return tuple(sorted(found)[:MOST_CUTS])
