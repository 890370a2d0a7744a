"""What is suggested for a statement before it is tried: the text, its regions, and what of it is certified or must be proved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from verifier.arithmetic import floats
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.search.improve.guilty import StatementTerm
from verifier.search.improve.measure import TermFloats
from verifier.search.improve.regimes import Regimes
from verifier.search.improve.terms import Pool, Term, text_of

Regions = Callable[[Sequence[FloatPoint]], list[tuple[str, str, np.ndarray]]]


@dataclass(frozen=True)
class Arrangement:
    """A text for a statement: what of it is certified only, the text with the proved part for all inputs, and its regions."""

    text: str
    regions: Regions
    candidates: int
    certificate: str = ""
    exact_text: str = ""
    needs_original: bool = False  # the certificate is one of the original formula, which must be proved
    term: Term | None = None  # the right side
    equal_texts: tuple[str, ...] = ()  # what must be proved as well: the formulas of which the certificates speak


def regions_of(choice: Regimes, found: StatementTerm, check: Check) -> Regions:
    """How the points are divided by an arrangement."""

    def divided(points: Sequence[FloatPoint]) -> list[tuple[str, str, np.ndarray]]:
        texts = [text_of(t, found.names) for t in choice.formulas]
        if choice.quantity is None:
            return [("", texts[0], np.ones(len(points), dtype=bool))]
        columns = columns_at(check, found, points)
        values = np.asarray(columns.of(choice.quantity), dtype=np.float64)
        quantity = text_of(choice.quantity, found.names)
        ends = [-np.inf, *choice.thresholds, np.inf]
        result = []
        for k, text in enumerate(texts):
            low, high = ends[k], ends[k + 1]
            words = " and ".join(w for w in (f"{quantity} >= {low!r}" if np.isfinite(low) else "", f"{quantity} < {high!r}" if np.isfinite(high) else "") if w)
            result.append((words, text, (values >= low) & (values < high)))
        return result

    return divided


def columns_at(check: Check, found: StatementTerm, points: Sequence[FloatPoint]) -> TermFloats:
    """The floats of what a statement reads, at points."""
    run = floats.arrays(check.subject.program, [np.array(c) for c in zip(*points, strict=True)], list(found.leaves.values()), fmt=check.format, upstream=check.upstream)
    return TermFloats(check.format, dict(zip(found.leaves, run, strict=True)), len(points))


def flows_into(check: Check, found: StatementTerm) -> list[Term]:
    """The gradient that flows in, if a statement reads it."""
    return [leaf for leaf, step in found.leaves.items() if leaf in found.term.parts and check.subject.program.steps[step].gate == "upstream"]


def of_one_input(check: Check, pool: Pool, found: StatementTerm, term: Term | None = None) -> tuple[Term, Term, Term | None] | None:
    """A formula of one input, that input, and the gradient that flows in as a factor of it, if it is read."""
    steps = check.subject.program.steps
    formula = found.term if term is None else term
    leaves = [leaf for leaf in found.leaves if leaf in formula.parts]
    inputs = [leaf for leaf in leaves if steps[found.leaves[leaf]].gate == "input"]
    flows = [leaf for leaf in leaves if steps[found.leaves[leaf]].gate == "upstream"]
    if len(inputs) != 1 or len(inputs) + len(flows) != len(leaves) or len(flows) > 1:
        return None
    return (pool.replaced(formula, {flows[0]: pool.number(1)}), inputs[0], flows[0]) if flows else (formula, inputs[0], None)
