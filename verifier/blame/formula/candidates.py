"""Repairs by an expression: a factor, a term or another operand that stands somewhere in the program, or is made of what stands there.

The value that a part of a wrong statement should have is solved for; it is then looked up among the values of expressions, once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice

from flint import arb

from verifier.arithmetic import reals
from verifier.arithmetic.types import Balls
from verifier.blame.formula.adjoint_values import key_of
from verifier.blame.formula.known_values import is_varied
from verifier.blame.formula.statement import MIN_TELLING, RepairTarget
from verifier.blame.formula.temporaries import solve, widen
from verifier.exact.constants import identify

MOST_PAIRED = 600  # expressions of which any two may be multiplied, where the names in scope are components of arrays
MAX_EXPRESSIONS = 400  # at most so many are looked up, the nearest names first
TERM = 4  # a missing term, or another operand, is as likely as a missing factor of so many more characters
MAX_LONGER = 12  # characters by which an expression is longer than what stands in its place
MAX_INNER_TEXT = 24  # characters of an expression of which others are made
MAX_TEXT = 60  # characters of an expression that is said
SHIFT = arb(2) ** -20  # a part is moved by so much of itself to see whether the statement follows
LEAST_TELLING = arb(2) ** -10  # of that, by which the statement must follow for a part's right value to be known to enough digits
POWERS = {"1/2": "should be its square root", "2": "should be squared", "3": "should be cubed", "-1": "should be its reciprocal", "3/2": "should have the exponent 3/2", "-2": "should have the exponent -2", "-1/2": "should have the exponent -1/2"}


@dataclass(frozen=True)
class Candidate:
    """A text and its values."""

    text: str
    column: Balls


@dataclass(frozen=True)
class Part:
    """A part of a statement: its text, its value, the value it should have, and the statement's value after it is given another one."""

    step: int
    text: str
    value: Balls
    needed: Balls
    change: Callable[[Balls], tuple[int, Balls]]
    told: tuple[int, ...]  # the test points at which the statement tells what the value should be

    def at_told(self, column: Balls) -> Balls:
        """A column at the points that tell."""
        return [column[i] for i in self.told]


class Expressions:
    """The expressions that may be meant in a statement, looked up by their values at some of its test points; at all of them unless said otherwise."""

    def __init__(self, target: RepairTarget, told: Sequence[int] | None = None) -> None:
        self.target = target
        found: dict[str, Candidate] = {}
        written = [Candidate(text, column if told is None else [column[i] for i in told]) for text, column in islice(_written(target), MAX_EXPRESSIONS)]
        written = [e for e in written if all(isinstance(v, arb) and v.is_finite() for v in e.column)]
        for made in chain(written, (m for e in written if len(e.text) <= MAX_INNER_TEXT for m in _made_of(e.text, e.column))):
            if len(made.text) <= MAX_TEXT and is_varied(made.column):
                before = found.get(key := key_of(made.column))
                if before is None or len(made.text) < len(before.text):
                    found[key] = made
        self.by_value = found

    def equal(self, column: Balls) -> Candidate | None:
        """The shortest expression with these values."""
        found = self.by_value.get(key_of(column)) if is_varied(column) else None
        return found if found is not None and _overlap(found.column, column) else None  # the key has ten digits at two points

    @cached_property
    def by_shape(self) -> dict[str, list[Candidate]]:
        """The expressions by their values up to a constant factor."""
        found: dict[str, list[Candidate]] = {}
        for e in self.by_value.values():
            found.setdefault(key_of([x / e.column[0] for x in e.column[1:]]), []).append(e)
        return found

    def factor(self, column: Balls) -> Candidate | None:
        """An expression, a constant times one, a product of two or a quotient, with these values."""
        if (found := self.product(column)) is not None or not column or not is_varied(column) or (len(self.by_value) > MOST_PAIRED and self.target.program.shapes):
            return found
        pairs = ((self.by_value.get(key_of([x * y for x, y in zip(column[:2], e.column[:2], strict=True)])), e) for e in self.by_value.values())
        quotients = [f"{_in_product(a.text)}/{_in_quotient(b.text)}" for a, b in pairs if a is not None and a is not b and _overlap(column, [y / z for y, z in zip(a.column, b.column, strict=True)])]
        return Candidate(min(quotients, key=len), column) if quotients else None

    def product(self, column: Balls) -> Candidate | None:
        """An expression, a constant times one, or a product of two, with these values."""
        if not column or not is_varied(column):
            return None
        if (one := self.equal(column)) is not None:
            return one
        for e in self.by_shape.get(key_of([x / column[0] for x in column[1:]]), ()):
            ratios = widen(_ratios(column, e.column))
            name = identify(ratios[0]) if all(r.overlaps(ratios[0]) for r in ratios) else None
            if name is not None:
                return Candidate(f"-{_in_product(e.text)}" if name == "-1" else f"{name}*{_in_product(e.text)}", column)
        if len(self.by_value) > MOST_PAIRED and self.target.program.shapes:
            return None
        pairs = ((e, self.by_value.get(key_of([x / y for x, y in zip(column[:2], e.column[:2], strict=True)]))) for e in self.by_value.values())
        found = [f"{_in_product(a.text)}*{_in_product(b.text)}" for a, b in pairs if b is not None and _overlap(column, [y * z for y, z in zip(a.column, b.column, strict=True)])]
        return Candidate(min(found, key=len), column) if found else None


def _overlap(a: Balls, b: Balls) -> bool:
    return all(x.overlaps(y) for x, y in zip(a, b, strict=True))


def _ratios(a: Balls, b: Balls) -> Balls:
    return [x / y for x, y in zip(a, b, strict=True)]


def _in_product(text: str) -> str:
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in "+-" and i:
            return f"({text})"
    return text


def _in_quotient(text: str) -> str:
    return f"({text})" if any(c in "*/" for c in text) and _in_product(text) == text else _in_product(text)


def _written(s: RepairTarget) -> Iterator[tuple[str, Balls]]:
    """The names in scope and the expressions that stand in the program, with their values."""
    for name, column in s.atoms:
        if " " not in name and not s.is_upstream(name):
            yield name, column
    for i in range(len(s.steps)):
        step = s.steps[i]
        if i == s.root or (i >= s.program.backward_start and i > s.root) or not step.args or not 0 <= step.line < len(s.program.lines):
            continue
        line = s.program.lines[step.line]
        if line.source is None or step.end <= step.start or (step.start == line.start and step.end == line.end and step.name):
            continue
        yield " ".join(line.source.text[step.start : step.end].split()), s.value(i)


def _made_of(text: str, column: Balls) -> Iterator[Candidate]:
    inside = f"({text})" if not text.replace("_", "").replace("[", "").replace("]", "").isalnum() else text
    one = arb(1)
    yield Candidate(f"1 - {inside}", [one - c for c in column])
    yield Candidate(f"1 + {inside}", [one + c for c in column])
    yield Candidate(f"{inside}**2", [c * c for c in column])
    yield Candidate(f"1 - {inside}**2", [one - c * c for c in column])
    if all(c > 0 for c in column):
        yield Candidate(f"sqrt({text})", [c.sqrt() for c in column])
        yield Candidate(f"log({text})", [c.log() for c in column])
    yield Candidate(f"cos({text})", [c.cos() for c in column])
    yield Candidate(f"sin({text})", [c.sin() for c in column])
    yield Candidate(f"exp({text})", [c.exp() for c in column])
    yield Candidate(f"sigmoid({text})", [one / (1 + (-c).exp()) for c in column])


def parts(s: RepairTarget) -> Iterator[Part]:
    """The parts of a statement whose right value is known: itself, then the steps of its line, then the operands that these read."""
    own = [i for i in s.cone if s.steps[i].args and i not in s.conditions]
    own.sort(key=lambda i: (i != s.root, s.steps[i].line != s.mistake.line, i))
    for k in own:
        needed = list(s.mistake.needed) if k == s.root else _solved(s, partial(_as_it_is, k), s.value(k))
        if needed is not None and (told := _told(s, partial(_as_it_is, k), s.value(k))):
            yield Part(k, s.text(k), s.value(k), needed, partial(_as_it_is, k), told)
    for k in own:
        for position, a in enumerate(s.args(k)):
            if s.steps[k].gate == "pow" and position == 1:
                continue
            if a in s.values and not s.steps[a].name:
                continue

            def change(x: Balls, k: int = k, position: int = position) -> tuple[int, Balls]:
                args = [s.value(b)[: len(x)] for b in s.args(k)]
                return k, reals.value(s.steps[k].gate, [*args[:position], x, *args[position + 1 :]])

            needed = _solved(s, change, s.value(a))
            if needed is not None and (told := _told(s, change, s.value(a))):
                yield Part(k, s.text(a), s.value(a), needed, change, told)


def _as_it_is(k: int, column: Balls) -> tuple[int, Balls]:
    return k, column


def _solved(s: RepairTarget, change: Callable[[Balls], tuple[int, Balls]], start: Balls) -> Balls | None:
    return solve(lambda x: s.with_changed(dict([change(x)])), start, s.mistake.needed, first=s.isolated.reference.count)


def _told(s: RepairTarget, change: Callable[[Balls], tuple[int, Balls]], start: Balls) -> tuple[int, ...]:
    """The test points at which a change of a part moves the statement enough for its right value to be solved for: not in the branch that is not taken, not where another term is larger by far. None where they are too few."""
    before, moved = s.value(s.root), s.with_changed(dict([change([v * (1 + SHIFT) if not v.is_zero() else SHIFT for v in start])]))
    told = tuple(at for at, (b, m) in enumerate(zip(before, moved, strict=True)) if isinstance(b, arb) and isinstance(m, arb) and abs(m - b) > abs(b) * SHIFT * LEAST_TELLING)
    return told if len(told) >= min(MIN_TELLING, len(before)) else ()


def repairs_by_expressions(s: RepairTarget) -> Iterator[tuple[int, Balls, str]]:
    """The step, its value after the repair, and the mistake in words; the shortest first."""
    known: dict[tuple[int, ...], Expressions] = {}
    found: list[tuple[int, int, int, Balls, str]] = []
    for number, part in enumerate(parts(s)):
        expressions = known.get(part.told) or known.setdefault(part.told, Expressions(s, part.told))
        for extra, words in _words(expressions, part, s):
            found.append((len(words.partition(" in `")[0]) + extra, number, *part.change(widen(part.needed)), words))
    for _, _, k, column, words in sorted(found, key=lambda row: row[:2]):
        yield k, column, words


def _words(expressions: Expressions, part: Part, s: RepairTarget) -> Iterator[tuple[int, str]]:
    """What a part should be, in words; with the characters that a less likely kind of mistake counts in addition."""
    whole = s.text(part.step)
    is_root = part.step == s.root and part.text == whole
    inside = "" if is_root else f" in `{whole}`"
    where = inside if part.text == whole else f" at `{part.text}`{inside}"
    about, value = widen(part.at_told(part.needed)), part.at_told(part.value)
    ratios = [n / v for n, v in zip(about, value, strict=True)] if not any(v.contains(0) for v in value) else []
    turned = [1 / r for r in ratios] if not any(r.contains(0) for r in ratios) else []
    if (number := _constant(ratios)) is not None and not is_root:
        yield 0, f"a division by `{number[2:]}` is missing{where}" if number.startswith("1/") else f"the factor `{number}` is missing{where}"
    if (e := expressions.factor(ratios)) is not None:
        yield 0, f"the factor `{e.text}` is missing{where}"
    if (e := expressions.product(turned)) is not None:
        yield 0, f"a division by `{e.text}` is missing{where}"
    if (power := _power(value, about)) is not None:
        yield 0, f"`{part.text}` {POWERS[power]}{'' if part.text == whole else inside}"
    differences = [n - v for n, v in zip(about, value, strict=True)]
    if (e := expressions.product(differences)) is not None:
        yield TERM, f"the term `{e.text}` is missing{where}"
    elif (e := expressions.product([-d for d in differences])) is not None:
        yield TERM, f"the term `-{_in_product(e.text)}` is missing{where}"
    if not is_root and _in_product(part.text) == part.text and (e := expressions.product(about)) is not None and len(e.text) <= len(part.text) + MAX_LONGER and e.text != part.text:
        yield TERM, f"`{part.text}` where `{e.text}` is meant in `{whole}`"


def _power(value: Balls, needed: Balls) -> str | None:
    if not all(v > 0 and n > 0 and not v.log().contains(0) for v, n in zip(value, needed, strict=True)):
        return None
    exponents = [n.log() / v.log() for v, n in zip(value, needed, strict=True)]
    return next((name for name in POWERS if all(e.overlaps(_number(name)) for e in exponents)), None) if is_varied(value) else None


def _number(text: str) -> arb:
    top, _, bottom = text.partition("/")
    return arb(int(top)) / int(bottom or "1")


def _constant(ratios: Balls) -> str | None:
    return identify(ratios[0]) if ratios and all(r.overlaps(ratios[0]) for r in ratios) and not ratios[0].contains(1) else None
