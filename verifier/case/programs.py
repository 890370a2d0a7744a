"""Builds the programs of a case from its texts: its truth, its implementations as written, its residuals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from verifier.case import hints
from verifier.case.case import Draft, Implementation, Programs, Published, Residual
from verifier.case.claims import claims_of, misshapen
from verifier.case.components import ArrayTexts, Shape, base, components, described
from verifier.case.inputs import Inputs, literals, wholes, with_flows
from verifier.case.outputs import UPSTREAMS, Outputs, flows_of, joined, upstream_name
from verifier.case.reader import plain
from verifier.circuit.apply import BuildError
from verifier.circuit.expressions import add_expression, add_value, build_expression
from verifier.circuit.program import Builder, Program, Step, ancestors, only_for
from verifier.circuit.statements import add_backward, build_program
from verifier.circuit.values import known_values
from verifier.language.gates import CONSTANTS, GATES
from verifier.language.source import Complaint, Place, Source, suggestion
from verifier.language.tokens import LanguageError
from verifier.language.trees import parse_expression


def programs_of(
    inputs: Inputs,
    *,
    function: Source | None,
    implementations: Sequence[Implementation],
    residuals: Sequence[Residual] = (),
    published: Sequence[Published] = (),
    outputs: Outputs | None = None,
    upstream: str = "1",
    given: Source | None = None,
) -> tuple[Programs | None, Inputs, list[Complaint]]:
    """The programs of a case, and its inputs with what flows into its outputs; None and the complaints where its texts are wrong."""
    passes, complaints = _passes(inputs, function, implementations)
    if complaints or not passes:
        return None, inputs, complaints
    outputs = outputs or Outputs()
    first, own = next(iter(passes.values())), {name: p.output_name for name, p in passes.items()}
    names = outputs.names or (first.output_name,)
    if any(name in first.names or name in first.shapes for name in names):
        flows = flows_of(first, outputs, upstream, complaints)
    else:
        flows = {upstream_name(name): ArrayTexts((), (UPSTREAMS[0],)) for name in names}  # `joined` says that it is missing
    if flows:
        inputs, more = _extended(inputs, flows, function or next(i.forward for i in implementations if i.forward is not None))
        complaints += more
        if complaints:
            return None, inputs, complaints
        passes, complaints = _joined(inputs, function, implementations, outputs.names, [(name, values.shape) for name, values in flows.items()])
        if complaints:
            return None, inputs, complaints
    elif complaints:
        return None, inputs, complaints
    else:
        complaints += [
            i.forward.complaint(0, f"the output '{p.output_name}' is {described(p.shapes[p.output_name])}, and the output of {'the function' if function is not None else 'the first forward pass'} is a number")
            for i in implementations
            if i.forward is not None and (p := passes[i.name]).output_name in p.shapes
        ]
    truth = passes[""] if function is not None else next(iter(passes.values()))
    parameters, more = parameters_of(inputs, implementations, list(passes.values()))
    complaints += more
    constant = replace(truth, parameters=parameters)
    passes = {name: constant if p is truth else p for name, p in passes.items()}
    drafts: list[Draft] = []
    for implementation in implementations:
        forward = passes[implementation.name] if implementation.forward is not None else constant
        draft, more = _draft(implementation, forward, inputs, parameters, {} if len(flows) != 1 else {"upstream": next(iter(flows)), "dout": next(iter(flows)), f"d{own.get(implementation.name, 'out')}": next(iter(flows))})
        complaints += more
        drafts.append(draft)
    differences = []
    for residual in residuals:
        programs, more = residual_programs(residual, drafts)
        complaints += more
        differences += programs
    condition: Program | None = None
    if given is not None:
        condition, more = _constraint(given, inputs)
        complaints += more
    complaints += _published_complaints(published, drafts)
    if complaints:
        return None, inputs, complaints
    return Programs(constant, tuple(drafts), tuple(differences), condition, tuple(names) if flows else ()), inputs, []


def _passes(inputs: Inputs, function: Source | None, implementations: Sequence[Implementation], flows: Collection[str] = ()) -> tuple[dict[str, Program], list[Complaint]]:
    """The function (under '') and the forward pass of every implementation that has one. `flows` are the inputs that flow in."""
    complaints: list[Complaint] = []
    known = {name: value for name, value in {**literals(inputs), **wholes(inputs)}.items() if name not in flows}
    examples: dict[str, set[float]] = {name: set() for name in inputs.names}
    for point in inputs.points:
        for name, text in point.values:
            examples[name].add(float.fromhex(text) if "0x" in text.lower() else float(text))
    found: dict[str, Program] = {}
    for name, source in [("", function), *((i.name, i.forward) for i in implementations)]:
        if source is None:
            continue
        same = next((i.name for i in implementations if i.forward is source and i.name in found), None) if name else None
        if same is not None:
            found[name] = found[same]
            continue
        program, more = build_program(source, inputs.names, examples=examples, known=known) if name else build_expression(source, inputs.names, known=known)
        complaints += more
        if program is not None:
            found[name] = program
    return found, list(dict.fromkeys(complaints))


def _extended(inputs: Inputs, flows: dict[str, ArrayTexts], source: Source) -> tuple[Inputs, list[Complaint]]:
    """The inputs with what flows in; a parameter of that name and shape is what flows in."""
    shapes, new = dict(inputs.shapes), {}
    for name, values in flows.items():
        if name not in map(base, inputs.names):
            new[name] = values
        elif not set(components(name, values.shape)) <= set(inputs.parameters) or shapes.get(name, ()) != values.shape:
            text = f"'{name}' is the name of the gradient that flows into '{name[1:]}', which is {described(values.shape)}: an input of that name must be a parameter of that shape"
            return inputs, [source.complaint(0, text)]
    return with_flows(inputs, new), []


def _joined(inputs: Inputs, function: Source | None, implementations: Sequence[Implementation], names: Sequence[str], flows: Sequence[tuple[str, Shape]]) -> tuple[dict[str, Program], list[Complaint]]:
    """The forward passes, each continued by the sum of its outputs times what flows into them."""
    passes, complaints = _passes(inputs, function, implementations, [name for name, _ in flows])
    sources = {"": function, **{i.name: i.forward for i in implementations}}
    found: dict[str, Program] = {}
    for name, program in passes.items():
        same = next((n for n in found if passes[n] is program), None)
        whole: Program | None
        whole, more = (found[same], []) if same is not None else joined(program, sources[name], names or (program.output_name,), flows)  # type: ignore[arg-type]
        complaints += more
        if whole is not None:
            found[name] = whole
    return found, list(dict.fromkeys(complaints))


def _draft(implementation: Implementation, forward: Program, inputs: Inputs, parameters: frozenset[str], aliases: Mapping[str, str]) -> tuple[Draft, list[Complaint]]:
    """An implementation with its programs; a gradient of another shape than its input is no claim. `aliases` are other names of what flows in."""
    claims = claims_of(implementation, inputs, parameters)
    if implementation.backward is None:
        return Draft(implementation, forward, None, claims), []
    whole, complaints = add_backward(forward, implementation.backward, claims, aliases=aliases)
    if whole is None:
        return Draft(implementation, forward, None, claims, aliases=tuple(aliases.items())), hints.with_hints(complaints, implementation, forward, claims)
    wrong = misshapen(whole, claims, implementation.place)
    return Draft(implementation, forward, whole, tuple(c for c in claims if base(c[1]) not in wrong and c[1] not in wrong), tuple(wrong.values()), tuple(aliases.items())), []


def _constraint(source: Source, inputs: Inputs) -> tuple[Program | None, list[Complaint]]:
    """`given` as a program whose output is a truth value."""
    builder = Builder(inputs.names)
    try:
        builder.know(known_values(builder, literals(inputs)))
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


def residual_programs(residual: Residual, drafts: Sequence[Draft]) -> tuple[list[tuple[Residual, Program]], list[Complaint]]:
    """A residual as programs over inputs named `implementation.name`: one, or one for each component of a difference of arrays."""
    source = residual.expression
    try:
        nodes = parse_expression(source.text)
    except LanguageError as error:
        return [], [source.complaint(error.offset, error.message)]
    names = {n.text: n.start for n in nodes if n.op == "name" and n.text not in CONSTANTS}
    complaints = [source.complaint(start, problem) for name, start in names.items() if (problem := _reference_problem(name, drafts))]
    if complaints:
        return [], complaints
    builder = Builder(tuple(dict.fromkeys(part for name in names for part in _parts(name, drafts))))
    try:
        value = add_value(builder, source.text)
    except (LanguageError, BuildError) as error:
        return [], [source.complaint(error.offset, error.message)]
    if type(value) is int:
        if residual.listed is not None:
            return [], [Complaint(residual.place, f"the residual '{source.text}' is a number; write a number, not a list")]
        return [(residual, builder.program(value))], []
    shape: Shape = tuple(value.shape)
    if residual.listed is not None and residual.listed.shape != shape:
        return [], [Complaint(residual.place, f"the residual '{source.text}' is {described(shape)}, and the expected value is {described(residual.listed.shape)}")]
    expected = residual.listed.texts if residual.listed is not None else (residual.expected,) * value.size
    whole = builder.program(int(value.ravel()[-1]))
    return [(replace(residual, component=part, expected=text, listed=None), only_for(whole, step)) for part, text, step in zip(components("", shape), expected, value.ravel().tolist(), strict=True)], []


def _parts(reference: str, drafts: Sequence[Draft]) -> list[str]:
    """The inputs that a reference stands for: one, or all components of an array."""
    implementation, _, name = reference.partition(".")
    draft = next(d for d in drafts if d.implementation.name == implementation)
    array = base(name)
    shape = (draft.whole or draft.forward).shapes.get(array)
    if shape is not None:
        return [f"{implementation}.{part}" for part in components(array, shape)]
    known = [*(draft.whole or draft.forward).names, *(c for _, c in draft.claims)]
    elements = list(dict.fromkeys(n for n in known if n.endswith("]") and base(n) == array))
    return [f"{implementation}.{n}" for n in elements] or [reference]


def _reference_problem(reference: str, drafts: Sequence[Draft]) -> str:
    """What is wrong with a reference `implementation.name`, or ''. Names of a generated backward pass are checked later."""
    implementation, _, name = reference.partition(".")
    draft = next((d for d in drafts if d.implementation.name == implementation), None)
    if not name:
        return f"'{reference}' must be written implementation.name, as in staged.dx"
    if draft is None:
        return f"unknown implementation '{implementation}'{suggestion(implementation, [d.implementation.name for d in drafts])}"
    program = draft.whole or draft.forward
    name = plain(name)
    known = {*program.names, *program.shapes, *(c for _, c in draft.claims), *(base(c) for _, c in draft.claims)}
    if name in known or (draft.whole is None and name.startswith("d")):
        return ""
    return f"'{implementation}' has no name '{name}'{suggestion(name, known)}"


def _published_complaints(published: Sequence[Published], drafts: Sequence[Draft]) -> list[Complaint]:
    return [
        Complaint(figure.place, problem)
        for figure in published
        if (problem := _reference_problem(f"{figure.implementation}.{figure.name}", drafts))
    ]
