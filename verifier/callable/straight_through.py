"""Gradients that leave out a part on purpose, or are others: what `detach` and `stop_gradient` hold constant, straight-through estimators, whose value is one function's and whose gradient is another's, and
layers that reverse or scale gradients.

Against the function that is computed such a gradient is wrong. But where it is certified to be the exact one of the function in which
what is stopped is a constant, no line is to blame: the report says what the code does instead, and how the function that is meant is stated.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from verifier.callable.implicit import is_wrong_at
from verifier.callable.one_finding import gradients_of, in_place_of, line_at
from verifier.callable.question import Question, split
from verifier.circuit.program import Program
from verifier.language.formats import Format
from verifier.language.gates import of_kind
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Refusal, Stop, Trace
from verifier.trace.recorder import components

WRONG, WRONG_FORWARD, REFUTED = "V101", "V105", "V107"
MEANT = "state the function that the gradient is meant for, function=\"...\": then the gradient is compared with that one's, and that the value is another's is only {}"
HELD = 'if it is meant, compute what is held constant outside and give it as data; or state the function that is meant, function="..."'
MOST_TERMS = 64  # of a sum that is looked at
SIGNS: Mapping[str, tuple[int, ...]] = {"add": (1, 1), "sub": (1, -1), "neg": (-1,), "copy": (1,)}  # gates that are linear, with the factor of each operand
CONSTANT_BETWEEN = of_kind("step", "comparison", "logic")


def with_stops(question: Question, report: CaseReport, trace: Trace, fmt: Format) -> CaseReport:
    """The report, in which a gradient that is wrong because a part of it is left out says so, if that is certified."""
    codes = {f.code for f in report.findings}
    if not codes & {WRONG, WRONG_FORWARD, REFUTED}:
        return report
    held = _held(question, trace, fmt) if trace.stops else None
    if held is None:
        notes = tuple(dict.fromkeys(s.note for s in trace.stops)) if codes & {WRONG, REFUTED} else ()
        return _of_steps(question, replace(report, notes=(*report.notes, *notes)), trace)
    estimator = next((s for s in held.stops if _passes_through(held.program, s)), None)
    if question.function is not None:
        return _without_value(report, estimator)
    wrong = [f for f in report.findings if f.code == WRONG]
    if not wrong:
        return replace(report, notes=(*report.notes, *dict.fromkeys(s.note for s in trace.stops)))
    one = _said(question, wrong, held.stops, estimator)
    return in_place_of(report, wrong, one)


def _held(question: Question, trace: Trace, fmt: Format) -> Trace | None:
    """The trace in which what is stopped is constant, if the gradient is right there; else None."""
    if question.callee.held is None:
        return None
    try:
        held = question.callee.held(*split(question.callee, trace.point), fmt)
    except Refusal:
        return None
    return None if is_wrong_at(replace(question, function=None), held, fmt) else held


def _said(question: Question, wrong: Sequence[Finding], stops: Sequence[Stop], estimator: Stop | None) -> Finding:
    """What is said of all wrong gradients together."""
    first = estimator or stops[0]
    names = gradients_of(wrong)
    where = _written(stops)
    does = f"{_written([first])} makes it a straight-through estimator: its value is that of one function, and its gradient that of another" if estimator else f"a part of it is left out, by {where}"
    place = first.place or wrong[0].place
    shown = line_at(place)
    return replace(
        wrong[0],
        message=f"wrong gradient: {', '.join(f'{question.callee.name}.{n}' for n in names)}: {does}",
        place=place,
        statement=shown.strip(),
        gradients=names,
        details=(
            f"with what {where} stops held constant, every gradient is certified to be the exact one at this point",
            MEANT.format("a note") if estimator else HELD,
            *(d for d in wrong[0].details if d.startswith(("exact", "computed", "residual"))),
        ),
        source_line=shown,
        width=len(shown) - place.column + 1,
    )


def _written(stops: Sequence[Stop]) -> str:
    """What stops, and in which lines."""
    lines: dict[str, set[int]] = {}
    for s in stops:
        lines.setdefault(s.by, set()).update({s.place.line} if s.place is not None else ())
    return " and ".join(f"{by}{_in_lines(sorted(found))}" for by, found in lines.items())


def _in_lines(lines: Sequence[int]) -> str:
    return f" in line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}" if lines else ""


def _without_value(report: CaseReport, estimator: Stop | None) -> CaseReport:
    """The report without complaint that the value is not that of the function which is stated, where the code says that it is another one's."""
    found = [f for f in report.findings if f.code == WRONG_FORWARD]
    if estimator is None or not found:
        return report
    note = f"{_written([estimator])} makes it a straight-through estimator: the gradient is compared with that of the function which is stated, and the value is another one's ({found[0].message.partition(': ')[2].partition(':')[0]})"
    return replace(report, findings=tuple(f for f in report.findings if f.code != WRONG_FORWARD), notes=(*report.notes, note))


# ---------------------------------------------------------------- what the value is, and what the gradient


def _passes_through(program: Program, stop: Stop) -> bool:
    """Whether something that carries a gradient is added to what is stopped and cancels in the value: `hard - s.detach() + s`, `x + (round(x) - x).detach()`."""
    if stop.held is None or stop.steps is None:
        return False
    behind = dict(zip(stop.held.ravel().tolist(), stop.steps.ravel().tolist(), strict=True))
    reading = set(behind)
    moves = _moving(program, program.inputs)
    for k, step in enumerate(program.steps[: program.backward_start]):
        if step.gate not in SIGNS or not reading & set(step.args):
            continue
        reading.add(k)
        carried, valued = _terms(program, k, {h: h for h in behind}), _terms(program, k, behind)
        if valued and any(moves[atom] and atom not in behind and not valued.get(atom) for atom in carried):
            return True
    return False


def _terms(program: Program, step: int, behind: Mapping[int, int]) -> dict[int, int]:
    """A sum as steps with their factors, for some of which others stand; none where it has too many."""
    found: dict[int, int] = defaultdict(int)
    pending = [(step, 1)]
    for _ in range(MOST_TERMS):
        if not pending:
            return {k: n for k, n in found.items() if n}
        k, factor = pending.pop()
        gate, args = program.steps[k].gate, program.steps[k].args
        if behind.get(k, k) != k:
            pending.append((behind[k], factor))
        elif gate in SIGNS and k not in behind:
            pending += [(a, factor * s) for a, s in zip(args, SIGNS[gate], strict=True)]
        else:
            found[k] += factor
    return {}


def _moving(program: Program, variables: Collection[str]) -> list[bool]:
    """For every step whether it changes, elsewhere than at jumps, with these inputs."""
    moves: list[bool] = []
    for k, step in enumerate(program.steps):
        args = step.args[1:] if step.gate == "where" else step.args
        moves.append((program.inputs[k] in variables and program.inputs[k] not in program.parameters) if k < len(program.inputs) else step.gate not in CONSTANT_BETWEEN and any(moves[a] for a in args))
    return moves


# ---------------------------------------------------------------- functions that are constant between jumps


def _of_steps(question: Question, report: CaseReport, trace: Trace) -> CaseReport:
    """The report, in which it is said where the exact gradient is 0 because the forward pass is constant between its jumps."""
    inputs = {gradient: variable for variable, gradient in trace.claims}
    program = trace.program
    findings = []
    for f in report.findings:
        claimed = [variable for g, variable in inputs.items() if g.partition("[")[0] in gradients_of([f])]
        variables = program.inputs if f.code == WRONG_FORWARD else claimed
        moves = _moving(program, variables) if f.code in (WRONG, WRONG_FORWARD) and variables else None
        if moves is not None and not moves[program.output]:
            jumps = dict.fromkeys(s.gate for s in program.steps[: program.backward_start] if s.gate in CONSTANT_BETWEEN and any(moves[a] for a in s.args))
            f = _jumping(question, f, " and ".join(f"`{g}`" for g in jumps))  # noqa: PLW2901 - the same finding, in other words
        elif f.code in (WRONG, WRONG_FORWARD) and _returns_its_inputs(trace):
            f = _passed_on(question, f, is_alone=not any(g.code in (WRONG, REFUTED) for g in report.findings))  # noqa: PLW2901
        findings.append(f)
    return replace(report, findings=tuple(findings))


def _jumping(question: Question, found: Finding, jumps: str) -> Finding:
    constant = f"constant between the jumps of {jumps}" if jumps else "constant"
    if found.code == WRONG_FORWARD:
        severity = "error" if question.strict else "warning"
        message = f"{found.message.partition(': two mistakes')[0]}: it is {constant}, and a gradient that is not 0 is that of another function, as a straight-through estimator has it"
        return replace(found, severity=severity, message=message)
    details = tuple(d for d in found.details if not d.startswith("expected"))
    return replace(found, message=f"{found.message}; the forward pass is {constant}, so the exact gradient is 0", details=(*details, f"if it is meant as a straight-through estimator, {MEANT.format('a warning')}"))


# ---------------------------------------------------------------- functions that return what they are given


def _returns_its_inputs(trace: Trace) -> bool:
    """Whether every output is an input as it is, each component in its place: what a layer that reverses, scales or clips gradients computes."""
    steps, inputs = trace.program.steps, trace.program.inputs
    whole = {inputs.index(c): range(inputs.index(c), inputs.index(c) + math.prod(shape)) for c, shape in ((next(iter(components(n, s)), ""), s) for n, s in trace.program.shapes.items()) if c in inputs}

    def source(k: int) -> int:
        while steps[k].gate == "copy":
            k = steps[k].args[0]
        return k

    def is_an_input(found: Sequence[int]) -> bool:
        return bool(found) and (list(whole.get(found[0], ())) == list(found) or (len(found) == 1 and found[0] < len(inputs) and "[" not in inputs[found[0]]))

    return bool(trace.results) and all(is_an_input([source(k) for k in found.ravel().tolist()]) for found in trace.results.values())


def _passed_on(question: Question, found: Finding, *, is_alone: bool) -> Finding:
    """A finding about such a function. That its value is not that of the function which is stated is a warning where it `is_alone`: the gradient is that one's."""
    if found.code == WRONG:
        if question.function is not None:
            return found
        details = (*found.details, f"if gradients are meant to be reversed or scaled here, {MEANT.format('a warning')}")
        return replace(found, message=f"{found.message}; the forward pass returns its input as it is, so the exact gradient is the one that flows in", details=details)
    if not is_alone:
        return found
    message = f"{found.message.partition(':')[0]}: it returns its input as it is, and its gradient is that of the function, as a layer that reverses or scales gradients has it"
    return replace(found, severity="error" if question.strict else "warning", message=message)


__all__ = ["with_stops"]
