"""The names that statements set."""

from __future__ import annotations

import ast

from verifier.circuit.evaluate import component


def variables(target: ast.expr) -> set[str]:
    """The variables of a loop."""
    return {t.id for t in ast.walk(target) if isinstance(t, ast.Name)}


def targets_of(tree: ast.stmt) -> dict[str, int]:
    """The names that a statement sets, with those inside a loop or a branch; `dW[0]` where one component is set."""
    found: dict[str, int] = {}
    pending: list[ast.stmt | ast.expr] = [tree]
    while pending:
        inner = pending.pop()
        match inner:
            case ast.Name():
                found[inner.id] = inner.col_offset
            case ast.Subscript(value=ast.Name(id=base)):
                plain = isinstance(inner.slice, ast.Constant) and type(inner.slice.value) is int
                found[component(inner) if plain else base] = inner.col_offset
            case ast.Assign():
                pending += inner.targets
            case ast.AugAssign():
                pending.append(inner.target)
            case ast.Tuple() | ast.List():
                pending += inner.elts
            case ast.For():
                pending += [*inner.body, inner.target]
            case ast.If():
                pending += [*inner.body, *inner.orelse]
            case ast.FunctionDef():
                found[inner.name] = inner.col_offset
    return found
