"""A backward pass must be linear in the gradient that flows in: it is tried with a second one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flint import arb

from verifier.case.case import Case, Draft
from verifier.circuit.program import Program, Step, reads_upstream
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.language.numeral import exact
from verifier.language.user_files import seed_of
from verifier.language.verdict import Verdict

UPSTREAMS = (-1.375, 0.75, -2.5, 1.25, -0.625, 3.5)  # exact in every format
MOST_POINTS = 3  # listed points at which it is tried
FREE, LINEAR, ZERO, OTHER = "free", "linear", "zero", "other"  # how a step depends on the gradient that flows in


def uses_upstream(draft: Draft) -> bool:
    """Whether the gradients of a hand-written backward pass depend on the one that flows into the output."""
    program = draft.whole
    return program is None or reads_upstream(program, (program.names[name] for _, name in draft.claims))


def sets_upstream(draft: Draft) -> bool:
    """Whether a hand-written backward pass gives the gradient that flows in a value of its own, as in `df = 1`."""
    program = draft.whole
    return program is not None and any(s.name in (f"d{program.output_name}", "dout", "upstream") for s in program.steps[program.backward_start :])


def may_ignore(case: Case, check: Check) -> bool:
    """Whether a backward pass may take another gradient that flows in than it should: it was written by somebody, and does not set it itself."""
    draft = next(d for d in case.programs.drafts if d.implementation.name == check.implementation)
    return draft.whole is not None and draft.implementation.backward is not None and not case.outputs and not sets_upstream(draft)


def is_linear(check: Check) -> bool:
    """Whether every claimed gradient is written as a multiple of the gradient that flows in: over the reals it is then as right for another one."""
    program = check.subject.program
    kinds = _dependence(program)
    return check.upstream != 0 and all(kinds[program.names[name]] in (LINEAR, ZERO) for _, name in check.subject.claims)


def _dependence(program: Program) -> list[str]:
    """How every step depends on the gradient that flows in, as far as its own gate and those before it tell."""
    kinds: list[str] = []
    for step in program.steps:
        kinds.append(_dependence_of(step, [kinds[a] for a in step.args]))
    return kinds


def _dependence_of(step: Step, kinds: Sequence[str]) -> str:
    if not step.args:
        return LINEAR if step.gate == "upstream" else ZERO if step.gate == "number" and exact(step.text) == 0 else FREE
    if all(k in (FREE, ZERO) for k in kinds):
        return FREE
    if step.gate in ("copy", "neg"):
        return kinds[0]
    if step.gate == "where":
        return LINEAR if kinds[0] == FREE and all(k in (LINEAR, ZERO) for k in kinds[1:]) else OTHER
    if step.gate in ("add", "sub"):
        return LINEAR if all(k in (LINEAR, ZERO) for k in kinds) else OTHER
    if step.gate == "mul":
        return LINEAR if LINEAR in kinds and any(k in (FREE, ZERO) for k in kinds) else OTHER
    if step.gate == "div":
        return LINEAR if kinds[0] == LINEAR and kinds[1] == FREE else OTHER
    return OTHER


def other_upstream(upstream: float, *, seed: str) -> float:
    """A second gradient to flow in, drawn by the seed."""
    return random.Random(seed_of(seed)).choice([u for u in UPSTREAMS if u != upstream])  # noqa: S311 - no secret


def not_linear(check: Check, rows: Iterable[Sequence[Discrepancy]], *, other: float, most: int = MOST_POINTS) -> list[Discrepancy]:
    """Gradients that are right for the case's upstream, and wrong for another: they are not linear in it.

    The error of a linear one, in ulps, may grow with the upstream: up to twice between two powers of two, or as its ratio among the subnormals; of one
    with rounded constants the least error for any choice of them, which it may be within an ulp by, grows more. So what the backward pass gives over
    the reals must be no multiple, certainly.
    """
    growth = max(2.0, abs(other / check.upstream) if check.upstream else 0.0)
    tried = [row for row in rows if row][:most]
    again = compare(replace(check, upstream=other), [row[0].point for row in tried], detail=False)
    return [
        after
        for row, others in zip(tried, again, strict=True)
        for before, after in zip(row, others, strict=True)
        if after.verdict is Verdict.WRONG and before.verdict is not Verdict.WRONG and (after.formula_error is None or after.formula_error > growth) and not _may_be_multiple(before, after, other, check.upstream)
    ]


def _may_be_multiple(before: Discrepancy, after: Discrepancy, other: float, upstream: float) -> bool:
    """Whether the values over the reals for two gradients that flow in may be as these are to one another; False where there is none."""
    first, second = before.real_value, after.real_value
    return first is not None and second is not None and not bool(second * arb(upstream) != first * arb(other))
