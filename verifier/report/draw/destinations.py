"""Where a report goes: `--format` names a format, or a format and a file, as often as one likes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.language.source import suggestion
from verifier.language.user_files import writing
from verifier.report.draw import FORMATS, drawn, drawn_case, drawn_end, step_summary
from verifier.report.draw.deliver import deliver, safe, visible
from verifier.report.draw.paint import Paint

if TYPE_CHECKING:
    from verifier.report.outcome import CaseReport, Report

Look = Mapping[str, bool]  # quiet, verbose

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"  # the file that GitHub shows as the summary of a step


@dataclass(frozen=True, slots=True)
class Output:
    """A format, and the file it is written to; "" is standard output."""

    format: str
    file: str = ""


def output(text: str) -> Output:
    """`junit` or `junit=out.xml`. ValueError says what is wrong with it."""
    name, has_file, file = text.partition("=")
    if name not in FORMATS:
        raise ValueError(f"there is no format '{name}'{suggestion(name, FORMATS) or '; there are ' + ', '.join(FORMATS)}")
    if has_file and not file:
        raise ValueError(f"'{text}' names no file; write {name}=FILE, or {name} for standard output")
    return Output(name, file)


def together(wanted: Sequence[Output]) -> tuple[Output, ...]:
    """The outputs of a run. People see the text on standard output, unless another format goes there. ValueError says which do not go together."""
    found = tuple(dict.fromkeys(wanted))
    shown = [o.format for o in found if not o.file]
    alone = next((name for name in shown if FORMATS[name].is_alone), None)
    if alone is not None and len(shown) > 1:
        other = next(name for name in shown if name != alone)
        raise ValueError(f"{alone} and {other} cannot both go to standard output; name a file for one of them, as in --format {alone}=FILE")
    files = [os.path.realpath(o.file) for o in found if o.file]
    for o in found:
        if o.file and files.count(os.path.realpath(o.file)) > 1:
            raise ValueError(f"two formats go to the file '{o.file}'")
        if o.file and Path(o.file).is_dir():
            raise ValueError(f"'{o.file}' is a folder, not a file to write {o.format} to")
        if o.file and not Path(o.file).parent.is_dir():
            raise ValueError(f"there is no folder '{Path(o.file).parent}' to write '{Path(o.file).name}' to")
    return found if shown else (Output(next(iter(FORMATS))), *found)


def write_case(case: CaseReport, wanted: Sequence[Output], *, paint: Paint, look: Look) -> None:
    """Write the report of a case to standard output, in the formats that can be written as the reports come."""
    for o in wanted:
        row = FORMATS[o.format]
        if row.case and not o.file and (text := safe(row.kind, lambda colours, name=o.format: drawn_case(name, case, paint=colours, **look), paint)):  # type: ignore[misc]
            deliver(text)


def write(report: Report, wanted: Sequence[Output], *, paint: Paint, look: Look) -> None:
    """Write a report everywhere it goes, after `write_case` with each of its cases. One place that cannot be written takes no other with it; OSError says which."""
    failures: list[OSError] = []
    for o in wanted:
        try:
            if o.file:
                with writing(o.file):
                    Path(o.file).write_text(_drawn(report, o, Paint(enabled=False), look, encoding="utf-8"), encoding="utf-8", newline="\n")
            _summarise(report, o)
        except OSError as error:
            failures.append(error)
    for o in wanted:
        if not o.file:
            deliver(_drawn(report, o, paint, look))
    if failures:
        raise failures[0]


def _drawn(report: Report, o: Output, paint: Paint, look: Look, *, encoding: str = "") -> str:
    """The whole report for a file; for standard output what is left of it after its cases."""
    draw = drawn if o.file or not FORMATS[o.format].case else drawn_end
    return safe(FORMATS[o.format].kind, lambda colours: draw(o.format, report, paint=colours, **look), paint, encoding=encoding)


def _summarise(report: Report, o: Output) -> None:
    """Add to the summary of the step, where GitHub runs it and the format has something for it."""
    if os.environ.get(STEP_SUMMARY) and (text := step_summary(o.format, report)):
        with writing(os.environ[STEP_SUMMARY]), Path(os.environ[STEP_SUMMARY]).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(visible(text))
