"""What a case claims under `certify` of the error in its whole domain: whether it is proved, refuted or open, and the findings about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from verifier.case.case import BOUND_OPEN, BOUND_REFUTED, Case, Implementation, is_certified
from verifier.case.certified import SECONDS, Certify
from verifier.case.components import base, covers
from verifier.case.points import point_text
from verifier.compare.agreement import Outcome
from verifier.compare.boxes.bounds import (
    STATED,
    STATED_BY_USER,
    Assumed,
    Assumptions,
    Box,
    ErrorBound,
    ErrorClaim,
    box_of,
    float64_above,
    float64_below,
)
from verifier.compare.boxes.certify import certify
from verifier.compare.boxes.constraint import constraint_of
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.language import formats
from verifier.language.formats import Format
from verifier.language.numeral import exact
from verifier.language.source import Place
from verifier.report.bound_words import (
    MOST_INPUTS,
    MOST_LINES,
    PROVED,
    REFUTED,
    badness,
    box_text,
    domain_text,
    downward,
    in_percent,
    in_unit,
    left_text,
    upward,
)
from verifier.report.catalogue import finding
from verifier.report.outcome import AssumedText, BoundResult, BoundShare, BoxText, Finding
from verifier.report.results import result_of

MOST_BOXES = 3  # open boxes that a finding lists
AS_TRACED = "the framework computes every operation of the traced lines by itself, in their order"


def bounds_of(case: Case, found: Sequence[Checked], outcomes: Mapping[str, Mapping[str, Outcome]]) -> Iterator[BoundResult]:
    """What is certified of every gradient of which the case claims something, in every format. `outcomes` are the proofs of the formulas."""
    if not is_certified(case):
        return
    for check in (c.check for c in found):
        proved = frozenset(name for name, outcome in outcomes.get(check.implementation, {}).items() if outcome.kind == PROVED)
        claims = claims_of(case, _implementation(case, check.implementation))
        for answer in answers(case, replace(check, proved=proved)):
            claim = claims.claim_for(answer.gradient)
            yield _result(case, check, answer, None if claim is None else claim.limit)


def answers(case: Case, check: Check) -> Sequence[ErrorBound]:
    """The answer to each claim of a case about an implementation in a format; none where it claims nothing."""
    claims = claims_of(case, _implementation(case, check.implementation))
    gradients = {name: claims.claim_for(name) for _, name in check.subject.claims}
    wanted = {name: ErrorClaim(claim.unit, None if claim.limit is None else float64_below(exact(claim.limit))) for name, claim in gradients.items() if claim is not None}
    if not wanted:
        return ()
    box = claims.obstacle or box_of(case, check.subject.program.inputs, check.format)
    if isinstance(box, str):
        return [_without_box(check, name, claim, box) for name, claim in wanted.items()]
    return certify(check, box, wanted, assumptions=_assumptions(case), budget=claims.seconds or SECONDS, constraint=constraint_of(case, check.subject.program.inputs, check.format))


def proved_ulps(case: Case, check: Check) -> dict[str, float]:
    """The bounds in ulps that hold in the whole domain, by gradient."""
    return {b.gradient: b.bound for b in answers(case, check) if b.claim.unit == "ulp" and b.bound is not None and b.outcome == PROVED}


def claims_of(case: Case, implementation: Implementation) -> Certify:
    """The claims that hold for an implementation."""
    return case.certify.of(implementation.name, implementation.certify)


def _implementation(case: Case, name: str) -> Implementation:
    return next(i for i in case.implementations if i.name == name)


def _assumptions(case: Case) -> Assumptions:
    return Assumptions(tuple((function, exact(text)) for function, text in case.assume))


def _without_box(check: Check, gradient: str, claim: ErrorClaim, reason: str) -> ErrorBound:
    return ErrorBound(gradient, check.format.name, Box((), (), ()), claim, None, None, "open", open_share=1.0, reason=reason)


# ---------------------------------------------------------------- as text


def _result(case: Case, check: Check, b: ErrorBound, claim: str | None) -> BoundResult:
    """An answer as text."""
    row = compare(check.alone(b.gradient), (b.seen_at,))[0] if b.outcome == REFUTED and b.seen_at is not None else ()
    witness = result_of(case, check, row[0]) if row else None
    return BoundResult(
        check.implementation,
        b.gradient,
        b.format,
        _box(check.format, b.box),
        b.claim.unit,
        claim,
        _text(b.bound),
        b.outcome,
        at_a_point=_text(b.at_a_point),
        open=f"{b.open_share:.4g}",
        open_boxes=tuple(_box(check.format, box) for box in b.open_boxes),
        open_count=b.open_count,
        open_absolute=_text(b.open_absolute),
        reason=b.reason,
        worst=None if b.worst is None else _box(check.format, b.worst),
        seen=_text(b.seen),
        seen_at=() if b.seen_at is None else point_text(case, check.format, b.seen_at),
        computed=None if witness is None else witness.computed,
        exact=None if witness is None else witness.exact,
        stated=STATED if check.computed is None else (*STATED, AS_TRACED),
        assumptions=tuple(AssumedText(a.function, f"{float64_above(a.ulps):g}", _ground(check, a)) for a in b.assumptions),
        lines=tuple(BoundShare(line.line, line.statement, f"{line.share:.4g}", f"{line.contribution:.6g}", line.step) for line in b.lines),
        is_for_program_only=b.is_for_program_only,
        boxes=b.boxes,
        seconds=f"{b.seconds:.2g}",
        listed=_listed(case, check.format, b.box),
        given="" if case.given is None else case.given.text.strip(),
    )


def _listed(case: Case, fmt: Format, box: Box) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The inputs with listed values, of which a box has the ends only."""
    values = constraint_of(case, box.inputs, fmt).values if box.inputs else ()
    return tuple((name, tuple(formats.text(fmt, v) for v in own)) for name, own in zip(box.inputs, values, strict=True) if own)


def _ground(check: Check, a: Assumed) -> str:
    """Where the figure of an assumption comes from: the table is of the functions that the tool itself calls."""
    return a.source if check.computed is None or a.source == STATED_BY_USER else f"no figure of the framework's own function is known; this one is for {a.source}"


def _text(value: float | None) -> str | None:
    return None if value is None or not math.isfinite(value) else repr(float(value))


def _box(fmt: Format, box: Box) -> BoxText:
    return tuple((name, formats.text(fmt, low), formats.text(fmt, high)) for name, low, high in zip(box.inputs, box.low, box.high, strict=True))


# ---------------------------------------------------------------- findings


def bound_findings(case: Case, bounds: Sequence[BoundResult], *, strict: bool) -> list[Finding]:
    """One finding for every claim that is refuted or open, and a warning where a best bound does not hold in the whole domain; of an array one for the worst of its components."""
    groups: dict[tuple[str, str, str, str, bool], list[BoundResult]] = {}
    for b in bounds:
        if b.outcome != PROVED:
            groups.setdefault((b.implementation, base(b.gradient), b.format, b.outcome, _is_expected(case, b)), []).append(b)
    return [_finding(case, max(group, key=badness), [b.gradient for b in group], strict=strict) for group in groups.values()]


def _is_expected(case: Case, b: BoundResult) -> bool:
    word = BOUND_REFUTED if b.outcome == REFUTED else BOUND_OPEN
    return any(e.implementation == b.implementation and covers(e.gradient, b.gradient) and e.verdict == word for e in case.expect)


def _finding(case: Case, b: BoundResult, gradients: Sequence[str], *, strict: bool) -> Finding:
    code = "V109" if b.outcome == REFUTED else "V110" if b.claim is not None else "V206"
    implementation = _implementation(case, b.implementation)
    place: Place = claims_of(case, implementation).place or implementation.place
    fields = {"severity": "error"} if strict and code == "V206" else {}
    return finding(
        code,
        _headline(b, has_formats=len(case.formats) > 1) + (f" (the worst of {len(gradients)} components)" if len(gradients) > 1 else ""),
        place,
        implementation=b.implementation,
        gradient=b.gradient,
        gradients=tuple(gradients) if len(gradients) > 1 else (),
        point=b.seen_at if b.outcome == REFUTED else (),
        expected=_is_expected(case, b),
        details=(*(_witness(b) if b.outcome == REFUTED else _left_open(b, claims_of(case, implementation).seconds or SECONDS)), *lines_text(b)),
        **fields,
    )


def _headline(b: BoundResult, *, has_formats: bool) -> str:
    who = f"{b.implementation}.{b.gradient}{f' in {b.format}' if has_formats else ''}"
    where = f"all of {domain_text(b)}" if b.box else "the domain"
    if b.outcome == REFUTED and b.claim is not None:
        return f"{who} is {in_unit(downward(b.seen), b.unit)} off at a point, more than the {in_unit(b.claim, b.unit)} that is claimed for {where}"
    what = "a best bound" if b.claim is None else f"the claim of at most {in_unit(b.claim, b.unit)}"
    reason = f": {b.reason}" if b.reason else ""
    return f"{who}: {what} is not shown {left_text(b)}{' of' if float(b.open) else ', a part without volume of'} {domain_text(b) or 'the domain'}{reason}"


def _witness(b: BoundResult) -> tuple[str, ...]:
    """What is computed at the witness, and the exact gradient there."""
    return tuple(f"{label:<9} {value}" for label, value in (("exact", b.exact), ("computed", b.computed)) if value is not None)


def _left_open(b: BoundResult, seconds: float) -> tuple[str, ...]:
    """Which boxes are left, and what would decide them."""
    if not b.boxes:
        return ()  # nothing was tried, and the reason says what is missing
    most = MOST_BOXES if sum(low != high for _, low, high in b.box) <= MOST_INPUTS else 1  # of many inputs nobody reads more
    rows = [f"{'open' if not k else '':<9} {box_text(box)}" for k, box in enumerate(b.open_boxes[:most]) if box != b.box]
    if rows and b.open_count > len(rows):
        rows.append(f"{'':<9} and {b.open_count - len(rows):,} more boxes")
    if b.open_absolute is not None:
        rows.append(f"{'there':<9} an absolute error of at most {upward(b.open_absolute)}")
    if b.bound is not None:
        rows.append(f"{'elsewhere':<9} at most {in_unit(upward(b.bound), b.unit)}")
    is_beyond = b.claim is not None and b.at_a_point is not None and exact(b.at_a_point) > exact(b.claim)
    ways = [] if is_beyond or not float(b.open) else [f"more time than {seconds:g} s (budget)"]
    ways += ["a domain without the open boxes"]
    ways += ["a larger limit"] if b.claim is not None else []
    ways += ["a claim of the absolute error, where the exact gradient passes through 0"] if b.unit == "ulp" else []
    return (*rows, f"{'decides':<9} {', or '.join(ways)}")


def lines_text(b: BoundResult) -> tuple[str, ...]:
    """The statements that make the bound, with their shares of it."""
    rows = [(in_percent(line.share), f"line {line.line}" if line.line is not None else "", line.statement) for line in b.lines[:MOST_LINES]]
    return tuple(f"{'worst' if not k else '':<9} {share:>6} from {f'{where}: ' if where else ''}{statement}" for k, (share, where, statement) in enumerate(rows))
