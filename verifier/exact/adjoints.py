"""The adjoint of every step of a program, over the reals and at the values given: SymPy's partial of each gate, accumulated in reverse.

Every step keeps an adjoint of its own, also where another step is the same expression, and a gate is one step, whatever it means.
(`derivatives.gradient` writes a gradient as a program of primitives, in which equal steps are one.)
All values are columns, one entry for each point, at the working precision; NaN is a number that is not known or does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball, Balls
from verifier.circuit.program import Program, Step, descendants
from verifier.exact import derivatives
from verifier.language.gates import GATES

Partial = Callable[..., Ball]  # of the operands at one point


def adjoints(program: Program, values: Mapping[int, Balls], output: int, seed: Balls, *, strict: bool, without: Collection[int] = ()) -> dict[int, Balls]:
    """seed * d(output)/d(step) for every step; absent where it is exactly 0 at all points.

    `values` are those of the steps that `output` depends on, `seed` has the gradient that flows in at each point.
    With `strict` a gate has no derivative at a kink (NaN); else one inside the jump of its slope (0 for `abs`).
    The steps in `without` get no adjoint.
    """
    found: dict[int, Balls] = {output: seed}
    for i in range(output, -1, -1):
        step = program.steps[i]
        if i not in found or not step.args:
            continue
        operands = [values[a] for a in step.args]
        for position, argument in enumerate(step.args):
            carried = None if argument in without else contribution(step.gate, position, operands, found[i], strict=strict)
            if carried is None or all(c.is_zero() for c in carried):
                continue
            found[argument] = [a + b for a, b in zip(found[argument], carried, strict=True)] if argument in found else carried
    return found


def at(program: Program, values: Mapping[int, Ball], output: int, *, strict: bool, without: Collection[int] = ()) -> dict[int, Ball]:
    """`adjoints` at one point, for a gradient of 1 that flows in."""
    columns = {i: [v] for i, v in values.items()}
    return {i: column[0] for i, column in adjoints(program, columns, output, [balls.ONE], strict=strict, without=without).items()}


class Slopes:
    """The partial derivatives of a program's gates at one point, each found once: the adjoints of many of its steps then cost one product a partial.

    `values` are those of all steps at the point. Only adjoints of steps that depend on `variables` (inputs, by index) are found.
    """

    def __init__(self, program: Program, values: Sequence[Ball], variables: Collection[int], *, strict: bool) -> None:
        self.program, self.values, self.strict = program, values, strict
        self.moves = frozenset(descendants(program, variables))
        self.known: dict[int, tuple[tuple[int, Ball], ...]] = {}

    def of(self, step: int) -> tuple[tuple[int, Ball], ...]:
        """The operands of a step that depend on a variable, each with the partial derivative by it; one twice where it is read twice."""
        if step not in self.known:
            gate, args = self.program.steps[step][:2]
            operands = [[self.values[a]] for a in args]
            found = [(a, slopes[0]) for p, a in enumerate(args) if a in self.moves and (slopes := partial(gate, p, operands, strict=self.strict)) is not None]
            self.known[step] = tuple((a, s) for a, s in found if gate != "where" or not s.is_zero())  # a branch that is not taken adds nothing, whatever its adjoint
        return self.known[step]

    def adjoints(self, output: int) -> dict[int, Ball]:
        """d(output)/d(step) for every step that depends on a variable; absent where nothing that the output depends on reads the step. Not a number where a partial has none, if only times 0."""
        found = {output: balls.ONE} if output in self.moves else {}
        for i in range(output, -1, -1):
            adjoint = found.get(i)
            if adjoint is None or i not in self.moves:
                continue
            for argument, slope in self.of(i):
                carried = slope * adjoint
                found[argument] = found[argument] + carried if argument in found else carried
        return found


def contribution(gate: str, position: int, operands: Sequence[Balls], adjoint: Balls, *, strict: bool) -> Balls | None:
    """What a gate adds to the adjoint of one of its operands: partial * adjoint; None for an operand without a derivative.

    It is 0 where the adjoint is 0, also where the partial does not exist, and in the branch that a `where` does not take,
    also where the adjoint does not exist.
    """
    slopes = partial(gate, position, operands, strict=strict)
    if slopes is None:
        return None
    if gate == "where":
        return [p if p.is_zero() else p * a for p, a in zip(slopes, adjoint, strict=True)]
    return [a if a.is_zero() else p * a for p, a in zip(slopes, adjoint, strict=True)]


def partial(gate: str, position: int, operands: Sequence[Balls], *, strict: bool) -> Balls | None:
    """The partial derivative of a gate with respect to one operand, at every point; None for an operand without one (a condition, an order)."""
    function = _partial(gate, position, strict=strict)
    return None if function is None else list(map(function, *operands))


@cache
def _partial(gate: str, position: int, *, strict: bool) -> Partial | None:
    if gate == "copy":
        return lambda _: balls.ONE
    if gate not in GATES or GATES[gate].boolean or position in (*GATES[gate].conditions, *GATES[gate].orders):
        return None
    if gate in _PARTIALS:
        return _PARTIALS[gate][position]
    parameters = GATES[gate].parameters
    steps = (*(Step("input", (), p) for p in parameters), Step(gate, tuple(range(len(parameters)))))
    variables = set(range(len(parameters))).difference(GATES[gate].orders, GATES[gate].conditions)
    local = derivatives.gradient(Program(steps, parameters, {}, len(parameters)), variables=variables)
    slope = local.adjoint.get(position)
    return (lambda *_: balls.ZERO) if slope is None else reals.compiled(local.program, slope, strict=strict)


def _by_base(a: Ball, b: Ball) -> Ball:
    """d/da a**b = b a**(b - 1); 0 for b = 0, where a**b is 1 for every a, 0 included."""
    if b.is_zero():
        return balls.ZERO if a.is_finite() else balls.NAN
    return b * _power(a, b - 1)


def _by_exponent(a: Ball, b: Ball) -> Ball:
    """d/db a**b = a**b log(a); 0 for a = 0 < b, where 0**b is 0 for every b nearby. At b = 0 it jumps from 0**0 = 1 to 0."""
    if a.is_zero():
        return balls.ZERO if b > 0 and b.is_finite() else balls.NAN
    return _power(a, b) * a.log()


_power: Callable[[Ball, Ball], Ball] = balls.function_of("pow", strict=True)
# By hand, since the formulas of these partials have no value at some points where the partials have one; by operand.
_PARTIALS: dict[str, tuple[Partial | None, ...]] = {
    "pow": (_by_base, _by_exponent),
    "where": (None, lambda c, _a, _b: balls.NAN if c is None else balls.ONE if c else balls.ZERO, lambda c, _a, _b: balls.NAN if c is None else balls.ZERO if c else balls.ONE),
}
