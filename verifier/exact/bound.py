"""An upper bound, in ulps, of the distance of two formulas at all numbers of a format, where they are equal in some branches and close in the others.

The difference is one element of the field in each branch: what is equal on both sides has cancelled in it (`1 - sigmoid(x)` is
`1/(1 + exp(x))`). Its kernels increase, so their values at both ends of an interval enclose them between, and the enclosure is narrow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.case.points import from_ordinal, ordinal
from verifier.exact.identities import field, signs
from verifier.exact.identities.elements import Element, Field, GiveUp, Kernel, Polynomial
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format

BITS = 128
BallEnds = tuple[Ball, Ball]  # of an interval, as exact balls
MOST_BOXES = 3000  # boxes that are looked at
MOST_INPUTS = 3
TURN = 4  # of so many cuts of a box of several inputs one goes by the floats, which are dense at 0
LARGEST_SIZE = 709.0  # the logarithm of the largest float64 is more
FAR = 1 << 20  # an exponential of -FAR is smaller than any number of any format


@dataclass(frozen=True)
class _Piece:
    """A branch of signs in which the two sides differ."""

    assumptions: tuple[tuple[Polynomial, int], ...]
    difference: Element
    exact: Element
    ratio: Element | None  # of the two, in which common factors have cancelled


def bound(truth: Truth, subject: Subject, claim: tuple[str, str], *, fmt: Format, upstream: float, domain: Sequence[tuple[float, float] | None] | None) -> Ball | None:
    """A ball that |computed - exact| / ulp(exact) over the reals does not exceed at any number of the format, at most 1; None where there is none."""
    program, _ = subject.exact
    component = truth.gradient.adjoint.get(subject.program.inputs.index(claim[0]))
    if not 1 <= len(program.inputs) <= MOST_INPUTS or component is None:
        return None
    everything = (-float(fmt.largest), float(fmt.largest))
    limits = [everything if d is None else d for d in domain or [None] * len(program.inputs)]
    largest: list[Ball] = []

    def look(over: Field) -> bool:
        seed = over.number(Fraction(upstream))
        right = field.value(over, truth.gradient.program, component)
        left = field.value(over, program, subject.index(claim[1]), upstream=seed)
        if not isinstance(left, Element) or not isinstance(right, Element):
            return left is right
        exact = over.mul(right, seed)
        difference = over.sub(left, exact)
        if difference.num.is_zero():
            return True
        piece = _Piece(tuple(over.assumptions.values()), difference, exact, None if exact.num.is_zero() else over.div(difference, exact))
        found = _largest(over, piece, fmt, limits) if piece.assumptions else None
        if found is not None:
            largest.append(found)
        return found is not None

    try:
        if field.holds(program.inputs, look) is None or not largest:
            return None
    except GiveUp:
        return None
    return max(largest, key=float)


def _largest(over: Field, piece: _Piece, fmt: Format, limits: Sequence[tuple[float, float]]) -> Ball | None:
    """An upper bound of the distance in ulps where the assumptions of a piece hold; None where it is not shown to be at most 1."""
    pending = [(0, tuple((ordinal(low), ordinal(high)) for low, high in limits))]
    result, sides = arb(0), sorted(_sides(over, piece)) or list(range(len(limits)))
    with balls.precision(BITS):
        for _ in range(MOST_BOXES):
            if not pending:
                return result
            depth, places = pending.pop()
            box = {i: (arb(from_ordinal(a)), arb(from_ordinal(b))) for i, (a, b) in enumerate(places)}
            if any(_has_sign(over, p, -s, box) for p, s in piece.assumptions):
                continue
            ulps = _ulps(over, piece, box, fmt)
            if ulps is not None and ulps <= 1:
                result = _most(result, ulps)
                continue
            halves = _halves(places, sides, by_size=len(sides) > 1 and depth % TURN != TURN - 1)
            if not halves:
                return None
            pending += [(depth + 1, half) for half in halves]
    return None


BoxOrdinals = tuple[tuple[int, int], ...]  # of a box: the ordinals of both ends, for each input


def _sides(over: Field, piece: _Piece) -> set[int]:
    """The inputs that the relative distance, or an assumption, depends on: a box need not be cut across the others."""
    pending = [p for p, _ in piece.assumptions] + [p for e in (piece.ratio or piece.difference,) for p in (e.num, e.den)]
    found: set[int] = set()
    seen: set[int] = set()
    while pending:
        for i in set(over.used(pending.pop())) - seen:
            seen.add(i)
            if over.kernels[i].kind == "input":
                found.add(i)
            pending += [p for e in over.kernels[i].args for p in (e.num, e.den)]
    return found


def _halves(places: BoxOrdinals, sides: Sequence[int], *, by_size: bool) -> list[BoxOrdinals]:
    """A box cut across its widest side: in the middle of its floats, or of its size, which is the logarithm for large numbers; none where it is one point."""
    if by_size:
        sizes = [tuple(_size(from_ordinal(n)) for n in ends) for ends in places]
        widest = max(sides, key=lambda i: sizes[i][1] - sizes[i][0])
        a, b = places[widest]
        middle = min(max(ordinal(_of_size(sum(sizes[widest]) / 2)), a), b - 1)
    else:
        widest = max(sides, key=lambda i: places[i][1] - places[i][0])
        a, b = places[widest]
        middle = (a + b) // 2
    if a >= b:
        return [] if not by_size else _halves(places, sides, by_size=False)
    return [(*places[:widest], half, *places[widest + 1 :]) for half in ((a, middle), (middle + 1, b))]


def _size(x: float) -> float:
    return math.copysign(math.log1p(abs(x)), x)


def _of_size(s: float) -> float:
    return math.copysign(math.expm1(min(abs(s), LARGEST_SIZE)), s)


def _has_sign(over: Field, p: Polynomial, sign: int, box: dict[int, BallEnds]) -> bool:
    ends = _polynomial(over, p, dict(box))
    return ends is not None and bool(ends[0] > 0 if sign > 0 else ends[1] < 0)


def _ulps(over: Field, piece: _Piece, box: dict[int, BallEnds], fmt: Format) -> Ball | None:
    """An upper bound of the distance over a box, in ulps of the exact side; None where it is not enclosed.

    An ulp of x is more than |x| / 2**p, so the distance is less than 2**p times the relative one; or it is at most the largest distance in the smallest ulp there.
    """
    known: dict[int, BallEnds | None] = dict(box)
    ratio = None if piece.ratio is None else _value(over, piece.ratio, known)
    by_ratio: Ball | None = None if ratio is None else _most(abs(ratio[0]), abs(ratio[1])) * 2**fmt.precision
    if by_ratio is not None and by_ratio <= 1:
        return by_ratio
    difference, exact = (_value(over, e, known) for e in (piece.difference, piece.exact))
    if difference is None or exact is None:
        return by_ratio
    least = exact[0] if exact[0] > 0 else -exact[1] if exact[1] < 0 else arb(0)
    if not least.is_finite():
        return by_ratio
    small, _ = rounding.ulp(fmt, least)
    return _most(abs(difference[0]), abs(difference[1])) / small


# ---------------------------------------------------------------- elements over intervals


def _value(over: Field, a: Element, known: dict[int, BallEnds | None]) -> BallEnds | None:
    if len(a.den.monoms()) == 1:  # term by term: what grows below shrinks each term
        return _polynomial(over, a.num, known, by=a.den)
    above, below = _polynomial(over, a.num, known), _polynomial(over, a.den, known)
    if above is None or below is None or not (below[0] > 0 or below[1] < 0):
        return None
    return _hull(u / v for u in above for v in below)


def _polynomial(over: Field, p: Polynomial, known: dict[int, BallEnds | None], *, by: Polynomial | None = None) -> BallEnds | None:
    """The values of a polynomial, divided by one of a single term where that is given."""
    used = sorted({*over.used(p), *(over.used(by) if by is not None else ())})
    for i in used:
        if i not in known:
            known[i] = _kernel(over, over.kernels[i], known)
        if known[i] is None:
            return None
    down, divisor = (by.monoms()[0], arb(by.coeffs()[0])) if by is not None else (None, arb(1))
    low, high = arb(0), arb(0)
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        term = (arb(c) / divisor, arb(c) / divisor)
        for i in used:
            power = int(m[i]) - (int(down[i]) if down is not None else 0)
            factor = known[i] if power >= 0 else _inverse(over, i, known)
            if factor is None:
                return None
            for _ in range(abs(power)):
                term = _hull(u * v for u in term for v in factor)
        low, high = low + term[0], high + term[1]
    return _hull((low, high))


def _inverse(over: Field, i: int, known: dict[int, BallEnds | None]) -> BallEnds | None:
    """The values of one over a kernel; of an exponential those of the one that falls, which may be smaller than any number."""
    kernel = over.kernels[i]
    if kernel.kind == "exp":
        inside = _value(over, kernel.args[0], known)
        return None if inside is None else _exp(-u * _scale(kernel) for u in inside)
    ends = known[i]
    return None if ends is None or not (ends[0] > 0 or ends[1] < 0) else _hull(1 / u for u in ends)


def _exp(values: Iterable[Ball]) -> BallEnds:
    """The exponentials of numbers of any size: beyond FAR only that they are as small, or as large."""
    found = []
    for u in values:
        if not u > -FAR:
            found += [arb(0), balls.PRIMITIVES["exp"](arb(-FAR))] if u < -FAR else [arb("nan")]
        else:
            found.append(balls.PRIMITIVES["exp"](u) if u < FAR else arb.pos_inf())
    return _hull(found)


def _scale(kernel: Kernel) -> Ball:
    return arb(kernel.scale.numerator) / kernel.scale.denominator


def _kernel(over: Field, kernel: Kernel, known: dict[int, BallEnds | None]) -> BallEnds | None:
    """The values of a kernel between those at the ends, where it increases; None for others."""
    if kernel.kind == "constant":
        return _hull((balls.constant(kernel.text),))
    inside = _value(over, kernel.args[0], known) if len(kernel.args) == 1 else None
    if inside is None:
        return None
    if kernel.kind == "exp":
        return _exp(u * _scale(kernel) for u in inside)
    if kernel.kind == "root":
        return _hull(u.root(int(kernel.scale)) for u in inside) if inside[0] >= 0 else None
    if kernel.kind == "log":
        return _hull(u.log() for u in inside) if inside[0] > 0 else None
    if kernel.kind in signs.INCREASING:
        return _hull(balls.PRIMITIVES[kernel.kind](u) for u in inside)
    return None


def _hull(values: Iterable[Ball]) -> BallEnds:
    found = list(values)
    if any(v.is_nan() for v in found):
        return arb.neg_inf(), arb.pos_inf()
    low, high = found[0].lower(), found[0].upper()
    for v in found[1:]:
        low = min(low, v.lower())
        high = _most(high, v.upper())
    return low, high


def _most(a: Ball, b: Ball) -> Ball:
    return max(a.upper(), b.upper())
