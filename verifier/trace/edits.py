"""Single edits of a statement of array code, each of which turns back a mistake that people make: the edited statement, and the mistake in words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from verifier.trace.code_rows import arguments, lengths, letters, named_factors, reversals, updates, written
from verifier.trace.edit_rows import (
    AT_WORDS,
    LIKELY,
    MODULES,
    MOST_COUNTS,
    OPERATORS,
    RARE,
    SYMBOLS,
    EditRow,
    ReadableNames,
    called,
    constants,
    copied,
    divisors,
    exchanged_names,
    expression,
    factors,
    functions,
    names,
    operators,
    slices,
    text,
)

# of a user's own functions, where nothing is known of shapes
FIRST_IN_CODE: tuple[EditRow, ...] = (*(row for row in LIKELY if row is not names), updates, arguments, letters)
THEN_IN_CODE: tuple[EditRow, ...] = (divisors, constants, named_factors, reversals, names, written)
LAST_IN_CODE: tuple[EditRow, ...] = (exchanged_names, lengths, *(row for row in RARE if row not in (exchanged_names, divisors, constants, factors)))
IN_CODE = (*FIRST_IN_CODE, *THEN_IN_CODE, *LAST_IN_CODE)
OF_PRODUCTS = (named_factors, lengths)  # whose edit of a factor is that of the product
ROWS = (*LIKELY, *RARE)


class Edited(NamedTuple):
    """One edit: the statement after it, the mistake in words, and the expression that is wrong; None where it is the statement as a whole."""

    statement: ast.stmt
    words: str
    wrong: ast.AST | None
    after: bool = False  # the statement is to follow the old one, instead of taking its place


def statements(tree: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    """Edits of a statement as a whole: `=` for `+=` and the other way round."""
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name | ast.Subscript):
        for operator in (ast.Add(), ast.Sub()):
            yield ast.AugAssign(copied(tree.targets[0]), operator, copied(tree.value)), f"`=` where `{SYMBOLS[type(operator)]}=` is meant"
        if isinstance(tree.targets[0], ast.Subscript) and (index := _index(tree.targets[0].slice)):
            yield _statement(f"np.add.at({text(tree.targets[0].value)}, {index}, {text(tree.value)})"), AT_WORDS.format("=", text(tree.targets[0].slice))
    if isinstance(tree, ast.AugAssign) and isinstance(tree.target, ast.Subscript) and isinstance(tree.op, ast.Add | ast.Sub) and (index := _index(tree.target.slice)):
        yield (
            _statement(f"np.{'add' if isinstance(tree.op, ast.Add) else 'subtract'}.at({text(tree.target.value)}, {index}, {text(tree.value)})"),
            AT_WORDS.format(f"{SYMBOLS[type(tree.op)]}=", text(tree.target.slice)).replace("np.add.at", "np.add.at" if isinstance(tree.op, ast.Add) else "np.subtract.at"),
        )
    if isinstance(tree, ast.AugAssign):
        yield ast.Assign([copied(tree.target)], copied(tree.value)), f"`{SYMBOLS.get(type(tree.op), '')}=` where `=` is meant"
        for other in OPERATORS.get(type(tree.op), ()):
            yield ast.AugAssign(copied(tree.target), other(), copied(tree.value)), f"`{SYMBOLS[type(tree.op)]}=` where `{SYMBOLS[other]}=` is meant"
        yield ast.Pass(), "this statement is superfluous"


def _index(subscript: ast.expr) -> str:
    """A subscript as an argument of `np.add.at`, where it may hold an array of indices; '' where it is made of slices and constants only."""
    parts = subscript.elts if isinstance(subscript, ast.Tuple) else [subscript]
    if all(isinstance(p, ast.Slice | ast.Constant) for p in parts):
        return ""
    listed = [f"slice({', '.join('None' if b is None else text(b) for b in (p.lower, p.upper, p.step))})" if isinstance(p, ast.Slice) else text(p) for p in parts]
    return f"({', '.join(listed)},)" if isinstance(subscript, ast.Tuple) else listed[0]


def missing(tree: ast.stmt, scope: ReadableNames) -> Iterator[tuple[ast.stmt, str]]:
    """Statements that are missing after one: 1 that is to be taken off at the labels, a mask."""
    target = (tree.targets[0] if len(tree.targets) == 1 else None) if isinstance(tree, ast.Assign) else tree.target if isinstance(tree, ast.AugAssign) else None
    while isinstance(target, ast.Subscript):
        target = target.value
    if not isinstance(target, ast.Name):
        return
    name, shape = target.id, scope.shapes.get(target.id)
    for y in scope.labels:
        for sign, off in (("-", "-1"), ("+", "+1")):
            if shape is None or len(shape) == 2:
                yield _statement(f"{name}[arange(len({y})), {y}] {sign}= 1"), f"the {off} at the labels is missing: `{name}[np.arange(len({y})), {y}] {sign}= 1`"
    for count in scope.counts[:MOST_COUNTS]:
        yield _statement(f"{name} = {name} / {count}"), f"a division by `{count}` is missing: `{name} /= {count}`"
    for other in scope.alike(name):
        yield _statement(f"{name} = {name} * ({other} > 0)"), f"the mask `{other} > 0` is missing: `{name}[{other} <= 0] = 0`"
        yield _statement(f"{name} = {name} * {other}"), f"the factor `{other}` is missing: `{name} *= {other}`"
    yield _statement(f"{name} = -{name}"), f"the sign of `{name}` is flipped"


def _statement(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


def edits(tree: ast.stmt, scope: Sequence[str], numbers: Sequence[str] = (), rows: Sequence[EditRow] = IN_CODE, *, elements: Sequence[str] = ()) -> Iterator[tuple[ast.stmt, str]]:
    """Every edit of a statement that takes its place, the likely ones first: the edited statement and the mistake in words. `numbers` are factors that stand in the code, `elements` those of arrays that it reads."""
    for e in changes(tree, ReadableNames(tuple(scope), numbers=tuple(numbers), elements=tuple(elements)), rows):
        if not e.after:
            yield copied(e.statement), e.words


def whole_edits(tree: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    """The few edits of a statement as a whole."""
    for new, words in statements(tree):
        yield _placed(copied(new), tree), words


def changes(tree: ast.stmt, scope: ReadableNames, rows: Sequence[EditRow] = ROWS) -> Iterator[Edited]:
    """Every edit of a statement, the likely ones first. One of an expression is made in the tree itself, and taken back before the next one."""
    if isinstance(tree, ast.For):
        yield from _headers(tree)
        return
    for new, words in statements(tree) if functions in rows else ():
        yield Edited(_placed(new, tree), words, None)
    value = getattr(tree, "value", None)
    parts = [] if not isinstance(value, ast.expr) else _read(value)
    targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target] if isinstance(tree, ast.AugAssign) else []
    stored = [n for t in targets for n in ast.walk(t) if isinstance(n, ast.Subscript)]
    inside = [n for s in stored for n in ast.walk(s.slice)]
    holders, within = _holders(tree), _factors_of_products(tree)
    for row in rows:
        if row is factors:
            for new, words in missing(tree, scope):
                yield Edited(_placed(new, tree), words, None, after=True)
        for node in (*parts, *(stored if row is slices else inside if row in (names, operators) else ())):
            put = holders.get(id(node))
            if put is None or (row in OF_PRODUCTS and id(node) in within):
                continue
            for changed, words in row(node, scope):
                put(ast.fix_missing_locations(ast.copy_location(changed, node)) if hasattr(node, "lineno") else changed)
                try:
                    yield Edited(tree, words, node)
                finally:
                    put(node)


def _read(value: ast.expr) -> list[ast.AST]:
    """The parts of an expression, without the functions that it calls: these are no values, nor are the modules that they are of."""
    called_ = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    return [node for node in ast.walk(value) if id(node) not in called_ and not (isinstance(node, ast.Name) and node.id in MODULES)]


def _headers(tree: ast.For) -> Iterator[Edited]:
    """A loop the other way round, one round shorter or longer."""
    old, here = tree.iter, text(tree.iter)
    function = called(old)
    if isinstance(old, ast.Call) and isinstance(function, ast.Name) and old.args:
        texts = [text(old.args[0])] if function.id == "reversed" else [f"reversed({here})"]
        texts += [f"range({', '.join(new)})" for new in _bounds([text(a) for a in old.args])] if function.id == "range" else []
        texts += [f"reversed({text(e.statement.iter)})" for e in _headers(ast.For(tree.target, old.args[0], [], [])) if isinstance(e.statement, ast.For)] if function.id == "reversed" and isinstance(old.args[0], ast.Call) else []
        for new in texts:
            tree.iter = ast.copy_location(expression(new), old)
            try:
                yield Edited(tree, f"`{here}` where `{new}` is meant", old)
            finally:
                tree.iter = old


def _bounds(args: list[str]) -> Iterator[list[str]]:
    for k, a in enumerate(args[:2]):
        yield [*args[:k], f"{a} - 1", *args[k + 1 :]]
        yield [*args[:k], f"{a} + 1", *args[k + 1 :]]
    if len(args) == 1:
        yield ["1", args[0]]
    elif len(args) == 2:
        yield [args[1]]


def _holders(tree: ast.AST) -> dict[int, Callable[[ast.AST], None]]:
    """For every expression of a statement what puts another one into its place."""
    found: dict[int, Callable[[ast.AST], None]] = {}
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                found[id(value)] = partial(setattr, parent, name)
            elif isinstance(value, list):
                found.update((id(child), partial(value.__setitem__, k)) for k, child in enumerate(value) if isinstance(child, ast.AST))
    return found


def _factors_of_products(tree: ast.AST) -> set[int]:
    """The expressions that are factors, dividends or the operand of a sign: what multiplies one multiplies the whole."""
    products = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult | ast.Div)]
    return {id(n.left) for n in products} | {id(n.right) for n in products if isinstance(n.op, ast.Mult)} | {id(n.operand) for n in ast.walk(tree) if isinstance(n, ast.UnaryOp)}


def _placed(new: ast.stmt, old: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(new, old))
