"""The arrays that an object holds, itself and in what it holds: its weights with their gradients, and how all of it is put back after a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

MOST_HELD = 2_000  # objects, lists and dictionaries that are looked into
PREFIXES, SUFFIX = ("d", "grad_", "d_"), "_grad"  # of the attribute that is the gradient of another
GRADIENT, GRADIENTS, PARAMETERS = "grad", "grads", "params"


@dataclass(frozen=True, eq=False)
class HeldArray:
    """An array of floats, and where it is held: the path to it, the dictionary or list, its key there, and the object whose attributes these are."""

    path: tuple[Any, ...]
    container: Any
    key: Any
    owner: Any

    @property
    def value(self) -> Any:
        """The array, or what stands in its place now."""
        return self.container[self.key]

    @property
    def name(self) -> str:
        """The path in one word: `fc1_W`, `layers_0_W`; of a dictionary `params` the key alone."""
        own = [k for n, k in enumerate(self.path) if not (k == PARAMETERS and n == len(self.path) - 2 and isinstance(self.container, dict))]
        return re.sub(r"\W", "_", "_".join(map(str, own)))

    @property
    def gradient(self) -> Any:
        """What the object holds as the gradient of it; None where it holds none."""
        held = vars(self.owner) if hasattr(self.owner, "__dict__") else {}
        grads = getattr(self.owner, GRADIENTS, None)
        if isinstance(self.container, list):
            return grads[self.key] if isinstance(grads, list) and len(grads) == len(self.container) else None
        found = [getattr(self.owner, n, None) for n in (*(f"{p}{self.key}" for p in PREFIXES), f"{self.key}{SUFFIX}")]
        found += [grads.get(k) for k in (self.key, f"d{self.key}")] if isinstance(grads, dict) else []
        if GRADIENT in held and self.container is held and [n for n, v in held.items() if is_array(v) and n != GRADIENT] == [self.key]:
            found.append(held[GRADIENT])
        return next((g for g in found if g is not None), None)

    @property
    def is_gradient(self) -> bool:
        """Whether it is itself the gradient of something else that is held there."""
        key, held = str(self.key), vars(self.owner) if hasattr(self.owner, "__dict__") else {}
        if GRADIENTS in self.path or key == GRADIENT:
            return True
        return any(key.startswith(p) and key.removeprefix(p) in held for p in PREFIXES) or (key.endswith(SUFFIX) and key.removesuffix(SUFFIX) in held)


@dataclass(frozen=True, eq=False)
class Weight:
    """An array of floats that is an input: its name, and wherever it is held."""

    name: str
    held: tuple[HeldArray, ...]

    @property
    def value(self) -> Any:
        """The array."""
        return self.held[0].value

    def set(self, value: Any) -> None:
        """Hold something else in its place, everywhere."""
        for h in self.held:
            h.container[h.key] = value

    @property
    def gradient(self) -> Any:
        """The gradient that was set for it; of several, where it is held in several places, their sum (in a trace of those that are traced: they take the place of plain ones)."""
        every = list({id(g): g for h in self.held if (g := h.gradient) is not None}.values())
        found = [g for g in every if type(g) is not np.ndarray] or every
        return sum(found[1:], found[0]) if found else None


def is_array(value: Any) -> bool:
    """Whether it is an array of floats."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def arrays_in(owner: Any) -> list[HeldArray]:
    """The arrays of floats that an object holds, those of its own first."""
    return [HeldArray((*path, key), container, key, holder) for path, container, items, holder in _containers(owner) if container is not None for key, value in items if is_array(value)]


def objects_in(owner: Any) -> list[Any]:
    """The objects that an object holds, itself left out, and those that they hold."""
    return list({id(holder): holder for _, _, _, holder in _containers(owner) if holder is not owner}.values())


def _containers(owner: Any) -> Iterator[tuple[tuple[Any, ...], Any, Sequence[tuple[Any, Any]], Any]]:
    """The attributes of objects, the lists and the dictionaries within an object: (path, what may be written into or None, its items, the object)."""
    pending: list[tuple[tuple[Any, ...], Any, Any]] = [((), owner, owner)]
    seen: set[int] = set()
    while pending and len(seen) < MOST_HELD:
        path, one, holder = pending.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        container: Any
        if isinstance(one, dict):
            container, items = one, list(one.items())
        elif isinstance(one, list | tuple):
            container, items = one if isinstance(one, list) else None, list(enumerate(one))
        elif hasattr(one, "__dict__") and not isinstance(one, type | ModuleType) and not callable(getattr(one, "__get__", None)) and type(one).__module__.partition(".")[0] not in ("numpy", "builtins"):
            container, items, holder = vars(one), list(vars(one).items()), one
        else:
            continue
        yield path, container, items, holder
        pending += [((*path, key), value, holder) for key, value in items if not isinstance(value, np.ndarray | str | int | float | None)]


class Kept:
    """What an object holds, put back afterwards, with all that is held within it: a run must not change the user's objects.

    Meanwhile arrays that hold gradients are 0, as before every backward pass that adds to them.
    """

    def __init__(self, owner: Any) -> None:
        self.gradients = [h.value for h in arrays_in(owner) if h.is_gradient] if owner is not None else []
        self.before = [(container, container.copy(), [(v, v.copy()) for _, v in items if isinstance(v, np.ndarray)]) for _, container, items, _ in _containers(owner) if container is not None] if owner is not None else []

    def __enter__(self) -> None:
        for array in self.gradients:
            if array.flags.writeable:
                array[...] = 0

    def __exit__(self, *_: object) -> None:
        for container, held, numbers in self.before:
            container.clear()
            container.update(held) if isinstance(container, dict) else container.extend(held)
            for array, value in numbers:
                if array.flags.writeable:
                    array[...] = value


def own_weights(owner: Any) -> tuple[Weight, ...]:
    """The arrays that an object holds itself: as attributes, or in its dictionary `params`."""
    return _named([h for h in arrays_in(owner) if h.owner is owner and not h.is_gradient and (len(h.path) == 1 or (len(h.path) == 2 and h.path[0] == PARAMETERS))], ()) if owner is not None else ()


def with_inner(weights: Sequence[Weight], held: Sequence[HeldArray], taken: Sequence[str]) -> tuple[Weight, ...]:
    """The weights of an object after a backward pass has run, with those of objects within it for which it has set a gradient.

    `held` are the arrays that the forward pass has left where they were (what it keeps there for the backward pass is no weight); `taken` are names of other inputs.
    """
    own = [h for w in weights for h in w.held if _is_among(h, held)]
    learning = {id(h.owner) for h in held if not h.is_gradient and h.gradient is not None}  # objects with a gradient of anything: of the rest of theirs there should be one too
    inner = [h for h in held if not h.is_gradient and id(h.owner) in learning]
    return _named([*own, *(h for h in inner if not _is_among(h, own))], taken)


def _is_among(one: HeldArray, others: Sequence[HeldArray]) -> bool:
    """Whether an array is held where one of others is."""
    return any(one.container is o.container and one.key == o.key for o in others)


def _named(held: Sequence[HeldArray], taken: Sequence[str]) -> tuple[Weight, ...]:
    """Weights with names of their own; an array that is held in several places is one."""
    groups: dict[int, list[HeldArray]] = {}
    for h in held:
        groups.setdefault(id(h.value), []).append(h)
    names: dict[str, list[HeldArray]] = {}
    for group in groups.values():
        name = group[0].name
        while name in names or name in taken:
            name += "_"
        names[name] = group
    return tuple(Weight(n, tuple(group)) for n, group in names.items())


__all__ = ["HeldArray", "Kept", "Weight", "arrays_in", "is_array", "objects_in", "own_weights", "with_inner"]
