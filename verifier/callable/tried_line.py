"""A better line, tried in the user's own code: the function with that line is traced anew, and the new gradients must be as good as they are said to be."""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace

from verifier.callable.question import Question, split
from verifier.case import points
from verifier.case.case import Case
from verifier.case.components import base
from verifier.circuit.backprop import differentiated
from verifier.circuit.program import Line
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact.truth import Subject
from verifier.language.formats import Format
from verifier.search.improve.acceptance import NotAccepted, identity_of, is_worse
from verifier.search.improve.each_component import ArrayShapes, are_one_formula
from verifier.trace.record import Callee, Trace
from verifier.trace.rewrite import Body, bodies, replaced

MOST_POINTS = 12  # at which both are judged over the reals and in floats


def is_known(question: Question, line: Line) -> bool:
    """Whether the code of the function in which a line stands can be replaced."""
    return any(_statement(body, line) is not None for body in bodies(question.callee.functions))


def holds_in_code(question: Question, case: Case, checked: Checked, trace: Trace, line: Line, new: str, *, gradient: str, is_proved: bool, layout: ArrayShapes | None) -> bool:
    """Whether the function with another statement on a line has the same claims, gives the gradient that is suggested, and no worse verdict at the points of the run."""
    again = _traced_with(question, trace, line, new, checked.check.format)
    check = replace(checked.check, computed=None)
    if again is None or again.claims != check.subject.claims or again.program.inputs != check.subject.program.inputs:
        return False
    program = differentiated(again.program)
    whole = replace(check, subject=Subject(program, again.claims), proved=frozenset())
    claims = [c for c in again.claims if base(c[1]) == base(gradient)]
    if not claims or any(name not in program.names for _, name in again.claims):
        return False
    if layout is not None:
        parts = [(program, program.names[name], layout.component(variable)) for variable, name in claims]
        if not are_one_formula(parts, parts[0], layout):
            return False
    tried = list(dict.fromkeys([trace.point, *checked.points]))[:MOST_POINTS]
    if is_proved and isinstance(identity_of(whole, claims[0], points.boxes(case, check.format)), NotAccepted):
        return False
    before, after = (compare(c, tried, detail=False) for c in (check, whole))
    return not any(is_worse(a.verdict, b.verdict) for new_row, old_row in zip(after, before, strict=True) for a, b in zip(new_row, old_row, strict=True))


def _traced_with(question: Question, trace: Trace, line: Line, new: str, fmt: Format) -> Trace | None:
    """The trace of the function with another statement on a line; None where it does not run."""
    found = edited_body(question.callee, line)
    return None if found is None else traced_with(question.callee, trace, found, new, fmt)


def edited_body(callee: Callee, line: Line) -> tuple[Body, ast.stmt] | None:
    """The function, and the statement in it, that stands on a line."""
    for body in bodies(callee.functions):
        old = _statement(body, line)
        if old is not None:
            return body, old
    return None


def traced_with(callee: Callee, trace: Trace, place: tuple[Body, ast.stmt], new: str, fmt: Format) -> Trace | None:
    """The trace of a callable with other statements in the place of one of its code; None where it does not run."""
    body, old = place
    statements = ast.parse(new).body
    statement = statements[0] if len(statements) == 1 else ast.If(ast.Constant(value=True), statements, [])
    for node in ast.walk(statement):
        ast.copy_location(node, old)
    try:
        with warnings.catch_warnings(), replaced(body, old, statement):
            warnings.simplefilter("ignore")  # of a line that nobody wrote
            return (callee.anew or callee.trace)(*split(callee, trace.point), fmt)
    except Exception:  # noqa: BLE001 - the user's code, with another line: whatever it raises, it is not suggested
        return None


def _statement(body: Body, line: Line) -> ast.stmt | None:
    """The statement of a function on a line, where that is one of its file."""
    if line.source is None or body.function.__code__.co_filename != line.source.file:
        return None
    return body.statement(line.source.place(line.start).line)


__all__ = ["edited_body", "holds_in_code", "is_known", "traced_with"]
