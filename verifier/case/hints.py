"""What helps whoever pasted a backward pass: the name of the gradient that flows in, and the key that names the gradients."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

from verifier.case.case import Implementation
from verifier.circuit.program import Program
from verifier.language.trees import parse_program
from verifier.language.source import Complaint

FLOWS_IN = ("grad_output", "grad_out", "gradOutput", "grad_y", "grad", "gout", "gy", "ct", "cotangent", "g", "dy", "dz", "dL", "delta", "upstream_grad", "Δ", "ȳ")  # what others call it
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
        head = message.partition("; did you mean")[0]
        flow = f"d{forward.output_name}"
        return f"{head}; the gradient that flows in is called {flow}" + ("" if flow == "dout" or "dout" in forward.names else " or dout")
    unset = _UNSET.search(message)
    if unset is None or implementation.gradients is not None:
        return message
    near = _nearest(unset[2], free)
    if near is None:
        return message
    key = f"'{unset[2]}'" if "[" in unset[2] else unset[2]
    value = f"'{near}'" if "[" in near else near
    label = implementation.backward.label if implementation.backward is not None else ""
    where = f" in {label}" if label and message.endswith(f" in {label}") else ""
    head = message.removesuffix(where).partition("; did you mean")[0]
    return f"{head}; did you mean '{near}'? then add gradients: {{{key}: {value}}}{where}"


def _nearest(variable: str, free: Sequence[str]) -> str | None:
    """The name of a backward pass that is most like the gradient with respect to an input: dw0 or grad_w0 for W[0]."""
    plain = {name: _plain(name) for name in free}
    wanted = [p + _plain(variable) for p in ("d", "grad", "g", "dl")]
    exact = next((name for name, text in plain.items() if text in wanted), None)
    if exact is not None:
        return exact
    close = difflib.get_close_matches(wanted[0], list(plain.values()), n=1, cutoff=NEAR)
    return next((name for name, text in plain.items() if close and text == close[0]), None)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
