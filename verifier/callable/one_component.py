"""A traced callable of arrays whose components all have one formula, as a callable of numbers: the steps of one component."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verifier.case.components import base, components
from verifier.circuit.program import Program, ancestors
from verifier.search.improve.each_component import ArrayShapes, are_one_formula
from verifier.trace.record import Callee, Trace
from verifier.trace.recorder import upstream_name

MOST_STEPS = 20_000  # of a callable whose components are compared


def one_component(trace: Trace, callee: Callee) -> tuple[Trace, Callee] | None:
    """A callable of numbers that every component is; None where the components have different formulas, or read others than those beside them."""
    outputs = list(callee.outputs)
    layout = layout_of(trace, callee)
    if layout is None or trace.program.backward_start < 0 or len(trace.program) > MOST_STEPS:
        return None
    (output,) = outputs
    program, first = trace.program, components("", layout.shape)[0]
    results = dict(zip(components("", layout.shape), trace.results[output].ravel().tolist(), strict=True))
    claims: dict[str, list[tuple[str, str]]] = {}
    for variable, name in trace.claims:
        if callee.inputs.get(base(variable)) == layout.shape and name in program.names:
            claims.setdefault(base(name), []).append((variable, name))
    final = results[first]
    if not are_one_formula([(program, step, part) for part, step in results.items()], (program, final, first), layout):
        return None
    kept = {}
    for array, members in claims.items():
        at = {layout.component(variable): program.names[name] for variable, name in members}
        if len(at) == len(results) and are_one_formula([(program, step, part) for part, step in at.items()], (program, at[first], first), layout):
            kept[array] = (base(members[0][0]), at[first])
    if not kept:
        return None
    alone, at_new = _steps_of(program, [final, *(step for _, step in kept.values())])
    alone = replace(alone, names={array: at_new[step] for array, (_, step) in kept.items()}, output=at_new[final])
    point = dict(zip(program.inputs, trace.point, strict=True))
    used = [program.steps[i].text for i in sorted(at_new) if program.steps[i].gate == "input"]
    of_numbers = replace(
        trace, program=alone, claims=tuple((variable, array) for array, (variable, _) in kept.items()), point=tuple(point[n] for n in used), computed=(), outputs={}, readings=(), results={output: np.array([at_new[final]])}
    )  # fmt: skip
    inputs = {name: () for name in callee.inputs if name in alone.inputs}
    return of_numbers, replace(callee, inputs=inputs, outputs={output: ()})


def layout_of(trace: Trace, callee: Callee) -> ArrayShapes | None:
    """The shapes of a callable with one output, an array that its inputs can be broadcast to."""
    if len(callee.outputs) != 1 or len(callee.upstreams) != 1:
        return None
    (output,) = callee.outputs
    shape = callee.outputs[output]
    shapes = {name: own for name, own in callee.inputs.items() if own}
    if not shape or 0 in shape or output not in trace.results or trace.results[output].shape != tuple(shape):
        return None
    try:
        if any(np.broadcast_shapes(own, shape) != tuple(shape) for own in shapes.values()):
            return None
    except ValueError:
        return None
    return ArrayShapes({**shapes, output: tuple(shape), upstream_name(output): tuple(shape)}, output)


def _steps_of(program: Program, wanted: list[int]) -> tuple[Program, dict[int, int]]:
    """A program of only what some steps depend on, its inputs called by the names of their arrays, and where each step came to stand."""
    needed = sorted(set().union(*(ancestors(program, step) for step in wanted)))
    at = {old: new for new, old in enumerate(needed)}
    steps = []
    for old in needed:
        s = program.steps[old]
        steps.append(s._replace(args=tuple(at[a] for a in s.args), text=base(s.text) if s.gate == "input" else s.text, name=base(s.name)))
    inputs = tuple(s.text for s in steps if s.gate == "input")
    start = next((new for old, new in at.items() if old >= program.backward_start), len(steps))
    return replace(program, steps=tuple(steps), inputs=inputs, backward_start=start, parameters=frozenset(map(base, program.parameters)) & set(inputs), shapes={}, values={}), at


__all__ = ["layout_of", "one_component"]
