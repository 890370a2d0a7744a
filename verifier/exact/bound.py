"""Bound the distance of two formulas of one input over all numbers of a format, where they are equal in some branches and close in the others.

In each branch in which they differ, the difference is one element of the field: what is equal in it has cancelled, so
its values over an interval, from those at the ends of the kernels that increase, are narrow (`1 - sigmoid(x)` is `1/(1 + exp(x))`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.values import Ball
from verifier.case.points import from_ordinal, ordinal
from verifier.exact.identities import field, signs
from verifier.exact.identities.elements import Element, Field, GiveUp, Kernel, Polynomial
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format

BITS = 128
Ends = tuple[Ball, Ball]  # of an interval, as exact balls
MOST_BOXES = 3000  # intervals that are looked at


@dataclass(frozen=True)
class _Piece:
    """The difference of the two sides, and the exact side, in one branch of signs in which they differ."""

    assumptions: tuple[tuple[Polynomial, int], ...]
    difference: Element
    exact: Element


def bound(truth: Truth, subject: Subject, claim: tuple[str, str], *, fmt: Format, upstream: float, domain: tuple[float, float] | None) -> Ball | None:
    """A ball that |computed - exact| / ulp(exact) over the reals does not exceed at any number of the format, at most 1; None where there is none."""
    program, _ = subject.exact
    component = truth.gradient.adjoint.get(subject.program.inputs.index(claim[0]))
    if len(program.inputs) != 1 or component is None:
        return None
    limits = domain if domain is not None else (-float(fmt.largest), float(fmt.largest))
    largest: list[Ball | None] = []

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
        piece = _Piece(tuple(over.assumptions.values()), difference, exact)
        found = _largest(over, piece, fmt, limits) if piece.assumptions else None
        largest.append(found)
        return found is not None

    try:
        if field.holds(program.inputs, look) is None or not largest:
            return None
    except GiveUp:
        return None
    return max((found for found in largest if found is not None), key=float)


def _largest(over: Field, piece: _Piece, fmt: Format, limits: tuple[float, float]) -> Ball | None:
    """An upper bound of the distance in ulps where the assumptions of a piece hold; None where it is not shown to be at most 1."""
    pending = [(ordinal(limits[0]), ordinal(limits[1]))]
    result = arb(0)
    with balls.precision(BITS):
        for _ in range(MOST_BOXES):
            if not pending:
                return result
            a, b = pending.pop()
            box = (arb(from_ordinal(a)), arb(from_ordinal(b)))
            if any(_has_sign(over, p, -s, box) for p, s in piece.assumptions):
                continue
            ulps = _ulps(over, piece, box, fmt)
            if ulps is not None and ulps <= 1:
                result = _most(result, ulps)
            elif a == b:
                return None
            else:
                middle = (a + b) // 2
                pending += [(a, middle), (middle + 1, b)]
    return None


def _has_sign(over: Field, p: Polynomial, sign: int, box: Ends) -> bool:
    ends = _polynomial(over, p, {0: box})
    return ends is not None and bool(ends[0] > 0 if sign > 0 else ends[1] < 0)


def _ulps(over: Field, piece: _Piece, box: Ends, fmt: Format) -> Ball | None:
    """An upper bound of the distance over an interval, in the smallest ulp that the exact side has there; None where it is not enclosed."""
    known: dict[int, Ends | None] = {0: box}
    difference, exact = (_value(over, e, known) for e in (piece.difference, piece.exact))
    if difference is None or exact is None:
        return None
    least = exact[0] if exact[0] > 0 else -exact[1] if exact[1] < 0 else arb(0)
    small, _ = rounding.ulp(fmt, least)
    return _most(abs(difference[0]), abs(difference[1])) / small


# ---------------------------------------------------------------- elements over intervals


def _value(over: Field, a: Element, known: dict[int, Ends | None]) -> Ends | None:
    above, below = _polynomial(over, a.num, known), _polynomial(over, a.den, known)
    if above is None or below is None or not (below[0] > 0 or below[1] < 0):
        return None
    return _hull(u / v for u in above for v in below)


def _polynomial(over: Field, p: Polynomial, known: dict[int, Ends | None]) -> Ends | None:
    used = over.used(p)
    for i in used:
        if i not in known:
            known[i] = _kernel(over, over.kernels[i], known)
        if known[i] is None:
            return None
    low, high = arb(0), arb(0)
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        term = (arb(c), arb(c))
        for i in used:
            for _ in range(int(m[i])):
                factor = known[i]
                assert factor is not None
                term = _hull(u * v for u in term for v in factor)
        low, high = low + term[0], high + term[1]
    return _hull((low, high))


def _kernel(over: Field, kernel: Kernel, known: dict[int, Ends | None]) -> Ends | None:
    """The values of a kernel between those at the ends, where it increases; None for others."""
    if kernel.kind == "constant":
        return _hull((balls.constant(kernel.text),))
    inside = _value(over, kernel.args[0], known) if len(kernel.args) == 1 else None
    if inside is None:
        return None
    scale = arb(kernel.scale.numerator) / kernel.scale.denominator
    if kernel.kind == "exp":
        return _hull(balls.PRIMITIVES["exp"](u * scale) for u in inside)
    if kernel.kind == "root":
        return _hull(u.root(int(kernel.scale)) for u in inside) if inside[0] >= 0 else None
    if kernel.kind == "log":
        return _hull(u.log() for u in inside) if inside[0] > 0 else None
    if kernel.kind in signs.INCREASING:
        return _hull(balls.PRIMITIVES[kernel.kind](u) for u in inside)
    return None


def _hull(values: Iterable[Ball]) -> Ends:
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
