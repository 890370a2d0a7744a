"""Run a Program of primitives in a field of rational functions over transcendental kernels, branch by branch.

The value of a step is an Element (see `elements`), a truth value, or None where it has no real value. A comparison asks
for the sign of an irreducible polynomial; where the branch does not know it, both signs are tried, each a branch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from verifier.arithmetic.balls import PRIMITIVES
from verifier.circuit.expressions import add_expression
from verifier.circuit.program import Builder, Program, Step
from verifier.exact.derivatives import primitive
from verifier.exact.identities import exponentials, signs
from verifier.exact.identities.elements import WORK, Element, Field, GiveUp, Infinity, NoRealValue, Plan, Restart, SignNeeded
from verifier.exact.identities.special import RULES, opaque
from verifier.language.gates import COMPARISONS, GATES
from verifier.language.numeral import exact

MAX_STEPS = 600  # of a program
MAX_INPUTS = 48
MAX_SIGNS = 7  # assumed in one branch: the domain of binom and the reflections of its three factors
MAX_BRANCHES = 64
MAX_RESTARTS = 24
LAZY = frozenset(name for name, gate in GATES.items() if 0 in gate.conditions and len(gate.parameters) > 1)  # the first operand says which others are needed


@dataclass(frozen=True, slots=True)
class Holding:
    """Where a claim holds, in words: the conditions under which it does, the branches in which it does not, and the borders that it says nothing about."""

    conditions: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    borders: tuple[str, ...] = ()
    own_borders: tuple[str, ...] = ()  # those that the first side of the identity does not have


def holds(inputs: Sequence[str], claim: Callable[[Field], bool | None], *, work: int = WORK) -> Holding | None:
    """Where a claim holds, after every branch of signs was tried; None if it fails in one, or if nothing is defined in any.

    `claim` returns None in a branch where there is nothing to claim. Raises GiveUp.
    """
    if len(inputs) > MAX_INPUTS:
        raise GiveUp("too many inputs")
    plan = Plan(work=work)
    for _ in range(MAX_RESTARTS):
        try:
            return _in_all_branches(Field(tuple(inputs), plan), claim)
        except Restart:
            continue
        except RecursionError:
            raise GiveUp("an expression that nests too deeply") from None
    raise GiveUp("kernels without a common measure")


def _in_all_branches(field: Field, claim: Callable[[Field], bool | None]) -> Holding | None:
    pending: list[tuple[tuple[Any, int], ...]] = [()]
    leaves = proved = 0
    first, second = field.borders, field.other_borders
    while pending:
        assumptions = pending.pop()
        field.assumptions = {str(p): (p, s) for p, s in assumptions}
        field.borders, field.other_borders = first, second
        try:
            answer = claim(field)
        except SignNeeded as split:
            field.borders[f"{exponentials.text(field, field.polynomial(split.atom))} = 0"] = None
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
    return Holding(tuple(field.conditions), tuple(field.gaps), (*first, *(b for b in second if b not in first)), tuple(b for b in second if b not in first)) if proved else None


def is_defined(field: Field, program: Program, output: int, *, upstream: Element | None = None, readings: Mapping[str, Element] | None = None) -> bool:
    """Whether nothing that a step needs is outside its domain in this branch. Raises GiveUp, Restart, SignNeeded."""
    values: dict[int, Any] = {}
    if value(field, program, output, upstream=upstream, readings=readings, values=values) is None:
        return False
    for i in values:
        step = program.steps[i]
        domain = _domain(step.gate) if step.args else None
        if domain is not None and not value(field, domain, domain.output, operands=[values[a] for a in step.args]):
            return False
    return True


@cache
def _domain(gate: str) -> Program | None:
    """The domain that the gate table states, as a program of primitives; its value is a truth value."""
    row = GATES[gate]
    if not row.where:
        return None
    builder = Builder(row.parameters, is_table=True)
    return primitive(builder.program(add_expression(builder, row.where)))


def value(
    field: Field,
    program: Program,
    output: int,
    *,
    upstream: Element | None = None,
    readings: Mapping[str, Element] | None = None,
    operands: Sequence[Element] | None = None,
    values: dict[int, Any] | None = None,
) -> Any:
    """One step of a program of primitives, from what it needs; None where it has no real value in this branch.

    A branch of `where` that is not taken is not run, nor an operand of `and` that does not matter. `readings` gives
    literals another value than their decimal one, `operands` the inputs; `values` gathers what was run. Equal elements
    are equal on an open set, so a tie (`max(x, x)`) decides a comparison, also in a derivative.
    Raises GiveUp, Restart, SignNeeded.
    """
    values = {} if values is None else values
    if operands is not None:
        values.update(enumerate(operands))
    pending = [output]
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
    return values[output]


def _next(program: Program, index: int, values: Mapping[int, Any]) -> int | None:
    """An operand that must be known before a step can be."""
    step = program.steps[index]
    args: Sequence[int] = step.args
    if step.gate in LAZY:
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
    if gate in LAZY:
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
    except NoRealValue:
        return None


def _gate(field: Field, gate: str, operands: Sequence[Any]) -> Any:
    if gate == "not":
        return not operands[0]
    if any(isinstance(o, Infinity) for o in operands):
        return _infinite(field, gate, operands)
    if gate in COMPARISONS:
        difference = field.sub(*operands)
        if gate not in ("eq", "ne"):
            return signs.sign(field, difference) in GATES[gate].holds
        is_equal = signs.is_zero(field, difference)
        if not is_equal and not field.is_constant(difference):
            field.borders[f"{exponentials.text(field, difference)} = 0"] = None
        return is_equal == (gate == "eq")
    rule = RULES.get(gate)
    if rule is None:
        if gate not in PRIMITIVES:
            raise GiveUp(f"no rule for '{gate}'")
        rule = opaque(gate)
    return rule(field, *operands)


def _infinite(field: Field, gate: str, operands: Sequence[Any]) -> Any:
    """The value of a gate with an infinite operand, as far as the signs of the others decide it. Raises GiveUp for everything else."""
    signs_of = [o.sign if isinstance(o, Infinity) else 0 for o in operands]
    if gate == "neg":
        return Infinity(-signs_of[0])
    if gate == "copy":
        return operands[0]
    if gate == "sign":
        return field.number(signs_of[0])
    if gate == "abs":
        return Infinity(1)
    if gate in ("max", "min"):
        return RULES[gate](field, *operands)
    if gate == "mul":
        others = [signs.sign(field, o) if s == 0 else s for s, o in zip(signs_of, operands, strict=True)]
        return Infinity(others[0] * others[1]) if all(others) else None
    if gate in ("add", "sub"):
        first, second = signs_of[0], signs_of[1] if gate == "add" else -signs_of[1]
        if first == -second:
            return None
        return Infinity(first or second)
    if gate in COMPARISONS:
        return (signs_of[0] > signs_of[1]) - (signs_of[0] < signs_of[1]) in GATES[gate].holds
    raise GiveUp("arithmetic with infinity")


def _constant(field: Field, name: str) -> Any:
    if name == "nan":
        raise GiveUp("nan has no value")
    if name == "inf":
        return Infinity(1)
    if name == "e":
        return exponentials.exp(field, field.one)
    if name == "tau":
        return field.scaled(exponentials.pi(field), 2)
    return field.kernel("constant", text=name)


MAX_TEXT = 120  # digits of an input that is put into an identity


def is_zero(program: Program, output: int) -> bool:
    """Whether a step of a program of primitives is provably zero wherever it is defined."""

    def claim(over: Field) -> bool | None:
        result = value(over, program, output, upstream=over.generator(len(program.inputs)))
        return None if result is None else bool(result.num.is_zero())

    try:
        holding = holds((*program.inputs, "upstream"), claim)
    except GiveUp:
        return False
    return holding is not None and not holding.conditions


def is_zero_at(program: Program, output: int, point: Sequence[float]) -> bool:
    """Whether a step is provably zero at one point: the identity between the numbers that the inputs are there."""
    texts = [f"{Decimal(x):f}" for x in point]
    if any(len(t) > MAX_TEXT for t in texts):
        return False
    steps = tuple(_number(s, texts[i]) if s.gate == "input" else s for i, s in enumerate(program.steps))
    return is_zero(Program(steps, (), {}, output), output)


def _number(step: Step, text: str) -> Step:
    """The number that an input is, as an element."""
    return step._replace(gate="number", text=text)
