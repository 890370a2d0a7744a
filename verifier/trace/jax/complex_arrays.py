"""The primitives of JAX on complex numbers, each a pair of steps along a last axis of two; Fourier transforms as the sums of products that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace import complex_pairs, fourier
from verifier.trace.complex_pairs import FUNCTIONS_OF_ONE, Pair, RealOrComplex, unstacked
from verifier.trace.jax.elementwise import CASTS
from verifier.trace.jax.jax_array import COMPLEX, ROWS, Context, JaxArray, complex_steps, row
from verifier.trace.jax.moves import DATA
from verifier.trace.matrices import Steps

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

BY_PARTS = (*DATA, "gather", "scatter", "scatter-add", "scatter_add", "scatter-sub", "scatter_sub", "select_n", "add", "sub", "neg", "add_any", "reduce_sum", "cumsum", "reduce_window_sum", "copy", "copy_p", "device_put", "optimization_barrier", "sharding_constraint", "pvary")
FFT, IFFT, RFFT, IRFFT = range(4)  # jax.lax.FftType


def complex_row(*names: str) -> Callable[[Any], Any]:
    """Enter a function in the table of primitives on complex numbers."""
    return row(*names, table=COMPLEX)


def _own(c: Context, value: JaxArray) -> RealOrComplex:
    """The steps of a value: a pair where it is complex."""
    return unstacked(complex_steps(c, value)) if value.kind == "c" else arrays.as_numbers(c.builder, c.steps(value))


# ---------------------------------------------------------------- parts


def _by_parts(name: str) -> Callable[..., Any]:
    """A primitive that acts on real and imaginary parts alike, by the row that it has for numbers."""

    def apply(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Any:
        results = []
        for number, part in enumerate((jnp.real, jnp.imag)):
            given = [JaxArray(part(v.array), complex_steps(c, v)[..., number]) if v.kind == "c" else v for v in operands]
            results.append(ROWS[name](c, eqn, given))
        if eqn.primitive.multiple_results:
            return [Pair(a, b) for a, b in zip(*results, strict=True)]
        return Pair(*results)

    return apply


for _name in BY_PARTS:
    complex_row(_name)(_by_parts(_name))


@complex_row("real", "imag")
def _part(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    steps = complex_steps(c, operands[0])
    return steps[..., 0 if eqn.primitive.name == "real" else 1]


@complex_row("complex")
def _complex(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Pair:
    return Pair(*(c.steps(v) for v in operands))


@complex_row("convert_element_type")
def _convert(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> RealOrComplex:
    (value,) = operands
    both, new = complex_pairs.as_pair(Steps(c.recorder), _own(c, value)), jnp.dtype(eqn.params["new_dtype"])
    if new.kind == "c":
        narrower = new.itemsize < value.array.dtype.itemsize if value.kind == "c" else 2 * value.array.dtype.itemsize > new.itemsize and value.kind == "f"
        return Pair(*(c.apply("float32", p) for p in (both.re, both.im))) if narrower else both
    if new.name not in CASTS:
        raise c.refusal(f"a conversion of complex numbers to {new.name}")
    return c.apply(new.name, both.re) if 2 * new.itemsize < value.array.dtype.itemsize else both.re  # the imaginary part is dropped


# ---------------------------------------------------------------- arithmetic


def _of(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of pairs as the row of a primitive."""
    return lambda c, _, operands: function(Steps(c.recorder), *(_own(c, v) for v in operands))


for _name, _function in FUNCTIONS_OF_ONE.items():
    complex_row(_name)(_of(_function))
complex_row("mul")(_of(complex_pairs.times))
complex_row("div")(_of(complex_pairs.over))
complex_row("conj")(_of(complex_pairs.conjugate))
complex_row("abs")(_of(complex_pairs.size_of))
complex_row("sign")(_of(complex_pairs.direction))
complex_row("pow")(_of(complex_pairs.power))
complex_row("eq")(_of(complex_pairs.equal))
complex_row("ne")(_of(lambda t, a, b: complex_pairs.equal(t, a, b, unequal=True)))
complex_row("rsqrt")(_of(lambda t, a: complex_pairs.over(t, t(1), complex_pairs.sqrt(t, a))))
complex_row("expm1")(_of(lambda t, a: complex_pairs.minus(t, complex_pairs.exp(t, a), t(1))))
complex_row("log1p")(_of(lambda t, a: complex_pairs.log(t, complex_pairs.plus(t, a, t(1)))))


@complex_row("integer_pow")
def _integer_pow(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Pair:
    return complex_pairs.whole_power(Steps(c.recorder), _own(c, operands[0]), int(eqn.params["y"]))


@complex_row("is_finite")
def _is_finite(_: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> JaxArray:
    return JaxArray(eqn.primitive.bind(operands[0].array, **eqn.params))


@complex_row("dot_general", "conv_general_dilated")
def _product(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Pair:
    def product(left: Array, right: Array) -> Array:
        given = [JaxArray(jnp.real(v.array), s) for v, s in zip(operands, (left, right), strict=True)]
        return ROWS[eqn.primitive.name](c, eqn, given)  # type: ignore[no-any-return]

    return complex_pairs.bilinear(Steps(c.recorder), product, *(_own(c, v) for v in operands))


# ---------------------------------------------------------------- Fourier transforms


@complex_row("fft")
def _fft(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> RealOrComplex:
    """Along the last axes; the inverse ones are over the number of components of the signal."""
    kind, lengths = int(eqn.params["fft_type"]), eqn.params["fft_lengths"]
    t, a = Steps(c.recorder), _own(c, operands[0])
    axes = [k - len(lengths) for k in range(len(lengths))]
    if kind == RFFT:
        return fourier.half_spectrum(t, a, axes)
    if kind == FFT:
        return fourier.transformed_all(t, a, axes, sign=-1)
    found: RealOrComplex = fourier.from_half_spectrum(t, a, axes, lengths[-1]) if kind == IRFFT else fourier.transformed_all(t, a, axes, sign=1)
    return fourier.scaled(t, found, t(int(np.prod(lengths))))
