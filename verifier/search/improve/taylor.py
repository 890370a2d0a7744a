"""Series at 0 or at infinity with a certified remainder: a formula of one input as v**e * (c0 + c1*v + ... ), for v = x or 1/x, within a bound that holds for all small v.

Coefficients are exact rationals. The remainder of an analytic part is Lagrange's: Arb's power series over the interval |x| <= t enclose every Taylor coefficient
there, so the n-th one encloses what is left after n terms. Sums, products and quotients of such parts keep their remainders, where both sides vanish at 0 as well.
Where the formula has `pi`, the variable is v = pi*x: then the coefficients are rational again, times a power of pi.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, arb_series, ctx, fmpq, fmpq_poly, fmpq_series

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball
from verifier.language.formats import Format
from verifier.search.improve.lowest_terms import rational_inside
from verifier.search.improve.terms import Pool, Term, value_of

ORDER = 26  # terms to which analytic parts are expanded
BITS = 256
LARGEST_QUOTIENT = 10**9  # of a coefficient that is written as a quotient
MOST_COEFFICIENTS = 18  # of a series that is suggested
LARGEST_ULPS = 0.3  # that a series may be off, over the reals
SIZES = (2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.015, 0.01, 5e-3, 2e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)  # up to which a series may be used
LOWEST = -3  # the lowest power with which a series may begin


@dataclass(frozen=True)
class _Analytic:
    """A part that is analytic at 0: its exact coefficients there, and enclosures of its Taylor coefficients at every point of the interval; times a power of pi."""

    exact: Any
    within: Any
    pi: int = 0


@dataclass(frozen=True)
class Model:
    """v**valuation * (the coefficients' polynomial + rest * v**len), with `rest` an enclosure for all v != 0 of the interval; times a power of pi."""

    valuation: int
    coefficients: tuple[Any, ...]
    rest: Ball
    pi: int = 0

    @property
    def order(self) -> int:
        """The power of v of the rest."""
        return self.valuation + len(self.coefficients)


class _NoModel(Exception):
    """A part has no series of this kind at 0."""


@contextmanager
def _cap(terms: int) -> Iterator[None]:
    before = ctx.cap
    ctx.cap = terms
    try:
        yield
    finally:
        ctx.cap = before


def model(term: Term, leaf: Term, largest: float) -> Model | None:
    """The series of a term in one name, for |name| <= largest; None where it has none, or reads another name."""
    with balls.precision(BITS), _cap(ORDER + 1):
        has_pi = any(p.op == "constant" for p in term.parts)
        bound = arb(largest) * (arb.pi() if has_pi else 1)
        interval = arb(0, bound.upper())
        found: dict[Term, _Analytic | Model] = {}
        try:
            for part in term.parts:
                found[part] = _step(part, [found[a] for a in part.args], leaf, interval, has_pi=has_pi)
            whole = _as_model(found[term])
        except (_NoModel, ZeroDivisionError, ValueError, NotImplementedError):
            return None
        return whole if whole.coefficients and whole.rest.is_finite() else None


def _step(term: Term, args: list[_Analytic | Model], leaf: Term, interval: Ball, *, has_pi: bool) -> _Analytic | Model:
    if term is leaf:
        return _Analytic(fmpq_series([0, 1]), arb_series([interval, 1]), -1 if has_pi else 0)
    value = value_of(term)
    if value is not None:
        number = fmpq(value.numerator, value.denominator)
        return _Analytic(fmpq_series([number]), arb_series([arb(number)]))
    if term.op == "constant" and term.text == "pi":
        return _Analytic(fmpq_series([1]), arb_series([1]), 1)
    if term.op in ("add", "sub", "mul", "div", "neg"):
        return _arithmetic(term.op, args, interval)
    if term.op == "hypot":
        squares = [_arithmetic("mul", [a, a], interval) for a in args]
        return _apply("sqrt", _arithmetic("add", squares, interval))
    if term.op == "pow" and (power := value_of(term.args[1])) is not None:
        return _power_of(args[0], fmpq(power.numerator, power.denominator))
    if len(args) == 1:
        return _apply(term.op, args[0])
    raise _NoModel


def _arithmetic(op: str, args: list[_Analytic | Model], interval: Ball) -> _Analytic | Model:
    if op == "neg":
        (a,) = args
        return _Analytic(-a.exact, -a.within, a.pi) if isinstance(a, _Analytic) else Model(a.valuation, tuple(-c for c in a.coefficients), -a.rest, a.pi)
    a, b = args
    if op in ("add", "sub") and a.pi != b.pi:
        raise _NoModel
    pi = a.pi + b.pi if op == "mul" else a.pi - b.pi if op == "div" else a.pi
    if isinstance(a, _Analytic) and isinstance(b, _Analytic) and not (op == "div" and (b.exact[0] == 0 or b.within[0].contains(0))):
        operation: Callable[[Any, Any], Any] = {"add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": lambda u, v: u * v, "div": lambda u, v: u / v}[op]
        return _Analytic(operation(a.exact, b.exact), operation(a.within, b.within), pi)
    m, n = _as_model(a), _as_model(b)
    if op == "mul":
        return _product(m, n, interval, pi)
    if op == "div":
        return _quotient(m, n, interval, pi)
    return _sum(m, n, -1 if op == "sub" else 1, interval, pi)


def _apply(op: str, a: _Analytic | Model) -> _Analytic:
    """A function of a part that is analytic, where its own coefficients are rational."""
    if not isinstance(a, _Analytic) or a.pi:
        raise _NoModel
    first = a.exact[0]
    if op in ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "atan", "asinh", "atanh", "log1p") and first != 0:
        raise _NoModel
    if op in ("exp", "expm1"):
        less = 1 if op == "expm1" else 0
        return _Analytic(a.exact.exp() - less, a.within.exp() - less)
    if op in ("sin", "cos", "tan"):
        return _Analytic(getattr(a.exact, op)(), getattr(a.within, op)())
    if op in ("sinh", "cosh", "tanh"):
        up, down = a.within.exp(), (-a.within).exp()
        within = (up - down) / 2 if op == "sinh" else (up + down) / 2 if op == "cosh" else (up - down) / (up + down)
        return _Analytic(getattr(a.exact, op)(), within)
    if op in ("asin", "atan"):
        return _Analytic(getattr(a.exact, op)(), getattr(a.within, op)())
    if op in ("log1p", "log"):
        inside = _Analytic(a.exact + 1, a.within + 1) if op == "log1p" else a
        if inside.exact[0] != 1 or not inside.within[0] > 0:
            raise _NoModel
        return _Analytic(inside.exact.log(), inside.within.log())
    if op == "sqrt" and first == 1 and a.within[0] > 0:
        return _Analytic(a.exact.sqrt(), a.within.sqrt())
    raise _NoModel


def _power_of(a: _Analytic | Model, exponent: Any) -> _Analytic:
    """A power of a part that is 1 at 0, by its logarithm."""
    logarithm = _apply("log", a)
    return _Analytic((logarithm.exact * exponent).exp(), (logarithm.within * arb(exponent)).exp())


# ---------------------------------------------------------------- models


def _as_model(a: _Analytic | Model) -> Model:
    if isinstance(a, Model):
        return a
    coefficients = [a.exact[k] for k in range(ORDER)]
    return _stripped(0, coefficients, a.within[ORDER], a.pi)


def _stripped(valuation: int, coefficients: Sequence[Any], rest: Ball, pi: int) -> Model:
    first = next((k for k, c in enumerate(coefficients) if c != 0), None)
    if first is None:
        raise _NoModel
    return Model(valuation + first, tuple(coefficients[first:]), rest, pi)


def _at(polynomial: Sequence[Any], interval: Ball) -> Ball:
    value = arb(0)
    for c in reversed(polynomial):
        value = value * interval + arb(c)
    return value


def _power(interval: Ball, exponent: int) -> Ball:
    """A power of [-t, t], as such an interval."""
    return arb(0, (interval.abs_upper() ** exponent).upper()) if exponent else arb(1)


def _sum(a: Model, b: Model, sign: int, interval: Ball, pi: int) -> Model:
    low, order = min(a.valuation, b.valuation), min(a.order, b.order)
    found, rest = [fmpq(0)] * max(0, order - low), arb(0)
    for m, s in ((a, 1), (b, sign)):
        for k, c in enumerate(m.coefficients):
            power = m.valuation + k
            if power < order:
                found[power - low] += s * c
            else:
                rest += s * arb(c) * _power(interval, power - order)
        rest += s * m.rest * _power(interval, m.order - order)
    return _stripped(low, found, rest, pi)


def _product(a: Model, b: Model, interval: Ball, pi: int) -> Model:
    n = min(len(a.coefficients), len(b.coefficients))
    whole = fmpq_poly(list(a.coefficients)) * fmpq_poly(list(b.coefficients))
    terms = [whole[k] for k in range(whole.degree() + 1)]
    more = [m * _power(interval, len(c) - n) for m, c in ((a.rest, a.coefficients), (b.rest, b.coefficients))]
    rest = _at(terms[n:], interval) + _at(a.coefficients, interval) * more[1] + _at(b.coefficients, interval) * more[0] + more[0] * more[1] * _power(interval, n)
    return _stripped(a.valuation + b.valuation, (terms + [fmpq(0)] * n)[:n], rest, pi)


def _quotient(a: Model, b: Model, interval: Ball, pi: int) -> Model:
    n = min(len(a.coefficients), len(b.coefficients))
    with _cap(n):
        quotient = fmpq_series(list(a.coefficients[:n])) / fmpq_series(list(b.coefficients[:n]))
        terms = [quotient[k] for k in range(n)]
    left = fmpq_poly(list(a.coefficients)) - fmpq_poly(terms) * fmpq_poly(list(b.coefficients))
    beyond = [left[k] for k in range(n, left.degree() + 1)]
    below = _at(b.coefficients, interval) + b.rest * _power(interval, len(b.coefficients))
    if below.contains(0):
        raise _NoModel
    above = _at(beyond, interval) + a.rest * _power(interval, len(a.coefficients) - n) - _at(terms, interval) * b.rest * _power(interval, len(b.coefficients) - n)
    return _stripped(a.valuation - b.valuation, terms, above / below, pi)


# ---------------------------------------------------------------- what is suggested


@dataclass(frozen=True)
class CertifiedSeries:
    """A series as a term, with so many coefficients: it is the formula within LARGEST_ULPS for all |leaf| <= largest, or for all |leaf| >= 1 / largest."""

    term: Term
    leaf: Term
    count: int
    largest: float
    at_infinity: bool = False


def certified(pool: Pool, term: Term, leaf: Term, fmt: Format, *, at_infinity: bool = False) -> list[CertifiedSeries]:
    """The series of a formula in one name, of every length, each with the largest of some short numbers up to which it is certified; of one in v = 1/name, written with the name."""
    found: dict[int, CertifiedSeries] = {}
    for largest in SIZES:
        whole = model(term, leaf, largest)
        if whole is None or whole.valuation < LOWEST:
            continue
        for count in range(1, min(MOST_COEFFICIENTS, len(whole.coefficients)) + 1):
            if count not in found and whole.coefficients[count - 1] != 0 and ulps(whole, count, largest, fmt) <= LARGEST_ULPS:
                found[count] = CertifiedSeries(series_term(pool, whole, count, leaf, inverse=at_infinity), leaf, count, largest, at_infinity)
    return list(found.values())


def certified_at_infinity(pool: Pool, term: Term, leaf: Term, fmt: Format) -> list[CertifiedSeries]:
    """The series of a formula of one name in 1/name: those at 0 of the formula of 1/name, by the same bound."""
    return certified(pool, of_inverse(pool, term, leaf), leaf, fmt, at_infinity=True)


def of_inverse(pool: Pool, term: Term, leaf: Term) -> Term:
    """A formula of 1/name: with 1/v in place of the name, in lowest terms."""
    return rational_inside(pool, pool.replaced(term, {leaf: pool.make("div", pool.number(1), leaf)}))


def ulps(found: Model, count: int, largest: float, fmt: Format) -> float:
    """A bound, in ulps, of the distance of a series from its formula for all |leaf| <= largest: an ulp of g is more than |g| / 2**p."""
    return relative_error(found, count, largest) * 2.0**fmt.precision


def written_coefficient(c: Any) -> Fraction:
    """The number that is written for a coefficient: itself, or a decimal near it."""
    exactly = Fraction(int(c.p), int(c.q))
    return exactly if abs(exactly.numerator) <= LARGEST_QUOTIENT and exactly.denominator <= LARGEST_QUOTIENT else Fraction(repr(float(exactly)))


def relative_error(found: Model, terms: int, largest: float) -> float:
    """A bound of |series - formula| / |formula| for all |name| <= largest (0 excepted), with so many terms of the series; infinity where there is none."""
    with balls.precision(BITS):
        size = arb(largest) * (arb.pi() if _has_pi(found) else 1)
        error = abs(found.rest) * size ** len(found.coefficients)
        least = abs(arb(found.coefficients[0])) - abs(found.rest) * size ** len(found.coefficients)
        for k, c in enumerate(found.coefficients):
            kept = written_coefficient(c) if k < terms else Fraction(0)
            error += abs(arb(c) - arb(fmpq(kept.numerator, kept.denominator))) * size**k
            least -= abs(arb(c)) * size**k if k else 0
        if not least > 0:
            return float("inf")
        return float((error / least).upper())


def _has_pi(found: Model) -> bool:
    return found.pi != 0


def series_term(pool: Pool, found: Model, terms: int, leaf: Term, *, inverse: bool = False) -> Term:
    """The series as a term, in Horner's form, in v*v where only even powers occur; with v = 1/leaf, it is divided by the leaf."""
    times, over = ("div", "mul") if inverse else ("mul", "div")
    pi = pool.leaf("constant", "pi")
    variable = leaf if not _has_pi(found) else pool.make("div", leaf, pi) if inverse else pool.make("mul", pi, leaf)
    kept = [written_coefficient(c) for c in found.coefficients[:terms]]
    step = 2 if not any(kept[1::2]) else 1
    power = pool.make("mul", variable, variable) if step == 2 else variable
    value: Term | None = None
    for c in reversed(kept[::step]):
        number = _number(pool, c)
        value = number if value is None else pool.make("add", number, pool.make(times, *((value, power) if inverse else (power, value))))
    assert value is not None
    for _ in range(abs(found.valuation)):
        value = pool.make(times if found.valuation > 0 else over, value, variable)
    for _ in range(abs(found.pi)):
        value = pool.make("mul" if found.pi > 0 else "div", value, pi)
    return value


def _number(pool: Pool, c: Fraction) -> Term:
    if abs(c.numerator) <= LARGEST_QUOTIENT and c.denominator <= LARGEST_QUOTIENT:
        return pool.make("div", pool.number(c.numerator), pool.number(c.denominator))
    text = repr(float(c))
    return pool.leaf("number", text) if c > 0 else pool.make("neg", pool.leaf("number", text.lstrip("-")))


__all__ = ["LARGEST_ULPS", "CertifiedSeries", "Model", "certified", "certified_at_infinity", "model", "of_inverse", "relative_error", "series_term", "ulps"]
