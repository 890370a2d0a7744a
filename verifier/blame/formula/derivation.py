"""The right local gradient of a forward line, derived by SymPy and written with the names of the program."""

from __future__ import annotations

from verifier.blame.formula.locate import Mistake
from verifier.circuit import primitives
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program

MAX_FORMULA_STEPS = 60  # steps of a formula that SymPy differentiates for the message
MAX_FORMULA_CHARACTERS = 300  # characters of a formula that is shown


def expected_formula(program: Program, mistake: Mistake) -> str | None:
    """The local gradient that the wrong contribution should have as its factor, written with the names of the program; None where there is no short one."""
    if len(mistake.edges) != 1 and not (mistake.forward >= 0 and mistake.forward < len(program.inputs)):
        return None
    steps = program.steps
    line = steps[mistake.edges[0]].line if mistake.edges else steps[program.output].line
    end = max((i for i in range(program.backward_start) if steps[i].line == line), default=-1)
    if end < 0:
        return None
    formula = _derivative(program, end, mistake.forward)
    if formula is None:
        return None
    variable = steps[mistake.forward].name or steps[mistake.forward].text or "the operand"
    result = steps[end].name or program.output_name
    return f"d({result})/d({variable}) = {formula}, from `{program.lines[line].text.strip()}`"


def _derivative(program: Program, end: int, variable: int) -> str | None:
    import sympy

    from verifier.exact import sympy_gates

    line = program.steps[end].line
    inside: list[int] = []
    pending, leaves = [end], set()
    while pending:
        i = pending.pop()
        step = program.steps[i]
        if i in inside or i in leaves:
            continue
        if i != end and (i == variable or step.gate == "input" or (step.name and step.line != line)):
            leaves.add(i)
            continue
        inside.append(i)
        pending.extend(step.args)
        if len(inside) > MAX_FORMULA_STEPS:
            return None
    if variable not in leaves:
        return None
    ordered = sorted(leaves)
    symbols = {i: sympy.Symbol(program.steps[i].name or program.steps[i].text or f"t{i}", real=True) for i in ordered}
    dag = Dag(tuple(str(i) for i in ordered))
    at = {i: n for n, i in enumerate(ordered)}
    for i in sorted(inside):
        step = program.steps[i]
        if step.args and step.gate != "diff":
            at[i] = primitives.write_gate(dag, step.gate, [at[a] for a in step.args])
        elif step.gate == "diff":
            return None
        else:
            at[i] = dag.leaf(step.gate, step.text)
    whole = Program(tuple(dag.steps), dag.inputs, {}, at[end])
    if len(whole.steps) > 2 * MAX_FORMULA_STEPS:
        return None
    value = sympy_gates.run(whole, [symbols[i] for i in ordered])[at[end]]
    text = str(sympy.diff(value, symbols[variable]))
    return text if len(text) <= MAX_FORMULA_CHARACTERS else None
