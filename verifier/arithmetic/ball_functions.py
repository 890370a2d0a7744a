"""Enclosures of the special functions: Arb's, with the arguments in the order of the gate table, NaN outside the domain, and the cases Arb leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import factorial

from flint import arb, arb_series, ctx

from verifier.arithmetic.precision import precision
from verifier.arithmetic.types import NAN, ONE, Ball, GateFunction
from verifier.language.gates import GATES

EXTRA_BITS = 40  # an inexact argument limits the digits of a result: so many bits beyond those of the argument are computed, not more
FAR = arb(2) ** 40  # where zeta and its derivatives are enclosed by the bound of their series instead
SCALED = arb(2) ** 20  # from it on exp(±a) is taken out of a function: Arb takes a second for each inexact argument of 1e16
LARGEST_ORDER = 1 << 16  # of hurwitz: beyond it the first term and a bound on the rest tell more, and at once
LARGEST_ORDERS = arb(2) ** 32  # the product of the sizes of all orders: beyond it Arb takes seconds at the lowest precisions
SMALLEST_ORDER = arb(2) ** -64  # that is not 0: below it Arb takes seconds as well
SMALL_ORDER = arb(64)
BITS_BY_SIZE = ((arb(64), 4096), (arb(1024), 1024))  # of the argument, where the orders are small: at twice as many bits Arb takes ten times as long, and here up to a second
LEAST_BITS = 384  # that all others are enclosed with
BITS_OF_HYP0F1 = ((arb(2) ** 20, 4096), (arb("inf"), 1024))  # it takes a millisecond; with fewer bits its series, and beyond 2^20 with more, has none left: it is the Bessel function of 2 sqrt(|z|), of which it loses that many
REMEMBERED = 1024  # values at fewer bits than asked for, which higher precisions ask for again


def most_bits(gate: str, args: Sequence[Ball]) -> int:
    """The bits that a function with orders is enclosed with at most, so that one value takes no more than about a second; 0 where it is not enclosed at all.

    Arb sums such a function by its series, up to so many terms a bit however little they converge: no limit of time ends that.
    """
    sizes = [abs(args[i]) for i in GATES[gate].orders]
    product = ONE
    for size in sizes:
        if size < SMALLEST_ORDER and not size.is_zero():
            return 0
        product = product * size.max(ONE)
    if not product < LARGEST_ORDERS:
        return 0
    if not all(size <= SMALL_ORDER for size in sizes):
        return LEAST_BITS
    argument = abs(args[-1])
    return next((bits for limit, bits in (BITS_OF_HYP0F1 if gate == "hyp0f1" else BITS_BY_SIZE) if argument <= limit), LEAST_BITS)


def bounded(gate: str, function: Callable[..., Ball]) -> Callable[..., Ball]:
    """The function at no more bits than `most_bits`: of arguments that are rounded outwards to so many, so that all higher precisions ask for one value."""

    @lru_cache(maxsize=REMEMBERED)
    def at(limit: int, *parts: tuple[int, int, int, int]) -> Ball:
        with precision(limit):
            return function(*(arb(arb((m, e)), arb((n, f))) for m, e, n, f in parts))

    def enclose(*args: Ball) -> Ball:
        limit = most_bits(gate, args)
        if ctx.prec <= limit or not args[-1].is_finite():
            return function(*args)
        if not limit:
            return NAN
        with precision(limit):
            return at(limit, *map(_rounded_outwards, args))

    return enclose


def _rounded_outwards(a: Ball) -> tuple[int, int, int, int]:
    """The middle and the radius of a ball around another at flint's precision, each a mantissa and an exponent. An exact number that fits is itself."""
    middle = +a.mid()
    if not (a.is_exact() and middle.is_exact()):
        radius = (a.rad() + middle.rad()).upper()
        mantissa, exponent = (int(part) for part in middle.mid().abs_upper().man_exp())
        least = arb((1, exponent + mantissa.bit_length() - ctx.prec + 2)) if mantissa else radius
        middle = arb(middle.mid(), max(radius, least))
    (m, e), (n, f) = middle.mid().man_exp(), middle.rad().man_exp()
    return int(m), int(e), int(n), int(f)


def _bessel(method: str) -> Callable[[Ball, Ball], Ball]:
    function: Callable[[Ball, Ball], Ball] = getattr(arb, method)

    def enclose(n: Ball, a: Ball) -> Ball:
        return function(a, n)

    return enclose


def _besseli(n: Ball, a: Ball) -> Ball:
    return abs(a).exp() * _ive(n, a) if abs(a) > SCALED else a.bessel_i(n)


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
    """K_n(a). Arb sums its asymptotic series up to 2a bits; beyond, a method that loses 3a bits and, for large or inexact a, takes minutes.

    So the precision is raised by the bits that are lost where a is below 100, to 8a at least (with fewer Arb's sum takes up to a second), and beyond it limited to 1.9a bits (at least 190).
    Both K_n(a) and exp(a) K_n(a) fall in a (DLMF 10.32.9): there the ends of a ball are enough.
    """
    if not a > 0:
        return NAN
    if a > SCALED and not scaled:
        return (-a).exp() * _besselk(n, a, scaled=True)
    bits, bound = ctx.prec, a.abs_lower().min(arb(2) ** 40)
    asymptotic = int((bound * 19 / 10).lower().floor().fmpz())
    if bits <= asymptotic:
        return a.bessel_k(n, scaled)
    if bound > 100:
        with precision(asymptotic):
            return a.bessel_k(n, scaled)
    with precision(max(bits + _whole(3 * bound), _whole(8 * bound))):
        if a.is_exact() or not n.is_exact():
            return a.bessel_k(n, scaled)
        return a.lower().bessel_k(n, scaled).union(a.upper().bessel_k(n, scaled))


def _whole(a: Ball) -> int:
    return int(a.upper().ceil().fmpz())


def _gammainc(s: Ball, a: Ball) -> Ball:
    """P(s, a), which rises in a: the complement of Q where it is the larger part, and Arb's series for P takes seconds."""
    if not s >= 0:
        return NAN
    if not s > 64:
        return a.gamma_lower(s, 1)
    if not a.is_exact() and s.is_exact():
        return _gammainc(s, a.lower()).union(_gammainc(s, a.upper())) if a.lower() >= 0 else NAN
    return 1 - _gammaincc(s, a) if a >= s else a.gamma_lower(s, 1)


def _betainc(p: Ball, q: Ball, a: Ball) -> Ball:
    """I_a(p, q): beyond p / (p + q) by its symmetry (DLMF 8.17.4), where its own series is that of nearly 1."""
    if p > 0 and q > 0 and a * (p + q) > p:
        return 1 - (1 - a).beta_lower(q, p, 1)
    if (p < 0 or q < 0) and not (abs(p) < 64 and abs(q) < 64):
        return NAN
    return a.beta_lower(p, q, 1)


def _gammaincc(s: Ball, a: Ball) -> Ball:
    if not s >= 0:
        return NAN
    if a > SCALED:  # DLMF 13.6.6
        return (-a).exp() * a.hypgeom_u(1 - s, 1 - s) * s.rgamma()
    return a.gamma_upper(s, 1)


def _expn(n: Ball, a: Ball) -> Ball:
    return (-a).exp() * a ** (n - 1) * a.hypgeom_u(n, n) if a > SCALED else a.expint(n)  # DLMF 8.19.1, 13.6.6


def _hurwitz(s: Ball, a: Ball) -> Ball:
    """The sum of (k + a)^-s, k >= 0. For large s it is a^-s times 1 + t, 0 < t < (1 + 1/a)^-s (1 + (a + 1)/(s - 1)): the second term, and the integral over the rest."""
    if not s > 1:
        return NAN
    if s <= LARGEST_ORDER:
        return s.zeta(a)
    rest = ((-s * (1 / a).log1p()).exp() * (1 + (a + 1) / (s - 1))).upper()
    return (-s * a.log()).exp() * (1 + arb(rest / 2, rest / 2))


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
    "besseli": _besseli,
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
    "gammainc": _where(lambda a: a >= 0, _gammainc),
    "gammaincc": _where(lambda a: a >= 0, _gammaincc),
    "betainc": _where(lambda a: a >= 0 and a <= 1, _betainc),
    "zeta": _zeta,
    "hurwitz": _where(lambda a: a > 0, _hurwitz),
    "zetaderiv": _zeta_derivative,
    "expn": _where(lambda a: a >= 0, _expn),
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


def _to_its_arguments(function: Callable[..., Ball]) -> Callable[..., Ball]:
    """The function, at a precision limited to that of its inexact arguments: more bits would cost Arb seconds, or minutes, and narrow nothing."""

    def enclose(*args: Ball) -> Ball:
        widest = min((_accuracy(a) for a in args if not a.is_exact()), default=None)
        if widest is None or not args[-1].is_finite():
            return function(*args)
        with precision(min(ctx.prec, max(widest, 0) + EXTRA_BITS)):
            return function(*args)

    return enclose


def _accuracy(a: Ball) -> int:
    """The bits that are known of an inexact number, beside 1 where it is smaller."""
    known = int(a.rel_accuracy_bits())
    if not a.is_finite() or abs(a) >= 1:
        return known
    mantissa, exponent = a.rad().man_exp()
    return max(known, -int(exponent) - int(mantissa).bit_length())


for _name in [name for name in SPECIAL if GATES[name].orders]:
    SPECIAL[_name] = bounded(_name, _to_its_arguments(SPECIAL[_name]))
SPECIAL_FUNCTIONS = frozenset((*SPECIAL, "gamma", "lgamma", "digamma", "polygamma"))  # with those for which Arb needs no help, or little
SLOW = frozenset(("digamma", "polygamma", "zeta", "zetaderiv", "hurwitz", "besselk", "bessely", "kve"))  # at 32,768 bits Arb takes up to a second for each
