"""Condition numbers: κ of the problem, K of the program; they tell an unstable arrangement from an ill-conditioned problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flint import arb, fmpq

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball, Balls
from verifier.circuit.expand import is_domain
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import derivatives, one_sided
from verifier.exact.adjoints import Slopes
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict

CONDITION_FACTOR = 8  # "more than the conditioning explains": error > 8 kappa u |g| (design, section 3)
EXACT_GATES = frozenset(("copy", *(name for name, gate in GATES.items() if gate.exact)))
MOST_KNOWN = 5_000  # sensitivities that are remembered for the other implementations
FEWEST_BITS = 192  # enough for condition numbers of many digits
MOST_BITS = 4096
MANY_STEPS = 50_000  # of the gradient program, once for every claim: from there on second derivatives are found at each point, not as a program for each claim


@dataclass
class PointRuns:
    """The exact gradient and the computed one at a point, in balls: what the condition numbers of all its gradients begin with."""

    check: Check
    point: Sequence[float]
    found: dict[tuple[bool, int], list[Balls]] = field(default_factory=dict)
    slopes: dict[int, Slopes] = field(default_factory=dict)  # of the exact gradient, by bits

    def exact(self, program: Program, bits: int) -> list[Ball]:
        """Every step of a program that goes on where the exact gradient ends."""
        return self._continued(program, self.check.truth.gradient.program, bits, is_exact=True)

    def computed(self, program: Program, bits: int) -> list[Ball]:
        """Every step of a program that goes on where the computed gradient ends."""
        return self._continued(program, self.check.subject.exact[0], bits, is_exact=False)

    def second(self, component: int, bits: int) -> dict[int, Ball]:
        """The derivatives of a component of the exact gradient with respect to the inputs, by position."""
        if bits not in self.slopes:
            truth = self.check.truth
            program = truth.gradient.program
            self.slopes[bits] = Slopes(program, self.exact(program, bits), derivatives.differentiable(truth.source), strict=False)
        return self.slopes[bits].adjoints(component)

    def _continued(self, program: Program, first: Program, bits: int, *, is_exact: bool) -> list[Ball]:
        columns, upstream = [[arb(x)] for x in self.point], arb(1.0 if is_exact else self.check.upstream)
        if (is_exact, bits) not in self.found:
            self.found[is_exact, bits] = balls.run(first, columns, bits=bits, strict=False, upstream=upstream)
        return [v for (v,) in balls.run(program, columns, bits=bits, strict=False, upstream=upstream, known=self.found[is_exact, bits])]


def conditioned(check: Check, found: Discrepancy, *, needed: bool, of_program: bool = True, runs: PointRuns | None = None) -> Discrepancy:
    """Add the condition numbers; they tell `unstable` from `ill_conditioned`. That of the program is for readers: no verdict needs it. `runs` are at the same point."""
    open_verdict = found.verdict is Verdict.UNSTABLE
    if not isinstance(found.exact, one_sided.Finite) or (needed and not open_verdict):
        return found
    bits = min(max(found.bits, FEWEST_BITS), MOST_BITS)
    runs = PointRuns(check, found.point) if runs is None else runs
    g, roundoff = found.exact.ball, arb(fmpq(check.format.unit_roundoff.numerator, check.format.unit_roundoff.denominator))
    while True:
        with balls.precision(bits):
            sensitivity, reach, nearest = _known_sensitivity(check, found, runs, bits)
            scale = None if sensitivity is None else abs(g) + sensitivity  # kappa |g|, also where g is 0
            excess = abs(found.residual) - CONDITION_FACTOR * roundoff * scale if open_verdict and scale is not None and found.residual is not None else None
            if excess is None or not excess.contains(0) or bits >= MOST_BITS:
                break
        bits = min(2 * bits, MOST_BITS)
    with balls.precision(bits):
        kappa = None if scale is None or g.contains(0) else scale / abs(g)
        kappa = kappa if kappa is not None and kappa.is_finite() else None
        reach = None if kappa is None else reach
        backward = None if found.residual is None or reach is None or reach.is_zero() else abs(found.residual) / reach
        program_kappa = _program_condition(check, found, runs, g, bits) if of_program else None
        verdict = Verdict.ILL_CONDITIONED if excess is not None and excess <= 0 else found.verdict
    return replace(
        found,
        verdict=verdict,
        condition=kappa,
        is_explained=None if excess is None or not (excess <= 0 or excess > 0) else bool(excess <= 0),
        program_condition=program_kappa,
        backward_error=backward,
        backward_input=nearest if backward is not None else "",
    )


def _known_sensitivity(check: Check, found: Discrepancy, runs: PointRuns, bits: int) -> tuple[Ball | None, Ball | None, str]:
    """`_sensitivity`, which is the same for all implementations of a case."""
    known, key = check.truth.conditions, (found.input, found.point, bits, check.format.name, check.upstream)
    if key not in known:
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[key] = _sensitivity(check, found, runs, bits)
    return known[key]


def _sensitivity(check: Check, found: Discrepancy, runs: PointRuns, bits: int) -> tuple[Ball | None, Ball | None, str]:
    """Σ_j |x_j H_ij|, and the largest |H_ij ulp(x_j)| with its input; None where the second derivatives have no value here."""
    inputs = check.truth.function.inputs
    slopes = second_derivatives(check, check.subject.position(found.input), runs, bits)
    if slopes is None:
        return None, None, ""
    total, reach, nearest = arb(0), arb(0), ""
    for j, x in enumerate(found.point):
        if j in slopes:
            slope = abs(slopes[j] * check.upstream)
            moved = slope * rounding.ulp(check.format, arb(x))[0]
            if moved > reach or not nearest:
                nearest = inputs[j]
            reach = reach.max(moved)  # where it is not known which is larger, both are enclosed
            total += slope * abs(arb(x)) if x != 0 else 0
    return (total, reach, nearest) if total.is_finite() else (None, None, "")


def second_derivatives(check: Check, position: int, runs: PointRuns, bits: int) -> dict[int, Ball] | None:
    """The second derivatives by one input and every other, by position; None where the first is exactly 0."""
    truth = check.truth
    component = truth.gradient.adjoint.get(position)
    if component is None:
        return None
    if len(truth.gradient.program) * len(check.subject.claims) > MANY_STEPS:
        found = runs.second(component, bits)
        return {j: found[j] for j in range(len(truth.function.inputs)) if j in found}
    row = truth.hessian_row(position)
    values = [] if row is None else runs.exact(row.program, bits)
    return None if row is None else {j: values[step] for j, step in row.adjoint.items() if j < len(truth.function.inputs)}


def _program_condition(check: Check, found: Discrepancy, runs: PointRuns, g: Ball, bits: int) -> Ball | None:
    """K = Σ_k |A_k v_k| / |g_i| over the steps k of the program that round."""
    if g.is_zero() or g.contains(0):
        return None
    result = rounded_terms(check, found, runs, bits) / abs(g)
    return result if result.is_finite() else None


def rounded_terms(check: Check, found: Discrepancy, runs: PointRuns, bits: int) -> Ball:
    """Σ_k |A_k v_k| over the steps k of the program that round: times the unit roundoff, what their roundings may add up to, to first order."""
    program, _ = check.subject.exact
    sensitivity = check.subject.sensitivity(check.subject.index(found.name))
    values = runs.computed(sensitivity.program, bits)
    total = arb(0)
    for k, adjoint in sensitivity.adjoint.items():
        if k < len(program.steps) and _rounds(program, k):
            total += abs(values[adjoint] * values[k])
    return total


def _rounds(program: Program, step: int) -> bool:
    """Whether a step is an operation that floats round."""
    gate, args = program.steps[step][:2]
    return bool(args) and gate not in EXACT_GATES and not (gate == "add" and is_domain(program, args[1]))
