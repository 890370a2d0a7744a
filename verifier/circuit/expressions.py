"""Expressions to steps: a formula, a gate's meaning, a partial of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from verifier.circuit.program import LEAVES, Builder, Line, Program
from verifier.language.gates import CONSTANTS, GATES, OVERLOADS, canonical
from verifier.language.grammar import Node, parse_expression
from verifier.language.primitives import incomplete
from verifier.language.source import Complaint, Source, suggestion
from verifier.language.tokens import LanguageError


class BuildError(Exception):
    """A tree that is no program: what is wrong, at which offset of its text."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


def add_tree(builder: Builder, nodes: Sequence[Node], *, line: int = -1, later: Iterable[str] = ()) -> int:
    """Append the steps of one expression; the index of its value. Raises BuildError."""
    at: list[int] = []
    for node in nodes:
        if node.op == "number":
            at.append(builder.append("number", (), text=node.text, line=line, start=node.start, end=node.end))
        elif node.op == "name":
            at.append(_name(builder, node, line, later))
        else:
            at.append(_call(builder, node, [at[a] for a in node.args], line))
    return at[-1]


def _name(builder: Builder, node: Node, line: int, later: Iterable[str]) -> int:
    name = node.text
    if name in builder.names:
        return builder.names[name]
    if name in CONSTANTS:
        return builder.append("constant", (), text=name, line=line, start=node.start, end=node.end)
    elements = [n for n in builder.names if n.startswith(name + "[")]
    if elements:
        raise BuildError(node.start, f"'{name}' is a vector: use its elements {elements[0]} to {elements[-1]}")
    if name in later:
        raise BuildError(node.start, f"'{name}' is read before it is set")
    if "[" in name and name.partition("[")[0] in builder.names:
        raise BuildError(node.start, f"'{name.partition('[')[0]}' is a scalar and has no subscript")
    known = [*builder.names, *CONSTANTS]
    raise BuildError(node.start, f"unknown name '{name}'{{where}}{suggestion(name, known)}")


def _call(builder: Builder, node: Node, args: list[int], line: int) -> int:
    name = node.op
    if name in ("diff", "derivative", "grad"):
        return _differentiate(builder, node, args, line)
    gate = GATES.get(OVERLOADS.get((name, len(args))) or canonical(name) or "")
    if gate is None:
        raise BuildError(node.start, f"unknown gate '{name}'{{where}}{suggestion(name, [*GATES, 'diff'])}")
    where = {"line": line, "start": node.start, "end": node.end}
    if gate.folds and len(args) > 2:
        while len(args) > 2:
            args = [builder.append(gate.name, (args[0], args[1]), line=line, start=node.start, end=node.end), *args[2:]]
    missing = len(gate.parameters) - len(args)
    if not 0 <= missing <= len(gate.defaults):
        raise BuildError(node.start, f"'{name}' takes {_count(gate.parameters, gate.defaults)} ({', '.join(gate.parameters)}), not {len(args)}")
    for literal in gate.defaults[len(gate.defaults) - missing :] if missing else ():
        args.append(_literal(builder, literal, line, node))
    for position, arg in enumerate(args):
        if position in gate.conditions and not builder.boolean(arg):
            zero = _literal(builder, "0", line, node)
            args[position] = builder.append("ne", (arg, zero), line=line, start=node.start, end=node.end)
        elif position not in gate.conditions and builder.boolean(arg):  # (x > 0) * dout
            args[position] = as_number(builder, arg, line, node.start, node.end)
        if position in gate.orders and not builder.is_table and not _is_constant(builder, args[position]):
            raise BuildError(node.start, f"the order '{gate.parameters[position]}' of '{name}' must be a constant: there is no derivative with respect to it")
    return builder.append(gate.name, tuple(args), **where)  # type: ignore[arg-type]


def as_number(builder: Builder, truth: int, line: int, start: int, end: int, *, name: str = "") -> int:
    """1 where a truth value holds, 0 where not."""
    one, zero = (builder.append("number", (), text=text, line=line, start=start, end=end) for text in "10")
    return builder.append("where", (truth, one, zero), name=name, line=line, start=start, end=end)


def _literal(builder: Builder, text: str, line: int, node: Node) -> int:
    index = builder.append("number", (), text=text.lstrip("-"), line=line, start=node.start, end=node.end)
    return builder.append("neg", (index,), line=line, start=node.start, end=node.end) if text.startswith("-") else index


def _count(parameters: tuple[str, ...], defaults: tuple[str, ...]) -> str:
    most, least = len(parameters), len(parameters) - len(defaults)
    plural = "argument" if most == 1 else "arguments"
    return f"{most} {plural}" if most == least else f"{least} to {most} {plural}"


def _is_constant(builder: Builder, index: int) -> bool:
    """Whether a step is made of numbers and inputs (`n + 1`): inputs that an order reads are parameters, or the case is refused (`case.programs`)."""
    pending = [index]
    while pending:
        step = builder.steps[pending.pop()]
        if step.gate == "upstream":
            return False
        pending.extend(step.args)
    return True


def _differentiate(builder: Builder, node: Node, args: list[int], line: int) -> int:
    """`diff(expr, x)`, `diff(expr, x, y)` or `diff(expr, x, 2)`: a step of its own, which each engine expands."""
    if len(args) < 2:
        raise BuildError(node.start, "'diff' takes an expression and a variable: diff(expr, x)")
    value = args[0]
    variables: list[int] = []
    for arg in args[1:]:
        step = builder.steps[arg]
        if step.gate == "number" and variables and step.text.isdigit() and 1 <= int(step.text) <= 4:
            variables.extend([variables[-1]] * (int(step.text) - 1))
        elif step.gate == "input":
            variables.append(arg)
        else:
            raise BuildError(node.start, "'diff' differentiates with respect to an input: diff(expr, x), or diff(expr, x, 2) for the second derivative")
    if builder.boolean(value):
        raise BuildError(node.start, "a comparison has no derivative")
    for variable in variables:
        value = builder.append("diff", (value, variable), line=line, start=node.start, end=node.end)
    return value


def build_expression(source: Source, inputs: tuple[str, ...], *, name: str = "out") -> tuple[Program | None, list[Complaint]]:
    """The program of one expression over the given inputs."""
    return _expression(Builder(inputs), source, name=name)


def _expression(builder: Builder, source: Source, *, name: str = "out") -> tuple[Program | None, list[Complaint]]:
    try:
        nodes = parse_expression(source.text)
        builder.lines.append(Line(source.text, source, nodes[-1].start, nodes[-1].end))
        output = add_tree(builder, nodes, line=0)
    except (LanguageError, BuildError) as error:
        return None, [source.complaint(error.offset, error.message)]
    if builder.boolean(output):
        return None, [source.complaint(0, "a comparison has no gradient: the value must be a number")]
    if builder.steps[output].gate in LEAVES:
        output = builder.append("copy", (output,), line=0)
    builder.steps[output] = builder.steps[output]._replace(name=name)
    builder.names[name] = output
    return builder.program(output, output_name=name), []


@cache
def definition(name: str, *, exact: bool = False) -> Program:
    """The program of a gate that has a definition: what floats run or, if `exact`, what it means over the reals."""
    gate = GATES[name]
    text = gate.means if exact else gate.runs or gate.means
    if text is None:
        raise incomplete(name)
    return table_program(name, text, gate.parameters, exact=exact)


@cache
def partial(name: str, position: int) -> Program | None:
    """A staged partial of the table, over the gate's parameters, `out` and `dout`; None where there is none."""
    if not GATES[name].partials:
        raise incomplete(name)
    text = GATES[name].partials[position]
    return None if text is None else table_program(name, text, (*GATES[name].parameters, "out", "dout"), exact=False)


@cache
def kinks(name: str) -> Program | None:
    """Where a gate has a kink or a jump, as a truth value over its parameters; None where it has none, and for a leaf or a copy."""
    gate = GATES.get(name)
    if gate is None or not gate.kinks:
        return None
    builder = Builder(gate.parameters, is_table=True)
    return builder.program(add_tree(builder, parse_expression(gate.kinks)))


def table_program(name: str, text: str, parameters: tuple[str, ...], *, exact: bool = False) -> Program:
    """The program of a formula of the gate table, over the given parameters."""
    source = Source(text, "gates.py", 1, 1, text, f"gate {name}{' (exact)' if exact else ''}")
    builder = Builder(parameters, is_table=True)
    for position in GATES[name].conditions if name in GATES else ():
        builder.truths.add(position)
    program, complaints = _expression(builder, source)
    if program is None:
        raise AssertionError("\n".join(map(str, complaints)))
    return program
