"""The same real numbers by a way that floats can go: e / (1 + e) where e overflows, sin(pi a² / 2) where its argument has lost all digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifier.arithmetic.enclosures.elementary import ELEMENTARY
from verifier.arithmetic.enclosures.interval import ONE, Interval, div, mul
from verifier.arithmetic.enclosures.waves import cospi, sinpi
from verifier.program import Program, Step

MOST_FACTORS = 8
LARGE = 2.0**1000


def written(program: Program) -> tuple[Step, ...]:
    """The steps of a program, some of them under the name of a shortcut, with other operands and the same value over the reals."""
    steps = list(program.steps)
    for i, step in enumerate(steps):
        if step.gate == "div":
            steps[i] = _share(program.steps, step) or step
        elif step.gate in ("sin", "cos"):
            steps[i] = _half_turns(program.steps, step) or step
    return tuple(steps)


def _share(steps: tuple[Step, ...], step: Step) -> Step | None:
    """e / (e + c) with e an exponential, which has no zero: 1 / (1 + c / e)."""
    over, under = step.args
    if steps[over].gate != "exp" or steps[under].gate != "add" or over not in steps[under].args:
        return None
    first, second = steps[under].args
    return step._replace(gate="share", args=(over, second if first == over else first))


def _half_turns(steps: tuple[Step, ...], step: Step) -> Step | None:
    """sin(pi a b / c): the sine of so many half turns. The signs of the factors' powers are the text."""
    factors = _factors(steps, step.args[0], 1)
    if factors is None:
        return None
    turns = [(at, power) for at, power in factors if not _is_pi(steps[at])]
    if len(turns) != len(factors) - 1 or not turns or turns[0][1] < 0 or any(power < 0 for at, power in factors if _is_pi(steps[at])):
        return None
    return step._replace(gate=f"{step.gate}_turns", args=tuple(at for at, _ in turns), text="".join("+" if power > 0 else "-" for _, power in turns))


def _is_pi(step: Step) -> bool:
    return step.gate == "constant" and step.text == "pi"


def _factors(steps: tuple[Step, ...], at: int, power: int) -> list[tuple[int, int]] | None:
    """The factors of a product with the signs of their powers: inputs, literals and pi; None where there are others, or too many."""
    step = steps[at]
    if step.gate in ("input", "number", "constant"):
        return [(at, power)]
    if step.gate in ("mul", "div"):
        left = _factors(steps, step.args[0], power)
        right = _factors(steps, step.args[1], power if step.gate == "mul" else -power)
    elif step.gate == "pow" and steps[step.args[1]].gate == "number" and steps[step.args[1]].text == "2":
        left = right = _factors(steps, step.args[0], power)
    else:
        return None
    return None if left is None or right is None or len(left) + len(right) > MOST_FACTORS else left + right


def _shared(text: str, e: Interval, c: Interval) -> Interval:
    del text
    plain, turned = div(e, ELEMENTARY["add"](e, c)), div(ONE, ELEMENTARY["add"](ONE, div(c, e)))
    large = e.high > LARGE
    return Interval(np.where(large, turned.low, plain.low), np.where(large, turned.high, plain.high))


def _product(signs: str, factors: tuple[Interval, ...]) -> Interval:
    result = factors[0]
    for sign, factor in zip(signs[1:], factors[1:], strict=True):
        result = mul(result, factor) if sign == "+" else div(result, factor)
    return result


def _turned(function: Callable[[Interval], Interval]) -> Callable[..., Interval]:
    return lambda signs, *factors: function(_product(signs, factors))


SHORTCUTS: dict[str, Callable[..., Any]] = {"share": _shared, "sin_turns": _turned(sinpi), "cos_turns": _turned(cospi)}
