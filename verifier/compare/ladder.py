"""A gradient whose lines are not known, run in several formats: a rounding error is about the same in ulps, a wrong formula's in relative size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from verifier.language.formats import FORMATS


@dataclass(frozen=True)
class Ladder:
    """The relative error of one gradient by format, and what it shows."""

    relative: tuple[tuple[str, float], ...]  # the coarsest format first
    is_wrong: bool

    @property
    def text(self) -> str:
        """The evidence: format and relative error."""
        return ", ".join(f"{name} {error:.3g}" for name, error in self.relative)


def ladder(errors: Mapping[str, float]) -> Ladder:
    """What the relative errors of a gradient in two or more formats show.

    Between two formats with units u > v a rounding error shrinks by v/u, that of a wrong formula not at all: it is inferred to be
    wrong where it shrinks by less than the root of v/u, from the finest format to the one before it, and is more than half of the
    digits of the finest.

    >>> ladder({"float32": 0.5, "float64": 0.5}).is_wrong, ladder({"float32": 1e-6, "float64": 2e-15}).is_wrong
    (True, False)
    """
    known = sorted(((n, e) for n, e in errors.items() if math.isfinite(e)), key=lambda pair: FORMATS[pair[0]].precision)
    if len(known) < 2:
        return Ladder(tuple(known), is_wrong=False)
    (coarse, before), (fine, last) = known[-2:]
    shrinks = 2.0 ** ((FORMATS[coarse].precision - FORMATS[fine].precision) / 2)
    large = last > 2.0 ** (-FORMATS[fine].precision / 2)
    return Ladder(tuple(known), is_wrong=bool(large and last > before * shrinks))
