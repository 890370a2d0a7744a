"""The arrangements of one statement that are worth a proof: the best formulas of the search, with ranges of the inputs, mirrored, with a series near 0, infinity or a zero of the gradient."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.search.improve.around import compound_series, with_series_around, worthwhile, zero_series
from verifier.search.improve.arrangement import Arrangement, flows_into, of_one_input, regions_of
from verifier.search.improve.beam import LARGEST, Candidates, Explored, search, winners
from verifier.search.improve.exact_values import exact_gradient, exact_step
from verifier.search.improve.guilty import Replaceable, StatementTerm, written
from verifier.search.improve.matching import Rewriter
from verifier.search.improve.measure import TermFloats
from verifier.search.improve.regimes import BRANCH_BITS, Regimes, merged, regimes, with_small_formulas
from verifier.search.improve.rules import RewriteRule, all_rules
from verifier.search.improve.taylor import (
    LARGEST_ULPS,
    CertifiedSeries,
    certified,
    certified_at_infinity,
    model,
    of_inverse,
    series_term,
    ulps,
)
from verifier.search.improve.terms import Pool, Term, size, text_of

MOST_CANDIDATES = 1500  # formulas that are measured
FEW_CANDIDATES = 480  # the same in a large program
LARGE = 150  # steps of a program that is large
COVER = 24  # formulas between which regimes choose
MOST_GATES = 600  # to which a statement is expanded where a series is made of it
MOST_PAIRS = 6  # of names whose differences may have ranges
MIRRORED = 8  # formulas that are tried with |x| as well
SIMPLER = 0.1  # bits that a smaller formula may lose
MOST_ARRANGEMENTS = 5
NEARLY = 0.9  # of the size up to which a series is certified: then it is used up to it

Quantity = tuple[Term, np.ndarray]
_Among = tuple[dict[Term, None], Sequence[Quantity]]  # formulas, and by what is chosen between them


def arrangements(
    check: Check, gradient: str, statement: Replaceable, points: Sequence[FloatPoint], weights: DoubleArray, *, deadline: float, rewriter: Rewriter | None = None, at_zeros: Sequence[float] = (), explored: Explored | None = None,
    than: Term | None = None,
) -> Iterator[Arrangement]:
    """Arrangements of a statement, the best first. Points that weigh more than 1 spoke against earlier ones; `at_zeros` are floats next to zeros of the gradient of one input.

    A `rewriter` that was there before knows already what the rules make of many terms; `explored` is what an earlier search for the statement has found, and learns what this one finds.
    With `than`, what was accepted before, only such as lose fewer bits at these points.
    """
    program = check.subject.program
    rewriter = rewriter or new_rewriter()
    pool = rewriter.pool
    found = written(program, statement, pool)
    if found is None or not points:
        return
    is_final = statement.step == program.names[gradient]
    exact = exact_gradient(check, gradient, points) if is_final else exact_step(check, statement.step, points)
    if not exact.known.any():
        return
    whole = (written(program, statement, pool, most=MOST_GATES) if is_final else None) or found
    whole = replace(whole, leaves={**found.leaves, **whole.leaves})
    run = floats.arrays(program, [np.array(c) for c in zip(*points, strict=True)], list(whole.leaves.values()), fmt=check.format, upstream=check.upstream)
    columns = TermFloats(check.format, dict(zip(whole.leaves, run, strict=True)), len(points))
    candidates = Candidates(columns, replace(exact, wanted=_wanted(columns.of(found.term), weights)), weights)
    candidates.add(found.term)
    series = _series(check, pool, whole, candidates) if is_final else {}
    near = zero_series(check, pool, whole, candidates, at_zeros) if is_final else {}
    compound = compound_series(check, pool, whole, candidates, rewriter) if is_final else {}
    most = FEW_CANDIDATES if len(program.steps) > LARGE else MOST_CANDIDATES
    search([found.term, *_without_flow(check, pool, found)], rewriter, candidates, most=most, deadline=deadline, explored=explored, but=(*series, *near, *compound))
    if explored is not None:
        explored.learn(candidates, but={*series, *near, *compound})
    _mirror(pool, found, candidates, {*series, *near, *compound})
    among = _among(candidates, list(_quantities(pool, check, found, columns)), series, {*near, *compound})
    for choice in _choices(candidates, among, check, but={*near, *compound})[:MOST_ARRANGEMENTS]:
        made: Arrangement | None
        if any(f in series for f in choice.formulas):
            if choice.quantity is None:  # the domain is within its range, other inputs are not
                (alone,) = choice.formulas
                others = [t for t in candidates.best(len(candidates.scores)) if t not in series and t not in near and t not in compound]
                s = series[alone]
                formulas, end = ((others[0], alone), 1 / s.largest) if s.at_infinity else ((alone, others[0]), s.largest)
                choice = replace(choice, quantity=pool.make("abs", s.leaf), formulas=formulas, thresholds=(end,))  # noqa: PLW2901
            made = _with_series(check, pool, statement, found, whole, choice, series, len(candidates.scores))
        else:
            term = choice.term(pool)
            made = Arrangement(f"{statement.name} = {text_of(term, found.names)}", regions_of(choice, found, check), len(candidates.scores), term=term)
        if made is None:
            continue
        beside = with_series_around(check, pool, statement, found, whole, made, worthwhile(pool, candidates, made.term, {**near, **compound})) if made.term is not None else None
        yield from (m for m in (beside, made) if m is not None and m.term is not None and m.term is not found.term and (than is None or candidates.gain(than, m.term) > BRANCH_BITS))


def new_rewriter() -> Rewriter:
    """All rules, and no term yet but theirs."""
    return _rewriter(all_rules()).copied()


@cache
def _rewriter(rules: tuple[RewriteRule, ...]) -> Rewriter:
    return Rewriter(Pool(), rules)


def _wanted(before: DoubleArray, weights: DoubleArray) -> DoubleArray:
    """What a formula should be at points that spoke against others, should the exact value not be known: the infinity that the statement has there now (a pole), otherwise any number."""
    infinite = np.where(np.isinf(before), before, 0.0)
    found: DoubleArray = np.where(weights > 1, infinite, np.nan)
    return found


def _series(check: Check, pool: Pool, found: StatementTerm, candidates: Candidates) -> dict[Term, CertifiedSeries]:
    """Measure series of a gradient of one input at 0 and at infinity, each where it is certified."""
    inside = of_one_input(check, pool, found)
    if inside is None:
        return {}
    term, leaf, factor = inside
    values = np.abs(np.asarray(candidates.columns.of(leaf), dtype=np.float64))
    result = {}
    for s in (*certified(pool, term, leaf, check.format), *certified_at_infinity(pool, term, leaf, check.format)):
        whole = s.term if factor is None else pool.make("mul", factor, s.term)
        if whole in result:
            continue
        candidates.add(whole)
        candidates.forbid(whole, ~(values * s.largest > 1 if s.at_infinity else values < s.largest))
        result[whole] = s
    return result


def _with_series(check: Check, pool: Pool, statement: Replaceable, found: StatementTerm, whole: StatementTerm, choice: Regimes, series: dict[Term, CertifiedSeries], count: int) -> Arrangement | None:
    """An arrangement one of whose formulas is a series, with its certificate; None where its range is not one around 0, or around infinity."""
    at = [k for k, f in enumerate(choice.formulas) if f in series]
    if len(at) != 1 or choice.quantity is None:
        return None
    s = series[choice.formulas[at[0]]]
    bounded = choice if s.at_infinity else _bounded(pool, choice, s.leaf, at[0])
    if bounded is None or bounded.quantity is None:
        return None
    choice = bounded
    k = next(i for i, f in enumerate(choice.formulas) if f in series)
    ends = [-math.inf, *choice.thresholds, math.inf]
    far = 1 / s.largest
    if s.at_infinity and k == len(ends) - 2 and choice.quantity in (s.leaf, pool.make("abs", s.leaf)):
        far = ends[k] = max(ends[k], far if 1 / far <= s.largest else math.nextafter(far, math.inf))
        largest = math.nextafter(1 / far, math.inf)
    elif s.at_infinity and k == 0 and choice.quantity is s.leaf:
        far = -min(ends[1], -far if 1 / far <= s.largest else -math.nextafter(far, math.inf))
        ends[1], largest = -far, math.nextafter(1 / far, math.inf)
    elif s.at_infinity:
        return None
    elif choice.quantity is s.leaf:
        ends[k], ends[k + 1] = max(ends[k], -s.largest), min(ends[k + 1], s.largest)
        largest = max(-ends[k], ends[k + 1])
    elif choice.quantity is pool.make("abs", s.leaf):
        largest = ends[k + 1] = min(ends[k + 1], s.largest)
    else:
        return None
    if not s.at_infinity and NEARLY * s.largest <= largest < s.largest and choice.quantity is not s.leaf:
        largest = ends[k + 1] = s.largest
    if not math.isfinite(largest) or not largest > 0:
        return None
    if len(ends) - 2 != len(choice.thresholds) or not all(math.isfinite(e) for e in ends[1:-1]):
        return None
    choice = replace(choice, thresholds=tuple(ends[1:-1]))
    exact = merged(replace(choice, formulas=tuple(f if f not in series else choice.formulas[k + 1 if k + 1 < len(choice.formulas) else k - 1] for f in choice.formulas)))
    rest = exact.formulas if len(exact.formulas) == 1 else ()  # one of several is proved in its range only
    bounds = [b for f in rest if (b := _bound(check, pool, whole, f, s, largest)) is not None]
    original = _bound(check, pool, whole, whole.term, s, largest) if not bounds else None
    if not bounds and original is None:
        return None
    within = math.ceil(100 * (bounds[0] if bounds else original or 0.0)) / 100
    name = text_of(s.leaf, {})
    where = f"abs({name}) >= {far!r}, by Taylor's series in 1/{name}" if s.at_infinity else f"abs({name}) < {largest!r}, by Taylor's series at 0"
    certificate = f"within {max(within, 0.01)} ulp for {where} with a bound of what is left out"
    texts = [f"{statement.name} = {text_of(c.term(pool), found.names)}" for c in (choice, exact)]
    return Arrangement(texts[0], regions_of(choice, found, check), count, certificate, texts[1], needs_original=not bounds, term=choice.term(pool))


def _bounded(pool: Pool, choice: Regimes, leaf: Term, at: int) -> Regimes | None:
    """The same choice, with a series at 0 `at` an end of the line used on both sides of 0 as far as on one: an end of the domain is no bound for who copies the text, or widens the domain."""
    if choice.quantity is not leaf or at not in (0, len(choice.thresholds)):
        return choice
    formulas, thresholds = (choice.formulas, choice.thresholds) if at == 0 else (choice.formulas[::-1], tuple(-t for t in reversed(choice.thresholds)))
    return replace(choice, quantity=pool.make("abs", leaf), formulas=formulas, thresholds=thresholds) if thresholds[0] > 0 else None


def _bound(check: Check, pool: Pool, found: StatementTerm, formula: Term, series: CertifiedSeries, largest: float) -> float | None:
    """Within how many ulps a series is a formula for all inputs up to a size; None where that is not known to be at most LARGEST_ULPS."""
    inside = of_one_input(check, pool, found, formula)
    if inside is None:
        return None
    whole = model(of_inverse(pool, inside[0], series.leaf) if series.at_infinity else inside[0], series.leaf, largest)
    if whole is None:
        return None
    again = series_term(pool, whole, series.count, series.leaf, inverse=series.at_infinity)
    bound = ulps(whole, series.count, largest, check.format)
    return bound if again is series.term and bound <= LARGEST_ULPS else None


def _without_flow(check: Check, pool: Pool, found: StatementTerm) -> list[Term]:
    """A statement as the gradient that flows in times what is left of it, where it reads that: it is linear in it, and what is left is shorter."""
    flows = flows_into(check, found)
    return [pool.make("mul", flows[0], pool.replaced(found.term, {flows[0]: pool.number(1)}))] if len(flows) == 1 else []


def _mirror(pool: Pool, found: StatementTerm, candidates: Candidates, series: Collection[Term]) -> None:
    """Measure the best formulas with |x| in place of x as well, for even and odd gradients; not of series, which hold where they are certified."""
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts]
    for term in [t for t in candidates.best(MIRRORED + len(series)) if t not in series][:MIRRORED]:
        for leaf in leaves:
            if size([term]) > LARGEST or leaf not in term.parts:
                continue
            even = pool.replaced(term, {leaf: pool.make("abs", leaf)})
            candidates.add(even)
            candidates.add(pool.make("mul", pool.make("sign", leaf), even))


def _quantities(pool: Pool, check: Check, found: StatementTerm, columns: TermFloats) -> Iterator[tuple[Term, np.ndarray]]:
    """What ranges may be ranges of: every name that is read, its size, the difference of two, and that of their sizes; not the gradient that flows in, which is one number here and any in use."""
    steps = check.subject.program.steps
    leaves = [leaf for leaf in found.leaves if leaf in found.term.parts and steps[found.leaves[leaf]].gate != "upstream"]
    terms = [t for leaf in leaves for t in (leaf, pool.make("abs", leaf))]
    pairs = [(a, b) for i, a in enumerate(leaves) for b in leaves[i + 1 :]][:MOST_PAIRS]
    terms += [pool.make("sub", a, b) for a, b in pairs] + [pool.make("sub", pool.make("abs", a), pool.make("abs", b)) for a, b in pairs]
    for t in terms:
        yield t, np.asarray(columns.of(t), dtype=np.float64)


def _choices(candidates: Candidates, among: Sequence[_Among], check: Check, *, but: Collection[Term]) -> list[Regimes]:
    """Regimes and single formulas, the best first; of single formulas nearly as good the smallest. None `but` stands alone: series that are put around others later."""
    groups = []
    for formulas, quantities in among:
        if not formulas:
            continue
        cover, lost = list(formulas), [candidates.lost[t] for t in formulas]
        best = regimes(cover, lost, candidates.weights, quantities, check.format)
        if best.thresholds:
            smaller = [with_small_formulas(best, cover, lost, candidates.weights, values) for quantity, values in quantities if quantity is best.quantity]
            groups.append((best, list({r.formulas: r for r in (*smaller, best) if r.thresholds}.values())))
    groups.sort(key=lambda g: g[0].score + BRANCH_BITS * len(g[0].thresholds))
    ranked = [t for t in candidates.best(40 + len(but)) if t not in but]
    lowest = candidates.scores[ranked[0]]
    simple = sorted((t for t in ranked if candidates.scores[t] <= lowest + SIMPLER), key=lambda t: size([t]))
    singles = [Regimes(None, (t,), (), candidates.scores[t]) for t in dict.fromkeys([*simple[:2], *ranked[:2]])]
    is_better = [best.score + BRANCH_BITS * (len(best.thresholds) + 1) < singles[0].score for best, _ in groups]
    better, others = ([r for (_, found), good in zip(groups, is_better, strict=True) if good is wanted for r in found] for wanted in (True, False))
    return [*better, *singles, *others]


def _among(candidates: Candidates, quantities: Sequence[Quantity], series: dict[Term, CertifiedSeries], others: Collection[Term]) -> list[_Among]:
    """Which formulas regimes may choose from, and by which quantities: none with series by any; with series at 0 and infinity by their input."""
    plain = {t: None for t in candidates.best(len(candidates.scores)) if t not in series and t not in others}
    found: list[_Among] = [({t: None for t in winners(candidates, COVER) if t in plain} | dict.fromkeys([*list(plain)[:6], next(iter(candidates.scores))]), quantities)]  # the first is the line itself
    leaves = {s.leaf for s in series.values()}
    inputs = [q for q in quantities if q[0] in leaves or (q[0].op == "abs" and q[0].args[0] in leaves)]
    if series:
        found.append(({**found[0][0], **dict.fromkeys(series)}, inputs))
    return found


