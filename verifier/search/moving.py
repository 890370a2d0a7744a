"""The part of a program that moves along a path: what stays as it is there is computed once, not at every point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.floats import columns
from verifier.arithmetic.types import DoubleArray
from verifier.circuit.program import Program, descendants
from verifier.language.formats import Format
from verifier.search.paths import Path


@dataclass(frozen=True)
class MovingPart:
    """The steps that depend on the inputs that move, as a program whose further inputs are the steps that stay."""

    program: Program
    path: Path
    fmt: Format
    upstream: float
    staying: tuple[float, ...]  # the values of these further inputs

    def run(self, ts: Sequence[float] | DoubleArray) -> list[NDArray[Any]]:
        """The values of all its steps at some positions of the path, as in a run of the whole program."""
        moved = self.path.moved(ts, self.fmt)
        return columns(self.program, [*moved, *(np.full(len(ts), x) for x in self.staying)], self.fmt, self.upstream)


def moving(program: Program, path: Path, fmt: Format, *, upstream: float) -> MovingPart:
    """The part of a program that moves along a path."""
    moves = [i for i, _ in path.moves]
    whole = columns(program, [[x] for x in path.point(path.low, fmt)], fmt, upstream)
    inner = _inner(program, moves, whole)
    staying = sorted({a for i in inner for a in program.steps[i].args} - inner - set(moves))
    order = [*moves, *staying, *sorted(inner)]
    at = {old: new for new, old in enumerate(order)}
    first = len(moves) + len(staying)
    steps = tuple(program.steps[i]._replace(gate="input", args=(), text="", name="") if k < first else program.steps[i]._replace(args=tuple(at[a] for a in program.steps[i].args)) for k, i in enumerate(order))
    own = Program(steps, tuple(f"v{i}" for i in order[:first]), {}, len(steps) - 1)
    return MovingPart(own, path, fmt, upstream, tuple(float(whole[i][0]) for i in staying))


def _inner(program: Program, moves: Sequence[int], whole: Sequence[NDArray[Any]]) -> set[int]:
    """The steps that move, and what they read that is no number given from outside: literals, and truth values with what these are made of."""
    inner = set(descendants(program, moves)) - set(moves)
    pending = list(inner)
    while pending:
        for a in program.steps[pending.pop()].args:
            step = program.steps[a]
            if a not in inner and ((not step.args and step.gate != "input") or whole[a].dtype == bool):
                inner.add(a)
                pending.append(a)
    return inner
