"""Colour, only where a person can see it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TextIO

WHEN = ("auto", "always", "never")

_CODES = {"red": "31", "green": "32", "yellow": "33", "dim": "2"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Paint:
    """Wraps text in escape sequences if `enabled`."""

    enabled: bool

    def __call__(self, text: str, colour: str = "", *, bold: bool = False) -> str:
        """The text in a colour."""
        codes = [c for c in ("1" if bold else "", _CODES.get(colour, "")) if c]
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.enabled and codes and text else text

    def width(self, text: str) -> int:
        """Columns a text takes on the screen."""
        return len(_ESCAPE.sub("", text))


def paint_for(stream: TextIO | None, when: str = "auto") -> Paint:
    """Colours `always`, `never`, or `auto`: none where NO_COLOR is set (no-color.org), else some where FORCE_COLOR is (force-color.org), else on a terminal, none in a pipe or a file."""
    if stream is None or when == "never":
        return Paint(enabled=False)
    if when == "always":
        return Paint(enabled=True)
    if os.environ.get("NO_COLOR"):
        return Paint(enabled=False)
    if os.environ.get("FORCE_COLOR"):
        return Paint(enabled=True)
    return Paint(stream.isatty() and os.environ.get("TERM") != "dumb")
