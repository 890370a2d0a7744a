"""Backprop gate by gate: the value of every gate of a forward pass, its adjoint, and the local gradients that carry it on."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from verifier.arithmetic import balls, floats, reals, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding.by_statement import expression_text
from verifier.compare.check import Check
from verifier.exact import derivatives
from verifier.exact.adjoints import Slopes
from verifier.language import formats
from verifier.report.details import PlayedGate

BITS = 128
DIGITS = 6  # of local gradients and adjoints: what fits on a board
MOST_GATES = 160  # longer passes are not played: nobody steps through them


def replay(check: Check, point: Sequence[float]) -> tuple[PlayedGate, ...]:
    """The gates of an implementation's forward pass at a point, in order; none where there are more than MOST_GATES.

    Values are the floats of the format; adjoints and local gradients are over the reals, at a gradient `upstream` that flows into the output.
    """
    program = check.subject.program.forward_part()
    if len(program) > MOST_GATES:
        return ()
    computed = floats.at(program, point, fmt=check.format, upstream=check.upstream)
    found = []
    with balls.precision(BITS):
        known = reals.at(program, point)
        values = [known[i] for i in range(len(program))]
        variables = [i for i, name in enumerate(program.inputs) if name not in program.parameters]
        slopes = Slopes(program, values, variables, strict=True)
        adjoints = slopes.adjoints(program.output)
        upstream = arb(check.upstream)
        for i, step in enumerate(program.steps):
            adjoint = adjoints.get(i)
            partials, flows = [""] * len(step.args), [""] * len(step.args)
            left = list(slopes.of(i)) if adjoint is not None and step.args else []
            for k, argument in enumerate(step.args):  # an operand without a local gradient has no entry among the slopes
                if adjoint is not None and left and left[0][0] == argument:
                    slope = left.pop(0)[1]
                    partials[k], flows[k] = _text(slope), _text(slope * adjoint * upstream)
            value = str(bool(computed[i])) if step.gate in derivatives.TRUTHS else formats.text(check.format, float(computed[i]))
            text = step.text or expression_text(program, i)
            found.append(PlayedGate(step.name, text, step.gate, step.args, value, "" if adjoint is None else _text(adjoint * upstream), tuple(partials), tuple(flows)))
    return tuple(found)


def _text(ball: Ball) -> str:
    """A number with a few certified digits; "-" where it is not known."""
    if ball.is_zero():
        return "0"
    return rounding.digits(ball, DIGITS) or "-" if ball.is_finite() else "-"
