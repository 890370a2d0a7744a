"""What is asked and answered of the error in a whole box: claims, the assumptions they rest on, and bounds that are proved.

A bound holds for every number of the format in the box, not only for those that were tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from verifier.case.case import Case
from verifier.language.formats import FORMATS, Format, computing, numbers, places, round_exact
from verifier.language.numeral import exact, special

ErrorUnit = Literal["ulp", "absolute"]
BoundOutcome = Literal["proved", "refuted", "open"]

STATED = (
    "every operation is rounded once to the nearest number of its format, ties to even",
    "products and sums are not contracted to fused operations, and the order of operations is that of the program",
    "subnormal numbers are not flushed to zero",
    "the same operation on the same numbers gives the same result",
)
"""The facts of the arithmetic that every bound rests on."""

STATED_BY_USER = "stated under 'assume'"


@dataclass(frozen=True, slots=True)
class Box:
    """Per input of the program, in its order, the lowest and the highest number; equal where the input has one value."""

    inputs: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ErrorClaim:
    """What is claimed of the error of one gradient: at most `limit`, in ulps of the exact value or as it is; None asks for the best bound."""

    unit: ErrorUnit
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Assumed:
    """The error of a function of a library: it is within so many ulps of the exact value of its operands."""

    function: str
    ulps: Fraction
    source: str  # where the figure comes from


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a user assumes of functions, in ulps, before the defaults of `assumed`."""

    functions: tuple[tuple[str, Fraction], ...] = ()


@dataclass(frozen=True, slots=True)
class LineShare:
    """How much of the bound in the worst box comes from the roundings of one statement."""

    line: int | None  # in the case file; None where a transform wrote the statement
    statement: str
    share: float  # of the bound: from 0 to 1
    contribution: float  # in the unit of the claim
    step: str = ""  # the operation that contributes most


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """The answer to an ErrorClaim.

    `bound` holds in all of the box but `open_boxes`; with `open_share` 0 that is everywhere. Where a claim without limit is
    `proved`, `bound` is at most by the factor `bound / at_a_point` above what this way of counting gives at one point.
    """

    gradient: str
    format: str
    box: Box
    claim: ErrorClaim
    bound: float | None  # the largest bound of the boxes that are not open; None where all are
    at_a_point: float | None  # the same bound taken at one point, the largest that was found: no search can prove less
    outcome: BoundOutcome
    open_share: float = 0.0  # of the volume of the box
    open_boxes: tuple[Box, ...] = ()  # the largest of those that are left; of one input a few intervals that have all of them, of more inputs those that touch are one
    open_count: int = 0  # how many there are
    open_absolute: float | None = None  # of a claim in ulps: a bound of the absolute error in what is open, where one is known
    reason: str = ""  # why boxes are left open
    worst: Box | None = None  # the box that makes the bound
    seen: float | None = None  # the largest error that was found at a number, judged by balls
    seen_at: tuple[float, ...] | None = None  # with outcome `refuted` the witness: the error there is certainly above the claim
    assumptions: tuple[Assumed, ...] = ()  # the functions that the program calls; `STATED` holds besides
    lines: tuple[LineShare, ...] = ()  # of the worst box, largest first
    is_for_program_only: bool = False  # the formula is not proved: then the error is that against the program's own real value
    boxes: int = 0  # that were looked at
    seconds: float = 0.0  # of the processor; gradients that share a search have the same


# ---------------------------------------------------------------- what is assumed of library functions

_GLIBC = "the C library; glibc's source states {}"
_MEASURED = "the C library; twice the largest error that searches have found in glibc, {} (measured at their inputs with glibc 2.36), and no proof"
_SEARCHED = "the C library; twice the largest error that a search of a million inputs found in glibc 2.36, {}, rounded up; {}, and no proof"
_LISTED = "the C library; twice the {} that glibc's own table of known errors has (a search of a million inputs found {} in glibc 2.36), and no proof"
_CPYTHON = "CPython's own; {}"


def _rows(*rows: tuple[str, str, str]) -> dict[str, Assumed]:
    return {name: Assumed(name, Fraction(ulps), source) for name, ulps, source in rows}


FLOAT64 = _rows(
    ("exp",   "1",   _GLIBC.format("0.511")),
    ("exp2",  "1",   _GLIBC.format("0.511")),
    ("log",   "1",   _GLIBC.format("0.519")),
    ("log2",  "1.1", _GLIBC.format("0.547")),
    ("pow",   "1.1", _GLIBC.format("0.54")),
    ("sin",   "1.1", _GLIBC.format("0.55")),
    ("cos",   "1.1", _GLIBC.format("0.55") + "; cos(0) is 1 (C, Annex F)"),
    ("tan",   "1.3", _MEASURED.format("0.619")),
    ("asin",  "1.1", _MEASURED.format("0.516")),
    ("acos",  "1.1", _MEASURED.format("0.523")),
    ("atan",  "1.2", _MEASURED.format("0.523")),
    ("atan2", "1.2", _SEARCHED.format("0.523", "glibc's own table of known errors has none for it")),
    ("expm1", "2",   _MEASURED.format("0.913")),
    ("log10", "4",   _MEASURED.format("1.62")),
    ("log1p", "2",   _MEASURED.format("0.899")),
    ("sinh",  "4",   _MEASURED.format("1.93")),
    ("cosh",  "4",   _MEASURED.format("1.93")),
    ("tanh",  "5",   _MEASURED.format("2.21")),
    ("asinh", "4",   _MEASURED.format("1.92")),
    ("acosh", "5",   _MEASURED.format("2.25")),
    ("atanh", "4",   _LISTED.format("2", "1.71")),
    ("cbrt",  "8",   _MEASURED.format("3.67")),
    ("erf",   "3",   _MEASURED.format("1.43")),
    ("erfc",  "11",  _MEASURED.format("5.19")),
    ("hypot", "1",   _CPYTHON.format("its source states less than 1")),
)  # fmt: skip
"""Of the functions of `math` in float64, by gate. Neither a bound in a source nor a largest error known is a proof: that is why they are assumptions."""

_SINGLE = Fraction(8), "NumPy's float32; twice the limit of 4 that its authors state"
_HALF = Fraction("6.2"), "NumPy's float16; twice the 3.06 that its authors state of its vector functions"
_WIDER = Fraction(1), "computed in float32 and rounded once more"
NARROW = ("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "exp2", "log2", "log10", "expm1", "log1p", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "cbrt", "pow", "hypot")


def assumed(function: str, fmt: Format, assumptions: Assumptions) -> Assumed | None:
    """What is assumed of a gate's kernel in a format: by the user, else by default; None where there is no ground for a default."""
    fmt = computing(fmt)
    for name, ulps in assumptions.functions:
        if name == function:
            return Assumed(function, ulps, STATED_BY_USER)
    if fmt.name == "float64":
        return FLOAT64.get(function)
    if function not in NARROW:
        return None
    return Assumed(function, *{"float32": _SINGLE, "float16": _HALF}.get(fmt.name, _WIDER))


# ---------------------------------------------------------------- the box of a case


def box_of(case: Case, inputs: tuple[str, ...], fmt: Format) -> Box | str:
    """The numbers of a format in the domain of a case, per input of a program; else why there is no such box. Listed values (`constraint`) are those between the first and the last."""
    domain = dict(case.domain)
    fixed = {name: text for point in case.points[:1] for name, text in point.values if name in case.parameters}
    listed = {name: texts for name, texts in case.choices if len(texts) > 1 and name in domain}
    low, high = [], []
    for name in inputs:
        if name not in domain and name not in fixed:
            return f"the domain has no interval for '{name}'"
        if name in listed:
            values = [round_exact(fmt, exact(text)) for text in listed[name]]
            low.append(min(values) + 0.0)
            high.append(max(values) + 0.0)
            continue
        first, last = domain.get(name) or (fixed[name], fixed[name])
        if special(first) is not None or special(last) is not None:
            return f"the domain of '{name}' has no end: a bound is for an interval of numbers"
        ends = _inside(first, last, fmt)
        if ends is None:
            return f"no {fmt.stored_in} number is in the domain of '{name}'"
        low.append(ends[0])
        high.append(ends[1])
    beyond = next((name for name, *ends in zip(inputs, low, high, strict=True) if not all(map(math.isfinite, ends))), None)
    return Box(inputs, tuple(low), tuple(high)) if beyond is None else f"the domain of '{beyond}' ends beyond the largest {fmt.stored_in} number"


def _inside(first: str, last: str, fmt: Format) -> tuple[float, float] | None:
    """The first and the last number of a format between two decimals; of a single decimal that number, rounded."""
    low, high = exact(first), exact(last)
    if low == high:
        value = round_exact(fmt, low)
        return value, value
    inner = places(fmt, float64_above(low), float64_below(high))
    if inner[0] > inner[1]:
        return None
    ends = numbers(fmt, np.array(inner))
    return float(ends[0]) + 0.0, float(ends[1]) + 0.0


def float64_above(value: Fraction) -> float:
    """The least float64 that is not below a rational; an infinity beyond the largest."""
    near = round_exact(FORMATS["float64"], value)
    return near if near == math.inf or (near > -math.inf and Fraction(near) >= value) else math.nextafter(near, math.inf)


def float64_below(value: Fraction) -> float:
    """The largest float64 that is not above a rational."""
    return -float64_above(-value)


__all__ = ["STATED", "STATED_BY_USER", "Assumed", "Assumptions", "BoundOutcome", "Box", "ErrorBound", "ErrorClaim", "ErrorUnit", "LineShare", "assumed", "box_of", "float64_above", "float64_below"]
