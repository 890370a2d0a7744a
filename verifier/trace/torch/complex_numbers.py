"""Rows of aten operations on complex numbers, each a pair of steps; Fourier transforms as the sums of products that they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd, prod
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.matrices import each, solved_by
from verifier.trace.record import Refusal
from verifier.trace.torch.elementwise import cast
from verifier.trace.torch.memory import physical
from verifier.trace.torch.mode import COMPLEX, ROWS, Pair, Tracer, row
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


def times(t: Tracer, a: Any, b: Any) -> Pair:
    """The product. A factor that is real costs two products."""
    if not _is_complex(a) or not _is_complex(b):
        real, other = (a, b) if not _is_complex(a) else (b, a)
        both = t.pair(other)
        return Pair(t.gate("mul", real, both.re), t.gate("mul", real, both.im))
    x, y = t.pair(a), t.pair(b)
    re = t.gate("sub", t.gate("mul", x.re, y.re), t.gate("mul", x.im, y.im))
    return Pair(re, t.gate("add", t.gate("mul", x.re, y.im), t.gate("mul", x.im, y.re)))


def _is_complex(value: Any) -> bool:
    return isinstance(value, complex | Pair) or (isinstance(value, torch.Tensor) and value.dtype.is_complex)


def _norm(t: Tracer, a: Pair) -> Array:
    """The square of the absolute value."""
    return t.gate("add", t.gate("mul", a.re, a.re), t.gate("mul", a.im, a.im))


complex_row("mul")(times)


@complex_row("add")
def _add(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Pair:
    x, y = t.pair(a), t.pair(b) if alpha == 1 else times(t, alpha, b)
    return Pair(t.gate("add", x.re, y.re), t.gate("add", x.im, y.im))


@complex_row("sub")
def _sub(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Pair:
    x, y = t.pair(a), t.pair(b) if alpha == 1 else times(t, alpha, b)
    return Pair(t.gate("sub", x.re, y.re), t.gate("sub", x.im, y.im))


@complex_row("div")
def over(t: Tracer, a: Any, b: Any) -> Pair:
    """The quotient: times the conjugate, over the square of the absolute value."""
    x, y = t.pair(a), t.pair(b)
    if not _is_complex(b):
        return Pair(t.gate("div", x.re, y.re), t.gate("div", x.im, y.re))
    upper, size = times(t, x, _conjugate(t, y)), _norm(t, y)
    return Pair(t.gate("div", upper.re, size), t.gate("div", upper.im, size))


@complex_row("reciprocal")
def _reciprocal(t: Tracer, a: Any) -> Pair:
    return over(t, 1, a)


@complex_row("_conj_physical", "conj_physical", "_conj")
def _conjugate(t: Tracer, a: Any) -> Pair:
    x = t.pair(a)
    return Pair(x.re, t.gate("neg", x.im))


@complex_row("square")
def _square(t: Tracer, a: Any) -> Pair:
    return times(t, t.pair(a), t.pair(a))


@complex_row("clone", "positive", "lift_fresh", "lift", "alias", "contiguous", "resolve_conj")
def _same(t: Tracer, a: Any, **_: Any) -> Pair:
    return t.pair(a)


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


@complex_row("polar")
def _polar(t: Tracer, size: Any, angle: Any) -> Pair:
    return Pair(t.gate("mul", size, t.gate("cos", angle)), t.gate("mul", size, t.gate("sin", angle)))


@complex_row("abs")
def size_of(t: Tracer, a: Any) -> Array:
    """The absolute value."""
    both = t.pair(a)
    return t.gate("hypot", both.re, both.im)


@complex_row("angle")
def _angle(t: Tracer, a: Any) -> Array:
    both = t.pair(a)
    return t.gate("atan2", both.im, both.re)


@complex_row("sgn")
def _sgn(t: Tracer, a: Any) -> Pair:
    both, size = t.pair(a), size_of(t, a)
    is_zero = t.gate("eq", size, 0)
    return Pair(*(t.gate("where", is_zero, 0, t.gate("div", part, size)) for part in (both.re, both.im)))


@complex_row("exp")
def _exp(t: Tracer, a: Any) -> Pair:
    both = t.pair(a)
    return _polar(t, t.gate("exp", both.re), both.im)


@complex_row("log")
def _log(t: Tracer, a: Any) -> Pair:
    return Pair(t.gate("log", size_of(t, a)), _angle(t, a))


@complex_row("pow")
def _pow(t: Tracer, a: Any, b: Any) -> Pair:
    if isinstance(b, int) and 1 <= b <= 8:
        found = t.pair(a)
        for _ in range(b - 1):
            found = times(t, found, t.pair(a))
        return found
    return _exp(t, times(t, b, _log(t, a)))


@complex_row("sin")
def _sin(t: Tracer, a: Any) -> Pair:
    z = t.pair(a)
    return Pair(t.gate("mul", t.gate("sin", z.re), t.gate("cosh", z.im)), t.gate("mul", t.gate("cos", z.re), t.gate("sinh", z.im)))


@complex_row("cos")
def _cos(t: Tracer, a: Any) -> Pair:
    z = t.pair(a)
    return Pair(t.gate("mul", t.gate("cos", z.re), t.gate("cosh", z.im)), t.gate("neg", t.gate("mul", t.gate("sin", z.re), t.gate("sinh", z.im))))


@complex_row("eq", "ne")
def _equal(t: Tracer, a: Any, b: Any) -> Array:
    x, y = t.pair(a), t.pair(b)
    return t.gate("and" if t.name == "eq" else "or", t.gate(t.name, x.re, y.re), t.gate(t.name, x.im, y.im))


@complex_row("mm", "bmm", "mv", "dot", "matmul", "vdot")
def _product(t: Tracer, a: Any, b: Any) -> Pair:
    x, y = t.pair(a), t.pair(b)
    x = _conjugate(t, x) if t.name == "vdot" else x

    def product(left: Array, right: Array) -> Array:
        return arrays.matmul(t.builder, left, right, name=t.name)

    return Pair(t.gate("sub", product(x.re, y.re), product(x.im, y.im)), t.gate("add", product(x.re, y.im), product(x.im, y.re)))


@complex_row("_linalg_solve_ex")
def _solve(t: Tracer, a: torch.Tensor, b: torch.Tensor, left: bool = True, check_errors: bool = False) -> list[Any]:
    """The system of twice the size that the real and imaginary parts of the unknowns solve."""
    del check_errors
    if b.ndim != a.ndim:
        raise Refusal("aten._linalg_solve_ex of complex numbers with one vector", t.recorder.place(), "give it a last axis")
    m, right = t.pair(a), t.pair(b)
    number = a.detach().resolve_conj().cpu().to(torch.complex128).numpy()
    if not left:
        m, right, number = _turned(m), _turned(right), np.swapaxes(number, -1, -2)
    n = a.shape[-1]

    def solved(re: Array, im: Array, x: Array, y: Array, values: Any) -> tuple[Array, Array]:
        both = np.block([[re, t.gate("neg", im)], [im, re]])
        found = solved_by(t, both, np.block([[values.real, -values.imag], [values.imag, values.real]]), np.concatenate([x, y]))
        return found[:n], found[n:]

    found = Pair(*each(solved, m.re, m.im, right.re, right.im, number))
    return [found if left else _turned(found), None, None, None]


def _turned(a: Pair) -> Pair:
    return Pair(np.swapaxes(a.re, -1, -2), np.swapaxes(a.im, -1, -2))


# ---------------------------------------------------------------- Fourier transforms


def _root(t: Tracer, m: int, n: int) -> tuple[Array | int, Array | int]:
    """cos and sin of 2 pi m / n: whole numbers and halves as they are, else constants over the reals."""
    known = {0: 1, 1: 0, 2: -1, 3: 0}

    def one(k: int) -> Array | int:  # cos(2 pi k / n)
        k %= n
        if 4 * k % n == 0:
            return known[4 * k // n]
        if 6 * k % n == 0:
            return t(0.5 if 6 * k // n in (1, 5) else -0.5)
        common = gcd(2 * k, n)
        return t.gate("cospi", t.gate("div", 2 * k // common, n // common))

    if 4 * m % n == 0:
        return one(m), (0, 1, 0, -1)[4 * m // n % 4]
    if 12 * m % n == 0 and 12 * m // n % 12 in (1, 5, 7, 11):  # sines of 30 degrees and its like
        return one(m), t(0.5 if 12 * m // n % 12 in (1, 5) else -0.5)
    common = gcd(2 * m, n)
    return one(m), t.gate("sinpi", t.gate("div", 2 * m // common, n // common))


def _weighted(t: Tracer, total: Array | None, part: Array, weight: Array | int, *, minus: bool = False) -> Array | None:
    """A sum and one more term; None is an empty sum."""
    if isinstance(weight, int):
        if weight == 0:
            return total
        minus, product = minus != (weight < 0), part
    else:
        product = t.gate("mul", part, weight)
    if total is None:
        return t.gate("neg", product) if minus else product
    return t.gate("sub" if minus else "add", total, product)


def _transformed(t: Tracer, a: Pair, axis: int, n: int, rows: Sequence[int], *, sign: int) -> Pair:
    """Along an axis of n numbers: for every row k the sum over j of a[j] exp(sign 2 pi i j k / n)."""
    re, im = np.moveaxis(a.re, axis, 0), np.moveaxis(a.im, axis, 0)
    zero = int(t(0))
    is_real = bool((im == zero).all()) or _is_zero(t, im)
    roots = [_root(t, m, n) for m in range(n)]
    found: list[tuple[Array, Array]] = []
    for k in rows:
        x: Array | None = None
        y: Array | None = None
        for j in range(n):
            cos, sin = roots[j * k % n]
            x = _weighted(t, x, re[j], cos)
            y = _weighted(t, y, re[j], sin, minus=sign < 0)
            if not is_real:
                x = _weighted(t, x, im[j], sin, minus=sign > 0)
                y = _weighted(t, y, im[j], cos)
        found.append(tuple(np.broadcast_to(t(0), re.shape[1:]) if v is None else v for v in (x, y)))  # type: ignore[arg-type]
    return Pair(*(np.moveaxis(np.stack([f[k] for f in found]), 0, axis) for k in (0, 1)))


def _is_zero(t: Tracer, steps: Array) -> bool:
    """Whether all steps are the number 0."""
    known = t.builder.steps
    return all(known[i].gate == "number" and known[i].text == "0" for i in np.unique(steps).tolist())


def _scaled(t: Tracer, a: Pair, count: int, normalisation: int) -> Pair:
    """torch's three conventions: as it is, over the root of the count, over the count."""
    if normalisation == 0:
        return a
    by = t.gate("sqrt", count) if normalisation == 1 else t(count)
    return Pair(t.gate("div", a.re, by), t.gate("div", a.im, by))


@complex_row("_fft_c2c")
def _c2c(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, forward: bool) -> Pair:
    found = t.pair(a)
    for axis in dim:
        found = _transformed(t, found, axis, a.shape[axis], range(a.shape[axis]), sign=-1 if forward else 1)
    return _scaled(t, found, prod(a.shape[d] for d in dim), normalization)


@complex_row("_fft_r2c")
def _r2c(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> Pair:
    *others, last = dim
    n = a.shape[last]
    found = _transformed(t, t.pair(a), last, n, range(n // 2 + 1 if onesided else n), sign=-1)
    for axis in others:
        found = _transformed(t, found, axis, a.shape[axis], range(a.shape[axis]), sign=-1)
    return _scaled(t, found, prod(a.shape[d] for d in dim), normalization)


@complex_row("_fft_c2r")
def _c2r(t: Tracer, a: torch.Tensor, dim: Sequence[int], normalization: int, last_dim_size: int) -> Array:
    """The other half of the spectrum is the conjugate of this one; the imaginary parts of its ends are not read."""
    *others, last = dim
    found = t.pair(a)
    for axis in others:
        found = _transformed(t, found, axis, a.shape[axis], range(a.shape[axis]), sign=1)
    n = last_dim_size
    re, im = np.moveaxis(found.re, last, 0)[: n // 2 + 1], np.moveaxis(found.im, last, 0)[: n // 2 + 1]
    if len(re) < n // 2 + 1:
        raise Refusal("a spectrum that is shorter than its signal", t.recorder.place(), "pad it")
    roots = [_root(t, m, n) for m in range(n)]
    rows = []
    for j in range(n):
        total: Array | None = None
        for k in range(n // 2 + 1):
            is_end = k == 0 or 2 * k == n
            cos, sin = roots[j * k % n]
            part = _weighted(t, None, re[k], cos)
            if not is_end:
                part = _weighted(t, part, im[k], sin, minus=True)
            if part is not None:
                total = _weighted(t, total, part if is_end else t.gate("mul", 2, part), 1)
        rows.append(np.broadcast_to(t(0), re.shape[1:]) if total is None else total)
    signal = np.moveaxis(np.stack(rows), 0, last)
    return _scaled(t, Pair(signal, signal), prod([n, *(a.shape[d] for d in others)]), normalization).re
