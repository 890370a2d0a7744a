"""`accept`: how far off a gradient may be whose formula is right. What a case says of it, how that is read, and how it is written again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from verifier.case.yaml_tree import quoted

if TYPE_CHECKING:
    from verifier.case.reader import KeyValue, Reader
    from verifier.case.yaml_tree import Scalar, YamlNode

EXAMPLE = "{ulps: 4}"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accept:
    """The limits of a case, or of one implementation: the decimal text of ulps, for all gradients and for single ones."""

    ulps: str | None = None
    single: tuple[tuple[str, str, str], ...] = ()  # implementation, gradient (an array or a component), ulps

    def only(self, *names: str) -> Accept:
        """The limits without those of single gradients of other implementations."""
        return Accept(self.ulps, tuple(row for row in self.single if row[0] in names))

    def of(self, implementation: str, own: Accept) -> Accept:
        """The limits that hold for an implementation, whose own limit goes before that of the case."""
        return Accept(own.ulps if own.ulps is not None else self.ulps, self.only(implementation).single)

    def written(self) -> dict[str, str]:
        """The limits as a case file has them: keys, and the texts of numbers."""
        return {**({} if self.ulps is None else {"ulps": self.ulps}), **{f"{name}.{gradient}": text for name, gradient, text in self.single}}


NO_LIMIT = Accept()


def read_limit(reader: Reader, node: YamlNode, what: str) -> Accept:
    """`{ulps: 4}`: the limit of all gradients."""
    fields = reader.fields(node, what, known=("ulps",), example=EXAMPLE)
    if fields is None:
        return NO_LIMIT
    if "ulps" not in fields:
        if not reader.is_mistyped(node, fields, "ulps"):
            reader.tell(node, f"{what} must say how many ulps, as in {EXAMPLE}")
        return NO_LIMIT
    return Accept(_ulps(reader, fields["ulps"][1], f"{what}.ulps"))


def read_accept(reader: Reader, node: YamlNode, gradients: Mapping[str, Collection[str]], reference: Callable[[Scalar], tuple[str, str] | None]) -> Accept:
    """`{ulps: 4, by_hand.dx: 20}`: the limit of all gradients, and those of single ones. `gradients` are those that each implementation claims, none where they are not known."""
    entries = reader.mapping(node, "accept", example=EXAMPLE) or ()
    if not any("." in key.text for key, _ in entries):
        return read_limit(reader, node, "accept")
    general, single = read_single(reader, entries, "accept", ("ulps",), gradients, reference, partial(_ulps, reader))
    return Accept(_ulps(reader, general["ulps"][1], "accept.ulps") if "ulps" in general else None, single)


def read_single(
    reader: Reader,
    entries: Iterable[KeyValue],
    what: str,
    keys: Sequence[str],
    gradients: Mapping[str, Collection[str]],
    reference: Callable[[Scalar], tuple[str, str] | None],
    read: Callable[[YamlNode, str], T | None],
) -> tuple[dict[str, KeyValue], tuple[tuple[str, str, T], ...]]:
    """The entries of a mapping that are for all gradients, by their `keys`, and what `read` makes of those for single ones: implementation, gradient, value."""
    general: dict[str, KeyValue] = {}
    single: list[tuple[str, str, T]] = []
    for key, value in entries:
        if key.text in keys:
            general[key.text] = (key, value)
        elif "." not in key.text:
            reader.tell_unknown(key, f"unknown key {quoted(key.text)} in {what}", key.text, (*keys, *(f"{n}.{g}" for n, known in gradients.items() for g in known)))
        else:
            pair = reference(key)
            if pair is not None and (known := gradients[pair[0]]) and pair[1] not in known:
                reader.tell_unknown(key, f"{quoted(pair[1])} in {what} is not a gradient of '{pair[0]}'", pair[1], tuple(known))
            found = read(value, f"{what}.{key.text}")
            if pair is not None and found is not None:
                single.append((*pair, found))
    return general, tuple(single)


def _ulps(reader: Reader, node: YamlNode, what: str) -> str | None:
    """The text of a number of ulps, which is not negative."""
    text = reader.number(node, what)
    if text is not None and text.startswith("-"):
        reader.tell(node, f"{what} is {text}; an error in ulps is never negative")
        return None
    return text
