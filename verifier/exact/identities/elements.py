"""Elements of the field in which identities are proved: fractions of integer polynomials over generators.

A generator is an input, a constant, or a kernel: a transcendental or algebraic function of earlier elements, such as
exp(x*y/2), log|1 + x| or the square root of 2. Equal functions get the same element as far as the rules of
`exponentials` and `special` reach; elements that are equal are equal functions, always.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import comb, gcd
from typing import Any, NamedTuple

from flint import fmpz, fmpz_mpoly_ctx

MAX_TERMS = 3000  # of a numerator or denominator
MAX_FACTORED = 400  # terms of a polynomial that is to be factored
MAX_PRIME_BITS = 96  # of an integer that is to be factored
MAX_EXPONENT = 64  # of a power of a sum
FEW_TERMS = 6  # an argument of exp or sin with more terms than this is one kernel, not one for each term
FIRST_SPARE = 8  # generators set aside for kernels; doubled when they are used up
MAX_GENERATORS = 96
STEPS = frozenset(("floor",))  # kernels that are constant on intervals
WORK = 2_000_000  # about two seconds: a unit is the time of a few products of coefficients


class GiveUp(Exception):
    """Nothing is proved: the expression is too large, or there is no rule for it."""


class NoRealValue(Exception):
    """A step that has no real value in the branch under consideration."""


class Restart(Exception):
    """A kernel needs a finer unit (exp(x/2) beside exp(x)), or there must be room for more generators: the run starts again."""


Polynomial = Any  # flint.fmpz_mpoly


class SignNeeded(Exception):
    """The sign of a polynomial is needed: try both."""

    def __init__(self, atom: Any) -> None:
        super().__init__(str(atom))
        self.atom = atom


class Infinity(NamedTuple):
    """Plus or minus infinity: no real number, but it can be compared, and `min(x, inf)` is x."""

    sign: int


class Element(NamedTuple):
    """A reduced fraction; the leading coefficient of the denominator is positive."""

    num: Polynomial
    den: Polynomial


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a generator stands for.

    `kind` is input, constant, exp: exp(scale * arg), log: log|arg|, root: arg ** (1 / scale) with arg > 0,
    tan: tan(scale * arg / 2), or a gate of its arguments.
    """

    kind: str
    args: tuple[Element, ...] = ()
    scale: Fraction = Fraction(1)
    text: str = ""
    constant: bool = False
    stepped: bool = False  # a step function, or a function of one: it may be constant, and zero, on intervals


@dataclass
class Plan:
    """What is not forgotten at a restart: the units of the kernels, the number of generators, the work that may still be done."""

    spare: int = FIRST_SPARE
    work: int = WORK
    units: dict[tuple[str, str], Fraction] = field(default_factory=dict)

    def spend(self, amount: int) -> None:
        """Count work. Raises GiveUp when there is none left: a counter and no clock, so that results repeat."""
        self.work -= amount
        if self.work < 0:
            raise GiveUp("too much work")

    def multiple(self, kind: str, key: str, coefficient: Fraction, *, first: Fraction | None = None) -> tuple[int, Fraction]:
        """(k, unit) with coefficient = k * unit. Raises Restart when the unit had to become finer."""
        unit = self.units.get((kind, key), first)
        if unit is None:
            unit = self.units[kind, key] = abs(coefficient)
        quotient = coefficient / unit
        if quotient.denominator == 1:
            self.units[kind, key] = unit
            return quotient.numerator, unit
        a, b = unit, abs(coefficient)
        self.units[kind, key] = Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
        raise Restart


class Field:
    """The generators met so far, the signs assumed in the present branch, and the arithmetic of fractions."""

    def __init__(self, inputs: tuple[str, ...], plan: Plan) -> None:
        size = len(inputs) + plan.spare
        if size > MAX_GENERATORS:
            raise GiveUp("too many kernels")
        self.plan = plan
        self.inputs = inputs
        self.context = fmpz_mpoly_ctx.get([f"g{i}" for i in range(size)], "degrevlex")
        self.generators = self.context.gens()
        self.kernels = [Kernel("input", text=name) for name in inputs]
        self.known: dict[tuple[Any, ...], int] = {}
        self.roots: list[int] = []
        self.assumptions: dict[str, tuple[Polynomial, int]] = {}  # polynomial as text -> (polynomial, sign)
        self.conditions: dict[str, None] = {}  # under which what was computed holds, in words
        self.gaps: dict[str, None] = {}  # branches that a claim excepts, in words
        self.borders: dict[str, None] = {}  # where a sign or a step changes, in words: isolated, and not looked at
        self.other_borders: dict[str, None] = {}  # likewise, of the other side of an identity
        self.rarely_zero: dict[str, bool] = {}  # polynomial as text -> whether it certainly vanishes on no open set
        self.one_poly = self.context.constant(1)
        self.zero = Element(self.context.constant(0), self.one_poly)
        self.one = Element(self.one_poly, self.one_poly)
        self._factored: dict[str, tuple[int, list[tuple[Polynomial, int]]]] = {}

    def turn(self) -> None:
        """Go from one side of an identity to the other."""
        self.borders, self.other_borders = self.other_borders, self.borders

    # ---------------------------------------------------------------- making elements

    def fraction(self, num: Polynomial, den: Polynomial) -> Element:
        """num / den, reduced. Raises NoRealValue where den is zero."""
        if self.roots:
            self.plan.spend((len(num) + len(den)) * (2 + len(self.roots)))
            num, den = self._reduced(num), self._reduced(den)
        if den.is_zero():
            raise NoRealValue("division by zero")
        if num.is_zero():
            return self.zero
        if len(num) > MAX_TERMS or len(den) > MAX_TERMS:
            raise GiveUp("too many terms")
        if not den.is_one():
            self.plan.spend(30 + 8 * (len(num) + len(den)) + len(num) * len(den) // 4)
            common = num.gcd(den)
            if not common.is_one():
                num, den = num / common, den / common
            if den.leading_coefficient() < 0:
                num, den = -num, -den
            factor = self._root_in(den) if self.roots and not den.is_constant() else None
            if factor is not None:
                return self.fraction(num * factor, den * factor)
        return Element(num, den)

    def _root_in(self, den: Polynomial) -> Polynomial:
        """The factor by which a fraction is expanded so that a root leaves its denominator: 1/sqrt(2) is sqrt(2)/2."""
        for i in reversed(self.roots):
            if not den.degrees()[i]:
                continue
            power = min(int(m[i]) for m in den.monoms())
            if power:
                return self.generators[i] ** (int(self.kernels[i].scale) - power)
        return None

    def _reduced(self, p: Polynomial) -> Polynomial:
        """A polynomial with every root raised to less than its degree: rho**q is its radicand."""
        for i in reversed(self.roots):
            q = int(self.kernels[i].scale)
            if int(p.degrees()[i]) < q:
                continue
            groups: dict[int, dict[tuple[int, ...], Polynomial]] = {}
            for monomial, coefficient in zip(p.monoms(), p.coeffs(), strict=True):
                k, rest = divmod(int(monomial[i]), q)
                groups.setdefault(k, {})[*monomial[:i], rest, *monomial[i + 1 :]] = coefficient
            radicand = self.kernels[i].args[0].num
            total = self.context.constant(0)
            for k, terms in groups.items():
                self.plan.spend(len(terms) * max(1, len(radicand)) ** min(k, 8))
                total += self.context.from_dict(terms) * self._poly_power(radicand, k)
            p = total
        return p

    def number(self, value: Fraction | int) -> Element:
        """A rational number."""
        return Element(self.context.constant(value.numerator), self.context.constant(value.denominator))

    def polynomial(self, p: Polynomial) -> Element:
        """A polynomial as an element."""
        return Element(p, self.one_poly)

    def generator(self, i: int) -> Element:
        """A generator as an element."""
        return Element(self.generators[i], self.one_poly)

    def kernel(self, kind: str, *args: Element, scale: Fraction = Fraction(1), text: str = "") -> Element:
        """The generator of a kernel; a new one where it was not met before. Raises Restart when there is no room."""
        key = (kind, text, scale, *(str(p) for a in args for p in a))
        at = self.known.get(key)
        if at is None:
            at = len(self.kernels)
            if at >= len(self.generators):
                self.plan.spare *= 2
                raise Restart
            self.known[key] = at
            is_stepped = kind in STEPS or any(self.kernels[i].stepped for a in args for p in a for i in self.used(p))
            self.kernels.append(Kernel(kind, args, scale, text, all(self.is_constant(a) for a in args), is_stepped))
            if kind == "root":
                self.roots.append(at)
        return self.generator(at)

    # ---------------------------------------------------------------- arithmetic

    def _times(self, p: Polynomial, q: Polynomial) -> Polynomial:
        size = len(p) * len(q)
        if size > 40 * MAX_TERMS:
            raise GiveUp("too many terms")
        self.plan.spend(5 + size // 8)
        return p * q

    def _poly_power(self, p: Polynomial, n: int) -> Polynomial:
        if len(p) > 1:
            if n > MAX_EXPONENT or comb(n + len(p) - 1, n) > MAX_TERMS:
                raise GiveUp("a large power of a sum")
            self.plan.spend(comb(n + len(p) - 1, n))
        elif n > MAX_EXPONENT**2 or p.leading_coefficient().bit_length() * n > 1 << 16:
            raise GiveUp("a large power")
        return p**n

    def add(self, a: Element, b: Element) -> Element:
        """a + b."""
        if a.den == b.den:
            return self.fraction(a.num + b.num, a.den)
        self.plan.spend(len(a.den) * len(b.den) // 4)
        common = a.den.gcd(b.den)
        left, right = b.den / common, a.den / common
        return self.fraction(self._times(a.num, left) + self._times(b.num, right), self._times(a.den, left))

    def neg(self, a: Element) -> Element:
        """-a."""
        return Element(-a.num, a.den)

    def sub(self, a: Element, b: Element) -> Element:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Element, b: Element) -> Element:
        """a * b."""
        return self.fraction(self._times(a.num, b.num), self._times(a.den, b.den))

    def div(self, a: Element, b: Element) -> Element:
        """a / b. Raises NoRealValue where b is zero."""
        return self.fraction(self._times(a.num, b.den), self._times(a.den, b.num))

    def scaled(self, a: Element, factor: Fraction | int) -> Element:
        """a times a rational number."""
        return self.fraction(a.num * factor.numerator, a.den * factor.denominator)

    def power(self, a: Element, n: int) -> Element:
        """a ** n for an integer n."""
        if n == 0:
            return self.one
        num, den = self._poly_power(a.num, abs(n)), self._poly_power(a.den, abs(n))
        return self.fraction(num, den) if n > 0 else self.fraction(den, num)

    # ---------------------------------------------------------------- taking elements apart

    def rational(self, a: Element) -> Fraction | None:
        """The rational number that an element is, or None."""
        if a.num.is_zero():
            return Fraction(0)
        if not (a.num.is_constant() and a.den.is_constant()):
            return None
        return Fraction(int(a.num.leading_coefficient()), int(a.den.leading_coefficient()))

    def is_constant(self, a: Element) -> bool:
        """Whether no input occurs in an element."""
        return all(self.kernels[i].constant for p in a for i in self.used(p))

    def used(self, p: Polynomial) -> list[int]:
        """The generators that occur in a polynomial."""
        return [i for i, d in enumerate(p.degrees()[: len(self.kernels)]) if d > 0]

    def single(self, a: Element) -> int | None:
        """The generator that an element is, or None."""
        if len(a.num) != 1 or not a.den.is_one() or a.num.leading_coefficient() != 1 or a.num.total_degree() != 1:
            return None
        return self.used(a.num)[0]

    def terms(self, a: Element) -> list[tuple[Fraction, Element]]:
        """An element as a sum of rational numbers times keys: primitive, with positive leading coefficients."""
        if a.num.is_zero():
            return []
        below = a.den.content()
        den = a.den / below
        if len(a.num) > FEW_TERMS:
            above = a.num.content() * (1 if a.num.leading_coefficient() > 0 else -1)
            return [(Fraction(int(above), int(below)), Element(a.num / above, den))]
        return [
            (Fraction(int(c), int(below)), self.fraction(self.context.from_dict({tuple(m): 1}), den))
            for m, c in zip(a.num.monoms(), a.num.coeffs(), strict=True)
        ]

    def factors(self, a: Element) -> tuple[Fraction, list[tuple[Polynomial, int]]]:
        """A nonzero element as a rational content and powers of irreducible polynomials with positive leading coefficients."""
        above, top = self._factor(a.num)
        below, bottom = self._factor(a.den)
        return Fraction(above, below), [*top, *((p, -e) for p, e in bottom)]

    def _factor(self, p: Polynomial) -> tuple[int, list[tuple[Polynomial, int]]]:
        key = str(p)
        if key not in self._factored:
            if len(p) > MAX_FACTORED:
                raise GiveUp("too many terms to factor")
            self.plan.spend(400 + len(p) * len(p))
            try:
                content, found = p.factor()
            except OverflowError:  # python-flint 0.9 cannot order factors that differ in coefficients beyond a C int
                raise GiveUp("large coefficients to factor") from None
            content, factors = int(content), []
            for q, e in found:
                if q.leading_coefficient() < 0:
                    q, content = -q, content * (-1) ** int(e)  # noqa: PLW2901
                factors.append((q, int(e)))
            self._factored[key] = content, sorted(factors, key=lambda f: str(f[0]))
        return self._factored[key]


def primes(n: int) -> list[tuple[int, int]]:
    """The prime factors of a positive integer with their exponents. Raises GiveUp for a large one."""
    if n.bit_length() > MAX_PRIME_BITS:
        raise GiveUp("a large integer")
    return [(int(p), int(e)) for p, e in fmpz(n).factor()] if n > 1 else []
