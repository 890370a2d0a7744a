"""Moves the blame for wrong adjoints to a temporary that they are computed from, where the temporary's right value is known.

A temporary is a backward name that holds no adjoint, such as `t` in `t = 1 - h*h` and `dz = t * dh`. The value that it should have is the one
with which its readers come right. It is to blame where one value serves all of them; where some reader is right with the value it has, its
wrong readers are. Where one reader decides alone, it is to blame if the value that it should have is one that a backward pass computes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations, islice

from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball, Balls
from verifier.blame.formula import locate
from verifier.blame.formula.adjoint_values import agrees, forward_versions
from verifier.blame.formula.contributions import Definition, definitions
from verifier.blame.formula.known_values import KnownValues, is_varied
from verifier.blame.formula.locate import IsolatedRun, Mistake, cone, recompute
from verifier.circuit.program import Program
from verifier.language.formats import Format

MAX_SECANT_STEPS = 16  # from 2^-20 off they give more than BITS/2 bits of any simple root
ROOT_BITS = 90  # a root must solve its equation to so many bits
MAX_TEMPORARIES = 40  # at most so many are tried, those with the most wrong readers first
MOST_LEFT_OUT = 6  # at most so many wrong names that stand for no forward name are tried as no adjoints
MAX_PAIRS = 20  # at most so many pairs of temporaries are tried together
MAJORITY = 2  # a temporary with which a reader is right is to blame only where more than so many times as many are wrong with it


def fewest_mistakes(program: Program, isolated: IsolatedRun, *, fmt: Format) -> tuple[IsolatedRun, list[Mistake]]:
    """The run and its mistakes; with names that are taken to hold no adjoint after all, where the mistakes are then fewer.

    A name may hold an adjoint by accident (that of a product before it is multiplied by a factor), or be read as one by mistake.
    """
    best = isolated, relocate_to_temporaries(program, isolated, fmt=fmt)
    wrong = {m.definition for m in isolated.mistakes}
    uncertain = [end for end in isolated.meaning if end not in isolated.claimed]
    read = {i for end in wrong for i in cone(program, (), end)} if len(best[1]) > 1 else set()
    by_value = [end for end in uncertain if end not in isolated.named and end in read]
    uncertain_names = [end for end in uncertain if end in wrong and end in isolated.named and not forward_versions(program.steps[end].name, program)][:MOST_LEFT_OUT] if len(best[1]) > 1 else []
    for dropped in (by_value, *([end] for end in uncertain_names), uncertain_names, [*by_value, *uncertain_names]):
        if dropped and len({m.line for m in best[1]}) > 1:
            other = locate.without(program, isolated, frozenset(dropped), fmt)
            found = relocate_to_temporaries(program, other, fmt=fmt)
            if found and len({m.line for m in found}) < len({m.line for m in best[1]}):
                best = other, found
    return best


def relocate_to_temporaries(program: Program, isolated: IsolatedRun, *, fmt: Format) -> list[Mistake]:
    """The mistakes of a run, each moved to a temporary where that is to blame. Each says which of the others are right and need no repair."""
    with balls.precision(isolated.reference.bits):
        search = _TemporarySearch(program, isolated, fmt)
        found: list[Mistake] = []
        for chosen in search.shared():
            found += [m for end, needed in chosen.items() for m in search.moved(end, needed)]
        for mistake in list(search.left):
            found += search.alone(mistake) if mistake in search.left else []
        return sorted([*found, *search.left], key=lambda g: g.line)


class _TemporarySearch:
    """The temporaries of a run, the adjoints computed from them, and the mistakes that are left."""

    def __init__(self, program: Program, isolated: IsolatedRun, fmt: Format) -> None:
        self.program, self.isolated, self.fmt = program, isolated, fmt
        self.values = isolated.values
        self.first = isolated.reference.first
        self.named = {d.last: d for d in definitions(program)}
        self.left = [m for m in isolated.mistakes if m.kind not in ("premature", "exchanged")]
        self.rest = [m for m in isolated.mistakes if m.kind in ("premature", "exchanged")]
        self.left += self.rest
        self.wrong = {m.definition: m for m in self.left if m not in self.rest}
        self.cones = {end: cone(program, isolated.operands, end, self.named[end].versions) for end in isolated.meaning if end in self.named}
        self.named.update((i, Definition("", (i,), reads_itself=False)) for i in handed_on(program) if i not in self.named and isolated.reference.step_of_adjoint(isolated.actual[i]) is None)
        self.made_of = {end: {i for i in steps if i in self.named and i != end and i not in isolated.meaning} for end, steps in self.cones.items()}

    @cached_property
    def known(self) -> KnownValues:
        """What a right backward pass computes again, at the points where something is wrong; at others a needed value may not be determined."""
        return KnownValues(self.isolated.reference.at(range(self.first), first=self.first))

    def readers(self, temporary: int) -> tuple[list[int], list[int]]:
        """The adjoints computed from a temporary: the wrong ones; and the right ones to which its value matters."""
        users = [end for end, t in self.made_of.items() if temporary in t]
        value = self.values[temporary]
        if not all(isinstance(v, arb) and v.is_finite() for v in value):
            return [], []
        moved = [v * (1 + arb(2) ** -20) if not v.is_zero() else arb(2) ** -20 for v in value]
        wrong = [end for end in users if end in self.wrong]
        right = [end for end in users if end not in wrong and not agrees(recompute(self.program, self.values, self.cones[end], {temporary: moved}), self.values[end], self.fmt)]
        return wrong, right

    def shared(self) -> list[dict[int, Balls]]:
        """The temporaries with the value that mends all their wrong readers; those of one statement, or two, at once where one alone does not."""
        counted = []
        for t in {t for end in self.wrong for t in self.made_of.get(end, ())}:
            wrong, right = self.readers(t)
            if len(wrong) > max(1, MAJORITY * len(right)):
                counted.append((len(wrong), t, wrong))
        counted.sort(reverse=True)
        chosen: list[dict[int, Balls]] = []
        mended: set[int] = set()
        candidates: dict[int, tuple[Balls, list[int]]] = {}
        for _, t, wrong in counted[:MAX_TEMPORARIES]:
            if mended.issuperset(wrong):
                continue
            for needed in self.needed(t, min(wrong, key=lambda end: (len(self.made_of[end]), end))):
                candidates[t] = needed, wrong
                if self.mends({t: needed}, wrong):
                    chosen.append({t: needed})
                    mended |= set(wrong)
                    break
        for group in self.alike(candidates):
            both = sorted({end for t in group for end in candidates[t][1]})
            if not mended & set(both) and self.mends({t: candidates[t][0] for t in group}, both):
                chosen.append({t: candidates[t][0] for t in group})
                mended |= set(both)
        for a, b in list(combinations([t for t in candidates if not mended.issuperset(candidates[t][1])], 2))[:MAX_PAIRS]:
            both = sorted({*candidates[a][1], *candidates[b][1]})
            if not mended & set(both) and self.mends({a: candidates[a][0], b: candidates[b][0]}, both):
                chosen.append({a: candidates[a][0], b: candidates[b][0]})
                mended |= set(both)
        self.left = [m for m in self.left if m.definition not in mended or m in self.rest]
        return chosen

    def alike(self, temporaries: Iterable[int]) -> list[list[int]]:
        """The temporaries that one expression makes, the components of an array, the last first."""
        groups: dict[tuple[int, str], list[int]] = {}
        for t in temporaries:
            groups.setdefault((self.program.steps[t].line, self.program.steps[t].gate), []).append(t)
        return [g for g in groups.values() if len(g) > 1]

    def needed(self, temporary: int, reader: int) -> list[Balls]:
        """The values of a temporary with which a reader comes right: those near its own value and near its opposite."""
        value, exact = self.values[temporary], self.exact(reader)
        steps = self.cones[reader]
        found = list(islice((column for column in self.isolated.reference.values if is_varied(column) and not agrees(column, value, self.fmt) and self.mends({temporary: column}, [reader])), 1))
        for start in (value, [-v for v in value]):
            column = solve(lambda x: recompute(self.program, self.values, steps, {temporary: x}), start, exact, first=self.first)
            if column is not None and not any(_overlap(column, c) for c in found):
                found.append(column)
        return found

    def exact(self, end: int) -> Balls:
        """The right value of an adjoint."""
        return self.isolated.reference.adjoints[self.isolated.meaning[end]]

    def mends(self, changes: dict[int, Balls], readers: Sequence[int]) -> bool:
        """Whether all readers come right once temporaries have other values."""
        return all(agrees(recompute(self.program, self.values, self.cones[end], changes), self.exact(end), self.fmt) for end in readers)

    def moved(self, temporary: int, needed: Balls) -> list[Mistake]:
        """The mistakes of a temporary that should have another value."""
        definition, reference = self.named[temporary], self.isolated.reference
        forward = reference.step_of_adjoint(widen(needed))
        if forward is not None and agrees(reference.adjoints[forward], needed, self.fmt):
            return locate.mistakes_of(self.program, reference, definition, forward, [], self.values, self.fmt)
        line = self.program.steps[temporary].line
        value = self.values[temporary]
        needed = [n if at < self.first or n != value[at].mid() else arb("nan") for at, n in enumerate(needed)]  # not determined where nothing is wrong
        return [Mistake(definition.name, line, "wrong", temporary, needed, self.values[temporary], definition=temporary)]

    def alone(self, mistake: Mistake) -> list[Mistake]:
        """The mistake of a wrong adjoint moved to the first temporary that only it reads and that should have a value which is computed again; or as it is, with what is right."""
        if mistake in self.rest or mistake.definition not in self.made_of:
            return []
        right: list[int] = []
        for t in sorted(self.made_of[mistake.definition])[:MAX_TEMPORARIES]:
            wrong, others = self.readers(t)
            if others:
                right.append(t)
                continue
            if wrong != [mistake.definition]:
                continue
            columns = self.needed(t, mistake.definition)
            judged = [self.is_to_blame(t, c) for c in columns]
            if True in judged:
                self.left = [m for m in self.left if m.definition != mistake.definition]
                return self.moved(t, columns[judged.index(True)])
            if False in judged or (not judged and self.known.holds_multiple(self.values[t][: self.first])):
                right.append(t)
        if right:
            at = self.left.index(mistake)
            self.left[at] = replace(mistake, right=tuple(right))
        return []

    def is_to_blame(self, temporary: int, needed: Balls) -> bool | None:
        """Whether a temporary is to blame, not the statement that reads it: which of the two values is computed again; None where that does not tell."""
        if self.isolated.reference.step_of_adjoint(widen(needed)) is not None:
            return True
        value, about = self.values[temporary][: self.first], widen(needed[: self.first])
        ratios = [n / v for n, v in zip(about, value, strict=True)] if not any(v.contains(0) for v in value) else []
        constant = bool(ratios) and all(r.overlaps(ratios[0]) for r in ratios)
        holds = self.known.holds if constant else self.known.holds_multiple
        is_known, should_be = holds(value), holds(about)
        return None if is_known == should_be else should_be


def handed_on(program: Program) -> set[int]:
    """The backward steps without a name that another statement reads: what a statement returns or passes on, in code that was traced."""
    steps, start = program.steps, program.backward_start
    return {a for i in range(max(start, 0), len(steps)) for a in steps[i].args if a >= start and steps[a].args and not steps[a].name and steps[a].line >= 0 and steps[a].line != steps[i].line}


def _overlap(a: Balls, b: Balls) -> bool:
    return all(x.overlaps(y) for x, y in zip(widen(a), widen(b), strict=True))


def solve(value: Callable[[Balls], Balls], start: Balls, target: Balls, *, first: int) -> Balls | None:
    """The column x near `start` with value(x) = target, by the secant method; None where it fails at one of the `first` points.

    At the other points, where nothing is wrong, x is `start` if the method fails.
    """
    if not all(isinstance(s, arb) and s.is_finite() for s in start) or not all(w.is_finite() for w in target):
        return None
    initial = x0 = [s.mid() for s in start]
    x1 = [x + (x if x != 0 else 1) * arb(2) ** -20 for x in x0]
    f0 = _residuals(value(x0), target)
    is_settled = [f is not None and bool(abs(f) <= abs(w) * arb(2) ** -ROOT_BITS) for f, w in zip(f0, target, strict=True)]  # nothing is asked of the start
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
    return [x if ok and not settled else s for x, s, ok, settled in zip(x1, initial, is_root, is_settled, strict=True)]


def _secant_step(a: Ball, b: Ball, fa: Ball | None, fb: Ball | None) -> Ball:
    return b if fa is None or fb is None or fb in (fa, 0) else (b - fb * (b - a) / (fb - fa)).mid()


def _residuals(found: Balls, target: Balls) -> list[Ball | None]:
    return [(f - w).mid() if isinstance(f, arb) and f.is_finite() else None for f, w in zip(found, target, strict=True)]


def widen(column: Balls) -> Balls:
    """Balls that contain the true solutions, made from approximate ones."""
    return [x + arb(0, abs(x) * arb(2) ** (10 - ROOT_BITS)) for x in column]
