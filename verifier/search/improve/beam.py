"""The search: rules are applied to the best formulas so far, and everything they make is measured."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.search.improve.matching import Rewriter, Rewriting
from verifier.search.improve.measure import Exact, TermFloats, bits
from verifier.search.improve.terms import Pool, Term, size

WIDTH = 14  # formulas that are continued in each round
MOST_WINNERS = 6  # of them, such as are best somewhere
MOST_ROUNDS = 14
PATIENCE = 4  # rounds without a better formula
AGAIN = 1  # the same where earlier searches have been through most of them
GOOD = 40  # formulas that a search hands on to the next
MORE = 300  # formulas that such a search measures besides
BAD_BITS = 4.0  # more bits than these, 16 ulp, weigh four times
SIZE_WEIGHT = 0.02  # bits that a gate more must gain
LARGEST = 90  # gates of a formula
ALL_BITS = 64.0
GAIN = 0.1  # bits that a change must gain to be made together with others
FREE_BITS = 0.02  # below it nothing is left to be gained


@dataclass
class Candidates:
    """The formulas that were measured: the bits that each loses at every point, and one number for all."""

    columns: TermFloats
    exact: Exact
    weights: DoubleArray  # of the points
    lost: dict[Term, DoubleArray] = field(default_factory=dict)
    scores: dict[Term, float] = field(default_factory=dict)
    least: DoubleArray | None = None  # at every point the fewest bits that any formula loses

    def add(self, term: Term) -> float:
        """Measure a formula, if it is new."""
        if term not in self.scores:
            lost = bits(self.exact.errors(self.columns.of(term)))
            self.lost[term] = lost
            self.least = lost if self.least is None else np.minimum(self.least, lost)
            self.scores[term] = score(lost, self.weights) + SIZE_WEIGHT * size([term])
        return self.scores[term]

    def forbid(self, term: Term, where: MaskArray) -> None:
        """Let a formula lose all bits at some points, at which it may not be used."""
        self.lost[term] = np.where(where, ALL_BITS, self.lost[term])
        self.scores[term] = score(self.lost[term], self.weights) + SIZE_WEIGHT * size([term])

    def gain(self, before: Term, after: Term) -> float:
        """How many bits fewer a formula loses than another, as they are weighed; neither need be among them."""
        old, new = (score(bits(self.exact.errors(self.columns.of(t))), self.weights) for t in (before, after))
        return old - new

    @property
    def floor(self) -> float:
        """What the best choice at every point would lose."""
        return 0.0 if self.least is None else score(self.least, self.weights)

    def best(self, count: int) -> list[Term]:
        """The best formulas."""
        return sorted(self.scores, key=lambda t: (self.scores[t], t.number))[:count]


def weighed(lost: DoubleArray) -> DoubleArray:
    """Bits that are lost; what is above 16 ulp weighs more, since a mean hides a bad tail."""
    found: DoubleArray = lost + 3 * np.maximum(lost - BAD_BITS, 0.0)
    return found


def score(lost: DoubleArray, weights: DoubleArray) -> float:
    """The mean of the bits that are lost, as they are weighed."""
    return float(np.dot(weighed(lost), weights) / weights.sum())


@dataclass
class Explored:
    """What earlier searches for the same statement, with fewer points, have found: the formulas that were good, and those whose neighbours were measured."""

    good: tuple[Term, ...] = ()
    expanded: set[Term] = field(default_factory=set)

    def learn(self, candidates: Candidates, *, but: Collection[Term]) -> None:
        """Keep what was good on the whole, or somewhere, but for some that are measured anyway."""
        self.good = tuple(t for t in dict.fromkeys([*candidates.best(GOOD + len(but)), *winners(candidates, GOOD)]) if t not in but)


def search(start: Sequence[Term], rewriter: Rewriter, candidates: Candidates, *, most: int, deadline: float, explored: Explored | None = None, but: Sequence[Term] = ()) -> None:
    """Measure what the rules make of some formulas, round by round from the best ones: at most so many, and until the processor's time is up.

    `but` are formulas that were measured before and are not to be rewritten. After earlier searches it begins with the formulas that were good there, and is over as soon as a round makes none that is better.
    """
    explored = Explored() if explored is None else explored
    for term in (*start, *explored.good):
        candidates.add(term)
    explored.expanded.update(but)
    expanded, most_rounds = explored.expanded, AGAIN if explored.good else PATIENCE
    most = min(most, len(candidates.scores) + MORE) if explored.good else most
    lowest, floor, patience = min(candidates.scores.values()), candidates.floor, most_rounds
    for _ in range(MOST_ROUNDS):
        chosen = [t for t in dict.fromkeys([*candidates.best(3 * WIDTH), *start]) if t not in expanded][:WIDTH]
        chosen += [t for t in winners(candidates, MOST_WINNERS) if t not in expanded and t not in chosen]
        for term in chosen:
            expanded.add(term)
            gains: dict[Term, Rewriting] = {}  # by the part that changes, the best one
            for change in rewriter.changes(term):
                if change.whole not in candidates.scores and size([change.whole]) <= LARGEST:
                    candidates.add(change.whole)
                    if len(candidates.scores) >= most:
                        return
                scores = candidates.scores
                if change.whole in scores and scores[change.whole] < (scores[gains[change.part].whole] if change.part in gains else scores[term] - GAIN):
                    gains[change.part] = change
            together(term, gains.values(), rewriter.pool, candidates)
            if time.process_time() > deadline:
                return
        now = min(candidates.scores.values())
        patience = most_rounds if now < lowest - FREE_BITS or candidates.floor < floor - FREE_BITS else patience - 1
        lowest, floor = min(now, lowest), min(candidates.floor, floor)
        if not chosen or not patience or lowest < FREE_BITS + SIZE_WEIGHT * size(candidates.best(1)):
            return


def together(term: Term, gains: Iterable[Rewriting], pool: Pool, candidates: Candidates) -> None:
    """Measure a formula with several changes of different parts at once, each of which alone is a gain: the factors of a product, each in its own best form. The largest gain first, and each that makes it better still."""
    best = term
    for change in sorted(gains, key=lambda c: (candidates.scores[c.whole], c.whole.number)):
        if change.part in best.parts:
            other = pool.replaced(best, {change.part: change.other})
            if size([other]) <= LARGEST and candidates.add(other) < candidates.scores[best] - GAIN:
                best = other


def winners(candidates: Candidates, count: int) -> list[Term]:
    """Formulas of which at each point one is as good as any: a greedy cover."""
    terms = candidates.best(len(candidates.scores))
    table = np.array([candidates.lost[t] * candidates.weights for t in terms])
    found: list[int] = []
    current = np.full(table.shape[1], np.inf)
    for _ in range(min(count, len(terms))):
        totals = np.minimum(table, current).sum(axis=1)
        k = int(np.argmin(totals))
        if found and totals[k] >= current.sum() - 1e-9:
            break
        found.append(k)
        current = np.minimum(current, table[k])
    return [terms[k] for k in found]
