"""The derivative where it cannot be read off a formula: at kinks, boundaries, removable singularities and domain edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.values import Ball
from verifier.circuit.program import Program
from verifier.exact import coefficients, expansions, marks, series
from verifier.exact.coefficients import Coefficient, Real
from verifier.exact.series import NoExpansion, Series, Short, Undecided, Undefined
from verifier.language.formats import Format

EXPANSION_LIMITS = (2, 4, 7, 11)  # orders of t tried one after the other


@dataclass(frozen=True, slots=True)
class Finite:
    """A derivative, enclosed."""

    ball: Ball


@dataclass(frozen=True, slots=True)
class Infinite:
    """An infinite one-sided derivative (the same from every side that exists)."""

    sign: int


@dataclass(frozen=True, slots=True)
class Kink:
    """One-sided derivatives that differ; enclosures of the lower and the upper one (possibly infinite)."""

    low: Ball
    high: Ball


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No derivative and no bounds; `step` is the step of the primitive program that has no value, -1 if there is none."""

    reason: str
    step: int = -1


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not known at this precision."""

    reason: str


class _Alike(Undecided):
    """Raised where two limits may be equal, and are shown neither to be equal nor to differ."""


Slope: TypeAlias = "Coefficient | Ball"  # of a one-sided expansion; a Ball where it is infinite
Derivative = Finite | Infinite | Kink | Nowhere | Unknown


def derivative(function: Program, point: Sequence[Fraction], position: int, *, bits: int) -> Derivative:
    """∂f/∂x_position at a point, from one-sided expansions. `function` must consist of primitives."""
    with balls.precision(bits):
        try:
            return _derivative(function, point, position, bits)
        except _Alike:
            if bits < coefficients.PROOF_BITS:
                return derivative(function, point, position, bits=coefficients.PROOF_BITS)
            return Unknown("two one-sided limits that may be equal")
        except Undecided as error:
            return Unknown(str(error))
        except RecursionError:
            return Unknown("the expansion nests too deeply")
        except (Short, NoExpansion) as error:
            return Unknown(str(error) or "the expansion is too short")


def value_at(program: Program, point: Sequence[Fraction], outputs: Sequence[int], *, bits: int, upstream: Coefficient | None = None, rounded_in: Format | None = None) -> list[Ball | Undefined | None]:
    """The values of some steps at the point itself, by expansions: a ball, Undefined where there is certainly no real value, or None where neither is known."""
    with balls.precision(bits):
        found = [_value_at(program, point, output, upstream=upstream, rounded_in=rounded_in) for output in outputs]
        return [value if value is None or isinstance(value, Undefined) else coefficients.ball(value) for value in found]


def _value_at(program: Program, point: Sequence[Fraction], output: int, *, upstream: Coefficient | None = None, rounded_in: Format | None = None) -> Coefficient | Undefined | None:
    constants = [series.number(_rational(x)) for x in point]
    try:
        value = expansions.run(replace(program, output=output), constants, 1, upstream=upstream, rounded_in=rounded_in)[output]
    except (Undecided, Short, NoExpansion, RecursionError):
        return None
    return value if isinstance(value, Undefined) else value.constant if isinstance(value, Series) else None


def _rational(x: Fraction) -> fmpq:
    return fmpq(x.numerator, x.denominator)


def _derivative(function: Program, point: Sequence[Fraction], position: int, bits: int) -> Derivative:
    here = _value_at(function, point, function.output)
    if here is None:
        raise Undecided("the value at the point")
    if isinstance(here, Undefined) and here.step >= 0 and marks.is_derivative(function.steps[here.step]):
        return Nowhere(here.reason, here.step)  # no limit mends it
    if isinstance(here, Undefined) and _is_outside_all_around(function, point, here.step, bits):
        return Nowhere(here.reason, here.step)
    sides = _sides(function, point, position, here)
    existing = [s for s in sides if isinstance(s, Series)]
    if not existing:
        return _nowhere(here, sides)
    limits = [s.constant for s in existing]
    anchor = limits[0] if isinstance(here, Undefined) else here
    for limit in limits:
        if not _equal(limit, anchor):
            return Nowhere("a jump: the function is not continuous here")
    if isinstance(here, Undefined) and not (len(existing) == 2 and _removable(function, point, anchor)):
        return Nowhere(here.reason, here.step)
    slopes = [_slope(s) if s is not sides[1] else _reflected(_slope(s)) for s in existing]
    if len(slopes) == 1 or _same_slope(slopes[0], slopes[1]):
        return _single(slopes)
    low, high = sorted(slopes, key=_order)
    return Kink(coefficients.ball(low), coefficients.ball(high))


def _is_outside_all_around(function: Program, point: Sequence[Fraction], step: int, bits: int) -> bool:
    """Whether a step without a value has none near the point, either: its operands are continuous there, certainly outside its domain, and no branch turns."""
    if step < 0:
        return False
    values = balls.at(function, [_rational(x) for x in point], strict=True, bits=bits)
    gate, args = function.steps[step].gate, function.steps[step].args
    is_steady = all(v is not None and (isinstance(v, bool) or v.is_finite()) for v in values[:step])
    turns = any(v is None for v in values[step:])
    return is_steady and not turns and expansions.is_outside(gate, [values[a] for a in args], strict=True)


def _removable(function: Program, point: Sequence[Fraction], limit: Coefficient) -> bool:
    """Whether a function without a value at the point tends to `limit` along rays in general directions, too: sin(x)/x + y at x = 0, not x/y at 0."""
    try:
        for signs in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
            direction = [Fraction(signs[i % 2] * (7 + 2 * i), 7) for i in range(len(point))]
            value = _ray(function, point, direction)
            if not isinstance(value, Series) or not _equal(value.constant, limit):
                return False
    except (NoExpansion, Short):
        return False
    return True


def _nowhere(here: Coefficient | Undefined, sides: Sequence[Series | Undefined]) -> Nowhere:
    for candidate in (here, *sides):
        if isinstance(candidate, Undefined):
            return Nowhere(candidate.reason, candidate.step)
    return Nowhere("the function has no finite limit here")


def _sides(function: Program, point: Sequence[Fraction], position: int, here: Coefficient | Undefined) -> list[Series | Undefined]:
    """The function on both sides; where one is not known, and the other has another limit than the value here, that one alone: it is a jump whatever the unknown side is."""
    found: list[Series | Undefined] = []
    unknown: Exception | None = None
    for direction in (1, -1):
        try:
            found.append(_side(function, point, position, direction))
        except (Undecided, Short, NoExpansion) as error:
            unknown = error
    if unknown is None or (not isinstance(here, Undefined) and any(isinstance(s, Series) and not _equal(s.constant, here) for s in found)):
        return found if unknown is None else [*found, Undefined("not known")]
    raise unknown


def _side(function: Program, point: Sequence[Fraction], position: int, direction: int) -> Series | Undefined:
    """f(x ± t) as t → 0+, for one input."""
    return _ray(function, point, [Fraction(direction if i == position else 0) for i in range(len(point))])


def _ray(function: Program, point: Sequence[Fraction], direction: Sequence[Fraction]) -> Series | Undefined:
    """f(x + t d) as t → 0+, long enough to show its derivative."""
    for limit in EXPANSION_LIMITS:
        inputs = [
            series.add(series.number(_rational(x)), Series({(Fraction(1), 0): _rational(d)} if d else {})) for x, d in zip(point, direction, strict=True)
        ]
        try:
            value = expansions.run(function, inputs, limit)[function.output]
        except Short:
            continue
        if isinstance(value, Undefined):
            return value
        if not isinstance(value, Series):
            raise NoExpansion("no number")
        if any(_before((Fraction(0), 0), key) and series.sign_of(c) != 0 for key, c in value.terms.items()):
            return Undefined("a pole")
        if value.order > 1:
            return value
    raise Short


def _before(key: tuple[Fraction, int], other: tuple[Fraction, int]) -> bool:
    """Whether `other` dominates `key` as t → 0+."""
    return (other[0], -other[1]) < (key[0], -key[1])


def _slope(value: Series) -> Slope:
    """The derivative of a one-sided expansion at t = 0: a number, or ±inf as a ball."""
    for key in sorted((k for k in value.terms if k != series.ZERO_KEY), key=lambda k: (k[0], -k[1])):
        e, power = key
        if e > 1 or (e == 1 and power < 0):
            break
        if e == 1 and power == 0:
            return value.terms[key]
        sign = series.sign_of(value.terms[key])
        if sign:
            return arb.pos_inf() * (sign if power % 2 == 0 else -sign)
    return fmpq(0)


def _reflected(slope: Slope) -> Slope:
    return -slope


def _is_infinite(slope: Slope) -> bool:
    return not isinstance(slope, fmpq) and not coefficients.ball(slope).is_finite()


def _order(slope: Slope) -> float:
    return float(coefficients.ball(slope).mid())


def _same_slope(a: Slope, b: Slope) -> bool:
    if _is_infinite(a) or _is_infinite(b):
        return _is_infinite(a) and _is_infinite(b) and bool(coefficients.ball(a) == coefficients.ball(b))
    return _equal(a, b)


def _equal(a: Slope, b: Slope) -> bool:
    """Whether two numbers are the same, certainly. Raises _Alike where neither is shown."""
    difference: Slope = a - b
    if isinstance(difference, fmpq):
        return bool(difference == 0)
    enclosure = coefficients.ball(difference)
    if enclosure.is_zero():
        return True
    if enclosure != 0:
        return False
    if isinstance(difference, Real) and coefficients.is_zero(difference):
        return True
    raise _Alike


def _single(slopes: Sequence[Slope]) -> Derivative:
    if _is_infinite(slopes[0]):
        return Infinite(1 if coefficients.ball(slopes[0]) > 0 else -1)
    hull = _exact_slope(slopes[0])
    for slope in slopes[1:]:
        other = coefficients.ball(slope)
        hull = hull if hull.is_exact() else hull.union(other)
    return Finite(hull)


def _exact_slope(slope: Slope) -> Ball:
    """The ball of a slope; exact where it is proved to be a short rational."""
    enclosure = coefficients.ball(slope)
    candidate = coefficients.simple(enclosure) if isinstance(slope, Real) else None
    if candidate is None:
        return enclosure
    value = coefficients.exact_or_ball(candidate)
    return candidate if isinstance(value, fmpq) and isinstance(slope, Real) and coefficients.is_zero(slope - value) else enclosure
