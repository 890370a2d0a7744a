"""Reads calls in statements about arrays, of the language, NumPy, PyTorch and JAX, and writes new ones in the same words."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

MODULES = ("np", "numpy", "torch", "jnp", "math", "np.linalg", "numpy.linalg", "torch.linalg", "jnp.linalg", "torch.nn.functional", "F", "jax.nn", "jax.numpy")
WORDS = {"amax": "max", "average": "mean", "square": "square", "absolute": "abs", "vector_norm": "norm"}  # other names of one function
AXIS, KEEP = ("axis", "dim"), ("keepdims", "keepdim")
MOST_INLINED = 40  # names that are written out in one statement


@dataclass(frozen=True)
class ArrayCall:
    """A call of a function or of a method: its name, what it is applied to, and the other arguments."""

    name: str
    operand: ast.expr
    others: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]

    @property
    def axis(self) -> ast.expr | None:
        """The axis of a reduction, where it has one."""
        found = next((k.value for k in self.keywords if k.arg in AXIS), self.others[0] if self.others else None)
        return None if isinstance(found, ast.Constant) and found.value is None else found

    @property
    def keeps(self) -> bool:
        """Whether a reduction keeps its axes as ones of length 1."""
        found = next((k.value for k in self.keywords if k.arg in KEEP), self.others[1] if len(self.others) > 1 else None)
        return isinstance(found, ast.Constant) and bool(found.value)

    @property
    def is_plain(self) -> bool:
        """Whether a reduction has nothing but an axis, and whether it is kept."""
        keeps = [k.value for k in self.keywords if k.arg in KEEP] + [*self.others[1:2]]
        return len(self.others) <= 2 and all(k.arg in (*AXIS, *KEEP) for k in self.keywords) and all(isinstance(k, ast.Constant) for k in keeps)


def call_of(node: ast.expr, modules: Collection[str] = MODULES) -> ArrayCall | None:
    """A call as a function applied to an operand; None for any other expression."""
    if not isinstance(node, ast.Call) or any(k.arg is None for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
        return None
    func, args = node.func, list(node.args)
    if isinstance(func, ast.Attribute) and ast.unparse(func.value) not in modules:
        args.insert(0, func.value)
    if not args or not isinstance(func, ast.Attribute | ast.Name):
        return None
    name = func.attr if isinstance(func, ast.Attribute) else func.id
    return ArrayCall(WORDS.get(name, name), args[0], tuple(args[1:]), tuple(node.keywords))


def prefix_of(nodes: Sequence[ast.AST], modules: Collection[str] = MODULES) -> str:
    """The words before a function's name in some statements: `np.`, `torch.`, `jnp.`, or nothing."""
    for node in nodes:
        for n in ast.walk(node):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and n.func.value.id in modules and n.func.value.id not in ("F", "math"):
                return f"{n.func.value.id}."
    return ""


def same(a: ast.AST | None, b: ast.AST | None) -> bool:
    """Whether two expressions are written alike, but for blanks and brackets."""
    return a is b or (a is not None and b is not None and ast.unparse(a) == ast.unparse(b))


@dataclass(frozen=True)
class ArrayWords:
    """How expressions are read and written in a text: its names with their values, and the words before a function's name."""

    definitions: Mapping[str, ast.expr]
    prefix: str
    may_be_zero: bool = False  # whether what is divided by must have a value where it is 0: a value of the forward pass

    def value(self, node: ast.expr) -> ast.expr:
        """An expression, or the value of the name that it is."""
        for _ in range(MOST_INLINED):
            if not (isinstance(node, ast.Name) and node.id in self.definitions):
                break
            node = self.definitions[node.id]
        return node

    def call(self, node: ast.expr, *names: str) -> ArrayCall | None:
        """The call of one of some functions that an expression is, or a name stands for."""
        found = call_of(self.value(node))
        return found if found is not None and found.name in names else None

    def inlined(self, node: ast.expr, reading: str) -> ast.expr:
        """An expression with those names written out whose values call a function, directly or by other names."""
        words = self

        class Writer(ast.NodeTransformer):
            count = 0

            def visit_Name(self, name: ast.Name) -> ast.expr:
                if name.id not in words.definitions or self.count > MOST_INLINED or not words.calls(name, reading):
                    return name
                self.count += 1
                return self.visit(copy.deepcopy(words.definitions[name.id]))  # type: ignore[no-any-return]

        return Writer().visit(copy.deepcopy(node))  # type: ignore[no-any-return]

    def calls(self, node: ast.expr, function: str) -> bool:
        """Whether an expression calls a function, directly or by a name."""
        return any(c.name == function for c in self.all_calls(node))

    def all_calls(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> Iterator[ArrayCall]:
        """The calls in an expression, and in the values of its names."""
        for n in ast.walk(node):
            found = call_of(n) if isinstance(n, ast.expr) else None
            if found is not None:
                yield found
            if isinstance(n, ast.Name) and n.id in self.definitions and n.id not in seen:
                yield from self.all_calls(self.definitions[n.id], seen | {n.id})

    def apply(self, name: str, operand: ast.expr, **keywords: ast.expr) -> ast.expr:
        """A call of a function on one operand."""
        return ast.Call(ast.parse(f"{self.prefix}{name}", mode="eval").body, [operand], [ast.keyword(k, v) for k, v in keywords.items()])

    def along(self, name: str, operand: ast.expr, axis: int) -> ast.expr:
        """A reduction along an axis."""
        return self.apply(name, operand, **{AXIS[self.prefix == "torch."]: ast.Constant(axis)})

    def reduced(self, name: str, operand: ast.expr, like: ArrayCall, *, keep: bool) -> ast.expr:
        """A reduction along the axis of another one."""
        if like.axis is None:
            return self.apply(name, operand)
        axis, kept = (AXIS[1], KEEP[1]) if self.prefix == "torch." else (AXIS[0], KEEP[0])
        word = "amax" if name == "max" and self.prefix == "torch." else name
        return self.apply(word, operand, **{axis: like.axis, **({kept: ast.Constant(value=True)} if keep else {})})


__all__ = ["ArrayCall", "ArrayWords", "call_of", "prefix_of", "same"]
