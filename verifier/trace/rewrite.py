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


@dataclass(frozen=True, eq=False)
class Body:
    """A function with its tree, in which lines are those of its file."""

    function: FunctionType
    tree: ast.FunctionDef

    def statement(self, line: int) -> ast.stmt | None:
        """The simple statement that covers a line."""
        found = [s for s in ast.walk(self.tree) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or s.lineno) and not hasattr(s, "body") and not _hooks(s)]
        return min(found, key=lambda s: (s.end_lineno or 0) - s.lineno, default=None)

    @property
    def statements(self) -> list[ast.stmt]:
        """The simple statements, the last one first."""
        return sorted((s for s in ast.walk(self.tree) if isinstance(s, ast.Assign | ast.AugAssign | ast.Return)), key=lambda s: -s.lineno)

    @property
    def numbers(self) -> list[str]:
        """The numbers in the function that are no whole numbers."""
        return list(dict.fromkeys(repr(n.value) for n in ast.walk(self.tree) if isinstance(n, ast.Constant) and isinstance(n.value, float) and not n.value.is_integer()))

    @property
    def names(self) -> list[str]:
        """The variables of the function, the last assigned first."""
        code = self.function.__code__
        return list(reversed(code.co_varnames))


def _hooks(statement: ast.stmt) -> bool:
    """Whether a statement only gives a hook to a tensor: an edit that takes another tensor removes the hook, and is no repair of it."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr.startswith("register_")


def bodies(functions: Iterable[object]) -> list[Body]:
    """The functions whose code can be replaced: those whose source is what runs, and without variables of an outer function."""
    found = []
    for function in functions:
        plain = inspect.unwrap(getattr(function, "__func__", function))  # type: ignore[arg-type]
        if not isinstance(plain, FunctionType) or plain.__code__.co_freevars:
            continue
        try:
            text, file = "".join(linecache.getlines(plain.__code__.co_filename)), plain.__code__.co_filename
            module = ast.parse(text)
            runs = plain.__code__ in _codes(compile(text, file, "exec", dont_inherit=True))  # a file that was edited since it was imported is not what runs
        except (SyntaxError, ValueError):
            continue
        tree = next((n for n in ast.walk(module) if isinstance(n, ast.FunctionDef) and n.name == plain.__name__ and _begins(n) == plain.__code__.co_firstlineno), None)
        if tree is not None and runs:
            found.append(Body(plain, tree))
    return found


def _compiled(tree: ast.FunctionDef, file: str) -> CodeType:
    """The code of a function's tree."""
    plain = copy.copy(tree)
    plain.decorator_list = []
    code = compile(ast.fix_missing_locations(ast.Module([plain], [])), file, "exec")
    return next(c for c in code.co_consts if isinstance(c, CodeType))


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
        code = _compiled(body.tree, before.co_filename)
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
