"""Formulas as terms: every term stands once in its Pool, so equal formulas are one object, and what is known of a part is known wherever it occurs."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from verifier.language.gates import GATES, applied
from verifier.language.numeral import exact
from verifier.language.trees import Node, parse_expression

LEAVES = ("name", "number", "constant")
COMMUTING = ("add", "mul")
COMPARE = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
VALUES = {  # of functions at 0 and at 1, where these are whole
    0: {**dict.fromkeys(("sin", "tan", "sinh", "tanh", "asin", "atan", "asinh", "atanh", "expm1", "log1p", "erf", "sqrt", "cbrt", "abs"), 0), **dict.fromkeys(("exp", "cos", "cosh", "erfc"), 1)},
    1: {"log": 0, "sqrt": 1, "cbrt": 1, "abs": 1},
}
FMA_SIZE = 4
ONE = Fraction(1)
LARGEST_POWER = 4  # a power that is written as products
LARGEST_FOLDED = 1 << 40  # numbers up to it are computed when a term is made


class Term:
    """A gate of terms, or a leaf: a name, a number, a constant. Terms of one Pool are equal only where they are the same object."""

    __slots__ = ("args", "number", "op", "parts", "text")
    parts: dict[Term, None]  # all terms in it, operands first, itself last

    def __init__(self, op: str, args: tuple[Term, ...], text: str, number: int) -> None:
        self.op, self.args, self.text, self.number = op, args, text, number
        found: dict[Term, None] = {}
        for a in args:
            found.update(a.parts)
        found[self] = None
        self.parts = found

    def __repr__(self) -> str:
        return text_of(self, {})


@dataclass
class Pool:
    """The terms that were made. What is the same over the reals at no cost is made simpler at once: 0 + a, 1 * a, a - a, signs, short sums of numbers."""

    known: dict[tuple[str, tuple[Term, ...], str], Term] = field(default_factory=dict)
    made: dict[tuple[str, tuple[Term, ...]], Term] = field(default_factory=dict)  # what was asked for already, simpler as it is

    def leaf(self, op: str, text: str) -> Term:
        """A name, a number or a constant."""
        return self._term(op, (), text)

    def number(self, value: Fraction | int) -> Term:
        """A number that floats can hold, as a literal."""
        return self.leaf("number", str(value.numerator) if value.denominator == 1 else repr(float(value)))

    def _term(self, op: str, args: tuple[Term, ...], text: str = "") -> Term:
        key = (op, args, text)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Term(op, args, text, len(self.known))
        return found

    def make(self, op: str, *args: Term) -> Term:
        """A gate of terms, simpler where that is the same."""
        found = self.made.get((op, args))
        if found is None:
            found = self.made[op, args] = self._make(op, args)
        return found

    def _make(self, op: str, args: tuple[Term, ...]) -> Term:
        values = [value_of(a) for a in args]
        if None not in values and (folded := _folded(op, values)) is not None:  # type: ignore[arg-type]
            return self.number(folded)
        simple = self._simple(op, args, values)
        if simple is not None:
            return simple
        if op in COMMUTING and (args[0].op != "number", args[0].number) > (args[1].op != "number", args[1].number):
            args = (args[1], args[0])
        return self._term(op, args)

    def _scaled(self, op: str, a: Term, b: Term) -> Term | None:
        """A product or quotient whose numbers are one, or have gone: 2*(3*x/6) is not looked for, 2*(x/2), 4*(2*x) and 3*x/3 are. Floats lose nothing by it."""
        if op == "mul" and value_of(b) is not None:
            a, b = b, a
        (c, x), (d, y) = _coefficient(a), _coefficient(b)
        if (x is None or x is a) and (y is None or y is b):
            return None
        if op == "mul" and y is not None and x is None:  # a number times a number times y
            return self._times(c * d, y) if c * d == 1 or (_is_power_of_two(c) and _is_power_of_two(d)) else None
        if op == "div" and x is not None and y is None and d:
            return self._times(c / d, x) if c != 1 and (c == d or (_is_power_of_two(c) and _is_power_of_two(d))) else None
        if x is not None and y is not None and c != 1:
            return self.make(op, x, y) if (c * d == 1 if op == "mul" else c == d) else None
        return None

    def _times(self, c: Fraction, x: Term) -> Term:
        """A term times a power of two."""
        return self.make("mul", self.number(c), x) if c >= 1 or c.denominator == 1 else self.make("div", x, self.number(1 / c))

    def _simple(self, op: str, args: tuple[Term, ...], values: list[Fraction | None]) -> Term | None:
        a, b = args[0], args[-1]
        if op == "neg":
            return a.args[0] if a.op == "neg" else self.make("sub", a.args[1], a.args[0]) if a.op == "sub" else None
        if op in ("add", "sub"):
            if values[1] == 0:
                return a
            if values[0] == 0:
                return b if op == "add" else self.make("neg", b)
            if b.op == "neg":
                return self.make("sub" if op == "add" else "add", a, b.args[0])
            if a.op == "neg":
                return self.make("sub", b, a.args[0]) if op == "add" else self.make("neg", self.make("add", a.args[0], b))
            if values[1] is not None and values[1] < 0:
                return self.make("sub" if op == "add" else "add", a, self.number(-values[1]))
            if op == "add" and values[0] is not None and values[0] < 0:
                return self.make("sub", b, self.number(-values[0]))
            if a is b:
                return self.number(0) if op == "sub" else self.make("mul", self.number(2), a)
        elif op in ("mul", "div"):
            if values[1] == 1:
                return a
            if values[0] == 0 or (op == "mul" and values[1] == 0):
                return self.number(0)
            if op == "mul" and values[0] == 1:
                return b
            if values[1] == -1 or (op == "mul" and values[0] == -1):
                return self.make("neg", a if values[1] == -1 else b)
            if values[0] is not None and values[0] < 0:
                return self.make("neg", self.make(op, self.number(-values[0]), b))
            if values[1] is not None and values[1] < 0:
                return self.make("neg", self.make(op, a, self.number(-values[1])))
            if a.op == "neg":
                return self.make("neg", self.make(op, a.args[0], b))
            if b.op == "neg":
                return self.make("neg", self.make(op, a, b.args[0]))
            if op == "mul" and a is b and a.op == "abs":
                return self.make("mul", a.args[0], a.args[0])
            if op == "mul" and b.op == "abs" and values[0] is not None:
                return self.make("abs", self.make("mul", a, b.args[0]))
            if op == "div" and a.op == "abs" and values[1] is not None:
                return self.make("abs", self.make("div", a.args[0], b))
            if op == "div" and a is b:
                return self.number(1)
            return self._scaled(op, a, b) if values[0] is None or values[1] is None else None
        elif op == "where" and (holds := _constant_truth(a)) is not None:
            return args[1] if holds else args[2]
        elif values[0] is not None and op in VALUES.get(values[0], {}):  # type: ignore[call-overload]
            return self.number(VALUES[int(values[0])][op])
        elif op == "pow" and values[1] is not None:
            return self._power(a, values[1])
        elif op in ("cosh", "cos") and a.op == "abs":
            return self.make(op, a.args[0])
        elif op == "hypot" and "abs" in (a.op, b.op):
            return self.make(op, *(t.args[0] if t.op == "abs" else t for t in args))
        elif op == "abs" and a.op in ("abs", "exp", "cosh", "hypot", "sqrt"):
            return a
        elif op in ("square", "reciprocal", "copy", "sigmoid", "expit", "logistic"):
            return self._meaning(op, a)
        return None

    def _power(self, a: Term, exponent: Fraction) -> Term | None:
        if exponent == Fraction(1, 2):
            return self.make("sqrt", a)
        if exponent.denominator != 1 or abs(exponent) > LARGEST_POWER:
            return None
        if exponent <= 0:
            return self.make("div", self.number(1), self._power(a, -exponent) or a) if exponent else self.number(1)
        product = a
        for _ in range(int(exponent) - 1):
            product = self.make("mul", product, a)
        return product

    def _meaning(self, op: str, a: Term) -> Term:
        if op == "square":
            return self.make("mul", a, a)
        if op == "reciprocal":
            return self.make("div", self.number(1), a)
        if op == "copy":
            return a
        return self.make("div", self.number(1), self.make("add", self.number(1), self.make("exp", self.make("neg", a))))

    def read(self, text: str) -> Term:
        """The term of an expression in the language."""
        found: list[Term] = []
        for node in parse_expression(text):
            found.append(self._of_node(node, [found[a] for a in node.args]))
        return found[-1]

    def _of_node(self, node: Node, args: list[Term]) -> Term:
        return self.make(node.op, *args) if args else self.leaf("constant" if node.op == "name" and node.text == "pi" else node.op, node.text)

    def replaced(self, term: Term, given: Mapping[Term, Term]) -> Term:
        """A term with others in place of some that occur in it."""
        found: dict[Term, Term] = {}  # of the parts that become others
        for part in term.parts:
            if part in given:
                found[part] = given[part]
                continue
            for a in part.args:
                if a in found:
                    found[part] = self.make(part.op, *[found.get(b, b) for b in part.args])
                    break
        return found.get(term, term)


def is_within(pool: Pool, term: Term, size: float) -> Term:
    """The condition that a term is smaller than that, in absolute value."""
    return pool.make("lt", pool.make("abs", term), pool.leaf("number", repr(size).removesuffix(".0")))


def value_of(term: Term) -> Fraction | None:
    """The value of a literal."""
    return exact(term.text) if term.op == "number" else None


def _coefficient(term: Term) -> tuple[Fraction, Term | None]:
    """A term as a number times what is no product or quotient with a number; None where it is a number alone."""
    value = value_of(term)
    if value is not None:
        return value, None
    if term.op == "mul" and (first := value_of(term.args[0])) is not None:
        return first, term.args[1]
    if term.op == "div" and (last := value_of(term.args[1])):
        return 1 / last, term.args[0]
    return ONE, term


def _is_power_of_two(c: Fraction) -> bool:
    return c > 0 and c.numerator & (c.numerator - 1) == 0 and c.denominator & (c.denominator - 1) == 0


def rational(term: Term) -> Fraction | None:
    """The value of a term that is made of numbers by sums, products and quotients."""
    if not term.args:
        return value_of(term)
    args = [rational(a) for a in term.args] if term.op in ("neg", "add", "sub", "mul", "div") else [None]
    return None if None in args else _value(term.op, args)  # type: ignore[arg-type]


def _constant_truth(condition: Term) -> bool | None:
    """Whether a comparison of two numbers holds; None where it is none."""
    if condition.op not in COMPARE:
        return None
    a, b = (rational(t) for t in condition.args)
    return None if a is None or b is None else bool(COMPARE[condition.op](a, b))


def _value(op: str, values: list[Fraction]) -> Fraction | None:
    if op == "neg":
        return -values[0]
    if op in ("add", "sub", "mul") or (op == "div" and values[1] != 0):
        a, b = values
        return a + b if op == "add" else a - b if op == "sub" else a * b if op == "mul" else a / b
    return None


def _folded(op: str, values: list[Fraction]) -> Fraction | None:
    found = _value(op, values)
    if found is None:
        return None
    exactly = found.denominator & (found.denominator - 1) == 0 and abs(found.numerator) <= LARGEST_FOLDED and found.denominator <= LARGEST_FOLDED
    return found if exactly else None


def names_in(term: Term) -> tuple[str, ...]:
    """The names that a term reads."""
    return tuple(p.text for p in term.parts if p.op == "name")


# ---------------------------------------------------------------- text


def text_of(term: Term, names: Mapping[Term, str]) -> str:
    """A term in the language; a part that has a name is written as that."""
    return _written(term, names)[0]


def _written(term: Term, names: Mapping[Term, str]) -> tuple[str, int]:
    """The text of a term, and how strongly its outermost operator binds."""
    if term in names and term.op not in LEAVES:
        return names[term], _ATOM
    if not term.args:
        return term.text, GATES["neg"].binds if term.text.startswith("-") else _ATOM
    if term.op == "mul" and term.args[0] is term.args[1] and term.args[0].args and term.args[0].op not in ("max", "min"):  # of these the rounding of the product may be computed as well, and a power is rounded otherwise
        return _enclosed(term.args[0], _ATOM, names) + "**2", GATES["pow"].binds
    gate = GATES[term.op]
    if not gate.symbol:
        return applied(term.op, [_written(a, names)[0] for a in term.args]), _ATOM
    binds = gate.binds
    if len(term.args) == 1:
        return applied(term.op, [_enclosed(term.args[0], binds, names)]), binds
    left, right = (1, 0) if term.op == "pow" else (0, 0 if term.op in COMMUTING else 1)
    first = _enclosed(term.args[0], binds + left, names)
    second = _enclosed(term.args[1], binds + max(right, 1 if _leans(term) else 0), names)
    symbol = gate.symbol if term.op == "pow" else f" {gate.symbol} " if binds <= GATES["add"].binds else gate.symbol
    return first + symbol + second, binds


_ATOM = 100  # stronger than every operator


def _leans(term: Term) -> bool:
    """Whether the right operand must stand in parentheses to be computed first: a + (b + c)."""
    return term.op in COMMUTING and term.args[1].op in GATES and GATES[term.args[1].op].binds == GATES[term.op].binds


def _enclosed(term: Term, binds: int, names: Mapping[Term, str]) -> str:
    text, own = _written(term, names)
    return text if own >= binds else f"({text})"


def size(terms: Iterable[Term]) -> int:
    """The number of different gates in some terms; an `fma` counts several times, as it takes where no instruction does it."""
    parts = {p for t in terms for p in t.parts if p.args}
    return len(parts) + (FMA_SIZE - 1) * sum(p.op == "fma" for p in parts)
