"""Draws a better arrangement of a statement as lines of text: both statements, the proof, what is gained and where, what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.report.draw.finding import wrapped
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, ErrorFigures, Replacement, ReplacementRegion

BEYOND = 2.0**64  # ulps: so many, or no number
MOST_REGIONS = 6
NOTHING = "no better arrangement was found: nothing that was tried is proved and loses fewer digits"
NOTHING_TO_DO = "every gradient passes where it was looked at: there is nothing to improve"


def lines(c: CaseReport, paint: Paint) -> list[str]:
    """The lines about the better arrangements of a case; what is said where there are none, nothing where nobody asked for them."""
    if c.suggestions is None:
        return []
    if not c.suggestions:
        return wrapped(nothing(c), "  better    ", paint.columns, indent=" " * 12)
    first: dict[tuple[object, ...], Replacement] = {}
    found: list[str] = []
    passes: set[tuple[str, str]] = set()
    for s in c.suggestions:
        key = (s.implementation, s.file, s.line, s.column, s.original, s.replacement, s.pass_text)
        found += _one(s, paint, first.get(key))
        if (s.implementation, s.pass_text) not in passes:  # it is the same for all gradients
            found += [f"{' ' * 11}{line}" for line in s.pass_text.splitlines()]
            passes.add((s.implementation, s.pass_text))
        first.setdefault(key, s)
    return found


def nothing(c: CaseReport) -> str:
    """Why there is no better arrangement."""
    passes = all(r.verdict.passes for r in c.results) and not any(not r.verdict.passes for r in c.regions) and all(s.worst is None or s.worst.verdict.passes for s in c.sweeps)
    return NOTHING_TO_DO if passes else NOTHING


def _one(s: Replacement, paint: Paint, same: Replacement | None) -> list[str]:
    """The lines of one suggestion; of one with the `same` line as another, shown before, only what is said of this gradient."""
    head = f"better    {s.implementation}.{s.gradient}"
    margin = f"{s.line:>4} |  "
    rows = [
        ("proof", f"{s.proof}: {s.proof_text}" if s.proof_text else s.proof),
        ("worst", f"{ulps(s.before.worst_ulps)} -> {ulps(s.after.worst_ulps)} ulp, at {s.after.points:,} points in {s.format}"),
        ("median", f"{ulps(s.before.median_ulps)} -> {ulps(s.after.median_ulps)} ulp"),
        ("bits", f"{s.before.mean_bits} -> {s.after.mean_bits} lost on average"),
        ("verdict", f"{s.verdict_before} -> {s.verdict_after} at worst"),
        ("cost", f"{s.cost} times the time of this statement"),
        *((("patch", f"none: {s.why_no_patch}"),) if s.why_no_patch else ()),
        *((("patch", f"a new implementation beside {s.implementation}, whose lines are backprop's"),) if s.pass_text and s.added else ()),
    ]
    if same is not None:
        shown = [("line", f"the same as for {same.implementation}.{same.gradient}"), *(row for row in rows if row[0] not in ("cost", "patch"))]
        return [f"  {paint(head, bold=True)}", *(line for word, text in shown for line in wrapped(text, f"     =  {word:<9} ", paint.columns, indent=" " * 18))]
    return [
        f"  {paint(head, bold=True)}",
        *wrapped(f"{s.file}:{s.line}:{s.column}", "    --> ", paint.columns),
        *(paint(f"{margin if k == 0 else ' ' * 5 + '|  '}- {line}", "red") for k, line in enumerate(s.original.strip().splitlines())),
        *(paint(f"     |  + {line}", "green") for line in s.replacement.strip().splitlines()),
        *(line for word, text in rows for line in wrapped(text, f"     =  {word:<9} ", paint.columns, indent=" " * 18)),
        *_regions(s.regions),
    ]


def _regions(regions: Sequence[ReplacementRegion]) -> list[str]:
    """Where a replacement has several formulas, a line about each: the inputs that it is for, and the errors there."""
    if len(regions) < 2:
        return []
    shown = [(f"{r.condition or 'else'}", _change(r.before, r.after), r.formula) for r in regions[:MOST_REGIONS]]
    widths = [max(len(row[k]) for row in shown) for k in range(2)]
    rows = [f"     =  {'region' if not k else '':<9} {a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for k, (a, b, c) in enumerate(shown)]
    return rows + ([f"     =            and {len(regions) - MOST_REGIONS} more"] if len(regions) > MOST_REGIONS else [])


def _change(before: ErrorFigures, after: ErrorFigures) -> str:
    return f"{ulps(before.worst_ulps)} -> {ulps(after.worst_ulps)} ulp"


def ulps(figure: str) -> str:
    """Three digits of a figure; as words, where it stands for whatever is further off, and for what is no number."""
    return "no number or 2^64" if float(figure) >= BEYOND * (1 - 1e-3) else f"{float(figure):.3g}"
