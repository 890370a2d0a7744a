"""Operators on values: steps, arrays of steps, and whole numbers, which stay whole numbers until they meet a step."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from verifier.circuit.apply import BuildError, call_gate
from verifier.circuit.scope import MAX_ROUNDS, Scope
from verifier.circuit.values import Known, Value, array, compared, is_array, settled, truth, whole
from verifier.language.gates import ORDERINGS
from verifier.language.trees import BINARY, UNARY

MAX_WHOLE = 10**18
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "matmul": "@", "and": "&", "or": "|"}
_WHOLE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b, ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b, ast.BitAnd: lambda a, b: a & b, ast.BitOr: lambda a, b: a | b,
}  # fmt: skip


def binary(scope: Scope, operator: type[ast.AST], left: Value, right: Value, tree: ast.expr | ast.stmt) -> Value:
    """`left operator right`."""
    gate = BINARY.get(operator)
    if type(left) is int and type(right) is int and gate is not None and gate != "matmul":
        return call_gate(scope.builder, gate, [left, right], line=scope.line, start=tree.col_offset, end=tree.end_col_offset or 0)
    if (found := _whole_arithmetic(scope, operator, left, right, tree)) is not None:
        return found
    if operator is ast.Add and isinstance(left, list) and isinstance(right, list):
        return left + right
    if operator is ast.Add and isinstance(left, tuple) and isinstance(right, tuple):
        return left + right
    if operator is ast.Mult and (isinstance(left, list | tuple) or isinstance(right, list | tuple)):
        several, times = (left, right) if isinstance(left, list | tuple) else (right, left)
        count = whole(scope.builder, times)
        if count is not None and isinstance(several, list | tuple):
            if len(several) * count > MAX_ROUNDS:
                raise BuildError(tree.col_offset, f"the list has more than {MAX_ROUNDS} elements")
            return several * count
    if gate is None:
        instead = "floor(a / b)" if operator is ast.FloorDiv else "fmod(a, b)"
        symbol = "//" if operator is ast.FloorDiv else "%"
        raise BuildError(tree.col_offset, f"'{symbol}' is only for whole numbers that do not depend on the inputs; write {instead}")
    if gate == "matmul":
        from verifier.circuit import arrays

        return settled(scope.at(tree, lambda: arrays.matmul(scope.builder, array(scope.builder, left), array(scope.builder, right))))
    return scope.gate(gate, [left, right], tree, shown=_SYMBOLS.get(gate, gate))


def _whole_arithmetic(scope: Scope, operator: type[ast.AST], left: Value, right: Value, tree: ast.expr | ast.stmt) -> Value | None:
    """Whole numbers stay whole numbers, with literals too (`2*i + 1`), except where they are divided."""
    plain = operator in (ast.FloorDiv, ast.Mod)
    if operator not in _WHOLE or not (plain or isinstance(left, Known) or isinstance(right, Known)):
        return None
    if is_array(left) or is_array(right) or isinstance(left, list | tuple) or isinstance(right, list | tuple):
        return None
    a, b = (v.value if isinstance(v, Known) else whole(scope.builder, v) for v in (left, right))
    if not all(isinstance(v, int) or is_array(v) for v in (a, b)):
        return None
    if operator is ast.Pow and (not isinstance(a, int) or not isinstance(b, int) or b < 0 or (abs(a) > 1 and b > 60)):
        return None
    if operator in (ast.BitAnd, ast.BitOr) and not all(isinstance(v, bool) or (is_array(v) and v.dtype == bool) for v in (a, b)):
        return None
    if (operator in (ast.FloorDiv, ast.Mod) and not is_array(b) and b == 0):
        return None
    if isinstance(tree, ast.BinOp):
        scope.forget(right, tree.right)
        scope.forget(left, tree.left)
    elif isinstance(tree, ast.AugAssign):
        scope.forget(right, tree.value)
    if is_array(a) and is_array(b):
        from verifier.circuit import arrays

        a, b = scope.at(tree, lambda: arrays.broadcast(_SYMBOLS.get(BINARY.get(operator, ""), "//"), [a, b]))
    found = _WHOLE[operator](a, b)
    if not is_array(found) and abs(found) > MAX_WHOLE:
        raise BuildError(tree.col_offset, "the whole number is too large")
    return Known(found)


def unary(scope: Scope, tree: ast.UnaryOp, value: Value) -> Value:
    """A sign, or `not`."""
    gate = UNARY[type(tree.op)]
    if not gate:
        return value
    if isinstance(value, Known) and (isinstance(value.value, int) or is_array(value.value)):
        if gate == "neg":
            return Known(-(value.value.astype("int64") if is_array(value.value) else value.value))
        known = truth(scope.builder, value)
        return Known(~value.value.astype(bool)) if is_array(value.value) else Known(not known)
    return scope.gate(gate, [value], tree)


def comparison(scope: Scope, gate: str, left: Value, right: Value, tree: ast.Compare) -> Value:
    """Steps of a comparison, or its truth where both sides are known."""
    if isinstance(left, Known) or isinstance(right, Known):
        a, b = (v.value if isinstance(v, Known) else None if is_array(v) or isinstance(v, list) else whole(scope.builder, v) for v in (left, right))
        are_numbers = all(isinstance(v, int) or is_array(v) for v in (a, b))
        if isinstance(left, Known) and isinstance(right, Known) and not are_numbers and gate not in ORDERINGS:
            return Known((a is b or (type(a) is type(b) is str and a == b)) is (gate == "eq"))
        if are_numbers:
            if len(tree.ops) == 1:
                scope.forget(right, tree.comparators[0])
                scope.forget(left, tree.left)
            if is_array(a) and is_array(b):
                from verifier.circuit import arrays

                a, b = scope.at(tree, lambda: arrays.broadcast(gate, [a, b]))
            return Known(compared(gate, a, b))
    return scope.gate(gate, [left, right], tree)


def identity(scope: Scope, operator: ast.cmpop, left: Value, right: Value, tree: ast.expr) -> bool:
    """`is`, `is not`, `in`, `not in`."""
    if isinstance(operator, ast.Is | ast.IsNot):
        both = isinstance(left, Known) and isinstance(right, Known) and left.value is right.value
        return both is isinstance(operator, ast.Is)
    key = left.value if isinstance(left, Known) else whole(scope.builder, left)
    if isinstance(right, dict | tuple | list):
        values = list(right) if isinstance(right, dict) else [v.value if isinstance(v, Known) else whole(scope.builder, v) for v in right]
        return any(type(v) is type(key) and not is_array(v) and v == key for v in values) is isinstance(operator, ast.In)
    raise BuildError(tree.col_offset, "'in' is for keys of a dictionary and elements of a list")
