"""Prove that two programs compute the same function, or say how far they agree.

A proof holds for all inputs where both are defined, off the boundaries of the conditions: those are points, and the
verdicts look at points. It is an identity in a field of rational functions (`arithmetic.field`), and it is believed only
where the enclosures of both programs do not contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from verifier.circuit.program import Program, reads_upstream
from verifier.exact import constants
from verifier.exact.identities import elementary, field
from verifier.exact.identities.elements import Element, Field, GiveUp
from verifier.exact.identities.field import is_zero
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format

FURTHER_POINTS = 20  # where two programs are compared besides the listed points
CHECKED_POINTS = 4  # of them, where the enclosures must not contradict a proof
CHECK_BITS = 256  # at which the enclosures of two programs must not contradict a proof
NEAR = 0.25  # further points lie within this part of a listed point where no domain is given
DIGITS_PER_BIT = 0.30103


@dataclass(frozen=True, slots=True)
class Proof:
    """An identity in every branch; the conditions it needs, where the computed side has no value, and the literals that were read as constants."""

    conditions: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    readings: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """What was proved, in words."""
        words = ["for all inputs where both are defined"]
        if self.conditions:
            words.append("where " + " and ".join(self.conditions))
        if self.gaps:
            words.append("except where " + " or where ".join(self.gaps) + ": there it has no value")
        if self.readings:
            words.append("with " + ", ".join(f"{text} read as {constant}" for text, constant in self.readings))
        return ", ".join(words)


# ---------------------------------------------------------------- proofs


def prove(truth: Truth, subject: Subject, claim: tuple[str, str], *, fmt: Format, upstream: float) -> Proof | None:
    """A proof that a claimed gradient is the exact one; None where there is none. Bounded in work.

    It does not look at points: `outcomes` also asks the enclosures.
    """
    component = truth.gradient.adjoint.get(subject.program.inputs.index(claim[0]))
    exact = _Side(truth.gradient.program, component, truth.gradient.value, strict=True)
    program, _ = subject.exact
    return _prove(exact, _Side(program, subject.index(claim[1]), None, strict=False), fmt=fmt, upstream=upstream)


def prove_same(function: Program, other: Program, *, fmt: Format) -> Proof | None:
    """A proof that two programs of primitives over the same inputs have the same value; None where there is none."""
    exact = _Side(function, function.output, function.output, strict=False)
    return _prove(exact, _Side(other, other.output, None, strict=False), fmt=fmt, upstream=1.0)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an identity: a step of a program (None: zero), and the step of the function where that must be defined."""

    program: Program
    output: int | None
    function: int | None
    strict: bool

    def value(self, over: Field, seed: Element | None, literals: Mapping[str, Element]) -> Element | None:
        """The element of this side in the present branch."""
        if self.output is None:
            return over.zero
        result: Element | None = field.value(over, self.program, self.output, strict=self.strict, upstream=seed, readings=literals)
        return result


def _prove(exact: _Side, computed: _Side, *, fmt: Format, upstream: float) -> Proof | None:
    inputs = computed.program.inputs
    reads = computed.output is not None and reads_upstream(computed.program, [computed.output])

    def identity(over: Field, given: Mapping[str, Program]) -> bool | None:
        literals = {text: _constant(over, p) for text, p in given.items()}
        seed = over.generator(len(inputs)) if reads else over.number(Fraction(upstream))
        right = exact.value(over, None, literals)
        if right is None:
            return None
        left = computed.value(over, seed, literals)
        if left is not None:
            return bool(over.sub(left, over.mul(right, seed)).num.is_zero())
        if not over.assumptions:
            return False
        if exact.function is None or field.is_defined(over, exact.program, exact.function, readings=literals):
            over.gaps[elementary.branch(over)] = None
        return None

    names = (*inputs, "upstream") if reads else inputs
    proof = _attempt(names, identity, ())
    if proof is None and (literals := _readings(exact.program, computed.program, fmt=fmt)):
        return _attempt(names, identity, literals)
    return proof


def _attempt(names: tuple[str, ...], identity: Any, literals: tuple[tuple[str, str], ...]) -> Proof | None:
    given = {text: constants.program(constant) for text, constant in literals}
    try:
        holding = field.holds(names, lambda over: identity(over, given))
    except GiveUp:
        return None
    return None if holding is None else Proof(holding.conditions, holding.gaps, literals)


def _constant(over: Field, program: Program) -> Element:
    result: Element | None = field.value(over, program, program.output, strict=False)
    if result is None:
        raise GiveUp("a reading without a value")
    return result


def _readings(*programs: Program, fmt: Format) -> tuple[tuple[str, str], ...]:
    """The literals that are rounded constants, with the constants."""
    texts = dict.fromkeys(s.text for p in programs for s in p.steps if s.gate == "number")
    return tuple((text, constant) for text in texts if (constant := _reading(text, fmt)) is not None)


@cache
def _reading(text: str, fmt: Format) -> str | None:
    return constants.reading(text, fmt)


__all__ = ["Proof", "is_zero", "prove", "prove_same"]
