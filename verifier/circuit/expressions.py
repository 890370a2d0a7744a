"""One formula to a Program: a function, a gate's meaning, a partial of the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from verifier.circuit.apply import BuildError
from verifier.circuit.evaluate import evaluate
from verifier.circuit.program import LEAVES, Builder, Line, Program
from verifier.circuit.scope import Scope
from verifier.circuit.values import array, is_array, known_values
from verifier.language.gates import GATES
from verifier.language.grammar import expression
from verifier.language.primitives import incomplete
from verifier.language.source import Complaint, Source
from verifier.language.tokens import LanguageError


def add_expression(builder: Builder, text: str, *, line: int = -1) -> int:
    """Append the steps of one formula; the index of its value. Raises LanguageError and BuildError."""
    tree = expression(text)
    scope = Scope(builder, text, line)
    return scope.as_step(evaluate(scope, tree), tree)


def add_value(builder: Builder, text: str) -> Any:
    """Append the steps of one formula; the index of its value, or an ndarray of such. Raises LanguageError and BuildError."""
    tree = expression(text)
    scope = Scope(builder, text)
    value = evaluate(scope, tree)
    return array(builder, value) if isinstance(value, list) or is_array(value) else scope.as_step(value, tree)


def build_expression(source: Source, inputs: tuple[str, ...], *, name: str = "out", known: Mapping[str, Any] | None = None) -> tuple[Program | None, list[Complaint]]:
    """The program of one expression over the given inputs; its value may be an array. `known` as in `build_program`."""
    builder = Builder(inputs)
    builder.know(known_values(builder, known or {}))
    return _expression(builder, source, name=name)


def _expression(builder: Builder, source: Source, *, name: str = "out") -> tuple[Program | None, list[Complaint]]:
    try:
        tree = expression(source.text)
        builder.lines.append(Line(source.text, source, tree.col_offset, tree.end_col_offset or 0))
        scope = Scope(builder, source.text, 0)
        value = evaluate(scope, tree)
        if isinstance(value, list) or is_array(value):
            return _array(builder, source, array(builder, value), name)
        output = scope.as_step(value, tree)
    except (LanguageError, BuildError) as error:
        return None, [source.complaint(error.offset, error.message)]
    if builder.boolean(output):
        return None, [source.complaint(0, "a comparison has no gradient: the value must be a number")]
    if builder.steps[output].gate in LEAVES:
        output = builder.append("copy", (output,), line=0)
    builder.steps[output] = builder.steps[output]._replace(name=name)
    builder.names[name] = output
    return builder.program(output, output_name=name), []


def _array(builder: Builder, source: Source, value: object, name: str) -> tuple[Program | None, list[Complaint]]:
    from verifier.circuit import arrays

    assert is_array(value)
    if not value.size or arrays.truths(builder, value) is not None:
        return None, [source.complaint(0, "a comparison has no gradient: the value must be a number" if value.size else "the value is an array without elements")]
    builder.values[name] = value
    return builder.program(int(value.ravel()[-1]), output_name=name), []


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
    return builder.program(add_expression(builder, gate.kinks))


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
