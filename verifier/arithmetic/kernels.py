"""Kernels that SciPy has under another signature: one of several results, the real branch, a library's derivative."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import cache, wraps
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from verifier.arithmetic.types import Mask

Numbers: TypeAlias = np.float64 | NDArray[Any]  # the argument of a kernel: numbers of float32 or float64


def _for_scalars(function: Callable[..., Numbers]) -> Callable[..., Any]:
    """The kernel that gives a Python float for floats and, silently, an array for arrays."""

    @wraps(function)
    def call(*args: float | NDArray[Any]) -> float | NDArray[Any]:
        with np.errstate(all="ignore"):
            result = function(*(np.float64(a) if isinstance(a, float) else a for a in args))
        return float(result) if isinstance(args[-1], float) else result

    return call


SUMMED = -1000.0  # to the left of it SciPy's polygamma takes longer than Arb's, at -1e9 more than ten seconds
REFLECTED = -10.0  # to the left of it mpmath's derivative of zeta takes up to seconds, that of the functional equation a millisecond
CONTEXT_BITS = 80  # of mpmath's and Arb's results, rounded to float64
MOST_DIFFERENCES = 8  # the order up to which mpmath's derivatives of zeta take less than half a second; at 100 they do not end
LARGEST_ORDER = 1e5  # beyond it SciPy's Y of whole orders, which steps from order to order, takes longer than Arb's
FAR_LEFT = -1e4  # zeta's derivatives overflow from -260 on; beyond this their sign is not looked for


@_for_scalars
def airyai(a: Numbers) -> Numbers:
    """Ai(a)."""
    return special.airy(a)[0]


@_for_scalars
def airyaiprime(a: Numbers) -> Numbers:
    """Ai'(a)."""
    return special.airy(a)[1]


@_for_scalars
def airybi(a: Numbers) -> Numbers:
    """Bi(a)."""
    return special.airy(a)[2]


@_for_scalars
def airybiprime(a: Numbers) -> Numbers:
    """Bi'(a)."""
    return special.airy(a)[3]


@_for_scalars
def hyp0f1(p: Numbers, a: Numbers) -> Numbers:
    """The hypergeometric function 0F1: SciPy's, which prints its divisions by zero where the argument is large, and goes on."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with redirect_stderr(None):
            return special.hyp0f1(p, a)
    finally:
        sys.unraisablehook = hook


@_for_scalars
def si(a: Numbers) -> Numbers:
    """The sine integral."""
    return special.sici(a)[0]


@_for_scalars
def ci(a: Numbers) -> Numbers:
    """The cosine integral."""
    return special.sici(a)[1]


@_for_scalars
def shi(a: Numbers) -> Numbers:
    """The hyperbolic sine integral."""
    return special.shichi(a)[0]


@_for_scalars
def chi(a: Numbers) -> Numbers:
    """The hyperbolic cosine integral."""
    return special.shichi(a)[1]


@_for_scalars
def fresnels(a: Numbers) -> Numbers:
    """The integral of sin(pi t²/2)."""
    return special.fresnel(a)[0]


@_for_scalars
def fresnelc(a: Numbers) -> Numbers:
    """The integral of cos(pi t²/2)."""
    return special.fresnel(a)[1]


@_for_scalars
def lambertw(a: Numbers) -> Numbers:
    """The principal branch of Lambert's W, NaN where it is not real."""
    w = special.lambertw(a)
    return np.where(w.imag == 0, w.real, np.nan)


@_for_scalars
def ellipb(a: Numbers) -> Numbers:
    """The associated complete elliptic integral B(m), by Carlson's RD."""
    return special.elliprd(0, 1 / (1 - a), 1) / (3 * np.sqrt(1 - a))


@_for_scalars
def ellipd(a: Numbers) -> Numbers:
    """The associated complete elliptic integral D(m), by Carlson's RD."""
    return special.elliprd(0, 1 - a, 1) / 3


@_for_scalars
def bessely(n: Numbers, a: Numbers) -> Numbers:
    """Y_n(a): SciPy's, and where the order is large Arb's."""
    is_large = np.abs(n) > LARGEST_ORDER
    return _with_arb("bessely", is_large, n, a, special.yv(np.where(is_large, 0, n).astype(np.asarray(a).dtype), a))


@_for_scalars
def polygamma(n: Numbers, a: Numbers) -> Numbers:
    """The n-th derivative of digamma: SciPy's, which adds term by term from the left up to 0, and where that is far Arb's."""
    is_far = (a < SUMMED) & (a != np.floor(a))
    return _with_arb("polygamma", is_far, n, a, special.polygamma(n, np.where(is_far, np.nan, a)))


def _with_arb(gate: str, here: Mask, n: Numbers, a: Numbers, values: Numbers) -> Numbers:
    """Values, in some places replaced by Arb's."""
    if not np.any(here):
        return values
    here, n, a = np.broadcast_arrays(here, n, a)
    found = np.array(values)
    found[here] = [_by_arb(gate, *pair) for pair in zip(n[here].tolist(), a[here].tolist(), strict=True)]
    return found


def _by_arb(gate: str, n: float, a: float) -> float:
    """A float near the value: a kernel among others, not an enclosure."""
    from flint import arb

    from verifier.arithmetic import balls

    if not np.isfinite(a):
        return float("nan")
    with balls.precision(CONTEXT_BITS):
        return float(balls.PRIMITIVES[gate](arb(n), arb(a)).mid())


@_for_scalars
def expn(n: Numbers, a: Numbers) -> Numbers:
    """The exponential integral E_n(a): SciPy's, which has integers n only and cuts others off, and there Arb's."""
    is_whole = np.equal(n, np.floor(n))
    return _with_arb("expn", ~is_whole, n, a, special.expn(np.where(is_whole, n, 0).astype(np.asarray(a).dtype), a))


@_for_scalars
def zetaderiv(n: Numbers, a: Numbers) -> Numbers:
    """The n-th derivative of Riemann's zeta function, which SciPy lacks: mpmath's."""
    return np.vectorize(_zetaderiv, otypes=[float])(n, a)


def _zetaderiv(n: float, a: float) -> float:
    if not np.isfinite(a) or a == 1 or a < FAR_LEFT or not np.isfinite(n) or n < 0 or n != int(n):
        return float("nan")
    if n > MOST_DIFFERENCES:
        return _by_arb("zetaderiv", n, a)
    m = _mpmath()
    if a < REFLECTED:  # DLMF 25.4.2
        return float(m.diff(lambda s: 2 * (2 * m.pi) ** (s - 1) * m.sin(m.pi * s / 2) * m.gamma(1 - s) * m.zeta(1 - s), m.mpf(float(a)), int(n)))
    try:
        return float(m.zeta(float(a), 1, int(n)).real)
    except _no_convergence():  # far to the left
        return float("nan")


@cache
def _no_convergence() -> type[Exception]:
    from mpmath.libmp import NoConvergence

    return NoConvergence


@cache
def _mpmath() -> Any:
    """A context of its own, with some bits more than float64: mpmath's global one belongs to everybody."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = CONTEXT_BITS
    return context
