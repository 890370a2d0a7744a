"""Writes better arrangements into case files: only where the file is as it was, and nothing gets worse by it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from verifier.case.case import without_calls
from verifier.case.load import load_text
from verifier.language.user_files import DESCRIPTORS, writing
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report.outcome import CaseReport, Finding, Replacement, Result
from verifier.report.patch import LINE_END, PYTHON, edited, read

MAY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
ResultKey = tuple[object, ...]


@dataclass(frozen=True)
class Adopted:
    """What was written: a line about each file, the files, whether one was refused, and the files with cases that fail as they are now."""

    lines: tuple[str, ...]
    files: tuple[str, ...]
    is_refused: bool
    failing: frozenset[str]

    def followed_by(self, later: Adopted) -> Adopted:
        """With what was written into the same files afterwards; nothing is said of what was not."""
        again = tuple(f"once more: {line}" for line in later.lines) if later.files else ()
        return replace(self, lines=(*self.lines, *again), failing=(self.failing - set(later.files)) | later.failing)


class RefusedError(Exception):
    """Why the replacements of a file are not written."""


def adopt(reports: Sequence[CaseReport], *, strict: bool = False) -> Adopted:
    """Write the replacements that some reports suggest into their files, each file whole or not at all."""
    lines: list[str] = []
    files: list[str] = []
    is_refused, failing = False, {r.file for r in reports if r.status == "failed" and not _of_file(r)}
    for file, group in groupby(sorted((r for r in reports if _of_file(r)), key=lambda r: _of_file(r)[0].file), key=lambda r: _of_file(r)[0].file):
        members = list(group)
        try:
            line, afterwards = _written(file, members, strict=strict)
            lines.append(line)
            files.append(file)
            failing = failing - {file} | {r.file for r in afterwards if r.status == "failed"}
        except (RefusedError, OSError) as reason:
            lines.append(f"{file}: not written: {reason}")
            is_refused = True
    nothing = "no suggestion has a patch" if any(r.suggestions for r in reports) else "there is no better arrangement"
    return Adopted(tuple(lines or [f"nothing is written: {nothing}"]), tuple(files), is_refused, frozenset(failing))


def _of_file(report: CaseReport) -> list[Replacement]:
    """The replacements of a report that a file can have."""
    return [s for s in report.suggestions or () if s.digest]


def _written(file: str, reports: Sequence[CaseReport], *, strict: bool) -> tuple[str, tuple[CaseReport, ...]]:
    """Write the replacements of one file; a line about it, and the reports of its cases as they are then. Raises RefusedError, OSError."""
    if file.endswith(PYTHON):
        raise RefusedError("this is no case file but your code: change the line yourself, or apply the patch in the JSON report")
    if file.startswith(DESCRIPTORS):
        raise RefusedError("it was open already when it was read: give the path of the file")
    suggested = [s for r in reports for s in _of_file(r)]
    chosen = _apart(suggested)
    before, digest = read(file)
    for s in chosen:
        _unchanged(file, s.digest)
    kept, problems = _without_harm(before, file, reports, chosen, strict=strict)
    if not kept:
        raise RefusedError(problems[0][1])
    changed = edited(before, [(s.span, s.written) for s in kept])
    afterwards = _checked(changed, file, strict=strict)
    _put(file, changed, digest)
    passed = sum(r.status == "passed" for r in afterwards)
    parts = [
        _what(kept),
        f"checked again: {passed} of {len(afterwards)} {'case' if len(afterwards) == 1 else 'cases'} passed",
        *(f"not {'the implementation' if s.pass_text else f'line {s.line}'}: {problem}" for s, problem in problems),
        *([f"{len(suggested) - len(chosen)} of the same statements are left for the next run"] if len(suggested) > len(chosen) else []),
    ]
    return f"{file}: {'; '.join(parts)}", afterwards


def _what(kept: Sequence[Replacement]) -> str:
    """What was written, in words."""
    lines = [str(s.line) for s in sorted(kept, key=lambda s: s.span) if not s.pass_text]
    new = [f"added {s.pass_text.partition(':')[0]} beside {s.implementation}, whose backward pass is backprop's and stays as it is" for s in kept if s.pass_text]
    return "; ".join([*([f"wrote line {', '.join(lines)}"] if lines else []), *new])


def _without_harm(before: str, file: str, reports: Sequence[CaseReport], chosen: Sequence[Replacement], *, strict: bool) -> tuple[list[Replacement], list[tuple[Replacement, str]]]:
    """The replacements with which no case is worse than before: all of them, else those that can be added one by one; and the others, each with what would be worse."""
    if not _harm(before, file, reports, chosen, strict=strict):
        return list(chosen), []
    kept: list[Replacement] = []
    problems: list[tuple[Replacement, str]] = []
    for s in chosen:
        problem = _harm(before, file, reports, [*kept, s], strict=strict)
        if problem:
            problems.append((s, problem))
        else:
            kept.append(s)
    return kept, problems


def _harm(before: str, file: str, reports: Sequence[CaseReport], chosen: Sequence[Replacement], *, strict: bool) -> str:
    """What would be worse with some replacements; empty where nothing is."""
    try:
        afterwards = _checked(edited(before, [(s.span, s.written) for s in chosen]), file, strict=strict)
    except RefusedError as reason:
        return str(reason)
    return next(filter(None, (_worse(r, _same_case(r, afterwards, lost=_lines_lost(before, r.line, chosen))) for r in reports)), "")


def _lines_lost(before: str, line: int, chosen: Sequence[Replacement]) -> int:
    """The lines fewer that a text has above a line, after some replacements."""
    return sum(len(LINE_END.findall(before[slice(*s.span)])) - len(LINE_END.findall(s.written)) for s in chosen if s.line < line)


def _apart(suggested: Sequence[Replacement]) -> list[Replacement]:
    """Replacements none of which overlap: of a statement the first one; the same one for several gradients counts once."""
    found: list[Replacement] = []
    for s in suggested:
        if all(s.span != other.span and (s.span[1] <= other.span[0] or other.span[1] <= s.span[0]) for other in found):
            found.append(s)
    return found


def _checked(text: str, file: str, *, strict: bool) -> tuple[CaseReport, ...]:
    """The reports of the cases in a text, without their callables. Raises RefusedError."""
    loaded = load_text(text, file=file, allow_call=True, needs_points=False)
    if loaded.complaints:
        raise RefusedError(f"with the replacement it cannot be read: {loaded.complaints[0].message}")
    return verify_all([without_calls(c) for c in loaded.cases if c.programs.drafts], strict=strict).cases


def _same_case(report: CaseReport, others: Sequence[CaseReport], *, lost: int) -> CaseReport | None:
    """The report of the same case in a text that has so many lines fewer above it: a file may hold two cases of one name."""
    return next((r for r in others if (r.name, r.line) == (report.name, report.line - lost)), None)


def _worse(before: CaseReport, after: CaseReport | None) -> str:
    """What is worse about a case than it was; empty where nothing is."""
    if after is None:
        return f"{before.name} would be gone"
    if after.status == "error" != before.status:
        return f"{before.name} could not be checked any more: {after.findings[0].message if after.findings else ''}"
    known = {_finding_key(f) for f in _errors(before)}
    new = next((f for f in _errors(after) if _finding_key(f) not in known), None)
    if new is not None:
        return f"{before.name} would have a new finding: {new.code} {new.name}: {new.message}"
    was = {_result_key(r): r.verdict for r in before.results}
    for r in after.results:
        old = was.get(_result_key(r))
        if old is not None and _rank(r.verdict) > _rank(old):
            return f"{before.name}: {r.implementation}.{r.gradient} would be {r.verdict.value} where it was {old.value}"
    return ""


def _errors(report: CaseReport) -> list[Finding]:
    return [f for f in report.findings if f.severity == "error" and not f.expected]


def _finding_key(f: Finding) -> tuple[str, str, str]:
    return f.code, f.implementation, f.gradient


def _result_key(r: Result) -> ResultKey:
    return r.implementation, r.gradient, r.format, r.point


def _rank(verdict: Verdict) -> int:
    return 2 if verdict.fails or verdict is Verdict.UNDECIDED else 1 if verdict.warns else 0


def _put(file: str, text: str, digest: str) -> None:
    """Write a file whole or not at all, if its contents still have the hash. Raises RefusedError, OSError."""
    path = Path(os.path.realpath(file))
    if not (os.access(path, os.W_OK) and path.stat().st_mode & MAY_WRITE):
        raise RefusedError("it is read-only")
    with writing(file):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode("utf-8"))
            was = path.stat()
            with suppress(OSError, AttributeError):
                os.chown(name, was.st_uid, was.st_gid)  # who may: the administrator, say
            os.chmod(name, was.st_mode & 0o7777)  # noqa: PTH101
            _unchanged(file, digest)
            os.replace(name, path)  # noqa: PTH105
        except BaseException:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise


def _unchanged(file: str, digest: str) -> None:
    """Raise RefusedError where the contents of a file have another hash."""
    if read(file)[1] != digest:
        raise RefusedError("it has changed since it was read; run it again")
