"""The coefficients of expansions: rationals, and real numbers with the expression that they are the value of, so that a zero can be proved.

A ball that contains 0 does not prove that its number is 0. So the expression of a coefficient is tried as an identity (`identities.field`);
where that proves nothing, it is not known whether the coefficient is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program, Step
from verifier.language.numeral import exact

Coefficient: TypeAlias = "fmpq | Real | Moving"  # an exact rational, a real number with what it is the value of, or a number that moves with t
PROOF_BITS = 512  # a number that is not told from 0 at this precision is tried for a proof that it is 0
MAX_BITS = 20_000  # size of an exact rational: beyond it a coefficient becomes a ball
LONGEST = 4000  # bits of a rational that is put into an identity
MOST_STEPS = 400  # of an expression that is put into one
ARITHMETIC = frozenset(("number", "add", "sub", "mul", "div", "neg"))
MOST_EVALUATED = 100  # steps of an expression that SymPy multiplies out: the log-likelihood of a chain of four labels, 200 steps, takes it minutes
SIMPLE_BITS = 64  # of a rational that an enclosure may be narrow around by chance, once in 2^64


class Real:
    """A real number: its enclosure at the working precision, and the gate and operands that it is the value of (none: not known).

    The operand of the gate "constant" is the name of a constant of the language.
    """

    __slots__ = ("args", "ball", "gate")

    def __init__(self, ball: Ball, gate: str = "", args: tuple[Coefficient | str, ...] = ()) -> None:
        self.ball, self.gate, self.args = ball, gate, args

    def __add__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("add", self, other)

    def __radd__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("add", other, self)

    def __sub__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("sub", self, other)

    def __rsub__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("sub", other, self)

    def __mul__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("mul", self, other)

    def __rmul__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("mul", other, self)

    def __truediv__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("div", self, other)

    def __rtruediv__(self: Real | Moving, other: Coefficient | int) -> Coefficient:
        return combine("div", other, self)

    def __neg__(self) -> Coefficient:
        return Real(-self.ball, "neg", (self,))

    def __repr__(self) -> str:
        return f"Real({self.ball})"


class Moving:
    """A number that moves along a ray: its expansion in t → 0+ (of one kind less than the expansion that it is a coefficient of), and what it is the value of.

    `run` is a gate of expansions. The gate "ray" of (x, d) is the number x + d t itself.
    """

    __slots__ = ("args", "gate", "run", "value")

    def __init__(self, value: Any, gate: str, args: tuple[Coefficient, ...], run: Callable[[str, tuple[Coefficient, ...]], Any]) -> None:
        self.value, self.gate, self.args, self.run = value, gate, args, run

    __add__, __radd__, __sub__, __rsub__ = Real.__add__, Real.__radd__, Real.__sub__, Real.__rsub__
    __mul__, __rmul__, __truediv__, __rtruediv__ = Real.__mul__, Real.__rmul__, Real.__truediv__, Real.__rtruediv__

    def __neg__(self) -> Coefficient:
        return moving("neg", (self,))

    def __repr__(self) -> str:
        return f"Moving({self.value})"


def moving(gate: str, args: tuple[Coefficient, ...]) -> Coefficient:
    """A gate of coefficients some of which move; a plain one where the result stands still."""
    run = next(a.run for a in args if isinstance(a, Moving))
    value = run(gate, args)
    return value.constant if value.is_constant else Moving(value, gate, args, run)


def real(value: Coefficient | Ball) -> Coefficient:
    """A ball as a coefficient of which nothing else is known; others as they are."""
    return Real(value) if isinstance(value, arb) else value


def ball(c: Coefficient | Ball) -> Ball:
    """A coefficient as a ball."""
    assert not isinstance(c, Moving), "a number that moves has no ball"
    return c.ball if isinstance(c, Real) else c if isinstance(c, arb) else arb(c)


def apply(gate: str, *args: Coefficient) -> Coefficient:
    """A primitive gate of coefficients."""
    if any(isinstance(a, Moving) for a in args):
        return moving(gate, args)
    return named(balls.PRIMITIVES[gate](*(ball(a) for a in args)), gate, args)


def named(value: Ball, gate: str, args: tuple[Coefficient, ...]) -> Coefficient:
    """A ball that is the value of a gate: a rational where it is exact."""
    exactly = exact_or_ball(value)
    return exactly if isinstance(exactly, fmpq) else Real(value, gate, args)


def constant(name: str) -> Real:
    """A constant of the language."""
    return Real(balls.constant(name), "constant", (name,))


def combine(gate: str, a: Coefficient | int, b: Coefficient | int) -> Coefficient:
    """The four operations."""
    if isinstance(a, int):
        a = fmpq(a)
    if isinstance(b, int):
        b = fmpq(b)
    if gate == "mul" and (_is_zero(a) or _is_zero(b)):
        return fmpq(0)
    if isinstance(a, Moving) or isinstance(b, Moving):
        return moving(gate, (a, b))
    return Real(balls.PRIMITIVES[gate](ball(a), ball(b)), gate, (a, b))


def _is_zero(c: Coefficient) -> bool:
    return isinstance(c, fmpq) and c == 0


def exact_or_ball(value: Ball) -> fmpq | Ball:
    """An exact ball as a rational, if that is not too long; any other as it is."""
    if value.is_finite() and value.is_exact():
        mantissa, exponent = value.man_exp()
        if abs(int(exponent)) < MAX_BITS:
            return fmpq(mantissa) * fmpq(2) ** int(exponent)
    return value


def is_zero(c: Coefficient) -> bool:
    """Whether a number is proved to be 0. False says nothing."""
    if isinstance(c, fmpq):
        return _is_zero(c)
    if isinstance(c, Real):
        if c.ball.is_zero():
            return True
        if not c.ball.contains(0) or balls.current_precision() < PROOF_BITS:
            return False
    program = _program(c)
    try:
        return program is not None and _vanishes(program.steps, program.inputs, program.output)
    except RecursionError:  # SymPy's rules call each other: no proof
        return False


def _program(c: Real | Moving) -> Program | None:
    """The expression of a number as a program over t, which it may move with; None where it is not known or too long."""
    dag = Dag(("t",) if isinstance(c, Moving) else ())
    at: dict[int, int] = {}
    pending: list[Coefficient | str] = [c]
    while pending:
        node = pending[-1]
        if id(node) in at:
            pending.pop()
        elif isinstance(node, fmpq):
            p, q = int(node.p), int(node.q)
            if max(p.bit_length(), q.bit_length()) > LONGEST:
                return None
            at[id(node)] = dag.rational(Fraction(p, q))
        elif not isinstance(node, Real | Moving) or not node.gate:
            return None
        elif node.gate == "ray" and (missing := [a for a in node.args if id(a) not in at]):
            pending.extend(missing)
        elif node.gate == "ray":
            at[id(node)] = dag.gate("add", at[id(node.args[0])], dag.gate("mul", at[id(node.args[1])], 0))
        elif node.gate == "constant":
            at[id(node)] = dag.leaf("constant", str(node.args[0]))
        elif missing := [a for a in node.args if id(a) not in at]:
            pending.extend(missing)
        else:
            at[id(node)] = dag.gate(node.gate, *(at[id(a)] for a in node.args), exist=True)
        if len(dag.steps) > MOST_STEPS:
            return None
    return Program(tuple(dag.steps), dag.inputs, {}, at[id(c)])


@cache
def _vanishes(steps: tuple[Step, ...], inputs: tuple[str, ...], output: int) -> bool:
    if steps[output].gate == "number":
        return exact(steps[output].text) == 0
    from verifier.exact.identities.field import is_zero as is_identity

    program = Program(steps, inputs, {}, output)
    if is_identity(program, output):
        return True
    if inputs:
        return False
    plain = _with_unknowns(program)
    return (plain is not None and is_identity(plain, plain.output)) or _evaluates_to_zero(program)


def _with_unknowns(program: Program) -> Program | None:
    """The expression with an unknown in place of every value of a function, such as exp(-2.47): what holds for all unknowns holds for these values, which need no common measure. None where it has none."""
    needed = sorted(program.needed)
    unknown = [i for i in needed if program.steps[i].gate not in ARITHMETIC]
    if not unknown:
        return None
    inputs = tuple(f"c{k}" for k in range(len(unknown)))
    at = dict(zip(unknown, range(len(unknown)), strict=True))
    steps = [Step("input", (), name) for name in inputs]
    for i in needed:
        if i not in at:
            at[i] = len(steps)
            step = program.steps[i]
            steps.append(Step(step.gate, tuple(at[a] for a in step.args), step.text))
    return Program(tuple(steps), inputs, {}, at[program.output])


def _evaluates_to_zero(program: Program) -> bool:
    """Whether SymPy's own evaluation of the expression (atan(1) is pi/4) leaves 0; not asked of long expressions, nor of numbers of LONGEST bits, which it writes out (2**490000)."""
    if len(program.steps) > MOST_EVALUATED or any(_is_long(column[0]) for column in balls.run(program, [], bits=SIMPLE_BITS, strict=False)):
        return False
    import sympy

    from verifier.exact import sympy_gates

    value = sympy_gates.run(program, [])[program.output]
    return bool(value == 0 or sympy.expand(value) == 0)


def _is_long(value: Any) -> bool:
    """Whether a number is so large or small that an exact rational of its size may have LONGEST bits; beyond a ball's own range it is infinite, or hardly wider than 0 (2**-1e200)."""
    if not isinstance(value, arb) or value.is_zero():
        return False
    if not value.is_finite():
        return True
    mantissa, exponent = (value.rad() if value.mid().is_zero() else value.mid()).man_exp()
    return abs(int(mantissa).bit_length() + int(exponent)) > LONGEST


def simple(enclosure: Ball) -> Ball | None:
    """The one rational of few bits inside a narrow ball, as an exact ball; None where there is none."""
    if not enclosure.is_finite() or enclosure.is_exact() or enclosure.rel_accuracy_bits() < 2 * SIMPLE_BITS:
        return None
    mantissa, exponent = (int(part) for part in enclosure.mid().man_exp())
    surplus = abs(mantissa).bit_length() - SIMPLE_BITS
    candidate = arb((((mantissa >> (surplus - 1)) + 1) >> 1, exponent + surplus)) if surplus > 0 else enclosure.mid()  # to nearest
    return candidate if enclosure.contains(candidate) else None
