"""The numbers on the wires of a circuit: the floats of forward and backward pass, and beside them the exact values, adjoints and contributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flint import arb

from verifier.arithmetic import balls, floats, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.formula import contributions, locate
from verifier.blame.formula.adjoint_values import agrees, forward_versions
from verifier.blame.formula.trial_points import neighbours
from verifier.case.case import Draft
from verifier.case.components import Shape
from verifier.circuit.program import Program
from verifier.compare.checked import Checked
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import adjoints, one_sided
from verifier.language import formats
from verifier.language.formats import Format
from verifier.language.gates import GATES
from verifier.report.bundles import ShownForward
from verifier.report.diagram import NO_FIGURE, Figure

BITS = 256
DIGITS = 20
MOST_STEPS = 5_000  # of a program whose backward pass is searched for adjoints by their values; of a longer one by names only
BESIDE = 2  # further points, so that a value is no coincidence
LONG_FIGURE = 1e6  # ulps: from there on in scientific notation

WireSteps = tuple[int, int, int]  # the step that is read, the step that reads it, and as which operand


@dataclass(frozen=True)
class Written:
    """What an implementation adds to an adjoint: the value of a step, with a sign, in a line."""

    step: int
    sign: int
    line: int


@dataclass(frozen=True)
class WireFigures:
    """All numbers of a circuit at one point: the floats of every step, the exact values and adjoints of the forward steps, and which steps of the backward pass claim to be which."""

    program: Program
    forward: ShownForward
    format: Format
    computed: Sequence[Any]
    exact: Sequence[Any]
    exact_adjoints: dict[int, Ball]
    claimed: dict[int, Discrepancy]  # of inputs
    written: dict[int, int]  # forward step -> the backward step that holds its adjoint
    terms: dict[WireSteps, Written]  # the contributions that are found in the backward pass, by the wire that they come through
    definitions: dict[int, tuple[int, ...]] = field(default_factory=dict)  # forward step -> all versions of the name that holds its adjoint
    upstream: float = 1.0

    def values(self, steps: Sequence[int], shape: Shape) -> Figure:
        """The forward values of some steps."""
        rows = [(self._text(self.computed[i]), *self._beside(self.computed[i], self.exact[i])) for i in steps]
        return _figure(shape, rows)

    def adjoints(self, steps: Sequence[int], shape: Shape) -> Figure:
        """The gradients of the output with respect to some steps."""
        if not any(self._has_gradient(i) for i in steps):
            return NO_FIGURE
        return _figure(shape, [self._adjoint(i) for i in steps])

    def contributions(self, edges: Sequence[WireSteps], operands: Sequence[int], shape: Shape) -> Figure:
        """What comes back to some operands through some of the wires that leave them."""
        if not any(self._has_gradient(a) for a, _, _ in edges) or not any(self._carries(e) for e in edges):
            return NO_FIGURE
        by_operand: dict[int, list[WireSteps]] = {a: [] for a in operands}
        for e in edges:
            by_operand[e[0]].append(e)
        return _figure(shape, [self._contribution(a, several) for a, several in by_operand.items()])

    def local(self, reader: int, position: int) -> Figure:
        """The local gradient of a gate with respect to one of its operands: exact."""
        step = self.program.steps[reader]
        slope = self._partial(step.gate, position, step.args)
        if slope is None:
            return NO_FIGURE
        return _figure((), [(None, self._digits(slope), None)])

    def inflow(self, steps: Sequence[int], name: str, shape: Shape) -> Figure:
        """The gradient that flows into an output."""
        if not self.forward.flows:
            return _figure(shape, [(self._text(self.upstream), *self._beside(self.upstream, arb(self.upstream)))] * len(steps))
        return _figure(shape, [self._inflow(i, name) for i in steps])

    def _inflow(self, i: int, name: str) -> tuple[str | None, str | None, str | None]:
        flow = self._flows.get((i, f"d{name}"))
        if flow is None:
            return None, None, None
        return (self._text(self.computed[flow]), *self._beside(self.computed[flow], self.exact[flow]))

    @cached_property
    def _flows(self) -> dict[tuple[int, str], int]:
        """The inputs that flow into outputs, by the step that is the output and their array."""
        return {(value, self.program.steps[flow].text.partition("[")[0]): flow for value, flow in self.forward.flows.values()}

    # ------------------------------------------------------------ one number

    def _adjoint(self, i: int) -> tuple[str | None, str | None, str | None]:
        exact = self.exact_adjoints.get(i, arb(0))
        if i in self.claimed:
            d = self.claimed[i]
            exact = d.exact.ball if isinstance(d.exact, one_sided.Finite) else arb("nan")
        value = self.computed_adjoint(i)
        if value is None:
            return None, self._digits(exact), None
        return (self._text(value), *self._beside(value, exact))

    def computed_adjoint(self, i: int) -> Any:
        """The float that the implementation has for an adjoint; None where it computes none. Sums and changes of sign hand it on as it is."""
        sign = 1
        while True:
            if i in self.claimed:
                return sign * self.claimed[i].computed
            if i in self.written:
                return sign * self.computed[self.written[i]]
            edges = self.edges_from(i)
            if i in self.forward.outputs:
                flows = [f for (value, _), f in self._flows.items() if value == i]
                if edges or (len(flows) != 1 and self.forward.flows):
                    return None
                return sign * (self.upstream if not self.forward.flows else self.computed[flows[0]])
            if len(edges) != 1:
                return None
            _, reader, position = edges[0]
            factor = self._hands_on(reader, position)
            if not factor:
                return None
            sign, i = sign * factor, reader

    def _hands_on(self, reader: int, position: int) -> int:
        """1 or -1 where a gate hands on the gradient of its value to an operand as it is, or with the other sign; 0 elsewhere."""
        gate = self.program.steps[reader].gate
        if gate == "add":
            return 1
        return {"sub": (1, -1)[position] if gate == "sub" else 0, "neg": -1}.get(gate, 0)

    def edges_from(self, i: int) -> list[WireSteps]:
        """The wires by which other gates read a step, and through which a gradient comes back."""
        if i not in self._edges:
            readers = dict.fromkeys(self.forward.readers.get(i, ()))
            self._edges[i] = [(i, r, p) for r in readers for p, a in self.forward.operands(r) if a == i and self._carries((i, r, p))]
        return self._edges[i]

    @cached_property
    def _edges(self) -> dict[int, list[WireSteps]]:
        return {}

    def _contribution(self, operand: int, edges: Sequence[WireSteps]) -> tuple[str | None, str | None, str | None]:
        if len(edges) == len(self.edges_from(operand)) and operand not in self.forward.outputs:
            return self._adjoint(operand)
        with balls.precision(BITS):
            exact = sum((self.exact_contribution(e) for e in edges), arb(0))
        if len(edges) == 1 and (term := self.terms.get(edges[0])) is not None:
            value = self.computed[term.step] * term.sign
            return (self._text(value), *self._beside(value, exact))
        return None, self._digits(exact), None

    def exact_contribution(self, edge: WireSteps) -> Ball:
        """What comes back through a wire over the reals."""
        _, reader, position = edge
        step = self.program.steps[reader]
        with balls.precision(BITS):
            found = adjoints.contribution(step.gate, position, [[self.exact[a]] for a in step.args], [self.exact_adjoints.get(reader, arb(0))], strict=True)
        return arb(0) if found is None else found[0]

    def _partial(self, gate: str, position: int, args: Sequence[int]) -> Ball | None:
        with balls.precision(BITS):
            found = adjoints.partial(gate, position, [[self.exact[a]] for a in args], strict=True)
        return None if found is None else found[0]

    def _has_gradient(self, i: int) -> bool:
        step = self.program.steps[i]
        if step.gate == "input" and step.text in self.forward.parameters and i not in self.claimed:
            return False
        return i in self.needed and not (step.gate in GATES and GATES[step.gate].boolean)

    @cached_property
    def needed(self) -> set[int]:
        """The steps that the output depends on."""
        return self.program.forward_part().needed

    def _carries(self, edge: WireSteps) -> bool:
        """Whether a gradient comes back through a wire: not through a condition, and from a gate that the output depends on."""
        _, reader, position = edge
        step = self.program.steps[reader]
        gate = GATES.get(step.gate)
        return reader in self.needed and (gate is None or not (gate.boolean or position in (*gate.conditions, *gate.orders)))

    def _text(self, value: Any) -> str:
        return str(value) if isinstance(value, bool) else formats.text(self.format, float(value))

    def _digits(self, ball: Any) -> str | None:
        with balls.precision(BITS):
            return _digits(ball) if isinstance(ball, arb) else None

    def _beside(self, value: Any, exact: Any) -> tuple[str | None, str | None]:
        """The exact number, and the error of a float in ulps of it."""
        if not isinstance(exact, arb) or not exact.is_finite():
            return None, None
        with balls.precision(BITS):
            digits = _digits(exact)
            if not math.isfinite(float(value)):
                return digits, None
            error = (arb(float(value)) - exact) / rounding.ulp(self.format, exact)[1]
            middle = float(error.mid())
            return digits, "0" if error.is_zero() else f"{middle:+.3f}" if abs(middle) < LONG_FIGURE else f"{middle:+.4g}"


def _digits(ball: Ball) -> str | None:
    """A number in decimal digits; one that may be 0 as the bounds between which it is."""
    if not ball.is_finite() or ball.is_zero() or not ball.contains(0):
        return rounding.digits(ball, DIGITS)
    return f"0±{float(ball.abs_upper()):.0e}"


def _figure(shape: Shape, rows: Sequence[tuple[str | None, str | None, str | None]]) -> Figure:
    return Figure(shape, tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))


def figures_at(draft: Draft, checked: Checked, forward: ShownForward) -> WireFigures:
    """The numbers of a circuit at the first point of what was found in answer to a check."""
    check, point = checked.check, checked.points[0]
    program, fmt, upstream = check.subject.program, check.format, check.upstream
    computed = floats.at(program, point, fmt=fmt, upstream=upstream)
    over_reals, places = check.subject.exact
    exact = balls.at(over_reals, point, places, strict=False, upstream=upstream, bits=BITS)
    part = program.forward_part()
    with balls.precision(BITS):
        columns = {i: [exact[i]] for i in range(len(part))}
        known = adjoints.adjoints(part, columns, part.output, [arb(upstream)], strict=True)
    exact_adjoints = {i: column[0] for i, column in known.items()}
    claimed = {program.inputs.index(d.input): d for d in checked.rows[0]}
    written, terms, versions = _written(draft, checked, forward)
    return WireFigures(program, forward, fmt, computed, exact, exact_adjoints, claimed, written, terms, versions, upstream)


def _written(draft: Draft, checked: Checked, forward: ShownForward) -> tuple[dict[int, int], dict[WireSteps, Written], dict[int, tuple[int, ...]]]:
    """Which steps of the backward pass hold the adjoints of forward steps, which contributions they add up, and the versions of their names."""
    check, point = checked.check, checked.points[0]
    program, fmt, upstream = check.subject.program, check.format, check.upstream
    if program.backward_start < 0:
        return {}, {}, {}
    run = None
    if len(program) <= MOST_STEPS:
        run = locate.isolate(program, draft.implementation, draft.claims, [point], beside=neighbours([point])[:BESIDE], fmt=fmt, upstream=upstream)
    found = {d.last: d for d in contributions.definitions(program)}
    if run is None:
        named = _by_name(program, draft)
        return named, {}, {i: found[last].versions for i, last in named.items() if last in found}
    holds: dict[int, int] = {}
    for last, step in sorted(run.meaning.items(), key=lambda item: (item[0] in run.named, item[0])):
        holds[step] = last
    resolved: dict[int, int] = {}
    terms: dict[WireSteps, Written] = {}
    with balls.precision(run.reference.bits):
        for i in forward.shown:
            own = _named_step(program, forward.end, i, holds)
            if own is None:
                continue
            resolved[i] = holds[own]
            terms.update(_terms(run, program, i, own, found.get(holds[own]), fmt))
    return resolved, terms, {i: found[last].versions for i, last in resolved.items() if last in found}


def _named_step(program: Program, end: int, i: int, holds: dict[int, int]) -> int | None:
    """The step whose adjoint is that of another one and is written: itself, or another name for it that alone reads it."""
    while i not in holds:
        readers = [r for r in program.readers[i] if r < end]
        if len(readers) != 1 or program.steps[readers[0]].gate != "copy":
            return None
        i = readers[0]
    return i


def _terms(run: locate.IsolatedRun, program: Program, shown: int, own: int, definition: contributions.Definition | None, fmt: Format) -> dict[WireSteps, Written]:
    """The contributions to one adjoint, each with the wire that it comes through; those of which this is not certain are left out."""
    uses = run.reference.uses.get(own, ())
    if definition is None or len(uses) < 2:
        return {}
    edges: list[tuple[WireSteps, Any]] = []
    for reader, position in uses:
        step = program.steps[reader]
        value = adjoints.contribution(step.gate, position, [run.reference.values[a] for a in step.args], run.reference.adjoints[reader], strict=True)
        if value is not None:
            edges.append(((shown, reader, position), value))
    parts = contributions.contributions_of(program, definition, run.values)
    if len(parts) < 2:
        parts = [t for p in parts for t in contributions.terms_of(program, p, run.values)]
    elif len(parts) < len(edges):
        parts = [t for p in parts for t in ([p] if any(agrees(p.value, v, fmt) for _, v in edges) else contributions.terms_of(program, p, run.values))]
    found: dict[WireSteps, Written] = {}
    left = list(parts)
    for edge, value in edges:
        term = next((t for t in left if agrees(t.value, value, fmt)), None)
        if term is not None:
            left.remove(term)
            found[edge] = Written(term.step, term.sign, term.line)
    missing = [e for e, _ in edges if e not in found]
    if len(missing) == 1 and len(left) == 1:  # what is left is wrong
        found[missing[0]] = Written(left[0].step, left[0].sign, left[0].line)
    return found


def _by_name(program: Program, draft: Draft) -> dict[int, int]:
    """The adjoints that names alone tell."""
    found = {program.inputs.index(variable): program.names[name] for variable, name in draft.claims}
    for name, last in program.names.items():
        if last >= program.backward_start and len(versions := forward_versions(name, program)) == 1:
            found.setdefault(versions[0], last)
    return found
