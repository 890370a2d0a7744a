"""Series at a zero of a gradient with a certified remainder: there all terms cancel, and only (x - zero)*(q0 + q1*(x - c) + ...) keeps its digits.

The zero is c + d, for the float c next to it: x - c is exact near it. Enclosures of the Taylor coefficients at c, and on all of |x - c| <= r, bound the distance of the series from the
formula, relative to the formula, at all *floats* with |x - c| <= r: at c itself, next to it, and further off. (At the real zero the formula is 0 and no such bound exists.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.terms import Pool, Term, is_within, text_of, value_of

BITS = 512
ORDER = 24  # Taylor coefficients
HALVINGS = 70  # of an interval with a zero, down to two neighbouring floats
MOST_ZEROS = 6  # of a gradient that are looked at
RADII = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-4)  # of what is near a zero, relative to it
MOST_QUOTIENTS = 20  # coefficients of a series
LARGEST_ULPS = 0.3  # that a series may be off, over the reals
FAR = 1024  # ulps from c, from which on the zero is as far as c
DEPTHS = 40  # halvings towards a zero, of the points that are looked at near it
TO_THE_SERIES: dict[str, Callable[..., Any]] = {
    "neg": lambda a: -a, "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "hypot": lambda a, b: (a * a + b * b).sqrt(),
    "exp": lambda a: a.exp(), "expm1": lambda a: a.exp() - 1, "log": lambda a: a.log(), "log1p": lambda a: (a + 1).log(), "sqrt": lambda a: a.sqrt(),
    "sin": lambda a: a.sin(), "cos": lambda a: a.cos(), "tan": lambda a: a.tan(), "atan": lambda a: a.atan(), "asin": lambda a: a.asin(), "erf": lambda a: a.erf(), "erfc": lambda a: a.erfc(),
    "sinh": lambda a: (a.exp() - (-a).exp()) / 2, "cosh": lambda a: (a.exp() + (-a).exp()) / 2, "tanh": lambda a: 1 - 2 / ((2 * a).exp() + 1),
}  # fmt: skip


@dataclass(frozen=True)
class ZeroSeries:
    """A series at a zero as a term in x, the float c next to the zero, what is written for d and for the quotients, and the r up to which it is certified.

    With `parity` 1 or -1 it is one in abs(x), of an even or an odd formula: at the zeros near c and near -c.
    """

    term: Term
    leaf: Term
    centre: float
    offset: Fraction
    quotients: tuple[Fraction, ...]
    largest: float
    parity: int = 0

    @property
    def certificate(self) -> str:
        """Where it is certified, in words."""
        name = text_of(self.leaf, {})
        name = f"abs({name})" if self.parity else name
        centre = f"- {self.centre!r}" if self.centre > 0 else f"+ {-self.centre!r}"
        return f"all float64 numbers with abs({name} {centre}) < {self.largest!r}, by Taylor's series at the zero near it"

    def distance(self, pool: Pool) -> Term:
        """x - c, as it is written: c exactly, as a quotient."""
        top, bottom = self.centre.as_integer_ratio()
        return pool.make("sub", pool.make("abs", self.leaf) if self.parity else self.leaf, pool.make("div", pool.leaf("number", str(top)), pool.number(bottom)))

    def condition(self, pool: Pool) -> Term:
        """That an input is where it is certified."""
        return is_within(pool, self.distance(pool), self.largest)


def zeros(check: Check, gradient: str, points: Sequence[FloatPoint]) -> list[float]:
    """Floats next to zeros of the exact gradient of one input, between points at which it has different signs; those nearest to 0."""
    if any(len(p) != 1 for p in points):
        return []
    ordered = sorted(dict.fromkeys(points))
    exact = exact_gradient(check, gradient, ordered)
    known = [(p[0], h) for p, h, k in zip(ordered, exact.high, exact.known, strict=True) if k and h]
    brackets = sorted(((a, b, g) for (a, g), (b, h) in pairwise(known) if (g < 0) != (h < 0)), key=lambda row: abs(row[0]))[:MOST_ZEROS]
    low, high, sign = (np.array(column) for column in zip(*brackets, strict=True)) if brackets else (np.zeros(0),) * 3
    for _ in range(HALVINGS if brackets else 0):
        middle = low / 2 + high / 2
        at = exact_gradient(check, gradient, [(x,) for x in middle.tolist()])
        same = (at.high < 0) == (sign < 0)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    ends = exact_gradient(check, gradient, [(x,) for x in (*low.tolist(), *high.tolist())])
    first, second = np.abs(ends.high[: len(low)]), np.abs(ends.high[len(low) :])
    return np.where(first < second, low, high).tolist() if brackets else []


def near(zeros_: Sequence[float], box: Sequence[tuple[float, float]]) -> list[FloatPoint]:
    """Points towards zeros, in a box."""
    found = [c + side * abs(c) * math.ldexp(0.5, -k) for c in zeros_ for k in range(0, DEPTHS, 2) for side in (1, -1)]
    ((low, high),) = box
    return [(x,) for x in (*zeros_, *found) if low <= x <= high]


def series_at(pool: Pool, term: Term, leaf: Term, centre: float) -> ZeroSeries | None:
    """The series of a formula in one name at its zero next to a float, with the largest of some radii for which it is certified; None where it has none."""
    at = taylor(term, leaf, centre, 0.0)
    if at is None or at[0].contains(0) or at[1].contains(0):
        return None
    with balls.precision(BITS):
        zero = -at[0] / at[1]
        for _ in range(6):  # Newton's steps
            value, slope = _at(at, zero), _at([k * c for k, c in enumerate(at)][1:], zero)
            zero = arb((zero - value / slope).mid())
            if not zero.is_finite():
                return None  # a pole, say
        quotients: list[Ball] = []
        for c in reversed(at[1:ORDER]):  # the polynomial over h - zero, by Horner's scheme
            quotients.append(c + (zero * quotients[-1] if quotients else 0))
        quotients.reverse()
        if not all(q.is_finite() for q in quotients):
            return None
        first, offset = float(quotients[0].mid()), float(zero.mid())
        if not (math.isfinite(first) and math.isfinite(offset)):
            return None
        rest = float((quotients[0] - arb(fmpq(*Fraction(repr(first)).as_integer_ratio()))).mid())
        numbers = [first, rest, *(float(q.mid()) for q in quotients[1:])]
        small = float((zero - arb(fmpq(*Fraction(repr(offset)).as_integer_ratio()))).mid())
    if not all(map(math.isfinite, (*numbers, small))) or not first:
        return None
    for radius in RADII:
        largest = abs(centre) * radius
        largest = float(f"{largest:.1g}")
        for count in (6, 10, 14, MOST_QUOTIENTS):
            found = _written(pool, leaf, centre, (offset, small), numbers[: count + 1], largest)
            if bound(term, found, largest) <= LARGEST_ULPS:
                return found
    return None


def _written(pool: Pool, leaf: Term, centre: float, offset: tuple[float, float], numbers: Sequence[float], largest: float) -> ZeroSeries:
    """A series as a term: (x - c - d - its rest)*(q0 + (its rest + (x - c)*(q1 + ...)))."""
    texts = [Fraction(repr(x)) for x in numbers]
    found = ZeroSeries(leaf, leaf, centre, sum(map(Fraction, map(repr, offset)), Fraction(0)), (texts[0] + texts[1], *texts[2:]), largest)
    distance = found.distance(pool)
    first, rest, *others = (_number(pool, x) for x in numbers)
    value = others[-1]
    for number in reversed(others[:-1]):
        value = pool.make("add", number, pool.make("mul", distance, value))
    value = pool.make("add", first, pool.make("add", rest, pool.make("mul", distance, value)))
    nearer = distance
    for part in offset:
        nearer = pool.make("sub", nearer, _number(pool, part))
    return ZeroSeries(pool.make("mul", nearer, value), leaf, centre, found.offset, found.quotients, largest)


def _number(pool: Pool, x: float) -> Term:
    return pool.leaf("number", repr(x)) if x >= 0 else pool.make("neg", pool.leaf("number", repr(-x)))


def mirrored(pool: Pool, term: Term, series: ZeroSeries) -> ZeroSeries | None:
    """The series in abs(x) for a formula that is even, or odd, as far as the series is one; None where it is neither."""
    size = pool.make("abs", series.leaf)
    for parity in (1, -1):
        even = pool.replaced(series.term, {series.leaf: size})
        found = replace(series, term=even if parity == 1 else pool.make("mul", pool.make("sign", series.leaf), even), parity=parity)
        if series.largest < series.centre and bound_of(pool, term, found, series.largest) <= LARGEST_ULPS:
            return found
    return None


def bound_of(pool: Pool, term: Term, series: ZeroSeries, largest: float) -> float:
    """A bound, in ulps of float64, of the distance of a series from a formula at all floats for which it stands."""
    found = bound(term, series, largest)
    if series.parity:
        other = pool.replaced(term, {series.leaf: pool.make("neg", series.leaf)})
        found = max(found, bound(other if series.parity == 1 else pool.make("neg", other), series, largest))
    return found


def bound(term: Term, series: ZeroSeries, largest: float) -> float:
    """A bound, in ulps of float64, of the distance of a series from a formula at all floats with |x - c| <= largest; infinity where there is none."""
    at, within = taylor(term, series.leaf, series.centre, 0.0), taylor(term, series.leaf, series.centre, largest)
    if at is None or within is None:
        return math.inf
    gap = min(series.centre - math.nextafter(series.centre, -math.inf), math.nextafter(series.centre, math.inf) - series.centre)
    with balls.precision(BITS):
        written = [Fraction(0)] * (len(series.quotients) + 1)
        for k, q in enumerate(series.quotients):  # (h - d) * sum of q h**k
            written[k] -= series.offset * q
            written[k + 1] += q
        off = [abs(arb(fmpq(*w.as_integer_ratio())) - c) for w, c in zip([*written, *[Fraction(0)] * ORDER], at[:ORDER], strict=False)]
        rest, start = abs(within[ORDER]), abs(at[0])
        worst = off[0] / start

        def share(nearest: Ball, furthest: Ball) -> Ball | None:
            """The bound for nearest <= |x - c| <= furthest: all divided by |x - c|."""
            above = off[0] / nearest + sum((c * furthest**k for k, c in enumerate(off[1:])), arb(0)) + rest * furthest ** (ORDER - 1)
            below = abs(at[1]) - sum((abs(c) * furthest**k for k, c in enumerate(at[2:ORDER], 1)), arb(0)) - rest * furthest ** (ORDER - 1) - start / nearest
            return above / below if below > 0 else None

        shares = [share(arb(gap), arb(FAR * gap)), share(arb(FAR * gap), arb(largest))]
        if any(s is None for s in shares):
            return math.inf
        return max(float((s * 2**53).abs_upper()) for s in (worst, *shares) if s is not None)


def taylor(term: Term, leaf: Term, centre: float, radius: float) -> list[Ball] | None:
    """Enclosures of the Taylor coefficients of a formula of one name, at every point within a radius of a number; None where a part has none."""
    before = ctx.cap
    with balls.precision(BITS):
        ctx.cap = ORDER + 1
        try:
            found: dict[Term, Any] = {}
            for part in term.parts:
                value = value_of(part)
                if part is leaf:
                    found[part] = arb_series([arb(centre, radius), 1])
                elif value is not None:
                    found[part] = arb_series([arb(fmpq(value.numerator, value.denominator))])
                elif part.op == "constant":
                    found[part] = arb_series([arb.pi()])
                elif part.op in TO_THE_SERIES:
                    found[part] = TO_THE_SERIES[part.op](*(found[a] for a in part.args))
                else:
                    return None
            coefficients = [found[term][k] for k in range(ORDER + 1)]
        except (ZeroDivisionError, ValueError, NotImplementedError):
            return None
        finally:
            ctx.cap = before
        return coefficients if all(c.is_finite() for c in coefficients) else None


def _at(coefficients: Sequence[Ball], x: Ball) -> Ball:
    value = arb(0)
    for c in reversed(coefficients):
        value = value * x + c
    return value
