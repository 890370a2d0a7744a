"""The point at which a wrong line of array code is looked for: one at which the mistake shows."""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Sequence

from verifier.arithmetic import floats
from verifier.blame.formula.adjoint_values import Reference, reference_values
from verifier.blame.formula.trial_points import neighbours
from verifier.case.case import Draft
from verifier.case.components import base
from verifier.language.formats import FORMATS

GOOD_PART = 2.0**-10  # of an array's largest component: a mistake of so much is seen, and told from its roundings


def telling(draft: Draft, names: Collection[str], points: Sequence[tuple[float, ...]], *, upstream: float, fixed: Container[int] = ()) -> Reference | None:
    """The exact values at a point, and at one beside it: the first point at which every wrong gradient is off by a good part of itself, else the one where it is off by most.

    `names` are the wrong gradients, by component. None where at no point anything is off.
    """
    best, found = 0.0, None
    for point in points:
        both = [point, neighbours([point], fixed=fixed)[0]]
        if draft.whole is None or not all(map(math.isfinite, point)):
            continue
        reference = reference_values(draft.whole, both, upstream=upstream)
        part = _part(draft, reference, names, upstream=upstream) if reference.count == len(both) else 0.0
        if part > best:
            best, found = part, reference
        if best >= GOOD_PART:
            break
    return found


def _part(draft: Draft, reference: Reference, names: Collection[str], *, upstream: float) -> float:
    """By how much of its largest component the gradient is off that is off by least; 1 where it is off by more, or has no value."""
    program = draft.whole
    assert program is not None
    claims = [(variable, name) for variable, name in draft.claims if name in names]
    computed = floats.at(program, reference.points[0], [program.names[name] for _, name in claims], fmt=FORMATS["float64"], upstream=upstream)
    position = {name: k for k, name in enumerate(program.inputs)}
    off: dict[str, float] = {}
    size: dict[str, float] = {}
    for (variable, name), value in zip(claims, computed, strict=True):
        exact = float(reference.adjoints[position[variable]][0].mid())
        array, error = base(name), abs(value - exact)
        off[array] = max(off.get(array, 0.0), error if math.isfinite(error) else math.inf)
        size[array] = max(size.get(array, 0.0), abs(exact))
    return min((1.0 if off[a] >= size[a] else off[a] / size[a] for a in off if off[a]), default=0.0)
