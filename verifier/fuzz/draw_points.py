"""Points of a case, drawn: uniform over the floats, over the magnitudes and over the reals, special values, and where the program changes its ways.

Every value is first drawn whole, then cut to a drawn number of decimal digits. The digits are drawn first, so they shrink
first: what Hypothesis shows in the end are short decimals, next to the border whichever it is.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from verifier.case import Case
from verifier.formats import Format, exact, format_named, numbers, places, round_exact
from verifier.hunt import SPECIAL, hard_points
from verifier.oracle import case_of, oracle
from verifier.points import domain_of

MAX_DIGITS = 17
DIGITS = (1, 2, 3, 5, 9, MAX_DIGITS, MAX_DIGITS, MAX_DIGITS)  # half of all values are left as they are
USUAL = 10.0  # most gradients are asked for at inputs of this size
DECADES = 12  # of the magnitudes, either way


def points(case: Case | str) -> st.SearchStrategy[dict[str, Any]]:
    """Points within the domain of a case, as `{input: float}`, vectors as lists; numbers of the first of its formats."""
    case = case_of(case) if isinstance(case, str) else case
    return tuples(case, format_named(case.formats[0])).map(lambda values: _named(case, values))


def tuples(case: Case, fmt: Format) -> st.SearchStrategy[tuple[float, ...]]:
    """The same, in the order of the inputs and for any format."""
    asked, domain = oracle(case), domain_of(case)
    bounds = [_bounds(fmt, low, high) for low, high in domain]
    upstream = round_exact(fmt, exact(case.upstream))
    hard = dict.fromkeys(p for s in asked.subjects for p in hard_points(asked.truth, s, domain, fmt=fmt, upstream=upstream))
    free = st.tuples(*(_values(fmt, low, high) for low, high in bounds))
    ordered = sorted(hard, key=lambda p: (sum(map(abs, p)), [-x for x in p]))
    drawn = st.one_of(free, free, st.sampled_from(ordered)) if ordered else free
    return st.tuples(st.sampled_from(DIGITS), drawn).map(
        lambda pair: tuple(_cut(x, pair[0], fmt, low, high) for x, (low, high) in zip(pair[1], bounds, strict=True))
    )


def _named(case: Case, values: tuple[float, ...]) -> dict[str, Any]:
    point: dict[str, Any] = {}
    vectors = dict(case.vectors)
    for name, value in zip(case.inputs, values, strict=True):
        vector = name.partition("[")[0]
        if vector in vectors:
            point.setdefault(vector, []).append(value)
        else:
            point[name] = value
    return point


def _bounds(fmt: Format, low: float, high: float) -> tuple[float, float]:
    """The least and the largest number of the format in an interval."""
    import numpy as np

    first, last = places(fmt, low, high)
    if first > last:
        raise ValueError(f"the domain [{low!r}, {high!r}] has no {fmt.name} number")
    least, most = numbers(fmt, np.array([first, last])).tolist()
    return least, most


def _values(fmt: Format, low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers between two numbers of a format."""
    import numpy as np

    first, last = places(fmt, low, high)
    near, far = max(low, -USUAL), min(high, USUAL)
    size = st.tuples(st.sampled_from((1, -1)), st.integers(-DECADES, DECADES), st.integers(1, 10**6)).map(lambda t: t[0] * 10.0 ** t[1] * t[2] / 1e6)
    kinds = [st.floats(near, far) if near <= far else st.just(low), size, st.integers(first, last).map(lambda n: float(numbers(fmt, np.array([n]))[0]))]
    special = [x for x in (*SPECIAL, -0.0, float(fmt.smallest), -float(fmt.smallest), low, high) if low <= x <= high]
    if special:
        kinds.append(st.sampled_from(sorted(special, key=lambda x: (abs(x), -x))))
    return st.one_of(kinds).map(lambda x: min(max(x, low), high))


def _cut(x: float, digits: int, fmt: Format, low: float, high: float) -> float:
    """The number of the format nearest to x written with so many decimal digits, where it is in the interval; else x itself."""
    for text in (f"{x:.{digits - 1}e}", repr(x)) if digits < MAX_DIGITS else (repr(x),):
        value = round_exact(fmt, Fraction(Decimal(text)))
        if low <= value <= high:
            return value or math.copysign(0.0, x)
    return low
