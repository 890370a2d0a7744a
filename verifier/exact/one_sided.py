"""The derivative at a point where no formula gives it: a kink, a border of a branch, a removable singularity, an end of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

from flint import arb, fmpq

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball
from verifier.circuit.program import SHIFT, Program, ancestors, descendants
from verifier.exact import borders, coefficients, expansions, marks, series
from verifier.exact.coefficients import Coefficient, Real
from verifier.exact.series import NoExpansion, Series, Short, Undecided, Undefined
from verifier.language.formats import Format

CONTINUOUS = frozenset(("input", "copy", "neg", "add", "sub", "mul", "div", "abs", "max", "min", "exp", "expm1", "log", "log1p", "sqrt", "cbrt", "sin", "cos", "tanh", "sinh", "cosh", "atan", "asinh", "erf"))
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
    """The derivative is not known at this precision; `reason` says what is missing."""

    reason: str


class _Alike(Undecided):
    """Raised where two limits may be equal, and are shown neither to be equal nor to differ."""


Slope: TypeAlias = "Coefficient | Ball"  # of a one-sided expansion; a Ball where it is infinite
Derivative = Finite | Infinite | Kink | Nowhere | Unknown


@dataclass(frozen=True, eq=False)
class CarefulRun:
    """A program of primitives at a point: its careful values there, and its one-sided derivatives. The careful run is made once for all of them."""

    program: Program
    point: Sequence[Fraction]
    bits: int
    upstream: Coefficient | None = None
    rounded_in: Format | None = None

    def derivative(self, position: int) -> Derivative:
        """∂f/∂x_position of the program's output, from one-sided expansions."""
        with balls.precision(self.bits):
            try:
                return _derivative(self, position)
            except _Alike:
                return self._finer.derivative(position) if self.bits < coefficients.PROOF_BITS else Unknown("two one-sided limits that may be equal")
            except Undecided as error:
                return Unknown(str(error))
            except RecursionError:
                return Unknown("the expansion nests too deeply")
            except (Short, NoExpansion) as error:
                return Unknown(str(error) or "the expansion is too short")

    def value(self, output: int) -> Ball | Undefined | None:
        """The value of a step: a ball, or Undefined where there is certainly no real value, or None where that is not known."""
        with balls.precision(self.bits):
            value = self.limit(output)
            return value if value is None or isinstance(value, Undefined) else coefficients.ball(value)

    def limit(self, output: int) -> Coefficient | Undefined | None:
        """`value` as a coefficient, at flint's current precision."""
        try:
            value = expansions.needed(self.values, output)
        except (Undecided, Short, NoExpansion, RecursionError):
            return None
        return value if isinstance(value, Undefined) else value.constant if isinstance(value, Series) else None

    @cached_property
    def values(self) -> list[object]:
        """The careful value of every step."""
        return expansions.every_step(self.program, self.inputs, 1, upstream=self.upstream, rounded_in=self.rounded_in)

    @cached_property
    def inputs(self) -> list[Series]:
        """The point as constants."""
        return [series.number(_rational(x)) for x in self.point]

    @cached_property
    def has_written_derivatives(self) -> bool:
        """Whether the program has derivatives of its own, whose values on a border depend on how the point is moved."""
        return any(marks.is_derivative(s) for s in self.program.steps)

    def is_steady_along(self, position: int, component: int) -> bool:
        """Whether the output and another step are enclosed, and no kink, step or branch turns in them where one input alone moves: a strict run for which the others are constants.

        Of a gradient program the component is then the partial derivative, whatever ties among the other inputs alone.
        """
        if self.has_written_derivatives:
            return False
        needed = (self.program.needed, ancestors(self.program, component))
        moved = [i for i in descendants(self.program, [position]) if any(i in steps for steps in needed)]
        with balls.precision(self.bits):
            return all(reals.is_known(self.enclosed[i]) for i in (self.program.output, component)) and all(map(self._is_steady, moved))

    def is_continuous_along(self, position: int) -> bool:
        """Whether only gates that are continuous wherever they have a value depend on one input."""
        return not self.has_written_derivatives and all(self.program.steps[i].gate in CONTINUOUS for i in descendants(self.program, [position]) if i in self.program.needed)

    def _is_steady(self, index: int) -> bool:
        """Whether a step is enclosed, and decided beside the point as well."""
        step, value = self.program.steps[index], self.enclosed[index]
        if step.gate in balls.KINKED and step.text != SHIFT:
            value = balls.function_of(step.gate, strict=True)(*[self.enclosed[a] for a in step.args])
        return reals.is_known(value)

    @cached_property
    def enclosed(self) -> list[Ball]:
        """Every step in balls, with the branches that are taken at the point."""
        return [v[0] for v in balls.run(self.program, [[arb(_rational(x))] for x in self.point], bits=self.bits, strict=False)]

    @cached_property
    def is_outside_all_around(self) -> bool:
        """Whether a function without a value at the point has none near it, either: its first step without one has operands that are continuous there, certainly outside its domain, and no branch turns."""
        here = self.limit(self.program.output)
        if not isinstance(here, Undefined) or here.step < 0:
            return False
        values = [v[0] for v in balls.run(self.program, [[arb(_rational(x))] for x in self.point], bits=self.bits, strict=True)]
        gate, args = self.program.steps[here.step].gate, self.program.steps[here.step].args
        is_steady = all(v is not None and (isinstance(v, bool) or v.is_finite()) for v in values[: here.step])
        turns = any(v is None for v in values[here.step :])
        return is_steady and not turns and expansions.is_outside(gate, [values[a] for a in args], strict=True)

    @cached_property
    def _finer(self) -> CarefulRun:
        return replace(self, bits=coefficients.PROOF_BITS)


def derivative(function: Program, point: Sequence[Fraction], position: int, *, bits: int) -> Derivative:
    """∂f/∂x_position at a point, from one-sided expansions. `function` must consist of primitives."""
    return CarefulRun(function, point, bits).derivative(position)


def value_at(program: Program, point: Sequence[Fraction], outputs: Sequence[int], *, bits: int, upstream: Coefficient | None = None, rounded_in: Format | None = None) -> list[Ball | Undefined | None]:
    """The careful value of some steps at the point itself: a ball, or Undefined where there is certainly no real value, or None where that is not known."""
    place = CarefulRun(program, point, bits, upstream, rounded_in)
    return [place.value(output) for output in outputs]


def _rational(x: Fraction) -> fmpq:
    return fmpq(x.numerator, x.denominator)


def _derivative(place: CarefulRun, position: int) -> Derivative:
    function = place.program
    here = place.limit(function.output)
    if here is None:
        raise Undecided("the value at the point")
    if isinstance(here, Undefined) and here.step >= 0 and marks.is_derivative(function.steps[here.step]):
        return Nowhere(here.reason, here.step)  # no limit mends it
    if place.is_outside_all_around:
        assert isinstance(here, Undefined)
        return Nowhere(here.reason, here.step)
    sides = _sides(place, position, here)
    existing = [s for s in sides if isinstance(s, Series)]
    if not existing:
        return _nowhere(here, sides)
    limits = [s.constant for s in existing]
    anchor = limits[0] if isinstance(here, Undefined) else here
    for limit in limits if isinstance(here, Undefined) or not place.is_continuous_along(position) else ():
        if not _equal(limit, anchor):
            return Nowhere("a jump: the function is not continuous here")
    if isinstance(here, Undefined) and not (len(existing) == 2 and _removable(place, anchor)):
        return Nowhere(here.reason, here.step)
    slopes = [_slope(s) if s is not sides[1] else _reflected(_slope(s)) for s in existing]
    if len(slopes) == 1 or _same_slope(slopes[0], slopes[1]):
        return _single(slopes)
    low, high = sorted(slopes, key=_order)
    return Kink(coefficients.ball(low), coefficients.ball(high))


def _removable(place: CarefulRun, limit: Coefficient) -> bool:
    """Whether a function without a value at the point tends to `limit` along rays in general directions, too: sin(x)/x + y at x = 0, not x/y at 0.

    What is rounded to an integer must have a limit as well: fmod(x, y) tends to 0 at (0, 0), and has jumps in all directions there.
    """
    try:
        if not _tends_to(place, limit):
            return False
        stepped = [a for i, s in enumerate(place.program.steps) if s.gate in ("floor", "ceil") and i in place.program.needed for a in s.args if isinstance(place.limit(a), Undefined)]
        return all(_tends_to(replace(place, program=replace(place.program, output=a)), None) for a in stepped)
    except (NoExpansion, Short):
        return False


def _tends_to(place: CarefulRun, limit: Coefficient | None) -> bool:
    """Whether the output has the same limit along rays in general directions: that one, if any is given."""
    for signs in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
        direction = {i: Fraction(signs[i % 2] * (7 + 2 * i), 7) for i in range(len(place.point))}
        value = _ray(place, direction)
        if not isinstance(value, Series) or (limit is not None and not _equal(value.constant, limit)):
            return False
        limit = value.constant
    return True


def _nowhere(here: Coefficient | Undefined, sides: Sequence[Series | Undefined]) -> Nowhere:
    for candidate in (here, *sides):
        if isinstance(candidate, Undefined):
            return Nowhere(candidate.reason, candidate.step)
    return Nowhere("the function has no finite limit here")


def _sides(place: CarefulRun, position: int, here: Coefficient | Undefined) -> list[Series | Undefined]:
    """The expansions of the function on both sides. One that is not known counts as undefined where the other decides: a limit that is not the value here is a jump, and what has no value here nor on one side has no derivative."""
    found: list[Series | Undefined] = []
    unknown: Exception | None = None
    for direction in (1, -1):
        try:
            found.append(_side(place, position, direction))
        except (Undecided, Short, NoExpansion) as error:
            unknown = error
    if unknown is None:
        return found
    if isinstance(here, Undefined):
        decides = any(isinstance(s, Undefined) for s in found) or borders.jumps_accumulate(place.program.steps, place.program.output, lambda output: _along(place, position, output))
    else:
        decides = any(isinstance(s, Series) and not _equal(s.constant, here) for s in found)
    if not decides:
        raise unknown
    return [*found, Undefined("not known")]


def _along(place: CarefulRun, position: int, output: int) -> Any:
    """The first terms of a step as one input grows from the point; None where they are not known."""
    inputs = list(place.inputs)
    inputs[position] = series.add(inputs[position], Series({(1, 0): fmpq(1)}))
    try:
        return expansions.along(replace(place.program, output=output), place.values, descendants(place.program, [position]), inputs, EXPANSION_LIMITS[0])
    except (Undecided, Short, NoExpansion):
        return None


def _side(place: CarefulRun, position: int, direction: int) -> Series | Undefined:
    """f(x ± t) as t → 0+, for one input."""
    return _ray(place, {position: Fraction(direction)})


def _ray(place: CarefulRun, direction: Mapping[int, Fraction]) -> Series | Undefined:
    """f(x + t d) as t → 0+, long enough to show its derivative; `direction` has the inputs that move."""
    function, inputs = place.program, list(place.inputs)
    for i, d in direction.items():
        inputs[i] = series.add(inputs[i], Series({(1, 0): _rational(d)}))
    moving: Sequence[int] = range(len(function)) if place.has_written_derivatives else descendants(function, direction)
    for limit in EXPANSION_LIMITS:
        try:
            value = expansions.along(function, place.values, moving, inputs, limit)
        except Short:
            continue
        if isinstance(value, Undefined):
            return value
        if not isinstance(value, Series):
            raise NoExpansion("no number")
        if any(_before(series.ZERO_KEY, key) and series.sign_of(c) != 0 for key, c in value.terms.items()):
            return Undefined("a pole")
        if value.order > 1:
            return value
    raise Short


def _before(key: series.Key, other: series.Key) -> bool:
    """Whether the term `other` is larger than the term `key` for all small t > 0."""
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
    difference = coefficients.real(a) - coefficients.real(b)
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
