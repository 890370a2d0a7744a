"""Arrays of complex numbers in NumPy code: their real and imaginary parts as two traced arrays, and Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace import complex_pairs, fourier
from verifier.trace.complex_pairs import FUNCTIONS_OF_ONE, Pair, RealOrComplex, stacked
from verifier.trace.matrices import Steps
from verifier.trace.numpy import ADVICE, COMPLEX, FUNCTIONS, Traced, are_complex, bare, lift, not_traced, wrap
from verifier.trace.numpy_functions import ASKED, JOINS, MOVES
from verifier.trace.plain_left import settled
from verifier.trace.record import Refusal
from verifier.trace.recorder import Recorder

PARTS_OUT = "write the real and the imaginary part out, or "


class TracedComplex(NDArrayOperatorsMixin):
    """Complex numbers with their steps: two traced arrays of the same shape."""

    __array_priority__ = 1001.0

    def __init__(self, re: Traced, im: Traced) -> None:
        self.re, self.im = re, im

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What `isinstance` has it for: the array or the number that stands there without a trace."""
        return np.ndarray if self.re.ndim else type(self.value[()])

    @property
    def value(self) -> Any:
        """The complex numbers."""
        found = np.empty(self.re.shape, dtype=np.complex64 if self.re.dtype == np.float32 else np.complex128)
        found.real, found.imag = self.re.value, self.im.value
        return found

    @property
    def recorder(self) -> Recorder:
        """What records the steps."""
        return self.re.recorder

    @property
    def pair(self) -> Pair:
        """The steps."""
        return Pair(self.re.steps, self.im.steps)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.re.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.re.ndim

    @property
    def size(self) -> int:
        """The number of components."""
        return self.re.size

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.value.dtype

    @property
    def T(self) -> TracedComplex:  # noqa: N802 - NumPy's name
        """The transpose."""
        return TracedComplex(self.re.T, self.im.T)

    @property
    def real(self) -> Traced:
        """The real part, which may be written into."""
        return self.re

    @real.setter
    def real(self, new: Any) -> None:
        self.re[...] = new

    @property
    def imag(self) -> Traced:
        """The imaginary part, which may be written into."""
        return self.im

    @imag.setter
    def imag(self, new: Any) -> None:
        self.im[...] = new

    def __len__(self) -> int:
        return len(self.re)

    def __iter__(self) -> Iterator[TracedComplex]:
        return (self[i] for i in range(len(self.re)))

    def __repr__(self) -> str:
        return f"traced {self.value!r}"

    def __hash__(self) -> int:
        return id(self)

    def __complex__(self) -> complex:
        raise self.refusal("a complex number is taken out of an array")

    def __array__(self, *_: object, **__: object) -> Any:
        if not self.recorder.depends(stacked(self.pair)):
            return self.value
        raise self.refusal("a compiled function reads complex numbers of an array")

    def refusal(self, what: str) -> Refusal:
        """What cannot be traced, with its place."""
        return self.re.refusal(what)

    def __getitem__(self, index: Any) -> TracedComplex:
        return TracedComplex(self.re[index], self.im[index])

    def __setitem__(self, index: Any, new: Any) -> None:
        part = lift_complex(self.recorder, new)
        self.re[index], self.im[index] = part.re, part.im

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, out: Any = None, where: Any = True, **keywords: Any) -> Any:
        if where is not True:
            raise self.refusal(f"np.{ufunc.__name__} of complex numbers with where=")
        return Traced.__array_ufunc__(self.re, ufunc, method, *operands, out=out, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], keywords: dict[str, Any]) -> Any:
        return Traced.__array_function__(self.re, function, types, args, keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("conj", "conjugate"):
            return lambda: np.conjugate(self)
        if name in BY_METHOD:
            return lambda *args, **keywords: TracedComplex(getattr(self.re, name)(*args, **keywords), getattr(self.im, name)(*args, **keywords))
        if name == "dot":
            return lambda other: np.dot(self, other)
        if not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute '{name}'")
        raise self.refusal(f"the method .{name} of an array of complex numbers is not traced")

    def astype(self, dtype: Any, **_: object) -> Any:
        """A copy in another dtype; real ones drop the imaginary part."""
        kind = np.dtype(dtype)
        part = np.float32 if kind == np.complex64 else np.float64 if kind.kind == "c" else kind
        return TracedComplex(self.re.astype(part), self.im.astype(part)) if kind.kind == "c" else self.re.astype(part)


BY_METHOD = frozenset("sum mean cumsum ravel squeeze swapaxes repeat transpose flatten trace take diagonal reshape copy item fill".split())


def lift_complex(r: Recorder, value: Any) -> TracedComplex:
    """Anything that NumPy takes as an array, as complex numbers with steps: data are constants, Python's numbers are as they were written."""
    value = settled(value)
    if isinstance(value, TracedComplex):
        return value
    if not are_complex(value):
        part = lift(r, value)
        return TracedComplex(part, part.imag)
    if isinstance(value, list | tuple):
        parts = [lift_complex(r, v) for v in value]
        return TracedComplex(np.stack([p.re for p in parts]), np.stack([p.im for p in parts]))  # type: ignore[arg-type]
    if isinstance(value, complex):
        return TracedComplex(lift(r, value.real), lift(r, value.imag))
    data = np.asarray(value)
    return TracedComplex(lift(r, data.real), lift(r, data.imag))


def _numbers(r: Recorder, value: Any) -> RealOrComplex:
    """The steps of an operand: a pair where it is complex."""
    return lift_complex(r, value).pair if are_complex(value) else arrays.as_numbers(r.builder, lift(r, value).steps)


def _plain(value: Any) -> Any:
    """The values of an operand."""
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value.value if isinstance(value, TracedComplex) else bare(value)


def _wrapped(r: Recorder, found: RealOrComplex, value: Any, what: str) -> Any:
    """A result: its steps beside NumPy's values."""
    value = np.asarray(value)
    if not isinstance(found, Pair):
        return wrap(r, found, value, what)
    steps = stacked(Pair(*(np.broadcast_to(p, value.shape) for p in (found.re, found.im))))
    parts = np.stack([value.real, value.imag], axis=-1)
    r.done(steps, parts, what)
    return TracedComplex(*(Traced(steps[..., k].copy(), parts[..., k].copy(), r) for k in (0, 1)))


# ---------------------------------------------------------------- ufuncs

UFUNCS: dict[str, Callable[..., RealOrComplex]] = {
    **FUNCTIONS_OF_ONE, "add": complex_pairs.plus, "subtract": complex_pairs.minus, "multiply": complex_pairs.times, "divide": complex_pairs.over,
    "negative": complex_pairs.negative, "positive": complex_pairs.as_pair, "conjugate": complex_pairs.conjugate, "absolute": complex_pairs.size_of, "sign": complex_pairs.direction,
    "power": complex_pairs.power, "float_power": complex_pairs.power, "equal": complex_pairs.equal, "not_equal": partial(complex_pairs.equal, unequal=True),
    "reciprocal": lambda t, a: complex_pairs.over(t, t(1), a), "expm1": lambda t, a: complex_pairs.minus(t, complex_pairs.exp(t, a), t(1)),
    "log1p": lambda t, a: complex_pairs.log(t, complex_pairs.plus(t, a, t(1))),
}  # fmt: skip
BY_PARTS = ("add", "subtract")  # ufuncs whose other methods act on real and imaginary parts alike


def _elementwise(r: Recorder, ufunc: Any, *operands: Any, **_: object) -> Any:
    """A ufunc on every component."""
    name = ufunc.__name__
    if name in ("isnan", "isinf", "isfinite"):
        return ufunc(*map(_plain, operands))
    if name == "matmul":
        return _product(np.matmul)(r, *operands)
    if name not in UFUNCS:
        raise Refusal(f"np.{name} of complex numbers is not traced", r.place(), PARTS_OUT + ADVICE, r.forward())
    t, value = Steps(r), ufunc(*map(_plain, operands))
    if name == "power" and isinstance(operands[1], int | np.integer):
        return _wrapped(r, complex_pairs.whole_power(t, _numbers(r, operands[0]), int(operands[1])), value, "np.power")
    return _wrapped(r, UFUNCS[name](t, *(_numbers(r, o) for o in operands)), value, f"np.{name}")


def _method(name: str) -> Callable[..., Any]:
    """A method of a ufunc that acts on both parts alike."""

    def call(r: Recorder, ufunc: Any, array: Any, *args: Any, **keywords: Any) -> Any:
        if ufunc.__name__ not in BY_PARTS:
            raise Refusal(f"np.{ufunc.__name__}.{name} of complex numbers is not traced", r.place(), PARTS_OUT + ADVICE, r.forward())
        both, new = lift_complex(r, array), [lift_complex(r, a) if are_complex(a) else a for a in args]
        kept = {k: v for k, v in keywords.items() if k != "dtype"}
        parts = [getattr(ufunc, name)(p, *(getattr(a, side) if isinstance(a, TracedComplex) else a for a in new), **kept) for side, p in (("re", both.re), ("im", both.im))]
        return None if parts[0] is None else TracedComplex(*parts)

    return call


def _outer(r: Recorder, ufunc: Any, left: Any, right: Any, **_: object) -> Any:
    a, b = lift_complex(r, left), lift_complex(r, right)
    return _elementwise(r, ufunc, a.reshape(a.shape + (1,) * b.ndim), b)


def into(r: Recorder, target: Any, result: Any) -> Any:
    """What an operation writes in place: `z += w`, or with `out=`."""
    target = target[0] if isinstance(target, tuple) else target
    if not isinstance(target, TracedComplex):
        raise not_traced(r)
    target[...] = result
    return target


def _of_real(_: Recorder, array: Traced, value: Any) -> TracedComplex:
    """A real array as a complex one."""
    part = np.float32 if value.dtype == np.complex64 else np.float64
    re = array.astype(part)
    return TracedComplex(re, re.imag)


COMPLEX.update({"__call__": _elementwise, "outer": _outer, "into": into, "astype": _of_real})
COMPLEX.update({name: _method(name) for name in ("reduce", "accumulate", "reduceat", "at")})


# ---------------------------------------------------------------- functions of arrays


def _each_part(function: Any) -> Callable[..., Any]:
    """A function whose first argument is moved or summed, on both parts alike."""

    def call(r: Recorder, array: Any, *args: Any, **keywords: Any) -> Any:
        both = lift_complex(r, array)
        parts = [FUNCTIONS[function](r, p, *args, **keywords) for p in (both.re, both.im)]
        return [TracedComplex(a, b) for a, b in zip(*parts, strict=True)] if isinstance(parts[0], list | tuple) else TracedComplex(*parts)

    return call


def _joined(function: Any) -> Callable[..., Any]:
    appends = function is np.append

    def call(r: Recorder, group: Any, *args: Any, **keywords: Any) -> Any:
        listed, rest = ((group, args[0]), args[1:]) if appends else (group, args)
        both = [lift_complex(r, v) for v in listed]
        sides = ([p.re for p in both], [p.im for p in both])
        return TracedComplex(*(FUNCTIONS[function](r, *side, *rest, **keywords) if appends else FUNCTIONS[function](r, side, *rest, **keywords) for side in sides))

    return call


def _product(function: Any) -> Callable[..., Any]:
    """A product that is linear in two arrays; the first one's conjugate where NumPy takes it."""
    conjugates = function is np.vdot

    def call(r: Recorder, left: Any, right: Any, *args: Any, **keywords: Any) -> Any:
        a, b = (lift_complex(r, v) if are_complex(v) else lift(r, v) for v in (left, right))
        a = np.conjugate(a) if conjugates and isinstance(a, TracedComplex) else a  # type: ignore[assignment]

        def real(x: Any, y: Any) -> Any:
            return function(x, y, *args, **keywords)

        if not isinstance(a, TracedComplex):
            return TracedComplex(real(a, b.re), real(a, b.im))
        if not isinstance(b, TracedComplex):
            return TracedComplex(real(a.re, b), real(a.im, b))
        return TracedComplex(real(a.re, b.re) - real(a.im, b.im), real(a.re, b.im) + real(a.im, b.re))

    return call


def _einsum(r: Recorder, subscripts: Any, *operands: Any, **keywords: Any) -> Any:
    if not isinstance(subscripts, str) or len(operands) > 2:
        raise Refusal("np.einsum of complex numbers with other than a text and two arrays", r.place(), PARTS_OUT + ADVICE, r.forward())
    if len(operands) == 1:
        both = lift_complex(r, operands[0])
        return TracedComplex(*(np.einsum(subscripts, p, **keywords) for p in (both.re, both.im)))

    def einsum(a: Any, b: Any) -> Any:
        return np.einsum(subscripts, a, b, **keywords)

    return _product(einsum)(r, *operands)


def _where(r: Recorder, condition: Any, a: Any, other: Any) -> TracedComplex:
    first, second = lift_complex(r, a), lift_complex(r, other)
    return TracedComplex(*(FUNCTIONS[WHERE](r, condition, x, y) for x, y in ((first.re, second.re), (first.im, second.im))))


def _prod(r: Recorder, array: Any, axis: Any = None, keepdims: Any = False, **_: object) -> Any:
    both: Any = lift_complex(r, array)
    if isinstance(axis, tuple):
        raise Refusal("np.prod of complex numbers along several axes", r.place(), PARTS_OUT + ADVICE, r.forward())
    rows = both.reshape(-1) if axis is None else np.moveaxis(both, axis, 0)
    found = rows[0]
    for k in range(1, len(rows)):
        found = found * rows[k]
    return np.expand_dims(found, tuple(range(both.ndim)) if axis is None else axis) if keepdims is True else found


def _norm(r: Recorder, array: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's order
    both = lift_complex(r, array)
    if ord not in (None, 2, "fro") or (ord == 2 and both.ndim > 1 and not isinstance(axis, int)):
        raise Refusal(f"np.linalg.norm of complex numbers with ord={ord!r}", r.place(), PARTS_OUT + ADVICE, r.forward())
    return np.sqrt((both.re * both.re + both.im * both.im).sum(axis=axis, keepdims=keepdims))


def _angle(r: Recorder, array: Any, deg: bool = False) -> Any:
    both = lift_complex(r, array)
    found = wrap(r, complex_pairs.angle(Steps(r), both.pair), np.angle(both.value), "np.angle")
    return found * (180.0 / np.pi) if deg else found


WHERE = np.where
for _function in (*MOVES, np.sum, np.mean, np.cumsum, np.diff, np.trace, np.tril, np.triu, np.diag, np.copy, np.zeros_like, np.split, np.array_split, np.hsplit, np.vsplit, np.pad):
    COMPLEX[_function] = _each_part(_function)
for _function in JOINS:
    COMPLEX[_function] = _joined(_function)
for _function in (np.dot, np.inner, np.vdot, np.outer, np.tensordot, np.kron):
    COMPLEX[_function] = _product(_function)
for _function in ASKED:
    COMPLEX[_function] = lambda _, *args, f=_function, **keywords: f(*map(_plain, args), **keywords)
COMPLEX.update({np.einsum: _einsum, np.where: _where, np.linalg.norm: _norm, np.angle: _angle, np.prod: _prod})
COMPLEX[np.real], COMPLEX[np.imag] = lambda r, z: lift_complex(r, z).re, lambda r, z: lift_complex(r, z).im
FUNCTIONS[np.imag] = lambda r, x: np.zeros_like(lift(r, x))
FUNCTIONS[np.angle] = _angle


# ---------------------------------------------------------------- Fourier transforms


def _cut(t: Steps, a: Pair, axis: int, length: int) -> Pair:
    """An axis cut or filled with zeros to a length."""

    def one(steps: Array) -> Array:
        kept = np.moveaxis(steps, axis, 0)[:length]
        missing = length - len(kept)
        whole = np.concatenate([kept, np.broadcast_to(t(0), (missing, *kept.shape[1:]))]) if missing else kept
        return np.moveaxis(whole, 0, axis)

    return Pair(one(a.re), one(a.im))


def _transformed(r: Recorder, function: Any, a: Any, axes: Sequence[int], lengths: Sequence[Any], norm: Any, value: Any) -> Any:
    """A transform of NumPy along these axes, cut or filled to these lengths (None: as they are)."""
    name = str(function.__name__)
    inverse, halves = name.lstrip("r").startswith("i"), "rfft" in name
    t, both = Steps(r), lift_complex(r, a)
    sizes = [both.shape[k] if w is None else int(w) for k, w in zip(axes, lengths, strict=True)]
    if halves and inverse and lengths[-1] is None:
        sizes[-1] = 2 * (both.shape[axes[-1]] - 1)
    pair = both.pair
    for k, size in zip(axes, sizes, strict=True):
        pair = _cut(t, pair, k, size // 2 + 1 if halves and inverse and k == axes[-1] else size)
    found: RealOrComplex
    if halves:
        found = fourier.from_half_spectrum(t, pair, axes, sizes[-1]) if inverse else fourier.half_spectrum(t, pair, axes)
    else:
        found = fourier.transformed_all(t, pair, axes, sign=1 if inverse else -1)
    count = int(np.prod(sizes))
    if norm == "ortho":
        found = fourier.scaled(t, found, t.gate("sqrt", count))
    elif inverse != (norm == "forward"):
        found = fourier.scaled(t, found, t(count))
    return _wrapped(r, found, value, f"np.fft.{name}")


def _along_one(function: Any) -> Callable[..., Any]:
    """The row of a transform along one axis."""

    def call(r: Recorder, a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
        _no_out(r, function, out)
        return _transformed(r, function, a, [axis % np.ndim(a)], [n], norm, function(_plain(a), n, axis, norm))

    return call


def _along_several(function: Any) -> Callable[..., Any]:
    """The row of a transform along several axes: the last two, or all."""
    default = (-2, -1) if function.__name__.endswith("2") else None

    def call(r: Recorder, a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        _no_out(r, function, out)
        ndim = np.ndim(a)
        known = axes if axes is not None else range(ndim) if s is None else range(ndim - len(s), ndim)
        return _transformed(r, function, a, [k % ndim for k in known], s if s is not None else [None] * len(known), norm, function(_plain(a), s, axes, norm))

    return call


def _no_out(r: Recorder, function: Any, out: Any) -> None:
    if out is not None:
        raise Refusal(f"np.fft.{function.__name__} with out=", r.place(), ADVICE, r.forward())


for _name in ("fft", "ifft", "rfft", "irfft"):
    for _end, _of in (("", _along_one), ("2", _along_several), ("n", _along_several)):
        _function = getattr(np.fft, _name + _end)
        FUNCTIONS[_function] = COMPLEX[_function] = _of(_function)


def _shifted(sign: int) -> Callable[..., Any]:
    """`np.fft.fftshift` (1) and its inverse (-1)."""

    def call(r: Recorder, x: Any, axes: Any = None) -> Any:
        part: Any = lift_complex(r, x) if are_complex(x) else lift(r, x)
        for k in range(part.ndim) if axes is None else np.ravel(axes).tolist():
            part = np.roll(part, sign * (part.shape[k] // 2), k)
        return part

    return call


FUNCTIONS[np.fft.fftshift] = COMPLEX[np.fft.fftshift] = _shifted(1)
FUNCTIONS[np.fft.ifftshift] = COMPLEX[np.fft.ifftshift] = _shifted(-1)


__all__ = ["TracedComplex", "lift_complex"]
