"""Better arrangements of the lines of a callable: it is written out in the language, improved there, and the replacement said in its own library's words."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace

from verifier.callable.one_component import layout_of, one_component
from verifier.callable.own_forms import better_array_lines
from verifier.callable.own_words import in_own_words, library_name, module_of, read_by, renamed, same_names
from verifier.callable.question import Question
from verifier.callable.tried_line import holds_in_code, is_known
from verifier.callable.written_out import MOST_CHARACTERS, TraceText, finite, written_out
from verifier.case import points
from verifier.case.case import Case, ImproveRequest
from verifier.case.components import base
from verifier.case.load import load_text
from verifier.circuit.program import Line
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.exact.truth import truth_of
from verifier.report.attempts import attempts_for
from verifier.report.outcome import CaseReport, Replacement
from verifier.report.patch import FilePatch, patch_of
from verifier.report.suggestions import reported
from verifier.search.improve.acceptance import PROVED
from verifier.search.improve.each_component import FOR_ALL, is_one_function, of_components
from verifier.search.improve.improve import improve
from verifier.search.improve.suggestion import Suggestion
from verifier.trace.record import Trace

IN_PARTS = "the line does more than this: change it yourself"
NOT_TRIED = "the line could not be tried in the code: see that its names are arrays that go element by element, and change the line yourself"
NO_LIBRARY = "the file does not import {module} under a name of its own"


def with_better_lines(question: Question, report: CaseReport, case: Case, checked: Checked, trace: Trace) -> CaseReport:
    """The report with better arrangements of the callable's lines, where they were asked for. What fails or takes too long costs a note."""
    wish = question.improve
    if wish is None or (wish.implementation and wish.implementation != question.callee.name):
        return report
    attempts = replace(attempts_for(case), seconds=wish.limit)
    found = attempts.make("better arrangements", lambda: [*_better(question, case, checked, trace, wish)], list[Replacement]())
    if not all(s.patch for s in found) or not found:  # what is said in the language is for want of a line in the words of the code
        own = attempts.make("better lines of the code", lambda: [*_in_own_forms(question, case, checked, trace, wish)], list[Replacement]())
        named = {base(s.gradient) for s in own if s.patch}
        found = [*own, *(s for s in found if base(s.gradient) not in named)]
    return replace(report, suggestions=tuple(found), notes=(*report.notes, *attempts.notes))


def _better(question: Question, case: Case, checked: Checked, trace: Trace, wish: ImproveRequest) -> Iterator[Replacement]:
    whole, callee, layout = trace, question.callee, layout_of(trace, question.callee)
    if layout is not None:
        reduced = one_component(trace, callee)
        if reduced is None:
            return
        trace, callee = reduced
    written = written_out(trace, callee)
    if written is None:
        return
    text = _as_case(replace(question, callee=callee), case, trace, written)
    loaded = load_text(text, file=case.file)
    if loaded.complaints:
        return
    (own,) = loaded.cases
    fmt = checked.check.format
    ((_, (check,)),) = checks_of(own, truth_of(own.programs.truth), (fmt.name,))
    if layout is not None and case.function is not None and not is_one_function(case.programs.truth, own.programs.truth, layout):
        return
    off = [p for p, row in zip(checked.points, checked.rows, strict=False) if any(not d.verdict.passes for d in row)]
    worst = [p[: len(own.inputs)] for p in off] if layout is None else of_components(off, checked.check.subject.program.inputs, own.inputs, layout)
    for s in improve(check.alone(wish.gradient) if wish.gradient else check, own.programs.drafts[0], points.boxes(own, fmt), budget=wish.seconds, points=tuple(worst)):
        line, is_whole = written.origin[s.source.text[: s.start].count("\n")]
        if line.source is None:
            continue
        found = _in_file(question, case, checked.check, s if layout is None else _of_all(s), line, written if is_whole else None)
        if not found.why_no_patch and is_known(question, line):
            if not holds_in_code(question, case, checked, whole, line, found.replacement, gradient=s.gradient, is_proved=s.proof == PROVED, layout=layout):
                continue
        elif not found.why_no_patch and layout is not None:
            found = replace(found, patch="", why_no_patch=NOT_TRIED, span=(0, 0), digest="")
        yield found


def _in_own_forms(question: Question, case: Case, checked: Checked, trace: Trace, wish: ImproveRequest) -> Iterator[Replacement]:
    """Other forms of lines, in the words of the code: of arrays whose components read each other, and of values that the framework differentiates."""
    for s, line in better_array_lines(question, case, checked, trace, wish):
        assert line.source is not None
        yield reported(checked.check, s, patch_of(case, line.source, line.start, line.end, s.replacement))


def _of_all(s: Suggestion) -> Suggestion:
    """A suggestion for one component as one for all."""
    return replace(s, proof_text=f"{s.proof_text}; {FOR_ALL}")


def _as_case(question: Question, case: Case, trace: Trace, written: TraceText) -> str:
    """The callable as a case file; JSON is YAML."""
    inputs = [n for n in trace.program.inputs if n not in trace.program.parameters]
    domain = {base(n): [float(t) for t in bounds] for n, bounds in case.domain if base(n) in inputs and finite(bounds)}
    body = {"forward": "\n".join(written.forward), "backward": "\n".join(written.backward), "gradients": dict(trace.claims)}
    content = {"name": case.name, "points": [dict(zip(inputs, trace.point, strict=False))], "hunt": True, "implementations": {question.callee.name if question.callee.name.isidentifier() else "it": body}}
    content |= {"domain": domain} if domain else {}
    content |= {"function": case.function.text} if case.function is not None else {}
    return json.dumps(content)


def _in_file(question: Question, case: Case, check: Check, s: Suggestion, line: Line, written: TraceText | None) -> Replacement:
    """The suggestion about a line of the user's file, with the line as it may be there; in the language, and without a patch, where it cannot be said so."""
    assert line.source is not None
    here = replace(s, implementation=check.implementation, source=line.source, start=line.start, end=line.end, original=line.text)
    new, problem = _new_line(question, s, line, written) if written is not None else ("", IN_PARTS)
    here = replace(here, replacement=new or s.replacement)
    if problem:
        return reported(check, here, FilePatch(problem=problem))
    return reported(check, here, patch_of(case, line.source, line.start, line.end, new))


def _new_line(question: Question, s: Suggestion, line: Line, written: TraceText) -> tuple[str, str]:
    """The line of the user's file with the replacement in its own words ("" where it has none), and why it cannot stand there as it is."""
    assert line.source is not None
    module = module_of(question.callee.framework)
    library = library_name(ast.parse(line.source.text), module)
    if not library:
        return "", NO_LIBRARY.format(module=module)
    statement = ast.parse(line.text).body[0] if _is_statement(line.text) else None
    value = statement.value if isinstance(statement, ast.Assign | ast.Return) else None
    if value is None or (isinstance(statement, ast.Assign) and not (len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name))):
        return "", IN_PARTS
    is_tuple = isinstance(value, ast.Tuple) and len(value.elts) == 1  # as a rule of JAX returns the gradient of one input
    if isinstance(value, ast.Tuple) and is_tuple:
        value = value.elts[0]
    original = s.original.partition(" = ")[2]
    names = same_names(original, value) or same_names(in_inputs(original, written), value)
    if names is None:
        return "", IN_PARTS
    formula = s.replacement.partition(" = ")[2]
    in_full = in_inputs(formula, written)
    formula = in_full if read_by(formula) - set(names) and not read_by(in_full) - set(names) else formula  # a step of the trace has a name that the line does not know
    code, problem = in_own_words(formula, module, library, names)
    if problem:
        return "", problem
    missing = sorted(read_by(formula) - set(names))
    problem = f"the line does not read {', '.join(missing)}: see that {'it is' if len(missing) == 1 else 'they are'} there, and change the line yourself" if missing else ""
    head = "return" if isinstance(statement, ast.Return) else f"{ast.unparse(statement.targets[0])} =" if isinstance(statement, ast.Assign) else ""
    return f"{head} ({code},)" if is_tuple else f"{head} {code}", problem


def in_inputs(formula: str, written: TraceText) -> str:
    """A formula with what other statements compute written out: it reads the inputs and what flows in."""
    for statement in reversed((*written.forward, *written.backward)):
        name, _, value = statement.partition(" = ")
        formula = renamed(formula, {name: f"({value})"}) if name in read_by(formula) and len(formula) < MOST_CHARACTERS else formula
    return formula


def _is_statement(text: str) -> bool:
    try:
        return len(ast.parse(text).body) == 1
    except SyntaxError:
        return False
