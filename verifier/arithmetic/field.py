"""Run a Program of primitives in a field of rational functions over transcendental kernels, branch by branch.

The value of a step is an Element (see `elements`), a truth value, or None where it has no real value. A comparison asks
for the sign of an irreducible polynomial; where the branch does not know it, both signs are tried, each a branch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from verifier.arithmetic import elementary, signs
from verifier.arithmetic.balls import PRIMITIVES
from verifier.arithmetic.elements import Element, Field, GiveUp, Plan, Restart, Split, Undefined
from verifier.arithmetic.identities import RULES, opaque
from verifier.formats import exact
from verifier.program import Program

MAX_STEPS = 600  # of a program
MAX_INPUTS = 24
MAX_SIGNS = 6  # assumed in one branch
MAX_BRANCHES = 64
MAX_RESTARTS = 24
_COMPARED: dict[str, Callable[[int], bool]] = {"lt": lambda s: s < 0, "le": lambda s: s <= 0, "gt": lambda s: s > 0, "ge": lambda s: s >= 0}


def holds(inputs: Sequence[str], claim: Callable[[Field], bool | None]) -> tuple[str, ...] | None:
    """The conditions under which a claim holds in every branch of signs; None where it does not, or holds only where nothing is defined.

    `claim` returns None in a branch where there is nothing to claim. Raises GiveUp.
    """
    if len(inputs) > MAX_INPUTS:
        raise GiveUp("too many inputs")
    plan = Plan()
    for _ in range(MAX_RESTARTS):
        try:
            return _in_all_branches(Field(tuple(inputs), plan), claim)
        except Restart:
            continue
    raise GiveUp("kernels without a common measure")


def _in_all_branches(field: Field, claim: Callable[[Field], bool | None]) -> tuple[str, ...] | None:
    pending: list[tuple[tuple[Any, int], ...]] = [()]
    leaves = proved = 0
    while pending:
        assumptions = pending.pop()
        field.assumptions = {str(p): (p, s) for p, s in assumptions}
        try:
            answer = claim(field)
        except Split as split:
            if len(assumptions) >= MAX_SIGNS or len(pending) > MAX_BRANCHES:
                raise GiveUp("too many branches") from None
            for s in (-1, 1):
                branch = (*assumptions, (split.atom, s))
                if not signs.contradictory(field, branch):
                    pending.append(branch)
            continue
        leaves += 1
        if leaves > MAX_BRANCHES:
            raise GiveUp("too many branches")
        if answer is False:
            return None
        proved += answer is True
    return tuple(field.conditions) if proved else None


def value(field: Field, program: Program, output: int, *, upstream: Element | None = None, readings: Mapping[str, Element] | None = None) -> Element | None:
    """One step of a program of primitives, from what it needs; None where it has no real value in this branch.

    `readings` gives literals another value than their decimal one. Raises GiveUp, Restart, Split.
    """
    return evaluate(field, program, [output], upstream=upstream, readings=readings)[0]


def evaluate(
    field: Field, program: Program, outputs: Sequence[int], *, upstream: Element | None = None, readings: Mapping[str, Element] | None = None
) -> list[Any]:
    """`value` of several steps. A branch of `where` that is not taken is not run, nor an operand of `and` that does not matter."""
    values: dict[int, Any] = {}
    pending = list(reversed(outputs))
    while pending:
        index = pending[-1]
        if index in values:
            pending.pop()
            continue
        missing = _next(program, index, values)
        if missing is not None:
            pending.append(missing)
            continue
        pending.pop()
        if len(values) >= MAX_STEPS:
            raise GiveUp("a long program")
        values[index] = _step(field, program, index, values, upstream, readings or {})
    return [values[o] for o in outputs]


def _next(program: Program, index: int, values: Mapping[int, Any]) -> int | None:
    """An operand that must be known before a step can be."""
    step = program.steps[index]
    args: Sequence[int] = step.args
    if step.gate in ("where", "and", "or"):
        if args[0] not in values:
            return args[0]
        first = values[args[0]]
        if first is None or (step.gate == "and" and not first) or (step.gate == "or" and first):
            return None
        args = (args[1 if first else 2],) if step.gate == "where" else args[1:]
    return next((a for a in args if a not in values), None)


def _step(field: Field, program: Program, index: int, values: Mapping[int, Any], upstream: Element | None, readings: Mapping[str, Element]) -> Any:
    gate, args, text = program.steps[index][:3]
    if gate == "input":
        return field.generator(index)
    if gate == "number":
        return readings[text] if text in readings else field.number(exact(text))
    if gate == "constant":
        return _constant(field, text)
    if gate == "upstream":
        if upstream is None:
            raise GiveUp("no upstream gradient")
        return upstream
    if gate in ("where", "and", "or"):
        first = values[args[0]]
        if first is None:
            return None
        if gate == "where":
            return values[args[1 if first else 2]]
        return first if first == (gate == "or") else values[args[1]]
    operands = [values[a] for a in args]
    if any(o is None for o in operands):
        return None
    try:
        return _gate(field, gate, operands)
    except Undefined:
        return None


def _gate(field: Field, gate: str, operands: Sequence[Any]) -> Any:
    if gate == "not":
        return not operands[0]
    if gate in ("eq", "ne"):
        return signs.is_zero(field, field.sub(*operands)) == (gate == "eq")
    if gate in _COMPARED:
        return _COMPARED[gate](signs.sign(field, field.sub(*operands)))
    rule = RULES.get(gate)
    if rule is None:
        if gate not in PRIMITIVES:
            raise GiveUp(f"no rule for '{gate}'")
        rule = opaque(gate)
    return rule(field, *operands)


def _constant(field: Field, name: str) -> Element | None:
    if name == "inf":
        return None
    if name == "e":
        return elementary.exp(field, field.one)
    if name == "tau":
        return field.scaled(elementary.pi(field), 2)
    return field.kernel("constant", text=name)
