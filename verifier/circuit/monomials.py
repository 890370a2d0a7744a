"""Products of powers: what a chain of multiplications, divisions and square roots comes to, and whether everything in it cancels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from verifier.circuit.program import Step, significant_digits
from verifier.language.numeral import exact

MOST_FACTORS = 8  # with longer products nobody divides by a square root of the same
MOST_BITS = 256  # of a coefficient
MOST_DIGITS = 2  # of a literal that is no whole number and counts as itself: in no format it is a rounded constant
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Monomial:
    """sign * sqrt(square) * the product of factors, each a step to a power; a factor to a power of halves is at least 0 wherever the whole has a value."""

    sign: int
    square: Fraction
    powers: Mapping[int, Fraction]
    has_root: bool = False  # a square root of a step is part of it


def constant_quotient(steps: Sequence[Step], at: int, known: dict[int, Monomial]) -> Fraction | None:
    """The rational number that a quotient is wherever it has a value, because its factors and their square roots cancel; None where they do not. `known` are monomials that were made before."""
    found = _monomial(steps, at, known)
    if found is None or found.powers or not found.has_root:
        return None
    top, bottom = isqrt(found.square.numerator), isqrt(found.square.denominator)
    return found.sign * Fraction(top, bottom) if Fraction(top, bottom) ** 2 == found.square else None


def _monomial(steps: Sequence[Step], at: int, known: dict[int, Monomial]) -> Monomial | None:
    """The monomial that a step is; None for a number that is 0 and for long products."""
    pending = [at]
    while pending:
        index = pending[-1]
        step = steps[index]
        missing = [a for a in step.args if a not in known] if step.gate in ("mul", "div", "neg", "sqrt") and index not in known else []
        if missing:
            pending.extend(missing)
            continue
        pending.pop()
        if index not in known:
            known[index] = _of_step(index, step, known)
    return known[at] if _is_small(known[at]) else None


def _of_step(index: int, step: Step, known: Mapping[int, Monomial]) -> Monomial:
    whole = Monomial(1, Fraction(1), {index: Fraction(1)})
    if step.gate == "number":
        value = exact(step.text)
        return Monomial(1, value * value, {}) if value > 0 and (step.text.isdecimal() or significant_digits(step.text) <= MOST_DIGITS) else whole
    if step.gate not in ("mul", "div", "neg", "sqrt"):
        return whole
    first = known[step.args[0]]
    if step.gate == "neg":
        return Monomial(-first.sign, first.square, first.powers, first.has_root)
    if step.gate == "sqrt":
        ((atom, power),) = first.powers.items() if len(first.powers) == 1 else ((step.args[0], Fraction(0)),)
        root = isqrt(first.square.numerator), isqrt(first.square.denominator)
        if power == 1 and first.sign == 1 and Fraction(*root) ** 2 == first.square:  # sqrt(q*a) is sqrt(q)*sqrt(a), for q > 0
            return Monomial(1, Fraction(*root), {atom: HALF}, has_root=True)
        return whole  # sqrt(a**2) is |a|, and sqrt(a*b) may be where sqrt(a) is not
    second = known[step.args[1]]
    direction = 1 if step.gate == "mul" else -1
    powers = dict(first.powers)
    for atom, power in second.powers.items():
        powers[atom] = powers.get(atom, Fraction(0)) + direction * power
    square = first.square * second.square if direction > 0 else first.square / second.square
    found = Monomial(first.sign * second.sign, square, {a: p for a, p in powers.items() if p}, first.has_root or second.has_root)
    return found if _is_small(found) else whole


def _is_small(found: Monomial) -> bool:
    return len(found.powers) <= MOST_FACTORS and max(found.square.numerator.bit_length(), found.square.denominator.bit_length()) <= MOST_BITS
