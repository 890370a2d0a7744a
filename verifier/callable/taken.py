"""Numbers that the code takes out of the framework's arrays: whether its outputs or gradients depend on them, so that the trace is that of another function."""

from __future__ import annotations

import math
from fractions import Fraction

from verifier.arithmetic import floats
from verifier.callable.question import split
from verifier.language.formats import Format, round_exact
from verifier.trace.record import Callee, Refusal, Trace, flat

STEP, WIDE_STEP = Fraction(1, 128), Fraction(1, 4)  # how far the inputs are moved, relative to each; the second in formats of 16 bits, whose rounding hides the first

OUTPUT, GRADIENT = "the output", "a gradient"


def not_frozen(callee: Callee, trace: Trace, fmt: Format) -> Trace:
    """The trace, if neither outputs nor gradients depend on a number that was taken out of an array. Raises Refusal where one does."""
    what = _depending(callee, trace, fmt) if trace.taken else ""
    if what:
        first = trace.taken[0]
        raise Refusal(
            f"an array is turned into the Python number {first.number!r}, and {what} depends on it",
            first.place,
            "keep it an array (no item(), float(), int()), or give function=, the formula as text, so that the returned numbers can be checked without a trace",
            trace.program.forward_part() if what == GRADIENT else None,
        )
    return trace


def _depending(callee: Callee, trace: Trace, fmt: Format) -> str:
    """What, at inputs beside those of the trace, is not what the trace gives there, up to the digits that a verdict of `rounding` may lose: an output, a gradient or '' for none; '' where the code takes another path there."""
    step = STEP if fmt.precision > 16 else WIDE_STEP
    moved = tuple(round_exact(fmt, Fraction(v) * (1 + step) if v else step) for v in trace.point)
    if not all(map(math.isfinite, moved)):
        return ""
    run = floats.run(trace.program, [[v] for v in moved], fmt=fmt)
    if any(bool(run[b.step][0]) is not b.holds for b in trace.branches if b.step >= 0):
        return ""
    try:
        ran = callee.run(*split(callee, moved), fmt)
    except Exception:  # noqa: BLE001 - the user's code, at a point that the user did not name
        return ""
    lost = 2.0 ** (fmt.precision / 3 - fmt.precision)
    outputs = [(index, value) for name, steps in trace.results.items() for index, value in zip(steps.ravel().tolist(), flat(ran.outputs[name]), strict=True)]
    names = dict.fromkeys(c.partition("[")[0] for c, _ in trace.claims)
    gradients = zip((trace.program.names[g] for _, g in trace.claims), (x for n in names for x in flat(ran.gradients[n])), strict=True)
    for what, pairs in ((OUTPUT, outputs), (GRADIENT, gradients)):
        for index, value in pairs:
            own = float(run[index][0])
            if not abs(own - value) <= lost * max(abs(own), abs(value)) and not (math.isnan(own) and math.isnan(value)):
                return what
    return ""


__all__ = ["not_frozen"]
