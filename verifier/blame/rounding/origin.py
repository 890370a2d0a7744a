"""Where the floats leave the reals: the step from which on a value is lost, however exactly the rest is computed.

A finding and a hunt name the same one. It is looked for inside the gates that run as several steps, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flint import arb

from verifier.arithmetic import balls, floats, reals
from verifier.arithmetic.floats import columns
from verifier.arithmetic.values import Value
from verifier.blame.rounding import ledger, statements
from verifier.blame.rounding.ledger import Ledger
from verifier.blame.rounding.statements import step_text
from verifier.circuit.expressions import definition, kinks
from verifier.circuit.program import Program, ancestors
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.language.formats import FORMATS, Format, computing
from verifier.language.gates import COMPARISONS, EXTREMES, GATES, SUMS, is_operator
from verifier.language.verdict import Verdict

BITS = 1024
MOST_BITS = 8192  # where something has no value with fewer
MOST_CHARACTERS = 24  # of an operand that is written into the formula of a gate
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*\s*=(?!=)\s*")  # `+=` adds to what is there: the statement is the step


@dataclass(frozen=True, slots=True)
class Culprit:
    """A step as it is written, the gate whose formula it stands in (empty: a statement's own step), and what its float is."""

    text: str
    within: str
    value: float
    what: str  # empty where it merely rounds

    def __str__(self) -> str:
        return f"`{self.text}`{f' in `{self.within}`' if self.within else ''} {self.what}".rstrip()


def culprit(program: Program, step: int, computed: Sequence[Value], fmt: Format) -> Culprit:
    """A step that did harm; inside a gate that runs as several steps, the one of them with the largest effect on its value."""
    inner = _definition(program.steps[step].gate, fmt)
    operands = [computed[a] for a in program.steps[step].args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        values = _run(inner, operands, fmt)
        (found,) = ledger.ledgers(ledger.Plan(inner, [("", inner.output)]), [operands], fmt=computing(fmt), computed=[[v] for v in values])[0]
        at = found.step if not isinstance(found, Ledger) else statements.worst_entry(found.entries).step if found.entries else -1
        if at >= 0:
            return _lifted(culprit(inner, at, values, fmt), program, step)
    return Culprit(_text(program, step), "", float(computed[step]), _what(program, step, computed))


@dataclass(frozen=True, slots=True)
class Origin:
    """The step from which on a value is lost, and the first step after it whose own float shows that; None where it is the same."""

    step: int
    culprit: Culprit
    shown: Culprit | None = None

    def __str__(self) -> str:
        what = self.culprit.what or (f"rounds to {self.culprit.value!r}" if math.isfinite(self.culprit.value) else "is not finite")
        first = str(replace(self.culprit, what=what))
        return first if self.shown is None else f"{first}, and {self.shown}"


def origin(program: Program, output: int, point: Sequence[float], fmt: Format, *, upstream: float = 1.0) -> Origin | None:
    """The step at which a value whose float is not finite, or is 0, was lost; None where the exact value is the same in this format.

    With the steps before it in floats and all others over the reals the value still is a number of the format (not 0, where
    its float is 0); with the step itself in floats it is not. Where the formula has no value over the reals, it is the first step without one.
    """
    computed = ledger.native(program, floats.at(program, point, fmt=fmt, upstream=upstream))
    is_lost = _loss(computed[output], fmt)
    if is_lost is None:
        return None
    mixed = _Mixed(program, output, computed, upstream)
    for bits in (BITS, MOST_BITS):
        with balls.precision(bits):
            real = reals.at(program, point, upstream=arb(upstream), needed=mixed.needed)
            unknown = next((i for i in mixed.needed if not reals.is_known(real[i])), None)
            if unknown is not None and bits < MOST_BITS:
                continue
            if not is_lost(mixed.value(0)):
                step = mixed.first(is_lost)
                return Origin(step, _inside(mixed, step, fmt, is_lost), _shown(mixed, step))
            break
    if unknown is None:
        return None
    return Origin(unknown, Culprit(_text(program, unknown), "", computed[unknown], _what(program, unknown, computed)))


def _loss(computed: float, fmt: Format) -> Callable[[Value], bool] | None:
    """Whether a real number has no better float than the computed one: none that is finite, or none but 0. None where the computed one is an ordinary number."""
    if computed - computed != 0:
        return lambda value: not value.is_finite() or bool(abs(value) > fmt.largest)
    if computed == 0:
        smallest = arb(2) ** (fmt.emin - fmt.precision)  # half of the smallest subnormal
        return lambda value: not value.is_finite() or bool(abs(value) <= smallest)
    return None


class _Mixed:
    """A value of a program with its first steps in floats and the rest over the reals; a step without a real value is what the floats make of it: 1/inf is 0."""

    def __init__(self, program: Program, output: int, computed: Sequence[Value], upstream: float) -> None:
        self.program, self.output, self.computed = program, output, computed
        self.upstream = arb(upstream)
        self.needed = sorted(ancestors(program, output))
        self.floats = {i: computed[i] if isinstance(computed[i], bool) else arb(computed[i]) for i in self.needed}

    def values(self, first: int) -> dict[int, Value]:
        """All needed steps, the first ones in floats."""
        point = self.computed[: len(self.program.inputs)]
        return reals.at(self.program, point, upstream=self.upstream, replaced={i: self.floats[i] for i in self.needed[:first]}, otherwise=self.floats, needed=self.needed)

    def value(self, first: int) -> Value:
        """The output, with so many of the needed steps in floats."""
        return self.values(first)[self.output]

    def given(self, step: int, value: Value) -> Value:
        """The output, with the steps before one in floats, that one given, and the rest over the reals."""
        before = {i: self.floats[i] for i in self.needed if i < step}
        point = self.computed[: len(self.program.inputs)]
        return reals.at(self.program, point, upstream=self.upstream, replaced={**before, step: value}, otherwise=self.floats, needed=self.needed)[self.output]

    def first(self, is_lost: Callable[[Value], bool]) -> int:
        """A step with which the output is lost and without which it is not, by bisection."""
        low, high = 0, len(self.needed)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_lost(self.value(middle)) else (middle, high)
        return self.needed[low]


def _inside(mixed: _Mixed, step: int, fmt: Format, is_lost: Callable[[Value], bool]) -> Culprit:
    """The step of which a value is lost, in words; inside a gate that runs as several steps, the one of them with which it is."""
    program, computed = mixed.program, mixed.computed
    inner, operands = _definition(program.steps[step].gate, fmt), [computed[a] for a in program.steps[step].args]
    if inner is not None and not any(isinstance(v, bool) or v - v != 0 for v in operands):
        within = _Mixed(inner, inner.output, _run(inner, operands, fmt), 1.0)

        def is_lost_by(value: Value) -> bool:
            return is_lost(mixed.given(step, value))

        if is_lost_by(within.floats[inner.output]) and not is_lost_by(within.value(0)):
            return _lifted(_inside(within, within.first(is_lost_by), computing(fmt), is_lost_by), program, step)
    what = f"is no number of {fmt.name}" if program.steps[step].gate == "number" else _what(program, step, computed)
    return Culprit(_text(program, step), "", float(computed[step]), what)


def _shown(mixed: _Mixed, step: int) -> Culprit | None:
    """The first step after one whose float is not finite, or 0, as the output is."""
    program, computed, real = mixed.program, mixed.computed, mixed.values(0)
    is_zero = computed[mixed.output] == 0

    def shows(i: int) -> bool:
        value = computed[i]
        return not isinstance(value, bool) and (value == 0 and real[i] != 0 if is_zero else value - value != 0)

    if shows(step):
        return None
    at = next(i for i in mixed.needed if i > step and (i == mixed.output or (shows(i) and step in ancestors(program, i))))
    return Culprit(_text(program, at), "", computed[at], "is 0" if is_zero else _what(program, at, computed))


def _definition(gate: str, fmt: Format) -> Program | None:
    """What floats run for a gate that has no kernel in a format."""
    entry = GATES.get(gate)
    if entry is None or (entry.float64 if computing(fmt).name == "float64" else entry.arrays) is not None:
        return None
    return definition(gate)


def _run(program: Program, operands: Sequence[float], fmt: Format) -> tuple[Value, ...]:
    return ledger.native(program, floats.at(program, operands, fmt=computing(fmt)))


def _lifted(found: Culprit, program: Program, step: int) -> Culprit:
    """A step of a gate's formula, with the gate's operands written in place of its parameters, where they are short."""
    s = program.steps[step]
    operands = dict(zip(GATES[s.gate].parameters, (_operand(program, a) for a in s.args), strict=True))

    def put(match: re.Match[str]) -> str:
        operand = operands.get(match.group(), "")
        if not operand or len(operand) > MOST_CHARACTERS:
            return match.group()
        return operand if operand.isidentifier() or operand.replace(".", "").isdigit() else f"({operand})"

    def written(text: str) -> str:
        return re.sub(r"\b[A-Za-z_]\w*\b", put, text)

    return replace(found, text=written(found.text), within=written(found.within) or _text(program, step), what=written(found.what))


def _text(program: Program, step: int) -> str:
    """The expression of a step, without the name that it is assigned to."""
    return ASSIGNMENT.sub("", statements.step_text(program, step))


def _operand(program: Program, step: int) -> str:
    """A step as it is read: its name, where it has one."""
    return program.steps[step].name or program.steps[step].text or _text(program, step)


def _what(program: Program, step: int, computed: Sequence[Value]) -> str:
    """What is special about a float: not finite, 0, a term that is gone, a bound that is reached; empty where it merely rounds."""
    s, value = program.steps[step], computed[step]
    operands = [computed[a] for a in s.args]
    if isinstance(value, bool) or not operands or any(isinstance(v, bool) for v in operands):
        return ""
    if s.gate == "div" and operands[1] == 0 and math.isfinite(operands[0]):
        return "divides by zero"
    if math.isinf(value) and all(map(math.isfinite, operands)):
        with balls.precision(BITS):
            return "meets a pole" if reals.function(s.gate)(*map(arb, operands)).is_nan() else "overflows"
    if value - value != 0:
        return f"is {value!r}"
    with balls.precision(BITS):
        exact = reals.function(s.gate)(*map(arb, operands))
        if not exact.is_finite() or exact == value:
            return ""
        if value == 0 and exact != 0:
            return "underflows"
    if s.gate in SUMS and abs(value) in map(abs, operands):
        small = min(s.args, key=lambda a: abs(computed[a]))
        return f"absorbs `{_operand(program, small)}`"
    return f"rounds to {value!r}" if abs(value) == 1 and not is_operator(s.gate) else ""


BITS_OF_CAUSE = 128
FEWEST_BITS = 4  # lost in a sum, to speak of a cancellation


RATIONAL = frozenset(("add", "sub", "mul", "div", "neg", "copy", "where", "max", "min", "abs", "sign", "floor", "ceil", "square", "reciprocal"))


@dataclass(frozen=True)
class Run:
    """A program at one point: in floats, and over the reals (an enclosure, a truth value, or something without a value)."""

    program: Program
    values: Sequence[Value]
    reals: Sequence[Value]
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


def cause(check: Check, found: Discrepancy, beside: tuple[float, ...] | None) -> str:
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


def _run_at(check: Check, point: tuple[float, ...]) -> Run:
    subject, fmt, upstream = check.subject, check.format, check.upstream
    values = [column[0].item() for column in columns(subject.program, [[x] for x in point], fmt, upstream)]
    program, places = subject.exact
    real = balls.at(program, point, places, strict=False, upstream=upstream, bits=BITS_OF_CAUSE)
    return Run(subject.program, values, real, 2.0**fmt.emin)


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
        if run.program.steps[k].gate in SUMS:
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
        places = kinks(step.gate)
        if places is not None and floats.at(places, values, fmt=FORMATS["float64"])[places.output]:
            return f"{run.said(k)} ties"
    return ""


def _changed(here: Run, beside: Run, output: int) -> str:
    """A comparison or a choice that comes out differently beside the region; else the first step that stops to be an ordinary number."""
    for k in here.live(output, conditions=True):
        step = here.program.steps[k]
        if step.gate in COMPARISONS and here.values[k] is not beside.values[k]:
            return f"{here.said(k)} is {'true' if here.values[k] else 'false'} here"
        if step.gate in EXTREMES and (here.values[step.args[0]] > here.values[step.args[1]]) != (beside.values[step.args[0]] > beside.values[step.args[1]]):
            return f"{here.said(k)} takes its other operand here"
    return ""
