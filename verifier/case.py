"""What a case file says, as data: one `Case` per YAML document."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from verifier.errors import Complaint, Place

if TYPE_CHECKING:
    from verifier.drafts import Programs

# the verdicts that a case may expect, in the order of the design's table
VERDICTS = ("correct", "rounding", "unstable", "ill_conditioned", "vanished", "nonfinite", "wrong", "subgradient", "undefined", "undecided")
OVER_LIMIT = "over_limit"  # may be expected, too: the formula is right, and the error is above what the case accepts


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


@dataclass(frozen=True, slots=True)
class Point:
    """One input point: the decimal text of every scalar input, under names such as `x` and `W[0]`."""

    values: tuple[tuple[str, str], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Claim:
    """`gradients: {x: dx}`: the backward name that holds the gradient with respect to an input."""

    input: str
    name: str
    place: Place


@dataclass(frozen=True)
class Implementation:
    """One way to compute the gradient. Without `backward` it is generated from `forward`, gate by gate."""

    name: str
    place: Place
    forward: Source | None = None
    backward: Source | None = None
    gradients: tuple[Claim, ...] | None = None
    adjoints: tuple[tuple[str, Source], ...] = ()
    accept_ulps: str | None = None


@dataclass(frozen=True, slots=True)
class Residual:
    """A difference between implementations, and the value it is expected to have (None: report only)."""

    expression: Source
    expected: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Published:
    """A figure printed in the source: `implementation.name` and its decimal text."""

    implementation: str
    name: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Expectation:
    """A verdict that must occur for `implementation.gradient` at some point."""

    implementation: str
    gradient: str
    verdict: str
    place: Place


@dataclass(frozen=True)
class Case:
    """One document of a case file."""

    name: str
    file: str
    place: Place
    inputs: tuple[str, ...]
    points: tuple[Point, ...]
    implementations: tuple[Implementation, ...]
    function: Source | None = None
    about: str = ""
    source: str = ""
    vectors: tuple[tuple[str, int], ...] = ()  # vector inputs and their lengths
    domain: tuple[tuple[str, tuple[str, str]], ...] = ()  # per scalar input: lowest and highest value, decimal text
    sample: int = 0
    exhaustive: bool = False
    hunt: bool = False
    budget: int = 20_000  # points that a hunt may judge, per implementation
    formats: tuple[str, ...] = ("float64",)
    upstream: str = "1"
    accept_ulps: str | None = None
    residuals: tuple[Residual, ...] = ()
    published: tuple[Published, ...] = ()
    expect: tuple[Expectation, ...] = ()
    programs: Programs | None = field(default=None, compare=False, repr=False)
