"""Where an equation of a jaxpr stands in the user's file; the lines of a `bwd`, which JAX gives the place of the call, are had as well."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jaxlib

from verifier.language.source import Place
from verifier.trace.jax.rule_results import marked
from verifier.trace.places import PACKAGE, characters, position
from verifier.trace.record import Spot

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

OUTSIDE = (PACKAGE, "<frozen", "<string>", str(Path(jax.__file__).parent), str(Path(jaxlib.__file__).parent), str(Path(linecache.__file__).parent / "contextlib.py"), str(Path(linecache.__file__).parent / "functools.py"))
OF_JAX = f" at {Path(jax.__file__).parent}"  # in what JAX says of where a function of its own stands
JIT = ("pjit.py", "api.py")  # where JAX traces a jitted function


@dataclass(frozen=True)
class Where:
    """The spot of an equation, which call of it, and how far in the code object."""

    spot: Spot
    run: int
    instruction: int
    is_library: bool = False  # a function of JAX itself is called here


def where(eqn: JaxprEqn, outer: Where | None) -> Where | None:
    """Where an equation stands. One inside a jitted function of a library stands where that was called, `outer`: JAX traces it once for all calls."""
    traceback = getattr(eqn.source_info, "traceback", None)
    if traceback is None:
        return outer
    codes, instructions = traceback.raw_frames()
    for k, (code, lasti) in enumerate(zip(codes, instructions, strict=True)):
        name = code.co_filename
        if name.startswith(OUTSIDE):
            if outer is not None and outer.is_library and name.endswith(JIT) and k and "_src" in name:
                return outer
            continue
        first, last, start, end = position(code, lasti)
        if first is None or last is None or start is None or end is None:
            break
        begin, finish = linecache.getline(name, first), linecache.getline(name, last)
        spot = Spot(name, first, characters(begin, start) + 1, last, characters(finish, end) + 1, code.co_name)
        return Where(spot, hash(tuple((id(c), i) for c, i in zip(codes[k + 1 :], instructions[k + 1 :], strict=True))), lasti)
    return outer


def is_of_a_library(called: Any) -> bool:
    """Whether a jaxpr is that of a function of JAX itself, not of the user."""
    info = getattr(getattr(called, "jaxpr", called), "debug_info", None)
    return OF_JAX in str(getattr(info, "func_src_info", ""))


def last_place(error: BaseException) -> Place | None:
    """Where in the user's file an error was raised."""
    found, traceback = None, error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(OUTSIDE):
            found = Place(name, traceback.tb_lineno, 1)
        traceback = traceback.tb_next
    return found


@contextmanager
def own_lines() -> Iterator[None]:
    """While a backward pass is traced, the equations of every `bwd` get their own lines instead of that of the call."""
    try:
        from jax._src import source_info_util
        from jax._src.interpreters import ad

        (primitive,) = (p for p in ad.primitive_transposes if str(p) == "custom_lin")
        rule, held, blank = ad.primitive_transposes[primitive], source_info_util._source_info_context, source_info_util.SourceInfo  # noqa: SLF001 - there is no other way to the place that JAX gives to equations
    except (ImportError, AttributeError, ValueError):  # another release of JAX: the lines are those of the calls
        yield
        return

    def with_own_lines(*args: Any, **params: Any) -> Any:
        before = held.context
        held.context = blank(None, before.name_stack)
        try:
            return marked(rule(*args, **params), params)
        finally:
            held.context = before

    ad.primitive_transposes[primitive] = with_own_lines
    try:
        yield
    finally:
        ad.primitive_transposes[primitive] = rule
