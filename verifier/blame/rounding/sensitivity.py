"""How much a gradient moves with each of its steps: one adjoint sweep in balls. First-order shares, and where terms cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from flint import arb

from verifier.arithmetic import balls, floats, reals
from verifier.arithmetic.rounding import ulp
from verifier.arithmetic.values import Ball, Value
from verifier.blame.rounding.ledger import (
    DIFFERENCE_BITS,
    FIRST_BITS,
    GIVEN,
    INVISIBLE,
    LARGEST_BITS,
    Entry,
    Ledger,
    LedgerPlan,
    NoLedger,
    PointRun,
    failure,
    native,
    real_run,
)
from verifier.circuit.expressions import definition
from verifier.circuit.program import Program, Step, ancestors
from verifier.exact import derivatives
from verifier.language.formats import Format
from verifier.language.gates import GATES
from verifier.language.numeral import exact

CANCELS = 8  # condition from which terms are said to cancel: three bits
MOST_CANDIDATES = 20  # of the steps that cancel, the worst that are looked into
SHORT = 20  # characters of an exponent that SymPy may take into a partial


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A sum that magnifies the roundings of its terms: Σ|t| / |Σt| over the reals."""

    step: int
    condition: Ball
    terms: int
    fork: bool  # contributions to one adjoint, added with `+=`


def adjoints(planned: LedgerPlan, real: dict[int, Value], computed: Sequence[Value], output: int) -> dict[int, Value]:
    """∂(output)/∂(step) over the reals, for every step that it depends on; absent where it is exactly 0. At the working precision."""
    steps = planned.program.steps
    found: dict[int, Ball] = {output: arb(1)}
    for i in range(output, -1, -1):
        adjoint, step = found.get(i), steps[i]
        if adjoint is None or not step.args or adjoint.is_zero():
            continue
        operands = [real[a] for a in step.args]
        for argument, partial in zip(step.args, _local(step.gate, _literals(steps, step, computed)), strict=True):
            if partial is not None and not (slope := partial(*operands)).is_zero():
                contribution = adjoint * slope
                found[argument] = found[argument] + contribution if argument in found else contribution
    return found


def _literals(steps: Sequence[Step], step: Step, computed: Sequence[Value]) -> tuple[str | None, ...]:
    """The exponent of a power, where it is a number of the format: SymPy may use it, and its adjoint is not asked for."""
    if step.gate == "pow":
        text = steps[step.args[1]].text
        if steps[step.args[1]].gate == "number" and len(text) <= SHORT and "e" not in text.lower() and exact(text) == computed[step.args[1]]:
            return (None, text)
    return (None,) * len(step.args)


@cache
def _local(gate: str, literals: tuple[str | None, ...]) -> tuple[Callable[..., Value] | None, ...]:
    """The partial derivatives of a gate over the reals, SymPy's, as functions of balls; None where there is none or it is 0."""
    if gate == "copy":
        return (lambda a: arb(1),)  # noqa: ARG005 - the slope of the identity
    if gate in derivatives.TRUTHS:
        return (None,) * len(literals)
    if GATES[gate].means is None:
        return tuple(None if p is None else reals.compiled(p, p.output) for p in derivatives.local_gradient(gate, literals))
    whole = derivatives.gradient(definition(gate, exact=True))
    slopes = [whole.wrt(i) for i in range(len(literals))]
    return tuple(None if s is None else reals.compiled(whole.program, s) for s in slopes)


# ---------------------------------------------------------------- first-order shares


def first_order(planned: LedgerPlan, point: Sequence[float], *, fmt: Format, upstream: float = 1.0) -> list[Ledger | NoLedger]:
    """The ledger of every output with effects to first order, A_k δ_k, and the remainder stated; linear cost an output."""
    program = planned.program
    computed = native(program, [column[0] for column in floats.run(program, [[x] for x in point], fmt, upstream=upstream)])
    result: list[Ledger | NoLedger] = []
    for name, output in planned.outputs:
        found: Ledger | NoLedger = failure(planned, computed, output)
        bits = FIRST_BITS
        while computed[output] - computed[output] == 0 and bits <= LARGEST_BITS:
            ledger = _shares(planned, name, output, computed, fmt, upstream, bits=bits)
            if ledger is not None:
                found = ledger
                break
            bits *= 4
        result.append(found)
    return result


def _shares(planned: LedgerPlan, name: str, output: int, computed: tuple[Value, ...], fmt: Format, upstream: float, *, bits: int) -> Ledger | None:
    with balls.precision(bits):
        real = real_run(planned, computed, upstream)
        if not real[output].is_finite():
            return None
        slopes = adjoints(planned, real, computed, output)
        entries = []
        for k in planned.needed:
            step, slope = planned.program.steps[k], slopes.get(k)
            if slope is None or step.gate in GIVEN or step.gate in derivatives.TRUTHS:
                continue
            function = planned.functions[k]
            value = real[k] if function is None else function(*[computed[a] if isinstance(computed[a], bool) else arb(computed[a]) for a in step.args])
            if value == computed[k]:
                continue
            own = arb(computed[k]) - value
            entries.append(Entry(k, own, value, slope * own))
        total = sum((e.effect for e in entries), arb(0))
    with balls.precision(DIFFERENCE_BITS):
        remainder = arb(computed[output]) - real[output] - total
    unit = ulp(fmt, arb(computed[output]))[0]
    if not remainder.is_finite() or remainder.rad() > (abs(total).upper() * arb(2) ** -20).max(unit * INVISIBLE):
        return None
    return Ledger(name, output, computed[output], real[output], tuple(entries), PointRun(planned.program, fmt, computed, real, bits), first_order=True, remainder=remainder)


# ---------------------------------------------------------------- cancellation


def is_fork(program: Program, step: int) -> bool:
    """Whether a step adds a contribution to an earlier version of the same name."""
    s = program.steps[step]
    return s.gate in ("add", "sub") and bool(s.name) and program.steps[s.args[0]].name == s.name


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the reals: Σ|t| and |Σt| of its terms; at a fork, of all contributions that were added to one name."""

    terms: int
    size: Ball
    value: Ball

    @property
    def condition(self) -> Ball:
        """Σ|t| / |Σt|: +inf where the terms cancel to nothing."""
        return arb.pos_inf() if self.value.contains(0) else self.size / self.value


def sums_among(run: PointRun, steps: Iterable[int]) -> dict[int, Sum]:
    """The sums among some steps, given in order; at the working precision."""
    found: dict[int, Sum] = {}
    for i in steps:
        step = run.program.steps[i]
        if step.gate in ("add", "sub"):
            first, last = step.args
            earlier = found.get(first) if is_fork(run.program, i) and is_fork(run.program, first) else None
            count, size = (1, abs(run.real[first])) if earlier is None else (earlier.terms, earlier.size)
            found[i] = Sum(count + 1, size + abs(run.real[last]), abs(run.real[i]))
    return found


def cancellation(planned: LedgerPlan, ledger: Ledger) -> Cancellation | None:
    """The sum at which the roundings before it are magnified most, on the gradient as well as in itself; None where none is.

    At least half of all effects come from before it: a difference of exact numbers harms nobody.
    """
    run, program = ledger.run, planned.program
    found = []
    with balls.precision(run.bits):
        added = sums_among(run, planned.needed_for(ledger.output))
        slopes = adjoints(planned, run.real, run.computed, ledger.output) if added else {}
        effects = {e.step: abs(e.effect) for e in ledger.entries}
        everything = sum(effects.values(), arb(0))
        for i, one in added.items():
            own = one.condition
            through = abs(slopes[i]) * one.size / abs(ledger.real) if i in slopes and not ledger.real.contains(0) else arb(0) if i not in slopes else own
            if own >= CANCELS and through >= CANCELS:
                found.append((float(own.min(through).mid()), i, own))
        for _, i, own in sorted(found, reverse=True)[:MOST_CANDIDATES]:
            before = ancestors(program, i) - {i}
            if 2 * sum((e for k, e in effects.items() if k in before), arb(0)) >= everything:
                return Cancellation(i, own, added[i].terms, is_fork(program, i))
    return None
