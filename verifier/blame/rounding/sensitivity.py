"""How much a gradient moves with each of its steps: one adjoint sweep in balls. First-order shares, and where terms cancel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flint import arb

from verifier.arithmetic import balls, floats
from verifier.arithmetic.rounding import ulp
from verifier.arithmetic.types import Ball
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
from verifier.circuit.program import Program, ancestors
from verifier.exact import adjoints, derivatives
from verifier.language.formats import Format
from verifier.language.gates import SUMS

CANCELS = 8  # condition from which terms are said to cancel: three bits
MOST_CANDIDATES = 20  # of the steps that cancel, the worst that are looked into


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A sum that magnifies the roundings of its terms: Σ|t| / |Σt| over the reals."""

    step: int
    condition: Ball
    terms: int
    fork: bool  # contributions to one adjoint, added with `+=`


def _slopes(run: PointRun, output: int) -> dict[int, Ball]:
    """∂(output)/∂(step) over the reals; absent where it is exactly 0, and for numbers that the format holds: they do not round. At the working precision."""
    steps = run.program.steps
    numbers = {i for i, s in enumerate(steps) if s.gate == "number" and i in run.real and run.real[i] == run.computed[i]}
    return adjoints.at(run.program, run.real, output, strict=False, without=numbers)


# ---------------------------------------------------------------- first-order shares


def first_order(planned: LedgerPlan, point: Sequence[float], *, fmt: Format, upstream: float = 1.0) -> list[Ledger | NoLedger]:
    """The ledger of every output with effects to first order, A_k δ_k, and the remainder stated; linear cost an output."""
    program = planned.program
    computed = native(program, floats.at(program, point, fmt=fmt, upstream=upstream))
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


def _shares(planned: LedgerPlan, name: str, output: int, computed: tuple[float, ...], fmt: Format, upstream: float, *, bits: int) -> Ledger | None:
    with balls.precision(bits):
        real = real_run(planned, computed, upstream)
        if not real[output].is_finite():
            return None
        run = PointRun(planned.program, fmt, computed, real, bits)
        slopes = _slopes(run, output)
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
    return Ledger(name, output, computed[output], real[output], tuple(entries), run, first_order=True, remainder=remainder)


# ---------------------------------------------------------------- cancellation


def is_fork(program: Program, step: int) -> bool:
    """Whether a step adds a contribution to an earlier version of the same name."""
    s = program.steps[step]
    return s.gate in SUMS and bool(s.name) and program.steps[s.args[0]].name == s.name


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
        if step.gate in SUMS:
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
        slopes = _slopes(run, ledger.output) if added else {}
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
