"""What a wrong line gives and what is needed there, as text."""

from __future__ import annotations

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.formula import array_lines, locate
from verifier.blame.formula.adjoint_values import BITS

FIGURE_DIGITS = 20
SHORT_DIGITS = 8  # in the words of a finding
BELOW_ALL = arb(2) ** -1100  # less than the smallest number of every format: exp(-1e9), or a 0 that is known to so many digits
MORE_DIGITS = (17, 25)


def array_plainly(w: array_lines.Wrong) -> str:
    """What the worst component is, and what is needed."""
    with balls.precision(BITS):
        return f"it gives {digits(w.computed[w.worst][0], SHORT_DIGITS)} where {digits(w.needed[w.worst][0], SHORT_DIGITS)} is needed"


def array_figures(wrong: array_lines.Wrong) -> list[str]:
    """The value that the worst component should have at the first point, and the value that it has."""
    with balls.precision(BITS):
        return [f"needed    {digits(wrong.needed[wrong.worst][0])}", f"this line {digits(wrong.computed[wrong.worst][0])}"]


def plainly(mistake: locate.Mistake) -> str:
    """What the statement gives at the first point, and what is needed."""
    needed, computed = mistake.needed[0], mistake.computed[0]
    if not all(isinstance(x, arb) and x.is_finite() for x in (needed, computed)):
        return ""
    with balls.precision(BITS):
        for places in (SHORT_DIGITS, *MORE_DIGITS):  # near values need more digits to differ
            ours, right = digits(computed, places), digits(needed, places)
            if not arb(ours).overlaps(arb(right)):  # 1.0 and 1.0000000 are no two numbers
                return f": it gives {ours} where {right} is needed"
        return ""


def figures(mistake: locate.Mistake) -> list[str]:
    """The value that the statement should have at the first point, and the value that it has on exact operands."""
    needed, computed = mistake.needed[0], mistake.computed[0]
    rows = []
    if isinstance(needed, arb) and mistake.kind in ("wrong", "missing"):
        rows.append(f"needed    {digits(needed)}" if mistake.kind == "wrong" else f"missing   {digits(needed)}")
    if mistake.kind == "wrong":
        ratio = ""
        if isinstance(computed, arb) and computed.is_finite() and needed != 0:
            share = computed / needed
            near = abs(share - 1) < 1e-6
            figure = f"1 {'+' if share > 1 else '-'} {digits(abs(share - 1), 4)}" if near else digits(share, 8)
            is_known = not share.contains(1) and (not near or (share - 1).rel_accuracy_bits() > 0)  # else the figure would have no digit
            ratio = f"   ({figure} times the right value)" if is_known else ""
        rows.append(f"this line {digits(computed)}{ratio}")
    return rows


def digits(value: Ball, count: int = FIGURE_DIGITS) -> str:
    """So many significant digits of a number; not all of them are certain where its enclosure is wide."""
    if not isinstance(value, arb):
        return str(value)
    if value.is_finite() and abs(value) < BELOW_ALL:
        return "0"
    return rounding.digits(value, count) or (value.str(count, radius=False) if value.is_finite() else "no real value")
