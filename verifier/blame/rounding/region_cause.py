"""Why a region that a hunt found has its verdict: the step that ties, cancels, saturates or comes out differently at its point, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from verifier.arithmetic import balls, floats
from verifier.arithmetic.floats import columns
from verifier.arithmetic.types import Ball
from verifier.blame.rounding.by_statement import step_text
from verifier.blame.rounding.origin import origin
from verifier.circuit.expressions import kinks
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.language.formats import FORMATS
from verifier.language.gates import COMPARISONS, EXTREMES, SUMS
from verifier.language.verdict import Verdict

BITS = 128
FEWEST_BITS = 4  # lost in a sum, to speak of a cancellation
RATIONAL = frozenset(("add", "sub", "mul", "div", "neg", "copy", "where", "max", "min", "abs", "sign", "floor", "ceil", "square", "reciprocal"))


@dataclass(frozen=True)
class FloatsAndReals:
    """A program at one point: in floats, and over the reals (an enclosure, a truth value, or something without a value)."""

    program: Program
    values: Sequence[float]
    reals: Sequence[Ball]
    least: float  # the smallest normal number

    def text(self, step: int) -> str:
        """A step as text."""
        return f"`{step_text(self.program, step)}`"

    def operands(self, step: int) -> list[int]:
        """The operands whose values matter here: of a `where` the chosen branch only, and no constants."""
        s = self.program.steps[step]
        if s.gate == "where":
            return [s.args[1] if self.values[s.args[0]] else s.args[2]]
        return list(s.args)

    def live(self, step: int, *, conditions: bool) -> list[int]:
        """The steps that matter for the value of one, in order; with or without those that choose the branches."""
        found, pending = {step}, [step]
        while pending:
            k = pending.pop()
            chooses = self.program.steps[k].args[:1] if conditions and self.program.steps[k].gate == "where" else ()
            for a in (*self.operands(k), *chooses):
                if a not in found:
                    found.add(a)
                    pending.append(a)
        return sorted(k for k in found if self.program.steps[k].args)

    def differs(self, step: int) -> bool:
        """Whether a float is certainly not the real value."""
        real = self.reals[step]
        return isinstance(real, arb) and real.is_finite() and math.isfinite(self.values[step]) and bool(real != self.values[step])


def region_cause(check: Check, found: Discrepancy, beside: tuple[float, ...] | None) -> str:
    """What happens at the point of a discrepancy, in words; empty where no step stands out. `beside` is a point where the verdict is another one."""
    if found.verdict is Verdict.UNDECIDED:
        return found.reason
    program, output = check.subject.program, check.subject.program.names[found.name]
    if not math.isfinite(found.computed) or found.verdict is Verdict.VANISHED:
        return str(origin(program, output, found.point, check.format, upstream=check.upstream) or "")
    here = _run_at(check, found.point)
    if found.verdict in (Verdict.UNSTABLE, Verdict.ILL_CONDITIONED):
        return _cancelled(here, output)
    return _tied(here, output) or ("" if beside is None else _changed(here, _run_at(check, beside), output))


def _run_at(check: Check, point: tuple[float, ...]) -> FloatsAndReals:
    subject, fmt, upstream = check.subject, check.format, check.upstream
    values = [column[0].item() for column in columns(subject.program, [[x] for x in point], fmt, upstream)]
    program, places = subject.exact
    real = balls.at(program, point, places, strict=False, upstream=upstream, bits=BITS)
    return FloatsAndReals(subject.program, values, real, 2.0**fmt.emin)


def _saturated(run: FloatsAndReals, step: int) -> str:
    """A function that has reached 1 or -1 before its real value does."""
    for k in run.live(step, conditions=False):
        if run.program.steps[k].gate not in RATIONAL and abs(run.values[k]) == 1 and run.differs(k):
            return f"{run.text(k)} saturates at {run.values[k]:g}"
    return ""


def _cancelled(run: FloatsAndReals, output: int) -> str:
    """The sum that loses the most leading bits."""
    worst, most = -1, float(FEWEST_BITS)
    for k in run.live(output, conditions=False):
        if run.program.steps[k].gate in SUMS:
            largest = max(abs(run.values[a]) for a in run.program.steps[k].args)
            lost = math.inf if run.values[k] == 0 and run.differs(k) else math.log2(largest / abs(run.values[k])) if 0 < abs(run.values[k]) < largest < math.inf else 0.0
            worst, most = (k, lost) if lost > most else (worst, most)
    if worst < 0:
        flat = _saturated(run, output)
        return flat or next((f"{run.text(k)} is subnormal" for k in run.live(output, conditions=False) if 0 < abs(run.values[k]) < run.least), "")
    return f"{run.text(worst)} cancels {'all' if math.isinf(most) else f'{most:.0f}'} leading bits"


def _tied(run: FloatsAndReals, output: int) -> str:
    """A comparison, a choice or a kink of which this point is the very border."""
    for k in run.live(output, conditions=True):
        step = run.program.steps[k]
        values = [run.values[a] for a in step.args]
        if any(isinstance(v, bool) for v in values):
            continue
        places = kinks(step.gate)
        if places is not None and floats.at(places, values, fmt=FORMATS["float64"])[places.output]:
            return f"{run.text(k)} ties"
    return ""


def _changed(here: FloatsAndReals, beside: FloatsAndReals, output: int) -> str:
    """A comparison or a choice that comes out differently beside the region; empty where there is none."""
    for k in here.live(output, conditions=True):
        step = here.program.steps[k]
        if step.gate in COMPARISONS and here.values[k] is not beside.values[k]:
            return f"{here.text(k)} is {'true' if here.values[k] else 'false'} here"
        if step.gate in EXTREMES and (here.values[step.args[0]] > here.values[step.args[1]]) != (beside.values[step.args[0]] > beside.values[step.args[1]]):
            return f"{here.text(k)} takes its other operand here"
    return ""
