"""Colour, only where a person can see it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TextIO

WHEN = ("auto", "always", "never")

_CODES = {"red": "31", "green": "32", "yellow": "33", "dim": "2"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_DRAWN = re.compile("[│┌└├┐┘┤█]")  # a line of a drawing, which is laid out already
HANGING = 4  # columns by which the rest of a line that is too long stands to the right of its beginning


@dataclass(frozen=True, slots=True)
class Paint:
    """Wraps text in escape sequences if `enabled`. `columns` is the width of the terminal that the text goes to; 0: it goes to none."""

    enabled: bool
    columns: int = 0

    def __call__(self, text: str, colour: str = "", *, bold: bool = False) -> str:
        """The text in a colour."""
        codes = [c for c in ("1" if bold else "", _CODES.get(colour, "")) if c]
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.enabled and codes and text else text

    def width(self, text: str) -> int:
        """Columns a text takes on the screen."""
        return len(_ESCAPE.sub("", text))


def fitted(text: str, columns: int) -> str:
    """The text with lines of at most so many columns (0: as they are), broken at spaces. Words, and so numbers and paths, are never cut, and drawings are left as they are."""
    return "\n".join(part for line in text.split("\n") for part in _parts(line, columns)) if columns else text


def _parts(line: str, columns: int) -> list[str]:
    if len(_ESCAPE.sub("", line)) <= columns or _DRAWN.search(line):
        return [line]
    words = re.findall(r" *[^ ]+", line)
    indent = " " * min(columns // 2, len(line) - len(line.lstrip(" ")) + HANGING)
    parts, width = [""], 0
    for word in words:
        length = len(_ESCAPE.sub("", word))
        if width and width + length > columns:
            parts.append(indent + word.lstrip(" "))
            width = len(indent) + len(_ESCAPE.sub("", word.lstrip(" ")))
        else:
            parts[-1] += word
            width += length
    return parts


def paint_for(stream: TextIO | None, when: str = "auto") -> Paint:
    """How to draw on a stream: on a terminal as wide as it is. Colours `always`, `never`, or `auto`: none where NO_COLOR is set (no-color.org), else some where FORCE_COLOR is (force-color.org), else on a terminal, none in a pipe or a file."""
    if stream is None:
        return Paint(enabled=False)
    return Paint(_is_coloured(stream, when), columns_of(stream) if stream.isatty() else 0)


def _is_coloured(stream: TextIO, when: str) -> bool:
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def columns_of(stream: TextIO) -> int:
    """The columns of a terminal; 0 where they are not known."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0
