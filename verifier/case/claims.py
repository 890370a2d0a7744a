"""Claims by component: which name of a backward pass holds the gradient with respect to which scalar input."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifier.case.case import Implementation, Misshapen
from verifier.case.components import Shape, base, components
from verifier.case.inputs import Inputs
from verifier.circuit.program import Program
from verifier.language.source import Place


def claims_of(implementation: Implementation, inputs: Inputs, parameters: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """(input, name of its gradient): as the implementation says, or else of every input that is no parameter."""
    if implementation.gradients is None:
        return tuple((name, f"d{name}") for name in inputs.names if name not in parameters)
    shapes = dict(inputs.shapes)
    found: list[tuple[str, str]] = []
    for claim in implementation.gradients:
        shape = shapes.get(claim.input, ())
        found += zip(components(claim.input, shape), components(claim.name, shape), strict=True)
    return tuple(found)


def misshapen(program: Program, claims: Sequence[tuple[str, str]], place: Place) -> dict[str, Misshapen]:
    """The gradients of another shape than what they are the gradient of, by their names; `place` is where the implementation stands."""
    found: dict[str, Misshapen] = {}
    for variable, name in claims:
        array, of = (base(name), base(variable)) if name.endswith("]") and variable.endswith("]") else (name, variable)
        if array in found:
            continue
        shape = shape_of(program, array)
        wanted = program.shapes.get(of, ())
        if shape is not None and shape != wanted:
            found[array] = Misshapen(of, array, wanted, shape, *_line(program, base(array), place))
    return found


def shape_of(program: Program, name: str) -> Shape | None:
    """The shape of what a name stands for at the end; None where it was set component by component, or not at all."""
    if name in program.shapes:
        return program.shapes[name]
    return () if name in program.names else None


def _line(program: Program, name: str, place: Place) -> tuple[Place, str]:
    """Where a name is assigned last, and that statement."""
    assigned = re.compile(rf"{re.escape(name)}\s*(\[.*\]\s*)?([-+*/@]|\*\*|//)?=[^=]")
    for line in reversed(program.lines):
        if line.backward and line.source is not None and assigned.match(line.text):
            return line.source.place(line.start), line.text
    return place, ""
