"""The certified bounds of a case as lines of text: a row for each gradient and format, the statements that make its bound, what the bounds rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.case.components import base
from verifier.report.bound_words import (
    MOST_LINES,
    OF_PROGRAM,
    OPEN,
    PROVED,
    REFUTED,
    badness,
    domain_text,
    downward,
    in_percent,
    in_unit,
    left_text,
    upward,
)
from verifier.report.draw.finding import wrapped
from verifier.report.draw.paint import Paint
from verifier.report.outcome import AssumedText, BoundResult, CaseReport

RANK = {PROVED: 0, OPEN: 1, REFUTED: 2}
COLOURS = {PROVED: "", OPEN: "yellow", REFUTED: "red"}
MANY_ROWS = 6  # more than these have one statement each
ALL_LINES = 1000  # statements of a ledger: more than there are
NARROW = 8  # columns before a ledger, where rows do not fit into the terminal
SENTENCE = 132  # columns of a wrapped sentence, where the text goes to no terminal


def bound_lines(c: CaseReport, paint: Paint, *, most: int | None = None) -> list[str]:
    """All lines about the bounds of a case, with so many statements of each ledger: by default a few, and where there are many rows only the first of each."""
    lines: list[str] = []
    most = most or (MOST_LINES if len(grouped(c.bounds)) <= MANY_ROWS else 1)
    has_formats = len({b.format for b in c.bounds}) > 1
    for domain in dict.fromkeys(domain_text(b) for b in c.bounds):
        lines += wrapped(domain or "the domain", "  for all ", paint.columns)
        groups = [group for group in grouped(c.bounds) if domain_text(group[0]) == domain]
        cells = [_row(group, paint, has_formats=has_formats) for group in groups]
        widths = [max(paint.width(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row, group in zip(cells, groups, strict=True):
            lines += _in_columns(row, widths, paint)
            lines += [paint(line, "dim") for line in ledger(group[0], " " * (widths[0] + 6 if not _is_too_wide(widths, paint) else NARROW), most=most)]
    if c.bounds:
        lines += [paint(line, "dim") for text in given(c.bounds) for line in wrapped(text, "    given   ", paint.columns or SENTENCE)]
    return lines


def _is_too_wide(widths: Sequence[int], paint: Paint) -> bool:
    return bool(paint.columns) and 4 + sum(w + 2 for w in widths if w) - 2 > paint.columns


def _in_columns(row: Sequence[str], widths: Sequence[int], paint: Paint) -> list[str]:
    """The cells of a row, below those of the other rows; where a terminal is too narrow for that, one after the other, on as many lines as they need."""
    if not _is_too_wide(widths, paint):
        return ["    " + "  ".join(cell + " " * (w - paint.width(cell)) for cell, w in zip(row, widths, strict=True) if w).rstrip()]
    lines = ["   "]
    for cell in filter(None, row):
        if paint.width(lines[-1]) + 2 + paint.width(cell) > paint.columns and lines[-1].strip():
            lines.append(" " * (NARROW - 1))
        lines[-1] += ("  " if lines[-1].strip() else " ") + cell
    return lines


def brief(bounds: Sequence[BoundResult]) -> str:
    """What is certified, in a few words: the largest bound of each unit where all are proved."""
    if not bounds or any(b.outcome != PROVED or b.bound is None for b in bounds):
        return ""
    largest = [max((b.bound for b in bounds if b.unit == unit and b.bound is not None), key=float, default=None) for unit in ("ulp", "absolute")]
    return "certified within " + " and ".join(in_unit(upward(figure), unit) for figure, unit in zip(largest, ("ulp", "absolute"), strict=True) if figure is not None)


def grouped(bounds: Sequence[BoundResult]) -> list[list[BoundResult]]:
    """The bounds of each gradient in each format, those of the components of an array together, the worst one first."""
    groups: dict[tuple[str, str, str, str], list[BoundResult]] = {}
    for b in bounds:
        groups.setdefault((b.implementation, base(b.gradient), b.format, b.unit), []).append(b)
    return [sorted(group, key=lambda b: (-RANK[b.outcome], -badness(b))) for group in groups.values()]


def named(group: Sequence[BoundResult]) -> str:
    """A gradient, of an array its worst component."""
    return f"{group[0].implementation}.{group[0].gradient}" + (f" (worst of {len(group)})" if len(group) > 1 else "")


def _row(group: Sequence[BoundResult], paint: Paint, *, has_formats: bool) -> list[str]:
    """The cells about a gradient: its name, format, outcome, bound, the bound at a point, the largest error seen, the time."""
    b, colour = group[0], COLOURS[group[0].outcome]
    claim = f" (claim {in_unit(b.claim, b.unit)})" if b.claim is not None else ""
    extent = "" if b.outcome != OPEN else f", open {left_text(b)}"
    return [
        named(group),
        b.format if has_formats else "",
        f"{paint(b.outcome, colour, bold=b.outcome != PROVED)}{claim}",
        "" if b.outcome == REFUTED else (f"at most {in_unit(upward(b.bound), b.unit)}" if b.bound is not None else "no bound") + extent,
        f"{in_unit(downward(b.at_a_point), b.unit)} at a point" if b.at_a_point is not None else "",
        f"{in_unit(downward(b.seen), b.unit)} seen" if b.seen is not None else "",
        f"{b.seconds} s",
    ]


def ledger(b: BoundResult, indent: str, *, most: int = MOST_LINES) -> Iterator[str]:
    """The worst-case ledger: which statements make the bound, in the box where it is largest; what the error is measured from, where that is not the exact gradient."""
    for line in b.lines[:most]:
        yield f"{indent}{in_percent(line.share):>6}  {f'line {line.line}: ' if line.line is not None else ''}{line.statement}"
    if len(b.lines) > most > 1:
        rest = sum(float(line.share) for line in b.lines[most:])
        yield f"{indent}{in_percent(str(rest)):>6}  ({len(b.lines) - most} more {'statement' if len(b.lines) == most + 1 else 'statements'})"
    if b.is_for_program_only:
        yield f"{indent}{OF_PROGRAM}"


def given(bounds: Sequence[BoundResult]) -> Iterator[str]:
    """The assumptions: those of the arithmetic, and those of each library function."""
    yield from dict.fromkeys("; ".join(b.stated) for b in bounds if b.stated)
    functions: dict[AssumedText, dict[str, None]] = {}
    for b in bounds:
        for a in b.assumptions:
            functions.setdefault(a, {})[b.format] = None
    has_formats = len({b.format for b in bounds}) > 1
    for a, formats in functions.items():
        yield f"{a.function}{' in ' + ', '.join(formats) if has_formats else ''} within {a.ulps} ulp of the exact value ({a.source})"
