"""Tests a proof before it counts: both sides are enclosed at points in and on the borders of all pieces, and any contradiction is returned.

The challenge does not know how a proof was found, and shares no rule with the prover.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.ball_functions import SPECIAL_FUNCTIONS
from verifier.arithmetic.values import Balls
from verifier.case.points import FloatPoint
from verifier.circuit.program import Program, Step
from verifier.compare.challenge_points import LARGEST_STEP, PartialDomain, places
from verifier.exact import one_sided
from verifier.exact.identities.field import is_zero_at
from verifier.exact.series import Undefined
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format
from verifier.language.gates import COMPARISONS

CHALLENGE_BITS = 256
WORK = 60_000  # steps x points of a challenge: about a second
FEWEST_POINTS, MOST_POINTS = 24, 500
COSTLY = 40  # steps that a special function counts for
LIMIT_WORK = 12_000  # steps x points of a challenge at which a one-sided limit is looked for,
FEWEST_LIMITS, MOST_LIMITS = 60, 240  # and their number; what is left out is said
MOST_FOLLOWED = 3  # contradictions of which it is told whether they lie on a border
TIED = 2.0**-64  # of the operands: a difference enclosed so narrowly that it may be zero
MOST_TIES = 6  # points of a challenge at which an undecided comparison is followed
AROUND = 4  # points near a hole that tell whether it is a single one
NEAR = 2.0**-10
AnyPoint = FloatPoint | tuple[Fraction, ...]  # of the format, or any


def _nearby(point: FloatPoint, domain: PartialDomain, seed: int) -> list[tuple[Fraction, ...]]:
    """Points without pattern near a point, in the domain."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    near = []
    for _ in range(AROUND):
        row = []
        for i, x in enumerate(point):
            moved = Fraction(x) * (1 + Fraction(draw.uniform(-NEAR, NEAR))) if x else Fraction(draw.uniform(-NEAR, NEAR))
            moved += Fraction(1, 7) if abs(x) >= LARGEST_STEP else 0  # there a float is an integer, and near ones, too
            bounds = domain[i] if domain is not None else None
            if bounds is not None and not bounds[0] <= moved <= bounds[1]:
                moved = 2 * Fraction(x) - moved  # to the other side, from the end of a domain
            row.append(moved if bounds is None or bounds[0] <= moved <= bounds[1] else Fraction(x))
        near.append(tuple(row))
    return near


class Kind(Enum):
    """What is found at a point."""

    INSIDE = "both are defined and differ, here and nearby"
    TIE = "it compares two numbers that may be equal on a whole interval"
    BORDER = "both are defined and differ at this point, not nearby"
    GAP = "the implementation has no value here nor nearby, and the exact gradient has one"
    HOLE = "the implementation has no value at this point only, and the exact gradient has one"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A point at which a proof is not true as it stands."""

    kind: Kind
    point: FloatPoint


@dataclass
class Challenged:
    """What the points say of one claim: where it is contradicted, and at how many points both sides were enclosed and met."""

    found: list[Contradiction] = field(default_factory=list)
    met: int = 0
    skipped: int = 0  # points on borders at which no limit was looked for any more

    def first(self, kind: Kind) -> Contradiction | None:
        """The contradiction of a kind at the plainest point."""
        return min((c for c in self.found if c.kind is kind), key=_plainness, default=None)


def challenge(
    truth: Truth, subject: Subject, claims: Collection[str], listed: Sequence[FloatPoint], *, fmt: Format, upstream: float, domain: PartialDomain = None, seed: int = 0, conditional: Collection[str] = ()
) -> dict[str, Challenged]:
    """What contradicts the equality of each claimed gradient and the exact one, in the domain where one is given; bounded in work.

    `conditional` are claims that are meant where the bases of all powers are positive: elsewhere a proof says nothing.
    """
    program, _ = subject.exact
    weight = _weight(program) + _weight(truth.gradient.program)
    most = max(FEWEST_POINTS, min(MOST_POINTS, WORK // weight))
    points = [*dict.fromkeys((*listed, *places((truth.gradient.program, program), listed, fmt=fmt, domain=domain, seed=seed, most=most)))]
    sides = _Enclosures(truth, subject, fmt, fmpq(*upstream.as_integer_ratio()), max(FEWEST_LIMITS, min(MOST_LIMITS, LIMIT_WORK // weight)) // max(1, len(claims)))
    runs = sides.runs(points)
    return {name: _challenged(sides, runs, variable, name, domain, seed, conditional) for variable, name in subject.claims if name in claims}


def differs(first: Program, second: Program, listed: Sequence[FloatPoint], *, fmt: Format, domain: PartialDomain = None, seed: int = 0) -> FloatPoint | None:
    """A point at which two programs certainly have different values; None where none was found."""
    most = max(FEWEST_POINTS, min(MOST_POINTS, WORK // (_weight(first) + _weight(second))))
    points = [*dict.fromkeys((*listed, *places((first, second), listed, fmt=fmt, domain=domain, seed=seed, most=most)))]
    columns = [[arb(p[i]) for p in points] for i in range(len(first.inputs))]
    a, b = (balls.run(p, columns, bits=CHALLENGE_BITS, strict=False, rounded_in=fmt)[p.output] for p in (first, second))
    return next((p for p, u, v in zip(points, a, b, strict=True) if u.is_finite() and v.is_finite() and u != v), None)


def _weight(program: Program) -> int:
    return len(program) + COSTLY * sum(s.gate in SPECIAL_FUNCTIONS for s in program.steps) + 1


@dataclass
class _Enclosures:
    """The exact and the computed side of the claims of a subject, and how many limits may still be looked for."""

    truth: Truth
    subject: Subject
    format: Format
    upstream: Any
    limits: int

    def runs(self, points: Sequence[AnyPoint]) -> _Runs:
        """Everything enclosed at the points."""
        program, _ = self.subject.exact
        with balls.precision(CHALLENGE_BITS):
            columns = [[arb(fmpq(*p[i].as_integer_ratio())) for p in points] for i in range(len(program.inputs))]
        gradient = balls.run(self.truth.gradient.program, columns, bits=CHALLENGE_BITS, strict=True, rounded_in=self.format)
        real = balls.run(program, columns, bits=CHALLENGE_BITS, strict=False, upstream=self.upstream, rounded_in=self.format)
        plain = balls.run(self.truth.function, columns, bits=CHALLENGE_BITS, strict=False)
        branch = balls.run(self.truth.gradient.program, columns, bits=CHALLENGE_BITS, strict=False, rounded_in=self.format)
        return _Runs(tuple(points), gradient, real, plain[self.truth.function.output], branch)

    def rows(self, runs: _Runs, variable: str, name: str) -> list[tuple[Any, Any, bool]]:
        """(exact, computed, whether the function has a value) at each point; the first is NaN on borders, too."""
        component = self.truth.gradient.adjoint.get(self.subject.position(variable))
        exact = runs.gradient[component] if component is not None else [balls.ZERO] * len(runs.points)
        steady = runs.gradient[self.truth.gradient.value]
        with balls.precision(CHALLENGE_BITS):
            return [
                (g * arb(self.upstream) if value.is_finite() else balls.NAN, r, bool(plain.is_finite()))
                for r, g, value, plain in zip(runs.real[self.subject.index(name)], exact, steady, runs.plain, strict=True)
            ]

    def is_suspect(self, runs: _Runs, k: int, variable: str, computed: Any) -> bool:
        """Whether the gradient of the branch that is taken at a point differs from the computed one: its limits are looked for first."""
        component = self.truth.gradient.adjoint.get(self.subject.program.inputs.index(variable))
        with balls.precision(CHALLENGE_BITS):
            branch = runs.branch[component][k] * arb(self.upstream) if component is not None else balls.ZERO
        return bool(branch.is_finite() and computed.is_finite() and branch != computed)

    def exact_on_border(self, point: AnyPoint, variable: str) -> Any:
        """The exact gradient by one-sided limits; NaN where there is none."""
        position = self.subject.program.inputs.index(variable)
        found = one_sided.derivative(self.truth.function, [Fraction(x) for x in point], position, bits=CHALLENGE_BITS)
        with balls.precision(CHALLENGE_BITS):
            return found.ball * arb(self.upstream) if isinstance(found, one_sided.Finite) else balls.NAN

    def computed_on_border(self, point: AnyPoint, name: str) -> Any:
        """The computed gradient: a ball, Undefined where it certainly has no value, None where that is not known."""
        program, _ = self.subject.exact
        return one_sided.value_at(program, [Fraction(x) for x in point], [self.subject.index(name)], bits=CHALLENGE_BITS, upstream=self.upstream, rounded_in=self.format)[0]


@dataclass(frozen=True)
class _Runs:
    """Every step of the gradient program and of the computed one, and the function, at some points."""

    points: tuple[Any, ...]
    gradient: list[Balls]
    real: list[Balls]
    plain: Balls
    branch: list[Balls]  # the gradient program with the branches that are taken at the points themselves: a hint on borders


def _bases_are_positive(sides: _Enclosures, runs: _Runs, k: int) -> bool:
    """Whether the condition of a proof holds at a point: what is raised to a power that is no number is positive."""
    for program, values in ((sides.truth.gradient.program, runs.gradient), (sides.subject.exact[0], runs.real)):
        for step in program.steps:
            if step.gate == "pow" and program.steps[step.args[1]].gate != "number" and not values[step.args[0]][k] > 0:
                return False
    return True


def _challenged(sides: _Enclosures, runs: _Runs, variable: str, name: str, domain: PartialDomain, seed: int, conditional: Collection[str]) -> Challenged:
    result = Challenged()
    limits_left, ties_left = sides.limits, MOST_TIES
    rows = sides.rows(runs, variable, name)
    order = sorted(range(len(rows)), key=lambda k: rows[k][0].is_finite() or not sides.is_suspect(runs, k, variable, rows[k][1]))
    for k in order:
        point, (exact, computed, has_value) = runs.points[k], rows[k]
        is_inside = bool(exact.is_finite())
        if not (is_inside and computed.is_finite()) and ties_left and (tied := _ties(sides, runs, k)):
            ties_left -= 1
            if _stays_tied(sides, tied, point, domain, seed):
                result.found.append(Contradiction(Kind.TIE, point))
        if not is_inside:
            if not (has_value or any(x == round(x) for x in point)):
                continue
            if limits_left <= 0:
                result.skipped += 1
                continue
            limits_left -= 1
            exact = sides.exact_on_border(point, variable)
            if not exact.is_finite():
                continue
        meets = name not in conditional or _bases_are_positive(sides, runs, k)
        real = computed if computed.is_finite() else sides.computed_on_border(point, name)
        if isinstance(real, Undefined):
            kind = _gap_or_hole(sides, variable, name, point, domain, seed) if meets else Kind.HOLE
            result.found.append(Contradiction(kind, point))
        elif real is not None and real.is_finite():
            if real != exact:
                result.found.append(Contradiction(Kind.INSIDE if meets else Kind.BORDER, point))
            else:
                result.met += 1
    plainest = sorted((c for c in result.found if c.kind is Kind.INSIDE), key=_plainness)[:MOST_FOLLOWED]
    inside = {c for c in plainest if _differs_nearby(sides, variable, name, c.point, domain, seed)}
    result.found = [replace(c, kind=Kind.BORDER) if c.kind is Kind.INSIDE and c not in inside else c for c in result.found]
    return result


def _plainness(contradiction: Contradiction) -> tuple[int, FloatPoint]:
    return sum(len(repr(x)) + (x < 0) for x in contradiction.point), contradiction.point


def _ties(sides: _Enclosures, runs: _Runs, k: int) -> list[tuple[Program, int]]:
    """The comparisons and signs that the enclosures do not decide at a point, with their programs."""
    found = []
    for program, values in ((sides.truth.gradient.program, runs.gradient), (sides.subject.exact[0], runs.real)):
        for i, step in enumerate(program.steps):
            if step.gate in COMPARISONS or step.gate == "sign":
                operands = [values[a][k] for a in step.args]
                difference = operands[0] - operands[1] if len(operands) == 2 else operands[0]
                if _is_narrow_around_zero(difference, operands[0]):
                    found.append((program, i))
    return found


def _is_narrow_around_zero(difference: Any, operand: Any) -> bool:
    """Whether a difference may be zero though it is enclosed well (a wide enclosure tells nothing)."""
    if not difference.is_finite() or difference.is_exact() or not difference.contains(0):
        return False
    size = abs(operand.mid())
    return bool(difference.rad() < TIED * max(size, balls.ONE))


def _stays_tied(sides: _Enclosures, tied: Sequence[tuple[Program, int]], point: FloatPoint, domain: PartialDomain, seed: int) -> bool:
    """Whether a comparison stays undecided at points without pattern nearby, and its operands are not provably equal there."""
    near = _nearby(point, domain, seed)
    for program, i in tied:
        step = program.steps[i]
        difference = Program((*program.steps, Step("sub", step.args)), program.inputs, {}, len(program)) if len(step.args) == 2 else replace(program, output=step.args[0])
        with balls.precision(CHALLENGE_BITS):
            columns = [[arb(fmpq(p[j].numerator, p[j].denominator)) for p in near] for j in range(len(program.inputs))]
        values = balls.run(difference, columns, bits=CHALLENGE_BITS, strict=False, upstream=sides.upstream)[difference.output]
        open_ones = [p for p, v in zip(near, values, strict=True) if _is_narrow_around_zero(v, balls.ONE)]
        if open_ones and not is_zero_at(difference, difference.output, [float(x) for x in open_ones[0]]):
            return True
    return False


def _differs_nearby(sides: _Enclosures, variable: str, name: str, point: FloatPoint, domain: PartialDomain, seed: int) -> bool:
    """Whether both sides are defined and differ at points without pattern near this one, too."""
    near = _nearby(point, domain, seed)
    for other, (exact, computed, _) in zip(near, sides.rows(sides.runs(near), variable, name), strict=True):
        g = exact if exact.is_finite() else sides.exact_on_border(other, variable)
        if g.is_finite() and computed.is_finite() and g != computed:
            return True
    return False


def _gap_or_hole(sides: _Enclosures, variable: str, name: str, point: FloatPoint, domain: PartialDomain, seed: int) -> Kind:
    """Whether the computed side has no value at points without pattern near this one, either."""
    near = _nearby(point, domain, seed)
    for other, (exact, computed, _) in zip(near, sides.rows(sides.runs(near), variable, name), strict=True):
        if exact.is_finite() and not computed.is_finite() and isinstance(sides.computed_on_border(other, name), Undefined):
            return Kind.GAP
    return Kind.HOLE
