"""Where the chain rule cannot be computed gate by gate: the function is 0/0 as written, or some gate on the way has no finite slope."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from flint import arb

from verifier.arithmetic import balls, reals, rounding
from verifier.circuit.program import Program, Step
from verifier.exact import adjoints, derivatives, one_sided
from verifier.exact.series import Undefined
from verifier.language.gates import GATES

BITS = 600


def is_regular(forward: Program, point: Sequence[float]) -> bool:
    """Whether a function has a value at the point itself, and each of its gates has a finite slope, or finite one-sided ones, there, and no branch turns."""
    values: list[Any] = []
    with balls.precision(BITS):
        for step in forward.steps:
            args = [values[a] for a in step.args]
            if step.gate == "input":
                values.append(arb(point[len(values)]))
            elif not step.args:
                values.append(reals.leaf(step))
            elif step.gate == "diff":
                return True  # its steps are not those of the program
            else:
                if step.gate in ("lt", "le", "gt", "ge", "eq", "ne") and not (args[0] < args[1] or args[0] > args[1]):
                    return False  # a tie: next to the point another branch may be taken
                values.append(reals.function(step.gate)(*args))
                if step.gate in GATES and not GATES[step.gate].boolean and not _is_regular(step.gate, args, values[-1]):
                    return False
    (value,) = one_sided.value_at(derivatives.primitive(forward), [Fraction(x) for x in point], [derivatives.primitive(forward).output], bits=BITS)
    return not isinstance(value, Undefined)


def _is_regular(gate: str, args: Sequence[Any], value: Any) -> bool:
    row = GATES[gate]
    exact = not row.conditions and all(a.is_exact() and a.is_finite() for a in args)
    for position in range(len(args)):
        slope = adjoints.partial(gate, position, [[a] for a in args], strict=True)
        if slope is None or slope[0].is_finite():
            continue
        found = one_sided.derivative(_program_of(gate), [rounding.rational(a) for a in args], position, bits=BITS) if exact else None
        ends = (found.low, found.high) if isinstance(found, one_sided.Kink) else (found.ball,) if isinstance(found, one_sided.Finite) else (arb("nan"),)
        if not all(e.is_finite() for e in ends):
            return False
    return bool(value.is_finite())


@cache
def _program_of(gate: str) -> Program:
    """A gate over its parameters, in primitives."""
    parameters = GATES[gate].parameters
    steps = (*(Step("input", (), p) for p in parameters), Step(gate, tuple(range(len(parameters)))))
    return derivatives.primitive(Program(steps, parameters, {}, len(parameters)))
