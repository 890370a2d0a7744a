"""Verdicts where the function certainly jumps or has a pole: there is no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from verifier.arithmetic import breaks
from verifier.verdict import Verdict
from verifier.ways.classify import CODE, Judged
from verifier.ways.work import Work


def by_breaks(work: Work, columns: list[Any], computed: list[Any], found: list[Judged]) -> None:
    """Judge `undefined` the open points at which the function certainly has no derivative."""
    del computed
    function = work.truth.function
    if not any(s.gate in breaks.BREAKING for s in function.steps):
        return
    for j, position in zip(found, work.positions, strict=True):
        at = np.flatnonzero(j.open)
        if len(at):
            certain = breaks.has_break(function, [c[at] for c in columns], position)
            j.verdict[at[certain]] = CODE[Verdict.UNDEFINED]
