"""Tests a proof before it counts: both sides are enclosed at points in and on the borders of all pieces, and any contradiction is returned.

The challenge does not know how a proof was found, and shares no rule with the prover.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import Generic, TypeVar

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.ball_functions import SPECIAL_FUNCTIONS
from verifier.arithmetic.types import Ball, Balls
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
APART_BITS = 2400  # float64 reaches down to 2**-1074, and exp(x) - 1 - x to its square
WORK = 60_000  # steps x points of a challenge: about a second
FEWEST_POINTS, MOST_POINTS = 24, 500
MOST_WORK = 4 * WORK  # for a claim that nothing is proved of
COSTLY = 40  # steps that a special function counts for
LIMIT_WORK = 12_000  # steps x points of a challenge at which a one-sided limit is looked for,
FEWEST_LIMITS, MOST_LIMITS = 60, 240  # and their number; what is left out is said
MOST_FOLLOWED = 3  # contradictions of which it is told whether they lie on a border
TIED = 2.0**-64  # of the operands: a difference enclosed so narrowly that it may be zero
MOST_RUN_STEPS = 100_000  # steps of careful runs that are remembered for the other claims
MOST_KNOWN_LIMITS = 4_000  # that are remembered for the other implementations of a case
MOST_TIES = 6  # points of a challenge at which an undecided comparison is followed
AROUND = 4  # points near a hole that tell whether it is a single one
NEAR = 2.0**-10
AnyPoint = FloatPoint | tuple[Fraction, ...]  # of the format, or any
ChallengePoint = TypeVar("ChallengePoint", bound=AnyPoint)


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
    undecided: list[FloatPoint] = field(default_factory=list)  # points at which a comparison is on its border, and one of the sides is not known

    def first(self, kind: Kind) -> Contradiction | None:
        """The contradiction of a kind at the plainest point."""
        return min((c for c in self.found if c.kind is kind), key=plainness, default=None)


def challenge(
    truth: Truth, subject: Subject, claims: Collection[str], listed: Sequence[FloatPoint], *, fmt: Format, upstream: float, domain: PartialDomain = None, seed: int = 0, conditional: Collection[str] = ()
) -> dict[str, Challenged]:
    """What contradicts the equality of each claimed gradient and the exact one, in the domain where one is given; bounded in work.

    `conditional` are claims that are meant where the bases of all powers are positive: elsewhere a proof says nothing.
    """
    program, _ = subject.exact
    weight = _weight(program) + _weight(truth.gradient.program)
    most = max(FEWEST_POINTS, min(MOST_POINTS, WORK // weight))
    points = [*dict.fromkeys((*listed, *places((truth.gradient.program, program), listed, fmt=fmt, domain=domain, seed=seed, most=most, both=subject.joined_with(truth)[0])))]
    challenged = tuple(c for c in subject.claims if c[1] in claims)
    limits = max(FEWEST_LIMITS, min(MOST_LIMITS, LIMIT_WORK // weight)) // max(1, len(claims))
    sides = _Enclosures(truth, subject, challenged, fmt, fmpq(*upstream.as_integer_ratio()), limits)
    runs = sides.runs(points)
    return {name: _challenged(sides, runs, variable, name, domain, seed, conditional) for variable, name in challenged}


def is_costly(truth: Truth, subject: Subject) -> bool:
    """Whether even the fewest points take more work than is spent on a claim without a proof."""
    return FEWEST_POINTS * (_weight(subject.exact[0]) + _weight(truth.gradient.program)) > MOST_WORK


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
    claims: tuple[tuple[str, str], ...]
    format: Format
    upstream: fmpq
    limits: int
    bits: int = CHALLENGE_BITS

    @cached_property
    def joined(self) -> tuple[Program, list[list[int]]]:
        """Both programs as one, and where their steps are in it: what both compute is enclosed once."""
        return self.subject.joined_with(self.truth)

    @cached_property
    def is_strict(self) -> bool:
        """Whether the exact side has kinks, at which its strict run is undecided."""
        return any(s.gate in balls.KINKED for s in self.truth.gradient.program.steps)

    @cached_property
    def components(self) -> dict[str, int | None]:
        """The step of the exact gradient by each claimed input; None where it is 0."""
        return {variable: self.truth.gradient.adjoint.get(self.subject.position(variable)) for variable, _ in self.claims}

    @cached_property
    def finer(self) -> _Enclosures:
        """The same with more bits."""
        return replace(self, bits=APART_BITS)

    def runs(self, points: Sequence[ChallengePoint]) -> _Runs[ChallengePoint]:
        """Everything enclosed at the points."""
        program, (of_gradient, of_computed) = self.joined
        exact, function = self.truth.gradient, self.truth.function
        with balls.precision(self.bits):
            columns = [[arb(x) if isinstance(x, float) else arb(fmpq(*x.as_integer_ratio())) for x in (p[i] for p in points)] for i in range(len(program.inputs))]
        both = balls.run(program, columns, bits=self.bits, strict=False, upstream=self.upstream, rounded_in=self.format)
        branch = [both[i] for i in of_gradient]
        gradient = balls.run(exact.program, columns, bits=self.bits, strict=True, rounded_in=self.format) if self.is_strict else branch
        needed = [gradient[i] for i in dict.fromkeys((exact.value, *self.components.values())) if i is not None]
        has_value = [all(column[k].is_finite() for column in needed) for k in range(len(points))]
        unsure = [k for k, known in enumerate(has_value) if not known]
        if unsure:
            plain = balls.run(function, [[c[k] for k in unsure] for c in columns], bits=self.bits, strict=False)[function.output]
            for k, value in zip(unsure, plain, strict=True):
                has_value[k] = bool(value.is_finite())
        return _Runs(tuple(points), gradient, [both[i] for i in of_computed], has_value, branch)

    def rows(self, runs: _Runs[ChallengePoint], variable: str, name: str) -> list[tuple[Ball, Ball, bool]]:
        """(exact, computed, whether the function has a value) at each point; the first is NaN on borders, too."""
        component = self.components[variable]
        exact = runs.gradient[component] if component is not None else [balls.ZERO] * len(runs.points)
        steady = runs.gradient[self.truth.gradient.value]
        with balls.precision(self.bits):
            seed = arb(self.upstream)
            return [
                (g * seed if value.is_finite() else balls.NAN, r, has_value)
                for r, g, value, has_value in zip(runs.real[self.subject.index(name)], exact, steady, runs.has_value, strict=True)
            ]

    def is_suspect(self, runs: _Runs[FloatPoint], k: int, variable: str, computed: Ball) -> bool:
        """Whether the gradient of the branch that is taken at a point differs from the computed one: its limits are looked for first."""
        component = self.components[variable]
        with balls.precision(CHALLENGE_BITS):
            branch = runs.branch[component][k] * arb(self.upstream) if component is not None else balls.ZERO
        return bool(branch.is_finite() and computed.is_finite() and branch != computed)

    def exact_on_border(self, point: AnyPoint, variable: str) -> Ball:
        """The exact gradient by one-sided limits; NaN where there is none."""
        found = self._derivative_on_border(point, variable)
        with balls.precision(CHALLENGE_BITS):
            return found.ball * arb(self.upstream) if isinstance(found, one_sided.Finite) else balls.NAN

    def is_unknown_on_border(self, point: AnyPoint, variable: str) -> bool:
        """Whether it is open if there is an exact gradient at a point."""
        return isinstance(self._derivative_on_border(point, variable), one_sided.Unknown)

    def _derivative_on_border(self, point: AnyPoint, variable: str) -> one_sided.Derivative:
        position, known = self.subject.position(variable), self.truth.border_limits
        if (point, position) not in known:
            while len(known) >= MOST_KNOWN_LIMITS:
                del known[next(iter(known))]
            known[point, position] = self._careful(point, is_exact=True).derivative(position)
        return known[point, position]

    def computed_on_border(self, point: AnyPoint, name: str) -> Ball | Undefined | None:
        """The computed gradient: a ball, Undefined where it certainly has no value, None where that is not known."""
        return self._careful(point, is_exact=False).value(self.subject.index(name))

    def _careful(self, point: AnyPoint, *, is_exact: bool) -> one_sided.CarefulRun:
        """One of the sides at a point, run carefully; remembered for the other claims."""
        key = (point, is_exact)
        if key not in self._careful_runs:
            program = self.truth.function if is_exact else self.subject.exact[0]
            while len(self._careful_runs) * len(program) > MOST_RUN_STEPS:
                del self._careful_runs[next(iter(self._careful_runs))]
            fractions = [Fraction(x) for x in point]
            self._careful_runs[key] = one_sided.CarefulRun(program, fractions, CHALLENGE_BITS) if is_exact else one_sided.CarefulRun(program, fractions, CHALLENGE_BITS, self.upstream, self.format)
        return self._careful_runs[key]

    @cached_property
    def _careful_runs(self) -> dict[tuple[AnyPoint, bool], one_sided.CarefulRun]:
        return {}

    @cached_property
    def programs(self) -> tuple[tuple[Program, list[int], list[int]], ...]:
        """The two programs, with their steps that compare, and with the bases of their powers of what is no number."""
        found = []
        for program in (self.truth.gradient.program, self.subject.exact[0]):
            steps = program.steps
            compared = [i for i, s in enumerate(steps) if s.gate in COMPARISONS or s.gate == "sign"]
            bases = [s.args[0] for s in steps if s.gate == "pow" and steps[s.args[1]].gate != "number"]
            found.append((program, compared, bases))
        return tuple(found)


@dataclass(frozen=True)
class _Runs(Generic[ChallengePoint]):
    """Every step of the gradient program and of the computed one, and whether the function has a value, at some points."""

    points: tuple[ChallengePoint, ...]
    gradient: list[Balls]
    real: list[Balls]
    has_value: list[bool]
    branch: list[Balls]  # the gradient program with the branches that are taken at the points themselves: a hint on borders
    ties: dict[int, list[tuple[Program, int]]] = field(default_factory=dict)  # by point, what `_ties` found


def _bases_are_positive(sides: _Enclosures, runs: _Runs[FloatPoint], k: int) -> bool:
    """Whether the condition of a proof holds at a point: what is raised to a power that is no number is positive."""
    return all(values[a][k] > 0 for (_, _, bases), values in zip(sides.programs, (runs.gradient, runs.real), strict=True) for a in bases)


def _challenged(sides: _Enclosures, runs: _Runs[FloatPoint], variable: str, name: str, domain: PartialDomain, seed: int, conditional: Collection[str]) -> Challenged:
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
            elif (finer := _decided(sides, point, variable, name)) is not None:
                exact, computed = finer
                is_inside = True
        if not is_inside:
            if not (has_value or any(x == round(x) for x in point) or _ties(sides, runs, k)):
                continue
            if limits_left <= 0:
                result.skipped += 1
                continue
            limits_left -= 1
            exact = sides.exact_on_border(point, variable)
            if not exact.is_finite():
                if sides.is_unknown_on_border(point, variable) and _meets_border(sides, runs, k):
                    result.undecided.append(point)
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
        elif _meets_border(sides, runs, k):
            result.undecided.append(point)
    plainest = sorted((c for c in result.found if c.kind is Kind.INSIDE), key=plainness)[:MOST_FOLLOWED]
    inside = {c for c in plainest if _differs_nearby(sides, variable, name, c.point, domain, seed)}
    result.found = [replace(c, kind=Kind.BORDER) if c.kind is Kind.INSIDE and c not in inside else c for c in result.found]
    return result


def plainness(contradiction: Contradiction) -> tuple[bool, int, FloatPoint]:
    """A key by which points that are short to write come first, of those off the axes."""
    return plainness_of_point(contradiction.point)


def plainness_of_point(point: FloatPoint) -> tuple[bool, int, FloatPoint]:
    """`plainness` of a point itself."""
    return 0 in point, sum(len(repr(x)) + (x < 0) for x in point), point


def _ties(sides: _Enclosures, runs: _Runs[FloatPoint], k: int) -> list[tuple[Program, int]]:
    """The comparisons and signs that the enclosures do not decide at a point, with their programs."""
    if k not in runs.ties:
        found = runs.ties[k] = []
        for (program, compared, _), values in zip(sides.programs, (runs.gradient, runs.real), strict=True):
            for i in compared:
                operands = [values[a][k] for a in program.steps[i].args]
                difference = operands[0] - operands[1] if len(operands) == 2 else operands[0]
                if _is_narrow_around_zero(difference, operands[0]):
                    found.append((program, i))
    return runs.ties[k]


def _meets_border(sides: _Enclosures, runs: _Runs[FloatPoint], k: int) -> bool:
    """Whether the two sides of a comparison, or a number and 0, are equal at a point, or may be."""
    for (program, compared, _), values in zip(sides.programs, (runs.gradient, runs.real), strict=True):
        for i in compared:
            operands = [values[a][k] for a in program.steps[i].args]
            difference = operands[0] - operands[1] if len(operands) == 2 else operands[0]
            if difference.is_zero() or _is_narrow_around_zero(difference, operands[0]):
                return True
    return False


def _is_narrow_around_zero(difference: Ball, operand: Ball) -> bool:
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
        if open_ones and _is_apart(difference, open_ones, sides.upstream):
            continue
        if open_ones and not is_zero_at(difference, difference.output, [float(x) for x in open_ones[0]]):
            return True
    return False


def _decided(sides: _Enclosures, point: FloatPoint, variable: str, name: str) -> tuple[Ball, Ball] | None:
    """The exact and the computed side at a point, with the bits that decide its comparisons; None where these do not."""
    ((exact, computed, _),) = sides.finer.rows(sides.finer.runs([point]), variable, name)
    return (exact, computed) if exact.is_finite() and computed.is_finite() else None


def _is_apart(difference: Program, points: Sequence[tuple[Fraction, ...]], upstream: fmpq) -> bool:
    """Whether a difference is nonzero at all of the points, with the bits that tell exp(x) from 1 at the smallest numbers."""
    with balls.precision(APART_BITS):
        columns = [[arb(fmpq(p[j].numerator, p[j].denominator)) for p in points] for j in range(len(difference.inputs))]
    values = balls.run(difference, columns, bits=APART_BITS, strict=False, upstream=upstream)[difference.output]
    return all(v.is_finite() and not v.contains(0) for v in values)


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
