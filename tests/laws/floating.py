"""Laws of the floats: the staged run is CPython's and NumPy's, `rounded` is nearest, ulps are what the handbook says."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.laws import by_python
from tests.laws.law import Broken, case_in, require, settings_of
from verifier.arithmetic import balls, floats, rounding
from verifier.case.case import Case
from verifier.circuit.backprop import with_backward
from verifier.circuit.program import Program
from verifier.compare.at_point import checks_in, judged_at
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.language.formats import Format, dtype

CPYTHON = (*by_python.INFIX, *by_python.IN_MATH)
NUMPY = (*by_python.INFIX, *by_python.IN_NUMPY)
READ_BITS = 4096  # at which an exact ball's ends are read


def _written(case: Case) -> tuple[Program, list[str]]:
    """The staged program, one gate a line, and its statements."""
    forward = case.programs.drafts[0].forward
    whole = with_backward(forward, [(name, f"d{name}") for name in forward.inputs])
    return whole, [line.text for line in whole.lines if line.text]


def _is_within(program: Program, gates: Sequence[str]) -> bool:
    """Whether every gate, those of the partials included, is one of these."""
    return {s.gate for s in program.steps if s.args} <= {*gates, "copy"}


def _real_power(a: float, b: float) -> float:
    """CPython's a**b; NaN for a negative number to a broken power, which CPython takes to the complex numbers."""
    found: float | complex = a**b
    return math.nan if isinstance(found, complex) else found


def floats_are_cpythons(text: str) -> int:
    """The generated statements, run by Python's parser and math module, give the same bits, forward and backward."""
    case, count = case_in(text), 0
    program, lines = _written(case)
    if not _is_within(program, CPYTHON):
        return 0
    for setting in settings_of(case):
        for point in setting.points:
            seed = f"d{program.output_name}"
            try:
                found = by_python.run(lines, {**dict(zip(program.inputs, point, strict=True)), seed: setting.upstream, "pi": math.pi, "e": math.e}, number=float, functions=by_python.math_functions(), power=_real_power)
            except by_python.CPYTHON_RAISES:
                continue
            run = floats.run(program, [[x] for x in point], fmt=setting.format, upstream=setting.upstream)
            count += _same_names(program, found, {n: run[i][0] for n, i in program.names.items()}, point, "<d")
    return count


def narrow_floats_are_numpys(text: str) -> int:
    """In float32 and float16 the same statements on arrays of NumPy give the same bits."""
    import numpy as np

    case, count = case_in(text), 0
    program, lines = _written(case)
    if not _is_within(program, NUMPY):
        return 0
    for setting in settings_of(case):
        kind = dtype(setting.format)
        for point in setting.points:
            names = {n: np.array([x]).astype(kind) for n, x in (*zip(program.inputs, point, strict=True), (f"d{program.output_name}", setting.upstream), ("pi", math.pi), ("e", math.e))}
            with np.errstate(all="ignore"):
                found = by_python.run(lines, names, number=lambda t, kind=kind: np.array([float(t)]).astype(kind), functions=by_python.numpy_functions(), power=np.power)  # type: ignore[misc]
            run = floats.run(program, [[x] for x in point], fmt=setting.format, upstream=setting.upstream)
            count += _same_names(program, {n: v[0] for n, v in found.items()}, {n: run[i][0] for n, i in program.names.items()}, point, "<d")
    return count


def _same_names(program: Program, found: dict[str, Any], computed: dict[str, Any], point: tuple[float, ...], code: str) -> int:
    count = 0
    for line in program.lines:
        name = line.text.partition(" ")[0]
        if name not in computed or name not in found:
            continue
        a, b = float(found[name]), float(computed[name])
        same = (math.isnan(a) and math.isnan(b)) or struct.pack(code, a) == struct.pack(code, b)
        require(same, lambda name=name, a=a, b=b: f"{name} is {b!r} in our run and {a!r} by the library itself, at {point}")  # type: ignore[misc]
        count += 1
    return count


# ---------------------------------------------------------------- the exact gradient, rounded


def _found(case: Case) -> list[tuple[Format, Discrepancy]]:
    return [(s.format, d) for s in settings_of(case) for point in s.points for check in checks_in(case, s.format) for d in judged_at(check, point)]


def _ends(d: Discrepancy) -> tuple[Fraction, Fraction] | None:
    """The ends of the exact gradient's ball; None where it is not finite, or its exponent absurd."""
    if not isinstance(d.exact, one_sided.Finite):
        return None
    with balls.precision(READ_BITS):
        try:
            return rounding.rational(d.exact.ball.lower()), rounding.rational(d.exact.ball.upper())
        except ValueError:
            return None


def rounded_is_nearest(text: str) -> int:
    """No number of the format is nearer to the exact gradient than `rounded`; beyond half a step past the largest it is infinite."""
    count = 0
    for fmt, d in _found(case_in(text)):
        ends = _ends(d)
        if ends is None or d.rounded is None:
            continue
        count += 1
        low, high = ends
        beyond = Fraction(fmt.largest) + Fraction(2) ** (fmt.emax - fmt.precision)  # half way to what would be next
        if not math.isfinite(d.rounded):
            largest = min(abs(low), abs(high))
            require(largest >= beyond if fmt.infinite else largest > Fraction(fmt.largest), lambda d=d: f"{d.name} at {d.point} is {d.exact}, rounded to {d.rounded!r}")  # type: ignore[misc]
            continue
        here = Fraction(d.rounded)
        require(_is_number(fmt, here), lambda d=d, fmt=fmt: f"{d.name} at {d.point} is rounded to {d.rounded!r}, which is no {fmt.name} number")  # type: ignore[misc]
        for other in _neighbours(fmt, d.rounded):
            middle = (here + other) / 2
            right = high <= middle if other > here else low >= middle
            require(right, lambda d=d, other=other: f"{d.name} at {d.point} is {d.exact}, rounded to {d.rounded!r}; {float(other)!r} is as near")  # type: ignore[misc]
    return count


def _is_number(fmt: Format, x: Fraction) -> bool:
    """Whether a rational is a multiple of the smallest subnormal with at most p bits."""
    n = abs(x.numerator)
    return (x / fmt.smallest).denominator == 1 and (n // (n & -n or 1)).bit_length() <= fmt.precision


def _neighbours(fmt: Format, x: float) -> list[Fraction]:
    """The numbers of the format next to one of them, by the definition of its spacing."""
    here = Fraction(x)
    size = abs(here)
    exponent = max(_log2(size), fmt.emin) if size else fmt.emin
    above = Fraction(2) ** (exponent - fmt.precision + 1)
    below = above / 2 if size == Fraction(2) ** exponent and exponent > fmt.emin else above
    sign = -1 if here < 0 else 1
    return [sign * (size + above), sign * (size - below)]


def _log2(size: Fraction) -> int:
    """floor(log2) of a positive number of a format: CPython's frexp, which is exact."""
    return math.frexp(float(size))[1] - 1


def ulps_are_the_definition(text: str) -> int:
    """|computed - exact| / ulp(exact), in rationals, with ulp(x) = 2^(max(floor(log2 |x|), emin) - p + 1), is the error in ulps."""
    count = 0
    for fmt, d in _found(case_in(text)):
        ends = _ends(d)
        if ends is None or d.ulps is None or not math.isfinite(d.computed) or ends[0] <= 0 <= ends[1] or not d.ulps.is_finite():
            continue
        spacings = {Fraction(2) ** (max(_floor_log2(abs(x)), fmt.emin) - fmt.precision + 1) for x in ends}
        if len(spacings) > 1:
            continue
        errors = [abs(Fraction(d.computed) - x) / next(iter(spacings)) for x in ends]
        with balls.precision(READ_BITS):
            stated = rounding.rational(d.ulps.lower()), rounding.rational(d.ulps.upper())
        slack = Fraction(1, 2**40) * (1 + max(errors))
        apart = stated[0] > max(errors) + slack or stated[1] < min(errors) - slack
        if apart:
            raise Broken(f"{d.name} at {d.point} is said to be {float(stated[0])!r} ulps off, and is {float(errors[0])!r}")
        count += 1
    return count


def _floor_log2(x: Fraction) -> int:
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= x else e - 1
