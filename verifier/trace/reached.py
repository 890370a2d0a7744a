"""The functions of the user that a callable runs: those that it calls by name, holds in a closure, or that its objects have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

MOST = 200  # functions


def plain_function(function: Any) -> FunctionType | None:
    """The function of a method, of a `partial`, of what a decorator wraps; None where there is none of Python."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    try:
        function = inspect.unwrap(function)
    except ValueError:
        return None
    return function if isinstance(function, FunctionType) else None


def _only(value: Any) -> Iterator[FunctionType]:
    function = plain_function(value)
    if function is not None:
        yield function


def reached(functions: Iterable[Any], owners: Iterable[Any] = (), *, parts: Callable[[Any], Iterable[FunctionType]] = _only, is_own: Callable[[FunctionType], bool] | None = None) -> tuple[FunctionType, ...]:
    """The functions, and those that they reach by a name, in the order in which they are found. `owners` are objects whose methods they may call.

    `parts` are the functions of which a value is made that a name stands for. `is_own` says which functions are looked at: by default those of the files of the first ones.
    """
    pending = [f for value in functions for f in parts(value)]
    files = {f.__code__.co_filename for f in pending}
    objects = list(owners)
    found: dict[FunctionType, None] = {}
    while pending and len(found) < MOST:
        function = pending.pop(0)
        if function in found or not (function.__code__.co_filename in files if is_own is None else is_own(function)):
            continue
        found[function] = None
        pending += [f for value in _named(function, objects) for f in parts(value)]
    return tuple(found)


def _named(function: FunctionType, owners: list[Any]) -> Iterator[Any]:
    """What the names in a function stand for: variables of its module and of modules that it names, of outer functions, attributes of objects."""
    names = dict.fromkeys(n for code in _within(function.__code__) for n in code.co_names)
    known = [*(function.__globals__[n] for n in names if n in function.__globals__), *_held(function)]
    yield from known
    yield from (vars(m)[n] for m in known if isinstance(m, ModuleType) for n in names if n in vars(m))
    for owner in owners:
        held: Mapping[str, Any] = getattr(owner, "__dict__", {})
        yield from (held[n] if n in held else inspect.getattr_static(owner, n) for n in names if n in held or hasattr(type(owner), n))


def _held(function: FunctionType) -> Iterator[Any]:
    """What the variables of outer functions stand for that a function reads."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet set
            continue


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant)


__all__ = ["plain_function", "reached"]
