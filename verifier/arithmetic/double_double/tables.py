"""The constants and tables of the elementary functions, made by Arb when they are first needed: pairs of floats, each the nearest to what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from flint import arb, arb_series, ctx

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball, DoubleArray

BITS = 400
TablePair: TypeAlias = "tuple[DoubleArray, DoubleArray]"
NumberPair: TypeAlias = "tuple[np.float64, np.float64]"


def pair(value: Ball) -> NumberPair:
    """The float nearest to a ball's midpoint, and the one nearest to the rest: off by less than 2^-106 of the value."""
    hi = float(value)
    return np.float64(hi), np.float64(value - arb(hi))


def pairs(values: Sequence[Ball]) -> TablePair:
    """The same of several numbers, as two arrays."""
    found = [pair(v) for v in values]
    return np.array([hi for hi, _ in found]), np.array([lo for _, lo in found])


def parts(value: Ball, bits: Sequence[int]) -> tuple[float, ...]:
    """A number as a sum of floats of so many bits each, and one of 53 more."""
    found = []
    for n in bits:
        mantissa, exponent = np.frexp(float(value))
        part = float(np.ldexp(np.trunc(np.ldexp(mantissa, n)), exponent - n))
        found.append(part)
        value = value - arb(part)
    return (*found, float(value))


@cache
def constant(name: str) -> tuple[float, ...]:
    """Constants in parts: the first ones so short that their products with whole numbers up to 2^18 (of ln 2 / 128: 2^18; of pi / 64: 2^20) are exact."""
    with balls.precision(BITS):
        match name:
            case "ln2/128":
                return parts(arb(2).log() / 128, (34, 34))
            case "pi/64":
                return parts(arb.pi() / 64, (32, 32, 32))
            case "ln2":
                return parts(arb(2).log(), (40, 40))
            case _:
                return pair({"pi": arb.pi(), "pi/2": arb.pi() / 2}[name])


@cache
def powers_of_two() -> TablePair:
    """2^(j/128) for j from 0 to 127."""
    with balls.precision(BITS):
        return pairs([arb(2) ** (arb(j) / 128) for j in range(128)])


@cache
def waves() -> tuple[TablePair, TablePair]:
    """Sine and cosine of j pi / 64 for j from 0 to 127."""
    with balls.precision(BITS):
        angles = [arb(j) / 64 for j in range(128)]
        return pairs([a.sin_pi() for a in angles]), pairs([a.cos_pi() for a in angles])


FIRST_CELL, CELLS = 180, 183  # of numbers between 0.7 and 1.42, in cells of 1/256


@cache
def reciprocals() -> tuple[DoubleArray, TablePair]:
    """For the numbers m of each cell [k/256, (k+1)/256), k from FIRST_CELL on: a number c of 9 bits with |c m - 1| < 0.006, and -log c. c is 1 in the two cells beside 1."""
    with balls.precision(BITS):
        c = [1.0 if k in (255, 256) else round(256 * 256 / (k + 0.5)) / 256 for k in range(FIRST_CELL, FIRST_CELL + CELLS)]
        return np.array(c), pairs([-arb(x).log() for x in c])


@cache
def inverse_factorials(count: int) -> list[NumberPair]:
    """1 / k! for k up to `count`."""
    with balls.precision(BITS):
        return [pair(1 / arb(k).fac()) for k in range(count + 1)]


@cache
def inverse(n: int) -> NumberPair:
    """1 / n."""
    with balls.precision(BITS):
        return pair(1 / arb(n))


@dataclass(frozen=True)
class Expansions:
    """Taylor polynomials of a function in cells of one width around multiples of it: f(c + s) = first[c] + s (rest[0][c] + s (rest[1][c] + ...)).

    `tail` are the coefficients that follow, to be taken in floats. The value is off by at most |s| `bound[c]` if it is evaluated as `error_functions._expanded` does.
    """

    width: float
    first: TablePair
    rest: Sequence[TablePair]
    tail: Sequence[DoubleArray]
    bound: DoubleArray


LONG, COUNT = 12, 25  # powers whose coefficients are pairs, and all powers
PAIRS, FLOATS = 2.0**-98, 2.0**-46  # what Horner's steps lose, relative to the sum of the absolute terms: each of 12 steps under 2^-101, each of 14 under 2^-52


def expansions(at: Callable[[arb], list[Ball]], largest: Callable[[arb, float], Ball], last: float, width: float) -> Expansions:
    """The polynomials of degree COUNT - 1 in the cells around 0, width, ... last. `at` has the first coefficients at a center, `largest` a bound of the one of degree COUNT all over the cell around it (Lagrange's remainder)."""
    half = width / 2
    rows, bounds = [], []
    with balls.precision(BITS):
        for j in range(round(last / width) + 1):
            row = at(arb(j * width))
            sizes = [float(a.abs_upper()) * half ** (k - 1) for k, a in enumerate(row) if k]
            bounds.append(PAIRS * sum(sizes) + FLOATS * sum(sizes[LONG - 1 :]) + float(largest(arb(j * width), half).abs_upper()) * half ** (COUNT - 1))
            rows.append(row)
    columns = list(zip(*rows, strict=True))
    return Expansions(width, pairs(columns[0]), [pairs(c) for c in columns[1:LONG]], [np.array(list(map(float, c))) for c in columns[LONG:]], np.array(bounds) * (1 + 2.0**-40))


def _coefficients(series: Callable[[arb_series], arb_series], center: Ball, count: int) -> list[Ball]:
    before, ctx.cap = ctx.cap, count
    try:
        found = series(arb_series([center, 1])).coeffs()
    finally:
        ctx.cap = before
    return [*found, *([arb(0)] * (count - len(found)))]


@cache
def erf() -> Expansions:
    """erf from -1/16 to 6 + 1/16."""
    def series(x: arb_series) -> arb_series:
        return x.erf()

    return expansions(lambda c: _coefficients(series, c, COUNT), lambda c, half: _coefficients(series, arb(c.mid(), half), COUNT + 1)[COUNT], 6.0, 0.125)


WIDE = 600  # bits, of which more than 380 are left: erfc(x) exp(x²) cancels


@cache
def erfcx() -> Expansions:
    """exp(x²) erfc(x) from -1/16 to 27 + 1/16.

    It is the integral of (2/sqrt(pi)) exp(-t² - 2xt) over t from 0 (DLMF 7.7.1 by t = u - x), so the sizes of its derivatives fall with x: they are largest at the left end of a cell.
    """
    def series(x: arb_series) -> arb_series:
        return (x * x).exp() * x.erfc()

    def at(c: Ball, count: int) -> list[Ball]:
        with balls.precision(WIDE):
            return _coefficients(series, c, count)

    return expansions(lambda c: at(c, COUNT), lambda c, half: at(c - arb(half), COUNT + 1)[COUNT], 27.0, 0.125)
