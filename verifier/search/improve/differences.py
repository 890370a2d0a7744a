"""Other forms of values that backprop differentiates: functions of each element by itself, whose slope as it is written overflows or cancels."""

from __future__ import annotations

import ast
from collections.abc import Callable

from verifier.search.improve.array_calls import ArrayCall, ArrayWords, same


def _is_number(node: ast.expr, value: float) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, bool) and node.value == value


def _operands(node: ast.expr, op: type[ast.operator]) -> tuple[ast.expr, ast.expr] | None:
    return (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, op) else None


def _one_plus_exp(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`a` of `1 + exp(a)`, in either order."""
    both = _operands(words.value(node), ast.Add)
    for one, other in (both, both[::-1]) if both is not None else ():
        call = words.call(other, "exp")
        if _is_number(one, 1) and call is not None and not call.others and not call.keywords:
            return call.operand
    return None


def _negative(node: ast.expr) -> ast.expr:
    return node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else ast.UnaryOp(ast.USub(), node)


def _softplus(words: ArrayWords, a: ast.expr) -> ast.expr:
    """`log(1 + exp(a))` as a function of its own; PyTorch's `logaddexp` divides by an exponential that overflows, its `logsigmoid` does not."""
    if words.prefix == "torch.":
        return _negative(words.apply("nn.functional.logsigmoid", _negative(a)))
    found = words.apply("logaddexp", a)
    assert isinstance(found, ast.Call)
    return ast.Call(found.func, [a, ast.Constant(0)], [])


def log_of_one_plus_exp(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`log(1 + exp(a))` as `logaddexp(a, 0)`, whose slope overflows nowhere."""
    outer = words.call(node, "log") if isinstance(node, ast.Call) else None
    a = None if outer is None else _one_plus_exp(words, outer.operand)
    if a is None and isinstance(node, ast.Call):
        outer = words.call(node, "log1p")
        inner = None if outer is None else words.call(outer.operand, "exp")
        a = None if inner is None else inner.operand
    return None if a is None else _softplus(words, a)


def log_of_sigmoid(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """The logarithm of a sigmoid, or of 1 less a sigmoid, as `-logaddexp(-a, 0)`."""
    outer = words.call(node, "log", "log1p") if isinstance(node, ast.Call) else None
    if outer is None:
        return None
    less = _less_than_one(words, outer)
    a = _exponent_of(words, outer.operand) if outer.name == "log" and less is None else None
    if less is not None:
        other = _exponent_of(words, less)
        a = None if other is None else _negative(other)
    return None if a is None else _negative(_softplus(words, a))


def _less_than_one(words: ArrayWords, outer: ArrayCall) -> ast.expr | None:
    """`p` of `log(1 - p)` and of `log1p(-p)`."""
    inner = words.value(outer.operand)
    if outer.name == "log1p":
        return inner.operand if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub) else None
    both = _operands(inner, ast.Sub)
    return both[1] if both is not None and _is_number(both[0], 1) else None


def _exponent_of(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`a` of a sigmoid that is `1/(1 + exp(a))`, however it is written."""
    ready = words.call(node, "sigmoid", "expit")
    return _negative(ready.operand) if ready is not None else _sigmoid_exponent(words, node)


def _sigmoid_exponent(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`a` of `1/(1 + exp(a))`; `-a` of `exp(a)/(1 + exp(a))`."""
    both = _operands(words.value(node), ast.Div)
    a = None if both is None else _one_plus_exp(words, both[1])
    if both is None or a is None:
        return None
    if _is_number(both[0], 1):
        return a
    above = words.call(both[0], "exp")
    return _negative(a) if above is not None and same(above.operand, a) else None


def sigmoid(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """A sigmoid as `exp(-logaddexp(a, 0))`: its slope is a product, and neither overflows nor cancels."""
    a = _sigmoid_exponent(words, node) if isinstance(node, ast.BinOp) else None
    return None if a is None else words.apply("exp", _negative(_softplus(words, a)))


def roots(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`sqrt(a) - sqrt(b)` as `(a - b)/(sqrt(a) + sqrt(b))`, where `a - b` is a number."""
    both = _operands(node, ast.Sub)
    calls = None if both is None else [words.call(n, "sqrt") for n in both]
    if both is None or calls is None or calls[0] is None or calls[1] is None:
        return None
    less = _difference(calls[0].operand, calls[1].operand)
    return None if less is None else ast.BinOp(less, ast.Div(), ast.BinOp(both[0], ast.Add(), both[1]))


def logarithms(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`log(a) - log(b)` as `log1p((a - b)/b)`, where `a - b` is a number."""
    both = _operands(node, ast.Sub)
    calls = None if both is None else [words.call(n, "log") for n in both]
    if calls is None or calls[0] is None or calls[1] is None:
        return None
    less = _difference(calls[0].operand, calls[1].operand)
    return None if less is None else words.apply("log1p", ast.BinOp(less, ast.Div(), calls[1].operand))


def _difference(a: ast.expr, b: ast.expr) -> ast.expr | None:
    """What `a` is more than `b`, where one is the other and a term more or less."""
    added, taken = _operands(a, ast.Add), _operands(a, ast.Sub)
    for one, other in (added, added[::-1]) if added is not None else ():
        if same(one, b):
            return other
    if taken is not None and same(taken[0], b):
        return _negative(taken[1])
    if _operands(b, ast.Add) is not None or _operands(b, ast.Sub) is not None:
        less = None if isinstance(a, ast.BinOp) and (added or taken) else _difference(b, a)
        return None if less is None else _negative(less)
    return None


OF_NUMBERS: tuple[Callable[[ArrayWords, ast.expr], ast.expr | None], ...] = (log_of_one_plus_exp, log_of_sigmoid, sigmoid, roots, logarithms)

__all__ = ["OF_NUMBERS"]
