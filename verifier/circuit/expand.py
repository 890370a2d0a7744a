"""What a Program means over the reals, in primitives: gates that have a meaning are written out, equal steps are one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from verifier.circuit.dag import Dag
from verifier.circuit.expressions import definition, table_program
from verifier.circuit.program import LEAVES, Program
from verifier.language.gates import GATES

LOG_SUMS = ("logaddexp", "logaddexp2")  # of two numbers that are both -inf they are -inf; their meaning has no value there


def write(dag: Dag, program: Program, differentiate: Callable[[Dag, int, int], int] | None = None, *, as_smooth: bool = False) -> list[int]:
    """Append a program to a dag in primitives; the index there of each of its steps. `differentiate(dag, value, variable)` appends d(value)/d(variable).

    With `as_smooth`, smooth sums of terms with kinks are written without the kinks: the terms have no part in the adjoints then.
    """
    at: list[int] = []
    endless = _endless(program)
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            at.append(len(at))
        elif step.gate == "diff" and differentiate is not None:
            value, variable = (at[a] for a in step.args)
            at.append(differentiate(dag, value, variable))
        elif step.gate in LEAVES:
            at.append(dag.leaf(step.gate, step.text))
        elif step.text:
            at.append(dag.marked(step.gate, tuple(at[a] for a in step.args), step.text))
        elif step.gate in LOG_SUMS and i in endless:
            at.append(at[step.args[0]])  # log(0 + 0)
        else:
            args = [at[a] for a in step.args]
            pair = _log_sum(dag, args) if as_smooth and step.gate == "add" else None
            at.append(write_gate(dag, step.gate, args) if pair is None else write_gate(dag, "logaddexp", pair))
    return at


def _log_sum(dag: Dag, args: list[int]) -> list[int] | None:
    """The a and b of max(a, b) + log1p(exp(-abs(a - b))), which is logaddexp(a, b), smooth where its terms have kinks; None of another sum."""
    for most, inside in (args, args[::-1]):
        parts = [most, inside]
        for gate in ("log1p", "exp", "neg", "abs"):
            if dag.steps[parts[-1]].gate != gate:
                break
            parts += dag.steps[parts[-1]].args
        else:
            if dag.steps[most].gate != "max":
                continue
            a, b = pair = list(dag.steps[most].args)
            if parts[-1] in (_difference(dag, a, b), _difference(dag, b, a)):
                return pair
    return None


def _difference(dag: Dag, a: int, b: int) -> int | None:
    """The step of a - b, where a dag has it."""
    if dag.is_zero(b):
        return a
    return dag.index.get(("sub", (a, b), ""), dag.index.get(("number", (), "0")) if a == b else None)


def _endless(program: Program) -> dict[int, int]:
    """The steps that are an infinity as it is written, with its sign: the constant, moved by finite numbers, and what these add up to in logarithms."""
    found: dict[int, int] = {}
    for i, step in enumerate(program.steps):
        if step.gate == "constant" and step.text == "inf":
            found[i] = 1
        elif not found or not any(a in found for a in step.args):
            continue
        elif step.gate in ("neg", "copy"):
            found[i] = found[step.args[0]] * (-1 if step.gate == "neg" else 1)
        elif step.gate in ("add", "sub"):
            signs = {found[a] if k == 0 or step.gate == "add" else -found[a] for k, a in enumerate(step.args) if a in found}
            if len(signs) == 1:
                found[i] = signs.pop()
        elif step.gate in LOG_SUMS and all(found.get(a) == -1 for a in step.args):
            found[i] = -1
    return found


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
