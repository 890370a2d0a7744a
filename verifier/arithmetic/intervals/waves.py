"""Enclosures of functions that oscillate: sines of half turns, Bessel and Airy functions, Fresnel integrals, at large arguments by their expansions."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial

import numpy as np

from verifier.arithmetic.intervals import interval
from verifier.arithmetic.intervals.by_shape import ColumnFunction, IntervalFunction, even, moving, pieces, within
from verifier.arithmetic.intervals.elementary import scipy_kernel
from verifier.arithmetic.intervals.interval import Interval, down, exactly, is_thin, magnitude, neg, up
from verifier.arithmetic.types import Doubles

NEAR = 30.0  # from here on Hankel's expansions of the Bessel functions have all digits
TERMS = 16  # of Hankel's expansions
NEAREST = 1.0  # below, the kernels of J have a relative error; above, an absolute one
TINIEST = 2.0**-10  # below, three terms of a series of Bessel's are enough
AIRY = 2.0**20  # beyond, the phase of an Airy function has no digits in float64


# ---------------------------------------------------------------- half turns


def _reduced(a: Doubles) -> tuple[Doubles, Doubles]:
    """a less its nearest integer, in [-1/2, 1/2] and exact, and the sign (-1)^integer."""
    rest = np.fmod(a, 2.0)
    whole = np.rint(rest)
    return rest - whole, np.where(np.abs(whole) == 1.0, -1.0, 1.0)


def _sinpi(a: Doubles) -> Doubles:
    rest, sign = _reduced(a)
    return sign * np.sin(np.pi * rest)


def _cospi(a: Doubles) -> Doubles:
    rest, sign = _reduced(a)
    rest = np.abs(rest)
    return sign * np.where(rest < 0.25, np.cos(np.pi * rest), np.sin(np.pi * (0.5 - rest)))  # 1/2 - rest is exact there


def _half_turns(kernel: ColumnFunction) -> IntervalFunction:
    """The errors of pi, of a product and of the sine are 3 * 2^-53 at most of the result and two of the kernel's; at halves and integers it is exact."""
    moved = moving(kernel, 8.0, slope=3.1416)

    def enclose(a: Interval) -> Interval:
        value = moved(a)
        low, high = np.maximum(value.low, -1.0), np.minimum(value.high, 1.0)
        exact = (a.low == a.high) & (np.rint(2 * a.low) == 2 * a.low)
        whole = np.rint(kernel(a.low))
        return Interval(np.where(exact, whole, low), np.where(exact, whole, high))

    return enclose


sinpi, cospi = _half_turns(_sinpi), _half_turns(_cospi)


# ---------------------------------------------------------------- Bessel functions of the first and the second kind


@cache
def _hankel(n: int) -> tuple[float, ...]:
    """a_k(n) of DLMF 10.17.1, rounded, for k to TERMS + 1."""
    terms = [Fraction(1)]
    for k in range(1, TERMS + 2):
        terms.append(terms[-1] * (4 * n * n - (2 * k - 1) ** 2) / (8 * k))
    return tuple(float(t) for t in terms)


def _far_bessel(n: int, *, second: bool) -> IntervalFunction:
    """J_n or Y_n for arguments from NEAR: DLMF 10.17.3 and 10.17.4, with the remainders of 10.17(iii), below the first terms left out."""
    a = _hankel(n)

    def kernel(x: Doubles) -> tuple[Doubles, Doubles]:
        inverse = 1 / x
        square = -inverse * inverse
        even_part, odd_part = np.zeros_like(x), np.zeros_like(x)
        for k in range(TERMS - 2, -1, -2):
            even_part, odd_part = even_part * square + a[k], odd_part * square + a[k + 1]
        odd_part = odd_part * inverse
        sine, cosine = np.sin(x), np.cos(x)
        turns = ((cosine + sine, sine - cosine), (sine - cosine, -cosine - sine), (-cosine - sine, cosine - sine), (cosine - sine, cosine + sine))
        along, across = turns[n % 4]  # sqrt(2) times cosine and sine of x - n pi/2 - pi/4
        scale = np.sqrt(1 / (np.pi * x))
        value = across * even_part + along * odd_part if second else along * even_part - across * odd_part
        left_out = 2 * (abs(a[TERMS]) + abs(a[TERMS + 1]) * inverse) * inverse**TERMS
        return scale * value, scale * (64 * interval.EPSILON + left_out)  # sizes: along, across < 3/2, even_part < 3/2, odd_part < 1/4 each within 8 * 2^-53

    def enclose(a: Interval) -> Interval:
        value, error = kernel(np.asarray(a.low, dtype=np.float64))
        if not is_thin(a):
            error = error + up(a.high - a.low)  # |J'|, |Y'| < 1 here
        return Interval(down(value - error), up(value + error))

    return enclose


def ascending(n: int, sign: int) -> IntervalFunction:
    """J_n (`sign` -1) or I_n (1) for arguments to TINIEST: DLMF 10.2.2 and 10.25.2, to the term in a^4; the next is below 2^-64 of the first."""

    def kernel(a: Doubles) -> Doubles:
        square = a * a / 4
        return (a / 2) ** n / factorial(n) * (1 + sign * square / (n + 1) + square * square / (2 * (n + 1) * (n + 2)))

    return moving(kernel, 16.0, slope=1.0)


def besselj(n: int) -> IntervalFunction:
    """J_n for n = 0 to 3: a series, the kernel's error, relative to 1 (measured 5.2) and absolute from there to 30 (measured 2.2), then the expansion."""
    kernel = scipy_kernel("jv", n)
    near = moving(kernel, 64.0, slope=1.0), moving(kernel, 16.0, absolute=16.0, slope=1.0)
    right = pieces((TINIEST, ascending(n, -1)), (NEAREST, near[0]), (NEAR, near[1]), last=_far_bessel(n, second=False))
    return odd(right) if n % 2 else even(right)


def bessely(n: int) -> IntervalFunction:
    """Y_n for n = 0 to 3, to the right of 0: the kernel's error to 30 (measured 5.1 relative to 1/2, 3.2 absolute and relative from there), then the expansion."""
    kernel = scipy_kernel("yv", n)
    right = pieces((0.5, moving(kernel, 32.0)), (NEAR, moving(kernel, 32.0, absolute=32.0)), last=_far_bessel(n, second=True))
    return within(right, 1e-70, np.inf)  # nearer to 0 the kernel overflows before the function does


def odd(right: IntervalFunction) -> IntervalFunction:
    """A function with f(-a) = -f(a), given to the right of 0; it is 0 there."""

    def enclose(a: Interval) -> Interval:
        found = right(exactly(np.abs(a.low)) if is_thin(a) else Interval(*magnitude(a)))
        if is_thin(a):
            other, left = neg(found), a.low < 0
            return Interval(np.where(left, other.low, found.low), np.where(left, other.high, found.high), found.never)
        other, left, across = neg(found), a.high <= 0, (a.low < 0) & (a.high > 0)
        low, high = np.where(left, other.low, found.low), np.where(left, other.high, found.high)
        return Interval(np.where(across, np.nan, low), np.where(across, np.nan, high), found.never)

    return enclose


# ---------------------------------------------------------------- Airy functions


def airy(which: int) -> IntervalFunction:
    """Ai, Ai', Bi, Bi' (0 to 3) from -2^20; the kernel loses as many digits as its phase, or its exponent, 2/3 |a|^(3/2), has.

    To the right of 0 the error in units of 2^-52 of the result was at most 141 to 16 and 0.7 |a|^(3/2) from there; to the left
    at most 5 + 0.8 |a|^(3/2) units of the amplitude, |a|^(-1/4) or, for derivatives, |a|^(1/4).
    """
    kernel = scipy_kernel("airy", part=which)

    def left(a: Interval) -> Interval:
        size = np.maximum(np.abs(a.low), 1.0)
        amplitude = np.sqrt(np.sqrt(size)) if which % 2 else 1 / np.sqrt(np.sqrt(size))
        error = (64 + 8 * size * np.sqrt(size)) * amplitude * interval.EPSILON
        value = kernel(a.low)
        if not is_thin(a):
            error = np.where(a.low == a.high, error, np.nan)
        return Interval(down(value - error), up(value + error))

    def slack(a: Doubles) -> Doubles:
        size = np.abs(a)
        return 640 + 4 * size * np.sqrt(size)

    def beyond(a: Interval) -> Interval:
        low, high = ((0.0, 1e-290), (-1e-289, 0.0), (1e288, np.inf), (1e289, np.inf))[which]
        return Interval(np.full(np.shape(a.low), low), np.full(np.shape(a.low), high))

    return within(pieces((-1.0, left), (100.0, moving(kernel, slack, absolute=0.0)), last=beyond), -AIRY, np.inf)


# ---------------------------------------------------------------- Fresnel integrals


def fresnel(which: int) -> IntervalFunction:
    """S and C: the kernel's error relative to 1 (measured 2.1) and absolute to 256 (measured 45); beyond, 1/2 and less than 0.42 / a (DLMF 7.5.3, 7.12)."""
    kernel = scipy_kernel("fresnel", part=which)

    def far(a: Interval) -> Interval:
        reach = up(0.42 / a.low)
        return Interval(down(0.5 - reach), up(0.5 + reach))

    return odd(pieces((1.0, moving(kernel, 16.0, slope=1.0)), (256.0, moving(kernel, 16.0, absolute=512.0, slope=1.0)), last=far))


WAVES: dict[str, IntervalFunction] = {
    "sinpi": sinpi,
    "cospi": cospi,
    "airyai": airy(0),
    "airyaiprime": airy(1),
    "airybi": airy(2),
    "airybiprime": airy(3),
    "fresnels": fresnel(0),
    "fresnelc": fresnel(1),
}
