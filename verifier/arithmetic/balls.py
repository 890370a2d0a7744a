"""Run a Program over the real numbers, in Arb balls, a column of points at a time: every result encloses the exact value.

A truth value is True, False, or None where the balls do not decide it; a value that is not enclosed (undefined, or not
known at this precision) is NaN. With `strict`, everything that happens *at* a kink or on a boundary counts as undecided:
there a derivative cannot be read off one branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from verifier.arithmetic.ball_gates import KINKED, PRIMITIVES, function_of, integer, is_with_itself, with_itself
from verifier.arithmetic.precision import current_precision, precision
from verifier.arithmetic.types import NAN, ONE, ZERO, Ball, Balls, GateFunction, RealValue
from verifier.circuit.program import SHIFT, Program, Step, significant_digits
from verifier.language.formats import Format, floor_log2, round_exact, ulp_exponent
from verifier.language.gates import COMPARISONS
from verifier.language.numeral import exact

__all__ = [
    "KINKED", "NAN", "ONE", "PRIMITIVES", "ZERO", "at", "constant", "current_precision", "fewest_digits", "function_of", "functions", "has_rounded_constants", "integer",
    "is_with_itself", "literal", "precision", "run", "with_itself",
]  # fmt: skip


def run(
    program: Program,
    columns: Sequence[Balls],
    outputs: Sequence[int] | None = None,
    *,
    strict: bool,
    upstream: Ball | float | fmpq = ONE,
    rounded_in: Format | None = None,
    bits: int | None = None,
    known: Sequence[Balls] = (),
) -> list[Balls]:
    """The enclosures of some steps (default: all) at every point, at the working precision or at `bits`.

    `columns` has one sequence of arb per input. A literal is its exact decimal value; with `rounded_in`, one with as
    many digits as that format can hold is the interval of the constants that it may have been rounded from.
    `program` must consist of primitives (see `derivatives.primitive`). `known` are its first steps, where another run that was not strict has them.
    """
    count = len(columns[0]) if columns else 1
    rest = slice(len(known), None)
    with precision(current_precision() if bits is None else bits):
        work = zip(program.steps[rest], functions(program, strict=strict)[rest], strict=True)
        if count == 1:
            single = _at_one_point(work, [c[0] for c in columns], [c[0] for c in known], upstream, rounded_in)
            return [[v] for v in single] if outputs is None else [[single[i]] for i in outputs]
        values: list[Balls] = list(known)
        for step, function in work:
            if function is not None:
                values.append(list(map(function, *[values[a] for a in step.args])))
            elif step.gate == "input":
                values.append(columns[len(values)])
            else:
                values.append([_leaf(step, upstream, rounded_in)] * count)
    return values if outputs is None else [values[i] for i in outputs]


def _at_one_point(work: Iterable[tuple[Step, GateFunction | None]], point: Sequence[Ball], known: Sequence[Ball], upstream: Ball | float | fmpq, rounded_in: Format | None) -> list[Ball]:
    """The value of every step at a single point, without a list for each: half of the time of a long program."""
    values: list[Ball] = list(known)
    for step, function in work:
        if function is not None:
            args = step.args
            values.append(function(values[args[0]], values[args[1]]) if len(args) == 2 else function(*[values[a] for a in args]))
        elif step.gate == "input":
            values.append(point[len(values)])
        else:
            values.append(_leaf(step, upstream, rounded_in))
    return values


def _leaf(step: Step, upstream: Ball | float | fmpq, rounded_in: Format | None) -> Ball:
    return arb(upstream) if step.gate == "upstream" else constant(step.text) if step.gate == "constant" else literal(step.text, rounded_in)


def at(
    program: Program,
    point: Sequence[RealValue | float],
    outputs: Sequence[int] | None = None,
    *,
    strict: bool,
    upstream: Ball | float | fmpq = ONE,
    rounded_in: Format | None = None,
    bits: int | None = None,
) -> list[Ball]:
    """`run` at one point, whose coordinates may be floats."""
    columns: list[list[Any]] = [[x if x is None or isinstance(x, arb | bool) else arb(x)] for x in point]
    found = run(program, columns, outputs, strict=strict, upstream=upstream, rounded_in=rounded_in, bits=bits)
    return [column[0] for column in found]


def functions(program: Program, *, strict: bool) -> list[GateFunction | None]:
    """The function of each step's operands that encloses it; None for a leaf. With `strict` a step is undecided at its kinks if it depends on an input."""
    if not strict:
        plain = {gate: function_of(gate, strict=False) for gate in {s.gate for s in program.steps if s.args}}
        return [None if not s.args else plain[s.gate] if s.gate not in COMPARISONS or not is_with_itself(s) else with_itself(s.gate) for s in program.steps]
    found: list[GateFunction | None] = []
    moves: list[bool] = []  # whether a step depends on an input
    for step in program.steps:
        moves.append(step.gate == "input" or any(map(moves.__getitem__, step.args)))
        found.append(None if not step.args else with_itself(step.gate) if is_with_itself(step) else function_of(step.gate, strict=moves[-1] and step.text != SHIFT))
    return found


def literal(text: str, rounded_in: Format | None = None) -> Ball:
    """A decimal literal as a ball: the decimal itself, or with `rounded_in` all reals that it may stand for in that format.

    A literal with as many digits as the format holds stands for every real that rounds to the same float, and for every real
    within half a unit of its last digit. A literal with one digit less, if it is the shortest text of a float, stands for the
    reals that round to that float. A shorter one is exact.
    """
    value = exact(text)
    ball = arb(fmpq(value.numerator, value.denominator))
    rounded_in = None if rounded_in is None else rounded_in.of_numbers
    if rounded_in is None or value == 0 or significant_digits(text) < fewest_digits(rounded_in):
        return ball
    near = Fraction(round_exact(rounded_in, value)) if abs(value) <= Fraction(rounded_in.largest) else value
    if significant_digits(text) < rounded_in.digits and near == value:
        return ball
    half_ulp = Fraction(2) ** (ulp_exponent(rounded_in, floor_log2(near or value)) - 1)
    ends = [near - half_ulp, near + half_ulp]
    if significant_digits(text) >= rounded_in.digits:
        half_unit = _last_digit(text) / 2
        ends = [min(ends[0], value - half_unit), max(ends[1], value + half_unit)]
    low, high = (arb(fmpq(end.numerator, end.denominator)) for end in ends)
    return low.union(high)


def fewest_digits(fmt: Format) -> int:
    """The fewest significant digits of a literal that may be a rounded constant: one less than the format holds in float16, float32 and float64, whose shortest texts are that long."""
    held = fmt.of_numbers
    return held.digits - 1 if held.precision in (11, 24, 53) else held.digits


def has_rounded_constants(program: Program, fmt: Format) -> bool:
    """Whether a literal of a program may be a constant that was rounded when it was written."""
    return program.longest_literal >= fewest_digits(fmt)


def _last_digit(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2].replace("_", ""))
    return Fraction(10) ** (int(exponent or 0) - decimals)


def constant(name: str) -> Ball:
    """A constant of the language as a ball at the working precision: pi, e, tau, euler_gamma, inf, or nan (nothing known)."""
    if name == "tau":
        return 2 * arb.pi()
    return {"pi": arb.pi, "e": arb.const_e, "inf": arb.pos_inf, "nan": arb.nan, "euler_gamma": arb.const_euler}[name]()
