"""The values of a jaxpr as it is interpreted: JAX's own array, and the steps that it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

ADVICE = "give function=, the formula as text, so that the returned numbers can be checked without a trace, or leave this operation out of what is differentiated"


@dataclass(frozen=True, eq=False)
class JaxArray:
    """An array of JAX with its steps; whole numbers and truth values that depend on no input have none (`steps` is None). Those of complex numbers have a last axis more, of the two parts."""

    array: Any
    steps: Array | None = None

    @property
    def known(self) -> bool:
        """Whether it depends on no input."""
        return self.steps is None

    @property
    def kind(self) -> str:
        """'f' for numbers, 'c' for complex numbers, 'i' for whole numbers, 'b' for truth values, '?' for anything else."""
        dtype = self.array.dtype
        for mark, family in (("f", jnp.floating), ("c", jnp.complexfloating), ("b", np.bool_), ("i", np.integer)):
            if jnp.issubdtype(dtype, family):
                return mark
        return "?"


@dataclass(frozen=True, eq=False)
class Bits(JaxArray):
    """The bits of numbers, read as whole numbers; `steps` are those of the numbers. Only their signs can be had."""


Row: TypeAlias = "Callable[[Context, JaxprEqn, list[JaxArray]], Any]"  # (context, equation, operands) -> steps of the results, or JaxArrays
ROWS: dict[str, Row] = {}
COMPLEX: dict[str, Row] = {}  # the same, where an operand or a result is complex; their steps may be a Pair


def row(*names: str, table: dict[str, Row] = ROWS) -> Callable[[Row], Row]:
    """Enter a function in a table of primitives."""

    def enter(function: Row) -> Row:
        for name in names:
            table[name] = function
        return function

    return enter


@dataclass(eq=False)
class Context:
    """What the functions of the table may use."""

    recorder: Recorder

    @property
    def builder(self) -> Any:
        """The Builder of the steps."""
        return self.recorder.builder

    def steps(self, value: JaxArray) -> Array:
        """The steps of a value; those of data are constants, each float itself."""
        if value.steps is not None:
            return value.steps
        if value.kind in "c?":
            raise self.refusal(f"an array of dtype {value.array.dtype} among the numbers")
        data = np.asarray(value.array)
        return self.recorder.constants(data if data.dtype.kind in "bui" else data.astype(np.float64))

    def number(self, text: str) -> Array:
        """A number as a step without axes."""
        return np.array(arrays.literal(self.builder, text))

    def apply(self, gate: str, *operands: Array) -> Array:
        """A gate on every component."""
        return arrays.elementwise(self.builder, gate, *(np.asarray(o) for o in operands))

    def refusal(self, what: str) -> Refusal:
        """What cannot be traced, with its place."""
        return Refusal(what, self.recorder.place(), ADVICE, self.recorder.forward())

    def frozen(self, value: JaxArray) -> Any:
        """The array of a condition or an index, which then decides the path of the code."""
        if value.steps is not None:
            b = self.builder
            flat = value.steps.ravel()
            for step, holds in zip(flat.tolist(), np.asarray(value.array).ravel().tolist(), strict=True):
                if b.boolean(step):
                    self.recorder.branch(step, holds=bool(holds))
                elif b.steps[step].gate != "number":
                    self.recorder.branch(int(self.apply("eq", np.array(step), self.number(str(int(holds))))), holds=True)
        return value.array


def complex_steps(c: Context, value: JaxArray) -> Array:
    """The steps of complex numbers, both parts along the last axis; those of data are constants."""
    return c.recorder.constants(parts_of(value.array)) if value.steps is None else value.steps


def moved(primitive: Any, data: Sequence[Array], rest: Sequence[Any] = (), **params: Any) -> Any:
    """A primitive that only moves components, run by JAX on the numbers of the steps."""
    found = primitive.bind(*(jnp.asarray(np.array(d, dtype=np.int32, order="C")) for d in data), *rest, **params)
    return [np.asarray(f, dtype=np.int64) for f in found] if primitive.multiple_results else np.asarray(found, dtype=np.int64)


def in_double(array: Any) -> Any:
    """Numbers of any format as the float64 that they are."""
    return np.asarray(array).astype(np.float64)


def parts_of(array: Any) -> Any:
    """The parts of complex numbers along a last axis, as the float64 that they are."""
    both = np.asarray(array).astype(np.complex128)
    return np.stack([both.real, both.imag], axis=-1)


def jax_version() -> str:
    """The version of JAX."""
    return str(jax.__version__)
