"""Writes of traced values into arrays that are plain: from there on the name stands for a traced array.

NumPy's compiled code writes numbers, and the array has no room for steps. So what holds the array (a local name, an attribute, an element)
gets a traced one in its place, which is written into, and the plain one gets NaN: whoever still reads it by another name gets NaN, the
outputs are not what NumPy computes, and the trace is not believed. Afterwards all is as before.
"""

from __future__ import annotations

import ast
import ctypes
import dis
import linecache
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

WRITES = ("STORE_SUBSCR", "STORE_SLICE")  # instructions
PURE = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Slice, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)  # expressions that may be evaluated once more
REBOUND_BY_C = sys.version_info < (3, 13)  # since then what is written into f_locals is seen by the code


def writes_part(frame: FrameType) -> bool:
    """Whether a frame is at a statement `array[index] = value`."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in WRITES if frame.f_lasti >= 0 else False


def part_written(frame: FrameType, new: Any, traced: Callable[[Any], Any], undo: list[Callable[[], None]]) -> bool:
    """Write `new` where the statement of the frame writes, into a traced array in the place of the plain one, which `traced` makes of it. Whether that could be done."""
    target = _node(frame.f_code, frame.f_lasti)
    if not isinstance(target, ast.Subscript) or not all(isinstance(n, PURE) for n in ast.walk(target)):
        return False
    try:
        array, index = _value(target.value, frame), _value(_as_index(target.slice), frame)
    except Exception:  # noqa: BLE001 - the user's objects: whatever they raise, the write is refused
        return False
    if not _is_writable(array):
        return False
    own = traced(array)
    if not _rebind(target.value, frame, own, undo):
        return False
    own[index] = new
    poison(array, undo)
    return True


def argument_written(frame: FrameType | None, array: Any, traced: Callable[[Any], Any], undo: list[Callable[[], None]]) -> Any:
    """The traced array in the place of a plain one that the call at hand of the frame has as its first argument, in whatever holds it; None where that cannot be."""
    call = _node(frame.f_code, frame.f_lasti) if frame is not None else None
    if frame is None or not isinstance(call, ast.Call) or not call.args or not all(isinstance(n, PURE) for n in ast.walk(call.args[0])) or not _is_writable(array):
        return None
    try:
        if _value(call.args[0], frame) is not array:
            return None
        own = traced(array)
        if not _rebind(call.args[0], frame, own, undo):
            return None
    except Exception:  # noqa: BLE001 - the user's objects: whatever they raise, the write is refused
        return None
    poison(array, undo)
    return own


def _is_writable(array: Any) -> bool:
    return type(array) is np.ndarray and array.dtype.kind == "f" and array.flags.writeable


def poison(array: Any, undo: list[Callable[[], None]]) -> None:
    """NaN for all elements of an array that is plain, until it is undone."""
    before = array.copy()

    def restore() -> None:
        array[...] = before

    undo.append(restore)
    array[...] = np.nan


def _node(code: CodeType, lasti: int) -> ast.expr | None:
    """The expression that an instruction is about, from the source: of a write the `array[index]` that is written into."""
    line, end_line, column, end = list(code.co_positions())[lasti // 2]
    if line is None or end_line is None or column is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, k).encode() for k in range(line, end_line + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][column:]
    try:
        return ast.parse(f"({b''.join(lines).decode()})", mode="eval").body
    except (SyntaxError, UnicodeDecodeError):
        return None


def _as_index(node: ast.expr) -> ast.expr:
    """A subscript as an expression of its own, with slices as calls."""

    class Slices(ast.NodeTransformer):
        def visit_Slice(self, node: ast.Slice) -> ast.expr:
            parts = [p if p is not None else ast.Constant(None) for p in (node.lower, node.upper, node.step)]
            return ast.Call(ast.Name("__slice", ast.Load()), parts, [])

    found: ast.expr = Slices().visit(node)
    return found


def _value(node: ast.expr, frame: FrameType) -> Any:
    tree = ast.fix_missing_locations(ast.Expression(node))
    return eval(compile(tree, "<index>", "eval"), {**frame.f_globals, "__slice": slice}, dict(frame.f_locals))  # noqa: S307 - the user's own code, of names, attributes and subscripts only


def _rebind(holder: ast.expr, frame: FrameType, new: Any, undo: list[Callable[[], None]]) -> bool:
    """Put a traced array where a name, an attribute or an element holds the plain one."""
    if isinstance(holder, ast.Name):
        if holder.id not in frame.f_locals or holder.id in frame.f_code.co_freevars or frame.f_locals is frame.f_globals:
            return False
        names = frame.f_locals
        names[holder.id] = new
        if REBOUND_BY_C:
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
        return True
    if isinstance(holder, ast.Attribute):
        owner = _value(holder.value, frame)
        old = vars(owner).get(holder.attr) if hasattr(owner, "__dict__") else None
        if old is None:
            return False
        setattr(owner, holder.attr, new)
        undo.append(lambda: setattr(owner, holder.attr, old))
        return True
    if isinstance(holder, ast.Subscript):
        owner, key = _value(holder.value, frame), _value(_as_index(holder.slice), frame)
        if type(owner) not in (dict, list):
            return False
        before = owner[key]
        owner[key] = new
        undo.append(lambda: owner.__setitem__(key, before))
        return True
    return False


__all__ = ["argument_written", "part_written", "poison", "writes_part"]
