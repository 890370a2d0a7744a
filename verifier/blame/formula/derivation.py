"""The right local gradient of a forward line, derived by SymPy and written with the names of the program."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from verifier.blame.formula.locate import Mistake
from verifier.circuit import expand
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program

MAX_SIMPLIFIED = 40  # operations of a formula that SymPy simplifies; beyond, it takes seconds and rarely makes it shorter
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
    try:
        formula = _derivative(program, end, mistake.forward)
    except RecursionError:  # SymPy's rules call each other once for every function around another
        return None
    if formula is None:
        return None
    variable = steps[mistake.forward].name or _source_text(program, mistake.forward)
    result = steps[end].name or program.output_name
    if not variable:
        return None
    return f"d({result})/d({variable}) = {formula}, from `{program.lines[line].text.strip()}`"


def _source_text(program: Program, i: int) -> str:
    """What stands in the source for a step; nothing for one that no text stands for."""
    step = program.steps[i]
    if step.gate == "input":
        return step.text
    line = program.lines[step.line] if 0 <= step.line < len(program.lines) else None
    return " ".join(line.source.text[step.start : step.end].split()) if line is not None and line.source is not None and step.end > step.start else ""


def _derivative(program: Program, end: int, variable: int) -> str | None:
    """The derivative of a forward step with respect to another, in inputs and names of the program, as short as SymPy makes it."""
    import sympy

    line = program.steps[end].line
    inside: list[int] = []
    pending, leaves = [end], set()
    while pending:
        i = pending.pop()
        step = program.steps[i]
        if i in inside:
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
    symbols = {i: sympy.Symbol(program.steps[i].name or program.steps[i].text or "nameless", real=True) for i in leaves}
    value = _in_sympy(program, inside, end, symbols)
    if value is None:
        return None
    found = sympy.diff(value, symbols[variable])
    if not program.steps[variable].name and program.steps[variable].gate != "input":  # an inner step: written out
        own = _parts(program, variable)
        written = _in_sympy(program, own, variable, {a: sympy.Symbol(program.steps[a].name or program.steps[a].text, real=True) for i in own for a in program.steps[i].args if a not in own})
        if written is None:
            return None
        found = found.subs(symbols[variable], written)
    text = _shortest(found)
    return text if 0 < len(text) <= MAX_FORMULA_CHARACTERS else None


@lru_cache(maxsize=1000)
def _shortest(formula: Any) -> str:
    """An expression of SymPy in the words of the language, simplified where that is quick and makes it shorter; empty where there are none."""
    import sympy

    from verifier.exact.formula_text import formula_text

    ways = [formula, sympy.simplify(formula)] if sympy.count_ops(formula) <= MAX_SIMPLIFIED else [formula]
    found = [(sympy.count_ops(e), len(text), text) for e in ways if (text := formula_text(e))]
    return min(found)[2] if found else ""


def _parts(program: Program, root: int) -> list[int]:
    """The nameless steps that a step is computed from, and itself."""
    found, pending = set(), [root]
    while pending:
        i = pending.pop()
        step = program.steps[i]
        if i not in found and (i == root or not (step.name or step.gate == "input")):
            found.add(i)
            pending.extend(step.args)
    return sorted(found)


def _in_sympy(program: Program, inside: list[int], end: int, symbols: dict[int, Any]) -> Any:
    """A step as an expression in the symbols of others; None for one that is too long, or holds a derivative."""
    from verifier.exact import sympy_gates

    ordered = sorted(symbols)
    dag = Dag(tuple(str(i) for i in ordered))
    at = {i: n for n, i in enumerate(ordered)}
    for i in sorted(inside):
        step = program.steps[i]
        if step.gate == "diff":
            return None
        at[i] = expand.write_gate(dag, step.gate, [at[a] for a in step.args]) if step.args else dag.leaf(step.gate, step.text)
    whole = Program(tuple(dag.steps), dag.inputs, {}, at[end])
    return sympy_gates.run(whole, [symbols[i] for i in ordered])[at[end]] if len(whole.steps) <= 2 * MAX_FORMULA_STEPS else None
