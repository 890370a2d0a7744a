"""Points of a case, drawn: uniform over the floats, over the magnitudes and over the reals, special values, values beside the numbers that its programs compare with, and points at which a step starts to behave differently.

Every value is first drawn whole, then cut to a drawn number of decimal digits. The digits are drawn first, so they shrink
first: what Hypothesis shows in the end are short decimals, next to the border whichever it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from verifier.case.case import Case
from verifier.case.components import as_lists, gathered
from verifier.case.load import case_of
from verifier.case.points import domain_of
from verifier.circuit.program import Program
from verifier.compare.at_point import checks_in
from verifier.compare.check import Check
from verifier.compare.meant import listed_values, meant_in, satisfied
from verifier.language.formats import FORMATS, Format, format_named, numbers, places, round_exact
from verifier.language.gates import GATES
from verifier.language.numeral import exact
from verifier.search.hunt import hard_points
from verifier.search.thresholds import SPECIAL

CUTS = tuple(Context(prec=digits, rounding=way) for digits in (1, 2, 3, 5, 9) for way in (ROUND_HALF_EVEN, ROUND_UP))
WHOLE = 10  # values that are left as they are, for as many that are cut
USUAL = 10.0  # most gradients are asked for at inputs of this size
DECADES = tuple(sorted(range(-12, 13), key=abs))  # of the magnitudes
MANTISSAS = 10**6
EDGE = 2.0**-20  # of a distance: beside a border, and not next to it
MOST_BORDERS = 24  # that are drawn near to

Bounds = tuple[float, float]


def points(case: Case | str) -> st.SearchStrategy[dict[str, Any]]:
    """Points within the domain of a case, as `{input: float}`, vectors as lists; numbers of the first of its formats."""
    case = case_of(case) if isinstance(case, str) else case
    return tuples(case, format_named(case.formats[0])).map(lambda values: _named(case, values))


def tuples(case: Case, fmt: Format) -> st.SearchStrategy[tuple[float, ...]]:
    """The same, in the order of the inputs and for any format."""
    checks = checks_in(case, fmt)
    borders = borders_of([*(c.truth.function for c in checks[:1]), *(c.subject.program for c in checks)])
    meant = meant_in(case, fmt)
    found = drawn(bounds_of(case, fmt), borders, fmt=fmt, hard=_hard(case, checks)).map(lambda p: listed_values(meant, p))
    return found if meant.given is None else found.filter(lambda p: satisfied(meant, [p])[0])


def drawn(bounds: Sequence[Bounds], borders: tuple[float, ...], *, fmt: Format, hard: Iterable[tuple[float, ...]] = ()) -> st.SearchStrategy[tuple[float, ...]]:
    """Points between bounds that are numbers of the format; `borders` are numbers beside which to look, `hard` points to stand at."""
    free = st.tuples(*(_values(fmt, low, high, borders) for low, high in bounds))
    ordered = sorted(hard, key=lambda p: (sum(map(abs, p)), [-x for x in p]))
    whole = st.one_of(free, free, st.sampled_from(ordered)) if ordered else free
    ways = st.sampled_from((*CUTS, *(None,) * WHOLE))
    return st.tuples(ways, whole).map(lambda pair: pair[1] if pair[0] is None else tuple(cut(x, pair[0], fmt, b) for x, b in zip(pair[1], bounds, strict=True)))


def borders_of(programs: Iterable[Program]) -> tuple[float, ...]:
    """The numbers that programs compare with, and 0, in order: beside them another branch is often taken."""
    found = {0.0}
    for steps in (p.steps for p in programs):
        for step in steps:
            if step.gate in GATES and GATES[step.gate].boolean and not GATES[step.gate].conditions:
                for side in (steps[a] for a in step.args):
                    number, sign = (steps[side.args[0]], -1) if side.gate == "neg" else (side, 1)
                    if number.gate == "number":
                        found.add(sign * as_float(number.text))
    return tuple(sorted(sorted(filter(math.isfinite, found), key=abs)[:MOST_BORDERS]))


@lru_cache(maxsize=1024)
def as_float(literal: str) -> float:
    """A literal as the float64 nearest to it."""
    return round_exact(FORMATS["float64"], exact(literal))


def _hard(case: Case, checks: Sequence[Check]) -> list[tuple[float, ...]]:
    """Both sides of every border at which a step of some implementation behaves differently."""
    domain = domain_of(case)
    return list(dict.fromkeys(p for c in checks for p in hard_points(c, domain)))


def _named(case: Case, values: tuple[float, ...]) -> dict[str, Any]:
    return {name: as_lists(value) for name, value in gathered(dict(zip(case.inputs, values, strict=True)), dict(case.shapes)).items()}


def bounds_of(case: Case, fmt: Format) -> list[Bounds]:
    """The least and the largest number of the format in the domain of each input. Raises ValueError where there is none."""
    import numpy as np

    found: list[Bounds] = []
    for low, high in domain_of(case, fmt):
        first, last = places(fmt, low, high)
        if first > last:
            raise ValueError(f"the domain [{low!r}, {high!r}] has no {fmt.name} number")
        least, most = numbers(fmt, np.array([first, last])).tolist()
        found.append((least, most))
    return found


@lru_cache(maxsize=256)
def _values(fmt: Format, low: float, high: float, borders: tuple[float, ...]) -> st.SearchStrategy[float]:
    """Numbers of the format between two numbers of it."""
    import numpy as np

    first, last = places(fmt, low, high)
    near, far = max(low, -USUAL), min(high, USUAL)
    size = st.integers(0, 2 * len(DECADES) * MANTISSAS - 1).map(_of_size)
    kinds = [st.floats(near, far) if near <= far else st.just(low), size, st.integers(first, last).map(lambda n: float(numbers(fmt, np.array([n]))[0]))]
    special = (*SPECIAL, -0.0, float(fmt.smallest), -float(fmt.smallest), low, high)
    beside = tuple(_beside(borders))
    for listed in (special, *(beside,) * (1 if borders == (0.0,) else 2)):  # a number that is compared with is worth a second look
        inside = sorted({x for x in listed if low <= x <= high}, key=lambda x: (x < 0, abs(x)))  # what lies together shrinks together
        if inside:
            kinds.append(st.sampled_from(inside))
    return st.one_of(kinds).map(lambda x: _nearest(x, fmt, low, high))


def _beside(borders: Sequence[float]) -> Iterator[float]:
    """Numbers on borders, next to them, between two of them, and beyond."""
    for left, right in pairwise((-math.inf, *borders, math.inf)):
        if left == -math.inf or right == math.inf:
            inner = left if right == math.inf else right
            yield from (inner, 2 * inner, inner * 1.1, inner * 1.01, inner + (1 if right == math.inf else -1), inner * (1 + EDGE), math.nextafter(inner, right if right == math.inf else left))
        else:
            yield from (left, left + (right - left) / 2, left + (right - left) * EDGE, right - (right - left) * EDGE, math.nextafter(left, right), math.nextafter(right, left))


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
