"""A traced callable of numbers as a text of the language: a statement for each value that has a name or is read by another line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from verifier.circuit.program import LEAVES, TOTAL, Line, Program
from verifier.language.gates import CONSTANTS, GATES
from verifier.trace.record import Callee, Trace
from verifier.trace.recorder import upstream_name

MOST_STEPS = 2_000  # of a callable that is written out
MOST_CHARACTERS = 20_000  # of a statement: what is read several times is written several times
ATOM = 100  # how strongly a name binds


@dataclass(frozen=True)
class TraceText:
    """The forward and the backward pass as statements, and the line of the user's file that each statement of the backward pass is from."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]
    origin: tuple[tuple[Line, bool], ...]  # of each statement of the backward pass: its line, and whether the statement is all of that line


def written_out(trace: Trace, callee: Callee) -> TraceText | None:
    """The text of a trace; None where it has arrays, several outputs, or values that have no place."""
    program = trace.program
    if any(step.gate not in GATES and step.gate not in (*LEAVES, "copy") for step in program.steps):
        return None
    outputs = list(callee.outputs)
    if any(callee.inputs.values()) or any(callee.outputs.values()) or len(outputs) != 1 or len(callee.upstreams) != 1 or len(program) > MOST_STEPS or program.backward_start < 0:
        return None
    final = int(trace.results[outputs[0]].ravel()[0]) if outputs[0] in trace.results else -1
    claimed = {program.names[name]: name for _, name in trace.claims if name in program.names}
    if final < 0 or len(claimed) != len(trace.claims):
        return None
    names = _names(program, {**claimed, final: "out"}, {upstream_name(outputs[0]): "dout"})
    texts: list[tuple[str, int]] = []
    passes: tuple[list[str], list[str]] = ([], [])
    origin: list[tuple[Line, bool]] = []
    last = {step.line: i for i, step in enumerate(program.steps) if step.gate not in (*LEAVES, "copy")}
    for i, step in enumerate(program.steps):
        if step.gate in LEAVES:
            texts.append((step.text if step.gate != "input" else names[i], 0 if step.text.startswith("-") else ATOM))
            continue
        text, binds = _expression(step.gate, [texts[a] for a in step.args])
        if len(text) > MOST_CHARACTERS:
            return None
        if i in names and step.name != TOTAL:
            is_backward = i >= program.backward_start
            passes[is_backward].append(f"{names[i]} = {text}")
            if is_backward:
                origin.append((program.lines[step.line], last[step.line] == i))
            text, binds = names[i], ATOM
        texts.append((text, binds))
    for step_number, name in {**claimed, final: "out"}.items():  # what is a leaf, or two names of one step
        if names[step_number] != name:
            passes[name != "out"].append(f"{name} = {names[step_number]}")
            origin += [(Line(""), False)] if name != "out" else []
    return TraceText(tuple(passes[0]), tuple(passes[1]), tuple(origin))


def _names(program: Program, wanted: Mapping[int, str], flows: Mapping[str, str]) -> dict[int, str]:
    """The name of every step that has a statement: its own where that is free, else one with its number."""
    read_elsewhere = {a for i, step in enumerate(program.steps) for a in step.args if program.steps[a].line != step.line or (a < program.backward_start <= i)}
    taken = {*program.inputs, *flows.values(), *wanted.values(), *GATES, *CONSTANTS}
    found: dict[int, str] = {}
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            found[i] = flows.get(step.text, step.text)
        elif step.gate not in LEAVES and (step.name or i in read_elsewhere or i in wanted):
            name = wanted.get(i) or (step.name if step.name.isidentifier() and step.name not in taken else f"v{i}")
            found[i] = name
            taken.add(name)
    return {**{i: found.get(i, "") for i in wanted}, **found}


def _expression(gate: str, args: list[tuple[str, int]]) -> tuple[str, int]:
    """A gate applied to texts, and how strongly it binds."""
    if gate == "copy":
        return args[0]
    row = GATES[gate]
    if not row.symbol:
        return f"{gate}({', '.join(text for text, _ in args)})", ATOM
    if len(args) == 1:
        return f"{row.symbol}{' ' if row.symbol.isalpha() else ''}{_inside(*args[0], row.binds + 1)}", row.binds
    space = "" if gate == "pow" else " "
    left = _inside(*args[0], row.binds + (gate == "pow" or row.boolean))
    return f"{left}{space}{row.symbol}{space}{_inside(*args[1], row.binds + 1)}", row.binds


def _inside(text: str, binds: int, least: int) -> str:
    return text if binds >= least else f"({text})"


def finite(texts: tuple[str, str]) -> bool:
    """Whether the bounds of a domain are numbers."""
    return all(isfinite(float(t)) for t in texts)
