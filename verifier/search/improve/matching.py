"""Applies the rules: what one step makes of a term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.search.improve.lowest_terms import in_lowest_terms
from verifier.search.improve.rules import RewriteRule
from verifier.search.improve.terms import COMMUTING, Pool, Term, value_of

VARIABLES = ("a", "b", "c", "d")
SIGNS = ("add", "sub", "neg")
Binding = Mapping[Term, Term]


class Rewriting(NamedTuple):
    """What a rule makes of a term: a part of it, what stands in its place, and the term with that."""

    part: Term
    other: Term
    whole: Term


@dataclass
class Rewriter:
    """The rules over the terms of a pool, and what they make of each term that was met."""

    pool: Pool
    rules: Sequence[RewriteRule]
    with_quotients: bool = True  # beside the rules, sums and quotients are written in lowest terms
    known: dict[Term, list[Term]] = field(default_factory=dict)
    by_gate: dict[str, list[tuple[Term, Term]]] = field(default_factory=dict)
    met: dict[Term, list[Rewriting]] = field(default_factory=dict)  # terms whose neighbours are known

    def __post_init__(self) -> None:
        for rule in () if self.by_gate else self.rules:  # otherwise they are read already
            left, right = pattern(self.pool, rule.left), pattern(self.pool, rule.right)
            self.by_gate.setdefault(left.op, []).append((left, right))

    def copied(self) -> Rewriter:
        """The same rules, read once, over a pool of its own."""
        return Rewriter(Pool(dict(self.pool.known), dict(self.pool.made)), self.rules, self.with_quotients, by_gate=self.by_gate)

    def at(self, term: Term) -> list[Term]:
        """What the rules make of a term as a whole."""
        if term not in self.known:
            found: dict[Term, None] = {}
            for left, right in self.by_gate.get(term.op, ()):
                for binding in matches(left, term, {}):
                    made = self.pool.replaced(right, binding)
                    found.update(dict.fromkeys((made, cancelled(self.pool, made))))
            if self.with_quotients:
                found.update(dict.fromkeys(in_lowest_terms(self.pool, term)))
            found.pop(term, None)
            self.known[term] = list(found)
        return self.known[term]

    def changes(self, term: Term) -> Iterator[Rewriting]:
        """What one rule makes of a term at any place; equal parts change together."""
        if term in self.met:
            yield from self.met[term]
            return
        found = []
        for part in term.parts:
            for other in self.at(part):
                found.append(Rewriting(part, other, self.pool.replaced(term, {part: other})))
                yield found[-1]
        self.met[term] = found


def pattern(pool: Pool, text: str) -> Term:
    """A side of a rule: its letters stand for any term."""
    return pool.replaced(pool.read(text), {pool.leaf("name", v): pool.leaf("variable", v) for v in VARIABLES})


def cancelled(pool: Pool, term: Term) -> Term:
    """A term without terms of sums and factors of quotients that cancel."""
    found: dict[Term, Term] = {}  # of the parts that become others
    for part in term.parts:
        now = part
        for a in part.args:
            if a in found:
                now = pool.make(part.op, *[found.get(b, b) for b in part.args])
                break
        if now.op in SIGNS and not any(a.op == "number" for a in now.args):
            terms = _signed(now)
            kept = [(sign, t) for sign, t in terms if (-sign, t) not in terms]
            if len(kept) < len(terms):
                now = _sum(pool, kept)
        if now is not part:
            found[part] = now
    return found.get(term, term)


def _signed(term: Term) -> list[tuple[int, Term]]:
    """The terms of a sum, with their signs."""
    if term.op in SIGNS and term.args:
        first, *rest = (_signed(a) for a in term.args)
        if term.op == "neg":
            return [(-sign, t) for sign, t in first]
        return first + [(sign if term.op == "add" else -sign, t) for sign, t in rest[0]]
    return [(1, term)]


def _sum(pool: Pool, terms: Sequence[tuple[int, Term]]) -> Term:
    found = pool.number(0)
    for sign, t in sorted(terms, key=lambda pair: -pair[0]):
        found = pool.make("add" if sign > 0 else "sub", found, t)
    return found


def matches(left: Term, term: Term, binding: Binding) -> Iterator[Binding]:
    """The ways in which a pattern is a term: what each letter stands for."""
    if left.op == "variable":
        if left not in binding:
            yield {**binding, left: term}
        elif binding[left] is term:
            yield binding
    elif left.op == "number":
        if term.op == "number" and value_of(left) == value_of(term):
            yield binding
    elif left.op == term.op and left.text == term.text:
        if not left.args:
            yield binding
        elif len(left.args) == 1:
            yield from matches(left.args[0], term.args[0], binding)
        else:
            yield from _operands(left.args, term.args, binding)
            if left.op in COMMUTING and term.args[0] is not term.args[1]:
                yield from _operands(left.args, term.args[::-1], binding)


def _operands(left: tuple[Term, ...], args: tuple[Term, ...], binding: Binding) -> Iterator[Binding]:
    if not left:
        yield binding
        return
    for found in matches(left[0], args[0], binding):
        yield from _operands(left[1:], args[1:], found)
