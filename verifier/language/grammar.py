"""The language of the case files: text to trees. CPython's parser reads each line; nothing is ever evaluated or compiled.

In every tree `col_offset` and `end_col_offset` are offsets of the whole text (`lineno` says nothing), so that
`text[tree.col_offset:tree.end_col_offset]` is what was written: a number keeps its text. Whatever the language does not
have is refused here, and no tree is nested deeper than MAX_DEPTH (a sum of many terms is not deep).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from verifier.language.mistakes import ASSIGNMENTS, UNEXPECTED, mistake, mistake_in_statement
from verifier.language.tokens import MAX_OPERATORS, LanguageError, LogicalLine, Token, logical_lines

MAX_DEPTH = 100  # of a tree; operands to the left of an operator do not count

REFUSED = {  # statements of Python that a pasted cell may hold, and what to do about them
    "import": "only numpy, math, torch and jax may be imported here (their functions are known); remove this line",
    "from": "only numpy, math, torch and jax may be imported here (their functions are known); remove this line",
    "while": "'while' is not part of the language: write for i in range(n), where n does not depend on the inputs",
    "class": "a class definition is not part of the language: write its statements only",
    "lambda": "'lambda' is not part of the language: write the expression out",
    "del": "'del' is not part of the language: remove this line",
    "with": "'with' is not part of the language: write its statements only",
    "try": "'try' is not part of the language: write its statements only",
    "except": "'except' is not part of the language: write the statements of 'try' only",
    "finally": "'finally' is not part of the language: write its statements only",
    "global": "'global' is not part of the language: remove this line",
    "nonlocal": "'nonlocal' is not part of the language: remove this line",
    "yield": "'yield' is not part of the language: write the steps out",
    "async": "'async' is not part of the language: write its statements only",
    "await": "'await' is not part of the language: write its statements only",
}  # fmt: skip
READ_OVER = frozenset(("print", "assert", "pass"))
IMPORTED = frozenset(("numpy", "math", "torch", "jax", "autograd"))  # libraries whose functions are known here: their imports are read over
_COMPOUND = frozenset(("for", "if", "elif", "else", "def", "while", "class", "with", "try", "except", "finally", "async"))
_NODES: dict[type[ast.AST], str] = {
    ast.Lambda: REFUSED["lambda"], ast.NamedExpr: UNEXPECTED[":="], ast.JoinedStr: "an f-string is not part of the language",
    ast.Await: REFUSED["await"], ast.Yield: REFUSED["yield"], ast.YieldFrom: REFUSED["yield"], ast.Set: "a set is not part of the language; write a list",
    ast.SetComp: "a set is not part of the language; write a list", ast.DictComp: "a dictionary is written out: {'W1': W1, 'b1': b1}",
    ast.AnnAssign: "an annotation is not part of the language: write 'name = expression'", ast.BitXor: UNEXPECTED["^"], ast.LShift: UNEXPECTED["<<"], ast.RShift: UNEXPECTED[">>"],
}  # fmt: skip
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {  # the fields of common nodes that hold trees
    ast.Name: (), ast.Constant: (), ast.UnaryOp: ("operand",), ast.Call: ("func", "args", "keywords"), ast.Compare: ("left", "comparators"), ast.BoolOp: ("values",),
    ast.Subscript: ("value", "slice"), ast.Attribute: ("value",), ast.Assign: ("targets", "value"), ast.AugAssign: ("target", "op", "value"),
    ast.Expr: ("value",), ast.Tuple: ("elts",), ast.List: ("elts",),
}  # fmt: skip
_PLACED = frozenset((ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript, ast.Attribute, ast.Assign, ast.AugAssign))
_TOO_LONG = f"the expression is too long: it has more than {MAX_OPERATORS} operators; give parts of it names of their own, or write sum(...)"
_TOO_DEEP = f"the expression is nested more than {MAX_DEPTH} deep: give the inner parts names of their own"


def expression(text: str) -> ast.expr:
    """The tree of one expression, which may fill several lines. Raises LanguageError at the first thing that is wrong."""
    clean, lines = logical_lines(text)
    words = [token for line in lines for token in line.tokens]
    _refuse_early(words)
    if not words:
        raise LanguageError(len(text), "the expression ends where a value is expected")
    end = words[-1].end
    equals = next((t for t in words if t.text == "=" and t.kind == "op"), None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (tree,) = _parsed([(clean[words[0].start : end].replace("\n", " "), words[0].start)])
    except SyntaxError:
        raise mistake(words, len(text) if equals is None else end) from None
    if not isinstance(tree, ast.Expr):
        raise mistake(words, end)
    return tree.value


def block(text: str) -> tuple[list[ast.stmt], list[LanguageError]]:
    """The statements of a text, and everything that is wrong with it (one error a line at the most)."""
    try:
        clean, lines = logical_lines(text)
    except LanguageError as error:
        return [], [error]
    errors: list[LanguageError] = []
    with warnings.catch_warnings():  # CPython's parser warns of what it will refuse one day
        warnings.simplefilter("ignore")
        return _suite(clean, lines, errors), errors


def _suite(clean: str, lines: Sequence[LogicalLine], errors: list[LanguageError]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    i = 0
    branch: ast.If | None = None  # the `if` that a following `elif` or `else` belongs to
    while i < len(lines):
        line, i = lines[i], i + 1
        first = line.tokens[0]
        if not _is_compound(line):
            branch = None
            pieces = list(_pieces(line.tokens))
            while i < len(lines) and not _is_compound(lines[i]):
                pieces += _pieces(lines[i].tokens)
                i += 1
            found += _simple(clean, pieces, errors)
            continue
        below = i
        while below < len(lines) and lines[below].indent > line.indent:
            below += 1
        inside, i = lines[i:below], below
        try:
            header, rest = _header(line.tokens)
            tree = _compound(clean, header, branch)
        except LanguageError as error:
            errors.append(error)
            branch = None
            if first.text in ("for", "if", "elif", "else", "def"):
                _suite(clean, inside, errors)
            continue
        body = _suite(clean, [*([LogicalLine(rest, line.indent)] if rest else []), *inside], errors)
        if not inside and not rest:
            errors.append(LanguageError(first.start, f"the lines of '{first.text}' must stand below it, further to the right"))
        if first.text in ("elif", "else") and branch is not None:
            branch.orelse = [tree] if tree is not None else body
        if isinstance(tree, ast.If):
            tree.body = body
            branch = tree
            if first.text == "if":
                found.append(tree)
        else:
            branch = None
            if isinstance(tree, ast.For | ast.FunctionDef):
                tree.body = body
                found.append(tree)
    return found


def _is_compound(line: LogicalLine) -> bool:
    tokens = line.tokens
    return tokens[0].text in _COMPOUND and not (len(tokens) > 1 and tokens[1].text == "=")


def _header(tokens: list[Token]) -> tuple[list[Token], list[Token]]:
    """The words up to the colon that ends the head of a compound statement, and those that follow it on the line."""
    first, depth = tokens[0], 0
    if first.text in REFUSED:
        raise LanguageError(first.start, REFUSED[first.text])
    for k, token in enumerate(tokens):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
        if token.text == ":" and depth == 0:
            return tokens[: k + 1], tokens[k + 1 :]
    raise LanguageError(tokens[-1].end, f"':' is missing at the end of '{first.text}'")


def _compound(clean: str, header: list[Token], branch: ast.If | None) -> ast.stmt | None:
    """The tree of the head of a `for`, `if`, `elif` or `def`, with nothing in it yet; None for `else`."""
    first = header[0]
    start, end = first.start + (2 if first.text == "elif" else 0), header[-1].end
    if first.text in ("elif", "else") and branch is None:
        raise LanguageError(first.start, f"'{first.text}' without its 'if'")
    if first.text == "else":
        return None
    _refuse_early(header)
    try:
        (tree,) = _parsed([(clean[start:end] + " pass", start)])
    except SyntaxError:
        if first.text in ("if", "elif"):
            raise mistake(header[1:-1], header[-1].start) from None
        example = "for i in range(3):" if first.text == "for" else "def f(x, y):"
        raise LanguageError(first.start, f"'{first.text}' is written as in '{example}'") from None
    if isinstance(tree, ast.FunctionDef) and (tree.args.vararg or tree.args.kwarg or tree.args.posonlyargs):
        raise LanguageError(first.start, "a function takes named arguments only, as in 'def f(x, y=1):'")
    return tree


def _pieces(tokens: list[Token]) -> Iterable[list[Token]]:
    """The statements of a line, split at `;`."""
    start = 0
    for k, token in enumerate(tokens):
        if token.text == ";" and token.kind == "op":
            if k > start:
                yield tokens[start:k]
            start = k + 1
    if start < len(tokens):
        yield tokens[start:]


def _simple(clean: str, pieces: list[list[Token]], errors: list[LanguageError]) -> list[ast.stmt]:
    """The trees of simple statements, parsed all at once where nothing is wrong with any of them, else one by one."""
    wanted = []
    for tokens in pieces:
        first, second = tokens[0], tokens[1].text if len(tokens) > 1 else ""
        try:
            if second not in ("=", *ASSIGNMENTS):
                if first.text in READ_OVER or all(t.kind == "string" for t in tokens):
                    continue  # print, assert, a docstring
                if first.text in ("import", "from") and _imports_what_is_known(tokens):
                    continue
                if first.text in REFUSED:
                    raise LanguageError(first.start, REFUSED[first.text])  # noqa: TRY301
            _refuse_early(tokens)
            wanted.append(tokens)
        except LanguageError as error:
            errors.append(error)
    chunks = [(clean[t[0].start : t[-1].end], t[0].start) for t in wanted]
    try:
        return _parsed(chunks)
    except (LanguageError, SyntaxError):
        pass
    found = []
    for tokens, chunk in zip(wanted, chunks, strict=True):
        try:
            found += _parsed([chunk])
        except SyntaxError:
            errors.append(mistake_in_statement(tokens, tokens[-1].end))
        except LanguageError as error:
            errors.append(error)
    return found


def _imports_what_is_known(tokens: Sequence[Token]) -> bool:
    """Whether a line such as `import numpy as np` or `from math import exp` imports nothing but libraries whose functions are known."""
    words = [t.text for t in tokens]
    if words[0] == "from":
        return len(words) > 3 and words[1].partition(".")[0] in IMPORTED and "import" in words
    starts = [words[k + 1] for k, word in enumerate(words[:-1]) if k == 0 or word == ","]
    return bool(starts) and all(name.partition(".")[0] in IMPORTED for name in starts)


def _refuse_early(tokens: Sequence[Token]) -> None:
    """Refuse what must not reach CPython's parser: words that are none, and expressions of too many operators."""
    count = 0
    for token in tokens:
        if token.kind == "bad":
            raise LanguageError(token.start, token.text)
        if token.text == ",":
            count = 0
        elif token.kind == "op" or token.text in ("and", "or", "not", "if"):
            count += token.text not in (")", "]", "}")
            if count > MAX_OPERATORS:
                raise LanguageError(tokens[0].start, _TOO_LONG)


def _parsed(chunks: Sequence[tuple[str, int]]) -> list[ast.stmt]:
    """The trees of statements, each a text without line breaks and where it begins. Raises SyntaxError and LanguageError."""
    if not chunks:
        return []
    base = chunks[0][1]
    try:
        body = ast.parse("\n".join(text for text, _ in chunks)).body
    except (RecursionError, MemoryError):
        raise LanguageError(base, _TOO_DEEP) from None
    except ValueError as error:  # a character that no encoding has
        raise SyntaxError(str(error)) from None
    if len(body) != len(chunks):
        raise SyntaxError
    for tree, (text, start) in zip(body, chunks, strict=True):
        _place(tree, text, start)
    return body


def _place(tree: ast.stmt, chunk: str, base: int) -> None:
    """Make the columns of a tree offsets of the whole text; refuse what the language does not have, and what is nested too deep."""
    columns = None if chunk.isascii() else _columns(chunk)
    level: list[Any] = [tree]
    depth = 0
    while level:
        below: list[Any] = []
        for node in level:  # grows while it is gone through: what stands to the left of an operator is no deeper
            kind = type(node)
            if kind is ast.BinOp:
                if type(node.op) in _NODES:
                    symbol = "^" if isinstance(node.op, ast.BitXor) else "<<" if isinstance(node.op, ast.LShift) else ">>"
                    raise LanguageError(base + chunk.index(symbol, _column(node.left.end_col_offset, columns)), _NODES[type(node.op)])
                level.append(node.left)
                below.append(node.right)
            elif kind in _NODES:
                raise LanguageError(base + _column(getattr(node, "col_offset", 0), columns), _NODES[kind])
            else:
                fields = _FIELDS.get(kind)
                for name in node._fields if fields is None else fields:
                    child = getattr(node, name)
                    if isinstance(child, list):
                        below += [c for c in child if isinstance(c, ast.AST)]
                    elif isinstance(child, ast.AST):
                        below.append(child)
            if kind in _PLACED or hasattr(node, "col_offset"):
                if columns is None:
                    node.col_offset += base
                    node.end_col_offset += base
                else:
                    node.col_offset = base + columns.get(node.col_offset, 0)
                    node.end_col_offset = base + columns.get(node.end_col_offset, 0)
        level, depth = below, depth + 1
        if depth > MAX_DEPTH:
            raise LanguageError(base, _TOO_DEEP)


def _columns(chunk: str) -> dict[int, int]:
    """The column in characters of every column in UTF-8 bytes at which a character begins."""
    found, at = {}, 0
    for i, character in enumerate(chunk):
        found[at] = i
        at += len(character.encode("utf-8", "surrogatepass"))
    found[at] = len(chunk)
    return found


def _column(at: int, columns: dict[int, int] | None) -> int:
    return at if columns is None else columns.get(at, 0)
