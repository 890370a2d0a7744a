"""Laws of enclosures: two precisions, float64 intervals and mpmath all tell of the same numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, fmpz

from tests.laws import by_mpmath
from tests.laws.law import Broken, case_in, require, settings_of
from verifier.arithmetic import balls
from verifier.arithmetic.intervals import run as intervals
from verifier.circuit.program import Program
from verifier.exact.derivatives import TRUTHS
from verifier.exact.truth import truth_of

COARSE = (64, 113)  # bits, held against twice as many
INTERVAL_BITS = 256
MPMATH_BITS = 200
SURE_BITS = 100  # of a value of mpmath's, whose last digits are no promise
TINY = 1e-12  # arguments that are smaller, and not 0, cost mpmath too much


def nested(text: str) -> int:
    """Every step of function and gradient: the enclosures at p and 2p bits overlap, the truth values do not contradict each other."""
    case, count = case_in(text), 0
    program = truth_of(_truth(case)).gradient.program
    for setting in settings_of(case):
        columns = [[arb(p[i]) for p in setting.points] for i in range(len(program.inputs))]
        for bits in COARSE:
            for strict in (True, False):
                runs = [balls.run(program, columns, bits=b, strict=strict) for b in (bits, 2 * bits)]
                for step, coarse, fine in zip(program.steps, *runs, strict=True):
                    for a, b, point in zip(coarse, fine, setting.points, strict=True):
                        count += _both(step.gate, a, b, point, bits)
    return count


def _both(gate: str, a: Any, b: Any, point: tuple[float, ...], bits: int) -> int:
    if gate in TRUTHS:
        require(a is None or b is None or a is b, lambda: f"{gate} is {a} at {bits} bits and {b} at {2 * bits}, at {point}")
        return 1
    if not (a.is_finite() and b.is_finite()):
        return 0
    require(a.overlaps(b), lambda: f"{gate} is {a} at {bits} bits and {b} at {2 * bits}, at {point}")
    return 1


def _truth(case: Any) -> Program:
    program: Program = case.programs.truth
    return program


def intervals_hold(text: str) -> int:
    """Every step: the interval of float64 and the ball overlap; where an interval says `never`, no ball is finite."""
    case, count = case_in(text), 0
    program = truth_of(_truth(case)).gradient.program
    for setting in settings_of(case):
        columns = [[p[i] for p in setting.points] for i in range(len(program.inputs))]
        for strict in (True, False):
            quick = intervals.run(program, [np.array(c) for c in columns], strict=strict)
            sure = balls.run(program, [[arb(v) for v in c] for c in columns], bits=INTERVAL_BITS, strict=strict)
            for step, interval, column in zip(program.steps, quick, sure, strict=True):
                for k, (ball, point) in enumerate(zip(column, setting.points, strict=True)):
                    count += _within(step.gate, interval, k, ball, point)
    return count


def _at(array: Any, k: int) -> Any:
    return np.broadcast_to(array, (k + 1,) if np.ndim(array) == 0 else np.shape(array))[k]


def _within(gate: str, interval: Any, k: int, ball: Any, point: tuple[float, ...]) -> int:
    if gate in TRUTHS:
        truth = int(_at(interval, k))
        require(truth < 0 or ball is None or bool(truth) is ball, lambda: f"{gate} is {truth} in intervals and {ball} in balls at {point}")
        return truth >= 0
    if interval.never is not None and _at(interval.never, k):
        require(not ball.is_finite(), lambda: f"{gate} has no value in intervals and {ball} in balls at {point}")
        return 1
    low, high = float(_at(interval.low, k)), float(_at(interval.high, k))
    if math.isnan(low) or math.isnan(high) or not ball.is_finite():
        return 0
    require(not (ball < low or ball > high), lambda: f"{gate} is [{low!r}, {high!r}] in intervals and {ball} in balls at {point}")
    return 1


def mpmath_agrees(text: str) -> int:
    """Every step, given floats: Arb's ball holds mpmath's value, as far as that can be trusted."""
    import mpmath

    case, count = case_in(text), 0
    program = truth_of(_truth(case)).gradient.program
    m = mpmath.MPContext()
    for setting in settings_of(case):
        columns = [[arb(p[i]) for p in setting.points] for i in range(len(program.inputs))]
        run = balls.run(program, columns, bits=MPMATH_BITS, strict=False)
        for step in program.steps:
            for k in range(len(setting.points)) if step.args and step.gate not in TRUTHS else ():
                args = [run[a][k] for a in step.args]
                if step.gate != "where" and all(_is_moderate(a) for a in args):
                    count += _agrees(m, step.gate, [float(a.mid()) for a in args])
    return count


def _is_moderate(a: Any) -> bool:
    return a is not None and a.is_finite() and (a.is_zero() or TINY < abs(float(a.mid())) < by_mpmath.MODERATE)


def _agrees(m: Any, gate: str, args: list[float]) -> int:
    with balls.precision(MPMATH_BITS):
        ball = balls.function_of(gate, strict=False)(*map(arb, args))
    if not ball.is_finite():
        return 0
    for bits in (2 * MPMATH_BITS, 6 * MPMATH_BITS):  # mpmath's own cancellation is no find
        m.prec = bits
        value = by_mpmath.value(by_mpmath.rules(m), m, gate, [m.mpf(a) for a in args])
        if value is None:
            return 0
        with balls.precision(2 * bits):
            other = as_arb(value)
            if abs(ball - other) <= abs(other) * arb(2) ** -SURE_BITS or ball.contains(other):
                return 1
    raise Broken(f"{gate}({', '.join(map(repr, args))}) is {ball} in Arb and {m.nstr(value, 30)} in mpmath")


def as_arb(value: Any) -> Any:
    """A number of mpmath's as an exact ball (at a precision that holds it)."""
    sign, mantissa, exponent, _ = value._mpf_
    return arb((-1) ** sign * fmpz(int(mantissa))) * arb(2) ** exponent
