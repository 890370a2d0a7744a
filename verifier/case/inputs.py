"""The inputs of a case: their names, the listed points, and the domain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from verifier.case.case import Point
from verifier.case.reader import Entry, Reader, element, name_problem
from verifier.case.yaml_tree import Mapping, Node, Scalar, Sequence, quoted
from verifier.language.numeral import exact

Values = str | tuple[str, ...]  # of one input in one point: a scalar's text, or those of a vector's elements
Interval = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The scalar inputs that the points and the domain define together; a vector is its elements `W[0]`, `W[1]`, ..."""

    names: tuple[str, ...]
    vectors: tuple[tuple[str, int], ...]
    points: tuple[Point, ...]
    domain: tuple[tuple[str, Interval], ...]


def read_inputs(reader: Reader, fields: dict[str, Entry], *, sample: int, root: Node, read: tuple[str, ...] | None = None) -> Inputs | None:
    """The inputs of a case; None where something is wrong with them (`reader` has the complaints).

    `read` are the names that the formulas read, where no points need be listed (a hunt): they are inputs, too.
    """
    before = reader.complaints.count
    points = _points(reader, fields["points"]) if "points" in fields else []
    domain = _domain(reader, fields["domain"]) if "domain" in fields else []
    if "points" not in fields and sample == 0 and read is None:
        reader.tell(root, "the case has no points; list some under 'points', or give 'domain' and 'sample', or 'hunt: true', or 'exhaustive: true'")
    if sample > 0 and "domain" not in fields:
        reader.tell(fields["sample"][0], "'sample' needs a domain to draw points from; add one such as domain: {x: [-10, 10]}")
    if reader.complaints.count > before:
        return None
    lengths = _lengths(reader, points) if points else _lengths_of_domain(reader, domain)
    if not points:
        _add_names(lengths, read or ())
    if points:
        _same_names(reader, points, domain)
    elif reader.complaints.count > before:
        return None
    intervals = _intervals(reader, domain, lengths)
    names = tuple(name for base in lengths for name in _scalars(base, lengths[base]))
    if sample > 0:
        for name in names:
            if name not in intervals:
                reader.tell(fields["domain"][0], f"the domain has no interval for the input '{name}', which 'sample' needs")
    if reader.complaints.count > before:
        return None
    return Inputs(
        names=names,
        vectors=tuple((base, length) for base, length in lengths.items() if length is not None),
        points=tuple(_point(point, lengths) for point in points),
        domain=tuple((name, intervals[name]) for name in names if name in intervals),
    )


def _add_names(lengths: dict[str, int | None], names: tuple[str, ...]) -> None:
    """Add the inputs that only the formulas name; `W[2]` makes W a vector of at least three."""
    for name in names:
        base, _, subscript = name.partition("[")
        if subscript and lengths.get(base, 0) is not None:
            lengths[base] = max(lengths.get(base) or 0, int(subscript.rstrip("]")) + 1)
        elif not subscript:
            lengths.setdefault(base, None)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A point as listed: the node it stands at, and per input its key and values."""

    node: Mapping
    values: dict[str, tuple[Scalar, Values]]


def _points(reader: Reader, entry: Entry) -> list[_Listed]:
    items = reader.items(entry[1], "points", example="points: [{x: 3, y: -4}]")
    listed = []
    for item in items or ():
        entries = reader.mapping(item, "a point", example="{x: 3, y: -4}")
        if entries is None or not isinstance(item, Mapping):
            continue
        if not entries:
            reader.tell(item, "the point is empty; give every input a value, as in {x: 3, y: -4}")
        values = {}
        for key, node in entries:
            if (problem := name_problem(key.text)) is not None:
                reader.tell(key, f"the input {problem}")
            elif (value := _values(reader, key, node)) is not None:
                values[key.text] = (key, value)
        listed.append(_Listed(item, values))
    return listed


def _values(reader: Reader, key: Scalar, node: Node) -> Values | None:
    if not isinstance(node, Sequence):
        return reader.number(node, f"the input '{key.text}'")
    if not node.items:
        reader.tell(node, f"the vector '{key.text}' is empty; give its elements, as in [2, -3]")
        return None
    texts = [reader.number(item, f"the input '{key.text}[{i}]'") for i, item in enumerate(node.items)]
    known = tuple(t for t in texts if t is not None)
    return known if len(known) == len(texts) else None


def _lengths(reader: Reader, points: list[_Listed]) -> dict[str, int | None]:
    """Per input, in the order of the points, the length of a vector and None for a scalar."""
    lengths: dict[str, int | None] = {}
    for point in points:
        for name, (key, values) in point.values.items():
            length = None if isinstance(values, str) else len(values)
            before = lengths.setdefault(name, length)
            if before != length:
                reader.tell(
                    key, f"the input '{name}' is {_shape(length)} here and {_shape(before)} before; it must be the same in every point"
                )
    return lengths


def _lengths_of_domain(reader: Reader, domain: list[_Bound]) -> dict[str, int | None]:
    """As `_lengths`, of inputs that only the domain names: `W[0]`, `W[1]` make a vector of two."""
    found: dict[str, int | None] = {}
    seen: dict[str, set[int]] = {}
    for bound in domain:
        if bound.index is None:
            found.setdefault(bound.base, None)
        else:
            found[bound.base] = None
            seen.setdefault(bound.base, set()).add(bound.index)
    for bound in domain:
        indices = seen.pop(bound.base, None)
        if indices is None:
            continue
        missing = next(i for i in range(len(indices) + 1) if i not in indices)
        if missing < len(indices):
            reader.tell(bound.key, f"the domain has no interval for '{bound.base}[{missing}]'; give every element of the vector")
        found[bound.base] = len(indices)
    return found


def _same_names(reader: Reader, points: list[_Listed], domain: list[_Bound]) -> None:
    """Complain where points do not give the same inputs: about a missing input, or about one that most points leave out."""
    counts = Counter(name for point in points for name in point.values)
    bounded = {bound.base for bound in domain}
    inputs = {name: None for name, count in counts.items() if 2 * count >= len(points) or name in bounded}
    for point in points:
        missing = [name for name in inputs if name not in point.values]
        for name in point.values:
            if name not in inputs:
                key = point.values[name][0]
                reader.tell_unknown(
                    key, f"the input '{name}' has no value in most other points; give it there or remove it here", name, missing
                )
        if missing:
            names = ", ".join(f"'{name}'" for name in missing[:10])
            reader.tell(
                point.node, f"the point has no value for the input{'s' if len(missing) > 1 else ''} {names}; every point gives every input"
            )


@dataclass(frozen=True, slots=True)
class _Bound:
    """One entry of the domain; `index` is the element of a vector, None where the name stands alone."""

    key: Scalar
    base: str
    index: int | None
    interval: Interval


def _domain(reader: Reader, entry: Entry) -> list[_Bound]:
    entries = reader.mapping(entry[1], "domain", example="{x: [-10, 10]}")
    if entries == ():
        reader.tell(entry[1], "domain is empty; give an interval for every input, as in {x: [-10, 10]}")
    bounds = []
    for key, node in entries or ():
        base, index = element(key.text) or (key.text, None)
        if (problem := name_problem(base)) is not None:
            reader.tell(key, f"the input {problem}")
        elif (interval := _interval(reader, key.text, node)) is not None:
            bounds.append(_Bound(key, base, index, interval))
    return bounds


def _interval(reader: Reader, name: str, node: Node) -> Interval | None:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        reader.tell(node, f"the domain of '{name}' must be a lowest and a highest value, as in [-10, 10]")
        return None
    low, high = (reader.number(item, f"the domain of '{name}'") for item in node.items)
    if low is None or high is None:
        return None
    if exact(low) > exact(high):
        reader.tell(node, f"the domain of '{name}' is empty: {low} is above {high}; write the lowest value first")
        return None
    return low, high


def _intervals(reader: Reader, domain: list[_Bound], lengths: dict[str, int | None]) -> dict[str, Interval]:
    """The interval of each scalar input. An interval given for one element takes precedence over that of its vector."""
    intervals: dict[str, Interval] = {}
    for bound in sorted(domain, key=lambda b: b.index is not None):
        if bound.base not in lengths:
            reader.tell_unknown(
                bound.key, f"the domain names {quoted(bound.key.text)}, but no point gives it a value", bound.base, list(lengths)
            )
            continue
        length = lengths[bound.base]
        if bound.index is None:
            intervals.update(dict.fromkeys(_scalars(bound.base, length), bound.interval))
        elif length is None:
            reader.tell(bound.key, f"the domain names '{bound.key.text}', but the input '{bound.base}' is {_shape(None)}")
        elif bound.index >= length:
            reader.tell(
                bound.key,
                f"the domain names '{bound.key.text}', but '{bound.base}' is {_shape(length)}, up to '{bound.base}[{length - 1}]'",
            )
        else:
            intervals[bound.key.text] = bound.interval
    return intervals


def _scalars(base: str, length: int | None) -> list[str]:
    return [base] if length is None else [f"{base}[{i}]" for i in range(length)]


def _shape(length: int | None) -> str:
    return "a scalar" if length is None else f"a vector of {length}"


def _point(point: _Listed, lengths: dict[str, int | None]) -> Point:
    pairs: list[tuple[str, str]] = []
    for base, length in lengths.items():
        values = point.values[base][1]
        pairs.extend(zip(_scalars(base, length), (values,) if isinstance(values, str) else values, strict=True))
    return Point(tuple(pairs), point.node.page.place(point.node.start))
