"""Runs trees of array code on NumPy arrays of floats: quick, of the plain cases only, and believed by nobody; what comes out right is built and certified."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from verifier.circuit.values import Function
from verifier.language.gates import CONSTANTS, GATES, canonical, kernel
from verifier.language.trees import dotted, plain_name

Environment = dict[str, Any]
MOST_ROUNDS = 20_000  # of the loops of one statement
MOST_CALLS = 8  # of functions inside functions

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS = frozenset((
    "sum", "mean", "max", "min", "amax", "amin", "var", "std", "prod", "cumsum", "argmax", "argmin", "any", "all", "dot", "matmul", "outer", "einsum", "tensordot", "trace", "transpose", "reshape", "ravel",
    "squeeze", "expand_dims", "concatenate", "stack", "hstack", "vstack", "split", "pad", "flip", "roll", "tile", "repeat", "swapaxes", "moveaxis", "broadcast_to", "zeros", "zeros_like", "ones", "ones_like",
    "full", "full_like", "arange", "eye", "where", "maximum", "minimum", "exp", "log", "log1p", "expm1", "sqrt", "square", "abs", "sign", "tanh", "sin", "cos", "sinh", "cosh", "power", "multiply", "divide", "add",
    "subtract", "negative", "array", "asarray", "float64", "triu", "tril", "diag", "logical_not", "logical_and", "logical_or", "count_nonzero", "atleast_2d", "arctan", "reciprocal", "clip", "column_stack",
))  # fmt: skip
_METHODS = frozenset(("sum", "mean", "max", "min", "var", "std", "prod", "cumsum", "argmax", "argmin", "any", "all", "dot", "reshape", "transpose", "ravel", "flatten", "copy", "swapaxes", "squeeze", "repeat", "astype", "trace", "clip"))
_WORDS = {"dim": "axis", "keepdim": "keepdims"}
_BUILT_IN: dict[str, Callable[..., Any]] = {"len": len, "range": range, "reversed": lambda a: list(reversed(a)), "enumerate": lambda a: list(enumerate(a)), "zip": lambda *a: list(zip(*a, strict=False)), "float": float, "int": int, "list": list, "tuple": tuple}
_ATTRIBUTES = frozenset(("T", "shape", "ndim", "size"))


class NotEvaluated(Exception):
    """Something that is not among the plain cases, or has no value."""


class _FunctionEnd(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def execute(tree: ast.stmt, names: Environment) -> None:
    """Execute a statement. Raises NotEvaluated."""
    with np.errstate(all="ignore"):
        try:
            _FloatRun(names).execute(tree)
        except _FunctionEnd as found:
            raise NotEvaluated from found
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, ZeroDivisionError, OverflowError, RecursionError, np.exceptions.AxisError) as error:
            raise NotEvaluated from error


class _FloatRun:
    def __init__(self, names: Environment, depth: int = 0) -> None:
        self.names = names
        self.depth = depth
        self.rounds = 0

    def execute(self, tree: ast.stmt) -> None:
        match tree:
            case ast.Assign():
                value = self.value(tree.value)
                for target in tree.targets:
                    self.bind(target, value)
            case ast.AugAssign():
                self._augment(tree)
            case ast.For():
                for element in self.value(tree.iter):
                    self.rounds += 1
                    if self.rounds > MOST_ROUNDS:
                        raise NotEvaluated
                    self.bind(tree.target, element)
                    for inner in tree.body:
                        self.execute(inner)
            case ast.If():
                for inner in tree.body if self.value(tree.test) else tree.orelse:
                    self.execute(inner)
            case ast.Expr():
                self.value(tree.value)
            case ast.FunctionDef():
                self.names[tree.name] = Function(tree, None)  # type: ignore[arg-type]
            case ast.Return():
                raise _FunctionEnd(None if tree.value is None else self.value(tree.value))
            case ast.Pass():
                pass
            case _:
                raise NotEvaluated

    def bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for part, v in zip(target.elts, value, strict=True):
                self.bind(part, v)
        elif isinstance(target, ast.Subscript):
            array, index = self.value(target.value), self.value(target.slice)
            if isinstance(array, np.ndarray) and array.dtype != float:
                raise NotEvaluated
            array[index] = value
        else:
            raise NotEvaluated

    def _augment(self, tree: ast.AugAssign) -> None:
        function, target = _BINARY[type(tree.op)] if not isinstance(tree.op, ast.Pow) else operator.pow, tree.target
        value = self.value(tree.value)
        if isinstance(target, ast.Name):
            old = self.names[target.id]
            if isinstance(old, np.ndarray) and old.dtype == float:
                old[...] = function(old, value)
            else:
                self.names[target.id] = function(old, value)
        elif isinstance(target, ast.Subscript):
            array, index = self.value(target.value), self.value(target.slice)
            array[index] = function(array[index], value)
        else:
            raise NotEvaluated

    def value(self, tree: ast.expr) -> Any:
        match tree:
            case ast.Name():
                if tree.id in self.names:
                    return self.names[tree.id]
                if tree.id in CONSTANTS:
                    return getattr(np, tree.id, None) or {"tau": 2 * np.pi}[tree.id]
                if tree.id == "newaxis":
                    return None
                if tree.id in ("float", "int", "bool"):
                    return {"float": float, "int": int, "bool": bool}[tree.id]
                raise NotEvaluated
            case ast.Constant():
                return tree.value
            case ast.BinOp():
                left, right = self.value(tree.left), self.value(tree.right)
                if isinstance(tree.op, ast.Pow):
                    return left**right if not (isinstance(left, int) and isinstance(right, int) and abs(right) > 64) else float(left) ** right
                return _BINARY[type(tree.op)](left, right)
            case ast.UnaryOp():
                operand = self.value(tree.operand)
                if isinstance(tree.op, ast.Not):
                    return not operand
                return -operand if isinstance(tree.op, ast.USub) else ~operand if isinstance(tree.op, ast.Invert) else operand
            case ast.Compare() if len(tree.ops) == 1 and type(tree.ops[0]) in _BINARY:
                return _BINARY[type(tree.ops[0])](self.value(tree.left), self.value(tree.comparators[0]))
            case ast.Compare() if len(tree.ops) == 1 and isinstance(tree.ops[0], ast.Is | ast.IsNot):
                return (self.value(tree.left) is self.value(tree.comparators[0])) == isinstance(tree.ops[0], ast.Is)
            case ast.IfExp():
                return self.value(tree.body if self.value(tree.test) else tree.orelse)
            case ast.Tuple():
                return tuple(self.value(e) for e in tree.elts)
            case ast.List():
                return [self.value(e) for e in tree.elts]
            case ast.Subscript():
                return self.value(tree.value)[self.value(tree.slice)]
            case ast.Slice():
                return slice(*(None if p is None else self.value(p) for p in (tree.lower, tree.upper, tree.step)))
            case ast.Attribute():
                return self._attribute(tree)
            case ast.Call():
                return self._call(tree)
            case _:
                raise NotEvaluated

    def _attribute(self, tree: ast.Attribute) -> Any:
        name = plain_name(tree)
        if name == "newaxis":
            return None
        if name in CONSTANTS and dotted(tree) != name:
            return getattr(np, name)
        if tree.attr not in _ATTRIBUTES:
            raise NotEvaluated
        return getattr(np.asarray(self.value(tree.value)), tree.attr)

    def _call(self, tree: ast.Call) -> Any:
        name = plain_name(tree.func)
        args = [self.value(a) for a in tree.args]
        keywords = {_WORDS.get(k.arg, k.arg): self.value(k.value) for k in tree.keywords if k.arg not in (None, "dtype")}
        if isinstance(self.names.get(name), Function):
            return self._inline(self.names[name].tree, args, keywords)
        if name in _BUILT_IN and isinstance(tree.func, ast.Name) and name not in self.names:
            return _BUILT_IN[name](*args, **keywords)
        if name == "sigmoid":
            return 1 / (1 + np.exp(-args[0]))
        if name == "softmax":
            e = np.exp(args[0] - np.max(args[0], axis=keywords.get("axis", -1), keepdims=True))
            return e / e.sum(axis=keywords.get("axis", -1), keepdims=True)
        if name in _FUNCTIONS:
            if name in ("array", "asarray"):
                return np.array(args[0])
            if name in ("zeros_like", "ones_like", "full_like"):
                keywords["dtype"] = float
            return getattr(np, name)(*args, **keywords)
        gate = GATES.get(canonical(name) or "")
        if gate is not None and not keywords and gate.arrays is not None:
            return kernel(gate.arrays)(*args)
        if dotted(tree.func).endswith((".add.at", ".subtract.at")):
            (np.add if "add" in dotted(tree.func) else np.subtract).at(*args)
            return None
        if isinstance(tree.func, ast.Attribute):
            return self._method(self.value(tree.func.value), tree.func.attr, args, keywords)
        raise NotEvaluated

    def _method(self, value: Any, name: str, args: list[Any], keywords: Mapping[str, Any]) -> Any:
        if isinstance(value, list) and name in ("append", "pop", "insert", "extend"):
            return getattr(value, name)(*args)
        if name not in _METHODS or not isinstance(value, np.ndarray | np.generic):
            raise NotEvaluated
        if name == "copy":
            return np.array(value, dtype=float if value.dtype == bool else None)
        return getattr(value, name)(*args, **keywords)

    def _inline(self, tree: ast.FunctionDef, args: list[Any], keywords: Mapping[str, Any]) -> Any:
        if self.depth > MOST_CALLS:
            raise NotEvaluated
        names = [a.arg for a in tree.args.args]
        defaults = dict(zip(names[len(names) - len(tree.args.defaults) :], map(self.value, tree.args.defaults), strict=True))
        inner = _FloatRun({**self.names, **defaults, **dict(zip(names, args, strict=False)), **keywords}, self.depth + 1)
        try:
            for statement in tree.body:
                inner.execute(statement)
        except _FunctionEnd as found:
            return found.value
        return None
