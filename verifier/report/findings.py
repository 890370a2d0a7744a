"""The findings of a case: bad verdicts with the lines to blame, wrong forward passes, gradients not linear in `upstream`, unmet expectations."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from verifier.case.case import OVER_LIMIT, Case, Claim, Draft, Implementation
from verifier.case.points import point_text
from verifier.case.shapes import base, bracketed, covers
from verifier.circuit.program import Program
from verifier.compare import agreement, linearity
from verifier.compare.agreement import Outcome
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.meant import is_meant, meant_in
from verifier.exact import derivatives
from verifier.exact.one_sided import Nowhere
from verifier.exact.truth import Truth
from verifier.language.formats import format_named
from verifier.language.numeral import exact
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.report import attribution, by_array
from verifier.report.attempts import Attempts
from verifier.report.by_array import Array
from verifier.report.catalogue import finding
from verifier.report.outcome import Finding, Result
from verifier.report.results import Rating

if TYPE_CHECKING:
    from verifier.blame.formula.explain import Explanation, ForwardError

PROOFS_SHARE = 1.5  # of the time of an attempt: the challenge of a proof takes the most
FIGURES_OF_A_LINE = ("needed ", "missing ", "this line ")
PROVING_SHARE = 0.6  # of it, for the proofs alone
FAILING = frozenset(v.value for v in Verdict if v.fails)


def statement_of(program: Program, name: str) -> tuple[str, Place | None]:
    """The text and the place of the statement that sets a name's last value."""
    index = program.names.get(name)
    step = program.steps[index] if index is not None else None
    if step is None or step.line < 0:
        return "", None
    line = program.lines[step.line]
    return line.text, line.source.place(line.start) if line.source is not None and line.backward else None


def verdict_findings(case: Case, truth: Truth, judged: Sequence[Rating], attempts: Attempts, forward: Sequence[Finding] = ()) -> list[Finding]:
    """For wrong gradients one finding per wrong line; else one per implementation, gradient, format and kind of finding.

    None for those that a finding about the forward pass explains.
    """
    groups: dict[tuple[str, str, str, str, str], list[Rating]] = {}
    everything: dict[tuple[str, str, str], list[Rating]] = {}
    known = {d.implementation.name: by_array.arrays(name for _, name in d.claims) for d in case.programs.drafts}
    for j in judged:
        key = (j.result.implementation, j.result.gradient, j.result.format)
        everything.setdefault(key, []).append(j)
        if j.severity:
            groups.setdefault((*key, j.code, j.severity), []).append(j)
    totals = {key: _points(group) for key, group in everything.items()}
    found = []
    explained = {(f.implementation, name, fmt) for f in forward for name in f.gradients for fmt in case.formats}
    for draft in case.programs.drafts:
        seen: set[tuple[Place, str]] = set()
        for fmt in case.formats:
            wrong = {k[1]: g for k, g in groups.items() if k[0] == draft.implementation.name and k[2] == fmt and k[3] == "V101" and k[:3] not in explained}
            ordered = sorted((j for group in wrong.values() for j in group), key=lambda j: (not j.is_listed, -j.result.error if j.result.gradient in known[draft.implementation.name] else 0.0))
            for explanation in attempts.make(f"the diagnosis of {draft.implementation.name}", partial(_explanations, draft, ordered, attempts), [], is_made_of_attempts=True):
                explained.update((draft.implementation.name, name, fmt) for name in explanation.gradients)
                if (explanation.place, explanation.words) not in seen:  # the same line for the same reason in another format
                    found.append(_explained_finding(explanation, wrong, totals, ordered[0].discrepancy.point, known[draft.implementation.name]))
                seen.add((explanation.place, explanation.words))
    together: dict[tuple[str, str, str, str, str], list[Rating]] = {}
    for (implementation, gradient, fmt, code, severity), group in groups.items():
        if code != "V101" or (implementation, gradient, fmt) not in explained:
            array = known[implementation].get(gradient)
            together.setdefault((implementation, array.name if array else gradient, fmt, code, severity), []).extend(group)
    for (implementation, name, _, code, severity), group in together.items():
        worst = _worst(group)
        gradient = worst.result.gradient
        components = tuple(dict.fromkeys(j.result.gradient for j in group))
        statement, place = statement_of(worst.checked.check.subject.program, gradient) if code != "V204" else attempts.make("the place without a value", partial(_undefined_at, truth, worst), ("", None))
        cause = attempts.make(f"the cause of the error of {implementation}.{gradient}", partial(attribution.cause, worst), None)
        if cause is not None:
            statement, place = cause.statement, cause.place or place
        found.append(
            finding(
                code,
                _headline(code, worst) + (_components(components, known[implementation]) if gradient != name else "") + _count(group, totals) + (f": {cause.words}" if cause is not None and cause.words else ""),
                place or _place_of(case, implementation, gradient),
                severity=severity,
                implementation=implementation,
                gradient=gradient,
                gradients=components if gradient != name else (),
                statement=statement,
                point=worst.result.point,
                expected=all(j.expected for j in group),
                details=(*_figures(worst.result), *(cause.details if cause is not None else ())),
            )
        )
    return found


def _undefined_at(truth: Truth, worst: Rating) -> tuple[str, Place | None]:
    """The part of the function that has no value at the point."""
    exact, program = worst.discrepancy.exact, truth.source
    if not isinstance(exact, Nowhere) or exact.step < 0 or program is None:
        return "", None
    step = next((s for s, at in zip(program.steps, truth.places, strict=True) if at >= exact.step and s.line >= 0), None)
    if step is None:
        return "", None
    source = program.lines[step.line].source
    return ("", None) if source is None else (source.text[step.start : step.end], source.place(step.start))


def _explanations(draft: Draft, ordered: Sequence[Rating], attempts: Attempts) -> list[Explanation]:
    if draft.whole is None or not ordered:
        return []
    checked = ordered[0].checked
    from verifier.blame.formula import explain

    return explain.explanations(draft, [(j.discrepancy.name, j.discrepancy.point) for j in ordered], fmt=checked.check.format, upstream=checked.check.upstream, beside=checked.points, attempt=attempts.make)


def _components(found: Sequence[str], known: dict[str, Array]) -> str:
    """How many components of an array a finding is about, its headline being about the worst."""
    return f" (the worst of {len(found):,}; the array has {known[found[0]].count:,} components)" if len(found) > 1 else ""


def _explained_finding(explanation: Explanation, wrong: dict[str, list[Rating]], totals: dict[tuple[str, str, str], int], first: tuple[float, ...], known: dict[str, Array]) -> Finding:
    """The finding about a wrong line, with all its figures at one point: the first, at which the line was explained, where the gradient is wrong there."""
    array = known.get(explanation.gradients[0])
    group = [j for name in explanation.gradients if known.get(name) == array for j in wrong[name]] if array is not None else wrong[explanation.gradients[0]]
    there = [j for j in group if j.discrepancy.point == first]
    worst = _worst(there or group)
    details = explanation.details if there else tuple(d for d in explanation.details if not d.startswith(FIGURES_OF_A_LINE))
    names = by_array.listed(worst.result.implementation, explanation.gradients, known, worst=worst.result.gradient)
    return finding(
        "V101",
        f"wrong gradient: {names}: {explanation.words}{_count(group, totals)}",
        explanation.place,
        implementation=worst.result.implementation,
        gradient=worst.result.gradient,
        gradients=explanation.gradients,
        statement=explanation.statement,
        point=worst.result.point,
        expected=all(j.expected for name in explanation.gradients for j in wrong[name]),
        details=(*details, *_figures(worst.result)),
        source_line=explanation.source_line,
        width=explanation.width,
    )


def _worst(group: Sequence[Rating]) -> Rating:
    return max([j for j in group if j.is_listed] or group, key=lambda j: j.result.error)


def _count(group: Sequence[Rating], totals: dict[tuple[str, str, str], int]) -> str:
    r = max(group, key=lambda j: j.result.error).result  # of an array: the points of its worst component
    total = totals[(r.implementation, r.gradient, r.format)]
    return f" (at {_points([j for j in group if j.result.gradient == r.gradient]):,} of {total:,} points)" if total > 1 else ""


def _points(group: Sequence[Rating]) -> int:
    """How many points some results are of: one name that is claimed for several inputs has several at a point."""
    return sum({(j.is_listed, j.discrepancy.point): j.count for j in group}.values())


def _place_of(case: Case, implementation: str, gradient: str) -> Place:
    found: Implementation | None = next((i for i in case.implementations if i.name == implementation), None)
    if found is None:
        return case.place
    claim: Claim | None = next((c for c in found.gradients or () if c.name == gradient), None)
    return claim.place if claim is not None else found.place


def _headline(code: str, worst: Rating) -> str:
    r, d = worst.result, worst.discrepancy
    who = f"{r.implementation}.{r.gradient}"
    reason = f": {d.reason}" if d.reason else ""
    off = f"{r.ulps} ulp off" if r.ulps is not None else f"off by {r.subnormals} times the smallest subnormal (the exact gradient is 0)" if r.subnormals is not None else "not a number"
    return {
        "V101": f"wrong gradient: {who}{reason}",
        "V102": f"{who} is {r.computed} where the exact gradient rounds to {r.rounded}{reason}",
        "V103": f"{who} could not be decided{reason}",
        "V104": f"{who} is {off}, more than the case accepts",
        "V201": f"{who} is {off}{_unexplained(worst)}",
        "V202": f"{who} is {off}, as the {'conditioning' if r.condition is None else f'condition number {r.condition}'} explains",
        "V203": f"{who} vanished: it is 0 where the exact gradient rounds to {r.rounded}",
        "V204": f"{who} is not defined here{reason}",
    }[code]


def _unexplained(worst: Rating) -> str:
    """What the conditioning says of an error that is unstable."""
    if worst.discrepancy.is_explained is None:
        return "; the condition number is not known here"
    return ", more than the conditioning explains" + ("" if worst.result.condition is None else f" (κ = {worst.result.condition})")


def _figures(r: Result) -> tuple[str, ...]:
    """The numbers under a finding: exact and computed on consecutive lines, with all their digits."""
    rows = [("exact", r.exact if r.bounds is None else f"between {r.bounds[0]} and {r.bounds[1]}"), ("computed", r.computed)]
    if r.residual is not None:
        rows.append(("residual", r.residual + (f"   {r.ulps} ulp" if r.ulps else "")))
    return tuple(f"{label:<9} {value}" for label, value in _aligned(rows))


def _aligned(rows: Sequence[tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Values padded so that their decimal points stand in one column."""
    cells = [(label, value) for label, value in rows if value is not None]
    before = max((len(v.partition(".")[0]) for _, v in cells if v[:1].isdigit() or v[:1] == "-"), default=0)
    return [(label, " " * max(0, before - len(v.partition(".")[0])) + v if v[:1].isdigit() or v[:1] == "-" else v) for label, v in cells]


# ---------------------------------------------------------------- proofs


def intervals_of(case: Case) -> list[tuple[float, float] | None]:
    """The domain of every input, None where none is given."""
    domain = dict(case.domain)
    bounds = [tuple(float(exact(text)) for text in domain[name]) if name in domain else None for name in case.inputs]
    return [None if b is None else (b[0], b[1]) for b in bounds]


def proofs(case: Case, found: Sequence[Checked], attempts: Attempts) -> dict[str, dict[str, Outcome]]:
    """For each gradient of each implementation whether its formula is proved, in the first format that it runs in."""
    return {c.check.implementation: attempts.make(f"the proofs of {c.check.implementation}", partial(_outcomes, case, c, PROVING_SHARE * attempts.seconds), _unproved(c.check), PROOFS_SHARE) for c in _firsts(found)}


def _firsts(found: Sequence[Checked]) -> list[Checked]:
    """The answers of every implementation in the first format that it runs in."""
    first: dict[str, Checked] = {}
    for checked in found:
        first.setdefault(checked.check.implementation, checked)
    return list(first.values())


def _outcomes(case: Case, checked: Checked, seconds: float) -> dict[str, Outcome]:
    return agreement.outcomes(checked.check, checked.points, meant=meant_in(case, checked.check.format), seed=zlib.crc32(case.name.encode()), listed=checked.rows, seconds=seconds)


def _unproved(check: Check) -> dict[str, Outcome]:
    return {name: Outcome("undecided", "no proof was made") for _, name in check.subject.claims}


def proof_findings(case: Case, found: Sequence[Checked], outcomes: dict[str, dict[str, Outcome]], judged: Sequence[Rating]) -> list[Finding]:
    """Findings about gradients that are right at the points of the case and certified to be wrong at another point at which the inputs are meant."""
    seen = {(j.result.implementation, j.result.gradient) for j in judged if j.discrepancy.verdict is Verdict.WRONG}
    findings = []
    for name, gradients in outcomes.items():
        draft = next(d for d in case.programs.drafts if d.implementation.name == name)
        fmt = next(c.check.format for c in found if c.check.implementation == name)
        known, reported = by_array.arrays(gradient for _, gradient in draft.claims), dict[str, str]()
        for gradient, outcome in gradients.items():
            if gradient in known and known[gradient].name in reported:
                continue
            if outcome.kind != "refuted" or (name, gradient) in seen or outcome.counterexample is None or not outcome.both_defined:
                continue
            counterexample = [outcome.counterexample[x] for x in case.inputs]
            if not is_meant(meant_in(case, fmt), counterexample):
                continue
            if gradient in known:
                reported[known[gradient].name] = gradient
            statement, place = statement_of(draft.whole, gradient) if draft.whole is not None else ("", None)
            point = point_text(case, fmt, counterexample)
            where = ", ".join(f"{x} = {bracketed(v)}" for x, v in point)
            findings.append(
                finding(
                    "V107",
                    f"{name}.{gradient} is right at the points of the case and wrong at {where}: {outcome.note}",
                    place or draft.implementation.place,
                    implementation=name,
                    gradient=gradient,
                    statement=statement,
                    point=point,
                    expected=any(e.implementation == name and covers(e.gradient, gradient) and e.verdict == Verdict.WRONG.value for e in case.expect),
                )
            )
    return findings


# ---------------------------------------------------------------- forward, upstream, expectations


def forward_findings(case: Case, answers: Sequence[Checked], judged: Sequence[Rating], attempts: Attempts) -> list[Finding]:
    """Findings about forward passes that are not the function, with the wrong gradients that nothing else is to blame for."""
    found = []
    for draft in case.programs.drafts:
        checked = next((c for c in answers if c.check.implementation == draft.implementation.name), None)
        if checked is None or draft.forward is case.programs.truth or case.function is None or not checked.points:
            continue
        from verifier.blame.formula import explain

        error = explain.forward_error(case.programs.truth, draft.forward, checked.points, fmt=checked.check.format, attempt=attempts.make)
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
    from verifier.blame.formula import explain

    wrong = [j for j in judged if j.code == "V101" and j.result.implementation == draft.implementation.name and j.result.format == check.format.name]
    names = list(dict.fromkeys(j.result.gradient for j in wrong))
    points = list(dict.fromkeys(j.discrepancy.point for j in wrong))
    return explain.right_for_its_forward(draft, case.programs.truth, error, names, points, fmt=check.format, upstream=check.upstream)


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
        other = linearity.other_upstream(check.upstream, seed=case.name)
        for d in linearity.not_linear(check, checked.rows, other=other):
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


def _ignored_upstream(case: Case, draft: Draft, checked: Checked) -> list[Finding]:
    """A finding about a backward pass that never reads the gradient that flows in, and is wrong for another one; where it sets that gradient itself it says so (a note)."""
    if draft.whole is None or linearity.sets_upstream(draft):
        return []
    check = checked.check
    other = linearity.other_upstream(check.upstream, seed=case.name)
    wrong = linearity.not_linear(check, checked.rows, other=other)
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
        same = attempts.make(f"the proof that the forward pass of {name} is the function", work, "")
        found += [f"the forward pass of {name} {same}"] if same else []
    if case.upstream not in ("1", "1.0") or case.outputs:
        return found
    return found + [
        f"{d.implementation.name} sets the gradient that flows in itself, so it is right for upstream 1 only"
        for d in case.programs.drafts
        if d.whole is not None and not linearity.uses_upstream(d) and linearity.sets_upstream(d)
    ]


def shape_findings(case: Case) -> list[Finding]:
    """Findings about gradients of another shape than what they are the gradient of; expected where the case expects them to be wrong."""
    return [
        finding(
            "V108",
            f"{draft.implementation.name}.{m.gradient} has the wrong shape: {m.gradient} is {m.shape or 'a number'}, {m.input} is {m.wanted or 'a number'}",
            m.place,
            implementation=draft.implementation.name,
            gradient=m.gradient,
            statement=m.statement,
            expected=any(e.implementation == draft.implementation.name and base(e.gradient) == base(m.gradient) and e.verdict == Verdict.WRONG.value for e in case.expect),
        )
        for draft in case.programs.drafts
        for m in draft.misshapen
    ]


def expectation_findings(case: Case, judged: Sequence[Rating]) -> list[Finding]:
    """Findings about expected verdicts that occur at no point."""
    findings = []
    misshapen = {(d.implementation.name, base(m.gradient)) for d in case.programs.drafts for m in d.misshapen}
    for e in case.expect:
        if e.verdict == Verdict.WRONG.value and (e.implementation, base(e.gradient)) in misshapen:
            continue
        if any(j.result.implementation == e.implementation and covers(e.gradient, j.result.gradient) and (j.result.verdict.value == e.verdict or (j.over and e.verdict == OVER_LIMIT)) for j in judged):
            continue
        seen = ", ".join(sorted({j.result.verdict.value for j in judged if j.result.implementation == e.implementation and covers(e.gradient, j.result.gradient)}))
        findings.append(finding("V303", f"expected {e.implementation}.{e.gradient} to be {e.verdict} at some point; {f'its verdicts are: {seen}' if seen else 'it was never checked'}", e.place, implementation=e.implementation, gradient=e.gradient))
    return findings
