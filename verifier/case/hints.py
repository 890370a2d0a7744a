"""What helps whoever pasted a backward pass: the name of the gradient that flows in, and the key that names the gradients."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

from verifier.case.case import Implementation
from verifier.case.components import base
from verifier.circuit.program import TOTAL, Program
from verifier.language.source import Complaint
from verifier.language.trees import parse_program

FLOWS_IN = ("dout", "upstream", "grad_output", "grad_out", "gradOutput", "grad_y", "grad", "gout", "gy", "ct", "cotangent", "g", "dy", "dz", "dL", "delta", "upstream_grad", "Δ", "ȳ")  # what others call it
_UNKNOWN = re.compile(r"unknown name '([^']+)'")
_UNSET = re.compile(r"the backward pass never sets '([^']+)', the gradient with respect to '([^']+)'")
NEAR = 0.6  # of difflib: what suggestions are made from


def with_hints(complaints: Sequence[Complaint], implementation: Implementation, forward: Program, claims: Sequence[tuple[str, str]]) -> list[Complaint]:
    """The complaints about a backward pass, some with the way out."""
    assigned = [s.target for s in parse_program(implementation.backward.text)[0]] if implementation.backward is not None and complaints else []
    wanted = {name for _, name in claims}
    free = [name for name in assigned if name not in wanted]
    return [replace(c, message=_helped(c.message, forward, implementation, free)) for c in complaints]


def _helped(message: str, forward: Program, implementation: Implementation, free: Sequence[str]) -> str:
    if (unknown := _UNKNOWN.search(message)) is not None and unknown[1] in FLOWS_IN:
        head = re.split("; did you mean|; known here", message)[0]
        if flows := _flows(forward):
            return f"{head}; {'the gradient that flows in is' if len(flows) == 1 else 'the gradients that flow in are'} called {' and '.join(flows)}"
        flow = f"d{forward.output_name}"
        return f"{head}; the gradient that flows in is called {flow}" + ("" if flow == "dout" or "dout" in forward.names else " or dout")
    unset = _UNSET.search(message)
    if unset is None or implementation.gradients is not None:
        return message
    variable = unset[2]
    near = _nearest(variable, free)
    first = next((name for name in forward.inputs if name.startswith(f"{variable}[")), "")
    if first and (element := _same(first, free)) is not None and _same(variable, free) is None:
        variable, near = first, element  # dw0 for the first element of W
    if near is None:
        return message
    key = f"'{variable}'" if "[" in variable else variable
    value = f"'{near}'" if "[" in near else near
    label = implementation.backward.label if implementation.backward is not None else ""
    where = f" in {label}" if label and message.endswith(f" in {label}") else ""
    head = message.removesuffix(where).partition("; did you mean")[0]
    return f"{head}; did you mean '{near}'? then add gradients: {{{key}: {value}}}{where}"


def _flows(forward: Program) -> list[str]:
    """What flows into the outputs of a forward pass that has several, or arrays; empty where it has one number."""
    if forward.output_name != TOTAL:
        return []
    return list(dict.fromkeys(n for name in forward.inputs if (n := base(name)).startswith("d") and (n[1:] in forward.shapes or n[1:] in forward.names)))


def _nearest(variable: str, free: Sequence[str]) -> str | None:
    """The name of a backward pass that is most like the gradient with respect to an input: dw0 or grad_w0 for W[0]."""
    same = _same(variable, free)
    if same is not None:
        return same
    close = difflib.get_close_matches(_plain(f"d{variable}"), [_plain(name) for name in free], n=1, cutoff=NEAR)
    return next((name for name in free if close and _plain(name) == close[0]), None)


def _same(variable: str, free: Sequence[str]) -> str | None:
    """The name that differs from the gradient with respect to an input in its spelling only."""
    wanted = [p + _plain(variable) for p in ("d", "grad", "g", "dl")]
    return next((name for name in free if _plain(name) in wanted), None)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
