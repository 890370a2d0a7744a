"""Explains wrong gradients: the wrong line, the edit that repairs it, and the figures beside it."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial

from flint import arb

from verifier.arithmetic import balls
from verifier.blame.formula import array_lines, array_repairs, branches, derivation, diagnose, locate, temporaries
from verifier.blame.formula.adjoint_values import BITS, Reference, Trial, agrees
from verifier.blame.formula.attempt import Attempt, at_once
from verifier.blame.formula.rerun import Rerun, set_to_zeros_only, statements_in
from verifier.blame.formula.suspects import suspects
from verifier.blame.formula.telling import telling
from verifier.blame.formula.trial_points import MAX_POINTS, OTHER_UPSTREAMS, elsewhere, neighbours, ordinary
from verifier.blame.formula.values_shown import array_figures, array_plainly, figures, plainly
from verifier.case.case import Draft
from verifier.case.components import base
from verifier.circuit.program import Program, ancestors, reads_upstream
from verifier.circuit.values import is_array
from verifier.language.formats import Format
from verifier.language.source import Place, Source
from verifier.language.trees import span

UNEXPLAINED = "this line is wrong"
ARRAY_SHARE = 2.0  # of the time of an attempt, for the search for the wrong line of array code
LONG = 20_000  # steps of array code whose repair is certified at fewer points
MOST_SCALAR_STEPS = 3_000  # of array code whose statements are also looked at component by component
MOST_COMPONENTS = 2  # of an array of which a wrong branch is looked for


@dataclass(frozen=True)
class Explanation:
    """A wrong line, what is wrong with it in words, and the gradients that it makes wrong."""

    place: Place
    statement: str
    words: str
    gradients: tuple[str, ...]
    details: tuple[str, ...]
    source_line: str = ""
    width: int = 0  # of the wrong subexpression, in columns
    lines: frozenset[int] = frozenset()  # of array code that no edit explains: where the mistake may be
    point: tuple[float, ...] = ()  # at which the figures of the line are, where it is not the first of the wrong ones


def explanations(
    draft: Draft, wrong: Sequence[tuple[str, tuple[float, ...]]], *, fmt: Format, upstream: float, beside: Sequence[tuple[float, ...]] = (), likely: Sequence[tuple[float, ...]] = (), fixed: Container[int] = (), attempt: Attempt = at_once
) -> list[Explanation]:
    """The wrong statements behind wrong gradients, which are given as (name, point). `beside` are other points, at which a repair must hold too;
    `likely` are points, in this order, at which array code is looked at: at the first one at which the mistakes show;
    `fixed` are the positions of inputs with one value only.

    `attempt` makes what a report can do without, within a limit of time: the search for the line, the words of a diagnosis, the formula that is expected.
    """
    program = draft.whole
    if program is None:
        return []
    found: list[Explanation] = []
    unexplained: list[Explanation] = []
    if any(map(is_array, program.values.values())):
        explained_arrays, unexplained = attempt("the search for the wrong line of array code", partial(_array_explanations, draft, wrong, likely, fmt=fmt, upstream=upstream, fixed=fixed), ([], []), ARRAY_SHARE)
        found += explained_arrays
        done = {name for explanation in found for name in explanation.gradients}
        wrong = [(name, point) for name, point in wrong if name not in done]
        if len(program) > MOST_SCALAR_STEPS and {name for name, _ in wrong} <= {name for explanation in unexplained for name in explanation.gradients}:
            return [*found, *unexplained]
        if not wrong:
            return found
    chosen = list(dict.fromkeys(point for _, point in wrong))
    right = [p for p in dict.fromkeys(beside) if p not in chosen][:MAX_POINTS] + ordinary(len(program.inputs))
    chosen = chosen[:MAX_POINTS]
    without_value: list[Explanation] = []  # what has none at the point itself is told better
    for names in _by_reading(program, {name for name, _ in wrong}):
        nothing: tuple[locate.IsolatedRun | None, list[locate.Mistake]] = (None, [])
        isolated, mistakes = attempt("the search for the wrong line", partial(_mistakes, draft, program, names, chosen, right, fmt=fmt, upstream=upstream, fixed=fixed), nothing)
        for group in _by_line(mistakes):
            reached = _reached(program, {m.definition for m in group})
            affected = tuple(n for _, n in draft.claims if n in names and program.names[n] in reached)
            if affected and isolated is not None:
                explanation = _explanation_of_line(program, isolated, group, affected, fmt, attempt)
                (without_value if explanation.words.startswith(UNEXPLAINED) and not _has_value(group[0]) else found).append(explanation)
    explained = {name for explanation in found for name in explanation.gradients}
    tried: dict[str, int] = {}
    for name, point in wrong if len(program) <= LONG else ():
        tried[base(name)] = tried.get(base(name), 0) + (name not in explained)
        if name in explained or tried[base(name)] > MOST_COMPONENTS:
            continue
        point_mistake = attempt("the search for a wrong branch", partial(branches.point_mistake, draft, name, point, fmt=fmt, upstream=upstream), None)
        if point_mistake is not None:
            explained.add(name)
            found.append(_point_explanation(program, point_mistake, name))
    found += [e for e in without_value if not explained.issuperset(e.gradients)]
    merged: dict[tuple[Place, str], Explanation] = {}
    for explanation in found:  # one wrong temporary read by several adjoints is one mistake
        key = (explanation.place, explanation.words)
        before = merged.get(key)
        gradients = tuple(dict.fromkeys([*(before.gradients if before else ()), *explanation.gradients]))
        merged[key] = replace(before or explanation, gradients=gradients)
    return _with_forgotten(draft, _of_arrays(list(merged.values()), unexplained))


def _has_value(mistake: locate.Mistake) -> bool:
    """Whether a wrong statement has a value over the reals at the first point."""
    return isinstance(mistake.computed[0], arb) and mistake.computed[0].is_finite()


def _with_forgotten(draft: Draft, found: Sequence[Explanation]) -> list[Explanation]:
    """The explanations, where a gradient that is only ever set to zeros has that as its reason."""
    source = draft.implementation.backward
    names = {base(g) for e in found if e.words.startswith(UNEXPLAINED) for g in e.gradients}
    zeros = set_to_zeros_only(source) & names if source is not None and names else set()
    return [
        replace(e, words=f"nothing is ever added to {' and '.join(f'`{n}`' for n in mine)}, which {'stays' if len(mine) == 1 else 'stay'} 0: the contributions are missing")
        if e.words.startswith(UNEXPLAINED) and set(mine := sorted({base(g) for g in e.gradients})) <= zeros
        else e
        for e in found
    ]


def _of_arrays(found: Sequence[Explanation], unexplained: Sequence[Explanation]) -> list[Explanation]:
    """The explanations, where array code has one line for each wrong array: the one that its components are said to be wrong at for one and the same reason, else the one that sets it."""
    kept = list(found)
    for array in unexplained:
        mine = [e for e in kept if not set(e.gradients).isdisjoint(array.gradients)]
        covered = {n for e in mine for n in e.gradients}
        lines = {e.place.line for e in mine}
        words = {e.words for e in mine}
        is_said = not any(w.startswith((UNEXPLAINED, "the contribution through")) for w in words)
        if len(lines) == len(words) == 1 and lines <= array.lines and set(array.gradients) <= covered and (is_said or lines == {array.place.line}):
            continue
        kept = [e for e in kept if e not in mine]
        kept.append(replace(array, gradients=tuple(dict.fromkeys((*array.gradients, *covered)))))
    return kept


def _array_explanations(draft: Draft, wrong: Sequence[tuple[str, tuple[float, ...]]], likely: Sequence[tuple[float, ...]] = (), *, fmt: Format, upstream: float, fixed: Container[int] = ()) -> tuple[list[Explanation], list[Explanation]]:
    """The statements of array code of which one edit makes every gradient exact that they reach, and those that are wrong for no other reason that no edit explains."""
    program, source = draft.whole, draft.implementation.backward
    names = {name for name, _ in wrong}
    if program is None or source is None:
        return [], []
    candidates = list(dict.fromkeys([*likely, *(point for _, point in wrong)]))[:MAX_POINTS]
    reference = telling(draft, names, candidates, upstream=upstream, fixed=fixed)
    if reference is None:
        return [], []
    points = list(reference.points)
    point = points[0]
    rerun = Rerun(draft, points, upstream)
    lines = array_lines.wrong_lines(draft, rerun, reference, fmt)
    if lines is None or not lines.wrong:
        return [], []
    statements = suspects(program, reference, names, upstream=upstream)
    others = [p for p in candidates if p != point and all(map(math.isfinite, p))][:1]
    trials: list[Trial] = [(p, upstream) for p in (*points, *others, *elsewhere(point, fmt, fixed=fixed)[-3 if len(program) <= LONG else -1 :])]
    if len(_by_reading(program, names)) == 1 and reads_upstream(program, [program.names[name] for name in sorted(names)[:1]]):
        trials += [(point, u * upstream if upstream else u) for u in OTHER_UPSTREAMS[:1]]
    found: list[Explanation] = []
    for m in array_repairs.repairs(draft, rerun, lines, reference, trials, wrong=frozenset(map(base, names)), fmt=fmt, suspects=statements):
        gradients = tuple(n for _, n in draft.claims if n in names and base(n) in m.gradients)
        details = (f"diagnosis {m.words}", *(array_figures(m.wrong) if m.wrong is not None else ()), f"after this edit {'it' if len(gradients) == 1 else 'every one of these gradients'} is certified to be exact, at {m.points} points")
        found.append(Explanation(source.place(m.start), m.statement, m.words, gradients, details, source.line_text(m.start), m.end - m.start, point=point))
    done = {name for e in found for name in e.gradients}
    left = _first_wrong(draft, rerun, reference, names - done, upstream=upstream)
    done |= {name for e in left for name in e.gradients}
    for w in lines.wrong:
        held = rerun.held[w.unit, w.name]
        reached = _reached_by(rerun, w)
        gradients = tuple(n for _, n in draft.claims if n in names - done and base(n) in reached)
        if gradients and held.steps:
            tree = array_repairs.setting(rerun, w)
            start, end = span(tree.iter if isinstance(tree, ast.For) else tree)
            words = f"{UNEXPLAINED} even where everything it reads is exact: {array_plainly(w)}"
            left.append(Explanation(source.place(start), source.text[start:end], words, gradients, tuple(array_figures(w)), source.line_text(start), end - start, _lines_of(rerun, lines, w, source), point))
    return found, left


def _first_wrong(draft: Draft, rerun: Rerun, reference: Reference, names: set[str], *, upstream: float) -> list[Explanation]:
    """The statements of loops after which something is wrong for the first time, although everything they read is right then."""
    program, source = draft.whole, draft.implementation.backward
    assert program is not None
    assert source is not None
    inside = {s.col_offset: s for unit in rerun.units if isinstance(unit.tree, ast.For) for s in statements_in(unit)}
    found: list[Explanation] = []
    last = {name: unit.tree for unit in rerun.units for name in unit.sets}
    names = {n for n in names if isinstance(tree := last.get(base(n)), ast.For) or (tree is not None and array_repairs.renames(tree))}
    while names:
        first = next(iter(suspects(program, reference, names, upstream=upstream)), None)
        tree = inside.get(first.start) if first is not None else None
        if first is None or tree is None:
            break
        start, end = span(tree)
        gradients = tuple(n for _, n in draft.claims if n in names and base(n) in first.gradients)
        words = f"{UNEXPLAINED}: in the first round in which its result is wrong, everything it reads is right"
        found.append(Explanation(source.place(start), source.text[start:end], words, gradients, (), source.line_text(start), end - start, frozenset((source.place(start).line,))))
        names = names - set(gradients)
    return found


def _lines_of(rerun: Rerun, lines: array_lines.Lines, w: array_lines.Wrong, source: Source) -> frozenset[int]:
    """The lines that compute a wrong array from what is right."""
    return frozenset(source.place(s.col_offset).line for n in array_repairs.suspects_of(rerun.units, lines, w) for s in statements_in(rerun.units[n]))


def _reached_by(rerun: Rerun, w: array_lines.Wrong) -> set[str]:
    """The names that depend on a wrong one."""
    reached = {w.name}
    for unit in rerun.units[w.unit + 1 :]:
        if not reached.isdisjoint(unit.reads):
            reached |= unit.sets
    return reached


def _by_line(mistakes: Sequence[locate.Mistake]) -> list[list[locate.Mistake]]:
    """The mistakes of each statement: one, or one for each component of an array."""
    groups: dict[tuple[int, str], list[locate.Mistake]] = {}
    for mistake in mistakes:
        groups.setdefault((mistake.line, mistake.kind), []).append(mistake)
    return list(groups.values())


def _reached(program: Program, steps: Collection[int]) -> set[int]:
    """The steps that depend on any of some steps, these included."""
    found = set(steps)
    for i in range(min(found), len(program.steps)):
        if i not in found and not found.isdisjoint(program.steps[i].args):
            found.add(i)
    return found


def _explanation_of_line(program: Program, isolated: locate.IsolatedRun, group: Sequence[locate.Mistake], affected: tuple[str, ...], fmt: Format, attempt: Attempt) -> Explanation:
    """What is wrong with a statement; several components of an array with the same explanation share one."""
    first, *others = [group[0], *(m for m in (group[len(group) // 2], group[-1]) if m is not group[0])]
    explanation = _explanation(program, isolated, first, affected, fmt, attempt)
    for mistake in others if not explanation.words.startswith(UNEXPLAINED) else ():
        found = attempt("a diagnosis", partial(diagnose.diagnose, program, isolated, mistake, fmt=fmt), None)
        if found is None or found.words != explanation.words:
            agreed = found is not None and program.lines[found.line].text.strip() == explanation.statement  # on the statement, if not on what is wrong with it
            line = program.lines[found.line if found is not None and agreed else first.line]
            place, shown = (line.source.place(line.start), line.source.line_text(line.start)) if line.source is not None else (explanation.place, "")
            words = f"{UNEXPLAINED} even where everything it reads is exact{plainly(first)}"
            details = tuple(d for d in explanation.details if not d.startswith("diagnosis"))
            return replace(explanation, place=place, statement=line.text.strip(), words=words, width=line.end - line.start, details=details, source_line=shown)
    return explanation


def _by_reading(program: Program, names: set[str]) -> list[set[str]]:
    """Gradients that read the one that flows in, and those that do not."""
    from_upstream = [step.gate == "upstream" for step in program.steps]
    for i, step in enumerate(program.steps):
        from_upstream[i] = from_upstream[i] or any(from_upstream[a] for a in step.args)
    reading = {name for name in names if from_upstream[program.names[name]]}
    return [group for group in (reading, names - reading) if group]


def _mistakes(
    draft: Draft, program: Program, names: set[str], chosen: Sequence[tuple[float, ...]], right: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float, fixed: Container[int] = ()
) -> tuple[locate.IsolatedRun | None, list[locate.Mistake]]:
    """The wrong statements behind some gradients. Those that ignore what flows in are tried with another only to see whether that is all that is wrong."""
    if any(not all(map(math.isfinite, p)) for p in chosen):
        return None, []
    turned: list[Trial] = [(p, upstream) for p in elsewhere(chosen[0], fmt, fixed=fixed)]
    flowing: list[Trial] = [(p, u * upstream if upstream else u) for p in chosen[:1] for u in OTHER_UPSTREAMS]

    def run(others: Sequence[Trial]) -> tuple[locate.IsolatedRun | None, list[locate.Mistake]]:
        isolated = locate.isolate(program, draft.implementation, draft.claims, [*chosen, *neighbours(chosen, fixed=fixed)], beside=right, others=others, fmt=fmt, upstream=upstream)
        if isolated is None:
            return None, []
        return temporaries.fewest_mistakes(program, isolated, fmt=fmt)

    if len(_by_reading(program, names)) == 1 and reads_upstream(program, [program.names[name] for name in sorted(names)[:1]]):
        return run([*flowing, *turned])
    if upstream != 1 or any(program.steps[i].gate == "upstream" for i in _read_by_backward(program)):
        isolated, mistakes = run([*flowing, *turned])
        if isolated is not None and mistakes and all(_ignores_upstream(isolated, m, fmt) for m in mistakes if any(_reaches(program, m.definition, n) for n in names)):
            return isolated, mistakes
    return run(turned)


def _read_by_backward(program: Program) -> set[int]:
    """The steps that the statements of the backward pass read."""
    return {a for step in program.steps[program.backward_start :] for a in step.args}


def _ignores_upstream(isolated: locate.IsolatedRun, mistake: locate.Mistake, fmt: Format) -> bool:
    """Whether a statement lacks nothing but the gradient that flows in, or an adjoint that was computed from it."""
    flowing = [isolated.reference.upstream, *(isolated.values[i] for i in sorted(isolated.operands) if i < mistake.definition)]
    with balls.precision(isolated.reference.bits):
        return mistake.kind == "wrong" and any(agrees([c * u if isinstance(c, arb) and isinstance(u, arb) else c for c, u in zip(mistake.computed, column, strict=True)], mistake.needed, fmt) for column in flowing)


def _point_explanation(program: Program, point_mistake: branches.PointMistake, name: str) -> Explanation:
    line, found = program.lines[point_mistake.line], point_mistake.diagnosis
    words = found.words if found is not None else f"{UNEXPLAINED} at this point{', and right beside it' if point_mistake.is_right_beside else ''}"
    start, end = (found.start, found.end) if found is not None else (line.start, line.end)
    place = line.source.place(start) if line.source is not None else Place("", 0, 0)
    shown = line.source.line_text(start) if line.source is not None else ""
    return Explanation(place, line.text.strip(), words, (name,), (f"diagnosis {words}",) if found is not None else (), shown, end - start)


def _reaches(program: Program, step: int, claim: str) -> bool:
    """Whether a claimed gradient depends on a backward step."""
    return step in ancestors(program, program.names[claim])


def _explanation(program: Program, isolated: locate.IsolatedRun, mistake: locate.Mistake, affected: tuple[str, ...], fmt: Format, attempt: Attempt) -> Explanation:
    found = attempt("a diagnosis", lambda: diagnose.diagnose(program, isolated, mistake, fmt=fmt), None)
    line = program.lines[found.line if found is not None else mistake.line]
    place = line.source.place(found.start if found is not None else line.start) if line.source is not None else Place("", 0, 0)
    details = [f"diagnosis {found.words}"] if found is not None else []
    with balls.precision(BITS):
        details += figures(mistake)
    if (formula := attempt("the expected formula", lambda: derivation.expected_formula(program, mistake), None)) is not None:
        details.append(f"expected  {formula}")
    followers = [i for i in isolated.propagated if _line_reaches(program, mistake.definition, i)]
    if followers:
        lines = sorted({_line_number(program, i) for i in followers})
        details.append(f"propagated to line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}")
    words = found.words if found is not None else f"{UNEXPLAINED} even where everything it reads is exact{plainly(mistake)}"
    start, end = (found.start, found.end) if found is not None else (line.start, line.end)
    shown = line.source.line_text(start) if line.source is not None else ""
    return Explanation(place, line.text.strip(), words, affected, tuple(details), shown, end - start)


def _line_reaches(program: Program, step: int, line: int) -> bool:
    """Whether the statement on a line depends on the value of a wrong step."""
    last = max(i for i in range(program.backward_start, len(program.steps)) if program.steps[i].line == line)
    return step != last and step in ancestors(program, last)


def _line_number(program: Program, line: int) -> int:
    record = program.lines[line]
    return record.source.place(record.start).line if record.source is not None else 0
