"""Draws one finding as lines of text: what it says, where, the wrong part of the line, the numbers, what to ask next."""

from __future__ import annotations

import textwrap

from verifier.case.components import PointText, bracketed
from verifier.language.source import MOST_SHOWN, window
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, Finding

COLOURS = {"error": "red", "warning": "yellow"}
MARGIN = "     |  "


def lines(f: Finding, paint: Paint, *, is_last: bool = True) -> list[str]:
    """The lines of a finding, indented under its case; how to have it explained, unless another of its kind follows."""
    title = f"  {f.code} {f.name}"
    first, *rest = wrapped(f.message, f"{title}  ", paint.columns, indent="      ")
    return [
        f"  {paint(title.strip(), COLOURS.get(f.severity, ''), bold=True)}{first[len(title) :]}",
        *rest,
        *wrapped(f"{f.place}{at(f.point)}", "    --> ", paint.columns),
        *_snippet(f, paint),
        *(line for detail in f.details for line in wrapped(detail, "     =  ", paint.columns, indent=" " * 18)),
        *([paint(f"     =  explain   python -m verifier explain {f.code}", "dim")] if is_last else []),
    ]


def wrapped(text: str, start: str, columns: int, indent: str = "") -> list[str]:
    """A sentence after its `start`, in lines of so many columns (0: one line). Words, and so numbers, are never cut."""
    if not columns or len(start) + len(text) <= columns:
        return [start + text]
    return textwrap.wrap(text, width=columns, initial_indent=start, subsequent_indent=indent or " " * len(start), break_long_words=False, break_on_hyphens=False) or [start]


def _snippet(f: Finding, paint: Paint) -> list[str]:
    """The source line with carets under the wrong part; the statement alone where the line is not known. On a terminal that is too narrow, as much of the line as fits around its wrong part."""
    room = paint.columns - len(MARGIN) if paint.columns else MOST_SHOWN
    if not f.source_line.strip():
        return [MARGIN + window(f.statement, 0, room)[0]] if f.statement else []
    indent = len(f.source_line) - len(f.source_line.lstrip())
    text, start = window(f.source_line[indent:].rstrip(), max(0, f.place.column - 1 - indent), room)
    carets = "^" * max(1, min(f.width, len(f.source_line) - f.place.column + 1, room - start))
    return [f"{f.place.line:>4} |  {text}", MARGIN + " " * start + paint(carets, "red")]


def at(point: PointText) -> str:
    """A point behind a place."""
    shown = [f"{name}={bracketed(value)}" for name, value in point[:12]]
    return "   at " + " ".join(shown) + (f" and {len(point) - 12} more inputs" if len(point) > 12 else "") if point else ""


def unexpected(c: CaseReport, *severities: str) -> list[Finding]:
    """The findings of a case that count, those of the severities only where some are named."""
    return [f for f in c.findings if not f.expected and (not severities or f.severity in severities)]
