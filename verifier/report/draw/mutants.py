"""Draws what `mutate` found: the edits of backward passes, which of them the points of the case catch, and which points are missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from verifier.case.components import PointText, as_lists
from verifier.search.mutate import Mutant

CaseEdits = tuple[str, str, Sequence[Mutant]]  # a case: its name, its file, its edits

FATES = {
    "survived": "survives: no point of the case catches it, but this one would",
    "equivalent": "not a mistake: the gradients are proved to be the same",
    "unknown": "neither caught at any point that was tried nor proved to be the same",
}


def as_text(cases: Iterable[CaseEdits], *, every: bool) -> Iterator[str]:
    """The edits of each case, as soon as they are known, and a line for all."""
    seen: list[Mutant] = []
    is_empty = True  # no case could be read, which is said elsewhere
    for name, _, mutants in cases:
        is_empty = False
        seen += mutants
        yield _case(name, mutants, every=every)
    if not is_empty:
        yield f"all edits: {_shares(seen)}\n" if seen else "nothing to edit: there is no hand-written backward pass that is right\n"


def as_json(cases: Iterable[CaseEdits], *, every: bool) -> Iterator[str]:  # noqa: ARG001 - JSON has them all
    """The edits of all cases, in one part."""
    listed = list(cases)
    mutants = [m for _, _, found in listed for m in found]
    content: dict[str, Any] = {
        "summary": {"edits": len(mutants), "caught": sum(m.caught for m in mutants)} | {fate: sum(m.fate == fate for m in mutants) for fate in FATES},
        "cases": [{"name": name, "file": file, "edits": [_edit(m) for m in found]} for name, file, found in listed],
    }
    yield json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _case(name: str, mutants: Sequence[Mutant], *, every: bool) -> str:
    """The edits of one case: those that no point catches or that were not explained, or all; then the missing points, ready to be pasted."""
    if not mutants:
        return ""
    lines = [f"{name}: {_shares(mutants)}"]
    for m in mutants:
        missed = [word for word, ok in (("line not named", m.line_named), ("no diagnosis", bool(m.diagnosed))) if not ok]
        if every or m.fate in ("survived", "unknown") or (m.caught and missed):
            lines.append(f"  {m.implementation}:{m.line}  {m.edit.kind}: {m.edit.what}   `{m.statement}`")
            lines.append(f"      {FATES[m.fate] if not m.caught else ', '.join(missed) or m.diagnosed}")
        if m.fate == "survived":
            lines.append(f"      {_suggestion(m)}")
    missing = dict.fromkeys(_suggestion(m) for m in sorted(mutants, key=lambda m: m.upstream) if m.fate == "survived")
    if missing:
        lines += ["  points that the case lacks:", *(f"    {text}" for text in missing)]
    return "\n".join(lines) + "\n"


def _suggestion(m: Mutant) -> str:
    return f"upstream: {m.upstream}" if m.upstream else f"- {yaml_point(m.point)}"


def yaml_point(point: PointText) -> str:
    """A point as a case file has it.

    >>> yaml_point((("x", "3.0"), ("W", ("0.5", "-1e-08"))))
    '{x: 3, W: [0.5, -1e-08]}'
    """
    return "{" + ", ".join(f"{name}: {_written(value)}" for name, value in point) + "}"


def _written(value: object) -> str:
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, tuple) else _short(str(value))


def _short(number: str) -> str:
    return number.removesuffix(".0")


def _edit(m: Mutant) -> dict[str, Any]:
    return {
        "implementation": m.implementation,
        "line": m.line,
        "kind": m.edit.kind,
        "what": m.edit.what,
        "statement": m.statement,
        "fate": m.fate,
        "line_named": m.line_named,
        "diagnosis": m.diagnosed,
        "point": {name: as_lists(value) for name, value in m.point},
        "upstream": m.upstream or None,
    }


def _shares(mutants: Sequence[Mutant]) -> str:
    count, caught = len(mutants), sum(m.caught for m in mutants)
    parts = [f"{count} {'edit' if count == 1 else 'edits'}, caught by the case's points: {caught} ({100 * caught / count:.1f} %)"]
    parts += [f"{n} {words}" for fate, words in (("survived", "survive, with a suggested point"), ("equivalent", "proved to change nothing"), ("unknown", "neither caught nor proved to change nothing")) if (n := sum(m.fate == fate for m in mutants))]
    if caught:
        named, diagnosed = (100 * n / caught for n in (sum(m.line_named for m in mutants), sum(bool(m.diagnosed) for m in mutants)))
        parts.append(f"the report names the wrong line of {named:.1f} % of those caught, and the mistake of {diagnosed:.1f} %")
    return "; ".join(parts)
