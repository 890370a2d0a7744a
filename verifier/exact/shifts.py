"""Shifts: the maximum that a softmax subtracts. Where it ties, the function has no kink.

If f(x, m + t) = f(x, m) for every t, or f(x, m * exp(t)) = f(x, m), then f does not depend on m. With m = max(a, b), written against
overflow, its derivative is the one with m held, also where a = b. Whether it is so is read off the steps, exactly: when m becomes
m + t, each of them becomes v + w t, or v * exp(w t); one that does neither makes m no shift.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from verifier.circuit.dag import Dag
from verifier.circuit.program import SHIFT, Program, Step, ancestors_among
from verifier.language.gates import COMPARISONS
from verifier.language.numeral import exact

CHOICES = ("max", "min")
MOST = 16  # choices to which a value responds: what reads more of them, as a layer that follows a layer of max(x, 0) does, is no softmax
Scale: TypeAlias = tuple[tuple[int, int], ...]  # steps with their exponents: a product that multiplies a weight
Weights: TypeAlias = Mapping[tuple[int, Scale], Fraction]


@dataclass(frozen=True)
class Response:
    """What a value v becomes when each choice m becomes m + t, or m * exp(t): v + (the sum of w t), or where it `is_factor` v * exp(the sum of w t)."""

    weights: Weights
    is_factor: bool = False


UNMOVED = Response({})


def mark(dag: Dag, output: int) -> None:
    """Mark the maxima and minima in a dag of primitives on which a step does not depend."""
    for i in cancelling(dag.steps, output):
        step = dag.steps[i]
        del dag.index[step.gate, step.args, step.text]
        dag.steps[i] = step._replace(text=SHIFT)
        dag.index[step.gate, step.args, SHIFT] = i


def marked(program: Program) -> Program:
    """A program of primitives with the maxima and minima marked on which its output does not depend."""
    found = cancelling(program.steps, program.output)
    if not found:
        return program
    steps = tuple(s._replace(text=SHIFT) if i in found else s for i, s in enumerate(program.steps))
    return Program(steps, program.inputs, program.names, program.output)


def cancelling(steps: Sequence[Step], output: int) -> set[int]:
    """The maxima and minima that a step reads and on which it does not depend, with those of which they are made."""
    gates = {s.gate for s in steps}
    if gates.isdisjoint(CHOICES) or gates.isdisjoint(("exp", "div", "pow")):
        return set()
    needed = sorted(ancestors_among(steps, output))
    readers: dict[int, list[int]] = {}
    for i in needed:
        for a in steps[i].args:
            readers.setdefault(a, []).append(i)
    candidates = {i for i in needed if steps[i].gate in CHOICES and not steps[i].text and any(steps[r].gate not in CHOICES for r in readers.get(i, ()))}
    found = _held(steps, needed, candidates, is_factor=False)
    found |= _held(steps, needed, candidates - found, is_factor=True)
    for i in reversed(needed):
        if steps[i].gate in CHOICES and i in readers and found.issuperset(readers[i]):
            found.add(i)
    return found


def _held(steps: Sequence[Step], needed: Sequence[int], candidates: Collection[int], *, is_factor: bool) -> set[int]:
    """The candidates on which the last step does not depend: it stays as it is when each of them becomes m + t, or m * exp(t), with a t of its own."""
    held = set(candidates)
    responses: dict[int, Response] = {}
    for i in needed if held else ():
        step = steps[i]
        own = [_kept(responses[a], held) if a in responses else UNMOVED for a in step.args]
        found = _response(steps, step, own) if any(c.weights for c in own) else UNMOVED
        if found is None or len(found.weights) > MOST or (i in held and found.weights and found.is_factor != is_factor):
            held.difference_update(m for c in own for m, _ in c.weights)
            response = UNMOVED
        else:
            response = found
        if i in held:
            response = Response({**response.weights, (i, ()): Fraction(1)}, is_factor)
        if response.weights:
            responses[i] = response
    if needed and needed[-1] in responses:
        held.difference_update(m for m, _ in responses[needed[-1]].weights)
    return held


def _kept(response: Response, held: Collection[int]) -> Response:
    """A response to those choices alone that still may be shifts."""
    if all(m in held for m, _ in response.weights):
        return response
    return _of({k: w for k, w in response.weights.items() if k[0] in held}, is_factor=response.is_factor)


def _of(weights: Weights, *, is_factor: bool) -> Response:
    return Response(weights, is_factor) if weights else UNMOVED


def _response(steps: Sequence[Step], step: Step, own: Sequence[Response]) -> Response | None:
    """How the result of a gate responds, from how its operands do; None where it is neither a sum nor a factor."""
    gate, (a, *rest) = step.gate, own
    b = rest[0] if rest else UNMOVED
    if gate in ("add", "sub"):
        if a.is_factor or b.is_factor:
            return a if a == b else None
        return _of(_sum(a.weights, b.weights, 1 if gate == "add" else -1), is_factor=False)
    if gate in ("mul", "div"):
        return _product(steps, step, a, b)
    if gate in ("max", "min"):
        return a if a == b else None
    if gate in COMPARISONS:
        return UNMOVED if a == b or _has_fixed_sign(steps, step.args, own) else None
    if gate == "where":
        return own[1] if own[1] == own[2] else next(c for c in own[1:] if c.weights) if _has_fixed_sign(steps, step.args[1:], own[1:]) else None
    if gate == "copy":
        return a
    if gate == "exp":
        return None if a.is_factor else _of(a.weights, is_factor=True)
    if gate == "neg":
        return a if a.is_factor else _times(a, Fraction(-1))
    if not a.is_factor:
        return None
    if gate == "log":
        return _of(a.weights, is_factor=False)
    if gate == "abs":
        return a
    if gate == "sign":
        return UNMOVED
    if gate in ("sqrt", "cbrt"):
        return _times(a, Fraction(1, 2 if gate == "sqrt" else 3))
    exponent = _literal(steps, step.args[1]) if gate == "pow" else None
    return None if exponent is None else _times(a, exponent)


def _has_fixed_sign(steps: Sequence[Step], args: Sequence[int], own: Sequence[Response]) -> bool:
    """Whether of two values one is a factor, and the other is 0: as large, beside each other, whatever the factor."""
    return any(own[k].is_factor and _literal(steps, args[1 - k]) == 0 for k in (0, 1))


def _product(steps: Sequence[Step], step: Step, a: Response, b: Response) -> Response | None:
    sign = 1 if step.gate == "mul" else -1
    if all(c.is_factor or not c.weights for c in (a, b)):
        return _of(_sum(a.weights, b.weights, sign), is_factor=True)
    if (a.weights and b.weights) or (b.weights and step.gate == "div"):
        return None
    response, other = (a, step.args[1]) if a.weights else (b, step.args[0])
    value = _literal(steps, other)
    if value is not None:
        return _times(response, value if sign > 0 else 1 / value) if value else None
    return Response({(m, _scaled(scale, other, sign)): w for (m, scale), w in response.weights.items()})


def _scaled(scale: Scale, step: int, exponent: int) -> Scale:
    found = dict(scale)
    found[step] = found.get(step, 0) + exponent
    return tuple(sorted((s, e) for s, e in found.items() if e))


def _times(response: Response, value: Fraction) -> Response:
    return _of({k: w * value for k, w in response.weights.items() if value}, is_factor=response.is_factor)


def _sum(a: Weights, b: Weights, sign: int) -> Weights:
    found = dict(a)
    for key, weight in b.items():
        found[key] = found.get(key, Fraction(0)) + sign * weight
    return {k: w for k, w in found.items() if w}


def _literal(steps: Sequence[Step], index: int) -> Fraction | None:
    """The value of a step that is a number, or one with a minus; None of any other."""
    step = steps[index]
    if step.gate == "neg":
        inner = _literal(steps, step.args[0]) if steps[step.args[0]].gate == "number" else None
        return None if inner is None else -inner
    return exact(step.text) if step.gate == "number" else None
