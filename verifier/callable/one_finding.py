"""One finding in the place of several about wrong gradients, with the line of the user's file."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import replace

from verifier.language.source import Place
from verifier.report.outcome import CaseReport, Finding


def gradients_of(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The gradients that findings are about, each once, arrays by their names."""
    return tuple(dict.fromkeys(g.partition("[")[0] for f in findings for g in (f.gradients or (f.gradient,))))


def line_at(place: Place) -> str:
    """The line of the user's file at a place; '' where there is none."""
    return linecache.getline(place.file, place.line).rstrip("\n")


def in_place_of(report: CaseReport, wrong: Sequence[Finding], one: Finding) -> CaseReport:
    """The report with one finding where the first of several stands, and without the others."""
    first, *others = (id(f) for f in wrong)
    return replace(report, findings=tuple(one if id(f) == first else f for f in report.findings if id(f) not in others))


__all__ = ["gradients_of", "in_place_of", "line_at"]
