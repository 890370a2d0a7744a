"""What the roundings of all operations can do to a gradient over boxes: sums of |adjoint| * rounding, absolute and relative to the gradient.

The mean value theorem on the way from the real value to the float gives the error as the sum over the operations of their adjoint, somewhere on the way,
times their rounding. The adjoints are accumulated in reverse over the enclosures of that way (`enclosures`), so there is no second-order term.

The relative effects go from log(real) to log(float): every rounding is a factor, and `R` = d log(gradient) / d log(operation) passes unchanged through
products, also where a factor is 0. `Q` = d log(gradient) / d operation goes with it, for sums that may cancel; R = Q * value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verifier.arithmetic.intervals.interval import ONE, Interval, add, div, down, mul, up
from verifier.arithmetic.types import DoubleArray, Doubles
from verifier.compare.boxes.centred import narrower
from verifier.compare.boxes.enclosures import ForwardBoxes
from verifier.compare.boxes.roundings import SCALE, SLACK, bits, half_ulp, sizes

EPSILON = 2.0**-52
LARGEST = float(np.finfo(np.float64).max)
LEAST = 2.0**-1074  # what may be lost where a bound is scaled back


class Effects(NamedTuple):
    """Upper bounds for one gradient over a column of boxes; inf where none is known. `terms` has each operation's part, in the unit of the bound."""

    bound: DoubleArray
    terms: dict[int, DoubleArray]


def absolute(forward: ForwardBoxes, output: int, *, keeps_terms: bool = False) -> Effects:
    """Bounds of |float - real|."""
    with np.errstate(all="ignore"):
        total, terms = _absolute(forward, output)
        count = len(terms)
        bound = _bound(forward, output, np.where(total == 0, 0.0, np.ldexp(_above(total, count + 4), -SCALE) + LEAST))
        kept = {k: _column(forward, np.ldexp(t, -SCALE)) for k, t in terms.items()} if keeps_terms else {}
        return Effects(bound, kept)


def in_ulps(forward: ForwardBoxes, output: int, *, keeps_terms: bool = False) -> Effects:
    """Bounds of |float - real| in ulps of the real value: the smaller of the absolute one over the smallest ulp, and the relative one."""
    plan = forward.plan
    b = bits(plan.done.format)  # the result may be in a narrower one: it is given in that of the program
    with np.errstate(all="ignore"):
        total, terms = _absolute(forward, output)
        least, most = sizes(narrower(forward, output, forward.adjoints[output]))
        unit = np.minimum(2 * half_ulp(least, b), LARGEST)  # of numbers above 2^875 it is too large for a float in this scale: a smaller one makes the bound no smaller
        unit = np.where(np.isnan(least), 0.0, unit)
        first = _above(total, len(terms) + 4) / unit * SLACK
        first = np.where(total == 0, 0.0, first)
        relative, besides, parts, others = _relative(forward, output)
        rho = np.expm1(_above(relative, len(parts) + 4)) * (1 + 2.0**-48)
        same = (least > 0) & (np.frexp(least)[1] == np.frexp(most)[1])
        ratio = np.fmin(2.0**b.precision, np.where(same, np.ldexp(most, SCALE) / unit * SLACK, np.inf))
        by_underflow = np.where(besides == 0, 0.0, _above(besides, len(others) + 4) / unit * SLACK)
        second = rho * ratio * SLACK + by_underflow
        second = np.where((relative == 0) & (besides == 0), 0.0, second)
        second = np.where(np.isnan(second), np.inf, second)
        first = np.where(np.isnan(first), np.inf, first)
        bound = _bound(forward, output, np.minimum(first, second))
        kept: dict[int, DoubleArray] = {}
        if keeps_terms:
            absolute_terms = {k: t / unit for k, t in terms.items()}
            relative_terms = {k: parts.get(k, 0.0) * ratio + others.get(k, 0.0) / unit for k in {*parts, *others}}
            for k in {*absolute_terms, *relative_terms}:
                kept[k] = _column(forward, np.where(first <= second, absolute_terms.get(k, 0.0), relative_terms.get(k, 0.0)))
        return Effects(bound, kept)


def _bound(forward: ForwardBoxes, output: int, found: Doubles) -> DoubleArray:
    """As a column; inf where the floats may decide by what is no number."""
    return _column(forward, np.where(forward.undecided_for(output), np.inf, found))


def _column(forward: ForwardBoxes, found: Doubles) -> DoubleArray:
    """As a column of its own, inf where nothing is known and -inf where the box is empty."""
    full: DoubleArray = np.where(np.isnan(found), np.inf, np.broadcast_to(found, np.shape(forward.empty)))
    return np.where(forward.empty, -np.inf, full)


def _above(total: Doubles, roundings: int) -> Doubles:
    """An upper bound of a sum that was computed with so many roundings."""
    return total * (1 + roundings * EPSILON)


# ---------------------------------------------------------------- absolute


def _absolute(forward: ForwardBoxes, output: int) -> tuple[Doubles, dict[int, Doubles]]:
    """The sum of |adjoint| * error, and its terms, in units of 2^-SCALE; the adjoints are left in `forward.adjoints`."""
    plan = forward.plan
    done = plan.done.operations
    adjoints: dict[int, Interval] = {output: ONE}
    total: Doubles = np.float64(0.0)
    terms: dict[int, Doubles] = {}
    for k in range(output, -1, -1):
        adjoint = adjoints.get(k)
        if adjoint is None or not (plan.carries[k] or plan.moves[k]):
            continue
        error = forward.roundings[k].error
        if plan.carries[k] and np.any(error != 0):
            terms[k] = _times(sizes(adjoint)[1], error)
            total = total + terms[k]
        for position, a in enumerate(done[k].args):
            slope = forward.slope(k, position) if plan.carries[a] or plan.moves[a] else None
            if slope is not None:
                part = _product(adjoint, slope, skips=plan.may_skip)
                adjoints[a] = add(adjoints[a], part) if a in adjoints else part
    forward.adjoints[output] = adjoints
    return total, terms


def _times(size: Doubles, error: Doubles) -> Doubles:
    """A product of sizes; what has no effect has none, however large it is."""
    return np.where((size == 0) | (error == 0), 0.0, size * error + LEAST)


def _product(adjoint: Interval, slope: Interval, *, skips: bool) -> Interval:
    """The product; 0 in a branch that is not taken, also where there is no slope."""
    found = mul(adjoint, slope)
    if not skips:
        return found
    zero = ((adjoint.low == 0) & (adjoint.high == 0)) | ((slope.low == 0) & (slope.high == 0))
    return Interval(np.where(zero, 0.0, found.low), np.where(zero, 0.0, found.high)) if np.any(zero) else found


# ---------------------------------------------------------------- relative


def _relative(forward: ForwardBoxes, output: int) -> tuple[Doubles, Doubles, dict[int, Doubles], dict[int, Doubles]]:
    """The sum of |R| * log(1 + relative error), and what is absolute besides: |adjoint| * besides, in units of 2^-SCALE; and their terms.

    What is absolute goes from the value with all relative errors to the float: the adjoints on that way are those of the other
    one times at most one factor 1 + relative error for each operation.
    """
    plan = forward.plan
    done = plan.done.operations
    adjoints = forward.adjoints[output]
    value = forward.number(output)
    logs: dict[int, tuple[Interval, Interval]] = {output: (ONE, div(ONE, value))}
    total: Doubles = np.float64(0.0)
    besides: Doubles = np.float64(0.0)
    terms: dict[int, Doubles] = {}
    others: dict[int, Doubles] = {}
    factors: Doubles = np.float64(0.0)
    for k in range(output, -1, -1):
        if k not in logs or not plan.carries[k]:
            continue
        rounding = forward.roundings[k]
        here = forward.number(k)
        elastic, logarithmic = logs[k]
        elastic = _meet(elastic, _product(logarithmic, here, skips=plan.may_skip))
        log = np.where(rounding.relative < 1, rounding.relative / (1 - rounding.relative) * SLACK, np.inf)  # |log(1 + d)| <= |d| / (1 - |d|)
        if np.any(log != 0):
            # the value on the way times the log is that of the float times the log, which is the error, but for how far it moves on the way
            moved = 2 * np.ldexp(forward.off[k], SCALE) + rounding.error
            size = (rounding.error + rounding.relative * moved) * (1 + log) * SLACK
            terms[k] = np.fmin(_times(sizes(elastic)[1], log), np.ldexp(_times(sizes(logarithmic)[1], size), -SCALE))
            total = total + terms[k]
            factors = factors + log
        if np.any(rounding.besides != 0):
            size = sizes(adjoints[k])[1] if k in adjoints else np.float64(np.inf)
            others[k] = _times(size, rounding.besides)
            besides = besides + others[k]
        for position, a in enumerate(done[k].args):
            if not plan.carries[a]:
                continue
            slope = forward.slope(k, position)
            if slope is None:
                continue
            operand = forward.number(a)
            by_value = _widened(_product(logarithmic, slope, skips=plan.may_skip), rounding.relative)
            elasticity, over = forward.elasticity(k, position), forward.logarithmic(k, position)
            r = _product(by_value, operand, skips=plan.may_skip)
            r = r if elasticity is None else _meet(_product(elastic, elasticity, skips=plan.may_skip), r)
            q = by_value if over is None else _meet(by_value, _product(elastic, over, skips=plan.may_skip))
            logs[a] = (add(logs[a][0], r), add(logs[a][1], q)) if a in logs else (r, q)
    besides = np.where(besides == 0, 0.0, besides * np.exp(factors) * SLACK)
    return total, besides, terms, others


def _widened(a: Interval, relative: Doubles) -> Interval:
    """Times any factor within 1 - relative and 1 + relative."""
    if np.ndim(relative) == 0 and relative == 0:
        return a
    ulps = relative / EPSILON * SLACK + 1.0
    return Interval(down(a.low, ulps), up(a.high, ulps))


def _meet(a: Interval, b: Interval) -> Interval:
    """What two enclosures of the same number have in common; the one that is known where the other is not."""
    low, high = np.fmax(a.low, b.low), np.fmin(a.high, b.high)
    return Interval(np.minimum(low, high), np.maximum(low, high))
