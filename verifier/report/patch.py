"""The change of a file that puts a statement into the place of another: the characters it replaces, and the change as a unified diff."""

from __future__ import annotations

import ast
import difflib
import hashlib
import os
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.case.case import Case
from verifier.language.source import Source
from verifier.language.user_files import content_of

LINE_END = re.compile(r"\r\n|\r|\n")
BOM = BOM_UTF8.decode("utf-8")  # no column of the first line is counted from it
CONTROL = re.compile("[\x00-\x1f\x7f]")
PYTHON = (".py", ".pyw")
CRLF, NEWLINE = "\r\n", "\n"
NO_FILE = "its file cannot be read"
NOT_THERE = "the file is no longer as it was when it was read"
NOT_IN_THIS_FORM = "the text cannot be changed in the form in which the file has it"


@dataclass(frozen=True, slots=True)
class FilePatch:
    """The characters `span` of a file whose contents have the hash `digest`, and the change as a unified diff; else why there is none. `written` is what stands there then, where it is not the replacement as it is."""

    span: tuple[int, int] = (0, 0)
    digest: str = ""
    diff: str = ""
    problem: str = ""
    written: str = ""


def patch_of(case: Case, source: Source, start: int, end: int, replacement: str) -> FilePatch:
    """The change of the file after which `source.text[start:end]` is another text, and all else is as it was: the file was read with it, as a trial."""
    text, digest = read(source.file)
    if not digest:
        return FilePatch(problem=NO_FILE)
    span = span_in(text, source, start, end)
    if span is None or _solid(text[slice(*span)]) != _solid(source.text[start:end]):
        return FilePatch(problem=NOT_THERE if span is None or _solid(source.text[start:end]) in _solid(source.span) else NOT_IN_THIS_FORM)
    written = _indented(text, span[0], replacement)
    changed = edited(text, [(span, written)])
    expected = source.text[:start] + (written if source.file.endswith(PYTHON) else replacement) + source.text[end:]
    if not (_is_python_of(changed, expected) if source.file.endswith(PYTHON) else _is_case_of(changed, case, source, expected)):
        return FilePatch(problem=NOT_IN_THIS_FORM)
    return FilePatch(span, digest, unified(source.file, text, changed), written="" if written == replacement else written)


def _indented(text: str, start: int, replacement: str) -> str:
    """Statements on lines of their own, each as far to the right as what stood at an offset of a text; one statement is left as it is."""
    if "\n" not in replacement:
        return replacement
    before = re.split(r"[\r\n]", text[:start])[-1]
    indent = before[: len(before) - len(before.lstrip())]
    return f"{CRLF if CRLF in text else NEWLINE}{indent}".join(line.strip() for line in replacement.splitlines())


def read(file: str) -> tuple[str, str]:
    """The text of a file with its own line ends, and a hash of its contents; both empty where it is no text that can be read."""
    try:
        content = content_of(file)
        return content.decode("utf-8"), hashlib.sha256(content).hexdigest()
    except (OSError, UnicodeDecodeError):
        return "", ""


def edited(text: str, edits: Sequence[tuple[tuple[int, int], str]]) -> str:
    """The text with other characters in some spans, none of which overlap."""
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def span_in(text: str, source: Source, start: int, end: int) -> tuple[int, int] | None:
    """The characters of a file in which a part of a source stands; None where the file has no such place."""
    starts = [len(BOM) * text.startswith(BOM), *(m.end() for m in LINE_END.finditer(text))]
    offsets = []
    for offset in (start, end - 1):
        place = source.place(offset)
        if not 1 <= place.line <= len(starts):
            return None
        offsets.append(starts[place.line - 1] + place.column - 1)
    return (offsets[0], offsets[1] + 1) if 0 <= offsets[0] <= offsets[1] < len(text) else None


def unified(file: str, before: str, after: str) -> str:
    """A change as a unified diff: `patch -p1` and `git apply` take it, in the folder of the run."""
    path = Path(os.path.relpath(file))
    is_below = not path.is_absolute() and os.pardir not in path.parts
    name = path.as_posix() if is_below else file
    prefixes = ("a/", "b/") if is_below else ("", "")
    old, new = (_name_in_patch(prefix + name) for prefix in prefixes)
    lines = difflib.unified_diff(_lines(before), _lines(after), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _name_in_patch(name: str) -> str:
    """A name as git writes it: a tab behind one with blanks, one with control characters in quotes."""
    if CONTROL.search(name):
        plain = name.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + CONTROL.sub(lambda m: f"\\{ord(m.group()):03o}", plain) + '"'
    return name + ("\t" if " " in name else "")


def _lines(text: str) -> list[str]:
    """The lines as `patch` has them: only a line feed ends one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _solid(text: str) -> str:
    """The characters of a text that are not blank."""
    return "".join(text.split())


def _is_case_of(changed: str, case: Case, source: Source, expected: str) -> bool:
    """Whether the changed text holds the case with the expected text in the place of the source, and all its other texts and its domain as they were."""
    from verifier.case.load import load_text

    loaded = load_text(changed, file=source.file, allow_call=True, needs_points=False)
    wanted = {s.label: _solid(expected if s.label == source.label else s.text) for s in sources_of(case)}
    return any({s.label: _solid(s.text) for s in sources_of(c)} == wanted and _meant(c) == _meant(case) for c in loaded.cases if c.name == case.name)


def _meant(case: Case) -> tuple[object, ...]:
    """For which inputs a case is meant."""
    return case.inputs, case.domain, case.choices, "" if case.given is None else _solid(case.given.text)


def sources_of(case: Case) -> list[Source]:
    """The texts of a case."""
    found = [case.function, *(text for i in case.implementations for text in (i.forward, i.backward))]
    return [s for s in found if s is not None]


def _is_python_of(changed: str, expected: str) -> bool:
    """Whether two texts are the same Python."""
    try:
        return ast.dump(ast.parse(changed)) == ast.dump(ast.parse(expected))
    except (SyntaxError, ValueError):
        return False
