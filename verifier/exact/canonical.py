"""One form for all programs that differ in the names of their inputs and in the order of their sums and products only.

Over the reals a sum is the same in any order, and it has a value where all its terms have one: what is proved of a program is true of every
program with the same form, with the inputs put in the places of its own. The form is found as a graph is labelled: steps get colours from what they
read and from what reads them, sums and products are sorted by colour, and inputs are numbered as they are met. Two programs that could be
matched and are not, because colours tie, cost a proof more; two that are matched have the same form, step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from verifier.circuit.dag import joined
from verifier.circuit.program import Program, Step

Form: TypeAlias = tuple[tuple[str, str, tuple[int, ...]], ...]
COMMUTATIVE = ("add", "mul")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The form of some programs over the same inputs, and their inputs in the order in which it meets them."""

    form: Form
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TriedProof:
    """What came of the first programs of a form that were tried, and their inputs in the order of the form."""

    proof: Any
    inputs: tuple[str, ...]


def canonical(programs: Sequence[Program]) -> Canonical:
    """The form of the outputs of some programs, which are told from one another by their order."""
    program, places = joined(programs)
    steps, roots = program.steps, [at[p.output] for p, at in zip(programs, places, strict=True)]
    operands = _operands(steps, roots)
    used = [i for i, read in enumerate(operands) if read is not None]
    colour = _colours(steps, operands, used, roots)
    number: dict[int, int] = {}
    form: list[tuple[str, str, tuple[int, ...]]] = []
    met: list[str] = []
    for root in roots:
        pending: list[tuple[int, tuple[int, ...] | None]] = [(root, None)]
        while pending:
            at, order = pending.pop()
            if at in number:
                continue
            step, read = steps[at], operands[at] or ()
            if order is None and read:
                order = tuple(sorted(read, key=lambda a: (colour[a], number.get(a, len(steps))))) if step.gate in COMMUTATIVE else read
                pending.append((at, order))
                pending += [(a, None) for a in reversed(order) if a not in number]
                continue
            if step.gate == "input":
                met.append(step.text)
            number[at] = len(form)
            form.append((step.gate, "" if step.gate == "input" else step.text, tuple([number[a] for a in order or ()])))
    return Canonical((*form, ("outputs", "", tuple(number[root] for root in roots))), tuple(met))


def _operands(steps: Sequence[Step], roots: Sequence[int]) -> list[tuple[int, ...] | None]:
    """What each step reads, where a sum that only another sum reads is a part of that; None for such parts."""
    readers = [0] * len(steps)
    for root in roots:
        readers[root] += 2  # it stands by itself
    for step in steps:
        for a in step.args:
            readers[a] += 1
    found: list[tuple[int, ...] | None] = [s.args for s in steps]
    for i in range(len(steps) - 1, -1, -1):
        if steps[i].gate != "add" or found[i] is None:
            continue
        terms, pending = [], list(reversed(steps[i].args))
        while pending:
            a = pending.pop()
            if steps[a].gate == "add" and readers[a] == 1:
                found[a] = None
                pending += reversed(steps[a].args)
            else:
                terms.append(a)
        found[i] = tuple(terms)
    return found


def _colours(steps: Sequence[Step], operands: Sequence[tuple[int, ...] | None], used: Sequence[int], roots: Sequence[int]) -> list[int]:
    """A number for every step that is the same for steps that stand alike: by what they read, by what reads them, and by both."""
    texts = ["" if s.gate == "input" else s.text for s in steps]
    labels = {label: k for k, label in enumerate(sorted({(steps[i].gate, texts[i]) for i in used}))}  # the hash of a text is another in every process

    def upwards(leaf: Sequence[int]) -> list[int]:
        found = [0] * len(steps)
        for i in used:
            below = [found[a] for a in operands[i] or ()]
            found[i] = hash((labels[steps[i].gate, texts[i]], leaf[i], *(sorted(below) if steps[i].gate in COMMUTATIVE else below)))
        return found

    below = upwards([0] * len(steps))
    above: list[list[int]] = [[] for _ in steps]
    for k, root in enumerate(roots):
        above[root].append(k)
    place = [0] * len(steps)
    for i in reversed(used):
        place[i] = hash((below[i], *sorted(above[i])))
        for position, a in enumerate(operands[i] or ()):
            above[a].append(hash((place[i], 0 if steps[i].gate in COMMUTATIVE else position)))
    return upwards(place)
