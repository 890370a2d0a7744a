"""Our frozen dataclasses as JSON and back, by their annotations: what is read from a disk is data, and nothing in it is executed."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


class Foreign(ValueError):
    """A text that does not hold a value of the type that `read` was given."""


def plain(value: Any) -> Any:
    """A value of numbers, texts, enums, tuples, lists, sets, dicts and dataclasses as what JSON knows.

    >>> plain((1, {0.5: 2}))
    [1, [[0.5, 2]]]
    """
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, frozenset):
        return [plain(v) for v in sorted(value)]
    if isinstance(value, dict):
        return [[plain(k), plain(v)] for k, v in value.items()]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{type(value).__name__} is not plain data")


def read(kind: Any, value: Any) -> Any:
    """The value of type `kind` from which `plain` made this data. Raises Foreign.

    >>> read(tuple[int, dict[float, int]], [1, [[0.5, 2]]])
    (1, {0.5: 2})
    """
    return _reader(kind)(value)


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _any_of([_reader(a) for a in args])
    if origin is tuple and args[-1:] != (...,):
        return _row(tuple, [_reader(a) for a in args])
    if origin in (tuple, list, frozenset):
        inner = _reader(args[0])
        return lambda value: origin(inner(v) for v in _listed(value))
    if origin is dict:
        pair = _row(tuple, [_reader(a) for a in args])
        return lambda value: dict(pair(v) for v in _listed(value))
    if kind is Any:
        return _texts
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        make: Any = kind
        return _row(lambda values: make(*values), [_reader(hints[f.name]) for f in dataclasses.fields(kind)])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: _member(kind, value)
    return lambda value: _scalar(kind, value)


def _any_of(readers: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def read_any(value: Any) -> Any:
        for reader in readers:
            try:
                return reader(value)
            except Foreign:
                continue
        raise Foreign(f"{value!r:.80} is of no type that may stand here")

    return read_any


def _row(make: Callable[[Any], Any], readers: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def read_row(value: Any) -> Any:
        if len(_listed(value)) != len(readers):
            raise Foreign(f"{len(value)} values, and {len(readers)} belong here")
        return make(reader(v) for reader, v in zip(readers, value, strict=True))

    return read_row


def _texts(value: Any) -> Any:
    """What is declared as Any: a text, or texts nested in tuples (the values of an array at a point)."""
    return tuple(_texts(v) for v in value) if isinstance(value, list) else _scalar(str, value)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Foreign(f"{value!r:.80} is no list")
    return value


def _member(kind: type[Enum], value: Any) -> Enum:
    try:
        return kind(value)
    except ValueError as error:
        raise Foreign(str(error)) from None


def _scalar(kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if value is None and kind in (None, types.NoneType):
        return None
    if type(value) is not kind or kind not in (bool, int, float, str):
        raise Foreign(f"{value!r:.80} is no {getattr(kind, '__name__', kind)}")
    return value
