"""The inputs of a case: their names, the listed points, and the domain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from verifier.case.case import Point
from verifier.case.domain import Bound, Interval, choices_of, in_order, intervals_of, lengths_of_domain, read_domain, scalars, shape, span
from verifier.case.reader import Entry, Reader, name_problem
from verifier.case.yaml_tree import Mapping, Node, Scalar, Sequence, is_null, quoted

Values = str | tuple[str, ...]  # of one input in one point: a scalar's text, or those of a vector's elements


@dataclass(frozen=True, slots=True)
class Inputs:
    """The scalar inputs that the points and the domain define together; a vector is its elements `W[0]`, `W[1]`, ..."""

    names: tuple[str, ...]
    vectors: tuple[tuple[str, int], ...]
    points: tuple[Point, ...]
    domain: tuple[tuple[str, Interval], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parameters: tuple[str, ...] = ()


def read_inputs(reader: Reader, fields: dict[str, Entry], *, sample: int, root: Node, read: tuple[str, ...] | None = None, flows: dict[str, tuple[Scalar, str]] | None = None) -> Inputs | None:
    """The inputs of a case; None where something is wrong with them (`reader` has the complaints).

    `read` are the names that the formulas read, where no points need be listed (a hunt): they are inputs, too.
    `flows` are the gradients that flow into several outputs, with the key that names these.
    """
    before = reader.complaints.count
    points = _points(reader, fields["points"]) if "points" in fields else []
    domain = read_domain(reader, fields["domain"]) if "domain" in fields else []
    fixed, named = read_parameters(reader, fields["parameters"]) if "parameters" in fields else ({}, {})
    fixed.update(flows or {})
    if "points" not in fields and sample == 0 and read is None:
        reader.tell(root, "the case has no points; list some under 'points', or give 'domain' and 'sample', or 'hunt: true', or 'exhaustive: true'")
    if sample > 0 and "domain" not in fields:
        reader.tell(fields["sample"][0], "'sample' needs a domain to draw points from; add one such as domain: {x: [-10, 10]}")
    if reader.complaints.count > before:
        return None
    _add_fixed(reader, fixed, points, domain, is_listed="points" in fields)
    lengths = _lengths(reader, points) if points else lengths_of_domain(reader, domain)
    if not points:
        _add_names(lengths, read or ())
    if points:
        _same_names(reader, points, domain)
    elif reader.complaints.count > before:
        return None
    intervals = intervals_of(reader, domain, lengths)
    names = tuple(name for base in lengths for name in scalars(base, lengths[base]))
    choices = choices_of(domain, lengths)
    parameters = _parameters(reader, fixed, named, lengths)
    listed = tuple(_point(point, lengths) for point in points) if reader.complaints.count == before else ()
    for name in parameters:
        if name not in intervals and (values := distinct(listed, name)):
            choices[name] = values
            intervals[name] = span(values)
        elif name not in intervals:
            key = named.get(name.partition("[")[0]) or fixed[name.partition("[")[0]][0]
            reader.tell(key, f"the parameter '{name}' has no value: no point gives it one, and the domain lists none, as in domain: {{{name}: {{0, 1, 2}}}}")
    if parameters and len(parameters) == len(names):
        reader.tell(root, "every input is a parameter, so no gradient would be checked; leave out the names whose gradients are asked for")
    if sample > 0:
        for name in names:
            if name not in intervals:
                reader.tell(fields["domain"][0], f"the domain has no interval for the input '{name}', which 'sample' needs")
    if reader.complaints.count > before:
        return None
    return Inputs(
        names=names,
        vectors=tuple((base, length) for base, length in lengths.items() if length is not None),
        points=listed,
        domain=tuple((name, intervals[name]) for name in names if name in intervals),
        choices=tuple((name, choices[name]) for name in names if name in choices),
        parameters=parameters,
    )


def with_parameters(inputs: Inputs, parameters: frozenset[str]) -> Inputs:
    """The inputs with their parameters, some of which only the programs show: these have no values but those of the points, or of the domain."""
    choices, domain = dict(inputs.choices), dict(inputs.domain)
    for name in parameters:
        if name not in domain and (values := distinct(inputs.points, name)):
            choices[name], domain[name] = values, span(values)
    return replace(
        inputs,
        parameters=tuple(name for name in inputs.names if name in parameters),
        choices=tuple((name, choices[name]) for name in inputs.names if name in choices),
        domain=tuple((name, domain[name]) for name in inputs.names if name in domain),
    )


def distinct(points: tuple[Point, ...], name: str) -> tuple[str, ...]:
    """The values that a scalar input has in the points, smallest first, each once."""
    return in_order([text for point in points for key, text in point.values if key == name])


def _add_fixed(reader: Reader, fixed: dict[str, tuple[Scalar, Values]], points: list[_Listed], domain: list[Bound], *, is_listed: bool) -> None:
    """Give every point the values of the parameters that are fixed for all of them; where no points are listed the domain has them."""
    for name, (key, values) in fixed.items():
        if any(name in point.values for point in points):
            reader.tell(key, f"the parameter '{name}' has a value here and in the points; leave one of them, or write parameters: [{name}]")
        if any(bound.base == name for bound in domain):
            reader.tell(key, f"the parameter '{name}' has a value here and a domain; leave one of them")
        for point in points:
            point.values.setdefault(name, (key, values))
        if not is_listed:
            each = [(None, values)] if isinstance(values, str) else list(enumerate(values))
            domain += [Bound(key, name, index, (text, text), (text,)) for index, text in each]


def _parameters(reader: Reader, fixed: dict[str, tuple[Scalar, Values]], named: dict[str, Scalar], lengths: dict[str, int | None]) -> tuple[str, ...]:
    """The scalar inputs that are parameters, in the order of the inputs."""
    for name, key in named.items():
        if name not in lengths:
            reader.tell_unknown(key, f"the parameter {quoted(name)} is no name of the points or the domain", name, list(lengths))
    return tuple(name for base in lengths if base in fixed or base in named for name in scalars(base, lengths[base]))


def read_parameters(reader: Reader, entry: Entry) -> tuple[dict[str, tuple[Scalar, Values]], dict[str, Scalar]]:
    """`{eps: 1e-5}` as names with their fixed values; `[n]` as names whose values the points have."""
    fixed: dict[str, tuple[Scalar, Values]] = {}
    named: dict[str, Scalar] = {}
    if isinstance(entry[1], Mapping):
        for key, node in entry[1].entries:
            if (problem := name_problem(key.text)) is not None:
                reader.tell(key, f"the parameter {problem}")
            elif is_null(node):
                named[key.text] = key
            elif (value := _values(reader, key, node, what="parameter")) is not None:
                fixed[key.text] = (key, value)
        return fixed, named
    for item in reader.items(entry[1], "parameters", example="{eps: 1e-5}, or the names of points that are no inputs: [n]") or ():
        name = reader.text(item, "a parameter")
        if name is None or not isinstance(item, Scalar):
            continue
        if (problem := name_problem(name)) is not None:
            reader.tell(item, f"the parameter {problem}")
        named[name] = item
    return fixed, named


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


def _values(reader: Reader, key: Scalar, node: Node, *, what: str = "input") -> Values | None:
    if not isinstance(node, Sequence):
        return reader.number(node, f"the {what} '{key.text}'")
    if not node.items:
        reader.tell(node, f"the vector '{key.text}' is empty; give its elements, as in [2, -3]")
        return None
    texts = [reader.number(item, f"the {what} '{key.text}[{i}]'") for i, item in enumerate(node.items)]
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
                    key, f"the input '{name}' is {shape(length)} here and {shape(before)} before; it must be the same in every point"
                )
    return lengths


def _same_names(reader: Reader, points: list[_Listed], domain: list[Bound]) -> None:
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


def _point(point: _Listed, lengths: dict[str, int | None]) -> Point:
    pairs: list[tuple[str, str]] = []
    for base, length in lengths.items():
        values = point.values[base][1]
        pairs.extend(zip(scalars(base, length), (values,) if isinstance(values, str) else values, strict=True))
    return Point(tuple(pairs), point.node.page.place(point.node.start))
