"""Several outputs: a forward pass that ends in s and p is judged by ds * s + dp * p, where ds and dp flow in."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case.reader import Entry, Reader, is_assignable
from verifier.case.yaml_tree import Mapping, Scalar
from verifier.circuit.program import Builder, Line, Program
from verifier.language.source import Complaint, Source, suggestion

UPSTREAMS = ("0.75", "-1.375", "1.25", "-0.625", "2.5", "-1.75", "0.875", "-2.25", "1.625", "-0.375")  # none 0, no two equal, exact in every format
MOST_OUTPUTS = len(UPSTREAMS)
TOTAL = "outputs_together"  # the name of the sum


def upstream_name(output: str) -> str:
    """The name of the gradient that flows into an output."""
    return f"d{output}"


def read_outputs(reader: Reader, fields: dict[str, Entry]) -> dict[str, str]:
    """The names of the outputs, each with the gradient that flows into it."""
    names: list[str] = []
    for item in reader.items(fields["outputs"][1], "outputs", example="[s, p]") or ():
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
    if "function" in fields:
        reader.tell(fields["outputs"][0], "'outputs' names what a forward pass sets, and 'function' has one value only; write the function as 'forward'")
    flows = dict(zip(names, UPSTREAMS, strict=False))
    if "upstream" in fields:
        flows.update(_upstreams(reader, fields["upstream"], names))
    return flows


def _upstreams(reader: Reader, entry: Entry, names: Sequence[str]) -> dict[str, str]:
    if not isinstance(entry[1], Mapping):
        reader.tell(entry[1], f"upstream must say what flows into each output, such as {{{', '.join(f'{n}: {u}' for n, u in zip(names, UPSTREAMS, strict=False))}}}")
        return {}
    found = {}
    for key, node in entry[1].entries:
        if key.text not in names:
            reader.tell_unknown(key, f"unknown output '{key.text[:60]}' in upstream", key.text, names)
        elif isinstance(node, Scalar) and (text := reader.number(node, f"upstream.{key.text}")) is not None:
            found[key.text] = text
    return found


def joined(program: Program, source: Source, names: Sequence[str]) -> tuple[Program | None, list[Complaint]]:
    """The forward pass continued by the sum of its outputs, each times the gradient that flows into it."""
    complaints = [source.complaint(0, f"the forward pass never sets the output '{name}'{suggestion(name, program.names)}") for name in names if name not in program.names]
    if complaints:
        return None, complaints
    builder = Builder(program.inputs, list(program.steps), dict(program.names), list(program.lines))
    total = -1
    for name in names:
        flow, line = upstream_name(name), len(builder.lines)
        builder.lines.append(Line(f"{TOTAL} {'+=' if total >= 0 else '='} {flow} * {name}"))
        product = builder.append("mul", (builder.names[flow], builder.names[name]), line=line, name="" if total >= 0 else TOTAL)
        total = product if total < 0 else builder.append("add", (total, product), line=line, name=TOTAL)
    builder.names[TOTAL] = total
    return builder.program(total, output_name=TOTAL), []
