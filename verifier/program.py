"""Trees to programs: a Program is the list of Steps, one gate each, in single-assignment form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

from verifier.case import Case, Implementation, Source
from verifier.errors import Complaint, suggestion
from verifier.gates import CONSTANTS, GATES, canonical
from verifier.language import LanguageError, Node, Statement, parse_expression, parse_program

LEAVES = frozenset(("input", "upstream", "number", "constant"))


class Step(NamedTuple):
    """One gate: its operands are indices of earlier steps; a leaf keeps its name or its literal in `text`."""

    gate: str
    args: tuple[int, ...]
    text: str = ""
    name: str = ""  # the name the statement assigns, where this step is the statement's value
    line: int = -1  # index into Program.lines
    start: int = 0  # the span in that line's source text
    end: int = 0


@dataclass(frozen=True)
class Line:
    """One statement as text: where it stands in the case file, or (source None) what a transform wrote."""

    text: str
    source: Source | None = None
    start: int = 0
    end: int = 0
    backward: bool = False


@dataclass(frozen=True)
class Program:
    """Steps in order; the first `len(inputs)` are the inputs. `names` maps every assigned name to its last version."""

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    names: dict[str, int]
    output: int
    lines: tuple[Line, ...] = ()
    output_name: str = "out"
    backward_start: int = -1  # index of the first backward step; -1 where there is none

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def longest_literal(self) -> int:
        """The most significant digits of any literal: tells whether one may be a constant rounded when written."""
        return max((significant_digits(s.text) for s in self.steps if s.gate == "number"), default=0)

    @cached_property
    def step_index(self) -> dict[tuple[str, tuple[int, ...], str], int]:
        """Where each distinct step stands (in a program whose equal steps are merged)."""
        return {(s.gate, s.args, s.text): i for i, s in enumerate(self.steps)}

    def forward_part(self) -> Program:
        """The program without its backward steps."""
        if self.backward_start < 0:
            return self
        end = self.backward_start
        return Program(self.steps[:end], self.inputs, {n: i for n, i in self.names.items() if i < end}, self.output, self.lines, self.output_name)


def ancestors(program: Program, step: int) -> set[int]:
    """The steps that a step depends on, itself included."""
    found = {step}
    pending = [step]
    while pending:
        for a in program.steps[pending.pop()].args:
            if a not in found:
                found.add(a)
                pending.append(a)
    return found


@dataclass(frozen=True)
class Draft:
    """An implementation as written: its forward pass, and forward + backward where a backward pass was written."""

    implementation: Implementation
    forward: Program
    whole: Program | None
    claims: tuple[tuple[str, str], ...]  # (input, name of its gradient)


@dataclass(frozen=True)
class Programs:
    """The programs of a case: the truth, and each implementation as written."""

    truth: Program
    drafts: tuple[Draft, ...]
    residuals: tuple[Program, ...] = ()  # over inputs named `implementation.name`


def significant_digits(text: str) -> int:
    """How many significant digits a decimal literal has: `0.0447150` has 6, `1.0` has 2 but is exact all the same."""
    mantissa = text.lower().partition("e")[0].lstrip("+-").replace("_", "")
    if "." not in mantissa:
        return len(mantissa.strip("0"))
    return len(mantissa.replace(".", "").strip("0"))


@dataclass
class Builder:
    """Appends steps. `names` is the environment: what each name means at this moment."""

    inputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    truths: set[int] = field(default_factory=set)  # inputs that are truth values (the condition of `where`)
    is_table: bool = False  # a row of the gate table: the order of a Bessel function is a parameter there

    def __post_init__(self) -> None:
        if not self.steps:
            for name in self.inputs:
                self.names[name] = self.append("input", (), text=name)

    def append(self, gate: str, args: tuple[int, ...], *, text: str = "", name: str = "", line: int = -1, start: int = 0, end: int = 0) -> int:
        """Add a step; its index."""
        self.steps.append(Step(gate, args, text, name, line, start, end))
        return len(self.steps) - 1

    def program(self, output: int, *, output_name: str = "out", backward_start: int = -1) -> Program:
        """What was built so far."""
        return Program(tuple(self.steps), self.inputs, dict(self.names), output, tuple(self.lines), output_name, backward_start)

    def boolean(self, index: int) -> bool:
        """Whether a step's value is a truth value."""
        gate = GATES.get(self.steps[index].gate)
        return index in self.truths or (gate is not None and gate.boolean)


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
    gate = GATES.get(canonical(name) or "")
    if gate is None:
        raise BuildError(node.start, f"unknown gate '{name}'{{where}}{suggestion(name, [*GATES, 'diff'])}")
    where = {"line": line, "start": node.start, "end": node.end}
    if gate.name in ("max", "min", "maximum", "minimum", "and", "or") and len(args) > 2:
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
            one, zero = _literal(builder, "1", line, node), _literal(builder, "0", line, node)
            args[position] = builder.append("where", (arg, one, zero), line=line, start=node.start, end=node.end)
        if position in gate.orders and not builder.is_table and not _is_constant(builder, args[position]):
            raise BuildError(node.start, f"the order '{gate.parameters[position]}' of '{name}' must be a constant: there is no derivative with respect to it")
    return builder.append(gate.name, tuple(args), **where)  # type: ignore[arg-type]


def _literal(builder: Builder, text: str, line: int, node: Node) -> int:
    index = builder.append("number", (), text=text.lstrip("-"), line=line, start=node.start, end=node.end)
    return builder.append("neg", (index,), line=line, start=node.start, end=node.end) if text.startswith("-") else index


def _count(parameters: tuple[str, ...], defaults: tuple[str, ...]) -> str:
    most, least = len(parameters), len(parameters) - len(defaults)
    plural = "argument" if most == 1 else "arguments"
    return f"{most} {plural}" if most == least else f"{least} to {most} {plural}"


def _is_constant(builder: Builder, index: int) -> bool:
    """Whether a step is a number or an arithmetic combination of numbers (`n + 1` of a generated partial)."""
    pending = [index]
    while pending:
        step = builder.steps[pending.pop()]
        if step.gate in ("input", "upstream"):
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
            complaints.append(source.complaint(statement.start, f"a list may only give the example values of a vector input; '{last}' is none"))
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
    return {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}.get(statement.augmented, "")


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
    assigned = {s.target for s in statements}
    for variable, name in claims if not lines_missing else ():
        if name not in assigned and (name not in before or before[name] != seed):
            complaints.append(source.complaint(0, f"the backward pass never sets '{name}', the gradient with respect to '{variable}'{suggestion(name, assigned)}"))
    if complaints:
        return None, complaints
    return builder.program(forward.output, output_name=forward.output_name, backward_start=start), []


def _default_claims(implementation: Implementation, inputs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if implementation.gradients is None:
        return tuple((name, f"d{name}") for name in inputs)
    return tuple((claim.input, claim.name) for claim in implementation.gradients)


def programs_of(case: Case) -> tuple[Programs | None, list[Complaint]]:
    """Everything in a case that computes, as programs; or what is wrong with its texts."""
    complaints: list[Complaint] = []
    examples: dict[str, set[float]] = {name: set() for name in case.inputs}
    for point in case.points:
        for name, text in point.values:
            examples[name].add(float.fromhex(text) if "0x" in text.lower() else float(text))
    truth: Program | None = None
    if case.function is not None:
        truth, more = build_expression(case.function, case.inputs)
        complaints += more
    forwards: dict[str, Program | None] = {}
    for implementation in case.implementations:
        if implementation.forward is not None:
            forwards[implementation.name], more = build_program(implementation.forward, case.inputs, examples=examples)
            complaints += more
    if case.function is None:
        truth = next(iter(forwards.values()), None)
    drafts: list[Draft] = []
    for implementation in case.implementations:
        forward = forwards.get(implementation.name) if implementation.forward is not None else truth
        if forward is None:
            continue
        claims = _default_claims(implementation, case.inputs)
        whole: Program | None = None
        if implementation.backward is not None:
            whole, more = add_backward(forward, implementation.backward, claims)
            complaints += more
        drafts.append(Draft(implementation, forward, whole, claims))
    residuals = []
    for residual in case.residuals:
        program, more = _residual_program(residual.expression, drafts)
        complaints += more
        if program is not None:
            residuals.append(program)
    complaints += _published_complaints(case, drafts)
    if complaints or truth is None:
        return None, complaints
    return Programs(truth, tuple(drafts), tuple(residuals)), []


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
    """Why `implementation.name` names nothing, or ''. Names of a generated backward pass are known only later."""
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


def _published_complaints(case: Case, drafts: Sequence[Draft]) -> list[Complaint]:
    return [
        Complaint(figure.place, problem)
        for figure in case.published
        if (problem := _reference_problem(f"{figure.implementation}.{figure.name}", drafts))
    ]


@cache
def definition(name: str, *, exact: bool = False) -> Program:
    """The program of a gate that has a definition: what floats run or, if `exact`, what it means over the reals."""
    gate = GATES[name]
    text = gate.means if exact else gate.runs or gate.means
    if text is None:
        raise ValueError(f"the gate '{name}' is a primitive")
    return table_program(name, text, gate.parameters, exact=exact)


@cache
def partial(name: str, position: int) -> Program | None:
    """A staged partial of the table, over the gate's parameters, `out` and `dout`; None where there is none."""
    text = GATES[name].partials[position]
    return None if text is None else table_program(name, text, (*GATES[name].parameters, "out", "dout"), exact=False)


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
