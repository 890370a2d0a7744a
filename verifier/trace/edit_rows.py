"""The mistakes that people make in expressions of array code, each turned back. A row yields what takes the place of an expression, and the mistake in words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import TypeAlias, TypeGuard, TypeVar

Change: TypeAlias = tuple[ast.AST, str]  # what takes the place of an expression, and the mistake in words


@dataclass(frozen=True)
class ReadableNames:
    """The names that a statement may read, the likely ones first, with what is known of them."""

    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of those that are arrays; () of numbers
    labels: tuple[str, ...] = ()  # vectors of whole numbers that are known
    counts: tuple[str, ...] = ()  # whole numbers that are known, and lengths: `N`, `x.shape[0]`
    numbers: tuple[str, ...] = ()  # that stand in the code, such as 1.702
    elements: tuple[str, ...] = ()  # of arrays and lists, as the code reads them: `r[i][j]`

    def alike(self, name: str) -> list[str]:
        """The other names that may stand in the place of one: those of its shape, where shapes are known."""
        known = self.shapes.get(name)
        return [n for n in self.names if n != name and (known is None or self.shapes.get(n, known) == known)][:MOST_NAMES]

    def spread(self, written: str = "{}") -> Iterator[str]:
        """The vectors, each as an array with more axes, as many as another array has: `g[None, :, None]`. `written` is how a vector stands there."""
        most = max((len(s) for s in self.shapes.values()), default=0)
        for name in self.names[:MOST_NAMES]:
            if len(self.shapes.get(name, ())) == 1:
                yield from (f"{written.format(name)}[{index}]" for index, axes in SPREAD if axes <= most)


EditRow: TypeAlias = Callable[[ast.AST, ReadableNames], Iterator[Change]]

SWAPPED = {"sum": ("mean",), "mean": ("sum",), "max": ("min",), "min": ("max",), "maximum": ("minimum",), "minimum": ("maximum",), "std": ("var",), "var": ("std",),
           "sin": ("cos",), "cos": ("sin",), "tanh": ("cosh", "sigmoid"), "sigmoid": ("tanh",), "exp": ("log",), "log": ("exp",), "sqrt": ("square",), "square": ("sqrt",), "zeros_like": ("ones_like",), "dot": ("multiply",),
           "argmax": ("argmin",), "argmin": ("argmax",), "cumsum": ("sum",), "fft": ("ifft",), "ifft": ("fft",)}  # fmt: skip
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,), ast.MatMult: (ast.Mult,)}
SYMBOLS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {ast.Lt: (ast.Gt, ast.LtE), ast.LtE: (ast.GtE, ast.Lt), ast.Gt: (ast.Lt, ast.GtE), ast.GtE: (ast.LtE, ast.Gt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)}
AXES = ("0", "1", "2", "-1", "(0, 1)", "(1, 2)", "(0, 2)", "(2, 3)", "(0, 2, 3)", "(1, 2, 3)")
REDUCTIONS = frozenset(("sum", "mean", "max", "min", "var", "std", "prod", "cumsum", "argmax", "argmin", "any", "all", "softmax", "log_softmax", "logsumexp", "norm", "flip", "concatenate", "stack", "split", "repeat", "roll", "expand_dims", "squeeze"))
UNWRAPPED = frozenset(("sqrt", "exp", "log", "tanh", "sigmoid", "abs", "square", "sign", "maximum", "mean", "relu", "softmax", "transpose", "swapaxes", "log1p", "sum", "cumsum"))
MOVING = frozenset(("flip", "roll"))
LAYOUTS = ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1, 3), (0, 1, 3, 2), (0, 3, 1, 2), (0, 2, 3, 1), (1, 0, 2, 3), (3, 0, 1, 2), (1, 2, 3, 0), (3, 1, 2, 0))
TRANSPOSING = (("t", 0), ("transpose", 0), ("transpose", 2), ("swapaxes", 2))  # methods that exchange two axes, and how many arguments they have then
MOST_NAMES = 16  # that are tried as factors and in the place of other names
MOST_COUNTS = 12
MOST_COMPARED = 6  # arrays that are compared with each other for a mask
TERM = "the term `"  # of a term that is missing
AT_WORDS = "`{}` where `np.add.at` is meant: an index that stands twice in `{}` counts once"
SPREAD = ((":, None", 2), ("None, :, None", 3), (":, None, None", 3), ("None, :, None, None", 4), (":, None, None, None", 4))  # and how many axes that makes
AXIS_WORDS, KEEP_WORDS = ("axis", "dim"), ("keepdims", "keepdim")
MODULES = frozenset(("np", "numpy", "math", "torch", "F", "jax", "jnp", "lax", "nn", "self"))


Copied = TypeVar("Copied")


def copied(tree: Copied) -> Copied:
    """A tree, or a list of trees, that shares nothing with this one but what has no parts, such as an operator: `copy.deepcopy`, which takes ten times as long."""
    if isinstance(tree, list):
        return [copied(t) for t in tree]  # type: ignore[return-value]
    if not isinstance(tree, ast.AST) or not tree._fields:
        return tree
    found = tree.__class__.__new__(tree.__class__)
    vars(found).update((name, copied(value)) for name, value in vars(tree).items())
    return found


def text(tree: ast.AST) -> str:
    """A tree as it is written."""
    return ast.unparse(tree)


def expression(written: str) -> ast.expr:
    """The tree of an expression."""
    return ast.parse(written, mode="eval").body


def _is_value(tree: ast.AST) -> TypeGuard[ast.expr]:
    """Whether a tree is an expression that is read."""
    return isinstance(tree, ast.BinOp | ast.UnaryOp | ast.Call | ast.Name | ast.Subscript | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load)


def called(tree: ast.AST) -> ast.Name | ast.Attribute | None:
    """The function or method of a call."""
    return tree.func if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name | ast.Attribute) else None


def functions(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """`mean` for `sum`, `min` for `max`, and the like."""
    function = called(tree)
    if function is None:
        return
    name = function.attr if isinstance(function, ast.Attribute) else function.id
    for other in SWAPPED.get(name, ()):
        changed = copied(tree)
        inner = called(changed)
        if isinstance(inner, ast.Attribute):
            inner.attr = other
        elif inner is not None:
            inner.id = other
        yield changed, f"`{name}` where `{other}` is meant in `{text(tree)}`"


def reversed_sums(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A cumulative sum whose backward pass must add up from the other end."""
    function = called(tree)
    if not isinstance(tree, ast.Call) or not isinstance(function, ast.Attribute) or function.attr != "cumsum":
        return
    library = text(function.value) if isinstance(function.value, ast.Name) and function.value.id in MODULES else ""
    axis = next((text(k.value) for k in tree.keywords if k.arg in AXIS_WORDS), text(tree.args[-1]) if len(tree.args) > bool(library) else "")
    summed = tree.args[0] if library and tree.args else function.value
    if not axis:
        if len(tree.args) == bool(library) and library != "torch":  # of a vector
            inner = text(summed) if isinstance(summed, ast.Name) else f"({text(summed)})"
            changed = expression(f"{library}.cumsum({inner}[::-1])[::-1]" if library else f"{inner}[::-1].cumsum()[::-1]")
            yield changed, f"`{text(tree)}` where the sum from the other end is meant, `{text(changed)}`"
        return
    axes_of = f"({axis},)" if library == "torch" else axis

    def flipped(inner: str) -> str:
        return f"{library}.flip({inner}, {axes_of})" if library else f"{inner}.flip({axis})"

    inner = text(summed) if library or isinstance(summed, ast.Name) else f"({text(summed)})"
    total = f"{library}.cumsum({flipped(inner)}, {axis})" if library else f"{flipped(inner)}.cumsum({axis})"
    changed = expression(flipped(total))
    yield changed, f"`{text(tree)}` where the sum from the other end is meant, `{text(changed)}`"


def axes(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A reduction over another axis, an axis that is missing, `keepdims` that is missing or too many; elements that are moved along an axis, and should not be."""
    function = called(tree)
    if function is None or not isinstance(tree, ast.Call):
        return
    name = function.attr if isinstance(function, ast.Attribute) else function.id
    if name in MOVING and (inner := _applied_to(tree, function)) is not None:  # before another axis: along one of length 1 nothing moves
        yield copied(inner), f"`{text(tree)}` where `{text(inner)}` is meant"
    yield from _axis_of_keyword(tree)
    if name not in REDUCTIONS:
        return
    position = 0 if isinstance(function, ast.Attribute) and not (isinstance(function.value, ast.Name) and function.value.id in MODULES) else 1
    if len(tree.args) > position:
        for axis in AXES:
            if axis != text(tree.args[position]):
                changed = copied(tree)
                changed.args[position] = expression(axis)
                yield changed, f"`axis={text(tree.args[position])}` where `axis={axis}` is meant in `{text(tree)}`"
    elif not any(k.arg in AXIS_WORDS for k in tree.keywords):
        for axis in AXES:
            for more in ((), (ast.keyword("keepdims", ast.Constant(value=True)),)):
                changed = copied(tree)
                changed.keywords += [ast.keyword("axis", expression(axis)), *copied(more)]
                yield changed, f"`axis={axis}{', keepdims=True' if more else ''}` is missing in `{text(tree)}`"
    if not any(k.arg in KEEP_WORDS for k in tree.keywords) and (len(tree.args) > position or any(k.arg in AXIS_WORDS for k in tree.keywords)):
        changed = copied(tree)
        changed.keywords.append(ast.keyword("keepdims", ast.Constant(value=True)))
        yield changed, f"`keepdims=True` is missing in `{text(tree)}`"


def _axis_of_keyword(tree: ast.Call) -> Iterator[Change]:
    for k, keyword in enumerate(tree.keywords):
        if keyword.arg in AXIS_WORDS:
            for axis in AXES:
                if axis != text(keyword.value):
                    changed = copied(tree)
                    changed.keywords[k].value = expression(axis)
                    yield changed, f"`{keyword.arg}={text(keyword.value)}` where `{keyword.arg}={axis}` is meant in `{text(tree)}`"
            changed = copied(tree)
            del changed.keywords[k]
            yield changed, f"`{keyword.arg}={text(keyword.value)}` is superfluous in `{text(tree)}`"
        if keyword.arg in KEEP_WORDS:
            changed = copied(tree)
            del changed.keywords[k]
            yield changed, f"`{keyword.arg}` is superfluous in `{text(tree)}`"


def transposes(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A transpose that is missing or too many, another order of axes, factors of a matrix product in the wrong order."""
    whole = _untransposed(tree)
    if whole is not None:
        yield copied(whole), f"`{text(tree)}` where `{text(whole)}` is meant"
    elif _is_value(tree) and not isinstance(tree, ast.UnaryOp) and not (isinstance(tree, ast.Name) and len(scope.shapes.get(tree.id, (0, 0))) < 2):
        yield ast.Attribute(copied(tree), "T", ast.Load()), f"`{text(tree)}` where `{text(ast.Attribute(tree, 'T', ast.Load()))}` is meant"
        if isinstance(tree, ast.Name) and len(scope.shapes.get(tree.id, ())) > 2:
            dimensions = len(scope.shapes[tree.id])
            yield from _in_place_of(tree, f"{tree.id}.mT", *(f"{tree.id}.transpose{order}" for order in LAYOUTS if len(order) == dimensions))
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        yield ast.BinOp(copied(tree.right), ast.MatMult(), copied(tree.left)), f"the factors of `{text(tree)}` are in the wrong order"
    function = called(tree)
    if not isinstance(tree, ast.Call) or function is None:
        return
    name = function.attr if isinstance(function, ast.Attribute) else function.id
    if name in ("dot", "matmul", "outer"):
        if isinstance(function, ast.Attribute) and len(tree.args) == 1:
            yield ast.Call(ast.Attribute(copied(tree.args[0]), name, ast.Load()), [copied(function.value)], []), f"the factors of `{text(tree)}` are in the wrong order"
        elif len(tree.args) == 2:
            yield ast.Call(copied(tree.func), [copied(tree.args[1]), copied(tree.args[0])], copied(tree.keywords)), f"the factors of `{text(tree)}` are in the wrong order"
    if name == "transpose" and tree.args:
        given = tree.args[0].elts if isinstance(tree.args[0], ast.Tuple) else tree.args
        for order in LAYOUTS:
            if len(order) == len(given) and isinstance(function, ast.Attribute):
                yield from _in_place_of(tree, f"{text(function)}{order}")


def _untransposed(tree: ast.AST) -> ast.expr | None:
    """What is transposed, where an expression is a transpose: `x.T`, `x.mT`, `x.t()`, `x.transpose(0, 1)`."""
    if isinstance(tree, ast.Attribute):
        return tree.value if tree.attr in ("T", "mT") else None
    function = called(tree)
    if not isinstance(tree, ast.Call) or not isinstance(function, ast.Attribute) or (isinstance(function.value, ast.Name) and function.value.id in MODULES):
        return None
    return function.value if (function.attr, len(tree.args)) in TRANSPOSING else None


def _in_place_of(tree: ast.AST, *texts: str) -> Iterator[Change]:
    """Expressions that are meant where another one stands."""
    here = text(tree)
    for new in texts:
        if new != here:
            yield expression(new), f"`{here}` where `{new}` is meant"


def operators(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """Another operator, another comparison, operands in the wrong order."""
    if isinstance(tree, ast.BinOp):
        is_multiple = isinstance(tree.op, ast.Mult) and any(isinstance(side, ast.Constant) for side in (tree.left, tree.right))
        for other in OPERATORS.get(type(tree.op), ()):
            if is_multiple and other is ast.Div:  # with lengths of 2 and 4 it would stand for a division by a length
                continue
            if other is ast.Mult and any(isinstance(side, ast.Constant) and side.value == 1 for side in (tree.left, tree.right)):  # that is the other side alone
                continue
            yield ast.BinOp(copied(tree.left), other(), copied(tree.right)), f"`{SYMBOLS[type(tree.op)]}` where `{SYMBOLS[other]}` is meant in `{text(tree)}`"
        if isinstance(tree.op, ast.Sub | ast.Div):
            yield ast.BinOp(copied(tree.right), tree.op, copied(tree.left)), f"the operands of `{text(tree)}` are in the wrong order"
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        for compared in COMPARED.get(type(tree.ops[0]), ()):
            yield ast.Compare(copied(tree.left), [compared()], copied(tree.comparators)), f"`{SYMBOLS[type(tree.ops[0])]}` where `{SYMBOLS[compared]}` is meant in `{text(tree)}`"


def signs(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """The opposite sign."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield copied(tree.operand), f"the sign of `{text(tree)}` is flipped"
    elif isinstance(tree, ast.BinOp | ast.Call | ast.Name | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load):
        yield ast.UnaryOp(ast.USub(), copied(tree)), f"the sign of `{text(tree)}` is flipped"


def conjugates(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A conjugate that is missing in what is transformed, or too many."""
    function = called(tree)
    if function is None or not isinstance(tree, ast.Call):
        return
    own = function.attr if isinstance(function, ast.Attribute) else function.id
    if own in ("conj", "conjugate"):
        is_method = isinstance(function, ast.Attribute) and not (isinstance(function.value, ast.Name) and function.value.id in MODULES)
        inner = function.value if isinstance(function, ast.Attribute) and is_method else tree.args[0] if tree.args else None
        if inner is not None:
            yield copied(inner), f"the conjugate is superfluous: `{text(tree)}`"
    if "fft" in own and tree.args:
        whole = copied(tree)
        holders = [(parent, name, k) for parent in ast.walk(whole) for name, value in ast.iter_fields(parent) for k, _ in enumerate(value if isinstance(value, list) else [value])]
        for parent, name, k in holders:
            value = getattr(parent, name)
            node = value[k] if isinstance(value, list) else value
            if name == "func" or not isinstance(node, ast.Name | ast.Call) or (isinstance(node, ast.Name) and node.id in MODULES):
                continue
            new = expression(f"{text(node)}.conj()")
            setattr(parent, name, [*value[:k], new, *value[k + 1 :]] if isinstance(value, list) else new)
            yield copied(whole), f"the conjugate of `{text(node)}` is missing: `{text(tree)}`"
            setattr(parent, name, value)


def superfluous(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A factor, a term or a division that is too many."""
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
        kind = "factor" if isinstance(tree.op, ast.Mult) else "division by" if isinstance(tree.op, ast.Div) else "term"
        yield copied(tree.left), f"the {kind} `{text(tree.right)}` is superfluous in `{text(tree)}`"
        if isinstance(tree.op, ast.Add | ast.Mult):
            yield copied(tree.right), f"the {kind} `{text(tree.left)}` is superfluous in `{text(tree)}`"
        elif isinstance(tree.op, ast.Sub) and isinstance(tree.left, ast.Constant):
            yield copied(tree.right), f"`{text(tree)}` where `{text(tree.right)}` is meant"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.right, ast.Constant) and isinstance(tree.right.value, int):
        for change in (1, -1):
            yield ast.BinOp(copied(tree.left), ast.Pow(), ast.Constant(value=tree.right.value + change)), f"the exponent of `{text(tree)}` is 1 too {'low' if change > 0 else 'high'}"


def brackets(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A bracket that stands elsewhere, a term inside or outside of a function, one branch of two."""
    if isinstance(tree, ast.IfExp):
        yield from _in_place_of(tree, text(tree.body), text(tree.orelse))
    if isinstance(tree, ast.Call) and len(tree.args) == 1 and isinstance(tree.args[0], ast.BinOp) and not tree.keywords:
        inner = tree.args[0]
        outside = ast.Call(copied(tree.func), [copied(inner.left)], [])
        yield from _in_place_of(tree, text(ast.BinOp(outside, inner.op, inner.right)))
    if not isinstance(tree, ast.BinOp):
        return
    left, right = tree.left, tree.right
    if isinstance(left, ast.Call) and len(left.args) == 1 and not left.keywords:
        yield from _in_place_of(tree, text(ast.Call(left.func, [ast.BinOp(left.args[0], tree.op, right)], [])))
    if isinstance(left, ast.BinOp):
        yield from _in_place_of(tree, text(ast.BinOp(left.left, left.op, ast.BinOp(left.right, tree.op, right))))
    if isinstance(right, ast.BinOp):
        yield from _in_place_of(tree, text(ast.BinOp(ast.BinOp(left, tree.op, right.left), right.op, right.right)))


def exchanged_names(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """Two names that stand in each other's place."""
    if not isinstance(tree, ast.BinOp | ast.Call | ast.Tuple):
        return
    found = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in MODULES)
    for a, b in combinations(found, 2):
        changed = copied(tree)
        for node in ast.walk(changed):
            if isinstance(node, ast.Name) and node.id in (a, b):
                node.id = b if node.id == a else a
        yield changed, f"`{a}` and `{b}` are exchanged in `{text(tree)}`"


def names(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """Another name of the function is meant, or what is left of it to 1."""
    if isinstance(tree, ast.Subscript) and isinstance(tree.ctx, ast.Load):
        yield from _in_place_of(tree, *scope.names[:MOST_NAMES])
    if isinstance(tree, ast.List | ast.Tuple) and isinstance(tree.ctx, ast.Load) and scope.labels:
        yield from _in_place_of(tree, *(n for n in scope.names if n in scope.labels or len(scope.shapes.get(n, ())) == 2))
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        for other in scope.alike(tree.id):
            yield ast.Name(other, ast.Load()), f"`{tree.id}` where `{other}` is meant"
        yield from _in_place_of(tree, f"(1 - {tree.id})", f"(1 + {tree.id})", f"(1 - {tree.id}**2)", f"({tree.id} > 0)")


def factors(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A factor or a division that is missing: by a name, a length, 2."""
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        for other in scope.counts[:MOST_COUNTS]:
            yield ast.BinOp(copied(tree), ast.Div(), expression(other)), f"a division by `{other}` is missing: `{text(tree)}`"
    if not _is_value(tree) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    if _is_square(tree) or (isinstance(tree, ast.UnaryOp) and _is_square(tree.operand)):  # half of a square, before a length that is 2
        yield ast.BinOp(copied(tree), ast.Div(), ast.Constant(value=2)), f"a division by `2` is missing: `{text(tree)}`"
    squared = tuple(f"{c}**2" for c in scope.counts[:MOST_COUNTS] if c.isidentifier())
    lengths = () if scope.counts else tuple(f"{n}.shape[0]" for n in scope.names[:MOST_NAMES])
    slope = () if scope.counts else ("2",)  # of a square, also where a length is 2: a sum is divided by a length
    for other in (*scope.counts[:MOST_COUNTS], *scope.numbers, *scope.names[:MOST_NAMES], *slope, *lengths, "2", *squared, *scope.spread()):
        for operator, words in ((ast.Div(), f"a division by `{other}` is missing"), (ast.Mult(), f"the factor `{other}` is missing")):
            if other != text(tree):
                yield ast.BinOp(copied(tree), operator, expression(other)), f"{words}: `{text(tree)}`"


def _is_square(tree: ast.AST) -> bool:
    return isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.right, ast.Constant) and tree.right.value == 2


def products(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A matrix that is missing as a factor: `A @ X` where `X` stands. The sum of a matrix and its transpose, as in the gradient of a form."""
    doubled = tree.right if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult) and isinstance(tree.left, ast.Constant) and tree.left.value == 2 else tree
    if isinstance(tree, ast.Name | ast.BinOp) and isinstance(doubled, ast.Name) and len(form := scope.shapes.get(doubled.id, ())) == 2 and form[0] == form[1]:
        yield from _in_place_of(tree, f"({doubled.id} + {doubled.id}.T)")
    if not isinstance(tree, ast.Name) or not isinstance(tree.ctx, ast.Load) or len(shape := scope.shapes.get(tree.id, ())) != 2:
        return
    for other in scope.names[:MOST_NAMES]:
        if other == tree.id or len(of := scope.shapes.get(other, ())) != 2:
            continue
        for factor, rows, columns in ((other, *of), (f"{other}.T", *reversed(of))):
            yield from _in_place_of(tree, *([f"({factor} @ {tree.id})"] if columns == shape[0] else ()), *([f"({tree.id} @ {factor})"] if shape[1] == rows else ()))


def masks(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A mask, a slope or a root that is missing as a factor."""
    if not _is_value(tree) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    for other in scope.names[:MOST_NAMES]:
        for factor in (f"({other} > 0)", f"(1 - {other}**2)", f"({other} * (1 - {other}))", f"(1 - {other})", f"sign({other})"):
            yield ast.BinOp(copied(tree), ast.Mult(), expression(factor)), f"the factor `{factor}` is missing: `{text(tree)}`"
    compared = scope.alike(tree.id)[:MOST_COMPARED] if isinstance(tree, ast.Name) and tree.id in scope.shapes else []
    for a, b in permutations(compared, 2):
        for factor in (f"({a} > {b})", *((f"({a} == {b})",) if a < b else ())):
            yield ast.BinOp(copied(tree), ast.Mult(), expression(factor)), f"the factor `{factor}` is missing: `{text(tree)}`"
    for factor in scope.spread("({} > 0)"):
        yield ast.BinOp(copied(tree), ast.Mult(), expression(factor)), f"the factor `{factor}` is missing: `{text(tree)}`"
    for other in scope.names[:MOST_NAMES]:
        yield ast.BinOp(copied(tree), ast.Div(), expression(f"sqrt({other})")), f"a division by `sqrt({other})` is missing: `{text(tree)}`"
    function = called(tree)
    if isinstance(tree, ast.Call) and function is not None and text(function).rpartition(".")[2] in ("maximum", "relu"):
        inner = next((a for a in tree.args if not isinstance(a, ast.Constant)), tree)
        yield from _in_place_of(tree, *(f"{text(inner)} * ({other} > 0)" for other in scope.names[:MOST_NAMES]))
    for other in scope.counts[:MOST_COUNTS]:
        yield ast.BinOp(copied(tree), ast.Div(), expression(f"sqrt({other})")), f"a division by `sqrt({other})` is missing: `{text(tree)}`"
        yield ast.BinOp(copied(tree), ast.Mult(), expression(f"sqrt({other})")), f"the factor `sqrt({other})` is missing: `{text(tree)}`"


def roots(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A function that is too many, or a square root that is missing."""
    function = called(tree)
    if isinstance(tree, ast.Call) and function is not None:
        name = function.attr if isinstance(function, ast.Attribute) else function.id
        inner = _applied_to(tree, function)
        if name in UNWRAPPED and inner is not None:
            yield copied(inner), f"`{text(tree)}` where `{text(inner)}` is meant"
    elif _is_value(tree) and not isinstance(tree, ast.UnaryOp) and not (isinstance(tree, ast.Name) and tree.id in MODULES):
        yield from _in_place_of(tree, f"sqrt({text(tree)})", f"exp({text(tree)})", *((f"np.sign({tree.id})", f"np.abs({tree.id})") if isinstance(tree, ast.Name) else ()))


def _applied_to(tree: ast.Call, function: ast.Attribute | ast.Name) -> ast.expr | None:
    """What a method, or the function of a module, is applied to."""
    is_method = isinstance(function, ast.Attribute) and not (isinstance(function.value, ast.Name) and function.value.id in MODULES)
    return function.value if is_method else tree.args[0] if tree.args else None  # type: ignore[union-attr]


def terms(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A term that is missing: a number or an array of the same shape, or 1."""
    if not _is_value(tree) or isinstance(tree, ast.UnaryOp) or (isinstance(tree, ast.Name) and tree.id in MODULES):
        return
    shape = scope.shapes.get(tree.id) if isinstance(tree, ast.Name) else None
    for other in (*(n for n in scope.names[: 2 * MOST_NAMES] if shape is None or scope.shapes.get(n, ()) in (shape, ())), "1"):
        if other != text(tree):
            if shape is None and len(scope.shapes.get(other, ())):
                yield from _in_place_of(tree, text(ast.BinOp(expression(other), ast.Sub(), tree)))
            for operator in (ast.Add(), ast.Sub()):
                yield ast.BinOp(copied(tree), operator, expression(other)), f"{TERM}{SYMBOLS[type(operator)]} {other}` is missing: `{text(tree)}`"


def constants(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """Another number: one more or less, twice or half of it, 0, 1, 2, 3, 4; or a name."""
    if not isinstance(tree, ast.Constant) or isinstance(tree.value, bool) or not isinstance(tree.value, int | float):
        return
    value = tree.value
    for other in dict.fromkeys((value + 1, value - 1, 0, 1, 2, 0.5, value * 2, value / 2, 3, 4)):
        number = int(other) if type(value) is int and other == int(other) else other
        if number != value and (type(value) is float or isinstance(number, int) or number == 0.5):
            yield expression(repr(number)), f"the constant `{text(tree)}` should be {number!r}"
    yield from _in_place_of(tree, *(c for c in scope.counts[:MOST_COUNTS] if c.isidentifier()), *scope.names[:MOST_NAMES], *scope.spread())


def divisors(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A division by another whole number than is written."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div) and isinstance(tree.right, ast.Constant) and isinstance(tree.right.value, int | float):
        value = float(tree.right.value)
        for other in dict.fromkeys((value * 2, value * value, value / 2, value + 1, value - 1)):
            if other not in (0, 1, value) and other == int(other):
                yield ast.BinOp(copied(tree.left), ast.Div(), ast.Constant(value=int(other))), f"the constant `{text(tree.right)}` should be {int(other)}"


def slices(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """Another part of an array: a bound that is one off, missing or too many, another row, the opposite order."""
    if not isinstance(tree, ast.Subscript):
        return
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    for k, part in enumerate(parts):
        for new in _parts(part, scope):
            changed = copied(tree)
            if isinstance(changed.slice, ast.Tuple):
                changed.slice.elts[k] = new
            else:
                changed.slice = new
            yield changed, f"`{text(tree)}` where `{text(changed)}` is meant"
    for first, second in combinations(range(len(parts)), 2) if isinstance(tree.slice, ast.Tuple) else ():
        if text(parts[first]) == text(parts[second]):
            continue
        changed = copied(tree)
        assert isinstance(changed.slice, ast.Tuple)
        changed.slice.elts[first], changed.slice.elts[second] = copied(parts[second]), copied(parts[first])
        yield changed, f"`{text(tree)}` where `{text(changed)}` is meant"
    if isinstance(tree.ctx, ast.Load):
        yield copied(tree.value), f"`{text(tree)}` where `{text(tree.value)}` is meant"


def _renamed(part: ast.expr, scope: ReadableNames) -> Iterator[ast.expr]:
    """An index or a slice with another counter in the place of one, wherever it stands in it; `n:n + 1` of a counter for one of numbers."""
    counters = [c for c in scope.counts if c.isidentifier()]
    yield from _strided(part, counters)
    if isinstance(part, ast.Name):
        return
    for name in dict.fromkeys(n.id for n in ast.walk(part) if isinstance(n, ast.Name) and n.id in counters):
        for other in counters:
            if other != name:
                changed = copied(part)
                for n in ast.walk(changed):
                    if isinstance(n, ast.Name) and n.id == name:
                        n.id = other
                yield changed
    if isinstance(part, ast.Slice) and isinstance(part.lower, ast.Constant) and isinstance(part.upper, ast.Constant):
        yield from (ast.Slice(ast.Name(c, ast.Load()), expression(f"{c} + 1")) for c in counters)


def _strided(part: ast.expr, counters: Sequence[str]) -> Iterator[ast.expr]:
    """An index or a slice with a counter times a length in the place of the counter, wherever it stands in it, and the other way round: `k*d:k*d + n` for `k:k + n`."""
    read = dict.fromkeys(n.id for n in ast.walk(part) if isinstance(n, ast.Name) and n.id in counters)
    products_in = dict.fromkeys(text(n) for n in ast.walk(part) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult) and isinstance(n.left, ast.Name) and n.left.id in counters)
    for old, new in [*((a, f"{a} * {b}") for a in read for b in counters if b != a), *((p, p.partition(" * ")[0]) for p in products_in)]:
        changed = _Exchanged(old, new).visit(copied(part))
        assert isinstance(changed, ast.expr)
        yield changed


class _Exchanged(ast.NodeTransformer):
    """Puts one expression in the place of every other one that is written alike."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return expression(self.new) if isinstance(node, ast.Name | ast.BinOp) and text(node) == self.old else self.generic_visit(node)


def _parts(part: ast.expr, scope: ReadableNames) -> Iterator[ast.expr]:
    """What may be meant in the place of an index or a slice."""
    yield from _renamed(part, scope)
    if not isinstance(part, ast.Slice):
        if isinstance(part, ast.Name) or (isinstance(part, ast.Constant) and type(part.value) is int) or isinstance(part, ast.BinOp | ast.UnaryOp):
            for operator in (ast.Add(), ast.Sub()):
                yield ast.BinOp(copied(part), operator, ast.Constant(value=1))
            if isinstance(part, ast.BinOp):
                yield copied(part.left)
            yield ast.Slice()
            yield from (ast.Name(n, ast.Load()) for n in (*scope.labels, *scope.counts) if n.isidentifier() and n != text(part))
        return
    if part.lower is None and part.upper is None:
        yield from (expression(f"arange(len({y}))") for y in scope.labels)
    for bound in ("lower", "upper"):
        value = getattr(part, bound)
        for new in (None, *(() if value is None else (ast.BinOp(value, ast.Add(), ast.Constant(value=1)), ast.BinOp(value, ast.Sub(), ast.Constant(value=1)))), *map(expression, ("1", "-1", *(c for c in scope.counts[:MOST_COUNTS] if c.isidentifier())))):
            if (new is None) != (value is None) or (new is not None and text(new) != text(value)):
                changed = copied(part)
                setattr(changed, bound, copied(new))
                yield changed
    if part.lower is not None and part.upper is None:
        yield ast.Slice(None, copied(part.lower))
        yield ast.Slice(None, ast.UnaryOp(ast.USub(), copied(part.lower)))
    if part.upper is not None and part.lower is None:
        yield ast.Slice(copied(part.upper), None)
        yield ast.Slice(ast.UnaryOp(ast.USub(), copied(part.upper)), None)
        if isinstance(part.upper, ast.UnaryOp):
            yield ast.Slice(copied(part.upper.operand), None)
    if part.lower is not None and part.upper is not None:  # (i*s, i*s + k): another step or width
        yield ast.Slice(copied(part.upper), copied(part.lower))
    changed = copied(part)
    changed.step = None if part.step is not None else ast.UnaryOp(ast.USub(), ast.Constant(value=1))
    yield changed


def halves(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """Every other element where halves are meant, and the other way round: `x[::2], x[1::2]` and `x[:h], x[h:]`."""
    if not isinstance(tree, ast.Tuple) or len(tree.elts) != 2 or not all(isinstance(e, ast.Subscript) for e in tree.elts):
        return
    first, second = text(tree.elts[0]), text(tree.elts[1])
    if "::2" in first and second == first.replace("::2", "1::2"):
        lengths = [c if c.isidentifier() else f"{c} // 2" for c in scope.counts]
        yield from _in_place_of(tree, *(f"({first.replace('::2', f':{h}')}, {first.replace('::2', f'{h}:')})" for h in lengths[: 2 * MOST_COUNTS]))
    slices_of = [p for p in ast.walk(tree.elts[0]) if isinstance(p, ast.Slice) and p.lower is None and p.upper is not None and p.step is None]
    for half in (text(s.upper) for s in slices_of if s.upper is not None):
        if second == first.replace(f":{half}", f"{half}:"):
            yield from _in_place_of(tree, f"({first.replace(f':{half}', '::2')}, {first.replace(f':{half}', '1::2')})")


def squares(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """A square that is missing, or of more than is meant."""
    if isinstance(tree, ast.Name | ast.Attribute | ast.Subscript) and isinstance(tree.ctx, ast.Load):
        yield ast.BinOp(copied(tree), ast.Pow(), ast.Constant(value=2)), f"`{text(tree)}` should be squared"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and isinstance(tree.left, ast.BinOp):
        inner = tree.left
        moved = ast.BinOp(copied(inner.left), inner.op, ast.BinOp(copied(inner.right), ast.Pow(), copied(tree.right)))
        yield moved, f"`{text(tree)}` where `{text(moved)}` is meant"


def exchanges(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """Two elements of a list that are exchanged."""
    if isinstance(tree, ast.Tuple | ast.List) and isinstance(tree.ctx, ast.Load) and not any(isinstance(e, ast.Slice) for e in tree.elts):
        for i, k in combinations(range(len(tree.elts)), 2):
            if text(tree.elts[i]) != text(tree.elts[k]):
                changed = copied(tree)
                changed.elts[i], changed.elts[k] = changed.elts[k], changed.elts[i]
                yield changed, f"`{text(tree.elts[i])}` and `{text(tree.elts[k])}` are exchanged in `{text(tree)}`"


LIKELY: tuple[EditRow, ...] = (functions, reversed_sums, axes, transposes, conjugates, superfluous, operators, signs, exchanges, squares, brackets, slices, halves, names)
RARE: tuple[EditRow, ...] = (exchanged_names, divisors, factors, products, roots, masks, constants, terms)
