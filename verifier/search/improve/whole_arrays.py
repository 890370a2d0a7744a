"""Better lines for arrays whose components read each other: other forms of each statement of both passes are measured at arrays, and kept if every gradient is proved and none is worse."""

from __future__ import annotations

import ast
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.types import DoubleArray
from verifier.case.case import Case, Draft
from verifier.case.components import base
from verifier.case.inputs import Inputs
from verifier.case.outputs import Outputs
from verifier.case.points import FloatPoint
from verifier.case.programs import programs_of
from verifier.circuit.targets import targets_of
from verifier.compare.challenge import differs
from verifier.compare.check import Check
from verifier.compare.meant import Meant, where_satisfied
from verifier.exact import derivatives
from verifier.exact.prove import prove_same
from verifier.exact.truth import subject
from verifier.language.formats import round_array
from verifier.language.grammar import block
from verifier.language.source import Source
from verifier.language.trees import span
from verifier.language.verdict import Verdict
from verifier.search.improve.acceptance import (
    PROVED,
    NotAccepted,
    accepted,
    computed_at,
    identity_of,
    is_worse,
    judged,
    judged_all,
    worst_of,
)
from verifier.search.improve.array_calls import ArrayWords, prefix_of
from verifier.search.improve.array_forms import forms, summed_axes
from verifier.search.improve.cost import cost_of
from verifier.search.improve.elementwise_forms import elementwise, with_sizes
from verifier.search.improve.exact_values import exact_gradient
from verifier.search.improve.further_points import SAME, is_larger
from verifier.search.improve.guilty import LOST_ULPS
from verifier.search.improve.measure import LEAST_GAIN, Exact, bits, drawn, summary
from verifier.search.improve.suggestion import Suggestion
from verifier.search.paths import InputRanges

MOST_MEASURED = 4  # components of a gradient
MEASURED_AT = 240  # arrays at which they are measured
JUDGED_AT = 40  # arrays at which all components are judged
MOST_COMPONENTS = 64  # that are proved one by one
MOST_HUNTED = 2  # components of a gradient in whose domain a hunt looks for something worse
MOST_FORMS = 80  # of all statements
MOST_PROVED = 4  # forms that are worth a proof, of one gradient
CLOSE = (1.0, 2.0**-10, 2.0**-20, 2.0**-30)  # relative distances of the components of an array
GOLDEN = 0.6180339887498949  # the multiples of the golden ratio, less their whole numbers, fill an interval evenly
SMALL_GAIN = 0.1  # bits that are enough where the worst verdict is better
BESIDE = (-2, -1, 1, 2)  # units in the last place: where the old gradient is as bad beside a point, it was chance that it was not there


@dataclass(frozen=True)
class ArrayStatement:
    """A statement of one of the passes, and other texts for it."""

    source: Source
    start: int
    end: int
    order: int  # of the statements of both passes
    forms: tuple[str, ...]

    @property
    def text(self) -> str:
        """The statement."""
        return self.source.text[self.start : self.end]


FormEdit = tuple[ArrayStatement, str]  # a statement, and another text for it
Said = Callable[[ArrayStatement, str], Iterable[str]]  # a statement with a formula of the language as its value, in the ways in which that may be said there
Replaced = Callable[[Sequence[FormEdit]], "Check | None"]  # the question with other texts in the place of statements; None where they mean nothing


_Edits = tuple[FormEdit, ...]
_Errors = Mapping[str, DoubleArray]  # by gradient


@dataclass(frozen=True)
class _Measure:
    """What the forms of statements are measured by: some components of each gradient at arrays, and all of them at some."""

    check: Check
    boxes: Sequence[InputRanges]
    meant: Meant | None
    points: Sequence[FloatPoint]
    exact: Mapping[str, Exact]  # of the components that are measured
    judged_at: Sequence[FloatPoint]
    verdicts: Sequence[Sequence[Verdict]]  # of each claim, before

    def errors(self, check: Check) -> dict[str, DoubleArray]:
        """By gradient, the errors of the components that are measured, where something is known of them."""
        program = check.subject.program
        columns = [np.array(c) for c in zip(*self.points, strict=True)]
        values = floats.arrays(program, columns, [program.names[name] for name in self.exact], fmt=check.format, upstream=check.upstream)
        found: dict[str, list[DoubleArray]] = {}
        for (name, exact), column in zip(self.exact.items(), values, strict=True):
            found.setdefault(base(name), []).append(exact.errors(np.broadcast_to(column, len(self.points)))[exact.known])
        return {name: np.concatenate(parts) for name, parts in found.items()}


@dataclass(frozen=True)
class _Tried:
    """A form of a statement with what it computes."""

    edits: _Edits
    check: Check
    errors: _Errors
    judged_at: Sequence[FloatPoint]

    @cached_property
    def verdicts(self) -> list[list[Verdict]]:
        """The verdicts of every claim at some arrays."""
        return judged_all(self.check, self.judged_at)


def improve_arrays(case: Case, check: Check, draft: Draft, boxes: Sequence[InputRanges], *, budget: float, meant: Meant | None = None, bad: Sequence[FloatPoint] = ()) -> tuple[Suggestion, ...]:
    """Suggestions for the statements of an implementation of arrays, of its own forward pass and of its backward pass, within about so many seconds of the processor."""
    if check.computed is not None or draft.implementation.backward is draft.implementation.forward:  # no text of its own
        return ()
    statements = statements_of(case, draft)
    return better_statements(check, statements, lambda edits: replaced_passes(case, check, draft, edits), boxes, said=with_value, budget=budget, meant=meant, bad=bad)


def better_statements(check: Check, statements: Sequence[ArrayStatement], replaced: Replaced, boxes: Sequence[InputRanges], *, said: Said, budget: float, meant: Meant | None = None, bad: Sequence[FloatPoint] = ()) -> tuple[Suggestion, ...]:
    """Suggestions among the forms of some statements, at most two for each gradient; where there are none, what is found for one component of the statement that sets it."""
    deadline = time.process_time() + budget
    if len(check.subject.claims) > MOST_COMPONENTS:
        return ()
    measure = _measure(check, boxes, meant, bad)
    before = measure.errors(check)
    off = [name for name, errors in before.items() if (errors > LOST_ULPS).any()]
    if not off:
        return ()
    tried = []
    for statement, text in [(s, t) for s in statements for t in s.forms][:MOST_FORMS]:
        if time.process_time() > deadline:
            break
        new = _with_errors(measure, replaced, [(statement, text)])
        tried += [new] if new is not None else []
    found: list[Suggestion] = []
    answers: dict[tuple[_Edits, str], str | None] = {}
    for name in off:
        first = _best(measure, tried, name, before, answers, deadline)
        if first is None:
            more = [m for edit in _elementwise(measure, statements, said, name, deadline) if (m := _with_errors(measure, replaced, [edit])) is not None]
            first = _best(measure, more, name, before, answers, deadline)
        if first is None:
            continue
        found.append(_suggestion(measure, first, name, answers[first.edits, name] or "", before))
        left = [t for t in tried if t.edits[0][0] is not first.edits[0][0] and _is_gain(before, t.errors, name, least=0.0)]
        both = [m for t in left if time.process_time() < deadline and (m := _with_errors(measure, replaced, (*t.edits, *first.edits))) is not None]
        second = _best(measure, both, name, first.errors, answers, deadline)
        alone = None if second is None else next(t for t in left if t.edits[0] == second.edits[0])
        if alone is not None and _is_proved(measure, alone, name, answers):
            found.append(_suggestion(measure, alone, name, answers[alone.edits, name] or "", before))
    return tuple(found)


def _elementwise(measure: _Measure, statements: Sequence[ArrayStatement], said: Said, name: str, deadline: float) -> Iterator[FormEdit]:
    """The forms of the statement that sets an array component by component."""
    program = measure.check.subject.program
    step = program.steps[program.names[next(n for _, n in measure.check.subject.claims if base(n) == name)]]
    line = program.lines[step.line] if step.line >= 0 else None
    statement = next((s for s in statements if line is not None and s.source.file == getattr(line.source, "file", None) and s.start <= line.start < s.end and s.source.text == getattr(line.source, "text", None)), None)
    if statement is None:
        return
    now = time.process_time()
    for formula in elementwise(measure.check, name, statement.source, statement.start, statement.end, measure.points, deadline=now + (deadline - now) / 2):
        yield from ((statement, sized) for text in said(statement, formula) if (sized := with_sizes(text, measure.check, statement.text)) is not None)


def _with_errors(measure: _Measure, replaced: Replaced, edits: Sequence[FormEdit]) -> _Tried | None:
    """Some statements in other forms, measured."""
    new = replaced(edits)
    return None if new is None or new.subject.claims != measure.check.subject.claims else _Tried(tuple(edits), new, measure.errors(new), measure.judged_at)


def _best(measure: _Measure, tried: Sequence[_Tried], name: str, before: _Errors, answers: dict[tuple[_Edits, str], str | None], deadline: float) -> _Tried | None:
    """The best of some forms that is proved: that with the largest gain in whole bits, of these the first one in the text, of a statement the shortest.

    One that gains less than a bit has to have a better worst verdict.
    """
    gaining = [t for t in tried if _is_gain(before, t.errors, name, least=SMALL_GAIN)]
    gaining.sort(key=lambda t: (-round(_gain(before, t.errors, name)), t.edits[0][0].order, len(t.edits[0][1])))
    for k, t in enumerate(gaining[:MOST_PROVED]):
        if k and time.process_time() > deadline:
            break
        if _gain(before, t.errors, name) < LEAST_GAIN and not _has_better_verdict(measure, t, name):
            continue
        if _is_proved(measure, t, name, answers):
            return t
    return None


def _has_better_verdict(measure: _Measure, t: _Tried, name: str) -> bool:
    """Whether the worst verdict of a gradient is better than before, which does not pass."""
    before, after = (_worst(measure, rows, name) for rows in (measure.verdicts, t.verdicts))
    return not before.passes and after.rank < before.rank


def _worst(measure: _Measure, rows: Sequence[Sequence[Verdict]], gradient: str) -> Verdict:
    """The worst verdict of the components of a gradient; where nothing is defined or decided there is none."""
    own = [k for k, (_, name) in enumerate(measure.check.subject.claims) if base(name) == gradient]
    return worst_of(v for k in own for v in rows[k])


def _is_proved(measure: _Measure, t: _Tried, name: str, answers: dict[tuple[_Edits, str], str | None]) -> bool:
    if (t.edits, name) not in answers:
        answers[t.edits, name] = _proof_of(measure, t, name)
    return answers[t.edits, name] is not None


def _is_gain(before: _Errors, after: _Errors, name: str, *, least: float = LEAST_GAIN) -> bool:
    """Whether a gradient loses fewer bits than before, and no gradient's worst error is larger."""
    return _gain(before, after, name) > least and not _is_larger(before, after)


def _measure(check: Check, boxes: Sequence[InputRanges], meant: Meant | None, bad: Sequence[FloatPoint]) -> _Measure:
    inside = [tuple(b) for b in boxes]
    points = _inside([*bad, *with_clusters(drawn(inside, check.format, count=MEASURED_AT, seed=7), check, inside)], meant)
    members: dict[str, list[str]] = {}
    for _, name in check.subject.claims:
        members.setdefault(base(name), []).append(name)
    measured = [name for names in members.values() for name in names[:: max(1, -(-len(names) // MOST_MEASURED))]]
    judged_at = _inside([*bad[:JUDGED_AT], *with_clusters(drawn(inside, check.format, count=JUDGED_AT, seed=8), check, inside)], meant)
    return _Measure(check, boxes, meant, points, {name: exact_gradient(check, name, points) for name in measured}, judged_at, judged_all(check, judged_at))


def with_clusters(points: Sequence[FloatPoint], check: Check, boxes: Sequence[InputRanges]) -> list[FloatPoint]:
    """The points, in every third of which the components of each array are close to the first one: there differences cancel."""
    names = check.subject.program.inputs
    first = {base(name): i for i, name in reversed([*enumerate(names)])}
    found: list[FloatPoint] = []
    for k, point in enumerate(points):
        box = boxes[k % len(boxes)]
        near = [point[first[base(n)]] * (1 + CLOSE[k % len(CLOSE)] * ((i * GOLDEN) % 1 - 0.5)) for i, n in enumerate(names)] if k % 3 == 2 else point
        found.append(tuple(round_array(check.format, np.array([x if low <= x <= high else y for x, y, (low, high) in zip(near, point, box, strict=True)])).tolist()))
    return found


def _inside(points: Sequence[FloatPoint], meant: Meant | None) -> list[FloatPoint]:
    """The points that are finite and at which the inputs are meant."""
    return where_satisfied(meant, [p for p in dict.fromkeys(points) if all(np.isfinite(p))])


def _gain(before: _Errors, after: _Errors, name: str) -> float:
    """The bits that are lost less, on the mean."""
    return float(np.mean(bits(before[name])) - np.mean(bits(after[name]))) if len(before[name]) else 0.0


def _is_larger(before: _Errors, after: _Errors) -> bool:
    """Whether the worst error of some gradient is larger than it was, by more than a bit, or it loses more on the mean."""
    return any(is_larger(float(after[n].max(initial=0.0)), float(e.max(initial=0.0))) or _gain(before, after, n) < -LEAST_GAIN for n, e in before.items())


def _proof_of(measure: _Measure, t: _Tried, gradient: str) -> str | None:
    """What is proved of a form in words: every claim is the exact gradient, and none has a worse verdict where they are judged or hunted; None where that does not hold."""
    tried = _not_worse(measure, t)
    if tried is None:
        return None
    words = ""
    for claim in t.check.subject.claims:
        if isinstance(identity_of(t.check.alone(claim[1]), claim, measure.boxes), NotAccepted):
            return None
    hunted = [name for _, name in t.check.subject.claims if base(name) == gradient][:MOST_HUNTED]
    for name in hunted:
        answer = accepted(measure.check, t.check, name, tried, measure.boxes, meant=measure.meant)
        if isinstance(answer, NotAccepted):
            return None
        words = answer.proof_text
    return words


def _not_worse(measure: _Measure, t: _Tried) -> list[FloatPoint] | None:
    """The points at which no verdict is worse than before; None where one is, and the old gradient is not as bad beside that point."""
    kept = []
    for k, point in enumerate(measure.judged_at):
        worse = [(claim[1], new[k]) for claim, new, old in zip(t.check.subject.claims, t.verdicts, measure.verdicts, strict=True) if is_worse(new[k], old[k])]
        if any(not _is_chance(measure, t, name, verdict, point) for name, verdict in worse):
            return None
        if not worse:
            kept.append(point)
    return kept


def _is_chance(measure: _Measure, t: _Tried, name: str, verdict: Verdict, point: FloatPoint) -> bool:
    """Whether a worse verdict at a point says nothing: the old gradient is as far off there, or as bad within a few floats of it."""
    if verdict.warns:
        exact = exact_gradient(measure.check, name, [point])
        old, new = (_errors_of(c, name, [point], exact)[0] for c in (measure.check, t.check))
        if exact.known[0] and new <= 2**SAME * old:
            return True
    unit = 2.0 ** (1 - measure.check.format.precision)
    beside = [tuple(round_array(measure.check.format, np.array([x * (1 + n * unit * ((i * GOLDEN) % 1)) for i, x in enumerate(point, 1)])).tolist()) for n in BESIDE]
    return any(not is_worse(verdict, v) for v in judged(measure.check.alone(name), beside))


def _errors_of(check: Check, name: str, points: Sequence[FloatPoint], exact: Exact) -> DoubleArray:
    """The errors of one component at points."""
    return exact.errors(computed_at(check, name, points))


def _suggestion(measure: _Measure, t: _Tried, gradient: str, proof: str, before: _Errors) -> Suggestion:
    """The first of some edits as a suggestion."""
    statement, text = t.edits[0]
    worst = [_worst(measure, rows, gradient) for rows in (measure.verdicts, t.verdicts)]
    own = [n for _, n in measure.check.subject.claims if base(n) == gradient]
    words = f"{proof}; every component" if len(own) > 1 else proof
    return Suggestion(
        measure.check.implementation, gradient, statement.source, statement.source.place(statement.start).line, statement.start, statement.end, statement.text, text,
        PROVED, words, (), summary(before[gradient]), summary(t.errors[gradient]), (), cost_of(measure.check, t.check, own[0], measure.points), worst[0].value, worst[1].value, 0,
    )  # fmt: skip


# ---------------------------------------------------------------- of a case


def statements_of(case: Case, draft: Draft) -> list[ArrayStatement]:
    """The statements of the backward pass, and of the forward pass where no other implementation has the same, with other forms of each."""
    own, shared = draft.implementation.forward, [i for i in case.implementations if i.forward is draft.implementation.forward]
    sources = [s for s in (own, draft.implementation.backward) if s is not None]
    trees = [(source, tree) for source in sources for tree in block(source.text)[0]]
    assigned = [tree for _, tree in trees]
    every = ArrayWords(definitions_of(assigned, assigned), "")
    axes = summed_axes(every, [t.value for t in assigned if isinstance(t, ast.Assign)])
    found: list[ArrayStatement] = []
    for source, tree in trees:
        if not isinstance(tree, ast.Assign | ast.AugAssign) or (source is own and len(shared) > 1):
            continue
        start, end = span(tree)
        earlier = [t for s, t in trees if (s is not source and source is not own) or (s is source and span(t)[0] < start)]
        words = ArrayWords(definitions_of(earlier, assigned), prefix_of([tree]) or prefix_of(assigned), may_be_zero=source is own)
        texts = dict.fromkeys(forms(tree, words, axes))
        texts.pop(source.text[start:end], None)
        found.append(ArrayStatement(source, start, end, len(found), tuple(on_lines(texts, source.text, start))))
    return found


def with_value(statement: ArrayStatement, formula: str) -> list[str]:
    """A statement of the language with another value; nothing where it is no plain assignment."""
    tree = next(iter(block(statement.text)[0]), None)
    return [f"{ast.unparse(tree.targets[0])} = {formula}"] if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name) else []


def on_lines(texts: Iterable[str], whole: str, start: int) -> Iterator[str]:
    """Texts of several lines with the blanks before the statement in front of each."""
    indent = whole[whole.rfind("\n", 0, start) + 1 : start]
    for text in texts:
        if not indent.strip():
            yield text.replace("\n", f"\n{indent}")


def definitions_of(earlier: Sequence[ast.stmt], every: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """The values of the names that are set once, by a statement of their own, among some that come earlier."""
    counts = Counter(name for tree in every for name in targets_of(tree))
    return {t.targets[0].id: t.value for t in earlier if isinstance(t, ast.Assign) and len(t.targets) == 1 and isinstance(t.targets[0], ast.Name) and counts[t.targets[0].id] == 1}


def replaced_passes(case: Case, check: Check, draft: Draft, edits: Sequence[FormEdit]) -> Check | None:
    """The question of an implementation with other texts in the place of statements of its passes. None where they have no meaning, or where its forward pass is another function."""
    own = draft.implementation
    texts = {s.label: s for s in (own.forward, own.backward) if s is not None}
    for statement, text in sorted(edits, key=lambda e: -e[0].start):
        old = texts[statement.source.label]
        texts[old.label] = Source(old.text[: statement.start] + text + old.text[statement.end :], old.file, old.line, old.column, old.span, old.label, old.span_column)
    changed = replace(own, forward=None if own.forward is None else texts[own.forward.label], backward=None if own.backward is None else texts[own.backward.label])
    inputs = Inputs(case.inputs, case.shapes, case.points, case.domain, case.choices, case.parameters, case.fixed)
    programs, _, complaints = programs_of(inputs, function=case.function, implementations=(changed,), outputs=Outputs(case.outputs), upstream=case.upstream)
    if programs is None or complaints or programs.drafts[0].misshapen:
        return None
    made = programs.drafts[0]
    if any(statement.source is own.forward for statement, _ in edits) and not _is_same_function(check, draft, made):
        return None
    return replace(check, subject=replace(subject(made), claims=check.subject.claims), proved=frozenset())


def _is_same_function(check: Check, draft: Draft, made: Draft) -> bool:
    """Whether a changed forward pass is proved to be the function that it was."""
    old, new = (derivatives.primitive(d.forward) for d in (draft, made))
    return differs(old, new, (), fmt=check.format) is None and prove_same(old, new, fmt=check.format) is not None


__all__ = ["ArrayStatement", "FormEdit", "better_statements", "definitions_of", "improve_arrays", "on_lines"]
