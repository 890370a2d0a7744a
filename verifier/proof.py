"""Prove that two programs compute the same function, or say how far they agree.

A proof holds for all inputs where both are defined, off the boundaries of the conditions: those are points, and the
verdicts look at points. It is an identity in a field of rational functions (`arithmetic.field`), and it is believed only
where the enclosures of both programs do not contradict it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from flint import arb

from verifier import limits, readings, rounding
from verifier.arithmetic import balls, elementary, field
from verifier.arithmetic.elements import Element, Field, GiveUp
from verifier.compare import compare
from verifier.discrepancy import Discrepancy
from verifier.formats import Format, round_exact
from verifier.program import Program, reads_upstream
from verifier.subject import Subject, Truth
from verifier.verdict import Verdict
from verifier.zeros import is_zero

FURTHER_POINTS = 20  # where two programs are compared besides the listed points
CHECKED_POINTS = 4  # of them, where the enclosures must not contradict a proof
CHECK_BITS = 256  # at which the enclosures of two programs must not contradict a proof
NEAR = 0.25  # further points lie within this part of a listed point where no domain is given
DIGITS_PER_BIT = 0.30103


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a computed gradient agrees with the exact one: proved, agrees, approximates, refuted, or undecided where nothing could be compared."""

    kind: str
    note: str
    witness: dict[str, float] | None = None


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


def outcomes(
    truth: Truth,
    subject: Subject,
    points: Sequence[tuple[float, ...]],
    *,
    fmt: Format,
    upstream: float,
    domain: Sequence[tuple[float, float] | None] | None = None,
    seed: int = 0,
    listed: Sequence[Sequence[Discrepancy]] | None = None,
) -> dict[str, Outcome]:
    """The outcome of every claimed gradient, by its name.

    `points` are numbers of the format; `domain` has one entry for each input; `listed` is what `compare` found at the
    points, where that is known already. A proof says nothing about boundaries: where a listed point is wrong, that counts.
    """
    count = len(subject.program.inputs)
    few = further_points(points, count, fmt=fmt, domain=domain, seed=seed, most=CHECKED_POINTS)
    proofs = _believed(truth, subject, (*points, *few), fmt=fmt, upstream=upstream)
    rows = list(listed) if listed is not None else compare(truth, subject, points, fmt=fmt, upstream=upstream) if points else []
    wrong = {row[i].name for row in rows for i in range(len(row)) if row[i].verdict is Verdict.WRONG}
    open_claims = [name for _, name in subject.claims if name not in proofs]
    if any(name not in wrong for name in open_claims):
        rows += compare(truth, subject, further_points(points, count, fmt=fmt, domain=domain, seed=seed), fmt=fmt, upstream=upstream)
    result = {}
    for i, (_, name) in enumerate(subject.claims):
        proof = proofs.get(name)
        if proof is not None and name not in wrong:
            result[name] = Outcome("proved", proof.text())
        else:
            seen = _compared([row[i] for row in rows], subject.program.inputs)
            result[name] = seen if proof is None else replace(seen, note=f"{seen.note}; off boundaries it is proved {proof.text()}")
    return result


def further_points(
    points: Sequence[tuple[float, ...]], count: int, *, fmt: Format, domain: Sequence[tuple[float, float] | None] | None = None, seed: int = 0, most: int = FURTHER_POINTS
) -> list[tuple[float, ...]]:
    """Random points of the format: in the domain where one is given, else near the listed points."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    centres = list(points) or [(0.0,) * count]
    result = []
    for k in range(most):
        row = []
        for i, x in enumerate(centres[k % len(centres)]):
            interval = domain[i] if domain is not None else None
            if interval is not None:
                value = Fraction(draw.uniform(*interval))
            else:
                value = Fraction(x) * Fraction(1 + draw.uniform(-NEAR, NEAR)) if x else Fraction(draw.uniform(-1, 1) if not points else draw.uniform(-NEAR, NEAR))
            near = round_exact(fmt, value)
            row.append(near if math.isfinite(near) else x)  # next to the largest number
        result.append(tuple(row))
    return result


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
    given = {text: readings.program(constant) for text, constant in literals}
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
    return readings.reading(text, fmt)


def _believed(truth: Truth, subject: Subject, points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> dict[str, Proof]:
    """The proofs that the enclosures at the points do not contradict; one that meets no point where both are defined is none."""
    proofs = {name: proof for variable, name in subject.claims if (proof := prove(truth, subject, (variable, name), fmt=fmt, upstream=upstream)) is not None}
    if not proofs:
        return {}
    program, _ = subject.exact
    columns = [[arb(p[i]) for p in points] for i in range(len(program.inputs))]
    with balls.precision(CHECK_BITS):
        seed = arb(upstream)
        exact = balls.run(truth.gradient.program, columns, bits=CHECK_BITS, strict=True, rounded_in=fmt)
        computed = balls.run(program, columns, bits=CHECK_BITS, strict=False, upstream=seed, rounded_in=fmt)
        believed = {}
        for variable, name in subject.claims:
            component = truth.gradient.adjoint.get(program.inputs.index(variable))
            real = computed[subject.index(name)]
            right = exact[component] if component is not None else [arb(0)] * len(points)
            rows = [(r, g * seed) for r, g, value in zip(real, right, exact[truth.gradient.value], strict=True) if value.is_finite() and g.is_finite()]
            if name in proofs and _is_consistent(proofs[name], rows):
                believed[name] = proofs[name]
    return believed


def _is_consistent(proof: Proof, rows: Sequence[tuple[Any, Any]]) -> bool:
    """Whether the enclosures (computed, exact) meet, at one point at least, and a proof with gaps has none at these points."""
    both = [(r, g) for r, g in rows if r.is_finite()]
    if proof.gaps and len(both) < len(rows):
        return False
    return bool(both) and not any(r != g for r, g in both)


# ---------------------------------------------------------------- comparison


def _compared(found: Sequence[Discrepancy], inputs: tuple[str, ...]) -> Outcome:
    """The outcome that the points show."""
    wrong = next((d for d in found if d.verdict is Verdict.WRONG), None)
    if wrong is not None:
        return Outcome("refuted", wrong.reason or "over the reals it is another number", dict(zip(inputs, wrong.point, strict=True)))
    known = [d for d in found if isinstance(d.exact, limits.Finite) and d.formula_error is not None and d.verdict is not Verdict.UNDECIDED]
    if not known:
        return Outcome("undecided", "no point where both could be compared")
    place = f"at {len(known)} {'point' if len(known) == 1 else 'points'}"
    off = [d for d in known if not d.formula_error.is_zero()]
    if off:
        largest = max(off, key=lambda d: float(d.formula_error.mid()))
        return Outcome("approximates", f"within {rounding.significant(largest.formula_error)} ulp {place}", dict(zip(inputs, largest.point, strict=True)))
    digits = [_digits(d) for d in known]
    shown = [n for n in digits if n is not None]
    return Outcome("agrees", f"to {min(shown)} digits {place}" if shown else f"exactly, {place}")


def _digits(found: Discrepancy) -> int | None:
    """The decimal digits to which both enclosures are known; None where they are exact."""
    both = [b for b in (found.real_value, found.exact.ball if isinstance(found.exact, limits.Finite) else None) if b is not None and not b.is_exact()]
    return max(0, int(min(b.rel_accuracy_bits() for b in both) * DIGITS_PER_BIT)) if both else None


__all__ = ["Outcome", "Proof", "further_points", "is_zero", "outcomes", "prove", "prove_same"]
