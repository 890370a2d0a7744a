"""Enclosures of the special functions: SciPy's kernels, each with the arguments for which a bound of its error holds, and what is certain beyond.

The comment beside a kernel has the worst error seen, in units of 2^-52 of the result: over all float16 and bfloat16 arguments, and
random float64 ones of all magnitudes. `tests/arithmetic/test_intervals_of_gates.py` holds every function against Arb.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifier.arithmetic.intervals.by_shape import (
    ColumnFunction,
    IntervalFunction,
    decreasing,
    even,
    increasing,
    moving,
    on,
    pieces,
    valley,
    within,
)
from verifier.arithmetic.intervals.choices import absolute
from verifier.arithmetic.intervals.elementary import ELEMENTARY, scipy_kernel
from verifier.arithmetic.intervals.interval import ONE, UNKNOWN, Interval, add, div, exactly, is_thin, mul, neg, sub
from verifier.arithmetic.intervals.waves import TINIEST, WAVES, ascending, besselj, bessely, cospi, odd, sinpi
from verifier.arithmetic.types import Doubles

OVERFLOW = 700.0  # exp(700) is the last that is far from the largest float64
PI = Interval(np.float64(3.141592653589793), np.float64(3.1415926535897936))


def _between(low: float, high: float) -> IntervalFunction:
    """The constant enclosure [low, high] of a function far out, where it is known to lie there."""
    return lambda a: Interval(np.full(np.shape(a.low), low), np.full(np.shape(a.low), high))


def _number(value: float) -> Interval:
    return exactly(np.float64(value))


# ---------------------------------------------------------------- gamma functions


def _reflected(right: IntervalFunction, left: IntervalFunction) -> IntervalFunction:
    return pieces((0.0, left), last=right)


_gamma_right = valley(scipy_kernel("gamma"), 16.0, bottom=(1.4616, 1.4617), least=0.8856031)  # 3.4; the least value is 0.88560319...
_lgamma_right = valley(scipy_kernel("gammaln"), 16.0, bottom=(1.4616, 1.4617), least=-0.1214863, absolute=16.0)  # 1.9 and, absolute, 1.8
_digamma_right = increasing(scipy_kernel("digamma"), 16.0)  # 2.5


def _polygamma_right(n: int) -> IntervalFunction:
    def kernel(a: Doubles) -> Doubles:
        from scipy import special

        found: Doubles = special.polygamma(n, a)
        return found

    return decreasing(kernel, 32.0) if n % 2 else increasing(kernel, 32.0)  # 4.5


def _gamma_left(a: Interval) -> Interval:
    return div(PI, mul(sinpi(a), _gamma_right(sub(ONE, a))))  # DLMF 5.5.3


def _lgamma_left(a: Interval) -> Interval:
    return sub(ELEMENTARY["log"](div(PI, absolute(sinpi(a)))), _lgamma_right(sub(ONE, a)))


def _rgamma_left(a: Interval) -> Interval:
    return div(mul(sinpi(a), _gamma_right(sub(ONE, a))), PI)


def _cotangent(a: Interval) -> Interval:
    return div(cospi(a), sinpi(a))


def _digamma_left(a: Interval) -> Interval:
    return sub(_digamma_right(sub(ONE, a)), mul(PI, _cotangent(a)))  # DLMF 5.5.4


def _polygamma_left(n: int) -> IntervalFunction:
    """DLMF 5.15.6: psi_n(1 - a) + (-1)^(n+1) psi_n(a) = (-1)^n pi times the n-th derivative of cot(pi a)."""

    def enclose(a: Interval) -> Interval:
        reflected = _polygamma_right(n)(sub(ONE, a))
        square = div(mul(PI, PI), mul(sinpi(a), sinpi(a)))  # pi^2 / sin^2
        if n == 1:
            return sub(square, reflected)
        if n == 2:
            return sub(reflected, mul(_number(2.0), mul(mul(PI, square), _cotangent(a))))
        turned = mul(_cotangent(a), _cotangent(a))
        return sub(mul(_number(2.0), mul(square, add(square, mul(mul(_number(2.0), mul(PI, PI)), turned)))), reflected)

    return enclose


# ---------------------------------------------------------------- modified Bessel functions


def _besseli(n: int) -> IntervalFunction:
    kernel = scipy_kernel("iv", n) if n > 1 else scipy_kernel(f"i{n}")
    usual = increasing(kernel, 640.0 if n > 1 else 32.0)  # 145, 7.9
    right = pieces((TINIEST, ascending(n, 1)), (OVERFLOW, usual), last=_between(1e300, np.inf))  # I_3(700) > 1e302
    return odd(right) if n % 2 else even(right)


def _besselk(n: int) -> IntervalFunction:
    if n > 1:
        return _by_recurrence(_besselk, n, 1)
    right = pieces((OVERFLOW, decreasing(scipy_kernel(f"k{n}"), 32.0)), last=_between(0.0, 1e-304))  # 5.1; K_3(700) < 5e-306
    return on(right, 0.0, np.inf, poles=True)


def _by_recurrence(family: Callable[[int], IntervalFunction], n: int, sign: int) -> IntervalFunction:
    """The function of order n from those of n - 2 and n - 1: DLMF 10.29.1, `sign` 1 for K, -1 for I."""
    before, last = family(n - 2), family(n - 1)

    def enclose(a: Interval) -> Interval:
        return add(before(a), mul(div(_number(2.0 * sign * (n - 1)), a), last(a)))

    return enclose


def _ive(n: int) -> IntervalFunction:
    if n < 2:
        return moving(scipy_kernel(f"i{n}e"), 16.0 if n == 0 else 32.0)  # 3.7, 7.9

    def near(a: Interval) -> Interval:
        return mul(ELEMENTARY["exp"](neg(a)), ascending(n, 1)(a))

    right = pieces((TINIEST, near), (2.0**20, moving(scipy_kernel("ive", n), 64.0)), last=_by_recurrence(_ive, n, -1))  # 9.2
    return odd(right) if n % 2 else even(right)


def _kve(n: int) -> IntervalFunction:
    if n > 1:
        return _by_recurrence(_kve, n, 1)
    return on(decreasing(scipy_kernel(f"k{n}e"), 32.0), 0.0, np.inf, poles=True)  # 5.4, 3.0


# ---------------------------------------------------------------- elliptic and hypergeometric functions


def _elliptic(name: str) -> ColumnFunction:
    def call(m: Doubles) -> Doubles:
        from verifier.arithmetic import kernels

        found: Doubles = getattr(kernels, name)(np.asarray(m))
        return found

    return call


_K, _E = increasing(scipy_kernel("ellipk"), 16.0), decreasing(scipy_kernel("ellipe"), 16.0)  # 2.1, 3.1
_B, _D = increasing(_elliptic("ellipb"), 16.0), increasing(_elliptic("ellipd"), 16.0)  # 3.0, 2.3


def _over_pi(times: float, function: IntervalFunction) -> IntervalFunction:
    return lambda m: div(mul(_number(times), function(m)), PI)


def _b_over(m: Interval) -> Interval:
    return div(_B(m), sub(ONE, m))


def _b_slope(m: Interval) -> Interval:
    return div(sub(_D(m), _B(m)), m)  # 2 dB/dm


def _d_slope(m: Interval) -> Interval:
    return div(sub(_b_over(m), _D(m)), m)  # 2 dD/dm


def _three(name: tuple[float, float, float], slope: IntervalFunction) -> IntervalFunction:
    """Near 0 the kernel (6.2), else a difference of elliptic integrals."""
    return pieces((-1.0, slope), (0.5, increasing(scipy_kernel("hyp2f1", *name), 64.0)), last=slope)


def _log_quotient(a: Interval) -> Interval:
    """2F1(1, 1; 2; a) = -log(1 - a) / a, rising; 1.0."""
    return increasing(lambda x: np.where(x == 0, 1.0, np.log1p(-x) / -np.where(x == 0, 1.0, x)), 16.0, low=0.0)(a)


def _below_one(function: IntervalFunction) -> IntervalFunction:
    return on(function, -np.inf, np.nextafter(1.0, 0.0))


HYP2F1: dict[tuple[float, ...], IntervalFunction] = {
    (1.0, 1.0, 2.0): _below_one(_log_quotient),
    (0.5, 0.5, 1.0): _below_one(_over_pi(2.0, _K)),
    (-0.5, 0.5, 1.0): _below_one(_over_pi(2.0, _E)),
    (0.5, 0.5, 2.0): _below_one(_over_pi(4.0, _B)),
    (0.5, 1.5, 2.0): _below_one(_over_pi(4.0, _D)),
    (1.5, 1.5, 2.0): _below_one(_over_pi(4.0, _b_over)),
    (1.5, 1.5, 3.0): _below_one(_three((1.5, 1.5, 3.0), _over_pi(16.0, _b_slope))),
    (1.5, 2.5, 3.0): _below_one(_three((1.5, 2.5, 3.0), _over_pi(16.0 / 3.0, _d_slope))),
}


def _sinch(a: Interval) -> Interval:
    """0F1(; 3/2; a): sin(y) / y or sinh(y) / y of y = 2 sqrt(|a|); near 0 its series, 1 + 2a/3 + 2a²/15 + ... (DLMF 15.4, 16.2.1)."""

    def near(z: Interval) -> Interval:
        return add(add(ONE, div(mul(_number(2.0), z), _number(3.0))), Interval(np.zeros(np.shape(z.low)), np.full(np.shape(z.low), 2.0**-42)))  # a² / 7 at most

    def far(name: str) -> IntervalFunction:
        def enclose(z: Interval) -> Interval:
            y = ELEMENTARY["sqrt"](mul(_number(4.0), absolute(z)))
            return div(ELEMENTARY[name](y), y)

        return enclose

    return pieces((-(2.0**-20), far("sin")), (2.0**-20, near), last=far("sinh"))(a)


# ---------------------------------------------------------------- integrals and the rest


def _expn(n: int) -> IntervalFunction:
    if n == 0:
        return lambda a: div(ELEMENTARY["exp"](neg(a)), a)
    right = pieces((OVERFLOW, decreasing(scipy_kernel("exp1"), 64.0)), last=_between(0.0, 1e-306))  # 8.6; E_1(700) < 2e-307
    return on(right, 0.0, np.inf, poles=True)


_expi = pieces(
    (-OVERFLOW, _between(-1e-306, 0.0)),
    (0.0, decreasing(scipy_kernel("expi"), 64.0)),  # 5.8
    (0.25, increasing(scipy_kernel("expi"), 16.0)),  # 1.4
    (0.5, valley(scipy_kernel("expi"), 16.0, bottom=(-np.inf, -np.inf), least=-np.inf, absolute=16.0)),  # absolute 1.8: 0 is at 0.37
    (OVERFLOW, increasing(scipy_kernel("expi"), 512.0)),  # 111
    last=_between(1e300, np.inf),
)
_si = moving(scipy_kernel("sici", part=0), 16.0, slope=1.0)  # 1.8
_ci = moving(scipy_kernel("sici", part=1), 64.0, absolute=16.0)  # 18.4 where it is not near 0, absolute 2.9
_shi = odd(pieces((OVERFLOW, increasing(scipy_kernel("shichi", part=0), 64.0)), last=_between(1e300, np.inf)))  # 8.3
_chi = pieces((OVERFLOW, moving(scipy_kernel("shichi", part=1), 64.0, absolute=16.0)), last=_between(1e300, np.inf))  # 7.6, absolute 1.0


def _lambertw(a: Doubles) -> Doubles:
    from verifier.arithmetic import kernels

    found: Doubles = kernels.lambertw(np.asarray(a))
    return found


BRANCH = np.nextafter(-np.exp(-1.0), -1.0)  # below -1/e
ORDERED: dict[str, dict[tuple[float, ...], IntervalFunction]] = {
    "besselj": {(float(n),): besselj(n) for n in range(4)},
    "bessely": {(float(n),): on(bessely(n), 0.0, np.inf, poles=True) for n in range(4)},
    "besseli": {(float(n),): _besseli(n) for n in range(4)},
    "besselk": {(float(n),): _besselk(n) for n in range(4)},
    "ive": {(float(n),): _ive(n) for n in range(4)},
    "kve": {(float(n),): _kve(n) for n in range(4)},
    "polygamma": {(0.0,): _reflected(_digamma_right, _digamma_left), **{(float(n),): _reflected(_polygamma_right(n), _polygamma_left(n)) for n in (1, 2, 3)}},
    "expn": {(0.0,): on(_expn(0), 0.0, np.inf, poles=True), (1.0,): _expn(1)},
    "hyp2f1": HYP2F1,
    "hyp0f1": {(1.5,): _sinch},
}
EVEN_ORDERS = ("besseli", "besselk", "ive", "kve")  # f of order -n is f of order n; of J and Y it is (-1)^n f (DLMF 10.4.1, 10.27)
ODD_ORDERS = ("besselj", "bessely")


def _of_order(name: str) -> Callable[..., Interval]:
    def enclose(*args: Interval) -> Interval:
        orders = tuple(float(n.low) if is_thin(n) and np.ndim(n.low) == 0 else np.nan for n in args[:-1])
        turned = name in ODD_ORDERS and orders[0] < 0 and orders[0] % 2 == 1
        if name in EVEN_ORDERS or name in ODD_ORDERS:
            orders = (abs(orders[0]),)
        function = ORDERED[name].get(orders)
        found = UNKNOWN if function is None else function(args[-1])
        return neg(found)._replace(never=found.never) if turned else found

    return enclose


SPECIAL: dict[str, Callable[..., Interval]] = {
    **WAVES,
    **{name: _of_order(name) for name in ORDERED},
    "erfinv": on(increasing(scipy_kernel("erfinv"), 8.0), -1.0, 1.0, poles=True),  # 1.5
    "erfcinv": on(decreasing(scipy_kernel("erfcinv"), 16.0), 0.0, 2.0, poles=True),  # 3.2
    "erfi": odd(pieces((26.0, increasing(scipy_kernel("erfi"), lambda a: 512.0 + 2.0 * a * a)), last=_between(1e290, np.inf))),  # 64 to 16, 0.25 a² at most
    "erfcx": pieces((-26.0, _between(1e293, np.inf)), last=decreasing(scipy_kernel("erfcx"), lambda a: 24.0 + 2.0 * np.minimum(a, 0.0) ** 2, low=0.0)),  # 5.1 and 0.37 a²
    "dawson": moving(scipy_kernel("dawsn"), 256.0, slope=1.0),  # 58
    "log_ndtr": pieces(
        (-1e150, _between(-np.inf, -1e299)),
        (37.0, increasing(scipy_kernel("log_ndtr"), lambda a: 24.0 + 4.0 * np.maximum(a, 0.0) ** 2, high=0.0)),
        last=_between(-1e-298, 0.0),
    ),  # 4.6 and a²
    "gamma": _reflected(_gamma_right, _gamma_left),
    "lgamma": _reflected(_lgamma_right, _lgamma_left),
    "digamma": _reflected(_digamma_right, _digamma_left),
    "rgamma": _reflected(lambda a: div(ONE, _gamma_right(a)), _rgamma_left),
    "spence": on(decreasing(scipy_kernel("spence"), 64.0), 0.0, np.inf),  # 12.3
    "expi": _expi,
    "si": _si,
    "ci": on(_ci, 0.0, np.inf, poles=True),
    "shi": _shi,
    "chi": on(_chi, 0.0, np.inf, poles=True),
    "lambertw": on(within(increasing(_lambertw, 32.0), -0.36, np.inf), float(BRANCH), np.inf),  # 4.2; near the branch point the kernel loses digits
}
