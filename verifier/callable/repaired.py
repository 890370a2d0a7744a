"""The one edit of the user's code that repairs a wrong gradient, in the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from verifier.blame.formula.code import RepairSearch, repair
from verifier.blame.formula.reach import OtherFunction
from verifier.callable.one_finding import gradients_of, in_place_of, line_at
from verifier.callable.question import Question, split
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.truth import Subject
from verifier.language.formats import Format
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Callee, Trace, flat

MOST_LINES = 12  # that are named where no edit is found
MEANT = " is meant"  # of a diagnosis that names the edit of the code
UNCHECKED = frozenset(("aten._ctc_loss",))  # operations whose kernels read beyond their arrays if a length is wrong: code that runs them is not run with edits


def with_exchange(report: CaseReport, check: Check, checked: Checked) -> CaseReport:
    """The report, where two gradients are returned in each other's place, with that as its only word on both: as exchanged, they are certified to be right."""
    wrong = [f for f in report.findings if f.code == "V101"]
    at = next((k for k, row in enumerate(checked.rows) if any(d.verdict is Verdict.WRONG for d in row)), None)
    if not wrong or at is None:
        return report
    names: dict[str, list[tuple[str, str]]] = {}  # input -> its claims
    for variable, gradient in check.subject.claims:
        names.setdefault(variable.partition("[")[0], []).append((variable, gradient))
    bad = [n for n, claims in names.items() if {g for _, g in claims} & {d.name for d in checked.rows[at] if d.verdict is Verdict.WRONG}]
    for first, second in combinations(bad, 2):
        mine, theirs = names[first], names[second]
        if [v.removeprefix(first) for v, _ in mine] != [v.removeprefix(second) for v, _ in theirs]:
            continue
        claims = tuple((v, g) for (v, _), (_, g) in zip([*mine, *theirs], [*theirs, *mine], strict=True))
        exchanged = replace(check, subject=Subject(check.subject.program, claims))
        if all(d.verdict.passes or d.verdict.warns for row in compare(exchanged, checked.points, detail=False) for d in row):
            gradients = (mine[0][1].partition("[")[0], theirs[0][1].partition("[")[0])
            about = [f for f in wrong if {g.partition("[")[0] for g in (f.gradients or (f.gradient,))} <= set(gradients)]
            if about:
                text = f"wrong gradient: {check.implementation}.{gradients[0]} and {check.implementation}.{gradients[1]} are exchanged: each is the gradient of the other input"
                one = replace(about[0], message=text, gradients=gradients, details=("once they are swapped, both are certified to be right", "return the gradients in the order of the inputs"))
                return replace(report, findings=tuple(one if f is about[0] else f for f in report.findings if f is about[0] or f not in about))
    return report


def with_repair(question: Question, report: CaseReport, check: Check, checked: Checked, trace: Trace, fmt: Format) -> CaseReport:
    """The report with the one edit of the user's code that repairs it, in place of what is said of the wrong lines."""
    callee, wrong = question.callee, [f for f in report.findings if f.code == "V101"]
    at = next((k for k, row in enumerate(checked.rows) if checked.points[k] == trace.point and any(d.verdict is Verdict.WRONG for d in row)), None)
    is_clear = len(wrong) == 1 and MEANT in wrong[0].message and not any(callee.inputs.values()) and not any(callee.outputs.values())
    if not wrong or at is None or is_clear or not callee.functions or question.function is not None or any(r.what in UNCHECKED for r in trace.readings):
        return report
    found = _repair(callee, check, checked.rows[at], wrong, trace, fmt)
    if found.repair is None:
        return _with_suspects(report, wrong, found.suspects)
    edit, gradients = found.repair, gradients_of(wrong)
    details = (f"diagnosis {edit.words}", "after this edit every gradient is certified to be the exact one", *(d for d in wrong[0].details if d.startswith(("exact", "computed", "residual"))))
    one = replace(
        wrong[0],
        message=f"wrong gradient: {', '.join(f'{callee.name}.{g}' for g in gradients)}: {edit.words}",
        place=edit.place,
        statement=edit.statement,
        gradients=gradients,
        details=details,
        source_line=line_at(edit.place),
        width=len(edit.statement.partition("\n")[0]),
    )
    return in_place_of(report, wrong, one)


def _with_suspects(report: CaseReport, wrong: Sequence[Finding], suspects: Sequence[Place]) -> CaseReport:
    """The report in which findings about wrong gradients name the lines in which one mistake explains all of them, where these are other lines than the findings name."""
    lines = sorted({p.line for p in suspects if p.file == wrong[0].place.file})
    if not lines or len(lines) > MOST_LINES or len(set(lines) | {f.place.line for f in wrong}) < 2:
        return report
    named = " or ".join(filter(None, (", ".join(map(str, lines[:-1])), str(lines[-1]))))
    text = f"if it is one mistake, it may stand in line {named}: all that is wrong is computed from there, and nothing that is right"
    return replace(report, findings=tuple(replace(f, details=(*f.details, text)) if any(f is w for w in wrong) else f for f in report.findings))


def _repair(callee: Callee, check: Check, row: Sequence[Discrepancy], wrong: Sequence[Finding], trace: Trace, fmt: Format) -> RepairSearch:
    """The edit of the user's code after which every gradient at the point of a trace is the exact one, and the lines that explain what is wrong where none is found."""
    names = list(dict.fromkeys(c.partition("[")[0] for c, _ in trace.claims))
    at = split(callee, trace.point)
    with callee.tries() as (ran, traced):
        outputs = ran(*at, fmt).outputs

        def run() -> dict[str, float]:
            again = ran(*at, fmt)
            if any(not np.array_equal(v, outputs[o], equal_nan=True) for o, v in again.outputs.items()):
                raise OtherFunction
            return dict(zip((n for _, n in trace.claims), (x for name in names for x in flat(again.gradients[name])), strict=True))

        return repair(
            check,
            row,
            callee.functions,
            [f.place.line for f in wrong if f.place.line > 0],
            run=run,
            trace=lambda: traced(*at, fmt),
            elsewhere=True,  # a line may be accused for a value that it reads; and of an array what is meant in one component may be nothing for the others
            flowing=sum(map(math.prod, callee.upstreams.values())),
        )
