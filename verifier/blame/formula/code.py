"""The single edit of a user's code after which every gradient is the exact one: it is tried in the framework, and certified on a new trace."""

from __future__ import annotations

import ast
import linecache
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from verifier.blame.formula.reach import Reach, Reaches, reaches
from verifier.case.components import base
from verifier.circuit.backprop import differentiated
from verifier.circuit.program import descendants
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.truth import Subject
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.trace.edits import FIRST_IN_CODE, IN_CODE, LAST_IN_CODE, THEN_IN_CODE, edits, whole_edits
from verifier.trace.record import Trace
from verifier.trace.rewrite import Body, bodies, replaced

SECONDS = 4.0  # of the processor, for all edits that are tried
ENOUGH = 1_500  # edits: so many are tried also where each takes long, as in loops
MOST_SECONDS = 16.0  # of the processor, however few edits were tried
NEAR = 2.0**-10  # relative distance from the exact gradient of an edited one that is worth a new trace: a choice of what to certify, no verdict
MOST_CERTIFIED = 12
MOST_NUMBERS = 4  # of the code, that are tried as factors; and as many attributes and vectors that are given axes
MOST_ELEMENTS = 12  # of arrays and lists, as the code reads them
OTHERS = ((1.25, 0.0625), (-0.25, 0.0), (0.0625, 0.0))  # further points: the point, stretched and moved, so that what agrees by coincidence does not
MORE_FLOWS = (-4096.0, 2.0**-12)  # and the point with so many times as much flowing in, of which every right gradient is as many times as large: what is cut off at a bound is not
ORDER = (  # in which statements and kinds of edits are tried
    (Reach.SOLE, FIRST_IN_CODE),
    (Reach.SOLE, THEN_IN_CODE),
    (Reach.PLAIN, (*FIRST_IN_CODE, *THEN_IN_CODE)),
    (Reach.SOLE, LAST_IN_CODE),
    (Reach.PLAIN, LAST_IN_CODE),
    (Reach.UNKNOWN, IN_CODE),
    (Reach.SHARED, IN_CODE),
)
FAILS = (Verdict.WRONG, Verdict.NONFINITE, Verdict.UNDECIDED)


@dataclass(frozen=True)
class Repair:
    """An edit that makes every gradient exact: the statement, and the mistake in words."""

    place: Place
    statement: str
    words: str
    points: int  # at which that is certified


@dataclass(frozen=True)
class RepairSearch:
    """The edit that repairs a gradient, or None; and the statements from each of which all that is wrong is computed, and nothing that is right."""

    repair: Repair | None
    suspects: tuple[Place, ...] = ()


def repair(
    check: Check,
    rows: Sequence[Discrepancy],
    functions: Sequence[Any],
    likely: Sequence[int],
    *,
    run: Callable[[], dict[str, float]],
    trace: Callable[[], Trace],
    elsewhere: bool,
    flowing: int = 0,
) -> RepairSearch:
    """The first edit after which all gradients at the point are exact, on the `likely` lines or, with `elsewhere`, on any of the functions.

    `run` gives the framework's gradients at the point of the `rows`, by claim, and `trace` a new trace, of the code as it is at that moment.
    The last `flowing` inputs of a trace are the gradients that flow in.
    """
    start = time.process_time()
    targets = {d.name: d.rounded for d in rows if d.rounded is not None}
    size = max((abs(v) for v in targets.values()), default=0.0)
    certified = 0
    suspects: dict[Place, None] = {}

    def reach(places: Sequence[Tried]) -> Reaches:
        found = reaches(places, run, *_wrong_and_right(rows))
        suspects.update((_place(body, old), None) for body, old in places if found[old] is Reach.SOLE)
        return found

    for count, (body, old, new, words) in enumerate(_tries(bodies(functions), likely, elsewhere=elsewhere, reach=reach)):
        if time.process_time() - start > (SECONDS if count >= ENOUGH else MOST_SECONDS) or certified >= MOST_CERTIFIED:
            break
        again = None
        try:
            with warnings.catch_warnings(), replaced(body, old, new):
                warnings.simplefilter("ignore")  # of an edit that nobody wrote
                found = run()
                if all(abs(found[n] - v) <= NEAR * (abs(v) or size * NEAR) for n, v in targets.items()):
                    again = trace()
        except Exception:  # noqa: BLE001, S112 - the user's code, with an edit: whatever it raises, it is no repair
            continue
        if again is None:
            continue
        certified += 1
        points = _certified(check, again, flowing)
        if points:
            text = ast.get_source_segment(_source(body), old) or ""
            return RepairSearch(Repair(_place(body, old), text, words, points))
    return RepairSearch(None, tuple(suspects))


def _place(body: Body, statement: ast.stmt) -> Place:
    return Place(body.function.__code__.co_filename, statement.lineno, statement.col_offset + 1)


def _wrong_and_right(rows: Sequence[Discrepancy]) -> tuple[set[str], set[str]]:
    """The components that are wrong, and those of arrays in which nothing is."""
    wrong = {d.name for d in rows if d.verdict is Verdict.WRONG}
    arrays = set(map(base, wrong))
    return wrong, {d.name for d in rows if base(d.name) not in arrays}


def _source(body: Body) -> str:
    return "".join(linecache.getlines(body.function.__code__.co_filename))


Tried: TypeAlias = tuple[Body, ast.stmt]  # a function, and a statement in it


def _tries(found: Sequence[Body], likely: Sequence[int], *, elsewhere: bool, reach: Callable[[Sequence[Tried]], Reaches] = lambda _: {}) -> Iterator[tuple[Body, Any, Any, str]]:
    """Function, statement, edited statement and words.

    Those statements come first in which a mistake explains all that is wrong and spares all that is right, as `reach` tells, and the likely kinds of edits; each kind is tried on every statement before the
    next kind, on the likely lines first. Lines that are not likely are tried with `elsewhere`, or where no likely one explains what is wrong.
    """
    numbers = list(dict.fromkeys(n for body in found for n in body.numbers))[:MOST_NUMBERS]
    written = {body: [*numbers, *list(dict.fromkeys(text for other in found for text in other.factors(body)))[:MOST_NUMBERS]] for body in found}
    near = list(dict.fromkeys((body, old) for body in found for line in likely if (old := body.statement(line)) is not None))
    far = [(body, old) for body in found for old in body.statements if all(old is not known for _, known in near)]
    known = reach([*near, *(far if elsewhere else ())])
    if not elsewhere and near and all(known.get(old, Reach.SOLE) is not Reach.SOLE for _, old in near):
        known = {**known, **reach(far)}
    elif not elsewhere:
        far = []
    read = {n.id for body in found for s in body.statements for n in ast.walk(s) if isinstance(n, ast.Name)}
    passing = [old for _, old in (*near, *far) if known.get(old) is Reach.PLAIN and _passes_an_adjoint_on(old, read)]
    known = {**known, **dict.fromkeys(passing, Reach.SOLE)}
    first_and_others = sorted([*near, *far], key=lambda p: (p[1] not in passing, isinstance(p[1], ast.Return) and known.get(p[1]) is Reach.PLAIN))  # of names that are passed on, where they are given before where they are returned
    done: set[tuple[ast.stmt, str]] = set()
    for level, rows in ORDER:
        places = [(body, old) for body, old in first_and_others if known.get(old, Reach.SOLE) is level]
        for body, old in places:
            for new, words in whole_edits(old):
                if (old, words) not in done:
                    done.add((old, words))
                    yield body, old, new, words
        for row in rows:
            for body, old in places:
                yield from ((body, old, new, words) for new, words in edits(old, body.names_at(old), written[body], (row,), elements=body.elements_at(old)[:MOST_ELEMENTS]) if (old, words) not in done)


def _passes_an_adjoint_on(old: ast.stmt, read: Collection[str]) -> bool:
    """Whether a statement gives the adjoint of one value of the code, by its name, as that of another: `da = dz`, whose local gradient is missing if anything is."""
    if not (isinstance(old, ast.Assign) and len(old.targets) == 1 and isinstance(old.targets[0], ast.Name) and isinstance(old.value, ast.Name)):
        return False
    names = (old.targets[0].id, old.value.id)
    return names[0] != names[1] and all(n.startswith("d") and n[1:] in read for n in names)


def _certified(check: Check, again: Trace, flowing: int = 0) -> int:
    """At how many points every gradient of a new trace is certified to be the exact one; 0 where one is not, or the code branches on what flows in."""
    program = again.program
    if again.claims != check.subject.claims or program.inputs != check.subject.program.inputs:
        return 0
    flows = range(len(program.inputs) - flowing, len(program.inputs))
    if {b.step for b in again.branches} & set(descendants(program, flows)):
        return 0
    subject = Subject(differentiated(program), again.claims)
    stretched = [] if again.branches else [tuple(x * a + b for x in again.point) for a, b in OTHERS]
    points = [again.point, *stretched, *(tuple(x * f if k in flows else x for k, x in enumerate(again.point)) for f in MORE_FLOWS if flowing)]
    rows = compare(replace(check, subject=subject, computed=None), points, detail=False)
    here, beside = rows[0], rows[1:]
    return 0 if any(d.verdict in FAILS for d in here) or any(d.verdict is Verdict.WRONG for row in beside for d in row) else len(points)
