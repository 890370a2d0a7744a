"""Formulas of the language, drawn: well-typed, most of their arguments brought into the domain of their gate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from hypothesis import assume
from hypothesis import strategies as st

from verifier.language.gates import GATES, Gate, applied, is_operator
from verifier.language.trees import parse_expression

LEAVES = 6  # inputs among the leaves, for as many numbers as there are
NUMBERS = ("1", "2", "0.5", "3")
ORDERS = ("1", "2", "3")  # constants that every gate with an order takes
RAW = 5  # one argument in so many is left where it may be outside the domain, or large
POSITIVE, NONNEGATIVE, UNIT, SHARE, LARGE = ("(1 + abs({}))", "exp({})"), ("abs({})", "square({})"), ("tanh({})", "sin({})"), ("sigmoid({})",), ("(2 + abs({}))", "(1 + cosh({}))")
BOUNDED = ("tanh({})", "sin({})", "atan({})", "erf({})")
POSITIVE_BOUNDED = ("(1 + sigmoid({}))", "(2 + sin({}))")
INSIDE: dict[str, dict[str, tuple[str, ...]]] = {  # the `where` of a gate -> what brings each of its arguments inside
    "b != 0": {"b": POSITIVE}, "a != 0": {"a": POSITIVE}, "a > 0": {"a": POSITIVE}, "a > 0 or (a == 0 and n > 1)": {"a": POSITIVE}, "a == 0 or b > 0": {"b": POSITIVE}, "delta > 0": {"delta": POSITIVE},
    "a > 0 or (a == 0 and b >= 0) or (a < 0 and b == floor(b))": {"a": POSITIVE_BOUNDED, "b": BOUNDED}, "a > 0 or a != floor(a)": {"a": POSITIVE_BOUNDED},
    "a > 0 and b > 0": {"a": POSITIVE, "b": POSITIVE}, "a > 0 and a + b > 0": {"a": POSITIVE, "b": POSITIVE}, "a >= 0 and b > 0": {"a": NONNEGATIVE, "b": POSITIVE}, "s >= 0 and a >= 0": {"s": NONNEGATIVE, "a": NONNEGATIVE},
    "a != 0 or b != 0": {"b": POSITIVE}, "a > -1 and b > -1 and a - b > -1": {"a": LARGE, "b": SHARE},
    "a >= 0": {"a": NONNEGATIVE}, "delta >= 0": {"delta": NONNEGATIVE}, "a > -1": {"a": NONNEGATIVE}, "a == 0 or b > -1": {"b": NONNEGATIVE}, "a >= -exp(-1)": {"a": NONNEGATIVE},
    "a >= -1 and a <= 1": {"a": UNIT}, "a > -1 and a < 1": {"a": UNIT}, "a < 1": {"a": UNIT},
    "a > 0 and a < 1": {"a": SHARE}, "a > 0 and a < 2": {"a": SHARE}, "a >= 0 and a <= 1": {"a": SHARE},
    "a >= 1": {"a": LARGE}, "a != 1": {"a": LARGE}, "a > 0 and a != 1": {"a": LARGE},
}  # fmt: skip


@st.composite
def formulas(draw: st.DrawFn, gates: Sequence[str] | None = None, *, inputs: Sequence[str] = ("x",), size: int = 8) -> str:
    """Well-typed formulas of at most `size` gates of the table, each as likely; arguments are mostly brought into a gate's domain.

    What brings them there may be other gates than those asked for. They shrink towards one gate applied to the first input.
    """
    grammar = _grammar(tuple(GATES if gates is None else gates), tuple(inputs), size)
    count = draw(grammar.sizes)
    text, used = draw(grammar.applied[count])
    while used > size and count > 1:  # what brings arguments inside took too many
        count -= 1
        text, used = draw(grammar.applied[count])
    assume(used <= size)
    return text


def gate_count(text: str) -> int:
    """How many gates a formula has."""
    return sum(bool(node.args) for node in parse_expression(text))


def written(name: str, args: Sequence[str]) -> str:
    """A gate applied to texts, in parentheses where it is an operator."""
    return f"({applied(name, args)})" if is_operator(name) else applied(name, args)


class _Grammar:
    """What formulas over some gates and inputs are drawn from; `applied[n]` draws a gate with its arguments, n gates in all or a few more."""

    def __init__(self, names: tuple[str, ...], inputs: tuple[str, ...], size: int) -> None:
        strange = [n for n in names if n not in GATES]
        if strange:
            raise ValueError(f"the table has no gate {', '.join(strange)}")
        self.names = st.sampled_from(names)
        self.sizes = st.integers(1, size)
        self.comparisons = st.sampled_from([n for n in names if GATES[n].boolean and not GATES[n].conditions] or ["lt"])
        self.leaf = st.sampled_from((*inputs * (1 + LEAVES // len(inputs)), *NUMBERS))
        self.order = st.sampled_from(ORDERS)
        self.goes_on = st.integers(0, 2)
        self.in_full = st.booleans()  # parameters that have a default are given, too
        self.wrappers = {key: st.sampled_from(("{}", *inside * ((RAW - 1) // len(inside)))) for key, inside in _WRAPPERS.items()}
        self.applied = [_applied(self, most) for most in range(size + 1)]


@lru_cache(maxsize=64)
def _grammar(names: tuple[str, ...], inputs: tuple[str, ...], size: int) -> _Grammar:
    return _Grammar(names, inputs, size)


@st.composite
def _applied(draw: st.DrawFn, grammar: _Grammar, most: int) -> tuple[str, int]:
    """A gate with its arguments, and how many gates that are. What has a default is given or not, a truth value is used to choose."""
    name = draw(grammar.names)
    gate = GATES[name]
    args, used = [], 1
    given = len(gate.parameters) - (len(gate.defaults) if gate.defaults and not draw(grammar.in_full) else 0)
    for position in range(given):
        text, more = _argument(draw, grammar, gate, position, most - used)
        args.append(text)
        used += more
    if gate.boolean:
        return f"where({written(name, args)}, {draw(grammar.leaf)}, {draw(grammar.leaf)})", used + 1
    return written(name, args), used


def _argument(draw: st.DrawFn, grammar: _Grammar, gate: Gate, position: int, left: int) -> tuple[str, int]:
    """One argument of a gate, and its gates: about `left` of them at the most."""
    if position in gate.conditions:
        return written(draw(grammar.comparisons), (draw(grammar.leaf), draw(grammar.leaf))), 1
    if position in gate.orders:
        return draw(grammar.order), 0
    text, used = draw(grammar.applied[left]) if left > 0 and draw(grammar.goes_on) else (draw(grammar.leaf), 0)
    wrapper = grammar.wrappers.get((gate.name, gate.parameters[position]))
    template = "{}" if wrapper is None else draw(wrapper)
    return template.format(text), used + _GATES_IN[template]


_WRAPPERS = {(g.name, p): inside for g in GATES.values() for p, inside in INSIDE.get(g.where, {}).items()}
_GATES_IN = {template: gate_count(template.format("x")) for template in ("{}", *(t for inside in _WRAPPERS.values() for t in inside))}
