"""The forward pass over boxes: every operation enclosed over all points of a box and all roundings up to the present one.

The value of an operation is that over the reals, with every operation before it off by any part of its rounding. So an enclosure holds the real value, the
float, and what lies between them on the way from one to the other, which is what the mean value theorem is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from verifier.arithmetic import floats
from verifier.arithmetic.intervals import choices
from verifier.arithmetic.intervals.interval import ONE, UNKNOWN, Interval, div, down, exactly, known, mul, up
from verifier.arithmetic.intervals.run import FUNCTIONS, constants
from verifier.arithmetic.types import DoubleArray, Doubles, Mask, Truths
from verifier.compare.boxes.bounds import Box, float64_above, float64_below
from verifier.compare.boxes.by_balls import BY_BALLS, enclosed
from verifier.compare.boxes.operations import JUMPS, Operation, Operations
from verifier.compare.boxes.remainders import REMAINDERS, Remainder, remainder, slope_of
from verifier.compare.boxes.roundings import (
    NONE,
    SCALE,
    SLACK,
    FormatFigures,
    LargestRounding,
    at_most,
    bits,
    of_library,
    sizes,
    to_nearest,
    with_jump,
)
from verifier.compare.boxes.signed_zeros import OF_SIGNED_ZERO, angle, copysign
from verifier.language.formats import FORMATS, round_exact
from verifier.language.gates import COMPARISONS, GATES, LOGIC
from verifier.language.numeral import exact

RealEnclosure: TypeAlias = "Interval | Truths"
HALF = Interval(np.float64(0.0), np.float64(1.0))  # of a choice that is not decided
SIDES = Interval(np.float64(-1.0), np.float64(1.0))
BELOW_ONE = frozenset(("sin", "tanh", "erf"))  # in size, at every float: pi is irrational, and the others are below 1 at every number; cos is, but at 0, where it is exact (C's Annex F)
MAY_JUMP = JUMPS | REMAINDERS | COMPARISONS | LOGIC | {"where", *OF_SIGNED_ZERO}
OF_SIGN = {"sign": 0, **OF_SIGNED_ZERO}  # and the operand whose sign decides
LEAST_COS = -62  # |cos| is above 2^this at every float64, and so at every number of a narrower format: no such number is nearer to a multiple of pi/2 (Muller, Elementary Functions: 2^-60.9)
WHOLE: dict[str, Callable[[Doubles], Doubles]] = {"sign": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint}


class RoundingPlan:
    """What every pass over the same operations shares: which of them carry errors, their assumed errors, the steps that are cut into slices."""

    def __init__(self, done: Operations, ulps: Mapping[str, float], *, upstream: float, cuts: Sequence[int] = (), in_ulps: bool = True, box: Box | None = None) -> None:
        self.done, self.ulps, self.upstream, self.cuts = done, ulps, upstream, tuple(cuts)
        self._before: dict[int, set[int]] = {}
        self.bits: list[FormatFigures] = [bits(o.format) for o in done.operations]
        self.inputs = [k for k, o in enumerate(done.operations) if o.gate == "input"]
        self.known = constants(done.reals, strict=False, rounded_in=None)
        self.carries, self.agrees = _carrying(done.operations)
        self.is_smooth = in_ulps and not cuts and not any(o.gate in MAY_JUMP for o in done.operations)  # so that partial derivatives have all of a change; of a slice the way from one point to another may lead out
        self.moves = _moving(done.operations, box) if self.is_smooth else [False] * len(done.operations)
        self.may_skip = any(o.gate == "where" for o in done.operations)
        self.measured = set(range(len(done.operations))) if in_ulps else _before(done.operations, self.cuts)  # operations whose distance from the real value is bounded
        ends = zip(self.inputs, box.low, box.high, strict=True) if box is not None else ()
        self.powers = {k for k, low, high in ends if low == high and _is_power_of_two(low)}  # operations that are powers of two: inputs with one value, leaves, and their negatives
        self.leaves = {k: self._leaf(k) for k, o in enumerate(done.operations) if o.is_leaf and o.gate != "input"}
        for k, o in enumerate(done.operations):
            if o.gate == "neg" and o.args[0] in self.powers:  # the `(-1)` of a pasted line
                self.powers.add(k)

    def before(self, output: int) -> set[int]:
        """The operations that one depends on, itself included."""
        if output not in self._before:
            self._before[output] = _before(self.done.operations, [output])
        return self._before[output]

    def _leaf(self, k: int) -> tuple[Interval, Interval, LargestRounding]:
        """A leaf: what it is over the reals, that and its float, and its rounding, which is known."""
        o, b = self.done.operations[k], self.bits[k]
        if o.gate == "upstream":
            here = exactly(np.float64(self.upstream))
            self.powers.update([k] if _is_power_of_two(self.upstream) else [])
            return here, here, NONE
        real = self.known[self.done.exact[k]]
        assert isinstance(real, Interval)
        value = leaf_float(o)
        if o.rounding == "none":
            self.powers.update([k] if _is_power_of_two(value) else [])
            return exactly(np.float64(value)), exactly(np.float64(value)), NONE
        if o.gate == "number":
            number = exact(o.text)
            real = Interval(np.float64(float64_below(number)), np.float64(float64_above(number)))
            off = abs(number - Fraction(value)) if np.isfinite(value) else None
            error = np.inf if off is None else _scaled(off) * SLACK
            relative = np.inf if off is None or number == 0 else float(off / abs(number)) * SLACK
        else:
            error = float(np.ldexp(max(real.high - value, value - real.low), SCALE)) * SLACK
            least = sizes(real)[0]
            relative = error / float(np.ldexp(least, SCALE)) * SLACK if least > 0 else np.inf
        rounding = LargestRounding(np.float64(error), np.float64(relative), np.float64(0.0)) if relative < 2 * b.unit else LargestRounding(np.float64(error), np.float64(0.0), np.float64(error))
        return real, Interval(np.minimum(real.low, value), np.maximum(real.high, value)), rounding


def _scaled(value: Fraction) -> float:
    """A rational in units of 2^-SCALE, to the nearest float; inf beyond."""
    return round_exact(FORMATS["float64"], value * 2**SCALE)


def _is_power_of_two(value: float) -> bool:
    return bool(value != 0 and abs(np.frexp(value)[0]) == 0.5)


def leaf_float(o: Operation) -> float:
    """The float of a literal or a constant."""
    if o.gate == "number":
        return floats.literal(o.text, o.format)
    value = floats.CONSTANT_VALUES[o.text]
    return round_exact(o.format, Fraction(value)) if np.isfinite(value) else value


def _carrying(done: Sequence[Operation]) -> tuple[list[bool], list[bool]]:
    """Whether an operation, or one that it reads, may be off; and whether it decides as the reals do at every point, where it decides."""
    carries: list[bool] = []
    agrees: list[bool] = []

    def has_exact_sign(a: int) -> bool:
        """A sum of numbers that are not off has the sign of the real one: rounding keeps the order, and a sum that is not 0 is not rounded to 0."""
        return not carries[a] or (done[a].gate in ("add", "sub") and not any(carries[b] for b in done[a].args))

    for o in done:
        if o.gate in COMPARISONS:
            against_zero = [a for a, b in (o.args, o.args[::-1]) if done[b].is_leaf and done[b].gate == "number" and leaf_float(done[b]) == 0]
            agrees.append(not any(carries[a] for a in o.args) or any(map(has_exact_sign, against_zero)))
        elif o.gate in LOGIC:
            agrees.append(all(agrees[a] for a in o.args))
        elif o.gate == "where":
            agrees.append(agrees[o.args[0]])
        else:
            agrees.append(has_exact_sign(o.args[OF_SIGN[o.gate]]) if o.gate in OF_SIGN else not any(carries[a] for a in o.args))
        decides = o.gate in COMPARISONS or o.gate in LOGIC
        may_jump = (o.gate in JUMPS or o.gate == "where") and not agrees[-1]
        read = () if decides or o.gate in JUMPS else o.args[1:] if o.gate == "where" else o.args
        carries.append(not decides and (o.rounding != "none" or may_jump or any(carries[a] for a in read)))
    return carries, agrees


def _moving(done: Sequence[Operation], box: Box | None) -> list[bool]:
    """Per operation whether it changes with the inputs of a box."""
    moves: list[bool] = []
    for o in done:
        moves.append(o.gate == "input" and (box is None or _is_wide(box, o.text)) if o.is_leaf else any(moves[a] for a in o.args))
    return moves


def _is_wide(box: Box, name: str) -> bool:
    at = box.inputs.index(name)
    return box.low[at] < box.high[at]


def _before(done: Sequence[Operation], cuts: Sequence[int]) -> set[int]:
    """The operations that some steps depend on, these included."""
    found = set(cuts)
    for k in range(len(done) - 1, -1, -1):
        if k in found:
            found.update(done[k].args)
    return found


Limits = Mapping[int, Interval]


class ForwardBoxes:
    """The forward pass over a column of boxes: `values[k]` encloses operation k on the whole way, `exact[k]` its exact function of such operands.

    `low` and `high` have a column per input. With `limits` only those points of the boxes are meant at which the real values of some operations are in some
    intervals; `empty` marks boxes without such a point. With `is_real` no operation is rounded.
    """

    def __init__(self, plan: RoundingPlan, low: Sequence[DoubleArray], high: Sequence[DoubleArray], limits: Limits | None = None, *, is_real: bool = False) -> None:
        self.plan, self.limits, self.is_real = plan, limits or {}, is_real
        self.nodes: dict[int, RealEnclosure] = {}
        self.values: list[RealEnclosure] = []
        self.exact: list[RealEnclosure] = []
        self.roundings: list[LargestRounding] = []
        self.granularity: dict[int, Any] = {}
        self.rests: dict[int, Remainder] = {}
        self.empty: Mask = np.zeros(len(low[0]) if low else 1, dtype=np.bool_)
        self.adjoints: dict[int, dict[int, Interval]] = {}  # of outputs whose effects were found
        self.infinite: dict[int, Mask] = {}  # of operations whose float may be infinite or no number: where
        self.undecided: dict[int, Mask] = {}  # of operations that have no error but read such a float, as conditions do: where
        self.off: dict[int, Doubles] = {}  # how far operations are from their real values
        for k, o in enumerate(plan.done.operations):
            if o.gate == "input":
                n = plan.inputs.index(k)
                here = exactly(low[n]) if low[n] is high[n] else Interval(low[n], high[n])
                here = self._limited(k, here, np.float64(0.0))
                self._append(k, here, here, NONE)
            elif o.is_leaf and is_real:
                self._append(k, plan.leaves[k][0], plan.leaves[k][0], NONE)
            elif o.is_leaf:
                self._append(k, *plan.leaves[k])
                if plan.carries[k]:
                    self.off[k] = _distance(*plan.leaves[k][:2])
            else:
                self._operation(k, o)

    def _operation(self, k: int, o: Operation) -> None:
        """Append what an operation of these operands is, exactly and rounded."""
        raw, jump = self._apply(k, o)
        read = o.args[:1] if o.gate == "where" else () if self.plan.carries[k] else o.args
        if not self.is_real and (found := [self.infinite[a] for a in read if a in self.infinite]):
            self.undecided[k] = np.any(np.broadcast_arrays(*found), axis=0)
        if not isinstance(raw, Interval) or self.is_real:
            self._append(k, raw, raw, NONE)
            return
        measured = k in self.plan.measured and self.plan.carries[k]
        moved = self._moved(k, o) if measured or k in self.limits else np.float64(0.0)
        raw = self._limited(k, raw, moved)
        rounding = self._with_operands(k, o, self._rounding(k, o, raw, jump))
        value = self._inflated(k, raw, rounding)
        self._append(k, raw, value, rounding)
        if o.gate in OF_SIGNED_ZERO and k in self.infinite and not self.plan.carries[k]:
            self.undecided[k] = self.infinite[k]
        if measured:
            self.off[k] = up(moved + _distance(raw, value), 4.0)

    def _append(self, k: int, raw: RealEnclosure, value: RealEnclosure, rounding: LargestRounding) -> None:
        self.exact.append(raw)
        self.values.append(value)
        self.roundings.append(rounding)
        self.nodes[k] = value
        if isinstance(value, Interval) and not np.all(sure := np.isfinite(value.low) & np.isfinite(value.high)):
            self.infinite[k] = ~sure

    def undecided_for(self, output: int) -> Mask:
        """Where an operation that the output depends on may read no number, and then decides otherwise than over the reals."""
        found = [mask for k, mask in self.undecided.items() if k in self.plan.before(output)]
        return np.any(np.broadcast_arrays(*found), axis=0) if found else np.zeros((), np.bool_)

    def number(self, k: int) -> Interval:
        """The value of an operation as a number: a truth value is 1 or 0."""
        return _as_number(self.values[k])

    def node(self, at: int) -> RealEnclosure:
        """What a node of the program over the reals is for these values."""
        if at not in self.nodes:
            if at in self.plan.known:
                self.nodes[at] = self.plan.known[at]
            else:
                step = self.plan.done.reals.steps[at]
                function = FUNCTIONS.get(step.gate)
                args = [self.node(a) for a in step.args]
                if step.gate not in GATES or not (GATES[step.gate].conditions or GATES[step.gate].kind == "logic"):
                    args = [_as_number(a) for a in args]
                found = UNKNOWN if function is None else function(*args)
                self.nodes[at] = enclosed(step.gate, args, found) if step.gate in BY_BALLS else found  # type: ignore[arg-type]
        return self.nodes[at]

    # ------------------------------------------------------------ one operation

    def _apply(self, k: int, o: Operation) -> tuple[RealEnclosure, Doubles | None]:
        """The exact function of the operands, and by how much the floats may be off because they take another branch."""
        if o.gate == "where":
            return self._where(k, o)
        if o.gate in WHOLE:
            a = self.number(o.args[0])
            low, high = WHOLE[o.gate](a.low), WHOLE[o.gate](a.high)
            return Interval(low, high), None if self.plan.agrees[k] else up(high - low)
        if o.gate in OF_SIGNED_ZERO:
            a, b = (self.number(x) for x in o.args)
            if o.gate == "copysign" and not o.format.signed_zero:
                a = known(a, (a.low > 0) | (a.high < 0) | (b.low > 0))  # 0 with a minus is no number there
            function = copysign if o.gate == "copysign" else angle
            return function(a, b, is_off=not self.plan.agrees[k])
        if o.gate in REMAINDERS:
            rest = self.rests[k] = remainder(o.gate, self.number(o.args[0]), self.number(o.args[1]))
            jump = None if self.plan.agrees[k] else np.where(rest.jumps, up(rest.value.high - rest.value.low), 0.0)
            return rest.value, jump
        return self.node(self.plan.done.exact[k]), None

    def _where(self, k: int, o: Operation) -> tuple[RealEnclosure, Doubles | None]:
        truth = self.values[o.args[0]]
        c = choices.truths(truth) if not isinstance(truth, Interval) else _as_truth(truth)
        first, second = self.values[o.args[1]], self.values[o.args[2]]
        if not isinstance(first, Interval) and not isinstance(second, Interval):
            return np.where(c == 1, first, np.where(c == 0, second, np.where(first == second, first, np.int8(-1)))), None
        a, b = _as_number(first), _as_number(second)
        low = np.where(c == 1, a.low, np.where(c == 0, b.low, np.minimum(a.low, b.low)))
        high = np.where(c == 1, a.high, np.where(c == 0, b.high, np.maximum(a.high, b.high)))
        return Interval(low, high), None if self.plan.agrees[k] else np.where(c == -1, up(np.maximum(a.high - b.low, b.high - a.low)), 0.0)

    def _rounding(self, k: int, o: Operation, raw: Interval, jump: Doubles | None) -> LargestRounding:
        b = self.plan.bits[k]
        least, most = sizes(raw)
        if o.rounding == "none":
            found = NONE
            if not np.all(most <= b.largest):
                found = _both_lost(most, b)
        elif o.rounding == "nearest":
            found = self._nearest(o, least, most, b)
        else:
            if o.gate in BELOW_ONE or (o.gate == "cos" and o.format.name == "float64"):  # there are no floats at which it is 1, so the ulp of 1 does not come in
                most = np.where(most == 1.0, np.nextafter(1.0, 0.0), most)
            found = of_library(least, most, b, self.plan.ulps.get(o.gate, np.inf))
            if o.gate == "cos" and b.emin < LEAST_COS:  # never subnormal
                found = found._replace(besides=np.where(found.may_overflow, np.inf, 0.0))
        return found if jump is None else with_jump(found, jump)

    def _with_operands(self, k: int, o: Operation, rounding: LargestRounding) -> LargestRounding:
        """Nothing is known where an operand may be infinite: 0 times an infinity is no number. What `where` does not choose has no effect."""
        found = [self.infinite[a] for a in o.args if a in self.infinite] if o.gate != "where" else []
        if not found or not self.plan.carries[k]:
            return rounding
        lost = np.any(np.broadcast_arrays(*found), axis=0)
        return LargestRounding(*(np.where(lost, np.inf, part) for part in rounding))

    def _nearest(self, o: Operation, least: Doubles, most: Doubles, b: FormatFigures) -> LargestRounding:
        found = to_nearest(least, most, b, may_underflow=o.gate not in ("add", "sub", "sqrt", "remainder"))
        if o.gate in ("add", "sub"):
            first, second = (sizes(self.number(a))[1] for a in o.args)
            if o.args[0] == o.args[1]:  # twice a number, or 0
                return LargestRounding(*(np.where(found.may_overflow, np.inf, 0.0) for _ in range(3)))
            found = at_most(found, np.ldexp(np.minimum(first, second), SCALE))  # either operand is a number of the format
            step = np.minimum(self.step_of(o.args[0]), self.step_of(o.args[1]))
            return at_most(found, np.where(most <= np.ldexp(1.0, step + b.precision), 0.0, np.inf))
        if o.gate in ("mul", "div"):
            operands = self.plan.done.operations
            for a in o.args if o.gate == "mul" else o.args[1:]:
                if a in self.plan.powers or self.plan.may_skip:
                    found = self._by_power(o, self.number(a), found, least, b)
            if o.gate == "mul" and np.any(found.besides != 0):  # a product of multiples of two powers of two is one of theirs: if that is no smaller than the least number, nothing is lost below the normal ones
                fits = self.step_of(o.args[0]) + self.step_of(o.args[1]) >= b.emin - b.precision + 1
                found = found._replace(besides=np.where(fits & ~found.may_overflow, 0.0, found.besides))
            if o.gate == "mul" and operands[o.args[0]].format.precision + operands[o.args[1]].format.precision <= b.precision:
                return at_most(found, np.where(least >= b.normal, 0.0, b.tiny))
        return found

    def _by_power(self, o: Operation, operand: Interval, found: LargestRounding, least: Doubles, b: FormatFigures) -> LargestRounding:
        """A product with a power of two, or a quotient by one, is rounded below the normal numbers only, and not even there where it is not made smaller."""
        power = (operand.low == operand.high) & (np.abs(np.frexp(operand.low)[0]) == 0.5)
        size = np.abs(operand.low)
        safe = (least >= b.normal) | (size >= 1 if o.gate == "mul" else size <= 1)
        tiny = np.where(power, np.where(safe, 0.0, b.tiny), np.inf)
        limited = at_most(found, tiny)
        return limited._replace(relative=np.where(power & ~found.may_overflow, 0.0, limited.relative), besides=np.where(found.may_overflow, np.inf, np.minimum(limited.besides, tiny)))

    def step_of(self, k: int) -> Any:
        """An exponent q such that the float of an operation is a whole multiple of 2^q."""
        if k not in self.granularity:
            o, b = self.plan.done.operations[k], self.plan.bits[k]
            if o.is_leaf and o.gate not in ("input", "upstream"):
                self.granularity[k] = _last_bit(leaf_float(o))
            else:
                least = sizes(self.number(k))[0]
                own = np.where(least > 0, np.maximum(np.frexp(least)[1] - 1, b.emin), b.emin) - b.precision + 1
                if o.gate in ("add", "sub"):
                    own = np.maximum(own, np.minimum(self.step_of(o.args[0]), self.step_of(o.args[1])))
                elif o.gate == "mul":
                    own = np.maximum(own, self.step_of(o.args[0]) + self.step_of(o.args[1]))
                elif o.gate in ("neg", "abs"):
                    own = np.maximum(own, self.step_of(o.args[0]))
                elif o.gate == "cos":
                    own = np.maximum(own, max(LEAST_COS - 1, b.emin) - b.precision + 1)
                self.granularity[k] = own
        return self.granularity[k]

    def _inflated(self, k: int, raw: Interval, rounding: LargestRounding) -> Interval:
        """The exact results with their roundings."""
        o, b = self.plan.done.operations[k], self.plan.bits[k]
        if rounding is NONE:
            return raw
        most = sizes(raw)[1]
        ulps = 2 * self.plan.ulps.get(o.gate, np.inf) if o.rounding in ("library", "unknown") else 1.0
        extra = np.ldexp(rounding.besides, -SCALE) * SLACK + ulps * (most * (b.unit * SLACK) + b.least)
        low, high = down(raw.low - extra), up(raw.high + extra)
        exact_here = rounding.error == 0
        return Interval(np.where(exact_here, raw.low, low), np.where(exact_here, raw.high, high))

    # ------------------------------------------------------------ slices

    def _moved(self, k: int, o: Operation) -> Doubles:
        """How far an operation is from its real value, on the whole way, by what the operations before are off."""
        total: Doubles = np.float64(0.0)
        for position, a in enumerate(o.args):
            slope = self.slope(k, position) if a in self.off else None
            if slope is not None:
                total = total + np.where(self.off[a] == 0, 0.0, sizes(slope)[1] * self.off[a])
        return up(total, 8.0) if np.any(total != 0) else total

    def _limited(self, k: int, raw: Interval, moved: Doubles) -> Interval:
        """What the exact results can be, where the real value is within limits."""
        if k not in self.limits:
            return raw
        limit = self.limits[k]
        still = moved == 0
        low = np.maximum(raw.low, np.where(still, limit.low, down(limit.low - moved)))
        high = np.minimum(raw.high, np.where(still, limit.high, up(limit.high + moved)))
        self.empty = self.empty | (low > high)
        found = Interval(np.minimum(low, high), np.maximum(low, high))
        if (node := self.plan.done.exact[k]) >= len(self.plan.done.operations):
            self.nodes[node] = found
        return found

    # ------------------------------------------------------------ partial derivatives

    def slope(self, k: int, position: int) -> Interval | None:
        """The partial derivative of an operation by one operand; of a choice the hull of those of its branches; None where there is none."""
        o = self.plan.done.operations[k]
        if o.gate == "where":
            return None if position == 0 else _chosen(self.values[o.args[0]], position)
        if o.gate in ("max", "min"):
            a, b = (self.number(x) for x in (o.args if position == 0 else o.args[::-1]))
            above, below = (a.low >= b.high, a.high <= b.low) if o.gate == "max" else (a.high <= b.low, a.low >= b.high)
            return Interval(np.where(above, 1.0, 0.0), np.where(below & ~above, 0.0, 1.0))
        if o.gate == "abs":
            a = self.number(o.args[0])
            return Interval(np.where(a.low >= 0, 1.0, -1.0), np.where(a.high <= 0, -1.0, 1.0))
        if o.gate == "copysign":
            if position == 1:
                return None
            a, b = self.number(o.args[0]), self.number(o.args[1])
            alike, opposite = ((a.low >= 0) & (b.low > 0)) | ((a.high <= 0) & (b.high < 0)), ((a.low >= 0) & (b.high < 0)) | ((a.high <= 0) & (b.low > 0))
            return Interval(np.where(alike, 1.0, -1.0), np.where(opposite, -1.0, 1.0))
        if k in self.rests:
            return slope_of(self.rests[k], position)
        node = self.plan.done.partials[k][position]
        return None if node is None else _as_number(self.node(node))

    def elasticity(self, k: int, position: int) -> Interval | None:
        """d log(result) / d log(operand)."""
        o = self.plan.done.operations[k]
        node = self.plan.done.elasticities[k][position]
        if node == "sum":
            a, b = self.number(o.args[position]), self.number(o.args[1 - position])
            return part_of_sum(a, b if o.gate == "add" else Interval(-b.high, -b.low) if position == 0 else b, minus=o.gate == "sub" and position == 1)
        if o.gate in ("abs", "copysign"):
            return ONE if position == 0 else None
        if k in self.rests:
            return div(mul(slope_of(self.rests[k], position), self.number(o.args[position])), self.rests[k].value)
        return self.slope(k, position) if node is None else _as_number(self.node(node))

    def logarithmic(self, k: int, position: int) -> Interval | None:
        """d log(result) / d operand."""
        node = self.plan.done.logarithmic[k][position]
        if node is not None:
            return _as_number(self.node(node))
        slope, raw = self.slope(k, position), self.exact[k]
        return None if slope is None or not isinstance(raw, Interval) else div(slope, raw)


def _distance(raw: RealEnclosure, value: RealEnclosure) -> Doubles:
    """How far an operation is from its exact function, at most."""
    assert isinstance(raw, Interval)
    assert isinstance(value, Interval)
    if raw is value:
        return np.float64(0.0)
    return up(np.maximum(raw.low - value.low, value.high - raw.high), 2.0)


def part_of_sum(a: Interval, b: Interval, *, minus: bool = False) -> Interval:
    """a / (a + b), which is monotonic in each: from its corners. With `minus` -a / (b - a), where `b` is what a is taken from."""
    if minus:
        a = Interval(-a.high, -a.low)
    corners = [(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    sums = [x + y for x, y in corners]
    parts = [x / s for (x, _), s in zip(corners, sums, strict=True)]
    alike = ((a.low >= 0) & (b.low >= 0)) | ((a.high <= 0) & (b.high <= 0))
    apart = (sums[0] > 0) | (sums[3] < 0)
    low = down(np.minimum(np.minimum(parts[0], parts[1]), np.minimum(parts[2], parts[3])), 4.0)
    high = up(np.maximum(np.maximum(parts[0], parts[1]), np.maximum(parts[2], parts[3])), 4.0)
    low, high = np.where(apart, low, np.nan), np.where(apart, high, np.nan)
    return Interval(np.where(alike, np.fmax(low, 0.0), low), np.where(alike, np.fmin(high, 1.0), high))


def _chosen(condition: RealEnclosure, position: int) -> Interval:
    c = condition if not isinstance(condition, Interval) else _as_truth(condition)
    taken = 1 if position == 1 else 0
    return Interval(np.where(c == taken, 1.0, 0.0), np.where((c == taken) | (c == -1), 1.0, 0.0))


def _as_number(value: RealEnclosure) -> Interval:
    if isinstance(value, Interval):
        return value
    return Interval(np.where(value == 1, 1.0, 0.0), np.where(value == 0, 0.0, 1.0))


def _as_truth(value: Interval) -> Truths:
    """A number as a condition: true where it is not 0."""
    return choices.decided((value.low > 0) | (value.high < 0), (value.low == 0) & (value.high == 0))


def _both_lost(most: Doubles, b: FormatFigures) -> LargestRounding:
    lost = np.where(most <= b.largest, 0.0, np.inf)
    return LargestRounding(lost, lost, lost)


def _last_bit(value: float) -> int:
    """The exponent of the last 1 bit of a number."""
    if value == 0 or not np.isfinite(value):
        return 2000 if value == 0 else -2000
    mantissa, exponent = np.frexp(value)
    whole = int(abs(mantissa) * 2**53)
    return int(exponent) - 53 + (whole & -whole).bit_length() - 1
