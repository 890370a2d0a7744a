"""Draws one finding as lines of text: what it says, where, the wrong part of the line, the numbers, what to ask next."""

from __future__ import annotations

from verifier.case.components import bracketed
from verifier.case.points import PointText
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, Finding

COLOURS = {"error": "red", "warning": "yellow"}


def lines(f: Finding, paint: Paint, *, is_last: bool = True) -> list[str]:
    """The lines of a finding, indented under its case; how to have it explained, unless another of its kind follows."""
    return [
        f"  {paint(f'{f.code} {f.name}', COLOURS.get(f.severity, ''), bold=True)}  {f.message}",
        f"    --> {f.place}{at(f.point)}",
        *_snippet(f, paint),
        *(f"     =  {detail}" for detail in f.details),
        *([paint(f"     =  explain   python -m verifier explain {f.code}", "dim")] if is_last else []),
    ]


def _snippet(f: Finding, paint: Paint) -> list[str]:
    """The source line with carets under the wrong part; the statement alone where the line is not known."""
    if not f.source_line.strip():
        return [f"     |  {f.statement}"] if f.statement else []
    indent = len(f.source_line) - len(f.source_line.lstrip())
    number = f"{f.place.line:>4} "
    carets = "^" * max(1, min(f.width, len(f.source_line) - f.place.column + 1))
    return [f"{number}|  {f.source_line[indent:].rstrip()}", "     |  " + " " * max(0, f.place.column - 1 - indent) + paint(carets, "red")]


def at(point: PointText) -> str:
    """A point behind a place."""
    shown = [f"{name}={bracketed(value)}" for name, value in point[:12]]
    return "   at " + " ".join(shown) + (f" and {len(point) - 12} more inputs" if len(point) > 12 else "") if point else ""


def unexpected(c: CaseReport, *severities: str) -> list[Finding]:
    """The findings of a case that count, those of the severities only where some are named."""
    return [f for f in c.findings if not f.expected and (not severities or f.severity in severities)]
