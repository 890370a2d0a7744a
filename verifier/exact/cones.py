"""The cone of a claim: both its sides as programs of only the steps they depend on, over the inputs that they read, numbered in the order of first use.

Components of an array that share their formula have equal cones, so what is proved of one is proved of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from verifier.circuit.program import Program, Step
from verifier.exact import prove
from verifier.exact.prove import Proof
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format

MOST_STEPS = 6_000  # of a cone: the prover gives up long before
FEWEST_CLAIMS = 12  # of an implementation whose claims are looked at alone
_NAME = re.compile(r"[^\W\d]\w*(?:\[[0-9,]+\])?")


@dataclass(frozen=True)
class Cone:
    """Both sides of a claim as programs whose inputs are called by their numbers, so that claims of one formula have equal programs; `inputs` are their real names."""

    exact: Program
    computed: Program
    inputs: tuple[str, ...]
    is_zero: bool  # the exact side is 0, whatever the inputs

    @property
    def shape(self) -> tuple[tuple[Step, ...], tuple[Step, ...], bool]:
        """A key that is the same for all cones of one formula."""
        return self.exact.steps, self.computed.steps, self.is_zero


def cone(truth: Truth, subject: Subject, claim: tuple[str, str]) -> Cone | None:
    """The cone of a claim; None where it is larger than MOST_STEPS."""
    component = truth.gradient.adjoint.get(subject.position(claim[0]))
    computed, at = subject.exact[0], subject.index(claim[1])
    met: dict[str, int] = {}
    first = [] if component is None else _postorder(truth.gradient.program, component, met)
    second = _postorder(computed, at, met)
    if first is None or second is None:
        return None
    names = tuple(met)
    return Cone(_alone(truth.gradient.program, first, met), _alone(computed, second, met), names, component is None)


def _postorder(program: Program, output: int, met: dict[str, int]) -> list[int] | None:
    """The steps that one depends on, operands first; None where there are too many. Inputs get the next free number in `met`."""
    found: list[int] = []
    seen: set[int] = set()
    pending = [(output, False)]
    steps = program.steps
    while pending:
        index, is_done = pending.pop()
        if is_done:
            found.append(index)
            continue
        if index in seen:
            continue
        seen.add(index)
        step = steps[index]
        if step.gate == "input":
            met.setdefault(step.text, len(met))
            continue
        if len(seen) > MOST_STEPS:
            return None
        pending.append((index, True))
        pending += [(a, False) for a in reversed(step.args)]
    return found


def _alone(program: Program, order: list[int], met: Mapping[str, int]) -> Program:
    """Some steps as a program over the inputs given, whose names are their numbers."""
    inputs = tuple(f"x{k}" for k in range(len(met)))
    steps = [Step("input", (), name) for name in inputs]
    at: dict[int, int] = {}
    for index in order:
        step = program.steps[index]
        args = tuple([at[a] if a in at else met[program.steps[a].text] for a in step.args])
        at[index] = len(steps)
        steps.append(Step(step.gate, args, step.text))
    return Program(tuple(steps), inputs, {}, len(steps) - 1)


def renamed(proof: Proof, names: tuple[str, ...]) -> Proof:
    """A proof of a cone, in the names of the inputs of another of the same shape."""
    by_number = {f"x{k}": name for k, name in enumerate(names)}

    def all_of(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_NAME.sub(lambda m: by_number.get(m[0], m[0]), text) for text in words)

    return replace(proof, conditions=all_of(proof.conditions), gaps=all_of(proof.gaps), borders=all_of(proof.borders), own_borders=all_of(proof.own_borders))


@dataclass
class Prover:
    """Proves claims of one check, each formula once."""

    truth: Truth
    subject: Subject
    format: Format
    upstream: float
    proofs: dict[object, Proof | None]

    def prove(self, claim: tuple[str, str]) -> Proof | None:
        """A proof of a claim; None where there is none."""
        if len(self.subject.claims) < FEWEST_CLAIMS:
            return prove.prove(self.truth, self.subject, claim, fmt=self.format, upstream=self.upstream)
        found = cone(self.truth, self.subject, claim)
        if found is None:
            return None
        if found.shape not in self.proofs:
            self.proofs[found.shape] = prove.prove_sides(found.exact, found.computed, is_zero=found.is_zero, fmt=self.format, upstream=self.upstream)
        proof = self.proofs[found.shape]
        return None if proof is None else renamed(proof, found.inputs)
