"""Better lines for callables of arrays whose components read each other: each line of the user's code is tried in other forms, in its own words, and what is traced then is proved and judged."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from verifier.callable.own_words import in_own_words, library_name, module_of, read_by
from verifier.callable.question import Question
from verifier.callable.tried_line import traced_with
from verifier.case import points
from verifier.case.case import Case, ImproveRequest
from verifier.circuit.backprop import differentiated
from verifier.circuit.program import Line, Program
from verifier.compare.challenge import differs
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.meant import meant_in
from verifier.exact import derivatives
from verifier.exact.prove import prove_same
from verifier.exact.truth import Subject
from verifier.search.improve.array_calls import ArrayWords, prefix_of
from verifier.search.improve.array_forms import forms, summed_axes
from verifier.search.improve.suggestion import Suggestion
from verifier.search.improve.whole_arrays import ArrayStatement, FormEdit, better_statements, definitions_of, on_lines
from verifier.trace.record import Callee, Trace
from verifier.trace.rewrite import Body, bodies

StatementsAt = dict[tuple[int, int], tuple[Body, ast.stmt]]  # by the span of a statement in its file


def better_array_lines(question: Question, case: Case, checked: Checked, trace: Trace, wish: ImproveRequest) -> Iterator[tuple[Suggestion, Line]]:
    """Suggestions for lines of the user's code, in the words of the code, each with its line."""
    check = replace(checked.check, computed=None)
    places: StatementsAt = {}
    statements = [s for body in bodies(question.callee.functions) for s in _statements(body, question.callee, trace, places)]

    def replaced(edits: Sequence[FormEdit]) -> Check | None:
        if len(edits) != 1:
            return None  # one function is edited in one place
        ((statement, text),) = edits
        lines = "\n".join(line.strip() for line in text.splitlines())
        again = traced_with(question.callee, trace, places[statement.start, statement.end], lines, check.format)
        if again is None or again.claims != check.subject.claims or again.program.inputs != check.subject.program.inputs or any(name not in again.program.names for _, name in again.claims):
            return None
        if not _is_same_function(trace.program, again.program, check):
            return None
        return replace(check, subject=Subject(differentiated(again.program), again.claims), proved=frozenset())

    bad = [p for p, row in zip(checked.points, checked.rows, strict=False) if any(not d.verdict.passes for d in row)]
    for s in better_statements(check, statements, replaced, points.boxes(case, check.format), said=partial(_said, question), budget=wish.seconds, meant=meant_in(case, check.format), bad=bad):
        if wish.gradient in ("", s.gradient):
            yield s, Line(s.original, s.source, s.start, s.end)


def _is_same_function(old: Program, new: Program, check: Check) -> bool:
    """Whether two traced programs have the same forward pass over the reals: the same steps, or proved to be."""
    first, second = old.forward_part(), new.forward_part()
    if first.steps == second.steps and first.output == second.output:
        return True
    one, other = derivatives.primitive(first), derivatives.primitive(second)
    return differs(one, other, (), fmt=check.format) is None and prove_same(one, other, fmt=check.format) is not None


def _statements(body: Body, callee: Callee, trace: Trace, places: StatementsAt) -> list[ArrayStatement]:
    """The statements of a function that computed something, with other forms of each."""
    lines = {line.source.place(line.start).line: line for line in reversed(trace.program.lines) if line.source is not None and line.source.file == body.function.__code__.co_filename}  # the first one: backprop's stand in the lines of the forward pass
    own = sorted((s for s in ast.walk(body.tree) if isinstance(s, ast.Assign | ast.AugAssign | ast.Return)), key=lambda s: s.lineno)
    assigned = [s for s in own if isinstance(s, ast.Assign | ast.AugAssign)]
    every = ArrayWords(definitions_of(assigned, assigned), "")
    axes = summed_axes(every, [s.value for s in own if s.value is not None])
    prefix = prefix_of(own) or _library(body, callee)
    found = []
    for statement in own:
        line = lines.get(statement.lineno)
        if line is None or line.source is None:
            continue
        start = line.source.text.rfind("\n", 0, line.start) + 1 + statement.col_offset if line.source.text.isascii() else line.start
        if line.source.text[start : line.end].strip() == "" or (start, line.end) in places:
            continue
        earlier = [s for s in assigned if s.lineno < statement.lineno]
        words = ArrayWords(definitions_of(earlier, assigned), prefix_of([statement]) or prefix, may_be_zero=not line.backward)
        texts = dict.fromkeys(on_lines(forms(statement, words, axes), line.source.text, start))
        texts.pop(ast.unparse(statement), None)
        places[start, line.end] = body, statement
        found.append(ArrayStatement(line.source, start, line.end, len(places), tuple(texts)))
    return found


def _said(question: Question, statement: ArrayStatement, formula: str) -> Iterator[str]:
    """A statement of the user's code with a formula of the language as its value, in the words of its library: with its names, and with the one that may stand for what flows in."""
    module = module_of(question.callee.framework)
    library = library_name(ast.parse(statement.source.text), module)
    tree = ast.parse(statement.text).body[0]
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - {library}
    others, unknown = sorted(own - read_by(formula)), sorted(read_by(formula) - own)
    for names in ({}, dict(zip(unknown, others, strict=True)) if len(unknown) == len(others) == 1 else {}):
        code, _ = in_own_words(formula, module, library, names) if library else ("", "")
        is_tuple = isinstance(tree, ast.Return) and isinstance(tree.value, ast.Tuple)
        if code and isinstance(tree, ast.Return) and (not isinstance(tree.value, ast.Tuple) or len(tree.value.elts) == 1):
            yield f"return ({code},)" if is_tuple else f"return {code}"
        elif code and isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name):
            yield f"{ast.unparse(tree.targets[0])} = {code}"


def _library(body: Body, callee: Callee) -> str:
    """The name of the library in the file of a function, with a dot; "" where it has none."""
    name = library_name(ast.parse("".join(linecache.getlines(body.function.__code__.co_filename))), module_of(callee.framework))
    return f"{name}." if name else ""


__all__ = ["better_array_lines"]
