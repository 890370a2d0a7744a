"""The arrangements of one statement that are worth a proof: the best formulas of the search, with ranges of the inputs, mirrored, with a series near 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray
from verifier.compare.check import Check
from verifier.search.improve.beam import LARGEST, Candidates, search, winners
from verifier.search.improve.exact_values import exact_gradient, exact_step
from verifier.search.improve.guilty import Replaceable, Written, written
from verifier.search.improve.matching import Rewriter
from verifier.search.improve.measure import Columns, Point
from verifier.search.improve.regimes import BRANCH_BITS, Regimes, regimes
from verifier.search.improve.rules import all_rules
from verifier.search.improve.terms import Pool, Term, size, text_of

MOST_CANDIDATES = 1500  # formulas that are measured
FEW_CANDIDATES = 500  # the same in a large program
LARGE = 150  # steps of a program that is large
COVER = 24  # formulas between which regimes choose
MIRRORED = 8  # formulas that are tried with |x| as well
SIMPLER = 0.1  # bits that a smaller formula may lose
MOST_ARRANGEMENTS = 4

Regions = Callable[[Sequence[Point]], list[tuple[str, str, np.ndarray]]]


@dataclass(frozen=True)
class Arrangement:
    """A text for a statement: what of it is certified only, the text with the proved part for all inputs, and its regions."""

    text: str
    regions: Regions
    candidates: int
    certificate: str = ""
    exact_text: str = ""


def arrangements(check: Check, gradient: str, statement: Replaceable, points: Sequence[Point], weights: DoubleArray, *, deadline: float) -> Iterator[Arrangement]:
    """Arrangements of a statement, the best first."""
    program = check.subject.program
    pool = Pool()
    found = written(program, statement, pool)
    if found is None or not points:
        return
    is_final = statement.step == program.names[gradient]
    exact = exact_gradient(check, gradient, points) if is_final else exact_step(check, statement.step, points)
    if not exact.known.any():
        return
    run = floats.arrays(program, [np.array(c) for c in zip(*points, strict=True)], list(found.leaves.values()), fmt=check.format, upstream=check.upstream)
    columns = Columns(check.format, dict(zip(found.leaves, run, strict=True)), len(points))
    candidates = Candidates(columns, exact, weights)
    search([found.term], Rewriter(pool, all_rules()), candidates, most=FEW_CANDIDATES if len(program.steps) > LARGE else MOST_CANDIDATES, deadline=deadline)
    _mirror(pool, found, candidates)
    quantities = list(_quantities(pool, found, columns))
    chosen = _choices(candidates, quantities, check)
    for choice in chosen[:MOST_ARRANGEMENTS]:
        term = choice.term(pool)
        if term is not found.term:
            yield Arrangement(f"{statement.name} = {text_of(term, found.names)}", _regions(choice, pool, found, check), len(candidates.scores))


def _mirror(pool: Pool, found: Written, candidates: Candidates) -> None:
    """Measure the best formulas with |x| in place of x as well, for even and odd gradients."""
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts]
    for term in candidates.best(MIRRORED):
        for leaf in leaves:
            if size([term]) > LARGEST or leaf not in term.parts:
                continue
            even = pool.replaced(term, {leaf: pool.make("abs", leaf)})
            candidates.add(even)
            candidates.add(pool.make("mul", pool.make("sign", leaf), even))


def _quantities(pool: Pool, found: Written, columns: Columns) -> Iterator[tuple[Term, np.ndarray]]:
    """What ranges may be ranges of: every input, its size, and the difference of two."""
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts]
    terms = [t for leaf in leaves for t in (leaf, pool.make("abs", leaf))]
    terms += [pool.make("sub", a, b) for i, a in enumerate(leaves) for b in leaves[i + 1 :]][:6]
    for t in terms:
        yield t, np.asarray(columns.of(t), dtype=np.float64)


def _choices(candidates: Candidates, quantities: list[tuple[Term, np.ndarray]], check: Check) -> list[Regimes]:
    """Regimes and single formulas, the best first; of single formulas nearly as good the smallest."""
    cover = list(dict.fromkeys([*winners(candidates, COVER), *candidates.best(6)]))
    best = regimes(cover, [candidates.lost[t] for t in cover], candidates.weights, quantities, check.format)
    ranked = candidates.best(40)
    lowest = candidates.scores[ranked[0]]
    simple = sorted((t for t in ranked if candidates.scores[t] <= lowest + SIMPLER), key=lambda t: size([t]))
    singles = [Regimes(None, (t,), (), candidates.scores[t]) for t in dict.fromkeys([*simple[:2], *ranked[:2]])]
    found = [best] if best.thresholds else []
    weight = 0.0 if not best.thresholds else best.score + BRANCH_BITS * (len(best.thresholds) + 1)
    return [*found, *singles] if best.thresholds and weight < singles[0].score else [*singles, *found]


def _regions(choice: Regimes, pool: Pool, found: Written, check: Check) -> Regions:
    """How the points are divided by an arrangement."""

    def divided(points: Sequence[Point]) -> list[tuple[str, str, np.ndarray]]:
        texts = [text_of(t, found.names) for t in choice.formulas]
        if choice.quantity is None:
            return [("", texts[0], np.ones(len(points), dtype=bool))]
        run = floats.arrays(check.subject.program, [np.array(c) for c in zip(*points, strict=True)], list(found.leaves.values()), fmt=check.format, upstream=check.upstream)
        columns = Columns(check.format, dict(zip(found.leaves, run, strict=True)), len(points))
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
