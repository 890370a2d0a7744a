"""Names for the values that flow through the arithmetics, used in annotations. flint and NumPy's scalars have no types that could stand here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Ball = Any  # flint.arb: an enclosure of a real number; NaN where nothing is known of it
Truth3 = bool | None  # a comparison over the reals: true, false, or None where it is not decided
Value = Any  # of one step at one point: a float, a Ball or a truth value
Balls = Sequence[Value]  # of one step over the reals: a Ball or a truth value for every point
Column = Any  # of one step in floats: a NumPy array (or a list) with one entry for every point, or one number for all of them
