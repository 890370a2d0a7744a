"""Numbers for Python code while it is traced: `if p[0] > 0:` where `p` is fixed, as in a plain call of JAX, and a condition on an input as it is at the point.

In a plain call JAX has the numbers of every array. While a jaxpr is made it has none, not even of arrays that depend on no input, so
code that is right would be refused. Here the numbers that Python asks for are computed from the equations so far; nothing in the jaxpr becomes a constant by that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from verifier.trace.jax.equation_places import OF_JAX, OUTSIDE
from verifier.trace.places import spot_of
from verifier.trace.record import Spot

try:
    from jax._src import core
    from jax._src.interpreters.partial_eval import DynamicJaxprTrace, DynamicJaxprTracer
except ImportError:  # another release of JAX: no numbers while it traces
    core = DynamicJaxprTrace = DynamicJaxprTracer = None  # type: ignore[assignment,misc]
HAS_NUMBERS = DynamicJaxprTracer is not None and hasattr(DynamicJaxprTracer, "to_concrete_value") and hasattr(core, "eval_context") and hasattr(core, "set_current_trace")
RULES = ("process_custom_jvp_call", "process_custom_vjp_call")


@dataclass(eq=False)
class TracedNumbers:
    """The numbers of the variables of one trace. With `follows` the truth values and whole numbers that depend on an input are given as well, and are in `asked`."""

    trace: Any
    values: dict[Any, Any]
    follows: bool
    depends: set[Any] = field(default_factory=set)
    asked: list[tuple[Any, Spot | None]] = field(default_factory=list)

    def of(self, tracer: Any, *, only_fixed: bool = False) -> Any:
        """The number of a traced value; None where it is not given."""
        if tracer._trace is not self.trace:  # noqa: SLF001 - of a function that JAX compiles: no numbers in a plain call either
            return None
        variable = tracer.val
        if not hasattr(variable, "aval") or hasattr(variable, "val"):
            return variable.val
        self._reach(variable)
        if variable not in self.values:
            return None
        value = self.values[variable]
        if variable in self.depends:
            if only_fixed or not self.follows or jnp.issubdtype(value.dtype, jnp.inexact):
                return None
            if not any(t.val is variable for t, _ in self.asked):
                self.asked.append((tracer, _spot()))
        return value

    def _reach(self, variable: Any) -> None:
        """The values of a variable and of all that it is made of."""
        frame = self.trace.frame
        for var, const in frame.constvar_to_val.copy().items():
            self.values.setdefault(var, const)
        wanted, needed = {variable} - self.values.keys(), []
        for eqn in reversed(frame.get_eqns()):
            if wanted.intersection(eqn.outvars):
                needed.append(eqn)
                wanted |= {v for v in eqn.invars if not hasattr(v, "val") and v not in self.values}
        for eqn in reversed(needed):
            with core.eval_context():
                found = eqn.primitive.bind(*(v.val if hasattr(v, "val") else self.values[v] for v in eqn.invars), **eqn.primitive.get_bind_params(eqn.params))
            self.values.update(zip(eqn.outvars, found if eqn.primitive.multiple_results else [found], strict=True))
            if any(not hasattr(v, "val") and v in self.depends for v in eqn.invars):
                self.depends.update(eqn.outvars)


def _spot() -> Spot | None:
    """Where the user's code is at this moment."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the stack is where the line is
    while frame is not None and frame.f_code.co_filename.startswith(OUTSIDE):
        frame = frame.f_back
    return spot_of(frame) if frame is not None else None


@contextmanager
def _instead(kind: Any, methods: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """While it lasts, a class of JAX has these methods."""
    before = {name: kind.__dict__.get(name) for name in methods}
    for name, method in methods.items():
        setattr(kind, name, method)
    try:
        yield
    finally:
        for name, method in before.items():
            if method is None:
                delattr(kind, name)
            else:
                setattr(kind, name, method)


@contextmanager
def _answering(numbers: TracedNumbers) -> Iterator[None]:
    """While it lasts, the values of a trace answer Python with their numbers, and with `follows` the function of a custom rule is called as in a plain call, not made a jaxpr of its own."""
    plain = DynamicJaxprTracer.to_concrete_value

    def concrete(self: Any) -> Any:
        found = numbers.of(self)
        return plain(self) if found is None else found

    def converted(name: str, convert: Callable[..., Any]) -> Callable[..., Any]:
        before = getattr(DynamicJaxprTracer, name)

        def answer(self: Any, *args: Any, **options: Any) -> Any:
            found = numbers.of(self, only_fixed=True)  # a number that depends on an input would become a constant
            return before(self, *args, **options) if found is None else convert(found, *args, **options)

        return answer

    def called(name: str) -> Callable[..., Any]:
        before = getattr(DynamicJaxprTrace, name)

        def process(self: Any, primitive: Any, function: Any, *rest: Any, **params: Any) -> Any:
            if self is not numbers.trace or not numbers.follows or OF_JAX in str(function.debug_info.func_src_info):
                return before(self, primitive, function, *rest, **params)
            with core.set_current_trace(self):
                return function.call_wrapped(*rest[-1])

        return process

    answers = {name: converted(name, convert) for name, convert in (("__float__", float), ("__complex__", complex), ("__array__", np.asarray), ("tolist", lambda v: np.asarray(v).tolist()))}
    with _instead(DynamicJaxprTracer, {"to_concrete_value": concrete, **answers}), _instead(DynamicJaxprTrace, {name: called(name) for name in RULES}):
        yield


def jaxpr_of(function: Callable[..., Any], fixed: Sequence[Any], *inputs: Any, follows: bool = False) -> tuple[Any, list[Spot | None]]:
    """The jaxpr of `function(fixed, *inputs)` at these numbers, and where Python asked for such as depend on the inputs: they are its last results."""
    spots: list[Spot | None] = []
    if not HAS_NUMBERS:
        return jax.make_jaxpr(function)(fixed, *inputs), spots

    def whole(given: Any, *rest: Any) -> Any:
        leaves, numbers = jax.tree_util.tree_leaves((given, rest)), jax.tree_util.tree_leaves((fixed, inputs))
        pairs = [(t, v) for t, v in zip(leaves, numbers, strict=True) if isinstance(t, DynamicJaxprTracer)]
        if not pairs:
            return function(given, *rest), ()
        moving = {id(t) for t in jax.tree_util.tree_leaves(rest)}
        known = TracedNumbers(pairs[0][0]._trace, {t.val: v for t, v in pairs}, follows, {t.val for t, _ in pairs if id(t) in moving})  # noqa: SLF001 - what is asked for belongs to this trace
        with _answering(known):
            found = function(given, *rest)
        spots.extend(s for _, s in known.asked)
        return found, tuple(t for t, _ in known.asked)

    return jax.make_jaxpr(whole)(fixed, *inputs), spots
