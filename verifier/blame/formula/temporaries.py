"""A backward name that stands for no adjoint: whether it is to blame for the wrong adjoints that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flint import arb

from verifier.arithmetic import balls
from verifier.blame.formula import locate
from verifier.blame.formula.adjoint_values import Column, agrees
from verifier.blame.formula.contributions import Definition, definitions
from verifier.blame.formula.locate import Guilt, Trial, cone, recomputed
from verifier.circuit.program import Program
from verifier.language.formats import Format

SECANTS = 16  # steps of the secant method: from 2^-20 off they give more than BITS/2 bits of any root that is simple
CERTAIN = 90  # bits to which a root has to be met
MAX_TEMPORARIES = 40  # that are tried, those next to the wrong adjoint first


def relocated(program: Program, trial: Trial, *, fmt: Format) -> list[Guilt]:
    """The guilty statements, with the blame moved to a temporary where the value that it should have can be told.

    It can where one value repairs all adjoints that are made of it (two or more, one of them wrong), or where the value
    that repairs the only one is a known adjoint or forward value.
    """
    named = {d.last: d for d in definitions(program)}
    with balls.precision(trial.land.bits):
        made_of = {end: {i for i in _cone(program, trial, named[end]) if i in named and i != end} for end in trial.meaning}
        left = list(trial.guilty)
        found: list[Guilt] = []
        for guilt in trial.guilty:
            if guilt not in left or guilt.kind == "premature":
                continue
            for temporary in sorted(made_of.get(guilt.definition, ()), reverse=True)[:MAX_TEMPORARIES]:
                moved = _moved(program, trial, guilt, named[temporary], [named[e] for e, t in made_of.items() if temporary in t], fmt)
                if moved:
                    found += moved
                    left = [g for g in left if temporary not in made_of.get(g.definition, ())]
                    break
    return sorted([*found, *left], key=lambda g: g.line)


def _moved(program: Program, trial: Trial, guilt: Guilt, temporary: Definition, readers: Sequence[Definition], fmt: Format) -> list[Guilt]:
    """The guilt of a temporary in place of that of the adjoints made of it; nothing where its right value cannot be told."""
    land, values, at = trial.land, trial.values, temporary.last
    if len(readers) > 1 and sum(any(g.definition == r.last for g in trial.guilty) for r in readers) == 1:
        return []  # what else is made of it is right: the one wrong statement is the nearer suspect
    inside = next(_cone(program, trial, r) for r in readers if r.last == guilt.definition)
    starts = (values[at], [-v for v in values[at]] if all(isinstance(v, arb) for v in values[at]) else [])
    found = (solved(lambda x: recomputed(program, values, inside, {at: x}), start, land.adjoints[guilt.forward], first=land.first) for start in starts if start)
    needed = next((column for column in found if column is not None), None)
    if needed is None:
        return []
    for reader in readers:
        exact = land.adjoints[trial.meaning[reader.last]]
        if reader.last != guilt.definition and not agrees(recomputed(program, values, _cone(program, trial, reader), {at: needed}), exact, fmt):
            return []
    about = widened(needed)
    forward = land.step_of_adjoint(about)
    if forward is not None:
        return locate.guilt_of(program, land, temporary, forward, [], values, fmt)
    if land.step_of_value(values[at]) is not None:
        return []  # a forward value, computed again: right
    if len(readers) < 2 and land.step_of_value(about) is None:
        return []
    return [replace(guilt, target=temporary.name, line=program.steps[at].line, kind="wrong", contribution=at, needed=needed, computed=values[at], edges=(), forward=-1, definition=at)]


def _cone(program: Program, trial: Trial, definition: Definition) -> list[int]:
    return cone(program, trial.operands, definition.last, definition.versions)


def solved(value: Callable[[Column], Column], start: Column, wanted: Column, *, first: int) -> Column | None:
    """The column x with value(x) = wanted, near `start`, by the secant method; None where there is none at one of the first points.

    At the others, where nothing is wrong, x stays at `start` if the method does not end.
    """
    if not all(isinstance(s, arb) and s.is_finite() for s in start) or not all(w.is_finite() for w in wanted):
        return None
    begun = x0 = [s.mid() for s in start]
    x1 = [x + (x if x != 0 else 1) * arb(2) ** -20 for x in x0]
    f0 = _misses(value(x0), wanted)
    for _ in range(SECANTS):
        f1 = _misses(value(x1), wanted)
        if any(f is None for f in (*f0[:first], *f1[:first])):
            return None
        pairs = [(b, _next(a, b, fa, fb)) for a, b, fa, fb in zip(x0, x1, f0, f1, strict=True)]
        x0, x1, f0 = [a for a, _ in pairs], [b for _, b in pairs], f1
        if all(a == b for a, b in pairs):
            break
    met = [f is not None and bool(x.is_finite() and abs(f) <= abs(w) * arb(2) ** -CERTAIN) for x, f, w in zip(x1, _misses(value(x1), wanted), wanted, strict=True)]
    if not all(met[:first]):
        return None
    return [x if ok else s for x, s, ok in zip(x1, begun, met, strict=True)]


def _next(a: Any, b: Any, fa: Any, fb: Any) -> Any:
    return b if fa is None or fb is None or fb in (fa, 0) else (b - fb * (b - a) / (fb - fa)).mid()


def _misses(found: Column, wanted: Column) -> list[Any]:
    return [(f - w).mid() if isinstance(f, arb) and f.is_finite() else None for f, w in zip(found, wanted, strict=True)]


def widened(column: Column) -> Column:
    """Solutions as balls that hold the true ones."""
    return [x + arb(0, abs(x) * arb(2) ** (10 - CERTAIN)) for x in column]
