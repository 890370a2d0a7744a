"""The question: is this implementation's gradient, in this format, the exact one? And what the case accepts of its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from verifier.arithmetic.ball_functions import SLOW
from verifier.arithmetic.balls import KINKED, has_rounded_constants
from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.case.case import Case, Draft, Implementation
from verifier.case.components import base
from verifier.circuit.complements import without_cancellation
from verifier.circuit.program import Program
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.lanes import Lanes, lanes_of
from verifier.compare.shared import Shared, shared
from verifier.exact.truth import Subject, Truth, subject
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.numeral import exact
from verifier.language.verdict import Verdict

COSTLY_STEPS = 10_000  # that a gate is worth which costs much at high precision
Computed: TypeAlias = Callable[[Sequence[tuple[float, ...]]], Mapping[str, Sequence[float]]]  # points -> the column of every gradient


@dataclass(frozen=True)
class Check:
    """A question: is this implementation's gradient, in this format, the exact one? The answer is a Checked."""

    implementation: str
    truth: Truth
    subject: Subject
    format: Format
    upstream: float = 1.0  # the gradient that flows into the output
    limit: float | None = None  # ulps that the case accepts
    limits: tuple[tuple[str, float], ...] = ()  # those of gradients that have one of their own: of a component before that of its array
    proved: frozenset[str] = frozenset()  # gradients whose formula is proved for all inputs
    proved_apart: frozenset[str] = frozenset()  # those whose formula is proved for all inputs that are on no kink of the computed side
    computed: Computed | None = field(default=None, compare=False)  # where somebody else computes the gradients: their floats

    def limit_for(self, gradient: str) -> float | None:
        """The ulps that the case accepts of a gradient: its own limit, that of its array, or that of all."""
        own = dict(self.limits)
        return own.get(gradient, own.get(base(gradient), self.limit))

    @cached_property
    def positions(self) -> list[int]:
        """The input of each claimed gradient."""
        return [self.subject.position(variable) for variable, _ in self.subject.claims]

    @cached_property
    def weight(self) -> int:
        """The steps of both sides, those that cost much at high precision counted as many."""
        return self.subject.beside(self.truth, "weight", lambda: sum(len(p) + COSTLY_STEPS * sum(s.gate in SLOW for s in p.steps) for p in (self.truth.gradient.program, self.subject.program)))

    @cached_property
    def has_literals(self) -> bool:
        """Some literal may be a constant that was rounded when written: then the formula is not one number, but an interval."""
        return any(has_rounded_constants(p, self.format) for p in (self.truth.function, self.subject.program))

    @cached_property
    def joined(self) -> tuple[Program, list[list[int]]] | None:
        """The exact and the computed gradients as one program, and where the steps of each are in it; None where a kink of the exact side decides, which is run strictly."""
        return self.subject.joined_with(self.truth) if not any(s.gate in KINKED for s in self.truth.gradient.program.steps) else None

    @cached_property
    def shared(self) -> Shared | None:
        """Both sides as one program, where they may be run as one: nothing that a kink decides. Literals are the decimals that are written."""
        return self.subject.beside(self.truth, ("shared", self.upstream), lambda: shared(self.truth, self.subject, self.positions, upstream=self.upstream))

    @cached_property
    def rewritten(self) -> dict[int, tuple[Program, tuple[Program, list[int]] | None]]:
        """What `without_cancellation` says of programs of this check, by their identity, with the programs themselves."""
        return {}

    def without_cancellation(self, program: Program) -> tuple[Program, list[int]] | None:
        """A program of this check with complements such as 1 - tanh(a) written without cancellation, and the places of its steps; None where it has none."""
        known = self.rewritten.get(id(program))
        if known is None or known[0] is not program:  # an identity is that of one process
            known = self.rewritten[id(program)] = program, without_cancellation(program)
        return known[1]

    @cached_property
    def cancels(self) -> bool:
        """Whether `without_cancellation` writes anything of both sides in another way."""
        return any(self.without_cancellation(p) is not None for p in (self.truth.gradient.program, self.subject.exact[0]))

    @cached_property
    def lanes(self) -> Lanes | None:
        """Both sides of one element, where each is computed by itself and all alike."""
        return self.subject.beside(self.truth, "lanes", lambda: lanes_of(self.truth, self.subject))

    @cached_property
    def of_lane(self) -> Check:
        """The same question of the first lane; what is computed of it has to be given."""
        assert self.lanes is not None
        return replace(self, truth=self.lanes.truth, subject=self.lanes.subject, limit=None, limits=(), computed=None)

    @cached_property
    def _single(self) -> dict[str, Check]:
        return {}

    def alone(self, gradient: str) -> Check:
        """The same question of one of the gradients."""
        if gradient not in self._single:
            claims = tuple(c for c in self.subject.claims if c[1] == gradient)
            self._single[gradient] = replace(self, subject=Subject(self.subject.program, claims))
        return self._single[gradient]


def checks_of(case: Case, truth: Truth, formats: Sequence[str] = (), *, subject_of: Callable[[Draft], Subject] = subject) -> list[tuple[Format, list[Check]]]:
    """The checks of a case in each of its formats (or of those that are named): one of every implementation that runs in it. `subject_of` makes the program of each."""
    subjects = [(d.implementation, subject_of(d), *limits_of(case, d.implementation)) for d in case.programs.drafts]
    found = []
    for fmt in map(format_named, formats or case.formats):
        upstream = round_exact(fmt, exact(case.upstream))
        found.append((fmt, [Check(i.name, truth, tested, fmt, upstream, limit, limits) for i, tested, limit, limits in subjects if not i.formats or fmt.name in i.formats]))
    return found


# ---------------------------------------------------------------- what the case accepts


def limits_of(case: Case, implementation: Implementation) -> tuple[float | None, tuple[tuple[str, float], ...]]:
    """The ulps that a case accepts of all gradients of an implementation, and of those that have a limit of their own: arrays as a whole, or components."""
    accept = case.accept.of(implementation.name, implementation.accept)
    return None if accept.ulps is None else float(accept.ulps), tuple((gradient, float(text)) for _, gradient, text in accept.single)


def is_limited(verdict: Verdict) -> bool:
    """Whether a limit is for gradients of this verdict: the formula is right, and computed and exact are numbers."""
    return verdict.passes or verdict.warns


def exceeds(limit: float | None, d: Discrepancy) -> bool:
    """Whether a gradient whose formula is right is certainly further off than the case accepts."""
    return limit is not None and d.ulps is not None and is_limited(d.verdict) and bool(d.ulps > limit)


def keeps(limit: float | None, d: Discrepancy) -> bool:
    """Whether there is a limit for an error, and the error is within it."""
    return limit is not None and d.ulps is not None and is_limited(d.verdict) and not exceeds(limit, d)


def exceeds_column(limit: float | None, low: DoubleArray, high: DoubleArray) -> tuple[MaskArray, MaskArray]:
    """`exceeds` for a column of errors between two bounds, of gradients that are limited: where it is so, and where that is certain."""
    if limit is None:
        return np.zeros(len(low), bool), np.ones(len(low), bool)
    over = low > limit
    return over, over | (high <= limit)


__all__ = ["Check", "checks_of", "exceeds", "exceeds_column", "is_limited", "keeps", "limits_of"]
