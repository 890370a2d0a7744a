"""The words of the language: numbers, names, operators, each with its place; what is no word of it is refused with advice."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from verifier.language.numeral import number_problem

MAX_TOKENS = 4_000_000  # per text: bounds memory; 100,000 gates written out are about 500,000 tokens

MODULES = frozenset(
    "math np numpy torch jnp jax.numpy torch.special scipy.special special sc jax.scipy.special jax.nn nn torch.nn.functional F mpmath".split()
)

KEYWORDS = frozenset("and or not if else".split())
REFUSED = {  # statements of Python that a pasted cell may hold, and what to do about them
    "print": "printing is not part of a program: remove this line (figures that were printed belong under 'published')",
    "import": "an import is not needed: the functions of math and numpy are known here; remove this line",
    "from": "an import is not needed: the functions of math and numpy are known here; remove this line",
    "for": "loops are not part of the language: write the steps out",
    "while": "loops are not part of the language: write the steps out",
    "def": "a function definition is not part of the language: write its statements only",
    "class": "a class definition is not part of the language: write its statements only",
    "return": "'return' is not part of the language: the last assigned name is the output",
    "lambda": "'lambda' is not part of the language: write the expression out",
    "assert": "'assert' is not part of the language: remove this line",
    "del": "'del' is not part of the language: remove this line",
    "with": "'with' is not part of the language: write its statements only",
    "try": "'try' is not part of the language: write its statements only",
    "global": "'global' is not part of the language: remove this line",
    "elif": "a branch is written where(condition, a, b)",
}
_TOKEN = re.compile(
    r"(?P<space>[ \t\f\r\xa0]+|\\\r?\n|\#[^\n]*)"
    r"|(?P<newline>\n)"
    r"|(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)"
    r"|(?P<name>[^\W\d]\w*(?:[ \t]*\.[ \t]*[^\W\d]\w*)*)"
    r"|(?P<op>\*\*=|\*\*|[+\-*/]=|<=|>=|==|!=|//|<<|>>|->|:=|[-+*/<>=()\[\],;&|~:@%^!.{}'\"`?$])"
)
_UNDERSCORE = re.compile(r"(?<=\d)_(?=\d)")

_STATEMENT = re.compile(r"[ \t]*(?:[^\W\d]\w*(?:\[\d+\])?[ \t]*(?:\*\*|[-+*/])?=(?!=)|(?:" + "|".join(REFUSED) + r")\b)")


class LanguageError(Exception):
    """A text that is not of the language: what is wrong, at which offset of it."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(slots=True)
class Token:
    """One word: `kind` is number, name, word, op or newline; `text` as the language reads it, without module prefixes."""

    kind: str
    text: str
    start: int
    end: int


def tokens(text: str, *, references: bool = False) -> list[Token]:
    """The tokens of a text, its newlines included where they end a statement. Raises LanguageError."""
    found: list[Token] = []
    position, depth = 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise LanguageError(position, f"unexpected character {text[position]!r}")
        kind, word, position = match.lastgroup or "", match.group(), match.end()
        if kind == "space":
            continue
        if kind == "newline":
            if depth > 0 and not _STATEMENT.match(text, position):
                continue
            depth = 0  # a parenthesis left open must not swallow the statements below it
        elif kind == "number":
            if position < len(text) and (text[position].isalnum() or text[position] == "_"):
                raise LanguageError(match.start(), f"'{_word_at(text, match.start())}' is neither a number nor a name")
            if (problem := number_problem(_UNDERSCORE.sub("", word))) is not None:
                raise LanguageError(match.start(), problem)
        elif kind == "name":
            word = _plain_name(word, match.start(), references=references)
            kind = "word" if word in KEYWORDS else "name"
        elif word in "([":
            depth += 1
        elif word in ")]":
            depth = max(0, depth - 1)
        found.append(Token(kind, word, match.start(), position))
        if len(found) > MAX_TOKENS:
            raise LanguageError(match.start(), f"the text has more than {MAX_TOKENS} symbols")
    return found


def _word_at(text: str, start: int) -> str:
    match = re.compile(r"[\w.]{1,40}").match(text, start)
    return match.group() if match else text[start]


def _plain_name(word: str, offset: int, *, references: bool) -> str:
    """The name without its module (`math.exp` is `exp`); a reference keeps its implementation."""
    if not word.isascii() and unicodedata.normalize("NFKC", word) != word:
        raise LanguageError(offset, f"the name {word!r} has a character with more than one spelling; write {unicodedata.normalize('NFKC', word)!r}")
    if "." not in word:
        return word
    parts = [p.strip() for p in word.split(".")]
    module = ".".join(parts[:-1])
    if module not in MODULES and references:
        return ".".join(parts)
    if module not in MODULES:
        raise LanguageError(offset, f"'{'.'.join(parts)[:60]}' is not part of the language: only the prefixes math., np., numpy., torch., jnp. and scipy.special. are read")
    return parts[-1]


def logical_lines(listed: list[Token]) -> list[list[Token]]:
    """The tokens of each statement."""
    lines: list[list[Token]] = [[]]
    for token in listed:
        if token.kind == "newline" or token.text == ";":
            lines.append([])
        else:
            lines[-1].append(token)
    return [line for line in lines if line]
