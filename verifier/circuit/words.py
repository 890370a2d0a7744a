"""How a word of NumPy, PyTorch or JAX is applied to values: a table of words, and what axes, lengths and shapes they are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from verifier.circuit import arrays
from verifier.circuit.arrays import ArrayError
from verifier.circuit.values import WHOLE, Known, Value, array, described, found_instead, settled, whole, wholes

if TYPE_CHECKING:
    from verifier.circuit.arrays import Axis
    from verifier.circuit.program import Builder

Word = Callable[..., Value]
WORDS: dict[str, Word] = {}
METHODS: set[str] = set()
NONE = Known(None)
_IGNORED = ("dtype", "device", "requires_grad", "order", "precision", "preferred_element_type", "optimize", "copy")  # they say nothing about the values
_RENAMED = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "input": "a", "tensor": "a", "x": "a", "tensors": "a"}


def word(*names: str, method: bool = True) -> Callable[[Word], Word]:
    """Enter a function into the table under these names."""

    def enter(function: Word) -> Word:
        for name in names:
            WORDS[name] = function
            if method:
                METHODS.add(name)
        return function

    return enter


def call(b: Builder, name: str, args: Sequence[Value], keywords: dict[str, Value]) -> Value:
    """A word applied to values. Raises ArrayError."""
    given = {_RENAMED.get(k, k): v for k, v in keywords.items() if k not in _IGNORED}
    plain = [v for v in args if not (isinstance(v, Known) and isinstance(v.value, type))]  # x.astype(float), np.zeros(3, int)
    try:
        return settled(WORDS[name](b, *plain, **given))
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ArrayError(f"'{name}' with these arguments{' (' + ', '.join(keywords) + ')' if keywords else ''} is not part of the language") from None


def axis_of(b: Builder, value: Value) -> Axis:
    """An axis, several of them, or None."""
    if isinstance(value, Known) and value.value is None:
        return None
    if isinstance(value, tuple | list):
        return tuple(integer(b, v, "an axis") for v in value)
    return integer(b, value, "an axis")


def integer(b: Builder, value: Value, what: str) -> int:
    """A whole number that does not depend on the inputs. Raises ArrayError."""
    found = whole(b, value)
    if found is None:
        raise ArrayError(f"{what} must be {WHOLE}, not {found_instead(b, value)}")
    return found


def shape_of(b: Builder, *values: Value) -> tuple[int, ...]:
    """A shape, written as one tuple or as several numbers."""
    listed = values[0] if len(values) == 1 and isinstance(values[0], tuple | list) else values
    found = tuple(integer(b, v, "a length") for v in listed)
    if prod(max(n, 1) for n in found) > arrays.MAX_ELEMENTS:
        raise ArrayError(f"an array of shape {found} has more than {arrays.MAX_ELEMENTS} elements")
    return found


def moved(b: Builder, value: Value, move: Callable[[Any], Any], what: str) -> Value:
    """What only moves elements, on steps or on whole numbers."""
    if isinstance(value, list | tuple):
        value = array(b, value)
    known = isinstance(value, Known)
    source = wholes(b, value) if known else array(b, value)
    if source is None:
        raise ArrayError(f"'{what}' needs an array, not {described(value)}")
    try:
        found = move(source)
    except (ValueError, IndexError, TypeError):
        raise ArrayError(f"'{what}' does not fit an array of shape {source.shape}") from None
    return Known(found) if known else found
