"""Single edits of a statement of array code: the mistakes that people make, each turned back. A row yields what takes the place of an expression, and the mistake in words."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import NamedTuple, TypeAlias

Change: TypeAlias = tuple[ast.AST, str]  # what takes the place of an expression, and the mistake in words


@dataclass(frozen=True)
class Scope:
    """The names that a statement may read, the likely ones first, with what is known of them."""

    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of those that are arrays; () of numbers
    labels: tuple[str, ...] = ()  # vectors of whole numbers that are known
    counts: tuple[str, ...] = ()  # whole numbers that are known, and lengths: `N`, `x.shape[0]`

    def alike(self, name: str) -> list[str]:
        """The other names that may stand in the place of one: those of its shape, where shapes are known."""
        known = self.shapes.get(name)
        return [n for n in self.names if n != name and (known is None or self.shapes.get(n, known) == known)][:MOST_NAMES]


class Edited(NamedTuple):
    """One edit: the statement after it, the mistake in words, and the expression that is wrong; None where it is the statement as a whole."""

    statement: ast.stmt
    words: str
    wrong: ast.AST | None
    after: bool = False  # the statement is to follow the old one, instead of taking its place


Row: TypeAlias = Callable[[ast.AST, Scope], Iterator[Change]]

SWAPPED = {"sum": ("mean",), "mean": ("sum",), "max": ("min",), "min": ("max",), "maximum": ("minimum",), "minimum": ("maximum",), "std": ("var",), "var": ("std",),
           "sin": ("cos",), "cos": ("sin",), "tanh": ("cosh", "sigmoid"), "sigmoid": ("tanh",), "exp": ("log",), "log": ("exp",), "sqrt": ("square",), "square": ("sqrt",), "zeros_like": ("ones_like",), "dot": ("multiply",),
           "argmax": ("argmin",), "argmin": ("argmax",), "cumsum": ("sum",)}  # fmt: skip
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,), ast.MatMult: (ast.Mult,)}
SYMBOLS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {ast.Lt: (ast.Gt, ast.LtE), ast.LtE: (ast.GtE, ast.Lt), ast.Gt: (ast.Lt, ast.GtE), ast.GtE: (ast.LtE, ast.Gt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)}
AXES = ("0", "1", "2", "-1", "(0, 1)", "(1, 2)", "(0, 2)", "(2, 3)", "(0, 2, 3)", "(1, 2, 3)")
REDUCTIONS = frozenset(("sum", "mean", "max", "min", "var", "std", "prod", "cumsum", "argmax", "argmin", "any", "all", "softmax", "log_softmax", "logsumexp", "norm", "flip", "concatenate", "stack", "split", "repeat", "roll", "expand_dims", "squeeze"))
UNWRAPPED = frozenset(("sqrt", "exp", "log", "tanh", "sigmoid", "abs", "square", "sign", "maximum", "mean", "relu", "softmax", "transpose", "swapaxes", "flip", "roll", "log1p", "sum", "cumsum"))
LAYOUTS = ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1, 3), (0, 1, 3, 2), (0, 3, 1, 2), (0, 2, 3, 1), (1, 0, 2, 3), (3, 0, 1, 2), (1, 2, 3, 0), (3, 1, 2, 0))
MOST_NAMES = 16  # that are tried as factors and in the place of other names
MOST_COUNTS = 12
AT_WORDS = "`{}` where `np.add.at` is meant: an index that stands twice in `{}` counts once"
AXIS_WORDS, KEEP_WORDS = ("axis", "dim"), ("keepdims", "keepdim")
MODULES = frozenset(("np", "numpy", "math", "torch", "jnp", "self"))


def _text(tree: ast.AST) -> str:
    return ast.unparse(tree)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _is_value(tree: ast.AST) -> bool:
    """Whether a tree is an expression that is read."""
    return isinstance(tree, ast.BinOp | ast.UnaryOp | ast.Call | ast.Name | ast.Subscript | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load)


def _called(tree: ast.AST) -> ast.Name | ast.Attribute | None:
    return tree.func if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name | ast.Attribute) else None


def functions(tree: ast.AST, _: Scope) -> Iterator[Change]:
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


def axes(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """A reduction over another axis, an axis that is missing, `keepdims` that is missing or too many."""
    called = _called(tree)
    if called is None or not isinstance(tree, ast.Call):
        return
    yield from _axis_of_keyword(tree)
    name = called.attr if isinstance(called, ast.Attribute) else called.id
    if name not in REDUCTIONS:
        return
    position = 0 if isinstance(called, ast.Attribute) and not (isinstance(called.value, ast.Name) and called.value.id in MODULES) else 1
    if len(tree.args) > position:
        for axis in AXES:
            if axis != _text(tree.args[position]):
                changed = copy.deepcopy(tree)
                changed.args[position] = _expression(axis)
                yield changed, f"`axis={_text(tree.args[position])}` where `axis={axis}` is meant in `{_text(tree)}`"
    elif not any(k.arg in AXIS_WORDS for k in tree.keywords):
        for axis in AXES:
            for more in ((), (ast.keyword("keepdims", ast.Constant(value=True)),)):
                changed = copy.deepcopy(tree)
                changed.keywords += [ast.keyword("axis", _expression(axis)), *copy.deepcopy(more)]
                yield changed, f"`axis={axis}{', keepdims=True' if more else ''}` is missing in `{_text(tree)}`"
    if not any(k.arg in KEEP_WORDS for k in tree.keywords) and (len(tree.args) > position or any(k.arg in AXIS_WORDS for k in tree.keywords)):
        changed = copy.deepcopy(tree)
        changed.keywords.append(ast.keyword("keepdims", ast.Constant(value=True)))
        yield changed, f"`keepdims=True` is missing in `{_text(tree)}`"


def _axis_of_keyword(tree: ast.Call) -> Iterator[Change]:
    for k, keyword in enumerate(tree.keywords):
        if keyword.arg in AXIS_WORDS:
            for axis in AXES:
                if axis != _text(keyword.value):
                    changed = copy.deepcopy(tree)
                    changed.keywords[k].value = _expression(axis)
                    yield changed, f"`{keyword.arg}={_text(keyword.value)}` where `{keyword.arg}={axis}` is meant in `{_text(tree)}`"
            changed = copy.deepcopy(tree)
            del changed.keywords[k]
            yield changed, f"`{keyword.arg}={_text(keyword.value)}` is too many in `{_text(tree)}`"
        if keyword.arg in KEEP_WORDS:
            changed = copy.deepcopy(tree)
            del changed.keywords[k]
            yield changed, f"`{keyword.arg}` is too many in `{_text(tree)}`"


def transposes(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """A transpose that is missing or too many, another order of axes, factors of a matrix product in the wrong order."""
    if isinstance(tree, ast.Attribute) and tree.attr == "T":
        yield copy.deepcopy(tree.value), f"`{_text(tree)}` where `{_text(tree.value)}` is meant"
    elif _is_value(tree) and not isinstance(tree, ast.UnaryOp) and not (isinstance(tree, ast.Name) and len(scope.shapes.get(tree.id, (0, 0))) < 2):
        yield ast.Attribute(copy.deepcopy(tree), "T", ast.Load()), f"`{_text(tree)}` where `{_text(ast.Attribute(tree, 'T', ast.Load()))}` is meant"
        if isinstance(tree, ast.Name) and len(scope.shapes.get(tree.id, ())) > 2:
            dimensions = len(scope.shapes[tree.id])
            yield from _in_place_of(tree, *(f"{tree.id}.transpose{order}" for order in LAYOUTS if len(order) == dimensions))
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        yield ast.BinOp(copy.deepcopy(tree.right), ast.MatMult(), copy.deepcopy(tree.left)), f"the factors of `{_text(tree)}` are in the wrong order"
    called = _called(tree)
    if not isinstance(tree, ast.Call) or called is None:
        return
    name = called.attr if isinstance(called, ast.Attribute) else called.id
    if name in ("dot", "matmul", "outer"):
        if isinstance(called, ast.Attribute) and len(tree.args) == 1:
            yield ast.Call(ast.Attribute(copy.deepcopy(tree.args[0]), name, ast.Load()), [copy.deepcopy(called.value)], []), f"the factors of `{_text(tree)}` are in the wrong order"
        elif len(tree.args) == 2:
            yield ast.Call(copy.deepcopy(tree.func), [copy.deepcopy(tree.args[1]), copy.deepcopy(tree.args[0])], copy.deepcopy(tree.keywords)), f"the factors of `{_text(tree)}` are in the wrong order"
    if name == "transpose" and tree.args:
        given = tree.args[0].elts if isinstance(tree.args[0], ast.Tuple) else tree.args
        for order in LAYOUTS:
            if len(order) == len(given) and isinstance(called, ast.Attribute):
                yield from _in_place_of(tree, f"{_text(called)}{order}")


def _in_place_of(tree: ast.AST, *texts: str) -> Iterator[Change]:
    """Expressions that are meant where another one stands."""
    here = _text(tree)
    for text in texts:
        if text != here:
            yield _expression(text), f"`{here}` where `{text}` is meant"


def operators(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """Another operator, another comparison, operands in the wrong order."""
    if isinstance(tree, ast.BinOp):
        for other in OPERATORS.get(type(tree.op), ()):
            yield ast.BinOp(copy.deepcopy(tree.left), other(), copy.deepcopy(tree.right)), f"`{SYMBOLS[type(tree.op)]}` where `{SYMBOLS[other]}` is meant in `{_text(tree)}`"
        if isinstance(tree.op, ast.Sub | ast.Div):
            yield ast.BinOp(copy.deepcopy(tree.right), tree.op, copy.deepcopy(tree.left)), f"the operands of `{_text(tree)}` are in the wrong order"
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        for compared in COMPARED.get(type(tree.ops[0]), ()):
            yield ast.Compare(copy.deepcopy(tree.left), [compared()], copy.deepcopy(tree.comparators)), f"`{SYMBOLS[type(tree.ops[0])]}` where `{SYMBOLS[compared]}` is meant in `{_text(tree)}`"


def signs(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """The opposite sign."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield copy.deepcopy(tree.operand), f"the sign of `{_text(tree)}` is flipped"
    elif isinstance(tree, ast.BinOp | ast.Call | ast.Name | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load):
        yield ast.UnaryOp(ast.USub(), copy.deepcopy(tree)), f"the sign of `{_text(tree)}` is flipped"


def superfluous(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """A factor, a term or a division that is too many."""
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
        kind = "factor" if isinstance(tree.op, ast.Mult) else "division by" if isinstance(tree.op, ast.Div) else "term"
        yield copy.deepcopy(tree.left), f"the {kind} `{_text(tree.right)}` is superfluous in `{_text(tree)}`"
        if isinstance(tree.op, ast.Add | ast.Mult):
            yield copy.deepcopy(tree.right), f"the {kind} `{_text(tree.left)}` is superfluous in `{_text(tree)}`"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.right, ast.Constant) and isinstance(tree.right.value, int):
        for change in (1, -1):
            yield ast.BinOp(copy.deepcopy(tree.left), ast.Pow(), ast.Constant(value=tree.right.value + change)), f"the exponent of `{_text(tree)}` is 1 too {'low' if change > 0 else 'high'}"


def brackets(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """A bracket that stands elsewhere, a term inside or outside of a function, one branch of two."""
    if isinstance(tree, ast.IfExp):
        yield from _in_place_of(tree, _text(tree.body), _text(tree.orelse))
    if isinstance(tree, ast.Call) and len(tree.args) == 1 and isinstance(tree.args[0], ast.BinOp) and not tree.keywords:
        inner = tree.args[0]
        outside = ast.Call(copy.deepcopy(tree.func), [copy.deepcopy(inner.left)], [])
        yield from _in_place_of(tree, _text(ast.BinOp(outside, inner.op, inner.right)))
    if not isinstance(tree, ast.BinOp):
        return
    left, right = tree.left, tree.right
    if isinstance(left, ast.Call) and len(left.args) == 1 and not left.keywords:
        yield from _in_place_of(tree, _text(ast.Call(left.func, [ast.BinOp(left.args[0], tree.op, right)], [])))
    if isinstance(left, ast.BinOp):
        yield from _in_place_of(tree, _text(ast.BinOp(left.left, left.op, ast.BinOp(left.right, tree.op, right))))
    if isinstance(right, ast.BinOp):
        yield from _in_place_of(tree, _text(ast.BinOp(ast.BinOp(left, tree.op, right.left), right.op, right.right)))


def exchanged_names(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """Two names that stand in each other's place."""
    if not isinstance(tree, ast.BinOp | ast.Call | ast.Tuple):
        return
    found = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in MODULES)
    for a, b in combinations(found, 2):
        changed = copy.deepcopy(tree)
        for node in ast.walk(changed):
            if isinstance(node, ast.Name) and node.id in (a, b):
                node.id = b if node.id == a else a
        yield changed, f"`{a}` and `{b}` are exchanged in `{_text(tree)}`"


def names(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """Another name of the function is meant, or what is left of it to 1."""
    if isinstance(tree, ast.Subscript) and isinstance(tree.ctx, ast.Load):
        yield from _in_place_of(tree, *scope.names[:MOST_NAMES])
    if isinstance(tree, ast.List | ast.Tuple) and isinstance(tree.ctx, ast.Load) and scope.labels:
        yield from _in_place_of(tree, *(n for n in scope.names if n in scope.labels or len(scope.shapes.get(n, ())) == 2))  # noqa: PLR2004
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        for other in scope.alike(tree.id):
            yield ast.Name(other, ast.Load()), f"`{tree.id}` where `{other}` is meant"
        yield from _in_place_of(tree, f"(1 - {tree.id})", f"(1 - {tree.id}**2)", f"({tree.id} > 0)")


def factors(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """A factor or a division that is missing: by a name, a length, 2."""
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        for other in scope.counts[:MOST_COUNTS]:
            yield ast.BinOp(copy.deepcopy(tree), ast.Div(), _expression(other)), f"a division by `{other}` is missing: `{_text(tree)}`"
    if not _is_value(tree) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    lengths = () if scope.counts else tuple(f"{n}.shape[0]" for n in scope.names[:MOST_NAMES])
    for other in (*scope.counts[:MOST_COUNTS], *scope.names[:MOST_NAMES], *lengths, "2"):
        for operator, words in ((ast.Div(), f"a division by `{other}` is missing"), (ast.Mult(), f"the factor `{other}` is missing")):
            if other != _text(tree):
                yield ast.BinOp(copy.deepcopy(tree), operator, _expression(other)), f"{words}: `{_text(tree)}`"


def masks(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """A mask, a slope or a root that is missing as a factor."""
    if not _is_value(tree) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    for other in scope.names[:MOST_NAMES]:
        for text in (f"({other} > 0)", f"(1 - {other}**2)", f"({other} * (1 - {other}))", f"(1 - {other})"):
            yield ast.BinOp(copy.deepcopy(tree), ast.Mult(), _expression(text)), f"the factor `{text}` is missing: `{_text(tree)}`"
    for other in scope.names[:MOST_NAMES]:
        yield ast.BinOp(copy.deepcopy(tree), ast.Div(), _expression(f"sqrt({other})")), f"a division by `sqrt({other})` is missing: `{_text(tree)}`"
    called = _called(tree)
    if isinstance(tree, ast.Call) and called is not None and _text(called).rpartition(".")[2] in ("maximum", "relu"):
        inner = next((a for a in tree.args if not isinstance(a, ast.Constant)), tree)
        yield from _in_place_of(tree, *(f"{_text(inner)} * ({other} > 0)" for other in scope.names[:MOST_NAMES]))
    for other in scope.counts[:MOST_COUNTS]:
        yield ast.BinOp(copy.deepcopy(tree), ast.Div(), _expression(f"sqrt({other})")), f"a division by `sqrt({other})` is missing: `{_text(tree)}`"
        yield ast.BinOp(copy.deepcopy(tree), ast.Mult(), _expression(f"sqrt({other})")), f"the factor `sqrt({other})` is missing: `{_text(tree)}`"


def roots(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """A function that is too many, or a square root that is missing."""
    called = _called(tree)
    if isinstance(tree, ast.Call) and called is not None:
        name = called.attr if isinstance(called, ast.Attribute) else called.id
        is_method = isinstance(called, ast.Attribute) and not (isinstance(called.value, ast.Name) and called.value.id in MODULES)
        inner = called.value if is_method else tree.args[0] if tree.args else None  # type: ignore[union-attr]
        if name in UNWRAPPED and inner is not None:
            yield copy.deepcopy(inner), f"`{_text(tree)}` where `{_text(inner)}` is meant"
    elif _is_value(tree) and not isinstance(tree, ast.UnaryOp) and not (isinstance(tree, ast.Name) and tree.id in MODULES):
        yield from _in_place_of(tree, f"sqrt({_text(tree)})", f"exp({_text(tree)})")


def terms(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """A term that is missing: a number or an array of the same shape, or 1."""
    if not _is_value(tree) or isinstance(tree, ast.UnaryOp) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    shape = scope.shapes.get(tree.id) if isinstance(tree, ast.Name) else None
    for other in (*(n for n in scope.names[: 2 * MOST_NAMES] if shape is None or scope.shapes.get(n, ()) in (shape, ())), "1"):
        if other != _text(tree):
            for operator in (ast.Add(), ast.Sub()):
                yield ast.BinOp(copy.deepcopy(tree), operator, _expression(other)), f"the term `{SYMBOLS[type(operator)]} {other}` is missing: `{_text(tree)}`"


def constants(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """Another number: one more or less, twice or half of it, of the other sign, 0, 1, 2."""
    if not isinstance(tree, ast.Constant) or type(tree.value) not in (int, float):
        return
    value = tree.value
    for other in dict.fromkeys((value + 1, value - 1, 0, 1, 2, 0.5, value * 2, value / 2, 3, 4)):
        number = int(other) if type(value) is int and other == int(other) else other
        if number != value and (type(value) is float or isinstance(number, int) or number == 0.5):
            yield _expression(repr(number)), f"the constant `{_text(tree)}` should be {number!r}"


def slices(tree: ast.AST, scope: Scope) -> Iterator[Change]:
    """Another part of an array: a bound that is one off, missing or too many, another row, the opposite order."""
    if not isinstance(tree, ast.Subscript):
        return
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    for k, part in enumerate(parts):
        for new in _parts(part, scope):
            changed = copy.deepcopy(tree)
            if isinstance(changed.slice, ast.Tuple):
                changed.slice.elts[k] = new
            else:
                changed.slice = new
            yield changed, f"`{_text(tree)}` where `{_text(changed)}` is meant"
    if isinstance(tree.slice, ast.Tuple) and len(parts) == 2:
        changed = copy.deepcopy(tree)
        changed.slice = ast.Tuple([copy.deepcopy(parts[1]), copy.deepcopy(parts[0])], ast.Load())
        yield changed, f"`{_text(tree)}` where `{_text(changed)}` is meant"
    if isinstance(tree.ctx, ast.Load):
        yield copy.deepcopy(tree.value), f"`{_text(tree)}` where `{_text(tree.value)}` is meant"


def _parts(part: ast.expr, scope: Scope) -> Iterator[ast.expr]:
    """What may be meant in the place of an index or a slice."""
    if not isinstance(part, ast.Slice):
        if isinstance(part, ast.Name) or (isinstance(part, ast.Constant) and type(part.value) is int) or isinstance(part, ast.BinOp | ast.UnaryOp):
            for operator in (ast.Add(), ast.Sub()):
                yield ast.BinOp(copy.deepcopy(part), operator, ast.Constant(value=1))
            if isinstance(part, ast.BinOp):
                yield copy.deepcopy(part.left)
            yield ast.Slice()
            yield from (ast.Name(n, ast.Load()) for n in (*scope.labels, *scope.counts) if n.isidentifier() and n != _text(part))
        return
    if part.lower is None and part.upper is None:
        yield from (_expression(f"arange(len({y}))") for y in scope.labels)
    for bound in ("lower", "upper"):
        value = getattr(part, bound)
        for new in (None, *(() if value is None else (ast.BinOp(value, ast.Add(), ast.Constant(value=1)), ast.BinOp(value, ast.Sub(), ast.Constant(value=1)))), *map(_expression, ("1", "-1", *(c for c in scope.counts[:MOST_COUNTS] if c.isidentifier())))):
            if (new is None) != (value is None) or (new is not None and _text(new) != _text(value)):
                changed = copy.deepcopy(part)
                setattr(changed, bound, copy.deepcopy(new))
                yield changed
    if part.lower is not None and part.upper is None:
        yield ast.Slice(None, copy.deepcopy(part.lower))
        yield ast.Slice(None, ast.UnaryOp(ast.USub(), copy.deepcopy(part.lower)))
    if part.upper is not None and part.lower is None:
        yield ast.Slice(copy.deepcopy(part.upper), None)
        yield ast.Slice(ast.UnaryOp(ast.USub(), copy.deepcopy(part.upper)), None)
        if isinstance(part.upper, ast.UnaryOp):
            yield ast.Slice(copy.deepcopy(part.upper.operand), None)
    if part.lower is not None and part.upper is not None:  # (i*s, i*s + k): another step or width
        yield ast.Slice(copy.deepcopy(part.upper), copy.deepcopy(part.lower))
    changed = copy.deepcopy(part)
    changed.step = None if part.step is not None else ast.UnaryOp(ast.USub(), ast.Constant(value=1))
    yield changed


def squares(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """A square that is missing, or of more than is meant."""
    if isinstance(tree, ast.Name | ast.Attribute | ast.Subscript) and isinstance(tree.ctx, ast.Load):
        yield ast.BinOp(copy.deepcopy(tree), ast.Pow(), ast.Constant(value=2)), f"`{_text(tree)}` should be squared"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.left, ast.BinOp):
        inner = tree.left
        moved = ast.BinOp(copy.deepcopy(inner.left), inner.op, ast.BinOp(copy.deepcopy(inner.right), ast.Pow(), copy.deepcopy(tree.right)))
        yield moved, f"`{_text(tree)}` where `{_text(moved)}` is meant"


def exchanges(tree: ast.AST, _: Scope) -> Iterator[Change]:
    """Two elements of a list that are exchanged."""
    if isinstance(tree, ast.Tuple | ast.List) and isinstance(tree.ctx, ast.Load):
        for i, k in combinations(range(len(tree.elts)), 2):
            if _text(tree.elts[i]) != _text(tree.elts[k]):
                changed = copy.deepcopy(tree)
                changed.elts[i], changed.elts[k] = changed.elts[k], changed.elts[i]
                yield changed, f"`{_text(tree.elts[i])}` and `{_text(tree.elts[k])}` are exchanged in `{_text(tree)}`"


LIKELY: tuple[Row, ...] = (functions, axes, transposes, operators, signs, superfluous, exchanges, squares, brackets, slices, names)
RARE: tuple[Row, ...] = (exchanged_names, factors, roots, masks, terms, constants)
ROWS = (*LIKELY, *RARE)


def statements(tree: ast.stmt, scope: Scope) -> Iterator[tuple[ast.stmt, str]]:
    """Edits of a statement as a whole: `=` for `+=` and the other way round."""
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name | ast.Subscript):
        for operator in (ast.Add(), ast.Sub()):
            yield ast.AugAssign(copy.deepcopy(tree.targets[0]), operator, copy.deepcopy(tree.value)), f"`=` where `{SYMBOLS[type(operator)]}=` is meant"
        if isinstance(tree.targets[0], ast.Subscript) and not any(isinstance(n, ast.Slice) for n in ast.walk(tree.targets[0].slice)):
            yield _statement(f"np.add.at({_text(tree.targets[0].value)}, {_text(tree.targets[0].slice)}, {_text(tree.value)})"), AT_WORDS.format("=", _text(tree.targets[0].slice))
    if isinstance(tree, ast.AugAssign) and isinstance(tree.target, ast.Subscript) and isinstance(tree.op, ast.Add) and not any(isinstance(n, ast.Slice) for n in ast.walk(tree.target.slice)):
        yield _statement(f"np.add.at({_text(tree.target.value)}, {_text(tree.target.slice)}, {_text(tree.value)})"), AT_WORDS.format("+=", _text(tree.target.slice))
    if isinstance(tree, ast.AugAssign):
        yield ast.Assign([copy.deepcopy(tree.target)], copy.deepcopy(tree.value)), f"`{SYMBOLS.get(type(tree.op), '')}=` where `=` is meant"
        for other in OPERATORS.get(type(tree.op), ()):
            yield ast.AugAssign(copy.deepcopy(tree.target), other(), copy.deepcopy(tree.value)), f"`{SYMBOLS[type(tree.op)]}=` where `{SYMBOLS[other]}=` is meant"
        yield ast.Pass(), "this statement is superfluous"


def missing(tree: ast.stmt, scope: Scope) -> Iterator[tuple[ast.stmt, str]]:
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


def edits(tree: ast.stmt, scope: Sequence[str]) -> Iterator[tuple[ast.stmt, str]]:
    """Every edit of a statement that takes its place, the likely ones first: the edited statement and the mistake in words."""
    for e in changes(tree, Scope(tuple(scope))):
        if not e.after:
            yield _placed(copy.deepcopy(e.statement), tree), e.words


def changes(tree: ast.stmt, scope: Scope, rows: Sequence[Row] = ROWS) -> Iterator[Edited]:
    """Every edit of a statement, the likely ones first. One of an expression is made in the tree itself, and taken back before the next one."""
    if isinstance(tree, ast.For):
        yield from _headers(tree)
        return
    for new, words in statements(tree, scope) if functions in rows else ():
        yield Edited(_placed(new, tree), words, None)
    value = getattr(tree, "value", None)
    parts = [] if not isinstance(value, ast.expr) else list(ast.walk(value))
    targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target] if isinstance(tree, ast.AugAssign) else []
    stored = [n for t in targets for n in ast.walk(t) if isinstance(n, ast.Subscript)]
    inside = [n for s in stored for n in ast.walk(s.slice)]
    holders = _holders(tree)
    for row in rows:
        if row is factors:
            for new, words in missing(tree, scope):
                yield Edited(_placed(new, tree), words, None, after=True)
        for node in (*parts, *(stored if row is slices else inside if row in (names, operators) else ())):
            put = holders.get(id(node))
            if put is None:
                continue
            for changed, words in row(node, scope):
                put(ast.fix_missing_locations(ast.copy_location(changed, node)) if hasattr(node, "lineno") else changed)
                try:
                    yield Edited(tree, words, node)
                finally:
                    put(node)


def _headers(tree: ast.For) -> Iterator[Edited]:
    """A loop the other way round, one round shorter or longer."""
    old, here = tree.iter, _text(tree.iter)
    called = _called(old)
    if isinstance(old, ast.Call) and isinstance(called, ast.Name) and old.args:
        texts = [_text(old.args[0])] if called.id == "reversed" else [f"reversed({here})"]
        texts += [f"range({', '.join(new)})" for new in _bounds([_text(a) for a in old.args])] if called.id == "range" else []
        texts += [f"reversed({_text(e.statement.iter)})" for e in _headers(ast.For(tree.target, old.args[0], [], [])) if isinstance(e.statement, ast.For)] if called.id == "reversed" and isinstance(old.args[0], ast.Call) else []
        for text in texts:
            tree.iter = ast.copy_location(_expression(text), old)
            try:
                yield Edited(tree, f"`{here}` where `{text}` is meant", old)
            finally:
                tree.iter = old


def _bounds(args: list[str]) -> Iterator[list[str]]:
    for k, a in enumerate(args[:2]):
        yield [*args[:k], f"{a} - 1", *args[k + 1 :]]
        yield [*args[:k], f"{a} + 1", *args[k + 1 :]]
    if len(args) == 1:
        yield ["1", args[0]]
    elif len(args) == 2:  # noqa: PLR2004
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


def _placed(new: ast.stmt, old: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(new, old))
