"""Findings and notes about whole passes: a forward pass that is not the function, a backward pass that is not linear in what flows in, gradients of a wrong shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from verifier.case.case import Case, Draft, Misshapen
from verifier.case.components import base, covers
from verifier.case.points import point_text
from verifier.compare import agreement, linearity
from verifier.compare.agreement import Outcome
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.exact import constants, derivatives
from verifier.exact.truth import Truth
from verifier.language.formats import format_named, round_exact
from verifier.language.numeral import exact
from verifier.language.verdict import Verdict
from verifier.report import by_array
from verifier.report.attempts import Attempts
from verifier.report.catalogue import finding
from verifier.report.findings import statement_of
from verifier.report.outcome import Finding
from verifier.report.proofs import intervals_of
from verifier.report.results import Rating

if TYPE_CHECKING:
    from verifier.blame.formula.forward_pass import ForwardError

FAILING = frozenset(v.value for v in Verdict if v.fails)
MOST_LITERALS, LEAST_DIGITS = 50, 3  # texts of numbers that are held against the table of constants, and their length


def forward_findings(case: Case, answers: Sequence[Checked], judged: Sequence[Rating], attempts: Attempts) -> list[Finding]:
    """Findings about forward passes that are not the function, with the wrong gradients that nothing else is to blame for."""
    found = []
    for draft in case.programs.drafts:
        checked = next((c for c in answers if c.check.implementation == draft.implementation.name), None)
        if checked is None or draft.forward is case.programs.truth or case.function is None or not checked.points:
            continue
        from verifier.blame.formula import forward_pass

        own = attempts.of(f"the forward pass of {draft.implementation.name}")
        error = forward_pass.forward_error(case.programs.truth, draft.forward, checked.points, fmt=checked.check.format, attempt=own.make)
        if error is None:
            continue
        line = draft.forward.lines[error.diagnosis.line if error.diagnosis is not None else draft.forward.steps[draft.forward.output].line]
        start = error.diagnosis.start if error.diagnosis is not None else line.start
        words = f": {error.diagnosis.words}" if error.diagnosis is not None else ""
        names = _explained_by_forward(case, draft, checked.check, error, judged)
        if names:
            words += f"; {' and '.join(names)} {'is' if len(names) == 1 else 'are'} wrong for no other reason"
        found.append(
            finding(
                "V105",
                f"the forward pass of {draft.implementation.name} is not the function: off by {error.ulps} ulp{words}",
                line.source.place(start) if line.source is not None else draft.implementation.place,
                implementation=draft.implementation.name,
                gradient=names[0] if names else "",
                gradients=tuple(names),
                expected=bool(names) and all(any(e.implementation == draft.implementation.name and e.gradient == n and e.verdict == "wrong" for e in case.expect) for n in names),
                statement=line.text.strip(),
                point=point_text(case, checked.check.format, error.point),
                details=(f"function  {error.exact}", f"forward   {error.computed}"),
                source_line=line.source.line_text(start) if line.source is not None else "",
                width=(error.diagnosis.end if error.diagnosis is not None else line.end) - start,
            )
        )
    return found


def _explained_by_forward(case: Case, draft: Draft, check: Check, error: ForwardError, judged: Sequence[Rating]) -> list[str]:
    """The wrong gradients of an implementation that only its forward pass is to blame for."""
    from verifier.blame.formula import forward_pass

    wrong = [j for j in judged if j.code == "V101" and j.implementation == draft.implementation.name and j.format == check.format.name]
    names = list(dict.fromkeys(j.gradient for j in wrong))
    points = list(dict.fromkeys(j.discrepancy.point for j in wrong))
    return forward_pass.right_for_its_forward(draft, case.programs.truth, error, names, points, fmt=check.format, upstream=check.upstream)


def upstream_findings(case: Case, answers: Sequence[Checked]) -> list[Finding]:
    """Findings about backward passes that read the gradient of the output and are not linear in it; expected where the case expects a failure."""
    found: list[Finding] = []
    for draft in case.programs.drafts:
        checked = next((c for c in answers if c.check.implementation == draft.implementation.name and c.points), None)
        if checked is None or draft.whole is None or case.outputs:  # what flows into several outputs are parameters, with values of their own
            continue
        if not linearity.uses_upstream(draft):
            found += _ignored_upstream(case, draft, checked)
            continue
        check = checked.check
        first = linearity.other_upstream(check.upstream, seed=case.name)
        others = (first,) if linearity.is_linear(check) or first == -check.upstream else (first, -first)  # `dout * (dout > 0)` is found with the other sign only
        for other, d in ((u, d) for u in others for d in linearity.not_linear(check, checked.rows, other=u, most=_most_points(case, checked))):
            if any(base(f.gradient) == base(d.name) and f.implementation == check.implementation for f in found):
                continue
            statement, place = statement_of(draft.whole, d.name)
            found.append(
                finding(
                    "V106",
                    f"{check.implementation}.{d.name} is not linear in the gradient that flows in: right for upstream {check.upstream!r}, wrong for {other!r}",
                    place or draft.implementation.place,
                    implementation=check.implementation,
                    gradient=d.name,
                    statement=statement,
                    point=point_text(case, check.format, d.point),
                    expected=any(e.implementation == check.implementation and covers(e.gradient, d.name) and e.verdict in FAILING for e in case.expect),
                    details=(f"computed  {d.computed!r}", f"exact     {d.rounded!r} (rounded)"),
                )
            )
    return found


def _most_points(case: Case, checked: Checked) -> int:
    """The points at which another gradient flows in: a hunt has looked for them."""
    return len(checked.rows) if case.hunt else linearity.MOST_POINTS


def _ignored_upstream(case: Case, draft: Draft, checked: Checked) -> list[Finding]:
    """A finding about a backward pass that never reads the gradient that flows in, and is wrong for another one; where it sets that gradient itself it says so (a note)."""
    if draft.whole is None or linearity.sets_upstream(draft):
        return []
    check = checked.check
    other = linearity.other_upstream(check.upstream, seed=case.name)
    wrong = linearity.not_linear(check, checked.rows, other=other, most=_most_points(case, checked))
    if not wrong:
        return []
    first, names = wrong[0], tuple(dict.fromkeys(d.name for d in wrong))
    statement, place = statement_of(draft.whole, first.name)
    flow = f"d{draft.whole.output_name}"
    return [
        finding(
            "V205",
            f"{check.implementation} never reads {flow}, the gradient that flows in: {by_array.listed('', names, by_array.arrays(n for _, n in draft.claims))} {'is' if len(names) == 1 else 'are'} right for upstream {check.upstream!r} and wrong for {other!r}",
            place or draft.implementation.place,
            severity="error" if case.has_upstream else "warning",
            implementation=check.implementation,
            gradient=first.name,
            gradients=names,
            statement=statement,
            point=point_text(case, check.format, first.point),
            expected=all(any(e.implementation == check.implementation and covers(e.gradient, name) and e.verdict in FAILING for e in case.expect) for name in names),
            details=(f"computed  {first.computed!r}", f"exact     {first.rounded!r} (rounded, for upstream {other!r})"),
        )
    ]


def notes(case: Case, truth: Truth, checked: Sequence[Checked], outcomes: dict[str, dict[str, Outcome]], seen: Sequence[Finding], attempts: Attempts) -> list[str]:
    """Sentences about the case that are worth knowing but are no findings."""
    wrong = {f.implementation for f in seen if f.code == "V105"}
    found = [f"{name}.{gradient}: {o.fault}" for name, gradients in outcomes.items() for gradient, o in gradients.items() if o.fault]
    for draft in case.programs.drafts:
        name = draft.implementation.name
        if case.function is None or draft.forward is case.programs.truth or name in wrong:
            continue
        points = next((c.points for c in checked if c.check.implementation == name), ())
        work = partial(agreement.same, truth.function, derivatives.primitive(draft.forward), points, fmt=format_named(case.formats[0]), domain=intervals_of(case))
        same = attempts.of(f"the forward pass of {name}").make(f"the proof that the forward pass of {name} is the function", work, "")
        found += [f"the forward pass of {name} {same}"] if same else []
    found += _mistyped(case, checked)
    if case.upstream not in ("1", "1.0") or case.outputs:
        return found
    return found + [
        f"{d.implementation.name} sets the gradient that flows in itself, so it is right for upstream 1 only"
        for d in case.programs.drafts
        if d.whole is not None and not linearity.uses_upstream(d) and linearity.sets_upstream(d)
    ]


def _mistyped(case: Case, checked: Sequence[Checked]) -> list[str]:
    """Literals with all the digits of a format that are beside a well-known constant, and not it: within what a verdict counts as rounding."""
    texts: dict[tuple[str, str], list[str]] = {}
    for c in checked:
        for step in c.check.subject.program.steps:
            if step.gate == "number" and len(step.text) > LEAST_DIGITS:
                names = texts.setdefault((step.text, c.check.format.name), [])
                if c.check.implementation not in names:
                    names.append(c.check.implementation)
    found = []
    for (text, name), implementations in list(texts.items())[:MOST_LITERALS]:
        meant = constants.near(text, format_named(name))
        if meant is not None:
            where = " and ".join(implementations) if len(implementations) < len(case.programs.drafts) else "every implementation"
            found.append(f"the constant {text} of {where} is {meant[1]} ulp of {name} off {meant[0]}")
    return found


def shape_findings(case: Case, attempts: Attempts) -> list[Finding]:
    """Findings about gradients of another shape than what they are the gradient of; expected where the case expects them to be wrong."""
    return [
        finding(
            "V108",
            f"{draft.implementation.name}.{m.gradient} has the wrong shape: {m.gradient} is {m.shape or 'a number'}, {m.input} is {m.wanted or 'a number'}{_remedy(case, draft, m, attempts)}",
            m.place,
            implementation=draft.implementation.name,
            gradient=m.gradient,
            statement=m.statement,
            expected=any(e.implementation == draft.implementation.name and base(e.gradient) == base(m.gradient) and e.verdict == Verdict.WRONG.value for e in case.expect),
        )
        for draft in case.programs.drafts
        for m in draft.misshapen
    ]


def _remedy(case: Case, draft: Draft, m: Misshapen, attempts: Attempts) -> str:
    """What is to be done about a wrong shape, where that is certain."""
    from verifier.blame.formula.trial_points import elsewhere, neighbours
    from verifier.blame.formula.wrong_shape import remedy

    fmt = format_named(case.formats[0])
    points = [tuple(float(round_exact(fmt, exact(text))) for _, text in point.values) for point in case.points[:1]]
    near = [p for row in points for p in (row, *neighbours([row]), *elsewhere(row, fmt)[-2:]) if all(map(math.isfinite, p))]
    words = attempts.make("what is wrong with a shape", lambda: remedy(draft, m, near, fmt=fmt, upstream=float(exact(case.upstream))) if near else "", "")
    return f"; {words}" if words else ""
