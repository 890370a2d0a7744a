"""The function of a case file as a program over the inputs of a callable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from verifier.callable.question import TruthOf
from verifier.case.case import Case
from verifier.case.components import base, described
from verifier.case.outputs import upstream_name
from verifier.circuit import arrays
from verifier.circuit.program import TOTAL, Builder, Program
from verifier.language.source import CaseError, Complaint, Source
from verifier.trace.record import Callee


def truth_over(case: Case, parameters: Mapping[str, tuple[str, ...]]) -> TruthOf:
    """The function of a case, its parameters as these numbers, over the inputs of a callable and what flows into its outputs."""
    source = case.function or next((i.forward for i in case.implementations if i.forward is not None), None) or _forward(case)

    def build(program: Program, callee: Callee) -> tuple[Source, Program]:
        flows = list(callee.upstreams)
        if case.outputs and len(case.outputs) != len(flows):
            raise CaseError([Complaint(case.place, f"the function has {len(case.outputs)} outputs, and {callee.name} has {len(callee.outputs)} into which a gradient flows: {', '.join(callee.outputs)}")])
        shapes = dict(case.shapes)
        for mine, theirs in zip(case.outputs, flows, strict=False):
            if shapes.get(upstream_name(mine), ()) != callee.upstreams[theirs]:
                raise CaseError([Complaint(case.place, f"the function's '{mine}' is {described(shapes.get(upstream_name(mine), ()))}, and the output '{theirs}' of {callee.name} is {described(callee.upstreams[theirs])}")])
        renamed = {upstream_name(mine): upstream_name(theirs) for mine, theirs in zip(case.outputs, flows, strict=False)}
        numbers = _numbers(case, parameters)
        builder = Builder(program.inputs, shapes=dict(program.shapes))
        known = {name: i for i, name in enumerate(program.inputs)}
        steps: list[int] = []
        for step in case.programs.truth.steps:
            if step.gate == "input":
                name = renamed.get(base(step.text), base(step.text)) + step.text[len(base(step.text)) :]
                if name in known:
                    steps.append(known[name])
                elif step.text in numbers:
                    steps.append(int(arrays.literal(builder, numbers[step.text])))
                else:
                    raise CaseError([Complaint(case.place, f"the function reads '{step.text}', and {callee.name} has no such input; its inputs are {', '.join(callee.inputs)}, its outputs {', '.join(f'{o} of the shape {s}' for o, s in callee.outputs.items())}")])
            else:
                steps.append(builder.append(step.gate, tuple(steps[a] for a in step.args), text=step.text))
        total = steps[case.programs.truth.output]
        if not case.outputs and flows:
            if callee.upstreams[flows[0]] or len(flows) > 1:
                raise CaseError([Complaint(case.place, f"the function is a number, and {callee.name} returns {', '.join(f'{o} of the shape {s}' for o, s in callee.outputs.items())}")])
            total = builder.append("mul", (known[upstream_name(flows[0])], total))
        if not builder.steps[total].args:
            total = builder.append("copy", (total,))
        built = builder.program(total, output_name=TOTAL)
        outputs = {theirs + name[len(mine) :]: steps[at] for mine, theirs in zip(case.outputs, flows, strict=False) for name, at in case.programs.truth.names.items() if base(name) == mine}
        return source, replace(built, names={**built.names, **outputs}, parameters=program.parameters, shapes=dict(program.shapes))

    return build


def _forward(case: Case) -> Source:
    return Source("", case.file, case.place.line, case.place.column, "", "forward")


def _numbers(case: Case, parameters: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The parameters, by component."""
    names: dict[str, list[str]] = {}
    for name in case.parameters:
        names.setdefault(base(name), []).append(name)
    return {part: text for name, texts in parameters.items() for part, text in zip(names[name], texts, strict=True)}
