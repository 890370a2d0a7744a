"""The text of an assertion that fails: its first line is all that the summary of a run of tests shows."""

from __future__ import annotations

from verifier.case.components import base
from verifier.report.draw import text
from verifier.report.draw.finding import at, unexpected
from verifier.report.draw.paint import Paint
from verifier.report.outcome import Finding, Report

NOTHING = "nothing was checked: every gradient is undefined at its points"
EMPTY = "nothing was checked: there is no gradient of any number"


def failure(report: Report) -> str:
    """The first finding in a line, then the report. Where nothing was checked no case is said to pass."""
    paint = Paint(enabled=False)
    if _is_empty(report):
        passed, _ = text.MARKS["passed"]
        return "\n".join([_nothing(report), *(text.case(c, paint=paint).removeprefix(f"{passed} ") for c in report.cases)]).rstrip()
    return f"{headline(report)}\n{text.render(report, paint=paint).rstrip()}"


def headline(report: Report) -> str:
    """The first finding that fails a case: its code, its gradient and the first sentence; where there is none, why nothing passes."""
    found = [f for c in report.cases for f in unexpected(c, "error")] or [f for c in report.cases for f in unexpected(c)]
    if found and not _is_empty(report):
        return _line(found[0])
    return _nothing(report) if _is_empty(report) else "; ".join(note for c in report.cases for note in c.notes) or text.summary(report, Paint(enabled=False))


def warned(report: Report) -> list[str]:
    """What warns, a line for each finding, with its place and its point."""
    return [f"{_line(f)} ({f.place.file}:{f.place.line}{at(f.point)})" for c in report.cases for f in unexpected(c, "warning")]


def _nothing(report: Report) -> str:
    return NOTHING if any(c.results or c.sweeps for c in report.cases) else EMPTY


def _is_empty(report: Report) -> bool:
    """Whether nothing went wrong and yet nothing was checked."""
    return not (report.checked or report.errors or report.complaints or report.skipped)


def _line(f: Finding) -> str:
    """A finding in a line, its gradient named once and first."""
    name = ".".join(filter(None, (f.implementation, f.gradient)))
    name = name if name in f.message else base(name)  # of an array the message names the whole
    sentence = " ".join(f.message.split()).partition(". ")[0]
    return f"{f.code} {name}: {sentence.removeprefix(f'{name} ').replace(f'{name}: ', '', 1)}" if name else f"{f.code} {sentence}"
