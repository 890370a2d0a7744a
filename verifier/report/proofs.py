"""What is proved of each gradient, within a limit of time, and the findings about gradients that are refuted away from the points of the case."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from verifier.case.case import Case
from verifier.case.components import base, bracketed, covers
from verifier.case.points import domain_of, point_text
from verifier.compare import agreement
from verifier.compare.agreement import KnownRows, Outcome
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.content import content_of_check, content_of_meant, content_of_rows
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.meant import is_meant, meant_in
from verifier.language.user_files import seed_of
from verifier.language.verdict import Verdict
from verifier.report import by_array
from verifier.report.attempts import Attempts
from verifier.report.catalogue import finding
from verifier.report.findings import explanations_at, statement_of
from verifier.report.outcome import Finding
from verifier.report.results import Rating
from verifier.run.cache import Cache, name_of, remembered

if TYPE_CHECKING:
    from verifier.blame.formula.explain import Explanation

PROOFS_SHARE = 1.5  # of the time of an attempt: the challenge of a proof takes the most
PROVING_SHARE = 0.6  # of it, for the proofs alone


def intervals_of(case: Case) -> list[tuple[float, float] | None]:
    """The domain of every input, None where none is given."""
    domain = dict(case.domain)
    bounds = [b if name in domain else None for name, b in zip(case.inputs, domain_of(case), strict=True)]
    return [None if b is None or not all(map(math.isfinite, b)) else b for b in bounds]


def outcomes(case: Case, found: Sequence[Checked], attempts: Attempts) -> dict[str, dict[str, Outcome]]:
    """For each gradient of each implementation whether its formula is proved, in the first format that it runs in."""
    made = {}
    for c in _firsts(found):
        what = f"the proofs of {c.check.implementation}"
        known: KnownRows = {}
        outcomes = attempts.of(what).make(what, partial(_outcomes, case, c, PROVING_SHARE * attempts.seconds, attempts.cache, known), None, PROOFS_SHARE)
        if outcomes is None:  # what points refute is refuted, however long proofs take
            outcomes = attempts.make(f"the comparison of {c.check.implementation} at further points", partial(_unproved, case, c, known), _unknown(c.check), is_made_of_attempts=True)
        made[c.check.implementation] = outcomes
    return made


def _firsts(found: Sequence[Checked]) -> list[Checked]:
    """The answers of every implementation in the first format that it runs in."""
    first: dict[str, Checked] = {}
    for checked in found:
        first.setdefault(checked.check.implementation, checked)
    return list(first.values())


def _outcomes(case: Case, checked: Checked, seconds: float, cache: Cache, known: KnownRows) -> dict[str, Outcome]:
    check, points, rows, wrong = checked.check, checked.points, checked.rows, _wrong(checked)
    meant, seed, deadline = meant_in(case, check.format), seed_of(case.name), time.process_time() + seconds

    def name() -> str:
        return name_of("outcomes", content_of_check(check), tuple(points), content_of_rows(rows), content_of_meant(meant), seed, [(g, d.point) for g, d in wrong.items()])

    def work() -> dict[str, Outcome]:
        return agreement.outcomes(check, points, meant=meant, seed=seed, listed=rows, wrong=wrong, seconds=seconds, cache=cache, known=known)

    if check.computed is not None:
        return work()  # somebody else's floats: they may be others the next time
    return remembered(cache, name, dict[str, Outcome], work, is_lasting=lambda: time.process_time() <= deadline)


def _unproved(case: Case, checked: Checked, known: KnownRows) -> dict[str, Outcome]:
    found = agreement.by_points(checked.check, checked.points, meant=meant_in(case, checked.check.format), seed=seed_of(case.name), listed=checked.rows, wrong=_wrong(checked), known=known)
    return {name: replace(o, note=f"{o.note}; its proof was not tried to the end") for name, o in found.items()}


def _wrong(checked: Checked) -> dict[str, Discrepancy]:
    """What shows of each wrong gradient that it is."""
    found = [*(d for row in checked.rows for d in row), *(d for s in checked.swept for group, several in s.examples if group.verdict is Verdict.WRONG for d in several)]
    return {d.name: d for d in reversed(found) if d.verdict is Verdict.WRONG}


def _unknown(check: Check) -> dict[str, Outcome]:
    return {name: Outcome("undecided", "no proof was made") for _, name in check.subject.claims}


def _explained(case: Case, checked: Checked, refuted: dict[str, tuple[float, ...]], attempts: Attempts) -> dict[str, Explanation]:
    """The wrong statement behind each gradient that is refuted, as far as its diagnosis at the witness finds one."""
    draft = next(d for d in case.programs.drafts if d.implementation.name == checked.check.implementation)
    if not refuted or draft.whole is None:
        return {}
    own = attempts.of(f"the diagnosis of {draft.implementation.name} at a witness")
    explanations = own.make(f"the diagnosis of {draft.implementation.name} at a witness", partial(explanations_at, case, draft, checked, list(refuted.items()), own, is_listed=False), [], is_made_of_attempts=True)
    return {gradient: e for e in reversed(explanations) for gradient in e.gradients}


def proof_findings(case: Case, found: Sequence[Checked], outcomes: dict[str, dict[str, Outcome]], judged: Sequence[Rating], attempts: Attempts) -> list[Finding]:
    """Findings about gradients that are right at the points of the case and certified to be wrong at another point at which the inputs are meant."""
    open_ones = {(j.implementation, j.gradient) for j in judged if j.discrepancy.verdict in (Verdict.UNDECIDED, Verdict.UNDEFINED)}
    seen = {(j.implementation, name) for j in judged if j.discrepancy.verdict is Verdict.WRONG for name in (j.gradient, base(j.gradient))}
    findings = []
    for name, gradients in outcomes.items():
        draft = next(d for d in case.programs.drafts if d.implementation.name == name)
        fmt = next(c.check.format for c in found if c.check.implementation == name)
        known = by_array.arrays(gradient for _, gradient in draft.claims)
        refuted: dict[str, tuple[float, ...]] = {}
        for gradient, outcome in gradients.items():
            if outcome.kind == "refuted" and (name, known[gradient].name if gradient in known else gradient) not in seen and outcome.counterexample is not None:
                counterexample = tuple(outcome.counterexample[x] for x in case.inputs)
                if is_meant(meant_in(case, fmt), counterexample):
                    refuted[gradient] = counterexample
        explained = _explained(case, next(c for c in found if c.check.implementation == name), refuted, attempts)
        reported: set[str] = set()
        for gradient, counterexample in refuted.items():
            array, outcome = known[gradient].name if gradient in known else gradient, gradients[gradient]
            if array in reported:
                continue
            reported.add(array)
            explanation = explained.get(gradient)
            statement, place = statement_of(draft.whole, gradient) if draft.whole is not None else ("", None)
            if explanation is not None:
                statement, place = explanation.statement, explanation.place
            point = point_text(case, fmt, counterexample)
            where = ", ".join(f"{x} = {bracketed(v)}" for x, v in point)
            what = f"wrong at {where}" if outcome.both_defined else f"without a value at {where}, where the exact gradient has one"
            findings.append(
                finding(
                    "V107",
                    f"{name}.{gradient} is {'not refuted' if (name, gradient) in open_ones else 'right'} at the points of the case and {what}: {outcome.note}{f'; {explanation.words}' if explanation is not None else ''}",
                    place or draft.implementation.place,
                    implementation=name,
                    gradient=gradient,
                    statement=statement,
                    point=point,
                    expected=any(e.implementation == name and covers(e.gradient, gradient) and e.verdict == Verdict.WRONG.value for e in case.expect),
                )
            )
    return findings
