"""Writes a term as one quotient in lowest terms, factored: what is the same above and below has gone, and what cancels in a sum has cancelled exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, islice, permutations
from typing import Any

from flint import fmpq, fmpq_mpoly_ctx

from verifier.search.improve.terms import Pool, Term, value_of

ROOTS = ("sqrt", "hypot")
ARITHMETIC = ("add", "sub", "mul", "div", "neg")
MOST_ATOMS = 6  # parts that are no sums, products or quotients
MOST_PARTS = 40  # of a term that is looked at
MOST_MONOMIALS = 24  # of a polynomial
MOST_EXPONENT = 12
SMALL = 1000  # a denominator that is written, where a decimal would do
MOST_GROUPINGS = 3  # of a polynomial
DIGITS = 20  # of a decimal that is written for a number


class _TooLarge(Exception):
    """The polynomials are longer than what is worth a try."""


@dataclass
class _Quotients:
    """The atoms of a term as the generators of a field of rational functions."""

    pool: Pool
    atoms: list[Term]
    context: Any
    known: dict[Term, tuple[Any, Any]]
    squares: dict[Term, tuple[Any, Any]] = field(default_factory=dict)  # of atoms that are roots, where they are reduced

    def generator(self, atom: Term) -> Any:
        """The polynomial of an atom."""
        return self.context.gen(self.atoms.index(atom))

    def of(self, term: Term) -> tuple[Any, Any]:
        """Numerator and denominator of a term."""
        for part in term.parts:
            if part not in self.known and (not part.args or part.op in ARITHMETIC or part in self.atoms or part.op == "exp"):
                made = self._made(part)
                if made is not None:
                    self.known[part] = made
        return self.known[term]

    def _made(self, term: Term) -> tuple[Any, Any] | None:
        one = self.context.constant(1)
        value = value_of(term)
        if value is not None:
            return self.context.constant(fmpq(value.numerator, value.denominator)), one
        if term in self.atoms:
            return self.generator(term), one
        if term.op == "exp":
            scale, base = exponent(term)
            single = self.pool.make("exp", base)
            if single not in self.atoms:
                return None  # it stands inside another atom
            power = self.generator(single) ** abs(scale)
            return (power, one) if scale > 0 else (one, power)
        if term.op not in ARITHMETIC or not all(a in self.known for a in term.args):
            return None
        n, d = self.known[term.args[0]]
        if term.op == "neg":
            return -n, d
        m, e = self.known[term.args[1]]
        if term.op == "mul":
            return self._lowest(n * m, d * e)
        if term.op == "div":
            return self._lowest(n * e, d * m)
        return self._lowest(n * e + m * d if term.op == "add" else n * e - m * d, d * e)

    def _lowest(self, n: Any, d: Any) -> tuple[Any, Any]:
        n, d = self._without_squares(n), self._without_squares(d)
        if not d or len(n) > MOST_MONOMIALS or len(d) > MOST_MONOMIALS or n.total_degree() > MOST_EXPONENT or d.total_degree() > MOST_EXPONENT:
            raise _TooLarge
        common = n.gcd(d)
        return n // common, d // common

    def _without_squares(self, p: Any) -> Any:
        """A polynomial in which every root occurs once at most: sqrt(u)**2 is u."""
        for i, atom in enumerate(self.atoms):
            if atom not in self.squares:
                continue
            above, below = self.squares[atom]
            if not below.is_constant() or all(m[i] < 2 for m in p.monoms()):
                continue
            square = above * (1 / below.coeffs()[0])
            found = self.context.constant(0)
            for m, c in p.terms():
                rest = self.context.from_dict({tuple(int(e) % 2 if k == i else int(e) for k, e in enumerate(m)): c})
                found += rest * square ** (int(m[i]) // 2)
            p = found
        return p


def exponent(term: Term) -> tuple[int, Term]:
    """The argument of an exponential as a whole number times a term."""
    inside, sign = term.args[0], 1
    if inside.op == "neg":
        inside, sign = inside.args[0], -1
    if inside.op == "mul" and (value := value_of(inside.args[0])) is not None and value.denominator == 1:
        return sign * int(value), inside.args[1]
    return sign, inside


def _atoms(pool: Pool, term: Term) -> list[Term] | None:
    """The parts of a term that are no sums, products, quotients or numbers, and are not inside one but a root."""
    found: dict[Term, None] = {}
    pending = [term]
    while pending:
        t = pending.pop()
        if t.op in ARITHMETIC:
            pending += t.args
        elif t.op == "exp":
            found[pool.make("exp", exponent(t)[1])] = None
        elif t.op != "number" and t not in found:
            found[t] = None
            if t.op in ROOTS:
                pending += t.args
        if len(found) > MOST_ATOMS:
            return None
    return list(found)


def in_lowest_terms(pool: Pool, term: Term) -> list[Term]:
    """A term as quotients in lowest terms: factored above and below, and with a sum above; none where it is too large, or is no quotient.

    With roots there are several: sqrt(u)**2 is u; or roots are numbers of their own; or a name in u is written with the root, as a is (b*b - s*s)/c for s = sqrt(b*b - a*c).
    """
    if term.op not in ("add", "sub", "div") or len(term.parts) > MOST_PARTS:
        return []
    atoms = _atoms(pool, term)
    if not atoms:
        return []
    context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(len(atoms))], "degrevlex")
    roots = _Quotients(pool, atoms, context, {})
    try:
        for atom in atoms:  # what is under a root first
            if atom.op in ROOTS and all(p.op in (*ARITHMETIC, "number") or p in atoms for a in atom.args for p in a.parts):
                roots.squares[atom] = _square(roots, atom)
    except (_TooLarge, KeyError):
        return []
    fields = [roots]
    if roots.squares:
        fields += [_Quotients(pool, atoms, context, {}), *(_Quotients(pool, atoms, context, {name: value}) for name, value in _by_roots(roots))]
    found: dict[Term, None] = {}
    for quotients in fields:
        found.update(dict.fromkeys(_lowest_of(quotients, term)))
    return list(found)


def _square(roots: _Quotients, atom: Term) -> tuple[Any, Any]:
    """The square of a root."""
    if atom.op == "sqrt":
        return roots.of(atom.args[0])
    a, b = (roots.pool.make("mul", t, t) for t in atom.args)
    return roots.of(roots.pool.make("add", a, b))


def rational_inside(pool: Pool, term: Term) -> Term:
    """A term with every sum, product and quotient in it in lowest terms, the innermost first."""
    found: dict[Term, Term] = {}
    for part in term.parts:
        now = pool.make(part.op, *(found[a] for a in part.args)) if part.args else part
        atoms = _atoms(pool, now) if now.op in ARITHMETIC and len(now.parts) <= MOST_PARTS else None
        if atoms:
            context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(len(atoms))], "degrevlex")
            now = next(iter(_lowest_of(_Quotients(pool, atoms, context, {}), now)), now)
        found[part] = now
    return found[term]


def rational_outside(pool: Pool, term: Term) -> Term:
    """A product or quotient with the arguments of its exponentials in lowest terms, and nothing else changed: not what is inside other functions."""
    if term.op in ARITHMETIC:
        return pool.make(term.op, *(rational_outside(pool, a) for a in term.args))
    atoms = _atoms(pool, term.args[0]) if term.op == "exp" else None
    if not atoms:
        return term
    context = fmpq_mpoly_ctx.get([f"g{i}" for i in range(len(atoms))], "degrevlex")
    return pool.make("exp", next(iter(_lowest_of(_Quotients(pool, atoms, context, {}), term.args[0])), term.args[0]))


def _by_roots(roots: _Quotients) -> Iterator[tuple[Term, tuple[Any, Any]]]:
    """The atoms that are linear under a root, as quotients with that root in them."""
    for atom, (above, below) in roots.squares.items():
        for i, name in enumerate(roots.atoms):
            slope = above.derivative(i)
            if name.op == "name" and slope != 0 and slope.derivative(i) == 0:
                n, d = roots.generator(atom) ** 2 * below - (above - slope * roots.generator(name)), slope
                common = n.gcd(d)
                yield name, (n // common, d // common)


def _lowest_of(quotients: _Quotients, term: Term) -> list[Term]:
    """A term in lowest terms in one field."""
    try:
        n, d = quotients.of(term)
    except (_TooLarge, KeyError):
        return []
    if n == 0:
        return []
    found: list[Term] = []
    (above, tops), (below, bottoms) = n.factor(), d.factor()
    number = above / below
    if int(number.q) > SMALL and _is_decimal(number):
        found = [quotients.pool.make("div", _product(quotients, number, tops), _product(quotients, fmpq(1), bottoms))]
    bottom = _product(quotients, fmpq(number.q), bottoms)
    if not found:
        found = [quotients.pool.make("div", _product(quotients, fmpq(number.p), tops), bottom)]
    if len(n) <= MOST_MONOMIALS // 2:
        whole = n * (1 / below)
        if all(_is_decimal(c) for c in whole.coeffs()):
            found.append(quotients.pool.make("div", _sum_of(quotients, whole), _product(quotients, fmpq(1), bottoms)))
        else:
            found.append(quotients.pool.make("div", _sum_of(quotients, n * (fmpq(number.p) / above)), bottom))
    for product, rest in islice(_groupings(quotients, n * (1 / below)), MOST_GROUPINGS):
        first, (factor, others) = _product(quotients, fmpq(1), [(sums, 1) for sums in product]), rest.factor()
        found.append(quotients.pool.make("div", quotients.pool.make("add", first, _product(quotients, factor, others)), _product(quotients, fmpq(1), bottoms)))
    return found


def _groupings(quotients: _Quotients, p: Any) -> Iterator[tuple[tuple[Any, Any], Any]]:
    """The ways in which four products of two atoms in a polynomial are a product of two sums, (a + b)*(c + d), and what is left, which is more than nothing."""
    products = {tuple(i for i, e in enumerate(m) if e): c for m, c in p.terms() if sorted(int(e) for e in m)[-2:] == [1, 1] and sum(int(e) for e in m) == 2}
    gens = [quotients.generator(a) for a in quotients.atoms]
    for one, other in combinations(products, 2):
        for b, d in permutations(other):
            a, c = one
            ad, bc = (products.get((min(pair), max(pair))) for pair in ((a, d), (b, c)))
            if len({a, b, c, d}) == 4 and ad is not None and bc is not None and products[one] * products[other] == ad * bc and a < min(b, c):
                sums = gens[a] + gens[b] * (bc / products[one]), gens[c] * products[one] + gens[d] * ad
                rest = p - sums[0] * sums[1]
                if rest != 0:
                    yield sums, rest


def _is_decimal(c: Any) -> bool:
    """Whether a number is a decimal with few digits."""
    return bool(10**DIGITS % int(c.q) == 0 and abs(int(c.p)) < 10**DIGITS)


def _product(quotients: _Quotients, number: Any, factors: Iterable[tuple[Any, int]]) -> Term:
    """A number times powers of polynomials."""
    pool = quotients.pool
    found = _rational(pool, number)
    for factor, multiplicity in factors:
        term = _sum_of(quotients, factor)
        for _ in range(int(multiplicity)):
            found = pool.make("mul", found, term)
    return found


def _sum_of(quotients: _Quotients, p: Any) -> Term:
    """A polynomial as the sum of its monomials, the positive ones first."""
    pool = quotients.pool
    terms = []
    for m, c in p.terms():
        found = _rational(pool, abs(c))
        for atom, e in zip(quotients.atoms, m, strict=True):
            for _ in range(int(e)):
                found = pool.make("mul", found, atom)
        terms.append((c > 0, found))
    result = pool.number(0)
    for positive, t in sorted(terms, key=lambda pair: not pair[0]):
        result = pool.make("add" if positive else "sub", result, t)
    return result


def _rational(pool: Pool, c: Any) -> Term:
    if c.q == 1:
        return pool.number(int(c.p))
    value = Fraction(int(c.p), int(c.q))
    if value.denominator > 1 and _is_decimal(c):
        return pool.leaf("number", format(Decimal(value.numerator) / Decimal(value.denominator), "f"))
    return pool.make("div", pool.number(value.numerator), pool.number(value.denominator))
