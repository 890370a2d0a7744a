"""The points at which a gradient is checked: the listed ones rounded to the format, and samples of the domain."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from verifier.case.case import Case, Point
from verifier.case.components import PointText, base, gathered
from verifier.language import formats
from verifier.language.formats import FORMATS, Format, dtype, numbers, places, round_array, round_exact
from verifier.language.numeral import exact, special
from verifier.language.user_files import seed_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FloatPoint = tuple[float, ...]  # the inputs of a point in their order

MOST_BOXES = 16  # combinations of listed values that a hunt looks at
MOST_DRAWS = 64  # times that a sample is drawn anew where a constraint leaves points out
MOST_SAMPLES, LARGEST_SAMPLE = 16, 10_000  # that are remembered, and how many points each may have
MAGNITUDES = 20.0  # powers of two below the largest number of the domain: six decades


class PointError(ValueError):
    """A point with a coordinate that is beyond the range of the format, or a domain without a number of it."""


def listed(case: Case, fmt: Format) -> list[tuple[float, ...]]:
    """The listed points of real numbers, each input rounded once to the format. Raises PointError where one rounds to infinity."""
    return [tuple(_rounded(name, text, fmt) for name, text in point.values) for point in real_points(case)]


def real_points(case: Case) -> list[Point]:
    """The listed points whose inputs are all real numbers."""
    return [point for point in case.points if not _is_special(point)]


def without_reals(case: Case, fmt: Format) -> list[tuple[float, ...]]:
    """The listed points one of whose inputs is an infinity or NaN."""
    return [tuple(_special(name, text, fmt) for name, text in point.values) for point in case.points if _is_special(point)]


def _is_special(point: Point) -> bool:
    return any(special(text) is not None for _, text in point.values)


def _special(name: str, text: str, fmt: Format) -> float:
    value = special(text)
    if value is None:
        return _rounded(name, text, fmt)
    if math.isinf(value) and fmt.overflow(1.0) != math.inf:
        raise PointError(f"{name} = {text}: {fmt.name} has no infinities")
    return value


def _rounded(name: str, text: str, fmt: Format) -> float:
    value = _nearest(text, fmt)
    if not math.isfinite(value):
        raise PointError(f"{name} = {text} is beyond the largest {fmt.name} number")
    return value or math.copysign(0.0, -1.0 if text.startswith("-") else 1.0)


def _nearest(text: str, fmt: Format) -> float:
    """A numeral, or an infinity, rounded once to a format: a decimal in float64 by Python's own reading, in a tenth of the time."""
    if fmt.precision == 53:
        try:
            return float(text)
        except ValueError:  # hexadecimal
            pass
    return round_exact(fmt, exact(text))


@dataclass(frozen=True, slots=True)
class _Drawing:
    """All that a sample of a case depends on, beside its format."""

    name: str
    sample: int
    inputs: tuple[str, ...]
    domain: tuple[tuple[str, tuple[str, str]], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]


def domain_of(case: Case | _Drawing, fmt: Format | None = None) -> list[tuple[float, float]]:
    """The lowest and the highest value of each input; ±inf where the case does not say. Listed values are rounded to the format, as in a point."""
    domain, choices = dict(case.domain), dict(case.choices)
    found: list[tuple[float, float]] = []
    for name in case.inputs:
        if name in choices and fmt is not None:
            found.append((_rounded(name, choices[name][0], fmt), _rounded(name, choices[name][-1], fmt)))
        else:
            low, high = domain.get(name, ("-inf", "inf"))
            found.append((_nearest(low, FORMATS["float64"]), _nearest(high, FORMATS["float64"])))
    return found


def choices_of(case: Case | _Drawing, fmt: Format) -> list[tuple[float, ...]]:
    """The listed values of each input as numbers of the format; empty where it has all those of its domain."""
    choices = dict(case.choices)
    return [tuple(dict.fromkeys(_rounded(name, text, fmt) for text in choices.get(name, ()))) for name in case.inputs]


def boxes(case: Case, fmt: Format) -> list[list[tuple[float, float]]]:
    """The domain, once for each combination of listed values; of many combinations MOST_BOXES that are spread over all."""
    domain, choices = domain_of(case, fmt), choices_of(case, fmt)
    count = math.prod(len(values) for values in choices if values)
    chosen = range(count) if count <= MOST_BOXES else [k * (count - 1) // (MOST_BOXES - 1) for k in range(MOST_BOXES)]
    found = []
    for number in chosen:
        box = []
        for bounds, values in zip(domain, choices, strict=True):
            if values:
                number, k = divmod(number, len(values))  # noqa: PLW2901 - the digits of a number in mixed radix
                box.append((values[k], values[k]))
            else:
                box.append(bounds)
        found.append(box)
    return found


Admits = Callable[[list[FloatPoint]], list[bool]]  # which of some points the case speaks of


def sampled(case: Case, fmt: Format, admits: Admits | None = None) -> list[tuple[float, ...]]:
    """`sample` further points of the domain, as `sample_columns` has them."""
    return list(zip(*(c.tolist() for c in sample_columns(case, fmt, admits)), strict=True)) if case.sample else []


def sample_columns(case: Case, fmt: Format, admits: Admits | None = None) -> list[NDArray[np.float64]]:
    """`sample` points of the domain, one array per input: each input in turn uniform over the floats, over the magnitudes, and over the reals.

    Of three points that follow each other an input has each kind once, in an order that is drawn for every input but the first: so not all inputs are tiny at once.

    Deterministic: the seed is the case's name. Every value is a number of the format inside the domain; none is -0.0.
    Where `admits` refuses points others are drawn. Raises PointError where none is found.
    """
    import numpy as np

    drawing = _Drawing(case.name, case.sample, case.inputs, case.domain, case.choices)
    if admits is None and case.sample <= LARGEST_SAMPLE:
        return [c.copy() for c in _drawn_once(drawing, fmt)]
    source = _source(drawing)
    columns = _drawn(drawing, fmt, source)
    if admits is None:
        return columns
    admitted: list[tuple[float, ...]] = []
    for _ in range(MOST_DRAWS):
        rows = list(zip(*(c.tolist() for c in columns), strict=True))
        admitted += [row for row, holds in zip(rows, admits(rows), strict=True) if holds]
        if len(admitted) >= case.sample:
            break
        columns = _drawn(drawing, fmt, source)
    if not admitted:
        raise PointError(f"none of {MOST_DRAWS * case.sample:,} points of the domain satisfies 'given'; list points, or state the inputs so that samples can meet it")
    return [np.array(c) for c in zip(*admitted[: case.sample], strict=True)]


def _source(case: _Drawing) -> np.random.BitGenerator:
    import numpy as np

    return np.random.PCG64(seed_of(case.name))  # its raw bits are the same in every version of NumPy (NEP 19)


@lru_cache(maxsize=MOST_SAMPLES)
def _drawn_once(case: _Drawing, fmt: Format) -> list[NDArray[np.float64]]:
    return _drawn(case, fmt, _source(case))


def forget_samples() -> None:
    """Forget the samples that were drawn last: the next ones take as long as first ones."""
    _drawn_once.cache_clear()


def _drawn(case: _Drawing, fmt: Format, source: np.random.BitGenerator) -> list[NDArray[np.float64]]:
    import numpy as np

    result = []
    points = np.arange(case.sample)
    for place, ((low, high), choices) in enumerate(zip(domain_of(case, fmt), choices_of(case, fmt), strict=True)):
        if choices:
            result.append(np.array(choices)[(source.random_raw(case.sample) % np.uint64(len(choices))).astype(np.int64)] + 0.0)
            continue
        first, last = places(fmt, max(low, -fmt.largest), min(high, fmt.largest))
        if first > last:
            raise PointError(f"the domain [{low!r}, {high!r}] has no {fmt.name} number")
        least, most = (float(numbers(fmt, np.array([n]))[0]) for n in (first, last))
        raw = source.random_raw(2 * case.sample).reshape(2, -1)
        share = (raw[0] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        turn = (raw[1][points // 3] >> np.uint64(1)) % np.uint64(3) if place else 0
        kind = (points + np.asarray(turn).astype(np.int64)) % 3
        drawn = np.zeros(case.sample)
        largest = max(abs(least), abs(most))
        by_size, by_value = np.flatnonzero(kind == 1), np.flatnonzero(kind == 2)
        sign = np.where((raw[1][by_size] & np.uint64(1) == 1) if least < 0 < most else least < 0, -1.0, 1.0)
        drawn[by_size] = round_array(fmt, sign * largest * np.exp2(-MAGNITUDES * share[by_size]))
        drawn[by_value] = round_array(fmt, least * (1 - share[by_value]) + most * share[by_value])
        by_place = np.flatnonzero((kind == 0) | ~((drawn >= least) & (drawn <= most)))
        drawn[by_place] = numbers(fmt, (raw[0][by_place] % np.uint64(last - first + 1)).astype(np.int64) + np.int64(first))
        result.append(drawn + 0.0)
    return result


def places_of(fmt: Format, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of numbers of a format (of others: of what they round to) in their order, as `formats.numbers` counts them: int64.

    >>> from verifier.formats import FORMATS
    >>> places_of(FORMATS["float16"], [0.0, 2.0**-24, 65504.0]).tolist()
    [0, 1, 31743]
    """
    import numpy as np

    kind = dtype(fmt)
    bits = np.asarray(values, dtype=np.float64).astype(kind).view(f"int{8 * kind.itemsize}").astype(np.int64)
    magnitude = bits & np.int64(2 ** (8 * kind.itemsize - 1) - 1)
    return np.where(bits < 0, -magnitude - (1 if fmt.signed_zero else 0), magnitude)


def ordinal(x: float) -> int:
    """The position of a float64 among all of them: ordinal(0.0) = 0, neighbours differ by one."""
    bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits + 2**63)


def from_ordinal(n: int) -> float:
    """The float64 with that position."""
    value: float = struct.unpack("<d", struct.pack("<q", abs(n)))[0]
    return value if n >= 0 else -value


def point_text(case: Case, fmt: Format, values: Sequence[float]) -> PointText:
    """A point as text; the components of an array stand together. A parameter whose value stands in the case file has that value, which is not rounded."""
    return _point_text(_ByIdentity(case), fmt, _ByIdentity(tuple(values)))


@dataclass(frozen=True, slots=True, eq=False)
class _ByIdentity:
    """An object as the key of a cache: equal to itself alone, so that the many coordinates of a point are neither hashed nor compared."""

    object: Any

    def __hash__(self) -> int:
        return id(self.object)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.object is other.object


@lru_cache(maxsize=64)  # the gradients of one point follow each other
def _point_text(same_case: _ByIdentity, fmt: Format, same_values: _ByIdentity) -> PointText:
    case: Case = same_case.object
    texts = dict(zip(case.inputs, (formats.text(fmt, v) for v in same_values.object), strict=True))
    if case.fixed:
        texts.update({name: written[0] for name, written in case.choices if base(name) in case.fixed and exact(written[0]) != exact(texts[name])})
    return tuple(gathered(texts, dict(case.shapes)).items())
