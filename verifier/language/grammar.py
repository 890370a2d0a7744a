"""The language of the case files: text to trees, by a small grammar of our own; nothing is ever evaluated.

A tree is a tuple of nodes in postorder (operands before operators, the root last), so every walk over it is a loop
and no nesting is too deep.
"""

from __future__ import annotations

from dataclasses import dataclass

from verifier.language.gates import GATES
from verifier.language.tokens import REFUSED, LanguageError, Token, logical_lines, tokens

# the operators of the table, and NumPy's spellings of the logical ones, which bind as Python has it
_OPERATORS = [g for g in GATES.values() if g.symbol]
_BINARY = {**{g.symbol: (g.name, g.binds) for g in _OPERATORS if len(g.parameters) == 2}, "|": ("or", 6), "&": ("and", 8)}
_UNARY = {**{g.symbol: (g.name, g.binds) for g in _OPERATORS if len(g.parameters) == 1}, "+": ("", 12), "~": ("not", 12)}
_CHAIN, _COMPARISON, _POWER = 4, GATES["lt"].binds, GATES["pow"].binds
_ASSIGNMENTS = {f"{g.symbol}=": g.name for g in _OPERATORS if len(g.parameters) == 2 and not g.boolean}


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


def parse_expression(text: str, *, references: bool = False) -> tuple[Node, ...]:
    """The tree of one expression. Raises LanguageError at the first thing that is wrong.

    With `references`, names may be dotted (`staged.dx`): they refer to a name of an implementation.
    """
    listed = [t for t in tokens(text, references=references) if t.kind != "newline"]
    return _tree(listed, len(text))


def parse_program(text: str) -> tuple[list[Statement], list[LanguageError]]:
    """The statements of a block, and everything that is wrong with it (one error a line at the most)."""
    statements: list[Statement] = []
    errors: list[LanguageError] = []
    try:
        listed = tokens(text)
    except LanguageError as error:
        return [], [error]
    for line in logical_lines(listed):
        try:
            statements.extend(_statement(line))
        except LanguageError as error:
            errors.append(error)
    return statements, errors


def _statement(line: list[Token]) -> list[Statement]:
    first, end = line[0], line[-1].end
    second = line[1].text if len(line) > 1 else ""
    if first.text in REFUSED and second not in ("=", *_ASSIGNMENTS):
        raise LanguageError(first.start, f"{REFUSED[first.text]}")
    if first.text == "if":
        raise LanguageError(first.start, "a branch is written where(condition, a, b)")
    targets: list[tuple[str, Token]] = []
    position = 0
    while True:  # a = b = expression
        name, after = _target(line, position)
        if name is None or after >= len(line) or line[after].text not in ("=", *_ASSIGNMENTS):
            break
        targets.append((name, line[after]))
        position = after + 1
        if line[after].text != "=":
            break
    if not targets:
        _refuse_statement(line)
    rest = line[position:]
    if not rest:
        raise LanguageError(end, f"the value of '{targets[-1][0]}' is missing after '{targets[-1][1].text}'")
    if rest[0].text == "[":
        return [Statement(targets[-1][0], _list_literal(rest), first.start, end, "list")]
    nodes = _tree(rest, end)
    operator = targets[-1][1]
    if operator.text == "=":
        return [Statement(name, nodes, first.start, end) for name, _ in reversed(targets)]
    if len(targets) > 1:
        raise LanguageError(operator.start, f"'{operator.text}' cannot follow another assignment")
    name, gate = targets[0][0], _ASSIGNMENTS[operator.text]
    old = Node("name", (), first.start, operator.start, name)
    shifted = tuple(Node(n.op, tuple(a + 1 for a in n.args), n.start, n.end, n.text) for n in nodes)
    root = Node(gate, (0, len(nodes)), first.start, end)
    return [Statement(name, (old, *shifted, root), first.start, end, gate)]


def _target(line: list[Token], at: int) -> tuple[str | None, int]:
    """The assignable name at a position (`dx`, `dW[0]`) and the position after it."""
    if at >= len(line) or line[at].kind != "name":
        return None, at
    if len(line) > at + 3 and line[at + 1].text == "[" and line[at + 2].kind == "number" and line[at + 3].text == "]":
        return f"{line[at].text}[{_subscript(line[at + 2])}]", at + 4
    return line[at].text, at + 1


def _subscript(token: Token) -> int:
    if not token.text.isdigit() or len(token.text) > 9:
        raise LanguageError(token.start, "a subscript must be a plain number, as in W[0]")
    return int(token.text)


def _list_literal(line: list[Token]) -> tuple[Node, ...]:
    """`[2, -3, -3]`: the example values of a vector input in a pasted cell; numbers only, one node each."""
    nodes: list[Node] = []
    sign, expect_value = "", True
    if line[-1].text != "]":
        raise LanguageError(line[-1].end, "a list must end in ']'")
    for token in line[1:-1]:
        if token.kind == "number" and expect_value:
            nodes.append(Node("number", (), token.start, token.end, sign + token.text))
            sign, expect_value = "", False
        elif token.text in "+-" and expect_value:
            sign = "-" if (token.text == "-") != (sign == "-") else ""
        elif token.text == "," and not expect_value:
            expect_value = True
        else:
            raise LanguageError(token.start, "a list may hold numbers only, the example values of a vector input")
    return tuple(nodes)


def _refuse_statement(line: list[Token]) -> None:
    first = line[0]
    equals = next((t for t in line if t.text == "="), None)
    comma = next((t for t in line if t.text == ","), None)
    if equals is not None and comma is not None and comma.start < equals.start:
        raise LanguageError(first.start, "one name is assigned at a time: write a line for each")
    if equals is not None:
        raise LanguageError(first.start, "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'")
    _tree(line, line[-1].end)  # a mistake inside the expression is the better message
    raise LanguageError(first.start, "a line must assign to a name: 'name = expression' or 'name += expression'")


class _Parser:
    """Operator precedence with explicit stacks: `operands` are node indices, `pending` what waits for its right side."""

    def __init__(self, end: int) -> None:
        self.nodes: list[Node] = []
        self.operands: list[int] = []
        self.pending: list[tuple[str, str, int, int, int]] = []  # kind, gate, strength, start, operands below
        self.end = end
        self.spans: dict[int, tuple[int, int]] = {}  # of operands in parentheses, the parentheses included

    def leaf(self, op: str, token: Token, text: str, end: int) -> None:
        self.nodes.append(Node(op, (), token.start, end, text))
        self.operands.append(len(self.nodes) - 1)

    def node(self, op: str, count: int, start: int | None = None, end: int | None = None) -> None:
        args = tuple(self.operands[len(self.operands) - count :])
        del self.operands[len(self.operands) - count :]
        spans = [self.spans.get(a, (self.nodes[a].start, self.nodes[a].end)) for a in args]
        first = min(s for s, _ in spans) if start is None else start
        last = max(e for _, e in spans) if end is None else end
        self.nodes.append(Node(op, args, first, last))
        self.operands.append(len(self.nodes) - 1)

    def reduce(self, strength: int) -> None:
        """Build every pending operator that binds at least as strongly."""
        while self.pending and self.pending[-1][0] in ("unary", "binary", "else") and self.pending[-1][2] >= strength:
            kind, gate, _, start, _ = self.pending.pop()
            if kind == "unary":
                if gate:
                    self.node(gate, 1, start)
            elif kind == "binary":
                self.node(gate, 2)
            else:  # value if condition else other
                value, condition, other = self.operands[-3:]
                self.operands[-3:] = [condition, value, other]
                self.node("where", 3)

    def binary(self, token: Token) -> None:
        gate, strength = _BINARY[token.text]
        self.reduce(strength + 1 if strength == _POWER else strength if strength != _COMPARISON else strength + 1)
        if strength == _COMPARISON and self.pending and self.pending[-1][2] == _COMPARISON and self.pending[-1][0] == "binary":
            middle = self.operands[-1]  # a < b < c means a < b and b < c
            self.reduce(_COMPARISON)
            self.pending.append(("binary", "and", _CHAIN, token.start, 0))
            self.operands.append(middle)
        self.pending.append(("binary", gate, strength, token.start, 0))

    def close(self, token: Token) -> None:
        self.reduce(0)
        if not self.pending or self.pending[-1][0] not in ("group", "call"):
            raise LanguageError(token.start, "')' has no matching '('" if not self.pending else "'if' needs an 'else'")
        kind, gate, _, start, below = self.pending.pop()
        if kind == "call":
            self.node(gate, len(self.operands) - below, start, token.end)
        else:
            self.spans[self.operands[-1]] = (start, token.end)


def _tree(line: list[Token], end: int) -> tuple[Node, ...]:
    parser = _Parser(end)
    want_operand, i = True, 0
    while i < len(line):
        token = line[i]
        following = line[i + 1].text if i + 1 < len(line) else ""
        if want_operand:
            if token.kind == "number":
                parser.leaf("number", token, token.text.replace("_", ""), token.end)
                want_operand = False
            elif token.kind == "name" and token.text in ("lambda", "True", "False", "None"):
                raise LanguageError(token.start, REFUSED.get(token.text, f"'{token.text}' is not part of the language"))
            elif token.kind == "name" and following == "(":
                parser.pending.append(("call", token.text, -1, token.start, len(parser.operands)))
                i += 1
                if i + 1 < len(line) and line[i + 1].text == ")":
                    raise LanguageError(token.start, f"'{token.text}()' has no arguments")
            elif token.kind == "name":
                name, after = _target(line, i)
                if following == "[" and after == i + 1:
                    raise LanguageError(line[i + 1].start, f"the subscript of '{token.text}' must be a plain number, as in {token.text}[0]")
                parser.leaf("name", token, name or token.text, line[after - 1].end)
                want_operand, i = False, after - 1
            elif token.text in _UNARY:
                gate, strength = _UNARY[token.text]
                parser.pending.append(("unary", gate, strength, token.start, 0))
            elif token.text == "(":
                parser.pending.append(("group", "", -1, token.start, len(parser.operands)))
            else:
                raise LanguageError(token.start, f"a value is missing before '{token.text}'" if token.text != "[" else "a list is not a value: vector inputs are used element by element, as in W[0]")
        elif token.text in _BINARY:
            parser.binary(token)
            want_operand = True
        elif token.text == ")":
            parser.close(token)
        elif token.text == ",":
            parser.reduce(0)
            if not parser.pending or parser.pending[-1][0] != "call":
                raise LanguageError(token.start, "a comma may only separate the arguments of a call")
            want_operand = True
        elif token.text == "if":
            parser.reduce(1)
            parser.pending.append(("if", "", -1, token.start, 0))
            want_operand = True
        elif token.text == "else" and _reduced_to_if(parser):
            parser.pending[-1] = ("else", "where", 0, token.start, 0)
            want_operand = True
        elif token.text == "=" and parser.pending and any(p[0] == "call" for p in parser.pending):
            raise LanguageError(token.start, "keyword arguments are not part of the language")
        else:
            raise LanguageError(token.start, _unexpected(token))
        i += 1
    if want_operand:
        raise LanguageError(end, "the expression ends where a value is expected")
    parser.reduce(0)
    if parser.pending:
        kind, _, _, start, _ = parser.pending[-1]
        raise LanguageError(start, "'if' needs an 'else'" if kind == "if" else "'(' is never closed")
    return tuple(parser.nodes)


def _reduced_to_if(parser: _Parser) -> bool:
    parser.reduce(0)
    return bool(parser.pending) and parser.pending[-1][0] == "if"


def _unexpected(token: Token) -> str:
    advice = {
        "//": "'//' is not part of the language; write floor(a / b)",
        "%": "'%' is not part of the language; write fmod(a, b)",
        "@": "'@' is not part of the language yet; write the sum of products out",
        "^": "'^' is not a power; write '**'",
        "=": "'=' inside an expression; write '==' to compare",
        ":": "':' is not part of the language",
        "[": "only a name can have a subscript, as in W[0]",
    }
    return advice.get(token.text, f"an operator is missing before '{token.text[:40]}'")
