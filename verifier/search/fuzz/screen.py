"""Further points of a campaign, many of them judged at a time by columns: which of them are worth a look of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case.case import Case
from verifier.case.points import FloatPoint, PointError, sample_columns
from verifier.compare.check import Check
from verifier.compare.meant import meant_in, satisfied
from verifier.compare.sweep.classify import CODE, VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.language.formats import Format
from verifier.language.verdict import Verdict

BLOCK = 1024  # points that are judged at a time
SLOW = frozenset(("zetaderiv",))  # gates whose floats are mpmath's, a millisecond each


@dataclass(frozen=True)
class PossibleFind:
    """A point at which columns give a gradient a verdict that may be a find."""

    point: FloatPoint
    gradient: str
    verdict: Verdict


def is_quick(check: Check) -> bool:
    """Whether the floats at a point cost less than to draw it."""
    return all(s.gate not in SLOW for s in check.subject.program.steps)


def further_points(case: Case, fmt: Format, seed: int, number: int) -> list[DoubleArray]:
    """The points of a block, one array for each input: as `sample` draws them, others for each seed and number; none where the case admits none."""
    block, meant = replace(case, name=f"{case.name}\0{seed}\0{number}", sample=BLOCK), meant_in(case, fmt)
    try:
        return sample_columns(block, fmt, None if meant.given is None else partial(satisfied, meant))
    except PointError:
        return []


def possible_finds(check: Check, columns: list[DoubleArray], verdicts: frozenset[Verdict]) -> Iterator[PossibleFind]:
    """The points at which a gradient has one of some verdicts, or is above its limit; what columns leave open is left to others."""
    codes = np.array([CODE[v] for v in VERDICTS if v in verdicts])
    for (_, name), found in zip(check.subject.claims, judge_columns(check, columns, method="columns"), strict=True):
        for i in np.flatnonzero(np.isin(found.verdict, codes) | found.over).tolist():
            yield PossibleFind(tuple(float(c[i]) for c in columns), name, VERDICTS[found.verdict[i]])
