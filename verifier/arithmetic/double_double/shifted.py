"""Vectors of double-doubles, each times a power of two of its own: for points at which something is too small or too large for the error of a product to be a float.

An enclosure stands for the real numbers (hi + lo ± err) 2^-shift, `shift` a whole number for every point. The sizes of hi are between LEAST and MOST (or 0) before every operation, so sums,
products, quotients and roots of `number` stay far from both ends of the range, where their errors are proved, and TINY, 2^-1060, is less than 2^-400 of what they give. Multiplying hi, lo and err by a power of
two is exact where nothing leaves the normal numbers; where a bit is lost, at the lower end, TINY is added to the bound. All other functions take what is described here as ordinary
double-doubles, rounded in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic import vectors
from verifier.arithmetic.double_double import comparisons, number
from verifier.arithmetic.double_double import run as plain
from verifier.arithmetic.double_double.number import TINY, DoubleDouble
from verifier.arithmetic.intervals.choices import never_of_choice
from verifier.arithmetic.squarings import LARGEST_POWER, by_squarings
from verifier.arithmetic.types import DoubleArray, Doubles, Mask, Truths
from verifier.circuit.program import Program
from verifier.language.formats import Format

Shifts: TypeAlias = "np.int64 | NDArray[np.int64]"
LEAST, MOST = 2.0**-300, 2.0**300
FARTHEST = 2000  # a larger difference of shifts is as good as this one: everything is 0, or too large


class Shifted(NamedTuple):
    """Columns; `never` marks where there is certainly no real value."""

    value: DoubleDouble
    shift: Shifts
    never: Mask | None = None


NONE = np.int64(0)
ZERO = Shifted(number.ZERO, NONE)
UNKNOWN = Shifted(number.UNKNOWN, NONE)


def moved(a: DoubleDouble, by: Shifts) -> DoubleDouble:
    """a times 2^by, exact but for what is lost below the normal numbers."""
    by = np.clip(by, -FARTHEST, FARTHEST)
    err = a.err
    hi, lo, bound = (np.ldexp(x, by) for x in (a.hi, a.lo, err))
    is_exact = (np.ldexp(hi, -by) == a.hi) & (np.ldexp(lo, -by) == a.lo) & (np.ldexp(bound, -by) == err)
    return DoubleDouble(hi, lo, np.where(is_exact, bound, bound + TINY), a.never)


def normalised(a: DoubleDouble, shift: Shifts) -> Shifted:
    """The same with a size of about 1 where it was extreme."""
    size = np.abs(a.hi)
    extreme = np.isfinite(size) & (size > 0) & ((size < LEAST) | (size > MOST))
    if not np.any(extreme):
        return Shifted(a, shift, a.never)
    by = np.where(extreme, -np.frexp(a.hi)[1], 0).astype(np.int64)
    return Shifted(moved(a, by), shift + by, a.never)


def exactly(value: Doubles) -> Shifted:
    """The floats themselves."""
    return normalised(number.exactly(value), NONE)


def flat(a: Shifted) -> DoubleDouble:
    """As an ordinary double-double."""
    return moved(a.value, -a.shift)._replace(never=a.never) if np.any(a.shift) else a.value._replace(never=a.never)


def add(a: Shifted, b: Shifted) -> Shifted:
    """a + b, in the scale of the larger one: what is moved down by more than two ranges is lost against it, within TINY."""
    first, second = np.broadcast_arrays(a.shift, b.shift)
    first, second = (np.where(number.is_zero(x.value), other, own) for x, own, other in ((a, first, second), (b, second, first)))  # a zero has every scale
    common = np.minimum(first, second)
    return normalised(number.add(moved(a.value, common - first), moved(b.value, common - second)), common)


def neg(a: Shifted) -> Shifted:
    """-a."""
    return a._replace(value=number.neg(a.value))


def mul(a: Shifted, b: Shifted) -> Shifted:
    """a * b."""
    return normalised(number.mul(a.value, b.value), a.shift + b.shift)


def div(a: Shifted, b: Shifted) -> Shifted:
    """a / b."""
    return normalised(number.div(a.value, b.value), a.shift - b.shift)


def _absolute(a: Shifted) -> Shifted:
    return a._replace(value=number.absolute(a.value))


def power(a: Shifted, b: Shifted) -> Shifted:
    """a ** b by products where b is one whole number, else as ordinary double-doubles."""
    n = float(b.value.hi) if number.is_single(b.value) and b.value.lo == 0 and not np.any(b.shift) else 0.5
    if not (n.is_integer() and 0 < abs(n) <= LARGEST_POWER):
        return normalised(comparisons.power(flat(a), flat(b)), NONE)
    result = by_squarings(a, int(abs(n)), mul)
    return result if n > 0 else div(exactly(np.float64(1.0)), result)


def where(c: Truths, a: Shifted, b: Shifted) -> Shifted:
    """a where a truth value holds, b where it does not, unknown where it is undecided."""
    chosen = number.known(number.choose(c == 1, a.value, b.value), c >= 0)
    return Shifted(chosen, np.where(c == 1, a.shift, b.shift), never_of_choice(c, a.never, b.never))


def _as_plain(function: Callable[..., DoubleDouble | Truths]) -> Callable[..., Shifted | Truths]:
    """A function of ordinary double-doubles."""

    def call(*given: Shifted | Truths) -> Shifted | Truths:
        found = function(*(flat(a) if isinstance(a, Shifted) else a for a in given))
        return normalised(found, NONE) if isinstance(found, DoubleDouble) else found

    return call


FUNCTIONS: dict[str, Callable[..., Shifted | Truths]] = {
    **{name: _as_plain(function) for name, function in plain.VECTORS.functions.items()},
    "add": add, "sub": lambda a, b: add(a, neg(b)), "mul": mul, "div": div, "neg": neg, "copy": lambda a: a, "pow": power, "abs": _absolute, "where": where,
}  # fmt: skip
STRICT: dict[str, Callable[..., Shifted | Truths]] = {name: _as_plain(function) for name, function in plain.VECTORS.strict.items()}
VECTORS = vectors.Vectors(
    "shifted", FUNCTIONS, STRICT, UNKNOWN, exactly, lambda ball: normalised(plain.from_ball(ball), NONE), lambda a, never: a._replace(never=never)
)


def numbers(
    program: Program, columns: Sequence[DoubleArray], outputs: Sequence[int], *, strict: bool, upstream: float = 1.0, rounded_in: Format | None = None
) -> list[Shifted]:
    """The enclosures of steps that are numbers. `columns` has one array of float64 per input; `program` must consist of primitives."""
    found = vectors.run(VECTORS, program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in)
    return [a if isinstance(a, Shifted) else UNKNOWN for a in found]
