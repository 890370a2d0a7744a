"""Complex numbers as pairs of steps, the real and the imaginary part; a plain array of steps among them is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from verifier.circuit.arrays import Array
from verifier.trace.matrices import Gates

MOST_FACTORS = 8  # of a whole power that is written as products


@dataclass(frozen=True, eq=False)
class Pair:
    """The steps of complex numbers: their real and their imaginary parts."""

    re: Array
    im: Array


RealOrComplex: TypeAlias = "Pair | Array"


def as_pair(t: Gates, a: RealOrComplex) -> Pair:
    """A pair, whose imaginary part is 0 where the numbers are real."""
    return a if isinstance(a, Pair) else Pair(a, np.broadcast_to(t(0), np.shape(a)))


def stacked(a: Pair) -> Array:
    """Both parts in one array, along a last axis of two."""
    return np.stack(np.broadcast_arrays(a.re, a.im), axis=-1)


def unstacked(steps: Array) -> Pair:
    """The pair of an array with a last axis of two."""
    return Pair(steps[..., 0], steps[..., 1])


def turned(a: Pair) -> Pair:
    """The transposes of matrices."""
    return Pair(np.swapaxes(a.re, -1, -2), np.swapaxes(a.im, -1, -2))


# ---------------------------------------------------------------- arithmetic


def plus(t: Gates, a: RealOrComplex, b: RealOrComplex) -> Pair:
    """The sum."""
    x, y = as_pair(t, a), as_pair(t, b)
    return Pair(t.gate("add", x.re, y.re), t.gate("add", x.im, y.im))


def minus(t: Gates, a: RealOrComplex, b: RealOrComplex) -> Pair:
    """The difference."""
    x, y = as_pair(t, a), as_pair(t, b)
    return Pair(t.gate("sub", x.re, y.re), t.gate("sub", x.im, y.im))


def negative(t: Gates, a: RealOrComplex) -> Pair:
    """Both parts with the other sign."""
    x = as_pair(t, a)
    return Pair(t.gate("neg", x.re), t.gate("neg", x.im))


def times(t: Gates, a: RealOrComplex, b: RealOrComplex) -> Pair:
    """The product. A factor that is real costs two products."""
    if not isinstance(a, Pair) or not isinstance(b, Pair):
        real, other = (a, as_pair(t, b)) if not isinstance(a, Pair) else (b, a)
        return Pair(t.gate("mul", real, other.re), t.gate("mul", real, other.im))
    re = t.gate("sub", t.gate("mul", a.re, b.re), t.gate("mul", a.im, b.im))
    return Pair(re, t.gate("add", t.gate("mul", a.re, b.im), t.gate("mul", a.im, b.re)))


def over(t: Gates, a: RealOrComplex, b: RealOrComplex) -> Pair:
    """The quotient: times the conjugate, over the square of the absolute value."""
    x = as_pair(t, a)
    if not isinstance(b, Pair):
        return Pair(t.gate("div", x.re, b), t.gate("div", x.im, b))
    upper, size = times(t, a, conjugate(t, b)), t.gate("add", t.gate("mul", b.re, b.re), t.gate("mul", b.im, b.im))
    return Pair(t.gate("div", upper.re, size), t.gate("div", upper.im, size))


def conjugate(t: Gates, a: RealOrComplex) -> Pair:
    """The imaginary part with the other sign."""
    x = as_pair(t, a)
    return Pair(x.re, t.gate("neg", x.im))


def square(t: Gates, a: RealOrComplex) -> Pair:
    """The product with itself."""
    x = as_pair(t, a)
    return times(t, x, x)


def size_of(t: Gates, a: RealOrComplex) -> Array:
    """The absolute value."""
    x = as_pair(t, a)
    return t.gate("hypot", x.re, x.im)


def angle(t: Gates, a: RealOrComplex) -> Array:
    """The argument, between -pi and pi."""
    x = as_pair(t, a)
    return t.gate("atan2", x.im, x.re)


def direction(t: Gates, a: RealOrComplex) -> Pair:
    """The number over its absolute value; 0 of 0."""
    x, size = as_pair(t, a), size_of(t, a)
    is_zero = t.gate("eq", size, 0)
    return Pair(*(t.gate("where", is_zero, 0, t.gate("div", part, size)) for part in (x.re, x.im)))


def polar(t: Gates, size: Any, at: Any) -> Pair:
    """The number of this absolute value and argument."""
    return Pair(t.gate("mul", size, t.gate("cos", at)), t.gate("mul", size, t.gate("sin", at)))


def exp(t: Gates, a: RealOrComplex) -> Pair:
    """exp(re) at the angle im."""
    x = as_pair(t, a)
    return polar(t, t.gate("exp", x.re), x.im)


def log(t: Gates, a: RealOrComplex) -> Pair:
    """The principal logarithm."""
    return Pair(t.gate("log", size_of(t, a)), angle(t, a))


def sqrt(t: Gates, a: RealOrComplex) -> Pair:
    """The principal root: half the angle."""
    return polar(t, t.gate("sqrt", size_of(t, a)), t.gate("div", angle(t, a), 2))


def power(t: Gates, a: RealOrComplex, b: RealOrComplex) -> Pair:
    """exp(b log(a))."""
    return exp(t, times(t, b, log(t, a)))


def whole_power(t: Gates, a: RealOrComplex, count: int) -> Pair:
    """Products where they are few, else the power of the principal logarithm; of a negative count the reciprocal."""
    if count == 0:
        one = np.broadcast_to(t(1), as_pair(t, a).re.shape)
        return as_pair(t, one)
    if abs(count) > MOST_FACTORS:
        return power(t, a, t(count))
    x = as_pair(t, a)
    found = x
    for _ in range(abs(count) - 1):
        found = times(t, found, x)
    return found if count > 0 else over(t, t(1), found)


def sin(t: Gates, a: RealOrComplex) -> Pair:
    """sin(re) cosh(im) + i cos(re) sinh(im)."""
    x = as_pair(t, a)
    return Pair(t.gate("mul", t.gate("sin", x.re), t.gate("cosh", x.im)), t.gate("mul", t.gate("cos", x.re), t.gate("sinh", x.im)))


def cos(t: Gates, a: RealOrComplex) -> Pair:
    """cos(re) cosh(im) - i sin(re) sinh(im)."""
    x = as_pair(t, a)
    return Pair(t.gate("mul", t.gate("cos", x.re), t.gate("cosh", x.im)), t.gate("neg", t.gate("mul", t.gate("sin", x.re), t.gate("sinh", x.im))))


def sinh(t: Gates, a: RealOrComplex) -> Pair:
    """sinh(re) cos(im) + i cosh(re) sin(im)."""
    x = as_pair(t, a)
    return Pair(t.gate("mul", t.gate("sinh", x.re), t.gate("cos", x.im)), t.gate("mul", t.gate("cosh", x.re), t.gate("sin", x.im)))


def cosh(t: Gates, a: RealOrComplex) -> Pair:
    """cosh(re) cos(im) + i sinh(re) sin(im)."""
    x = as_pair(t, a)
    return Pair(t.gate("mul", t.gate("cosh", x.re), t.gate("cos", x.im)), t.gate("mul", t.gate("sinh", x.re), t.gate("sin", x.im)))


def tanh(t: Gates, a: RealOrComplex) -> Pair:
    """(sinh(2 re) + i sin(2 im)) over cosh(2 re) + cos(2 im)."""
    x = as_pair(t, a)
    re, im = t.gate("mul", 2, x.re), t.gate("mul", 2, x.im)
    below = t.gate("add", t.gate("cosh", re), t.gate("cos", im))
    return Pair(t.gate("div", t.gate("sinh", re), below), t.gate("div", t.gate("sin", im), below))


FUNCTIONS_OF_ONE: dict[str, Callable[[Gates, RealOrComplex], Pair]] = {"exp": exp, "log": log, "sqrt": sqrt, "square": square, "sin": sin, "cos": cos, "sinh": sinh, "cosh": cosh, "tanh": tanh}


def equal(t: Gates, a: RealOrComplex, b: RealOrComplex, *, unequal: bool = False) -> Array:
    """Whether both parts are equal, or whether one is not."""
    x, y, gate = as_pair(t, a), as_pair(t, b), "ne" if unequal else "eq"
    return t.gate("or" if unequal else "and", t.gate(gate, x.re, y.re), t.gate(gate, x.im, y.im))


def bilinear(t: Gates, product: Callable[[Array, Array], Array], a: RealOrComplex, b: RealOrComplex) -> Pair:
    """A product of arrays (of matrices, say) that is linear in both: four products of real ones, two where one is real."""
    if not isinstance(a, Pair):
        y = as_pair(t, b)
        return Pair(product(a, y.re), product(a, y.im))
    if not isinstance(b, Pair):
        return Pair(product(a.re, b), product(a.im, b))
    return Pair(t.gate("sub", product(a.re, b.re), product(a.im, b.im)), t.gate("add", product(a.re, b.im), product(a.im, b.re)))
