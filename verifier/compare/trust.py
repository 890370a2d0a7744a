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
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, fmpq

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball
from verifier.circuit.expand import LOG_SUMS
from verifier.circuit.program import Program, Step
from verifier.language.formats import FORMATS, Format
from verifier.language.gates import GATES, SUMS
from verifier.trace.record import Floats, Trace

BITS = 128
FEWEST_IN_BLOCK = 8  # steps that are worth being looked at together
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
    with balls.precision(BITS):
        comparison = _Comparison(trace, fmt)
        comparison.run()
    return [comparison.found[n] for n in sorted(comparison.found)]


@dataclass(eq=False)
class _Comparison:
    """The framework's floats beside the steps, as far as these were looked at, at flint's current precision."""

    trace: Trace
    format: Format
    known: list[_StepBound | float | None] = field(default_factory=list)  # a float: one that the framework computed or was given, exactly
    plain: list[float | None] = field(default_factory=list)  # what the framework goes on with, where that is one float64
    beyond_range: set[int] = field(default_factory=set)  # steps at which the framework overflowed, and what it computed of them: their real values tell nothing of its floats
    found: dict[int, Disagreement] = field(default_factory=dict)  # by the number of a reading
    read: dict[int, list[tuple[float, int]]] = field(default_factory=dict)  # by step, the floats that were read of it, each with the number of its reading

    def __post_init__(self) -> None:
        self.is_double = [self.format.name == "float64" and r.format in ("", "float64") for r in self.trace.readings]
        self.unit, self.least = arb(fmpq(*_ratio(self.format.unit_roundoff))), arb(fmpq(*_ratio(self.format.smallest)))
        self.units = {name: _unit(name, self.unit) for name in {r.format for r in self.trace.readings}}

    def run(self) -> None:
        """Look at every step that was read, and at what it is computed from; those of a block together."""
        needed, blocks = _needed(self.trace), _blocks(self.trace, self.is_double)
        wanted = needed.copy()
        for block in blocks.values():
            wanted[block.first : block.stop] = False
        self.read = _read(self.trace, wanted)
        while (i := len(self.known)) < len(needed):
            if i in blocks:
                self._block(blocks[i])
            elif needed[i]:
                self._step(i)
            else:
                self._add(None, None)

    def _add(self, known: _StepBound | float | None, plain: float | None) -> None:
        self.known.append(known)
        self.plain.append(plain)

    def _block(self, block: _Block) -> None:
        values, is_settled = block.settled(self.plain)
        if is_settled.all():
            self.known += values.tolist()
            self.plain += values.tolist()
            return
        left = np.zeros(len(self.trace.program), dtype=bool)
        left[block.first : block.stop] = ~is_settled
        self.read |= _read(self.trace, left)
        for value, is_one in zip(values.tolist(), is_settled.tolist(), strict=True):
            if is_one:
                self._add(value, value)
            else:
                self._step(len(self.known))

    def _step(self, i: int) -> None:
        step, values = self.trace.program.steps[i], self.read.get(i, [])
        if step.gate == "input" and not values:
            self._add(self.trace.point[i], self.trace.point[i] if self.format.name == "float64" else None)
            return
        in_double = all(self.is_double[n] for _, n in values)
        if values and in_double:
            explained = _rounded_once(step, self.plain)
            if explained is None or any(v != explained for v, _ in values):
                explained = _near_the_real(step, self.plain, [v for v, _ in values], self.unit)
            if explained is not None:
                self._add(explained, explained)
                return
        one, seen = self._enclosed(i, values)
        self._add(one, _plain(step, self.plain, seen, one) if in_double and self.format.name == "float64" else None)

    def _enclosed(self, i: int, values: Sequence[tuple[float, int]]) -> tuple[_StepBound | None, list[float]]:
        """A step as what follows may be computed from it, and the floats that were held against it: each against the step itself, as two kernels may round it differently."""
        step = self.trace.program.steps[i]
        one = run = _run(self.trace.program, i, self.known, self.trace.point, self.unit, self.least)
        if one is None and not self.beyond_range.isdisjoint(step.args):
            self.beyond_range.add(i)
        seen: list[float] = []
        for value, number in values:
            one = run
            if not math.isfinite(value):
                self.beyond_range.add(i)
            elif i in self.beyond_range:  # it is a number again: what follows is checked from here
                one = _StepBound(arb(value), arb(0), abs(arb(value)), 1, self._unit_of(number))
            if one is None or i in self.beyond_range or not isinstance(one.value, arb) or not one.value.is_finite():
                continue
            self._hold(i, one, value, number)
            seen.append(value)
            one = _StepBound(arb(value), arb(max(seen) - min(seen)), abs(arb(value)), 1, self._unit_of(number))  # what follows may be computed from any of them
        return one if i not in self.beyond_range or (one is not None and one is not run) else None, seen

    def _unit_of(self, number: int) -> Ball:
        """The unit roundoff of a reading."""
        return self.units[self.trace.readings[number].format]

    def _hold(self, i: int, one: _StepBound, value: float, number: int) -> None:
        """Hold a float against its step."""
        own = max(one.unit, self._unit_of(number))
        roundings = 0 if self.trace.program.steps[i].gate in EXACT else LIBRARY_ROUNDINGS * own * abs(one.value)
        allowed = one.radius + max(one.terms - 1, 0) * own * one.size + roundings + self.least * max(one.terms, 1)
        off = abs(arb(value) - one.value)
        if off > allowed and number not in self.found and (beyond := off - allowed) > 0:
            share = beyond / max(abs(one.value), abs(arb(value))).upper()
            bits = -float(share.log() / arb(2).log()) if share > 0 else math.inf
            self.found[number] = Disagreement(i, self.trace.readings[number].what, value, float(one.value.mid()), bits)


def _needed(trace: Trace) -> npt.NDArray[np.bool_]:
    """The steps that were read, and those that they are computed from."""
    found = np.zeros(len(trace.program), dtype=bool)
    for reading in trace.readings:
        found[reading.steps.ravel()] = True
    needed = found.tolist()
    for i in range(len(needed) - 1, -1, -1):
        if needed[i]:
            for a in trace.program.steps[i].args:
                needed[a] = True
    return np.array(needed, dtype=bool)


def _read(trace: Trace, wanted: npt.NDArray[np.bool_]) -> dict[int, list[tuple[float, int]]]:
    """The floats that were read of some steps, each with the number of its reading."""
    found: dict[int, list[tuple[float, int]]] = {}
    for number, reading in enumerate(trace.readings):
        at, values = reading.steps.ravel(), reading.floats.ravel()
        some = wanted[at]
        if not some.all():
            at, values = at[some], values[some]
        for index, value in zip(at.tolist(), values.tolist(), strict=True):
            found.setdefault(index, []).append((value, number))
    return found


@dataclass(frozen=True, eq=False)
class _Block:
    """Steps of one gate, one after the other, that were read in float64: their operands, which stand before them, and the lowest and the highest float that was read of each."""

    first: int
    stop: int
    gate: str
    operands: list[list[int]]
    low: Floats
    high: Floats

    def settled(self, plain: Sequence[float | None]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """What `_rounded_once` or `_near_the_real` gives of every step, and whether it gives that and all floats that were read are that."""
        operands = [np.array([plain[a] for a in column], dtype=np.float64) for column in self.operands]  # NaN for what is not known
        with np.errstate(all="ignore"):
            rounded = (NEAREST.get(self.gate) or LIBRARY[self.gate])(*operands)
            if self.gate in LIBRARY:
                return self.low, (self.low == self.high) & (np.abs(rounded) >= NORMAL) & (np.abs(self.low - rounded) <= LIBRARY_APART * np.abs(rounded))
        size = np.abs(rounded)
        is_rounded = ((size >= NORMAL) & (size < math.inf)) | ((size == 0) & (self.gate not in UNDERFLOWING))
        if self.gate in QUOTIENTS:
            is_rounded &= operands[-1] != 0
        return rounded, is_rounded & (self.low == rounded) & (self.high == rounded)


def _blocks(trace: Trace, is_double: Sequence[bool]) -> dict[int, _Block]:
    """The blocks of steps whose readings can be looked at together, by their first steps."""
    steps, size = trace.program.steps, len(trace.program)
    starts = [(reading.steps.item(0), reading.steps.size) for n, reading in enumerate(trace.readings) if is_double[n] and reading.steps.size >= FEWEST_IN_BLOCK and steps[reading.steps.item(0)].gate in TOGETHER]
    if not starts:
        return {}
    low, high, is_free = np.full(size, np.inf), np.full(size, -np.inf), np.ones(size, dtype=bool)
    with np.errstate(invalid="ignore"):  # NaN among the readings
        for n, reading in enumerate(trace.readings):
            at, values = reading.steps.ravel(), reading.floats.ravel()
            np.minimum.at(low, at, values)
            np.maximum.at(high, at, values)
            is_free[at] &= is_double[n]
    found: dict[int, _Block] = {}
    for first, count in starts:
        stop = first + count
        if stop > size or not is_free[first:stop].all() or (low[first:stop] == np.inf).any():
            continue
        operands = list(map(list, zip(*[s.args for s in steps[first:stop]], strict=True))) if all(s.gate == steps[first].gate for s in steps[first:stop]) else []
        if operands and max(map(max, operands)) < first:
            found[first] = _Block(first, stop, steps[first].gate, operands, low[first:stop], high[first:stop])
            is_free[first:stop] = False
    return found


def _unit(name: str, otherwise: Ball) -> Ball:
    """The unit roundoff of a format, where it is coarser than the other."""
    return max(arb(fmpq(*_ratio(FORMATS[name].unit_roundoff))), otherwise) if name in FORMATS else otherwise


def _ratio(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator


NEAREST: Mapping[str, Callable[..., Any]] = {  # operations of float64, or of arrays of these, whose results are the real ones, rounded once
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg, "reciprocal": lambda x: 1.0 / x, "square": lambda x: x * x,
}  # fmt: skip
LIBRARY: Mapping[str, Callable[..., Any]] = {  # functions of one number that NumPy has within 4 unit roundoffs (1.6 at the most seen, at 200,000 arguments of each)
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "atan": np.arctan,
}  # fmt: skip
LIBRARY_APART = 4 * 2.0**-53  # of another library's result from NumPy's, relative: then it is within LIBRARY_ROUNDINGS of the real one
TOGETHER = frozenset((*NEAREST, *LIBRARY))
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
    size = abs(middle)
    if step.gate in LOG_SUMS and middle.is_finite():  # its kernels add the larger operand and a logarithm of at most 2, which may cancel
        size = abs(arb.max(*(p.value for p in parts))) + 1
    return _StepBound(middle, radius + (0 if step.gate in EXACT else LIBRARY_ROUNDINGS * own * size), abs(middle), 1, own)


def _widened(part: _StepBound, least: Ball) -> Ball:
    if not isinstance(part.value, arb):
        return part.value
    radius = part.radius + max(part.terms - 1, 0) * part.unit * part.size
    return part.value if radius.is_zero() else part.value + arb(0, (radius + least).upper())
