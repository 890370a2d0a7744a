"""The circuit of a callable: its trace at a point, with the floats that its framework computes for the gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from verifier.callable.cases import case_of
from verifier.callable.computed import Calls
from verifier.callable.question import Opened, Question, ask, points_of, split
from verifier.compare.check import checks_of
from verifier.exact.truth import truth_of
from verifier.report.circuits import diagram_at
from verifier.report.diagram import Diagram
from verifier.report.outcome import CaseReport
from verifier.trace.record import Floats, Refusal
from verifier.trace.recorder import floats_of


def circuit_of(question: Question) -> Diagram:
    """The circuit of a callable at the point and in the format of its inputs. ValueError says why there is none."""
    fmt = question.callee.format_named(question.formats[0])
    try:
        trace = question.callee.trace(*split(question.callee, points_of(question, fmt)[0]), fmt)
    except Refusal as refusal:
        raise ValueError(f"{question.callee.name} has no circuit: {refusal}") from refusal
    case = case_of(question, trace, fmt)
    ((_, (own,)),) = checks_of(case, truth_of(case.programs.truth))
    calls = Calls(question.callee, trace.claims, trace.program.inputs, fmt, {trace.point: trace.computed}, may_join=False)
    return diagram_at(case, replace(own, format=fmt, computed=calls), trace.point)


def circuit_when_opened(opened: Opened | CaseReport, *, upstream: Any = None, numbers: Callable[[Any], Floats] = floats_of) -> Diagram:
    """`circuit_of` a callable with its inputs. ValueError where a gradient has the wrong shape."""
    if isinstance(opened, CaseReport):
        raise ValueError(f"{opened.name} has no circuit: {opened.findings[0].message}")  # noqa: TRY004 - what is wrong is a shape
    return circuit_of(ask(opened, function=None, formats=None, domain=None, sample=0, hunt=False, accept=None, upstream=upstream, strict=False, numbers=numbers))
