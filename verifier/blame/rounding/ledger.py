"""The ledger of roundings: what each step's own rounding does to a computed gradient. The effects add up to computed − real, identically.

g(k) is the gradient with the steps up to k in floats and the rest over the reals; the effect of step k is g(k) − g(k−1).
So g(0) = R, the backward pass over the reals, g(n) = ĝ, the computed gradient, and the sum telescopes: no second-order
remainder. The inputs are exact; a decimal literal is that decimal, and its rounding to the format is a step like any other.
A comparison keeps the decision of the reals until its own turn: where the floats decide otherwise, the jump is its own effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import arb

from verifier.arithmetic import balls, floats, reals, rounding
from verifier.arithmetic.types import Ball, Column, GateFunction
from verifier.circuit.program import Program, ancestors
from verifier.exact import derivatives
from verifier.language.formats import Format
from verifier.language.gates import COMPARISONS

FIRST_BITS = 192
LARGEST_BITS = 1 << 13
NARROW = arb(2) ** -40  # of the largest effect: what every effect is known to
INVISIBLE = arb(2) ** -60  # of an ulp of the gradient: the same where nothing rounds
DIFFERENCE_BITS = 1 << 14  # at which g(k) − g(k−1) is exact, but for absurd exponents: the midpoints telescope to the last bit
GIVEN = frozenset(("input", "upstream"))  # exact by definition


@dataclass(frozen=True, slots=True)
class Entry:
    """One step that rounded: its float minus the exact function of its float operands, and what that does to the gradient."""

    step: int
    own: Ball | None  # None for a comparison that the floats decide otherwise than the reals
    value: Ball  # the exact function of the float operands: its ulp is the unit of `own`
    effect: Ball


@dataclass(frozen=True)
class PointRun:
    """A program at one point, in floats and over the reals: `computed[i]` and `real[i]` for every step that was needed."""

    program: Program
    format: Format
    computed: tuple[float, ...]
    real: dict[int, Ball]
    bits: int


@dataclass(frozen=True)
class Ledger:
    """The roundings behind one computed gradient. `remainder` is exactly 0 unless the shares are first-order."""

    name: str
    output: int
    computed: float
    real: Ball  # R
    entries: tuple[Entry, ...]
    run: PointRun = field(repr=False)
    first_order: bool = False
    remainder: Ball = field(default_factory=arb)  # python-flint 0.8 cannot hash a ball, so none is a default

    @property
    def total(self) -> Ball:
        """computed − real."""
        with balls.precision(DIFFERENCE_BITS):
            return arb(self.computed) - self.real


@dataclass(frozen=True, slots=True)
class NoLedger:
    """Why there is none, and the first step on the way to the gradient whose float is not finite (-1 where all are)."""

    reason: str
    step: int = -1


class LedgerPlan:
    """What a program's ledgers share: the exact function of each step, and who follows whom on the way to the outputs."""

    def __init__(self, program: Program, outputs: Sequence[tuple[str, int]]) -> None:
        self.program = program
        self.outputs = tuple(outputs)
        steps = program.steps
        wanted = bytearray(len(steps))
        for _, output in outputs:
            wanted[output] = True
        for i in range(len(steps) - 1, -1, -1):
            if wanted[i]:
                for a in steps[i].args:
                    wanted[a] = True
        self.needed = [i for i in range(len(steps)) if wanted[i]]
        self.functions = [reals.function_of(s) if s.args else None for s in steps]
        self._reach: dict[bool, list[int]] = {}
        self._followers: dict[tuple[int, bool], tuple[tuple[int, GateFunction, tuple[int, ...]], ...]] = {}

    def needed_for(self, output: int) -> list[int]:
        """The steps that one output depends on, itself included, in order."""
        return sorted(ancestors(self.program, output))

    def followers(self, step: int, *, frozen: bool) -> tuple[tuple[int, GateFunction, tuple[int, ...]], ...]:
        """The needed steps that change with a step, in order; with `frozen` not through a comparison."""
        key = (step, frozen)
        if key not in self._followers:
            reach, steps = self._reaching(frozen=frozen)[step], self.program.steps
            self._followers[key] = tuple((i, f, steps[i].args) for i in self.needed if i > step and reach >> i & 1 and (f := self.functions[i]) is not None)
        return self._followers[key]

    def _reaching(self, *, frozen: bool) -> list[int]:
        """For every step the set, as bits, of needed steps that change with it."""
        if frozen not in self._reach:
            steps = self.program.steps
            reach = [0] * len(steps)
            for i in reversed(self.needed):
                reach[i] |= 1 << i
                if not (frozen and steps[i].gate in COMPARISONS):
                    for a in steps[i].args:
                        reach[a] |= reach[i]
            self._reach[frozen] = reach
        return self._reach[frozen]


def plan(program: Program, names: Sequence[str]) -> LedgerPlan:
    """The plan of the ledgers of some names of a program, its last versions."""
    return LedgerPlan(program, [(name, program.names[name]) for name in names])


def ledgers(planned: LedgerPlan, points: Sequence[Sequence[float]], *, fmt: Format, upstream: float = 1.0, computed: Sequence[Column] | None = None) -> list[list[Ledger | NoLedger]]:
    """The ledger of every output at every point: `result[point][output]`. `computed` is the float run, where it is known already."""
    if computed is None:
        columns = [[p[i] for p in points] for i in range(len(planned.program.inputs))]
        computed = floats.run(planned.program, columns, fmt=fmt, upstream=upstream)
    return [_at(planned, [column[p] for column in computed], fmt, upstream) for p in range(len(points))]


def _at(planned: LedgerPlan, computed: Sequence[float], fmt: Format, upstream: float) -> list[Ledger | NoLedger]:
    steps = planned.program.steps
    values = native(planned.program, computed)
    finite = [values[o] - values[o] == 0 for _, o in planned.outputs]
    result: list[Ledger | NoLedger | None] = [None] * len(finite)
    bits = FIRST_BITS
    while any(finite) and bits <= LARGEST_BITS:
        for frozen in (True, False):
            for c, found in enumerate(_telescope(planned, values, fmt, upstream, bits=bits, frozen=frozen)):
                if finite[c] and found is not None:
                    result[c], finite[c] = found, False
            if not any(finite) or not any(steps[i].gate in COMPARISONS for i in planned.needed):
                break
        bits *= 4
    return [failure(planned, values, o) if r is None else r for r, (_, o) in zip(result, planned.outputs, strict=True)]


def native(program: Program, computed: Sequence[float]) -> tuple[float, ...]:
    """One point of a float run as Python floats and truth values."""
    return tuple(bool(v) if s.gate in derivatives.TRUTHS else float(v) for s, v in zip(program.steps, computed, strict=True))


def failure(planned: LedgerPlan, computed: Sequence[float], output: int) -> NoLedger:
    """Why an output has no ledger."""
    steps = planned.program.steps
    step = next((i for i in planned.needed_for(output) if steps[i].args and computed[i] - computed[i] != 0), -1)
    return NoLedger("a float is not finite" if step >= 0 else "not enclosed over the reals", step)


def _telescope(planned: LedgerPlan, computed: tuple[float, ...], fmt: Format, upstream: float, *, bits: int, frozen: bool) -> list[Ledger | None]:
    """The ledgers at one precision; None for an output that is not enclosed narrowly enough."""
    with balls.precision(bits):
        real = real_run(planned, computed, upstream)
        values = dict(real)
        outputs = [o for _, o in planned.outputs]
        moved: list[list[tuple[int, Ball | None, Ball, Ball, Ball]]] = [[] for _ in outputs]
        steps = planned.program.steps
        for k in planned.needed:
            gate = steps[k].gate
            before, now = values[k], computed[k]
            if gate in GIVEN or before == now:
                continue
            old = [values[o] for o in outputs]
            own = None
            if gate in derivatives.TRUTHS:
                values[k] = now  # type: ignore[assignment]  # the floats' decision, in the column of a comparison
            else:
                values[k] = arb(now)
                own = values[k] - before
            changed = {k}
            for i, function, args in planned.followers(k, frozen=frozen):
                if not changed.isdisjoint(args):
                    after = function(*[values[a] for a in args])
                    if after is not values[i]:  # `where` and `max` hand on the operand that they choose
                        values[i] = after
                        changed.add(i)
            for c, o in enumerate(outputs):
                if values[o] is not old[c]:
                    moved[c].append((k, own, before, old[c], values[o]))
    run = PointRun(planned.program, fmt, computed, real, bits)
    return [_ledger(name, o, moved[c], run) for c, (name, o) in enumerate(planned.outputs)]


def real_run(planned: LedgerPlan, computed: Sequence[float], upstream: float) -> dict[int, Ball]:
    """Every needed step over the reals."""
    return reals.at(planned.program, computed[: len(planned.program.inputs)], upstream=arb(upstream), needed=planned.needed)


def _ledger(name: str, output: int, moved: Sequence[tuple[int, Ball | None, Ball, Ball, Ball]], run: PointRun) -> Ledger | None:
    real = run.real[output]
    if not real.is_finite():
        return None
    with balls.precision(DIFFERENCE_BITS):
        entries = tuple(Entry(k, own, value, new - old) for k, own, value, old, new in moved)
    if not all(e.effect.is_finite() for e in entries):
        return None
    largest = max((abs(e.effect).upper() for e in entries), default=arb(0))
    tolerated = (largest * NARROW).max(rounding.ulp(run.format, arb(run.computed[output]))[0] * INVISIBLE)
    if not all(e.effect.rad() <= tolerated for e in entries):
        return None
    return Ledger(name, output, run.computed[output], real, entries, run)
