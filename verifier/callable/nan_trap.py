"""NaN from a branch that is not chosen: `where(x > 0, sqrt(x), 0)` has a gradient at 0, and 0 times the infinite derivative of the square root is NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from verifier.arithmetic import floats
from verifier.callable.one_finding import in_place_of, line_at
from verifier.callable.own_words import LETTER, module_of
from verifier.circuit.program import Program, Step
from verifier.language.formats import Format
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Callee, Trace

WRONG = "V101"
PASSES_ZERO = frozenset(("copy", "neg", "mul", "div"))  # gates whose result is 0 as an operand is


def with_nan_traps(report: CaseReport, callee: Callee, trace: Trace, fmt: Format) -> CaseReport:
    """The report, in which a gradient that is NaN because of a branch that is not chosen says so."""
    wrong = [f for f in report.findings if f.code == WRONG]
    bad = {g for (_, g), value in zip(trace.claims, trace.computed, strict=True) if math.isnan(value)}
    if not wrong or not bad or not all(_about(f, [g for _, g in trace.claims]) & bad for f in wrong):
        return report
    found = _trap(trace.program, trace.point, fmt)
    if found is None:
        return report
    one = _said(wrong[0], callee, trace.program, *found)
    return in_place_of(report, wrong, one)


def _about(found: Finding, claims: Sequence[str]) -> set[str]:
    """The components that a finding is about."""
    names = set(found.gradients or (found.gradient,))
    return {c for c in claims if c in names or c.partition("[")[0] in names}


def _trap(program: Program, point: tuple[float, ...], fmt: Format) -> tuple[Step, Step] | None:
    """The first step of the backward pass that makes NaN of a 0 which a `where` has put there; and that `where`."""
    run = floats.run(program, [[v] for v in point], fmt=fmt)
    for k in range(program.backward_start, len(program.steps)):
        step = program.steps[k]
        if step.gate not in ("mul", "div") or not math.isnan(run[k][0]):
            continue
        zeros = [a for a in step.args if run[a][0] == 0]
        others = [a for a in step.args if a not in zeros]
        if not zeros or not (all(not math.isfinite(run[a][0]) for a in others) or (step.gate == "div" and not others)):
            continue
        if (chooser := _chooser(program, run, zeros[0])) is not None:
            return step, chooser
    return None


def _chooser(program: Program, run: Sequence[Sequence[float] | NDArray[Any]], step: int) -> Step | None:
    """The `where` whose 0 comes to a step, if one does."""
    while True:
        found = program.steps[step]
        if found.gate == "where":
            return found
        zero = next((a for a in found.args if run[a][0] == 0), None)
        if found.gate not in PASSES_ZERO or zero is None:
            return None
        step = zero


def _said(found: Finding, callee: Callee, program: Program, trap: Step, chooser: Step) -> Finding:
    letter = LETTER[module_of(callee.framework)]
    line = program.lines[trap.line] if trap.line >= 0 else None
    text = line.source.text[trap.start : trap.end] if line is not None and line.source is not None else ""
    chosen = program.lines[chooser.line] if chooser.line >= 0 else None
    condition = chosen.source.text[chooser.start : chooser.end] if chosen is not None and chosen.source is not None else ""
    inside = f"what `{text}` computes" if text and text != condition else "the branch"
    place = line.source.place(trap.start) if line is not None and line.source is not None else found.place
    subject = found.message.partition(": ")[2].partition(":")[0]
    shown = line_at(place)
    return replace(
        found,
        message=f"wrong gradient: {subject}: NaN from a branch that `{letter}.where` does not choose: {inside} has no finite derivative there, and 0 times that is NaN",
        place=place,
        statement=shown.strip() or found.statement,
        details=(
            *((f"chosen    `{condition}`",) if condition and condition != text else ()),
            f"give the branch numbers at which its derivative is finite, and choose afterwards: {letter}.where(c, f({letter}.where(c, x, 1)), ...)",
            *(d for d in found.details if d.startswith(("exact", "computed"))),
        ),
        source_line=shown or found.source_line,
        width=len(text.partition("\n")[0]) if text else found.width,
    )


__all__ = ["with_nan_traps"]
