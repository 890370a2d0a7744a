"""Rows of aten operations on complex numbers, each a pair of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace import complex_pairs, fourier
from verifier.trace.complex_pairs import FUNCTIONS_OF_ONE, Pair, RealOrComplex, turned
from verifier.trace.matrices import each, solved_by
from verifier.trace.record import Refusal
from verifier.trace.torch.elementwise import cast
from verifier.trace.torch.memory import physical
from verifier.trace.torch.mode import COMPLEX, ROWS, Tracer, row
from verifier.trace.torch.moves import LINEAR, MOVES

BY_PARTS = (*MOVES, *LINEAR, "sum", "mean", "neg", "cumsum", "where", "masked_fill", "scatter", "index_put", "_index_put_impl", "put", "nansum")


def complex_row(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function as the row of aten operations on complex numbers."""
    return row(*names, table=COMPLEX)


def _part(t: Tracer, tensor: torch.Tensor, number: int) -> torch.Tensor:
    """The real or the imaginary part as a tensor of its own, with its steps."""
    both = t.pair(tensor)
    plain = torch.view_as_real(tensor.detach().resolve_conj())[..., number].clone()
    t.memory.write(plain, both.im if number else both.re)
    return plain


def _by_parts(name: str) -> Callable[..., Any]:
    """An operation that acts on real and imaginary parts alike, by the row that it has for numbers."""

    def apply(t: Tracer, *args: Any, **kwargs: Any) -> Any:
        results = []
        for number in (0, 1):

            def part(v: Any, number: int = number) -> Any:
                if isinstance(v, torch.Tensor) and v.dtype.is_complex:
                    return _part(t, v, number)
                if isinstance(v, torch.Tensor) and v.dtype.is_floating_point and number:
                    return torch.zeros_like(v)
                if isinstance(v, complex):
                    return v.imag if number else v.real
                return v

            given = tree_map(part, (args, kwargs))
            found = ROWS[name](t, *given[0], **given[1])
            results.append(found if isinstance(found, list) else [found])
        pairs = [None if a is None or b is None else Pair(a, b) for a, b in zip(*results, strict=True)]
        return pairs if len(pairs) > 1 else pairs[0]

    return apply


for _name in BY_PARTS:
    if _name in ROWS:
        complex_row(_name)(_by_parts(_name))


# ---------------------------------------------------------------- arithmetic


def _own(t: Tracer, value: Any) -> RealOrComplex:
    """The steps of a value: a pair where it is complex."""
    is_complex = isinstance(value, complex | Pair) or (isinstance(value, torch.Tensor) and value.dtype.is_complex)
    return t.pair(value) if is_complex else t(value)


def _of_one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, a, **_: function(t, t.pair(a))


for _name, _function in FUNCTIONS_OF_ONE.items():
    complex_row(_name)(_of_one(_function))
complex_row("mul")(lambda t, a, b: complex_pairs.times(t, _own(t, a), _own(t, b)))
complex_row("div")(lambda t, a, b: complex_pairs.over(t, _own(t, a), _own(t, b)))
complex_row("reciprocal")(lambda t, a: complex_pairs.over(t, t(1), t.pair(a)))
complex_row("_conj_physical", "conj_physical", "_conj")(_of_one(complex_pairs.conjugate))
complex_row("abs")(_of_one(complex_pairs.size_of))
complex_row("angle")(_of_one(complex_pairs.angle))
complex_row("sgn")(_of_one(complex_pairs.direction))
complex_row("polar")(complex_pairs.polar)
complex_row("clone", "positive", "lift_fresh", "lift", "alias", "contiguous", "resolve_conj")(lambda t, a, **_: t.pair(a))


def _added(t: Tracer, a: Any, b: Any, alpha: Any) -> tuple[RealOrComplex, RealOrComplex]:
    return _own(t, a), _own(t, b) if alpha == 1 else complex_pairs.times(t, _own(t, alpha), _own(t, b))


@complex_row("add")
def _add(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Pair:
    return complex_pairs.plus(t, *_added(t, a, b, alpha))


@complex_row("sub")
def _sub(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Pair:
    return complex_pairs.minus(t, *_added(t, a, b, alpha))


@complex_row("_to_copy", "to", "copy")
def _cast(t: Tracer, a: torch.Tensor, *others: Any, **_: Any) -> Array | Pair:
    source = others[0] if others and isinstance(others[0], torch.Tensor) else a
    both, old, new = t.pair(source), source.dtype.to_real(), t.out.dtype
    re = cast(t, both.re, old, new.to_real() if new.is_complex else new)
    return Pair(re, cast(t, both.im, old, new.to_real())) if new.is_complex else re


@complex_row("zeros", "zeros_like", "zero", "ones", "ones_like", "full", "full_like", "fill", "new_ones", "new_zeros", "new_full", "scalar_tensor", "eye")
def _known(t: Tracer, *_: Any, **__: Any) -> Pair | Array:
    found = physical(t.out).cpu()
    return Pair(t.recorder.constants(found[..., 0]), t.recorder.constants(found[..., 1])) if t.out.dtype.is_complex else t.recorder.constants(found)


@complex_row("complex")
def _complex(t: Tracer, re: Any, im: Any) -> Pair:
    return Pair(t(re), t(im))


@complex_row("pow")
def _pow(t: Tracer, a: Any, b: Any) -> Pair:
    return complex_pairs.whole_power(t, t.pair(a), b) if isinstance(b, int) else complex_pairs.power(t, t.pair(a), _own(t, b))


@complex_row("eq", "ne")
def _equal(t: Tracer, a: Any, b: Any) -> Array:
    return complex_pairs.equal(t, _own(t, a), _own(t, b), unequal=t.name == "ne")


@complex_row("mm", "bmm", "mv", "dot", "matmul", "vdot")
def _product(t: Tracer, a: Any, b: Any) -> Pair:
    x = _own(t, a)
    x = complex_pairs.conjugate(t, x) if t.name == "vdot" else x
    return complex_pairs.bilinear(t, partial(arrays.matmul, t.builder, name=t.name), x, _own(t, b))


@complex_row("_linalg_solve_ex")
def _solve(t: Tracer, a: torch.Tensor, b: torch.Tensor, left: bool = True, check_errors: bool = False) -> list[Any]:
    """The system of twice the size that the real and imaginary parts of the unknowns solve."""
    del check_errors
    if b.ndim != a.ndim:
        raise Refusal("aten._linalg_solve_ex of complex numbers with one vector", t.recorder.place(), "give it a last axis")
    m, right = t.pair(a), t.pair(b)
    number = a.detach().resolve_conj().cpu().to(torch.complex128).numpy()
    if not left:
        m, right, number = turned(m), turned(right), np.swapaxes(number, -1, -2)
    n = a.shape[-1]

    def solved(re: Array, im: Array, x: Array, y: Array, values: Any) -> tuple[Array, Array]:
        both = np.block([[re, t.gate("neg", im)], [im, re]])
        found = solved_by(t, both, np.block([[values.real, -values.imag], [values.imag, values.real]]), np.concatenate([x, y]))
        return found[:n], found[n:]

    found = Pair(*each(solved, m.re, m.im, right.re, right.im, number))
    return [found if left else turned(found), None, None, None]


# ---------------------------------------------------------------- Fourier transforms


def _scaled(t: Tracer, a: Any, count: int, normalisation: int) -> Any:
    """torch's three conventions: as it is, over the root of the count, over the count."""
    return a if normalisation == 0 else fourier.scaled(t, a, t.gate("sqrt", count) if normalisation == 1 else t(count))


@complex_row("_fft_c2c")
def _c2c(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, forward: bool) -> Pair:
    found = fourier.transformed_all(t, t.pair(a), dim, sign=-1 if forward else 1)
    return _scaled(t, found, prod(a.shape[d] for d in dim), normalization)  # type: ignore[no-any-return]


@complex_row("_fft_r2c")
def _r2c(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> Pair:
    found = (fourier.half_spectrum if onesided else partial(fourier.transformed_all, sign=-1))(t, t.pair(a), dim)
    return _scaled(t, found, prod(a.shape[d] for d in dim), normalization)  # type: ignore[no-any-return]


@complex_row("_fft_c2r")
def _c2r(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, last_dim_size: int) -> Array:
    *others, _ = dim
    found = fourier.from_half_spectrum(t, t.pair(a), dim, last_dim_size)
    return _scaled(t, found, prod([last_dim_size, *(a.shape[d] for d in others)]), normalization)  # type: ignore[no-any-return]
