"""The one edit of the user's code that repairs a wrong gradient, in the report."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import combinations

import numpy as np

from verifier.blame.formula.code import repair
from verifier.blame.formula.explain import UNEXPLAINED
from verifier.callable.one_finding import gradients_of, in_place_of, line_at
from verifier.callable.question import Question, split
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact.truth import Subject
from verifier.language.formats import Format
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport
from verifier.trace.record import Trace, flat

MEANT = " is meant"  # of a diagnosis that names the edit of the code
UNCHECKED = frozenset(("aten._ctc_loss",))  # operations whose kernels read beyond their arrays if a length is wrong: code that runs them is not run with edits
NUMBER = re.compile(r"(?:the factor|a division by) `(?:[\d./* ()-]|sqrt|pi)+` is missing")  # a number may stand for how often an index occurs, or for one that the code keeps


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
    names = list(dict.fromkeys(c.partition("[")[0] for c, _ in trace.claims))

    def run() -> dict[str, float]:
        ran = callee.run(*split(callee, trace.point), fmt)
        if any(not np.array_equal(v, trace.outputs[o], equal_nan=True) for o, v in ran.outputs.items()):
            raise ValueError("the edit changes the function itself")
        return dict(zip((n for _, n in trace.claims), (x for name in names for x in flat(ran.gradients[name])), strict=True))

    found = repair(
        check,
        checked.rows[at],
        callee.functions,
        [f.place.line for f in wrong if f.place.line > 0],
        run=run,
        trace=lambda: callee.trace(*split(callee, trace.point), fmt),
        elsewhere=len(wrong) > 1 or UNEXPLAINED in wrong[0].message or MEANT in wrong[0].message or NUMBER.search(wrong[0].message) is not None,  # of an array what is meant in one component may be nothing for the others
        flowing=sum(map(math.prod, callee.upstreams.values())),
    )
    if found is None:
        return report
    gradients = gradients_of(wrong)
    details = (f"diagnosis {found.words}", "after this edit every gradient is certified to be the exact one", *(d for d in wrong[0].details if d.startswith(("exact", "computed", "residual"))))
    one = replace(
        wrong[0],
        message=f"wrong gradient: {', '.join(f'{callee.name}.{g}' for g in gradients)}: {found.words}",
        place=found.place,
        statement=found.statement,
        gradients=gradients,
        details=details,
        source_line=line_at(found.place),
        width=len(found.statement.partition("\n")[0]),
    )
    return in_place_of(report, wrong, one)
