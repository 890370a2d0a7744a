"""A call of JAX that is recorded once and replayed at other points, operation by operation: the same floats without tracing its Python anew.

JAX traces a rule, a scan or a jitted function again at every call from Python, and compiles it. A recorded call is evaluated one
primitive after the other, as JAX itself does outside of `jit`: it is not compiled as a whole, which would change bits (fused
operations round once), and batched by `vmap` only where every primitive works on each element alone: other kernels may sum in another order. It is believed only if at the first point
it gives the bits of the plain call; Python that asks for numbers which depend on an input cannot be recorded, and is called at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from verifier.trace.jax.concrete import jaxpr_of
from verifier.trace.record import Refusal

CONCRETE = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError, jax.errors.TracerIntegerConversionError, jax.errors.TracerBoolConversionError)

ELEMENTWISE = frozenset(  # primitives that work on each element alone; a broadcast is one of a number, as all arrays are numbers
    "abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e broadcast_in_dim cbrt ceil clamp convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 "
    "expm1 floor ge gt igamma igammac integer_pow is_finite le lgamma log log1p logistic lt max min mul mul_add name ne neg nextafter not or polygamma pow regularized_incomplete_beta rem round rsqrt "
    "select_n sign sin sinh sqrt square stop_gradient sub tan tanh xor zeta".split()
)
CALLS = frozenset("jit pjit closed_call core_call custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr".split())

ForwardBackward = Callable[[Sequence[Any], Sequence[Any]], tuple[Any, Any]]  # inputs, gradients that flow in -> outputs and gradients, as trees


@dataclass(eq=False)
class Replayed:
    """A call with its recordings, by format; None where it is called anew."""

    call: ForwardBackward
    records: dict[str, Any] = field(default_factory=dict)
    known: dict[str, tuple[Sequence[Any], Sequence[Any], tuple[Any, Any]]] = field(default_factory=dict)  # a plain call that was made, by format: inputs, gradients that flow in, outputs and gradients

    def __call__(self, inputs: Sequence[Any], flows: Sequence[Any], form: str) -> tuple[Any, Any]:
        """The outputs and the gradients."""
        if form not in self.records:
            found = self._known(inputs, flows, form) or self.call(inputs, flows)
            self.records[form] = self._recorded(inputs, flows, found)
            return found
        record = self.records[form]
        if record is None:
            return self.call(inputs, flows)
        jaxpr, tree = record
        return jax.tree_util.tree_unflatten(tree, _evaluated(jaxpr, inputs, flows))  # type: ignore[no-any-return]

    def _known(self, inputs: Sequence[Any], flows: Sequence[Any], form: str) -> tuple[Any, Any] | None:
        """What a call at these numbers gave; None where there was none."""
        if form not in self.known:
            return None
        *given, found = self.known[form]
        return found if all(len(a) == len(b) and all(map(_same_bits, a, b)) for a, b in zip(given, (inputs, flows), strict=True)) else None

    def together(self, inputs: Sequence[Any], flows: Sequence[Any], form: str) -> tuple[Any, Any]:
        """The outputs and the gradients at many points, each leaf a column of numbers. Raises Refusal where an operation is not one of each element alone."""
        record = self.records.get(form)
        if record is None:
            raise Refusal("the call is not recorded")
        jaxpr, tree = record
        _only_elementwise(jaxpr.jaxpr)
        return jax.tree_util.tree_unflatten(tree, jax.vmap(lambda x, g: _evaluated(jaxpr, x, g))(list(inputs), list(flows)))  # type: ignore[no-any-return]

    def _recorded(self, inputs: Sequence[Any], flows: Sequence[Any], found: tuple[Any, Any]) -> Any:
        """The recording, where it gives the same bits; else None."""
        trees: list[Any] = []

        def called(_: Any, x: Any, g: Any) -> Any:
            result = self.call(x, g)
            trees.append(jax.tree_util.tree_structure(result))
            return result

        try:
            jaxpr, _ = jaxpr_of(called, (), list(inputs), list(flows))
        except CONCRETE:
            return None
        flat: tuple[list[Any], object] = jax.tree_util.tree_flatten(found)
        leaves, tree = flat
        again = _evaluated(jaxpr, inputs, flows)
        same = tree == trees[-1] and all(_same_bits(a, b) for a, b in zip(leaves, again, strict=True))
        return (jaxpr, tree) if same else None


def _only_elementwise(jaxpr: Any) -> None:
    for equation in jaxpr.eqns:
        inner = [p for v in equation.params.values() if (p := getattr(v, "jaxpr", v)) is not v or hasattr(v, "eqns")]
        if equation.primitive.name not in (CALLS if inner else ELEMENTWISE):
            raise Refusal(f"{equation.primitive.name} is not an operation of each element alone")
        for part in inner:
            _only_elementwise(part)


def _evaluated(jaxpr: Any, inputs: Sequence[Any], flows: Sequence[Any]) -> list[Any]:
    return list(jax.core.eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *jax.tree_util.tree_leaves((list(inputs), list(flows)))))


def _same_bits(first: Any, second: Any) -> bool:
    a, b = np.asarray(first), np.asarray(second)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
