"""Which gates and wires of a circuit are to blame, and the line of text that says why: the findings of a report, taken to the forward pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from verifier.case.case import Case
from verifier.case.components import base
from verifier.circuit.program import Program
from verifier.compare.checked import Checked
from verifier.report import findings as verdicts
from verifier.report import passes
from verifier.report.attempts import attempts_for
from verifier.report.bundles import ShownForward
from verifier.report.outcome import Finding
from verifier.report.results import judged
from verifier.report.wire_figures import WireFigures, WireSteps

_QUOTED = re.compile(r"`([^`]+)`")
WRONG = "wrong gradient: "  # how their messages begin
BLAMING = ("V1", "V2")  # codes of findings about gradients


@dataclass
class Guilt:
    """The steps and wires that are to blame, each with a line of text; empty where another one has it."""

    gates: dict[int, str] = field(default_factory=dict)
    edges: dict[WireSteps, str] = field(default_factory=dict)

    def blame(self, steps: Sequence[int], edges: Sequence[WireSteps], words: str) -> None:
        """Blame some steps and wires for one reason, which stands at the first of them."""
        for i in steps:
            self.gates.setdefault(i, words)
            words = ""
        for e in edges:
            self.edges.setdefault(e, words)
            words = ""


def findings_at(case: Case, checked: Checked) -> list[Finding]:
    """The findings about one implementation at the points of an answer, without the rest of a report."""
    own = replace(case, formats=(checked.check.format.name,))
    attempts = attempts_for(own)
    ratings = [judged(own, checked, d, strict=False, is_listed=True) for row in checked.rows for d in row]
    forward = attempts.check("the forward pass", lambda: passes.forward_findings(own, [checked], ratings, attempts))
    return [*forward, *(f for f in verdicts.verdict_findings(own, checked.check.truth, ratings, attempts, forward) if f.implementation == checked.check.implementation)]


def guilt_of(program: Program, figures: WireFigures, findings: Sequence[Finding]) -> Guilt:
    """The guilty steps and wires. A wrong line of the backward pass is wrong about the wires through which its gradient comes back, and about the gates there."""
    guilt = Guilt()
    for f in findings:
        if f.code.startswith(BLAMING):
            lines = _lines_of(program, f)
            words = _in_a_line(f)
            gates = [i for i in figures.forward.shown if program.steps[i].line in lines]
            edges = [e for line in lines for e in _edges_of(program, figures, line, f)]
            if gates:
                guilt.blame(_narrowed(figures.forward, gates, f), [], words)
            elif edges:
                guilt.blame(_stretch(figures, edges), edges, words)
            else:
                _blame_inputs(figures, guilt, f, words)
    return guilt


def _in_a_line(f: Finding) -> str:
    """What a finding says; of a wrong line the gradients, arrays by their names, and what is wrong with it."""
    head, _, words = f.message.removeprefix(WRONG).partition(": ")
    if not f.message.startswith(WRONG) or not words:
        return f"{f.code} {f.message}"
    names = ", ".join(dict.fromkeys(base(name) for name in f.gradients)) if f.gradients else head
    return f"{f.code} {names} is wrong: {words}"


def _blame_inputs(figures: WireFigures, guilt: Guilt, f: Finding, words: str) -> None:
    """Blame the inputs whose gradients a finding is about, since no line is."""
    names = set(f.gradients or (f.gradient,))
    inputs = [i for i, d in figures.claimed.items() if d.name in names or d.name.partition("[")[0] in names]
    guilt.blame(inputs, [e for i in inputs for e in figures.edges_from(i)], words)


def _lines_of(program: Program, f: Finding) -> set[int]:
    """The lines of a program in which a finding stands."""
    found = set()
    for k, line in enumerate(program.lines):
        if line.source is not None and line.source.file == f.place.file and line.source.place(line.start).line <= f.place.line <= line.source.place(max(line.start, line.end - 1)).line:
            found.add(k)
    return found


def _narrowed(forward: ShownForward, gates: Sequence[int], f: Finding) -> list[int]:
    """The steps of a line that are the expression which a finding marks, or names in its message; all of them where it does neither."""
    program = forward.program
    marked = []
    for i in gates:
        step = program.steps[i]
        source = program.lines[step.line].source
        if source is not None and f.width and step.end - step.start == f.width and source.place(step.start) == f.place:
            marked.append(i)
    named = _quoted(f)
    return marked or [i for i in gates if forward.text(i) in named] or list(gates)


def _quoted(f: Finding) -> set[str]:
    """The expressions and statements that the message of a finding names."""
    return {" ".join(text.split()) for text in _QUOTED.findall(f.message)}


def _edges_of(program: Program, figures: WireFigures, line: int, f: Finding) -> list[WireSteps]:
    """The wires whose gradients a line of the backward pass computes; where it computes several claimed ones, those that the finding is about."""
    found: list[WireSteps] = []
    of_line = [step for step, versions in figures.definitions.items() if any(program.steps[v].line == line for v in versions)]
    named = [step for step in of_line if step in figures.claimed and figures.claimed[step].name in (*f.gradients, f.gradient)]
    quoted = _quoted(f)
    for step in named or of_line:
        edges = figures.edges_from(step)
        through = [e for e in edges if figures.forward.text(e[1]) in quoted or program.lines[program.steps[e[1]].line].text.strip() in quoted]
        if through and len(edges) > 1:  # such as: the contribution through `num = x + sigy` is missing
            found += through
            continue
        own = [e for e in edges if (term := figures.terms.get(e)) is not None and term.line == line]
        others = [e for e in edges if e not in figures.terms]
        found += own or others or edges
    return found


def _stretch(figures: WireFigures, edges: Sequence[WireSteps]) -> list[int]:
    """The gates that wires lead to, and those after them up to the first whose gradient is written: a line of the backward pass spans them all."""
    found: dict[int, None] = {}
    pending = [reader for _, reader, _ in edges]
    while pending:
        i = pending.pop(0)
        if i in found:
            continue
        found[i] = None
        if i not in figures.forward.outputs and figures.computed_adjoint(i) is None:
            pending += [r for r in figures.forward.readers.get(i, ()) if r in figures.needed]
    return list(found)
