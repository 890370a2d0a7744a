"""Why a gradient goes wrong at a point: which step overflows, underflows, saturates, cancels, ties or divides by zero there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb

from verifier.account import step_text
from verifier.arithmetic import balls
from verifier.borders import FOLDED, TIES, columns
from verifier.discrepancy import Discrepancy
from verifier.formats import Format
from verifier.program import Program
from verifier.subject import Subject
from verifier.verdict import Verdict

BITS = 128
FEWEST_BITS = 4  # lost in a sum, to speak of a cancellation
RATIONAL = frozenset(("add", "sub", "mul", "div", "neg", "copy", "where", "max", "min", "abs", "sign", "floor", "ceil", "square", "reciprocal"))


@dataclass(frozen=True)
class Run:
    """A program at one point: in floats, and over the reals (an enclosure, a truth value, or something without a value)."""

    program: Program
    values: Sequence[Any]
    reals: Sequence[Any]
    least: float  # the smallest normal number

    def said(self, step: int) -> str:
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


def cause(subject: Subject, found: Discrepancy, beside: tuple[float, ...] | None, *, fmt: Format, upstream: float) -> str:
    """What happens at the point of a discrepancy, in words; empty where no step stands out. `beside` is a point where the verdict is another one."""
    if found.verdict is Verdict.UNDECIDED:
        return found.reason
    output = subject.program.names[found.name]
    here = _run(subject, found.point, fmt, upstream)
    if not math.isfinite(found.computed):
        return _broken(here, output)
    if found.verdict is Verdict.VANISHED:
        return _vanished(here, output)
    if found.verdict in (Verdict.UNSTABLE, Verdict.ILL_CONDITIONED):
        return _cancelled(here, output)
    return _tied(here, output) or ("" if beside is None else _changed(here, _run(subject, beside, fmt, upstream), output))


def _run(subject: Subject, point: tuple[float, ...], fmt: Format, upstream: float) -> Run:
    values = [column[0].item() for column in columns(subject.program, [[x] for x in point], fmt, upstream)]
    program, places = subject.exact
    with balls.precision(BITS):
        real = balls.run(program, [[arb(x)] for x in point], bits=BITS, strict=False, upstream=arb(upstream))
    return Run(subject.program, values, [real[p][0] for p in places], 2.0**fmt.emin)


def _broken(run: Run, step: int) -> str:
    """The first step that has no finite value, going back from one that has none; and what made it so."""
    while True:
        before = [a for a in run.operands(step) if not isinstance(run.values[a], bool) and not math.isfinite(run.values[a])]
        if not before:
            break
        step = next((a for a in before if math.isnan(run.values[a])), before[-1])
    gate, args, real = run.program.steps[step].gate, run.operands(step), run.reals[step]
    if not args:
        return f"{run.said(step)} is not finite"
    zero = next((a for a in reversed(args) if run.values[a] == 0 and run.differs(a)), None)
    became = "" if zero is None else f"{_vanished(run, zero)}, and "
    if gate == "div" and run.values[args[1]] == 0:
        return f"{became}{run.said(step)} divides by zero"
    if math.isinf(run.values[step]) and isinstance(real, arb) and real.is_finite() and abs(real) > 1:
        return f"{became}{run.said(step)} {'meets a pole' if became else 'overflows'}"
    return f"{became}{run.said(step)} {'meets a pole' if math.isinf(run.values[step]) else 'has no value'}"


def _vanished(run: Run, step: int) -> str:
    """The first step that is 0 although it should not be, going back from one that is."""
    while True:
        operands = run.operands(step)
        gate = run.program.steps[step].gate
        if gate == "div" and math.isinf(run.values[operands[1]]):
            return f"{_broken(run, operands[1])}, and {run.said(step)} is 0"
        before = [a for a in operands if run.values[a] == 0 and run.differs(a)]
        if not before or gate in ("add", "sub"):
            break
        step = before[0]
    if run.program.steps[step].gate not in ("add", "sub"):
        return f"{run.said(step)} underflows to 0"
    flat = _saturated(run, step)
    return f"{flat}, and {run.said(step)} cancels to 0" if flat else f"{run.said(step)} cancels to 0"


def _saturated(run: Run, step: int) -> str:
    """A function that has reached 1 or -1 before its real value does."""
    for k in run.live(step, conditions=False):
        if run.program.steps[k].gate not in RATIONAL and abs(run.values[k]) == 1 and run.differs(k):
            return f"{run.said(k)} saturates at {run.values[k]:g}"
    return ""


def _cancelled(run: Run, output: int) -> str:
    """The sum that loses the most leading bits."""
    worst, most = -1, float(FEWEST_BITS)
    for k in run.live(output, conditions=False):
        if run.program.steps[k].gate in ("add", "sub"):
            largest = max(abs(run.values[a]) for a in run.program.steps[k].args)
            lost = math.inf if run.values[k] == 0 and run.differs(k) else math.log2(largest / abs(run.values[k])) if 0 < abs(run.values[k]) < largest < math.inf else 0.0
            worst, most = (k, lost) if lost > most else (worst, most)
    if worst < 0:
        flat = _saturated(run, output)
        return flat or next((f"{run.said(k)} is subnormal" for k in run.live(output, conditions=False) if 0 < abs(run.values[k]) < run.least), "")
    return f"{run.said(worst)} cancels {'all' if math.isinf(most) else f'{most:.0f}'} leading bits"


def _tied(run: Run, output: int) -> str:
    """A comparison, a choice or a kink of which this point is the very border."""
    for k in run.live(output, conditions=True):
        step = run.program.steps[k]
        values = [run.values[a] for a in step.args]
        if any(isinstance(v, bool) for v in values):
            continue
        if (step.gate in TIES and values[0] == values[1]) or (step.gate in FOLDED and values[0] == 0):
            return f"{run.said(k)} ties"
    return ""


def _changed(here: Run, beside: Run, output: int) -> str:
    """A comparison or a choice that comes out differently beside the region; else the first step that stops to be an ordinary number."""
    for k in here.live(output, conditions=True):
        step = here.program.steps[k]
        if step.gate in TIES and isinstance(here.values[k], bool) and here.values[k] is not beside.values[k]:
            return f"{here.said(k)} is {'true' if here.values[k] else 'false'} here"
        if step.gate in ("max", "min") and (here.values[step.args[0]] > here.values[step.args[1]]) != (beside.values[step.args[0]] > beside.values[step.args[1]]):
            return f"{here.said(k)} takes its other operand here"
    return ""
