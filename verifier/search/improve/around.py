"""Certified series around which the best formula of the search stands elsewhere: beside zeros of the gradient, and where a product or quotient of inputs is small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.search.improve.arrangement import Arrangement, Regions, columns_at, flows_into, of_one_input
from verifier.search.improve.beam import Candidates, weighed
from verifier.search.improve.compound import CompoundSeries, series_of, splits
from verifier.search.improve.guilty import Replaceable, StatementTerm
from verifier.search.improve.matching import Rewriter
from verifier.search.improve.measure import bits
from verifier.search.improve.near_zeros import LARGEST_ULPS, MOST_ZEROS, ZeroSeries, bound_of, mirrored, series_at
from verifier.search.improve.regimes import BRANCH_BITS
from verifier.search.improve.terms import Pool, Term, text_of

REST_STEPS = 2  # rules that are applied to what a series is a factor of
MOST_RESTS = 40


class Somewhere(Protocol):
    """What may be used where a condition holds."""

    def condition(self, pool: Pool) -> Term:
        """Where."""


Certified = TypeVar("Certified", bound=Somewhere)


def worthwhile(pool: Pool, candidates: Candidates, term: Term, near: Mapping[Term, Certified]) -> dict[Term, Certified]:
    """The series with which another formula loses fewer bits, if each stands wherever it is certified: in the order in which they are best put around it."""
    if not near:
        return {}
    weights = candidates.weights / candidates.weights.sum()
    lost = weighed(bits(candidates.exact.errors(candidates.columns.of(term))))
    inside = {t: np.asarray(candidates.columns.of(s.condition(pool)), dtype=bool) for t, s in near.items()}
    found: dict[Term, Certified] = {}
    while len(found) < MOST_ZEROS:
        gains = {t: float((weights * np.where(inside[t], lost - weighed(candidates.lost[t]), 0.0)).sum()) for t in near if t not in found}
        if not gains:
            break
        best = max(gains, key=lambda t: (gains[t], -t.number))
        if gains[best] <= BRANCH_BITS:
            break
        found[best] = near[best]
        lost = np.where(inside[best], weighed(candidates.lost[best]), lost)
    return found


def zero_series(check: Check, pool: Pool, found: StatementTerm, candidates: Candidates, at_zeros: Sequence[float]) -> dict[Term, ZeroSeries]:
    """Measure series at zeros of a gradient of one input, each where it is certified."""
    inside = of_one_input(check, pool, found) if at_zeros and check.format.name == "float64" else None
    if inside is None:
        return {}
    term, leaf, factor = inside
    result: dict[Term, ZeroSeries] = {}
    for centre in sorted(at_zeros, reverse=True):
        if any(s.parity and abs(centre + s.centre) < s.largest for s in result.values()):
            continue  # the mirror image of another one
        single = series_at(pool, term, leaf, centre)
        if single is not None:
            s = mirrored(pool, term, single) or single
            whole = s.term if factor is None else pool.make("mul", factor, s.term)
            if whole in candidates.scores:
                continue  # a formula that holds for all inputs
            candidates.add(whole)
            candidates.forbid(whole, ~(np.abs(np.asarray(candidates.columns.of(s.distance(pool)), dtype=np.float64)) < s.largest))
            result[whole] = s
    return result


def compound_series(check: Check, pool: Pool, found: StatementTerm, candidates: Candidates, rewriter: Rewriter) -> dict[Term, CompoundSeries]:
    """Measure series in a product or a quotient of inputs, each with the rest of the formula written so that it loses least."""
    steps = check.subject.program.steps
    inputs = [leaf for leaf, step in found.leaves.items() if leaf in found.term.parts and steps[step].gate == "input"]
    flows = flows_into(check, found)
    if len(inputs) < 2 or len(flows) > 1 or any(leaf not in (*inputs, *flows) for leaf in found.leaves if leaf in found.term.parts):
        return {}

    def flowing(s: CompoundSeries) -> Term:
        return pool.make("mul", flows[0], s.term(pool)) if flows else s.term(pool)

    result = {}
    for split in splits(pool, pool.replaced(found.term, {flows[0]: pool.number(1)}) if flows else found.term, inputs):
        several = list(series_of(pool, split, check.format))
        if not several:
            continue
        longest = max(several, key=lambda s: s.largest)
        where = np.asarray(candidates.columns.of(longest.condition(pool)), dtype=bool)
        rest, least = split.rest, math.inf
        for _ in range(REST_STEPS):
            for other in (rest, *(change.whole for change in islice(rewriter.changes(rest), MOST_RESTS))):
                lost = float(weighed(bits(candidates.exact.errors(candidates.columns.of(flowing(replace(longest, split=replace(split, rest=other)))))))[where].sum())
                rest, least = (other, lost) if lost < least else (rest, least)
        for s in several:
            better = replace(s, split=replace(split, rest=rest))
            whole = flowing(better)
            if whole in candidates.scores:
                continue  # a formula that holds for all inputs
            candidates.add(whole)
            candidates.forbid(whole, ~np.asarray(candidates.columns.of(better.condition(pool)), dtype=bool))
            result[whole] = better
    return result


def with_series_around(check: Check, pool: Pool, statement: Replaceable, found: StatementTerm, whole: StatementTerm, made: Arrangement, chosen: dict[Term, ZeroSeries | CompoundSeries]) -> Arrangement | None:
    """An arrangement with series beside zeros, each used wherever it is certified, with their certificates; None without any."""
    term, certificates, needs_original = made.term, [made.certificate] if made.certificate else [], made.needs_original
    if term is None or not chosen:
        return None
    alone = None if made.certificate or term.op == "where" else of_one_input(check, pool, whole, term)  # one of several is proved in its range only
    flows = flows_into(check, found)
    original, equal = of_one_input(check, pool, whole, whole.term), []
    for formula, s in chosen.items():
        if isinstance(s, CompoundSeries):
            within = s.within
            factors = pool.make("mul", flows[0], s.equal(pool)) if flows else s.equal(pool)
            at_zero = pool.make("where", pool.make("eq", s.split.quantity, pool.number(0)), found.term, factors)  # there the factor may be 0/0
            equal.append(f"{statement.name} = {text_of(at_zero, found.names)}")
        else:
            bounds = [bound_of(pool, inside[0], s, s.largest) if inside is not None else math.inf for inside in (alone, original)]
            within = bounds[0] if bounds[0] <= LARGEST_ULPS else bounds[1]
            needs_original = needs_original or bounds[0] > LARGEST_ULPS
            if within > LARGEST_ULPS:
                return None
        term = pool.make("where", s.condition(pool), formula, term)
        certificates.append(f"within {max(math.ceil(100 * within) / 100, 0.01)} ulp for {s.certificate} with a bound of what is left out")
    return Arrangement(
        f"{statement.name} = {text_of(term, found.names)}", _with_regions(made.regions, chosen, pool, found, check), made.candidates,
        "; ".join(certificates), made.exact_text or made.text, needs_original=needs_original, term=term, equal_texts=tuple(equal),
    )  # fmt: skip


def _with_regions(rest: Regions, chosen: dict[Term, ZeroSeries | CompoundSeries], pool: Pool, found: StatementTerm, check: Check) -> Regions:
    """How the points are divided where series stand beside zeros: each has its own, the rest is divided as without them."""

    def divided(points: Sequence[FloatPoint]) -> list[tuple[str, str, np.ndarray]]:
        columns = columns_at(check, found, points)
        left, result = np.ones(len(points), dtype=bool), []
        for formula, s in reversed(chosen.items()):
            inside = left & np.asarray(columns.of(s.condition(pool)), dtype=bool)
            result.append((text_of(s.condition(pool), found.names), text_of(formula, found.names), inside))
            left &= ~inside
        return result + [(f"{words}, elsewhere" if words else "elsewhere", text, mask & left) for words, text, mask in rest(points)]

    return divided
