"""Right formulas in another arrangement: terms and factors turned round, products expanded and factored, gates fused and staged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from hypothesis import strategies as st

from verifier.language.gates import GATES, canonical
from verifier.language.trees import parse_expression
from verifier.search.fuzz.draw_formulas import written

LONGEST = 60  # characters of a part that is written twice
LITERAL = 12  # characters of a number: a longer one may stand for the constant that it was rounded from

Tree = str | tuple["Tree", ...]  # a leaf's text, or a gate with its arguments


def tree_of(text: str) -> Tree:
    """A formula as a nested tuple: ("mul", "x", ("exp", "y"))."""
    built: list[Tree] = []
    for node in parse_expression(text):
        gate = canonical(node.op)
        built.append((gate, *(built[a] for a in node.args)) if node.args and gate is not None else text[node.start : node.end])
    return built[-1]


def text_of(tree: Tree) -> str:
    """The formula of a tree, with every operator in parentheses."""
    return tree if isinstance(tree, str) else written(str(tree[0]), [text_of(a) for a in tree[1:]])


def bare(text: str) -> str:
    """A formula without the parentheses around the whole of it."""
    inner = text[1:-1]
    return inner if text.startswith("(") and parse_expression(text)[-1].start > 0 and _balanced(inner) else text


def _balanced(text: str) -> bool:
    depth = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return False
    return True


def arranged(draw: st.DrawFn, tree: Tree) -> tuple[Tree, list[str]]:
    """A tree that is equal over the reals, and how its parts were changed."""
    if isinstance(tree, str):
        return tree, []
    name = str(tree[0])
    gate = GATES[name]
    args: list[Tree] = []
    how: list[str] = []
    for position, argument in enumerate(tree[1:]):
        fixed = gate.boolean or position in gate.conditions or position in gate.orders
        changed, more = (argument, []) if fixed else arranged(draw, argument)
        args.append(changed)
        how += more
    ways = [("", (name, *args)), *_ways(name, args)]
    word, chosen = ways[draw(st.integers(0, len(ways) - 1))] if len(ways) > 1 else ways[0]
    return chosen, [*how, word] if word else how


def _ways(name: str, args: list[Tree]) -> Iterator[tuple[str, Tree]]:
    """Other ways to write a gate applied to some trees, each with a word for it."""
    if name in ("add", "mul"):
        yield "turned", (name, args[1], args[0])
    if name in ("add", "sub"):
        yield from (("factored", t) for t in _factored(name, *args))
    if name == "mul":
        yield from (("expanded", t) for t in _expanded(*args))
    if name == "sub":
        yield "negated", ("add", args[0], ("neg", args[1]))
    if name == "div":
        yield "inverted", ("mul", args[0], ("div", "1", args[1]))
    meaning = _meaning(name)
    if meaning is not None and all(len(text_of(a)) <= LONGEST for a in args):
        yield "staged", _filled(meaning, dict(zip(GATES[name].parameters, [*args, *GATES[name].defaults[len(args) - len(GATES[name].parameters) :]], strict=False)))
    for fused in _fusable(name):
        found = _matched(_meaning(fused) or "", (name, *args), {})
        if found is not None:
            yield "fused", (fused, *(found[p] for p in GATES[fused].parameters))


def _factored(name: str, left: Tree, right: Tree) -> Iterator[Tree]:
    """(p ± q) * c for p * c ± q * c."""
    if left[0] == "mul" and right[0] == "mul":
        for i, p in enumerate(left[1:]):
            for j, q in enumerate(right[1:]):
                if left[2 - i] == right[2 - j]:
                    yield "mul", (name, p, q), left[2 - i]


def _expanded(left: Tree, right: Tree) -> Iterator[Tree]:
    """p * c ± q * c for (p ± q) * c."""
    for sum_, factor in ((left, right), (right, left)):
        if sum_[0] in ("add", "sub") and len(text_of(factor)) <= LONGEST:
            yield sum_[0], ("mul", sum_[1], factor), ("mul", sum_[2], factor)


@cache
def _meaning(name: str) -> Tree | None:
    """What a gate means in terms of others, where that can be written out; None else."""
    gate = GATES[name]
    if gate.means is None or gate.means in gate.parameters or gate.orders or gate.conditions:
        return None
    literals = [n for n in parse_expression(gate.means) if n.op == "number"]
    return None if any(len(n.text) > LITERAL for n in literals) else tree_of(gate.means)


@cache
def _fusable(name: str) -> tuple[str, ...]:
    """The gates whose meaning has a given gate at its root."""
    return tuple(g for g in GATES if (meaning := _meaning(g)) is not None and not isinstance(meaning, str) and meaning[0] == name)


def _filled(tree: Tree, values: dict[str, Tree]) -> Tree:
    return values.get(tree, tree) if isinstance(tree, str) else (tree[0], *(_filled(a, values) for a in tree[1:]))


def _matched(pattern: Tree, tree: Tree, found: dict[str, Tree]) -> dict[str, Tree] | None:
    """What each parameter of a pattern stands for in a tree; None where it does not fit. Parameters are single letters and words, numbers are themselves."""
    if isinstance(pattern, str):
        if not pattern.isidentifier() or pattern == "pi":
            return found if pattern == tree else None
        return {**found, pattern: tree} if found.get(pattern, tree) == tree else None
    if isinstance(tree, str) or pattern[0] != tree[0] or len(pattern) != len(tree):
        return None
    for p, t in zip(pattern[1:], tree[1:], strict=True):
        inner = _matched(p, t, found)
        if inner is None:
            return None
        found = inner
    return found
