"""Judges all gradients at many points for a search: in columns where these decide, one by one elsewhere, within a limit of work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from verifier.compare.check import Check
from verifier.compare.compare import compare, compare_some
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.sweep.classify import VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.exact.one_sided import Unknown
from verifier.language.verdict import Verdict
from verifier.search import work
from verifier.search.paths import bits_reversed

FEW_CLAIMS = 6  # with more gradients columns come first, and a condition number is computed only for what is reported
FEWEST_POINTS = 2  # that are worth columns
NOT_JUDGED = "not judged: it would take more work than the hunt may do"
BY_COLUMNS = Unknown("judged in columns")


@dataclass(frozen=True)
class Judged:
    """The discrepancies of all gradients at each point, and what they cost. Those of columns have a verdict and an error only."""

    rows: list[list[Discrepancy]]
    work: float
    left_out: int = 0  # gradients that were not judged


def judge_many(check: Check, points: Sequence[tuple[float, ...]], *, most_bits: int, most_work: float) -> Judged:
    """The discrepancies of all gradients at some points."""
    claims = len(check.subject.claims)
    if claims <= FEW_CLAIMS or len(points) < FEWEST_POINTS or check.computed is not None:
        return Judged(compare(check, points, detail=False, most_bits=most_bits), len(points) * work.of_point(check))
    columns = [np.array(c, dtype=np.float64) for c in zip(*points, strict=True)]
    found = judge_columns(check, columns, method="columns")
    codes, errors = [f.verdict.tolist() for f in found], [f.error.tolist() for f in found]
    rows: list[list[Discrepancy | None]] = [[_light(check, c, point, codes[c][p], errors[c][p]) for c in range(claims)] for p, point in enumerate(points)]
    spent = work.of_columns(check, len(points))
    wanted, left_out = list[tuple[int, int]](), 0
    for p in sorted(range(len(rows)), key=bits_reversed):  # what there is no work for is spread over the points
        row = rows[p]
        pending = [c for c, d in enumerate(row) if d is None]
        first = 7 * p % claims  # at each point other gradients come first
        if spent + work.of_point(check) > most_work:
            left_out += len(pending)
            for c in pending:
                row[c] = _blank(check, c, points[p], Verdict.UNDEFINED, NOT_JUDGED)
            continue
        here = work.of_point(check) if pending else 0.0
        for c in sorted(pending, key=lambda c: (c - first) % claims):
            cost = work.of_gradient(check, c)
            if spent + here > most_work or (here > work.MOST_AT_A_POINT + work.of_point(check)):
                row[c] = _blank(check, c, points[p], Verdict.UNDEFINED, NOT_JUDGED)
                left_out += 1
                continue
            wanted.append((p, c))
            here += cost
        spent += here
    for (p, c), d in zip(wanted, compare_some(check, [(points[p], c) for p, c in wanted], detail=False, most_bits=most_bits, conditions=False), strict=True):
        rows[p][c] = d
    return Judged([[d for d in row if d is not None] for row in rows], spent, left_out)


def is_left_out(d: Discrepancy) -> bool:
    """Whether a gradient was not judged."""
    return d.reason is NOT_JUDGED


def _light(check: Check, claim: int, point: tuple[float, ...], code: int, error: float) -> Discrepancy | None:
    """What columns say of a gradient; None where they leave it open, and where a search needs to know more than the verdict."""
    verdict = VERDICTS[code] if code >= 0 else None
    if verdict is None or verdict is Verdict.NONFINITE:  # of an infinity it matters how large the exact gradient is
        return None
    variable, name = check.subject.claims[claim]
    return Discrepancy(variable, name, point, math.nan, verdict, BY_COLUMNS, ulps=None if math.isnan(error) else arb(error))


def _blank(check: Check, claim: int, point: tuple[float, ...], verdict: Verdict, reason: str) -> Discrepancy:
    variable, name = check.subject.claims[claim]
    return Discrepancy(variable, name, point, float("nan"), verdict, BY_COLUMNS, reason=reason)
