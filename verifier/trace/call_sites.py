"""Whether a function is called by the line of Python that stands last on the stack, and not by compiled code that this line calls: Cython has no frames of its own."""

from __future__ import annotations

import builtins
import dis
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

_NAMES = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_CLOSURE")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
MOST_CODES = 4_096


def calls(frame: FrameType, name: str, function: Any) -> bool:
    """Whether the instruction at which a frame is calls `function`, of this name in its module."""
    found = _called(frame.f_code, frame.f_lasti)
    if found is None:  # Python runs without columns (-X no_debug_ranges): the name must stand in the code at least
        return name in frame.f_code.co_names
    own, is_attribute = found
    if is_attribute:
        return own == name
    for space in (frame.f_locals, frame.f_globals, vars(builtins)):
        if own in space:
            return space[own] is function
    return False


def called_method(frame: FrameType | None) -> str:
    """The name of the attribute that the instruction at which a frame is calls; '' where it calls none."""
    found = None if frame is None else _called(frame.f_code, frame.f_lasti)
    return found[0] if found is not None and found[1] else ""


@lru_cache(maxsize=MOST_CODES)
def _called(code: CodeType, lasti: int) -> tuple[str, bool] | None:
    """The name of what an instruction calls, and whether it is an attribute; ('', False) where it is called by no name, None where columns are not known."""
    spans = list(code.co_positions())
    line, end_line, column, end = spans[lasti // 2]
    if line is None or end_line is None or column is None or end is None:
        return None
    best = ("", False)
    for instruction in dis.get_instructions(code):
        if instruction.offset >= lasti:
            break
        where = spans[instruction.offset // 2]
        if (where[0], where[2]) != (line, column) or (where[1] or 0, where[3] or 0) >= (end_line, end):
            continue
        if instruction.opname.startswith(_ATTRIBUTES):
            best = (str(instruction.argval), True)
        elif instruction.opname.startswith(_NAMES):
            best = (str(instruction.argval), False)
    return best


__all__ = ["called_method", "calls"]
