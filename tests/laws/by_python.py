"""Statements of the language run by another hand: Python's own parser, and its math module or NumPy on the values."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne}
IN_MATH = {  # gates that are one function of CPython's
    **{n: getattr(math, n) for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "erf", "erfc", "copysign", "fmod")},
    "sign": lambda a: a if math.isnan(a) else float((a > 0) - (a < 0)), "abs": abs, "max": max, "min": min, "where": lambda c, a, b: a if c else b,
    "floor": lambda a: float(math.floor(a)), "ceil": lambda a: float(math.ceil(a)), "trunc": lambda a: float(math.trunc(a)), "round": lambda a: float(round(a)),
}  # fmt: skip
IN_NUMPY = {  # gates that are one function of NumPy's, in its name there
    **{n: n for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot", "copysign", "fmod", "floor", "ceil", "trunc", "square", "maximum", "minimum", "reciprocal", "where", "sign")},
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "abs": "abs", "max": "maximum", "min": "minimum", "round": "rint",
}  # fmt: skip
INFIX = ("add", "sub", "mul", "div", "neg", "pow", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")
CPYTHON_RAISES = (OverflowError, ZeroDivisionError, ValueError)


def math_functions() -> dict[str, Callable[..., Any]]:
    """The functions of CPython's statements."""
    return IN_MATH


def numpy_functions() -> dict[str, Callable[..., Any]]:
    """The functions of NumPy's statements."""
    import numpy as np

    return {name: getattr(np, other) for name, other in IN_NUMPY.items()}


def run(lines: list[str], names: Mapping[str, Any], *, number: Callable[[str], Any], functions: Mapping[str, Callable[..., Any]], power: Callable[[Any, Any], Any] = operator.pow) -> dict[str, Any]:
    """The values of all names after the statements; `number` makes a literal. What Python raises is not caught."""
    scope = dict(names)
    for line in lines:
        statement = ast.parse(line).body[0]
        target: ast.expr
        if isinstance(statement, ast.AugAssign):
            target, value = statement.target, _binary(statement.op, power)(scope[ast.unparse(statement.target)], _value(statement.value, line, scope, number, functions, power))
        elif isinstance(statement, ast.Assign):
            target, value = statement.targets[0], _value(statement.value, line, scope, number, functions, power)
        else:
            raise TypeError(f"no assignment: {line}")
        scope[ast.unparse(target)] = value
    return scope


def _binary(op: ast.operator, power: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return power if isinstance(op, ast.Pow) else BINARY[type(op)]


def _value(node: ast.expr, line: str, scope: Mapping[str, Any], number: Callable[[str], Any], functions: Mapping[str, Callable[..., Any]], power: Callable[[Any, Any], Any]) -> Any:
    def go(e: ast.expr) -> Any:
        if isinstance(e, ast.Constant):
            return number(ast.get_source_segment(line, e) or "")
        if isinstance(e, ast.Name):
            return scope[e.id]
        if isinstance(e, ast.BinOp):
            return _binary(e.op, power)(go(e.left), go(e.right))
        if isinstance(e, ast.UnaryOp):
            value = go(e.operand)
            return _opposite(value) if isinstance(e.op, ast.Not) else -value
        if isinstance(e, ast.Compare):
            return COMPARISONS[type(e.ops[0])](go(e.left), go(e.comparators[0]))
        if isinstance(e, ast.BoolOp):
            left, right = map(go, e.values)
            return left & right if isinstance(e.op, ast.And) else left | right
        if isinstance(e, ast.Call):
            return functions[ast.unparse(e.func)](*map(go, e.args))
        raise TypeError(f"no expression: {ast.unparse(e)}")

    return go(node)


def _opposite(value: Any) -> Any:
    return not value if isinstance(value, bool) else ~value
