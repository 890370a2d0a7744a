"""Finds better arrangements of the statements that lose a gradient's digits, and keeps those that are proved: START READING HERE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from verifier.arithmetic import floats
from verifier.case.case import Draft
from verifier.compare.check import Check
from verifier.compare.meant import Meant, satisfied
from verifier.language.verdict import Verdict
from verifier.search.hunt import hard_points
from verifier.search.improve.acceptance import Accepted, NotAccepted, accepted, replaced_check
from verifier.search.improve.arrange import Arrangement, arrangements
from verifier.search.improve.cost import cost_of
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.guilty import LOST_ULPS, Replaceable, guilty, replaceable
from verifier.search.improve.measure import Exact, Point, bits, drawn, summary
from verifier.search.improve.suggestion import Errors, ImprovedRegion, Suggestion
from verifier.search.paths import Box

SEARCH_POINTS = 360
REPORT_POINTS = 1000
MOST_HARD = 120  # points at borders of the program
LEDGER_POINTS = 8  # at which the guilty statement is looked for
MOST_STATEMENTS = 3  # that are tried, of one gradient
ROUNDS = 4  # of search, hunt, and search with the points that the hunt found
MOST_FOUND = 24  # points of one hunt that are added
AGAINST = 20.0  # the weight of a point that spoke against a replacement
LEAST_GAIN = 1.0  # bits, on the mean


@dataclass(frozen=True)
class _Task:
    """A gradient of an implementation to be improved."""

    check: Check
    draft: Draft
    gradient: str
    boxes: Sequence[Box]
    meant: Meant | None
    deadline: float
    worst: Sequence[Point] = ()  # points at which the gradient is off most


def improve(check: Check, draft: Draft, boxes: Sequence[Box], *, budget: float, meant: Meant | None = None, points: Sequence[Point] = ()) -> tuple[Suggestion, ...]:
    """Suggestions for the gradients of an implementation that lose digits somewhere in the boxes: at most one for each gradient, found within about so many seconds of processor time.

    `points` are looked at as well; `meant` says where the inputs are meant. Only backward passes that are written have statements to be replaced.
    """
    if draft.whole is None or check.computed is not None:
        return ()
    deadline = time.process_time() + budget
    statements = replaceable(check.subject.program, draft.implementation.backward)
    common = _points(check, boxes, meant, points)
    found = []
    names = list(dict.fromkeys(name for _, name in check.subject.claims))
    for k, name in enumerate(names):
        now = time.process_time()
        if now >= deadline:
            break
        task = _Task(check, draft, name, boxes, meant, now + (deadline - now) / (len(names) - k))
        suggestion = _improve(task, statements, common)
        if suggestion is not None:
            found.append(suggestion)
    return tuple(found)


def _points(check: Check, boxes: Sequence[Box], meant: Meant | None, points: Sequence[Point]) -> list[Point]:
    """The points of the search: those given, both sides of the program's borders, and a sample."""
    inside = [tuple(b) for b in boxes]
    hard = [p for box in inside for p in hard_points(check, box)]
    step = max(1, len(hard) // MOST_HARD)
    found = [*points, *hard[::step], *drawn(inside, check.format, count=SEARCH_POINTS, seed=1)]
    return _meant([p for p in dict.fromkeys(found) if all(np.isfinite(p))], meant)


def _meant(points: list[Point], meant: Meant | None) -> list[Point]:
    if meant is None or meant.given is None:
        return points
    return [p for p, holds in zip(points, satisfied(meant, points), strict=True) if holds]


def _improve(task: _Task, statements: Sequence[Replaceable], points: list[Point]) -> Suggestion | None:
    """A suggestion for one gradient: search, hunt, and search again with what the hunt found."""
    before = errors_at(task.check, task.gradient, points)
    if before is None or not (before > LOST_ULPS).any():
        return None
    order = np.argsort(-before, kind="stable")[: int((before > LOST_ULPS).sum())].tolist()
    worst = [points[k] for k in order[:: max(1, len(order) // LEDGER_POINTS)][:LEDGER_POINTS]]
    program = task.check.subject.program
    final = [s for s in statements if s.step == program.names[task.gradient]]
    chosen = list(dict.fromkeys([*guilty(task.check, task.gradient, statements, worst), *final]))[:MOST_STATEMENTS]
    task = replace(task, worst=worst)
    best: Suggestion | None = None
    for statement in chosen:
        found = _replacement(task, statement, points)
        if found is not None and (best is None or found.after.mean_bits < best.after.mean_bits - LEAST_GAIN):
            best = found
        if best is not None and best.after.worst_ulps <= task.check.format.rounding_limit:
            break
    return best


def errors_at(check: Check, gradient: str, points: Sequence[Point], exact: Exact | None = None) -> np.ndarray | None:
    """The errors of a gradient at points, in ulps; None where nothing is known."""
    found = exact if exact is not None else exact_gradient(check, gradient, points)
    if not found.known.any():
        return None
    program = check.subject.program
    (values,) = floats.arrays(program, [np.array(c) for c in zip(*points, strict=True)], [program.names[gradient]], fmt=check.format, upstream=check.upstream)
    return found.errors(values)


def _replacement(task: _Task, statement: Replaceable, points: list[Point]) -> Suggestion | None:
    """The best accepted replacement of a statement."""
    points = list(points)
    weights = dict.fromkeys(points, 1.0)
    for _ in range(ROUNDS):
        if time.process_time() > task.deadline:
            return None
        refused: list[Point] = []
        for arrangement in arrangements(task.check, task.gradient, statement, points, np.array([weights[p] for p in points]), deadline=task.deadline):
            new = replaced_check(task.check, task.draft, statement, arrangement.text)
            part = None if not arrangement.certificate else replaced_check(task.check, task.draft, statement, arrangement.exact_text)
            if new is None or (arrangement.certificate and part is None):
                continue
            proved = [] if part is None else [part, task.check] if arrangement.needs_original else [part]
            answer = accepted(task.check, new, task.gradient, points, task.boxes, meant=task.meant, bad_points=task.worst, certificate=arrangement.certificate, proved_parts=proved)
            if isinstance(answer, Accepted):
                suggestion = _suggestion(task, statement, arrangement, answer, points)
                if suggestion is not None:
                    return suggestion
            elif isinstance(answer, NotAccepted):
                refused += answer.points[:MOST_FOUND]
        if not refused:
            return None
        against = _meant(around(refused, task), task.meant)
        points += [p for p in dict.fromkeys(against) if p not in weights]
        for p in against:
            weights[p] = weights.get(p, 0.0) + AGAINST
    return None


def around(points: Sequence[Point], task: _Task) -> list[Point]:
    """Points, and some between neighbours of them and beside them: what a hunt found, for the next search."""
    found = [*points]
    for p, q in zip(points, points[1:], strict=False):
        found += [tuple(a + (b - a) * t for a, b in zip(p, q, strict=True)) for t in (0.25, 0.5, 0.75)]
    inside = []
    for p in dict.fromkeys(found):
        if all(np.isfinite(p)) and any(all(low <= x <= high for x, (low, high) in zip(p, box, strict=True)) for box in task.boxes):
            inside.append(p)
    return inside


def _suggestion(task: _Task, statement: Replaceable, arrangement: Arrangement, answer: Accepted, points: list[Point]) -> Suggestion | None:
    """An accepted replacement with its figures, on points that the search has not seen; None where too little is gained."""
    fresh = _meant(drawn([tuple(b) for b in task.boxes], task.check.format, count=REPORT_POINTS, seed=2), task.meant)
    exact = exact_gradient(task.check, task.gradient, fresh)
    old, new = (errors_at(c, task.gradient, fresh, exact) for c in (task.check, answer.check))
    if old is None or new is None:
        return None
    old, new = old[exact.known], new[exact.known]
    kept = [p for p, k in zip(fresh, exact.known, strict=True) if k]
    gain = float(np.mean(bits(old)) - np.mean(bits(new)))
    better = answer.after.rank < answer.before.rank and not answer.before.passes
    if gain < LEAST_GAIN and not better:
        return None
    if gain < 0 and answer.after.rank >= answer.before.rank:
        return None
    where = arrangement.regions(kept)
    regions = tuple(ImprovedRegion(condition, formula, summary(old[mask]), summary(new[mask])) for condition, formula, mask in where)
    return Suggestion(
        task.check.implementation, task.gradient, statement.source, statement.source.place(statement.start).line, statement.start, statement.end, statement.text, arrangement.text,
        answer.proof, answer.proof_text, (), summary(old), summary(new), regions, cost_of(task.check, answer.check, task.gradient, kept), answer.before.value, answer.after.value, arrangement.candidates,
    )  # fmt: skip


__all__ = ["Errors", "Suggestion", "Verdict", "improve"]
