"""The findings of a case about its verdicts, with the lines to blame, and about expected verdicts that do not occur."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from verifier.case.case import BOUND_WORDS, OVER_LIMIT, Case, Claim, Draft, Implementation
from verifier.case.components import base, bracketed, covers
from verifier.circuit.program import Program
from verifier.compare.checked import Checked
from verifier.compare.content import content_of_check, content_of_program
from verifier.compare.meant import Meant, meant_in, moderate_point
from verifier.exact.one_sided import Nowhere
from verifier.exact.truth import Truth
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.report import attribution, by_array
from verifier.report.attempts import Attempts
from verifier.report.by_array import ArrayGradient
from verifier.report.catalogue import finding
from verifier.report.outcome import BoundResult, Finding, Result
from verifier.report.relative_places import absolute, relative, sources_of
from verifier.report.results import Rating
from verifier.run.cache import name_of, remembered

if TYPE_CHECKING:
    from verifier.blame.formula.explain import Explanation

FIGURES_OF_A_LINE = ("needed ", "missing ", "this line ")


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
        key = (j.implementation, j.gradient, j.format)
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
            ordered = sorted((j for group in wrong.values() for j in group), key=lambda j: (not j.is_listed, -j.error if j.gradient in known[draft.implementation.name] else 0.0))
            own = attempts.of(f"the diagnosis of {draft.implementation.name} in {fmt}")
            for explanation in own.make(f"the diagnosis of {draft.implementation.name}", partial(_explanations, case, draft, ordered, own), [], is_made_of_attempts=True):
                explained.update((draft.implementation.name, name, fmt) for name in explanation.gradients)
                if (explanation.place, explanation.words) not in seen:  # the same line for the same reason in another format
                    found.append(_explained_finding(explanation, wrong, totals, explanation.point or ordered[0].discrepancy.point, known[draft.implementation.name]))
                seen.add((explanation.place, explanation.words))
    together: dict[tuple[str, str, str, str, str], list[Rating]] = {}
    for (implementation, gradient, fmt, code, severity), group in groups.items():
        if code != "V101" or (implementation, gradient, fmt) not in explained:
            array = known[implementation].get(gradient)
            together.setdefault((implementation, array.name if array else gradient, fmt, code, severity), []).extend(group)
    for (implementation, name, _, code, severity), group in together.items():
        worst = _worst(group)
        gradient = worst.gradient
        components = tuple(dict.fromkeys(j.gradient for j in group))
        statement, place = statement_of(worst.checked.check.subject.program, gradient) if code != "V204" else attempts.make("the place without a value", partial(_undefined_at, truth, worst), ("", None))
        cause = attempts.of(f"the causes of {implementation}").make(f"the cause of the error of {implementation}.{gradient}", partial(attribution.cause, worst), None)
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


def _explanations(case: Case, draft: Draft, ordered: Sequence[Rating], attempts: Attempts) -> list[Explanation]:
    if draft.whole is None or not ordered:
        return []
    first = ordered[0]
    return explanations_at(case, draft, first.checked, [(j.discrepancy.name, j.discrepancy.point) for j in ordered], attempts, is_listed=first.is_listed)


def _fixed(case: Case, meant: Meant) -> frozenset[int]:
    """The positions of the components of arrays that have one value only: they may belong together, as probabilities do. A number that is moved tells `dz / 0.5` from `dz + dz`."""
    return frozenset(i for i, (name, choices) in enumerate(zip(case.inputs, meant.choices, strict=True)) if len(choices) == 1 and name.endswith("]"))


def explanations_at(case: Case, draft: Draft, checked: Checked, wrong: Sequence[tuple[str, tuple[float, ...]]], attempts: Attempts, *, is_listed: bool) -> list[Explanation]:
    """The wrong statements behind wrong gradients, given as (name, point). Array code is looked at where somebody listed the point, else at a moderate point of the domain first."""
    from verifier.blame.formula import explain

    check = checked.check
    meant = meant_in(case, check.format)
    moderate = moderate_point(meant, check.format)
    points = [wrong[0][1], *moderate] if is_listed else [*moderate, wrong[0][1]]
    beside, fixed = checked.points, _fixed(case, meant)
    notes, sources = len(attempts.notes), sources_of(draft)
    at = {source: number for number, source in enumerate(sources)}

    def name() -> str:
        about = content_of_check(check), content_of_program(draft.whole), content_of_program(draft.forward), draft.claims, draft.aliases
        texts = [(s.text, s.column, s.span, s.label, s.span_column) for s in sources]
        stands = [None if line.source is None else at[line.source] for p in (draft.whole, draft.forward) if p is not None for line in p.lines]
        return name_of("diagnosis", about, texts, stands, tuple(wrong), tuple(beside), points, sorted(fixed), attempts.seconds)

    def work() -> list[Explanation]:
        return explain.explanations(draft, wrong, fmt=check.format, upstream=check.upstream, beside=beside, likely=points, fixed=fixed, attempt=attempts.make)

    if attempts.cache.secret is None:
        return work()
    made: list[Explanation] = []

    def counted() -> list[Explanation]:
        made.extend(work())
        return [r for e in made if (r := relative(e, sources)) is not None]

    found = remembered(attempts.cache, name, list[explain.Explanation], counted, is_lasting=lambda: len(attempts.notes) == notes and all(relative(e, sources) is not None for e in made))
    return made or [absolute(e, sources) for e in found]


def _components(found: Sequence[str], known: dict[str, ArrayGradient]) -> str:
    """How many components of an array a finding is about, its headline being about the worst."""
    return f" (the worst of {len(found):,}; the array has {known[found[0]].count:,} components)" if len(found) > 1 else ""


def _explained_finding(explanation: Explanation, wrong: dict[str, list[Rating]], totals: dict[tuple[str, str, str], int], first: tuple[float, ...], known: dict[str, ArrayGradient]) -> Finding:
    """The finding about a wrong line, with its figures at the worst point; those of the line itself are at the point at which it was explained, which is said where it is another."""
    array = known.get(explanation.gradients[0])
    group = [j for name in explanation.gradients if known.get(name) == array for j in wrong[name]] if array is not None else wrong[explanation.gradients[0]]
    worst = _worst(group)
    details = explanation.details
    if worst.discrepancy.point != first and (figures := [" ".join(d.split()) for d in details if d.startswith(FIGURES_OF_A_LINE)]):
        there = next((j for j in group if j.discrepancy.point == first), None)
        at = " at a moderate point of the domain" if there is None else " at " + " ".join(f"{name}={bracketed(value)}" for name, value in there.result.point)
        details = (*(d for d in details if not d.startswith(FIGURES_OF_A_LINE)), f"explained{at}: {', '.join(figures)}")
    names = by_array.listed(worst.implementation, explanation.gradients, known, worst=worst.gradient)
    return finding(
        "V101",
        f"wrong gradient: {names}: {explanation.words}{_count(group, totals)}",
        explanation.place,
        implementation=worst.implementation,
        gradient=worst.gradient,
        gradients=explanation.gradients,
        statement=explanation.statement,
        point=worst.result.point,
        expected=all(j.expected for name in explanation.gradients for j in wrong[name]),
        details=(*details, *_figures(worst.result)),
        source_line=explanation.source_line,
        width=explanation.width,
    )


def _worst(group: Sequence[Rating]) -> Rating:
    return max([j for j in group if j.is_listed] or group, key=lambda j: j.error)


def _count(group: Sequence[Rating], totals: dict[tuple[str, str, str], int]) -> str:
    r = max(group, key=lambda j: j.error)  # of an array: the points of its worst component
    total = totals[(r.implementation, r.gradient, r.format)]
    return f" (at {_points([j for j in group if j.gradient == r.gradient]):,} of {total:,} points)" if total > 1 else ""


def _points(group: Sequence[Rating]) -> int:
    """How many points some results are of: one name that is claimed for several inputs has several at a point."""
    if len(group) == 1:  # a point of a layer has thousands of coordinates, which need not be hashed
        return group[0].count
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
    headlines = {
        "V101": f"wrong gradient: {who}{reason}",
        "V102": f"{who} is {r.computed} where the exact gradient rounds to {r.rounded}{reason}",
        "V103": f"{who} could not be decided{reason}",
        "V104": f"{who} is {off}, more than the case accepts",
        "V201": f"{who} is {off}{_unexplained(worst)}",
        "V202": f"{who} is {off}, as the {'conditioning' if r.condition is None else f'condition number {r.condition}'} explains",
        "V203": f"{who} vanished: it is 0 where the exact gradient rounds to {r.rounded}",
        "V204": f"{who} is not defined here{reason}",
    }
    return headlines.get(code, f"{who}: {d.verdict.meaning}{reason}")


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


def expectation_findings(case: Case, judged: Sequence[Rating], bounds: Sequence[BoundResult] = ()) -> list[Finding]:
    """Findings about expected verdicts that occur at no point, and expected outcomes of `certify` that are others."""
    findings = []
    misshapen = {(d.implementation.name, base(m.gradient)) for d in case.programs.drafts for m in d.misshapen}
    for e in case.expect:
        if e.verdict in BOUND_WORDS:
            outcomes = sorted({b.outcome for b in bounds if b.implementation == e.implementation and covers(e.gradient, b.gradient)})
            if e.verdict.removeprefix("bound_") not in outcomes:
                seen = f"it is {' and '.join(outcomes)}" if outcomes else "nothing was certified of it"
                findings.append(finding("V303", f"expected the claim of {e.implementation}.{e.gradient} to be {e.verdict.removeprefix('bound_')}; {seen}", e.place, implementation=e.implementation, gradient=e.gradient))
            continue
        if e.verdict == Verdict.WRONG.value and (e.implementation, base(e.gradient)) in misshapen:
            continue
        if any(j.implementation == e.implementation and covers(e.gradient, j.gradient) and (j.discrepancy.verdict.value == e.verdict or (j.over and e.verdict == OVER_LIMIT)) for j in judged):
            continue
        seen = ", ".join(sorted({j.discrepancy.verdict.value for j in judged if j.implementation == e.implementation and covers(e.gradient, j.gradient)}))
        findings.append(finding("V303", f"expected {e.implementation}.{e.gradient} to be {e.verdict} at some point; {f'its verdicts are: {seen}' if seen else 'it was never checked'}", e.place, implementation=e.implementation, gradient=e.gradient))
    return findings
