"""The components of an array in one row or finding: which belong to one, how they are named, which one is the worst."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifier.case.components import Shape, base


@dataclass(frozen=True, slots=True)
class ArrayGradient:
    """An array whose components share a row or a finding."""

    name: str
    shape: Shape
    count: int


def arrays(gradients: Iterable[str]) -> dict[str, ArrayGradient]:
    """For every component its array; a vector of one element is none, nor is one of which components are missing."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(gradients):
        if name.endswith("]"):
            groups.setdefault(base(name), []).append(name)
    found: dict[str, ArrayGradient] = {}
    if not groups:
        return found
    from verifier.circuit.program import element_shape

    for name, components in groups.items():
        shape = element_shape(components)
        if shape is not None and (len(shape) > 1 or len(components) > 1):
            found.update(dict.fromkeys(components, ArrayGradient(name, shape, len(components))))
    return found


def index(component: str) -> str:
    """`dx[1,2]` as `[1, 2]`."""
    return component[component.index("[") :].replace(",", ", ")


def listed(implementation: str, gradients: Sequence[str], known: dict[str, ArrayGradient], *, worst: str = "") -> str:
    """Names in a sentence: of an array once, with the number of its components, and which is the worst."""
    groups: dict[str, list[str]] = {}
    for name in gradients:
        groups.setdefault(known[name].name if name in known else name, []).append(name)
    named = [f"{implementation}{'.' if implementation else ''}{name}{_share(found, known, worst)}" for name, found in groups.items()]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _share(found: Sequence[str], known: dict[str, ArrayGradient], worst: str) -> str:
    array = known.get(found[0])
    if array is None:
        return ""
    if len(found) == 1:
        return index(found[0])
    where = f", the worst at {index(worst)}" if worst in found else ""
    return f" ({f'all {len(found):,}' if len(found) == array.count else f'{len(found):,} of {array.count:,}'} components{where})"
