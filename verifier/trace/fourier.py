"""Fourier transforms as the sums of products that they are, with exact cosines and sines."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

from verifier.circuit.arrays import Array
from verifier.trace.complex_pairs import Pair, RealOrComplex, as_pair
from verifier.trace.matrices import Gates
from verifier.trace.record import Refusal


def _root(t: Gates, m: int, n: int) -> tuple[Array | int, Array | int]:
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


def _weighted(t: Gates, total: Array | None, part: Array, weight: Array | int, *, minus: bool = False) -> Array | None:
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


def transformed(t: Gates, a: RealOrComplex, axis: int, rows: Sequence[int], *, sign: int) -> Pair:
    """Along an axis: for every row k the sum over j of a[j] exp(sign 2 pi i j k / n)."""
    a = as_pair(t, a)
    re, im = np.moveaxis(a.re, axis, 0), np.moveaxis(a.im, axis, 0)
    n = len(re)
    is_real = _is_zero(t, im)
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


def _is_zero(t: Gates, steps: Array) -> bool:
    """Whether all steps are the number 0."""
    known = t.builder.steps
    return all(known[i].gate == "number" and known[i].text == "0" for i in np.unique(steps).tolist())


def transformed_all(t: Gates, a: RealOrComplex, axes: Sequence[int], *, sign: int) -> Pair:
    """Along several axes, each in full."""
    found = as_pair(t, a)
    for axis in axes:
        found = transformed(t, found, axis, range(found.re.shape[axis]), sign=sign)
    return found


def half_spectrum(t: Gates, a: RealOrComplex, axes: Sequence[int], *, sign: int = -1) -> Pair:
    """Of real numbers: along the last of the axes the first n // 2 + 1 rows, from which the others follow; along the others in full."""
    *others, last = axes
    n = as_pair(t, a).re.shape[last]
    return transformed_all(t, transformed(t, a, last, range(n // 2 + 1), sign=sign), others, sign=sign)


def from_half_spectrum(t: Gates, a: RealOrComplex, axes: Sequence[int], n: int, *, sign: int = 1) -> Array:
    """The real signal of n numbers (along the last of the axes). The other half of the spectrum is the conjugate of this one; the imaginary parts of its ends are not read."""
    *others, last = axes
    found = transformed_all(t, a, others, sign=sign)
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
                part = _weighted(t, part, im[k], sin, minus=sign > 0)
            if part is not None:
                total = _weighted(t, total, part if is_end else t.gate("mul", 2, part), 1)
        rows.append(np.broadcast_to(t(0), re.shape[1:]) if total is None else total)
    return np.moveaxis(np.stack(rows), 0, last)


def scaled(t: Gates, a: RealOrComplex, by: Array) -> RealOrComplex:
    """Divided by a number."""
    if isinstance(a, Pair):
        return Pair(t.gate("div", a.re, by), t.gate("div", a.im, by))
    return t.gate("div", a, by)
