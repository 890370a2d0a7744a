"""Run a Program over the real numbers gate by gate: any gate may occur, not only primitives, and any step may be given another value.

The values are Arb balls at the working precision (`balls.precision`), truth values, or NaN and None where nothing is enclosed.
`balls.run` is for programs of primitives, where equal steps are one and kinks may count as undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from flint import arb

from verifier.arithmetic import ball_gates, balls
from verifier.arithmetic.types import Ball, Balls, GateFunction, RealValue
from verifier.circuit.expand import meaning
from verifier.circuit.program import Program, Step
from verifier.language.formats import Format
from verifier.language.gates import COMPARISONS, GATES
from verifier.language.numeral import exact

NOTHING: Mapping[int, Balls] = MappingProxyType({})
NONE_REPLACED: Mapping[int, Ball] = MappingProxyType({})


def run(
    program: Program,
    columns: Sequence[Balls],
    *,
    upstream: Ball = balls.ONE,
    rounded_in: Format | None = None,
    replaced: Mapping[int, Balls] = NOTHING,
    otherwise: Mapping[int, Balls] = NOTHING,
    needed: Sequence[int] | None = None,
) -> dict[int, Balls]:
    """The value of every needed step (all, by default) at every point; a step in `replaced` has the value given there.

    A step in `otherwise` has the value given there at the points where nothing else is known of it.
    """
    count = len(columns[0]) if columns else 1
    values: dict[int, Balls] = {}
    for i in range(len(program.steps)) if needed is None else needed:
        step = program.steps[i]
        if i in replaced:
            values[i] = replaced[i]
        elif step.args:
            values[i] = value_of(program, step, [values[a] for a in step.args])
            if i in otherwise:
                values[i] = [v if is_known(v) else w for v, w in zip(values[i], otherwise[i], strict=True)]
        else:
            values[i] = list(columns[i]) if step.gate == "input" else [leaf(step, upstream=upstream, rounded_in=rounded_in)] * count
    return values


def at(
    program: Program,
    point: Sequence[float],
    *,
    upstream: Ball = balls.ONE,
    replaced: Mapping[int, Ball] = NONE_REPLACED,
    otherwise: Mapping[int, Ball] = NONE_REPLACED,
    needed: Sequence[int] | None = None,
) -> dict[int, Ball]:
    """`run` at one point, whose coordinates are floats: the value of every needed step."""
    fixed, possible = ({i: [v] for i, v in given.items()} for given in (replaced, otherwise))
    found = run(program, [[arb(x)] for x in point], upstream=upstream, replaced=fixed, otherwise=possible, needed=needed)
    return {i: column[0] for i, column in found.items()}


def is_known(value: RealValue) -> bool:
    """Whether a value is enclosed, or a truth value decided."""
    return isinstance(value, bool) or (value is not None and bool(value.is_finite()))


def value_of(program: Program, step: Step, args: Sequence[Balls]) -> Balls:
    """A step at every point, of its operands: decided where it compares a number with itself, or two literals of one value."""
    tie = _tie_of_literals(program, step) if step.gate in COMPARISONS else None
    return list(map(function_of(step), *args)) if tie is None else [tie] * len(args[0])  # type: ignore[list-item]  # the column of a comparison


def _tie_of_literals(program: Program, step: Step) -> bool | None:
    """What a comparison of two literals of one value says, which their balls do not tell (0.001 > 1e-3); None for any other."""
    first, second = (program.steps[a] for a in step.args)
    if first.gate != "number" or second.gate != "number" or exact(first.text) != exact(second.text):
        return None
    return step.gate in ball_gates.REFLEXIVE


def value(gate: str, args: Sequence[Balls]) -> Balls:
    """The values of a gate at every point, of columns of operands."""
    return list(map(function(gate), *args))


def function_of(step: Step) -> GateFunction:
    """The function of balls that a step is, of its operands."""
    return balls.with_itself(step.gate) if balls.is_with_itself(step) else function(step.gate)


@cache
def function(gate: str) -> GateFunction:
    """The function of balls that a gate means."""
    if gate == "copy" or GATES[gate].means is None:
        return balls.function_of(gate, strict=False)
    inner = meaning(gate)
    return compiled(inner, inner.output)


def compiled(program: Program, output: int, *, strict: bool = False) -> GateFunction:
    """A program as a function of balls: one of its steps, of its inputs. With `strict` the program must consist of primitives, which are undecided at their kinks."""
    functions = balls.functions(program, strict=True) if strict else [function_of(s) if s.args else None for s in program.steps]
    rest = list(zip(functions, program.steps, strict=True))[len(program.inputs) : output + 1]

    def call(*args: Ball) -> Ball:
        values = list(args)
        for known, step in rest:
            values.append(leaf(step) if known is None else known(*[values[a] for a in step.args]))
        return values[output]

    return call


def leaf(step: Step, *, upstream: Ball = balls.ONE, rounded_in: Format | None = None) -> Ball:
    """A literal, a constant or the upstream gradient, at the working precision."""
    return upstream if step.gate == "upstream" else _leaf_at(step.gate, step.text, rounded_in, balls.current_precision())


@cache
def _leaf_at(gate: str, text: str, rounded_in: Format | None, bits: int) -> Ball:
    del bits  # the working precision is part of the key
    return balls.constant(text) if gate == "constant" else balls.literal(text, rounded_in)
