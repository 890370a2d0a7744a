"""The expansion in t of every step of a Program along a ray x + t d, as t → 0+: one-sided limits and derivatives are read off it, certified.

With d = 0 every expansion is a constant: the value at the point itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from flint import fmpq

from verifier.arithmetic import balls
from verifier.circuit.expand import is_domain
from verifier.circuit.expressions import table_program
from verifier.circuit.program import SHIFT, Program
from verifier.exact import borders, coefficients, marks
from verifier.exact.coefficients import Coefficient, Moving, Real, ball, named, real
from verifier.exact.derivatives import local_gradient, primitive
from verifier.exact.series import (
    Endless,
    NoExpansion,
    Series,
    Short,
    Undecided,
    Undefined,
    add,
    derivative,
    exp,
    integral,
    inverse,
    is_zero_number,
    log,
    mul,
    neg,
    number,
    power,
    sign,
    sub,
    without_zeros,
)
from verifier.language.gates import COMPARISONS, GATES

LARGEST_POWER = 10**6  # numerator of an exponent whose power is expanded
DEEPEST = -8  # the order below which a partial's own partials are no longer looked into

Expansion = Series | Endless | Undefined | bool


def _pow(a: Series, b: Series, limit: int) -> Series | Undefined:
    exponent = b.constant
    if b.is_constant and isinstance(exponent, fmpq):
        r = Fraction(int(exponent.p), int(exponent.q))
        if abs(r.numerator) <= LARGEST_POWER and r.denominator <= 10**3:
            return power(a, r, limit)
        if a.is_constant:
            return _analytic("pow", [a, b], limit)
    base = sign(a)
    if base == 0:
        s = sign(b)
        return number(fmpq(1)) if s == 0 else Series({}) if s > 0 else Undefined("a negative power of zero")
    if base < 0:
        return _power_of_a_negative(a, b, limit)
    logarithm = log(a, limit)
    return exp(mul(b, logarithm), limit) if isinstance(logarithm, Series) else logarithm


def _power_of_a_negative(a: Series, b: Series, limit: int) -> Series | Undefined:
    """A power of a negative number: a real one where the exponent stands still at an integer. Raises Undecided where it may be one."""
    exponent = b.constant
    if b.is_constant and not isinstance(exponent, Moving) and ball(exponent).contains_integer():
        if not abs(ball(exponent)) <= LARGEST_POWER:
            raise Undecided("a large power of a negative number")
        return power(a, Fraction(_integer(exponent)), limit)
    return Undefined("a power of a negative number")


def _atan2(y: Series, x: Series, limit: int) -> Series | Undefined:
    """The angle of (x, y); on the negative axis it depends on the side from which y comes."""
    if not (sign(x) < 0 and (y.is_constant or is_zero_number(y.constant)) and is_zero_number(y.constant)):
        return _analytic("atan2", [y, x], limit)
    inverted = inverse(x, limit)
    if isinstance(inverted, Undefined):
        return inverted
    turn = number(coefficients.constant("pi") * (1 if sign(y) >= 0 else -1))
    angle = _analytic("atan", [mul(y, inverted)], limit)
    return add(turn, angle) if isinstance(angle, Series) else angle


def _floor(a: Series) -> Series:
    a = without_zeros(a)
    if any(k[0] < 0 or (k[0] == 0 and k[1]) for k in a.terms):
        raise NoExpansion("floor of something that tends to infinity")
    c = a.constant
    if isinstance(c, Moving):
        lower = _floor(c.value).constant
        return number(lower - 1) if sign(sub(c.value, number(lower))) == 0 and sign(sub(a, number(c))) < 0 else number(lower)
    if not isinstance(c, fmpq) and not ball(c).contains_integer():
        return number(coefficients.exact_or_ball(ball(c).floor()))
    below = int(c.p // c.q) if isinstance(c, fmpq) else _integer(c)
    if c == below or not isinstance(c, fmpq):
        below -= sign(sub(a, number(c))) < 0
    return number(fmpq(below))


def _integer(c: Coefficient) -> int:
    """The integer that a real number is proved to be. Raises Undecided."""
    whole = (ball(c).mid() + 0.5).floor().unique_fmpz()
    if whole is None or not isinstance(c, Real) or not coefficients.is_zero(c - fmpq(int(whole))):
        raise Undecided("floor")
    return int(whole)


@cache
def _domain(gate: str) -> Program | None:
    row = GATES[gate]
    return primitive(table_program(gate, f"where({row.where}, 1, 0)", row.parameters)) if row.where else None


def is_outside(gate: str, args: Sequence[Any], *, strict: bool = False) -> bool:
    """Whether a point is certainly outside a gate's domain; `strict`: with all points near it."""
    program = _domain(gate)
    if program is None:
        return False
    inside = balls.at(program, args, strict=strict)[program.output]
    return bool(inside.is_zero())


OUTSIDE = "outside the domain of the function"
LITTLE_O_EXPONENT = Fraction(1, 1000)  # o(t**e) is taken for O(t**(e + LITTLE_O_EXPONENT))
Memo = dict[Any, tuple[list[Any], Any]]  # expansions of gates that are known already, with the operands that they belong to


def _analytic(gate: str, args: list[Series], limit: int, memo: Memo | None = None) -> Series | Undefined:
    """Any gate at an ordinary point: h(v(0)) + ∫ Σ_j h_j(v) v_j' dt, with SymPy's partials h_j.

    The partials of a Bessel function are two more of them, and so on: each is expanded once.
    """
    known: Memo = {} if memo is None else memo
    key = (gate, limit, *(a.constant if a.is_constant and isinstance(a.constant, fmpq) else id(a) for a in args))
    if key not in known:
        try:
            known[key] = args, _expanded(gate, args, limit, known)
        except (Undecided, Short, NoExpansion) as error:
            known[key] = args, error
    found = known[key][1]
    if isinstance(found, Exception):
        raise found
    return found  # type: ignore[no-any-return]


def _expanded(gate: str, args: list[Series], limit: int, memo: Memo) -> Series | Undefined:
    args = [without_zeros(a) for a in args]
    for a in args:
        if any(k[0] < 0 or (k[0] == 0 and k[1]) for k in a.terms):
            raise NoExpansion(f"{gate} of something that tends to infinity")
        if a.order <= 0:
            raise Short
    if any(isinstance(a.constant, Moving) for a in args):
        return _moved(gate, args, limit, memo)
    points = [ball(a.constant) for a in args]
    if is_outside(gate, points):
        return Undefined(f"outside the domain of {gate}")
    value = balls.PRIMITIVES[gate](*points)
    if not value.is_finite():
        raise Undecided(gate)
    constant = number(named(value, gate, tuple(a.constant for a in args)))
    moving = [j for j, a in enumerate(args) if not a.is_constant]
    if not moving:
        return constant
    gain = min(min((k[0] for k in args[j].terms if k[0] > 0), default=args[j].order) for j in moving)
    partials = local_gradient(gate, (None,) * len(args))
    rest: Series = Series({})
    for j in moving:
        partial = partials[j]
        if partial is None:
            raise NoExpansion(f"{gate} has no derivative in its parameter")
        if limit <= 0 and _finite(partial, points):
            rest = add(rest, Series({}, gain))
            continue
        if limit < DEEPEST:  # the partial's own partial is not known here, either, and so on
            raise Undecided(gate)
        factor = run(partial, args, limit - max(1, math.floor(gain)), memo=memo)[partial.output]
        if isinstance(factor, Undefined):  # at the end of a domain: E_3 has a slope at 0, and no second one
            slope = balls.at(partial, points, strict=False)[partial.output]
            if not slope.is_finite():
                return factor
            first = integral(mul(number(real(slope)), derivative(args[j])))
            rest = add(rest, Series(first.terms, min(first.order, gain + LITTLE_O_EXPONENT)))
            continue
        if isinstance(factor, bool | Endless):
            raise NoExpansion(gate)
        rest = add(rest, integral(mul(factor, derivative(args[j]))))
    return add(constant, rest)


def _moved(gate: str, args: list[Series], limit: int, memo: Memo) -> Series | Undefined:
    """`_expanded` at a point that moves itself: h(v(0)) is an expansion of its own."""
    start = [series_along(a.constant) for a in args]
    value = _known(_step_value(gate, start, limit, {}))
    if isinstance(value, Undefined):
        return value
    total = number(coefficients.apply(gate, *(a.constant for a in args)))
    partials = local_gradient(gate, (None,) * len(args))
    for a, partial in zip(args, partials, strict=True):
        if a.is_constant:
            continue
        if partial is None:
            raise NoExpansion(f"{gate} has no derivative in its parameter")
        gain = min((k[0] for k in a.terms if k[0] > 0), default=a.order)
        if limit <= 0 and isinstance(_known(run(partial, start, 1)[partial.output]), Series):
            total = add(total, Series({}, gain))
            continue
        factor = run(partial, args, limit - max(1, math.floor(gain)), memo=memo)[partial.output] if limit >= DEEPEST else None
        if not isinstance(factor, Series):
            raise Undecided(gate)
        total = add(total, integral(mul(factor, derivative(a))))
    return total


def series_along(c: Coefficient) -> Series:
    """A coefficient as an expansion in what it moves with."""
    return c.value if isinstance(c, Moving) else number(c)


def moving_gate(limit: int) -> Callable[[str, tuple[Coefficient, ...]], Series]:
    """A gate of coefficients that move, to so many orders."""

    def gate_along(gate: str, args: tuple[Coefficient, ...]) -> Series:
        found = _known(_step_value(gate, [series_along(a) for a in args], limit, {}))
        if not isinstance(found, Series):
            raise NoExpansion(gate)
        return found

    return gate_along


def _known(value: Any) -> Any:
    """A value; what was postponed is an error here."""
    if isinstance(value, _Postponed):
        value.give_up()
    return value


def _finite(program: Program, points: Sequence[Any]) -> bool:
    value = balls.at(program, points, strict=False)[program.output]
    return bool(value.is_finite())


def _difference(a: Series | Endless, b: Series | Endless) -> int:
    """The sign of a - b for small t > 0; whatever has an expansion lies between the infinities."""
    if a is b:
        return 0
    if isinstance(a, Endless) or isinstance(b, Endless):
        left, right = (v.sign if isinstance(v, Endless) else 0 for v in (a, b))
        return (left > right) - (left < right)
    return sign(sub(a, b))


def _endless(gate: str, args: list[Any]) -> Expansion:
    """A gate that reads an infinity, other than a comparison, `max` or `min`; no real number where it is not certainly infinite."""
    signs = [v.sign if isinstance(v, Endless) else 0 for v in args]
    if gate == "copy":
        return args[0]  # type: ignore[no-any-return]
    if gate in ("neg", "abs"):
        return Endless(-signs[0] if gate == "neg" else 1)
    if gate in ("add", "sub"):
        both = {s if gate == "add" or i == 0 else -s for i, s in enumerate(signs) if s}
        return Endless(both.pop()) if len(both) == 1 else Undefined(NO_NUMBERS["inf"])
    if gate == "mul":
        product = math.prod(v.sign if isinstance(v, Endless) else sign(v) for v in args)
        return Endless(product) if product else Undefined(NO_NUMBERS["inf"])
    if (gate == "exp" and signs[0] < 0) or (gate == "div" and not signs[0]):  # an infinity that is written does not move: exp(-inf) is 0, as in a softmax with a mask
        return number(fmpq(0))
    if gate == "tanh":
        return number(fmpq(signs[0]))
    return Undefined(NO_NUMBERS["inf"])


def _apply(gate: str, args: list[Any], limit: int, memo: Memo) -> Expansion:
    for a in args:
        if isinstance(a, Undefined):
            return a
    a, b = (*args, None)[:2]
    if gate in ("and", "or"):
        return gate == "and"
    if gate == "not":
        return not a
    if gate in COMPARISONS:
        return _difference(a, b) in GATES[gate].holds
    if (isinstance(a, Endless) or isinstance(b, Endless)) and gate not in ("max", "min"):
        return _endless(gate, args)
    if gate == "div":
        inverted = inverse(b, limit)
        if a is b and isinstance(inverted, Series):
            return number(fmpq(1))
        return mul(a, inverted) if isinstance(inverted, Series) else inverted
    rule = RULES.get(gate)
    return rule(limit, *args) if rule is not None else _analytic(gate, args, limit, memo)


RULES: dict[str, Callable[..., Series | Undefined]] = {  # of the orders of t and the operands
    "add": lambda _, a, b: add(a, b),
    "sub": lambda _, a, b: sub(a, b),
    "mul": lambda _, a, b: mul(a, b),
    "neg": lambda _, a: neg(a),
    "copy": lambda _, a: a,
    "pow": lambda n, a, b: _pow(a, b, n),
    "sqrt": lambda n, a: power(a, Fraction(1, 2), n),
    "cbrt": lambda n, a: power(a, Fraction(1, 3), n) if sign(a) >= 0 else _negated(power(neg(a), Fraction(1, 3), n)),
    "exp": lambda n, a: exp(a, n),
    "log": lambda n, a: log(a, n),
    "log1p": lambda n, a: log(add(number(fmpq(1)), a), n),
    "abs": lambda _, a: neg(a) if sign(a) < 0 else a,
    "sign": lambda _, a: number(fmpq(sign(a))),
    "floor": lambda _, a: _floor(a),
    "ceil": lambda _, a: neg(_floor(neg(a))),
    "atan2": lambda n, a, b: _atan2(a, b, n),
    "max": lambda _, a, b: a if _difference(a, b) >= 0 else b,
    "min": lambda _, a, b: a if _difference(a, b) <= 0 else b,
}


NO_NUMBERS = {"inf": "infinity is no real number", "nan": "nan is no number"}


def _negated(value: Series | Undefined) -> Series | Undefined:
    return neg(value) if isinstance(value, Series) else value


def run(program: Program, inputs: Sequence[Any], limit: int, *, upstream: Any = None, rounded_in: Any = None, memo: Memo | None = None) -> list[Expansion]:
    """The expansion of every step, to about `limit` orders of t, at flint's current precision.

    `inputs` are Series. Raises Undecided, Short or NoExpansion where some step needs more bits, more terms, or has none.
    """
    values = every_step(program, inputs, limit, upstream=upstream, rounded_in=rounded_in, memo=memo)
    values[program.output] = needed(values, program.output)
    return values


def every_step(program: Program, inputs: Sequence[Any], limit: int, *, upstream: Any = None, rounded_in: Any = None, memo: Memo | None = None) -> list[Any]:
    """`run`, with nothing raised: a step whose expansion failed has a value that says so to `needed`."""
    values: list[Any] = [None] * len(program)
    _fill(values, program, range(len(program)), inputs, limit, memo={} if memo is None else memo, upstream=upstream, rounded_in=rounded_in)
    return values


def along(program: Program, values: Sequence[Any], moving: Sequence[int], inputs: Sequence[Any], limit: int) -> Expansion:
    """The expansion of the output where only the steps of `moving` depend on t, and all others are the constants that `every_step` found."""
    found = list(values)
    _fill(found, program, moving, inputs, limit, memo={})
    return needed(found, program.output)


def needed(values: Sequence[Any], index: int) -> Expansion:
    """The value of a step that somebody needs. Raises what its expansion failed with."""
    value = values[index]
    if isinstance(value, _Postponed):
        value.give_up()
    return Undefined(NO_NUMBERS["inf"], index) if isinstance(value, Endless) else value


def _fill(values: list[Any], program: Program, indices: Sequence[int], inputs: Sequence[Any], limit: int, *, memo: Memo, upstream: Any = None, rounded_in: Any = None) -> None:
    """Set the values of some steps, in order. Two steps of one gate on the same expansions are the same one: a choice passes on what it chooses, so that what is computed from either is equal."""
    known: dict[tuple[Any, ...], Series] = {}
    for index in indices:
        step = program.steps[index]
        if step.gate == "input":
            values[index] = inputs[index]
        elif step.args:
            key = (step.gate, step.text, *(id(values[a]) for a in step.args))
            value = known[key] if key in known else _step_value(step.gate, [values[a] for a in step.args], limit, memo)
            if step.text == SHIFT and isinstance(value, _Postponed) and all(isinstance(values[a], Series) for a in step.args):
                value = values[step.args[0]]  # as large as the other operand, or nearly so: it is a shift as well
            if isinstance(value, Series):
                known[key] = value
            if marks.is_derivative(step):
                value = _written_derivative(program, index, inputs, values, value)
            values[index] = Undefined(OUTSIDE if is_domain(program, index) else value.reason, index) if isinstance(value, Undefined) and value.step < 0 else value
        elif step.gate == "upstream":
            values[index] = number(upstream)
        elif step.gate == "constant":
            values[index] = _constant(step.text)
        else:
            values[index] = number(_literal(step.text, rounded_in))


def _written_derivative(program: Program, index: int, inputs: Sequence[Any], values: list[Any], formula: Any) -> Any:
    """The value of a derivative that is written in the function: its formula, or on a border the limit of the formula beside it."""
    try:
        if not borders.is_on_border(program.steps, index, values, _difference, _floor) and not (isinstance(formula, Undefined) and marks.has_roots(program.steps, program.steps[index].args[2], marks.variable_of(program.steps[index]))):
            return formula
        return borders.on_border(program, index, inputs, values, run, moving_gate)
    except (Undecided, Short, NoExpansion) as error:
        return _Postponed(str(error), type(error))


def _constant(name: str) -> Expansion:
    if name == "inf":
        return Endless(1)
    return Undefined(NO_NUMBERS[name]) if name in NO_NUMBERS else number(coefficients.constant(name))


@dataclass(frozen=True, slots=True)
class _Postponed:
    """A step that could not be expanded: an error only if its value is used."""

    reason: str
    error: type[Exception] = NoExpansion

    def give_up(self) -> None:
        raise self.error(self.reason)


def _step_value(gate: str, args: list[Any], limit: int, memo: Memo) -> Any:
    """`_apply`, with an expansion that failed kept until somebody needs it (a branch that is not taken may fail)."""
    if gate == "where" and isinstance(args[0], bool):
        return args[1 if args[0] else 2]
    if gate in ("and", "or"):
        decisive = gate == "or"
        if any(a is decisive for a in args):
            return decisive
    for a in args:
        if isinstance(a, _Postponed):
            return a
    try:
        return _apply(gate, args, limit, memo)
    except (Undecided, Short, NoExpansion) as error:
        return _Postponed(str(error), type(error))


def _literal(text: str, rounded_in: Any) -> Any:
    value = balls.literal(text, rounded_in)
    if rounded_in is not None and not value.is_exact() and value.rel_accuracy_bits() < balls.current_precision() - 20:
        return value
    from verifier.language.numeral import exact

    q = exact(text)
    return fmpq(q.numerator, q.denominator)
