"""The cone of a claim: both its sides as programs of only the steps they depend on, over the inputs that they read, numbered in the order of first use.

Components of an array that share their formula have cones of one form (`canonical`), so what is proved of one is proved of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.circuit.program import Program, Step
from verifier.exact import prove
from verifier.exact.canonical import TriedProof, canonical
from verifier.exact.identities.field import LAZY, MAX_INPUTS, MAX_STEPS
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
    def shape(self) -> tuple[tuple[Step, ...], int, tuple[Step, ...], int, bool]:
        """What cones of one formula have in common."""
        return self.exact.steps, self.exact.output, self.computed.steps, self.computed.output, self.is_zero


def cone(truth: Truth, subject: Subject, claim: tuple[str, str]) -> Cone | None:
    """The cone of a claim; None where it is larger than MOST_STEPS, or certainly larger than what the prover looks at."""
    component = truth.gradient.adjoint.get(subject.position(claim[0]))
    computed, at = subject.exact[0], subject.index(claim[1])
    met: dict[str, int] = {}
    first = [] if component is None else _postorder(truth.gradient.program, component, met)
    second = _postorder(computed, at, met)
    if first is None or second is None or _is_too_long(truth.gradient.program, first) or _is_too_long(computed, second):
        return None
    names = tuple(met)
    exact = _alone(truth.gradient.program, first, met, component)
    return Cone(exact, _alone(computed, second, met, at), names, component is None)


def _is_too_long(program: Program, order: Sequence[int]) -> bool:
    """Whether the prover gives up on some steps: it runs each of them, except where a branch is not taken."""
    return len(order) > MAX_STEPS and not any(program.steps[i].gate in LAZY for i in order)


def _postorder(program: Program, output: int, met: dict[str, int]) -> list[int] | None:
    """The steps that one depends on, operands first; None where these or their inputs are too many. Inputs get the next free number in `met`."""
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
            if len(met) > MAX_INPUTS:
                return None
            continue
        if len(seen) > MOST_STEPS:
            return None
        pending.append((index, True))
        pending += [(a, False) for a in reversed(step.args)]
    return found


def _alone(program: Program, order: list[int], met: Mapping[str, int], output: int | None) -> Program:
    """The steps that an output depends on as a program over the inputs that were met, which are called by their number."""
    inputs = tuple(f"x{k}" for k in range(len(met)))
    steps = [Step("input", (), name) for name in inputs]
    at: dict[int, int] = {}
    for index in order:
        step = program.steps[index]
        args = tuple([at[a] if a in at else met[program.steps[a].text] for a in step.args])
        at[index] = len(steps)
        steps.append(Step(step.gate, args, step.text))
    last = -1 if output is None else at[output] if output in at else met[program.steps[output].text]
    return Program(tuple(steps), inputs, {}, last)


def renamed(proof: Proof, names: Mapping[str, str]) -> Proof:
    """A proof of a cone, in other names of its inputs."""

    def all_of(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_NAME.sub(lambda m: names.get(m[0], m[0]), text) for text in words)

    return replace(proof, conditions=all_of(proof.conditions), gaps=all_of(proof.gaps), borders=all_of(proof.borders), own_borders=all_of(proof.own_borders))


@dataclass
class Prover:
    """Proves claims of one check, each formula of a truth once."""

    truth: Truth
    subject: Subject
    format: Format
    upstream: float

    @property
    def proofs(self) -> dict[object, TriedProof]:
        """What is proved already of this truth, for any implementation, by the form of the cones and the question."""
        return self.truth.proofs

    def prove(self, claim: tuple[str, str]) -> Proof | None:
        """A proof of a claim; None where there is none."""
        if len(self.subject.claims) < FEWEST_CLAIMS:
            return self._prove_alone(claim)
        found = cone(self.truth, self.subject, claim)
        if found is None:
            return None
        if found.shape not in self.truth.forms:
            self.truth.forms[found.shape] = canonical((found.computed,) if found.is_zero else (found.exact, found.computed))
        form, order = self.truth.forms[found.shape].form, self.truth.forms[found.shape].inputs
        key = (form, self.format.name, self.upstream)
        if key not in self.proofs:
            self.proofs[key] = TriedProof(prove.prove_sides(found.exact, found.computed, is_zero=found.is_zero, fmt=self.format, upstream=self.upstream), order)
        known, names = self.proofs[key], dict(zip(found.computed.inputs, found.inputs, strict=True))
        return None if known.proof is None else renamed(known.proof, dict(zip(known.inputs, [names[x] for x in order], strict=True)))

    def _prove_alone(self, claim: tuple[str, str]) -> Proof | None:
        """A proof of a claim as it stands."""
        key = (claim, self.subject.program.steps, self.subject.program.inputs, self.format.name, self.upstream)
        if key not in self.proofs:
            self.proofs[key] = TriedProof(prove.prove(self.truth, self.subject, claim, fmt=self.format, upstream=self.upstream), ())
        found: Proof | None = self.proofs[key].proof
        return found
