"""Trees of expressions to values: steps for scalars, arrays of steps, and what is known while a Program is built."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from verifier.circuit import function_calls, operators
from verifier.circuit.apply import BuildError, call_gate, differentiate
from verifier.circuit.scope import MAX_ROUNDS, Scope
from verifier.circuit.values import (
    WHOLES,
    Function,
    Known,
    Unreadable,
    Value,
    assembled,
    described,
    found_instead,
    is_array,
    is_whole,
    truth,
    whole,
)
from verifier.language.gates import CONSTANTS, GATES, canonical
from verifier.language.source import suggestion
from verifier.language.tokens import MODULES
from verifier.language.trees import BINARY, dotted, plain_name, span, written

_AT = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "set": "", "max": "maximum", "min": "minimum"}


def evaluate(scope: Scope, tree: ast.expr) -> Value:
    """The value of an expression. Raises BuildError."""
    kind = type(tree)
    if kind is ast.Constant:
        return _constant(scope, tree)  # type: ignore[arg-type]
    if kind is ast.Name:
        return scope.name(tree.id, tree)  # type: ignore[attr-defined]
    if kind is ast.BinOp:
        return _binary_chain(scope, tree)  # type: ignore[arg-type]
    method = _KINDS.get(kind)
    if method is None:
        raise BuildError(tree.col_offset, f"'{written(tree, scope.text)[:40]}' is not part of the language")
    found: Value = method(scope, tree)
    return found


def _constant(scope: Scope, tree: ast.Constant) -> Value:
    value = tree.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, bytes | complex):
            raise BuildError(tree.col_offset, f"'{written(tree, scope.text)[:40]}' is not part of the language")
        return Known(value)
    start, end = span(tree)
    return scope.builder.append("number", (), text=scope.text[start:end].replace("_", ""), line=scope.line, start=start, end=end)


def _binary_chain(scope: Scope, tree: ast.BinOp) -> Value:
    chain = [tree]
    while isinstance(left := chain[-1].left, ast.BinOp):
        chain.append(left)
    value = evaluate(scope, chain[-1].left)
    for link in reversed(chain):
        value = operators.binary(scope, type(link.op), value, evaluate(scope, link.right), link)
    return value


def _boolean(scope: Scope, tree: ast.BoolOp) -> Value:
    is_and = isinstance(tree.op, ast.And)
    value, start = evaluate(scope, tree.values[0]), tree.values[0].col_offset
    for other in tree.values[1:]:
        if isinstance(value, Known | tuple | list | dict):
            if bool(truth(scope.builder, value)) is is_and:
                value = evaluate(scope, other)
            elif isinstance(value, Known):
                return value
            continue
        right = evaluate(scope, other)
        if type(value) is int and type(right) is int:
            value = call_gate(scope.builder, "and" if is_and else "or", [value, right], line=scope.line, start=start, end=other.end_col_offset or 0)
        else:
            value = scope.gate("and" if is_and else "or", [value, right], tree)
    return value


def _compare(scope: Scope, tree: ast.Compare) -> Value:
    left = evaluate(scope, tree.left)
    links: list[Value] = []
    alone = len(tree.ops) == 1
    before: ast.expr = tree.left
    for operator, other in zip(tree.ops, tree.comparators, strict=True):
        right = evaluate(scope, other)
        start, end = span(tree) if alone else (before.col_offset, other.end_col_offset or 0)
        gate = BINARY.get(type(operator))
        if gate is None:
            links.append(Known(operators.identity(scope, operator, left, right, tree)))
        elif type(left) is int and type(right) is int:
            links.append(call_gate(scope.builder, gate, [left, right], line=scope.line, start=start, end=end))
        else:
            links.append(operators.comparison(scope, gate, left, right, tree))
        left, before = right, other
    value = links[-1]
    for link in reversed(links[:-1]):
        if isinstance(link, Known) and isinstance(value, Known):
            value = Known(link.value & value.value)
        else:
            value = scope.gate("and", [link, value], tree)
    return value


def _choice(scope: Scope, tree: ast.IfExp) -> Value:
    before = len(scope.builder.steps)
    holds = truth(scope.builder, evaluate(scope, tree.test))
    scope.take_back(before)
    if holds is not None:
        return evaluate(scope, tree.body if holds else tree.orelse)
    value = evaluate(scope, tree.body)
    condition = evaluate(scope, tree.test)
    other = evaluate(scope, tree.orelse)
    return scope.gate("where", [condition, value, other], tree)


def _sequence(scope: Scope, tree: ast.List | ast.Tuple) -> Value:
    found: list[Value] = []
    for element in tree.elts:
        if isinstance(element, ast.Starred):
            found += scope.rounds(evaluate(scope, element.value), element)
        else:
            found.append(evaluate(scope, element))
    return found if isinstance(tree, ast.List) else tuple(found)


def _key_of(scope: Scope, value: Value, tree: ast.expr) -> str | int:
    found = value.value if isinstance(value, Known) else whole(scope.builder, value)
    if not isinstance(found, str | int):
        raise BuildError(tree.col_offset, f"a key of a dictionary is a text or a whole number, as in cache['x'], not {found_instead(scope.builder, value)}")
    return found


def _dict(scope: Scope, tree: ast.Dict) -> Value:
    found: dict[Any, Value] = {}
    for key, value in zip(tree.keys, tree.values, strict=True):
        known = evaluate(scope, key) if key is not None else None
        if known is None:
            raise BuildError(tree.col_offset, "a dictionary is written out: {'W1': W1, 'b1': b1}")
        found[_key_of(scope, known, tree)] = evaluate(scope, value)
    return found


def _comprehension(scope: Scope, tree: ast.ListComp | ast.GeneratorExp) -> Value:
    found: list[Value] = []
    outer = scope.locals
    scope.locals = dict(outer or {})
    try:
        _rounds_of(scope, tree.generators, lambda: found.append(evaluate(scope, tree.elt)))
    finally:
        scope.locals = outer
    return found


def _rounds_of(scope: Scope, generators: Sequence[ast.comprehension], work: Callable[[], None]) -> None:
    if not generators:
        work()
        return
    first = generators[0]
    assert scope.locals is not None
    values = scope.rounds(evaluate(scope, first.iter), first.iter)
    scope.builder.rounds += len(values)
    if scope.builder.rounds > MAX_ROUNDS:
        raise BuildError(first.iter.col_offset, f"all comprehensions together have more than {MAX_ROUNDS} rounds")
    for value in values:
        _bind(scope, first.target, value)
        if all(truth(scope.builder, evaluate(scope, c)) for c in first.ifs):
            _rounds_of(scope, generators[1:], work)


def _bind(scope: Scope, target: ast.expr, value: Value) -> None:
    assert scope.locals is not None
    if isinstance(target, ast.Name):
        scope.locals[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = scope.unpacked(value, len(target.elts), target)
        for part, v in zip(target.elts, parts, strict=True):
            _bind(scope, part, v)
    else:
        raise BuildError(target.col_offset, "a loop variable must be a name")


def subscript_of(scope: Scope, tree: ast.expr) -> Value:
    """The value between the brackets; literals that are whole numbers leave no steps."""
    if isinstance(tree, ast.Tuple):
        return tuple([subscript_of(scope, e) for e in tree.elts])
    before = len(scope.builder.steps)
    if isinstance(tree, ast.Slice):
        ends = []
        for end in (tree.lower, tree.upper, tree.step):
            value = Known(None) if end is None else evaluate(scope, end)
            number = None if isinstance(value, Known) and value.value is None else whole(scope.builder, value)
            if number is None and not (isinstance(value, Known) and value.value is None):
                raise BuildError((end or tree).col_offset, f"the ends of a slice must be {WHOLES}, not {found_instead(scope.builder, value)}")
            ends.append(number)
        scope.take_back(before)
        return slice(*ends)  # type: ignore[return-value]
    value = _known_literal(scope, tree)
    if type(value) is int and (number := whole(scope.builder, value)) is not None:
        if scope.builder.steps[value].line == scope.line and value >= before:
            scope.take_back(before)
        return Known(number)
    return value


def _subscripted(scope: Scope, tree: ast.Subscript) -> Value:
    key = component(tree)
    if key:
        base = key.partition("[")[0]
        if scope.locals is None or base not in scope.locals:
            if key in scope.builder.names:
                return scope.builder.names[key]
            if base in scope.builder.names:
                raise BuildError(tree.col_offset, f"'{base}' is a scalar and has no subscript")
            if base not in scope.builder.values and (elements := scope.builder.elements(base)) and elements[0].count(",") == 0:
                raise BuildError(tree.col_offset, f"unknown name '{key}'{{where}}{suggestion(key, [*scope.builder.names, *CONSTANTS])}")
            if base not in scope.builder.values and key in scope.later:
                raise BuildError(tree.col_offset, f"'{key}' is read before it is set")
    base_value = evaluate(scope, tree.value)
    if type(base_value) is int and isinstance(tree.value, ast.Name):
        raise BuildError(tree.col_offset, f"'{tree.value.id}' is a scalar and has no subscript")
    from verifier.circuit import indexing

    subscript = subscript_of(scope, tree.slice)
    found: Value = scope.at(tree, lambda: indexing.part(scope.builder, base_value, subscript))
    return found


def _attribute(scope: Scope, tree: ast.Attribute) -> Value:
    whole_name = dotted(tree)
    if whole_name in scope.builder.names:  # a residual's `staged.dx`
        return scope.builder.names[whole_name]
    known: Value | None = scope.builder.values.get(whole_name) if "." in whole_name else None
    if is_array(known):
        return known  # a residual's array, which was read before
    if elements := scope.builder.elements(whole_name) if whole_name else []:
        found = assembled(scope.builder, whole_name, elements)
        if found is not None:
            return found
    root = whole_name.partition(".")[0]
    if whole_name and not scope.is_variable(root):
        module, _, last = whole_name.rpartition(".")
        if module in MODULES:
            return scope.name(last, tree)
        raise BuildError(tree.col_offset, f"'{whole_name[:60]}' is not part of the language: only the prefixes math., np., numpy., torch., jnp. and scipy.special. are read")
    value = evaluate(scope, tree.value)
    source = value.value if isinstance(value, Known) else value
    if type(value) is int and tree.attr in ("shape", "ndim", "size", "T"):
        return () if tree.attr == "shape" else value if tree.attr == "T" else Known(int(tree.attr == "size"))
    if not is_array(source):
        raise BuildError(tree.col_offset, f"{described(value)} has no '.{tree.attr}'")
    if tree.attr == "shape":
        return tuple(Known(n) for n in source.shape)
    if tree.attr in ("size", "ndim"):
        return Known(int(getattr(source, tree.attr)))
    if tree.attr in ("T", "mT", "H"):
        moved = source.T if tree.attr == "T" else source.swapaxes(-1, -2)
        return Known(moved) if isinstance(value, Known) else moved
    if tree.attr in ("dtype", "device", "data", "real"):
        return Known(float) if tree.attr == "dtype" else value if tree.attr in ("data", "real") else Known(None)
    raise BuildError(tree.col_offset, f"'.{tree.attr}' of an array is not part of the language")


def _call(scope: Scope, tree: ast.Call) -> Value:
    function = tree.func
    if isinstance(function, ast.Attribute):
        root = dotted(function).partition(".")[0]
        if not root or scope.is_variable(root):
            return _method(scope, tree, function)
    name = plain_name(function)
    if not name:
        raise BuildError(tree.col_offset, f"'{dotted(function)[:60]}' is not part of the language: only the prefixes math., np., numpy., torch., jnp. and scipy.special. are read")
    module = dotted(function).rpartition(".")[0]
    known = (scope.locals or {}).get(name) or scope.builder.values.get(name)
    if isinstance(known, Function):
        assert scope.inline is not None
        args, keywords = _arguments(scope, tree, name)
        result: Value = scope.inline(known, args, keywords, tree)
        return result
    if isinstance(known, Unreadable):
        raise BuildError(tree.col_offset, "")
    if name in ("sum", "list", "tuple") and not module and len(tree.args) == 1 and isinstance(tree.args[0], ast.GeneratorExp):
        return function_calls.builtin(scope, name, [_comprehension(scope, tree.args[0])], tree)
    args, keywords = _arguments(scope, tree, name)
    if not args and not keywords and name != "dict":
        raise BuildError(tree.col_offset, f"'{name}()' has no arguments")
    if (not module and name in function_calls.BUILTINS) or (name in ("sum", "max", "min") and not module and len(args) == 1 and isinstance(args[0], list | tuple)):
        return function_calls.builtin(scope, name, args, tree)
    if name in ("diff", "derivative", "grad"):
        return differentiate(scope.builder, [scope.as_step(a, tree) for a in args], line=scope.line, start=tree.col_offset, end=tree.end_col_offset or 0)
    return function_calls.function(scope, name, args, keywords, tree, module=module)


def _known_literal(scope: Scope, tree: ast.expr) -> Value:
    """The value of an expression in which whole numbers mean axes, lengths and indices: literals are no steps."""
    number = tree.operand if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else tree
    if isinstance(number, ast.Constant) and type(number.value) is int:
        return Known(number.value if number is tree else -number.value)
    if isinstance(tree, ast.Tuple | ast.List) and not any(isinstance(e, ast.Starred) for e in tree.elts):
        parts = [_known_literal(scope, e) for e in tree.elts]
        return parts if isinstance(tree, ast.List) else tuple(parts)
    return evaluate(scope, tree)


def _arguments(scope: Scope, tree: ast.Call, name: str) -> tuple[list[Value], dict[str, Value]]:
    """The arguments of a call; those of a gate of the table are steps."""
    args: list[Value] = []
    read = evaluate if canonical(name) is not None or name in ("diff", "derivative", "grad") else _known_literal
    for argument in tree.args:
        if isinstance(argument, ast.Starred):
            args += scope.rounds(evaluate(scope, argument.value), argument)
        else:
            args.append(read(scope, argument))
    keywords = {}
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise BuildError(keyword.col_offset, "'**' before an argument is not part of the language")
        keywords[keyword.arg] = _known_literal(scope, keyword.value)
    return args, keywords


def _method(scope: Scope, tree: ast.Call, function: ast.Attribute) -> Value:
    name = function.attr
    inner = function.value
    if isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Attribute) and inner.value.attr == "at":
        return _functional_update(scope, tree, inner, name)
    base = evaluate(scope, inner)
    args, keywords = _arguments(scope, tree, name)
    if isinstance(base, dict):
        return function_calls.of_dict(base, name, args, tree)
    if isinstance(base, list) and name in ("append", "insert", "extend", "pop", "reverse"):
        return function_calls.of_list(scope, base, name, args, tree)
    if isinstance(base, list | tuple | Function) or (isinstance(base, Known) and not is_array(base.value) and not is_whole(base)):
        raise BuildError(tree.col_offset, f"{described(base)} has no '.{name}(...)'")
    if name in ("size", "dim", "numel"):
        shape: tuple[Value, ...] = tuple(Known(n) for n in getattr(base.value if isinstance(base, Known) else base, "shape", ()))
        if name == "size" and args:
            return shape[whole(scope.builder, args[0]) or 0]
        return shape if name == "size" else Known(len(shape)) if name == "dim" else Known(base.size)  # type: ignore[union-attr]
    from verifier.circuit import functions

    if name.endswith("_") and is_array(base) and name[:-1] in ("add", "sub", "mul", "div", "zero", "fill", "copy"):
        raise BuildError(tree.col_offset, f"'.{name}' stands on a line of its own")
    if name not in functions.METHODS and canonical(name) is None and name not in ("clamp", "clip", "clamp_min", "clamp_max"):
        raise BuildError(tree.col_offset, f"unknown method '{name}'{{where}}{suggestion(name, [*functions.METHODS, *GATES])}")
    return function_calls.function(scope, name, [base, *args], keywords, tree, method=True)


def _functional_update(scope: Scope, tree: ast.Call, inner: ast.Subscript, name: str) -> Value:
    """JAX's `x.at[i].add(v)`: a changed copy."""
    from verifier.circuit import indexing

    assert isinstance(inner.value, ast.Attribute)
    base = evaluate(scope, inner.value.value)
    if name not in _AT or len(tree.args) != 1 or not is_array(base):
        raise BuildError(tree.col_offset, f"'.at[...].{name}(...)' is not part of the language; it has {', '.join(_AT)}")
    subscript, value = subscript_of(scope, inner.slice), evaluate(scope, tree.args[0])
    copy = base.copy()

    def update() -> None:
        mask = indexing.mask_of(scope.builder, subscript)
        if name == "set" or mask is not None:
            new = value if name == "set" else scope.gate(_AT[name], [copy, value], tree)
            indexing.put(scope.builder, copy, subscript, new)
        else:
            indexing.add_at(scope.builder, copy, subscript, value, gate=_AT[name])

    scope.at(tree, update)
    return copy

def component(tree: ast.Subscript) -> str:
    """`W[0]`, `x[1,2]` or a residual's `staged.dx[1,2]` as the name of a component; '' where something else is meant."""
    base = dotted(tree.value)
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    if base and all(isinstance(p, ast.Constant) and type(p.value) is int for p in parts):
        return f"{base}[{','.join(str(p.value) for p in parts if isinstance(p, ast.Constant))}]"
    return ""


_KINDS: dict[type[ast.AST], Callable[[Scope, Any], Value]] = {
    ast.UnaryOp: lambda scope, tree: operators.unary(scope, tree, evaluate(scope, tree.operand)), ast.BoolOp: _boolean, ast.Compare: _compare, ast.IfExp: _choice, ast.Call: _call,
    ast.Subscript: _subscripted, ast.Attribute: _attribute, ast.List: _sequence, ast.Tuple: _sequence, ast.Dict: _dict, ast.ListComp: _comprehension, ast.GeneratorExp: _comprehension,
}  # fmt: skip
