"""Run a Program in floats, a column of points at a time: float64 as CPython computes it, narrower formats as NumPy and ml_dtypes do."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.double_double.number import two_product, two_sum
from verifier.arithmetic.types import Column
from verifier.circuit.expressions import definition
from verifier.circuit.program import Program, Step
from verifier.language.formats import FORMATS, Format, computing, dtype, round_exact
from verifier.language.gates import GATES, Gate, kernel
from verifier.language.numeral import exact

FloatFunction: TypeAlias = Callable[..., Any]  # of a gate known by its name only: numbers or arrays to the same


class Cast(Protocol):
    """Rounds numbers to a format as its library casts: an array to its type, a float to a float."""

    @overload
    def __call__(self, a: float) -> float: ...
    @overload
    def __call__(self, a: NDArray[Any]) -> NDArray[Any]: ...


SMALL, HUGE = 2.0**-960, 2.0**960  # between them what a product loses is a float, and nothing on the way to it overflows
LARGE_BESIDE_SMALL = 2.0**-800  # a quarter of an ulp of a larger number is more than a product up to SMALL
FEWEST_IN_ARRAYS = 8  # points at which an `fma` takes less time as one of arrays
NOT_NEEDED: NDArray[Any] = np.zeros(0)  # in the place of a step that no output depends on
CONSTANT_VALUES = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "tau": math.tau, "euler_gamma": 0.5772156649015329}


def run(program: Program, columns: Sequence[Sequence[float] | NDArray[Any]], outputs: Sequence[int] | None = None, *, fmt: Format, upstream: float = 1.0) -> list[Column]:
    """The values of some steps (default: all) at every point.

    `columns` has one sequence of floats per input, all of one length; so has the result, per step (truth values for
    comparisons). Every operation is rounded to `fmt`; in a format that is stored in another one (`float32->bfloat16`) every
    assigned name is rounded once more, to that one. Where CPython raises, the IEEE result takes its place.
    """
    count = len(columns[0]) if columns else 1
    inner = computing(fmt)
    store = _cast(fmt.stored_in) if fmt.computed_in else None
    values: Sequence[Column]
    needed = needed_for(program, outputs)
    if inner.name == "float64":
        values = _run64(program, [as_list(c) for c in columns], count, upstream, store, needed)
    else:
        kind = dtype(inner)
        with np.errstate(all="ignore"):
            found = _run_arrays(program, [np.asarray(c, dtype=np.float64).astype(kind) for c in columns], count, upstream, inner, store, needed)
            values = [np.ascontiguousarray(v) for v in (found if outputs is None else [found[i] for i in outputs])]
            return list(values)
    return list(values) if outputs is None else [values[i] for i in outputs]


def needed_for(program: Program, outputs: Sequence[int] | None) -> list[bool]:
    """Per step, whether some of the outputs depend on it (None: all steps are asked for)."""
    if outputs is None:
        return [True] * len(program.steps)
    needed = [False] * len(program.steps)
    for i in outputs:
        needed[i] = True
    for i in range(len(needed) - 1, -1, -1):
        if needed[i]:
            for a in program.steps[i].args:
                needed[a] = True
    return needed


def at(program: Program, point: Sequence[float], outputs: Sequence[int] | None = None, *, fmt: Format, upstream: float = 1.0) -> list[float]:
    """`run` at one point."""
    return [column[0] for column in run(program, [[x] for x in point], outputs, fmt=fmt, upstream=upstream)]


def as_list(column: Sequence[float] | NDArray[Any]) -> list[float]:
    """A column as a list of Python floats."""
    tolist = getattr(column, "tolist", None)
    return list(column) if tolist is None else tolist()


def _leaf(step: Step, fmt: Format, upstream: float) -> float:
    if step.gate == "number":
        return literal(step.text, fmt)
    return upstream if step.gate == "upstream" else CONSTANT_VALUES[step.text]


@cache
def literal(text: str, fmt: Format) -> float:
    """A decimal literal rounded once to the format."""
    return float(text) if fmt.name == "float64" and "x" not in text.lower() else round_exact(fmt, exact(text))


def _run64(program: Program, columns: Sequence[list[float]], count: int, upstream: float, store: Cast | None = None, needed: Sequence[bool] | None = None) -> list[list[float]]:
    """The values of every step; of one that is not needed, an empty list."""
    float64 = FORMATS["float64"]
    values: list[list[float]] = []
    direct = {gate: _direct64(gate) for gate in {s.gate for s in program.steps}}
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            values.append(columns[len(values)])
        elif needed is not None and not needed[i]:
            values.append([])
            continue
        elif (function := direct[step.gate]) is not None:
            try:
                values.append(list(map(function, *[values[a] for a in step.args])))
            except (OverflowError, ZeroDivisionError, ValueError):
                values.append(_ieee64(GATES[step.gate], function, [values[a] for a in step.args]))
        elif step.args:
            values.append(_apply64(step.gate, [values[a] for a in step.args], count))
        else:
            values.append([_leaf(step, float64, upstream)] * count)
        if store is not None and step.name and not isinstance(values[-1][0], bool):
            values[-1] = list(map(store, values[-1]))
    return values


def append_values(values: list[list[float]], steps: Sequence[Step], *, count: int, upstream: float = 1.0) -> None:
    """Append the float64 values of the steps of a program that have none yet, none of them an input."""
    for step in steps[len(values) :]:
        values.append(_apply64(step.gate, [values[a] for a in step.args], count) if step.args else [_leaf(step, FORMATS["float64"], upstream)] * count)


def arrays(program: Program, columns: Sequence[Column], outputs: Sequence[int], *, fmt: Format, upstream: float = 1.0) -> list[NDArray[Any]]:
    """The values of some steps, as `run` has them, in arrays: operators of float64, which IEEE 754 defines, are NumPy's, and only the functions of `math` are taken one by one."""
    if fmt.name != "float64":
        return [np.asarray(c) for c in run(program, columns, outputs, fmt=fmt, upstream=upstream)]
    count = len(columns[0]) if columns else 1
    values: list[NDArray[Any]] = []
    needed = needed_for(program, outputs)
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            values.append(np.asarray(columns[len(values)], dtype=np.float64))
        elif not needed[i]:
            values.append(NOT_NEEDED)
        elif not step.args:
            values.append(np.full(count, _leaf(step, FORMATS["float64"], upstream)))
        elif step.gate == "copy":
            values.append(values[step.args[0]])
        elif _is_operator(GATES[step.gate]):
            values.append(_as_array(GATES[step.gate], [values[a] for a in step.args]))
        elif GATES[step.gate].float64 is None and all(values[a].dtype != bool for a in step.args):
            inner = definition(step.gate)
            values += arrays(inner, [values[a] for a in step.args], [inner.output], fmt=fmt)
        elif step.gate == "fma":
            values.append(fma_column(*(np.asarray(values[a], dtype=np.float64) for a in step.args)))
        else:
            values.append(_called(step.gate, [as_list(values[a]) for a in step.args], count))
    return [values[i] for i in outputs]


def _called(name: str, args: Sequence[list[float]], count: int) -> NDArray[Any]:
    """`_apply64` as an array. Most often no call raises, all give floats, and no list of them is needed; a power that is complex cannot be one of an array."""
    direct = operator.pow if name == "pow" else _direct64(name)
    if direct is not None and not GATES[name].boolean:
        with contextlib.suppress(TypeError, OverflowError, ZeroDivisionError, ValueError):
            return np.fromiter(map(direct, *args), np.float64, count)
    return np.asarray(_apply64(name, args, count))


def _apply64(name: str, args: Sequence[list[float]], count: int) -> list[float]:
    if name == "copy":
        return args[0]
    gate = GATES[name]
    if name == "fma" and count >= FEWEST_IN_ARRAYS:
        return fma_column(*(np.asarray(a, dtype=np.float64) for a in args)).tolist()  # type: ignore[no-any-return]
    function, foreign = _kernel64(gate.name, gate.float64)
    if function is None:
        return list(_run64(definition(name), args, count, 1.0)[definition(name).output])
    try:
        if foreign:
            return [_native(v) for v in map(function, *args)]
        return list(map(function, *args))
    except (OverflowError, ZeroDivisionError, ValueError):
        return _ieee64(gate, function, args)


def _direct64(name: str) -> Callable[..., float] | None:
    """The function of a gate where it is one of Python's floats, to be called as it is; None for all others."""
    if name not in GATES or name in ("copy", "fma"):
        return None
    function, foreign = _kernel64(GATES[name].name, GATES[name].float64)
    return None if foreign else function


def _is_operator(gate: Gate) -> bool:
    """Whether NumPy's float64 result is CPython's bit for bit, as IEEE 754 defines it: of the square root, and of an operator other than the power, which is libm's."""
    return gate.name == "sqrt" or (gate.name != "pow" and gate.arrays is not None and gate.float64 is not None and gate.float64.startswith("operator."))


def _as_array(gate: Gate, args: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """An operator on arrays; truth values are numbers to it unless it is one of logic."""
    if gate.kind != "logic":
        args = [a.astype(np.float64) if a.dtype == bool else a for a in args]
    with np.errstate(all="ignore"):
        found: NDArray[Any] = kernel(str(gate.arrays))(*args)
    return found


def _native(value: float) -> float:
    return float(value) if not isinstance(value, bool) else value


@cache
def _kernel64(name: str, path: str | None) -> tuple[FloatFunction | None, bool]:
    if path is None:
        return None, False
    if name == "pow":
        return power, False
    foreign = path.startswith(("np.", "scipy."))
    function = kernel(path)
    return (_quiet(function), True) if foreign else (function, False)


def _quiet(function: FloatFunction) -> FloatFunction:
    def call(*args: float) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return call


def _ieee64(gate: Gate, function: FloatFunction, args: Sequence[Sequence[float]]) -> list[float]:
    """A function that raises somewhere: there NumPy's result, which follows IEEE 754 for invalid, division by zero and overflow."""
    if _is_operator(gate):
        return _as_array(gate, [np.asarray(a, dtype=np.float64) for a in args]).tolist()  # type: ignore[no-any-return]
    instead = None if gate.arrays is None else kernel(gate.arrays)
    found = []
    with np.errstate(all="ignore"):
        for row in zip(*args, strict=True):
            try:
                value = function(*row)
            except (OverflowError, ZeroDivisionError, ValueError):
                value = math.nan if instead is None else instead(*map(np.float64, row))
            found.append(_native(value))
    return found


def power(a: float, b: float) -> float:
    """CPython's `a**b`; NaN where it leaves the reals (a negative base with a fractional exponent)."""
    result = a**b
    return result if type(result) is float else math.nan


def fma(a: float, b: float, c: float) -> float:
    """a*b + c rounded once, through exact integers."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return c if math.isfinite(a) and math.isfinite(b) else a * b + c  # the product is finite, even beyond the range
    product = a * b
    if c == -product and SMALL < abs(product) < HUGE and abs(a) < HUGE and abs(b) < HUGE:
        return float(two_product(np.float64(a), np.float64(b))[1]) or 0.0  # not -0.0
    (top_a, bottom_a), (top_b, bottom_b), (top, bottom) = a.as_integer_ratio(), b.as_integer_ratio(), c.as_integer_ratio()
    total = top_a * top_b * bottom + top * bottom_a * bottom_b
    if total == 0:
        return a * b + c  # the sign of a zero sum is that of IEEE addition
    try:
        result = total / (bottom_a * bottom_b * bottom)  # Python rounds the quotient of two integers once
    except OverflowError:
        return math.inf if total > 0 else -math.inf
    return result or (0.0 if total > 0 else -0.0)


def fma_column(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """`fma` of columns of one length: with the error of the product, the last sum but one rounded to odd (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008)."""
    with np.errstate(all="ignore"):
        high, low = two_product(a, b)
        rest, lowest = two_sum(c, low)
        total, left = two_sum(high, rest)
        odd, more = two_sum(lowest, left)
        is_even = (np.asarray(odd).view(np.int64) & 1) == 0
        odd = np.where((more != 0) & is_even, np.nextafter(odd, np.where(more > 0, np.inf, -np.inf)), odd)
        found: NDArray[np.float64] = total + odd
        sizes = np.abs(high)
        is_product_exact = (sizes > SMALL) & (sizes < HUGE) & (np.abs(a) < HUGE) & (np.abs(b) < HUGE)
        is_sure = is_product_exact & (np.abs(c) < HUGE) & (np.abs(found) > SMALL)
        if not is_sure.all():
            is_product_finite = np.isfinite(a) & np.isfinite(b)
            is_finite = is_product_finite & np.isfinite(c)
            cases = (
                (is_sure, found),
                (~is_finite, np.where(is_product_finite, c, a * b + c)),  # the product is finite, even beyond the range
                ((a == 0) | (b == 0), a * b + c),
                (is_product_exact & (c == -high), low + 0.0),  # what the product loses: 0.0, not -0.0, where that is nothing
                ((sizes <= SMALL) & (np.abs(c) > LARGE_BESIDE_SMALL), c),
            )
            is_sure = np.logical_or.reduce([where for where, _ in cases])
            found = np.select([where for where, _ in cases], [value for _, value in cases], found)
    for k in np.flatnonzero(~is_sure).tolist():
        found[k] = fma(float(a[k]), float(b[k]), float(c[k]))
    return found


def sign(a: float) -> float:
    """-1, 0 or 1; NaN for NaN."""
    return a if math.isnan(a) else float((a > 0) - (a < 0))


def floor(a: float) -> float:
    """math.floor as a float."""
    return float(math.floor(a))


def ceil(a: float) -> float:
    """math.ceil as a float."""
    return float(math.ceil(a))


def trunc(a: float) -> float:
    """math.trunc as a float."""
    return float(math.trunc(a))


def round_half_even(a: float) -> float:
    """Python's round as a float."""
    return float(round(a))


def where(c: bool, a: float, b: float) -> float:
    """`a if c else b`."""
    return a if c else b


def _run_arrays(
    program: Program, columns: Sequence[NDArray[Any]], count: int, upstream: float, fmt: Format, store: Cast | None = None, needed: Sequence[bool] | None = None
) -> list[NDArray[Any]]:
    """The values of every step; of one that is not needed, an empty array."""
    kind = dtype(fmt)
    values: list[NDArray[Any]] = []
    for i, step in enumerate(program.steps):
        if step.gate == "input":
            values.append(columns[len(values)])
        elif needed is not None and not needed[i]:
            values.append(NOT_NEEDED)
            continue
        elif step.args:
            values.append(_apply_arrays(step.gate, [values[a] for a in step.args], count, fmt))
        else:
            values.append(_everywhere(np.full(1, _leaf(step, fmt, upstream)).astype(kind), count))
        if store is not None and step.name and values[-1].dtype != bool:
            values[-1] = store(values[-1]).astype(kind)
    return values


IEEE = frozenset({"np.add", "np.subtract", "np.multiply", "np.divide", "np.negative", "np.sqrt", "np.abs", "np.less", "np.less_equal", "np.greater", "np.greater_equal", "np.equal", "np.not_equal", "np.where"})
"""Kernels whose results IEEE 754 defines: the same bits however long an array is, and whatever its strides."""


def _everywhere(value: NDArray[Any], count: int) -> NDArray[Any]:
    """An array of one number as one of so many, which takes no memory."""
    return np.broadcast_to(value, (count,))


def _is_everywhere(a: NDArray[Any]) -> bool:
    """Whether an array is one of `_everywhere`: one of a single number is not, so that it is computed as it is."""
    return a.strides == (0,) and len(a) > 1


def _apply_arrays(name: str, args: list[NDArray[Any]], count: int, fmt: Format) -> NDArray[Any]:
    if name == "copy":
        return args[0]
    gate, kind = GATES[name], dtype(fmt)
    if gate.arrays is None:
        program = definition(name)
        return _run_arrays(program, args, count, 1.0, fmt)[program.output]
    function = kernel(gate.arrays)
    if any(map(_is_everywhere, args)):
        if gate.arrays not in IEEE:
            args = list(map(np.ascontiguousarray, args))
        elif all(map(_is_everywhere, args)):
            return _everywhere(_apply_arrays(name, [a[:1].copy() for a in args], 1, fmt), count)
    try:
        if gate.arrays.startswith(("scipy.", "verifier.arithmetic.kernels.")) and kind.itemsize < 4:  # SciPy has kernels for 32 and 64 bits
            raise TypeError  # noqa: TRY301
        result: NDArray[Any] = function(*args)
    except TypeError:
        result = function(*(a if a.dtype == bool else a.astype(np.float32) for a in args))
    return result if result.dtype in (kind, bool) else result.astype(kind)


def as_floats(column: Column) -> list[float]:
    """A column of any format as Python floats."""
    return column if isinstance(column, list) else column.astype("float64").tolist()


# ---------------------------------------------------------------- casts


@cache
def _cast(name: str) -> Cast:
    """Round to a format as its library casts: an array to its type, a float to a float."""
    kind = dtype(FORMATS[name])

    @overload
    def cast(a: float) -> float: ...
    @overload
    def cast(a: NDArray[Any]) -> NDArray[Any]: ...
    def cast(a: float | NDArray[Any]) -> float | NDArray[Any]:
        with np.errstate(all="ignore"):
            return float(np.asarray(a).astype(kind)) if isinstance(a, float) else a.astype(kind)

    return cast


def __getattr__(name: str) -> Cast:
    """`to_float32` and the like: the kernels of the casts of the gate table."""
    if name.startswith("to_") and name[3:] in FORMATS:
        return _cast(name[3:])
    raise AttributeError(name)


__all__ = ["as_floats", "ceil", "columns", "floor", "fma", "fma_column", "literal", "operator", "power", "round_half_even", "run", "sign", "trunc", "where"]


def columns(program: Program, inputs: Sequence[Sequence[float] | NDArray[Any]], fmt: Format, upstream: float) -> list[NDArray[Any]]:
    """The values of every step at every point, as arrays of float64 or of truth values, whatever the format."""
    if fmt.name == "float64" and inputs:
        return _columns64(program, inputs, upstream)
    found = run(program, inputs, fmt=fmt, upstream=upstream)
    return [_array(c) for c in found]


def _array(column: Column) -> NDArray[Any]:
    return np.asarray(column, dtype=bool if len(column) and isinstance(column[0], bool | np.bool_) else np.float64)


def _columns64(program: Program, inputs: Sequence[Sequence[float] | NDArray[Any]], upstream: float) -> list[NDArray[Any]]:
    """`columns` in float64: operators on arrays, all other functions number by number."""
    float64, count = FORMATS["float64"], len(inputs[0])
    values: list[NDArray[Any]] = []
    lists: dict[int, list[float]] = {}  # of the steps that such a function reads
    for step in program.steps:
        if step.gate == "input":
            values.append(np.asarray(inputs[len(values)], dtype=np.float64))
        elif not step.args:
            values.append(np.full(count, _leaf(step, float64, upstream)))
        elif step.gate == "copy":
            values.append(values[step.args[0]])
        elif step.gate == "where":
            values.append(np.where(*(values[a] for a in step.args)))
        elif _is_operator(GATES[step.gate]):
            values.append(_as_array(GATES[step.gate], [values[a] for a in step.args]))
        elif step.gate == "fma":
            values.append(fma_column(*(np.asarray(values[a], dtype=np.float64) for a in step.args)))
        else:
            for a in step.args:
                if a not in lists:
                    lists[a] = values[a].tolist()
            lists[len(values)] = _apply64(step.gate, [lists[a] for a in step.args], count)
            values.append(_array(lists[len(values)]))
    return values
