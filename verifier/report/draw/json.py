"""The report as JSON: the contract of section 7 of the design. Numbers that carry precision are strings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from verifier import __version__
from verifier.case.components import PointText, as_lists, shape_of
from verifier.report.outcome import BoundResult, BoxText, CaseReport, Finding, HuntedRegion, Replacement, Report, Result, Sweep
from verifier.report.report_schema import VERSION
from verifier.run.environment import environment

MOST_COMPONENTS = 200  # of a point that is written out in every result


def render(report: Report) -> str:
    """The whole report as one JSON object, indented, with a newline at its end."""
    content = {
        "schema": VERSION,
        "verifier": __version__,
        "environment": environment(),
        "summary": {
            "cases": len(report.cases),
            "passed": report.passed,
            "failed": report.failed,
            "errors": report.errors,
            "warnings": report.warnings,
            **({"skipped": report.skipped} if report.skipped else {}),  # cases whose framework is not installed
            **({"unchecked": report.unchecked} if report.unchecked else {}),  # cases that an interrupt left out
        },
        "cases": [_case(c) for c in report.cases],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass
class _Points:
    """Points as JSON; those of many components are written once, and then named by their number."""

    long: dict[PointText, int] = field(default_factory=dict)

    def of(self, point: PointText) -> dict[str, Any]:
        """A point, or where it stands in `points`."""
        if sum(prod(shape_of(value)) for _, value in point) <= MOST_COMPONENTS:
            return _point(point)
        return {"see": "points", "number": self.long.setdefault(point, len(self.long))}


def _case(c: CaseReport) -> dict[str, Any]:
    at = _Points()
    content = {
        "name": c.name,
        "file": c.file,
        "line": c.line,
        "status": c.status,
        **({"cached": True} if c.is_cached else {}),
        "basis": c.basis,
        **({"computed_by": c.computed_by} if c.computed_by else {}),
        "proofs": c.proofs,
        "proof_notes": c.proof_notes,
        "results": [_result(r, at) for r in c.results],
        "sweeps": [_sweep(s, at) for s in c.sweeps],
        "residuals": [
            {"expression": r.expression, "point": at.of(r.point), "computed": r.computed, "exact": r.exact, "expected": r.expected, "met": r.met, "blame": [asdict(s) for s in r.blame]}
            for r in c.residuals
        ],
        "published": [{"name": p.name, "point": at.of(p.point), "computed": p.computed, "published": p.published, "met": p.met} for p in c.published],
        "findings": [_finding(f, at) for f in c.findings],
        "notes": list(c.notes),
        "regions": [_region(r, at) for r in c.regions],
        **({"suggestions": [_suggested(s) for s in c.suggestions]} if c.suggestions is not None else {}),
        **({"bounds": [_bound(b, at) for b in c.bounds]} if c.bounds else {}),
    }
    return content | ({"points": [_point(point) for point in at.long]} if at.long else {})


def _point(point: PointText) -> dict[str, Any]:
    return {name: as_lists(value) for name, value in point}


def _result(r: Result, at: _Points) -> dict[str, Any]:
    return {
        "implementation": r.implementation,
        "gradient": r.gradient,
        "format": r.format,
        "point": at.of(r.point),
        "computed": r.computed,
        "exact": r.exact,
        "bounds": None if r.bounds is None else list(r.bounds),
        "rounded": r.rounded,
        "residual": r.residual,
        "formula_error_ulps": r.formula_error_ulps,
        "ulps": r.ulps,
        "subnormals": r.subnormals,
        "condition": r.condition,
        "program_condition": r.program_condition,
        "verdict": r.verdict.value,
        "reason": r.reason,
        "backward_error_ulps": r.backward_error_ulps,
        "backward_error_input": r.backward_error_input,
        "blame": [asdict(s) for s in r.blame],
    }


def _region(r: HuntedRegion, at: _Points) -> dict[str, Any]:
    return {
        "implementation": r.implementation,
        "gradient": r.gradient,
        "format": r.format,
        "verdict": r.verdict.value,
        "input": r.input,
        "low": r.low,
        "high": r.high,
        "along": r.along,
        "cause": r.cause,
        "point": at.of(r.point),
    }


def _suggested(s: Replacement) -> dict[str, Any]:
    content = asdict(s)
    del content["span"], content["digest"]  # for whoever writes the file
    return content


def _bound(b: BoundResult, at: _Points) -> dict[str, Any]:
    seen_at = at.of(b.seen_at) if b.seen_at else None
    return {
        "implementation": b.implementation,
        "gradient": b.gradient,
        "format": b.format,
        "box": _box(b.box),
        **({"listed": {name: list(values) for name, values in b.listed}} if b.listed else {}),
        **({"given": b.given} if b.given else {}),
        "unit": b.unit,
        "claim": b.claim,
        "bound": b.bound,
        "at_a_point": b.at_a_point,
        "outcome": b.outcome,
        "open": b.open,
        "open_boxes": [_box(box) for box in b.open_boxes],
        "open_count": b.open_count,
        "open_absolute": b.open_absolute,
        "reason": b.reason,
        "worst": None if b.worst is None else _box(b.worst),
        "seen": b.seen,
        "seen_at": seen_at,
        "witness": seen_at if b.outcome == "refuted" else None,
        "computed": b.computed,
        "exact": b.exact,
        "assumptions": {"arithmetic": list(b.stated), "functions": {a.function: {"ulps": a.ulps, "source": a.source} for a in b.assumptions}},
        "program_only": b.is_for_program_only,
        "lines": [asdict(line) for line in b.lines],
        "boxes": b.boxes,
        "seconds": b.seconds,
    }


def _box(box: BoxText) -> dict[str, list[str]]:
    return {name: [low, high] for name, low, high in box}


def _sweep(s: Sweep, at: _Points) -> dict[str, Any]:
    return {
        "implementation": s.implementation,
        "gradient": s.gradient,
        "format": s.format,
        "points": s.points,
        "verdicts": s.verdicts,
        "worst": None if s.worst is None else _result(s.worst, at),
        "ulps": {"median": s.median, "p99": s.p99, "max": s.maximum},
        "exhaustive": s.is_exhaustive,
        "total": s.total,
        "statement": s.statement or None,
        "regions": [{"verdict": r.verdict.value, "low": r.low, "high": r.high, "points": r.count, "mixed": r.mixed, "words": r.words} for r in s.regions],
    }


def _finding(f: Finding, at: _Points) -> dict[str, Any]:
    return {
        "code": f.code,
        "name": f.name,
        "severity": f.severity,
        "message": f.message,
        "file": f.place.file,
        "line": f.place.line,
        "column": f.place.column,
        "implementation": f.implementation,
        "gradient": f.gradient,
        "gradients": list(f.gradients or ((f.gradient,) if f.gradient else ())),
        "statement": f.statement,
        "point": at.of(f.point),
        "expected": f.expected,
        "details": list(f.details),
    }
