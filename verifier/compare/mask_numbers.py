"""Numbers that a function puts in the place of minus infinity, as -1e9 where a mask is 0: where the numbers beside them are larger.

Where scores are below such a number, a softmax would attend to what is masked. A backward pass that leaves the mask out, since the weights there are 0, is
then wrong, and nobody means such scores.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction

from verifier.circuit.program import Builder, Program, descendants
from verifier.exact import derivatives
from verifier.language.numeral import exact

LARGEST = frozenset(("max", "maximum"))
SUMS = frozenset(("add",))
LEAST = 10_000  # the size from which a number stands for an infinity: masks in float16 have -1e4


def larger_than_masks(function: Program) -> Program | None:
    """The condition that what is compared with such a number, or added to its exponential, is half as large at most: a program in primitives whose output is a truth value; None where there is no such number."""
    if not any(s.gate == "number" and abs(_value(s.text)) >= LEAST for s in function.steps):
        return None
    program = derivatives.primitive(function)
    b = Builder(program.inputs, list(program.steps))
    conditions = [b.append_here("gt", total, _bound(b, number, is_exponential=is_exponential)) for total, number, is_exponential in _beside(program)]
    if not conditions:
        return None
    holds, *rest = dict.fromkeys(conditions)
    for other in rest:
        holds = b.append_here("and", holds, other)
    return Program(tuple(b.steps), program.inputs, {}, holds)


def _beside(program: Program) -> Iterator[tuple[int, Fraction, bool]]:
    """(what must be larger, the number, whether it is exponentials that are compared) for each number that stands for minus infinity."""
    inputs = program.inputs
    moving = set(descendants(program, [i for i in range(len(inputs)) if inputs[i] not in program.parameters]))
    for i, number in _numbers(program):
        for reader in program.readers[i]:
            gate, args = program.steps[reader].gate, program.steps[reader].args
            if gate in LARGEST:
                largest = _folded(program, reader, LARGEST)
                if any(program.steps[r].gate == "sub" and program.steps[r].args[0] == i and program.steps[r].args[1] in largest for r in program.readers[i]):
                    yield largest[-1], number, False
            elif gate == "exp":
                sums = _folded(program, reader, SUMS)
                if len(sums) > 1:
                    yield sums[-1], number, True
            elif gate == "where" and args[0] not in moving:
                yield next(a for a in args[1:] if a != i), number, False


def _numbers(program: Program) -> Iterator[tuple[int, Fraction]]:
    """The steps that are numbers of at most -LEAST, with or without a sign of their own."""
    for i, step in enumerate(program.steps):
        literal = program.steps[step.args[0]] if step.gate == "neg" else step
        if literal.gate == "number" and (value := _value(literal.text) * (-1 if step.gate == "neg" else 1)) <= -LEAST:
            yield i, value


def _folded(program: Program, step: int, gates: Collection[str]) -> list[int]:
    """A step and those that go on folding its result with such gates, as the sums of a row."""
    found = [step]
    while further := [r for r in program.readers[found[-1]] if program.steps[r].gate in gates]:
        found.append(further[0])
    return found


def _value(text: str) -> Fraction:
    try:
        return exact(text)
    except (ValueError, OverflowError):
        return Fraction(0)


def _bound(b: Builder, number: Fraction, *, is_exponential: bool) -> int:
    half = b.append_here("neg", b.append_here("number", text=str(-number // 2)))
    return b.append_here("exp", half) if is_exponential else half
