"""The gradients that the framework computes: at every point the call that the user would make there, or many points in one call where that is the same.

Many points are run as one vector only where every input is a number, every operation that the framework runs is one of each element
alone, and no value decides which way the code goes. A kernel of many elements may still round in another way than the kernel of one
(another vector width), so some of the points, and all that a report shows, are called one by one as well: where any bit differs,
everything is computed by single calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from verifier.callable.question import split
from verifier.case.points import FloatPoint
from verifier.language.formats import Format
from verifier.trace.record import Callee, flat

MOST_NAMED = 4  # coordinates of a point in a note
FEWEST = 32  # points that are worth one call together
FEWEST_COMPARED, MOST_COMPARED = 3, 9  # points of every call of many that are called one by one too, beside those that are shown
SHARE_COMPARED = 100  # one of so many


@dataclass(eq=False)
class Calls:
    """The gradients of a callable at points of its program, as columns by name. Where the callable raises they are NaN, and a note says so.

    `rows` are those that are computed already; `may_join` says that many points may be run in one call.
    """

    callee: Callee
    claims: Sequence[tuple[str, str]]
    inputs: Sequence[str]
    format: Format
    rows: dict[FloatPoint, FloatPoint] = field(default_factory=dict)
    may_join: bool = False
    raised: dict[str, None] = field(default_factory=dict)
    joined: set[FloatPoint] = field(default_factory=set)  # points whose row is that of a call of many
    compared: int = 0  # of them, beside those that are shown
    confirmed: set[FloatPoint] = field(default_factory=set)  # points of `joined` that single calls have given the same bits

    def __call__(self, found: Sequence[FloatPoint]) -> dict[str, list[float]]:
        """The column of every gradient."""
        new = [p for p in dict.fromkeys(found) if p not in self.rows]
        if self.may_join and len(new) >= FEWEST:
            self._join(new)
        for p in new:
            if p not in self.rows:
                self.rows[p] = self._alone(p)
        rows = [self.rows[p] for p in found]
        return {name: [row[k] for row in rows] for k, (_, name) in enumerate(self.claims)}

    @property
    def notes(self) -> list[str]:
        """What is to be said of how the gradients were computed."""
        together = [f"{len(self.joined):,} points were run by {self.callee.framework} in one call as a vector; those that are shown, and {self.compared} others, were also run one by one and gave the same bits"] if self.joined else []
        return [*together, *self.raised]

    def confirm(self, found: Iterable[FloatPoint]) -> bool:
        """Whether single calls give the bits of the call of many at these points. Where not, all that it gave is forgotten, and every point is called by itself from now on."""
        for p in found:
            if p in self.joined and p not in self.confirmed:
                alone = self._alone(p)
                if not _same_bits(alone, self.rows[p]):
                    self._part()
                    return False
                self.confirmed.add(p)
        return True

    def _join(self, new: Sequence[FloatPoint]) -> None:
        """One call for all of these points, and for one that was called by itself before; kept where it is that of each of them."""
        assert self.callee.together is not None
        before = [p for p in self.rows if p not in self.joined][:1]
        columns = np.array([*new, *before], dtype=np.float64).T
        names = [*self.callee.inputs, *self.callee.upstreams]
        values, flows = dict(zip(names[: len(self.callee.inputs)], columns, strict=False)), dict(zip(self.callee.upstreams, columns[len(self.callee.inputs) :], strict=True))
        try:
            ran = self.callee.together(values, flows, self.format)
            found = [np.broadcast_to(ran.gradients[variable], (len(new) + len(before),)) for variable, _ in self.claims]
        except Exception:  # noqa: BLE001 - code that is not made for vectors raises what it likes
            self._part()
            return
        rows = list(zip(*(c.tolist() for c in found), strict=True))
        self.rows.update(zip(new, rows, strict=False))
        self.joined.update(new)
        count = min(max(len(new) // SHARE_COMPARED, FEWEST_COMPARED), MOST_COMPARED)
        alone = count - len(before)
        if not all(_same_bits(self.rows[p], row) for p, row in zip(before, rows[len(new) :], strict=True)):
            self._part()
        elif self.confirm(new[round(k * (len(new) - 1) / (alone - 1))] for k in range(alone)):
            self.compared += count

    def _part(self) -> None:
        """Every point by itself."""
        self.may_join = False
        for p in self.joined:
            self.rows.pop(p, None)
        self.joined.clear()
        self.confirmed.clear()

    def _alone(self, p: FloatPoint) -> FloatPoint:
        try:
            ran = self.callee.run(*split(self.callee, p), self.format)
            return tuple(x for v in dict.fromkeys(c.partition("[")[0] for c, _ in self.claims) for x in flat(ran.gradients[v]))
        except Exception as error:  # noqa: BLE001 - the user's code: whatever it raises, it has no gradient there
            self.raised[f"{self.callee.name} raises {type(error).__name__} at {_where(self.inputs, p)}: its gradients count as NaN there"] = None
            return (math.nan,) * len(self.claims)


def are_numbers(callee: Callee) -> bool:
    """Whether all that flows in and out of a callable are numbers, and its framework can run many points in one call."""
    return callee.together is not None and not any([*callee.inputs.values(), *callee.outputs.values()])


def _same_bits(first: FloatPoint, second: FloatPoint) -> bool:
    return len(first) == len(second) and all((a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (math.isnan(a) and math.isnan(b)) for a, b in zip(first, second, strict=True))


def _where(inputs: Sequence[str], point: Sequence[float]) -> str:
    at = ", ".join(f"{n}={x!r}" for n, x in zip(inputs[:MOST_NAMED], point, strict=False))
    return f"{at}{', ...' if len(point) > MOST_NAMED else ''}"
