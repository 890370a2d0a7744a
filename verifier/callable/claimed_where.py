"""Where the gradients of a callable are claimed: `scope`, a condition on its inputs in the language of the case files, or the given points only."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from verifier.case.case import DOMAIN, POINTS
from verifier.case.components import PointText
from verifier.circuit.apply import BuildError
from verifier.circuit.expressions import add_value
from verifier.circuit.program import Builder, Program
from verifier.language.source import CaseError, Source
from verifier.language.tokens import LanguageError
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Callee, Values, flat
from verifier.trace.recorder import components

WORDS = (POINTS, DOMAIN)
REFUTED = "V107"
FAR = 1000.0  # times the largest number that is given: a number of a point that is probably not meant


def condition_of(text: str, inputs: Program) -> tuple[Source, Program]:
    """The condition as it is written, and as a program over these inputs whose output is a truth value; of an array it must hold for every component. Raises CaseError."""
    source = Source(text, "scope", 1, 1, text, "scope")
    b = Builder(inputs.inputs)
    try:
        steps = np.asarray(add_value(b, text), dtype=np.int64)
    except (LanguageError, BuildError) as error:
        raise CaseError([source.complaint(error.offset, error.message)]) from None
    if not all(b.boolean(int(i)) for i in steps.ravel()):
        raise CaseError([source.complaint(0, f"it must be a condition, such as abs({next(iter(inputs.shapes), inputs.inputs[0])}) < 1e6, or 'points'")])
    holds, *rest = map(int, steps.ravel())
    for i in rest:
        holds = b.append("and", (holds, i))
    return source, b.program(holds)


def with_advice(report: CaseReport, callee: Callee, values: Values) -> CaseReport:
    """The report, in which what is wrong at other points than the given ones says how to state that those are not meant."""
    return replace(report, findings=tuple(replace(f, details=(*f.details, _advice(f, callee, values))) if f.code == REFUTED else f for f in report.findings))


def _advice(found: Finding, callee: Callee, values: Values) -> str:
    bound = _bound(found, callee, values)
    return f"if such inputs are not meant, say where they are: {f'scope={bound!r}; ' if bound else ''}domain={{...}}; or that only these points count: scope='points'"


def _bound(found: Finding, callee: Callee, values: Values) -> str:
    """A condition that the given values satisfy and the point of a finding does not; "" where the sizes of its numbers give none."""
    sizes = dict(_numbers(found.point))
    own = max((abs(x) for v in values.values() for x in flat(v)), default=0.0)
    far = [(size, name) for name, shape in callee.inputs.items() for c in components(name, shape) if (size := abs(float(sizes.get(c, "0")))) >= FAR * own and math.isfinite(size)]
    if not far:
        return ""
    size, name = min(far)
    bound = 10.0 ** math.floor(math.log10(size))
    return f"abs({name}) < {bound:g}" if own < bound else ""


def _numbers(point: PointText) -> list[tuple[str, str]]:
    return [(c, str(t)) for name, value in point for nested in (np.asarray(value, dtype=object),) for c, t in zip(components(name, nested.shape), nested.ravel().tolist(), strict=True)]


__all__ = ["WORDS", "condition_of", "with_advice"]
