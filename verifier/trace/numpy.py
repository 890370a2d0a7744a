"""An array for NumPy code that carries steps beside its values: elementwise functions, reductions, views and in-place writes as NumPy has them."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from verifier.circuit import arrays
from verifier.circuit.arrays import Array, ArrayError
from verifier.trace.call_sites import called_method
from verifier.trace.places import PACKAGE, user_frame
from verifier.trace.plain_left import factors, settled
from verifier.trace.plain_written import argument_written, part_written, poison, writes_part
from verifier.trace.record import Refusal, Taken
from verifier.trace.recorder import Recorder

LIBRARIES = tuple(str(p) for p in (np.__path__[0],))  # frames below it are not the user's
MASKED = str(Path(np.ma.__file__).parent)  # frames below it are those of masked arrays
WRITABLE = "make the array that is written into by np.zeros, np.array or np.copy, whose elements may be traced"
SHAPES_ONLY = ("_parse_einsum_input",)  # functions of NumPy that read the shapes of arrays, and not their numbers
CASTS = ("float64", "float32", "float16")
FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # what functions of NumPy mean for traced arrays: `numpy_functions` fills it
UFUNC_METHODS: dict[str, Callable[..., Any]] = {}  # what the methods of a ufunc mean for them: `numpy_ufuncs` fills it
COMPLEX: dict[Any, Callable[..., Any]] = {}  # both, by function and by the name of the method, where a complex number is among the operands: `numpy_complex` fills it
COPYTO = np.copyto  # while code is traced, NumPy's name is of a function that takes lists as well
ADVICE = "give function=, the formula as text, so that the returned numbers can be checked without a trace, or leave this operation out of what is differentiated"


class Traced(NDArrayOperatorsMixin):
    """Values with the steps that they are; both arrays have the same shape and the same memory order, so that a view of one is a view of the other."""

    __array_priority__ = 1000.0

    def __init__(self, steps: Array, value: Any, recorder: Recorder) -> None:
        self.steps, self.value, self.recorder = steps, value, recorder

    # ------------------------------------------------------------ what an array says of itself

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What `isinstance` has it for: the array or the number that stands there without a trace."""
        return np.ndarray if self.value.ndim else type(self.value[()])

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return tuple(self.value.shape)

    @shape.setter
    def shape(self, new: Any) -> None:
        self.steps.shape = self.value.shape = new

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.value.ndim)

    @property
    def size(self) -> int:
        """The number of components."""
        return int(self.value.size)

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.value.dtype

    @property
    def itemsize(self) -> int:
        """The bytes of a component."""
        return int(self.value.itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all components."""
        return int(self.value.nbytes)

    @property
    def strides(self) -> tuple[int, ...]:
        """The bytes from one component to the next, along each axis."""
        return tuple(self.value.strides)

    @property
    def flags(self) -> Any:
        """How the values lie in memory."""
        return self.value.flags

    @property
    def real(self) -> Traced:
        """Itself."""
        return self

    @property
    def imag(self) -> Traced:
        """Zeros."""
        found: Any = np.zeros_like(self)
        return found  # type: ignore[no-any-return]

    @property
    def T(self) -> Traced:  # noqa: N802 - NumPy's name
        """The transpose."""
        return Traced(self.steps.T, self.value.T, self.recorder)

    @property
    def flat(self) -> Flat:
        """The components in C order."""
        return Flat(self)

    @flat.setter
    def flat(self, new: Any) -> None:
        self.flat[:] = new

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Traced]:
        return (self[i] for i in range(len(self.value)))

    def __repr__(self) -> str:
        return f"traced {self.value!r}"

    def __hash__(self) -> int:
        return id(self)

    # ------------------------------------------------------------ Python asks for a value

    def __bool__(self) -> bool:
        if self.size != 1:
            return bool(self.value)  # NumPy's own complaint
        holds = bool(self.value)
        self.here()
        step = arrays.as_truths(self.recorder.builder, self.steps).ravel()[0]
        self.recorder.branch(int(step), holds=holds)
        return holds

    def __float__(self) -> float:
        if self.recorder.depends(self.steps) and self._written_by(sys._getframe(1)):  # noqa: SLF001 - who asks decides
            return math.nan
        return self._taken(float(self.value))

    def __int__(self) -> int:
        return int(self._taken(int(self.value)))

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __format__(self, form: str) -> str:
        return format(self._read()[()], form)

    def __str__(self) -> str:
        return str(self._read())

    def _read(self) -> Any:
        """The values, for a text: which may be made a number again."""
        for number in self.value.ravel()[:1].tolist():
            self._taken(number)
        return self.value

    def _taken(self, number: float) -> float:
        """A number that leaves the array: the trace holds if nothing that is returned depends on it, which is tried afterwards."""
        self.here()
        r = self.recorder
        r.taken.append(Taken(r.place(), float(number)))
        note = f"{r.place() or 'a line'}: a number is taken out of an array; the results hold only where that number is {number!r}"
        r.notes += [note] if note not in r.notes else []
        return number

    def __array__(self, *_: object, **__: object) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001 - who asks decides
        if not self.recorder.depends(self.steps):
            return self.value.copy()
        caller = user_frame()
        if caller is not None and caller.f_code.co_filename.startswith(MASKED):
            self.here()
            raise Refusal("masked arrays are not traced", self.recorder.place(), "write it with np.where and the mask", self.recorder.forward())
        if _reads_shapes_only(frame):
            return np.empty(self.shape, self.dtype)
        if not frame.f_code.co_filename.startswith((PACKAGE, *LIBRARIES)):
            if called_method(frame) == "dot" and self.ndim:
                self.here()
                return factors(self)
            if self._written_by(frame):
                return np.full(self.shape, np.nan)
        raise self.refusal("a compiled function reads the numbers of the array")

    def _written_by(self, frame: FrameType) -> bool:
        """Whether a statement writes this into a part of a plain array, which is a traced one from now on. Raises Refusal where it writes it elsewhere."""
        if not writes_part(frame):
            return False
        self.here()
        r = self.recorder
        r.written_at = r.written_at or r.place()
        if not part_written(frame, self, lambda array: Traced(r.constants(array), array.copy(), r), r.undo):
            raise not_traced(r)
        return True

    def refusal(self, what: str) -> Refusal:
        """What cannot be traced, with its place."""
        self.here()
        return Refusal(what, self.recorder.place(), ADVICE, self.recorder.forward())

    def here(self) -> None:
        """The steps that follow stand where the user's code is."""
        self.recorder.here(user_frame(LIBRARIES))

    # ------------------------------------------------------------ parts

    def __getitem__(self, index: Any) -> Traced:
        index = plain_index(index)
        return Traced(np.asarray(self.steps[index], dtype=np.int64), np.asarray(self.value[index]), self.recorder)

    def __setitem__(self, index: Any, new: Any) -> None:
        self.here()
        r = self.recorder
        mask = index if isinstance(index, Traced) and index.value.dtype == bool else None
        other = lift(r, new)
        if mask is not None:  # where the mask holds; also where it does not, the component depends on it
            if other.ndim and other.shape != self.shape:  # one number for each element that the mask selects: those of this point
                self.steps[frozen(mask)] = arrays.as_numbers(r.builder, other.steps)
                self.value[mask.value] = other.value
                return
            shape = mask.steps.reshape(mask.shape + (1,) * (self.ndim - mask.ndim))
            self.steps[...] = arrays.choose(r.builder, shape, np.broadcast_to(arrays.as_numbers(r.builder, other.steps), self.shape), self.steps)
            self.value[mask.value] = other.value[mask.value] if other.ndim else other.value
            r.done(self.steps, self.value, "a masked assignment")
            return
        index = plain_index(index)
        self.steps[index] = arrays.as_numbers(r.builder, other.steps)
        self.value[index] = other.value

    # ------------------------------------------------------------ functions

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, out: Any = None, where: Any = True, dtype: Any = None, **keywords: Any) -> Any:
        if any(map(_has_ufuncs_of_its_own, operands)):
            return NotImplemented  # a box of autograd
        self.here()
        if where is not True and (method != "__call__" or out is None):
            raise self.refusal(f"np.{ufunc.__name__} with where=" + (" and without out=: where it does not hold nothing is set" if method == "__call__" else ""))
        r, is_complex = self.recorder, are_complex((*operands, dtype, *(out or ())))
        work = (COMPLEX if is_complex else UFUNC_METHODS).get(method)
        if work is None:
            raise self.refusal(f"np.{ufunc.__name__}.{method}{' of complex numbers' if is_complex else ''}")
        try:
            result = work(r, ufunc, *operands, **keywords, **({} if dtype is None else {"dtype": dtype}))
        except ArrayError as error:
            raise self.refusal(str(error)) from None
        if out is None:
            return result
        target = out[0] if isinstance(out, tuple) else out
        if where is True:
            return self.into(target, result)
        FUNCTIONS[COPYTO](r, target, result, where=where)
        return target

    def into(self, target: Any, result: Any) -> Any:
        """What an operation writes in place: `x += y`, or with `out=`."""
        if are_complex((target, result)):
            return COMPLEX["into"](self.recorder, target, result)
        result = lift(self.recorder, result)
        if not isinstance(target, Traced):  # the result takes its place: `a += x` binds the name to it
            if type(target) is not np.ndarray or target.dtype.kind != "f" or not target.flags.writeable or result.shape != target.shape:
                self.here()
                raise not_traced(self.recorder)
            self.recorder.written_at = self.recorder.written_at or self.recorder.place()
            poison(target, self.recorder.undo)
            return result.astype(target.dtype) if result.dtype != target.dtype else result
        target.steps[...] = result.steps
        np.copyto(target.value, result.value, casting="same_kind")
        return target

    def __array_function__(self, function: Any, _: Any, args: Sequence[Any], keywords: dict[str, Any]) -> Any:
        self.here()
        is_complex = are_complex((args, list(keywords.values())))
        found = (COMPLEX if is_complex else FUNCTIONS).get(function)
        if found is None:
            raise self.refusal(f"np.{function.__name__} is not traced yet{' of complex numbers: write the real and the imaginary part out' if is_complex else ''}")
        out = keywords.pop("out", None)
        try:
            result = found(self.recorder, *args, **keywords)
        except ArrayError as error:
            raise self.refusal(str(error)) from None
        return result if out is None or out is np._NoValue else self.into(out, result)  # noqa: SLF001 - NumPy's own mark

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        function = METHODS.get(name)
        if function is None:
            if not hasattr(np.ndarray, name):
                raise AttributeError(f"'numpy.ndarray' object has no attribute '{name}'")
            raise self.refusal(f"the method .{name} of an array is not traced")
        return lambda *args, **keywords: function(self, *args, **keywords)

    def astype(self, dtype: Any, **_: object) -> Any:
        """A copy in another dtype; a narrower one rounds."""
        self.here()
        value = self.value.astype(dtype)
        r, name = self.recorder, value.dtype.name
        if value.dtype.kind == "c":
            return COMPLEX["astype"](r, self, value)
        if value.dtype.kind in "iu":
            if self.value.dtype == bool:
                return wrap(r, arrays.as_numbers(r.builder, self.steps), value, "astype")
            for number in self.value.ravel()[:1].tolist():
                self._taken(number)
            return value
        if value.dtype.kind == "b":
            return wrap(r, arrays.as_truths(r.builder, self.steps), value, "astype")
        steps = arrays.as_numbers(r.builder, self.steps)
        if name in CASTS and self.value.dtype.kind == "f" and value.dtype.itemsize < self.value.dtype.itemsize:
            steps = arrays.elementwise(r.builder, name, steps)
        return wrap(r, steps.copy(), value, "astype")

    def copy(self, order: Any = "C") -> Traced:
        """A copy, whose steps have the name that the statement assigns."""
        self.here()
        b = self.recorder.builder
        steps = b.append_all("copy", [(i,) for i in self.steps.ravel().tolist()], self.size)
        return wrap(self.recorder, np.arange(steps.start, steps.stop).reshape(self.shape), self.value.copy(order), "copy")

    def __copy__(self) -> Traced:
        return self.copy()

    def __deepcopy__(self, _: object) -> Traced:
        return self.copy()

    def reshape(self, *shape: Any, order: Any = "C") -> Traced:
        """The same components in another shape."""
        wanted = shape[0] if len(shape) == 1 else shape
        return Traced(np.reshape(self.steps, wanted, order=order), np.reshape(self.value, wanted, order=order), self.recorder)

    def item(self, *index: Any) -> Traced:
        """The only component, or one of them: still traced."""
        return self.reshape(-1)[index[0] if len(index) == 1 else 0] if len(index) < 2 else self[index]

    def fill(self, new: Any) -> None:
        """Set all components."""
        self[...] = new


def _has_ufuncs_of_its_own(value: Any) -> bool:
    """Whether an operand is of a type that says itself what ufuncs mean for it, and not one of those that are traced."""
    own = getattr(type(value), "__array_ufunc__", None)
    return own is not None and own is not np.ndarray.__array_ufunc__ and not issubclass(type(value), NDArrayOperatorsMixin | np.ndarray | np.generic)


def _reads_shapes_only(frame: FrameType) -> bool:
    """Whether a function of NumPy, or a comprehension in one, reads the shapes of arrays and not their numbers."""
    asking = frame.f_back if frame.f_code.co_name.startswith("<") and frame.f_back is not None else frame
    return asking.f_code.co_name in SHAPES_ONLY and asking.f_code.co_filename.startswith(LIBRARIES)


class Flat:
    """`x.flat`: the components in C order, which may be read and written."""

    def __init__(self, array: Traced) -> None:
        self.array = array

    def __iter__(self) -> Iterator[Traced]:
        return iter(self.array.reshape(-1))

    def __len__(self) -> int:
        return self.array.size

    def __getitem__(self, index: Any) -> Traced:
        return self.array.reshape(-1)[index]

    def __setitem__(self, index: Any, new: Any) -> None:
        at = np.unravel_index(np.arange(self.array.size)[plain_index(index)], self.array.shape)
        self.array[at] = new


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)
    def call(array: Traced, *args: Any, **keywords: Any) -> Any:
        return function(array, *args, **keywords)

    return call


METHODS: dict[str, Callable[..., Any]] = {
    name: _method(name)
    for name in ("sum", "mean", "var", "std", "max", "min", "prod", "cumsum", "cumprod", "argmax", "argmin", "dot", "ravel", "squeeze", "swapaxes", "repeat", "clip",
                 "any", "all", "trace", "take", "argsort", "round", "diagonal", "nonzero")
}  # fmt: skip
METHODS["transpose"] = lambda array, *axes: np.transpose(array, axes[0] if len(axes) == 1 else axes or None)
METHODS["flatten"] = lambda array, *_: array.copy().reshape(-1)
METHODS["tolist"] = lambda array: [v.tolist() if v.ndim else v for v in array] if array.ndim else array
METHODS["conj"] = METHODS["conjugate"] = METHODS["view"] = lambda array, *_: array


# ---------------------------------------------------------------- from values to steps


def wrap(r: Recorder, steps: Any, value: Any, what: str = "", *, read: bool = True) -> Traced:
    """A result: its steps in the memory order of its value; the value is read where it is made of numbers."""
    value = np.asarray(value)
    found = np.empty_like(value, dtype=np.int64, subok=False)
    found[...] = steps
    r.done(found, value if read and value.dtype.kind == "f" else None, what)
    return Traced(found, value, r)


def lift(r: Recorder, value: Any) -> Traced:
    """Anything that NumPy takes as an array, with steps: data are constants, Python's numbers and lists of them are as they were written."""
    value = settled(value)
    if isinstance(value, Traced):
        return value
    if isinstance(value, bool | int | np.integer | np.bool_):
        return Traced(np.array(arrays.literal(r.builder, str(int(value)))), np.asarray(value), r)
    if isinstance(value, float) or (isinstance(value, np.floating) and value.dtype == r.dtype):  # np.float64 is a float
        return Traced(np.array(r.number(value)), np.asarray(value), r)
    if isinstance(value, list | tuple):
        parts = [lift(r, v) for v in value]
        if parts and any(isinstance(v, Traced) for v in _leaves(value)):
            return Traced(np.stack([p.steps for p in parts]), np.stack([p.value for p in parts]), r)
        if any(isinstance(v, float) for v in _leaves(value)) and all(isinstance(v, float | int) for v in _leaves(value)):
            return Traced(r.numbers(value), np.asarray(value), r)
    if are_complex(value):
        raise Refusal("complex numbers where only real ones are traced", r.place(), "write the real and the imaginary part out, or " + ADVICE, r.forward())
    data = np.asarray(value)
    if data.dtype.kind not in "buif":
        raise Refusal(f"an array of dtype {data.dtype} among the numbers", r.place(), ADVICE, r.forward())
    return Traced(r.constants(data), data, r)


def are_complex(value: Any) -> bool:
    """Whether a value, or one of a list, is a complex number, or an array of such; or a dtype of them."""
    if isinstance(value, list | tuple):
        return any(map(are_complex, value))
    if isinstance(value, Traced) or value is None:
        return False
    return isinstance(value, complex) or value is complex or getattr(getattr(value, "dtype", value), "kind", "") == "c"


def not_traced(r: Recorder) -> Refusal:
    """Why traced values cannot be written into a plain array."""
    return Refusal("traced values are written into an array that is not traced", r.place(), WRITABLE, r.forward())


def written_argument(r: Recorder, array: Any) -> Traced:
    """The traced array in the place of a plain one that the user's code gives to a function which writes into it. Raises Refusal where that cannot be."""
    if isinstance(array, Traced):
        return array
    r.written_at = r.written_at or r.place()
    found = argument_written(user_frame(LIBRARIES), array, lambda plain: Traced(r.constants(plain), plain.copy(), r), r.undo)
    if found is None:
        raise not_traced(r)
    return found  # type: ignore[no-any-return]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for v in value:
            yield from _leaves(v)
    else:
        yield value


def plain_index(index: Any) -> Any:
    """A subscript for both arrays; a mask or an index that depends on values counts as it is at the point."""
    if isinstance(index, tuple):
        return tuple(plain_index(i) for i in index)
    if isinstance(index, Traced):
        if index.value.dtype.kind not in "biu":
            raise index.refusal("an array of floats is a subscript")
        index.here()
        frozen(index)
        return index.value
    return index


def frozen(condition: Traced) -> Any:
    """The value of a condition or an index, which then decides the path of the code."""
    r = condition.recorder
    for step, holds in zip(condition.steps.ravel().tolist(), condition.value.ravel().tolist(), strict=True):
        if condition.value.dtype == bool and r.builder.boolean(step):
            r.branch(int(step), holds=bool(holds))
    return condition.value


def bare(operand: Any) -> Any:
    """The value of a traced array; anything else as it is."""
    return operand.value if isinstance(operand, Traced) else operand


def axis_of(axis: Any) -> Any:
    """An axis as the functions of arrays take it."""
    return axis if axis is None else tuple(operator.index(a) for a in axis) if isinstance(axis, tuple | list) else operator.index(axis)
