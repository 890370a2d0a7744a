"""Programs, reports and random expressions from texts: what many tests start from."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from verifier.arithmetic import floats
from verifier.case.load import load_text
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import component_names
from verifier.circuit.statements import build_program
from verifier.cli import main
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.circuit.program import Program
    from verifier.report.outcome import CaseReport, Result


def expression(text: str, *inputs: str) -> Program:
    """The program of one expression."""
    program, complaints = build_expression(Source(text, "t", 1, 1, text), inputs)
    assert program is not None, complaints
    return program


def forward(text: str, *inputs: str) -> Program:
    """The program of a forward block."""
    program, complaints = build_program(Source(text, "t", 1, 1, text), inputs)
    assert program is not None, complaints
    return program


def check(text: str, *, strict: bool = False) -> CaseReport:
    """The report of the only case of a text, which must have nothing wrong with it."""
    loaded = load_text(textwrap.dedent(text), file="t.yaml")
    assert not loaded.complaints, loaded.complaints
    (case,) = loaded.cases
    return verify(case, strict=strict)


def judge(function: str, x: str, dx: str | None = None, *, form: str = "float64", more: str = "", forward: str | None = None) -> Result:
    """The result for d function / dx at one point, computed by the statements `dx` (or by the generated backward pass)."""
    blocks = ""
    if forward is not None:
        blocks += "    forward: |\n" + textwrap.indent(textwrap.dedent(forward).strip(), " " * 6) + "\n"
    if dx is not None:
        blocks += "    backward: |\n" + textwrap.indent(dx if "\n" in dx or "=" in dx.split("(")[0] else f"dx = {dx}", " " * 6) + "\n"
    text = f"function: {function}\npoints: [{{x: {x}{more}}}]\nformats: [{form}]\nimplementations:\n  it:{' {}' if not blocks else ''}\n{blocks}"
    if dx is not None and more:
        text += "    gradients: {x: dx}\n"
    return next(r for r in check(text).results if r.gradient == "dx")


def status_of(*words: str) -> int:
    """The exit status of a command line, whether it returns or exits."""
    try:
        return main(words)
    except SystemExit as end:
        return int(end.code or 0)


def complaints(text: str) -> list[str]:
    """`line:column: message` of all complaints about a text."""
    return [f"{c.place.line}:{c.place.column}: {c.message}" for c in load_text(text, file="t.yaml").complaints]


SMOOTH = ("exp", "sin", "cos", "tanh", "sigmoid", "atan", "asinh", "softplus", "erf", "square")


def smooth_expressions(names: tuple[str, ...] = ("x", "y"), *, leaves: int = 8) -> st.SearchStrategy[str]:
    """Expressions that are differentiable everywhere and take values that do not explode."""
    leaf = st.sampled_from((*names, *names, "0.5", "2", "1.25", "3"))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(("+", "-", "*")), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, inner).map(lambda t: f"({t[0]} / (2 + cos({t[1]})))"),
            st.tuples(st.sampled_from(SMOOTH), inner).map(lambda t: f"{t[0]}(sin({t[1]}))"),
            inner.map(lambda a: f"(-({a}))"),
            inner.map(lambda a: f"(({a})**3)"),
        ),
        max_leaves=leaves,
    )


def array_program(text: str, *, known: dict[str, object] | None = None, **shapes: tuple[int, ...]) -> Program:
    """The program of a forward block over inputs of the given shapes. Raises ValueError with all complaints."""
    inputs = tuple(n for name, shape in shapes.items() for n in (component_names(name, shape) if shape else [name]))
    program, complaints = build_program(Source(text, "t", 1, 1, text), inputs, known=known)
    if program is None:
        raise ValueError("\n".join(map(str, complaints)))
    return program


def array_values(program: Program, **values: object) -> Callable[[str], np.ndarray]:
    """What every name is in float64, as an array of its shape, at values of the inputs."""
    columns = [[float(v)] for value in values.values() for v in np.asarray(value, dtype=float).ravel()]
    steps = floats.run(program, columns, fmt=FORMATS["float64"])

    def value(name: str) -> np.ndarray:
        if name not in program.shapes:
            if name in program.names:
                return np.float64(steps[program.names[name]][0])
            return np.asarray(program.values[name].value)
        found = [steps[program.names[n]][0] for n in component_names(name, program.shapes[name])]
        return np.array(found, dtype=float).reshape(program.shapes[name])

    return value
