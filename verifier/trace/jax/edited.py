"""A call of JAX whose functions are edited again and again: what an edit cannot change is computed once, and the rest near enough by NumPy, with nothing compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import Any, TypeAlias

import jax

from verifier.trace.jax.in_numpy import evaluated
from verifier.trace.jax.replay import CONCRETE

Pull: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]  # the gradients that flow in -> the gradients of the inputs


@dataclass(eq=False)
class EditedCall:
    """A call at inputs that stay the same. The first one is made before any edit."""

    differentiated: Callable[[Sequence[Any]], tuple[Sequence[Any], Pull]]  # inputs -> outputs, and what gives the gradients
    functions: Sequence[FunctionType]
    codes: list[CodeType] = field(default_factory=list)  # of the functions, before any edit
    forward: frozenset[CodeType] | None = None  # what runs before the gradients are asked for; None where that is not known
    known: tuple[Sequence[Any], Pull] | None = None  # of the code before any edit

    def __call__(self, inputs: Sequence[Any], flows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """The outputs and the gradients of the code as it is."""
        if self.known is None:
            outputs, gradients = self._whole(inputs, flows)
            self.codes = [f.__code__ for f in self.functions]
            self.known = outputs, self._watched(inputs)
            return outputs, gradients
        outputs, pull = self.known
        edited = [code for f, code in zip(self.functions, self.codes, strict=True) if f.__code__ is not code]
        if self.forward is None or any(code in self.forward for code in edited):
            return self._whole(inputs, flows)
        return outputs, _of_numbers(pull, flows)

    def plainly(self, inputs: Sequence[Any], flows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """The outputs and the gradients, by JAX."""
        outputs, pull = self.differentiated(inputs)
        return outputs, pull(flows)

    def _whole(self, inputs: Sequence[Any], flows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        found = _of_numbers(lambda both: [*(pair := self.plainly(both[: len(inputs)], both[len(inputs) :]))[0], *pair[1]], [*inputs, *flows])
        return found[: -len(inputs)], found[-len(inputs) :]

    def _watched(self, inputs: Sequence[Any]) -> Pull:
        """What gives the gradients; which code runs before is seen."""
        if sys.getprofile() is not None:  # somebody else is looking
            return self.differentiated(inputs)[1]
        seen: set[CodeType] = set()

        def look(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                seen.add(frame.f_code)

        sys.setprofile(look)
        try:
            pull = self.differentiated(inputs)[1]
        finally:
            sys.setprofile(None)
        self.forward = frozenset(seen)
        return pull


def _of_numbers(function: Callable[[Sequence[Any]], Sequence[Any]], given: Sequence[Any]) -> Sequence[Any]:
    """What a function gives for these arrays, by NumPy; by JAX where Python asks for numbers that depend on them."""
    try:
        jaxpr = jax.make_jaxpr(partial(function))(list(given))  # new every time, as JAX keeps what it has made of a function
    except CONCRETE:
        return function(given)
    return evaluated(jaxpr.jaxpr, jaxpr.consts, given)


__all__ = ["EditedCall"]
