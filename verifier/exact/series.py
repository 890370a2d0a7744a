"""Expansions in t → 0+ with ball coefficients: sums, products, powers, logarithm, exponential, derivative.

An expansion is a finite sum of terms c t^e L^l with L = log t, e rational, l an integer, plus O(t^order). Coefficients are
exact rationals wherever the operations allow it, else balls that know how they were made (`coefficients`), so a tie or a
zero is decided exactly where all gates are rational, and proved where an identity says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq

from verifier.arithmetic.types import Ball
from verifier.exact import coefficients
from verifier.exact.coefficients import MAX_BITS, Coefficient, Moving, Real, apply, ball, real

INFINITE = math.inf
MAX_TERMS = 400  # terms of one expansion: beyond it the run is given up as undecided
Exponent = Fraction | int  # a whole one is an int: that adds and compares in a tenth of the time
Key = tuple[Exponent, int]
ZERO_KEY: Key = (0, 0)


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
class Endless:
    """Plus or minus infinity as it is written: no real number, but everything that has an expansion is on one side of it."""

    sign: int


@dataclass(frozen=True, slots=True)
class Series:
    """Σ terms[e, l] t^e L^l + O(t^order); exact where `order` is infinite."""

    terms: dict[Key, Coefficient]
    order: Exponent | float = INFINITE

    @property
    def constant(self) -> Coefficient:
        """The coefficient of 1."""
        return self.terms.get(ZERO_KEY, fmpq(0))

    @property
    def is_constant(self) -> bool:
        """Whether the value does not depend on t, exactly."""
        return self.order == INFINITE and all(k == ZERO_KEY for k in self.terms)


def number(value: Coefficient | Ball) -> Series:
    """A constant."""
    return Series({} if is_zero_number(value) else {ZERO_KEY: real(value)})


def is_zero_number(c: Coefficient | Ball) -> bool:
    """Whether a coefficient is exactly zero."""
    if isinstance(c, Moving):
        return bool(c.value.is_constant and is_zero_number(c.value.constant))
    return c == 0 if isinstance(c, fmpq) else bool(ball(c).is_zero())


def sign_of(c: Coefficient) -> int:
    """The sign of a coefficient. Raises Undecided."""
    if isinstance(c, fmpq):
        return (c > 0) - (c < 0)
    if isinstance(c, Moving):
        return _sign_along(c)
    enclosure = ball(c)
    if enclosure > 0:
        return 1
    if enclosure < 0:
        return -1
    if enclosure.is_zero() or (isinstance(c, Real) and coefficients.is_zero(c)):
        return 0
    raise Undecided("a number that may be 0")


def _sign_along(c: Moving) -> int:
    """The sign of a number that moves, for small t > 0. Raises Undecided or Short."""
    try:
        return sign(c.value)
    except (Undecided, Short):
        if coefficients.is_zero(c):
            return 0
        raise


def _series(terms: dict[Key, Coefficient], order: Exponent | float) -> Series:
    lasting: dict[Key, Coefficient] = {}
    for key, c in terms.items():
        if key[0] >= order or is_zero_number(c):
            continue
        if isinstance(c, fmpq) and max(int(c.p).bit_length(), int(c.q).bit_length()) > MAX_BITS:
            c = Real(ball(c))  # noqa: PLW2901
        elif not isinstance(c, fmpq | Moving) and not ball(c).is_finite():
            raise Undecided("coefficient")
        lasting[key] = c
    if len(lasting) > MAX_TERMS:
        raise NoExpansion("too many terms")
    return Series(lasting, order)


def leading(s: Series) -> tuple[Key, Coefficient, int]:
    """The dominant term as t → 0+: its key, coefficient and the coefficient's sign. ValueError where s is exactly 0."""
    for key in sorted(s.terms, key=_rank):
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


def _lowest(s: Series) -> Exponent | float:
    return min((k[0] for k in s.terms), default=s.order)


def _together(a: Exponent | float, b: Exponent | float) -> Exponent | float:
    """The order of a product of two; an exponent may be too large for a float."""
    return INFINITE if INFINITE in (a, b) else a + b


def mul(a: Series, b: Series) -> Series:
    """a b."""
    if (not a.terms and a.order == INFINITE) or (not b.terms and b.order == INFINITE):
        return Series({})
    order = min(_together(a.order, _lowest(b)), _together(b.order, _lowest(a)))
    terms: dict[Key, Coefficient] = {}
    for (e, l), c in a.terms.items():
        for (f, m), d in b.terms.items():
            key = (e + f, l + m)
            if key[0] < order:
                terms[key] = terms[key] + c * d if key in terms else c * d
    return _series(terms, order)


def scale(a: Series, c: Coefficient) -> Series:
    """c a, for a number c."""
    return mul(a, number(c))


def without_zeros(a: Series) -> Series:
    """The expansion without the terms before its leading one, which are 0 though their balls do not tell."""
    if all(k[0] > 0 or (k[0] == 0 and k[1] <= 0) for k in a.terms):
        return a
    try:
        first = _rank(leading(a)[0])
    except ValueError:
        return Series({})
    return Series({k: c for k, c in a.terms.items() if _rank(k) >= first}, a.order)


def _rank(key: Key) -> tuple[Exponent, int]:
    return key[0], -key[1]


def _whole(e: Exponent) -> Exponent:
    """An exponent, as an int where it is one."""
    return int(e) if e.denominator == 1 else e


def _normalized(a: Series) -> tuple[Exponent, Coefficient, int, Series]:
    """a = c t^e (1 + u): (e, c, sign of c, u). Raises ValueError where a is 0."""
    (e, power), c, sign_ = leading(a)
    if power:
        raise NoExpansion("logarithm in the leading term")
    u = _series({(k[0] - e, k[1]): d / c for k, d in a.terms.items() if _rank(k) > _rank((e, power))}, a.order - e if a.order != INFINITE else INFINITE)
    if any(k[0] <= 0 for k in u.terms):
        raise NoExpansion("logarithm in the leading term")
    return e, c, sign_, u


def _compose(u: Series, coefficient: Callable[[int], Coefficient], limit: int) -> Series:
    """Σ coefficient(k) u^k for a u that tends to 0; as many terms as `limit` orders of t need."""
    total, term = number(coefficient(0)), number(fmpq(1))
    if not u.terms and u.order == INFINITE:
        return total
    step = _lowest(u)
    for k in range(1, math.ceil(limit / step) + 2 if step < INFINITE else 2):
        term = mul(term, u)
        term = Series({key: c for key, c in term.terms.items() if key[0] < limit + 1}, min(term.order, limit + 1))
        total = add(total, scale(term, coefficient(k)))
    return _series(total.terms, min(total.order, limit + 1))


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
    binomial: dict[int, Coefficient] = {0: fmpq(1)}

    def coefficient(k: int) -> Coefficient:
        if k not in binomial:
            binomial[k] = coefficient(k - 1) * (q - (k - 1)) / k
        return binomial[k]

    head = _power_of_number(c, r)
    return mul(Series({(_whole(e * r), 0): head}), _compose(u, coefficient, limit))


def _power_of_number(c: Coefficient, r: Fraction) -> Coefficient:
    if r.denominator == 1 and isinstance(c, fmpq) and abs(r.numerator) <= 64:
        return c ** int(r)
    if r == Fraction(1, 2):
        return apply("sqrt", c)
    return apply("pow", c, fmpq(r.numerator, r.denominator))


def log(a: Series, limit: int) -> Series | Undefined:
    """log a."""
    try:
        e, c, sign_, u = _normalized(a)
    except ValueError:
        return Undefined("the logarithm of zero")
    if sign_ < 0:
        return Undefined("the logarithm of a negative number")
    head = {ZERO_KEY: apply("log", c)}
    if e:
        head[(0, 1)] = fmpq(e.numerator, e.denominator)
    return add(_series(head, INFINITE), _compose(u, lambda k: fmpq(0) if k == 0 else fmpq((-1) ** (k + 1), k), limit))


def exp(a: Series, limit: int) -> Series | Undefined:
    """exp a; where a tends to -inf like a power of t, the result is smaller than every power: O(t^limit)."""
    a = without_zeros(a)
    head = {k: c for k, c in a.terms.items() if k[0] < 0 or (k[0] == 0 and k[1] > 0)}
    if a.order <= 0:
        raise Short
    factor = Series({ZERO_KEY: fmpq(1)})
    if any(k[0] < 0 for k in head):
        if sign(a) < 0:
            return Series({}, limit + 1)
        raise NoExpansion("exp of something that tends to infinity")
    if head:
        c = head.get((0, 1))
        if len(head) > 1 or not isinstance(c, fmpq):
            raise NoExpansion("exp of a logarithm")
        factor = Series({(_whole(Fraction(int(c.p), int(c.q))), 0): fmpq(1)})
    rest = _series({k: c for k, c in a.terms.items() if k not in head and k != ZERO_KEY}, a.order)
    if any(k[0] <= 0 for k in rest.terms):
        raise NoExpansion("exp of a logarithm")
    value = apply("exp", a.constant)
    return mul(factor, scale(_compose(rest, lambda k: fmpq(1, math.factorial(k)), limit), value))


def derivative(a: Series) -> Series:
    """da/dt, term by term."""
    terms: dict[Key, Coefficient] = {}
    for (e, l), c in a.terms.items():
        for key, factor in (((e - 1, l), fmpq(e.numerator, e.denominator)), ((e - 1, l - 1), fmpq(l))):
            if factor != 0:
                terms[key] = terms.get(key, fmpq(0)) + c * factor
    return _series(terms, a.order - 1)


def integral(a: Series) -> Series:
    """∫ a dt without a constant, term by term. Raises NoExpansion or Short."""
    terms: dict[Key, Coefficient] = {}

    def put(e: Exponent, l: int, c: Coefficient) -> None:
        if e == -1:
            if l == -1:
                raise NoExpansion("iterated logarithm")
            key: Key = (0, l + 1)
            value = c / (l + 1)
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
