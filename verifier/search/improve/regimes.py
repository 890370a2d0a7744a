"""Chooses between formulas: the ranges of one quantity in which each is used, with short thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.floats import literal
from verifier.arithmetic.types import DoubleArray
from verifier.language.formats import Format
from verifier.search.hunt import simplest
from verifier.search.improve.beam import SIZE_WEIGHT, weighed
from verifier.search.improve.terms import Pool, Term, size

MOST_SEGMENTS = 3
BRANCH_BITS = 0.25  # that a branch more must gain
SHORTER_BITS = 0.005  # that a threshold of few digits may lose
MOST_CUTS = 160  # places between which is chosen


@dataclass(frozen=True)
class Regimes:
    """Formulas by ranges of a quantity: the k-th up to (and without) the k-th threshold, the last beyond all."""

    quantity: Term | None
    formulas: tuple[Term, ...]
    thresholds: tuple[float, ...]
    score: float

    def term(self, pool: Pool) -> Term:
        """The regimes as one formula."""
        found = self.formulas[-1]
        for formula, condition in reversed(list(zip(self.formulas, self.conditions(pool), strict=False))):
            found = pool.make("where", condition, formula, found)
        return found

    def conditions(self, pool: Pool) -> list[Term]:
        """The condition of each formula but the last; it holds where those before do not."""
        if self.quantity is None:
            return []
        return [pool.make("lt", self.quantity, pool.leaf("number", threshold_text(t))) for t in self.thresholds]


def threshold_text(value: float) -> str:
    """A threshold as it is written."""
    text = repr(value)
    return text.removesuffix(".0")


def regimes(terms: Sequence[Term], lost: Sequence[DoubleArray], weights: DoubleArray, quantities: Sequence[tuple[Term, DoubleArray]], fmt: Format) -> Regimes:
    """The best choice of at most MOST_SEGMENTS formulas: dynamic programming over the points in the order of each quantity."""
    table = np.array([weighed(x) for x in lost]) * (weights / weights.sum())
    means = table.sum(axis=1)
    k = int(np.argmin(means))
    best = Regimes(None, (terms[k],), (), float(means[k]))
    for quantity, values in quantities:
        found = _along(terms, table, quantity, values, fmt)
        if found is not None and found.score + BRANCH_BITS * len(found.thresholds) < best.score + BRANCH_BITS * len(best.thresholds):
            best = found
    return best


def _along(terms: Sequence[Term], table: DoubleArray, quantity: Term, values: DoubleArray, fmt: Format) -> Regimes | None:
    usable = np.isfinite(values)
    order = np.argsort(np.where(usable, values, np.inf), kind="stable")
    ordered = values[order]
    places = np.flatnonzero(np.diff(ordered) > 0) + 1
    places = places[np.isfinite(ordered[places])]
    if not len(places):
        return None
    if len(places) > MOST_CUTS:
        places = places[np.linspace(0, len(places) - 1, MOST_CUTS).astype(int)]
    ends = np.concatenate([[0], places, [len(ordered)]])
    sums = np.concatenate([np.zeros((len(terms), 1)), np.cumsum(table[:, order], axis=1)], axis=1)[:, ends]
    count = len(ends)
    cost = sums[:, None, :] - sums[:, :, None]  # formula, from, to
    which, cheapest = np.argmin(cost, axis=0), np.min(cost, axis=0)
    cheapest = np.where(np.triu(np.ones((count, count), dtype=bool), 1), cheapest, np.inf)
    best, back = [cheapest[0]], []
    for _ in range(MOST_SEGMENTS - 1):
        totals = best[-1][:, None] + cheapest
        back.append(np.argmin(totals, axis=0))
        best.append(np.min(totals, axis=0))
    found: Regimes | None = None
    for segments in range(2, MOST_SEGMENTS + 1):
        total = best[segments - 1][-1]
        if found is not None and total + BRANCH_BITS * (segments - 1) >= found.score + BRANCH_BITS * len(found.thresholds):
            continue
        cuts = [count - 1]
        for level in range(segments - 2, -1, -1):
            cuts.append(int(back[level][cuts[-1]]))
        cuts = [0, *reversed(cuts)]
        formulas = [terms[int(which[a, b])] for a, b in pairwise(cuts)]
        thresholds = [simplest(float(np.nextafter(ordered[ends[c] - 1], np.inf)), float(ordered[ends[c]]), fmt) for c in cuts[1:-1]]
        found = merged(Regimes(quantity, tuple(formulas), tuple(thresholds), float(total)))
    return None if found is None else _shortened(found, dict(zip(terms, table, strict=True)), values, fmt)


def with_small_formulas(found: Regimes, terms: Sequence[Term], lost: Sequence[DoubleArray], weights: DoubleArray, values: DoubleArray) -> Regimes:
    """The same with a smaller formula in each range where a larger one gains next to nothing: a gate more must gain as much as in the search."""
    table = {t: weighed(x) * (weights / weights.sum()) for t, x in zip(terms, lost, strict=True)}
    place = _place(found.thresholds, values, len(found.formulas))
    formulas = [min(table, key=lambda t: (float(table[t][place == k].sum()) + SIZE_WEIGHT * size([t]), t.number)) for k in range(len(found.formulas))]
    smaller = tuple(new if size([new]) < size([old]) else old for new, old in zip(formulas, found.formulas, strict=True))
    return merged(replace(found, formulas=smaller, score=_total(smaller, found.thresholds, table, values)))


def _shortened(found: Regimes, table: dict[Term, DoubleArray], values: DoubleArray, fmt: Format) -> Regimes:
    """The same with thresholds of few digits, where that costs next to nothing: 0, if that does."""
    for k, threshold in enumerate(found.thresholds):
        for text in ("0", f"{threshold:.1g}", f"{threshold:.2g}"):
            short = float(literal(text, fmt))
            ends = (*found.thresholds[:k], short, *found.thresholds[k + 1 :])
            if all(a < b for a, b in pairwise(ends)) and abs(short) <= fmt.largest:
                total = _total(found.formulas, ends, table, values)
                if total <= found.score + SHORTER_BITS:
                    found = replace(found, thresholds=ends, score=total)
                    break
    return found


def _total(formulas: Sequence[Term], thresholds: Sequence[float], table: dict[Term, DoubleArray], values: DoubleArray) -> float:
    """What formulas lose, each up to its threshold."""
    place = _place(thresholds, values, len(formulas))
    return float(sum(table[formula][place == k].sum() for k, formula in enumerate(formulas)))


def _place(thresholds: Sequence[float], values: DoubleArray, count: int) -> NDArray[np.intp]:
    """In which of so many ranges each value is."""
    return np.where(np.isfinite(values), np.searchsorted(np.array(thresholds), values, side="right"), count - 1)


def merged(regimes: Regimes) -> Regimes:
    """Without thresholds between equal formulas."""
    formulas, thresholds = [regimes.formulas[0]], []
    for formula, threshold in zip(regimes.formulas[1:], regimes.thresholds, strict=True):
        if formula is not formulas[-1]:
            formulas.append(formula)
            thresholds.append(threshold)
    return Regimes(regimes.quantity if thresholds else None, tuple(formulas), tuple(thresholds), regimes.score)
