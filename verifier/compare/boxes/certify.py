"""Certify bounds of the error of computed gradients, for every number of a box."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from verifier.arithmetic.types import DoubleArray, MaskArray
from verifier.compare.boxes import branch, effects
from verifier.compare.boxes.bounds import Assumed, Assumptions, BoundOutcome, Box, ErrorBound, ErrorClaim, LineShare, assumed, float64_above
from verifier.compare.boxes.branch import Boxes, BoxSearch, Standing
from verifier.compare.boxes.constraint import EVERYWHERE, Constraint
from verifier.compare.boxes.cuts import crossing, cuts_of
from verifier.compare.boxes.enclosures import RoundingPlan
from verifier.compare.boxes.left_open import absolute_bound, gathered
from verifier.compare.boxes.operations import Operations, operations
from verifier.compare.boxes.pieces import pieces
from verifier.compare.boxes.witness import Seen, at_point, largest
from verifier.compare.check import Check
from verifier.exact.derivatives import NotDifferentiable
from verifier.language.primitives import NoGate

NOTHING_MEANT = "no point of the domain satisfies 'given', so there is nothing to show"
UNMET = "; no number was found at which 'given' holds, so no error was looked for"
MOST_STEPS = 20_000  # of a program
TRIED = 2000  # numbers at which errors are computed, each time; where each is a call of somebody else's code
CALLED = 100
MOST_VALUES = 10_000_000  # steps times numbers, each time
MOST_OPEN = 8  # boxes that are named
MOST_LINES = 12
LEAST_SHARE = 1e-3
ROUNDED = 2.0**-40  # of an error that is seen
CONTRADICTED = "an assumption does not hold on this machine, or the tool is wrong"
OTHERWISE = "the framework does not compute the operations as they were traced, an assumption does not hold on this machine, or the tool is wrong"


def certify(check: Check, box: Box, claims: Mapping[str, ErrorClaim], *, assumptions: Assumptions, budget: float, constraint: Constraint = EVERYWHERE) -> tuple[ErrorBound, ...]:
    """The bound of every claimed gradient, in the order of `claims`; `budget` is in seconds of the processor, for all of them together.
    With a `constraint` only those points of the box are meant that it leaves.

    The error is that of the implementation's program in the format of the check, against its real value times the upstream gradient:
    the exact gradient where the check has it `proved`. Where somebody else's code computes the gradients, the bound is that of the
    traced program, if it is computed as it stands; the errors that are seen are those of the code.
    """
    started = time.process_time()
    program = check.subject.program
    if len(program) > MOST_STEPS:
        return tuple(_without_bound(check, box, name, claim, f"the program has {len(program)} steps; bounds over boxes are for programs of at most {MOST_STEPS}") for name, claim in claims.items())
    try:
        done = operations(program, [program.names[name] for name in claims], check.format)
    except (NotDifferentiable, NoGate) as error:
        return tuple(_without_bound(check, box, name, claim, str(error)) for name, claim in claims.items())
    used = {o.gate: assumed(o.gate, check.format, assumptions) for o in done.operations if o.rounding == "library"}
    reason = _missing(check, used)
    if reason:
        return tuple(_without_bound(check, box, name, claim, reason) for name, claim in claims.items())
    known = tuple(a for a in used.values() if a is not None)
    ulps = {gate: float64_above(a.ulps) for gate, a in used.items() if a is not None}
    plan = _plan(check, done, ulps, box, claims)
    search = branch.begin(plan, done.outputs, check.format, list(claims.values()), pieces(done, box, check.format, constraint), constraint)
    watch = _Watch(check, list(claims), search)
    branch.run(search, budget - (time.process_time() - started), meanwhile=watch.look)
    watch.look(search)
    seconds = time.process_time() - started
    return tuple(_bound(check, box, name, search, j, watch.seen[j], known, seconds) for j, name in enumerate(claims))


def _plan(check: Check, done: Operations, ulps: Mapping[str, float], box: Box, claims: Mapping[str, ErrorClaim]) -> RoundingPlan:
    """The plan of a search, with its cuts."""
    relative = [output for output, claim in zip(done.outputs, claims.values(), strict=True) if claim.unit == "ulp"]
    plan = RoundingPlan(done, ulps, upstream=check.upstream, cuts=cuts_of(done, box), in_ulps=bool(relative), box=box)
    more = crossing(plan, box, relative)
    return RoundingPlan(done, ulps, upstream=check.upstream, cuts=(*plan.cuts, *more), in_ulps=bool(relative), box=box) if more else plan


def _missing(check: Check, used: Mapping[str, Assumed | None]) -> str:
    """Why nothing can be said of a program; '' where something can."""
    lacking = [gate for gate, found in used.items() if found is None]
    if not lacking:
        return ""
    names = " and ".join(", ".join(f"'{gate}'" for gate in part) for part in (lacking[:-1], lacking[-1:]) if part)
    return f"nothing is known of the error of {names} in {check.format.name}; state it, as in 'assume: {{{', '.join(f'{gate}: 4 ulp' for gate in lacking)}}}'"


def _without_bound(check: Check, box: Box, name: str, claim: ErrorClaim, reason: str) -> ErrorBound:
    return ErrorBound(name, check.format.name, box, claim, None, None, "open", 1.0, (box,), 1, reason=reason, is_for_program_only=name not in check.proved)


# ---------------------------------------------------------------- what is seen


class _Watch:
    """Looks for numbers with large errors while boxes are split; a claim that is refuted needs no further search."""

    def __init__(self, check: Check, names: Sequence[str], search: BoxSearch) -> None:
        self.check = check
        self.claims = [[name for _, name in check.subject.claims].index(name) for name in names]
        self.seen: list[Seen | None] = [None for _ in names]
        self.look(search)

    def look(self, search: BoxSearch) -> None:
        """Try numbers all over the domain, and in the boxes with the largest bounds."""
        for j, claim in enumerate(self.claims):
            standing = search.standing[j]
            if standing.stopped:
                continue
            found = largest(self.check, claim, standing.claim.unit, _points(search, j, max(40, min(TRIED if self.check.computed is None else CALLED, MOST_VALUES // len(self.check.subject.program)))))
            before = self.seen[j]
            if found is not None and (before is None or found.error > before.error):
                self.seen[j] = found
                if standing.claim.limit is not None and found.error > standing.claim.limit:
                    standing.stopped = True


def _points(search: BoxSearch, j: int, count: int) -> DoubleArray:
    """Numbers of the domain: anywhere, in the boxes with the largest bounds, and near the point with the largest one."""
    low, high = search.domain_low, search.domain_high
    inputs = len(low)
    found = [branch.between(low, high, search.random.random((count // 2, inputs)))]
    boxes = search.waiting
    if len(boxes):
        worst = np.argsort(-boxes.bound[:, j], kind="stable")[:50]
        at = worst[search.random.integers(0, len(worst), count // 2)]
        found.append(branch.between(boxes.low[at, :inputs], boxes.high[at, :inputs], search.random.random((count // 2, inputs))))
    if (near := search.standing[j].point_at) is not None:
        size = np.exp2(-search.random.integers(1, 50, (count // 4, 1)))
        found.append(near + np.minimum(high / 2 - low / 2, branch.WIDEST_STEP) * size * search.random.standard_normal((count // 4, inputs)))
    return branch.meant_points(search, np.vstack(found))


# ---------------------------------------------------------------- the answer


def _bound(check: Check, box: Box, name: str, search: BoxSearch, j: int, seen: Seen | None, known: tuple[Assumed, ...], seconds: float) -> ErrorBound:
    """What the search found for one gradient."""
    s = search.standing[j]
    left = branch.joined_boxes([search.waiting, search.final])
    outcome: BoundOutcome
    bound, worst, opened = _largest(s, left, j)
    if s.claim.limit is not None and seen is not None and seen.error > s.claim.limit:
        outcome = "refuted"
    else:
        outcome = "open" if opened.any() else "proved"
    if outcome == "proved" and seen is not None and bound is not None and seen.error > bound * (1 + ROUNDED):
        answer = _without_bound(check, box, name, s.claim, f"{CONTRADICTED if check.computed is None else OTHERWISE}: an error of {seen.error:.4g} occurs, and the bound would be {bound:.4g}")
        return replace(answer, seen=seen.error, seen_at=seen.point, assumptions=known, boxes=search.looked_at, seconds=seconds)
    if outcome == "proved" and bound is None:
        return replace(_without_bound(check, box, name, s.claim, NOTHING_MEANT), seconds=seconds)
    low, high = gathered(search, left.take(opened))
    boxes = tuple(_box(box, *ends) for ends in zip(low[:MOST_OPEN], high[:MOST_OPEN], strict=True))
    return ErrorBound(
        gradient=name,
        format=check.format.name,
        box=box,
        claim=s.claim,
        bound=bound,
        at_a_point=None if s.point_at is None else s.point if s.claim.unit == "absolute" or s.point < 2.0**search.format.precision else math.inf,
        outcome=outcome,
        open_share=0.0 if outcome == "proved" else branch.share_of(search, left.take(opened)),
        open_boxes=boxes,
        open_count=len(low),
        open_absolute=absolute_bound(search, search.outputs[j], low, high) if outcome == "open" and s.claim.unit == "ulp" else None,
        reason=_reason(s, left.bound[opened, j]) + (UNMET if search.constraint.meant is not None and s.point_at is None and seen is None else "") if outcome == "open" else "",
        worst=None if worst is None else _box(box, *worst),
        seen=None if seen is None else seen.error,
        seen_at=None if seen is None else seen.point,
        assumptions=known,
        lines=() if worst is None else _lines(check, search, j, worst),
        is_for_program_only=name not in check.proved,
        boxes=search.looked_at,
        seconds=seconds,
    )


def _largest(s: Standing, left: Boxes, j: int) -> tuple[float | None, tuple[DoubleArray, DoubleArray] | None, MaskArray]:
    """The largest bound that is proved, its box, and which of the boxes that are left are open."""
    bounds = left.bound[:, j] if len(left) else np.empty(0)
    most = s.claim.limit if s.claim.limit is not None else s.cap
    opened = ~(bounds <= most) | np.isposinf(bounds)
    value, at = s.settled, s.settled_at
    if not opened.all():
        rest = np.where(opened, -np.inf, bounds)
        best = int(np.argmax(rest))
        if rest[best] > value:
            value, at = float(rest[best]), (left.low[best], left.high[best])
    return (None, None, opened) if at is None or not math.isfinite(value) else (value, at, opened)


def _reason(s: Standing, bounds: DoubleArray) -> str:
    """Why boxes are left."""
    if np.all(np.isposinf(bounds)):
        return "no bound is known there: a pole, an overflow, the end of a function's domain, or a function for which the sign of a zero matters" + (", or a zero of the gradient" if s.claim.unit == "ulp" else "")
    if s.claim.limit is None:
        return f"the bound there is still above {s.cap:.6g} ulp: the time was not enough, or the gradient is 0 or cancels"
    return "the time was not enough, or the bound at a point is above the claim" if s.point <= s.claim.limit else f"the bound at a point is {s.point:.4g}, above the claim"


def _box(box: Box, low: DoubleArray, high: DoubleArray) -> Box:
    count = len(box.inputs)
    return Box(box.inputs, tuple(low[:count].tolist()), tuple(high[:count].tolist()))


def _lines(check: Check, search: BoxSearch, j: int, worst: tuple[DoubleArray, DoubleArray]) -> tuple[LineShare, ...]:
    """The statements whose roundings make the bound of a box, largest first."""
    low, high = (end[None, :] for end in worst)
    _, forward = branch.evaluate(search, low, high)
    measure = effects.in_ulps if search.standing[j].claim.unit == "ulp" else effects.absolute
    terms = measure(forward, search.outputs[j], keeps_terms=True).terms
    total = sum(float(t[0]) for t in terms.values())
    if not 0 < total < math.inf:
        return ()
    program = check.subject.program
    statements: dict[tuple[int | None, str], list[tuple[float, int]]] = {}
    for k, term in terms.items():
        line = program.steps[search.plan.done.operations[k].origin].line
        where = program.lines[line] if 0 <= line < len(program.lines) else None
        place = None if where is None or where.source is None else where.source.place(where.start).line
        statements.setdefault((place, where.text.strip() if where is not None else _text(search, k)), []).append((float(term[0]), k))
    found = []
    for (place, statement), parts in statements.items():
        amount = sum(p for p, _ in parts)
        found.append(LineShare(place, statement, amount / total, amount, search.plan.done.operations[max(parts)[1]].gate))
    return tuple(sorted((f for f in found if f.share >= LEAST_SHARE), key=lambda f: -f.share)[:MOST_LINES])


def _text(search: BoxSearch, k: int) -> str:
    o = search.plan.done.operations[k]
    return o.text or o.gate


__all__ = ["at_point", "certify"]
