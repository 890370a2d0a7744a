"""A call of JAX that is recorded once and replayed at other points, operation by operation: the same floats without tracing its Python anew.

JAX traces a rule, a scan or a jitted function again at every call from Python, and compiles it. A recorded call is evaluated one
primitive after the other, as JAX itself does outside of `jit`: it is not compiled as a whole, which would change bits (fused
operations round once), nor batched by `vmap`, whose kernels may sum in another order. It is believed only if at the first point
it gives the bits of the plain call; Python that asks for the numbers of an array cannot be recorded, and is called at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

CONCRETE = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError, jax.errors.TracerIntegerConversionError, jax.errors.TracerBoolConversionError)

ForwardBackward = Callable[[Sequence[Any], Sequence[Any]], tuple[Any, Any]]  # inputs, gradients that flow in -> outputs and gradients, as trees


@dataclass(eq=False)
class Replayed:
    """A call with its recordings, by format; None where it is called anew."""

    call: ForwardBackward
    records: dict[str, Any] = field(default_factory=dict)

    def __call__(self, inputs: Sequence[Any], flows: Sequence[Any], form: str) -> tuple[Any, Any]:
        """The outputs and the gradients."""
        if form not in self.records:
            found = self.call(inputs, flows)
            self.records[form] = self._recorded(inputs, flows, found)
            return found
        record = self.records[form]
        if record is None:
            return self.call(inputs, flows)
        jaxpr, tree = record
        return jax.tree_util.tree_unflatten(tree, _evaluated(jaxpr, inputs, flows))  # type: ignore[no-any-return]

    def _recorded(self, inputs: Sequence[Any], flows: Sequence[Any], found: tuple[Any, Any]) -> Any:
        """The recording, where it gives the same bits; else None."""
        try:
            jaxpr, shape = jax.make_jaxpr(self.call, return_shape=True)(list(inputs), list(flows))
        except CONCRETE:
            return None
        leaves, tree = jax.tree_util.tree_flatten(found)
        again = _evaluated(jaxpr, inputs, flows)
        same = tree == jax.tree_util.tree_structure(shape) and all(_same_bits(a, b) for a, b in zip(leaves, again, strict=True))
        return (jaxpr, tree) if same else None


def _evaluated(jaxpr: Any, inputs: Sequence[Any], flows: Sequence[Any]) -> list[Any]:
    return list(jax.core.eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *jax.tree_util.tree_leaves((list(inputs), list(flows)))))


def _same_bits(first: Any, second: Any) -> bool:
    a, b = np.asarray(first), np.asarray(second)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
