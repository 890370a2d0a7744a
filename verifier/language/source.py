"""What can be wrong with what a user wrote: a complaint has a place, a case error has all complaints of a file."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

MOST_SHOWN = 400  # characters of a line of a file beside what is said of it, where no terminal is narrower
CUT = "…"  # where a line that is shown goes on


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, where it is, and the source line it stands in ('' where there is none)."""

    place: Place
    message: str
    line_text: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}"
        if not self.line_text.strip():
            return head
        margin = f"{self.place.line:>5} | "
        shown, start = window(self.line_text, self.place.column - 1, MOST_SHOWN)
        caret = " " * (len(margin) - 2) + "| " + " " * start + "^"
        return f"{head}\n{margin}{shown}\n{caret}"


def window(text: str, start: int, room: int) -> tuple[str, int]:
    """The part of a line around a place that fits into so many columns, and where the place is in it.

    >>> window("one two three four five", 8, 12)
    ('…o three fo…', 3)
    """
    if len(text) <= room:
        return text, start
    first = 0 if start < room // 2 else min(start - room // 4, len(text) - room)
    part = text[first : first + room]
    part = CUT + part[len(CUT) :] if first else part
    return (part[: -len(CUT)] + CUT if first + room < len(text) else part), start - first


class CaseError(Exception):
    """A case file that cannot be used. `complaints` holds everything that is wrong with it, in file order."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        unique = dict.fromkeys(complaints)
        self.complaints = tuple(sorted(unique, key=lambda c: (c.place.file, c.place.line, c.place.column)))
        super().__init__("\n".join(str(c) for c in self.complaints))


class CampaignError(Exception):
    """A run that cannot begin or go on: no executor, no place for its state. What is finished is kept where a state was asked for."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'sigmoid'?` where a known word is near, else ''."""
    near = difflib.get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


@dataclass(frozen=True)
class Source:
    """A text of the language and where its characters stand in the case file.

    `span` is the YAML scalar as it stands in the file, from its first non-blank character (inside quotes, after the
    header of a block) at `line`, `column` (from 1): the i-th non-blank character of `text` is the i-th non-blank
    character of `span`, in every scalar style (escapes in quotes are blanked out to what they stand for).
    """

    text: str
    file: str
    line: int
    column: int
    span: str
    label: str = ""  # the path of keys, e.g. "implementations.by_hand.backward"
    span_column: int = 1  # the column at which `span` starts in its first line; a loaded case has it equal to `column`

    @cached_property
    def _nonblank_in_text(self) -> list[int]:
        return [i for i, c in enumerate(self.text) if not c.isspace()]

    @cached_property
    def _nonblank_in_span(self) -> list[int]:
        return [i for i, c in enumerate(self.span) if not c.isspace()]

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, c in enumerate(self.span) if c == "\n")]

    def place(self, offset: int) -> Place:
        """The place in the file of `text[offset]` (of the end of the text where `offset` is past it)."""
        if not self._nonblank_in_span:
            return Place(self.file, self.line, self.column)
        rank = bisect.bisect_left(self._nonblank_in_text, offset)
        after = 0 < rank <= len(self._nonblank_in_span) and self._nonblank_in_text[rank - 1] == offset - 1
        if after and self.text[offset : offset + 1].isspace():  # the end of a line that is not complete: not the start of the next one
            rank -= 1
        else:
            after = False
        past = rank >= len(self._nonblank_in_span)
        index = self._nonblank_in_span[-1] + 1 if past else self._nonblank_in_span[rank] + after
        row = bisect.bisect_right(self._line_starts, index) - 1
        column = index - self._line_starts[row] + (self.span_column if row == 0 else 1)
        return Place(self.file, self.line + row, column)

    def line_text(self, offset: int) -> str:
        """The line of `span` that holds `text[offset]`, padded so that file columns fit it."""
        place = self.place(offset)
        row = place.line - self.line
        end = self.span.find("\n", self._line_starts[row])
        line = self.span[self._line_starts[row] : end if end >= 0 else len(self.span)]
        return (" " * (self.span_column - 1) if row == 0 else "") + line

    def complaint(self, offset: int, message: str) -> Complaint:
        """A complaint about `text[offset]`."""
        where = f" in {self.label}" if self.label else ""
        return Complaint(self.place(offset), message + where if "{where}" not in message else message.replace("{where}", where), self.line_text(offset))
