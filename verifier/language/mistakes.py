"""What is wrong with a line that CPython's parser refuses, in our words: they are the same under every version of Python."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.language.tokens import LanguageError, Token

ASSIGNMENTS = {"+=": "add", "-=": "sub", "*=": "mul", "/=": "div", "**=": "pow", "//=": "", "%=": "", "@=": "matmul", "&=": "and", "|=": "or", "^=": ""}
_BINARY = frozenset(("or", "and", "in", "is", "<", "<=", ">", ">=", "==", "!=", "|", "&", "+", "-", "*", "/", "**", "@", "//", "%", "."))
_PREFIX = frozenset(("not", "-", "+", "~"))
_CLOSES = {")": "(", "]": "[", "}": "{"}
UNEXPECTED = {
    "^": "'^' is not a power; write '**'",
    "=": "'=' inside an expression; write '==' to compare",
    ":": "':' is not part of the language",
    ":=": "':=' is not part of the language: give the value a line of its own",
    "<<": "'<<' is not part of the language; multiply by a power of 2",
    ">>": "'>>' is not part of the language; divide by a power of 2",
}  # fmt: skip


def mistake(line: Sequence[Token], end: int) -> LanguageError:
    """The first mistake in the words of an expression that is not one."""
    opened: list[Token] = []
    choices: list[tuple[int, Token]] = []  # each `if` without its `else` yet, and how many brackets are open there
    want = True
    before = ""
    for i, token in enumerate(line):
        text = token.text
        if token.kind == "bad":
            return LanguageError(token.start, text)
        if want:
            if token.kind in ("number", "name", "string") or text in ("True", "False", "None", "..."):
                want = False
            elif text in ("(", "[", "{"):
                opened.append(token)
            elif text in (")", "]", "}") and opened and before in ("(", "[", "{", ",", ":"):
                opened.pop()
                want = False
            elif text in (":", ",") and opened and opened[-1].text == "[" and before in ("[", ",", ":"):
                pass
            elif text == "lambda":
                return LanguageError(token.start, "'lambda' is not part of the language: write the expression out")
            elif text not in _PREFIX and not (text in ("*", "**") and before in ("(", ",")):
                return LanguageError(token.start, f"a value is missing before {text!r}" if token.kind == "string" else f"a value is missing before '{text[:40]}'")
        elif text in _BINARY:
            want = True
        elif text in ("(", "["):
            opened.append(token)
            want = True
        elif text in _CLOSES:
            if not opened:
                return LanguageError(token.start, f"'{text}' has no matching '{_CLOSES[text]}'")
            if choices and choices[-1][0] == len(opened):
                return LanguageError(choices[-1][1].start, "'if' needs an 'else'")
            if opened[-1].text != _CLOSES[text]:
                return LanguageError(opened[-1].start, f"'{opened[-1].text}' is never closed")
            opened.pop()
        elif text == "if":
            choices.append((len(opened), token))
            want = True
        elif text == "else" and choices:
            choices.pop()
            want = True
        elif (
            (text == "," and (opened or choices == []))
            or (text == "not" and i + 1 < len(line) and line[i + 1].text == "in")
            or (text == "for" and opened)
            or (text == ":" and opened and opened[-1].text in ("[", "{"))
            or (text == "=" and opened and opened[-1].text == "(" and i >= 2 and line[i - 2].text in ("(", ",") and line[i - 1].kind == "name")
        ):
            want = True
        else:
            return LanguageError(token.start, UNEXPECTED.get(text, f"an operator is missing before '{text[:40]}'"))
        before = text
    if want:
        return LanguageError(end, "the expression ends where a value is expected")
    if choices:
        return LanguageError(choices[-1][1].start, "'if' needs an 'else'")
    if opened:
        return LanguageError(opened[-1].start if len(opened) < 2 else opened[0].start, f"'{opened[0].text}' is never closed")
    return LanguageError(line[0].start if line else end, "this is not an expression of the language")


def mistake_in_statement(line: Sequence[Token], end: int) -> LanguageError:
    """The first mistake in the words of a statement that is none."""
    first, depth, start = line[0], 0, 0
    bad = next((t for t in line if t.kind == "bad"), None)
    if bad is not None:
        return LanguageError(bad.start, bad.text)
    symbol: Token | None = None
    for i, token in enumerate(line):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
        if depth == 0 and token.kind == "op" and (token.text == "=" or token.text in ASSIGNMENTS):
            if symbol is not None and token.text != "=":
                return LanguageError(token.start, f"'{token.text}' cannot follow another assignment")
            target = line[start:i]
            if not target or not _is_target(target):
                if first.kind == "word":
                    return LanguageError(first.start, f"'{first.text}' is a word of Python and cannot be a name")
                return LanguageError(first.start, "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'")
            symbol, start = token, i + 1
    rest = line[start:]
    if symbol is not None and not rest:
        name = "".join(t.text for t in line[: start - 1]).rpartition("=")[2]
        return LanguageError(end, f"the value of '{name}' is missing after '{symbol.text}'")
    return mistake(rest, end)


def _is_target(line: Sequence[Token]) -> bool:
    return (line[0].kind == "name" or line[0].text in "([") and line[-1].text != ")" and all(t.text not in ("+", "==", "*", "/") for t in line[:2])
