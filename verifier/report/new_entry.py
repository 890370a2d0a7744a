"""The change of a case file that adds an implementation beside one whose backward pass backprop generates: its lines, with the better one among them."""

from __future__ import annotations

import re
from dataclasses import replace

from verifier.case.case import Case, Draft
from verifier.report.patch import NO_FILE, FilePatch, edited, read, sources_of, unified
from verifier.search.improve.generated_lines import as_yaml
from verifier.search.improve.suggestion import NewPass

BETTER = "_better"  # behind the name of an implementation
GENERATED = "this line is backprop's, and the file has none; to have the better one, write the implementation so"
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


def entry_patch(case: Case, draft: Draft, new: NewPass) -> tuple[FilePatch, str, str]:
    """The change of the file, the characters that it adds, and the implementation as text: a new one after the generated one; where the file cannot be changed so, that one written out."""
    own = draft.implementation
    plain = as_yaml(draft, new)
    text, digest = read(own.place.file)
    if not digest:
        return FilePatch(problem=f"{GENERATED} ({NO_FILE})" if own.place.file else GENERATED), "", plain
    name = f"{own.name}{BETTER}"
    if any(i.name == name for i in case.implementations):
        return FilePatch(problem=f"the case has {name} already; this line is backprop's, and {own.name} has none that could be changed"), "", plain
    at = _end_of_entry(text, own.place.line, own.place.column)
    if at is None or own.formats or own.adjoints:
        return FilePatch(problem=GENERATED), "", plain
    ending = "\r\n" if "\r\n" in text else "\n"
    indent = " " * (own.place.column - 1)
    entry = as_yaml(replace(draft, implementation=replace(own, name=name)), new)
    lines = "".join(f"{indent}{line}{ending}" for line in entry.splitlines())
    added = lines if text[:at].endswith(("\n", "\r")) else f"{ending}{lines.removesuffix(ending)}"
    changed = edited(text, [((at, at), added)])
    if not _has_entry(changed, case, name, new):
        return FilePatch(problem=GENERATED), "", plain
    return FilePatch((at, at), digest, unified(own.place.file, text, changed)), added, entry


def _end_of_entry(text: str, line: int, column: int) -> int | None:
    """Where the entry of a block mapping ends whose key stands at a line and a column; None where it is no entry on lines of its own."""
    lines = [m.group() for m in LINE.finditer(text) if m.group()]
    if not 1 <= line <= len(lines) or lines[line - 1][: column - 1].strip() or column == 1:
        return None
    last = line
    for k in range(line, len(lines)):
        content = lines[k].strip()
        depth = len(lines[k]) - len(lines[k].lstrip())
        if content and depth < column and not content.startswith("#"):
            break
        if content and depth >= column:
            last = k + 1
    return sum(map(len, lines[:last]))


def _has_entry(changed: str, case: Case, name: str, new: NewPass) -> bool:
    """Whether a changed text holds the case with all its texts as they were, and with the new implementation."""
    from verifier.case.load import load_text

    loaded = load_text(changed, file=case.file, allow_call=True, needs_points=False)
    for c in loaded.cases if not loaded.complaints else ():
        added = next((i for i in c.implementations if i.name == name), None)
        if c.name != case.name or added is None or added.backward is None or (c.inputs, c.domain) != (case.inputs, case.domain):
            continue
        texts = {s.label: s.text.split() for s in sources_of(c) if not s.label.startswith(f"implementations.{name}.")}
        if texts == {s.label: s.text.split() for s in sources_of(case)} and added.backward.text.split() == "\n".join(new.backward).split():
            return True
    return False


__all__ = ["BETTER", "GENERATED", "entry_patch"]
