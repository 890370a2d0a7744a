"""The coefficients of expansions: rationals, and real numbers that know how they were computed, so that a zero can be proved.

That a ball contains 0 does not prove that its number is 0. Where a coefficient is made of rationals and constants by gates of the table,
the same expression is tried as an identity (`identities.field`); what is not proved there stays unknown.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.values import Ball
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program, Step
from verifier.language.numeral import exact

Coefficient: TypeAlias = "fmpq | Real"
PROOF_BITS = 512  # a number that is not shown to differ from 0 at this precision is tried for a proof that it is 0
MAX_BITS = 20_000  # size of an exact rational: beyond it a coefficient becomes a ball
LONGEST = 4000  # bits of a rational that is put into an identity
MOST_STEPS = 400  # of an expression that is put into one
SIMPLE_BITS = 64  # of a rational that an enclosure may be narrow around by chance, once in 2^64


class Real:
    """A real number: its enclosure at the working precision, and the gate and operands that it is the value of (none: not known)."""

    __slots__ = ("args", "ball", "gate")

    def __init__(self, ball: Ball, gate: str = "", args: tuple[Any, ...] = ()) -> None:  # of a constant, its name; else Coefficients
        self.ball, self.gate, self.args = ball, gate, args

    def __add__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("add", self, other)

    def __radd__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("add", other, self)

    def __sub__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("sub", self, other)

    def __rsub__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("sub", other, self)

    def __mul__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("mul", self, other)

    def __rmul__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("mul", other, self)

    def __truediv__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("div", self, other)

    def __rtruediv__(self, other: Coefficient | Ball | int) -> Coefficient:
        return combine("div", other, self)

    def __neg__(self) -> Coefficient:
        return Real(-self.ball, "neg", (self,))

    def __repr__(self) -> str:
        return f"Real({self.ball})"


def real(value: Coefficient | Ball) -> Coefficient:
    """A ball as a coefficient of which nothing else is known; others as they are."""
    return Real(value) if isinstance(value, arb) else value


def ball(c: Coefficient | Ball) -> Ball:
    """A coefficient as a ball."""
    return c.ball if isinstance(c, Real) else c if isinstance(c, arb) else arb(c)


def apply(gate: str, *args: Coefficient) -> Coefficient:
    """A primitive gate of coefficients."""
    return named(balls.PRIMITIVES[gate](*(ball(a) for a in args)), gate, args)


def named(value: Ball, gate: str, args: tuple[Coefficient, ...]) -> Coefficient:
    """The value of a gate of coefficients, given as a ball: a rational where the ball is exact, else a Real that remembers the gate and its operands."""
    exactly = exact_or_ball(value)
    return exactly if isinstance(exactly, fmpq) else Real(value, gate, args)


def constant(name: str) -> Real:
    """A constant of the language."""
    return Real(balls.constant(name), "constant", (name,))


def combine(gate: str, a: Coefficient | Ball | int, b: Coefficient | Ball | int) -> Coefficient:
    """The value of one of the four operations, `gate` being add, sub, mul or div; 0 times anything is exactly 0."""
    if isinstance(a, int):
        a = fmpq(a)
    if isinstance(b, int):
        b = fmpq(b)
    if gate == "mul" and (_is_zero(a) or _is_zero(b)):
        return fmpq(0)
    return Real(balls.PRIMITIVES[gate](ball(a), ball(b)), gate, (a, b))


def _is_zero(c: Coefficient | Ball) -> bool:
    return isinstance(c, fmpq) and c == 0


def exact_or_ball(value: Ball) -> fmpq | Ball:
    """An exact ball as a rational, unless that is too long; others as they are."""
    if value.is_finite() and value.is_exact():
        mantissa, exponent = value.man_exp()
        if abs(int(exponent)) < MAX_BITS:
            return fmpq(mantissa) * fmpq(2) ** int(exponent)
    return value


def is_zero(c: Coefficient) -> bool:
    """Whether a number is proved to be 0. False says nothing."""
    if isinstance(c, fmpq):
        return bool(c == 0)
    if c.ball.is_zero():
        return True
    if not c.ball.contains(0) or balls.current_precision() < PROOF_BITS:
        return False
    program = _program(c)
    return program is not None and _vanishes(program.steps, program.output)


def _program(c: Real) -> Program | None:
    """The expression of a number as a program without inputs; None where it is not known or too long."""
    dag = Dag(())
    at: dict[int, int] = {}
    pending: list[Coefficient] = [c]
    while pending:
        node = pending[-1]
        if id(node) in at:
            pending.pop()
        elif isinstance(node, fmpq):
            p, q = int(node.p), int(node.q)
            if max(p.bit_length(), q.bit_length()) > LONGEST:
                return None
            at[id(node)] = dag.rational(Fraction(p, q))
        elif not isinstance(node, Real) or not node.gate:
            return None
        elif node.gate == "constant":
            at[id(node)] = dag.leaf("constant", node.args[0])
        elif missing := [a for a in node.args if id(a) not in at]:
            pending.extend(missing)
        else:
            at[id(node)] = dag.gate(node.gate, *(at[id(a)] for a in node.args), exist=True)
        if len(dag.steps) > MOST_STEPS:
            return None
    return Program(tuple(dag.steps), (), {}, at[id(c)])


@cache
def _vanishes(steps: tuple[Step, ...], output: int) -> bool:
    if steps[output].gate == "number":
        return exact(steps[output].text) == 0
    from verifier.exact.identities.field import is_zero as is_identity

    program = Program(steps, (), {}, output)
    return is_identity(program, output) or _evaluates_to_zero(program)


def _evaluates_to_zero(program: Program) -> bool:
    """Whether SymPy's own evaluation of the expression (atan(1) is pi/4) leaves 0."""
    import sympy

    from verifier.exact import sympy_gates

    value = sympy_gates.run(program, [])[program.output]
    return bool(value == 0 or sympy.expand(value) == 0)


def simple(enclosure: Ball) -> Ball | None:
    """The only number m 2^e with an m of at most SIMPLE_BITS bits in a narrow ball, as an exact ball; None where there is none."""
    if not enclosure.is_finite() or enclosure.is_exact() or enclosure.rel_accuracy_bits() < 2 * SIMPLE_BITS:
        return None
    mantissa, exponent = (int(part) for part in enclosure.mid().man_exp())
    surplus = max(abs(mantissa).bit_length() - SIMPLE_BITS, 1)
    candidate = arb((((mantissa >> (surplus - 1)) + 1) >> 1, exponent + surplus))  # to nearest
    return candidate if enclosure.contains(candidate) else None
