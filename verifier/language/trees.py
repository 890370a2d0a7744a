"""Trees of scalar formulas as flat tuples of nodes, for what edits and rearranges texts; statements with their targets."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from verifier.language.grammar import block, expression
from verifier.language.mistakes import ASSIGNMENTS
from verifier.language.tokens import MODULES, LanguageError

BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.BitAnd: "and", ast.BitOr: "or", ast.MatMult: "matmul",
    ast.And: "and", ast.Or: "or", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
UNARY: dict[type[ast.AST], str] = {ast.USub: "neg", ast.Not: "not", ast.Invert: "not", ast.UAdd: ""}


@dataclass(frozen=True, slots=True)
class Node:
    """One node: `op` is 'number', 'name', or a call of the gate named `op`; `args` are indices of earlier nodes."""

    op: str
    args: tuple[int, ...]
    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """`target = value`, or `target += value` (then `augmented` is 'add' and the value's root is the sum)."""

    target: str
    nodes: tuple[Node, ...]
    start: int
    end: int
    augmented: str = ""


def parse_expression(text: str) -> tuple[Node, ...]:
    """The nodes of one expression in postorder: operands before operators, the root last. Raises LanguageError."""
    return nodes_of(expression(text), text)


def parse_program(text: str) -> tuple[list[Statement], list[LanguageError]]:
    """The assignments of a block, those inside loops and functions included, and everything that is wrong with it."""
    trees, errors = block(text)
    found: list[Statement] = []
    pending = list(reversed(trees))
    while pending:
        tree = pending.pop()
        if isinstance(tree, ast.For | ast.If | ast.FunctionDef):
            pending += reversed([*tree.body, *(tree.orelse if isinstance(tree, ast.If) else ())])
        elif isinstance(tree, ast.Assign):
            nodes = nodes_of(tree.value, text)
            found += [Statement(written(target, text), nodes, *span(tree)) for target in reversed(tree.targets)]
        elif isinstance(tree, ast.AugAssign):
            found.append(_augmented(tree, text))
    return found, errors


def _augmented(tree: ast.AugAssign, text: str) -> Statement:
    start, end = span(tree)
    target, value = written(tree.target, text), nodes_of(tree.value, text)
    gate = BINARY.get(type(tree.op), "")
    symbol = next(s for s, g in ASSIGNMENTS.items() if g == gate)
    old = Node("name", (), start, text.index(symbol, span(tree.target)[1]), target)
    shifted = tuple(Node(n.op, tuple(a + 1 for a in n.args), n.start, n.end, n.text) for n in value)
    return Statement(target, (old, *shifted, Node(gate, (0, len(value)), start, end)), start, end, gate)


def span(tree: ast.expr | ast.stmt) -> tuple[int, int]:
    """Where a tree stands in its text."""
    return tree.col_offset, tree.end_col_offset or 0


def written(tree: ast.expr, text: str) -> str:
    """A name, `W[0]` without blanks, or whatever was written."""
    start, end = span(tree)
    return "".join(text[start:end].split()) if isinstance(tree, ast.Subscript) else text[start:end]


def dotted(tree: ast.expr) -> str:
    """`np.linalg.norm` as text; '' where the tree is no chain of names."""
    parts: list[str] = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    return ".".join([tree.id, *reversed(parts)]) if isinstance(tree, ast.Name) else ""


def plain_name(tree: ast.expr) -> str:
    """A name without its module: `math.exp` is `exp`; '' where the tree is no name."""
    name = dotted(tree)
    module, _, last = name.rpartition(".")
    return last if not module or module in MODULES else ""


def nodes_of(tree: ast.expr, text: str) -> tuple[Node, ...]:
    """A tree in postorder. What is no scalar formula (a slice, a method, a list) is one node of kind 'name' with its text."""
    found: list[Node] = []
    _add(found, tree, text)
    return tuple(found)


def _append(found: list[Node], op: str, args: tuple[int, ...], tree: ast.expr, text: str = "") -> int:
    found.append(Node(op, args, *span(tree), text))
    return len(found) - 1


def _add(found: list[Node], tree: ast.expr, text: str) -> int:
    match tree:
        case ast.BinOp():
            chain = [tree]
            while isinstance(left := chain[-1].left, ast.BinOp):
                chain.append(left)
            at = _add(found, chain[-1].left, text)
            for link in reversed(chain):
                at = _append(found, BINARY.get(type(link.op), "floordiv"), (at, _add(found, link.right, text)), link)
            return at
        case ast.Constant() if not isinstance(tree.value, str | bytes) and tree.value is not Ellipsis and tree.value is not None and not isinstance(tree.value, bool):
            return _append(found, "number", (), tree, written(tree, text).replace("_", ""))
        case ast.UnaryOp():
            at = _add(found, tree.operand, text)
            gate = UNARY[type(tree.op)]
            return _append(found, gate, (at,), tree) if gate else at
        case ast.BoolOp():
            at = _add(found, tree.values[0], text)
            for value in tree.values[1:]:
                right = _add(found, value, text)
                found.append(Node(BINARY[type(tree.op)], (at, right), found[at].start, span(value)[1]))
                at = len(found) - 1
            return at
        case ast.Compare() if all(type(o) in BINARY for o in tree.ops):
            return _comparisons(found, tree, text)
        case ast.IfExp():
            at, condition, otherwise = (_add(found, t, text) for t in (tree.body, tree.test, tree.orelse))
            return _append(found, "where", (condition, at, otherwise), tree)
        case ast.Call() if plain_name(tree.func) and not tree.keywords and not any(isinstance(a, ast.Starred) for a in tree.args):
            return _append(found, plain_name(tree.func), tuple([_add(found, a, text) for a in tree.args]), tree)
        case _:
            return _append(found, "name", (), tree, plain_name(tree) or written(tree, text))


def _comparisons(found: list[Node], tree: ast.Compare, text: str) -> int:
    """a < b < c means a < b and b < c; a longer chain leans to the right."""
    left = _add(found, tree.left, text)
    links = []
    for operator, other in zip(tree.ops, tree.comparators, strict=True):
        right = _add(found, other, text)
        whole = len(tree.ops) == 1
        found.append(Node(BINARY[type(operator)], (left, right), span(tree)[0] if whole else found[left].start, span(tree)[1] if whole else found[right].end))
        links.append(len(found) - 1)
        left = right
    at = links[-1]
    for link in reversed(links[:-1]):
        at = _append(found, "and", (link, at), tree)
    return at
