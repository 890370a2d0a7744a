"""Automatic backprop, circuit style: a Program with its backward pass appended, gate by gate, as lines of the language.

Every step gets a line of its own, and for every step in reverse one line an operand: `dden = -invden / den * dinvden`;
where an operand has several uses the contributions are added with `+=`. The partials are those of the gate table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache

from verifier.circuit.expressions import partial, table_program
from verifier.circuit.program import LEAVES, Builder, Line, Program, Step
from verifier.language.gates import GATES, SUMS, applied
from verifier.language.trees import parse_expression

_WORD = re.compile(r"[^\W\d]\w*")
MAX_LITERAL = 20  # characters of an exponent that is written out, lowered by one
MOST_GUARDS = 3  # nested branches that are written out; an outer one beyond that is already 0
Guards = tuple[tuple[int, bool], ...]  # (step of the condition, the branch that is taken where it holds)
Partials = Mapping[tuple[str, int], str]  # (gate, operand) -> a local gradient, in the words of the table


def with_backward(forward: Program, claims: Sequence[tuple[str, str]], *, partials: Partials | None = None) -> Program:
    """The forward program, one gate a line, followed by its generated backward pass.

    `claims` are (input, name of its gradient); the result's `names` has every claimed name. `partials` take the place of
    those of the table.
    """
    writer = _Writer(forward, partials)
    output = writer.at[forward.output]
    start = len(writer.builder.steps)
    seed = writer.upstream(f"d{forward.output_name}")
    inputs = set(range(len(forward.inputs)))
    adjoints = writer.reverse(output, seed, inputs, backward=True)
    for variable, name in claims:
        index = adjoints.get(forward.inputs.index(variable))
        if index is None:
            index = writer.line("number", (), name, "0", backward=True)
        writer.builder.names[name] = index
    return writer.builder.program(output, output_name=forward.output_name, backward_start=start)


def differentiated(program: Program) -> Program:
    """The program with every `diff` written out by the table's partials (the staged engine's own derivative).

    Its lines are those of the program, or the parts of them that a step is; a line that is written for a `diff` stands where that does.
    """
    return _Writer(program, keeps_text=True).program() if any(s.gate == "diff" for s in program.steps) else program


class _Writer:
    """Writes steps and their lines; `atoms[i]` is how step i is referred to, `at[k]` where step k of the original stands."""

    def __init__(self, forward: Program, partials: Partials | None = None, *, keeps_text: bool = False) -> None:
        self.forward = forward
        self.keeps_text = keeps_text
        self.within: Step | None = None  # the `diff` that is written out
        self.partials = partials or {}
        self.builder = Builder(forward.inputs)
        self.atoms: list[str] = list(forward.inputs)
        self.taken = {*forward.names, *forward.inputs}
        self.used: set[str] = set(forward.inputs)
        self.count = 0
        self.guards: dict[int, Guards] = {}  # of a step whose adjoint is 0 unless these conditions hold
        self.in_forward = False  # while a `diff` is written out, every step gets a line of its own: it may be differentiated again
        self.at: list[int] = []
        for step in forward.steps:
            self.at.append(self._forward_step(step))
        last = self.builder.names
        last[forward.output_name] = self.at[forward.output]

    def upstream(self, wanted: str) -> int:
        """The step that holds the gradient flowing into the output."""
        name = self.fresh(wanted)
        self.builder.names[name] = index = self._append("upstream", (), name, text="upstream", name=name)
        return index

    def program(self) -> Program:
        """What was written so far; every name of the original stands for what it stood for there, also those of what flows in."""
        for name, i in self.forward.names.items():
            self.builder.names.setdefault(name, self.at[i])
        return self.builder.program(self.at[self.forward.output], output_name=self.forward.output_name)

    def _forward_step(self, step: Step) -> int:
        if step.gate == "input":
            return len(self.at)
        if step.gate in LEAVES:
            return self._leaf(step.gate, step.text)
        args = tuple(self.at[a] for a in step.args)
        if step.gate == "diff":
            return self._differentiate(args[0], args[1], step)
        if step.gate == "neg" and self.builder.steps[args[0]].gate == "number":
            index = self._append("neg", args, f"(-{self.atoms[args[0]]})")
            if not step.name:
                return index
            return self.line("copy", (index,), self._version(step.name), self.atoms[index], step=step)
        name = self._version(step.name) if step.name else self._temporary()
        index = self.line(step.gate, args, name, self._text(step.gate, args), step=step)
        if step.name:
            self.builder.names[step.name] = index
        return index

    def _append(self, gate: str, args: tuple[int, ...], atom: str, *, text: str = "", line: int = -1, name: str = "") -> int:
        self.atoms.append(atom)
        return self.builder.append(gate, args, text=text, line=line, name=name)

    def _leaf(self, gate: str, text: str) -> int:
        return self._append(gate, (), text, text=text)

    def _version(self, name: str) -> str:
        """The name itself, or `name_2` and so on where an earlier step has it."""
        if name not in self.used:
            self.used.add(name)
            return name
        return self.fresh(name)

    def fresh(self, name: str) -> str:
        """A name that nothing else has, as near to the wanted one as possible."""
        wanted, number = name, 2
        while wanted in self.taken or wanted in self.used:
            wanted, number = f"{name}_{number}", number + 1
        self.used.add(wanted)
        return wanted

    def _temporary(self) -> str:
        while True:
            self.count += 1
            name = f"t{self.count}"
            if name not in self.taken and name not in self.used:
                self.used.add(name)
                return name

    def line(self, gate: str, args: tuple[int, ...], name: str, text: str, *, step: Step | None = None, backward: bool = False, symbol: str = "=") -> int:
        """Append a step that is a line of its own, `name = text`."""
        number = len(self.builder.lines)
        self.builder.lines.append(self._line(f"{name} {symbol} {text}", step, backward=backward))
        index = self._append(gate, args, name, line=number, name=name, text=text if gate in LEAVES else "")
        self.builder.names[name] = index
        return index

    def _line(self, text: str, step: Step | None, *, backward: bool) -> Line:
        """A line of that text, where the step stands that it is of; with that step's own text where the program keeps it."""
        written = step or (self.within if self.keeps_text else None)
        if written is None or not 0 <= written.line < len(self.forward.lines):
            return Line(text, backward=backward)
        origin = self.forward.lines[written.line]
        if self.keeps_text and step is not None and origin.source is not None:
            own = origin.text if step.name else origin.source.text[step.start : step.end]
            return Line(own or text, origin.source, step.start, step.end, origin.backward)
        return Line(text, origin.source, written.start, written.end, backward)

    def _text(self, gate: str, args: tuple[int, ...]) -> str:
        atoms = [self.atoms[a] for a in args]
        return atoms[0] if gate == "copy" else applied(gate, atoms)

    # ------------------------------------------------------------ backward

    def reverse(self, output: int, seed: int, variables: set[int], *, backward: bool, prefix: str = "d") -> dict[int, int]:
        """Write the backward pass from `output`; the adjoint's step of every step that depends on `variables`."""
        steps = self.builder.steps
        depends = [i in variables for i in range(output + 1)]
        for i in range(output + 1):
            depends[i] = depends[i] or any(depends[a] for a in steps[i].args)
        names: dict[int, str] = {output: self.atoms[seed]}
        adjoints: dict[int, int] = {output: seed} if depends[output] else {}
        if output in variables:
            adjoints[output] = self.line("copy", (seed,), self.fresh(f"{prefix}{self.atoms[output]}"), self.atoms[seed], backward=backward)
        for i in range(output, -1, -1):
            step = steps[i]
            if i not in adjoints or not step.args:
                continue
            for position, argument in enumerate(step.args):
                if not depends[argument] or self.builder.boolean(argument):
                    continue
                guards = self.guards.get(i, ())
                contribution = self._contribution(step, position, i, adjoints[i], guards)
                if contribution is None:
                    continue
                index, text, number = contribution
                if step.gate == "where":
                    guards = (*guards, (step.args[0], position == 1))[-MOST_GUARDS:]
                known = self.guards.get(argument)
                self.guards[argument] = guards if known is None or argument not in adjoints else tuple(g for g in known if g in guards)
                if argument in adjoints:
                    name = names[argument]
                    self.builder.lines[number] = self._line(f"{name} += {text}", None, backward=backward)
                    adjoints[argument] = self._append("add", (adjoints[argument], index), name, line=number, name=name)
                else:
                    base = self.atoms[argument] if re.fullmatch(r"[^\W\d]\w*(\[\d+\])?", self.atoms[argument]) else self._temporary()
                    name = names[argument] = self.fresh(f"{prefix}{base}")
                    self.builder.lines[number] = self._line(f"{name} = {text}", None, backward=backward)
                    self._finish(index, name, number)
                    adjoints[argument] = index if self.atoms[index] == name else len(steps) - 1
                self.builder.names[name] = adjoints[argument]
        return adjoints

    def _finish(self, index: int, name: str, number: int) -> None:
        """Name the step of a contribution; where it is an older step, a copy of it."""
        step = self.builder.steps[index]
        if step.line == number and not step.name:
            self.builder.steps[index] = step._replace(name=name)
            self.atoms[index] = name
        else:
            self._append("copy", (index,), name, line=number, name=name)

    def _contribution(self, step: Step, position: int, out: int, adjoint: int, guards: Guards) -> tuple[int, str, int] | None:
        """Append partial * dout (not yet named): its step, its text, its line; None where it is zero everywhere.

        In a branch that may not be taken the product stands inside the `where`: 0 * NaN would not be 0.
        """
        program, text = self._partial(step, position)
        if program is None or text == "0":
            return None
        operands = {**dict(zip(GATES[step.gate].parameters, step.args, strict=True)), "out": out, "dout": adjoint} if step.gate in GATES else {"a": step.args[0], "out": out, "dout": adjoint}
        atoms = {name: self.atoms[index] for name, index in operands.items()}
        own_lines = self._splice(program, operands, None) if self.in_forward and text not in ("1", "-1") else None
        number = len(self.builder.lines)
        self.builder.lines.append(Line(""))
        if text == "1":
            return adjoint, atoms["dout"], number
        if text == "-1":
            return self._append("neg", (adjoint,), "", line=number), f"-{atoms['dout']}", number
        index = self._splice(program, operands, number) if own_lines is None else own_lines
        written = _WORD.sub(lambda m: atoms.get(m.group(), m.group()), text) if own_lines is None else self.atoms[index]
        if "dout" in _WORD.findall(text):
            return index, written, number  # the entry is the whole contribution
        if _is_sum(text):
            written = f"({written})"
        product, written = self._append("mul", (index, adjoint), "", line=number), f"{written} * {atoms['dout']}"
        for condition, taken in reversed(guards):
            zero = self._append("number", (), "0", text="0", line=number)
            product = self._append("where", (condition, product, zero) if taken else (condition, zero, product), "", line=number)
            written = f"where({self.atoms[condition]}, {f'{written}, 0' if taken else f'0, {written}'})"
        return product, written, number

    def _partial(self, step: Step, position: int) -> tuple[Program | None, str]:
        other = self.partials.get((step.gate, position))
        if other is not None:
            return table_program(step.gate, other, (*GATES[step.gate].parameters, "out", "dout")), other
        if step.gate == "copy":
            return table_program("copy", "1", ("a",)), "1"
        if step.gate == "pow" and position == 0 and (exponent := self._literal(step.args[1])) is not None:
            return _power(exponent)
        return partial(step.gate, position), GATES[step.gate].partials[position] or ""

    def _literal(self, index: int) -> str | None:
        step = self.builder.steps[index]
        negative = step.gate == "neg"
        number = self.builder.steps[step.args[0]] if negative else step
        if number.gate != "number" or len(number.text) > MAX_LITERAL or {"e", "x"} & set(number.text.lower()):
            return None
        return "-" + number.text if negative else number.text

    def _splice(self, program: Program, operands: dict[str, int], number: int | None) -> int:
        """Append a program: to the line of that number, or every step as a line of its own."""
        at: list[int] = []
        for step in program.steps:
            if step.gate == "input":
                at.append(operands[step.text])
            elif step.args:
                args = tuple(at[a] for a in step.args)
                at.append(self.line(step.gate, args, self._temporary(), self._text(step.gate, args)) if number is None else self._append(step.gate, args, "", line=number))
            else:
                at.append(self._append(step.gate, (), step.text, text=step.text, line=-1 if number is None else number))
        return at[program.output]

    def _differentiate(self, value: int, variable: int, step: Step) -> int:
        """`diff(value, variable)`, written out as steps of the forward pass."""
        one = self._leaf("number", "1")
        self.in_forward, self.within = True, step
        adjoints = self.reverse(value, one, {variable}, backward=False, prefix="g_")
        self.in_forward, self.within = False, None
        index = adjoints.get(variable)
        if index is None:
            index = self._leaf("number", "0")
        if not step.name:
            return index
        return self.line("copy", (index,), self._version(step.name), self.atoms[index], step=step)


@cache
def _is_sum(text: str) -> bool:
    """Whether a partial needs parentheses as a factor."""
    return parse_expression(text)[-1].op in SUMS


@cache
def _power(exponent: str) -> tuple[Program, str]:
    """The partial of a**n for a literal n, written as people write it: 2*a, 3*a**2, -1*a**-2."""
    n = Decimal(exponent)
    lower = n - 1
    text = "0" if n == 0 else "1" if n == 1 else f"{exponent} * a" if lower == 1 else f"{exponent} * a**{lower.normalize():f}"
    return table_program("pow", text, ("a", "b", "out", "dout")), text
