"""Random programs of primitives, and their values by two ways: through elements of the field, and in balls."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from typing import Any

from flint import arb

from verifier.arithmetic import balls
from verifier.circuit.program import Program, Step
from verifier.exact.identities import field, signs
from verifier.exact.identities.elements import Field, GiveUp
from verifier.language.gates import GATES

BITS = 300
NUMBERS = ("1", "2", "0.5", "3", "1.5", "0.25")
ORDERS = {
    "polygamma": (("0", "1", "2", "3"),), "besselj": (("0", "1", "2", "3", "0.5", "2.5"),), "bessely": (("0", "1", "2", "0.5", "1.5"),), "besseli": (("0", "1", "2", "1.5"),),
    "besselk": (("0", "1", "2", "0.5"),), "ive": (("0", "1", "2", "3"),), "kve": (("0", "1", "2", "0.25"),), "expn": (("0", "1", "2", "3", "0.5"),),
    "hyp2f1": (("0.5", "1", "1.5"), ("0.5", "1", "1.5"), ("1", "2", "0.75")), "hyp0f1": (("1.5", "2", "0.5"),), "gammainc": (("1", "0.5"),), "gammaincc": (("2",),),
    "betainc": (("0.5", "2"), ("1", "1.5")), "zetaderiv": (("1",),), "hurwitz": (("2", "1.5", "3"),),
}  # fmt: skip


def random_program(draw: random.Random, size: int, gates: Sequence[str]) -> Program:
    """A program over x and y of at most so many gates; its output is the last number."""
    steps = [Step("input", (), "x"), Step("input", (), "y"), *(Step("number", (), t) for t in draw.sample(NUMBERS, 2))]
    truths: list[int] = []
    for _ in range(size):
        gate = GATES[draw.choice(gates)]
        numbers = [i for i in range(len(steps)) if i not in truths]
        orders = [draw.choice(texts) for texts in ORDERS.get(gate.name, (("1",),) * len(gate.orders))]
        steps += [Step("number", (), t) for t in orders]
        args = list(range(len(steps) - len(orders), len(steps)))
        if gate.conditions and not truths:
            continue
        for position in range(len(orders), len(gate.parameters)):
            recent = numbers[-6:] if draw.random() < 0.7 else numbers
            args.append(draw.choice(truths if position in gate.conditions else recent))
        steps.append(Step(gate.name, tuple(args)))
        if gate.boolean:
            truths.append(len(steps) - 1)
    return Program(tuple(steps), ("x", "y"), {}, max(i for i in range(len(steps)) if i not in truths))


def near_values(program: Program, points: Sequence[tuple[float, float]]) -> list[tuple[Any, Any]]:
    """(the element's value, the enclosure) wherever the latter is finite and no condition is needed; none where the field gives up."""
    seen: dict[tuple[float, float], Any] = {}
    conditions: dict[str, None] = {}
    ended = False

    def look(over: Field) -> bool:
        element = field.value(over, program, program.output)
        for point in points:
            at = [arb(c) for c in point]
            if all(signs.enclose(over, over.polynomial(p), at) * s > 0 for p, s in over.assumptions.values()):
                seen[point] = None if element is None else signs.enclose(over, element, at)
        conditions.update(over.conditions)
        return True

    with balls.precision(BITS):
        with contextlib.suppress(GiveUp):
            field.holds(program.inputs, look)
            ended = True
        columns = [[arb(p[i]) for p in points] for i in (0, 1)]
        values = balls.run(program, columns, bits=BITS, strict=True)
    nowhere = {id(v) for column in values for v in column if not isinstance(v, bool | None) and not v.is_finite()}
    pairs = []
    for k, point in enumerate(points):
        enclosure = values[program.output][k]
        if not ended or conditions or not enclosure.is_finite() or any(id(v[k]) in nowhere for v in values):  # Arb: nan**0 is 1
            continue
        value = seen.get(point, arb("nan"))
        if value is None or value.is_finite():
            pairs.append((value, enclosure))
    return pairs
