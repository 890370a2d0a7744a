"""The code of a user's function with one statement replaced, for as long as a `with` lasts."""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TypeVar


@dataclass(frozen=True, eq=False)
class Body:
    """A function with its tree, in which lines are those of its file. `within` is the class in whose body it stands, which private names have in theirs."""

    function: FunctionType
    tree: ast.FunctionDef
    within: str = ""

    def statement(self, line: int) -> ast.stmt | None:
        """The simple statement that covers a line."""
        found = [s for s in ast.walk(self.tree) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or s.lineno) and not hasattr(s, "body") and not _hooks(s)]
        return min(found, key=lambda s: (s.end_lineno or 0) - s.lineno, default=None)

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements that compute something, and the heads of loops, the last one first."""
        return sorted((s for s in ast.walk(self.tree) if isinstance(s, ast.Assign | ast.AugAssign | ast.Return | ast.For) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and not _hooks(s))), key=lambda s: -s.lineno)

    def names_at(self, statement: ast.stmt) -> list[str]:
        """The names that a statement may read: those of the functions within this one in which it stands, the last assigned first, and then those of this one."""
        inner = [f for f in ast.walk(self.tree) if isinstance(f, ast.FunctionDef) and f is not self.tree and any(s is statement for s in ast.walk(f))]
        own: list[str] = []
        for function in reversed(inner):
            given = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
            assigned = [n.id for n in sorted((n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)), key=lambda n: (n.lineno, n.col_offset))]
            own += reversed([*given, *assigned])
        return list(dict.fromkeys([*own, *self.names]))

    def elements_at(self, statement: ast.stmt) -> list[str]:
        """The elements of arrays and lists that the function reads, each as it is written, those that stand near a statement first."""
        found = [n for n in ast.walk(self.tree) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load)]
        inner = {id(n.value) for n in found}
        whole = [n for n in found if id(n) not in inner and not any(isinstance(p, ast.Slice) for p in ast.walk(n.slice))]
        return list(dict.fromkeys(ast.unparse(n) for n in sorted(whole, key=lambda n: abs(n.lineno - statement.lineno))))

    @property
    def numbers(self) -> list[str]:
        """The numbers in the function that are no whole numbers."""
        return list(dict.fromkeys(repr(n.value) for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and isinstance(n.value, float) and not n.value.is_integer()))

    def factors(self, reader: Body) -> list[str]:
        """What stands in this function and may be a factor in another: numbers that are kept as attributes of its first argument (`ctx.scale`, `self.tau`), vectors that are given axes (`w[None, :, None]`), and exponents."""
        mine, known = self.function.__code__.co_varnames[:1], set(reader.function.__code__.co_varnames)
        first = reader.function.__code__.co_varnames[: reader.function.__code__.co_argcount][:1]
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id in mine and first:
                found.append(f"{first[0]}.{node.attr}")
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in known and any(isinstance(n, ast.Constant) and n.value is None for n in ast.walk(node.slice)):
                found.append(ast.unparse(node))
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and isinstance(node.right.value, int) and node.right.value > 2:
                found.append(repr(node.right.value))
        return found

    @property
    def names(self) -> list[str]:
        """The variables of the function, the last assigned first, and those of an outer function that it reads."""
        code = self.function.__code__
        return [*reversed(code.co_varnames), *(n for n in code.co_freevars if n.isidentifier() and not n.startswith("__"))]


def _hooks(statement: ast.stmt) -> bool:
    """Whether a statement only gives a hook to a tensor: an edit that takes another tensor removes the hook, and is no repair of it."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr.startswith("register_")


def bodies(functions: Iterable[object]) -> list[Body]:
    """The functions and lambdas whose code can be replaced: those whose source is what runs."""
    found = []
    for function in functions:
        plain = inspect.unwrap(getattr(function, "__func__", function))  # type: ignore[arg-type]
        if not isinstance(plain, FunctionType):
            continue
        try:
            text, file = "".join(linecache.getlines(plain.__code__.co_filename)), plain.__code__.co_filename
            module = ast.parse(text)
            runs = plain.__code__ in _codes(compile(text, file, "exec", dont_inherit=True))  # a file that was edited since it was imported is not what runs
        except (SyntaxError, ValueError):
            continue
        if runs:
            trees = sorted(_trees(module, plain.__code__), key=lambda found: (found[0].end_lineno or 0, found[0].end_col_offset or 0))
            found += [Body(plain, tree, within) for tree, within in trees][:1]  # of lambdas within each other the innermost
    return found


def _trees(module: ast.AST, code: CodeType, within: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    """The functions of a file that have this code, each with the class in whose body it stands; a lambda as a function that returns its value."""
    for node in ast.iter_child_nodes(module):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and _begins(node) == code.co_firstlineno:
            yield node, within
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and _holds(node.body, code):
            value = ast.copy_location(ast.Return(node.body), node.body)
            yield ast.fix_missing_locations(ast.copy_location(ast.FunctionDef("of_a_lambda", node.args, [value], []), node)), within
        yield from _trees(node, code, node.name if isinstance(node, ast.ClassDef) else within)


def _holds(body: ast.expr, code: CodeType) -> bool:
    """Whether every instruction of a lambda stands in the value of this one."""
    spans = [(line, column, last, end) for line, last, column, end in code.co_positions() if None not in (line, last, column, end) and (line, column) != (last, end)]
    start, stop = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return bool(spans) and all(start <= span[:2] and span[2:] <= stop for span in spans)


def _compiled(body: Body) -> CodeType:
    """The code of a function's tree, in which every part has its place, with the variables of outer functions and the private names that it had."""
    free = body.function.__code__.co_freevars
    plain = copy.copy(body.tree)
    plain.decorator_list, plain.returns = [], None
    plain.args = copy.copy(plain.args)
    plain.args.defaults, plain.args.kw_defaults = [], [None] * len(plain.args.kwonlyargs)
    if free:  # which may be lost with an edit: their cells are bound by position
        read = ast.If(ast.Constant(value=False), [ast.Expr(ast.Name(n, ast.Load())) for n in free], [])
        plain.body = [*plain.body, _placed_at(body.tree, read)]
    within = _placed_at(body.tree, ast.ClassDef(body.within, [], [], [], []))
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg(n) for n in free], kwonlyargs=[], kw_defaults=[], defaults=[])
    outer = _placed_at(body.tree, ast.FunctionDef("outer", arguments, [], []))
    within.body, outer.body = [plain], [within if body.within else plain]
    code = compile(ast.Module([outer], []), body.function.__code__.co_filename, "exec", dont_inherit=True)
    found = next(c for c in _codes(code) if c.co_name == plain.name)
    if found.co_freevars != free:
        raise ValueError("the edited function reads other variables of outer functions")
    return found


AnyStatement = TypeVar("AnyStatement", bound=ast.stmt)


def _placed_at(tree: ast.stmt, new: AnyStatement) -> AnyStatement:
    """A statement that stands in no file, at the place of one that does."""
    return ast.fix_missing_locations(ast.copy_location(new, tree))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and all those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _begins(tree: ast.FunctionDef) -> int:
    return min([tree.lineno, *(d.lineno for d in tree.decorator_list)])


@contextmanager
def replaced(body: Body, old: ast.stmt, new: ast.stmt) -> Iterator[None]:
    """The function with one statement replaced. Raises SyntaxError or ValueError where that is no function any more."""
    before = body.function.__code__
    holder = _holder(body.tree, old)
    if holder is None:
        raise ValueError("the statement is not in the function")
    block, at = holder
    block[at] = new
    try:
        code = _compiled(body)
    finally:
        block[at] = old
    body.function.__code__ = code
    try:
        yield
    finally:
        body.function.__code__ = before


def _holder(tree: ast.AST, wanted: ast.stmt) -> tuple[list[ast.stmt], int] | None:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                for k, statement in enumerate(block):
                    if statement is wanted:
                        return block, k
    return None
