"""The inputs of a case: their names, the listed points, and the domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from verifier.case.case import Point
from verifier.case.components import MOST_COMPONENTS, ArrayTexts, Shape, base, components, described, nested, read_shapes, read_values
from verifier.case.domain import Bound, IntervalText, choices_of, in_order, intervals_of, read_domain, shapes_of_domain, span
from verifier.case.reader import KeyValue, Reader, name_problem
from verifier.case.yaml_tree import Mapping, Scalar, YamlNode, is_null, quoted
from verifier.language.numeral import special

MOST_DIGITS = 15  # of a whole number that is used as one


@dataclass(frozen=True, slots=True)
class Inputs:
    """The scalar inputs that the points, the shapes and the domain define together; an array is its components `x[0,0]`, `x[0,1]`, ..."""

    names: tuple[str, ...]
    shapes: tuple[tuple[str, Shape], ...]  # of the arrays
    points: tuple[Point, ...]
    domain: tuple[tuple[str, IntervalText], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parameters: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()  # the parameters (arrays as a whole) whose values stand in the case file: these are read like literals of a formula


def read_inputs(reader: Reader, fields: dict[str, KeyValue], *, sample: int, root: YamlNode, read: tuple[str, ...] | None = None) -> Inputs | None:
    """The inputs of a case; None where something is wrong with them (`reader` has the complaints).

    `read` are the names that the formulas read, where no points need be listed (a hunt): they are inputs, too.
    """
    before = reader.complaints.count
    points = _points(reader, fields["points"]) if "points" in fields else []
    domain = read_domain(reader, fields["domain"]) if "domain" in fields else []
    stated = read_shapes(reader, fields["shapes"]) if "shapes" in fields else {}
    fixed, named = read_parameters(reader, fields["parameters"]) if "parameters" in fields else ({}, {})
    has_none = "points" not in fields and sample == 0 and read is None
    is_told = reader.is_mistyped(root, fields, "points", "sample", "hunt", "exhaustive", "certify") or ("sample" in fields and before > 0)
    if has_none and not is_told:
        reader.tell(root, "the case has no points; list some under 'points', or give 'domain' and 'sample', or 'hunt: true', or 'exhaustive: true', or 'domain' and 'certify'")
    if sample > 0 and "domain" not in fields:
        reader.tell(fields["sample"][0], "'sample' needs a domain to draw points from; add one such as domain: {x: [-10, 10]}")
    if reader.complaints.count > before or has_none:
        return None
    _add_fixed(reader, fixed, points, domain, is_listed="points" in fields)
    shapes = _shapes(reader, points) if points else shapes_of_domain(reader, domain)
    _add_shapes(reader, shapes, stated, is_listed=bool(points))
    if not points:
        _add_names(shapes, read or (), stated)
    if points:
        _same_names(reader, points, domain)
    elif reader.complaints.count > before:
        return None
    if sum(prod(s) for s in shapes.values()) > MOST_COMPONENTS:
        reader.tell(root, f"the inputs have more than {MOST_COMPONENTS:,} components; check a smaller layer: what is wrong in a large one is wrong in a small one")
        return None
    intervals = intervals_of(reader, domain, shapes)
    names = tuple(name for array in shapes for name in components(array, shapes[array]))
    choices = choices_of(domain, shapes)
    parameters = _parameters(reader, fixed, named, shapes)
    listed = tuple(_point(point, shapes) for point in points) if reader.complaints.count == before else ()
    values = distinct(listed, parameters)
    for name in parameters:
        if name not in intervals and values[name]:
            choices[name] = values[name]
            intervals[name] = span(values[name])
        elif name not in intervals:
            key = named.get(base(name)) or fixed[base(name)][0]
            reader.tell(key, f"the parameter '{name}' has no value: no point gives it one, and the domain lists none, as in domain: {{{name}: {{0, 1, 2}}}}")
    if parameters and len(parameters) == len(names):
        reader.tell(root, "every input is a parameter, so no gradient would be checked; leave out the names whose gradients are asked for")
    if sample > 0:
        for array, shape in shapes.items():
            missing = [name for name in components(array, shape) if name not in intervals]
            if missing:
                reader.tell(fields["domain"][0], f"the domain has no interval for the input '{array if len(missing) == prod(shape) else missing[0]}', which 'sample' needs")
    if reader.complaints.count > before:
        return None
    return Inputs(
        names=names,
        shapes=tuple((array, shape) for array, shape in shapes.items() if shape),
        points=listed,
        domain=tuple((name, intervals[name]) for name in names if name in intervals),
        choices=tuple((name, choices[name]) for name in names if name in choices),
        parameters=parameters,
        fixed=tuple(name for name in shapes if name in fixed),
    )


def with_flows(inputs: Inputs, flows: dict[str, ArrayTexts]) -> Inputs:
    """The inputs, and the gradients that flow into outputs: parameters with one value each."""
    shapes, domain, choices = dict(inputs.shapes), dict(inputs.domain), dict(inputs.choices)
    added: dict[str, str] = {}
    for name, values in flows.items():
        added.update(zip(components(name, values.shape), values.texts, strict=True))
        if values.shape:
            shapes[name] = values.shape
    choices.update({name: (text,) for name, text in added.items()})
    domain.update({name: (text, text) for name, text in added.items()})
    return replace(
        inputs,
        names=(*inputs.names, *added),
        shapes=tuple(shapes.items()),
        points=tuple(replace(p, values=(*p.values, *added.items())) for p in inputs.points),
        domain=tuple(domain.items()),
        choices=tuple(choices.items()),
        parameters=(*inputs.parameters, *added),
    )


def wholes(inputs: Inputs) -> dict[str, object]:
    """The parameters that are one whole number at every point, or an array of such: they may be indices, orders and shapes."""
    choices, shapes, parameters = dict(inputs.choices), dict(inputs.shapes), set(inputs.parameters)
    found: dict[str, object] = {}
    for name in dict.fromkeys(map(base, inputs.parameters)):
        parts = components(name, shapes.get(name, ()))
        texts = [choices.get(part, ()) for part in parts]
        if all(part in parameters for part in parts) and all(len(t) == 1 and _is_whole(t[0]) for t in texts):
            value = nested([int(t[0]) for t in texts], shapes.get(name, ()))
            found[name] = value
    return found


def literals(inputs: Inputs) -> dict[str, object]:
    """The decimal texts of the parameters whose values stand in the case file, except whole numbers: they are read like literals of a formula."""
    choices, shapes, others = dict(inputs.choices), dict(inputs.shapes), wholes(inputs)
    return {name: nested([choices[part][0] for part in components(name, shapes.get(name, ()))], shapes.get(name, ())) for name in inputs.fixed if name not in others}


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < MOST_DIGITS


def with_parameters(inputs: Inputs, parameters: frozenset[str]) -> Inputs:
    """The inputs with their parameters, some of which only the programs show: these have no values but those of the points, or of the domain."""
    choices, domain = dict(inputs.choices), dict(inputs.domain)
    for name, values in distinct(inputs.points, [name for name in inputs.names if name in parameters and name not in domain]).items():
        if values:
            choices[name], domain[name] = values, span(values)
    return replace(
        inputs,
        parameters=tuple(name for name in inputs.names if name in parameters),
        choices=tuple((name, choices[name]) for name in inputs.names if name in choices),
        domain=tuple((name, domain[name]) for name in inputs.names if name in domain),
    )


def distinct(points: Sequence[Point], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values that scalar inputs have in the points, smallest first, each once."""
    texts: dict[str, dict[str, None]] = {name: {} for name in names}
    for point in points if names else ():
        for name, text in point.values:
            if name in texts:
                texts[name][text] = None
    return {name: in_order([text for text in found if special(text) is None]) for name, found in texts.items()}


def _add_fixed(reader: Reader, fixed: dict[str, tuple[Scalar, ArrayTexts]], points: list[_Listed], domain: list[Bound], *, is_listed: bool) -> None:
    """Give every point the values of the parameters that are fixed for all of them; where no points are listed the domain has them."""
    for name, (key, values) in fixed.items():
        if any(name in point.values for point in points):
            reader.tell(key, f"the parameter '{name}' has a value here and in the points; leave one of them, or write parameters: [{name}]")
        if any(bound.base == name for bound in domain):
            reader.tell(key, f"the parameter '{name}' has a value here and a domain; leave one of them")
        for point in points:
            point.values.setdefault(name, (key, values))
        if not is_listed:
            indices = product(*map(range, values.shape)) if values.shape else [None]
            domain += [Bound(key, name, index, (text, text), (text,)) for index, text in zip(indices, values.texts, strict=True)]


def _parameters(reader: Reader, fixed: dict[str, tuple[Scalar, ArrayTexts]], named: dict[str, Scalar], shapes: dict[str, Shape]) -> tuple[str, ...]:
    """The scalar inputs that are parameters, in the order of the inputs."""
    for name, key in named.items():
        if name not in shapes:
            reader.tell_unknown(key, f"the parameter {quoted(name)} is neither in the points nor in the domain", name, list(shapes))
    return tuple(name for array in shapes if array in fixed or array in named for name in components(array, shapes[array]))


def read_parameters(reader: Reader, entry: KeyValue) -> tuple[dict[str, tuple[Scalar, ArrayTexts]], dict[str, Scalar]]:
    """`{eps: 1e-5}` as names with their fixed values; `[n]` as names whose values the points have."""
    fixed: dict[str, tuple[Scalar, ArrayTexts]] = {}
    named: dict[str, Scalar] = {}
    if isinstance(entry[1], Mapping):
        for key, node in entry[1].entries:
            if (problem := name_problem(key.text)) is not None:
                reader.tell(key, f"the parameter {problem}")
            elif is_null(node):
                named[key.text] = key
            elif (value := read_values(reader, node, "the parameter '{}'", key.text)) is not None:
                fixed[key.text] = (key, value)
        return fixed, named
    for item in reader.items(entry[1], "parameters", example="{eps: 1e-5}, or names to which the points give values: [n]") or ():
        name = reader.text(item, "a parameter")
        if name is None or not isinstance(item, Scalar):
            continue
        if (problem := name_problem(name)) is not None:
            reader.tell(item, f"the parameter {problem}")
        named[name] = item
    return fixed, named


def _add_shapes(reader: Reader, shapes: dict[str, Shape], stated: dict[str, tuple[Scalar, Shape]], *, is_listed: bool) -> None:
    """Add the shapes that are stated to those that points or the domain show."""
    for name, (key, shape) in stated.items():
        if is_listed and name not in shapes:
            reader.tell_unknown(key, f"the shape of {quoted(name)} is given, but no point gives it a value", name, list(shapes))
        elif shapes.get(name, ()) not in ((), shape) or (is_listed and shapes[name] != shape):
            reader.tell(key, f"'{name}' is {described(shape)} here and {described(shapes[name])} in the {'points' if is_listed else 'domain'}; it must be the same")
        else:
            shapes[name] = shape


def _add_names(shapes: dict[str, Shape], names: tuple[str, ...], stated: Collection[str]) -> None:
    """Add the inputs that only the formulas name; `W[2]` makes W a vector of at least three, unless its shape is stated."""
    for name in names:
        array, _, subscript = name.partition("[")
        if subscript and array not in stated and (array not in shapes or len(shapes[array]) == 1):
            shapes[array] = (max(*shapes.get(array, (0,)), int(subscript.rstrip("]")) + 1),)
        elif not subscript:
            shapes.setdefault(array, ())


@dataclass(frozen=True, slots=True)
class _Listed:
    """A point as listed: the node it stands at, and per input its key and values."""

    node: Mapping
    values: dict[str, tuple[Scalar, ArrayTexts]]


def _points(reader: Reader, entry: KeyValue) -> list[_Listed]:
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
            elif (value := read_values(reader, node, "the input '{}'", key.text, is_point=True)) is not None:
                values[key.text] = (key, value)
        listed.append(_Listed(item, values))
    return listed


def _shapes(reader: Reader, points: list[_Listed]) -> dict[str, Shape]:
    """The shape of every input, in the order of the points."""
    shapes: dict[str, Shape] = {}
    for point in points:
        for name, (key, values) in point.values.items():
            before = shapes.setdefault(name, values.shape)
            if before != values.shape:
                reader.tell(key, f"the input '{name}' is {described(values.shape)} here and {described(before)} before; it must be the same in every point")
    return shapes


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


def _point(point: _Listed, shapes: dict[str, Shape]) -> Point:
    pairs: list[tuple[str, str]] = []
    for name, shape in shapes.items():
        pairs.extend(zip(components(name, shape), point.values[name][1].texts, strict=True))
    return Point(tuple(pairs), point.node.page.place(point.node.start))
