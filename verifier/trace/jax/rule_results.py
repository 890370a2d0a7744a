"""What the backward pass of a rule (`custom_vjp`) returns is the adjoint of what its function was called with: names that say so, by which a wrong line is found in the rule and not where its result is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verifier.circuit.arrays import Array
from verifier.trace.recorder import Recorder, components

MARK = "gradient by rule "  # begins the names that are given to the results of a rule while a jaxpr is made

try:
    from jax._src.ad_checkpoint import name_p
except ImportError:  # another release of JAX: the results have no names
    name_p = None  # type: ignore[assignment]


def marked(results: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """The results of the backward pass of a rule, each with a name that says of which rule, and which of its arguments it is about."""
    info = getattr(getattr(params.get("bwd"), "debug_info", None), "func_src_info", "")
    zeros = params.get("in_zeros")
    if name_p is None or not info or zeros is None:
        return list(results)
    places = iter([k for k, is_zero in enumerate(zeros) if not is_zero])
    first = len(results) - sum(not z for z in zeros)
    return [r if k < first else _marked(r, f"{MARK}{next(places, -1)} {info}") for k, r in enumerate(results)]


def _marked(result: Any, name: str) -> Any:
    return name_p.bind(result, name=name) if hasattr(result, "dtype") and hasattr(result, "aval") and np.issubdtype(result.dtype, np.floating) else result


@dataclass
class _Call:
    """A call of a function with a rule in the forward pass: its operands, and the steps between which it made its own."""

    operands: list[tuple[str, Array | None]]
    first: int
    last: int = -1


@dataclass
class RuleResults:
    """The calls of functions with rules in the forward pass, and the results of their backward passes, in the order in which they ran."""

    calls: dict[str, list[_Call]] = field(default_factory=dict)
    results: dict[tuple[str, int], list[Array]] = field(default_factory=dict)

    def begin(self, params: dict[str, Any], operands: Sequence[Array | None], first: int) -> _Call | None:
        """A call begins."""
        info = getattr(getattr(params.get("bwd"), "debug_info", None), "func_src_info", "")
        if not info:
            return None
        own = getattr(getattr(params["call_jaxpr"], "jaxpr", None), "debug_info", None)
        function = str(getattr(own, "func_src_info", "")).partition(" ")[0]
        names = list(getattr(own, "arg_names", None) or ())
        given = operands[params.get("num_consts", 0) :]
        call = _Call([(f"{function}_{names[k]}" if k < len(names) and f"{function}_{names[k]}".isidentifier() else f"operand_{k}", v) for k, v in enumerate(given)], first)
        self.calls.setdefault(str(info), []).append(call)
        return call

    def result(self, name: str, steps: Array) -> None:
        """A result of the backward pass of a rule."""
        place, _, info = name.removeprefix(MARK).partition(" ")
        self.results.setdefault((info, int(place)), []).append(steps)

    def give_names(self, recorder: Recorder) -> None:
        """Name the operands that nothing else reads, and what the rule returns for them: the last call is the first to be differentiated."""
        b, start = recorder.builder, recorder.backward_start
        users: dict[int, list[int]] = {}
        for i in range(start):
            for a in b.steps[i].args:
                users.setdefault(a, []).append(i)
        pairs: dict[str, list[tuple[int, int]]] = {}
        for (info, place), found in self.results.items():
            calls = self.calls.get(info, [])
            if len(calls) != len(found) or any(place >= len(c.operands) for c in calls):
                continue
            for call, steps in zip(reversed(calls), found, strict=True):
                name, operand = call.operands[place]
                if operand is None or operand.shape != steps.shape or not all(b.steps[i].args and all(call.first <= u < call.last for u in users.get(i, ())) for i in operand.ravel().tolist()):
                    continue
                for part, i, r in zip(components(name, operand.shape), operand.ravel().tolist(), steps.ravel().tolist(), strict=True):
                    pairs.setdefault(b.steps[i].name or part, []).append((i, r))
        taken = {s.name for s in b.steps[start:]}
        known: dict[str, int] = {}
        for s in b.steps[:start]:
            known[s.name] = known.get(s.name, 0) + 1
        for name, both in pairs.items():
            if f"d{name}" in taken or known.get(name, 0) not in (0, len(both)) or len({i for i, _ in both}) != len(both) or name in recorder.shapes:
                continue
            if all(r >= start and b.steps[r].args and not b.steps[r].name for _, r in both):
                for i, r in both:
                    b.steps[i] = b.steps[i]._replace(name=name)
                    b.steps[r] = b.steps[r]._replace(name=f"d{name}")
