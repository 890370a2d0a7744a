"""Further mistakes in a user's own code, each turned back: arguments, letters of an einsum, an array that is to be reversed, what is set where it is to be added, factors. Rows as in `edit_rows`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeGuard

from verifier.trace.edit_rows import MODULES, MOST_NAMES, Change, ReadableNames, called, copied, expression, text

UPDATES = {"set": "add", "add": "set"}  # methods of `x.at[i]`
REVERSED = ("[::-1]", "[..., ::-1]", "[..., ::-1, ::-1]", "[::-1, ::-1]")  # along the first axis, the last, both of the last two or the first two
SUBSCRIPTS = re.compile(r"[A-Za-z, ]+->[A-Za-z]*")
MOST_ARGUMENTS = 3


def updates(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """`add` for `set` in an update of JAX, and the other way round."""
    function = called(tree)
    if isinstance(function, ast.Attribute) and function.attr in UPDATES and isinstance(function.value, ast.Subscript) and isinstance(function.value.value, ast.Attribute) and function.value.value.attr == "at":
        changed = copied(tree)
        assert isinstance(changed, ast.Call)
        assert isinstance(changed.func, ast.Attribute)
        changed.func.attr = UPDATES[function.attr]
        yield changed, f"`{function.attr}` where `{changed.func.attr}` is meant in `{text(tree)}`"


def arguments(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """Two arguments of a call that are exchanged."""
    if not isinstance(tree, ast.Call) or not 2 <= len(tree.args) <= MOST_ARGUMENTS or any(isinstance(a, ast.Starred | ast.Constant) for a in tree.args):
        return
    for i, k in combinations(range(len(tree.args)), 2):
        if text(tree.args[i]) != text(tree.args[k]):
            changed = copied(tree)
            changed.args[i], changed.args[k] = changed.args[k], changed.args[i]
            yield changed, f"`{text(tree.args[i])}` and `{text(tree.args[k])}` are exchanged in `{text(tree)}`"


def letters(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """Two letters of an operand, or of the result, that are exchanged in the subscripts of an einsum."""
    if not isinstance(tree, ast.Constant) or not isinstance(tree.value, str) or not SUBSCRIPTS.fullmatch(tree.value):
        return
    for term in re.finditer(r"[A-Za-z]+", tree.value):
        for i, k in combinations(range(term.start(), term.end()), 2):
            new = list(tree.value)
            new[i], new[k] = new[k], new[i]
            if (other := "".join(new)) != tree.value:
                yield ast.Constant(value=other), f"`{tree.value}` where `{other}` is meant"


def reversals(tree: ast.AST, _: ReadableNames) -> Iterator[Change]:
    """An array or a list that is to be read from the other end."""
    if isinstance(tree, ast.Name | ast.Call) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load) and not (isinstance(tree, ast.Name) and tree.id in MODULES):
        for index in REVERSED:
            changed = ast.parse(f"x{index}", mode="eval").body
            assert isinstance(changed, ast.Subscript)
            changed.value = copied(tree)
            yield changed, f"`{text(tree)}` where `{text(changed)}` is meant"


def named_factors(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A factor or a division that is missing: by a name, by a number that the code holds, by 2, by what is left of a slope. What begins like an adjoint comes last: gradients are linear in what flows in."""
    if not _is_read(tree):
        return
    read = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in scope.names)
    read |= dict.fromkeys(n[1:] for n in read if _is_like_an_adjoint(n) and n[1:] in scope.names)  # the value whose adjoint is passed on
    for other in (f"(1 - {n}{power})" for n in read for power in ("", " ** 2") if not _is_like_an_adjoint(n)):  # of a sigmoid, of tanh
        yield ast.BinOp(copied(tree), ast.Mult(), expression(other)), f"the factor `{other}` is missing: `{text(tree)}`"
    known = sorted(scope.names, key=_is_like_an_adjoint)[:MOST_NAMES]
    yield from _scaled(tree, (*scope.numbers, *known, "2"))


def lengths(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """A factor or a division that is missing: by the length of an array."""
    if _is_read(tree):
        yield from _scaled(tree, [f"{n}.shape[{axis}]" for n in scope.names[:MOST_NAMES] for axis in (0, -1)])


def _scaled(tree: ast.expr, factors: Sequence[str]) -> Iterator[Change]:
    here = text(tree)
    for other in factors:
        if other != here:
            yield ast.BinOp(copied(tree), ast.Div(), expression(other)), f"a division by `{other}` is missing: `{here}`"
            yield ast.BinOp(copied(tree), ast.Mult(), expression(other)), f"the factor `{other}` is missing: `{here}`"


def _is_like_an_adjoint(name: str) -> bool:
    return len(name) > 1 and (name[0] == "d" or name.startswith("grad"))


def written(tree: ast.AST, scope: ReadableNames) -> Iterator[Change]:
    """An element that the function reads elsewhere as a term or a factor that is missing, or in the place of another element."""
    if not isinstance(tree, ast.Name | ast.Subscript | ast.BinOp) or not _is_read(tree):
        return
    here = text(tree)
    for other in scope.elements:
        if other == here:
            continue
        if isinstance(tree, ast.Subscript):
            yield expression(other), f"`{here}` where `{other}` is meant"
        for operator, kind in ((ast.Sub(), "the term `- {}`"), (ast.Add(), "the term `+ {}`"), (ast.Mult(), "the factor `{}`"), (ast.Div(), "a division by `{}`")):
            yield ast.BinOp(copied(tree), operator, expression(other)), f"{kind.format(other)} is missing: `{here}`"


def _is_read(tree: ast.AST) -> TypeGuard[ast.expr]:
    """Whether a tree is an expression that stands for a number or an array."""
    return isinstance(tree, ast.BinOp | ast.UnaryOp | ast.Call | ast.Name | ast.Subscript | ast.Attribute) and isinstance(getattr(tree, "ctx", ast.Load()), ast.Load) and not (isinstance(tree, ast.Name) and tree.id in MODULES)


__all__ = ["arguments", "lengths", "letters", "named_factors", "reversals", "updates", "written"]
