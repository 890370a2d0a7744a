"""Verdicts point by point, by `compare`: what everything quicker left open."""

from __future__ import annotations

from typing import Any

import numpy as np

from verifier.compare import compare
from verifier.discrepancy import Discrepancy
from verifier.verdict import Verdict
from verifier.ways.classify import CODE, OPEN, Judged, edge
from verifier.ways.work import Work


def by_points(work: Work, columns: list[Any], computed: list[Any], found: list[Judged]) -> None:
    """Judge what is open."""
    del computed
    points = list(zip(*(c.tolist() for c in columns), strict=True))
    rows = compare(work.truth, work.subject, points, fmt=work.format, upstream=work.upstream, detail=False)
    for k, j in enumerate(found):
        for i, row in enumerate(rows):
            if j.verdict[i] == OPEN:
                j.verdict[i], j.error[i], j.over[i] = CODE[row[k].verdict], *_figures(row[k], work.limit)


def _figures(d: Discrepancy, limit: float | None) -> tuple[float, bool]:
    """The edge of the error (NaN where there are no ulps), and whether it is above the limit."""
    if d.ulps is None:
        return (0.0 if d.verdict in (Verdict.CORRECT, Verdict.ROUNDING) and np.isfinite(d.computed) and _is_finite(d) else np.nan), False
    upper = d.ulps.abs_upper()
    return float(edge(np.float64(float(upper)))), limit is not None and not d.ulps <= limit


def _is_finite(d: Discrepancy) -> bool:
    return d.rounded is not None and bool(np.isfinite(d.rounded))
