"""Other forms of statements about arrays that sum: exponentials shifted by their largest exponent, squares scaled or centred, a probability less 1 as the sum of the others."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from verifier.search.improve.array_calls import ArrayCall, ArrayWords, same
from verifier.search.improve.differences import OF_NUMBERS

MOST_CHARACTERS = 600  # of a statement that is worth to be shown
Rewrite = Callable[[ArrayWords, ast.expr], ast.expr | None]  # of one expression; None where it is of another kind


def forms(statement: ast.stmt, words: ArrayWords, axes: Sequence[ArrayCall]) -> Iterator[str]:
    """Other texts for a statement, the nearest ones first. `axes` are sums of exponentials, one of each axis (`summed_axes`)."""
    if isinstance(statement, ast.AugAssign):
        yield from _less_one(statement, words)
    value = getattr(statement, "value", None)
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) or value is None or isinstance(value, ast.Tuple):
        return
    seen = {ast.unparse(statement)}
    for found in _values(value, words, axes):
        new = copy.copy(statement)
        new.value = found
        text = ast.unparse(ast.fix_missing_locations(new))
        if text not in seen and len(text) <= MOST_CHARACTERS:
            seen.add(text)
            yield text


def _values(value: ast.expr, words: ArrayWords, axes: Sequence[ArrayCall]) -> Iterator[ast.expr]:
    """Other expressions for what a statement computes."""
    exponentials = [value, words.inlined(value, "exp")]
    for inlined in exponentials:
        logs = everywhere(inlined, words, (_log_of_softmax, _log_of_sum))
        yield from (v for axis in axes if not same(v := everywhere(logs, words, (partial(_shifted, like=axis),)), inlined))
        if not same(logs, inlined):
            yield logs
    for inlined in (*exponentials[:1], *(words.inlined(value, name) for name in ("sum", "mean", "norm"))):
        yield from (v for rule in (_centred_squares, _scaled_norm) if not same(v := everywhere(inlined, words, (rule,)), inlined))
    if not same(all_of_them := everywhere(value, words, OF_NUMBERS), value):
        yield all_of_them
    for node in (n for n in ast.walk(value) if isinstance(n, ast.expr)):
        for rule in (_flow_between, _less_weighted_mean, _power_of_product, *OF_NUMBERS):
            new = rule(words, node)
            if new is not None:
                yield everywhere(value, words, (partial(_in_place_of, node, new),))


def _in_place_of(old: ast.expr, new: ast.expr, _: ArrayWords, node: ast.expr) -> ast.expr | None:
    return new if same(node, old) else None


def everywhere(node: ast.expr, words: ArrayWords, rules: Sequence[Rewrite]) -> ast.expr:
    """An expression with rules applied to its parts, the outermost first; what a rule makes is left as it is."""

    class Applied(ast.NodeTransformer):
        def visit(self, part: ast.AST) -> ast.AST:
            if isinstance(part, ast.expr):
                for rule in rules:
                    found = rule(words, part)
                    if found is not None:
                        return found
            return self.generic_visit(part)

    found = Applied().visit(copy.deepcopy(node))
    assert isinstance(found, ast.expr)
    return found


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, op, right)


# ---------------------------------------------------------------- exponentials


def summed_axes(words: ArrayWords, values: Sequence[ast.expr]) -> list[ArrayCall]:
    """The sums of exponentials in some expressions, one of each axis."""
    found: dict[str, ArrayCall] = {}
    for value in values:
        for call in words.all_calls(value):
            if call.name == "sum" and call.is_plain and words.calls(call.operand, "exp"):
                found.setdefault(ast.unparse(call.axis) if call.axis is not None else "", call)
    return list(found.values())


def _shifted(words: ArrayWords, node: ast.expr, like: ArrayCall) -> ast.expr | None:
    """`exp(a)` as `exp(a - max(a))`: with it a quotient of exponentials is the same, and none overflows."""
    call = words.call(node, "exp") if isinstance(node, ast.Call) else None
    if call is None or call.others or call.keywords or words.calls(call.operand, "max") or words.calls(call.operand, "amax"):
        return None
    return words.apply("exp", _binary(call.operand, ast.Sub(), words.reduced("max", call.operand, like, keep=True)))


def _log_of_sum(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`log(sum(exp(a)))` as `max(a) + log(sum(exp(a - max(a))))`."""
    summed = _sum_of_exp(words, node, "log")
    if summed is None:
        return None
    total, exponent = summed
    shifted = words.apply("exp", _binary(exponent, ast.Sub(), words.reduced("max", exponent, total, keep=True)))
    rest = words.apply("log", words.reduced("sum", shifted, total, keep=total.keeps))
    return _binary(words.reduced("max", exponent, total, keep=total.keeps), ast.Add(), rest)


def _sum_of_exp(words: ArrayWords, node: ast.expr, function: str) -> tuple[ArrayCall, ast.expr] | None:
    """The sum, and the exponents, of a function of a sum of exponentials."""
    outer = words.call(node, function) if isinstance(node, ast.Call) else None
    return None if outer is None else _exponents_summed(words, outer.operand)


def _exponents_summed(words: ArrayWords, node: ast.expr) -> tuple[ArrayCall, ast.expr] | None:
    total = words.call(node, "sum")
    inner = words.call(total.operand, "exp") if total is not None and total.is_plain else None
    return None if total is None or inner is None or words.calls(inner.operand, "max") else (total, inner.operand)


def _log_of_softmax(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """The logarithm of a softmax, or of some of its components, as exponents less the logarithm of the sum of exponentials."""
    outer = words.call(node, "log") if isinstance(node, ast.Call) else None
    if outer is None:
        return None
    inside = words.value(outer.operand)
    index: ast.expr | None = None
    if isinstance(inside, ast.Subscript):
        index = inside.slice
        inside = words.value(inside.value)
    ready = words.call(inside, "softmax")
    if ready is not None and isinstance(inside, ast.Call):
        whole: ast.expr = copy.deepcopy(inside)
        assert isinstance(whole, ast.Call)
        whole.func = ast.Attribute(whole.func.value, "log_softmax") if isinstance(whole.func, ast.Attribute) else ast.Name("log_softmax")
    else:
        found = _exponents_summed(words, inside.right) if isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Div) else None
        above = words.call(inside.left, "exp") if found is not None and isinstance(inside, ast.BinOp) else None
        if found is None or above is None or not same(above.operand, found[1]):
            return None
        total, exponent = found
        shifted = _binary(exponent, ast.Sub(), words.reduced("max", exponent, total, keep=True))
        whole = _binary(shifted, ast.Sub(), words.apply("log", words.reduced("sum", words.apply("exp", shifted), total, keep=total.axis is not None)))
    return whole if index is None else ast.Subscript(whole, index)


def _less_one(statement: ast.AugAssign, words: ArrayWords) -> Iterator[str]:
    """`p[y] -= 1`, of probabilities whose sum is 1, as less the sum of the others: in two statements."""
    target, value = statement.target, statement.value
    if not (isinstance(statement.op, ast.Sub) and isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and isinstance(value, ast.Constant) and value.value == 1):
        return
    place, name = ast.unparse(target), target.value
    total = words.apply("sum", name)
    along_rows = words.along("sum", name, -1)
    for others in (along_rows, total) if isinstance(target.slice, ast.Tuple) else (total,):
        yield f"{place} = 0\n{place} = -{ast.unparse(ast.fix_missing_locations(others))}"


def _flow_between(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`p - t`, of two distributions, as the sum of what flows from one into the other: `sum(p[:, None]*t - t[:, None]*p, axis=1)`, where equal terms cancel exactly."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Name) and isinstance(node.right, ast.Name)):
        return None
    first, second = node.left, node.right
    difference = _binary(_binary(_column(first), ast.Mult(), second), ast.Sub(), _binary(_column(second), ast.Mult(), first))
    return words.along("sum", difference, 1)


def _less_weighted_mean(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`a - sum(a*p)`, with weights p whose sum is 1, as `sum((a[:, None] - a)*p, axis=1)`; the same of each row."""
    total = words.call(node.right, "sum") if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) else None
    if total is None or not total.is_plain or not isinstance(node, ast.BinOp):
        return None
    a, inner = node.left, words.value(total.operand)
    if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult)):
        return None
    p = inner.right if same(inner.left, a) else inner.left if same(inner.right, a) else None
    if p is None or not isinstance(a, ast.Name) or not isinstance(p, ast.Name):
        return None
    if total.axis is None:
        return words.along("sum", _binary(_binary(_column(a), ast.Sub(), a), ast.Mult(), p), 1)
    if not total.keeps or ast.unparse(total.axis) not in ("1", "-1"):
        return None
    parts = [ast.parse(f"{n.id}[:, {index}]", mode="eval").body for n, index in ((a, ":, None"), (a, "None, :"), (p, "None, :"))]
    return words.along("sum", _binary(_binary(parts[0], ast.Sub(), parts[1]), ast.Mult(), parts[2]), 2)


def _column(name: ast.Name) -> ast.expr:
    return ast.parse(f"{name.id}[:, None]", mode="eval").body


def _power_of_product(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """A power of a product as the exponential of a sum of logarithms: the product may overflow though its root does not."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)):
        return None
    product = words.call(node.left, "prod")
    if product is None or not product.is_plain:
        return None
    total = words.reduced("sum", words.apply("log", product.operand), product, keep=product.keeps)
    return words.apply("exp", _binary(node.right, ast.Mult(), total))


# ---------------------------------------------------------------- squares


def _squared(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """What is squared: `a` of `a**2`, `a*a`, `square(a)`."""
    node = words.value(node)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 2:
            return node.left
        if isinstance(node.op, ast.Mult) and same(node.left, node.right):
            return node.left
    call = words.call(node, "square")
    return call.operand if call is not None else None


def _scaled_norm(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """The root of a sum of squares as the largest component times the root of the sum of the squares of what is divided by it: nothing overflows."""
    if not isinstance(node, ast.Call):
        return None
    root, norm = words.call(node, "sqrt"), words.call(node, "norm")
    total = words.call(root.operand, "sum") if root is not None else norm if norm is not None and not norm.others and all(k.arg in ("axis", "dim", "keepdims", "keepdim") for k in norm.keywords) else None
    if total is None or not total.is_plain:
        return None
    squared = _squared(words, total.operand) if root is not None else total.operand
    if squared is None or words.calls(squared, "max"):
        return None
    size = words.apply("abs", squared)
    largest = words.reduced("max", size, total, keep=True)
    if words.may_be_zero:
        zero = ast.Compare(largest, [ast.Eq()], [ast.Constant(0)])
        largest = ast.Call(ast.parse(f"{words.prefix}where", mode="eval").body, [zero, ast.Constant(1.0) if words.prefix == "torch." else ast.Constant(1), largest], [])
    rest = words.apply("sqrt", words.reduced("sum", _binary(_binary(squared, ast.Div(), largest), ast.Pow(), ast.Constant(2)), total, keep=total.keeps))
    return _binary(words.reduced("max", size, total, keep=total.keeps), ast.Mult(), rest)


def _centred_squares(words: ArrayWords, node: ast.expr) -> ast.expr | None:
    """`mean(a**2) - mean(a)**2` as `mean((a - mean(a))**2)`; with sums over a length as well."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
        return None
    centre, first = _squared(words, node.right), _mean(words, node.left)
    second = None if centre is None else _mean(words, centre)
    if centre is None or first is None or second is None:
        return None
    (squares, length), (plain, other) = first, second
    inside = _squared(words, squares.operand)
    if inside is None or not same(inside, plain.operand) or not same(squares.axis, plain.axis) or not same(length, other):
        return None
    whole = centre if plain.axis is None or plain.keeps else words.reduced("mean", inside, plain, keep=True)
    if length is not None and whole is not centre:
        whole = _binary(words.reduced("sum", inside, plain, keep=True), ast.Div(), length)
    distance = _binary(_binary(inside, ast.Sub(), whole), ast.Pow(), ast.Constant(2))
    total = words.reduced(squares.name, distance, squares, keep=squares.keeps)
    return total if length is None else _binary(total, ast.Div(), length)


def _mean(words: ArrayWords, node: ast.expr) -> tuple[ArrayCall, ast.expr | None] | None:
    """A mean, or a sum over a length, and that length."""
    node = words.value(node)
    call = words.call(node, "mean")
    if call is not None:
        return (call, None) if call.is_plain else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        call = words.call(node.left, "sum")
        return (call, node.right) if call is not None and call.is_plain else None
    return None


__all__ = ["forms", "summed_axes"]
