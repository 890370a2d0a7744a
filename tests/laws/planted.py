"""Bugs planted on purpose: a partial of the table is bent in one generated backward pass, and formulas and points are drawn until it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hypothesis import strategies as st

from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import Subject, Truth, truth_of
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES
from verifier.language.source import Source
from verifier.language.verdict import Verdict
from verifier.search.fuzz.draw_formulas import formulas
from verifier.search.fuzz.draw_points import borders_of, drawn

INPUTS = ("x", "y")
COMPANIONS = ("add", "sub", "mul", "div", "exp", "sin", "tanh", "square")  # gates that formulas have beside the bent one
BENDS = {"sign": "-({0})", "1e-3": "1.001 * ({0})", "1e-9": "1.000000001 * ({0})", "threshold": "where({1} > {2}, 1.001 * ({0}), {0})"}
THRESHOLDS = (30.0, 5.0, 2.5, 0.7, 0.3, -0.7)  # the first beyond which a gate has a gradient
SIZES = (2, 2, 8)  # gates of a formula, at most
FLOAT64 = FORMATS["float64"]
LARGEST = FLOAT64.largest


@dataclass(frozen=True)
class Bug:
    """A gate's local gradient, in the words of the table, that is not its own."""

    gate: str
    operand: int
    kind: str
    partial: str


def bugs(gate: str, operand: int) -> Iterator[Bug]:
    """The bends of a partial. A partial that is 0 everywhere has none."""
    text = GATES[gate].partials[operand] if GATES[gate].partials else None
    if text is None or text == "0":
        return
    for kind, bend in BENDS.items():
        if kind != "threshold":
            yield Bug(gate, operand, kind, bend.format(text))
            continue
        parameter = GATES[gate].parameters[operand]
        found = (Bug(gate, operand, f"beyond {t:g}", bend.format(text, parameter, t)) for t in THRESHOLDS)
        real = next((bug for bug, t in zip(found, THRESHOLDS, strict=True) if _is_real(bug, t)), None)
        if real is not None:
            yield real


def _is_real(bug: Bug, threshold: float) -> bool:
    """Whether the gate itself shows the bug at one of some points beyond the threshold."""
    gate = GATES[bug.gate]
    names = [p if i not in gate.orders else "1" for i, p in enumerate(gate.parameters)]
    if gate.conditions:
        names[0] = "x > y"
    inputs = tuple(n for n in names if n.isidentifier()) + (("x", "y") if gate.conditions else ())
    text = f"{bug.gate}({', '.join(names)})" if bug.gate not in ("add", "sub", "mul", "div", "neg", "pow") else _infix(bug.gate)
    own = gate.parameters[bug.operand]
    rows = [tuple(threshold + beyond * max(1, abs(threshold)) if n == own else other for n in inputs) for beyond in (1e-3, 0.1, 0.3) for other in (0.6, 1.7, -0.4)]
    return any(shows(text, row, bug, inputs=inputs) for row in rows)


def _infix(gate: str) -> str:
    return {"add": "a + b", "sub": "a - b", "mul": "a * b", "div": "a / b", "neg": "-a", "pow": "a**b"}[gate]


def shows(formula: str, point: tuple[float, ...], bug: Bug, *, inputs: tuple[str, ...] = INPUTS) -> bool:
    """Whether the generated gradient of a formula is wrong at a point because of the bug."""
    found = bent(formula, bug, inputs)
    if found is None:
        return False
    forward, subject = found
    try:
        truth = truth_of(forward)
    except NotDifferentiable:
        return False
    wrong = _wrong(truth, subject, point)
    return bool(wrong) and not wrong <= _wrong(truth, Subject(with_backward(forward, subject.claims), subject.claims), point)


def _wrong(truth: Truth, subject: Subject, point: tuple[float, ...]) -> set[str]:
    """The gradients that are wrong at a point."""
    return {d.name for d in compare(Check("it", truth, subject, FLOAT64), [point], detail=False)[0] if d.verdict is Verdict.WRONG}


@lru_cache(maxsize=8)
def bent(formula: str, bug: Bug, inputs: tuple[str, ...] = INPUTS) -> tuple[Program, Subject] | None:
    """The forward pass of a formula, and its generated gradients with the bug; None where the formula has no such gate."""
    forward, _ = build_expression(Source(formula, "<formula>", 1, 1, formula), inputs)
    if forward is None or all(s.gate != bug.gate for s in forward.steps):
        return None
    claims = tuple((name, f"d{name}") for name in inputs)
    return forward, Subject(with_backward(forward, claims, partials={(bug.gate, bug.operand): bug.partial}), claims)


@st.composite
def examples(draw: st.DrawFn, bug: Bug) -> tuple[str, tuple[float, ...]]:
    """Formulas of the bent gate and some others, each with a point. Most are small: so the gate meets what is drawn for the inputs."""
    formula = draw(formulas((*[bug.gate] * len(COMPANIONS), *COMPANIONS), inputs=INPUTS, size=draw(st.sampled_from(SIZES))))
    found = bent(formula, bug)
    borders = (0.0,) if found is None else borders_of([found[1].program])
    return formula, draw(drawn([(-LARGEST, LARGEST)] * len(INPUTS), borders, fmt=FLOAT64))
