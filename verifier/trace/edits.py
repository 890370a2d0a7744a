"""Single edits of a statement of Python code: the mistakes that people make in array code, each turned back. A row yields the edited statement and the mistake in words."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Change: TypeAlias = tuple[ast.AST, str]  # what takes the place of an expression, and the mistake in words
Row: TypeAlias = Callable[[ast.AST, Sequence[str]], Iterator[Change]]  # of an expression and the names in scope

SWAPPED = {"sum": ("mean",), "mean": ("sum",), "max": ("min",), "min": ("max",), "maximum": ("minimum",), "minimum": ("maximum",), "std": ("var",), "var": ("std",),
           "sin": ("cos",), "cos": ("sin",), "tanh": ("cosh",), "exp": ("log",), "log": ("exp",), "sqrt": ("square",), "zeros_like": ("ones_like",), "dot": ("multiply",)}  # fmt: skip
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,)}
SYMBOLS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {ast.Lt: (ast.Gt, ast.LtE), ast.LtE: (ast.GtE, ast.Lt), ast.Gt: (ast.Lt, ast.GtE), ast.GtE: (ast.LtE, ast.Gt)}
AXES = ("0", "1", "-1", "2")
MOST_NAMES = 16  # that are tried as factors and in the place of other names


def _text(tree: ast.AST) -> str:
    return ast.unparse(tree)


def _called(tree: ast.AST) -> ast.Name | ast.Attribute | None:
    return tree.func if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name | ast.Attribute) else None


def functions(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """`mean` for `sum`, `min` for `max`, and the like."""
    called = _called(tree)
    if called is None:
        return
    name = called.attr if isinstance(called, ast.Attribute) else called.id
    for other in SWAPPED.get(name, ()):
        changed = copy.deepcopy(tree)
        function = _called(changed)
        if isinstance(function, ast.Attribute):
            function.attr = other
        elif function is not None:
            function.id = other
        yield changed, f"`{name}` where `{other}` is meant in `{_text(tree)}`"


def axes(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """A reduction over another axis, `keepdims` that is missing or too many."""
    if not isinstance(tree, ast.Call):
        return
    for k, keyword in enumerate(tree.keywords):
        if keyword.arg == "axis":
            for axis in AXES:
                if axis != _text(keyword.value):
                    changed = copy.deepcopy(tree)
                    changed.keywords[k].value = ast.parse(axis, mode="eval").body
                    yield changed, f"`axis={_text(keyword.value)}` where `axis={axis}` is meant in `{_text(tree)}`"
        if keyword.arg == "keepdims":
            changed = copy.deepcopy(tree)
            del changed.keywords[k]
            yield changed, f"`keepdims` is too many in `{_text(tree)}`"
    if any(k.arg == "axis" for k in tree.keywords) and not any(k.arg == "keepdims" for k in tree.keywords):
        changed = copy.deepcopy(tree)
        changed.keywords.append(ast.keyword("keepdims", ast.Constant(value=True)))
        yield changed, f"`keepdims=True` is missing in `{_text(tree)}`"


def transposes(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """A transpose that is missing or too many, factors of a matrix product in the wrong order."""
    if isinstance(tree, ast.Attribute) and tree.attr == "T":
        yield copy.deepcopy(tree.value), f"`{_text(tree)}` where `{_text(tree.value)}` is meant"
    elif isinstance(tree, ast.Name | ast.Attribute | ast.Subscript) and isinstance(getattr(tree, "ctx", None), ast.Load):
        yield ast.Attribute(copy.deepcopy(tree), "T", ast.Load()), f"`{_text(tree)}` where `{_text(tree)}.T` is meant"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        yield ast.BinOp(copy.deepcopy(tree.right), ast.MatMult(), copy.deepcopy(tree.left)), f"the factors of `{_text(tree)}` are in the wrong order"


def operators(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """Another operator, another comparison, operands in the wrong order."""
    if isinstance(tree, ast.BinOp):
        for other in OPERATORS.get(type(tree.op), ()):
            yield ast.BinOp(copy.deepcopy(tree.left), other(), copy.deepcopy(tree.right)), f"`{SYMBOLS[type(tree.op)]}` where `{SYMBOLS[other]}` is meant in `{_text(tree)}`"
        if isinstance(tree.op, ast.Sub | ast.Div):
            yield ast.BinOp(copy.deepcopy(tree.right), tree.op, copy.deepcopy(tree.left)), f"the operands of `{_text(tree)}` are in the wrong order"
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        for compared in COMPARED.get(type(tree.ops[0]), ()):
            yield ast.Compare(copy.deepcopy(tree.left), [compared()], copy.deepcopy(tree.comparators)), f"`{SYMBOLS[type(tree.ops[0])]}` where `{SYMBOLS[compared]}` is meant in `{_text(tree)}`"


def signs(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """The opposite sign."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield copy.deepcopy(tree.operand), f"the sign of `{_text(tree)}` is flipped"
    elif isinstance(tree, ast.BinOp | ast.Call | ast.Name | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load):
        yield ast.UnaryOp(ast.USub(), copy.deepcopy(tree)), f"the sign of `{_text(tree)}` is flipped"


def superfluous(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """A factor, a term or a division that is too many."""
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
        kind = "factor" if isinstance(tree.op, ast.Mult) else "division by" if isinstance(tree.op, ast.Div) else "term"
        yield copy.deepcopy(tree.left), f"the {kind} `{_text(tree.right)}` is superfluous in `{_text(tree)}`"
        if isinstance(tree.op, ast.Add | ast.Mult):
            yield copy.deepcopy(tree.right), f"the {kind} `{_text(tree.left)}` is superfluous in `{_text(tree)}`"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.right, ast.Constant) and isinstance(tree.right.value, int):
        for change in (1, -1):
            yield ast.BinOp(copy.deepcopy(tree.left), ast.Pow(), ast.Constant(value=tree.right.value + change)), f"the exponent of `{_text(tree)}` is 1 too {'low' if change > 0 else 'high'}"


def names(tree: ast.AST, scope: Sequence[str]) -> Iterator[Change]:
    """Another name of the function is meant."""
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        for other in scope[:MOST_NAMES]:
            if other != tree.id:
                yield ast.Name(other, ast.Load()), f"`{tree.id}` where `{other}` is meant"


def factors(tree: ast.AST, scope: Sequence[str]) -> Iterator[Change]:
    """A factor or a division by a name of the function, by its length, or by 2 that is missing."""
    if not isinstance(tree, ast.BinOp | ast.Call | ast.Name | ast.Subscript | ast.Attribute) or not isinstance(getattr(tree, "ctx", ast.Load()), ast.Load):
        return
    for other in (*scope[:MOST_NAMES], *(f"{n}.shape[0]" for n in scope[:MOST_NAMES]), "2"):
        for operator, words in ((ast.Div(), f"a division by `{other}` is missing"), (ast.Mult(), f"the factor `{other}` is missing")):
            if other != _text(tree):
                yield ast.BinOp(copy.deepcopy(tree), operator, ast.parse(other, mode="eval").body), f"{words}: `{_text(tree)}`"


def squares(tree: ast.AST, _: Sequence[str]) -> Iterator[Change]:
    """A square that is missing, or of more than is meant."""
    if isinstance(tree, ast.Name | ast.Attribute | ast.Subscript) and isinstance(tree.ctx, ast.Load):
        yield ast.BinOp(copy.deepcopy(tree), ast.Pow(), ast.Constant(value=2)), f"`{_text(tree)}` should be squared"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.left, ast.BinOp):
        inner = tree.left
        moved = ast.BinOp(copy.deepcopy(inner.left), inner.op, ast.BinOp(copy.deepcopy(inner.right), ast.Pow(), copy.deepcopy(tree.right)))
        yield moved, f"`{_text(tree)}` where `{_text(moved)}` is meant"


ROWS: tuple[Row, ...] = (functions, axes, transposes, operators, signs, superfluous, squares, names, factors)


def statements(tree: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    """Edits of a statement as a whole: `=` for `+=` and the other way round."""
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name | ast.Subscript):
        for operator in (ast.Add(), ast.Sub()):
            yield ast.AugAssign(copy.deepcopy(tree.targets[0]), operator, copy.deepcopy(tree.value)), f"`=` where `{SYMBOLS[type(operator)]}=` is meant"
    if isinstance(tree, ast.AugAssign):
        yield ast.Assign([copy.deepcopy(tree.target)], copy.deepcopy(tree.value)), f"`{SYMBOLS.get(type(tree.op), '')}=` where `=` is meant"
        for other in OPERATORS.get(type(tree.op), ()):
            yield ast.AugAssign(copy.deepcopy(tree.target), other(), copy.deepcopy(tree.value)), f"`{SYMBOLS[type(tree.op)]}=` where `{SYMBOLS[other]}=` is meant"


def edits(tree: ast.stmt, scope: Sequence[str]) -> Iterator[tuple[ast.stmt, str]]:
    """Every edit of a statement, the likely ones first: the edited statement and the mistake in words."""
    yield from statements(tree)
    value = getattr(tree, "value", None)
    if not isinstance(value, ast.expr):
        return
    for row in ROWS:
        for at, node in enumerate(ast.walk(value)):
            for new, words in row(node, scope):
                yield _with(tree, at, new), words


def _with(tree: ast.stmt, at: int, new: ast.AST) -> ast.stmt:
    """The statement with the `at`-th expression of its value replaced."""
    changed = copy.deepcopy(tree)
    old = next(n for k, n in enumerate(ast.walk(changed.value)) if k == at)  # type: ignore[attr-defined]

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    changed.value = Replace().visit(changed.value)  # type: ignore[attr-defined]
    return ast.fix_missing_locations(ast.copy_location(changed, tree))
