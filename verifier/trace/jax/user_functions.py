"""The functions of the user of which a callable of JAX is made: its rules, its own code, and those functions that they name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import numpy as np

from verifier.trace.reached import plain_function, reached

FRAMEWORK, NUMPY = (str(Path(str(m.__file__)).parent) for m in (jax, np))
RULES = (("bwd", 0), ("jvp", 0), ("fwd", 1))  # what a function with a derivative rule holds, and in which order it is looked at
OTHERS = 2


def functions_of(*callables: Any) -> tuple[FunctionType, ...]:
    """The functions of the user of which callables are made, backward passes and rules of tangents first, then the forward passes of rules."""
    ranks: dict[FunctionType, int] = {}

    def parts(value: Any) -> Iterator[FunctionType]:
        for rank, part in _parts(value):
            ranks[part] = min(rank, ranks.get(part, rank))
            yield part

    given = [c if inspect.isroutine(c) or hasattr(c, "__wrapped__") or isinstance(c, partial) else c.__call__ for c in callables if callable(c)]
    found = reached(given, parts=parts, is_own=lambda f: not f.__code__.co_filename.startswith((FRAMEWORK, NUMPY, "<")))
    return tuple(sorted(found, key=ranks.__getitem__))


def _parts(value: Any) -> Iterator[tuple[int, FunctionType]]:
    """The functions of which a callable is made, each with its rank: those of its rule, and what decorators and transformations wrap."""
    while value is not None:
        while isinstance(value, partial):
            value = value.func
        if isinstance(value, jax.custom_vjp | jax.custom_jvp):
            for name, rank in RULES:
                yield from ((rank, f) for f in _of_rule(getattr(value, name, None)))
        if not hasattr(value, "__wrapped__"):
            plain = plain_function(value)
            if plain is not None:
                yield OTHERS, plain
        value = getattr(value, "__wrapped__", None)


def _of_rule(rule: Any) -> Iterator[FunctionType]:
    """The function of a rule; those of `defjvps`, which JAX calls from one of its own."""
    function = plain_function(rule)
    if function is None:
        return
    if not function.__code__.co_filename.startswith(FRAMEWORK):
        yield function
        return
    for cell in function.__closure__ or ():
        held = cell.cell_contents
        yield from (f for part in (held if isinstance(held, tuple) else ()) if (f := plain_function(part)) is not None)


__all__ = ["FRAMEWORK", "functions_of"]
