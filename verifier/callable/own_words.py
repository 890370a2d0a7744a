"""A formula of the language in the words of NumPy, PyTorch or JAX, in the place of an expression of the user's file."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from verifier.language.gates import GATES, canonical

SAME = {name: name for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "expm1", "log1p", "abs", "sign", "where", "log2", "log10", "exp2")}
LIBRARIES: Mapping[str, Mapping[str, str]] = {  # module -> gate -> function
    "numpy": {**SAME, **{name: f"arc{name[1:]}" for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2")}, "max": "maximum", "min": "minimum", "hypot": "hypot", "cbrt": "cbrt", "square": "square"},
    "torch": {**SAME, **{name: name for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "square", "lgamma", "digamma")}},
}  # fmt: skip
JAX = "jax.numpy"  # has the words of NumPy
LETTER = {"numpy": "np", "torch": "torch", JAX: "jnp"}


def module_of(framework: str) -> str:
    """The module whose words a framework's code has; `framework` is its name with its version."""
    name = framework.lower()
    return "torch" if "torch" in name else JAX if "jax" in name else "numpy"


def library_name(tree: ast.Module, module: str) -> str:
    """The name under which a file has imported a module; "" where it has not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == module and (alias.asname or "." not in module):
                    return alias.asname or module
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}" == module:
                    return alias.asname or alias.name
    return ""


def in_own_words(formula: str, module: str, library: str, names: Mapping[str, str]) -> tuple[str, str]:
    """The formula as code, with other names for some of its names; or "" and why there is none."""
    words = LIBRARIES["numpy" if module == JAX else module]
    tree = ast.parse(formula, mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            gate = canonical(node.func.id) if isinstance(node.func, ast.Name) else None
            if gate is None or gate not in words:
                return "", f"{LETTER[module]} has no {gate or ast.unparse(node.func)}"
            node.func = ast.Attribute(ast.Name(library), words[gate])
        elif isinstance(node, ast.BoolOp):
            return "", "the condition has several parts"
        elif isinstance(node, ast.Name) and id(node) not in called and node.id in names:
            node.id = names[node.id]
    return ast.unparse(tree), ""


def same_names(formula: str, code: ast.expr) -> dict[str, str] | None:
    """The name that the code has for every name of a formula, if code and formula are the same but for names and the spelling of functions and numbers; else None."""
    pairs: dict[str, str] = {}
    alike = _alike(ast.parse(formula, mode="eval").body, code, pairs)
    return pairs if alike and len(set(pairs.values())) == len(pairs) else None


def _alike(a: ast.expr, b: ast.expr, pairs: dict[str, str]) -> bool:
    if isinstance(a, ast.Name):
        return isinstance(b, ast.Name) and pairs.setdefault(a.id, b.id) == b.id
    if isinstance(a, ast.Constant):
        return isinstance(b, ast.Constant) and isinstance(b.value, int | float) and float(a.value) == float(b.value)  # type: ignore[arg-type]
    if isinstance(a, ast.BinOp):
        return isinstance(b, ast.BinOp) and type(a.op) is type(b.op) and _alike(a.left, b.left, pairs) and _alike(a.right, b.right, pairs)
    if isinstance(a, ast.UnaryOp):
        return isinstance(b, ast.UnaryOp) and type(a.op) is type(b.op) and _alike(a.operand, b.operand, pairs)
    if isinstance(a, ast.Call) and isinstance(b, ast.Call) and isinstance(a.func, ast.Name) and not b.keywords and len(a.args) == len(b.args):
        word = b.func.attr if isinstance(b.func, ast.Attribute) and isinstance(b.func.value, ast.Name) else b.func.id if isinstance(b.func, ast.Name) else ""
        return _gate(word) == canonical(a.func.id) and all(_alike(x, y, pairs) for x, y in zip(a.args, b.args, strict=True))
    return False


def _gate(word: str) -> str | None:
    """The gate that a library's function is."""
    back = {function: gate for table in LIBRARIES.values() for gate, function in table.items()}
    gate = back.get(word, word)
    return canonical(gate) if gate in GATES or canonical(gate) else None
