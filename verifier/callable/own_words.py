"""A formula of the language in the words of NumPy, PyTorch or JAX, in the place of an expression of the user's file."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball
from verifier.circuit.expressions import build_expression
from verifier.exact.derivatives import primitive
from verifier.language.gates import CONSTANTS, canonical
from verifier.language.source import Source

SAME = {name: name for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "expm1", "log1p", "abs", "sign", "where", "log2", "log10", "exp2")}
LIBRARIES: Mapping[str, Mapping[str, str]] = {  # module -> gate -> function
    "numpy": {**SAME, **{name: f"arc{name[1:]}" for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2")}, "max": "maximum", "min": "minimum", "hypot": "hypot", "cbrt": "cbrt", "square": "square"},
    "torch": {**SAME, **{name: name for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "square", "lgamma", "digamma", "hypot", "atan2")}, "max": "maximum", "min": "minimum"},
}  # fmt: skip
JAX = "jax.numpy"  # has the words of NumPy
OF_TENSORS = ("hypot", "atan2", "max", "min")  # in PyTorch no argument of these may be a number
TRIALS = 8  # points at which two formulas are compared
TRIAL_BITS = 200
GOLDEN = 0.6180339887498949  # the multiples of the golden ratio, less their whole numbers, fill an interval evenly
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
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.Call):
            gate = canonical(node.func.id) if isinstance(node.func, ast.Name) else None
            if gate is None or gate not in words:
                return "", f"{LETTER[module]} has no {gate or ast.unparse(node.func)}"
            if module == "torch" and not _are_tensors(node, gate):
                return "", f"torch.{words[gate]} takes no plain number"
            node.func = ast.Attribute(ast.Name(library), words[gate])
        elif isinstance(node, ast.Name) and node.id in CONSTANTS and id(node) not in called:
            return "", f"the code has no name for {node.id}"
        elif isinstance(node, ast.BoolOp):
            return "", "the condition has several parts"
    return renamed(ast.unparse(tree), names), ""


def _are_tensors(call: ast.Call, gate: str) -> bool:
    """Whether PyTorch takes the arguments of a call; a number beside a tensor is made one."""
    if gate == "where":
        return True
    names = [sorted(read_by(ast.unparse(a))) for a in call.args]
    if not any(names):
        return False
    if gate in OF_TENSORS:
        tensor = next(n[0] for n in names if n)
        for k, a in enumerate(call.args):
            if isinstance(a, ast.Constant):
                call.args[k] = ast.Call(ast.Attribute(ast.Name(tensor), "new_tensor"), [ast.Constant(float(a.value))], [])  # type: ignore[arg-type]
            elif not names[k]:
                return False
    return True


def read_by(formula: str) -> set[str]:
    """The names that a formula reads, without those of functions and constants."""
    tree = ast.parse(formula, mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called} - set(CONSTANTS)


def same_names(formula: str, code: ast.expr) -> dict[str, str] | None:
    """The name that the code has for every name of a formula, if both are the same function of them; else None. At most one name may be spelt differently."""
    theirs = in_the_language(code)
    if theirs is None:
        return None
    own, others = read_by(formula), read_by(theirs)
    left, right = sorted(own - others), sorted(others - own)
    if len(left) != len(right) or len(left) > 1:
        return None
    pairs = {name: name for name in own & others} | dict(zip(left, right, strict=True))
    names = tuple(pairs)
    same = renamed(theirs, {new: old for old, new in pairs.items()})
    return pairs if _are_equal(_values(formula, names), _values(same, names)) else None


def in_the_language(code: ast.expr) -> str | None:
    """A line of code as a formula, with gates in the place of the library's functions; None where it has other things."""
    tree = copy.deepcopy(code)
    functions = {id(part) for n in ast.walk(tree) if isinstance(n, ast.Call) for part in ast.walk(n.func)}
    for node in ast.walk(tree):
        if id(node) in functions:
            continue
        if isinstance(node, ast.Call):
            word = node.func.attr if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else node.func.id if isinstance(node.func, ast.Name) else ""
            gate = _gate(word)
            if gate is None or node.keywords:
                return None
            node.func = ast.Name(gate)
        elif not isinstance(node, ast.Name | ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop | ast.expr_context):
            return None
    return ast.unparse(tree)


def renamed(formula: str, names: Mapping[str, str]) -> str:
    """A formula with other names, or formulas in brackets, for some of its names."""
    tree = ast.parse(formula, mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called:
            node.id = names.get(node.id, node.id)  # unparse writes it as it is
    return ast.unparse(tree)


def _values(formula: str, names: tuple[str, ...]) -> list[Ball] | None:
    """The exact values of a formula at some points without pattern; None where it is no formula of the language."""
    program, complaints = build_expression(Source(formula, "", 1, 1, formula), names)
    if program is None or complaints:
        return None
    run = primitive(program)
    found = []
    for k in range(TRIALS):
        columns = [[arb((0.5 + GOLDEN * (k * len(names) + j)) % 1)] for j in range(len(names))]
        found.append(balls.run(run, columns, bits=TRIAL_BITS, strict=False)[run.output][0])
    return found


def _are_equal(first: list[Ball] | None, second: list[Ball] | None) -> bool:
    """Whether two lists of values are equal to many digits wherever both are numbers, which is so at most of the points."""
    if first is None or second is None:
        return False
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a.is_finite() and b.is_finite()]
    return len(pairs) > TRIALS // 2 and all(a.overlaps(b) and a.rel_accuracy_bits() > TRIAL_BITS // 2 for a, b in pairs)


def _gate(word: str) -> str | None:
    """The gate that a library's function is."""
    back = {function: gate for table in LIBRARIES.values() for gate, function in table.items()}
    return canonical(back.get(word, word))
