"""Whether a trace is what the framework computed: at every step that was read out, the framework's float against the step over the reals.

A step is run on the floats that were read before it. What it may be off by is what libraries and orders of summation explain:
a few roundings for every operation, and for a sum of n terms (n - 1) u times the sum of their sizes, whatever the order
(Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, fmpq

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball
from verifier.circuit.program import Program, Step
from verifier.language.formats import FORMATS, Format
from verifier.language.gates import GATES, SUMS
from verifier.trace.record import Trace

BITS = 128
LIBRARY_ROUNDINGS = 8  # unit roundoffs for every operation on the way to a reading that is no sum, and as many more where it is read: a function read at once may be off by 16, which is 8 to 16 ulp
NORMAL = sys.float_info.min  # the least float64 with all its digits
EXACT = frozenset(("copy", *(name for name, gate in GATES.items() if gate.exact)))


@dataclass(frozen=True)
class Disagreement:
    """A step at which the framework and the trace differ by more than rounding; `bits` are those in which they still agree."""

    step: int
    what: str
    framework: float
    trace: float
    bits: float

    def explains(self, fmt: Format) -> bool:
        """Whether a kernel that loses digits explains it: at least half of the digits agree. What agrees in fewer is another operation."""
        return self.bits >= fmt.precision / 2


@dataclass(frozen=True)
class _StepBound:
    """A step over the reals: its value, the radius that roundings before it explain, and where it is a sum the sizes and the number of its terms."""

    value: Ball
    radius: Ball
    size: Ball
    terms: int
    unit: Ball  # of the coarsest format in which it was computed


def disagreements(trace: Trace, fmt: Format) -> list[Disagreement]:
    """The steps at which the framework's floats are not explained by the trace, in order; the first of every reading."""
    read: dict[int, list[tuple[float, int]]] = {}
    is_double = [fmt.name == "float64" and r.format in ("", "float64") for r in trace.readings]
    for number, reading in enumerate(trace.readings):
        for index, value in zip(reading.steps.ravel().tolist(), reading.floats.ravel().tolist(), strict=True):
            read.setdefault(index, []).append((value, number))
    found: dict[int, Disagreement] = {}
    with balls.precision(BITS):
        unit = arb(fmpq(*_ratio(fmt.unit_roundoff)))
        units = {name: _unit(name, unit) for name in {r.format for r in trace.readings}}
        least = arb(fmpq(*_ratio(fmt.smallest)))
        known: list[_StepBound | float | None] = []  # a float: one that the framework computed or was given, exactly
        plain: list[float | None] = []  # what the framework goes on with, where that is one float64
        beyond_range: set[int] = set()  # steps at which the framework overflowed, and what it computed of them: their real values tell nothing of its floats
        for i, step in enumerate(trace.program.steps):
            values = read.get(i, [])
            if step.gate == "input" and not values:
                known.append(trace.point[i])
                plain.append(trace.point[i] if fmt.name == "float64" else None)
                continue
            in_double = all(is_double[n] for _, n in values)
            if values and in_double and (rounded := _rounded_once(step, plain)) is not None and all(v == rounded for v, _ in values):
                known.append(rounded)
                plain.append(rounded)
                continue
            if values and in_double and (near := _near_the_real(step, plain, [v for v, _ in values], unit)) is not None:
                known.append(near)
                plain.append(near)
                continue
            one = run = _run(trace.program, i, known, trace.point, unit, least)
            if one is None and not beyond_range.isdisjoint(step.args):
                beyond_range.add(i)
            seen: list[float] = []
            for value, number in values:  # each against the step itself: two kernels may round it differently
                one = run
                if not math.isfinite(value):
                    beyond_range.add(i)
                elif i in beyond_range:  # it is a number again: what follows is checked from here
                    one = _StepBound(arb(value), arb(0), abs(arb(value)), 1, units[trace.readings[number].format])
                if one is None or i in beyond_range or not isinstance(one.value, arb) or not one.value.is_finite():
                    continue
                own = max(one.unit, units[trace.readings[number].format])
                allowed = one.radius + max(one.terms - 1, 0) * own * one.size + (0 if step.gate in EXACT else LIBRARY_ROUNDINGS * own * abs(one.value)) + least * max(one.terms, 1)
                off = abs(arb(value) - one.value)
                if off > allowed and number not in found and (beyond := off - allowed) > 0:
                    share = beyond / max(abs(one.value), abs(arb(value))).upper()
                    bits = -float(share.log() / arb(2).log()) if share > 0 else math.inf
                    found[number] = Disagreement(i, trace.readings[number].what, value, float(one.value.mid()), bits)
                seen.append(value)
                one = _StepBound(arb(value), arb(max(seen) - min(seen)), abs(arb(value)), 1, units[trace.readings[number].format])  # what follows may be computed from any of them
            known.append(one if i not in beyond_range or (one is not None and one is not run) else None)
            plain.append(_plain(step, plain, seen, known[-1]) if in_double and fmt.name == "float64" else None)
    return [found[n] for n in sorted(found)]


def _unit(name: str, otherwise: Ball) -> Ball:
    """The unit roundoff of a format, where it is coarser than the other."""
    return max(arb(fmpq(*_ratio(FORMATS[name].unit_roundoff))), otherwise) if name in FORMATS else otherwise


def _ratio(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator


NEAREST: Mapping[str, Callable[..., float]] = {  # operations of float64 whose results are the real ones, rounded once
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg, "reciprocal": lambda x: 1.0 / x, "square": lambda x: x * x,
}  # fmt: skip
QUOTIENTS, UNDERFLOWING = frozenset(("div", "reciprocal")), frozenset(("mul", "div", "reciprocal", "square"))


def _rounded_once(step: Step, plain: Sequence[float | None]) -> float | None:
    """The real result of a step of the floats before it, rounded once: where that was read there is nothing to explain. None where it is not told from them."""
    operation = NEAREST.get(step.gate)
    if operation is None:
        return None
    operands = [plain[a] for a in step.args]
    if None in operands or (step.gate in QUOTIENTS and operands[-1] == 0):
        return None
    found = operation(*operands)
    return found if NORMAL <= abs(found) < math.inf or (found == 0 and step.gate not in UNDERFLOWING) else None


def _near_the_real(step: Step, plain: Sequence[float | None], values: Sequence[float], unit: Ball) -> float | None:
    """The one float64 that was read of a step of floats, where it is so near to the real result of these that a library function explains it; None where that takes a closer look."""
    value, operands = values[0], [plain[a] for a in step.args]
    if not operands or None in operands or step.gate in SUMS or step.gate in EXACT or step.gate in FORMATS or not math.isfinite(value) or any(v != value for v in values):
        return None
    found = reals.function_of(step)(*map(arb, operands))
    return value if isinstance(found, arb) and found.is_finite() and abs(arb(value) - found) <= LIBRARY_ROUNDINGS * unit * abs(found) else None


def _plain(step: Step, plain: Sequence[float | None], seen: Sequence[float], known: _StepBound | float | None) -> float | None:
    """What the framework goes on with after a step: what was read of it, or a literal (perhaps negated) as it is in float64."""
    if seen:
        return seen[0] if known is not None and all(v == seen[0] for v in seen) else None
    if step.gate == "neg" and (value := plain[step.args[0]]) is not None:
        return -value
    return float(known.value.mid()) if step.gate == "number" and isinstance(known, _StepBound) and isinstance(known.value, arb) else None


def _bound_of(known: _StepBound | float | None, unit: Ball) -> _StepBound | None:
    """What is known of a step; of one that is a float, that."""
    if not isinstance(known, float):
        return known
    value = arb(known)
    return _StepBound(value, arb(0), abs(value), 1, unit)


def _run(program: Program, index: int, known: Sequence[_StepBound | float | None], point: tuple[float, ...], unit: Ball, least: Ball) -> _StepBound | None:
    step = program.steps[index]
    if step.gate == "input":
        value: Ball = arb(point[index])
        return _StepBound(value, arb(0), abs(value), 1, unit)
    if not step.args:
        value = reals.leaf(step)
        return _StepBound(value, abs(value) * unit, abs(value), 1, unit)
    operands = [_bound_of(known[a], unit) for a in step.args]
    if any(o is None for o in operands):
        return None
    parts: list[_StepBound] = [o for o in operands if o is not None]
    own = max([p.unit for p in parts] + ([_unit(step.gate, unit)] if step.gate in FORMATS else []))
    if step.gate in SUMS:
        value = parts[0].value + parts[1].value if step.gate == "add" else parts[0].value - parts[1].value
        return _StepBound(value, parts[0].radius + parts[1].radius, parts[0].size + parts[1].size, parts[0].terms + parts[1].terms, own)
    wide = [_widened(p, least) for p in parts]
    found = reals.function_of(step)(*wide)
    if not isinstance(found, arb):
        return None if found is None else _StepBound(found, arb(0), arb(0), 1, own)
    middle = arb(found.mid()) if found.is_finite() else found
    radius = arb(found.rad()) if found.is_finite() else arb(0)
    return _StepBound(middle, radius + (0 if step.gate in EXACT else LIBRARY_ROUNDINGS * own * abs(middle)), abs(middle), 1, own)


def _widened(part: _StepBound, least: Ball) -> Ball:
    if not isinstance(part.value, arb):
        return part.value
    radius = part.radius + max(part.terms - 1, 0) * part.unit * part.size
    return part.value if radius.is_zero() else part.value + arb(0, (radius + least).upper())
