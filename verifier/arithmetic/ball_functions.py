"""Enclosures of the special functions: Arb's, with the arguments in the order of the gate table, NaN outside the domain, and the cases Arb leaves open."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

from flint import arb, arb_series, ctx

from verifier.arithmetic.types import NAN, Ball, GateFunction
from verifier.language.gates import GATES

EXTRA_BITS = 40  # an inexact order limits the digits of a result: so many bits beyond those of the order are computed, not more
FAR = arb(2) ** 40  # where zeta and its derivatives are enclosed by the bound of their series instead


def _bessel(method: str) -> Callable[[Ball, Ball], Ball]:
    function: Callable[[Ball, Ball], Ball] = getattr(arb, method)

    def enclose(n: Ball, a: Ball) -> Ball:
        return function(a, n)

    return enclose


def _ive(n: Ball, a: Ball) -> Ball:
    """exp(-|a|) I_n(a); to the left of 0 only for integers n, by symmetry."""
    if a >= 0:
        return a.bessel_i(n, True)
    if a <= 0 and n.is_exact() and n.is_integer():
        value = (-a).bessel_i(n, True)
        return -value if int(n.fmpz()) % 2 else value
    if a.contains(0):
        return (-abs(a)).exp() * a.bessel_i(n)
    return NAN


def _besselk(n: Ball, a: Ball, *, scaled: bool = False) -> Ball:
    """K_n(a). Arb sums its asymptotic series up to 2a bits; beyond, a method that loses 3a bits and, for large a, takes minutes.

    So the precision is raised by the bits that are lost where a is below 100, and beyond it limited to 1.9a bits (at least 190).
    """
    if not a > 0:
        return NAN
    bits, bound = ctx.prec, a.abs_lower().min(arb(2) ** 40)
    asymptotic = int((bound * 19 / 10).lower().floor().fmpz())
    try:
        if bits > asymptotic:
            ctx.prec = asymptotic if bound > 100 else bits + int((3 * bound).upper().ceil().fmpz())
        return a.bessel_k(n, scaled)
    finally:
        ctx.prec = bits


def _erfcx(a: Ball) -> Ball:
    """exp(a²) erfc(a): from 1 on U(1/2, 1/2, a²) / sqrt(pi), where the factors would over- and underflow."""
    if a >= 1:
        return (a * a).hypgeom_u(arb(1) / 2, arb(1) / 2) / arb.pi().sqrt()
    return (a * a).exp() * a.erfc()


def _dawson(a: Ball) -> Ball:
    """a 1F1(1; 3/2; -a²) (DLMF 7.5.1 and 13.6.5), whose factors do not overflow."""
    return a * (-a * a).hypgeom_1f1(1, arb(3) / 2)


def _log_ndtr(a: Ball) -> Ball:
    """log of the normal distribution function: log(erfcx(-a/sqrt 2)/2) - a²/2 in the left tail, log1p(-erfc(a/sqrt 2)/2) elsewhere."""
    t = a / arb(2).sqrt()
    if a <= -1:
        return (_erfcx(-t) / 2).log() - t * t
    return (-_erfc(t) / 2).log1p()


def _hyp0f1(b: Ball, z: Ball) -> Ball:
    """0F1(; b; z): to the left of 0 the terms of its series cancel to exp(-2 sqrt|z|), which takes as many more bits."""
    bits = ctx.prec
    if not z < -1:
        return z.hypgeom_0f1(b)
    lost = (3 * (-z).sqrt().upper()).min(arb(4 * bits))
    try:
        ctx.prec = bits + int(lost.upper().floor().fmpz())
        return z.hypgeom_0f1(b)
    finally:
        ctx.prec = bits


def _hyp2f1(a: Ball, b: Ball, c: Ball, z: Ball) -> Ball:
    """2F1(a, b; c; z). Near 1 Arb takes seconds for an inexact z; with positive parameters the function grows, so its ends do."""
    if not z.is_exact() and z > 0.5 and a > 0 and b > 0 and c > 0:
        low, high = z.lower(), z.upper()
        if high < 1:
            return low.hypgeom_2f1(a, b, c).union(high.hypgeom_2f1(a, b, c))
    return z.hypgeom_2f1(a, b, c)


def _erfc(t: Ball) -> Ball:
    """erfc by way of erfcx: Arb's own spreads the radius of an inexact argument over all of a tail."""
    return (-t * t).exp() * _erfcx(t) if t >= 1000 else t.erfc()


def _where(inside: Callable[[Ball], bool], function: Callable[..., Ball]) -> Callable[..., Ball]:
    """The function restricted to last arguments that are certainly `inside`; NaN for others."""

    def enclose(*args: Ball) -> Ball:
        return function(*args) if inside(args[-1]) else NAN

    return enclose


def _zeta_derivative(n: Ball, a: Ball) -> Ball:
    """The n-th derivative of Riemann's zeta function."""
    if not (n.is_exact() and n.is_integer() and 0 <= n < 100):
        return NAN
    order = int(n.fmpz())
    if a > FAR:  # 0 < (-1)^n zeta^(n)(a) = sum over k >= 2 of log(k)^n k^-a < n! sum of k^(1-a) < n! 2^(2-a), as log(k)^n <= n! k
        bound = factorial(order) * arb(2) ** (1 - FAR)
        return (-1 if order % 2 else 1) * arb(bound, bound) + (1 if order == 0 else 0)
    if not a > -FAR:
        return NAN
    taylor: Ball = arb_series([a, 1], order + 1).zeta()[order]
    return taylor * factorial(order)


def _zeta(a: Ball) -> Ball:
    return a.zeta() if a < FAR else _zeta_derivative(arb(0), a)


def _spence(a: Ball) -> Ball:
    """Li2(1 - a)."""
    if a.is_zero():
        return arb.pi() ** 2 / 6
    if a > 0 and a < 0.5:
        return arb.pi() ** 2 / 6 - a.log() * (1 - a).log() - a.polylog(2)
    return (1 - a).polylog(2) if a >= 0 else NAN


SPECIAL: dict[str, GateFunction] = {
    "besselj": _bessel("bessel_j"),
    "bessely": _where(lambda a: a > 0, _bessel("bessel_y")),
    "besseli": _bessel("bessel_i"),
    "besselk": _besselk,
    "ive": _ive,
    "kve": lambda n, a: _besselk(n, a, scaled=True),
    "airyai": arb.airy_ai,
    "airybi": arb.airy_bi,
    "airyaiprime": lambda a: a.airy_ai(derivative=1),
    "airybiprime": lambda a: a.airy_bi(derivative=1),
    "hyp2f1": _where(lambda a: a < 1, _hyp2f1),
    "hyp0f1": _hyp0f1,
    "erfc": _erfc,
    "erfi": arb.erfi,
    "erfcinv": arb.erfcinv,
    "erfcx": _erfcx,
    "dawson": _dawson,
    "log_ndtr": _log_ndtr,
    "rgamma": arb.rgamma,
    "gammainc": _where(lambda a: a >= 0, lambda s, a: a.gamma_lower(s, 1) if s >= 0 else NAN),
    "gammaincc": _where(lambda a: a >= 0, lambda s, a: a.gamma_upper(s, 1) if s >= 0 else NAN),
    "betainc": _where(lambda a: a >= 0 and a <= 1, lambda p, q, a: a.beta_lower(p, q, 1)),
    "zeta": _zeta,
    "hurwitz": _where(lambda a: a > 0, lambda s, a: s.zeta(a) if s > 1 else NAN),
    "zetaderiv": _zeta_derivative,
    "expn": _where(lambda a: a >= 0, lambda n, a: a.expint(n)),
    "expi": arb.ei,
    "si": arb.si,
    "ci": _where(lambda a: a > 0, arb.ci),
    "shi": arb.shi,
    "chi": _where(lambda a: a > 0, arb.chi),
    "fresnels": arb.fresnel_s,
    "fresnelc": arb.fresnel_c,
    "lambertw": arb.lambertw,
    "spence": _spence,
    "sinpi": arb.sin_pi,
    "cospi": arb.cos_pi,
}


def _to_its_order(function: Callable[..., Ball]) -> Callable[..., Ball]:
    """The function, at a precision limited to that of an inexact order (a literal that stands for an interval): more bits would cost Arb seconds and narrow nothing."""

    def enclose(*args: Ball) -> Ball:
        widest = min((n.rel_accuracy_bits() for n in args[:-1] if not n.is_exact()), default=None)
        bits = ctx.prec
        if widest is None or not args[-1].is_finite():
            return function(*args)
        try:
            ctx.prec = min(bits, max(widest, 0) + EXTRA_BITS)
            return function(*args)
        finally:
            ctx.prec = bits

    return enclose


for _name in [name for name in SPECIAL if GATES[name].orders]:
    SPECIAL[_name] = _to_its_order(SPECIAL[_name])
SPECIAL_FUNCTIONS = frozenset((*SPECIAL, "gamma", "lgamma", "digamma", "polygamma"))  # with those for which Arb needs no help, or little
SLOW = frozenset(("digamma", "polygamma", "zeta", "zetaderiv", "hurwitz", "besselk", "bessely", "kve"))  # at 32,768 bits Arb takes up to a second for each
