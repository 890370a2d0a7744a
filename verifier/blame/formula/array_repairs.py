"""The single edit of a statement of array code after which every gradient that it reaches is the exact one, found by trying, and certified over the reals."""

from __future__ import annotations

import ast
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from flint import arb

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Balls
from verifier.blame.formula.adjoint_values import Reference, Trial, agrees, reference_values
from verifier.blame.formula.array_lines import Lines, Wrong, floats_of
from verifier.blame.formula.float_trials import NEAR, TINY, Quick, columns_of, missing_products, missing_terms, quick_from, set_by
from verifier.blame.formula.rerun import Held, Rerun, Unit, block_of, statements_in
from verifier.blame.formula.suspects import Suspect
from verifier.case.case import Draft
from verifier.case.components import base
from verifier.circuit.program import TOTAL
from verifier.circuit.values import Known, is_array, is_wholes
from verifier.language.formats import Format
from verifier.language.gates import CONSTANTS
from verifier.language.trees import span
from verifier.trace.edit_rows import LIKELY, RARE, TERM, EditRow, ReadableNames, terms
from verifier.trace.edits import Edited, changes

MOST_CERTIFIED = 12
LEADING = 2  # statements of a loop of which every edit is tried first
HIDDEN = frozenset(("upstream", TOTAL))  # names that stand for what has another name, or that nobody writes
SECONDS = 1.2  # of the processor, for all edits of a small backward pass
SECONDS_A_STEP = 0.0006
MOST_STEPS = 4_000  # that count


@dataclass(frozen=True)
class ArrayMistake:
    """A wrong statement: where it stands in the text of the backward pass, the mistake in words, and the gradients that are exact after the edit."""

    start: int
    end: int
    statement: str
    statement_start: int
    words: str
    gradients: tuple[str, ...]  # arrays as a whole
    points: int  # at which that is certified
    wrong: Wrong | None = None


@dataclass
class Search:
    """What the search for edits knows: the backward pass, what is wrong in it, the exact gradients, and the time that is left."""

    draft: Draft
    rerun: Rerun
    lines: Lines
    trials: Sequence[Trial]
    fmt: Format
    claimed: Mapping[str, list[list[float]]]  # every claimed gradient, an array as a whole: its exact values as floats
    original: Mapping[str, list[list[float]]]  # what the backward pass makes of it
    wrong: frozenset[str]
    end: float
    suspects: Mapping[int, int] = field(default_factory=dict)  # where statements begin that compute what is wrong -> their rank
    certified: int = 0
    reference: Reference | None = None

    @property
    def is_over(self) -> bool:
        """Whether the time is spent, or too many edits were wrong after all."""
        return time.process_time() > self.end or self.certified >= MOST_CERTIFIED


def repairs(draft: Draft, rerun: Rerun, lines: Lines, reference: Reference, trials: Sequence[Trial], *, wrong: frozenset[str], fmt: Format, suspects: Sequence[Suspect] = ()) -> list[ArrayMistake]:
    """For each wrong statement an edit after which what it reaches is exact; at most one for each. `wrong` are the arrays whose gradient is.

    The first points of `trials` are those of `reference` and `rerun`; an edit is certified at all of them. The statements of a loop are tried in the order of `suspects`.
    """
    if not rerun.begin():
        return []
    claims = {base(name) for _, name in draft.claims}
    claimed = {n: _floats(reference, lines.meaning[n].steps) for n in claims if n in lines.meaning}
    if claimed.keys() != claims:
        return []
    original = {n: columns_of(rerun, n) for n in claims}
    seconds = max(SECONDS, SECONDS_A_STEP * min(MOST_STEPS, len(rerun.builder.steps)))
    search = Search(draft, rerun, lines, trials, fmt, claimed, {n: v for n, v in original.items() if v is not None}, wrong, time.process_time() + seconds, {s.start: k for k, s in enumerate(suspects)})
    found: list[ArrayMistake] = []
    fixed: set[str] = set()
    tried: set[tuple[int, int]] = set()
    if len(lines.wrong) > 1 and (common := _common(search)):
        mistake = _first(search, common, None, wrong, all_of_them=True)
        if mistake is not None:
            return [mistake]
    for w in lines.wrong:
        if search.is_over:
            return found
        mistake = _repaired(search, w, tried)
        if mistake is not None:
            found.append(mistake)
            fixed.update(mistake.gradients)
    if wrong - fixed:
        rerun.begin()
        everywhere = [(n, s) for n, s in _statements(search, reversed(range(len(rerun.units)))) if (n, s.col_offset) not in tried]
        mistake = _first(search, everywhere, None, wrong - fixed)
        if mistake is not None:
            found = [m for m in found if not set(m.gradients) <= set(mistake.gradients)]
            found.append(mistake)
    return found


def _common(search: Search) -> list[tuple[int, ast.stmt]]:
    """The statements that several wrong names depend on, through what holds no adjoint by its name: one mistake there makes all of them wrong."""
    units = search.rerun.units
    counts = Counter(n for w in search.lines.wrong for n in suspects_of(units, search.lines, w))
    return _statements(search, sorted((n for n, count in counts.items() if count > 1), key=lambda n: (_rank(units, n), -n)))


def _statements(search: Search, numbers: Iterable[int]) -> list[tuple[int, ast.stmt]]:
    """The statements of some units, the last one of each first; those of a loop with the likely ones first."""
    found = []
    for n in numbers:
        inside = statements_in(search.rerun.units[n])[::-1]
        if isinstance(search.rerun.units[n].tree, ast.For):
            inside.sort(key=lambda s: search.suspects.get(s.col_offset, len(search.suspects)))
        found += [(n, s) for s in inside]
    return found


def _floats(reference: Reference, steps: Sequence[int]) -> list[list[float]]:
    return [[float(x.mid()) for x in reference.adjoints[s]] for s in steps]


def _repaired(search: Search, w: Wrong, tried: set[tuple[int, int]]) -> ArrayMistake | None:
    """An edit of one of the statements that compute a wrong name, everything else that is wrong being exact."""
    others: dict[int, dict[str, list[list[float]]]] = {}
    for other in search.lines.wrong:
        if other is not w:
            others.setdefault(other.unit, {})[other.name] = floats_of(other)
    if not search.rerun.begin(others):
        return None
    statements = _statements(search, suspects_of(search.rerun.units, search.lines, w))
    tried.update((n, s.col_offset) for n, s in statements)
    return _first(search, statements, w, search.wrong)


def suspects_of(units: Sequence[Unit], lines: Lines, w: Wrong) -> list[int]:
    """The units that compute a name: those that set it, and those of what these read, as far as it holds no exact adjoint; the likely ones first, then the last one."""
    found: set[int] = set()
    pending = [(w.name, w.unit + 1)]
    while pending:
        name, before = pending.pop()
        number = next((k for k in reversed(range(before)) if name in units[k].sets), None)
        if number is None or number in found or ((number, name) in lines.right):
            continue
        found.add(number)
        unit = units[number]
        pending += [(n, number) for n in {*unit.reads, name}]
    return sorted(found, key=lambda n: (_rank(units, n), -n))


def _rank(units: Sequence[Unit], number: int) -> int:
    """What is tried first: `p = scores`, another name of what the backward pass did not compute, may lack a factor or a function; other names of what it did come last."""
    unit = units[number]
    if not renames(unit.tree):
        return 1
    return 0 if unit.is_written and unit.reads.isdisjoint(n for u in units[:number] for n in u.sets) else 2


def renames(tree: ast.stmt) -> bool:
    """Whether a statement gives other names to what there is: `dx, dw = dx2, dw2`."""
    return isinstance(tree, ast.Assign) and (isinstance(tree.value, ast.Name) or (isinstance(tree.value, ast.Tuple) and all(isinstance(e, ast.Name) for e in tree.value.elts)))


def _first(search: Search, statements: Sequence[tuple[int, ast.stmt]], w: Wrong | None, wanted: frozenset[str], *, all_of_them: bool = False) -> ArrayMistake | None:
    """The first edit that is certified, the likely ones of all statements before those that are not of any. It must make right what is wrong, or `all_of_them`."""
    quick: dict[int, Quick | None] = {}
    likely = [place for place in statements if _is_leading(search, *place)]
    others = [place for place in statements if place not in likely]
    for (number, tree), rows in ((place, rows) for places in (likely, others) for rows in (LIKELY, RARE) for place in places):
        if number not in quick:
            quick[number] = quick_from(search.rerun, search.claimed, number, w=w, wrong=search.wrong, wanted=wanted, all_of_them=all_of_them)
        for edit, text in _tries(search, number, tree, quick[number], rows):
            if search.is_over:
                return None
            if not _is_worth(search, number, text, w, wanted):
                continue
            search.certified += 1
            fixed = [n for n in search.claimed if n in wanted and _is_near(columns_of(search.rerun, n), search.claimed[n])]
            if all_of_them and len(fixed) < len(wanted):
                continue
            points = _certified(search, fixed)
            if points:
                search.certified = 0
                found = _where_set(search, number, tree, edit, w, wanted) or (number, tree, edit, fixed, points)
                return _mistake(search, *found, w)
    return None


def _where_set(search: Search, number: int, tree: ast.stmt, edit: Edited, w: Wrong | None, wanted: frozenset[str]) -> tuple[int, ast.stmt, Edited, list[str], int] | None:
    """The same edit of the statement just before that sets a name, where the edit adds a term to that name: `dh = dout[t]`, and not the line that reads `dh`. None where that is not certified."""
    if not isinstance(edit.wrong, ast.Name) or edit.after or not edit.words.startswith(TERM):
        return None
    unit = search.rerun.units[number]
    held, at = block_of(unit, tree)
    if tree is unit.tree:
        number, at, held = number - 1, 1, [search.rerun.units[number - 1].tree] if number else []
    setting = held[at - 1] if held and at else None
    if not isinstance(setting, ast.Assign) or not any(isinstance(t, ast.Name) and t.id == edit.wrong.id for t in setting.targets):
        return None
    kind = edit.words.partition(":")[0]
    for other, text in _tries(search, number, setting, None, (terms,)):
        if other.words.partition(":")[0] == kind and _is_worth(search, number, text, w, wanted):
            fixed = [n for n in search.claimed if n in wanted and _is_near(columns_of(search.rerun, n), search.claimed[n])]
            if points := _certified(search, fixed):
                return number, setting, Edited(setting, other.words, other.wrong), fixed, points
    return None


def _is_leading(search: Search, number: int, tree: ast.stmt) -> bool:
    """Whether a statement of a loop is one of the likeliest: every edit of it is tried before any of the others."""
    return isinstance(search.rerun.units[number].tree, ast.For) and tree is not search.rerun.units[number].tree and search.suspects.get(tree.col_offset, LEADING) < LEADING


def _mistake(search: Search, number: int, tree: ast.stmt, edit: Edited, fixed: Sequence[str], points: int, w: Wrong | None) -> ArrayMistake:
    if edit.after and w is not None and w.unit > number and w.name in set_by(tree):  # what is missing may stand anywhere between: the last statement is the one after which it is seen
        setting = [s for s in statements_in(search.rerun.units[w.unit]) if w.name in set_by(s)]
        if setting:
            number, tree = w.unit, setting[-1]
    place = edit.wrong if edit.wrong is not None and hasattr(edit.wrong, "end_col_offset") else tree
    end = tree.iter.end_col_offset if isinstance(tree, ast.For) else tree.end_col_offset
    source = search.draft.implementation.backward
    assert source is not None
    statement = source.text[tree.col_offset : end]
    return ArrayMistake(place.col_offset, place.end_col_offset or 0, statement, tree.col_offset, edit.words, tuple(fixed), points, w)  # type: ignore[attr-defined]


def setting(rerun: Rerun, w: Wrong) -> ast.stmt:
    """The last statement that sets a wrong name: after it the array is not what it should be."""
    inside = statements_in(rerun.units[w.unit])
    if (part := _writes_what_is_wrong(rerun, w)) is not None:
        return part
    return next((s for s in reversed(inside) if w.name in set_by(s)), inside[-1] if inside else rerun.units[w.unit].tree)


def _writes_what_is_wrong(rerun: Rerun, w: Wrong) -> ast.stmt | None:
    """The statement that sets a part of the array, as small a one as has all components that are wrong; None where there is none, or several."""
    wrong = {k for k, f in enumerate(w.forward) if f >= 0 and not _is_close(w.computed[k][0], w.needed[k][0])}
    found: list[tuple[int, ast.stmt]] = []
    for number, unit in enumerate(rerun.units[: w.unit + 1]):
        before, after = next((rerun.held[n, w.name] for n in reversed(range(number)) if (n, w.name) in rerun.held), None), rerun.held.get((number, w.name))
        if before is not None and after is not None and len(before.steps) == len(after.steps) and isinstance(unit.tree, ast.Assign | ast.AugAssign):
            changed = {k for k, (a, b) in enumerate(zip(before.steps, after.steps, strict=True)) if a != b}
            if wrong <= changed and len(changed) < len(after.steps):
                found.append((len(changed), unit.tree))
    least = min((size for size, _ in found), default=0)
    smallest = [tree for size, tree in found if size == least]
    return smallest[0] if len(smallest) == 1 else None


def _is_close(computed: object, needed: object) -> bool:
    if not isinstance(computed, arb) or not isinstance(needed, arb):
        return False
    return bool(abs(float(computed.mid()) - float(needed.mid())) <= NEAR * abs(float(needed.mid())))


def _tries(search: Search, number: int, tree: ast.stmt, quick: Quick | None, rows: Sequence[EditRow]) -> Iterator[tuple[Edited, str]]:
    """The edits of a statement, with the text of its unit after each. Where the statements can be run on floats, only those that come out right there."""
    unit = search.rerun.units[number]
    place: ast.expr | ast.stmt = tree.iter if isinstance(tree, ast.For) else tree
    start, end = (k - unit.start for k in span(place))
    before, old, after = (unit.text[:start], unit.text[start:end], unit.text[end:]) if place is not unit.tree else ("", unit.text.strip(), "")
    held, at = block_of(unit, tree)
    scope = readable_names(search.rerun, number)
    more: Iterable[Edited] = ()
    if rows is RARE and quick is not None:
        more = missing_terms(quick, tree, scope) if tree is unit.tree else missing_products(quick, tree) if _is_leading(search, number, tree) else ()
    for edit in chain(more, changes(tree, scope, rows)):
        if search.is_over:
            return
        if quick is not None:
            whole = [edit.statement] if tree is unit.tree else [unit.tree]
            if edit.after and whole != [unit.tree]:
                whole = [tree, edit.statement]
            elif edit.after:
                held.insert(at + 1, edit.statement)
            elif whole == [unit.tree]:
                held[at] = edit.statement
            try:
                if not quick.is_right(whole):
                    continue
            finally:
                if whole == [unit.tree] and edit.after:
                    del held[at + 1]
                elif whole == [unit.tree]:
                    held[at] = tree
        new = ast.unparse(edit.statement.iter if isinstance(edit.statement, ast.For) else edit.statement)
        yield edit, before + (f"{old}; {new}" if edit.after else new) + after


def readable_names(rerun: Rerun, number: int) -> ReadableNames:
    """The names that a unit may read: those of the backward pass first."""
    state, builder, unit = rerun.before[number], rerun.builder, rerun.units[number]
    shapes: dict[str, tuple[int, ...]] = {}
    labels, counts = [], []
    inside = [n for n in unit.sets if n not in state.values and n not in state.names]
    for name, value in state.values.items():
        if is_array(value) and name not in HIDDEN:
            shapes[name] = tuple(value.shape)
        elif is_wholes(value):
            shapes[name] = tuple(value.value.shape)
            if value.value.ndim == 1:
                labels.append(name)
        elif isinstance(value, Known) and type(value.value) is int:
            counts.append(name)
    for name in state.names:
        array = name.partition("[")[0]
        if array != name and array not in shapes:
            elements = [n for n in state.names if n.startswith(array + "[")]
            indices = [tuple(map(int, n[len(array) + 1 : -1].split(","))) for n in elements]
            shapes[array] = tuple(max(i) + 1 for i in zip(*indices, strict=True)) if len({len(i) for i in indices}) == 1 else ()
        elif array == name and name not in HIDDEN and (name not in CONSTANTS or name in rerun.draft.forward.inputs):
            shapes[name] = ()
    order = {name: k for k, name in enumerate(shapes)}
    forward = set(rerun.draft.forward.names) | set(rerun.draft.forward.values) | {base(n) for n in rerun.draft.forward.inputs}
    names = sorted(shapes, key=lambda n: (n not in unit.reads, n in forward, -order[n]))
    first = [f"{n}.shape[{k}]" for n in names for k in range(len(shapes[n]))]
    sizes: dict[int, str] = {}
    for text in first:
        name, _, axis = text.partition(".shape[")
        sizes.setdefault(shapes[name][int(axis[:-1])], text)
    known = {state.values[n].value for n in counts}
    lengths = [text for size, text in sizes.items() if size not in known and size > 1]
    del builder
    counters = [n.id for t in ast.walk(unit.tree) if isinstance(t, ast.For) for n in ast.walk(t.target) if isinstance(n, ast.Name)]
    return ReadableNames((*inside, *names), shapes, tuple(labels), tuple(dict.fromkeys((*counters, *counts, *lengths))))


def _is_near(computed: Sequence[list[float]] | None, exact: Sequence[list[float]]) -> bool:
    """Whether an array is so near the exact one, wherever that is a number, that a certificate is worth while."""
    if computed is None or len(computed) != len(exact):
        return False
    size = max((abs(x) for column in exact for x in column if not math.isnan(x)), default=0.0)
    return all(math.isnan(x) or abs(c - x) <= NEAR * abs(x) + TINY * size for a, b in zip(computed, exact, strict=True) for c, x in zip(a, b, strict=True))


def _is_same(computed: Sequence[list[float]] | None, before: Sequence[list[float]]) -> bool:
    return computed is not None and len(computed) == len(before) and all(c == x or (math.isnan(c) and math.isnan(x)) for a, b in zip(computed, before, strict=True) for c, x in zip(a, b, strict=True))


def _is_worth(search: Search, number: int, text: str, w: Wrong | None, wanted: frozenset[str]) -> bool:
    """Whether after an edit some wrong gradient is nearly exact, and none is worse than it was."""
    rerun = search.rerun
    needed = floats_of(w) if w is not None else []

    def goes_on(after: int) -> bool:
        return w is None or after != w.unit or _is_near(columns_of(rerun, w.name), needed)

    if not rerun.run(number, {number: text}, is_worth=goes_on):
        return False
    improved = False
    for name, exact in search.claimed.items():
        now = columns_of(rerun, name)
        if _is_near(now, exact):
            improved |= name in wanted
        elif name not in search.wrong or w is not None or not _is_same(now, search.original.get(name, [])):
            return False
    return improved


def _certified(search: Search, fixed: Sequence[str]) -> int:
    """At how many points the gradients are certified to be exact over the reals after the edit that was executed last; 0 where one is not."""
    rerun = search.rerun
    program = rerun.program()
    if search.reference is None:
        points = [p for p, _ in search.trials]
        search.reference = reference_values(search.draft.whole or program, points[:1], points[1:], upstream=[u for _, u in search.trials])
    reference = search.reference
    if not reference.count:
        return 0
    with balls.precision(reference.bits):
        replaced: dict[int, Balls] = {}
        for other in search.lines.wrong:
            if other.name in rerun.exact.get(other.unit, {}):
                held = rerun.held[other.unit, other.name]
                replaced.update((s, reference.adjoints[f]) for s, f in zip(held.steps, other.forward, strict=True) if f >= 0)
        known = {**dict(enumerate(reference.values)), rerun.seed: reference.upstream, **replaced}
        needed = sorted(needed_for(program.steps, [s for n in fixed for s in _steps(rerun, n)]) | set(range(len(reference.values))))
        values = reals.run(program, reference.values[: len(program.inputs)], rounded_in=search.fmt, replaced=known, needed=needed)
        for name in fixed:
            for step, forward in zip(_steps(rerun, name), search.lines.meaning[name].steps, strict=True):
                if not agrees(values[step], reference.adjoints[forward], search.fmt) or not _is_finite(values[step], reference.adjoints[forward]):
                    return 0
    return reference.count


def _is_finite(computed: Sequence[object], exact: Sequence[arb]) -> bool:
    return all(isinstance(c, arb) and (c.is_finite() or not x.is_finite()) for c, x in zip(computed, exact, strict=True))


def _steps(rerun: Rerun, name: str) -> tuple[int, ...]:
    held: Held | None = rerun.holds(name)
    return held.steps if held is not None else ()


def needed_for(steps: Sequence[object], wanted: Sequence[int]) -> set[int]:
    """These steps and all that they depend on."""
    found, pending = set(wanted), list(wanted)
    while pending:
        for a in steps[pending.pop()].args:  # type: ignore[attr-defined]
            if a not in found:
                found.add(a)
                pending.append(a)
    return found


