"""The domain of a case: per input a lowest and a highest value, or the list of its values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

from verifier.case.components import Shape, components, described
from verifier.case.reader import KeyValue, Reader, element, name_problem
from verifier.case.yaml_tree import Mapping, Scalar, Sequence, YamlNode, is_null, quoted
from verifier.language.numeral import exact, special

IntervalText = tuple[str, str]
MOST_CHOICES = 1000  # values that a domain may list


@dataclass(frozen=True, slots=True)
class Bound:
    """One entry of the domain; `index` is the element of an array, None where the name stands alone."""

    key: Scalar
    base: str
    index: Shape | None
    interval: IntervalText
    choices: tuple[str, ...] = ()  # the only values, where they are listed


def read_domain(reader: Reader, entry: KeyValue) -> list[Bound]:
    """The entries of the domain that are as they should be."""
    entries = reader.mapping(entry[1], "domain", example="{x: [-10, 10]}")
    if entries == ():
        reader.tell(entry[1], "domain is empty; give an interval for every input, as in {x: [-10, 10]}")
    bounds = []
    for key, node in entries or ():
        base, index = element(key.text) or (key.text, None)
        if (problem := name_problem(base)) is not None:
            reader.tell(key, f"the input {problem}")
        elif isinstance(node, Mapping):
            if (values := _listed_values(reader, key.text, node)) is not None:
                bounds.append(Bound(key, base, index, span(values), values))
        elif (interval := _interval(reader, key.text, node)) is not None:
            bounds.append(Bound(key, base, index, interval))
    return bounds


def _listed_values(reader: Reader, name: str, node: Mapping) -> tuple[str, ...] | None:
    """`{0, 1}`: the only values of an input, smallest first."""
    before = reader.complaints.count
    if not node.entries:
        reader.tell(node, f"the domain of '{name}' lists no value; list some, as in {{0, 1}}")
    if len(node.entries) > MOST_CHOICES:
        reader.tell(node, f"the domain of '{name}' lists {len(node.entries)} values, more than {MOST_CHOICES}; write a lowest and a highest value, as in [0, 100]")
    texts = []
    for key, value in node.entries:
        if not is_null(value):
            reader.tell(value, f"the domain of '{name}' is a mapping; list its values, as in {{0, 1}}, or a lowest and a highest value, as in [-10, 10]")
        elif (text := reader.number(key, f"the domain of '{name}'")) is not None:
            texts.append(text)
    return in_order(texts) if reader.complaints.count == before else None


def _interval(reader: Reader, name: str, node: YamlNode) -> IntervalText | None:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        reader.tell(node, f"the domain of '{name}' must be a lowest and a highest value, as in [-10, 10], or the list of its values in braces, as in {{0, 1}}")
        return None
    low, high = (reader.number(item, f"the domain of '{name}'", infinite=True) for item in node.items)
    if low is None or high is None:
        return None
    if _size(low) > _size(high) or (low == high and special(low) is not None):
        reader.tell(node, f"the domain of '{name}' is empty: {low} is above {high}; write the lowest value first")
        return None
    return low, high


def _size(text: str) -> Fraction | float:
    value = special(text)
    return exact(text) if value is None else value


def span(values: tuple[str, ...]) -> IntervalText:
    """The smallest and the largest of some values in order."""
    return values[0], values[-1]


def in_order(texts: list[str]) -> tuple[str, ...]:
    """Numbers as texts, smallest first, each value once."""
    return tuple({exact(text): text for text in sorted(texts, key=exact, reverse=True)}.values())[::-1]


def shapes_of_domain(reader: Reader, domain: list[Bound]) -> dict[str, Shape]:
    """The shapes of inputs that only the domain names: `W[0]`, `W[1]` make a vector of two."""
    found: dict[str, Shape] = {}
    seen: dict[str, dict[Shape, None]] = {}
    for bound in domain:
        found.setdefault(bound.base, ())
        if bound.index is not None:
            seen.setdefault(bound.base, {})[bound.index] = None
    for bound in domain:
        indices = seen.pop(bound.base, None)
        if indices is None:
            continue
        if len({len(i) for i in indices}) > 1:
            reader.tell(bound.key, f"the domain names elements of '{bound.base}' with different numbers of subscripts")
            continue
        shape = tuple(max(axis) + 1 for axis in zip(*indices, strict=True))
        if prod(shape) > len(indices):
            missing = next(i for i in product(*map(range, shape)) if i not in indices)
            reader.tell(bound.key, f"the domain has no interval for '{bound.base}[{','.join(map(str, missing))}]'; give every element of the {'vector' if len(shape) == 1 else 'array'}")
        found[bound.base] = shape
    return found


def intervals_of(reader: Reader, domain: list[Bound], shapes: dict[str, Shape]) -> dict[str, IntervalText]:
    """Per scalar input its interval. An interval of one element goes before that of its array."""
    intervals: dict[str, IntervalText] = {}
    for bound in sorted(domain, key=lambda b: b.index is not None):
        if bound.base not in shapes:
            reader.tell_unknown(
                bound.key, f"the domain names {quoted(bound.key.text)}, but no point gives it a value", bound.base, list(shapes)
            )
            continue
        shape = shapes[bound.base]
        if bound.index is None:
            intervals.update(dict.fromkeys(components(bound.base, shape), bound.interval))
        elif not shape:
            reader.tell(bound.key, f"the domain names '{bound.key.text}', but the input '{bound.base}' is {described(shape)}")
        elif len(bound.index) != len(shape) or any(i >= n for i, n in zip(bound.index, shape, strict=True)):
            last = ",".join(str(n - 1) for n in shape)
            reader.tell(bound.key, f"the domain names '{bound.key.text}', but '{bound.base}' is {described(shape)}, up to '{bound.base}[{last}]'")
        else:
            intervals[component_of(bound)] = bound.interval
    return intervals


def component_of(bound: Bound) -> str:
    """The scalar input that an entry with a subscript is about."""
    return f"{bound.base}[{','.join(map(str, bound.index or ()))}]"


def choices_of(domain: list[Bound], shapes: dict[str, Shape]) -> dict[str, tuple[str, ...]]:
    """Per scalar input whose values are listed: these. What one element has goes before what its array has."""
    found: dict[str, tuple[str, ...]] = {}
    for bound in sorted(domain, key=lambda b: b.index is not None):
        names = components(bound.base, shapes.get(bound.base, ())) if bound.index is None else [component_of(bound)]
        for name in names:
            found.pop(name, None)
            if bound.choices:
                found[name] = bound.choices
    return found
