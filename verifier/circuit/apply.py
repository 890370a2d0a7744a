"""A call of a gate to steps: its arguments counted, its defaults filled in, truth values and numbers checked."""

from __future__ import annotations

from verifier.circuit.program import Builder
from verifier.language.gates import GATES, OVERLOADS, canonical
from verifier.language.source import suggestion


class BuildError(Exception):
    """A tree that is no program: what is wrong, at which offset of its text ('' where another complaint covers it)."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


def call_gate(builder: Builder, name: str, args: list[int], *, line: int, start: int, end: int, shown: str = "") -> int:
    """Append a gate of the table; the index of its value. Raises BuildError."""
    gate = GATES.get(OVERLOADS.get((name, len(args))) or canonical(name) or "")
    if gate is None:
        raise BuildError(start, f"unknown gate '{name}'{{where}}{suggestion(name, [*GATES, 'diff'])}")
    if gate.folds and len(args) > 2:
        while len(args) > 2:
            args = [builder.append(gate.name, (args[0], args[1]), line=line, start=start, end=end), *args[2:]]
    missing = len(gate.parameters) - len(args)
    if not 0 <= missing <= len(gate.defaults):
        raise BuildError(start, f"'{shown or name}' takes {_count(gate.parameters, gate.defaults)} ({', '.join(gate.parameters)}), not {len(args)}")
    for text in gate.defaults[len(gate.defaults) - missing :] if missing else ():
        args.append(_literal(builder, text, line, start, end))
    for position, arg in enumerate(args):
        if position in gate.conditions and not builder.boolean(arg):
            zero = _literal(builder, "0", line, start, end)
            args[position] = builder.append("ne", (arg, zero), line=line, start=start, end=end)
        elif position not in gate.conditions and builder.boolean(arg):  # (x > 0) * dout
            args[position] = as_number(builder, arg, line, start, end)
        if position in gate.orders and not builder.is_table and not _is_constant(builder, args[position]):
            raise BuildError(start, f"the order '{gate.parameters[position]}' of '{name}' must be a constant: there is no derivative with respect to it")
    return builder.append(gate.name, tuple(args), line=line, start=start, end=end)


def as_number(builder: Builder, truth: int, line: int, start: int, end: int, *, name: str = "") -> int:
    """1 where a truth value holds, 0 where not."""
    one, zero = (builder.append("number", (), text=text, line=line, start=start, end=end) for text in "10")
    return builder.append("where", (truth, one, zero), name=name, line=line, start=start, end=end)


def _literal(builder: Builder, text: str, line: int, start: int, end: int) -> int:
    index = builder.append("number", (), text=text.lstrip("-"), line=line, start=start, end=end)
    return builder.append("neg", (index,), line=line, start=start, end=end) if text.startswith("-") else index


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


def differentiate(builder: Builder, args: list[int], *, line: int, start: int, end: int) -> int:
    """`diff(expr, x)`, `diff(expr, x, y)` or `diff(expr, x, 2)`: a step of its own, which each engine expands."""
    if len(args) < 2:
        raise BuildError(start, "'diff' takes an expression and a variable: diff(expr, x)")
    value = args[0]
    variables: list[int] = []
    for arg in args[1:]:
        step = builder.steps[arg]
        if step.gate == "number" and variables and step.text.isdigit() and 1 <= int(step.text) <= 4:
            variables.extend([variables[-1]] * (int(step.text) - 1))
        elif step.gate == "input":
            variables.append(arg)
        else:
            raise BuildError(start, "'diff' differentiates with respect to an input: diff(expr, x), or diff(expr, x, 2) for the second derivative")
    if builder.boolean(value):
        raise BuildError(start, "a comparison has no derivative")
    for variable in variables:
        value = builder.append("diff", (value, variable), line=line, start=start, end=end)
    return value
