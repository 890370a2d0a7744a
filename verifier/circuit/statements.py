"""Blocks of statements to programs: forward passes, and the hand-written backward passes that continue them."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.circuit.expressions import BuildError, add_tree, as_number
from verifier.circuit.program import LEAVES, Builder, Line, Program
from verifier.language.gates import CONSTANTS, GATES
from verifier.language.grammar import Node, Statement, parse_expression, parse_program
from verifier.language.source import Complaint, Source, suggestion
from verifier.language.tokens import LanguageError


def add_block(
    builder: Builder, source: Source, statements: list[Statement], *, backward: bool, examples: dict[str, set[float]] | None = None
) -> tuple[str, list[Complaint]]:
    """Append the statements of a block; the last assigned name, and what is wrong.

    `examples` (forward blocks only) are the values each input takes in the points: a pasted cell may set an input to
    its example value, which is skipped where it is one of them and refused where it is not.
    """
    complaints: list[Complaint] = []
    later: dict[str, int] = {}
    for number, statement in enumerate(statements):
        later[statement.target] = number
    last = ""
    for statement in statements:
        if examples is not None and _is_example(builder, statement):
            complaints.extend(_example_complaints(source, statement, examples))
            continue
        line = len(builder.lines)
        builder.lines.append(Line(source.text[statement.start : statement.end], source, statement.start, statement.end, backward))
        last = statement.target
        if statement.augmented == "list":
            complaints.append(source.complaint(statement.start, f"a list may only give the example values of a vector input; '{last}' is not a vector input"))
            continue
        try:
            if statement.augmented and statement.target not in builder.names:
                raise BuildError(statement.start, f"'{statement.target}' is read before it is set: '{statement.target} {_symbol(statement)}= ...' needs a value to start from")  # noqa: TRY301
            index = add_tree(builder, statement.nodes, line=line, later=later)
        except BuildError as error:
            complaints.append(source.complaint(error.offset, error.message))
            index = builder.append("number", (), text="0")
        step = builder.steps[index]
        if step.gate in LEAVES or step.name or step.line != line:  # y = x: a name for an existing step
            index = builder.append("copy", (index,), name=last, line=line, start=statement.start, end=statement.end)
        else:
            builder.steps[index] = step._replace(name=last)
        builder.names[last] = index
    return last, complaints


def _symbol(statement: Statement) -> str:
    return GATES[statement.augmented].symbol if statement.augmented in GATES else ""


def _is_example(builder: Builder, statement: Statement) -> bool:
    """`x = 3` or `W = [2, -3, -3]` for an input that no earlier step has read or set."""
    target = statement.target
    names = [n for n in builder.inputs if n == target or n.startswith(target + "[")]
    indices = {builder.names[n] for n in names}
    if not names or any(builder.steps[i].gate != "input" for i in indices):
        return False
    if any(indices.intersection(s.args) for s in builder.steps):
        return False
    return statement.augmented == "list" or _literal_value(statement.nodes) is not None


def _literal_value(nodes: Sequence[Node]) -> float | None:
    if nodes[-1].op == "number" and len(nodes) == 1:
        return float(nodes[-1].text)
    if nodes[-1].op == "neg" and len(nodes) == 2:
        return -float(nodes[0].text)
    return None


def _example_complaints(source: Source, statement: Statement, examples: dict[str, set[float]]) -> list[Complaint]:
    if statement.augmented == "list":
        values = {f"{statement.target}[{i}]": float(n.text) for i, n in enumerate(statement.nodes)}
    else:
        values = {statement.target: _literal_value(statement.nodes) or 0.0}
    if set(values) <= set(examples) and all(v in examples[name] for name, v in values.items()):
        return []
    text = f"'{statement.target}' is an input, and no point has this value: the values of inputs belong under 'points'; remove this line"
    return [source.complaint(statement.start, text)]


def _block(source: Source) -> tuple[list[Statement], list[Complaint]]:
    statements, errors = parse_program(source.text)
    return statements, [source.complaint(e.offset, e.message) for e in errors]


def build_program(
    source: Source, inputs: tuple[str, ...], *, examples: dict[str, set[float]] | None = None
) -> tuple[Program | None, list[Complaint]]:
    """The program of a forward block; its output is the last assigned name."""
    builder = Builder(inputs)
    statements, complaints = _block(source)
    last, more = add_block(builder, source, statements, backward=False, examples=examples or {})
    complaints += more
    if complaints:
        return None, complaints
    if not last:
        return None, [source.complaint(0, "the forward pass assigns nothing: its last assigned name is the output")]
    output = builder.names[last]
    if builder.boolean(output):
        return None, [source.complaint(0, f"the output '{last}' is a comparison: it has no gradient")]
    return builder.program(output, output_name=last), []


def add_backward(forward: Program, source: Source, claims: Sequence[tuple[str, str]]) -> tuple[Program | None, list[Complaint]]:
    """The forward pass continued by a hand-written backward pass; every claimed gradient must be set."""
    builder = Builder(forward.inputs, list(forward.steps), dict(forward.names), list(forward.lines))
    start = len(builder.steps)
    seed = builder.append("upstream", (), text="upstream")
    for name in ("upstream", "dout", f"d{forward.output_name}"):
        if name not in forward.names or name == f"d{forward.output_name}":
            builder.names[name] = seed
    before = dict(builder.names)
    statements, complaints = _block(source)
    lines_missing = bool(complaints)  # a line that could not be read may be the one that sets a gradient
    _, more = add_block(builder, source, statements, backward=True)
    complaints += more
    for _, name in claims:
        if builder.boolean(index := builder.names.get(name, seed)):  # dx = x > 0
            step = builder.steps[index]
            builder.names[name] = as_number(builder, index, step.line, step.start, step.end, name=name)
    assigned = {s.target for s in statements}
    for variable, name in claims if not lines_missing else ():
        if name not in assigned and (name not in before or before[name] != seed):
            complaints.append(source.complaint(0, f"the backward pass never sets '{name}', the gradient with respect to '{variable}'{suggestion(name, assigned)}"))
    if complaints:
        return None, complaints
    return builder.program(forward.output, output_name=forward.output_name, backward_start=start), []


def free_names(source: Source, *, is_block: bool) -> tuple[str, ...]:
    """The names that a formula or a forward block reads and never set before: its inputs, in the order of their use."""
    found: dict[str, None] = {}
    assigned: set[str] = set()
    try:
        blocks = [(s.nodes, s.target) for s in parse_program(source.text)[0]] if is_block else [(parse_expression(source.text), "")]
    except LanguageError:
        return ()
    for nodes, target in blocks:
        for node in nodes:
            if node.op == "name" and node.text not in assigned and node.text not in CONSTANTS:
                found[node.text] = None
        assigned.add(target)
    return tuple(found)
