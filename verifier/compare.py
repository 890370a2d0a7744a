"""Computed gradients against the exact ones: precision grows until every point has its Discrepancy, certified, or the cap is met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import arb, fmpq

from verifier import limits, rounding, symbolic
from verifier.arithmetic import balls, floats
from verifier.arithmetic.series import Undefined
from verifier.formats import Format
from verifier.program import Program
from verifier.verdict import Verdict
from verifier.zeros import is_zero, is_zero_at

FIRST_BITS = 192  # 25 certified digits, 20 of the residual, and some bits to spare in one step
SWEEP_BITS = 128  # enough for a verdict at nearly every point
SETTLED_BITS = 130  # relative accuracy of g at which its digits and its distance from R are read off
FEWEST_DIGITS = 25  # digits of an exact value in a report, all certified
LARGEST_BITS = 1 << 16
UNKNOWN_BITS = 6000  # where not even a one-sided limit is known at this precision, more will not tell
WORK = 1 << 31  # steps x bits a point may cost at the cap: bounds the time for long programs
CONDITION_FACTOR = 8  # "more than the conditioning explains": error > 8 kappa u |g| (design, section 3)
INVISIBLE = 2.0**-60  # in ulps: a residual below it that may be 0 is said to be 0
TIE_BITS = 3000  # a gradient that is this near to the middle between two floats is taken to be there
ZERO_BITS = 512  # a gradient that is not told from 0 at this precision is tried for a proof that it is 0
EXACT_GATES = frozenset(("neg", "copy", "abs", "sign", "where", "max", "min", "floor", "ceil"))  # they never round
CONDITION_STEPS = 20_000  # programs longer than this get condition numbers only where a verdict needs them


@dataclass(frozen=True)
class Truth:
    """The exact side of a case: the function in primitives, and the gradient program that SymPy's partials make."""

    function: Program
    gradient: symbolic.Gradient
    source: Program | None = None  # the function as written
    places: tuple[int, ...] = ()  # where each of its steps came to stand in `function`

    @cached_property
    def hessian_rows(self) -> dict[int, symbolic.Gradient | None]:
        return {}

    @cached_property
    def zeros(self) -> dict[tuple[int, tuple[float, ...] | None], bool]:
        return {}

    def vanishes(self, component: int, point: tuple[float, ...]) -> bool:
        """Whether a component of the gradient is provably zero: for all inputs, or at this point."""
        program = self.gradient.program
        if (component, None) not in self.zeros:
            self.zeros[component, None] = is_zero(program, component)
        if (component, point) not in self.zeros:
            self.zeros[component, point] = self.zeros[component, None] or is_zero_at(program, component, point)
        return self.zeros[component, point]

    def hessian_row(self, position: int) -> symbolic.Gradient | None:
        """The adjoints of the gradient's component (None where that component is exactly 0)."""
        if position not in self.hessian_rows:
            component = self.gradient.adjoint.get(position)
            self.hessian_rows[position] = None if component is None else symbolic.adjoints_of(self.gradient.program, component)
        return self.hessian_rows[position]


def truth_of(function: Program) -> Truth:
    """The exact side of a function. Raises symbolic.NotDifferentiable."""
    exact, places = symbolic.primitive_with_places(function)
    return Truth(exact, symbolic.gradient(function), function, places)


@dataclass(frozen=True)
class Subject:
    """An implementation's program with its backward pass, and the same over the reals in primitives."""

    program: Program
    claims: tuple[tuple[str, str], ...]

    @cached_property
    def exact(self) -> tuple[Program, tuple[int, ...]]:
        return symbolic.primitive_with_places(self.program)

    @cached_property
    def sensitivities(self) -> dict[int, symbolic.Gradient]:
        return {}

    def sensitivity(self, output: int) -> symbolic.Gradient:
        """The adjoints of one computed gradient with respect to all steps."""
        if output not in self.sensitivities:
            self.sensitivities[output] = symbolic.adjoints_of(self.exact[0], output)
        return self.sensitivities[output]

    def index(self, name: str) -> int:
        """The step of a name, in the program over the reals."""
        return self.exact[1][self.program.names[name]]


@dataclass(frozen=True)
class Discrepancy:
    """One computed gradient at one point, held against the exact one. Balls are enclosures; None is undefined."""

    input: str
    name: str
    point: tuple[float, ...]
    computed: float
    verdict: Verdict
    exact: limits.Derivative
    rounded: float | None = None
    residual: Any = None  # computed - exact
    ulps: Any = None  # |computed - exact| / ulp(exact); in units of the smallest subnormal where exact is 0
    formula_error: Any = None  # |R - g| / ulp(g): exactly 0 where they overlap at high precision
    real_value: Any = None  # R, the backward pass over the reals
    condition: Any = None
    program_condition: Any = None
    backward_error: Any = None  # the computed gradient is, to first order, the exact one of an input so many ulps away
    backward_input: str = ""  # that input
    reason: str = ""
    bits: int = FIRST_BITS
    digits: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Task:
    point: int
    claim: int
    computed: float


def compare(
    truth: Truth, subject: Subject, points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float = 1.0, detail: bool = True
) -> list[list[Discrepancy]]:
    """The discrepancy of every claimed gradient at every point: `result[point][claim]`.

    `points` are numbers of the format. With `detail`, condition numbers and formula errors are computed for all results,
    else only where a verdict needs them.
    """
    columns = [[p[i] for p in points] for i in range(len(subject.program.inputs))]
    run = floats.run(subject.program, columns, fmt, upstream=upstream)
    computed = [floats.as_floats(run[subject.program.names[name]]) for _, name in subject.claims]
    positions = [subject.program.inputs.index(variable) for variable, _ in subject.claims]
    results: list[list[Discrepancy | None]] = [[None] * len(subject.claims) for _ in points]
    pending = [_Task(p, c, computed[c][p]) for p in range(len(points)) for c in range(len(subject.claims))]
    cap = max(1024, min(LARGEST_BITS, WORK // (8 * max(1, len(truth.gradient.program) + len(subject.program)))))
    previous: dict[tuple[int, int], Any] = {}
    bits = FIRST_BITS if detail else SWEEP_BITS
    while pending:
        last = bits >= cap
        pending = _level(truth, subject, points, positions, pending, results, previous, bits=bits, last=last, fmt=fmt, upstream=upstream, detail=detail)
        bits = min(2 * bits, cap) if not last else bits
    done = [[d for d in row if d is not None] for row in results]
    everywhere = detail and len(truth.gradient.program) * len(subject.claims) <= CONDITION_STEPS
    return [[_conditioned(truth, subject, d, fmt, upstream, needed=not everywhere) for d in row] for row in done]


def _level(
    truth: Truth,
    subject: Subject,
    points: Sequence[tuple[float, ...]],
    positions: Sequence[int],
    pending: list[_Task],
    results: list[list[Discrepancy | None]],
    previous: dict[tuple[int, int], Any],
    *,
    bits: int,
    last: bool,
    fmt: Format,
    upstream: float,
    detail: bool,
) -> list[_Task]:
    """Settle what this precision settles; what is left."""
    where = sorted({t.point for t in pending})
    rank = {p: i for i, p in enumerate(where)}
    with balls.precision(bits):
        columns = [[arb(points[p][i]) for p in where] for i in range(len(subject.program.inputs))]
        seed = arb(upstream)
        exact_run = balls.run(truth.gradient.program, columns, bits=bits, strict=True)
        literal_run = exact_run
        if truth.function.longest_literal >= fmt.digits:
            literal_run = balls.run(truth.gradient.program, columns, bits=bits, strict=True, rounded_in=fmt)
        program, places = subject.exact
        real_run = balls.run(program, columns, bits=bits, strict=False, upstream=seed, rounded_in=fmt)
        unit = upstream == 1.0
        left = []
        for task in pending:
            at = rank[task.point]
            position = positions[task.claim]
            component = truth.gradient.adjoint.get(position)
            exact: limits.Derivative | None
            value_is_real = exact_run[truth.gradient.value][at].is_finite()
            if component is None:
                exact = limits.Finite(arb(0)) if value_is_real else None
                literal = arb(0)
            else:
                g, literal = exact_run[component][at], literal_run[component][at]
                if not unit:
                    g, literal = g * seed, literal * seed
                exact = limits.Finite(g) if g.is_finite() and value_is_real else None
            if exact is None:
                fractions = [Fraction(x) for x in points[task.point]]
                exact = _scaled(limits.derivative(truth.function, fractions, position, bits=bits), seed)
                literal = exact.ball if isinstance(exact, limits.Finite) else arb("nan")
            elif component is not None and bits >= ZERO_BITS and exact.ball.contains(0) and truth.vanishes(component, points[task.point]):
                exact, literal = limits.Finite(arb(0)), arb(0)
            elif component is not None and unit and _looks_exact(exact.ball, task.computed, fmt, bits=bits, detail=detail):
                exact = _exactly(truth, points[task.point], component, exact, bits)
            name = subject.claims[task.claim][1]
            real = real_run[places[subject.program.names[name]]][at]
            if not real.is_finite():
                real = limits.value_at(program, [Fraction(x) for x in points[task.point]], [subject.index(name)], bits=bits, upstream=fmpq(*upstream.as_integer_ratio()), rounded_in=fmt)[0]
            key = (task.point, task.claim)
            found = _judge(task, exact, literal, real, previous.get(key), fmt=fmt, bits=bits, last=last, detail=detail, has_literals=subject.program.longest_literal >= fmt.digits or truth.function.longest_literal >= fmt.digits)
            if found is None:
                previous[key] = real if isinstance(real, arb) else None
                left.append(task)
            else:
                variable = subject.claims[task.claim][0]
                results[task.point][task.claim] = replace(found, input=variable, name=name, point=tuple(points[task.point]), real_value=real if isinstance(real, arb) else None, bits=bits)
    return left


def _looks_exact(ball: Any, computed: float, fmt: Format, *, bits: int, detail: bool) -> bool:
    """Whether a gradient may be exactly the computed float, or exactly half way between two floats."""
    if ball.is_exact():
        return False
    return (detail and bool(ball.overlaps(arb(computed)))) or (bits > FIRST_BITS and rounding.round_ball(fmt, ball) is None)


def _exactly(truth: Truth, point: tuple[float, ...], component: int, found: limits.Finite, bits: int) -> limits.Finite:
    """A gradient that seems to be a float exactly: the same from a run in exact rationals, where all its steps are rational."""
    value = limits.value_at(truth.gradient.program, [Fraction(x) for x in point], [component], bits=bits)[0]
    return limits.Finite(value) if isinstance(value, arb) and value.is_exact() else found


def _scaled(exact: limits.Derivative, seed: Any) -> limits.Derivative:
    if seed == 1:
        return exact
    if isinstance(exact, limits.Finite):
        return limits.Finite(exact.ball * seed)
    if seed == 0:
        return limits.Finite(arb(0)) if isinstance(exact, limits.Kink | limits.Infinite) else exact
    negative = bool(seed < 0)
    if isinstance(exact, limits.Infinite):
        return limits.Infinite(-exact.sign if negative else exact.sign)
    if isinstance(exact, limits.Kink):
        ends = (exact.low * seed, exact.high * seed)
        return limits.Kink(*(reversed(ends) if negative else ends))
    return exact


def _judge(task: _Task, exact: limits.Derivative, literal: Any, real: Any, before: Any, *, fmt: Format, bits: int, last: bool, detail: bool, has_literals: bool) -> Discrepancy | None:
    """The discrepancy, or None where more precision is needed (never None at the last precision)."""
    blank = Discrepancy("", "", (), task.computed, Verdict.UNDECIDED, exact)
    if isinstance(exact, limits.Unknown):
        hopeless = last or bits >= UNKNOWN_BITS
        return replace(blank, reason=f"the exact gradient is not known: {exact.reason}") if hopeless else None
    if isinstance(exact, limits.Nowhere):
        return replace(blank, verdict=Verdict.UNDEFINED, reason=exact.reason)
    if isinstance(exact, limits.Infinite):
        infinity = fmt.overflow(exact.sign)
        right = task.computed == infinity or (math.isnan(infinity) and math.isnan(task.computed))
        return replace(blank, verdict=Verdict.CORRECT if right else Verdict.WRONG, rounded=infinity, reason="" if right else "the derivative is infinite here")
    if isinstance(exact, limits.Kink):
        return _judge_kink(task, exact, real, blank, fmt=fmt, last=last)
    return _judge_finite(task, exact.ball, literal, real, before, blank, fmt=fmt, bits=bits, last=last, detail=detail, has_literals=has_literals)


def _judge_kink(task: _Task, exact: limits.Kink, real: Any, blank: Discrepancy, *, fmt: Format, last: bool) -> Discrepancy | None:
    if isinstance(real, Undefined):
        return replace(blank, verdict=Verdict.WRONG, reason=f"over the reals it has no value here: {real.reason}")
    low, high = _round_bound(fmt, exact.low), _round_bound(fmt, exact.high)
    if low is None or high is None or real is None:
        return replace(blank, reason="the one-sided derivatives are not known well enough") if last else None
    below, above = exact.low - real, real - exact.high
    ulps = [rounding.ulp(fmt, b)[1] if b.is_finite() else arb(0) for b in (exact.low, exact.high)]
    if below > ulps[0] or above > ulps[1]:
        return replace(blank, verdict=Verdict.WRONG, reason="over the reals it lies outside the one-sided derivatives")
    if low <= task.computed <= high:
        return replace(blank, verdict=Verdict.SUBGRADIENT)
    if not math.isfinite(task.computed):
        return replace(blank, verdict=Verdict.NONFINITE, reason="NaN or infinity at a kink")
    nearest = exact.low if task.computed < low else exact.high
    error = abs(arb(task.computed) - nearest) / rounding.ulp(fmt, nearest)[0]
    small = error <= fmt.rounding_limit
    return replace(blank, verdict=Verdict.ROUNDING if small else Verdict.UNSTABLE, ulps=error, residual=arb(task.computed) - nearest)


def _round_bound(fmt: Format, bound: Any) -> float | None:
    return rounding.round_ball(fmt, bound) if bound.is_finite() else (math.inf if bound > 0 else -math.inf)


def _judge_finite(task: _Task, g: Any, literal: Any, real: Any, before: Any, blank: Discrepancy, *, fmt: Format, bits: int, last: bool, detail: bool, has_literals: bool) -> Discrepancy | None:
    rounded = rounding.round_ball(fmt, g)
    small, large = rounding.ulp(fmt, g)
    formula = _formula_error(literal, real, before, small, large, bits=bits, last=last, has_literals=has_literals)
    if formula is None:
        return None if not last else replace(blank, reason=_undecided_reason(real), rounded=rounded)
    certain_zero = g.is_zero()
    settled = certain_zero or (g.rel_accuracy_bits() >= SETTLED_BITS and rounding.digits(g, FEWEST_DIGITS) is not None if detail else rounded is not None)
    if not settled and not last and (rounded is None or bits < 4096):  # digits beyond what the verdict needs
        return None
    if isinstance(formula, str):
        return replace(blank, verdict=Verdict.WRONG, rounded=rounded, reason=formula, **_errors(task.computed, g, small, large, certain_zero=certain_zero))
    errors = _errors(task.computed, g, small, large, certain_zero=certain_zero)
    off = "" if formula.is_zero() or formula > 1 else f"approximate formula: off by {rounding.significant(formula, 4)} ulp here"
    found = replace(blank, rounded=rounded, formula_error=formula, reason=off, **errors)
    if formula > 1:
        return replace(found, verdict=Verdict.WRONG, reason=f"over the reals it is off by {rounding.significant(formula)} ulp")
    if rounded is None:
        if not last and bits < TIE_BITS:
            return None
        near = found.ulps is not None and found.ulps <= fmt.rounding_limit  # certified, whichever neighbour is the rounded one
        return replace(found, verdict=Verdict.ROUNDING if near else Verdict.UNDECIDED, reason="the exact gradient is half way between two floats, as far as can be told")
    if not math.isfinite(task.computed) or not math.isfinite(rounded):
        same = task.computed == rounded or (math.isnan(task.computed) and math.isnan(rounded))  # too large for a format without infinities
        return replace(found, verdict=Verdict.CORRECT if same else Verdict.NONFINITE)
    if rounded != 0 and task.computed == 0:
        return replace(found, verdict=Verdict.VANISHED)
    if task.computed == rounded:
        return replace(found, verdict=Verdict.CORRECT)
    if found.ulps is not None and found.ulps <= fmt.rounding_limit:
        return replace(found, verdict=Verdict.ROUNDING)
    return replace(found, verdict=Verdict.UNSTABLE)  # or ill-conditioned: the condition number decides


def _undecided_reason(real: Any) -> str:
    return "the backward pass could not be enclosed over the reals" if real is None else "the formula error could not be separated from one ulp"


def _errors(computed: float, g: Any, small: Any, large: Any, *, certain_zero: bool) -> dict[str, Any]:
    if not math.isfinite(computed):
        return {}
    residual = arb(computed) - g
    if not residual.is_exact() and residual.contains(0):  # equal as far as this precision sees
        return {"ulps": arb(0)} if abs(residual).upper() < small * INVISIBLE else {}
    unit = small if not certain_zero else large
    return {"residual": residual, "ulps": abs(residual) / (unit if small == large else small)}


def _formula_error(literal: Any, real: Any, before: Any, small: Any, large: Any, *, bits: int, last: bool, has_literals: bool) -> Any:
    """|R - g| in ulps (exactly 0 where they overlap), a text where R has no real value, None where more precision is needed."""
    if isinstance(real, Undefined):
        return f"over the reals it has no value here: {real.reason}"
    if real is None:
        return None
    distance = abs(real - literal)
    if distance > large:
        lower = distance.lower() / large
        return abs(real - literal) / large if lower > 1 else None
    overlap = not (real - literal != 0)
    if distance <= small:
        if not overlap:
            return distance / small
        tight = real.is_exact() or real.rel_accuracy_bits() >= SETTLED_BITS - 40 or abs(real).upper() < small / 2**40
        if tight or last or bits >= 1024:  # cancellation below an ulp: enough that they overlap far below it
            return arb(0)
        return arb(0) if has_literals and _stalled(real, before) else None
    if overlap and has_literals and (_stalled(real, before) or last):
        return arb(0)
    return None


def _stalled(real: Any, before: Any) -> bool:
    """Whether twice the bits did not narrow the ball: its width is that of the rounded literals."""
    return before is not None and before.is_finite() and real.rad() > before.rad() / 2


# ---------------------------------------------------------------- conditioning


def _conditioned(truth: Truth, subject: Subject, found: Discrepancy, fmt: Format, upstream: float, *, needed: bool) -> Discrepancy:
    """Add the condition numbers; they tell `unstable` from `ill_conditioned`."""
    open_verdict = found.verdict is Verdict.UNSTABLE
    if not isinstance(found.exact, limits.Finite) or (needed and not open_verdict):
        return found
    bits = min(max(found.bits, FIRST_BITS), 4096)
    g = found.exact.ball
    with balls.precision(bits):
        kappa, reach, nearest = _condition(truth, found, g, upstream, bits, fmt)
        backward = None if found.residual is None or reach is None or reach.is_zero() else abs(found.residual) / reach
        program_kappa = _program_condition(subject, found, g, upstream, bits)
        verdict = found.verdict
        if open_verdict and kappa is not None and kappa.is_finite() and found.residual is not None:
            bound = CONDITION_FACTOR * kappa * arb(fmpq(fmt.unit_roundoff.numerator, fmt.unit_roundoff.denominator)) * abs(g)
            if abs(found.residual) <= bound:
                verdict = Verdict.ILL_CONDITIONED
    return replace(found, verdict=verdict, condition=kappa, program_condition=program_kappa, backward_error=backward, backward_input=nearest if backward is not None else "")


def _condition(truth: Truth, found: Discrepancy, g: Any, upstream: float, bits: int, fmt: Format) -> tuple[Any, Any, str]:
    """κ = 1 + Σ_j |x_j H_ij| / |g_i|, and the largest |H_ij ulp(x_j)| with its input; None where g is 0 or the second derivatives have no value here."""
    if g.is_zero() or g.contains(0):
        return None, None, ""
    row = truth.hessian_row(truth.function.inputs.index(found.input))
    if row is None:
        return None, None, ""
    values = _at(row.program, found.point, bits)
    total, reach, nearest = arb(0), arb(0), ""
    for j, x in enumerate(found.point):
        step = row.adjoint.get(j)
        if step is not None:
            slope = abs(values[step][0] * upstream)
            moved = slope * rounding.ulp(fmt, arb(x))[0]
            if moved > reach:
                reach, nearest = moved, truth.function.inputs[j]
            total += slope * abs(arb(x)) if x != 0 else 0
    kappa = 1 + total / abs(g)
    return (kappa, reach, nearest) if kappa.is_finite() else (None, None, "")


def _program_condition(subject: Subject, found: Discrepancy, g: Any, upstream: float, bits: int) -> Any:
    """K = Σ_k |A_k v_k| / |g_i| over the steps k of the program that round."""
    if g.is_zero() or g.contains(0):
        return None
    program, _ = subject.exact
    sensitivity = subject.sensitivity(subject.index(found.name))
    values = _at(sensitivity.program, found.point, bits, upstream)
    total = arb(0)
    for k, adjoint in sensitivity.adjoint.items():
        if k < len(program.steps) and program.steps[k].args and program.steps[k].gate not in EXACT_GATES:
            total += abs(values[adjoint][0] * values[k][0])
    result = total / abs(g)
    return result if result.is_finite() else None


def _at(program: Program, point: Sequence[float], bits: int, upstream: float = 1.0) -> list[Any]:
    return balls.run(program, [[arb(x)] for x in point], bits=bits, strict=False, upstream=arb(upstream))
