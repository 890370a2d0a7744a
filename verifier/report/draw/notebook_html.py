"""A report in a notebook: one small table a case, with its findings and the lines they stand in."""

from __future__ import annotations

from html import escape

from verifier.language.html import box, coloured, line, table
from verifier.language.verdict import Verdict
from verifier.report.draw import better_lines
from verifier.report.draw.finding import COLOURS, lines, unexpected
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import MARKS, case, render, rows, summary
from verifier.report.outcome import CaseReport, Finding, Report

PLAIN = Paint(enabled=False)


def html(found: CaseReport | Report) -> str:
    """What was found about a case, or about all cases of a run."""
    if isinstance(found, CaseReport):
        return box(*_case(found))
    complaints = [line(coloured(str(complaint), "red")) for complaint in found.complaints]
    return box(*[part for c in found.cases for part in _case(c)], *complaints, line(coloured(summary(found, PLAIN), "red" if found.exit_status else "green", bold=True)))


def plain(found: CaseReport | Report) -> str:
    """The same as text without colours."""
    return case(found, paint=PLAIN).rstrip() + "\n" if isinstance(found, CaseReport) else render(found, paint=PLAIN)


def _case(c: CaseReport) -> list[str]:
    mark, colour = MARKS[c.status]
    parts = [line(f"{coloured(mark, colour, bold=True)} {coloured(c.name, bold=True)}{'' if c.name == c.file else ' ' + escape(f'{c.file}:{c.line}')}")]
    parts.append(table([[_cell(cell) for cell in row] for row in _used(rows(c, PLAIN))]))
    parts += [line(f"note: {escape(note)}") for note in c.notes]
    for finding in unexpected(c):
        parts += _finding(finding)
    return parts + [line(escape(text)) for text in better_lines.lines(c, PLAIN)]


def _used(found: list[list[str]]) -> list[list[str]]:
    """Rows without the columns that are empty in all of them."""
    used = [i for i in range(len(found[0])) if any(row[i] for row in found)] if found else []
    return [[row[i] for i in used] for row in found]


def _cell(text: str) -> str:
    """A cell of a row, in the colour of the worst verdict that it names."""
    named = [v for v in Verdict if v.value in text.replace(",", "").split()]
    return coloured(text, "red" if any(v.fails for v in named) else "yellow" if any(v.warns for v in named) else "")


def _finding(f: Finding) -> list[str]:
    first, *rest = (text.removeprefix("  ") for text in lines(f, PLAIN))
    return [line(coloured(first, COLOURS.get(f.severity, ""), bold=True)), *(line(escape(text)) for text in rest)]
