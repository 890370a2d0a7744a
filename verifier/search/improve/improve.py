"""Finds better arrangements of the statements that lose a gradient's digits, and keeps those that are proved: START READING HERE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product

import numpy as np

from verifier.arithmetic.types import DoubleArray
from verifier.case.case import Draft
from verifier.case.points import FloatPoint
from verifier.compare.check import Check
from verifier.compare.meant import Meant, where_satisfied
from verifier.language.verdict import Verdict
from verifier.search.hunt import hard_points
from verifier.search.improve.acceptance import BORDERS_WITHIN, Accepted, NotAccepted, accepted, computed_at, judged, replaced_check
from verifier.search.improve.arrangement import Arrangement
from verifier.search.improve.arrangements import arrangements, new_rewriter
from verifier.search.improve.beam import Explored
from verifier.search.improve.cost import cost_of, steps_of
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.further_points import Against, FurtherPoints, is_larger
from verifier.search.improve.generated_lines import spelled_out, with_text
from verifier.search.improve.guilty import LOST_ULPS, Replaceable, guilty, replaceable
from verifier.search.improve.matching import Rewriter
from verifier.search.improve.measure import LEAST_GAIN, Exact, bits, drawn, summary
from verifier.search.improve.near_zeros import near, zeros
from verifier.search.improve.suggestion import Errors, ImprovedRegion, Suggestion
from verifier.search.paths import InputRanges, is_in

SEARCH_POINTS = 360
REPORT_POINTS = 1000
MOST_HARD = 120  # points at borders of the program
LEDGER_POINTS = 8  # at which the guilty statement is looked for
MOST_STATEMENTS = 3  # that are tried, of one gradient
ROUNDS = 4  # of search, hunt, and search with the points that the hunt found
MOST_WITH_CORNERS = 4  # inputs of a domain whose corners are all looked at: there poles may be that no sample meets
MOST_FOUND = 24  # points of one hunt that are added
AGAINST = 20.0  # the weight of a point that spoke against a replacement
WITH_ZEROS = 8  # points whose coordinates are set to 0, where a series is judged
LEAST_SHARE, FEW_LEFT = 0.005, 0.2  # of the points with a loss before, and of these those that may be left, if fewer bits are gained
MOST_LONGER = 3.0  # times the gates of a gradient whose verdict passes, for each bit that is gained
SAME = 0.05  # bits that a replacement may lose on the mean if its verdict is better


@dataclass(frozen=True)
class _Task:
    """A gradient of an implementation to be improved."""

    check: Check
    draft: Draft
    gradient: str
    boxes: Sequence[InputRanges]
    meant: Meant | None
    deadline: float
    worst: Sequence[FloatPoint]  # points at which the gradient is off most
    is_bad: bool  # at some of them its verdict is none that passes
    fresh: Sequence[FloatPoint]  # points for the figures, which the search does not see
    exact: Exact  # the exact gradient there
    rewriter: Rewriter
    earlier: dict[int, Arrangement]  # by statement, what other gradients were given already
    before: DoubleArray  # the errors there, where something is known
    at_zeros: Sequence[float]  # floats next to zeros of the gradient

    @cached_property
    def further(self) -> FurtherPoints:
        """The line at more points of the domain."""
        return FurtherPoints.of(self.check, self.gradient, self.boxes, lambda points: where_satisfied(self.meant, points))


def improve(check: Check, draft: Draft, boxes: Sequence[InputRanges], *, budget: float, meant: Meant | None = None, points: Sequence[FloatPoint] = ()) -> tuple[Suggestion, ...]:
    """Suggestions for the gradients of an implementation that lose digits somewhere in the boxes: at most one for each gradient, found within about so many seconds of processor time.

    `points` are looked at as well; `meant` says where the inputs are meant. Of a backward pass that is not written the lines that backprop generates are improved.
    """
    if check.computed is not None:
        return ()
    if draft.whole is None:
        spelled = spelled_out(check, draft)
        if spelled is None:
            return ()
        found_here = improve(spelled.check, spelled.draft, boxes, budget=budget, meant=meant, points=points)
        return tuple(with_text(spelled, draft, s, found_here) for s in found_here)
    deadline = time.process_time() + budget
    if meant is None and len(boxes) == 1:
        meant = Meant(tuple(boxes[0]), ((),) * len(boxes[0]))
    statements = replaceable(check.subject.program, draft.implementation.backward)
    common = search_points(check, boxes, meant, points)
    found = []
    rewriter, earlier = new_rewriter(), dict[int, Arrangement]()
    names = list(dict.fromkeys(name for _, name in check.subject.claims))
    for k, name in enumerate(names):
        now = time.process_time()
        if now >= deadline:
            break
        suggestion = _improve(check, draft, name, statements, common, boxes, meant, rewriter, earlier, deadline=now + (deadline - now) / (len(names) - k))
        if suggestion is not None:
            found.append(suggestion)
    return tuple(found)


def search_points(check: Check, boxes: Sequence[InputRanges], meant: Meant | None, points: Sequence[FloatPoint]) -> list[FloatPoint]:
    """The points of the search: those given, both sides of the program's borders, the corners of the domain, and a sample."""
    inside = [tuple(b) for b in boxes]
    hard = [p for box in inside for p in hard_points(check, box, within=BORDERS_WITHIN)]
    step = max(1, len(hard) // MOST_HARD)
    corners = [p for box in inside if len(box) <= MOST_WITH_CORNERS for p in product(*box)]
    found = [*points, *hard[::step], *corners, *drawn(inside, check.format, count=SEARCH_POINTS, seed=1)]
    return where_satisfied(meant, [p for p in dict.fromkeys(found) if all(np.isfinite(p))])


def _improve(check: Check, draft: Draft, gradient: str, statements: Sequence[Replaceable], points: list[FloatPoint], boxes: Sequence[InputRanges], meant: Meant | None, rewriter: Rewriter, earlier: dict[int, Arrangement], *, deadline: float) -> Suggestion | None:
    """A suggestion for one gradient: search, hunt, and search again with what the hunt found."""
    off = errors_at(check, gradient, points)
    if off is None or not (off > LOST_ULPS).any():
        return None
    at_zeros = zeros(check, gradient, points) if len(boxes) == 1 else []
    if at_zeros:
        points = list(dict.fromkeys([*points, *where_satisfied(meant, near(at_zeros, boxes[0]))]))
        off = errors_at(check, gradient, points)
        assert off is not None
    order = np.argsort(-off, kind="stable")[: int((off > LOST_ULPS).sum())].tolist()
    worst = [points[k] for k in order[:: max(1, len(order) // LEDGER_POINTS)][:LEDGER_POINTS]]
    fresh = where_satisfied(meant, drawn([tuple(b) for b in boxes], check.format, count=REPORT_POINTS, seed=2))
    exact = exact_gradient(check, gradient, fresh)
    before = errors_at(check, gradient, fresh, exact)
    if before is None:
        return None
    is_bad = any(not v.passes for v in judged(check.alone(gradient), worst))
    task = _Task(check, draft, gradient, boxes, meant, deadline, worst, is_bad, fresh, exact, rewriter, earlier, before[exact.known], at_zeros)
    program = task.check.subject.program
    final = [s for s in statements if s.step == program.names[task.gradient]]
    chosen = list(dict.fromkeys([*guilty(task.check, task.gradient, statements, worst), *final]))[:MOST_STATEMENTS]
    best: Suggestion | None = None
    known = set(earlier)
    for k, statement in enumerate(chosen):
        shared = _shared(task, statement, points)
        if shared is not None:
            return shared
        now = time.process_time()
        found = _replacement(replace(task, deadline=now + (deadline - now) / (len(chosen) - k)), statement, points)
        if found is not None and (best is None or found.after.mean_bits < best.after.mean_bits - LEAST_GAIN):
            best = found
        if best is not None and best.after.worst_ulps <= LOST_ULPS:
            break
    for statement in chosen:
        if statement.step not in known and (best is None or statement.start != best.start):
            earlier.pop(statement.step, None)  # it was accepted, and another statement's is suggested
    return best


def errors_at(check: Check, gradient: str, points: Sequence[FloatPoint], exact: Exact | None = None) -> DoubleArray | None:
    """The errors of a gradient at points, in ulps; None where nothing is known."""
    found = exact if exact is not None else exact_gradient(check, gradient, points)
    if not found.known.any():
        return None
    return found.errors(computed_at(check, gradient, points))


def _shared(task: _Task, statement: Replaceable, points: list[FloatPoint]) -> Suggestion | None:
    """The replacement that a statement has for an earlier gradient, where it does for this one, too: one better line for a value that several gradients read."""
    arrangement = task.earlier.get(statement.step)
    if arrangement is None:
        return None
    _, found = _tried(task, statement, arrangement, points)
    return found if found is not None and found.after.worst_ulps <= task.check.format.rounding_limit else None


def _replacement(task: _Task, statement: Replaceable, points: list[FloatPoint]) -> Suggestion | None:
    """The best accepted replacement of a statement."""
    points = list(points)
    weights = dict.fromkeys(points, 1.0)
    best: Suggestion | None = None
    explored, accepted_term = Explored(), None
    for _ in range(ROUNDS):
        if time.process_time() > task.deadline:
            break
        against: list[FloatPoint] = []
        for arrangement in arrangements(task.check, task.gradient, statement, points, np.array([weights[p] for p in points]), deadline=task.deadline, rewriter=task.rewriter, at_zeros=task.at_zeros, explored=explored, than=accepted_term):
            answer, suggestion = _tried(task, statement, arrangement, points)
            if suggestion is not None:
                if best is not None and not _is_better(suggestion, best):
                    return best
                best, accepted_term = suggestion, arrangement.term
                if not arrangement.certificate:
                    task.earlier[statement.step] = arrangement
            if isinstance(answer, NotAccepted):
                against += answer.points[:MOST_FOUND]
            elif suggestion is not None and answer is not None:
                against = list(answer.bad[:MOST_FOUND])
                break
        if not against:
            break
        against = where_satisfied(task.meant, around(against, task))
        if sum(weights.get(p, 0.0) > AGAINST for p in against) > len(against) / 2:
            break  # most have spoken against others in vain
        points += [p for p in dict.fromkeys(against) if p not in weights]
        for p in against:
            weights[p] = weights.get(p, 0.0) + AGAINST
    return best


def _is_better(found: Suggestion, other: Suggestion) -> bool:
    """Whether a suggestion has a better worst verdict than another, or the same and fewer bits are lost, or as many and nowhere so many that it is a loss."""
    ranks = [Verdict(s.verdict_after).rank for s in (found, other)]
    ends = found.after.worst_ulps <= LOST_ULPS < other.after.worst_ulps
    return (ranks[0], found.after.mean_bits) < (ranks[1], other.after.mean_bits + (SAME if ends else -SAME))


def _tried(task: _Task, statement: Replaceable, arrangement: Arrangement, points: list[FloatPoint]) -> tuple[Accepted | NotAccepted | None, Suggestion | None]:
    """What comes of one arrangement: whether it is accepted, and the suggestion that it makes; None where it is not worth a proof."""
    new = replaced_check(task.check, task.draft, statement, arrangement.text)
    part = None if not arrangement.certificate else replaced_check(task.check, task.draft, statement, arrangement.exact_text)
    if new is None or (arrangement.certificate and part is None):
        return None, None
    after = _gains(task, new)
    if after is None:
        return None, None
    proved = [] if part is None else [part, *([task.check] if arrangement.needs_original else [])]
    for text in arrangement.equal_texts:
        equal = replaced_check(task.check, task.draft, statement, text)
        if equal is None:
            return None, None
        proved.append(equal)
    tried = points if not arrangement.certificate else [*points, *where_satisfied(task.meant, _with_zeros(points[:WITH_ZEROS], task))]
    found: list[Against] = []

    def worse_further(c: Check) -> Sequence[FloatPoint]:
        found.append(task.further.against(c))
        return found[0].worse

    answer = accepted(task.check, new, task.gradient, tried, task.boxes, meant=task.meant, bad_points=task.worst, certificate=arrangement.certificate, proved_parts=proved, besides=worse_further)
    if isinstance(answer, Accepted):
        answer = replace(answer, bad=(*answer.bad, *found[0].further_off, *(found[0].left if after.max(initial=0.0) > LOST_ULPS else ())))
    return answer, _suggestion(task, statement, arrangement, answer, after) if isinstance(answer, Accepted) else None


def _with_zeros(points: Sequence[FloatPoint], task: _Task) -> list[FloatPoint]:
    """Points with each coordinate in turn 0: there a certificate says nothing, since the formula may have no value."""
    found = [tuple(0.0 if k == i else x for k, x in enumerate(p)) for p in points for i in range(len(p))]
    return [p for p in dict.fromkeys(found) if any(is_in(p, box) for box in task.boxes)]


def around(points: Sequence[FloatPoint], task: _Task) -> list[FloatPoint]:
    """Points, and some between neighbours of them and beside them: what a hunt found, for the next search."""
    found = [*points]
    for p, q in pairwise(points):
        found += [tuple(a + (b - a) * t for a, b in zip(p, q, strict=True)) for t in (0.25, 0.5, 0.75)]
    inside = []
    for p in dict.fromkeys(found):
        if all(np.isfinite(p)) and any(is_in(p, box) for box in task.boxes):
            inside.append(p)
    return inside


def _gains(task: _Task, new: Check) -> DoubleArray | None:
    """The errors of a replacement on points that the search has not seen; None where it gains too little to be worth a proof."""
    after = errors_at(new, task.gradient, task.fresh, task.exact)
    if after is None:
        return None
    known = after[task.exact.known]
    return known if _is_gain(task.before, known) or (_gained(task.before, known) > -SAME and task.is_bad) else None


def _is_gain(before: DoubleArray, after: DoubleArray) -> bool:
    """Whether fewer bits are lost on the mean, or hardly any of the points are left at which many are."""
    shares = [float(np.mean(errors > LOST_ULPS)) for errors in (before, after)]
    gain = _gained(before, after)
    return gain >= LEAST_GAIN or (gain > 0 and shares[0] >= LEAST_SHARE and shares[1] <= FEW_LEFT * shares[0])


def _gained(before: DoubleArray, after: DoubleArray) -> float:
    """The bits that are lost on the mean before and not afterwards."""
    return float(np.mean(bits(before)) - np.mean(bits(after)))


def _suggestion(task: _Task, statement: Replaceable, arrangement: Arrangement, answer: Accepted, after: DoubleArray) -> Suggestion | None:
    """An accepted replacement with its figures; None where too little is gained."""
    before = task.before
    if not _is_gain(before, after) and (answer.after.rank >= answer.before.rank or answer.before.passes):
        return None
    if is_larger(float(after.max(initial=0.0)), float(before.max(initial=0.0))):
        return None
    if answer.before.passes and steps_of(answer.check, task.gradient) > MOST_LONGER * max(1.0, _gained(before, after)) * steps_of(task.check, task.gradient):
        return None
    points = [p for p, known in zip(task.fresh, task.exact.known, strict=True) if known]
    cost = cost_of(task.check, answer.check, task.gradient, points)
    regions = tuple(ImprovedRegion(condition, formula, summary(before[mask]), summary(after[mask])) for condition, formula, mask in arrangement.regions(points))
    return Suggestion(
        task.check.implementation, task.gradient, statement.source, statement.source.place(statement.start).line, statement.start, statement.end, statement.text, arrangement.text,
        answer.proof, answer.proof_text, (), summary(before), summary(after), regions, cost, answer.before.value, answer.after.value, arrangement.candidates,
    )  # fmt: skip


__all__ = ["Errors", "Suggestion", "improve"]
