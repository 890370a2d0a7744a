"""Where an operation stands in the user's file: the Python stack, the statement around it, and the name that the statement assigns."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from verifier.circuit.program import Line
from verifier.language.source import Place, Source
from verifier.language.user_files import is_of_a_library
from verifier.trace.record import Spot

PACKAGE = str(Path(__file__).resolve().parent.parent)
MOST_POSITIONS = 4_096  # of instructions that are remembered: in a loop they come again, and to find one takes as long as its function is
Offsets = tuple[int, int]


@dataclass(frozen=True)
class StatementPlace:
    """A statement of a file: its span in the text, the name that it assigns, and the span of the value that gets this name."""

    start: int
    end: int
    target: str = ""
    value: Offsets = (-1, -1)
    is_part: bool = False  # `dx[0] = ...`: the name stands for an array of which a part is set
    is_return: bool = False


@dataclass(frozen=True, eq=False)
class File:
    """The text of a file with its statements; equal to itself only."""

    source: Source
    starts: tuple[int, ...]  # where each line begins
    statements: tuple[StatementPlace, ...]
    found: dict[Offsets, StatementPlace] = field(default_factory=dict)  # by span, what `statement` has said
    lines: dict[tuple[int, int, bool], Line] = field(default_factory=dict)  # by span and pass, what `line` has said

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and a column, both from 1."""
        return self.starts[min(line, len(self.starts)) - 1] + column - 1 if line >= 1 else 0

    def statement(self, start: int, end: int) -> StatementPlace:
        """The innermost statement that holds a span; else the line in which it begins."""
        known = self.found.get((start, end))
        if known is None:
            known = self.found[start, end] = self._statement(start, end)
        return known

    def line(self, found: StatementPlace, *, backward: bool) -> Line:
        """A statement as the line of a program: the same object every time."""
        key = found.start, found.end, backward
        if key not in self.lines:
            self.lines[key] = Line(self.source.text[found.start : found.end], self.source, found.start, found.end, backward=backward)
        return self.lines[key]

    def _statement(self, start: int, end: int) -> StatementPlace:
        found = [s for s in self.statements if s.start <= start and end <= s.end]
        if found:
            return min(found, key=lambda s: s.end - s.start)
        text = self.source.text
        first, last = text.rfind("\n", 0, start) + 1, text.find("\n", start)
        last = len(text) if last < 0 else last
        return StatementPlace(first + len(text[first:last]) - len(text[first:last].lstrip()), last)


@cache
def file_of(name: str) -> File | None:
    """A file of Python code, or a cell of a notebook; None where its text is not to be had."""
    lines = linecache.getlines(name)
    if not lines:
        return None
    text = "".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    source = Source(text, name, 1, 1, text)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return File(source, tuple(starts[:-1]), ())
    found = [_statement(node, lines, starts) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return File(source, tuple(starts[:-1]), tuple(found))


def _span(node: ast.stmt | ast.expr, lines: list[str], starts: list[int]) -> Offsets:
    def offset(line: int, column: int) -> int:
        return starts[line - 1] + characters(lines[line - 1], column)

    return offset(node.lineno, node.col_offset), offset(node.end_lineno or node.lineno, node.end_col_offset or 0)


def _statement(node: ast.stmt, lines: list[str], starts: list[int]) -> StatementPlace:
    start, end = _span(node, lines, starts)
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        header = _span(body[0], lines, starts)[0]
        text = "".join(lines)[start:header].rstrip()
        return StatementPlace(start, start + len(text))
    if isinstance(node, ast.Return) and node.value is not None:
        return StatementPlace(start, end, "", _span(node.value, lines, starts), is_return=True)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
    if len(targets) != 1 or getattr(node, "value", None) is None:
        return StatementPlace(start, end)
    target, value = targets[0], _span(node.value, lines, starts)  # type: ignore[attr-defined]
    if isinstance(node, ast.AugAssign):
        value = (start, end)
    if isinstance(target, ast.Name):
        return StatementPlace(start, end, target.id, value)
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        return StatementPlace(start, end, target.value.id, value, is_part=True)
    return StatementPlace(start, end)


def characters(line: str, column: int) -> int:
    """The column in characters of a column in bytes, as Python counts them."""
    return column if line.isascii() else len(line.encode()[:column].decode(errors="ignore"))


def user_frame(outside: tuple[str, ...] = ()) -> FrameType | None:
    """The innermost frame of the stack that is neither of this package nor of a library below one of the folders `outside`."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the stack is what is asked for
    while frame is not None and frame.f_code.co_filename.startswith((PACKAGE, "<frozen", *outside)):
        frame = frame.f_back
    return frame


def raised_at(error: BaseException, *, innermost: bool = False) -> Place | None:
    """The last line of the user's code that an error came through; None where there is none, or (`innermost`) where this package raised it."""
    frames = [(t.tb_frame.f_code.co_filename, t.tb_lineno) for t in _tracebacks(error)]
    if innermost and frames and frames[-1][0].startswith(PACKAGE):
        return None
    return next((Place(file, line, 1) for file, line in reversed(frames) if not is_of_a_library(file)), None)


def _tracebacks(error: BaseException) -> Iterator[TracebackType]:
    found = error.__traceback__
    while found is not None:
        yield found
        found = found.tb_next


_spots: dict[tuple[int, int], tuple[CodeType, Spot]] = {}  # by the identity of code that is kept here (its own hash is that of all it holds, and takes longer) and the instruction


def spot_of(frame: FrameType) -> Spot:
    """Where a frame is at this moment."""
    code, at = frame.f_code, frame.f_lasti
    known = _spots.get((id(code), at))
    if known is None:
        if len(_spots) >= MOST_POSITIONS:
            _spots.clear()
        known = _spots[id(code), at] = code, _spot(code, at, frame.f_lineno)
    return known[1]


def _spot(code: CodeType, lasti: int, line: int) -> Spot:
    name = code.co_filename
    first, last, start, end = position(code, lasti)
    if first is None or last is None or start is None or end is None:
        return Spot(name, line, function=code.co_name)
    begin, finish = linecache.getline(name, first), linecache.getline(name, last)
    return Spot(name, first, characters(begin, start) + 1, last, characters(finish, end) + 1, code.co_name)


def position(code: CodeType, lasti: int) -> tuple[int | None, int | None, int | None, int | None]:
    """First and last line, first and last column (in bytes) of an instruction."""
    return _position(code, code.co_linetable, lasti)


@lru_cache(maxsize=MOST_POSITIONS)
def _position(code: CodeType, table: bytes, lasti: int) -> tuple[int | None, int | None, int | None, int | None]:
    del table  # tells code apart that differs in its places only, which some versions of Python take for equal
    return next(islice(code.co_positions(), lasti // 2, None), (None, None, None, None))
