"""YAML text to documents of marked nodes, in one pass over the parser's events: safe, iterative, every scalar kept as text.

PyYAML's own tree builder recurses (40,000 nested brackets end the process), and its loaders read `1e-3` as text, `010`
as 8, `no` as False, and let the last of two equal keys win. So the tree is built here.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from itertools import islice

import yaml

from verifier.language.source import Complaint, Place, Source

MAX_DEPTH = 50  # a case file needs 5; libyaml takes quadratic time on nested brackets (100,000 of them: 23 s)
TOO_DEEP = f"lists and mappings are nested more than {MAX_DEPTH} deep; the rest of the file was not read"
MAX_NODES = 2_000_000  # per file: bounds memory, and 100,000 points of 10 inputs fit
MAX_COMPLAINTS = 100  # per document; nobody reads more
_MAX_SHOWN = 300  # characters of a line that is shown below a complaint

LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NOT_YAML = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEADER = re.compile(r"[|>][0-9+-]*[ \t]*(?:#[^\n]*)?(?:\n|$)")  # of a block scalar: indicator and comment
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_BLANK_ESCAPES = frozenset("nrtvfNLP_ \t\n")  # characters that stand for white space after a backslash


@dataclass(frozen=True)
class Page:
    """The text of a file and where its lines start. Lines end at a line feed and nowhere else, as in an editor."""

    file: str
    text: str
    starts: list[int] = field(repr=False)
    lines: tuple[int, ...] = ()  # of the file, for each line of the text, where the text was put together from pieces of it

    def place(self, index: int) -> Place:
        """The place of a character of the text."""
        row = self._row(index)
        return Place(self.file, self.lines[min(row, len(self.lines) - 1)] if self.lines else row + 1, index - self.starts[row] + 1)

    def _row(self, index: int) -> int:
        return bisect.bisect_right(self.starts, index) - 1

    def complaint(self, index: int, message: str) -> Complaint:
        """A complaint about a character, with the line it stands in."""
        return Complaint(self.place(index), message, self._text(self._row(index) + 1))

    def line_text(self, line: int) -> str:
        """A line of the file, from 1, without its end; '' where it is too long to be shown, or not known."""
        return "" if self.lines else self._text(line)

    def _text(self, line: int) -> str:
        start = self.starts[line - 1]
        end = self.starts[line] - 1 if line < len(self.starts) else len(self.text)
        return self.text[start:end] if end - start <= _MAX_SHOWN else ""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A text; `style` is '' for a plain one, else the character that opens it: ' " | or >."""

    page: Page
    start: int
    end: int
    text: str
    style: str


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list of nodes."""

    page: Page
    start: int
    items: tuple[YamlNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Keys with their values, in file order; no key occurs twice."""

    page: Page
    start: int
    entries: tuple[tuple[Scalar, YamlNode], ...]


@dataclass(frozen=True, slots=True, eq=False)
class RefusedNode:
    """Stands where something was that has its complaint already (an alias)."""

    page: Page
    start: int


YamlNode = Scalar | Sequence | Mapping | RefusedNode


@dataclass
class Complaints:
    """What is wrong with one document, collected; past MAX_COMPLAINTS they are only counted."""

    found: list[Complaint] = field(default_factory=list)
    more: int = 0

    @property
    def count(self) -> int:
        """How many there are so far."""
        return len(self.found) + self.more

    @property
    def full(self) -> bool:
        """No further complaint is recorded, so a caller need not write one."""
        return len(self.found) >= MAX_COMPLAINTS

    def tell(self, node: YamlNode, message: str) -> None:
        """Complain about a node."""
        if self.full:
            self.more += 1
        else:
            self.found.append(node.page.complaint(node.start, message))

    def all(self) -> list[Complaint]:
        """The complaints in file order, each once."""
        ordered = sorted(dict.fromkeys(self.found), key=lambda c: (c.place.line, c.place.column))
        if self.more:
            ordered.append(Complaint(ordered[-1].place, f"{self.more} more complaints about this document are not shown"))
        return ordered


@dataclass(frozen=True)
class Document:
    """One document of a file: its tree, and what is wrong with it as YAML."""

    root: YamlNode
    complaints: Complaints


def read_documents(text: str, *, file: str, lines: tuple[int, ...] = ()) -> tuple[list[Document], list[Complaint]]:
    """The documents of a text, and the complaint that ended the reading early, if one did.

    `lines` are those of the file, where the text was put together from pieces of it. Documents that are empty are left out. A syntax error loses the rest of the text; what stood before it stays.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    page = Page(file, text, [0, *(m.end() for m in re.finditer("\n", text))], lines)
    if (strange := _NOT_YAML.search(text)) is not None:
        return [], [
            page.complaint(
                strange.start(), f"the character {strange.group()!r} cannot stand in a case file; case files are plain text in UTF-8"
            )
        ]
    builder = _TreeBuilder(page)
    try:
        for event in islice(yaml.parse(text, Loader=LOADER), MAX_NODES):
            if (complaint := builder.take(event)) is not None:
                return builder.documents, [complaint]
    except yaml.MarkedYAMLError as error:
        return builder.documents, [_too_deep(builder, error) or _syntax_complaint(page, error)]
    except (yaml.YAMLError, ValueError) as error:  # the Python parser lets chr() of an impossible \U escape through
        return builder.documents, [page.complaint(builder.reached, f"this is not YAML: {' '.join(str(error).split())[:200]}")]
    if not builder.ended:
        message = f"the file has more than {MAX_NODES:,} nodes; split it into several files"
        return builder.documents, [page.complaint(builder.reached, message)]
    return builder.documents, []


class _TreeBuilder:
    """Takes the parser's events one by one; `open` holds the collections that are not closed yet."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.documents: list[Document] = []
        self.complaints = Complaints()
        self.open: list[tuple[int, list[YamlNode]]] = []
        self.reached = 0
        self.ended = False

    def take(self, event: yaml.Event) -> Complaint | None:
        """One event into the tree; a complaint where the reading of the file has to end."""
        start = self.reached = event.start_mark.index if event.start_mark is not None else self.reached
        match event:
            case yaml.ScalarEvent():
                self._check(event, start)
                style = event.style if event.style in ("'", '"', "|", ">") else ""
                end = event.end_mark.index if event.end_mark is not None else start
                self._add(Scalar(self.page, start, end, event.value, style))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._check(event, start)
                if len(self.open) >= MAX_DEPTH:
                    return self.page.complaint(start, TOO_DEEP)
                self.open.append((start, []))
            case yaml.SequenceEndEvent():
                start, items = self.open.pop()
                self._add(Sequence(self.page, start, tuple(items)))
            case yaml.MappingEndEvent():
                start, items = self.open.pop()
                self._add(Mapping(self.page, start, self._entries(items)))
            case yaml.AliasEvent():
                refused = RefusedNode(self.page, start)
                self.complaints.tell(
                    refused, f"the alias '*{event.anchor}' is not accepted: write the value out (a text that starts with '*' needs quotes)"
                )
                self._add(refused)
            case yaml.DocumentStartEvent():
                self.complaints = Complaints()
            case yaml.StreamEndEvent():
                self.ended = True
        return None

    def _add(self, node: YamlNode) -> None:
        if self.open:
            self.open[-1][1].append(node)
        elif not is_null(node) or self.complaints.found:
            self.documents.append(Document(node, self.complaints))

    def _check(self, event: yaml.NodeEvent, start: int) -> None:
        if event.anchor is not None:
            self.complaints.tell(
                RefusedNode(self.page, start),
                f"the anchor '&{event.anchor}' is not accepted: write values out (a text that starts with '&' needs quotes)",
            )
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            self.complaints.tell(
                RefusedNode(self.page, start),
                f"the tag '{tag}' is not accepted: values are kept as text (a text that starts with '!' needs quotes)",
            )

    def _entries(self, items: list[YamlNode]) -> tuple[tuple[Scalar, YamlNode], ...]:
        entries: dict[str, tuple[Scalar, YamlNode]] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, Scalar):
                first = entries.setdefault(key.text, (key, value))[0]
                if first is not key:
                    line = self.page.place(first.start).line
                    self.complaints.tell(
                        key, f"the key {quoted(key.text)} occurs twice in one mapping (first in line {line}); leave one of them"
                    )
            elif not isinstance(key, RefusedNode):
                self.complaints.tell(key, "a key must be a text, not a list or a mapping; put quotes around it")
        return tuple(entries.values())


def _too_deep(builder: _TreeBuilder, error: yaml.MarkedYAMLError) -> Complaint | None:
    """The complaint about nesting, where a parser that reads ahead of its events stopped at a limit of its own (libyaml 0.2.6 at 1,000 brackets)."""
    mark = error.problem_mark or error.context_mark
    ahead = builder.page.text[builder.reached : mark.index if mark is not None else builder.reached]
    opened = sum(map(ahead.count, "[{")) - sum(map(ahead.count, "]}"))
    return builder.page.complaint(builder.reached, TOO_DEEP) if len(builder.open) + opened > MAX_DEPTH else None


def _syntax_complaint(page: Page, error: yaml.MarkedYAMLError) -> Complaint:
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    index = min(mark.index, len(page.text)) if mark is not None else 0
    message = f"this is not YAML: {error.problem or error.context}"
    if error.problem and error.context:
        message += f" {error.context}" + (f" that starts in line {page.place(context.index).line}" if context is not None else "")
    if page.text[index : index + 1] == "[":
        message += "; inside { } a key with a subscript needs quotes, as in {'W[0]': 1}"
    elif page.text[index : index + 1] == "\t":
        message += "; indent with spaces, not with tabs"
    elif "mapping values are not allowed" in message:
        message += "; a text with ': ' in it needs quotes"
    return page.complaint(index, message)


def is_null(node: YamlNode) -> bool:
    """The node is YAML's null: nothing, `~` or `null`, without quotes."""
    return isinstance(node, Scalar) and not node.style and node.text in ("", "~", "null", "Null", "NULL")


def quoted(text: str) -> str:
    """The text in quotes on one line, cut where it is long."""
    line = " ".join(text.split())
    return f"'{line[:60]}...'" if len(line) > 60 else f"'{line}'"


def source(node: Scalar, *, label: str) -> Source:
    """A scalar as a text of the language, with the place of every character.

    The span begins at the first character of the content: after the header of a block scalar, inside the quotes.
    Escapes in it are blanked out to what they stand for, so that characters of text and span correspond.
    """
    page, start, end = node.page, node.start, node.end
    span = page.text[start:end]
    if node.style in ("|", ">") and (header := _HEADER.match(span)):
        start, span = start + header.end(), span[header.end() :]
    elif node.style == "'":
        start, span = start + 1, span[1:-1].replace("''", " '")
    elif node.style == '"':
        start, span = start + 1, _ESCAPE.sub(_without_escape, span[1:-1])
    if span.strip():
        blank = len(span) - len(span.lstrip())
        start, span = start + blank, span[blank:].rstrip()
    else:
        start, span = node.start, ""
    place = page.place(start)
    return Source(node.text, page.file, place.line, place.column, span, label, place.column)


def _without_escape(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[1] == "\n":
        return " \n"
    return (" " if escape[1] in _BLANK_ESCAPES and len(escape) == 2 else escape[-1]).rjust(len(escape))
