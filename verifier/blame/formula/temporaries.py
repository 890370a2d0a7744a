"""Moves the blame for wrong adjoints to a temporary that they are computed from, where the temporary's right value is known.

A temporary is a backward name that holds no adjoint, such as `t` in `t = 1 - h*h` and `dz = t * dh`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.values import Ball, Balls
from verifier.blame.formula import locate
from verifier.blame.formula.adjoint_values import agrees
from verifier.blame.formula.contributions import Definition, definitions
from verifier.blame.formula.locate import IsolatedRun, Mistake, cone, recompute
from verifier.circuit.program import Program
from verifier.language.formats import Format

MAX_SECANT_STEPS = 16  # from 2^-20 off they give more than BITS/2 bits of any simple root
ROOT_BITS = 90  # a root must solve its equation to so many bits
MAX_TEMPORARIES = 40  # at most so many are tried for one wrong adjoint, the nearest to it first


def relocate_to_temporaries(program: Program, isolated: IsolatedRun, *, fmt: Format) -> list[Mistake]:
    """The mistakes of a run, each moved to a temporary where the value that the temporary should have is known.

    It is known in two cases: two or more adjoints are computed from the temporary and one value of it makes them all right;
    or only one adjoint is, and the value that makes it right is some exact adjoint or forward value.
    """
    named = {d.last: d for d in definitions(program)}
    with balls.precision(isolated.reference.bits):
        made_of = {end: {i for i in _cone(program, isolated, named[end]) if i in named and i != end} for end in isolated.meaning}
        left = list(isolated.mistakes)
        found: list[Mistake] = []
        for mistake in isolated.mistakes:
            if mistake not in left or mistake.kind == "premature":
                continue
            for temporary in sorted(made_of.get(mistake.definition, ()), reverse=True)[:MAX_TEMPORARIES]:
                moved_mistakes = _moved_mistakes(program, isolated, mistake, named[temporary], [named[e] for e, t in made_of.items() if temporary in t], fmt)
                if moved_mistakes:
                    found += moved_mistakes
                    left = [g for g in left if temporary not in made_of.get(g.definition, ())]
                    break
    return sorted([*found, *left], key=lambda g: g.line)


def _moved_mistakes(program: Program, isolated: IsolatedRun, mistake: Mistake, temporary: Definition, readers: Sequence[Definition], fmt: Format) -> list[Mistake]:
    """The mistakes of a temporary in place of those of the adjoints computed from it; none where its right value is not known."""
    reference, values, at = isolated.reference, isolated.values, temporary.last
    if len(readers) > 1 and sum(any(g.definition == r.last for g in isolated.mistakes) for r in readers) == 1:
        return []  # the other adjoints computed from it are right, so the mistake is more likely in the one wrong statement
    inside = next(_cone(program, isolated, r) for r in readers if r.last == mistake.definition)
    starts = (values[at], [-v for v in values[at]] if all(isinstance(v, arb) for v in values[at]) else [])
    found = (solve(lambda x: recompute(program, values, inside, {at: x}), start, reference.adjoints[mistake.forward], first=reference.first) for start in starts if start)
    needed = next((column for column in found if column is not None), None)
    if needed is None:
        return []
    for reader in readers:
        exact = reference.adjoints[isolated.meaning[reader.last]]
        if reader.last != mistake.definition and not agrees(recompute(program, values, _cone(program, isolated, reader), {at: needed}), exact, fmt):
            return []
    about = widen(needed)
    forward = reference.step_of_adjoint(about)
    if forward is not None:
        return locate.mistakes_of(program, reference, temporary, forward, [], values, fmt)
    if reference.step_of_value(values[at]) is not None:
        return []  # a forward value, computed again: right
    if len(readers) < 2 and reference.step_of_value(about) is None:
        return []
    return [replace(mistake, target=temporary.name, line=program.steps[at].line, kind="wrong", contribution=at, needed=needed, computed=values[at], edges=(), forward=-1, definition=at)]


def _cone(program: Program, isolated: IsolatedRun, definition: Definition) -> list[int]:
    return cone(program, isolated.operands, definition.last, definition.versions)


def solve(value: Callable[[Balls], Balls], start: Balls, target: Balls, *, first: int) -> Balls | None:
    """The column x near `start` with value(x) = target, by the secant method; None where it fails at one of the `first` points.

    At the other points, where nothing is wrong, x is `start` if the method fails.
    """
    if not all(isinstance(s, arb) and s.is_finite() for s in start) or not all(w.is_finite() for w in target):
        return None
    initial = x0 = [s.mid() for s in start]
    x1 = [x + (x if x != 0 else 1) * arb(2) ** -20 for x in x0]
    f0 = _residuals(value(x0), target)
    for _ in range(MAX_SECANT_STEPS):
        f1 = _residuals(value(x1), target)
        if any(f is None for f in (*f0[:first], *f1[:first])):
            return None
        pairs = [(b, _secant_step(a, b, fa, fb)) for a, b, fa, fb in zip(x0, x1, f0, f1, strict=True)]
        x0, x1, f0 = [a for a, _ in pairs], [b for _, b in pairs], f1
        if all(a == b for a, b in pairs):
            break
    is_root = [f is not None and bool(x.is_finite() and abs(f) <= abs(w) * arb(2) ** -ROOT_BITS) for x, f, w in zip(x1, _residuals(value(x1), target), target, strict=True)]
    if not all(is_root[:first]):
        return None
    return [x if ok else s for x, s, ok in zip(x1, initial, is_root, strict=True)]


def _secant_step(a: Ball, b: Ball, fa: Ball, fb: Ball) -> Ball:
    return b if fa is None or fb is None or fb in (fa, 0) else (b - fb * (b - a) / (fb - fa)).mid()


def _residuals(found: Balls, target: Balls) -> list[Ball]:
    return [(f - w).mid() if isinstance(f, arb) and f.is_finite() else None for f, w in zip(found, target, strict=True)]


def widen(column: Balls) -> Balls:
    """Balls that contain the true solutions, made from approximate ones."""
    return [x + arb(0, abs(x) * arb(2) ** (10 - ROOT_BITS)) for x in column]
