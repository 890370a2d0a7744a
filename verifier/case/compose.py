"""Puts the text of a case together from the arguments of a call. Its formulas keep the lines and columns that they have in the caller's file."""

from __future__ import annotations

import json
import linecache
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

LEAST = 4  # columns before a formula, so that it stands under its key


@dataclass(frozen=True)
class CallSite:
    """A call in a file of Python: its first and last line."""

    file: str
    first: int
    last: int


@dataclass
class _TextWriter:
    """The text, and the line of the caller's file for each of its lines."""

    site: CallSite
    rows: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, row: str) -> None:
        """A line that is no formula: it stands where the call is."""
        self.rows.append(row)
        self.lines.append(self.site.first)

    def formula(self, key: str, text: str) -> None:
        """A formula, or statements, under its key."""
        rows = unindented(text)
        start, column = located(rows, self.site)
        self.add(f"{key}: |")
        for number, row in enumerate(rows):
            self.rows.append(" " * max(column, LEAST) + row)
            self.lines.append(start + number if start else self.site.first)


def composed(site: CallSite, formulas: Mapping[str, str | None], values: Mapping[str, Any], *, backward: str | None, implementation: str, gradients: Mapping[str, str] | None = None) -> tuple[str, tuple[int, ...]]:
    """A case of one implementation as the text of a case file, and the line of the caller's file for each of its lines. `values` are numbers, texts, lists, mappings and sets of listed values."""
    writer = _TextWriter(site)
    for key, text in formulas.items():
        if text is not None:
            writer.formula(key, text)
    for key, value in values.items():
        if value is not None:
            writer.add(f"{key}: {written(value)}")
    writer.add("implementations:")
    writer.add(f" {implementation}:" + ("" if backward is not None or gradients else " {}"))
    if gradients:
        writer.add(f"  gradients: {written(gradients)}")
    if backward is not None:
        writer.formula("  backward", backward)
    return "\n".join(writer.rows) + "\n", tuple(writer.lines)


def unindented(text: str) -> list[str]:
    """The lines of a text without the indentation that they have in common; a first line that follows the quotes directly has none."""
    first, *rest = text.expandtabs().splitlines() or [""]
    if first.strip() and not first.rstrip().endswith(":"):
        return [first.strip(), *textwrap.dedent("\n".join(rest)).splitlines()]
    return textwrap.dedent("\n".join([first, *rest])).splitlines()


def located(rows: Sequence[str], site: CallSite) -> tuple[int, int]:
    """The line of the caller's file in which the first row stands, and its column from 0; (0, 0) where the file does not have these rows."""
    file = [line.rstrip("\n") for line in linecache.getlines(site.file)]
    skip = next((i for i, row in enumerate(rows) if row.strip()), len(rows))
    wanted = [row.strip() for row in rows[skip:]]
    if not wanted:
        return 0, 0
    within = range(site.first - 1, min(site.last, len(file)))
    for numbers, most in ((within, len(file)), (range(len(file)), 1)):
        found = [n for n in numbers if _stands_at(wanted, file, n)]
        if 0 < len(found) <= most:
            indent = len(rows[skip]) - len(rows[skip].lstrip())
            return found[0] + 1 - skip, max(file[found[0]].find(wanted[0]) - indent, 0)
    return 0, 0


def _stands_at(wanted: Sequence[str], file: Sequence[str], number: int) -> bool:
    """Whether some rows stand in a file from a line on; quotes may precede the first and follow the last."""
    if number + len(wanted) > len(file) or wanted[0] not in file[number]:
        return False
    return all(file[number + i].strip().startswith(row) if i == len(wanted) - 1 else file[number + i].strip() == row for i, row in enumerate(wanted) if i)


def written(value: Any) -> str:
    """A value as YAML on one line.

    >>> written({"x": (0.1, float("inf")), "t": {0, 1}})
    '{"x": [0.1, inf], "t": {0, 1}}'
    """
    if hasattr(value, "tolist"):  # numbers of NumPy and of the frameworks
        value = value.tolist()
    match value:
        case Mapping():
            return "{" + ", ".join(f"{json.dumps(str(k), ensure_ascii=False)}: {written(v)}" for k, v in value.items()) + "}"
        case AbstractSet():
            return "{" + ", ".join(map(written, _in_order(value))) + "}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case Sequence():
            return "[" + ", ".join(map(written, value)) + "]"
    raise TypeError(f"{value!r} is no number, text, list or mapping of these")


def _in_order(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda v: (isinstance(v, str), v))
