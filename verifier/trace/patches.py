"""While code is traced: functions that make arrays make traced ones, and those of `math` take traced numbers. Afterwards all is as before."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from verifier.circuit import arrays
from verifier.language.gates import GATES, canonical
from verifier.trace.call_sites import calls
from verifier.trace.numpy import ADVICE, FUNCTIONS, LIBRARIES, Traced, _leaves, are_complex, lift, wrap
from verifier.trace.numpy_complex import TracedComplex, lift_complex
from verifier.trace.numpy_compositions import in_columns, in_rows, vectorized
from verifier.trace.numpy_functions import JOINS
from verifier.trace.places import PACKAGE, user_frame
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

MAKERS = ("zeros", "ones", "empty", "full", "eye", "identity")
TAKERS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "copy")
OF_ARRAYS = (np.select, np.piecewise, np.block, np.broadcast_arrays, np.linalg.multi_dot)  # functions of lists of arrays, which NumPy asks each of them about
MATH = {"fabs": "abs", "pow": "pow"}


def _is_user(name: str, function: Any, depth: int = 2) -> bool:
    """Whether Python code outside of NumPy and of this package calls a function: compiled code would take what is no ndarray for one, and crash."""
    frame = sys._getframe(depth)  # noqa: SLF001 - who calls decides
    return not frame.f_code.co_filename.startswith((PACKAGE, *LIBRARIES)) and calls(frame, name, function)


def _maker(r: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:
    """`np.zeros` and the like: an array of floats that the code makes is one that it may write into."""

    def make(*args: Any, **keywords: Any) -> Any:
        if not _is_user(original.__name__, make):
            return original(*args, **keywords)
        plain = [a.value if isinstance(a, Traced) else a for a in args]
        made = original(*plain, **{k: v.value if isinstance(v, Traced) else v for k, v in keywords.items()})
        if made.dtype.kind not in "fc":
            return made
        r.here(user_frame(LIBRARIES))
        if made.dtype.kind == "c":
            return lift_complex(r, np.zeros_like(made) if original is np_originals["empty"] else args[1] if original is np_originals["full"] and np.ndim(args[1]) else made).copy()
        if original is np_originals["full"]:
            fill = args[1] if len(args) > 1 else keywords["fill_value"]
            return Traced(np.full(made.shape, int(lift(r, fill).steps)) if np.ndim(getattr(fill, "value", fill)) == 0 else np.broadcast_to(lift(r, fill).steps, made.shape).copy(), made, r)
        if original is np_originals["empty"]:
            made = np.zeros_like(made)
        return Traced(r.constants(made), made, r)

    return make


def _taker(r: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:
    """`np.array` and the like: of traced values, or of lists that hold some."""

    def take(value: Any, *args: Any, **keywords: Any) -> Any:
        if not _is_user(original.__name__, take):
            return original(value, *args, **keywords)
        if isinstance(value, TracedComplex) or (_holds_traced(value) and are_complex(value)):
            r.here(user_frame(LIBRARIES))
            return lift_complex(r, value).copy()
        if isinstance(value, Traced) or any(isinstance(v, Traced) for v in _leaves(value)):
            r.here(user_frame(LIBRARIES))
            found = lift(r, value)
            dtype = keywords.get("dtype", args[0] if args else None)
            if dtype is not None and np.dtype(dtype) != found.dtype:
                return found.astype(dtype)
            return found.copy() if original.__name__ in ("array", "copy") else found
        made = original(value, *args, **keywords)
        if original.__name__ in ("array", "copy") and made.dtype.kind == "f":  # the code may write into it
            r.here(user_frame(LIBRARIES))
            return Traced(lift(r, value).steps if isinstance(value, list | tuple) and value else r.constants(made), made, r)
        return made

    return take


def _of_math(r: Recorder, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    gate = MATH.get(name) or canonical(name)

    def call(*args: Any) -> Any:
        if not any(isinstance(a, Traced) for a in args):
            return original(*args)
        r.here(user_frame(LIBRARIES))
        if gate is None or len(GATES[gate].parameters) != len(args):
            raise Refusal(f"math.{name} has no counterpart in the language", r.place(), ADVICE, r.forward())
        parts = [lift(r, a) for a in args]
        value = original(*(float(p.value) for p in parts))
        return wrap(r, arrays.elementwise(r.builder, gate, *(p.steps for p in parts)), np.float64(value), f"math.{name}")

    return call


class _NumberType(type):
    """`float` in the user's code: a traced number is one, and stays what it is."""

    def __call__(cls, *args: Any) -> Any:
        """The number."""
        if len(args) == 1 and isinstance(args[0], Traced) and args[0].size == 1:
            return args[0].reshape(())
        return float(*args)

    def __instancecheck__(cls, value: object) -> bool:
        """Whether it is a float."""
        return isinstance(value, float)

    def __subclasscheck__(cls, other: type) -> bool:
        """Whether all of a type are floats."""
        return issubclass(other, float)

    def __eq__(cls, other: object) -> bool:
        """Whether it is `float` itself."""
        return other is cls or other is float

    def __hash__(cls) -> int:
        """That of `float`."""
        return hash(float)


_number = _NumberType("float", (float,), {"dtype": np.dtype(float)})


def _holds_traced(value: Any) -> bool:
    """Whether a list holds traced numbers, which NumPy does not ask the elements of."""
    return isinstance(value, list | tuple) and any(isinstance(v, Traced | TracedComplex) for v in _leaves(value))


def _of_lists(r: Recorder, original: Any) -> Any:
    """A function of arrays that is given a list of traced numbers: NumPy asks arrays what it means for them, and not the elements of a list."""
    joins = original in JOINS

    def call(*args: Any, **keywords: Any) -> Any:
        def lifted(value: Any) -> Any:
            return (lift_complex if are_complex(value) else lift)(r, value) if _holds_traced(value) else value

        if joins and args and isinstance(args[0], list | tuple) and original is not np.append:  # of each of its arrays, which may have other shapes
            return original([lifted(v) for v in args[0]], *args[1:], **keywords)
        return original(*map(lifted, args), **{k: lifted(v) for k, v in keywords.items()})

    return call


class _OfLists:
    """A ufunc that takes lists of traced numbers as well, as do its methods."""

    def __init__(self, r: Recorder, original: Any) -> None:
        self._call, self._recorder, self._original = _of_lists(r, original), r, original

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._call(*args, **keywords)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """A ufunc."""
        return np.ufunc

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        return _of_lists(self._recorder, found) if callable(found) else found


def _of_numbers(r: Recorder, original: Any) -> Any:
    """`np.fromiter` of traced numbers."""

    def call(numbers: Any, *args: Any, **keywords: Any) -> Any:
        listed = list(numbers)
        if not _holds_traced(listed):
            return original(listed, *args, **keywords)
        r.here(user_frame(LIBRARIES))
        dtype = keywords.get("dtype", args[0] if args else None)
        found = lift(r, listed)
        return found if np.dtype(dtype) == found.dtype else found.astype(dtype)

    return call


def _methods(r: Recorder) -> list[tuple[Any, str, Any]]:
    """Methods of NumPy's own classes that take traced arrays meanwhile: (class, name, what takes its place)."""
    joiner: Any = type(np.r_).__mro__[1]
    vectorize, joined = np.vectorize.__call__, joiner.__getitem__

    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        if not any(isinstance(a, Traced) for a in args) or self.signature is not None or self.excluded:
            return vectorize(self, *args, **keywords)
        r.here(user_frame(LIBRARIES))
        return vectorized(r, self.pyfunc, args, keywords)

    def item(self: Any, parts: Any) -> Any:
        if not any(isinstance(p, Traced) for p in _leaves(parts)):
            return joined(self, parts)
        r.here(user_frame(LIBRARIES))
        return (in_columns if self is np.c_ else in_rows)(r, parts)

    return [(np.vectorize, "__call__", call), (joiner, "__getitem__", item)]


def _one_by_one(name: str, original: Any) -> Any:
    """`np.nditer` and `np.ndenumerate` of a traced array."""

    def walk(array: Any, *args: Any, **keywords: Any) -> Any:
        if not isinstance(array, Traced) or args or keywords:
            return original(array, *args, **keywords)
        return ((i, array[i]) for i in np.ndindex(*array.shape)) if name == "ndenumerate" else iter(array.flat)

    return walk


def _strided(r: Recorder, original: Any) -> Any:
    """`as_strided` of a traced array: a view of its values, and the same view of its steps."""

    def view(x: Any, shape: Any = None, strides: Any = None, **keywords: Any) -> Any:
        if not isinstance(x, Traced):
            return original(x, shape, strides, **keywords)
        r.here(user_frame(LIBRARIES))
        value, steps = x.value, x.steps
        found = original(value, shape, strides, **keywords)
        unit, own = value.itemsize, steps.itemsize
        (low, high), (first, end) = byte_bounds(value), byte_bounds(found)
        if first < low or end > high or any(s % unit for s in found.strides) or [s * unit for s in steps.strides] != [s * own for s in value.strides]:
            raise Refusal("as_strided with numbers that are not those of its array", r.place(), "write it with np.lib.stride_tricks.sliding_window_view", r.forward())
        return Traced(original(steps, found.shape, [s // unit * own for s in found.strides], **keywords), found, r)

    return view


np_originals: dict[str, Any] = {name: getattr(np, name) for name in (*MAKERS, *TAKERS)}


@contextmanager
def patched(r: Recorder, modules: Iterable[ModuleType | dict[str, Any]] = ()) -> Iterator[None]:
    """Within it, code that calls NumPy and `math` makes steps. `modules` are the user's own, whose names may be these functions."""
    replaced: dict[int, Any] = {}
    for name in MAKERS:
        replaced[id(np_originals[name])] = _maker(r, np_originals[name])
    for name in TAKERS:
        replaced[id(np_originals[name])] = _taker(r, np_originals[name])
    for function in FUNCTIONS:
        if function not in OF_ARRAYS and id(function) not in replaced:
            replaced[id(function)] = _of_lists(r, function)
    replaced[id(np.fromiter)] = _of_numbers(r, np.fromiter)
    for name, original in vars(math).items():
        if callable(original) and not name.startswith("_"):
            replaced[id(original)] = _of_math(r, name, original)
    replaced[id(as_strided)] = _strided(r, as_strided)
    spaces = [vars(np), vars(np.linalg), vars(np.fft), vars(np.lib.stride_tricks), vars(math), *(m if isinstance(m, dict) else vars(m) for m in modules)]
    for name in ("nditer", "ndenumerate"):
        replaced[id(getattr(np, name))] = _one_by_one(name, getattr(np, name))
    undo: list[tuple[dict[str, Any], str, Any]] = []
    methods = [(owner, name, getattr(owner, name)) for owner, name, _ in _methods(r)]
    own = [m for m in modules if isinstance(m, dict) and "float" not in m]
    try:
        for owner, name, new in _methods(r):
            setattr(owner, name, new)
        for space in own:
            space["float"] = _number
        for space in {id(s): s for s in spaces}.values():
            for name, value in list(space.items()):
                if type(value) is np.ufunc:
                    replaced.setdefault(id(value), _OfLists(r, value))
                if id(value) in replaced:
                    undo.append((space, name, value))
                    space[name] = replaced[id(value)]
        yield
    finally:
        for space, name, value in undo:
            space[name] = value
        for space in own:
            space.pop("float", None)
        for owner, name, value in methods:
            setattr(owner, name, value)
        while r.undo:
            r.undo.pop()()
