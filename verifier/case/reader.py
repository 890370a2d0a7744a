"""Reads typed values from YAML nodes. A node of the wrong kind gives a complaint and None."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verifier.case.yaml_tree import Complaints, Mapping, RefusedNode, Scalar, YamlNode, is_null, quoted, source
from verifier.case.yaml_tree import Sequence as ListNode
from verifier.language.numeral import number_problem, special
from verifier.language.source import suggestion
from verifier.language.tokens import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.language.source import Source

KeyValue = tuple[Scalar, YamlNode]  # a key and its value

_NAME = re.compile(r"[^\W\d]\w*")
_CHARACTER, _ASCII_CHARACTER = re.compile(r"\w"), re.compile(r"[A-Za-z0-9_]")  # of a name
_ELEMENT = re.compile(r"([^\W\d]\w*)\[((?:0|[1-9][0-9]{0,8})(?:, ?(?:0|[1-9][0-9]{0,8}))*)\]")


@dataclass
class Reader:
    """Reads the values of one document and collects what is wrong with them."""

    complaints: Complaints = field(default_factory=Complaints)

    def tell(self, node: YamlNode, message: str) -> None:
        """Complain about a node, unless it has been refused already."""
        if not isinstance(node, RefusedNode):
            self.complaints.tell(node, message)

    def tell_unknown(self, node: YamlNode, message: str, word: str, known: Sequence[str]) -> None:
        """Complain about an unknown word and suggest the nearest known one, or list them all."""
        if self.complaints.full:
            self.tell(node, message)  # is only counted: looking for near words takes long
        else:
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            hint = suggestion(word, known) or (f"; possible here: {shown}" if known else "")
            self.tell(node, message + hint)

    def is_mistyped(self, node: YamlNode, fields: dict[str, KeyValue], *keys: str) -> bool:
        """Whether an unknown key of a mapping, which has been complained about, was meant as one of these: then they are not missing."""
        return isinstance(node, Mapping) and not self.complaints.full and any(key.text not in fields and suggestion(key.text, keys) for key, _ in node.entries)

    def mapping(self, node: YamlNode, what: str, *, example: str) -> tuple[KeyValue, ...] | None:
        """The entries of a mapping."""
        if isinstance(node, Mapping):
            return node.entries
        self.tell(node, f"{what} must be a mapping such as {example}{_instead(node)}")
        return None

    def fields(self, node: YamlNode, what: str, *, known: Sequence[str], example: str) -> dict[str, KeyValue] | None:
        """The entries of a mapping whose keys are known beforehand; unknown ones are complained about."""
        entries = self.mapping(node, what, example=example)
        if entries is None:
            return None
        for key, _ in entries:
            if key.text not in known:
                self.tell_unknown(key, f"unknown key {quoted(key.text)} in {what}", key.text, known)
        return {key.text: (key, value) for key, value in entries if key.text in known}

    def items(self, node: YamlNode, what: str, *, example: str) -> tuple[YamlNode, ...] | None:
        """The items of a list; a node that is no list counts as a list of one item."""
        if isinstance(node, ListNode):
            if not node.items:
                self.tell(node, f"{what} is an empty list; write {example} or leave the key out")
            return node.items
        if is_null(node):
            self.tell(node, f"{what} has no value; write {example} or leave the key out")
            return None
        return (node,)

    def text(self, node: YamlNode, what: str) -> str | None:
        """A scalar's text."""
        if isinstance(node, Scalar):
            return node.text
        self.tell(node, f"{what} must be a text{_instead(node)}")
        return None

    def number(self, node: YamlNode, what: str, *, infinite: bool = False, nan: bool = False) -> str | None:
        """The text of a number: a finite one, or `inf`, `-inf` and `nan` where these may stand."""
        if not isinstance(node, Scalar):
            self.tell(node, f"{what} must be a number{_instead(node)}")
            return None
        if is_null(node):
            self.tell(node, f"{what} has no value; write a number")
            return None
        text = node.text.strip()
        value = special(text)
        if value is not None and (nan if value != value else infinite):  # noqa: PLR0124 - NaN
            return repr(value)
        if (problem := number_problem(text)) is not None:
            self.tell(node, f"{what}: {problem}")
            return None
        return text

    def formula(self, node: YamlNode, *, label: str) -> Source | None:
        """A text of the language."""
        if not isinstance(node, Scalar):
            lines = ", and write several lines as one text, under `|`" if isinstance(node, ListNode) else ""
            self.tell(node, f"{label} must be a text{_instead(node)}; put quotes around a formula that YAML takes for something else{lines}")
        elif is_null(node) or not node.text.strip():
            self.tell(node, f"{label} is empty; write a formula or leave the key out")
        else:
            return source(node, label=label)
        return None


def _instead(node: YamlNode) -> str:
    match node:
        case Mapping():
            return ", not a mapping"
        case ListNode():
            return ", not a list"
        case Scalar() if is_null(node):
            return "; it has no value"
        case Scalar():
            return f", not {quoted(node.text)}"
    return ""


def name_problem(name: str) -> str | None:
    """Why a name cannot be an input, or None where it can."""
    if name in KEYWORDS or name in ("lambda", "True", "False", "None"):
        return f"'{name}' is a word of the language; choose another name"
    if name in ("nan", "inf"):
        return f"'{name}' is a value of the language; choose another name"
    if not _NAME.fullmatch(name):
        hint = "; the elements of a vector are written as a list, as in W: [2, -3]" if _ELEMENT.fullmatch(name) else ""
        return f"{quoted(name)} is not a name: {name_fault(name)}{hint}"
    if (plain := unicodedata.normalize("NFKC", name)) != name:
        return f"{quoted(name)} has a character with more than one spelling; write {quoted(plain)}"
    return None


def name_fault(name: str, *, is_ascii: bool = False) -> str:
    """Which character keeps a text from being a name of letters, digits and underscores, those of ASCII only where that is needed.

    >>> name_fault("by-hand")
    "it has '-'; a name is letters, digits and underscores, such as by_hand"
    """
    characters = _ASCII_CHARACTER if is_ascii else _CHARACTER
    wrong = next((c for c in name if not characters.fullmatch(c)), "")
    plain = "".join(c if characters.fullmatch(c) else "_" for c in name.strip()).strip("_")
    plain = f"n{plain}" if plain[:1].isdecimal() else plain
    example = f", such as {plain}" if plain and name.isascii() else ""
    if wrong:
        shown = "a blank" if wrong.isspace() else quoted(wrong)
        return f"it has {shown}; a name is {'letters from a to z' if is_ascii else 'letters'}, digits and underscores{example}"
    return f"it starts with the digit {name[0]}; write it behind a letter{example}" if name else "it is empty"


def element(name: str) -> tuple[str, tuple[int, ...]] | None:
    """`x[1, 2]` as ("x", (1, 2)); None where a name has no such form."""
    match = _ELEMENT.fullmatch(name)
    return (match[1], tuple(map(int, match[2].split(",")))) if match else None


def plain(name: str) -> str:
    """A name as programs have it: `x[1,2]` without a blank."""
    return name.replace(", ", ",") if element(name) else name


def is_assignable(name: str) -> bool:
    """A statement can assign to it: `dx`, `dW[0]`."""
    base = element(name)
    return name_problem(base[0] if base else name) is None
