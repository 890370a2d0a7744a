"""The arrangements of one statement that are worth a proof: the best formulas of the search, with ranges of the inputs, mirrored, with a series near 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.search.improve.beam import LARGEST, Candidates, search, winners
from verifier.search.improve.exact_values import exact_gradient, exact_step
from verifier.search.improve.guilty import Replaceable, StatementTerm, written
from verifier.search.improve.matching import Rewriter
from verifier.search.improve.measure import TermFloats
from verifier.search.improve.regimes import BRANCH_BITS, Regimes, merged, regimes, with_small_formulas
from verifier.search.improve.rules import all_rules
from verifier.search.improve.taylor import LARGEST_ULPS, CertifiedSeries, certified, model, series_term, ulps
from verifier.search.improve.terms import Pool, Term, size, text_of

MOST_CANDIDATES = 1500  # formulas that are measured
FEW_CANDIDATES = 480  # the same in a large program
LARGE = 150  # steps of a program that is large
COVER = 24  # formulas between which regimes choose
MIRRORED = 8  # formulas that are tried with |x| as well
SIMPLER = 0.1  # bits that a smaller formula may lose
MOST_ARRANGEMENTS = 5
NEARLY = 0.9  # of the size up to which a series is certified: then it is used up to it

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


def arrangements(check: Check, gradient: str, statement: Replaceable, points: Sequence[FloatPoint], weights: DoubleArray, *, deadline: float) -> Iterator[Arrangement]:
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
    columns = TermFloats(check.format, dict(zip(found.leaves, run, strict=True)), len(points))
    candidates = Candidates(columns, exact, weights)
    search([found.term], Rewriter(pool, all_rules()), candidates, most=FEW_CANDIDATES if len(program.steps) > LARGE else MOST_CANDIDATES, deadline=deadline)
    _mirror(pool, found, candidates)
    series = _series(check, pool, found, candidates) if is_final else {}
    quantities = list(_quantities(pool, check, found, columns))
    for choice in _choices(candidates, quantities, check)[:MOST_ARRANGEMENTS]:
        if any(f in series for f in choice.formulas):
            made = _with_series(check, pool, statement, found, choice, series, len(candidates.scores))
            if made is not None:
                yield made
        elif (term := choice.term(pool)) is not found.term:
            yield Arrangement(f"{statement.name} = {text_of(term, found.names)}", _regions(choice, found, check), len(candidates.scores))


def _series(check: Check, pool: Pool, found: StatementTerm, candidates: Candidates) -> dict[Term, CertifiedSeries]:
    """Measure series at 0 of a gradient of one input, each where it is certified."""
    inside = _of_one_input(check, pool, found)
    if inside is None:
        return {}
    term, leaf, factor = inside
    values = np.abs(np.asarray(candidates.columns.of(leaf), dtype=np.float64))
    result = {}
    for s in certified(pool, term, leaf, check.format):
        whole = s.term if factor is None else pool.make("mul", factor, s.term)
        candidates.add(whole)
        candidates.forbid(whole, ~(values < s.largest))
        result[whole] = s
    return result


def _of_one_input(check: Check, pool: Pool, found: StatementTerm, term: Term | None = None) -> tuple[Term, Term, Term | None] | None:
    """A formula of one input, that input, and the gradient that flows in as a factor of it, if it is read."""
    steps = check.subject.program.steps
    formula = found.term if term is None else term
    leaves = [leaf for leaf in found.leaves if leaf in formula.parts]
    inputs = [leaf for leaf in leaves if steps[found.leaves[leaf]].gate == "input"]
    flows = [leaf for leaf in leaves if steps[found.leaves[leaf]].gate == "upstream"]
    if len(inputs) != 1 or len(inputs) + len(flows) != len(leaves) or len(flows) > 1:
        return None
    return (pool.replaced(formula, {flows[0]: pool.number(1)}), inputs[0], flows[0]) if flows else (formula, inputs[0], None)


def _with_series(check: Check, pool: Pool, statement: Replaceable, found: StatementTerm, choice: Regimes, series: dict[Term, CertifiedSeries], count: int) -> Arrangement | None:
    """An arrangement one of whose formulas is a series, with its certificate; None where its range is not one around 0."""
    at = [k for k, f in enumerate(choice.formulas) if f in series]
    if len(at) != 1 or choice.quantity is None:
        return None
    s = series[choice.formulas[at[0]]]
    bounded = _bounded(pool, choice, s.leaf, at[0])
    if bounded is None or bounded.quantity is None:
        return None
    choice = bounded
    k = next(i for i, f in enumerate(choice.formulas) if f in series)
    ends = [-math.inf, *choice.thresholds, math.inf]
    if choice.quantity is s.leaf:
        ends[k], ends[k + 1] = max(ends[k], -s.largest), min(ends[k + 1], s.largest)
        largest = max(-ends[k], ends[k + 1])
    elif choice.quantity is pool.make("abs", s.leaf):
        largest = ends[k + 1] = min(ends[k + 1], s.largest)
    else:
        return None
    if NEARLY * s.largest <= largest < s.largest and choice.quantity is not s.leaf:
        largest = ends[k + 1] = s.largest
    if not math.isfinite(largest) or not largest > 0:
        return None
    if len(ends) - 2 != len(choice.thresholds) or not all(math.isfinite(e) for e in ends[1:-1]):
        return None
    choice = replace(choice, thresholds=tuple(ends[1:-1]))
    rest = [f for f in choice.formulas if f not in series]
    exact = merged(replace(choice, formulas=tuple(f if f not in series else choice.formulas[k + 1 if k + 1 < len(choice.formulas) else k - 1] for f in choice.formulas)))
    bounds = [b for f in rest if (b := _bound(check, pool, found, f, s, largest)) is not None]
    original = _bound(check, pool, found, found.term, s, largest) if not bounds else None
    if not bounds and original is None:
        return None
    within = math.ceil(100 * (bounds[0] if bounds else original or 0.0)) / 100
    certificate = f"within {max(within, 0.01)} ulp for abs({text_of(s.leaf, {})}) < {largest!r}, by Taylor's series at 0 with a bound of what is left out"
    texts = [f"{statement.name} = {text_of(c.term(pool), found.names)}" for c in (choice, exact)]
    return Arrangement(texts[0], _regions(choice, found, check), count, certificate, texts[1], needs_original=not bounds)


def _bounded(pool: Pool, choice: Regimes, leaf: Term, at: int) -> Regimes | None:
    """The same choice, with a series `at` an end of the line used on both sides of 0 as far as on one: an end of the domain is no bound for who copies the text, or widens the domain."""
    if choice.quantity is not leaf or at not in (0, len(choice.thresholds)):
        return choice
    formulas, thresholds = (choice.formulas, choice.thresholds) if at == 0 else (choice.formulas[::-1], tuple(-t for t in reversed(choice.thresholds)))
    return replace(choice, quantity=pool.make("abs", leaf), formulas=formulas, thresholds=thresholds) if thresholds[0] > 0 else None


def _bound(check: Check, pool: Pool, found: StatementTerm, formula: Term, series: CertifiedSeries, largest: float) -> float | None:
    """Within how many ulps a series is a formula for all inputs up to a size; None where that is not known to be at most LARGEST_ULPS."""
    inside = _of_one_input(check, pool, found, formula)
    if inside is None:
        return None
    whole = model(inside[0], series.leaf, largest)
    if whole is None:
        return None
    again = series_term(pool, whole, series.count, series.leaf)
    bound = ulps(whole, series.count, largest, check.format)
    return bound if again is series.term and bound <= LARGEST_ULPS else None


def _mirror(pool: Pool, found: StatementTerm, candidates: Candidates) -> None:
    """Measure the best formulas with |x| in place of x as well, for even and odd gradients."""
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts]
    for term in candidates.best(MIRRORED):
        for leaf in leaves:
            if size([term]) > LARGEST or leaf not in term.parts:
                continue
            even = pool.replaced(term, {leaf: pool.make("abs", leaf)})
            candidates.add(even)
            candidates.add(pool.make("mul", pool.make("sign", leaf), even))


def _quantities(pool: Pool, check: Check, found: StatementTerm, columns: TermFloats) -> Iterator[tuple[Term, np.ndarray]]:
    """What ranges may be ranges of: every name that is read, its size, and the difference of two; not the gradient that flows in, which is one number here and any in use."""
    steps = check.subject.program.steps
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts and steps[found.leaves[leaf]].gate != "upstream"]
    terms = [t for leaf in leaves for t in (leaf, pool.make("abs", leaf))]
    terms += [pool.make("sub", a, b) for i, a in enumerate(leaves) for b in leaves[i + 1 :]][:6]
    for t in terms:
        yield t, np.asarray(columns.of(t), dtype=np.float64)


def _choices(candidates: Candidates, quantities: list[tuple[Term, np.ndarray]], check: Check) -> list[Regimes]:
    """Regimes and single formulas, the best first; of single formulas nearly as good the smallest."""
    cover = list(dict.fromkeys([*winners(candidates, COVER), *candidates.best(6), next(iter(candidates.scores))]))  # the first is the line itself
    lost = [candidates.lost[t] for t in cover]
    best = regimes(cover, lost, candidates.weights, quantities, check.format)
    ranked = candidates.best(40)
    lowest = candidates.scores[ranked[0]]
    simple = sorted((t for t in ranked if candidates.scores[t] <= lowest + SIMPLER), key=lambda t: size([t]))
    singles = [Regimes(None, (t,), (), candidates.scores[t]) for t in dict.fromkeys([*simple[:2], *ranked[:2]])]
    smaller = [with_small_formulas(best, cover, lost, candidates.weights, values) for quantity, values in quantities if quantity is best.quantity]
    found = list({r.formulas: r for r in (*smaller, best) if r.thresholds}.values())
    weight = 0.0 if not best.thresholds else best.score + BRANCH_BITS * (len(best.thresholds) + 1)
    return [*found, *singles] if best.thresholds and weight < singles[0].score else [*singles, *found]


def _regions(choice: Regimes, found: StatementTerm, check: Check) -> Regions:
    """How the points are divided by an arrangement."""

    def divided(points: Sequence[FloatPoint]) -> list[tuple[str, str, np.ndarray]]:
        texts = [text_of(t, found.names) for t in choice.formulas]
        if choice.quantity is None:
            return [("", texts[0], np.ones(len(points), dtype=bool))]
        run = floats.arrays(check.subject.program, [np.array(c) for c in zip(*points, strict=True)], list(found.leaves.values()), fmt=check.format, upstream=check.upstream)
        columns = TermFloats(check.format, dict(zip(found.leaves, run, strict=True)), len(points))
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
