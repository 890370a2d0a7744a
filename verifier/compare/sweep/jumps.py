"""Where a function certainly has no derivative, as it jumps or has a pole on both sides: its one-sided limits in vectors of intervals.

Every step has, at every point, its limit from one side, the side from which it comes near to that limit, and whether it certainly has
another value at the point itself, or grows without bound. What is not certain is unknown: this finds some breaks, never one too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.intervals import run
from verifier.arithmetic.intervals.choices import TRUTHS, decided, truths
from verifier.arithmetic.intervals.interval import UNKNOWN, Interval, number
from verifier.arithmetic.types import DoubleArray, Mask, MaskArray, Truths
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.sweep.classify import CODE, VerdictColumn
from verifier.language.gates import COMPARISONS, GATES, PRODUCTS, SUMS, of_kind
from verifier.language.verdict import Verdict

POLES = frozenset(name for name, gate in GATES.items() if gate.where == GATES["gamma"].where)  # of the last argument, at the integers that are not positive
STEPS = of_kind("step")  # of the primitives: sign, floor and ceil
BREAKING = STEPS | COMPARISONS | {"div", *POLES}
RISING = frozenset(name for name in run.FUNCTIONS if name in GATES and GATES[name].rises > 0 and "=" not in GATES[name].where)  # with values all around each of theirs
# Continuous wherever they have a value, and with values all around: the limit of the function is the function of the limit. (sqrt has a value at 0 and none beside it.)
CONTINUOUS = RISING | frozenset(("add", "sub", "mul", "div", "neg", "copy", "sin", "cos", "tan", "cosh", "erfc", "abs", "max", "min", *POLES))
UNSURE, UNDECIDED = np.int8(2), np.int8(-1)
Side: TypeAlias = np.int8 | NDArray[np.int8]  # at every point, or one for all of them

NOTHING = np.float64("nan")
Number = TypeVar("Number", np.float64, np.int8, np.bool_)


class OneSidedLimit(NamedTuple):
    """A one-sided limit: its enclosure, the side it is approached from (0: it is attained, 2: not known), certain jumps and poles; of a comparison or a condition its truth value."""

    limit: Interval
    near: Side = UNSURE
    jumps: Mask = np.False_
    grows: Mask = np.False_
    truth: Truths = UNDECIDED


def has_break(program: Program, columns: Sequence[DoubleArray], position: int) -> MaskArray:
    """The points where the output certainly has no derivative with respect to an input. `program` must consist of primitives."""
    with np.errstate(all="ignore"):
        conditions = [step.args[0] for step in program.steps if step.gate == "where"]
        here, *chosen = run.run(program, columns, [program.output, *conditions], strict=False)
        value, choices = number(here), dict(zip(conditions, map(truths, chosen), strict=True))
        left, right = (_limits(program, columns, position, direction, choices)[program.output] for direction in (-1, 1))
        breaks = np.zeros(len(columns[0]), bool) | (left.grows & right.grows)
        for side in (left, right):
            apart = side.jumps | (side.limit.low > value.high) | (side.limit.high < value.low)
            breaks |= apart & ~np.isnan(side.limit.low) & ~np.isnan(value.low)
        return breaks


def _limits(program: Program, columns: Sequence[DoubleArray], position: int, direction: int, choices: dict[int, Truths]) -> list[OneSidedLimit]:
    """One side of every step; `choices` has what each condition is at the point itself."""
    constants = run.constants(program, strict=False, rounded_in=None)
    sides: list[OneSidedLimit] = []
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            sides.append(OneSidedLimit(run.exactly(columns[i]), np.int8(direction if i == position else 0)))
        elif i in constants:
            sides.append(_constant(constants[i]))
        elif step.gate == "where":
            sides.append(_where(sides[step.args[0]], sides[step.args[1]], sides[step.args[2]], choices[step.args[0]]))
        else:
            sides.append(_step(step.gate, [sides[a] for a in step.args]))
    return sides


def _constant(value: Interval | Truths) -> OneSidedLimit:
    return OneSidedLimit(value, np.int8(0)) if isinstance(value, Interval) else OneSidedLimit(UNKNOWN, np.int8(0), truth=value)


def _step(gate: str, args: list[OneSidedLimit]) -> OneSidedLimit:
    if gate in TRUTHS:
        return OneSidedLimit(UNKNOWN, np.int8(0), truth=_truth(gate, args))
    if gate == "sign":
        zero = (args[0].limit.low == 0) & (args[0].limit.high == 0)
        sided = np.abs(args[0].near) == 1
        away = number(run.FUNCTIONS["sign"](args[0].limit)).low
        value = np.where(zero, np.where(sided, args[0].near, np.nan), away)
        return OneSidedLimit(run.exactly(value), np.int8(0), zero & sided)
    if gate == "copy":
        return args[0]
    if gate in STEPS:
        return _whole(args[0], -1 if gate == "floor" else 1)
    limit = UNKNOWN
    if gate in CONTINUOUS or (gate == "pow" and _is_whole(args[1])):
        limit = number(run.FUNCTIONS[gate](*(a.limit for a in args)))
    return OneSidedLimit(limit, _near(gate, args), _differs(gate, args), _grows(gate, args))


def _truth(gate: str, args: list[OneSidedLimit]) -> Truths:
    if gate not in COMPARISONS:
        return TRUTHS[gate](*(a.truth for a in args))
    value = TRUTHS[gate](*(a.limit for a in args))
    a, b = args
    tie = (a.limit.low == a.limit.high) & (b.limit.low == b.limit.high) & (a.limit.low == b.limit.low)
    order = np.sign(a.near.astype(np.int8) - b.near) if np.ndim(a.near) else np.sign(np.int8(a.near) - np.int8(b.near))
    sure = (a.near != UNSURE) & (b.near != UNSURE) & ((order != 0) | ((a.near == 0) & (b.near == 0)))
    true = np.isin(order, GATES[gate].holds)
    touching = ~((a.limit.low > b.limit.high) | (a.limit.high < b.limit.low))
    return np.where(tie, decided(sure & true, sure & ~true), np.where(touching, np.int8(-1), value))


def _is_whole(exponent: OneSidedLimit) -> bool:
    return _is_constant(exponent) and bool(exponent.limit.low == exponent.limit.high == np.floor(exponent.limit.low))


def _where(c: OneSidedLimit, a: OneSidedLimit, b: OneSidedLimit, here: Truths) -> OneSidedLimit:
    """The branch of this side; a jump in it is one where the same branch is taken at the point."""

    def chosen(first: Number | NDArray[Number], second: Number | NDArray[Number], otherwise: Number) -> NDArray[Number]:
        return np.where(c.truth == 1, first, np.where(c.truth == 0, second, otherwise))

    limit = Interval(chosen(a.limit.low, b.limit.low, NOTHING), chosen(a.limit.high, b.limit.high, NOTHING))
    return OneSidedLimit(limit, chosen(a.near, b.near, UNSURE).astype(np.int8), chosen(a.jumps, b.jumps, np.False_).astype(bool) & (c.truth == here), chosen(a.grows, b.grows, np.False_).astype(bool))


def _whole(a: OneSidedLimit, direction: int) -> OneSidedLimit:
    """floor (-1) or ceil (1): at an integer that is approached from that side the limit is one off the value."""
    gate = "floor" if direction < 0 else "ceil"
    between = number(run.STRICT[gate](a.limit))
    low = a.limit.low
    integer = (low == a.limit.high) & (np.floor(low) == low) & (a.near != UNSURE)
    jumps = integer & (a.near == direction)
    ends = [np.where(jumps, np.nextafter(low + direction, far), np.where(integer, low, end)) for far, end in ((-np.inf, between.low), (np.inf, between.high))]
    is_point = np.array_equal(ends[0], ends[1], equal_nan=True)
    return OneSidedLimit(run.exactly(ends[0]) if is_point else Interval(*ends), np.int8(0), jumps)


def _near(gate: str, args: list[OneSidedLimit]) -> Side:
    still: Mask = args[0].near == 0
    for a in args[1:]:
        still = still & (a.near == 0)
    first = args[0].near
    moved: Side
    if gate == "neg":
        moved = np.where(np.abs(first) == 1, -first, first)
    elif gate in RISING or gate == "copy":
        moved = first
    elif gate in SUMS:
        second = args[1].near if gate == "add" else np.where(np.abs(args[1].near) == 1, -args[1].near, args[1].near)
        moved = np.where(second == 0, first, np.where((first == 0) | (first == second), second, UNSURE))
    elif gate in PRODUCTS:
        moved = _scaled(first, args[1])
        if gate == "mul":
            moved = np.where(moved == UNSURE, _scaled(args[1].near, args[0]), moved)
    else:
        moved = UNSURE
    return np.where(still, np.int8(0), moved).astype(np.int8)


def _scaled(near: Side, factor: OneSidedLimit) -> Side:
    """The side of a product with a number that does not move."""
    sign = np.where(factor.limit.low > 0, 1, np.where(factor.limit.high < 0, -1, 0))
    return np.where((factor.near == 0) & (sign != 0) & (np.abs(near) == 1), near * sign, UNSURE)


def _differs(gate: str, args: list[OneSidedLimit]) -> Mask:
    """A jump stays one through what is one to one, and with another operand that does not move."""
    if gate in RISING or gate in ("neg", "copy"):
        return args[0].jumps
    steady: list[Mask] = [(s.near == 0) & ~np.asarray(s.jumps, bool) if _is_constant(s) else np.False_ for s in args]
    if gate in SUMS:
        return (args[0].jumps & steady[1]) | (args[1].jumps & steady[0])
    if gate in PRODUCTS:
        a, b = args
        found = a.jumps & steady[1] & _is_not_zero(b)
        return found | (b.jumps & steady[0] & _is_not_zero(a)) if gate == "mul" else found
    return np.False_


def _is_constant(s: OneSidedLimit) -> bool:
    """A literal: what floor gives does not move on one side either, but it may have another value at the point."""
    return np.ndim(s.limit.low) == 0


def _is_not_zero(s: OneSidedLimit) -> Mask:
    return (s.limit.low > 0) | (s.limit.high < 0)


def _is_finite(s: OneSidedLimit) -> Mask:
    return np.isfinite(s.limit.low) & np.isfinite(s.limit.high)


def _grows(gate: str, args: list[OneSidedLimit]) -> Mask:
    last = args[-1].limit
    exactly_at: Mask = last.low == last.high
    turning: Mask = np.abs(args[-1].near) == 1
    if gate in POLES:
        whole: Mask = (last.low <= 0) & (np.floor(last.low) == last.low)
        return exactly_at & whole & turning
    if gate in ("neg", "copy", "abs"):
        return args[0].grows
    if gate in SUMS:
        return (args[0].grows & _is_finite(args[1])) | (args[1].grows & _is_finite(args[0]))
    if gate == "mul":
        return (args[0].grows & _is_finite(args[1]) & _is_not_zero(args[1])) | (args[1].grows & _is_finite(args[0]) & _is_not_zero(args[0]))
    if gate == "div":
        zero: Mask = last.low == 0
        pole = exactly_at & zero & turning & _is_not_zero(args[0]) & _is_finite(args[0])
        return pole | (args[0].grows & _is_finite(args[1]) & _is_not_zero(args[1]))
    return np.False_


def by_breaks(check: Check, columns: list[DoubleArray], computed: list[DoubleArray], found: list[VerdictColumn]) -> None:
    """Judge `undefined` the open points at which the function certainly has no derivative."""
    del computed
    function = check.truth.function
    if not any(s.gate in BREAKING for s in function.steps):
        return
    for j, position in zip(found, check.positions, strict=True):
        at = np.flatnonzero(j.open)
        if len(at):
            certain = has_break(function, [c[at] for c in columns], position)
            j.verdict[at[certain]] = CODE[Verdict.UNDEFINED]
