"""Arrays of a case: the names of their components in C order, and nested lists of what the components have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # a report that is drawn needs nothing of them
    from verifier.case.reader import Reader
    from verifier.case.yaml_tree import Scalar, YamlNode
    from verifier.case.yaml_tree import Sequence as ListNode

T = TypeVar("T")
PointText = tuple[tuple[str, Any], ...]  # input -> repr of the float, or nested tuples of those of an array's components
Shape = tuple[int, ...]  # () of a scalar
MOST_SHOWN = 12  # numbers of an array that is written out in a line
MOST_COMPONENTS = 100_000  # of the inputs of a case


@dataclass(frozen=True, slots=True)
class ArrayTexts:
    """Numbers as texts, in C order, and the shape of their list."""

    shape: Shape
    texts: tuple[str, ...]


def components(name: str, shape: Shape) -> list[str]:
    """The scalar inputs of a name: itself, or the components of an array."""
    if not shape:
        return [name]
    from verifier.circuit.program import component_names

    return component_names(name, shape)


def described(shape: Shape) -> str:
    """What an input is, in words."""
    if not shape:
        return "a scalar"
    return f"a vector of {shape[0]}" if len(shape) == 1 else f"an array of shape {shape}"


def base(name: str) -> str:
    """The array that a component belongs to; a scalar's own name."""
    return name.partition("[")[0]


def covers(name: str, gradient: str) -> bool:
    """Whether `name` is the gradient itself or the array that it is a component of."""
    return gradient == name or (gradient.endswith("]") and base(gradient) == name)


def nested(values: Sequence[T], shape: Shape) -> T | tuple[object, ...]:
    """Values in C order as nested tuples.

    >>> nested((1, 2, 3, 4), (2, 2))
    ((1, 2), (3, 4))
    """
    if not shape:
        return values[0]
    rows: list[object] = list(values)
    for length in reversed(shape[1:]):
        rows = [tuple(rows[i : i + length]) for i in range(0, len(rows), length)]
    return tuple(rows)


def gathered(values: Mapping[str, T], shapes: Mapping[str, Shape]) -> dict[str, T | tuple[object, ...]]:
    """Scalar inputs and the components of arrays, in their order, as what the inputs have: a value, or nested tuples."""
    found: dict[str, T | tuple[object, ...]] = {}
    pairs = iter(values.items())
    for name, value in pairs:
        array = base(name)
        if array not in shapes:
            found[name] = value
        elif array not in found:
            found[array] = nested([value, *(v for _, v in islice(pairs, prod(shapes[array]) - 1))], shapes[array])
    return found


def as_lists(value: object) -> Any:
    """Nested tuples as nested lists; anything else as it is."""
    return [as_lists(part) for part in value] if isinstance(value, tuple) else value


def flat(value: object) -> Iterator[object]:
    """The numbers of a nested list or an ndarray, in C order."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list | tuple):
        for part in value:
            yield from flat(part)
    else:
        yield value


def shape_of(value: object) -> Shape:
    """The shape of nested tuples; () of anything else."""
    shape: list[int] = []
    while isinstance(value, tuple):
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


def by(shape: Shape) -> str:
    """A shape in words: 3x4; of a vector its length."""
    return "x".join(map(str, shape))


def bracketed(value: object, most: int = MOST_SHOWN) -> str:
    """A number, or nested tuples of numbers in brackets; of long ones the first, the last and the shape.

    >>> bracketed((("1.0", "2.0"), ("3.0", "4.0")))
    '[[1.0, 2.0], [3.0, 4.0]]'
    >>> bracketed(tuple(map(str, range(100))))
    '[0, ..., 99] (100)'
    """
    if not isinstance(value, tuple):
        return str(value)
    shape = shape_of(value)
    if prod(shape) > most:
        numbers = list(flat(value))
        return f"[{numbers[0]}, ..., {numbers[-1]}] ({by(shape)})"
    return f"[{', '.join(bracketed(part) for part in value)}]"


# ---------------------------------------------------------------- nested lists of a file


def read_values(reader: Reader, node: YamlNode, what: str, name: str, *, is_point: bool = False) -> ArrayTexts | None:
    """A number, or a nested list of numbers whose rows have one length; `what` is what complaints call one, {} its name. In a point infinities and NaN may stand."""
    from verifier.case.yaml_tree import Sequence as ListNode

    if not isinstance(node, ListNode):
        text = reader.number(node, what.format(name), infinite=is_point, nan=is_point)
        return None if text is None else ArrayTexts((), (text,))
    shape = _shape(reader, node, name)
    if shape is None:
        return None
    before = reader.complaints.count
    texts: list[str] = []
    leaves = _leaves(node, len(shape))
    for component, leaf in zip(components(name, shape), leaves, strict=True):
        if (text := reader.number(leaf, what.format(component), infinite=is_point, nan=is_point)) is not None:
            texts.append(text)
    return ArrayTexts(shape, tuple(texts)) if reader.complaints.count == before else None


def _shape(reader: Reader, node: ListNode, name: str) -> Shape | None:
    """The shape of a nested list; None where its rows differ, or one is empty."""
    from verifier.case.yaml_tree import Sequence as ListNode

    shape: list[int] = []
    level: list[YamlNode] = [node]
    while all(isinstance(n, ListNode) for n in level):
        rows = [n for n in level if isinstance(n, ListNode)]
        first = len(rows[0].items)
        for row in rows:
            if not row.items:
                reader.tell(row, f"the {'vector' if not shape else 'row of'} '{name}' is empty; give its elements, as in [2, -3]")
                return None
            if len(row.items) != first:
                reader.tell(row, f"the rows of '{name}' have different lengths: {first} before, {len(row.items)} here; an array has rows of one length")
                return None
        shape.append(first)
        level = [item for row in rows for item in row.items]
    if (odd := next((n for n in level if isinstance(n, ListNode)), None)) is not None:
        single = next(n for n in level if not isinstance(n, ListNode))
        reader.tell(odd if odd.start > single.start else single, f"'{name}' has numbers beside lists; an array has rows of one length")
        return None
    return tuple(shape)


def _leaves(node: ListNode, depth: int) -> list[YamlNode]:
    from verifier.case.yaml_tree import Sequence as ListNode

    level: list[YamlNode] = [node]
    for _ in range(depth):
        level = [item for row in level if isinstance(row, ListNode) for item in row.items]
    return level


def read_shapes(reader: Reader, entry: tuple[Scalar, YamlNode]) -> dict[str, tuple[Scalar, Shape]]:
    """`{x: [3, 4], w: 4}`: the shapes of arrays that no point lists."""
    from verifier.case.reader import name_problem
    from verifier.case.yaml_tree import Scalar
    from verifier.case.yaml_tree import Sequence as ListNode

    found: dict[str, tuple[Scalar, Shape]] = {}
    total = 0
    for key, node in reader.mapping(entry[1], "shapes", example="{x: [3, 4], w: [4]}") or ():
        if (problem := name_problem(key.text)) is not None:
            reader.tell(key, f"the input {problem}")
            continue
        items = node.items if isinstance(node, ListNode) else (node,)
        texts = [item.text.strip() if isinstance(item, Scalar) else "" for item in items]
        if not all(t.isascii() and t.isdecimal() and len(t) < 9 and int(t) > 0 for t in texts):
            reader.tell(node, f"the shape of '{key.text}' must be a list of whole numbers above 0, as in [3, 4]")
            continue
        shape = tuple(map(int, texts))
        total += prod(shape)
        if total > MOST_COMPONENTS:
            reader.tell(node, f"the inputs have more than {MOST_COMPONENTS:,} components; check a smaller layer: what is wrong in a large one is wrong in a small one")
            return {}
        found[key.text] = (key, shape)
    return found
