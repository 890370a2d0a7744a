"""Finds the wrong statements of array code: those after which an array is not the exact adjoint although every adjoint they read is. An array counts as one."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from flint import arb

from verifier.arithmetic import balls, floats
from verifier.arithmetic.types import Balls
from verifier.blame.formula.adjoint_values import PREFIXES, Reference, agrees
from verifier.blame.formula.rerun import Held, Rerun
from verifier.case.case import Draft
from verifier.case.components import base
from verifier.circuit.program import Program, Step, ancestors_among, component_names
from verifier.circuit.values import is_array
from verifier.language.formats import FORMATS, Format

SEVERAL = 2  # wrong names that one array may explain
MOST_ARRAYS = 60  # of a forward pass that a name may stand for
NEAR = 2.0**-20  # relative distance of floats that are worth a certified run
MOST_DROPPED = 8  # names, one at a time, that may turn out not to hold the adjoint that they are named after
MOST_DROPPED_STEPS = 60_000  # of all runs of the backward pass in which one of them is dropped


@dataclass(frozen=True)
class Wrong:
    """A name that should hold the adjoint of a forward name, and does not, after a unit that is wrong for no other reason."""

    unit: int
    name: str
    forward: tuple[int, ...]  # the forward steps whose adjoints its components should be
    needed: tuple[Balls, ...]
    computed: tuple[Balls, ...]
    worst: int  # the component that is off by most

    @property
    def is_alone(self) -> bool:
        """Whether it is a number."""
        return len(self.forward) == 1


@dataclass(frozen=True)
class Lines:
    """What is wrong, in order, with what every name stands for."""

    wrong: tuple[Wrong, ...]
    meaning: Mapping[str, Held]
    right: frozenset[tuple[int, str]]  # after which unit which name holds an exact adjoint


def meaning_of(draft: Draft, rerun: Rerun) -> dict[str, Held]:
    """The forward steps whose adjoints the components of a name should hold: those of a claimed gradient, or of the forward name that it is named after."""
    forward = draft.forward
    claimed: dict[str, dict[str, int]] = {}
    for variable, name in draft.claims:
        claimed.setdefault(base(name), {})[name] = forward.inputs.index(variable)
    found: dict[str, Held] = {}
    for (_, name), held in rerun.held.items():
        components = component_names(name, held.shape) if held.shape else [name]
        if name in claimed:
            if set(components) == claimed[name].keys():
                found[name] = Held(held.shape, tuple(claimed[name][c] for c in components))
        elif name not in found:
            for prefix in PREFIXES:
                known = name[len(prefix) :]
                value = forward.values.get(known) if name.startswith(prefix) else None
                if is_array(value) and value.shape == held.shape:
                    found[name] = Held(held.shape, tuple(value.ravel().tolist()))
                elif value is None and name.startswith(prefix) and known in forward.names and not held.shape:
                    found[name] = Held((), (forward.names[known],))
    judged = {name: Held(held.shape, _judged_components(forward, held.steps, is_claim=name in claimed)) for name, held in found.items()}
    return {name: held for name, held in judged.items() if max(held.steps, default=-1) >= 0}


def _judged_components(forward: Program, steps: tuple[int, ...], *, is_claim: bool) -> tuple[int, ...]:
    """-1 in the place of steps that are no adjoint's own: the zeros of a padded array, a number that stands in several places."""
    if is_claim:
        return steps
    counts = Counter(steps)
    return tuple(s if (forward.steps[s].args or forward.steps[s].gate == "input") and counts[s] == 1 else -1 for s in steps)


def wrong_lines(draft: Draft, rerun: Rerun, reference: Reference, fmt: Format) -> Lines | None:
    """The wrong statements of a backward pass; None where it does not run. The fewest that explain everything: a name may not hold what it is named after."""
    if not rerun.begin():
        return None
    meaning = meaning_of(draft, rerun)
    claims = {base(name) for _, name in draft.claims}
    best = _judged(rerun, reference, meaning, claims, fmt)
    only_claims = _judged(rerun, reference, {n: m for n, m in meaning.items() if n in claims}, claims, fmt)
    dropped = 0
    most = MOST_DROPPED_STEPS // max(1, len(rerun.builder.steps))
    while best is not None and dropped < MOST_DROPPED and sum(w.name not in claims for w in best.wrong) <= most:
        others = [w.name for w in best.wrong if w.name not in claims]
        found = [f for n in others if (f := _judged(rerun, reference, {k: m for k, m in best.meaning.items() if k != n}, claims, fmt)) is not None]
        fewer = [f for f in found if len(f.wrong) < len(best.wrong)]
        if not fewer:
            break
        best = min(fewer, key=lambda f: len(f.wrong))
        dropped += 1
    if best is None or (only_claims is not None and len(only_claims.wrong) < len(best.wrong)):
        best = only_claims
    return best if best is None or len(best.wrong) < SEVERAL else _with_another_name(draft, rerun, reference, best, claims, fmt)


def _with_another_name(draft: Draft, rerun: Rerun, reference: Reference, best: Lines, claims: Collection[str], fmt: Format) -> Lines:
    """The wrong statements, where fewer explain everything once an array that several wrong ones are computed from holds the adjoint of a forward array that it is not named after."""
    if not rerun.begin():
        return best
    program = rerun.program()
    read = [{i for step in rerun.held[w.unit, w.name].steps for i in ancestors_among(program.steps, step)} for w in best.wrong]
    last = {name: number for number, name in rerun.held if name not in best.meaning}
    for name, number in sorted(last.items(), key=lambda entry: entry[1]):
        held = rerun.held[number, name]
        if len(held.steps) == 1 or isinstance(rerun.units[number].tree, ast.For | ast.FunctionDef) or sum(not steps.isdisjoint(held.steps) for steps in read) < SEVERAL:
            continue
        for forward in _arrays_of_size(draft.forward, len(held.steps)):
            if _mends(program, rerun, reference, held, forward, best):
                found = _judged(rerun, reference, {**best.meaning, name: Held(held.shape, forward)}, claims, fmt)
                if found is not None and len(found.wrong) < len(best.wrong):
                    return found
    return best


def _arrays_of_size(forward: Program, size: int) -> list[tuple[int, ...]]:
    """The arrays of so many components that a forward pass makes on its way, named or not: the results of one gate after the other, and what these read."""
    steps, first, found = forward.steps, len(forward.inputs), list[tuple[int, ...]]()
    while first < len(steps):
        end = first + 1
        while end < len(steps) and steps[end].gate == steps[first].gate and steps[end].args:
            end += 1
        for start in range(first, end - size + 1, size) if (end - first) % size == 0 else ():
            part = range(start, start + size)
            found += [tuple(part), *(column for column in zip(*(steps[i].args for i in part), strict=True) if len(set(column)) == size)]
        first = end
    return list(dict.fromkeys(found))[:MOST_ARRAYS]


def _mends(program: Program, rerun: Rerun, reference: Reference, held: Held, forward: Sequence[int], best: Lines) -> bool:
    """Whether some wrong names come right, in floats, where a name holds the adjoints of these forward steps."""
    needed = [float(reference.adjoints[f][0].mid()) for f in forward]
    if not all(map(math.isfinite, needed)):
        return False
    steps = list(program.steps)
    for step, value in zip(held.steps, needed, strict=True):
        steps[step] = Step("number", (), repr(value))
    values = floats.run(replace(program, steps=tuple(steps)), [[x] for x in reference.points[0]], fmt=FORMATS["float64"], upstream=rerun.upstream)
    mended = 0
    for w in best.wrong:
        pairs = [(floats.as_list(values[s])[0], float(x[0].mid())) for s, x, f in zip(rerun.held[w.unit, w.name].steps, w.needed, w.forward, strict=True) if f >= 0]
        mended += all(abs(a - b) <= NEAR * max(abs(b), NEAR) for a, b in pairs)
    return mended >= SEVERAL


def _judged(rerun: Rerun, reference: Reference, meaning: Mapping[str, Held], claims: Collection[str], fmt: Format) -> Lines | None:
    """Which names are wrong after the last unit that sets them, every wrong one being replaced by its exact value there."""
    last: dict[str, int] = {}
    for number, unit in enumerate(rerun.units):
        last.update(dict.fromkeys(unit.sets & meaning.keys(), number))
    copied: dict[int, set[str]] = {}
    for name, number in last.items():
        copied.setdefault(number, set()).add(name)
    if not rerun.begin(copied=copied):
        return None
    program, values = rerun.program(), list(reference.values)
    wrong: list[Wrong] = []
    right: set[tuple[int, str]] = set()
    with balls.precision(reference.bits):
        for number, unit in enumerate(rerun.units):
            _extend(program, reference, values, rerun.ends[number], fmt)
            for name in sorted(unit.sets & meaning.keys()):
                held = rerun.held.get((number, name))
                if held is None or held.shape != meaning[name].shape:
                    continue
                pairs = [(values[s], reference.adjoints[f] if f >= 0 else values[s]) for s, f in zip(held.steps, meaning[name].steps, strict=True)]
                if all(f < 0 or agrees(c, x, fmt) or agrees(c, reference.totals[f], fmt) for (c, x), f in zip(pairs, meaning[name].steps, strict=True)):
                    right.add((number, name))
                elif number == last[name] and (name in claims or not any((k, name) in right for k in range(number))):
                    wrong.append(Wrong(number, name, meaning[name].steps, tuple(x for _, x in pairs), tuple(c for c, _ in pairs), _worst(pairs)))
                    for step, (_, x) in zip(held.steps, pairs, strict=True):
                        values[step] = x
    return Lines(tuple(wrong), dict(meaning), frozenset(right))


def _extend(program: Program, reference: Reference, values: list[Balls], end: int, fmt: Format) -> None:
    for step in program.steps[len(values) : end]:
        values.append(reference.value_of(step, [values[a] for a in step.args], fmt))


def _worst(pairs: Sequence[tuple[Balls, Balls]]) -> int:
    """The component that is off by most at the first point."""

    def off(pair: tuple[Balls, Balls]) -> float:
        computed, exact = pair[0][0], pair[1][0]
        if not isinstance(computed, arb) or not computed.is_finite() or not exact.is_finite():
            return float("inf")
        return float(abs(computed - exact).mid())

    return max(range(len(pairs)), key=lambda k: off(pairs[k]))


def floats_of(wrong: Wrong) -> list[list[float]]:
    """The exact values of a wrong name as floats; NaN of what is not judged."""
    return [[float(x.mid()) if f >= 0 else float("nan") for x in column] for column, f in zip(wrong.needed, wrong.forward, strict=True)]


