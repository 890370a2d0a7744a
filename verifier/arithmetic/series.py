"""Run a Program along a ray x + t d, t → 0+, in expansions with ball coefficients: one-sided limits and derivatives, certified.

An expansion is a finite sum of terms c t^e L^l with L = log t, e rational, l an integer, plus O(t^order). Coefficients are
exact rationals wherever the operations allow it, else balls, so a tie or a zero is decided exactly where all gates are
rational. With d = 0 every expansion is a constant, and the run is the careful evaluation at the point itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.gates import GATES
from verifier.program import Program, table_program
from verifier.symbolic import local_gradient, primitive

INFINITE = math.inf
MAX_TERMS = 400  # terms of one expansion: beyond it the run is given up as undecided
MAX_BITS = 20_000  # size of an exact rational: beyond it the coefficient becomes a ball
Key = tuple[Fraction, int]
ZERO_KEY: Key = (Fraction(0), 0)


class Undecided(Exception):
    """This precision does not tell (a sign, a tie, a domain): more bits may."""


class Short(Exception):
    """The expansion is too short: more terms are needed."""


class NoExpansion(Exception):
    """The function has no expansion of this kind here (an essential singularity, an irrational exponent)."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """No real value; `reason` says why, and which step was the first."""

    reason: str
    step: int = -1


@dataclass(frozen=True, slots=True)
class Series:
    """Σ terms[e, l] t^e L^l + O(t^order); exact where `order` is infinite."""

    terms: dict[Key, Any]
    order: Fraction | float = INFINITE

    @property
    def constant(self) -> Any:
        """The coefficient of 1."""
        return self.terms.get(ZERO_KEY, fmpq(0))

    @property
    def is_constant(self) -> bool:
        """Whether the value does not depend on t, exactly."""
        return self.order == INFINITE and all(k == ZERO_KEY for k in self.terms)


Value = Series | Undefined | bool


def number(value: Any) -> Series:
    """A constant."""
    return Series({} if _is_zero(value) else {ZERO_KEY: value})


def _is_zero(c: Any) -> bool:
    return c == 0 if isinstance(c, fmpq) else bool(c.is_zero())


def ball(c: Any) -> Any:
    """A coefficient as a ball."""
    return arb(c) if isinstance(c, fmpq) else c


def sign_of(c: Any) -> int:
    """The sign of a coefficient. Raises Undecided."""
    if isinstance(c, fmpq):
        return (c > 0) - (c < 0)
    if c > 0:
        return 1
    if c < 0:
        return -1
    if c.is_zero():
        return 0
    raise Undecided("sign")


def _series(terms: dict[Key, Any], order: Fraction | float) -> Series:
    kept: dict[Key, Any] = {}
    for key, c in terms.items():
        if key[0] >= order or _is_zero(c):
            continue
        if isinstance(c, fmpq) and max(int(c.p).bit_length(), int(c.q).bit_length()) > MAX_BITS:
            c = arb(c)  # noqa: PLW2901
        elif not isinstance(c, fmpq) and not c.is_finite():
            raise Undecided("coefficient")
        kept[key] = c
    if len(kept) > MAX_TERMS:
        raise NoExpansion("too many terms")
    return Series(kept, order)


def leading(s: Series) -> tuple[Key, Any, int]:
    """The dominant term as t → 0+: its key, coefficient and the coefficient's sign. ValueError where s is exactly 0."""
    for key in sorted(s.terms, key=lambda k: (k[0], -k[1])):
        sign = sign_of(s.terms[key])
        if sign:
            return key, s.terms[key], sign
    if s.order == INFINITE:
        raise ValueError("zero")
    raise Short


def is_zero(s: Series) -> bool:
    """Whether the expansion is exactly zero. Raises Undecided or Short where that is not known."""
    return sign(s) == 0


def sign(s: Series) -> int:
    """The sign for small t > 0."""
    try:
        (_, power), _, sign_ = leading(s)
    except ValueError:
        return 0
    return sign_ if power % 2 == 0 else -sign_  # L -> -inf


def add(a: Series, b: Series) -> Series:
    """a + b."""
    terms = dict(a.terms)
    for key, c in b.terms.items():
        terms[key] = terms[key] + c if key in terms else c
    return _series(terms, min(a.order, b.order))


def neg(a: Series) -> Series:
    """-a."""
    return Series({k: -c for k, c in a.terms.items()}, a.order)


def sub(a: Series, b: Series) -> Series:
    """a - b."""
    return add(a, neg(b))


def _lowest(s: Series) -> Fraction | float:
    return min((k[0] for k in s.terms), default=s.order)


def mul(a: Series, b: Series) -> Series:
    """a b."""
    if (not a.terms and a.order == INFINITE) or (not b.terms and b.order == INFINITE):
        return Series({})
    order = min(a.order + _lowest(b), b.order + _lowest(a))
    terms: dict[Key, Any] = {}
    for (e, l), c in a.terms.items():
        for (f, m), d in b.terms.items():
            key = (e + f, l + m)
            if key[0] < order:
                terms[key] = terms[key] + c * d if key in terms else c * d
    return _series(terms, order)


def scale(a: Series, c: Any) -> Series:
    """c a, for a number c."""
    return mul(a, number(c))


def _normalized(a: Series) -> tuple[Fraction, Any, int, Series]:
    """a = c t^e (1 + u): (e, c, sign of c, u). Raises ValueError where a is 0."""
    (e, power), c, sign_ = leading(a)
    if power:
        raise NoExpansion("logarithm in the leading term")
    u = _series({(k[0] - e, k[1]): d / c for k, d in a.terms.items() if k != (e, power)}, a.order - e if a.order != INFINITE else INFINITE)
    if any(k[0] <= 0 for k in u.terms):
        raise NoExpansion("logarithm in the leading term")
    return e, c, sign_, u


def _compose(u: Series, coefficient: Callable[[int], Any], limit: int) -> Series:
    """Σ coefficient(k) u^k for a u that tends to 0; as many terms as `limit` orders of t need."""
    total, term = number(coefficient(0)), number(fmpq(1))
    if not u.terms and u.order == INFINITE:
        return total
    step = _lowest(u)
    for k in range(1, math.ceil(limit / step) + 2 if step < INFINITE else 2):
        term = mul(term, u)
        term = Series({key: c for key, c in term.terms.items() if key[0] < limit + 1}, min(term.order, Fraction(limit + 1)))
        total = add(total, scale(term, coefficient(k)))
    return _series(total.terms, min(total.order, Fraction(limit + 1)))


def inverse(a: Series, limit: int) -> Series | Undefined:
    """1 / a."""
    try:
        e, c, _, u = _normalized(a)
    except ValueError:
        return Undefined("division by zero")
    return mul(Series({(-e, 0): 1 / c}), _compose(u, lambda k: fmpq((-1) ** k), limit))


def power(a: Series, r: Fraction, limit: int) -> Series | Undefined:
    """a^r for a rational r."""
    if r.denominator == 1 and 0 <= r <= 8:
        result = number(fmpq(1))
        for _ in range(int(r)):
            result = mul(result, a)
        return result
    try:
        e, c, sign_, u = _normalized(a)
    except ValueError:
        return Undefined("a negative power of zero") if r < 0 else Series({}) if r > 0 else number(fmpq(1))
    if sign_ < 0 and r.denominator != 1:
        return Undefined("a fractional power of a negative number")
    q = fmpq(r.numerator, r.denominator)
    binomial: dict[int, Any] = {0: fmpq(1)}

    def coefficient(k: int) -> Any:
        if k not in binomial:
            binomial[k] = coefficient(k - 1) * (q - (k - 1)) / k
        return binomial[k]

    head = _power_of_number(c, r)
    return mul(Series({(e * r, 0): head}), _compose(u, coefficient, limit))


def _power_of_number(c: Any, r: Fraction) -> Any:
    if r.denominator == 1 and isinstance(c, fmpq) and abs(r.numerator) <= 64:
        return c ** int(r)
    if r == Fraction(1, 2):
        return _exact_or_ball(ball(c).sqrt())
    return balls.PRIMITIVES["pow"](ball(c), arb(fmpq(r.numerator, r.denominator)))


def _exact_or_ball(value: Any) -> Any:
    """An exact ball as a rational."""
    if value.is_finite() and value.is_exact():
        mantissa, exponent = value.man_exp()
        if abs(int(exponent)) < MAX_BITS:
            return fmpq(mantissa) * fmpq(2) ** int(exponent)
    return value


def log(a: Series, limit: int) -> Series | Undefined:
    """log a."""
    try:
        e, c, sign_, u = _normalized(a)
    except ValueError:
        return Undefined("the logarithm of zero")
    if sign_ < 0:
        return Undefined("the logarithm of a negative number")
    head = {ZERO_KEY: _exact_or_ball(ball(c).log())}
    if e:
        head[(Fraction(0), 1)] = fmpq(e.numerator, e.denominator)
    return add(_series(head, INFINITE), _compose(u, lambda k: fmpq(0) if k == 0 else fmpq((-1) ** (k + 1), k), limit))


def exp(a: Series, limit: int) -> Series | Undefined:
    """exp a; where a tends to -inf like a power of t, the result is smaller than every power: O(t^limit)."""
    head = {k: c for k, c in a.terms.items() if k[0] < 0 or (k[0] == 0 and k[1] > 0)}
    if a.order <= 0:
        raise Short
    factor = Series({ZERO_KEY: fmpq(1)})
    if any(k[0] < 0 for k in head):
        if sign(a) < 0:
            return Series({}, Fraction(limit + 1))
        raise NoExpansion("exp of something that tends to infinity")
    if head:
        c = head.get((Fraction(0), 1))
        if len(head) > 1 or not isinstance(c, fmpq):
            raise NoExpansion("exp of a logarithm")
        factor = Series({(Fraction(int(c.p), int(c.q)), 0): fmpq(1)})
    rest = _series({k: c for k, c in a.terms.items() if k not in head and k != ZERO_KEY}, a.order)
    if any(k[0] <= 0 for k in rest.terms):
        raise NoExpansion("exp of a logarithm")
    value = _exact_or_ball(ball(a.constant).exp())
    return mul(factor, scale(_compose(rest, lambda k: fmpq(1, math.factorial(k)), limit), value))


def _pow(a: Series, b: Series, limit: int) -> Series | Undefined:
    exponent = b.constant
    if b.is_constant and isinstance(exponent, fmpq):
        r = Fraction(int(exponent.p), int(exponent.q))
        if abs(r.numerator) <= 10**6 and r.denominator <= 10**3:
            return power(a, r, limit)
        if a.is_constant:
            return _analytic("pow", [a, b], limit)
    if not a.terms and a.order == INFINITE:
        s = sign(b)
        return number(fmpq(1)) if s == 0 else Series({}) if s > 0 else Undefined("a negative power of zero")
    logarithm = log(a, limit)
    return exp(mul(b, logarithm), limit) if isinstance(logarithm, Series) else Undefined("a power of a negative number")


def _atan2(y: Series, x: Series, limit: int) -> Series | Undefined:
    """The angle of (x, y); on the negative axis it depends on the side from which y comes."""
    if not (sign(x) < 0 and (y.is_constant or _is_zero(y.constant)) and _is_zero(y.constant)):
        return _analytic("atan2", [y, x], limit)
    inverted = inverse(x, limit)
    if isinstance(inverted, Undefined):
        return inverted
    turn = number(balls.constant("pi") * (1 if sign(y) >= 0 else -1))
    angle = _analytic("atan", [mul(y, inverted)], limit)
    return add(turn, angle) if isinstance(angle, Series) else angle


def _floor(a: Series) -> Series:
    if any(k[0] < 0 or (k[0] == 0 and k[1]) for k in a.terms):
        raise NoExpansion("floor of something that tends to infinity")
    c = a.constant
    if not isinstance(c, fmpq):
        if c.contains_integer():
            raise Undecided("floor")
        return number(_exact_or_ball(c.floor()))
    below = int(c.floor()) if hasattr(c, "floor") else int(c.p // c.q)
    if c == below and sign(sub(a, number(c))) < 0:
        below -= 1
    return number(fmpq(below))


def _derivative(a: Series) -> Series:
    terms: dict[Key, Any] = {}
    for (e, l), c in a.terms.items():
        for key, factor in (((e - 1, l), fmpq(e.numerator, e.denominator)), ((e - 1, l - 1), fmpq(l))):
            if factor != 0:
                terms[key] = terms.get(key, fmpq(0)) + c * factor
    return _series(terms, a.order - 1)


def _integral(a: Series) -> Series:
    terms: dict[Key, Any] = {}

    def put(e: Fraction, l: int, c: Any) -> None:
        if e == -1:
            if l == -1:
                raise NoExpansion("iterated logarithm")
            key, value = (Fraction(0), l + 1), c / (l + 1)
        else:
            f = e + 1
            key, value = (f, l), c / fmpq(f.numerator, f.denominator)
            if l < 0:
                raise NoExpansion("logarithmic integral")
            if l:
                put(e, l - 1, -value * l)
        terms[key] = terms.get(key, fmpq(0)) + value

    for (e, l), c in a.terms.items():
        put(e, l, c)
    if a.order <= -1:
        raise Short
    return _series(terms, a.order + 1)


@cache
def _domain(gate: str) -> Program | None:
    row = GATES[gate]
    return primitive(table_program(gate, f"where({row.where}, 1, 0)", row.parameters)) if row.where else None


def _outside(gate: str, args: Sequence[Any]) -> bool:
    """Whether a point is certainly outside a gate's domain."""
    program = _domain(gate)
    if program is None:
        return False
    inside = balls.run(program, [[a] for a in args], bits=balls.current_precision(), strict=False)[program.output][0]
    return bool(inside.is_zero())


def _analytic(gate: str, args: list[Series], limit: int) -> Series | Undefined:
    """Any gate at an ordinary point: h(v(0)) + ∫ Σ_j h_j(v) v_j' dt, with SymPy's partials h_j."""
    for a in args:
        if any(k[0] < 0 or (k[0] == 0 and k[1]) for k in a.terms):
            raise NoExpansion(f"{gate} of something that tends to infinity")
        if a.order <= 0:
            raise Short
    points = [ball(a.constant) for a in args]
    if _outside(gate, points):
        return Undefined(f"outside the domain of {gate}")
    value = balls.PRIMITIVES[gate](*points)
    if not value.is_finite():
        raise Undecided(gate)
    constant = number(_exact_or_ball(value))
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
        factor = run(partial, args, limit - max(1, math.floor(gain)))[partial.output]
        if isinstance(factor, Undefined):
            return factor
        if isinstance(factor, bool):
            raise NoExpansion(gate)
        rest = add(rest, _integral(mul(factor, _derivative(args[j]))))
    return add(constant, rest)


def _finite(program: Program, points: Sequence[Any]) -> bool:
    value = balls.run(program, [[p] for p in points], bits=balls.current_precision(), strict=False)[program.output][0]
    return bool(value.is_finite())


def _compare(gate: str, a: Series, b: Series) -> bool:
    s = sign(sub(a, b))
    return {"lt": s < 0, "le": s <= 0, "gt": s > 0, "ge": s >= 0, "eq": s == 0, "ne": s != 0}[gate]


def _apply(gate: str, args: list[Any], limit: int) -> Value:
    if gate == "where":
        return args[0] if isinstance(args[0], Undefined) else args[1 if args[0] else 2]
    if gate in ("and", "or"):
        decisive = gate == "or"
        if any(a is decisive for a in args):
            return decisive
    for a in args:
        if isinstance(a, Undefined):
            return a
    a, b = (*args, None)[:2]
    if gate in ("and", "or"):
        return gate == "and"
    if gate == "not":
        return not a
    if gate in ("lt", "le", "gt", "ge", "eq", "ne"):
        return _compare(gate, a, b)
    if gate == "div":
        inverted = inverse(b, limit)
        return mul(a, inverted) if isinstance(inverted, Series) else inverted
    rule = _RULES.get(gate)
    return rule(args, limit) if rule is not None else _analytic(gate, args, limit)


_RULES: dict[str, Callable[[list[Any], int], Series | Undefined]] = {
    "add": lambda v, _: add(v[0], v[1]),
    "sub": lambda v, _: sub(v[0], v[1]),
    "mul": lambda v, _: mul(v[0], v[1]),
    "neg": lambda v, _: neg(v[0]),
    "copy": lambda v, _: v[0],
    "pow": lambda v, n: _pow(v[0], v[1], n),
    "sqrt": lambda v, n: power(v[0], Fraction(1, 2), n),
    "cbrt": lambda v, n: power(v[0], Fraction(1, 3), n) if sign(v[0]) >= 0 else _negated(power(neg(v[0]), Fraction(1, 3), n)),
    "exp": lambda v, n: exp(v[0], n),
    "log": lambda v, n: log(v[0], n),
    "log1p": lambda v, n: log(add(number(fmpq(1)), v[0]), n),
    "abs": lambda v, _: neg(v[0]) if sign(v[0]) < 0 else v[0],
    "sign": lambda v, _: number(fmpq(sign(v[0]))),
    "floor": lambda v, _: _floor(v[0]),
    "ceil": lambda v, _: neg(_floor(neg(v[0]))),
    "atan2": lambda v, n: _atan2(v[0], v[1], n),
    "max": lambda v, _: v[0] if sign(sub(v[0], v[1])) >= 0 else v[1],
    "min": lambda v, _: v[0] if sign(sub(v[0], v[1])) <= 0 else v[1],
}


def _negated(value: Series | Undefined) -> Series | Undefined:
    return neg(value) if isinstance(value, Series) else value


def run(program: Program, inputs: Sequence[Any], limit: int, *, upstream: Any = None, rounded_in: Any = None) -> list[Value]:
    """The expansion of every step, to about `limit` orders of t, at flint's current precision.

    `inputs` are Series. Raises Undecided, Short or NoExpansion where some step needs more bits, more terms, or has none.
    """
    values: list[Any] = []
    for index, step in enumerate(program.steps):
        if step.gate == "input":
            values.append(inputs[len(values)])
        elif step.args:
            value = _step_value(step.gate, [values[a] for a in step.args], limit)
            values.append(Undefined(value.reason, index) if isinstance(value, Undefined) and value.step < 0 else value)
        elif step.gate == "upstream":
            values.append(number(upstream))
        elif step.gate == "constant":
            values.append(number(balls.constant(step.text)) if step.text != "inf" else Undefined("infinity is no real number"))
        else:
            values.append(number(_literal(step.text, rounded_in)))
    for value in (values[program.output],):
        if isinstance(value, _Postponed):
            value.give_up()
    return values


@dataclass(frozen=True, slots=True)
class _Postponed:
    """A step that could not be expanded: an error only if its value is used."""

    reason: str
    error: type[Exception] = NoExpansion

    def give_up(self) -> None:
        raise self.error(self.reason)


def _step_value(gate: str, args: list[Any], limit: int) -> Any:
    """`_apply`, with an expansion that failed kept until somebody needs it (a branch that is not taken may fail)."""
    if gate == "where" and isinstance(args[0], bool):
        return args[1 if args[0] else 2]
    for a in args:
        if isinstance(a, _Postponed):
            return a
    try:
        return _apply(gate, args, limit)
    except (Undecided, Short, NoExpansion) as error:
        return _Postponed(str(error), type(error))


def _literal(text: str, rounded_in: Any) -> Any:
    value = balls.literal(text, rounded_in)
    if rounded_in is not None and not value.is_exact() and value.rel_accuracy_bits() < balls.current_precision() - 20:
        return value
    from verifier.formats import exact

    q = exact(text)
    return fmpq(q.numerator, q.denominator)
