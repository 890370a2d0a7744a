"""Calls whose arguments are values: functions of NumPy, PyTorch and JAX, gates of the table, Python's own for lists and whole numbers."""

from __future__ import annotations

import ast
from typing import Any

from verifier.circuit import operators
from verifier.circuit.apply import BuildError
from verifier.circuit.scope import MAX_ROUNDS, Scope
from verifier.circuit.values import WHOLES, Known, Value, described, is_array, truncated, truth, whole
from verifier.language.gates import GATES, canonical
from verifier.language.source import suggestion

ALSO_REDUCTIONS = frozenset(("max", "min"))  # gates of two operands whose words reduce one array, too
BUILTINS = frozenset("range slice len enumerate zip reversed list tuple dict int isinstance".split())


def function(scope: Scope, name: str, args: list[Value], keywords: dict[str, Value], tree: ast.expr | ast.stmt, *, module: str = "", method: bool = False) -> Value:
    """A function of NumPy, PyTorch or JAX, or a gate of the table, on values."""
    gate = canonical(name)
    is_torch = module.startswith(("torch", "F", "nn")) and not module.startswith("np")
    if gate is not None and not keywords and all(type(a) is int for a in args) and not (method and name in ALSO_REDUCTIONS):
        return scope.gate(name, args, tree)
    if name in ("max", "min", "amax", "amin") and len(args) == 2 and not method and (not module or whole(scope.builder, args[1]) is None):
        return scope.gate(name.removeprefix("a"), args, tree)
    if name in ("clip", "clamp", "clamp_min", "clamp_max", "clip_"):
        return _clip(scope, name, args, keywords, tree)
    if (gate is not None and name not in ALSO_REDUCTIONS) or name == "round":
        if name == "where" and len(args) == 3 and not keywords and (known := truth(scope.builder, args[0])) is not None and isinstance(args[0], Known):
            return args[1] if known else args[2]
        return scope.gate(name, _positional(name, args, keywords, tree), tree)
    from verifier.circuit import functions

    if is_torch and name in ("var", "std") and not {"ddof", "unbiased", "correction"} & set(keywords):
        keywords = {**keywords, "correction": Known(1)}
    if name in ("var", "std") and "dim" in keywords and not {"ddof", "unbiased", "correction"} & set(keywords):
        keywords = {**keywords, "correction": Known(1)}
    if is_torch and name in ("split", "sort"):
        name = f"torch.{name}"
    if name not in functions.WORDS:
        known_words = [*GATES, *functions.WORDS, "diff"]
        kind = "gate" if not module or module == "math" else "function"
        raise BuildError(tree.col_offset, f"unknown {kind} '{name}'{{where}}{suggestion(name, known_words)}")
    found: Value = scope.at(tree, lambda: functions.call(scope.builder, name, args, keywords))
    return (found, Known(None)) if name in ALSO_REDUCTIONS and "dim" in keywords else found


def _positional(name: str, args: list[Value], keywords: dict[str, Value], tree: ast.expr | ast.stmt) -> list[Value]:
    """The arguments of a gate in the table's order, those with a keyword too."""
    if not keywords:
        return args
    parameters = GATES[canonical(name) or name].parameters
    renamed = {"negative_slope": "slope", "input": "a", "x": "a", "other": "b", "exponent": "b"}
    found = list(args)
    for key in parameters[len(args) :]:
        value = next((v for k, v in keywords.items() if renamed.get(k, k) == key), None)
        if value is None:
            break
        found.append(value)
    ignored = {"dtype", "inplace", "approximate"}
    if len(found) - len(args) < len(set(keywords) - ignored):
        raise BuildError(tree.col_offset, f"'{name}' with {', '.join(keywords)} is not part of the language; it takes ({', '.join(parameters)})")
    return found


def _clip(scope: Scope, name: str, args: list[Value], keywords: dict[str, Value], tree: ast.expr | ast.stmt) -> Value:
    values: list[Value] = [*args, *([Known(None)] * (3 - len(args)))]
    for key, value in keywords.items():
        where = {"min": 1, "a_min": 1, "max": 2, "a_max": 2, "lo": 1, "hi": 2}.get(key)
        if where is None:
            raise BuildError(tree.col_offset, f"'{name}' with {key} is not part of the language; it takes (a, lo, hi)")
        values[where] = value
    value, low, high = values[:3]
    if name == "clamp_max":
        low, high = Known(None), low
    absent = [isinstance(v, Known) and v.value is None for v in (low, high)]
    if all(absent):
        raise BuildError(tree.col_offset, f"'{name}' takes 3 arguments (a, lo, hi), not {len(args)}")
    if absent[1]:
        return scope.gate("maximum", [value, low], tree)
    return scope.gate("minimum", [value, high], tree) if absent[0] else scope.gate("clip", [value, low, high], tree)


def builtin(scope: Scope, name: str, args: list[Value], tree: ast.Call) -> Value:
    """A function of Python itself, on lists and whole numbers."""
    if name == "range":
        numbers = [whole(scope.builder, a) for a in args]
        if None in numbers or not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
            raise BuildError(tree.col_offset, f"'range' takes one to three {WHOLES}, and no step of 0")
        for value, argument in zip(reversed(args), reversed(tree.args), strict=False):
            scope.forget(value, argument)
        found = range(*numbers)  # type: ignore[arg-type]
        if len(found) > MAX_ROUNDS:
            raise BuildError(tree.col_offset, f"a loop of {len(found)} rounds is too long: at most {MAX_ROUNDS}")
        return Known(found)
    if name == "slice":
        ends = [None if isinstance(a, Known) and a.value is None else whole(scope.builder, a) for a in args]
        if len(args) > 3 or any(e is None and not (isinstance(a, Known) and a.value is None) for a, e in zip(args, ends, strict=True)):
            raise BuildError(tree.col_offset, f"the ends of a slice must be {WHOLES}")
        return Known(slice(*ends))
    if name == "len":
        value = args[0]
        source = value.value if isinstance(value, Known) else value
        if (is_array(source) and source.ndim == 0) or type(source) is int:
            raise BuildError(tree.col_offset, "a number has no length")
        if not hasattr(source, "__len__"):
            raise BuildError(tree.col_offset, f"{described(value)} has no length")
        return Known(len(source))
    if name == "int":
        number = truncated(scope.builder, args[0])
        if number is None:
            raise BuildError(tree.col_offset, "a number that depends on inputs cannot be made a whole number; write floor(x) or trunc(x)")
        return Known(number)
    if name == "isinstance":
        raise BuildError(tree.col_offset, "'isinstance' is not part of the language: remove this branch")
    if name == "dict":
        return dict(args[0]) if args and isinstance(args[0], dict) else {}
    if name == "zip":
        return [tuple(t) for t in zip(*(scope.rounds(a, tree) for a in args), strict=False)]
    elements = scope.rounds(args[0], tree)
    if name == "enumerate":
        first = whole(scope.builder, args[1]) if len(args) > 1 else 0
        return [(Known(i), v) for i, v in enumerate(elements, first or 0)]
    if name in ("sum", "max", "min"):
        if not elements:
            raise BuildError(tree.col_offset, f"'{name}' of an empty list")
        total = elements[0]
        for value in elements[1:]:
            total = operators.binary(scope, ast.Add, total, value, tree) if name == "sum" else scope.gate(name, [total, value], tree)
        return total
    return elements[::-1] if name == "reversed" else tuple(elements) if name == "tuple" else elements


def of_dict(base: dict[Any, Value], name: str, args: list[Value], tree: ast.expr) -> Value:
    """A method of a dictionary."""
    keys: list[Value] = [Known(k) for k in base]
    if name in ("items", "keys", "values"):
        values = list(base.values())
        return keys if name == "keys" else values if name == "values" else list(zip(keys, values, strict=True))
    if name in ("get", "pop", "setdefault") and args and isinstance(args[0], Known):
        other = args[1] if len(args) > 1 else Known(None)
        return base.get(args[0].value, other) if name == "get" else base.pop(args[0].value, other) if name == "pop" else base.setdefault(args[0].value, other)
    if name == "update" and args and isinstance(args[0], dict):
        base.update(args[0])
        return Known(None)
    raise BuildError(tree.col_offset, f"a dictionary has no '.{name}(...)' here")


def of_list(scope: Scope, base: list[Value], name: str, args: list[Value], tree: ast.expr) -> Value:
    """A method of a list."""
    if name == "append" and len(args) == 1:
        base.append(args[0])
    elif name == "extend" and len(args) == 1:
        base.extend(scope.rounds(args[0], tree))
    elif name == "insert" and len(args) == 2:
        base.insert(whole(scope.builder, args[0]) or 0, args[1])
    elif name == "reverse":
        base.reverse()
    elif name == "pop" and base:
        return base.pop(*([whole(scope.builder, args[0]) or 0] if args else []))
    else:
        raise BuildError(tree.col_offset, f"'.{name}' of a list is not part of the language here")
    return Known(None)
