"""What a forward pass ends in: a number, or arrays and several outputs, judged by the sum of their components, each times the gradient that flows into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from verifier.case.components import ArrayTexts, Shape, components, described, read_values
from verifier.case.reader import KeyValue, Reader, is_assignable
from verifier.case.yaml_tree import Mapping, YamlNode
from verifier.case.yaml_tree import Sequence as ListNode
from verifier.circuit.program import TOTAL, Builder, Line, Program
from verifier.language.source import Complaint, Source, suggestion

UPSTREAMS = ("0.75", "-1.375", "1.25", "-0.625", "2.5", "-1.75", "0.875", "-2.25", "1.625", "-0.375")  # none 0, no two equal, exact in every format
MOST_OUTPUTS = len(UPSTREAMS)
PRIME, FACTOR, START = 15_013, 4_001, 7  # fifth powers modulo this prime are all different and, unlike multiples, satisfy no small sums; so that no axis of a layer sums to 0


@dataclass(frozen=True)
class Outputs:
    """The outputs that a case names, and what it says flows into them: one entry for each name, or that of '' where it names none."""

    names: tuple[str, ...] = ()
    upstream: dict[str, tuple[YamlNode, ArrayTexts]] = field(default_factory=dict)


def upstream_name(output: str) -> str:
    """The name of the gradient that flows into an output."""
    return f"d{output}"


def read_outputs(reader: Reader, fields: dict[str, KeyValue]) -> Outputs:
    """The names of the outputs and what flows into them, as far as the case says."""
    names: list[str] = []
    for item in (reader.items(fields["outputs"][1], "outputs", example="[s, p]") or ()) if "outputs" in fields else ():
        name = reader.text(item, "an output")
        if name is None:
            continue
        if not is_assignable(name):
            reader.tell(item, f"'{name[:60]}' in outputs is not a name that a forward pass can set; write a name such as s")
        if name in names:
            reader.tell(item, f"the output '{name}' is listed twice; leave one of them")
        names.append(name)
    if len(names) > MOST_OUTPUTS:
        reader.tell(fields["outputs"][1], f"{len(names)} outputs are listed; there may be at most {MOST_OUTPUTS}")
    if names and "function" in fields:
        reader.tell(fields["outputs"][0], "'outputs' names what a forward pass sets, and 'function' has one value only; write the function as 'forward'")
    node = fields["upstream"][1] if "upstream" in fields else None
    if names and node is not None:
        return Outputs(tuple(names), _upstreams(reader, node, names))
    if isinstance(node, ListNode) and (values := read_values(reader, node, "{}", "upstream")) is not None:
        return Outputs((), {"": (node, values)})
    return Outputs(tuple(names))


def _upstreams(reader: Reader, node: YamlNode, names: Sequence[str]) -> dict[str, tuple[YamlNode, ArrayTexts]]:
    if not isinstance(node, Mapping):
        if len(names) == 1 and (values := read_values(reader, node, "{}", "upstream")) is not None:
            return {names[0]: (node, values)}
        if len(names) > 1:
            reader.tell(node, f"upstream must say what flows into each output, such as {{{', '.join(f'{n}: {u}' for n, u in zip(names, UPSTREAMS, strict=False))}}}")
        return {}
    found: dict[str, tuple[YamlNode, ArrayTexts]] = {}
    for key, value in node.entries:
        if key.text not in names:
            reader.tell_unknown(key, f"unknown output '{key.text[:60]}' in upstream", key.text, names)
        elif (values := read_values(reader, value, "upstream.{}", key.text)) is not None:
            found[key.text] = (value, values)
    return found


def patternless(count: int, first: int = 0) -> tuple[str, ...]:
    """Fixed numbers for the components of an array, between 0.5 and 2.0013: no two equal (of 15,013), signs mixed.

    `first` tells the outputs of one case apart.

    >>> patternless(4)
    ('0.658', '-1.6252', '-1.5481', '0.855')
    """
    found = []
    for k in range(count):
        size = 5000 + pow(k + START + first * 997, 5, PRIME) * FACTOR % PRIME
        sign = "-" if (k * k + k // 3 + first) % 7 in (1, 2, 4) else ""
        found.append(f"{sign}{size / 10_000:g}")
    return tuple(found)


def flows_of(program: Program, outputs: Outputs, upstream: str, complain: list[Complaint]) -> dict[str, ArrayTexts]:
    """What flows into the outputs of a forward pass; empty where it is a number and the only one. `upstream` is the number that the case gives, 1 where none."""
    if not outputs.names and program.output_name not in program.shapes:
        if "" in outputs.upstream:
            complain.append(_complaint(outputs.upstream[""][0], "upstream is a list, and the output is a number; write a number"))
        return {}
    flows: dict[str, ArrayTexts] = {}
    for position, name in enumerate(outputs.names or (program.output_name,)):
        shape = program.shapes.get(name, ())
        flow = outputs.upstream.get(name if outputs.names else "")
        values = ArrayTexts(shape, patternless(prod(shape), position)) if shape else ArrayTexts((), (UPSTREAMS[position],))
        if flow is None and shape and upstream != "1":
            values = ArrayTexts(shape, (upstream,) * prod(shape))
        elif flow is not None and flow[1].shape == shape:
            values = flow[1]
        elif flow is not None and not flow[1].shape:
            values = ArrayTexts(shape, flow[1].texts * prod(shape))
        elif flow is not None:
            complain.append(_complaint(flow[0], f"what flows into '{name}' is {described(flow[1].shape)}, and '{name}' is {described(shape)}"))
        flows[upstream_name(name)] = values
    return flows


def _complaint(node: YamlNode, message: str) -> Complaint:
    return node.page.complaint(node.start, message)


def joined(program: Program, source: Source, names: Sequence[str], flows: Sequence[tuple[str, Shape]]) -> tuple[Program | None, list[Complaint]]:
    """The forward pass continued by the sum of its outputs, each component times the gradient that flows into it.

    `names` are the outputs, `flows` what flows into each of them, in the same order.
    """
    complaints = []
    for name, (flow, shape) in zip(names, flows, strict=True):
        if name not in program.names and name not in program.shapes:
            complaints.append(source.complaint(0, f"the forward pass never sets the output '{name}'{suggestion(name, program.names)}"))
        elif (mine := program.shapes.get(name, ())) != shape:
            complaints.append(source.complaint(0, f"the output '{name}' is {described(mine)}, and what flows into it, '{flow}', is {described(shape)}"))
    if complaints:
        return None, complaints
    builder = Builder(program.inputs, list(program.steps), dict(program.names), list(program.lines), values=dict(program.values))
    total = -1
    for name, (flow, shape) in zip(names, flows, strict=True):
        line = len(builder.lines)
        text = f"sum({flow} * {name})" if shape else f"{flow} * {name}"
        builder.lines.append(Line(f"{TOTAL} {'+=' if total >= 0 else '='} {text}"))
        parts, weights = ([program.names[c] for c in components(n, shape)] for n in (name, flow))
        builder.place = (line, 0, 0)
        added = builder.append_all("mul", zip(weights, parts, strict=True), len(parts))
        for product in added:
            total = product if total < 0 else builder.append("add", (total, product), line=line)
        builder.steps[total] = builder.steps[total]._replace(name=TOTAL)
    builder.names[TOTAL] = total
    return builder.program(total, output_name=TOTAL), []
