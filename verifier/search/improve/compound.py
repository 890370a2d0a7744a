"""Series in a product or a quotient of several inputs, or in the relative distance of two, where the formula is one factor in it alone and a rest: `log(x)**2*g(u)` for u = p*log(x), the gradient of Box and Cox's transform.

Near u = 0 the factor g has the series of a formula of one name, with its certified remainder; what is left is proved to be the formula by the prover, as any other line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations

from verifier.language.formats import Format
from verifier.search.improve.lowest_terms import rational_inside, rational_outside
from verifier.search.improve.taylor import certified, model, ulps
from verifier.search.improve.terms import Pool, Term, is_within, text_of, value_of

SUMS = ("add", "sub")  # what cancels
MOST_COMPOUNDS = 6  # products and quotients that are tried


@dataclass(frozen=True)
class SplitFormula:
    """A formula as a factor in one name, `name`, that stands for a quantity, and the rest."""

    name: Term
    quantity: Term
    factor: Term
    rest: Term

    def whole(self, pool: Pool, factor: Term) -> Term:
        """The formula, with some term in the place of the factor."""
        return pool.replaced(pool.make("mul", self.rest, factor), {self.name: self.quantity})


@dataclass(frozen=True)
class CompoundSeries:
    """A split formula with a series, a term in its name, for the factor: up to which size of the quantity, and within how many ulps, it is certified."""

    split: SplitFormula
    series: Term
    largest: float
    within: float

    def term(self, pool: Pool) -> Term:
        """The formula with the series."""
        return self.split.whole(pool, self.series)

    def equal(self, pool: Pool) -> Term:
        """The formula with the factor itself: what must be proved."""
        return self.split.whole(pool, self.split.factor)

    def condition(self, pool: Pool) -> Term:
        """That the quantity is where the series is certified."""
        return is_within(pool, self.split.quantity, self.largest)

    @property
    def certificate(self) -> str:
        """Where it is certified, in words."""
        return f"abs({text_of(self.split.quantity, {})}) < {self.largest!r}, by Taylor's series at 0"


def splits(pool: Pool, term: Term, inputs: Sequence[Term]) -> Iterator[SplitFormula]:
    """The ways in which a formula of several inputs is a factor in a product or quotient of theirs, and a rest."""
    written = _with_exponentials(pool, term)
    name = pool.leaf("name", "the quantity")
    seen: set[Term] = set()
    for quantity, one, solution in _quantities(pool, written, inputs, name):
        if quantity in seen:
            continue
        factors = list(_factors(pool, rational_inside(pool, pool.replaced(written, {one: solution}))))
        alone = [f for f in factors if name in f[1].parts and not any(i in f[1].parts for i in inputs)]
        if any(is_above and f.op in SUMS for is_above, f in alone) and one not in {i for _, f in factors for i in f.parts}:
            seen.add(quantity)
            rest = pool.replaced(_product(pool, [f for f in factors if f not in alone]), {name: quantity})
            yield SplitFormula(name, _with_log1p(pool, quantity), _product(pool, alone), _with_log1p(pool, rational_outside(pool, rest)))


def _quantities(pool: Pool, written: Term, inputs: Sequence[Term], name: Term) -> Iterator[tuple[Term, Term, Term]]:
    """Quantities of several inputs in which a formula may be a series, each with an input and what that is by the name of the quantity: products and quotients, and the relative distance of two inputs."""
    for quantity in islice((p for p in written.parts if p.op in ("mul", "div") and sum(i in p.parts for i in inputs) > 1), MOST_COMPOUNDS):
        for one in (i for i in inputs if i in quantity.parts):
            solution = _solved(pool, quantity, one, name)
            if solution is not None:
                yield quantity, one, solution
    for one, other in islice(((a, b) for a, b in permutations(inputs, 2) if pool.make("sub", a, b) in written.parts or pool.make("div", a, b) in written.parts), MOST_COMPOUNDS):
        yield pool.make("div", pool.make("sub", one, other), other), one, pool.make("mul", other, pool.make("add", pool.number(1), name))


def series_of(pool: Pool, split: SplitFormula, fmt: Format) -> Iterator[CompoundSeries]:
    """The series of the factor at 0, of every length for which it is certified."""
    for s in certified(pool, split.factor, split.name, fmt):
        found = model(split.factor, split.name, s.largest)
        if found is not None:
            yield CompoundSeries(split, s.term, s.largest, ulps(found, s.count, s.largest, fmt))


def _with_exponentials(pool: Pool, term: Term) -> Term:
    """A formula with exponentials in the place of powers whose exponent is no number, logarithms of sums for log1p, and of quotients for differences of logarithms."""
    found: dict[Term, Term] = {}
    for part in term.parts:
        args = [found[a] for a in part.args]
        if part.op == "pow" and value_of(args[1]) is None:
            found[part] = pool.make("exp", pool.make("mul", args[1], pool.make("log", args[0])))
        elif part.op in ("log1p", "expm1"):
            inner = pool.make("log", pool.make("add", pool.number(1), args[0])) if part.op == "log1p" else pool.make("sub", pool.make("exp", args[0]), pool.number(1))
            found[part] = inner
        elif part.op == "sub" and all(a.op == "log" for a in args):
            found[part] = pool.make("log", pool.make("div", *(a.args[0] for a in args)))
        else:
            found[part] = pool.make(part.op, *args) if args else part
    return found[term]


def _with_log1p(pool: Pool, term: Term) -> Term:
    """A formula with log1p again: it loses nothing near 1."""
    one = pool.number(1)
    sums = [p for p in term.parts if p.op == "log" and p.args[0].op == "add" and one in p.args[0].args]
    return pool.replaced(term, {p: pool.make("log1p", next(a for a in p.args[0].args if a is not one)) for p in sums})


def _solved(pool: Pool, quantity: Term, one: Term, name: Term) -> Term | None:
    """An input, from the name of a quantity that is proportional to it or to its reciprocal; None where it is neither."""
    for op, other in (("div", "mul"), ("mul", "div")):
        rest = rational_inside(pool, pool.make(op, quantity, one))
        if one not in rest.parts:
            return pool.make("div", name, rest) if other == "mul" else pool.make("div", rest, name)
    return None


def _factors(pool: Pool, term: Term, *, above: bool = True) -> Iterator[tuple[bool, Term]]:
    """The factors of a product or quotient, and whether each stands above."""
    if term.op == "neg":
        yield above, pool.number(-1)
        yield from _factors(pool, term.args[0], above=above)
    elif term.op in ("mul", "div"):
        yield from _factors(pool, term.args[0], above=above)
        yield from _factors(pool, term.args[1], above=above is (term.op == "mul"))
    else:
        yield above, term


def _product(pool: Pool, factors: Sequence[tuple[bool, Term]]) -> Term:
    """A product of factors, divided by those that do not stand above."""
    above, below = pool.number(1), pool.number(1)
    for is_above, f in factors:
        above, below = (pool.make("mul", above, f), below) if is_above else (above, pool.make("mul", below, f))
    return pool.make("div", above, below)
