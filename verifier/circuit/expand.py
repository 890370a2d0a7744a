"""What a Program means over the reals, in primitives: gates that have a meaning are written out, equal steps are one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from verifier.circuit.dag import Dag
from verifier.circuit.expressions import definition, table_program
from verifier.circuit.program import LEAVES, Program
from verifier.language.gates import GATES


def write(dag: Dag, program: Program, differentiate: Callable[[Dag, int, int], int] | None = None) -> list[int]:
    """Append a program to a dag in primitives; the index there of each of its steps. `differentiate(dag, value, variable)` appends d(value)/d(variable)."""
    at: list[int] = []
    for step in program.steps:
        if step.gate == "input":
            at.append(len(at))
        elif step.gate == "diff" and differentiate is not None:
            value, variable = (at[a] for a in step.args)
            at.append(differentiate(dag, value, variable))
        elif step.gate in LEAVES:
            at.append(dag.leaf(step.gate, step.text))
        elif step.text:
            at.append(dag.marked(step.gate, tuple(at[a] for a in step.args), step.text))
        else:
            at.append(write_gate(dag, step.gate, [at[a] for a in step.args]))
    return at


def write_gate(dag: Dag, name: str, args: list[int]) -> int:
    """Append one gate in primitives; the step of its value."""
    if name == "copy":
        return args[0]
    if GATES[name].means is None:
        return dag.gate(name, *args)
    inner = meaning(name)
    return dag.splice(inner, args)[inner.output]


@cache
def meaning(name: str) -> Program:
    """What a composite gate means, in primitives over its parameters; it has no value outside the gate's domain."""
    program = definition(name, exact=True)
    dag = Dag(program.inputs)
    output = write(dag, program)[program.output]
    row = GATES[name]
    if row.wider:  # 0 inside the domain, 0/0 outside
        domain = table_program(name, f"0 / where({row.where}, 1, 0)", row.parameters)
        output = dag.gate("add", output, write(dag, domain)[domain.output])
    return Program(tuple(dag.steps), program.inputs, {}, output)


def primitives_of(name: str) -> set[str]:
    """The gates that a gate is written out in; itself where it is a primitive."""
    return {name} if name == "copy" or GATES[name].means is None else {s.gate for s in meaning(name).steps if s.gate in GATES}


def is_domain(program: Program, step: int) -> bool:
    """Whether a step is the 0 that only says where a gate has a value."""
    gate, args = program.steps[step][:2]
    return gate == "div" and program.steps[args[0]].text == "0" and program.steps[args[1]].gate == "where"
