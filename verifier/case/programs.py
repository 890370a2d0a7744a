"""Builds the programs of a case from its texts: its truth, its implementations as written, its residuals."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case.case import Draft, Implementation, Point, Programs, Published, Residual
from verifier.circuit.expressions import BuildError, add_tree, build_expression
from verifier.circuit.program import Builder, Program
from verifier.circuit.statements import add_backward, build_program
from verifier.language.gates import CONSTANTS
from verifier.language.grammar import parse_expression
from verifier.language.source import Complaint, Source, suggestion
from verifier.language.tokens import LanguageError


def _default_claims(implementation: Implementation, inputs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if implementation.gradients is None:
        return tuple((name, f"d{name}") for name in inputs)
    return tuple((claim.input, claim.name) for claim in implementation.gradients)


def programs_of(
    inputs: tuple[str, ...], points: Sequence[Point], *, function: Source | None, implementations: Sequence[Implementation], residuals: Sequence[Residual], published: Sequence[Published]
) -> tuple[Programs | None, list[Complaint]]:
    """The programs of a case; None and the complaints where its texts are wrong."""
    complaints: list[Complaint] = []
    examples: dict[str, set[float]] = {name: set() for name in inputs}
    for point in points:
        for name, text in point.values:
            examples[name].add(float.fromhex(text) if "0x" in text.lower() else float(text))
    truth: Program | None = None
    if function is not None:
        truth, more = build_expression(function, inputs)
        complaints += more
    forwards: dict[str, Program | None] = {}
    for implementation in implementations:
        if implementation.forward is not None:
            forwards[implementation.name], more = build_program(implementation.forward, inputs, examples=examples)
            complaints += more
    if function is None:
        truth = next(iter(forwards.values()), None)
    drafts: list[Draft] = []
    for implementation in implementations:
        forward = forwards.get(implementation.name) if implementation.forward is not None else truth
        if forward is None:
            continue
        claims = _default_claims(implementation, inputs)
        whole: Program | None = None
        if implementation.backward is not None:
            whole, more = add_backward(forward, implementation.backward, claims)
            complaints += more
        drafts.append(Draft(implementation, forward, whole, claims))
    differences = []
    for residual in residuals:
        program, more = _residual_program(residual.expression, drafts)
        complaints += more
        if program is not None:
            differences.append(program)
    complaints += _published_complaints(published, drafts)
    if complaints or truth is None:
        return None, complaints
    return Programs(truth, tuple(drafts), tuple(differences)), []


def _residual_program(source: Source, drafts: Sequence[Draft]) -> tuple[Program | None, list[Complaint]]:
    """A residual as a program over inputs named `implementation.name`."""
    try:
        nodes = parse_expression(source.text, references=True)
    except LanguageError as error:
        return None, [source.complaint(error.offset, error.message)]
    complaints = []
    for node in nodes:
        if node.op == "name" and node.text not in CONSTANTS and (problem := _reference_problem(node.text, drafts)):
            complaints.append(source.complaint(node.start, problem))
    if complaints:
        return None, complaints
    inputs = tuple(dict.fromkeys(n.text for n in nodes if n.op == "name" and n.text not in CONSTANTS))
    builder = Builder(inputs)
    try:
        output = add_tree(builder, nodes)
    except BuildError as error:
        return None, [source.complaint(error.offset, error.message)]
    return builder.program(output), []


def _reference_problem(reference: str, drafts: Sequence[Draft]) -> str:
    """What is wrong with a reference `implementation.name`, or ''. Names of a generated backward pass are checked later."""
    implementation, _, name = reference.partition(".")
    draft = next((d for d in drafts if d.implementation.name == implementation), None)
    if not name:
        return f"'{reference}' must be written implementation.name, as in staged.dx"
    if draft is None:
        return f"unknown implementation '{implementation}'{suggestion(implementation, [d.implementation.name for d in drafts])}"
    known = {*(draft.whole or draft.forward).names, *(c for _, c in draft.claims)}
    if name in known or (draft.whole is None and name.startswith("d")):
        return ""
    return f"'{implementation}' has no name '{name}'{suggestion(name, known)}"


def _published_complaints(published: Sequence[Published], drafts: Sequence[Draft]) -> list[Complaint]:
    return [
        Complaint(figure.place, problem)
        for figure in published
        if (problem := _reference_problem(f"{figure.implementation}.{figure.name}", drafts))
    ]
