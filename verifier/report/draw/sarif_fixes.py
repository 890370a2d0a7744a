"""The better arrangements of a case as fixes of SARIF 2.1.0 (section 3.55): the characters to delete and the text to insert, only for a file that is still as it was when it was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verifier.language.verdict import ROWS, Verdict
from verifier.report.outcome import CaseReport, Finding, Replacement
from verifier.report.patch import BOM, read

OF_GRADIENTS = {ROWS[v].code for v in Verdict if not v.passes}  # the findings that a better line does away with


def fixes(case: CaseReport, f: Finding, artifact: Callable[[str], dict[str, str]]) -> list[dict[str, Any]]:
    """The fixes of a finding: the better lines for the gradient it is about. `artifact` gives the location of a file."""
    if f.code not in OF_GRADIENTS:
        return []
    found = []
    for s in case.suggestions or ():
        region = _region(s) if (s.implementation, s.gradient) == (f.implementation, f.gradient) else None
        if region is not None:
            change = {"artifactLocation": artifact(s.file), "replacements": [{"deletedRegion": region, "insertedContent": {"text": s.written}}]}
            found.append({"description": {"text": _words(s)}, "artifactChanges": [change]})
    return found


def hashes(case: CaseReport) -> dict[str, str]:
    """The files that fixes change, each with the SHA-256 of the contents that they are for."""
    return {s.file: s.digest for s in case.suggestions or () if s.digest and read(s.file)[1] == s.digest}


def _words(s: Replacement) -> str:
    return f"{s.implementation}.{s.gradient}: {s.proof}{f' {s.proof_text}' if s.proof_text else ''}; worst {s.before.worst_ulps} -> {s.after.worst_ulps} ulp at {s.after.points:,} points in {s.format}"


def _region(s: Replacement) -> dict[str, Any] | None:
    """The characters that a replacement deletes, by lines that end with a line feed, as SARIF has them; None where there is no patch, or the file has changed since."""
    text, digest = read(s.file)
    if not s.digest or digest != s.digest:
        return None
    (line, column), (end_line, end_column) = (_line_and_column(text, offset) for offset in s.span)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column, "snippet": {"text": text[slice(*s.span)]}}


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, from 1, in code points."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1 - (start == 0 and text.startswith(BOM))
