"""What can be wrong with what a user wrote: a complaint has a place, a case error has all complaints of a file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


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
        caret = " " * (len(margin) - 2) + "| " + " " * (self.place.column - 1) + "^"
        return f"{head}\n{margin}{self.line_text}\n{caret}"


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
