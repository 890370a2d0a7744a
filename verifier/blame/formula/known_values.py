"""Values that a right backward pass computes again: those of the forward steps, and the derivatives of one forward step with respect to another, with their terms."""

from __future__ import annotations

from collections.abc import Iterator

from flint import arb

from verifier.arithmetic.types import Balls
from verifier.blame.formula.adjoint_values import Reference, key_of, same
from verifier.exact import adjoints

MAX_STEPS = 60  # in a longer forward pass only its own values are known


class KnownValues:
    """Looks a column of values up, exactly or up to a constant factor."""

    def __init__(self, reference: Reference) -> None:
        self.exact: dict[str, list[Balls]] = {}
        self.scaled: dict[str, list[Balls]] = {}
        for column in _columns(reference):
            if is_varied(column):
                self.exact.setdefault(key_of(column), []).append(column)
                unit = _scaled(column)
                self.scaled.setdefault(key_of(unit), []).append(unit)

    def holds(self, column: Balls) -> bool:
        """Whether a column is such a value."""
        return is_varied(column) and any(same(column, c) for c in self.exact.get(key_of(column), ()))

    def holds_multiple(self, column: Balls) -> bool:
        """Whether a column is a constant times such a value."""
        if not is_varied(column):
            return False
        unit = _scaled(column)
        return any(same(unit, c) for c in self.scaled.get(key_of(unit), ()))


def is_varied(column: Balls) -> bool:
    """Whether a column holds finite numbers other than 0, not the same at all points."""
    return all(isinstance(x, arb) and x.is_finite() and not x.contains(0) for x in column) and not all(x.overlaps(column[0]) for x in column)


def _scaled(column: Balls) -> Balls:
    return [x / column[0] for x in column][1:]


def _columns(reference: Reference) -> Iterator[Balls]:
    program, values = reference.program, reference.values
    count = len(values)
    yield from values
    if count > MAX_STEPS:
        return
    partials = {(i, p): adjoints.partial(step.gate, p, [values[a] for a in step.args], strict=True) for i, step in enumerate(program.steps[:count]) for p in range(len(step.args))}
    for start in range(count):
        slopes: dict[int, Balls] = {start: [arb(1)] * reference.count}
        for i in range(start + 1, count):
            total: Balls | None = None
            terms: list[Balls] = []
            for position, a in enumerate(program.steps[i].args):
                partial = partials[i, position]
                if a in slopes and partial is not None:
                    term = [x * y for x, y in zip(partial, slopes[a], strict=True)]
                    terms.append(term)
                    total = term if total is None else [x + y for x, y in zip(total, term, strict=True)]
            if total is not None:
                slopes[i] = total
                yield total
                if len(terms) > 1:
                    yield from terms
