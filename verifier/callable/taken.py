"""Numbers that the code takes out of the framework's arrays: whether its outputs depend on them, so that the trace is that of another function."""

from __future__ import annotations

import math
from fractions import Fraction

from verifier.arithmetic import floats
from verifier.callable.question import split
from verifier.language.formats import Format, round_exact
from verifier.trace.record import Callee, Refusal, Trace, flat

STEP, WIDE_STEP = Fraction(1, 128), Fraction(1, 4)  # how far the inputs are moved, relative to each; the second in formats of 16 bits, whose rounding hides the first


def not_frozen(callee: Callee, trace: Trace, fmt: Format) -> Trace:
    """The trace, if the outputs do not depend on a number that was taken out of an array. Raises Refusal where they do."""
    if trace.taken and _depends(callee, trace, fmt):
        first = trace.taken[0]
        raise Refusal(
            f"a tensor is turned into the Python number {first.number!r}, and the output depends on it",
            first.place,
            "keep it a tensor (no item(), float(), int()), or give function=, the formula as text, so that the returned numbers can be checked without a trace",
        )
    return trace


def _depends(callee: Callee, trace: Trace, fmt: Format) -> bool:
    """Whether the outputs at inputs beside those of the trace are not what the trace gives there, up to the digits that a verdict of `rounding` may lose; False where the code takes another path there."""
    count = sum(map(math.prod, callee.inputs.values()))
    step = STEP if fmt.precision > 16 else WIDE_STEP
    moved = tuple(round_exact(fmt, Fraction(v) * (1 + step) if v else step) if k < count else v for k, v in enumerate(trace.point))
    if not all(map(math.isfinite, moved)):
        return False
    run = floats.run(trace.program, [[v] for v in moved], fmt=fmt)
    if any(bool(run[b.step][0]) is not b.holds for b in trace.branches if b.step >= 0):
        return False
    try:
        computed = callee.run(*split(callee, moved), fmt).outputs
    except Exception:  # noqa: BLE001 - the user's code, at a point that the user did not name
        return False
    lost = 2.0 ** (fmt.precision / 3 - fmt.precision)
    for name, steps in trace.results.items():
        for index, value in zip(steps.ravel().tolist(), flat(computed[name]), strict=True):
            own = float(run[index][0])
            if not abs(own - value) <= lost * max(abs(own), abs(value)) and not (math.isnan(own) and math.isnan(value)):
                return True
    return False


__all__ = ["not_frozen"]
