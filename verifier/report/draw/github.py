"""The report as annotations of GitHub's actions. GitHub shows 10 errors and 10 warnings of a step and drops the rest in silence: the most severe are annotations, all stand in the step's summary."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifier.report.draw.finding import at, lines, unexpected
from verifier.report.draw.paint import Paint
from verifier.report.draw.repository_paths import relative
from verifier.report.draw.text import summary as in_a_line
from verifier.report.outcome import Finding, Report

MOST = 10  # annotations of a level in a step: docs.github.com, "Workflow commands for GitHub Actions", and their limits
LARGEST = 1_000_000  # bytes of a step's summary: GitHub takes 1 MiB, and refuses a larger one as a whole
LEVELS = ("error", "warning")
_PLAIN = Paint(enabled=False)


def render(report: Report) -> str:
    """Annotations, the findings that exceed the limits as plain lines of the log, and a line that sums up."""
    drawn: list[str] = []
    rest: list[Finding] = []
    for level in LEVELS:
        found = by_severity(report, level)
        drawn += [_annotation(name, f) for name, f in found[:MOST]]
        rest += [f for _, f in found[MOST:]]
    if rest:
        drawn.append(f"{len(rest)} more {'finding' if len(rest) == 1 else 'findings'}, of which GitHub shows no annotation:")
        drawn += [_plain(f"  {f.severity} {f.code} {relative(f.place.file)}:{f.place.line}:{f.place.column} {f.message}") for f in rest]
    return "\n".join([*drawn, in_a_line(report, _PLAIN)]) + "\n"


def by_severity(report: Report, level: str) -> list[tuple[str, Finding]]:
    """The findings of a level, each with the name of its case: what could not be checked, what is wrong, what differs from a figure, what loses digits; of each kind in the order of the report."""
    found = [(c.name if c.name != c.file else "", f) for c in report.cases for f in unexpected(c, level)]
    return sorted(found, key=lambda pair: _rank(pair[1].code))


def _rank(code: str) -> tuple[int, str]:
    order = {"0": 0, "1": 1, "3": 2, "2": 3}
    return order.get(code[1:2], 4), code


def _annotation(case: str, f: Finding) -> str:
    fields = {"file": relative(f.place.file), "line": str(f.place.line), "col": str(f.place.column)}
    if f.width > 0:
        fields["endColumn"] = str(f.place.column + f.width)
    fields["title"] = f"{f.code} {f.name}" + (f" in {case}" if case else "")
    message = "\n".join([f.message + at(f.point), *f.details, f"python -m verifier explain {f.code}"])
    return f"::{f.severity} {','.join(f'{key}={_field(value)}' for key, value in fields.items())}::{_data(message)}"


def _data(text: str) -> str:
    """The message of a command, escaped as GitHub's toolkit does it (actions/toolkit, packages/core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _field(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """A line that GitHub does not read as a command: these begin with `::`, or have `##[` anywhere."""
    return " ".join(text.replace("##[", "# #[").splitlines())


def summary(report: Report) -> str:
    """The step's summary in Markdown: a table of the cases that do not simply pass, and every finding."""
    parts = [f"### verifier: {in_a_line(report, _PLAIN)}", ""]
    shown = [c for c in report.cases if c.status != "passed" or unexpected(c)]
    if shown:
        parts += ["| case | status | errors | warnings |", "|---|---|---:|---:|"]
        parts += [f"| {_cell(c.name)} | {c.status} | {len(unexpected(c, 'error'))} | {len(unexpected(c, 'warning'))} |" for c in shown]
    blocks = [_block(f) for level in LEVELS for _, f in by_severity(report, level)]
    return _within("\n".join(parts) + "\n", blocks)


def _cell(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _block(f: Finding) -> str:
    """A finding in a fence that no line of it can close."""
    body = "\n".join(lines(f, _PLAIN))
    longest = max(map(len, re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}text\n{body}\n{fence}\n"


def _within(head: str, blocks: Sequence[str]) -> str:
    """As much as GitHub takes; what is left out is counted."""
    text, size = [head], len(head.encode(errors="replace"))
    for done, block in enumerate(blocks):
        size += len(block.encode(errors="replace"))
        if size > LARGEST:
            return "".join([*text, f"\n{len(blocks) - done} more findings are in the log of the step.\n"])
        text.append(block)
    return "".join(text)
