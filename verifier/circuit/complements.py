"""A program with 1 - tanh(a), 1 - exp(a) and the like written without cancellation: the same real numbers.

An enclosure of tanh(a) near 1 leaves of 1 - tanh(a) only its own error, where 2 / (1 + exp(2a)), the same number, keeps all of its digits. The identities hold for all real numbers, and what is
written has a value for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verifier.circuit.dag import Dag
from verifier.circuit.program import Program, Step
from verifier.language.numeral import exact

SIGNS: Mapping[tuple[str, int], tuple[int, int]] = {("add", 0): (1, 1), ("add", 1): (1, 1), ("sub", 0): (1, -1), ("sub", 1): (-1, 1)}  # of 1 and of the other operand, by the place of 1


def without_cancellation(program: Program) -> tuple[Program, list[int]] | None:
    """The program and where each of its steps came to stand; None where it has nothing to rewrite. `program` must consist of primitives."""
    complements = {k: found for k, step in enumerate(program.steps) if (found := _complement(program, step)) is not None}
    if not complements:
        return None
    dag, at = Dag(program.inputs), list[int]()
    for k, step in enumerate(program.steps):
        if step.gate == "input":
            at.append(len(at))
        elif k in complements:
            sign, rewrite, operand = complements[k]
            at.append(_signed(dag, sign, rewrite(dag, at[operand])))
        else:
            at.append(dag.marked(step.gate, tuple(at[a] for a in step.args), step.text))
    return Program(tuple(dag.steps), program.inputs, {}, at[program.output]), at


WriteComplement = Callable[[Dag, int], int]  # appends the complement of a function of a step


def _complement(program: Program, step: Step) -> tuple[int, WriteComplement, int] | None:
    """The sign, the way of writing, and its operand, of a step that is 1 plus or minus a function that comes near to 1."""
    if step.gate not in ("add", "sub"):
        return None
    for place in (0, 1):
        if not _is(program.steps[step.args[place]], 1):
            continue
        of_one, of_other = SIGNS[step.gate, place]
        name, operand = _named(program, program.steps[step.args[1 - place]])
        rewrite = COMPLEMENTS.get((name, of_one * of_other))
        if rewrite is not None:
            return of_one, rewrite, operand
    return None


def _named(program: Program, step: Step) -> tuple[str, int]:
    """The function of a step a that a step is, and a: its gate, the square of tanh, the logistic function 1 / (1 + exp(a))."""
    if len(step.args) == 2:
        first, second = (program.steps[a] for a in step.args)
        if first.gate == "tanh" and ((step.gate == "mul" and step.args[0] == step.args[1]) or (step.gate == "pow" and _is(second, 2))):
            return "tanh squared", first.args[0]
        exponent = _exponent(program, second) if step.gate == "div" and _is(first, 1) else None
        if exponent is not None:
            return "logistic", exponent
    return step.gate, step.args[0] if step.args else -1


def _is(step: Step, value: int) -> bool:
    return step.gate == "number" and exact(step.text) == value


def _exponent(program: Program, step: Step) -> int | None:
    """The a of 1 + exp(a) or exp(a) + 1."""
    if step.gate == "add":
        for one, other in (step.args, step.args[::-1]):
            if _is(program.steps[one], 1) and program.steps[other].gate == "exp":
                return program.steps[other].args[0]
    return None


def _signed(dag: Dag, sign: int, step: int) -> int:
    return step if sign > 0 else dag.marked("neg", (step,), "")


def _logistic(dag: Dag, a: int, *, factor: str, top: str) -> int:
    """top / (1 + exp(factor a))."""
    one, scaled = dag.number("1"), dag.marked("mul", (dag.number(factor.lstrip("-")), a), "")
    power = dag.marked("exp", (_signed(dag, -1 if factor.startswith("-") else 1, scaled),), "")
    return dag.marked("div", (dag.number(top), dag.marked("add", (one, power), "")), "")


def _plus_tanh(dag: Dag, a: int) -> int:
    return _logistic(dag, a, factor="-2", top="2")


def _minus_tanh(dag: Dag, a: int) -> int:
    return _logistic(dag, a, factor="2", top="2")


COMPLEMENTS: Mapping[tuple[str, int], WriteComplement] = {
    ("tanh", 1): _plus_tanh,
    ("tanh", -1): _minus_tanh,
    ("tanh squared", -1): lambda dag, a: dag.marked("mul", (_plus_tanh(dag, a), _minus_tanh(dag, a)), ""),
    ("logistic", -1): lambda dag, a: _logistic(dag, a, factor="-1", top="1"),
    ("exp", -1): lambda dag, a: dag.marked("neg", (dag.marked("expm1", (a,), ""),), ""),
    ("erf", 1): lambda dag, a: dag.marked("erfc", (dag.marked("neg", (a,), ""),), ""),
    ("erf", -1): lambda dag, a: dag.marked("erfc", (a,), ""),
}  # by the function, and its sign beside 1
