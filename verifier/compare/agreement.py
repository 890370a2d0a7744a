"""Whether two programs agree for all inputs: proved, or as far as points tell."""

from __future__ import annotations

import math
import random
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from verifier.arithmetic import rounding
from verifier.case.components import base
from verifier.case.points import FloatPoint
from verifier.circuit.program import Program
from verifier.compare.challenge import Challenged, Contradiction, Kind, challenge, differs, is_costly, plainness, plainness_of_point
from verifier.compare.challenge_points import PartialDomain
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.content import content_of_check, content_of_meant
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.lanes import Lanes
from verifier.compare.meant import Meant, intervals, is_meant, meant_of_lanes, where_satisfied
from verifier.exact import one_sided
from verifier.exact.bound import MOST_INPUTS, bound
from verifier.exact.cones import Prover
from verifier.exact.prove import CHECKED_POINTS, DIGITS_PER_BIT, FURTHER_POINTS, NEAR, Proof, prove_same
from verifier.exact.truth import Subject
from verifier.language.formats import Format, round_exact
from verifier.language.verdict import Verdict
from verifier.run.cache import NO_CACHE, Cache, name_of, remembered

LARGE = 1_000  # steps of a program in which no proof is tried of what is known to be wrong
MOST_HOLES = 3  # named in a note
MOST_FURTHER = 2_000  # gradients at further points, of all claims
FIRST_FURTHER = 2  # of them
MOST_FAILURES = 8
MOST_LOOKED_AT = 40  # points that contradict a bound, or a formula without a proof, at which it is judged
MOST_TIES = 2  # points with a tie at which such a formula is judged: each takes many bits
SHORT = 3  # digits of every other point: a witness that can be read
STEPS_AT_ONCE = 10_000  # of the further points that are compared together: what is compared is known to whoever begins anew after the time was out
KINDS = ("refuted", "undecided", "approximates", "agrees", "proved")
MOST_TRIALS = 8  # challenges of the same programs, at other points or in other domains, that are remembered
MOST_LANES = 8  # whose points a proof is challenged at, beside those on borders and in tails
MOST_READ = 20  # inputs of a point that somebody reads; among more of them short numbers tie


KnownRows: TypeAlias = "dict[tuple[tuple[tuple[str, str], ...], tuple[float, ...]], list[Discrepancy]]"  # by the claims and the point


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a computed gradient agrees with the exact one: proved, agrees, approximates, refuted, or undecided where nothing could be compared."""

    kind: str
    note: str
    counterexample: dict[str, float] | None = None
    fault: str = ""  # of this tool: a proof that the challenge contradicts
    both_defined: bool = True  # the computed gradient has a value there
    holes: tuple[FloatPoint, ...] = ()  # proved, but for such single points at which it has no value and the exact gradient has one


def outcomes(
    check: Check,
    points: Sequence[tuple[float, ...]],
    *,
    meant: Meant | None = None,
    seed: int = 0,
    listed: Sequence[Sequence[Discrepancy]] | None = None,
    wrong: Mapping[str, Discrepancy] | None = None,
    seconds: float = math.inf,
    cache: Cache = NO_CACHE,
    known: KnownRows | None = None,
) -> dict[str, Outcome]:
    """The outcome of every claimed gradient, by its name.

    `points` are numbers of the format; further ones are tried where the inputs are `meant`; `listed` is what `compare` found at the
    points, where that is known already. Every claim, proved or not, is challenged (`challenge`): one that fails on a border or in a piece far
    from the points, or has a gap in the domain, is `refuted` with that point as its witness. In a large program those that are known to be `wrong` are refuted by that
    alone, without a proof and a challenge. After so many `seconds` of the processor no further proof is begun. `cache` has the proofs of earlier runs, whatever their points.
    `known` takes what is found at further points, for `by_points` if this is interrupted.
    """
    known = {} if known is None else known
    if (several := _layers(check)) is not None:
        return _weakest([outcomes(c, points, meant=meant, seed=seed, listed=_columns(listed, at), seconds=seconds, cache=cache, known=known) for c, at in several])
    if (rest := _without(check, wrong)) is not None:
        others = outcomes(rest[0], points, meant=meant, seed=seed, listed=_columns(listed, rest[1]), seconds=seconds, cache=cache, known=known) if rest[1] else {}
        return _with_refuted(check, others, wrong)
    if points and check.lanes is not None and (of_lanes := _by_lanes(check, check.lanes, points, meant=meant, seed=seed, listed=listed, seconds=seconds, cache=cache)) is not None:
        return of_lanes
    deadline = time.process_time() + seconds
    domain = intervals(meant)
    proofs, unproved = _remembered_proofs(check, deadline, cache)
    trials = _trials(check, proofs, points, meant=meant, seed=seed)
    rows = list(listed) if listed is not None else compare(check, points) if points else []
    off = _wrong_in(rows)
    standing = {name: proof for name, proof in proofs.items() if _stands(trials[name]) and name not in off}
    open_claims = [name for _, name in check.subject.claims if name not in proofs or (name not in standing and _against(trials[name], points, meant) is None)]
    rows += _further_rows(check, [n for n in open_claims if n not in off], points, known, meant=meant, seed=seed)
    inputs, result = check.subject.program.inputs, {}
    for i, (_, name) in enumerate(check.subject.claims):
        trial = trials.get(name)
        if name in standing:
            result[name] = Outcome("proved", _proved_text(standing[name], trials[name], inputs), holes=tuple(c.point for c in trials[name].found))
            continue
        found = [row[i] for row in rows]
        if name not in proofs:
            outcome = _unproved(check, name, found, trial, points, meant)
            if name not in off and outcome.kind in ("agrees", "approximates") and len(inputs) <= MOST_INPUTS and time.process_time() <= deadline:
                outcome = _bounded(outcome, check, check.subject.claims[i], points, domain=domain, seed=seed)
            result[name] = replace(outcome, note=f"{outcome.note}; {unproved[name]}") if name in unproved and outcome.kind == "agrees" else outcome
            continue
        against = _against(trials[name], points, meant) if name not in off else None
        if against is not None:
            found = compare(check.alone(name), [against.point])[0]
        outcome = _compared(found, inputs)
        result[name] = _withdrawn(outcome, proofs[name], trials[name], inputs) if trials[name].found or name in off else outcome
    return result


def _by_lanes(
    check: Check, lanes: Lanes, points: Sequence[tuple[float, ...]], *, meant: Meant | None, seed: int, listed: Sequence[Sequence[Discrepancy]] | None, seconds: float, cache: Cache
) -> dict[str, Outcome] | None:
    """The outcomes where those of one lane, challenged at its points, are proofs without any exception; None where they are not, or where the lanes are not meant alike."""
    own = None if meant is None else meant_of_lanes(meant, lanes.inputs)
    if (meant is not None and own is None) or (listed is not None and any(d.verdict in (Verdict.WRONG, Verdict.UNDECIDED) for row in listed for d in row)):
        return None
    one = check.of_lane
    shown = dict.fromkeys(lane for p in points for lane in lanes.points(p))  # at all of which `listed` has compared both sides, where it is given
    proofs = _proved_everywhere(one, list(shown)[: MOST_LANES if listed is not None else None], meant=own, seed=seed, seconds=seconds, cache=cache)
    if proofs is None:
        return None
    return {check.subject.claims[number][1]: outcome for claims in lanes.claims for number, outcome in zip(claims, proofs, strict=True)}


def _proved_everywhere(check: Check, points: Sequence[tuple[float, ...]], *, meant: Meant | None, seed: int, seconds: float, cache: Cache) -> list[Outcome] | None:
    """The outcomes of all claims, in order, where each is proved, stands at all points that are tried, and holds without exceptions that are to be named; else None."""
    proofs = _remembered_proofs(check, time.process_time() + seconds, cache)[0]
    names = [name for _, name in check.subject.claims]
    if any(name not in proofs or proofs[name].conditions or proofs[name].gaps or proofs[name].borders for name in names):
        return None
    trials = _trials(check, proofs, points, meant=meant, seed=seed)
    if any(not _stands(trials[name]) or trials[name].found or trials[name].skipped for name in names):
        return None
    return [Outcome("proved", proofs[name].text()) for name in names]


def _remembered_proofs(check: Check, deadline: float, cache: Cache) -> tuple[dict[str, Proof], dict[str, str]]:
    """`_proofs`, those of earlier runs too."""
    return remembered(cache, lambda: name_of("proofs", content_of_check(check)), tuple[dict[str, Proof], dict[str, str]], lambda: _proofs(check, deadline), is_lasting=lambda: time.process_time() <= deadline)


def by_points(
    check: Check,
    points: Sequence[tuple[float, ...]],
    *,
    meant: Meant | None = None,
    seed: int = 0,
    listed: Sequence[Sequence[Discrepancy]] | None = None,
    wrong: Mapping[str, Discrepancy] | None = None,
    known: KnownRows | None = None,
) -> dict[str, Outcome]:
    """The outcome of every claimed gradient as far as points tell: those at which `outcomes` challenges and compares what has no proof, with a bound on the work and none on the time.

    What `known` has is not compared again.
    """
    known = {} if known is None else known
    if (several := _layers(check)) is not None:
        return _weakest([by_points(c, points, meant=meant, seed=seed, listed=_columns(listed, at), known=known) for c, at in several])
    if (rest := _without(check, wrong)) is not None:
        others = by_points(rest[0], points, meant=meant, seed=seed, listed=_columns(listed, rest[1]), known=known) if rest[1] else {}
        return _with_refuted(check, others, wrong)
    trials = _trials(check, {}, points, meant=meant, seed=seed)
    rows = list(listed) if listed is not None else compare(check, points) if points else []
    off = _wrong_in(rows)
    rows += _further_rows(check, [name for _, name in check.subject.claims if name not in off], points, known, meant=meant, seed=seed)
    return {name: _unproved(check, name, [row[i] for row in rows], trials.get(name), points, meant) for i, (_, name) in enumerate(check.subject.claims)}


def _layers(check: Check) -> list[tuple[Check, list[int]]] | None:
    """Where a name is claimed for several inputs: checks in which every name is claimed once, with the positions of their claims; else None."""
    found: list[list[int]] = []
    count: dict[str, int] = {}
    for i, (_, name) in enumerate(check.subject.claims):
        layer = count[name] = count.get(name, -1) + 1
        found += [[]] if layer == len(found) else []
        found[layer].append(i)
    if len(found) <= 1:
        return None
    return [(replace(check, subject=Subject(check.subject.program, tuple(check.subject.claims[i] for i in at))), at) for at in found]


def _without(check: Check, wrong: Mapping[str, Discrepancy] | None) -> tuple[Check, list[int]] | None:
    """A large check without the claims that are wrong, with the positions of the others; None where nothing is left out."""
    if not wrong or len(check.subject.program) < LARGE:
        return None
    at = [i for i, (_, name) in enumerate(check.subject.claims) if name not in wrong]
    if len(at) == len(check.subject.claims):
        return None
    return replace(check, subject=Subject(check.subject.program, tuple(check.subject.claims[i] for i in at))), at


def _with_refuted(check: Check, others: Mapping[str, Outcome], wrong: Mapping[str, Discrepancy] | None) -> dict[str, Outcome]:
    """The outcomes of all claims, in their order: of some, and of those that are known to be wrong."""
    inputs = check.subject.program.inputs
    return {name: others[name] if wrong is None or name not in wrong else _compared([wrong[name]], inputs) for _, name in check.subject.claims}


def _columns(rows: Sequence[Sequence[Discrepancy]] | None, at: Sequence[int]) -> list[list[Discrepancy]] | None:
    return None if rows is None else [[row[i] for i in at] for row in rows]


def _weakest(found: Sequence[Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """Of each name the outcome that claims the least."""
    names = dict.fromkeys(name for outcomes in found for name in outcomes)
    return {name: min((o[name] for o in found if name in o), key=lambda o: KINDS.index(o.kind)) for name in names}


def _trials(check: Check, proofs: Mapping[str, Proof], points: Sequence[tuple[float, ...]], *, meant: Meant | None, seed: int) -> dict[str, Challenged]:
    """What the challenge says of every claim; in a large program of the proved ones only. What it said when the same was asked of these programs is remembered."""
    is_open = (meant is None or meant.is_anywhere) and not is_costly(check.truth, check.subject)
    names = [name for _, name in check.subject.claims if name in proofs or is_open]
    if not names:
        return {}
    conditional = [name for name in names if name not in proofs or proofs[name].conditions]
    known: OrderedDict[object, dict[str, Challenged]] = check.subject.beside(check.truth, "trials", OrderedDict)
    asked = tuple(names), tuple(conditional), np.array(points).tobytes(), check.format, check.upstream, repr(content_of_meant(meant)), seed  # as bytes and text -0.0 is not 0.0
    if asked not in known:
        few = further_points(points, len(check.subject.program.inputs), fmt=check.format, meant=meant, seed=seed, most=CHECKED_POINTS)
        found = challenge(check.truth, check.subject, names, (*points, *few), fmt=check.format, upstream=check.upstream, domain=intervals(meant), seed=seed, conditional=conditional)
        while len(known) >= MOST_TRIALS:
            known.popitem(last=False)
        known[asked] = found
    return known[asked]


def _wrong_in(rows: Sequence[Sequence[Discrepancy]]) -> set[str]:
    return {d.name for row in rows for d in row if d.verdict is Verdict.WRONG}


def _further_rows(check: Check, names: Sequence[str], points: Sequence[tuple[float, ...]], known: KnownRows, *, meant: Meant | None, seed: int) -> list[list[Discrepancy]]:
    """What is found at further points, where some gradient is still open: at two, and at the others if any of these gradients could be decided there. What could not has taken all the bits there are."""
    if not names:
        return []
    found = further_points(points, len(check.subject.program.inputs), fmt=check.format, meant=meant, seed=seed, most=_most_further(check))
    rows = _rows_at(check, found[:FIRST_FURTHER], known)
    if rows and all(d.verdict is Verdict.UNDECIDED for row in rows for d in row if d.name in names):
        return rows
    return rows + _rows_at(check, found[FIRST_FURTHER:], known)


def _rows_at(check: Check, points: Sequence[tuple[float, ...]], known: KnownRows) -> list[list[Discrepancy]]:
    """What is found at some points, a few at a time, each noted in `known`."""
    claims = check.subject.claims
    missing = list(dict.fromkeys(p for p in points if (claims, p) not in known))
    size = max(1, STEPS_AT_ONCE // len(check.subject.program))
    for start in range(0, len(missing), size):
        some = missing[start : start + size]
        known.update(zip([(claims, p) for p in some], compare(check, some, detail=_has_details(check), conditions=False), strict=True))
    return [known[claims, p] for p in points]


def _unproved(check: Check, name: str, found: Sequence[Discrepancy], trial: Challenged | None, points: Sequence[tuple[float, ...]], meant: Meant | None) -> Outcome:
    """The outcome of a gradient without a proof: at the points, and, where these do not refute it, at the plainest of those that contradict it, or at which it compares what may be equal."""
    outcome = _compared(found, check.subject.program.inputs)
    if trial is None or outcome.kind == "refuted" or (found and all(d.verdict is Verdict.UNDECIDED for d in found)):
        return outcome
    claimed = [c for c in sorted(trial.found, key=plainness) if _is_claimed(c, points, meant)]
    against = [c.point for c in claimed if c.kind not in (Kind.HOLE, Kind.TIE)][:MOST_LOOKED_AT] + [c.point for c in claimed if c.kind is Kind.TIE][:MOST_TIES]
    return _compared([*found, *(d for row in compare(check.alone(name), against) for d in row)], check.subject.program.inputs) if against else outcome


def _most_further(check: Check) -> int:
    return max(CHECKED_POINTS, min(FURTHER_POINTS, MOST_FURTHER // len(check.subject.claims)))


def _has_details(check: Check) -> bool:
    return len(check.subject.claims) <= MOST_FURTHER // FURTHER_POINTS


def _proofs(check: Check, deadline: float) -> tuple[dict[str, Proof], dict[str, str]]:
    """The proofs of the claimed gradients, and of the others why no proof was tried."""
    prover = Prover(check.truth, check.subject, check.format, check.upstream)
    proofs: dict[str, Proof] = {}
    unproved: dict[str, str] = {}
    failures: dict[str, int] = {}  # of an array, one after the other
    for variable, name in check.subject.claims:
        array = base(name) if name.endswith("]") else ""
        if time.process_time() > deadline:
            unproved[name] = "the time for proofs is spent"
        elif array and failures.get(array, 0) >= MOST_FAILURES:
            unproved[name] = f"no proof was found for {MOST_FAILURES} components of the array one after the other, so none was tried for the rest"
        elif (proof := prover.prove((variable, name))) is not None:
            proofs[name] = proof
            failures[array] = 0
        else:
            failures[array] = failures.get(array, 0) + 1
    return proofs, unproved


def _against(trial: Challenged, points: Sequence[tuple[float, ...]], meant: Meant | None) -> Contradiction | None:
    """The plainest contradiction of a proof, ties aside, at a point at which the gradient is claimed; a proof that is false inside a piece counts anywhere."""
    claimed = [c for c in trial.found if c.kind is Kind.INSIDE or _is_claimed(c, points, meant)]
    return next((min(of_kind, key=plainness) for kind in Kind if kind is not Kind.TIE and (of_kind := [c for c in claimed if c.kind is kind])), None)


def _is_claimed(contradiction: Contradiction, points: Sequence[tuple[float, ...]], meant: Meant | None) -> bool:
    return meant is None or tuple(contradiction.point) in points or is_meant(meant, contradiction.point)


def _bounded(outcome: Outcome, check: Check, claim: tuple[str, str], points: Sequence[tuple[float, ...]], *, domain: PartialDomain, seed: int) -> Outcome:
    """The same outcome, certified for all numbers of the format where the distance from the exact gradient is bounded by an ulp; the bound is challenged like a proof."""
    truth, subject, fmt, upstream = check.truth, check.subject, check.format, check.upstream
    limit = bound(truth, subject, claim, fmt=fmt, upstream=upstream, domain=domain)
    if limit is None:
        return outcome
    trial = challenge(truth, subject, [claim[1]], points, fmt=fmt, upstream=upstream, domain=domain, seed=seed)[claim[1]]
    off = [c.point for c in trial.found if c.kind in (Kind.INSIDE, Kind.BORDER)][:MOST_LOOKED_AT]
    if any(c.kind in (Kind.GAP, Kind.TIE) for c in trial.found) or not trial.met:
        return outcome
    if any(d.name == claim[1] and d.verdict is Verdict.WRONG for row in compare(check, off, detail=False) for d in row):
        return outcome
    return replace(outcome, kind="approximates", note=f"certified within {rounding.significant(limit)} ulp at all numbers of {fmt.name}" + (" in the domain" if domain is not None and any(d is not None for d in domain) else ""))


def _stands(challenged: Challenged) -> bool:
    """Whether a proof counts: nothing but single holes contradicts it, and at some point the enclosures of both sides overlap."""
    return challenged.met > 0 and all(c.kind is Kind.HOLE for c in challenged.found)


def _proved_text(proof: Proof, challenged: Challenged, inputs: tuple[str, ...]) -> str:
    """What was proved, with the single points at which the implementation has no value, those at which it is open, and how many points on borders were not looked at."""
    holes = [_at(c, inputs) for c in challenged.found[:MOST_HOLES]]
    more = len(challenged.found) - len(holes)
    words = f"; it has no value at {' or '.join(holes)}{f' and {more} more of the points tried' if more else ''}, where the exact gradient has one" if holes else ""
    if proof.borders and challenged.undecided:
        named = [_shown(min(challenged.undecided, key=plainness_of_point), inputs)] if len(inputs) <= MOST_INPUTS else []
        others = len(challenged.undecided) - len(named)
        open_at = [*named, *([f"{others} {'more ' if named else ''}of the points tried"] if others else [])]
        words += f"; not at {' and '.join(open_at)}, where it could not be decided"
    return proof.text() + words + (f"; {challenged.skipped} of the points on borders were not tried" if challenged.skipped else "")


def _withdrawn(outcome: Outcome, proof: Proof, challenged: Challenged, inputs: tuple[str, ...]) -> Outcome:
    """What the points show of a gradient whose proof does not stand as it is; a proof that is false inside a piece is a fault of ours."""
    false = challenged.first(Kind.INSIDE) or challenged.first(Kind.TIE)
    if false is not None and false.kind is Kind.TIE:
        return replace(outcome, note=f"{outcome.note}; a proof of it does not count: near {_at(false, inputs)} {Kind.TIE.value}", fault=f"a proof of it meets a tie at {_at(false, inputs)}")
    if false is not None:
        fault = f"a proof of it ({proof.text()}) is contradicted at {_at(false, inputs)} and withdrawn: a fault of this tool, please report it"
        return replace(outcome, note=f"{outcome.note}; {fault}", fault=fault)
    return replace(outcome, note=f"{outcome.note}; elsewhere it is proved {proof.text()}")


def _at(contradiction: Contradiction, inputs: tuple[str, ...]) -> str:
    return _shown(contradiction.point, inputs)


def _shown(point: tuple[float, ...], inputs: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in zip(inputs, point, strict=True))


def same(function: Program, other: Program, points: Sequence[tuple[float, ...]], *, fmt: Format, domain: PartialDomain = None) -> str:
    """Whether two programs have the same value, in words: proved, different at a point, or alike at all points."""
    different = differs(function, other, points, fmt=fmt, domain=domain)
    if different is not None:
        return "differs from the function at " + ", ".join(f"{name} = {value!r}" for name, value in zip(function.inputs, different, strict=True))
    proof = prove_same(function, other, fmt=fmt)
    return "is the function: " + (f"proved {proof.text()}" if proof is not None else "it agrees at all points")


def further_points(points: Sequence[tuple[float, ...]], count: int, *, fmt: Format, meant: Meant | None = None, seed: int = 0, most: int = FURTHER_POINTS) -> list[tuple[float, ...]]:
    """Random points of the format at which the inputs are meant: in the domain where one is given, else near the listed points."""
    if meant is not None and not meant.is_anywhere:
        return []
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    centres = list(points) or [(0.0,) * count]
    result = []
    for k in range(most):
        row = []
        for i, x in enumerate(centres[k % len(centres)]):
            low, high = meant.domain[i] if meant is not None else (-math.inf, math.inf)
            if meant is not None and meant.choices[i]:
                value = Fraction(draw.choice(meant.choices[i]))
            elif math.isfinite(high - low):
                value = Fraction(draw.uniform(low, high))
            else:
                value = Fraction(x) * Fraction(1 + draw.uniform(-NEAR, NEAR)) if x else Fraction(draw.uniform(-1, 1) if not points else draw.uniform(-NEAR, NEAR))
            short = Fraction(f"{float(value):.{SHORT}g}") if abs(value) < fmt.largest else value
            near = round_exact(fmt, short if k % 2 == 0 and count <= MOST_READ and low <= short <= high and not (meant and meant.choices[i]) else value)
            row.append(near if math.isfinite(near) else x)  # next to the largest number
        result.append(tuple(row))
    if meant is None:
        return result
    return [p for p in result if is_meant(meant, p)] if meant.given is None else where_satisfied(meant, result)


def _compared(found: Sequence[Discrepancy], inputs: tuple[str, ...]) -> Outcome:
    """The outcome that the points show."""
    wrong = sorted((d for d in found if d.verdict is Verdict.WRONG), key=lambda d: d.formula_error is None)
    if wrong:
        first = wrong[0]  # one that has a value of its own, if there is one
        return Outcome("refuted", first.reason or "over the reals it has another value", dict(zip(inputs, first.point, strict=True)), both_defined=first.formula_error is not None)
    known = [d for d in found if isinstance(d.exact, one_sided.Finite) and d.formula_error is not None and d.verdict is not Verdict.UNDECIDED]
    if not known:
        return Outcome("undecided", "no point where both could be compared")
    place = f"at {len(known)} {'point' if len(known) == 1 else 'points'}"
    off = [(d.formula_error, d) for d in known if d.formula_error is not None and not d.formula_error.is_zero()]
    if off:
        error, largest = max(off, key=lambda pair: float(pair[0].mid()))
        return Outcome("approximates", f"within {rounding.significant(error)} ulp {place}", dict(zip(inputs, largest.point, strict=True)))
    digits = [_digits(d) for d in known]
    shown = [n for n in digits if n is not None]
    return Outcome("agrees", f"to {min(shown)} digits {place}" if shown else f"exactly, {place}")


def _digits(found: Discrepancy) -> int | None:
    """The decimal digits to which both enclosures are known; None where they are exact."""
    both = [b for b in (found.real_value, found.exact.ball if isinstance(found.exact, one_sided.Finite) else None) if b is not None and not b.is_exact()]
    return max(0, int(min(b.rel_accuracy_bits() for b in both) * DIGITS_PER_BIT)) if both else None
