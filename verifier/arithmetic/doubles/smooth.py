"""Elementary functions of columns of float64 with one bound: exp by a table and a polynomial whose error is proved, the others by the kernels of NumPy and SciPy with the margins of `arithmetic.intervals`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.doubles.double import (
    NEVER,
    ONE,
    SMALL,
    UNKNOWN,
    WIDEST,
    ZERO,
    Double,
    U,
    bounded,
    div,
    exactly,
    is_below,
    is_zero,
    mul,
    sqrt,
)
from verifier.arithmetic.squarings import LARGEST_POWER, by_squarings
from verifier.arithmetic.types import DoubleArray, Doubles

UNIT = 2.0**-52  # in which the margins of kernels are
NORMAL = 2.0**-1022  # more than a kernel loses below it
ASIDE = 2.0**-40  # more than a kernel's values may be out of order, relative to them

# ---------------------------------------------------------------- exp, proved

CELLS = 128  # of a doubling
LOWEST, HIGHEST = -690.0, 700.0  # arguments of normal results
EXP = 2.5 * U


@cache
def _powers() -> tuple[DoubleArray, float, float]:
    """2^(j/128), each the nearest float; ln(2)/128 in two parts, the first two times 34 bits of it: less their sum it is under 2^-75."""
    with balls.precision(200):
        step = arb(2).log() / CELLS
        parts = []
        for _ in range(2):
            mantissa, exponent = math.frexp(float(step))
            parts.append(math.ldexp(math.trunc(math.ldexp(mantissa, 34)), exponent - 34))
            step = step - arb(parts[-1])
        return np.array([float(arb(2) ** (arb(j) / CELLS)) for j in range(CELLS)]), parts[0], parts[1]


def exponential(x: Doubles) -> Doubles:
    """exp(x) for x in [LOWEST, HIGHEST], off by at most EXP of the result.

    x = n ln(2)/128 + s with whole n, |n| < 2^17 and |s| < 0.00272. The products of n and the two parts (34 bits) are exact, the two differences round by 2^-53 of what is under 0.0028, each under
    2^-61, and n times what the parts leave out is under 2^-58: s, and so the logarithm of the result, is off by less than 1.2 * 2^-58 < 0.04 U. The terms of exp(s) from s^6 on, which
    are left out, are under 2^-60. p = exp(s) - 1, under 0.00273, is rounded a few times, the last two times in full: it is off by less than 3 U |p| < 0.01 U. The table's number t is off by U t, t p by U t |p| < 0.003 U t,
    t + t p by U times the result. Together that is less than 2.1 U of it; the factor 2^(n // 128) is exact.
    """
    table, first, second = _powers()
    n = np.rint(x * (CELLS / math.log(2)))
    s = (x - n * first) - n * second
    p = s * (1 / 120)
    for c in (1 / 24, 1 / 6, 0.5, 1.0):
        p += c
        p *= s
    whole = n.astype(np.int64)
    t = table[whole & (CELLS - 1)]
    p *= t
    p += t
    whole >>= 7
    whole += 1023
    whole <<= 52
    result: Doubles = p * whole.view(np.float64)
    return result


def exp(a: Double) -> Double:
    """exp(a): |exp(a + e) / exp(a) - 1| <= e (1 + e) for 0 <= e < 1."""
    error = a.error
    if not (a.low >= LOWEST and a.high <= HIGHEST and error < WIDEST):
        return UNKNOWN
    return bounded(exponential(a.value), math.exp(a.low) * (1 - ASIDE), math.exp(a.high) * (1 + ASIDE), EXP + error * (1 + 2 * error))


# ---------------------------------------------------------------- kernels


def _rising(kernel: Callable[[Doubles], Doubles], units: float, slope: Callable[[Double], float]) -> Callable[[Double], Double]:
    """An increasing function: its kernel, the margin in units of 2^-52 of the result, and a bound of the derivative between the bounds of the argument."""

    def enclose(a: Double) -> Double:
        if not a.is_known:
            return UNKNOWN
        if is_zero(a):
            return ZERO
        low, high = (float(kernel(np.float64(end))) for end in (a.low, a.high))
        if not (math.isfinite(low) and math.isfinite(high)):
            return UNKNOWN
        low, high = low - abs(low) * ASIDE - NORMAL, high + abs(high) * ASIDE + NORMAL
        fixed = 0.0 if a.is_exact else a.error * slope(a)
        return bounded(kernel(a.value), low, high, units * UNIT, fixed + (0.0 if low > SMALL or high < -SMALL else NORMAL))

    return enclose


def _one(_: Double) -> float:
    return 1.0


def _largest(derivative: Callable[[float], float]) -> Callable[[Double], float]:
    """The larger one of the sizes of a derivative at the ends, with room for the rounding of `derivative`."""
    return lambda a: max(abs(derivative(a.floor)), abs(derivative(a.ceiling))) * (1 + ASIDE)


expm1 = _rising(np.expm1, 4.0, lambda a: math.exp(a.ceiling) * (1 + ASIDE) if a.ceiling < HIGHEST else math.inf)
tanh = _rising(np.tanh, 4.0, _one)
sinh = _rising(np.sinh, 4.0, _largest(lambda x: math.cosh(x) if abs(x) < HIGHEST else math.inf))
asinh = _rising(np.arcsinh, 4.0, _one)
atan = _rising(np.arctan, 4.0, _one)


def cosh(a: Double) -> Double:
    """cosh(a) of numbers of one sign."""
    if a.low < 0 < a.high or a.size > HIGHEST:
        return UNKNOWN
    low, high = math.cosh(a.least) * (1 - ASIDE), math.cosh(a.size) * (1 + ASIDE)
    return bounded(np.cosh(a.value), low, high, 4 * UNIT, 0.0 if a.is_exact else a.error * math.sinh(a.size + a.error) * (1 + ASIDE))


def log(a: Double) -> Double:
    """log(a): |log(1 + d)| <= |d| (1 + |d|) for |d| < 1/2."""
    if is_below(a, ZERO) or is_zero(a):
        return NEVER
    off = a.relative
    if not (a.low > SMALL and off < WIDEST):
        return UNKNOWN
    low, high = (math.log(end) for end in (a.low, a.high))
    low, high = low - abs(low) * ASIDE, high + abs(high) * ASIDE
    return bounded(np.log(a.value), low, high, 4 * UNIT, off * (1 + off) + (0.0 if low > SMALL or high < -SMALL else NORMAL))


def log1p(a: Double) -> Double:
    """log(1 + a), whose derivative is at most 1 / (1 + the least a)."""
    if is_below(a, exactly(np.float64(-1.0))):
        return NEVER
    if not (a.floor > -1 + WIDEST and a.is_known):
        return UNKNOWN
    return _rising(np.log1p, 4.0, lambda x: (1 + ASIDE) / (1 + x.floor))(a)


def _wave(kernel: Callable[[Doubles], Doubles]) -> Callable[[Double], Double]:
    """sin and cos, which change by no more than their argument."""

    def enclose(a: Double) -> Double:
        return bounded(kernel(a.value), -1.0, 1.0, 4 * UNIT, a.error + NORMAL) if a.is_known else UNKNOWN

    return enclose


sin, cos = _wave(np.sin), _wave(np.cos)


def tan(a: Double) -> Double:
    """tan(a)."""
    return div(sin(a), cos(a))


def _special(name: str) -> Callable[[Doubles], Doubles]:
    def call(x: Doubles) -> Doubles:
        from scipy import special

        found: Doubles = getattr(special, name)(x)
        return found

    return call


def _bell(a: Double) -> float:
    """The largest derivative of erf: 2/sqrt(pi) exp(-x²) at the x next to 0."""
    least = max(a.floor, -a.ceiling, 0.0)
    return 1.1284 * math.exp(-least * least * (1 - ASIDE)) * (1 + ASIDE) + NORMAL


erf = _rising(_special("erf"), 8.0, _bell)


FARTHEST = 26.0  # from there on erfc comes near the subnormal numbers


def erfc(a: Double) -> Double:
    """erfc(a), whose kernel squares the argument: an ulp of the square is that many ulps of the result."""
    if not a.ceiling < FARTHEST:
        return UNKNOWN
    low, high = math.erfc(a.high) * (1 - 4 * ASIDE), math.erfc(a.low) * (1 + 4 * ASIDE)
    units = 40.0 + 2.0 * min(a.high * a.high if a.high > 0 else a.low * a.low, 1e4)
    return bounded(_special("erfc")(a.value), low, high, units * UNIT, 0.0 if a.is_exact else a.error * _bell(a))


# ---------------------------------------------------------------- powers


def power(a: Double, b: Double) -> Double:
    """a ** b by products where b is a whole number, with a root where it is half of one; else not known here."""
    if not (b.is_exact and b.low == b.high):
        return UNKNOWN
    n = b.low
    if n == int(n) and abs(n) <= LARGEST_POWER:
        return _whole_power(a, int(n))
    if 2 * n == int(2 * n) and abs(n) <= LARGEST_POWER:
        root = sqrt(a)
        found = mul(_whole_power(a, int(abs(n))), root)
        return (found if n > 0 else div(ONE, found))._replace(never=root.never)
    return UNKNOWN


def _whole_power(a: Double, n: int) -> Double:
    if n < 0:
        return div(ONE, _whole_power(a, -n))
    if n == 0:
        return ONE if a.is_known else UNKNOWN
    return by_squarings(a, n, mul)


__all__ = ["asinh", "atan", "cos", "cosh", "erf", "erfc", "exp", "expm1", "exponential", "log", "log1p", "power", "sin", "sinh", "tan", "tanh"]
