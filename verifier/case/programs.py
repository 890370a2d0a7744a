"""Builds the programs of a case from its texts: its truth, its implementations as written, its residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifier.case import hints
from verifier.case.case import Draft, Implementation, Programs, Published, Residual
from verifier.case.inputs import Inputs
from verifier.case.outputs import joined
from verifier.circuit.apply import BuildError
from verifier.circuit.expressions import add_expression, build_expression
from verifier.circuit.program import Builder, Program, Step, ancestors
from verifier.circuit.statements import add_backward, build_program
from verifier.language.gates import CONSTANTS, GATES
from verifier.language.source import Complaint, Place, Source, suggestion
from verifier.language.tokens import LanguageError
from verifier.language.trees import parse_expression


def _claims(implementation: Implementation, inputs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(input, name of its gradient): as the implementation says, or else of every input that is no parameter."""
    if implementation.gradients is None:
        return tuple((name, f"d{name}") for name in inputs)
    return tuple((claim.input, claim.name) for claim in implementation.gradients)


def programs_of(
    inputs: Inputs,
    *,
    function: Source | None,
    implementations: Sequence[Implementation],
    residuals: Sequence[Residual] = (),
    published: Sequence[Published] = (),
    outputs: Sequence[str] = (),
    given: Source | None = None,
) -> tuple[Programs | None, list[Complaint]]:
    """The programs of a case; None and the complaints where its texts are wrong."""
    complaints: list[Complaint] = []
    examples: dict[str, set[float]] = {name: set() for name in inputs.names}
    for point in inputs.points:
        for name, text in point.values:
            examples[name].add(float.fromhex(text) if "0x" in text.lower() else float(text))
    truth: Program | None = None
    if function is not None:
        truth, more = build_expression(function, inputs.names)
        complaints += more
    forwards: dict[str, Program | None] = {}
    for implementation in implementations:
        if implementation.forward is not None:
            forwards[implementation.name], more = _forward(implementation.forward, inputs.names, outputs, examples)
            complaints += more
    if function is None:
        truth = next(iter(forwards.values()), None)
    parameters, more = parameters_of(inputs, implementations, [p for p in (truth, *forwards.values()) if p is not None])
    complaints += more
    if truth is not None:
        constant = replace(truth, parameters=parameters)
        forwards = {name: constant if p is truth else p for name, p in forwards.items()}
        truth = constant
    claimable = tuple(name for name in inputs.names if name not in parameters)
    texts = [(function, truth), *((i.forward, forwards.get(i.name)) for i in implementations)]
    for source, program in texts:
        if source is not None and program is not None and program.output_name in program.shapes:
            shape = program.shapes[program.output_name]
            complaints.append(source.complaint(0, f"the output is an array of shape {shape}; it must be a number, as in sum(g * y)"))
    drafts: list[Draft] = []
    for implementation in implementations:
        forward = forwards.get(implementation.name) if implementation.forward is not None else truth
        if forward is None:
            continue
        claims = _claims(implementation, claimable)
        whole: Program | None = None
        if implementation.backward is not None:
            whole, more = add_backward(forward, implementation.backward, claims)
            complaints += hints.with_hints(more, implementation, forward, claims)
        drafts.append(Draft(implementation, forward, whole, claims))
    differences = []
    for residual in residuals:
        program, more = _residual_program(residual.expression, drafts)
        complaints += more
        if program is not None:
            differences.append(program)
    condition: Program | None = None
    if given is not None:
        condition, more = _constraint(given, inputs.names)
        complaints += more
    complaints += _published_complaints(published, drafts)
    if complaints or truth is None:
        return None, complaints
    return Programs(truth, tuple(drafts), tuple(differences), condition), []


def _forward(source: Source, inputs: tuple[str, ...], outputs: Sequence[str], examples: dict[str, set[float]]) -> tuple[Program | None, list[Complaint]]:
    """The program of a forward pass; where there are several outputs, its output is their sum, each times the gradient that flows into it."""
    program, complaints = build_program(source, inputs, examples=examples)
    return (program, complaints) if program is None or not outputs else joined(program, source, outputs)


def _constraint(source: Source, inputs: tuple[str, ...]) -> tuple[Program | None, list[Complaint]]:
    """`given` as a program whose output is a truth value."""
    builder = Builder(inputs)
    try:
        output = add_expression(builder, source.text)
    except (LanguageError, BuildError) as error:
        return None, [source.complaint(error.offset, error.message)]
    if not builder.boolean(output):
        return None, [source.complaint(0, "a constraint must be a comparison, such as x > 0 or p[0] + p[1] == 1, not a number{where}")]
    return builder.program(output), []


def parameters_of(inputs: Inputs, implementations: Sequence[Implementation], programs: Sequence[Program]) -> tuple[frozenset[str], list[Complaint]]:
    """The inputs that are constants: those that the case says, and those that nothing but the order of a gate reads; what is wrong with orders.

    There is no derivative with respect to an order: a name that is read elsewhere, too, or whose gradient is claimed, must be said to be a parameter.
    """
    found, complaints = set(inputs.parameters), []
    claimed = {c.input for i in implementations for c in i.gradients or ()}
    for program in programs:
        elsewhere = _read_beside_orders(program)
        for step in program.steps:
            for position in GATES[step.gate].orders if step.gate in GATES else ():
                read = [program.steps[k].text for k in sorted(ancestors(program, step.args[position])) if program.steps[k].gate == "input"]
                new = [name for name in read if name not in found]
                if any(name in claimed or name in elsewhere for name in new) or (new and all(name in found or name in new for name in inputs.names)):
                    complaints.append(_order_complaint(implementations[0].place, program, step, position, new))
                found.update(read)
    return frozenset(found), complaints


def _read_beside_orders(program: Program) -> set[str]:
    """The inputs that the output depends on otherwise than through the order of a gate."""
    needed = {program.output}
    for i in range(program.output, -1, -1):
        if i in needed:
            step = program.steps[i]
            orders = GATES[step.gate].orders if step.gate in GATES else ()
            needed.update(a for position, a in enumerate(step.args) if position not in orders)
    return {program.steps[i].text for i in needed if program.steps[i].gate == "input"}


def _order_complaint(place: Place, program: Program, step: Step, position: int, names: Sequence[str]) -> Complaint:
    gate = GATES[step.gate]
    message = f"the order '{gate.parameters[position]}' of '{step.gate}' must be a constant: there is no derivative with respect to it; if it is one, say so: parameters: [{', '.join(names)}]"
    line = program.lines[step.line] if step.line >= 0 else None
    return line.source.complaint(step.start, message) if line is not None and line.source is not None else Complaint(place, message)


def _residual_program(source: Source, drafts: Sequence[Draft]) -> tuple[Program | None, list[Complaint]]:
    """A residual as a program over inputs named `implementation.name`."""
    try:
        nodes = parse_expression(source.text)
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
        output = add_expression(builder, source.text)
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
