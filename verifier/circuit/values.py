"""What a name may stand for while a Program is built, and how one kind of value is made of another."""

from __future__ import annotations

import ast
import math
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from verifier.circuit.program import Builder, element_shape
from verifier.language.gates import COMPARISONS, GATES, LOGIC, kernel
from verifier.language.source import Source

if TYPE_CHECKING:
    from verifier.circuit.arrays import Array

MASK_ADVICE = "how many elements this mask selects depends on the inputs: write where(mask, a, b), or assign with it, as in dx[x <= 0] = 0"
WHOLE = "a whole number that does not depend on the inputs (2, x.shape[0], a parameter)"
WHOLES = "whole numbers that do not depend on the inputs (2, x.shape[0], a parameter)"
WHOLE_GATES: dict[str, Callable[[Any, Any], Any]] = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "pow": lambda a, b: a**b if 0 <= b < 64 and abs(a) < 1000 else None}
_QUOTIENT_GATES: dict[str, Callable[..., Any]] = {"copy": lambda a: a, "neg": lambda a: -a, "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "floor": math.floor, "ceil": math.ceil, "trunc": math.trunc}


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A value that is known while the Program is built: a whole number, a truth value, an ndarray of either, None, a text, a range."""

    value: Any

    def __post_init__(self) -> None:
        if getattr(self.value, "shape", None) == ():  # NumPy's number: an element of an array of whole numbers
            object.__setattr__(self, "value", self.value.item())

    @property
    def ndim(self) -> int:
        """The number of axes; 0 for a single number."""
        return int(getattr(self.value, "ndim", 0))


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A `def` of a case: its tree, the text it stands in, the values of its defaults."""

    tree: ast.FunctionDef
    source: Source
    defaults: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """`x[mask]` for a mask that depends on inputs: how many elements it has is not known, but `z[mask] = exp(-x[mask])` has a meaning.

    `whole` is the array of all elements, also those outside the mask.
    """

    whole: Array
    mask: Array


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The value of a name whose line was refused; a line that reads it gets no complaint of its own."""


Value: TypeAlias = "int | Known | Function | Selected | Unreadable | Array | tuple[Value, ...] | list[Value] | dict[Any, Value]"  # an int is a step


def known_values(b: Builder, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What parameters with known values stand for: whole numbers and nested lists of them are indices, orders and shapes; decimal texts, and nested lists of them, become literals."""
    return {name: _known_value(b, value) for name, value in parameters.items()}


def _known_value(b: Builder, value: Any) -> Value:
    if isinstance(value, str):
        return _literals(b, [value])[0]
    if not isinstance(value, list | tuple):
        return Known(value)
    import numpy as np

    values = np.array(value)
    if values.dtype.kind == "U":
        return np.array(_literals(b, values.ravel().tolist()), dtype=np.int64).reshape(values.shape)
    return Known(values.astype(np.int64))


def _literals(b: Builder, texts: Sequence[str]) -> list[int]:
    """The steps of decimal texts, one for each distinct text."""
    from verifier.circuit.arrays import literal

    steps = {text: literal(b, text.removeprefix("+")) for text in dict.fromkeys(texts)}
    return [steps[text] for text in texts]


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is an array of steps. NumPy is not imported for the answer."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_wholes(value: object) -> TypeGuard[Known]:
    """Whether a value is an array of whole numbers or truth values that are known."""
    return isinstance(value, Known) and is_array(value.value)


def is_whole(value: object) -> TypeGuard[Known]:
    """Whether a value is a whole number (or a truth value) that is no step."""
    return isinstance(value, Known) and isinstance(value.value, int)


def same_steps(b: Builder, one: Array, other: Array) -> bool:
    """Whether two arrays have equal shapes and components that are the same step, or the same gate on the same steps."""
    if one.shape != other.shape:
        return False
    pairs = ((b.steps[i], b.steps[k]) for i, k in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True) if i != k)
    return all(s.gate == t.gate and all(_same(b, i, k) for i, k in zip(s.args, t.args, strict=True)) for s, t in pairs)


def _same(b: Builder, one: int, other: int) -> bool:
    return one == other or (b.steps[one].gate == b.steps[other].gate == "number" and b.steps[one].text == b.steps[other].text)


def whole(b: Builder, value: Value) -> int | None:
    """The whole number that a value is, literal steps included; None where it is none."""
    if isinstance(value, Known):
        if is_array(value.value) and value.ndim == 0:
            return int(value.value)
        return int(value.value) if isinstance(value.value, int) else None
    return _whole_of_step(b, value, 50) if type(value) is int else None


def _whole_of_step(b: Builder, index: int, depth: int) -> int | None:
    step = b.steps[index]
    if step.gate == "number":
        return int(step.text) if step.text.isdecimal() and len(step.text) < 20 else None
    if depth == 0 or step.gate not in ("copy", "neg", *WHOLE_GATES):
        return None
    args = [n for a in step.args if (n := _whole_of_step(b, a, depth - 1)) is not None]
    if len(args) < len(step.args):
        return None
    if step.gate in WHOLE_GATES:
        found: int | None = WHOLE_GATES[step.gate](*args)
        return found
    return args[0] if step.gate == "copy" else -args[0]


def truncated(b: Builder, value: Value) -> int | None:
    """The whole number that `int(...)` makes of sums, products and quotients of whole numbers, as in `int(1 + (H - HH) / stride)`; None of anything else."""
    if type(value) is not int:
        return whole(b, value)
    found = _quotient_of_step(b, value, 50)
    return None if found is None else math.trunc(found)


def _quotient_of_step(b: Builder, index: int, depth: int) -> Fraction | None:
    """The exact value of a step that is made of whole numbers only."""
    step = b.steps[index]
    if step.gate == "number":
        return Fraction(step.text) if len(step.text) < 20 and (step.text.isdecimal() or step.text.endswith((".0", "."))) else None
    if depth == 0 or step.gate not in _QUOTIENT_GATES:
        return None
    args = [n for a in step.args if (n := _quotient_of_step(b, a, depth - 1)) is not None]
    if len(args) < len(step.args) or (step.gate == "div" and not args[1]):
        return None
    return Fraction(_QUOTIENT_GATES[step.gate](*args))


def compared(gate: str, left: Any, right: Any) -> Any:
    """A comparison of numbers or arrays that are known, as Python makes it."""
    path = GATES[gate].float64
    assert path is not None, gate
    return kernel(path)(left, right)


def truth(b: Builder, value: Value) -> bool | None:
    """Whether a condition holds, where that is known while the Program is built."""
    if isinstance(value, Known):
        return None if is_array(value.value) and value.value.size != 1 else bool(value.value)
    if isinstance(value, tuple | list | dict):
        return bool(value)
    if type(value) is not int:
        return None
    step = b.steps[value]
    if step.gate in COMPARISONS:
        left, right = (whole(b, a) for a in step.args)
        return None if left is None or right is None else bool(compared(step.gate, left, right))
    if step.gate in LOGIC:
        known = [truth(b, a) for a in step.args]
        if None in known:
            return None
        return not known[0] if step.gate == "not" else all(known) if step.gate == "and" else any(known)
    number = whole(b, value)
    return None if number is None else bool(number)


def array(b: Builder, value: Value) -> Array:
    """A value as an array of steps: a number has no axes, a list of arrays one more than they. Raises ArrayError."""
    import numpy as np

    from verifier.circuit import arrays

    if isinstance(value, np.ndarray):
        return value
    if type(value) is int:
        return np.array(value, dtype=np.int64)
    if isinstance(value, Known):
        if isinstance(value.value, np.ndarray):
            return arrays.numbers(b, value.value)
        if isinstance(value.value, range):
            return arrays.numbers(b, np.array(value.value, dtype=np.int64))
        if isinstance(value.value, int):
            return np.array(arrays.literal(b, str(int(value.value))), dtype=np.int64)
    if isinstance(value, Selected):
        raise arrays.ArrayError(MASK_ADVICE)
    if isinstance(value, list | tuple):
        parts = [array(b, v) for v in value]
        shapes = {p.shape for p in parts}
        if len(shapes) > 1:
            raise arrays.ArrayError(f"the elements of a list have different shapes: {' and '.join(sorted(map(str, shapes)))}")
        return np.stack(parts) if parts else np.zeros((0,), dtype=np.int64)
    raise arrays.ArrayError(f"{described(value)} where a number or an array is expected")


def wholes(b: Builder, value: Value) -> Any:
    """A value as an ndarray of whole numbers or truth values that are known; None where it is none."""
    import numpy as np

    if isinstance(value, Known) and isinstance(value.value, np.ndarray):
        return value.value
    if isinstance(value, Known) and isinstance(value.value, range):
        return np.array(value.value, dtype=np.int64)
    if isinstance(value, list | tuple):
        parts = [wholes(b, v) for v in value]
        return None if any(p is None for p in parts) or len({p.shape for p in parts}) > 1 else np.array(parts)
    if isinstance(value, np.ndarray):
        known = [whole(b, i) for i in value.ravel().tolist()]
        return None if None in known else np.array(known, dtype=np.int64).reshape(value.shape)
    if isinstance(value, Known) and isinstance(value.value, bool):
        return np.array(value.value)
    number = whole(b, value)
    return None if number is None else np.array(number)


def settled(value: Value) -> Value:
    """A number where an array has no axes."""
    if is_array(value) and value.ndim == 0:
        return int(value)
    if is_wholes(value) and value.value.ndim == 0:
        return Known(value.value.item())
    return value


def assembled(b: Builder, name: str, elements: Sequence[str]) -> Array | None:
    """The array made of components that were set one by one, or are inputs; None where one is missing. The components' names are removed from `names`."""
    import numpy as np

    shape = b.shapes.get(name) or element_shape(elements)
    if shape is None or len(elements) != int(np.prod(shape)):
        return None
    found = np.zeros(shape, dtype=np.int64)
    for element in elements:
        found[tuple(map(int, element[len(name) + 1 : -1].split(",")))] = b.names.pop(element)
    b.values[name] = found
    b.vectors.discard(name)
    return found


def found_instead(b: Builder, value: Value) -> str:
    """What stands where a whole number should, in words."""
    if type(value) is not int:
        return described(value)
    step = b.steps[value]
    return step.text if step.gate == "number" else "a computed number"


def described(value: Value) -> str:
    """A value in words."""
    if type(value) is int:
        return "a number"
    if is_array(value):
        return f"an array of shape {value.shape}"
    if isinstance(value, Known):
        if is_array(value.value):
            return f"an array of whole numbers of shape {value.value.shape}"
        return f"the text {value.value!r}" if isinstance(value.value, str) else repr(value.value)
    if isinstance(value, Selected):
        return "the part of an array under a mask"
    if isinstance(value, Function):
        return f"the function '{value.tree.name}'"
    kinds: list[tuple[type, str]] = [(tuple, "a tuple"), (list, "a list"), (dict, "a dictionary")]
    return next((words for kind, words in kinds if isinstance(value, kind)), "nothing")
