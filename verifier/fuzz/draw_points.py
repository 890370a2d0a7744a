"""Points of a case, drawn: uniform over the floats, over the magnitudes and over the reals, special values, the program's own constants, and where it changes its ways.

Every value is first drawn whole, then cut to a drawn number of decimal digits. The digits are drawn first, so they shrink
first: what Hypothesis shows in the end are short decimals, next to the border whichever it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from verifier.case import Case
from verifier.formats import Format, format_named, numbers, places, round_exact
from verifier.hunt import SPECIAL, hard_points
from verifier.numeral import exact
from verifier.oracle import Oracle, case_of, oracle
from verifier.points import domain_of
from verifier.program import Program

CUTS = tuple(Context(prec=digits, rounding=way) for digits in (1, 2, 3, 5, 9) for way in (ROUND_HALF_EVEN, ROUND_UP))
WHOLE = 10  # values that are left as they are, for as many that are cut
USUAL = 10.0  # most gradients are asked for at inputs of this size
DECADES = tuple(sorted(range(-12, 13), key=abs))  # of the magnitudes
MANTISSAS = 10**6
MOST_CONSTANTS = 12  # of a program: the first

Bounds = tuple[float, float]


def points(case: Case | str) -> st.SearchStrategy[dict[str, Any]]:
    """Points within the domain of a case, as `{input: float}`, vectors as lists; numbers of the first of its formats."""
    case = case_of(case) if isinstance(case, str) else case
    return tuples(case, format_named(case.formats[0])).map(lambda values: _named(case, values))


def tuples(case: Case, fmt: Format) -> st.SearchStrategy[tuple[float, ...]]:
    """The same, in the order of the inputs and for any format."""
    asked = oracle(case)
    return drawn(asked, bounds_of(case, fmt), fmt=fmt, hard=_hard(asked, fmt))


def drawn(asked: Oracle, bounds: Sequence[Bounds], *, fmt: Format, hard: Iterable[tuple[float, ...]] = ()) -> st.SearchStrategy[tuple[float, ...]]:
    """Points between bounds that are numbers of the format. `hard` are points to stand at."""
    constants = constants_of(asked)
    free = st.tuples(*(_values(fmt, low, high, constants) for low, high in bounds))
    ordered = sorted(hard, key=lambda p: (sum(map(abs, p)), [-x for x in p]))
    whole = st.one_of(free, free, st.sampled_from(ordered)) if ordered else free
    ways = st.sampled_from((*CUTS, *(None,) * WHOLE))
    return st.tuples(ways, whole).map(lambda pair: pair[1] if pair[0] is None else tuple(cut(x, pair[0], fmt, b) for x, b in zip(pair[1], bounds, strict=True)))


def constants_of(asked: Oracle) -> list[float]:
    """The numbers that are written in the programs of a case: where they change their ways, more often than not."""
    programs: list[Program] = [asked.truth.function, *(s.program for s in asked.subjects)]
    found = {abs(float(exact(s.text))): None for p in programs for s in p.steps if s.gate == "number"}
    return [x for x in found if 0 < x < math.inf][:MOST_CONSTANTS]


def _hard(asked: Oracle, fmt: Format) -> list[tuple[float, ...]]:
    """Both sides of every border at which a step of some implementation behaves differently."""
    upstream = round_exact(fmt, exact(asked.case.upstream))
    domain = domain_of(asked.case)
    return list(dict.fromkeys(p for s in asked.subjects for p in hard_points(asked.truth, s, domain, fmt=fmt, upstream=upstream)))


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


def bounds_of(case: Case, fmt: Format) -> list[Bounds]:
    """The least and the largest number of the format in the domain of each input. Raises ValueError where there is none."""
    import numpy as np

    found: list[Bounds] = []
    for low, high in domain_of(case):
        first, last = places(fmt, low, high)
        if first > last:
            raise ValueError(f"the domain [{low!r}, {high!r}] has no {fmt.name} number")
        least, most = numbers(fmt, np.array([first, last])).tolist()
        found.append((least, most))
    return found


def _values(fmt: Format, low: float, high: float, constants: Sequence[float]) -> st.SearchStrategy[float]:
    """Numbers of the format between two numbers of it."""
    import numpy as np

    first, last = places(fmt, low, high)
    near, far = max(low, -USUAL), min(high, USUAL)
    size = st.integers(0, 2 * len(DECADES) * MANTISSAS - 1).map(_of_size)
    kinds = [st.floats(near, far) if near <= far else st.just(low), size, st.integers(first, last).map(lambda n: float(numbers(fmt, np.array([n]))[0]))]
    shaped = [y for c in constants for x in (c, c + 1, 2 * c, c * (1 + 2.0**-20)) for y in (x, -x)]
    special = {x for x in (*SPECIAL, *shaped, -0.0, float(fmt.smallest), -float(fmt.smallest), low, high) if low <= x <= high}
    if special:
        kinds.append(st.sampled_from(sorted(special, key=lambda x: (abs(x), -x))))
    return st.one_of(kinds).map(lambda x: _nearest(x, fmt, low, high))


def _of_size(number: int) -> float:
    """Uniform over signs and decades: 0 is 1.0, and what is small is simple."""
    mantissa, kind = divmod(number, 2 * len(DECADES))
    value = (1.0 + 9.0 * mantissa / MANTISSAS) * 10.0 ** DECADES[kind // 2]
    return -value if kind % 2 else value


def _nearest(x: float, fmt: Format, low: float, high: float) -> float:
    """The number of the format nearest to x between two numbers of it."""
    value = x if fmt.precision == 53 else round_exact(fmt, Fraction(x)) or math.copysign(0.0, x)
    return min(max(value, low), high)


def cut(x: float, way: Context, fmt: Format, bounds: Bounds) -> float:
    """x with so many decimal digits, as a number of the format, where it is between the bounds; else x itself."""
    value = _nearest(float(way.create_decimal_from_float(x)), fmt, -math.inf, math.inf)
    return value if bounds[0] <= value <= bounds[1] else x
