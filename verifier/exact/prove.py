"""Prove that two programs compute the same function, or say how far they agree.

A proof is an identity in a field of rational functions (`identities.field`): it holds wherever both are defined. Where a
sign or a step changes (a set without inner points) an identity between open pieces says nothing: a proof names these
borders. A proof is reported only after `compare.challenge` found no contradiction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from verifier.circuit.program import Program, reads_upstream
from verifier.exact import constants
from verifier.exact.identities import exponentials, field
from verifier.exact.identities.elements import Element, Field, GiveUp, Infinity
from verifier.exact.identities.field import is_zero
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format
from verifier.language.gates import GATES

FURTHER_POINTS = 20  # where two programs are compared besides the listed points
CHECKED_POINTS = 4  # of them, where the enclosures must not contradict a proof
GAP_WORK = 200_000  # what it may cost to name where the computed side alone has no value
DOMAINS = frozenset(n for n, g in GATES.items() if g.where and n != "div")
NEAR = 0.25  # further points lie within this part of a listed point where no domain is given
DIGITS_PER_BIT = 0.30103
MOST_BORDERS = 4  # named in a note


@dataclass(frozen=True, slots=True)
class Proof:
    """An identity in every branch: the conditions it needs, where the computed side has no value, the literals that were read as constants, and the borders."""

    conditions: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    readings: tuple[tuple[str, str], ...] = ()
    borders: tuple[str, ...] = ()  # where a sign or a step changes: isolated, and not proved
    own_borders: tuple[str, ...] = ()  # those of the computed side alone

    def text(self) -> str:
        """What was proved, in words."""
        words = ["for all inputs where both are defined"]
        if self.conditions:
            words.append("where " + " and ".join(self.conditions))
        if self.gaps:
            words.append("except where " + " or where ".join(self.gaps) + ": there it has no value")
        if self.borders:
            words.append("on the borders (" + ", ".join(self.borders[:MOST_BORDERS]) + (", ..." if len(self.borders) > MOST_BORDERS else "") + ") at the points tried")
        if self.readings:
            words.append("with " + ", ".join(f"{text} read as {constant}" for text, constant in self.readings))
        return ", ".join(words)


# ---------------------------------------------------------------- proofs


def prove(truth: Truth, subject: Subject, claim: tuple[str, str], *, fmt: Format, upstream: float) -> Proof | None:
    """A proof that a claimed gradient is the exact one; None where there is none. Bounded in work.

    It does not look at points: `outcomes` also asks the enclosures.
    """
    component = truth.gradient.adjoint.get(subject.program.inputs.index(claim[0]))
    exact = _Side(truth.gradient.program, component, truth.gradient.value)
    program, _ = subject.exact
    return _prove(exact, _Side(program, subject.index(claim[1]), None), fmt=fmt, upstream=upstream)


def prove_same(function: Program, other: Program, *, fmt: Format) -> Proof | None:
    """A proof that two programs of primitives over the same inputs have the same value; None where there is none."""
    exact = _Side(function, function.output, function.output)
    return _prove(exact, _Side(other, other.output, None), fmt=fmt, upstream=1.0)


def prove_sides(exact: Program, computed: Program, *, is_zero: bool, fmt: Format, upstream: float) -> Proof | None:
    """A proof that the output of a program of primitives is that of another (or, with `is_zero`, 0), times what flows in; None where there is none."""
    output = None if is_zero else exact.output
    return _prove(_Side(exact, output, output), _Side(computed, computed.output, None), fmt=fmt, upstream=upstream)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an identity: a step of a program (None: zero), and the step of the function where that must be defined."""

    program: Program
    output: int | None
    function: int | None

    def value(self, over: Field, seed: Element | None, literals: Mapping[str, Element]) -> Element | None:
        """The element of this side in the present branch."""
        if self.output is None:
            return over.zero
        result: Element | None = field.value(over, self.program, self.output, upstream=seed, readings=literals)
        return result


def _prove(exact: _Side, computed: _Side, *, fmt: Format, upstream: float) -> Proof | None:
    inputs = computed.program.inputs
    reads = computed.output is not None and reads_upstream(computed.program, [computed.output])

    def identity(over: Field, given: Mapping[str, Program]) -> bool | None:
        literals = {text: _constant(over, p) for text, p in given.items()}
        seed = over.generator(len(inputs)) if reads else over.number(Fraction(upstream))
        right = exact.value(over, None, literals)
        if isinstance(right, Infinity):
            raise GiveUp("an infinite gradient")
        if right is None:
            return None
        over.turn()
        left = computed.value(over, seed, literals)
        if isinstance(left, Infinity):
            return False
        if left is not None:
            return bool(over.sub(left, over.mul(right, seed)).num.is_zero())
        if not over.assumptions:
            return False
        if exact.function is None or field.is_defined(over, exact.program, exact.function, readings=literals):
            over.gaps[exponentials.branch(over)] = None
        return None

    def gap(over: Field) -> bool:
        seed = over.generator(len(inputs)) if reads else over.number(Fraction(upstream))
        if computed.output is None or (exact.function is not None and not field.is_defined(over, exact.program, exact.function)):
            return True
        if not field.is_defined(over, computed.program, computed.output, upstream=seed):
            over.gaps[exponentials.branch(over)] = None
        return True

    names = (*inputs, "upstream") if reads else inputs
    proof = _attempt(names, identity, ())
    if proof is None and (literals := _readings(exact.program, computed.program, fmt=fmt)):
        return _attempt(names, identity, literals)
    if proof is None or proof.gaps or computed.output is None or not any(s.gate in DOMAINS for s in computed.program.steps):
        return proof
    with contextlib.suppress(GiveUp):
        found = field.holds(names, gap, work=GAP_WORK)
        return replace(proof, gaps=found.gaps) if found is not None else proof
    return proof


def _attempt(names: tuple[str, ...], identity: Any, literals: tuple[tuple[str, str], ...]) -> Proof | None:
    given = {text: constants.program(constant) for text, constant in literals}
    try:
        holding = field.holds(names, lambda over: identity(over, given))
    except GiveUp:
        return None
    return None if holding is None else Proof(holding.conditions, holding.gaps, literals, holding.borders, holding.own_borders)


def _constant(over: Field, program: Program) -> Element:
    result: Element | None = field.value(over, program, program.output)
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
