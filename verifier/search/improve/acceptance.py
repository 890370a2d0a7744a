"""What is accepted: a replacement that is proved for all inputs of the domain, is worse at no point that is tried, and that a hunt finds nothing against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from flint import arb

from verifier.arithmetic import balls, floats, ranges
from verifier.arithmetic.types import DoubleArray, RealValue
from verifier.case.case import Draft
from verifier.case.points import FloatPoint, places_of
from verifier.circuit.apply import BuildError
from verifier.circuit.expressions import add_expression
from verifier.circuit.program import Builder, Program
from verifier.circuit.statements import add_backward
from verifier.compare.agreement import outcomes
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.meant import Meant
from verifier.compare.sweep.classify import VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.exact import derivatives
from verifier.exact.cones import Prover
from verifier.exact.prove import Proof
from verifier.exact.truth import subject
from verifier.language.formats import numbers
from verifier.language.source import Source
from verifier.language.tokens import LanguageError
from verifier.language.verdict import Verdict
from verifier.search.hunt import BAD, Region, hunt
from verifier.search.improve.guilty import Replaceable
from verifier.search.paths import InputRanges

HUNT_POINTS = 600  # that the hunt may judge, in each box
MOST_PARTS = 200  # into which a box is divided to see that a condition holds nowhere in it
BESIDE = 2  # floats
MOST_WITHOUT_NUMBER = 24  # points at which a gradient is no number that are judged first
BORDERS_WITHIN = 1  # of a hunt, between two neighbours of its grid: more lie around the zeros of a gradient, where every formula is off
PROOF_POINTS = 12  # listed points of a proof
PROVED, CERTIFIED = "proved", "approximates"


@dataclass(frozen=True)
class Accepted:
    """A replacement that holds: how it is proved, and the worst verdicts before and after at the points that were tried."""

    check: Check
    proof: str
    proof_text: str
    before: Verdict
    after: Verdict
    bad: tuple[FloatPoint, ...] = ()  # points at which the verdict after it passes neither


@dataclass(frozen=True)
class NotAccepted:
    """Why a replacement is not accepted, and the points that speak against it, where there are such."""

    reason: str
    points: tuple[FloatPoint, ...] = ()


def replaced_check(check: Check, draft: Draft, statement: Replaceable, text: str) -> Check | None:
    """The same question of an implementation with another text in place of a statement; None where that cannot be read."""
    source = statement.source
    new = Source(source.text[: statement.start] + text + source.text[statement.end :], source.file, source.line, source.column, source.span, source.label, source.span_column)
    try:
        whole, complaints = add_backward(draft.forward, new, draft.claims, aliases=dict(draft.aliases))
    except BuildError:
        return None
    if whole is None or complaints:
        return None
    return replace(check, subject=subject(replace(draft, whole=whole)), proved=frozenset())


def judged(check: Check, points: Sequence[FloatPoint]) -> list[Verdict]:
    """The verdicts of a check of one gradient at points."""
    return judged_all(check, points)[0] if points else []


def judged_all(check: Check, points: Sequence[FloatPoint]) -> list[list[Verdict]]:
    """The verdicts of each claim of a check at points, of which there are some."""
    columns = [np.array(c) for c in zip(*points, strict=True)]
    return [[VERDICTS[code] if code >= 0 else Verdict.UNDECIDED for code in found.verdict.tolist()] for found in judge_columns(check, columns)]


def computed_at(check: Check, gradient: str, points: Sequence[FloatPoint]) -> DoubleArray:
    """What an implementation computes for a gradient at points, one number for each."""
    program = check.subject.program
    (values,) = floats.arrays(program, [np.array(c) for c in zip(*points, strict=True)], [program.names[gradient]], fmt=check.format, upstream=check.upstream)
    return np.broadcast_to(values, len(points))


def is_worse(after: Verdict, before: Verdict) -> bool:
    """Whether a verdict is worse than another; those that pass are all alike."""
    return not after.passes and after.rank > before.rank


def accepted(check: Check, new: Check, gradient: str, points: Sequence[FloatPoint], boxes: Sequence[InputRanges], *, meant: Meant | None, bad_points: Sequence[FloatPoint] = (), certificate: str = "", proved_parts: Sequence[Check] = (), besides: Callable[[Check], Sequence[FloatPoint]] | None = None) -> Accepted | NotAccepted:
    """Whether a replacement holds.

    `bad_points` are where the old gradient is worst; `certificate` says within what a part of it is certified to approximate the gradient, where it is not equal; `proved_parts` are
    then what must be proved instead: the rest of it, used for all inputs, and what the certificate is one of. `besides` has further points that speak against a replacement: it is asked before anything is
    proved, which takes longer.
    """
    old, alone = check.alone(gradient), new.alone(gradient)
    if worse := _where_no_number(old, alone, gradient, points):
        return NotAccepted("it is no number at a point", tuple(worse))
    after = judged(alone, points)
    open_points = [(p, a) for p, a in zip(points, after, strict=True) if not a.passes]
    before = judged(old, [*(p for p, _ in open_points), *bad_points])
    worse = [p for (p, a), b in zip(open_points, before, strict=False) if is_worse(a, b)]
    if worse:
        return NotAccepted("its verdict is worse at a point", tuple(worse))
    if others := _others_against(check, new, gradient, points):
        return NotAccepted("the verdict of another gradient is worse at a point", tuple(others))
    if besides is not None and (further := besides(new)):
        return NotAccepted("it is worse at a further point", tuple(further))
    proof = ""
    for part in reversed(proved_parts or [new]):
        answer = _proof(part.alone(gradient), points, boxes, meant, may_have_holes=bool(certificate))
        if isinstance(answer, NotAccepted):
            return answer
        proof = answer
    found = [r for box in boxes for r in hunt(alone, box, seed=gradient, budget=max(1, HUNT_POINTS // len(boxes)), verdicts=BAD, meant=meant, sharp=False, within=BORDERS_WITHIN)]
    bad = [r for r in found if not r.verdict.passes and r.verdict is not Verdict.UNDEFINED]
    if bad:
        rows = compare(old, [r.point for r in bad], detail=False)
        before = [*before, *(row[0].verdict for row in rows)]
        against = [r for r, row in zip(bad, rows, strict=True) if is_worse(r.verdict, row[0].verdict) and not _is_as_bad_beside(old, r)]
        if against:
            return NotAccepted(f"a hunt finds {against[0].verdict.value} at {against[0].point}", tuple(dict.fromkeys(p for r in against for p in (r.point, *r.ends))))
    if certificate and any(v is Verdict.WRONG for v in (*after, *(r.verdict for r in bad))):
        return NotAccepted("it is wrong at a point")
    worst_before, worst_after = worst_of(before), worst_of([*after, *(r.verdict for r in bad)])
    return Accepted(new, CERTIFIED if certificate else PROVED, f"{certificate}, elsewhere proved {proof}" if certificate else proof, worst_before, worst_after, tuple(dict.fromkeys([*(p for r in bad for p in (r.point, *r.ends)), *(p for p, v in open_points if v is not Verdict.UNDEFINED)])))


def _where_no_number(old: Check, new: Check, gradient: str, points: Sequence[FloatPoint]) -> list[FloatPoint]:
    """Some points at which the new gradient is no number, the old one is, and the verdict is worse: what rules out most that is not accepted, and costs least."""
    if not points:
        return []
    before, after = (np.isfinite(computed_at(c, gradient, points)) for c in (old, new))
    few = [points[k] for k in np.flatnonzero(before & ~after).tolist()][:MOST_WITHOUT_NUMBER]
    return [p for p, a, b in zip(few, judged(new, few), judged(old, few), strict=True) if is_worse(a, b)]


def _is_as_bad_beside(old: Check, region: Region) -> bool:
    """Whether the old gradient is as bad beside a region's point and its ends."""
    points = list(dict.fromkeys([region.point, *region.ends]))
    return all(are_as_bad_beside(old, [region.verdict] * len(points), points))


def are_as_bad_beside(old: Check, verdicts: Sequence[Verdict], points: Sequence[FloatPoint]) -> list[bool]:
    """Whether the old gradient has a verdict, or a worse one, within a few floats of each point: at a zero of a gradient it is chance at which float beside it a formula vanishes."""
    beside = [_beside(old, p) for p in points]
    found = iter(judged(old, [q for group in beside for q in group]))
    return [any(v is verdict or is_worse(v, verdict) for v in list(islice(found, len(group)))) for verdict, group in zip(verdicts, beside, strict=True)]


def _beside(check: Check, point: FloatPoint) -> list[FloatPoint]:
    """A point, and those at which one input is a few floats larger or smaller."""
    found = [point]
    for i, x in enumerate(point):
        near = numbers(check.format, places_of(check.format, [x]) + np.array([k for k in range(-BESIDE, BESIDE + 1) if k])).tolist()
        found += [(*point[:i], y + 0.0, *point[i + 1 :]) for y in near if np.isfinite(y)]
    return found


def _others_against(check: Check, new: Check, gradient: str, points: Sequence[FloatPoint]) -> list[FloatPoint]:
    """The points at which the other gradients that read the statement have a worse verdict than before."""
    names = [name for name in dict.fromkeys(name for _, name in check.subject.claims) if name != gradient]
    if not names or not points:
        return []
    columns = [np.array(c) for c in zip(*points, strict=True)]
    before, after = (floats.arrays(c.subject.program, columns, [c.subject.program.names[n] for n in names], fmt=c.format, upstream=c.upstream) for c in (check, new))
    found = []
    for name, old, now in zip(names, before, after, strict=True):
        same = np.broadcast_to((old == now) | (np.isnan(old) & np.isnan(now)), len(points))
        changed = [p for p, is_same in zip(points, same, strict=True) if not is_same]
        found += [p for p, a, b in zip(changed, judged(new.alone(name), changed), judged(check.alone(name), changed), strict=True) if is_worse(a, b)]
    return list(dict.fromkeys(found))


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; where nothing is defined or decided there is none."""
    return max((v for v in verdicts if v.passes or v.warns or v.fails), key=lambda v: v.rank, default=Verdict.CORRECT)


def _proof(check: Check, points: Sequence[FloatPoint], boxes: Sequence[InputRanges], meant: Meant | None, *, may_have_holes: bool) -> str | NotAccepted:
    """What is proved of a check of one gradient, in words, or why that does not do. It may have no value at single points only if a series takes its place there."""
    claim = check.subject.claims[0]
    proof = identity_of(check, claim, boxes)
    if isinstance(proof, NotAccepted):
        return proof
    outcome = outcomes(check, (_with_a_value(check, points) if may_have_holes else points)[:PROOF_POINTS], meant=meant)[claim[1]]
    if outcome.kind != PROVED:
        return NotAccepted(f"the proof does not stand: {outcome.note}", () if outcome.counterexample is None else (tuple(outcome.counterexample.values()),))
    if outcome.holes and not may_have_holes:
        return NotAccepted(f"it has no value at a point: {outcome.note}", outcome.holes)
    return proof.text() if may_have_holes else outcome.note


def _with_a_value(check: Check, points: Sequence[FloatPoint]) -> Sequence[FloatPoint]:
    """The points at which a gradient is computed as a number."""
    values = computed_at(check, check.subject.claims[0][1], points)
    return [p for p, known in zip(points, np.isfinite(values).tolist(), strict=True) if known]


def identity_of(check: Check, claim: tuple[str, str], boxes: Sequence[InputRanges]) -> Proof | NotAccepted:
    """The proof of one claim of a check, without a gap in the boxes; or why there is none. Of a large array it is that of the component's own steps."""
    proof = Prover(check.truth, check.subject, check.format, check.upstream).prove(claim)
    if proof is None:
        return NotAccepted("no proof was found that it is equal")
    gaps = [g for g in proof.gaps if not is_outside(check, g, boxes)]
    return NotAccepted(f"it has no value where {gaps[0]}") if gaps else proof


def is_outside(check: Check, condition: str, boxes: Sequence[InputRanges]) -> bool:
    """Whether a condition certainly holds nowhere in the boxes."""
    builder = Builder(check.subject.program.inputs)
    try:
        whole = derivatives.primitive(builder.program(add_expression(builder, condition)))
    except (LanguageError, BuildError, derivatives.NotDifferentiable):
        return False
    pending = [tuple(box) for box in boxes]
    for _ in range(MOST_PARTS * len(pending)):
        if not pending:
            return True
        box = pending.pop()
        if _is_false_in(whole, box):
            continue
        widths = [high - low for low, high in box]
        if not np.isfinite(widths).all():
            return False
        k = int(np.argmax(widths))
        middle = box[k][0] / 2 + box[k][1] / 2
        if not box[k][0] < middle < box[k][1]:
            return False
        pending += [(*box[:k], half, *box[k + 1 :]) for half in ((box[k][0], middle), (middle, box[k][1]))]
    return not pending


def _is_false_in(condition: Program, box: InputRanges) -> bool:
    """Whether a condition certainly holds nowhere in a box: by a ball for each input, or, since a ball of 1 to 1e200 reaches below 0, by the two ends of each."""
    is_finite = [bool(np.isfinite(low) and np.isfinite(high)) for low, high in box]
    with balls.precision(128):
        point = [arb(low).union(arb(high)) if known else arb("nan") for (low, high), known in zip(box, is_finite, strict=True)]
        if is_false(balls.at(condition, point, strict=False)[condition.output]):
            return True
    return all(is_finite) and any(is_false(value) for value in ranges.run(condition, box, _conjuncts(condition), strict=False))


def _conjuncts(condition: Program) -> list[int]:
    """The steps all of which must hold where a condition holds."""
    found, left = [], [condition.output]
    while left:
        step = left.pop()
        if condition.steps[step].gate == "and":
            left += condition.steps[step].args
        else:
            found.append(step)
    return found


def is_false(value: RealValue | ranges.Range) -> bool:
    """Whether a truth value is certainly false."""
    return value is False


__all__ = ["PROVED", "Accepted", "NotAccepted", "accepted", "are_as_bad_beside", "computed_at", "identity_of", "is_worse", "judged", "judged_all", "replaced_check", "worst_of"]
