"""Where a gradient is looked at: the listed points as floats of the format, and samples of the domain."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Sequence

from verifier.case import Case
from verifier.formats import Format, exact, round_exact


class PointError(ValueError):
    """A point that is no number of the format."""


def listed(case: Case, fmt: Format) -> list[tuple[float, ...]]:
    """The listed points, each input rounded once to the format. Raises PointError where one rounds to infinity."""
    return [tuple(_rounded(name, text, fmt) for name, text in point.values) for point in case.points]


def _rounded(name: str, text: str, fmt: Format) -> float:
    value = round_exact(fmt, exact(text))
    if not math.isfinite(value):
        raise PointError(f"{name} = {text} is beyond the largest {fmt.name} number")
    return value or math.copysign(0.0, -1.0 if text.startswith("-") else 1.0)


def domain_of(case: Case) -> list[tuple[float, float]]:
    """The lowest and the highest value of each input; ±inf where the case does not say."""
    domain = dict(case.domain)
    return [tuple(_bound(text) for text in domain.get(name, ("-inf", "inf"))) for name in case.inputs]  # type: ignore[misc]


def _bound(text: str) -> float:
    if text.lstrip("-") == "inf":
        return float(text)
    value = exact(text)
    return float(value) if abs(value) < 2**1024 else math.copysign(math.inf, value)


def sampled(case: Case, fmt: Format) -> list[tuple[float, ...]]:
    """`sample` further points of the domain: in turn uniform over the floats, over the magnitudes, and over the reals.

    Deterministic: the seed is the case's name. Every value is a number of the format inside the domain.
    """
    if not case.sample:
        return []
    ranges = domain_of(case)
    source = random.Random(zlib.crc32(case.name.encode()))  # noqa: S311 - a sample, not a secret
    return [tuple(_draw(source, low, high, k % 3, fmt) for low, high in ranges) for k in range(case.sample)]


def ordinal(x: float) -> int:
    """The position of a float64 among all of them: ordinal(0.0) = 0, neighbours differ by one."""
    bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits + 2**63)


def from_ordinal(n: int) -> float:
    """The float64 with that position."""
    value: float = struct.unpack("<d", struct.pack("<q", abs(n)))[0]
    return value if n >= 0 else -value


def _draw(source: random.Random, low: float, high: float, kind: int, fmt: Format) -> float:
    for _ in range(100):
        if kind == 0:
            x = from_ordinal(source.randint(ordinal(low), ordinal(high)))
        elif kind == 1:
            x = _by_magnitude(source, low, high)
        else:
            t = source.random()
            x = low * (1 - t) + high * t
        x = round_exact(fmt, exact(repr(x))) if fmt.precision < 53 and math.isfinite(x) else x
        if low <= x <= high and math.isfinite(x):
            return x + 0.0  # a sample has no negative zeros
    return low


def _by_magnitude(source: random.Random, low: float, high: float) -> float:
    """Uniform in log2 |x| over the six decades below the largest magnitude, sign at random where the domain has both."""
    largest = max(abs(low), abs(high))
    if largest == 0:
        return 0.0
    x = largest * math.pow(2, -20 * source.random())
    signs: Sequence[int] = [s for s, reaches in ((1, high > 0), (-1, low < 0)) if reaches]
    return x * source.choice(signs)
