"""A text's logical lines: its words with their places; what no line of the language holds is refused here, with advice."""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass

from verifier.language.numeral import number_problem

MAX_TEXT = 1_000_000  # characters: 100,000 gates written out are about 500,000
MAX_BRACKETS = 100  # one inside another; CPython's parser stops at 200
MAX_OPERATORS = 2_000  # in one expression between two commas; CPython's parser gives up near 2,500

MODULES = frozenset(
    "math np numpy torch jnp jax.numpy torch.special scipy.special special sc jax.scipy.special jax.nn nn torch.nn.functional F mpmath "
    "np.linalg numpy.linalg jnp.linalg torch.linalg scipy.linalg jax.scipy.linalg linalg jax.lax scipy jax numpy.add".split()
)
KEYWORDS = frozenset(keyword.kwlist)  # words of Python: none of them can be a name

_TOKEN = re.compile(
    r"[ ]*(?:(?P<op>\*\*=|//=|\.\.\.|\*\*|[+\-*/%@&|^]=|<=|>=|==|!=|//|<<|>>|->|:=|[-+*/<>=()\[\],;&|~:@%^!{}`?$]|\.(?!\d))"
    r"|(?P<string>[bBrRuU]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)"
    r"|(?P<newline>\n)"
    r"|(?P<blank>[\t\f\r\xa0]+|\\\r?\n|\#[^\n]*|\Z)"
    r"|(?P<quote>[\"']))",
    re.DOTALL,
)
_UNDERSCORE = re.compile(r"(?<=\d)_(?=\d)")
_LEADING_ZERO = re.compile(r"0\d*[1-9]\d*")
_BREAK = re.compile(r"[\r\f\n\\]")
_STATEMENT = re.compile(r"[ \t]*(?:[^\W\d]\w*(?:\[\d+\])?[ \t]*(?:\*\*|//|[-+*/])?=(?!=)|(?:for|if|elif|else|def|return|print|import|assert)\b)")


class LanguageError(Exception):
    """A text that is not of the language: what is wrong, at which offset of it."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(slots=True)
class Token:
    """One word: `kind` is number, name, word (of Python), string, op or bad (then `text` is the complaint)."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(slots=True)
class LogicalLine:
    """The words of one line, and how far it is indented; brackets and backslashes make one of several lines of the text."""

    tokens: list[Token]
    indent: int


def logical_lines(text: str) -> tuple[str, list[LogicalLine]]:
    """The text with every character in its place but comments, and breaks inside a logical line, blank; its logical lines. Raises LanguageError."""
    if len(text) > MAX_TEXT:
        raise LanguageError(0, f"the text has {len(text)} characters; a text has at most {MAX_TEXT}")
    lines, blanks, is_open = _split(text, trust_brackets=True)
    if is_open:  # a bracket left open must not swallow the statements below it
        lines, blanks, _ = _split(text, trust_brackets=False)
    if not blanks:
        return text, lines
    parts: list[str] = []
    position = 0
    for start, end in blanks:
        parts += (text[position:start], _BREAK.sub(" ", text[start:end]) if text[start] in "\"'bBrRuU" else " " * (end - start))
        position = end
    parts.append(text[position:])
    return "".join(parts), lines


def _split(text: str, *, trust_brackets: bool) -> tuple[list[LogicalLine], list[tuple[int, int]], bool]:
    """The logical lines, what must be blank in them, and whether a bracket is left open."""
    lines: list[LogicalLine] = []
    blanks: list[tuple[int, int]] = []
    found: list[Token] = []
    position, depth, line_start, length = 0, 0, 0, len(text)
    match_token = _TOKEN.match
    while position < length:
        match = match_token(text, position)
        if match is None:
            while text[position] == " ":
                position += 1
            found.append(Token("bad", f"unexpected character {text[position]!r}", position, position + 1))
            blanks.append((position, position + 1))
            position += 1
            continue
        kind: str = match.lastgroup  # type: ignore[assignment]
        start, position = match.span(kind)
        if kind == "blank":
            if start < length:
                blanks.append((start, position))
            continue
        if kind == "newline":
            if depth > 0 and (trust_brackets or not _STATEMENT.match(text, position)):
                blanks.append((start, position))
                continue
            if found:
                lines.append(LogicalLine(found, found[0].start - line_start))
                found = []
            depth, line_start = 0, position
            continue
        word = text[start:position]
        if kind == "op":
            if word in "([{":
                depth += 1
                if depth > MAX_BRACKETS:
                    kind, word = "bad", f"brackets are nested more than {MAX_BRACKETS} deep: give the inner parts names of their own"
            elif word in ")]}":
                depth = max(0, depth - 1)
        elif kind == "name" and word in KEYWORDS:
            kind = "word"
        elif kind == "string":
            if "\n" in word or "\\" in word:
                blanks.append((start, position))
        elif kind != "name" or not word.isascii():
            problem = _problem(text, kind, word, start, position)
            if problem is not None:
                kind, word = "bad", problem
        found.append(Token(kind, word, start, position))
    if found:
        lines.append(LogicalLine(found, found[0].start - line_start))
    return lines, blanks, depth > 0


def _problem(text: str, kind: str, word: str, start: int, end: int) -> str | None:
    """What is wrong with one word by itself."""
    if kind == "number":
        if end < len(text) and (text[end].isalnum() or text[end] == "_"):
            return f"'{_word_at(text, start)}' is neither a number nor a name"
        if _LEADING_ZERO.fullmatch(word):
            return f"'{word[:40]}' begins with a zero; write {word.lstrip('0')[:40]}"
        return number_problem(_UNDERSCORE.sub("", word))
    if kind == "name" and not word.isascii() and (plain := unicodedata.normalize("NFKC", word)) != word:
        return f"the name {word!r} has a character with more than one spelling; write {plain!r}"
    return "a text in quotes is never closed" if kind == "quote" else None


def _word_at(text: str, start: int) -> str:
    match = re.compile(r"[\w.]{1,40}").match(text, start)
    return match.group() if match else text[start]
